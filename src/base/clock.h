/* SPDX-License-Identifier: Apache-2.0
 * clock.h: the two clocks. Wall time is stored and shown; monotonic time drives time limits.
 * Engines never call these: time is an argument.
 */
#pragma once
#include <stdint.h>

/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_wall_ms(void);
/* Milliseconds since some fixed point of this boot; never goes back. */
int64_t clock_mono_ms(void);
/* Milliseconds of the processor that this process has used. */
int64_t clock_cpu_ms(void);
/* Since the fixed point, in microseconds. */
int64_t clock_mono_us(void);
