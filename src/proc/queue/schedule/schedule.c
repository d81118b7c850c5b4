/* SPDX-License-Identifier: Apache-2.0
 * schedule.c: the scheduler (sched/) at the store, the timers and the jobs of this process. What
 * is tried when is decided there; here what it asks for is read, handed out and remembered. RFC
 * 5321 4.5.4.1. Called by whoever changes what is due.
 *
 * Due recipients are read from the store in batches; fresh ones go from their commit straight
 * into memory. Everything here can be lost: at start it is read from the store again. What can
 * go wrong: the store cannot be read (tried again), the clock jumps.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/pickup/proofs.h"
#include "proc/queue/queue.h"
#include "proc/queue/pickup/visits.h"

#include <stdlib.h>

enum { TICK_MS = 200, PACE_MS = 20, LONGEST_TICK_MS = 10 * 1000, FORGET_BATCH = 200 };

struct sched_time queue_now(void)
{
    return (struct sched_time){.wall_ms = clock_wall_ms(), .mono_ms = clock_mono_ms()};
}

struct sched_means queue_means(const struct queue *q)
{
    return (struct sched_means){
        .can_send = queue_can_send(q),
        .inspectors = inspect_free(q),
        .under_way = map_len(q->delivery.jobs),
        .is_stopping = q->stopping,
    };
}

struct sched_destination *queue_destination(struct queue *q, struct str name)
{
    struct sched_destination *d = sched_destination(&q->schedule.engine, name);
    d->is_inspected = hop_is_inspected(hop_kind(name));
    return d;
}

void queue_pump_soon(struct queue *q, struct sched_destination *d)
{
    sched_pump(&q->schedule.engine, d);
}

uint32_t queue_fresh(struct queue *q)
{
    return arrivals_count(&q->schedule.arrivals, queue_now());
}

/* --- what it asks ------------------------------------------------------- */

static struct sched_own schedule_own_of(void *arg, struct str name)
{
    const struct queue *q = arg;
    const struct conf_rule *p = conf_partner_for(child_conf(q->child), domain_kept(name));
    return (struct sched_own){.concurrency = p ? (unsigned)p->concurrency : UINT32_MAX,
                              .rate = p ? (unsigned)p->rate : SCHED_RATE_FREE};
}

/* In one job: one delivery, or one inspection, which looks at a message once for all who wait
 * for that. */
static bool goes_with(void *arg, const struct sched_item *first_place,
                      const struct sched_item *next_place)
{
    const struct queue *q = arg;
    const struct conf *c = child_conf(q->child);
    const struct store_rcpt *first = &((const struct item *)first_place)->r,
                            *next = &((const struct item *)next_place)->r;
    struct route a, b;
    if (hop_kind(next->next_hop) == HOP_INSPECT) {
        return next->id == first->id;
    }
    if (next->id != first->id || !str_eq(next->protection, first->protection)) {
        return false;
    }
    rules_route(c, first->reverse_path, first->forward_path, &a);
    rules_route(c, next->reverse_path, next->forward_path, &b);
    return rules_same(&a, &b) &&
           exceptions_same(q, domain_of(first->forward_path), domain_of(next->forward_path));
}

/* The configuration in force, once after each change. */
static void use_rules(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    if (q->schedule.scheduled_by != c) {
        q->schedule.scheduled_by = c;
        sched_rules_set(&q->schedule.engine, &(struct sched_rules){
                                                 .concurrency = (unsigned)c->queue.concurrency,
                                                 .deliveries = (unsigned)c->queue.deliveries,
                                                 .longest_pause = c->queue.first_retry,
                                             });
    }
}

/* --- in memory ---------------------------------------------------------- */

void queue_item_free(struct queue *q, struct item *it)
{
    sched_remove(&q->schedule.engine, &it->place);
    arrivals_end(&q->schedule.arrivals, queue_now(), it->fresh_since);
    map_take(q->schedule.leased, map_id(&it->r.rcpt));
    queue_cached_release(q, it->cached);
    arena_reset(&it->text);
    free(it);
}

