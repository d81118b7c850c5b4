/* SPDX-License-Identifier: Apache-2.0
 * sqlite_envelope.c: what waits in the portal, in the embedded store. Called by queue and its
 * tests.
 */
#include "store/envelope.h"
#include "store/embedded.h"
#include "store/sqlite_priv.h"

STORE_WALK(envelope)
STORE_WALK(envelope_event)
STORE_WALK(passkey)
STORE_GET_ONE(pass)
STORE_GET_ONE(person)
STORE_GET_ONE(thread)

void store_put_envelope(struct store *s, const struct store_envelope *e)
{
    store_put(s, Q_PUT_ENVELOPE, store_record_envelope(), e);
}

enum store_result store_envelopes(struct store *s, enum envelope_by by, uint64_t number,
                                  store_envelope_fn fn, void *arg)
{
    static const enum statement which[ENVELOPE_BY_END] = {Q_ENVELOPE_NUMBER, Q_ENVELOPE_RCPT,
                                                          Q_ENVELOPE_MESSAGE, Q_ENVELOPE_NOTICE};
    bind_int(s->q[which[by]], 1, number);
    return walk_envelope(s, which[by], fn, arg);
}

enum store_result store_envelopes_of(struct store *s, enum envelope_of of, struct str key,
                                     unsigned max, store_envelope_fn fn, void *arg)
{
    static const enum statement which[ENVELOPE_OF_END] = {Q_ENVELOPE_TOKEN, Q_ENVELOPE_ADDRESS,
                                                          Q_ENVELOPE_SENDER, Q_ENVELOPE_THREAD};
    sqlite3_stmt *q = s->q[which[of]];
    if (of == ENVELOPE_OF_TOKEN) {
        bind_blob(q, 1, key);
    } else {
        bind_str(q, 1, key);
    }
    bind_int(q, 2, max);
    return walk_envelope(s, which[of], fn, arg);
}

enum store_result store_each_envelope(struct store *s, unsigned max, store_envelope_fn fn,
                                      void *arg)
{
    bind_int(s->q[Q_ENVELOPES], 1, max);
    return walk_envelope(s, Q_ENVELOPES, fn, arg);
}

enum store_result store_envelopes_due(struct store *s, enum envelope_due which, int64_t now_ms,
                                      unsigned max, store_envelope_fn fn, void *arg)
{
    static const enum statement due[ENVELOPE_DUE_END] = {Q_ENVELOPE_NOTICE_DUE, Q_ENVELOPE_OVER,
                                                         Q_ENVELOPE_UNREAD};
    bind_int(s->q[due[which]], 1, (uint64_t)now_ms);
    bind_int(s->q[due[which]], 2, max);
    return walk_envelope(s, due[which], fn, arg);
}

uint64_t store_envelope_octets(struct store *s)
{
    sqlite3_stmt *q = s->q[Q_ENVELOPE_OCTETS];
    uint64_t n = sqlite3_step(q) == SQLITE_ROW ? column_int(q, 0) : 0;
    sqlite3_reset(q);
    return n;
}

/* A statement with one number. */
static void run_for(struct store *s, enum statement which, uint64_t number)
{
    if (store_in_batch(s)) {
        bind_int(s->q[which], 1, number);
        store_run(s, which);
    }
}

void store_put_envelope_token(struct store *s, uint64_t envelope, struct str hash)
{
    const struct store_envelope_token row = {.hash = hash, .envelope = envelope};
    store_put(s, Q_PUT_TOKEN, store_record_envelope_token(), &row);
}

void store_put_view(struct store *s, uint64_t id, struct str sealed)
{
    const struct store_view row = {.id = id, .sealed = sealed};
    store_put(s, Q_PUT_VIEW, store_record_view(), &row);
}

enum store_result store_get_view(struct store *s, uint64_t id, store_view_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_VIEW];
    bind_int(q, 1, id);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        fn(arg, column_str(q, 0));
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_drop_view_if_unused(struct store *s, uint64_t id)
{
    run_for(s, Q_DROP_VIEW, id);
}

void store_drop_key_if_unused(struct store *s, uint64_t id)
{
    run_for(s, Q_DROP_KEY, id);
}

void store_add_envelope_event(struct store *s, const struct store_envelope_event *e)
{
    store_put(s, Q_ADD_EVENT, store_record_envelope_event(), e);
}

