/* SPDX-License-Identifier: Apache-2.0
 * test_store.c: the contract of store.h on the embedded back end: durable only after a flush, all
 * or nothing, recovery, orphans, bodies dropped when nobody needs them, no plain text.
 */
#include "check.h"
#include "policy/policy.h"
#include "store/embedded.h"
#include "store/envelope.h"
#include "store/domain.h"
#include "store/store.h"
#include "wire/id.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/postern-store-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    static const char *const names[] = {
        "spool",     "postern.db", "postern.db-wal", "postern.db-shm",
        "journal-0", "journal-1",  "journal-mark",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(command, sizeof command, "%s/%s", dir, names[i]);
        if (i == 0) {
            rmdir(command);
        } else {
            unlink(command);
        }
    }
    return rmdir(dir);
}

static struct store *open_store(void)
{
    char problem[256] = "";
    struct store *s = NULL;
    if (store_open(dir, problem, sizeof problem, &s) < 0) {
        fail_msg("%s", problem);
    }
    return s;
}

static void on_done(void *arg, enum store_result r)
{
    *(int *)arg = (int)r + 100;
}

static void add(struct store *s, uint64_t id, const char *hop, int *result)
{
    struct store_message m = {
        .id = id,
        .reverse_path = STR("a@b.test"),
        .arrived_ms = 1000,
        .size = 5,
        .sealed_key = STR("key"),
        .body = STR("sealed"),
        .client = STR("192.0.2.1"),
    };
    struct store_rcpt r[2] = {
        {
            .forward_path = STR("x@one.test"),
            .next_hop = str_c(hop),
            .next_ms = 1000,
        },
        {
            .forward_path = STR("y@one.test"),
            .next_hop = str_c(hop),
            .next_ms = 2000,
        },
    };
    store_enqueue(s, &m, r, 2, NULL, 0, on_done, result);
}

struct seen {
    struct store_rcpt r[16];
    char path[16][64];
    size_t n, messages;
    char body[64], client[64];
    int result;
};

static void see(void *arg, const struct store_rcpt *r)
{
    struct seen *s = arg;
    str_copy_cut(r->forward_path, s->path[s->n], 64);
    s->r[s->n++] = *r;
}

static void see_message(void *arg, const struct store_message *m)
{
    struct seen *s = arg;
    s->messages++;
    str_copy_cut(m->body, s->body, sizeof s->body);
    str_copy_cut(m->client, s->client, sizeof s->client);
}

/* Forgets what was seen and asks anew; every walk must end well. */
#define ASK(seen, call) \
    do { \
        (seen) = (struct seen){0}; \
        assert_int_equal(call, STORE_OK); \
    } while (0)

static void settle_all(struct store *s)
{
    while (store_settle(s, STORE_SETTLE_OLD) || store_settle(s, STORE_SETTLE_EXCESS)) {
    }
}

static void nothing_before_the_flush(void **state)
{
    int result = 0;
    struct store *s = open_store();
    struct seen seen = {0};
    add(s, 1, "one.test", &result);
    assert_int_equal(result, 0); /* no promise yet */
    store_flush(s);
    assert_int_equal(result, 100 + STORE_OK);
    ASK(seen, store_each_due(s, STR("one.test"), 1500, 10, see, &seen));
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.path[0], "x@one.test");
    ASK(seen, store_message_get(s, 1, see_message, &seen));
    assert_string_equal(seen.body, "sealed");
    assert_string_equal(seen.client, "192.0.2.1");
    ASK(seen, store_message_get(s, 2, see_message, &seen));
    assert_int_equal(seen.messages, 0);
    store_close(s);
}

static void see_next(void *arg, struct str next_hop, int64_t next_ms)
{
    struct seen *s = arg;
    assert_true(str_eq(next_hop, STR("one.test")));
    s->r[s->n++].next_ms = next_ms;
}

