/* SPDX-License-Identifier: Apache-2.0
 * test_delivery.c: deliveries and bounces of the real smtpout (delivery.c, fit.c, round.c,
 * connection.c, bounce.c, the SMTP client) to scripted servers on loopback addresses, between a
 * scripted queue, keys and lookup: what the queue is told is what is checked, and what each
 * server was told. TLS only where our own side of it is the matter: tests/live has the rest.
 */
#include "base/clock.h"
#include "base/log.h"
#include "check.h"
#include "proc/smtpout/smtpout.h"
#include "store/store.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define LEASE \
    { \
        .octets = { 1 } \
    }

static const char conf_text[] = "hostname mx.example.test;\nstore sqlite /nowhere;\ninside { "
                                "domains in.test; deliver-to x.in.test; }\n"
                                "listen smtp { address 192.0.2.1:25; }\n"
                                "delivery { private-addresses yes; connect-time 2s; greeting-time "
                                "1s; ehlo-time 1s; others-first-time 300ms; }\n";

static const char trusted[] = "-----BEGIN CERTIFICATE-----\n"
                              "MIIBfDCCASGgAwIBAgIUIkji/1FK1HZbvxfWeLz4w7C+B9UwCgYIKoZIzj0EAwIw\n"
                              "EjEQMA4GA1UEAwwHVW5pdCBDQTAgFw0yNjExMjkxMzE5MDNaGA8yMTI2MTEwNTEz\n"
                              "MTkwM1owEjEQMA4GA1UEAwwHVW5pdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
                              "A0IABNovoDsgHtWZygeOsgovU53UAP2uUpGmWA1YVu+3SkGiK8KyAJfuKVFCRFxt\n"
                              "91fGexGFvuA43vYic6X014QKwgajUzBRMB0GA1UdDgQWBBSnz/vmELhnOup+1OOG\n"
                              "xTUQvRIj6zAfBgNVHSMEGDAWgBSnz/vmELhnOup+1OOGxTUQvRIj6zAPBgNVHRMB\n"
                              "Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDGYkhzwPcis0QUTTpSsy8CKBtK\n"
                              "44RaFgDrZ+/u13g0rgIhAM62hLJlpEpe4QjpOWX22vwaoem+LjIDw62twX6fEzCt\n"
                              "-----END CERTIFICATE-----\n";

