/* SPDX-License-Identifier: Apache-2.0
 * sqlite_intents.c: the changes that come with every message: given as entries to the journal,
 * or, where the batch goes to the tables itself, done there at once (sqlite_settle.c). Called by
 * queue and its tests.
 *
 * What can go wrong: a batch that gets too long for the journal; it goes to the tables then.
 */
#include "base/log.h"
#include "store/sqlite_priv.h"

/* False: it does not fit, and nothing of it was written. */
static bool give_to_journal(struct store *s, struct entry *e, struct str body)
{
    struct buf *entries, *bodies;
    struct journal_batch before = journal_gathered(s->journal);
    if (journal_room(s->journal, &entries, &bodies) < 0) {
        return false;
    }
    uint64_t place = journal_end(s->journal);
    e->body_at = buf_len(bodies);
    e->body_n = body.n;
    if (entry_write(entries, e) < 0 || buf_add(bodies, body) < 0) {
        journal_drop(s->journal, &before);
        return false;
    }
    store_note_later(s, e, place);
    return true;
}

static void sqlite_intents_give(struct store *s, struct entry *e)
{
    struct str body = e->kind == ENTRY_MESSAGE ? e->message.body : STR("");
    if (!store_open_batch(s)) {
        return;
    }
    if (!s->direct && !give_to_journal(s, e, body)) {
        store_go_direct(s);
    }
    if (s->direct) {
        store_apply(s, e);
    }
}

static void give_rcpt(struct store *s, enum entry_kind kind, const struct store_rcpt *r)
{
    struct entry e = {.kind = kind, .rcpt = *r};
    sqlite_intents_give(s, &e);
}

void store_enqueue(struct store *s, const struct store_message *m, struct store_rcpt *rcpts,
                   size_t n_rcpts, const uint64_t *bounced, size_t n_bounced, store_done done,
                   void *arg)
{
    struct entry message = {.kind = ENTRY_MESSAGE, .message = *m};
    sqlite_intents_give(s, &message);
    for (size_t i = 0; i < n_rcpts; i++) {
        rcpts[i].id = m->id;
        rcpts[i].rcpt = s->next_rcpt++;
        give_rcpt(s, ENTRY_RCPT, &rcpts[i]);
    }
    for (size_t i = 0; i < n_bounced; i++) {
        give_rcpt(s, ENTRY_BOUNCED, &(struct store_rcpt){.rcpt = bounced[i], .id = m->bounce_of});
    }
    s->spooled += m->spool.n > 0;
    s->commits.messages++;
    s->in_batch++;
    store_sync(s, done, arg);
}

void store_outcome(struct store *s, const struct store_rcpt *r)
{
    give_rcpt(s, ENTRY_OUTCOME, r);
    s->commits.outcomes++;
    s->in_batch++;
}

void store_decided(struct store *s, const struct store_rcpt *r)
{
    give_rcpt(s, ENTRY_DECIDED, r);
    s->commits.outcomes++;
    s->in_batch++;
}

void store_add_attempt(struct store *s, const struct store_attempt *a)
{
    struct entry e = {.kind = ENTRY_ATTEMPT, .attempt = *a};
    sqlite_intents_give(s, &e);
}

void store_inspected(struct store *s, uint64_t id, int64_t at_ms, struct str facts)
{
    struct entry e = {.kind = ENTRY_INSPECTED, .inspected = {id, at_ms, facts}};
    sqlite_intents_give(s, &e);
}

void store_release_body(struct store *s, uint64_t id)
{
    struct entry e = {.kind = ENTRY_RELEASE, .id = id};
    sqlite_intents_give(s, &e);
}