static void the_next_due(void **state)
{
    int result = 0;
    struct store *s = open_store();
    struct seen seen = {0};
    add(s, 1, "one.test", &result); /* due at 1000 and 2000 */
    store_flush(s);
    ASK(seen, store_next_due(s, STR("one.test"), 999, see_next, &seen));
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.r[0].next_ms, 1000);
    ASK(seen, store_next_due(s, STR("one.test"), 1000, see_next, &seen));
    assert_int_equal(seen.r[0].next_ms, 2000);
    ASK(seen, store_next_due(s, STR("one.test"), 2000, see_next, &seen));
    assert_int_equal(seen.n, 0);
    ASK(seen, store_next_due(s, STR("other.test"), 0, see_next, &seen));
    assert_int_equal(seen.n, 0);
    store_close(s);
}

static void see_hop(void *arg, struct str next_hop, int64_t next_ms)
{
    struct seen *s = arg;
    str_copy_cut(next_hop, s->path[s->n], 64);
    s->r[s->n++].next_ms = next_ms;
}

static void destinations(void **state)
{
    int result = 0;
    struct store *s = open_store();
    struct seen seen = {0};
    add(s, 1, "two.test", &result);
    add(s, 2, "one.test", &result);
    add(s, 3, "two.test", &result);
    store_flush(s);
    ASK(seen, store_each_next_hop(s, see_hop, &seen));
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.path[0], "one.test");
    assert_string_equal(seen.path[1], "two.test");
    assert_int_equal(seen.r[1].next_ms, 1000);
    store_set_state(s, 2, RCPT_QUEUED, RCPT_HELD, 0, 0);
    store_flush(s);
    ASK(seen, store_each_next_hop(s, see_hop, &seen));
    assert_int_equal(seen.n, 1);
    store_close(s);
}

static void note_number(void *arg, uint64_t n)
{
    *(uint64_t *)arg = n;
}

static uint64_t changed(struct store *s, const struct store_change *c)
{
    uint64_t n = UINT64_MAX;
    store_change(s, c, note_number, &n);
    assert_true(n == UINT64_MAX); /* never before the call returns */
    assert_int_equal(store_turn(s), 1);
    return n;
}

/* A first try by a new user: "1 message changed" of one that was delivered. */
static void how_many_were_set(void **state)
{
    int result = 0;
    struct store *s = open_store();
    add(s, 1, "one.test", &result);
    store_flush(s);
    assert_int_equal(changed(s, &(struct store_change){.id = 1,
                                                       .from = RCPT_HELD,
                                                       .to = RCPT_QUEUED,
                                                       .next_ms = 5}),
                     0);
    assert_int_equal(changed(s, &(struct store_change){.id = 1,
                                                       .from = RCPT_QUEUED,
                                                       .to = RCPT_HELD,
                                                       .next_ms = 0}),
                     2);
    /* not those of the call before */
    assert_int_equal(changed(s, &(struct store_change){.id = 1,
                                                       .from = RCPT_QUEUED,
                                                       .to = RCPT_HELD,
                                                       .next_ms = 0}),
                     0);
    assert_int_equal(changed(s, &(struct store_change){.id = 2,
                                                       .from = RCPT_QUEUED,
                                                       .to = RCPT_DELETED,
                                                       .next_ms = 0}),
                     0);
    assert_int_equal(changed(s, &(struct store_change){.id = 1,
                                                       .from = RCPT_HELD,
                                                       .to = RCPT_DELETED,
                                                       .next_ms = 0}),
                     2);
    store_flush(s);
    store_close(s);
}

/* The same: "release all" let go what a policy held, and a deletion had the time of the attempt
 * before it. */
