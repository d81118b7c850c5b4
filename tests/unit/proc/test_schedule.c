/* SPDX-License-Identifier: Apache-2.0
 * test_schedule.c: the scheduler's glue in queue (schedule.c, expiry.c, overdue.c) over a real
 * store, with scripted clocks, one scripted timer, and deliveries that end at once. What is
 * decided when is tested by tests/world/schedule.txt.
 */
#include "base/clock.h"
#include "check.h"
#include "proc/queue/pickup/proofs.h"
#include "proc/queue/queue.h"
#include "late_store.h"
#include "proc/queue/pickup/visits.h"
#include "wire/id.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char conf_text[] = "hostname mx.example.test;\nstore sqlite /nowhere;\nqueue { "
                                "first-retry 4s; longest-retry 1h; lifetime 1h; }\n"
                                "inside { domains in.test; networks 192.0.2.0/24; deliver-to "
                                "x.in.test; }\nlisten smtp { address 192.0.2.1:25; }\n";

static struct {
    struct queue q;
    struct conf *conf;
    int64_t wall_ms, mono_ms, tick_ms; /* tick_ms: when the timer runs; 0: it does not */
    loop_fn on_tick;
    void *tick_arg;
    bool can_send;
    int64_t defer_ms; /* what deliveries say: come back then; 0: taken */
    unsigned started, jobs, alarms, notice_ends;
    bool exceptions_differ;
    bool hold; /* a delivery stays under way; held and its destination are it */
    struct item *held;
    struct sched_destination *held_at;
    char last_at[128]; /* where the last delivery went */
    char dir[64];
} t;

/* --- what stands around the glue ---------------------------------------- */

int64_t clock_wall_ms(void)
{
    return t.wall_ms;
}

int64_t clock_mono_ms(void)
{
    return t.mono_ms;
}

int64_t clock_mono_us(void)
{
    return t.mono_ms * 1000;
}

struct timer *timer_new(struct loop *l, loop_fn fn, void *arg)
{
    t.on_tick = fn;
    t.tick_arg = arg;
    return (struct timer *)&t;
}

void timer_start(struct timer *timer, int64_t ms)
{
    t.tick_ms = t.mono_ms + ms;
}

bool timer_is_running(const struct timer *timer)
{
    return t.tick_ms > 0;
}

struct loop *child_loop(struct child *c)
{
    return NULL;
}

const struct conf *child_conf(const struct child *c)
{
    return t.conf;
}

void alarms_copy_ended(struct queue *q, const struct store_rcpt *r)
{
}

bool exceptions_same(const struct queue *q, struct domain_name a, struct domain_name b)
{
    return !t.exceptions_differ || domain_eq(a, b);
}

bool queue_can_send(const struct queue *q)
{
    return t.can_send;
}

void queue_commit(struct queue *q)
{
    store_flush(q->store);
}

unsigned inspect_free(const struct queue *q)
{
    return 2;
}

struct cached *inspect_awaited(const struct queue *q, uint64_t id)
{
    return NULL;
}

void queue_bounce_start(struct queue *q)
{
}

void queue_notice_start(struct queue *q)
{
}

void queue_tick(struct queue *q)
{
}

void choices_tick(struct queue *q)
{
}

void queue_cached_release(struct queue *q, struct cached *h)
{
}

void metrics_count(struct queue *q, const struct store_rcpt *r, enum grade grade)
{
}

void pickup_notice_ended(struct queue *q, const struct store_rcpt *r)
{
    t.notice_ends++;
}

void alarms_raise(struct queue *q, struct domain_name domain, enum alarm_kind kind,
                  const char *detail)
{
    assert_int_equal(kind, ALARM_OVERDUE);
    t.alarms++;
}

