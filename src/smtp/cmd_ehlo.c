/* SPDX-License-Identifier: Apache-2.0
 * cmd_ehlo.c: EHLO and HELO, RFC 5321 4.1.1.1; also mid-session, where they reset like RSET
 * (4.1.4).
 *
 *   ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
 *   helo = "HELO" SP Domain CRLF
 *
 * That the name is not the client's address's is no reason to refuse (4.1.4); only a missing or
 * unprintable argument is, and a rule of ours about the name. Until the answer is known, what was
 * said before stands.
 */
#include "smtp/server_priv.h"

/* RFC 5321 4.1.4 MUST NOT: a name in EHLO that is not the client's is no reason to refuse */
static bool argument_ok(struct str args)
{
    for (size_t i = 0; i < args.n; i++) {
        unsigned char c = (unsigned char)args.p[i];
        if (c <= 0x20 || c == 0x7f) {
            return false;
        }
    }
    return args.n > 0 && args.n <= 255;
}

/* What a device said in place of a name, as one word. */
static void keep_odd_name(struct smtp_server *s, struct str args)
{
    s->repaired |= REPAIR_HELLO;
    for (size_t i = 0; i < args.n && i < 255; i++) {
        bool odd = (unsigned char)args.p[i] <= 0x20 || args.p[i] == 0x7f;
        must(buf_append(&s->helo, odd ? "-" : &args.p[i], 1) == 0);
    }
}

static void exchange_names(struct smtp_server *s)
{
    struct buf name = s->helo;
    s->helo = s->helo_before;
    s->helo_before = name;
}

/* RFC 5321 4.1.4 MUST: an EHLO that is not accepted is refused with 501 or 550 */
static void hello(struct smtp_server *s, struct str args, bool esmtp)
{
    bool ok = argument_ok(args);
    if (!ok && !s->config.device) {
        smtp_server_refuse(s, REFUSE_NO_NAME);
        return;
    }
    exchange_names(s);
    s->esmtp_before = s->esmtp;
    buf_reset(&s->helo);
    if (ok) {
        must(buf_add(&s->helo, args) == 0);
    } else {
        keep_odd_name(s, args);
    }
    s->esmtp = esmtp;
    smtp_server_ask(s, SMTP_EV_HELLO);
}

/* RFC 5321 2.2.1 MUST: a server takes EHLO */
void smtp_cmd_ehlo(struct smtp_server *s, struct str args)
{
    hello(s, args, true);
}

/* RFC 5321 2.2.1 MUST: HELO is taken, and said to servers without EHLO */
void smtp_cmd_helo(struct smtp_server *s, struct str args)
{
    hello(s, args, false);
}

/* PIPELINING RFC 2920, SIZE RFC 1870, CHUNKING and BINARYMIME RFC 3030, DSN RFC 3461, LIMITS RFC
 * 9422, AUTH RFC 4954 only inside TLS.
 * RFC 5321 2.2.2 MUST NOT: no unregistered keyword is announced
 * RFC 5321 2.4 SHOULD: 8BITMIME is offered
 * RFC 5321 4.1.1.1 MUST: all optional commands are announced
 * RFC 5321 4.2.3 MUST NOT: nothing is announced that is then not known
 * RFC 5321 4.5.3.1.7 SHOULD: SIZE is announced
 * RFC 3207 4.2 MUST NOT: no offer of STARTTLS inside TLS */
static void capabilities(struct smtp_server *s, struct buf *lines)
{
    const struct smtp_server_config *c = &s->config;
    int r =
        buf_printf(lines,
                   "%s\nPIPELINING\nSIZE "
                   "%llu\n%s8BITMIME\nENHANCEDSTATUSCODES\nSMTPUTF8\nCHUNKING\nBINARYMIME\nDSN\n",
                   c->hostname, (unsigned long long)c->size_max,
                   c->can_starttls && !s->in_tls ? "STARTTLS\n" : "");
    r = r < 0 || !c->auth || !s->in_tls ? r : buf_printf(lines, "AUTH %s\n", c->auth);
    r = r < 0 || !c->requiretls || !s->in_tls ? r : buf_printf(lines, "REQUIRETLS\n");
    r = r < 0 ? r
              : buf_printf(lines, "LIMITS MAILMAX=%u RCPTMAX=%zu", c->transactions_max,
                           c->recipients_max);
    must(r == 0);
}

/* RFC 5321 3.2 MUST NOT: HELO gets no list of extensions
 * RFC 5321 4.1.4 MUST: EHLO once more forgets the transaction
 * RFC 5321 4.1.4 MUST: a refused EHLO changes nothing */
void smtp_hello_answered(struct smtp_server *s, const struct smtp_reply *r)
{
    char text[1024];
    struct buf lines = BUF_INIT(sizeof text);
    if (r->code >= 400) {
        exchange_names(s);
        s->esmtp = s->esmtp_before;
        smtp_server_reply(s, r->code, r->enhanced, r->text);
        return;
    }
    smtp_server_reset(s);
    s->state = ST_READY;
    if (!s->esmtp) {
        smtp_server_reply(s, 250, NULL, s->config.hostname);
        return;
    }
    capabilities(s, &lines);
    str_copy_cut(buf_str(&lines), text, sizeof text);
    buf_free(&lines);
    smtp_server_reply(s, 250, NULL, text);
}
