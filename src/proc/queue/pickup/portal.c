/* SPDX-License-Identifier: Apache-2.0
 * portal.c: what `web` asks for the people in front of it, answered from the store. Called by
 * the channel of web.
 *
 * web is not believed: each question brings a pass, and each object is checked against whose it
 * is, here. What is somebody else's, what is not there and what is wrong have one answer.
 * Messages leave as sealed octets with a lease; their key comes from `keys`, or, for sealed
 * mail, from the link in the browser's hands. What was done is on record before the answer
 * leaves, where the answer shows a message for the first time.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "proc/queue/pickup/guessing.h"
#include "proc/queue/pickup/proofs.h"
#include "proc/queue/queue.h"
#include "proc/queue/pickup/scene.h"
#include "proc/queue/pickup/visits.h"
#include "seal/password.h"
#include "seal/rest.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ROWS_MAX = 200,
    EVENTS_MAX = 500,
    FILE_PASSES = 5000, /* an hour, for one person */
    PIECE = 128 * 1024
};
static const int64_t day_ms = 24LL * 60 * 60 * 1000, longest_days = 730;

/* An answer that is known, until it is durable or its rows are sent; web may be gone by then. */
struct call {
    struct queue *q;
    struct ipc_channel *ch;
    uint64_t token;
    uint64_t envelope; /* of rows: the only one that may be seen; 0: all */
    struct ipc_msg answer;
    struct link link;
    char address[ADDRESS_ROOM];
    unsigned char sealed_key[ENVELOPE_WRAPPED_MAX];
};

static struct link calls = {&calls, &calls};

typedef void (*ask_fn)(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                       struct scene *s);

/* A question while what it is about is read. */
struct asking {
    struct ipc_channel *ch;
    struct ipc_portal_ask a; /* strings in text */
    struct arena text;
    ask_fn answer;
    struct scene *scene;
    struct link link;
};

static struct link askings = {&askings, &askings};

static void asking_end(struct asking *w)
{
    list_remove(&w->link);
    arena_reset(&w->text);
    free(w);
}

void portal_web_gone(struct queue *q, const struct ipc_channel *ch)
{
    proofs_peer_gone(q, ch);
    LIST_EACH (at, &calls) {
        struct call *c = LIST_OF(at, struct call, link);
        c->ch = c->ch == ch ? NULL : c->ch;
    }
    for (struct link *at = askings.next; at != &askings;) {
        struct asking *w = LIST_OF(at, struct asking, link);
        at = at->next;
        if (w->ch == ch) {
            scene_cancel(w->scene);
            asking_end(w);
        }
    }
}

static void portal_reply(struct ipc_channel *ch, uint64_t token, enum portal_result result)
{
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer,
                                   .portal_answer = {.token = token, .result = result}});
}

/* With who it is, for the page. */
static struct ipc_portal_answer answer_as(uint64_t token, const struct kept_pass *p)
{
    return (struct ipc_portal_answer){
        .token = token,
        .result = PORTAL_OK,
        .kind = p->p.kind,
        .level = p->p.level,
        .address = p->p.address,
    };
}

static void portal_on_saved(void *arg, enum store_result result)
{
    struct call *c = arg;
    if (result != STORE_OK) {
        c->answer = (struct ipc_msg){.type = IPC_portal_answer,
                                     .portal_answer = {.token = c->token, .result = PORTAL_LATER}};
    }
    ipc_send(c->ch, &c->answer);
    list_remove(&c->link);
    free(c);
}

static struct call *call_new(struct queue *q, struct ipc_channel *ch,
                             const struct ipc_portal_answer *a)
{
    struct call *c = err_calloc(1, sizeof *c);
    *c = (struct call){
        .q = q,
        .ch = ch,
        .token = a->token,
        .answer = {.type = IPC_portal_answer, .portal_answer = *a},
    };
    str_copy_cut(a->address, c->address, sizeof c->address);
    c->answer.portal_answer.address = str_c(c->address);
    if (a->sealed_key.n > 0 && a->sealed_key.n <= sizeof c->sealed_key) {
        memcpy(c->sealed_key, a->sealed_key.p, a->sealed_key.n);
    }
    c->answer.portal_answer.sealed_key = str_from((const char *)c->sealed_key, a->sealed_key.n);
    list_append(&calls, &c->link);
    return c;
}

