/* SPDX-License-Identifier: Apache-2.0
 * idle.c: settings and rules of a file that would do nothing, or that mean less than they say.
 * Called by judge.c; what no mail can match is found by reach.c.
 *
 * A new setting that counts only while another one is on gets a row in `idle` here. What can go
 * wrong: only what is written in the file is judged, never a default.
 */
#include "conf/judge.h"
#include "wire/address.h"

static bool no_portal(const struct conf *c, const void *at)
{
    return !c->portal.url;
}

static bool no_tls_of_portal(const struct conf *c, const void *at)
{
    return c->portal.url && c->portal.addresses.n == 0;
}

bool judge_has_submission(const struct conf *c)
{
    for (size_t i = 0; i < c->n_listens; i++) {
        if (c->listens[i].kind != CONF_LISTEN_SMTP) {
            return true;
        }
    }
    return false;
}

bool judge_nobody_logs_in(const struct conf *c)
{
    return !c->portal.url && !judge_has_submission(c);
}

static bool no_logins(const struct conf *c, const void *at)
{
    return judge_nobody_logs_in(c);
}

static bool idle_asks_directory(const struct conf *c)
{
    for (size_t i = 0; i < c->n_groups; i++) {
        if (conf_list_asks_directory(c, &c->groups[i].members)) {
            return true;
        }
    }
    return false;
}

static bool no_login_process(const struct conf *c, const void *at)
{
    return no_logins(c, at) && !idle_asks_directory(c);
}

static bool no_directory(const struct conf *c, const void *at)
{
    return !c->directory.url;
}

static bool is_ldaps(const struct conf *c, const void *at)
{
    return c->directory.url && str_starts_nocase(str_c(c->directory.url), STR("ldaps://"));
}

static bool no_bind_dn(const struct conf *c, const void *at)
{
    return c->directory.url && !*c->directory.bind_dn;
}

static bool no_tls_reports(const struct conf *c, const void *at)
{
    return !c->tlsrpt.send;
}

static bool no_probes(const struct conf *c, const void *at)
{
    return !c->monitor.probe;
}

static bool no_flags(const struct conf *c, const void *at)
{
    return conf_flags_are_off(c);
}

static bool no_flag_words(const struct conf *c, const void *at)
{
    return !conf_flags_have_words(c);
}

static bool no_flag_in_subject(const struct conf *c, const void *at)
{
    return !conf_flags_count_in(c, "subject");
}

/* A field with another value than the three is nearly a flag, too. */
static bool no_near_miss(const struct conf *c, const void *at)
{
    return !conf_flags_have_words(c) && !conf_flags_count_in(c, "header");
}

/* The field X-Postern-Protect says itself what it asks for. */
static bool no_flag_protects(const struct conf *c, const void *at)
{
    bool near = conf_flags_count_in(c, "header") && c->flags.near_miss == CONF_NEAR_PROTECT;
    return !conf_flags_have_words(c) && c->flags.labels.n == 0 && !near;
}

static bool no_kept_connections(const struct conf *c, const void *at)
{
    return c->queue.messages_per_connection == 1;
}

static bool one_server_alone(const struct conf *c, const void *at)
{
    unsigned char octets[16];
    bool inside = !c->deliver_to || address_ip_octets(conf_target_host(c->deliver_to), octets) > 0;
    return inside && c->relay_host &&
           address_ip_octets(conf_target_host(c->relay_host), octets) > 0;
}

static bool silent_over_greeting(const struct conf *c, const void *at)
{
    return c->smtpout.silent >= c->smtpout.greeting && c->smtpout.silent >= c->smtpout.ehlo;
}

static bool over_level_one(const struct conf *c, const void *at)
{
    return c->portal.url && c->portal.level >= 2;
}

static bool no_certificate(const struct conf *c, const void *at)
{
    return c->n_own == 0;
}

