/* SPDX-License-Identifier: Apache-2.0
 * rule.c: the expressions of a pack's rules: read, and asked whether findings fulfil them. Pure.
 *
 *   or   = and *( "|" and )
 *   and  = unit *( "&" unit )
 *   unit = "(" or ")" / thing [ "~" thing ]          ~: within DETECT_WINDOW octets of one another
 *   thing = type [ ":" ( "low" / "medium" / "high" ) ] [ ">=" number ]  number: of different values
 *
 * Called by pack.c and scan.c. What can go wrong: a type nobody defined, a parenthesis left open.
 */
#include "detect/pack.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 20, COUNT_MAX = 1000 };

struct reader {
    const struct detect_packs *packs;
    struct str rest;
    char *problem;
    size_t size;
    unsigned depth;
};

static struct term *read_or(struct reader *r);

static bool rule_take(struct reader *r, struct str token)
{
    r->rest = str_trim(r->rest);
    if (r->rest.n < token.n || memcmp(r->rest.p, token.p, token.n) != 0) {
        return false;
    }
    r->rest = str_slice(r->rest, token.n, r->rest.n);
    return true;
}

static struct str rule_take_name(struct reader *r)
{
    size_t n = 0;
    r->rest = str_trim(r->rest);
    while (n < r->rest.n &&
           (str_lower(r->rest.p[n]) >= 'a'
                ? str_lower(r->rest.p[n]) <= 'z'
                : (r->rest.p[n] >= '0' && r->rest.p[n] <= '9') || r->rest.p[n] == '-')) {
        n++;
    }
    struct str name = str_slice(r->rest, 0, n);
    r->rest = str_slice(r->rest, n, r->rest.n);
    return name;
}

void rule_free(struct term *t)
{
    if (t) {
        rule_free(t->a);
        rule_free(t->b);
        free(t);
    }
}

static struct term *rule_join(int kind, struct term *a, struct term *b)
{
    struct term *t = err_calloc(1, sizeof *t);
    t->kind = kind;
    t->a = a;
    t->b = b;
    return t;
}

static struct term *rule_fail(struct reader *r, const char *what, struct str name)
{
    if (!r->problem[0]) {
        snprintf(r->problem, r->size, "%s \"" STR_FMT "\"", what, STR_ARG(name));
    }
    return NULL;
}

static struct term *read_thing(struct reader *r)
{
    struct str name = rule_take_name(r);
    struct term t = {
        .kind = TERM_TYPE,
        .type = pack_type(r->packs, name),
        .least = DETECT_MEDIUM,
        .count = 1,
    };
    uint64_t count = 1;
    if (!t.type) {
        return rule_fail(r, "there is no type", name.n ? name : r->rest);
    }
    if (rule_take(r, STR(":"))) {
        struct str level = rule_take_name(r);
        if (str_eq(level, STR("low"))) {
            t.least = 1;
        } else if (str_eq(level, STR("high"))) {
            t.least = DETECT_HIGH;
        } else if (!str_eq(level, STR("medium"))) {
            return rule_fail(r, "a level is low, medium or high, not", level);
        }
    }
    if (rule_take(r, STR(">="))) {
        struct str digits = rule_take_name(r);
        if (str_to_u64(digits, COUNT_MAX, &count) < 0 || count == 0) {
            return rule_fail(r, "not a number of findings:", digits);
        }
    }
    t.count = (unsigned)count;
    struct term *copy = err_calloc(1, sizeof *copy);
    *copy = t;
    return copy;
}

static struct term *read_unit(struct reader *r)
{
    if (rule_take(r, STR("("))) {
        if (++r->depth > DEPTH_MAX) {
            return rule_fail(r, "too many parentheses before", r->rest);
        }
        struct term *t = read_or(r);
        r->depth--;
        if (t && !rule_take(r, STR(")"))) {
            rule_free(t);
            return rule_fail(r, "a parenthesis is not closed before", r->rest);
        }
        return t;
    }
    struct term *a = read_thing(r), *b = NULL;
    if (a && rule_take(r, STR("~"))) {
        b = read_thing(r);
        if (!b) {
            rule_free(a);
            return NULL;
        }
        return rule_join(TERM_NEAR, a, b);
    }
    return a;
}

