/* SPDX-License-Identifier: Apache-2.0
 * transfer.h: the transfer encodings of mail (RFC 2045 6.7, 6.8; RFC 2047 4.2; uuencode) undone,
 * octet by octet, as readers of mail do: what is broken gives as much as can be read of it. Pure.
 *
 * Called by mime/ and by the web process for what is downloaded, so that both have the same octets.
 */
#pragma once
#include "base/buf.h"

enum transfer {
    TRANSFER_AS_IS, /* 7bit, 8bit, binary */
    /* in pieces: behind "=" a new one begins; what is no letter of the alphabet is skipped */
    TRANSFER_BASE64,
    /* quoted-printable: blanks at the end of a line go, an "=" that begins no code stands for
     * itself */
    TRANSFER_QUOTED,
    TRANSFER_UU, /* uuencode (POSIX): the lines between "begin 644 name" and "end" */
    /* OCTET STRINGs one after the other, the way BER writes a long one (X.690 8.7.3); ends with
     * them */
    TRANSFER_BER,
    TRANSFER_WORD, /* the Q of an encoded word: quoted-printable without lines, "_" is a blank */
    TRANSFER_END
};

enum { TRANSFER_HELD_MAX = 1024 }; /* blanks at the end of a line; more than that are text */

/* Start with {.encoding = ...}. */
struct transfer_reader {
    enum transfer encoding;
    bool broken; /* something stood there that the encoding does not allow */
    /* base64: of the letters of a group that is not whole; BER: octets of the length that are to
     * come */
    uint32_t bits;
    unsigned letters; /* BER: enum ber_state */
    uint64_t seen;    /* letters and "=" so far; BER: octets of the string that are to come */
    bool padded;      /* an "=" was among them */
    bool equals;      /* quoted-printable: held begins with "=" */
    bool begun;       /* uuencode: behind the line "begin" */
    unsigned n_held;
    char held[TRANSFER_HELD_MAX];
};

/* Appends the octets. 0 or -ENOSPC; the octets of this call are then lost. */
int transfer_read(struct transfer_reader *t, struct str text, struct buf *out) MUST_USE;
/* The text ended: appends what was held back. 0 or -ENOSPC. */
int transfer_read_end(struct transfer_reader *t, struct buf *out) MUST_USE;
/* The whole text at once. *ret_sound (may be NULL) says whether it was as the encoding demands.
 * 0 or -ENOSPC. */
int transfer_read_all(enum transfer encoding, struct str text, struct buf *out,
                      bool *ret_sound) MUST_USE;
