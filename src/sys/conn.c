/* SPDX-License-Identifier: Apache-2.0
 * conn.c: TCP on the loop. Called by smtpin and smtpout; posternd uses conn_listen only.
 *
 * Data is written at once when the socket takes it; the rest waits in a bounded buffer. What can
 * go wrong: the peer vanishes (on_close with -errno), stops reading (-ENOSPC for the caller).
 */
#include "sys/conn.h"
#include "sys/loop.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_MAX = 64 * 1024, READS_PER_TURN = 4, LINGER_MS = 2000 };

struct conn {
    struct watch *watch;
    struct loop *loop;
    int fd;
    struct buf out;
    const struct conn_events *events;
    void *arg;
    struct timer *linger;
    bool connecting, paused, finishing, freed, busy;
    bool ended; /* the peer sends nothing more */
    /* something went out in answer to what is being read: that carries the acknowledgement */
    bool answered;
};

int endpoint_parse(struct str ip, uint16_t port, struct endpoint *ret)
{
    char text[64];
    struct endpoint e = {0};
    if (ip.n >= 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']') {
        ip = str_slice(ip, 1, ip.n - 1);
    }
    if (str_copy(ip, text, sizeof text) < 0) {
        return -EINVAL;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)&e.addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e.addr;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        e.len = sizeof *v4;
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        e.len = sizeof *v6;
    } else {
        return -EINVAL;
    }
    *ret = e;
    return 0;
}

void endpoint_ip(const struct endpoint *e, char *dst, size_t size)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&e->addr;
    const void *bytes = &((const struct sockaddr_in *)&e->addr)->sin_addr;
    int family = AF_INET;
    if (e->addr.ss_family == AF_INET6) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        bytes = mapped ? (const void *)&v6->sin6_addr.s6_addr[12] : (const void *)&v6->sin6_addr;
        family = mapped ? AF_INET : AF_INET6;
    }
    if (!inet_ntop(family, bytes, dst, (socklen_t)size)) {
        str_copy_cut(STR("unknown"), dst, size);
    }
}

uint16_t endpoint_port(const struct endpoint *e)
{
    /* sin_port and sin6_port lie at the same place */
    return ntohs(((const struct sockaddr_in *)&e->addr)->sin_port);
}

static void conn_release(struct conn *c)
{
    watch_free(c->watch);
    timer_free(c->linger);
    close(c->fd);
    buf_wipe(&c->out);
    free(c);
}

void conn_free(struct conn *c)
{
    if (!c || c->freed) {
        return;
    }
    c->freed = true;
    if (!c->busy) {
        conn_release(c);
    }
}

static void update_watch(struct conn *c)
{
    bool want_write = c->connecting || buf_len(&c->out) > 0;
    bool want_read = !c->connecting && !c->paused && !c->ended;
    watch_set(c->watch, (want_read ? WATCH_READ : 0) | (want_write ? WATCH_WRITE : 0));
}

static void end_linger(void *arg)
{
    struct conn *c = arg;
    c->freed = true;
    conn_release(c);
}

/* All that we say was written. A peer that sends nothing more is not waited for. */
static void half_close(struct conn *c)
{
    shutdown(c->fd, SHUT_WR);
    if (c->ended) {
        conn_free(c);
        return;
    }
    c->paused = false;
    update_watch(c);
}

/* The connection ended. While finishing nobody listens any more: free quietly. */
static void report_close(struct conn *c, int error)
{
    if (c->finishing) {
        conn_free(c);
        return;
    }
    watch_set(c->watch, 0);
    c->events->on_close(c->arg, error);
}

/* The peer's FIN. An owner that has no use for a connection that only writes is told that it
 * closed. */
static void report_end(struct conn *c)
{
    if (c->finishing || !c->events->on_end) {
        report_close(c, 0);
        return;
    }
    c->ended = true;
    update_watch(c);
    c->events->on_end(c->arg);
}

