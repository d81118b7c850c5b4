/* SPDX-License-Identifier: Apache-2.0
 * peer.c: both ends of the benchmark: a counting sink and a load, on our own engines.
 *
 *   peer sink ADDRESS PORT N [CHAIN KEY]          ends after N messages, prints "sink MS"
 *                                                 (monotonic) and "pace N N ...", the
 *                                                 messages of each half second
 *   peer load ADDRESS PORT N SIZE SESSIONS PER [CERTIFICATE]
 *                                                 prints "load FIRST_MS", "load LAST_250_MS"
 *                                                 and "latency MEDIAN P99 MOST" in microseconds
 *
 * With CHAIN or CERTIFICATE a side insists on STARTTLS; the load wants the relay to show and
 * prove just that certificate. PEER_RESUMES=1: it resumes its sessions where the relay gives
 * tickets, as a partner's server does. PEER_DELAY_MS: a slow sink.
 *
 * Both ends stand on the processors of what is measured, so they are to take as little as they
 * can: TLS is BoringSSL's, whose handshake takes a client about half of what OpenSSL 3.0's does
 * (docs/performance.md). Not part of the product.
 */
#include "base/clock.h"
#include "base/list.h"
#include "smtp/client.h"
#include "smtp/server.h"
#include "sys/conn.h"
#include "sys/loop.h"

#include <openssl/pem.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct loop *loop;
static SSL_CTX *tls_ctx; /* NULL: in clear */
static uint64_t wanted, seen, started;

struct session {
    struct conn *conn;
    SSL *ssl;
    struct str arrived; /* of this read, for the SSL */
    struct smtp_server *server;
    struct smtp_client *client;
    unsigned left;
    bool in_body;    /* a message is written and its last octet has not left for the kernel */
    int64_t sent_us; /* when it did */
    struct timer *timer;
};

static struct endpoint target;
static char *body;
static size_t body_n;
static unsigned per_session;
static const struct smtp_mail_rcpt rcpt = {.path = {"sink@bench.test", 15}};
static struct smtp_mail mail = {
    .reverse_path = {"load@bench.test", 15},
    .rcpts = &rcpt,
    .n_rcpts = 1,
};

static void end_session(struct session *s);

/* --- TLS ---------------------------------------------------------------- */

static CRYPTO_BUFFER *expected; /* the relay's certificate */
static SSL_SESSION *ticket;     /* the newest */

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION_free(ticket);
    ticket = session;
    return 1;
}

static enum ssl_verify_result_t on_certificate(SSL *ssl, uint8_t *alert)
{
    const STACK_OF(CRYPTO_BUFFER) *chain = SSL_get0_peer_certificates(ssl);
    const CRYPTO_BUFFER *leaf = sk_CRYPTO_BUFFER_value(chain, 0);
    bool same = CRYPTO_BUFFER_len(leaf) == CRYPTO_BUFFER_len(expected) &&
                memcmp(CRYPTO_BUFFER_data(leaf), CRYPTO_BUFFER_data(expected),
                       CRYPTO_BUFFER_len(leaf)) == 0;
    return same ? ssl_verify_ok : ssl_verify_invalid;
}

static CRYPTO_BUFFER *read_certificate(const char *path)
{
    char *name = NULL, *header = NULL;
    uint8_t *der = NULL;
    long n = 0;
    FILE *f = fopen(path, "r");
    must(f && PEM_read(f, &name, &header, &der, &n) == 1 && strcmp(name, "CERTIFICATE") == 0);
    CRYPTO_BUFFER *made = CRYPTO_BUFFER_new(der, (size_t)n, NULL);
    must(made != NULL);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    fclose(f);
    return made;
}

