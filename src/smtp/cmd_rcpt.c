/* SPDX-License-Identifier: Apache-2.0
 * cmd_rcpt.c: RCPT, RFC 5321 4.1.1.3; NOTIFY and ORCPT (RFC 3461, RFC 6533 3).
 *
 *   rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
 *          [ SP Rcpt-parameters ] CRLF
 */
#include "smtp/server_priv.h"
#include "wire/marks.h"

/* Kept in ASCII, in which every next hop that knows DSN takes it. */
static enum smtp_refusal keep_orcpt(struct smtp_server *s, struct str value)
{
    CLEANUP(buf_free) struct buf ascii = BUF_INIT(NOTIFY_ORCPT_MAX);
    bool unitext = s->tx.is_utf8 && str_starts_nocase(value, STR("utf-8;")) &&
                   marks_has_8bit(value) && marks_is_utf8(value);
    int r =
        unitext ? notify_utf8_write(value, NOTIFY_UTF8_ESCAPED, &ascii) : buf_add(&ascii, value);
    if (r < 0 || s->rcpt_asked.orcpt.n > 0 || !notify_orcpt_ok(buf_str(&ascii))) {
        return REFUSE_ORCPT_FORM;
    }
    return arena_copy(&s->arena, buf_str(&ascii), &s->rcpt_asked.orcpt) < 0 ? REFUSE_RCPTS_TOO_MANY
                                                                            : REFUSE_END;
}

/* NOTIFY and ORCPT (RFC 3461 4.1, 4.2). False: it was answered.
 * RFC 3461 5.1 MUST: a server that offers DSN takes all four */
static bool cmd_rcpt_parameters(struct smtp_server *s, struct str rest)
{
    struct smtp_rcpt *r = &s->rcpt_asked;
    struct str word;
    while (rest.n > 0 && str_split(&rest, ' ', &word)) {
        size_t eq = str_find(word, '=', 0);
        struct str key = str_slice(word, 0, eq),
                   value = eq < word.n ? str_slice(word, eq + 1, word.n) : STR("");
        if (word.n == 0) {
            continue;
        }
        if (s->esmtp && str_eq_nocase(key, STR("NOTIFY"))) {
            if (r->notify || notify_parse(value, &r->notify) < 0) {
                smtp_server_refuse(s, REFUSE_NOTIFY_FORM);
                return false;
            }
        } else if (s->esmtp && str_eq_nocase(key, STR("ORCPT"))) {
            enum smtp_refusal wrong = keep_orcpt(s, value);
            if (wrong != REFUSE_END) {
                smtp_server_refuse(s, wrong);
                return false;
            }
        } else {
            smtp_server_refuse(s, s->esmtp ? REFUSE_RCPT_PARAMETER : REFUSE_NO_PARAMETERS);
            return false;
        }
    }
    return true;
}

/* RFC 5321 4.5.3.1.8 MUST: more recipients than the limit are refused, none is dropped */
void smtp_cmd_rcpt(struct smtp_server *s, struct str args)
{
    struct address a;
    if (!str_starts_nocase(args, STR("TO:"))) {
        smtp_server_refuse(s, REFUSE_RCPT_FORM);
        return;
    }
    if (s->tx.n_rcpts >= s->config.recipients_max) {
        smtp_server_refuse(s, REFUSE_RCPTS_TOO_MANY);
        return;
    }
    struct str rest = str_trim(str_slice(args, 3, args.n));
    int r = smtp_server_path(s, &rest, s->tx.is_utf8, true, &a);
    if (r < 0 || (rest.n > 0 && rest.p[0] != ' ')) {
        bool needs_utf8 = !s->tx.is_utf8 && address_has_utf8(args);
        smtp_server_refuse(s, needs_utf8       ? REFUSE_NEEDS_UTF8
                              : r == -EMSGSIZE ? REFUSE_RCPT_LONG
                                               : REFUSE_RCPT_ADDRESS);
        return;
    }
    s->rcpt_asked = (struct smtp_rcpt){0};
    if (!cmd_rcpt_parameters(s, str_trim(rest))) {
        return;
    }
    r = smtp_server_keep_path(s, &a, &s->rcpt_address);
    if (r == -EINVAL || r == -EMSGSIZE) {
        smtp_server_refuse(s, r == -EINVAL ? REFUSE_RCPT_DOMAIN : REFUSE_RCPT_LONG);
        return;
    }
    if (r < 0) {
        smtp_server_refuse(s, REFUSE_RCPTS_TOO_MANY);
        return;
    }
    s->rcpt_asked.path = s->rcpt_address.whole;
    smtp_server_ask(s, SMTP_EV_RCPT);
}
