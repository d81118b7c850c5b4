/* SPDX-License-Identifier: Apache-2.0
 * reach.c: rules that match no mail, and rules that a final one before them never lets through.
 * Called by idle.c for each rule block; the direction of a message is that of policy/protect.c,
 * members of lists are compared by match.c.
 *
 * What can go wrong: a rule is refused only when that is sure. Groups of the directory may have
 * any member, and members with an end ("until") count as wide for nobody.
 */
#include "conf/judge.h"
#include "wire/address.h"

enum { DEPTH_MAX = 8 };

static struct str without_end(const char *word)
{
    const char *until = strstr(word, " until ");
    return str_from(word, until ? (size_t)(until - word) : strlen(word));
}

static bool reach_begins(struct str word, const char *with)
{
    return str_starts_nocase(word, str_c(with));
}

/* --- which way mail goes ------------------------------------------------ */

/* The domain of an address, @domain or @.suffix. */
static bool domain_may_be(const struct conf *c, struct str word, bool inside)
{
    size_t at = str_find_last(word, '@');
    struct str domain = str_slice(word, at < word.n ? at + 1 : 0, word.n);
    bool whole = false, part = false;
    for (size_t k = 0; k < c->inside_domains.n; k++) {
        struct str ours = str_c(c->inside_domains.v[k]);
        whole = whole || judge_domain_covers(ours, domain);
        part = part || whole || judge_domain_covers(domain, ours);
    }
    return inside ? part : !whole;
}

/* True when the members may be inside (or outside): some of them at least. */
static bool may_be(const struct conf *c, const struct conf_words *list, bool inside, unsigned depth)
{
    for (size_t i = 0; i < list->n; i++) {
        struct str word = without_end(list->v[i]);
        const struct conf_group *g = judge_group_named(c, list->v[i]);
        if (reach_begins(word, "ldap:") || depth >= DEPTH_MAX ||
            (g && may_be(c, &g->members, inside, depth + 1))) {
            return true;
        }
        if (!g && !reach_begins(word, "login:") && !reach_begins(word, "cert:") &&
            domain_may_be(c, word, inside)) {
            return true;
        }
    }
    return false;
}

static bool some_log_in(const struct conf *c, const struct conf_words *list, unsigned depth)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct conf_group *g = judge_group_named(c, list->v[i]);
        if (reach_begins(str_c(list->v[i]), "login:") || reach_begins(str_c(list->v[i]), "cert:") ||
            (g && (depth >= DEPTH_MAX || some_log_in(c, &g->members, depth + 1)))) {
            return true;
        }
    }
    return false;
}

bool conf_judge_may_be_inside(const struct conf *c, const struct conf_words *list)
{
    return may_be(c, list, true, 0) || some_log_in(c, list, 0);
}

/* True when every member is somebody who is logged in. */
static bool is_of_logins(const struct conf *c, const struct conf_words *list, unsigned depth)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct conf_group *g = judge_group_named(c, list->v[i]);
        bool of_logins = g ? depth < DEPTH_MAX && is_of_logins(c, &g->members, depth + 1)
                           : reach_begins(str_c(list->v[i]), "login:");
        if (!of_logins) {
            return false;
        }
    }
    return list->n > 0;
}

static bool all_inside(const struct conf *c, const struct conf_words *clients)
{
    for (size_t i = 0; i < clients->n; i++) {
        struct address_net net;
        if (address_net_parse(str_c(clients->v[i]), &net) < 0 || !conf_net_is_inside(c, &net)) {
            return false;
        }
    }
    return clients->n > 0;
}

/* True when no inside network has an address of the clients; an empty list is everybody. */
static bool none_inside(const struct conf *c, const struct conf_words *clients)
{
    struct address_net net, ours;
    for (size_t i = 0; i < c->inside_networks.n; i++) {
        for (size_t k = 0; k < clients->n; k++) {
            if (address_net_parse(str_c(c->inside_networks.v[i]), &ours) < 0 ||
                address_net_parse(str_c(clients->v[k]), &net) < 0 ||
                address_net_covers(&ours, &net) || address_net_covers(&net, &ours)) {
                return false;
            }
        }
        if (clients->n == 0) {
            return false;
        }
    }
    return true;
}

