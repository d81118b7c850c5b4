/* SPDX-License-Identifier: Apache-2.0
 * fold.h: header lines of at most 998 octets (RFC 5322 2.1.1, 2.2.3). Pure.
 *
 * A line is broken where white space stands already: whoever unfolds it reads what was written, and
 * a DKIM signature over relaxed headers (RFC 6376 3.4.2) stays good.
 */
#pragma once
#include "base/buf.h"

/* Appends a field with its lines, folding those that are too long, where they can be. 0 or -ENOSPC.
 */
int fold_field(struct str field, struct buf *out) MUST_USE;
/* True when a signature of the section covers its spelling (DKIM, c=simple): such a section must
 * stay as it is. */
bool fold_breaks_signature(struct str section);
