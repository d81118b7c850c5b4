/* SPDX-License-Identifier: Apache-2.0
 * ipc.h: typed messages between our processes, and the channels that carry them.
 *
 * A frame is one SOCK_SEQPACKET packet: one or more messages back to back, each with an 8-octet
 * head (type u16, flags u16, length u32, little endian) and its fields in table order. A message
 * with a descriptor stands alone in its frame. The receiver checks every length against the
 * table, allows only the types its rules name, and closes the channel otherwise: identity is
 * which socket, never a field. A handler refuses what does not fit its state (ipc_refuse), with
 * the same end. Messages sent in one turn of the loop share frames.
 */
#pragma once
#include "base/buf.h"
#include "records/records.def"
#include "sys/ipc_messages.def"
#include "sys/lease.h"

struct loop;
struct ipc_channel;

enum {
    IPC_FRAME_MAX = 160 * 1024, /* octets of one frame */
    IPC_HEAD = 8,
    IPC_BACKLOG_MAX = 256 * 1024 * 1024, /* octets waiting for a peer that does not read */
};

#define IPC_TYPE_u8    uint8_t
#define IPC_TYPE_u16   uint16_t
#define IPC_TYPE_u32   uint32_t
#define IPC_TYPE_u64   uint64_t
#define IPC_TYPE_i64   int64_t
#define IPC_TYPE_lease struct lease_id
#define IPC_TYPE_str   struct str
#define IPC_TYPE_bytes struct str
/* kinds of records/record.h */
#define IPC_TYPE_key                       uint64_t
#define IPC_TYPE_flag                      bool
#define IPC_TYPE_blob                      struct str
#define IPC_TYPE_rcpt_state                uint8_t
#define IPC_TYPE_rcpt_notice               uint8_t
#define IPC_STRUCT_FIELD(kind, field, max) IPC_TYPE_##kind field;
#define IPC_STRUCT(number, name) \
    struct ipc_##name { \
        IPC_FIELDS_##name(IPC_STRUCT_FIELD) \
    };
IPC_MESSAGES(IPC_STRUCT)

#define IPC_ENUM(number, name) IPC_##name = (number),
enum ipc_type { IPC_none = 0, IPC_MESSAGES(IPC_ENUM) };

#define IPC_UNION(number, name) struct ipc_##name name;
/* Views in a decoded message borrow the frame: copy what must outlive the handler. */
struct ipc_msg {
    enum ipc_type type;
    union {
        IPC_MESSAGES(IPC_UNION)
    };
};

const char *ipc_name(enum ipc_type type);
/* Appends head and fields. 0, -ENOSPC (buffer full) or -EMSGSIZE (a field over its maximum). */
int ipc_encode(const struct ipc_msg *m, struct buf *out) MUST_USE;
/* Takes one message off the front of *in. 0, -EBADMSG when malformed. *ret_flags: 1 = with fd,
 * as the table says of its type. */
int ipc_decode(struct str *in, struct ipc_msg *ret, unsigned *ret_flags) MUST_USE;

/* fd is -1 or a descriptor that the handler takes. */
typedef void (*ipc_handler)(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd);
typedef void (*ipc_closed)(void *owner, struct ipc_channel *ch);

/* What one process accepts from one kind of peer; anything else closes the channel. */
struct ipc_rule {
    enum ipc_type type;
    ipc_handler handle;
    /* Instead of handle (fd is -1) where a descriptor came with the message and this process had
     * no room for it: a lack of ours, and no sign of what the peer meant. NULL: the channel is
     * closed, the peer not blamed. */
    ipc_handler without;
};

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
/* Queues a message for the end of the turn. A peer that cannot take it is as good as gone: the
 * channel closes once what it said before was read. What this process lacks something for
 * (memory, descriptors under way) waits. NULL channel: the message is dropped. */
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
void ipc_refuse(struct ipc_channel *ch, enum ipc_type type, const char *why);
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
