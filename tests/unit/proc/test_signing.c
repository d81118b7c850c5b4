/* SPDX-License-Identifier: Apache-2.0
 * test_signing.c: a question to keys that is answered late, not at all, twice, or by a channel
 * that breaks. The test speaks for keys on the other end. The rule is the project's own
 * (ARCHITECTURE.md, "if it is slow").
 */
#include "../check.h"
#include "base/clock.h"
#include "proc/signing.h"
#include "ipc/channel.h"

#include <unistd.h>

static const unsigned char key_id[TLS_KEY_ID] = {1};

static void answer(int fd, uint64_t token, struct str signature)
{
    assert_int_equal(ipc_call_send(fd, &(struct ipc_msg){.type = IPC_tls_signature,
                                                         .tls_signature =
                                                             {
                                                                 .token = token,
                                                                 .ok = 1,
                                                                 .signature = signature,
                                                             }}),
                     0);
}

static int ask(struct signing *s, struct buf *signature)
{
    buf_reset(signature);
    return signing_ask(s, key_id, TLS_HASH_SHA256, false, STR("digest"), signature);
}

static void late_answers_are_dropped(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(TLS_SIGNATURE_MAX);
    struct signing s = {.fd = -1};
    int fds[2];
    assert_int_equal(ipc_pair(fds), 0);
    assert_int_equal(ask(&s, &got), -ENOTCONN);
    signing_join(&s, fds[0]);
    assert_true(signing_is_ready(&s));
    int64_t began = clock_mono_ms();
    assert_int_equal(ask(&s, &got), -ETIMEDOUT); /* token 2 */
    assert_true(clock_mono_ms() - began >= SIGNING_WAIT_MS);
    began = clock_mono_ms();
    assert_int_equal(ask(&s, &got), -EAGAIN); /* at once, and nothing is sent */
    assert_false(signing_is_ready(&s));
    assert_true(clock_mono_ms() - began < SIGNING_WAIT_MS);
    assert_true(s.fd >= 0);
    answer(fds[1], 2, STR("too late"));
    assert_true(signing_is_ready(&s));
    assert_int_equal(s.dropped, 1);
    answer(fds[1], 2, STR("once more")); /* never taken for another one's */
    answer(fds[1], 4, STR("right"));
    assert_int_equal(ask(&s, &got), 0);
    check_str(buf_str(&got), "right");
    close(fds[1]); /* with questions in it that nobody read */
    int broken = ask(&s, &got);
    assert_true(broken == -EPIPE || broken == -ECONNRESET);
    assert_int_equal(s.fd, -1);
    assert_int_equal(ipc_pair(fds), 0); /* posternd gives a new one */
    signing_join(&s, fds[0]);
    answer(fds[1], 6, STR("anew"));
    assert_int_equal(ask(&s, &got), 0);
    check_str(buf_str(&got), "anew");
    close(fds[1]);
    signing_join(&s, -1);
}

/* keys die while their answer is owed: the new channel is asked at once. */
static void a_new_channel_ends_the_waiting(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(TLS_SIGNATURE_MAX);
    struct signing s = {.fd = -1};
    unsigned char secret[TLS_TICKET_SECRET];
    int fds[2], next[2];
    assert_int_equal(ipc_pair(fds), 0);
    assert_int_equal(ipc_pair(next), 0);
    signing_join(&s, fds[0]);
    assert_int_equal(signing_ask_ticket(&s, 7, secret), -ETIMEDOUT);
    signing_join(&s, next[0]);
    answer(next[1], 2, STR("here"));
    assert_int_equal(ask(&s, &got), 0);
    answer(next[1], 3, STR("no secret")); /* an answer of another kind breaks the rules */
    assert_int_equal(signing_ask_ticket(&s, 7, secret), -EPROTO);
    assert_int_equal(s.fd, -1);
    close(fds[1]);
    close(next[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_answers_are_dropped),
        cmocka_unit_test(a_new_channel_ends_the_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
