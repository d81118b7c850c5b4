/* SPDX-License-Identifier: Apache-2.0
 * forecast.h: what the decision says before a server is asked: for everything it could turn out
 * to do, or for what it did when it was last looked at. Pure. Called by postern explain and, for
 * a trial, by report/forecast.c.
 */
#pragma once
#include "policy/memory.h"
#include "policy/verdict.h"
#include <stddef.h>

/* One way a server can turn out. */
struct forecast {
    enum sess sess;
    enum look_state look; /* at all servers of the domain; said only where no TLS is offered */
    const char *words;    /* "offers TLS, good certificate" */
    struct verdict verdict;
};

/* The next one from *at on that is possible with these facts and says something new; sess and
 * look of f are not read. False: there are no more. Begin with *at = 0. */
bool forecast_next(const struct facts *f, size_t *at, struct forecast *ret);
/* Takes what the last look at all servers of the domain found into the facts: session, DANE,
 * MTA-STS. False, and the facts as they were: there was none, or it was before since_ms. */
bool forecast_remembered(const struct store_domain *d, int64_t since_ms, struct facts *f);
