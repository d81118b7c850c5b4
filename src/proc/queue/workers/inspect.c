/* SPDX-License-Identifier: Apache-2.0
 * inspect.c: mail that must be read before it is decided. Its recipients stand behind a
 * destination of their own, "=inspect", until an inspect process has said what is in it; then each
 * is decided (protection.c) and stands behind its real one. Durable from the beginning: what was
 * under way is inspected again after a restart. Called by submit.c for new messages, by schedule.c
 * when an inspect is free.
 *
 * While the client still waits (setting inspection wait) a refusal is an answer; later it is a
 * bounce. What can go wrong: an inspector dies or takes too long: once is chance, the second
 * time the message could not be inspected, which is never clean; no inspector is there: the mail
 * waits.
 */
#include "base/clock.h"
#include "base/log.h"
#include "policy/inspection.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/protection/protection.h"
#include "proc/queue/queue.h"
#include "wire/id.h"
#include "wire/notify.h"

#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS = 1000, SAVE_RETRY_MS = 1000, AWAITED_MAX = 100000 };

static bool is_free(const struct inspector *i)
{
    return i->channel && i->ready && lease_is_none(&i->lease) && !i->leaves;
}

/* NULL: none is. */
static struct inspector *free_one(struct queue *q)
{
    for (unsigned at = 0; at < INSPECTORS; at++) {
        if (is_free(&q->workers.inspectors[at])) {
            return &q->workers.inspectors[at];
        }
    }
    return NULL;
}

struct ipc_channel *inspect_channel_of(const struct queue *q, const struct job *j)
{
    for (unsigned at = 0; at < INSPECTORS; at++) {
        if (lease_same(&q->workers.inspectors[at].lease, &j->lease)) {
            return q->workers.inspectors[at].channel;
        }
    }
    return NULL;
}

unsigned inspect_free(const struct queue *q)
{
    unsigned n = 0;
    for (unsigned i = 0; i < INSPECTORS && q->keys; i++) {
        n += is_free(&q->workers.inspectors[i]);
    }
    return n;
}

void inspect_init(struct queue *q)
{
    q->workers.awaited = map_new(AWAITED_MAX);
}

struct cached *inspect_awaited(const struct queue *q, uint64_t id)
{
    return map_get(q->workers.awaited, map_id(&id));
}

/* --- the client that waits ---------------------------------------------- */

/* refusal: NULL where it is taken. */
static void inspect_tell_client(struct cached *h, const char *refusal)
{
    struct requester *a = h->requester;
    struct queue *q = a->queue;
    h->requester = NULL;
    map_take(q->workers.awaited, map_id(&h->m.id));
    queue_answer(q, a->peer->channel, a->token, STORE_OK, refusal);
    timer_free(a->timer);
    queue_peer_unref(a->peer);
    free(a);
    queue_cached_release(q, h);
}

static void on_patience_over(void *arg)
{
    inspect_tell_client(arg, NULL);
}

bool inspect_makes_wait(struct queue *q, struct cached *h, struct peer *p, uint64_t token,
                        size_t n_rcpts)
{
    int64_t wait = child_conf(q->child)->inspection.wait;
    if (wait == 0 || !p->channel || map_put(q->workers.awaited, map_id(&h->m.id), h) < 0) {
        return false;
    }
    struct requester *a = err_calloc(1, sizeof *a);
    *a = (struct requester){.queue = q, .peer = p, .token = token, .open = n_rcpts};
    p->refs++;
    h->refs++;
    h->requester = a;
    a->timer = timer_new(child_loop(q->child), on_patience_over, h);
    timer_start(a->timer, wait);
    return true;
}

/* --- handing out -------------------------------------------------------- */