static void a_change_of_some(void **state)
{
    int result = 0;
    struct seen seen = {0};
    struct store *s = open_store();
    add(s, 1, "one.test", &result);
    store_flush(s);
    struct store_change c = {
        .id = 1,
        .from = RCPT_QUEUED,
        .to = RCPT_HELD,
        .at_ms = 7000,
        .reason = REASON_HELD,
    };
    assert_int_equal(changed(s, &c), 2);
    c = (struct store_change){
        .id = 1,
        .from = RCPT_HELD,
        .to = RCPT_QUEUED,
        .next_ms = 8000,
        .at_ms = 8000,
        .reason = REASON_RELEASED,
        .was = REASON_ON_HOLD,
    };
    assert_int_equal(changed(s, &c), 0);
    store_flush(s);
    ASK(seen, store_report(s, 1, NULL, see, NULL, &seen));
    assert_int_equal(seen.r[0].state, RCPT_HELD);
    assert_int_equal(seen.r[0].last_ms, 7000);
    c.was = REASON_HELD;
    assert_int_equal(changed(s, &c), 2);
    store_flush(s);
    ASK(seen, store_report(s, 1, NULL, see, NULL, &seen));
    assert_int_equal(seen.r[0].last_ms, 8000);
    store_close(s);
}

/* The same: "alarm-over" where none stood. */
static void an_alarm_is_over_once(void **state)
{
    struct store *s = open_store();
    const struct store_alarm a = {
        .at_ms = 1,
        .kind = 3,
        .domain = STR("one.test"),
        .detail = STR("x"),
    };
    uint64_t n[6] = {9, 9, 9, 9, 9, 9};
    store_clear_alarm(s, STR("one.test"), 3, 2, note_number, &n[0]);
    store_raise_alarm(s, &a, note_number, &n[1]);
    store_raise_alarm(s, &a, note_number, &n[2]);
    store_clear_alarm(s, STR("one.test"), 4, 2, note_number, &n[3]);
    store_clear_alarm(s, STR("one.test"), 3, 2, note_number, &n[4]);
    store_clear_alarm(s, STR("one.test"), 3, 3, note_number, &n[5]);
    assert_int_equal(store_turn(s), 6);
    static const uint64_t right[6] = {0, 1, 0, 0, 1, 0};
    assert_memory_equal(n, right, sizeof n);
    store_flush(s);
    store_close(s);
}

static void keep_domain(void *arg, const struct store_domain *d)
{
    struct store_domain *kept = arg;
    *kept = *d;
    kept->name = STR("");
}

/* All 64 bits of whom a look asked. */
static void what_a_look_asked_is_kept(void **state)
{
    const struct store_domain d = {
        .name = STR("one.test"),
        .looked_ms = 5,
        .look_complete = true,
        .look_asked = 0xfedcba9876543210,
        .helo_ms = 4,
        .sts = 3,
    };
    struct store_domain kept = {0};
    struct store *s = open_store();
    store_put_domain(s, &d);
    store_flush(s);
    assert_int_equal(store_each_domain(s, keep_domain, &kept), STORE_OK);
    assert_true(kept.look_asked == d.look_asked && kept.looked_ms == 5 && kept.helo_ms == 4 &&
                kept.look_complete && kept.sts == 3);
    store_close(s);
}

static void what_is_too_old(void **state)
{
    int result = 0;
    struct store *s = open_store();
    struct seen seen = {0};
    add(s, id_make(5000, 3, 1), "one.test", &result);
    add(s, id_make(6000, 2, 9), "two.test", &result);
    store_flush(s);
    ASK(seen, store_each_over(s, 5000, 10, see, &seen));
    assert_int_equal(seen.n, 0);
    ASK(seen, store_each_over(s, 5001, 10, see, &seen));
    assert_int_equal(seen.n, 2); /* its two recipients */
    ASK(seen, store_each_over(s, 7000, 3, see, &seen));
    assert_int_equal(seen.n, 3);
    store_set_state(s, id_make(5000, 3, 1), RCPT_QUEUED, RCPT_HELD, 0, 0);
    store_flush(s);
    ASK(seen, store_each_over(s, 5001, 10, see, &seen));
    assert_int_equal(seen.n, 0);
    store_close(s);
}

