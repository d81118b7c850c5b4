/* SPDX-License-Identifier: Apache-2.0
 * repair.h: line ends of a message as an old device sends it, made into CRLF on entry. Called by
 * the SMTP server engine, for devices that the configuration names only; pure.
 *
 * It runs after the end of the message was found (dot.h, or the count of BDAT): what is repaired
 * can never become an end of data. A line end is CRLF, a bare LF, a bare CR, or several CRs before
 * an LF (texts that were converted twice). CRs before anything else are a line end each: two of
 * them end a header section.
 */
#pragma once
#include "base/buf.h"

/* What was repaired in a message, or in the session that brought it. */
enum repair {
    REPAIR_HELLO = 1,       /* EHLO or HELO without a name, or with several words */
    REPAIR_PATH = 2,        /* MAIL or RCPT without < > */
    REPAIR_COMMAND_END = 4, /* a command that did not end with CRLF */
    REPAIR_BARE_LF = 8,
    REPAIR_BARE_CR = 16,
    REPAIR_DATE = 32, /* fields that every message must have (RFC 5322 3.6), or should */
    REPAIR_MESSAGE_ID = 64,
    REPAIR_FROM = 128,
};
/* What one bit means (of several: the lowest), "" where this version does not know it. */
const char *repair_words(unsigned bit);
/* Appends what the bits mean, in words for people: "bare LF, Date added"; nothing for 0. 0 or
 * -ENOSPC. */
int repair_write(unsigned bits, struct buf *out) MUST_USE;

struct line_repair {
    int state;
    unsigned crs;          /* held back */
    bool bare_lf, bare_cr; /* what was repaired so far */
    /* a line of one dot between line ends that were repaired: no end of data */
    bool lone_dot;
};

/* Appends the text with its line ends repaired; text may come in any pieces. `stuffed`: it came
 * by DATA, so a client that counts a bare LF as a line end has doubled a dot behind it: one of
 * the two is taken off. A single one stays, whatever follows it. 0 or -ENOSPC. */
int line_repair(struct line_repair *r, struct str text, bool stuffed, struct buf *out) MUST_USE;
/* The message ended: a CR that was held back becomes a line end. 0 or -ENOSPC. */
int line_repair_end(struct line_repair *r, struct buf *out) MUST_USE;
