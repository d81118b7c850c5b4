/* SPDX-License-Identifier: Apache-2.0
 * workers.c: which smtpout does what. Called by whatever of queue has work for one.
 *
 * A destination has a home, so that its connections are found again and its messages come together; others help when
 * much is under way. What can go wrong: none is there (at the start, or all died): who asks waits, or goes without.
 */
#include "base/random.h"
#include "proc/queue/queue.h"

enum { PER_WORKER = 10 }; /* deliveries of one destination before another one helps */

int worker_from(const struct queue *q, unsigned place)
{
    for (unsigned i = 0; i < q->n_smtpout; i++) {
        unsigned at = (place % q->n_smtpout + i) % q->n_smtpout;
        if (q->smtpout[at]) {
            return (int)at;
        }
    }
    return -1;
}

unsigned worker_for(const struct queue *q, const struct destination *d)
{
    unsigned home = d ? (unsigned)(map_hash(str_c(d->name)) % SMTPOUT_MAX) : random_below(SMTPOUT_MAX);
    int at = worker_from(q, home + (d ? d->in_flight / PER_WORKER : 0));
    return at < 0 ? 0 : (unsigned)at;
}

struct ipc_channel *worker_any(const struct queue *q)
{
    int at = worker_from(q, 0);
    return at < 0 ? NULL : q->smtpout[at];
}

bool queue_can_send(const struct queue *q)
{
    return q->keys && worker_any(q);
}

bool worker_write(const struct queue *q, const struct ipc_own_mail *mail)
{
    struct ipc_channel *to = worker_any(q);
    if (to) {
        ipc_send(to, &(struct ipc_msg){.type = IPC_own_mail, .own_mail = *mail});
    }
    return to != NULL;
}
