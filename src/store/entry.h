/* SPDX-License-Identifier: Apache-2.0
 * entry.h: one change to messages and recipients, as it stands in a batch of the journal. Pure.
 * Used by sqlite_intents.c (writing) and sqlite_settle.c (reading).
 *
 * An entry is one octet for its kind, the number of its fields (but for a release, and for the
 * kinds that older versions wrote), and the fields in the order of records/records.def: numbers
 * in groups of seven bits, lowest first, the eighth bit set where more follow; strings with
 * their length before them. Fields that an older version did not know are 0 or empty. What can
 * go wrong: an entry that ends too early, is of no known kind or has more fields than are known
 * (-EBADMSG); the checksum of its batch was right then, so another version wrote it.
 */
#pragma once
#include "store/store.h"

enum entry_kind {
    ENTRY_RELEASE = 8,  /* id: the body of the message goes where nobody needs it */
    ENTRY_MESSAGE = 11, /* message, body_at, body_n: it came; its recipients follow */
    ENTRY_RCPT,         /* rcpt: a recipient of the message before it */
    ENTRY_BOUNCED,      /* rcpt.rcpt, rcpt.id: the sender was told of it */
    ENTRY_OUTCOME,      /* rcpt: see store_outcome() */
    ENTRY_DECIDED,      /* rcpt: see store_decided() */
    ENTRY_ATTEMPT,      /* attempt */
    ENTRY_INSPECTED,    /* inspected */
};

struct entry_inspected {
    RECORD_MEMBERS(inspection)
};

struct entry {
    enum entry_kind kind;
    bool is_done;             /* see entry_mark_done() */
    uint64_t body_at, body_n; /* where its body is among the bodies of the batch */
    union {
        struct store_message message; /* but body and deaths */
        struct store_rcpt rcpt;       /* but reverse_path */
        struct store_attempt attempt;
        struct entry_inspected inspected;
        uint64_t id;
    };
};

/* Appends it. 0, or -errno with the buffer as it was. */
int entry_write(struct buf *b, const struct entry *e) MUST_USE;
/* Takes the first one off *rest; its strings are views. 1, 0 at the end, -EBADMSG. */
int entry_read(struct str *rest, struct entry *ret) MUST_USE;
/* Says of the entry at the start of these octets, in memory, that it needs no doing any more. */
void entry_mark_done(struct str octets);
