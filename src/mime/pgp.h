/* SPDX-License-Identifier: Apache-2.0
 * pgp.h: what lies open in an OpenPGP message: one that is signed or compressed and not
 * encrypted (RFC 9580 10.3).
 *
 * Called by reader.c, body.c and sealed.c. Nothing is verified. What can go wrong: what is none,
 * or is cut, gives what could be had of it; who calls says so.
 */
#pragma once
#include "mime/reader.h"

/* Tags of packets (RFC 9580 5). */
enum {
    PGP_SESSION_KEY = 1,
    PGP_SIGNATURE = 2,
    PGP_PASSWORD_KEY = 3,
    PGP_ONE_PASS = 4,
    PGP_COMPRESSED = 8,
    PGP_SEALED = 9,
    PGP_MARKER = 10,
    PGP_LITERAL = 11,
    PGP_SEALED_CHECKED = 18,
    PGP_AEAD = 20,
    PGP_PADDING = 21,
};

/* The packet at *at, which moves behind it (RFC 9580 4.2, both forms). -1: none, or it is cut. */
int pgp_packet(struct str o, size_t *at, struct buf *ret_content);

enum pgp {
    PGP_IS_NONE,   /* no packets */
    PGP_IS_OPEN,   /* all of it was read */
    PGP_IS_SEALED, /* encrypted, or some of it */
    PGP_IS_OPAQUE, /* packets that could not be read */
};
/* Reads what these packets hold, as what it is. */
enum pgp pgp_read(struct reader *r, const struct piece *p);

/* A message in armour (RFC 9580 6.2) in a text. */
struct pgp_armour {
    size_t begin, end;
    /* a few header lines, an empty one, the data, perhaps a sum, the last line: nothing else
     * stands in it */
    bool is_sound;
    struct buf octets; /* what could be had of the data, whatever stands around it */
};
/* The next one, also one that is quoted; from: where to look. False: no more. The octets are the
 * caller's to wipe. */
bool pgp_armour_next(struct str text, size_t from, struct pgp_armour *ret);
/* Reads all of them that are not the whole of this text: what is encrypted as a whole is told by
 * sealed.h. */
void pgp_read_armour(struct reader *r, const struct piece *text);
/* The same octets, where nobody knows what they are: true where they were such packets, and
 * open. */
bool pgp_read_unknown(struct reader *r, const struct piece *p);
/* Appends what the armoured messages in a text say, where they are open and texts. 0 or -ENOSPC. */
int pgp_said(struct reader *r, struct str text, struct buf *out) MUST_USE;
/* The text with that in place of them. */
int pgp_text(struct reader *r, struct str text, struct buf *out) MUST_USE;
