/* SPDX-License-Identifier: Apache-2.0
 * conn.h: one TCP connection on the loop: bytes in, bytes out, closed. Knows no protocol.
 *
 * Output is bounded: a peer that does not read fills it, and conn_send returns -ENOSPC. Nagle's
 * algorithm is off; callers write whole reply groups.
 */
#pragma once
#include "base/buf.h"
#include <netinet/in.h>
#include <sys/socket.h>

struct loop;
struct conn;

/* An IPv4 or IPv6 address with port, and its text form. */
struct endpoint {
    struct sockaddr_storage addr;
    socklen_t len;
};

struct conn_events {
    void (*on_connect)(void *arg);                /* an outgoing connection stands */
    void (*on_read)(void *arg, struct str bytes); /* borrowed */
    void (*on_drain)(void *arg);                  /* all output was written */
    /* The peer sends nothing more, but may still read (it shut down its sending side, or closed:
     * both look the same). What it asked is to be answered first; then conn_finish(). NULL: as
     * on_close with 0. */
    void (*on_end)(void *arg);
    void (*on_close)(void *arg, int error); /* 0 = the peer closed; -errno; conn still valid */
};

/* "192.0.2.1", "2001:db8::1" (or with [ ]); port in host order. 0 or -EINVAL. */
int endpoint_parse(struct str ip, uint16_t port, struct endpoint *ret) MUST_USE;
/* "192.0.2.1" or "2001:db8::1" into at least 46 octets. */
void endpoint_ip(const struct endpoint *e, char *dst, size_t size);
uint16_t endpoint_port(const struct endpoint *e);
/* False when this machine has no route there at all, as to IPv6 where there is none. Sends
 * nothing. */
bool endpoint_has_route(const struct endpoint *e);
/* Words where it has none; NULL: it has one. */
const char *endpoint_no_route(const struct endpoint *e);

/* Takes fd (connected, non-blocking); borrows events. Starts reading. */
struct conn *conn_new(struct loop *l, int fd, size_t out_max, const struct conn_events *events,
                      void *arg);
/* Starts to connect. `from` may be NULL. 0 or -errno; the result comes by on_connect/on_close. */
int conn_connect(struct loop *l, const struct endpoint *to, const struct endpoint *from,
                 size_t out_max, const struct conn_events *events, void *arg,
                 struct conn **ret) MUST_USE;
/* Writes or keeps; 0, -ENOSPC, or -errno when the connection is broken (on_close follows). */
int conn_send(struct conn *c, struct str bytes) MUST_USE;
size_t conn_pending(const struct conn *c);
/* Our own address on it, as text; "" when not connected. */
void conn_local_ip(const struct conn *c, char *dst, size_t size);
/* Stops or resumes reading (flow control). */
void conn_pause(struct conn *c, bool paused);
/* Closes and frees at once; no callback. NULL is harmless. Safe inside callbacks. */
void conn_free(struct conn *c);
/* Frees it but for its descriptor, which the caller closes. */
int conn_take_fd(struct conn *c) MUST_USE;
/* Says FIN after what is pending was written, waits shortly for the peer's, then frees. */
void conn_finish(struct conn *c);

/* A listening socket, shared by the copies of a process. 0 or -errno. */
int conn_listen(const struct endpoint *at, int *ret_fd) MUST_USE;
/* Next waiting connection: 0; -EAGAIN none; -EMFILE and others. */
int conn_accept(int listen_fd, int *ret_fd, struct endpoint *ret_peer) MUST_USE;
