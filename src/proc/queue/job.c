/* SPDX-License-Identifier: Apache-2.0
 * job.c: deliveries and bounces under way in the smtpout processes, and what came of them.
 *
 * A job is a lease on some recipients of one message. Its outcome is made durable before smtpout
 * may use the connection for the next message: a store that cannot be written must not deliver.
 * What can go wrong: a worker dies (its jobs are due again; the second death over one message
 * holds it), the commit fails (the same outcome is written again until it holds).
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "portal/packed.h"
#include "proc/lookup_kinds.h"
#include "proc/queue/channel.h"
#include "proc/queue/queue.h"
#include "wire/id.h"
#include "wire/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SAVE_RETRY_MS = 1000,
    BOUNCE_BATCH = 200,
    BOUNCE_RCPTS_MAX = 8, /* in one notice: with the longest addresses and replies it still fits inline */
};

/* What became of a recipient in smtpout (field `result` of outcome_rcpt). */
enum rcpt_result { RESULT_DELIVERED, RESULT_DEFERRED, RESULT_FAILED, RESULT_FALLBACK /* the next rung of the ladder, now */ };

static struct job *job_new(struct queue *q, struct sched_destination *d, enum job_kind kind, uint64_t id, uint64_t octets)
{
    struct job *j = err_calloc(1, sizeof *j);
    j->lease = ++q->next_lease;
    j->id = id;
    j->kind = kind;
    j->to = d;
    j->queue = q;
    j->smtpout = worker_for(q, d, octets);
    j->arena = ARENA_INIT(JOB_ARENA_MAX);
    j->prepared = BUF_INIT(2 * PACKED_MAX);
    list_init(&j->items);
    must(map_put(q->jobs, map_id(&j->lease), j) == 0);
    return j;
}

void queue_job_free(struct job *j)
{
    struct queue *q = j->queue;
    while (!list_empty(&j->items)) {
        queue_item_free(q, LIST_OF(j->items.next, struct item, place.link));
    }
    if (j->to) {
        sched_ended(&q->sched, j->to);
    }
    if (j->kind == JOB_BOUNCE || j->kind == JOB_NOTICE) {
        map_take(q->bouncing, map_id(&j->id));
    }
    map_take(q->jobs, map_id(&j->lease));
    timer_free(j->retry);
    arena_reset(&j->arena);
    buf_free(&j->prepared);
    free(j);
}

/* --- handing out ----------------------------------------------------------------------------------- */

