/* SPDX-License-Identifier: Apache-2.0
 * idle_rules.c: rules and partners that would do nothing, or hold for more or less mail than they
 * say: what an inbound rule does not look at, what needs a login where nobody logs in, actions that
 * leave nothing to send. Called by idle.c; rules that no mail can match are found by reach.c.
 *
 * What can go wrong: only what is written in the file is judged, never a default.
 */
#include "conf/judge.h"

bool judge_speaks_of_transport(const struct conf_rule *r)
{
    return r->outbound || r->dane || r->profile || r->client_certificate || r->pins.n > 0;
}

static bool speaks_of_messages(const struct conf_rule *r)
{
    return r->protect || r->action || r->ladder || r->pickup_level || r->tag || r->notify ||
           r->copy_to;
}

bool judge_is_partner(const struct conf_rule *r)
{
    return strcmp(r->kind, "partner") == 0;
}

/* Members that only a login or a client certificate makes. */
static bool needs_login(const struct conf *c, const struct conf_words *list, unsigned depth)
{
    for (size_t i = 0; i < list->n; i++) {
        struct str word = str_c(list->v[i]);
        bool personal =
            str_starts_nocase(word, STR("login:")) || str_starts_nocase(word, STR("cert:"));
        bool is_group = str_starts_nocase(word, STR("group:"));
        for (size_t k = 0; is_group && depth < 8 && k < c->n_groups; k++) {
            personal = personal || (str_eq(str_slice(word, 6, word.n), str_c(c->groups[k].name)) &&
                                    needs_login(c, &c->groups[k].members, depth + 1));
        }
        if (personal) {
            return true;
        }
    }
    return false;
}

/* Members that only a login makes, where there is none. */
void judge_login_members(struct judge *j, const char *block, const char *name,
                         const struct conf_words *list, struct conf_place at)
{
    for (size_t i = 0; i < list->n && judge_nobody_logs_in(j->conf); i++) {
        if (str_starts_nocase(str_c(list->v[i]), STR("login:"))) {
            judge_bad(j, at,
                      "%s \"%s\": %s never matches: nobody logs in, there is no listen submission, "
                      "no listen submissions and no portal. Add one of them",
                      block, name, list->v[i]);
        }
    }
}

static bool idle_says(const struct conf_rule *r, const char *key)
{
    return conf_node_find(r->node, key, NULL) != NULL;
}

/* What an inbound rule does not look at: it would hold for more mail than it says. */
static void judge_inbound(struct judge *j, const struct conf_rule *r)
{
    static const char *const unheard[] = {"to", "clients", "logins", "direction"};
    for (size_t i = 0; i < ARRAY_LEN(unheard); i++) {
        if (!judge_is_partner(r) && idle_says(r, unheard[i])) {
            judge_bad(j, conf_place_of(r->node, unheard[i]),
                      "rule \"%s\": \"inbound require\" does not look at %s and would hold for "
                      "more mail than this says. %s",
                      r->name, unheard[i],
                      i == 1 ? "Networks of clients are named by inbound-networks"
                             : "Write two rules: one for what comes in, one for the rest");
        }
    }
    if (!judge_is_partner(r) && r->mode == CONF_REPORT_ONLY) {
        judge_bad(j, conf_place_of(r->node, "mode"),
                  "rule \"%s\": mode does not hold for \"inbound require\", which would be "
                  "enforced. Write inbound-mode report-only",
                  r->name);
    }
    if (!judge_is_partner(r) && r->from.n == 0 && r->inbound_networks.n == 0 &&
        r->inbound_helo.n == 0) {
        judge_bad(j, conf_place_of(r->node, "inbound"),
                  "rule \"%s\": \"inbound require\" does nothing: no client and no sender is "
                  "named. Add from, inbound-networks or inbound-helo",
                  r->name);
    }
    if (!judge_is_partner(r) && needs_login(j->conf, &r->from, 0)) {
        judge_bad(j, conf_place_of(r->node, "from"),
                  "rule \"%s\": \"inbound require\" is decided before anybody logs in: members "
                  "login: and cert: never match. Name addresses or domains",
                  r->name);
    }
}

static void judge_transport(struct judge *j, const struct conf_rule *r)
{
    static const char *const unconditional[] = {"dane", "profile", "client-certificate", "pin"};
    bool conditional = conf_rule_is_conditional(r);
    for (size_t i = 0; i < ARRAY_LEN(unconditional) && conditional; i++) {
        if (idle_says(r, unconditional[i])) {
            judge_bad(j, conf_place_of(r->node, unconditional[i]),
                      "rule \"%s\": %s does nothing in a rule with a condition beside from and to. "
                      "Write a rule of its own, with from and to alone",
                      r->name, unconditional[i]);
        }
    }
    if (!judge_is_partner(r) && !conditional && needs_login(j->conf, &r->from, 0)) {
        judge_bad(j, conf_place_of(r->node, "from"),
                  "rule \"%s\": what a connection must be is decided without the login: members "
                  "login: and cert: never match. Add direction outbound",
                  r->name);
    }
}

