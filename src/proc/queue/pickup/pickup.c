/* SPDX-License-Identifier: Apache-2.0
 * pickup.c: the life of an envelope: prepared by an inspect process, announced by a notice,
 * reminded of, ended.
 *
 * A recipient on the portal's rung stands behind a destination of its own, "=portal", until what
 * readers see is there; then one commit makes the envelope, keeps the view, and says that a
 * notice is due. Link and code of a notice exist in the notice alone: a notice that was lost is
 * written again with others. Called by inspect.c, submit.c, job.c and schedule.c.
 *
 * What can go wrong: a message that kills whoever prepares it (held, as everywhere); no smtpout
 * or keys (the notice stays due); more waits than the quota allows (held for a person).
 */
#include "proc/queue/pickup/pickup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "portal/packed.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/queue.h"
#include "proc/queue/pickup/scene.h"
#include "seal/rest.h"
#include "wire/id.h"
#include "wire/notify.h"
#include "store/records.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    NOTICES_AT_ONCE = 50,
    NOTICE_AGAIN_MS = 60 * 1000,
    OVER_AT_ONCE = 100,
    LOOK_MS = 60 * 1000,
    SWEEP_MS = 60 * 60 * 1000,
    TOKEN_LETTERS = 26,
    CODE_LETTERS = 12,
    THREAD_LETTERS = 16
};
static const int64_t first_reminder_ms = 3LL * 24 * 60 * 60 * 1000;

/* A notice on its way into the queue. */
struct notice {
    uint64_t envelope;
    enum notice_kind kind;
    char link[TOKEN_LETTERS + 1], code[CODE_LETTERS + 1];
    unsigned char sealed_key[ENVELOPE_WRAPPED_MAX]; /* for the link alone */
    size_t n_sealed_key;
    int64_t begun_mono_ms;
};

/* --- rows --------------------------------------------------------------- */

void envelope_keep(void *kept, const struct store_envelope *e)
{
    struct kept_envelope *k = kept;
    if (k->found) {
        return;
    }
    k->found = true;
    k->e = *e;
    record_hold(store_record_envelope(), &k->e, k->texts, sizeof k->texts);
}

void envelope_keep_waiting(void *kept, const struct store_envelope *e)
{
    if (envelope_waits(e) && !e->sealed) {
        envelope_keep(kept, e);
    }
}

bool envelope_waits(const struct store_envelope *e)
{
    return e->state == ENVELOPE_WAITING && clock_wall_ms() < e->expires_ms;
}

bool envelope_must_stay(const struct store_envelope *e)
{
    return e->legal_hold && e->state <= ENVELOPE_LOCKED;
}

void envelope_event(struct queue *q, uint64_t envelope, enum envelope_event kind, struct str who,
                    const char *detail)
{
    const struct store_envelope_event e = {
        .envelope = envelope,
        .at_ms = clock_wall_ms(),
        .kind = kind,
        .who = who,
        .detail = str_c(detail),
    };
    if (kind == EVENT_OPENED || kind == EVENT_READ || kind == EVENT_DOWNLOADED) {
        store_add_envelope_reading(q->store, &e);
    } else {
        store_add_envelope_event(q->store, &e);
    }
    char number[ID_TEXT];
    id_text(envelope, number);
    log_info("envelope", KV("envelope", number), KV("step", envelope_event_name(kind)),
             KVS("who", who), KV("detail", detail));
}

void random_text(char *dst, size_t n)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char octets[64];
    must(n <= sizeof octets && sizeof letters == 33);
    random_bytes(octets, n);
    for (size_t i = 0; i < n; i++) {
        dst[i] = letters[octets[i] & 31];
    }
    dst[n] = '\0';
}

void token_hash(struct str token, unsigned char ret[ENVELOPE_HASH])
{
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < token.n && n < sizeof text; i++) {
        char c = str_lower(token.p[i]);
        if (c != '-' && c != ' ') {
            text[n++] = c;
        }
    }
    rest_hash(str_from(text, n), ret);
}

/* --- made --------------------------------------------------------------- */

