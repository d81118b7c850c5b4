/* SPDX-License-Identifier: Apache-2.0
 * submit.c: new messages from smtpin (and bounces from smtpout), answered when durable. Called by
 * main.c; messages of our own come through outcome.c.
 *
 * What can go wrong: no space (452 before it gets tight), a failed commit (451), a submitter that
 * dies between its recipients and its commit: then nothing was promised and nothing is kept.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/pickup/threads.h"
#include "store/damage.h"
#include "wire/id.h"

#include <stdlib.h>
#include <unistd.h>

enum { FRAME_MAX = 256 * 1024, CHOICES_MAX = 16 * 1024 * 1024 };

/* One message between submit and its commit. */
struct submission {
    struct queue *queue;
    struct peer *peer;
    uint64_t token;
    struct cached *cached; /* always there: carries the copies */
    struct ipc_submit m;   /* its strings: of the frame, until `kept` */
    bool kept;
    struct arena text;
    struct order order;
    struct link pending; /* its recipients, as they came */
    bool inspect;        /* it is read before it is decided */
    bool answers;        /* written in the portal by a recipient */
    /* what is read before it is decided: */
    bool known;             /* its id is another message's */
    struct threads threads; /* conversations it belongs to */
    struct choices choices; /* what it chooses */
    size_t n_rcpts;
    struct store_rcpt rcpts[];
};

/* It writes what queue ordered. */
static bool submit_is_own(const struct peer *p)
{
    return p->role == ROLE_SMTPOUT;
}

static bool is_web(const struct peer *p)
{
    return p->role == ROLE_WEB;
}

void queue_cached_release(struct queue *q, struct cached *h)
{
    if (h && --h->refs == 0) {
        q->intake.cached_octets -= h->m.body.n;
        arena_reset(&h->arena);
        free(h);
    }
}

static struct str submit_keep(struct arena *a, struct str s)
{
    struct str copy = STR("");
    must(arena_copy(a, s, &copy) == 0);
    return copy;
}

static void drop_pending(struct link *pending)
{
    while (!list_empty(pending)) {
        peer_drop_pending(LIST_OF(pending->next, struct pending_rcpt, link));
    }
}

/* Copies what outlives the frame. The body only when there is room for it.
 * RFC 8689 4.1 MUST: all copies of a message have the same */
static struct cached *cached_new(struct queue *q, const struct ipc_submit *m, const struct order *o,
                                 int64_t now)
{
    struct cached *h = err_calloc(1, sizeof *h);
    bool keep_body = m->body.n > 0 && q->intake.cached_octets + m->body.n <= CACHED_OCTETS_MAX;
    h->refs = 1;
    h->arena = ARENA_INIT(256 * 1024);
    h->m = (struct store_message){
        .id = m->id,
        .bounce_of = o->bounce_of,
        .reverse_path = submit_keep(&h->arena, m->reverse_path),
        .arrived_ms = now,
        .size = m->size,
        .is_8bit = m->is_8bit != 0,
        .is_utf8 = m->is_utf8 != 0,
        .reqtls = m->reqtls != 0,
        .tls_required_no = m->tls_required_no != 0,
        .report = o->about == ABOUT_TLS_REPORT,
        .is_binary = m->is_binary != 0,
        .ret = m->ret,
        .envid = submit_keep(&h->arena, m->envid),
        .login = submit_keep(&h->arena, m->login),
        .certificate = submit_keep(&h->arena, m->certificate),
        .client = submit_keep(&h->arena, m->client),
        .helo = submit_keep(&h->arena, m->helo),
        .protocol = submit_keep(&h->arena, m->protocol),
        .tls_version = submit_keep(&h->arena, m->tls_version),
        .tls_cipher = submit_keep(&h->arena, m->tls_cipher),
        .tls_bits = m->tls_bits,
        .tls_group = submit_keep(&h->arena, m->tls_group),
        .repaired = m->repaired,
        .sealed_key = submit_keep(&h->arena, m->sealed_key),
        .spool = submit_keep(&h->arena, m->spool),
        .body = keep_body ? submit_keep(&h->arena, m->body) : STR(""),
    };
    q->intake.cached_octets += h->m.body.n;
    return h;
}