/* For mx1 and mx2, and ours to show. */
static const char pair_chain[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBiDCCAS6gAwIBAgIUa1kh9J+QzWMAAo5b1kzEZ28hj5YwCgYIKoZIzj0EAwIw\n"
    "DjEMMAoGA1UEAwwDbXgxMCAXDTI2MTEyOTE0MzUwNFoYDzIxMjYxMTA1MTQzNTA0\n"
    "WjAOMQwwCgYDVQQDDANteDEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARx9HpO\n"
    "5a0M64XPTxxp43Uw5KgGaWRZO7nqSqY4oiySb/gIrt+N2mv8QNPxXpEGZp7bX7RE\n"
    "sMmZTB6S9H8/9u9jo2gwZjAdBgNVHQ4EFgQUPmb1G7abLwU4M78eD+BJOdzC7aUw\n"
    "HwYDVR0jBBgwFoAUPmb1G7abLwU4M78eD+BJOdzC7aUwDwYDVR0TAQH/BAUwAwEB\n"
    "/zATBgNVHREEDDAKggNteDGCA214MjAKBggqhkjOPQQDAgNIADBFAiEA1HeDzhwb\n"
    "U3vSnfsQcyISHY2VrqrbYo1mhoBaP/EV09QCIBJz1iKQgurHsxZR4h+iTmbo2kSd\n"
    "1rbRUO8xUc4EkJDJ\n"
    "-----END CERTIFICATE-----\n";

static const char pair_key[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEoGkyyFw95R8WSEQ\n"
                               "6XcWDVFGKX6mIUXs1gGTbHq+5eWhRANCAARx9HpO5a0M64XPTxxp43Uw5KgGaWRZ\n"
                               "O7nqSqY4oiySb/gIrt+N2mv8QNPxXpEGZp7bX7REsMmZTB6S9H8/9u9j\n"
                               "-----END PRIVATE KEY-----\n";

enum { PEERS = 6, RULES = 8, CONNS = 220, TEXT_MAX = 64 * 1024 };

/* A server: what it says to a command that begins with a word. Answers: text, "hold" (says
 * nothing), "close", "cut" (closes once), "bye TEXT" (says it and ends the connection). */
struct peer {
    const char *ehlo; /* keywords, with commas between */
    struct {
        const char *word, *answer;
    } rules[RULES];
    /* further addresses of it: 127.0.1.1 and on; then it listens everywhere */
    size_t n_more;
    bool partial; /* lookup does not know all its addresses */
    char ip[46];
    int fd;
    struct watch *watch;
    struct peer_conn {
        struct peer *peer;
        struct conn *conn;
        struct buf in;
        bool in_data;
        /* behind STARTTLS, where it is announced; a certificate is asked for */
        struct tls_channel *tls;
    } conns[CONNS];
    size_t n_conns;
    struct buf heard; /* lines, as they came */
};

static struct loop *loop;
static struct timer *guard; /* over all tests */

static struct {
    struct smtpout out;
    struct conf *conf;
    struct peer peers[PEERS];
    size_t n_peers;
    uint16_t port;
    struct buf told; /* what the queue was told, a line each */
    char whom[6000]; /* the recipients of each try */
    uint64_t rcpt_0; /* the number before the first recipient's */
    bool ended, late;
    enum mx_outcome found; /* by lookup; MX_FOUND: the servers */
    bool cut;              /* by lookup: the domain has more */
    unsigned char key[REST_KEY];
    uint64_t route_token;
    struct rest_opener *opener; /* of keys */
    struct buf mail;            /* what smtpout wrote itself */
    uint64_t mail_token;
    int sign_problem; /* of keys, for our client certificate */
    unsigned signatures, taken, refused;
    bool lacks;          /* once a server has answered EHLO, no descriptor is left */
    struct rlimit limit; /* as it was before */
} t;

static struct tls_private *pair_private; /* in keys */

/* --- what stands around smtpout ----------------------------------------- */

const struct conf *child_conf(const struct child *c)
{
    return t.conf;
}

struct loop *child_loop(struct child *c)
{
    return loop;
}

unsigned child_index(const struct child *c)
{
    return 0;
}

struct str child_file(const struct child *c, const char *name)
{
    return STR("");
}

struct tls_context *smtpout_context(struct smtpout *out, enum tls_profile profile,
                                    const char *client_certificate)
{
    char problem[200];
    if (out->n_contexts == 0) {
        if (tls_context_client(str_c(trusted), profile, problem, sizeof problem,
                               &out->contexts[0].ctx) < 0 ||
            (*client_certificate &&
             tls_context_show(out->contexts[0].ctx, &(struct tls_own){.chain = str_c(pair_chain)},
                              problem, sizeof problem) < 0)) {
            fail_msg("%s", problem);
        }
        out->n_contexts = 1;
    }
    return out->contexts[0].ctx;
}

static int sign(void *arg, const unsigned char key_id[TLS_KEY_ID], enum tls_hash hash, bool pss,
                struct str digest, struct buf *signature)
{
    t.signatures++;
    return t.sign_problem ? t.sign_problem
                          : tls_private_sign(pair_private, hash, pss, digest, signature);
}

void tlsrpt_session(const struct delivery *d, const struct connection *l, enum sess sess,
                    const char *host, const char *ip, const char *detail)
{
}

void tlsrpt_receive(struct delivery *d)
{
    fail();
}

void tlsrpt_on_policy(void *owner, struct ipc_channel *ch, const struct ipc_rpt_policy *m)
{
    fail();
}

void tlsrpt_on_failure(void *owner, struct ipc_channel *ch, const struct ipc_rpt_failure *m)
{
    fail();
}

void tlsrpt_on_write(void *owner, struct ipc_channel *ch, const struct ipc_rpt_write *m)
{
    fail();
}

void tlsrpt_on_posted(void *owner, struct ipc_channel *ch, const struct ipc_posted *m)
{
    fail();
}

void tlsrpt_on_signature(void *owner, struct ipc_channel *ch, const struct ipc_signature *m)
{
    fail();
}

bool tlsrpt_submitted(struct smtpout *out, uint64_t token, bool ok)
{
    return false;
}

void tlsrpt_give_up(struct smtpout *out)
{
}

void probe_start(struct smtpout *out, const struct ipc_probe *m)
{
    fail();
}

void envelope_on_mail(void *owner, struct ipc_channel *ch, const struct ipc_envelope_mail *m)
{
    fail();
}

static const char *result_name(unsigned result)
{
    static const char *const names[] = {"delivered", "deferred", "failed", "fallback"};
    return result < ARRAY_LEN(names) ? names[result] : "open";
}

static void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    assert_int_equal(buf_vprintf(&t.told, fmt, ap), 0);
    va_end(ap);
}

/* A mail of our own, opened as keys and the next smtpout would. */
static void take_mail(const struct ipc_submit *m)
{
    unsigned char key[REST_KEY];
    assert_int_equal(rest_unwrap(t.opener, m->sealed_key, key), 0);
    struct rest_reader *r = rest_reader_new(key);
    buf_reset(&t.mail);
    assert_int_equal(rest_read(r, m->body, &t.mail), 0);
    assert_int_equal(rest_read(r, STR(""), &t.mail), 0);
    assert_true(rest_read_done(r));
    rest_reader_free(r);
    tell("mail from <" STR_FMT "> about %llu 8bit=%u utf8=%u\n", STR_ARG(m->reverse_path),
         lease_same(&m->lease, &(struct lease_id)LEASE) ? 1000ULL : 0ULL, m->is_8bit, m->is_utf8);
    t.mail_token = m->token;
}

/* What the other processes are told, as lines. */
void ipc_send(struct ipc_channel *ch, const struct ipc_msg *m)
{
    const struct ipc_outcome_host *h = &m->outcome_host;
    const struct ipc_outcome_rcpt *r = &m->outcome_rcpt;
    if (m->type == IPC_outcome_host) {
        size_t n = strlen(t.whom);
        snprintf(t.whom + n, sizeof t.whom - n, STR_FMT ";", STR_ARG(h->rcpts));
        tell("host " STR_FMT ": %s %s%s" STR_FMT "\n", STR_ARG(h->host), action_name(h->action),
             reason_name(h->reason), h->detail.n > 0 ? ": " : "", STR_ARG(h->detail));
    } else if (m->type == IPC_outcome_rcpt) {
        tell("rcpt %llu %s %s " STR_FMT " " STR_FMT "%s" STR_FMT "\n", (unsigned long long)r->rcpt,
             result_name(r->result), reason_name(r->reason),
             STR_ARG(r->code.n > 0 ? r->code : STR("-")),
             STR_ARG(r->host.n > 0 ? r->host : STR("-")), r->reply.n > 0 ? ": " : "",
             STR_ARG(r->reply));
    } else if (m->type == IPC_outcome) {
        t.ended = true;
        loop_stop(loop);
    } else if (m->type == IPC_outcome_part) {
        tell("part\n");
    } else if (m->type == IPC_submit_rcpt) {
        tell("mail to " STR_FMT "\n", STR_ARG(m->submit_rcpt.forward_path));
    } else if (m->type == IPC_submit) {
        take_mail(&m->submit);
    } else if (m->type == IPC_resolve) {
        t.route_token = m->resolve.token;
    } else if (m->type == IPC_looked) {
        tell("looked complete=%u offered=%u%s\n", m->looked.complete, m->looked.offered,
             m->looked.helo ? " helo" : "");
    } else if (m->type == IPC_quirk) {
        tell("quirk %s\n", extension_name(m->quirk.extension));
    }
}

/* What was handed out is said to be there, before anything else. */
void ipc_send_now(struct ipc_channel *ch, const struct ipc_msg *m)
{
    assert_int_equal(m->type, IPC_lease_taken);
    assert_true(lease_same(&m->lease_taken.lease, &(struct lease_id)LEASE));
    assert_int_equal(map_len(t.out.deliveries), 0);
    t.taken++;
}

/* What cannot be taken is refused. */
void ipc_refuse(struct ipc_channel *ch, const char *why)
{
    t.refused++;
}

/* --- scripted servers --------------------------------------------------- */

static void say(struct peer_conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct peer_conn *c, const char *fmt, ...)
{
    char text[2000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (c->tls) {
        CLEANUP(buf_free) struct buf cipher = BUF_INIT(TEXT_MAX);
        assert_int_equal(tls_channel_send(c->tls, str_c(text), &cipher), 0);
        assert_int_equal(conn_send(c->conn, buf_str(&cipher)), 0);
    } else {
        assert_int_equal(conn_send(c->conn, str_c(text)), 0);
    }
}

static void begin_tls(struct peer_conn *c)
{
    const struct tls_own own = {str_c(pair_chain), str_c(pair_key)};
    struct tls_context *ctx = NULL;
    char problem[200];
    if (tls_context_server(&own, 1, TLS_PROFILE_WIDE, str_c(pair_chain), problem, sizeof problem,
                           &ctx) < 0) {
        fail_msg("%s", problem);
    }
    say(c, "220 2.0.0 go on\r\n");
    c->tls = tls_channel_server(ctx);
    tls_context_free(ctx);
}

static void hang_up(struct peer_conn *c)
{
    conn_free(c->conn);
    c->conn = NULL;
}

/* The rule was for once: its word fits no line any more. */
static void end_rule(struct peer *p, struct str line)
{
    for (size_t i = 0; i < RULES && p->rules[i].word; i++) {
        if (str_starts_nocase(line, str_c(p->rules[i].word))) {
            p->rules[i].word = "(over)";
        }
    }
}

static const char *rule_for(const struct peer *p, struct str line)
{
    for (size_t i = 0; i < RULES && p->rules[i].word; i++) {
        if (str_starts_nocase(line, str_c(p->rules[i].word))) {
            return p->rules[i].answer;
        }
    }
    return NULL;
}

static void leave_no_descriptors(void)
{
    struct rlimit none;
    int lowest = dup(0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &t.limit), 0);
    none = t.limit;
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void answer_ehlo(struct peer_conn *c)
{
    struct str rest = str_c(c->peer->ehlo ? c->peer->ehlo : ""), word;
    say(c, "250%cmx\r\n", rest.n > 0 ? '-' : ' ');
    while (rest.n > 0 && str_split(&rest, ',', &word)) {
        say(c, "250%c" STR_FMT "\r\n", rest.n > 0 ? '-' : ' ', STR_ARG(word));
    }
    if (t.lacks) {
        leave_no_descriptors();
    }
}

static void answer(struct peer_conn *c, struct str line)
{
    const char *a = rule_for(c->peer, line);
    if (a && strcmp(a, "hold") == 0) {
        return;
    }
    if (a && strcmp(a, "cut") == 0) {
        end_rule(c->peer, line);
        hang_up(c);
    } else if (a && strcmp(a, "close") == 0) {
        hang_up(c);
    } else if (a && strncmp(a, "bye ", 4) == 0) {
        say(c, "%s\r\n", a + 4);
        conn_finish(c->conn);
        c->conn = NULL;
    } else if (a) {
        say(c, "%s\r\n", a);
        c->in_data = strncmp(a, "354", 3) == 0;
    } else if (str_starts_nocase(line, STR("EHLO "))) {
        answer_ehlo(c);
    } else if (str_starts_nocase(line, STR("STARTTLS"))) {
        begin_tls(c);
    } else if (str_starts_nocase(line, STR("DATA"))) {
        say(c, "354 go on\r\n");
        c->in_data = true;
    } else {
        say(c, "250 2.0.0 ok\r\n");
    }
}

static void take_line(struct peer_conn *c, struct str line)
{
    assert_int_equal(buf_printf(&c->peer->heard, STR_FMT "\n", STR_ARG(line)), 0);
    if (!c->in_data) {
        answer(c, line);
    } else if (str_eq(line, STR("."))) {
        c->in_data = false;
        answer(c, line);
    }
}

static void on_peer_read(void *arg, struct str bytes)
{
    struct peer_conn *c = arg;
    if (c->tls) {
        CLEANUP(buf_free) struct buf cipher = BUF_INIT(TEXT_MAX);
        (void)!tls_channel_feed(c->tls, bytes, &c->in, &cipher);
        assert_int_equal(conn_send(c->conn, buf_str(&cipher)), 0);
    } else {
        assert_int_equal(buf_add(&c->in, bytes), 0);
    }
    while (c->conn) {
        struct str all = buf_str(&c->in);
        size_t end = str_find(all, '\n', 0);
        if (end == all.n) {
            return;
        }
        CLEANUP(buf_free) struct buf line = BUF_INIT(TEXT_MAX);
        assert_int_equal(buf_add(&line,
                                 str_slice(all, 0,
                                           end > 0 && all.p[end - 1] == '\r' ? end - 1 : end)),
                         0);
        buf_consume(&c->in, end + 1);
        take_line(c, buf_str(&line));
    }
}

static void on_peer_close(void *arg, int error)
{
    hang_up(arg);
}

static const struct conn_events peer_events = {.on_read = on_peer_read, .on_close = on_peer_close};

static void on_call(void *arg, int events)
{
    struct peer *p = arg;
    struct endpoint from;
    int fd;
    while (conn_accept(p->fd, &fd, &from) == 0) {
        assert_true(p->n_conns < CONNS);
        struct peer_conn *c = &p->conns[p->n_conns++];
        *c = (struct peer_conn){.peer = p, .in = BUF_INIT(TEXT_MAX)};
        c->conn = conn_new(loop, fd, TEXT_MAX, &peer_events, c);
        answer(c, STR("GREETING"));
    }
}

/* Hosts in order of preference: mx1 is 127.0.0.11, and so on. */
static struct peer *serve(struct peer script)
{
    struct endpoint at;
    assert_true(t.n_peers < PEERS);
    struct peer *p = &t.peers[t.n_peers];
    *p = script;
    p->heard = BUF_INIT(TEXT_MAX);
    snprintf(p->ip, sizeof p->ip, "127.0.0.%zu", 11 + t.n_peers);
    assert_int_equal(endpoint_parse(p->n_more > 0 ? STR("0.0.0.0") : str_c(p->ip), t.port, &at), 0);
    assert_int_equal(conn_listen(&at, &p->fd), 0);
    p->watch = watch_new(loop, p->fd, on_call, p);
    watch_set(p->watch, WATCH_READ);
    t.n_peers++;
    return p;
}

/* --- doing -------------------------------------------------------------- */

static void on_late(void *arg)
{
    t.late = true;
    loop_stop(loop);
}

static int setup(void **state)
{
    struct buf problems = BUF_INIT(4000);
    memset(&t, 0, sizeof t);
    assert_int_equal(rest_init(), 0);
    if (conf_parse(str_c(conf_text), "t", &problems, &t.conf) < 0) {
        fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
    }
    buf_free(&problems);
    loop = loop ? loop : loop_new();
    guard = guard ? guard : timer_new(loop, on_late, NULL);
    t.told = BUF_INIT(TEXT_MAX);
    t.port = (uint16_t)(20000 + getpid() % 30000);
    memset(t.key, 7, sizeof t.key);
    unsigned char secret[REST_SECRET], public[REST_PUBLIC];
    rest_make_secret(secret);
    t.opener = rest_opener_new(secret, public);
    t.out.wrapper = rest_wrapper_new(public);
    t.mail = BUF_INIT(TEXT_MAX);
    t.out.queue = t.out.keys = t.out.lookup = (struct ipc_channel *)&t;
    list_init(&t.out.idle);
    list_init(&t.out.pending_rcpts);
    struct map **const maps[] = {
        &t.out.deliveries, &t.out.saving, &t.out.routes, &t.out.quirks, &t.out.bounces,
    };
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        *maps[i] = map_new(100);
    }
    return 0;
}

/* The rule for a message of the queue, keys or lookup. */
static void give(const struct ipc_rule *rules, const struct ipc_msg *m)
{
    for (; rules->type != IPC_none; rules++) {
        if (rules->type == m->type) {
            ipc_rule_call(rules, &t.out, (struct ipc_channel *)&t, m, -1);
            return;
        }
    }
    fail();
}

static void close_peer(struct peer *p)
{
    watch_free(p->watch);
    close(p->fd);
    for (size_t i = 0; i < p->n_conns; i++) {
        conn_free(p->conns[i].conn);
        tls_channel_free(p->conns[i].tls);
        buf_free(&p->conns[i].in);
    }
    buf_free(&p->heard);
}

static int teardown(void **state)
{
    struct map *const maps[] = {
        t.out.deliveries, t.out.saving, t.out.routes, t.out.quirks, t.out.bounces,
    };
    size_t cursor = 0;
    struct str key;
    void *value;
    give(smtpout_queue_rules,
         &(struct ipc_msg){.type = IPC_outcome_saved, .outcome_saved = {.lease = LEASE}});
    connection_close_idle(&t.out);
    for (size_t i = 0; i < t.n_peers; i++) {
        close_peer(&t.peers[i]);
    }
    for (cursor = 0; map_next(t.out.quirks, &cursor, &key, &value);) {
        free(value);
    }
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        map_free(maps[i]);
    }
    tls_context_free(t.out.contexts[0].ctx);
    rest_wrapper_free(t.out.wrapper);
    rest_opener_free(t.opener);
    buf_free(&t.mail);
    timer_start(guard, 100); /* connections end in order */
    loop_run(loop);
    conf_free(t.conf);
    buf_free(&t.told);
    return 0;
}

