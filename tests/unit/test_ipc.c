/* SPDX-License-Identifier: Apache-2.0
 * test_ipc.c: the message table: encode, decode, limits, malformed frames; channels with
 * descriptors.
 */
#include "check.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "ipc/channel.h"
#include "sys/loop.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void round_trip(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    const struct ipc_msg m = {.type = IPC_submit,
                              .submit = {
                                  .token = 7,
                                  .id = UINT64_MAX,
                                  .reverse_path = STR("a@b"),
                                  .size = 1ULL << 40,
                                  .tls_bits = 256,
                                  .body = STR("\0\1\2"),
                              }};
    struct ipc_msg back;
    unsigned flags;
    assert_int_equal(ipc_encode(&m, &b), 0);
    struct str in = buf_str(&b);
    assert_int_equal(ipc_decode(&in, &back, &flags), 0);
    assert_int_equal(in.n, 0);
    assert_int_equal(back.type, IPC_submit);
    assert_true(back.submit.id == UINT64_MAX && back.submit.size == 1ULL << 40 &&
                back.submit.tls_bits == 256);
    check_str(back.submit.reverse_path, "a@b");
    assert_int_equal(back.submit.body.n, 3);
    assert_string_equal(ipc_name(IPC_submit), "submit");
}

static void fields_over_their_maximum_are_refused(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    char big[2000];
    memset(big, 'x', sizeof big);
    const struct ipc_msg m = {.type = IPC_submit_rcpt,
                              .submit_rcpt = {.forward_path = str_from(big, sizeof big)}};
    assert_int_equal(ipc_encode(&m, &b), -EMSGSIZE);
    assert_int_equal(buf_len(&b), 0);
}

/* Every truncation and every length that lies is malformed, never an overrun. */
static void malformed(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    const struct ipc_msg m = {.type = IPC_resolve, .resolve = {.kind = 1, .port = 2}};
    struct ipc_msg back;
    unsigned flags;
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
    unsigned without; /* messages whose descriptor got no room */
    bool closed, misused;
};

static void on_file(void *owner, struct ipc_channel *ch, const struct ipc_ctl_file *m, int fd)
{
    struct seen *s = owner;
    struct buf b = BUF_INIT(8192);
    assert_true(fd >= 0);
    assert_int_equal(file_read_fd(fd, &b), 0);
    str_copy_cut(buf_str(&b), s->text, sizeof s->text);
    check_str(m->name, "x");
    buf_free(&b);
    close(fd);
    s->messages++;
}

static void on_last_file(void *owner, struct ipc_channel *ch, const struct ipc_ctl_file *m, int fd)
{
    on_file(owner, ch, m, fd);
    loop_stop(((struct seen *)owner)->loop);
}

static void on_unwrap(void *owner, struct ipc_channel *ch, const struct ipc_unwrap *m)
{
    struct seen *s = owner;
    s->messages++;
}

static void on_resolve(void *owner, struct ipc_channel *ch, const struct ipc_resolve *m)
{
    struct seen *s = owner;
    s->messages++;
}

static void on_closed(void *owner, struct ipc_channel *ch)
{
    struct seen *s = owner;
    s->closed = true;
    loop_stop(s->loop);
}

static void on_misuse_seen(void *owner, struct ipc_channel *ch)
{
    ((struct seen *)owner)->misused = ipc_misused(ch);
    on_closed(owner, ch);
}