/* Due at 1000 and 2000. */
static void a_clock_that_is_set_back(void **state)
{
    int result = 0;
    struct store *s = open_store();
    struct seen seen = {0};
    add(s, 1, "one.test", &result);
    store_set_back(s, 1500, 0, 10000); /* nothing waits longer than it may */
    store_flush(s);
    ASK(seen, store_next_due(s, STR("one.test"), 1000, see_next, &seen));
    assert_int_equal(seen.r[0].next_ms, 2000);
    store_set_back(s, 500, 900, 10000);
    store_flush(s);
    ASK(seen, store_next_due(s, STR("one.test"), 0, see_next, &seen));
    assert_int_equal(seen.r[0].next_ms, 100);
    ASK(seen, store_next_due(s, STR("one.test"), 100, see_next, &seen));
    assert_int_equal(seen.r[0].next_ms, 1100);
    store_set_back(s, 500, 0, 600);
    store_flush(s);
    ASK(seen, store_next_due(s, STR("one.test"), 100, see_next, &seen));
    assert_int_equal(seen.r[0].next_ms, 600);
    store_close(s);
}

static void outcomes_and_bounces(void **state)
{
    int result = 0;
    struct store *s = open_store();
    struct seen seen = {0};
    add(s, 2, "two.test", &result);
    store_flush(s);
    ASK(seen, store_report(s, 2, see_message, see, NULL, &seen));
    assert_int_equal(seen.n, 2);
    struct store_rcpt delivered = {
        .rcpt = seen.r[0].rcpt,
        .state = RCPT_DELIVERED,
        .attempts = 1,
        .bounced = true,
    };
    struct store_rcpt failed = {
        .rcpt = seen.r[1].rcpt,
        .state = RCPT_FAILED,
        .attempts = 1,
        .code = STR("5.1.1"),
        .reply = STR("550 no"),
    };
    store_outcome(s, &delivered);
    store_release_body(s, 2);
    store_flush(s);
    ASK(seen, store_message_get(s, 2, see_message, &seen));
    assert_string_equal(seen.body, "sealed"); /* the other recipient still needs it */
    store_outcome(s, &failed);
    store_release_body(s, 2);
    store_flush(s);
    ASK(seen, store_message_get(s, 2, see_message, &seen));
    assert_string_equal(seen.body, "sealed"); /* and its bounce needs the header section */
    ASK(seen, store_each_bounce_due(s, 10, see, &seen));
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.path[0], "y@one.test");
    struct store_message bounce = {
        .id = 3,
        .bounce_of = 2,
        .arrived_ms = 5,
        .sealed_key = STR("k"),
        .body = STR("b"),
    };
    struct store_rcpt to = {.forward_path = STR("a@b.test"), .next_hop = STR("b.test")};
    uint64_t told[] = {failed.rcpt};
    store_enqueue(s, &bounce, &to, 1, told, 1, on_done, &result);
    store_release_body(s, 2);
    store_flush(s);
    ASK(seen, store_each_bounce_due(s, 10, see, &seen));
    assert_int_equal(seen.n, 0); /* told once, in the same commit */
    ASK(seen, store_message_get(s, 2, see_message, &seen));
    assert_string_equal(seen.body, "");
    store_expire(s, 999999, 10); /* message 2; the bounce still has its body */
    store_flush(s);
    ASK(seen, store_message_get(s, 2, see_message, &seen));
    assert_int_equal(seen.messages, 0);
    ASK(seen, store_message_get(s, 3, see_message, &seen));
    assert_int_equal(seen.messages, 1);
    store_close(s);
}

