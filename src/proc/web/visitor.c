/* SPDX-License-Identifier: Apache-2.0
 * visitor.c: one browser's connection: its TLS, and a pair of sockets to the HTTP engine, which
 * knows only clear octets. Called by main.c.
 *
 * What can go wrong: no handshake in time, garbage, a browser that does not read (its octets
 * wait in the pair until it does, or the engine's time is over), keys that are slow (handshakes
 * wait for them, as at smtpin).
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/web/web.h"
#include "sys/loop.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    OUT_MAX = 512 * 1024,
    OUT_ENOUGH = 128 * 1024,
    CHUNK = 16 * 1024,
    SHAKING_OCTETS = 256 * 1024,
    KEYS_AGAIN_MS = 50,
    REST_MS = 60 * 1000
};

struct visitor {
    struct web *web;
    struct conn *conn;
    struct tls_channel *tls;
    struct http *http;
    struct endpoint peer;
    int inner; /* our end of the pair; -1 before the handshake is done */
    struct watch *watch;
    struct buf to_engine; /* clear, not taken yet */
    struct buf shaking;   /* of a handshake, while it waits for keys */
    bool waits_keys;
    struct timer *timer;
    int64_t since_ms; /* the connection came */
    struct link link;
    bool ended; /* the browser will say no more */
    /* the engine has said all, and is gone: what is pending goes out, then it ends */
    bool leaves;
};

static void visitor_on_keys_again(void *arg);

static void visitor_free(struct visitor *v)
{
    struct web *w = v->web;
    conn_free(v->conn);
    if (v->watch) {
        watch_free(v->watch);
    }
    err_close_fd(&v->inner);
    tls_channel_free(v->tls);
    timer_free(v->timer);
    buf_wipe(&v->to_engine);
    buf_free(&v->shaking);
    list_remove(&v->link);
    w->n_visitors--;
    free(v);
}

static void visitor_end(struct visitor *v)
{
    conn_finish(v->conn);
    v->conn = NULL;
    visitor_free(v);
}

/* The engine has said all. A browser that reads slowly has time for what is pending:
 * conn_finish() would wait for seconds alone. */
static void visitor_finish(struct visitor *v)
{
    struct buf cipher = BUF_INIT(64 * 1024);
    tls_channel_finish(v->tls, &cipher);
    (void)!conn_send(v->conn, buf_str(&cipher));
    buf_free(&cipher);
    if (conn_pending(v->conn) == 0) {
        visitor_end(v);
        return;
    }
    v->leaves = true;
    watch_free(v->watch);
    v->watch = NULL;
    err_close_fd(&v->inner);
    conn_pause(v->conn, true);
    timer_start(v->timer, REST_MS);
}

static void visitor_on_timer(void *arg)
{
    visitor_free(arg); /* no handshake in time, or what was pending not read in time */
}

static void set_watch(struct visitor *v)
{
    bool room = conn_pending(v->conn) < OUT_ENOUGH;
    watch_set(v->watch, (room ? WATCH_READ : 0) | (buf_len(&v->to_engine) > 0 ? WATCH_WRITE : 0));
    conn_pause(v->conn, buf_len(&v->to_engine) >= OUT_ENOUGH);
}

/* What the browser said, to the engine. False: it is over. */
static bool push(struct visitor *v)
{
    while (buf_len(&v->to_engine) > 0) {
        struct str s = buf_str(&v->to_engine);
        ssize_t n = send(v->inner, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (n <= 0) {
            visitor_finish(v);
            return false;
        }
        buf_consume(&v->to_engine, (size_t)n);
    }
    if (v->ended && buf_len(&v->to_engine) == 0) {
        (void)shutdown(v->inner, SHUT_WR);
    }
    set_watch(v);
    return true;
}

/* What the engine says, to the browser. */
static void pull(struct visitor *v)
{
    char chunk[CHUNK];
    while (conn_pending(v->conn) < OUT_ENOUGH) {
        ssize_t n = recv(v->inner, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        struct buf cipher = BUF_INIT(OUT_MAX);
        int r = n > 0 ? tls_channel_send(v->tls, str_from(chunk, (size_t)n), &cipher) : -EPIPE;
        r = r < 0 ? r : conn_send(v->conn, buf_str(&cipher));
        buf_free(&cipher);
        if (r < 0) {
            visitor_finish(v);
            return;
        }
    }
    set_watch(v);
}

static void on_inner(void *arg, int events)
{
    struct visitor *v = arg;
    if ((events & WATCH_WRITE) && !push(v)) {
        return;
    }
    if (events & WATCH_READ) {
        pull(v);
    }
}

static bool open_pair(struct visitor *v)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) {
        log_error("no-socket-pair", KV("problem", strerror(errno)));
        return false;
    }
    v->inner = fds[0];
    v->watch = watch_new(child_loop(v->web->child), v->inner, on_inner, v);
    http_add(v->http, fds[1], &v->peer);
    timer_stop(v->timer);
    v->web->handshakes++;
    return true;
}

/* Something of a handshake came: as at smtpin, a slow browser has time for the next piece. */
static void visitor_keep_shaking(struct visitor *v)
{
    int64_t pause = child_conf(v->web->child)->limits.handshake_time;
    int64_t left = v->since_ms + 10 * pause - clock_mono_ms();
    timer_start(v->timer, left < pause ? left : pause);
}

