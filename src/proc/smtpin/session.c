/* SPDX-License-Identifier: Apache-2.0
 * session.c: one client's session: joins connection, TLS channel and SMTP engine, keeps the time.
 *
 * The clear and the encrypted stream never share a buffer: after STARTTLS every byte read goes
 * through the TLS channel. What can go wrong: silent clients (421 after the time for a command),
 * clients that do not read, garbage instead of a handshake, a queue that is away (451).
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpin/smtpin.h"
#include "store/store.h"
#include "sys/descriptors.h"
#include "sys/memory.h"
#include "wire/proxy.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    OUT_MAX = 1024 * 1024,
    TARPIT_MAX_MS = 30000,
    PROXY_OCTETS = 64 * 1024,
    SHAKING_OCTETS = 256 * 1024
};
enum { REFUSED_KEPT = 200 }; /* octets of a refused command in the log */

static void session_free(struct session *s);

/* --- time --------------------------------------------------------------- */

static void set_timer(struct session *s, int64_t ms)
{
    int64_t hurry = child_conf(s->in->child)->limits.hurry_time;
    timer_start(s->timer, ms > hurry && clients_hurry(s->in) ? hurry : ms);
}

/* A session ends within DATA: what a device that counts LF . LF as the end of its message must
 * be told, by its owner. */
static void tell_end_of_data(struct session *s)
{
    if (s->engine && smtp_server_waits_for_end(s->engine)) {
        s->in->count.device_ends++;
        log_notice("device-end-of-data", KV("client", s->client.ip),
                   KV("what", "ended its message with LF . LF, which would let mail be smuggled: "
                              "set it to CR LF"));
    }
}

static void session_on_timer(void *arg)
{
    struct session *s = arg;
    if (s->closing) {
        session_free(s);
        return;
    }
    log_info("session-timeout", KV("client", s->client.ip),
             KV("tls", s->waits_keys        ? "keys do not answer"
                       : s->wants_handshake ? "handshake"
                                            : ""));
    if (s->wants_handshake || s->wants_proxy) {
        session_free(s);
        return;
    }
    tell_end_of_data(s);
    smtp_server_end(s->engine, smtp_refusal(REFUSE_TOO_SLOW));
    session_process(s);
}

/* --- output ------------------------------------------------------------- */

/* Sends what the engine wrote, through TLS when it stands. False: the session is over. */
static bool session_flush(struct session *s)
{
    struct buf *out = smtp_server_out(s->engine);
    if (buf_len(out) == 0) {
        return true;
    }
    int r;
    if (s->tls && tls_channel_state(s->tls) != TLS_HANDSHAKING) {
        struct buf cipher = BUF_INIT(2 * OUT_MAX);
        r = tls_channel_send(s->tls, buf_str(out), &cipher);
        r = r < 0 ? r : conn_send(s->conn, buf_str(&cipher));
        buf_free(&cipher);
    } else {
        r = s->tls ? -EPROTO : conn_send(s->conn, buf_str(out));
    }
    buf_reset(out);
    if (r < 0) {
        log_info("session-broken", KV("client", s->client.ip), KV("problem", strerror(-r)));
        session_free(s);
        return false;
    }
    return true;
}

static void close_in_order(struct session *s)
{
    if (s->tls) {
        struct buf cipher = BUF_INIT(64 * 1024);
        tls_channel_finish(s->tls, &cipher);
        (void)!conn_send(s->conn, buf_str(&cipher));
        buf_free(&cipher);
    }
    conn_finish(s->conn);
    s->conn = NULL;
    session_free(s);
}

/* --- events of the engine ----------------------------------------------- */

void session_queue_gone(struct session *s)
{
    if (!s->incoming) {
        return;
    }
    bool ended = s->incoming->ended;
    incoming_give_up(s->incoming);
    if (ended) {
        s->submitted = true; /* the queue may have it: its spool file is not ours to drop */
        events_submitted(s, STORE_RETRY);
    } else if (!s->busy && !s->closing) {
        session_process(s); /* it may have waited for a spool file that will not come */
    }
}

