/* SPDX-License-Identifier: Apache-2.0
 * descriptors.h: whether this process is near the end of its descriptors (RLIMIT_NOFILE): then it
 * takes no new connection, so that what it has, files of messages and the other processes, still
 * gets one. Work that needs one and gets none is put off: that is our own shortage, whoever it
 * affects.
 */
#pragma once
#include <stdbool.h>

/* newest: one that was just opened; the kernel gives the lowest number that is free. An eighth
 * of the limit is kept free, 32 at least. */
bool descriptors_are_short(int newest);
/* Whether so many more can be had now. */
bool descriptors_have_room(unsigned n);
/* Whether a call failed (-errno) for want of something of this process or machine, not of its
 * peer. ETOOMANYREFS (unix(7)): more descriptors of this user are under way in sockets than a
 * process may have open. */
bool descriptors_is_lack(int error);
/* Says so in the log, once in ten seconds. */
void descriptors_note_lack(const char *peer, const char *what);
