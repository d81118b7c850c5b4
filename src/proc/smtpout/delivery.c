/* SPDX-License-Identifier: Apache-2.0
 * delivery.c: one message to one destination: its key, its hosts in order, the decision for each,
 * and the outcome of each recipient.
 *
 * The host's verdict comes from policy_host() with the facts of the session as it is, kept
 * connections included; only a permit made from it lets the engine write MAIL. What can go wrong
 * on the way ends as an outcome; what is our own fault (keys away, shutdown) never counts against
 * the message.
 */
#include "base/clock.h"
#include "base/log.h"
#include "dns/mx.h"
#include "proc/smtpout/smtpout.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OWN_LIMIT_MS = 60 * 1000, SPOOL_CHUNK = 128 * 1024 };

struct pending_rcpt {
    struct link link;
    uint64_t lease;
    struct delivery_rcpt r;
    char *text[4];
};

static void try_next(struct delivery *d);
static void conclude(struct delivery *d);

/* --- life -------------------------------------------------------------------------------------------- */

static struct str keep(struct delivery *d, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&d->arena, s, &copy);
    return copy;
}

static void delivery_free(struct delivery *d)
{
    map_take(d->out->deliveries, map_id(&d->lease));
    map_take(d->out->resolving, map_id(&d->lease));
    if (d->bounce_token) {
        map_take(d->out->bounces, map_id(&d->bounce_token));
    }
    err_close_fd(&d->spool);
    explicit_bzero(d->key, sizeof d->key);
    rest_reader_free(d->reader);
    timer_free(d->limit);
    free(d->sent_rcpts);
    free(d->sent_to);
    arena_reset(&d->arena);
    free(d);
}

/* --- reports to the queue ------------------------------------------------------------------------------ */

static void report_host(struct delivery *d, const struct link_conn *l, const struct host_verdict *v,
                        enum sess sess, const char *host, const char *ip, const char *detail)
{
    static const struct tls_facts none;
    const struct tls_facts *f = l && l->tls && tls_channel_state(l->tls) != TLS_HANDSHAKING
                                    ? tls_channel_facts(l->tls) : &none;
    static const enum action actions[] = {[HOST_SEND] = ACTION_SEND, [HOST_TEMPORARY] = ACTION_DEFER,
                                          [HOST_CLEAR] = ACTION_DEFER, [HOST_PERMANENT] = ACTION_BOUNCE,
                                          [HOST_CLASS_END] = ACTION_DEFER};
    ipc_send(d->out->queue,
             &(struct ipc_msg){
                 .type = IPC_outcome_host,
                 .outcome_host = {.lease = d->lease, .at_ms = clock_wall_ms(),
                                  .took_ms = (uint32_t)(clock_mono_ms() - d->began_ms),
                                  .host = str_c(host), .address = str_c(ip), .port = d->port,
                                  .mx = (uint8_t)d->facts.mx, .sess = (uint8_t)sess,
                                  .action = (uint8_t)actions[v->class], .grade = (uint8_t)v->grade,
                                  .floor = (uint8_t)v->need.floor, .reason = (uint8_t)v->reason,
                                  .raised = v->need.raised, .reused = l && l->reused,
                                  .tls_version = str_c(f->version), .tls_cipher = str_c(f->cipher),
                                  .tls_bits = f->bits, .tls_group = str_c(f->group),
                                  .tls_signature = str_c(f->signature), .peer_key = str_c(f->peer_key),
                                  .cert_check = str_c(f->check_text), .cert_subject = str_c(f->subject),
                                  .cert_issuer = str_c(f->issuer),
                                  .cert_fingerprint = str_c(f->fingerprint),
                                  .cert_not_after = f->not_after_ms, .detail = str_c(detail)}});
}

static void report_rcpts(struct delivery *d)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        const struct delivery_rcpt *r = &d->rcpts[i];
        d->out->sent += r->result == RESULT_DELIVERED;
        d->out->failed += r->result == RESULT_FAILED;
        ipc_send(d->out->queue, &(struct ipc_msg){.type = IPC_outcome_rcpt,
                                                  .outcome_rcpt = {.lease = d->lease, .rcpt = r->rcpt,
                                                                   .result = (uint8_t)r->result,
                                                                   .reason = (uint8_t)r->reason,
                                                                   .code = r->code, .reply = r->reply,
                                                                   .host = str_c(d->last_host)}});
    }
    ipc_send(d->out->queue, &(struct ipc_msg){.type = IPC_outcome, .outcome = {.lease = d->lease}});
}

