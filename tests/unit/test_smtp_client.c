/* SPDX-License-Identifier: Apache-2.0
 * test_smtp_client.c: golden transcripts of the client engine against a scripted server, among them
 * the attacks and oddities of RFC 2920 and RFC 3207.
 */
#include "check.h"
#include "smtp/client.h"

#include <stdio.h>

struct play {
    struct smtp_client *c;
    struct buf log;
    bool plain_permit, pieces;
    struct smtp_mail mail;
    bool hold; /* do not send when ready */
    size_t sent;
    int body; /* the next piece of it; 3: none is wanted */
};

static void note_out(struct play *p)
{
    struct buf *out = smtp_client_out(p->c);
    struct str s = buf_str(out);
    while (s.n > 0) {
        size_t lf = str_find(s, '\n', 0);
        assert_int_equal(buf_printf(&p->log, "C: " STR_FMT "\n", (int)(lf - 1), s.p), 0);
        s = str_slice(s, lf + 1, s.n);
    }
    buf_reset(out);
}

static void note(struct play *p, const char *text)
{
    assert_int_equal(buf_printf(&p->log, "E: %s\n", text), 0);
}

/* Gives the engine what it wants of the body. */
static void give_body(struct play *p)
{
    static const char *const texts[] = {"one\r\n", "two\r\n", "Hi\r\n.dot\r\n"};
    while (p->body < (int)ARRAY_LEN(texts) && smtp_client_wants_body(p->c)) {
        bool last = p->body == (int)ARRAY_LEN(texts) - 1;
        assert_int_equal(smtp_client_body(p->c, str_c(texts[p->body++]), last), 0);
    }
    note_out(p);
}

static void act(struct play *p)
{
    struct smtp_client_event ev;
    for (;;) {
        smtp_client_next(p->c, &ev);
        note_out(p);
        give_body(p);
        char line[200];
        struct permit permit = {
            .granted = true,
            .transport = p->plain_permit ? PERMIT_PLAINTEXT : PERMIT_TLS,
        };
        switch (ev.type) {
        case SMTP_CL_NONE:
            return;
        case SMTP_CL_OFFERED:
            note(p, "offered");
            break;
        case SMTP_CL_START_TLS:
            note(p, "start tls");
            smtp_client_tls_started(p->c);
            break;
        case SMTP_CL_REFUSED:
            note(p, "refused");
            return;
        case SMTP_CL_READY:
            note(p, "ready");
            if (!p->hold && p->sent++ == 0) {
                int r = smtp_client_send(p->c, &permit, &p->mail);
                if (r < 0) {
                    note(p, r == -EPERM ? "no permit" : "cannot send");
                }
            }
            break;
        case SMTP_CL_RCPT:
            snprintf(line, sizeof line, "rcpt %zu %d %s", ev.rcpt, ev.answer->code,
                     ev.accepted ? "taken" : "not taken");
            note(p, line);
            break;
        case SMTP_CL_BODY:
            p->body = p->pieces ? 0 : 2;
            break;
        case SMTP_CL_RCPT_DONE:
            snprintf(line, sizeof line, "rcpt done %zu %d %s", ev.rcpt, ev.answer->code,
                     ev.accepted ? "delivered" : "not delivered");
            note(p, line);
            break;
        case SMTP_CL_AUTH_STEP:
            note(p, buf_str(&ev.answer->text).p[0] == 'Z' ? "challenge" : "step");
            smtp_client_auth_reply(p->c, STR("cmlnaHQ="));
            break;
        case SMTP_CL_AUTH_DONE:
            note(p, ev.accepted ? "logged in" : "login refused");
            break;
        case SMTP_CL_UNTRUE:
            snprintf(line, sizeof line, "%s is not true: %d%s", extension_name(ev.extension),
                     ev.answer->code, ev.certain ? ", certain" : "");
            note(p, line);
            int again = smtp_client_send(p->c, &permit, &p->mail);
            if (again < 0) {
                note(p, again == -EPROTONOSUPPORT ? "cannot go" : "cannot send");
            }
            break;
        case SMTP_CL_DONE:
            snprintf(line, sizeof line, "done %d %s", ev.answer->code,
                     ev.accepted ? "accepted" : "not accepted");
            note(p, line);
            break;
        case SMTP_CL_REJECTED:
            snprintf(line, sizeof line, "rejected %d", ev.answer->code);
            note(p, line);
            return;
        case SMTP_CL_BROKEN:
            snprintf(line, sizeof line, "broken: %s", ev.note);
            note(p, line);
            return;
        }
        note_out(p);
        give_body(p);
    }
}

static const struct smtp_mail_rcpt two_rcpts[] = {{
                                                      .path = {"x@ok.test", 9},
                                                      .notify = NOTIFY_SUCCESS | NOTIFY_DELAY,
                                                      .orcpt = {"rfc822;x+2B@o.test", 18},
                                                  },
                                                  {.path = {"y@ok.test", 9},
                                                   .notify = NOTIFY_NEVER}};

static void begin_auth(struct play *p)
{
    assert_string_equal(smtp_client_caps(p->c)->auth, "PLAIN");
    smtp_client_auth(p->c, "PLAIN", STR(""));
    note_out(p);
}

/* Each string of the server is one read of the client, or comes by so many octets. */
static void run(struct smtp_client_config config, struct play p, const char *const *server,
                size_t octets, const char *want)
{
    config.hello = "gw.test";
    p.c = smtp_client_new(&config);
    p.log = BUF_INIT(1 << 20);
    p.body = 3;
    act(&p);
    for (; *server; server++) {
        struct str rest = str_c(*server);
        while (rest.n > 0) {
            size_t n = octets && octets < rest.n ? octets : rest.n;
            assert_int_equal(smtp_client_feed(p.c, str_slice(rest, 0, n)), 0);
            rest = str_slice(rest, n, rest.n);
            act(&p);
        }
        if (p.hold && str_ends_nocase(str_c(*server), STR("250 AUTH PLAIN\r\n"))) {
            begin_auth(&p);
        }
    }
    check_str(buf_str(&p.log), want);
    smtp_client_free(p.c);
    buf_free(&p.log);
}

/* However the answers come, the conversation is the same. */
static void run_all(struct smtp_client_config config, const struct play *p,
                    const char *const *server, const char *want)
{
    static const size_t sizes[] = {0, 7, 1};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        run(config, *p, server, sizes[i], want);
    }
}

