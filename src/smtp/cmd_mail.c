/* SPDX-License-Identifier: Apache-2.0
 * cmd_mail.c: MAIL, RFC 5321 4.1.1.2; SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC
 * 6531 3.4), REQUIRETLS (RFC 8689 2), RET and ENVID (RFC 3461 4.3, 4.4), AUTH= (RFC 4954 5).
 *
 *   mail        = "MAIL FROM:" Reverse-path [ SP Mail-parameters ] CRLF
 *   esmtp-param = esmtp-keyword [ "=" esmtp-value ]
 */
#include "smtp/server_priv.h"

static const enum smtp_refusal FINE = REFUSE_END; /* nothing is wrong with a parameter */

enum {
    SEEN_SIZE = 1,
    SEEN_BODY = 2,
    SEEN_UTF8 = 4,
    SEEN_REQUIRETLS = 8,
    SEEN_RET = 16,
    SEEN_ENVID = 32,
    SEEN_AUTH = 64
};

/* RFC 3461 4.5 MUST NOT: none of them more than once */
static bool once(struct smtp_server *s, unsigned bit)
{
    bool first = !(s->seen & bit);
    s->seen |= bit;
    return first;
}

static enum smtp_refusal size_parameter(struct smtp_server *s, struct str value)
{
    struct smtp_transaction *tx = &s->tx;
    int r = str_to_u64(value, UINT64_MAX / 2, &tx->size_declared);
    if (!once(s, SEEN_SIZE) || r == -EINVAL) {
        return REFUSE_SIZE_FORM;
    }
    if (r < 0 || tx->size_declared > s->config.size_max) {
        return REFUSE_MESSAGE_LARGE;
    }
    return FINE;
}

static enum smtp_refusal body_parameter(struct smtp_server *s, struct str value)
{
    s->tx.is_binary = str_eq_nocase(value, STR("BINARYMIME"));
    s->tx.is_8bit = str_eq_nocase(value, STR("8BITMIME")) || s->tx.is_binary;
    if (!once(s, SEEN_BODY) || !(s->tx.is_8bit || str_eq_nocase(value, STR("7BIT")))) {
        return REFUSE_BODY_FORM;
    }
    return FINE;
}

/* RFC 8689 2 MUST: REQUIRETLS is taken inside TLS alone */
static enum smtp_refusal requiretls_parameter(struct smtp_server *s, bool has_value)
{
    s->tx.requiretls = true;
    if (!s->in_tls) {
        return REFUSE_REQUIRETLS_CLEAR;
    }
    return has_value || !once(s, SEEN_REQUIRETLS) ? REFUSE_REQUIRETLS_FORM : FINE;
}

/* RFC 3461 4.3 and 4.4
 * RFC 3461 4.4 MUST: ENVID is xtext */
static enum smtp_refusal notice_parameter(struct smtp_server *s, struct str key, struct str value)
{
    bool is_ret = str_eq_nocase(key, STR("RET"));
    if (is_ret) {
        return once(s, SEEN_RET) && notify_ret_parse(value, &s->tx.ret) == 0 ? FINE
                                                                             : REFUSE_RET_FORM;
    }
    if (!once(s, SEEN_ENVID) || value.n == 0 || !notify_xtext_ok(value, NOTIFY_ENVID_MAX)) {
        return REFUSE_ENVID_FORM;
    }
    return arena_copy(&s->arena, value, &s->tx.envid) < 0 ? REFUSE_NO_MEMORY : FINE;
}

