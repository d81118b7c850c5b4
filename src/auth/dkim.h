/* SPDX-License-Identifier: Apache-2.0
 * dkim.h: the text of a DKIM signature (RFC 6376), relaxed/relaxed, for mail that the gateway
 * itself writes. Pure: the signature itself is made by `keys`.
 */
#pragma once
#include "tls/sign.h"

struct dkim {
    struct str domain, selector;
    enum tls_algorithm algorithm;
    int64_t at_s; /* seconds since 1970 */
};

/* The canonical octets to be signed, for a message with CRLF lines; `names`, colon separated,
 * are the fields that are signed (each there once). 0 or -ENOSPC. */
int dkim_text(const struct dkim *d, struct str message, const char *names,
              struct buf *out) MUST_USE;
/* The DKIM-Signature field, folded, with CRLF: to stand before the message. */
int dkim_field(const struct dkim *d, struct str message, const char *names, struct str signature,
               struct buf *out) MUST_USE;
/* Canonical forms (RFC 6376 3.4.2, 3.4.4), for tests. */
int dkim_relaxed_header(struct str name, struct str value, struct buf *out) MUST_USE;
int dkim_relaxed_body(struct str body, struct buf *out) MUST_USE;
