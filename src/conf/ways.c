/* SPDX-License-Identifier: Apache-2.0
 * ways.c: ladders whose rungs lead nowhere, and protection that no rung serves. Called by judge.c;
 * how a ladder is climbed is policy/ladder.c.
 *
 * The time of "tls:15m" is that before the next rung: behind the last one nothing waits for it.
 */
#include "conf/judge.h"

#include <string.h>

static bool ways_is_tls(const char *word)
{
    struct str name;
    int64_t patience;
    return conf_channel_parse(str_c(word), &name, &patience) && str_eq(name, STR("tls"));
}

static void judge_rung(struct judge *j, const struct conf_ladder *l, size_t i)
{
    struct conf_place at = conf_place_of(l->node, "channels");
    const char *word = l->channels.v[i];
    struct str name = STR("");
    int64_t patience = 0;
    (void)!conf_channel_parse(str_c(word), &name, &patience);
    if (!str_eq(name, STR("tls"))) {
        return;
    }
    if (i > 0 && ways_is_tls(l->channels.v[i - 1])) {
        judge_bad(j, at,
                  "ladder \"%s\": tls stands twice. Write it once, with the time until the next "
                  "way: tls:15m",
                  l->name);
    } else if (patience > 0 && i + 1 == l->channels.n) {
        judge_bad(j, at,
                  "ladder \"%s\": nothing comes after %s, so its time ends nothing: mail waits for "
                  "a secure connection until its lifetime is over. Write tls, or add hold, drop or "
                  "portal behind it",
                  l->name, word);
    } else if (patience >= j->conf->queue.lifetime) {
        judge_bad(j, at,
                  "ladder \"%s\": %s is as long as the lifetime of mail, which is sent back before "
                  "the next way is tried. Make it shorter",
                  l->name, word);
    }
}

static void judge_ladders(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_ladders; i++) {
        for (size_t k = 0; k < c->ladders[i].channels.n; k++) {
            judge_rung(j, &c->ladders[i], k);
        }
    }
}

/* Some mail may go another way than by transport alone. */
static bool has_other_way(const struct conf *c)
{
    bool other = c->portal.url && !conf_ladder_named(c, "default");
    for (size_t i = 0; i < c->n_ladders; i++) {
        for (size_t k = 0; k < c->ladders[i].channels.n; k++) {
            other = other || !ways_is_tls(c->ladders[i].channels.v[k]);
        }
    }
    return other;
}

static void tell_escalated(struct judge *j, const char *block, const char *name,
                           const struct conf_node *node)
{
    conf_warning(
        j->problems, conf_place_of(node, "protect"),
        "%s%s%s%s: protect escalated never goes by transport alone, and no ladder has another way: "
        "all this mail comes back to its sender. Add ladder \"default\" { channels tls:15m hold; }",
        block, *name ? " \"" : "", name, *name ? "\"" : "");
}

/* Only what the file says: that a flag is escalated by itself is told by postern doctor. */
static void judge_escalated(struct judge *j)
{
    enum { ESCALATED = CONF_PROTECT_ESCALATED, OF_ACCOUNT = ESCALATED + 1 };
    const struct conf *c = j->conf;
    const struct conf_node *flags = conf_node_find(c->root, "flags", NULL);
    if (flags && conf_node_find(flags, "protect", NULL) && c->flags.protect == ESCALATED) {
        tell_escalated(j, "flags", "", flags);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        if (c->rules[i].protect == ESCALATED && c->rules[i].mode == CONF_ENFORCE) {
            tell_escalated(j, c->rules[i].kind, c->rules[i].name, c->rules[i].node);
        }
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        if (c->groups[i].protect == ESCALATED) {
            tell_escalated(j, "group", c->groups[i].name, c->groups[i].node);
        }
    }
    for (size_t i = 0; i < c->n_contents; i++) {
        if (c->contents[i].protect == ESCALATED && c->contents[i].mode == CONF_ENFORCE) {
            tell_escalated(j, "content", c->contents[i].name, c->contents[i].node);
        }
    }
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        if (c->accounts_of[i].protect == OF_ACCOUNT) {
            tell_escalated(j, "account", c->accounts_of[i].name, c->accounts_of[i].node);
        }
    }
}

/* A block that looks as if it protected, and only counts. */
static void judge_contents(struct judge *j)
{
    for (size_t i = 0; i < j->conf->n_contents; i++) {
        const struct conf_content *k = &j->conf->contents[i];
        if (k->protect != CONF_PROTECT_NONE && !conf_node_find(k->node, "mode", NULL)) {
            conf_warning(j->problems, conf_place_of(k->node, "mode"),
                         "content \"%s\" only reports what it finds: nothing is protected by it. "
                         "Write mode enforce; to protect it, or mode report-only; if that is meant",
                         k->name);
        }
    }
}

void conf_judge_ways(struct judge *j)
{
    judge_ladders(j);
    judge_contents(j);
    if (!has_other_way(j->conf)) {
        judge_escalated(j);
    }
}
