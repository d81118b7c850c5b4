/* SPDX-License-Identifier: Apache-2.0
 * delivery.c: one message to one destination: its key, its hosts in order, the decision for each,
 * and the outcome of each recipient. Called by job.c, and by connection.c, survey.c and login.c
 * with what came of it.
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
static void round_start(struct delivery *d);

/* --- life --------------------------------------------------------------- */

struct str delivery_keep(struct delivery *d, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&d->arena, s, &copy);
    return copy;
}

void delivery_free(struct delivery *d)
{
    map_take(d->out->deliveries, lease_key(&d->lease));
    route_forget(&d->route);
    if (d->survey) {
        survey_cancel(d->survey);
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
static void delivery_finish(struct delivery *d, struct connection *l)
{
    struct smtpout *out = d->out;
    outcome_rcpts(d);
    if (l) {
        l->delivery = NULL;
        l->state = CONNECTION_WAITING_SAVE;
        l->saving = d->lease;
        must(map_put(out->saving, lease_key(&l->saving), l) == 0);
    }
    delivery_free(d);
}

void delivery_ended_here(struct delivery *d, const char *words)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        d->rcpts[i].result = RESULT_DELIVERED;
        d->rcpts[i].reason = REASON_TAKEN;
        d->rcpts[i].code = STR("2.0.0");
        d->rcpts[i].reply = delivery_keep(d, str_c(words));
    }
    delivery_finish(d, NULL);
}

void delivery_give_up(struct delivery *d, enum reason reason, const char *detail)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        struct delivery_rcpt *r = &d->rcpts[i];
        if (r->result == RESULT_OPEN) {
            r->result = RESULT_DEFERRED;
            r->reason = reason;
            r->code = str_c(reason_deferred_code(reason));
            r->reply = delivery_keep(d, str_c(detail));
        }
    }
    delivery_finish(d, NULL);
}

/* --- after a try -------------------------------------------------------- */

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

/* The server was given some of the recipients; this is its verdict for those that it could not be
 * given. */
static void note_left_out(struct delivery *d, const char *host)
{
    static const struct host_verdict lacks = {.class = HOST_PERMANENT, .reason = REASON_NO_UTF8};
    char why[200];
    if (d->n_left_out > 0) {
        fit_left_out(d, why, sizeof why);
        round_leave_out(&d->round, &lacks, host, str_c(why));
    }
}

/* Of those sent to: how many were taken, and how many another host may still take. */
static void count_sent(const struct delivery *d, size_t *taken, size_t *open)
{
    *taken = *open = 0;
    for (size_t i = 0; i < d->n_sent; i++) {
        *taken += d->sent_to[i]->result == RESULT_DELIVERED;
        *open += d->sent_to[i]->result == RESULT_OPEN;
    }
}

void delivery_answered(struct delivery *d, struct connection *l, bool alive)
{
    size_t taken, open;
    count_sent(d, &taken, &open);
    struct host_verdict v = d->session;
    if (taken == 0) {
        v.class = open > 0 ? HOST_TEMPORARY : HOST_PERMANENT;
        v.reason = d->login_wanted ? REASON_LOGIN_REFUSED : REASON_REJECTED;
    }
    const char *host = d->route.hosts[d->step.host].name;
    outcome_host(d, l, &v, d->facts.sess, host, l->ip, d->said[0] ? d->said : d->detail);
    d->connection = NULL;
    if (open == 0 && d->n_left_out == 0) {
        delivery_finish(d, alive ? l : NULL);
        return;
    }
    if (alive) {
        /* what was taken is not durable yet: nothing else goes over it */
        connection_release(l, taken == 0);
    }
    delivery_rewind(d);
    v = (struct host_verdict){
        .class = HOST_TEMPORARY,
        .reason = d->login_wanted ? REASON_LOGIN_REFUSED : REASON_REJECTED,
        .need = v.need,
    };
    note_left_out(d, host);
    round_end_try(&d->round, &v, host, str_c(d->said));
    try_next(d);
}

/* --- judging hosts ------------------------------------------------------ */

