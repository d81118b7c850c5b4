/* SPDX-License-Identifier: Apache-2.0
 * sqlite_mark.c: keeping the mark of a store (mark.h). Called by the rest of this folder.
 *
 * What can go wrong: a mark that is gone, or says more than tables and journal do: told by the
 * log, and by who asks store_lost(); one that cannot be written: the store works on without.
 */
#include "base/log.h"
#include "store/sqlite_priv.h"

#include <stdio.h>

static void note_transactions(struct store *s, uint64_t promised)
{
    s->loss.transactions = promised > s->times ? promised - s->times : 0;
    if (s->loss.transactions > 0) {
        int kept = store_keep_log(s->directory);
        log_error("tables-lack-transactions", KVN("lost", s->loss.transactions),
                  KV("what", "the end of postern.db-wal is gone or damaged, or postern.db is older "
                             "than the rest of the store"),
                  KV("kept", kept < 0 ? strerror(-kept) : "a copy of postern.db-wal beside it"));
    }
}

int store_read_mark(struct store *s, uint64_t store, bool marked, struct journal_promise *ret,
                    char *problem, size_t size)
{
    enum mark_state state;
    *ret = (struct journal_promise){0};
    int r = mark_read(s->directory, &s->mark, &state);
    if (r < 0) {
        snprintf(problem, size, "%s/" MARK_FILE " cannot be read: %s", s->directory, strerror(-r));
        return r;
    }
    bool readable = state == MARK_WHOLE || state == MARK_ONE_DAMAGED;
    if (readable && s->mark.store != store) {
        snprintf(
            problem, size,
            "postern.db in %s is a new or another one than the journal belongs to. Put back the "
            "one that belongs to it; or, if the mail is given up, move the whole store away",
            s->directory);
        return -EBADMSG;
    }
    if (readable) {
        *ret = (struct journal_promise){s->mark.number, s->mark.check};
        note_transactions(s, s->mark.times);
    }
    s->loss.mark = marked && !readable;
    if (s->loss.mark) {
        log_error(
            "mark-lost", KV("file", MARK_FILE),
            KV("what",
               "it is gone or damaged: whether the newest mail is all there cannot be known"));
    }
    if (state == MARK_ONE_DAMAGED) {
        log_warn("mark-damaged", KV("file", MARK_FILE),
                 KV("what", "one of two copies; it is written anew"));
    }
    s->mark.store = store;
    return 0;
}

static void set_numbers(struct store *s, bool tables)
{
    struct journal_promise p = journal_promised(s->journal);
    s->mark.number = p.number;
    s->mark.check = p.check;
    s->mark.times = tables ? s->times : s->mark.times;
}

static void sqlite_mark_give_up(struct store *s, int r)
{
    log_error("mark-not-written", KV("problem", strerror(-r)),
              KV("what", "nothing is lost; a damage of the newest mail would not be noticed"));
    err_close_fd(&s->mark_fd);
}

void store_make_mark(struct store *s, bool marked)
{
    /* not all of these may be synced */
    s->mark.times = s->mark.times < s->times ? s->mark.times : s->times;
    set_numbers(s, false);
    int r = mark_open(s->directory, &s->mark, &s->mark_fd);
    if (r < 0) {
        sqlite_mark_give_up(s, r);
    } else if ((!marked || s->loss.batches > 0 || s->loss.transactions > 0) && store_in_batch(s)) {
        store_flush(s); /* the tables know of the mark, and go on from the number that it says */
    }
}

void store_set_mark(struct store *s, bool tables)
{
    set_numbers(s, tables);
    int r = s->mark_fd >= 0 ? mark_write(s->mark_fd, &s->mark) : 0;
    if (r < 0) {
        sqlite_mark_give_up(s, r);
    }
}
