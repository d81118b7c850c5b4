/* SPDX-License-Identifier: Apache-2.0
 * test_schedule.c: runs the stories of schedule.txt: the real scheduler (src/sched/) over a
 * scripted store, scripted servers and scripted clocks. After every step whatever is overdue
 * must be in memory, or be looked for.
 */
#include "base/buf.h"
#include "sched/jump.h"
#include "sched/retry.h"
#include "wire/notify.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ROWS = 20000,
    MESSAGES = 20000,
    PEERS = 40,
    JOBS = 2000,
    LONGEST_TICK_MS = 10000,
    SECOND = 1000
};

enum peer_kind {
    PEER_GOOD,
    PEER_DEAD,
    PEER_GREYLIST,
    PEER_BUSY,
    PEER_HUNDRED,
    PEER_REFUSE,
    PEER_NO_TLS,
    PEER_OURS
};
static const char *const kinds[] = {
    "good", "dead", "greylist", "busy", "hundred", "refuse", "no-tls", "ours",
};

struct peer {
    char name[80];
    enum peer_kind kind, later;
    int64_t latency_ms, later_ms; /* later_ms: monotonic; 0: never another */
    struct sched_own own;
    size_t peak, jobs, started_in_minute, peak_minute;
    int64_t minute_ms;
};

struct message {
    char sender[40];
    struct retry_message m;
};

struct row {
    struct sched_item place;
    struct store_rcpt r;
    size_t message, peer;
    bool is_there, in_memory;
    int64_t arrives_ms, ended_ms; /* monotonic */
};

struct job {
    struct sched_destination *to;
    struct link items;
    int64_t ends_ms;
};

struct reading {
    struct sched_destination *d;
    unsigned max;
    int64_t ends_ms;
};

static struct {
    struct sched sched;
    struct jump jump;
    struct retry_rules retry;
    struct sched_rules rules;
    struct sched_time now;
    int64_t began_ms, tick_ms; /* monotonic; tick_ms: when it comes */
    struct row *rows;
    struct message *messages;
    struct job jobs[JOBS];
    struct peer peers[PEERS];
    struct reading reading[PEERS];
    size_t n_rows, n_messages, n_jobs, n_peers, n_reading, peak, reads_fail;
    size_t told, noticed;
    int64_t slow_ms;
    bool workers, is_running;
} w;

static char title[300];
static int line_number, failures, stories;
static uint32_t seed;

static void complain(const char *what, const char *detail)
{
    printf("schedule.txt:%d: story \"%s\": %s %s\n", line_number, title, what, detail);
    failures++;
}

static uint32_t chance(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)seed * limit) >> 32);
}

/* --- the scheduler's questions ------------------------------------------ */

static struct peer *peer_of(struct str name)
{
    for (size_t i = 0; i < w.n_peers; i++) {
        if (str_eq(str_c(w.peers[i].name), name)) {
            return &w.peers[i];
        }
    }
    must(w.n_peers < PEERS);
    struct peer *p = &w.peers[w.n_peers++];
    *p = (struct peer){
        .kind = PEER_GOOD,
        .latency_ms = 100,
        .own = {.concurrency = UINT32_MAX, .rate = SCHED_RATE_FREE},
    };
    must(str_copy(name, p->name, sizeof p->name) == 0);
    return p;
}

static struct sched_own own_of(void *arg, struct str destination)
{
    return peer_of(destination)->own;
}

static struct row *row_of(const struct sched_item *it)
{
    return (struct row *)(uintptr_t)it; /* its first member */
}

static bool goes_with(void *arg, const struct sched_item *first, const struct sched_item *next)
{
    return row_of(first)->message == row_of(next)->message;
}

static struct sched_means means(void)
{
    return (struct sched_means){
        .can_send = w.workers,
        .under_way = w.n_jobs,
        .is_stopping = !w.is_running,
    };
}

/* --- store -------------------------------------------------------------- */

static const char *hop(const struct row *r)
{
    return w.peers[r->peer].name;
}

static bool waits(const struct row *r)
{
    return r->is_there && r->r.state == RCPT_QUEUED;
}