/* What the gateway itself writes is not asked for the action (queue/submit.c), and is bound by
 * rules that name people alone. */
static void judge_refused_transport(struct judge *j, const struct conf_rule *r)
{
    static const char *const keys[] = {"outbound", "dane", "profile", "client-certificate", "pin"};
    bool conditional = conf_rule_is_conditional(r);
    for (size_t i = 0; i < (conditional ? 1 : ARRAY_LEN(keys)) && judge_sends_nothing(j->conf, r);
         i++) {
        if (idle_says(r, keys[i])) {
            judge_bad(j, conf_place_of(r->node, keys[i]),
                      "rule \"%s\": %s binds nothing beside this action%s: " JUDGE_REFUSED
                      ". Leave it out, or the action%s",
                      r->name, keys[i], conditional ? "" : " but the gateway's own notices",
                      conditional ? "" : "; for the notices write a rule of its own");
        }
    }
}

/* Outbound is what we send: of senders outside that is only what servers inside send on. */
static void judge_outbound_from(struct judge *j, const struct conf_rule *r)
{
    if (!judge_is_partner(r) && r->outbound && !r->direction && r->from.n > 0 &&
        !conf_judge_may_be_inside(j->conf, &r->from)) {
        conf_warning(j->problems, conf_place_of(r->node, "from"),
                     "rule \"%s\": outbound speaks of what goes from us to others, and from names "
                     "nobody inside. For what they send to you write inbound require",
                     r->name);
    }
}

void conf_judge_idle_rule(struct judge *j, const struct conf_rule *r)
{
    struct conf_place at = conf_place_of(r->node, NULL);
    /* What a partner alone can say; avoid speaks of their servers (docs/decisions/0026) and is
     * reason enough for a block. */
    bool limits = judge_is_partner(r) && (idle_says(r, "concurrency") || idle_says(r, "rate") ||
                                          r->secure_from || r->avoid.n > 0);
    if (!judge_speaks_of_transport(r) && !speaks_of_messages(r) && !r->inbound && !limits &&
        !r->final) {
        judge_bad(j, at,
                  "%s \"%s\" does nothing: it names whom it is about, and nothing that shall "
                  "happen. Add for instance outbound require cert",
                  r->kind, r->name);
    }
    if (r->final &&
        (r->mode == CONF_REPORT_ONLY || (!speaks_of_messages(r) && !conf_rule_is_conditional(r)))) {
        judge_bad(j, conf_place_of(r->node, "final"),
                  "rule \"%s\": final does nothing %s. Leave it out", r->name,
                  r->mode == CONF_REPORT_ONLY ? "in a rule that is report-only"
                                              : "in a rule that says nothing about messages");
    }
    if (r->inbound) {
        judge_inbound(j, r);
    }
    if (judge_speaks_of_transport(r)) {
        judge_transport(j, r);
        judge_outbound_from(j, r);
        judge_refused_transport(j, r);
    }
    if (needs_login(j->conf, &r->to, 0)) {
        judge_bad(j, conf_place_of(r->node, "to"),
                  "rule \"%s\": recipients do not log in: members login: and cert: never match. "
                  "Name addresses or domains",
                  r->name);
    }
    judge_login_members(j, r->kind, r->name, &r->from, conf_place_of(r->node, "from"));
    if (!judge_is_partner(r)) {
        conf_judge_direction(j, r);
    }
    for (size_t i = 0; i < r->logins.n; i++) {
        if (strchr(r->logins.v[i], ':')) {
            judge_bad(j, conf_place_of(r->node, "logins"),
                      "rule \"%s\": logins %s never matches: it lists the names with which people "
                      "log in. Groups stand in from (group:NAME)",
                      r->name, r->logins.v[i]);
        }
    }
    if (r->header && strchr(r->header, '*')) {
        conf_warning(j->problems, conf_place_of(r->node, "header"),
                     "rule \"%s\": in header \"%s\" the star stands for itself: a text is found "
                     "anywhere in the field. Leave it out",
                     r->name, r->header);
    }
    if (r->flag && conf_flags_are_off(j->conf)) {
        judge_bad(j, conf_place_of(r->node, "flag"),
                  "rule \"%s\" never matches: flags count nowhere (flags { in none; }). Say where "
                  "they count",
                  r->name);
    }
    if (r->size_over >= j->conf->limits.size) {
        judge_bad(j, conf_place_of(r->node, "size-over"),
                  "rule \"%s\" never matches: no message that large is taken (limits, message). "
                  "Lower one or raise the other",
                  r->name);
    }
}
