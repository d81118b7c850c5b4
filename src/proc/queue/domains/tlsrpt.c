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

struct handing {
    struct queue *q;
    const struct writing *w;
};

static void send_failure(void *arg, const struct store_rpt_failure *f)
{
    const struct handing *h = arg;
    struct ipc_msg m = {.type = IPC_rpt_failure};
    RECORD_COPY(RPT_FAILED, &m.rpt_failure, f);
    m.rpt_failure.token = h->w->token;
    m.rpt_failure.n = f->n;
    ipc_send(h->w->worker, &m);
}

static void tlsrpt_ignore_end(void *arg, enum store_result result)
{
}

static void send_count(void *arg, const struct store_rpt_count *c)
{
    const struct handing *h = arg;
    struct ipc_msg m = {.type = IPC_rpt_policy};
    RECORD_COPY(RPT_COUNTED, &m.rpt_policy, c);
    m.rpt_policy.token = h->w->token;
    ipc_send(h->w->worker, &m);
    store_each_rpt_failure(h->q->store, h->w->day, str_c(h->w->domain), c->type, c->policy,
                           send_failure, tlsrpt_ignore_end, arg);
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
    struct handing h = {q, w};
    store_each_rpt_count(q->store, w->day, str_c(w->domain), send_count, tlsrpt_ignore_end, &h);
    ipc_send(w->worker, &(struct ipc_msg){.type = IPC_rpt_write,
                                          .rpt_write = {
                                              .token = w->token,
                                              .lease = w->order,
                                              .day = w->day,
                                              .domain = str_c(w->domain),
                                          }});
}

/* Due reports, copied: starting one reads the store again. */
struct due {
    struct store_rpt_sent rows[WRITINGS_MAX];
    char domains[WRITINGS_MAX][256];
    size_t n;
};

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

static void tlsrpt_note_due(void *arg, const struct store_rpt_sent *r)
{
    struct due *d = arg;
    if (d->n < WRITINGS_MAX) {
        str_copy_cut(r->domain, d->domains[d->n], sizeof d->domains[0]);
        d->rows[d->n] = *r;
        d->rows[d->n].domain = str_c(d->domains[d->n]);
        d->n++;
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
            list_remove(&w->link);
            free(w);
        }
    }
}

void tlsrpt_tick(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    int64_t now = clock_wall_ms();
    struct due due = {0};
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
        store_each_rpt_due(q->store, now, WRITINGS_MAX, tlsrpt_note_due, tlsrpt_ignore_end, &due);
        for (size_t i = 0; i < due.n; i++) {
            if (!is_writing(q, due.rows[i].day, due.rows[i].domain)) {
                tlsrpt_start(q, &due.rows[i]);
            }
        }
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
        list_remove(&w->link);
        free(w);
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
            list_remove(&w->link);
            free(w);
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
