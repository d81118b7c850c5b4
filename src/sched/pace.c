/* SPDX-License-Identifier: Apache-2.0
 * pace.c: how fast a destination is served: how many deliveries at once, learned from how they
 * go; pauses while it cannot be reached; its partner's rate. All of it by the monotonic clock.
 * Called by sched.c.
 */
#include "sched/sched_priv.h"

enum {
    FIRST_LIMIT = 5,
    DEAD_AFTER = 3,      /* connections that fail, one after the other */
    PAUSE_MS = 2000,     /* at first */
    RATE_WINDOW_MS = 20, /* what a late wake-up may catch up on */
    MINUTE_MS = 60 * 1000,
    FORGET_MS = 60 * 60 * 1000 /* a destination without work and without another failure */
};

static const struct sched_own *pace_own_of(struct sched *s, struct sched_destination *d)
{
    if (d->own_as_of != s->generation) {
        d->own = s->ask.own(s->ask.arg, str_c(d->name));
        d->own_as_of = s->generation;
    }
    return &d->own;
}

/* RFC 5321 4.5.4.1 MAY: several deliveries at once */
unsigned pace_limit(struct sched *s, struct sched_destination *d, const struct sched_means *means)
{
    if (d->is_inspected) {
        return d->in_flight + means->inspectors;
    }
    unsigned own = pace_own_of(s, d)->concurrency;
    unsigned most = own < s->rules.concurrency ? own : s->rules.concurrency;
    unsigned learned = d->limit ? d->limit : FIRST_LIMIT;
    return learned < most ? learned : most;
}

bool pace_has_worker(const struct sched_destination *d, const struct sched_means *means)
{
    return d->is_inspected ? means->inspectors > 0 : means->can_send;
}

void pace_use(struct sched *s, struct sched_destination *d, struct sched_time now)
{
    unsigned rate = pace_own_of(s, d)->rate;
    if (d->is_inspected || rate >= SCHED_RATE_FREE) {
        return;
    }
    int64_t step = rate > 0 && MINUTE_MS / rate > 0 ? MINUTE_MS / rate : 1;
    int64_t from = d->rate_ms > now.mono_ms - RATE_WINDOW_MS ? d->rate_ms : now.mono_ms;
    d->rate_ms = from + step;
}

enum sched_pause pace_pause(const struct sched_destination *d, struct sched_time now)
{
    if (d->pause == SCHED_PAUSE_DEAD && d->pause_ms > now.mono_ms) {
        return SCHED_PAUSE_DEAD;
    }
    return d->rate_ms > now.mono_ms ? SCHED_PAUSE_RATE : SCHED_NO_PAUSE;
}

int64_t pace_wait(const struct sched_destination *d, struct sched_time now)
{
    switch (pace_pause(d, now)) {
    case SCHED_PAUSE_DEAD:
        return d->pause_ms - now.mono_ms;
    case SCHED_PAUSE_RATE:
        return d->rate_ms - now.mono_ms;
    case SCHED_NO_PAUSE:
        return SCHED_NEVER;
    }
    return SCHED_NEVER;
}

bool pace_tick(struct sched_destination *d, struct sched_time now)
{
    bool idle = d->n_ready == 0 && d->in_flight == 0;
    if (idle && d->failures > 0 && now.mono_ms - d->failed_ms >= FORGET_MS) {
        d->failures = 0;
    }
    if (d->pause == SCHED_PAUSE_DEAD && d->pause_ms <= now.mono_ms) {
        d->pause = SCHED_NO_PAUSE;
        d->failures -= idle && d->failures > 0;
        return true;
    }
    return d->rate_ms > 0 && d->rate_ms <= now.mono_ms;
}

bool pace_is_forgotten(const struct sched_destination *d, struct sched_time now)
{
    return d->failures == 0 && pace_pause(d, now) == SCHED_NO_PAUSE;
}

void sched_learn(struct sched *s, struct sched_destination *d, struct sched_time now, bool reached)
{
    unsigned limit = d->limit ? d->limit : FIRST_LIMIT;
    if (reached) {
        d->failures = 0;
        d->pause = SCHED_NO_PAUSE;
        d->limit = limit < s->rules.concurrency ? limit + 1 : limit;
        return;
    }
    d->limit = limit > 1 ? limit / 2 : 1;
    d->failed_ms = now.mono_ms;
    /* the others would fail in the same way: they wait without an attempt */
    if (++d->failures >= DEAD_AFTER) {
        int64_t pause = PAUSE_MS, most = s->rules.longest_pause;
        for (unsigned i = DEAD_AFTER; i < d->failures && pause < most; i++) {
            pause *= 2;
        }
        d->pause = SCHED_PAUSE_DEAD;
        d->pause_ms = now.mono_ms + (pause < most ? pause : most);
    }
}

void sched_retry_now(struct sched *s, struct sched_destination *d, int64_t wall_ms)
{
    d->pause = SCHED_NO_PAUSE;
    sched_due_at(s, d, wall_ms);
}

bool sched_has_forgotten(const struct sched_destination *d, struct sched_time now)
{
    return !d || (!d->is_reading && d->next_ms > now.wall_ms);
}

enum sched_why sched_why(const struct sched *s, const struct sched_destination *d,
                         struct sched_time now, const struct sched_means *means)
{
    enum sched_pause pause = pace_pause(d, now);
    return !pace_has_worker(d, means)                ? SCHED_WHY_WORKERS
           : pause == SCHED_PAUSE_DEAD               ? SCHED_WHY_DEAD
           : pause == SCHED_PAUSE_RATE               ? SCHED_WHY_RATE
           : means->under_way >= s->rules.deliveries ? SCHED_WHY_BUSY
           : d->n_ready > 0 || d->in_flight > 0      ? SCHED_WHY_BEHIND
                                                     : SCHED_WHY_READING;
}

const char *sched_why_text(enum sched_why why)
{
    static const char *const texts[SCHED_WHY_END] = {
        [SCHED_WHY_DEAD] = "paused: no connection to its destination came about",
        [SCHED_WHY_RATE] = "paused: the partner's rate is used up",
        [SCHED_WHY_BEHIND] = "behind others to the same destination",
        [SCHED_WHY_READING] = "being read from the store",
        [SCHED_WHY_WORKERS] = "no process is there that could take it",
        [SCHED_WHY_BUSY] = "as many deliveries as may be are under way",
    };
    return texts[why];
}
