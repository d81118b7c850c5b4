/* SPDX-License-Identifier: Apache-2.0
 * message.h: the message report: what became of a message, in plain words and in facts.
 */
#pragma once
#include "base/buf.h"
#include "policy/verdict.h"
#include "report/json.h"
#include "ipc/message.h"

/* All rows of one message; strings are borrowed. */
struct message_report {
    const struct ipc_row_message *message;
    const struct ipc_row_rcpt *const *rcpts;
    size_t n_rcpts;
    const struct ipc_row_attempt *const *attempts;
    size_t n_attempts;
    const struct ipc_row_inspection *inspection;     /* NULL: it was not inspected */
    const struct ipc_row_envelope *const *envelopes; /* in the portal */
    size_t n_envelopes;
    const struct ipc_row_envelope_event *const *events;
    size_t n_events;
    const struct ipc_row_act *const *acts; /* of administrators */
    size_t n_acts;
};

/* Appends the report in plain words. 0 or -ENOSPC. */
int message_report_words(const struct message_report *r, struct buf *out) MUST_USE;
struct json *message_report_json(const struct message_report *r);
/* The row's state in words: "delivered", "waiting", ... */
const char *message_state_words(const struct ipc_row_rcpt *r);
/* True when the recipient is among those of an attempt (its list of numbers, comma separated). */
bool message_attempt_lists(struct str rcpts, uint64_t rcpt);
/* "encrypted, certificate verified for the server's name" and its like. */
const char *message_grade_words(enum grade g);
/* "TLSv1.3, TLS_AES_256_GCM_SHA384, 256 bit, certificate ..." or why there was none. */
int message_transport_words(const struct ipc_row_attempt *a, struct buf *out) MUST_USE;