/* The end: everything told to the queue. The link, if one is left, waits until it is durable. */
static void finish(struct delivery *d, struct link_conn *l)
{
    struct smtpout *out = d->out;
    report_rcpts(d);
    if (l) {
        l->delivery = NULL;
        l->state = LINK_WAITING_SAVE;
        l->saving = d->lease;
        must(map_put(out->saving, map_id(&l->saving), l) == 0);
    }
    delivery_free(d);
}

void delivery_give_up(struct delivery *d, enum reason reason, const char *detail)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        struct delivery_rcpt *r = &d->rcpts[i];
        if (r->result == RESULT_OPEN) {
            r->result = RESULT_DEFERRED;
            r->reason = reason;
            r->code = str_c(reason_deferred_code(reason));
            r->reply = keep(d, str_c(detail));
        }
    }
    finish(d, NULL);
}

/* --- answers of the receiving server ---------------------------------------------------------------------- */

static void take_answer(struct delivery *d, struct delivery_rcpt *r, const struct smtp_answer *a)
{
    char reply[700];
    struct str enhanced = smtp_answer_enhanced(a);
    snprintf(reply, sizeof reply, "%d " STR_FMT, a->code, STR_ARG(buf_str(&a->text)));
    for (char *p = reply; *p; p++) {
        *p = *p == '\n' ? ' ' : *p;
    }
    r->reply = keep(d, str_c(reply));
    r->code = keep(d, enhanced);
}

/* 552 to RCPT means "too many recipients" in old servers (RFC 5321 4.5.3.1.10). */
static void refuse_rcpt(struct delivery *d, struct delivery_rcpt *r, const struct smtp_answer *a, bool at_rcpt)
{
    bool permanent = a->code / 100 == 5 && !(at_rcpt && a->code == 552);
    take_answer(d, r, a);
    r->result = permanent ? RESULT_FAILED : RESULT_DEFERRED;
    r->reason = REASON_REJECTED;
    if (r->code.n == 0 || r->code.p[0] != (permanent ? '5' : '4')) {
        r->code = str_c(permanent ? "5.0.0" : "4.0.0");
    }
}

void delivery_rcpt_answer(struct delivery *d, size_t n, const struct smtp_answer *a, bool accepted)
{
    must(n < d->n_sent);
    struct delivery_rcpt *r = d->sent_to[n];
    r->accepted = accepted;
    if (!accepted) {
        refuse_rcpt(d, r, a, a->code != 503);
    }
}

void delivery_done(struct delivery *d, struct link_conn *l, const struct smtp_answer *a, bool accepted)
{
    for (size_t i = 0; i < d->n_sent; i++) {
        struct delivery_rcpt *r = d->sent_to[i];
        if (r->result != RESULT_OPEN) {
            continue; /* refused at RCPT */
        }
        if (accepted && r->accepted) {
            take_answer(d, r, a);
            r->result = RESULT_DELIVERED;
            r->reason = d->verdicts[d->n_verdicts - 1].reason;
        } else {
            refuse_rcpt(d, r, a, false);
        }
    }
    d->link = NULL;
    finish(d, l);
}

/* --- judging hosts -------------------------------------------------------------------------------------------- */

static void note_verdict(struct delivery *d, const struct host_verdict *v)
{
    if (d->n_verdicts < TRIES_MAX) {
        d->verdicts[d->n_verdicts++] = *v;
    }
}

/* Everything was tried: what the policy concludes for each recipient still open. */
static void conclude(struct delivery *d)
{
    struct verdict v = policy_recipient(&d->facts, d->verdicts, d->n_verdicts);
    bool bounce = v.action == ACTION_BOUNCE || v.action == ACTION_FALLBACK;
    for (size_t i = 0; i < d->n_rcpts; i++) {
        struct delivery_rcpt *r = &d->rcpts[i];
        if (r->result != RESULT_OPEN) {
            continue;
        }
        r->result = bounce ? RESULT_FAILED : RESULT_DEFERRED;
        r->reason = v.reason;
        r->code = str_c(bounce ? reason_bounced_code(v.reason) : reason_deferred_code(v.reason));
        r->reply = keep(d, str_c(d->last_detail));
    }
    finish(d, NULL);
}

static void next_address(struct delivery *d)
{
    d->address++;
    d->fresh_only = false;
    try_next(d);
}