static void tick_within(int64_t wait_ms)
{
    int64_t at = w.now.mono_ms + (wait_ms > 20 ? wait_ms : 20);
    w.tick_ms = at < w.tick_ms ? at : w.tick_ms;
}

static void due_at(const struct row *r)
{
    struct sched_destination *d = sched_destination(&w.sched, str_c(hop(r)));
    sched_due_at(&w.sched, d, r->r.next_ms);
    tick_within(sched_wait(d, w.now, LONGEST_TICK_MS));
}

static void put_in_memory(struct row *r, struct sched_destination *d)
{
    r->in_memory = true;
    r->place = (struct sched_item){0};
    sched_add(&w.sched, d, str_c(w.messages[r->message].sender), &r->place);
}

static int by_next(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;
    return ((*x)->r.next_ms > (*y)->r.next_ms) - ((*x)->r.next_ms < (*y)->r.next_ms);
}

static void read_now(struct sched_destination *d, unsigned max)
{
    static struct row *due[ROWS];
    size_t n = 0;
    unsigned added = 0;
    int64_t next = SCHED_NEVER;
    if (w.reads_fail > 0) {
        w.reads_fail--;
        sched_read_failed(&w.sched, d, w.now);
        return;
    }
    for (size_t i = 0; i < w.n_rows; i++) {
        struct row *r = &w.rows[i];
        if (waits(r) && strcmp(hop(r), d->name) == 0) {
            if (r->r.next_ms <= w.now.wall_ms) {
                due[n++] = r;
            } else {
                next = r->r.next_ms < next ? r->r.next_ms : next;
            }
        }
    }
    qsort(due, n, sizeof due[0], by_next);
    for (size_t i = 0; i < n && i < max; i++) {
        if (!due[i]->in_memory) {
            put_in_memory(due[i], d);
            added++;
        }
    }
    sched_read(&w.sched, d, w.now, n >= max, added, next);
    tick_within(sched_wait(d, w.now, LONGEST_TICK_MS));
}

/* --- deliveries --------------------------------------------------------- */

static enum peer_kind kind_of(const struct peer *p)
{
    return p->later_ms && w.now.mono_ms >= p->later_ms ? p->later : p->kind;
}

static void count_start(struct peer *p, const struct sched_destination *d)
{
    if (w.now.mono_ms - p->minute_ms >= 60 * SECOND) {
        p->minute_ms = w.now.mono_ms;
        p->started_in_minute = 0;
    }
    p->jobs++;
    p->started_in_minute++;
    p->peak_minute = p->started_in_minute > p->peak_minute ? p->started_in_minute : p->peak_minute;
    p->peak = d->in_flight > p->peak ? d->in_flight : p->peak;
    w.peak = w.n_jobs > w.peak ? w.n_jobs : w.peak;
}

static void start(struct sched_step *step)
{
    must(w.n_jobs < JOBS);
    struct job *j = &w.jobs[w.n_jobs++];
    struct peer *p = peer_of(str_c(step->to->name));
    *j = (struct job){.to = step->to, .ends_ms = w.now.mono_ms + p->latency_ms};
    list_init(&j->items);
    while (!list_empty(&step->items)) {
        struct link *l = step->items.next;
        list_remove(l);
        list_append(&j->items, l);
    }
    count_start(p, step->to);
    tick_within(sched_wait(step->to, w.now, LONGEST_TICK_MS));
}

static void pump(void)
{
    struct sched_step step;
    for (;;) {
        const struct sched_means m = means();
        sched_next(&w.sched, w.now, &m, &step);
        if (step.what == SCHED_IDLE) {
            return;
        }
        if (step.what == SCHED_STARTS) {
            start(&step);
        } else if (w.slow_ms) {
            must(w.n_reading < PEERS);
            w.reading[w.n_reading++] =
                (struct reading){step.to, step.max, w.now.mono_ms + w.slow_ms};
        } else {
            read_now(step.to, step.max);
        }
    }
}