/* Answers once everything so far is durable. */
void portal_answer_saved(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_answer *a)
{
    store_sync(q->store, portal_on_saved, call_new(q, ch, a));
}

struct ipc_msg portal_row(const struct store_envelope *e, uint64_t token)
{
    struct ipc_msg row = {.type = IPC_row_envelope};
    RECORD_COPY(envelope_shown, &row.row_envelope, e);
    row.row_envelope.token = token;
    return row;
}

struct ipc_msg portal_event_row(const struct store_envelope_event *e, uint64_t token)
{
    return (struct ipc_msg){.type = IPC_row_envelope_event,
                            .row_envelope_event = {
                                .token = token,
                                .envelope = e->envelope,
                                .at_ms = e->at_ms,
                                .kind = e->kind,
                                .who = e->who,
                                .detail = e->detail,
                            }};
}

static void portal_send_row(struct ipc_channel *ch, uint64_t token, const struct store_envelope *e)
{
    const struct ipc_msg m = portal_row(e, token);
    ipc_send(ch, &m);
}

/* --- recipients --------------------------------------------------------- */

/* What this pass may open: its own address, or the one envelope; enough was proved. */
static bool may_read(const struct kept_pass *p, const struct store_envelope *e, enum pass_kind kind)
{
    return p->p.kind == kind && str_eq(p->p.address, e->address) &&
           (p->p.envelope == 0 || p->p.envelope == e->envelope) &&
           (e->level < 2 || p->p.level >= 2);
}

/* The envelope asked for, of the one who asks. */
bool portal_may_read(const struct scene *s)
{
    return visits_pass(s->q, &s->pass) && s->envelope.found &&
           may_read(&s->pass, &s->envelope.e, PASS_RECIPIENT);
}

/* The same, or of one whom the first name of the portal sent to the second. */
static bool visible(const struct scene *s, const struct ipc_portal_ask *a)
{
    return visits_pass(s->q, &s->pass) && s->envelope.found &&
           may_read(&s->pass, &s->envelope.e, a->number ? PASS_FILES : PASS_RECIPIENT);
}

static void send_if_readable(void *arg, const struct store_envelope *e)
{
    struct call *c = arg;
    if (c->envelope == 0 || c->envelope == e->envelope) {
        portal_send_row(c->ch, c->token, e);
    }
}

static void portal_send_event(void *arg, const struct store_envelope_event *e)
{
    const struct call *c = arg;
    const struct ipc_msg m = portal_event_row(e, c->token);
    ipc_send(c->ch, &m);
}

static void on_rows_sent(void *arg, enum store_result result)
{
    struct call *c = arg;
    if (result != STORE_OK) {
        portal_reply(c->ch, c->token, PORTAL_NO);
    } else {
        ipc_send(c->ch, &c->answer);
    }
    list_remove(&c->link);
    free(c);
}

/* The rows of a query that this pass may see, then who it is. */
static void send_rows(struct ipc_channel *ch, uint64_t token, const struct scene *s,
                      const struct store_query *query)
{
    const struct ipc_portal_answer r = answer_as(token, &s->pass);
    struct call *c = call_new(s->q, ch, &r);
    c->envelope = s->pass.p.envelope;
    store_read(s->q->store, query,
               &(struct store_rows){
                   .arg = c,
                   .envelope = send_if_readable,
                   .event = portal_send_event,
                   .done = on_rows_sent,
               });
}

static void list_of(struct queue *q, struct ipc_channel *ch, uint64_t token, const struct scene *s,
                    enum pass_kind kind, enum envelope_of of)
{
    if (!visits_pass(q, &s->pass) || s->pass.p.kind != kind) {
        portal_reply(ch, token, PORTAL_NO);
        return;
    }
    send_rows(ch, token, s,
              &(struct store_query){
                  .what = STORE_ENVELOPES_OF,
                  .kind = of,
                  .text = s->pass.p.address,
                  .max = ROWS_MAX,
              });
}

