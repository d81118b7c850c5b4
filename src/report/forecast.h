/* SPDX-License-Identifier: Apache-2.0
 * forecast.h: what would be done with a message to one recipient, in one line for its sender.
 * Called by proc/queue/protection/trial.c. Pure.
 */
#pragma once
#include "base/buf.h"
#include "policy/facts.h"
#include "policy/ladder.h"
#include "policy/protect.h"

struct forecast_rcpt {
    enum protect_action action; /* of rules and near misses */
    const char *text;           /* the rule's words, or NULL */
    bool is_inside;             /* it does not leave the house */
    /* the rung that it would stand on; CHANNEL_DROP: none can take it */
    enum channel first;
    enum channel next;   /* the rung behind transport, likewise */
    int64_t patience_ms; /* of transport, before that */
    struct facts facts;  /* as far as they are known before a server is asked */
    /* its servers were asked then, and the facts are what they did; 0: nobody knows */
    int64_t asked_ms;
};

/* Appends it. 0 or -ENOSPC. */
int forecast_write(const struct forecast_rcpt *r, struct buf *out) MUST_USE;
