/* SPDX-License-Identifier: Apache-2.0
 * http.c: calls over libmicrohttpd (http.h). The library polls its own descriptors in one epoll
 * set, which our loop watches; it runs when something is ready, when its time has come, and
 * after we answered.
 */
#include "portal/http.h"
#include "sys/loop.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MEMORY_OF_CONNECTION = 32 * 1024,
    POST_BUFFER = 64 * 1024,
    STREAM_BLOCK = 64 * 1024,
    REFUSED_READ_MAX = 4 * 1024 * 1024
};

struct http {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    const struct http_events *events;
    void *owner;
    struct watch *watch;
    struct timer *timer;
    size_t connections, calls;
    size_t form_octets; /* of all calls */
    bool again;         /* something was answered: run once more */
};

struct field {
    char *name;
    struct buf value;
};

struct http_call {
    struct http *http;
    struct MHD_Connection *connection;
    struct MHD_PostProcessor *post;
    char *method, *path, *host, client[46];
    struct field fields[HTTP_FIELDS_MAX];
    size_t n_fields, form_octets, form_max, refused_octets;
    struct {
        const char *name;
        char *value;
    } headers[HTTP_HEADERS_MAX];
    size_t n_headers;
    struct MHD_Response *response;
    unsigned status;
    bool held, suspended, discards, ended, queued, in_handler, too_much;
    void *data;
};

static void run_soon(struct http *h)
{
    h->again = true;
}

static void http_run(struct http *h)
{
    MHD_UNSIGNED_LONG_LONG wait;
    do {
        h->again = false;
        (void)MHD_run(h->daemon);
    } while (h->again);
    if (MHD_get_timeout(h->daemon, &wait) == MHD_YES) {
        timer_start(h->timer, (int64_t)(wait < 1000 ? wait : 1000));
    }
}

static void http_on_ready(void *arg, int events)
{
    http_run(arg);
}

static void http_on_timer(void *arg)
{
    http_run(arg);
}

/* Answers that came outside of the library's own calls. */
static void http_on_turn_end(void *arg)
{
    struct http *h = arg;
    if (h->again) {
        http_run(h);
    }
}

/* --- a request ---------------------------------------------------------- */

static struct field *field_named(struct http_call *c, const char *name)
{
    for (size_t i = 0; i < c->n_fields; i++) {
        if (strcmp(c->fields[i].name, name) == 0) {
            return &c->fields[i];
        }
    }
    if (c->n_fields == HTTP_FIELDS_MAX) {
        return NULL;
    }
    struct field *f = &c->fields[c->n_fields++];
    *f = (struct field){.name = err_strdup(name), .value = BUF_INIT(HTTP_FIELD_MAX)};
    return f;
}

static void drop_fields(struct http_call *c)
{
    for (size_t i = 0; i < c->n_fields; i++) {
        free(c->fields[i].name);
        buf_wipe(&c->fields[i].value);
    }
    c->http->form_octets -= c->form_octets;
    c->n_fields = c->form_octets = 0;
}

/* Counts what comes, as a chunked body does not say before how long it is. Too much: nothing of
 * the form is kept. */
static bool form_is_full(struct http_call *c, size_t more)
{
    if (!c->too_much) {
        c->form_octets += more;
        c->http->form_octets += more;
        c->too_much = c->form_octets > c->form_max || c->http->form_octets > HTTP_FORMS_MAX;
    }
    if (c->too_much) {
        drop_fields(c);
    }
    return c->too_much;
}

static enum MHD_Result on_post(void *cls, enum MHD_ValueKind kind, const char *key,
                               const char *filename, const char *type, const char *encoding,
                               const char *data, uint64_t off, size_t size)
{
    struct http_call *c = cls;
    if (c->discards || !key || strnlen(key, 65) > 64) {
        return MHD_YES;
    }
    if (filename) {
        c->http->events->on_file(c->http->owner, c, key, filename, str_from(data, size), off);
        return MHD_YES;
    }
    if (form_is_full(c, strlen(key) + size)) {
        return MHD_YES;
    }
    struct field *f = field_named(c, key);
    /* also: the same field twice */
    c->too_much |=
        !f || (off == 0 && buf_len(&f->value) > 0) || buf_append(&f->value, data, size) < 0;
    return MHD_YES;
}

