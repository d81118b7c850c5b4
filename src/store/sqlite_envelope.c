/* SPDX-License-Identifier: Apache-2.0
 * sqlite_envelope.c: what waits in the portal, in the embedded store. Called by queue and its
 * tests.
 */
#include "store/envelope.h"
#include "store/sqlite_priv.h"

void store_put_envelope(struct store *s, const struct store_envelope *e)
{
    sqlite3_stmt *q = s->q[Q_PUT_ENVELOPE];
    if (!store_in_batch(s)) {
        return;
    }
    bind_int(q, 1, e->envelope);
    bind_int(q, 2, e->id);
    bind_int(q, 3, e->rcpt);
    bind_str(q, 4, e->address);
    bind_str(q, 5, e->sender);
    bind_str(q, 6, e->sender_name);
    bind_int(q, 7, (uint64_t)e->made_ms);
    bind_int(q, 8, (uint64_t)e->expires_ms);
    bind_int(q, 9, e->level);
    bind_int(q, 10, e->state);
    bind_int(q, 11, e->sealed);
    bind_int(q, 12, e->legal_hold);
    bind_blob(q, 13, e->sealed_key);
    bind_int(q, 14, e->attachments);
    bind_int(q, 15, e->octets);
    bind_int(q, 16, (uint64_t)e->notice_due_ms);
    bind_int(q, 17, e->notice_kind);
    bind_int(q, 18, e->notice_id);
    bind_int(q, 19, (uint64_t)e->opened_ms);
    bind_int(q, 20, (uint64_t)e->replied_ms);
    bind_int(q, 21, e->reminders);
    bind_str(q, 22, e->thread);
    bind_str(q, 23, e->subject);
    bind_int(q, 24, e->least);
    store_run(s, Q_PUT_ENVELOPE);
}

static void read_envelope(sqlite3_stmt *q, struct store_envelope *e)
{
    *e = (struct store_envelope){
        .envelope = column_int(q, 0),
        .id = column_int(q, 1),
        .rcpt = column_int(q, 2),
        .address = column_str(q, 3),
        .sender = column_str(q, 4),
        .sender_name = column_str(q, 5),
        .made_ms = (int64_t)column_int(q, 6),
        .expires_ms = (int64_t)column_int(q, 7),
        .level = (uint8_t)column_int(q, 8),
        .state = (uint8_t)column_int(q, 9),
        .sealed = column_int(q, 10) != 0,
        .legal_hold = column_int(q, 11) != 0,
        .sealed_key = column_str(q, 12),
        .attachments = (uint32_t)column_int(q, 13),
        .octets = column_int(q, 14),
        .notice_due_ms = (int64_t)column_int(q, 15),
        .notice_kind = (uint8_t)column_int(q, 16),
        .notice_id = column_int(q, 17),
        .opened_ms = (int64_t)column_int(q, 18),
        .replied_ms = (int64_t)column_int(q, 19),
        .reminders = (uint32_t)column_int(q, 20),
        .thread = column_str(q, 21),
        .subject = column_str(q, 22),
        .least = (uint8_t)column_int(q, 23),
    };
}

/* fn copies what it needs: it must not walk the same way again, and changes wait until the walk
 * is over. */
static enum store_result sqlite_envelope_walk(struct store *s, sqlite3_stmt *q,
                                              store_envelope_fn fn, void *arg)
{
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_envelope e;
        read_envelope(q, &e);
        fn(arg, &e);
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

enum store_result store_envelopes(struct store *s, enum envelope_by by, uint64_t number,
                                  store_envelope_fn fn, void *arg)
{
    static const enum statement which[ENVELOPE_BY_END] = {Q_ENVELOPE_NUMBER, Q_ENVELOPE_RCPT,
                                                          Q_ENVELOPE_MESSAGE, Q_ENVELOPE_NOTICE};
    sqlite3_stmt *q = s->q[which[by]];
    bind_int(q, 1, number);
    return sqlite_envelope_walk(s, q, fn, arg);
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
    return sqlite_envelope_walk(s, q, fn, arg);
}

enum store_result store_each_envelope(struct store *s, unsigned max, store_envelope_fn fn,
                                      void *arg)
{
    bind_int(s->q[Q_ENVELOPES], 1, max);
    return sqlite_envelope_walk(s, s->q[Q_ENVELOPES], fn, arg);
}

enum store_result store_envelopes_due(struct store *s, enum envelope_due which, int64_t now_ms,
                                      unsigned max, store_envelope_fn fn, void *arg)
{
    static const enum statement due[ENVELOPE_DUE_END] = {Q_ENVELOPE_NOTICE_DUE, Q_ENVELOPE_OVER,
                                                         Q_ENVELOPE_UNREAD};
    sqlite3_stmt *q = s->q[due[which]];
    bind_int(q, 1, (uint64_t)now_ms);
    bind_int(q, 2, max);
    return sqlite_envelope_walk(s, q, fn, arg);
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
    if (store_in_batch(s)) {
        bind_blob(s->q[Q_PUT_TOKEN], 1, hash);
        bind_int(s->q[Q_PUT_TOKEN], 2, envelope);
        store_run(s, Q_PUT_TOKEN);
    }
}

void store_put_view(struct store *s, uint64_t id, struct str sealed)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_PUT_VIEW], 1, id);
        bind_blob(s->q[Q_PUT_VIEW], 2, sealed);
        store_run(s, Q_PUT_VIEW);
    }
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

static void add_event(struct store *s, enum statement which, const struct store_envelope_event *e)
{
    sqlite3_stmt *q = s->q[which];
    bind_int(q, 1, e->envelope);
    bind_int(q, 2, (uint64_t)e->at_ms);
    bind_int(q, 3, e->kind);
    bind_str(q, 4, e->who);
    bind_str(q, 5, e->detail);
    store_run(s, which);
}