static void seal_text(const char *text, struct buf *sealed)
{
    struct rest_sealer *s = rest_sealer_new(t.key);
    assert_int_equal(rest_seal(s, str_c(text), sealed), 0);
    assert_int_equal(rest_seal_end(s, sealed), 0);
    rest_sealer_free(s);
}

static void give_key(void)
{
    give(smtpout_keys_rules, &(struct ipc_msg){.type = IPC_unwrapped,
                                               .unwrapped = {
                                                   .lease = LEASE,
                                                   .ok = 1,
                                                   .key = str_from((const char *)t.key, REST_KEY),
                                               }});
}

static void put_addresses(const struct peer *p, size_t n_more, struct buf *addresses)
{
    assert_int_equal(buf_printf(addresses, "%s", p->ip), 0);
    for (size_t i = 0; i < n_more; i++) {
        assert_int_equal(buf_printf(addresses, " 127.0.1.%zu", i + 1), 0);
    }
}

/* What an earlier look asked: the first n servers, without the last `less` addresses of each. */
static uint64_t asked_of(size_t n, size_t less)
{
    struct route_host hosts[PEERS];
    struct buf addresses[PEERS];
    for (size_t i = 0; i < n; i++) { /* from the last to the first: the order says nothing */
        size_t number = n - 1 - i;
        addresses[i] = BUF_INIT(TEXT_MAX);
        put_addresses(&t.peers[number], t.peers[number].n_more - less, &addresses[i]);
        hosts[i] = (struct route_host){.addresses = buf_str(&addresses[i])};
        snprintf(hosts[i].name, sizeof hosts[i].name, "MX%zu", number + 1);
    }
    uint64_t asked = route_asked(&(struct route){
        .out = &t.out,
        .port = t.port,
        .hosts = hosts,
        .n_hosts = n,
    });
    for (size_t i = 0; i < n; i++) {
        buf_free(&addresses[i]);
    }
    return asked;
}

/* A server as lookup tells of it. */
static void give_host(const struct peer *p, size_t number)
{
    char name[20];
    CLEANUP(buf_free) struct buf addresses = BUF_INIT(TEXT_MAX);
    snprintf(name, sizeof name, "mx%zu", number + 1);
    put_addresses(p, p->n_more, &addresses);
    give(smtpout_lookup_rules, &(struct ipc_msg){.type = IPC_resolved_host,
                                                 .resolved_host = {
                                                     .token = t.route_token,
                                                     .preference = (uint16_t)number,
                                                     .partial = p->partial,
                                                     .name = str_c(name),
                                                     .base = str_c(name),
                                                     .addresses = buf_str(&addresses),
                                                 }});
}

/* One message to recipients 1..n, through all servers; job: its marks. What the queue was told
 * is in t.told then. */
static void deliver(struct ipc_job job, const char *text, const char *const *rcpts, size_t n)
{
    CLEANUP(buf_free) struct buf sealed = BUF_INIT(TEXT_MAX);
    seal_text(text, &sealed);
    for (size_t i = 0; i < n; i++) {
        give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_job_rcpt,
                                                    .job_rcpt = {
                                                        .lease = LEASE,
                                                        .rcpt = t.rcpt_0 + i + 1,
                                                        .forward_path = str_c(rcpts[i]),
                                                    }});
    }
    job.lease = (struct lease_id)LEASE;
    job.id = 1000;
    job.kind = JOB_DELIVER;
    job.lookup = LOOKUP_MX;
    job.next_hop = job.memory_key = STR("dest.test");
    job.port = t.port;
    job.reverse_path = job.reverse_path.p ? job.reverse_path : STR("from@in.test");
    job.size = strlen(text);
    job.arrived_ms = clock_wall_ms();
    /* a complete look stands */
    job.look_until_ms = job.look_until_ms ? job.look_until_ms : INT64_MAX;
    job.look_asked = job.look_asked ? job.look_asked : asked_of(t.n_peers, 0);
    job.body = buf_str(&sealed);
    unsigned taken = t.taken;
    give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_job, .job = job});
    assert_int_equal(t.taken, taken + 1);
    give_key();
    for (size_t i = 0; i < t.n_peers; i++) {
        give_host(&t.peers[i], i);
    }
    give(smtpout_lookup_rules, &(struct ipc_msg){.type = IPC_resolved,
                                                 .resolved = {
                                                     .token = t.route_token,
                                                     .outcome = t.found,
                                                     .cut = t.cut,
                                                 }});
    timer_start(guard, 20000);
    if (!t.ended) {
        loop_run(loop);
    }
    timer_stop(guard);
    if (t.lacks) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &t.limit), 0);
    }
    if (t.late || !t.ended) {
        fail_msg("no end; the queue was told\n" STR_FMT, STR_ARG(buf_str(&t.told)));
    }
}

