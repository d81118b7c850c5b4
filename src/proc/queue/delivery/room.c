/* SPDX-License-Identifier: Apache-2.0
 * room.c: when the process calls on this room, and for what. Called by main.c.
 */
#include "proc/queue/queue.h"

static void delivery_init(struct queue *q)
{
    q->delivery.jobs = map_new(1000000);
    q->delivery.bouncing = map_new(1000000);
    q->delivery.told = map_new(TOLD_MAX);
}

static void delivery_tick(struct queue *q)
{
    q->delivery.bounces_due = true; /* those that could not be written before */
    if (!q->restored) {
        told_tick(q);
        damage_tick(q);
    }
}

static void delivery_worker_gone(struct queue *q, unsigned index, struct ipc_channel *ch)
{
    queue_worker_gone(q, index);
}

const struct room delivery_room = {
    .at[ROOM_INIT] = delivery_init,
    .at[ROOM_TICK] = delivery_tick,
    .worker_gone = delivery_worker_gone,
};
