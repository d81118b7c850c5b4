/* SPDX-License-Identifier: Apache-2.0
 * schedule.h: what is delivered next, and what has waited too long: the scheduler (sched/) with its
 * clock, and the store behind it. A room of the queue process (queue.h).
 */
#pragma once
#include "base/map.h"
#include "proc/queue/delivery/delivery.h"
#include "sched/arrivals.h"
#include "sched/jump.h"
#include "sched/retry.h"
#include "sched/sched.h"

struct queue;
struct conf;

/* What overdue.c found at its last look, and since the start. */
struct overdue {
    int64_t looked_ms; /* monotonic */
    uint64_t now;      /* recipients that waited without a reason, at the last look */
    uint64_t mended;   /* since the start */
};

struct schedule {
    struct sched engine;
    struct jump jump;
    struct arrivals arrivals;
    const struct conf *scheduled_by; /* the configuration whose rules the scheduler has */
    struct overdue overdue;
    struct map *leased; /* recipient number -> item */
    struct timer *tick;
    int64_t tick_at_ms; /* monotonic: when it will come */
};

/* schedule.c */
struct sched_time queue_now(void);
struct sched_means queue_means(const struct queue *q);
struct sched_destination *queue_destination(struct queue *q, struct str name);
/* Puts a recipient in memory behind its destination, or leaves it to the store. Copies r. */
void queue_ready(struct queue *q, const struct store_rcpt *r, struct cached *cached);
/* Deliveries that arrivals of the last moments are ahead of: smtpin lets senders in by it. */
uint32_t queue_fresh(struct queue *q);
void queue_pump_soon(struct queue *q, struct sched_destination *d);
void queue_pump(struct queue *q); /* at the end of the turn */
void queue_load(struct queue *q);
void queue_item_free(struct queue *q, struct item *it);
/* Something of it in the store is due then (wall clock). */
void queue_retry_at(struct queue *q, struct sched_destination *d, int64_t next_ms);
/* An administrator wants it tried now: a pause is over, too. */
void queue_retry_now(struct queue *q, struct sched_destination *d);
/* A delivery ended: whether the destination could be talked to at all. */
void queue_learn(struct queue *q, struct sched_destination *d, bool reached);
/* Takes a waiting recipient out of memory (its row changed); one under way stays. */
void queue_forget_ready(struct queue *q, uint64_t rcpt);
void queue_reroute(struct queue *q);
/* The clock is believed: something may end because of its age. */
bool queue_may_expire(const struct queue *q);

/* expiry.c */
/* Gives up what is too old, tried or not. */
void expiry_tick(struct queue *q);
/* What the configuration says about retries. */
struct retry_rules expiry_rules(const struct queue *q);
/* The reason is a failure of our own processes: no attempt, and no answer of the other side. */
bool expiry_is_ours(const struct store_rcpt *r);
/* Of one that expired: the reason of its last attempt stays if it was one of the other side;
 * else that its time is over. */
void expiry_reason(struct store_rcpt *r);

/* endings.c */
/* The recipient is now in r->state for r->reason, without an attempt: into the log and the
 * counts. */
void ending_note(struct queue *q, const struct store_rcpt *r);

/* overdue.c */
/* What an earlier process woke is of the past: everything is read anew. */
void overdue_start(struct queue *q);
/* Looks for recipients that wait for nothing, from time to time; wakes them. */
void overdue_tick(struct queue *q);
/* The same now, and as exact as it can be: what is overdue by seconds, whatever first-retry. */
void overdue_look(struct queue *q);
