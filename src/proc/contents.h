/* SPDX-License-Identifier: Apache-2.0
 * contents.h: the content blocks of a configuration, ready for use: their packs read, their
 * expressions compiled.
 *
 * Called by proc/inspecting.c, which looks with them, and by posternd and postern check-config,
 * which want to know that they can be used before a configuration is taken. What can go wrong: a
 * pack that is not there or has mistakes, an expression over types nobody defines: -EINVAL with
 * lines in problems.
 */
#pragma once
#include "conf/conf.h"
#include "detect/detect.h"

struct contents {
    const struct conf *conf;
    struct detect_packs *packs;      /* NULL: there are no content blocks */
    struct detect_expression **when; /* one for each block, NULL: any rule of its packs */
};

/* conf is borrowed for its life. */
int contents_new(const struct conf *c, struct buf *problems, struct contents **ret) MUST_USE;
void contents_free(struct contents *k);