/* A delivery that is over at once. */
void queue_job_start(struct queue *q, struct sched_destination *d, struct link *items)
{
    t.jobs++;
    snprintf(t.last_at, sizeof t.last_at, "%s", d->name);
    if (t.hold) {
        t.held = LIST_OF(items->next, struct item, place.link);
        t.held_at = d;
        list_remove(&t.held->place.link);
        return;
    }
    while (!list_empty(items)) {
        struct item *it = LIST_OF(items->next, struct item, place.link);
        struct store_rcpt *r = &it->r;
        t.started++;
        r->attempts++;
        r->state = t.defer_ms && r->attempts == 1 ? RCPT_QUEUED : RCPT_DELIVERED;
        r->next_ms = t.wall_ms + t.defer_ms * (int64_t)r->rcpt;
        store_outcome(q->store, r);
        if (r->state == RCPT_QUEUED) {
            queue_retry_at(q, d, r->next_ms);
        }
        queue_item_free(q, it);
    }
    sched_ended(&q->schedule.engine, d);
}

/* --- doing -------------------------------------------------------------- */

static int setup(void **state)
{
    struct buf problems = BUF_INIT(4000);
    char problem[256];
    memset(&t, 0, sizeof t);
    t.wall_ms = 1790000000000;
    t.mono_ms = 1000000;
    t.can_send = true;
    snprintf(t.dir, sizeof t.dir, "/tmp/postern-schedule-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    if (conf_parse(str_c(conf_text), "t", &problems, &t.conf) < 0) {
        fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
    }
    buf_free(&problems);
    assert_int_equal(store_open(t.dir, problem, sizeof problem, &t.q.store), 0);
    late_begin(t.q.store);
    t.q.delivery.jobs = map_new(1000);
    t.q.schedule.leased = map_new(100000);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {
        "postern.db", "postern.db-wal", "postern.db-shm", "journal-0", "journal-1", "journal-mark",
    };
    char path[128];
    size_t cursor = 0;
    struct str key;
    void *value;
    store_finish(t.q.store);
    while (map_next(t.q.schedule.leased, &cursor, &key, &value)) {
        queue_item_free(&t.q, value);
        cursor = 0;
    }
    store_close(t.q.store);
    sched_free(&t.q.schedule.engine);
    map_free(t.q.delivery.jobs);
    map_free(t.q.schedule.leased);
    conf_free(t.conf);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", t.dir, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/spool", t.dir);
    rmdir(path);
    return rmdir(t.dir);
}

/* A message that is in the store only, to so many recipients. */
static void add(uint64_t n, const char *sender, const char *hop, unsigned n_rcpts)
{
    struct store_rcpt rcpts[300];
    const struct store_message m = {
        .id = id_make(t.wall_ms, 1, (unsigned)n),
        .reverse_path = str_c(sender),
        .arrived_ms = t.wall_ms,
        .size = 5,
        .sealed_key = STR("key"),
        .body = STR("sealed"),
    };
    for (unsigned i = 0; i < n_rcpts; i++) {
        rcpts[i] = (struct store_rcpt){
            .forward_path = STR("x@one.test"),
            .next_hop = str_c(hop),
            .next_ms = t.wall_ms,
        };
    }
    store_enqueue(t.q.store, &m, rcpts, n_rcpts, NULL, 0, NULL, NULL);
}

/* As main.c has it; of a late store, as many turns as it takes. */
static void turn(void)
{
    do {
        (void)store_turn(t.q.store);
        store_flush(t.q.store);
        do {
            queue_pump(&t.q);
        } while (store_turn(t.q.store) > 0);
        store_flush(t.q.store);
    } while (store_is_asked(t.q.store));
}

static void load(void)
{
    queue_load(&t.q);
    store_finish(t.q.store);
}

static void run_for(int64_t ms)
{
    int64_t end = t.mono_ms + ms;
    turn();
    while (t.tick_ms > 0 && t.tick_ms <= end) {
        t.wall_ms += t.tick_ms - t.mono_ms;
        t.mono_ms = t.tick_ms;
        t.tick_ms = 0;
        t.on_tick(t.tick_arg);
        turn();
    }
    t.wall_ms += end - t.mono_ms;
    t.mono_ms = end;
}