void pickup_piece(struct job *j, struct str octets)
{
    /* inspect reads strangers: what it says must not end us */
    j->too_much |= buf_add(&j->prepared, octets) < 0;
}

static void pickup_on_retry(void *arg)
{
    struct job *j = arg;
    pickup_prepared(j, true, j->attachments, j->name, j->subject);
}

static void on_made(void *arg, enum store_result result)
{
    struct job *j = arg;
    struct queue *q = j->queue;
    if (result != STORE_OK) {
        char id[ID_TEXT];
        id_text(j->id, id);
        log_error("envelope-not-saved", KV("id", id), KV("what", "will be made again"));
        j->retry = j->retry ? j->retry : timer_new(child_loop(q->child), pickup_on_retry, j);
        timer_start(j->retry, 1000);
        return;
    }
    inspect_items_done(j);
    pickup_due(q);
}

/* The conversation that the message belongs to, or a new one between these two. */
static void join_thread(struct queue *q, const struct job *j, struct store_envelope *e,
                        char thread[THREAD_LETTERS + 1])
{
    struct protect_record record;
    protection_record(&LIST_OF(j->items.next, struct item, place.link)->r, &record);
    if (record.thread[0] && j->thread_there) {
        str_copy_cut(str_c(record.thread), thread, THREAD_LETTERS + 1);
    } else {
        random_text(thread, THREAD_LETTERS);
        store_put_thread(q->store, &(struct store_thread){
                                       .thread = str_c(thread),
                                       .inside = e->sender,
                                       .outside = e->address,
                                       .made_ms = e->made_ms,
                                   });
    }
    e->thread = str_c(thread);
}

static void make_envelope(struct job *j, struct item *it, bool fits)
{
    struct queue *q = j->queue;
    const struct conf *c = child_conf(q->child);
    char thread[THREAD_LETTERS + 1];
    uint64_t number;
    it->r.last_ms = clock_wall_ms();
    if (!fits) {
        it->r.state = RCPT_HELD;
        it->r.reason = REASON_HELD;
        it->r.code = STR("4.2.2");
        it->r.reply = STR("more mail waits in the portal than its quota allows");
        store_outcome(q->store, &it->r);
        ending_note(q, &it->r);
        return;
    }
    const struct address_key address = address_key(it->r.forward_path),
                             sender = address_key(j->message.reverse_path);
    struct protect_record record;
    protection_record(&it->r, &record);
    /* of what he wrote here himself: nobody needs to be told, nobody is to be answered */
    bool copy =
        str_eq(j->message.protocol, STR("portal")) && strcmp(address.text, sender.text) == 0;
    int level =
        record.pickup_level - 1 > c->portal.level ? record.pickup_level - 1 : (int)c->portal.level;
    random_bytes(&number, sizeof number);
    struct store_envelope e = {
        .envelope = number & INT64_MAX,
        .id = j->id,
        .rcpt = it->r.rcpt,
        .address = str_c(address.text),
        .sender = str_c(sender.text),
        .sender_name = j->name,
        .made_ms = it->r.last_ms,
        .expires_ms = it->r.last_ms + c->portal.lifetime,
        .level = level,
        .least = level,
        .state = ENVELOPE_WAITING,
        .sealed = level == 3,
        .sealed_key = j->message.sealed_key,
        .attachments = j->attachments,
        .octets = j->message.size,
        .notice_due_ms = copy ? 0 : it->r.last_ms,
        .notice_kind = NOTICE_NEW,
        .opened_ms = copy ? it->r.last_ms : 0,
        .subject = c->portal.subject ? j->subject : STR(""),
    };
    join_thread(q, j, &e, thread);
    e.sender = copy ? STR("") : e.sender;
    store_put_envelope(q->store, &e);
    envelope_event(q, e.envelope, EVENT_MADE, STR(""), "");
    it->r.state = RCPT_PICKUP;
    it->r.reason = REASON_PICKUP;
    store_outcome(q->store, &it->r);
    ending_note(q, &it->r);
}