static bool no_requiretls(const struct conf *c, const void *at)
{
    return !c->requiretls;
}

static bool no_inside_domains(const struct conf *c, const void *at)
{
    return c->inside_domains.n == 0;
}

static bool no_smtp(const struct conf *c, const void *at)
{
    for (size_t i = 0; i < c->n_listens; i++) {
        if (c->listens[i].kind == CONF_LISTEN_SMTP) {
            return false;
        }
    }
    return true;
}

static bool no_inbound(const struct conf *c, const void *at)
{
    const struct conf_rule *r = at;
    return r->inbound == 0;
}

static bool no_inbound_cert(const struct conf *c, const void *at)
{
    const struct conf_rule *r = at;
    return r->inbound != 2;
}

static bool over_queue(const struct conf *c, const void *at)
{
    return ((const struct conf_rule *)at)->concurrency > c->queue.concurrency;
}

/* All mail for outside goes to one host of ours (rules_route()): it is one destination, and no
 * partner's. */
static bool by_relay(const struct conf *c, const void *at)
{
    return c->relay_host != NULL;
}

/* A rule is about mail inside, too, which goes to deliver-to; without `to` a pin may be that of
 * the relay. */
static bool by_relay_outside(const struct conf *c, const void *at)
{
    const struct conf_rule *r = at;
    return c->relay_host && r->to.n > 0 && !conf_judge_may_be_inside(c, &r->to);
}

static bool always(const struct conf *c, const void *at)
{
    return true;
}

static bool tells_nobody(const struct conf *c, const void *at)
{
    const struct conf_rule *r = at;
    return r->action != CONF_REJECT && r->action != CONF_BOUNCE && r->action != CONF_HOLD &&
           r->action != CONF_CHOOSE;
}

/* Such mail has failed once it is decided: no rule and nobody lets it go (queue/protection.c). */
static bool sends_nothing(const struct conf *c, const void *at)
{
    const struct conf_rule *r = at;
    return r->action == CONF_REJECT || r->action == CONF_BOUNCE;
}

/* Whoever releases it takes the ladder away (protection_release()). */
static bool is_held(const struct conf *c, const void *at)
{
    return ((const struct conf_rule *)at)->action == CONF_HOLD;
}

static bool asks_nobody(const struct conf *c, const void *at)
{
    return ((const struct conf_rule *)at)->action != CONF_CHOOSE;
}

static bool under_portal_level(const struct conf *c, const void *at)
{
    const struct conf_rule *r = at;
    return c->portal.url && r->pickup_level > 0 && r->pickup_level - 1 <= c->portal.level;
}

static bool notice_after_end(const struct conf *c, const void *at)
{
    return c->queue.notice_after >= c->queue.lifetime;
}

static bool delay_after_end(const struct conf *c, const void *at)
{
    return c->queue.delay_notice >= c->queue.lifetime;
}

static bool idle_over_session(const struct conf *c, const void *at)
{
    return c->portal.idle > c->portal.session;
}

static bool per_address_over_all(const struct conf *c, const void *at)
{
    return c->limits.connections_per_address > c->limits.connections;
}

static bool per_network_over_all(const struct conf *c, const void *at)
{
    return c->limits.connections_per_network > c->limits.connections;
}

static bool per_address_over_network(const struct conf *c, const void *at)
{
    return c->limits.connections_per_address > c->limits.connections_per_network;
}

static bool concurrency_over_deliveries(const struct conf *c, const void *at)
{
    return c->queue.concurrency > c->queue.deliveries;
}

static bool hurry_over_waits(const struct conf *c, const void *at)
{
    return c->limits.hurry_time >= c->limits.command_time &&
           c->limits.hurry_time >= c->limits.data_time &&
           c->limits.hurry_time >= c->limits.handshake_time;
}

static bool field_over_section(const struct conf *c, const void *at)
{
    return c->limits.header_field > c->limits.header_octets;
}