static struct play ordinary(bool plain_permit, size_t n_rcpts)
{
    return (struct play){
        .plain_permit = plain_permit,
        .mail =
            {
                .reverse_path = STR("a@b.test"),
                .rcpts = two_rcpts,
                .n_rcpts = n_rcpts,
                .size = 10,
                .is_8bit = true,
            },
    };
}

static void expect(bool plain_permit, size_t n_rcpts, const char *const *server, const char *want)
{
    struct play p = ordinary(plain_permit, n_rcpts);
    run_all((struct smtp_client_config){0}, &p, server, want);
}

/* What matters is that the strings of the server come in one piece. */
static void expect_whole(bool plain_permit, size_t n_rcpts, const char *const *server,
                         const char *want)
{
    run((struct smtp_client_config){0}, ordinary(plain_permit, n_rcpts), server, 0, want);
}

#define SERVER(...) ((const char *const[]){__VA_ARGS__, NULL})
#define TLS_OPEN \
    "C: EHLO gw.test\nC: STARTTLS\nE: offered\nE: start tls\nC: EHLO gw.test\nE: ready\n"
#define TLS_HELLO \
    "220 hi\r\n", "250-s\r\n250 starttls\r\n", "220 go\r\n", \
        "250-s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100\r\n"
#define GROUP "C: MAIL FROM:<a@b.test> SIZE=10 BODY=8BITMIME\nC: RCPT TO:<x@ok.test>\nC: DATA\n"

/* A play with a configuration and a message of its own; login: AUTH once the session is ready. */
static void expect_with(struct smtp_client_config config, struct smtp_mail mail, bool pieces,
                        bool login, const char *const *server, const char *want)
{
    struct play p = {.mail = mail, .pieces = pieces, .hold = login};
    run_all(config, &p, server, want);
}

#define CHUNKS \
    "220 hi\r\n", "250-s\r\n250 starttls\r\n", "220 go\r\n", \
        "250-s\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 DSN\r\n"
static const struct smtp_mail chunked = {
    .reverse_path = {"a@b.test", 8},
    .rcpts = two_rcpts,
    .n_rcpts = 2,
    .is_8bit = true,
    .is_binary = true,
    .ret = NOTIFY_RET_HDRS,
    .envid = {"QQ+3D1", 6},
};
#define CHUNKED_GROUP \
    "C: MAIL FROM:<a@b.test> RET=HDRS ENVID=QQ+3D1 BODY=BINARYMIME\nC: RCPT TO:<x@ok.test> " \
    "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2B@o.test\n" \
    "C: RCPT TO:<y@ok.test> NOTIFY=NEVER\n"

static void expect_binary(bool pieces, const char *const *server, const char *want)
{
    expect_with((struct smtp_client_config){0}, chunked, pieces, false, server, want);
}

#define TWO_TAKEN  "E: rcpt 0 250 taken\nE: rcpt 1 250 taken\n"
#define LAST_CHUNK "C: BDAT 10 LAST\nC: Hi\nC: .dot\n"

/* RFC 3030 2: chunks with their sizes, dots not doubled, each after the answer to the one
 * before; RFC 3461 parameters. */
static void chunks_and_notices(void **state)
{
    expect_binary(false,
                  SERVER(CHUNKS, "250 ok\r\n250 ok\r\n550 no\r\n", "250 0 octets\r\n",
                         "250 stored\r\n"),
                  TLS_OPEN CHUNKED_GROUP
                  "E: rcpt 0 250 taken\nC: BDAT 0\nE: rcpt 1 550 not taken\n" LAST_CHUNK
                  "E: done 250 accepted\n");
    expect_binary(true,
                  SERVER(CHUNKS, "250 ok\r\n250 ok\r\n250 ok\r\n", "250 0\r\n", "250 a\r\n",
                         "250 b\r\n", "250 c\r\n"),
                  TLS_OPEN CHUNKED_GROUP "E: rcpt 0 250 taken\nC: BDAT 0\nE: rcpt 1 250 taken\n"
                                         "C: BDAT 5\nC: one\nC: BDAT 5\nC: two\n" LAST_CHUNK
                                         "E: done 250 accepted\n");
}

/* BDAT gives no leave to send: what is not binary goes by DATA, which does
 * (emersion/go-smtp#315, Mailu/Mailu#1767, jstedfast/MailKit#921). */
static void chunks_are_kept_for_binary(void **state)
{
    static const struct smtp_mail_rcpt plain[] = {{.path = {"x@ok.test", 9}},
                                                  {.path = {"y@ok.test", 9}}};
    const struct smtp_mail mail = {
        .reverse_path = STR("a@b.test"),
        .rcpts = plain,
        .n_rcpts = 2,
        .size = 10,
        .is_8bit = true,
    };
    const struct smtp_client_config none = {0};
    expect_with(none, mail, false, false,
                SERVER(CHUNKS, "250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n", "250 stored\r\n"),
                TLS_OPEN
                "C: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nC: RCPT TO:<y@ok.test>\nC: DATA\n"
                "E: rcpt 0 250 taken\nE: rcpt 1 550 not taken\nC: Hi\nC: ..dot\nC: .\nE: done 250 "
                "accepted\n");
}

/* No octet of a body before a recipient was accepted: the peer may take it for commands
 * (emersion/go-smtp#315). */
static void no_body_for_nobody(void **state)
{
    expect_binary(false, SERVER(CHUNKS, "250 ok\r\n550 no\r\n551 no\r\n"),
                  TLS_OPEN CHUNKED_GROUP
                  "E: rcpt 0 550 not taken\nE: rcpt 1 551 not taken\nE: done 551 not accepted\n");
    expect_binary(false, SERVER(CHUNKS, "550 5.7.1 not you\r\n503 no\r\n503 no\r\n"),
                  TLS_OPEN CHUNKED_GROUP
                  "E: rcpt 0 550 not taken\nE: rcpt 1 550 not taken\nE: done 550 not accepted\n");
    expect_binary(false, SERVER(CHUNKS, "250 ok\r\n421 going\r\n"),
                  TLS_OPEN CHUNKED_GROUP "E: rejected 421\n");
}

