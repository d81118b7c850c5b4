/* SPDX-License-Identifier: Apache-2.0
 * http.h: HTTP/1.1 with browsers over libmicrohttpd (RFC 9110, 9112): the only file beside
 * http.c that knows it.
 *
 * Connections are handed in as sockets (behind TLS: one end of a pair), requests come out as
 * calls with fields and files, and are answered at once or later. Called by the web process.
 * What can go wrong: broken framing (refused by the library's strict mode), bodies over the
 * limit (413), clients that are slow (closed after a time).
 */
#pragma once
#include "base/buf.h"
#include "sys/conn.h"

struct loop;
struct http;
struct http_call;

enum {
    /* octets of all fields of a form, unless http_take_form() says more */
    HTTP_FORM_MAX = 64 * 1024,
    HTTP_FIELD_MAX = 1024 * 1024,      /* of one of them in any case */
    HTTP_FORMS_MAX = 64 * 1024 * 1024, /* of the forms of all calls at once */
    HTTP_FIELDS_MAX = 64,
    HTTP_HEADERS_MAX = 24,
};

struct http_events {
    /* The header section is there. Answer, or let the body come, or hold it until http_go(). */
    void (*on_begin)(void *owner, struct http_call *c);
    /* A piece of a file of the form; at: octets of it before. */
    void (*on_file)(void *owner, struct http_call *c, const char *name, const char *file,
                    struct str octets, uint64_t at);
    /* The body is there: answer now or later. */
    void (*on_end)(void *owner, struct http_call *c);
    /* It is over: data hung on it goes. */
    void (*on_free)(void *owner, struct http_call *c);
};

struct http_limits {
    unsigned connections, connections_per_address;
    unsigned idle_s;
};

/* NULL when the library cannot. events borrowed. */
struct http *http_new(struct loop *l, const struct http_limits *limits,
                      const struct http_events *events, void *owner);
/* Takes fd. */
void http_add(struct http *h, int fd, const struct endpoint *peer);
size_t http_connections(const struct http *h);
/* Requests whose answer has not been sent to its end. */
size_t http_calls(const struct http *h);

/* --- a request ---------------------------------------------------------- */

const char *http_method(const struct http_call *c);
/* Begins with "/"; without its query; decoded by nobody: percent signs are as they came. */
struct str http_path(const struct http_call *c);
/* Whose page is asked for: NAME or NAME:PORT, of the target if it names one, else of the Host
 * field. */
struct str http_host(struct http_call *c);
/* Empty when absent; borrowed until the answer. */
struct str http_header(struct http_call *c, const char *name);
struct str http_cookie(struct http_call *c, const char *name);
/* As it came, percent signs and all. */
struct str http_query(struct http_call *c, const char *name);
/* All of it, without the "?", empty when there is none; octets that no query holds (RFC 3986 3.4)
 * are encoded. -ENOSPC. */
int http_query_encoded(struct http_call *c, struct buf *out) MUST_USE;
/* One field of it, decoded; -EINVAL when there is none, -ENOSPC when it is longer than dst, or
 * holds a NUL. */
int http_query_text(struct http_call *c, const char *name, char *dst, size_t size) MUST_USE;
/* Of the form (urlencoded or multipart). */
struct str http_field(const struct http_call *c, const char *name);
/* The client's address as text. */
const char *http_client(const struct http_call *c);
/* Octets the body says to have; -1: unknown. */
int64_t http_body_size(struct http_call *c);
/* Fields of so many octets may come: of somebody who may write. However the body is framed, what
 * comes is counted. */
void http_take_form(struct http_call *c, size_t octets);
void http_set_data(struct http_call *c, void *data);
void *http_data(const struct http_call *c);
/* The body is to wait; http_go() lets it come. */
void http_hold(struct http_call *c);
void http_go(struct http_call *c);
/* What still comes of the body is thrown away, and on_end follows. */
void http_discard(struct http_call *c);

/* --- its answer --------------------------------------------------------- */

/* name is borrowed for ever, value copied; control characters in it end it. */
void http_set_header(struct http_call *c, const char *name, const char *value);
/* body is copied. HEAD gets the length alone. */
void http_answer(struct http_call *c, unsigned status, struct str body);
/* A body that is made while it is sent: fill appends up to `max` octets to out; 0 more to come,
 * 1 the end, -errno: the connection breaks. size -1: not known before. done runs at the end in
 * any case. */
typedef int (*http_fill)(void *arg, size_t max, struct buf *out);
void http_answer_stream(struct http_call *c, unsigned status, int64_t size, http_fill fill,
                        void (*done)(void *arg), void *arg);