void conf_judge_direction(struct judge *j, const struct conf_rule *r)
{
    const struct conf *c = j->conf;
    bool from_inside = r->direction == CONF_OUTBOUND || r->direction == CONF_INTERNAL;
    if (r->direction == CONF_OUTBOUND && r->to.n > 0 && !may_be(c, &r->to, false, 0)) {
        judge_bad(j, conf_place_of(r->node, "to"),
                  "rule \"%s\" never matches: what goes to inside domains is internal, not "
                  "outbound. Write direction internal",
                  r->name);
    }
    if (r->direction == CONF_INTERNAL && r->to.n > 0 && !may_be(c, &r->to, true, 0)) {
        judge_bad(j, conf_place_of(r->node, "to"),
                  "rule \"%s\" never matches: what goes to other domains is outbound, not "
                  "internal. Write direction outbound",
                  r->name);
    }
    if (r->direction == CONF_INBOUND && all_inside(c, &r->clients)) {
        judge_bad(j, conf_place_of(r->node, "clients"),
                  "rule \"%s\" never matches: these clients lie in the inside networks, and what "
                  "they send is outbound or internal. Write one of these",
                  r->name);
    }
    if (r->direction == CONF_INBOUND && (r->logins.n > 0 || is_of_logins(c, &r->from, 0))) {
        judge_bad(j, conf_place_of(r->node, r->logins.n > 0 ? "logins" : "from"),
                  "rule \"%s\" never matches: what people send who log in is outbound or internal, "
                  "never inbound. Write one of these",
                  r->name);
    }
    if (from_inside && judge_nobody_logs_in(c) && none_inside(c, &r->clients)) {
        judge_bad(j, conf_place_of(r->node, r->clients.n > 0 ? "clients" : "direction"),
                  "rule \"%s\" never matches: nobody logs in, and %s. Name the networks of your "
                  "own servers there (inside, networks)",
                  r->name,
                  r->clients.n > 0 ? "these clients are not in the inside networks"
                                   : "there are no inside networks");
    }
}

/* --- a rule behind a final one ------------------------------------------ */

/* Whether a member without end that is neither a group nor of the directory matches all that
 * another one does. */
static bool leaf_covers(const struct conf *c, const char *wide, struct str narrow)
{
    const struct conf_words one = {&wide, 1};
    char somebody[512];
    bool by_login = reach_begins(narrow, "login:"), by_cert = reach_begins(narrow, "cert:"),
         suffix = reach_begins(narrow, "@.");
    if (strstr(wide, " until ") || reach_begins(str_c(wide), "ldap:") ||
        reach_begins(narrow, "ldap:") || (suffix && !reach_begins(str_c(wide), "@."))) {
        return false;
    }
    if (by_login || by_cert) {
        struct str name = str_slice(narrow, by_login ? 6 : 5, narrow.n);
        return conf_list_has(c, &one, STR(""), by_login ? name : STR(""), by_cert ? name : STR(""));
    }
    if (narrow.n > 0 && narrow.p[0] == '@') {
        int n = snprintf(somebody, sizeof somebody, "x@%s" STR_FMT, suffix ? "a" : "",
                         STR_ARG(str_slice(narrow, 1, narrow.n)));
        return wide[0] == '@' && n > 0 && (size_t)n < sizeof somebody &&
               conf_list_has(c, &one, str_c(somebody), STR(""), STR(""));
    }
    return conf_list_has(c, &one, narrow, STR(""), STR(""));
}

static bool any_covers(const struct conf *c, const struct conf_words *wide, struct str narrow,
                       unsigned depth)
{
    for (size_t i = 0; i < wide->n && depth < DEPTH_MAX; i++) {
        const struct conf_group *g = judge_group_named(c, wide->v[i]);
        bool lasts = !strstr(wide->v[i], " until ");
        if (g ? lasts && any_covers(c, &g->members, narrow, depth + 1)
              : leaf_covers(c, wide->v[i], narrow)) {
            return true;
        }
    }
    return false;
}