void queue_answer(struct queue *q, struct ipc_channel *ch, uint64_t token, enum store_result result,
                  const char *refusal)
{
    ipc_send(ch, &(struct ipc_msg){.type = IPC_submitted,
                                   .submitted = {
                                       .token = token,
                                       .result = result,
                                       .refused = refusal != NULL,
                                       .under_way = queue_fresh(q),
                                       .text = str_c(refusal ? refusal : ""),
                                   }});
}

static void log_accepted(const struct submission *s)
{
    const struct store_message *m = &s->cached->m;
    char id[ID_TEXT];
    id_text(m->id, id);
    log_info("accepted", KV("id", id), KVS("from", m->reverse_path), KVN("recipients", s->n_rcpts),
             KVN("size", m->size), KVS("client", m->client), KVS("helo", m->helo),
             KVS("protocol", m->protocol), KVS("login", m->login), KVS("tls", m->tls_version),
             KVS("cipher", m->tls_cipher), KVS("group", m->tls_group));
}

/* RFC 5321 2.1 MUST: what was answered 250 is delivered, or its failure is reported
 * RFC 5321 6.1 MUST NOT: no message is lost by a crash */
static void on_durable(void *arg, enum store_result result)
{
    struct submission *s = arg;
    struct queue *q = s->queue;
    bool waits = result == STORE_OK && s->inspect &&
                 inspect_makes_wait(q, s->cached, s->peer, s->token, s->n_rcpts);
    if (!waits) {
        queue_answer(q, s->peer->channel, s->token, result, NULL);
    }
    if (result == STORE_OK) {
        struct job *bounce = s->cached->m.bounce_of
                                 ? map_get(q->delivery.bouncing, map_id(&s->cached->m.bounce_of))
                                 : NULL;
        if (bounce) {
            bounce->bounce_stored = true;
        }
        q->intake.accepted++;
        log_accepted(s);
        for (size_t i = 0; i < s->n_rcpts; i++) {
            bool has_body = s->cached->m.body.n > 0 || s->cached->m.spool.n > 0;
            if (s->rcpts[i].state == RCPT_QUEUED) {
                queue_ready(q, &s->rcpts[i], has_body ? s->cached : NULL);
            }
            q->delivery.bounces_due |= s->rcpts[i].state == RCPT_FAILED && !s->rcpts[i].bounced;
        }
    } else {
        q->intake.refused++;
        if (s->cached->m.spool.n > 0) {
            store_spool_drop(q->store, s->cached->m.spool);
        }
    }
    for (size_t i = 0; i < s->n_rcpts; i++) {
        free((char *)s->rcpts[i].forward_path.p);
        free((char *)s->rcpts[i].next_hop.p);
        free((char *)s->rcpts[i].orcpt.p);
        free((char *)s->rcpts[i].protection.p);
        free((char *)s->rcpts[i].code.p);
        free((char *)s->rcpts[i].reply.p);
    }
    queue_cached_release(q, s->cached);
    queue_peer_unref(s->peer);
    drop_pending(&s->pending);
    threads_free(&s->threads);
    choices_free(&s->choices);
    arena_reset(&s->text);
    free(s);
}

/* The most recipients that come of them: a forward makes several of one. */
static size_t count_pending(const struct conf *c, const struct link *pending)
{
    size_t n = 0;
    LIST_EACH (it, pending) {
        const struct pending_rcpt *r = LIST_OF(it, struct pending_rcpt, link);
        const struct conf_forward *f = conf_forward_of(c, str_c(r->forward_path));
        n += 1 + (f ? f->to.n : 0);
    }
    return n;
}

/* The recipients a forward makes of one. True: the mailbox inside gets it, too (there is none,
 * it keeps a copy, or one of them is off). */
