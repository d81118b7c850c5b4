/* SPDX-License-Identifier: Apache-2.0
 * login.c: AUTH of a session, judged by the login process. A client's logins always go to the same
 * copy of it, so that its failures are counted in one place. Called by events.c; its answers come
 * from main.c.
 *
 * A failed login is answered after `accounts delay`, and the session waits meanwhile (RFC 4954
 * 9). What can go wrong: no login process: 454, the client tries again.
 */
#include "base/log.h"
#include "proc/smtpin/smtpin.h"

#include <stdlib.h>

static struct ipc_channel *channel_for(const struct session *s)
{
    const struct smtpin *in = s->in;
    size_t n = 0, at;
    for (at = 0; at < LOGINS_MAX; at++) {
        n = in->logins[at] ? at + 1 : n;
    }
    unsigned char ip[16] = {0};
    unsigned sum = 0;
    size_t octets = address_ip_octets(str_c(s->client.ip), ip);
    for (size_t i = 0; i < octets; i++) {
        sum = sum * 31 + ip[i];
    }
    return n > 0 ? in->logins[sum % n] : NULL;
}

/* SCRAM needs the keys that only accounts of ours have: a client that saw it offered would use
 * nothing else. */
const char *login_mechanisms(const struct session *s)
{
    const struct conf *c = child_conf(s->in->child);
    const struct tls_facts *f = tls_channel_facts(s->tls);
    char binding[64];
    bool external = f->check == TLS_CHECK_OK;
    if (c->directory.url || c->accounts.password_file) {
        return external ? "PLAIN LOGIN EXTERNAL" : "PLAIN LOGIN";
    }
    if (tls_channel_exporter(s->tls, binding, sizeof binding) < 0) {
        return external ? "SCRAM-SHA-256 PLAIN LOGIN EXTERNAL" : "SCRAM-SHA-256 PLAIN LOGIN";
    }
    return external ? "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN EXTERNAL"
                    : "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN";
}

static void login_unavailable(struct session *s)
{
    s->logging_in = false;
    smtp_server_auth_done(s->engine, false, smtp_refusal(REFUSE_AUTH_AWAY));
}

static void login_remember(struct session *s, const struct ipc_login_step *m)
{
    str_copy_cut(m->name, s->login, sizeof s->login);
    free(s->addresses);
    s->addresses = str_dup(m->addresses);
}

static void welcome(struct session *s)
{
    s->logging_in = false;
    s->in->count.logins++;
    smtp_server_auth_done(s->engine, true, &(struct smtp_reply){235, "2.7.0", "Welcome"});
}

void login_ask(struct session *s, const struct smtp_event *ev)
{
    struct ipc_channel *to = channel_for(s);
    const struct tls_facts *f = tls_channel_facts(s->tls);
    char binding[64] = "";
    if (!to) {
        login_unavailable(s);
        return;
    }
    if (ev->type == SMTP_EV_AUTH_RESPONSE && s->login_outcome == LOGIN_OK) {
        welcome(s); /* whatever stands in the line: it ended well before */
        return;
    }
    if (ev->type == SMTP_EV_AUTH_RESPONSE) {
        ipc_send(to, &(struct ipc_msg){.type = IPC_login_text,
                                       .login_text = {.token = s->token, .text = ev->bytes}});
        return;
    }
    s->logging_in = true;
    s->login_outcome = LOGIN_MORE;
    bool bound = tls_channel_exporter(s->tls, binding, sizeof binding) == 0;
    ipc_send(to, &(struct ipc_msg){.type = IPC_login_begin,
                                   .login_begin = {
                                       .token = s->token,
                                       .mechanism = ev->mechanism,
                                       .has_text = ev->has_bytes,
                                       .text = ev->bytes,
                                       .client = str_c(s->client.ip),
                                       .exporter = str_c(bound ? binding : ""),
                                       .certificate_names =
                                           str_c(f->check == TLS_CHECK_OK ? f->names : ""),
                                   }});
}

void login_cancel(struct session *s)
{
    struct ipc_channel *to = channel_for(s);
    if (s->logging_in && to) {
        ipc_send(to,
                 &(struct ipc_msg){.type = IPC_login_cancel, .login_cancel = {.token = s->token}});
    }
    s->logging_in = false;
    s->login[0] = '\0';
}

void login_answer_late(struct session *s)
{
    s->logging_in = false;
    if (s->login_outcome == LOGIN_AWAY) {
        login_unavailable(s);
    } else {
        smtp_server_auth_done(s->engine, false,
                              smtp_refusal(s->login_outcome == LOGIN_LATER ? REFUSE_AUTH_LATER
                                                                           : REFUSE_AUTH_WRONG));
    }
}

static void on_step(void *owner, struct ipc_channel *ch, const struct ipc_login_step *m)
{
    struct smtpin *in = owner;
    struct session *s = map_get(in->by_token, map_id(&m->token));
    if (!s || !s->logging_in) {
        return;
    }
    s->login_outcome = m->outcome < LOGIN_OUTCOME_END ? m->outcome : LOGIN_AWAY;
    if (s->login_outcome == LOGIN_MORE) {
        smtp_server_challenge(s->engine, m->text);
    } else if (s->login_outcome == LOGIN_OK) {
        login_remember(s, m);
        /* the last word of SCRAM: the client answers it with an empty line */
        if (m->text.n > 0) {
            smtp_server_challenge(s->engine, m->text);
        } else {
            welcome(s);
        }
    } else {
        in->count.logins_failed++;
        timer_start(s->pause, child_conf(in->child)->accounts.delay);
        return;
    }
    session_process(s);
}

const struct ipc_rule smtpin_login_rules[] = {IPC_ON(login_step, on_step), IPC_RULES_END};

void login_gone(struct smtpin *in, const struct ipc_channel *ch)
{
    for (size_t i = 0; i < LOGINS_MAX; i++) {
        in->logins[i] = in->logins[i] == ch ? NULL : in->logins[i];
    }
    for (struct link *at = in->sessions.next; at != &in->sessions;) {
        struct session *s = LIST_OF(at, struct session, link);
        at = at->next;
        if (s->logging_in && !timer_is_running(s->pause)) {
            login_unavailable(s);
            session_process(s);
        }
    }
}
