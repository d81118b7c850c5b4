/* SPDX-License-Identifier: Apache-2.0
 * reply.h: SMTP replies (RFC 5321 4.2), written and read.
 */
#pragma once
#include "base/buf.h"

enum {
    SMTP_REPLY_LINE_MAX = 2048, /* octets of one line we read */
    SMTP_REPLY_LINES_MAX = 128,
    SMTP_REPLY_TEXT_MAX = 8192, /* octets kept of one reply */
};

/* What we answer. enhanced may be NULL (greeting, EHLO: RFC 2034 section 4). */
struct smtp_reply {
    int code;
    const char *enhanced; /* "5.7.1"; its class equals the first digit of code */
    const char *text;     /* one line, or several separated by \n */
};

/* Appends the lines with CRLF. 0 or -ENOSPC. */
int smtp_reply_write(const struct smtp_reply *r, struct buf *out) MUST_USE;

/* What a peer answered. Control bytes are already replaced: it may be stored and shown. */
struct smtp_answer {
    int code;
    struct buf text; /* lines joined by \n, without codes */
    unsigned lines;
};

enum smtp_read { SMTP_READ_MORE, SMTP_READ_DONE, SMTP_READ_BROKEN };

/* Takes lines from *in until a reply is complete. Start with code 0; buf_reset text between. */
enum smtp_read smtp_answer_read(struct smtp_answer *a, struct buf *in);
/* The enhanced status code at the front of the text, or an empty view (RFC 2034). */
struct str smtp_answer_enhanced(const struct smtp_answer *a);
