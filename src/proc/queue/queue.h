/* SPDX-License-Identifier: Apache-2.0
 * queue.h: the queue process, which owns the state of every message: its rooms, and what all of
 * them have at hand. Each room is a folder with a header of its name:
 *
 *   intake      mail comes in: who hands it in, their files and orders
 *   protection  what a mail needs, its ladder, senders who are asked
 *   schedule    what is delivered next, and what has waited too long
 *   delivery    deliveries, bounces and notices under way, and their outcomes
 *   workers     the processes that deliver and inspect
 *   domains     what is known of the domains that mail goes to
 *   pickup      the portal: envelopes, visits, proofs, conversations
 *   admin       what administrators ask and do, accounts and groups, figures
 */
#pragma once
#include "store/read.h"
#include "policy/policy.h"
#include "proc/child.h"
#include "proc/queue/admin/admin.h"
#include "proc/queue/delivery/delivery.h"
#include "proc/queue/domains/domains.h"
#include "proc/queue/intake/intake.h"
#include "proc/queue/pickup/pickup.h"
#include "proc/queue/protection/protection.h"
#include "proc/queue/schedule/schedule.h"
#include "proc/queue/workers/workers.h"

/* When all rooms are called on. */
enum room_moment {
    ROOM_INIT,   /* once, before all else */
    ROOM_LOAD,   /* the store is there */
    ROOM_TICK,   /* every few seconds, after the schedule's own */
    ROOM_RELOAD, /* another configuration is about to be in force */
    ROOM_MOMENTS
};

/* What the process calls on a room for. Any may be NULL. */
struct room {
    void (*at[ROOM_MOMENTS])(struct queue *q);
    /* a smtpout ended, which had that place and that channel */
    void (*worker_gone)(struct queue *q, unsigned index, struct ipc_channel *ch);
    /* lookup, a login or a web ended */
    void (*peer_gone)(struct queue *q, enum role role, const struct ipc_channel *ch);
};
extern const struct room intake_room, schedule_room, delivery_room, workers_room, domains_room,
    pickup_room, admin_room;

struct queue {
    struct child *child;
    struct store *store;
    struct ipc_channel *keys;
    struct intake intake;
    struct protecting protection;
    struct schedule schedule;
    struct delivery delivery;
    struct workers workers;
    struct domains domains;
    struct pickup pickup;
    struct admin admin;
    uint64_t next_token;
    unsigned conf_generation; /* counts reloads, from 1 */
    /* the store is a copy that was put back: nothing of it goes out until somebody says so */
    bool restored;
    bool stopping;
    struct store_counts counts; /* as of the last look */
    /* commits (main.c) */
    struct timer *linger;           /* wakes us to commit what nobody waits for */
    struct store_gathered gathered; /* when last looked at */
    struct timer *settle;           /* takes over what waits in the journal */
    struct timer *rest;             /* nothing has come for a while */
    bool settling;                  /* the first of them runs */
    size_t batch_estimate;          /* messages of a batch, lately */
    /* messages for which one waits; batches since then that had them in time */
    size_t full, fills_in_time;
    bool writing_back; /* the log of commits, in a thread */
    /* since when any wait in the open batch (monotonic); 0: none do */
    int64_t outcomes_us, messages_us;
};

/* main.c */
void queue_tick(struct queue *q);
/* Makes durable what has been gathered, and tells who waits for that: recipients may become
 * ready. */
void queue_commit(struct queue *q);