void inspect_send(struct job *j, const struct store_message *m, int spool)
{
    struct queue *q = j->queue;
    struct inspector *i = free_one(q);
    if (!i || !q->keys) { /* it left meanwhile */
        err_close_fd(&spool);
        queue_retry_at(q, j->to, clock_wall_ms() + AGAIN_MS);
        queue_job_free(j);
        return;
    }
    i->lease = j->lease;
    taking_given(&i->taking, j);
    j->message = *m;
    struct str *texts[] = {&j->message.reverse_path, &j->message.client,   &j->message.login,
                           &j->message.certificate,  &j->message.protocol, &j->message.sealed_key};
    for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
        must(arena_copy(&j->arena, *texts[k], texts[k]) == 0);
    }
    ipc_send(q->keys, &(struct ipc_msg){.type = IPC_lease_open,
                                        .lease_open = {
                                            .lease = j->lease,
                                            .role = ROLE_INSPECT,
                                            .index = i->index,
                                            .sealed_key = m->sealed_key,
                                        }});
    const struct ipc_msg job = {.type = IPC_inspect,
                                .inspect = {
                                    .lease = j->lease,
                                    .id = m->id,
                                    .size = m->size,
                                    .kind = j->kind,
                                    .body = m->spool.n > 0 ? STR("") : m->body,
                                }};
    if (spool >= 0) {
        ipc_send_fd(i->channel, &job, spool);
    } else {
        ipc_send(i->channel, &job);
    }
}

/* --- what was found ----------------------------------------------------- */

static void decide(struct job *j);

static void inspect_on_retry(void *arg)
{
    decide(arg);
}

/* True when this refusal can still be the answer to the client: then no bounce is written. */
static bool is_answerable(const struct decided *d)
{
    return d->protection.action == PROTECT_REJECT || d->protection.action == PROTECT_ASK;
}

/* All recipients of the message are among these, all are refused, and the client waits: the
 * answer for it. Those of an earlier batch that are not decided here any more have had their
 * mail. */
static bool is_refused_whole(struct job *j, const struct decided *all, size_t n)
{
    const struct cached *h = LIST_OF(j->items.next, struct item, place.link)->cached;
    bool refused = h && h->requester && !h->requester->goes && h->requester->open == n;
    for (size_t i = 0; i < n; i++) {
        refused &= is_answerable(&all[i]);
    }
    j->refusal[0] = '\0';
    if (refused) {
        const struct protection *p = &all[0].protection;
        bool asks = p->action == PROTECT_ASK;
        snprintf(j->refusal, sizeof j->refusal, "%s%s%.300s",
                 p->text ? p->text : reason_sentence(asks ? REASON_NEAR_MISS : REASON_REFUSED),
                 asks ? ": " : "", asks ? all[0].words : "");
    }
    return refused;
}

static void keep_decision(struct item *it, const struct decided *d)
{
    struct str *to[] = {&it->r.next_hop, &it->r.protection, &it->r.code, &it->r.reply};
    const struct str from[] = {d->rcpt.next_hop, d->rcpt.protection, d->rcpt.code, d->rcpt.reply};
    for (size_t i = 0; i < ARRAY_LEN(to); i++) {
        must(arena_copy(&it->text, from[i], to[i]) == 0);
    }
    it->r.state = d->rcpt.state;
    it->r.reason = d->rcpt.reason;
    it->r.bounced = d->rcpt.bounced;
    it->r.notice = d->rcpt.notice;
    it->r.last_ms = clock_wall_ms();
    it->r.next_ms = it->r.last_ms;
}

static void add_copies(struct job *j, const struct decided *d, struct str facts)
{
    struct queue *q = j->queue;
    struct decided *copy = err_calloc(1, sizeof *copy);
    for (size_t i = 0; i < d->protection.n_copy_to; i++) {
        copy->rcpt = (struct store_rcpt){
            .id = j->id,
            .forward_path = str_c(d->protection.copy_to[i]),
            .state = RCPT_QUEUED,
            .next_ms = clock_wall_ms(),
            .notify = NOTIFY_NEVER,
        };
        bool known = false;
        for (size_t k = 0; k < j->n_copies; k++) {
            known |= j->copies[k] == d->protection.copy_to[i];
        }
        if (known || j->n_copies == ARRAY_LEN(j->copies)) {
            continue;
        }
        j->copies[j->n_copies++] = d->protection.copy_to[i];
        copy->is_copy = true;
        protection_decide(q, &j->message, facts, copy);
        store_add_copy(q->store, &copy->rcpt);
        queue_retry_at(q, queue_destination(q, copy->rcpt.next_hop), copy->rcpt.next_ms);
    }
    free(copy);
}

