/* SPDX-License-Identifier: Apache-2.0
 * sqlite_settle.c: what the entries of the journal do to the tables. Called by the rest of this
 * folder and, for what may wait, by queue.
 *
 * Under load most messages were delivered before their batch is taken over: such a one goes into
 * the tables as it ended, without its body ever having been there and without a row being
 * written twice. Batches are taken over in their order, some at a time, in a transaction that
 * also records the number of the last. For the messages among them what later batches say of
 * their recipients and bodies is done at the same time; after a crash it is done once more,
 * which changes nothing. Such a transaction is not synced: what it did can be done again from
 * the journal, which keeps the batches until a later sync of the tables.
 *
 * Whatever reads or changes these tables in another way has everything taken over first
 * (store_settled(), store_go_direct()), so that there is one order of things. What can go wrong:
 * a table that cannot be written: the batches wait on, and who asked hears STORE_FULL or
 * STORE_RETRY.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/sqlite_priv.h"

#include <stdlib.h>

enum {
    /* octets of entries that wait under load: time for messages to end */
    KEPT_ENOUGH = 2 * 1024 * 1024,
    PAUSE_MS = 1000,    /* after it failed */
    SPOOLED_ENOUGH = 4, /* messages whose spool files stay on the disk as long */
};

/* --- what came and ended within the batches at hand --------------------- */

static void *one_more(void *array, size_t n, size_t *cap, size_t size)
{
    if (n == *cap) {
        *cap = *cap ? *cap * 2 : 128;
        array = realloc(array, *cap * size);
        must(array);
    }
    return array;
}

/* Mostly one of the last, or one that is not among them at all. */
static struct taken *find_message(struct taking *t, uint64_t id)
{
    for (size_t i = id >= t->least_id && id <= t->greatest_id ? t->n : 0; i-- > 0;) {
        if (t->messages[i].m.id == id) {
            return &t->messages[i];
        }
    }
    return NULL;
}

/* Their numbers only grow. */
static struct store_rcpt *find_rcpt(struct taking *t, const struct store_rcpt *r)
{
    size_t low = 0, high = t->n_rcpts;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->rcpts[middle].rcpt < r->rcpt) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < t->n_rcpts && t->rcpts[low].rcpt == r->rcpt ? &t->rcpts[low] : NULL;
}

/* The same as Q_NEEDS_BODY. */
static bool needs_body(const struct taking *t, const struct taken *m)
{
    for (size_t i = m->first; i < m->first + m->n; i++) {
        const struct store_rcpt *r = &t->rcpts[i];
        switch (r->state) {
        case RCPT_QUEUED:
        case RCPT_HELD:
        case RCPT_PICKUP:
            return true;
        case RCPT_DELIVERED:
        case RCPT_FAILED:
        case RCPT_EXPIRED:
            if (!r->bounced) {
                return true;
            }
            break;
        case RCPT_DELETED:
        case RCPT_STATE_END:
            break;
        }
    }
    return false;
}

#define COPY_NAMED(name) to->name = r->name;
static void copy_outcome(struct store_rcpt *to, const struct store_rcpt *r)
{
    RCPT_OUTCOME(COPY_NAMED, )
}

static void sqlite_settle_take_message(struct store *s, const struct entry *e,
                                       const struct journal_batch *b)
{
    struct taking *t = &s->taking;
    t->messages = one_more(t->messages, t->n, &t->cap, sizeof *t->messages);
    t->messages[t->n++] = (struct taken){
        .m = e->message,
        .batch = *b,
        .body_at = e->body_at,
        .body_n = e->body_n,
        .first = t->n_rcpts,
    };
    t->least_id = t->n == 1 || e->message.id < t->least_id ? e->message.id : t->least_id;
    t->greatest_id = t->n == 1 || e->message.id > t->greatest_id ? e->message.id : t->greatest_id;
    s->spooled -= e->message.spool.n > 0 && s->spooled > 0;
}

static void sqlite_settle_take_rcpt(struct taking *t, const struct store_rcpt *r)
{
    t->rcpts = one_more(t->rcpts, t->n_rcpts, &t->cap_rcpts, sizeof *t->rcpts);
    t->rcpts[t->n_rcpts++] = *r;
    t->messages[t->n - 1].n++;
}

static void take_outcome(struct store *s, const struct entry *e)
{
    struct store_rcpt *r = find_rcpt(&s->taking, &e->rcpt);
    if (!r) {
        store_apply(s, e);
    } else if (e->kind == ENTRY_BOUNCED) {
        r->bounced |= r->id == e->rcpt.id;
    } else {
        copy_outcome(r, &e->rcpt);
        r->next_hop = e->kind == ENTRY_DECIDED ? e->rcpt.next_hop : r->next_hop;
    }
}

