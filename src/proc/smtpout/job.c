/* SPDX-License-Identifier: Apache-2.0
 * job.c: what the queue hands out: a delivery is put together from its messages, gets its key from
 * keys and its way from lookup, and begins when both are there. Called by main.c; its rules take
 * the queue's messages.
 *
 * What is our own fault (keys away, lookup away, shutdown) never counts against the message.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "store/store.h"
#include "wire/address.h"

#include <stdlib.h>

enum { DELIVERIES_MAX = 100000, PROBES_MAX = 10000 };
/* an HTTPS fetch of a policy takes up to 60 s, and may be repeated */
enum { OWN_LIMIT_MS = 150 * 1000 };

struct pending_rcpt {
    struct link link;
    struct lease_id lease;
    struct delivery_rcpt r;
    char *text[5];
};

static struct str job_keep(struct delivery *d, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&d->arena, s, &copy);
    return copy;
}

static void on_limit(void *arg)
{
    struct delivery *d = arg;
    delivery_give_up(d, d->has_key ? REASON_OUR_FAULT : REASON_KEYS_AWAY,
                     d->has_key ? "its name lookups did not answer in time"
                                : "it did not answer in time");
}

static void job_on_route(void *arg)
{
    struct delivery *d = arg;
    d->resolved = true;
    delivery_begin(d);
}

/* Address literals need no lookup. */
static void resolve(struct delivery *d)
{
    unsigned char octets[16];
    struct str name = d->next_hop;
    bool literal = name.n > 2 && name.p[0] == '[';
    struct str ip = literal ? str_slice(name, 1, name.n - 1) : name;
    if (literal && str_starts_nocase(ip, STR("IPv6:"))) {
        ip = str_slice(ip, 5, ip.n);
    }
    str_copy_cut(name, d->route.name, sizeof d->route.name);
    if ((literal || d->fixed_host) && address_ip_octets(ip, octets) > 0) {
        route_literal(&d->route, ip);
        d->resolved = true;
    } else {
        route_ask(&d->route, LOOKUP_CACHED);
    }
}

static void job_on_unwrapped(void *owner, struct ipc_channel *ch, const struct ipc_unwrapped *m)
{
    struct smtpout *out = owner;
    struct delivery *d = map_get(out->deliveries, lease_key(&m->lease));
    if (!d || d->has_key) {
        return;
    }
    bool ok = m->ok && m->key.n == REST_KEY;
    if (!ok && (d->kind == JOB_DELIVER || d->kind == JOB_TLS_REPORT)) {
        delivery_give_up(d, REASON_KEYS_AWAY, "it did not give the message key");
        return;
    }
    if (ok) {
        memcpy(d->key, m->key.p, REST_KEY);
    }
    d->is_shut = !ok; /* sealed mail has no key any more: its sender is told all the same */
    d->has_key = true;
    delivery_begin(d);
}

/* --- jobs from the queue ------------------------------------------------ */

static void on_job_rcpt(void *owner, struct ipc_channel *ch, const struct ipc_job_rcpt *r)
{
    struct smtpout *out = owner;
    struct pending_rcpt *p = err_calloc(1, sizeof *p);
    const struct str texts[] = {r->forward_path, r->code, r->reply, r->host, r->orcpt};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        p->text[i] = str_dup(texts[i]);
    }
    p->lease = r->lease;
    p->r = (struct delivery_rcpt){
        .rcpt = r->rcpt,
        .result = RESULT_OPEN,
        .last_ms = r->last_ms,
        .state = r->state,
        .notify = r->notify,
        .reason = r->reason,
    };
    list_append(&out->pending_rcpts, &p->link);
}

static size_t count_rcpts(const struct smtpout *out, const struct lease_id *lease)
{
    size_t n = 0;
    LIST_EACH (at, &out->pending_rcpts) {
        n += lease_same(&LIST_OF(at, struct pending_rcpt, link)->lease, lease);
    }
    return n;
}

static void job_take_rcpts(struct delivery *d)
{
    size_t n = 0;
    for (struct link *at = d->out->pending_rcpts.next; at != &d->out->pending_rcpts;) {
        struct pending_rcpt *p = LIST_OF(at, struct pending_rcpt, link);
        at = at->next;
        if (!lease_same(&p->lease, &d->lease)) {
            continue;
        }
        struct delivery_rcpt *r = &d->rcpts[n++];
        *r = p->r;
        r->forward_path = job_keep(d, str_c(p->text[0]));
        r->code = job_keep(d, str_c(p->text[1]));
        r->reply = job_keep(d, str_c(p->text[2]));
        r->host = job_keep(d, str_c(p->text[3]));
        r->orcpt = job_keep(d, str_c(p->text[4]));
        if (d->kind == JOB_DELIVER) { /* what was said the last time is not what is said now */
            r->code = r->reply = r->host = STR("");
        }
        for (size_t i = 0; i < ARRAY_LEN(p->text); i++) {
            free(p->text[i]);
        }
        list_remove(&p->link);
        free(p);
    }
}

