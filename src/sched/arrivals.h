/* SPDX-License-Identifier: Apache-2.0
 * arrivals.h: how far arrivals are ahead of deliveries where these go well: recipients who came
 * within the last moments and whose first attempt has not ended. Counted by moments, so that
 * those who wait for a slow or dead destination soon do not count any more. smtpin lets senders
 * in by it. Pure.
 */
#pragma once
#include "sched/sched.h"

enum { ARRIVALS_MOMENTS = 8, ARRIVALS_MOMENT_MS = 50 };

struct arrivals {
    uint32_t n[ARRIVALS_MOMENTS];
    int64_t moment;
};

/* One came: the moment to hand to arrivals_end(); never 0. */
int64_t arrivals_add(struct arrivals *a, struct sched_time now);
/* Its first attempt is over; 0: it was never counted. */
void arrivals_end(struct arrivals *a, struct sched_time now, int64_t moment);
uint32_t arrivals_count(struct arrivals *a, struct sched_time now);
