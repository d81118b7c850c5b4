/* SPDX-License-Identifier: Apache-2.0
 * channel.h: the channels that carry messages (message.h) between our processes.
 *
 * A frame is one SOCK_SEQPACKET packet: one or more messages back to back. A message with a
 * descriptor stands alone in its frame. The receiver checks every length against the table, allows
 * only the types its rules name, and closes the channel otherwise: identity is which socket, never
 * a field. A handler refuses what does not fit its state (ipc_refuse), with the same end. Messages
 * sent in one turn of the loop share frames.
 */
#pragma once
#include "ipc/message.h"

struct loop;
struct ipc_channel;

enum {
    IPC_FRAME_MAX = 160 * 1024,          /* octets of one frame */
    IPC_BACKLOG_MAX = 256 * 1024 * 1024, /* octets waiting for a peer that does not read */
};

/* The handler of each message: void on_x(void *owner, struct ipc_channel *ch, const struct ipc_x
 * *m), and where a descriptor may come with it a last parameter int fd: -1, or a descriptor that
 * the handler takes. *m is borrowed. */
#define IPC_HANDLER_none(name) \
    void (*name)(void *, struct ipc_channel *, const struct ipc_##name *);
#define IPC_HANDLER_always(name) \
    void (*name)(void *, struct ipc_channel *, const struct ipc_##name *, int);
#define IPC_HANDLER_sometimes(name)           IPC_HANDLER_always(name)
#define IPC_HANDLER(number, name, descriptor) IPC_HANDLER_##descriptor(name)
union ipc_handler {
    IPC_MESSAGES(IPC_HANDLER)
};
#define IPC_WITHOUT(number, name, descriptor) IPC_HANDLER_none(name)
union ipc_without {
    IPC_MESSAGES(IPC_WITHOUT)
};
typedef void (*ipc_closed)(void *owner, struct ipc_channel *ch);

/* What one process accepts from one kind of peer; anything else closes the channel. */
struct ipc_rule {
    enum ipc_type type;
    union ipc_handler handle;
    /* Instead of handle where a descriptor came with the message and this process had no room for
     * it: our own shortage, which says nothing about the peer. NULL: the channel is closed, the
     * peer not blamed. */
    bool has_without;
    union ipc_without without;
};
/* A row of a table of rules: a handler of another message's type does not compile. */
#define IPC_ON(name, function) \
    { \
        .type = IPC_##name, .handle.name = (function) \
    }
#define IPC_ON_OR(name, function, without_room) \
    { \
        .type = IPC_##name, .handle.name = (function), .has_without = true, \
        .without.name = (without_room) \
    }
#define IPC_RULES_END \
    { \
        .type = IPC_none \
    }
/* Runs the rule's handler for a message of its type. Takes fd. For channels, and for tests. */
void ipc_rule_call(const struct ipc_rule *rule, void *owner, struct ipc_channel *ch,
                   const struct ipc_msg *m, int fd);

/* Takes fd. `name` (borrowed) is for the log. `rules` (borrowed) ends with type IPC_none. on_close
 * runs once, when the peer is gone or broke the rules; the channel is freed right after it. */
struct ipc_channel *ipc_channel_new(struct loop *l, int fd, const char *name,
                                    const struct ipc_rule *rules, ipc_closed on_close, void *owner);
/* Frees without calling on_close: what the peer said and nobody read is lost. Safe inside a
 * handler. NULL is harmless. */
void ipc_channel_free(struct ipc_channel *ch);
/* The peer is gone, although its end was not heard yet (its successor is there), or is given up:
 * what it said before goes to the handlers, and nothing it says later; then on_close runs, and
 * the channel is freed. NULL is harmless. */
void ipc_channel_end(struct ipc_channel *ch);
/* The owner may hang one pointer on a channel. */
void ipc_channel_set_data(struct ipc_channel *ch, void *data);
void *ipc_channel_data(const struct ipc_channel *ch);
/* Queues a message for the end of the turn. A peer that cannot take it is treated as gone: the
 * channel closes once what it said before was read. Messages for which this process lacks something
 * (memory, descriptors in transit) wait. NULL channel: the message is dropped. */
void ipc_send(struct ipc_channel *ch, const struct ipc_msg *m);
/* The same, but it leaves in this call with all that was queued before: for what must be heard
 * even if this process ends in this very turn. */
void ipc_send_now(struct ipc_channel *ch, const struct ipc_msg *m);
/* What was queued leaves in this call. NULL is harmless. */
void ipc_flush(struct ipc_channel *ch);
/* The same as ipc_send() with a descriptor. Takes fd, also where the message is dropped. */
void ipc_send_fd(struct ipc_channel *ch, const struct ipc_msg *m, int fd);
/* For handlers: what the peer said does not fit (a lease that is another's, an order that cannot
 * be). Logged and counted; the channel is closed when the handler returns. why: a few words for
 * the log. In on_close: how it ended does not fit what it had to do. */
void ipc_refuse(struct ipc_channel *ch, const char *why);
/* The same outside of a handler of that message, or for what did not come: type is of it. */
void ipc_refuse_about(struct ipc_channel *ch, enum ipc_type type, const char *why);
/* For on_close: whether the channel ends because the peer broke the rules. */
bool ipc_misused(const struct ipc_channel *ch);
/* How many messages of peers were refused in this process, malformed ones too. */
uint64_t ipc_refused(void);
/* Octets waiting to be taken by the peer. */
size_t ipc_backlog(const struct ipc_channel *ch);

/* Told of every channel that the peer left or that broke, with its descriptor (still open),
 * after on_close; misused: the peer broke the rules. One per process. */
typedef void (*ipc_lost)(void *arg, int fd, bool misused);
void ipc_on_lost(ipc_lost told, void *arg);

/* Makes a connected pair with the buffer sizes channels want. 0 or -errno. */
int ipc_pair(int ret_fds[2]) MUST_USE;

/* Blocking use, for the postern command and proc/signing.c only: one message at a time. */
int ipc_call_send(int fd, const struct ipc_msg *m) MUST_USE;
/* Reads the next message; frame (at least IPC_FRAME_MAX octets, rest kept in *pending) is
 * borrowed. */
int ipc_call_recv(int fd, char *frame, struct str *pending, struct ipc_msg *ret) MUST_USE;
