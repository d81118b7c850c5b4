/* SPDX-License-Identifier: Apache-2.0
 * fence.c: RLIMIT_DATA moved up and down (fence.h). What is in use says /proc/self/statm, opened before the sandbox: its
 * sixth number is what RLIMIT_DATA counts, and the stack.
 */
#include "sys/fence.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int statm = -1;
static rlim_t page;

void fence_init(void)
{
#if !defined(__SANITIZE_ADDRESS__)
    if (statm < 0) {
        statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        page = (rlim_t)sysconf(_SC_PAGESIZE);
    }
#endif
}

static void limit(rlim_t octets)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_DATA, &r) == 0) {
        r.rlim_cur = octets < r.rlim_max ? octets : r.rlim_max;
        (void)setrlimit(RLIMIT_DATA, &r);
    }
}

void fence_raise(uint64_t octets)
{
    char text[128];
    ssize_t n = statm < 0 ? 0 : pread(statm, text, sizeof text - 1, 0);
    char *at = text;
    unsigned long pages = 0;
    if (n <= 0) {
        return;
    }
    text[n] = '\0';
    for (int i = 0; i < 6; i++) {
        pages = strtoul(at, &at, 10);
    }
    limit(pages * page + octets);
}

void fence_lower(void)
{
    if (statm >= 0) {
        limit(RLIM_INFINITY);
    }
}