void delivery_link_failed(struct delivery *d, struct link_conn *l, enum sess sess,
                          enum host_class class, enum reason reason, const char *detail)
{
    if (l->reused && l->state == LINK_BUSY && !d->reader && sess != SESS_HSFAIL) {
        d->fresh_only = true; /* the peer closed a kept connection: that says nothing about it */
        try_next(d);
        return;
    }
    d->facts.seen |= l->offered; /* a sighting binds the next host of the same attempt, too */
    if (l->state == LINK_BUSY && d->n_verdicts > 0) {
        d->n_verdicts--; /* it was judged fit to send, and then broke: that verdict no longer counts */
    }
    d->facts.sess = sess;
    struct host_verdict v = policy_host(&d->facts);
    if (reason != REASON_NONE) {
        v.class = class;
        v.reason = reason;
    }
    str_copy_cut(str_c(l->host), d->last_host, sizeof d->last_host);
    str_copy_cut(str_c(detail), d->last_detail, sizeof d->last_detail);
    note_verdict(d, &v);
    report_host(d, l, &v, sess, l->host, l->ip, detail);
    if (d->reader || d->body_ended) {
        conclude(d); /* octets of the message went out: whether it arrived is not known */
    } else {
        next_address(d);
    }
}

/* What this server cannot take at all, whatever the connection. */
static enum reason unfit(const struct delivery *d, const struct smtp_caps *caps)
{
    if (caps->has_size && caps->size > 0 && d->size > caps->size) {
        return REASON_TOO_BIG; /* RFC 1870 section 6.1: do not even try */
    }
    if (d->is_utf8 && !caps->utf8) {
        return REASON_NO_UTF8;
    }
    if (d->is_8bit && !caps->is_8bit) {
        return REASON_NO_8BIT;
    }
    return REASON_NONE;
}

static void prepare_mail(struct delivery *d)
{
    free(d->sent_rcpts);
    free(d->sent_to);
    d->sent_rcpts = err_calloc(d->n_rcpts, sizeof *d->sent_rcpts);
    d->sent_to = err_calloc(d->n_rcpts, sizeof *d->sent_to);
    d->n_sent = 0;
    for (size_t i = 0; i < d->n_rcpts; i++) {
        if (d->rcpts[i].result == RESULT_OPEN) {
            d->rcpts[i].accepted = false;
            d->sent_to[d->n_sent] = &d->rcpts[i];
            d->sent_rcpts[d->n_sent++] = d->rcpts[i].forward_path;
        }
    }
    d->mail = (struct smtp_mail){.reverse_path = d->reverse_path, .rcpts = d->sent_rcpts,
                                 .n_rcpts = d->n_sent, .size = d->size, .is_8bit = d->is_8bit,
                                 .is_utf8 = d->is_utf8};
}

void delivery_link_ready(struct delivery *d, struct link_conn *l)
{
    const struct smtp_caps *caps = smtp_client_caps(l->engine);
    struct permit permit = {0};
    char detail[200] = "";
    d->facts.seen |= l->offered;
    d->facts.sess = l->sess;
    d->facts.ext = caps->requiretls;
    struct host_verdict v = policy_host(&d->facts);
    enum reason why = v.class == HOST_SEND ? unfit(d, caps) : REASON_NONE;
    if (why != REASON_NONE) {
        v.class = HOST_PERMANENT;
        v.reason = why;
    }
    if (v.class != HOST_SEND && l->tls) {
        snprintf(detail, sizeof detail, "certificate: %s", tls_channel_facts(l->tls)->check_text);
    }
    if (!l->tls && caps->masked) {
        snprintf(detail, sizeof detail, "a keyword in the server's greeting is overwritten (XXXX): probably a "
                                        "firewall in between removes STARTTLS");
        log_warn("starttls-masked", KV("host", l->host), KV("address", l->ip));
    }
    str_copy_cut(str_c(l->host), d->last_host, sizeof d->last_host);
    str_copy_cut(str_c(detail), d->last_detail, sizeof d->last_detail);
    note_verdict(d, &v);
    report_host(d, l, &v, l->sess, l->host, l->ip, detail);
    if (v.class == HOST_SEND && policy_permit(&v, &permit)) {
        prepare_mail(d);
        link_send(l, d, &permit);
        return;
    }
    d->link = NULL;
    link_release(l, why != REASON_NONE);
    next_address(d);
}

