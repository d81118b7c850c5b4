/* SPDX-License-Identifier: Apache-2.0
 * account.h: people who log in, and clients that an inbound rule turned away; part of the store,
 * under the same rules as store.h.
 */
#pragma once
#include "store/store.h"

struct store_account {
    RECORD_MEMBERS(account)
};

struct store_refusal {
    RECORD_MEMBERS(refusal)
};

/* Where somebody logged in before (policy/guesses.h). */
struct store_place {
    RECORD_MEMBERS(place)
};

typedef void (*store_place_fn)(void *arg, const struct store_place *p);
void store_put_place(struct store *s, const struct store_place *p);
void store_drop_places(struct store *s, uint8_t kind, struct str who);
void store_forget_places(struct store *s, int64_t before_ms);

/* Members of a group of the directory, blank separated, as last read. */
typedef void (*store_group_fn)(void *arg, struct str name, struct str addresses);
void store_put_directory_group(struct store *s, struct str name, int64_t at_ms,
                               struct str addresses);

typedef void (*store_account_fn)(void *arg, const struct store_account *a);
typedef void (*store_refusal_fn)(void *arg, const struct store_refusal *r);

void store_put_account(struct store *s, const struct store_account *a);
void store_drop_account(struct store *s, struct str name);

void store_add_refusal(struct store *s, const struct store_refusal *r);
void store_forget_refusals(struct store *s, int64_t before_ms);