/* A peer that announces CHUNKING and does not know BDAT, or not now: it has nothing to misread. */
static void empty_chunk_refused(void **state)
{
    static const char *const codes[] = {"500", "502", "503", "452", "554"};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char reply[40], want[1000];
        snprintf(reply, sizeof reply, "%s BDAT?\r\n", codes[i]);
        bool unknown = strncmp(codes[i], "50", 2) == 0; /* and not what is about the message */
        snprintf(want, sizeof want,
                 "%sE: rcpt 0 250 taken\nC: BDAT 0\nE: rcpt 1 250 taken\nE: %s %s%s\n",
                 TLS_OPEN CHUNKED_GROUP, unknown ? "chunking is not true:" : "done", codes[i],
                 unknown ? ", certain\nE: cannot go" : " not accepted");
        expect_binary(false, SERVER(CHUNKS, "250 ok\r\n250 ok\r\n250 ok\r\n", reply), want);
    }
}

/* A refused chunk refuses the message and ends what is sent of it. */
static void refused_chunk(void **state)
{
    expect_binary(true,
                  SERVER(CHUNKS, "250 ok\r\n250 ok\r\n250 ok\r\n", "250 0\r\n", "250 a\r\n",
                         "452 full\r\n"),
                  TLS_OPEN CHUNKED_GROUP
                  "E: rcpt 0 250 taken\nC: BDAT 0\nE: rcpt 1 250 taken\nC: BDAT 5\nC: one\nC: BDAT "
                  "5\nC: two\nE: done 452 not accepted\n");
    /* the peer says more than was asked: it took octets of the chunk for commands, and gets
     * nothing more */
    expect_binary(true,
                  SERVER(CHUNKS, "250 ok\r\n250 ok\r\n250 ok\r\n", "250 0\r\n", "503 what\r\n",
                         "500 what\r\n"),
                  TLS_OPEN CHUNKED_GROUP "E: rcpt 0 250 taken\nC: BDAT 0\nE: rcpt 1 250 taken\nC: "
                                         "BDAT 5\nC: one\nE: done 503 not accepted\n"
                                         "E: broken: a reply nobody asked for\n");
}

/* Whether a peer read a chunk that it refused is not known: its session carries no further
 * message. */
static void no_session_after_a_refused_chunk(void **state)
{
    static const struct smtp_client_config config = {.hello = "gw.test"};
    const struct permit permit = {.granted = true, .transport = PERMIT_PLAINTEXT};
    for (int refused = 0; refused < 2; refused++) {
        struct smtp_client *c = smtp_client_new(&config);
        struct smtp_client_event ev;
        assert_int_equal(
            smtp_client_feed(c, STR("220 x\r\n250-x\r\n250-BINARYMIME\r\n250 CHUNKING\r\n")), 0);
        for (smtp_client_next(c, &ev); ev.type != SMTP_CL_READY; smtp_client_next(c, &ev)) {
        }
        assert_int_equal(smtp_client_send(c, &permit, &chunked), 0);
        assert_int_equal(smtp_client_feed(c, STR("250 ok\r\n250 ok\r\n250 ok\r\n250 0\r\n")), 0);
        for (smtp_client_next(c, &ev); ev.type != SMTP_CL_BODY; smtp_client_next(c, &ev)) {
        }
        assert_int_equal(smtp_client_body(c, STR("QUIT\r\n"), true), 0);
        assert_int_equal(smtp_client_feed(c, refused ? STR("552 too much\r\n") : STR("250 ok\r\n")),
                         0);
        smtp_client_next(c, &ev);
        assert_int_equal(ev.type, SMTP_CL_DONE);
        assert_true(smtp_client_reusable(c) == !refused);
        smtp_client_free(c);
    }
}

static void binary_is_never_downgraded(void **state)
{
    static const struct smtp_client_config config = {.hello = "gw.test"};
    const struct permit permit = {.granted = true, .transport = PERMIT_PLAINTEXT};
    struct smtp_client *c = smtp_client_new(&config);
    struct smtp_client_event ev;
    assert_int_equal(smtp_client_feed(c, STR("220 x\r\n250-x\r\n250-8BITMIME\r\n250 CHUNKING\r\n")),
                     0);
    for (smtp_client_next(c, &ev); ev.type != SMTP_CL_READY; smtp_client_next(c, &ev)) {
    }
    assert_int_equal(smtp_client_send(c, &permit, &chunked), -EPROTONOSUPPORT);
    smtp_client_free(c);
}

/* RFC 2033 4.2: an answer for each recipient that was accepted. */
static void lmtp(void **state)
{
    const struct smtp_mail mail = {
        .reverse_path = STR("a@b.test"),
        .rcpts = two_rcpts,
        .n_rcpts = 2,
    };
    expect_with(
        (struct smtp_client_config){.lmtp = true}, mail, false, false,
        SERVER("220 hi\r\n", "250-s\r\n250 starttls\r\n", "220 go\r\n",
               "250-s\r\n250 PIPELINING\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
               "250 in x\r\n", "452 y is full\r\n"),
        "C: LHLO gw.test\nC: STARTTLS\nE: offered\nE: start tls\nC: LHLO gw.test\nE: ready\n"
        "C: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nC: RCPT TO:<y@ok.test>\nC: DATA\n"
        "E: rcpt 0 250 taken\nE: rcpt 1 250 taken\nC: Hi\nC: ..dot\nC: .\nE: rcpt done 0 250 "
        "delivered\nE: rcpt done 1 452 not delivered\nE: done 452 accepted\n");
}

/* RFC 4954: no initial response, a challenge, the end. */
static void logging_in(void **state)
{
    const struct smtp_mail mail = {.rcpts = two_rcpts, .n_rcpts = 1};
    expect_with((struct smtp_client_config){0}, mail, false, true,
                SERVER("220 hi\r\n", "250-s\r\n250-AUTH LOGIN\r\n250 starttls\r\n", "220 go\r\n",
                       "250-s\r\n250 AUTH PLAIN\r\n", "334 Z28=\r\n", "235 in\r\n"),
                "C: EHLO gw.test\nC: STARTTLS\nE: offered\nE: start tls\nC: EHLO gw.test\nE: "
                "ready\nC: AUTH PLAIN\nE: challenge\nC: cmlnaHQ=\nE: logged in\n");
}

