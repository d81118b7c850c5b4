/* SPDX-License-Identifier: Apache-2.0
 * room.c: when the process calls on this room, and for what. Called by main.c.
 */
#include "proc/queue/queue.h"

static void workers_init(struct queue *q)
{
    list_init(&q->workers.letters);
    inspect_init(q);
}

static void workers_smtpout_gone(struct queue *q, unsigned index, struct ipc_channel *ch)
{
    q->workers.joined[index] = q->workers.smtpout[index] = NULL;
    taking_ended(q, &q->workers.takings[index], ch);
}

const struct room workers_room = {
    .at[ROOM_INIT] = workers_init,
    .at[ROOM_TICK] = taking_tick,
    .worker_gone = workers_smtpout_gone,
};
