/* SPDX-License-Identifier: Apache-2.0
 * test_jobs.c: what is handed out (job.c) over a real store: a notice about a refusal only once
 * that is promised, and which ends of workers count against a message.
 */
#include "base/clock.h"
#include "channels.h"
#include "check.h"
#include "proc/queue/queue.h"
#include "late_store.h"
#include "quiet.h"
#include "wire/id.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORKER = 1 };

static const char conf_text[] =
    "hostname mx.example.test;\nlisten smtp { address 192.0.2.1:25; }\n"
    "inside { domains in.test; networks 192.0.2.0/24; deliver-to x.in.test; }\n";

static struct {
    struct queue q;
    struct conf *conf;
    struct sched_destination *to;
    unsigned promised, retries, alarms, forgotten; /* forgotten: bits of recipients */
    char dir[64];
} t;

/* --- what stands around it ---------------------------------------------- */

struct loop *child_loop(struct child *c)
{
    return NULL;
}

const struct conf *child_conf(const struct child *c)
{
    return t.conf;
}

void queue_commit(struct queue *q)
{
    store_flush(q->store);
}

bool queue_can_send(const struct queue *q)
{
    return true;
}

bool queue_may_expire(const struct queue *q)
{
    return true;
}

unsigned worker_for(const struct queue *q, const struct sched_destination *d, uint64_t octets)
{
    return WORKER;
}

struct sched_destination *queue_destination(struct queue *q, struct str name)
{
    return t.to;
}

void queue_retry_at(struct queue *q, struct sched_destination *d, int64_t next_ms)
{
    t.retries++;
}

void queue_item_free(struct queue *q, struct item *it)
{
    list_remove(&it->place.link);
    map_take(q->schedule.leased, map_id(&it->r.rcpt));
    arena_reset(&it->text);
    free(it);
}

void queue_forget_ready(struct queue *q, uint64_t rcpt)
{
    t.forgotten |= 1u << rcpt;
}

struct ipc_channel *inspect_channel_of(const struct queue *q, const struct job *j)
{
    return NULL;
}

void inspect_send(struct job *j, const struct store_message *m, int spool)
{
    fail();
}

void alarms_raise(struct queue *q, struct domain_name domain, enum alarm_kind kind,
                  const char *detail)
{
    assert_int_equal(kind, ALARM_POISON);
    t.alarms++;
}

/* --- doing -------------------------------------------------------------- */

static int setup(void **state)
{
    struct buf problems = BUF_INIT(4000);
    char problem[256];
    memset(&t, 0, sizeof t);
    snprintf(t.dir, sizeof t.dir, "/tmp/postern-jobs-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    if (conf_parse(str_c(conf_text), "t", &problems, &t.conf) < 0) {
        fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
    }
    buf_free(&problems);
    assert_int_equal(store_open(t.dir, problem, sizeof problem, &t.q.store), 0);
    late_begin(t.q.store);
    t.q.delivery.jobs = map_new(1000);
    t.q.schedule.leased = map_new(1000);
    t.q.delivery.bouncing = map_new(1000);
    t.q.workers.takings[WORKER].idle_lives = &t.q.workers.idle_smtpout[WORKER];
    sched_init(&t.q.schedule.engine, &(struct sched_ask){0});
    t.to = sched_destination(&t.q.schedule.engine, STR("out.test"));
    return 0;
}

static void end_jobs(void)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(t.q.delivery.jobs, &cursor, &key, &value)) {
        queue_job_free(value);
        cursor = 0;
    }
}

static int teardown(void **state)
{
    char command[128];
    end_jobs();
    store_close(t.q.store);
    sched_free(&t.q.schedule.engine);
    map_free(t.q.delivery.jobs);
    map_free(t.q.schedule.leased);
    map_free(t.q.delivery.bouncing);
    conf_free(t.conf);
    snprintf(command, sizeof command, "rm -r %s", t.dir);
    return system(command);
}

