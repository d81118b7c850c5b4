/* SPDX-License-Identifier: Apache-2.0
 * login.c: logging in at the smart host, after the policy found the session good enough and before
 * the first message. Called by delivery.c and link.c.
 *
 * Credentials go over TLS with a right certificate only (requirement SM41): the configuration demands
 * it of the relay, the policy checks it, and the client engine refuses AUTH outside TLS. What can go
 * wrong: no mechanism in common, a login that is refused: the mail waits, with that reason.
 */
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "sasl/sasl.h"

#include <stdio.h>

static void refused(struct link_conn *l, const char *detail)
{
    struct delivery *d = l->delivery;
    log_warn("login-refused", KV("host", l->host), KV("problem", detail));
    sasl_free(l->sasl);
    l->sasl = NULL;
    delivery_login_failed(d, l, detail);
}

/* The password without its line end. */
static bool password_of(const struct smtpout *out, char *dst, size_t size)
{
    struct str text = child_file(out->child, "relay-password");
    size_t end = str_find(text, '\n', 0);
    text = str_slice(text, 0, end);
    text = text.n > 0 && text.p[text.n - 1] == '\r' ? str_slice(text, 0, text.n - 1) : text;
    return text.n > 0 && str_copy(text, dst, size) == 0;
}

void login_begin(struct link_conn *l)
{
    const struct conf *c = child_conf(l->out->child);
    const char *mechanism;
    char password[1024] = "", binding[SASL_BINDING_MAX];
    CLEANUP(buf_wipe) struct buf initial = BUF_INIT(SASL_TEXT_MAX);
    bool bound = l->tls && tls_channel_exporter(l->tls, binding, sizeof binding) == 0;
    int r = password_of(l->out, password, sizeof password) && c->relay_user ? 0 : -ENOENT;
    r = r < 0 ? r : sasl_client_new(smtp_client_caps(l->engine)->auth, c->relay_user, password, bound ? binding : NULL, &l->sasl, &mechanism);
    explicit_bzero(password, sizeof password);
    if (r < 0) {
        refused(l, r == -ENOTSUP ? "the smart host offers no way to log in that we know" : "no name or password is set");
        return;
    }
    /* LOGIN speaks second: its first step would already answer a challenge */
    if (strcmp(mechanism, "LOGIN") != 0 && sasl_step(l->sasl, STR(""), &initial) == SASL_FAILED) {
        refused(l, "the login could not be begun");
        return;
    }
    l->state = LINK_TALKING;
    smtp_client_auth(l->engine, mechanism, buf_str(&initial));
    link_flush(l);
}

void login_step(struct link_conn *l, const struct smtp_answer *a)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(SASL_TEXT_MAX);
    bool ok = sasl_step(l->sasl, buf_str(&a->text), &text) != SASL_FAILED;
    smtp_client_auth_reply(l->engine, ok ? buf_str(&text) : STR("*"));
    link_flush(l);
}

void login_done(struct link_conn *l, const struct smtp_answer *a, bool accepted)
{
    char detail[400];
    if (!accepted) {
        snprintf(detail, sizeof detail, "%d " STR_FMT, a->code, STR_ARG(buf_str(&a->text)));
        refused(l, detail);
        return;
    }
    sasl_free(l->sasl);
    l->sasl = NULL;
    l->logged_in = true;
    delivery_link_ready(l->delivery, l);
}
