/* SPDX-License-Identifier: Apache-2.0
 * pattern.c: regular expressions by PCRE2, matched octet by octet (texts are normalised before).
 * Called by pack.c and scan.c. What can go wrong: an expression that tries too long: it is
 * stopped, and the caller must not take that for "not there".
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "detect/pattern.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

enum { MATCH_LIMIT = 500000, STACK_FIRST = 32 * 1024, STACK_MOST = 1024 * 1024 };

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

int pattern_new(struct str expression, bool caseless, char *problem, size_t size,
                struct pattern **ret)
{
    int error = 0;
    size_t at = 0;
    uint32_t flags = PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | (caseless ? PCRE2_CASELESS : 0);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)expression.p, expression.n, flags, &error, &at, NULL);
    if (!code) {
        char words[200];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)words, sizeof words);
        snprintf(problem, size, "%s (at its character %zu)", words, at + 1);
        return -EINVAL;
    }
    struct pattern *p = err_calloc(1, sizeof *p);
    p->code = code;
    p->match = pcre2_match_data_create_from_pattern(code, NULL);
    p->context = pcre2_match_context_create(NULL);
    must(p->match && p->context);
    pcre2_set_match_limit(p->context, MATCH_LIMIT);
    if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0) { /* without JIT it is only slower */
        p->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL);
        pcre2_jit_stack_assign(p->context, NULL, p->stack);
    }
    *ret = p;
    return 0;
}

void pattern_free(struct pattern *p)
{
    if (p) {
        pcre2_match_data_free(p->match);
        pcre2_match_context_free(p->context);
        pcre2_jit_stack_free(p->stack);
        pcre2_code_free(p->code);
        free(p);
    }
}

int pattern_find(const struct pattern *p, struct str text, size_t from, size_t *ret_at,
                 size_t *ret_n)
{
    int r = pcre2_match(p->code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, from, 0, p->match,
                        p->context);
    if (r == PCRE2_ERROR_NOMATCH) {
        return 0;
    }
    if (r < 0) {
        return -E2BIG;
    }
    const size_t *ends = pcre2_get_ovector_pointer(p->match);
    size_t group = r > 1 && ends[2] != PCRE2_UNSET ? 2 : 0;
    *ret_at = ends[group];
    *ret_n = ends[group + 1] - ends[group];
    return 1;
}
