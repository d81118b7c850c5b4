/* SPDX-License-Identifier: Apache-2.0
 * test_inspect.c: inspectors that come, take a message or not, and go (inspect.c, job.c), over a
 * real store: what counts against a message, and when it is given up.
 */
#include "base/clock.h"
#include "check.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/queue.h"
#include "late_store.h"
#include "quiet.h"
#include "wire/id.h"

#include <stdio.h>
#include <unistd.h>

static const char conf_text[] =
    "hostname mx.example.test;\nlisten smtp { address 192.0.2.1:25; }\n"
    "inside { domains in.test; networks 192.0.2.0/24; deliver-to x.in.test; }\n";

static struct {
    struct loop *loop;
    struct queue q;
    struct conf *conf;
    struct sched_destination *to;
    struct ipc_channel *keys;
    int keys_end;
    unsigned retries, lost, decided;
    char dir[64];
} t;

/* --- what stands around it ---------------------------------------------- */

struct loop *child_loop(struct child *c)
{
    return t.loop;
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
    return false;
}

bool queue_may_expire(const struct queue *q)
{
    return true;
}

unsigned worker_for(const struct queue *q, const struct sched_destination *d, uint64_t octets)
{
    return 0;
}

void queue_forget_ready(struct queue *q, uint64_t rcpt)
{
}

struct sched_destination *queue_destination(struct queue *q, struct str name)
{
    return t.to;
}

void queue_retry_at(struct queue *q, struct sched_destination *d, int64_t next_ms)
{
    t.retries++;
}

void queue_pump_soon(struct queue *q, struct sched_destination *d)
{
}

void queue_ready(struct queue *q, const struct store_rcpt *r, struct cached *cached)
{
}

void queue_item_free(struct queue *q, struct item *it)
{
    list_remove(&it->place.link);
    map_take(q->schedule.leased, map_id(&it->r.rcpt));
    arena_reset(&it->text);
    free(it);
}

void queue_cached_release(struct queue *q, struct cached *h)
{
}

void queue_answer(struct queue *q, struct ipc_channel *ch, uint64_t token, enum store_result result,
                  const char *refusal)
{
}

void queue_peer_unref(struct peer *p)
{
}

void ending_note(struct queue *q, const struct store_rcpt *r)
{
}

void protection_decide(struct queue *q, const struct store_message *m, struct str facts,
                       struct decided *d)
{
    assert_true(str_has(facts, STR("crash")));
    d->rcpt.state = RCPT_HELD;
    t.decided++;
}

void protection_notify(struct queue *q, const struct store_message *m, const struct decided *d)
{
}

void alarms_raise(struct queue *q, struct domain_name domain, enum alarm_kind kind,
                  const char *detail)
{
    assert_int_equal(kind, ALARM_POISON);
}

void pickup_piece(struct job *j, struct str octets)
{
}

void pickup_prepared(struct job *j, bool ok, uint32_t attachments, struct str name,
                     struct str subject)
{
}

void pickup_lost(struct job *j)
{
    t.lost++;
    inspect_items_done(j);
}

static void portal_done(struct job *j, const struct ipc_prepared *m)
{
    pickup_prepared(j, m->ok, m->attachments, m->name, m->subject);
}

const channel_table channels_built = {
    [CHANNEL_PORTAL] = {.making = {.hop = HOP_PORTAL,
                                   .job = JOB_PREPARE,
                                   .piece = pickup_piece,
                                   .done = portal_done,
                                   .lost = pickup_lost}},
};

/* --- doing -------------------------------------------------------------- */

static const struct ipc_rule none[] = {IPC_RULES_END};