static struct term *read_row(struct reader *r, int kind, struct str sign,
                             struct term *(*part)(struct reader *))
{
    struct term *t = part(r);
    while (t && rule_take(r, sign)) {
        struct term *next = part(r);
        if (!next) {
            rule_free(t);
            return NULL;
        }
        t = rule_join(kind, t, next);
    }
    return t;
}

static struct term *read_and(struct reader *r)
{
    return read_row(r, TERM_AND, STR("&"), read_unit);
}

static struct term *read_or(struct reader *r)
{
    return read_row(r, TERM_OR, STR("|"), read_and);
}

struct term *rule_parse(const struct detect_packs *p, struct str text, char *problem, size_t size)
{
    struct reader r = {.packs = p, .rest = text, .problem = problem, .size = size};
    problem[0] = '\0';
    struct term *t = read_or(&r);
    if (t && str_trim(r.rest).n > 0) {
        rule_free(t);
        return rule_fail(&r, "not understood from", str_trim(r.rest));
    }
    return t;
}

/* --- asking ------------------------------------------------------------- */

static bool counts(const struct term *t, const struct detect_finding *f)
{
    return f->type == t->type && !f->sample && f->score >= t->least;
}

static bool enough(const struct term *t, const struct detect_result *r)
{
    uint64_t seen[COUNT_MAX];
    unsigned n = 0;
    for (size_t i = 0; i < r->n && n < t->count; i++) {
        const struct detect_finding *f = &r->findings[i];
        unsigned k = counts(t, f) ? 0 : n + 1;
        while (k < n && seen[k] != f->same) {
            k++;
        }
        if (k == n) {
            seen[n++] = f->same;
        }
    }
    return n >= t->count;
}

static bool near(const struct detect_finding *a, const struct detect_finding *b)
{
    size_t gap = a->at > b->at ? a->at - b->at : b->at - a->at;
    return a->text == b->text && gap <= DETECT_WINDOW;
}

static bool pair_near(const struct term *a, const struct term *b, const struct detect_result *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!counts(a, &r->findings[i])) {
            continue;
        }
        /* findings lie in the order of their places: only neighbours can be near */
        for (size_t k = i; k-- > 0 && near(&r->findings[i], &r->findings[k]);) {
            if (counts(b, &r->findings[k])) {
                return true;
            }
        }
        for (size_t k = i + 1; k < r->n && near(&r->findings[i], &r->findings[k]); k++) {
            if (counts(b, &r->findings[k])) {
                return true;
            }
        }
    }
    return false;
}

bool rule_holds(const struct term *t, const struct detect_result *r)
{
    switch (t->kind) {
    case TERM_TYPE:
        return enough(t, r);
    case TERM_AND:
        return rule_holds(t->a, r) && rule_holds(t->b, r);
    case TERM_OR:
        return rule_holds(t->a, r) || rule_holds(t->b, r);
    case TERM_NEAR:
        return pair_near(t->a, t->b, r);
    }
    return false;
}

struct detect_expression {
    struct term *term;
};

struct detect_expression *detect_expression_new(const struct detect_packs *p, struct str text,
                                                char *problem, size_t size)
{
    struct term *term = rule_parse(p, text, problem, size);
    struct detect_expression *e = term ? err_calloc(1, sizeof *e) : NULL;
    if (e) {
        e->term = term;
    }
    return e;
}

bool detect_expression_holds(const struct detect_expression *e, const struct detect_result *r)
{
    return rule_holds(e->term, r);
}

void detect_expression_free(struct detect_expression *e)
{
    if (e) {
        rule_free(e->term);
        free(e);
    }
}
