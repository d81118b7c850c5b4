/* SPDX-License-Identifier: Apache-2.0
 * rules.h: which way a recipient goes, and which rules match. Pure; reads the configuration.
 */
#pragma once
#include "conf/conf.h"
#include "policy/facts.h"

enum route_kind { ROUTE_MX, ROUTE_FIXED };

struct route {
    enum route_kind kind;
    char next_hop[256]; /* key of the destination: a domain, "=inside" or "=relay" */
    char host[256];     /* FIXED: host name or address */
    uint16_t port;      /* FIXED: its port; MX: the delivery port */
    enum force force;   /* joined from target and partner rules */
    const char *rule;   /* name of the partner block that matched, or NULL; borrowed from conf */
};

/* forward_path: without brackets; without a domain (postmaster) it is ours. */
void rules_route(const struct conf *c, struct str forward_path, struct route *ret);
/* "host", "host:port", "[address]:port": splits it; port stays when none is written. */
void rules_split_target(struct str target, char *host, size_t size, uint16_t *port);
