/* SPDX-License-Identifier: Apache-2.0
 * job.c: deliveries and bounces under way in the smtpout processes. Called by schedule.c and
 * outcome.c.
 *
 * A job is a lease on some recipients of one message. What comes of it is outcome.c. What can go
 * wrong: a worker dies (its jobs are due again; the second death over one message holds it).
 */
#include "base/clock.h"
#include "base/log.h"
#include "portal/packed.h"
#include "ipc/lookup_kinds.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/queue.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BOUNCE_BATCH = 200,
    /* in one notice: with the longest addresses and replies it still fits inline */
    BOUNCE_RCPTS_MAX = 8,
};

static struct job *job_new(struct queue *q, struct sched_destination *d, enum job_kind kind,
                           uint64_t id, uint64_t octets)
{
    struct job *j = err_calloc(1, sizeof *j);
    j->lease = lease_draw();
    j->id = id;
    j->kind = kind;
    j->to = d;
    j->queue = q;
    j->smtpout = worker_for(q, d, octets);
    j->arena = ARENA_INIT(JOB_ARENA_MAX);
    j->prepared = BUF_INIT(2 * PACKED_MAX);
    list_init(&j->items);
    must(map_put(q->delivery.jobs, lease_key(&j->lease), j) == 0);
    return j;
}

/* A mail to the sender about these recipients is over, or came to nothing. While it was written
 * they were in no lane: what came due of them meanwhile, or was released, is looked for. */
static void wake_told(struct job *j)
{
    LIST_EACH (at, &j->items) {
        const struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        if (r->state == RCPT_QUEUED || r->state == RCPT_HELD) {
            queue_retry_at(j->queue, queue_destination(j->queue, r->next_hop), clock_wall_ms());
        }
    }
}

void queue_job_free(struct job *j)
{
    struct queue *q = j->queue;
    if (j->kind == JOB_BOUNCE || j->kind == JOB_NOTICE) {
        wake_told(j);
    }
    while (!list_empty(&j->items)) {
        queue_item_free(q, LIST_OF(j->items.next, struct item, place.link));
    }
    if (j->to) {
        sched_ended(&q->schedule.engine, j->to);
    }
    if (j->kind == JOB_BOUNCE || j->kind == JOB_NOTICE) {
        map_take(q->delivery.bouncing, map_id(&j->id));
    }
    map_take(q->delivery.jobs, lease_key(&j->lease));
    store_cancel(j->reading);
    timer_free(j->retry);
    arena_reset(&j->arena);
    buf_free(&j->prepared);
    free(j);
}

/* --- handing out -------------------------------------------------------- */

static void send_rcpts(const struct job *j, struct ipc_channel *to)
{
    LIST_EACH (at, &j->items) {
        const struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        ipc_send(to, &(struct ipc_msg){.type = IPC_job_rcpt,
                                       .job_rcpt = {
                                           .lease = j->lease,
                                           .rcpt = r->rcpt,
                                           .forward_path = r->forward_path,
                                           .reason = r->reason,
                                           .code = r->code,
                                           .reply = r->reply,
                                           .host = r->host,
                                           .last_ms = r->last_ms,
                                           .state = r->state,
                                           .notify = r->notify,
                                           .orcpt = r->orcpt,
                                       }});
    }
}

/* True when an earlier attempt for the same message saw encryption offered: binds even where the
 * domain is not remembered (any more). */
static bool offered_before(const struct job *j)
{
    LIST_EACH (at, &j->items) {
        if (LIST_OF(at, struct item, place.link)->r.tls_offered) {
            return true;
        }
    }
    return false;
}

/* The administrator's exceptions for this recipient, as facts and as words for the report. */
struct allowance {
    bool relax, legacy;
    char words[512];
};

static struct allowance allowance_of(const struct queue *q, struct str forward_path)
{
    struct domain_name domain = domain_of(forward_path);
    const struct store_exception *relax = exceptions_find(q, domain, EXCEPTION_RELAX);
    const struct store_exception *legacy = exceptions_find(q, domain, EXCEPTION_LEGACY);
    struct allowance a = {.relax = relax != NULL, .legacy = legacy != NULL};
    exceptions_words(relax ? relax : legacy, a.words, sizeof a.words);
    return a;
}

/* The demand that holds at this attempt: what is kept to TLS by the house alone goes as it can
 * while an exception lasts. */
static enum demand job_demand_of(const struct protect_record *need, const struct allowance *a)
{
    return need->off_site && a->relax ? DEMAND_NONE : need->demand;
}

