/* SPDX-License-Identifier: Apache-2.0
 * room.c: when the process calls on this room, and for what. Called by main.c.
 */
#include "proc/queue/queue.h"

static void schedule_init(struct queue *q)
{
    q->schedule.leased = map_new(10000000);
}

const struct room schedule_room = {
    .at[ROOM_INIT] = schedule_init,
    .at[ROOM_LOAD] = queue_load,
};
