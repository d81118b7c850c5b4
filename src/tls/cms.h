/* SPDX-License-Identifier: Apache-2.0
 * cms.h: what lies inside a signed S/MIME message (RFC 5652 5, RFC 8551 3.5.2), where the signature wraps the text.
 *
 * Called by mime/. Nothing is verified: whoever reads the text must know that.
 */
#pragma once
#include "wire/nested.h"

/* Appends the content, a MIME entity; octets are DER or BER. 0; -EBADMSG: not signed data, or the content lies elsewhere; -ENOSPC. */
int cms_signed_content(struct str octets, struct buf *out) MUST_USE;
/* Where these octets have that content, for who cannot parse them. False: that cannot be told, or it is another content. */
bool cms_signed_place(struct str octets, struct str content, struct nested_place *ret);
