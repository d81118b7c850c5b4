/* SPDX-License-Identifier: Apache-2.0
 * intake.h: mail comes in: who hands it in, their files and orders, what is taken. A room of the
 * queue process (queue.h).
 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "ipc/channel.h"
#include "store/store.h"

struct queue;

enum {
    CACHED_OCTETS_MAX = 64 * 1024 * 1024, /* bodies kept in memory between commit and delivery */
};
enum { RECENT_IDS = 32768 };

/* Another process, as long as anything refers to it; channel is NULL once it is gone. */
struct peer {
    struct ipc_channel *channel;
    unsigned refs;
    /* smtpin; web: answers written in the portal; smtpout: bounces, alarms and TLS reports of
     * our own */
    enum role role;
    unsigned index;
    struct queue *queue;
    uint32_t writer;    /* of spool files: each life of a process another */
    struct link spools; /* files that it may write, and name in a submit */
    size_t n_spools;
    struct link pending; /* recipients that came before their submit */
    size_t n_pending;
};

struct pending_rcpt {
    struct link link;
    uint64_t token;
    char *forward_path, *orcpt;
    uint8_t notify;
};

/* Mail that a smtpout is to write (orders.c). */
struct order {
    struct lease_id lease;
    enum about about;
    uint64_t about_id, bounce_of;
    char to[1025];
};

/* A message kept in memory from its commit until it was handed out, so that it is not read back. */
struct cached {
    unsigned refs;
    struct requester *requester; /* the client still waits for the inspection; NULL: it does not */
    struct store_message m;      /* strings in `arena` */
    struct arena arena;
};

/* A client whose answer depends on the inspection; holds a reference to its message. */
struct requester {
    struct queue *queue;
    struct peer *peer;
    uint64_t token;
    size_t open; /* recipients not decided */
    bool goes;   /* to some of those that are decided */
    struct timer *timer;
};

struct intake {
    uint64_t accepted, refused;
    size_t cached_octets;
    bool no_space;
    int64_t checked_space_ms;
    struct map *recent; /* ids of the messages that came last */
    uint64_t recent_ids[RECENT_IDS];
    uint64_t n_recent;
    int64_t started_ms;
    uint32_t writers;   /* numbers given to writers of spool files; begins anywhere */
    struct map *orders; /* lease -> mail to be written */
    struct link orders_by_age;
};

/* submit.c */
extern const struct ipc_rule queue_smtpin_rules[];
void queue_on_submit(void *owner, struct ipc_channel *ch, const struct ipc_submit *m);
void queue_cached_release(struct queue *q, struct cached *h);

/* peer.c */
struct peer *queue_peer_new(struct queue *q, int fd, enum role role, unsigned index,
                            const struct ipc_rule *rules, ipc_closed closed);
void queue_peer_gone(struct ipc_channel *ch);
void queue_peer_unref(struct peer *p);
void queue_check_space(struct queue *q);
void queue_on_submit_rcpt(void *owner, struct ipc_channel *ch, const struct ipc_submit_rcpt *m);
void queue_on_spool_open(void *owner, struct ipc_channel *ch, const struct ipc_spool_open *m);
void queue_on_spool_drop(void *owner, struct ipc_channel *ch, const struct ipc_spool_drop *m);
/* Those of a message leave the peer, for the list `to`. */
void peer_take_pending(struct peer *p, uint64_t token, struct link *to);
/* One that was taken. */
void peer_drop_pending(struct pending_rcpt *r);
/* The file becomes a message's: true when it was given to this peer (or none is named). */
bool peer_takes_spool(struct peer *p, struct str name);
/* Whether a message may have this id: of this process's making, and new. *ret_look: as far as
 * memory goes back; the store must not have it. */
bool peer_makes_id(struct peer *p, uint64_t id, bool *ret_look);

/* orders.c */
void orders_init(struct queue *q);
/* Notes that this smtpout is to write a mail; its lease goes with the question. to: copied. */
struct lease_id orders_give(struct queue *q, unsigned smtpout, enum about about, uint64_t about_id,
                            struct str to);
/* What comes back under this lease: false, it was not ordered of this smtpout. */
bool orders_take(struct queue *q, unsigned smtpout, const struct lease_id *lease,
                 struct order *ret);
/* Whether anybody has it still: a job may be deleted, an order may be too old, while its mail is
 * written. */
bool orders_known(const struct queue *q, const struct lease_id *lease);
void orders_end(struct queue *q, const struct lease_id *lease);
void orders_worker_gone(struct queue *q, unsigned smtpout);

/* submit.c */
/* What became of a submission; refusal: the words for the client where its content was refused,
 * or NULL. Borrows both. */
void queue_answer(struct queue *q, struct ipc_channel *ch, uint64_t token, enum store_result result,
                  const char *refusal);
