/* SPDX-License-Identifier: Apache-2.0
 * descriptors.c: whether this process is near the end of its descriptors. Called before a process
 * takes on more.
 */
#include "sys/descriptors.h"
#include "base/clock.h"
#include "base/log.h"

#include <sys/resource.h>
#include <unistd.h>

enum { KEPT_LEAST = 32, KEPT_PART = 8, ROOM_MAX = 16, SAID_MS = 10 * 1000 };

bool descriptors_are_short(int newest)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY) {
        return false;
    }
    rlim_t kept = r.rlim_cur / KEPT_PART > KEPT_LEAST ? r.rlim_cur / KEPT_PART : KEPT_LEAST;
    return (rlim_t)newest + kept >= r.rlim_cur;
}

bool descriptors_have_room(unsigned n)
{
    int fds[ROOM_MAX];
    unsigned got = 0;
    must(n <= ROOM_MAX);
    while (got < n && (fds[got] = dup(STDERR_FILENO)) >= 0) {
        got++;
    }
    for (unsigned i = 0; i < got; i++) {
        close(fds[i]);
    }
    return got == n;
}

bool descriptors_is_lack(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM ||
           error == -ETOOMANYREFS;
}

void descriptors_note_lack(const char *peer, const char *what)
{
    static int64_t said_ms;
    int64_t now = clock_mono_ms();
    if (said_ms == 0 || now - said_ms >= SAID_MS) {
        said_ms = now;
        log_error("no-descriptors-left", KV("peer", peer), KV("for", what),
                  KV("what", "it is put off; see LimitNOFILE of the service"));
    }
}