#define SERVE(...) serve((struct peer){__VA_ARGS__})
#define DELIVER(job, text, ...) \
    deliver(job, text, (const char *const[]){__VA_ARGS__}, \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void check_told(const char *want)
{
    check_str(buf_str(&t.told), want);
}

/* Whether the queue was told this, among other things. */
static bool told(const char *line)
{
    return memmem(buf_str(&t.told).p, buf_len(&t.told), line, strlen(line)) != NULL;
}

/* The server heard a line that begins so. */
static bool heard(const struct peer *p, const char *line)
{
    struct str rest = buf_str(&p->heard), one;
    while (rest.n > 0 && str_split(&rest, '\n', &one)) {
        if (str_starts_nocase(one, str_c(line))) {
            return true;
        }
    }
    return false;
}

/* --- what one host lacks is no verdict while others were not asked ------ */

static const char plain[] = "From: <from@in.test>\r\nSubject: s\r\n\r\nplain words\r\n";

/* RFC 6531 3.5, 3.6: a recipient that needs SMTPUTF8 goes to the host that offers it, the others
 * to the best. */
static void a_recipient_waits_for_a_host_with_smtputf8(void **state)
{
    struct peer *one = SERVE(.ehlo = "PIPELINING,8BITMIME");
    struct peer *two = SERVE(.ehlo = "PIPELINING,8BITMIME,SMTPUTF8");
    DELIVER((struct ipc_job){0}, plain, "j\xc3\xb6rg@dest.test", "x@dest.test");
    check_told(
        "host mx1: send sent-plain: recipients that need SMTPUTF8 are left to the next server\n"
        "rcpt 2 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\npart\n"
        "host mx2: send sent-plain\n"
        "rcpt 1 delivered sent-plain 2.0.0 mx2: 250 2.0.0 ok\n");
    assert_false(heard(one, "RCPT TO:<j"));
    assert_true(heard(two, "RCPT TO:<j"));
    assert_false(heard(two, "RCPT TO:<x@"));
}

static void no_host_offers_smtputf8(void **state)
{
    SERVE(.ehlo = "8BITMIME");
    struct peer *two = SERVE(.ehlo = "8BITMIME");
    DELIVER((struct ipc_job){0}, plain, "x@dest.test", "j\xc3\xb6rg@dest.test");
    check_told(
        "host mx1: send sent-plain: recipients that need SMTPUTF8 are left to the next server\n"
        "rcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\npart\n"
        "host mx2: bounce no-utf8: the server does not offer SMTPUTF8, which this address needs\n"
        "rcpt 2 failed no-utf8 5.6.7 mx2: the server does not offer SMTPUTF8, which this address "
        "needs\n");
    assert_false(heard(two, "MAIL"));
}

/* The other host may offer it: nobody knows yet (RFC 5321 4.5.4.1). */
static void the_host_that_may_offer_it_is_down(void **state)
{
    SERVE(.ehlo = "8BITMIME");
    SERVE(.rules = {{"GREETING", "close"}});
    DELIVER((struct ipc_job){0}, plain, "x@dest.test", "j\xc3\xb6rg@dest.test");
    check_told(
        "host mx1: send sent-plain: recipients that need SMTPUTF8 are left to the next server\n"
        "rcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\npart\n"
        "host mx2: defer broken-session: the peer closed the connection\n"
        "rcpt 2 deferred broken-session 4.4.2 mx2: the peer closed the connection\n");
}

/* RFC 6531 3.7.1 and RFC 5890: a domain alone is said in A-labels, which every server
 * understands. */
static void a_domain_alone_needs_nothing(void **state)
{
    struct peer *one = SERVE(.ehlo = "8BITMIME");
    struct peer *two = SERVE(.ehlo = "8BITMIME,SMTPUTF8");
    DELIVER((struct ipc_job){0}, plain, "x@d\xc3\xa8st.test");
    assert_true(heard(one, "RCPT TO:<x@xn--dst-6la.test>"));
    assert_int_equal(two->n_conns, 0);
}

/* One recipient deferred, one left out, and nobody else offers it: each hears its own reason. */
static void left_out_and_deferred_at_the_same_host(void **state)
{
    SERVE(.ehlo = "8BITMIME", .rules = {{"RCPT", "450 4.2.0 later"}});
    SERVE(.ehlo = "8BITMIME", .rules = {{"RCPT", "450 4.2.1 not yet"}});
    DELIVER((struct ipc_job){0}, plain, "x@dest.test", "j\xc3\xb6rg@dest.test");
    check_told("host mx1: defer rejected: 450 4.2.0 later\n"
               "host mx2: defer rejected: 450 4.2.1 not yet\n"
               "rcpt 1 deferred rejected 4.2.1 mx2: 450 4.2.1 not yet\n"
               "rcpt 2 failed no-utf8 5.6.7 mx2: the server does not offer SMTPUTF8, which this "
               "address needs\n");
}

/* RFC 6531 3.5: the message itself needs it; so with 8BITMIME, BINARYMIME and SIZE. */
static void what_a_message_needs_another_host_offers(void **state)
{
    static const struct {
        const char *title, *first, *second, *reason, *text;
        struct ipc_job job;
    } cases[] = {
        {"header section",
         "8BITMIME",
         "8BITMIME,SMTPUTF8",
         "no-utf8",
         "Subject: gr\xc3\xbc\xc3\x9f\r\n\r\nx\r\n",
         {.is_utf8 = 1, .is_8bit = 1}},
        {"sender",
         "8BITMIME",
         "8BITMIME,SMTPUTF8",
         "no-utf8",
         plain,
         {.reverse_path = STR("j\xc3\xb6rg@in.test")}},
        {"signed 8 bit",
         "SMTPUTF8",
         "8BITMIME",
         "no-8bit",
         "MIME-Version: 1.0\r\nContent-Type: multipart/signed; "
         "boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: 8bit\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n--b--\r\n",
         {.is_8bit = 1}},
        {"size", "SIZE 20", "SIZE 2000", "too-big", plain, {.id = 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char first[100], second[100];
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        snprintf(first, sizeof first, "%s", cases[i].first);
        snprintf(second, sizeof second, "%s", cases[i].second);
        struct peer *one = SERVE(.ehlo = first);
        struct peer *two = SERVE(.ehlo = second);
        DELIVER(cases[i].job, cases[i].text, "x@dest.test");
        assert_false(heard(one, "MAIL"));
        assert_true(heard(two, "MAIL"));
        struct str told = buf_str(&t.told);
        char want[200];
        snprintf(want, sizeof want, "host mx1: bounce %s", cases[i].reason);
        if (!str_starts_nocase(told, str_c(want))) {
            fail_msg("%s: " STR_FMT, cases[i].title, STR_ARG(told));
        }
    }
}

/* --- what came of recipients is told before another host is asked ------- */

/* RFC 5321 6.1: responsibility for a recipient is over with the 250 to the dot, whatever happens
 * to us while another host is asked about the rest. */
static void outcomes_are_told_before_the_next_host(void **state)
{
    SERVE(.rules = {{"RCPT TO:<late@", "450 4.2.0 later"}, {"RCPT TO:<gone@", "550 5.1.1 who"}});
    SERVE(.rules = {{"GREETING", "hold"}});
    SERVE();
    DELIVER((struct ipc_job){0}, plain, "late@dest.test", "good@dest.test", "gone@dest.test");
    check_told("host mx1: send sent-plain: 550 5.1.1 who\n"
               "rcpt 2 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\n"
               "rcpt 3 failed rejected 5.1.1 mx1: 550 5.1.1 who\npart\n"
               "host mx2: defer timeout: no greeting within 300 ms; asked again behind the others\n"
               "host mx3: send sent-plain\n"
               "rcpt 1 delivered sent-plain 2.0.0 mx3: 250 2.0.0 ok\n");
}

/* A refusal for good counts even if the session then breaks; who was only deferred is told of
 * once, at the end. */
static void a_refusal_is_told_although_the_session_broke(void **state)
{
    SERVE(.rules = {{"RCPT TO:<gone@", "550 5.1.1 who"}, {"DATA", "close"}});
    SERVE(.rules = {{"RCPT", "450 4.2.0 later"}});
    DELIVER((struct ipc_job){0}, plain, "gone@dest.test", "x@dest.test");
    check_told("host mx1: defer broken-session: the peer closed the connection\n"
               "rcpt 1 failed rejected 5.1.1 mx1: 550 5.1.1 who\npart\n"
               "host mx2: defer rejected: 450 4.2.0 later\n"
               "rcpt 2 deferred rejected 4.2.0 mx2: 450 4.2.0 later\n");
}

/* --- a server that takes the connection and says nothing ---------------- */

/* RFC 5321 4.5.3.2.1: five minutes for the greeting; while others were not asked, one
 * (docs/decisions/0025).
 * RFC 5321 4.5.4.1 SHOULD: hosts that cannot be reached are remembered */
static void a_silent_host_lets_the_others_be_asked(void **state)
{
    SERVE(.rules = {{"GREETING", "hold"}});
    SERVE(.rules = {{"EHLO", "hold"}});
    struct peer *three = SERVE(.rules = {{"RCPT", "451 4.3.0 x"}});
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    check_told(
        "host mx1: defer timeout: no greeting within 300 ms; asked again behind the others\n"
        "host mx2: defer timeout: no answer to EHLO within 300 ms; asked again behind the others\n"
        "host mx3: defer rejected: 451 4.3.0 x\n"
        "host mx1: defer timeout: no greeting within 1 s\n"
        "host mx2: defer timeout: no answer to EHLO within 1 s\n"
        "rcpt 1 deferred rejected 4.3.0 mx3: 451 4.3.0 x\n");
    buf_reset(&t.told); /* the next message does not wait for them */
    three->rules[0].word = NULL;
    t.ended = false;
    give(smtpout_queue_rules,
         &(struct ipc_msg){.type = IPC_outcome_saved, .outcome_saved = {.lease = LEASE}});
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    check_told("host mx3: send sent-plain\nrcpt 1 delivered sent-plain 2.0.0 mx3: 250 2.0.0 ok\n");
}

/* --- the first look: in clear only after all were asked ----------------- */

/* The bounds of lookup (docs/decision.md, "Memory"): beyond them a look is not complete, and
 * what is not known is said. The row behind each bound is the same domain within it. */
static void a_look_has_bounds(void **state)
{
    static const struct {
        struct peer one;
        bool cut;
        const char *unasked; /* NULL: the look is complete */
    } cases[] = {
        {{.n_more = 99}, false, NULL},
        {{.n_more = 100}, false, "1 more addresses than are asked"},
        {{.n_more = 0}, true, "the domain has more servers than are asked"},
        {{.partial = true}, false, "not all addresses of mx1 are known"},
        {{.partial = false}, false, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[300];
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        struct peer *one = serve(cases[i].one);
        t.cut = cases[i].cut;
        DELIVER((struct ipc_job){.look_until_ms = 1}, plain, "x@dest.test");
        snprintf(want, sizeof want, "looked complete=%d offered=0\n", !cases[i].unasked);
        assert_true(str_starts_nocase(buf_str(&t.told), str_c(want)));
        assert_int_equal(heard(one, "MAIL"), !cases[i].unasked);
        snprintf(want, sizeof want, "rcpt 1 deferred look-incomplete 4.7.4 mx1: not asked: %s\n",
                 cases[i].unasked ? cases[i].unasked : "");
        if (cases[i].unasked && !told(want)) {
            fail_msg("%s" STR_FMT, want, STR_ARG(buf_str(&t.told)));
        }
    }
}

/* A complete look stands for the hosts and addresses that it asked. Who is new was not: RFC 5321
 * 5.1, any of them may get the mail, and one that offers STARTTLS makes it a domain that does. */
static void a_look_stands_for_whom_it_asked(void **state)
{
    static const struct {
        struct peer one;
        const char *second; /* what another server announces; NULL: there is none */
        size_t asked, less; /* what the look asked */
        const char *told;   /* how the report begins */
        bool sent;
    } cases[] = {
        {{0}, "STARTTLS", 1, 0, "looked complete=1 offered=1\n", false},
        {{0}, "PIPELINING", 1, 0, "looked complete=1 offered=0\nhost mx1: send sent-plain\n", true},
        {{0}, "PIPELINING", 2, 0, "host mx1: send sent-plain\n", true},
        {{.n_more = 1},
         NULL,
         1,
         1,
         "looked complete=1 offered=0\nhost mx1: send sent-plain\n",
         true},
        {{.n_more = 1}, NULL, 1, 0, "host mx1: send sent-plain\n", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        struct peer *one = serve(cases[i].one),
                    *two = cases[i].second ? SERVE(.ehlo = cases[i].second) : NULL;
        DELIVER((struct ipc_job){.look_asked = asked_of(cases[i].asked, cases[i].less)}, plain,
                "x@dest.test");
        if (!str_starts_nocase(buf_str(&t.told), str_c(cases[i].told))) {
            fail_msg("case %zu: " STR_FMT, i, STR_ARG(buf_str(&t.told)));
        }
        assert_int_equal(heard(one, "MAIL"), cases[i].sent);
        assert_true(!two || (two->n_conns > 0) == (cases[i].told[0] == 'l'));
    }
}

/* No descriptor is left (getrlimit(2), EMFILE) to ask all servers: that is our lack. Nothing is
 * learned of the domain, nothing goes there in clear, and the mail is tried again without an
 * attempt that counts; the next look does what this one could not. */
static void a_look_without_descriptors_says_nothing(void **state)
{
    struct peer *one = SERVE(.ehlo = "PIPELINING"), *two = SERVE(.ehlo = "STARTTLS");
    t.lacks = true;
    DELIVER((struct ipc_job){.look_until_ms = 1}, plain, "x@dest.test");
    check_told("rcpt 1 deferred our-fault 4.3.0 -: no descriptor was left to ask all servers of "
               "the domain\n");
    assert_true(one->n_conns == 1 && two->n_conns == 0 && !heard(one, "MAIL"));
    teardown(state);
    setup(state);
    one = SERVE(.ehlo = "PIPELINING");
    DELIVER((struct ipc_job){.look_until_ms = 1}, plain, "x@dest.test");
    assert_true(told("looked complete=1 offered=0\n"));
    assert_true(heard(one, "MAIL"));
}

/* RFC 5321 3.2, 4.3.2: 500 or 502 is how a server that does not know EHLO answers it. Any other
 * failure at EHLO says nothing about STARTTLS, whatever HELO gets (docs/decisions/0026), unless
 * an earlier look at the same servers found the same. */
static void helo_alone_is_no_complete_look(void **state)
{
    static const struct {
        const char *at_ehlo;
        struct ipc_job job;
        const char *told; /* how the report begins */
        const char *unasked;
    } cases[] = {
        {"502 5.5.1 unknown", {.id = 0}, "looked complete=1 offered=0\n", NULL},
        {"500 5.5.1 unknown", {.id = 0}, "looked complete=1 offered=0\n", NULL},
        {"554 5.7.1 busy",
         {.id = 0},
         "looked complete=0 offered=0 helo\n",
         "it answered EHLO with 554, and took HELO"},
        {"550 5.7.1 busy",
         {.id = 0},
         "looked complete=0 offered=0 helo\n",
         "it answered EHLO with 550, and took HELO"},
        {"554 5.7.1 busy", {.helo_from_ms = 1}, "looked complete=1 offered=0 helo\n", NULL},
        {"close",
         {.id = 0},
         NULL,
         "the server closed the connection when EHLO was said, and took HELO"},
        {"close",
         {.helo_from_ms = INT64_MAX},
         NULL,
         "the server closed the connection when EHLO was said, and took HELO"},
        {"close",
         {.helo_from_ms = 1, .look_asked = 99},
         NULL,
         "the server closed the connection when EHLO was said, and took HELO"},
        {"close", {.helo_from_ms = 1}, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[400];
        struct ipc_job job = cases[i].job;
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        job.look_until_ms = 1;
        struct peer *one = SERVE(.rules = {{"EHLO", cases[i].at_ehlo}});
        DELIVER(job, plain, "x@dest.test");
        snprintf(want, sizeof want,
                 "rcpt 1 deferred look-incomplete 4.7.4 mx1: not asked: mx1 [%s]: %s\n", one->ip,
                 cases[i].unasked ? cases[i].unasked : "");
        if (cases[i].told && !str_starts_nocase(buf_str(&t.told), str_c(cases[i].told))) {
            fail_msg("case %zu: " STR_FMT, i, STR_ARG(buf_str(&t.told)));
        }
        if (!told(cases[i].unasked ? want : "rcpt 1 delivered sent-plain")) {
            fail_msg("case %zu: " STR_FMT, i, STR_ARG(buf_str(&t.told)));
        }
        assert_int_equal(heard(one, "MAIL"), !cases[i].unasked);
    }
}

/* One session is cut at EHLO, no other: the next connection says EHLO again, that of the look,
 * too. */
static void ehlo_is_said_again(void **state)
{
    struct peer *one = SERVE(.ehlo = "STARTTLS", .rules = {{"EHLO", "cut"}});
    DELIVER((struct ipc_job){.look_until_ms = 1}, plain, "x@dest.test");
    assert_true(told("looked complete=1 offered=1\n"));
    assert_true(told("host mx1: send sent\nrcpt 1 delivered sent 2.0.0 mx1: 250 2.0.0 ok\n"));
    assert_true(heard(one, "STARTTLS"));
    teardown(state);
    setup(state);
    /* nor does a look of before permit it: EHLO was answered then */
    SERVE(.ehlo = "STARTTLS", .rules = {{"EHLO", "cut"}});
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    assert_true(told("looked complete=1 offered=1\n") && told("rcpt 1 delivered sent 2.0.0"));
    teardown(state);
    setup(state);
    /* such a look found HELO alone: but the next message is for TLS again */
    SERVE(.ehlo = "STARTTLS", .rules = {{"EHLO", "cut"}});
    DELIVER((struct ipc_job){.helo_from_ms = 1}, plain, "x@dest.test");
    assert_true(told("rcpt 1 delivered sent-plain"));
    buf_reset(&t.told);
    t.ended = false;
    give(smtpout_queue_rules,
         &(struct ipc_msg){.type = IPC_outcome_saved, .outcome_saved = {.lease = LEASE}});
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    check_told("host mx1: send sent\nrcpt 1 delivered sent 2.0.0 mx1: 250 2.0.0 ok\n");
}

/* --- our own client certificate ----------------------------------------- */

/* Keys that give no signature are no word about the server: nothing is learned, nobody else is
 * asked, nothing goes in clear (docs/decisions/0029). The same with a signature goes through:
 * RFC 8446 4.3.2, a server may ask for one. */
static void keys_give_no_signature(void **state)
{
    static const int problems[] = {-EAGAIN, -ETIMEDOUT, -ENOTCONN, -ENOKEY};
    for (size_t i = 0; i < ARRAY_LEN(problems); i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        t.sign_problem = problems[i];
        struct peer *one = SERVE(.ehlo = "STARTTLS"), *two = SERVE(.ehlo = "STARTTLS");
        DELIVER((struct ipc_job){.client_certificate = STR("ours")}, plain, "x@dest.test");
        check_told("rcpt 1 deferred keys-away 4.3.0 -: it gave no signature for our certificate\n");
        assert_int_equal(t.signatures, 1);
        assert_int_equal(one->n_conns, 1);
        assert_int_equal(two->n_conns, 0);
        assert_false(heard(one, "MAIL"));
    }
}

static void keys_sign_for_our_certificate(void **state)
{
    SERVE(.ehlo = "STARTTLS");
    DELIVER((struct ipc_job){.client_certificate = STR("ours")}, plain, "x@dest.test");
    check_told("host mx1: send sent\nrcpt 1 delivered sent 2.0.0 mx1: 250 2.0.0 ok\n");
    assert_int_equal(t.signatures, 1);
}

/* --- what was said before the connection ended stands ------------------- */

static const char refused_550[] = "host mx1: bounce rejected: 550 5.1.8 no such sender\n"
                                  "rcpt 1 failed rejected 5.1.8 mx1: 550 5.1.8 no such sender\n"
                                  "rcpt 2 failed rejected 5.1.8 mx1: 550 5.1.8 no such sender\n";
static const char refused_554[] = "host mx1: bounce rejected: 554 5.7.0 blocked\n"
                                  "rcpt 1 failed rejected 5.7.0 mx1: 554 5.7.0 blocked\n"
                                  "rcpt 2 failed rejected 5.7.0 mx1: 554 5.7.0 blocked\n";
#define BY_MX2 \
    "host mx2: send sent-plain\nrcpt 1 delivered sent-plain 2.0.0 mx2: 250 2.0.0 ok\nrcpt 2 " \
    "delivered sent-plain 2.0.0 mx2: 250 2.0.0 ok\n"

/* RFC 5321 4.2.1: a refusal is the answer, whatever becomes of the connection behind it; what
 * was put off may go to the next host at once. mjl-/mox#198 and smtpclient/client_test:
 * outlook.com and icloud.com close while commands of the group wait. */
static void what_was_said_before_the_end_stands(void **state)
{
    static const struct {
        const char *title;
        struct peer first;
        const char *told;
        size_t calls; /* connections to the first host */
    } cases[] = {
        {"MAIL, in a group",
         {.ehlo = "PIPELINING", .rules = {{"MAIL", "bye 550 5.1.8 no such sender"}}},
         refused_550,
         1},
        {"MAIL, then 421",
         {.ehlo = "PIPELINING",
          .rules = {{"MAIL", "550 5.1.8 no such sender"}, {"RCPT", "bye 421 4.7.0 going"}}},
         refused_550,
         1},
        {"MAIL, then silence",
         {.ehlo = "PIPELINING",
          .rules = {{"MAIL", "550 5.1.8 no such sender"}, {"RCPT", "hold"}, {"DATA", "close"}}},
         refused_550,
         1},
        {"all RCPT",
         {.ehlo = "PIPELINING",
          .rules = {{"RCPT TO:<x", "554 5.7.0 blocked"}, {"RCPT TO:<y", "bye 554 5.7.0 blocked"}}},
         refused_554,
         1},
        {"a word of MAIL, one connection each",
         {.ehlo = "SIZE 1000",
          .rules = {{"MAIL FROM:<from@in.test> SIZE", "bye 501 5.5.4 unknown SIZE"}}},
         "quirk size\nhost mx1: defer broken-session: the peer closed the connection; tried again "
         "without size\nquirk size\n"
         "host mx1: send sent-plain: without size, which this server does not keep or the "
         "configuration avoids\n"
         "rcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\nrcpt 2 delivered sent-plain 2.0.0 "
         "mx1: 250 2.0.0 ok\n",
         2},
        {"a word of MAIL, and RSET is not known (wneessen/go-mail#551)",
         {.ehlo = "SIZE 1000",
          .rules = {{"MAIL FROM:<from@in.test> SIZE", "501 5.5.4 unknown SIZE"},
                    {"RSET", "502 Unimplemented (#5.5.1)"}}},
         "quirk size\nhost mx1: defer broken-session: RSET was refused; tried again without "
         "size\nquirk size\n"
         "host mx1: send sent-plain: without size, which this server does not keep or the "
         "configuration avoids\n"
         "rcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\nrcpt 2 delivered sent-plain 2.0.0 "
         "mx1: 250 2.0.0 ok\n",
         2},
        {"MAIL, put off",
         {.ehlo = "PIPELINING", .rules = {{"MAIL", "bye 451 4.7.0 later"}}},
         "host mx1: defer rejected: 451 4.7.0 later\n" BY_MX2,
         1},
        {"all RCPT, put off",
         {.ehlo = "PIPELINING",
          .rules = {{"RCPT TO:<x", "450 4.7.0 later"}, {"RCPT TO:<y", "bye 450 4.7.0 later"}}},
         "host mx1: defer rejected: 450 4.7.0 later\n" BY_MX2,
         1},
        {"the dot, 421 (RFC 5321 3.8: not taken)",
         {.ehlo = "PIPELINING", .rules = {{".", "bye 421 4.3.0 closing"}}},
         "host mx1: defer rejected: 421 4.3.0 closing\n" BY_MX2,
         1},
        {"the dot, nothing: it may have arrived",
         {.ehlo = "PIPELINING", .rules = {{".", "close"}}},
         "host mx1: defer broken-session: the peer closed the connection\n"
         "rcpt 1 deferred broken-session 4.4.2 mx1: the peer closed the connection\nrcpt 2 "
         "deferred broken-session 4.4.2 mx1: the peer closed the connection\n",
         1},
        {"the dot, taken, then closed",
         {.ehlo = "PIPELINING", .rules = {{".", "bye 250 2.0.0 ok"}}},
         "host mx1: send sent-plain\nrcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\nrcpt 2 "
         "delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\n",
         1},
        {"554 in the greeting: blocked, the mail is not meant (zone-eu/zone-mta#447)",
         {.rules = {{"GREETING", "bye 554 Blocked"}}},
         "host mx1: defer rejected: 554 Blocked\n" BY_MX2,
         1},
        {"521 (RFC 7504)",
         {.rules = {{"GREETING", "bye 521 no mail here"}}},
         "host mx1: bounce rejected: 521 no mail here\n" BY_MX2,
         1},
        {"not SMTP",
         {.rules = {{"GREETING", "2200 mox.example"}}},
         "host mx1: defer bad-smtp: the peer does not speak SMTP\n" BY_MX2,
         1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        struct peer *one = serve(cases[i].first);
        SERVE(.ehlo = "PIPELINING");
        DELIVER((struct ipc_job){0}, plain, "x@dest.test", "y@dest.test");
        if (!str_eq(buf_str(&t.told), str_c(cases[i].told)) || one->n_conns != cases[i].calls) {
            fail_msg("%s: %zu connections\n" STR_FMT, cases[i].title, one->n_conns,
                     STR_ARG(buf_str(&t.told)));
        }
    }
}

/* RFC 5321 3.8: the 421 of a kept connection, said before MAIL came, is no answer to this
 * message (chatmail/filtermail#143, knadh/smtppool#18, python/cpython#132796). */
static void a_kept_connection_that_has_ended(void **state)
{
    struct peer *one = SERVE(.ehlo = "PIPELINING");
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    give(smtpout_queue_rules,
         &(struct ipc_msg){.type = IPC_outcome_saved, .outcome_saved = {.lease = LEASE}});
    say(&one->conns[0], "421 4.4.2 mx command timeout\r\n");
    conn_finish(one->conns[0].conn);
    one->conns[0].conn = NULL;
    buf_reset(&t.told);
    t.ended = false;
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    check_told("host mx1: send sent-plain\nrcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\n");
    assert_int_equal(one->n_conns, 2);
}

/* RFC 5321 4.1.1.10 MUST NOT: a client says QUIT before it closes
 * RFC 5321 4.1.4 MUST: a session ends with QUIT */
/* RFC 7672 3.2.2: names that a certificate of usage 2 may have: the base domain, and where it was
 * found securely by another name that one, too.
 * RFC 7672 3.2.2 MUST: secure MX: the next-hop domain is a name, too
 * RFC 7672 3.2.2 MUST: secure alias of the next hop: its end is a third name
 * RFC 7672 3.2.2 MUST: no MX, base at the end of an alias: the next hop is a name */
static void names_of_a_trust_anchor(void **state)
{
    static const struct {
        enum lookup_kind kind;
        const char *asked, *host, *base;
        enum mx mx;
        const char *next_hop;
    } rows[] = {{LOOKUP_MX, "x.test", "mx.x.test", "mx.x.test", MX_SECURE, "x.test"},
                {LOOKUP_MX, "x.test", "mx.x.test", "mx.x.test", MX_INSECURE, ""},
                {LOOKUP_MX, "x.test", "x.test", "host.y.test", MX_SECURE, "x.test"},
                {LOOKUP_RELAY, "smart.x.test", "smart.x.test", "host.y.test", MX_SECURE,
                 "smart.x.test"},
                {LOOKUP_HOST, "in.x.test", "in.x.test", "host.y.test", MX_SECURE, "in.x.test"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route w = {.kind = rows[i].kind, .mx = rows[i].mx};
        struct route_host h = {0};
        struct tls_requirements got;
        char octets[37] = "\0\x23\2\0\1";
        str_copy_cut(str_c(rows[i].asked), w.name, sizeof w.name);
        str_copy_cut(str_c(rows[i].host), h.name, sizeof h.name);
        str_copy_cut(str_c(rows[i].base), h.base, sizeof h.base);
        h.records = str_from(octets, sizeof octets);
        route_tls(&w, &h, &(struct facts){.tlsa = TLSA_USABLE}, &got);
        assert_string_equal(got.name, rows[i].base);
        assert_string_equal(got.next_hop, rows[i].next_hop);
    }
}

static void a_session_ends_with_quit(void **state)
{
    struct peer *one = SERVE(.ehlo = "PIPELINING");
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    give(smtpout_queue_rules,
         &(struct ipc_msg){.type = IPC_outcome_saved, .outcome_saved = {.lease = LEASE}});
    assert_false(heard(one, "QUIT"));
    connection_close_idle(&t.out);
    t.ended = false;
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    assert_true(heard(one, "QUIT"));
    assert_int_equal(one->n_conns, 2);
}

/* SMTPUTF8 is announced and refused without a name: SIZE, which is given up first, is not
 * remembered as a fault of the host, and is said again; the address goes as A-labels (RFC 6531
 * 3.2, RFC 5891). */
static void smtputf8_refused_is_not_blamed_on_size(void **state)
{
    struct peer *one =
        SERVE(.ehlo = "SIZE 1000,SMTPUTF8",
              .rules = {{"MAIL FROM:<from@in.test> SIZE=49 SMTPUTF8", "504 unknown parameter"},
                        {"MAIL FROM:<from@in.test> SMTPUTF8", "504 unknown parameter"}});
    DELIVER((struct ipc_job){0}, plain, "x@m\xc3\xbcller.test");
    check_told("quirk smtputf8\nhost mx1: send sent-plain: without smtputf8, which this server "
               "does not keep or the configuration avoids\n"
               "rcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\n");
    assert_true(heard(one, "MAIL FROM:<from@in.test> SIZE=49") &&
                heard(one, "RCPT TO:<x@xn--mller-kva.test>"));
}

/* What was only guessed of one message is not confirmed by the success of the next. */
static void a_guess_ends_with_its_message(void **state)
{
    struct peer *one = SERVE(.ehlo = "SIZE 1000,SMTPUTF8", .rules = {{"MAIL FROM:<j", "501 what"}});
    DELIVER((struct ipc_job){.reverse_path = STR("j\xc3\xb6rg@in.test")}, plain, "x@dest.test");
    assert_true(heard(one, "MAIL FROM:<j\xc3\xb6rg@in.test> SMTPUTF8")); /* without SIZE */
    assert_true(told("rcpt 1 failed rejected 5.0.0 mx1: 501 what\n") && !told("quirk"));
    give(smtpout_queue_rules,
         &(struct ipc_msg){.type = IPC_outcome_saved, .outcome_saved = {.lease = LEASE}});
    buf_reset(&t.told);
    t.ended = false;
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    check_told("host mx1: send sent-plain\nrcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 ok\n");
    assert_true(heard(one, "MAIL FROM:<from@in.test> SIZE=49"));
}

/* Who was refused is done with; for whom nothing was said the next host is asked (the same
 * suite). */
static void who_had_no_answer_goes_on(void **state)
{
    SERVE(.rules = {{"RCPT", "bye 554 5.7.0 blocked"}});
    struct peer *two = SERVE(.ehlo = "PIPELINING");
    DELIVER((struct ipc_job){0}, plain, "x@dest.test", "y@dest.test");
    check_told("host mx1: defer broken-session: the peer closed the connection\nrcpt 1 failed "
               "rejected 5.7.0 mx1: 554 5.7.0 blocked\npart\n"
               "host mx2: send sent-plain\nrcpt 2 delivered sent-plain 2.0.0 mx2: 250 2.0.0 ok\n");
    assert_false(heard(two, "RCPT TO:<x"));
}

/* KumoCorp/kumomta#431: 552 at the end is about the mail; at RCPT old servers mean "too many"
 * (RFC 5321 4.5.3.1.10). */
static void what_552_means(void **state)
{
    SERVE(.rules = {{".", "552 1 Requested mail action aborted, mailbox not found"}});
    DELIVER((struct ipc_job){0}, plain, "x@dest.test");
    check_told("host mx1: bounce rejected: 552 1 Requested mail action aborted, mailbox not found\n"
               "rcpt 1 failed rejected 5.0.0 mx1: 552 1 Requested mail action aborted, mailbox not "
               "found\n");
    teardown(state);
    setup(state);
    SERVE(.rules = {{"RCPT TO:<y", "552 too many"}});
    DELIVER((struct ipc_job){0}, plain, "x@dest.test", "y@dest.test");
    check_told("host mx1: send sent-plain: 552 too many\nrcpt 1 delivered sent-plain 2.0.0 mx1: "
               "250 2.0.0 ok\nrcpt 2 deferred rejected 4.0.0 mx1: 552 too many\n");
}

/* --- what lookup found, and a dot without an answer --------------------- */

/* RFC 7505 4 (null MX), RFC 3463 3.2 and 3.5: 5.1.2 no such domain, X.4.3 the directory cannot
 * be asked, 5.4.6 a loop. */
static void what_lookup_found(void **state)
{
    static const struct {
        enum mx_outcome found;
        const char *told;
    } cases[] = {
        {MX_NULL_MX, "rcpt 1 failed null-mx 5.1.10 "},
        {MX_NO_DOMAIN, "rcpt 1 failed no-domain 5.1.2 "},
        {MX_FAILED, "rcpt 1 deferred mx-lookup 4.4.3 "},
        {MX_LOOP, "rcpt 1 failed loop 5.4.6 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str rest, line;
        buf_reset(&t.told);
        t.ended = false;
        t.found = cases[i].found;
        DELIVER((struct ipc_job){0}, plain, "x@dest.test");
        rest = buf_str(&t.told);
        /* behind the line about the host */
        assert_true(str_split(&rest, '\n', &line) && str_split(&rest, '\n', &line));
        if (!str_starts_nocase(line, str_c(cases[i].told))) {
            fail_msg("%s" STR_FMT, cases[i].told, STR_ARG(line));
        }
    }
}

/* RFC 1047, RFC 5321 4.5.3.2.6: the message may be there; nobody else is offered it in this
 * round. */
static void no_answer_to_the_dot(void **state)
{
    SERVE(.rules = {{".", "close"}, {"RCPT TO:<late@", "450 4.2.0 later"}});
    struct peer *two = SERVE();
    DELIVER((struct ipc_job){0}, plain, "x@dest.test", "late@dest.test");
    check_told("host mx1: defer broken-session: the peer closed the connection\n"
               "rcpt 1 deferred broken-session 4.4.2 mx1: the peer closed the connection\n"
               "rcpt 2 deferred rejected 4.2.0 mx1: 450 4.2.0 later\n");
    assert_int_equal(two->n_conns, 0);
}

/* RFC 2033 4.2: an LMTP server answers for each recipient; the answers that came before the
 * session broke stand, and whoever reads of the try reads which was which. */
static void lmtp_breaks_between_its_answers(void **state)
{
    SERVE(.rules = {{".", "bye 250 2.0.0 first taken"}});
    DELIVER((struct ipc_job){.lmtp = 1}, plain, "one@dest.test", "two@dest.test",
            "three@dest.test");
    check_told("host mx1: send sent-plain\n"
               "host mx1: defer broken-session: the peer closed the connection\n"
               "rcpt 1 delivered sent-plain 2.0.0 mx1: 250 2.0.0 first taken\n"
               "rcpt 2 deferred broken-session 4.4.2 mx1: the peer closed the connection\n"
               "rcpt 3 deferred broken-session 4.4.2 mx1: the peer closed the connection\n");
    assert_string_equal(t.whom, "1;2,3;");
}

/* Who was taken or refused at one host is not of the try at the next. */
static void a_try_names_its_recipients(void **state)
{
    SERVE(.rules = {{"RCPT TO:<gone@", "550 5.1.1 who"}, {"RCPT TO:<late@", "450 4.2.0 later"}});
    SERVE(.rules = {{"RCPT", "450 4.2.0 later"}});
    DELIVER((struct ipc_job){0}, plain, "gone@dest.test", "x@dest.test", "late@dest.test");
    assert_string_equal(t.whom, "1,2,3;3;");
}

/* --- the bounce writer -------------------------------------------------- */

static const char original[] =
    "Received: from x\r\nFrom: <from@in.test>\r\nMessage-ID: <1@in.test>\r\nDate: Mon, 1 Jan 2024 "
    "00:00:00 +0000\r\nSubject: the secret plan\r\n\r\nwords of the body\r\n";

/* One notice about recipient 1; what was written is in t.mail. */
static void bounce(struct ipc_job job, struct ipc_job_rcpt rcpt)
{
    CLEANUP(buf_free) struct buf sealed = BUF_INIT(TEXT_MAX);
    seal_text(original, &sealed);
    rcpt.lease = job.lease = (struct lease_id)LEASE;
    rcpt.rcpt = 1;
    give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_job_rcpt, .job_rcpt = rcpt});
    job.id = 1000;
    job.kind = job.kind ? job.kind : JOB_BOUNCE;
    job.reverse_path = job.reverse_path.p ? job.reverse_path : STR("from@in.test");
    job.arrived_ms = clock_wall_ms();
    job.body = buf_str(&sealed);
    give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_job, .job = job});
    give_key();
    assert_false(t.ended); /* only when the queue has it */
    give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_submitted,
                                                .submitted = {.token = t.mail_token, .result = 0}});
    assert_true(t.ended);
}

/* The gateway stops, and a delivery takes longer than it may then: it is due again as if it had
 * not been tried, and the end of this process does not count against it (two would hold it as
 * one that kills its workers). */
static void what_is_under_way_at_the_stop_is_given_back(void **state)
{
    const struct ipc_job job = {
        .lease = LEASE,
        .kind = JOB_DELIVER,
        .id = 1,
        .next_hop = STR("dest.test"),
        .lookup = LOOKUP_MX,
        .body = STR("x"),
    };
    for (uint64_t i = 1; i <= 2; i++) {
        const struct ipc_job_rcpt rcpt = {
            .lease = LEASE,
            .rcpt = i,
            .forward_path = STR("x@dest.test"),
        };
        give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_job_rcpt, .job_rcpt = rcpt});
    }
    give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_job, .job = job});
    assert_false(t.ended);
    job_give_up_all(&t.out);
    assert_true(t.ended);
    assert_int_equal(map_len(t.out.deliveries), 0);
    assert_true(told("rcpt 1 deferred shutdown") && told("rcpt 2 deferred shutdown"));
}

