/* SPDX-License-Identifier: Apache-2.0
 * media.h: what the header section of an entity says about its body (RFC 2045 5 and 6, RFC
 * 2046), as far as the converter (sevenbit.h) must know. Pure. Reading for people is the
 * business of mime/.
 */
#pragma once
#include "base/str.h"

enum { MEDIA_BOUNDARY_MAX = 200 }; /* RFC 2046 5.1.1 allows 70 */

enum media_kind {
    MEDIA_LEAF,      /* may be written in another transfer encoding */
    MEDIA_MULTIPART, /* with a boundary */
    MEDIA_MESSAGE,   /* message/rfc822 */
    MEDIA_SEALED,    /* multipart/signed, multipart/encrypted (RFC 1847) */
    /* neither a transfer encoding nor parts can be had: message/partial, a multipart without a
     * boundary */
    MEDIA_FIXED,
};

enum media_encoding { MEDIA_7BIT, MEDIA_8BIT, MEDIA_BINARY, MEDIA_QP, MEDIA_BASE64, MEDIA_OTHER };

struct media {
    enum media_kind kind;
    enum media_encoding encoding;
    bool has_version, has_type; /* MIME-Version, Content-Type are there */
    bool is_text, is_digest;
    char boundary[MEDIA_BOUNDARY_MAX + 1];
};

/* Reads the fields (CRLF lines, with or without the empty line). in_digest: a part of
 * multipart/digest, whose type is message/rfc822 where none is said. */
void media_read(struct str head, bool in_digest, struct media *ret);
/* True when the octets are the content itself (RFC 2045 6.2). */
static inline bool media_is_identity(const struct media *m)
{
    return m->encoding <= MEDIA_BINARY;
}
