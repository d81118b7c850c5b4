/* SPDX-License-Identifier: Apache-2.0
 * mailboxes.h: the addresses in a From, To, Cc or Bcc field (RFC 5322 3.4): names, comments, groups and quoted
 * strings are read over. Pure.
 */
#pragma once
#include "base/str.h"

/* Takes the next address off the front of *rest (a view, white space and comments around it left out).
 * False at the end. What stands there need not be a good address: the caller checks. */
bool mailboxes_next(struct str *rest, struct str *ret);
