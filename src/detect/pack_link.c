/* SPDX-License-Identifier: Apache-2.0
 * pack_link.c: reads the lines of a pack that link types:
 *
 *   link SCORE WHO ~ TYPE, TYPE   WHO: name, given (a given name by itself), beside (the sentence before or behind
 *                                 has a name), [LIST], next [LIST] (in the words just before), or a type with its level; for "she" the sentence before counts; TYPES: what is said of them
 *   add SCORE LIST                -100 to 100: added when a word of the list stands in the sentence
 *   add SCORE several             0 to 100: added when two linked findings stand in it
 *
 * Called by pack.c. What can go wrong: a type or list that nobody defined.
 */
#include "detect/pack.h"

#include <stdio.h>

static bool fail(char *problem, size_t size, const char *what, struct str name)
{
    snprintf(problem, size, "%s \"" STR_FMT "\"", what, STR_ARG(name));
    return false;
}

static struct link *link_of(const struct detect_packs *p, struct detect_type *t)
{
    if (!t->link) {
        t->link = err_calloc(1, sizeof *t->link);
    }
    t->link->third = lists_find(p->lists, STR("third"));
    t->link->institution = lists_find(p->lists, STR("institution"));
    return t->link;
}

static bool read_level(struct str level, unsigned char *ret)
{
    static const struct {
        const char *name;
        unsigned char least;
    } levels[] = {{"", DETECT_MEDIUM}, {"low", 1}, {"medium", DETECT_MEDIUM}, {"high", DETECT_HIGH}};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (str_eq(level, str_c(levels[i].name))) {
            *ret = levels[i].least;
            return true;
        }
    }
    return false;
}

static bool read_who(const struct detect_packs *p, struct str who, struct link_rule *r)
{
    bool next = str_starts_nocase(who, STR("next "));
    who = str_trim(str_slice(who, next ? strlen("next ") : 0, who.n));
    bool list = who.n > 2 && who.p[0] == '[' && who.p[who.n - 1] == ']';
    if (str_eq(who, STR("name")) || str_eq(who, STR("given"))) {
        r->who = who.n == 4 ? WHO_NAME : WHO_GIVEN;
        return true;
    }
    if (str_eq(who, STR("beside"))) {
        r->who = WHO_BESIDE;
        return true;
    }
    if (list) {
        int number = lists_find(p->lists, str_slice(who, 1, who.n - 1));
        r->who = next ? WHO_NEXT : WHO_LIST;
        r->list = number < 0 ? 0 : (unsigned)number;
        return number >= 0;
    }
    size_t colon = str_find(who, ':', 0);
    r->who = WHO_TYPE;
    r->type = pack_type(p, str_slice(who, 0, colon));
    return r->type && read_level(str_slice(who, colon + (colon < who.n), who.n), &r->least);
}

bool pack_read_link(struct detect_packs *p, struct detect_type *t, struct str rest, char *problem, size_t size)
{
    struct link *link = link_of(p, t);
    struct link_rule *r = &link->rules[link->n_rules];
    struct str one = STR(""), left = STR("");
    uint64_t score = 0;
    if (link->n_rules == LINK_RULES_MAX) {
        return fail(problem, size, "too many links in one type before", rest);
    }
    if (!str_split(&rest, '~', &left) || !str_split(&left, ' ', &one) || str_to_u64(one, 100, &score) < 0) {
        return fail(problem, size, "a link is SCORE WHO ~ TYPE, TYPE, not", one);
    }
    if (!read_who(p, str_trim(left), r)) {
        return fail(problem, size, "there is no type or list", str_trim(left));
    }
    while (str_split(&rest, ',', &one)) {
        const struct detect_type *about = pack_type(p, str_trim(one));
        if (!about || about == t) {
            return fail(problem, size, "there is no type", str_trim(one));
        }
        r->about[about->index] = true;
    }
    r->score = (unsigned char)score;
    link->n_rules++;
    return true;
}

bool pack_read_add(struct detect_packs *p, struct detect_type *t, struct str rest, char *problem, size_t size)
{
    struct link *link = link_of(p, t);
    struct str number;
    uint64_t score = 0;
    if (!str_split(&rest, ' ', &number)) {
        return fail(problem, size, "a score and a list are wanted, not", rest);
    }
    bool less = number.n > 0 && number.p[0] == '-';
    int list = lists_find(p->lists, str_trim(rest));
    if (str_eq(str_trim(rest), STR("several")) && str_to_u64(number, 100, &score) == 0) {
        link->several = (int)score;
        return true;
    }
    if (link->n_adds == LINK_RULES_MAX || str_to_u64(str_slice(number, less, number.n), 100, &score) < 0 || list < 0) {
        return fail(problem, size, "a score from -100 to 100 and a list are wanted, not", number);
    }
    link->adds[link->n_adds++] = (struct link_add){(unsigned)list, less ? -(int)score : (int)score};
    return true;
}