static void make_load_ctx(const char *certificate, bool resumes)
{
    expected = read_certificate(certificate);
    tls_ctx = SSL_CTX_new(TLS_with_buffers_method());
    must(tls_ctx != NULL);
    SSL_CTX_set_custom_verify(tls_ctx, SSL_VERIFY_PEER, on_certificate);
    if (resumes) {
        SSL_CTX_set_session_cache_mode(tls_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(tls_ctx, on_ticket);
    }
}

static void make_sink_ctx(const char *chain, const char *key)
{
    tls_ctx = SSL_CTX_new(TLS_server_method());
    must(tls_ctx && SSL_CTX_use_certificate_chain_file(tls_ctx, chain) == 1 &&
         SSL_CTX_use_PrivateKey_file(tls_ctx, key, SSL_FILETYPE_PEM) == 1);
}

/* BIO_meth_new(3): what arrived is read where it lies (BoringSSL's memory BIO moves the rest to
 * its front at each read). */
static int read_arrived(BIO *bio, char *to, int size)
{
    struct session *s = BIO_get_data(bio);
    size_t n = s->arrived.n < (size_t)size ? s->arrived.n : (size_t)size;
    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(to, s->arrived.p, n);
    s->arrived = str_slice(s->arrived, n, s->arrived.n);
    return (int)n;
}

static struct buf leaving = BUF_INIT(16 << 20);

static int write_leaving(BIO *bio, const char *from, int n)
{
    BIO_clear_retry_flags(bio);
    must(buf_append(&leaving, from, (size_t)n) == 0);
    return n;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

static BIO *session_bio(struct session *s)
{
    static BIO_METHOD *method;
    if (!method) {
        method = BIO_meth_new(0, "session");
        must(method && BIO_meth_set_read(method, read_arrived) == 1 &&
             BIO_meth_set_write(method, write_leaving) == 1 &&
             BIO_meth_set_ctrl(method, control) == 1);
    }
    BIO *bio = BIO_new(method);
    must(bio != NULL);
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    return bio;
}

static void send_cipher(struct session *s)
{
    if (buf_len(&leaving) > 0) {
        (void)!conn_send(s->conn, buf_str(&leaving));
        buf_reset(&leaving);
    }
}

static void start_tls(struct session *s)
{
    BIO *bio = session_bio(s);
    s->ssl = SSL_new(tls_ctx);
    SSL_set_bio(s->ssl, bio, bio);
    if (s->server) {
        SSL_set_accept_state(s->ssl);
        return;
    }
    must(!ticket || SSL_set_session(s->ssl, ticket) == 1);
    SSL_set_connect_state(s->ssl);
    (void)SSL_do_handshake(s->ssl);
    send_cipher(s);
}

static void note_sent(struct session *s)
{
    if (s->in_body && conn_pending(s->conn) == 0) {
        s->in_body = false;
        s->sent_us = clock_mono_us();
    }
}

static void flush(struct session *s)
{
    struct buf *out = s->server ? smtp_server_out(s->server) : smtp_client_out(s->client);
    if (buf_len(out) == 0) {
        return;
    }
    if (s->ssl) {
        must(SSL_write(s->ssl, buf_str(out).p, (int)buf_len(out)) == (int)buf_len(out));
        send_cipher(s);
    } else {
        (void)!conn_send(s->conn, buf_str(out));
    }
    buf_reset(out);
    note_sent(s);
}

static int64_t sink_delay_ms;
static void run_server(struct session *s);

enum { PACE_MS = 500, PACES_MAX = 1200 };

/* One more; the last one ends it all. */
static void count_message(struct session *s)
{
    static unsigned paces[PACES_MAX], last;
    static int64_t first_ms;
    int64_t now = clock_mono_ms();
    first_ms = first_ms ? first_ms : now;
    unsigned at = (unsigned)((now - first_ms) / PACE_MS);
    last = at < PACES_MAX ? at : PACES_MAX - 1;
    paces[last]++;
    if (++seen < wanted) {
        return;
    }
    flush(s);
    printf("sink %lld\npace", (long long)now);
    for (unsigned i = 0; i <= last; i++) {
        printf(" %u", paces[i]);
    }
    printf("\n");
    fflush(stdout);
    _exit(0);
}

static void on_slow(void *arg)
{
    struct session *s = arg;
    smtp_server_answer(s->server, &(struct smtp_reply){250, "2.0.0", "counted"});
    count_message(s);
    run_server(s);
}

/* Microseconds from the last octet of a message to its 250, of every message. */
static uint32_t *latencies;

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void print_latencies(void)
{
    qsort(latencies, wanted, sizeof *latencies, by_size);
    printf("latency %u %u %u\n", latencies[wanted / 2], latencies[wanted * 99 / 100],
           latencies[wanted - 1]);
}

static void run_server(struct session *s)
{
    struct smtp_event ev;
    for (;;) {
        smtp_server_next(s->server, &ev);
        switch (ev.type) {
        case SMTP_EV_HELLO:
        case SMTP_EV_MAIL:
        case SMTP_EV_RCPT:
            smtp_server_answer(s->server, &(struct smtp_reply){250, "2.0.0", "ok"});
            break;
        case SMTP_EV_DATA:
            smtp_server_answer(s->server, &(struct smtp_reply){354, NULL, "go"});
            break;
        case SMTP_EV_BODY_END:
            if (sink_delay_ms > 0) { /* a slow receiver */
                s->timer = s->timer ? s->timer : timer_new(loop, on_slow, s);
                timer_start(s->timer, sink_delay_ms);
                flush(s);
                return;
            }
            smtp_server_answer(s->server, &(struct smtp_reply){250, "2.0.0", "counted"});
            count_message(s);
            break;
        case SMTP_EV_STARTTLS:
            flush(s);
            start_tls(s);
            return;
        case SMTP_EV_CLOSE:
            flush(s);
            end_session(s);
            return;
        case SMTP_EV_NONE:
            flush(s);
            return;
        case SMTP_EV_BODY:
        case SMTP_EV_ABORT:
        case SMTP_EV_AUTH:
        case SMTP_EV_AUTH_RESPONSE:
        case SMTP_EV_AUTH_CANCEL:
            break;
        }
    }
}

static void open_load(void);
static void run_client(struct session *s);

static void next_mail(struct session *s)
{
    const struct permit permit = {
        .granted = true,
        .transport = s->ssl ? PERMIT_TLS : PERMIT_PLAINTEXT,
    };
    if (s->left == 0 || started >= wanted) {
        smtp_client_quit(s->client);
        flush(s);
        conn_finish(s->conn);
        s->conn = NULL;
        end_session(s);
        if (started < wanted) {
            open_load();
        }
        return;
    }
    s->left--;
    started++;
    must(smtp_client_send(s->client, &permit, &mail) == 0);
    run_client(s);
}

static void run_client(struct session *s)
{
    struct smtp_client_event ev;
    for (;;) {
        smtp_client_next(s->client, &ev);
        switch (ev.type) {
        case SMTP_CL_NONE:
            flush(s);
            return;
        case SMTP_CL_OFFERED:
        case SMTP_CL_RCPT:
        case SMTP_CL_RCPT_DONE:
        case SMTP_CL_AUTH_STEP:
        case SMTP_CL_AUTH_DONE:
            break;
        case SMTP_CL_START_TLS:
            start_tls(s);
            return;
        case SMTP_CL_READY:
            must(!tls_ctx || s->ssl);
            next_mail(s);
            return;
        case SMTP_CL_BODY:
            must(smtp_client_body(s->client, str_from(body, body_n), true) == 0);
            s->in_body = true;
            break;
        case SMTP_CL_DONE:
            if (!ev.accepted) {
                fprintf(stderr, "refused: %d\n", ev.answer->code);
                exit(1);
            }
            latencies[seen] = (uint32_t)(clock_mono_us() - s->sent_us);
            if (++seen == wanted) {
                printf("load %lld\n", (long long)clock_mono_ms());
                print_latencies();
                fflush(stdout);
                flush(s);
                loop_stop(loop);
            }
            next_mail(s);
            return;
        case SMTP_CL_UNTRUE:
        case SMTP_CL_REFUSED:
        case SMTP_CL_REJECTED:
        case SMTP_CL_BROKEN:
            fprintf(stderr, "session: %s %d\n", ev.note ? ev.note : "",
                    ev.answer ? ev.answer->code : 0);
            exit(1);
        }
    }
}

static void started_tls(struct session *s)
{
    if (s->server) {
        smtp_server_tls_started(s->server);
    } else {
        smtp_client_tls_started(s->client);
        flush(s);
    }
}

/* What came, decrypted. */
static void open_cipher(struct session *s, struct str bytes, struct buf *plain)
{
    char *room;
    int n = 0;
    s->arrived = bytes;
    if (SSL_in_init(s->ssl)) {
        int done = SSL_do_handshake(s->ssl);
        must(done == 1 || SSL_get_error(s->ssl, done) == SSL_ERROR_WANT_READ);
        send_cipher(s);
        if (done == 1) {
            started_tls(s);
        }
    }
    while (!SSL_in_init(s->ssl) && buf_reserve(plain, SSL3_RT_MAX_PLAIN_LENGTH, &room) == 0 &&
           (n = SSL_read(s->ssl, room, SSL3_RT_MAX_PLAIN_LENGTH)) > 0) {
        buf_commit(plain, (size_t)n);
    }
    send_cipher(s);
}

static void on_read(void *arg, struct str bytes)
{
    struct session *s = arg;
    struct buf plain = BUF_INIT(4 << 20);
    if (s->ssl) {
        open_cipher(s, bytes, &plain);
        bytes = buf_str(&plain);
    }
    if (bytes.n > 0 && s->server) {
        must(smtp_server_feed(s->server, bytes) == 0);
        run_server(s);
    } else if (bytes.n > 0) {
        must(smtp_client_feed(s->client, bytes) == 0);
        run_client(s);
    }
    buf_free(&plain);
}

static void on_close(void *arg, int error)
{
    struct session *s = arg;
    if (s->client) {
        fprintf(stderr, "connection lost: %s\n", strerror(-error));
        exit(1);
    }
    end_session(s);
}

static void on_connect(void *arg)
{
}

static void on_drain(void *arg)
{
    note_sent(arg);
}

static const struct conn_events events = {
    .on_drain = on_drain,
    .on_connect = on_connect,
    .on_read = on_read,
    .on_close = on_close,
};

static void end_session(struct session *s)
{
    conn_free(s->conn);
    SSL_free(s->ssl);
    timer_free(s->timer);
    smtp_server_free(s->server);
    smtp_client_free(s->client);
    free(s);
}

static void open_load(void)
{
    static const struct smtp_client_config config = {.hello = "load.bench.test"};
    struct session *s = err_calloc(1, sizeof *s);
    s->client = smtp_client_new(&config);
    s->left = per_session;
    must(conn_connect(loop, &target, NULL, 16 << 20, &events, s, &s->conn) == 0);
}

static int listener;

static void on_accept(void *arg, int ev)
{
    static struct smtp_server_config config = {
        .hostname = "sink.bench.test",
        .greeting = "sink",
        .command_line_max = 2048,
        .size_max = 100 << 20,
        .header_octets_max = 1 << 20,
        .header_lines_max = 10000,
        .header_field_max = 1 << 20,
        .hops_max = 100,
        .recipients_max = 100,
        .errors_max = 100,
        .transactions_max = 1000000,
    };
    struct endpoint peer;
    int fd;
    config.can_starttls = tls_ctx != NULL;
    while (conn_accept(listener, &fd, &peer) == 0) {
        struct session *s = err_calloc(1, sizeof *s);
        s->server = smtp_server_new(&config);
        s->conn = conn_new(loop, fd, 16 << 20, &events, s);
        smtp_server_greet(s->server);
        flush(s);
    }
}

static void make_body(size_t size)
{
    static const char head[] =
        "From: <load@bench.test>\r\nTo: <sink@bench.test>\r\nSubject: bench\r\nDate: Sat, 21 Nov "
        "2026 00:00:00 +0000\r\nMessage-ID: <1@bench.test>\r\n\r\n";
    body = err_calloc(size + 80, 1);
    body_n = sizeof head - 1;
    memcpy(body, head, body_n);
    while (body_n + 72 <= size) {
        memset(body + body_n, 'a' + (int)(body_n % 26), 70);
        memcpy(body + body_n + 70, "\r\n", 2);
        body_n += 72;
    }
    mail.size = body_n;
}

int main(int argc, char **argv)
{
    uint64_t port = 0, n = 0;
    must(argc >= 5 && str_to_u64(str_c(argv[3]), 65535, &port) == 0 &&
         str_to_u64(str_c(argv[4]), 100000000, &wanted) == 0);
    signal(SIGPIPE, SIG_IGN);
    loop = loop_new();
    must(endpoint_parse(str_c(argv[2]), (uint16_t)port, &target) == 0);
    if (strcmp(argv[1], "sink") == 0) {
        sink_delay_ms = getenv("PEER_DELAY_MS") ? atoi(getenv("PEER_DELAY_MS")) : 0;
        if (argc == 7) {
            make_sink_ctx(argv[5], argv[6]);
        }
        must(conn_listen(&target, &listener) == 0);
        struct watch *w = watch_new(loop, listener, on_accept, NULL);
        watch_set(w, WATCH_READ);
    } else {
        uint64_t sessions, per;
        must(argc >= 8 && str_to_u64(str_c(argv[5]), 100 << 20, &n) == 0 &&
             str_to_u64(str_c(argv[6]), 10000, &sessions) == 0 &&
             str_to_u64(str_c(argv[7]), 100000, &per) == 0);
        if (argc == 9) {
            make_load_ctx(argv[8], getenv("PEER_RESUMES") != NULL);
        }
        make_body((size_t)n);
        latencies = err_calloc(wanted, sizeof *latencies);
        per_session = (unsigned)per;
        printf("load %lld\n", (long long)clock_mono_ms());
        for (uint64_t i = 0; i < sessions; i++) {
            open_load();
        }
    }
    loop_run(loop);
    return 0;
}
