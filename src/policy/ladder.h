/* SPDX-License-Identifier: Apache-2.0
 * ladder.h: the channels by which a protected mail can go, in order, with patience for each. Pure.
 *
 * Transport is the first rung for what is `secure`, and none for what is `escalated`. A channel
 * that this installation does not have is passed over. Called by queue, postern explain and
 * policy/protect.c.
 */
#pragma once
#include "conf/conf.h"

#define LADDER_CHANNELS(X) \
    X(TLS, "tls") \
    X(SMIME, "smime") \
    X(PGP, "pgp") \
    X(PORTAL, "portal") \
    X(HOLD, "hold") \
    X(DROP, "drop")
#define LADDER_CHANNEL_ENUM(n, s) CHANNEL_##n,
enum channel { LADDER_CHANNELS(LADDER_CHANNEL_ENUM) CHANNEL_END };

enum { LADDER_RUNGS_MAX = 8, LADDER_PATIENCE_MS = 15 * 60 * 1000 };

struct ladder_order {
    struct {
        enum channel channel;
        int64_t patience_ms; /* of transport, before the next rung */
    } rungs[LADDER_RUNGS_MAX];
    unsigned n;
};

/* Bits of channels that this installation has: 1u << CHANNEL_x. */
uint32_t ladder_there(const struct conf *c);
/* The ladder of what belongs to the portal whatever else is configured. */
#define LADDER_PORTAL_ONLY "=portal"

/* The ladder of that name; of the name "default" without such a block: transport, then the
 * portal if there is one; of an unknown one: transport alone. */
void ladder_of(const struct conf *c, const char *name, struct ladder_order *ret);
/* The first rung at or behind `from` whose channel is there; transport counts only if it may.
 * l->n: none is left. */
unsigned ladder_next(const struct ladder_order *l, unsigned from, uint32_t available,
                     bool by_transport);
const char *channel_name(enum channel c);
