/* SPDX-License-Identifier: Apache-2.0
 * judge.c: what a configuration file as a whole gets wrong although each setting in it is right,
 * such as groups that contain themselves; and warnings about what is open. Called by
 * proc/preflight.c for check-config, the start and a reload; never by children, whose text has
 * every default written out.
 *
 * What can go wrong: errors are sure, the rest is a warning.
 */
#include "conf/judge.h"
#include "conf/schema.h"
#include "sys/conn.h"
#include "wire/address.h"
#include "wire/domain.h"

#include <stdlib.h>

enum { DEPTH_MAX = 8, RUN_DIR_MAX = 90 };

void judge_bad(struct judge *j, struct conf_place at, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    j->result = conf_problem(j->problems, at, "%s", text);
}

bool conf_block_is_repeated(const char *block)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (conf_schema[i].repeated && strcmp(conf_schema[i].name, block) == 0) {
            return true;
        }
    }
    return false;
}

struct conf_place judge_at_key(const struct judge *j, const char *block, const char *key)
{
    const struct conf_node *n = conf_node_find(j->conf->root, block, NULL);
    return conf_place_of(n ? n : j->conf->root, key);
}

bool judge_domain_covers(struct str list, struct str domain)
{
    return list.n > 0 && list.p[0] == '.' ? str_ends_nocase(domain, list)
                                          : str_eq_nocase(list, domain);
}

static bool overlaps(const char *a, const char *b)
{
    return judge_domain_covers(str_c(a), str_c(b)) || judge_domain_covers(str_c(b), str_c(a));
}

static void judge_partners(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_rules; i++) {
        for (size_t d = 0; d < c->rules[i].domains.n; d++) {
            for (size_t k = 0; k < c->inside_domains.n; k++) {
                if (overlaps(c->rules[i].domains.v[d], c->inside_domains.v[k])) {
                    judge_bad(j, conf_place_of(c->rules[i].node, "domains"),
                              "partner \"%s\": %s and %s, which is an inside domain, have domains "
                              "in common: mail for these goes to deliver-to. Leave them out of one "
                              "of the two",
                              c->rules[i].name, c->rules[i].domains.v[d], c->inside_domains.v[k]);
                }
            }
        }
    }
}

/* --- groups ------------------------------------------------------------- */

const struct conf_group *judge_group_named(const struct conf *c, const char *word)
{
    if (!str_starts_nocase(str_c(word), STR("group:"))) {
        return NULL;
    }
    const char *until = strstr(word, " until ");
    size_t n = until ? (size_t)(until - word) - 6 : strlen(word + 6);
    for (size_t i = 0; i < c->n_groups; i++) {
        if (str_eq(str_from(word + 6, n), str_c(c->groups[i].name))) {
            return &c->groups[i];
        }
    }
    return NULL;
}

static bool reaches(const struct conf *c, const struct conf_group *from,
                    const struct conf_group *to, unsigned depth)
{
    for (size_t i = 0; i < from->members.n; i++) {
        const struct conf_group *g = judge_group_named(c, from->members.v[i]);
        if (g && (g == to || depth >= DEPTH_MAX || reaches(c, g, to, depth + 1))) {
            return true;
        }
    }
    return false;
}

static void judge_groups(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_groups; i++) {
        if (reaches(c, &c->groups[i], &c->groups[i], 0)) {
            judge_bad(j, conf_place_of(c->groups[i].node, "members"),
                      "group \"%s\" contains itself, or groups nest deeper than %d. Leave out the "
                      "member group: that leads back",
                      c->groups[i].name, DEPTH_MAX);
        }
    }
}

/* --- networks ----------------------------------------------------------- */

