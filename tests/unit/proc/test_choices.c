/* SPDX-License-Identifier: Apache-2.0
 * test_choices.c: mail whose sender is asked what to do, and does not answer in time (choices.c)
 * over a real store with a scripted clock. How long each is waited for stands in its words here.
 */
#include "base/clock.h"
#include "check.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/protection/protection.h"
#include "proc/queue/queue.h"
#include "late_store.h"
#include "wire/id.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    struct queue q;
    int64_t wall_ms, mono_ms;
    char dir[64];
} t;

int64_t clock_wall_ms(void)
{
    return t.wall_ms;
}

int64_t clock_mono_ms(void)
{
    return t.mono_ms;
}

const struct conf *child_conf(const struct child *c)
{
    return NULL;
}

void protection_record(const struct store_rcpt *r, struct protect_record *ret)
{
    uint64_t until = 0;
    assert_int_equal(str_to_u64(r->protection, UINT64_MAX / 2, &until), 0);
    *ret = (struct protect_record){.asked_until_ms = (int64_t)until};
}

struct sched_destination *queue_destination(struct queue *q, struct str name)
{
    fail();
    return NULL;
}

void ending_note(struct queue *q, const struct store_rcpt *r)
{
}

void queue_retry_at(struct queue *q, struct sched_destination *d, int64_t next_ms)
{
    fail();
}

static int setup(void **state)
{
    char problem[256];
    memset(&t, 0, sizeof t);
    t.wall_ms = 1790000000000;
    t.mono_ms = 1000000;
    snprintf(t.dir, sizeof t.dir, "/tmp/postern-choices-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    if (store_open(t.dir, problem, sizeof problem, &t.q.store) < 0) {
        fail_msg("%s", problem);
    }
    late_begin(t.q.store);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {
        "postern.db", "postern.db-wal", "postern.db-shm", "journal-0",
        "journal-1",  "journal-mark",   "spool",
    };
    char path[128];
    store_close(t.q.store);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", t.dir, names[i]);
        (void)!remove(path);
    }
    return rmdir(t.dir);
}

static void on_stored(void *arg, enum store_result result)
{
    assert_int_equal(result, STORE_OK);
}

const channel_table channels_built = {
    [CHANNEL_HOLD] = {channel_hold},
    [CHANNEL_DROP] = {channel_drop},
};

/* A message to so many, held for this reason until a moment from now. */
static void add(unsigned n, unsigned n_rcpts, enum reason reason, int64_t for_ms)
{
    static struct store_rcpt rcpts[1000];
    char until[24];
    const struct store_message m = {
        .id = id_make(t.wall_ms, 1, n),
        .reverse_path = STR("a@in.test"),
        .arrived_ms = t.wall_ms,
        .size = 5,
        .sealed_key = STR("key"),
        .body = STR("sealed"),
    };
    snprintf(until, sizeof until, "%lld", (long long)(t.wall_ms + for_ms));
    for (unsigned i = 0; i < n_rcpts; i++) {
        rcpts[i] = (struct store_rcpt){
            .forward_path = STR("x@one.test"),
            .next_hop = STR("one.test"),
            .state = RCPT_HELD,
            .reason = reason,
            .protection = str_c(until),
        };
    }
    store_enqueue(t.q.store, &m, rcpts, n_rcpts, NULL, 0, on_stored, NULL);
    store_flush(t.q.store);
    store_finish(t.q.store);
}

static void count_failed(void *arg, const struct store_rcpt *r)
{
    *(unsigned *)arg += r->state == RCPT_FAILED;
}

static unsigned failed(void)
{
    unsigned n = 0;
    assert_int_equal(store_list(t.q.store, RCPT_FAILED, 100000, NULL, count_failed, &n), STORE_OK);
    return n;
}

static void tick(unsigned times, int64_t each_ms)
{
    for (unsigned i = 0; i < times; i++) {
        t.mono_ms += each_ms;
        t.wall_ms += each_ms;
        choices_tick(&t.q);
        store_finish(t.q.store);
        store_flush(t.q.store);
    }
}

/* However many wait before it, and for whatever they wait: each comes back at its hour. */
static void nobody_is_behind_a_cap(void **state)
{
    for (unsigned i = 0; i < 11; i++) {
        add(i, 1000, i % 2 ? REASON_ASKED : REASON_HELD, 3600 * 1000);
    }
    add(11, 1000, REASON_ASKED, 3600 * 1000);
    add(12, 3, REASON_ASKED, 20 * 1000);
    add(13, 2, REASON_HELD, 20 * 1000); /* an administrator's: it has no time */
    tick(10, 1000);
    assert_int_equal(failed(), 0);
    tick(40, 1000); /* within the half minute between two looks */
    assert_int_equal(failed(), 3);
    assert_true(t.q.delivery.bounces_due);
    tick(3600 / 10 + 20, 10 * 1000);
    assert_int_equal(failed(), 6003);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_behind_a_cap, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
