/* SPDX-License-Identifier: Apache-2.0
 * arena.h: memory that belongs to one transaction and is freed at once. Has a hard size, so that
 * what one peer can make us remember is bounded.
 */
#pragma once
#include "base/str.h"

struct arena {
    struct arena_block *blocks;
    size_t used, max;
};

#define ARENA_INIT(maximum) ((struct arena){.max = (maximum)})

/* Zeroed memory, aligned for any type; NULL when the maximum is reached. */
void *arena_alloc(struct arena *a, size_t n);
/* Copies the bytes and adds a NUL. 0 or -ENOSPC. */
int arena_copy(struct arena *a, struct str s, struct str *ret) MUST_USE;
/* Frees everything; the arena may be used again. */
void arena_reset(struct arena *a);