static const struct store_message message = {
    .reverse_path = STR("a@in.test"),
    .size = 6,
    .sealed_key = STR("key"),
    .body = STR("sealed"),
};

static void on_durable(void *arg, enum store_result result)
{
    t.promised += result == STORE_OK;
}

/* A mail is refused for its recipient while older ones end: the reading of what senders are to
 * be told finds it in the batch that is not written yet, and whose writing may fail (then its
 * client hears 451 and sends it again). */
static void a_refusal_is_told_once_it_is_promised(void **state)
{
    struct store_message m = message;
    struct store_rcpt r = {
        .forward_path = STR("x@out.test"),
        .next_hop = STR("out.test"),
        .state = RCPT_FAILED,
    };
    m.id = id_make(clock_wall_ms(), 1, 1);
    t.q.delivery.bounces_due = true;
    queue_bounce_start(&t.q);
    store_enqueue(t.q.store, &m, &r, 1, NULL, 0, on_durable, NULL);
    assert_int_equal(map_len(t.q.delivery.jobs), 0); /* its sender is told of nothing before */
    store_finish(t.q.store);
    assert_int_equal(t.promised, 1);
    assert_int_equal(map_len(t.q.delivery.jobs), 1);
}

/* The same, when the disk is full. */
static void a_refusal_that_is_not_promised(void **state)
{
    struct store_message m = message;
    struct store_rcpt r = {
        .forward_path = STR("x@out.test"),
        .next_hop = STR("out.test"),
        .state = RCPT_FAILED,
    };
    m.id = id_make(clock_wall_ms(), 1, 1);
    late_use(t.q.store, 1);
    late_fail(0, 100);
    t.q.delivery.bounces_due = true;
    queue_bounce_start(&t.q);
    store_enqueue(t.q.store, &m, &r, 1, NULL, 0, on_durable, NULL);
    store_finish(t.q.store);
    assert_int_equal(late_failed(), 1);
    assert_int_equal(t.promised, 0);
    assert_int_equal(map_len(t.q.delivery.jobs), 0);
}

static void count_state(void *arg, const struct store_rcpt *r)
{
    unsigned *n = arg;
    n[r->state]++;
}

static void note_deaths(void *arg, const struct store_message *m)
{
    *(uint32_t *)arg = m->deaths;
}

/* A delivery of that message to the worker; true: the worker says that it has it, as its first
 * word. */
static void hand_out(uint64_t id, bool taken)
{
    struct item *it = err_calloc(1, sizeof *it);
    struct link items;
    size_t cursor = 0;
    struct str key;
    void *value = NULL;
    list_init(&items);
    it->text = ARENA_INIT(1024);
    it->r = (struct store_rcpt){
        .id = id,
        .rcpt = 1,
        .forward_path = STR("x@out.test"),
        .next_hop = STR("out.test"),
    };
    list_append(&items, &it->place.link);
    assert_int_equal(map_put(t.q.schedule.leased, map_id(&it->r.rcpt), it), 0);
    t.to->in_flight++;
    queue_job_start(&t.q, t.to, &items);
    store_finish(t.q.store);
    assert_true(map_next(t.q.delivery.jobs, &cursor, &key, &value));
    ((struct job *)value)->taken = taken;
}

/* Two that ended before they read what they were sent, or that had ended already; then two that
 * had it. */
