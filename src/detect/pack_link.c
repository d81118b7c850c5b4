/* SPDX-License-Identifier: Apache-2.0
 * pack_link.c: reads the lines of a pack that link types:
 *
 *   link SCORE WHO ~ TYPE, TYPE   what is said of whom. WHO: name, given (a given name by itself),
 *                                 unknown (what looks like a name), doctor (a degree with a
 *                                 name), beside (the sentence before or behind has a name),
 *                                 noted (the line has a name, findings and words of the list
 *                                 "note", and no others), [LIST], next [LIST] (in the words just
 *                                 before), greeted [LIST] (in a letter to somebody by name), or
 *                                 a type with its level
 *   add SCORE LIST                -100 to 100: added when a word of the list stands in the sentence
 *   add SCORE between LIST        ... between the finding and the person next to it
 *   add SCORE around LIST         ... among the few words before and behind the finding
 *   add SCORE close WORDS         at most so many words stand between the two
 *   add SCORE several             0 to 100: added when two linked findings stand in it
 *
 * Called by pack.c. What can go wrong: a type or list that nobody defined.
 */
#include "detect/pack.h"

#include <stdio.h>

static bool pack_link_fail(char *problem, size_t size, const char *what, struct str name)
{
    snprintf(problem, size, "%s \"" STR_FMT "\"", what, STR_ARG(name));
    return false;
}

static struct link *link_of(const struct detect_packs *p, struct detect_type *t)
{
    if (!t->link) {
        t->link = err_calloc(1, sizeof *t->link);
    }
    t->link->institution = lists_find(p->lists, STR("institution"));
    return t->link;
}

static bool read_level(struct str level, unsigned char *ret)
{
    static const struct {
        const char *name;
        unsigned char least;
    } levels[] = {
        {"", DETECT_MEDIUM},
        {"low", 1},
        {"medium", DETECT_MEDIUM},
        {"high", DETECT_HIGH},
    };
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (str_eq(level, str_c(levels[i].name))) {
            *ret = levels[i].least;
            return true;
        }
    }
    return false;
}

/* "next [you]" and "greeted [you]": what stands before the list. */
static enum link_who list_kind(struct str *who)
{
    static const struct {
        struct str word;
        enum link_who who;
    } kinds[] = {{{"next ", 5}, WHO_NEXT}, {{"greeted ", 8}, WHO_GREETED}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_starts_nocase(*who, kinds[i].word)) {
            *who = str_trim(str_slice(*who, kinds[i].word.n, who->n));
            return kinds[i].who;
        }
    }
    return WHO_LIST;
}

static bool read_who(const struct detect_packs *p, struct str who, struct link_rule *r)
{
    enum link_who kind = list_kind(&who);
    bool list = who.n > 2 && who.p[0] == '[' && who.p[who.n - 1] == ']';
    static const struct {
        const char *word;
        enum link_who who;
    } words[] = {
        {"name", WHO_NAME},     {"given", WHO_GIVEN},   {"unknown", WHO_UNKNOWN},
        {"doctor", WHO_DOCTOR}, {"beside", WHO_BESIDE}, {"noted", WHO_NOTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq(who, str_c(words[i].word))) {
            r->who = words[i].who;
            return true;
        }
    }
    if (list) {
        int number = lists_find(p->lists, str_slice(who, 1, who.n - 1));
        r->who = kind;
        r->list = number < 0 ? 0 : (unsigned)number;
        return number >= 0;
    }
    size_t colon = str_find(who, ':', 0);
    r->who = WHO_TYPE;
    r->type = pack_type(p, str_slice(who, 0, colon));
    return r->type && read_level(str_slice(who, colon + (colon < who.n), who.n), &r->least);
}

bool pack_read_link(struct detect_packs *p, struct detect_type *t, struct str rest, char *problem,
                    size_t size)
{
    struct link *link = link_of(p, t);
    struct link_rule *r = &link->rules[link->n_rules];
    struct str one = STR(""), left = STR("");
    uint64_t score = 0;
    if (link->n_rules == LINK_RULES_MAX) {
        return pack_link_fail(problem, size, "too many links in one type before", rest);
    }
    if (!str_split(&rest, '~', &left) || !str_split(&left, ' ', &one) ||
        str_to_u64(one, 100, &score) < 0) {
        return pack_link_fail(problem, size, "a link is SCORE WHO ~ TYPE, TYPE, not", one);
    }
    if (!read_who(p, str_trim(left), r)) {
        return pack_link_fail(problem, size, "there is no type or list", str_trim(left));
    }
    while (str_split(&rest, ',', &one)) {
        const struct detect_type *about = pack_type(p, str_trim(one));
        if (!about || about == t) {
            return pack_link_fail(problem, size, "there is no type", str_trim(one));
        }
        r->about[about->index] = true;
    }
    r->score = (unsigned char)score;
    link->n_rules++;
    return true;
}

/* "between LIST" and the like: takes the first word away. */
static enum add_where add_where(struct str *rest)
{
    static const struct {
        struct str word;
        enum add_where where;
    } kinds[] = {
        {{"between ", 8}, ADD_BETWEEN},
        {{"around ", 7}, ADD_AROUND},
        {{"next ", 5}, ADD_NEXT},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_starts_nocase(*rest, kinds[i].word)) {
            *rest = str_trim(str_slice(*rest, kinds[i].word.n, rest->n));
            return kinds[i].where;
        }
    }
    return ADD_SENTENCE;
}

bool pack_read_add(struct detect_packs *p, struct detect_type *t, struct str rest, char *problem,
                   size_t size)
{
    struct link *link = link_of(p, t);
    struct str number;
    uint64_t score = 0;
    if (!str_split(&rest, ' ', &number)) {
        return pack_link_fail(problem, size, "a score and a list are wanted, not", rest);
    }
    bool less = number.n > 0 && number.p[0] == '-';
    struct link_add add = {.where = ADD_SENTENCE};
    uint64_t words = 0;
    rest = str_trim(rest);
    add.where = add_where(&rest);
    bool close = str_starts_nocase(rest, STR("close "));
    if (close && str_to_u64(str_slice(rest, strlen("close "), rest.n), 50, &words) == 0) {
        add.where = ADD_CLOSE;
    }
    int list = add.where == ADD_CLOSE ? (int)words : lists_find(p->lists, rest);
    if (str_eq(rest, STR("several")) && str_to_u64(number, 100, &score) == 0) {
        link->several = (int)score;
        return true;
    }
    if (link->n_adds == LINK_RULES_MAX ||
        str_to_u64(str_slice(number, less, number.n), 100, &score) < 0 || list < 0) {
        return pack_link_fail(problem, size, "a score from -100 to 100 and a list are wanted, not",
                              number);
    }
    add.list = (unsigned)list;
    add.score = less ? -(int)score : (int)score;
    link->adds[link->n_adds++] = add;
    return true;
}