/* RFC 5321 3.3 MUST: commands of a mail come in their order
 * RFC 5321 4.1.1.1 MUST: EHLO or HELO comes before a mail
 * RFC 5321 4.1.1.1 MUST: keywords of EHLO are read in any case
 * RFC 5321 4.1.1.3 MUST NOT: only parameters of announced extensions are sent
 * RFC 5321 4.3.1 SHOULD: a client waits for the greeting
 * RFC 5321 4.5.3.1.7 SHOULD: SIZE is said to servers that offer it
 * RFC 3461 5.2.2 MUST NOT: to a server without DSN none is said */
static void pipelined_over_tls(void **state)
{
    expect(false, 1, SERVER(TLS_HELLO, "250 ok\r\n250 ok\r\n354 go\r\n", "250 2.0.0 taken\r\n"),
           TLS_OPEN GROUP "E: rcpt 0 250 taken\nC: Hi\nC: ..dot\nC: .\nE: done 250 accepted\n");
}

/* RFC 5321 4.3.1 MUST: a client waits for each reply unless PIPELINING is offered */
static void one_at_a_time_without_pipelining(void **state)
{
    expect(true, 2,
           SERVER("220-hi\r\n220 there\r\n", "250 s\r\n", "250 ok\r\n", "550 no\r\n", "250 ok\r\n",
                  "354 go\r\n", "451 later\r\n"),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nC: RCPT "
           "TO:<y@ok.test>\nE: rcpt 0 550 not taken\nC: DATA\nE: rcpt 1 250 taken\n"
           "C: Hi\nC: ..dot\nC: .\nE: done 451 not accepted\n");
}

/* RFC 2920 3.1: 354 although every recipient was refused: a lone dot, its outcome is not
 * believed.
 * RFC 5321 3.3 MUST NOT: no message text without a 354 */
static void data_without_recipients(void **state)
{
    expect(false, 1, SERVER(TLS_HELLO, "250 ok\r\n550 5.1.1 no\r\n354 go\r\n", "250 taken\r\n"),
           TLS_OPEN GROUP "E: rcpt 0 550 not taken\nC: .\nE: done 250 not accepted\n");
    expect(false, 1, SERVER(TLS_HELLO, "250 ok\r\n550 no\r\n503 no\r\n"),
           TLS_OPEN GROUP "E: rcpt 0 550 not taken\nE: done 503 not accepted\n");
}

/* The sender hears why MAIL was refused, not that RCPT came out of order. */
static void mail_refused(void **state)
{
    expect(false, 1, SERVER(TLS_HELLO, "550 5.7.1 not you\r\n503 no\r\n503 no\r\n"),
           TLS_OPEN GROUP "E: rcpt 0 550 not taken\nE: done 550 not accepted\n");
}

/* RFC 5321 2.2.1 SHOULD: a client says EHLO before HELO
 * RFC 5321 2.2.1 MUST: HELO is taken, and said to servers without EHLO
 * RFC 5321 3.2 SHOULD: a client falls back to HELO when EHLO is not known */
static void helo_only_after_5yz(void **state)
{
    expect(true, 1, SERVER("220 hi\r\n", "502 what\r\n", "250 s\r\n"),
           "C: EHLO gw.test\nC: HELO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\n");
    expect(true, 1, SERVER("220 hi\r\n", "421 busy\r\n"), "C: EHLO gw.test\nE: rejected 421\n");
    expect(true, 1, SERVER("554 go away\r\n"), "E: rejected 554\n");
}

/* RFC 4954 4: a list of mechanisms is as long as a line may be, and half a name is no name;
 * "AUTH=" stands beside it for clients from before RFC 2554, and some servers have a line for
 * each. */
static void long_lists_of_mechanisms(void **state)
{
    struct smtp_client *c = smtp_client_new(&(struct smtp_client_config){.hello = "gw.test"});
    struct smtp_client_event ev;
    char ehlo[1000], many[600] = "";
    for (int i = 0; strlen(many) < 247; i++) {
        snprintf(many + strlen(many), 20, "X-%d ", 100 + i);
    }
    snprintf(ehlo, sizeof ehlo,
             "220 hi\r\n250-s\r\n250-AUTH=LOGIN\r\n250-AUTH %sPLAIN-CLIENTTOKEN "
             "SCRAM-SHA-256\r\n250 AUTH PLAIN\r\n",
             many);
    assert_int_equal(smtp_client_feed(c, str_c(ehlo)), 0);
    do {
        smtp_client_next(c, &ev);
    } while (ev.type != SMTP_CL_READY);
    const char *auth = smtp_client_caps(c)->auth;
    assert_int_equal(strncmp(auth, many, strlen(many)), 0);
    assert_string_equal(auth + strlen(many), "PLAIN-CLIENTTOKEN SCRAM-SHA-256 PLAIN");
    smtp_client_free(c);
}

/* Requirements TL6, TL8, TL9, TL10.
 * RFC 3207 4 MUST: behind 220 the handshake begins before any other command
 * RFC 3207 4.2 MUST: the client forgets what it heard before TLS
 * RFC 3207 4.2 SHOULD: the client says EHLO again
 * RFC 3207 4.2 MUST NOT: no STARTTLS inside TLS */
