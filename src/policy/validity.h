/* SPDX-License-Identifier: Apache-2.0
 * validity.h: from when on the end of a certificate is near enough to tell somebody. Pure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of the wall clock; 0: not known. */
struct validity {
    int64_t from_ms, until_ms;
};

/* Whether less is left than `warning` and less than a third of its lifetime: by then even one of
 * six days should have been renewed, and before that it would be warned of all its life. Ended
 * ones, too. */
bool validity_ends_soon(struct validity v, int64_t warning, int64_t now_ms);