static enum lookup_kind lookup_of(const struct route *r)
{
    return r->kind == ROUTE_MX ? LOOKUP_MX : r->hop == HOP_RELAY ? LOOKUP_RELAY : LOOKUP_HOST;
}

/* The pins of the rule, blank separated. */
static void pins_of(const struct route *r, char *dst, size_t size)
{
    struct buf text = BUF_INIT(size - 1);
    for (size_t i = 0; r->pins && i < r->pins->pins.n; i++) {
        (void)!buf_printf(&text, "%s%s", i ? " " : "", r->pins->pins.v[i]);
    }
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

/* What memory says about the destination. */
static void job_remember(struct job *j, const struct route *route, struct ipc_job *m)
{
    struct queue *q = j->queue;
    struct memory_rules rules = domains_rules(q);
    int64_t now = clock_wall_ms();
    struct domain *d = domains_find(q, route->memory, true);
    if (d) {
        domains_mailed(q, d, m->reqtls || m->demand != DEMAND_NONE || route->force > FORCE_NONE);
        /* what an earlier attempt saw may be of a server that is not named any more: of those we
         * name memory knows */
        m->seen = memory_seen(&d->d, now, &rules) || (m->seen && !d->is_key);
        m->observed = d->d.offered_ms > d->d.lowered_ms && now - d->d.offered_ms < 60 * 60 * 1000;
        m->look_until_ms = memory_look_until(&d->d, &rules);
        m->look_asked = d->d.look_asked;
        m->helo_from_ms = memory_helo_from(&d->d, clock_wall_ms(), &rules);
    }
}

/* What tells somebody outside of his answer in the portal must not carry its header section out
 * by ordinary mail. */
static bool keeps_headers_back(const struct job *j, const struct store_message *m)
{
    return (j->kind == JOB_BOUNCE || j->kind == JOB_NOTICE) && str_eq(m->protocol, STR("portal")) &&
           !conf_is_inside(child_conf(j->queue->child), domain_of(m->reverse_path));
}

/* Takes spool. */
static void send_job(struct job *j, const struct store_message *m, int spool)
{
    struct queue *q = j->queue;
    const struct conf *c = child_conf(q->child);
    struct ipc_channel *to = q->workers.smtpout[j->smtpout];
    const struct item *first = LIST_OF(j->items.next, struct item, place.link);
    struct allowance allowed = allowance_of(q, first->r.forward_path);
    struct protect_record need;
    struct route route;
    char pins[4096];
    CLEANUP(buf_free) struct buf offered = BUF_INIT(1000);
    protection_record(&first->r, &need);
    if (j->kind == JOB_NOTICE && need.asked) {
        choices_addresses(q, m, &first->r, &offered);
    }
    rules_route(c, m->reverse_path, first->r.forward_path, &route);
    rules_raise(&route, need.force);
    pins_of(&route, pins, sizeof pins);
    struct ipc_msg job = {.type = IPC_job,
                          .job = {
                              .lease = j->lease,
                              .id = m->id,
                              .kind = route.kind == ROUTE_TLS_REPORT && j->kind == JOB_DELIVER
                                          ? JOB_TLS_REPORT
                                          : j->kind,
                              .next_hop = route.kind == ROUTE_FIXED ? str_c(route.host)
                                                                    : domain_str(&route.next_hop),
                              .port = route.port,
                              .fixed_host = route.kind == ROUTE_FIXED,
                              .lookup = lookup_of(&route),
                              .memory_key = domain_str(&route.memory),
                              .reverse_path = m->reverse_path,
                              .is_8bit = m->is_8bit,
                              .is_utf8 = m->is_utf8,
                              .is_binary = m->is_binary,
                              .ret = m->ret,
                              .envid = m->envid,
                              .lmtp = route.lmtp,
                              .login = route.login,
                              .avoid = route.avoid,
                              .size = m->size,
                              .force = route.force,
                              .by_next_hop = route.force_is_next_hop,
                              .demand = job_demand_of(&need, &allowed),
                              .counts = need.counts,
                              .ladder = protection_has_next(q, &need) ? LADDER_PORTAL : LADDER_NONE,
                              .remove_flags = need.remove_flags,
                              .off_site = need.off_site,
                              .tags = str_c(need.tags),
                              .choices = buf_str(&offered),
                              .reqtls = m->reqtls || keeps_headers_back(j, m),
                              .trno = m->report                                       ? TRNO_REPORT
                                      : m->tls_required_no && c->tls_required_no == 0 ? TRNO_RELAX
                                                                                      : TRNO_OFF,
                              .override = allowed.relax ? OVERRIDE_RELAX : OVERRIDE_NONE,
                              .legacy = allowed.legacy,
                              .exception = str_c(allowed.words),
                              .profile =
                                  (uint8_t)(route.profile ? route.profile - 1 : c->smtpout.profile),
                              .dane_required = route.dane_required,
                              .assume_requiretls = route.assume_requiretls,
                              .pins = str_c(route.force == FORCE_PIN ? pins : ""),
                              .client_certificate = str_c(route.client_certificate),
                              .seen = offered_before(j),
                              .attempt = first->r.attempts,
                              .arrived_ms = m->arrived_ms,
                              /* a clock that jumped says nothing of it */
                              .age_ms = queue_may_expire(q) ? clock_wall_ms() - m->arrived_ms : 0,
                              .body = m->spool.n > 0 ? STR("") : m->body,
                          }};
    if (job.job.kind == JOB_DELIVER) {
        job_remember(j, &route, &job.job);
    }
    ipc_send(q->keys, &(struct ipc_msg){.type = IPC_lease_open,
                                        .lease_open = {
                                            .lease = j->lease,
                                            .role = ROLE_SMTPOUT,
                                            .index = j->smtpout,
                                            .sealed_key = m->sealed_key,
                                        }});
    send_rcpts(j, to);
    taking_given(&q->workers.takings[j->smtpout], j);
    if (spool >= 0) {
        ipc_send_fd(to, &job, spool);
    } else {
        ipc_send(to, &job);
    }
}

static void job_forget_ready(void *arg, const struct store_rcpt *r)
{
    queue_forget_ready(arg, r->rcpt);
}

static void job_ignore_end(void *arg, enum store_result result)
{
}

/* All of a message: what waits in memory for another destination is held, too. */
static void hold_message(struct queue *q, uint64_t id, enum reason why)
{
    store_set_state(q->store, id, RCPT_QUEUED, RCPT_HELD, 0, (uint8_t)why);
    store_read(q->store, &(struct store_query){.what = STORE_REPORT, .number = id},
               &(struct store_rows){.arg = q, .rcpt = job_forget_ready, .done = job_ignore_end});
}

/* The message cannot be handed out: its body is gone or unreadable. Never silently dropped. */
static void hold_unreadable(struct job *j, const char *what)
{
    char id[ID_TEXT], detail[200];
    id_text(j->id, id);
    log_error("message-unreadable", KV("id", id), KV("problem", what));
    snprintf(detail, sizeof detail, "message %s is held: %s; see postern message %s", id, what, id);
    alarms_raise(j->queue, domain_kept(str_c(child_conf(j->queue->child)->hostname)), ALARM_DAMAGED,
                 detail);
    hold_message(j->queue, j->id, REASON_DAMAGED);
    LIST_EACH (at, &j->items) {
        struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        if (r->state == RCPT_QUEUED) { /* those under way: since when, and why */
            r->state = RCPT_HELD;
            r->reason = REASON_DAMAGED;
            r->last_ms = clock_wall_ms();
            r->code = str_c(reason_deferred_code(REASON_DAMAGED));
            r->reply = str_c(what);
            r->host = STR("");
            store_outcome(j->queue->store, r);
        }
    }
    queue_job_free(j);
}

/* Sends the job with its message. */
static void start_with(struct job *j, const struct store_message *m)
{
    struct queue *q = j->queue;
    const struct item *first = LIST_OF(j->items.next, struct item, place.link);
    j->arrived_ms = m->arrived_ms;
    j->deaths = m->deaths;
    j->bounce_of = m->bounce_of;
    j->null_reverse_path = m->reverse_path.n == 0;
    must(arena_copy(&j->arena,
                    j->kind == JOB_BOUNCE || j->kind == JOB_NOTICE ? m->reverse_path : STR(""),
                    &j->reverse_path) == 0);
    j->inside_sender = conf_is_inside(child_conf(q->child), domain_of(m->reverse_path));
    int spool = -1;
    if (m->spool.n > 0) {
        spool = store_spool_open(q->store, m->spool);
        /* no descriptors, a disk that fails: it may be there */
        if (spool < 0 && spool != -ENOENT && spool != -EINVAL) {
            log_error("spool-not-opened", KVS("name", m->spool), KV("problem", strerror(-spool)),
                      KV("what", "its message is tried again"));
            queue_retry_at(q, j->to ? j->to : queue_destination(q, first->r.next_hop),
                           clock_wall_ms() + 5000);
            queue_job_free(j);
            return;
        }
        if (spool < 0) {
            hold_unreadable(j, "its spool file is missing");
            return;
        }
    } else if (m->body.n == 0) {
        hold_unreadable(j, "its body is missing");
        return;
    }
    if (job_is_inspected(j->kind)) {
        inspect_send(j, m, spool);
    } else {
        send_job(j, m, spool);
    }
}

/* A message being read for its job; the job may be gone when the answer comes. */
struct reading {
    struct queue *q;
    struct lease_id lease;
    bool found;
};

static void job_on_message(void *arg, const struct store_message *m)
{
    struct reading *w = arg;
    struct job *j = map_get(w->q->delivery.jobs, lease_key(&w->lease));
    w->found = true;
    if (j) {
        start_with(j, m);
    }
}

static void on_message_done(void *arg, enum store_result result)
{
    struct reading *w = arg;
    struct job *j = map_get(w->q->delivery.jobs, lease_key(&w->lease));
    if (j && result != STORE_OK) {
        queue_retry_at(w->q, j->to ? j->to : queue_destination(w->q, STR("")),
                       clock_wall_ms() + 5000);
        queue_job_free(j);
    } else if (j && !w->found) {
        hold_unreadable(j, "its record is missing");
    }
    free(w);
}

static void job_start(struct job *j)
{
    const struct item *first = LIST_OF(j->items.next, struct item, place.link);
    if (first->cached) {
        start_with(j, &first->cached->m);
        return;
    }
    struct reading *w = err_calloc(1, sizeof *w);
    *w = (struct reading){j->queue, j->lease, false};
    store_read(j->queue->store, &(struct store_query){.what = STORE_MESSAGE, .number = j->id},
               &(struct store_rows){.arg = w, .message = job_on_message, .done = on_message_done});
}

void queue_job_start(struct queue *q, struct sched_destination *d, struct link *items)
{
    enum hop_kind hop = hop_kind(str_c(d->name));
    const struct channel_making *making = channels_making_at(channels_built, hop);
    enum job_kind kind = making ? making->job : hop == HOP_INSPECT ? JOB_INSPECT : JOB_DELIVER;
    const struct item *first = LIST_OF(items->next, struct item, place.link);
    struct job *j = job_new(q, d, kind, first->r.id, first->cached ? first->cached->m.size : 0);
    while (!list_empty(items)) {
        struct link *l = items->next;
        list_remove(l);
        list_append(&j->items, l);
    }
    job_start(j);
}

/* --- bounces and notices of delay --------------------------------------- */

/* One reading of what senders are to be told, and the jobs that it makes. */
struct telling {
    struct queue *q;
    enum job_kind kind;
    struct job *job; /* of the message before */
    struct lease_id made[BOUNCE_BATCH];
    size_t n_made;
};

static void job_tell_one(void *arg, const struct store_rcpt *r)
{
    struct telling *w = arg;
    if (map_get(w->q->schedule.leased, map_id(&r->rcpt))) {
        return;
    }
    if (!w->job || w->job->id != r->id) {
        bool is_told =
            map_get(w->q->delivery.bouncing, map_id(&r->id)) || w->n_made == ARRAY_LEN(w->made);
        w->job = is_told ? NULL : job_new(w->q, NULL, w->kind, r->id, 0);
        if (!w->job) {
            return; /* one telling about a message at a time */
        }
        w->made[w->n_made++] = w->job->lease;
        must(map_put(w->q->delivery.bouncing, map_id(&r->id), w->job) == 0);
    }
    if (w->job->n_items == BOUNCE_RCPTS_MAX) {
        return; /* the others get a notice of their own, after this one */
    }
    w->job->n_items++;
    struct item *it = err_calloc(1, sizeof *it);
    it->text = ARENA_INIT(64 * 1024);
    it->r = *r;
    struct str *texts[] = {&it->r.forward_path, &it->r.next_hop, &it->r.code,      &it->r.reply,
                           &it->r.host,         &it->r.orcpt,    &it->r.protection};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        must(arena_copy(&it->text, *texts[i], texts[i]) == 0);
    }
    must(map_put(w->q->schedule.leased, map_id(&it->r.rcpt), it) == 0);
    list_append(&w->job->items, &it->place.link);
}

