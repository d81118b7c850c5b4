/* SPDX-License-Identifier: Apache-2.0
 * calendar.h: the events of a text/calendar part as people ask for them: what, when, where, who
 * (RFC 5545 3.6.1, RFC 5546). Called by view.c, and by message.c for the words of them.
 *
 * Own code: of the format a dozen properties are needed, and libical builds a tree of all of it
 * from a stranger's octets, and wants the system's files of time zones, which the process that
 * reads mail cannot open. What can go wrong: nothing; what is not understood is left out, what
 * is too long is cut.
 *
 * A rule of repetition as view_event has it, where it can be said in words: "d 2 10 - 0 0 0" is
 * every other day, ten times: d, w, m or y; the interval; how often, 0: not said; the last day
 * or "-"; the days of the week as bits, Monday is 1; the day of the month; which of its days of
 * that name, -1 the last. "": none, or one for which there are no words.
 */
#pragma once
#include "mime/view.h"

/* Appends the octets with lines that go on joined: a line may go on inside a character (RFC 5545
 * 3.1), so this comes before the character set. 0 or -ENOSPC. */
int calendar_unfold(struct str octets, struct buf *out) MUST_USE;
/* Appends what people wrote of events, tasks and notes in such a text, a property a paragraph:
 * titles, descriptions, comments, places. In an answer (RFC 5546 3.2.3) the description is that
 * of the invitation: marked as quoted. */
void calendar_words(struct str text, struct buf *out);
/* Appends the descriptions in HTML that some readers show in place of those (X-ALT-DESC of
 * MS-OXCICAL, RFC 9073 6.5); none of an answer. */
void calendar_html(struct str text, struct buf *out);
/* It has an event, and all of it are lines of a calendar (3.1, 3.4): who reads calendars shows
 * no more of it than such words. */
bool calendar_is_sound(struct str text);
/* Reads events of such a text (UTF-8) into ret, at most `max`; how many. */
size_t calendar_read(struct str text, struct view_event *ret, size_t max);
