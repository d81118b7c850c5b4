/* SPDX-License-Identifier: Apache-2.0
 * sqlite_tlsrpt.c: the embedded store's part for TLS reports. Called by queue and its tests.
 * What can go wrong is as in sqlite.c: the batch fails as a whole.
 */
#include "store/tlsrpt.h"
#include "store/embedded.h"
#include "store/sqlite_priv.h"

STORE_WALK(rpt_count)
STORE_WALK(rpt_failure)
STORE_WALK(rpt_sent)
STORE_WALK(rpt_received)

void store_rpt_count(struct store *s, const struct store_rpt_session *r)
{
    const struct store_rpt_count count = {
        .day = r->day,
        .domain = r->domain,
        .type = r->type,
        .policy = r->policy,
        .mx = r->mx,
        .ok = r->ok,
        .failed = !r->ok,
    };
    struct store_rpt_failure failure = {
        .day = r->day,
        .domain = r->domain,
        .type = r->type,
        .policy = r->policy,
        .n = 1,
    };
    RECORD_COPY(RPT_FAILED, &failure, r);
    store_put(s, Q_RPT_COUNT, store_record_rpt_count(), &count);
    if (!r->ok) {
        store_put(s, Q_RPT_FAILURE, store_record_rpt_failure(), &failure);
    }
}

void store_rpt_open(struct store *s, uint64_t before_day, int64_t next_ms)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_RPT_OPEN], 1, before_day);
        bind_int(s->q[Q_RPT_OPEN], 2, (uint64_t)next_ms);
        store_run(s, Q_RPT_OPEN);
    }
}

enum store_result store_each_rpt_due(struct store *s, int64_t now_ms, unsigned max,
                                     store_rpt_sent_fn fn, void *arg)
{
    bind_int(s->q[Q_RPT_DUE], 1, (uint64_t)now_ms);
    bind_int(s->q[Q_RPT_DUE], 2, max);
    return walk_rpt_sent(s, Q_RPT_DUE, fn, arg);
}

enum store_result store_each_rpt_sent(struct store *s, unsigned max, store_rpt_sent_fn fn,
                                      void *arg)
{
    bind_int(s->q[Q_RPT_SENT], 1, max);
    return walk_rpt_sent(s, Q_RPT_SENT, fn, arg);
}

void store_rpt_set(struct store *s, const struct store_rpt_sent *r)
{
    store_put(s, Q_RPT_SET, store_record_rpt_sent(), r);
}

enum store_result store_each_rpt_count(struct store *s, uint64_t day, struct str domain,
                                       store_rpt_count_fn fn, void *arg)
{
    bind_int(s->q[Q_RPT_COUNTS], 1, day);
    bind_str(s->q[Q_RPT_COUNTS], 2, domain);
    return walk_rpt_count(s, Q_RPT_COUNTS, fn, arg);
}

enum store_result store_each_rpt_failure(struct store *s, uint64_t day, struct str domain,
                                         enum rpt_type type, struct str policy,
                                         store_rpt_failure_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_RPT_FAILURES];
    bind_int(q, 1, day);
    bind_str(q, 2, domain);
    bind_int(q, 3, type);
    bind_str(q, 4, policy);
    return walk_rpt_failure(s, Q_RPT_FAILURES, fn, arg);
}

void store_rpt_forget(struct store *s, uint64_t before_day, int64_t received_before_ms)
{
    static const enum statement forget[] = {Q_RPT_FORGET_COUNT, Q_RPT_FORGET_FAILURE,
                                            Q_RPT_FORGET_SENT};
    for (size_t i = 0; i < ARRAY_LEN(forget) && store_in_batch(s); i++) {
        bind_int(s->q[forget[i]], 1, before_day);
        store_run(s, forget[i]);
    }
    if (store_in_batch(s)) {
        bind_int(s->q[Q_RPT_FORGET_RECEIVED], 1, (uint64_t)received_before_ms);
        store_run(s, Q_RPT_FORGET_RECEIVED);
    }
}

static bool sqlite_tlsrpt_is_known(struct store *s, const struct store_rpt_received *r)
{
    sqlite3_stmt *q = s->q[Q_RPT_HAS_RECEIVED];
    store_bind(s, Q_RPT_HAS_RECEIVED, store_record_rpt_received(), r);
    bool known = sqlite3_step(q) == SQLITE_ROW;
    sqlite3_reset(q);
    return known;
}

void store_rpt_add_received(struct store *s, const struct store_rpt_received *r)
{
    if (store_in_batch(s) && !sqlite_tlsrpt_is_known(s, r)) {
        store_put(s, Q_RPT_ADD_RECEIVED, store_record_rpt_received(), r);
    }
}

enum store_result store_each_rpt_received(struct store *s, uint64_t received, unsigned max,
                                          store_rpt_received_fn fn, void *arg)
{
    bind_int(s->q[Q_RPT_RECEIVED], 1, received);
    bind_int(s->q[Q_RPT_RECEIVED], 2, max);
    return walk_rpt_received(s, Q_RPT_RECEIVED, fn, arg);
}
