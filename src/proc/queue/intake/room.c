/* SPDX-License-Identifier: Apache-2.0
 * room.c: when the process calls on this room, and for what. Called by main.c.
 */
#include "base/clock.h"
#include "base/random.h"
#include "proc/queue/queue.h"

static void intake_init(struct queue *q)
{
    q->intake.started_ms = clock_wall_ms();
    random_bytes(&q->intake.writers, sizeof q->intake.writers);
    q->intake.recent = map_new(RECENT_IDS + 1);
    orders_init(q);
}

static void intake_worker_gone(struct queue *q, unsigned index, struct ipc_channel *ch)
{
    orders_worker_gone(q, index);
}

const struct room intake_room = {
    .at[ROOM_INIT] = intake_init,
    .at[ROOM_TICK] = queue_check_space,
    .worker_gone = intake_worker_gone,
};
