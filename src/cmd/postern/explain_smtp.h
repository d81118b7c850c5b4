/* SPDX-License-Identifier: Apache-2.0
 * explain_smtp.h: what smtpin would answer to EHLO, MAIL and RCPT of a message: asked of the same
 * engine and the same admission, without a connection. For postern explain.
 */
#pragma once
#include "cmd/postern/protect.h"

enum { SMTP_SAID_MAX = 640 };

/* "" where it is taken. */
struct smtp_said {
    const char *at;               /* "MAIL" or "RCPT": of refused */
    char refused[SMTP_SAID_MAX];  /* whatever the connection is like */
    char in_clear[SMTP_SAID_MAX]; /* at MAIL, without TLS */
    /* at MAIL, by a rule, in TLS without the certificate that it wants */
    char no_certificate[SMTP_SAID_MAX];
    char not_known[300]; /* what could not be asked */
};

/* size: of the message, 0: not known. */
void smtp_would_say(const struct options *o, const struct conf *c, struct str from, struct str to,
                    uint64_t size, const struct sender_words *w, struct smtp_said *ret);