static void session_start_tls(struct session *s)
{
    s->tls = s->service->tls ? tls_channel_server(s->service->tls) : NULL;
    if (!s->tls) {
        session_free(s);
        return;
    }
    s->wants_handshake = true;
    s->shaking_since_ms = clock_mono_ms();
    set_timer(s, s->settings->handshake_ms);
}

/* Something of a handshake came: whoever is slow has time for the next piece, within ten times
 * that for all of it. */
static void session_keep_shaking(struct session *s)
{
    int64_t left = s->shaking_since_ms + 10 * s->settings->handshake_ms - clock_mono_ms();
    set_timer(s, left < s->settings->handshake_ms ? left : s->settings->handshake_ms);
}

static void end_session(struct session *s, const char *note)
{
    if (note) {
        log_notice("session-ended", KV("client", s->client.ip), KV("reason", note));
    }
    s->closing = true;
    if (session_flush(s)) {
        close_in_order(s);
    }
}

static void session_keep_time(struct session *s, bool replied)
{
    if (smtp_server_in_body(s->engine)) {
        int64_t left = s->body_began_ms + 10 * s->settings->data_ms - clock_mono_ms();
        set_timer(s, left < s->settings->data_ms ? left : s->settings->data_ms);
    } else if (smtp_server_waits(s->engine)) {
        timer_stop(s->timer); /* our own turn: the queue answers or is restarted */
    } else if (replied) {
        set_timer(s, s->settings->command_ms); /* for the next command as a whole */
    }
}

/* A client outside whose commands were rejected waits for the answer, longer each time. True
 * while it does. */
static bool is_held_back(struct session *s)
{
    int64_t tarpit = child_conf(s->in->child)->limits.tarpit;
    unsigned errors = smtp_server_errors(s->engine);
    if (s->held_back) {
        return true;
    }
    if (errors <= s->errors_punished || tarpit == 0 || s->inside_network || s->in->stopping ||
        clients_hurry(s->in)) {
        return false;
    }
    s->errors_punished = errors;
    for (unsigned i = 1; i < errors && tarpit < TARPIT_MAX_MS; i++) {
        tarpit *= 2;
    }
    s->held_back = true;
    conn_pause(s->conn, true);
    timer_stop(s->timer);
    timer_start(s->pause, tarpit < TARPIT_MAX_MS ? tarpit : TARPIT_MAX_MS);
    return true;
}

void session_process(struct session *s)
{
    struct smtp_event ev;
    if (s->held_back) {
        return; /* when its pause is over */
    }
    s->busy = true;
    do {
        smtp_server_next(s->engine, &ev);
    } while (events_handle(s, &ev));
    s->busy = false;
    if (is_held_back(s)) {
        s->ending = ev.type == SMTP_EV_CLOSE;
        s->ending_note = ev.note;
        return;
    }
    if (ev.type == SMTP_EV_CLOSE) {
        end_session(s, ev.note);
        return;
    }
    bool replied = buf_len(smtp_server_out(s->engine)) > 0;
    /* it came with its envelope: answered together */
    bool along = s->incoming && s->incoming->ended && !s->answers_message;
    s->answers_message = false;
    if (!along && !session_flush(s)) {
        return;
    }
    if (ev.type == SMTP_EV_STARTTLS) {
        session_start_tls(s);
        return;
    }
    if (s->input_ended && !smtp_server_waits(s->engine)) { /* nothing is owed any more */
        close_in_order(s);
        return;
    }
    session_keep_time(s, replied);
    bool full = s->incoming && incoming_is_full(s->incoming);
    conn_pause(s->conn, full || !smtp_server_wants_input(s->engine));
}

/* A pause is over: of a rejected command, or of a failed login. */
static void on_pause(void *arg)
{
    struct session *s = arg;
    if (s->held_back) {
        s->held_back = false;
        if (s->ending) {
            end_session(s, s->ending_note);
            return;
        }
    }
    if (s->logging_in && smtp_server_waits(s->engine)) {
        login_answer_late(s);
        s->errors_punished = smtp_server_errors(s->engine); /* that was the pause */
    }
    session_process(s);
}