bool delivery_is_answer(struct str reply)
{
    bool digits = reply.n > 3 && reply.p[0] >= '2' && reply.p[0] <= '5' && reply.p[3] == ' ';
    return digits && reply.p[1] >= '0' && reply.p[1] <= '9' && reply.p[2] >= '0' &&
           reply.p[2] <= '9';
}

/* The detail, and everyone who demanded more than was to be had: for report and notice. What the
 * other side said stays as it was said (RFC 3464 2.3.6). */
static void put_demands(uint32_t raised, struct str detail, char *dst, size_t size)
{
    raised = delivery_is_answer(detail) ? 0 : raised;
    struct buf text = BUF_INIT(size - 1);
    (void)!buf_printf(&text, "%.*s", (int)(detail.n < 600 ? detail.n : 600), detail.p);
    for (unsigned bit = 0, n = 0; bit < RAISED_END; bit++) {
        if (raised & (1u << bit)) {
            (void)!buf_printf(&text, "%s%s",
                              n++            ? ", "
                              : detail.n > 0 ? "; demanded by "
                                             : "demanded by ",
                              raiser_sentence((enum raiser_bit)bit));
        }
    }
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

/* RFC 8689 4.2.1: 5.7.10 where no session came about that TLS protects and whose peer is known. */
static const char *bounced_code(const struct delivery *d, enum reason reason)
{
    bool encryption = d->facts.reqtls && reason != REASON_NO_REQUIRETLS && reason_is_tls(reason);
    return encryption ? "5.7.10" : reason_bounced_code(reason);
}

static void conclude_rcpt(struct delivery *d, struct delivery_rcpt *r)
{
    struct verdict v = round_conclude(&d->round, &r->round, &d->facts);
    const struct round_ended *by = round_ended_by(&d->round, &r->round, v.reason);
    bool bounce = v.action == ACTION_BOUNCE;
    char words[1000];
    r->result = bounce                        ? RESULT_FAILED
                : v.action == ACTION_FALLBACK ? RESULT_FALLBACK
                                              : RESULT_DEFERRED;
    r->reason = v.reason;
    /* its own answer stands there already */
    if (r->round.heard > 0 && v.reason == REASON_REJECTED) {
        replies_fit_code(r, bounce);
        return;
    }
    put_demands(reason_is_tls(v.reason) ? v.need.raised : 0, by ? by->detail : STR(""), words,
                sizeof words);
    r->code = str_c(bounce ? bounced_code(d, v.reason) : reason_deferred_code(v.reason));
    r->reply = delivery_keep(d, str_c(words));
    r->host = str_c(by ? by->host : "");
}

/* Nobody is left to be asked: what becomes of each recipient still open. */
static void delivery_conclude(struct delivery *d)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        if (d->rcpts[i].result == RESULT_OPEN) {
            conclude_rcpt(d, &d->rcpts[i]);
        }
    }
    delivery_finish(d, NULL);
}

/* All of the message was on its way, its end included, and its recipients were answered: whether
 * it arrived is not known. What had no end did not (RFC 5321 4.1.1.4), nor did a body that went
 * along with an envelope which nobody took. */
static bool may_have_arrived(const struct delivery *d, const struct connection *l)
{
    enum smtp_wait waits = smtp_client_waits_for(l->engine);
    return d->body_ended && waits != SMTP_WAIT_MAIL && waits != SMTP_WAIT_RCPT;
}

/* The try has failed: into the report and into the round. */
static void end_try(struct delivery *d, const struct connection *l, const struct host_verdict *v,
                    enum sess sess, const char *detail)
{
    const char *host = d->route.hosts[d->step.host].name;
    outcome_host(d, l, v, sess, host, l ? l->ip : "", detail);
    note_left_out(d, host);
    round_end_try(&d->round, v, host, str_c(detail));
}

/* The message may be there already: no other host gets it now. What was heard before from others
 * about these recipients is not why they wait. */