static void portal_list(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                        struct scene *s)
{
    list_of(q, ch, a->token, s, PASS_RECIPIENT, ENVELOPE_OF_ADDRESS);
}

static void send_pieces(struct ipc_channel *ch, uint64_t token, struct str sealed)
{
    for (size_t at = 0; at < sealed.n; at += PIECE) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_piece,
                                       .portal_piece = {.token = token,
                                                        .octets = str_slice(sealed, at,
                                                                            at + PIECE < sealed.n
                                                                                ? at + PIECE
                                                                                : sealed.n)}});
    }
}

/* keys will open it for that web alone, once. */
static struct lease_id lease_for_web(struct queue *q, struct ipc_channel *ch, struct str sealed_key)
{
    const struct peer *p = ipc_channel_data(ch);
    struct lease_id l = lease_draw();
    ipc_send(q->keys, &(struct ipc_msg){.type = IPC_lease_open,
                                        .lease_open = {
                                            .lease = l,
                                            .role = p->role,
                                            .index = p->index,
                                            .sealed_key = sealed_key,
                                        }});
    return l;
}

/* How the reader gets the key: by a lease, or by what his link holds. */
static void give_key(struct queue *q, struct ipc_channel *ch, const struct store_envelope *e,
                     struct ipc_portal_answer *ret)
{
    if (e->sealed) {
        ret->sealed_key = e->sealed_key;
        return;
    }
    ret->lease = lease_for_web(q, ch, e->sealed_key);
}

static void show_envelope(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                          struct scene *s)
{
    struct store_envelope *e = &s->envelope.e;
    if (!visible(s, a)) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    portal_send_row(ch, a->token, e);
    struct ipc_portal_answer r = {
        .token = a->token,
        .result = envelope_waits(e) ? PORTAL_OK : PORTAL_OVER,
        .address = s->pass.p.address,
        .kind = s->pass.p.kind,
        .envelope = e->envelope,
        .level = s->pass.p.level,
    };
    if (r.result != PORTAL_OK) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
        return;
    }
    send_pieces(ch, a->token, s->view);
    give_key(q, ch, e, &r);
    envelope_event(q, e->envelope, EVENT_READ, a->network, "");
    if (e->opened_ms == 0) {
        e->opened_ms = clock_wall_ms();
        store_put_envelope(q->store, e);
        portal_answer_saved(q, ch, &r);
    } else {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
    }
}

static void give_body(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                      struct scene *s)
{
    const struct store_envelope *e = &s->envelope.e;
    char detail[300];
    if (!visible(s, a) || !envelope_waits(e)) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    struct ipc_portal_answer r = {.token = a->token, .result = PORTAL_OK};
    int spool = s->message.spool.n > 0 ? store_spool_open(q->store, s->message.spool) : -1;
    if (spool < 0 && s->message.body.n == 0) {
        portal_reply(ch, a->token, PORTAL_LATER);
        return;
    }
    give_key(q, ch, e, &r);
    str_copy_cut(a->text, detail, sizeof detail);
    envelope_event(q, e->envelope, EVENT_DOWNLOADED, a->network, detail);
    r.number = (int64_t)s->message.size;
    struct ipc_msg msg = {.type = IPC_portal_answer, .portal_answer = r};
    if (spool >= 0) {
        ipc_send_fd(ch, &msg, spool);
    } else {
        msg.portal_answer.body = s->message.body;
        ipc_send(ch, &msg);
    }
}

static void give_file_pass(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                           struct scene *s)
{
    bool ok = a->data.n == ENVELOPE_HASH && portal_may_read(s) &&
              guessing_count(q, "files", s->pass.p.address, FILE_PASSES);
    if (ok) {
        visits_files(q, &s->pass, a->envelope, a->data);
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer,
                                   .portal_answer = {
                                       .token = a->token,
                                       .result = ok ? PORTAL_OK : PORTAL_NO,
                                       .number = ok && s->envelope.e.sealed,
                                   }});
}

