/* SPDX-License-Identifier: Apache-2.0
 * section.h: the header section of a message on its way in: what is taken out and what is added
 * (RFC 8601 5, RFC 6409 8). Lines that are too long are folded (fold.h). All other octets stay
 * as they are.
 */
#pragma once
#include "base/buf.h"

struct section_change {
    /* Authentication-Results of this name are taken out; empty: none are */
    struct str authserv_id;
    struct str add_date;       /* value of a Date field, used where there is none; empty: never */
    struct str add_message_id; /* value of a Message-ID field, in the same way */
    struct str add_from;       /* value of a From field, in the same way */
};

/* What was done to a section. */
struct section_done {
    unsigned removed; /* fields taken out */
    bool added_date, added_message_id, added_from;
};

/* Octets of the header section with the empty line that ends it; 0: the end was not seen yet.
 * Octets before `from` are known to hold none. */
size_t section_end(struct str begin, size_t from);
/* Appends the section (with or without its empty line) as changed. 0 or -ENOSPC. */
int section_write(struct str section, const struct section_change *change, struct buf *out,
                  struct section_done *ret) MUST_USE;
/* The value of the next From field (RFC 5322 3.6.2; mailboxes.h reads it), a view; *section
 * moves behind it. False: there is none. */
bool section_next_from(struct str *section, struct str *ret);
/* The authserv-id of an Authentication-Results value, comments skipped (RFC 8601 2.2); may be
 * empty. */
struct str section_authserv_id(struct str value);
