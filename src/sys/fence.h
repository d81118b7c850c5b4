/* SPDX-License-Identifier: Apache-2.0
 * fence.h: limits around calls into libraries. Of memory: inside the fence malloc() fails once
 * the process has taken that much more than it had, and the library gives up with an error. Of
 * time: a library that does not come back ends the process.
 *
 * Called by mime/ around archives and XML. Our own code ends the process when memory is missing,
 * so it stays outside. What can go wrong: no /proc, or a build with sanitizers: there is no
 * fence then.
 */
#pragma once
#include "base/err.h"

/* Once per process, before any sandbox. */
void fence_init(void);
/* Until fence_lower(), no more than this in addition to what is in use now. */
void fence_raise(uint64_t octets);
void fence_lower(void);
/* After this time of the processor the process says so and ends, by SIGPROF; 0: it does not. Ten
 * times that with sanitizers. */
void fence_clock(int64_t cpu_ms);