/* A recipient goes from here to where it belongs. */
static void move_on(struct queue *q, struct item *it)
{
    map_take(q->schedule.leased, map_id(&it->r.rcpt));
    list_remove(&it->place.link);
    if (it->r.state == RCPT_QUEUED) {
        queue_ready(q, &it->r, it->cached);
    }
    q->delivery.bounces_due |= it->r.state == RCPT_FAILED && !it->r.bounced;
    queue_cached_release(q, it->cached);
    arena_reset(&it->text);
    free(it);
}

void inspect_items_done(struct job *j)
{
    while (!list_empty(&j->items)) {
        move_on(j->queue, LIST_OF(j->items.next, struct item, place.link));
    }
    queue_job_free(j);
}

/* The decisions are durable (or not yet). */
static void on_decided(void *arg, enum store_result result)
{
    struct job *j = arg;
    struct queue *q = j->queue;
    if (result != STORE_OK) {
        char id[ID_TEXT];
        id_text(j->id, id);
        log_error("decision-not-saved", KV("id", id), KV("what", "will be made again"));
        j->retry = j->retry ? j->retry : timer_new(child_loop(q->child), inspect_on_retry, j);
        timer_start(j->retry, SAVE_RETRY_MS);
        return;
    }
    struct cached *h = LIST_OF(j->items.next, struct item, place.link)->cached;
    size_t n = 0;
    LIST_EACH (at, &j->items) {
        n++;
    }
    if (h && h->requester) {
        h->requester->open -= n < h->requester->open ? n : h->requester->open;
        h->requester->goes |= !j->refusal[0];
        if (j->refusal[0] || h->requester->open == 0) {
            inspect_tell_client(h, j->refusal[0] ? j->refusal : NULL);
        }
    }
    inspect_items_done(j);
}

static void decide(struct job *j)
{
    struct queue *q = j->queue;
    struct decided *all;
    size_t n = 0;
    LIST_EACH (at, &j->items) {
        n++;
    }
    all = err_calloc(n, sizeof *all);
    n = 0;
    LIST_EACH (at, &j->items) {
        all[n].rcpt = LIST_OF(at, struct item, place.link)->r;
        protection_decide(q, &j->message, j->facts, &all[n++]);
    }
    bool refused = is_refused_whole(j, all, n);
    j->n_copies = 0;
    store_inspected(q->store, j->id, clock_wall_ms(), j->facts);
    n = 0;
    LIST_EACH (at, &j->items) {
        struct item *it = LIST_OF(at, struct item, place.link);
        const struct decided *d = &all[n++];
        keep_decision(it, d);
        it->r.bounced |= refused; /* the client was told, and tells the sender */
        it->r.notice = refused ? NOTICE_NONE : it->r.notice;
        store_decided(q->store, &it->r);
        if (it->r.state != RCPT_QUEUED && !refused) {
            ending_note(q, &it->r);
        }
        protection_notify(q, &j->message, d);
        if (it->r.state != RCPT_FAILED) {
            add_copies(j, d, j->facts);
        }
    }
    store_release_body(q->store, j->id);
    free(all);
    store_sync(q->store, on_decided, j);
}

static void take_facts(struct job *j, struct str facts)
{
    must(arena_copy(&j->arena, facts, &j->facts) == 0);
    j->saving = true;
    decide(j);
}