/* The process could not: whatever it is, a person must look. */
static void hold_items(struct job *j, enum reason reason, const char *why)
{
    LIST_EACH (at, &j->items) {
        struct item *it = LIST_OF(at, struct item, place.link);
        it->r.state = RCPT_HELD;
        it->r.reason = reason;
        it->r.code = str_c(reason_deferred_code(reason));
        it->r.reply = str_c(why);
        it->r.last_ms = clock_wall_ms();
        store_outcome(j->queue->store, &it->r);
        ending_note(j->queue, &it->r);
    }
    store_sync(j->queue->store, on_made, j);
}

static void on_octets(void *arg, uint64_t n)
{
    ((struct job *)arg)->waiting_octets = n;
}

static void on_thread(void *arg, const struct store_thread *t)
{
    ((struct job *)arg)->thread_there = true;
}

static void on_place_read(void *arg, enum store_result result);

void pickup_prepared(struct job *j, bool ok, uint32_t attachments, struct str name,
                     struct str subject)
{
    struct queue *q = j->queue;
    j->saving = true;
    if (!ok || j->too_much) {
        hold_items(j, REASON_NOT_PREPARED,
                   j->too_much ? "its view is larger than the portal can keep"
                               : "its text could not be read or made into pages");
        return;
    }
    if (name.p != j->name.p) {
        must(arena_copy(&j->arena, name, &j->name) == 0 &&
             arena_copy(&j->arena, subject, &j->subject) == 0);
    }
    j->attachments = attachments;
    struct protect_record record;
    protection_record(&LIST_OF(j->items.next, struct item, place.link)->r, &record);
    const struct store_query queries[] = {
        {.what = STORE_ENVELOPE_OCTETS},
        {.what = STORE_THREAD, .text = str_c(record.thread)},
    };
    j->thread_there = false;
    j->reading = store_read_all(q->store, queries, record.thread[0] ? 2 : 1,
                                &(struct store_rows){
                                    .arg = j,
                                    .number = on_octets,
                                    .thread = on_thread,
                                    .done = on_place_read,
                                });
}

/* What waits in the portal, and the conversation, are known: one commit makes all of it. */
static void on_place_read(void *arg, enum store_result result)
{
    struct job *j = arg;
    struct queue *q = j->queue;
    uint64_t quota = (uint64_t)child_conf(q->child)->portal.quota;
    bool fits = j->waiting_octets + j->message.size <= quota;
    j->reading = NULL;
    if (result != STORE_OK) {
        on_made(j, result);
        return;
    }
    if (fits) {
        store_put_view(q->store, j->id, buf_str(&j->prepared));
    } else {
        log_warn("portal-full", KVN("quota", quota),
                 KV("what", "the mail is held: raise the quota, or end what nobody needs"));
    }
    LIST_EACH (at, &j->items) {
        make_envelope(j, LIST_OF(at, struct item, place.link), fits);
    }
    store_sync(q->store, on_made, j);
}

void pickup_lost(struct job *j)
{
    char id[ID_TEXT], detail[200];
    id_text(j->id, id);
    snprintf(detail, sizeof detail,
             "message %s could not be prepared for the portal, and is held: see postern message %s",
             id, id);
    log_error("message-not-prepared", KV("id", id),
              KV("what", "two inspect processes ended over it, or it took too long"));
    alarms_raise(j->queue, domain_kept(str_c(child_conf(j->queue->child)->hostname)), ALARM_POISON,
                 detail);
    j->saving = true;
    hold_items(j, REASON_NOT_PREPARED, "two processes ended over it, or it took too long");
}

/* --- announced ---------------------------------------------------------- */

/* A mail about an envelope, while its recipient's phrase and language are read. */
struct envelope_mail {
    struct kept_envelope k;
    enum notice_kind kind;
    char to[ADDRESS_ROOM], link[TOKEN_LETTERS + 1], code[CODE_LETTERS + 1], words[64], language[17];
};

