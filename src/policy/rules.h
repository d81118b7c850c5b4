/* SPDX-License-Identifier: Apache-2.0
 * rules.h: which way a recipient goes, and which rules match. Pure; reads the configuration.
 */
#pragma once
#include "conf/conf.h"
#include "policy/facts.h"
#include "policy/hop.h"
#include "wire/extension.h"

enum route_kind { ROUTE_MX, ROUTE_FIXED, ROUTE_TLS_REPORT /* taken by ourselves */ };

struct route {
    enum route_kind kind;
    enum hop_kind hop;           /* DOMAIN, INSIDE, RELAY or TLSRPT */
    struct domain_name next_hop; /* the destination: a domain, or the word of that */
    /* under what is remembered of its TLS: the domain, or rules_hop_memory(); none: nothing */
    struct domain_name memory;
    char host[256];         /* FIXED: host name or address */
    uint16_t port;          /* FIXED: its port; MX: the delivery port */
    enum force force;       /* joined from target, partner and rule blocks */
    bool force_is_next_hop; /* the target demands it, and no rule demands as much */
    const char *rule;       /* name of the block that demands it, or NULL; borrowed from conf */
    /* from the first matching block that says something about it, partner first */
    int profile; /* 0: the setting of delivery; else 1 + enum tls_profile */
    bool dane_required;
    const struct conf_rule *pins;   /* the block with the pins, or NULL; borrowed */
    const char *client_certificate; /* or NULL; borrowed */
    extension_set avoid;            /* MX: not used with their servers */
    bool lmtp;                      /* FIXED: it speaks LMTP (RFC 2033) */
    bool login;                     /* FIXED: we log in there */
    bool assume_requiretls;         /* the way inside is vouched for by the administrator */
};

/* forward_path: without brackets; without a domain (postmaster) it is ours. */
void rules_route(const struct conf *c, struct str reverse_path, struct str forward_path,
                 struct route *ret);
/* What is remembered of the server that deliver-to or relay names is remembered of it, and of no
 * other that is named there later: "=HOST", or "=HOST:PORT" where the port is not 25. */
struct domain_name rules_hop_memory(const char *target);
/* Joins the demand of a rule that matched by what the message is. */
void rules_raise(struct route *r, enum force by_message);
/* True when one session can serve both. */
bool rules_same(const struct route *a, const struct route *b);
/* "host", "host:port", "[address]:port": splits it; port stays when none is written. */
void rules_split_target(struct str target, char *host, size_t size, uint16_t *port);
