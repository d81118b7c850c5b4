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
#include "proc/smtpout/smtpout.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPOOL_PIECES = 7, SPOOL_CHUNK = REST_HEADER + SPOOL_PIECES * REST_PIECE_SEALED };

static void try_next(struct delivery *d);
static void conclude(struct delivery *d);

/* --- life -------------------------------------------------------------------------------------------- */

static struct str keep(struct delivery *d, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&d->arena, s, &copy);
    return copy;
}

void delivery_free(struct delivery *d)
{
    map_take(d->out->deliveries, map_id(&d->lease));
    way_forget(&d->way);
    if (d->look) {
        look_cancel(d->look);
    }
    if (d->bounce_token) {
        map_take(d->out->bounces, map_id(&d->bounce_token));
    }
    err_close_fd(&d->spool);
    sevenbit_free(d->converter);
    sevenbit_plan_free(&d->plan);
    buf_wipe(&d->head);
    explicit_bzero(d->key, sizeof d->key);
    rest_reader_free(d->reader);
    timer_free(d->limit);
    free(d->sent_rcpts);
    free(d->sent_to);
    arena_reset(&d->arena);
    free(d);
}

/* The end: everything told to the queue. The link, if one is left, waits until it is durable. */
static void finish(struct delivery *d, struct link_conn *l)
{
    struct smtpout *out = d->out;
    outcome_rcpts(d);
    if (l) {
        l->delivery = NULL;
        l->state = LINK_WAITING_SAVE;
        l->saving = d->lease;
        must(map_put(out->saving, map_id(&l->saving), l) == 0);
    }
    delivery_free(d);
}

void delivery_ended_here(struct delivery *d, const char *words)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        d->rcpts[i].result = RESULT_DELIVERED;
        d->rcpts[i].reason = REASON_TAKEN;
        d->rcpts[i].code = STR("2.0.0");
        d->rcpts[i].reply = keep(d, str_c(words));
    }
    finish(d, NULL);
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

static void take_success(struct delivery *d, struct delivery_rcpt *r, const struct smtp_answer *a)
{
    take_answer(d, r, a);
    r->result = RESULT_DELIVERED;
    r->reason = d->verdicts[d->n_verdicts - 1].reason;
}

void delivery_rcpt_done(struct delivery *d, size_t n, const struct smtp_answer *a, bool accepted)
{
    must(n < d->n_sent);
    if (accepted) {
        take_success(d, d->sent_to[n], a);
    } else {
        refuse_rcpt(d, d->sent_to[n], a, false);
    }
}

