/* SPDX-License-Identifier: Apache-2.0
 * fence.c: RLIMIT_DATA moved up and down (fence.h). /proc/self/statm, opened before the sandbox,
 * says what is in use: its sixth number is what RLIMIT_DATA counts, and the stack.
 */
#include "sys/fence.h"
#include "base/sanitized.h"
#include "base/str.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static int statm = -1;
static rlim_t page;

static void on_clock(int signal_number)
{
    static const char words[] =
        "postern: a message took too long to read inside a library: the reading was ended\n";
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void fence_clock(int64_t cpu_ms)
{
    cpu_ms *= SANITIZED ? 10 : 1;
    const struct itimerval t = {.it_value = {cpu_ms / 1000, cpu_ms % 1000 * 1000}};
    (void)setitimer(ITIMER_PROF, &t, NULL);
}

void fence_init(void)
{
    const struct sigaction clock = {.sa_handler = on_clock, .sa_flags = SA_RESETHAND | SA_NODEFER};
    (void)sigaction(SIGPROF, &clock, NULL);
    if (!SANITIZED && statm < 0) {
        statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        page = (rlim_t)sysconf(_SC_PAGESIZE);
    }
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
    ssize_t n = statm < 0 ? 0 : pread(statm, text, sizeof text, 0);
    struct str rest = str_from(text, n > 0 ? (size_t)n : 0), number;
    uint64_t pages;
    for (int i = 0; i < 6; i++) {
        if (!str_split(&rest, ' ', &number)) {
            return;
        }
    }
    if (str_to_u64(number, UINT64_MAX / 4096, &pages) == 0) {
        limit(pages * page + octets);
    }
}

void fence_lower(void)
{
    if (statm >= 0) {
        limit(RLIM_INFINITY);
    }
}
