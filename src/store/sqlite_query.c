/* SPDX-License-Identifier: Apache-2.0
 * sqlite_query.c: the queries of read.h, answered by the embedded engine: in the turn in which
 * they are asked, in their order. Called by reading.c.
 */
#include "store/embedded.h"
#include "store/engine.h"
#include "store/sqlite_priv.h"

typedef enum store_result (*query_fn)(struct store *s, const struct store_query *q,
                                      const struct store_rows *r);

#define QUERY(name, walk) \
    static enum store_result query_##name(struct store *s, const struct store_query *q, \
                                          const struct store_rows *r) \
    { \
        return walk; \
    }

QUERY(NEXT_HOPS, store_each_next_hop(s, r->next_hop, r->arg))
QUERY(DUE, store_each_due(s, q->text, q->ms, q->max, r->rcpt, r->arg))
QUERY(NEXT_DUE, store_next_due(s, q->text, q->ms, r->next_hop, r->arg))
QUERY(OVER, store_each_over(s, q->ms, q->max, r->rcpt, r->arg))
QUERY(HELD, store_each_held(s, (uint8_t)q->kind, q->number, q->max, r->rcpt, r->arg))
QUERY(BOUNCE_DUE, store_each_bounce_due(s, q->max, r->rcpt, r->arg))
QUERY(NOTICE_DUE, store_each_notice_due(s, q->ms, q->also_ms, q->max, r->rcpt, r->arg))
QUERY(OUTCOME_DUE, store_each_outcome_due(s, q->ms, q->max, r->rcpt, r->arg))
QUERY(MESSAGE, store_message_get(s, q->number, r->message, r->arg))
QUERY(REPORT, store_report(s, q->number, r->message, r->rcpt, r->attempt, r->arg))
QUERY(INSPECTION, store_inspection_get(s, q->number, r->inspection, r->arg))
QUERY(SINCE, store_each_since(s, q->ms, q->max, r->message, r->rcpt, r->inspection, r->arg))
QUERY(LIST, store_list(s, (enum rcpt_state)q->kind, q->max, r->message, r->rcpt, r->arg))
QUERY(DAMAGE, store_each_damage(s, q->kind != 0, q->max, r->damage, r->arg))
QUERY(DOMAINS, store_each_domain(s, r->domain, r->arg))
QUERY(PROBES, store_each_probe(s, q->text, q->max, r->probe, r->arg))
QUERY(ALARMS, store_each_alarm(s, q->kind != 0, q->max, r->alarm, r->arg))
QUERY(UNMAILED_ALARMS, store_each_unmailed_alarm(s, q->max, r->alarm, r->arg))
QUERY(EXCEPTIONS, store_each_exception(s, r->exception, r->arg))
QUERY(QUIRKS, store_each_quirk(s, r->quirk, r->arg))
QUERY(STS, store_each_sts(s, r->sts, r->arg))
QUERY(RPT_DUE, store_each_rpt_due(s, q->ms, q->max, r->rpt_sent, r->arg))
QUERY(RPT_SENT, store_each_rpt_sent(s, q->max, r->rpt_sent, r->arg))
QUERY(RPT_RECEIVED, store_each_rpt_received(s, q->number, q->max, r->rpt_received, r->arg))
QUERY(PLACES, store_each_place(s, q->ms, r->place, r->arg))
QUERY(DIRECTORY_GROUPS, store_each_directory_group(s, r->group, r->arg))
QUERY(ACCOUNTS, store_each_account(s, r->account, r->arg))
QUERY(REFUSALS, store_each_refusal(s, q->max, r->refusal, r->arg))
QUERY(ACTS, store_each_act(s, q->text, q->max, r->act, r->arg))
QUERY(ENVELOPES_BY, store_envelopes(s, (enum envelope_by)q->kind, q->number, r->envelope, r->arg))
QUERY(ENVELOPES_OF,
      store_envelopes_of(s, (enum envelope_of)q->kind, q->text, q->max, r->envelope, r->arg))
QUERY(ENVELOPES, store_each_envelope(s, q->max, r->envelope, r->arg))
QUERY(ENVELOPES_DUE,
      store_envelopes_due(s, (enum envelope_due)q->kind, q->ms, q->max, r->envelope, r->arg))
QUERY(ENVELOPE_EVENTS, store_envelope_events(s, q->number, q->max, r->event, r->arg))
QUERY(VIEW, store_get_view(s, q->number, r->view, r->arg))
QUERY(PASS, store_get_pass(s, q->text, r->pass, r->arg))
QUERY(PERSON, store_get_person(s, q->text, r->person, r->arg))
QUERY(PASSKEYS, store_passkeys_of(s, q->text, r->passkey, r->arg))
QUERY(THREAD, store_get_thread(s, q->text, r->thread, r->arg))
QUERY(DRAFT, store_get_draft(s, q->number, r->draft, r->arg))

static enum store_result query_ENVELOPE_OCTETS(struct store *s, const struct store_query *q,
                                               const struct store_rows *r)
{
    r->number(r->arg, store_envelope_octets(s));
    return STORE_OK;
}

static enum store_result query_HAS_PASSKEY(struct store *s, const struct store_query *q,
                                           const struct store_rows *r)
{
    r->number(r->arg, store_has_passkey(s, q->text));
    return STORE_OK;
}

/* A count of a day, whose failures come behind it. */
struct rpt_day {
    struct store *s;
    const struct store_query *q;
    const struct store_rows *r;
    enum store_result result;
};

static void each_count(void *arg, const struct store_rpt_count *c)
{
    struct rpt_day *d = arg;
    d->r->rpt_count(d->r->arg, c);
    if (d->result == STORE_OK) {
        d->result = store_each_rpt_failure(d->s, d->q->number, d->q->text, c->type, c->policy,
                                           d->r->rpt_failure, d->r->arg);
    }
}

static enum store_result query_RPT_DAY(struct store *s, const struct store_query *q,
                                       const struct store_rows *r)
{
    struct rpt_day d = {s, q, r, STORE_OK};
    enum store_result result = store_each_rpt_count(s, q->number, q->text, each_count, &d);
    return result == STORE_OK ? d.result : result;
}

#define QUERY_ENTRY(name, row) [STORE_##name] = query_##name,
static const query_fn query_walks[STORE_QUERY_END] = {STORE_QUERIES(QUERY_ENTRY)};

static enum store_result embedded_read(struct store *s, const struct store_query *q,
                                       const struct store_rows *rows)
{
    return query_walks[q->what](s, q, rows);
}

static size_t embedded_next(struct store *s, size_t n)
{
    return 0;
}

static bool embedded_told(struct store *s)
{
    return true;
}

const struct store_engine store_embedded = {
    .next = embedded_next,
    .read = embedded_read,
    .commit = store_commit_batch,
    .told = embedded_told,
};