static void conclude_in_doubt(struct delivery *d)
{
    for (size_t i = 0; i < d->n_sent; i++) {
        if (d->sent_to[i]->accepted) {
            d->sent_to[i]->round = (struct round_rcpt){0};
        }
    }
    delivery_conclude(d);
}

void delivery_connection_failed(struct delivery *d, struct connection *l, enum sess sess,
                                enum host_class class, enum reason reason, const char *detail)
{
    bool unknown = may_have_arrived(d, l);
    if (!unknown) {
        delivery_rewind(d);
    }
    if (l->reused && l->state == CONNECTION_BUSY && !unknown && sess != SESS_HSFAIL) {
        /* the peer closed a kept connection: that says nothing about it */
        round_again_fresh(&d->round);
        try_next(d);
        return;
    }
    outcome_taken(d, l, l->host);
    d->facts.seen |= l->offered; /* a sighting binds the next host of the same attempt, too */
    d->facts.sess = sess;
    struct host_verdict v = policy_host(&d->facts);
    /* H8a: a TLS report must arrive */
    bool in_clear = reason == REASON_NONE && v.class == HOST_SEND && !d->round.without_tls;
    if (reason != REASON_NONE) {
        v.class = class;
        v.reason = reason;
    } else if (v.class == HOST_SEND) { /* what failed was not sent */
        v.class = HOST_TEMPORARY;
        v.reason = sess == SESS_REFUSED ? REASON_TLS_REFUSED : REASON_TLS_FAILED;
    }
    if (in_clear) {
        outcome_host(d, l, &v, sess, l->host, l->ip, detail);
        round_again_in_clear(&d->round);
        try_next(d);
        return;
    }
    end_try(d, l, &v, sess, detail);
    if (unknown) {
        conclude_in_doubt(d);
    } else {
        try_next(d);
    }
}

void delivery_silent(struct delivery *d, struct connection *l, const char *detail)
{
    static const struct host_verdict silent = {.class = HOST_TEMPORARY, .reason = REASON_TIMEOUT};
    d->facts.seen |= l->offered;
    d->connection = NULL;
    outcome_host(d, l, &silent, SESS_NOCONN, l->host, l->ip, detail);
    round_silent(&d->round, &silent, d->route.hosts[d->step.host].name, str_c(detail));
    try_next(d);
}

void delivery_again(struct delivery *d, struct connection *l)
{
    delivery_rewind(d);
    delivery_connection_ready(d, l);
}

bool delivery_without(struct delivery *d, struct connection *l, enum extension e,
                      const char *detail)
{
    /* TLS all the same, and the certificate as demanded */
    bool hello = e == EXTENSION_HYBRID_GROUPS;
    const struct host_verdict broken = {
        .class = HOST_TEMPORARY,
        .reason = hello ? REASON_TLS_FAILED : REASON_BROKEN_SESSION,
    };
    char words[500];
    struct facts f = d->facts;
    f.seen |= l->offered;
    f.sess = SESS_NOADV;
    struct host_verdict v = policy_host(&f);
    bool may_be_plain = v.class == HOST_SEND || v.reason == REASON_LOOK_INCOMPLETE;
    if (e == EXTENSION_EHLO && !may_be_plain) {
        return false; /* HELO knows no STARTTLS, and something demands it */
    }
    snprintf(words, sizeof words, "%.300s; tried again without %s", detail, extension_name(e));
    outcome_host(d, l, &broken,
                 hello                         ? SESS_HSFAIL
                 : l->state == CONNECTION_BUSY ? connection_sess(l, d->pins)
                                               : SESS_NOCONN,
                 l->host, l->ip, words);
    delivery_rewind(d);
    d->facts.seen |= l->offered;
    d->connection = NULL;
    d->avoid |= (extension_set)1 << e;
    quirk_suspect(&d->suspicion, e, detail);
    round_again_fresh(&d->round);
    try_next(d);
    return true;
}