static enum smtp_refusal cmd_mail_parameter(struct smtp_server *s, struct str word)
{
    size_t eq = str_find(word, '=', 0);
    struct str key = str_slice(word, 0, eq);
    struct str value = eq < word.n ? str_slice(word, eq + 1, word.n) : STR("");
    if (!s->esmtp) {
        return REFUSE_NO_PARAMETERS;
    }
    if (str_eq_nocase(key, STR("SIZE"))) {
        return size_parameter(s, value);
    }
    if (str_eq_nocase(key, STR("BODY"))) {
        return body_parameter(s, value);
    }
    if (str_eq_nocase(key, STR("SMTPUTF8"))) {
        return eq < word.n || !once(s, SEEN_UTF8) ? REFUSE_UTF8_FORM : FINE;
    }
    if (str_eq_nocase(key, STR("REQUIRETLS")) && s->config.requiretls) {
        return requiretls_parameter(s, eq < word.n);
    }
    if (str_eq_nocase(key, STR("RET")) || str_eq_nocase(key, STR("ENVID"))) {
        return notice_parameter(s, key, value);
    }
    /* RFC 4954 5: read, and passed on to nobody */
    if (str_eq_nocase(key, STR("AUTH")) && s->config.auth) {
        return once(s, SEEN_AUTH) && value.n > 0 && notify_xtext_ok(value, NOTIFY_ORCPT_MAX)
                   ? FINE
                   : REFUSE_AUTH_FORM;
    }
    return REFUSE_MAIL_PARAMETER;
}

/* True if SMTPUTF8 is among the words: it decides how the path itself is read. */
static bool asks_utf8(struct str rest)
{
    struct str word;
    while (str_split(&rest, ' ', &word)) {
        if (str_eq_nocase(word, STR("SMTPUTF8"))) {
            return true;
        }
    }
    return false;
}

static bool cmd_mail_parameters(struct smtp_server *s, struct str rest)
{
    struct str word;
    rest = str_trim(rest);
    s->seen = 0;
    while (rest.n > 0 && str_split(&rest, ' ', &word)) {
        enum smtp_refusal wrong = word.n > 0 ? cmd_mail_parameter(s, word) : FINE;
        if (wrong != FINE) {
            smtp_server_refuse(s, wrong);
            return false;
        }
    }
    return true;
}

/* Copies the path into the transaction, its domain in canonical form. */
static bool keep_path(struct smtp_server *s, const struct address *a)
{
    int r = smtp_server_keep_path(s, a, &s->tx.reverse_path);
    if (r == -EINVAL || r == -EMSGSIZE) {
        smtp_server_refuse(s, r == -EINVAL ? REFUSE_SENDER_DOMAIN : REFUSE_SENDER_LONG);
    } else if (r < 0) {
        smtp_server_refuse(s, REFUSE_NO_MEMORY);
    }
    return r == 0;
}

/* RFC 5321 4.1.4 MUST: a bad argument of MAIL is answered 501 and changes nothing */
void smtp_cmd_mail(struct smtp_server *s, struct str args)
{
    struct address a;
    if (!str_starts_nocase(args, STR("FROM:"))) {
        smtp_server_refuse(s, REFUSE_MAIL_FORM);
        return;
    }
    if (s->config.auth_required && !s->authenticated) { /* RFC 6409 4.3 */
        smtp_server_refuse(s, s->in_tls ? REFUSE_AUTH_NEEDED : REFUSE_AUTH_NEEDS_TLS);
        return;
    }
    struct str rest = str_trim(str_slice(args, 5, args.n));
    bool utf8 = s->esmtp && asks_utf8(rest);
    smtp_server_reset(s);
    int r = smtp_server_path(s, &rest, utf8, false, &a);
    if (r < 0 || (rest.n > 0 && rest.p[0] != ' ')) {
        bool needs_utf8 = !utf8 && address_has_utf8(args);
        smtp_server_refuse(s, needs_utf8       ? REFUSE_NEEDS_UTF8
                              : r == -EMSGSIZE ? REFUSE_SENDER_LONG
                                               : REFUSE_SENDER_FORM);
        return;
    }
    s->tx.is_utf8 = utf8;
    if (cmd_mail_parameters(s, rest) && keep_path(s, &a)) {
        smtp_server_ask(s, SMTP_EV_MAIL);
    }
}
