/* SPDX-License-Identifier: Apache-2.0
 * descriptors.c: whether this process is near the end of its descriptors.
 */
#include "sys/descriptors.h"

#include <sys/resource.h>

enum { KEPT_LEAST = 32, KEPT_PART = 8 };

bool descriptors_are_short(int newest)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY) {
        return false;
    }
    rlim_t kept = r.rlim_cur / KEPT_PART > KEPT_LEAST ? r.rlim_cur / KEPT_PART : KEPT_LEAST;
    return (rlim_t)newest + kept >= r.rlim_cur;
}
