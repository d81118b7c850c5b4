/* SPDX-License-Identifier: Apache-2.0
 * notice.h: the messages of the portal: that a message waits, a reminder, a code (RFC 5322, 2045,
 * 3834). In one layout, text and simple HTML, without pictures or attachments. Pure. Called by
 * smtpout.
 */
#pragma once
#include "portal/site.h"
#include "ipc/message.h"

/* Fields of the message that a signature covers. */
#define NOTICE_SIGNED_FIELDS \
    "from:to:reply-to:subject:date:message-id:auto-submitted:mime-version:content-type"

/* Appends the whole mail. message_id without < >; kinds are those of ipc/portal_kinds.h, given
 * as what they show. 0 or -ENOSPC. */
struct notice_mail {
    const struct conf *conf;
    const struct site *site;
    const struct ipc_envelope_mail *about;
    bool code, reminder, again; /* a code; or a notice: not the first */
    const char *message_id;
    int64_t now_ms;
};
int notice_write(const struct notice_mail *n, struct buf *out) MUST_USE;
