/* SPDX-License-Identifier: Apache-2.0
 * tlsrpt.c: TLS reports (RFC 8460): keeps the counts of each UTC day, and has smtpout write and
 * send each domain's report once after midnight, tried again for a day; keeps what others report
 * to us. Called by monitor.c, outcome.c and admin_domains.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "proc/queue/queue.h"

#include <stdlib.h>

enum {
    WRITINGS_MAX = 4,
    RECEIVED_MAX = 2000, /* rows of strangers a day */
    RETRY_MS = 30 * 60 * 1000,
    WRITING_MS = 30 * 60 * 1000,
    KEEP_DAYS = 30
};
#define DAY_MS (24LL * 60 * 60 * 1000)

/* A report being written in some smtpout. */
struct writing {
    struct link link;
    uint64_t token, day;
    struct lease_id order;
    int64_t since_mono_ms;
    struct ipc_channel *worker;
    struct store_reading *reading; /* of its counts; NULL: they were sent */
    char domain[256];
};

static uint64_t today(void)
{
    return (uint64_t)(clock_wall_ms() / DAY_MS);
}

void tlsrpt_on_session(void *owner, struct ipc_channel *ch, const struct ipc_rpt_session *s)
{
    struct queue *q = owner;
    struct store_rpt_session session = {.day = today()};
    RECORD_COPY(rpt_session, &session, s);
    store_rpt_count(q->store, &session);
}

/* --- writing ------------------------------------------------------------ */

static void send_failure(void *arg, const struct store_rpt_failure *f)
{
    const struct writing *w = arg;
    struct ipc_msg m = {.type = IPC_rpt_failure};
    RECORD_COPY(RPT_FAILED, &m.rpt_failure, f);
    m.rpt_failure.token = w->token;
    m.rpt_failure.n = f->n;
    ipc_send(w->worker, &m);
}

static void send_count(void *arg, const struct store_rpt_count *c)
{
    const struct writing *w = arg;
    struct ipc_msg m = {.type = IPC_rpt_policy};
    RECORD_COPY(RPT_COUNTED, &m.rpt_policy, c);
    m.rpt_policy.token = w->token;
    ipc_send(w->worker, &m);
}

static void writing_end(struct writing *w)
{
    store_cancel(w->reading);
    list_remove(&w->link);
    free(w);
}

/* Its counts were sent: it can be written. */
static void on_day_read(void *arg, enum store_result result)
{
    struct writing *w = arg;
    w->reading = NULL;
    if (result != STORE_OK) {
        log_warn("store-unreadable", KV("what", "the counts of a TLS report; read again"));
        writing_end(w);
        return;
    }
    ipc_send(w->worker, &(struct ipc_msg){.type = IPC_rpt_write,
                                          .rpt_write = {
                                              .token = w->token,
                                              .lease = w->order,
                                              .day = w->day,
                                              .domain = str_c(w->domain),
                                          }});
}

static void tlsrpt_start(struct queue *q, const struct store_rpt_sent *due)
{
    struct writing *w = err_calloc(1, sizeof *w);
    w->token = ++q->next_token;
    w->day = due->day;
    w->since_mono_ms = clock_mono_ms();
    int at = worker_from(q, 0);
    w->worker = worker_any(q);
    w->order = orders_give(q, at < 0 ? 0 : (unsigned)at, ABOUT_TLS_REPORT, 0, STR(""));
    str_copy_cut(due->domain, w->domain, sizeof w->domain);
    list_append(&q->domains.writings, &w->link);
    w->reading = store_read(q->store,
                            &(struct store_query){.what = STORE_RPT_DAY,
                                                  .number = w->day,
                                                  .text = str_c(w->domain)},
                            &(struct store_rows){
                                .arg = w,
                                .rpt_count = send_count,
                                .rpt_failure = send_failure,
                                .done = on_day_read,
                            });
}

static bool is_writing(const struct queue *q, uint64_t day, struct str domain)
{
    LIST_EACH (it, &q->domains.writings) {
        const struct writing *w = LIST_OF(it, struct writing, link);
        if (w->day == day && str_eq(str_c(w->domain), domain)) {
            return true;
        }
    }
    return false;
}

static void tlsrpt_on_due(void *arg, const struct store_rpt_sent *r)
{
    struct queue *q = arg;
    if (queue_can_send(q) && !is_writing(q, r->day, r->domain)) {
        tlsrpt_start(q, r);
    }
}

static void tlsrpt_on_all_due(void *arg, enum store_result result)
{
    if (result != STORE_OK) {
        log_warn("store-unreadable", KV("what", "which TLS reports are due; looked at again"));
    }
}