/* Refuses MX addresses that point into ourselves or our own network. */
static bool address_allowed(const struct delivery *d, const char *ip)
{
    static const char *const never[] = {"0.0.0.0/8", "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12",
                                        "192.168.0.0/16", "169.254.0.0/16", "224.0.0.0/3", "::/127",
                                        "fe80::/10", "fc00::/7", "ff00::/8"};
    if (d->fixed_host || child_conf(d->out->child)->smtpout.private_addresses) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        struct address_net net;
        if (address_net_parse(str_c(never[i]), &net) == 0 && address_net_has(&net, str_c(ip))) {
            return false;
        }
    }
    return true;
}

/* The address number d->address of host number d->host, moving on to further hosts. */
static bool current_address(struct delivery *d, char ip[46])
{
    for (; d->host < d->n_hosts; d->host++, d->address = 0) {
        struct str rest = d->hosts[d->host].addresses, one;
        for (size_t i = 0; rest.n > 0 && str_split(&rest, ' ', &one); i++) {
            if (i < d->address) {
                continue;
            }
            str_copy_cut(one, ip, 46);
            if (address_allowed(d, ip)) {
                d->address = i;
                return true;
            }
            log_warn("address-refused", KV("host", d->hosts[d->host].name), KV("address", ip),
                     KV("reason", "a private or loopback address in an MX answer"));
        }
    }
    return false;
}

static void try_next(struct delivery *d)
{
    char ip[46];
    if (d->tries >= TRIES_MAX || !current_address(d, ip)) {
        if (d->n_verdicts == 0) {
            note_verdict(d, &(struct host_verdict){.class = HOST_TEMPORARY, .reason = REASON_NO_HOST});
        }
        conclude(d);
        return;
    }
    d->tries++;
    const char *host = d->hosts[d->host].name;
    struct link_conn *l = d->fresh_only ? NULL : link_find_idle(d->out, host, ip, d->port, d->next_hop);
    if (l) {
        delivery_link_ready(d, l);
    } else {
        link_open(d, host, ip, d->port);
    }
}

/* --- start: key and lookup ------------------------------------------------------------------------------------ */

static void begin(struct delivery *d)
{
    if (!d->has_key || !d->resolved) {
        return;
    }
    timer_stop(d->limit);
    if (d->kind == 1) {
        bounce_write(d);
        return;
    }
    d->began_ms = clock_mono_ms();
    try_next(d);
}

static void on_limit(void *arg)
{
    struct delivery *d = arg;
    delivery_give_up(d, d->has_key ? REASON_MX_LOOKUP : REASON_KEYS_AWAY, "no answer from our own process");
}

/* Outcomes of the lookup that leave nothing to connect to. */
static void conclude_lookup(struct delivery *d, enum mx_outcome outcome, struct str detail)
{
    struct host_verdict v = {.class = HOST_PERMANENT, .reason = REASON_NO_DOMAIN};
    switch (outcome) {
    case MX_NULL_MX:
        d->facts.mx = MX_NULL;
        v = policy_host(&d->facts);
        break;
    case MX_FAILED:
        d->facts.mx = MX_ERROR;
        v = policy_host(&d->facts);
        break;
    case MX_NO_HOST:
        v.reason = REASON_NO_HOST;
        break;
    case MX_LOOP:
        v.reason = REASON_LOOP;
        break;
    case MX_FOUND:
    case MX_NO_DOMAIN:
    case MX_OUTCOME_END:
        break;
    }
    str_copy_cut(detail, d->last_detail, sizeof d->last_detail);
    note_verdict(d, &v);
    report_host(d, NULL, &v, SESS_NOCONN, "", "", d->last_detail);
    conclude(d);
}

static void on_resolved_host(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpout *out = owner;
    const struct ipc_resolved_host *h = &m->resolved_host;
    struct delivery *d = map_get(out->resolving, map_id(&h->token));
    (void)ch;
    (void)fd;
    if (d && d->n_hosts < HOSTS_MAX) {
        struct delivery_host *host = &d->hosts[d->n_hosts++];
        str_copy_cut(h->name, host->name, sizeof host->name);
        host->addresses = keep(d, h->addresses);
    }
}

static void on_resolved(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpout *out = owner;
    struct delivery *d = map_take(out->resolving, map_id(&m->resolved.token));
    (void)ch;
    (void)fd;
    if (!d) {
        return;
    }
    must(m->resolved.outcome < MX_OUTCOME_END);
    d->resolved = true;
    d->facts.mx = d->fixed_host || m->resolved.mx == DNS_SECURE ? MX_SECURE : MX_INSECURE;
    if (m->resolved.outcome != MX_FOUND) {
        conclude_lookup(d, (enum mx_outcome)m->resolved.outcome, m->resolved.detail);
    } else {
        begin(d);
    }
}

