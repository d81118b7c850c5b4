/* SPDX-License-Identifier: Apache-2.0
 * renewal.h: when a certificate and its key on the disk take the place of the pair in force.
 * Pure; called by pairs.c.
 *
 * Renewal tools write chain and key one after the other, rename them, turn symbolic links over
 * or write in place, and a look may fall between any two of these steps. So what is in force
 * stays until something that fits is there and rests.
 */
#pragma once
#include <stdbool.h>

enum renewal {
    RENEWAL_KEEP,   /* the disk has what is in force */
    RENEWAL_WAIT,   /* it has something else: look again */
    RENEWAL_TAKE,   /* what it has is in force from now on */
    RENEWAL_REFUSE, /* nothing is in force, and what it has cannot be */
};

struct renewal_facts {
    bool has_old; /* a pair is in force */
    bool differs; /* the disk has other octets, or they cannot be read */
    bool fits;    /* those can be read and used, and belong together */
    /* they are the same as at the look before, or an administrator says that they are complete */
    bool rests;
};

static inline enum renewal renewal_decide(const struct renewal_facts *f)
{
    if (!f->has_old) {
        return f->fits ? RENEWAL_TAKE : RENEWAL_REFUSE;
    }
    if (!f->differs) {
        return RENEWAL_KEEP;
    }
    return f->fits && f->rests ? RENEWAL_TAKE : RENEWAL_WAIT;
}
