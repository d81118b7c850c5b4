/* SPDX-License-Identifier: Apache-2.0
 * driver.c: a small life of a store, for tests/crash/power.py: messages of both kinds come, some
 * are delivered, some fail and are told of, the journal is taken over into the tables at times
 * and its files are full at times, and the log of commits is written back by a thread. What was
 * promised is said through fault_note().
 *
 *   driver live DIRECTORY TURNS     works until the store can no longer be trusted
 *   driver look DIRECTORY           opens what is there and prints every message that can be
 *                                   read whole, and who is due
 */
#include "base/log.h"
#include "store/embedded.h"
#include "store/sqlite_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PER_TURN = 3, LARGE = 100000, JOURNAL = 40000, CHUNK = 4, MESSAGES = 10000 };

static uint64_t rcpt_given[MESSAGES], rcpt_of[MESSAGES]; /* the second: its message was kept */

void fault_note(const char *text) __attribute__((weak));

static void promise(const char *what, uint64_t id)
{
    char text[64];
    snprintf(text, sizeof text, "%s-%llu", what, (unsigned long long)id);
    if (fault_note) {
        fault_note(text);
    }
}

static void on_kept(void *arg, enum store_result r)
{
    if (r == STORE_OK) {
        uint64_t id = (uint64_t)(uintptr_t)arg;
        rcpt_of[id % MESSAGES] = rcpt_given[id % MESSAGES];
        promise("kept", id);
    }
}

static void on_delivered(void *arg, enum store_result r)
{
    if (r == STORE_OK) {
        promise("delivered", (uint64_t)(uintptr_t)arg);
    }
}

/* The body says whose it is, so that a mixed-up one would be seen. */
static void fill(char *p, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)(id * 31 + i % 251);
    }
}

static bool spool_body(struct store *s, uint64_t id, char name[64])
{
    static char body[LARGE];
    int fd = -1;
    if (store_spool_create(s, 1, name, &fd) != STORE_OK) {
        return false;
    }
    fill(body, sizeof body, id);
    bool ok = write(fd, body, sizeof body) == (ssize_t)sizeof body &&
              ftruncate(fd, sizeof body) == 0 && fsync(fd) == 0;
    close(fd);
    if (!ok) {
        store_spool_drop(s, str_c(name));
    }
    return ok;
}

static void come(struct store *s, uint64_t id)
{
    static char body[3000];
    char name[64] = "";
    bool large = id % 3 == 0;
    if (large && !spool_body(s, id, name)) {
        return;
    }
    fill(body, sizeof body, id);
    const struct store_message m = {
        .id = id,
        .reverse_path = STR("a@b.test"),
        .arrived_ms = 1,
        .size = id,
        .sealed_key = STR("key"),
        .spool = str_c(name),
        .body = large ? STR("") : str_from(body, sizeof body),
    };
    struct store_rcpt r = {
        .forward_path = STR("x@y.test"),
        .next_hop = STR("y.test"),
        .next_ms = 1,
    };
    store_enqueue(s, &m, &r, 1, NULL, 0, on_kept, (void *)(uintptr_t)id);
    rcpt_given[id % MESSAGES] = r.rcpt;
}

static uint64_t rcpt_found;

static void see_rcpt(void *arg, const struct store_rcpt *r)
{
    rcpt_found = r->rcpt;
}

static void see_nothing(void *arg, const struct store_message *m)
{
}

/* Of one whose number was read from the tables, or of one that is remembered. */
static void deliver(struct store *s, uint64_t id, bool reads)
{
    rcpt_found = rcpt_of[id % MESSAGES];
    if (reads) {
        rcpt_found = 0;
        (void)!store_report(s, id, see_nothing, see_rcpt, NULL, NULL);
    }
    if (rcpt_found) {
        const struct store_rcpt r = {
            .rcpt = rcpt_found,
            .id = id,
            .state = RCPT_DELIVERED,
            .attempts = 1,
            .bounced = true,
        };
        store_outcome(s, &r);
        store_release_body(s, id);
        store_sync(s, on_delivered, (void *)(uintptr_t)id);
    }
}

/* Refused for good, told of in a later batch, and not needed any more then: nothing is promised
 * of it. */
static void bounce(struct store *s, uint64_t id, bool told)
{
    const struct store_rcpt r = {
        .rcpt = rcpt_of[id % MESSAGES],
        .id = id,
        .state = RCPT_FAILED,
        .attempts = 1,
        .bounced = told,
    };
    if (r.rcpt) {
        store_outcome(s, &r);
        store_release_body(s, id);
    }
}