/* Why a certificate is not enough for what is demanded. */
static void describe_certificate(const struct tls_facts *f, const struct host_verdict *v,
                                 char *detail, size_t size)
{
    if (v->need.floor == GRADE_PIN) {
        snprintf(detail, size,
                 "the certificate and key are not those that the rule names; certificate: %s",
                 f->check_text);
    } else if (f->check == TLS_CHECK_OK) {
        snprintf(detail, size,
                 "the certificate is good, but nothing vouches for the server's name: neither "
                 "DNSSEC nor MTA-STS");
    } else {
        snprintf(detail, size, "certificate: %s%s", f->check_text,
                 f->asked_certificate && !f->sent_certificate
                     ? "; the server asked for a certificate of ours"
                     : "");
    }
}

/* What stands in the report beside the verdict: the facts of this reason, and of no other. */
static void delivery_describe(const struct delivery *d, const struct connection *l,
                              const struct host_verdict *v, char *detail, size_t size)
{
    static const struct tls_facts none;
    const struct tls_facts *f = l->tls ? tls_channel_facts(l->tls) : &none;
    const struct smtp_caps *caps = smtp_client_caps(l->engine);
    *detail = '\0';
    if (v->reason == REASON_LOOK_INCOMPLETE) {
        snprintf(detail, size, "not asked: %.600s", d->unasked);
    } else if (v->reason == REASON_SENT_PLAIN && d->facts.look == LOOK_OVERDUE) {
        snprintf(detail, size, "the time to wait for all servers is over; not asked: %.600s",
                 d->unasked);
    } else if (v->reason == REASON_DANE_MISMATCH) {
        snprintf(detail, size, "DANE: %s", f->dane_text);
    } else if (v->reason == REASON_WEAK_CRYPTO) {
        snprintf(detail, size, "only %s with %s", f->version, f->cipher);
    } else if (v->reason == REASON_GRADE_TOO_LOW) {
        describe_certificate(f, v, detail, size);
    } else if (!l->tls && caps->masked) {
        snprintf(detail, size,
                 "a keyword in the server's greeting is overwritten (XXXX): probably a firewall in "
                 "between removes STARTTLS");
    }
    if (!l->tls && caps->masked) {
        log_warn("starttls-masked", KV("host", l->host), KV("address", l->ip));
    }
}

/* That the session goes on without some recipients. */
static void describe_left_out(struct delivery *d)
{
    size_t n = strlen(d->detail);
    if (d->n_left_out > 0) {
        snprintf(d->detail + n, sizeof d->detail - n,
                 "%srecipients that need SMTPUTF8 are left to the next server", n ? "; " : "");
    }
}

/* Plaintext rests on a survey of all the domain's servers, not on one server's word. True when that
 * look begins; the delivery goes on in delivery_looked(). */
static bool needs_first_look(struct delivery *d, struct connection *l, const struct host_verdict *v)
{
    if (v->reason != REASON_LOOK_INCOMPLETE || d->looked) {
        return false;
    }
    d->looked = true;
    d->connection = NULL;
    connection_release(l, true);
    survey_first(d);
    return true;
}

void delivery_looked(struct delivery *d, bool offered, bool complete, const char *unasked)
{
    const struct conf *c = child_conf(d->out->child);
    bool overdue = d->age_ms >= c->monitor.probe_patience;
    d->survey = NULL;
    d->facts.look = complete ? LOOK_COMPLETE : overdue ? LOOK_OVERDUE : LOOK_INCOMPLETE;
    str_copy_cut(str_c(unasked), d->unasked, sizeof d->unasked);
    d->facts.seen |= offered;
    round_start(d);
    try_next(d);
}

/* Memory forbids plain text; a session of a legacy exception is none (docs/decisions/0006). */
static struct host_verdict judge_session(const struct delivery *d)
{
    struct facts f = d->facts;
    f.seen = f.seen && f.sess != SESS_LEGACY;
    return policy_host(&f);
}