/* Only where it is written: the default (2M) beside a small message is nobody's mistake, the
 * smaller one counts. */
static bool section_over_message(const struct conf *c, const void *at)
{
    return c->limits.header_octets > c->limits.size;
}

#define REFUSED_WHY    "mail that is refused or sent back goes to nobody"
#define HELD_WHY       "held mail that is released takes no ladder, it goes by transport alone"
#define FLAG_WORDS_WHY "words are looked for in subject and body alone"

/* The first row that fits counts; key NULL: each setting of the block. */
static const struct idle {
    const char *block, *key;
    /* at: the struct of a repeated block, else c */
    bool (*off)(const struct conf *c, const void *at);
    const char *why, *hint;
} idle[] = {
    {"portal", NULL, no_portal, "there is no portal", "Give it url and from"},
    {"portal", "profile", no_tls_of_portal, "a proxy speaks TLS with people, not the gateway",
     "Set it there"},
    {"portal", "idle", idle_over_session, "a session ends before that",
     "Make it shorter than session"},
    {"accounts", NULL, no_logins,
     "nobody logs in: there is no listen submission, no listen submissions and no portal",
     "Add one of them"},
    {"directory", NULL, no_directory, "there is no directory", "Give it url"},
    {"directory", "url", no_login_process, "nobody logs in and no group names ldap:",
     "Add listen submission, or a group with a member \"ldap:DN\""},
    {"directory", "starttls", is_ldaps, "ldaps:// is encrypted from the first octet",
     "Leave it out"},
    {"directory", "bind-password-file", no_bind_dn, "there is no bind-dn that it belongs to",
     "Add bind-dn"},
    {"tls-reports", "contact", no_tls_reports, "no reports are sent", "Add send yes"},
    {"tls-reports", "delay", no_tls_reports, "no reports are sent", "Add send yes"},
    {"tls-reports", "any-certificate", no_tls_reports, "no reports are sent", "Add send yes"},
    {"monitor", "domains", no_probes, "probe no switches all looks off", "Leave out probe no"},
    {"monitor", "interval", no_probes, "probe no switches all looks off", "Leave out probe no"},
    {"portal", "remember", over_level_one, "at level 2 and 3 everybody proves it each time",
     "Leave it out"},
    {"flags", "words", no_flags, "flags count nowhere (in none)",
     "Say in which part of a message they count"},
    {"flags", "test", no_flags, "flags count nowhere (in none)",
     "Say in which part of a message they count"},
    {"flags", "protect", no_flags, "flags count nowhere (in none)",
     "Say in which part of a message they count"},
    {"flags", "remove", no_flags, "flags count nowhere (in none)",
     "Say in which part of a message they count"},
    {"flags", "near-miss", no_flags, "flags count nowhere (in none)",
     "Say in which part of a message they count"},
    {"flags", "trial", no_flags, "flags count nowhere (in none)",
     "Say in which part of a message they count"},
    {"flags", "words", no_flag_words, FLAG_WORDS_WHY, "Add subject or body to in"},
    {"flags", "test", no_flag_words, FLAG_WORDS_WHY, "Add subject or body to in"},
    {"flags", "trial", no_flag_words, FLAG_WORDS_WHY, "Add subject or body to in"},
    {"flags", "remove", no_flag_in_subject,
     "words are taken out of the subject alone, where they do not count (in)", "Add subject to in"},
    {"flags", "near-miss", no_near_miss, "labels alone count, and none is nearly one",
     "Leave it out"},
    {"flags", "protect", no_flag_protects, "X-Postern-Protect says itself what it asks for",
     "Leave it out"},
    {"queue", "idle-connection", no_kept_connections,
     "messages-per-connection 1 ends each connection behind its message", "Leave one out"},
    {"delivery", "others-first-time", one_server_alone,
     "all mail goes to one address, and there is no other server to ask first", "Leave it out"},
    {"delivery", "others-first-time", silent_over_greeting,
     "greeting-time and ehlo-time are not longer", "Make it shorter than these"},
    {"workers", "web", no_portal, "there is no portal", "Leave it out"},
    {"workers", "login", no_login_process, "nobody logs in", "Leave it out"},
    {"inside", "deliver-to", no_inside_domains,
     "there are no inside domains whose mail it would get", "Add domains"},
    {"inside/deliver-to", "requiretls", no_requiretls, "REQUIRETLS is switched off",
     "Leave out requiretls no"},
    {"listen", "client-certificates", no_certificate, "without a certificate block there is no TLS",
     "Add one"},
    {"listen", "profile", no_certificate, "without a certificate block there is no TLS", "Add one"},
    {"listen", "resumption", no_certificate, "without a certificate block there is no TLS",
     "Add one"},
    {"partner", "inbound", no_smtp, "no mail comes in: there is no listen smtp", "Add one"},
    {"partner", "inbound", no_inside_domains, "no mail comes in: there are no inside domains",
     "Add inside { domains ...; }"},
    {"rule", "inbound", no_smtp, "no mail comes in: there is no listen smtp", "Add one"},
    {"partner", "pin", by_relay,
     "all mail goes through relay, and their servers are never spoken to", "Leave it out"},
    {"partner", "dane", by_relay,
     "all mail goes through relay, and their servers are never spoken to", "Leave it out"},
    {"partner", "avoid", by_relay,
     "all mail goes through relay, and their servers are never spoken to", "Leave it out"},
    {"partner", "rate", by_relay, "all mail goes through relay, which is one destination for all",
     "Leave it out, or set it at that host"},
    {"partner", "concurrency", by_relay,
     "all mail goes through relay, which is one destination for all", "Set concurrency of queue"},
    {"partner", "concurrency", over_queue, "the concurrency of queue is lower and stays the limit",
     "Raise that one"},
    {"partner", "inbound-networks", no_inbound, "there is no inbound require beside it",
     "Add inbound require tls, cert or pin"},
    {"partner", "inbound-helo", no_inbound, "there is no inbound require beside it",
     "Add inbound require tls, cert or pin"},
    {"partner", "inbound-mode", no_inbound, "there is no inbound require beside it",
     "Add inbound require tls, cert or pin"},
    {"partner", "inbound-names", no_inbound_cert,
     "names are compared by inbound require cert alone", "Add that"},
    {"rule", "inbound-networks", no_inbound, "there is no inbound require beside it",
     "Add inbound require tls, cert or pin"},
    {"rule", "inbound-helo", no_inbound, "there is no inbound require beside it",
     "Add inbound require tls, cert or pin"},
    {"rule", "inbound-mode", no_inbound, "there is no inbound require beside it",
     "Add inbound require tls, cert or pin"},
    {"rule", "inbound-names", no_inbound_cert, "names are compared by inbound require cert alone",
     "Add that"},
    {"rule", "pin", by_relay_outside,
     "all mail goes through relay, and their servers are never spoken to", "Leave it out"},
    {"rule", "dane", by_relay_outside,
     "all mail goes through relay, and their servers are never spoken to", "Leave it out"},
    {"rule", "logins", no_logins,
     "nobody logs in: there is no listen submission, no listen submissions and no portal",
     "Add one of them"},
    {"rule", "secure-from", always, "it counts in partner and account blocks alone",
     "Write it there"},
    {"rule", "protect", sends_nothing, REFUSED_WHY, "Leave it out, or the action"},
    {"rule", "ladder", sends_nothing, REFUSED_WHY, "Leave it out, or the action"},
    {"rule", "pickup-level", sends_nothing, REFUSED_WHY, "Leave it out, or the action"},
    {"rule", "tag", sends_nothing, REFUSED_WHY, "Leave it out, or the action"},
    {"rule", "copy-to", sends_nothing, "of mail that is refused or sent back no copy is made",
     "Write notify, which tells somebody without the content, or action hold"},
    {"rule", "ladder", is_held, HELD_WHY, "Leave it out"},
    {"rule", "pickup-level", is_held, HELD_WHY, "Leave it out"},
    {"rule", "text", tells_nobody, "nobody is told anything by this action",
     "Add action reject, bounce, hold or ask"},
    {"rule", "as-is", asks_nobody, "nobody is asked", "Add action ask"},
    {"rule", "ask-time", asks_nobody, "nobody is asked", "Add action ask"},
    {"rule", "pickup-level", no_portal, "there is no portal", "Add a portal block"},
    {"rule", "pickup-level", under_portal_level, "the portal's own level is not lower",
     "Leave it out, or raise it"},
    {"queue", "notice-after", notice_after_end, "mail is sent back before that (lifetime)",
     "Make it shorter"},
    {"queue", "delay-notice", delay_after_end, "mail is sent back before that (lifetime)",
     "Make it shorter"},
    {"limits", "connections-per-address", per_address_over_all, "connections is lower",
     "Make it lower than that"},
    {"limits", "connections-per-address", per_address_over_network,
     "connections-per-network is lower", "Make it lower than that"},
    {"limits", "hurry-time", hurry_over_waits, "no waiting time is longer",
     "Make it shorter than command-time"},
    {"queue", "concurrency", concurrency_over_deliveries, "deliveries is lower and stays the limit",
     "Make it lower than that"},
    {"limits", "connections-per-network", per_network_over_all, "connections is lower",
     "Make it lower than that"},
    {"limits", "header-field", field_over_section, "header-section is smaller",
     "Make it smaller than that"},
    {"limits", "header-section", section_over_message, "message is smaller",
     "Make it smaller than that"},
};