static void *write_back(void *arg)
{
    store_write_back(arg);
    return NULL;
}

static int live(const char *dir, uint64_t turns)
{
    pthread_t writer;
    bool writing = false;
    char problem[300];
    struct store *s = NULL;
    if (store_open_with(dir, (struct store_sizes){JOURNAL, CHUNK}, problem, sizeof problem, &s) <
        0) {
        fprintf(stderr, "%s\n", problem);
        return 3;
    }
    for (uint64_t turn = 0; turn < turns; turn++) {
        uint64_t first = turn * PER_TURN + 1;
        for (uint64_t i = 0; i < PER_TURN; i++) {
            come(s, first + i);
        }
        if (turn > 2) {
            deliver(s, first - 3 * PER_TURN, turn % 5 == 4);
            deliver(s, first - 2 * PER_TURN + 1, false);
            if (turn % 4 == 0) {
                bounce(s, first - 3 * PER_TURN + 2, false);
                bounce(s, first - 2 * PER_TURN + 2, true);
            }
        }
        store_flush(s); /* ends the process when a commit failed */
        (void)store_settle(s, turn % 3 == 0 ? STORE_SETTLE_OLD : STORE_SETTLE_EXCESS);
        if (turn % 11 == 10) {
            /* the rest of it, or not */
            for (uint64_t i = 1 + turn % 7; i > 0 && store_rest(s); i--) {
            }
            for (uint64_t i = turn % 5; i > 0 && store_prepare(s); i--) {
            }
        }
        if (writing) { /* the log of commits begins anew with the next one */
            pthread_join(writer, NULL);
            store_written_back(s);
            writing = false;
        } else if (turn % 3 == 1) { /* beside the next turn */
            writing = pthread_create(&writer, NULL, write_back, s) == 0;
        }
    }
    if (writing) {
        pthread_join(writer, NULL);
    }
    store_close(s);
    return 0;
}

static struct store *looked;

static void print_message(void *arg, const struct store_message *m)
{
    static char want[LARGE], have[LARGE];
    size_t n = m->body.n;
    const char *body = m->body.p;
    if (m->spool.n > 0) {
        int fd = store_spool_open(looked, m->spool);
        ssize_t got = fd < 0 ? -1 : read(fd, have, sizeof have);
        close(fd);
        n = got == (ssize_t)sizeof have ? sizeof have : 0;
        body = have;
    }
    fill(want, n, m->id);
    printf("message %llu %s\n", (unsigned long long)m->id,
           n == 0                       ? "empty"
           : memcmp(body, want, n) == 0 ? "whole"
                                        : "broken");
}

static void print_rcpt(void *arg, const struct store_rcpt *r)
{
    printf("state %llu %s\n", (unsigned long long)r->id, rcpt_state_name(r->state));
    (void)!store_message_get(looked, r->id, print_message, NULL);
}

static void end_list(enum store_result r)
{
    printf("list %s\n", r == STORE_OK ? "ok" : "broken");
}

static void print_due(void *arg, const struct store_rcpt *r)
{
    printf("due %llu\n", (unsigned long long)r->id);
}

/* As the scheduler does after a start (schedule/schedule.c): who is not found so is overdue
 * for ever. */
static void print_next_hop(void *arg, struct str next_hop, int64_t next_ms)
{
    char name[64];
    str_copy_cut(next_hop, name, sizeof name);
    end_list(store_each_due(looked, str_c(name), next_ms, 1000000, print_due, NULL));
}

static int look(const char *dir)
{
    char problem[300];
    if (store_open(dir, problem, sizeof problem, &looked) < 0) {
        printf("cannot open: %s\n", problem);
        return 3;
    }
    for (int state = RCPT_QUEUED; state < RCPT_STATE_END; state++) {
        end_list(store_list(looked, (enum rcpt_state)state, 1000000, NULL, print_rcpt, NULL));
    }
    end_list(store_each_next_hop(looked, print_next_hop, NULL));
    store_close(looked);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "live") == 0) {
        log_open("driver", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, false);
        return live(argv[2], strtoull(argv[3], NULL, 10));
    }
    return argc == 3 && strcmp(argv[1], "look") == 0 ? look(argv[2]) : 64;
}