/* A job that is refused was never taken: the end of this process says nothing of its message. */
static void what_is_refused_was_not_taken(void **state)
{
    static const struct ipc_msg job = {.type = IPC_job,
                                       .job = {
                                           .lease = LEASE,
                                           .kind = JOB_DELIVER,
                                           .body = STR("x"),
                                       }};
    give(smtpout_queue_rules, &job); /* without recipients */
    assert_true(t.refused == 1 && t.taken == 0);
}

static bool wrote(const char *text)
{
    struct str all = buf_str(&t.mail), wanted = str_c(text);
    for (size_t i = 0; i + wanted.n <= all.n; i++) {
        if (memcmp(all.p + i, wanted.p, wanted.n) == 0) {
            return true;
        }
    }
    return false;
}

/* All whom a try was about are named, also in a store that has numbered recipients for ever (our
 * own review: cut at 1000 octets). */
static void a_try_names_two_hundred(void **state)
{
    const char *rcpts[JOB_RCPTS];
    char last[24];
    size_t n = 1;
    SERVE(.ehlo = "PIPELINING,8BITMIME");
    t.rcpt_0 = UINT64_MAX - JOB_RCPTS;
    for (size_t i = 0; i < JOB_RCPTS; i++) {
        rcpts[i] = "x@dest.test";
    }
    deliver((struct ipc_job){0}, plain, rcpts, JOB_RCPTS);
    for (const char *at = strchr(t.whom, ','); at; at = strchr(at + 1, ',')) {
        n++;
    }
    assert_int_equal(n, JOB_RCPTS);
    snprintf(last, sizeof last, ",%llu;", (unsigned long long)UINT64_MAX);
    assert_string_equal(strrchr(t.whom, ','), last);
}