static void judge_setting(struct judge *j, const char *block, const struct conf_node *n,
                          const void *at)
{
    const char *key = n->words[0].text;
    for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
        const struct idle *k = &idle[i];
        if (strcmp(k->block, block) == 0 && (!k->key || strcmp(k->key, key) == 0) &&
            k->off(j->conf, at)) {
            judge_bad(j, n->at, "%s does nothing here: %s. %s", key, k->why, k->hint);
            return;
        }
    }
}

static void judge_block(struct judge *j, const char *block, const struct conf_node *node,
                        const void *at)
{
    for (const struct conf_node *n = NULL; (n = conf_node_find(node, NULL, n));) {
        judge_setting(j, block, n, at);
        if (n->has_block) {
            char inner[64];
            snprintf(inner, sizeof inner, "%s/%s", block, n->words[0].text);
            judge_block(j, inner, n, at);
        }
    }
}

/* --- rules -------------------------------------------------------------- */

static bool speaks_of_transport(const struct conf_rule *r)
{
    return r->outbound || r->dane || r->profile || r->client_certificate || r->pins.n > 0;
}

static bool speaks_of_messages(const struct conf_rule *r)
{
    return r->protect || r->action || r->ladder || r->pickup_level || r->tag || r->notify ||
           r->copy_to;
}

