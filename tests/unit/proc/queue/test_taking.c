/* SPDX-License-Identifier: Apache-2.0
 * test_taking.c: workers that do not take what they are given (taking.c), by a clock of its own.
 */
#include "base/clock.h"
#include "check.h"
#include "proc/queue/queue.h"

static struct {
    struct queue q;
    int64_t now;
    struct ipc_channel *refused;
    unsigned n_refused;
} t;

/* Channels that nobody looks into. */
static char one, two;
#define ONE ((struct ipc_channel *)(void *)&one)
#define TWO ((struct ipc_channel *)(void *)&two)

int64_t clock_mono_ms(void)
{
    return t.now;
}

void ipc_refuse_about(struct ipc_channel *ch, enum ipc_type type, const char *why)
{
    assert_int_equal(type, IPC_lease_taken); /* it stands in the log */
    t.refused = ch;
    t.n_refused++;
}

bool ipc_misused(const struct ipc_channel *ch)
{
    return t.refused == ch;
}

struct ipc_channel *inspect_channel_of(const struct queue *q, const struct job *j)
{
    return TWO;
}

static int setup(void **state)
{
    memset(&t, 0, sizeof t);
    t.now = 1000000;
    t.q.delivery.jobs = map_new(100);
    t.q.workers.smtpout[0] = ONE;
    t.q.workers.takings[0].idle_lives = &t.q.workers.idle_smtpout[0];
    return 0;
}

static int teardown(void **state)
{
    map_free(t.q.delivery.jobs);
    return 0;
}

static void give(struct job *j, enum job_kind kind)
{
    *j = (struct job){.lease = lease_draw(), .kind = kind};
    assert_int_equal(map_put(t.q.delivery.jobs, lease_key(&j->lease), j), 0);
    taking_given(&t.q.workers.takings[0], j);
}

static void look_after(int64_t seconds)
{
    t.now += seconds * 1000;
    taking_tick(&t.q);
}

/* Two minutes, and what was said meanwhile was read. */
static void who_lives_on_and_takes_nothing(void **state)
{
    static const enum job_kind kinds[] = {JOB_DELIVER, JOB_BOUNCE, JOB_INSPECT, JOB_PREPARE};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct job j;
        t.refused = NULL;
        t.n_refused = 0;
        give(&j, kinds[i]);
        look_after(119);
        assert_int_equal(t.n_refused, 0);
        look_after(10);
        assert_int_equal(t.n_refused, 0);
        look_after(10);
        assert_int_equal(t.n_refused, 1);
        assert_ptr_equal(t.refused, i < 2 ? ONE : TWO);
        look_after(10);
        assert_int_equal(t.n_refused, 1); /* it is about to be closed */
        map_take(t.q.delivery.jobs, lease_key(&j.lease));
    }
}

enum { READS_MS = 300 * 1000 }; /* inspection { time 300s; } */

const struct conf *child_conf(const struct child *c)
{
    static struct conf conf = {.inspection.time = READS_MS};
    return &conf;
}

/* It has it, and is stopped, hangs or says nothing: a smtpout says that it has it still, an
 * inspect has the time of the configuration and two minutes. */
static void who_took_it_and_never_ends_it(void **state)
{
    static const enum job_kind kinds[] = {JOB_DELIVER, JOB_BOUNCE, JOB_NOTICE, JOB_INSPECT,
                                          JOB_PREPARE};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        bool inspects = kinds[i] == JOB_INSPECT || kinds[i] == JOB_PREPARE;
        struct job j;
        t.refused = NULL;
        t.n_refused = 0;
        give(&j, kinds[i]);
        look_after(60);
        taking_taken(&t.q.workers.takings[0], &j);
        look_after(inspects ? READS_MS / 1000 + 59 : 119);
        look_after(0); /* looks come once in five seconds */
        assert_int_equal(t.n_refused, 0);
        look_after(5);
        assert_int_equal(t.n_refused, 0);
        look_after(5);
        assert_int_equal(t.n_refused, 1);
        assert_ptr_equal(t.refused, inspects ? TWO : ONE);
        look_after(10);
        assert_int_equal(t.n_refused, 1);
        map_take(t.q.delivery.jobs, lease_key(&j.lease));
    }
}

