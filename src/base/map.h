/* SPDX-License-Identifier: Apache-2.0
 * map.h: a hash map from short byte keys to pointers, keyed by a secret so that strangers who
 * choose the keys (host names, addresses) cannot choose the collisions. Open addressing.
 */
#pragma once
#include "base/str.h"

struct map;

/* A map that refuses (-ENOSPC) to hold more than max entries. The caller frees it. */
struct map *map_new(size_t max);
/* Frees the map, not the values. NULL is harmless. */
void map_free(struct map *m);
/* Copies the key, keeps the pointer; replaces an older value. 0, -ENOSPC, -ENOMEM. */
int map_put(struct map *m, struct str key, void *value) MUST_USE;
/* NULL when absent. */
void *map_get(const struct map *m, struct str key);
/* The value taken out, or NULL. */
void *map_take(struct map *m, struct str key);
size_t map_len(const struct map *m);
/* Walks in no order: start with *cursor = 0; false at the end. No changes while walking. */
bool map_next(const struct map *m, size_t *cursor, struct str *ret_key, void **ret_value);

/* The view of an integer used as a key; borrows *id. */
static inline struct str map_id(const uint64_t *id)
{
    return (struct str){(const char *)id, sizeof *id};
}
/* The keyed hash itself (for choosing a worker by name). */
uint64_t map_hash(struct str key);