/* --- input -------------------------------------------------------------- */

static void session_take_plain(struct session *s, struct str bytes)
{
    if (smtp_server_feed(s->engine, bytes) < 0) {
        session_free(s);
        return;
    }
    session_process(s);
}

/* False: the session is over. */
static bool handshake_done(struct session *s)
{
    const struct tls_facts *f = tls_channel_facts(s->tls);
    s->wants_handshake = false;
    s->in->count.handshakes++;
    s->in->count.resumed += f->resumed;
    s->in->count.groups[tls_group_of(str_c(f->group))]++;
    smtp_server_tls_started(s->engine);
    if (s->service->engine.auth) {
        smtp_server_offer_auth(s->engine, login_mechanisms(s));
    }
    set_timer(s, s->settings->command_ms);
    log_debug("tls", KV("client", s->client.ip), KV("version", f->version), KV("cipher", f->cipher),
              KVN("bits", f->bits), KV("group", f->group),
              KV("resumed", f->resumed ? "yes" : "no"));
    if (s->service->kind == CONF_LISTEN_SUBMISSIONS) {
        smtp_server_greet(s->engine);
        return session_flush(s); /* fails when the client closed the channel in the same breath */
    }
    return true;
}

/* The client closed its half, by TCP or TLS (RFC 8446 6.1: that has no effect on ours). A
 * message that is complete is answered first: without its answer the client would send it again,
 * for ever (RFC 1047).
 * RFC 5321 4.1.1.5 SHOULD: a connection that is gone counts as QUIT */
static void end_of_input(struct session *s)
{
    if (!s->engine || s->wants_handshake) {
        session_free(s);
        return;
    }
    s->input_ended = true;
    session_process(s);
}

static void session_take_channel(struct session *s, struct str bytes, struct buf *plain)
{
    struct buf cipher = BUF_INIT(512 * 1024);
    bool was_shaking = s->wants_handshake;
    int r = tls_channel_feed(s->tls, bytes, plain, &cipher);
    enum tls_state state = tls_channel_state(s->tls);
    if (buf_len(&cipher) > 0) {
        int sent = conn_send(s->conn, buf_str(&cipher));
        r = r < 0 ? r : sent;
    }
    buf_free(&cipher);
    if (r == 0 && was_shaking && (state == TLS_OPEN || state == TLS_CLOSED)) {
        if (!handshake_done(s)) {
            return;
        }
    } else if (r == 0 && state == TLS_HANDSHAKING) {
        session_keep_shaking(s);
        return;
    }
    if (r < 0 || state == TLS_BROKEN) {
        s->in->count.handshakes_failed += was_shaking;
        log_notice(was_shaking ? "tls-handshake-failed" : "tls-broken", KV("client", s->client.ip),
                   KV("problem", state == TLS_BROKEN ? tls_channel_problem(s->tls) : strerror(-r)));
        conn_finish(s->conn); /* lets the alert out */
        s->conn = NULL;
        session_free(s);
        return;
    }
    struct smtpin *in = s->in;
    uint64_t token = s->token;
    if (buf_len(plain) > 0) {
        session_take_plain(s, buf_str(plain));
    }
    s = map_get(in->by_token, map_id(&token)); /* it may have ended */
    /* nothing more will come, however long its TCP connection stays */
    if (s && state == TLS_CLOSED) {
        end_of_input(s);
    }
}

/* keys are slow or away: this handshake waits for them, not the whole process, as long as a
 * handshake may last. */
static void session_wait_for_keys(struct session *s, struct str bytes)
{
    if (buf_add(&s->shaking, bytes) < 0) {
        session_free(s);
        return;
    }
    s->waits_keys = true;
    conn_pause(s->conn, true);
    if (!timer_is_running(s->in->keys_again)) {
        timer_start(s->in->keys_again, KEYS_AGAIN_MS);
    }
}

