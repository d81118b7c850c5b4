/* SPDX-License-Identifier: Apache-2.0
 * rules.c: routes and partner rules. Called by queue (each recipient) and postern explain.
 *
 * Inside domains go to deliver-to, everything else to the smart host or by MX. The demand of the
 * target and of a partner rule are joined by maximum: no rule ever lowers another.
 */
#include "policy/rules.h"

enum { DELIVER_TO_PORT = 25 };

void rules_split_target(struct str target, char *host, size_t size, uint16_t *port)
{
    size_t colon = str_find_last(target, ':');
    bool bracketed = target.n > 0 && target.p[0] == '[';
    size_t close = bracketed ? str_find(target, ']', 0) : 0;
    bool has_port = colon < target.n && (bracketed ? colon > close : str_find(target, ':', 0) == colon);
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

static void fixed(struct route *r, const char *key, const char *target, int tls)
{
    r->kind = ROUTE_FIXED;
    r->port = DELIVER_TO_PORT;
    str_copy_cut(str_c(key), r->next_hop, sizeof r->next_hop);
    rules_split_target(str_c(target), r->host, sizeof r->host, &r->port);
    r->force = (enum force)tls > r->force ? (enum force)tls : r->force;
}

void rules_route(const struct conf *c, struct str forward_path, struct route *ret)
{
    size_t at = str_find_last(forward_path, '@');
    struct str domain = at < forward_path.n ? str_slice(forward_path, at + 1, forward_path.n) : STR("");
    *ret = (struct route){.kind = ROUTE_MX, .port = (uint16_t)c->smtpout.port};
    const struct conf_partner *partner = conf_partner_for(c, domain);
    if (partner) {
        ret->force = (enum force)partner->outbound;
        ret->rule = partner->name;
    }
    if ((domain.n == 0 || conf_is_inside(c, domain)) && c->deliver_to) {
        fixed(ret, "=inside", c->deliver_to, c->deliver_to_tls);
    } else if (c->relay_host) {
        fixed(ret, "=relay", c->relay_host, c->relay_tls);
    } else {
        str_copy_cut(domain, ret->next_hop, sizeof ret->next_hop);
        for (char *p = ret->next_hop; *p; p++) {
            *p = str_lower(*p);
        }
    }
}
