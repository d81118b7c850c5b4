/* SPDX-License-Identifier: Apache-2.0
 * notice.c: a message of the portal from its templates (notice.h).
 */
#include "portal/notice.h"
#include "portal/thread.h"
#include "wire/base64.h"
#include "wire/date.h"
#include "wire/encoded.h"

#include <stdio.h>

enum { PART_MAX = 256 * 1024, ARENA_OCTETS = 512 * 1024 };

static void notice_put_facts(const struct notice_mail *n, struct data *d)
{
    const struct ipc_envelope_mail *a = n->about;
    char date[DATE_MAX], link[600], code[32] = "";
    data_put(d, "to", a->to);
    data_put(d, "sender", a->sender);
    data_put(d, "sender-name", a->sender_name.n > 0 ? a->sender_name : a->sender);
    date_iso(a->made_ms, date);
    data_put(d, "date", str_slice(str_c(date), 0, 10));
    date_iso(a->expires_ms, date);
    data_put(d, "until", str_slice(str_c(date), 0, 10));
    data_number(d, "attachments", a->attachments);
    data_flag(d, "has-attachments", a->attachments > 0);
    data_number(d, "kilobytes", a->octets / 1024 + 1);
    data_flag(d, "reminder", n->reminder);
    data_put(d, "phrase", a->phrase);
    data_put(d, "words", a->words);
    data_flag(d, "level2", a->level >= 2);
    data_flag(d, "sealed", a->level == 3);
    if (a->link.n > 0) {
        snprintf(link, sizeof link, "%s/p/" STR_FMT, n->conf->portal.url, STR_ARG(a->link));
        data_c(d, "link", link);
    }
    if (n->code && a->code.n >= 4) {
        snprintf(code, sizeof code, STR_FMT " " STR_FMT, STR_ARG(str_slice(a->code, 0, 4)),
                 STR_ARG(str_slice(a->code, 4, a->code.n)));
    } else if (a->code.n == 12) {
        snprintf(code, sizeof code, STR_FMT "-" STR_FMT "-" STR_FMT,
                 STR_ARG(str_slice(a->code, 0, 4)), STR_ARG(str_slice(a->code, 4, 8)),
                 STR_ARG(str_slice(a->code, 8, 12)));
    }
    data_c(d, "code", code);
}

/* Lines end with CRLF; what is not ASCII, or too long for a line, goes as base64. */
static int notice_put_part(const char *type, struct str text, struct buf *out)
{
    size_t line = 0, longest = 0;
    bool ascii = true;
    for (size_t i = 0; i < text.n; i++) {
        line = text.p[i] == '\n' ? 0 : line + 1;
        longest = line > longest ? line : longest;
        ascii &= (unsigned char)text.p[i] < 0x80;
    }
    bool plain = ascii && longest < 900;
    int r =
        buf_printf(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
                   type, plain ? "7bit" : "base64");
    if (!plain) {
        return r < 0 ? r : base64_write(text, 76, out);
    }
    struct str one;
    while (r == 0 && str_split(&text, '\n', &one)) {
        r = buf_add(out, one);
        r = r < 0 ? r : buf_add(out, STR("\r\n"));
    }
    return r;
}

static int notice_put_head(const struct notice_mail *n, size_t language, const struct data *d,
                           struct buf *out)
{
    const struct conf *c = n->conf;
    const struct ipc_envelope_mail *a = n->about;
    char date[DATE_MAX], reply_to[640];
    struct buf name = BUF_INIT(512), subject = BUF_INIT(2048);
    date_rfc5322(n->now_ms, date);
    thread_address(c, a->thread, reply_to, sizeof reply_to);
    int r = encoded_write(str_c(*c->organization ? c->organization : c->hostname), true, &name);
    if (a->subject.n > 0 && !n->code) {
        /* the administrator's choice: it travels unprotected */
        r = r < 0 ? r : buf_add(&subject, a->subject);
    } else {
        r = r < 0 ? r
                  : site_text(n->site,
                              n->code       ? "mail.code-subject"
                              : n->reminder ? "mail.reminder-subject"
                                            : "mail.subject",
                              language, d, &subject);
    }
    r = r < 0 ? r
              : buf_printf(out, "From: " STR_FMT " <%s>\r\nTo: <" STR_FMT ">\r\n",
                           STR_ARG(buf_str(&name)), c->portal.from, STR_ARG(a->to));
    r = r < 0 ? r : buf_printf(out, "Reply-To: <%s>\r\nSubject: ", reply_to);
    r = r < 0 ? r : encoded_write(buf_str(&subject), false, out);
    r = r < 0 ? r
              : buf_printf(out,
                           "\r\nDate: %s\r\nMessage-ID: <%s>\r\nAuto-Submitted: "
                           "auto-generated\r\nMIME-Version: 1.0\r\n",
                           date, n->message_id);
    buf_free(&name);
    buf_free(&subject);
    return r;
}

int notice_write(const struct notice_mail *n, struct buf *out)
{
    struct arena arena = ARENA_INIT(ARENA_OCTETS);
    struct data d = {.arena = &arena};
    struct buf text = BUF_INIT(PART_MAX), html = BUF_INIT(PART_MAX);
    int wanted = site_language(n->site, n->about->language);
    size_t language = wanted < 0 ? 0 : (size_t)wanted;
    notice_put_facts(n, &d);
    int r = site_write(n->site, n->code ? "code-mail-text" : "notice-text", language, &d, &text);
    r = r < 0 ? r : site_write(n->site, n->code ? "code-mail" : "notice", language, &d, &html);
    r = r < 0 ? r : notice_put_head(n, language, &d, out);
    r = r < 0 ? r
              : buf_printf(out, "Content-Type: multipart/alternative; "
                                "boundary=\"=_postern_notice\"\r\n\r\n--=_postern_notice\r\n");
    r = r < 0 ? r : notice_put_part("text/plain", buf_str(&text), out);
    r = r < 0 ? r : buf_add(out, STR("\r\n--=_postern_notice\r\n"));
    r = r < 0 ? r : notice_put_part("text/html", buf_str(&html), out);
    r = r < 0 ? r : buf_add(out, STR("\r\n--=_postern_notice--\r\n"));
    buf_free(&text);
    buf_free(&html);
    arena_reset(&arena);
    return r;
}