static void restart_finds_everything(void **state)
{
    int result = 0;
    struct seen seen;
    struct store *s = open_store();
    add(s, 4, "four.test", &result);
    store_flush(s);
    store_set_state(s, 4, RCPT_QUEUED, RCPT_HELD, 0, 0);
    store_flush(s);
    store_close(s);
    s = open_store();
    ASK(seen, store_list(s, RCPT_HELD, 10, see_message, see, &seen));
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.messages, 1);
    add(s, 5, "four.test", &result); /* recipient numbers go on where they were */
    store_flush(s);
    assert_int_equal(result, 100 + STORE_OK);
    ASK(seen, store_report(s, 5, see_message, see, NULL, &seen));
    assert_true(seen.r[0].rcpt > 2);
    store_close(s);
}

static void spool_files(void **state)
{
    char name[64], path[256];
    int fd, result = 0;
    struct store *s = open_store();
    assert_int_equal(store_spool_create(s, 1, name, &fd), STORE_OK);
    assert_int_equal(write(fd, "big", 3), 3);
    close(fd);
    struct store_message m = {
        .id = 9,
        .arrived_ms = 1,
        .sealed_key = STR("k"),
        .spool = str_c(name),
    };
    struct store_rcpt r = {.forward_path = STR("x@y.test"), .next_hop = STR("y.test")};
    store_enqueue(s, &m, &r, 1, NULL, 0, on_done, &result);
    store_flush(s);
    char orphan[64];
    assert_int_equal(store_spool_create(s, 1, orphan, &fd), STORE_OK);
    close(fd);
    store_close(s);
    s = open_store(); /* the sweep takes the orphan, not the message's file */
    snprintf(path, sizeof path, "%s/spool/%s", dir, orphan);
    assert_int_equal(access(path, F_OK), -1);
    fd = store_spool_open(s, str_c(name));
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(store_spool_open(s, STR("../postern.db")), -EINVAL);
    struct store_rcpt done = {.rcpt = 1, .state = RCPT_DELIVERED, .bounced = true};
    store_outcome(s, &done);
    store_release_body(s, 9);
    store_flush(s);
    settle_all(s); /* not before the tables know that it is not needed */
    assert_int_equal(store_spool_open(s, str_c(name)), -ENOENT);
    store_close(s);
}

static ino_t inode_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void spool_files_again(void **state)
{
    char first[64], second[64], path[256], link_path[256];
    int fd;
    struct store *s = open_store();
    assert_int_equal(store_spool_create(s, 1, first, &fd), STORE_OK);
    ino_t inode = inode_of(fd);
    close(fd);
    store_spool_drop(s, str_c(first));
    /* the same file under another name */
    assert_int_equal(store_spool_create(s, 1, second, &fd), STORE_OK);
    assert_int_equal(inode_of(fd), inode);
    assert_string_not_equal(first, second);
    assert_int_equal(store_spool_open(s, str_c(first)), -ENOENT);
    close(fd);
    snprintf(path, sizeof path, "%s/spool/%s", dir, second);
    snprintf(link_path, sizeof link_path, "%s/spool/.linked", dir);
    assert_int_equal(link(path, link_path), 0); /* as a backup does */
    store_spool_drop(s, str_c(second));
    assert_int_equal(store_spool_create(s, 1, first, &fd), STORE_OK);
    assert_int_not_equal(inode_of(fd), inode);
    close(fd);
    store_spool_drop(s, str_c(first));
    snprintf(path, sizeof path, "%s/spool/.spare-0", dir);
    assert_int_equal(access(path, F_OK), 0);
    store_close(s);
    assert_int_equal(access(path, F_OK), -1);
    unlink(link_path);
}

/* An I/O error in a commit: 451 for all of the batch, then the process ends; the next one reads
 * what is on disk and goes on. */
