/* SPDX-License-Identifier: Apache-2.0
 * log_turn.c: gives away the lines of the log that wait. Called by child.c and posternd.
 */
#include "sys/log_turn.h"
#include "base/log.h"
#include "sys/loop.h"

enum { AGAIN_MS = 20 };

static void log_turn_on_turn_end(void *arg)
{
    struct timer *again = arg;
    if (!log_flush() && !timer_is_running(again)) {
        timer_start(again, AGAIN_MS);
    }
}

/* The end of its turn does it. */
static void log_turn_on_again(void *arg)
{
}

void log_turn_begin(struct loop *l)
{
    loop_on_turn_end(l, TURN_LATER, log_turn_on_turn_end, timer_new(l, log_turn_on_again, NULL));
}