static void find_client(struct http_call *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct endpoint e = {.len = sizeof e.addr};
    const struct sockaddr *a = info ? info->client_addr : NULL;
    if (a && (a->sa_family == AF_INET || a->sa_family == AF_INET6)) {
        memcpy(&e.addr, a,
               a->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        endpoint_ip(&e, c->client, sizeof c->client);
    }
}

static enum MHD_Result http_queue_answer(struct http_call *c)
{
    c->queued = true;
    return MHD_queue_response(c->connection, c->status, c->response);
}

static void suspend(struct http_call *c)
{
    c->suspended = true;
    MHD_suspend_connection(c->connection);
}

struct framing {
    unsigned lengths, encodings, hosts;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct framing *f = cls;
    f->lengths += str_eq_nocase(str_c(key), STR("Content-Length"));
    f->encodings += str_eq_nocase(str_c(key), STR("Transfer-Encoding"));
    f->hosts += str_eq_nocase(str_c(key), STR("Host"));
    return MHD_YES;
}

/* One length or one encoding, one host: a proxy before us may have read another than we would
 * (RFC 9112 6.3, 3.2). */
static bool framing_is_sound(struct MHD_Connection *connection)
{
    struct framing f = {0};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &f);
    return f.lengths + f.encodings <= 1 && f.hosts == 1;
}

/* The path of a target, and its host where it names one, which counts more than the Host field
 * (RFC 9112 3.2.1, 3.2.2). False: another form, which no request of ours has, or one that can be
 * misread: a user before the host, a backslash, which browsers take for a slash. */
static bool take_target(struct http_call *c, struct str url)
{
    static const char *const schemes[] = {"http://", "https://"};
    struct str rest = url;
    for (size_t i = 0; i < ARRAY_LEN(schemes) && rest.n == url.n; i++) {
        rest = str_starts_nocase(url, str_c(schemes[i])) ? str_slice(url, strlen(schemes[i]), url.n)
                                                         : url;
    }
    if (rest.n < url.n) {
        struct str host = str_slice(rest, 0, str_find(rest, '/', 0));
        if (host.n == 0 || str_find(host, '@', 0) < host.n) {
            return false;
        }
        c->host = str_dup(host);
        rest = host.n < rest.n ? str_slice(rest, host.n, rest.n) : STR("/");
    }
    free(c->path);
    c->path = str_dup(rest);
    return rest.n > 0 && rest.p[0] == '/' && str_find(rest, '\\', 0) == rest.n;
}

static enum MHD_Result http_begin(struct http *h, struct MHD_Connection *connection,
                                  const char *url, const char *method, void **con_cls)
{
    struct http_call *c = err_calloc(1, sizeof *c);
    *con_cls = c;
    h->calls++;
    c->http = h;
    c->connection = connection;
    c->method = err_strdup(method);
    c->path = err_strdup(url);
    find_client(c);
    c->form_max = HTTP_FORM_MAX;
    if (strcmp(method, "POST") == 0) {
        c->post = MHD_create_post_processor(connection, POST_BUFFER, on_post, c);
    }
    c->in_handler = true;
    bool sound = framing_is_sound(connection), has_path = take_target(c, str_c(url));
    if (sound && has_path) {
        h->events->on_begin(h->owner, c);
    } else {
        http_set_header(c, "Connection", "close");
        http_answer(c, 400,
                    sound ? STR("The target of this request is no path of ours.\n")
                          : STR("This request can be read in more than one way.\n"));
    }
    c->in_handler = false;
    bool has_body = http_header(c, "Transfer-Encoding").n > 0 ||
                    (http_header(c, "Content-Length").n > 0 &&
                     !str_eq(http_header(c, "Content-Length"), STR("0")));
    if (c->response && has_body) {
        return http_queue_answer(c); /* the body is not read, and the connection ends */
    }
    /* answers wait for the next call, else the connection would end with them; who holds it is
     * put to sleep at the next call: after a sleep here the library would begin anew */
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *size, void **con_cls)
{
    struct http *h = cls;
    struct http_call *c = *con_cls;
    if (!c) {
        return http_begin(h, connection, url, method, con_cls);
    }
    if (c->queued) {
        return MHD_YES;
    }
    if (c->held) { /* nothing of it is taken */
        if (!c->suspended) {
            suspend(c);
        }
        return MHD_YES;
    }
    c->in_handler = true;
    if (*size > 0) {
        if (c->post && !c->discards) {
            (void)MHD_post_process(c->post, upload, *size);
        }
        c->refused_octets += c->too_much ? *size : 0;
        if (c->refused_octets > REFUSED_READ_MAX) {
            c->in_handler = false;
            return MHD_NO; /* whoever goes on for so long does not wait for an answer */
        }
        *size = 0;
    } else if (!c->ended) {
        c->ended = true;
        if (c->post) {
            (void)MHD_destroy_post_processor(c->post);
            c->post = NULL;
        }
        if (c->too_much && !c->response) {
            http_answer(c, 413, STR("The form holds too much.\n"));
        }
        if (!c->response) {
            h->events->on_end(h->owner, c);
        }
        if (!c->response) {
            c->in_handler = false;
            suspend(c);
            return MHD_YES;
        }
    }
    c->in_handler = false;
    return c->ended && c->response ? http_queue_answer(c) : MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode why)
{
    struct http *h = cls;
    struct http_call *c = *con_cls;
    if (!c) {
        return;
    }
    h->calls--;
    h->events->on_free(h->owner, c);
    if (c->post) {
        (void)MHD_destroy_post_processor(c->post);
    }
    if (c->response) {
        MHD_destroy_response(c->response);
    }
    drop_fields(c);
    for (size_t i = 0; i < c->n_headers; i++) {
        free(c->headers[i].value);
    }
    free(c->method);
    free(c->path);
    free(c->host);
    free(c);
    *con_cls = NULL;
}

