/* SPDX-License-Identifier: Apache-2.0
 * ladder.h: the channels by which a protected mail can go, in order, with patience for each. Pure.
 *
 * Transport is the first rung for what is `secure`, and none for what is `escalated`. A channel
 * that this installation does not have is passed over. Called by queue, postern explain and
 * policy/protect.c.
 */
#pragma once
#include "conf/conf.h"

#define LADDER_BACK "sent back: there is no secure way to the recipient", "sent back"
/* A row for each: name, word in the configuration, whether an installation with that configuration
 * (c) has it, and what a forecast says of mail that it takes, at length and in short. What the
 * queue does for it is a row in protection/channels.c there. */
#define LADDER_CHANNELS(X) \
    X(TLS, "tls", true, LADDER_BACK) \
    X(SMIME, "smime", false, LADDER_BACK) \
    X(PGP, "pgp", false, LADDER_BACK) \
    X(PORTAL, "portal", c->portal.url != NULL, \
      "kept in the portal, where only its recipient can read it", "kept in the portal") \
    X(HOLD, "hold", true, "held until somebody at the organisation has reviewed it", "held") \
    X(DROP, "drop", true, LADDER_BACK)
#define LADDER_CHANNEL_ENUM(name, ...) CHANNEL_##name,
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
/* Of mail that it takes: "kept in the portal". Static. */
const char *channel_forecast(enum channel c, bool at_length);
