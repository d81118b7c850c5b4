/* SPDX-License-Identifier: Apache-2.0
 * channels.c: the channels of this version, a row each (channel.h), beside transport: the portal, a
 * person, and back to the sender. Called by protection.c, job.c, inspect.c, portal.c and admin.c.
 * A further one is a row here, its row in policy/ladder.h, and where a process makes something of
 * its mail a destination (policy/hop.h) and a kind of job (ipc/job_kinds.h).
 */
#include "proc/queue/pickup/pickup.h"
#include "proc/queue/protection/channel.h"

static void portal_take(const struct channel_call *call)
{
    channel_wait(call, HOP_PORTAL, REASON_PICKUP);
}

static void portal_done(struct job *j, const struct ipc_prepared *m)
{
    pickup_prepared(j, m->ok, m->attachments, m->name, m->subject);
}

const channel_table channels_built = {
    [CHANNEL_TLS] = {.fate = FATE_TLS},
    [CHANNEL_SMIME] = {.fate = FATE_BACK},
    [CHANNEL_PGP] = {.fate = FATE_BACK},
    [CHANNEL_PORTAL] =
        {
            .take = portal_take,
            .making =
                {
                    .hop = HOP_PORTAL,
                    .job = JOB_PREPARE,
                    .busy = "is being prepared for the portal",
                    .piece = pickup_piece,
                    .done = portal_done,
                    .lost = pickup_lost,
                },
            .fate = FATE_PORTAL,
        },
    [CHANNEL_HOLD] = {.take = channel_hold, .fate = FATE_HELD},
    [CHANNEL_DROP] = {.take = channel_drop, .fate = FATE_BACK},
};
