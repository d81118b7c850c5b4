/* SPDX-License-Identifier: Apache-2.0
 * losses.c: the rules of losses.h. Called by the queue's alarms.c and by tests.
 */
#include "policy/losses.h"

static void take_out(struct losses *l, size_t at)
{
    for (size_t i = at; i + 1 < l->n; i++) {
        l->v[i] = l->v[i + 1];
    }
    l->n--;
}

void losses_drop(struct losses *l, struct domain_name domain)
{
    for (size_t i = l->n; i-- > 0;) {
        if (domain_eq(l->v[i].domain, domain)) {
            take_out(l, i);
        }
    }
}

void losses_add(struct losses *l, struct domain_name domain, int64_t now_ms)
{
    losses_drop(l, domain);
    if (l->n == LOSSES_MAX) {
        take_out(l, 0); /* with that many the alarm names enough */
    }
    l->v[l->n].domain = domain;
    l->v[l->n].told = false;
    l->v[l->n++].at_ms = now_ms;
}

bool losses_many(const struct losses *l, int64_t now_ms)
{
    return l->n >= LOSSES_MANY || now_ms < l->many_until_ms;
}

/* Those of the window count, told or not; the number of those not told yet. */
static size_t forget_old(struct losses *l, int64_t now_ms, int64_t window_ms)
{
    size_t kept = 0, untold = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!l->v[i].told || now_ms - l->v[i].at_ms < window_ms) {
            untold += !l->v[i].told;
            l->v[kept++] = l->v[i];
        }
    }
    l->n = kept;
    return untold;
}

struct losses_told losses_settle(struct losses *l, int64_t now_ms, int64_t window_ms)
{
    struct losses_told told = {.n_single = 0};
    size_t untold = forget_old(l, now_ms, window_ms);
    if (untold > 0 && losses_many(l, now_ms)) {
        for (size_t i = 0; i < l->n; i++) {
            l->v[i].told = true;
        }
        told.many_begin = true;
        l->many_until_ms = now_ms + window_ms;
        return told;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (!l->v[i].told && now_ms - l->v[i].at_ms >= window_ms / 6) {
            l->v[i].told = true;
            told.single[told.n_single++] = l->v[i].domain;
        }
    }
    if (l->many_until_ms && now_ms >= l->many_until_ms && l->n == 0) {
        told.many_end = true;
        l->many_until_ms = 0;
    }
    return told;
}