static int conn_write_out(struct conn *c, struct str bytes, size_t *ret_written)
{
    *ret_written = 0;
    while (*ret_written < bytes.n) {
        ssize_t n = send(c->fd, bytes.p + *ret_written, bytes.n - *ret_written, MSG_NOSIGNAL);
        if (n >= 0) {
            *ret_written += (size_t)n;
        } else if (errno == EAGAIN) {
            return 0;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static void on_writable(struct conn *c)
{
    size_t written;
    int r = conn_write_out(c, buf_str(&c->out), &written);
    if (r < 0) {
        report_close(c, r);
        return;
    }
    buf_consume(&c->out, written);
    update_watch(c);
    if (buf_len(&c->out) > 0) {
        return;
    }
    if (c->finishing) {
        half_close(c);
    } else if (c->events->on_drain) {
        c->events->on_drain(c->arg);
    }
}

static void on_connected(struct conn *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    c->connecting = false;
    if (error) {
        report_close(c, -error);
        return;
    }
    update_watch(c);
    c->events->on_connect(c->arg);
}

static void conn_on_readable(struct conn *c)
{
    static char bytes[READ_MAX]; /* handed out as a view; handlers never run the loop */
    for (int i = 0; i < READS_PER_TURN && !c->freed && !c->paused; i++) {
        ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n == 0) {
            report_end(c);
            return;
        }
        if (n < 0) {
            report_close(c, -errno);
            return;
        }
        c->answered = false;
        if (!c->finishing) {
            c->events->on_read(c->arg, str_from(bytes, (size_t)n));
        }
        /* many clients hold small writes back until we acknowledge: not for 40 ms */
        if (!c->answered && !c->freed) {
            int on = 1;
            (void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
        }
        if ((size_t)n < sizeof bytes) {
            return;
        }
    }
}

static void conn_on_ready(void *arg, int events)
{
    struct conn *c = arg;
    c->busy = true;
    if (c->connecting) {
        on_connected(c);
    } else {
        if (events & WATCH_WRITE) {
            on_writable(c);
        }
        if ((events & WATCH_READ) && !c->freed) {
            conn_on_readable(c);
        }
    }
    c->busy = false;
    if (c->freed) {
        conn_release(c);
    }
}

struct conn *conn_new(struct loop *l, int fd, size_t out_max, const struct conn_events *events,
                      void *arg)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct conn *c = err_calloc(1, sizeof *c);
    c->fd = fd;
    c->loop = l;
    c->out = BUF_INIT(out_max);
    c->events = events;
    c->arg = arg;
    c->watch = watch_new(l, fd, conn_on_ready, c);
    update_watch(c);
    return c;
}

bool endpoint_has_route(const struct endpoint *e)
{
    int fd = socket(e->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 || connect(fd, (const struct sockaddr *)&e->addr, e->len) < 0 ? -errno : 0;
    err_close_fd(&fd);
    return r != -ENETUNREACH && r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL;
}

const char *endpoint_no_route(const struct endpoint *e)
{
    return endpoint_has_route(e)           ? NULL
           : e->addr.ss_family == AF_INET6 ? "this machine has no IPv6 route to it"
                                           : "this machine has no route to it";
}

int conn_connect(struct loop *l, const struct endpoint *to, const struct endpoint *from,
                 size_t out_max, const struct conn_events *events, void *arg, struct conn **ret)
{
    int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    bool bound = !from || bind(fd, (const struct sockaddr *)&from->addr, from->len) == 0;
    if (!bound ||
        (connect(fd, (const struct sockaddr *)&to->addr, to->len) < 0 && errno != EINPROGRESS)) {
        int r = -errno;
        close(fd);
        return r;
    }
    struct conn *c = conn_new(l, fd, out_max, events, arg);
    c->connecting = true;
    update_watch(c);
    *ret = c;
    return 0;
}

int conn_send(struct conn *c, struct str bytes)
{
    size_t written = 0;
    if (buf_len(&c->out) == 0 && !c->connecting) {
        int r = conn_write_out(c, bytes, &written);
        if (r < 0) {
            return r;
        }
    }
    c->answered |= written > 0;
    if (written == bytes.n) {
        return 0;
    }
    int r = buf_add(&c->out, str_slice(bytes, written, bytes.n));
    if (r == 0) {
        update_watch(c);
    }
    return r;
}

size_t conn_pending(const struct conn *c)
{
    return buf_len(&c->out);
}

void conn_pause(struct conn *c, bool paused)
{
    c->paused = paused;
    update_watch(c);
}

void conn_finish(struct conn *c)
{
    if (!c || c->freed || c->finishing) {
        return;
    }
    c->finishing = true;
    c->linger = timer_new(c->loop, end_linger, c);
    timer_start(c->linger, LINGER_MS);
    if (buf_len(&c->out) == 0) {
        half_close(c);
    }
}

int conn_listen(const struct endpoint *at, int *ret_fd)
{
    int fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&at->addr, at->len) < 0 || listen(fd, 1024) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int conn_accept(int listen_fd, int *ret_fd, struct endpoint *ret_peer)
{
    ret_peer->len = sizeof ret_peer->addr;
    int fd = accept4(listen_fd, (struct sockaddr *)&ret_peer->addr, &ret_peer->len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return errno == EINTR || errno == ECONNABORTED ? -EAGAIN : -errno;
    }
    *ret_fd = fd;
    return 0;
}

void conn_local_ip(const struct conn *c, char *dst, size_t size)
{
    struct endpoint e = {.len = sizeof e.addr};
    *dst = '\0';
    if (getsockname(c->fd, (struct sockaddr *)&e.addr, &e.len) == 0) {
        endpoint_ip(&e, dst, size);
    }
}

int conn_take_fd(struct conn *c)
{
    int fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
    conn_free(c);
    return fd;
}