static bool take_forward(struct submission *s, const struct pending_rcpt *r, int64_t now)
{
    const struct conf_forward *f =
        conf_forward_of(child_conf(s->queue->child), str_c(r->forward_path));
    bool inside = !f || f->keep;
    for (size_t i = 0; f && i < f->to.n; i++) {
        if (forwards_is_off(s->queue, str_c(f->to.v[i]))) {
            inside = true;
            continue;
        }
        struct buf text = BUF_INIT(PROTECT_RECORD_MAX);
        struct protect_record record = {.demand = DEMAND_SECURE, .counts = COUNTS_CERT};
        str_copy_cut(str_c(f->name), record.back, sizeof record.back);
        must(protect_record_write(&record, &text) == 0);
        s->rcpts[s->n_rcpts++] = (struct store_rcpt){
            .forward_path = str_c(err_strdup(f->to.v[i])),
            .notify = r->notify,
            .orcpt = str_c(str_dup(str_c(r->orcpt))),
            .protection = str_c(str_dup(buf_str(&text))),
            .state = RCPT_QUEUED,
            .next_ms = now,
        };
        buf_free(&text);
    }
    return inside;
}

/* What a recipient needs before anything is decided, as text. */
static struct str record_text(const struct protect_record *record)
{
    struct buf text = BUF_INIT(PROTECT_RECORD_MAX);
    must(protect_record_write(record, &text) == 0);
    struct str copy = str_c(str_dup(buf_str(&text)));
    buf_free(&text);
    return copy;
}

/* The recipient of a conversation in the portal: somebody else, with something of its own.
 * False: it is none. */
static bool submit_take_turn(struct submission *s, const struct pending_rcpt *r, int64_t now)
{
    const struct turn *t;
    struct protect_record record = {.counts = COUNTS_CERT};
    enum turn_kind kind =
        threads_turn(s->queue, &s->threads, &s->cached->m, str_c(r->forward_path), s->m.thread, &t);
    if (kind == TURN_NONE) {
        return false;
    }
    if (kind == TURN_SECURE) {
        record.demand = DEMAND_ESCALATED;
        record.pickup_level = t->level + 1;
        str_copy_cut(str_c(t->thread), record.thread, sizeof record.thread);
    } else if (kind == TURN_MARK) {
        str_copy_cut(STR("this reply was not protected by the portal"), record.tags,
                     sizeof record.tags);
    }
    s->rcpts[s->n_rcpts++] = (struct store_rcpt){
        .forward_path = str_c(err_strdup(kind == TURN_MARK ? t->inside : t->outside)),
        .notify = r->notify,
        .orcpt = str_c(str_dup(str_c(r->orcpt))),
        .protection = record_text(&record),
        .state = RCPT_QUEUED,
        .next_ms = now,
    };
    return true;
}

/* An answer written in the portal: to those who had the mail alone; outside it stays in the
 * portal. */
static void submit_take_answer(struct submission *s, const struct pending_rcpt *r,
                               const struct scene *scene, int64_t now)
{
    const struct store_envelope *e = &scene->envelope.e;
    struct protect_record record = {.counts = COUNTS_CERT,
                                    .words = STR("an answer written in the portal\n")};
    if (!threads_may_reach(scene, str_c(r->forward_path))) {
        log_warn("answer-to-a-stranger", KV("to", r->forward_path), KV("what", "left out"));
        return;
    }
    if (!conf_is_inside(child_conf(s->queue->child), domain_of(str_c(r->forward_path)))) {
        record.demand = DEMAND_ESCALATED;
        record.pickup_level = e->level + 1; /* what is answered is quoted */
        str_copy_cut(e->thread, record.thread, sizeof record.thread);
    }
    s->rcpts[s->n_rcpts++] = (struct store_rcpt){
        .forward_path = str_c(str_dup(str_c(r->forward_path))),
        .orcpt = str_c(err_strdup("")),
        .protection = record_text(&record),
        .state = RCPT_QUEUED,
        .next_ms = now,
    };
}

/* Who answers in the portal finds his answer there, as long as what he answered could be kept
 * for him: sealed mail opens by a link that only he has, and a copy could not be sealed for it. */
static void take_copy(struct submission *s, const struct store_envelope *e, int64_t now)
{
    struct protect_record record = {
        .demand = DEMAND_ESCALATED,
        .counts = COUNTS_CERT,
        .pickup_level = e->level + 1,
        .words = STR("a copy for the one who wrote it\n"),
    };
    if (!e->sealed && s->n_rcpts > 0) {
        str_copy_cut(e->thread, record.thread, sizeof record.thread);
        s->rcpts[s->n_rcpts++] = (struct store_rcpt){
            .forward_path = str_c(str_dup(e->address)),
            .orcpt = str_c(err_strdup("")),
            .protection = record_text(&record),
            .state = RCPT_QUEUED,
            .next_ms = now,
        };
    }
}

