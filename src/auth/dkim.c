/* SPDX-License-Identifier: Apache-2.0
 * dkim.c: RFC 6376 sections 3.4 (canonical forms), 3.5 (the field), 3.7 (what is hashed). Called by
 * smtpout for TLS reports. No l= tag: the whole body is signed (RFC 8460 3).
 */
#include "auth/dkim.h"
#include "wire/base64.h"
#include "wire/header.h"

enum { CANONICAL_MAX = 4 * 1024 * 1024, FIELD_MAX = 8 * 1024 };

static bool dkim_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

int dkim_relaxed_header(struct str name, struct str value, struct buf *out)
{
    int r = 0;
    bool space = false, any = false;
    for (size_t i = 0; r == 0 && i < name.n; i++) {
        char c = str_lower(name.p[i]);
        r = dkim_is_blank(c) ? 0 : buf_append(out, &c, 1);
    }
    r = r < 0 ? r : buf_append(out, ":", 1);
    for (size_t i = 0; r == 0 && i < value.n; i++) {
        char c = value.p[i];
        if (dkim_is_blank(c) || c == '\r' || c == '\n') {
            space = any; /* none at the begin */
            continue;
        }
        r = space ? buf_append(out, " ", 1) : 0;
        r = r < 0 ? r : buf_append(out, &c, 1);
        space = false;
        any = true;
    }
    return r < 0 ? r : buf_append(out, "\r\n", 2);
}

static int relaxed_line(struct str line, struct buf *out)
{
    int r = 0;
    bool space = false;
    for (size_t i = 0; r == 0 && i < line.n; i++) {
        if (dkim_is_blank(line.p[i])) {
            space = true;
            continue;
        }
        r = space ? buf_append(out, " ", 1) : 0;
        r = r < 0 ? r : buf_append(out, &line.p[i], 1);
        space = false;
    }
    return r;
}

int dkim_relaxed_body(struct str body, struct buf *out)
{
    struct str rest = body, line;
    size_t empty = 0;
    int r = 0;
    while (r == 0 && rest.n > 0 && str_split(&rest, '\n', &line)) {
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        struct buf one = BUF_INIT(CANONICAL_MAX);
        r = relaxed_line(line, &one);
        if (r == 0 && buf_len(&one) == 0) {
            empty++; /* empty lines count only when something follows */
        } else {
            for (; r == 0 && empty > 0; empty--) {
                r = buf_append(out, "\r\n", 2);
            }
            r = r < 0 ? r : buf_add(out, buf_str(&one));
            r = r < 0 ? r : buf_append(out, "\r\n", 2);
        }
        buf_free(&one);
    }
    return r;
}

static int put_body_hash(struct str message, struct buf *out)
{
    unsigned char digest[32];
    size_t n = header_section(message);
    struct str body = str_slice(message, n + 2 < message.n ? n + 2 : message.n, message.n);
    CLEANUP(buf_free) struct buf canonical = BUF_INIT(CANONICAL_MAX);
    int r = dkim_relaxed_body(body, &canonical);
    tls_sha256(buf_str(&canonical), digest);
    return r < 0 ? r : base64_write(str_from((const char *)digest, sizeof digest), 0, out);
}

/* The value of the field up to and with "b=". */
static int put_value(const struct dkim *d, struct str message, const char *names, struct buf *out)
{
    int r = buf_printf(out,
                       " v=1; a=%s; c=relaxed/relaxed;\r\n\td=" STR_FMT "; s=" STR_FMT
                       "; t=%lld;\r\n\th=%s;\r\n\tbh=",
                       d->algorithm == TLS_RSA_SHA256 ? "rsa-sha256" : "ed25519-sha256",
                       STR_ARG(d->domain), STR_ARG(d->selector), (long long)d->at_s, names);
    r = r < 0 ? r : put_body_hash(message, out);
    return r < 0 ? r : buf_add(out, STR(";\r\n\tb="));
}

int dkim_text(const struct dkim *d, struct str message, const char *names, struct buf *out)
{
    struct str wanted = str_c(names), one, name, value;
    CLEANUP(buf_free) struct buf field = BUF_INIT(FIELD_MAX);
    int r = 0;
    while (r == 0 && wanted.n > 0 && str_split(&wanted, ':', &one)) {
        struct str rest = str_slice(message, 0, header_section(message));
        while (r == 0 && header_next(&rest, &name, &value)) {
            if (str_eq_nocase(name, one)) {
                r = dkim_relaxed_header(name, value, out);
                break;
            }
        }
    }
    r = r < 0 ? r : put_value(d, message, names, &field);
    r = r < 0 ? r : dkim_relaxed_header(STR("DKIM-Signature"), buf_str(&field), out);
    if (r == 0 && buf_len(out) >= 2) {
        out->tail -= 2; /* RFC 6376 3.7: without the CRLF at its end */
    }
    return r;
}

int dkim_field(const struct dkim *d, struct str message, const char *names, struct str signature,
               struct buf *out)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(FIELD_MAX);
    int r = buf_add(out, STR("DKIM-Signature:"));
    r = r < 0 ? r : put_value(d, message, names, out);
    r = r < 0 ? r : base64_write(signature, 72, &text);
    struct str rest = buf_str(&text), line;
    while (r == 0 && rest.n > 0 && str_split(&rest, '\n', &line)) {
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        r = line.n > 0 ? buf_printf(out, STR_FMT "\r\n\t", STR_ARG(line)) : 0;
    }
    if (r == 0 && buf_len(out) >= 3) {
        out->tail -= 1; /* the tab of the last fold */
    }
    return r;
}