void delivery_connection_ready(struct delivery *d, struct connection *l)
{
    const struct smtp_caps *caps = smtp_client_caps(l->engine);
    struct permit permit = {0};
    d->n_left_out = 0;
    d->facts.seen |= l->offered;
    /* EHLO was answered when all were looked at: what is it now? */
    if (!connection_knows_offer(l) && !d->looked && !d->helo_from_ms) {
        d->facts.look = LOOK_INCOMPLETE;
    }
    d->facts.sess = connection_sess(l, d->pins);
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
        d->connection = l;
        login_begin(l); /* and here again when it is done */
        return;
    }
    if (why == REASON_NONE) {
        delivery_describe(d, l, &v, d->detail, sizeof d->detail);
    } else {
        fit_describe(d, l, caps, why, d->detail, sizeof d->detail);
    }
    if (v.class == HOST_SEND && policy_permit(&v, &permit)) {
        d->session = v;
        quirk_note(l, d->detail, sizeof d->detail);
        fit_prepare(d, caps);
        describe_left_out(d);
        connection_send(l, d, &permit);
        return;
    }
    end_try(d, l, &v, d->facts.sess, d->detail);
    d->connection = NULL;
    connection_release(l, why != REASON_NONE);
    try_next(d);
}

void delivery_login_failed(struct delivery *d, struct connection *l, const char *detail)
{
    struct host_verdict v = {.class = HOST_TEMPORARY, .reason = REASON_LOGIN_REFUSED};
    end_try(d, l, &v, d->facts.sess, detail);
    d->connection = NULL;
    connection_release(l, false);
    try_next(d);
}

static size_t count_addresses(const struct route_host *h)
{
    struct str rest = h->addresses, one;
    size_t n = 0;
    while (rest.n > 0 && str_split(&rest, ' ', &one)) {
        n++;
    }
    return n;
}

static void address_of(const struct route_host *h, size_t number, char ip[46])
{
    struct str rest = h->addresses, one;
    for (size_t i = 0; rest.n > 0 && str_split(&rest, ' ', &one) && i <= number; i++) {
        str_copy_cut(one, ip, 46);
    }
}

/* The hosts of the way, from the first. */
static void round_start(struct delivery *d)
{
    size_t addresses[MX_HOSTS_MAX + 1] = {0};
    size_t n = d->route.n_hosts < MX_HOSTS_MAX ? d->route.n_hosts : MX_HOSTS_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t known = count_addresses(&d->route.hosts[i]);
        /* without any it is judged all the same: why has it none? */
        addresses[i] = known ? known : 1;
    }
    /* the arena holds two of the largest */
    must(round_begin(&d->round, &d->arena, addresses, n, d->attempt) == 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < addresses[i]; k++) {
            char ip[46] = "";
            address_of(&d->route.hosts[i], k, ip);
            if (silence_known(d->out, d->route.hosts[i].name, ip)) {
                round_put_last(&d->round, i, k);
            }
        }
    }
}

/* What the lookups say about this host before any connection: true when it is out.
 * RFC 7672 2.2 MAY: DANE demanded for some destinations
 * RFC 7672 2.2.1 MUST: insecure MX and DANE demanded: the mail waits */
static bool is_barred(struct delivery *d, const struct route_host *h)
{
    struct host_verdict v;
    route_facts(&d->route, h, d->age_ms, child_conf(d->out->child)->smtpout.policy_wait, &d->facts);
    d->facts.sess = SESS_NOCONN;
    bool barred = policy_barred(&d->facts, &v);
    if (!barred && d->dane_required &&
        !(d->facts.tlsa == TLSA_USABLE && d->facts.mx == MX_SECURE)) {
        v.class = HOST_TEMPORARY; /* RFC 7672 6: a local demand for DANE is not met */
        v.reason = REASON_DANE_REQUIRED;
        barred = true;
    }
    if (!barred) {
        return false;
    }
    char detail[500];
    outcome_describe_lookup(d, h, v.reason, detail, sizeof detail);
    outcome_host(d, NULL, &v, SESS_NOCONN, h->name, "", detail);
    round_rule_out(&d->round, &v, h->name, str_c(detail));
    return true;
}