static void judge_networks(struct judge *j, const struct conf_words *networks, struct conf_place at,
                           const char *what, const char *danger)
{
    bool whole = false;
    for (size_t i = 0; i < networks->n; i++) {
        struct address_net net;
        if (address_net_parse(str_c(networks->v[i]), &net) < 0) {
            continue;
        }
        whole |= net.prefix == 0;
        bool private = address_is_private(str_slice(str_c(networks->v[i]), 0,
                                                    str_find(str_c(networks->v[i]), '/', 0))) &&
                       net.prefix >= (net.is_v6 ? 7u : 8u);
        if (net.prefix == 0) {
            conf_warning(j->problems, at, "%s %s is the whole internet: %s. Name your own networks",
                         what, networks->v[i], danger);
        } else if (!private && net.prefix < (net.is_v6 ? 29u : 12u)) {
            /* larger than what a provider has */
            conf_warning(j->problems, at, "%s %s is very large: %s. Name your own networks", what,
                         networks->v[i], danger);
        }
    }
    if (!whole && conf_networks_are_everybody(networks)) {
        conf_warning(j->problems, at,
                     "%s: two halves (0.0.0.0/1 and 128.0.0.0/1, or ::/1 and 8000::/1) together "
                     "are the whole internet: %s. Name your own networks",
                     what, danger);
    }
}

/* What is forgiven to old machines should be forgiven to nothing else. */
static void judge_devices(struct judge *j)
{
    const struct conf_words *devices = &j->conf->inside_devices;
    for (size_t i = 0; i < devices->n; i++) {
        struct address_net net;
        if (address_net_parse(str_c(devices->v[i]), &net) == 0 &&
            net.prefix < (net.is_v6 ? 64u : 24u)) {
            conf_warning(j->problems, judge_at_key(j, "inside", "devices"),
                         "devices %s is wide: whatever is there may send wrong line ends and "
                         "addresses. Name the old machines",
                         devices->v[i]);
        }
    }
}

static void judge_all_networks(struct judge *j)
{
    const struct conf *c = j->conf;
    judge_devices(j);
    judge_networks(j, &c->inside_networks, judge_at_key(j, "inside", "networks"), "networks",
                   "anybody there may send mail to anywhere in your name (open relay)");
    judge_networks(j, &c->portal.proxies, judge_at_key(j, "portal", "proxies"), "proxies",
                   "anybody there may say that they are another client");
    for (size_t i = 0; i < c->n_listens; i++) {
        judge_networks(j, &c->listens[i].balancers, conf_place_of(c->listens[i].node, "balancers"),
                       "balancers", "anybody there may say that they are another client");
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        judge_networks(j, &c->rules[i].inbound_networks,
                       conf_place_of(c->rules[i].node, "inbound-networks"), "inbound-networks",
                       "everybody there must fulfil this rule");
    }
}

/* --- single values that another part of the file contradicts ------------ */

/* What comes to receive goes to no mailbox: it is read as a report (rules_route()). */
static void judge_receive(struct judge *j)
{
    const struct conf *c = j->conf;
    struct str receive = str_c(c->tlsrpt.receive);
    struct conf_place at = judge_at_key(j, "tls-reports", "receive");
    const struct {
        const char *address, *what;
    } others[] = {{c->portal.from, "from of the portal"}, {c->admin, "administrator"}};
    for (size_t i = 0; i < ARRAY_LEN(others) && receive.n > 0; i++) {
        if (others[i].address && address_same(receive, str_c(others[i].address))) {
            judge_bad(j, at,
                      "tls-reports: receive %s is %s, too: what comes there is read as a report, "
                      "and people's mail to it would reach nobody. Name an address of its own",
                      c->tlsrpt.receive, others[i].what);
            return;
        }
    }
    if (receive.n > 0 && conf_forward_of(c, receive)) {
        judge_bad(j, at,
                  "tls-reports: receive %s is a forward (line %lld), too: its reports would go "
                  "away instead of being read. Name an address of its own",
                  c->tlsrpt.receive, (long long)conf_forward_of(c, receive)->line);
    }
}

