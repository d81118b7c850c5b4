/* SPDX-License-Identifier: Apache-2.0
 * cmd_auth.c: AUTH, RFC 4954: only inside TLS, once a session, never inside a transaction.
 *
 *   auth = "AUTH" SP sasl-mech [ SP initial-response ] CRLF *( base64 CRLF ) / "*" CRLF
 *
 * The words of the exchange are not looked at here: the process has them judged (src/sasl) and
 * answers with a challenge or the end. What a client says is wiped once it was told.
 */
#include "smtp/server_priv.h"

static bool is_offered(const struct smtp_server *s, struct str mechanism)
{
    struct str rest = str_c(s->config.auth), one;
    while (str_split(&rest, ' ', &one)) {
        if (str_eq_nocase(one, mechanism)) {
            str_copy_cut(one, (char *)s->auth_mechanism, sizeof s->auth_mechanism);
            return true;
        }
    }
    return false;
}

void smtp_cmd_auth(struct smtp_server *s, struct str args)
{
    size_t space = str_find(args, ' ', 0);
    struct str initial = str_trim(str_slice(args, space, args.n));
    if (!s->config.auth) {
        smtp_server_refuse(s, REFUSE_AUTH_NOT_HERE);
    } else if (!s->in_tls) {
        smtp_server_refuse(s, REFUSE_AUTH_CLEAR);
    } else if (!s->esmtp || s->authenticated) {
        smtp_server_refuse(s, s->authenticated ? REFUSE_AUTH_TWICE : REFUSE_HELLO_FIRST);
    } else if (!is_offered(s, str_slice(args, 0, space))) {
        smtp_server_refuse(s, REFUSE_AUTH_MECHANISM);
    } else {
        s->auth_has_bytes = initial.n > 0;
        buf_reset(&s->auth_bytes);
        if (!str_eq(initial, STR("="))) { /* "=": an initial response that is empty */
            must(buf_add(&s->auth_bytes, initial) == 0);
        }
        s->state = ST_AUTH;
        smtp_server_ask(s, SMTP_EV_AUTH);
    }
}

void smtp_auth_line(struct smtp_server *s, struct str line)
{
    if (str_eq(line, STR("*"))) {
        s->state = ST_READY;
        s->cancel_due = true;
        smtp_server_refuse(s, REFUSE_AUTH_CANCELLED);
        return;
    }
    buf_reset(&s->auth_bytes);
    must(buf_add(&s->auth_bytes, line) == 0);
    s->auth_has_bytes = true;
    smtp_server_ask(s, SMTP_EV_AUTH_RESPONSE);
}

static void cmd_auth_forget(struct smtp_server *s)
{
    buf_wipe(&s->auth_bytes);
    s->asking = false;
}

void smtp_server_challenge(struct smtp_server *s, struct str text)
{
    if (s->asking) {
        cmd_auth_forget(s);
        if (buf_printf(&s->out, "334 " STR_FMT "\r\n", STR_ARG(text)) < 0) {
            smtp_server_end(s, smtp_refusal(REFUSE_NO_MEMORY_CLOSING));
        }
    }
}

void smtp_server_auth_done(struct smtp_server *s, bool ok, const struct smtp_reply *r)
{
    if (s->asking) {
        cmd_auth_forget(s);
        s->state = ST_READY;
        s->authenticated = ok;
        smtp_server_reply(s, r->code, r->enhanced, r->text);
    }
}

void smtp_server_offer_auth(struct smtp_server *s, const char *mechanisms)
{
    s->config.auth = mechanisms;
}