/* RFC 5321 6.1 and 4.5.5: with the null reverse-path, to the originator; RFC 3464 2.2, 2.3: what
 * happened to whom, who said it; RFC 3462: the header section of the original and nothing of its
 * body. */
static void a_refusal_comes_back(void **state)
{
    bounce((struct ipc_job){.envid = STR("QQ+3D1")}, (struct ipc_job_rcpt){
                                                         .forward_path = STR("x@dest.test"),
                                                         .state = RCPT_FAILED,
                                                         .reason = REASON_REJECTED,
                                                         .code = STR("5.1.1"),
                                                         .reply = STR("550 5.1.1 who"),
                                                         .host = STR("mx1.dest.test"),
                                                         .orcpt = STR("rfc822;first@old.test"),
                                                     });
    assert_true(
        str_starts_nocase(buf_str(&t.told),
                          STR("mail to from@in.test\nmail from <> about 1000 8bit=0 utf8=0\n")));
    static const char *const fields[] = {
        "Content-Type: multipart/report; report-type=delivery-status",
        "Auto-Submitted: auto-replied",
        "\r\nReporting-MTA: dns;mx.example.test\r\n",
        "\r\nOriginal-Envelope-Id: QQ=1\r\n",
        "\r\nOriginal-Recipient: rfc822;first@old.test\r\n",
        "\r\nFinal-Recipient: rfc822;x@dest.test\r\n",
        "\r\nAction: failed\r\n",
        "\r\nStatus: 5.1.1\r\n",
        "\r\nRemote-MTA: dns;mx1.dest.test\r\n",
        "\r\nDiagnostic-Code: smtp;550 5.1.1 who\r\n",
        "Subject: the secret plan",
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!wrote(fields[i])) {
            fail_msg("%s\n" STR_FMT, fields[i], STR_ARG(buf_str(&t.mail)));
        }
    }
    assert_false(wrote("words of the body"));
}