static void all_read(void *arg, enum store_result result)
{
    struct telling *w = arg;
    struct queue *q = w->q;
    q->delivery.bounces_reading = false;
    q->delivery.bounces_due |= result != STORE_OK;
    for (size_t i = 0; i < w->n_made; i++) {
        struct job *j = map_get(q->delivery.jobs, lease_key(&w->made[i]));
        if (j) {
            job_start(j);
        }
    }
    free(w);
}

static struct telling *telling_new(struct queue *q, enum job_kind kind)
{
    struct telling *w = err_calloc(1, sizeof *w);
    w->q = q;
    w->kind = kind;
    q->delivery.bounces_reading = true;
    return w;
}

static void telling_read(struct telling *w, const struct store_query *query)
{
    store_read(w->q->store, query,
               &(struct store_rows){.arg = w, .rcpt = job_tell_one, .done = all_read});
}

/* RFC 5321 4.4 SHOULD: one notice lists all that failed together
 * RFC 3461 5.2.8 MAY: one notice about several recipients */
void queue_bounce_start(struct queue *q)
{
    if (q->restored || !q->delivery.bounces_due || q->delivery.bounces_reading ||
        !queue_can_send(q)) {
        return;
    }
    q->delivery.bounces_due = false;
    telling_read(telling_new(q, JOB_BOUNCE),
                 &(struct store_query){.what = STORE_BOUNCE_DUE, .max = BOUNCE_BATCH});
}

