/* SPDX-License-Identifier: Apache-2.0
 * schedule.c: which recipient is tried when. Destinations with something due are pumped at the
 * end of a turn; each has its own limit of deliveries at once, which shrinks while it cannot be
 * reached, so that a slow or dead one holds up nobody else; within one, senders take turns.
 *
 * Due recipients are read from the store in batches; fresh ones go from their commit straight into
 * memory. Everything here can be lost: at start it is read from the store again.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/channel.h"
#include "proc/queue/proofs.h"
#include "proc/queue/queue.h"
#include "proc/queue/visits.h"

#include <stdlib.h>

enum { TICK_MS = 200, PACE_MS = 20, EXPIRE_BATCH = 200, RATE_FREE = 1000000, FIRST_LIMIT = 5, DEAD_AFTER = 3, PAUSE_MS = 2000,
       LONGEST_PAUSE_MS = 60 * 60 * 1000, JUMP_MS = 60 * 1000, DISTRUST_MS = 60 * 60 * 1000 };

struct destination *queue_destination(struct queue *q, struct str name)
{
    struct destination *d = map_get(q->destinations, name);
    if (d) {
        return d;
    }
    d = err_calloc(1, sizeof *d);
    d->name = str_dup(name);
    d->next_ms = INT64_MAX;
    list_init(&d->lanes);
    d->limit = FIRST_LIMIT;
    must(map_put(q->destinations, name, d) == 0);
    return d;
}

/* Forgets a destination without work, so that the map does not grow for ever. */
static void destination_drop(struct queue *q, struct destination *d)
{
    map_take(q->destinations, str_c(d->name));
    list_remove(&d->due_link);
    free(d->name);
    free(d);
}

void queue_pump_soon(struct queue *q, struct destination *d)
{
    if (!d->due_link.next) {
        list_append(&q->pump_list, &d->due_link);
    }
}

/* --- how far arrivals are ahead ------------------------------------------------------------------------- */

static int64_t this_moment(struct queue *q)
{
    struct fresh *f = &q->fresh;
    int64_t now = clock_mono_ms() / FRESH_MOMENT_MS + 1;
    for (int i = 0; i < FRESH_MOMENTS && f->moment < now; i++) {
        f->moment = now - f->moment > FRESH_MOMENTS ? now - FRESH_MOMENTS : f->moment;
        f->n[++f->moment % FRESH_MOMENTS] = 0;
    }
    return now;
}

static void count_fresh(struct queue *q, struct item *it)
{
    it->fresh_since = this_moment(q);
    q->fresh.n[it->fresh_since % FRESH_MOMENTS]++;
}

static void forget_fresh(struct queue *q, const struct item *it)
{
    if (it->fresh_since && it->fresh_since > this_moment(q) - FRESH_MOMENTS) {
        q->fresh.n[it->fresh_since % FRESH_MOMENTS]--;
    }
}

uint32_t queue_fresh(struct queue *q)
{
    uint32_t all = 0;
    this_moment(q);
    for (int i = 0; i < FRESH_MOMENTS; i++) {
        all += q->fresh.n[i];
    }
    return all;
}

/* Takes it out of its lane; an empty lane goes. */
static void leave_lane(struct queue *q, struct item *it)
{
    struct lane *l = it->lane;
    list_remove(&it->link);
    it->lane = NULL;
    if (l && --l->n == 0) {
        map_take(q->lanes, str_from((const char *)&l->key, sizeof l->key));
        list_remove(&l->link);
        free(l);
    }
}

void queue_item_free(struct queue *q, struct item *it)
{
    if (it->lane) {
        leave_lane(q, it);
    }
    forget_fresh(q, it);
    map_take(q->leased, map_id(&it->r.rcpt));
    list_remove(&it->link);
    queue_hot_release(q, it->hot);
    arena_reset(&it->text);
    free(it);
}

static struct str keep(struct arena *a, struct str s)
{
    struct str copy = STR("");
    must(arena_copy(a, s, &copy) == 0);
    return copy;
}

