/* SPDX-License-Identifier: Apache-2.0
 * idle.c: settings of a file that would do nothing, or that mean less than they say. Called by
 * judge.c; rules are looked at in idle_rules.c, blocks that nobody names in unused.c.
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

/* Such mail has failed once it is decided: nobody can release it (queue/protection). */
bool judge_sends_nothing(const struct conf *c, const void *at)
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

/* Only where it is written: the default (2M) beside a small message is not a mistake, the smaller
 * one counts. */
static bool section_over_message(const struct conf *c, const void *at)
{
    return c->limits.header_octets > c->limits.size;
}

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
    {"rule", "protect", judge_sends_nothing, JUDGE_REFUSED, "Leave it out, or the action"},
    {"rule", "ladder", judge_sends_nothing, JUDGE_REFUSED, "Leave it out, or the action"},
    {"rule", "pickup-level", judge_sends_nothing, JUDGE_REFUSED, "Leave it out, or the action"},
    {"rule", "tag", judge_sends_nothing, JUDGE_REFUSED, "Leave it out, or the action"},
    {"rule", "copy-to", judge_sends_nothing, "of mail that is refused or sent back no copy is made",
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
        conf_judge_idle_rule(j, &c->rules[i]);
        if (!judge_is_partner(&c->rules[i]) && !c->rules[i].inbound &&
            (!judge_speaks_of_transport(&c->rules[i]) || conf_rule_is_conditional(&c->rules[i]))) {
            conf_judge_order(j, i);
        }
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        judge_login_members(j, "group", c->groups[i].name, &c->groups[i].members,
                            conf_place_of(c->groups[i].node, "members"));
    }
    conf_judge_unused(j);
}