static void send_mail(struct scene *s, void *arg)
{
    struct envelope_mail *m = arg;
    struct queue *q = s->q;
    const struct store_envelope *e = &m->k.e;
    int at = worker_from(q, 0);
    if (s->failed || at < 0) {
        log_warn("envelope-mail-not-written",
                 KV("what", s->failed ? "the store could not be read" : "no smtpout is there"));
    } else {
        struct lease_id order =
            orders_give(q, (unsigned)at, ABOUT_ENVELOPE, e->envelope, str_c(m->to));
        const char *language = m->language[0] ? m->language : s->person.language;
        ipc_send(q->workers.smtpout[at],
                 &(struct ipc_msg){.type = IPC_envelope_mail,
                                   .envelope_mail = {
                                       .lease = order,
                                       .envelope = e->envelope,
                                       .kind = m->kind,
                                       .level = e->level,
                                       .to = str_c(m->to),
                                       .sender = e->sender,
                                       .sender_name = e->sender_name,
                                       .made_ms = e->made_ms,
                                       .expires_ms = e->expires_ms,
                                       .attachments = e->attachments,
                                       .octets = e->octets,
                                       .link = str_c(m->link),
                                       .code = str_c(m->code),
                                       .phrase = str_c(s->person.phrase),
                                       .language = str_from(language, strnlen(language, 16)),
                                       .thread = e->thread,
                                       .subject = e->subject,
                                       .words = str_c(m->words),
                                   }});
    }
    explicit_bzero(m, sizeof *m);
    free(m);
}

bool pickup_mail(struct queue *q, const struct kept_envelope *k, enum notice_kind kind,
                 const char *to, const char *link, const char *code, const char *words,
                 struct str language)
{
    if (worker_from(q, 0) < 0) {
        return false;
    }
    struct envelope_mail *m = err_calloc(1, sizeof *m);
    m->kind = kind;
    if (k->found) {
        envelope_keep(&m->k, &k->e);
    }
    str_copy_cut(str_c(to), m->to, sizeof m->to);
    str_copy_cut(str_c(link), m->link, sizeof m->link);
    str_copy_cut(str_c(code), m->code, sizeof m->code);
    str_copy_cut(str_c(words), m->words, sizeof m->words);
    str_copy_cut(language, m->language, sizeof m->language);
    scene_read(q,
               &(struct scene_of){
                   .needs = NEEDS_PERSON,
                   .whose = WHOSE_ADDRESS,
                   .address = str_c(m->to),
               },
               send_mail, m);
    return true;
}

static bool is_sealed_already(const struct store_envelope *e)
{
    return e->sealed && e->sealed_key.n == REST_WRAPPED_BY_LINK;
}

static void send_notice(struct queue *q, const struct notice *n, const struct kept_envelope *k)
{
    bool again = is_sealed_already(&k->e); /* the link is in the first notice alone */
    (void)pickup_mail(q, k, n->kind, k->e.address.p, again ? "" : n->link,
                      k->e.sealed ? "" : n->code, "", STR(""));
}

static void begin_notice(struct scene *s, void *arg)
{
    struct queue *q = s->q;
    struct kept_envelope *k = &s->envelope;
    uint64_t envelope = s->of.number;
    struct notice *n = map_get(q->pickup.notices, map_id(&envelope));
    if (!queue_can_send(q) || !k->found || k->e.notice_due_ms == 0 ||
        (n && clock_mono_ms() - n->begun_mono_ms < NOTICE_AGAIN_MS)) {
        return;
    }
    if (!n) {
        n = err_calloc(1, sizeof *n);
        n->envelope = envelope;
        must(map_put(q->pickup.notices, map_id(&n->envelope), n) == 0);
    }
    n->begun_mono_ms = clock_mono_ms();
    /* should this one fail, the others have their turn before it */
    k->e.notice_due_ms = clock_wall_ms() + NOTICE_AGAIN_MS;
    store_put_envelope(q->store, &k->e);
    n->kind = k->e.notice_kind;
    random_text(n->link, TOKEN_LETTERS);
    random_text(n->code, CODE_LETTERS);
    if (k->e.sealed && !is_sealed_already(&k->e)) {
        ipc_send(q->keys, &(struct ipc_msg){.type = IPC_seal_link,
                                            .seal_link = {
                                                .token = envelope,
                                                .sealed_key = k->e.sealed_key,
                                                .secret = str_c(n->link),
                                            }});
        return;
    }
    send_notice(q, n, k);
}