void queue_notice_start(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    int64_t now = clock_wall_ms(), after = c->queue.notice_after, delay = c->queue.delay_notice;
    if (q->restored || (after == 0 && delay == 0) || q->delivery.bounces_reading ||
        !queue_can_send(q)) {
        return;
    }
    telling_read(telling_new(q, JOB_NOTICE), &(struct store_query){
                                                 .what = STORE_NOTICE_DUE,
                                                 .ms = after ? now - after : INT64_MIN,
                                                 .also_ms = delay ? now - delay : INT64_MIN,
                                                 .max = BOUNCE_BATCH,
                                             });
}

/* --- workers that die --------------------------------------------------- */

/* One that had died before it read what it was sent says nothing of it. */
bool queue_job_died(struct job *j)
{
    struct cached *h =
        list_empty(&j->items) ? NULL : LIST_OF(j->items.next, struct item, place.link)->cached;
    if (!j->taken) {
        return false;
    }
    store_count_death(j->queue->store, j->id);
    if (h) { /* a message still in memory carries its own copy of the count */
        h->m.deaths++;
    }
    return ++j->deaths >= DEATHS_MAX;
}

void queue_forget_deaths(struct queue *q, uint64_t id)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    store_forget_deaths(q->store, id);
    while (map_next(q->delivery.jobs, &cursor, &key, &value)) { /* of other recipients, under way */
        struct job *j = value;
        j->deaths = j->id == id ? 0 : j->deaths;
    }
}

