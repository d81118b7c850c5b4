/* SPDX-License-Identifier: Apache-2.0
 * accounts.h: the accounts that login knows: those of the store, as queue tells them, and those of
 * the password file. For main.c of login.
 */
#pragma once
#include "base/map.h"
#include "ipc/channel.h"

enum { ACCOUNT_NAME_MAX = 256 };

struct account {
    char *name, *hash, *scram, *addresses;
    bool enabled;
};

struct accounts {
    struct map *stored; /* account_key() -> struct account */
    struct map *listed; /* the same of the password file */
};

void accounts_init(struct accounts *a);
/* An account is found by any spelling of its name: many are addresses. The key lies in `key`. */
struct str account_key(const char *name, char key[ACCOUNT_NAME_MAX]);
/* Of the store first, then of the file; NULL: none, or it is switched off. Lives until the next
 * change. */
const struct account *account_find(const struct accounts *a, const char *name);
/* Adds or replaces one of the store; copies. */
void accounts_set(struct accounts *a, const struct ipc_account *told);
void accounts_drop(struct accounts *a, struct str name);
/* queue is about to tell all of the store's again. */
void accounts_forget_stored(struct accounts *a);
/* Replaces those of the password file by what this text says: NAME:HASH:ADDRESSES, a line each; "#"
 * begins a comment, a line of another form is left out and logged. */
void accounts_read_file(struct accounts *a, struct str text);
size_t accounts_count(const struct accounts *a);