/* What the peer says to the n-th recipient of a transaction. */
static void answer(struct row *r, enum peer_kind kind, size_t n)
{
    const struct retry_message *m = &w.messages[r->message].m;
    enum retry_fault fault = kind == PEER_OURS     ? RETRY_OURS
                             : kind == PEER_NO_TLS ? RETRY_TLS
                                                   : RETRY_OTHER;
    r->r.attempts++;
    bool takes = kind == PEER_GOOD || (kind == PEER_GREYLIST && r->r.attempts > 1) ||
                 (kind == PEER_HUNDRED && n < 100);
    if (takes || kind == PEER_REFUSE) {
        r->r.state = takes ? RCPT_DELIVERED : RCPT_FAILED;
        r->r.bounced = takes || !retry_wants_failure(m, &r->r);
    } else {
        retry_deferred(&w.retry, m, fault, w.now.wall_ms, jump_is_trusted(&w.jump, w.now), chance,
                       &r->r);
    }
    r->ended_ms = w.now.mono_ms;
}

static void end_job(struct job *j)
{
    const struct peer *p = peer_of(str_c(j->to->name));
    size_t n = 0;
    while (!list_empty(&j->items)) {
        struct row *r = row_of(LIST_OF(j->items.next, struct sched_item, link));
        sched_remove(&w.sched, &r->place);
        r->in_memory = false;
        answer(r, kind_of(p), n++);
        if (r->r.state == RCPT_QUEUED) {
            due_at(r);
        }
    }
    sched_learn(&w.sched, j->to, w.now, kind_of(p) != PEER_DEAD);
    tick_within(sched_wait(j->to, w.now, LONGEST_TICK_MS));
    sched_ended(&w.sched, j->to);
    *j = w.jobs[--w.n_jobs];
    if (j != &w.jobs[w.n_jobs] && !list_empty(&j->items)) { /* the list's head has moved */
        j->items.next->prev = j->items.prev->next = &j->items;
    } else {
        list_init(&j->items);
    }
}

/* --- time --------------------------------------------------------------- */

static void expire(void)
{
    if (!jump_is_trusted(&w.jump, w.now) || !jump_is_settled(&w.jump, w.now, w.retry.lifetime)) {
        return;
    }
    for (size_t i = 0; i < w.n_rows; i++) {
        struct row *r = &w.rows[i];
        const struct retry_message *m = &w.messages[r->message].m;
        if (waits(r) && (!r->in_memory || r->place.lane) &&
            m->arrived_ms < retry_over_before(&w.retry, w.now.wall_ms)) {
            if (r->in_memory) {
                sched_remove(&w.sched, &r->place);
                r->in_memory = false;
            }
            retry_expire(m, &r->r);
            r->ended_ms = w.now.mono_ms;
        }
    }
}

/* Bounces and notices of delay: somebody must be there who writes them. */
static void tell(void)
{
    for (size_t i = 0; i < w.n_rows && w.workers; i++) {
        struct row *r = &w.rows[i];
        int64_t age = w.now.wall_ms - w.messages[r->message].m.arrived_ms;
        bool is_due =
            (r->r.notice == NOTICE_DUE && w.retry.notice_after && age >= w.retry.notice_after) ||
            (r->r.notice == NOTICE_DELAY && w.retry.delay_notice && age >= w.retry.delay_notice);
        if (waits(r) && is_due && jump_is_trusted(&w.jump, w.now)) {
            r->r.notice = NOTICE_SENT;
            w.noticed++;
        }
        if ((r->r.state == RCPT_FAILED || r->r.state == RCPT_EXPIRED) && !r->r.bounced) {
            r->r.bounced = true;
            w.told++;
        }
    }
}

static void set_back(int64_t by_ms)
{
    int64_t latest = w.now.wall_ms + w.retry.longest + w.retry.longest / 10;
    for (size_t i = 0; i < w.n_rows; i++) {
        if (waits(&w.rows[i])) {
            int64_t *next = &w.rows[i].r.next_ms;
            *next = *next - by_ms < latest ? *next - by_ms : latest;
        }
    }
    sched_set_back(&w.sched, by_ms, latest);
}

static void tick(void)
{
    int64_t by = jump_look(&w.jump, w.now);
    if (by < 0) {
        set_back(-by);
    }
    int64_t wait = sched_tick(&w.sched, w.now, LONGEST_TICK_MS);
    expire();
    tell();
    w.tick_ms = w.now.mono_ms + (wait > 20 ? wait : 20);
}

