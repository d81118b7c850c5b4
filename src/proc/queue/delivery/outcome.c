/* SPDX-License-Identifier: Apache-2.0
 * outcome.c: what came of deliveries in the smtpout processes, each recipient and each host asked.
 * Called by job.c, whose rules take smtpout's messages.
 *
 * An outcome is made durable before smtpout may use the connection for the next message: a store
 * that cannot be written must not deliver. What came of some recipients before another host is
 * asked for the rest is given to the store at once. What can go wrong: the commit fails (the
 * same outcome is written again until it holds).
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/queue.h"
#include "store/records.h"
#include "wire/id.h"
#include "wire/notify.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAVE_RETRY_MS = 1000, UNKNOWN_SAID_MS = 1000 };

static struct str outcome_keep(struct job *j, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&j->arena, s, &copy);
    return copy;
}

/* The job that this smtpout was given with that lease, and that is not over. NULL: none is left
 * (its recipients were deleted meanwhile), or it was given to another, who alone may speak of
 * it. */
static struct job *outcome_job_of(struct queue *q, struct ipc_channel *ch,
                                  const struct lease_id *lease)
{
    struct job *j = map_get(q->delivery.jobs, lease_key(lease));
    if (!j) {
        return NULL;
    }
    if (job_is_inspected(j->kind) || q->workers.smtpout[j->smtpout] != ch) {
        ipc_refuse(ch, "the lease of another");
        return NULL;
    }
    if (j->saving) {
        ipc_refuse(ch, "its lease is over");
        return NULL;
    }
    taking_taken(&q->workers.takings[j->smtpout], j); /* who speaks of it has it */
    return j;
}

static void outcome_on_taken(void *owner, struct ipc_channel *ch, const struct ipc_lease_taken *m)
{
    (void)outcome_job_of(owner, ch, &m->lease);
}

static void on_outcome_host(void *owner, struct ipc_channel *ch, const struct ipc_outcome_host *o)
{
    struct queue *q = owner;
    struct job *j = outcome_job_of(q, ch, &o->lease);
    if (!j) {
        return;
    }
    alarms_hop_fails(q, j, o->reason, o->host, o->detail);
    j->tls_offered |= o->offered || (o->sess != SESS_NOCONN && o->sess != SESS_NOADV);
    if (j->n_attempts == ARRAY_LEN(j->attempts)) {
        return;
    }
    struct store_attempt *a = arena_alloc(&j->arena, sizeof *a);
    if (!a) {
        return;
    }
    RECORD_COPY(attempt, a, o);
    a->id = j->id;
    if (record_keep(store_record_attempt(), a, &j->arena) < 0) {
        return; /* no room for one more: as above */
    }
    j->attempts[j->n_attempts++] = a;
}

/* What retry.h wants to know of it. */
static struct retry_message retry_message(const struct job *j)
{
    return (struct retry_message){
        .arrived_ms = j->arrived_ms,
        .null_reverse_path = j->null_reverse_path,
        .inside_sender = j->inside_sender,
    };
}

/* RFC 5321 4.4 MUST: a success for some is 250, the others are told of */
static bool wants_failure(const struct job *j, const struct store_rcpt *r)
{
    const struct retry_message m = retry_message(j);
    return retry_wants_failure(&m, r);
}

static void decide_deferred(struct job *j, struct store_rcpt *r, int64_t now)
{
    const struct retry_rules rules = expiry_rules(j->queue);
    const struct retry_message m = retry_message(j);
    enum retry_fault fault = expiry_is_ours(r)          ? RETRY_OURS
                             : reason_is_tls(r->reason) ? RETRY_TLS
                                                        : RETRY_OTHER;
    if (r->reason == REASON_POISON || r->reason == REASON_DAMAGED) {
        r->state = RCPT_HELD;
        return;
    }
    retry_deferred(&rules, &m, fault, now, queue_may_expire(j->queue), random_below, r);
    expiry_reason(r);
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
    j->queue->delivery.failed += r->state == RCPT_FAILED;
    j->queue->delivery.deferred += r->state != RCPT_FAILED;
}

/* A mail that must be secure waits for a connection only as long as its ladder says. */
static void keep_patience(struct job *j, struct item *it, int64_t now)
{
    struct protect_record need;
    protection_record(&it->r, &need);
    bool counts =
        it->r.state == RCPT_QUEUED && !expiry_is_ours(&it->r) && queue_may_expire(j->queue);
    if (!counts || !protection_has_next(j->queue, &need)) {
        return;
    }
    if (!retry_wait_until(j->arrived_ms + protection_patience_ms(j->queue, &need), now, &it->r)) {
        step_down(j, it, now);
    }
}