static void on_link_envelope(struct scene *s, void *arg)
{
    uint64_t envelope = s->of.number;
    struct notice *n = map_get(s->q->pickup.notices, map_id(&envelope));
    if (n && n->n_sealed_key > 0 && s->envelope.found) {
        send_notice(s->q, n, &s->envelope);
    }
}

void pickup_link_sealed(struct queue *q, uint64_t envelope, bool ok, struct str sealed_key)
{
    struct notice *n = map_get(q->pickup.notices, map_id(&envelope));
    if (!n || !ok || sealed_key.n != REST_WRAPPED_BY_LINK) {
        log_error("envelope-not-sealed", KVN("envelope", envelope),
                  KV("what", "its notice is not written; it will be tried again"));
        return;
    }
    memcpy(n->sealed_key, sealed_key.p, sealed_key.n);
    n->n_sealed_key = sealed_key.n;
    scene_read(q, &(struct scene_of){.needs = NEEDS_ENVELOPE, .number = envelope}, on_link_envelope,
               NULL);
}

void pickup_mail_stored(struct queue *q, const struct scene *s, uint64_t message)
{
    uint64_t envelope = s->of.number;
    struct notice *n = map_take(q->pickup.notices, map_id(&envelope));
    struct kept_envelope k = s->envelope; /* its strings lie in the scene */
    unsigned char hash[ENVELOPE_HASH];
    if (!n) {
        return; /* a code, or a copy */
    }
    if (k.found) {
        if (!is_sealed_already(&k.e)) {
            token_hash(str_c(n->link), hash);
            store_put_envelope_token(q->store, envelope, str_from((const char *)hash, sizeof hash));
        }
        if (!k.e.sealed) {
            token_hash(str_c(n->code), hash);
            store_put_envelope_token(q->store, envelope, str_from((const char *)hash, sizeof hash));
        }
        if (n->n_sealed_key > 0) { /* from here on nobody here can open it */
            k.e.sealed_key = str_from((const char *)n->sealed_key, n->n_sealed_key);
            envelope_event(q, envelope, EVENT_SEALED, STR(""), "");
        }
        k.e.notice_due_ms = 0;
        k.e.notice_id = message;
        store_put_envelope(q->store, &k.e);
        if (n->n_sealed_key > 0) {
            store_drop_key_if_unused(q->store, k.e.id);
        }
        envelope_event(q, envelope, n->kind == NOTICE_REMINDER ? EVENT_REMINDED : EVENT_NOTICE_SENT,
                       k.e.address, "");
    }
    explicit_bzero(n, sizeof *n);
    free(n);
}

/* The recipient of a notice that ended, until its envelope is read. */
struct notice_end {
    struct store_rcpt r; /* strings in text */
    struct arena text;
};

static void end_envelope(struct scene *s, enum envelope_state state, struct str who, bool told,
                         const struct store_rcpt *lost);

static void on_noticed_envelope(struct scene *s, void *arg)
{
    struct notice_end *w = arg;
    const struct store_rcpt *r = &w->r;
    const struct store_envelope *e = &s->envelope.e;
    if (s->envelope.found) {
        char detail[512], id[ID_TEXT];
        id_text(r->id, id);
        snprintf(detail, sizeof detail, "message %s, server " STR_FMT ": " STR_FMT, id,
                 STR_ARG(r->host), STR_ARG(r->reply));
        envelope_event(s->q, e->envelope,
                       r->state == RCPT_DELIVERED ? EVENT_NOTICE_DELIVERED : EVENT_NOTICE_FAILED,
                       e->address, detail);
        if (r->state != RCPT_DELIVERED && e->opened_ms == 0 && envelope_waits(e) &&
            !envelope_must_stay(e)) {
            end_envelope(s, ENVELOPE_LOST, STR(""), true, r);
        }
    } else if (s->failed) {
        log_error("store-unreadable", KV("what", "the envelope whose notice ended"));
    }
    arena_reset(&w->text);
    free(w);
}

