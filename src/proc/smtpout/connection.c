/* SPDX-License-Identifier: Apache-2.0
 * connection.c: one connection to a receiving server: joins socket, TLS channel and SMTP client
 * engine, keeps the time limits of RFC 5321 4.5.3.2, and carries its facts.
 *
 * Clear text and cipher text never share a buffer. A handshake that failed ends the connection:
 * the stream is never used in clear afterwards. What can go wrong is told to the delivery, which
 * asks the policy.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "sasl/sasl.h"

#include <stdio.h>
#include <stdlib.h>

enum { OUT_MAX = 16 * 1024 * 1024, BODY_AHEAD = 256 * 1024 };

static void process(struct connection *l);

static void connection_free(struct connection *l)
{
    conn_free(l->conn);
    sasl_free(l->sasl);
    tls_channel_free(l->tls);
    tls_context_free(l->context);
    free((char *)l->records_copy.p);
    smtp_client_free(l->engine);
    timer_free(l->timer);
    if (l->state == CONNECTION_IDLE) {
        list_remove(&l->idle);
        l->out->n_idle--;
    }
    if (!lease_is_none(&l->saving)) {
        map_take(l->out->saving, lease_key(&l->saving));
    }
    l->out->n_connections--;
    free(l);
}

enum sess connection_sess(const struct connection *l, struct str pins)
{
    return l->tls ? route_sess(tls_channel_facts(l->tls), pins) : SESS_NOADV;
}

bool connection_knows_offer(const struct connection *l)
{
    const struct smtp_caps *caps = smtp_client_caps(l->engine);
    return caps->esmtp || caps->ehlo_refused == 500 || caps->ehlo_refused == 502;
}

/* True when the same address is taken again without what seems to be to blame: by the delivery,
 * or by a survey that wants a session. */
static bool tried_without(struct connection *l, enum reason reason, const char *detail)
{
    struct delivery *d = l->delivery;
    struct connection_user *w = l->user;
    enum extension e = d || w ? quirk_of_failure(l, reason) : EXTENSION_END;
    if (e == EXTENSION_END ||
        (d ? (d->avoid & (extension_set)1 << e) || !delivery_without(d, l, e, detail)
           : !w->on_stumbled || !w->on_stumbled(w, l, e, detail))) {
        return false;
    }
    l->user = NULL;
    l->delivery = NULL;
    connection_free(l);
    return true;
}

/* True when the peer had refused everything before the link ended: nothing is left to be tried
 * here. */
static bool refused_before(struct connection *l)
{
    if (!l->delivery || l->state != CONNECTION_BUSY || !delivery_refused_all(l->delivery, l)) {
        return false;
    }
    l->delivery = NULL;
    connection_free(l);
    return true;
}

/* What the failure means depends on how far the session had come.
 * RFC 5321 3.8 SHOULD: a lost connection counts as 451
 * RFC 3207 4 SHOULD: a handshake that cannot begin ends the connection */
static void connection_fail(struct connection *l, enum reason reason, const char *detail)
{
    if (refused_before(l) || tried_without(l, reason, detail)) {
        return;
    }
    struct delivery *d = l->delivery;
    struct connection_user *user = l->user;
    bool offer_broken = l->handshaking || (l->offered && l->state == CONNECTION_TALKING);
    if (!d) {
        l->user = NULL;
        if (user) {
            user->on_failed(user, l, offer_broken ? SESS_HSFAIL : SESS_NOCONN, detail);
        }
        connection_free(l);
        return;
    }
    enum sess sess = offer_broken                  ? SESS_HSFAIL
                     : l->state == CONNECTION_BUSY ? connection_sess(l, d->pins)
                                                   : SESS_NOCONN;
    l->delivery = NULL;
    d->connection = NULL;
    delivery_connection_failed(d, l, sess, HOST_TEMPORARY, l->handshaking ? REASON_NONE : reason,
                               detail);
    connection_free(l);
}

/* Not the peer's doing: nothing is learned about it, no other address is asked, nothing goes in
 * clear. */
