/* SPDX-License-Identifier: Apache-2.0
 * workers.h: the processes that deliver and inspect: who is there, who takes what it is given. A
 * room of the queue process (queue.h).
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "ipc/channel.h"
#include "proc/queue/delivery/delivery.h"
#include "proc/queue/intake/intake.h"

struct queue;

enum {
    SMTPOUT_MAX = 64,
    INSPECT_MAX = 64,
    /* with those that finish their last message while their successors work */
    INSPECTORS = 2 * INSPECT_MAX,
};

/* A mail of our own; all views are borrowed. */
struct system_mail {
    enum about about;
    uint64_t about_id;
    struct str to, subject, text;
};

/* What one life of a worker took of what it was given (taking.c). */
struct taking {
    bool given, taken;    /* anything */
    unsigned *idle_lives; /* of that process, one after the other, in which it took nothing */
};

struct inspector {
    struct ipc_channel *channel; /* NULL: not there */
    struct lease_id lease;       /* none: free */
    unsigned index;              /* of the process */
    bool ready, leaves;          /* ready: it reads */
    struct taking taking;
};

struct workers {
    struct ipc_channel *joined[SMTPOUT_MAX];  /* of each smtpout */
    struct ipc_channel *smtpout[SMTPOUT_MAX]; /* of those that read */
    unsigned n_smtpout;
    struct taking takings[SMTPOUT_MAX];
    unsigned idle_smtpout[SMTPOUT_MAX], idle_inspect[INSPECT_MAX]; /* taking.c */
    int64_t taking_looked_ms;
    struct link letters; /* mails of our own that wait for one */
    size_t n_letters;
    struct inspector inspectors[INSPECTORS];
    struct map *awaited; /* message id -> cached message whose client waits for its inspection */
    uint64_t inspected, not_inspected;
};

/* taking.c: whether workers take what they are given, and end it */
void taking_given(struct taking *t, struct job *j);
/* It said that it has it, for the first time or still. */
void taking_taken(struct taking *t, struct job *j);
/* The last lives of this process took nothing, and this one has not taken what it was given:
 * another is better. */
bool taking_is_on_trial(const struct taking *t);
/* In on_close of its channel. */
void taking_ended(const struct queue *q, const struct taking *t, struct ipc_channel *ch);
void taking_tick(struct queue *q);

/* inspect.c */
/* Of the inspector that has it; NULL: none. */
struct ipc_channel *inspect_channel_of(const struct queue *q, const struct job *j);
/* The recipients of such a job go where they belong; the job is over. */
void inspect_items_done(struct job *j);
/* Inspectors that could take a message now. */
unsigned inspect_free(const struct queue *q);
/* The client of a message that is to be inspected waits for its answer. False: it does not,
 * answer it. */
bool inspect_makes_wait(struct queue *q, struct cached *h, struct peer *p, uint64_t token,
                        size_t n_rcpts);
void inspect_init(struct queue *q);
/* A message whose client waits so, or NULL: with it the verdict is the answer, however often it
 * was asked for. */
struct cached *inspect_awaited(const struct queue *q, uint64_t id);
void inspect_send(struct job *j, const struct store_message *m, int spool); /* takes spool */
void inspect_join(struct queue *q, unsigned index, int fd);

/* workers.c: which smtpout does what */
/* A job given to a worker that is not there would wait for ever. */
bool queue_can_send(const struct queue *q);
/* A smtpout reads from now on. */
void worker_on_ready(void *owner, struct ipc_channel *ch, const struct ipc_worker_ready *m);
/* The first that is there, from that place on, and not on trial (taking.c) if there is such a
 * one; -1: none is. */
int worker_from(const struct queue *q, unsigned place);
/* For a delivery of so many octets (0: not known) to that destination (NULL: for a mail of our
 * own); 0 where none is. */
unsigned worker_for(const struct queue *q, const struct sched_destination *d, uint64_t octets);
/* NULL: none is there. */
struct ipc_channel *worker_any(const struct queue *q);
/* Has one of them write a mail of our own, now or when one is there. Copies. */
void worker_write(struct queue *q, const struct system_mail *mail);
/* At the end of each turn. */
void worker_write_kept(struct queue *q);
