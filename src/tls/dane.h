/* SPDX-License-Identifier: Apache-2.0
 * dane.h: TLSA records made fit for use (RFC 6698, 7671, 7672): which are usable for SMTP at all,
 * and which remain after digest agility. Pure.
 */
#pragma once
#include "base/buf.h"

enum { DANE_RECORDS_MAX = 64 };

struct dane_record {
    uint8_t usage, selector, matching;
    struct str data; /* borrows the set that was read */
    bool usable;
};

struct dane_set {
    struct dane_record records[DANE_RECORDS_MAX];
    size_t n, n_usable;
    bool has_ta; /* a usable record names an authority (usage 2): names and dates count */
};

/* Reads records, each RDATA behind its length in two octets (as lookup sends them); views borrow
 * `octets`. 0, or -EBADMSG when the framing is broken. Malformed RDATA counts as unusable. */
int dane_read(struct str octets, struct dane_set *ret) MUST_USE;
/* "3 1 1 0123abcd..." as zone files write it. Returns what snprintf would. */
int dane_text(const struct dane_record *r, char *dst, size_t size);