static void a_write_that_fails(void **state)
{
    struct seen seen;
    int result = 0;
    struct store *s = open_store();
    add(s, 10, "x.test", &result);
    store_flush(s);
    struct rlimit old, tight;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    tight.rlim_cur = 100; /* EFBIG stands for the write that finds no room */
    setrlimit(RLIMIT_FSIZE, &tight);
    /* an I/O error that is not ENOSPC poisons: the process ends, and says 451 first */
    pid_t pid = fork();
    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        add(s, 11, "x.test", &result);
        store_flush(s);
        _exit(34);
    }
    int status;
    waitpid(pid, &status, 0);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    store_close(s);
    s = open_store();
    ASK(seen, store_message_get(s, 10, see_message, &seen));
    assert_int_equal(seen.messages, 1);
    ASK(seen, store_message_get(s, 11, see_message, &seen));
    assert_int_equal(seen.messages, 0);
    store_close(s);
}

static void see_end(void *arg, enum store_result r)
{
    ((struct seen *)arg)->result = (int)r + 100;
}

static void what_can_wait(void **state)
{
    int result = 0;
    struct store *s = open_store();
    struct seen seen = {0};
    assert_int_equal(store_gathered(s).waiting, STORE_EMPTY);
    add(s, 20, "x.test", &result);
    assert_int_equal(store_gathered(s).waiting, STORE_URGENT); /* a 250 waits for it */
    assert_int_equal(store_gathered(s).urgent, 1);
    assert_int_equal(store_gathered(s).completions, 1);
    store_flush(s);
    assert_int_equal(store_gathered(s).waiting, STORE_EMPTY);
    struct store_rcpt r = {.rcpt = 1, .state = RCPT_DELIVERED};
    store_outcome(s, &r);
    store_add_attempt(s, &(struct store_attempt){.id = 20});
    store_release_body(s, 20);
    /* without a completion too: it must not lie for ever */
    assert_int_equal(store_gathered(s).waiting, STORE_CAN_WAIT);
    store_sync_soon(s, see_end, &seen);
    assert_int_equal(store_gathered(s).waiting, STORE_CAN_WAIT);
    assert_int_equal(store_gathered(s).urgent, 0);
    assert_int_equal(store_gathered(s).completions, 1);
    store_sync(s, see_end, &seen); /* one who cannot wait takes the others along */
    assert_int_equal(store_gathered(s).waiting, STORE_URGENT);
    store_count_death(s, 20); /* an answer may already stand in this turn: all goes now */
    assert_int_equal(store_gathered(s).waiting, STORE_NOW);
    store_sync(s, see_end, &seen);
    assert_int_equal(store_gathered(s).waiting, STORE_NOW);
    assert_int_equal(seen.result, 0);
    store_flush(s);
    assert_int_equal(seen.result, 100 + STORE_OK);
    store_close(s);
}

static void *write_back(void *arg)
{
    store_write_back(arg);
    return NULL;
}

static off_t log_size(void)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/postern.db-wal", dir);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void count_message(void *arg, const struct store_message *m)
{
    *(unsigned *)arg += m->body.n == 60000;
}

static void add_large(struct store *s, uint64_t id)
{
    static char body[60000];
    struct store_message m = {
        .id = id,
        .reverse_path = STR("a@b.test"),
        .arrived_ms = 1000,
        .size = sizeof body,
        .sealed_key = STR("key"),
        .body = str_from(body, sizeof body),
    };
    struct store_rcpt r = {
        .forward_path = STR("x@one.test"),
        .next_hop = STR("x.test"),
        .next_ms = 1000,
    };
    store_enqueue(s, &m, &r, 1, NULL, 0, NULL, NULL);
    store_flush(s);
    settle_all(s);
}

/* Written back by another thread while the store goes on, the log does not grow for ever, and
 * nothing is missing. */