/* The invariant: see the head. */
static void check(void)
{
    for (size_t i = 0; i < w.n_rows && w.is_running; i++) {
        const struct row *r = &w.rows[i];
        if (waits(r) && !r->in_memory && r->r.next_ms <= w.now.wall_ms &&
            sched_has_forgotten(sched_find(&w.sched, str_c(hop(r))), w.now)) {
            complain("nobody looks for overdue mail to", hop(r));
            w.is_running = false;
        }
    }
}

static void arrive(void)
{
    for (size_t i = 0; i < w.n_rows; i++) {
        struct row *r = &w.rows[i];
        if (!r->is_there && r->arrives_ms <= w.now.mono_ms && w.is_running) {
            struct sched_destination *d = sched_destination(&w.sched, str_c(hop(r)));
            r->is_there = true;
            r->r.next_ms = w.messages[r->message].m.arrived_ms = w.now.wall_ms;
            if (sched_has_place(&w.sched, d, str_c(w.messages[r->message].sender), r->r.next_ms)) {
                put_in_memory(r, d);
            }
        }
    }
}

static int64_t next_event(int64_t end_ms)
{
    int64_t at = w.tick_ms < end_ms ? w.tick_ms : end_ms;
    for (size_t i = 0; i < w.n_jobs; i++) {
        at = w.jobs[i].ends_ms < at ? w.jobs[i].ends_ms : at;
    }
    for (size_t i = 0; i < w.n_reading; i++) {
        at = w.reading[i].ends_ms < at ? w.reading[i].ends_ms : at;
    }
    for (size_t i = 0; i < w.n_rows; i++) {
        at = !w.rows[i].is_there && w.rows[i].arrives_ms < at ? w.rows[i].arrives_ms : at;
    }
    return at > w.now.mono_ms ? at : w.now.mono_ms;
}

static void end_jobs(void)
{
    for (size_t i = 0; i < w.n_jobs;) {
        if (w.jobs[i].ends_ms <= w.now.mono_ms) {
            end_job(&w.jobs[i]);
        } else {
            i++;
        }
    }
    for (size_t i = 0; i < w.n_reading;) {
        if (w.reading[i].ends_ms <= w.now.mono_ms) {
            struct reading r = w.reading[i];
            w.reading[i] = w.reading[--w.n_reading];
            read_now(r.d, r.max);
        } else {
            i++;
        }
    }
}

static void run_for(int64_t ms)
{
    int64_t end = w.now.mono_ms + ms;
    for (;;) {
        arrive();
        pump();
        check();
        if (w.now.mono_ms >= end || !w.is_running) {
            break;
        }
        int64_t at = next_event(end);
        w.now.wall_ms += at - w.now.mono_ms;
        w.now.mono_ms = at;
        end_jobs();
        if (w.now.mono_ms >= w.tick_ms) {
            tick();
        }
    }
    tell();
}

/* What is in memory is lost; deliveries under way end without an outcome. */
static void forget_all(void)
{
    for (size_t i = 0; i < w.n_rows; i++) {
        if (w.rows[i].in_memory) {
            sched_remove(&w.sched, &w.rows[i].place);
            w.rows[i].in_memory = false;
        }
    }
    w.n_jobs = w.n_reading = 0;
    sched_free(&w.sched);
}

static void begin(void)
{
    sched_init(&w.sched, &(struct sched_ask){.own = own_of, .goes_with = goes_with});
    sched_rules_set(&w.sched, &w.rules);
    jump_start(&w.jump, w.now);
    set_back(0);
    w.tick_ms = w.now.mono_ms;
    for (size_t i = 0; i < w.n_rows; i++) {
        if (waits(&w.rows[i])) {
            due_at(&w.rows[i]);
        }
    }
}

static void restart(int64_t down_ms)
{
    forget_all();
    w.now.wall_ms += down_ms;
    w.now.mono_ms += down_ms;
    begin();
}

/* --- the file ----------------------------------------------------------- */

static int64_t duration(struct str t)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {
        {"ms", 1}, {"s", SECOND}, {"m", 60 * SECOND}, {"h", 3600 * SECOND}, {"d", 86400 * SECOND},
        {"", 1},
    };
    size_t n = 0;
    uint64_t value = 0;
    while (n < t.n && t.p[n] >= '0' && t.p[n] <= '9') {
        n++;
    }
    must(str_to_u64(str_slice(t, 0, n), UINT32_MAX, &value) == 0);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_eq(str_slice(t, n, t.n), str_c(units[i].unit))) {
            return (int64_t)value * units[i].ms;
        }
    }
    complain("does not know the time", t.p);
    return 0;
}

