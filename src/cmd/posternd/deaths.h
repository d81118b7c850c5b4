/* SPDX-License-Identifier: Apache-2.0
 * deaths.h: whether a child that died is started again, and how long that waits. Pure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The first ones are started again at once: whoever needs the child should not notice. One that
 * cannot live costs little and does not fill the log; once its cause is gone (a full disk, no
 * memory) it is back within the longest pause. */
enum {
    DEATHS_AT_ONCE = 4,
    DEATHS_PAUSE_FIRST_MS = 100,
    DEATHS_PAUSE_LAST_MS = 3000,
    DEATHS_FORGET_MS = 5000
};

/* The pause after a death. deaths: those before it that count, 0 for the first; each five
 * seconds of service since it was ready forget one. served_ms: 0 for one that never was. */
int64_t deaths_pause_ms(unsigned *deaths, int64_t served_ms);

/* Its end (waitpid(2)) says that it can never run here, and posternd ends with it. Of one that
 * was ready that is not believed: strangers had spoken to it, and would end the whole gateway. */
bool deaths_for_good(int status, bool was_ready);