static void resolve(struct delivery *d)
{
    unsigned char octets[16];
    struct str name = d->next_hop;
    bool literal = name.n > 2 && name.p[0] == '[';
    struct str ip = literal ? str_slice(name, 1, name.n - 1) : name;
    if (literal && str_starts_nocase(ip, STR("IPv6:"))) {
        ip = str_slice(ip, 5, ip.n);
    }
    if ((literal || d->fixed_host) && address_ip_octets(ip, octets) > 0) {
        d->n_hosts = 1;
        str_copy_cut(ip, d->hosts[0].name, sizeof d->hosts[0].name);
        d->hosts[0].addresses = keep(d, ip);
        d->facts.mx = d->fixed_host ? MX_SECURE : MX_INSECURE;
        d->resolved = true;
        return;
    }
    must(map_put(d->out->resolving, map_id(&d->lease), d) == 0);
    ipc_send(d->out->lookup, &(struct ipc_msg){.type = IPC_resolve,
                                               .resolve = {.token = d->lease, .kind = d->fixed_host, .name = name}});
}

static void on_unwrapped(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpout *out = owner;
    struct delivery *d = map_get(out->deliveries, map_id(&m->unwrapped.lease));
    (void)ch;
    (void)fd;
    if (!d || d->has_key) {
        return;
    }
    if (!m->unwrapped.ok || m->unwrapped.key.n != REST_KEY) {
        delivery_give_up(d, REASON_KEYS_AWAY, "the key service did not give the message key");
        return;
    }
    memcpy(d->key, m->unwrapped.key.p, REST_KEY);
    d->has_key = true;
    begin(d);
}

/* --- jobs from the queue ------------------------------------------------------------------------------------------ */

static void on_job_rcpt(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpout *out = owner;
    const struct ipc_job_rcpt *r = &m->job_rcpt;
    (void)ch;
    (void)fd;
    struct pending_rcpt *p = err_calloc(1, sizeof *p);
    const struct str texts[] = {r->forward_path, r->code, r->reply, r->host};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        p->text[i] = str_dup(texts[i]);
    }
    p->lease = r->lease;
    p->r = (struct delivery_rcpt){.rcpt = r->rcpt, .result = RESULT_OPEN, .last_ms = r->last_ms,
                                  .reason = r->reason < REASON_END ? (enum reason)r->reason : REASON_NONE};
    list_append(&out->pending_rcpts, &p->link);
}

static size_t take_rcpts(struct delivery *d, bool count_only)
{
    size_t n = 0;
    for (struct link *at = d->out->pending_rcpts.next; at != &d->out->pending_rcpts;) {
        struct pending_rcpt *p = LIST_OF(at, struct pending_rcpt, link);
        at = at->next;
        if (p->lease != d->lease) {
            continue;
        }
        if (!count_only) {
            struct delivery_rcpt *r = &d->rcpts[n];
            *r = p->r;
            r->forward_path = keep(d, str_c(p->text[0]));
            r->code = keep(d, str_c(p->text[1]));
            r->reply = keep(d, str_c(p->text[2]));
            r->host = keep(d, str_c(p->text[3]));
            for (size_t i = 0; i < ARRAY_LEN(p->text); i++) {
                free(p->text[i]);
            }
            list_remove(&p->link);
            free(p);
        }
        n++;
    }
    return n;
}

static struct facts facts_of(const struct ipc_job *j)
{
    must(j->force < FORCE_END && j->demand < DEMAND_END && j->counts < COUNTS_END &&
         j->ladder < LADDER_END && j->trno < TRNO_END && j->override < OVERRIDE_END);
    return (struct facts){.force = (enum force)j->force, .override = (enum override)j->override,
                          .demand = (enum demand)j->demand, .counts = (enum counts)j->counts,
                          .ladder = (enum ladder)j->ladder, .reqtls = j->reqtls != 0,
                          .trno = (enum trno)j->trno, .mx = MX_INSECURE, .tlsa = TLSA_NONE,
                          .sts = STS_NONE, .seen = j->seen != 0, .sess = SESS_NOCONN};
}

