/* SPDX-License-Identifier: Apache-2.0
 * taking.c: whether workers (smtpout, inspect) take what they are given. Called by main.c,
 * outcome.c, inspect.c and, with its ticks, by schedule.c.
 *
 * A worker is given something once it said that it reads (worker_ready), and says first that it
 * has it (lease_taken). Its end counts against a message only then, so one that never says it,
 * or dies before, could be given the same again for ever. Hence:
 *
 *   - a life that was given something and took nothing, after another such life of the same
 *     process: a misuse;
 *   - one that lives on and does not take what it was given for TAKE_MS: a misuse, and what it
 *     has is given to another;
 *   - a process whose last lives took nothing is given one thing as a trial, and nothing more
 *     where another is there.
 *
 * posternd ends who misuses its channel, replaces it, and keeps it down after several times
 * (cmd/posternd/misuse.c). The message goes on meanwhile: none of this counts against it.
 *
 * A process that is killed or stopped in the moment between is no misuser: one such life says
 * nothing, and time that this process did not look is not counted (two looks).
 */
#include "base/clock.h"
#include "proc/queue/queue.h"

enum { IDLE_LIVES = 2, TAKE_MS = 2 * 60 * 1000, LOOK_MS = 5 * 1000 };

void taking_given(struct taking *t, struct job *j)
{
    t->given = true;
    j->given_ms = clock_mono_ms();
}

void taking_taken(struct taking *t, struct job *j)
{
    t->taken = j->taken = true;
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
        ipc_refuse(ch, IPC_lease_taken,
                   "again it ended and had taken nothing of what it was given");
    }
}

static struct ipc_channel *worker_of(const struct queue *q, const struct job *j)
{
    return j->kind == JOB_INSPECT || j->kind == JOB_PREPARE ? inspect_channel_of(q, j)
                                                            : q->smtpout[j->smtpout];
}

/* It may have been said while this process did not read: what is late at one look has until the
 * next. */
static void look_at(const struct queue *q, struct job *j, int64_t now)
{
    struct ipc_channel *ch = worker_of(q, j);
    if (j->given_ms == 0 || j->taken || j->saving || now - j->given_ms < TAKE_MS || !ch) {
        return;
    }
    if (j->late && !ipc_misused(ch)) {
        ipc_refuse(ch, IPC_lease_taken, "it does not take what it was given");
    }
    j->late = true;
}

void taking_tick(struct queue *q)
{
    int64_t now = clock_mono_ms();
    size_t cursor = 0;
    struct str key;
    void *value;
    if (now - q->taking_looked_ms < LOOK_MS) {
        return;
    }
    q->taking_looked_ms = now;
    while (map_next(q->jobs, &cursor, &key, &value)) {
        look_at(q, value, now);
    }
}