static void give_draft(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                       struct scene *s)
{
    struct ipc_portal_answer r = {.token = a->token, .result = PORTAL_NO};
    if (portal_may_read(s) && envelope_waits(&s->envelope.e)) {
        r.result = PORTAL_OK;
        if (s->draft_key.n > 0) {
            r.lease = lease_for_web(q, ch, s->draft_key);
            send_pieces(ch, a->token, s->draft);
        }
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
}

static void put_draft(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                      struct scene *s)
{
    if (!portal_may_read(s) || !envelope_waits(&s->envelope.e)) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    if (a->data.n > REST_WRAPPED) {
        store_put_draft(q->store, a->envelope, clock_wall_ms(), str_slice(a->data, 0, REST_WRAPPED),
                        str_slice(a->data, REST_WRAPPED, a->data.n));
    } else {
        store_drop_draft(q->store, a->envelope);
    }
    portal_answer_saved(q, ch, &(struct ipc_portal_answer){.token = a->token, .result = PORTAL_OK});
}

/* What is known about somebody, with one thing changed. */
static void put_person(struct queue *q, struct str address, const struct kept_person *p)
{
    store_put_person(q->store, &(struct store_person){
                                   .address = address,
                                   .phrase = str_c(p->phrase),
                                   .agreed = str_c(p->agreed),
                                   .language = str_c(p->language),
                               });
}

static void set_phrase(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                       struct scene *s)
{
    char phrase[121];
    if (!visits_pass(q, &s->pass) || s->pass.p.kind != PASS_RECIPIENT || s->pass.p.level < 1) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    str_copy_cut(str_trim(a->text), phrase, sizeof phrase);
    for (char *c = phrase; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
    }
    str_copy_cut(str_c(phrase), s->person.phrase, sizeof s->person.phrase);
    put_person(q, s->pass.p.address, &s->person);
    portal_answer_saved(q, ch, &(struct ipc_portal_answer){.token = a->token, .result = PORTAL_OK});
}

/* --- senders ------------------------------------------------------------ */

static bool is_sender(const struct kept_pass *p, const struct store_envelope *e)
{
    return p->p.kind == PASS_INSIDE && str_eq(p->p.address, e->sender);
}

static void list_sent(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                      struct scene *s)
{
    list_of(q, ch, a->token, s, PASS_INSIDE, ENVELOPE_OF_SENDER);
}

static void list_events(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                        struct scene *s)
{
    if (!visits_pass(q, &s->pass) || !s->envelope.found || !is_sender(&s->pass, &s->envelope.e)) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    portal_send_row(ch, a->token, &s->envelope.e);
    send_rows(ch, a->token, s,
              &(struct store_query){
                  .what = STORE_ENVELOPE_EVENTS,
                  .number = a->envelope,
                  .max = EVENTS_MAX,
              });
}

static bool extend(struct queue *q, struct kept_envelope *k, struct str days, struct str who)
{
    uint64_t n;
    char detail[64];
    if (k->e.state > ENVELOPE_LOCKED ||
        str_to_u64(str_trim(days), (uint64_t)longest_days, &n) < 0 || n == 0) {
        return false;
    }
    int64_t until = k->e.made_ms + longest_days * day_ms,
            to = clock_wall_ms() + (int64_t)n * day_ms;
    k->e.expires_ms = to < until ? to : until;
    snprintf(detail, sizeof detail, "%llu days from now", (unsigned long long)n);
    envelope_event(q, k->e.envelope, EVENT_EXTENDED, who, detail);
    return true;
}

static bool change_level(struct queue *q, struct kept_envelope *k, struct str level, struct str who)
{
    uint64_t n;
    char detail[64];
    if (str_to_u64(str_trim(level), 2, &n) < 0 || n < k->e.least || k->e.sealed ||
        k->e.state > ENVELOPE_LOCKED) {
        /* a sealed mail stays so, and another cannot become one: its key was with us */
        return false;
    }
    snprintf(detail, sizeof detail, "from %u to %llu", k->e.level, (unsigned long long)n);
    k->e.level = n;
    envelope_event(q, k->e.envelope, EVENT_LEVEL, who, detail);
    return true;
}

/* False: not possible now. */
bool portal_act(struct scene *s, enum portal_act act, struct str argument, struct str who)
{
    struct queue *q = s->q;
    struct kept_envelope *k = &s->envelope;
    bool locked = k->e.state == ENVELOPE_LOCKED, open = k->e.state <= ENVELOPE_LOCKED, ok = open;
    switch (act) {
    case ACT_EXTEND:
        ok = extend(q, k, argument, who);
        break;
    case ACT_RECALL:
        ok = open && !envelope_must_stay(&k->e);
        if (ok) {
            pickup_end(s, ENVELOPE_RECALLED, who, false);
        }
        return ok;
    case ACT_LOCK:
    case ACT_UNLOCK:
        ok = open && locked == (act == ACT_UNLOCK);
        if (ok) {
            k->e.state = act == ACT_LOCK ? ENVELOPE_LOCKED : ENVELOPE_WAITING;
            envelope_event(q, k->e.envelope, act == ACT_LOCK ? EVENT_LOCKED_BY : EVENT_UNLOCKED,
                           who, "");
        }
        break;
    case ACT_RESEND:
        ok = envelope_waits(&k->e);
        k->e.notice_due_ms = ok ? clock_wall_ms() : k->e.notice_due_ms;
        k->e.notice_kind = NOTICE_AGAIN;
        break;
    case ACT_LEVEL:
        ok = change_level(q, k, argument, who);
        break;
    case ACT_HOLD:
    case ACT_UNHOLD:
        if (ok) { /* what has ended has no key to keep */
            k->e.legal_hold = act == ACT_HOLD;
            envelope_event(q, k->e.envelope, EVENT_HELD, who, act == ACT_HOLD ? "begins" : "ends");
        }
        break;
    case ACT_PHRASE:
        ok = str_starts_nocase(argument, STR("$argon2id$")) && argument.n < PASSWORD_HASH_MAX;
        if (ok) {
            str_copy_cut(argument, s->person.agreed, sizeof s->person.agreed);
            put_person(q, k->e.address, &s->person);
        }
        return ok;
    case ACT_END:
        ok = false;
        break;
    }
    if (ok) {
        store_put_envelope(q->store, &k->e);
    }
    return ok;
}

static void act(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                struct scene *s)
{
    /* a legal hold is for those who run the gateway */
    bool allowed =
        a->number >= 0 && a->number < ACT_END && a->number != ACT_HOLD && a->number != ACT_UNHOLD;
    bool his = allowed && visits_pass(q, &s->pass) && s->envelope.found &&
               is_sender(&s->pass, &s->envelope.e);
    if (his && a->number == ACT_PHRASE) {
        proofs_agree(q, ch, a);
        return;
    }
    bool ok = his && portal_act(s, a->number, a->text, s->pass.p.address);
    bool stays = !ok && his && a->number == ACT_RECALL && envelope_must_stay(&s->envelope.e);
    enum portal_result result = ok ? PORTAL_OK : stays ? PORTAL_MUST_STAY : PORTAL_NO;
    portal_answer_saved(q, ch, &(struct ipc_portal_answer){.token = a->token, .result = result});
    if (ok) {
        pickup_due(q);
    }
}

/* --- who ---------------------------------------------------------------- */

static void portal_send_code(struct queue *q, struct ipc_channel *ch,
                             const struct ipc_portal_ask *a, struct scene *s)
{
    char words[64] = "";
    int64_t wait_s = 0;
    enum portal_result r = visits_send_code(q, a, s, words, sizeof words, &wait_s);
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer,
                                   .portal_answer = {
                                       .token = a->token,
                                       .result = r,
                                       .number = wait_s,
                                       .words = str_c(words),
                                   }});
}