static bool has_member(const struct conf *c, const struct conf_words *wide, const char *word,
                       unsigned depth)
{
    const struct conf_group *g = judge_group_named(c, word);
    if (judge_has_word(wide, word) || any_covers(c, wide, without_end(word), 0)) {
        return true;
    }
    for (size_t i = 0; g && i < g->members.n; i++) {
        if (depth >= DEPTH_MAX || !has_member(c, wide, g->members.v[i], depth + 1)) {
            return false;
        }
    }
    return g && g->members.n > 0;
}

static bool covers_member(const struct conf *c, const struct conf_words *wide, const char *word)
{
    return has_member(c, wide, word, 0);
}

static bool covers_word(const struct conf *c, const struct conf_words *wide, const char *word)
{
    return judge_has_word(wide, word);
}

static bool covers_problem(const struct conf *c, const struct conf_words *wide, const char *word)
{
    return judge_has_word(wide, "any") || judge_has_word(wide, word);
}

static bool covers_attachment(const struct conf *c, const struct conf_words *wide, const char *word)
{
    for (size_t i = 0; i < wide->n; i++) {
        struct str w = str_c(wide->v[i]);
        if (word[0] == '*' && w.n > 1 && w.p[0] == '*' &&
            str_ends_nocase(str_c(word), str_slice(w, 1, w.n))) {
            return true;
        }
    }
    return covers_word(c, wide, word);
}

static bool covers_network(const struct conf *c, const struct conf_words *wide, const char *word)
{
    struct address_net part, whole;
    for (size_t i = 0; address_net_parse(str_c(word), &part) == 0 && i < wide->n; i++) {
        if (address_net_parse(str_c(wide->v[i]), &whole) == 0 &&
            address_net_covers(&whole, &part)) {
            return true;
        }
    }
    return false;
}

static bool covers_login(const struct conf *c, const struct conf_words *wide, const char *word)
{
    for (size_t i = 0; i < wide->n; i++) {
        if (address_same(str_c(wide->v[i]), str_c(word))) {
            return true;
        }
    }
    return false;
}

typedef bool (*covers_fn)(const struct conf *c, const struct conf_words *wide, const char *word);

/* Everything that narrow lets through wide lets through, too; an empty list lets everything
 * through. */
static bool is_wider(const struct conf *c, const struct conf_words *wide,
                     const struct conf_words *narrow, covers_fn covers)
{
    for (size_t i = 0; i < narrow->n && wide->n > 0; i++) {
        if (!covers(c, wide, narrow->v[i])) {
            return false;
        }
    }
    return wide->n == 0 || narrow->n > 0;
}

static bool matches_all_of(const struct conf *c, const struct conf_rule *wide,
                           const struct conf_rule *narrow)
{
    return is_wider(c, &wide->from, &narrow->from, covers_member) &&
           is_wider(c, &wide->to, &narrow->to, covers_member) &&
           is_wider(c, &wide->content, &narrow->content, covers_word) &&
           is_wider(c, &wide->unread, &narrow->unread, covers_problem) &&
           is_wider(c, &wide->attachments, &narrow->attachments, covers_attachment) &&
           is_wider(c, &wide->clients, &narrow->clients, covers_network) &&
           is_wider(c, &wide->logins, &narrow->logins, covers_login) &&
           (!wide->direction || wide->direction == narrow->direction) &&
           (!wide->flag || narrow->flag) &&
           (!wide->header || (narrow->header && strcmp(wide->header, narrow->header) == 0)) &&
           wide->size_over <= narrow->size_over;
}

void conf_judge_order(struct judge *j, size_t index)
{
    const struct conf *c = j->conf;
    const struct conf_rule *r = &c->rules[index];
    for (size_t i = 0; i < index; i++) {
        const struct conf_rule *before = &c->rules[i];
        if (strcmp(before->kind, "rule") == 0 && before->final && before->mode == CONF_ENFORCE &&
            matches_all_of(c, before, r)) {
            judge_bad(j, conf_place_of(r->node, NULL),
                      "rule \"%s\" is never reached: rule \"%s\" before it is final and matches "
                      "all its mail. Put it before that one",
                      r->name, before->name);
            return;
        }
    }
}
