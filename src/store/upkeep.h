/* SPDX-License-Identifier: Apache-2.0
 * upkeep.h: looking after a store from outside the queue process: is it whole, and a copy of it
 * while it is in use. For postern store; needs the rights of the user the queue runs as.
 */
#pragma once
#include "store/damage.h"

/* One line about something that is wrong; fatal: mail cannot be read, not merely untidy. */
typedef void (*store_finding_fn)(void *arg, bool fatal, const char *text);
/* Progress: done of all, in whatever unit. */
typedef void (*store_progress_fn)(void *arg, uint64_t done, uint64_t all);

struct store_health {
    uint64_t messages, queued, held, spool_files, findings, fatal;
    /* batches in the journal that the tables do not have yet; that are not there any more */
    uint64_t waiting, lost;
    /* numbers of the newest batch that the tables have, and of the newest that was promised */
    uint64_t settled, newest;
    int64_t restored_ms;  /* since when the mail of a copy that was put back is held; 0: none is */
    uint64_t lost_before; /* messages that were found lost earlier */
    char at_rest[80]; /* fingerprint of the at-rest key it was written with; "": not noted yet */
};

/* Whether a body is as it was sealed: octets of a file (fd), or all of them (fd -1). 0,
 * -EBADMSG: it is not, or -errno. */
typedef int (*store_body_fn)(void *arg, struct str sealed_key, int fd, struct str sealed);

/* What a look at a store tells, and how bodies are opened, as this folder has no keys. */
struct store_checker {
    void *arg;
    store_finding_fn finding;
    store_damage_fn lost;       /* a message that cannot be delivered any more; NULL: not wanted */
    store_progress_fn progress; /* NULL: not wanted */
    store_body_fn body;         /* NULL: bodies are looked for, but not opened */
};

/* Reads everything: each page of the tables and their log, rows that point nowhere, the journal,
 * bodies and spool files. 0, or -errno with a sentence: it could not be looked at. */
int store_check(const char *directory, const struct store_checker *checker,
                struct store_health *ret, char *problem, size_t size) MUST_USE;

struct store_repaired {
    char quarantine[4200]; /* where things were moved to */
    unsigned moved;        /* how many; 0: the directory is not there */
    bool journal_moved;    /* it was not this store's */
    bool tables_rewritten; /* from what could be read of them */
    uint64_t holes;        /* places where something may be missing in them */
    struct store_loss loss;
};

/* Of a store that nobody uses: what is whole of the journal is taken over, what is damaged is
 * moved into a directory beside it. Recipients of lost messages fail with this reason, and their
 * senders will have a letter; checker->lost hears of each. 0, or -errno with a sentence. */
int store_repair(const char *directory, const struct store_checker *checker, uint8_t reason,
                 struct store_repaired *ret, char *problem, size_t size) MUST_USE;
/* The fingerprint of the at-rest key that the store was written with; "": not noted yet. Reads
 * that one row. 0, -ENOENT: there is no store, or -errno with a sentence: it could not be looked
 * at. */
int store_key_kept(const char *directory, char *ret, size_t size, char *problem,
                   size_t problem_size) MUST_USE;
/* How many envelopes wait in it to be picked up, and when the last of them is over. 0, -ENOENT:
 * there is no store, or -errno: it could not be looked at. */
int store_pickup_waiting(const char *directory, uint64_t *ret_n, int64_t *ret_last_ms) MUST_USE;
/* Copies it to a directory that does not exist yet, while the gateway goes on: the database as
 * of one moment with its journal, and the spool files it names. *ret_gone: files that were
 * delivered and removed meanwhile (their messages would be held after a restore). 0, or -errno
 * with a sentence. */
int store_backup(const char *directory, const char *to, store_progress_fn progress, void *arg,
                 uint64_t *ret_gone, char *problem, size_t size) MUST_USE;

struct store_restored {
    uint64_t held; /* recipients */
    struct store_loss loss;
};

/* Puts a copy to where no store is (an empty directory, or none), brings it to this version, and
 * holds all that waits with this reason. 0, -EEXIST: something is there, or -errno, with a
 * sentence. */
int store_restore(const char *from, const char *to, uint8_t reason, store_progress_fn progress,
                  void *arg, struct store_restored *ret, char *problem, size_t size) MUST_USE;
