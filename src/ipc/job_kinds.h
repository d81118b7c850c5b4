/* SPDX-License-Identifier: Apache-2.0
 * job_kinds.h: what the queue may want done with a message; smtpout does the first four.
 */
#pragma once

#include <stdbool.h>

enum job_kind {
    JOB_DELIVER,
    JOB_BOUNCE,
    JOB_NOTICE,
    JOB_TLS_REPORT, /* a JOB_DELIVER for ourselves */
    JOB_INSPECT,
    JOB_PREPARE, /* for the portal */
    JOB_KIND_END
};

/* An inspect process does it. */
static inline bool job_is_inspected(enum job_kind kind)
{
    return kind == JOB_INSPECT || kind == JOB_PREPARE;
}

/* What became of a recipient in smtpout (field `result` of outcome_rcpt). */
enum rcpt_result {
    RESULT_DELIVERED,
    RESULT_DEFERRED,
    RESULT_FAILED,
    RESULT_FALLBACK, /* the next rung of the ladder, now */
    RESULT_OPEN      /* nothing yet: never told */
};

/* The recipients of one delivery at most, and their numbers as a text: 20 digits and a comma
 * each (messages.def, rcpts). */
enum { JOB_RCPTS = 200, JOB_RCPTS_TEXT = JOB_RCPTS * 21 };

/* How often a smtpout says of each delivery under way that it has it still (lease_taken), in
 * milliseconds. */
enum { STILL_MS = 30 * 1000 };