static void who_never_had_it_did_not_die_of_it(void **state)
{
    struct store_message m = message;
    struct store_rcpt r = {
        .forward_path = STR("x@out.test"),
        .next_hop = STR("out.test"),
        .state = RCPT_QUEUED,
    };
    static const uint32_t counted[] = {0, 0, 0, 1, 2};
    m.id = id_make(clock_wall_ms(), 1, 2);
    store_enqueue(t.q.store, &m, &r, 1, NULL, 0, NULL, NULL);
    store_flush(t.q.store);
    for (unsigned i = 0; i < ARRAY_LEN(counted); i++) {
        unsigned states[RCPT_STATE_END] = {0};
        uint32_t deaths = 99;
        hand_out(m.id, i >= 3);
        queue_worker_gone(&t.q, WORKER + 1);
        assert_int_equal(map_len(t.q.delivery.jobs), 1); /* another's end */
        queue_worker_gone(&t.q, WORKER);
        store_flush(t.q.store);
        store_finish(t.q.store);
        assert_int_equal(map_len(t.q.delivery.jobs), 0);
        assert_int_equal(t.retries, i + 1);
        assert_int_equal(store_message_get(t.q.store, m.id, note_deaths, &deaths), STORE_OK);
        assert_int_equal(deaths, counted[i]);
        assert_int_equal(store_report(t.q.store, m.id, NULL, count_state, NULL, states), STORE_OK);
        assert_int_equal(states[RCPT_HELD], counted[i] == 2);
        assert_int_equal(t.alarms, counted[i] == 2);
    }
}

/* The other recipients wait in memory for their own destination: they are held with it, and not
 * given to one worker more. After a release it takes two more. */
static void what_is_held_goes_nowhere(void **state)
{
    struct store_message m = message;
    struct store_rcpt r[] = {
        {.forward_path = STR("x@out.test"), .next_hop = STR("out.test"), .state = RCPT_QUEUED},
        {.forward_path = STR("y@two.test"), .next_hop = STR("two.test"), .state = RCPT_QUEUED},
    };
    m.id = id_make(clock_wall_ms(), 1, 4);
    store_enqueue(t.q.store, &m, r, ARRAY_LEN(r), NULL, 0, NULL, NULL);
    for (unsigned i = 1; i <= 4; i++) {
        unsigned states[RCPT_STATE_END] = {0};
        hand_out(m.id, true);
        queue_worker_gone(&t.q, WORKER);
        store_finish(t.q.store); /* the end of the turn, ahead of handing out */
        store_flush(t.q.store);
        assert_int_equal(store_report(t.q.store, m.id, NULL, count_state, NULL, states), STORE_OK);
        assert_int_equal(states[RCPT_HELD], i % 2 == 0 ? 2 : 0);
        assert_int_equal(t.forgotten, i % 2 == 0 ? 1u << r[0].rcpt | 1u << r[1].rcpt : 0);
        if (i == 2) {
            store_set_state(t.q.store, m.id, RCPT_HELD, RCPT_QUEUED, 1, REASON_RELEASED);
            queue_forget_deaths(&t.q, m.id);
            t.forgotten = 0;
        }
    }
}

/* Its sender is being told that a mail is held, and an administrator releases it meanwhile: it
 * goes when that mail is written, or its writer died. It was found in nobody's lane (overdue.c
 * woke it, minutes later). */
static void what_is_released_while_its_sender_is_told_goes(void **state)
{
    struct store_message m = message;
    struct store_rcpt r = {
        .forward_path = STR("x@out.test"),
        .next_hop = STR("out.test"),
        .state = RCPT_HELD,
        .notice = NOTICE_DUE,
    };
    m.id = id_make(clock_wall_ms(), 1, 3);
    t.conf->queue.notice_after = 1000;
    store_enqueue(t.q.store, &m, &r, 1, NULL, 0, NULL, NULL);
    store_flush(t.q.store);
    queue_notice_start(&t.q);
    store_finish(t.q.store);
    assert_int_equal(map_len(t.q.delivery.jobs), 1);
    store_set_state(t.q.store, m.id, RCPT_HELD, RCPT_QUEUED, 1, REASON_RELEASED);
    assert_int_equal(t.retries, 0);
    queue_worker_gone(&t.q, WORKER);
    assert_int_equal(map_len(t.q.delivery.jobs), 0);
    assert_int_equal(t.retries, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refusal_is_told_once_it_is_promised, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_that_is_not_promised, setup, teardown),
        cmocka_unit_test_setup_teardown(who_never_had_it_did_not_die_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_held_goes_nowhere, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_released_while_its_sender_is_told_goes, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
