/* SPDX-License-Identifier: Apache-2.0
 * arena.c: a list of blocks, filled from the front.
 */
#include "base/arena.h"

#include <stdlib.h>

enum { BLOCK = 2048 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *a, size_t n)
{
    size_t want = (n + 15) & ~(size_t)15;
    if (want < n || want > a->max - a->used) {
        return NULL;
    }
    if (!a->blocks || a->blocks->size - a->blocks->used < want) {
        size_t size = want > BLOCK ? want : BLOCK;
        struct arena_block *b = calloc(1, sizeof *b + size);
        if (!b) {
            return NULL;
        }
        b->size = size;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = a->blocks->data + a->blocks->used;
    a->blocks->used += want;
    a->used += want;
    return p;
}

int arena_copy(struct arena *a, struct str s, struct str *ret)
{
    char *p = arena_alloc(a, s.n + 1);
    if (!p) {
        return -ENOSPC;
    }
    str_copy_cut(s, p, s.n + 1);
    *ret = (struct str){p, s.n};
    return 0;
}

void arena_reset(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}