static void http_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                               enum MHD_ConnectionNotificationCode code)
{
    struct http *h = cls;
    h->connections += code == MHD_CONNECTION_NOTIFY_STARTED ? 1 : (size_t)-1;
}

/* Percent signs stay: paths are compared, never opened. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *s)
{
    return strlen(s);
}

struct http *http_new(struct loop *l, const struct http_limits *limits,
                      const struct http_events *events, void *owner)
{
    struct http *h = err_calloc(1, sizeof *h);
    *h = (struct http){.loop = l, .events = events, .owner = owner};
    h->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0,
                         NULL, NULL, on_request, h, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         (size_t)MEMORY_OF_CONNECTION, MHD_OPTION_CONNECTION_LIMIT,
                         limits->connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                         limits->connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT,
                         limits->idle_s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
                         MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, h,
                         MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                         MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        h->daemon ? MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        free(h);
        return NULL;
    }
    h->watch = watch_new(l, info->epoll_fd, http_on_ready, h);
    watch_set(h->watch, WATCH_READ);
    h->timer = timer_new(l, http_on_timer, h);
    loop_on_turn_end(l, TURN_COMMIT, http_on_turn_end, h);
    return h;
}

void http_add(struct http *h, int fd, const struct endpoint *peer)
{
    if (MHD_add_connection(h->daemon, fd, (const struct sockaddr *)&peer->addr, peer->len) ==
        MHD_YES) {
        run_soon(h);
    } /* else: the library closed it */
}

size_t http_connections(const struct http *h)
{
    return h->connections;
}

size_t http_calls(const struct http *h)
{
    return h->calls;
}

const char *http_method(const struct http_call *c)
{
    return c->method;
}

struct str http_path(const struct http_call *c)
{
    return str_c(c->path);
}

struct str http_host(struct http_call *c)
{
    return c->host ? str_c(c->host) : http_header(c, "Host");
}

struct str http_header(struct http_call *c, const char *name)
{
    return str_c(MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name));
}

struct str http_cookie(struct http_call *c, const char *name)
{
    return str_c(MHD_lookup_connection_value(c->connection, MHD_COOKIE_KIND, name));
}

struct str http_query(struct http_call *c, const char *name)
{
    return str_c(MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name));
}

static bool is_of_a_query(char c)
{
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alnum || (c != '\0' && strchr("-._~!$&'()*+,;=:@/?%", c));
}

/* The library made each plus sign a blank, and no target holds a blank of its own. */
static int add_encoded(struct buf *out, const char *text)
{
    int r = 0;
    for (const char *p = text; p && *p && r == 0; p++) {
        r = *p == ' '           ? buf_add(out, STR("+"))
            : is_of_a_query(*p) ? buf_append(out, p, 1)
                                : buf_printf(out, "%%%02X", (unsigned char)*p);
    }
    return r;
}

struct query {
    struct buf *out;
    int n, r;
};

static enum MHD_Result add_argument(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct query *q = cls;
    q->r = q->n++ > 0 ? buf_add(q->out, STR("&")) : 0;
    q->r = q->r ? q->r : add_encoded(q->out, name);
    q->r = q->r || !value ? q->r : buf_add(q->out, STR("="));
    q->r = q->r ? q->r : add_encoded(q->out, value);
    return q->r == 0 ? MHD_YES : MHD_NO;
}

