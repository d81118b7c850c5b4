/* SPDX-License-Identifier: Apache-2.0
 * encoded.h: text in header fields as encoded words (RFC 2047), and names of files in parameters
 * (RFC 2231). Pure.
 */
#pragma once
#include "base/buf.h"

/* Appends text of any characters (UTF-8) as it may stand in an unstructured field or a display
 * name: as it is when it is plain ASCII, quoted where quoted is true and it must be, else as
 * encoded words, folded. Control characters become blanks. 0 or -ENOSPC. */
int encoded_write(struct str text, bool quoted, struct buf *out) MUST_USE;
/* Appends ; name="value", or ; name*=UTF-8''value with escapes. 0 or -ENOSPC. */
int encoded_parameter(const char *name, struct str value, struct buf *out) MUST_USE;
