/* SPDX-License-Identifier: Apache-2.0
 * delivery.h: deliveries, bounces and notices under way in workers, and what came of them. A
 * room of the queue process (queue.h).
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "ipc/channel.h"
#include "proc/queue/intake/intake.h"
#include "sched/sched.h"
#include "store/store.h"

struct queue;

enum {
    JOB_RCPTS_MAX = SCHED_JOB_RCPTS,
    JOB_ARENA_MAX = 4 * 1024 * 1024,
    DEATHS_MAX = 2, /* of workers over one message, then it is held */
};

/* A recipient in memory, waiting for or under delivery. */
struct item {
    struct sched_item place; /* first: in its lane, or among its job's */
    struct store_rcpt r;     /* strings in `text` */
    struct cached *cached;   /* or NULL: read the message from the store */
    bool answered;           /* an outcome has come */
    bool kept;               /* and was given to the store before the job's end */
    /* since when it counts as an arrival (sched/arrivals.h); 0: it never did */
    int64_t fresh_since;
    struct arena text;
};

struct job {
    struct lease_id lease;
    uint64_t id;
    uint64_t bounce_of; /* the message is our notice about that one; 0: it is none */
    enum job_kind kind;
    struct sched_destination *to; /* NULL for bounces */
    unsigned smtpout;
    struct link items;
    int64_t arrived_ms;
    struct str reverse_path; /* of a bounce or notice: whom it tells */
    bool null_reverse_path, inside_sender, tls_offered, bounce_stored;
    /* its worker said that it has it: if that ends now, it may be because of this message */
    bool taken;
    bool late;        /* it did nothing of what it has to for too long, when last looked */
    int64_t given_ms; /* to its worker (monotonic); 0: it was not */
    int64_t heard_ms; /* when that last said that it has it */
    /* its outcome is known and being written: a worker that dies changes nothing any more */
    bool saving;
    unsigned n_items;   /* of a bounce */
    uint32_t deaths;    /* workers that died over the message before */
    struct arena arena; /* of the attempts and texts below */
    /* of an inspection */
    struct store_message message; /* its envelope */
    struct str facts;             /* what was found */
    char refusal[480];            /* the answer to the client that waits, "": none */
    struct buf prepared;          /* what readers will see of it, sealed */
    uint32_t attachments;
    bool too_much;            /* of it came: it is not believed */
    struct str name, subject; /* of its author; of it */
    /* read before its envelopes are made: what waits in the portal, is its conversation there */
    uint64_t waiting_octets;
    bool thread_there;
    struct store_reading *reading; /* for the job; NULL: none is under way */
    const char *copies[8];         /* who got one already */
    size_t n_copies;
    struct store_attempt *attempts[160]; /* ROUND_MOST_TRIES, and hosts ruled out before */
    /* kept: the first ones, given to the store; durable: and it holds them */
    size_t n_attempts, n_kept, n_durable;
    struct queue *queue;
    struct timer *retry; /* saving failed: try again */
};

struct delivery {
    struct map *jobs;     /* lease -> job */
    struct map *bouncing; /* message id -> job */
    bool bounces_due, bounces_reading;
    struct map *told; /* message id -> letter to its sender on its way (told.c) */
    int64_t told_looked_ms, damage_looked_ms; /* monotonic */
    uint64_t delivered, deferred, failed;
    /* what became of recipients, how often */
    uint32_t outcomes[RCPT_STATE_END][REASON_END][GRADE_END];
    uint64_t unknown_outcomes; /* of deliveries that nobody had under way */
    uint64_t saved_from_clear; /* attempts that an opportunistic server would have made in clear */
};

/* job.c */
void queue_job_free(struct job *j);
/* Its worker ended. If that had the message, this counts; true: too often for it to be tried
 * again. */
bool queue_job_died(struct job *j);
/* An administrator releases it: those that died over it before count no more. */
void queue_forget_deaths(struct queue *q, uint64_t id);
void queue_job_start(struct queue *q, struct sched_destination *d, struct link *items);
void queue_bounce_start(struct queue *q);
/* Inside senders whose mail waits for a secure connection are told. */
void queue_notice_start(struct queue *q);
void queue_worker_gone(struct queue *q, unsigned index);

/* outcome.c: what smtpout tells */
extern const struct ipc_rule queue_smtpout_rules[];

/* told.c: senders who hear once what was done with their mail */
enum { TOLD_MAX = 64 };
void told_tick(struct queue *q);
/* The letter about that message is being stored: in the same commit its sender is told. The
 * recipients that need no bounce any more go to rcpts; how many. */
size_t told_stored(struct queue *q, uint64_t id, uint64_t *rcpts, size_t max);

/* damage.c: letters to senders of mail that the disk lost */
void damage_tick(struct queue *q);
