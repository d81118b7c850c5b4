/* SPDX-License-Identifier: Apache-2.0
 * channels.h: a table of channels for tests that need to know which jobs the portal has, and make
 * nothing for it. Included by test_jobs.c and test_admin.c.
 */
#pragma once
#include "proc/queue/protection/channel.h"

const channel_table channels_built = {
    [CHANNEL_PORTAL] = {.making = {.hop = HOP_PORTAL,
                                   .job = JOB_PREPARE,
                                   .busy = "is being prepared for the portal"}},
};