/* The value of "name=value" in the words, or `other`. */
static struct str value_of(struct str words, const char *name, struct str other)
{
    struct str word;
    size_t n = strlen(name);
    while (words.n > 0 && str_split(&words, ' ', &word)) {
        if (word.n > n && memcmp(word.p, name, n) == 0 && word.p[n] == '=') {
            return str_slice(word, n + 1, word.n);
        }
    }
    return other;
}

static int64_t ms_of(struct str words, const char *name, int64_t other)
{
    struct str v = value_of(words, name, STR(""));
    return v.n ? duration(v) : other;
}

static enum peer_kind kind_named(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_eq(str_c(kinds[i]), name)) {
            return (enum peer_kind)i;
        }
    }
    complain("does not know the server", name.p);
    return PEER_GOOD;
}

static void on_rules(struct str words)
{
    w.retry = (struct retry_rules){
        .first = ms_of(words, "first-retry", 300 * SECOND),
        .longest = ms_of(words, "longest", 4 * 3600 * SECOND),
        .lifetime = ms_of(words, "lifetime", 5 * 86400 * SECOND),
        .notice_after = ms_of(words, "notice-after", 0),
        .delay_notice = ms_of(words, "delay-notice", 0),
    };
    w.rules = (struct sched_rules){
        .concurrency = (unsigned)ms_of(words, "concurrency", 20),
        .deliveries = (unsigned)ms_of(words, "deliveries", 1000),
        .longest_pause = w.retry.first,
    };
    w.slow_ms = ms_of(words, "slow-store", 0);
    w.reads_fail = (size_t)ms_of(words, "reads-fail", 0);
    sched_rules_set(&w.sched, &w.rules);
}

static void on_peer(struct str words)
{
    struct str name, kind;
    must(str_split(&words, ' ', &name) && str_split(&words, ' ', &kind));
    struct peer *p = peer_of(name);
    p->kind = kind_named(kind);
    p->latency_ms = ms_of(words, "takes", p->kind == PEER_DEAD ? 3 * SECOND : 100);
    p->own = (struct sched_own){.concurrency = (unsigned)ms_of(words, "concurrency", 1000000),
                                .rate = (unsigned)ms_of(words, "rate", SCHED_RATE_FREE)};
    int64_t after = ms_of(words, "after", 0);
    p->later_ms = after ? w.now.mono_ms + after : 0;
    p->later = kind_named(value_of(words, "then", STR("good")));
    sched_rules_set(&w.sched, &w.rules);
}

/* mail N SENDER DESTINATION [rcpts=N] [every=TIME] [in=TIME] [inside] [notify=never]; SENDER
 * "-": null; "each": N different ones */
static void on_mail(struct str words)
{
    struct str number, sender, destination;
    uint64_t n;
    must(str_split(&words, ' ', &number) && str_split(&words, ' ', &sender) &&
         str_split(&words, ' ', &destination));
    must(str_to_u64(number, MESSAGES, &n) == 0);
    int64_t rcpts = ms_of(words, "rcpts", 1), every = ms_of(words, "every", 0),
            in = ms_of(words, "in", 0);
    size_t peer = (size_t)(peer_of(destination) - w.peers);
    for (uint64_t i = 0; i < n; i++) {
        must(w.n_messages < MESSAGES && w.n_rows + (size_t)rcpts <= ROWS);
        struct message *m = &w.messages[w.n_messages++];
        *m = (struct message){
            .m = {.null_reverse_path = str_eq(sender, STR("-")),
                  .inside_sender = !str_eq(value_of(words, "inside", STR("no")), STR("no"))}};
        snprintf(m->sender, sizeof m->sender, STR_FMT, STR_ARG(sender));
        if (str_eq(sender, STR("each"))) {
            snprintf(m->sender, sizeof m->sender, "each%llu", (unsigned long long)i);
        }
        for (int64_t k = 0; k < rcpts; k++) {
            w.rows[w.n_rows++] = (struct row){
                .message = w.n_messages - 1,
                .peer = peer,
                .arrives_ms = w.now.mono_ms + in + every * (int64_t)i,
                .r = {.state = RCPT_QUEUED,
                      .notify = str_eq(value_of(words, "notify", STR("")), STR("never"))
                                    ? NOTIFY_NEVER
                                    : 0},
            };
        }
    }
    arrive();
}