/* The attempt that decided about the recipient: the last one at the host that is named with it,
 * for that reason if there is one. */
static const struct store_attempt *outcome_attempt_of(const struct job *j,
                                                      const struct store_rcpt *r)
{
    static const struct store_attempt none;
    const struct store_attempt *found = NULL;
    for (size_t i = j->n_attempts; i > 0; i--) {
        const struct store_attempt *a = j->attempts[i - 1];
        if (str_eq(a->host, r->host) &&
            (!found || (a->reason == r->reason && found->reason != r->reason))) {
            found = a;
        }
    }
    return found                                ? found
           : j->n_attempts > 0 && r->host.n > 0 ? j->attempts[j->n_attempts - 1]
                                                : &none;
}

static void log_rcpt(const struct job *j, const struct store_rcpt *r)
{
    const struct store_attempt *a = outcome_attempt_of(j, r);
    char id[ID_TEXT], raised[96];
    id_text(j->id, id);
    raisers_text(a->raised, raised, sizeof raised);
    log_info(r->state == RCPT_QUEUED ? "deferred" : rcpt_state_name(r->state), KV("id", id),
             KVS("to", r->forward_path), KV("reason", reason_name(r->reason)), KVS("code", r->code),
             KVS("host", r->host), KVS("address", a->address), KV("session", sess_name(a->sess)),
             KV("grade", grade_name(a->grade)), KVS("tls", a->tls_version),
             KVS("cipher", a->tls_cipher), KVN("bits", a->tls_bits), KVS("group", a->tls_group),
             KVS("certificate", a->cert_check), KV("dane", tlsa_name(a->tlsa)),
             KV("sts", sts_name(a->sts)), KV("raised", raised), KVS("exception", a->exception),
             KVN("attempt", r->attempts), KVS("reply", r->reply));
}

static bool outcome_is_in(const struct job *j, const struct item *it)
{
    LIST_EACH (at, &j->items) {
        if (LIST_OF(at, struct item, place.link) == it) {
            return true;
        }
    }
    return false;
}

/* Nobody has it under way, so its recipient is tried again: what was delivered goes out twice.
 * Once a second at most, as whoever was taken over may say anything. */
static void note_unknown(const struct queue *q, const struct ipc_channel *ch,
                         const struct ipc_outcome_rcpt *o)
{
    static int64_t said_ms;
    int64_t now = clock_mono_ms();
    if (said_ms == 0 || now - said_ms >= UNKNOWN_SAID_MS) {
        said_ms = now;
        log_warn("outcome-of-no-delivery",
                 KVN("smtpout", ((const struct peer *)ipc_channel_data(ch))->index),
                 KVN("recipient", o->rcpt),
                 KV("delivered", o->result == RESULT_DELIVERED ? "yes" : "no"),
                 KVS("host", o->host), KVS("code", o->code), KVS("reply", o->reply),
                 KVN("before", q->delivery.unknown_outcomes));
    }
}

/* RFC 3461 5.2.1 MUST NOT: no notice of success by us then */
static void on_outcome_rcpt(void *owner, struct ipc_channel *ch, const struct ipc_outcome_rcpt *o)
{
    struct queue *q = owner;
    struct job *j = outcome_job_of(q, ch, &o->lease);
    struct item *it = j ? map_get(q->schedule.leased, map_id(&o->rcpt)) : NULL;
    if (!j && !ipc_misused(ch)) {
        note_unknown(q, ch, o);
    }
    if (!it || j->kind != JOB_DELIVER) {
        return; /* deleted meanwhile; of a notice its submit says it all */
    }
    if (it->r.id != j->id || !outcome_is_in(j, it)) {
        ipc_refuse(ch, "the recipient of another");
        return;
    }
    if (it->answered) {
        ipc_refuse(ch, "a recipient that has its outcome");
        return;
    }
    struct store_rcpt *r = &it->r;
    int64_t now = clock_wall_ms();
    it->answered = true;
    r->attempts++;
    r->last_ms = now;
    r->reason = o->reason;
    r->code = outcome_keep(j, o->code);
    r->reply = outcome_keep(j, o->reply);
    r->host = outcome_keep(j, o->host);
    switch (o->result) {
    case RESULT_DELIVERED:
        r->state = RCPT_DELIVERED;
        /* a next hop that knows RFC 3461 gives the notice itself; else we say how far it came */
        r->bounced =
            o->reported || j->null_reverse_path || !notify_wants(r->notify, NOTIFY_SUCCESS);
        q->delivery.delivered++;
        alarms_hop_works(q, j);
        break;
    case RESULT_DEFERRED:
        decide_deferred(j, r, now);
        keep_patience(j, it, now);
        q->delivery.deferred++;
        break;
    case RESULT_FAILED:
        r->state = RCPT_FAILED;
        r->bounced = !wants_failure(j, r);
        q->delivery.failed++;
        break;
    case RESULT_FALLBACK:
        step_down(j, it, now);
        break;
    case RESULT_OPEN: /* the table of messages lets none through */
        break;
    }
    const struct store_attempt *a = outcome_attempt_of(j, r);
    metrics_count(q, r, a->grade < GRADE_END ? a->grade : GRADE_PLAIN);
    alarms_copy_ended(q, r);
    if (r->reason == REASON_NO_STARTTLS && j->to) {
        monitor_soon(q, domain_kept(str_c(j->to->name))); /* has it lost its encryption? */
    }
    log_rcpt(j, r);
}