static int setup(void **state)
{
    struct buf problems = BUF_INIT(4000);
    char problem[256];
    int fds[2];
    memset(&t, 0, sizeof t);
    strcpy(t.dir, "/tmp/postern-inspect-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    if (conf_parse(str_c(conf_text), "t", &problems, &t.conf) < 0) {
        fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
    }
    buf_free(&problems);
    assert_int_equal(store_open(t.dir, problem, sizeof problem, &t.q.store), 0);
    late_begin(t.q.store);
    t.loop = loop_new();
    assert_int_equal(ipc_pair(fds), 0);
    t.keys_end = fds[1];
    t.q.keys = t.keys = ipc_channel_new(t.loop, fds[0], "keys", none, NULL, NULL);
    t.q.delivery.jobs = map_new(1000);
    t.q.schedule.leased = map_new(1000);
    t.q.delivery.bouncing = map_new(1000);
    inspect_init(&t.q);
    sched_init(&t.q.schedule.engine, &(struct sched_ask){0});
    return 0;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void run_a_while(void)
{
    struct timer *timer = timer_new(t.loop, stop, t.loop);
    timer_start(timer, 20);
    loop_run(t.loop);
    timer_free(timer);
    store_finish(t.q.store);
}

static int teardown(void **state)
{
    char command[128];
    for (unsigned i = 0; i < INSPECTORS; i++) {
        ipc_channel_free(t.q.workers.inspectors[i].channel);
    }
    ipc_channel_free(t.keys);
    close(t.keys_end);
    run_a_while();
    store_close(t.q.store);
    sched_free(&t.q.schedule.engine);
    map_free(t.q.delivery.jobs);
    map_free(t.q.schedule.leased);
    map_free(t.q.delivery.bouncing);
    map_free(t.q.workers.awaited);
    conf_free(t.conf);
    loop_free(t.loop);
    snprintf(command, sizeof command, "rm -r %s", t.dir);
    return system(command);
}

/* An inspector; its end of the channel. */
static int inspector(unsigned index)
{
    int fds[2];
    assert_int_equal(ipc_pair(fds), 0);
    inspect_join(&t.q, index, fds[0]);
    assert_int_equal(inspect_free(&t.q), 0); /* it has not said that it reads */
    assert_int_equal(ipc_call_send(fds[1], &(struct ipc_msg){.type = IPC_worker_ready}), 0);
    run_a_while();
    return fds[1];
}

static uint64_t message(unsigned number)
{
    const struct store_message m = {
        .id = id_make(clock_wall_ms(), 1, number),
        .reverse_path = STR("a@in.test"),
        .size = 6,
        .sealed_key = STR("key"),
        .body = STR("sealed"),
    };
    struct store_rcpt r = {
        .forward_path = STR("x@out.test"),
        .next_hop = STR("out.test"),
        .state = RCPT_QUEUED,
    };
    store_enqueue(t.q.store, &m, &r, 1, NULL, 0, NULL, NULL);
    store_flush(t.q.store);
    return m.id;
}

/* To whoever is free: "=inspect" is to be inspected, "=portal" prepared for its readers. */
static struct lease_id hand_out(uint64_t id, const char *destination)
{
    struct item *it = err_calloc(1, sizeof *it);
    struct link items;
    size_t cursor = 0;
    struct str key;
    void *value = NULL;
    t.to = sched_destination(&t.q.schedule.engine, str_c(destination));
    t.to->is_inspected = true;
    list_init(&items);
    it->text = ARENA_INIT(4096);
    it->r = (struct store_rcpt){
        .id = id,
        .rcpt = 1,
        .forward_path = STR("x@out.test"),
        .next_hop = str_c(destination),
    };
    list_append(&items, &it->place.link);
    assert_int_equal(map_put(t.q.schedule.leased, map_id(&it->r.rcpt), it), 0);
    t.to->in_flight++;
    queue_job_start(&t.q, t.to, &items);
    store_finish(t.q.store);
    assert_true(map_next(t.q.delivery.jobs, &cursor, &key, &value));
    return ((const struct job *)value)->lease;
}

static void say_taken(int end, struct lease_id lease)
{
    assert_int_equal(ipc_call_send(end, &(struct ipc_msg){.type = IPC_lease_taken,
                                                          .lease_taken = {.lease = lease}}),
                     0);
}

static void note_deaths(void *arg, const struct store_message *m)
{
    *(uint32_t *)arg = m->deaths;
}

static uint32_t deaths_of(uint64_t id)
{
    uint32_t deaths = 99;
    store_flush(t.q.store);
    assert_int_equal(store_message_get(t.q.store, id, note_deaths, &deaths), STORE_OK);
    return deaths;
}

/* Two inspectors ended over it. To make its page another one is given it, which ends before it
 * read that: that says nothing. */
static void an_end_counts_where_the_message_was_taken(void **state)
{
    static const struct {
        const char *to;
        bool taken;
        unsigned retries, decided, lost;
        uint32_t deaths;
    } steps[] = {
        {"=inspect", false, 1, 0, 0, 0}, {"=inspect", true, 2, 0, 0, 1},
        {"=inspect", false, 3, 0, 0, 1}, {"=inspect", true, 3, 1, 0, 2},
        {"=portal", false, 4, 1, 0, 2},  {"=inspect", false, 5, 1, 0, 2},
        {"=portal", true, 5, 1, 1, 3},
    };
    uint64_t id = message(1);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int end = inspector(0);
        struct lease_id lease = hand_out(id, steps[i].to);
        if (steps[i].taken) {
            say_taken(end, lease);
        }
        close(end);
        run_a_while();
        assert_int_equal(deaths_of(id), steps[i].deaths);
        run_a_while(); /* what was decided is durable */
        assert_int_equal(t.retries, steps[i].retries);
        assert_int_equal(t.decided, steps[i].decided);
        assert_int_equal(t.lost, steps[i].lost);
        assert_int_equal(map_len(t.q.delivery.jobs), 0);
    }
}

/* Its successor is there before it is known that it ended, and so many wait for their end that
 * there is no place for one more: what it said last counts all the same. */
static void a_successor_is_quicker(void **state)
{
    uint64_t id = message(2);
    int end = inspector(0), stale[2];
    assert_int_equal(ipc_pair(stale), 0);
    struct ipc_channel *leaving = ipc_channel_new(t.loop, stale[0], "leaving", none, NULL, NULL);
    struct lease_id lease = hand_out(id, "=inspect");
    for (unsigned k = INSPECT_MAX; k < INSPECTORS; k++) {
        t.q.workers.inspectors[k].channel = leaving;
    }
    say_taken(end, lease);
    assert_int_equal(ipc_call_send(end, &(struct ipc_msg){.type = IPC_inspected,
                                                          .inspected =
                                                              {
                                                                  .lease = lease,
                                                                  .ok = 1,
                                                                  .facts = STR("failed crash\n"),
                                                              }}),
                     0);
    close(end);
    int next[2];
    assert_int_equal(ipc_pair(next), 0);
    inspect_join(&t.q, 0, next[0]);
    for (unsigned k = INSPECT_MAX; k < INSPECTORS; k++) {
        t.q.workers.inspectors[k].channel = NULL;
    }
    assert_int_equal(t.decided, 1);
    assert_int_equal(t.retries, 0);
    assert_int_equal(deaths_of(id), 0);
    ipc_channel_free(leaving);
    close(stale[1]);
    close(next[1]);
    run_a_while();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_end_counts_where_the_message_was_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_successor_is_quicker, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
