/* SPDX-License-Identifier: Apache-2.0
 * journal.h: batches of changes, synced before the tables hold them. Used by the rest of this
 * folder.
 *
 * Two files beside the database, written in turn. A batch is one piece with a number and a
 * checksum: it is there as a whole or not at all. Its 250 leaves when it was synced; the tables
 * take it over later, many batches at once, with the number of the last one in the same
 * transaction (sqlite_settle.c). A file is written anew from its start when the tables hold all
 * of it for good. Numbers never go back, so what is left of an older round is told from the new
 * one. Files do not become shorter: one that is as long as it may become is written twice as
 * fast as one that grows. Entries of what waits are kept in memory; bodies only lie in the
 * files, as most of them are never asked for again.
 *
 * What can go wrong: a batch that the disk damaged (whole ones behind it, or the mark, tell it
 * from a torn end: what is whole counts, and journal_lost() says how many do not), no space
 * (nothing of the batch counts), an error of the disk (its end is not known: the process must
 * end and read what is there), batches missing between the tables and the files or those of
 * another store or of another life of this one (each batch has the checksum of the one before; a
 * copy put together from two): refused.
 */
#pragma once
#include "base/buf.h"

enum {
    JOURNAL_FILES = 2,
    JOURNAL_FILE_MAX = 32 * 1024 * 1024,   /* octets of each file */
    JOURNAL_READ_MAX = 64 * 1024 * 1024,   /* of one that another version made */
    JOURNAL_ENTRIES_MAX = 2 * 1024 * 1024, /* of one batch, in octets; one more entry may go over */
    JOURNAL_BODIES_MAX = 8 * 1024 * 1024,
};

struct journal;

struct journal_batch {
    uint64_t number; /* 0: it is being gathered */
    struct str entries;
    struct str bodies; /* only of the one that is being gathered */
    unsigned file;
    uint64_t bodies_at; /* where its bodies begin in the file */
};

/* The newest batch that was promised, as the mark says (mark.h); its checksum. 0: not known. */
struct journal_promise {
    uint64_t number, check;
    bool take_what_is_there; /* batches that are missing count as lost, wherever: for a repair */
};

/* Opens or makes the files in `directory`, whose tables hold everything up to `settled`, and
 * reads the batches that they do not hold: they wait (journal_next()). store: its number, the
 * same in all its batches. file_max: octets, at most JOURNAL_FILE_MAX. 0, -EBADMSG: batches are
 * missing, or they are another store's; or -errno. */
int journal_open(const char *directory, uint64_t store, struct journal_promise promised,
                 uint64_t settled, size_t file_max, struct journal **ret) MUST_USE;
/* Batches that were promised and are not there: the disk gave back other octets than were
 * written, or a file is gone. */
uint64_t journal_lost(const struct journal *j);
/* The entries of those of them whose bodies alone are damaged, until it is closed. */
struct str journal_lost_entries(const struct journal *j);
/* NULL is harmless. What waits stays in the files. */
void journal_close(struct journal *j);
struct journal_content {
    uint64_t waiting, lost; /* batches after `settled` that are there, and that are not */
    uint64_t newest, check; /* the newest of both, its checksum; 0: not known */
};
/* What the files in a directory hold, beside a process that writes them; appends the entries of
 * lost batches as above, and of those that wait (NULL: not wanted). 0, -EBADMSG as above, or
 * -errno. */
int journal_look(const char *directory, uint64_t store, struct journal_promise promised,
                 uint64_t settled, struct buf *lost_entries, struct buf *waiting_entries,
                 struct journal_content *ret) MUST_USE;
/* The name of a file, 0 to JOURNAL_FILES - 1: "journal-0". */
void journal_name(unsigned file, char dst[16]);

/* Where the next entry and its body are to be appended. 0, -ENOSPC: the batch is long enough, or
 * -ENOMEM. */
int journal_room(struct journal *j, struct buf **ret_entries, struct buf **ret_bodies) MUST_USE;
/* What was gathered so far; .entries is empty when nothing was. */
struct journal_batch journal_gathered(const struct journal *j);
/* Forgets what was gathered since journal_gathered() said `before`; NULL: all of it. */
void journal_drop(struct journal *j, const struct journal_batch *before);
/* Whether the batch can be written now; false: journal_settled() must make room for it first. */
bool journal_has_room(const struct journal *j);
/* Writes what was gathered as one batch and syncs it; it waits then. 0; -ENOSPC or -EDQUOT:
 * nothing of it counts; another -errno: not known whether it does. What was gathered stays where
 * it fails. */
int journal_write(struct journal *j) MUST_USE;

/* Places of entries in memory, which stay the same as older ones go: the oldest that waits,
 * behind the last that waits, and where the next one will be written (after journal_room()). */
uint64_t journal_begin(const struct journal *j);
uint64_t journal_waiting_end(const struct journal *j);
uint64_t journal_end(const struct journal *j);
/* The octets from a place on. */
struct str journal_at(const struct journal *j, uint64_t place);

/* What waits: octets in the files, octets in memory, and the number of the newest batch. */
size_t journal_waiting(const struct journal *j);
size_t journal_kept(const struct journal *j);
uint64_t journal_newest(const struct journal *j);
/* What is to be written down as promised now. */
struct journal_promise journal_promised(const struct journal *j);
/* Walks what waits, oldest first: start with *cursor = 0. Views live until the journal is
 * changed. */
bool journal_next(const struct journal *j, size_t *cursor, struct journal_batch *ret);
/* n octets of the bodies of a batch, from `at` on; kept in `dst` where they had to be read. 0 or
 * -errno. */
int journal_body(const struct journal *j, const struct journal_batch *b, uint64_t at, size_t n,
                 struct buf *dst, struct str *ret) MUST_USE;
/* The tables hold everything up to this number; for_good: a loss of power cannot undo that, nor
 * anything before. */
void journal_settled(struct journal *j, uint64_t number, bool for_good);
/* Whether the tables hold all of it for good. */
bool journal_is_settled(const struct journal *j);
/* Wipes a piece of the files then, as what was in them is of no use any more. True: more may be
 * left. */
bool journal_clear(struct journal *j);
/* Whether nothing waits and all was wiped. */
bool journal_is_clear(const struct journal *j);
/* Makes the files a piece longer, up to what they may become, where the disk has several times
 * that to spare. True: more may be left. */
bool journal_prepare(struct journal *j);