static void on_job(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpout *out = owner;
    const struct ipc_job *j = &m->job;
    (void)ch;
    struct delivery *d = err_calloc(1, sizeof *d);
    d->out = out;
    d->arena = ARENA_INIT(DELIVERY_ARENA);
    d->lease = j->lease;
    d->id = j->id;
    d->kind = j->kind;
    d->next_hop = keep(d, j->next_hop);
    d->reverse_path = keep(d, j->reverse_path);
    d->port = j->port;
    d->fixed_host = j->fixed_host != 0;
    d->is_8bit = j->is_8bit != 0;
    d->is_utf8 = j->is_utf8 != 0;
    d->size = j->size;
    d->arrived_ms = j->arrived_ms;
    d->facts = facts_of(j);
    d->body = keep(d, j->body);
    d->spool = fd;
    d->n_rcpts = take_rcpts(d, true);
    must(d->n_rcpts > 0);
    d->rcpts = arena_alloc(&d->arena, d->n_rcpts * sizeof *d->rcpts);
    must(d->rcpts);
    take_rcpts(d, false);
    d->limit = timer_new(child_loop(out->child), on_limit, d);
    must(map_put(out->deliveries, map_id(&d->lease), d) == 0);
    if (!out->keys || (!out->lookup && d->kind == 0) || out->stopping) {
        delivery_give_up(d, out->stopping ? REASON_SHUTDOWN : REASON_KEYS_AWAY, "our own process is not ready");
        return;
    }
    timer_start(d->limit, OWN_LIMIT_MS);
    ipc_send(out->keys, &(struct ipc_msg){.type = IPC_unwrap, .unwrap = {.lease = d->lease}});
    if (d->kind == 1) {
        d->resolved = true;
    } else {
        resolve(d);
    }
}

static void on_outcome_saved(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpout *out = owner;
    (void)ch;
    (void)fd;
    struct link_conn *l = map_take(out->saving, map_id(&m->outcome_saved.lease));
    if (l) {
        link_release(l, l->messages != UINT32_MAX);
    }
}

static void on_submitted(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpout *out = owner;
    (void)ch;
    (void)fd;
    struct delivery *d = map_get(out->bounces, map_id(&m->submitted.token));
    if (d) {
        bounce_submitted(d, m->submitted.result);
    }
}

/* --- reading the body ------------------------------------------------------------------------------------------------ */

int delivery_read(struct delivery *d, struct buf *out)
{
    if (!d->reader) {
        d->reader = rest_reader_new(d->key);
    }
    if (d->spool < 0) {
        int r = rest_read(d->reader, d->body, out);
        r = r < 0 ? r : rest_read(d->reader, STR(""), out);
        return r < 0 ? r : rest_read_done(d->reader) ? 0 : -EBADMSG;
    }
    char *chunk = malloc(SPOOL_CHUNK);
    must(chunk);
    ssize_t n = pread(d->spool, chunk, SPOOL_CHUNK, d->spool_at);
    int r = n < 0 ? -errno : rest_read(d->reader, str_from(chunk, (size_t)n), out);
    free(chunk);
    if (r < 0) {
        return r;
    }
    d->spool_at += n;
    return n > 0 ? 1 : rest_read_done(d->reader) ? 0 : -EBADMSG;
}

/* --- other processes gone ------------------------------------------------------------------------------------------------ */

/* Gives up the deliveries that still wait for the process; the map may not change while walked. */
static void give_up_waiting(struct smtpout *out, bool for_key, const char *detail)
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
                delivery_give_up(d, for_key ? REASON_KEYS_AWAY : REASON_SHUTDOWN, detail);
            }
        }
    }
}

void delivery_keys_gone(struct smtpout *out)
{
    give_up_waiting(out, true, "the key service went away");
}

void delivery_lookup_gone(struct smtpout *out)
{
    give_up_waiting(out, false, "the name lookup process went away");
}

const struct ipc_rule smtpout_queue_rules[] = {{IPC_job_rcpt, on_job_rcpt},
                                               {IPC_job, on_job},
                                               {IPC_outcome_saved, on_outcome_saved},
                                               {IPC_submitted, on_submitted},
                                               {IPC_none, NULL}};
const struct ipc_rule smtpout_keys_rules[] = {{IPC_unwrapped, on_unwrapped}, {IPC_none, NULL}};
const struct ipc_rule smtpout_lookup_rules[] = {
    {IPC_resolved_host, on_resolved_host}, {IPC_resolved, on_resolved}, {IPC_none, NULL}};