static void take_release(struct store *s, const struct entry *e)
{
    struct taken *m = find_message(&s->taking, e->id);
    if (!m) {
        store_apply(s, e);
    } else if (!m->released && !needs_body(&s->taking, m)) {
        m->released = true;
        store_unlink_later(s, m->m.spool);
    }
}

static void sqlite_settle_take(struct store *s, const struct entry *e,
                               const struct journal_batch *b)
{
    switch (e->kind) {
    case ENTRY_MESSAGE:
        sqlite_settle_take_message(s, e, b);
        break;
    case ENTRY_RCPT:
        sqlite_settle_take_rcpt(&s->taking, &e->rcpt);
        break;
    case ENTRY_BOUNCED:
    case ENTRY_OUTCOME:
    case ENTRY_DECIDED:
        take_outcome(s, e);
        break;
    case ENTRY_RELEASE:
        take_release(s, e);
        break;
    case ENTRY_ATTEMPT:
    case ENTRY_INSPECTED:
        store_apply(s, e); /* rows of their own, which nothing here looks at */
        break;
    }
}

static void take_all(struct store *s, const struct journal_batch *b)
{
    struct str entries = b->entries;
    struct entry e;
    int r;
    while ((r = entry_read(&entries, &e)) > 0 && (e.kind != ENTRY_RCPT || s->taking.n > 0)) {
        if (!e.is_done) {
            sqlite_settle_take(s, &e, b);
        }
    }
    if (r != 0) {
        log_error("journal-unreadable", KV("what", "an entry that this version cannot read"));
        s->batch_failed = true;
        s->batch_result = STORE_CORRUPT;
    }
}

/* --- what later batches say of them ------------------------------------- */

void store_note_later(struct store *s, const struct entry *e, uint64_t place)
{
    struct later *l = &s->later;
    bool is_release = e->kind == ENTRY_RELEASE;
    if (!is_release && e->kind != ENTRY_OUTCOME && e->kind != ENTRY_DECIDED &&
        e->kind != ENTRY_BOUNCED) {
        return;
    }
    if (l->n == l->cap && l->first > 0) {
        memmove(l->entries, l->entries + l->first, (l->n - l->first) * sizeof *l->entries);
        l->n -= l->first;
        l->first = 0;
    }
    l->entries = one_more(l->entries, l->n, &l->cap, sizeof *l->entries);
    l->entries[l->n++] = (struct later_entry){
        .place = place,
        .of = is_release ? e->id : e->rcpt.rcpt,
        .is_release = is_release,
    };
}

void store_forget_later(struct store *s)
{
    struct later *l = &s->later;
    /* it was dropped */
    while (l->n > l->first && l->entries[l->n - 1].place >= journal_end(s->journal)) {
        l->n--;
    }
    while (l->first < l->n && l->entries[l->first].place < journal_begin(s->journal)) {
        l->first++;
    }
    if (l->first == l->n) {
        l->first = l->n = 0;
    }
    /* those of a batch that failed were counted, too */
    s->spooled = journal_begin(s->journal) == journal_end(s->journal) ? 0 : s->spooled;
}

static bool concerns_taken(struct taking *t, const struct later_entry *l)
{
    if (l->is_release) {
        return find_message(t, l->of) != NULL;
    }
    return t->n_rcpts > 0 && l->of >= t->rcpts[0].rcpt && l->of <= t->rcpts[t->n_rcpts - 1].rcpt;
}

/* From that place on. What an earlier transaction used was about earlier messages. */
static void look_ahead(struct store *s, uint64_t place)
{
    for (size_t i = s->later.first; i < s->later.n && !s->batch_failed; i++) {
        struct later_entry *l = &s->later.entries[i];
        l->is_used = l->place >= place && l->place < journal_waiting_end(s->journal) &&
                     concerns_taken(&s->taking, l);
        if (l->is_used) {
            struct str rest = journal_at(s->journal, l->place);
            struct entry e;
            must(entry_read(&rest, &e) > 0);
            sqlite_settle_take(s, &e, NULL);
        }
    }
}

/* The transaction that used them holds. */
static void mark_done(struct store *s)
{
    for (size_t i = s->later.first; i < s->later.n; i++) {
        struct later_entry *l = &s->later.entries[i];
        if (l->is_used) {
            entry_mark_done(journal_at(s->journal, l->place));
            l->is_used = false;
        }
    }
}

/* The body of one that goes on is read back from the journal. */
static void fetch_body(struct store *s, struct taken *m)
{
    if (!m->released && m->m.spool.n == 0) {
        int r =
            journal_body(s->journal, &m->batch, m->body_at, m->body_n, &s->taking.body, &m->m.body);
        if (r < 0) {
            log_error("journal-unreadable", KV("problem", strerror(-r)));
            s->batch_failed = true;
            s->batch_result = STORE_RETRY;
        }
    }
}