/* What is never answered must not stand before all others for ever: it is due still. */
static void forget_unanswered(struct queue *q)
{
    for (struct link *it = q->domains.writings.next; it != &q->domains.writings;) {
        struct writing *w = LIST_OF(it, struct writing, link);
        it = it->next;
        if (clock_mono_ms() - w->since_mono_ms >= WRITING_MS) {
            log_warn("tls-report-unanswered", KV("domain", w->domain),
                     KV("what", "it is written again"));
            writing_end(w);
        }
    }
}

void tlsrpt_tick(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    int64_t now = clock_wall_ms();
    /* the gateway of the copy may have sent them */
    if (!c->tlsrpt.send || q->restored || !queue_can_send(q)) {
        return;
    }
    /* yesterday is complete; spread after midnight (RFC 8460 4.1) */
    if (q->domains.reported_day != today()) {
        q->domains.reported_day = today();
        store_rpt_open(q->store, today(),
                       now + random_below((uint32_t)(c->tlsrpt.delay > 0 ? c->tlsrpt.delay : 1)));
        store_rpt_forget(q->store, today() - KEEP_DAYS, now - c->monitor.keep);
    }
    forget_unanswered(q);
    if (list_empty(&q->domains.writings)) {
        store_read(q->store,
                   &(struct store_query){.what = STORE_RPT_DUE, .ms = now, .max = WRITINGS_MAX},
                   &(struct store_rows){.arg = q,
                                        .rpt_sent = tlsrpt_on_due,
                                        .done = tlsrpt_on_all_due});
    }
}

void tlsrpt_send_now(struct queue *q)
{
    store_rpt_open(q->store, today() + 1, clock_wall_ms());
}

/* RFC 8460 5.5 SHOULD: a report that cannot be sent is tried again for a day */
void tlsrpt_on_written(void *owner, struct ipc_channel *ch, const struct ipc_rpt_written *m)
{
    struct queue *q = owner;
    int64_t now = clock_wall_ms();
    LIST_EACH (it, &q->domains.writings) {
        struct writing *w = LIST_OF(it, struct writing, link);
        if (w->token != m->token) {
            continue;
        }
        if (w->worker != ch) {
            ipc_refuse(ch, "a report that another writes");
            return;
        }
        orders_end(q, &w->order);
        enum rpt_state state = m->state;
        bool late = now > (int64_t)(w->day + 2) * DAY_MS; /* RFC 8460 5.5: 24 hours of trying */
        state = state == RPT_DUE && late ? RPT_GIVEN_UP : state;
        store_rpt_set(q->store, &(struct store_rpt_sent){
                                    .day = w->day,
                                    .domain = str_c(w->domain),
                                    .detail = m->detail,
                                    .state = state,
                                    .next_ms = now + RETRY_MS,
                                });
        if (state != RPT_NOT_WANTED) {
            log_info("tls-report", KV("domain", w->domain),
                     KV("result", state == RPT_DONE  ? "sent"
                                  : state == RPT_DUE ? "tried again later"
                                                     : "given up"),
                     KVS("detail", m->detail));
        }
        writing_end(w);
        return;
    }
}

/* A worker died: what it wrote is due still. */
void tlsrpt_worker_gone(struct queue *q)
{
    for (struct link *it = q->domains.writings.next; it != &q->domains.writings;) {
        struct writing *w = LIST_OF(it, struct writing, link);
        bool alive = false;
        it = it->next;
        for (unsigned i = 0; i < SMTPOUT_MAX; i++) {
            alive |= q->workers.smtpout[i] == w->worker;
        }
        if (!alive) {
            writing_end(w);
        }
    }
}

void tlsrpt_on_received(void *owner, struct ipc_channel *ch, const struct ipc_rpt_received *r)
{
    struct queue *q = owner;
    q->domains.received_n = q->domains.received_day == today() ? q->domains.received_n + 1 : 1;
    q->domains.received_day = today();
    if (q->domains.received_n > RECEIVED_MAX) {
        if (q->domains.received_n == RECEIVED_MAX + 1) {
            log_warn("tls-reports-too-many", KVN("most-a-day", RECEIVED_MAX),
                     KV("what", "further ones are not kept today"));
        }
        return;
    }
    struct store_rpt_received received = {.at_ms = clock_wall_ms()};
    RECORD_COPY(RPT_SAID, &received, r);
    store_rpt_add_received(q->store, &received);
    log_info("tls-report-received", KVS("from", r->organization), KVS("domain", r->domain),
             KVN("ok", r->ok), KVN("failed", r->failed));
}