void store_add_envelope_event(struct store *s, const struct store_envelope_event *e)
{
    if (store_in_batch(s)) {
        add_event(s, Q_ADD_EVENT, e);
    }
}

void store_add_envelope_reading(struct store *s, const struct store_envelope_event *e)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_ADD_READING], 6, ENVELOPE_EVENTS_MAX);
        add_event(s, Q_ADD_READING, e);
    }
}

enum store_result store_envelope_events(struct store *s, uint64_t envelope, unsigned max,
                                        store_envelope_event_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_EVENTS];
    int code;
    bind_int(q, 1, envelope);
    bind_int(q, 2, max);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_envelope_event){
                    .envelope = column_int(q, 0),
                    .at_ms = (int64_t)column_int(q, 1),
                    .kind = (uint8_t)column_int(q, 2),
                    .who = column_str(q, 3),
                    .detail = column_str(q, 4),
                });
    }
    sqlite3_reset(q);
    return store_walked(s, code);
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
    sqlite3_stmt *q = s->q[Q_PUT_PASS];
    if (store_in_batch(s)) {
        bind_blob(q, 1, p->hash);
        bind_int(q, 2, p->kind);
        bind_str(q, 3, p->address);
        bind_int(q, 4, p->envelope);
        bind_int(q, 5, p->level);
        bind_int(q, 6, (uint64_t)p->made_ms);
        bind_int(q, 7, (uint64_t)p->until_ms);
        store_run(s, Q_PUT_PASS);
    }
}

enum store_result store_get_pass(struct store *s, struct str hash, store_pass_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_PASS];
    bind_blob(q, 1, hash);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        fn(arg, &(struct store_pass){
                    .hash = column_str(q, 0),
                    .kind = (uint8_t)column_int(q, 1),
                    .address = column_str(q, 2),
                    .envelope = column_int(q, 3),
                    .level = (uint8_t)column_int(q, 4),
                    .made_ms = (int64_t)column_int(q, 5),
                    .until_ms = (int64_t)column_int(q, 6),
                });
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
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
    sqlite3_stmt *q = s->q[Q_PUT_PERSON];
    if (store_in_batch(s)) {
        bind_str(q, 1, p->address);
        bind_str(q, 2, p->phrase);
        bind_str(q, 3, p->agreed);
        bind_str(q, 4, p->language);
        store_run(s, Q_PUT_PERSON);
    }
}

enum store_result store_get_person(struct store *s, struct str address, store_person_fn fn,
                                   void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_PERSON];
    bind_str(q, 1, address);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        fn(arg, &(struct store_person){
                    .address = column_str(q, 0),
                    .phrase = column_str(q, 1),
                    .agreed = column_str(q, 2),
                    .language = column_str(q, 3),
                });
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_put_passkey(struct store *s, const struct store_passkey *k)
{
    sqlite3_stmt *q = s->q[Q_PUT_PASSKEY];
    if (store_in_batch(s)) {
        bind_blob(q, 1, k->id);
        bind_str(q, 2, k->address);
        bind_int(q, 3, k->algorithm);
        bind_blob(q, 4, k->key);
        bind_int(q, 5, k->uses);
        bind_int(q, 6, (uint64_t)k->made_ms);
        bind_int(q, 7, (uint64_t)k->used_ms);
        store_run(s, Q_PUT_PASSKEY);
    }
}

enum store_result store_passkeys_of(struct store *s, struct str address, store_passkey_fn fn,
                                    void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_PASSKEYS];
    int code;
    bind_str(q, 1, address);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, &(struct store_passkey){
                    .id = column_str(q, 0),
                    .address = column_str(q, 1),
                    .algorithm = (uint8_t)column_int(q, 2),
                    .key = column_str(q, 3),
                    .uses = column_int(q, 4),
                    .made_ms = (int64_t)column_int(q, 5),
                    .used_ms = (int64_t)column_int(q, 6),
                });
    }
    sqlite3_reset(q);
    return store_walked(s, code);
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
    sqlite3_stmt *q = s->q[Q_PUT_THREAD];
    if (store_in_batch(s)) {
        bind_str(q, 1, t->thread);
        bind_str(q, 2, t->inside);
        bind_str(q, 3, t->outside);
        bind_int(q, 4, (uint64_t)t->made_ms);
        bind_int(q, 5, t->lowered);
        store_run(s, Q_PUT_THREAD);
    }
}

enum store_result store_get_thread(struct store *s, struct str thread, store_thread_fn fn,
                                   void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_THREAD];
    bind_str(q, 1, thread);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        fn(arg, &(struct store_thread){
                    .thread = column_str(q, 0),
                    .inside = column_str(q, 1),
                    .outside = column_str(q, 2),
                    .made_ms = (int64_t)column_int(q, 3),
                    .lowered = column_int(q, 4) != 0,
                });
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_put_draft(struct store *s, uint64_t envelope, int64_t at_ms, struct str sealed_key,
                     struct str sealed)
{
    sqlite3_stmt *q = s->q[Q_PUT_DRAFT];
    if (store_in_batch(s)) {
        bind_int(q, 1, envelope);
        bind_int(q, 2, (uint64_t)at_ms);
        bind_blob(q, 3, sealed_key);
        bind_blob(q, 4, sealed);
        store_run(s, Q_PUT_DRAFT);
    }
}

enum store_result store_get_draft(struct store *s, uint64_t envelope, store_draft_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_DRAFT];
    bind_int(q, 1, envelope);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        fn(arg, column_str(q, 0), column_str(q, 1));
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_drop_draft(struct store *s, uint64_t envelope)
{
    run_for(s, Q_DROP_DRAFT, envelope);
}
