/* SPDX-License-Identifier: Apache-2.0
 * overdue.c: a standing look at the scheduler's promise: no waiting recipient is overdue by more
 * than a minute unless it is in memory, under way, or its destination has a reason to wait that
 * sched_why() names. Called by schedule.c with its ticks, and by main.c when somebody asks for
 * the state.
 *
 * A recipient that is found so would wait until the next restart. It is woken, and it is said:
 * log, alarm, metrics, postern doctor. It never happens unless there is a fault in the
 * scheduler, or in what tells it of changes.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LOOK_MS = 15 * 1000,
    LATE_MS = 60 * 1000,
    LATE_ASKED_MS = 5000,
    AT_ONCE = 50,
    RCPTS_MAX = 500
};
/* a destination that is read again within this time has nothing forgotten: that reading finds
 * all */
enum { SOON_MS = 2000 };

/* Destinations that have something overdue nobody looks for, as far as memory says. */
struct suspects {
    struct queue *q;
    struct sched_time now;
    int64_t before_ms;
    size_t n;
};

/* One of them, looked at in the store. */
struct overdue_look {
    struct queue *q;
    char name[256];
    unsigned lost;
};

/* Where retries come within seconds, as in a laboratory, a minute would never be over. */
static int64_t late_ms(const struct queue *q)
{
    int64_t late = LATE_ASKED_MS + child_conf(q->child)->queue.first_retry;
    return late < LATE_MS ? late : LATE_MS;
}

static void count_lost(void *arg, const struct store_rcpt *r)
{
    struct overdue_look *k = arg;
    k->lost += !map_get(k->q->schedule.leased, map_id(&r->rcpt));
}

static void overdue_wake(const struct overdue_look *k)
{
    struct queue *q = k->q;
    struct str name = str_c(k->name);
    char detail[400];
    q->schedule.overdue.now += k->lost;
    q->schedule.overdue.mended += k->lost;
    log_error(
        "recipients-overdue", KVS("destination", name), KVN("recipients", k->lost),
        KV("what",
           "nobody would have tried them again: a fault of this program; they are woken now"));
    snprintf(detail, sizeof detail,
             "%u or more recipients of " STR_FMT
             " were overdue and had been forgotten: please report this",
             k->lost, STR_ARG(name));
    alarms_raise(q, domain_kept(str_c(child_conf(q->child)->hostname)), ALARM_OVERDUE, detail);
    queue_retry_now(q, queue_destination(q, name));
}

static void overdue_on_looked(void *arg, enum store_result result)
{
    struct overdue_look *k = arg;
    if (result == STORE_OK && k->lost > 0) { /* else all are in memory or under way */
        overdue_wake(k);
    }
    free(k);
}

static void look_closer(const struct suspects *s, struct str name)
{
    struct overdue_look *k = err_calloc(1, sizeof *k);
    k->q = s->q;
    str_copy_cut(name, k->name, sizeof k->name);
    store_read(s->q->store,
               &(struct store_query){
                   .what = STORE_DUE,
                   .text = name,
                   .ms = s->before_ms,
                   .max = RCPTS_MAX,
               },
               &(struct store_rows){.arg = k, .rcpt = count_lost, .done = overdue_on_looked});
}

static void suspect(void *arg, struct str name, int64_t next_ms)
{
    struct suspects *s = arg;
    struct sched_time soon = s->now;
    soon.wall_ms += SOON_MS;
    bool is_late = next_ms < s->before_ms &&
                   sched_has_forgotten(sched_find(&s->q->schedule.engine, name), soon);
    if (is_late && s->n < AT_ONCE) {
        s->n++;
        look_closer(s, name);
    }
}

static void walked(void *arg, enum store_result result)
{
    free(arg);
}

void overdue_start(struct queue *q)
{
    struct domain_name own = domain_kept(str_c(child_conf(q->child)->hostname));
    store_clear_alarm(q->store, domain_str(&own), ALARM_OVERDUE, clock_wall_ms(), NULL, NULL);
}

static void overdue_check(struct queue *q, int64_t late)
{
    struct suspects *s = err_calloc(1, sizeof *s);
    *s = (struct suspects){.q = q, .now = queue_now()};
    s->before_ms = s->now.wall_ms - late;
    q->schedule.overdue.looked_ms = s->now.mono_ms;
    q->schedule.overdue.now = 0;
    store_read(q->store, &(struct store_query){.what = STORE_NEXT_HOPS},
               &(struct store_rows){.arg = s, .next_hop = suspect, .done = walked});
}

/* Somebody waits for the answer: a retry of minutes does not hide what was forgotten a moment
 * ago. */
void overdue_look(struct queue *q)
{
    overdue_check(q, LATE_ASKED_MS);
}

void overdue_tick(struct queue *q)
{
    if (clock_mono_ms() - q->schedule.overdue.looked_ms >= LOOK_MS) {
        overdue_check(q, late_ms(q));
    }
}