static void take_code(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                      struct scene *s)
{
    struct ipc_portal_answer r = {.token = a->token};
    struct buf offers = BUF_INIT(8000);
    r.result = visits_code(q, a, s, &r, &offers);
    if (r.result == PORTAL_PROOF_WANTED) { /* nothing that must last has changed */
        r.text = buf_str(&offers);
        ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
    } else {
        portal_answer_saved(q, ch, &r);
    }
    buf_free(&offers);
}

static void known(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                  struct scene *s)
{
    struct ipc_portal_answer r = {.token = a->token};
    r.result = visits_known(q, a, s, &r.envelope);
    portal_answer_saved(q, ch, &r);
}

static void who(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                struct scene *s)
{
    const struct store_pass *p = &s->pass.p;
    struct ipc_portal_answer r = {.token = a->token, .result = PORTAL_NO};
    if (visits_pass(q, &s->pass)) {
        r = (struct ipc_portal_answer){
            .token = a->token,
            .result = PORTAL_OK,
            .kind = p->kind,
            .level = p->level,
            .envelope = p->envelope,
            .number = p->until_ms,
            .address = p->address,
        };
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
}

static void portal_leave(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                         struct scene *s)
{
    struct str address = s->pass.p.address;
    if (visits_pass(q, &s->pass)) {
        visits_forget(q, a->pass);
        if (a->number) {
            store_drop_passes_of(q->store, address);
        }
        log_notice("portal-left", KVS("address", address), KVN("everywhere", a->number));
    }
    portal_answer_saved(q, ch, &(struct ipc_portal_answer){.token = a->token, .result = PORTAL_OK});
}

static void portal_explain(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                           struct scene *s)
{
    if (!visits_pass(q, &s->pass) || s->pass.p.kind != PASS_INSIDE) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    fates_tell(q, ch, a, s->pass.p.address);
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer,
                                   .portal_answer = answer_as(a->token, &s->pass)});
}

