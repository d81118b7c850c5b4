/* SPDX-License-Identifier: Apache-2.0
 * test_visitor.c: browsers and proxies that close their half behind the request (RFC 9112 9.6: a
 * client may; RFC 8446 6.1: after close_notify the other half goes on), and while keys are slow,
 * with visitor.c and http.c as they are: the answer comes, at once or later. And browsers that
 * read nothing for a while: all of the answer comes (RFC 9112 9.6: a server that closes sends
 * its last response first).
 */
#include "base/clock.h"
#include "proc/web/web.h"
#include "ipc/channel.h"
#include "sys/loop.h"
#include "tls_pair.h"

#include <stdlib.h>
#include <sys/socket.h>

static struct loop *loop;
static struct conf conf;

static struct {
    struct web web;
    struct entrance entrance;
    struct timer *later, *guard, *reads;
    struct http_call *call;
    bool is_late, closes_half, says_goodbye, asked, too_long, keys_are_late;
    int keys; /* the other end of the channel to them */
    int64_t keys_spoke_ms;
    size_t octets; /* of the answer; 0: a few words */
    int reads_after_ms;
    struct tls_channel *tls; /* NULL: in clear */
    int fd;
    struct watch *watch;
    struct buf got;
} t;

const struct conf *child_conf(const struct child *c)
{
    return &conf;
}

struct loop *child_loop(struct child *c)
{
    return loop;
}

static void on_later(void *arg)
{
    static const char words[] = "the whole answer";
    if (t.octets == 0) {
        http_answer(t.call, 200, STR("the whole answer"));
        return;
    }
    char *body = calloc(1, t.octets);
    assert_non_null(body);
    memcpy(body + t.octets - (sizeof words - 1), words, sizeof words - 1);
    http_answer(t.call, 200, str_from(body, t.octets));
    free(body);
}

static void on_begin(void *owner, struct http_call *c)
{
}

static void on_file(void *owner, struct http_call *c, const char *name, const char *file,
                    struct str octets, uint64_t at)
{
}

static void on_request(void *owner, struct http_call *c)
{
    t.call = c;
    if (t.is_late) {
        timer_start(t.later, 100);
    } else {
        on_later(NULL);
    }
}

static void on_free(void *owner, struct http_call *c)
{
}

static const struct http_events events = {
    .on_begin = on_begin,
    .on_file = on_file,
    .on_end = on_request,
    .on_free = on_free,
};

static void put(struct str s)
{
    if (s.n > 0) {
        assert_int_equal(write(t.fd, s.p, s.n), s.n);
    }
}

static void ask(void)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n";
    CLEANUP(buf_free) struct buf cipher = BUF_INIT(1 << 20);
    t.asked = true;
    if (t.tls) {
        assert_int_equal(tls_channel_send(t.tls, str_c(request), &cipher), 0);
        if (t.says_goodbye) {
            tls_channel_finish(t.tls, &cipher);
        }
        put(buf_str(&cipher));
    } else {
        put(str_c(request));
    }
    if (t.closes_half) {
        assert_int_equal(shutdown(t.fd, SHUT_WR), 0);
    }
    if (t.reads_after_ms > 0) {
        watch_set(t.watch, 0);
        timer_start(t.reads, t.reads_after_ms);
    }
}

/* By now the engine has said all, and the browser has read nothing of it: who looks must see
 * that it is not over. */
static void on_reads(void *arg)
{
    assert_int_equal(http_calls(t.entrance.http), 0);
    assert_true(visitors_are_sent_something(&t.web));
    watch_set(t.watch, WATCH_READ);
}

static void on_readable(void *arg, int what)
{
    char chunk[16384];
    CLEANUP(buf_free) struct buf cipher = BUF_INIT(1 << 20);
    ssize_t n = read(t.fd, chunk, sizeof chunk);
    if (n <= 0) {
        loop_stop(loop);
        return;
    }
    if (!t.tls) {
        assert_int_equal(buf_add(&t.got, str_from(chunk, (size_t)n)), 0);
        return;
    }
    (void)!tls_channel_feed(t.tls, str_from(chunk, (size_t)n), &t.got, &cipher);
    put(buf_str(&cipher));
    if (!t.asked && tls_channel_state(t.tls) == TLS_OPEN) {
        ask();
    }
}

/* keys speak again: a late answer to what was given up. */
static void on_keys(void *arg)
{
    t.keys_spoke_ms = clock_mono_ms();
    assert_false(t.asked);
    assert_int_equal(t.web.handshakes + t.web.handshakes_failed, 0);
    assert_int_equal(ipc_call_send(t.keys,
                                   &(struct ipc_msg){.type = IPC_tls_signature,
                                                     .tls_signature = {.token = 1, .ok = 1}}),
                     0);
}

static void on_guard(void *arg)
{
    t.too_long = true;
    loop_stop(loop);
}

