/* SPDX-License-Identifier: Apache-2.0
 * room.c: when the process calls on this room, and for what. Called by main.c.
 */
#include "proc/queue/queue.h"

static void admin_load(struct queue *q)
{
    accounts_load(q);
    groups_load(q);
}

static void admin_peer_gone(struct queue *q, enum role role, const struct ipc_channel *ch)
{
    for (size_t i = 0; i < LOGIN_MAX; i++) {
        q->admin.logins[i] = q->admin.logins[i] == ch ? NULL : q->admin.logins[i];
    }
}

const struct room admin_room = {
    .at[ROOM_LOAD] = admin_load,
    .at[ROOM_RELOAD] = groups_ask_soon,
    .peer_gone = admin_peer_gone,
};
