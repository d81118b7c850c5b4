/* SPDX-License-Identifier: Apache-2.0
 * sqlite_domain.c: the embedded store's part for recipient domains. Called by queue and its tests.
 * What can go wrong is as in sqlite.c: the batch fails as a whole.
 */
#include "store/domain.h"
#include "store/sqlite_priv.h"

static void bind_ms(sqlite3_stmt *q, int at, int64_t ms)
{
    sqlite3_bind_int64(q, at, ms);
}

static int64_t column_ms(sqlite3_stmt *q, int at)
{
    return sqlite3_column_int64(q, at);
}

void store_put_domain(struct store *s, const struct store_domain *d)
{
    sqlite3_stmt *q = s->q[Q_PUT_DOMAIN];
    const int64_t numbers[] = {d->offered_ms,    d->lowered_ms,    d->looked_ms,
                               d->mailed_ms,     d->probed_ms,     d->next_probe_ms,
                               d->negative_ms,   d->not_after_ms,  d->negative_days,
                               d->alarms,        d->look_complete, d->secure_mail,
                               d->await_confirm, d->listed,        d->grade,
                               d->tlsa,          d->sts,           (int64_t)d->look_asked,
                               d->helo_ms};
    if (store_in_batch(s)) {
        bind_str(q, 1, d->name);
        for (int i = 0; i < (int)ARRAY_LEN(numbers); i++) {
            bind_ms(q, 2 + i, numbers[i]);
        }
        store_run(s, Q_PUT_DOMAIN);
    }
}

void store_drop_domain(struct store *s, struct str name)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_DROP_DOMAIN], 1, name);
        store_run(s, Q_DROP_DOMAIN);
    }
}

