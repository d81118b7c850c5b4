/* SPDX-License-Identifier: Apache-2.0
 * references.h: character references in HTML (`&rbrack;`, `&#128;`) that libxml2 does not know
 * as browsers do: it has the names of HTML 4, each with its semicolon. Called by tags.c, and so
 * for texts and pages alike. Pure.
 */
#pragma once
#include "base/buf.h"

struct reference {
    const char *name;
    uint32_t first, second; /* code points; second: 0 for most */
    uint8_t is_bare;        /* read without a semicolon, too */
};
extern const struct reference references[];
extern const size_t n_references;

/* Appends html with such references as characters. What HTML itself is made of (`&lt;`, `&amp;`)
 * stays, or becomes a number. 0 or -ENOSPC. */
int references_read(struct str html, struct buf *out) MUST_USE;