/* Its sender wants all of it to go by the portal. */
static void choose_portal(struct submission *s)
{
    const struct protect_record record = {
        .demand = DEMAND_ESCALATED,
        .counts = COUNTS_CERT,
        .words = STR("escalated: its sender chose the portal\n"),
    };
    for (size_t i = 0; i < s->n_rcpts; i++) {
        if (s->rcpts[i].protection.n == 0 &&
            !conf_is_inside(child_conf(s->queue->child), domain_of(s->rcpts[i].forward_path))) {
            s->rcpts[i].protection = record_text(&record);
        }
    }
}

static void submit_take_rcpts(struct submission *s, const struct scene *answered, int64_t now)
{
    struct peer *p = s->peer;
    for (; !list_empty(&s->pending);
         peer_drop_pending(LIST_OF(s->pending.next, struct pending_rcpt, link))) {
        struct pending_rcpt *r = LIST_OF(s->pending.next, struct pending_rcpt, link);
        if (answered || (!submit_is_own(p) && submit_take_turn(s, r, now))) {
            if (answered) {
                submit_take_answer(s, r, answered, now);
            } else {
                s->inspect |= protection_needs_inspection(s->queue, &s->cached->m,
                                                          s->rcpts[s->n_rcpts - 1].forward_path);
            }
            continue;
        }
        s->inspect |= !submit_is_own(p) && !choices_is_one(s->queue, str_c(r->forward_path)) &&
                      protection_needs_inspection(s->queue, &s->cached->m, str_c(r->forward_path));
        if (submit_is_own(p) || take_forward(s, r, now)) {
            s->rcpts[s->n_rcpts++] = (struct store_rcpt){
                .forward_path = str_c(str_dup(str_c(r->forward_path))),
                .notify = r->notify,
                .orcpt = str_c(str_dup(str_c(r->orcpt))),
                .state = RCPT_QUEUED,
                .next_ms = now,
            };
        }
    }
}

/* A mail to a choice ends here: what is in it is read by nobody. */
static void take_choice(struct submission *s, struct store_rcpt *r)
{
    const char *problem = choices_take(s->queue, &s->cached->m, r->forward_path, &s->choices);
    r->next_hop = str_c(err_strdup(hop_word(HOP_CHOICE)));
    r->state = problem ? RCPT_FAILED : RCPT_DELIVERED;
    r->reason = problem ? REASON_NOT_A_CHOICE : REASON_TAKEN;
    r->code = str_c(err_strdup(problem ? reason_bounced_code(REASON_NOT_A_CHOICE) : "2.0.0"));
    r->reply = str_c(err_strdup(problem ? problem : "the choice was recorded"));
    r->bounced = !problem;
    ending_note(s->queue, r);
}

/* Which way each goes: to be inspected first, or decided now. Our own mail needs nothing. */
static void decide_rcpts(struct submission *s)
{
    struct queue *q = s->queue;
    struct decided *d = err_calloc(1, sizeof *d);
    for (size_t i = 0; i < s->n_rcpts; i++) {
        struct store_rcpt *r = &s->rcpts[i];
        r->id = s->cached->m.id;
        if (choices_is_one(q, r->forward_path) && !submit_is_own(s->peer)) {
            take_choice(s, r);
            continue;
        }
        if (s->inspect) {
            r->next_hop = str_c(err_strdup(hop_word(HOP_INSPECT)));
            continue;
        }
        char *before = (char *)(uintptr_t)r->protection.p;
        d->rcpt = *r;
        if (s->answers) {
            struct protect_record record;
            protection_record(r, &record);
            rules_route(child_conf(q->child), s->cached->m.reverse_path, r->forward_path,
                        &d->route);
            d->rcpt.next_hop = record.demand == DEMAND_ESCALATED ? str_c(hop_word(HOP_PORTAL))
                                                                 : domain_str(&d->route.next_hop);
        } else if (submit_is_own(s->peer)) {
            rules_route(child_conf(q->child), s->cached->m.reverse_path, r->forward_path,
                        &d->route);
            d->rcpt.next_hop = domain_str(&d->route.next_hop);
        } else {
            protection_decide(q, &s->cached->m, STR(""), d);
            if (d->rcpt.state != RCPT_QUEUED) {
                ending_note(q, &d->rcpt);
            }
            protection_notify(q, &s->cached->m, d);
        }
        *r = d->rcpt;
        r->next_hop = str_c(str_dup(d->rcpt.next_hop));
        r->protection = str_c(str_dup(d->rcpt.protection));
        free(before);
        r->code = str_c(str_dup(d->rcpt.code));
        r->reply = str_c(str_dup(d->rcpt.reply));
    }
    free(d);
}

