/* SPDX-License-Identifier: Apache-2.0
 * memory.h: how much address space this process may have (RLIMIT_AS), and whether it is near the
 * end of it: then it takes nothing new on, and goes on with what it has.
 *
 * Under the sanitizers, whose shadow takes terabytes, there is no limit and nothing is short.
 */
#pragma once
#include "base/err.h"

/* Before the sandbox, once: opens what tells the size of this process, and sees that no limit
 * set later is over the machine's memory (LEAST at least, as programs map more than they use). */
void memory_init(void);
/* May be called again, inside the sandbox: with a new configuration. 0 octets: no limit. 0 or
 * -errno. */
int memory_limit(uint64_t octets) MUST_USE;
/* Less than an eighth of it is left. */
bool memory_is_short(void);
