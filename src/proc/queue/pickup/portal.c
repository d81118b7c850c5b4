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
#include "ipc/login_kinds.h"
#include "proc/queue/pickup/guessing.h"
#include "proc/queue/pickup/proofs.h"
#include "proc/queue/queue.h"
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

/* A question until its answer; web may be gone when the store is ready. */
struct call {
    struct queue *q;
    struct ipc_channel *ch;
    uint64_t token;
    struct ipc_msg answer;
    struct link link;
    char address[ADDRESS_ROOM];
    unsigned char sealed_key[ENVELOPE_WRAPPED_MAX];
};

static struct link calls = {&calls, &calls};

void portal_web_gone(struct queue *q, const struct ipc_channel *ch)
{
    proofs_peer_gone(q, ch);
    LIST_EACH (at, &calls) {
        struct call *c = LIST_OF(at, struct call, link);
        c->ch = c->ch == ch ? NULL : c->ch;
    }
}

static void portal_reply(struct ipc_channel *ch, uint64_t token, enum portal_result result)
{
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer,
                                   .portal_answer = {.token = token, .result = result}});
}

/* With who it is, for the page. */
static void answer_as(struct ipc_channel *ch, uint64_t token, bool ok, const struct kept_pass *p)
{
    struct ipc_portal_answer r = {.token = token, .result = ok ? PORTAL_OK : PORTAL_NO};
    if (ok) {
        r.kind = p->p.kind;
        r.level = p->p.level;
        r.address = p->p.address;
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
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

/* Answers once everything so far is durable. */
void portal_answer_saved(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_answer *a)
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
    store_sync(q->store, portal_on_saved, c);
}

struct ipc_msg portal_row(const struct store_envelope *e, uint64_t token)
{
    struct ipc_msg row = {.type = IPC_row_envelope};
    RECORD_COPY(envelope_shown, &row.row_envelope, e);
    row.row_envelope.token = token;
    return row;
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
static bool readable(struct queue *q, const struct ipc_portal_ask *a, struct kept_pass *p,
                     struct kept_envelope *k)
{
    return visits_pass(q, a->pass, p) && envelope_get(q, ENVELOPE_BY_NUMBER, a->envelope, k) &&
           may_read(p, &k->e, PASS_RECIPIENT);
}

/* The same, or of one whom the first name of the portal sent to the second. */
static bool visible(struct queue *q, const struct ipc_portal_ask *a, struct kept_pass *p,
                    struct kept_envelope *k)
{
    return visits_pass(q, a->pass, p) && envelope_get(q, ENVELOPE_BY_NUMBER, a->envelope, k) &&
           may_read(p, &k->e, a->number ? PASS_FILES : PASS_RECIPIENT);
}

bool portal_may_read(struct queue *q, struct str pass, uint64_t envelope, struct kept_envelope *k)
{
    struct kept_pass p;
    return readable(q, &(struct ipc_portal_ask){.pass = pass, .envelope = envelope}, &p, k);
}

struct rows {
    struct ipc_channel *ch;
    uint64_t token;
    const struct kept_pass *pass;
};

static void send_if_readable(void *arg, const struct store_envelope *e)
{
    struct rows *w = arg;
    if (w->pass->p.envelope == 0 || w->pass->p.envelope == e->envelope) {
        portal_send_row(w->ch, w->token, e);
    }
}

static void portal_list(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct rows w = {ch, a->token, &p};
    bool ok = visits_pass(q, a->pass, &p) && p.p.kind == PASS_RECIPIENT &&
              store_envelopes_of(q->store, ENVELOPE_OF_ADDRESS, p.p.address, ROWS_MAX,
                                 send_if_readable, &w) == STORE_OK;
    answer_as(ch, a->token, ok, &p);
}

static void send_pieces(void *arg, struct str sealed)
{
    struct rows *w = arg;
    for (size_t at = 0; at < sealed.n; at += PIECE) {
        ipc_send(w->ch, &(struct ipc_msg){.type = IPC_portal_piece,
                                          .portal_piece = {.token = w->token,
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

static void show_envelope(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct kept_envelope k;
    if (!visible(q, a, &p, &k)) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    portal_send_row(ch, a->token, &k.e);
    struct ipc_portal_answer r = {
        .token = a->token,
        .result = envelope_waits(&k.e) ? PORTAL_OK : PORTAL_OVER,
        .address = p.p.address,
        .kind = p.p.kind,
        .envelope = k.e.envelope,
        .level = p.p.level,
    };
    struct rows w = {ch, a->token, &p};
    if (r.result == PORTAL_OK && store_get_view(q->store, k.e.id, send_pieces, &w) != STORE_OK) {
        r.result = PORTAL_LATER;
    }
    if (r.result != PORTAL_OK) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
        return;
    }
    give_key(q, ch, &k.e, &r);
    envelope_event(q, k.e.envelope, EVENT_READ, a->network, "");
    if (k.e.opened_ms == 0) {
        k.e.opened_ms = clock_wall_ms();
        store_put_envelope(q->store, &k.e);
        portal_answer_saved(q, ch, &r);
    } else {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
    }
}

/* A message on its way to web. */
struct sending {
    struct queue *q;
    struct ipc_channel *ch;
    struct ipc_portal_answer answer;
    bool sent;
};

static void portal_send_body(void *arg, const struct store_message *m)
{
    struct sending *s = arg;
    int spool = -1;
    struct ipc_msg msg = {.type = IPC_portal_answer, .portal_answer = s->answer};
    msg.portal_answer.number = (int64_t)m->size;
    if (m->spool.n > 0) {
        spool = store_spool_open(s->q->store, m->spool);
    }
    if (spool < 0 && m->body.n == 0) {
        return;
    }
    s->sent = true;
    if (spool >= 0) {
        ipc_send_fd(s->ch, &msg, spool);
    } else {
        msg.portal_answer.body = m->body;
        ipc_send(s->ch, &msg);
    }
}

static void on_body_read(void *arg, enum store_result result)
{
    struct sending *s = arg;
    if (!s->sent) {
        portal_reply(s->ch, s->answer.token, PORTAL_LATER);
    }
}

static void give_body(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct kept_envelope k;
    char detail[300];
    if (!visible(q, a, &p, &k) || !envelope_waits(&k.e)) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    struct sending s = {q, ch, {.token = a->token, .result = PORTAL_OK}, false};
    give_key(q, ch, &k.e, &s.answer);
    str_copy_cut(a->text, detail, sizeof detail);
    envelope_event(q, k.e.envelope, EVENT_DOWNLOADED, a->network, detail);
    /* the embedded store answers at once */
    store_message_get(q->store, k.e.id, portal_send_body, on_body_read, &s);
}

static void give_file_pass(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct kept_envelope k;
    bool ok = a->data.n == ENVELOPE_HASH && readable(q, a, &p, &k) &&
              guessing_count(q, "files", p.p.address, FILE_PASSES);
    if (ok) {
        visits_files(q, &p, a->envelope, a->data);
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer,
                                   .portal_answer = {
                                       .token = a->token,
                                       .result = ok ? PORTAL_OK : PORTAL_NO,
                                       .number = ok && k.e.sealed,
                                   }});
}

struct draft {
    struct ipc_channel *ch;
    struct queue *q;
    uint64_t token;
    struct ipc_portal_answer *answer;
};

static void send_draft(void *arg, struct str sealed_key, struct str sealed)
{
    struct draft *d = arg;
    struct rows w = {d->ch, d->token, NULL};
    d->answer->lease = lease_for_web(d->q, d->ch, sealed_key);
    send_pieces(&w, sealed);
}

static void give_draft(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct kept_envelope k;
    struct ipc_portal_answer r = {.token = a->token, .result = PORTAL_NO};
    struct draft d = {ch, q, a->token, &r};
    if (readable(q, a, &p, &k) && envelope_waits(&k.e)) {
        r.result = store_get_draft(q->store, a->envelope, send_draft, &d) == STORE_OK
                       ? PORTAL_OK
                       : PORTAL_LATER;
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
}

static void put_draft(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct kept_envelope k;
    if (!readable(q, a, &p, &k) || !envelope_waits(&k.e)) {
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

static void portal_keep_person(void *arg, const struct store_person *p)
{
    char(*texts)[256] = arg; /* phrase, agreed, language */
    str_copy_cut(p->phrase, texts[0], sizeof texts[0]);
    str_copy_cut(p->agreed, texts[1], sizeof texts[1]);
    str_copy_cut(p->language, texts[2], sizeof texts[2]);
}

/* Changes one thing that is known about somebody: which: 0 phrase, 1 agreed phrase's hash. */
static enum portal_result change_person(struct queue *q, struct str address, int which,
                                        struct str value)
{
    char texts[3][256] = {"", "", ""};
    if (store_get_person(q->store, address, portal_keep_person, texts) != STORE_OK) {
        return PORTAL_LATER;
    }
    str_copy_cut(value, texts[which], sizeof texts[which]);
    store_put_person(q->store, &(struct store_person){
                                   .address = address,
                                   .phrase = str_c(texts[0]),
                                   .agreed = str_c(texts[1]),
                                   .language = str_c(texts[2]),
                               });
    return PORTAL_OK;
}

static void set_phrase(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    char phrase[121];
    if (!visits_pass(q, a->pass, &p) || p.p.kind != PASS_RECIPIENT || p.p.level < 1) {
        portal_reply(ch, a->token, PORTAL_NO);
        return;
    }
    str_copy_cut(str_trim(a->text), phrase, sizeof phrase);
    for (char *c = phrase; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
    }
    enum portal_result r = change_person(q, p.p.address, 0, str_c(phrase));
    portal_answer_saved(q, ch, &(struct ipc_portal_answer){.token = a->token, .result = r});
}

/* --- senders ------------------------------------------------------------ */

static bool is_sender(const struct kept_pass *p, const struct store_envelope *e)
{
    return p->p.kind == PASS_INSIDE && str_eq(p->p.address, e->sender);
}

static void list_sent(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct rows w = {ch, a->token, &p};
    bool ok = visits_pass(q, a->pass, &p) && p.p.kind == PASS_INSIDE &&
              store_envelopes_of(q->store, ENVELOPE_OF_SENDER, p.p.address, ROWS_MAX,
                                 send_if_readable, &w) == STORE_OK;
    answer_as(ch, a->token, ok, &p);
}

static void portal_send_event(void *arg, const struct store_envelope_event *e)
{
    struct rows *w = arg;
    struct ipc_msg row = {.type = IPC_row_envelope_event};
    RECORD_COPY(envelope_event, &row.row_envelope_event, e);
    row.row_envelope_event.token = w->token;
    ipc_send(w->ch, &row);
}

static void list_events(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct kept_envelope k;
    struct rows w = {ch, a->token, &p};
    bool ok = visits_pass(q, a->pass, &p) && envelope_get(q, ENVELOPE_BY_NUMBER, a->envelope, &k) &&
              is_sender(&p, &k.e);
    if (ok) {
        portal_send_row(ch, a->token, &k.e);
        ok = store_envelope_events(q->store, a->envelope, EVENTS_MAX, portal_send_event, &w) ==
             STORE_OK;
    }
    answer_as(ch, a->token, ok, &p);
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
bool portal_act(struct queue *q, struct kept_envelope *k, enum portal_act act, struct str argument,
                struct str who)
{
    bool locked = k->e.state == ENVELOPE_LOCKED, open = k->e.state <= ENVELOPE_LOCKED, ok = open;
    switch (act) {
    case ACT_EXTEND:
        ok = extend(q, k, argument, who);
        break;
    case ACT_RECALL:
        ok = open && !envelope_must_stay(&k->e);
        if (ok) {
            pickup_end(q, k, ENVELOPE_RECALLED, who, false);
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
        return str_starts_nocase(argument, STR("$argon2id$")) && argument.n < PASSWORD_HASH_MAX &&
               change_person(q, k->e.address, 1, argument) == PORTAL_OK;
    case ACT_END:
        ok = false;
        break;
    }
    if (ok) {
        store_put_envelope(q->store, &k->e);
    }
    return ok;
}

static void act(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct kept_envelope k;
    /* a legal hold is for those who run the gateway */
    bool allowed =
        a->number >= 0 && a->number < ACT_END && a->number != ACT_HOLD && a->number != ACT_UNHOLD;
    bool his = allowed && visits_pass(q, a->pass, &p) &&
               envelope_get(q, ENVELOPE_BY_NUMBER, a->envelope, &k) && is_sender(&p, &k.e);
    if (his && a->number == ACT_PHRASE) {
        proofs_agree(q, ch, a);
        return;
    }
    bool ok = his && portal_act(q, &k, a->number, a->text, p.p.address);
    bool stays = !ok && his && a->number == ACT_RECALL && envelope_must_stay(&k.e);
    enum portal_result result = ok ? PORTAL_OK : stays ? PORTAL_MUST_STAY : PORTAL_NO;
    portal_answer_saved(q, ch, &(struct ipc_portal_answer){.token = a->token, .result = result});
    if (ok) {
        pickup_due(q);
    }
}

/* --- who ---------------------------------------------------------------- */

static void portal_send_code(struct queue *q, struct ipc_channel *ch,
                             const struct ipc_portal_ask *a)
{
    char words[64] = "";
    int64_t wait_s = 0;
    enum portal_result r = visits_send_code(q, a, words, sizeof words, &wait_s);
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer,
                                   .portal_answer = {
                                       .token = a->token,
                                       .result = r,
                                       .number = wait_s,
                                       .words = str_c(words),
                                   }});
}

static void take_code(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct ipc_portal_answer r = {.token = a->token};
    struct buf offers = BUF_INIT(8000);
    r.result = (uint8_t)visits_code(q, a, &r, &offers);
    if (r.result == PORTAL_PROOF_WANTED) { /* nothing that must last has changed */
        r.text = buf_str(&offers);
        ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
    } else {
        portal_answer_saved(q, ch, &r);
    }
    buf_free(&offers);
}

static void known(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct ipc_portal_answer r = {.token = a->token};
    r.result = (uint8_t)visits_known(q, a, &r.envelope);
    portal_answer_saved(q, ch, &r);
}

/* A pass that login proved, until the store has it. */
struct proved_pass {
    struct queue *q;
    struct ipc_channel *login; /* NULL: gone */
    uint64_t token;
    struct link link;
};

static struct link proved_passes = {&proved_passes, &proved_passes};

static void on_pass_saved(void *arg, enum store_result result)
{
    struct proved_pass *p = arg;
    ipc_send(p->login,
             &(struct ipc_msg){.type = IPC_pass_kept,
                               .pass_kept = {.token = p->token,
                                             .result =
                                                 result == STORE_OK ? LOGIN_OK : LOGIN_NOT_KEPT}});
    list_remove(&p->link);
    free(p);
}

void portal_login_gone(const struct ipc_channel *login)
{
    LIST_EACH (at, &proved_passes) {
        struct proved_pass *p = LIST_OF(at, struct proved_pass, link);
        p->login = p->login == login ? NULL : p->login;
    }
}

/* login found a password right: web, which reads strangers, is not asked who it was. */
void portal_on_pass_proved(void *owner, struct ipc_channel *ch, const struct ipc_pass_proved *m)
{
    struct queue *q = owner;
    const struct address_key key = address_key(str_trim(m->address));
    if (m->pass.n != ENVELOPE_HASH ||
        !conf_is_inside(child_conf(q->child), domain_of(str_c(key.text)))) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_pass_kept,
                                       .pass_kept = {.token = m->token, .result = LOGIN_NOT_OURS}});
        return;
    }
    struct proved_pass *p = err_calloc(1, sizeof *p);
    *p = (struct proved_pass){.q = q, .login = ch, .token = m->token};
    list_append(&proved_passes, &p->link);
    visits_inside(q, key.text, m->pass);
    log_notice("portal-login", KV("address", key.text), KVS("network", m->client));
    store_sync(q->store, on_pass_saved, p);
}

static void who(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct ipc_portal_answer r = {.token = a->token, .result = PORTAL_NO};
    if (visits_pass(q, a->pass, &p)) {
        r = (struct ipc_portal_answer){
            .token = a->token,
            .result = PORTAL_OK,
            .kind = p.p.kind,
            .level = p.p.level,
            .envelope = p.p.envelope,
            .number = p.p.until_ms,
            .address = p.p.address,
        };
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
}

static void portal_leave(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    if (visits_pass(q, a->pass, &p)) {
        visits_forget(q, a->pass);
        if (a->number) {
            store_drop_passes_of(q->store, p.p.address);
        }
        log_notice("portal-left", KVS("address", p.p.address), KVN("everywhere", a->number));
    }
    portal_answer_saved(q, ch, &(struct ipc_portal_answer){.token = a->token, .result = PORTAL_OK});
}

static void portal_explain(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    bool ok = visits_pass(q, a->pass, &p) && p.p.kind == PASS_INSIDE;
    if (ok) {
        fates_tell(q, ch, a, p.p.address);
    }
    answer_as(ch, a->token, ok, &p);
}

/* "Please send it again": the sender gets a mail, at most one an hour for each envelope. */
static void ask_again(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct kept_pass p;
    struct kept_envelope k;
    bool ok = readable(q, a, &p, &k) && !envelope_waits(&k.e) && k.e.sender.n > 0;
    char number[ID_TEXT], envelope[ID_TEXT];
    id_text(a->envelope, envelope);
    ok = ok && guessing_count(q, "again", str_c(envelope), 1);
    if (ok) {
        char text[1500];
        id_text(k.e.id, number);
        snprintf(text, sizeof text,
                 STR_FMT " could not read your mail in the portal any more, and asks you to send "
                         "it once more.\r\n\r\nNumber of the mail: %s\r\n",
                 STR_ARG(k.e.address), number);
        worker_write(q, &(struct system_mail){
                            .to = k.e.sender,
                            .subject = STR("Please send your mail again"),
                            .text = str_c(text),
                        });
        envelope_event(q, k.e.envelope, EVENT_ASKED_AGAIN, a->network, "");
    }
    portal_reply(ch, a->token, PORTAL_OK);
}

typedef void (*ask_fn)(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a);

static void on_ask(void *owner, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    static const ask_fn answers[PORTAL_VERB_END] = {[PORTAL_SEND_CODE] = portal_send_code,
                                                    [PORTAL_CODE] = take_code,
                                                    [PORTAL_PROVE] = proofs_on_prove,
                                                    [PORTAL_REMEMBERED] = known,
                                                    [PORTAL_WHO] = who,
                                                    [PORTAL_LEAVE] = portal_leave,
                                                    [PORTAL_LIST] = portal_list,
                                                    [PORTAL_ENVELOPE] = show_envelope,
                                                    [PORTAL_BODY] = give_body,
                                                    [PORTAL_FILE_PASS] = give_file_pass,
                                                    [PORTAL_DRAFT] = give_draft,
                                                    [PORTAL_DRAFT_PUT] = put_draft,
                                                    [PORTAL_PHRASE] = set_phrase,
                                                    [PORTAL_PASSKEYS] = proofs_on_passkeys,
                                                    [PORTAL_PASSKEY_NEW] = proofs_on_new_passkey,
                                                    [PORTAL_PASSKEY_DROP] = proofs_on_drop_passkey,
                                                    [PORTAL_SENT] = list_sent,
                                                    [PORTAL_EVENTS] = list_events,
                                                    [PORTAL_ACT] = act,
                                                    [PORTAL_EXPLAIN] = portal_explain,
                                                    [PORTAL_ASK_AGAIN] = ask_again};
    if (a->verb < PORTAL_VERB_END) {
        answers[a->verb](owner, ch, a);
    } else {
        /* web reads strangers: what it says must not end us */
        portal_reply(ch, a->token, PORTAL_NO);
    }
}

const struct ipc_rule queue_web_rules[] = {IPC_ON(portal_ask, on_ask),
                                           IPC_ON(alarm, alarms_on_web),
                                           IPC_ON(submit_rcpt, queue_on_submit_rcpt),
                                           IPC_ON(submit, queue_on_submit),
                                           IPC_ON(spool_open, queue_on_spool_open),
                                           IPC_ON(spool_drop, queue_on_spool_drop),
                                           IPC_RULES_END};
