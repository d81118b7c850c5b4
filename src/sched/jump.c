/* SPDX-License-Identifier: Apache-2.0
 * jump.c: the wall clock against the monotonic one. Called by proc/queue/schedule/schedule.c.
 */
#include "sched/jump.h"

void jump_start(struct jump *j, struct sched_time now)
{
    *j = (struct jump){.last = now, .started_mono_ms = now.mono_ms};
}

int64_t jump_look(struct jump *j, struct sched_time now)
{
    int64_t by = (now.wall_ms - j->last.wall_ms) - (now.mono_ms - j->last.mono_ms);
    j->last = now;
    if (by > JUMP_MIN_MS) {
        j->trusted_mono_ms = now.mono_ms + JUMP_DISTRUST_MS;
    }
    return by > JUMP_MIN_MS || by < -JUMP_MIN_MS ? by : 0;
}

bool jump_is_trusted(const struct jump *j, struct sched_time now)
{
    /* since the last look */
    int64_t by = (now.wall_ms - j->last.wall_ms) - (now.mono_ms - j->last.mono_ms);
    return now.mono_ms >= j->trusted_mono_ms && by <= JUMP_MIN_MS;
}

bool jump_is_settled(const struct jump *j, struct sched_time now, int64_t lifetime_ms)
{
    int64_t wait = lifetime_ms / 10 < JUMP_START_MS ? lifetime_ms / 10 : JUMP_START_MS;
    return now.mono_ms - j->started_mono_ms >= wait;
}
