/* SPDX-License-Identifier: Apache-2.0
 * channel.c: channels over SOCK_SEQPACKET. Called by every process.
 *
 * Outgoing messages collect in one frame until the turn ends, so a busy turn costs one system
 * call. When the socket is full, frames wait in a list (bounded) until it is writable. What can
 * go wrong: the peer dies (on_close), breaks the table (closed, logged), or does not read
 * (backlog maximum: closed, logged).
 */
#include "ipc/channel.h"
#include "base/list.h"
#include "base/log.h"
#include "sys/descriptors.h"
#include "sys/loop.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AGAIN_MS = 50 }; /* after a lack of ours */

struct frame {
    struct link link;
    int fd;
    size_t n;
    char data[];
};

struct ipc_channel {
    struct loop *loop;
    struct watch *watch;
    int fd;
    const char *name;
    const struct ipc_rule *rules;
    ipc_closed on_close;
    void *owner;
    void *data;
    struct buf out; /* the frame being collected */
    struct link waiting;
    size_t backlog;
    struct timer *again; /* sends what waits for want of something here; NULL: nothing ever did */
    struct link dirty;   /* in the list of channels with something to flush */
    bool failed, misused, freed, busy;
    enum ipc_type handling; /* the message that a handler has just now */
    /* the peer is told nothing more, and says nothing more; what it said before is still read */
    bool deaf;
};

/* Channels to flush at the end of the turn. One loop per process, hence one list. */
static struct link dirty_channels = {&dirty_channels, &dirty_channels};

static struct {
    ipc_lost told;
    void *arg;
} losses;

static uint64_t n_refused;

static void flush_dirty(void *arg);
static void ipc_on_ready(void *arg, int events);

struct ipc_channel *ipc_channel_new(struct loop *l, int fd, const char *name,
                                    const struct ipc_rule *rules, ipc_closed on_close, void *owner)
{
    loop_on_turn_end(l, TURN_FLUSH, flush_dirty, NULL);
    struct ipc_channel *ch = err_calloc(1, sizeof *ch);
    ch->loop = l;
    ch->fd = fd;
    ch->name = name;
    ch->rules = rules;
    ch->on_close = on_close;
    ch->owner = owner;
    ch->out = BUF_INIT(IPC_FRAME_MAX);
    list_init(&ch->waiting);
    ch->watch = watch_new(l, fd, ipc_on_ready, ch);
    watch_set(ch->watch, WATCH_READ);
    return ch;
}

static void drop_waiting(struct ipc_channel *ch)
{
    while (!list_empty(&ch->waiting)) {
        struct frame *f = LIST_OF(ch->waiting.next, struct frame, link);
        list_remove(&f->link);
        err_close_fd(&f->fd);
        free(f);
    }
    ch->backlog = 0;
}

static void ipc_release(struct ipc_channel *ch)
{
    drop_waiting(ch);
    list_remove(&ch->dirty);
    buf_wipe(&ch->out);
    timer_free(ch->again);
    watch_free(ch->watch);
    close(ch->fd);
    free(ch);
}

void ipc_channel_free(struct ipc_channel *ch)
{
    if (!ch) {
        return;
    }
    ch->freed = true;
    if (!ch->busy) {
        ipc_release(ch);
    }
}

void ipc_on_lost(ipc_lost told, void *arg)
{
    losses.told = told;
    losses.arg = arg;
}

/* The peer is gone, for the owner and for us. */
static void close_channel(struct ipc_channel *ch)
{
    bool was_freed = ch->freed;
    ch->busy = true;
    if (!was_freed && ch->on_close) {
        ch->on_close(ch->owner, ch);
    }
    if (!was_freed && losses.told) {
        losses.told(losses.arg, ch->fd, ch->misused);
    }
    ipc_release(ch);
}

static void mark_dirty(struct ipc_channel *ch)
{
    if (!list_linked(&ch->dirty)) {
        list_append(&dirty_channels, &ch->dirty);
    }
}

void ipc_refuse(struct ipc_channel *ch, const char *why)
{
    ipc_refuse_about(ch, ch->handling, why);
}

void ipc_refuse_about(struct ipc_channel *ch, enum ipc_type type, const char *why)
{
    log_error("ipc-message-not-allowed", KV("peer", ch->name), KV("type", ipc_name(type)),
              KV("why", why));
    n_refused++;
    ch->failed = ch->misused = true;
    mark_dirty(ch); /* also when this is not one of its own handlers */
}

bool ipc_misused(const struct ipc_channel *ch)
{
    return ch->misused;
}

uint64_t ipc_refused(void)
{
    return n_refused;
}

void ipc_channel_set_data(struct ipc_channel *ch, void *data)
{
    ch->data = data;
}

