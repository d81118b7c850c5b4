/* SPDX-License-Identifier: Apache-2.0
 * channel.c: ways of taking mail from the ladder, and stepping onto a rung. Called by
 * protection.c (a fresh decision) and job.c (transport did not come about). Pure; the table of
 * this version is in channels.c.
 */
#include "proc/queue/protection/channel.h"
#include "policy/hop.h"
#include "policy/policy.h"

void channel_hold(const struct channel_call *call)
{
    struct store_rcpt *r = call->rcpt;
    r->state = RCPT_HELD;
    r->reason = REASON_HELD;
    r->code = STR("4.7.1");
    r->reply = str_c(call->why);
    r->notice = call->tells_sender && r->notice != NOTICE_SENT && r->notice != NOTICE_OUTCOME
                    ? NOTICE_DUE
                    : r->notice;
}

void channel_drop(const struct channel_call *call)
{
    struct store_rcpt *r = call->rcpt;
    r->state = RCPT_FAILED;
    r->reason = REASON_NO_SECURE_CHANNEL;
    r->code = STR("5.7.10");
    r->reply = str_c(call->why);
}

void channel_wait(const struct channel_call *call, enum hop_kind hop, enum reason reason)
{
    struct store_rcpt *r = call->rcpt;
    r->state = RCPT_QUEUED;
    r->reason = reason;
    r->code = STR("");
    r->reply = STR("");
    r->next_hop = str_c(hop_word(hop));
    r->next_ms = 0;
}

const struct channel_making *channels_making(const channel_table table, enum job_kind kind)
{
    for (enum channel k = CHANNEL_TLS; k < CHANNEL_END; k++) {
        if (table[k].making.hop != HOP_DOMAIN && table[k].making.job == kind) {
            return &table[k].making;
        }
    }
    return NULL;
}

const struct channel_making *channels_making_at(const channel_table table, enum hop_kind hop)
{
    for (enum channel k = CHANNEL_TLS; k < CHANNEL_END; k++) {
        if (hop != HOP_DOMAIN && table[k].making.hop == hop) {
            return &table[k].making;
        }
    }
    return NULL;
}

uint32_t channels_there(const channel_table table, const struct conf *c)
{
    uint32_t bits = 1u << CHANNEL_TLS;
    for (enum channel k = CHANNEL_TLS; k < CHANNEL_END; k++) {
        bits |= table[k].take ? 1u << k : 0;
    }
    return bits & ladder_there(c);
}

bool channels_enter(const channel_table table, uint32_t there, const struct ladder_order *l,
                    struct protect_record *record, unsigned from, const struct channel_call *call)
{
    unsigned rung = ladder_next(l, from, there, record->demand != DEMAND_ESCALATED);
    record->rung = rung;
    if (rung == l->n) {
        /* nothing is left: it comes back, with the reason that there is no secure way */
        channel_drop(call);
        return false;
    }
    if (l->rungs[rung].channel == CHANNEL_TLS) {
        return true;
    }
    table[l->rungs[rung].channel].take(call);
    return false;
}
