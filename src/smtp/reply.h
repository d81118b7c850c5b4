/* SPDX-License-Identifier: Apache-2.0
 * reply.h: SMTP replies (RFC 5321 4.2), written and read.
 */
#pragma once
#include "base/buf.h"

enum {
    /* What we read of others; RFC 5321 4.5.3.1.5 says 512 octets a line, which servers with long
     * texts do not keep */
    SMTP_REPLY_LINE_MAX = 16 * 1024,
    SMTP_REPLY_LINES_MAX = 1000,
    SMTP_REPLY_TEXT_MAX = 8192, /* octets kept of one reply; the rest is read and dropped */
};

/* What we answer. enhanced may be NULL (greeting, EHLO: RFC 2034 section 4). */
struct smtp_reply {
    int code;
    const char *enhanced; /* "5.7.1"; its class equals the first digit of code */
    const char *text;     /* one line, or several separated by \n */
};

/* Everything the server says no with (refusals.def). */
enum smtp_refusal {
#define R(name, code, enhanced, what, todo) REFUSE_##name,
#include "smtp/refusals.def"
#undef R
    REFUSE_END,
};
/* Never NULL; static. */
const struct smtp_reply *smtp_refusal(enum smtp_refusal r);

/* Appends the lines with CRLF. 0 or -ENOSPC. */
int smtp_reply_write(const struct smtp_reply *r, struct buf *out) MUST_USE;

/* How the lines of a peer end: as the first one does. A peer whose first line ends in LF alone
 * may go on so; from any other a bare LF is BROKEN (RFC 5321 2.3.8). */
enum smtp_line_end { SMTP_LINE_UNKNOWN, SMTP_LINE_CRLF, SMTP_LINE_LF };

/* What a peer answered. Control bytes are already replaced: it may be stored and shown. */
struct smtp_answer {
    int code;
    struct buf text; /* lines joined by \n, without codes */
    unsigned lines;
    enum smtp_line_end line_end; /* of the session so far */
};

enum smtp_read { SMTP_READ_MORE, SMTP_READ_DONE, SMTP_READ_BROKEN };

/* Takes lines from *in until a reply is complete. Start with code 0; buf_reset text between. */
enum smtp_read smtp_answer_read(struct smtp_answer *a, struct buf *in);
/* The enhanced status code at the front of the text, or an empty view (RFC 2034). */
struct str smtp_answer_enhanced(const struct smtp_answer *a);
