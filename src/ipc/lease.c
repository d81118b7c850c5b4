/* SPDX-License-Identifier: Apache-2.0
 * lease.c: draws leases, many with one call of the kernel. Called by queue.
 */
#include "ipc/lease.h"
#include "base/random.h"

enum { DRAWN = 64 };

struct lease_id lease_draw(void)
{
    static struct lease_id drawn[DRAWN];
    static size_t n;
    if (n == 0) {
        random_bytes(drawn, sizeof drawn);
        n = DRAWN;
    }
    struct lease_id l = drawn[--n];
    explicit_bzero(&drawn[n], sizeof drawn[n]);
    return l;
}
