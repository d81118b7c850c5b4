/* SPDX-License-Identifier: Apache-2.0
 * pattern.h: a compiled regular expression (PCRE2 with JIT). The only place that knows PCRE2 is
 * pattern.c.
 */
#pragma once
#include "base/str.h"

struct pattern;

/* 0, or -EINVAL with a sentence in problem. Case does not count when caseless. */
int pattern_new(struct str expression, bool caseless, char *problem, size_t size,
                struct pattern **ret) MUST_USE;
void pattern_free(struct pattern *p);
/* The first match at or after `from`: its first group when it has one, else the whole. 1 found,
 * 0 none, -E2BIG: it gave up (then nothing is known). */
int pattern_find(const struct pattern *p, struct str text, size_t from, size_t *ret_at,
                 size_t *ret_n) MUST_USE;
