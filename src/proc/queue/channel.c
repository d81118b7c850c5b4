/* SPDX-License-Identifier: Apache-2.0
 * channel.c: the channels this version has beside transport (a person, and back to the sender), and stepping onto a
 * rung. Called by protection.c (a fresh decision) and job.c (transport did not come about). Pure.
 */
#include "proc/queue/channel.h"
#include "policy/policy.h"

/* Kept until somebody releases or deletes it; the sender hears of it. */
static void hold(const struct channel_call *call)
{
    struct store_rcpt *r = call->rcpt;
    r->state = RCPT_HELD;
    r->reason = REASON_HELD;
    r->code = STR("4.7.1");
    r->reply = str_c(call->why);
    r->notice = call->tells_sender && r->notice != NOTICE_SENT ? NOTICE_DUE : r->notice;
}

static void drop(const struct channel_call *call)
{
    struct store_rcpt *r = call->rcpt;
    r->state = RCPT_FAILED;
    r->reason = REASON_NO_SECURE_CHANNEL;
    r->code = STR("5.7.10");
    r->reply = str_c(call->why);
}

const channel_table channels_built = {[CHANNEL_HOLD] = {hold}, [CHANNEL_DROP] = {drop}};

uint32_t channels_there(const channel_table table)
{
    uint32_t bits = 1u << CHANNEL_TLS;
    for (enum channel c = CHANNEL_TLS; c < CHANNEL_END; c++) {
        bits |= table[c].take ? 1u << c : 0;
    }
    return bits;
}

bool channels_enter(const channel_table table, const struct ladder_order *l, struct protect_record *record, unsigned from, const struct channel_call *call)
{
    unsigned rung = ladder_next(l, from, channels_there(table), record->demand != DEMAND_ESCALATED);
    record->rung = rung;
    if (rung == l->n) {
        drop(call); /* nothing is left: it comes back, with the reason that there is no secure way */
        return false;
    }
    if (l->rungs[rung].channel == CHANNEL_TLS) {
        return true;
    }
    table[l->rungs[rung].channel].take(call);
    return false;
}