/* The recipients that a bounce reports about: those of its job. */
static size_t bounced_rcpts(const struct job *job, uint64_t *rcpts, size_t max)
{
    size_t n = 0;
    LIST_EACH (it, &job->items) {
        if (n < max) {
            rcpts[n++] = LIST_OF(it, struct item, place.link)->r.rcpt;
        }
    }
    return n;
}

/* The sender is told about them in this very commit. */
static void mark_noticed(struct queue *q, const struct job *job)
{
    LIST_EACH (it, &job->items) {
        struct item *item = LIST_OF(it, struct item, place.link);
        item->r.notice = NOTICE_SENT;
        store_set_notice(q->store, item->r.rcpt, NOTICE_SENT);
    }
}

/* The only recipient of the token, and that one. */
static bool is_to(const struct peer *p, uint64_t token, const char *to)
{
    char canonical[ADDRESS_KEY_SIZE];
    size_t n = 0, hits = 0;
    str_copy_cut(str_c(to), canonical, sizeof canonical);
    (void)!address_canonical(str_c(to), canonical, sizeof canonical);
    LIST_EACH (it, &p->pending) {
        const struct pending_rcpt *r = LIST_OF(it, struct pending_rcpt, link);
        n += r->token == token;
        hits += r->token == token && strcmp(r->forward_path, canonical) == 0;
    }
    return n == 1 && hits == 1;
}

static bool is_none(const struct order *o)
{
    return lease_is_none(&o->lease);
}

/* Whether all that a submit names is its sender's to name; NULL, or what is not. An order is
 * used up; none (of a smtpout): it is over. */
static const char *not_its_own(struct queue *q, struct peer *p, const struct ipc_submit *m,
                               struct order *ret, bool *ret_look)
{
    bool any = false;
    LIST_EACH (it, &p->pending) {
        any |= LIST_OF(it, struct pending_rcpt, link)->token == m->token;
    }
    if (!any) {
        return "a message without recipients";
    }
    if ((m->spool.n > 0) == (m->body.n > 0) || !peer_takes_spool(p, m->spool)) {
        return "a body that is not its own";
    }
    if (!peer_makes_id(p, m->id, ret_look)) {
        return "an id that is not its own";
    }
    if (!submit_is_own(p)) {
        return NULL;
    }
    if (m->reverse_path.n > 0 || lease_is_none(&m->lease)) {
        return "mail of ours that was not ordered";
    }
    if (!orders_take(q, p->index, &m->lease, ret)) {
        return orders_known(q, &m->lease) ? "mail of ours that was ordered of another" : NULL;
    }
    return ret->about == ABOUT_TLS_REPORT || is_to(p, m->token, ret->to)
               ? NULL
               : "mail of ours to another";
}

/* What is told with the message, in the commit that takes it along. */
static size_t submit_tell(struct submission *s, struct scene *scene, uint64_t *bounced, size_t max)
{
    struct queue *q = s->queue;
    const struct store_message *m = &s->cached->m;
    bool tells_outcome = s->order.about == ABOUT_OUTCOME;
    struct job *about = m->bounce_of && !tells_outcome
                            ? map_get(q->delivery.bouncing, map_id(&m->bounce_of))
                            : NULL;
    size_t n = about && about->kind == JOB_BOUNCE ? bounced_rcpts(about, bounced, max) : 0;
    if (about && about->kind == JOB_NOTICE) {
        mark_noticed(q, about);
    }
    if (tells_outcome) {
        n = told_stored(q, m->bounce_of, bounced, max);
    }
    if (s->order.about == ABOUT_ALARMS) {
        store_set_alarm_mailed(q->store, s->order.about_id, clock_wall_ms());
    }
    if (s->order.about == ABOUT_DAMAGE) {
        store_set_damage_told(q->store, s->order.about_id);
    }
    if (s->answers) {
        threads_answered(scene, m->client);
    }
    if (s->order.about == ABOUT_ENVELOPE) {
        pickup_mail_stored(q, scene, m->id);
    }
    return n;
}