static void fail_ours(struct connection *l, enum reason reason, const char *detail)
{
    struct delivery *d = l->delivery;
    if (!d) {
        connection_fail(l, REASON_TLS_FAILED, detail);
        return;
    }
    l->delivery = NULL;
    d->connection = NULL;
    delivery_give_up(d, reason, detail);
    connection_free(l);
}

/* --- time --------------------------------------------------------------- */

/* As configured.
 * RFC 5321 4.5.3.2 MUST: each command has its own time limit */
static int64_t whole_limit_of(const struct connection *l)
{
    const struct conf *c = child_conf(l->out->child);
    switch (smtp_client_waits_for(l->engine)) {
    case SMTP_WAIT_GREETING:
        return c->smtpout.greeting;
    case SMTP_WAIT_EHLO:
    case SMTP_WAIT_STARTTLS:
        return c->smtpout.ehlo;
    case SMTP_WAIT_MAIL:
        return c->smtpout.mail;
    case SMTP_WAIT_RCPT:
        return c->smtpout.rcpt;
    case SMTP_WAIT_DATA:
        return c->smtpout.data;
    case SMTP_WAIT_DOT:
        return c->smtpout.dot;
    case SMTP_WAIT_NOTHING:
        break;
    }
    return c->smtpout.block;
}

/* The server gets less than all its time, because others were not asked. */
static bool is_hurried(const struct connection *l)
{
    enum smtp_wait waits = smtp_client_waits_for(l->engine);
    bool before_mail =
        waits == SMTP_WAIT_GREETING || waits == SMTP_WAIT_EHLO || waits == SMTP_WAIT_STARTTLS;
    return l->silent_ms > 0 && l->state == CONNECTION_TALKING && before_mail &&
           l->silent_ms < whole_limit_of(l);
}

static int64_t limit_of(const struct connection *l)
{
    return is_hurried(l) ? l->silent_ms : whole_limit_of(l);
}

static void connection_keep_time(struct connection *l)
{
    const struct conf *c = child_conf(l->out->child);
    timer_start(l->timer, l->state == CONNECTION_CONNECTING ? l->connect_ms
                          : l->handshaking                  ? c->smtpout.tls
                                                            : limit_of(l));
}

/* For what the server did not say in time, and how long that was. */
static void describe_wait(const struct connection *l, char *dst, size_t size)
{
    static const char *const words[] = {
        [SMTP_WAIT_NOTHING] = "it took no more of the message",
        [SMTP_WAIT_GREETING] = "no greeting",
        [SMTP_WAIT_EHLO] = "no answer to EHLO",
        [SMTP_WAIT_STARTTLS] = "no answer to STARTTLS",
        [SMTP_WAIT_MAIL] = "no answer to MAIL",
        [SMTP_WAIT_RCPT] = "no answer to RCPT",
        [SMTP_WAIT_DATA] = "no answer to DATA",
        [SMTP_WAIT_DOT] = "no answer to the message",
    };
    const struct conf *c = child_conf(l->out->child);
    bool connecting = l->state == CONNECTION_CONNECTING;
    const char *what = connecting       ? "no connection"
                       : l->handshaking ? "no end of the TLS handshake"
                                        : words[smtp_client_waits_for(l->engine)];
    int64_t ms = connecting ? l->connect_ms : l->handshaking ? c->smtpout.tls : limit_of(l);
    snprintf(dst, size, "%s within %lld %s", what, (long long)(ms < 1000 ? ms : ms / 1000),
             ms < 1000 ? "ms" : "s");
}

static void connection_on_timer(void *arg)
{
    struct connection *l = arg;
    char detail[80];
    if (l->state == CONNECTION_IDLE) {
        l->state = CONNECTION_TALKING;
        list_remove(&l->idle);
        l->out->n_idle--;
        connection_release(l, false);
        return;
    }
    if (l->delivery && l->state <= CONNECTION_TALKING && !l->handshaking) {
        silence_note(l->out, l->host, l->ip);
    }
    describe_wait(l, detail, sizeof detail);
    if (l->delivery && !l->handshaking && is_hurried(l)) {
        struct delivery *d = l->delivery;
        char words[140];
        snprintf(words, sizeof words, "%s; asked again behind the others", detail);
        l->delivery = NULL;
        delivery_silent(d, l, words);
        connection_free(l);
        return;
    }
    connection_fail(l, l->state == CONNECTION_CONNECTING ? REASON_CONNECT : REASON_TIMEOUT, detail);
}

