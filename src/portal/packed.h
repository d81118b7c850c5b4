/* SPDX-License-Identifier: Apache-2.0
 * packed.h: what readers see of a message (mime/view.h) as octets, between `inspect`, which
 * makes it of a hostile message, and `web`, which shows it. It is kept sealed in the store.
 *
 * What can go wrong: octets that are none of it: -EBADMSG; nothing in it is believed beyond its
 * length.
 */
#pragma once
#include "mime/view.h"

enum { PACKED_MAX = 4 * 1024 * 1024 };

struct packed_part {
    struct str name, type;
    struct nested_place places[NESTED_MAX]; /* where it lies, one inside the other */
    unsigned n_places;
    uint64_t size;
    struct str sha256; /* 32 octets */
    unsigned within; /* the number of the attached message around it, less than its own; 0: none */
    bool is_cut;
};

struct packed_event {
    enum event_kind kind;
    bool repeats;
    struct str what, when, where, organizer, people, times, rule, url, about;
};

/* All views borrow the octets that were read. */
struct packed {
    struct str from, from_name, to, cc, subject, date, message_id, references, text, html;
    struct packed_part parts[VIEW_PARTS_MAX];
    size_t n_parts;
    struct packed_event events[VIEW_EVENTS_MAX];
    size_t n_events;
    bool cut, incomplete, remote, pgp, smime, elsewhere, blank;
    bool encrypted; /* of views made before the two were told apart */
};

/* out has a maximum of PACKED_MAX. 0 or -ENOSPC. */
int packed_write(const struct view *v, struct buf *out) MUST_USE;
int packed_read(struct str octets, struct packed *ret) MUST_USE;
