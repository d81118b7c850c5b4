/* SPDX-License-Identifier: Apache-2.0
 * retry.c: attempts, lifetimes and notices of one recipient. Called by the queue: delivery/job.c,
 * schedule/expiry.c.
 */
#include "sched/retry.h"

#include "wire/notify.h"

enum {
    OURS_MS = 1000,
    CHANCE_MAX_MS = 1000 * 1000,
    LAST_ATTEMPT_MS = 60 * 1000 /* or a twentieth of the lifetime */
};

/* RFC 5321 4.5.4.1 MUST: a destination that failed is not tried again at once */
int64_t retry_pause(const struct retry_rules *rules, uint32_t attempts, retry_random random)
{
    int64_t pause = rules->first;
    for (uint32_t i = 1; i < attempts && pause < rules->longest; i++) {
        pause *= 2;
    }
    pause = pause < rules->longest ? pause : rules->longest;
    return pause +
           (int64_t)random((uint32_t)(pause / 10 < CHANCE_MAX_MS ? pause / 10 : CHANCE_MAX_MS) + 1);
}

bool retry_is_over(const struct retry_rules *rules, int64_t arrived_ms, int64_t now_ms)
{
    return now_ms - arrived_ms >= rules->lifetime;
}

int64_t retry_over_before(const struct retry_rules *rules, int64_t now_ms)
{
    int64_t wait = rules->lifetime / 20 < LAST_ATTEMPT_MS ? rules->lifetime / 20 : LAST_ATTEMPT_MS;
    return now_ms - rules->lifetime - wait;
}

/* RFC 5321 3.6.3 MUST NOT: no notice about a notice
 * RFC 5321 4.5.4 MUST NOT: no notice in answer to a notice
 * RFC 5321 6.1 MUST NOT: the null reverse-path gets no notice
 * RFC 3461 5.2.6 MUST: a failure is told where FAILURE was asked for
 * RFC 3461 5.2.6 MUST NOT: and not told where it was not
 * RFC 3461 6.1 MUST NOT: no notice to the null reverse-path */
bool retry_wants_failure(const struct retry_message *m, const struct store_rcpt *r)
{
    return !m->null_reverse_path && notify_wants(r->notify, NOTIFY_FAILURE);
}

void retry_expire(const struct retry_message *m, struct store_rcpt *r)
{
    r->state = RCPT_EXPIRED;
    r->bounced = !retry_wants_failure(m, r);
}

/* RFC 3461 5.2.5 MAY: a notice of delay
 * RFC 3461 5.2.5 MUST NOT: none where DELAY was not asked for */
static void set_notice(const struct retry_message *m, enum retry_fault fault, struct store_rcpt *r)
{
    if (m->null_reverse_path || !notify_wants(r->notify, NOTIFY_DELAY)) {
        return;
    }
    if (r->notice != NOTICE_SENT && r->notice != NOTICE_OUTCOME && m->inside_sender &&
        fault == RETRY_TLS) {
        r->notice = NOTICE_DUE; /* they learn early why their mail waits */
    } else if (r->notice == NOTICE_NONE) {
        r->notice = NOTICE_DELAY;
    }
}

/* RFC 5321 4.5.4.1 MUST: what cannot go at once is queued and tried again */
void retry_deferred(const struct retry_rules *rules, const struct retry_message *m,
                    enum retry_fault fault, int64_t now_ms, bool may_expire, retry_random random,
                    struct store_rcpt *r)
{
    if (fault == RETRY_OURS) { /* not the peer's doing: it does not count as an attempt */
        r->attempts--;
        r->next_ms = now_ms + OURS_MS;
        return;
    }
    int64_t end_ms = m->arrived_ms + rules->lifetime;
    r->next_ms = now_ms + retry_pause(rules, r->attempts, random);
    set_notice(m, fault, r);
    if (retry_is_over(rules, m->arrived_ms, now_ms) && may_expire) {
        retry_expire(m, r);
    } else if (r->next_ms > end_ms && end_ms > now_ms) {
        r->next_ms = end_ms; /* a last attempt */
    }
}

bool retry_wait_until(int64_t until_ms, int64_t now_ms, struct store_rcpt *r)
{
    r->next_ms = r->next_ms < until_ms ? r->next_ms : until_ms;
    return now_ms < until_ms;
}