void delivery_done(struct delivery *d, struct link_conn *l, const struct smtp_answer *a, bool accepted)
{
    bool reports = smtp_client_caps(l->engine)->dsn && !d->lmtp; /* an LMTP server is the end of the way */
    for (size_t i = 0; i < d->n_sent; i++) {
        d->sent_to[i]->reported = reports;
    }
    for (size_t i = 0; i < d->n_sent; i++) {
        struct delivery_rcpt *r = d->sent_to[i];
        if (r->result != RESULT_OPEN) {
            continue; /* refused at RCPT */
        }
        if (accepted && r->accepted) {
            take_success(d, r, a);
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

/* The last detail, and everyone who demanded more than was to be had: for report and notice. */
static void put_demands(uint32_t raised, const char *detail, char *dst, size_t size)
{
    struct buf text = BUF_INIT(size - 1);
    (void)!buf_printf(&text, "%.600s", detail);
    for (unsigned bit = 0, n = 0; bit < RAISED_END; bit++) {
        if (raised & (1u << bit)) {
            (void)!buf_printf(&text, "%s%s", n++ ? ", " : *detail ? "; demanded by " : "demanded by ", raiser_sentence((enum raiser_bit)bit));
        }
    }
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

/* Everything was tried: what the policy concludes for each recipient still open. */
static void conclude(struct delivery *d)
{
    struct verdict v = policy_recipient(&d->facts, d->verdicts, d->n_verdicts);
    bool bounce = v.action == ACTION_BOUNCE;
    char words[1000];
    if (v.reason == REASON_LOOK_INCOMPLETE) {
        snprintf(words, sizeof words, "not asked: %.900s", d->unasked);
    } else {
        put_demands(v.need.raised, d->last_detail, words, sizeof words);
    }
    for (size_t i = 0; i < d->n_rcpts; i++) {
        struct delivery_rcpt *r = &d->rcpts[i];
        if (r->result != RESULT_OPEN) {
            continue;
        }
        r->result = bounce ? RESULT_FAILED : v.action == ACTION_FALLBACK ? RESULT_FALLBACK : RESULT_DEFERRED;
        r->reason = v.reason;
        r->code = str_c(bounce ? reason_bounced_code(v.reason) : reason_deferred_code(v.reason));
        r->reply = keep(d, str_c(words));
    }
    finish(d, NULL);
}

static void next_address(struct delivery *d)
{
    d->address++;
    d->fresh_only = d->without_tls = false;
    try_next(d);
}

/* Octets of the message went out, and its recipients were answered: whether it arrived is not known. A body that went
 * along with an envelope which nobody took did not. */
static bool may_have_arrived(const struct delivery *d, const struct link_conn *l)
{
    enum smtp_wait waits = smtp_client_waits_for(l->engine);
    return d->reader && waits != SMTP_WAIT_MAIL && waits != SMTP_WAIT_RCPT;
}

void delivery_rewind(struct delivery *d)
{
    rest_reader_free(d->reader);
    d->reader = NULL;
    d->spool_at = 0;
    d->body_ended = d->head_passed = false;
    sevenbit_free(d->converter);
    d->converter = NULL;
    buf_wipe(&d->head);
}

void delivery_link_failed(struct delivery *d, struct link_conn *l, enum sess sess,
                          enum host_class class, enum reason reason, const char *detail)
{
    bool unknown = may_have_arrived(d, l);
    if (!unknown) {
        delivery_rewind(d);
    }
    if (l->reused && l->state == LINK_BUSY && !unknown && sess != SESS_HSFAIL) {
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
    outcome_host(d, l, &v, sess, l->host, l->ip, detail);
    if (v.class == HOST_SEND && d->facts.trno == TRNO_REPORT && !d->without_tls) { /* H8a: a TLS report, which must arrive: once more, in clear */
        d->n_verdicts--;
        d->without_tls = d->fresh_only = true;
        try_next(d);
    } else if (unknown) {
        conclude(d);
    } else {
        next_address(d);
    }
}

/* What stands in the report beside the verdict, when something is wrong. */
static void describe(const struct delivery *d, const struct link_conn *l, const struct host_verdict *v, char *detail, size_t size)
{
    const struct tls_facts *f = l->tls ? tls_channel_facts(l->tls) : NULL;
    *detail = '\0';
    if (v->reason == REASON_LOOK_INCOMPLETE || (v->reason == REASON_SENT_PLAIN && d->facts.look == LOOK_OVERDUE)) {
        snprintf(detail, size, "%snot asked: %.550s", v->class == HOST_SEND ? "the time to wait for all servers is over; " : "", d->unasked);
        return;
    }
    if (f && v->class != HOST_SEND && f->dane == TLS_DANE_BAD) {
        snprintf(detail, size, "DANE: %s", f->dane_text);
    } else if (f && v->class != HOST_SEND && v->reason == REASON_WEAK_CRYPTO) {
        snprintf(detail, size, "only %s with %s", f->version, f->cipher);
    } else if (f && v->class != HOST_SEND) {
        snprintf(detail, size, "certificate: %s%s", f->check_text,
                 f->asked_certificate && !f->sent_certificate ? "; the server asked for a certificate of ours" : "");
    }
    if (!f && smtp_client_caps(l->engine)->masked) {
        snprintf(detail, size, "a keyword in the server's greeting is overwritten (XXXX): probably a "
                               "firewall in between removes STARTTLS");
        log_warn("starttls-masked", KV("host", l->host), KV("address", l->ip));
    }
}

/* Plaintext rests on a look at all the domain's servers, not on one server's word. True when that
 * look begins; the delivery goes on in delivery_looked(). */
static bool needs_first_look(struct delivery *d, struct link_conn *l, const struct host_verdict *v)
{
    if (v->reason != REASON_LOOK_INCOMPLETE || d->looked) {
        return false;
    }
    d->looked = true;
    d->link = NULL;
    link_release(l, true);
    look_first(d);
    return true;
}

void delivery_looked(struct delivery *d, bool offered, bool complete, const char *unasked)
{
    const struct conf *c = child_conf(d->out->child);
    bool overdue = clock_wall_ms() - d->arrived_ms >= c->monitor.look_patience;
    d->look = NULL;
    d->facts.look = complete ? LOOK_COMPLETE : overdue ? LOOK_OVERDUE : LOOK_INCOMPLETE;
    str_copy_cut(str_c(unasked), d->unasked, sizeof d->unasked);
    d->facts.seen |= offered;
    d->host = d->address = 0;
    d->n_verdicts = d->tries = 0;
    try_next(d);
}

/* Memory forbids plain text; a session of a legacy exception is none (docs/decisions/0006). */
static struct host_verdict judge_session(const struct delivery *d)
{
    struct facts f = d->facts;
    f.seen = f.seen && f.sess != SESS_LEGACY;
    return policy_host(&f);
}

void delivery_link_ready(struct delivery *d, struct link_conn *l)
{
    const struct smtp_caps *caps = smtp_client_caps(l->engine);
    struct permit permit = {0};
    char detail[700];
    d->facts.seen |= l->offered;
    d->facts.sess = link_sess(l, d->pins);
    d->facts.ext = caps->requiretls || d->assume_requiretls;
    struct host_verdict v = judge_session(d);
    enum reason why = v.class == HOST_SEND ? fit_message(d, caps) : REASON_NONE;
    if (why != REASON_NONE) {
        v.class = HOST_PERMANENT;
        v.reason = why;
    }
    if (needs_first_look(d, l, &v)) {
        return;
    }
    if (v.class == HOST_SEND && d->login && !l->logged_in) {
        l->delivery = d;
        d->link = l;
        login_begin(l); /* and here again when it is done */
        return;
    }
    if (why == REASON_NONE) {
        describe(d, l, &v, detail, sizeof detail);
    } else {
        str_copy_cut(str_c(fit_detail(d, why)), detail, sizeof detail);
    }
    str_copy_cut(str_c(l->host), d->last_host, sizeof d->last_host);
    str_copy_cut(str_c(detail), d->last_detail, sizeof d->last_detail);
    note_verdict(d, &v);
    outcome_host(d, l, &v, d->facts.sess, l->host, l->ip, detail);
    if (v.class == HOST_SEND && policy_permit(&v, &permit)) {
        fit_prepare(d, caps);
        link_send(l, d, &permit);
        return;
    }
    d->link = NULL;
    link_release(l, why != REASON_NONE);
    next_address(d);
}

void delivery_login_failed(struct delivery *d, struct link_conn *l, const char *detail)
{
    struct host_verdict v = {.class = HOST_TEMPORARY, .reason = REASON_LOGIN_REFUSED};
    str_copy_cut(str_c(l->host), d->last_host, sizeof d->last_host);
    str_copy_cut(str_c(detail), d->last_detail, sizeof d->last_detail);
    note_verdict(d, &v);
    outcome_host(d, l, &v, d->facts.sess, l->host, l->ip, detail);
    d->link = NULL;
    link_release(l, false);
    next_address(d);
}

/* MX addresses that point into ourselves or our own network are refused. */
static bool address_allowed(const struct delivery *d, const char *ip)
{
    return d->fixed_host || child_conf(d->out->child)->smtpout.private_addresses || !address_is_private(str_c(ip));
}

/* The address number d->address of host number d->host; false: it has no more. */
static bool current_address(struct delivery *d, const struct way_host *h, char ip[46])
{
    struct str rest = h->addresses, one;
    for (size_t i = 0; rest.n > 0 && str_split(&rest, ' ', &one); i++) {
        if (i < d->address) {
            continue;
        }
        str_copy_cut(one, ip, 46);
        if (address_allowed(d, ip)) {
            d->address = i;
            return true;
        }
        log_warn("address-refused", KV("host", h->name), KV("address", ip),
                 KV("reason", "a private or loopback address in an MX answer"));
    }
    return false;
}

/* What the lookups say about this host before any connection: true when it is out. */
static bool is_barred(struct delivery *d, const struct way_host *h)
{
    struct host_verdict v;
    way_facts(&d->way, h, clock_wall_ms() - d->arrived_ms, child_conf(d->out->child)->smtpout.policy_wait, &d->facts);
    d->facts.sess = SESS_NOCONN;
    bool barred = policy_barred(&d->facts, &v);
    if (!barred && d->dane_required && !(d->facts.tlsa == TLSA_USABLE && d->facts.mx == MX_SECURE)) {
        v.class = HOST_TEMPORARY; /* RFC 7672 6: a local demand for DANE is not met */
        v.reason = REASON_DANE_REQUIRED;
        barred = true;
    }
    if (!barred) {
        return false;
    }
    const char *detail = d->facts.sts == STS_WAIT ? d->way.sts_detail : h->detail;
    str_copy_cut(str_c(h->name), d->last_host, sizeof d->last_host);
    str_copy_cut(str_c(detail), d->last_detail, sizeof d->last_detail);
    note_verdict(d, &v);
    outcome_host(d, NULL, &v, SESS_NOCONN, h->name, "", detail);
    return true;
}

static void try_next(struct delivery *d)
{
    struct tls_way tls = {.profile = d->profile};
    char ip[46];
    str_copy_cut(d->client_certificate, tls.client_certificate, sizeof tls.client_certificate);
    for (; d->host < d->way.n_hosts && d->tries < TRIES_MAX; d->host++, d->address = 0) {
        const struct way_host *h = &d->way.hosts[d->host];
        if ((d->address == 0 && is_barred(d, h)) || !current_address(d, h, ip)) {
            continue;
        }
        d->tries++;
        way_facts(&d->way, h, clock_wall_ms() - d->arrived_ms, child_conf(d->out->child)->smtpout.policy_wait, &d->facts);
        way_tls(&d->way, h, &d->facts, &tls);
        struct link_conn *l = d->fresh_only ? NULL : link_find_idle(d, h->name, ip, &tls);
        if (l) {
            delivery_link_ready(d, l);
        } else {
            link_open(d, h->name, ip, d->port, &tls);
        }
        return;
    }
    if (d->n_verdicts == 0) {
        note_verdict(d, &(struct host_verdict){.class = HOST_TEMPORARY, .reason = REASON_NO_HOST});
    }
    conclude(d);
}

/* --- start: key and way are there ---------------------------------------------------------------------- */

/* Outcomes of the lookup that leave nothing to connect to. */
static void conclude_lookup(struct delivery *d)
{
    struct host_verdict v = {.class = HOST_PERMANENT, .reason = REASON_NO_DOMAIN};
    d->facts.mx = d->way.mx;
    switch (d->way.outcome) {
    case MX_NULL_MX:
    case MX_FAILED:
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
    str_copy_cut(str_c(d->way.detail), d->last_detail, sizeof d->last_detail);
    note_verdict(d, &v);
    outcome_host(d, NULL, &v, SESS_NOCONN, "", "", d->last_detail);
    conclude(d);
}

/* A server outside the cached policy may mean a new policy (RFC 8461 5.1): asked once more. */
static bool policy_may_be_stale(struct delivery *d)
{
    struct facts f = d->facts;
    for (size_t i = 0; i < d->way.n_hosts && !d->asked_again; i++) {
        way_facts(&d->way, &d->way.hosts[i], 0, 0, &f);
        if (f.sts == STS_NOMATCH) {
            d->asked_again = true;
            d->resolved = false;
            way_ask(&d->way, LOOKUP_MISMATCH);
            return true;
        }
    }
    return false;
}

void delivery_begin(struct delivery *d)
{
    if (!d->has_key || !d->resolved) {
        return;
    }
    if (d->kind != JOB_DELIVER) {
        timer_stop(d->limit);
        if (d->kind == JOB_TLS_REPORT) {
            tlsrpt_receive(d);
        } else {
            bounce_write(d);
        }
        return;
    }
    if (d->way.outcome == MX_FOUND && policy_may_be_stale(d)) {
        return;
    }
    timer_stop(d->limit);
    d->began_ms = clock_mono_ms();
    if (d->way.outcome == MX_FOUND) {
        try_next(d);
    } else {
        conclude_lookup(d);
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
    static char chunk[SPOOL_CHUNK];
    char *room;
    size_t want = d->spool_at == 0 ? sizeof chunk : sizeof chunk - REST_HEADER; /* whole pieces */
    ssize_t n = pread(d->spool, chunk, want, d->spool_at);
    int r = n < 0 ? -errno : buf_reserve(out, SPOOL_PIECES * REST_PIECE, &room);
    r = r < 0 ? r : rest_read(d->reader, str_from(chunk, (size_t)n), out);
    if (r < 0) {
        return r;
    }
    d->spool_at += n;
    return n > 0 ? 1 : rest_read_done(d->reader) ? 0 : -EBADMSG;
}