struct counted {
    unsigned n, expired, bounced;
};

static void count(void *arg, const struct store_rcpt *r)
{
    struct counted *c = arg;
    c->n++;
    c->bounced += r->bounced;
}

static struct counted in_state(enum rcpt_state state)
{
    struct counted c = {0};
    assert_int_equal(store_list(t.q.store, state, 10000, NULL, count, &c), STORE_OK);
    return c;
}

static void run_without_an_outcome(int64_t ms)
{
    t.can_send = false;
    run_for(ms);
}

/* --- tests -------------------------------------------------------------- */

static void put_off_at_different_times(void **state)
{
    for (unsigned i = 1; i <= 5; i++) {
        add(i, i % 2 ? "a@in.test" : "b@in.test", "one.test", 1);
    }
    t.defer_ms = 4000; /* 4, 8, 12, 16, 20 s */
    load();
    run_for(1000);
    assert_int_equal(t.started, 5);
    for (unsigned i = 1; i <= 5; i++) {
        run_for(4000);
        assert_int_equal(t.started, 5 + i);
    }
    assert_int_equal(in_state(RCPT_QUEUED).n, 0);
    assert_int_equal(map_len(t.q.schedule.engine.destinations), 0);
}

/* Behind a relay: what an exception allows for one domain is not allowed for another in the same
 * delivery. */
static void an_exception_is_of_one_domain(void **state)
{
    const struct store_message m = {
        .id = id_make(t.wall_ms, 1, 1),
        .reverse_path = STR("a@in.test"),
        .arrived_ms = t.wall_ms,
        .size = 5,
        .sealed_key = STR("key"),
        .body = STR("sealed"),
    };
    const char *const paths[] = {"x@one.test", "x@two.test", "y@one.test"};
    struct store_rcpt rcpts[3];
    for (size_t i = 0; i < ARRAY_LEN(rcpts); i++) {
        rcpts[i] = (struct store_rcpt){
            .forward_path = str_c(paths[i]),
            .next_hop = STR("=relay"),
            .next_ms = t.wall_ms,
        };
    }
    t.exceptions_differ = true;
    store_enqueue(t.q.store, &m, rcpts, ARRAY_LEN(rcpts), NULL, 0, NULL, NULL);
    load();
    run_for(1000);
    assert_int_equal(t.started, 3);
    assert_true(t.jobs > 1);
}

/* Recipients whose routes differ: a message is inspected once, and so the answer for the client
 * is one for all of them. */
static void a_message_is_inspected_once(void **state)
{
    const struct store_message m = {
        .id = id_make(t.wall_ms, 1, 1),
        .reverse_path = STR("a@in.test"),
        .arrived_ms = t.wall_ms,
        .size = 5,
        .sealed_key = STR("key"),
        .body = STR("sealed"),
    };
    const char *const paths[] = {"x@one.test", "y@in.test", "x@two.test"};
    struct store_rcpt rcpts[3];
    for (size_t i = 0; i < ARRAY_LEN(rcpts); i++) {
        rcpts[i] = (struct store_rcpt){
            .forward_path = str_c(paths[i]),
            .next_hop = STR("=inspect"),
            .next_ms = t.wall_ms,
        };
    }
    t.exceptions_differ = true;
    store_enqueue(t.q.store, &m, rcpts, ARRAY_LEN(rcpts), NULL, 0, NULL, NULL);
    load();
    run_for(1000);
    assert_int_equal(t.started, 3);
    assert_int_equal(t.jobs, 1);
}

/* The smart host was taken out of the configuration during a delivery that fails: the rest goes
 * by MX. */