/* Of whom or where a command speaks: to=DESTINATION, from=SENDER, or all. */
static bool is_meant(const struct row *r, struct str words)
{
    struct str to = value_of(words, "to", STR("")), from = value_of(words, "from", STR(""));
    return r->is_there && (to.n == 0 || str_eq(to, str_c(hop(r)))) &&
           (from.n == 0 || str_eq(from, str_c(w.messages[r->message].sender)));
}

/* What administrators do: hold, release, retry, delete. */
static void change(struct str verb, struct str words)
{
    for (size_t i = 0; i < w.n_rows; i++) {
        struct row *r = &w.rows[i];
        bool under_way = r->in_memory && !r->place.lane;
        if (!is_meant(r, words) || under_way) {
            continue;
        }
        if (r->in_memory) {
            sched_remove(&w.sched, &r->place);
            r->in_memory = false;
        }
        if (str_eq(verb, STR("hold")) && r->r.state == RCPT_QUEUED) {
            r->r.state = RCPT_HELD;
        } else if (str_eq(verb, STR("delete")) &&
                   (r->r.state == RCPT_QUEUED || r->r.state == RCPT_HELD)) {
            r->r.state = RCPT_DELETED;
        } else if ((str_eq(verb, STR("release")) && r->r.state == RCPT_HELD) ||
                   (str_eq(verb, STR("retry")) && r->r.state == RCPT_QUEUED)) {
            r->r.state = RCPT_QUEUED;
            r->r.next_ms = w.now.wall_ms;
            sched_retry_now(&w.sched, sched_destination(&w.sched, str_c(hop(r))), w.now.wall_ms);
        } else if (r->r.state == RCPT_QUEUED) {
            due_at(r);
        }
    }
}

static int64_t measure(struct str what, struct str words)
{
    static const struct {
        const char *word;
        enum rcpt_state state;
    } states[] = {
        {"waiting", RCPT_QUEUED}, {"delivered", RCPT_DELIVERED}, {"expired", RCPT_EXPIRED},
        {"failed", RCPT_FAILED},  {"held", RCPT_HELD},           {"deleted", RCPT_DELETED},
    };
    struct str to = value_of(words, "to", STR(""));
    int64_t n = 0, attempts = 0, most = 0, last = 0, latest = 0;
    for (size_t i = 0; i < w.n_rows; i++) {
        const struct row *r = &w.rows[i];
        if (is_meant(r, words)) {
            for (size_t k = 0; k < ARRAY_LEN(states); k++) {
                n += str_eq(what, str_c(states[k].word)) && states[k].state == r->r.state;
            }
            attempts += r->r.attempts;
            most = r->r.attempts > most ? (int64_t)r->r.attempts : most;
            last = r->r.state != RCPT_QUEUED && r->ended_ms - w.began_ms > last
                       ? r->ended_ms - w.began_ms
                       : last;
            latest = waits(r) && r->r.next_ms - w.now.wall_ms > latest
                         ? r->r.next_ms - w.now.wall_ms
                         : latest;
        }
    }
    return str_eq(what, STR("attempts"))     ? attempts
           : str_eq(what, STR("each"))       ? most
           : str_eq(what, STR("last"))       ? last
           : str_eq(what, STR("next"))       ? latest
           : str_eq(what, STR("told"))       ? (int64_t)w.told
           : str_eq(what, STR("noticed"))    ? (int64_t)w.noticed
           : str_eq(what, STR("busy"))       ? (int64_t)w.peak
           : str_eq(what, STR("known"))      ? (int64_t)map_len(w.sched.destinations)
           : str_eq(what, STR("peak"))       ? (int64_t)peer_of(to)->peak
           : str_eq(what, STR("deliveries")) ? (int64_t)peer_of(to)->jobs
           : str_eq(what, STR("a-minute"))   ? (int64_t)peer_of(to)->peak_minute
                                             : n;
}