static void starttls_seam(void **state)
{
    expect(true, 1, SERVER("220 hi\r\n", "250-s\r\n250 STARTTLS\r\n", "454 no\r\n"),
           "C: EHLO gw.test\nC: STARTTLS\nE: offered\nE: refused\n");
    expect(true, 1, SERVER("220 hi\r\n", "250-s\r\n250 STARTTLS\r\n", "250 odd\r\n"),
           "C: EHLO gw.test\nC: STARTTLS\nE: offered\nE: refused\n");
    expect_whole(true, 1,
                 SERVER("220 hi\r\n", "250-s\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"),
                 "C: EHLO gw.test\nC: STARTTLS\nE: offered\nE: broken: data behind the answer to "
                 "STARTTLS (reply injection)\n");
    expect(true, 1, SERVER("220 hi\r\n", "250-s\r\n250 XXXXXXXA\r\n"),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\n");
    expect(false, 1,
           SERVER("220 hi\r\n", "250-s\r\n250 STARTTLS\r\n", "220 go\r\n",
                  "250-s\r\n250 STARTTLS\r\n"),
           TLS_OPEN "C: MAIL FROM:<a@b.test>\n");
}

/* No MAIL without a permit that fits the channel as it is. */
static void permits(void **state)
{
    expect(false, 1, SERVER("220 hi\r\n", "250 s\r\n"),
           "C: EHLO gw.test\nE: ready\nE: no permit\n");
    expect(true, 1, SERVER("220 hi\r\n", "250-s\r\n250 STARTTLS\r\n", "220 go\r\n", "250 s\r\n"),
           TLS_OPEN "E: no permit\n");
}

static void not_smtp(void **state)
{
    expect(true, 1, SERVER("SSH-2.0-OpenSSH\r\n"), "E: broken: the peer does not speak SMTP\n");
    expect(true, 1, SERVER("220-hi\r\n221 other\r\n"), "E: broken: the peer does not speak SMTP\n");
    expect(true, 1, SERVER("220 hi\r\n", "250 s\r\n250 s\r\n250 s\r\n"),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nC: "
           "DATA\nE: rcpt 0 250 taken\n");
}

/* A server whose lines end in LF alone is read; one that ends them with CRLF does not change its
 * mind, in clear or inside TLS, and nothing may come behind the 220 of STARTTLS (RFC 5321 2.3.8;
 * requirement TL6). */
static void bare_lf_in_replies(void **state)
{
    expect(true, 1,
           SERVER("220 hi\n", "250-s\n250 SIZE 10\n", "250 ok\n", "250 ok\n", "354 go\n",
                  "250 taken\n"),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test> SIZE=10\nC: RCPT TO:<x@ok.test>\nC: "
           "DATA\nE: rcpt 0 250 taken\n"
           "C: Hi\nC: ..dot\nC: .\nE: done 250 accepted\n");
    expect(true, 1, SERVER("220 hi\r\n", "250 s\n"),
           "C: EHLO gw.test\nE: broken: the peer does not speak SMTP\n");
    expect(true, 1, SERVER("220-hi\r\n220 there\n"), "E: broken: the peer does not speak SMTP\n");
    expect_whole(true, 1, SERVER("220 hi\n", "250-s\n250 STARTTLS\n", "220 go\n250 injected\n"),
                 "C: EHLO gw.test\nC: STARTTLS\nE: offered\nE: broken: data behind the answer to "
                 "STARTTLS (reply injection)\n");
    expect(false, 1,
           SERVER("220 hi\n", "250-s\n250 STARTTLS\n", "220 go\n", "250-s\r\n250 SIZE 5\n"),
           "C: EHLO gw.test\nC: STARTTLS\nE: offered\nE: start tls\nC: EHLO gw.test\nE: broken: "
           "the peer does not speak SMTP\n");
}

#define DSN_HELLO \
    "220 hi\r\n", "250-s\r\n250 starttls\r\n", "220 go\r\n", \
        "250-s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 100\r\n250 DSN\r\n"
static const struct smtp_mail with_dsn = {
    .reverse_path = {"a@b.test", 8},
    .rcpts = two_rcpts,
    .n_rcpts = 2,
    .size = 10,
    .is_8bit = true,
    .ret = NOTIFY_RET_HDRS,
    .envid = {"QQ", 2},
};
#define DSN_MAIL "C: MAIL FROM:<a@b.test> SIZE=10 RET=HDRS ENVID=QQ BODY=8BITMIME\n"
#define DSN_RCPTS \
    "C: RCPT TO:<x@ok.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2B@o.test\nC: RCPT " \
    "TO:<y@ok.test> NOTIFY=NEVER\n"
#define BARE_RCPTS "C: RCPT TO:<x@ok.test>\nC: RCPT TO:<y@ok.test>\nC: DATA\n"
#define BODY_DONE  "C: Hi\nC: ..dot\nC: .\nE: done 250 accepted\n"
#define ALL_TAKEN  "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", "250 stored\r\n"

/* Words of MAIL that were announced and are refused (OpenSMTPD/OpenSMTPD#499,
 * axllent/mailpit#407, rnwood/smtp4dev#1212, emersion/go-smtp#255). */
static void refused_words_of_mail(void **state)
{
    const struct smtp_client_config none = {0};
    /* the answer names nothing: the notices go first */
    expect_with(none, with_dsn, false, false,
                SERVER(DSN_HELLO, "501 syntax error\r\n503 no\r\n503 no\r\n", ALL_TAKEN),
                TLS_OPEN DSN_MAIL DSN_RCPTS "E: dsn is not true: 501\nC: RSET\nC: MAIL "
                                            "FROM:<a@b.test> SIZE=10 BODY=8BITMIME\n" BARE_RCPTS
                                            "E: rcpt 0 250 taken\nE: rcpt 1 250 taken\n" BODY_DONE);
    /* it names SIZE */
    expect_with(none, with_dsn, false, false,
                SERVER(DSN_HELLO, "501 5.5.4 invalid SIZE parameter\r\n503 no\r\n503 no\r\n",
                       "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n", "354 go\r\n", "250 stored\r\n"),
                TLS_OPEN DSN_MAIL DSN_RCPTS
                "E: size is not true: 501, certain\nC: RSET\nC: MAIL FROM:<a@b.test> RET=HDRS "
                "ENVID=QQ BODY=8BITMIME\n" DSN_RCPTS
                "E: rcpt 0 250 taken\nC: DATA\nE: rcpt 1 250 taken\n" BODY_DONE);
    /* it names 8BITMIME */
    expect_with(none, with_dsn, false, false,
                SERVER(DSN_HELLO, "500 5.5.4 unknown BODY value\r\n503 no\r\n503 no\r\n",
                       "250 ok\r\n250 ok\r\n"),
                TLS_OPEN DSN_MAIL DSN_RCPTS
                "E: 8bitmime is not true: 500, certain\n"
                "C: RSET\nC: MAIL FROM:<a@b.test> SIZE=10 RET=HDRS ENVID=QQ\n" DSN_RCPTS);
    /* and what is about the address is about the address (RFC 3463 3.2) */
    expect_with(none, with_dsn, false, false,
                SERVER(DSN_HELLO, "501 5.1.7 bad address\r\n503 no\r\n503 no\r\n"),
                TLS_OPEN DSN_MAIL DSN_RCPTS
                "E: rcpt 0 501 not taken\nE: rcpt 1 501 not taken\nE: done 501 not accepted\n");
    expect_with(none, with_dsn, false, false, SERVER(DSN_HELLO, "550 no\r\n503 no\r\n503 no\r\n"),
                TLS_OPEN DSN_MAIL DSN_RCPTS
                "E: rcpt 0 550 not taken\nE: rcpt 1 550 not taken\nE: done 550 not accepted\n");
}

#define UTF8_HELLO \
    "220 hi\r\n", "250-s\r\n250 starttls\r\n", "220 go\r\n", \
        "250-s\r\n250-SIZE 100\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
#define UTF8_SIZED "C: MAIL FROM:<a@b.test> SIZE=10 SMTPUTF8\n"
#define ONE_TAKEN  "C: RCPT TO:<y@ok.test>\nC: DATA\nE: rcpt 0 250 taken\n" BODY_DONE

/* SMTPUTF8 is announced and refused, in words that do not name it (RFC 6531 3.4 gives MAIL its
 * parameter; RFC 5321 4.1.1.11: 504 and 555 are about parameters). SIZE goes first, as mail
 * needs it least; that it did not help says that it was not to blame. */
static void a_guess_that_does_not_help_is_given_back(void **state)
{
    const struct smtp_client_config none = {0};
    const struct smtp_mail mail = {
        .reverse_path = STR("a@b.test"),
        .rcpts = two_rcpts + 1,
        .n_rcpts = 1,
        .size = 10,
        .is_utf8 = true,
    };
    expect_with(none, mail, false, false,
                SERVER(UTF8_HELLO, "504 unknown parameter\r\n",
                       "250 ok\r\n504 unknown parameter\r\n", "250 ok\r\n250 ok\r\n", "250 ok\r\n",
                       "354 go\r\n", "250 stored\r\n"),
                TLS_OPEN UTF8_SIZED
                "E: size is not true: 504\nC: RSET\nC: MAIL FROM:<a@b.test> SMTPUTF8\n"
                "E: smtputf8 is not true: 504, certain\nC: RSET\nC: MAIL FROM:<a@b.test> "
                "SIZE=10\n" ONE_TAKEN);
    /* both are refused: then both are done without */
    expect_with(none, mail, false, false,
                SERVER(UTF8_HELLO, "504 unknown parameter\r\n",
                       "250 ok\r\n504 unknown parameter\r\n", "250 ok\r\n504 unknown parameter\r\n",
                       "250 ok\r\n250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 stored\r\n"),
                TLS_OPEN UTF8_SIZED
                "E: size is not true: 504\nC: RSET\nC: MAIL FROM:<a@b.test> SMTPUTF8\n"
                "E: smtputf8 is not true: 504, certain\nC: RSET\nC: MAIL FROM:<a@b.test> SIZE=10\n"
                "E: size is not true: 504, certain\nC: RSET\nC: MAIL FROM:<a@b.test>\n" ONE_TAKEN);
    /* a command that is repeated names nothing */
    expect_with(none, mail, false, false,
                SERVER(UTF8_HELLO,
                       "501 5.5.4 Syntax error: MAIL FROM:<a@b.test> SIZE=10 SMTPUTF8\r\n",
                       "250 ok\r\n555 5.5.4 Unsupported option: SMTPUTF8\r\n",
                       "250 ok\r\n250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 stored\r\n"),
                TLS_OPEN UTF8_SIZED
                "E: size is not true: 501\nC: RSET\nC: MAIL FROM:<a@b.test> SMTPUTF8\n"
                "E: smtputf8 is not true: 555, certain\nC: RSET\nC: MAIL FROM:<a@b.test> "
                "SIZE=10\n" ONE_TAKEN);
    /* neither does one that names several */
    expect_with(none, mail, false, false,
                SERVER(UTF8_HELLO, "501 5.5.4 SIZE or SMTPUTF8 not understood\r\n", "250 ok\r\n"),
                TLS_OPEN UTF8_SIZED
                "E: size is not true: 501\nC: RSET\nC: MAIL FROM:<a@b.test> SMTPUTF8\n");
}

/* When nothing is left to do without, the refusal stands; and DATA that was taken for a refused
 * MAIL gets nothing. */
static void refused_to_the_end(void **state)
{
    const struct smtp_client_config none = {0};
    const struct smtp_mail mail = {
        .reverse_path = STR("a@b.test"),
        .rcpts = two_rcpts + 1,
        .n_rcpts = 1,
        .size = 10,
    };
    expect_with(none, mail, false, false,
                SERVER(TLS_HELLO, "501 what\r\n503 no\r\n354 go\r\n", "250 empty\r\n",
                       "250 ok\r\n501 what\r\n503 no\r\n503 no\r\n"),
                TLS_OPEN "C: MAIL FROM:<a@b.test> SIZE=10\nC: RCPT TO:<y@ok.test>\nC: DATA\nC: .\n"
                         "E: size is not true: 501\nC: RSET\nC: MAIL FROM:<a@b.test>\nC: RCPT "
                         "TO:<y@ok.test>\nC: DATA\n"
                         "E: rcpt 0 501 not taken\nE: done 501 not accepted\n");
}

/* NOTIFY or ORCPT is refused at a recipient: DATA has not been said yet
 * (mobizt/ESP-Mail-Client#74, chatmail/relay#651). */
static void refused_words_of_rcpt(void **state)
{
    const struct smtp_client_config none = {0};
    expect_with(none, with_dsn, false, false,
                SERVER(DSN_HELLO, "250 ok\r\n250 ok\r\n555 5.5.4 unsupported parameter\r\n",
                       ALL_TAKEN),
                TLS_OPEN DSN_MAIL DSN_RCPTS
                "E: rcpt 0 250 taken\nE: dsn is not true: 555\nC: RSET\nC: MAIL FROM:<a@b.test> "
                "SIZE=10 BODY=8BITMIME\n" BARE_RCPTS
                "E: rcpt 0 250 taken\nE: rcpt 1 250 taken\n" BODY_DONE);
    expect_with(none, with_dsn, false, false,
                SERVER(DSN_HELLO, "250 ok\r\n501 5.1.3 bad address\r\n250 ok\r\n"),
                TLS_OPEN DSN_MAIL DSN_RCPTS
                "E: rcpt 0 501 not taken\nC: DATA\nE: rcpt 1 250 taken\n");
}

/* The configuration, or what is remembered, says what to do without; HELO is never said inside
 * TLS. */
static void avoided(void **state)
{
    expect_with((struct smtp_client_config){.avoid = EXTENSION_BIT(DSN) |
                                                     EXTENSION_BIT(PIPELINING) |
                                                     EXTENSION_BIT(SIZE) | EXTENSION_BIT(8BITMIME)},
                with_dsn, false, false,
                SERVER(DSN_HELLO, "250 ok\r\n", "250 ok\r\n", "550 no\r\n", "354 go\r\n",
                       "250 stored\r\n"),
                TLS_OPEN
                "C: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nC: RCPT TO:<y@ok.test>\nE: rcpt "
                "0 250 taken\nC: DATA\nE: rcpt 1 550 not taken\n" BODY_DONE);
    expect_with((struct smtp_client_config){.avoid = EXTENSION_BIT(CHUNKING)}, chunked, false,
                false, SERVER(CHUNKS), TLS_OPEN "E: cannot send\n");
    struct play p = ordinary(true, 1);
    run_all((struct smtp_client_config){.avoid = EXTENSION_BIT(EHLO)}, &p,
            SERVER("220 hi\r\n", "250 s\r\n"),
            "C: HELO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\n");
}

/* Other suites' servers: mjl-/mox smtpclient/client_test (TestErrors), emersion/go-smtp
 * client_test.
 * RFC 5321 4.2 MUST: a client acts by the code, whatever the text
 * RFC 5321 4.2.1 MUST: a reply without a text or blank is understood */
static void servers_of_other_suites(void **state)
{
    /* not SMTP: a word, four digits, two codes in one reply */
    expect(true, 1, SERVER("bogus\r\n"), "E: broken: the peer does not speak SMTP\n");
    expect(true, 1, SERVER("2200 mox.example\r\n"), "E: broken: the peer does not speak SMTP\n");
    expect(true, 1, SERVER("220 mox.example\r\n", "250-mox.example\r\n500 different code\r\n"),
           "C: EHLO gw.test\nE: broken: the peer does not speak SMTP\n");
    expect(true, 1, SERVER("521 not accepting connections\r\n"), "E: rejected 521\n");
    /* a reply of its code alone (RFC 5321 4.2) */
    expect(true, 1, SERVER("220\r\n", "250\r\n", "250\r\n", "451\r\n"),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nE: rcpt 0 "
           "451 not taken\nE: done 451 not accepted\n");
    /* STARTTLS in the last line (jeremydumais/CPP-SMTPClient-library#38), refused; not
     * announced, not said (mjl-/mox#365) */
    expect(true, 1,
           SERVER("220 m\r\n", "250-m\r\n250 STARTTLS\r\n", "502 command not implemented\r\n"),
           "C: EHLO gw.test\nC: STARTTLS\nE: offered\nE: refused\n");
    expect(false, 1, SERVER("220 m\r\n", "250 m\r\n"), "C: EHLO gw.test\nE: ready\nE: no permit\n");
    /* EHLO once where no TLS is (stalwartlabs/stalwart#2050), behind TLS once more
     * (axllent/mailpit#558) */
    expect(
        true, 1, SERVER("220 m\r\n", "250-m\r\n250 SIZE 9\r\n", "503 Bad sequence\r\n"),
        "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test> SIZE=10\nE: done 503 not accepted\n");
    /* one of three is refused with 554, one with 452 */
    expect(true, 2,
           SERVER("220 m\r\n", "250-m\r\n250 PIPELINING\r\n",
                  "250 ok\r\n554 maybe\r\n452 maybe\r\n354 continue\r\n", "503 no recipient\r\n"),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nC: RCPT "
           "TO:<y@ok.test>\nC: DATA\nE: rcpt 0 554 not taken\nE: rcpt 1 452 not taken\n"
           "C: .\nE: done 503 not accepted\n");
    expect(true, 1, SERVER("220 m\r\n", "250 m\r\n", "250 ok\r\n", "250 ok\r\n", "550 no!\r\n"),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nC: "
           "DATA\nE: rcpt 0 250 taken\nE: done 550 not accepted\n");
}

/* Codes that no list has count by their first digit; others are no SMTP.
 * RFC 5321 4.2 MUST: codes nobody knows count by their first digit
 * RFC 5321 4.2 SHOULD: replies outside 2yz to 5yz end the mail */
static void odd_codes_count_by_their_first_digit(void **state)
{
    expect(true, 2,
           SERVER("229 m\r\n", "298 m\r\n", "277 ok\r\n", "259 ok\r\n", "499 no\r\n", "399 go\r\n"),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nC: RCPT "
           "TO:<y@ok.test>\nE: rcpt 0 259 taken\nC: DATA\nE: rcpt 1 499 not taken\n"
           "E: done 399 not accepted\n");
    static const char *const odd[] = {"150 m\r\n", "600 m\r\n", "25 m\r\n", "2x0 m\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        expect(true, 1, SERVER(odd[i]), "E: broken: the peer does not speak SMTP\n");
    }
}

/* Which time limit runs, from the greeting to the dot.
 * RFC 5321 4.5.3.2 MUST: each command has its own time limit */
static void each_wait_has_its_limit(void **state)
{
    static const struct smtp_client_config config = {.hello = "gw.test"};
    static const struct {
        const char *reply;
        enum smtp_wait then;
    } turns[] = {{"", SMTP_WAIT_GREETING},       {"220 m\r\n", SMTP_WAIT_EHLO},
                 {"250 m\r\n", SMTP_WAIT_MAIL},  {"250 ok\r\n", SMTP_WAIT_RCPT},
                 {"250 ok\r\n", SMTP_WAIT_DATA}, {"354 go\r\n", SMTP_WAIT_DOT}};
    struct play p = ordinary(true, 1);
    p.c = smtp_client_new(&config);
    p.log = BUF_INIT(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        assert_int_equal(smtp_client_feed(p.c, str_c(turns[i].reply)), 0);
        act(&p);
        assert_int_equal(smtp_client_waits_for(p.c), turns[i].then);
    }
    smtp_client_free(p.c);
    buf_free(&p.log);
}

/* A server that answers before the dot, as some do to mail that is too large for them
 * (aio-libs/aiosmtpd#9, emersion/go-smtp#98, cosullivan/SmtpServer#258): without the dot nothing
 * was taken (RFC 5321 4.1.1.4), so a refusal is the answer; anything else is no SMTP. */
static void answers_before_the_dot(void **state)
{
    static const struct smtp_client_config config = {.hello = "gw.test"};
    static const char *const replies[] = {
        "552 5.3.4 too large\r\n",
        "451-4.3.0 full\r\n451 4.3.0 later\r\n",
        "421 4.3.0 going\r\n",
        "250 taken\r\n",
        "354 go\r\n",
    };
    const struct permit permit = {.granted = true, .transport = PERMIT_PLAINTEXT};
    const struct smtp_mail mail = {
        .reverse_path = STR("a@b.test"),
        .rcpts = two_rcpts,
        .n_rcpts = 1,
    };
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct smtp_client *c = smtp_client_new(&config);
        struct smtp_client_event ev;
        assert_int_equal(smtp_client_feed(c, STR("220 x\r\n250 x\r\n")), 0);
        for (smtp_client_next(c, &ev); ev.type != SMTP_CL_READY; smtp_client_next(c, &ev)) {
        }
        assert_int_equal(smtp_client_send(c, &permit, &mail), 0);
        assert_int_equal(smtp_client_feed(c, STR("250 ok\r\n250 ok\r\n354 go\r\n")), 0);
        for (smtp_client_next(c, &ev); ev.type != SMTP_CL_BODY; smtp_client_next(c, &ev)) {
        }
        assert_int_equal(smtp_client_body(c, STR("one\r\n"), false), 0);
        smtp_client_next(c, &ev);
        assert_int_equal(ev.type, SMTP_CL_NONE);
        assert_int_equal(smtp_client_feed(c, str_c(replies[i])), 0);
        smtp_client_next(c, &ev);
        if (replies[i][0] >= '4') {
            assert_int_equal(ev.type, SMTP_CL_DONE);
            assert_false(ev.accepted);
            assert_int_equal(ev.answer->code, (int)strtol(replies[i], NULL, 10));
            assert_false(smtp_client_wants_body(c));
            assert_false(smtp_client_reusable(c));
        } else {
            assert_int_equal(ev.type, SMTP_CL_BROKEN);
        }
        smtp_client_free(c);
    }
}

