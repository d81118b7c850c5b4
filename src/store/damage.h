/* SPDX-License-Identifier: Apache-2.0
 * damage.h: messages that were taken and cannot be delivered any more, as the disk lost them:
 * whose they were, and whether their senders know. Called by queue, which writes the letters,
 * and by upkeep.h.
 */
#pragma once
#include "store/store.h"

struct store_damage {
    RECORD_MEMBERS(damage)
};

typedef void (*store_damage_fn)(void *arg, const struct store_damage *d);

/* One more; a message that is known already stays as it is. */
void store_add_damage(struct store *s, const struct store_damage *d);
/* The letter about it is stored in the open batch. */
void store_set_damage_told(struct store *s, uint64_t id);
