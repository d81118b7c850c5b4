/* SPDX-License-Identifier: Apache-2.0
 * sqlite_rows.c: what an entry does to the rows of messages, recipients and attempts, in the open transaction. Called by
 * sqlite_intents.c where the batch goes to the tables itself, and by sqlite_settle.c.
 */
#include "store/sqlite_priv.h"

/* released: nobody needs its body any more. */
void store_add_message(struct store *s, const struct store_message *m, bool released)
{
    sqlite3_stmt *q = s->q[Q_ADD_MESSAGE];
    bind_int(q, 1, m->id);
    bind_int(q, 2, m->bounce_of);
    bind_str(q, 3, m->reverse_path);
    bind_int(q, 4, (uint64_t)m->arrived_ms);
    bind_int(q, 5, m->size);
    bind_int(q, 6, m->is_8bit);
    bind_int(q, 7, m->is_utf8);
    bind_str(q, 8, m->client);
    bind_str(q, 9, m->helo);
    bind_str(q, 10, m->protocol);
    bind_str(q, 11, m->tls_version);
    bind_str(q, 12, m->tls_cipher);
    bind_int(q, 13, m->tls_bits);
    bind_blob(q, 14, released ? STR("") : m->sealed_key);
    bind_str(q, 15, released ? STR("") : m->spool);
    bind_int(q, 16, !released);
    bind_int(q, 17, m->reqtls);
    bind_int(q, 18, m->tls_required_no);
    bind_int(q, 19, m->report);
    bind_int(q, 20, m->is_binary);
    bind_int(q, 21, m->ret);
    bind_str(q, 22, m->envid);
    bind_str(q, 23, m->login);
    bind_str(q, 24, m->certificate);
    bind_str(q, 25, m->tls_group);
    bind_int(q, 26, m->repaired);
    store_run(s, Q_ADD_MESSAGE);
    if (m->spool.n == 0 && !released) {
        bind_int(s->q[Q_ADD_BODY], 1, m->id);
        bind_blob(s->q[Q_ADD_BODY], 2, m->body);
        store_run(s, Q_ADD_BODY);
    }
}

void store_add_rcpt(struct store *s, const struct store_rcpt *r)
{
    sqlite3_stmt *q = s->q[Q_ADD_RCPT];
    bind_int(q, 1, r->rcpt);
    bind_int(q, 2, r->id);
    bind_str(q, 3, r->forward_path);
    bind_str(q, 4, r->next_hop);
    bind_int(q, 5, r->state);
    bind_int(q, 6, r->attempts);
    bind_int(q, 7, (uint64_t)r->next_ms);
    bind_int(q, 8, (uint64_t)r->last_ms);
    bind_int(q, 9, r->reason);
    bind_str(q, 10, r->code);
    bind_str(q, 11, r->reply);
    bind_str(q, 12, r->host);
    bind_int(q, 13, r->bounced);
    bind_int(q, 14, r->tls_offered);
    bind_int(q, 15, r->notice);
    bind_int(q, 16, r->notify);
    bind_str(q, 17, r->orcpt);
    bind_str(q, 18, r->protection);
    store_run(s, Q_ADD_RCPT);
}

static void set_rcpt(struct store *s, const struct store_rcpt *r)
{
    sqlite3_stmt *q = s->q[Q_SET_RCPT];
    bind_int(q, 1, r->state);
    bind_int(q, 2, r->attempts);
    bind_int(q, 3, (uint64_t)r->next_ms);
    bind_int(q, 4, (uint64_t)r->last_ms);
    bind_int(q, 5, r->reason);
    bind_str(q, 6, r->code);
    bind_str(q, 7, r->reply);
    bind_str(q, 8, r->host);
    bind_int(q, 9, r->bounced);
    bind_int(q, 10, r->tls_offered);
    bind_int(q, 11, r->notice);
    bind_str(q, 12, r->protection);
    bind_int(q, 13, r->rcpt);
    store_run(s, Q_SET_RCPT);
}

static void set_decided(struct store *s, const struct store_rcpt *r)
{
    sqlite3_stmt *q = s->q[Q_DECIDED];
    bind_str(q, 1, r->next_hop);
    bind_str(q, 2, r->protection);
    bind_int(q, 3, r->rcpt);
    store_run(s, Q_DECIDED);
    set_rcpt(s, r);
}

