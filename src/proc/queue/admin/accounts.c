/* SPDX-License-Identifier: Apache-2.0
 * accounts.c: people who log in: kept in the store, told to every login process; and the clients
 * that an inbound rule turned away. postern user and postern refusals ask here. Called by admin.c,
 * guessing.c and main.c.
 *
 * What can go wrong: an account for a name that is there already, or is not: told to who asked.
 * Passwords never come here: postern user makes the hash.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/pickup/guessing.h"
#include "proc/queue/admin/walk.h"
#include "store/records.h"

#include <stdio.h>
#include <stdlib.h>

enum { REFUSALS_SHOWN = 10000, REFUSALS_AN_HOUR = 5000 };

static struct ipc_msg row_of(const struct store_account *a, bool with_secrets)
{
    struct ipc_msg row = {.type = IPC_account};
    RECORD_COPY(account, &row.account, a);
    if (!with_secrets) {
        row.account.hash = STR("");
        row.account.scram = a->scram.n > 0 ? STR("yes") : STR("");
    }
    return row;
}

static void accounts_tell_all(struct queue *q, const struct ipc_msg *m)
{
    for (size_t i = 0; i < LOGIN_MAX; i++) {
        ipc_send(q->admin.logins[i], m);
    }
}

static struct store_account *accounts_find(struct queue *q, struct str name)
{
    for (size_t i = 0; i < q->admin.n_accounts; i++) {
        if (address_same(q->admin.accounts[i]->name, name)) {
            return q->admin.accounts[i];
        }
    }
    return NULL;
}

static void accounts_add(struct queue *q, const struct store_account *s)
{
    struct store_account *a = err_calloc(1, sizeof *a);
    *a = *s;
    record_own(store_record_account(), a);
    q->admin.accounts =
        realloc(q->admin.accounts, (q->admin.n_accounts + 1) * sizeof *q->admin.accounts);
    must(q->admin.accounts);
    q->admin.accounts[q->admin.n_accounts++] = a;
}

void accounts_each(struct queue *q, void (*fn)(void *arg, const struct store_account *a), void *arg)
{
    for (size_t i = 0; i < q->admin.n_accounts; i++) {
        fn(arg, q->admin.accounts[i]);
    }
}

static void accounts_load_one(void *arg, const struct store_account *s)
{
    accounts_add(arg, s);
}

static void accounts_on_loaded(void *arg, enum store_result result)
{
    struct queue *q = arg;
    if (result != STORE_OK) {
        log_error("accounts-not-loaded",
                  KV("what", "the accounts cannot be read; ending to try again"));
        exit(1);
    }
    for (size_t i = 0; i < LOGIN_MAX; i++) {
        if (q->admin.logins[i]) {
            accounts_hand_over(q, q->admin.logins[i]);
        }
    }
    q->admin.accounts_loaded = true;
}

void accounts_load(struct queue *q)
{
    store_read(q->store, &(struct store_query){.what = STORE_ACCOUNTS},
               &(struct store_rows){.arg = q,
                                    .account = accounts_load_one,
                                    .done = accounts_on_loaded});
}

void accounts_hand_over(struct queue *q, struct ipc_channel *to)
{
    for (size_t i = 0; i < q->admin.n_accounts; i++) {
        const struct ipc_msg m = row_of(q->admin.accounts[i], true);
        ipc_send(to, &m);
    }
    const struct str decoys =
        str_from((const char *)q->pickup.decoy_secret, sizeof q->pickup.decoy_secret);
    ipc_send(to,
             &(struct ipc_msg){.type = IPC_accounts_loaded, .accounts_loaded = {.decoys = decoys}});
}

static void accounts_save(struct queue *q, const struct store_account *a)
{
    store_put_account(q->store, a);
    const struct ipc_msg m = row_of(a, true);
    accounts_tell_all(q, &m);
}

static void accounts_replace(struct str *text, struct str by)
{
    char *copy = str_dup(by);
    free((char *)(uintptr_t)text->p);
    *text = str_from(copy, by.n);
}

/* Argument "add|set TAB name", data "hash TAB scram TAB addresses"; for set, empty parts stay as
 * they are. */
static const char *accounts_put(struct queue *q, struct str argument, struct str data)
{
    struct str how, name = argument, hash, scram, addresses = data;
    if (!str_split(&name, '\t', &how) || !str_split(&addresses, '\t', &hash) || !addresses.p ||
        !str_split(&addresses, '\t', &scram) || name.n == 0 || name.n > 255 || addresses.n > 4000) {
        return "the request is not understood";
    }
    bool is_new = str_eq(how, STR("add"));
    struct store_account *a = accounts_find(q, name);
    if (is_new == (a != NULL)) {
        return is_new ? "there is an account of this name already"
                      : "there is no account of this name";
    }
    if (is_new) {
        accounts_add(q, &(struct store_account){
                            .name = name,
                            .hash = hash,
                            .scram = scram,
                            .addresses = addresses,
                            .enabled = true,
                        });
        a = q->admin.accounts[q->admin.n_accounts - 1];
    } else {
        if (hash.n > 0) {
            accounts_replace(&a->hash, hash);
            guessing_forget_account(q, name); /* who knew the old one is a stranger */
            accounts_replace(&a->scram, scram);
        }
        if (addresses.n > 0) {
            accounts_replace(&a->addresses, addresses);
        }
    }
    a->changed_ms = clock_wall_ms();
    accounts_save(q, a);
    return NULL;
}