/* "Please send it again": the sender gets a mail, at most one an hour for each envelope. */
static void ask_again(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                      struct scene *s)
{
    const struct store_envelope *e = &s->envelope.e;
    bool ok = portal_may_read(s) && !envelope_waits(e) && e->sender.n > 0;
    char number[ID_TEXT], envelope[ID_TEXT];
    id_text(a->envelope, envelope);
    ok = ok && guessing_count(q, "again", str_c(envelope), 1);
    if (ok) {
        char text[1500];
        id_text(e->id, number);
        snprintf(text, sizeof text,
                 STR_FMT " could not read your mail in the portal any more, and asks you to send "
                         "it once more.\r\n\r\nNumber of the mail: %s\r\n",
                 STR_ARG(e->address), number);
        worker_write(q, &(struct system_mail){
                            .to = e->sender,
                            .subject = STR("Please send your mail again"),
                            .text = str_c(text),
                        });
        envelope_event(q, e->envelope, EVENT_ASKED_AGAIN, a->network, "");
    }
    portal_reply(ch, a->token, PORTAL_OK);
}

static void about_wanted(struct queue *q, const struct ipc_portal_ask *a, struct scene_of *of)
{
    visits_wants(a, of);
}

static void about_visit(struct queue *q, const struct ipc_portal_ask *a, struct scene_of *of)
{
    visits_about(q, a->browser, of);
}

static void about_sender(struct queue *q, const struct ipc_portal_ask *a, struct scene_of *of)
{
    of->whose = WHOSE_ENVELOPE;
}

/* Who answers, and what that needs: of the pass and the envelope that web names, unless `about`
 * says whose else. What is not needed is not there. */