void store_each_domain(struct store *s, store_domain_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_DOMAINS];
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_domain){
                    .name = column_str(q, 0),
                    .offered_ms = column_ms(q, 1),
                    .lowered_ms = column_ms(q, 2),
                    .looked_ms = column_ms(q, 3),
                    .mailed_ms = column_ms(q, 4),
                    .probed_ms = column_ms(q, 5),
                    .next_probe_ms = column_ms(q, 6),
                    .negative_ms = column_ms(q, 7),
                    .not_after_ms = column_ms(q, 8),
                    .negative_days = (uint32_t)column_int(q, 9),
                    .alarms = (uint32_t)column_int(q, 10),
                    .look_complete = column_int(q, 11) != 0,
                    .secure_mail = column_int(q, 12) != 0,
                    .await_confirm = column_int(q, 13) != 0,
                    .listed = column_int(q, 14) != 0,
                    .grade = (uint8_t)column_int(q, 15),
                    .tlsa = (uint8_t)column_int(q, 16),
                    .sts = (uint8_t)column_int(q, 17),
                    .look_asked = (uint64_t)column_ms(q, 18),
                    .helo_ms = column_ms(q, 19),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_add_probe(struct store *s, const struct store_probe *p)
{
    sqlite3_stmt *q = s->q[Q_ADD_PROBE];
    const int64_t numbers[] = {p->at_ms,          p->outcome,    p->complete, p->offered,
                               p->all_offered,    p->would_send, p->grade,    p->reason,
                               p->tlsa_published, p->tlsa_bad,   p->sts};
    if (store_in_batch(s)) {
        bind_str(q, 1, p->domain);
        for (int i = 0; i < (int)ARRAY_LEN(numbers); i++) {
            bind_ms(q, 2 + i, numbers[i]);
        }
        bind_str(q, 13, p->sts_problem);
        bind_ms(q, 14, p->not_after_ms);
        bind_str(q, 15, p->hosts);
        store_run(s, Q_ADD_PROBE);
    }
}

void store_each_probe(struct store *s, struct str domain, unsigned max, store_probe_fn fn,
                      store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_PROBES];
    int code;
    bind_str(q, 1, domain);
    bind_int(q, 2, max);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_probe){
                    .domain = column_str(q, 1),
                    .at_ms = column_ms(q, 2),
                    .outcome = (uint8_t)column_int(q, 3),
                    .complete = column_int(q, 4) != 0,
                    .offered = column_int(q, 5) != 0,
                    .all_offered = column_int(q, 6) != 0,
                    .would_send = column_int(q, 7) != 0,
                    .grade = (uint8_t)column_int(q, 8),
                    .reason = (uint8_t)column_int(q, 9),
                    .tlsa_published = column_int(q, 10) != 0,
                    .tlsa_bad = column_int(q, 11) != 0,
                    .sts = (uint8_t)column_int(q, 12),
                    .sts_problem = column_str(q, 13),
                    .not_after_ms = column_ms(q, 14),
                    .hosts = column_str(q, 15),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_forget_probes(struct store *s, int64_t before_ms)
{
    if (store_in_batch(s)) {
        bind_ms(s->q[Q_FORGET_PROBES], 1, before_ms);
        store_run(s, Q_FORGET_PROBES);
    }
}

bool store_raise_alarm(struct store *s, const struct store_alarm *a)
{
    sqlite3_stmt *q = s->q[Q_HAS_ALARM];
    if (!store_in_batch(s)) {
        return false;
    }
    bind_str(q, 1, a->domain);
    bind_int(q, 2, a->kind);
    bool known = sqlite3_step(q) == SQLITE_ROW;
    sqlite3_reset(q);
    if (known) {
        return false;
    }
    q = s->q[Q_ADD_ALARM];
    bind_ms(q, 1, a->at_ms);
    bind_int(q, 2, a->kind);
    bind_str(q, 3, a->domain);
    bind_str(q, 4, a->detail);
    store_run(s, Q_ADD_ALARM);
    return true;
}

bool store_clear_alarm(struct store *s, struct str domain, uint8_t kind, int64_t now_ms)
{
    sqlite3_stmt *q = s->q[Q_CLEAR_ALARM];
    if (!store_in_batch(s)) {
        return false;
    }
    bind_ms(q, 1, now_ms);
    bind_str(q, 2, domain);
    bind_int(q, 3, kind);
    store_run(s, Q_CLEAR_ALARM);
    return !s->batch_failed && sqlite3_changes(s->db) > 0;
}

static enum store_result walk_alarms(struct store *s, sqlite3_stmt *q, store_alarm_fn fn, void *arg)
{
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_alarm){
                    .alarm = column_int(q, 0),
                    .at_ms = column_ms(q, 1),
                    .kind = (uint8_t)column_int(q, 2),
                    .domain = column_str(q, 3),
                    .detail = column_str(q, 4),
                    .cleared_ms = column_ms(q, 5),
                    .mailed_ms = column_ms(q, 6),
                });
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_each_alarm(struct store *s, bool all, unsigned max, store_alarm_fn fn, store_done done,
                      void *arg)
{
    bind_int(s->q[Q_ALARMS], 1, all);
    bind_int(s->q[Q_ALARMS], 2, max);
    done(arg, walk_alarms(s, s->q[Q_ALARMS], fn, arg));
}

void store_each_unmailed_alarm(struct store *s, unsigned max, store_alarm_fn fn, store_done done,
                               void *arg)
{
    bind_int(s->q[Q_UNMAILED_ALARMS], 1, max);
    done(arg, walk_alarms(s, s->q[Q_UNMAILED_ALARMS], fn, arg));
}

void store_set_alarm_mailed(struct store *s, uint64_t up_to, int64_t now_ms)
{
    if (store_in_batch(s)) {
        bind_ms(s->q[Q_SET_ALARM_MAILED], 1, now_ms);
        bind_int(s->q[Q_SET_ALARM_MAILED], 2, up_to);
        store_run(s, Q_SET_ALARM_MAILED);
    }
}

