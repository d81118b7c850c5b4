/* SPDX-License-Identifier: Apache-2.0
 * dice.h: what evil processes draw: numbers that a seed tells, so that what was found is found
 * again.
 */
#pragma once
#include "ipc/lease.h"

/* Each has draws of its own: how much one of them took does not change what another gets. */
enum dice { DICE_TURN, DICE_ANSWER, DICE_CLIENT, DICE_END };

/* seed: NULL or empty, and one is drawn. */
void dice_begin(const char *seed);
uint64_t dice_seed(void);
/* What is drawn from now on is that one's. */
void dice_take(enum dice d);
/* Draws of a turn are told by the seed and its number alone, whatever came before. */
void dice_turn(uint64_t number);

/* Uniform enough below limit (limit > 0). */
uint32_t dice_below(uint32_t limit);
void dice_bytes(void *p, size_t n);
struct lease_id dice_lease(void);
