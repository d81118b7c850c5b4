/* SPDX-License-Identifier: Apache-2.0
 * channel.h: what takes a protected mail when its ladder comes to it. Transport is not one of
 * these: it is the delivery itself (job.c). S/MIME and PGP plug in here, the portal does
 * (pickup.c); channels.c holds the table, tests have doubles.
 */
#pragma once
#include "ipc/channel.h"
#include "policy/hop.h"
#include "policy/ladder.h"
#include "policy/protect.h"
#include "store/store.h"

struct job;

/* A recipient on its rung: what is stored with it is changed in place. */
struct channel_call {
    /* state, reason, code, reply, notice, next_hop and next_ms are the channel's to set */
    struct store_rcpt *rcpt;
    bool tells_sender; /* a notice to the sender is possible */
    const char *why;   /* one line: what led here */
};

/* What an inspect process makes of the mail before the channel can have it: the portal's view. */
struct channel_making {
    enum hop_kind hop; /* where it stands until then; HOP_DOMAIN: nothing is made */
    enum job_kind job;
    const char *busy; /* "is being prepared for the portal" */
    /* It comes in pieces, then an answer. The channel's turn to store, and to end the job. */
    void (*piece)(struct job *j, struct str octets);
    void (*done)(struct job *j, const struct ipc_prepared *m);
    void (*lost)(struct job *j); /* too many processes ended over it */
};

/* All that the queue does for one channel. */
struct channel_ways {
    /* NULL: this version does not have it. */
    void (*take)(const struct channel_call *call);
    struct channel_making making;
    enum portal_fate fate; /* what a page says beforehand of mail that it will take */
};

/* One for each enum channel. */
typedef struct channel_ways channel_table[CHANNEL_END];
extern const channel_table channels_built; /* channels.c */
/* The making that a kind of job is of, or that mail at a destination waits for; NULL: none. */
const struct channel_making *channels_making(const channel_table table, enum job_kind kind);
const struct channel_making *channels_making_at(const channel_table table, enum hop_kind hop);
/* Bits of those that can take mail and that this configuration has; transport always counts as
 * there. */
uint32_t channels_there(const channel_table table, const struct conf *c);
/* Puts the recipient on the first rung at or behind `from` of those that are there. True:
 * transport is next, nothing was changed but the record's rung; false: a channel took it, or
 * none was left and it failed. */
bool channels_enter(const channel_table table, uint32_t there, const struct ladder_order *l,
                    struct protect_record *record, unsigned from, const struct channel_call *call);

/* Ways of taking. Kept until somebody releases or deletes it; the sender hears of it. */
void channel_hold(const struct channel_call *call);
/* Back to the sender. */
void channel_drop(const struct channel_call *call);
/* It stands at that destination until it is made ready. */
void channel_wait(const struct channel_call *call, enum hop_kind hop, enum reason reason);
