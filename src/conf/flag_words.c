/* SPDX-License-Identifier: Apache-2.0
 * flag_words.c: the words of the flags block: one that nobody can write, one with two meanings, one
 * that was a flag and is none any more. Called by judge.c.
 *
 * What can go wrong: an organisation may mean to have words of its own alone, so that a flag that
 * is built in and left out is a warning.
 */
#include "conf/judge.h"

#include <string.h>

static void judge_flag_words(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct conf_node *flags = conf_node_find(c->root, "flags", NULL);
    if (flags && c->flags.words.n > CONF_FLAGS_MAX) {
        judge_bad(j, conf_place_of(flags, "words"),
                  "flags: %zu words are more than the %d that are looked for. Name fewer",
                  c->flags.words.n, CONF_FLAGS_MAX);
    }
    for (size_t i = 0; flags && i <= c->flags.words.n; i++) {
        bool test = i == c->flags.words.n;
        struct str word = str_trim(str_c(test ? c->flags.test : c->flags.words.v[i]));
        if (word.n < 3) {
            judge_bad(j, conf_place_of(flags, test ? "test" : "words"),
                      "flags: \"" STR_FMT "\" is no word that people can write. Name one of at "
                      "least three letters, such as [secure]",
                      STR_ARG(word));
        } else if (!test && str_eq_nocase(word, str_trim(str_c(c->flags.test)))) {
            judge_bad(
                j, conf_place_of(flags, "words"),
                "flags: \"" STR_FMT
                "\" is the flag for a test, too, and would count as that. Give test another word",
                STR_ARG(word));
        }
    }
}

/* Case and blanks do not matter, as in policy/flags.c. */
static bool same_flag(struct str a, struct str b)
{
    size_t i = 0, k = 0;
    for (;; i++, k++) {
        i += strspn(a.p + i, " \t");
        k += strspn(b.p + k, " \t");
        if (i >= a.n || k >= b.n) {
            return i >= a.n && k >= b.n;
        }
        if (str_lower(a.p[i]) != str_lower(b.p[k])) {
            return false;
        }
    }
}

/* The word that people know from elsewhere: mail with it went protected as long as there was no
 * list. */
static void judge_replaced_words(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct conf_node *flags = conf_node_find(c->root, "flags", NULL);
    if (!flags || !conf_node_find(flags, "words", NULL) || !conf_flags_have_words(c)) {
        return;
    }
    for (size_t i = 0; i < c->flags.words.n; i++) {
        if (same_flag(str_c(c->flags.words.v[i]), STR("[secure]"))) {
            return;
        }
    }
    conf_warning(
        j->problems, conf_place_of(flags, "words"),
        "flags: words takes the place of those that are built in: [secure] is no flag any more, "
        "and mail with it goes as if it were not there. Name it, too, unless that is meant");
}

static void judge_flag_places(struct judge *j)
{
    const struct conf_words *in = &j->conf->flags.in;
    if (in->n > 1 && judge_has_word(in, "none")) {
        judge_bad(j, conf_place_of(conf_node_find(j->conf->root, "flags", NULL), "in"),
                  "flags: none stands beside a place where they count. Leave one out");
    }
}

/* Unless a rule gives a flag its meaning. */
static void judge_flags_for_nothing(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct conf_node *flags = conf_node_find(c->root, "flags", NULL);
    bool heard = conf_flags_are_off(c);
    for (size_t i = 0; i < c->n_rules; i++) {
        heard = heard || c->rules[i].flag;
    }
    if (flags && c->flags.protect == CONF_PROTECT_NONE && !heard) {
        conf_warning(
            j->problems, conf_place_of(flags, "protect"),
            "flags: with protect none a word such as [secure] asks for nothing, and no rule has "
            "flag yes: whoever writes it is mistaken. Write protect secure, or in none");
    }
}

void conf_judge_flags(struct judge *j)
{
    judge_flag_places(j);
    judge_flag_words(j);
    judge_replaced_words(j);
    judge_flags_for_nothing(j);
}