/* RFC 8689 5: of mail with REQUIRETLS nothing comes back that the sender did not say must be
 * protected less.
 * RFC 8689 5 MUST: a bounce of it has no body */
static void nothing_of_protected_mail_comes_back(void **state)
{
    bounce((struct ipc_job){.reqtls = 1}, (struct ipc_job_rcpt){
                                              .forward_path = STR("x@dest.test"),
                                              .state = RCPT_FAILED,
                                              .reason = REASON_NO_REQUIRETLS,
                                              .code = STR("5.7.30"),
                                          });
    assert_true(wrote("Message-ID: <1@in.test>") && wrote("\r\nStatus: 5.7.30\r\n"));
    assert_false(wrote("secret plan") || wrote("Received: from x"));
    assert_false(wrote("Remote-MTA")); /* RFC 3464 2.3.5: nobody said it */
}

/* RFC 3464 2.3.3: a mail that still waits is delayed, with a code of 4. */
static void a_notice_of_delay(void **state)
{
    bounce((struct ipc_job){.kind = JOB_NOTICE}, (struct ipc_job_rcpt){
                                                     .forward_path = STR("x@dest.test"),
                                                     .state = RCPT_QUEUED,
                                                     .reason = REASON_CONNECT,
                                                     .code = STR("4.4.1"),
                                                 });
    assert_true(wrote("\r\nAction: delayed\r\n") && wrote("\r\nStatus: 4.4.1\r\n") &&
                wrote("\r\nWill-Retry-Until: "));
}

