/* SPDX-License-Identifier: Apache-2.0
 * sched.c: destinations: what the store holds for them, and what is done next. Called by
 * proc/queue/schedule/schedule.c.
 *
 * Those with something to do stand in the pump list; each is served until it can take no more.
 * Everything here can be lost: at the start it is read from the store again.
 */
#include "sched/sched_priv.h"

#include <stdlib.h>

enum {
    DESTINATIONS_MAX = 10 * 1000 * 1000,
    LANES_MAX = 10 * 1000 * 1000,
    READ_AGAIN_MS = 5000,
    LEASED_ONLY_MS = 1000
};

void sched_init(struct sched *s, const struct sched_ask *ask)
{
    *s = (struct sched){
        .destinations = map_new(DESTINATIONS_MAX),
        .lanes = map_new(LANES_MAX),
        .generation = 1,
        .ask = *ask,
    };
    list_init(&s->pump);
}

/* A destination without work is forgotten, so that the map does not grow for ever. */
static void sched_drop(struct sched *s, struct sched_destination *d)
{
    map_take(s->destinations, str_c(d->name));
    list_remove(&d->pump_link);
    free(d->name);
    free(d);
}

void sched_free(struct sched *s)
{
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(s->destinations, &cursor, &name, &value)) {
        sched_drop(s, value);
        cursor = 0;
    }
    map_free(s->destinations);
    map_free(s->lanes);
}

void sched_rules_set(struct sched *s, const struct sched_rules *rules)
{
    s->rules = *rules;
    s->generation++;
}

struct sched_destination *sched_find(const struct sched *s, struct str name)
{
    return map_get(s->destinations, name);
}

struct sched_destination *sched_destination(struct sched *s, struct str name)
{
    struct sched_destination *d = sched_find(s, name);
    if (!d) {
        d = err_calloc(1, sizeof *d);
        d->name = str_dup(name);
        d->next_ms = d->heard_ms = SCHED_NEVER;
        list_init(&d->lanes);
        must(map_put(s->destinations, name, d) == 0);
    }
    return d;
}

void sched_pump(struct sched *s, struct sched_destination *d)
{
    if (!d->pump_link.next) {
        list_append(&s->pump, &d->pump_link);
    }
}

void sched_pump_all(struct sched *s)
{
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(s->destinations, &cursor, &name, &value)) {
        sched_pump(s, value);
    }
}

/* --- what the store holds ----------------------------------------------- */

void sched_due_at(struct sched *s, struct sched_destination *d, int64_t next_ms)
{
    d->next_ms = next_ms < d->next_ms ? next_ms : d->next_ms;
    d->heard_ms = next_ms < d->heard_ms ? next_ms : d->heard_ms;
    sched_pump(s, d);
}

/* The one place where next_ms rises. */
static void read_until(struct sched *s, struct sched_destination *d, int64_t next_ms)
{
    d->is_reading = false;
    d->next_ms = next_ms < d->heard_ms ? next_ms : d->heard_ms;
    sched_pump(s, d);
}

void sched_read(struct sched *s, struct sched_destination *d, struct sched_time now, bool is_full,
                unsigned added, int64_t next_ms)
{
    /* all of it was under way already: the same would be read again at once */
    if (is_full && added == 0) {
        d->again_ms = now.mono_ms + LEASED_ONLY_MS;
    }
    read_until(s, d, is_full ? d->next_ms : next_ms);
}

void sched_read_failed(struct sched *s, struct sched_destination *d, struct sched_time now)
{
    d->again_ms = now.mono_ms + READ_AGAIN_MS;
    read_until(s, d, d->next_ms);
}

/* --- what is done next -------------------------------------------------- */

/* True: *ret is something to do. */
static bool sched_serve(struct sched *s, struct sched_destination *d, struct sched_time now,
                        const struct sched_means *means, struct sched_step *ret)
{
    if (!pace_has_worker(d, means) || d->in_flight >= pace_limit(s, d, means) ||
        pace_pause(d, now) != SCHED_NO_PAUSE) {
        return false;
    }
    ret->to = d;
    if (!list_empty(&d->lanes)) {
        ret->what = SCHED_STARTS;
        lane_take_turn(s, d, &ret->items);
        list_remove(&d->pump_link); /* the others have their turn before its next */
        list_append(&s->pump, &d->pump_link);
        d->in_flight++;
        pace_use(s, d, now);
        return true;
    }
    if (d->is_reading || d->next_ms > now.wall_ms || d->again_ms > now.mono_ms) {
        return false;
    }
    ret->what = SCHED_READS;
    ret->max = SCHED_READ + (unsigned)d->n_ready + d->in_flight * SCHED_JOB_RCPTS;
    d->is_reading = true;
    d->heard_ms = SCHED_NEVER;
    return true;
}

static bool sched_is_idle(const struct sched_destination *d, struct sched_time now)
{
    return d->in_flight == 0 && d->n_ready == 0 && !d->is_reading && d->next_ms == SCHED_NEVER &&
           pace_is_forgotten(d, now);
}

void sched_next(struct sched *s, struct sched_time now, const struct sched_means *means,
                struct sched_step *ret)
{
    *ret = (struct sched_step){.what = SCHED_IDLE};
    list_init(&ret->items);
    while (!means->is_stopping && !list_empty(&s->pump) && means->under_way < s->rules.deliveries) {
        struct sched_destination *d = LIST_OF(s->pump.next, struct sched_destination, pump_link);
        if (sched_serve(s, d, now, means, ret)) {
            return;
        }
        list_remove(&d->pump_link);
        if (sched_is_idle(d, now)) {
            sched_drop(s, d);
        }
    }
}

void sched_ended(struct sched *s, struct sched_destination *d)
{
    must(d->in_flight > 0);
    d->in_flight--;
    sched_pump(s, d);
}

/* --- time --------------------------------------------------------------- */

int64_t sched_wait(const struct sched_destination *d, struct sched_time now, int64_t most_ms)
{
    int64_t pause = pace_wait(d, now);
    int64_t due = d->next_ms == SCHED_NEVER   ? SCHED_NEVER
                  : d->next_ms > now.wall_ms  ? d->next_ms - now.wall_ms
                  : d->again_ms > now.mono_ms ? d->again_ms - now.mono_ms
                                              : SCHED_NEVER;
    int64_t wait = pause < due ? pause : due;
    return wait < most_ms ? wait : most_ms;
}

int64_t sched_tick(struct sched *s, struct sched_time now, int64_t most_ms)
{
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(s->destinations, &cursor, &name, &value)) {
        struct sched_destination *d = value;
        bool over = pace_tick(d, now);
        if (over || d->next_ms <= now.wall_ms || sched_is_idle(d, now)) {
            sched_pump(s, d);
        }
        most_ms = sched_wait(d, now, most_ms);
    }
    return most_ms;
}

void sched_set_back(struct sched *s, int64_t by_ms, int64_t latest_ms)
{
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(s->destinations, &cursor, &name, &value)) {
        struct sched_destination *d = value;
        if (d->next_ms != SCHED_NEVER) {
            int64_t next = d->next_ms - by_ms;
            d->next_ms = next < latest_ms ? next : latest_ms;
        }
    }
}
