/* SPDX-License-Identifier: Apache-2.0
 * unused.c: blocks that nobody names: groups, ladders, contents and client certificates that no
 * rule, partner or account uses; accounts that set nothing. Called by idle.c.
 */
#include "conf/judge.h"

static bool names_group(const struct conf_words *list, const char *group)
{
    for (size_t i = 0; i < list->n; i++) {
        struct str word = str_c(list->v[i]);
        size_t n = strlen(group);
        if (str_starts_nocase(word, STR("group:")) && word.n >= 6 + n &&
            memcmp(word.p + 6, group, n) == 0 && (word.n == 6 + n || word.p[6 + n] == ' ')) {
            return true;
        }
    }
    return false;
}

static bool group_is_used(const struct conf *c, const struct conf_group *g)
{
    bool used = g->protect != 0;
    for (size_t i = 0; i < c->n_rules; i++) {
        used = used || names_group(&c->rules[i].from, g->name) ||
               names_group(&c->rules[i].to, g->name);
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        used = used || names_group(&c->groups[i].members, g->name);
    }
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        used = used || (str_starts_nocase(str_c(c->accounts_of[i].name), STR("group:")) &&
                        strcmp(c->accounts_of[i].name + 6, g->name) == 0);
    }
    return used;
}

static bool ladder_is_used(const struct conf *c, const struct conf_ladder *l)
{
    bool used = strcmp(l->name, "default") == 0;
    for (size_t i = 0; i < c->n_rules; i++) {
        used = used || str_eq(str_c(c->rules[i].ladder), str_c(l->name));
    }
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        used = used || str_eq(str_c(c->accounts_of[i].ladder), str_c(l->name));
    }
    return used;
}

bool judge_has_word(const struct conf_words *list, const char *word)
{
    for (size_t i = 0; i < list->n; i++) {
        if (str_eq_nocase(str_c(list->v[i]), str_c(word))) {
            return true;
        }
    }
    return false;
}

static bool content_is_used(const struct conf *c, const struct conf_content *k)
{
    bool used = k->protect != 0;
    for (size_t i = 0; i < c->n_rules; i++) {
        /* in the same letters, as policy/protect.c finds it */
        for (size_t w = 0; w < c->rules[i].content.n; w++) {
            used = used || strcmp(c->rules[i].content.v[w], k->name) == 0;
        }
    }
    return used;
}

static bool certificate_is_used(const struct conf *c, const struct conf_client_certificate *k)
{
    for (size_t i = 0; i < c->n_rules; i++) {
        if (str_eq(str_c(c->rules[i].client_certificate), str_c(k->name))) {
            return true;
        }
    }
    return false;
}

static void judge_unused(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_groups; i++) {
        if (!group_is_used(c, &c->groups[i])) {
            judge_bad(j, conf_place_of(c->groups[i].node, NULL),
                      "group \"%s\" does nothing: no rule and no account names it, and it has no "
                      "protect. Name it as group:%s",
                      c->groups[i].name, c->groups[i].name);
        }
    }
    for (size_t i = 0; i < c->n_ladders; i++) {
        if (!ladder_is_used(c, &c->ladders[i])) {
            judge_bad(j, conf_place_of(c->ladders[i].node, NULL),
                      "ladder \"%s\" does nothing: nobody names it. Call it \"default\", or name "
                      "it in a rule, partner or account",
                      c->ladders[i].name);
        }
    }
    for (size_t i = 0; i < c->n_contents; i++) {
        if (!content_is_used(c, &c->contents[i])) {
            judge_bad(j, conf_place_of(c->contents[i].node, NULL),
                      "content \"%s\" does nothing: it has protect none, and no rule names it. "
                      "Name it in a rule",
                      c->contents[i].name);
        }
    }
    for (size_t i = 0; i < c->n_certificates; i++) {
        if (!certificate_is_used(c, &c->certificates[i])) {
            judge_bad(j, conf_place_of(c->certificates[i].node, NULL),
                      "client-certificate \"%s\" does nothing: no partner and no rule names it. "
                      "Add client-certificate \"%s\" to one",
                      c->certificates[i].name, c->certificates[i].name);
        }
    }
}

static void judge_accounts(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        const struct conf_account *a = &c->accounts_of[i];
        if (!a->secure_from && !a->protect && !a->flags && !a->ladder) {
            judge_bad(j, conf_place_of(a->node, NULL),
                      "account \"%s\" does nothing: it sets nothing. Add secure-from, protect, "
                      "flags or ladder",
                      a->name);
        }
        for (size_t k = 0; k < a->locked.n; k++) {
            if (!conf_node_find(a->node, a->locked.v[k], NULL)) {
                judge_bad(j, conf_place_of(a->node, "locked"),
                          "account \"%s\": locked names %s, which is not set here. Set it, or "
                          "leave it out",
                          a->name, a->locked.v[k]);
            }
        }
    }
}

void conf_judge_unused(struct judge *j)
{
    judge_unused(j);
    judge_accounts(j);
}