static struct str schedule_keep(struct arena *a, struct str s)
{
    struct str copy = STR("");
    must(arena_copy(a, s, &copy) == 0);
    return copy;
}

static void add_item(struct queue *q, struct sched_destination *d, const struct store_rcpt *r,
                     struct cached *cached)
{
    struct item *it = err_calloc(1, sizeof *it);
    it->text = ARENA_INIT(64 * 1024);
    it->r = *r;
    it->r.forward_path = schedule_keep(&it->text, r->forward_path);
    it->r.next_hop = schedule_keep(&it->text, r->next_hop);
    it->r.orcpt = schedule_keep(&it->text, r->orcpt);
    it->r.code = schedule_keep(&it->text, r->code);
    it->r.reply = schedule_keep(&it->text, r->reply);
    it->r.host = schedule_keep(&it->text, r->host);
    it->r.protection = schedule_keep(&it->text, r->protection);
    it->r.reverse_path =
        schedule_keep(&it->text, cached ? cached->m.reverse_path : r->reverse_path);
    it->cached = cached;
    if (cached) {
        cached->refs++;
        it->fresh_since = d->is_inspected ? 0 : arrivals_add(&q->schedule.arrivals, queue_now());
    }
    must(map_put(q->schedule.leased, map_id(&it->r.rcpt), it) == 0);
    sched_add(&q->schedule.engine, d, it->r.reverse_path, &it->place);
}

void queue_ready(struct queue *q, const struct store_rcpt *r, struct cached *cached)
{
    struct sched_destination *d = queue_destination(q, r->next_hop);
    if (map_get(q->schedule.leased, map_id(&r->rcpt))) {
        return; /* durable, and read before that was told */
    }
    if (sched_has_place(&q->schedule.engine, d, cached ? cached->m.reverse_path : r->reverse_path,
                        clock_wall_ms())) {
        add_item(q, d, r, cached);
    }
}

void queue_forget_ready(struct queue *q, uint64_t rcpt)
{
    struct item *it = map_get(q->schedule.leased, map_id(&rcpt));
    if (it && it->place.lane) {
        queue_item_free(q, it);
    }
}

/* --- from the store ----------------------------------------------------- */

/* The next tick comes within wait_ms, or when it was to come anyway. */
static void tick_within(struct queue *q, int64_t wait_ms, int64_t least_ms)
{
    wait_ms = wait_ms > least_ms ? wait_ms : least_ms;
    if (clock_mono_ms() + wait_ms < q->schedule.tick_at_ms || !timer_is_running(q->schedule.tick)) {
        q->schedule.tick_at_ms = clock_mono_ms() + wait_ms;
        timer_start(q->schedule.tick, wait_ms);
    }
}

void queue_retry_at(struct queue *q, struct sched_destination *d, int64_t next_ms)
{
    int64_t wait = next_ms - clock_wall_ms();
    sched_due_at(&q->schedule.engine, d, next_ms);
    tick_within(q, wait < LONGEST_TICK_MS ? wait : LONGEST_TICK_MS, TICK_MS);
}

void queue_retry_now(struct queue *q, struct sched_destination *d)
{
    sched_retry_now(&q->schedule.engine, d, clock_wall_ms());
}

/* One reading of due recipients of a destination, and of when the next of the others is due. */
struct refill {
    struct queue *q;
    struct sched_destination *d;
    struct sched_time at;
    unsigned n, added, max;
    int64_t next_ms;
};

static void refill_one(void *arg, const struct store_rcpt *r)
{
    struct refill *f = arg;
    f->n++;
    if (!map_get(f->q->schedule.leased, map_id(&r->rcpt))) {
        /* it was under way before, or there was no place for it */
        add_item(f->q, f->d, r, inspect_awaited(f->q, r->id));
        f->added++;
    }
}

