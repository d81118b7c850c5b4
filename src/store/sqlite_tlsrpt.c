/* SPDX-License-Identifier: Apache-2.0
 * sqlite_tlsrpt.c: the embedded store's part for TLS reports. Called by queue and its tests.
 * What can go wrong is as in sqlite.c: the batch fails as a whole.
 */
#include "store/tlsrpt.h"
#include "store/sqlite_priv.h"

static void bind_texts(sqlite3_stmt *q, int at, const struct str *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bind_str(q, at + (int)i, texts[i]);
    }
}

void store_rpt_count(struct store *s, const struct store_rpt_session *r)
{
    sqlite3_stmt *q = s->q[Q_RPT_COUNT];
    if (!store_in_batch(s)) {
        return;
    }
    bind_int(q, 1, r->day);
    bind_str(q, 2, r->domain);
    bind_int(q, 3, r->type);
    bind_str(q, 4, r->policy);
    bind_str(q, 5, r->mx);
    bind_int(q, 6, r->ok);
    bind_int(q, 7, !r->ok);
    store_run(s, Q_RPT_COUNT);
    if (!r->ok) {
        const struct str texts[] = {r->policy, r->result,   r->sender,
                                    r->host,   r->receiver, r->reason};
        q = s->q[Q_RPT_FAILURE];
        bind_int(q, 1, r->day);
        bind_str(q, 2, r->domain);
        bind_int(q, 3, r->type);
        bind_texts(q, 4, texts, ARRAY_LEN(texts));
        store_run(s, Q_RPT_FAILURE);
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

static enum store_result walk_sent(struct store *s, sqlite3_stmt *q, store_rpt_sent_fn fn,
                                   void *arg)
{
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_rpt_sent){
                    .day = column_int(q, 0),
                    .domain = column_str(q, 1),
                    .state = (enum rpt_state)column_int(q, 2),
                    .next_ms = (int64_t)column_int(q, 3),
                    .detail = column_str(q, 4),
                });
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_each_rpt_due(struct store *s, int64_t now_ms, unsigned max, store_rpt_sent_fn fn,
                        store_done done, void *arg)
{
    bind_int(s->q[Q_RPT_DUE], 1, (uint64_t)now_ms);
    bind_int(s->q[Q_RPT_DUE], 2, max);
    done(arg, walk_sent(s, s->q[Q_RPT_DUE], fn, arg));
}

void store_each_rpt_sent(struct store *s, unsigned max, store_rpt_sent_fn fn, store_done done,
                         void *arg)
{
    bind_int(s->q[Q_RPT_SENT], 1, max);
    done(arg, walk_sent(s, s->q[Q_RPT_SENT], fn, arg));
}

void store_rpt_set(struct store *s, const struct store_rpt_sent *r)
{
    sqlite3_stmt *q = s->q[Q_RPT_SET];
    if (store_in_batch(s)) {
        bind_int(q, 1, r->state);
        bind_int(q, 2, (uint64_t)r->next_ms);
        bind_str(q, 3, r->detail);
        bind_int(q, 4, r->day);
        bind_str(q, 5, r->domain);
        store_run(s, Q_RPT_SET);
    }
}

void store_each_rpt_count(struct store *s, uint64_t day, struct str domain, store_rpt_count_fn fn,
                          store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_RPT_COUNTS];
    int code;
    bind_int(q, 1, day);
    bind_str(q, 2, domain);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_rpt_count){
                    .type = (enum rpt_type)column_int(q, 2),
                    .policy = column_str(q, 3),
                    .mx = column_str(q, 4),
                    .ok = column_int(q, 5),
                    .failed = column_int(q, 6),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_each_rpt_failure(struct store *s, uint64_t day, struct str domain, enum rpt_type type,
                            struct str policy, store_rpt_failure_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_RPT_FAILURES];
    int code;
    bind_int(q, 1, day);
    bind_str(q, 2, domain);
    bind_int(q, 3, type);
    bind_str(q, 4, policy);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_rpt_failure){
                    .result = column_str(q, 4),
                    .sender = column_str(q, 5),
                    .host = column_str(q, 6),
                    .receiver = column_str(q, 7),
                    .reason = column_str(q, 8),
                    .n = column_int(q, 9),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
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
    const struct str texts[] = {r->organization, r->report_id, r->domain, r->type};
    sqlite3_stmt *q = s->q[Q_RPT_HAS_RECEIVED];
    bind_texts(q, 1, texts, ARRAY_LEN(texts));
    bool known = sqlite3_step(q) == SQLITE_ROW;
    sqlite3_reset(q);
    return known;
}

void store_rpt_add_received(struct store *s, const struct store_rpt_received *r)
{
    const struct str texts[] = {r->organization, r->report_id, r->domain};
    sqlite3_stmt *q = s->q[Q_RPT_ADD_RECEIVED];
    if (!store_in_batch(s) || sqlite_tlsrpt_is_known(s, r)) {
        return;
    }
    bind_int(q, 1, (uint64_t)r->at_ms);
    bind_texts(q, 2, texts, ARRAY_LEN(texts));
    bind_int(q, 5, (uint64_t)r->begin_ms);
    bind_int(q, 6, (uint64_t)r->end_ms);
    bind_str(q, 7, r->type);
    bind_int(q, 8, r->ok);
    bind_int(q, 9, r->failed);
    bind_str(q, 10, r->details);
    store_run(s, Q_RPT_ADD_RECEIVED);
}

void store_each_rpt_received(struct store *s, uint64_t received, unsigned max,
                             store_rpt_received_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_RPT_RECEIVED];
    int code;
    bind_int(q, 1, received);
    bind_int(q, 2, max);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_rpt_received){
                    .received = column_int(q, 0),
                    .at_ms = (int64_t)column_int(q, 1),
                    .organization = column_str(q, 2),
                    .report_id = column_str(q, 3),
                    .domain = column_str(q, 4),
                    .begin_ms = (int64_t)column_int(q, 5),
                    .end_ms = (int64_t)column_int(q, 6),
                    .type = column_str(q, 7),
                    .ok = column_int(q, 8),
                    .failed = column_int(q, 9),
                    .details = column_str(q, 10),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}