void store_add_exception(struct store *s, const struct store_exception *e)
{
    sqlite3_stmt *q = s->q[Q_ADD_EXCEPTION];
    if (store_in_batch(s)) {
        bind_str(q, 1, e->domain);
        bind_int(q, 2, e->kind);
        bind_str(q, 3, e->owner);
        bind_str(q, 4, e->reason);
        bind_ms(q, 5, e->from_ms);
        bind_ms(q, 6, e->until_ms);
        bind_int(q, 7, e->uid);
        bind_str(q, 8, e->added_by);
        store_run(s, Q_ADD_EXCEPTION);
    }
}

void store_end_exception(struct store *s, uint64_t exception, struct str by, int64_t now_ms)
{
    if (store_in_batch(s)) {
        bind_ms(s->q[Q_END_EXCEPTION], 1, now_ms);
        bind_str(s->q[Q_END_EXCEPTION], 2, by);
        bind_int(s->q[Q_END_EXCEPTION], 3, exception);
        store_run(s, Q_END_EXCEPTION);
    }
}

void store_each_exception(struct store *s, store_exception_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_EXCEPTIONS];
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_exception){
                    .exception = column_int(q, 0),
                    .domain = column_str(q, 1),
                    .kind = (enum exception_kind)column_int(q, 2),
                    .owner = column_str(q, 3),
                    .reason = column_str(q, 4),
                    .from_ms = column_ms(q, 5),
                    .until_ms = column_ms(q, 6),
                    .ended_ms = column_ms(q, 7),
                    .uid = (uint32_t)column_int(q, 8),
                    .added_by = column_str(q, 9),
                    .ended_by = column_str(q, 10),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_put_sts(struct store *s, const struct store_sts *p)
{
    sqlite3_stmt *q = s->q[Q_PUT_STS];
    if (store_in_batch(s)) {
        bind_str(q, 1, p->domain);
        bind_str(q, 2, p->id);
        bind_ms(q, 3, p->fetched_ms);
        bind_ms(q, 4, p->expires_ms);
        bind_str(q, 5, p->policy);
        store_run(s, Q_PUT_STS);
    }
}

void store_each_sts(struct store *s, store_sts_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_ALL_STS];
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_sts){
                    .domain = column_str(q, 0),
                    .id = column_str(q, 1),
                    .fetched_ms = column_ms(q, 2),
                    .expires_ms = column_ms(q, 3),
                    .policy = column_str(q, 4),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_forget_sts(struct store *s, int64_t expired_before_ms)
{
    if (store_in_batch(s)) {
        bind_ms(s->q[Q_FORGET_STS], 1, expired_before_ms);
        store_run(s, Q_FORGET_STS);
    }
}

void store_put_quirk(struct store *s, const struct store_quirk *x)
{
    sqlite3_stmt *q = s->q[Q_PUT_QUIRK];
    if (store_in_batch(s)) {
        bind_str(q, 1, x->host);
        bind_str(q, 2, x->address);
        bind_ms(q, 3, x->extension);
        bind_ms(q, 4, x->since_ms);
        bind_ms(q, 5, x->until_ms);
        bind_str(q, 6, x->domain);
        bind_str(q, 7, x->why);
        store_run(s, Q_PUT_QUIRK);
    }
}

void store_each_quirk(struct store *s, store_quirk_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_QUIRKS];
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_quirk){
                    .host = column_str(q, 0),
                    .address = column_str(q, 1),
                    .extension = (uint8_t)column_int(q, 2),
                    .since_ms = column_ms(q, 3),
                    .until_ms = column_ms(q, 4),
                    .domain = column_str(q, 5),
                    .why = column_str(q, 6),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_forget_quirks(struct store *s, struct str host, int64_t before_ms)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_FORGET_QUIRKS], 1, host);
        bind_ms(s->q[Q_FORGET_QUIRKS], 2, before_ms);
        store_run(s, Q_FORGET_QUIRKS);
    }
}
