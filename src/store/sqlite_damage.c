/* SPDX-License-Identifier: Apache-2.0
 * sqlite_damage.c: messages that the disk lost. Called by the rest of this folder and by queue.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/sqlite_priv.h"
#include "wire/id.h"

enum { RCPTS_OCTETS = 64 * 1024 };

void store_add_damage(struct store *s, const struct store_damage *d)
{
    if (!store_in_batch(s)) {
        return;
    }
    sqlite3_stmt *q = s->q[Q_ADD_DAMAGE];
    bind_int(q, 1, d->id);
    bind_int(q, 2, (uint64_t)d->at_ms);
    bind_int(q, 3, (uint64_t)d->arrived_ms);
    bind_str(q, 4, d->reverse_path);
    bind_str(q, 5, d->rcpts);
    bind_str(q, 6, d->what);
    bind_int(q, 7, d->told || d->reverse_path.n == 0);
    store_run(s, Q_ADD_DAMAGE);
}

struct store_damage store_damage_of(sqlite3_stmt *q)
{
    return (struct store_damage){
        .id = column_int(q, 0),
        .at_ms = (int64_t)column_int(q, 1),
        .arrived_ms = (int64_t)column_int(q, 2),
        .reverse_path = column_str(q, 3),
        .rcpts = column_str(q, 4),
        .what = column_str(q, 5),
        .told = column_int(q, 6) != 0,
    };
}

enum store_result store_each_damage(struct store *s, bool untold, unsigned max, store_damage_fn fn,
                                    void *arg)
{
    sqlite3_stmt *q = s->q[Q_DAMAGES];
    int code;
    bind_int(q, 1, untold);
    bind_int(q, 2, max);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_damage d = store_damage_of(q);
        fn(arg, &d);
    }
    sqlite3_reset(q);
    return code == SQLITE_DONE ? STORE_OK : result_of(code);
}

void store_set_damage_told(struct store *s, uint64_t id)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_SET_DAMAGE_TOLD], 1, id);
        store_run(s, Q_SET_DAMAGE_TOLD);
    }
}

/* --- batches of the journal whose bodies are damaged -------------------- */

void store_damage_rcpt(struct buf *rcpts, struct str address)
{
    (void)!buf_printf(rcpts, "%s" STR_FMT, buf_len(rcpts) > 0 ? ", " : "", STR_ARG(address));
}

struct gathered {
    struct store_damage d; /* id 0: none */
    struct str spool, sealed_key;
    struct buf rcpts;
};

static void end_message(struct gathered *g, store_entry_fn fn, void *arg)
{
    if (g->d.id != 0) {
        g->d.rcpts = buf_str(&g->rcpts);
        fn(arg, &g->d, g->spool, g->sealed_key);
    }
    g->d.id = 0;
    buf_reset(&g->rcpts);
}

void store_each_in_entries(struct str entries, store_entry_fn fn, void *arg)
{
    struct gathered g = {.rcpts = BUF_INIT(RCPTS_OCTETS)};
    struct entry e;
    while (entry_read(&entries, &e) > 0) {
        if (e.kind != ENTRY_RCPT) {
            end_message(&g, fn, arg);
        }
        if (e.kind == ENTRY_MESSAGE) {
            g.spool = e.message.spool;
            g.sealed_key = e.message.sealed_key;
            g.d = (struct store_damage){
                .id = e.message.id,
                .at_ms = clock_wall_ms(),
                .arrived_ms = e.message.arrived_ms,
                .reverse_path = e.message.reverse_path,
                .what = STR("it was in a part of the journal that the disk damaged"),
            };
        } else if (e.kind == ENTRY_RCPT && g.d.id != 0) {
            store_damage_rcpt(&g.rcpts, e.rcpt.forward_path);
        }
    }
    end_message(&g, fn, arg);
    buf_free(&g.rcpts);
}

static void sqlite_damage_on_lost(void *arg, const struct store_damage *d, struct str spool,
                                  struct str sealed_key)
{
    char id[ID_TEXT];
    id_text(d->id, id);
    log_error("mail-lost", KV("id", id), KVS("from", d->reverse_path), KVS("to", d->rcpts),
              KVS("what", d->what));
    store_add_damage(arg, d);
}

void store_damage_entries(struct store *s, struct str entries)
{
    store_each_in_entries(entries, sqlite_damage_on_lost, s);
}
