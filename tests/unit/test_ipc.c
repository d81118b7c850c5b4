/* SPDX-License-Identifier: Apache-2.0
 * test_ipc.c: the message table: encode, decode, limits, malformed frames; channels with descriptors.
 */
#include "check.h"
#include "sys/file.h"
#include "sys/ipc.h"
#include "sys/loop.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void round_trip(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    const struct ipc_msg m = {.type = IPC_submit, .submit = {.token = 7, .id = UINT64_MAX, .reverse_path = STR("a@b"), .size = 1ULL << 40, .tls_bits = 256, .body = STR("\0\1\2")}};
    struct ipc_msg back;
    unsigned flags;
    (void)state;
    assert_int_equal(ipc_encode(&m, &b), 0);
    struct str in = buf_str(&b);
    assert_int_equal(ipc_decode(&in, &back, &flags), 0);
    assert_int_equal(in.n, 0);
    assert_int_equal(back.type, IPC_submit);
    assert_true(back.submit.id == UINT64_MAX && back.submit.size == 1ULL << 40 && back.submit.tls_bits == 256);
    check_str(back.submit.reverse_path, "a@b");
    assert_int_equal(back.submit.body.n, 3);
    assert_string_equal(ipc_name(IPC_submit), "submit");
}

static void fields_over_their_maximum_are_refused(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    char big[2000];
    (void)state;
    memset(big, 'x', sizeof big);
    const struct ipc_msg m = {.type = IPC_submit_rcpt, .submit_rcpt = {.forward_path = str_from(big, sizeof big)}};
    assert_int_equal(ipc_encode(&m, &b), -EMSGSIZE);
    assert_int_equal(buf_len(&b), 0);
}

/* Every truncation and every length that lies is malformed, never an overrun. */
static void malformed(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    const struct ipc_msg m = {.type = IPC_ctl_peer, .ctl_peer = {.role = 1, .index = 2}};
    struct ipc_msg back;
    unsigned flags;
    (void)state;
    assert_int_equal(ipc_encode(&m, &b), 0);
    for (size_t n = 0; n < buf_len(&b); n++) {
        struct str in = str_slice(buf_str(&b), 0, n);
        assert_int_equal(ipc_decode(&in, &back, &flags), -EBADMSG);
    }
    b.p[b.head + 4]++; /* one octet more than the fields */
    assert_int_equal(buf_append(&b, "x", 1), 0);
    struct str in = buf_str(&b);
    assert_int_equal(ipc_decode(&in, &back, &flags), -EBADMSG);
    in = STR("\xff\xff\0\0\0\0\0\0"); /* no such type */
    assert_int_equal(ipc_decode(&in, &back, &flags), -EBADMSG);
}

struct seen {
    struct loop *loop;
    unsigned messages;
    char text[64];
    bool closed;
};

static void on_file(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct seen *s = owner;
    struct buf b = BUF_INIT(8192);
    (void)ch;
    assert_true(fd >= 0);
    assert_int_equal(file_read_fd(fd, &b), 0);
    str_copy_cut(buf_str(&b), s->text, sizeof s->text);
    check_str(m->ctl_file.name, "x");
    buf_free(&b);
    close(fd);
    s->messages++;
}

static void on_unwrap(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct seen *s = owner;
    (void)ch;
    (void)m;
    assert_int_equal(fd, -1);
    s->messages++;
}

static void on_closed(void *owner, struct ipc_channel *ch)
{
    struct seen *s = owner;
    (void)ch;
    s->closed = true;
    loop_stop(s->loop);
}

static void channel_carries_order_and_descriptors_and_closes_on_the_unexpected(void **state)
{
    static const struct ipc_rule rules[] = {{IPC_ctl_file, on_file}, {IPC_unwrap, on_unwrap}, {IPC_none, NULL}};
    int fds[2];
    (void)state;
    struct loop *l = loop_new();
    struct seen s = {.loop = l};
    assert_int_equal(ipc_pair(fds), 0);
    ipc_channel_new(l, fds[0], "left", rules, on_closed, &s);
    struct seen other = {.loop = l};
    struct ipc_channel *right = ipc_channel_new(l, fds[1], "right", rules, on_closed, &other);
    int fd = file_memory("t", STR("inside the file"));
    assert_true(fd >= 0);
    for (uint64_t i = 0; i < 5000; i++) {
        ipc_send(right, &(struct ipc_msg){.type = IPC_unwrap, .unwrap = {.lease = i}});
    }
    ipc_send_fd(right, &(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = STR("x")}}, fd);
    close(fd);
    ipc_send(right, &(struct ipc_msg){.type = IPC_outcome, .outcome = {.lease = 1}}); /* not in the rules */
    ipc_send(right, &(struct ipc_msg){.type = IPC_unwrap});
    loop_run(l);
    assert_true(s.closed);
    assert_int_equal(s.messages, 5001); /* nothing behind the forbidden one */
    assert_string_equal(s.text, "inside the file");
    if (!other.closed) {
        ipc_channel_free(right);
    }
    loop_free(l);
}

static int answer_fd, signals;

static void on_alarm(int number)
{
    if (++signals == 2) {
        must(ipc_call_send(answer_fd, &(const struct ipc_msg){.type = IPC_admin_done, .admin_done = {.ok = 1}}) == 0);
    }
}

/* signal(7): with SO_RCVTIMEO set recvmsg ends with EINTR, also under SA_RESTART; that is no end of the answer. Its own limit is. */
static void a_signal_does_not_end_a_call(void **state)
{
    int fds[2];
    struct timeval limit = {.tv_sec = 5};
    struct str pending = STR("");
    struct ipc_msg m;
    char *frame = err_calloc(1, IPC_FRAME_MAX);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    answer_fd = fds[1];
    assert_int_equal(sigaction(SIGALRM, &(const struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART}, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &(const struct itimerval){{0, 20000}, {0, 20000}}, NULL), 0);
    assert_int_equal(ipc_call_recv(fds[0], frame, &pending, &m), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &(const struct itimerval){0}, NULL), 0);
    assert_int_equal(m.type, IPC_admin_done);
    limit = (struct timeval){.tv_usec = 20000};
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(ipc_call_recv(fds[0], frame, &pending, &m), -ETIMEDOUT);
    free(frame);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(fields_over_their_maximum_are_refused), cmocka_unit_test(malformed), cmocka_unit_test(a_signal_does_not_end_a_call),
        cmocka_unit_test(channel_carries_order_and_descriptors_and_closes_on_the_unexpected)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
