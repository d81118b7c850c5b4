/* SPDX-License-Identifier: Apache-2.0
 * memory.c: the rules of memory.h. Called by queue and its tests.
 *
 * Time alone never lowers a domain that is still looked at, or an attacker who blocks the looks
 * would win. What does not answer proves nothing.
 */
#include "policy/memory.h"
#include "mtasts/cache.h"

#define DAY_MS (24LL * 60 * 60 * 1000)

bool memory_monitored(const struct store_domain *d, int64_t now_ms, const struct memory_rules *r)
{
    return d->listed || (d->mailed_ms && now_ms - d->mailed_ms < r->forget);
}

bool memory_seen(const struct store_domain *d, int64_t now_ms, const struct memory_rules *r)
{
    bool observed = d->offered_ms && d->offered_ms > d->lowered_ms;
    return observed && (memory_monitored(d, now_ms, r) || now_ms - d->offered_ms < r->forget);
}

int64_t memory_look_until(const struct store_domain *d, const struct memory_rules *r)
{
    return d->looked_ms && d->look_complete && d->look_asked ? d->looked_ms + r->probe_lifetime : 0;
}

/* RFC 3207 6 SHOULD: that a server offered TLS is remembered */
void memory_observed(struct store_domain *d, int64_t now_ms)
{
    d->offered_ms = now_ms;
    d->negative_days = 0;
    d->await_confirm = false;
}

/* The last look found HELO alone, and is not too long ago to say something about this one. */
static bool helo_stands(const struct store_domain *d, int64_t now_ms)
{
    return d->helo_ms && now_ms - d->looked_ms < MEMORY_HELO_DAYS * DAY_MS;
}

int64_t memory_helo_from(const struct store_domain *d, int64_t now_ms, const struct memory_rules *r)
{
    return helo_stands(d, now_ms) ? d->helo_ms + r->ehlo_patience : 0;
}

/* Since when HELO alone is taken by the same servers. One that is silent says nothing about it. */
static int64_t helo_since(const struct store_domain *d, const struct memory_look *look,
                          int64_t now_ms)
{
    bool stands = helo_stands(d, now_ms) && d->look_asked == look->asked;
    if (look->offered || (look->complete && !look->helo)) {
        return 0;
    }
    return stands ? d->helo_ms : look->helo ? now_ms : 0;
}

void memory_looked(struct store_domain *d, const struct memory_look *look, int64_t now_ms)
{
    d->helo_ms = helo_since(d, look, now_ms);
    d->looked_ms = now_ms;
    d->look_complete = look->complete;
    d->look_asked = look->asked;
    if (look->offered) {
        memory_observed(d, now_ms);
    }
}

