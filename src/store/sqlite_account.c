/* SPDX-License-Identifier: Apache-2.0
 * sqlite_account.c: accounts, refusals and acts of administrators in the embedded store. Called
 * by queue and its tests.
 */
#include "store/account.h"
#include "store/act.h"
#include "store/sqlite_priv.h"

void store_put_account(struct store *s, const struct store_account *a)
{
    sqlite3_stmt *q = s->q[Q_PUT_ACCOUNT];
    if (store_in_batch(s)) {
        bind_str(q, 1, a->name);
        bind_str(q, 2, a->hash);
        bind_str(q, 3, a->scram);
        bind_str(q, 4, a->addresses);
        bind_int(q, 5, a->enabled);
        bind_int(q, 6, (uint64_t)a->changed_ms);
        store_run(s, Q_PUT_ACCOUNT);
    }
}

void store_drop_account(struct store *s, struct str name)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_DROP_ACCOUNT], 1, name);
        store_run(s, Q_DROP_ACCOUNT);
    }
}

void store_each_account(struct store *s, store_account_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_ACCOUNTS];
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_account){
                    .name = column_str(q, 0),
                    .hash = column_str(q, 1),
                    .scram = column_str(q, 2),
                    .addresses = column_str(q, 3),
                    .enabled = column_int(q, 4) != 0,
                    .changed_ms = (int64_t)column_int(q, 5),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_add_refusal(struct store *s, const struct store_refusal *r)
{
    sqlite3_stmt *q = s->q[Q_ADD_REFUSAL];
    if (store_in_batch(s)) {
        bind_int(q, 1, (uint64_t)r->at_ms);
        bind_str(q, 2, r->rule);
        bind_int(q, 3, r->enforced);
        bind_str(q, 4, r->client);
        bind_str(q, 5, r->helo);
        bind_str(q, 6, r->reverse_path);
        bind_str(q, 7, r->wanted);
        bind_str(q, 8, r->had);
        bind_str(q, 9, r->reason);
        store_run(s, Q_ADD_REFUSAL);
    }
}

void store_each_refusal(struct store *s, unsigned max, store_refusal_fn fn, store_done done,
                        void *arg)
{
    sqlite3_stmt *q = s->q[Q_REFUSALS];
    int code;
    bind_int(q, 1, max);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_refusal){
                    .at_ms = (int64_t)column_int(q, 1),
                    .rule = column_str(q, 2),
                    .enforced = column_int(q, 3) != 0,
                    .client = column_str(q, 4),
                    .helo = column_str(q, 5),
                    .reverse_path = column_str(q, 6),
                    .wanted = column_str(q, 7),
                    .had = column_str(q, 8),
                    .reason = column_str(q, 9),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_forget_refusals(struct store *s, int64_t before_ms)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_FORGET_REFUSALS], 1, (uint64_t)before_ms);
        store_run(s, Q_FORGET_REFUSALS);
    }
}

void store_put_directory_group(struct store *s, struct str name, int64_t at_ms,
                               struct str addresses)
{
    sqlite3_stmt *q = s->q[Q_PUT_GROUP];
    if (store_in_batch(s)) {
        bind_str(q, 1, name);
        bind_int(q, 2, (uint64_t)at_ms);
        bind_str(q, 3, addresses);
        store_run(s, Q_PUT_GROUP);
    }
}

enum store_result store_each_directory_group(struct store *s, store_group_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_GROUPS];
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, column_str(q, 0), column_str(q, 1));
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_add_act(struct store *s, const struct store_act *a)
{
    sqlite3_stmt *q = s->q[Q_ADD_ACT];
    if (store_in_batch(s)) {
        bind_int(q, 1, (uint64_t)a->at_ms);
        bind_str(q, 2, a->verb);
        bind_str(q, 3, a->about);
        bind_str(q, 4, a->detail);
        bind_str(q, 5, a->by);
        bind_int(q, 6, a->uid);
        store_run(s, Q_ADD_ACT);
    }
}

void store_each_act(struct store *s, struct str about, unsigned max, store_act_fn fn,
                    store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_ACTS];
    int code;
    bind_str(q, 1, about);
    bind_int(q, 2, max);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_act){
                    .act = column_int(q, 0),
                    .at_ms = (int64_t)column_int(q, 1),
                    .verb = column_str(q, 2),
                    .about = column_str(q, 3),
                    .detail = column_str(q, 4),
                    .by = column_str(q, 5),
                    .uid = (uint32_t)column_int(q, 6),
                });
    }
    sqlite3_reset(q);
    done(arg, store_walked(s, code));
}

void store_forget_acts(struct store *s, int64_t before_ms)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_FORGET_ACTS], 1, (uint64_t)before_ms);
        store_run(s, Q_FORGET_ACTS);
    }
}

void store_put_place(struct store *s, const struct store_place *p)
{
    sqlite3_stmt *q = s->q[Q_PUT_PLACE];
    if (store_in_batch(s)) {
        bind_int(q, 1, p->kind);
        bind_str(q, 2, p->who);
        bind_str(q, 3, p->place);
        bind_int(q, 4, (uint64_t)p->used_ms);
        store_run(s, Q_PUT_PLACE);
    }
}

enum store_result store_each_place(struct store *s, int64_t since_ms, store_place_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_PLACES];
    int code;
    bind_int(q, 1, (uint64_t)since_ms);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_place){
                    .kind = (uint8_t)column_int(q, 0),
                    .who = column_str(q, 1),
                    .place = column_str(q, 2),
                    .used_ms = (int64_t)column_int(q, 3),
                });
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_drop_places(struct store *s, uint8_t kind, struct str who)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_DROP_PLACES], 1, kind);
        bind_str(s->q[Q_DROP_PLACES], 2, who);
        store_run(s, Q_DROP_PLACES);
    }
}

void store_forget_places(struct store *s, int64_t before_ms)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_FORGET_PLACES], 1, (uint64_t)before_ms);
        store_run(s, Q_FORGET_PLACES);
    }
}
