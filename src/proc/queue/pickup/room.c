/* SPDX-License-Identifier: Apache-2.0
 * room.c: when the process calls on this room, and for what. Called by main.c.
 */
#include "proc/queue/pickup/guessing.h"
#include "proc/queue/pickup/proofs.h"
#include "proc/queue/pickup/visits.h"
#include "proc/queue/queue.h"

static void pickup_init(struct queue *q)
{
    q->pickup.notices = map_new(100000);
    visits_init(q);
    guessing_init(q);
    proofs_init();
}

static void pickup_tick(struct queue *q)
{
    if (!q->restored) {
        pickup_due(q);
    }
    visits_tick(q);
    proofs_tick(q);
}

static void pickup_reload(struct queue *q)
{
    proofs_forget();
}

static void pickup_peer_gone(struct queue *q, enum role role, const struct ipc_channel *ch)
{
    if (role == ROLE_WEB) {
        portal_web_gone(q, ch);
        return;
    }
    proofs_peer_gone(q, ch);
    if (role == ROLE_LOGIN) {
        portal_login_gone(ch);
        guessing_login_gone(q, ch);
    }
}

const struct room pickup_room = {
    .at[ROOM_INIT] = pickup_init,
    .at[ROOM_LOAD] = guessing_load,
    .at[ROOM_TICK] = pickup_tick,
    .at[ROOM_RELOAD] = pickup_reload,
    .peer_gone = pickup_peer_gone,
};
