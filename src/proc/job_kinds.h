/* SPDX-License-Identifier: Apache-2.0
 * job_kinds.h: what the queue may want done with a message; smtpout does the first four.
 */
#pragma once

enum job_kind { JOB_DELIVER, JOB_BOUNCE, JOB_NOTICE, JOB_TLS_REPORT /* a JOB_DELIVER for ourselves */, JOB_INSPECT, JOB_PREPARE /* for the portal */ };

/* The recipients of one delivery at most, and their numbers as a text: 20 digits and a comma each (ipc_messages.def, rcpts). */
enum { JOB_RCPTS = 200, JOB_RCPTS_TEXT = JOB_RCPTS * 21 };