/* Its recipients, and which way they go. False: nobody is to have it. web is not believed: nobody
 * may be reached by it who had not the mail. */
static bool submit_decide(struct submission *s, struct scene *scene)
{
    const struct ipc_submit *m = &s->m;
    int64_t now = s->cached->m.arrived_ms;
    bool may = !is_web(s->peer) || (s->answers && threads_may_answer(scene, m->reverse_path)) ||
               (m->about == ABOUT_COMPOSE && threads_may_write(scene, m->reverse_path, m->login));
    if (!may) {
        return false;
    }
    submit_take_rcpts(s, s->answers ? scene : NULL, now);
    if (s->answers) {
        take_copy(s, &scene->envelope.e, now);
    }
    if (is_web(s->peer) && m->about == ABOUT_COMPOSE && m->about_id) {
        choose_portal(s);
    }
    decide_rcpts(s);
    return s->n_rcpts > 0;
}

/* All is known: it is decided and stored. scene: what it needs, or NULL. */
static void submit_go(struct submission *s, struct scene *scene)
{
    struct queue *q = s->queue;
    uint64_t bounced[JOB_RCPTS_MAX];
    bool is_gone = !s->peer->channel || (scene && scene->failed); /* nobody was promised anything */
    if (is_gone || !submit_decide(s, scene)) {
        on_durable(s, STORE_RETRY);
        return;
    }
    queue_check_space(q);
    if ((q->intake.no_space && !s->order.bounce_of) || q->stopping) {
        on_durable(s, q->stopping ? STORE_RETRY : STORE_FULL);
        return;
    }
    struct store_message message = s->cached->m;
    message.body = s->m.body; /* the frame's own octets: no copy needed for writing */
    size_t n_bounced = submit_tell(s, scene, bounced, JOB_RCPTS_MAX);
    bool tells_outcome = s->order.about == ABOUT_OUTCOME;
    store_enqueue(q->store, &message, s->rcpts, s->n_rcpts, bounced, n_bounced, on_durable, s);
    /* if it was only for ourselves (a choice), nobody needs it */
    store_release_body(q->store, message.id);
    if (tells_outcome) {
        store_release_body(q->store, message.bounce_of);
    }
}

/* --- what has to be read first ------------------------------------------- */

/* It outlives the frame. */
static void submit_keep_frame(struct submission *s)
{
    struct str *strings[] = {&s->m.reverse_path, &s->m.login, &s->m.pass, &s->m.thread, &s->m.body};
    for (size_t i = 0; i < ARRAY_LEN(strings) && !s->kept; i++) {
        *strings[i] = submit_keep(&s->text, *strings[i]);
    }
    s->kept = true;
}

static void submit_on_scene(struct scene *scene, void *arg)
{
    submit_go(arg, scene);
}

/* Mail of the portal, and mail about its envelopes, needs to know these. */
static void submit_scene(struct submission *s)
{
    const struct ipc_submit *m = &s->m;
    struct scene_of of = {.pass = m->pass, .number = m->about_id};
    if (is_web(s->peer)) {
        of.needs = s->answers ? NEEDS_PASS | NEEDS_ENVELOPE | NEEDS_READERS : NEEDS_PASS;
    } else if (s->order.about == ABOUT_ENVELOPE) {
        of.needs = NEEDS_ENVELOPE;
        of.number = s->order.about_id;
    }
    if (of.needs == 0) {
        submit_go(s, NULL);
        return;
    }
    submit_keep_frame(s);
    scene_read(s->queue, &of, submit_on_scene, s);
}

static void submit_on_message(void *arg, const struct store_message *m)
{
    struct submission *s = arg;
    s->known |= m->id == s->m.id;
    choices_on_message(&s->choices, m);
}

static void submit_on_rcpt(void *arg, const struct store_rcpt *r)
{
    choices_on_rcpt(&((struct submission *)arg)->choices, r);
}

