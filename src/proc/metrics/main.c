/* SPDX-License-Identifier: Apache-2.0
 * metrics: the counters of all processes as Prometheus text, over HTTP on loopback.
 *
 * Trust: reads requests of local programs; believed by nobody. May touch: its listening sockets.
 * Must never see: mail, addresses, keys: it gets numbers and asks posternd for them at each
 * request.
 *
 * Only "GET /metrics" is answered (RFC 9112, one request a connection). What can go wrong: more
 * than 16 connections at once, requests over 4 KiB or slower than 5 s: closed.
 */
#include "base/list.h"
#include "base/log.h"
#include "proc/child.h"
#include "sys/conn.h"
#include "sys/descriptors.h"
#include "sys/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LISTENERS_MAX = 16,
    VISITORS_MAX = 16,
    REQUEST_MAX = 4096,
    TEXT_MAX = 4 * 1024 * 1024,
    PATIENCE_MS = 5000
};

struct visitor {
    struct metrics *m;
    struct conn *conn;
    struct timer *timer;
    struct buf request;
    bool waits; /* for the numbers */
    struct link link;
};

struct metrics {
    struct child *child;
    struct listener {
        struct metrics *m;
        int fd;
        struct watch *watch;
    } listeners[LISTENERS_MAX];
    size_t n_listeners, n_visitors;
    struct link visitors;
    struct buf text;
    bool asking;
    uint64_t answered;
};

static void metrics_visitor_free(struct visitor *v)
{
    conn_free(v->conn);
    timer_free(v->timer);
    buf_free(&v->request);
    list_remove(&v->link);
    v->m->n_visitors--;
    free(v);
}

static void metrics_answer(struct visitor *v, const char *status, const char *type, struct str body)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(TEXT_MAX + 1024);
    int r = buf_printf(
        &out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
        status, type, body.n);
    r = r < 0 ? r : buf_add(&out, body);
    r = r < 0 ? r : conn_send(v->conn, buf_str(&out));
    if (r == 0) {
        conn_finish(v->conn);
        v->conn = NULL;
    }
    metrics_visitor_free(v);
}

/* --- the numbers -------------------------------------------------------- */

static bool metrics_is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return s.n > 0;
}

/* a="b",c="d": nothing that ends a value, or the line, in it; the process is ours to say. */
static bool are_labels(struct str s)
{
    struct str one;
    while (s.n > 0 && str_split(&s, ',', &one)) {
        size_t equals = str_find(one, '=', 0);
        struct str value = str_slice(one, equals < one.n ? equals + 1 : one.n, one.n);
        struct str name = str_slice(one, 0, equals);
        if (!metrics_is_word(name) || str_eq(name, STR("process")) || value.n < 2 ||
            value.p[0] != '"' || value.p[value.n - 1] != '"') {
            return false;
        }
        for (size_t i = 1; i + 1 < value.n; i++) {
            if ((unsigned char)value.p[i] < ' ' || value.p[i] == '"' || value.p[i] == '\\') {
                return false;
            }
        }
    }
    return true;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
    }
    return s.n > 0;
}

/* Each line gets the label of its process: "x 1" -> "x{process="queue-0"} 1". A process that was
 * taken over may have written it: what is no such line would have the whole text refused, or
 * speak for another process. */
static void add_lines(struct metrics *m, struct str process, struct str text)
{
    struct str line;
    while (text.n > 0 && str_split(&text, '\n', &line)) {
        size_t brace = str_find(line, '{', 0), space = str_find_last(line, ' ');
        if (space == line.n) {
            continue;
        }
        bool labelled = brace < space;
        struct str name = str_slice(line, 0, labelled ? brace : space),
                   value = str_slice(line, space + 1, line.n);
        struct str labels = labelled ? str_slice(line, brace + 1, space - 1) : STR("");
        if (!metrics_is_word(name) || !are_labels(labels) || !is_number(value) ||
            (labelled && line.p[space - 1] != '}')) {
            continue;
        }
        (void)!buf_printf(&m->text, STR_FMT "{process=\"" STR_FMT "\"%s" STR_FMT "} " STR_FMT "\n",
                          STR_ARG(name), STR_ARG(process), labels.n > 0 ? "," : "", STR_ARG(labels),
                          STR_ARG(value));
    }
}

