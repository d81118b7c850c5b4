/* SPDX-License-Identifier: Apache-2.0
 * buf.c: growable buffers with a maximum. Grows by doubling; moves unread bytes to the front
 * before it grows. The memory is given back when a large buffer runs empty.
 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 256, BUF_KEEP = 64 * 1024 };

void buf_free(struct buf *b)
{
    free(b->p);
    *b = BUF_INIT(b->max);
}

void buf_wipe(struct buf *b)
{
    if (b->p) {
        explicit_bzero(b->p, b->cap);
    }
    buf_free(b);
}

void buf_reset(struct buf *b)
{
    b->head = b->tail = 0;
}

void buf_blank(struct buf *b)
{
    if (buf_len(b) > 0) {
        explicit_bzero(b->p + b->head, buf_len(b));
    }
    buf_reset(b);
}

int buf_reserve(struct buf *b, size_t n, char **ret)
{
    size_t len = buf_len(b);
    if (n > b->max || len > b->max - n) {
        return -ENOSPC;
    }
    if (b->cap - b->tail < n && b->head > 0) {
        memmove(b->p, b->p + b->head, len);
        b->head = 0;
        b->tail = len;
    }
    if (b->cap - b->tail < n) {
        size_t cap = b->cap ? b->cap : BUF_FIRST;
        while (cap < len + n) {
            cap *= 2;
        }
        char *p = realloc(b->p, cap);
        if (!p) {
            return -ENOMEM;
        }
        b->p = p;
        b->cap = cap;
    }
    *ret = b->p + b->tail;
    return 0;
}

void buf_commit(struct buf *b, size_t n)
{
    must(n <= b->cap - b->tail);
    b->tail += n;
}

int buf_append(struct buf *b, const void *p, size_t n)
{
    char *room;
    if (n == 0) {
        return 0;
    }
    int r = buf_reserve(b, n, &room);
    if (r < 0) {
        return r;
    }
    memcpy(room, p, n);
    b->tail += n;
    return 0;
}

int buf_add(struct buf *b, struct str s)
{
    return buf_append(b, s.p, s.n);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    size_t spare = b->cap - b->tail;
    char *room = spare > 0 ? b->p + b->tail : NULL;
    int n = vsnprintf(room, spare, fmt, again);
    va_end(again);
    if (n < 0) {
        return -EINVAL;
    }
    bool had_room = (size_t)n < spare;
    int r = buf_reserve(b, (size_t)n + 1, &room); /* the same place where there was room */
    if (r < 0) {
        return r;
    }
    if (!had_room) {
        vsnprintf(room, (size_t)n + 1, fmt, ap);
    }
    b->tail += (size_t)n;
    return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return r;
}

void buf_consume(struct buf *b, size_t n)
{
    must(n <= buf_len(b));
    b->head += n;
    if (b->head == b->tail) {
        buf_reset(b);
        if (b->cap > BUF_KEEP) {
            buf_free(b);
        }
    }
}

void buf_cut(struct buf *b, size_t n)
{
    must(n <= buf_len(b));
    b->tail -= n;
}
