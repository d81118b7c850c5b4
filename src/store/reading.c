/* SPDX-License-Identifier: Apache-2.0
 * reading.c: the border's own half: what is read and what was committed waits here until the
 * caller's turn ends, whatever the engine is. Called by queue and its tests.
 */
#include "store/engine.h"
#include "store/sqlite_priv.h"

#include <stdlib.h>

/* Readings of one turn: more of them take the next one, so that others are heard meanwhile. */
enum { TURN_READINGS = 2000 };

struct store_reading {
    struct link link;
    struct store *store;
    struct store_rows rows;
    bool is_number; /* no reading: how many rows a change found */
    uint64_t number;
    size_t n;
    struct store_query queries[]; /* their texts behind them */
};

void store_use_engine(struct store *s, const struct store_engine *e)
{
    s->engine = e;
}

/* A query whose rows nobody takes is a mistake of ours. */
static void check_query(const struct store_query *q, const struct store_rows *rows)
{
#define QUERY_TAKES(name, row) [STORE_##name] = rows->row != NULL,
    const bool takes[STORE_QUERY_END] = {STORE_QUERIES(QUERY_TAKES)};
    must(q->what < STORE_QUERY_END && takes[q->what] && rows->done);
}

struct store_reading *store_read(struct store *s, const struct store_query *query,
                                 const struct store_rows *rows)
{
    return store_read_all(s, query, 1, rows);
}

struct store_reading *store_read_all(struct store *s, const struct store_query *queries, size_t n,
                                     const struct store_rows *rows)
{
    size_t texts = 0;
    for (size_t i = 0; i < n; i++) {
        texts += queries[i].text.n;
    }
    struct store_reading *r = err_calloc(1, sizeof *r + n * sizeof r->queries[0] + texts);
    char *at = (char *)&r->queries[n];
    r->store = s;
    r->rows = *rows;
    r->n = n;
    for (size_t i = 0; i < n; i++) {
        check_query(&queries[i], rows);
        r->queries[i] = queries[i];
        if (queries[i].text.n > 0) {
            memcpy(at, queries[i].text.p, queries[i].text.n);
        }
        r->queries[i].text = str_from(at, queries[i].text.n);
        at += queries[i].text.n;
    }
    list_append(&s->readings, &r->link);
    s->n_readings++;
    return r;
}

void store_answer_number(struct store *s, uint64_t n, store_number_fn fn, void *arg)
{
    if (fn) {
        struct store_reading *r = err_calloc(1, sizeof *r);
        *r = (struct store_reading){.store = s, .is_number = true, .number = n};
        r->rows = (struct store_rows){.arg = arg, .number = fn};
        list_append(&s->readings, &r->link);
        s->n_readings++;
    }
}

static void reading_take(struct store_reading *r)
{
    must(list_linked(&r->link)); /* not from a function of its own */
    list_remove(&r->link);
    r->store->n_readings--;
}

void store_cancel(struct store_reading *r)
{
    if (r) {
        reading_take(r);
        free(r);
    }
}

static void reading_answer(struct store *s, struct store_reading *r)
{
    enum store_result result = STORE_OK;
    reading_take(r);
    for (size_t i = 0; i < r->n && result == STORE_OK; i++) {
        const struct store_query *q = &r->queries[i];
        if (q->what == STORE_DUE || q->what == STORE_BOUNCE_DUE) {
            store_flush(s); /* what is gathered is promised to nobody yet */
        }
        result = s->engine->read(s, q, &r->rows);
    }
    if (r->is_number) {
        r->rows.number(r->rows.arg, r->number);
    } else {
        r->rows.done(r->rows.arg, result);
    }
    free(r);
}

static struct store_reading *reading_at(struct store *s, size_t n)
{
    struct link *at = s->readings.next;
    for (; n > 0; n--) {
        at = at->next;
    }
    return LIST_OF(at, struct store_reading, link);
}

size_t store_turn(struct store *s)
{
    size_t n = store_tell(s);
    for (unsigned i = 0; i < TURN_READINGS && s->n_readings > 0; i++) {
        size_t next = s->engine->next(s, s->n_readings);
        if (next >= s->n_readings) {
            break;
        }
        reading_answer(s, reading_at(s, next));
        n++;
    }
    return n;
}

bool store_is_asked(const struct store *s)
{
    return s->n_readings > 0 || s->n_told > 0;
}

void store_finish(struct store *s)
{
    while (store_is_asked(s)) {
        (void)store_turn(s);
    }
}

void store_end_readings(struct store *s)
{
    while (s->n_readings > 0) {
        store_cancel(reading_at(s, 0));
    }
}

/* --- what was committed ------------------------------------------------- */

void store_tell_later(struct store *s, enum store_result result)
{
    struct commit *c = err_calloc(1, sizeof *c);
    *c = (struct commit){.result = result, .completions = s->completions, .n = s->n_completions};
    s->completions = NULL;
    s->n_completions = s->cap_completions = s->n_urgent = 0;
    list_append(&s->told, &c->link);
    s->n_told++;
}

size_t store_tell(struct store *s)
{
    size_t n = 0;
    while (s->n_told > 0 && s->engine->told(s)) {
        struct commit *c = LIST_OF(s->told.next, struct commit, link);
        list_remove(&c->link);
        s->n_told--;
        for (size_t i = 0; i < c->n; i++) {
            c->completions[i].done(c->completions[i].arg, c->result);
        }
        n += c->n;
        free(c->completions);
        free(c);
    }
    return n;
}