void pickup_notice_ended(struct queue *q, const struct store_rcpt *r)
{
    if (r->state != RCPT_DELIVERED && r->state != RCPT_FAILED && r->state != RCPT_EXPIRED) {
        return;
    }
    struct notice_end *w = err_calloc(1, sizeof *w);
    w->text = ARENA_INIT(64 * 1024);
    w->r = (struct store_rcpt){.id = r->id, .rcpt = r->rcpt, .state = r->state};
    must(arena_copy(&w->text, r->host, &w->r.host) == 0 &&
         arena_copy(&w->text, r->reply, &w->r.reply) == 0 &&
         arena_copy(&w->text, r->code, &w->r.code) == 0);
    scene_read(q,
               &(struct scene_of){
                   .needs = NEEDS_ENVELOPE | NEEDS_RCPT,
                   .by = ENVELOPE_BY_NOTICE,
                   .number = r->id,
               },
               on_noticed_envelope, w);
}

/* --- ended -------------------------------------------------------------- */

/* lost: the recipient of its notice, which failed; or NULL. */
static void close_rcpt(struct scene *s, bool told, const struct store_rcpt *notice)
{
    struct queue *q = s->q;
    const struct store_envelope *e = &s->envelope.e;
    struct store_rcpt r = s->rcpt;
    if (!s->has_rcpt || r.state != RCPT_PICKUP) {
        return;
    }
    bool lost = e->state == ENVELOPE_LOST, read = e->opened_ms != 0;
    r.last_ms = clock_wall_ms();
    r.state = e->state == ENVELOPE_RECALLED ? RCPT_DELETED
              : read                        ? RCPT_DELIVERED
              : lost                        ? RCPT_FAILED
                                            : RCPT_EXPIRED;
    r.reason = read                            ? REASON_PICKED_UP
               : e->state == ENVELOPE_RECALLED ? REASON_TAKEN_BACK
               : lost                          ? REASON_UNREACHABLE
                                               : REASON_NOT_PICKED_UP;
    r.code = read ? STR("2.0.0") : str_c(reason_bounced_code(r.reason));
    r.reply = STR("");
    if (lost && !read && notice) { /* what was said to the notice is why */
        r.code = notice->code.n > 0 && notice->code.p[0] == '5' ? notice->code : r.code;
        r.reply = notice->reply;
        r.host = notice->host;
    }
    r.bounced = !told || read || e->state == ENVELOPE_RECALLED || e->sender.n == 0 ||
                !notify_wants(r.notify, NOTIFY_FAILURE);
    store_outcome(q->store, &r);
    ending_note(q, &r);
    q->delivery.bounces_due |= !r.bounced;
}

static void end_envelope(struct scene *s, enum envelope_state state, struct str who, bool told,
                         const struct store_rcpt *lost)
{
    static const enum envelope_event events[ENVELOPE_STATE_END] = {EVENT_MADE, EVENT_LOCKED_BY,
                                                                   EVENT_RECALLED_BY,
                                                                   EVENT_EXPIRED_ON,
                                                                   EVENT_NOTICE_FAILED};
    struct queue *q = s->q;
    struct store_envelope *e = &s->envelope.e;
    e->state = state;
    e->sealed_key = STR("");
    e->notice_due_ms = 0;
    e->expires_ms = e->expires_ms < clock_wall_ms() ? e->expires_ms : clock_wall_ms();
    store_put_envelope(q->store, e);
    store_drop_draft(q->store, e->envelope);
    if (state != ENVELOPE_LOST) {
        envelope_event(q, e->envelope, events[state], who,
                       e->opened_ms ? "it had been read" : "it had not been read");
    }
    close_rcpt(s, told, lost);
    store_drop_view_if_unused(q->store, e->id);
    store_release_body(q->store, e->id);
}

void pickup_end(struct scene *s, enum envelope_state state, struct str who, bool told)
{
    end_envelope(s, state, who, told, NULL);
}

/* --- in time ------------------------------------------------------------ */

static void pickup_on_due(void *arg, const struct store_envelope *e)
{
    scene_read(arg, &(struct scene_of){.needs = NEEDS_ENVELOPE, .number = e->envelope},
               begin_notice, NULL);
}

