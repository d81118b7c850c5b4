/* SPDX-License-Identifier: Apache-2.0
 * events.c: what the engine asks of the process: who may say hello, send, be sent to; where the
 * message goes. Called by session.c.
 *
 * What can go wrong: a queue or keys that are away (451, the client tries again), rules that are
 * not met (each refusal is told to the queue, for postern refusals).
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/admission.h"
#include "proc/smtpin/smtpin.h"
#include "store/store.h"
#include "sys/memory.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>

void session_answer(struct session *s, int code, const char *enhanced, const char *text)
{
    smtp_server_answer(s->engine, &(struct smtp_reply){code, enhanced, text});
}

void session_refuse(struct session *s, enum smtp_refusal r)
{
    smtp_server_answer(s->engine, smtp_refusal(r));
}

/* --- inbound rules ------------------------------------------------------ */

static void events_tell_refusal(struct session *s, const struct inbound_verdict *v,
                                struct str reverse_path)
{
    if (s->reported == v->rule && !v->enforced) {
        return; /* once a session is enough */
    }
    char rule[257];
    str_copy_cut(str_c(v->rule->name), rule, sizeof rule);
    s->reported = v->rule;
    *(v->enforced ? &s->in->count.refusals : &s->in->count.would_refuse) += 1;
    log_notice(v->enforced ? "inbound-refused" : "inbound-would-refuse", KV("rule", v->rule->name),
               KV("client", s->client.ip), KVS("helo", smtp_server_helo(s->engine)),
               KVS("from", reverse_path), KV("had", v->had));
    ipc_send(s->in->queue, &(struct ipc_msg){.type = IPC_refusal,
                                             .refusal = {
                                                 .at_ms = clock_wall_ms(),
                                                 .rule = str_c(rule),
                                                 .enforced = v->enforced,
                                                 .client = str_c(s->client.ip),
                                                 .helo = smtp_server_helo(s->engine),
                                                 .reverse_path = reverse_path,
                                                 .wanted = str_c(inbound_grade_name(v->wanted)),
                                                 .had = str_c(v->had),
                                                 .reason = str_c(v->reason),
                                             }});
}

/* The verdict of the rules on the session as it is; reverse_path NULL: not said yet.
 * RFC 3207 4.1 MUST: both sides look at what was negotiated */
static struct inbound_verdict events_judge(struct session *s, const struct str *reverse_path)
{
    const struct tls_facts *f = s->tls ? tls_channel_facts(s->tls) : NULL;
    struct inbound_verdict v;
    const struct inbound_facts facts = {
        .client_ip = str_c(s->client.ip),
        .helo = smtp_server_helo(s->engine),
        .knows_sender = reverse_path != NULL,
        .reverse_path = reverse_path ? *reverse_path : STR(""),
        .in_tls = f != NULL,
        .has_certificate = f && f->fingerprint[0],
        .certificate_ok = f && f->check == TLS_CHECK_OK,
        .trouble = str_c(f ? f->check_text : ""),
        .names = str_c(f ? f->names : ""),
        .fingerprint = str_c(f ? f->fingerprint : ""),
        .key_fingerprint = str_c(f ? f->key_fingerprint : ""),
    };
    inbound_judge(child_conf(s->in->child), &facts, &v);
    return v;
}

/* Rules about networks and names: where TLS can no longer come, the sender's address is not even
 * heard. */
static void on_hello(struct session *s)
{
    bool last_chance = s->tls || !smtp_server_is_esmtp(s->engine) || !s->service->tls;
    if (s->service->kind == CONF_LISTEN_SMTP && last_chance) {
        struct inbound_verdict v = events_judge(s, NULL);
        if (v.rule && v.enforced) {
            events_tell_refusal(s, &v, STR(""));
            session_answer(s, 550, "5.7.10", v.reason);
            return;
        }
    }
    session_answer(s, 250, NULL, "");
}

/* This session, as admission.c wants to know it. */
static struct admission_client events_who(const struct session *s)
{
    char own[46];
    conn_local_ip(s->conn, own, sizeof own);
    return (struct admission_client){
        .submits = s->service->kind != CONF_LISTEN_SMTP,
        .inside_network = s->inside_network,
        .is_device = s->is_device,
        .on_this_machine = conf_target_is_loopback(s->client.ip) || strcmp(own, s->client.ip) == 0,
        .logged_in = smtp_server_is_authenticated(s->engine),
        .in_tls = s->tls != NULL,
        .can_tls = s->service->tls != NULL,
        .can_start = !s->tls && s->service->tls && smtp_server_is_esmtp(s->engine),
        .addresses = str_c(s->addresses),
    };
}

