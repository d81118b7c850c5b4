/* SPDX-License-Identifier: Apache-2.0
 * channel.h: what takes a protected mail when its ladder comes to it. Transport is not one of
 * these: it is the delivery itself (job.c). S/MIME and PGP plug in here, the portal does
 * (pickup.c); protection.c holds the table, tests have doubles.
 */
#pragma once
#include "policy/ladder.h"
#include "policy/protect.h"
#include "store/store.h"

/* A recipient on its rung: what is stored with it is changed in place. */
struct channel_call {
    /* state, reason, code, reply, notice, next_hop and next_ms are the channel's to set */
    struct store_rcpt *rcpt;
    bool tells_sender; /* a notice to the sender is possible */
    const char *why;   /* one line: what led here */
};

struct channel_ways {
    /* NULL: this version does not have it. */
    void (*take)(const struct channel_call *call);
};

/* One for each enum channel. */
typedef struct channel_ways channel_table[CHANNEL_END];
extern const channel_table channels_built;
/* Bits of those that can take mail and that this configuration has; transport always counts as
 * there. */
uint32_t channels_there(const channel_table table, const struct conf *c);
/* Puts the recipient on the first rung at or behind `from` of those that are there. True:
 * transport is next, nothing was changed but the record's rung; false: a channel took it, or
 * none was left and it failed. */
bool channels_enter(const channel_table table, uint32_t there, const struct ladder_order *l,
                    struct protect_record *record, unsigned from, const struct channel_call *call);
