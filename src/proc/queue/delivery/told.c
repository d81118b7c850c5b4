/* SPDX-License-Identifier: Apache-2.0
 * told.c: the one letter to a sender who asked what is done with their mail (the flag for
 * trying), or who should know it (a flag that stands only in quoted text). Their recipients
 * carry NOTICE_OUTCOME. The letter is due when each of these has an outcome, or has waited for
 * some time; it takes the place of a bounce and of the notice that a mail waits.
 *
 * Called by schedule.c with its ticks, and by submit.c when the letter comes back to be stored:
 * that commit marks the recipients as told. What can go wrong: no smtpout, or a letter lost on
 * the way there: written again.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/pickup/pickup.h"
#include "proc/queue/queue.h"
#include "report/message.h"
#include "report/told.h"
#include "wire/id.h"
#include "wire/notify.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LOOK_MS = 1000,
    AGAIN_MS = 60 * 1000,         /* a letter that did not come back is written again */
    PATIENCE_MS = 15 * 60 * 1000, /* where notices of mail that waits are off */
    ROWS_MAX = 200,
    RCPTS_MAX = 1000,
    LETTER_MAX = 40 * 1024,
    LETTER_SURE = 20 * 1024,     /* all of it in UTF-8, and it still fits */
    LETTER_SENT_MAX = 60 * 1024, /* in quoted-printable: a mail of ours is stored inline */
    TEXTS_MAX = 4 * 1024 * 1024,
};

/* A letter, from the reading of its facts until it is stored. */
struct letter {
    struct queue *q;
    uint64_t id;      /* of the message it is about */
    int64_t begun_ms; /* monotonic */
    struct arena texts;
    struct str to;
    struct told told;
    struct told_rcpt rcpts[RCPTS_MAX];
    struct store_rcpt rows[RCPTS_MAX]; /* of the same: number, state, host */
    uint64_t envelopes[RCPTS_MAX];     /* of the same; 0: none */
    size_t n;
    struct store_reading *reading; /* NULL: none is under way */
};

static void told_letter_free(struct queue *q, struct letter *l)
{
    store_cancel(l->reading);
    (void)map_take(q->delivery.told, map_id(&l->id));
    arena_reset(&l->texts);
    free(l);
}

/* --- what is known of the mail ------------------------------------------ */

static struct str kept(struct letter *l, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&l->texts, s, &copy);
    return copy;
}

static void told_on_message(void *arg, const struct store_message *m)
{
    struct letter *l = arg;
    const struct conf *c = child_conf(l->q->child);
    l->to = kept(l, m->reverse_path);
    l->told.arrived_ms = m->arrived_ms;
    l->told.until_ms = m->arrived_ms + c->queue.lifetime;
}

static void told_on_rcpt(void *arg, const struct store_rcpt *r)
{
    struct letter *l = arg;
    struct protect_record record;
    if (r->notice != NOTICE_OUTCOME || l->n == RCPTS_MAX) {
        return;
    }
    protect_record_read(r->protection, &record);
    l->rows[l->n] = (struct store_rcpt){
        .rcpt = r->rcpt,
        .state = r->state,
        .host = kept(l, r->host),
    };
    l->rcpts[l->n++] = (struct told_rcpt){
        .forward_path = kept(l, r->forward_path),
        .state = r->state,
        .reason = r->reason,
        .reply = r->state == RCPT_DELIVERED ? STR("") : kept(l, r->reply),
        .words = kept(l, record.words),
        .hears_again = notify_wants(r->notify, NOTIFY_FAILURE),
        .is_inside = conf_is_inside(child_conf(l->q->child), domain_of(r->forward_path)),
    };
}

/* How far the notice came. */
static void told_on_event(void *arg, const struct store_envelope_event *e)
{
    struct letter *l = arg;
    struct told_rcpt *r = NULL;
    for (size_t i = 0; i < l->n; i++) {
        r = l->envelopes[i] == e->envelope ? &l->rcpts[i] : r;
    }
    if (!r) {
        return;
    }
    enum told_notice now = e->kind == EVENT_NOTICE_DELIVERED ? TOLD_NOTICE_TAKEN
                           : e->kind == EVENT_NOTICE_SENT    ? TOLD_NOTICE_WRITTEN
                                                             : TOLD_NOTICE_DUE;
    r->pickup_notice = now > r->pickup_notice ? now : r->pickup_notice;
}