static void a_new_way_for_what_is_under_way(void **state)
{
    add(1, "a@in.test", "=relay", 1);
    t.hold = true;
    load();
    run_for(1000);
    assert_non_null(t.held);
    assert_string_equal(t.last_at, "=relay");
    queue_reroute(&t.q);
    store_flush(t.q.store);
    t.hold = false;
    struct store_rcpt *r = &t.held->r;
    r->attempts++;
    r->state = RCPT_QUEUED;
    r->next_ms = t.wall_ms + 4000;
    store_outcome(t.q.store, r);
    queue_retry_at(&t.q, queue_destination(&t.q, r->next_hop), r->next_ms);
    queue_item_free(&t.q, t.held);
    sched_ended(&t.q.schedule.engine, t.held_at);
    run_for(6000);
    assert_int_equal(t.started, 1);
    assert_string_equal(t.last_at, "one.test");
}

/* As submit.c does once a message is durable. */
static void on_durable(void *arg, enum store_result result)
{
    assert_int_equal(result, STORE_OK);
    /* a late store says so when it has been read already */
    assert_true(getenv("POSTERN_LATE") || t.started == 0);
    queue_ready(&t.q, arg, NULL);
}

/* A reading while a batch gathers: nobody was promised what is in it, so it is not handed out
 * before it is durable, and not twice. Found by ten minutes at 600 messages a second
 * (docs/queue.md). */
static void what_is_not_durable_is_not_read(void **state)
{
    const struct store_message m = {
        .id = id_make(t.wall_ms, 1, 2),
        .reverse_path = STR("b@in.test"),
        .arrived_ms = t.wall_ms,
        .size = 5,
        .sealed_key = STR("key"),
        .body = STR("sealed"),
    };
    struct store_rcpt r = {
        .forward_path = STR("y@one.test"),
        .next_hop = STR("one.test"),
        .next_ms = t.wall_ms,
        .reverse_path = STR("b@in.test"),
    };
    add(1, "a@in.test", "one.test", 1);
    store_flush(t.q.store);
    load();
    store_enqueue(t.q.store, &m, &r, 1, NULL, 0, on_durable, &r);
    r.id = m.id;
    queue_pump(&t.q);
    run_for(10000);
    assert_int_equal(t.started, 2);
    assert_int_equal(in_state(RCPT_DELIVERED).n, 2);
}

static void more_than_one_reading(void **state)
{
    for (unsigned i = 1; i <= 10; i++) {
        add(i, "a@in.test", "one.test", 250);
    }
    load();
    run_for(30000);
    assert_int_equal(t.started, 2500);
}

static void too_old_without_an_attempt(void **state)
{
    add(1, "a@in.test", "one.test", 3);
    add(2, "", "one.test", 1);
    load();
    run_without_an_outcome(59 * 60 * 1000);
    assert_int_equal(in_state(RCPT_EXPIRED).n, 0);
    run_without_an_outcome(3 * 60 * 1000);
    assert_int_equal(in_state(RCPT_EXPIRED).n, 4);
    /* RFC 5321 4.5.5: nobody is told of the null reverse-path's */
    assert_int_equal(in_state(RCPT_EXPIRED).bounced, 1);
    assert_int_equal(t.notice_ends, 1);
    assert_true(t.q.delivery.bounces_due);
    assert_int_equal(t.started, 0);
}

static void not_because_the_clock_was_set(void **state)
{
    add(1, "a@in.test", "one.test", 1);
    load();
    run_without_an_outcome(20 * 60 * 1000);
    t.wall_ms += 24 * 60 * 60 * 1000LL;
    run_without_an_outcome(50 * 60 * 1000);
    assert_int_equal(in_state(RCPT_EXPIRED).n, 0);
    run_without_an_outcome(20 * 60 * 1000);
    assert_int_equal(in_state(RCPT_EXPIRED).n, 1);
}

static void set_back(void **state)
{
    add(1, "a@in.test", "one.test", 1);
    t.defer_ms = 10 * 60 * 1000;
    load();
    run_for(5 * 60 * 1000);
    assert_int_equal(t.started, 1);
    t.wall_ms -= 24 * 60 * 60 * 1000LL;
    run_for(6 * 60 * 1000);
    assert_int_equal(t.started, 2);
}

