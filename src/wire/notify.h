/* SPDX-License-Identifier: Apache-2.0
 * notify.h: the words of RFC 3461: which notices a sender wants (NOTIFY, RET) and what they call
 * the message and its recipients (ENVID, ORCPT, in xtext). Pure.
 */
#pragma once
#include "base/buf.h"
#include "wire/limits.h"

/* What was asked for one recipient; 0: nothing was said (as FAILURE and DELAY, RFC 3461 4.1). */
enum notify { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum notify_ret { NOTIFY_RET_NONE, NOTIFY_RET_FULL, NOTIFY_RET_HDRS };

/* "SUCCESS,FAILURE" to its bits; NEVER stands alone. 0 or -EINVAL. */
int notify_parse(struct str value, uint8_t *ret) MUST_USE;
/* "FULL" or "HDRS". 0 or -EINVAL. */
int notify_ret_parse(struct str value, enum notify_ret *ret) MUST_USE;
/* Appends the words for NOTIFY=; nothing for 0. 0 or -ENOSPC. */
int notify_write(uint8_t notify, struct buf *out) MUST_USE;
/* True for xtext (RFC 3461 4) of at most max octets. */
bool notify_xtext_ok(struct str text, size_t max);
/* True for "addr-type;xtext" (RFC 3461 4.2). */
bool notify_orcpt_ok(struct str value);
/* Appends the octets that the xtext stands for. 0, -EINVAL, -ENOSPC. */
int notify_xtext_read(struct str text, struct buf *out) MUST_USE;
/* Appends the address as xtext. 0 or -ENOSPC. */
int notify_xtext_write(struct str octets, struct buf *out) MUST_USE;
/* The forms of a utf-8 address (RFC 6533 3): what cannot stand in the form is written as
 * \x{HEX}. */
enum notify_utf8 {
    NOTIFY_UTF8_ASCII,   /* of an address: utf-8-addr-xtext */
    NOTIFY_UTF8_UNICODE, /* of an address: utf-8-addr-unitext */
    /* of a unitext, whose ASCII stands in its form already: utf-8-addr-xtext */
    NOTIFY_UTF8_ESCAPED,
};

/* Appends text, which is UTF-8, in the form. 0 or -ENOSPC. */
int notify_utf8_write(struct str text, enum notify_utf8 form, struct buf *out) MUST_USE;
/* True when a notice of this kind (one bit of enum notify) is wanted. */
bool notify_wants(uint8_t notify, enum notify kind);
