/* SPDX-License-Identifier: Apache-2.0
 * mailboxes.h: the addresses in a From, To, Cc or Bcc field (RFC 5322 3.4): names, comments,
 * groups and quoted strings are read over; so are blanks and comments around the dots and the
 * "@" of an address (3.2.2, 4.4). Pure.
 */
#pragma once
#include "base/buf.h"
#include "wire/limits.h"

struct mailbox {
    /* a view of the field, or of text where something stood inside it: not to be copied with it */
    struct str address;
    char text[ADDRESS_ROOM];
};

/* Takes the next address off the front of *rest (white space and comments around it left out).
 * False at the end. What stands there need not be a good address: the caller checks. */
bool mailboxes_next(struct str *rest, struct mailbox *ret);
/* Appends the field with each address as mailboxes_next gives it, and everything else as it
 * stands. 0 or -ENOSPC. */
int mailboxes_tidy(struct str field, struct buf *out) MUST_USE;