void store_add_envelope_reading(struct store *s, const struct store_envelope_event *e)
{
    store_bind_more(s, Q_ADD_READING, ":most", ENVELOPE_EVENTS_MAX);
    store_put(s, Q_ADD_READING, store_record_envelope_event(), e);
}

enum store_result store_envelope_events(struct store *s, uint64_t envelope, unsigned max,
                                        store_envelope_event_fn fn, void *arg)
{
    bind_int(s->q[Q_EVENTS], 1, envelope);
    bind_int(s->q[Q_EVENTS], 2, max);
    return walk_envelope_event(s, Q_EVENTS, fn, arg);
}

void store_forget_envelopes(struct store *s, int64_t before_ms)
{
    run_for(s, Q_FORGET_ENVELOPES, (uint64_t)before_ms);
    run_for(s, Q_FORGET_EVENTS, (uint64_t)before_ms);
    run_for(s, Q_FORGET_TOKENS, 0);
}

/* --- passes, people, conversations, drafts ------------------------------ */

void store_put_pass(struct store *s, const struct store_pass *p)
{
    store_put(s, Q_PUT_PASS, store_record_pass(), p);
}

enum store_result store_get_pass(struct store *s, struct str hash, store_pass_fn fn, void *arg)
{
    bind_blob(s->q[Q_GET_PASS], 1, hash);
    return get_pass(s, Q_GET_PASS, fn, arg);
}

void store_drop_pass(struct store *s, struct str hash)
{
    if (store_in_batch(s)) {
        bind_blob(s->q[Q_DROP_PASS], 1, hash);
        store_run(s, Q_DROP_PASS);
    }
}

void store_drop_passes_of(struct store *s, struct str address)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_DROP_PASSES], 1, address);
        store_run(s, Q_DROP_PASSES);
    }
}

void store_forget_passes(struct store *s, int64_t now_ms)
{
    run_for(s, Q_FORGET_PASSES, (uint64_t)now_ms);
}

void store_put_person(struct store *s, const struct store_person *p)
{
    store_put(s, Q_PUT_PERSON, store_record_person(), p);
}

enum store_result store_get_person(struct store *s, struct str address, store_person_fn fn,
                                   void *arg)
{
    bind_str(s->q[Q_GET_PERSON], 1, address);
    return get_person(s, Q_GET_PERSON, fn, arg);
}

void store_put_passkey(struct store *s, const struct store_passkey *k)
{
    store_put(s, Q_PUT_PASSKEY, store_record_passkey(), k);
}

enum store_result store_passkeys_of(struct store *s, struct str address, store_passkey_fn fn,
                                    void *arg)
{
    bind_str(s->q[Q_GET_PASSKEYS], 1, address);
    return walk_passkey(s, Q_GET_PASSKEYS, fn, arg);
}

bool store_has_passkey(struct store *s, struct str id)
{
    sqlite3_stmt *q = s->q[Q_HAS_PASSKEY];
    bind_blob(q, 1, id);
    bool there = sqlite3_step(q) == SQLITE_ROW;
    sqlite3_reset(q);
    return there;
}

void store_drop_passkey(struct store *s, struct str address, struct str id)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_DROP_PASSKEY], 1, address);
        bind_blob(s->q[Q_DROP_PASSKEY], 2, id);
        store_run(s, Q_DROP_PASSKEY);
    }
}

void store_put_thread(struct store *s, const struct store_thread *t)
{
    store_put(s, Q_PUT_THREAD, store_record_thread(), t);
}

enum store_result store_get_thread(struct store *s, struct str thread, store_thread_fn fn,
                                   void *arg)
{
    bind_str(s->q[Q_GET_THREAD], 1, thread);
    return get_thread(s, Q_GET_THREAD, fn, arg);
}

void store_put_draft(struct store *s, uint64_t envelope, int64_t at_ms, struct str sealed_key,
                     struct str sealed)
{
    const struct store_draft row = {
        .envelope = envelope,
        .at_ms = at_ms,
        .sealed_key = sealed_key,
        .sealed = sealed,
    };
    store_put(s, Q_PUT_DRAFT, store_record_draft(), &row);
}

enum store_result store_get_draft(struct store *s, uint64_t envelope, store_draft_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_DRAFT];
    bind_int(q, 1, envelope);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        struct store_draft row;
        store_read_row(s, Q_GET_DRAFT, store_record_draft(), &row);
        fn(arg, row.sealed_key, row.sealed);
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_drop_draft(struct store *s, uint64_t envelope)
{
    run_for(s, Q_DROP_DRAFT, envelope);
}
