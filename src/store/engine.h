/* SPDX-License-Identifier: Apache-2.0
 * engine.h: what stands behind the store's border: the operations of an engine. The embedded one
 * (sqlite_query.c) answers in the turn in which it is asked; tests put a slow and failing one
 * before it. For this folder and tests.
 */
#pragma once
#include "store/read.h"

struct store_engine {
    /* Which of the n readings that wait, in the order in which they were asked, has come by now;
     * n: none has. */
    size_t (*next)(struct store *s, size_t n);
    /* The rows of one query, then what came of it. */
    enum store_result (*read)(struct store *s, const struct store_query *q,
                              const struct store_rows *rows);
    /* Makes durable what is gathered, as a whole or not at all. */
    enum store_result (*commit)(struct store *s);
    /* Whether the result of the oldest commit that was not told has come by now. */
    bool (*told)(struct store *s);
};

extern const struct store_engine store_embedded;
/* From now on another one. */
void store_use_engine(struct store *s, const struct store_engine *e);
