/* SPDX-License-Identifier: Apache-2.0
 * cmd_mail.c: MAIL, RFC 5321 4.1.1.2; SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531 3.4), REQUIRETLS (RFC 8689 2).
 *
 *   mail        = "MAIL FROM:" Reverse-path [ SP Mail-parameters ] CRLF
 *   esmtp-param = esmtp-keyword [ "=" esmtp-value ]
 */
#include "smtp/server_priv.h"

/* One parameter. 0, or the reply's code with its text set. */
static int parameter(struct smtp_server *s, struct str word, const char **ret_enhanced,
                     const char **ret_text)
{
    size_t eq = str_find(word, '=', 0);
    struct str key = str_slice(word, 0, eq);
    struct str value = eq < word.n ? str_slice(word, eq + 1, word.n) : STR("");
    struct smtp_transaction *tx = &s->tx;
    *ret_enhanced = "5.5.4";
    if (str_eq_nocase(key, STR("SIZE"))) {
        int r = str_to_u64(value, UINT64_MAX / 2, &tx->size_declared);
        *ret_text = "SIZE needs a number";
        if (tx->has_size || r == -EINVAL) {
            return 501;
        }
        tx->has_size = true;
        *ret_enhanced = "5.3.4";
        *ret_text = "Message is larger than this server takes";
        return r < 0 || tx->size_declared > s->config.size_max ? 552 : 0;
    }
    if (str_eq_nocase(key, STR("BODY"))) {
        tx->is_8bit = str_eq_nocase(value, STR("8BITMIME"));
        *ret_text = "BODY must be 7BIT or 8BITMIME";
        return tx->is_8bit || str_eq_nocase(value, STR("7BIT")) ? 0 : 501;
    }
    if (str_eq_nocase(key, STR("SMTPUTF8"))) {
        *ret_text = "SMTPUTF8 takes no value";
        return eq < word.n ? 501 : 0;
    }
    if (str_eq_nocase(key, STR("REQUIRETLS")) && s->config.requiretls) {
        tx->requiretls = true;
        *ret_enhanced = s->in_tls ? "5.5.4" : "5.7.10";
        *ret_text = s->in_tls ? "REQUIRETLS takes no value" : "REQUIRETLS can only be asked for inside TLS";
        return eq < word.n ? 501 : s->in_tls ? 0 : 530;
    }
    *ret_text = "A parameter of MAIL is not known here";
    return 555;
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
    while (rest.n > 0 && str_split(&rest, ' ', &word)) {
        const char *enhanced, *text;
        int code = word.n == 0 ? 0 : s->esmtp ? parameter(s, word, &enhanced, &text) : 555;
        if (!s->esmtp && word.n > 0) {
            enhanced = "5.5.4";
            text = "Parameters need EHLO";
        }
        if (code) {
            smtp_server_reply(s, code, enhanced, text);
            return false;
        }
    }
    return true;
}

/* Copies the path into the transaction. */
static bool keep_path(struct smtp_server *s, const struct address *a)
{
    struct str copy;
    if (arena_copy(&s->arena, a->whole, &copy) < 0) {
        smtp_server_reply(s, 452, "4.3.1", "Not enough memory for this transaction");
        return false;
    }
    s->tx.reverse_path.whole = copy;
    s->tx.reverse_path.local = str_slice(copy, 0, a->local.n);
    s->tx.reverse_path.domain = str_slice(copy, copy.n - a->domain.n, copy.n);
    return true;
}

void smtp_cmd_mail(struct smtp_server *s, struct str args)
{
    struct address a;
    if (!str_starts_nocase(args, STR("FROM:"))) {
        smtp_server_reply(s, 501, "5.5.4", "Write: MAIL FROM:<address>");
        return;
    }
    struct str rest = str_trim(str_slice(args, 5, args.n));
    bool utf8 = s->esmtp && asks_utf8(rest);
    if (address_path(&rest, utf8, true, false, &a) < 0 || (rest.n > 0 && rest.p[0] != ' ')) {
        bool needs_utf8 = !utf8 && address_has_utf8(args);
        smtp_server_reply(s, needs_utf8 ? 553 : 501, needs_utf8 ? "5.6.7" : "5.1.7",
                          needs_utf8 ? "This address needs SMTPUTF8"
                                     : "The sender address is not a valid address in < >");
        return;
    }
    smtp_server_reset(s);
    s->tx.is_utf8 = utf8;
    if (parameters(s, rest) && keep_path(s, &a)) {
        smtp_server_ask(s, SMTP_EV_MAIL);
    }
}
