/* SPDX-License-Identifier: Apache-2.0
 * rules.c: routes and partner rules. Called by queue (each recipient) and postern explain.
 *
 * Inside domains go to deliver-to, everything else to the smart host or by MX. The demand of the
 * target and of a partner rule are joined by maximum: no rule ever lowers another.
 */
#include "policy/rules.h"
#include "policy/protect.h"

#include <stdio.h>

enum { DELIVER_TO_PORT = 25 };

void rules_split_target(struct str target, char *host, size_t size, uint16_t *port)
{
    size_t colon = str_find_last(target, ':');
    bool bracketed = target.n > 0 && target.p[0] == '[';
    size_t close = bracketed ? str_find(target, ']', 0) : 0;
    bool has_port =
        colon < target.n && (bracketed ? colon > close : str_find(target, ':', 0) == colon);
    uint64_t number;
    if (has_port && str_to_u64(str_slice(target, colon + 1, target.n), 65535, &number) == 0) {
        *port = (uint16_t)number;
        target = str_slice(target, 0, colon);
    }
    if (bracketed && target.n >= 2) {
        target = str_slice(target, 1, target.n - 1);
    }
    str_copy_cut(target, host, size);
}

struct domain_name rules_hop_memory(const char *target)
{
    char host[256], word[DOMAIN_NAME_MAX + 1];
    uint16_t port = DELIVER_TO_PORT;
    rules_split_target(str_c(target), host, sizeof host, &port);
    struct domain_name name = domain_from(str_c(host));
    struct str shown = domain_is_none(name) ? str_c(host) : domain_str(&name);
    bool is_v6 = str_find(shown, ':', 0) < shown.n;
    int n = snprintf(word, sizeof word, is_v6 ? "=[" STR_FMT "]" : "=" STR_FMT, STR_ARG(shown));
    if (port != DELIVER_TO_PORT && n > 0 && (size_t)n < sizeof word) {
        n += snprintf(word + n, sizeof word - (size_t)n, ":%u", port);
    }
    return domain_word(n > 0 && (size_t)n < sizeof word ? word : "=next-hop");
}

static void fixed(struct route *r, enum hop_kind hop, const char *target, int tls)
{
    r->kind = ROUTE_FIXED;
    r->port = DELIVER_TO_PORT;
    r->hop = hop;
    r->next_hop = domain_word(hop_word(hop));
    r->memory = rules_hop_memory(target);
    rules_split_target(str_c(target), r->host, sizeof r->host, &r->port);
    r->force_is_next_hop = (enum force)tls > r->force;
    if (r->force_is_next_hop) {
        r->force = (enum force)tls;
        r->rule = NULL;
    }
}

void rules_raise(struct route *r, enum force by_message)
{
    if (by_message > r->force) {
        r->force = by_message;
        r->force_is_next_hop = false;
    }
}

/* Joins one matching block: the strongest demand, the first word about the rest. */
static void rules_join_block(struct route *r, const struct conf_rule *rule)
{
    if ((enum force)rule->outbound > r->force) {
        r->force = (enum force)rule->outbound;
        r->rule = rule->name;
    }
    for (size_t i = 0; i < rule->avoid.n; i++) {
        r->avoid |= (extension_set)1 << extension_from(str_c(rule->avoid.v[i]));
    }
    r->profile = r->profile ? r->profile : rule->profile;
    r->dane_required |= rule->dane != 0;
    r->pins = r->pins || rule->pins.n == 0 ? r->pins : rule;
    r->client_certificate =
        r->client_certificate ? r->client_certificate : rule->client_certificate;
}

void rules_route(const struct conf *c, struct str reverse_path, struct str forward_path,
                 struct route *ret)
{
    struct domain_name domain = domain_of(forward_path);
    *ret = (struct route){.kind = ROUTE_MX, .port = (uint16_t)c->smtpout.port};
    const struct conf_rule *partner = conf_partner_for(c, domain);
    if (partner) {
        rules_join_block(ret, partner);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        if (conf_rule_matches(c, &c->rules[i], reverse_path, forward_path) &&
            !conf_rule_is_conditional(&c->rules[i])) {
            rules_join_block(ret, &c->rules[i]);
        }
    }
    if (c->tlsrpt.receive && address_same(forward_path, str_c(c->tlsrpt.receive))) {
        ret->kind = ROUTE_TLS_REPORT;
        ret->hop = HOP_TLSRPT;
        ret->next_hop = domain_word(hop_word(HOP_TLSRPT));
    } else if ((domain_is_none(domain) || conf_is_inside(c, domain)) && c->deliver_to) {
        fixed(ret, HOP_INSIDE, c->deliver_to, conf_deliver_force(c));
        ret->assume_requiretls = c->deliver_to_requiretls != 0;
        ret->lmtp = c->deliver_to_lmtp != 0;
    } else if (c->relay_host) {
        fixed(ret, HOP_RELAY, c->relay_host, c->relay_tls);
        ret->login = c->relay_user != NULL;
    } else {
        ret->next_hop = ret->memory = domain;
    }
    /* the setting speaks of their servers, not of ours */
    ret->avoid = ret->kind == ROUTE_MX ? ret->avoid : 0;
}

bool rules_same(const struct route *a, const struct route *b)
{
    return a->force == b->force && a->profile == b->profile &&
           a->dane_required == b->dane_required && a->pins == b->pins && a->avoid == b->avoid &&
           str_eq(str_c(a->client_certificate), str_c(b->client_certificate));
}
