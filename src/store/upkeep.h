/* SPDX-License-Identifier: Apache-2.0
 * upkeep.h: looking after a store from outside the queue process: is it whole, and a copy of it while it
 * is in use. For postern store; needs the rights of the user the queue runs as.
 */
#pragma once
#include "store/store.h"

/* One line about something that is wrong; fatal: mail cannot be read, not merely untidy. */
typedef void (*store_finding_fn)(void *arg, bool fatal, const char *text);
/* Progress: done of all, in whatever unit. */
typedef void (*store_progress_fn)(void *arg, uint64_t done, uint64_t all);

struct store_health {
    uint64_t messages, queued, held, spool_files, findings, fatal;
    uint64_t waiting, lost;   /* batches in the journal that the tables do not have yet; that are not there any more */
    uint64_t settled, newest; /* numbers of the newest batch that the tables have, and of the newest that was promised */
    char at_rest[80]; /* fingerprint of the at-rest key it was written with; "": not noted yet */
};

/* Reads everything: the database's own checks, rows that point nowhere, bodies and spool files that are
 * missing or nobody's. 0, or -errno with a sentence: it could not be looked at. */
int store_check(const char *directory, store_finding_fn finding, void *arg, struct store_health *ret, char *problem, size_t size) MUST_USE;
/* The fingerprint of the at-rest key that the store was written with; "": not noted yet. Reads that one row. 0, -ENOENT: there is
 * no store, or -errno with a sentence: it could not be looked at. */
int store_key_kept(const char *directory, char *ret, size_t size, char *problem, size_t problem_size) MUST_USE;
/* How many envelopes wait in it to be picked up, and when the last of them is over. 0, -ENOENT: there is no store, or -errno: it
 * could not be looked at. */
int store_pickup_waiting(const char *directory, uint64_t *ret_n, int64_t *ret_last_ms) MUST_USE;
/* Copies it to a directory that does not exist yet, while the gateway goes on: the database as of one
 * moment with its journal, and the spool files it names. *ret_gone: files that were delivered and removed meanwhile (their
 * messages would be held after a restore). 0, or -errno with a sentence. */
int store_backup(const char *directory, const char *to, store_progress_fn progress, void *arg, uint64_t *ret_gone, char *problem,
                 size_t size) MUST_USE;
