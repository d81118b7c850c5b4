/* SPDX-License-Identifier: Apache-2.0
 * descriptors.h: whether this process is near the end of its descriptors (RLIMIT_NOFILE): then it takes no new
 * connection, so that what it has, files of messages and the other processes, still gets one.
 */
#pragma once
#include <stdbool.h>

/* newest: one that was just opened; the kernel gives the lowest number that is free. An eighth of the limit is kept
 * free, 32 at least. */
bool descriptors_are_short(int newest);
