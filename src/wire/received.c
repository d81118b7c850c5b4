/* SPDX-License-Identifier: Apache-2.0
 * received.c: one Received field, RFC 5321 4.4. Called by smtpin/incoming.c.
 *
 * The client's HELO text is data from a stranger: only letters, digits and "-._:[]" pass, so that
 * it cannot forge a comment or a TLS clause (requirement AR6).
 */
#include "wire/received.h"
#include "wire/date.h"

/* RFC 5321 4.4 SHOULD NOT: no unregistered protocol names in WITH */
const char *received_protocol(bool esmtp, bool tls, bool utf8, bool authenticated)
{
    if (authenticated) {
        return utf8 ? "UTF8SMTPSA" : "ESMTPSA";
    }
    if (utf8) {
        return tls ? "UTF8SMTPS" : "UTF8SMTP";
    }
    if (!esmtp) {
        return "SMTP";
    }
    return tls ? "ESMTPS" : "ESMTP";
}

static int put_safe(struct buf *out, struct str s, size_t max)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s.n && i < max; i++) {
        char c = s.p[i];
        bool safe = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c != 0 && strchr("-._:[]", c));
        r = buf_append(out, safe ? &c : "?", 1);
    }
    return s.n == 0 ? buf_add(out, STR("unknown")) : r;
}

static int put_tls(const struct received *f, struct buf *out)
{
    if (f->tls_version.n == 0) {
        return 0;
    }
    int r =
        buf_printf(out, "\r\n\t(using " STR_FMT " with cipher " STR_FMT " (%u/%u bits)",
                   STR_ARG(f->tls_version), STR_ARG(f->tls_cipher), f->tls_bits, f->tls_alg_bits);
    if (r == 0 && f->tls_group.n > 0) {
        r = buf_printf(out, "\r\n\t key-exchange " STR_FMT, STR_ARG(f->tls_group));
    }
    if (r == 0 && f->tls_signature.n > 0) {
        r = buf_printf(out, " server-signature " STR_FMT, STR_ARG(f->tls_signature));
    }
    return r < 0 ? r : buf_add(out, STR(")"));
}

/* RFC 5321 4.4 MUST: Received has FROM, with the name said and the address
 * RFC 5321 4.4 MUST: FOR names at most one path
 * RFC 5321 7.2 SHOULD NOT: the list of recipients is not copied into the message */
int received_write(const struct received *f, struct buf *out)
{
    char date[DATE_MAX];
    bool v6 = str_find(f->client_ip, ':', 0) < f->client_ip.n;
    date_rfc5322(f->at_ms, date);
    int r = buf_add(out, STR("Received: from "));
    r = r < 0 ? r : put_safe(out, f->helo, 255);
    r = r < 0 ? r : buf_printf(out, " ([%s" STR_FMT "])", v6 ? "IPv6:" : "", STR_ARG(f->client_ip));
    r = r < 0 ? r : put_tls(f, out);
    r = r < 0 ? r
              : buf_printf(out, "\r\n\tby " STR_FMT " (Postern) with %s", STR_ARG(f->by),
                           received_protocol(f->esmtp, f->tls_version.n > 0, f->utf8,
                                             f->authenticated));
    if (r == 0 && f->tls_suite.n > 0) {
        r = buf_printf(out, " tls " STR_FMT, STR_ARG(f->tls_suite));
    }
    r = r < 0 ? r : buf_printf(out, "\r\n\tid " STR_FMT, STR_ARG(f->id));
    if (r == 0 && f->for_path.n > 0) {
        r = buf_printf(out, "\r\n\tfor <" STR_FMT ">", STR_ARG(f->for_path));
    }
    return r < 0 ? r : buf_printf(out, "; %s\r\n", date);
}