static void count_turn(void *arg)
{
    ++*(int *)arg;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* Each channel asks its loop to flush: a loop that lies where an earlier one lay was taken for that
 * (seen in Debian 13), and what was to be sent never went. The loop knows what it was asked. */
static void a_hook_is_added_once(void **state)
{
    struct loop *l = loop_new();
    int turns = 0;
    loop_on_turn_end(l, TURN_FLUSH, count_turn, &turns);
    loop_on_turn_end(l, TURN_FLUSH, count_turn, &turns);
    loop_on_turn_end(l, TURN_FLUSH, stop_loop, l);
    loop_again(l);
    loop_run(l);
    assert_int_equal(turns, 1);
    loop_free(l);
}

static void channel_carries_order_and_descriptors_and_closes_on_the_unexpected(void **state)
{
    static const struct ipc_rule rules[] = {IPC_ON(ctl_file, on_file), IPC_ON(resolve, on_resolve),
                                            IPC_ON(unwrap, on_unwrap), IPC_RULES_END};
    int fds[2];
    struct loop *l = loop_new();
    struct seen s = {.loop = l};
    assert_int_equal(ipc_pair(fds), 0);
    ipc_channel_new(l, fds[0], "left", rules, on_closed, &s);
    struct seen other = {.loop = l};
    struct ipc_channel *right = ipc_channel_new(l, fds[1], "right", rules, on_closed, &other);
    int fd = file_memory("t", STR("inside the file"));
    assert_true(fd >= 0);
    for (uint64_t i = 0; i < 5000; i++) {
        ipc_send(right, &(struct ipc_msg){.type = IPC_resolve, .resolve = {.token = i}});
    }
    ipc_send_fd(right, &(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = STR("x")}}, fd);
    close(fd);
    /* not in the rules */
    ipc_send(right, &(struct ipc_msg){.type = IPC_outcome, .outcome = {.lease = {.octets = {1}}}});
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

/* What a taken-over process may put into one packet: each ends its channel, and leaves no
 * descriptor open here. */
struct packet {
    struct ipc_msg m;
    unsigned flags; /* what it says of its descriptors */
    size_t n_fds;   /* what it has */
    unsigned taken; /* how many messages reach their handler */
    bool closes;
};

static void send_packet(int sock, const struct packet *p, int fd)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control = {0};
    assert_int_equal(ipc_encode(&p->m, &b), 0);
    b.p[b.head + 2] = (char)p->flags;
    struct iovec iov = {.iov_base = b.p + b.head, .iov_len = buf_len(&b)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (p->n_fds > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(p->n_fds * sizeof fd);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(p->n_fds * sizeof fd);
        for (size_t i = 0; i < p->n_fds; i++) {
            memcpy(CMSG_DATA(c) + i * sizeof fd, &fd, sizeof fd);
        }
    }
    assert_true(sendmsg(sock, &msg, 0) > 0);
}

static void on_any_file(void *owner, struct ipc_channel *ch, const struct ipc_ctl_file *m, int fd)
{
    struct seen *s = owner;
    err_close_fd(&fd);
    s->messages++;
}

static void on_job(void *owner, struct ipc_channel *ch, const struct ipc_job *m, int fd)
{
    struct seen *s = owner;
    err_close_fd(&fd);
    s->messages++;
}

static void on_refused(void *owner, struct ipc_channel *ch, const struct ipc_lease_close *m)
{
    struct seen *s = owner;
    s->messages++;
    ipc_refuse(ch, "a lease of another process");
}

/* The lowest number that is free: one left open would raise it. */
static int lowest_free(void)
{
    int fd = dup(0);
    close(fd);
    return fd;
}

static void what_does_not_fit_closes_the_channel(void **state)
{
    static const struct ipc_rule rules[] = {IPC_ON(ctl_file, on_any_file), IPC_ON(job, on_job),
                                            IPC_ON(unwrap, on_unwrap),
                                            IPC_ON(lease_close, on_refused), IPC_RULES_END};
    const struct packet packets[] = {
        {{.type = IPC_unwrap}, 0, 0, 1, false},
        {{.type = IPC_unwrap}, 0, 1, 0, true}, /* a descriptor that is not told of */
        {{.type = IPC_unwrap}, 1, 1, 0, true}, /* one with a type that never has one */
        {{.type = IPC_ctl_file}, 1, 1, 1, false},
        {{.type = IPC_ctl_file}, 1, 2, 0, true},
        {{.type = IPC_ctl_file}, 1, 4, 0, true},
        {{.type = IPC_ctl_file}, 0, 0, 0, true}, /* without the one it must have */
        {{.type = IPC_ctl_file}, 1, 0, 0, true},
        {{.type = IPC_job}, 0, 0, 1, false}, /* may have one, may not */
        {{.type = IPC_job}, 1, 1, 1, false},
        {{.type = IPC_job}, 0, 1, 0, true},
        {{.type = IPC_lease_close}, 0, 0, 1, true}, /* its handler refuses it */
    };
    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        int fds[2];
        struct loop *l = loop_new();
        struct seen s = {.loop = l};
        assert_int_equal(ipc_pair(fds), 0);
        ipc_channel_new(l, fds[0], "left", rules, on_closed, &s);
        int file = file_memory("t", STR("x")), before = lowest_free();
        uint64_t refused = ipc_refused();
        send_packet(fds[1], &packets[i], file);
        send_packet(fds[1], &packets[0], -1);
        close(fds[1]);
        loop_run(l); /* until the channel ends, by its rules or as the peer left */
        assert_int_equal(s.messages, packets[i].taken + !packets[i].closes);
        assert_int_equal(ipc_refused() - refused, packets[i].closes);
        assert_true(lowest_free() <= before);
        close(file);
        loop_free(l);
    }
}