static struct lane_key lane_key(const struct destination *d, struct str reverse_path)
{
    return (struct lane_key){.to = d, .sender = map_hash(reverse_path)};
}

static struct lane *lane_of(struct queue *q, struct destination *d, struct str reverse_path)
{
    struct lane_key key = lane_key(d, reverse_path);
    struct lane *l = map_get(q->lanes, str_from((const char *)&key, sizeof key));
    if (!l) {
        l = err_calloc(1, sizeof *l);
        l->key = key;
        list_init(&l->items);
        list_append(&d->lanes, &l->link);
        must(map_put(q->lanes, str_from((const char *)&l->key, sizeof l->key), l) == 0);
    }
    return l;
}

static void add_item(struct queue *q, struct destination *d, const struct store_rcpt *r, struct hot *hot)
{
    struct item *it = err_calloc(1, sizeof *it);
    it->text = ARENA_INIT(64 * 1024);
    it->r = *r;
    it->r.forward_path = keep(&it->text, r->forward_path);
    it->r.next_hop = keep(&it->text, r->next_hop);
    it->r.orcpt = keep(&it->text, r->orcpt);
    it->r.code = keep(&it->text, r->code);
    it->r.reply = keep(&it->text, r->reply);
    it->r.host = keep(&it->text, r->host);
    it->r.protection = keep(&it->text, r->protection);
    it->r.reverse_path = keep(&it->text, hot ? hot->m.reverse_path : r->reverse_path);
    it->hot = hot;
    if (hot) {
        hot->refs++;
        if (!inspect_is(d)) {
            count_fresh(q, it);
        }
    }
    must(map_put(q->leased, map_id(&it->r.rcpt), it) == 0);
    it->lane = lane_of(q, d, it->r.reverse_path);
    list_append(&it->lane->items, &it->link);
    it->lane->n++;
    d->n_ready++;
}

void queue_ready(struct queue *q, const struct store_rcpt *r, struct hot *hot)
{
    struct destination *d = queue_destination(q, r->next_hop);
    struct lane_key key = lane_key(d, hot ? hot->m.reverse_path : r->reverse_path);
    const struct lane *l = map_get(q->lanes, str_from((const char *)&key, sizeof key));
    if (d->n_ready >= READY_MAX || (l && l->n >= LANE_MAX) || (!l && d->more_in_store && d->n_ready == 0)) {
        d->more_in_store = true; /* behind those of this sender that wait longer */
    } else {
        add_item(q, d, r, hot);
    }
    queue_pump_soon(q, d);
}

/* The next tick comes within wait_ms, or when it was to come anyway. */
static void tick_within(struct queue *q, int64_t wait_ms, int64_t least_ms)
{
    wait_ms = wait_ms > least_ms ? wait_ms : least_ms;
    if (clock_mono_ms() + wait_ms < q->tick_at_ms || !timer_is_running(q->tick)) {
        q->tick_at_ms = clock_mono_ms() + wait_ms;
        timer_start(q->tick, wait_ms);
    }
}

void queue_retry_at(struct queue *q, struct destination *d, int64_t next_ms)
{
    if (next_ms < d->next_ms) {
        d->next_ms = next_ms;
    }
    tick_within(q, next_ms - clock_wall_ms(), TICK_MS);
}

/* One reading of due recipients of a destination, and of when the next of the others is due. */
struct refill {
    struct queue *q;
    struct destination *d;
    int64_t now;
    unsigned n, max;
};

static void refill_one(void *arg, const struct store_rcpt *r)
{
    struct refill *f = arg;
    f->n++;
    if (!map_get(f->q->leased, map_id(&r->rcpt))) {
        add_item(f->q, f->d, r, NULL);
    }
}

static void refill_done(void *arg, enum store_result result)
{
    struct refill *f = arg;
    f->d->reading = false;
    if (result != STORE_OK) {
        f->d->more_in_store = true;
        queue_retry_at(f->q, f->d, clock_wall_ms() + 5000);
    }
    queue_pump_soon(f->q, f->d);
    free(f);
}