static void try_address(struct delivery *d, const struct route_host *h, const char *ip)
{
    struct tls_requirements tls = {.profile = d->profile};
    str_copy_cut(d->client_certificate, tls.client_certificate, sizeof tls.client_certificate);
    route_tls(&d->route, h, &d->facts, &tls);
    outcome_part(d);
    d->said[0] = d->detail[0] = '\0';
    d->login_wanted = false;
    d->n_left_out = 0;
    d->try_ms = clock_mono_ms();
    struct connection *l = d->round.fresh ? NULL : connection_find_idle(d, h->name, ip, &tls);
    if (l) {
        delivery_connection_ready(d, l);
    } else {
        connection_open(d, h->name, ip, d->port, &tls);
    }
}

static void try_next(struct delivery *d)
{
    const struct conf *c = child_conf(d->out->child);
    const struct round_times most = {
        .connect_ms = c->smtpout.connect,
        .silent_ms = c->smtpout.silent,
    };
    if (!d->round.again) { /* what was found out about one address says nothing about another */
        d->avoid = 0;
        d->suspicion.set = false;
    }
    while (round_next(&d->round, clock_mono_ms() - d->began_ms, &most, &d->step)) {
        const struct route_host *h = &d->route.hosts[d->step.host];
        char ip[46] = "";
        address_of(h, d->step.address, ip);
        if (is_barred(d, h)) {
            continue;
        }
        /* none that points into ourselves or our own network */
        if (ip[0] && route_allows(&d->route, str_c(ip))) {
            try_address(d, h, ip);
            return;
        }
        if (ip[0]) {
            log_warn("address-refused", KV("host", h->name), KV("address", ip),
                     KV("reason", "a private or loopback address in an MX answer"));
        }
        round_skip(&d->round);
    }
    if (d->round.n_ended == 0) {
        static const struct host_verdict none = {.class = HOST_TEMPORARY, .reason = REASON_NO_HOST};
        round_note(&d->round, &none, "", STR(""));
    }
    delivery_conclude(d);
}

/* --- start: key and way are there --------------------------------------- */

/* Outcomes of the lookup that leave nothing to connect to. */
static void conclude_lookup(struct delivery *d)
{
    struct host_verdict v = {.class = HOST_PERMANENT, .reason = REASON_NO_DOMAIN};
    d->facts.mx = d->route.mx;
    switch (d->route.outcome) {
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
    /* our own setting or our own resolver is to blame: no mail is returned for that */
    if (d->fixed_host && v.class == HOST_PERMANENT) {
        v = (struct host_verdict){.class = HOST_TEMPORARY, .reason = REASON_NEXT_HOP};
    }
    round_start(d);
    round_note(&d->round, &v, "", str_c(d->route.detail));
    outcome_host(d, NULL, &v, SESS_NOCONN, "", "", d->route.detail);
    delivery_conclude(d);
}

/* A server outside the cached policy may mean a new policy (RFC 8461 5.1): asked once more.
 * RFC 8461 5 MUST NOT: no mail comes back before a newer policy was looked for */
static bool policy_may_be_stale(struct delivery *d)
{
    struct facts f = d->facts;
    for (size_t i = 0; i < d->route.n_hosts && !d->asked_again; i++) {
        route_facts(&d->route, &d->route.hosts[i], 0, 0, &f);
        if (f.sts == STS_NOMATCH) {
            d->asked_again = true;
            d->resolved = false;
            route_ask(&d->route, LOOKUP_MISMATCH);
            return true;
        }
    }
    return false;
}

/* An earlier look stands for those that it asked, and for nobody who is new among the domain's
 * servers and addresses. */
static bool survey_counts(const struct delivery *d)
{
    return clock_wall_ms() < d->look_until_ms && route_asked(&d->route) == d->look_asked;
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
    if (d->route.outcome == MX_FOUND && policy_may_be_stale(d)) {
        return;
    }
    timer_stop(d->limit);
    d->began_ms = d->try_ms = clock_mono_ms();
    if (d->route.outcome == MX_FOUND) {
        d->facts.look = survey_counts(d) ? LOOK_COMPLETE : LOOK_INCOMPLETE;
        round_start(d);
        try_next(d);
    } else {
        conclude_lookup(d);
    }
}

/* --- reading the body --------------------------------------------------- */

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
