/* SPDX-License-Identifier: Apache-2.0
 * random.c: getrandom(2), nothing else.
 */
#include "base/random.h"

#include <sys/random.h>

void random_bytes(void *p, size_t n)
{
    char *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        must(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

uint32_t random_below(uint32_t limit)
{
    must(limit > 0);
    uint32_t floor = (uint32_t)(-limit) % limit;
    for (;;) {
        uint32_t x;
        random_bytes(&x, sizeof x);
        if (x >= floor) {
            return x % limit;
        }
    }
}
