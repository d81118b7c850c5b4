/* SPDX-License-Identifier: Apache-2.0
 * buf.h: a growable byte buffer with a mandatory maximum and a read cursor.
 *
 * Every buffer is born with the most it may ever hold; going over is -ENOSPC and leaves it as it
 * was. Reading consumes from the front. Pointers into it are valid until the next change.
 */
#pragma once
#include "base/str.h"
#include <stdarg.h>

struct buf {
    char *p;
    size_t head; /* first unread byte */
    size_t tail; /* one past the last byte */
    size_t cap;
    size_t max; /* octets that may be unread at once */
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})

static inline size_t buf_len(const struct buf *b)
{
    return b->tail - b->head;
}

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p ? b->p + b->head : "", b->tail - b->head};
}

/* Frees the memory; the buffer may be used again with the same maximum. */
void buf_free(struct buf *b);
/* Wipes, then frees: for keys and plaintext. */
void buf_wipe(struct buf *b);
void buf_reset(struct buf *b);
/* Wipes what stands in it; its memory stays. What was consumed or cut is not wiped. */
void buf_blank(struct buf *b);

/* Makes room for n more bytes; *ret points at them, buf_commit() says how many were used. */
int buf_reserve(struct buf *b, size_t n, char **ret) MUST_USE;
void buf_commit(struct buf *b, size_t n);
int buf_append(struct buf *b, const void *p, size_t n) MUST_USE;
int buf_add(struct buf *b, struct str s) MUST_USE;
int buf_printf(struct buf *b, const char *fmt, ...) MUST_USE __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) MUST_USE;
/* Drops n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
/* Drops the last n bytes. */
void buf_cut(struct buf *b, size_t n);
