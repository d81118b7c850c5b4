/* SPDX-License-Identifier: Apache-2.0
 * inspection.h: what an inspection found, as a text of lines that travels, is stored and is read
 * by the rules.
 *
 * A line is a key and its fields, parted by tabs: nothing of the message but masked values and
 * the endings of file names. Written by proc/inspecting.c, read by policy/protect.c, report/ and
 * postern. Pure. Keys and their fields:
 *
 *   flag WORD PLACE
 *   quoted WORD new|answer quoted|attached   only in what the mail repeats, or in an attached
 *                                            mail; an answer, or written by a program?
 *   near WRITTEN MEANT PLACE
 *   test PLACE
 *   asks transport|message|portal
 *   label NAME
 *   content NAME
 *   rule PACK/RULE TITLE
 *   found TYPE LEVEL COUNT PLACE MASKED
 *   sample TYPE COUNT PLACE MASKED           known from documentation: counts for nothing
 *   problem KIND PART DETAIL
 *   attachment TYPE NAME OCTETS PART
 *   named NAME PART                          another name of an attachment
 *   header CONDITION
 *   encrypted KIND
 *   failed crash|time|limit
 *   done PARTS MILLISECONDS
 */
#pragma once
#include "base/buf.h"

enum { INSPECTION_MAX = 48 * 1024, INSPECTION_FIELDS = 6, INSPECTION_FIELD_MAX = 256 };

/* Appends a line; control characters become blanks, long fields are cut. 0, or -ENOSPC with
 * nothing written. */
int inspection_put(struct buf *out, const char *key, const struct str *fields, size_t n) MUST_USE;
/* The next line with that key (NULL: any, the key is then fields[0]); *rest moves behind it.
 * Fields that are not there are empty. */
bool inspection_next(struct str *rest, const char *key, struct str fields[INSPECTION_FIELDS]);
/* True when a line has this key and this first field. */
bool inspection_has(struct str facts, const char *key, struct str first);
