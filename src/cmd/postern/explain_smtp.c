/* SPDX-License-Identifier: Apache-2.0
 * explain_smtp.c: MAIL and RCPT as smtpin would answer them (explain_smtp.h). A session is
 * played on the real engine; what it asks is answered by proc/admission.c. What can go wrong:
 * which addresses a login has may be in a file or a directory; then that is said.
 */
#include "cmd/postern/explain_smtp.h"
#include "proc/admission.h"
#include "wire/marks.h"

#include <stdio.h>

/* One session that could be. */
struct play {
    const struct conf *c;
    struct admission_client who;
    struct str client_ip, from;
    bool rules;       /* rules about the connection count, too */
    bool any_address; /* which the login has is not known */
    uint64_t size;
    struct smtp_server *engine;
};

static void explain_smtp_answer(struct play *p, const struct admission *a, const char *enhanced)
{
    const struct smtp_reply good = {250, enhanced, "ok"};
    smtp_server_answer(p->engine, a->reply.code ? &a->reply : &good);
}

static void answer_mail(struct play *p)
{
    struct str from = smtp_server_transaction(p->engine)->reverse_path.whole;
    struct admission a;
    admission_mail(p->c, &p->who, from, &a);
    if (a.refusal == REFUSE_NOT_YOUR_ADDRESS && p->any_address) {
        a.reply.code = 0;
    }
    if (a.reply.code == 0 && p->rules && !p->who.submits) {
        const struct inbound_facts f = {
            .client_ip = p->client_ip,
            .helo = STR("explain.invalid"),
            .knows_sender = true,
            .reverse_path = from,
            .in_tls = p->who.in_tls,
        };
        struct inbound_verdict v;
        inbound_judge(p->c, &f, &v);
        admission_rule(&v, &p->who, &a);
    }
    explain_smtp_answer(p, &a, "2.1.0");
}

static void answer_events(struct play *p)
{
    struct smtp_event ev;
    struct admission a = {.refusal = REFUSE_END};
    for (smtp_server_next(p->engine, &ev); ev.type != SMTP_EV_NONE && ev.type != SMTP_EV_CLOSE;
         smtp_server_next(p->engine, &ev)) {
        if (ev.type == SMTP_EV_MAIL) {
            answer_mail(p);
        } else if (ev.type == SMTP_EV_RCPT) {
            admission_rcpt(p->c, &p->who, &ev.rcpt, &a);
            explain_smtp_answer(p, &a, "2.1.5");
        } else {
            explain_smtp_answer(p, &a, NULL);
        }
    }
}

/* The answer to a command: a copy where it refuses, else "". */
static bool explain_smtp_say(struct play *p, struct str line, char said[SMTP_SAID_MAX])
{
    struct buf *out = smtp_server_out(p->engine);
    buf_reset(out);
    must(smtp_server_feed(p->engine, line) == 0);
    answer_events(p);
    /* refusals are of one line */
    struct str reply = str_slice(buf_str(out), 0, str_find(buf_str(out), '\r', 0));
    bool refuses = reply.n > 0 && reply.p[0] >= '4';
    str_copy_cut(refuses ? reply : STR(""), said, SMTP_SAID_MAX);
    return refuses;
}

static void command(struct buf *line, const struct play *p, struct str to)
{
    buf_reset(line);
    bool utf8 = marks_has_8bit(p->from) || marks_has_8bit(to);
    must(buf_printf(line, "MAIL FROM:<" STR_FMT ">%s", STR_ARG(p->from), utf8 ? " SMTPUTF8" : "") ==
         0);
    must((p->size ? buf_printf(line, " SIZE=%llu\r\n", (unsigned long long)p->size)
                  : buf_add(line, STR("\r\n"))) == 0);
}

/* NULL: both are taken; else where it was refused. */
static const char *play(struct play *p, struct str to, char said[SMTP_SAID_MAX])
{
    CLEANUP(buf_free) struct buf line = BUF_INIT(4096);
    struct smtp_server_config config = admission_engine(p->c, &p->who, p->c->hostname);
    /* that part of the session lies behind it */
    config.auth_required = config.auth_required && !p->who.logged_in;
    p->engine = smtp_server_new(&config);
    smtp_server_greet(p->engine);
    bool refused = explain_smtp_say(p, STR("EHLO explain.invalid\r\n"), said);
    if (!refused && p->who.in_tls) {
        smtp_server_tls_started(p->engine);
        refused = explain_smtp_say(p, STR("EHLO explain.invalid\r\n"), said);
    }
    command(&line, p, to);
    refused = refused || explain_smtp_say(p, buf_str(&line), said);
    const char *at = refused ? "MAIL" : NULL;
    buf_reset(&line);
    must(buf_printf(&line, "RCPT TO:<" STR_FMT ">\r\n", STR_ARG(to)) == 0);
    if (!refused && explain_smtp_say(p, buf_str(&line), said)) {
        at = "RCPT";
    }
    smtp_server_free(p->engine);
    return at;
}

/* The addresses of an account in the store. False: they are not known here. */
static bool addresses_of(const struct options *o, const struct conf *c, const char *login,
                         char *dst, size_t size)
{
    struct response a;
    bool found = false;
    if (c->accounts.sender != 0) {
        return true; /* any may be used */
    }
    if (ask_quietly(o, ADMIN_ACCOUNTS, "", &a) != 0) {
        return false;
    }
    for (size_t i = 0; i < a.n && !found; i++) {
        found = a.rows[i].type == IPC_account && address_same(a.rows[i].account.name, str_c(login));
        str_copy_cut(found ? a.rows[i].account.addresses : STR(""), dst, size);
    }
    response_free(&a);
    return found;
}

static void set_client(const struct options *o, struct play *p, const struct sender *s,
                       char addresses[4096], struct smtp_said *ret)
{
    const struct conf *c = p->c;
    p->client_ip = str_c(s->client);
    p->who = (struct admission_client){
        .submits = s->login[0] != 0,
        .logged_in = s->login[0] != 0,
        .inside_network = !s->login[0] && conf_net_listed(&c->inside_networks, p->client_ip),
        .is_device = !s->login[0] && conf_is_device(c, p->client_ip),
        .on_this_machine = s->client[0] && conf_target_is_loopback(s->client),
        .can_tls = c->n_own > 0,
    };
    if (p->who.submits) {
        p->any_address = !addresses_of(o, c, s->login, addresses, 4096);
        p->who.addresses = str_c(addresses);
        ret->not_known[0] = '\0';
        if (p->any_address) {
            snprintf(ret->not_known, sizeof ret->not_known,
                     "whether \"%s\" may send as that address", s->login);
        }
    }
}

void smtp_would_say(const struct options *o, const struct conf *c, struct str from, struct str to,
                    uint64_t size, const struct sender_words *w, struct smtp_said *ret)
{
    struct sender s;
    struct play p = {.c = c, .from = from, .size = size};
    char addresses[4096] = "";
    *ret = (struct smtp_said){0};
    if (from.n == 0 && !w->client && !w->login) {
        return; /* a notice of our own */
    }
    protect_sender_of(c, from, w, &s);
    set_client(o, &p, &s, addresses, ret);
    p.who.in_tls = p.who.can_tls;
    ret->at = play(&p, to, ret->refused);
    p.rules = true;
    if (ret->refused[0] || p.who.submits) {
        return; /* people log in inside TLS alone */
    }
    if (p.who.can_tls) {
        (void)play(&p, to, ret->no_certificate);
    }
    p.who.in_tls = false;
    p.who.can_start = p.who.can_tls;
    (void)play(&p, to, ret->in_clear);
}