static void refill_next(void *arg, struct str name, int64_t next_ms)
{
    struct refill *f = arg;
    (void)name;
    queue_retry_at(f->q, f->d, next_ms);
}

/* What is left in the store is due later: on_tick() forgot when, so it is read again. */
static void refill_read(void *arg, enum store_result result)
{
    struct refill *f = arg;
    f->d->more_in_store = f->n == f->max;
    if (result == STORE_OK && !f->d->more_in_store) {
        store_next_due(f->q->store, str_c(f->d->name), f->now, refill_next, refill_done, f);
    } else {
        refill_done(f, result);
    }
}

static void refill(struct queue *q, struct destination *d)
{
    struct refill *f = err_calloc(1, sizeof *f);
    *f = (struct refill){.q = q, .d = d, .now = clock_wall_ms(), .max = REFILL + (unsigned)d->n_ready + d->in_flight * JOB_RCPTS_MAX};
    d->more_in_store = false;
    d->reading = true;
    store_each_due(q->store, str_c(d->name), f->now, f->max, refill_one, refill_read, f);
}

/* Moves the first recipient of the lane whose turn it is, and those of the same message behind it, into
 * `job`; the lane goes to the end. */
static void gather(struct queue *q, struct destination *d, struct link *job)
{
    struct route first_route, route;
    struct lane *l = LIST_OF(d->lanes.next, struct lane, link);
    size_t n = 0, left = l->n;
    uint64_t id = 0;
    struct str protection = STR("");
    list_remove(&l->link);
    list_append(&d->lanes, &l->link);
    for (struct link *at = l->items.next; left > 0 && n < JOB_RCPTS_MAX; left--) {
        struct item *it = LIST_OF(at, struct item, link);
        at = at->next;
        rules_route(child_conf(q->child), it->r.reverse_path, it->r.forward_path, n ? &route : &first_route);
        if (n && (it->r.id != id || !rules_same(&route, &first_route) || !str_eq(it->r.protection, protection))) {
            break;
        }
        id = it->r.id;
        protection = it->r.protection;
        leave_lane(q, it); /* with the last one the lane is gone, and so is the loop */
        d->n_ready--;
        list_append(job, &it->link);
        n++;
    }
}

/* True when no more deliveries may begin, whatever the destination. */
static bool is_busy(const struct queue *q)
{
    return map_len(q->jobs) >= (size_t)child_conf(q->child)->queue.deliveries;
}

/* The destination's partner block in the configuration in force, or NULL. */
static const struct conf_rule *partner_of(const struct queue *q, struct destination *d)
{
    if (d->partner_as_of != q->conf_generation) {
        d->partner = conf_partner_for(child_conf(q->child), domain_kept(str_c(d->name)));
        d->partner_as_of = q->conf_generation;
    }
    return d->partner;
}

static unsigned limit_of(const struct queue *q, struct destination *d)
{
    if (inspect_is(d)) {
        return d->in_flight + inspect_free(q);
    }
    const struct conf_rule *p = partner_of(q, d);
    unsigned most = (unsigned)child_conf(q->child)->queue.concurrency;
    most = p && (unsigned)p->concurrency < most ? (unsigned)p->concurrency : most;
    return d->limit < most ? d->limit : most;
}

/* Nothing more for now: after failures, or because of the partner's rate. */
static void pause_until(struct queue *q, struct destination *d, int64_t at_ms)
{
    d->pause_ms = at_ms;
    tick_within(q, at_ms - clock_wall_ms(), PACE_MS);
}

static bool is_paused(const struct destination *d)
{
    return d->pause_ms > clock_wall_ms();
}

/* One message of the partner's rate is used up. */
static void keep_rate(struct queue *q, struct destination *d)
{
    const struct conf_rule *p = partner_of(q, d);
    if (p && p->rate < RATE_FREE) {
        int64_t now = clock_wall_ms(), step = 60000 / p->rate;
        pause_until(q, d, (d->pause_ms > now ? d->pause_ms : now) + (step > 0 ? step : 1));
    }
}