void *ipc_channel_data(const struct ipc_channel *ch)
{
    return ch->data;
}

size_t ipc_backlog(const struct ipc_channel *ch)
{
    return ch->backlog + buf_len(&ch->out);
}

/* 1 sent, 0 the socket is full, -errno (descriptors_is_lack(): not a failure, try later). */
static int send_frame(int sock, const char *p, size_t n, int fd)
{
    struct iovec iov = {.iov_base = (void *)p, .iov_len = n};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    for (;;) {
        if (sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return 1;
        }
        if (errno == EAGAIN) {
            return 0;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

/* Nothing more goes to the peer, which is as good as gone. What it said before may wait to be
 * read: its end is told behind that. It may live on (we gave it up, or it reads no more), so it
 * can add nothing: what waits has an end. */
static void turn_deaf(struct ipc_channel *ch)
{
    ch->deaf = true;
    (void)shutdown(ch->fd, SHUT_RD);
    drop_waiting(ch);
    watch_set(ch->watch, WATCH_READ);
    mark_dirty(ch);
}

static void write_waiting(struct ipc_channel *ch);

static void ipc_on_again(void *arg)
{
    write_waiting(arg);
}

/* For want of something of this process or machine: the socket would be ready at once, for ever. */
static void send_later(struct ipc_channel *ch)
{
    descriptors_note_lack(ch->name, "a message");
    ch->again = ch->again ? ch->again : timer_new(ch->loop, ipc_on_again, ch);
    watch_set(ch->watch, WATCH_READ);
    timer_start(ch->again, AGAIN_MS);
}

/* Takes fd. */
static void queue_frame(struct ipc_channel *ch, struct str bytes, int fd)
{
    if (ch->backlog + bytes.n > IPC_BACKLOG_MAX) {
        log_error("ipc-backlog-full", KV("peer", ch->name), KVN("octets", ch->backlog));
        err_close_fd(&fd);
        turn_deaf(ch);
        return;
    }
    struct frame *f = err_calloc(1, sizeof *f + bytes.n);
    memcpy(f->data, bytes.p, bytes.n);
    f->n = bytes.n;
    f->fd = fd;
    ch->backlog += f->n;
    list_append(&ch->waiting, &f->link);
    if (!ch->again || !timer_is_running(ch->again)) {
        watch_set(ch->watch, WATCH_READ | WATCH_WRITE);
    }
}

/* Sends now, or behind what already waits. Takes fd. */
static void push_frame(struct ipc_channel *ch, struct str bytes, int fd)
{
    int r = list_empty(&ch->waiting) ? send_frame(ch->fd, bytes.p, bytes.n, fd) : 0;
    if (descriptors_is_lack(r)) {
        send_later(ch);
        r = 0;
    }
    if (r == 0) {
        queue_frame(ch, bytes, fd);
        return;
    }
    err_close_fd(&fd);
    if (r < 0) {
        turn_deaf(ch);
    }
}

static void flush_frame(struct ipc_channel *ch)
{
    if (buf_len(&ch->out) > 0 && !ch->deaf) {
        push_frame(ch, buf_str(&ch->out), -1);
    }
    buf_reset(&ch->out);
}

/* Whether there is somebody to talk to. */
static bool can_hear(const struct ipc_channel *ch)
{
    return ch && !ch->freed && !ch->failed && !ch->deaf;
}

void ipc_send(struct ipc_channel *ch, const struct ipc_msg *m)
{
    if (!can_hear(ch)) {
        return;
    }
    int r = ipc_encode(m, &ch->out);
    if (r == -ENOSPC) {
        flush_frame(ch);
        r = ipc_encode(m, &ch->out);
    }
    if (r < 0) {
        log_error("ipc-message-refused", KV("peer", ch->name), KV("type", ipc_name(m->type)),
                  KVN("errno", -r));
        turn_deaf(ch);
    }
    mark_dirty(ch);
}

void ipc_flush(struct ipc_channel *ch)
{
    if (can_hear(ch)) {
        flush_frame(ch);
    }
}

void ipc_send_now(struct ipc_channel *ch, const struct ipc_msg *m)
{
    ipc_send(ch, m);
    ipc_flush(ch);
}

void ipc_send_fd(struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    if (!can_hear(ch)) {
        err_close_fd(&fd);
        return;
    }
    flush_frame(ch);
    mark_dirty(ch);
    if (ipc_encode(m, &ch->out) < 0) {
        err_close_fd(&fd);
        turn_deaf(ch);
    } else {
        ch->out.p[ch->out.head + 2] = 1;
        push_frame(ch, buf_str(&ch->out), fd);
    }
    buf_reset(&ch->out);
}

/* Whether something of the peer's waits to be read; its end is nothing. */
static bool has_words(const struct ipc_channel *ch)
{
    char octet;
    ssize_t n;
    do {
        n = recv(ch->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    } while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    return n > 0;
}

static void flush_dirty(void *arg)
{
    while (!list_empty(&dirty_channels)) {
        struct ipc_channel *ch = LIST_OF(dirty_channels.next, struct ipc_channel, dirty);
        list_remove(&ch->dirty);
        flush_frame(ch);
        if (ch->failed || (ch->deaf && !has_words(ch))) {
            close_channel(ch);
        }
    }
}

static void write_waiting(struct ipc_channel *ch)
{
    while (!list_empty(&ch->waiting)) {
        struct frame *f = LIST_OF(ch->waiting.next, struct frame, link);
        int r = send_frame(ch->fd, f->data, f->n, f->fd);
        if (r == 0) {
            watch_set(ch->watch, WATCH_READ | WATCH_WRITE);
            return;
        }
        if (r < 0) {
            (descriptors_is_lack(r) ? send_later : turn_deaf)(ch);
            return;
        }
        ch->backlog -= f->n;
        list_remove(&f->link);
        err_close_fd(&f->fd);
        free(f);
    }
    watch_set(ch->watch, WATCH_READ);
}

enum { CONTROL_ROOM = 8 }; /* descriptors: what a peer sends too many of is closed, too */

/* The one descriptor of a packet, or -1; -EBADMSG where there were more: all are closed;
 * -EMFILE: this process has no room for it (unix(7): the kernel leaves it out and says
 * MSG_CTRUNC). */
static int take_descriptor(struct msghdr *msg)
{
    int fd = -1, n = 0;
    bool cut = (msg->msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t at = 0; at + sizeof fd <= c->cmsg_len - CMSG_LEN(0); at += sizeof fd) {
            err_close_fd(&fd);
            memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
            n++;
        }
    }
    if (n > 1 || cut) {
        err_close_fd(&fd);
        return cut && n < CONTROL_ROOM ? -EMFILE : -EBADMSG;
    }
    return fd;
}

/* One packet and the descriptor with it, -EMFILE where there was no room for that. >0 octets, 0
 * nothing now, -EPIPE the peer is gone, -EBADMSG too much of anything. */
static ssize_t recv_frame(int sock, char *p, size_t size, int flags, int *ret_fd)
{
    struct iovec iov = {.iov_base = p, .iov_len = size};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(CONTROL_ROOM * sizeof(int))];
    } control;
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    *ret_fd = -1;
    ssize_t n;
    do {
        n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
    } while (
        /* told once, before what it said last: the peer ended with frames unread */
        n < 0 && errno == ECONNRESET);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
    }
    int fd = take_descriptor(&msg);
    if (n == 0 || fd == -EBADMSG || (msg.msg_flags & MSG_TRUNC)) {
        err_close_fd(&fd);
        return n == 0 ? -EPIPE : -EBADMSG;
    }
    *ret_fd = fd;
    return n;
}

