/* SPDX-License-Identifier: Apache-2.0
 * judge.h: what judge.c (the whole) and idle.c (what would do nothing) share.
 */
#pragma once
#include "conf/conf.h"
#include "conf/tree.h"

#include <stdio.h>

struct judge {
    const struct conf *conf;
    struct buf *problems;
    int result; /* 0 or -EINVAL */
};

void judge_bad(struct judge *j, struct conf_place at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void conf_judge_idle(struct judge *j);
/* True when the words of flags count in no part of a message. */
bool conf_flags_are_off(const struct conf *c);
/* True when a block may stand more than once. */
bool conf_block_is_repeated(const char *block);
