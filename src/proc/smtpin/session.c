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
#include "wire/id.h"

#include <stdlib.h>
#include <unistd.h>

enum { OUT_MAX = 1024 * 1024 };

static void session_free(struct session *s);
static void process(struct session *s);

void settings_unref(struct settings *s)
{
    if (s && --s->refs == 0) {
        tls_context_free(s->tls);
        free(s->hostname);
        free(s);
    }
}

/* --- counting clients --------------------------------------------------------------------------- */

/* The client's network: /24 of IPv4, /64 of IPv6, as octets. */
static struct str network_key(const char *ip, unsigned char key[17])
{
    size_t n = address_ip_octets(str_c(ip), key + 1);
    key[0] = 'n';
    return str_from((const char *)key, 1 + (n == 16 ? 8 : 3));
}

static size_t count_of(const struct smtpin *in, struct str key)
{
    return (size_t)(uintptr_t)map_get(in->by_address, key);
}

static void count_change(struct smtpin *in, struct str key, int by)
{
    size_t n = count_of(in, key) + (size_t)by;
    if (n == 0) {
        map_take(in->by_address, key);
    } else if (map_put(in->by_address, key, (void *)(uintptr_t)n) < 0) {
        log_warn("clients-not-counted", KVN("sessions", in->n_sessions));
    }
}

static void count_session(struct session *s, int by)
{
    unsigned char key[17];
    s->in->n_sessions += (size_t)by;
    count_change(s->in, str_c(s->ip), by);
    count_change(s->in, network_key(s->ip, key), by);
}

static const char *over_limit(const struct smtpin *in, const char *ip)
{
    const struct conf *c = child_conf(in->child);
    unsigned char key[17];
    if (in->n_sessions >= (size_t)c->limits.connections) {
        return "Too many sessions at the moment; please try again";
    }
    if (count_of(in, str_c(ip)) >= (size_t)c->limits.connections_per_address ||
        count_of(in, network_key(ip, key)) >= (size_t)c->limits.connections_per_network) {
        return "Too many sessions from your address at the moment; please try again";
    }
    return NULL;
}

/* --- time -------------------------------------------------------------------------------------------- */

static void set_timer(struct session *s, int64_t ms)
{
    const struct conf *c = child_conf(s->in->child);
    bool hurry = s->in->n_sessions * 10 > (size_t)c->limits.connections * 9;
    timer_start(s->timer, hurry && ms > c->limits.hurry_time ? c->limits.hurry_time : ms);
}

static void on_timer(void *arg)
{
    struct session *s = arg;
    if (s->closing) {
        session_free(s);
        return;
    }
    log_info("session-timeout", KV("client", s->ip), KV("tls", s->wants_handshake ? "handshake" : ""));
    if (s->wants_handshake) {
        session_free(s);
        return;
    }
    smtp_server_end(s->engine, &(struct smtp_reply){421, "4.4.2", "You took too long; closing"});
    process(s);
}

/* --- output -------------------------------------------------------------------------------------------- */