void queue_learn(struct queue *q, struct destination *d, bool reached)
{
    if (reached) {
        d->failures = 0;
        d->limit += d->limit < (unsigned)child_conf(q->child)->queue.concurrency;
        return;
    }
    d->limit = d->limit > 1 ? d->limit / 2 : 1;
    if (++d->failures >= DEAD_AFTER) { /* the others would fail in the same way: they wait without an attempt */
        int64_t pause = PAUSE_MS;
        for (unsigned i = DEAD_AFTER; i < d->failures && pause < child_conf(q->child)->queue.first_retry; i++) {
            pause *= 2;
        }
        pause = pause < child_conf(q->child)->queue.first_retry ? pause : child_conf(q->child)->queue.first_retry;
        pause_until(q, d, clock_wall_ms() + pause);
    }
}

static void pump_destination(struct queue *q, struct destination *d)
{
    while (d->in_flight < limit_of(q, d) && (inspect_is(d) || queue_can_send(q)) && !is_busy(q) && !is_paused(d)) {
        if (list_empty(&d->lanes) && d->more_in_store && !d->reading) {
            refill(q, d);
        }
        if (list_empty(&d->lanes)) {
            break;
        }
        struct link items;
        list_init(&items);
        gather(q, d, &items);
        keep_rate(q, d);
        queue_job_start(q, d, &items);
    }
    if (d->in_flight == 0 && d->n_ready == 0 && !d->more_in_store && !d->reading && d->next_ms == INT64_MAX &&
        !list_linked(&d->due_link) && d->failures == 0) {
        destination_drop(q, d);
    }
}

void queue_pump(struct queue *q)
{
    if ((!queue_can_send(q) && inspect_free(q) == 0) || q->stopping) {
        return;
    }
    struct link todo;
    list_init(&todo);
    while (!list_empty(&q->pump_list)) {
        struct link *l = q->pump_list.next;
        list_remove(l);
        list_append(&todo, l);
    }
    while (!list_empty(&todo)) {
        struct link *l = todo.next;
        list_remove(l);
        if (is_busy(q)) {
            list_append(&q->pump_list, l); /* its turn comes when a delivery ends */
        } else {
            pump_destination(q, LIST_OF(l, struct destination, due_link));
        }
    }
    queue_bounce_start(q);
}

static void forget_message(struct queue *q, struct destination *d, uint64_t id)
{
    for (struct link *at = d->lanes.next; at != &d->lanes;) {
        struct lane *l = LIST_OF(at, struct lane, link);
        size_t left = l->n;
        at = at->next;
        for (struct link *i = l->items.next; left > 0; left--) { /* with its last item the lane is gone */
            struct item *it = LIST_OF(i, struct item, link);
            i = i->next;
            if (it->r.id == id) {
                d->n_ready--;
                queue_item_free(q, it);
            }
        }
    }
}

void queue_forget_ready(struct queue *q, uint64_t id)
{
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(q->destinations, &cursor, &name, &value)) {
        forget_message(q, value, id);
    }
}

static void note_destination(void *arg, struct str name, int64_t next_ms)
{
    struct queue *q = arg;
    struct destination *d = queue_destination(q, name);
    d->next_ms = next_ms < d->next_ms ? next_ms : d->next_ms;
}

/* A wall clock that jumps: set back, mail would wait for the old time to come again; set forward, all of it
 * would be too old at once. */