/* What the portal knows of those that went there. */
static void told_on_envelope(void *arg, const struct store_envelope *e)
{
    struct letter *l = arg;
    for (size_t i = 0; i < l->n; i++) {
        if (l->rows[i].rcpt == e->rcpt) {
            l->rcpts[i].until_ms = e->expires_ms;
            l->envelopes[i] = e->envelope;
        }
    }
}

/* The last one that asked the server that has the word on a recipient. */
static void on_attempt(void *arg, const struct store_attempt *a)
{
    struct letter *l = arg;
    for (size_t i = 0; i < l->n; i++) {
        if (message_attempt_lists(a->rcpts, l->rows[i].rcpt) && str_eq(a->host, l->rows[i].host)) {
            l->rcpts[i].has_session = true;
            l->rcpts[i].grade = a->grade;
            l->rcpts[i].is_legacy = a->reason == REASON_SENT_LEGACY;
            l->rcpts[i].host = l->rows[i].host;
            l->rcpts[i].tls_version = kept(l, a->tls_version);
        }
    }
}

/* --- the letter --------------------------------------------------------- */

/* Octets of it in quoted-printable, which makes three of each that is not ASCII. */
static size_t sent_octets(struct str text)
{
    size_t n = text.n;
    for (size_t i = 0; i < text.n; i++) {
        n += (unsigned char)text.p[i] > '~' ? 2 : 0;
    }
    return n;
}

/* As many recipients as can be stored. What other servers answered stands in it: no size is
 * sure. */
static int told_write_letter(const struct told *t, struct buf *out)
{
    int r = told_write(t, out);
    if (r < 0 || sent_octets(buf_str(out)) <= LETTER_SENT_MAX) {
        return r;
    }
    buf_reset(out);
    out->max = LETTER_SURE;
    return told_write(t, out);
}

/* All is known. */
static void told_on_read(void *arg, enum store_result result)
{
    struct letter *l = arg;
    struct queue *q = l->q;
    l->reading = NULL;
    const struct conf *c = child_conf(q->child);
    char id[ID_TEXT], sent_page[1024];
    CLEANUP(buf_free) struct buf text = BUF_INIT(LETTER_MAX);
    if (result != STORE_OK || l->n == 0 || l->to.n == 0) {
        told_letter_free(q, l);
        return;
    }
    id_text(l->id, id);
    l->told.id = str_c(id);
    l->told.hostname = str_c(c->hostname);
    l->told.organization = str_c(c->organization);
    l->told.administrator = str_c(c->admin);
    if (c->portal.url) {
        snprintf(sent_page, sizeof sent_page, "%s/sent", c->portal.url);
        l->told.sent_page = str_c(sent_page);
    }
    l->told.rcpts = l->rcpts;
    l->told.n_rcpts = l->n;
    int e = told_write_letter(&l->told, &text);
    l->told.id = l->told.sent_page = STR("");
    if (e < 0) {
        log_error("letter-not-written", KV("about", id), KV("problem", strerror(-e)));
        return; /* again in a minute */
    }
    worker_write(q, &(struct system_mail){
                        .about = ABOUT_OUTCOME,
                        .about_id = l->id,
                        .to = l->to,
                        .subject = l->rcpts[0].reason == REASON_TESTED
                                       ? STR("What would be done with your mail")
                                       : STR("What was done with your mail"),
                        .text = buf_str(&text),
                    });
}

/* The mail and its envelopes are known: what happened to these. */
static void told_on_mail_read(void *arg, enum store_result result)
{
    enum { EVENTS_LOOKED_AT = 50 };
    struct letter *l = arg;
    struct store_query queries[RCPTS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (l->rcpts[i].state == RCPT_PICKUP && l->envelopes[i]) {
            queries[n++] = (struct store_query){
                .what = STORE_ENVELOPE_EVENTS,
                .number = l->envelopes[i],
                .max = EVENTS_LOOKED_AT,
            };
        }
    }
    if (result != STORE_OK || n == 0) {
        told_on_read(l, result);
        return;
    }
    l->reading = store_read_all(l->q->store, queries, n,
                                &(struct store_rows){.arg = l,
                                                     .event = told_on_event,
                                                     .done = told_on_read});
}

