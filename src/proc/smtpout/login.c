/* SPDX-License-Identifier: Apache-2.0
 * login.c: logging in at the smart host, after the policy found the session good enough and
 * before the first message. Called by delivery.c and connection.c. A mechanism that is refused
 * as such (RFC 4954 4, 6) is not the end: the next one that is offered is tried, strongest
 * first.
 *
 * Credentials go over TLS with a right certificate only (requirement SM41): the configuration
 * demands it of the relay, the policy checks it, and the client engine refuses AUTH outside TLS.
 * What can go wrong: no mechanism in common, a login that is refused: the message waits, with that
 * reason.
 */
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "sasl/sasl.h"

#include <stdio.h>

static void refused(struct connection *l, const char *detail)
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

void login_begin(struct connection *l)
{
    const struct conf *c = child_conf(l->out->child);
    char password[1024] = "", binding[SASL_BINDING_MAX];
    CLEANUP(buf_wipe) struct buf initial = BUF_INIT(SASL_TEXT_MAX);
    bool bound = l->tls && tls_channel_exporter(l->tls, binding, sizeof binding) == 0;
    int r = password_of(l->out, password, sizeof password) && c->relay_user ? 0 : -ENOENT;
    r = r < 0 ? r
              : sasl_client_new(smtp_client_caps(l->engine)->auth, l->refused, c->relay_user,
                                password, bound ? binding : NULL, &l->sasl, &l->mechanism);
    explicit_bzero(password, sizeof password);
    if (r < 0) {
        refused(l, r != -ENOTSUP ? "no name or password is set"
                   : *l->refused
                       ? "the smart host refused every way to log in that it offers and we know"
                       : "the smart host offers no way to log in that we know");
        return;
    }
    /* LOGIN speaks second: its first step would already answer a challenge */
    if (strcmp(l->mechanism, "LOGIN") != 0 &&
        sasl_step(l->sasl, STR(""), &initial) == SASL_FAILED) {
        refused(l, "the login could not be begun");
        return;
    }
    l->state = CONNECTION_TALKING;
    smtp_client_auth(l->engine, l->mechanism, buf_str(&initial));
    connection_flush(l);
}

void login_step(struct connection *l, const struct smtp_answer *a)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(SASL_TEXT_MAX);
    bool ok = sasl_step(l->sasl, buf_str(&a->text), &text) != SASL_FAILED;
    smtp_client_auth_reply(l->engine, ok ? buf_str(&text) : STR("*"));
    connection_flush(l);
}

/* The refusal is about the mechanism, not about name or password: it is unknown (504), too weak
 * (534, or 5.7.9 behind another code), wants another one first (432), or wants an encryption
 * that there is (538). Not 535: the same password again would count as a second wrong one. */
static bool is_about_mechanism(const struct smtp_answer *a)
{
    return a->code == 504 || a->code == 534 || a->code == 432 || a->code == 538 ||
           str_eq(smtp_answer_enhanced(a), STR("5.7.9"));
}

static bool another_mechanism(struct connection *l, const struct smtp_answer *a)
{
    size_t n = strlen(l->refused);
    if (!is_about_mechanism(a) || n + strlen(l->mechanism) + 2 > sizeof l->refused) {
        return false;
    }
    snprintf(l->refused + n, sizeof l->refused - n, "%s%s", n ? " " : "", l->mechanism);
    log_notice("mechanism-refused", KV("host", l->host), KV("mechanism", l->mechanism),
               KVN("code", a->code));
    return true;
}

void login_done(struct connection *l, const struct smtp_answer *a, bool accepted)
{
    char detail[400];
    if (!accepted && another_mechanism(l, a)) {
        sasl_free(l->sasl);
        l->sasl = NULL;
        login_begin(l);
        return;
    }
    if (!accepted) {
        snprintf(detail, sizeof detail, "%d " STR_FMT, a->code, STR_ARG(buf_str(&a->text)));
        refused(l, detail);
        return;
    }
    sasl_free(l->sasl);
    l->sasl = NULL;
    l->logged_in = true;
    delivery_connection_ready(l->delivery, l);
}
