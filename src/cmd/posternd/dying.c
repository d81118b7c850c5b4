/* SPDX-License-Identifier: Apache-2.0
 * dying.c: tells the administrator of processes that die again and again (a broken disk, no
 * memory, a fault of ours): an alarm, raised once the queue can be told, cleared when each has
 * served for a while. Called by children.c and main.c.
 */
#include "base/clock.h"
#include "cmd/posternd/deaths.h"
#include "cmd/posternd/posternd.h"

enum { WELL_AFTER_MS = 10 * 1000 };

static bool is_dying(const struct supervised *s)
{
    bool is_well = s->ready && clock_mono_ms() - s->ready_ms > WELL_AFTER_MS;
    return s->is_wanted && !s->kept_down && s->deaths > DEATHS_AT_ONCE && !is_well;
}

void dying_tell(struct posternd *d)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(500);
    for (size_t i = 0; i < d->n_children; i++) {
        const struct supervised *s = &d->children[i];
        if (is_dying(s)) {
            (void)!buf_printf(&text, "%s%s (%s)", buf_len(&text) ? ", " : "", s->name, s->ended);
        }
    }
    bool is_alarm = buf_len(&text) > 0;
    if (is_alarm) {
        (void)!buf_printf(&text, "; the log says why");
    }
    if (is_alarm != d->dying_alarm &&
        children_alarm(d, ALARM_DIES, is_alarm ? buf_str(&text) : STR(""))) {
        d->dying_alarm = is_alarm;
    }
}
