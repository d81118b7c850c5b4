/* SPDX-License-Identifier: Apache-2.0
 * cmd_mail.c: MAIL, RFC 5321 4.1.1.2; SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531 3.4),
 * REQUIRETLS (RFC 8689 2), RET and ENVID (RFC 3461 4.3, 4.4), AUTH= (RFC 4954 5).
 *
 *   mail        = "MAIL FROM:" Reverse-path [ SP Mail-parameters ] CRLF
 *   esmtp-param = esmtp-keyword [ "=" esmtp-value ]
 */
#include "smtp/server_priv.h"

/* What a wrong parameter is answered with. */
struct complaint {
    int code;
    const char *enhanced, *text;
};

enum { SEEN_SIZE = 1, SEEN_BODY = 2, SEEN_UTF8 = 4, SEEN_REQUIRETLS = 8, SEEN_RET = 16, SEEN_ENVID = 32, SEEN_AUTH = 64 };

static bool once(struct smtp_server *s, unsigned bit)
{
    bool first = !(s->seen & bit);
    s->seen |= bit;
    return first;
}

static struct complaint size_parameter(struct smtp_server *s, struct str value)
{
    struct smtp_transaction *tx = &s->tx;
    int r = str_to_u64(value, UINT64_MAX / 2, &tx->size_declared);
    if (!once(s, SEEN_SIZE) || r == -EINVAL) {
        return (struct complaint){501, "5.5.4", "SIZE needs a number"};
    }
    if (r < 0 || tx->size_declared > s->config.size_max) {
        return (struct complaint){552, "5.3.4", "Message is larger than this server takes"};
    }
    return (struct complaint){0};
}

static struct complaint body_parameter(struct smtp_server *s, struct str value)
{
    s->tx.is_binary = str_eq_nocase(value, STR("BINARYMIME"));
    s->tx.is_8bit = str_eq_nocase(value, STR("8BITMIME")) || s->tx.is_binary;
    if (!once(s, SEEN_BODY) || !(s->tx.is_8bit || str_eq_nocase(value, STR("7BIT")))) {
        return (struct complaint){501, "5.5.4", "BODY must be 7BIT, 8BITMIME or BINARYMIME"};
    }
    return (struct complaint){0};
}

static struct complaint requiretls_parameter(struct smtp_server *s, bool has_value)
{
    s->tx.requiretls = true;
    if (!s->in_tls) {
        return (struct complaint){530, "5.7.10", "REQUIRETLS can only be asked for inside TLS"};
    }
    return has_value || !once(s, SEEN_REQUIRETLS) ? (struct complaint){501, "5.5.4", "REQUIRETLS takes no value"}
                                                  : (struct complaint){0};
}

/* RFC 3461 4.3 and 4.4 */
static struct complaint notice_parameter(struct smtp_server *s, struct str key, struct str value)
{
    bool is_ret = str_eq_nocase(key, STR("RET"));
    if (is_ret) {
        return once(s, SEEN_RET) && notify_ret_parse(value, &s->tx.ret) == 0
                   ? (struct complaint){0} : (struct complaint){501, "5.5.4", "RET must be FULL or HDRS, once"};
    }
    if (!once(s, SEEN_ENVID) || value.n == 0 || !notify_xtext_ok(value, NOTIFY_ENVID_MAX)) {
        return (struct complaint){501, "5.5.4", "ENVID must be xtext of at most 900 octets, once"};
    }
    return arena_copy(&s->arena, value, &s->tx.envid) < 0
               ? (struct complaint){452, "4.3.1", "Not enough memory for this transaction"} : (struct complaint){0};
}

static struct complaint parameter(struct smtp_server *s, struct str word)
{
    size_t eq = str_find(word, '=', 0);
    struct str key = str_slice(word, 0, eq);
    struct str value = eq < word.n ? str_slice(word, eq + 1, word.n) : STR("");
    if (!s->esmtp) {
        return (struct complaint){555, "5.5.4", "Parameters need EHLO"};
    }
    if (str_eq_nocase(key, STR("SIZE"))) {
        return size_parameter(s, value);
    }
    if (str_eq_nocase(key, STR("BODY"))) {
        return body_parameter(s, value);
    }
    if (str_eq_nocase(key, STR("SMTPUTF8"))) {
        return eq < word.n || !once(s, SEEN_UTF8) ? (struct complaint){501, "5.5.4", "SMTPUTF8 takes no value"} : (struct complaint){0};
    }
    if (str_eq_nocase(key, STR("REQUIRETLS")) && s->config.requiretls) {
        return requiretls_parameter(s, eq < word.n);
    }
    if (str_eq_nocase(key, STR("RET")) || str_eq_nocase(key, STR("ENVID"))) {
        return notice_parameter(s, key, value);
    }
    if (str_eq_nocase(key, STR("AUTH")) && s->config.auth) { /* RFC 4954 5: read, and passed on to nobody */
        return once(s, SEEN_AUTH) && value.n > 0 && notify_xtext_ok(value, NOTIFY_ORCPT_MAX)
                   ? (struct complaint){0} : (struct complaint){501, "5.5.4", "AUTH must be xtext, once"};
    }
    return (struct complaint){555, "5.5.4", "A parameter of MAIL is not known here"};
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

static bool parameters(struct smtp_server *s, struct str rest)
{
    struct str word;
    rest = str_trim(rest);
    s->seen = 0;
    while (rest.n > 0 && str_split(&rest, ' ', &word)) {
        struct complaint c = word.n > 0 ? parameter(s, word) : (struct complaint){0};
        if (c.code) {
            smtp_server_reply(s, c.code, c.enhanced, c.text);
            return false;
        }
    }
    return true;
}

/* Copies the path into the transaction, its domain in canonical form. */
static bool keep_path(struct smtp_server *s, const struct address *a)
{
    int r = smtp_server_keep_path(s, a, &s->tx.reverse_path);
    if (r == -EINVAL) {
        smtp_server_reply(s, 553, "5.1.8", "The domain of the sender address is not a valid domain name");
    } else if (r < 0) {
        smtp_server_reply(s, 452, "4.3.1", "Not enough memory for this transaction");
    }
    return r == 0;
}

void smtp_cmd_mail(struct smtp_server *s, struct str args)
{
    struct address a;
    if (!str_starts_nocase(args, STR("FROM:"))) {
        smtp_server_reply(s, 501, "5.5.4", "Write: MAIL FROM:<address>");
        return;
    }
    if (s->config.auth_required && !s->authenticated) { /* RFC 6409 4.3 */
        smtp_server_reply(s, 530, "5.7.0", s->in_tls ? "Log in first (AUTH)" : "Say STARTTLS, then log in (AUTH)");
        return;
    }
    struct str rest = str_trim(str_slice(args, 5, args.n));
    bool utf8 = s->esmtp && asks_utf8(rest);
    smtp_server_reset(s);
    int r = smtp_server_path(s, &rest, utf8, false, &a);
    if (r < 0 || (rest.n > 0 && rest.p[0] != ' ')) {
        bool needs_utf8 = !utf8 && address_has_utf8(args);
        smtp_server_reply(s, needs_utf8 ? 553 : 501, needs_utf8 ? "5.6.7" : "5.1.7",
                          needs_utf8       ? "This address needs SMTPUTF8"
                          : r == -EMSGSIZE ? "The sender address is longer than 900 octets, the most that is taken here"
                                           : "The sender address is not a valid address in < >");
        return;
    }
    s->tx.is_utf8 = utf8;
    if (parameters(s, rest) && keep_path(s, &a)) {
        smtp_server_ask(s, SMTP_EV_MAIL);
    }
}