static void add_attempt(struct store *s, const struct store_attempt *a)
{
    sqlite3_stmt *q = s->q[Q_ADD_ATTEMPT];
    const uint64_t numbers[] = {a->port, a->mx, a->sess, a->action, a->grade,
                                a->floor, a->reason, a->raised, a->reused};
    bind_int(q, 1, a->id);
    bind_str(q, 2, a->rcpts);
    bind_int(q, 3, (uint64_t)a->at_ms);
    bind_int(q, 4, a->took_ms);
    bind_str(q, 5, a->host);
    bind_str(q, 6, a->address);
    for (int i = 0; i < 9; i++) {
        bind_int(q, 7 + i, numbers[i]);
    }
    bind_str(q, 16, a->tls_version);
    bind_str(q, 17, a->tls_cipher);
    bind_int(q, 18, a->tls_bits);
    bind_str(q, 19, a->tls_group);
    bind_str(q, 20, a->tls_signature);
    bind_str(q, 21, a->peer_key);
    bind_str(q, 22, a->cert_check);
    bind_str(q, 23, a->cert_subject);
    bind_str(q, 24, a->cert_issuer);
    bind_str(q, 25, a->cert_fingerprint);
    bind_int(q, 26, (uint64_t)a->cert_not_after);
    bind_str(q, 27, a->detail);
    bind_int(q, 28, a->tlsa);
    bind_int(q, 29, a->sts);
    bind_str(q, 30, a->dane_check);
    bind_str(q, 31, a->exception);
    store_run(s, Q_ADD_ATTEMPT);
}

static void put_inspection(struct store *s, const struct entry_inspected *i)
{
    sqlite3_stmt *q = s->q[Q_PUT_INSPECTION];
    bind_int(q, 1, i->id);
    bind_int(q, 2, (uint64_t)i->at_ms);
    bind_str(q, 3, i->facts);
    store_run(s, Q_PUT_INSPECTION);
}

static void set_bounced(struct store *s, const struct store_rcpt *r)
{
    bind_int(s->q[Q_SET_BOUNCED], 1, r->rcpt);
    bind_int(s->q[Q_SET_BOUNCED], 2, r->id);
    store_run(s, Q_SET_BOUNCED);
}

void store_doom(struct store *s, struct str spool)
{
    if (spool.n > 0) {
        (void)!(buf_add(&s->doomed, spool) || buf_append(&s->doomed, "", 1)); /* else: swept later */
    }
}

static void release(struct store *s, uint64_t id)
{
    sqlite3_stmt *q = s->q[Q_NEEDS_BODY];
    bind_int(q, 1, id);
    int code = sqlite3_step(q);
    sqlite3_reset(q);
    if (code != SQLITE_DONE) { /* needed; or not known: then nothing of the batch may hold */
        s->batch_failed |= code != SQLITE_ROW;
        s->batch_result = code != SQLITE_ROW ? result_of(code) : s->batch_result;
        return;
    }
    q = s->q[Q_GET_SPOOL];
    bind_int(q, 1, id);
    if (sqlite3_step(q) == SQLITE_ROW) {
        store_doom(s, column_str(q, 0));
    }
    sqlite3_reset(q);
    bind_int(s->q[Q_DROP_BODY], 1, id);
    store_run(s, Q_DROP_BODY);
    bind_int(s->q[Q_FORGET_BODY], 1, id);
    store_run(s, Q_FORGET_BODY);
}

void store_apply(struct store *s, const struct entry *e)
{
    if (s->batch_failed) {
        return;
    }
    switch (e->kind) {
    case ENTRY_MESSAGE_11: /* read as... */
    case ENTRY_MESSAGE_12:
    case ENTRY_MESSAGE:
        store_add_message(s, &e->message, false);
        break;
    case ENTRY_RCPT:
        store_add_rcpt(s, &e->rcpt);
        break;
    case ENTRY_BOUNCED:
        set_bounced(s, &e->rcpt);
        break;
    case ENTRY_OUTCOME:
        set_rcpt(s, &e->rcpt);
        break;
    case ENTRY_DECIDED:
        set_decided(s, &e->rcpt);
        break;
    case ENTRY_ATTEMPT:
        add_attempt(s, &e->attempt);
        break;
    case ENTRY_INSPECTED:
        put_inspection(s, &e->inspected);
        break;
    case ENTRY_RELEASE:
        release(s, e->id);
        break;
    }
}
