/* SPDX-License-Identifier: Apache-2.0
 * fence.h: a limit of memory around calls into libraries: inside the fence malloc() fails once the process has taken that
 * much more than it had, and the library gives up with an error.
 *
 * Called by mime/ around archives and XML. Our own code ends the process when memory is missing, so it stays outside.
 * What can go wrong: no /proc, or a build with sanitizers: there is no fence then.
 */
#pragma once
#include "base/err.h"

/* Once per process, before any sandbox. */
void fence_init(void);
/* Until fence_lower(), no more than this in addition to what is in use now. */
void fence_raise(uint64_t octets);
void fence_lower(void);
