/* SPDX-License-Identifier: Apache-2.0
 * received.h: the Received field each accepted message gets (RFC 5321 4.4, RFC 3848, RFC 8314 4.3).
 */
#pragma once
#include "base/buf.h"

struct received {
    struct str helo;      /* as the client said it: escaped here */
    struct str client_ip; /* text form */
    struct str by;        /* our host name */
    struct str id;        /* message id */
    struct str for_path;  /* the only recipient, or empty (RFC 5321 7.2: none when several) */
    bool esmtp, utf8, authenticated;
    struct str tls_version;              /* empty: no TLS */
    struct str tls_cipher;               /* OpenSSL name */
    struct str tls_suite;                /* IANA name */
    unsigned tls_bits;                   /* effective key bits */
    unsigned tls_alg_bits;               /* bits of the algorithm */
    struct str tls_group, tls_signature; /* may be empty */
    int64_t at_ms;
};

/* "SMTP", "ESMTP", "ESMTPS", "ESMTPSA", "UTF8SMTP", "UTF8SMTPS", "UTF8SMTPSA" (RFC 3848, RFC
 * 6531 4.3). AUTH exists inside TLS only. */
const char *received_protocol(bool esmtp, bool tls, bool utf8, bool authenticated);
/* Appends the whole field with its CRLF. 0 or -ENOSPC. */
int received_write(const struct received *r, struct buf *out) MUST_USE;
