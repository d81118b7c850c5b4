/* SPDX-License-Identifier: Apache-2.0
 * lane.c: recipients in memory: a lane for each sender of a destination; lanes take turns.
 * Called by proc/queue and sched.c. What can go wrong: nothing; a lane that is full leaves what
 * comes to the store.
 */
#include "sched/sched_priv.h"

#include <stdlib.h>

static struct sched_lane_key lane_key_of(struct sched_destination *d, struct str reverse_path)
{
    return (struct sched_lane_key){.to = d, .sender = map_hash(reverse_path)};
}

static struct str key_str(const struct sched_lane_key *key)
{
    return str_from((const char *)key, sizeof *key);
}

static struct sched_lane *lane_of(struct sched *s, struct sched_destination *d,
                                  struct str reverse_path)
{
    struct sched_lane_key key = lane_key_of(d, reverse_path);
    struct sched_lane *l = map_get(s->lanes, key_str(&key));
    if (!l) {
        l = err_calloc(1, sizeof *l);
        l->key = key;
        list_init(&l->items);
        list_append(&d->lanes, &l->link);
        must(map_put(s->lanes, key_str(&l->key), l) == 0);
    }
    return l;
}

/* An empty lane goes. */
static void lane_leave(struct sched *s, struct sched_item *it)
{
    struct sched_lane *l = it->lane;
    list_remove(&it->link);
    it->lane = NULL;
    l->key.to->n_ready--;
    if (--l->n == 0) {
        map_take(s->lanes, key_str(&l->key));
        list_remove(&l->link);
        free(l);
    }
}

bool sched_has_place(struct sched *s, struct sched_destination *d, struct str reverse_path,
                     int64_t due_ms)
{
    struct sched_lane_key key = lane_key_of(d, reverse_path);
    const struct sched_lane *l = map_get(s->lanes, key_str(&key));
    /* those there wait longer */
    bool first_in_store = !l && d->n_ready == 0 && d->next_ms <= due_ms;
    if (d->n_ready >= SCHED_READY_MAX || (l && l->n >= SCHED_LANE_MAX) || first_in_store) {
        sched_due_at(s, d, due_ms);
        return false;
    }
    return true;
}

void sched_add(struct sched *s, struct sched_destination *d, struct str reverse_path,
               struct sched_item *it)
{
    it->lane = lane_of(s, d, reverse_path);
    list_append(&it->lane->items, &it->link);
    it->lane->n++;
    d->n_ready++;
    sched_pump(s, d);
}

void sched_remove(struct sched *s, struct sched_item *it)
{
    if (it->lane) {
        lane_leave(s, it);
    } else {
        list_remove(&it->link);
    }
}

void lane_take_turn(struct sched *s, struct sched_destination *d, struct link *job)
{
    struct sched_lane *l = LIST_OF(d->lanes.next, struct sched_lane, link);
    struct sched_item *first = LIST_OF(l->items.next, struct sched_item, link);
    size_t n = 0;
    list_remove(&l->link);
    list_append(&d->lanes, &l->link);
    struct link *at = &first->link;
    for (size_t left = l->n; left > 0 && n < SCHED_JOB_RCPTS; left--, n++) {
        struct sched_item *it = LIST_OF(at, struct sched_item, link);
        at = at->next;
        if (n > 0 && !s->ask.goes_with(s->ask.arg, first, it)) {
            break;
        }
        lane_leave(s, it); /* with the last one the lane is gone, and so is the loop */
        list_append(job, &it->link);
    }
}
