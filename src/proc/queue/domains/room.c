/* SPDX-License-Identifier: Apache-2.0
 * room.c: when the process calls on this room, and for what. Called by main.c.
 */
#include "proc/queue/queue.h"

static void domains_init(struct queue *q)
{
    q->domains.known = map_new(DOMAINS_MAX);
    list_init(&q->domains.probings);
    list_init(&q->domains.asked);
    list_init(&q->domains.writings);
}

static void domains_load_all(struct queue *q)
{
    domains_load(q);
    exceptions_load(q);
    monitor_start(q);
    q->domains.alarms_due = true;
}

static void domains_reload(struct queue *q)
{
    q->domains.relist = true; /* once it is in force */
}

static void domains_worker_gone(struct queue *q, unsigned index, struct ipc_channel *ch)
{
    monitor_worker_gone(q, index);
}

static void domains_peer_gone(struct queue *q, enum role role, const struct ipc_channel *ch)
{
    if (role == ROLE_LOOKUP) {
        q->domains.lookup = NULL;
        policies_lookup_gone();
    }
}

const struct room domains_room = {
    .at[ROOM_INIT] = domains_init,
    .at[ROOM_LOAD] = domains_load_all,
    .at[ROOM_RELOAD] = domains_reload,
    .worker_gone = domains_worker_gone,
    .peer_gone = domains_peer_gone,
};