/* Somebody changes a row and tells nobody: the standing look finds it. */
static void what_is_forgotten_is_woken(void **state)
{
    add(1, "a@in.test", "one.test", 7);
    add(2, "a@in.test", "two.test", 1);
    store_set_state(t.q.store, id_make(t.wall_ms, 1, 1), RCPT_QUEUED, RCPT_HELD, 0, 0);
    load();
    run_for(1000);
    assert_int_equal(t.started, 1);
    store_set_state(t.q.store, id_make(t.wall_ms - 1000, 1, 1), RCPT_HELD, RCPT_QUEUED, t.wall_ms,
                    0);
    run_for(40000);
    assert_int_equal(t.alarms, 1);
    assert_int_equal(t.q.schedule.overdue.mended, 7);
    assert_int_equal(t.started, 8);
    overdue_look(&t.q);
    assert_int_equal(t.q.schedule.overdue.now, 0);
    assert_int_equal(t.q.schedule.overdue.mended, 7);
}

/* Three that are due, and whose row was changed without a word to the scheduler; retries are ten
 * minutes apart. */
static void forget_three(void)
{
    t.conf->queue.first_retry = 10 * 60 * 1000;
    add(1, "a@in.test", "one.test", 3);
    store_set_state(t.q.store, id_make(t.wall_ms, 1, 1), RCPT_QUEUED, RCPT_HELD, 0, 0);
    load();
    run_for(1000);
    store_set_state(t.q.store, id_make(t.wall_ms - 1000, 1, 1), RCPT_HELD, RCPT_QUEUED, t.wall_ms,
                    0);
}

/* Asked for the state, it is seen after seconds, whatever first-retry: the live tests ask at the
 * end of each. */
static void what_is_forgotten_is_seen_when_asked(void **state)
{
    forget_three();
    run_for(4000);
    overdue_look(&t.q);
    run_for(10);
    assert_int_equal(t.q.schedule.overdue.mended, 0);
    run_for(1500);
    overdue_look(&t.q);
    run_for(10);
    assert_int_equal(t.q.schedule.overdue.mended, 3);
    assert_int_equal(t.alarms, 1);
    run_for(1000);
    assert_int_equal(t.started, 3);
}

/* Overdue, as what they need was away, and put back for a moment (inspect_send() while `keys`
 * starts): that is not forgotten. Seen in live/test_stalls: an alarm ten milliseconds after
 * `keys` came back. */
static void what_is_put_back_for_a_moment_is_not_forgotten(void **state)
{
    forget_three();
    run_for(6000);
    queue_retry_at(&t.q, queue_destination(&t.q, STR("one.test")), t.wall_ms + 1000);
    overdue_look(&t.q);
    run_for(10);
    assert_int_equal(t.q.schedule.overdue.mended, 0);
    assert_int_equal(t.alarms, 0);
    run_for(1500);
    assert_int_equal(t.started, 3);
}

/* What waits for a reason is not woken, and nobody is alarmed. */
static void what_waits_for_a_reason(void **state)
{
    add(1, "a@in.test", "one.test", 7);
    load();
    run_without_an_outcome(10 * 60 * 1000);
    assert_int_equal(t.alarms, 0);
    assert_int_equal(t.q.schedule.overdue.mended, 0);
    t.can_send = true;
    sched_pump_all(&t.q.schedule.engine);
    run_for(1000);
    assert_int_equal(t.started, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(put_off_at_different_times, setup, teardown),
        cmocka_unit_test_setup_teardown(a_message_is_inspected_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_exception_is_of_one_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_way_for_what_is_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_one_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_durable_is_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(too_old_without_an_attempt, setup, teardown),
        cmocka_unit_test_setup_teardown(not_because_the_clock_was_set, setup, teardown),
        cmocka_unit_test_setup_teardown(set_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_woken, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_seen_when_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_put_back_for_a_moment_is_not_forgotten, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_waits_for_a_reason, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
