/* SPDX-License-Identifier: Apache-2.0
 * schedule.c: which recipient is tried when. Destinations with something due are pumped at the
 * end of a turn; each has its own limit of deliveries at once, so that a slow one holds up nobody
 * else.
 *
 * Due recipients are read from the store in batches; fresh ones go from their commit straight into
 * memory. Everything here can be lost: at start it is read from the store again.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"

#include <stdlib.h>

enum { TICK_MS = 200, EXPIRE_BATCH = 200 };

struct destination *queue_destination(struct queue *q, struct str name)
{
    struct destination *d = map_get(q->destinations, name);
    if (d) {
        return d;
    }
    d = err_calloc(1, sizeof *d);
    d->name = str_dup(name);
    d->next_ms = INT64_MAX;
    list_init(&d->ready);
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

void queue_item_free(struct queue *q, struct item *it)
{
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
    it->r.reverse_path = keep(&it->text, hot ? hot->m.reverse_path : r->reverse_path);
    it->hot = hot;
    if (hot) {
        hot->refs++;
    }
    must(map_put(q->leased, map_id(&it->r.rcpt), it) == 0);
    list_append(&d->ready, &it->link);
    d->n_ready++;
}

void queue_ready(struct queue *q, const struct store_rcpt *r, struct hot *hot)
{
    struct destination *d = queue_destination(q, r->next_hop);
    if (d->more_in_store || d->n_ready >= READY_MAX) {
        d->more_in_store = true; /* behind those that wait longer */
    } else {
        add_item(q, d, r, hot);
    }
    queue_pump_soon(q, d);
}

void queue_retry_at(struct queue *q, struct destination *d, int64_t next_ms)
{
    if (next_ms < d->next_ms) {
        d->next_ms = next_ms;
    }
    int64_t wait = next_ms - clock_wall_ms();
    if (wait < TICK_MS * 5) {
        timer_start(q->tick, wait > TICK_MS ? wait : TICK_MS);
    }
}

/* One reading of due recipients of a destination. */
struct refill {
    struct queue *q;
    struct destination *d;
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
    f->d->more_in_store = f->n == f->max;
    if (result != STORE_OK) {
        queue_retry_at(f->q, f->d, clock_wall_ms() + 5000);
    }
    queue_pump_soon(f->q, f->d);
    free(f);
}

static void refill(struct queue *q, struct destination *d)
{
    struct refill *f = err_calloc(1, sizeof *f);
    *f = (struct refill){q, d, 0, REFILL + (unsigned)d->n_ready + d->in_flight * JOB_RCPTS_MAX};
    d->more_in_store = false;
    d->reading = true;
    store_each_due(q->store, str_c(d->name), clock_wall_ms(), f->max, refill_one, refill_done, f);
}

/* Moves the first recipient and those of the same message behind it into `job`. */
static void gather(struct queue *q, struct destination *d, struct link *job)
{
    struct route first_route, route;
    size_t n = 0;
    uint64_t id = 0;
    for (struct link *at = d->ready.next; at != &d->ready && n < JOB_RCPTS_MAX;) {
        struct item *it = LIST_OF(at, struct item, link);
        at = at->next;
        rules_route(child_conf(q->child), it->r.reverse_path, it->r.forward_path, n ? &route : &first_route);
        if (n && (it->r.id != id || !rules_same(&route, &first_route))) {
            break;
        }
        id = it->r.id;
        list_remove(&it->link);
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

static void pump_destination(struct queue *q, struct destination *d)
{
    unsigned limit = (unsigned)child_conf(q->child)->queue.concurrency;
    while (d->in_flight < limit && queue_can_send(q) && !is_busy(q)) {
        if (list_empty(&d->ready) && d->more_in_store && !d->reading) {
            refill(q, d);
        }
        if (list_empty(&d->ready)) {
            break;
        }
        struct link items;
        list_init(&items);
        gather(q, d, &items);
        queue_job_start(q, d, &items);
    }
    if (d->in_flight == 0 && d->n_ready == 0 && !d->more_in_store && !d->reading && d->next_ms == INT64_MAX &&
        !list_linked(&d->due_link)) {
        destination_drop(q, d);
    }
}

void queue_pump(struct queue *q)
{
    if (!queue_can_send(q) || q->stopping) {
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

void queue_forget_ready(struct queue *q, uint64_t id)
{
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(q->destinations, &cursor, &name, &value)) {
        struct destination *d = value;
        for (struct link *at = d->ready.next; at != &d->ready;) {
            struct item *it = LIST_OF(at, struct item, link);
            at = at->next;
            if (it->r.id == id) {
                d->n_ready--;
                queue_item_free(q, it);
            }
        }
    }
}

static void note_destination(void *arg, struct str name, int64_t next_ms)
{
    struct queue *q = arg;
    struct destination *d = queue_destination(q, name);
    d->next_ms = next_ms < d->next_ms ? next_ms : d->next_ms;
}

/* Wakes destinations whose time has come; sets the timer for the next. */
static void on_tick(void *arg)
{
    struct queue *q = arg;
    int64_t now = clock_wall_ms(), soonest = now + 10000;
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(q->destinations, &cursor, &name, &value)) {
        struct destination *d = value;
        if (d->next_ms <= now) {
            d->next_ms = INT64_MAX;
            d->more_in_store = true;
            queue_pump_soon(q, d);
        } else if (d->next_ms < soonest) {
            soonest = d->next_ms;
        }
    }
    int64_t keep_ms = child_conf(q->child)->queue.report_retention;
    store_expire(q->store, now - keep_ms, EXPIRE_BATCH);
    q->bounces_due = true; /* those that could not be written before */
    queue_notice_start(q);
    queue_check_space(q);
    timer_start(q->tick, soonest - now > TICK_MS ? soonest - now : TICK_MS);
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
    if (!str_eq(r->next_hop, str_c(route.next_hop))) {
        store_set_next_hop(w->q->store, r->rcpt, str_c(route.next_hop));
        struct destination *d = queue_destination(w->q, str_c(route.next_hop));
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
