/* SPDX-License-Identifier: Apache-2.0
 * pack_weigh.c: reads the lines of a pack that weigh sentences, in hundredths, -5000 to 5000:
 *
 *   weigh HUNDREDTHS always               of every sentence
 *   weigh HUNDREDTHS name                 ... that names somebody; the same with given, unknown,
 *                                         doctor, and before
 *                                         (the sentence before names somebody)
 *   weigh HUNDREDTHS score 10             ... whose links reach that score (whole tens)
 *   weigh HUNDREDTHS length 20            ... of so many words or more (whole tens)
 *   weigh HUNDREDTHS who named            ... in which somebody is named; the same with you, own
 *                                         ("my son"), third ("she")
 *                                         and nobody: the first of these that is there
 *   weigh HUNDREDTHS meets named TYPE, you TYPE   ... with somebody and a finding
 *   weigh HUNDREDTHS list LIST, LIST      ... with a word of that list
 *   weigh HUNDREDTHS type TYPE, TYPE      ... in which that is found
 *   weigh HUNDREDTHS word WORD, WORD      ... with a word that begins so (seven letters count)
 *   weigh HUNDREDTHS pair WORD WORD, WORD WORD   ... with one behind the other, names left out
 *   hint WORD, WORD                       a sentence with it is weighed though nothing of that
 *                                         is found in it
 *
 * Called by pack.c. What can go wrong: a type or list that nobody defined.
 */
#include "detect/pack.h"

#include <stdio.h>

static bool pack_weigh_read_kind(struct str name, enum weigh_kind *ret)
{
    for (unsigned i = 0; i < WEIGH_KINDS; i++) {
        if (str_eq(name, str_c(weigh_kind_name((enum weigh_kind)i)))) {
            *ret = (enum weigh_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_hundredths(struct str number, int *ret)
{
    bool less = number.n > 0 && number.p[0] == '-';
    uint64_t n = 0;
    if (str_to_u64(str_slice(number, less, number.n), WEIGH_MAX, &n) < 0) {
        return false;
    }
    *ret = less ? -(int)n : (int)n;
    return true;
}

/* who: "you"; -1: nobody is called so. */
static int who_of(struct str name)
{
    for (int i = 0; i < WEIGH_WHOS; i++) {
        if (str_eq(name, str_c(weigh_who_name((enum weigh_who)i)))) {
            return i;
        }
    }
    return -1;
}

/* The number of what is weighed; -1: there is none of that name. */
static int pack_weigh_number_of(const struct detect_packs *p, enum weigh_kind kind, struct str item)
{
    uint64_t score = 0;
    if (kind == WEIGH_LIST) {
        return lists_find(p->lists, item);
    }
    if (kind == WEIGH_TYPE) {
        const struct detect_type *t = pack_type(p, item);
        return t ? (int)t->index : -1;
    }
    if (kind == WEIGH_WHO) {
        return who_of(item);
    }
    if (kind == WEIGH_MEETS) {
        struct str name = STR("");
        (void)str_split(&item, ' ', &name);
        int who = who_of(name);
        const struct detect_type *t = pack_type(p, str_trim(item));
        return who >= 0 && t ? (int)weigh_meeting((enum weigh_who)who, t->index) : -1;
    }
    if (kind == WEIGH_SCORE || kind == WEIGH_LENGTH) {
        return str_to_u64(item, 100, &score) == 0 && score % 10 == 0 ? (int)(score / 10) : -1;
    }
    return 0;
}

bool pack_read_hints(struct detect_type *t, struct str rest, char *problem, size_t size)
{
    struct str item = STR("");
    t->weights = t->weights ? t->weights : weights_new();
    while (str_split(&rest, ',', &item)) {
        if (weights_add_hint(t->weights, str_trim(item)) < 0) {
            snprintf(problem, size, "a hint is one word, not \"" STR_FMT "\"", STR_ARG(item));
            return false;
        }
    }
    return true;
}

bool pack_read_weigh(const struct detect_packs *p, struct detect_type *t, struct str rest,
                     char *problem, size_t size)
{
    struct str number = STR(""), name = STR(""), item = STR("");
    enum weigh_kind kind = WEIGH_ALWAYS;
    int hundredths = 0;
    bool right = str_split(&rest, ' ', &number) && read_hundredths(number, &hundredths) &&
                 str_split(&rest, ' ', &name);
    if (!right || !pack_weigh_read_kind(name, &kind)) {
        snprintf(problem, size,
                 "a weight is NUMBER and what it is of (always, name, score, length, who, list, "
                 "type, meets, word, pair), not");
        return false;
    }
    t->weights = t->weights ? t->weights : weights_new();
    if (kind < WEIGH_SCORE) {
        return weights_add(t->weights, kind, 0, STR(""), hundredths) == 0;
    }
    while (str_split(&rest, ',', &item)) {
        item = str_trim(item);
        int at = pack_weigh_number_of(p, kind, item);
        if (at < 0 || weights_add(t->weights, kind, (unsigned)at, item, hundredths) < 0) {
            snprintf(problem, size, "nothing of this kind can weigh: \"" STR_FMT "\"",
                     STR_ARG(item));
            return false;
        }
    }
    return true;
}
