/* SPDX-License-Identifier: Apache-2.0
 * arrivals.c: recent arrivals by moments. Called by proc/queue/schedule/schedule.c.
 */
#include "sched/arrivals.h"

static int64_t this_moment(struct arrivals *a, struct sched_time time)
{
    int64_t now = time.mono_ms / ARRIVALS_MOMENT_MS + 1;
    for (int i = 0; i < ARRIVALS_MOMENTS && a->moment < now; i++) {
        a->moment = now - a->moment > ARRIVALS_MOMENTS ? now - ARRIVALS_MOMENTS : a->moment;
        a->n[++a->moment % ARRIVALS_MOMENTS] = 0;
    }
    return now;
}

int64_t arrivals_add(struct arrivals *a, struct sched_time now)
{
    int64_t moment = this_moment(a, now);
    a->n[moment % ARRIVALS_MOMENTS]++;
    return moment;
}

void arrivals_end(struct arrivals *a, struct sched_time now, int64_t moment)
{
    if (moment && moment > this_moment(a, now) - ARRIVALS_MOMENTS) {
        a->n[moment % ARRIVALS_MOMENTS]--;
    }
}

uint32_t arrivals_count(struct arrivals *a, struct sched_time now)
{
    uint32_t all = 0;
    this_moment(a, now);
    for (int i = 0; i < ARRIVALS_MOMENTS; i++) {
        all += a->n[i];
    }
    return all;
}