/* True when a rule stands against it: answered. */
static bool refused_by_rule(struct session *s, struct str reverse_path)
{
    struct inbound_verdict v = events_judge(s, &reverse_path);
    const struct admission_client w = events_who(s);
    struct admission a;
    if (v.rule) {
        events_tell_refusal(s, &v, reverse_path);
    }
    admission_rule(&v, &w, &a);
    if (a.reply.code) {
        smtp_server_answer(s->engine, &a.reply);
    }
    return a.reply.code != 0;
}

bool events_may_send_as(const struct session *s, struct str address)
{
    return admission_may_send_as(child_conf(s->in->child), str_c(s->addresses), address);
}

/* --- turns
 * --------------------------------------------------------------------------------------------
 * What is stored at once for all processes; more only waits, and not in the queue after its end,
 * where each client would wait for all others, but before MAIL is answered (with BDAT a body
 * comes without another question). A message counts from its end to its answer, and for
 * MOMENT_MS from MAIL and as long after it as it comes quickly: those who are far away must not
 * keep the near ones out. One that takes long to be answered for another reason (it is read by
 * `inspect` first) holds others up for TURN_MS. Where arrivals run ahead of deliveries
 * (in->under_way), fewer are let in until these have caught up: a message that leaves while it
 * is in memory costs less than one that is read back. */
enum { UNDER_WAY_FEW = 128, UNDER_WAY_MANY = 300 };
enum { STORED_AT_ONCE = 32, MOMENT_MS = 20, QUICK_OCTETS = 16 * 1024, TURN_MS = 500 };

static bool is_busy_storing(const struct smtpin *in)
{
    size_t all = in->under_way < UNDER_WAY_FEW    ? STORED_AT_ONCE
                 : in->under_way < UNDER_WAY_MANY ? STORED_AT_ONCE / 4
                                                  : 1;
    size_t share = all / (size_t)child_conf(in->child)->workers.smtpin;
    return in->n_ended + in->n_begun >= (share > 1 ? share : 1);
}

void events_leave_turn(struct session *s)
{
    s->in->n_begun -= s->has_begun;
    s->in->n_waiting -= s->waits_turn;
    s->has_begun = s->waits_turn = false;
    list_remove(&s->turn);
}

static void count_begun(struct session *s, uint64_t octets)
{
    s->has_begun = true;
    s->in->n_begun++;
    s->turn_since_ms = clock_mono_ms();
    s->turn_octets = octets;
    list_append(&s->in->begun, &s->turn);
}

/* A moment is over: of those that come slowly nothing more is counted before their end. */
static void look_at_begun(struct session *s)
{
    uint64_t octets = s->incoming ? s->incoming->plain_octets : 0;
    bool quick = octets >= s->turn_octets + QUICK_OCTETS;
    events_leave_turn(s);
    if (quick) {
        count_begun(s, octets);
    }
}

static void events_take_turn(struct session *s)
{
    count_begun(s, 0);
    session_answer(s, 250, "2.1.0", "Sender accepted");
}

/* A sender who may send: now, or when it is their turn. */
static void wait_turn(struct session *s)
{
    struct smtpin *in = s->in;
    events_leave_turn(s);
    if (!is_busy_storing(in) && list_empty(&in->turns)) {
        events_take_turn(s);
        return;
    }
    s->turn_since_ms = clock_mono_ms();
    s->waits_turn = true;
    in->n_waiting++;
    list_append(&in->turns, &s->turn);
}

void events_next_turns(struct smtpin *in)
{
    int64_t now = clock_mono_ms();
    while (!list_empty(&in->begun) &&
           now - LIST_OF(in->begun.next, struct session, turn)->turn_since_ms >= MOMENT_MS) {
        look_at_begun(LIST_OF(in->begun.next, struct session, turn));
    }
    while (!list_empty(&in->turns)) {
        struct session *s = LIST_OF(in->turns.next, struct session, turn);
        if (is_busy_storing(in) && now - s->turn_since_ms < TURN_MS) {
            timer_start(in->turn_timer, MOMENT_MS); /* however quiet it is then */
            return;
        }
        events_leave_turn(s);
        events_take_turn(s);
        session_process(s);
    }
}

/* A client that could not have TLS because of us comes again without it (many do): that would be
 * our failure, and a moment later it need not be. */
static bool must_not_be_clear(struct session *s)
{
    return s->service->tls && !s->tls && !signing_is_ready(&s->in->signing);
}

/* RFC 5321 3.3 MUST: a refused sender is told whether for now or for good
 * RFC 3207 4 MUST NOT: a public server does not demand STARTTLS of everybody */