/* Two ended over it: it is held. */
static void quarantine(struct queue *q, const struct job *j)
{
    char id[ID_TEXT], detail[200];
    id_text(j->id, id);
    log_error("message-quarantined", KV("id", id), KV("what", reason_sentence(REASON_POISON)));
    snprintf(detail, sizeof detail, "message %s is held: see postern message %s", id, id);
    alarms_raise(q, domain_kept(str_c(child_conf(q->child)->hostname)), ALARM_POISON, detail);
    hold_message(q, j->id, REASON_POISON);
    if (j->kind == JOB_BOUNCE) { /* writing its notice kills: an administrator must look */
        store_set_state(q->store, j->id, RCPT_FAILED, RCPT_HELD, 0, REASON_POISON);
        store_set_state(q->store, j->id, RCPT_EXPIRED, RCPT_HELD, 0, REASON_POISON);
    }
}

static void job_orphaned(struct queue *q, struct job *j)
{
    if (queue_job_died(j)) {
        quarantine(q, j);
    }
    if (j->to) {
        queue_retry_at(q, j->to, clock_wall_ms());
    } else {
        q->delivery.bounces_due = true;
    }
    ipc_send(q->keys,
             &(struct ipc_msg){.type = IPC_lease_close, .lease_close = {.lease = j->lease}});
    queue_job_free(j);
}

void queue_worker_gone(struct queue *q, unsigned index)
{
    struct lease_id doomed[256];
    size_t n;
    do { /* the map may not change while it is walked */
        size_t cursor = 0;
        struct str key;
        void *value;
        n = 0;
        while (n < ARRAY_LEN(doomed) && map_next(q->delivery.jobs, &cursor, &key, &value)) {
            const struct job *j = value;
            if (j->smtpout == index && !j->saving && j->kind != JOB_INSPECT &&
                j->kind != JOB_PREPARE) {
                doomed[n++] = j->lease;
            }
        }
        for (size_t i = 0; i < n; i++) {
            job_orphaned(q, map_get(q->delivery.jobs, lease_key(&doomed[i])));
        }
    } while (n > 0);
}