/* RFC 6533 3: a final recipient outside ASCII in a notice to an address that needs nothing:
 * utf-8-addr-xtext, all ASCII. */
static void an_international_recipient(void **state)
{
    bounce((struct ipc_job){.is_utf8 = 1}, (struct ipc_job_rcpt){
                                               .forward_path = STR("j\xc3\xb6rg@dest.test"),
                                               .state = RCPT_FAILED,
                                               .reason = REASON_NO_UTF8,
                                               .code = STR("5.6.7"),
                                           });
    assert_true(wrote("\r\nFinal-Recipient: utf-8;j\\x{F6}rg@dest.test\r\n") &&
                wrote("\r\nStatus: 5.6.7\r\n"));
}

/* Keys have told no key yet: nothing can be written, and it is not the message's fault. */
static void keys_are_away(void **state)
{
    CLEANUP(buf_free) struct buf sealed = BUF_INIT(TEXT_MAX);
    rest_wrapper_free(t.out.wrapper);
    t.out.wrapper = NULL;
    seal_text(original, &sealed);
    give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_job_rcpt,
                                                .job_rcpt = {
                                                    .lease = LEASE,
                                                    .rcpt = 1,
                                                    .forward_path = STR("x@dest.test"),
                                                    .state = RCPT_FAILED,
                                                }});
    give(smtpout_queue_rules, &(struct ipc_msg){.type = IPC_job,
                                                .job = {
                                                    .lease = LEASE,
                                                    .kind = JOB_BOUNCE,
                                                    .id = 1,
                                                    .reverse_path = STR("from@in.test"),
                                                    .body = buf_str(&sealed),
                                                }});
    give_key();
    assert_true(t.ended);
    check_told("rcpt 1 deferred keys-away 4.3.0 -: it is not there\n");
}

/* RFC 4954 6 (530 to any command, 534, 535, 538); Billionmail/BillionMail#156: a smart host that
 * wants a login which nobody configured. At our own next hop it is the administrator's matter:
 * the mail waits. A stranger's word is final as before. */
static void a_next_hop_that_wants_a_login(void **state)
{
    static const struct {
        const char *command, *answer, *ours, *theirs;
    } cases[] = {
        {"MAIL", "530 5.7.0 Authentication required", "deferred login-refused 4.7.8",
         "failed rejected 5.7.0"},
        {"MAIL", "535 5.7.8 bad credentials", "deferred login-refused 4.7.8",
         "failed rejected 5.7.8"},
        {"MAIL", "538 5.7.11 encryption required", "deferred login-refused 4.7.8",
         "failed rejected 5.7.11"},
        {"MAIL", "550 5.7.9 mechanism too weak", "deferred login-refused 4.7.8",
         "failed rejected 5.7.9"},
        {"MAIL", "534 too weak", "deferred login-refused 4.7.8", "failed rejected 5.0.0"},
        {"MAIL", "550 5.7.1 not you", "failed rejected 5.7.1", "failed rejected 5.7.1"},
        {"RCPT", "530 5.7.0 log in first", "deferred login-refused 4.7.8", "failed rejected 5.7.0"},
        {"RCPT", "554 5.7.0 we do not like it", "failed rejected 5.7.0", "failed rejected 5.7.0"},
        {"DATA", "530 5.7.0 log in first", "deferred login-refused 4.7.8", "failed rejected 5.7.0"},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const bool ours = i % 2 == 0;
        char want[300];
        assert_int_equal(teardown(state) + setup(state), 0);
        SERVE(.ehlo = "PIPELINING", .rules = {{cases[i / 2].command, cases[i / 2].answer}});
        DELIVER((struct ipc_job){.fixed_host = ours}, plain, "x@dest.test");
        snprintf(want, sizeof want, "rcpt 1 %s mx1: %s\n",
                 ours ? cases[i / 2].ours : cases[i / 2].theirs, cases[i / 2].answer);
        if (!told(want)) {
            fail_msg("%s: the queue was told " STR_FMT, want, STR_ARG(buf_str(&t.told)));
        }
        assert_int_equal(told("host mx1: defer login-refused"),
                         strstr(want, "login-refused") != NULL);
    }
}

int main(void)
{
    char problem[200] = "";
    log_open("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, false);
    must(tls_private_new(str_c(pair_key), problem, sizeof problem, &pair_private) == 0 &&
         tls_remote_start(sign, NULL, problem, sizeof problem) == 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_said_before_the_end_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(a_look_has_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_look_without_descriptors_says_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_try_names_two_hundred, setup, teardown),
        cmocka_unit_test_setup_teardown(a_look_stands_for_whom_it_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(helo_alone_is_no_complete_look, setup, teardown),
        cmocka_unit_test_setup_teardown(ehlo_is_said_again, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_give_no_signature, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_sign_for_our_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kept_connection_that_has_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_a_trust_anchor, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_ends_with_quit, setup, teardown),
        cmocka_unit_test_setup_teardown(smtputf8_refused_is_not_blamed_on_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guess_ends_with_its_message, setup, teardown),
        cmocka_unit_test_setup_teardown(who_had_no_answer_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(what_552_means, setup, teardown),
        cmocka_unit_test_setup_teardown(a_next_hop_that_wants_a_login, setup, teardown),
        cmocka_unit_test_setup_teardown(a_recipient_waits_for_a_host_with_smtputf8, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_host_offers_smtputf8, setup, teardown),
        cmocka_unit_test_setup_teardown(the_host_that_may_offer_it_is_down, setup, teardown),
        cmocka_unit_test_setup_teardown(a_domain_alone_needs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(left_out_and_deferred_at_the_same_host, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_message_needs_another_host_offers, setup, teardown),
        cmocka_unit_test_setup_teardown(outcomes_are_told_before_the_next_host, setup, teardown),
        cmocka_unit_test_setup_teardown(what_lookup_found, setup, teardown),
        cmocka_unit_test_setup_teardown(no_answer_to_the_dot, setup, teardown),
        cmocka_unit_test_setup_teardown(lmtp_breaks_between_its_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_try_names_its_recipients, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_of_protected_mail_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_notice_of_delay, setup, teardown),
        cmocka_unit_test_setup_teardown(an_international_recipient, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_away, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_under_way_at_the_stop_is_given_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_was_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_host_lets_the_others_be_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_told_although_the_session_broke, setup,
                                        teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tls_private_free(pair_private);
    return failed;
}