static void visit_slowly(bool tls, bool is_late, bool closes_half, bool says_goodbye,
                         bool keys_are_late, size_t octets, int reads_after_ms)
{
    static const struct http_limits limits = {
        .connections = 10,
        .connections_per_address = 10,
        .idle_s = 60,
    };
    struct endpoint peer;
    int fds[2];
    memset(&t, 0, sizeof t);
    t.is_late = is_late;
    t.closes_half = closes_half;
    t.says_goodbye = says_goodbye;
    t.octets = octets;
    t.reads_after_ms = reads_after_ms;
    t.got = BUF_INIT(1 << 20);
    list_init(&t.web.visitors);
    t.entrance = (struct entrance){.web = &t.web, .http = http_new(loop, &limits, &events, NULL)};
    assert_non_null(t.entrance.http);
    t.later = timer_new(loop, on_later, NULL);
    t.guard = timer_new(loop, on_guard, NULL);
    t.reads = timer_new(loop, on_reads, NULL);
    assert_int_equal(endpoint_parse(STR("127.0.0.1"), 5000, &peer), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    t.fd = fds[0];
    t.watch = watch_new(loop, t.fd, on_readable, NULL);
    watch_set(t.watch, WATCH_READ);
    t.web.signing.fd = -1;
    t.keys = -1;
    int keys[2];
    assert_int_equal(ipc_pair(keys), 0);
    signing_join(&t.web.signing, keys[0]);
    t.keys = keys[1];
    t.web.signing.late = keys_are_late;
    struct timer *speak = timer_new(loop, on_keys, NULL);
    if (keys_are_late) {
        timer_start(speak, 400);
    }
    if (tls) {
        struct tls_context *client = client_context(TLS_PROFILE_WIDE);
        CLEANUP(buf_free) struct buf nothing = BUF_INIT(1 << 20), cipher = BUF_INIT(1 << 20);
        t.web.tls = server_context("good");
        t.tls = tls_channel_client(client, &(struct tls_peer){.name = "mx.good.test"});
        tls_context_free(client);
        visitor_new(&t.web, &t.entrance, fds[1], &peer);
        assert_int_equal(tls_channel_feed(t.tls, STR(""), &nothing, &cipher), 0);
        put(buf_str(&cipher));
    } else {
        http_add(t.entrance.http, fds[1], &peer);
        ask();
    }
    timer_start(t.guard, 10000);
    loop_run(loop);
    timer_stop(t.guard);
    if (t.too_long || !memmem(buf_str(&t.got).p, buf_len(&t.got), "the whole answer", 16)) {
        fail_msg("tls %d, late %d, half closed %d, close_notify %d: %s, " STR_FMT, tls, is_late,
                 closes_half, says_goodbye, t.too_long ? "no end" : "closed",
                 STR_ARG(buf_str(&t.got)));
    }
    watch_free(t.watch);
    close(t.fd);
    visitors_close(&t.web);
    signing_join(&t.web.signing, -1);
    close(t.keys);
    timer_free(speak);
    timer_free(t.web.keys_again);
    tls_channel_free(t.tls);
    tls_context_free(t.web.tls);
    timer_free(t.later);
    timer_free(t.guard);
    timer_free(t.reads);
    buf_free(&t.got);
}

static void visit(bool tls, bool is_late, bool closes_half, bool says_goodbye, bool keys_are_late)
{
    visit_slowly(tls, is_late, closes_half, says_goodbye, keys_are_late, 0, 0);
}

static void the_other_half_goes_on(void **state)
{
    loop = loop ? loop : loop_new();
    conf.limits.handshake_time = 10000;
    for (int late = 0; late < 2; late++) {
        visit(false, late, false, false, false);
        visit(false, late, true, false, false);
        visit(true, late, false, false, false);
        visit(true, late, true, false, false);
        visit(true, late, false, true, false);
        visit(true, late, true, true, false);
    }
}

/* As at smtpin (docs/decisions/0029): a browser that comes while keys are slow waits, and is not
 * turned away. */
static void a_handshake_waits_for_keys(void **state)
{
    loop = loop ? loop : loop_new();
    conf.limits.handshake_time = 10000;
    visit(true, false, false, false, true);
    assert_true(t.keys_spoke_ms > 0);
    assert_int_equal(t.web.handshakes, 1);
    assert_int_equal(t.web.handshakes_failed, 0);
}

/* The rest lies in the connection's own buffer (longer than conn_finish() waits), or also in the
 * pair to the engine. */
static void who_reads_late_gets_all(void **state)
{
    loop = loop ? loop : loop_new();
    conf.limits.handshake_time = 10000;
    visit_slowly(true, false, false, false, false, 260000, 3000);
    assert_false(visitors_are_sent_something(&t.web));
    visit_slowly(true, false, false, false, false, 400000, 500);
    assert_false(visitors_are_sent_something(&t.web));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_other_half_goes_on),
        cmocka_unit_test(a_handshake_waits_for_keys),
        cmocka_unit_test(who_reads_late_gets_all),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
