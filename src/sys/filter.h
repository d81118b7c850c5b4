/* SPDX-License-Identifier: Apache-2.0
 * filter.h: another program between two pipes: octets in, octets out, nothing else.
 *
 * A keeper process is forked before our own sandbox rises and gets one of its own: it may start
 * that one program, which reads files of the system, writes nowhere, has no network, and has
 * little memory and time. Called by mime/ for pdftotext. What can go wrong: the program is not
 * installed (-ENOENT), it dies or takes too long (its status says so), the keeper is gone
 * (-EPIPE).
 */
#pragma once
#include "base/buf.h"

struct filter;

enum {
    FILTER_SECONDS = 10,
    FILTER_MEMORY = 256 * 1024 * 1024, /* and twice the input */
    FILTER_DESCRIPTORS = 6             /* for a moment */
};

struct filter_outcome {
    bool exited;     /* by itself; else by a signal: a limit, or a crash */
    int status;      /* exit status or number of the signal */
    bool too_much;   /* the output was more than `out` may hold, and was cut */
    char words[200]; /* the first of what it said on standard error */
};

/* argv (borrowed) begins with an absolute path. The keeper is ours until filter_free. 0 or
 * -errno. */
int filter_new(const char *const argv[], struct filter **ret) MUST_USE;
/* Appends the output. Blocks until the program ended, which it does by a signal after that time
 * of the processor (and of the clock, FILTER_SECONDS). 0, -EPIPE, -errno. */
int filter_run(struct filter *f, struct str in, int64_t cpu_ms, struct buf *out,
               struct filter_outcome *ret) MUST_USE;
void filter_free(struct filter *f);