static void judge_names(struct judge *j)
{
    const struct conf *c = j->conf;
    struct conf_place at = conf_place_of(c->root, "hostname");
    unsigned char octets[16];
    if (address_ip_octets(str_c(c->hostname), octets) > 0) {
        judge_bad(j, at,
                  "hostname %s is an address. Write the name that the address resolves back to",
                  c->hostname);
    } else if (str_eq_nocase(str_c(c->hostname), STR("localhost")) ||
               str_starts_nocase(str_c(c->hostname), STR("localhost."))) {
        judge_bad(j, at,
                  "hostname %s means every machine: other servers refuse it. Write the name that "
                  "your address resolves back to",
                  c->hostname);
    } else if (!strchr(c->hostname, '.')) {
        conf_warning(j->problems, at,
                     "hostname %s has no domain: other servers refuse such names in EHLO. Write "
                     "its full name",
                     c->hostname);
    }
    for (size_t i = 0; i < c->n_oidc; i++) {
        if (!address_domain_ok(str_c(c->oidc[i].name), false)) {
            judge_bad(j, conf_place_of(c->oidc[i].node, NULL),
                      "oidc \"%s\": the label is not a domain. Write the domain of the people who "
                      "log in there",
                      c->oidc[i].name);
        } else if (conf_is_inside(c, domain_kept(str_c(c->oidc[i].name)))) {
            judge_bad(
                j, conf_place_of(c->oidc[i].node, NULL),
                "oidc \"%s\" is an inside domain: the portal is for people outside. Name theirs",
                c->oidc[i].name);
        }
    }
    judge_receive(j);
    if (c->tlsrpt.receive && !conf_is_inside(c, domain_of(str_c(c->tlsrpt.receive)))) {
        judge_bad(j, judge_at_key(j, "tls-reports", "receive"),
                  "tls-reports: receive %s is not in an inside domain, so no report comes to it. "
                  "Name an address in one",
                  c->tlsrpt.receive);
    }
}

static void judge_addresses(struct judge *j)
{
    const struct conf *c = j->conf;
    struct endpoint e;
    struct str forward = str_c(c->resolver.forward);
    size_t at = str_find(forward, '@', 0);
    uint64_t port = 53;
    if (*c->smtpout.source && endpoint_parse(str_c(c->smtpout.source), 1, &e) < 0) {
        judge_bad(j, judge_at_key(j, "delivery", "source-address"),
                  "delivery: source-address \"%s\" is not an address such as 192.0.2.1",
                  c->smtpout.source);
    }
    if (forward.n > 0 &&
        (endpoint_parse(str_slice(forward, 0, at), 53, &e) < 0 ||
         (at < forward.n &&
          (str_to_u64(str_slice(forward, at + 1, forward.n), 65535, &port) < 0 || port == 0)))) {
        judge_bad(j, judge_at_key(j, "resolver", "forward"),
                  "resolver: forward \"%s\" is not ADDRESS or ADDRESS@PORT. Write for instance "
                  "127.0.0.53 or 10.0.0.1@5353",
                  c->resolver.forward);
    }
    if (c->directory.url && !strstr(c->directory.filter, "%u")) {
        judge_bad(j, judge_at_key(j, "directory", "filter"),
                  "directory: filter \"%s\" has no %%u, so everybody would be the same person. "
                  "Write for instance (uid=%%u)",
                  c->directory.filter);
    }
    if (c->directory.url && !*c->directory.base) {
        conf_warning(j->problems, judge_at_key(j, "directory", "url"),
                     "directory: without base most servers find nobody, and nobody can log in. "
                     "Write for instance base \"dc=clinic,dc=example\"");
    }
    if (str_starts_nocase(str_c(c->at_rest_key), str_c(c->store_path)) &&
        c->at_rest_key[strlen(c->store_path)] == '/') {
        judge_bad(j, conf_place_of(c->root, "at-rest-key"),
                  "at-rest-key %s lies in the store's directory: then a stolen store opens itself. "
                  "Put it elsewhere",
                  c->at_rest_key);
    }
}

static void judge_workers(struct judge *j)
{
    const struct conf *c = j->conf;
    int64_t n = c->workers.smtpin + c->workers.smtpout + c->workers.inspect + c->workers.web +
                c->workers.login;
    if (n > CONF_PROCESSES_MAX) {
        judge_bad(
            j, conf_place_of(c->root, "workers"),
            "workers: %lld processes in all, and the most is %d. Make some of the numbers smaller",
            (long long)n, CONF_PROCESSES_MAX);
    }
}

/* Waits that end after the message was sent back. */
static void judge_long_waits(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct {
        const char *block, *key;
        int64_t time;
    } waits[] = {
        {"queue", "longest-retry", c->queue.retry_max},
        {"monitor", "probe-patience", c->monitor.probe_patience},
        {"monitor", "ehlo-patience", c->monitor.ehlo_patience},
        {"delivery", "policy-wait", c->smtpout.policy_wait},
    };
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        const struct conf_node *n = conf_node_find(c->root, waits[i].block, NULL);
        if (n && conf_node_find(n, waits[i].key, NULL) && waits[i].time >= c->queue.lifetime) {
            conf_warning(j->problems, conf_place_of(n, waits[i].key),
                         "%s: %s is as long as the lifetime of mail, which is sent back before "
                         "that. Make it shorter, or lifetime of queue longer",
                         waits[i].block, waits[i].key);
        }
    }
}