static void visitor_take_cipher(struct visitor *v, struct str bytes)
{
    struct buf cipher = BUF_INIT(OUT_MAX);
    int r = tls_channel_feed(v->tls, bytes, &v->to_engine, &cipher);
    enum tls_state state = tls_channel_state(v->tls);
    if (buf_len(&cipher) > 0) {
        int sent = conn_send(v->conn, buf_str(&cipher));
        r = r < 0 ? r : sent;
    }
    buf_free(&cipher);
    if (r < 0 || state == TLS_BROKEN) {
        v->web->handshakes_failed += v->inner < 0;
        log_debug("tls-broken",
                  KV("problem", state == TLS_BROKEN ? tls_channel_problem(v->tls) : strerror(-r)));
        conn_finish(v->conn); /* lets the alert out */
        v->conn = NULL;
        visitor_free(v);
        return;
    }
    if (state == TLS_HANDSHAKING) {
        visitor_keep_shaking(v);
        return;
    }
    v->ended |= state == TLS_CLOSED;
    if (v->inner < 0 && !open_pair(v)) {
        visitor_free(v);
        return;
    }
    (void)push(v);
}

/* keys are slow or away: this handshake waits for them, not the whole process, as long as a
 * handshake may last. */
static void visitor_wait_for_keys(struct visitor *v, struct str bytes)
{
    struct web *w = v->web;
    if (buf_add(&v->shaking, bytes) < 0) {
        visitor_free(v);
        return;
    }
    v->waits_keys = true;
    conn_pause(v->conn, true);
    w->keys_again =
        w->keys_again ? w->keys_again : timer_new(child_loop(w->child), visitor_on_keys_again, w);
    if (!timer_is_running(w->keys_again)) {
        timer_start(w->keys_again, KEYS_AGAIN_MS);
    }
}

static void visitor_on_read(void *arg, struct str bytes)
{
    struct visitor *v = arg;
    if (v->inner < 0 && !signing_is_ready(&v->web->signing)) {
        visitor_wait_for_keys(v, bytes);
    } else {
        visitor_take_cipher(v, bytes);
    }
}

/* Handshakes that waited for keys go on, unless one of them finds that keys have gone again. */
static void visitor_on_keys_again(void *arg)
{
    struct web *w = arg;
    bool some_wait = false;
    for (struct link *at = w->visitors.next; at != &w->visitors;) {
        struct visitor *v = LIST_OF(at, struct visitor, link);
        at = at->next;
        if (v->waits_keys && signing_is_ready(&w->signing)) {
            CLEANUP(buf_free) struct buf bytes = v->shaking;
            v->shaking = BUF_INIT(SHAKING_OCTETS);
            v->waits_keys = false;
            conn_pause(v->conn, false);
            visitor_take_cipher(v, buf_str(&bytes));
        } else {
            some_wait |= v->waits_keys;
        }
    }
    if (some_wait) {
        timer_start(w->keys_again, KEYS_AGAIN_MS);
    }
}

static void visitor_on_drain(void *arg)
{
    struct visitor *v = arg;
    if (v->leaves) {
        visitor_end(v);
    } else if (v->inner >= 0) {
        set_watch(v);
    }
}

/* The browser closed its half: the engine is told after the last request, whose response still goes
 * out. */
static void visitor_on_end(void *arg)
{
    struct visitor *v = arg;
    if (v->inner < 0) {
        visitor_free(v);
        return;
    }
    v->ended = true;
    (void)push(v);
}

static void visitor_on_close(void *arg, int error)
{
    visitor_free(arg);
}

static const struct conn_events events = {
    .on_read = visitor_on_read,
    .on_drain = visitor_on_drain,
    .on_end = visitor_on_end,
    .on_close = visitor_on_close,
};

void visitor_new(struct web *w, struct entrance *e, int fd, const struct endpoint *peer)
{
    struct tls_channel *tls = w->tls ? tls_channel_server(w->tls) : NULL;
    if (!tls) {
        close(fd);
        return;
    }
    struct visitor *v = err_calloc(1, sizeof *v);
    *v = (struct visitor){
        .web = w,
        .http = e->http,
        .tls = tls,
        .peer = *peer,
        .inner = -1,
        .since_ms = clock_mono_ms(),
        .to_engine = BUF_INIT(OUT_MAX),
        .shaking = BUF_INIT(SHAKING_OCTETS),
    };
    v->timer = timer_new(child_loop(w->child), visitor_on_timer, v);
    timer_start(v->timer, child_conf(w->child)->limits.handshake_time);
    list_append(&w->visitors, &v->link);
    w->n_visitors++;
    v->conn = conn_new(child_loop(w->child), fd, OUT_MAX, &events, v);
}

static bool is_sent_something(const struct visitor *v)
{
    char octet;
    return conn_pending(v->conn) > 0 ||
           (v->inner >= 0 && recv(v->inner, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
}

bool visitors_are_sent_something(const struct web *w)
{
    for (const struct link *at = w->visitors.next; at != &w->visitors; at = at->next) {
        if (is_sent_something(LIST_OF(at, struct visitor, link))) {
            return true;
        }
    }
    return false;
}

void visitors_close(struct web *w)
{
    while (!list_empty(&w->visitors)) {
        visitor_free(LIST_OF(w->visitors.next, struct visitor, link));
    }
}