/* A server that lets us wait for half an hour at each command (RFC 5321 4.5.3.2 has limits of
 * minutes for each, and 200 recipients): smtpout has it in hand. A day of it is one that lies. */
static void who_says_that_it_has_it_still_has_a_day(void **state)
{
    struct job j;
    give(&j, JOB_DELIVER);
    for (int64_t s = 0; s < 24 * 60 * 60; s += STILL_MS / 1000) {
        taking_taken(&t.q.workers.takings[0], &j);
        look_after(STILL_MS / 1000);
        assert_int_equal(t.n_refused, 0);
    }
    taking_taken(&t.q.workers.takings[0], &j);
    look_after(5);
    look_after(5);
    assert_int_equal(t.n_refused, 1);
    map_take(t.q.delivery.jobs, lease_key(&j.lease));
}

/* An inspect that says so has no more time for it. */
static void who_inspects_cannot_ask_for_more_time(void **state)
{
    struct job j;
    give(&j, JOB_INSPECT);
    for (int64_t s = 0; s < READS_MS / 1000 + 130; s += 10) {
        taking_taken(&t.q.workers.takings[0], &j);
        look_after(10);
    }
    assert_int_equal(t.n_refused, 1);
    map_take(t.q.delivery.jobs, lease_key(&j.lease));
}

/* This process was stopped for an hour: what was said meanwhile is read before anybody is
 * blamed. */
static void time_without_a_look_is_not_counted(void **state)
{
    struct job j;
    give(&j, JOB_DELIVER);
    look_after(3600);
    assert_int_equal(t.n_refused, 0);
    taking_taken(&t.q.workers.takings[0], &j);
    look_after(3600);
    assert_int_equal(t.n_refused, 0);
    map_take(t.q.delivery.jobs, lease_key(&j.lease));
}

/* What is being written has its outcome; what is still being read from the store was given to
 * nobody. */
static void others_are_none_of_its_business(void **state)
{
    struct job j;
    give(&j, JOB_DELIVER);
    j.saving = true;
    for (int i = 0; i < 3; i++) {
        look_after(3600);
    }
    j.saving = false;
    j.given_ms = 0;
    for (int i = 0; i < 3; i++) {
        look_after(3600);
    }
    assert_int_equal(t.n_refused, 0);
    map_take(t.q.delivery.jobs, lease_key(&j.lease));
}

/* A life in which it took nothing, after another: idle ones, of which nothing was asked, do not
 * count, and one taken is enough. */
static void lives_in_a_row(void **state)
{
    static const struct {
        bool given, taken, stopping;
        unsigned refused;
    } lives[] = {
        {true, false, false, 0}, {false, false, false, 0}, {true, false, false, 1},
        {true, false, false, 1}, {true, false, true, 0},   {true, true, false, 0},
        {true, false, false, 0}, {true, true, false, 0},   {true, false, false, 0},
        {true, false, false, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        struct taking *life = &t.q.workers.takings[0];
        struct job j = {0};
        *life = (struct taking){.idle_lives = &t.q.workers.idle_smtpout[0]};
        if (lives[i].given) {
            taking_given(life, &j);
        }
        if (lives[i].taken) {
            taking_taken(life, &j);
        }
        assert_int_equal(j.taken, lives[i].taken);
        t.refused = NULL;
        t.n_refused = 0;
        t.q.stopping = lives[i].stopping;
        taking_ended(&t.q, life, ONE);
        assert_int_equal(t.n_refused, lives[i].refused);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_lives_on_and_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(who_took_it_and_never_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(who_says_that_it_has_it_still_has_a_day, setup, teardown),
        cmocka_unit_test_setup_teardown(who_inspects_cannot_ask_for_more_time, setup, teardown),
        cmocka_unit_test_setup_teardown(time_without_a_look_is_not_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(others_are_none_of_its_business, setup, teardown),
        cmocka_unit_test_setup_teardown(lives_in_a_row, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