static void submit_on_thread(void *arg, const struct store_thread *t)
{
    threads_on_thread(&((struct submission *)arg)->threads, t);
}

static void submit_on_envelope(void *arg, const struct store_envelope *e)
{
    threads_on_envelope(&((struct submission *)arg)->threads, e);
}

static void submit_on_read(void *arg, enum store_result result)
{
    struct submission *s = arg;
    if (s->known && s->peer->channel) {
        ipc_refuse_about(s->peer->channel, IPC_submit, "an id that is not its own");
    }
    if (result != STORE_OK || s->known) {
        on_durable(s, STORE_RETRY);
    } else {
        submit_scene(s);
    }
}

/* What must be read of it before it can be decided: nothing, of most mail. */
static size_t submit_queries(struct submission *s, bool look, struct store_query *ret)
{
    size_t n = 0;
    if (look) {
        ret[n++] = (struct store_query){.what = STORE_MESSAGE, .number = s->m.id};
    }
    if (submit_is_own(s->peer)) {
        return n;
    }
    LIST_EACH (it, &s->pending) {
        struct str path = str_c(LIST_OF(it, struct pending_rcpt, link)->forward_path);
        threads_want_address(s->queue, &s->threads, path);
        n +=
            choices_is_one(s->queue, path) && choices_query(s->queue, &s->cached->m, path, &ret[n]);
    }
    threads_want_reference(&s->threads, s->m.thread);
    return n + threads_queries(&s->threads, &ret[n]);
}

static void submit_read(struct submission *s, bool look, size_t n_pending)
{
    /* its id, a choice and a conversation for each recipient, the one it refers to */
    struct store_query *queries = err_calloc(3 + 3 * n_pending, sizeof *queries);
    size_t n = submit_queries(s, look, queries);
    if (n == 0) {
        submit_scene(s);
    } else {
        submit_keep_frame(s);
        store_read_all(s->queue->store, queries, n,
                       &(struct store_rows){
                           .arg = s,
                           .message = submit_on_message,
                           .rcpt = submit_on_rcpt,
                           .thread = submit_on_thread,
                           .envelope = submit_on_envelope,
                           .done = submit_on_read,
                       });
    }
    free(queries);
}

void queue_on_submit(void *owner, struct ipc_channel *ch, const struct ipc_submit *m)
{
    struct queue *q = owner;
    struct peer *p = ipc_channel_data(ch);
    struct order order = {.about = ABOUT_NOTHING};
    struct link pending;
    bool look = false;
    const char *wrong = not_its_own(q, p, m, &order, &look);
    if (wrong) {
        ipc_refuse(ch, wrong);
        return;
    }
    list_init(&pending);
    peer_take_pending(p, m->token, &pending);
    if (submit_is_own(p) && is_none(&order)) { /* nobody waits for it any more */
        drop_pending(&pending);
        queue_answer(q, ch, m->token, STORE_RETRY, NULL);
        return;
    }
    size_t n = count_pending(child_conf(q->child), &pending);
    /* one more: a copy */
    struct submission *s = err_calloc(1, sizeof *s + (n + 1) * sizeof s->rcpts[0]);
    s->queue = q;
    s->peer = p;
    p->refs++;
    s->token = m->token;
    s->m = (*m);
    s->text = ARENA_INIT(FRAME_MAX);
    s->order = order;
    list_init(&s->pending);
    while (!list_empty(&pending)) {
        struct link *first = pending.next;
        list_remove(first);
        list_append(&s->pending, first);
    }
    s->choices.text = ARENA_INIT(CHOICES_MAX);
    s->cached = cached_new(q, m, &order, clock_wall_ms());
    s->answers = is_web(p) && m->about == ABOUT_REPLY;
    submit_read(s, look, n);
}

const struct ipc_rule queue_smtpin_rules[] = {IPC_ON(submit_rcpt, queue_on_submit_rcpt),
                                              IPC_ON(submit, queue_on_submit),
                                              IPC_ON(spool_open, queue_on_spool_open),
                                              IPC_ON(spool_drop, queue_on_spool_drop),
                                              IPC_ON(refusal, accounts_on_refusal),
                                              IPC_ON(alarm, alarms_on_smtpin),
                                              IPC_RULES_END};
