/* SPDX-License-Identifier: Apache-2.0
 * mark.h: how far the store went, in a file of its own beside the journal and the tables. Used
 * by the rest of this folder.
 *
 * A journal that lost its newest batches, or a whole file, and a log of the tables that lost its
 * last transactions look like ones that never had them. The mark says that they were there: the
 * newest batch that was promised, with its checksum, and how many transactions of the tables
 * were synced. It is written after each of these, without a sync of its own: it may be behind
 * them (after a loss of power by some seconds), never ahead. There are two copies, written in
 * turn.
 */
#pragma once
#include "base/err.h"

#include <stdint.h>

#define MARK_FILE "journal-mark"

struct mark {
    uint64_t store;  /* the store's number, as in the batches */
    uint64_t number; /* the newest batch that was promised; 0: none */
    uint64_t check;  /* its checksum; 0: not known */
    uint64_t times;  /* transactions of the tables that are synced (settled.times) */
    uint64_t round;  /* how often the mark was written */
};

enum mark_state {
    MARK_NONE,        /* there is no such file */
    MARK_DAMAGED,     /* neither copy can be read */
    MARK_ONE_DAMAGED, /* one can be read */
    MARK_WHOLE,
};

/* The newer copy in a directory. 0, or -errno: it could not be looked at. */
int mark_read(const char *directory, struct mark *ret, enum mark_state *ret_state) MUST_USE;
/* Makes the file where it is missing, writes both copies and syncs them. 0 or -errno. */
int mark_open(const char *directory, struct mark *m, int *ret_fd) MUST_USE;
/* Writes one copy, the older one. 0 or -errno. */
int mark_write(int fd, struct mark *m) MUST_USE;
