/* SPDX-License-Identifier: Apache-2.0
 * protection.h: what was found in a message, and what a recipient's mail needs and why, in words
 * and as JSON. Called by message.c and postern explain. Pure.
 */
#pragma once
#include "base/buf.h"
#include "report/json.h"

/* facts: lines of policy/inspection.h. 0 or -ENOSPC. */
int inspection_words(struct str facts, struct buf *out) MUST_USE;
struct json *inspection_json(struct str facts);
/* record: of policy/protect.h, "" for a message that needs nothing special. 0 or -ENOSPC. */
int protection_words(struct str record, const char *indent, struct buf *out) MUST_USE;
struct json *protection_json(struct str record);