int http_query_encoded(struct http_call *c, struct buf *out)
{
    struct query q = {.out = out};
    (void)MHD_get_connection_values(c->connection, MHD_GET_ARGUMENT_KIND, add_argument, &q);
    return q.r;
}

int http_query_text(struct http_call *c, const char *name, char *dst, size_t size)
{
    struct str raw = http_query(c, name);
    if (raw.n == 0 || str_copy(raw, dst, size) < 0) {
        return raw.n == 0 ? -EINVAL : -ENOSPC;
    }
    for (char *p = dst; *p; p++) {
        *p = (char)(*p == '+' ? ' ' : *p);
    }
    size_t n = MHD_http_unescape(dst);
    return strlen(dst) == n ? 0 : -ENOSPC;
}

struct str http_field(const struct http_call *c, const char *name)
{
    for (size_t i = 0; i < c->n_fields; i++) {
        if (strcmp(c->fields[i].name, name) == 0) {
            return buf_str(&c->fields[i].value);
        }
    }
    return STR("");
}

const char *http_client(const struct http_call *c)
{
    return c->client;
}

int64_t http_body_size(struct http_call *c)
{
    uint64_t n;
    struct str length = http_header(c, "Content-Length");
    return length.n > 0 && str_to_u64(length, INT64_MAX, &n) == 0 ? (int64_t)n : -1;
}

void http_set_data(struct http_call *c, void *data)
{
    c->data = data;
}

void *http_data(const struct http_call *c)
{
    return c->data;
}

static void resume(struct http_call *c)
{
    if (c->suspended) {
        c->suspended = false;
        MHD_resume_connection(c->connection);
        run_soon(c->http);
    }
}

void http_hold(struct http_call *c)
{
    c->held = true;
}

void http_go(struct http_call *c)
{
    c->held = false;
    resume(c);
}

void http_take_form(struct http_call *c, size_t octets)
{
    c->form_max = octets;
}

void http_discard(struct http_call *c)
{
    c->discards = true;
}

/* --- its answer --------------------------------------------------------- */

void http_set_header(struct http_call *c, const char *name, const char *value)
{
    if (c->n_headers < HTTP_HEADERS_MAX) {
        char *copy = err_strdup(value);
        copy[strcspn(copy, "\r\n")] = '\0';
        c->headers[c->n_headers].name = name;
        c->headers[c->n_headers++].value = copy;
    }
}

static void set_answer(struct http_call *c, unsigned status, struct MHD_Response *r)
{
    must(r && !c->response);
    for (size_t i = 0; i < c->n_headers; i++) {
        (void)MHD_add_response_header(r, c->headers[i].name, c->headers[i].value);
    }
    c->response = r;
    c->status = status;
    if (!c->in_handler) {
        c->held = false;
        if (!c->ended) {
            c->discards = true;
        }
        resume(c);
    }
}

void http_answer(struct http_call *c, unsigned status, struct str body)
{
    set_answer(c, status,
               MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p,
                                               MHD_RESPMEM_MUST_COPY));
}

struct stream {
    http_fill fill;
    void (*done)(void *arg);
    void *arg;
    struct buf out;
    bool ended;
};

static ssize_t on_stream(void *cls, uint64_t pos, char *buffer, size_t max)
{
    struct stream *s = cls;
    while (buf_len(&s->out) == 0 && !s->ended) {
        int r = s->fill(s->arg, STREAM_BLOCK, &s->out);
        if (r < 0) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        s->ended = r == 1;
    }
    size_t n = buf_len(&s->out) < max ? buf_len(&s->out) : max;
    if (n == 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    memcpy(buffer, buf_str(&s->out).p, n);
    buf_consume(&s->out, n);
    return (ssize_t)n;
}

static void on_stream_free(void *cls)
{
    struct stream *s = cls;
    s->done(s->arg);
    buf_wipe(&s->out);
    free(s);
}

void http_answer_stream(struct http_call *c, unsigned status, int64_t size, http_fill fill,
                        void (*done)(void *arg), void *arg)
{
    struct stream *s = err_calloc(1, sizeof *s);
    *s = (struct stream){.fill = fill, .done = done, .arg = arg, .out = BUF_INIT(4 * 1024 * 1024)};
    set_answer(c, status,
               MHD_create_response_from_callback(size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)size,
                                                 STREAM_BLOCK, on_stream, s, on_stream_free));
}