static bool is_partner(const struct conf_rule *r)
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
static void judge_login_members(struct judge *j, const char *block, const char *name,
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
        if (!is_partner(r) && idle_says(r, unheard[i])) {
            judge_bad(j, conf_place_of(r->node, unheard[i]),
                      "rule \"%s\": \"inbound require\" does not look at %s and would hold for "
                      "more mail than this says. %s",
                      r->name, unheard[i],
                      i == 1 ? "Networks of clients are named by inbound-networks"
                             : "Write two rules: one for what comes in, one for the rest");
        }
    }
    if (!is_partner(r) && r->mode == CONF_REPORT_ONLY) {
        judge_bad(j, conf_place_of(r->node, "mode"),
                  "rule \"%s\": mode does not hold for \"inbound require\", which would be "
                  "enforced. Write inbound-mode report-only",
                  r->name);
    }
    if (!is_partner(r) && r->from.n == 0 && r->inbound_networks.n == 0 && r->inbound_helo.n == 0) {
        judge_bad(j, conf_place_of(r->node, "inbound"),
                  "rule \"%s\": \"inbound require\" does nothing: no client and no sender is "
                  "named. Add from, inbound-networks or inbound-helo",
                  r->name);
    }
    if (!is_partner(r) && needs_login(j->conf, &r->from, 0)) {
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
    if (!is_partner(r) && !conditional && needs_login(j->conf, &r->from, 0)) {
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
    for (size_t i = 0; i < (conditional ? 1 : ARRAY_LEN(keys)) && sends_nothing(j->conf, r); i++) {
        if (idle_says(r, keys[i])) {
            judge_bad(j, conf_place_of(r->node, keys[i]),
                      "rule \"%s\": %s binds nothing beside this action%s: " REFUSED_WHY
                      ". Leave it out, or the action%s",
                      r->name, keys[i], conditional ? "" : " but the gateway's own notices",
                      conditional ? "" : "; for the notices write a rule of its own");
        }
    }
}

/* Outbound is what we send: of senders outside that is only what servers inside send on. */
static void judge_outbound_from(struct judge *j, const struct conf_rule *r)
{
    if (!is_partner(r) && r->outbound && !r->direction && r->from.n > 0 &&
        !conf_judge_may_be_inside(j->conf, &r->from)) {
        conf_warning(j->problems, conf_place_of(r->node, "from"),
                     "rule \"%s\": outbound speaks of what goes from us to others, and from names "
                     "nobody inside. For what they send to you write inbound require",
                     r->name);
    }
}

static void judge_rule(struct judge *j, const struct conf_rule *r)
{
    struct conf_place at = conf_place_of(r->node, NULL);
    /* What a partner alone can say; avoid speaks of their servers (docs/decisions/0026) and is
     * reason enough for a block. */
    bool limits = is_partner(r) && (idle_says(r, "concurrency") || idle_says(r, "rate") ||
                                    r->secure_from || r->avoid.n > 0);
    if (!speaks_of_transport(r) && !speaks_of_messages(r) && !r->inbound && !limits && !r->final) {
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
    if (speaks_of_transport(r)) {
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
    if (!is_partner(r)) {
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

/* --- blocks that nobody names ------------------------------------------- */

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

/* One of flags says that they are meant (demands_something()). */
static void judge_empty(struct judge *j, const struct conf_node *block)
{
    const char *name = block->words[0].text;
    if (!conf_node_find(block, NULL, NULL) && strcmp(name, "flags") != 0) {
        judge_bad(j, block->at,
                  "%s { } does nothing: no setting is in it. Leave it out, or set something", name);
    }
}

void conf_judge_idle(struct judge *j)
{
    const struct conf *c = j->conf;
    for (const struct conf_node *n = NULL; (n = conf_node_find(c->root, NULL, n));) {
        if (n->has_block && !conf_block_is_repeated(n->words[0].text)) {
            judge_empty(j, n);
            judge_block(j, n->words[0].text, n, c);
        }
    }
    for (size_t i = 0; i < c->n_listens; i++) {
        judge_block(j, "listen", c->listens[i].node, &c->listens[i]);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        judge_block(j, c->rules[i].kind, c->rules[i].node, &c->rules[i]);
        judge_rule(j, &c->rules[i]);
        if (!is_partner(&c->rules[i]) && !c->rules[i].inbound &&
            (!speaks_of_transport(&c->rules[i]) || conf_rule_is_conditional(&c->rules[i]))) {
            conf_judge_order(j, i);
        }
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        judge_login_members(j, "group", c->groups[i].name, &c->groups[i].members,
                            conf_place_of(c->groups[i].node, "members"));
    }
    judge_unused(j);
    judge_accounts(j);
}
