/* SPDX-License-Identifier: Apache-2.0
 * trial.c: what would be done with a mail that was sent as a trial (flags, trial yes): the
 * decision of a delivery over what is remembered of the recipient's servers. Nobody is asked for
 * it. Called by protection.c; told.c writes the letter.
 */
#include "base/clock.h"
#include "policy/forecast.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/protection/protection.h"
#include "proc/queue/queue.h"
#include "report/forecast.h"

/* The rungs that it would stand on, and what is below transport. */
static void put_rungs(const struct conf *c, const struct protection *p, struct forecast_rcpt *r)
{
    struct ladder_order l;
    uint32_t there = channels_there(channels_built, c);
    if (p->demand == DEMAND_NONE) {
        return; /* transport, and nothing below it */
    }
    ladder_of(c, p->ladder, &l);
    unsigned first = ladder_next(&l, 0, there, p->demand != DEMAND_ESCALATED);
    r->first = first < l.n ? l.rungs[first].channel : CHANNEL_DROP;
    if (r->first == CHANNEL_TLS) {
        unsigned next = ladder_next(&l, first + 1, there, false);
        r->patience_ms = l.rungs[first].patience_ms;
        r->next = next < l.n ? l.rungs[next].channel : CHANNEL_DROP;
        r->facts.ladder = next < l.n ? LADDER_PORTAL : LADDER_NONE;
    }
}

/* As a job for smtpout has them (job.c), with what the last look found in place of a session. */
static void trial_put_facts(struct queue *q, const struct store_message *m, const struct decided *d,
                            struct forecast_rcpt *r)
{
    const struct conf *c = child_conf(q->child);
    const struct protection *p = &d->protection;
    struct memory_rules rules = domains_rules(q);
    int64_t now = clock_wall_ms();
    const struct domain *known = domains_find(q, d->route.next_hop, false);
    struct facts *f = &r->facts;
    f->force = p->force > d->route.force ? p->force : d->route.force;
    f->override = exceptions_find(q, domain_of(d->rcpt.forward_path), EXCEPTION_RELAX)
                      ? OVERRIDE_RELAX
                      : OVERRIDE_NONE;
    f->demand = p->off_site && f->override == OVERRIDE_RELAX ? DEMAND_NONE : p->demand;
    f->off_site = p->off_site;
    f->counts = p->counts;
    f->reqtls = m->reqtls;
    f->trno = m->tls_required_no && c->tls_required_no == 0 ? TRNO_RELAX : TRNO_OFF;
    f->seen = known && memory_seen(&known->d, now, &rules);
    f->mx = d->route.kind == ROUTE_FIXED ? MX_SECURE : MX_INSECURE;
    /* who offers REQUIRETLS is not kept */
    if (known && !m->reqtls && forecast_remembered(&known->d, now - 2 * c->monitor.interval, f)) {
        r->asked_ms = known->d.looked_ms;
    }
}

int trial_outcome(struct queue *q, const struct store_message *m, const struct decided *d,
                  struct buf *out)
{
    const struct protection *p = &d->protection;
    struct forecast_rcpt r = {
        .action = p->would,
        .text = p->text,
        .is_inside = p->direction == DIRECTION_INTERNAL,
        .first = CHANNEL_TLS,
        .next = CHANNEL_DROP,
    };
    trial_put_facts(q, m, d, &r);
    put_rungs(child_conf(q->child), p, &r);
    return forecast_write(&r, out);
}