static void the_log_begins_anew(void **state)
{
    struct store *s = open_store();
    unsigned whole = 0, times = 0;
    uint64_t id = 0;
    off_t longest = 0;
    pthread_t thread;
    assert_false(store_log_is_long(s));
    while (times < 3) {
        add_large(s, ++id);
        assert_true(id < 4000);
        if (store_log_is_long(s)) {
            assert_true(log_size() > 32 * 1000 * 1000);
            while (store_log_is_long(s)) {
                assert_int_equal(pthread_create(&thread, NULL, write_back, s), 0);
                add_large(s, ++id); /* beside it */
                assert_int_equal(pthread_join(thread, NULL), 0);
                store_written_back(s);
            }
            add_large(s, ++id);
            times++;
        }
        longest = longest > log_size() ? longest : log_size();
    }
    assert_true(longest < 37 * 1000 * 1000); /* 8,000 pages each time, and what came meanwhile */
    store_close(s);
    s = open_store();
    for (uint64_t i = 1; i <= id; i++) {
        assert_int_equal(store_message_get(s, i, count_message, &whole), STORE_OK);
    }
    assert_int_equal(whole, id);
    store_close(s);
}

/* Without anybody who writes it back, it is done within a commit, late. */
static void the_log_has_an_end(void **state)
{
    struct store *s = open_store();
    off_t longest = 0;
    for (uint64_t id = 1; id < 1600; id++) {
        add_large(s, id);
        longest = longest > log_size() ? longest : log_size();
    }
    assert_in_range(longest, 64 * 1000 * 1000, 72 * 1000 * 1000);
    store_close(s);
}

static void count_event(void *arg, const struct store_envelope_event *e)
{
    ++*(unsigned *)arg;
}

static unsigned events_of(struct store *s, uint64_t envelope)
{
    unsigned n = 0;
    store_flush(s);
    assert_int_equal(store_envelope_events(s, envelope, 10000, count_event, &n), STORE_OK);
    return n;
}

/* Whoever may read a mail may do it as often as he likes; the disk is not his. */
static void readings_are_not_endless(void **state)
{
    struct store *s = open_store();
    struct store_envelope_event e = {
        .envelope = 7,
        .at_ms = 1000000,
        .kind = EVENT_READ,
        .who = STR("192.0.2.0/24"),
    };
    for (unsigned i = 0; i < 100; i++, e.at_ms += 500) { /* within a minute */
        store_add_envelope_reading(s, &e);
    }
    assert_int_equal(events_of(s, 7), 1);
    e.who = STR("198.51.100.0/24"); /* from elsewhere */
    store_add_envelope_reading(s, &e);
    e.kind = EVENT_DOWNLOADED;
    e.detail = STR("a.pdf");
    store_add_envelope_reading(s, &e);
    e.detail = STR("b.pdf");
    store_add_envelope_reading(s, &e);
    store_add_envelope_reading(s, &e);
    assert_int_equal(events_of(s, 7), 4);
    for (unsigned i = 0; i < ENVELOPE_EVENTS_MAX + 100; i++) { /* over and over, minutes apart */
        e.at_ms += 61000;
        store_add_envelope_reading(s, &e);
    }
    assert_int_equal(events_of(s, 7), ENVELOPE_EVENTS_MAX);
    store_add_envelope_event(s, &e); /* what others do is always told */
    e.envelope = 8;
    store_add_envelope_reading(s, &e);
    assert_int_equal(events_of(s, 7), ENVELOPE_EVENTS_MAX + 1);
    assert_int_equal(events_of(s, 8), 1);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_before_the_flush, setup, teardown),
        cmocka_unit_test_setup_teardown(the_next_due, setup, teardown),
        cmocka_unit_test_setup_teardown(destinations, setup, teardown),
        cmocka_unit_test_setup_teardown(an_alarm_is_over_once, setup, teardown),
        cmocka_unit_test_setup_teardown(how_many_were_set, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_of_some, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_look_asked_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_too_old, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_back, setup, teardown),
        cmocka_unit_test_setup_teardown(outcomes_and_bounces, setup, teardown),
        cmocka_unit_test_setup_teardown(restart_finds_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(spool_files, setup, teardown),
        cmocka_unit_test_setup_teardown(spool_files_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_can_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(readings_are_not_endless, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_has_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_that_fails, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