static void told_begin(struct queue *q, uint64_t id)
{
    struct letter *l = map_get(q->delivery.told, map_id(&id));
    int64_t now = clock_mono_ms();
    if (l && now - l->begun_ms < AGAIN_MS) {
        return;
    }
    if (l) {
        told_letter_free(q, l);
    }
    l = err_calloc(1, sizeof *l);
    l->q = q;
    l->id = id;
    l->begun_ms = now;
    l->texts = ARENA_INIT(TEXTS_MAX);
    if (map_put(q->delivery.told, map_id(&l->id), l) <
        0) { /* many at once: the others have their turn */
        free(l);
        return;
    }
    const struct store_query queries[] = {
        {.what = STORE_REPORT, .number = id},
        {.what = STORE_ENVELOPES_BY, .kind = ENVELOPE_BY_MESSAGE, .number = id},
    };
    l->reading = store_read_all(q->store, queries, ARRAY_LEN(queries),
                                &(struct store_rows){
                                    .arg = l,
                                    .message = told_on_message,
                                    .rcpt = told_on_rcpt,
                                    .attempt = on_attempt,
                                    .envelope = told_on_envelope,
                                    .done = told_on_mail_read,
                                });
}

/* The messages of which a letter is due. */
struct due {
    struct queue *q;
    uint64_t ids[TOLD_MAX];
    size_t n;
};

static void told_note_due(void *arg, const struct store_rcpt *r)
{
    struct due *d = arg;
    /* they come in the order of their messages */
    bool known = d->n > 0 && d->ids[d->n - 1] == r->id;
    if (!known && d->n < TOLD_MAX) {
        d->ids[d->n++] = r->id;
    }
}

static void on_due(void *arg, enum store_result result)
{
    struct due *d = arg;
    for (size_t i = 0; i < d->n && result == STORE_OK; i++) {
        told_begin(d->q, d->ids[i]);
    }
    free(d);
}

/* One whose message is forgotten meanwhile will not come back. */
static void drop_oldest(struct queue *q, int64_t now)
{
    struct str key;
    void *value;
    struct letter *oldest = NULL;
    for (size_t cursor = 0; map_next(q->delivery.told, &cursor, &key, &value);) {
        struct letter *l = value;
        oldest = !oldest || l->begun_ms < oldest->begun_ms ? l : oldest;
    }
    if (oldest && now - oldest->begun_ms > 2 * AGAIN_MS) {
        told_letter_free(q, oldest);
    }
}

void told_tick(struct queue *q)
{
    int64_t after = child_conf(q->child)->queue.notice_after, now = clock_mono_ms();
    if (now - q->delivery.told_looked_ms < LOOK_MS || !queue_can_send(q)) {
        return;
    }
    q->delivery.told_looked_ms = now;
    drop_oldest(q, now);
    struct due *d = err_calloc(1, sizeof *d);
    d->q = q;
    store_read(q->store,
               &(struct store_query){
                   .what = STORE_OUTCOME_DUE,
                   .ms = clock_wall_ms() - (after ? after : PATIENCE_MS),
                   .max = ROWS_MAX,
               },
               &(struct store_rows){.arg = d, .rcpt = told_note_due, .done = on_due});
}

size_t told_stored(struct queue *q, uint64_t id, uint64_t *rcpts, size_t max)
{
    struct letter *l = map_get(q->delivery.told, map_id(&id));
    size_t n = 0;
    for (size_t i = 0; l && i < l->n; i++) {
        const struct store_rcpt *r = &l->rows[i];
        struct item *it = map_get(q->schedule.leased, map_id(&r->rcpt));
        if (it) {
            it->r.notice = NOTICE_SENT;
        }
        store_set_notice(q->store, r->rcpt, NOTICE_SENT);
        if ((r->state == RCPT_FAILED || r->state == RCPT_EXPIRED) && n < max) {
            rcpts[n++] = r->rcpt;
        }
    }
    if (l) {
        told_letter_free(q, l);
    }
    return n;
}
