/* SPDX-License-Identifier: Apache-2.0
 * base64.h: RFC 4648 section 4, as mail uses it (RFC 2045 6.8), and section 5, as the web does.
 * Pure.
 */
#pragma once
#include "base/buf.h"

/* Appends the text; line > 0: folded with CRLF after so many characters, and a CRLF at the end. */
int base64_write(struct str octets, size_t line, struct buf *out) MUST_USE;
/* Appends the octets; characters outside the alphabet are skipped, as RFC 2045 wants. -EBADMSG when
 * it ends in the middle, -ENOSPC. */
int base64_read(struct str text, struct buf *out) MUST_USE;
/* The value of a letter of section 4, -1: it is none. */
int base64_value(char c);
/* Section 5, "-" and "_", without padding. */
int base64url_write(struct str octets, struct buf *out) MUST_USE;
/* -EBADMSG for any other character (padding may follow), and when it ends in the middle;
 * -ENOSPC. */
int base64url_read(struct str text, struct buf *out) MUST_USE;