/* An enum that a field holds goes no further than its last value, both ways. */
static void no_value_without_a_word(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    struct ipc_msg m = {.type = IPC_ctl_peer, .ctl_peer = {.role = ROLE_END - 1}}, back;
    unsigned flags;
    assert_int_equal(ipc_encode(&m, &b), 0);
    b.p[b.head + 2] = 1;
    struct str in = buf_str(&b);
    assert_int_equal(ipc_decode(&in, &back, &flags), 0);
    b.p[b.head + IPC_HEAD]++;
    in = buf_str(&b);
    assert_int_equal(ipc_decode(&in, &back, &flags), -EBADMSG);
    m.ctl_peer.role++;
    assert_int_equal(ipc_encode(&m, &b), -EMSGSIZE);
}

static int answer_fd, signals;

static void on_alarm(int number)
{
    if (++signals == 2) {
        must(ipc_call_send(answer_fd, &(const struct ipc_msg){.type = IPC_admin_done,
                                                              .admin_done = {.ok = 1}}) == 0);
    }
}

/* signal(7): with SO_RCVTIMEO set recvmsg ends with EINTR, also under SA_RESTART; that is no end
 * of the answer. Its own limit is. */
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
    assert_int_equal(sigaction(SIGALRM,
                               &(const struct sigaction){.sa_handler = on_alarm,
                                                         .sa_flags = SA_RESTART},
                               NULL),
                     0);
    assert_int_equal(setitimer(ITIMER_REAL, &(const struct itimerval){{0, 20000}, {0, 20000}},
                               NULL),
                     0);
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

static void on_without(void *owner, struct ipc_channel *ch, const struct ipc_job *m)
{
    struct seen *s = owner;
    s->without += m->id == 7;
}

/* One packet and the peer's end, read with no descriptor left. */
static struct seen read_without_room(const struct ipc_rule *rules, const struct packet *p, int fd)
{
    struct rlimit was, none;
    int fds[2];
    struct loop *l = loop_new();
    struct seen s = {.loop = l};
    assert_int_equal(ipc_pair(fds), 0);
    ipc_channel_new(l, fds[0], "left", rules, on_misuse_seen, &s);
    send_packet(fds[1], p, fd);
    send_packet(fds[1], &(const struct packet){{.type = IPC_unwrap}, 0, 0, 1, false}, -1);
    close(fds[1]);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = (rlim_t)lowest_free();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_true(!descriptors_have_room(1));
    loop_run(l);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_true(s.closed && descriptors_have_room(6));
    loop_free(l);
    return s;
}

/* unix(7): with no descriptor left, recvmsg(2) leaves out those that came and sets MSG_CTRUNC.
 * That is our lack, and who sent it is not to be replaced for it: where the rules say how to do
 * without, the message is put off and the channel goes on; else the channel ends. A peer that
 * sent none, or one that it may not, is still found out. */