/* One directory for two things: what one process makes there, another takes for its own. */
static void judge_directories(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct {
        const char *key, *path;
    } all[] = {
        {"store", c->store_path},
        {"run-directory", c->run_path},
        {"drop-directory", c->drop_directory},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        for (size_t k = 0; k < i; k++) {
            if (all[i].path && all[k].path && *all[i].path &&
                strcmp(all[i].path, all[k].path) == 0) {
                judge_bad(j, conf_place_of(c->root, all[i].key),
                          "%s and %s are the same directory, %s. Give each one of its own",
                          all[k].key, all[i].key, all[i].path);
            }
        }
    }
    if (c->run_path && strlen(c->run_path) > RUN_DIR_MAX) {
        judge_bad(j, conf_place_of(c->root, "run-directory"),
                  "run-directory %s is too long: the socket in it may have 107 octets with its "
                  "path. Choose one of at most %d",
                  c->run_path, RUN_DIR_MAX);
    }
}

/* @insde.example where inside.example is ours: a mandatory group or rule that never counts, and
 * nobody would see it. */
static void judge_nearly_inside(struct judge *j, const char *block, const char *name,
                                const struct conf_words *list, struct conf_place at)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < list->n; i++) {
        struct str word = str_c(list->v[i]);
        size_t sign = str_find_last(word, '@'), end = str_find(word, ' ', sign < word.n ? sign : 0);
        struct str domain = str_slice(word, sign < word.n ? sign + 1 : end, end);
        if (domain.n == 0 || domain.p[0] == '.' || conf_is_inside(c, domain_kept(domain))) {
            continue;
        }
        for (size_t k = 0; k < c->inside_domains.n; k++) {
            struct str ours = str_c(c->inside_domains.v[k]);
            if (ours.n > 5 && str_distance(domain, ours) <= 2) {
                conf_warning(j->problems, at,
                             "%s \"%s\": " STR_FMT " is no inside domain, and nearly " STR_FMT
                             ", which is one. Is that meant?",
                             block, name, STR_ARG(domain), STR_ARG(ours));
                break;
            }
        }
    }
}

static void judge_all_nearly_inside(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_groups; i++) {
        judge_nearly_inside(j, "group", c->groups[i].name, &c->groups[i].members,
                            conf_place_of(c->groups[i].node, "members"));
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        judge_nearly_inside(j, c->rules[i].kind, c->rules[i].name, &c->rules[i].from,
                            conf_place_of(c->rules[i].node, "from"));
    }
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        const struct conf_words one = {.v = &c->accounts_of[i].name, .n = 1};
        judge_nearly_inside(j, "account", c->accounts_of[i].name, &one,
                            conf_place_of(c->accounts_of[i].node, NULL));
    }
}

static void judge_forwards(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_forwards; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_eq_nocase(str_c(c->forwards[i].name), str_c(c->forwards[k].name))) {
                judge_bad(j, conf_place_of(c->forwards[i].node, NULL),
                          "forward \"%s\" is there twice (line %lld): the first counts. Write all "
                          "addresses in one",
                          c->forwards[i].name, (long long)c->forwards[k].line);
                break;
            }
        }
    }
}

/* Names of groups differ by their letters, those of people do not. */
static bool same_account(const char *a, const char *b)
{
    return strncmp(a, "group:", 6) != 0 && strcmp(a, "default") != 0 &&
           str_eq_nocase(str_c(a), str_c(b));
}

static void judge_same_accounts(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        for (size_t k = 0; k < i; k++) {
            if (same_account(c->accounts_of[i].name, c->accounts_of[k].name)) {
                judge_bad(j, conf_place_of(c->accounts_of[i].node, NULL),
                          "account \"%s\" is the same as \"%s\" (line %lld): case does not matter. "
                          "Write all settings in one",
                          c->accounts_of[i].name, c->accounts_of[k].name,
                          (long long)c->accounts_of[k].line);
                break;
            }
        }
    }
}