static void session_take_cipher(struct session *s, struct str bytes)
{
    if (s->wants_handshake && !signing_is_ready(&s->in->signing)) {
        session_wait_for_keys(s, bytes);
        return;
    }
    static struct buf plain = BUF_INIT(512 * 1024); /* of one session at a time */
    must(buf_len(&plain) == 0);
    session_take_channel(s, bytes, &plain);
    buf_blank(&plain);
}

void session_keys_back(struct session *s)
{
    if (s->waits_keys) {
        CLEANUP(buf_free) struct buf bytes = s->shaking;
        s->shaking = BUF_INIT(SHAKING_OCTETS);
        s->waits_keys = false;
        conn_pause(s->conn, false);
        session_take_cipher(s, buf_str(&bytes));
    }
}

static void turn_away(int fd, const char *why, const char *ip)
{
    struct buf text = BUF_INIT(512);
    (void)!smtp_reply_write(&(struct smtp_reply){421, "4.7.0", why}, &text);
    (void)!send(fd, buf_str(&text).p, buf_len(&text), MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_free(&text);
    close(fd);
    log_notice("session-refused", KV("client", ip), KV("reason", why));
}

/* The client's address is known: the conversation begins. */
/* One line for each, as for what policy refuses: who asks why mail did not come gets an answer. */
static void session_tell_refusal(void *arg, struct str line, const struct smtp_reply *r)
{
    struct session *s = arg;
    struct str kept = str_slice(line, 0, line.n < REFUSED_KEPT ? line.n : REFUSED_KEPT);
    log_info("command-refused", KV("client", s->client.ip), KVS("command", kept),
             KVN("code", r->code), KV("reason", r->text));
}

static void session_begin(struct session *s)
{
    const struct conf *c = child_conf(s->in->child);
    s->inside_network = s->service->kind == CONF_LISTEN_SMTP &&
                        conf_net_listed(&c->inside_networks, str_c(s->client.ip));
    s->is_device = s->inside_network && conf_is_device(c, str_c(s->client.ip));
    s->engine = smtp_server_new(s->is_device        ? &s->service->engine_device
                                : s->inside_network ? &s->service->engine_inside
                                                    : &s->service->engine);
    smtp_server_on_refusal(s->engine, session_tell_refusal, s);
    if (s->service->kind == CONF_LISTEN_SUBMISSIONS) {
        session_start_tls(s);
        return;
    }
    smtp_server_greet(s->engine);
    session_process(s);
}

static void session_on_read(void *arg, struct str bytes);

/* What a balancer says before the client's octets. */
static void take_proxy(struct session *s, struct str bytes)
{
    char ip[46] = "";
    size_t n = 0;
    enum proxy_result r =
        buf_add(&s->proxy, bytes) < 0 ? PROXY_BAD : proxy_read(buf_str(&s->proxy), &n, ip);
    if (r == PROXY_MORE) {
        return;
    }
    if (r == PROXY_BAD) {
        log_warn("proxy-header-bad", KV("balancer", s->client.ip));
        session_free(s);
        return;
    }
    if (r == PROXY_GIVEN) {
        str_copy_cut(str_c(ip), s->client.ip, sizeof s->client.ip);
    }
    const char *why = clients_enter(s->in, &s->client);
    if (why) {
        turn_away(conn_take_fd(s->conn), why, s->client.ip);
        s->in->count.turned_away++;
        s->conn = NULL;
        session_free(s);
        return;
    }
    s->wants_proxy = false;
    buf_consume(&s->proxy, n);
    uint64_t token = s->token;
    struct smtpin *in = s->in;
    session_begin(s);
    s = map_get(in->by_token, map_id(&token)); /* it may have ended */
    if (s && buf_len(&s->proxy) > 0) {
        CLEANUP(buf_free) struct buf rest = s->proxy;
        s->proxy = BUF_INIT(PROXY_OCTETS);
        session_on_read(s, buf_str(&rest));
    }
}

static void session_on_read(void *arg, struct str bytes)
{
    struct session *s = arg;
    if (s->wants_proxy) {
        take_proxy(s, bytes);
    } else if (s->tls) {
        session_take_cipher(s, bytes);
    } else {
        session_take_plain(s, bytes);
    }
}

static void session_on_drain(void *arg)
{
}

static void session_on_end(void *arg)
{
    end_of_input(arg);
}

static void session_on_close(void *arg, int error)
{
    struct session *s = arg;
    if (error) {
        log_debug("connection-lost", KV("client", s->client.ip), KV("problem", strerror(-error)));
    }
    session_free(s);
}

static const struct conn_events conn_events = {
    .on_read = session_on_read,
    .on_drain = session_on_drain,
    .on_end = session_on_end,
    .on_close = session_on_close,
};

/* If the queue is committing its message just now, the answer finds nobody: the client heard no 250
 * and will send the message again (RFC 5321 6.1 prefers a duplicate to a loss). */
static void session_free(struct session *s)
{
    struct smtpin *in = s->in;
    tell_end_of_data(s);
    login_cancel(s);
    conn_free(s->conn);
    incoming_free(s, s->incoming, s->submitted);
    map_take(in->by_token, map_id(&s->token));
    clients_leave(in, &s->client);
    in->n_sessions--;
    list_remove(&s->link);
    events_leave_turn(s);
    timer_free(s->timer);
    timer_free(s->pause);
    tls_channel_free(s->tls);
    smtp_server_free(s->engine);
    settings_unref(s->settings);
    buf_free(&s->proxy);
    buf_free(&s->shaking);
    free(s->addresses);
    free(s);
}

/* RFC 5321 3.8 SHOULD: 421 is said when the server is stopped */
void session_stop(struct session *s, bool last)
{
    if (!s->engine || s->wants_handshake) {
        session_free(s);
    } else if ((last || !s->incoming) && !s->closing && !smtp_server_waits(s->engine)) {
        s->held_back = false;
        smtp_server_end(s->engine, smtp_refusal(REFUSE_STOPPING));
        session_process(s);
    }
}

/* RFC 5321 4.5.4.2 SHOULD: the port is listened on all the time */
void session_new(struct smtpin *in, unsigned listen, int fd, const struct endpoint *peer)
{
    struct client client = {0};
    const struct conf *c = child_conf(in->child);
    endpoint_ip(peer, client.ip, sizeof client.ip);
    bool balanced =
        listen < c->n_listens && conf_net_listed(&c->listens[listen].balancers, str_c(client.ip));
    const char *why = memory_is_short() || descriptors_are_short(fd)
                          ? "Too busy at the moment; please try again"
                      : balanced ? NULL
                                 : clients_enter(in, &client);
    if (why || listen >= in->settings->n_services) {
        in->count.turned_away++;
        clients_leave(in, &client);
        turn_away(fd, why ? why : "Not in service", client.ip);
        return;
    }
    struct session *s = err_calloc(1, sizeof *s);
    s->in = in;
    s->token = ++in->next_token;
    s->client = client;
    s->settings = in->settings;
    s->settings->refs++;
    s->service = &s->settings->services[listen];
    s->proxy = BUF_INIT(PROXY_OCTETS);
    s->shaking = BUF_INIT(SHAKING_OCTETS);
    s->timer = timer_new(child_loop(in->child), session_on_timer, s);
    s->pause = timer_new(child_loop(in->child), on_pause, s);
    s->conn = conn_new(child_loop(in->child), fd, OUT_MAX, &conn_events, s);
    must(map_put(in->by_token, map_id(&s->token), s) == 0);
    list_append(&in->sessions, &s->link);
    in->n_sessions++;
    in->count.sessions++;
    if (balanced) {
        s->wants_proxy = true;
        set_timer(s, s->settings->handshake_ms);
        return;
    }
    session_begin(s);
}
