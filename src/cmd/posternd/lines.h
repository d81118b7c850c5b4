/* SPDX-License-Identifier: Apache-2.0
 * lines.h: what a process that posternd started writes to its standard error.
 */
#pragma once
#include "base/err.h"

struct loop;
struct lines;

/* Octets a second as they stand in the log: of who writes for each message what became of it,
 * and of all others. And what is to be had of a pipe, where lines wait. docs/security.md and
 * posternd(8) say these numbers, too. */
enum {
    LINES_OF_QUEUE = 8 * 1024 * 1024,
    LINES_OF_OTHERS = 1024 * 1024,
    LINES_SAVED_MS = 8000,
    LINES_PIPE = 1024 * 1024,
};

/* What one may still write now, it and those that come in its place; left and at_ms zero: of one
 * that begins. */
struct lines_budget {
    int64_t per_s, left, at_ms;
};
bool lines_may(struct lines_budget *b, int64_t now_ms);

/* The end of a pipe for a process that is about to be started: *ret_fd, which the caller closes.
 * NULL: no descriptors are left. name: copied, budget: borrowed. */
struct lines *lines_open(struct loop *loop, const char *name, struct lines_budget *budget,
                         int *ret_fd) MUST_USE;
/* It was started. */
void lines_of(struct lines *l, long pid);
/* It ended: what it wrote last is read, as far as it may write so much; of the rest
 * log-lines-unread says how many lines it was. Frees; NULL is harmless. */
void lines_close(struct lines *l);