static struct facts facts_of(const struct ipc_job *j)
{
    /* a report to the sender is not held back for want of REQUIRETLS (RFC 8689 5) */
    return (struct facts){
        .force = j->force,
        .by_next_hop = j->by_next_hop != 0,
        .override = j->override,
        .demand = j->demand,
        .off_site = j->off_site != 0,
        .counts = j->counts,
        .ladder = j->ladder,
        /* RFC 8689 4.2.1 MUST: REQUIRETLS holds but for the null reverse-path
         * RFC 8689 5 SHOULD NOT: a bounce is not lost for want of REQUIRETLS */
        .reqtls = j->reqtls != 0 && j->reverse_path.n > 0,
        .trno = j->trno,
        .mx = MX_INSECURE,
        .tlsa = TLSA_NONE,
        .sts = STS_NONE,
        .seen = j->seen != 0,
        .sess = SESS_NOCONN,
    };
}

static struct delivery *delivery_of(struct smtpout *out, const struct ipc_job *j, int fd)
{
    struct delivery *d = err_calloc(1, sizeof *d);
    d->out = out;
    d->arena = ARENA_INIT(DELIVERY_ARENA);
    d->lease = j->lease;
    d->id = j->id;
    d->kind = j->kind;
    d->next_hop = job_keep(d, j->next_hop);
    d->memory_key = job_keep(d, j->memory_key);
    d->reverse_path = job_keep(d, j->reverse_path);
    d->port = j->port;
    d->fixed_host = j->fixed_host != 0;
    d->is_8bit = j->is_8bit != 0;
    d->is_utf8 = j->is_utf8 != 0;
    d->is_binary = j->is_binary != 0;
    d->lmtp = j->lmtp != 0;
    d->login = j->login != 0;
    d->avoid_set = j->avoid;
    d->ret = j->ret;
    d->envid = job_keep(d, j->envid);
    d->size = j->size;
    d->arrived_ms = j->arrived_ms;
    d->age_ms = j->age_ms;
    d->facts = facts_of(j);
    d->attempt = j->attempt;
    d->profile = j->legacy ? TLS_PROFILE_LEGACY : j->profile;
    d->dane_required = j->dane_required != 0;
    d->assume_requiretls = j->assume_requiretls != 0;
    d->ask_requiretls = j->reqtls != 0;
    d->observed = j->observed != 0;
    d->look_until_ms = j->look_until_ms;
    d->look_asked = j->look_asked;
    d->helo_from_ms = j->helo_from_ms;
    d->pins = job_keep(d, j->pins);
    d->client_certificate = job_keep(d, j->client_certificate);
    d->exception = job_keep(d, j->exception);
    d->remove_flags = j->remove_flags != 0;
    d->tags = job_keep(d, j->tags);
    d->choices = job_keep(d, j->choices);
    d->edits_head = d->remove_flags || d->tags.n > 0 || j->demand != DEMAND_NONE;
    d->head = BUF_INIT(2 * HEAD_KEPT_MAX);
    d->body = job_keep(d, j->body);
    d->spool = fd;
    d->route = (struct route){
        .out = out,
        .arena = &d->arena,
        .port = j->port,
        .kind = j->lookup,
        .fixed_host = d->fixed_host,
        .on_ready = job_on_route,
        .arg = d,
    };
    return d;
}

/* Why it cannot be done, whatever it says; NULL: it can. */
static const char *job_problem(const struct smtpout *out, const struct lease_id *lease,
                               size_t n_rcpts)
{
    if (n_rcpts == 0 || n_rcpts > JOB_RCPTS) {
        return "nobody to deliver to, or too many";
    }
    if (map_get(out->deliveries, lease_key(lease)) || map_get(out->saving, lease_key(lease))) {
        return "a lease twice";
    }
    return map_len(out->deliveries) >= DELIVERIES_MAX ? "too many at once" : NULL;
}

/* Before anything is done with it: if this process ends over it, that counts. */
static void job_confirm(struct ipc_channel *ch, const struct lease_id *lease)
{
    ipc_send_now(ch, &(struct ipc_msg){.type = IPC_lease_taken, .lease_taken = {.lease = *lease}});
}

void job_say_still(void *arg)
{
    struct smtpout *out = arg;
    size_t cursor = 0;
    struct str key;
    void *value;
    while (out->queue && map_next(out->deliveries, &cursor, &key, &value)) {
        const struct delivery *d = value;
        ipc_send(out->queue,
                 &(struct ipc_msg){.type = IPC_lease_taken, .lease_taken = {.lease = d->lease}});
    }
    timer_start(out->still, STILL_MS);
}