static const char *accounts_change(struct queue *q, enum admin_verb verb, struct str name)
{
    struct store_account *a = accounts_find(q, name);
    if (!a) {
        return "there is no account of this name";
    }
    if (verb != ADMIN_ACCOUNT_DROP) {
        a->enabled = verb == ADMIN_ACCOUNT_ENABLE;
        a->changed_ms = clock_wall_ms();
        accounts_save(q, a);
        return NULL;
    }
    store_drop_account(q->store, a->name);
    guessing_forget_account(q, a->name);
    const struct ipc_msg gone = {.type = IPC_account_gone, .account_gone = {.name = a->name}};
    accounts_tell_all(q, &gone);
    for (size_t i = 0; i < q->admin.n_accounts; i++) {
        if (q->admin.accounts[i] == a) {
            q->admin.accounts[i] = q->admin.accounts[--q->admin.n_accounts];
        }
    }
    record_free(store_record_account(), a);
    free(a);
    return NULL;
}

struct forgiving {
    struct queue *q;
    struct str name, client;
    int64_t wait_ms;
};

static void forgive_addresses(void *arg, const struct store_account *a)
{
    struct forgiving *f = arg;
    struct str rest = a->addresses, one;
    while (address_same(a->name, f->name) && rest.n > 0 && str_split(&rest, ' ', &one)) {
        int64_t wait = one.n > 0 && one.p[0] != '@' ? guessing_forgive(f->q, one, f->client) : 0;
        f->wait_ms = wait > f->wait_ms ? wait : f->wait_ms;
    }
}

/* Argument "name", data the client's address or nothing. The answer's text: the seconds that a
 * stranger would have had to wait. The name may be a directory's, or of somebody outside who wants
 * a code: nobody here knows them all. */
static void accounts_forgive(struct queue *q, struct ipc_channel *ch, struct str name,
                             struct str client)
{
    char seconds[24];
    struct forgiving f = {q, name, client, guessing_forgive(q, name, client)};
    accounts_each(q, forgive_addresses, &f);
    snprintf(seconds, sizeof seconds, "%lld", (long long)((f.wait_ms + 999) / 1000));
    ipc_send(ch, &(struct ipc_msg){.type = IPC_admin_done,
                                   .admin_done = {.ok = true, .text = str_c(seconds)}});
}

/* --- refusals ----------------------------------------------------------- */

void accounts_on_refusal(void *owner, struct ipc_channel *ch, const struct ipc_refusal *r)
{
    struct queue *q = owner;
    int64_t hour = clock_wall_ms() / (60 * 60 * 1000);
    q->admin.refusals_in_hour = hour == q->admin.refusal_hour ? q->admin.refusals_in_hour + 1 : 1;
    q->admin.refusal_hour = hour;
    if (q->admin.refusals_in_hour > REFUSALS_AN_HOUR) {
        return; /* a stranger who says MAIL all day must not fill the store; the log has them all */
    }
    struct store_refusal refusal;
    RECORD_COPY(refusal, &refusal, r);
    store_add_refusal(q->store, &refusal);
}

static void send_refusal(void *arg, const struct store_refusal *r)
{
    const struct walk *w = arg;
    struct ipc_msg m = {.type = IPC_refusal};
    RECORD_COPY(refusal, &m.refusal, r);
    ipc_send(w->to, &m);
}

static void accounts_done(struct ipc_channel *ch, const char *problem)
{
    ipc_send(ch, &(struct ipc_msg){.type = IPC_admin_done,
                                   .admin_done = {.ok = !problem, .text = str_c(problem)}});
}

bool admin_accounts(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                    const struct ipc_admin *a)
{
    const char *problem = NULL;
    if (verb == ADMIN_ACCOUNTS) {
        for (size_t i = 0; i < q->admin.n_accounts; i++) {
            const struct ipc_msg m = row_of(q->admin.accounts[i], false);
            ipc_send(ch, &m);
        }
        accounts_done(ch, NULL);
    } else if (verb == ADMIN_ACCOUNT_PUT) {
        problem = accounts_put(q, a->argument, a->data);
        accounts_done(ch, problem);
    } else if (verb == ADMIN_ACCOUNT_DROP || verb == ADMIN_ACCOUNT_ENABLE ||
               verb == ADMIN_ACCOUNT_DISABLE) {
        problem = accounts_change(q, verb, a->argument);
        accounts_done(ch, problem);
    } else if (verb == ADMIN_ACCOUNT_FORGIVE) {
        accounts_forgive(q, ch, a->argument, a->data);
    } else if (verb == ADMIN_REFUSALS) {
        walk_start(q, ch, STR(""),
                   &(struct store_query){.what = STORE_REFUSALS, .max = REFUSALS_SHOWN}, 1,
                   &(struct store_rows){.refusal = send_refusal});
    } else {
        return false;
    }
    if (admin_verb_is_act(verb) && !problem) {
        const struct acting who = acts_who(ch);
        struct str how = STR(""), name = a->argument;
        if (verb == ADMIN_ACCOUNT_PUT) {
            (void)str_split(&name, '\t', &how);
        } else if (verb == ADMIN_ACCOUNT_FORGIVE) {
            how = a->data;
        }
        acts_add(q, &who, verb, name, how);
    }
    return true;
}
