/* SPDX-License-Identifier: Apache-2.0
 * nested.h: octets that lie inside encoded octets, as a file inside a signature or in
 * winmail.dat does: each place is a range of what the place before it decodes to, the first a
 * range of the message. Pure.
 *
 * Called by mime/view.c, which finds the places, and by the web process, which only counts: it
 * parses nothing.
 */
#pragma once
#include "wire/transfer.h"

enum { NESTED_MAX = 8 };

struct nested_place {
    uint64_t at, octets;    /* encoded */
    enum transfer encoding; /* not TRANSFER_WORD */
};

struct nested_reader {
    struct nested_place places[NESTED_MAX];
    unsigned n;
    uint64_t seen[NESTED_MAX]; /* octets of each that came so far */
    struct transfer_reader transfers[NESTED_MAX];
    struct buf between[NESTED_MAX];
};

/* n places, at least one and NESTED_MAX at most; the octets that are read begin at `at` of the
 * message, not behind the first. */
void nested_begin(struct nested_reader *d, const struct nested_place *places, unsigned n,
                  uint64_t at);
/* Takes the next octets of the message and appends what is wanted of them. 0, 1 when it is
 * complete, -EBADMSG when a place ends before what lies inside it, or -ENOSPC. */
int nested_read(struct nested_reader *d, struct str octets, struct buf *out) MUST_USE;
/* Wipes what it holds; also before the next nested_begin. */
void nested_wipe(struct nested_reader *d);
