/* SPDX-License-Identifier: Apache-2.0
 * expiry.c: mail whose lifetime is over ends at its hour, whether it could be tried or not:
 * behind a destination that pauses, behind very many others, with no process there to take it
 * (RFC 5321 4.5.4.1). Called by schedule.c. What is under way is left to its outcome (job.c).
 * What can go wrong: the clock was set, see sched/jump.h; the store cannot be read: next time.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"

enum { OVER_BATCH = 1000 };

struct retry_rules expiry_rules(const struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    return (struct retry_rules){
        .first = c->queue.first_retry,
        .longest = c->queue.retry_max,
        .lifetime = c->queue.lifetime,
        .notice_after = c->queue.notice_after,
        .delay_notice = c->queue.delay_notice,
    };
}

bool expiry_is_ours(const struct store_rcpt *r)
{
    return r->reason == REASON_KEYS_AWAY || r->reason == REASON_SHUTDOWN ||
           r->reason == REASON_OUR_FAULT;
}

void expiry_reason(struct store_rcpt *r)
{
    bool tells = r->attempts > 0 && r->reason != REASON_NONE && r->reason != REASON_RELEASED &&
                 !expiry_is_ours(r);
    /* never tried, or what stands there was no answer of the other side */
    if (r->state == RCPT_EXPIRED && !tells) {
        r->reason = REASON_EXPIRED;
        r->code = str_c(reason_deferred_code(REASON_EXPIRED));
        r->reply = r->host = STR("");
    }
}

static void expiry_give_up(void *arg, const struct store_rcpt *row)
{
    struct queue *q = arg;
    const struct item *it = map_get(q->schedule.leased, map_id(&row->rcpt));
    const struct retry_message m = {.null_reverse_path = row->reverse_path.n == 0};
    struct store_rcpt r = *row;
    if (it && !it->place.lane) {
        return; /* under way */
    }
    queue_forget_ready(q, r.rcpt);
    retry_expire(&m, &r);
    expiry_reason(&r);
    store_outcome(q->store, &r);
    if (m.null_reverse_path) {
        pickup_notice_ended(q, &r);
    }
    store_release_body(q->store, r.id);
    ending_note(q, &r);
    q->delivery.failed++;
    q->delivery.bounces_due |= !r.bounced;
}

static void expiry_on_read(void *arg, enum store_result result)
{
    if (result != STORE_OK) {
        log_warn("store-unreadable", KV("what", "what is too old; looked at again"));
    }
}

void expiry_tick(struct queue *q)
{
    const struct retry_rules rules = expiry_rules(q);
    if (queue_may_expire(q) && jump_is_settled(&q->schedule.jump, queue_now(), rules.lifetime)) {
        store_read(q->store,
                   &(struct store_query){
                       .what = STORE_OVER,
                       .ms = retry_over_before(&rules, clock_wall_ms()),
                       .max = OVER_BATCH,
                   },
                   &(struct store_rows){.arg = q, .rcpt = expiry_give_up, .done = expiry_on_read});
    }
}
