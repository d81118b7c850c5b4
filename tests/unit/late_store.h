/* SPDX-License-Identifier: Apache-2.0
 * late_store.h: a second engine for unit tests: the embedded one behind a wire that makes what it
 * says come late, out of order, and sometimes not at all. Programs that take it run twice; with
 * POSTERN_LATE=SEED in the environment on this one.
 */
#pragma once
#include "store/embedded.h"

/* After store_open(): where the environment says so, the store is late from now on. */
void late_begin(struct store *s);
/* The store is late from now on, by this seed. */
void late_use(struct store *s, uint64_t seed);
/* So many in a hundred readings break before their rows came, or behind them; so many commits
 * find the disk full, and nothing of them happened. */
void late_fail(unsigned reads, unsigned commits);
/* How many did. */
unsigned late_failed(void);