/* The delivery with its recipients; NULL: it cannot be, and is refused. Takes fd. */
static struct delivery *take_job(struct smtpout *out, struct ipc_channel *ch,
                                 const struct ipc_job *m, int fd)
{
    size_t n = count_rcpts(out, &m->lease);
    const char *problem = job_problem(out, &m->lease, n);
    if (problem) {
        err_close_fd(&fd);
        ipc_refuse(ch, problem);
        return NULL;
    }
    job_confirm(ch, &m->lease);
    struct delivery *d = delivery_of(out, m, fd);
    d->n_rcpts = n;
    d->rcpts = arena_alloc(&d->arena, d->n_rcpts * sizeof *d->rcpts);
    must(d->rcpts);
    job_take_rcpts(d);
    d->limit = timer_new(child_loop(out->child), on_limit, d);
    must(map_put(out->deliveries, lease_key(&d->lease), d) == 0);
    return d;
}

/* Its file got no descriptor here. */
static void on_job_without(void *owner, struct ipc_channel *ch, const struct ipc_job *m)
{
    struct delivery *d = take_job(owner, ch, m, -1);
    if (d) {
        delivery_give_up(d, REASON_OUR_FAULT, "no descriptor was left for its file");
    }
}

static void on_job(void *owner, struct ipc_channel *ch, const struct ipc_job *m, int fd)
{
    struct smtpout *out = owner;
    struct delivery *d = take_job(out, ch, m, fd);
    if (!d) {
        return;
    }
    if (!out->keys || (!out->lookup && d->kind == JOB_DELIVER) || out->stopping) {
        delivery_give_up(d,
                         out->stopping ? REASON_SHUTDOWN
                         : out->keys   ? REASON_OUR_FAULT
                                       : REASON_KEYS_AWAY,
                         out->stopping ? ""
                         : out->keys   ? "its name lookups are not there yet"
                                       : "it is not there yet");
        return;
    }
    timer_start(d->limit, OWN_LIMIT_MS);
    ipc_send(out->keys, &(struct ipc_msg){.type = IPC_unwrap, .unwrap = {.lease = d->lease}});
    if (d->kind != JOB_DELIVER) {
        d->resolved = true;
    } else {
        resolve(d);
    }
}

static void on_outcome_saved(void *owner, struct ipc_channel *ch, const struct ipc_outcome_saved *m)
{
    struct smtpout *out = owner;
    struct connection *l = map_take(out->saving, lease_key(&m->lease));
    if (l) {
        connection_release(l, l->messages != UINT32_MAX);
    }
}

static void on_probe(void *owner, struct ipc_channel *ch, const struct ipc_probe *m)
{
    if (((const struct smtpout *)owner)->n_probes >= PROBES_MAX) {
        ipc_refuse(ch, "too many at once");
        return;
    }
    probe_start(owner, m);
}

static void job_on_submitted(void *owner, struct ipc_channel *ch, const struct ipc_submitted *m)
{
    struct smtpout *out = owner;
    if (tlsrpt_submitted(out, m->token, m->result == STORE_OK)) {
        return;
    }
    struct delivery *d = map_get(out->bounces, map_id(&m->token));
    if (d) {
        bounce_submitted(d, m->result);
    }
}

/* --- other processes gone ----------------------------------------------- */

/* Gives up the deliveries that still wait for the process; the map may not change while walked. */
static void job_give_up_waiting(struct smtpout *out, bool for_key, const char *detail)
{
    for (bool found = true; found;) {
        size_t cursor = 0;
        struct str key;
        void *value;
        found = false;
        while (!found && map_next(out->deliveries, &cursor, &key, &value)) {
            struct delivery *d = value;
            if (for_key ? !d->has_key : !d->resolved) {
                found = true;
                delivery_give_up(d, for_key ? REASON_KEYS_AWAY : REASON_OUR_FAULT, detail);
            }
        }
    }
}

/* Their connections are left as they are. */
void job_give_up_all(struct smtpout *out)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(out->deliveries, &cursor, &key, &value)) {
        delivery_give_up(value, REASON_SHUTDOWN, "");
        cursor = 0; /* the map may not change while it is walked */
    }
}

void job_keys_gone(struct smtpout *out)
{
    tlsrpt_give_up(out);
    job_give_up_waiting(out, true, "it ended while it was asked");
}

void job_lookup_gone(struct smtpout *out)
{
    job_give_up_waiting(out, false, "its name lookups ended while they were asked");
    tlsrpt_give_up(out);
    route_lookup_gone(out); /* probes */
}

const struct ipc_rule smtpout_queue_rules[] =
    {IPC_ON(job_rcpt, on_job_rcpt),          IPC_ON(quirk, quirk_on_quirk),
     IPC_ON_OR(job, on_job, on_job_without), IPC_ON(outcome_saved, on_outcome_saved),
     IPC_ON(submitted, job_on_submitted),    IPC_ON(probe, on_probe),
     IPC_ON(system_mail, own_on_mail),       IPC_ON(envelope_mail, envelope_on_mail),
     IPC_ON(rpt_policy, tlsrpt_on_policy),   IPC_ON(rpt_failure, tlsrpt_on_failure),
     IPC_ON(rpt_write, tlsrpt_on_write),     IPC_RULES_END};
const struct ipc_rule smtpout_keys_rules[] = {IPC_ON(unwrapped, job_on_unwrapped),
                                              IPC_ON(signature, tlsrpt_on_signature),
                                              IPC_RULES_END};