void memory_confirm(struct store_domain *d, int64_t now_ms)
{
    d->lowered_ms = now_ms;
    d->negative_days = 0;
    d->await_confirm = false;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t memory_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void memory_merge(struct store_domain *into, const struct store_domain *other)
{
    bool mine = into->offered_ms > into->lowered_ms, theirs = other->offered_ms > other->lowered_ms;
    /* one that was lowered does not lower the other */
    if (mine == theirs ? other->offered_ms > into->offered_ms : theirs) {
        into->offered_ms = other->offered_ms;
        into->lowered_ms = other->lowered_ms;
    }
    into->looked_ms = earlier(into->looked_ms, other->looked_ms); /* plain text rests on it */
    into->look_complete &= other->look_complete && into->look_asked == other->look_asked;
    into->helo_ms = 0;
    into->mailed_ms = memory_later(into->mailed_ms, other->mailed_ms);
    into->probed_ms = memory_later(into->probed_ms, other->probed_ms);
    into->next_probe_ms = earlier(into->next_probe_ms, other->next_probe_ms);
    into->negative_ms = memory_later(into->negative_ms, other->negative_ms);
    into->negative_days =
        into->negative_days < other->negative_days ? into->negative_days : other->negative_days;
    into->not_after_ms = earlier(into->not_after_ms, other->not_after_ms);
    into->alarms |= other->alarms;
    into->secure_mail |= other->secure_mail;
    into->await_confirm &= other->await_confirm;
    into->listed |= other->listed;
    into->grade = into->grade < other->grade ? into->grade : other->grade;
    into->tlsa |= other->tlsa;
    into->sts = other->sts == STS_STATE_ENFORCE ? other->sts : into->sts;
}

static void memory_set(uint32_t *bits, enum alarm_kind kind, bool on)
{
    *bits = on ? *bits | 1u << kind : *bits & ~(1u << kind);
}

/* Which alarms hold after this probe; those it says nothing about stay as they are. */
static uint32_t alarms_after(const struct store_domain *d, const struct memory_probe *p, bool seen)
{
    uint32_t bits = d->alarms;
    if (p->offered) {
        memory_set(&bits, ALARM_LOST_TLS, false);
        memory_set(&bits, ALARM_UNLEARN, false);
        memory_set(&bits, ALARM_EXPIRY, p->ends_soon);
        if (p->grade >= GRADE_CERT) {
            memory_set(&bits, ALARM_CERTIFICATE, false);
        } else if (d->grade >= GRADE_CERT) {
            memory_set(&bits, ALARM_CERTIFICATE, true);
        }
    } else if (p->complete && seen) {
        memory_set(&bits, ALARM_LOST_TLS, true);
    }
    if (p->complete) {
        memory_set(&bits, ALARM_DANE, p->tlsa_bad);
        memory_set(&bits, ALARM_DANE_GONE,
                   !p->tlsa_published && (d->tlsa || (bits & 1u << ALARM_DANE_GONE)));
        bool weaker = p->sts == STS_STATE_NONE || p->sts == STS_STATE_TESTING;
        bool had = d->sts == STS_STATE_ENFORCE || (bits & 1u << ALARM_STS_GONE);
        memory_set(&bits, ALARM_STS_GONE, weaker && had);
    }
    return bits;
}

/* Days are days of the calendar (UTC), however often is looked: looks of one day are one. */
static bool is_another_day(const struct store_domain *d, int64_t now_ms)
{
    return d->negative_ms == 0 || now_ms / DAY_MS > d->negative_ms / DAY_MS;
}

/* All answered, and nothing says that it encrypts. */
static bool is_negative(const struct memory_probe *p)
{
    return p->complete && !p->offered && !p->tlsa_published && p->sts == STS_STATE_NONE;
}

static void count_negative(struct store_domain *d, const struct memory_probe *p, bool middlebox,
                           int64_t now_ms, const struct memory_rules *r,
                           struct memory_change *change)
{
    if (!is_negative(p) || middlebox) {
        d->negative_days = 0; /* the days must be consecutive */
        return;
    }
    if (!is_another_day(d, now_ms)) {
        return;
    }
    d->negative_days++;
    d->negative_ms = now_ms;
    if (d->negative_days >= MEMORY_NEGATIVE_DAYS && memory_seen(d, now_ms, r)) {
        if (d->secure_mail) {
            d->await_confirm = true;
        } else {
            memory_confirm(d, now_ms);
            change->lowered = true;
        }
    }
}

struct memory_change memory_probed(struct store_domain *d, const struct memory_probe *p,
                                   bool middlebox, int64_t now_ms, const struct memory_rules *r)
{
    struct memory_change change = {0};
    bool seen = memory_seen(d, now_ms, r);
    uint32_t before = d->alarms;
    d->alarms = alarms_after(d, p, seen);
    if (p->complete || p->offered) { /* servers that did not answer prove nothing */
        memory_looked(d,
                      &(struct memory_look){
                          .complete = p->complete,
                          .offered = p->offered,
                          .asked = p->asked,
                      },
                      now_ms);
    }
    count_negative(d, p, middlebox, now_ms, r, &change);
    memory_set(&d->alarms, ALARM_UNLEARN, d->await_confirm);
    if (change.lowered) {
        memory_set(&d->alarms, ALARM_LOST_TLS, false);
    }
    d->probed_ms = now_ms;
    if (p->complete) {
        d->grade = p->grade;
        d->tlsa = p->tlsa_published;
        d->sts = p->sts;
        d->not_after_ms = p->not_after_ms;
    }
    change.raised = d->alarms & ~before;
    change.cleared = before & ~d->alarms;
    return change;
}