static const struct ipc_rule *find_rule(const struct ipc_channel *ch, enum ipc_type type)
{
    for (const struct ipc_rule *rule = ch->rules; rule->type != IPC_none; rule++) {
        if (rule->type == type) {
            return rule;
        }
    }
    return NULL;
}

#define CALL_none(name)      rule->handle.name(owner, ch, &m->name)
#define CALL_always(name)    rule->handle.name(owner, ch, &m->name, fd)
#define CALL_sometimes(name) CALL_always(name)
#define CALL_CASE(number, name, descriptor) \
    case IPC_##name: \
        CALL_##descriptor(name); \
        return;

void ipc_rule_call(const struct ipc_rule *rule, void *owner, struct ipc_channel *ch,
                   const struct ipc_msg *m, int fd)
{
    switch (m->type) {
    case IPC_none:
        return;
        IPC_MESSAGES(CALL_CASE)
    }
}

#define WITHOUT_CASE(number, name, descriptor) \
    case IPC_##name: \
        rule->without.name(ch->owner, ch, &m->name); \
        return;

/* Its descriptor got no room here. */
static void call_without(struct ipc_channel *ch, const struct ipc_rule *rule,
                         const struct ipc_msg *m)
{
    descriptors_note_lack(ch->name, ipc_name(m->type));
    if (!rule->has_without) {
        ch->failed = true; /* no fault of the peer: the pair is made again */
        return;
    }
    switch (m->type) {
    case IPC_none:
        return;
        IPC_MESSAGES(WITHOUT_CASE)
    }
}