/* Sends what the engine wrote, through TLS when it stands. False: the session is over. */
static bool flush(struct session *s)
{
    struct buf *out = smtp_server_out(s->engine);
    if (buf_len(out) == 0) {
        return true;
    }
    int r;
    if (s->tls && tls_channel_state(s->tls) == TLS_OPEN) {
        struct buf cipher = BUF_INIT(2 * OUT_MAX);
        r = tls_channel_send(s->tls, buf_str(out), &cipher);
        r = r < 0 ? r : conn_send(s->conn, buf_str(&cipher));
        buf_free(&cipher);
    } else {
        r = s->tls ? -EPROTO : conn_send(s->conn, buf_str(out));
    }
    buf_reset(out);
    if (r < 0) {
        log_info("session-broken", KV("client", s->ip), KV("problem", strerror(-r)));
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

/* --- events of the engine ------------------------------------------------------------------------------ */

static void answer(struct session *s, int code, const char *enhanced, const char *text)
{
    smtp_server_answer(s->engine, &(struct smtp_reply){code, enhanced, text});
}

static void on_mail(struct session *s)
{
    if (!s->in->queue || !s->in->wrapper) {
        answer(s, 451, "4.3.0", "This server cannot take mail at the moment; please try again");
    } else {
        answer(s, 250, "2.1.0", "Sender accepted");
    }
}

static void on_rcpt(struct session *s, const struct address *rcpt)
{
    const struct conf *c = child_conf(s->in->child);
    bool ours = rcpt->domain.n == 0 ? c->inside_domains.n > 0 : conf_is_inside(c, rcpt->domain);
    if (ours || s->inside_network) {
        answer(s, 250, "2.1.5", "Recipient accepted");
        return;
    }
    s->in->refused++;
    log_info("relay-denied", KV("client", s->ip), KVS("to", rcpt->whole));
    answer(s, 550, "5.7.1", "Relaying denied: the recipient is not one of ours, and you are not one of our clients");
}

static void on_data(struct session *s)
{
    s->incoming = s->in->queue ? incoming_new(s) : NULL;
    if (!s->incoming) {
        answer(s, 451, "4.3.0", "This server cannot take mail at the moment; please try again");
        return;
    }
    s->body_began_ms = clock_mono_ms();
    answer(s, 354, NULL, "Send the message; end it with a line holding only a dot");
}

void session_submitted(struct session *s, uint8_t result)
{
    char text[80];
    struct buf line = BUF_INIT(sizeof text);
    char id[16] = "";
    id_text(s->incoming->id, id);
    incoming_free(s, s->incoming, s->submitted);
    s->incoming = NULL;
    s->submitted = false;
    (void)!buf_printf(&line, "Accepted and stored as %s", id);
    str_copy_cut(buf_str(&line), text, sizeof text);
    buf_free(&line);
    switch ((enum store_result)result) {
    case STORE_OK:
        s->in->accepted++;
        answer(s, 250, "2.0.0", text);
        break;
    case STORE_FULL:
        answer(s, 452, "4.3.1", "No space to store the message at the moment; please try again later");
        break;
    case STORE_RETRY:
    case STORE_CORRUPT:
        answer(s, 451, "4.3.0", "The message could not be stored at the moment; please try again later");
        break;
    }
    if (!s->busy) {
        process(s);
    }
}

void session_spool(struct session *s, uint8_t result, struct str name, int fd)
{
    if (!s->incoming) {
        err_close_fd(&fd);
        return;
    }
    incoming_spool(s, s->incoming, result, name, fd);
}

void session_resume(struct session *s)
{
    if (!s->busy && !s->closing && s->conn) {
        process(s);
    }
}

void session_queue_gone(struct session *s)
{
    if (!s->incoming) {
        return;
    }
    bool ended = s->incoming->ended;
    incoming_give_up(s->incoming);
    if (ended) {
        s->submitted = true; /* the queue may have it: its spool file is not ours to drop */
        session_submitted(s, STORE_RETRY);
    } else {
        session_resume(s); /* it may have waited for a spool file that will not come */
    }
}

static void start_tls(struct session *s)
{
    s->tls = s->settings->tls ? tls_channel_server(s->settings->tls) : NULL;
    if (!s->tls) {
        session_free(s);
        return;
    }
    s->wants_handshake = true;
    set_timer(s, s->settings->handshake_ms);
}

static void abort_incoming(struct session *s, const char *why)
{
    if (s->incoming) {
        if (why) {
            log_info("message-refused", KV("client", s->ip), KV("reason", why));
        }
        incoming_free(s, s->incoming, false);
        s->incoming = NULL;
    }
}

static bool handle(struct session *s, const struct smtp_event *ev)
{
    switch (ev->type) {
    case SMTP_EV_NONE:
        return false;
    case SMTP_EV_MAIL:
        on_mail(s);
        break;
    case SMTP_EV_RCPT:
        on_rcpt(s, &ev->rcpt);
        break;
    case SMTP_EV_DATA:
        on_data(s);
        break;
    case SMTP_EV_BODY:
        if (s->incoming) {
            incoming_body(s, s->incoming, ev->bytes);
        }
        break;
    case SMTP_EV_BODY_END:
        incoming_end(s, s->incoming);
        break;
    case SMTP_EV_ABORT:
        abort_incoming(s, ev->note);
        break;
    case SMTP_EV_STARTTLS:
        if (flush(s)) {
            start_tls(s);
        }
        return false;
    case SMTP_EV_CLOSE:
        if (ev->note) {
            log_notice("session-ended", KV("client", s->ip), KV("reason", ev->note));
        }
        s->closing = true;
        if (flush(s)) {
            close_in_order(s);
        }
        return false;
    }
    return true;
}

static void keep_time(struct session *s, bool replied)
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

/* Runs the engine until it needs more input or an answer. The session may be gone afterwards. */
static void process(struct session *s)
{
    struct smtp_event ev;
    s->busy = true;
    do {
        smtp_server_next(s->engine, &ev);
        if (ev.type == SMTP_EV_STARTTLS || ev.type == SMTP_EV_CLOSE) {
            s->busy = false;
            handle(s, &ev);
            return;
        }
    } while (handle(s, &ev));
    s->busy = false;
    bool replied = buf_len(smtp_server_out(s->engine)) > 0;
    if (!flush(s)) {
        return;
    }
    keep_time(s, replied);
    bool full = s->incoming && incoming_is_full(s->incoming);
    conn_pause(s->conn, full || !smtp_server_wants_input(s->engine));
}

/* --- input ----------------------------------------------------------------------------------------------- */

static void take_plain(struct session *s, struct str bytes)
{
    if (smtp_server_feed(s->engine, bytes) < 0) {
        session_free(s);
        return;
    }
    process(s);
}

static void handshake_done(struct session *s)
{
    const struct tls_facts *f = tls_channel_facts(s->tls);
    s->wants_handshake = false;
    smtp_server_tls_started(s->engine);
    set_timer(s, s->settings->command_ms);
    log_debug("tls", KV("client", s->ip), KV("version", f->version), KV("cipher", f->cipher),
              KVN("bits", f->bits), KV("group", f->group));
}

static void take_cipher(struct session *s, struct str bytes)
{
    struct buf plain = BUF_INIT(512 * 1024), cipher = BUF_INIT(512 * 1024);
    bool was_shaking = s->wants_handshake;
    int r = tls_channel_feed(s->tls, bytes, &plain, &cipher);
    enum tls_state state = tls_channel_state(s->tls);
    if (buf_len(&cipher) > 0) {
        int sent = conn_send(s->conn, buf_str(&cipher));
        r = r < 0 ? r : sent;
    }
    buf_free(&cipher);
    if (r == 0 && was_shaking && (state == TLS_OPEN || state == TLS_CLOSED)) {
        handshake_done(s);
    }
    if (r < 0 || state == TLS_BROKEN) {
        s->in->handshakes_failed += was_shaking;
        log_notice(was_shaking ? "tls-handshake-failed" : "tls-broken", KV("client", s->ip),
                   KV("problem", state == TLS_BROKEN ? tls_channel_problem(s->tls) : strerror(-r)));
        buf_wipe(&plain);
        conn_finish(s->conn); /* lets the alert out */
        s->conn = NULL;
        session_free(s);
        return;
    }
    if (buf_len(&plain) > 0) {
        take_plain(s, buf_str(&plain));
    }
    buf_wipe(&plain);
}

static void on_read(void *arg, struct str bytes)
{
    struct session *s = arg;
    if (s->tls) {
        take_cipher(s, bytes);
    } else {
        take_plain(s, bytes);
    }
}

static void on_drain(void *arg)
{
    (void)arg;
}

static void on_close(void *arg, int error)
{
    struct session *s = arg;
    if (error) {
        log_debug("connection-lost", KV("client", s->ip), KV("problem", strerror(-error)));
    }
    session_free(s);
}

static const struct conn_events conn_events = {.on_read = on_read, .on_drain = on_drain, .on_close = on_close};

/* If the queue is committing its message just now, the answer finds nobody: the client heard no 250
 * and will send the message again (RFC 5321 6.1 prefers a duplicate to a loss). */
static void session_free(struct session *s)
{
    struct smtpin *in = s->in;
    conn_free(s->conn);
    incoming_free(s, s->incoming, s->submitted);
    map_take(in->by_token, map_id(&s->token));
    count_session(s, -1);
    list_remove(&s->link);
    timer_free(s->timer);
    tls_channel_free(s->tls);
    smtp_server_free(s->engine);
    settings_unref(s->settings);
    free(s);
}

void session_stop(struct session *s)
{
    if (!s->incoming && !smtp_server_waits(s->engine)) {
        smtp_server_end(s->engine, &(struct smtp_reply){421, "4.3.2", "This server is being stopped; please come back"});
        process(s);
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

static bool in_networks(const struct conf *c, const char *ip)
{
    for (size_t i = 0; i < c->inside_networks.n; i++) {
        struct address_net net;
        if (address_net_parse(str_c(c->inside_networks.v[i]), &net) == 0 && address_net_has(&net, str_c(ip))) {
            return true;
        }
    }
    return false;
}

void session_new(struct smtpin *in, int fd, const struct endpoint *peer)
{
    char ip[46];
    endpoint_ip(peer, ip, sizeof ip);
    const char *why = over_limit(in, ip);
    if (why) {
        turn_away(fd, why, ip);
        return;
    }
    struct session *s = err_calloc(1, sizeof *s);
    s->in = in;
    s->token = ++in->next_token;
    str_copy_cut(str_c(ip), s->ip, sizeof s->ip);
    s->inside_network = in_networks(child_conf(in->child), ip);
    s->settings = in->settings;
    s->settings->refs++;
    s->engine = smtp_server_new(s->inside_network ? &s->settings->engine_inside : &s->settings->engine);
    s->timer = timer_new(child_loop(in->child), on_timer, s);
    s->conn = conn_new(child_loop(in->child), fd, OUT_MAX, &conn_events, s);
    must(map_put(in->by_token, map_id(&s->token), s) == 0);
    list_append(&in->sessions, &s->link);
    count_session(s, 1);
    smtp_server_greet(s->engine);
    process(s);
}