static void refill_next(void *arg, struct str name, int64_t next_ms)
{
    ((struct refill *)arg)->next_ms = next_ms;
}

static void refill_done(void *arg, enum store_result result)
{
    struct refill *f = arg;
    if (result == STORE_OK) {
        sched_read(&f->q->schedule.engine, f->d, f->at, f->n == f->max, f->added, f->next_ms);
    } else {
        sched_read_failed(&f->q->schedule.engine, f->d, f->at);
    }
    tick_within(f->q, sched_wait(f->d, queue_now(), LONGEST_TICK_MS), TICK_MS);
    free(f);
}

static void refill_read(void *arg, enum store_result result)
{
    struct refill *f = arg;
    if (result == STORE_OK && f->n < f->max) {
        store_read(f->q->store,
                   &(struct store_query){
                       .what = STORE_NEXT_DUE,
                       .text = str_c(f->d->name),
                       .ms = f->at.wall_ms,
                   },
                   &(struct store_rows){.arg = f, .next_hop = refill_next, .done = refill_done});
    } else {
        refill_done(f, result);
    }
}

static void refill(struct queue *q, struct sched_destination *d, struct sched_time at, unsigned max)
{
    struct refill *f = err_calloc(1, sizeof *f);
    *f = (struct refill){.q = q, .d = d, .at = at, .max = max, .next_ms = SCHED_NEVER};
    store_read(q->store,
               &(struct store_query){
                   .what = STORE_DUE,
                   .text = str_c(d->name),
                   .ms = at.wall_ms,
                   .max = max,
               },
               &(struct store_rows){.arg = f, .rcpt = refill_one, .done = refill_read});
}

/* --- handing out -------------------------------------------------------- */

/* RFC 5321 4.5.4.1 MUST NOT: a 5yz to MAIL says nothing about other messages */
void queue_learn(struct queue *q, struct sched_destination *d, bool reached)
{
    use_rules(q);
    sched_learn(&q->schedule.engine, d, queue_now(), reached);
    tick_within(q, sched_wait(d, queue_now(), LONGEST_TICK_MS), PACE_MS);
}

static void start_job(struct queue *q, struct sched_step *step)
{
    struct sched_destination *d = step->to;
    tick_within(q, sched_wait(d, queue_now(), LONGEST_TICK_MS), PACE_MS); /* its rate */
    queue_job_start(q, d, &step->items);
}

static void schedule_hand_out(struct queue *q)
{
    struct sched_step step;
    do {
        const struct sched_time now = queue_now();
        const struct sched_means means = queue_means(q);
        sched_next(&q->schedule.engine, now, &means, &step);
        switch (step.what) {
        case SCHED_IDLE:
            break;
        case SCHED_READS:
            refill(q, step.to, now, step.max);
            break;
        case SCHED_STARTS:
            start_job(q, &step);
            break;
        }
    } while (step.what != SCHED_IDLE);
}

void queue_pump(struct queue *q)
{
    use_rules(q);
    schedule_hand_out(q);
    if (q->delivery.bounces_due && !q->stopping) {
        queue_bounce_start(q);
    }
}

/* --- time --------------------------------------------------------------- */

bool queue_may_expire(const struct queue *q)
{
    return jump_is_trusted(&q->schedule.jump, queue_now());
}

/* Longer than that nothing was told to wait. */
static int64_t longest_wait(const struct queue *q)
{
    int64_t longest = child_conf(q->child)->queue.retry_max;
    return longest + longest / 10 + TICK_MS;
}

static void watch_clock(struct queue *q, struct sched_time now)
{
    int64_t by = jump_look(&q->schedule.jump, now);
    if (by > 0) {
        log_warn(
            "clock-jumped", KVN("forward-ms", by),
            KV("what",
               "for an hour nothing ends, is forgotten or is told to be late because of its age"));
    } else if (by < 0) {
        log_warn("clock-jumped", KVN("back-ms", -by),
                 KV("what", "what waits is due as much earlier"));
        store_set_back(q->store, now.wall_ms, -by, now.wall_ms + longest_wait(q));
        sched_set_back(&q->schedule.engine, -by, now.wall_ms + longest_wait(q));
    }
}