static void outcome_save(struct job *j);

static void on_save_retry(void *arg)
{
    outcome_save(arg);
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
    log_warn("notice-lost", KV("id", id), KV("about", about),
             KV("what", "its sender was not told; see postern message"));
    store_read(j->queue->store, &(struct store_query){.what = STORE_REPORT, .number = j->bounce_of},
               &(struct store_rows){.arg = j->queue, .rcpt = mark_untold, .done = on_untold});
}

/* The outcome is durable (or not yet): the end of a job. */
static void outcome_on_saved(void *arg, enum store_result result)
{
    struct job *j = arg;
    struct queue *q = j->queue;
    char id[ID_TEXT];
    if (result != STORE_OK) {
        id_text(j->id, id);
        log_error("outcome-not-saved", KV("id", id), KV("what", "will be written again"));
        if (!j->retry) {
            j->retry = timer_new(child_loop(q->child), on_save_retry, j);
        }
        j->n_kept = j->n_durable;
        timer_start(j->retry, SAVE_RETRY_MS);
        return;
    }
    ipc_send(q->workers.smtpout[j->smtpout],
             &(struct ipc_msg){.type = IPC_outcome_saved, .outcome_saved = {.lease = j->lease}});
    LIST_EACH (at, &j->items) {
        struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        if (r->state == RCPT_QUEUED && j->kind == JOB_DELIVER) { /* notices: queue_job_free() */
            /* a forward may have turned back inside */
            bool stays = j->to && str_eq(r->next_hop, str_c(j->to->name));
            queue_retry_at(q, stays ? j->to : queue_destination(q, r->next_hop), r->next_ms);
        }
        q->delivery.bounces_due |=
            j->kind == JOB_DELIVER && !r->bounced &&
            (r->state == RCPT_FAILED || r->state == RCPT_EXPIRED || r->state == RCPT_DELIVERED);
    }
    note_lost_notice(j);
    q->delivery.bounces_due |=
        j->bounce_stored; /* there may be more to tell about the same message */
    queue_job_free(j);
}

/* The attempts so far into the store, each once. */
static void save_attempts(struct job *j)
{
    _Static_assert((int)JOB_RCPTS == (int)SCHED_JOB_RCPTS, "all of them are named");
    CLEANUP(buf_free) struct buf list = BUF_INIT(JOB_RCPTS_TEXT);
    LIST_EACH (at, &j->items) {
        const struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        (void)!buf_printf(&list, "%s%llu", buf_len(&list) ? "," : "", (unsigned long long)r->rcpt);
    }
    while (j->n_kept < j->n_attempts) {
        struct store_attempt *a = j->attempts[j->n_kept++];
        a->rcpts = a->rcpts.n > 0 ? a->rcpts : buf_str(&list);
        store_add_attempt(j->queue->store, a);
    }
}

static void outcome_save(struct job *j)
{
    struct queue *q = j->queue;
    LIST_EACH (at, &j->items) {
        const struct item *it = LIST_OF(at, struct item, place.link);
        struct store_rcpt *r = &LIST_OF(at, struct item, place.link)->r;
        /* what was seen there says nothing about the way inside */
        bool stays = j->to && str_eq(r->next_hop, str_c(j->to->name));
        r->tls_offered |= j->tls_offered && (stays || j->kind != JOB_DELIVER);
        if (j->kind == JOB_DELIVER) {
            store_outcome(q->store, r); /* those kept, too: nobody knows yet whether that held */
        }
        if (j->kind == JOB_DELIVER && j->null_reverse_path && !it->kept) {
            pickup_notice_ended(q, r);
        }
    }
    save_attempts(j);
    store_release_body(q->store, j->id);
    j->saving = true;
    store_sync_soon(q->store, outcome_on_saved, j);
}

