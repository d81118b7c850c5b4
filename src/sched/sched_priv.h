/* SPDX-License-Identifier: Apache-2.0
 * sched_priv.h: what the files of sched/ share and nobody else sees.
 */
#pragma once
#include "sched/sched.h"

/* lane.c */
/* Moves the first item of the lane whose turn it is, and those behind it that go with it, into
 * `job`; the lane goes to the end. */
void lane_take_turn(struct sched *s, struct sched_destination *d, struct link *job);

/* pace.c */
/* Of how many deliveries at once the destination is capable now. */
unsigned pace_limit(struct sched *s, struct sched_destination *d, const struct sched_means *means);
bool pace_has_worker(const struct sched_destination *d, const struct sched_means *means);
/* A message goes there: one of its rate is used up. */
void pace_use(struct sched *s, struct sched_destination *d, struct sched_time now);
enum sched_pause pace_pause(const struct sched_destination *d, struct sched_time now);
/* A pause that is over ends. True: it was. */
bool pace_tick(struct sched_destination *d, struct sched_time now);
/* ms until the pause is over; SCHED_NEVER: there is none. */
int64_t pace_wait(const struct sched_destination *d, struct sched_time now);
/* Nothing of what was learned matters any more. */
bool pace_is_forgotten(const struct sched_destination *d, struct sched_time now);
