/* SPDX-License-Identifier: Apache-2.0
 * sqlite_damage.c: messages that the disk lost. Called by the rest of this folder and by queue.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/embedded.h"
#include "store/sqlite_priv.h"
#include "wire/id.h"

enum { RCPTS_OCTETS = 64 * 1024 };

STORE_WALK(damage)

void store_add_damage(struct store *s, const struct store_damage *d)
{
    struct store_damage row = *d;
    row.told |= d->reverse_path.n == 0;
    store_put(s, Q_ADD_DAMAGE, store_record_damage(), &row);
}

enum store_result store_each_damage(struct store *s, bool untold, unsigned max, store_damage_fn fn,
                                    void *arg)
{
    bind_int(s->q[Q_DAMAGES], 1, untold);
    bind_int(s->q[Q_DAMAGES], 2, max);
    return walk_damage(s, Q_DAMAGES, fn, arg);
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