static struct inspector *inspector_of(struct queue *q, const struct ipc_channel *ch)
{
    for (unsigned i = 0; i < INSPECTORS; i++) {
        if (q->workers.inspectors[i].channel == ch) {
            return &q->workers.inspectors[i];
        }
    }
    return NULL;
}

/* It asked to leave and has nothing under way: hanging up lets it go. */
static void let_go(struct inspector *i)
{
    if (i->leaves && lease_is_none(&i->lease) && i->channel) {
        ipc_channel_free(i->channel);
        *i = (struct inspector){0};
    }
}

static void inspect_pump(struct queue *q)
{
    queue_pump_soon(q, queue_destination(q, str_c(hop_word(HOP_INSPECT))));
    queue_pump_soon(q, queue_destination(q, str_c(hop_word(HOP_PORTAL))));
}

/* The job that this inspector has in hand; NULL: another's, or nothing that was asked, and the
 * channel is closed. */
static struct job *any_job_of(struct queue *q, struct ipc_channel *ch, const struct lease_id *lease)
{
    struct inspector *i = inspector_of(q, ch);
    struct job *j = i && !lease_is_none(lease) && lease_same(&i->lease, lease)
                        ? map_get(q->delivery.jobs, lease_key(lease))
                        : NULL;
    if (!j || j->saving) {
        ipc_refuse(ch, "it has no such lease");
        return NULL;
    }
    taking_taken(&i->taking, j); /* who speaks of it has it */
    return j;
}

/* The same, which is being made ready for a channel. */
static struct job *making_job_of(struct queue *q, struct ipc_channel *ch,
                                 const struct lease_id *lease,
                                 const struct channel_making **ret_making)
{
    struct job *j = any_job_of(q, ch, lease);
    *ret_making = j ? channels_making(channels_built, j->kind) : NULL;
    if (j && !*ret_making) {
        ipc_refuse(ch, "an answer to what was not asked");
        return NULL;
    }
    return j;
}

/* The inspector has nothing in hand any more. */
static void take_back(struct queue *q, struct inspector *i)
{
    ipc_send(q->keys,
             &(struct ipc_msg){.type = IPC_lease_close, .lease_close = {.lease = i->lease}});
    i->lease = (struct lease_id){0};
}

/* Our own trouble: once more, a little later. */
static void inspect_again(struct queue *q, struct job *j)
{
    queue_retry_at(q, j->to, clock_wall_ms() + AGAIN_MS);
    queue_job_free(j);
}

static void on_inspected(void *owner, struct ipc_channel *ch, const struct ipc_inspected *m)
{
    struct queue *q = owner;
    struct inspector *i = inspector_of(q, ch);
    struct job *j = any_job_of(q, ch, &m->lease);
    if (!j) {
        return;
    }
    if (j->kind != JOB_INSPECT) {
        ipc_refuse(ch, "an answer to what was not asked");
        return;
    }
    take_back(q, i);
    if (m->ok) {
        q->workers.inspected++;
        take_facts(j, m->facts);
    } else {
        inspect_again(q, j);
    }
    let_go(i);
    inspect_pump(q);
}

static void inspect_on_taken(void *owner, struct ipc_channel *ch, const struct ipc_lease_taken *m)
{
    (void)any_job_of(owner, ch, &m->lease);
}

static void on_worker_ready(void *owner, struct ipc_channel *ch, const struct ipc_worker_ready *m)
{
    struct inspector *i = inspector_of(owner, ch);
    if (!i || i->ready) {
        ipc_refuse(ch, "it said so before");
        return;
    }
    i->ready = true;
    inspect_pump(owner);
}

static void on_prepared_piece(void *owner, struct ipc_channel *ch,
                              const struct ipc_prepared_piece *m)
{
    struct queue *q = owner;
    const struct channel_making *making;
    struct job *j = making_job_of(q, ch, &m->lease, &making);
    if (j) {
        making->piece(j, m->octets);
    }
}