static void no_descriptor_left_is_nobodys_fault(void **state)
{
    static const struct ipc_rule rules[] = {IPC_ON(ctl_file, on_file),
                                            IPC_ON_OR(job, on_job, on_without),
                                            IPC_ON(unwrap, on_unwrap), IPC_RULES_END};
    static const struct {
        struct packet p;
        unsigned without, messages;
        bool misused;
    } cases[] = {
        {{{.type = IPC_job, .job = {.id = 7}}, 1, 1, 0, false}, 1, 1, false},
        {{{.type = IPC_ctl_file}, 1, 1, 0, true}, 0, 0, false}, /* nobody says how to do without */
        {{{.type = IPC_job, .job = {.id = 7}}, 1, 0, 0, true}, 0, 0, true},
        {{{.type = IPC_job, .job = {.id = 7}}, 0, 1, 0, true}, 0, 0, true},
        {{{.type = IPC_unwrap}, 0, 1, 0, true}, 0, 0, true},
        /* its octets came along */
        {{{.type = IPC_job, .job = {.id = 7}}, 0, 0, 1, false}, 0, 2, false},
    };
    int fd = file_memory("t", STR("x"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t refused = ipc_refused();
        struct seen s = read_without_room(rules, &cases[i].p, fd);
        assert_int_equal(s.without, cases[i].without);
        assert_int_equal(s.messages, cases[i].messages);
        assert_int_equal(s.misused, cases[i].misused);
        assert_int_equal(ipc_refused() - refused, cases[i].misused);
    }
    close(fd);
}

/* A file that must wait, as its peer reads slowly, needs no further descriptor: there may be
 * none. */
static void a_descriptor_waits_without_another(void **state)
{
    static const struct ipc_rule rules[] = {IPC_ON(ctl_file, on_last_file),
                                            IPC_ON(resolve, on_resolve), IPC_RULES_END};
    struct rlimit was, none;
    int fds[2];
    struct loop *l = loop_new();
    struct seen s = {.loop = l}, other = {.loop = l};
    assert_int_equal(ipc_pair(fds), 0);
    struct ipc_channel *left = ipc_channel_new(l, fds[0], "left", rules, on_closed, &s);
    struct ipc_channel *right = ipc_channel_new(l, fds[1], "right", rules, on_closed, &other);
    int fd = file_memory("t", STR("inside the file"));
    while (ipc_backlog(right) < 2 * IPC_FRAME_MAX) {
        ipc_send(right, &(struct ipc_msg){.type = IPC_resolve});
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = (rlim_t)lowest_free();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ipc_send_fd(right, &(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = STR("x")}}, fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    loop_run(l);
    assert_false(s.closed || other.closed);
    assert_string_equal(s.text, "inside the file");
    ipc_channel_free(left);
    ipc_channel_free(right);
    loop_free(l);
}

/* unix(7), and net/unix/af_unix.c, unix_release_sock(): who ends with frames unread gives the
 * other side ECONNRESET, which recvmsg(2) tells before what was said last; who is sent something
 * more, EPIPE. A peer that reads no more but lives on is as good as gone. */
static void what_was_said_before_the_end_is_heard(void **state)
{
    static const struct ipc_rule rules[] = {IPC_ON(unwrap, on_unwrap), IPC_RULES_END};
    static const struct packet said = {{.type = IPC_unwrap}, 0, 0, 1, false};
    static const struct ipc_msg job = {.type = IPC_lease_close};
    enum { UNREAD, TOLD_MORE, READS_NO_MORE, CASES };
    for (int i = 0; i < CASES; i++) {
        int fds[2];
        struct loop *l = loop_new();
        struct seen s = {.loop = l};
        assert_int_equal(ipc_pair(fds), 0);
        struct ipc_channel *left = ipc_channel_new(l, fds[0], "left", rules, on_misuse_seen, &s);
        if (i == UNREAD) {
            ipc_send_now(left, &job);
        }
        for (int k = 0; k < 3; k++) {
            send_packet(fds[1], &said, -1);
        }
        if (i == READS_NO_MORE) {
            assert_int_equal(shutdown(fds[1], SHUT_RD), 0);
        } else {
            close(fds[1]);
        }
        if (i != UNREAD) {
            ipc_send_now(left, &job);
            ipc_send_now(left, &job);
        }
        loop_run(l);
        assert_true(s.closed && !s.misused);
        assert_int_equal(s.messages, 3);
        if (i == READS_NO_MORE) {
            close(fds[1]);
        }
        loop_free(l);
    }
}

/* A channel that is given up: what its peer said before is heard, more than the frames of one
 * turn, and nothing said later. */
static void an_end_comes_behind_what_was_said(void **state)
{
    static const struct ipc_rule rules[] = {IPC_ON(unwrap, on_unwrap),
                                            IPC_ON(lease_close, on_refused), IPC_RULES_END};
    static const struct packet said = {{.type = IPC_unwrap}, 0, 0, 1, false},
                               wrong = {{.type = IPC_lease_close}, 0, 0, 1, true};
    enum { MANY = 200 };
    for (int lives = 0; lives < 2; lives++) {
        int fds[2];
        struct loop *l = loop_new();
        struct seen s = {.loop = l};
        assert_int_equal(ipc_pair(fds), 0);
        struct ipc_channel *left = ipc_channel_new(l, fds[0], "left", rules, on_misuse_seen, &s);
        for (int k = 0; k < MANY; k++) {
            send_packet(fds[1], &said, -1);
        }
        if (lives) {
            send_packet(fds[1], &wrong, -1);
            send_packet(fds[1], &said, -1);
        } else {
            close(fds[1]);
        }
        ipc_channel_end(left);
        loop_run(l); /* on_closed() stopped it */
        assert_true(s.closed);
        assert_int_equal(s.misused, lives); /* behind what does not fit nothing is believed */
        assert_int_equal(s.messages, MANY + lives);
        if (lives) {
            assert_int_equal(send(fds[1], "x", 1, MSG_NOSIGNAL), -1);
            close(fds[1]);
        }
        loop_free(l);
    }
}

/* A peer that is too slow is given up; what it said counts all the same. One that talks on and
 * on cannot keep its channel. */
static void who_is_given_up_is_heard(void **state)
{
    static const struct ipc_rule rules[] = {IPC_ON(unwrap, on_unwrap), IPC_RULES_END};
    static const struct packet said = {{.type = IPC_unwrap}, 0, 0, 1, false};
    int fds[2];
    struct loop *l = loop_new();
    struct seen s = {.loop = l};
    assert_int_equal(ipc_pair(fds), 0);
    struct ipc_channel *left = ipc_channel_new(l, fds[0], "left", rules, on_misuse_seen, &s);
    for (int k = 0; k < 3; k++) {
        send_packet(fds[1], &said, -1);
    }
    for (int k = 0; k <= IPC_BACKLOG_MAX / 65536 + 200; k++) {
        ipc_send(left,
                 &(struct ipc_msg){.type = IPC_submit,
                                   .submit = {.body = str_from((const char[65536]){0}, 65536)}});
    }
    assert_int_equal(send(fds[1], "x", 1, MSG_NOSIGNAL), -1);
    loop_run(l);
    assert_true(s.closed && !s.misused);
    assert_int_equal(s.messages, 3);
    close(fds[1]);
    loop_free(l);
}

enum { FILES_MAX = 64, MORE = FILES_MAX + 8, NOBODY = 65534, SLOW_MS = 500 };

struct reader {
    struct loop *loop;
    int fd;
    struct ipc_channel *channel;
    unsigned files;
};

static void on_each_file(void *owner, struct ipc_channel *ch, const struct ipc_ctl_file *m, int fd)
{
    struct reader *r = owner;
    close(fd);
    if (++r->files == MORE) {
        loop_stop(r->loop);
    }
}

static void start_reading(void *arg)
{
    static const struct ipc_rule rules[] = {IPC_ON(ctl_file, on_each_file), IPC_RULES_END};
    struct reader *r = arg;
    r->channel = ipc_channel_new(r->loop, r->fd, "right", rules, NULL, r);
}

/* A process of its own, of a user without privileges: 0, all came, and the sender did not turn
 * in circles meanwhile. */
static int send_more_than_may_be_under_way(void)
{
    static const struct ipc_rule rules[] = {IPC_RULES_END};
    const struct rlimit few = {FILES_MAX, FILES_MAX};
    int fds[2], fd = file_memory("t", STR("x"));
    struct loop *l = loop_new();
    struct seen s = {.loop = l};
    struct rusage used;
    if (ipc_pair(fds) < 0 || setrlimit(RLIMIT_NOFILE, &few) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0) {
        return 2;
    }
    struct reader r = {.loop = l, .fd = fds[1]};
    struct ipc_channel *left = ipc_channel_new(l, fds[0], "left", rules, on_closed, &s);
    for (int i = 0; i < MORE; i++) {
        ipc_send_fd(left, &(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = STR("x")}},
                    dup(fd));
    }
    struct timer *t = timer_new(l, start_reading, &r);
    timer_start(t, SLOW_MS);
    loop_run(l);
    getrusage(RUSAGE_SELF, &used);
    bool rested = used.ru_utime.tv_sec + used.ru_stime.tv_sec == 0 &&
                  used.ru_utime.tv_usec + used.ru_stime.tv_usec < SLOW_MS * 1000 / 2;
    return s.closed ? 3 : r.files != MORE ? 4 : rested ? 0 : 5;
}

/* unix(7): with more descriptors of a user under way in sockets than a process may have open,
 * sendmsg(2) fails with ETOOMANYREFS, unless with CAP_SYS_RESOURCE. They wait until the peer has
 * read some; the channel is none the worse. */
static void more_descriptors_than_may_be_under_way(void **state)
{
    int status;
    if (geteuid() != 0) {
        skip(); /* only root becomes a user without privileges */
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(send_more_than_may_be_under_way());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* getrlimit(2): RLIMIT_NOFILE is one more than the greatest number that may be given out. */
static void some_descriptors_are_kept_free(void **state)
{
    struct rlimit was, small;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    small = was;
    small.rlim_cur = 1024;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    assert_true(!descriptors_are_short(3) && !descriptors_are_short(800));
    assert_true(descriptors_are_short(1000) && descriptors_are_short(1023));
    small.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    assert_true(!descriptors_are_short(20) && descriptors_are_short(40));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

static void on_never_taken(void *arg, int events)
{
    ++*(unsigned *)arg;
}

static void on_rest_over(void *arg)
{
    loop_stop(arg);
}

struct resting {
    struct watch *watch;
    unsigned told;
};

static void on_told_and_rests(void *arg, int events)
{
    struct resting *r = arg;
    on_never_taken(&r->told, events);
    watch_rest(r->watch);
}

/* A listener whose connection cannot be taken is ready again at once, for ever: it must not keep
 * the process busy. */
static void a_watch_rests(void **state)
{
    int fds[2];
    struct loop *l = loop_new();
    struct resting r = {0};
    assert_int_equal(ipc_pair(fds), 0);
    r.watch = watch_new(l, fds[0], on_told_and_rests, &r);
    watch_set(r.watch, WATCH_READ);
    assert_int_equal(write(fds[1], "x", 1), 1);
    struct timer *t = timer_new(l, on_rest_over, l);
    timer_start(t, 700);
    loop_run(l);
    assert_int_equal(r.told, 2);
    watch_set(r.watch, 0);
    watch_free(r.watch);
    timer_free(t);
    close(fds[0]);
    close(fds[1]);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(fields_over_their_maximum_are_refused),
        cmocka_unit_test(malformed),
        cmocka_unit_test(what_does_not_fit_closes_the_channel),
        cmocka_unit_test(no_value_without_a_word),
        cmocka_unit_test(a_signal_does_not_end_a_call),
        cmocka_unit_test(no_descriptor_left_is_nobodys_fault),
        cmocka_unit_test(some_descriptors_are_kept_free),
        cmocka_unit_test(a_descriptor_waits_without_another),
        cmocka_unit_test(what_was_said_before_the_end_is_heard),
        cmocka_unit_test(a_watch_rests),
        cmocka_unit_test(an_end_comes_behind_what_was_said),
        cmocka_unit_test(who_is_given_up_is_heard),
        cmocka_unit_test(more_descriptors_than_may_be_under_way),
        cmocka_unit_test(a_hook_is_added_once),
        cmocka_unit_test(channel_carries_order_and_descriptors_and_closes_on_the_unexpected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