static void on_over(struct scene *s, void *arg)
{
    const struct store_envelope *e = &s->envelope.e;
    if (s->envelope.found && e->state <= ENVELOPE_LOCKED && !e->legal_hold &&
        e->expires_ms <= clock_wall_ms()) {
        pickup_end(s, ENVELOPE_EXPIRED, STR(""), true);
    }
}

static void note_over(void *arg, const struct store_envelope *e)
{
    scene_read(arg, &(struct scene_of){.needs = NEEDS_ENVELOPE | NEEDS_RCPT, .number = e->envelope},
               on_over, NULL);
}

/* Unread after three days, and when three quarters of its time are over. */
static void remind(struct scene *s, void *arg)
{
    struct store_envelope *e = &s->envelope.e;
    int64_t now = clock_wall_ms();
    if (!s->envelope.found || e->reminders >= 2 || e->opened_ms != 0 || !envelope_waits(e)) {
        return;
    }
    int64_t late = e->made_ms + (e->expires_ms - e->made_ms) / 4 * 3;
    bool first = e->reminders == 0 && now >= e->made_ms + first_reminder_ms && now < late;
    if (first || now >= late) {
        e->reminders = first ? 1 : 2;
        e->notice_due_ms = now;
        e->notice_kind = NOTICE_REMINDER;
        store_put_envelope(s->q->store, e);
    }
}

static void note_unread(void *arg, const struct store_envelope *e)
{
    scene_read(arg, &(struct scene_of){.needs = NEEDS_ENVELOPE, .number = e->envelope}, remind,
               NULL);
}

static void pickup_on_looked(void *arg, enum store_result result)
{
    if (result != STORE_OK) {
        log_warn("store-unreadable", KV("what", "envelopes that are due; looked at again"));
    }
}

/* Each envelope that is due is read once more before anything is done with it. */
static void pickup_look_for(struct queue *q, enum envelope_due which, unsigned max,
                            store_envelope_fn fn)
{
    store_read(q->store,
               &(struct store_query){
                   .what = STORE_ENVELOPES_DUE,
                   .kind = which,
                   .ms = clock_wall_ms(),
                   .max = max,
               },
               &(struct store_rows){.arg = q, .envelope = fn, .done = pickup_on_looked});
}

static void on_waiting_octets(void *arg, uint64_t octets)
{
    if (octets > 0) {
        log_warn("portal-gone", KVN("octets", octets),
                 KV("what", "mail waits to be picked up, and there is no portal: nobody can open "
                            "it; postern doctor says how much and what to do"));
    }
}

void pickup_look(struct queue *q)
{
    if (!child_conf(q->child)->portal.url) {
        store_read(q->store, &(struct store_query){.what = STORE_ENVELOPE_OCTETS},
                   &(struct store_rows){
                       .arg = q,
                       .number = on_waiting_octets,
                       .done = pickup_on_looked,
                   });
    }
}

void pickup_due(struct queue *q)
{
    int64_t now = clock_wall_ms(), mono = clock_mono_ms();
    /* where there is no portal any more nobody is told to come to it; what waits is over in its
     * time */
    bool is_portal = child_conf(q->child)->portal.url != NULL;
    if (is_portal) {
        pickup_look_for(q, ENVELOPE_NOTICE_DUE, NOTICES_AT_ONCE, pickup_on_due);
    }
    if (q->pickup.envelopes_looked_ms && mono - q->pickup.envelopes_looked_ms < LOOK_MS) {
        return;
    }
    q->pickup.envelopes_looked_ms = mono;
    if (!queue_may_expire(q)) {
        return; /* after a jump forward nothing ends because of its age */
    }
    pickup_look_for(q, ENVELOPE_OVER, OVER_AT_ONCE, note_over);
    if (is_portal) {
        pickup_look_for(q, ENVELOPE_UNREAD, OVER_AT_ONCE, note_unread);
    }
    store_forget_passes(q->store, now);
    /* it reads whole tables */
    if (q->pickup.envelopes_swept_ms == 0 || mono - q->pickup.envelopes_swept_ms >= SWEEP_MS) {
        q->pickup.envelopes_swept_ms = mono;
        store_forget_envelopes(q->store, now - child_conf(q->child)->queue.report_retention);
    }
}