static void watch_clock(struct queue *q, int64_t now)
{
    int64_t mono = clock_mono_ms();
    int64_t jump = q->mono_ms ? (now - q->wall_ms) - (mono - q->mono_ms) : 0;
    q->wall_ms = now;
    q->mono_ms = mono;
    if (jump > JUMP_MS) {
        q->trust_clock_mono_ms = mono + DISTRUST_MS;
        log_warn("clock-jumped", KVN("forward-ms", jump), KV("what", "no mail is given up because of its age for an hour"));
    } else if (jump < -JUMP_MS) {
        log_warn("clock-jumped", KVN("back-ms", -jump), KV("what", "everything that waits is looked at anew"));
        store_clamp_next(q->store, now + child_conf(q->child)->queue.retry_max);
        size_t cursor = 0;
        struct str name;
        void *value;
        while (map_next(q->destinations, &cursor, &name, &value)) {
            ((struct destination *)value)->next_ms = now + child_conf(q->child)->queue.retry_max; /* as the rows now say */
        }
    }
}

/* Wakes destinations whose time has come; sets the timer for the next. */
static void on_tick(void *arg)
{
    struct queue *q = arg;
    int64_t now = clock_wall_ms(), soonest = now + 10000;
    watch_clock(q, now);
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(q->destinations, &cursor, &name, &value)) {
        struct destination *d = value;
        d->pause_ms = d->pause_ms > now + LONGEST_PAUSE_MS ? now : d->pause_ms; /* the clock was set back */
        if (d->pause_ms > 0 && d->pause_ms <= now) {
            d->pause_ms = 0;
            d->failures = d->failures > 0 && d->n_ready == 0 && d->in_flight == 0 ? d->failures - 1 : d->failures;
            queue_pump_soon(q, d);
        }
        if (d->next_ms <= now) {
            d->next_ms = INT64_MAX;
            d->more_in_store = true;
            queue_pump_soon(q, d);
        } else if (d->next_ms < soonest) {
            soonest = d->next_ms;
        }
        soonest = d->pause_ms > now && d->pause_ms < soonest ? d->pause_ms : soonest;
    }
    int64_t keep_ms = child_conf(q->child)->queue.report_retention;
    store_expire(q->store, now - keep_ms, EXPIRE_BATCH);
    q->bounces_due = true; /* those that could not be written before */
    queue_notice_start(q);
    choices_tick(q);
    pickup_tick(q);
    visits_tick(q);
    proofs_tick(q);
    queue_check_space(q);
    tick_within(q, soonest - now, TICK_MS);
}

static void on_loaded(void *arg, enum store_result result)
{
    struct queue *q = arg;
    if (result != STORE_OK) {
        log_error("queue-not-loaded", KV("what", "the destinations cannot be read; ending to try again"));
        exit(1);
    }
    timer_start(q->tick, 0);
}

void queue_load(struct queue *q)
{
    q->tick = timer_new(child_loop(q->child), on_tick, q);
    q->bounces_due = true;
    store_each_next_hop(q->store, note_destination, on_loaded, q);
}

/* One walk over the open recipients after the configuration changed. */
struct reroute {
    struct queue *q;
    size_t n;
};

static void reroute_one(void *arg, const struct store_rcpt *r)
{
    struct reroute *w = arg;
    struct route route;
    rules_route(child_conf(w->q->child), STR(""), r->forward_path, &route);
    if (r->next_hop.n > 0 && !str_eq(r->next_hop, STR(INSPECT_HOP)) && !str_eq(r->next_hop, STR(PORTAL_HOP)) && !str_eq(r->next_hop, domain_str(&route.next_hop))) {
        store_set_next_hop(w->q->store, r->rcpt, domain_str(&route.next_hop));
        struct destination *d = queue_destination(w->q, domain_str(&route.next_hop));
        queue_retry_at(w->q, d, r->next_ms);
        w->n++;
    }
}

static void rerouted(void *arg, enum store_result result)
{
    struct reroute *w = arg;
    if (w->n > 0 || result != STORE_OK) {
        log_notice("rerouted", KVN("recipients", w->n), KVN("result", result));
    }
    free(w);
}

/* After a change of inside domains or smart host: stored recipients take the new way. */
void queue_reroute(struct queue *q)
{
    struct reroute *w = err_calloc(1, sizeof *w);
    w->q = q;
    store_list(q->store, RCPT_STATE_END, UINT32_MAX >> 1, NULL, reroute_one, rerouted, w);
}
