/* SPDX-License-Identifier: Apache-2.0
 * act.h: what administrators did and who they were; part of the store, under the same rules as
 * store.h.
 */
#pragma once
#include "store/store.h"

struct store_act {
    RECORD_MEMBERS(act)
};

typedef void (*store_act_fn)(void *arg, const struct store_act *a);

void store_add_act(struct store *s, const struct store_act *a);
void store_forget_acts(struct store *s, int64_t before_ms);
