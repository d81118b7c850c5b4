/* SPDX-License-Identifier: Apache-2.0
 * sqlite_account.c: accounts, refusals and acts of administrators in the embedded store. Called
 * by queue and its tests.
 */
#include "store/account.h"
#include "store/act.h"
#include "store/embedded.h"
#include "store/sqlite_priv.h"

STORE_WALK(account)
STORE_WALK(refusal)
STORE_WALK(act)
STORE_WALK(place)

void store_put_account(struct store *s, const struct store_account *a)
{
    store_put(s, Q_PUT_ACCOUNT, store_record_account(), a);
}

void store_drop_account(struct store *s, struct str name)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_DROP_ACCOUNT], 1, name);
        store_run(s, Q_DROP_ACCOUNT);
    }
}

enum store_result store_each_account(struct store *s, store_account_fn fn, void *arg)
{
    return walk_account(s, Q_ACCOUNTS, fn, arg);
}

void store_add_refusal(struct store *s, const struct store_refusal *r)
{
    store_put(s, Q_ADD_REFUSAL, store_record_refusal(), r);
}

enum store_result store_each_refusal(struct store *s, unsigned max, store_refusal_fn fn, void *arg)
{
    bind_int(s->q[Q_REFUSALS], 1, max);
    return walk_refusal(s, Q_REFUSALS, fn, arg);
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
    const struct store_directory_group row = {name, at_ms, addresses};
    store_put(s, Q_PUT_GROUP, store_record_directory_group(), &row);
}

enum store_result store_each_directory_group(struct store *s, store_group_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_GROUPS];
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_directory_group row;
        store_read_row(s, Q_GROUPS, store_record_directory_group(), &row);
        fn(arg, row.name, row.addresses);
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_add_act(struct store *s, const struct store_act *a)
{
    store_put(s, Q_ADD_ACT, store_record_act(), a);
}

enum store_result store_each_act(struct store *s, struct str about, unsigned max, store_act_fn fn,
                                 void *arg)
{
    bind_str(s->q[Q_ACTS], 1, about);
    bind_int(s->q[Q_ACTS], 2, max);
    return walk_act(s, Q_ACTS, fn, arg);
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
    store_put(s, Q_PUT_PLACE, store_record_place(), p);
}

enum store_result store_each_place(struct store *s, int64_t since_ms, store_place_fn fn, void *arg)
{
    bind_int(s->q[Q_PLACES], 1, (uint64_t)since_ms);
    return walk_place(s, Q_PLACES, fn, arg);
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
