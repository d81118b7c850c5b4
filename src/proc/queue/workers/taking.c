/* SPDX-License-Identifier: Apache-2.0
 * taking.c: whether workers (smtpout, inspect) take what they are given, and end it. Called by
 * main.c, outcome.c, inspect.c and, with its ticks, by schedule.c.
 *
 * A worker is given something once it said that it reads (worker_ready), and says first that it
 * has it (lease_taken). Its end counts against a message only then, so one that never says it,
 * or dies before, could be given the same again for ever. Hence:
 *
 *   - a life that was given something and took nothing, after another such life of the same
 *     process: a misuse;
 *   - one that lives on and does not take what it was given for TAKE_MS: a misuse, and what it
 *  *   - a process whose last lives took nothing is given one thing as a trial, and nothing more
 *     where another is there.
 *
 * posternd ends who misuses its channel, replaces it, and keeps it down after several times
 * (cmd/posternd/misuse.c). The message goes on meanwhile. Against it counts only the end of a
 * process that had taken it (job.c).
 *
 * A process that is killed or stopped in the moment between is no misuser: one such life says
 * nothing, and time that this process did not look is not counted (two looks).
 */
#include "base/clock.h"
#include "proc/queue/queue.h"

enum {
    IDLE_LIVES = 2,
    TAKE_MS = 2 * 60 * 1000,
    DELIVERY_MS = 24 * 60 * 60 * 1000,
    LOOK_MS = 5 * 1000,
};
_Static_assert((int)TAKE_MS >= 3 * (int)STILL_MS, "it is heard of in time");

void taking_given(struct taking *t, struct job *j)
{
    t->given = true;
    j->given_ms = j->heard_ms = clock_mono_ms();
}

void taking_taken(struct taking *t, struct job *j)
{
    j->late &= j->taken; /* it was for not taking it */
    t->taken = j->taken = true;
    j->heard_ms = clock_mono_ms();
    *t->idle_lives = 0;
}

static bool is_doubtful(const struct taking *t)
{
    return *t->idle_lives >= IDLE_LIVES;
}

bool taking_is_on_trial(const struct taking *t)
{
    return is_doubtful(t) && t->given && !t->taken;
}

void taking_ended(const struct queue *q, const struct taking *t, struct ipc_channel *ch)
{
    if (!t->given || t->taken || q->stopping) {
        return;
    }
    ++*t->idle_lives;
    if (is_doubtful(t) && !ipc_misused(ch)) {
        ipc_refuse_about(ch, IPC_lease_taken,
                         "again it ended and had taken nothing of what it was given");
    }
}

static bool is_inspection(const struct job *j)
{
    return job_is_inspected(j->kind);
}

static struct ipc_channel *worker_of(const struct queue *q, const struct job *j)
{
    return is_inspection(j) ? inspect_channel_of(q, j) : q->workers.smtpout[j->smtpout];
}

/* Why its worker has had it too long; NULL: it has not. */
static const char *overstayed(const struct queue *q, const struct job *j, int64_t now)
{
    int64_t longest =
        is_inspection(j) ? child_conf(q->child)->inspection.time + TAKE_MS : (int64_t)DELIVERY_MS;
    if (!j->taken) {
        return now - j->given_ms >= TAKE_MS ? "it does not take what it was given" : NULL;
    }
    if (!is_inspection(j) && now - j->heard_ms >= TAKE_MS) {
        return "it does not speak any more of what it took";
    }
    return now - j->given_ms >= longest ? "it does not end what it took" : NULL;
}

/* It may have been said while this process did not read: what is late at one look has until the
 * next. */
static void look_at(const struct queue *q, struct job *j, int64_t now)
{
    struct ipc_channel *ch = worker_of(q, j);
    const char *why = j->given_ms == 0 || j->saving || !ch ? NULL : overstayed(q, j, now);
    if (why && j->late && !ipc_misused(ch)) {
        ipc_refuse_about(ch, IPC_lease_taken, why);
    }
    j->late = why != NULL;
}

void taking_tick(struct queue *q)
{
    int64_t now = clock_mono_ms();
    size_t cursor = 0;
    struct str key;
    void *value;
    if (now - q->workers.taking_looked_ms < LOOK_MS) {
        return;
    }
    q->workers.taking_looked_ms = now;
    while (map_next(q->delivery.jobs, &cursor, &key, &value)) {
        look_at(q, value, now);
    }
}