static void events_on_mail(struct session *s)
{
    struct str from = smtp_server_transaction(s->engine)->reverse_path.whole;
    const struct admission_client w = events_who(s);
    struct admission a;
    admission_mail(child_conf(s->in->child), &w, from, &a);
    if (!s->in->queue || !s->in->wrapper) {
        session_refuse(s, REFUSE_AWAY);
    } else if (must_not_be_clear(s)) {
        log_notice("clear-mail-deferred", KV("client", s->client.ip),
                   KV("why", "keys do not answer, so it could not have come encrypted"));
        session_refuse(s, REFUSE_TLS_MOMENT);
    } else if (a.reply.code) {
        log_notice(a.refusal == REFUSE_TLS_INSIDE ? "inside-clear-refused" : "sender-refused",
                   KV("client", s->client.ip), KVS("helo", smtp_server_helo(s->engine)),
                   KV("login", s->login), KVS("from", from));
        smtp_server_answer(s->engine, &a.reply);
    } else if (memory_is_short()) {
        session_refuse(s, REFUSE_NO_MEMORY);
    } else if (w.submits || !refused_by_rule(s, from)) {
        wait_turn(s);
    }
}

static void events_on_rcpt(struct session *s, const struct address *rcpt)
{
    const struct admission_client w = events_who(s);
    struct admission a;
    admission_rcpt(child_conf(s->in->child), &w, rcpt, &a);
    if (a.reply.code == 0) {
        session_answer(s, 250, "2.1.5", "Recipient accepted");
        return;
    }
    if (a.refusal == REFUSE_RELAYING) {
        s->in->count.refused++;
        log_info("relay-denied", KV("client", s->client.ip), KVS("to", rcpt->whole));
    }
    smtp_server_answer(s->engine, &a.reply);
}

static void events_on_data(struct session *s)
{
    s->incoming = s->in->queue ? incoming_new(s) : NULL;
    if (!s->incoming) {
        session_refuse(s, REFUSE_AWAY);
        return;
    }
    s->body_began_ms = clock_mono_ms();
    session_answer(s, 354, NULL, "Send the message; end it with a line holding only a dot");
}

/* --- the end of a message ----------------------------------------------- */

static void answer_stored(struct session *s, uint64_t number)
{
    char text[80], id[16] = "";
    struct buf line = BUF_INIT(sizeof text);
    id_text(number, id);
    (void)!buf_printf(&line, "Accepted and stored as %s", id);
    str_copy_cut(buf_str(&line), text, sizeof text);
    buf_free(&line);
    s->in->count.accepted++;
    session_answer(s, 250, "2.0.0", text);
}

/* RFC 5321 4.1.1.4 MUST: the end of a message is answered with yes or no for all of it
 * RFC 5321 4.2.5 MUST NOT: what was answered 4yz or 5yz behind its dot is not delivered
 * RFC 5321 6.2 SHOULD NOT: no bounce for what was refused for its content while the client waits */
void events_submitted(struct session *s, uint8_t result)
{
    uint64_t id = s->incoming->id;
    bool wrong_author = s->incoming->wrong_author;
    incoming_free(s, s->incoming, s->submitted);
    s->incoming = NULL;
    s->submitted = false;
    s->answers_message = true;
    if (wrong_author) {
        session_refuse(s, REFUSE_NOT_YOUR_FROM);
    } else if (s->refusal[0]) { /* by what is in it: told now, instead of by a bounce */
        session_answer(s, 550, "5.7.1", s->refusal);
    } else {
        switch ((enum store_result)result) {
        case STORE_OK:
            answer_stored(s, id);
            break;
        case STORE_FULL:
            session_refuse(s, REFUSE_NO_SPACE);
            break;
        case STORE_RETRY:
        case STORE_CORRUPT:
            session_refuse(s, REFUSE_NOT_STORED);
            break;
        }
    }
    if (!s->busy) {
        session_process(s);
    }
}

static void abort_incoming(struct session *s, const char *why)
{
    if (s->incoming) {
        if (why) {
            log_info("message-refused", KV("client", s->client.ip), KV("reason", why));
        }
        incoming_free(s, s->incoming, false);
        s->incoming = NULL;
    }
}

bool events_handle(struct session *s, const struct smtp_event *ev)
{
    switch (ev->type) {
    case SMTP_EV_NONE:
    case SMTP_EV_STARTTLS:
    case SMTP_EV_CLOSE:
        return false;
    case SMTP_EV_HELLO:
        on_hello(s);
        break;
    case SMTP_EV_MAIL:
        events_on_mail(s);
        break;
    case SMTP_EV_RCPT:
        events_on_rcpt(s, &ev->rcpt);
        break;
    case SMTP_EV_DATA:
        events_on_data(s);
        break;
    case SMTP_EV_BODY:
        if (s->incoming) {
            incoming_body(s, s->incoming, ev->bytes);
        }
        break;
    case SMTP_EV_BODY_END:
        incoming_end(s, s->incoming);
        break;
    case SMTP_EV_ABORT:
        abort_incoming(s, ev->note);
        break;
    case SMTP_EV_AUTH:
    case SMTP_EV_AUTH_RESPONSE:
        login_ask(s, ev);
        break;
    case SMTP_EV_AUTH_CANCEL:
        login_cancel(s);
        break;
    }
    return true;
}
