/* SPDX-License-Identifier: Apache-2.0
 * log_out.h: where the lines of the log go: standard error, or the socket of syslog. The inside of
 * log.c.
 *
 * Nothing waits for a reader of the log: one that stopped must not stop the writers.
 */
#pragma once
#include "base/err.h"

/* Standard error as it is now. */
void log_out_stderr(void);
/* The socket of syslog at that path (borrowed), which may come and go. */
void log_out_syslog(const char *path);
/* A line with its newline, or what is left of one: so many of its octets were taken. */
size_t log_out_put(const char *line, size_t n) MUST_USE;
