/* SPDX-License-Identifier: Apache-2.0
 * sqlite_rows.c: records and rows, by the names of their fields; and what an entry does to the
 * rows of messages, recipients and attempts, in the open transaction. Called by sqlite_read.c,
 * by sqlite_intents.c where the batch goes to the tables itself, and by sqlite_settle.c.
 */
#include "store/sqlite_priv.h"

#include <stdio.h>

/* --- rows and records --------------------------------------------------- */

enum { NOWHERE = -1 };

static int8_t parameter_of(sqlite3_stmt *q, const char *name)
{
    char mark[64];
    snprintf(mark, sizeof mark, ":%s", name);
    int at = sqlite3_bind_parameter_index(q, mark);
    return (int8_t)(at > 0 ? at : NOWHERE);
}

static int8_t column_of(sqlite3_stmt *q, const char *name)
{
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        if (strcmp(sqlite3_column_name(q, i), name) == 0) {
            return (int8_t)i;
        }
    }
    return NOWHERE;
}

static const struct bound *sqlite_rows_look_up(struct bound *b, const struct record *r,
                                               sqlite3_stmt *q,
                                               int8_t (*of)(sqlite3_stmt *q, const char *name))
{
    must(!b->record || b->record == r);
    if (!b->record) {
        b->record = r;
        for (size_t i = 0; i < r->n; i++) {
            b->at[i] = of(q, r->fields[i].name);
        }
    }
    return b;
}

/* 0: the table gives it. */
static void bind_serial(sqlite3_stmt *q, int at, uint64_t value)
{
    if (value == 0) {
        sqlite3_bind_null(q, at);
    } else {
        bind_int(q, at, value);
    }
}

void store_bind(struct store *s, enum statement which, const struct record *r, const void *from)
{
    sqlite3_stmt *q = s->q[which];
    const struct bound *b = sqlite_rows_look_up(&s->parameters[which], r, q, parameter_of);
    for (size_t i = 0; i < r->n; i++) {
        const struct record_field *f = &r->fields[i];
        int at = b->at[i];
        if (at == NOWHERE) {
            continue;
        }
        switch (f->class) {
        case FIELD_SERIAL:
            bind_serial(q, at, record_number(f, from));
            break;
        case FIELD_KEY:
        case FIELD_NUMBER:
        case FIELD_FLAG:
            bind_int(q, at, record_number(f, from));
            break;
        case FIELD_TEXT:
            bind_str(q, at, *record_str_of(f, from));
            break;
        case FIELD_OCTETS:
            bind_blob(q, at, *record_str_of(f, from));
            break;
        }
    }
}

static void read_field(sqlite3_stmt *q, const struct record_field *f, int at, void *to)
{
    if (record_is_text(f)) {
        *record_str(f, to) = at == NOWHERE ? STR("") : column_str(q, at);
    } else {
        record_set_number(f, to, at == NOWHERE ? 0 : column_int(q, at));
    }
}

void store_read_row(struct store *s, enum statement which, const struct record *r, void *to)
{
    sqlite3_stmt *q = s->q[which];
    const struct bound *b = sqlite_rows_look_up(&s->columns[which], r, q, column_of);
    for (size_t i = 0; i < r->n; i++) {
        read_field(q, &r->fields[i], b->at[i], to);
    }
}

void store_read_columns(sqlite3_stmt *q, const struct record *r, void *to)
{
    for (size_t i = 0; i < r->n; i++) {
        read_field(q, &r->fields[i], column_of(q, r->fields[i].name), to);
    }
}

uint64_t store_column(sqlite3_stmt *q, const char *name)
{
    int at = column_of(q, name);
    must(at != NOWHERE);
    return column_int(q, at);
}

void store_put(struct store *s, enum statement which, const struct record *r, const void *from)
{
    if (store_in_batch(s)) {
        store_bind(s, which, r, from);
        store_run(s, which);
    }
}

void store_bind_more(struct store *s, enum statement which, const char *mark, uint64_t value)
{
    bind_int(s->q[which], sqlite3_bind_parameter_index(s->q[which], mark), value);
}

/* --- what entries do ---------------------------------------------------- */

/* released: nobody needs its body any more. */
void store_add_message(struct store *s, const struct store_message *m, bool released)
{
    struct store_message row = *m;
    if (released) {
        row.sealed_key = STR("");
        row.spool = STR("");
    }
    store_bind(s, Q_ADD_MESSAGE, store_record_message(), &row);
    store_bind_more(s, Q_ADD_MESSAGE, ":has_body", !released);
    store_run(s, Q_ADD_MESSAGE);
    if (m->spool.n == 0 && !released) {
        const struct store_body body = {.id = m->id, .sealed = m->body};
        store_bind(s, Q_ADD_BODY, store_record_body(), &body);
        store_run(s, Q_ADD_BODY);
    }
}

/* One of the statements that write a recipient's fields. */
static void run_rcpt(struct store *s, enum statement which, const struct store_rcpt *r)
{
    store_bind(s, which, store_record_rcpt(), r);
    store_run(s, which);
}

void store_add_rcpt(struct store *s, const struct store_rcpt *r)
{
    run_rcpt(s, Q_ADD_RCPT, r);
}

static void set_decided(struct store *s, const struct store_rcpt *r)
{
    run_rcpt(s, Q_DECIDED, r);
    run_rcpt(s, Q_SET_RCPT, r);
}

static void add_attempt(struct store *s, const struct store_attempt *a)
{
    store_bind(s, Q_ADD_ATTEMPT, store_record_attempt(), a);
    store_run(s, Q_ADD_ATTEMPT);
}

static void put_inspection(struct store *s, const struct entry_inspected *i)
{
    store_bind(s, Q_PUT_INSPECTION, store_record_inspection(), i);
    store_run(s, Q_PUT_INSPECTION);
}

static void set_bounced(struct store *s, const struct store_rcpt *r)
{
    bind_int(s->q[Q_SET_BOUNCED], 1, r->rcpt);
    bind_int(s->q[Q_SET_BOUNCED], 2, r->id);
    store_run(s, Q_SET_BOUNCED);
}

void store_unlink_later(struct store *s, struct str spool)
{
    if (spool.n > 0) {
        /* else: swept later */
        (void)!(buf_add(&s->unlink_pending, spool) || buf_append(&s->unlink_pending, "", 1));
    }
}

static void sqlite_rows_release(struct store *s, uint64_t id)
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
        store_unlink_later(s, column_str(q, 0));
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
        run_rcpt(s, Q_SET_RCPT, &e->rcpt);
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
        sqlite_rows_release(s, e->id);
        break;
    }
}