/* Hands one message to its handler. Takes fd; -EMFILE: there was no room for it. */
static void dispatch(struct ipc_channel *ch, const struct ipc_msg *m, unsigned flags, int fd)
{
    const struct ipc_rule *rule = find_rule(ch, m->type);
    if (!rule) {
        ipc_refuse(ch, "not from this peer");
    } else if ((flags > 0) != (fd != -1)) {
        ipc_refuse(ch, flags ? "its descriptor is missing" : "a descriptor with it");
    } else if (fd == -EMFILE) {
        call_without(ch, rule, m);
    } else {
        ipc_rule_call(rule, ch->owner, ch, m, fd);
        return;
    }
    err_close_fd(&fd);
}

/* Hands the messages of one frame to their handlers. Takes fd, which is for the one message of
 * its frame; -EMFILE: there was no room for it. */
static void dispatch_frame(struct ipc_channel *ch, struct str frame, int fd)
{
    while (frame.n > 0 && !ch->freed && !ch->failed) {
        struct ipc_msg m;
        unsigned flags;
        ch->handling = IPC_none;
        if (ipc_decode(&frame, &m, &flags) < 0) {
            ipc_refuse(ch, "malformed");
            break;
        }
        ch->handling = m.type;
        dispatch(ch, &m, flags, fd);
        fd = -1;
    }
    ch->handling = IPC_none;
    err_close_fd(&fd);
}

/* Peers are drained in turns of at most this many frames, so that none starves the others. */
enum { FRAMES_PER_TURN = 64 };

/* Reads a frame (room: IPC_FRAME_MAX) and hands out what is in it. False: nothing more is to be
 * read now. */
static bool ipc_read_one(struct ipc_channel *ch, char *frame)
{
    int fd;
    ssize_t n = recv_frame(ch->fd, frame, IPC_FRAME_MAX, MSG_DONTWAIT, &fd);
    if (n == 0) {
        ch->failed |= ch->deaf;
        return false;
    }
    if (n == -EBADMSG) {
        ipc_refuse(ch, "too many descriptors, or too long");
    } else if (n < 0) {
        ch->failed = true;
    } else {
        dispatch_frame(ch, str_from(frame, (size_t)n), fd);
    }
    return !ch->failed && !ch->freed;
}

static void ipc_on_ready(void *arg, int events)
{
    struct ipc_channel *ch = arg;
    static char frame[IPC_FRAME_MAX]; /* handlers never run the loop, so one is enough */
    ch->busy = true;
    if (events & WATCH_WRITE) {
        write_waiting(ch);
    }
    bool more = (events & WATCH_READ) && !ch->failed && !ch->freed;
    for (int i = 0; more && i < FRAMES_PER_TURN; i++) {
        more = ipc_read_one(ch, frame);
    }
    ch->busy = false;
    if (ch->freed) {
        ipc_release(ch);
    } else if (ch->failed) {
        close_channel(ch);
    }
}

void ipc_channel_end(struct ipc_channel *ch)
{
    if (!ch || ch->freed) {
        return;
    }
    turn_deaf(ch);
    if (ch->busy) {
        return; /* one of its own handlers: the end comes behind what waits */
    }
    /* ipc_on_ready() of another channel may be using its own */
    char *frame = err_calloc(1, IPC_FRAME_MAX);
    ch->busy = true;
    for (bool more = !ch->failed; more;) {
        more = ipc_read_one(ch, frame);
    }
    free(frame);
    close_channel(ch);
}

int ipc_pair(int ret_fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0) {
        return -errno;
    }
    int size = 4 * 1024 * 1024;
    for (int i = 0; i < 2; i++) {
        (void)setsockopt(ret_fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        (void)setsockopt(ret_fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    return 0;
}

int ipc_call_send(int fd, const struct ipc_msg *m)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(IPC_FRAME_MAX);
    int r = ipc_encode(m, &out);
    if (r < 0) {
        return r;
    }
    r = send_frame(fd, buf_str(&out).p, buf_len(&out), -1);
    return r > 0 ? 0 : r == 0 ? -EAGAIN : r;
}

int ipc_call_recv(int fd, char *frame, struct str *pending, struct ipc_msg *ret)
{
    unsigned flags;
    if (pending->n == 0) {
        int got = -1;
        ssize_t n;
        do {
            n = recv_frame(fd, frame, IPC_FRAME_MAX, 0, &got);
            err_close_fd(&got);
        } while (n == 0 && errno == EINTR);
        if (n <= 0) {
            return n < 0 ? (int)n : -ETIMEDOUT; /* the socket's own limit */
        }
        *pending = str_from(frame, (size_t)n);
    }
    return ipc_decode(pending, ret, &flags);
}