/* As they are after the last batch at hand. */
static void write_taken(struct store *s)
{
    struct taking *t = &s->taking;
    for (size_t i = 0; i < t->n && !s->batch_failed; i++) {
        fetch_body(s, &t->messages[i]);
        if (s->batch_failed) {
            break;
        }
        store_add_message(s, &t->messages[i].m, t->messages[i].released);
        for (size_t k = 0; k < t->messages[i].n; k++) {
            store_add_rcpt(s, &t->rcpts[t->messages[i].first + k]);
        }
    }
    t->n = t->n_rcpts = 0;
}

/* Without this a transaction might find nothing to write and sync nothing of what was before it
 * either. */
static void set_settled(struct store *s, uint64_t number)
{
    s->counts = true;
    bind_int(s->q[Q_SET_SETTLED], 1, number);
    store_run(s, Q_SET_SETTLED);
}

/* --- transactions ------------------------------------------------------- */

void store_go_direct(struct store *s)
{
    struct journal_batch b = {0};
    size_t cursor = 0;
    if (s->direct) {
        return;
    }
    s->direct = true;
    store_run(s, Q_BEGIN);
    while (!s->batch_failed && journal_next(s->journal, &cursor, &b)) {
        take_all(s, &b);
    }
    set_settled(s, journal_newest(s->journal));
    b = journal_gathered(s->journal);
    take_all(s, &b);
    write_taken(s);
}

/* Takes the oldest batches over in a transaction of their own. */
static enum store_result settle_oldest(struct store *s, bool for_good)
{
    struct journal_batch b = {.number = journal_newest(s->journal)};
    size_t cursor = 0;
    s->batch_failed = s->poisoned;
    s->batch_result = STORE_RETRY;
    store_sync_commits(s, for_good);
    store_run(s, Q_BEGIN);
    while (!s->batch_failed && s->taking.n < s->sizes.chunk &&
           journal_next(s->journal, &cursor, &b)) {
        take_all(s, &b);
    }
    look_ahead(s, journal_begin(s->journal) + cursor);
    write_taken(s);
    set_settled(s, b.number);
    enum store_result r = store_end_transaction(s);
    store_sync_commits(s, true);
    if (r == STORE_OK) {
        s->unsynced = !for_good;
        store_set_mark(s, for_good);
        mark_done(s);
        journal_settled(s->journal, b.number, for_good);
        store_forget_later(s);
    }
    return r;
}

enum store_result store_settled(struct store *s)
{
    if (s->open_batch) {
        if (journal_waiting(s->journal) > 0 || journal_gathered(s->journal).entries.n > 0) {
            store_go_direct(s);
        }
        return s->batch_failed ? s->batch_result : STORE_OK;
    }
    enum store_result r = STORE_OK;
    while (r == STORE_OK && journal_waiting(s->journal) > 0) {
        r = settle_oldest(s, false);
    }
    store_leave_if_poisoned(s);
    return r;
}

bool store_make_room(struct store *s)
{
    while (!s->batch_failed && !journal_has_room(s->journal)) {
        enum store_result r = settle_oldest(s, true);
        s->batch_failed |= r != STORE_OK;
    }
    return !s->batch_failed;
}

static bool sqlite_settle_is_old(const struct store *s)
{
    struct journal_batch b;
    size_t cursor = 0;
    return journal_next(s->journal, &cursor, &b) && b.number <= s->old;
}

/* Under load as much as a file may wait, less what one round of the other needs to be settled in
 * time. */
static bool sqlite_settle_is_too_much(const struct store *s)
{
    return journal_waiting(s->journal) > s->sizes.journal_file / 4 * 3 ||
           journal_kept(s->journal) > KEPT_ENOUGH || s->spooled > SPOOLED_ENOUGH;
}

bool store_settle(struct store *s, enum store_settling what)
{
    bool may = !s->open_batch && clock_mono_ms() >= s->settle_again_ms;
    if (may &&
        (what == STORE_SETTLE_OLD ? sqlite_settle_is_old(s) : sqlite_settle_is_too_much(s)) &&
        settle_oldest(s, false) != STORE_OK) {
        /* whoever must have it in the tables tries all the same, and is told */
        s->settle_again_ms = clock_mono_ms() + PAUSE_MS;
        store_leave_if_poisoned(s);
    }
    if (what == STORE_SETTLE_EXCESS) {
        return journal_waiting(s->journal) > 0;
    }
    bool more = sqlite_settle_is_old(s) && may;
    s->old = more ? s->old : journal_newest(s->journal);
    return more;
}

bool store_rest(struct store *s)
{
    bool more = !s->open_batch && !journal_is_clear(s->journal) && store_settled(s) == STORE_OK &&
                (journal_is_settled(s->journal) || settle_oldest(s, true) == STORE_OK) &&
                journal_clear(s->journal);
    store_leave_if_poisoned(s);
    return more;
}

bool store_prepare(struct store *s)
{
    return journal_prepare(s->journal);
}
