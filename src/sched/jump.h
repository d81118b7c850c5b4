/* SPDX-License-Identifier: Apache-2.0
 * jump.h: does the wall clock tell the truth? It is set by people and by NTP, a virtual machine
 * wakes with an old one, and lifetimes are counted by it. Pure: both clocks are arguments.
 *
 * Set forward, all that waits would be too old at once: nothing is given up for an hour, in
 * which the clock may be set right. Set back, mail would wait for the old time to come again:
 * what waits is moved with the clock. At a start mail may be overdue because nothing ran: it is
 * tried before it is given up.
 */
#pragma once
#include "sched/sched.h"

enum {
    JUMP_MIN_MS = 60 * 1000,           /* less is the ordinary correction of a clock */
    JUMP_DISTRUST_MS = 60 * 60 * 1000, /* after a jump forward */
    /* after a start, or a tenth of the lifetime where that is less */
    JUMP_START_MS = 10 * 60 * 1000,
};

struct jump {
    struct sched_time last; /* of the last look */
    int64_t started_mono_ms;
    int64_t trusted_mono_ms; /* from then on the clock is believed */
};

/* Begins to watch. */
void jump_start(struct jump *j, struct sched_time now);
/* By how much the wall clock was set since the last look: 0 where it was not. */
int64_t jump_look(struct jump *j, struct sched_time now);
/* Whether something may end or change because of a message's age: it is given up, takes the next
 * rung of its ladder, or goes in clear. Seen at once, before jump_look() was asked. */
bool jump_is_trusted(const struct jump *j, struct sched_time now);
/* Long enough since the start that what was overdue then has been tried: it may be given up
 * without an attempt. */
bool jump_is_settled(const struct jump *j, struct sched_time now, int64_t lifetime_ms);
