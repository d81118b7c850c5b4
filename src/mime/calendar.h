/* SPDX-License-Identifier: Apache-2.0
 * calendar.h: the events of a text/calendar part as people ask for them: what, when, where, who
 * (RFC 5545 3.6.1, RFC 5546). Called by view.c.
 *
 * Own code: of the format six properties are needed, and libical builds a tree of all of it with time
 * zones and rules of repetition, from a stranger's octets. What can go wrong: nothing; what is not
 * understood is left out, what is too long is cut.
 */
#pragma once
#include "mime/view.h"

/* Appends the octets with lines that go on joined: a line may go on inside a character (RFC 5545 3.1), so
 * this comes before the character set. 0 or -ENOSPC. */
int calendar_unfold(struct str octets, struct buf *out) MUST_USE;
/* Reads events of such a text (UTF-8) into ret, at most `max`; how many. */
size_t calendar_read(struct str text, struct view_event *ret, size_t max);
