/* SPDX-License-Identifier: Apache-2.0
 * deaths.c: how long to wait before a child that died is started again. Called by children.c.
 */
#include "cmd/posternd/deaths.h"
#include "proc/child.h"

#include <sys/wait.h>

bool deaths_for_good(int status, bool was_ready)
{
    return !was_ready && WIFEXITED(status) && WEXITSTATUS(status) == CHILD_NEVER;
}

int64_t deaths_pause_ms(unsigned *deaths, int64_t served_ms)
{
    int64_t forgotten = served_ms / DEATHS_FORGET_MS, pause = DEATHS_PAUSE_FIRST_MS;
    *deaths = forgotten < *deaths ? *deaths - (unsigned)forgotten : 0;
    unsigned before = (*deaths)++;
    if (before < DEATHS_AT_ONCE) {
        return 0;
    }
    for (unsigned i = DEATHS_AT_ONCE; i < before && pause < DEATHS_PAUSE_LAST_MS; i++) {
        pause *= 2;
    }
    /* it need not serve for hours to be forgiven */
    *deaths = pause < DEATHS_PAUSE_LAST_MS ? *deaths : before;
    return pause < DEATHS_PAUSE_LAST_MS ? pause : DEATHS_PAUSE_LAST_MS;
}
