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
    return (struct store_damage){.id = column_int(q, 0),
                                 .at_ms = (int64_t)column_int(q, 1),
                                 .arrived_ms = (int64_t)column_int(q, 2),
                                 .reverse_path = column_str(q, 3),
                                 .rcpts = column_str(q, 4),
                                 .what = column_str(q, 5),
                                 .told = column_int(q, 6) != 0};
}

enum store_result store_each_damage(struct store *s, bool untold, unsigned max, store_damage_fn fn, void *arg)
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

/* --- batches of the journal whose bodies are damaged ---------------------------------------------------- */

void store_damage_rcpt(struct buf *rcpts, struct str address)
{
    (void)!buf_printf(rcpts, "%s" STR_FMT, buf_len(rcpts) > 0 ? ", " : "", STR_ARG(address));
}

static void end_message(struct store *s, struct store_damage *d, struct buf *rcpts)
{
    char id[ID_TEXT];
    if (d->id == 0) {
        return;
    }
    id_text(d->id, id);
    d->rcpts = buf_str(rcpts);
    log_error("mail-lost", KV("id", id), KVS("from", d->reverse_path), KVS("to", d->rcpts), KVS("what", d->what));
    store_add_damage(s, d);
    d->id = 0;
    buf_reset(rcpts);
}

void store_damage_entries(struct store *s, struct str entries)
{
    CLEANUP(buf_free) struct buf rcpts = BUF_INIT(RCPTS_OCTETS);
    struct store_damage d = {0};
    struct entry e;
    while (entry_read(&entries, &e) > 0) {
        if (e.kind != ENTRY_RCPT) {
            end_message(s, &d, &rcpts);
        }
        if (e.kind == ENTRY_MESSAGE) {
            d = (struct store_damage){.id = e.message.id,
                                      .at_ms = clock_wall_ms(),
                                      .arrived_ms = e.message.arrived_ms,
                                      .reverse_path = e.message.reverse_path,
                                      .what = STR("it was in a part of the journal that the disk damaged")};
        } else if (e.kind == ENTRY_RCPT && d.id != 0) {
            store_damage_rcpt(&rcpts, e.rcpt.forward_path);
        }
    }
    end_message(s, &d, &rcpts);
}
