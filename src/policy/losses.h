/* SPDX-License-Identifier: Apache-2.0
 * losses.h: did one domain stop offering encryption, or many at once? Many within the window are
 * one alarm: a firewall on our own side removes it (docs/decision.md, "Memory"). Pure: the
 * caller says what time it is, in milliseconds.
 */
#pragma once
#include "wire/domain.h"

enum { LOSSES_MAX = 64, LOSSES_MANY = 5 };

struct losses {
    struct {
        struct domain_name domain;
        int64_t at_ms;
        bool told;
    } v[LOSSES_MAX];
    size_t n;
    int64_t many_until_ms; /* 0: they are not many */
};

/* The domain offered encryption, and no longer does. More than LOSSES_MAX at once: the oldest
 * one goes, it is told. */
void losses_add(struct losses *l, struct domain_name domain, int64_t now_ms);
/* It offers encryption again. */
void losses_drop(struct losses *l, struct domain_name domain);
/* Whether many lost it within the window: nothing may be unlearned then. */
bool losses_many(const struct losses *l, int64_t now_ms);

struct losses_told {
    bool many_begin; /* now they are many: one alarm that names all of l->v */
    bool many_end;   /* the window after the last of many is over */
    /* domains that are told alone, as the others did not follow within a sixth of the window */
    size_t n_single;
    struct domain_name single[LOSSES_MAX];
};

/* What is to be said now; each loss is said once. window_ms > 0: a time, whatever else is
 * configured. */
struct losses_told losses_settle(struct losses *l, int64_t now_ms, int64_t window_ms);
