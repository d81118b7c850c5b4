/* SPDX-License-Identifier: Apache-2.0
 * lease.h: what names a piece of work that one process was given by another. 128 random bits: it is
 * not guessed; whoever gave it knows to whom, and takes it back from nobody else.
 */
#pragma once
#include "base/str.h"

struct lease_id {
    unsigned char octets[16]; /* all zero: none */
};

/* A new one. Ends the process if the kernel gives no randomness. */
struct lease_id lease_draw(void);

static inline bool lease_is_none(const struct lease_id *l)
{
    static const struct lease_id none;
    return memcmp(l, &none, sizeof none) == 0;
}

static inline bool lease_same(const struct lease_id *a, const struct lease_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The view of a lease used as a key; borrows *l. */
static inline struct str lease_key(const struct lease_id *l)
{
    return (struct str){(const char *)l->octets, sizeof l->octets};
}