static void metrics_on_text(void *owner, struct ipc_channel *ch, const struct ipc_metrics_text *msg)
{
    struct metrics *m = child_owner(owner);
    if (msg->process.n > 0) {
        add_lines(m, msg->process, msg->text);
        return;
    }
    m->asking = false;
    m->answered++;
    for (struct link *at = m->visitors.next; at != &m->visitors;) {
        struct visitor *v = LIST_OF(at, struct visitor, link);
        at = at->next;
        if (v->waits) {
            metrics_answer(v, "200 OK", "text/plain; version=0.0.4; charset=utf-8",
                           buf_str(&m->text));
        }
    }
    buf_reset(&m->text);
}

static void metrics_metrics_ask(struct visitor *v)
{
    struct metrics *m = v->m;
    v->waits = true;
    if (!m->asking) {
        m->asking = true;
        ipc_send(child_control(m->child), &(struct ipc_msg){.type = IPC_metrics_ask});
    }
}

/* --- requests ----------------------------------------------------------- */

static bool request_complete(struct str s)
{
    for (size_t i = 3; i < s.n; i++) {
        if (memcmp(s.p + i - 3, "\r\n\r\n", 4) == 0) {
            return true;
        }
    }
    return false;
}

static void metrics_on_read(void *arg, struct str bytes)
{
    struct visitor *v = arg;
    if (v->waits) {
        return;
    }
    if (buf_add(&v->request, bytes) < 0) {
        metrics_visitor_free(v);
        return;
    }
    struct str s = buf_str(&v->request);
    if (!request_complete(s)) {
        return;
    }
    if (str_eq(str_slice(s, 0, s.n < 13 ? s.n : 13), STR("GET /metrics "))) {
        metrics_metrics_ask(v);
    } else {
        metrics_answer(v, "404 Not Found", "text/plain",
                       STR("Only GET /metrics is answered here.\n"));
    }
}

/* It closed its half behind the request, as "nc" does: the answer is under way. */
static void metrics_on_end(void *arg)
{
    struct visitor *v = arg;
    if (!v->waits) {
        metrics_visitor_free(v);
    }
}

static void metrics_on_close(void *arg, int error)
{
    metrics_visitor_free(arg);
}

static void metrics_on_timer(void *arg)
{
    metrics_visitor_free(arg);
}

static void metrics_on_connection(void *arg, int events)
{
    static const struct conn_events conn_events = {
        .on_read = metrics_on_read,
        .on_end = metrics_on_end,
        .on_close = metrics_on_close,
    };
    struct listener *l = arg;
    struct metrics *m = l->m;
    struct endpoint peer;
    int fd;
    int r = conn_accept(l->fd, &fd, &peer);
    if (r < 0) {
        if (r != -EAGAIN) {
            watch_rest(l->watch);
        }
        return;
    }
    if (m->n_visitors >= VISITORS_MAX || memory_is_short() || descriptors_are_short(fd)) {
        close(fd);
        return;
    }
    struct visitor *v = err_calloc(1, sizeof *v);
    v->m = m;
    v->request = BUF_INIT(REQUEST_MAX);
    v->conn = conn_new(child_loop(m->child), fd, TEXT_MAX + 4096, &conn_events, v);
    v->timer = timer_new(child_loop(m->child), metrics_on_timer, v);
    timer_start(v->timer, PATIENCE_MS);
    list_append(&m->visitors, &v->link);
    m->n_visitors++;
}

static void metrics_on_listener(void *owner, struct child *c, struct str name, unsigned kind,
                                int fd)
{
    struct metrics *m = owner;
    must(m->n_listeners < LISTENERS_MAX);
    struct listener *l = &m->listeners[m->n_listeners++];
    *l = (struct listener){.m = m, .fd = fd};
    l->watch = watch_new(child_loop(c), fd, metrics_on_connection, l);
}

static void metrics_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = SANDBOX_ACCEPT};
}

static void metrics_on_start(void *owner, struct child *c)
{
    struct metrics *m = owner;
    m->child = c;
    for (size_t i = 0; i < m->n_listeners; i++) {
        watch_set(m->listeners[i].watch, WATCH_READ);
    }
}

static void metrics_on_status(void *owner, char *text, size_t size)
{
    snprintf(text, size, "answered=%llu", (unsigned long long)((struct metrics *)owner)->answered);
}

int main(int argc, char **argv)
{
    static struct metrics metrics;
    static const struct ipc_rule rules[] = {IPC_ON(metrics_text, metrics_on_text), IPC_RULES_END};
    static const struct child_events events = {
        .sandbox = metrics_sandbox,
        .on_start = metrics_on_start,
        .on_listener = metrics_on_listener,
        .on_status = metrics_on_status,
        .rules = rules,
    };
    list_init(&metrics.visitors);
    metrics.text = BUF_INIT(TEXT_MAX);
    return child_main(argc, argv, "metrics", &events, &metrics);
}