/* A part of an outcome given to the store, with the attempts before this one; the job may be
 * over when that holds. */
struct keeping {
    struct queue *q;
    struct lease_id lease;
    size_t n_attempts;
};

static void outcome_on_kept(void *arg, enum store_result result)
{
    struct keeping *k = arg;
    struct job *j = map_get(k->q->delivery.jobs, lease_key(&k->lease));
    if (result != STORE_OK) {
        log_error("outcome-not-saved",
                  KV("what", "a part of one; it will be written again when its round ends"));
    }
    if (j && result == STORE_OK) {
        j->n_durable = k->n_attempts;
    } else if (j) {
        j->n_kept = j->n_durable;
    }
    free(k);
}

/* Some recipients have their outcome, and another host is being asked for the rest: if its
 * worker dies meanwhile, they are not tried again. */
static void on_outcome_part(void *owner, struct ipc_channel *ch, const struct ipc_outcome_part *m)
{
    struct queue *q = owner;
    struct job *j = outcome_job_of(q, ch, &m->lease);
    if (!j) {
        return;
    }
    if (j->kind != JOB_DELIVER) {
        ipc_refuse(ch, "a part of what has none");
        return;
    }
    struct keeping *k = err_calloc(1, sizeof *k);
    *k = (struct keeping){.q = q, .lease = j->lease, .n_attempts = j->n_attempts};
    LIST_EACH (at, &j->items) {
        struct item *it = LIST_OF(at, struct item, place.link);
        if (it->answered && !it->kept) {
            it->kept = true;
            store_outcome(q->store, &it->r);
            if (j->null_reverse_path) {
                pickup_notice_ended(q, &it->r);
            }
        }
    }
    save_attempts(j);
    store_sync_soon(q->store, outcome_on_kept, k);
}

/* Whether a connection stood at all: what was heard from the other side says so. */
static bool was_reached(const struct job *j)
{
    for (size_t i = 0; i < j->n_attempts; i++) {
        enum reason r = j->attempts[i]->reason;
        if (r != REASON_CONNECT && r != REASON_TIMEOUT && r != REASON_BROKEN_SESSION &&
            r != REASON_BAD_SMTP) {
            return true;
        }
    }
    return j->n_attempts == 0;
}

static void on_outcome(void *owner, struct ipc_channel *ch, const struct ipc_outcome *m)
{
    struct queue *q = owner;
    struct job *j = outcome_job_of(q, ch, &m->lease);
    q->delivery.unknown_outcomes += !j && !ipc_misused(ch);
    if (j) {
        ipc_send(q->keys,
                 &(struct ipc_msg){.type = IPC_lease_close, .lease_close = {.lease = j->lease}});
        if (j->to && j->kind == JOB_DELIVER) {
            queue_learn(q, j->to, was_reached(j));
        }
        outcome_save(j);
    }
}

const struct ipc_rule queue_smtpout_rules[] = {IPC_ON(worker_ready, worker_on_ready),
                                               IPC_ON(lease_taken, outcome_on_taken),
                                               IPC_ON(outcome_host, on_outcome_host),
                                               IPC_ON(outcome_rcpt, on_outcome_rcpt),
                                               IPC_ON(outcome, on_outcome),
                                               IPC_ON(outcome_part, on_outcome_part),
                                               IPC_ON(submit_rcpt, queue_on_submit_rcpt),
                                               IPC_ON(submit, queue_on_submit),
                                               IPC_ON(spool_open, queue_on_spool_open),
                                               IPC_ON(spool_drop, queue_on_spool_drop),
                                               IPC_ON(observation, domains_on_observation),
                                               IPC_ON(quirk, quirks_on_quirk),
                                               IPC_ON(looked, domains_on_looked),
                                               IPC_ON(probe_host, monitor_on_host),
                                               IPC_ON(probe_done, monitor_on_done),
                                               IPC_ON(rpt_session, tlsrpt_on_session),
                                               IPC_ON(rpt_written, tlsrpt_on_written),
                                               IPC_ON(rpt_received, tlsrpt_on_received),
                                               IPC_RULES_END};