static const struct {
    ask_fn answer;
    unsigned needs;
    void (*about)(struct queue *q, const struct ipc_portal_ask *a, struct scene_of *of);
} answers[PORTAL_VERB_END] = {
    [PORTAL_SEND_CODE] = {portal_send_code, NEEDS_ENVELOPE, about_wanted},
    [PORTAL_CODE] = {take_code, NEEDS_ENVELOPE | NEEDS_PASSKEYS, about_visit},
    [PORTAL_PROVE] = {proofs_on_prove, NEEDS_PERSON | NEEDS_PASSKEYS, about_visit},
    [PORTAL_REMEMBERED] = {known, NEEDS_PASS | NEEDS_ENVELOPE, about_wanted},
    [PORTAL_WHO] = {who, NEEDS_PASS},
    [PORTAL_LEAVE] = {portal_leave, NEEDS_PASS},
    [PORTAL_LIST] = {portal_list, NEEDS_PASS},
    [PORTAL_ENVELOPE] = {show_envelope, NEEDS_PASS | NEEDS_ENVELOPE | NEEDS_VIEW},
    [PORTAL_BODY] = {give_body, NEEDS_PASS | NEEDS_ENVELOPE | NEEDS_MESSAGE},
    [PORTAL_FILE_PASS] = {give_file_pass, NEEDS_PASS | NEEDS_ENVELOPE},
    [PORTAL_DRAFT] = {give_draft, NEEDS_PASS | NEEDS_ENVELOPE | NEEDS_DRAFT},
    [PORTAL_DRAFT_PUT] = {put_draft, NEEDS_PASS | NEEDS_ENVELOPE},
    [PORTAL_PHRASE] = {set_phrase, NEEDS_PASS | NEEDS_PERSON},
    [PORTAL_PASSKEYS] = {proofs_on_passkeys, NEEDS_PASS | NEEDS_PASSKEYS},
    [PORTAL_PASSKEY_NEW] = {proofs_on_new_passkey, NEEDS_PASS | NEEDS_PASSKEYS},
    [PORTAL_PASSKEY_DROP] = {proofs_on_drop_passkey, NEEDS_PASS},
    [PORTAL_SENT] = {list_sent, NEEDS_PASS},
    [PORTAL_EVENTS] = {list_events, NEEDS_PASS | NEEDS_ENVELOPE},
    [PORTAL_ACT] = {act, NEEDS_PASS | NEEDS_ENVELOPE | NEEDS_RCPT | NEEDS_PERSON, about_sender},
    [PORTAL_EXPLAIN] = {portal_explain, NEEDS_PASS},
    [PORTAL_ASK_AGAIN] = {ask_again, NEEDS_PASS | NEEDS_ENVELOPE},
};

static void on_scene(struct scene *s, void *arg)
{
    struct asking *w = arg;
    if (s->failed) {
        portal_reply(w->ch, w->a.token, PORTAL_LATER);
    } else {
        w->answer(s->q, w->ch, &w->a, s);
    }
    asking_end(w);
}

static void keep_strings(struct asking *w)
{
    struct ipc_portal_ask *a = &w->a;
    struct str *strings[] = {&a->pass,    &a->browser,  &a->secret, &a->text,
                             &a->network, &a->language, &a->data,   &a->device};
    w->text = ARENA_INIT(128 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        must(arena_copy(&w->text, *strings[i], strings[i]) == 0);
    }
}

static void on_ask(void *owner, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    if (a->verb >= PORTAL_VERB_END) {
        /* web reads strangers: what it says must not end us */
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    struct asking *w = err_calloc(1, sizeof *w);
    struct scene_of of = {
        .needs = answers[a->verb].needs,
        .pass = a->pass,
        .number = a->envelope,
    };
    w->ch = ch;
    w->a = *a;
    w->answer = answers[a->verb].answer;
    keep_strings(w);
    if (answers[a->verb].about) {
        answers[a->verb].about(owner, a, &of);
    }
    list_append(&askings, &w->link);
    w->scene = scene_read(owner, &of, on_scene, w);
}

const struct ipc_rule queue_web_rules[] = {IPC_ON(portal_ask, on_ask),
                                           IPC_ON(alarm, alarms_on_web),
                                           IPC_ON(submit_rcpt, queue_on_submit_rcpt),
                                           IPC_ON(submit, queue_on_submit),
                                           IPC_ON(spool_open, queue_on_spool_open),
                                           IPC_ON(spool_drop, queue_on_spool_drop),
                                           IPC_RULES_END};