/* What ends, is forgotten or is told because of its age. After a jump forward nothing is: it may
 * be no older than a minute. */
static void end_by_age(struct queue *q, struct sched_time now)
{
    if (queue_may_expire(q)) {
        store_expire(q->store, now.wall_ms - child_conf(q->child)->queue.report_retention,
                     FORGET_BATCH);
        expiry_tick(q);
        queue_notice_start(q);
        choices_tick(q);
    }
}

/* Wakes destinations whose time has come; sets the timer for the next. */
static void schedule_on_tick(void *arg)
{
    struct queue *q = arg;
    struct sched_time now = queue_now();
    use_rules(q);
    watch_clock(q, now);
    queue_commit(q); /* what is read from here on, and told of, was promised */
    int64_t wait = sched_tick(&q->schedule.engine, now, LONGEST_TICK_MS);
    end_by_age(q, now);
    overdue_tick(q);
    queue_tick(q);
    tick_within(q, wait, TICK_MS);
}

static void note_destination(void *arg, struct str name, int64_t next_ms)
{
    struct queue *q = arg;
    sched_due_at(&q->schedule.engine, queue_destination(q, name), next_ms);
}

static void schedule_on_loaded(void *arg, enum store_result result)
{
    struct queue *q = arg;
    if (result != STORE_OK) {
        log_error("queue-not-loaded",
                  KV("what", "the destinations cannot be read; ending to try again"));
        exit(1);
    }
    timer_start(q->schedule.tick, 0);
}

void queue_load(struct queue *q)
{
    struct sched_time now = queue_now();
    sched_init(&q->schedule.engine, &(struct sched_ask){
                                        .arg = q,
                                        .own = schedule_own_of,
                                        .goes_with = goes_with,
                                    });
    use_rules(q);
    jump_start(&q->schedule.jump, now);
    q->schedule.tick = timer_new(child_loop(q->child), schedule_on_tick, q);
    q->delivery.bounces_due = true;
    overdue_start(q);
    /* it may have been set back meanwhile */
    store_set_back(q->store, now.wall_ms, 0, now.wall_ms + longest_wait(q));
    store_read(q->store, &(struct store_query){.what = STORE_NEXT_HOPS},
               &(struct store_rows){.arg = q,
                                    .next_hop = note_destination,
                                    .done = schedule_on_loaded});
}

/* --- another way -------------------------------------------------------- */

/* One walk over the open recipients after the configuration changed. */
struct reroute {
    struct queue *q;
    size_t n;
};

static bool is_routed(const struct store_rcpt *r)
{
    return r->next_hop.n > 0 && !hop_is_inspected(hop_kind(r->next_hop));
}

static void reroute_one(void *arg, const struct store_rcpt *r)
{
    struct reroute *w = arg;
    struct queue *q = w->q;
    struct route route;
    rules_route(child_conf(q->child), STR(""), r->forward_path, &route);
    if (!is_routed(r) || str_eq(r->next_hop, domain_str(&route.next_hop))) {
        return;
    }
    store_set_next_hop(q->store, r->rcpt, domain_str(&route.next_hop));
    queue_forget_ready(q, r->rcpt);
    struct item *it = map_get(q->schedule.leased, map_id(&r->rcpt));
    if (it) { /* under way: what is left of it afterwards takes the new way */
        it->r.next_hop = schedule_keep(&it->text, domain_str(&route.next_hop));
    }
    queue_retry_at(q, queue_destination(q, domain_str(&route.next_hop)), r->next_ms);
    w->n++;
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
    store_read(q->store,
               &(struct store_query){.what = STORE_LIST,
                                     .kind = RCPT_STATE_END,
                                     .max = UINT32_MAX >> 1},
               &(struct store_rows){.arg = w, .rcpt = reroute_one, .done = rerouted});
}