/* --- output ------------------------------------------------------------- */

static int connection_write_out(struct connection *l)
{
    struct buf *plain = smtp_client_out(l->engine);
    if (buf_len(plain) == 0) {
        return 0;
    }
    int r;
    if (l->tls) {
        struct buf cipher = BUF_INIT(OUT_MAX);
        r = tls_channel_send(l->tls, buf_str(plain), &cipher);
        r = r < 0 ? r : conn_send(l->conn, buf_str(&cipher));
        buf_free(&cipher);
    } else {
        r = conn_send(l->conn, buf_str(plain));
    }
    buf_reset(plain);
    return r;
}

void connection_flush(struct connection *l)
{
    int r = connection_write_out(l);
    if (r < 0) {
        connection_fail(l, REASON_BROKEN_SESSION, strerror(-r));
    } else {
        connection_keep_time(l);
    }
}

/* Gives the engine body octets as long as the peer takes them. *ret_ours: what failed is reading
 * our own copy. */
static int connection_send_body(struct connection *l, bool *ret_ours)
{
    struct delivery *d = l->delivery;
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(256 * 1024 + 2 * HEAD_KEPT_MAX);
    while (!d->body_ended && conn_pending(l->conn) < BODY_AHEAD &&
           smtp_client_wants_body(l->engine)) {
        buf_reset(&text);
        int more = delivery_read(d, &text);
        *ret_ours = more < 0;
        int r = more < 0 ? more : header_rewrite(d, &text, more == 0);
        r = r < 0 ? r : smtp_client_body(l->engine, buf_str(&text), more == 0);
        d->body_ended = more == 0;
        r = r < 0 ? r : connection_write_out(l);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void pump_body(struct connection *l)
{
    bool ours = false;
    int r = connection_send_body(l, &ours);
    if (r < 0 && ours) { /* nobody must get half of it */
        struct delivery *d = l->delivery;
        l->delivery = NULL;
        d->connection = NULL;
        connection_free(l);
        bool damaged = r == -EBADMSG;
        delivery_give_up(d, damaged ? REASON_DAMAGED : REASON_OUR_FAULT,
                         damaged ? "its sealed text is not as it was written" : strerror(-r));
    } else if (r < 0) {
        connection_fail(l, REASON_BROKEN_SESSION, strerror(-r));
    } else {
        connection_keep_time(l);
    }
}

static bool is_in_body(const struct connection *l)
{
    return l->state == CONNECTION_BUSY && l->delivery && l->delivery->reader &&
           !l->delivery->body_ended;
}

static void connection_on_drain(void *arg)
{
    struct connection *l = arg;
    if (is_in_body(l)) {
        pump_body(l);
    }
}

/* --- events of the engine ----------------------------------------------- */

static void connection_refuse(struct connection *l, enum sess sess, const struct smtp_answer *a)
{
    char detail[600];
    struct delivery *d = l->delivery;
    snprintf(detail, sizeof detail, "%d " STR_FMT, a->code, STR_ARG(buf_str(&a->text)));
    if (l->user) {
        struct connection_user *user = l->user;
        l->user = NULL;
        user->on_failed(user, l, sess, detail);
        connection_free(l);
        return;
    }
    l->delivery = NULL;
    d->connection = NULL;
    if (sess == SESS_REFUSED) {
        delivery_connection_failed(d, l, sess, HOST_TEMPORARY, REASON_NONE, detail);
    } else {
        /* RFC 7504: 521 means no mail service here, for good */
        delivery_connection_failed(d, l, SESS_NOCONN,
                                   a->code == 521 ? HOST_PERMANENT : HOST_TEMPORARY,
                                   REASON_REJECTED, detail);
    }
    connection_free(l);
}

static void connection_start_tls(struct connection *l)
{
    struct buf plain = BUF_INIT(16 * 1024 + 1), cipher = BUF_INIT(64 * 1024);
    const struct tls_requirements *route = &l->tls_requirements;
    struct dane_set set;
    bool use_dane = route->records.n > 0 && dane_read(route->records, &set) == 0;
    const struct tls_peer peer = {
        .name = route->name,
        .more_names = {*route->next_hop ? route->next_hop : NULL,
                       *route->canon ? route->canon : NULL},
        .dane = use_dane ? &set : NULL,
        .classical = (l->avoid & EXTENSION_BIT(HYBRID_GROUPS)) != 0,
    };
    l->tls = tls_channel_client(l->context, &peer);
    l->handshaking = true;
    int r = l->tls ? tls_channel_feed(l->tls, STR(""), &plain, &cipher) : -ENOMEM;
    r = r < 0 ? r : conn_send(l->conn, buf_str(&cipher));
    buf_free(&cipher);
    buf_free(&plain);
    if (r < 0) {
        connection_fail(l, REASON_TLS_FAILED, strerror(-r));
    } else {
        connection_keep_time(l);
    }
}

static void on_session_ready(struct connection *l)
{
    timer_stop(l->timer);
    silence_end(l->out, l->host, l->ip);
    if (l->suspicion.set && l->suspicion.extension == EXTENSION_EHLO) {
        quirk_confirm(l);
    }
    if (l->user) {
        l->user->on_ready(l->user, l);
    } else {
        delivery_connection_ready(l->delivery, l);
    }
}

/* A sighting is told the moment it is made: it binds whatever happens next. */
static bool on_offered(struct connection *l)
{
    l->offered = true;
    if (!l->observed && *l->memory_key) {
        ipc_send(l->out->queue, &(struct ipc_msg){.type = IPC_observation,
                                                  .observation = {.domain = str_c(l->memory_key),
                                                                  .host = str_c(l->host)}});
    }
    l->observed = true;
    if (l->user) {
        struct connection_user *user = l->user;
        user->on_offer(user, l);
        /* the link may be gone; what the engine has to say goes out with the next reply */
        return false;
    }
    return true;
}

/* Something that was announced was refused: the message is offered again, without it. */
static void on_untrue(struct connection *l, const struct smtp_client_event *ev)
{
    char why[300];
    snprintf(why, sizeof why, "%d " STR_FMT, ev->answer->code, STR_ARG(buf_str(&ev->answer->text)));
    timer_stop(l->timer);
    l->avoid = smtp_client_avoids(l->engine);
    l->untrue = ev->extension;
    if (ev->certain) {
        l->suspicion.set = false; /* an earlier guess was wrong */
        quirk_learn(l, ev->extension, why);
    } else {
        quirk_suspect(&l->suspicion, ev->extension, why);
    }
    l->state = CONNECTION_TALKING;
    delivery_again(l->delivery, l);
}

/* True when the loop over events may go on with this link. */
static bool handle(struct connection *l, const struct smtp_client_event *ev)
{
    struct delivery *d = l->delivery;
    switch (ev->type) {
    case SMTP_CL_NONE:
        return false;
    case SMTP_CL_OFFERED:
        return on_offered(l);
    case SMTP_CL_START_TLS:
        connection_start_tls(l);
        return false;
    case SMTP_CL_REFUSED:
        connection_refuse(l, SESS_REFUSED, ev->answer);
        return false;
    case SMTP_CL_READY:
        on_session_ready(l);
        return false;
    case SMTP_CL_UNTRUE:
        on_untrue(l, ev);
        return false;
    case SMTP_CL_RCPT:
        if (ev->accepted) {
            quirk_confirm(l);
        }
        delivery_rcpt_answer(d, ev->rcpt, ev->answer, ev->accepted);
        return true;
    case SMTP_CL_RCPT_DONE:
        delivery_rcpt_done(d, ev->rcpt, ev->answer, ev->accepted);
        return true;
    case SMTP_CL_BODY:
        pump_body(l);
        return false;
    case SMTP_CL_AUTH_STEP:
        login_step(l, ev->answer);
        return false;
    case SMTP_CL_AUTH_DONE:
        login_done(l, ev->answer, ev->accepted);
        return false;
    case SMTP_CL_DONE:
        timer_stop(l->timer);
        l->messages++;
        delivery_done(d, l, ev->answer, ev->accepted);
        return false;
    case SMTP_CL_REJECTED:
        if (l->state == CONNECTION_BUSY) {
            char text[600];
            snprintf(text, sizeof text, "%d " STR_FMT, ev->answer->code,
                     STR_ARG(buf_str(&ev->answer->text)));
            connection_fail(l, REASON_BROKEN_SESSION, text);
        } else if (d || l->user) {
            connection_refuse(l, SESS_NOCONN, ev->answer);
        } else {
            connection_free(l);
        }
        return false;
    case SMTP_CL_BROKEN:
        connection_fail(l, REASON_BAD_SMTP, ev->note);
        return false;
    }
    return false;
}

/* Runs the engine. The link may be gone afterwards. */
static void process(struct connection *l)
{
    struct smtp_client_event ev;
    do {
        smtp_client_next(l->engine, &ev);
        if (ev.type == SMTP_CL_NONE || ev.type == SMTP_CL_OFFERED || ev.type == SMTP_CL_RCPT ||
            ev.type == SMTP_CL_RCPT_DONE) {
            int r = connection_write_out(l);
            if (r < 0) {
                connection_fail(l, REASON_BROKEN_SESSION, strerror(-r));
                return;
            }
            if ((l->delivery || l->user) && l->state != CONNECTION_WAITING_SAVE) {
                connection_keep_time(l);
            }
        }
        if (ev.type == SMTP_CL_NONE && is_in_body(l) && conn_pending(l->conn) < BODY_AHEAD) {
            pump_body(l); /* chunks were answered: there is room for more */
            return;
        }
    } while (handle(l, &ev));
}

/* --- input -------------------------------------------------------------- */

static void connection_take_plain(struct connection *l, struct str bytes)
{
    if (smtp_client_feed(l->engine, bytes) < 0) {
        connection_fail(l, REASON_BAD_SMTP, "it sent far more than an answer");
        return;
    }
    process(l);
}

static void connection_take_channel(struct connection *l, struct str bytes, struct buf *plain)
{
    struct buf cipher = BUF_INIT(256 * 1024);
    int r = tls_channel_feed(l->tls, bytes, plain, &cipher);
    enum tls_state state = tls_channel_state(l->tls);
    if (buf_len(&cipher) > 0) {
        int sent = conn_send(l->conn, buf_str(&cipher));
        r = r < 0 ? r : sent;
    }
    buf_free(&cipher);
    if (r < 0 || state == TLS_BROKEN) {
        char detail[300];
        snprintf(detail, sizeof detail, "TLS: %s",
                 state == TLS_BROKEN ? tls_channel_problem(l->tls) : strerror(-r));
        l->out->handshakes_failed += l->handshaking;
        if (state == TLS_BROKEN && tls_channel_own_fault(l->tls)) {
            fail_ours(l, REASON_KEYS_AWAY, "it gave no signature for our certificate");
            return;
        }
        connection_fail(l, REASON_TLS_FAILED, detail);
        return;
    }
    if (l->handshaking && (state == TLS_OPEN || state == TLS_CLOSED)) {
        l->handshaking = false;
        l->out->handshakes++;
        l->out->groups[tls_group_of(str_c(tls_channel_facts(l->tls)->group))]++;
        smtp_client_tls_started(l->engine);
        (void)!connection_write_out(l); /* EHLO again; an error shows at the next read */
        connection_keep_time(l);
    }
    if (buf_len(plain) > 0) {
        connection_take_plain(l, buf_str(plain));
        return; /* the link may be gone */
    }
    if (state == TLS_CLOSED) {
        connection_fail(l, REASON_BROKEN_SESSION, "the peer ended the encrypted session");
    }
}

static void connection_take_cipher(struct connection *l, struct str bytes)
{
    static struct buf plain = BUF_INIT(256 * 1024); /* of one link at a time */
    must(buf_len(&plain) == 0);
    connection_take_channel(l, bytes, &plain);
    buf_blank(&plain);
}

static void on_connect(void *arg)
{
    struct connection *l = arg;
    l->state = CONNECTION_TALKING;
    connection_keep_time(l);
}

static void connection_on_read(void *arg, struct str bytes)
{
    struct connection *l = arg;
    if (l->state == CONNECTION_IDLE || l->state == CONNECTION_WAITING_SAVE) {
        /* nothing was asked: the peer is closing (421) or confused; not used again */
        if (l->state == CONNECTION_IDLE) {
            connection_free(l);
        } else {
            l->messages = UINT32_MAX;
        }
        return;
    }
    if (l->tls) {
        connection_take_cipher(l, bytes);
    } else {
        connection_take_plain(l, bytes);
    }
}

static void connection_on_close(void *arg, int error)
{
    struct connection *l = arg;
    if (l->state == CONNECTION_WAITING_SAVE) {
        connection_free(l);
        return;
    }
    connection_fail(l, l->state == CONNECTION_CONNECTING ? REASON_CONNECT : REASON_BROKEN_SESSION,
                    error            ? strerror(-error)
                    : l->handshaking ? "the server closed the connection in the TLS handshake"
                    : !l->tls && smtp_client_waits_for(l->engine) == SMTP_WAIT_EHLO
                        ? "the server closed the connection when EHLO was said"
                        : "the peer closed the connection");
}

static const struct conn_events conn_events = {
    .on_connect = on_connect,
    .on_read = connection_on_read,
    .on_drain = connection_on_drain,
    .on_close = connection_on_close,
};

/* --- use ---------------------------------------------------------------- */

static void set_tls_requirements(struct connection *l, const struct tls_requirements *tls)
{
    l->tls_requirements = *tls;
    l->records_copy = str_from(tls->records.n > 0 ? str_dup(tls->records) : NULL, tls->records.n);
    l->tls_requirements.records = l->records_copy;
}

static struct connection *connection_new(struct smtpout *out, const char *host, const char *ip,
                                         uint16_t port, const struct tls_requirements *tls,
                                         extension_set avoid, bool without_tls, bool lmtp)
{
    const struct conf *c = child_conf(out->child);
    struct connection *l = err_calloc(1, sizeof *l);
    l->out = out;
    l->port = port;
    l->without_tls = without_tls;
    l->lmtp = lmtp;
    l->untrue = EXTENSION_END;
    l->connect_ms = c->smtpout.connect;
    l->avoid = avoid | quirk_known(out, host, ip);
    set_tls_requirements(l, tls);
    str_copy_cut(str_c(host), l->host, sizeof l->host);
    str_copy_cut(str_c(ip), l->ip, sizeof l->ip);
    str_copy_cut(str_c(c->hostname), l->hello, sizeof l->hello);
    l->engine = smtp_client_new(&(struct smtp_client_config){
        .hello = l->hello,
        .lmtp = lmtp,
        .avoid = l->avoid,
        .ignore_starttls = without_tls,
    });
    l->timer = timer_new(child_loop(out->child), connection_on_timer, l);
    out->n_connections++;
    out->opened++;
    return l;
}

static int start_connecting(struct connection *l)
{
    const struct conf *c = child_conf(l->out->child);
    struct endpoint to, from;
    int r = endpoint_parse(str_c(l->ip), l->port, &to);
    bool bind_from = *c->smtpout.source &&
                     endpoint_parse(str_c(c->smtpout.source), 0, &from) == 0 && r == 0 &&
                     from.addr.ss_family == to.addr.ss_family;
    r = r < 0 ? r
              : conn_connect(child_loop(l->out->child), &to, bind_from ? &from : NULL, OUT_MAX,
                             &conn_events, l, &l->conn);
    if (r == 0) {
        connection_keep_time(l);
    }
    return r;
}

/* Why a connection could not even be begun: an address of a kind that this machine has no
 * network for is no fault of the server. */
static const char *not_begun(const struct connection *l, int r)
{
    struct endpoint to;
    const char *words =
        endpoint_parse(str_c(l->ip), l->port, &to) == 0 ? endpoint_no_route(&to) : NULL;
    return words ? words : strerror(-r);
}

void connection_open(struct delivery *d, const char *host, const char *ip, uint16_t port,
                     const struct tls_requirements *tls)
{
    struct connection *l = connection_new(d->out, host, ip, port, tls, d->avoid_set | d->avoid,
                                          d->round.without_tls, d->lmtp);
    l->suspicion = d->suspicion;
    d->suspicion.set = false;
    l->delivery = d;
    l->connect_ms = d->step.connect_ms;
    l->silent_ms = d->step.silent_ms;
    l->observed = d->observed;
    str_copy_cut(d->next_hop, l->next_hop, sizeof l->next_hop);
    str_copy_cut(d->memory_key, l->memory_key, sizeof l->memory_key);
    struct tls_context *ctx = smtpout_context(d->out, tls->profile, tls->client_certificate);
    l->context = ctx ? tls_context_ref(ctx) : NULL;
    d->connection = l;
    if (!l->context) {
        fail_ours(l, REASON_OUR_FAULT, "the TLS settings for this destination cannot be used");
        return;
    }
    int r = start_connecting(l);
    if (r < 0 && descriptors_is_lack(r)) {
        descriptors_note_lack(host, "a connection");
        fail_ours(l, REASON_OUR_FAULT, strerror(-r));
    } else if (r < 0) {
        connection_fail(l, REASON_CONNECT, not_begun(l, r));
    }
}

static void on_fail_later(void *arg)
{
    struct connection *l = arg;
    connection_fail(l, REASON_CONNECT,
                    l->context ? not_begun(l, l->begun)
                               : "the TLS settings for this destination cannot be used");
}

struct connection *connection_open_look(struct smtpout *out, struct connection_user *w,
                                        const char *host, const char *ip, uint16_t port,
                                        const struct tls_requirements *tls,
                                        struct tls_context *context, extension_set avoid, bool lmtp)
{
    struct connection *l = connection_new(out, host, ip, port, tls, avoid, false, lmtp);
    l->user = w;
    l->observed = true; /* the looker tells what it saw */
    context = context ? context : smtpout_context(out, tls->profile, tls->client_certificate);
    l->context = context ? tls_context_ref(context) : NULL;
    l->begun = l->context ? start_connecting(l) : 0;
    if (!l->context || l->begun < 0) { /* told later: the caller still sets up its side */
        timer_free(l->timer);
        l->timer = timer_new(child_loop(out->child), on_fail_later, l);
        timer_start(l->timer, 0);
    }
    return l;
}

void connection_send(struct connection *l, struct delivery *d, const struct permit *permit)
{
    l->delivery = d;
    d->connection = l;
    l->state = CONNECTION_BUSY;
    int r = smtp_client_send(l->engine, permit, &d->mail);
    if (r < 0) {
        connection_fail(l, REASON_BROKEN_SESSION,
                        r == -EPERM ? "no permit for this session" : strerror(-r));
        return;
    }
    process(l);
}

/* RFC 5321 4.1.1.10 MUST NOT: a client says QUIT before it closes
 * RFC 5321 4.1.4 MUST: a session ends with QUIT
 * RFC 3207 4.1 SHOULD: a client that wants more says QUIT */
void connection_end(struct connection *l)
{
    smtp_client_quit(l->engine);
    (void)!connection_write_out(l);
    if (l->tls) {
        struct buf cipher = BUF_INIT(64 * 1024);
        tls_channel_finish(l->tls, &cipher);
        (void)!conn_send(l->conn, buf_str(&cipher));
        buf_free(&cipher);
    }
    conn_finish(l->conn);
    l->conn = NULL;
    connection_free(l);
}

void connection_end_look(struct connection *l)
{
    l->user = NULL;
    if (l->conn && l->state == CONNECTION_TALKING && !l->handshaking) {
        connection_end(l);
    } else {
        connection_free(l);
    }
}