static void on_prepared(void *owner, struct ipc_channel *ch, const struct ipc_prepared *m)
{
    struct queue *q = owner;
    struct inspector *i = inspector_of(q, ch);
    const struct channel_making *making;
    struct job *j = making_job_of(q, ch, &m->lease, &making);
    if (!j) {
        return;
    }
    take_back(q, i);
    if (m->ok || buf_len(&j->prepared) > 0) {
        making->done(j, m);
    } else {
        inspect_again(q, j);
    }
    let_go(i);
    inspect_pump(q);
}

static void on_leaves(void *owner, struct ipc_channel *ch, const struct ipc_inspector_leaves *m)
{
    struct inspector *i = inspector_of(owner, ch);
    if (i) {
        i->leaves = true;
        let_go(i);
    }
}

/* --- inspectors come and go --------------------------------------------- */

/* Its message killed it, for the second time: then it could not be inspected. */
static void job_lost(struct queue *q, struct job *j)
{
    char id[ID_TEXT];
    struct buf facts = BUF_INIT(256);
    id_text(j->id, id);
    bool is_enough = queue_job_died(j);
    ipc_send(q->keys,
             &(struct ipc_msg){.type = IPC_lease_close, .lease_close = {.lease = j->lease}});
    if (!is_enough) {
        queue_retry_at(q, j->to, clock_wall_ms());
        queue_job_free(j);
        return;
    }
    const struct channel_making *making = channels_making(channels_built, j->kind);
    if (making) {
        making->lost(j);
        return;
    }
    q->workers.not_inspected++;
    char detail[200];
    snprintf(detail, sizeof detail,
             "message %s could not be inspected, and is held unless a rule says otherwise: see "
             "postern message %s",
             id, id);
    log_error("message-not-inspected", KV("id", id),
              KV("what", "two inspect processes ended over it, or it took too long"));
    alarms_raise(q, domain_kept(str_c(child_conf(q->child)->hostname)), ALARM_POISON, detail);
    (void)!inspection_put(&facts, "failed", (const struct str[]){STR("crash")}, 1);
    take_facts(j, buf_str(&facts));
    buf_free(&facts);
}

static void on_gone(void *owner, struct ipc_channel *ch)
{
    struct queue *q = owner;
    struct inspector *i = inspector_of(q, ch);
    struct job *j =
        i && !lease_is_none(&i->lease) ? map_get(q->delivery.jobs, lease_key(&i->lease)) : NULL;
    if (i) {
        taking_ended(q, &i->taking, ch);
        *i = (struct inspector){0};
    }
    if (j) {
        job_lost(q, j);
    }
}

static const struct ipc_rule rules[] = {IPC_ON(worker_ready, on_worker_ready),
                                        IPC_ON(lease_taken, inspect_on_taken),
                                        IPC_ON(inspected, on_inspected),
                                        IPC_ON(prepared_piece, on_prepared_piece),
                                        IPC_ON(prepared, on_prepared),
                                        IPC_ON(inspector_leaves, on_leaves),
                                        IPC_RULES_END};

/* Its successor stands: it finishes what it has under way, and is let go. If it is dead, its
 * channel will say so. */
static void inspect_retire(struct queue *q, struct inspector *i)
{
    for (unsigned k = INSPECT_MAX; k < INSPECTORS && !lease_is_none(&i->lease); k++) {
        if (!q->workers.inspectors[k].channel) {
            q->workers.inspectors[k] = *i;
            q->workers.inspectors[k].leaves = true;
            return;
        }
    }
    ipc_channel_end(i->channel);
}

void inspect_join(struct queue *q, unsigned index, int fd)
{
    struct inspector *i = &q->workers.inspectors[index];
    if (i->channel) {
        inspect_retire(q, i);
    }
    *i = (struct inspector){
        .index = index,
        .taking = {.idle_lives = &q->workers.idle_inspect[index]},
        .channel = ipc_channel_new(child_loop(q->child), fd, "inspect", rules, on_gone, q),
    };
}
