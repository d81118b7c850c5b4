/* SPDX-License-Identifier: Apache-2.0
 * memory.c: RLIMIT_AS of this process (memory.h). The soft limit moves with the configuration, the
 * hard one stays where the sandbox was entered. /proc/self/statm, opened before, says what is in
 * use. Called by child.c, and before a process takes on more.
 */
#include "sys/memory.h"
#include "base/sanitized.h"
#include "base/str.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LEAST = 1024 * 1024 * 1024, PART_LEFT = 8 };

static int statm = -1;
static uint64_t page;

static uint64_t of_machine(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    uint64_t octets = pages > 0 ? (uint64_t)pages * page : 0;
    return octets > LEAST ? octets : LEAST;
}

void memory_init(void)
{
    struct rlimit r;
    if (SANITIZED || statm >= 0) {
        return;
    }
    page = (uint64_t)sysconf(_SC_PAGESIZE);
    statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_max > of_machine()) {
        r.rlim_cur = r.rlim_max = of_machine();
        (void)setrlimit(RLIMIT_AS, &r);
    }
}

int memory_limit(uint64_t octets)
{
    struct rlimit r;
    if (SANITIZED || octets == 0) {
        return 0;
    }
    if (getrlimit(RLIMIT_AS, &r) < 0) {
        return -errno;
    }
    r.rlim_cur = octets < r.rlim_max ? octets : r.rlim_max;
    return setrlimit(RLIMIT_AS, &r) < 0 ? -errno : 0;
}

bool memory_is_short(void)
{
    char text[128];
    struct rlimit r;
    struct str rest, number;
    uint64_t pages;
    ssize_t n = statm < 0 ? -1 : pread(statm, text, sizeof text, 0);
    if (n <= 0 || getrlimit(RLIMIT_AS, &r) < 0 || r.rlim_cur == RLIM_INFINITY) {
        return false;
    }
    rest = str_from(text, (size_t)n);
    if (!str_split(&rest, ' ', &number) || str_to_u64(number, UINT64_MAX / page, &pages) < 0) {
        return false;
    }
    uint64_t used = pages * page, most = r.rlim_cur - r.rlim_cur / PART_LEFT;
    if (used <= most) {
        return false;
    }
    uint64_t kept = (uint64_t)mallinfo2().fordblks; /* freed, and kept for the next ones */
    return used - (kept < used ? kept : used) > most;
}
