/* SPDX-License-Identifier: Apache-2.0
 * links.h: addresses that a reader may follow: which may be links at all, and where they stand
 * in plain text. Pure.
 *
 * Called by sanitise.c, by view.c, and by portal/shown.c.
 */
#pragma once
#include "base/str.h"

enum { LINK_MAX = 2048, LINKS_MAX = 1000 /* of one text; behind that all is text */ };

/* http:, https:, mailto:, tel: and sms: only; nothing relative: there is nothing of ours behind
 * it. */
bool links_is_allowed(struct str url);
/* Takes the next piece off the front of *rest, a link or the text up to the next one. False at
 * the end. */
bool links_next(struct str *rest, struct str *ret, bool *ret_is_link);
