/* SPDX-License-Identifier: Apache-2.0
 * cmd_ehlo.c: EHLO and HELO, RFC 5321 4.1.1.1; also mid-session, where they reset like RSET (4.1.4).
 *
 *   ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
 *   helo = "HELO" SP Domain CRLF
 *
 * The name is recorded, never a reason to refuse (4.1.4); only a missing or unprintable argument is.
 */
#include "smtp/server_priv.h"

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

static bool hello(struct smtp_server *s, struct str args)
{
    if (!argument_ok(args)) {
        smtp_server_reply(s, 501, "5.5.4", "Say your host name, as in: EHLO mail.example.org");
        return false;
    }
    smtp_server_reset(s);
    buf_reset(&s->helo);
    must(buf_add(&s->helo, args) == 0);
    s->state = ST_READY;
    return true;
}

void smtp_cmd_ehlo(struct smtp_server *s, struct str args)
{
    char text[1024];
    struct buf lines = BUF_INIT(sizeof text);
    if (!hello(s, args)) {
        return;
    }
    s->esmtp = true;
    int r = buf_printf(&lines, "%s\nPIPELINING\nSIZE %llu\n%s8BITMIME\nENHANCEDSTATUSCODES\nSMTPUTF8%s",
                       s->config.hostname, (unsigned long long)s->config.size_max,
                       s->config.can_starttls && !s->in_tls ? "STARTTLS\n" : "",
                       s->config.requiretls && s->in_tls ? "\nREQUIRETLS" : "");
    must(r == 0);
    str_copy_cut(buf_str(&lines), text, sizeof text);
    buf_free(&lines);
    smtp_server_reply(s, 250, NULL, text);
}

void smtp_cmd_helo(struct smtp_server *s, struct str args)
{
    if (hello(s, args)) {
        s->esmtp = false;
        smtp_server_reply(s, 250, NULL, s->config.hostname);
    }
}
