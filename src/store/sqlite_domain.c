/* SPDX-License-Identifier: Apache-2.0
 * sqlite_domain.c: the embedded store's part for recipient domains. Called by queue and its tests.
 * What can go wrong is as in sqlite.c: the batch fails as a whole.
 */
#include "store/domain.h"
#include "store/embedded.h"
#include "store/sqlite_priv.h"

enum { QUIRK_HOST = 256 };

STORE_WALK(domain)
STORE_WALK(probe)
STORE_WALK(alarm)
STORE_WALK(exception)
STORE_WALK(sts)
STORE_WALK(quirk)

static void bind_ms(sqlite3_stmt *q, int at, int64_t ms)
{
    sqlite3_bind_int64(q, at, ms);
}

void store_put_domain(struct store *s, const struct store_domain *d)
{
    store_put(s, Q_PUT_DOMAIN, store_record_domain(), d);
}

void store_drop_domain(struct store *s, struct str name)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_DROP_DOMAIN], 1, name);
        store_run(s, Q_DROP_DOMAIN);
    }
}

enum store_result store_each_domain(struct store *s, store_domain_fn fn, void *arg)
{
    return walk_domain(s, Q_DOMAINS, fn, arg);
}

void store_add_probe(struct store *s, const struct store_probe *p)
{
    store_put(s, Q_ADD_PROBE, store_record_probe(), p);
}

enum store_result store_each_probe(struct store *s, struct str domain, unsigned max,
                                   store_probe_fn fn, void *arg)
{
    bind_str(s->q[Q_PROBES], 1, domain);
    bind_int(s->q[Q_PROBES], 2, max);
    return walk_probe(s, Q_PROBES, fn, arg);
}

void store_forget_probes(struct store *s, int64_t before_ms)
{
    if (store_in_batch(s)) {
        bind_ms(s->q[Q_FORGET_PROBES], 1, before_ms);
        store_run(s, Q_FORGET_PROBES);
    }
}

static bool raise_alarm(struct store *s, const struct store_alarm *a)
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
    store_put(s, Q_ADD_ALARM, store_record_alarm(), a);
    return true;
}

void store_raise_alarm(struct store *s, const struct store_alarm *a, store_number_fn fn, void *arg)
{
    store_answer_number(s, raise_alarm(s, a), fn, arg);
}

void store_clear_alarm(struct store *s, struct str domain, uint8_t kind, int64_t now_ms,
                       store_number_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_CLEAR_ALARM];
    uint64_t n = 0;
    if (store_in_batch(s)) {
        bind_ms(q, 1, now_ms);
        bind_str(q, 2, domain);
        bind_int(q, 3, kind);
        store_run(s, Q_CLEAR_ALARM);
        n = s->batch_failed ? 0 : (uint64_t)sqlite3_changes(s->db);
    }
    store_answer_number(s, n, fn, arg);
}

enum store_result store_each_alarm(struct store *s, bool all, unsigned max, store_alarm_fn fn,
                                   void *arg)
{
    bind_int(s->q[Q_ALARMS], 1, all);
    bind_int(s->q[Q_ALARMS], 2, max);
    return walk_alarm(s, Q_ALARMS, fn, arg);
}

enum store_result store_each_unmailed_alarm(struct store *s, unsigned max, store_alarm_fn fn,
                                            void *arg)
{
    bind_int(s->q[Q_UNMAILED_ALARMS], 1, max);
    return walk_alarm(s, Q_UNMAILED_ALARMS, fn, arg);
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
    store_put(s, Q_ADD_EXCEPTION, store_record_exception(), e);
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

enum store_result store_each_exception(struct store *s, store_exception_fn fn, void *arg)
{
    return walk_exception(s, Q_EXCEPTIONS, fn, arg);
}

void store_put_sts(struct store *s, const struct store_sts *p)
{
    store_put(s, Q_PUT_STS, store_record_sts(), p);
}

enum store_result store_each_sts(struct store *s, store_sts_fn fn, void *arg)
{
    return walk_sts(s, Q_ALL_STS, fn, arg);
}

void store_forget_sts(struct store *s, int64_t expired_before_ms)
{
    if (store_in_batch(s)) {
        bind_ms(s->q[Q_FORGET_STS], 1, expired_before_ms);
        store_run(s, Q_FORGET_STS);
    }
}

/* Hosts are found in small letters. */
void store_put_quirk(struct store *s, const struct store_quirk *x)
{
    char host[QUIRK_HOST];
    struct store_quirk row = *x;
    row.host.n = x->host.n < sizeof host ? x->host.n : sizeof host;
    for (size_t i = 0; i < row.host.n; i++) {
        host[i] = str_lower(x->host.p[i]);
    }
    row.host.p = host;
    store_put(s, Q_PUT_QUIRK, store_record_quirk(), &row);
}

enum store_result store_each_quirk(struct store *s, store_quirk_fn fn, void *arg)
{
    return walk_quirk(s, Q_QUIRKS, fn, arg);
}

void store_forget_quirks(struct store *s, struct str host, int64_t before_ms)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_FORGET_QUIRKS], 1, host);
        bind_ms(s->q[Q_FORGET_QUIRKS], 2, before_ms);
        store_run(s, Q_FORGET_QUIRKS);
    }
}
