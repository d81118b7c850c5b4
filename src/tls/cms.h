/* SPDX-License-Identifier: Apache-2.0
 * cms.h: what lies inside a signed S/MIME message (RFC 5652 5, RFC 8551 3.5.2), where the
 * signature wraps the text, and whether it is an encrypted one.
 *
 * Called by mime/. Nothing is verified: whoever reads the text must know that.
 */
#pragma once
#include "wire/nested.h"

/* Appends the content, a MIME entity; octets are DER or BER. 0; -EBADMSG: not signed data, or
 * the content lies elsewhere; -ENOSPC. */
int cms_signed_content(struct str octets, struct buf *out) MUST_USE;
/* A signature over what lies elsewhere (RFC 5652 5.2), and nothing behind it but blank lines. */
bool cms_is_detached(struct str octets);
/* The same of compressed data (RFC 3274): what zlib wrote. */
int cms_compressed_content(struct str octets, struct buf *out) MUST_USE;
/* Structured data of any kind (RFC 5652 3), whole. */
bool cms_is_any(struct str octets);
/* Encrypted for at least one recipient, and nothing behind it (RFC 5652 6, RFC 5083): appends
 * the front of what is encrypted, at most n octets. */
bool cms_is_sealed(struct str octets, size_t n, struct buf *ret_front);
/* Where these octets have that content, for who cannot parse them. False: that cannot be told,
 * or it is another content. */
bool cms_signed_place(struct str octets, struct str content, struct nested_place *ret);
