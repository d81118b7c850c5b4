/* SPDX-License-Identifier: Apache-2.0
 * told.h: the letter that tells a sender what was done with their mail, for each recipient, and
 * why. Called by proc/queue/delivery/told.c. Pure.
 */
#pragma once
#include "base/buf.h"
#include "policy/verdict.h"
#include "store/store.h"

/* What is known of the notice that mail waits in the portal. */
enum told_notice { TOLD_NOTICE_DUE, TOLD_NOTICE_WRITTEN, TOLD_NOTICE_TAKEN };

/* A recipient; all strings are borrowed. */
struct told_rcpt {
    struct str forward_path;
    enum rcpt_state state;
    enum reason reason;
    struct str reply; /* what was said to it, may be empty */
    bool has_session; /* the attempt that delivered it is known; then: */
    enum grade grade;
    bool is_inside; /* it does not leave the house */
    bool is_legacy; /* outdated cryptography, by an exception */
    struct str host, tls_version;
    enum told_notice pickup_notice; /* RCPT_PICKUP: of what it tells its recipient */
    int64_t until_ms;               /* RCPT_PICKUP: it waits there until then */
    bool hears_again;               /* its sender wants to know of failures (RFC 3461) */
    struct str words; /* why it was protected as it was, a line each (policy/protect.h) */
};

struct told {
    struct str hostname, organization, administrator; /* the latter two may be empty */
    /* of the portal, where its sender sees what became of it; may be empty */
    struct str sent_page;
    struct str id; /* our number of the mail */
    int64_t arrived_ms;
    int64_t until_ms; /* what waits is tried until then */
    const struct told_rcpt *rcpts;
    size_t n_rcpts;
};

/* Appends the text, LF lines. 0 or -ENOSPC. */
int told_write(const struct told *t, struct buf *out) MUST_USE;