/* A line of a reply that is longer than RFC 5321 4.5.3.1.5 allows (emersion/go-smtp client_test,
 * #138): the code counts. */
static void long_replies(void **state)
{
    static char line[5000];
    snprintf(line, sizeof line, "550 5.1.1 %04000d\r\n", 1);
    expect(true, 1, SERVER("220 m\r\n", "250 m\r\n", "250 ok\r\n", line),
           "C: EHLO gw.test\nE: ready\nC: MAIL FROM:<a@b.test>\nC: RCPT TO:<x@ok.test>\nE: rcpt 0 "
           "550 not taken\nE: done 550 not accepted\n");
}

static void many_recipients_keep_a_window(void **state)
{
    static struct smtp_mail_rcpt rcpts[500];
    static const struct smtp_client_config config = {.hello = "gw.test"};
    for (size_t i = 0; i < ARRAY_LEN(rcpts); i++) {
        rcpts[i].path = STR("x@ok.test");
    }
    struct smtp_client *c = smtp_client_new(&config);
    const struct smtp_mail mail = {.rcpts = rcpts, .n_rcpts = ARRAY_LEN(rcpts)};
    const struct permit permit = {.granted = true, .transport = PERMIT_PLAINTEXT};
    struct smtp_client_event ev;
    size_t taken = 0;
    assert_int_equal(smtp_client_feed(c, STR("220 x\r\n250-x\r\n250 PIPELINING\r\n")), 0);
    bool done = false;
    for (int turn = 0; turn < 2000 && !done; turn++) {
        smtp_client_next(c, &ev);
        if (ev.type == SMTP_CL_READY) {
            assert_int_equal(smtp_client_send(c, &permit, &mail), 0);
        } else if (ev.type == SMTP_CL_RCPT) {
            taken += ev.accepted;
        } else if (ev.type == SMTP_CL_BODY) {
            done = true;
        } else if (ev.type == SMTP_CL_NONE) {
            struct buf *out = smtp_client_out(c);
            struct str s = buf_str(out), line;
            while (s.n > 0 && str_split(&s, '\n', &line)) {
                if (line.n > 1) {
                    struct str reply =
                        str_starts_nocase(line, STR("DATA")) ? STR("354 x\r\n") : STR("250 x\r\n");
                    if (!str_starts_nocase(line, STR("EHLO"))) {
                        assert_int_equal(smtp_client_feed(c, reply), 0);
                    }
                }
            }
            buf_reset(out);
        }
    }
    assert_true(done);
    assert_int_equal(taken, 500);
    smtp_client_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_over_tls),
        cmocka_unit_test(chunks_and_notices),
        cmocka_unit_test(chunks_are_kept_for_binary),
        cmocka_unit_test(no_body_for_nobody),
        cmocka_unit_test(empty_chunk_refused),
        cmocka_unit_test(refused_chunk),
        cmocka_unit_test(no_session_after_a_refused_chunk),
        cmocka_unit_test(bare_lf_in_replies),
        cmocka_unit_test(refused_words_of_mail),
        cmocka_unit_test(refused_to_the_end),
        cmocka_unit_test(a_guess_that_does_not_help_is_given_back),
        cmocka_unit_test(refused_words_of_rcpt),
        cmocka_unit_test(avoided),
        cmocka_unit_test(binary_is_never_downgraded),
        cmocka_unit_test(lmtp),
        cmocka_unit_test(logging_in),
        cmocka_unit_test(one_at_a_time_without_pipelining),
        cmocka_unit_test(data_without_recipients),
        cmocka_unit_test(mail_refused),
        cmocka_unit_test(helo_only_after_5yz),
        cmocka_unit_test(long_lists_of_mechanisms),
        cmocka_unit_test(starttls_seam),
        cmocka_unit_test(permits),
        cmocka_unit_test(not_smtp),
        cmocka_unit_test(servers_of_other_suites),
        cmocka_unit_test(long_replies),
        cmocka_unit_test(answers_before_the_dot),
        cmocka_unit_test(many_recipients_keep_a_window),
        cmocka_unit_test(odd_codes_count_by_their_first_digit),
        cmocka_unit_test(each_wait_has_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