static void judge_times(struct judge *j)
{
    const struct conf *c = j->conf;
    if (c->queue.first_retry > c->queue.retry_max) {
        judge_bad(j, judge_at_key(j, "queue", "first-retry"),
                  "queue: first-retry is longer than longest-retry. Make it shorter");
    }
    if (c->queue.first_retry >= c->queue.lifetime) {
        judge_bad(j, judge_at_key(j, "queue", "first-retry"),
                  "queue: mail is sent back (lifetime) before it is tried again (first-retry). "
                  "Make lifetime longer");
    }
}

static void judge_rules(struct judge *j)
{
    const struct conf *c = j->conf;
    bool anchored = *c->resolver.trust_anchor;
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct conf_rule *r = &c->rules[i];
        if (!anchored && r->dane) {
            judge_bad(j, conf_place_of(r->node, "dane"),
                      "%s \"%s\": dane require without a trust-anchor of the resolver: nothing is "
                      "secured by DNSSEC, and this mail would never go. Add resolver { "
                      "trust-anchor /usr/share/dns/root.ds; }",
                      r->kind, r->name);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(c->rules[k].kind, r->kind) == 0 && strcmp(c->rules[k].name, r->name) == 0) {
                judge_bad(j, conf_place_of(r->node, NULL),
                          "there are two blocks %s \"%s\": reports name rules by their label. Give "
                          "one another name",
                          r->kind, r->name);
                break;
            }
        }
    }
    if (!anchored) {
        conf_warning(j->problems, judge_at_key(j, "resolver", "trust-anchor"),
                     "resolver: without a trust-anchor nothing is secured by DNSSEC, and DANE does "
                     "not work. Add resolver { trust-anchor /usr/share/dns/root.ds; }");
    }
}

static void judge_certificates(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_own; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_eq(str_c(c->own[i].chain), str_c(c->own[k].chain))) {
                judge_bad(j, conf_place_of(c->own[i].node, NULL),
                          "two certificate blocks have the chain %s. Leave one out",
                          c->own[i].chain);
            }
        }
    }
    if (c->n_own == 0) {
        conf_warning(j->problems, c->root->at,
                     "there is no certificate block: STARTTLS is not offered, and all mail comes "
                     "in clear. Add certificate { chain FILE; key FILE; }");
    }
}

/* TLS, protection or anything of the kind is asked for somewhere. */
static bool demands_something(const struct conf *c)
{
    bool demands = false;
    for (size_t i = 0; i < c->n_rules; i++) {
        demands = demands || c->rules[i].outbound || c->rules[i].inbound || c->rules[i].dane ||
                  c->rules[i].protect;
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        demands = demands || c->groups[i].protect;
    }
    for (size_t i = 0; i < c->n_contents; i++) {
        demands = demands || (c->contents[i].protect && c->contents[i].mode == CONF_ENFORCE);
    }
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        demands = demands || c->accounts_of[i].protect > 1;
    }
    /* flags count without a block; one that is written says that they are meant to be what asks
     * for it */
    bool flags = conf_node_find(c->root, "flags", NULL) && c->flags.protect && c->flags.in.n > 0 &&
                 strcmp(c->flags.in.v[0], "none") != 0;
    return demands || flags || (c->relay_host && c->relay_tls > 0);
}

int conf_judge(const struct conf *c, struct buf *problems)
{
    struct judge j = {.conf = c, .problems = problems};
    conf_judge_endpoints(&j);
    judge_partners(&j);
    judge_groups(&j);
    judge_all_networks(&j);
    conf_judge_lists(&j);
    judge_names(&j);
    judge_addresses(&j);
    judge_times(&j);
    judge_long_waits(&j);
    judge_directories(&j);
    conf_judge_flags(&j);
    judge_same_accounts(&j);
    judge_forwards(&j);
    judge_all_nearly_inside(&j);
    judge_workers(&j);
    judge_rules(&j);
    judge_certificates(&j);
    conf_judge_idle(&j);
    conf_judge_doors(&j);
    conf_judge_names(&j);
    conf_judge_twins(&j);
    conf_judge_ways(&j);
    if (!demands_something(c)) {
        conf_warning(
            problems, c->root->at,
            "TLS is required nowhere but for mail with a flag such as [secure]: the rest goes in "
            "clear to every server that offers none. Add partner, rule, content or group blocks "
            "for what must not, or a flags block where that is meant (docs/protection.md)");
    }
    return j.result;
}