static void send_rcpts(const struct job *j, struct ipc_channel *to)
{
    LIST_EACH (at, &j->items) {
        const struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        ipc_send(to, &(struct ipc_msg){.type = IPC_job_rcpt,
                                       .job_rcpt = {.lease = j->lease,
                                                    .rcpt = r->rcpt,
                                                    .forward_path = r->forward_path,
                                                    .reason = r->reason,
                                                    .code = r->code,
                                                    .reply = r->reply,
                                                    .host = r->host,
                                                    .last_ms = r->last_ms,
                                                    .state = (uint8_t)r->state,
                                                    .notify = r->notify,
                                                    .orcpt = r->orcpt}});
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

/* The demand that holds at this attempt: what is kept to TLS by the house alone goes as it can while an exception lasts. */
static enum demand demand_of(const struct protect_record *need, const struct allowance *a)
{
    return need->off_site && a->relax ? DEMAND_NONE : need->demand;
}

static enum lookup_kind lookup_of(const struct route *r)
{
    return r->kind == ROUTE_MX ? LOOKUP_MX : strcmp(r->next_hop.canonical, "=relay") == 0 ? LOOKUP_RELAY : LOOKUP_HOST;
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
static void remember(struct job *j, const struct route *route, struct ipc_job *m)
{
    struct queue *q = j->queue;
    struct memory_rules rules = domains_rules(q);
    int64_t now = clock_wall_ms();
    struct domain *d = domains_find(q, route->next_hop, true);
    if (d) {
        domains_mailed(q, d, m->reqtls || m->demand != DEMAND_NONE || route->force > FORCE_NONE);
        m->seen |= memory_seen(&d->d, now, &rules);
        m->sighted = d->d.offered_ms > d->d.lowered_ms && now - d->d.offered_ms < 60 * 60 * 1000;
        m->look_until_ms = memory_look_until(&d->d, &rules);
    }
}

/* What tells somebody outside of his answer in the portal must not carry its header section out by ordinary mail. */
static bool keeps_headers_back(const struct job *j, const struct store_message *m)
{
    return (j->kind == JOB_BOUNCE || j->kind == JOB_NOTICE) && str_eq(m->protocol, STR("portal")) && !conf_is_inside(child_conf(j->queue->child), domain_of(m->reverse_path));
}

static void send_job(struct job *j, const struct store_message *m, int spool)
{
    struct queue *q = j->queue;
    const struct conf *c = child_conf(q->child);
    struct ipc_channel *to = q->smtpout[j->smtpout];
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
    route.force = need.force > route.force ? need.force : route.force;
    pins_of(&route, pins, sizeof pins);
    struct ipc_msg job = {
        .type = IPC_job,
        .job = {.lease = j->lease,
                .id = m->id,
                .kind = route.kind == ROUTE_TLS_REPORT && j->kind == JOB_DELIVER ? JOB_TLS_REPORT : (uint8_t)j->kind,
                .next_hop = route.kind == ROUTE_FIXED ? str_c(route.host) : domain_str(&route.next_hop),
                .port = route.port,
                .fixed_host = route.kind == ROUTE_FIXED,
                .lookup = (uint8_t)lookup_of(&route),
                .memory_key = domain_str(&route.next_hop),
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
                .force = (uint8_t)route.force,
                .demand = (uint8_t)demand_of(&need, &allowed),
                .counts = (uint8_t)need.counts,
                .ladder = protection_has_next(q, &need) ? LADDER_PORTAL : LADDER_NONE,
                .remove_flags = need.remove_flags,
                .tags = str_c(need.tags),
                .choices = buf_str(&offered),
                .reqtls = m->reqtls || keeps_headers_back(j, m),
                .trno = m->report ? TRNO_REPORT : m->tls_required_no && c->tls_required_no == 0 ? TRNO_RELAX : TRNO_OFF,
                .override = allowed.relax ? OVERRIDE_RELAX : OVERRIDE_NONE,
                .legacy = allowed.legacy,
                .exception = str_c(allowed.words),
                .profile = (uint8_t)(route.profile ? route.profile - 1 : c->smtpout.profile),
                .dane_required = route.dane_required,
                .assume_requiretls = route.assume_requiretls,
                .pins = str_c(route.force == FORCE_PIN ? pins : ""),
                .client_certificate = str_c(route.client_certificate),
                .seen = offered_before(j),
                .attempt = first->r.attempts,
                .arrived_ms = m->arrived_ms,
                .body = m->spool.n > 0 ? STR("") : m->body}};
    if (job.job.kind == JOB_DELIVER) {
        remember(j, &route, &job.job);
    }
    ipc_send(q->keys, &(struct ipc_msg){.type = IPC_lease_open,
                                        .lease_open = {.lease = j->lease, .sealed_key = m->sealed_key}});
    send_rcpts(j, to);
    if (spool >= 0) {
        ipc_send_fd(to, &job, spool);
    } else {
        ipc_send(to, &job);
    }
}

/* The message cannot be handed out: its body is gone or unreadable. Never silently dropped. */
static void hold_unreadable(struct job *j, const char *what)
{
    char id[ID_TEXT];
    id_text(j->id, id);
    log_error("message-unreadable", KV("id", id), KV("problem", what));
    store_set_state(j->queue->store, j->id, RCPT_QUEUED, RCPT_HELD, 0, REASON_POISON);
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
    j->inside_sender = conf_is_inside(child_conf(q->child), domain_of(m->reverse_path));
    CLEANUP(err_close_fd) int spool = -1;
    if (m->spool.n > 0) {
        spool = store_spool_open(q->store, m->spool);
        if (spool == -EMFILE || spool == -ENFILE) {
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
    if (j->kind == JOB_INSPECT || j->kind == JOB_PREPARE) {
        inspect_send(j, m, spool);
    } else {
        send_job(j, m, spool);
    }
}

/* A message being read for its job; the job may be gone when the answer comes. */
struct reading {
    struct queue *q;
    uint64_t lease;
    bool found;
};

static void on_message(void *arg, const struct store_message *m)
{
    struct reading *w = arg;
    struct job *j = map_get(w->q->jobs, map_id(&w->lease));
    w->found = true;
    if (j) {
        start_with(j, m);
    }
}

static void on_message_done(void *arg, enum store_result result)
{
    struct reading *w = arg;
    struct job *j = map_get(w->q->jobs, map_id(&w->lease));
    if (j && result != STORE_OK) {
        queue_retry_at(w->q, j->to ? j->to : queue_destination(w->q, STR("")), clock_wall_ms() + 5000);
        queue_job_free(j);
    } else if (j && !w->found) {
        hold_unreadable(j, "its record is missing");
    }
    free(w);
}

static void start(struct job *j)
{
    const struct item *first = LIST_OF(j->items.next, struct item, place.link);
    if (first->hot) {
        start_with(j, &first->hot->m);
        return;
    }
    struct reading *w = err_calloc(1, sizeof *w);
    *w = (struct reading){j->queue, j->lease, false};
    store_message_get(j->queue->store, j->id, on_message, on_message_done, w);
}

void queue_job_start(struct queue *q, struct sched_destination *d, struct link *items)
{
    enum job_kind kind = strcmp(d->name, PORTAL_HOP) == 0 ? JOB_PREPARE : d->is_inside ? JOB_INSPECT : JOB_DELIVER;
    const struct item *first = LIST_OF(items->next, struct item, place.link);
    struct job *j = job_new(q, d, kind, first->r.id, first->hot ? first->hot->m.size : 0);
    while (!list_empty(items)) {
        struct link *l = items->next;
        list_remove(l);
        list_append(&j->items, l);
    }
    start(j);
}

/* --- bounces and notices of delay ------------------------------------------------------------------------ */

/* One reading of what senders are to be told; jobs get leases from `first` on. */
struct telling {
    struct queue *q;
    enum job_kind kind;
    struct job *job;
    uint64_t first;
};

static void tell_one(void *arg, const struct store_rcpt *r)
{
    struct telling *w = arg;
    if (map_get(w->q->leased, map_id(&r->rcpt))) {
        return;
    }
    if (!w->job || w->job->id != r->id) {
        w->job = map_get(w->q->bouncing, map_id(&r->id)) ? NULL : job_new(w->q, NULL, w->kind, r->id, 0);
        if (!w->job) {
            return; /* one telling about a message at a time */
        }
        must(map_put(w->q->bouncing, map_id(&r->id), w->job) == 0);
    }
    if (w->job->n_items == BOUNCE_RCPTS_MAX) {
        return; /* the others get a notice of their own, after this one */
    }
    w->job->n_items++;
    struct item *it = err_calloc(1, sizeof *it);
    it->text = ARENA_INIT(64 * 1024);
    it->r = *r;
    struct str *texts[] = {&it->r.forward_path, &it->r.next_hop, &it->r.code, &it->r.reply, &it->r.host, &it->r.orcpt, &it->r.protection};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        must(arena_copy(&it->text, *texts[i], texts[i]) == 0);
    }
    must(map_put(w->q->leased, map_id(&it->r.rcpt), it) == 0);
    list_append(&w->job->items, &it->place.link);
}

static void all_read(void *arg, enum store_result result)
{
    struct telling *w = arg;
    struct queue *q = w->q;
    q->bounces_reading = false;
    q->bounces_due |= result != STORE_OK;
    for (uint64_t lease = w->first; lease <= q->next_lease; lease++) {
        struct job *j = map_get(q->jobs, map_id(&lease));
        if (j && j->kind == w->kind && !j->started) {
            j->started = true;
            start(j);
        }
    }
    free(w);
}

static struct telling *telling_new(struct queue *q, enum job_kind kind)
{
    struct telling *w = err_calloc(1, sizeof *w);
    *w = (struct telling){.q = q, .kind = kind, .first = q->next_lease + 1};
    q->bounces_reading = true;
    return w;
}

void queue_bounce_start(struct queue *q)
{
    if (!q->bounces_due || q->bounces_reading || !queue_can_send(q)) {
        return;
    }
    q->bounces_due = false;
    store_each_bounce_due(q->store, BOUNCE_BATCH, tell_one, all_read, telling_new(q, JOB_BOUNCE));
}

void queue_notice_start(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    int64_t now = clock_wall_ms(), after = c->queue.notice_after, delay = c->queue.delay_notice;
    if ((after == 0 && delay == 0) || q->bounces_reading || !queue_can_send(q)) {
        return;
    }
    store_each_notice_due(q->store, after ? now - after : INT64_MIN, delay ? now - delay : INT64_MIN, BOUNCE_BATCH, tell_one,
                          all_read, telling_new(q, JOB_NOTICE));
}

/* --- outcomes ------------------------------------------------------------------------------------------ */

static struct str keep(struct job *j, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&j->arena, s, &copy);
    return copy;
}

static void on_outcome_host(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct queue *q = owner;
    const struct ipc_outcome_host *o = &m->outcome_host;
    struct job *j = map_get(q->jobs, map_id(&o->lease));
    (void)ch;
    (void)fd;
    if (!j) {
        return;
    }
    must(o->sess < SESS_END && o->tlsa < TLSA_END && o->sts < STS_END);
    j->tls_offered |= o->offered || (o->sess != SESS_NOCONN && o->sess != SESS_NOADV);
    if (j->n_attempts == ARRAY_LEN(j->attempts)) {
        return;
    }
    struct store_attempt *a = arena_alloc(&j->arena, sizeof *a);
    if (!a) {
        return;
    }
    *a = (struct store_attempt){
        .id = j->id, .at_ms = o->at_ms, .took_ms = o->took_ms, .host = keep(j, o->host),
        .address = keep(j, o->address), .port = o->port, .mx = o->mx, .sess = o->sess,
        .action = o->action, .grade = o->grade, .floor = o->floor, .reason = o->reason,
        .raised = o->raised, .reused = o->reused != 0, .tls_version = keep(j, o->tls_version),
        .tls_cipher = keep(j, o->tls_cipher), .tls_bits = o->tls_bits,
        .tls_group = keep(j, o->tls_group), .tls_signature = keep(j, o->tls_signature),
        .peer_key = keep(j, o->peer_key), .cert_check = keep(j, o->cert_check),
        .cert_subject = keep(j, o->cert_subject), .cert_issuer = keep(j, o->cert_issuer),
        .cert_fingerprint = keep(j, o->cert_fingerprint), .cert_not_after = o->cert_not_after,
        .detail = keep(j, o->detail), .tlsa = o->tlsa, .sts = o->sts, .dane_check = keep(j, o->dane_check),
        .exception = keep(j, o->exception)};
    j->attempts[j->n_attempts++] = a;
}

/* What retry.h wants to know of it. */
static struct retry_message retry_message(const struct job *j)
{
    return (struct retry_message){.arrived_ms = j->arrived_ms, .null_reverse_path = j->null_reverse_path, .inside_sender = j->inside_sender};
}

static bool wants_failure(const struct job *j, const struct store_rcpt *r)
{
    const struct retry_message m = retry_message(j);
    return retry_wants_failure(&m, r);
}

static bool is_ours(const struct store_rcpt *r)
{
    return r->reason == REASON_KEYS_AWAY || r->reason == REASON_SHUTDOWN;
}

static void decide_deferred(struct job *j, struct store_rcpt *r, int64_t now)
{
    const struct retry_rules rules = expiry_rules(j->queue);
    const struct retry_message m = retry_message(j);
    enum retry_fault fault = is_ours(r) ? RETRY_OURS : reason_is_tls((enum reason)r->reason) ? RETRY_TLS : RETRY_OTHER;
    if (r->reason == REASON_POISON) {
        r->state = RCPT_HELD;
        return;
    }
    retry_deferred(&rules, &m, fault, now, queue_may_expire(j->queue), random_below, r);
}

/* Transport did not come about, and the ladder has a next rung. */
static void step_down(struct job *j, struct item *it, int64_t now)
{
    struct store_rcpt *r = &it->r;
    bool tells = !j->null_reverse_path && notify_wants(r->notify, NOTIFY_DELAY);
    if (protection_step_down(j->queue, r, tells, &it->text) < 0) {
        decide_deferred(j, r, now); /* no room for its words: once more */
        return;
    }
    r->bounced = r->state == RCPT_FAILED && !wants_failure(j, r);
    j->queue->failed += r->state == RCPT_FAILED;
    j->queue->deferred += r->state != RCPT_FAILED;
}

/* A mail that must be secure waits for a connection only as long as its ladder says. */
static void keep_patience(struct job *j, struct item *it, int64_t now)
{
    struct protect_record need;
    protection_record(&it->r, &need);
    if (it->r.state != RCPT_QUEUED || is_ours(&it->r) || !protection_has_next(j->queue, &need)) {
        return;
    }
    if (!retry_wait_until(j->arrived_ms + protection_patience_ms(j->queue, &need), now, &it->r)) {
        step_down(j, it, now);
    }
}

/* The attempt that decided about the recipient: the last one at the host that is named with it. */
static const struct store_attempt *attempt_of(const struct job *j, const struct store_rcpt *r)
{
    static const struct store_attempt none;
    for (size_t i = j->n_attempts; i > 0; i--) {
        if (str_eq(j->attempts[i - 1]->host, r->host)) {
            return j->attempts[i - 1];
        }
    }
    return j->n_attempts > 0 ? j->attempts[j->n_attempts - 1] : &none;
}

static void log_rcpt(const struct job *j, const struct store_rcpt *r)
{
    const struct store_attempt *a = attempt_of(j, r);
    char id[ID_TEXT], raised[96];
    id_text(j->id, id);
    raisers_text(a->raised, raised, sizeof raised);
    log_info(r->state == RCPT_QUEUED ? "deferred" : rcpt_state_name(r->state), KV("id", id),
             KVS("to", r->forward_path), KV("reason", reason_name((enum reason)r->reason)),
             KVS("code", r->code), KVS("host", r->host), KVS("address", a->address),
             KV("session", sess_name((enum sess)a->sess)), KV("grade", grade_name((enum grade)a->grade)),
             KVS("tls", a->tls_version), KVS("cipher", a->tls_cipher), KVN("bits", a->tls_bits),
             KVS("certificate", a->cert_check), KV("dane", tlsa_name((enum tlsa)a->tlsa)),
             KV("sts", sts_name((enum sts)a->sts)), KV("raised", raised), KVS("exception", a->exception),
             KVN("attempt", r->attempts), KVS("reply", r->reply));
}

static void on_outcome_rcpt(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct queue *q = owner;
    const struct ipc_outcome_rcpt *o = &m->outcome_rcpt;
    struct job *j = map_get(q->jobs, map_id(&o->lease));
    struct item *it = map_get(q->leased, map_id(&o->rcpt));
    (void)ch;
    (void)fd;
    if (!j || !it || j->kind != JOB_DELIVER || it->answered) {
        return;
    }
    must(it->r.id == j->id && o->reason < REASON_END && o->result <= RESULT_FALLBACK);
    struct store_rcpt *r = &it->r;
    int64_t now = clock_wall_ms();
    it->answered = true;
    r->attempts++;
    r->last_ms = now;
    r->reason = o->reason;
    r->code = keep(j, o->code);
    r->reply = keep(j, o->reply);
    r->host = keep(j, o->host);
    switch ((enum rcpt_result)o->result) {
    case RESULT_DELIVERED:
        r->state = RCPT_DELIVERED;
        /* a next hop that knows RFC 3461 gives the notice itself; else we say how far it came */
        r->bounced = o->reported || j->null_reverse_path || !notify_wants(r->notify, NOTIFY_SUCCESS);
        q->delivered++;
        break;
    case RESULT_DEFERRED:
        decide_deferred(j, r, now);
        keep_patience(j, it, now);
        q->deferred++;
        break;
    case RESULT_FAILED:
        r->state = RCPT_FAILED;
        r->bounced = !wants_failure(j, r);
        q->failed++;
        break;
    case RESULT_FALLBACK:
        step_down(j, it, now);
        break;
    }
    metrics_outcome(q, j, r->state == RCPT_FAILED ? RESULT_FAILED : o->result == RESULT_FALLBACK ? RESULT_DEFERRED : o->result, (enum reason)r->reason);
    if (r->reason == REASON_NO_STARTTLS && j->to) {
        monitor_soon(q, domain_kept(str_c(j->to->name))); /* has it lost its encryption? */
    }
    log_rcpt(j, r);
}

static void save(struct job *j);

static void on_save_retry(void *arg)
{
    save(arg);
}

/* Nobody was told after all: what is reported of the original says so. */
static void mark_untold(void *arg, const struct store_rcpt *r)
{
    struct queue *q = arg;
    if (r->bounced && (r->state == RCPT_FAILED || r->state == RCPT_EXPIRED)) {
        store_set_notice(q->store, r->rcpt, NOTICE_LOST);
    }
}

static void on_untold(void *arg, enum store_result result)
{
    (void)arg;
    if (result != STORE_OK) {
        log_error("lost-notice-not-noted", KVN("result", result));
    }
}

/* A notice of ours failed for good. */
static void note_lost_notice(struct job *j)
{
    char id[ID_TEXT], about[ID_TEXT];
    bool lost = false;
    LIST_EACH (at, &j->items) {
        enum rcpt_state state = LIST_OF(at, struct item, place.link)->r.state;
        lost |= state == RCPT_FAILED || state == RCPT_EXPIRED;
    }
    if (j->kind != JOB_DELIVER || !j->bounce_of || !lost) {
        return;
    }
    id_text(j->id, id);
    id_text(j->bounce_of, about);
    log_warn("notice-lost", KV("id", id), KV("about", about), KV("what", "its sender was not told; see postern message"));
    store_report(j->queue->store, j->bounce_of, NULL, mark_untold, NULL, on_untold, j->queue);
}

/* The outcome is durable (or not yet): the end of a job. */
static void on_saved(void *arg, enum store_result result)
{
    struct job *j = arg;
    struct queue *q = j->queue;
    if (result != STORE_OK) {
        log_error("outcome-not-saved", KVN("lease", j->lease), KV("what", "will be written again"));
        if (!j->retry) {
            j->retry = timer_new(child_loop(q->child), on_save_retry, j);
        }
        timer_start(j->retry, SAVE_RETRY_MS);
        return;
    }
    ipc_send(q->smtpout[j->smtpout], &(struct ipc_msg){.type = IPC_outcome_saved,
                                                       .outcome_saved = {.lease = j->lease}});
    LIST_EACH (at, &j->items) {
        struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        if (r->state == RCPT_QUEUED) { /* after a notice, too: it may have come due while the notice held it */
            bool stays = j->to && str_eq(r->next_hop, str_c(j->to->name)); /* a forward may have turned back inside */
            queue_retry_at(q, stays ? j->to : queue_destination(q, r->next_hop), r->next_ms);
        }
        q->bounces_due |= j->kind == JOB_DELIVER && !r->bounced &&
                          (r->state == RCPT_FAILED || r->state == RCPT_EXPIRED || r->state == RCPT_DELIVERED);
    }
    note_lost_notice(j);
    q->bounces_due |= j->bounce_stored; /* there may be more to tell about the same message */
    queue_job_free(j);
}

static void save(struct job *j)
{
    struct queue *q = j->queue;
    char rcpts[1024];
    struct buf list = BUF_INIT(sizeof rcpts - 1);
    LIST_EACH (at, &j->items) {
        struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        bool stays = j->to && str_eq(r->next_hop, str_c(j->to->name)); /* what was seen there says nothing about the way inside */
        r->tls_offered |= j->tls_offered && (stays || j->kind != JOB_DELIVER);
        (void)!buf_printf(&list, "%s%llu", buf_len(&list) ? "," : "", (unsigned long long)r->rcpt);
        if (j->kind == JOB_DELIVER) {
            store_outcome(q->store, r);
        }
        if (j->kind == JOB_DELIVER && j->null_reverse_path) {
            pickup_notice_ended(q, r);
        }
    }
    str_copy_cut(buf_str(&list), rcpts, sizeof rcpts);
    buf_free(&list);
    for (size_t i = 0; i < j->n_attempts; i++) {
        j->attempts[i]->rcpts = str_c(rcpts);
        store_add_attempt(q->store, j->attempts[i]);
    }
    store_release_body(q->store, j->id);
    j->saving = true;
    store_sync_soon(q->store, on_saved, j);
}

/* Whether a connection stood at all: what was heard from the other side says so. */
static bool was_reached(const struct job *j)
{
    for (size_t i = 0; i < j->n_attempts; i++) {
        enum reason r = (enum reason)j->attempts[i]->reason;
        if (r != REASON_CONNECT && r != REASON_TIMEOUT && r != REASON_BROKEN_SESSION) {
            return true;
        }
    }
    return j->n_attempts == 0;
}

static void on_outcome(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct queue *q = owner;
    struct job *j = map_get(q->jobs, map_id(&m->outcome.lease));
    (void)ch;
    (void)fd;
    if (j) {
        ipc_send(q->keys, &(struct ipc_msg){.type = IPC_lease_close, .lease_close = {.lease = j->lease}});
        if (j->to && j->kind == JOB_DELIVER) {
            queue_learn(q, j->to, was_reached(j));
        }
        save(j);
    }
}

/* --- workers that die ------------------------------------------------------------------------------------ */

/* A message still in memory carries its own copy of the count. */
static struct hot *hot_of(const struct job *j)
{
    return list_empty(&j->items) ? NULL : LIST_OF(j->items.next, struct item, place.link)->hot;
}

static void note_hot_death(const struct job *j)
{
    if (hot_of(j)) {
        hot_of(j)->m.deaths++;
    }
}

static void job_orphaned(struct queue *q, struct job *j)
{
    char id[ID_TEXT], detail[200];
    uint32_t deaths = j->deaths;
    id_text(j->id, id);
    store_count_death(q->store, j->id);
    note_hot_death(j);
    if (++deaths >= DEATHS_MAX) {
        log_error("message-quarantined", KV("id", id), KV("what", reason_sentence(REASON_POISON)));
        snprintf(detail, sizeof detail, "message %s is held: see postern message %s", id, id);
        alarms_raise(q, domain_kept(str_c(child_conf(q->child)->hostname)), ALARM_POISON, detail);
        store_set_state(q->store, j->id, RCPT_QUEUED, RCPT_HELD, 0, REASON_POISON);
        if (j->kind == JOB_BOUNCE) { /* writing its notice kills: an administrator must look */
            store_set_state(q->store, j->id, RCPT_FAILED, RCPT_HELD, 0, REASON_POISON);
            store_set_state(q->store, j->id, RCPT_EXPIRED, RCPT_HELD, 0, REASON_POISON);
        }
    }
    if (j->to) {
        queue_retry_at(q, j->to, clock_wall_ms());
    } else {
        q->bounces_due = true;
    }
    ipc_send(q->keys, &(struct ipc_msg){.type = IPC_lease_close, .lease_close = {.lease = j->lease}});
    queue_job_free(j);
}

void queue_worker_gone(struct queue *q, unsigned index)
{
    uint64_t doomed[256];
    size_t n;
    do { /* the map may not change while it is walked */
        size_t cursor = 0;
        struct str key;
        void *value;
        n = 0;
        while (n < ARRAY_LEN(doomed) && map_next(q->jobs, &cursor, &key, &value)) {
            const struct job *j = value;
            if (j->smtpout == index && !j->saving && j->kind != JOB_INSPECT && j->kind != JOB_PREPARE) {
                doomed[n++] = j->lease;
            }
        }
        for (size_t i = 0; i < n; i++) {
            job_orphaned(q, map_get(q->jobs, map_id(&doomed[i])));
        }
    } while (n > 0);
}

const struct ipc_rule queue_smtpout_rules[] = {{IPC_outcome_host, on_outcome_host},
                                               {IPC_outcome_rcpt, on_outcome_rcpt},
                                               {IPC_outcome, on_outcome},
                                               {IPC_submit_rcpt, queue_on_submit_rcpt},
                                               {IPC_submit, queue_on_submit},
                                               {IPC_spool_open, queue_on_spool_open},
                                               {IPC_spool_drop, queue_on_spool_drop},
                                               {IPC_sighting, domains_on_sighting},
                                               {IPC_quirk, quirks_on_quirk},
                                               {IPC_looked, domains_on_looked},
                                               {IPC_probe_host, monitor_on_host},
                                               {IPC_probe_done, monitor_on_done},
                                               {IPC_rpt_session, tlsrpt_on_session},
                                               {IPC_rpt_written, tlsrpt_on_written},
                                               {IPC_rpt_received, tlsrpt_on_received},
                                               {IPC_none, NULL}};