static void expect(struct str words)
{
    struct str all = words, word;
    char text[200];
    while (words.n > 0 && str_split(&words, ' ', &word)) {
        size_t at = 0;
        while (at < word.n && word.p[at] != '=' && word.p[at] != '<' && word.p[at] != '>') {
            at++;
        }
        struct str name = str_slice(word, 0, at);
        if (str_eq(name, STR("to")) || str_eq(name, STR("from")) || name.n == 0) {
            continue;
        }
        size_t sign = at < word.n && word.p[at] == '=' ? 1 : 2;
        int64_t wanted = duration(str_slice(word, at + sign, word.n)), got = measure(name, all);
        bool holds = word.p[at] == '='   ? got == wanted
                     : word.p[at] == '<' ? got <= wanted
                                         : got >= wanted;
        if (!holds) {
            snprintf(text, sizeof text, STR_FMT ", but it is %lld", STR_ARG(word), (long long)got);
            complain("expected", text);
        }
    }
}

static void on_clock(struct str words)
{
    int64_t by = duration(str_slice(words, 1, words.n));
    w.now.wall_ms += words.p[0] == '-' ? -by : by;
}

static void on_why(struct str words)
{
    struct str name;
    must(str_split(&words, ' ', &name));
    const struct sched_means m = means();
    enum sched_why why = sched_why(&w.sched, sched_find(&w.sched, name), w.now, &m);
    if (!str_eq(str_c(sched_why_text(why)), words)) {
        complain("the reason is", sched_why_text(why));
    }
}

static void on_story(struct str words)
{
    if (stories++ > 0) {
        forget_all();
    }
    struct row *rows = w.rows;
    struct message *messages = w.messages;
    memset(&w, 0, sizeof w);
    w.rows = rows;
    w.messages = messages;
    w.now = (struct sched_time){.wall_ms = 1790000000000, .mono_ms = 5000000};
    w.began_ms = w.now.mono_ms;
    w.workers = w.is_running = true;
    seed = 1;
    str_copy_cut(words, title, sizeof title);
    sched_init(&w.sched, &(struct sched_ask){.own = own_of, .goes_with = goes_with});
    on_rules(STR(""));
    jump_start(&w.jump, w.now);
    w.jump.started_mono_ms -= JUMP_START_MS; /* it has been running */
    w.tick_ms = w.now.mono_ms;
}

static void on_line(struct str line)
{
    struct str verb, words = str_trim(line);
    if (words.n == 0 || words.p[0] == '#' || !str_split(&words, ' ', &verb)) {
        return;
    }
    if (str_eq(verb, STR("story"))) {
        on_story(words);
    } else if (str_eq(verb, STR("rules"))) {
        on_rules(words);
    } else if (str_eq(verb, STR("server"))) {
        on_peer(words);
    } else if (str_eq(verb, STR("mail"))) {
        on_mail(words);
    } else if (str_eq(verb, STR("run"))) {
        run_for(duration(words));
    } else if (str_eq(verb, STR("clock"))) {
        on_clock(words);
    } else if (str_eq(verb, STR("restart"))) {
        restart(words.n ? duration(words) : 0);
    } else if (str_eq(verb, STR("workers"))) {
        w.workers = str_eq(words, STR("on"));
        sched_pump_all(&w.sched);
    } else if (str_eq(verb, STR("why"))) {
        on_why(words);
    } else if (str_eq(verb, STR("expect"))) {
        expect(words);
    } else {
        change(verb, words);
    }
}

int main(int argc, char **argv)
{
    char line[1000];
    FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
    must(in != NULL);
    w.rows = err_calloc(ROWS, sizeof *w.rows);
    w.messages = err_calloc(MESSAGES, sizeof *w.messages);
    while (fgets(line, sizeof line, in)) {
        line_number++;
        on_line(str_slice(str_c(line), 0, str_find(str_c(line), '\n', 0)));
    }
    fclose(in);
    if (stories > 0) {
        forget_all();
    }
    free(w.rows);
    free(w.messages);
    printf("%d stories, %d failures\n", stories, failures);
    return failures ? 1 : 0;
}
