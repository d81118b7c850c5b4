/* SPDX-License-Identifier: Apache-2.0
 * speech.h: what a process of Postern that was taken over says to the others.
 */
#pragma once
#include "proc/child.h"

#include <stdio.h>

/* The role with that name; ROLE_END: none. */
enum role speech_role(const char *name);
/* any: also what only others may say. */
void speech_begin(bool any);
/* A channel to a process of that role, at which it plays another, with that number. Takes fd. */
void speech_take(struct loop *l, enum role as, unsigned number, enum role role, unsigned index,
                 bool signing, int fd);
/* A message and its key, wrapped and (where it is known) in clear: deliveries of it go far. */
void speech_knows(struct str wrapped, struct str body, struct str key);
/* Some messages to some of them. */
void speech_turn(void);
/* One message over another channel. */
void speech_to(struct ipc_channel *ch, enum role as, enum role role);
/* No channel is left at which it plays that one. */
bool speech_lost(enum role as, unsigned number);
/* Whether any of them was given a message to deliver or to read. */
bool speech_was_given(void);
/* Says of each message that it was given that it has it: once, and nothing else. */
void speech_takes(void);
/* How often mail in our name that nobody ordered was taken. */
size_t speech_unordered(void);
/* The seed, and what was said last: for who looks for the cause. */
void speech_tell(FILE *to);
/* Hears, and answers, everything. */
extern const struct ipc_rule speech_hears[];
