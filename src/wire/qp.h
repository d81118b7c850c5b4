/* SPDX-License-Identifier: Apache-2.0
 * qp.h: quoted-printable (RFC 2045 6.7), written as a stream; transfer.h reads it. Pure.
 */
#pragma once
#include "base/buf.h"

/* Start with all zero. */
struct qp {
    size_t column;
    bool soft; /* the line began behind a soft line break */
    char held; /* a blank, tab or CR whose successor is not known yet; 0: none */
};

/* Appends the next octets: CRLF stays a line end, a CR or LF by itself is encoded, lines have at
 * most 76 octets. At most three times as much as text, and some 4 % for the breaks. 0 or
 * -ENOSPC. */
int qp_write(struct qp *q, struct str text, struct buf *out) MUST_USE;
/* The rest of a part's header, the empty line and the text (CRLF lines): as it is where it is
 * ASCII in lines of at most 998 octets, else in quoted-printable and said so. 0 or -ENOSPC. */
int qp_part(struct str text, struct buf *out) MUST_USE;
/* The text ended. 0 or -ENOSPC. */
int qp_end(struct qp *q, struct buf *out) MUST_USE;
