/* SPDX-License-Identifier: Apache-2.0
 * test_smtp_server.c: golden transcripts of the server engine. A script is lines: "C: " what the
 * client sends (CRLF added; \x escapes), "S: " a reply expected, "E: " an event expected, "--" a
 * new read. Every script is also fed one octet at a time: the result must be the same.
 */
#include "check.h"
#include "smtp/server.h"

#include <stdio.h>
#include <stdlib.h>

static struct smtp_server_config config = {
    .hostname = "mx.test",
    .greeting = "Postern",
    .can_starttls = true,
    .command_line_max = 2048,
    .size_max = 100000,
    .header_octets_max = 4096,
    .header_lines_max = 20,
    .header_field_max = 1000,
    .hops_max = 5,
    .recipients_max = 3,
    .errors_max = 5,
    .transactions_max = 4,
};

struct play {
    struct smtp_server *s;
    struct buf log; /* what happened, as script lines */
    struct buf body;
    unsigned mails, messages, repaired;
    bool closed;
};

static void note(struct play *p, const char *kind, struct str text)
{
    assert_int_equal(buf_printf(&p->log, "%s: " STR_FMT "\n", kind, STR_ARG(text)), 0);
}

static void drain(struct play *p)
{
    struct buf *out = smtp_server_out(p->s);
    struct str s = buf_str(out);
    while (s.n > 0) {
        size_t lf = str_find(s, '\n', 0);
        note(p, "S", str_slice(s, 0, lf - 1));
        s = str_slice(s, lf + 1, s.n);
    }
    buf_reset(out);
}

static const struct smtp_reply welcome = {235, "2.7.0", "in"}, wrong = {535, "5.7.8", "out"};

/* A process that accepts everything for domain ok.test. */
static void act(struct play *p)
{
    struct smtp_event ev;
    while (!p->closed) {
        smtp_server_next(p->s, &ev);
        drain(p);
        struct smtp_reply yes = {250, "2.0.0", "yes"};
        switch (ev.type) {
        case SMTP_EV_NONE:
            return;
        case SMTP_EV_HELLO: {
            bool refused = str_eq(smtp_server_helo(p->s), STR("refused.test"));
            smtp_server_answer(p->s, refused ? &(struct smtp_reply){550, "5.7.10", "no"} : &yes);
            break;
        }
        case SMTP_EV_AUTH:
            note(p, "E", ev.mechanism);
            if (ev.has_bytes && ev.bytes.n > 0) {
                smtp_server_auth_done(p->s, str_eq(ev.bytes, STR("cmlnaHQ=")),
                                      str_eq(ev.bytes, STR("cmlnaHQ=")) ? &welcome : &wrong);
            } else {
                smtp_server_challenge(p->s, STR("Z28="));
            }
            break;
        case SMTP_EV_AUTH_RESPONSE:
            smtp_server_auth_done(p->s, str_eq(ev.bytes, STR("cmlnaHQ=")),
                                  str_eq(ev.bytes, STR("cmlnaHQ=")) ? &welcome : &wrong);
            break;
        case SMTP_EV_AUTH_CANCEL:
            note(p, "E", STR("CANCEL"));
            break;
        case SMTP_EV_MAIL:
            note(p, "E", STR("MAIL"));
            p->mails++;
            smtp_server_answer(p->s, &yes);
            break;
        case SMTP_EV_RCPT:
            if (str_eq_nocase(ev.rcpt.domain, STR("ok.test"))) {
                smtp_server_answer(p->s, &yes);
            } else {
                smtp_server_answer(p->s, &(struct smtp_reply){550, "5.7.1", "no"});
            }
            break;
        case SMTP_EV_DATA:
            smtp_server_answer(p->s, &(struct smtp_reply){354, NULL, "go"});
            break;
        case SMTP_EV_BODY:
            assert_int_equal(buf_add(&p->body, ev.bytes), 0);
            break;
        case SMTP_EV_BODY_END:
            note(p, "E", STR("MESSAGE"));
            p->messages++;
            p->repaired = smtp_server_transaction(p->s)->repaired;
            smtp_server_answer(p->s, &(struct smtp_reply){250, "2.0.0", "stored"});
            break;
        case SMTP_EV_ABORT:
            note(p, "E", STR("ABORT"));
            break;
        case SMTP_EV_STARTTLS:
            note(p, "E", STR("TLS"));
            smtp_server_tls_started(p->s);
            break;
        case SMTP_EV_CLOSE:
            note(p, "E", STR("CLOSE"));
            p->closed = true;
            return;
        }
        drain(p);
    }
}

static struct play run(const char *client, size_t n, size_t piece)
{
    struct play p = {
        .s = smtp_server_new(&config),
        .log = BUF_INIT(1 << 20),
        .body = BUF_INIT(1 << 20),
    };
    smtp_server_greet(p.s);
    act(&p);
    for (size_t at = 0; at < n; at += piece) {
        assert_int_equal(smtp_server_feed(p.s,
                                          str_from(client + at, n - at < piece ? n - at : piece)),
                         0);
        act(&p);
    }
    return p;
}

static void end(struct play *p)
{
    smtp_server_free(p->s);
    buf_free(&p->log);
    buf_free(&p->body);
}

/* The codes of all replies, the last line of each: "220 250 501 ". */
static void reply_codes(const struct play *p, struct buf *out)
{
    struct str rest = buf_str(&p->log), line;
    while (str_split(&rest, '\n', &line)) {
        if (line.n >= 6 && line.p[0] == 'S' && (line.n == 6 || line.p[6] == ' ')) {
            assert_int_equal(buf_printf(out, "%.3s ", line.p + 3), 0);
        }
    }
}

static void expect(const char *client, size_t n, const char *want)
{
    static const size_t pieces[] = {100000, 1, 7};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct play p = run(client, n, pieces[i]);
        check_str(buf_str(&p.log), want);
        end(&p);
    }
}

#define EXPECT(client, want) \
    expect(client, sizeof(client) - 1, "S: 220 mx.test ESMTP Postern\n" want)
#define EHLO "EHLO c.test\r\n"
#define EHLO_OK \
    "S: 250-mx.test\nS: 250-PIPELINING\nS: 250-SIZE 100000\nS: 250-STARTTLS\nS: 250-8BITMIME\nS: " \
    "250-ENHANCEDSTATUSCODES\nS: 250-SMTPUTF8\nS: 250-CHUNKING\nS: 250-BINARYMIME\nS: " \
    "250-DSN\nS: 250 LIMITS MAILMAX=4 RCPTMAX=3\n"
#define EHLO_TLS \
    "S: 250-mx.test\nS: 250-PIPELINING\nS: 250-SIZE 100000\nS: 250-8BITMIME\nS: " \
    "250-ENHANCEDSTATUSCODES\nS: 250-SMTPUTF8\nS: 250-CHUNKING\nS: 250-BINARYMIME\nS: " \
    "250-DSN\nS: 250 LIMITS MAILMAX=4 RCPTMAX=3\n"
#define MAIL    "MAIL FROM:<a@b.test>\r\n"
#define MAIL_OK "E: MAIL\nS: 250 2.0.0 yes\n"
#define RCPT    "RCPT TO:<x@ok.test>\r\n"
#define RCPT_OK "S: 250 2.1.5 Recipient accepted\n"

/* RFC 5321 2.2.1 MUST: a server takes EHLO
 * RFC 5321 2.4 SHOULD: 8BITMIME is offered
 * RFC 5321 3.1 MAY: the greeting names the software, without a version
 * RFC 5321 4.1.1.10 MUST: QUIT is answered 221, then the connection ends
 * RFC 5321 4.2.1 MUST: each line of a reply has the same code */
static void one_message(void **state)
{
    EXPECT(EHLO MAIL RCPT "DATA\r\nhello\r\n..dot\r\n.\r\nQUIT\r\n", EHLO_OK MAIL_OK RCPT_OK
           "S: 354 go\nE: MESSAGE\nS: 250 2.0.0 stored\nS: 221 2.0.0 Good bye\nE: CLOSE\n");
    struct play p =
        run(EHLO MAIL RCPT "DATA\r\nhello\r\n..dot\r\n.\r\n", 12 + 1 + 22 + 21 + 6 + 7 + 7 + 3, 5);
    check_str(buf_str(&p.body), "hello\r\n.dot\r\n");
    end(&p);
}

/* RFC 5321 2.2.1 MUST: HELO is taken, and said to servers without EHLO
 * RFC 5321 3.2 MUST NOT: HELO gets no list of extensions
 * RFC 5321 3.3 MUST: RCPT without MAIL is answered 503
 * RFC 5321 3.3 MAY: DATA without a recipient is answered 503
 * RFC 5321 3.5.3 MUST NOT: VRFY is not answered 250 for an address that was not verified
 * RFC 5321 3.5.3 SHOULD: VRFY is answered 252 by a relay
 * RFC 5321 4.1.1.5 MUST: RSET forgets sender, recipients and text
 * RFC 5321 4.1.1.5 MUST: RSET is answered 250
 * RFC 5321 4.1.1.5 MUST NOT: RSET does not end the session
 * RFC 5321 4.1.1.9 SHOULD: a parameter of NOOP is ignored
 * RFC 5321 4.1.4 MUST: EHLO once more forgets the transaction
 * RFC 5321 4.1.4 MUST: an EHLO that is not accepted is refused with 501 or 550
 * RFC 5321 4.1.4 MUST NOT: no MAIL inside a mail
 * RFC 5321 4.1.4 MUST: commands out of order are answered 503 and change nothing
 * RFC 5321 4.2.3 SHOULD: a command nobody knows is answered 500
 * RFC 5321 7.3 MUST NOT: nobody learns from VRFY who exists
 * RFC 5321 7.3 MUST: VRFY without verifying is answered 252 */
static void order_of_commands(void **state)
{
    EXPECT("MAIL FROM:<a@b.test>\r\nSTARTTLS\r\n",
           "S: 503 5.5.1 EHLO must come first; send EHLO with your host name\nS: 503 5.5.1 "
           "EHLO must come first; send EHLO with your host name\n");
    EXPECT(EHLO RCPT "DATA\r\n" MAIL "DATA\r\n" MAIL,
           EHLO_OK "S: 503 5.5.1 There is no sender yet; send MAIL FROM first\nS: 503 5.5.1 No "
                   "recipient was accepted yet; send RCPT TO first\n" MAIL_OK
                   "S: 503 5.5.1 No recipient was accepted yet; send RCPT TO first\nS: 503 5.5.1 A "
                   "message is already in progress; finish it, or abandon it with RSET\n");
    /* RFC 5321 4.1.4 */
    EXPECT(EHLO MAIL RCPT EHLO "DATA\r\n", EHLO_OK MAIL_OK RCPT_OK EHLO_OK
           "E: ABORT\nS: 503 5.5.1 No recipient was accepted yet; send RCPT TO first\n");
    EXPECT(EHLO MAIL "RSET\r\n" MAIL, EHLO_OK MAIL_OK "S: 250 2.0.0 Forgotten\nE: ABORT\n" MAIL_OK);
    EXPECT(
        "HELO c\r\nVRFY x\r\nVRFY\r\nNOOP whatever\r\nNOTHING\r\n",
        "S: 250 mx.test\nS: 252 2.5.2 Addresses are not verified here; send the message and see\n"
        "S: 501 5.5.4 The address is missing; send VRFY address\nS: 250 2.0.0 Still here\nS: 500 "
        "5.5.1 This command is not known here; HELP lists those that are\n");
    EXPECT("EHLO\r\nHELO \x01\r\n",
           "S: 501 5.5.4 The host name is missing; for example: EHLO mail.example.org\nS: 501 "
           "5.5.4 The host name is missing; for example: EHLO mail.example.org\n");
}

/* RFC 5321 2.4 SHOULD: commands outside ASCII are refused
 * RFC 5321 4.5.3.1.7 SHOULD: SIZE is announced */
static void parameters(void **state)
{
    EXPECT(EHLO "MAIL FROM:<> SIZE=100000 BODY=8BITMIME SMTPUTF8\r\n", EHLO_OK MAIL_OK);
    /* RFC 1870 6.1 */
    EXPECT(EHLO "MAIL FROM:<a@b.test> SIZE=100001\r\n",
           EHLO_OK "S: 552 5.3.4 The message is larger than this server accepts; send a smaller "
                   "one; the reply to EHLO gives the limit (SIZE)\n");
    EXPECT(EHLO "MAIL FROM:<a@b.test> SIZE=99999999999999999999999\r\n",
           EHLO_OK "S: 552 5.3.4 The message is larger than this server accepts; send a smaller "
                   "one; the reply to EHLO gives the limit (SIZE)\n");
    EXPECT(EHLO "MAIL FROM:<a@b.test> SIZE=x\r\n"
                "MAIL FROM:<a@b.test> FOO=1\r\n"
                "MAIL FROM:a@b.test\r\n",
           EHLO_OK "S: 501 5.5.4 SIZE needs a number; give it once, in octets\n"
                   "S: 555 5.5.4 A parameter of MAIL is not known here; use only what the reply to "
                   "EHLO offers\nS: 501 5.1.7 The sender address is not a valid address in < >; "
                   "for example: MAIL FROM:<name@example.org>\n");
    EXPECT("HELO c\r\nMAIL FROM:<a@b.test> SIZE=5\r\n",
           "S: 250 mx.test\nS: 555 5.5.4 Parameters need EHLO; send EHLO instead of HELO, or leave "
           "them out\n");
    EXPECT(EHLO "MAIL FROM:<\xc3\xa4@b.test>\r\n", EHLO_OK
           "S: 553 5.6.7 This address has characters outside ASCII; add SMTPUTF8 to MAIL\n");
    EXPECT(EHLO MAIL
           "RCPT TO:<x@other.test>\r\nRCPT TO:<>\r\nRCPT TO:<x@ok.test> NOTIFY=NEVER\r\nDATA\r\n",
           EHLO_OK MAIL_OK
           "S: 550 5.7.1 no\n"
           "S: 501 5.1.3 The recipient address is not a valid address in < >; for example: RCPT "
           "TO:<name@example.org>\nS: 250 2.1.5 Recipient accepted\nS: 354 go\n");
}

/* A name that a rule refuses: what was said before it stands, the mail under way too.
 * RFC 5321 4.1.4 MUST: a refused EHLO changes nothing */
static void a_refused_hello_changes_nothing(void **state)
{
    EXPECT("EHLO refused.test\r\n" MAIL, "S: 550 5.7.10 no\nS: 503 5.5.1 EHLO must come first; "
                                         "send EHLO with your host name\n");
    EXPECT(EHLO MAIL RCPT "EHLO refused.test\r\nDATA\r\nx\r\n.\r\n", EHLO_OK MAIL_OK RCPT_OK
           "S: 550 5.7.10 no\nS: 354 go\nE: MESSAGE\nS: 250 2.0.0 stored\n");
    struct play p = run("HELO c.test\r\nEHLO refused.test\r\n", 13 + 19, 100);
    assert_false(smtp_server_is_esmtp(p.s));
    check_str(smtp_server_helo(p.s), "c.test");
    end(&p);
}

/* RFC 5321 4.5.1 MUST: EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY are there */
static void the_least_there_is(void **state)
{
    static const char *const commands[] = {"EHLO c.test\r\n",
                                           "HELO c.test\r\n",
                                           EHLO MAIL,
                                           EHLO MAIL RCPT,
                                           EHLO MAIL RCPT "DATA\r\n",
                                           "RSET\r\n",
                                           "NOOP\r\n",
                                           "VRFY x\r\n",
                                           "QUIT\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        CLEANUP(buf_free) struct buf codes = BUF_INIT(1000);
        struct play p = run(commands[i], strlen(commands[i]), 1000);
        reply_codes(&p, &codes);
        assert_true(buf_str(&codes).p[buf_len(&codes) - 4] < '4');
        end(&p);
    }
}

/* IANA, "SMTP Service Extensions"; what each of them brings is there.
 * RFC 5321 2.2.2 MUST NOT: no unregistered keyword is announced
 * RFC 5321 4.1.1.1 MUST: all optional commands are announced
 * RFC 5321 4.2.3 MUST NOT: nothing is announced that is then not known */
static void keywords_are_registered(void **state)
{
    static const char *const registered[] = {"PIPELINING", "SIZE",       "STARTTLS",
                                             "8BITMIME",   "SMTPUTF8",   "ENHANCEDSTATUSCODES",
                                             "CHUNKING",   "BINARYMIME", "DSN",
                                             "LIMITS",     "AUTH",       "REQUIRETLS"};
    CLEANUP(buf_free) struct buf codes = BUF_INIT(1000);
    static const char words[] =
        EHLO "MAIL FROM:<a@b.test> SIZE=1 BODY=BINARYMIME SMTPUTF8 RET=FULL\r\n"
             "RCPT TO:<x@ok.test> NOTIFY=NEVER\r\nBDAT 1 LAST\r\nxSTARTTLS\r\n";
    for (int in_tls = 0; in_tls < 2; in_tls++) {
        struct smtp_server_config c = config;
        c.auth = "PLAIN";
        c.requiretls = true;
        struct smtp_server *s = smtp_server_new(&c);
        struct smtp_event ev;
        if (in_tls) {
            smtp_server_tls_started(s);
        }
        assert_int_equal(smtp_server_feed(s, STR(EHLO)), 0);
        smtp_server_next(s, &ev);
        smtp_server_answer(s, &(struct smtp_reply){250, NULL, ""});
        struct str rest = buf_str(smtp_server_out(s)), line;
        assert_true(str_split(&rest, '\n', &line)); /* the name of the host */
        while (rest.n > 0 && str_split(&rest, '\n', &line)) {
            struct str word = str_slice(line, 4, line.n - 1);
            bool found = false;
            for (size_t i = 0; i < ARRAY_LEN(registered); i++) {
                found |= str_eq(str_slice(word, 0, str_find(word, ' ', 0)), str_c(registered[i]));
            }
            assert_true(found);
        }
        smtp_server_free(s);
    }
    struct play p = run(words, sizeof words - 1, 1000);
    reply_codes(&p, &codes);
    check_str(buf_str(&codes), "220 250 250 250 250 220 ");
    end(&p);
}

/* RFC 5321 2.4 MUST: the case of a local part is kept */
static void local_parts_keep_their_case(void **state)
{
    static const char script[] = EHLO "MAIL FROM:<Smith@B.test>\r\nRCPT TO:<sMITH@OK.test>\r\n";
    struct play p = run(script, sizeof script - 1, 1000);
    check_str(smtp_server_transaction(p.s)->reverse_path.whole, "Smith@b.test");
    check_str(smtp_server_transaction(p.s)->rcpts[0].path, "sMITH@ok.test");
    end(&p);
}

/* RFC 5321 6.1 MUST: a source route in the reverse-path is cut to its last hop */
static void routes_are_cut(void **state)
{
    static const char script[] = EHLO "MAIL FROM:<@a.test,@b.test:u@c.test>\r\n"
                                      "RCPT TO:<@d.test:x@ok.test>\r\n";
    struct play p = run(script, sizeof script - 1, 1000);
    check_str(smtp_server_transaction(p.s)->reverse_path.whole, "u@c.test");
    check_str(smtp_server_transaction(p.s)->rcpts[0].path, "x@ok.test");
    end(&p);
}

/* RFC 5321 4.1.1 SHOULD: blanks before CRLF are tolerated */
static void blanks_behind_commands(void **state)
{
    static const char script[] = "EHLO c.test  \r\nMAIL FROM:<a@b.test> \r\nRCPT TO:<x@ok.test>  "
                                 "\r\nDATA \r\n.\r\nRSET \r\nNOOP  \r\nQUIT  \r\n";
    CLEANUP(buf_free) struct buf codes = BUF_INIT(1000);
    struct play p = run(script, sizeof script - 1, 7);
    reply_codes(&p, &codes);
    check_str(buf_str(&codes), "220 250 250 250 354 250 250 250 221 ");
    end(&p);
}

/* Resent-To without Resent-From, more of one than of the other, trace fields of no known form.
 * RFC 5321 3.3 MUST NOT: no message is refused for its Resent fields
 * RFC 5321 3.7.2 MUST NOT: no mail is refused for the form of a trace field */
static void odd_fields_are_no_reason(void **state)
{
    EXPECT(EHLO MAIL RCPT "DATA\r\nReceived: nowhere\r\nReceived:\r\nReturn-Path: x\r\nResent-To: "
                          "a@b.test\r\nResent-To: c@d.test\r\nResent-Date: never\r\n\r\nx\r\n.\r\n",
           EHLO_OK MAIL_OK RCPT_OK "S: 354 go\nE: MESSAGE\nS: 250 2.0.0 stored\n");
}

/* RFC 3461 4: syntax, duplicates, NEVER alone.
 * RFC 3461 4.1 MUST: NEVER stands alone
 * RFC 3461 4.2 MUST: ORCPT is a type and xtext
 * RFC 3461 4.3 MUST: RET is FULL or HDRS
 * RFC 3461 4.4 MUST: ENVID is xtext
 * RFC 3461 4.5 MUST NOT: none of them more than once
 * RFC 3461 5.1 MUST: a server that offers DSN takes all four */
static void notice_parameters(void **state)
{
    struct play p =
        run(EHLO "MAIL FROM:<a@b.test> RET=HDRS ENVID=QQ+3D314159\r\nRCPT TO:<x@ok.test> "
                 "NOTIFY=SUCCESS,delay ORCPT=rfc822;x+2By@ok.test\r\n",
            sizeof(EHLO "MAIL FROM:<a@b.test> RET=HDRS ENVID=QQ+3D314159\r\nRCPT TO:<x@ok.test> "
                        "NOTIFY=SUCCESS,delay ORCPT=rfc822;x+2By@ok.test\r\n") -
                1,
            9);
    const struct smtp_transaction *tx = smtp_server_transaction(p.s);
    assert_int_equal(tx->n_rcpts, 1);
    assert_int_equal(tx->rcpts[0].notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
    check_str(tx->rcpts[0].orcpt, "rfc822;x+2By@ok.test");
    check_str(tx->envid, "QQ+3D314159");
    assert_int_equal(tx->ret, NOTIFY_RET_HDRS);
    end(&p);
#define NOTIFY_BAD \
    "S: 501 5.5.4 NOTIFY must be NEVER, or one or more of SUCCESS,FAILURE,DELAY; give it once\n"
    EXPECT(
        EHLO MAIL
        "RCPT TO:<x@ok.test> NOTIFY=NEVER,SUCCESS\r\nRCPT TO:<x@ok.test> NOTIFY=DELAY "
        "NOTIFY=DELAY\r\nRCPT TO:<x@ok.test> NOTIFY=\r\nRCPT TO:<x@ok.test> ORCPT=rfc822;a=b\r\n",
        EHLO_OK MAIL_OK NOTIFY_BAD NOTIFY_BAD NOTIFY_BAD
        "S: 501 5.5.4 ORCPT must be type;xtext; give it once, for example "
        "ORCPT=rfc822;name@example.org\n");
    EXPECT(EHLO "MAIL FROM:<a@b.test> RET=ALL\r\nMAIL FROM:<a@b.test> RET=FULL RET=FULL\r\nMAIL "
                "FROM:<a@b.test> ENVID=a+2b\r\nMAIL FROM:<a@b.test> SIZE=1 SIZE=1\r\n",
           EHLO_OK
           "S: 501 5.5.4 RET must be FULL or HDRS; give one of them, once\nS: 501 5.5.4 RET "
           "must be FULL or HDRS; give one of them, once\nS: 501 5.5.4 ENVID must be xtext "
           "of at most 900 octets; give it once, in the form of RFC 3461 4.4\nS: 501 5.5.4 "
           "SIZE needs a number; give it once, in octets\n");
}

/* RFC 6533 3: a unitext is taken where SMTPUTF8 was said, and kept as xtext, which goes
 * everywhere (emersion/go-smtp server_test). */
static void original_recipients_in_utf8(void **state)
{
    static const char script[] =
        EHLO "MAIL FROM:<a@b.test> SMTPUTF8\r\nRCPT TO:<x@ok.test> "
             "ORCPT=UTF-8;e\\x{3D}\xc3\xa9\xf0\x9f\x93\xa7@\xe3\x83\x89.jp\r\n"
             "RCPT TO:<x@ok.test> ORCPT=rfc822;\xc3\xa9@ok.test\r\nRCPT TO:<x@ok.test> "
             "ORCPT=utf-8;\xc3(@ok.test\r\n"
             "MAIL FROM:<a@b.test>\r\nRSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@ok.test> "
             "ORCPT=utf-8;\xc3\xa9@ok.test\r\n";
    CLEANUP(buf_free) struct buf codes = BUF_INIT(1000);
    struct play p =
        run(script, (size_t)(strstr(script, "RCPT TO:<x@ok.test> ORCPT=rfc822") - script), 5);
    check_str(smtp_server_transaction(p.s)->rcpts[0].orcpt,
              "UTF-8;e\\x{3D}\\x{E9}\\x{1F4E7}@\\x{30C9}.jp");
    end(&p);
    p = run(script, sizeof script - 1, 7);
    reply_codes(&p, &codes);
    check_str(buf_str(&codes), "220 250 250 250 501 501 503 250 250 501 ");
    end(&p);
}

/* What is longer than the least that RFC 5321 4.5.3.1 asks for is taken: aio-libs/aiosmtpd#257,
 * roehling/postsrsd#108.
 * RFC 5321 4.5.3.1 MUST: local part 64, domain 255, path 256 and command 512 octets are taken
 * RFC 3461 5.4 MUST: ENVID of 100 octets and ORCPT of 500 are taken */
static void long_addresses(void **state)
{
    static char script[4000];
    char local[1000], want[1000];
    memset(local, 'l', sizeof local);
    int n = snprintf(script, sizeof script,
                     EHLO "MAIL FROM:<%.124s@b.test> ENVID=%.300s\r\nRCPT TO:<%.70s@ok.test> "
                          "ORCPT=rfc822;%.800s@ok.test\r\nRCPT TO:<%.800s@ok.test>\r\n"
                          "RCPT TO:<%.901s@ok.test>\r\n",
                     local, local, local, local, local, local);
    snprintf(want, sizeof want,
             "S: 220 mx.test ESMTP Postern\n" EHLO_OK MAIL_OK RCPT_OK RCPT_OK
             "S: 501 5.1.3 The recipient address is longer than 900 octets, the limit here; use a "
             "shorter one\n");
    expect(script, (size_t)n, want);
    struct play p = run(script, (size_t)n, 7);
    const struct smtp_transaction *tx = smtp_server_transaction(p.s);
    assert_int_equal(tx->reverse_path.local.n, 124);
    assert_int_equal(tx->envid.n, 300);
    assert_int_equal(tx->rcpts[0].path.n, 78);
    assert_int_equal(tx->rcpts[0].orcpt.n, 7 + 808);
    assert_int_equal(tx->rcpts[1].path.n, 808);
    end(&p);
}

/* Mailboxes with dots anywhere exist in millions (KumoCorp/kumomta#77, jstedfast/MimeKit#1092):
 * as written. A dot behind the domain is the root of DNS and no part of the address. */
static void odd_addresses(void **state)
{
    static const char lines[] =
        EHLO "MAIL FROM:<a..b@b.test>\r\nRCPT TO:<.ab@ok.test>\r\nRCPT TO:<ab.@ok.test.>\r\n";
    struct play p = run(lines, sizeof lines - 1, 3);
    const struct smtp_transaction *tx = smtp_server_transaction(p.s);
    check_str(tx->reverse_path.whole, "a..b@b.test");
    assert_int_equal(tx->n_rcpts, 2);
    check_str(tx->rcpts[0].path, ".ab@ok.test");
    check_str(tx->rcpts[1].path, "ab.@ok.test");
    end(&p);
}

/* RFC 5322 2.1.1: 998 octets of a line, which folding gives where there is white space; a longer
 * word could only be cut, as Postfix does, or refused, as Exim does (message_linelength_limit).
 * At the end of the message, as all of them. */
static void words_that_no_line_holds(void **state)
{
    static const struct {
        const char *begin, *end;
        int octets;
        bool taken;
    } rows[] = {
        {"X: ", "", 997, true},
        {"X: ", "", 998, false},
        {"X:", "", 996, true},
        {"X:", "", 997, false},
        {"X: a\r\n ", "", 997, true},
        {"X: ", " b", 990, true},
        {"X: a\r\n\t", "", 998, false},
        {"", ":", 998, false},
        {"X: y\r\n\r\n", "", 3000, true},
    };
    const struct smtp_server_config before = config;
    char script[8000];
    config.header_field_max = 4096;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int n = snprintf(script, sizeof script,
                         EHLO MAIL RCPT "DATA\r\n%s%0*d%s\r\n\r\nbody\r\n.\r\nNOOP\r\n",
                         rows[i].begin, rows[i].octets, 0, rows[i].end);
        expect(script, (size_t)n,
               rows[i].taken
                   ? "S: 220 mx.test ESMTP Postern\n" EHLO_OK MAIL_OK RCPT_OK
                     "S: 354 go\nE: MESSAGE\nS: 250 2.0.0 stored\nS: 250 2.0.0 Still here\n"
                   : "S: 220 mx.test ESMTP Postern\n" EHLO_OK MAIL_OK RCPT_OK
                     "S: 354 go\nS: 550 5.6.0 A header line of the message has a word too long for "
                     "any line, which cannot be folded (RFC 5322 2.1.1); shorten it, or encode it "
                     "(RFC 2047)\nE: ABORT\nS: 250 2.0.0 Still here\n");
    }
    config = before;
}

/* A To of 2,100 folded lines, a field of 70 KB (jetmore/swaks#109), within the limits of the
 * configuration as it is delivered. */
static void large_header_sections(void **state)
{
    const struct smtp_server_config before = config;
    char *script = malloc(400000);
    config.header_octets_max = config.header_field_max = 2 * 1024 * 1024;
    config.header_lines_max = 50000;
    config.size_max = 10000000;
    int n = snprintf(script, 400000, EHLO MAIL RCPT "DATA\r\nTo: first@x.test");
    for (int i = 0; i < 2100; i++) {
        n += snprintf(script + n, 400000 - (size_t)n,
                      ",\r\n\tperson%d@a-rather-long-domain.example", i);
    }
    n += snprintf(script + n, 400000 - (size_t)n, "\r\nX-Large: ");
    for (int i = 0; i < 78; i++) { /* in words that a line can hold (RFC 5322 2.1.1) */
        memset(script + n, 'x', 900);
        script[n + 899] = ' ';
        n += 900;
    }
    n += snprintf(script + n, 400000 - (size_t)n, "\r\n\r\nbody\r\n.\r\n");
    struct play p = run(script, (size_t)n, 5000);
    assert_non_null(strstr(buf_str(&p.log).p, "S: 354 go\nE: MESSAGE\nS: 250 2.0.0 stored\n"));
    end(&p);
    free(script);
    config = before;
}

/* RFC 4954 4: the line of AUTH itself may have 12288 octets, whatever the limit of other
 * commands is. */
static void long_auth_lines(void **state)
{
    static const size_t lengths[] = {12000, 12200, 12300};
    static char line[13000];
    const struct smtp_server_config before = config;
    config.auth = "PLAIN LOGIN";
    config.command_line_max = 64 * 1024;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct play p = {
            .s = smtp_server_new(&config),
            .log = BUF_INIT(1 << 20),
            .body = BUF_INIT(1 << 20),
        };
        smtp_server_tls_started(p.s);
        int n = snprintf(line, sizeof line, EHLO "AUTH PLAIN ");
        memset(line + n, 'A', lengths[i]);
        memcpy(line + n + lengths[i], "\r\n", 2);
        assert_int_equal(smtp_server_feed(p.s, str_from(line, (size_t)n + lengths[i] + 2)), 0);
        act(&p);
        assert_int_equal(buf_append(&p.log, "", 1), 0);
        assert_non_null(strstr(
            buf_str(&p.log).p,
            lengths[i] > 12288
                ? "S: 500 5.5.2 The line is longer than this server accepts; send a shorter one"
                : "E: PLAIN\nS: 535 5.7.8 out"));
        end(&p);
    }
    config = before;
}

/* --- old devices of ours ------------------------------------------------ */

#define DEVICE_EHLO_OK "S: 250 mx.test\n"

/* Runs a session as a device and as anybody; the device's log and body. */
static void expect_device(const char *client, size_t n, const char *want, const char *body,
                          unsigned repaired)
{
    static const size_t pieces[] = {100000, 1, 7};
    config.device = true;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct play p = run(client, n, pieces[i]);
        check_str(buf_str(&p.log), want);
        if (body) {
            check_str(buf_str(&p.body), body);
        }
        assert_int_equal(p.repaired, repaired);
        end(&p);
    }
    config.device = false;
}

#define DEVICE(client, want, body, repaired) \
    expect_device(client, sizeof(client) - 1, "S: 220 mx.test ESMTP Postern\n" want, body, repaired)
#define DEVICE_MAIL    "HELO scanner\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@ok.test>\r\nDATA\r\n"
#define DEVICE_MAIL_OK DEVICE_EHLO_OK MAIL_OK RCPT_OK "S: 354 go\n"
#define STORED         "E: MESSAGE\nS: 250 2.0.0 stored\n"

/* cosullivan/SmtpServer#219 and the manuals of scanners, meters and alarm systems. */
static void devices_are_understood(void **state)
{
    DEVICE("HELO my scanner\r\nMAIL FROM: a@b.test\r\nRCPT TO:x@ok.test\r\nDATA\r\nhi\r\n.\r\n",
           DEVICE_EHLO_OK MAIL_OK RCPT_OK "S: 354 go\n" STORED, "hi\r\n",
           REPAIR_HELLO | REPAIR_PATH);
    DEVICE("HELO\r\n", DEVICE_EHLO_OK, "", 0);
    DEVICE("HELO a\nMAIL FROM:<a@b.test>\nRCPT TO:<x@ok.test>\nDATA\nhi\r\n.\r\nQUIT\n",
           DEVICE_MAIL_OK STORED "S: 221 2.0.0 Good bye\nE: CLOSE\n", "hi\r\n", REPAIR_COMMAND_END);
    DEVICE("HELO a\rMAIL FROM:<a@b.test>\rRCPT TO:<x@ok.test>\rDATA\rhi\r\n.\r\nQUIT\r",
           DEVICE_MAIL_OK STORED "S: 221 2.0.0 Good bye\nE: CLOSE\n", "hi\r\n", REPAIR_COMMAND_END);
    DEVICE("HELO a\r\r\nNOOP\r\n", DEVICE_EHLO_OK "S: 250 2.0.0 Still here\n", "", 0);
    DEVICE("HELO a\r\nMAIL FROM:a b@b.test\r\nMAIL FROM:\r\nMAIL FROM:a@b.test>\r\n",
           DEVICE_EHLO_OK
           "S: 501 5.1.7 The sender address is not a valid address in < >; for example: MAIL "
           "FROM:<name@example.org>\n"
           "S: 501 5.1.7 The sender address is not a valid address in < >; for example: MAIL "
           "FROM:<name@example.org>\nS: 501 5.1.7 The sender address is not a valid address in < "
           ">; for example: MAIL FROM:<name@example.org>\n",
           "", 0);
}

/* RFC 5321 2.3.8: nobody must send them; on the way out they are CRLF. */
static void devices_lines_are_repaired(void **state)
{
    DEVICE(DEVICE_MAIL "Subject: x\n\na\nb\r\n.\r\n", DEVICE_MAIL_OK STORED,
           "Subject: x\r\n\r\na\r\nb\r\n", REPAIR_BARE_LF);
    DEVICE(DEVICE_MAIL "Subject: x\r\ra\rb\r\n.\r\n", DEVICE_MAIL_OK STORED,
           "Subject: x\r\n\r\na\r\nb\r\n", REPAIR_BARE_CR);
    DEVICE(DEVICE_MAIL "Subject: x\r\r\n\r\r\na\r\r\n.\r\n", DEVICE_MAIL_OK STORED,
           "Subject: x\r\n\r\na\r\n", REPAIR_BARE_CR);
    /* dots: doubled or not, none is lost */
    DEVICE(DEVICE_MAIL "a\n..two\n.one\r\n..three\r\n.\r\n", DEVICE_MAIL_OK STORED,
           "a\r\n.two\r\n.one\r\n.three\r\n", REPAIR_BARE_LF);
    DEVICE("EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@ok.test>\r\nBDAT 4\r\na\nb\rBDAT 5 "
           "LAST\r\nc\n..\r",
           EHLO_OK MAIL_OK RCPT_OK "S: 250 2.0.0 4 octets so far\n" STORED, "a\r\nb\r\nc\r\n..\r\n",
           REPAIR_BARE_LF | REPAIR_BARE_CR);
    DEVICE(DEVICE_MAIL "a\n\0b\r\n.\r\n",
           DEVICE_MAIL_OK "S: 550 5.6.0 Message refused: it contains a NUL octet; encode it "
                          "(base64), or send it as BODY=BINARYMIME by BDAT\nE: ABORT\n",
           NULL, 0);
}

/* A first try by a new user: a device that ends its message with LF . LF waits for ever, and
 * nobody hears why. */
static void devices_that_end_with_lf_are_known(void **state)
{
    static const struct {
        const char *octets;
        bool waits;
    } cases[] = {
        {DEVICE_MAIL "hello\n.\n", true},
        {DEVICE_MAIL "hello\n.\nQUIT\n", true},
        {DEVICE_MAIL "hello\n", false},
        {DEVICE_MAIL "hello\n..\n", false},
        {DEVICE_MAIL "hello\n.x\n", false},
        {DEVICE_MAIL "hello\n.\n\r\n.\r\n", false},
        {DEVICE_MAIL "a\n.\nb\r\n.\r\n"
                     "NOOP\n",
         false},
    };
    static const size_t pieces[] = {100000, 1};
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        for (int device = 0; device < 2; device++) {
            config.device = device;
            struct play p = run(cases[i / 2].octets, strlen(cases[i / 2].octets), pieces[i % 2]);
            assert_int_equal(smtp_server_waits_for_end(p.s), device && cases[i / 2].waits);
            end(&p);
        }
    }
    config.device = false;
}

/* --- smuggling ---------------------------------------------------------- */

#define SECOND "MAIL FROM:<evil@b.test>\r\nRCPT TO:<x@ok.test>\r\nDATA\r\nsecond\r\n.\r\n"

/* What other servers took for the end of a message: SEC Consult "SMTP smuggling" (2023),
 * CVE-2023-51764 (Postfix), -51765 (Sendmail), -51766 (Exim), The-Login/SMTP-Smuggling-Tools,
 * Postfix's smtpd_forbid_bare_newline. Behind it a second envelope in the same packet. Only CRLF
 * . CRLF ends a message, for everybody: strict peers see one message, so do we. */
static const struct {
    const char *octets;
    size_t n;
} ends[] = {
#define END(s) \
    { \
        s, sizeof(s) - 1 \
    }
    END("\n.\n"),       END("\n.\r\n"),     END("\r.\r"),         END("\r\n.\n"),
    END("\r\n.\r"),     END("\r.\n"),       END("\n.\r"),         END("\r.\r\n"),
    END("\n\n.\r\n"),   END("\r\r.\r\n"),   END("\n.\r\r\n"),     END("\r\n.\r\r\n"),
    END("\r\n\0.\r\n"), END("\r\n.\0\r\n"), END("\0\r\n.\0\r\n"), END("\r\0\n.\r\n"),
    END("\n\r\n.\n"),   END("\r\n .\r\n"),  END("\r\n. \r\n"),    END("\r\n..\r\n"),
    END("\x85.\x85"),   END("\x0b.\x0b"),   END("\x0c.\x0c"),     END("\xe2\x80\xa8.\xe2\x80\xa8"),
    END("\r\n.\r\0\n"), END("\n.\n\r\n"),   END("\n\r.\r\n"),     END("\n\r.\n\r"),
};

static void count_messages(const char *script, size_t n, bool device, size_t piece,
                           unsigned *ret_messages, unsigned *ret_mails, struct buf *ret_body)
{
    config.device = device;
    struct play p = run(script, n, piece);
    config.device = false;
    *ret_messages = p.messages;
    *ret_mails = p.mails;
    buf_reset(ret_body);
    assert_int_equal(buf_add(ret_body, buf_str(&p.body)), 0);
    end(&p);
}

static bool only_crlf(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r')) ||
            (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n'))) {
            return false;
        }
    }
    return true;
}

/* RFC 5321 2.3.8 MUST NOT: nothing but CRLF ends a line
 * RFC 5321 4.1.1.4 MUST NOT: lines ending in LF alone are not taken
 * RFC 5321 4.1.1.4 MUST NOT: LF . LF does not end a message */
static void nothing_is_smuggled(void **state)
{
    static const size_t pieces[] = {100000, 1, 7};
    CLEANUP(buf_free) struct buf body = BUF_INIT(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(ends) * 3 * 2; i++) {
        size_t which = i / 6, piece = pieces[i % 3];
        bool device = i % 6 >= 3;
        char script[1000];
        unsigned messages, mails;
        int n =
            snprintf(script, sizeof script, EHLO MAIL RCPT "DATA\r\nSubject: first\r\n\r\nfirst");
        memcpy(script + n, ends[which].octets, ends[which].n);
        n += (int)ends[which].n;
        n += snprintf(script + n, sizeof script - (size_t)n, SECOND);
        count_messages(script, (size_t)n, device, piece, &messages, &mails, &body);
        assert_int_equal(mails, 1); /* the second envelope was text */
        assert_true(messages <= 1);
        assert_true(messages == 0 || only_crlf(buf_str(&body)));
        if (messages == 1) { /* taken: all of it */
            assert_int_equal(buf_append(&body, "", 1), 0);
            if (!strstr(buf_str(&body).p, "second\r\n")) {
                fail_msg("ending %zu, device %d: %s", which, device, buf_str(&body).p);
            }
        }
    }
}

/* The same with BDAT, where a dot is a dot: the length alone ends a chunk. */
static void nothing_is_smuggled_in_chunks(void **state)
{
    static const size_t pieces[] = {100000, 1, 7};
    CLEANUP(buf_free) struct buf body = BUF_INIT(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(ends) * 3 * 2; i++) {
        size_t which = i / 6, piece = pieces[i % 3];
        bool device = i % 6 >= 3;
        char text[500], script[1000];
        unsigned messages, mails;
        size_t m = (size_t)snprintf(text, sizeof text, "Subject: first\r\n\r\nfirst");
        memcpy(text + m, ends[which].octets, ends[which].n);
        m += ends[which].n;
        m += (size_t)snprintf(text + m, sizeof text - m, SECOND);
        int n = snprintf(script, sizeof script, EHLO MAIL RCPT "BDAT %zu LAST\r\n", m);
        memcpy(script + n, text, m);
        count_messages(script, (size_t)n + m, device, piece, &messages, &mails, &body);
        assert_int_equal(mails, 1);
        assert_true(messages == 0 || (messages == 1 && only_crlf(buf_str(&body))));
    }
}

/* --- sessions of other projects' suites --------------------------------- */

/* What other servers' suites hold their servers to, as facts: what a client says and with which
 * code it is answered; where theirs and RFC 5321 differ the RFC counts. Each row in
 * docs/field.md. */
#define L64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* RFC 5321 2.4 MAY: verbs and keywords in any case
 * RFC 5321 4.1.1 SHOULD: DATA, RSET and QUIT with a parameter are refused
 * RFC 5321 4.1.1.8 SHOULD: HELP is answered
 * RFC 5321 4.1.4 SHOULD: NOOP, HELP, VRFY and RSET are answered before EHLO
 * RFC 5321 4.1.4 MUST: a bad argument of MAIL is answered 501 and changes nothing
 * RFC 5321 4.2 MUST: every command has one reply
 * RFC 5321 4.1.4 MUST NOT: a name in EHLO that is not the client's is no reason to refuse */
static void sessions_of_other_suites(void **state)
{
    static const struct {
        const char *source, *client;
        size_t n;
        const char *codes;
    } rows[] = {
#define SESSION(source, client, codes) {source, client, sizeof(client) - 1, codes}
        SESSION("nodemailer/smtp-server compare/sequencing",
                "MAIL FROM:<a@b.test>\r\nRCPT TO:<x@ok.test>\r\nDATA\r\nNOOP\r\nHELP\r\n",
                "220 503 503 503 250 214 "),
        SESSION("nodemailer/smtp-server compare/sequencing",
                "EHLO\r\nEHLO client example.com\r\nEHLO client.example.com\r\nRCPT "
                "TO:<x@ok.test>\r\nDATA\r\n",
                "220 501 501 250 503 503 "),
        SESSION("nodemailer/smtp-server compare/sequencing",
                EHLO MAIL MAIL "DATA\r\n" RCPT "RSET\r\n" RCPT, "220 250 250 503 503 250 250 503 "),
        SESSION("nodemailer/smtp-server compare/sequencing",
                EHLO MAIL "EHLO again\r\n" RCPT "HELO\r\n", "220 250 250 250 503 501 "),
        SESSION("nodemailer/smtp-server compare/sequencing",
                EHLO MAIL "HELO c\r\n" RCPT "EXPN list\r\nFOO\r\nnoop\r\nQUIT\r\nNOOP\r\n",
                "220 250 250 250 503 500 500 250 221 "),
        SESSION(
            "nodemailer/smtp-server compare/addresses",
            EHLO
            "MAIL FROM:<>\r\nRSET\r\nMAIL FROM:sender@b.test\r\nRSET\r\nMAIL FROM: <a@b.test>\r\n",
            "220 250 250 250 501 250 250 "),
        SESSION("nodemailer/smtp-server compare/addresses",
                EHLO "MAIL FROM:<a@b.test\r\nMAIL FROM:<a@>\r\nMAIL FROM:<@b.test>\r\nMAIL "
                     "FROM:<user@[300.1.1.1]>\r\n",
                "220 250 501 501 501 501 "),
        SESSION("nodemailer/smtp-server compare/addresses",
                EHLO "MAIL FROM:<\"quoted local\"@b.test>\r\nRSET\r\nMAIL "
                     "FROM:<u@[IPv6:2001:db8::1]>\r\nRSET\r\nMAIL FROM:<@r.test:u@b.test>\r\n",
                "220 250 250 250 250 250 250 "),
        SESSION("nodemailer/smtp-server compare/addresses",
                EHLO "MAIL FROM:<user@exa mple.com>\r\n" MAIL
                     "RCPT TO:x@ok.test\r\nRCPT TO:<>\r\nRCPT TO:<\xc3\xbcser@ok.test>\r\n",
                "220 250 501 250 501 501 553 "),
        SESSION("nodemailer/smtp-server compare/parameters",
                EHLO "MAIL FROM:<a@b.test> SIZE=abc\r\nMAIL FROM:<a@b.test> SIZE\r\nMAIL "
                     "FROM:<a@b.test> BODY=FOO\r\n",
                "220 250 501 501 501 "),
        SESSION("nodemailer/smtp-server test/robustness",
                EHLO "MAIL FROM:<a@b.test> BODY\r\nMAIL FROM:<a@b.test> BODY=\r\nMAIL "
                     "FROM:<a@b.test> RET\r\nMAIL FROM:<a@b.test> ENVID\r\n" MAIL,
                "220 250 501 501 501 501 250 "),
        SESSION("nodemailer/smtp-server test/robustness",
                EHLO MAIL "RCPT TO:<x@ok.test> NOTIFY\r\nRCPT TO:<x@ok.test> ORCPT\r\n" RCPT,
                "220 250 250 501 501 250 "),
        SESSION("nodemailer/smtp-server compare/parameters",
                EHLO MAIL "RCPT TO:<x@ok.test> NOTIFY=FOO\r\nRCPT TO:<x@ok.test> ORCPT=foo\r\nRCPT "
                          "TO:<x@ok.test> FOO=BAR\r\n",
                "220 250 250 501 501 555 "),
        SESSION("nodemailer/smtp-server compare/data",
                EHLO MAIL RCPT "DATA\r\n\r\n.\r\nDATA\r\n" MAIL RCPT "DATA\r\n.\r\n",
                "220 250 250 250 354 250 503 250 250 354 250 "),
        SESSION("nodemailer/smtp-server compare/pipelining",
                EHLO MAIL RCPT "RCPT TO:<bad\r\nRCPT TO:<y@ok.test>\r\nDATA\r\nSubject: "
                               "p\r\n\r\nbody\r\n.\r\nQUIT\r\n",
                "220 250 250 250 501 250 354 250 221 "),
        SESSION("nodemailer/smtp-server compare/errors", EHLO "\r\n   \r\nNO\0OP\r\n",
                "220 250 500 500 500 "),
        SESSION("aio-libs/aiosmtpd test_smtp",
                EHLO "MAIL FROM: Anne <anne@b.test>\r\nMAIL FROM: <anne@b.test> SIZE "
                     "10000\r\nMAIL\r\nMAIL <a@b.test>\r\n",
                "220 250 501 501 501 501 "),
        SESSION("aio-libs/aiosmtpd test_smtp",
                "HELO c\r\n" MAIL
                "RCPT\r\nRCPT <x@ok.test>\r\nRCPT TO:\r\nRCPT TO: <x@ok.test> SIZE=1000\r\n",
                "220 250 250 501 501 501 555 "),
        SESSION("aio-libs/aiosmtpd test_smtp",
                "HELO c\r\n" MAIL RCPT "DATA FOOBAR\r\nRSET FOO\r\nQUIT FOO\r\nVRFY @@\r\n",
                "220 250 250 250 501 501 501 252 "),
        SESSION("aio-libs/aiosmtpd test_smtpsmuggling",
                EHLO MAIL RCPT "DATA\r\nSubject: A test\r\n\r\nTesting\n.\r\nNO SMUGGLING\r\n.\r\n",
                "220 250 250 250 354 550 "),
        SESSION("OpenSMTPD/OpenSMTPD regress/smtp/test.mailfrom",
                "HELO r\r\nMAIL FROM: <a>\r\nMAIL FROM: < @a>\r\nMAIL FROM: <a@ >\r\nMAIL FROM: "
                "<u@d.test> OPT\r\n",
                "220 250 501 501 501 555 "),
        SESSION("OpenSMTPD/OpenSMTPD regress/smtp/test.rcptto",
                "EHLO r\r\nMAIL FROM: <>\r\nRCPT TO: <@>\r\nRCPT TO: <a@ok.test> SIZE=3005\r\nRCPT "
                "TO: <a@ok.test> BODY=8BITMIME\r\n",
                "220 250 250 501 555 555 "),
        SESSION("mjl-/mox smtpserver/parse_test",
                EHLO "MAIL FROM:<@hosta.int,@jkl.org:userc@d.bar.org>\r\n", "220 250 250 "),
        /* an audit of ours: text behind a refused DATA was run as commands, and sent mail */
        SESSION("RFC 5321 4.1.1.4, Postfix smtpd_forbid_unauth_pipelining",
                EHLO MAIL "DATA\r\nSubject: x\r\n\r\nMAIL FROM:<a@b.test>\r\n" RCPT
                          "DATA\r\nx\r\n.\r\n",
                "220 250 250 503 554 "),
        /* a command may follow */
        SESSION("RFC 5321 4.1.1.4", EHLO MAIL "DATA now\r\nRSET\r\n" MAIL "QUIT\r\n",
                "220 250 250 503 250 250 221 "),
        SESSION("RFC 8446 5.1", "\x16\x03\x01\x02\x00\x01\x00\r\nEHLO x\r\n" MAIL, "220 554 "),
        SESSION("Postfix smtpd_forbidden_commands, nodemailer/smtp-server compare/errors",
                "GET / HTTP/1.1\r\nHost: mx.test\r\n\r\nMAIL FROM:<a@b.test>\r\n", "220 421 "),
        SESSION("axllent/mailpit#622, #623",
                EHLO MAIL "RCPT TO:<@route.test x@ok.test>\r\n" RCPT MAIL "DATA\r\n",
                "220 250 250 501 250 503 354 "),
        SESSION("axllent/mailpit#731, KumoCorp/kumomta#495",
                EHLO MAIL "RCPT TO:<\"odd user\"@ok.test>\r\nRCPT TO:<\"info@\"@ok.test>\r\n",
                "220 250 250 250 250 "),
        SESSION("foxcpp/maddy#714",
                EHLO MAIL "RCPT TO:Name Last <x@ok.test>\r\nRCPT TO:<Name Last "
                          "<x@ok.test>>\r\nRCPT TO:('N', 'x@ok.test')\r\n" RCPT,
                "220 250 250 501 501 501 250 "),
        SESSION("nodemailer/smtp-server#244",
                EHLO MAIL "RCPT TO:<test@[192.168.1.123]>\r\nRCPT TO:<test@[IPv6:2001:db8::5]>\r\n",
                "220 250 250 550 550 "),
        SESSION("nodemailer/smtp-server#260",
                EHLO "STARTTLS now\r\nMAIL FROM:<a\0b@c.test>\r\nMAIL FROM:<a\"b@c.test>\r\nMAIL "
                     "FROM:<a@" L64 ".test>\r\n",
                "220 250 501 500 501 501 "),
        /* UTS 46 4: U+200B is ignored */
        SESSION("nodemailer/smtp-server#260",
                EHLO "MAIL FROM:<a@b.test> SMTPUTF8\r\nRCPT TO:<x@o\xe2\x80\x8bk.test>\r\nRCPT "
                     "TO:<x@ok.test\xe2\x80\x8b>\r\n",
                "220 250 250 250 250 "),
        SESSION("chrj/smtpd#44", "FOO\r\nHELO\r\nEHLO\r\nMAIL FROM:<a@b.test>\r\n",
                "220 500 501 501 503 "),
        SESSION("chrj/smtpd#44", EHLO RCPT "DATA\r\nMAIL TO:<a@b.test>\r\nMAIL FROM:<a b>\r\n",
                "220 250 503 503 501 501 "),
        SESSION("chrj/smtpd#44", EHLO "AUTH\r\nAUTH PLAIN eA==\r\n", "220 250 502 502 "),
        SESSION("emersion/go-smtp server_test",
                EHLO "MAIL FROM:\r\nMAIL FROM:<>\r\nRCPT TO:\r\nVRFY\r\nHELP\r\n",
                "220 250 501 250 501 501 214 "),
        SESSION("emersion/go-smtp server_test",
                EHLO "MAIL FROM:<a@b.test> BODY=8bitMIME\r\nRSET\r\nMAIL FROM:<a@b.test> "
                     "BODY=RABIIT\r\nMAIL FROM:<a@b.test> RABIIT\r\n",
                "220 250 250 250 501 555 "),
        SESSION("emersion/go-smtp server_test",
                EHLO
                "MAIL FROM:<a@b.test> SIZE=rabbit\r\nMAIL FROM:<a@b.test> SIZE=4294967295\r\nMAIL "
                "FROM:<Foo Bar <a@b.test>>\r\nMAIL FROM:a:b:c@b.test\r\n",
                "220 250 501 552 501 501 "),
        SESSION("emersion/go-smtp server_test",
                EHLO MAIL RCPT "DATA\r\nHey\r <3\r\n.\r\n" MAIL RCPT "DATA\r\n..dot\r\n.\r\n",
                "220 250 250 250 354 550 250 250 354 250 "),
        SESSION("emersion/go-smtp server_test",
                EHLO MAIL RCPT "DATA\r\nFrom: a@b.test\r\n\r\nhey\r\n\n.\nthis\r\n.\r\n" MAIL RCPT
                               "DATA\r\n\r\n\r\n.\r\n",
                "220 250 250 250 354 550 250 250 354 250 "),
        SESSION("emersion/go-smtp server_test",
                "XXXX\r\nXXXX\r\nXXXX\r\nXXXX\r\nXXXX\r\nXXXX\r\nXXXX\r\n",
                "220 500 500 500 500 500 421 "),
        SESSION("emersion/go-smtp server_test",
                EHLO MAIL RCPT "BDAT 8\r\nHey <3\r\nRSET\r\n" MAIL RCPT
                               "BDAT 8\r\nHey <3\r\nBDAT 8 LAST\r\nHey :3\r\n",
                "220 250 250 250 250 250 250 250 250 250 "),
        SESSION("emersion/go-smtp#315, server_test",
                EHLO "BDAT 9 LAST\r\nMAIL FROM" MAIL "BDAT 9 LAST\r\nMAIL FROM"
                     "NOOP\r\n",
                "220 250 503 250 503 250 "),
        SESSION("emersion/go-smtp server_test",
                EHLO "MAIL FROM:<e=mc2@b.test> envID=e+3Dmc2 Ret=hdrs\r\nRCPT TO:<e=mc2@ok.test> "
                     "ORcpt=Rfc822;e+3Dmc2@ok.test Notify=Never\r\n",
                "220 250 250 250 "),
        SESSION("emersion/go-smtp server_test",
                EHLO MAIL
                "RCPT TO:<x@ok.test> orcpt=Utf-8;e\\x{3D}mc2@\\x{30C9}.jp notify=failure,delay\r\n",
                "220 250 250 250 "),
        SESSION("emersion/go-smtp server_test",
                EHLO "MAIL FROM:<e=mc2@b.test> SMTPUTF8\r\nRCPT TO:<e=mc2@ok.test> "
                     "ORCPT=utf-8;e\\x{3D}mc2@\xe3\x83\x89.jp NOTIFY=SUCCESS\r\n",
                "220 250 250 250 "),
        SESSION("emersion/go-smtp server_test",
                EHLO MAIL "RCPT TO:<x@ok.test> RRVS=2014-04-03T23:01:00Z\r\nRCPT TO:<x@ok.test> "
                          "BY=100;NT\r\nRCPT TO:<x@ok.test> MT-PRIORITY=6\r\n",
                "220 250 250 555 555 555 "),
        SESSION("stalwartlabs/stalwart#698", EHLO "RSET\r\nQUIT\r\n" MAIL RCPT "DATA\r\n",
                "220 250 250 221 "),
        SESSION("RFC 5321 4.1.4",
                "EHLO [192.0.2.1]\r\nEHLO 192.0.2.1\r\nEHLO localhost\r\nEHLO my_host\r\n",
                "220 250 250 250 250 "),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t piece = 1; piece < 1000; piece += 6 + 900 * (piece > 1)) {
            CLEANUP(buf_free) struct buf codes = BUF_INIT(1000);
            struct play p = run(rows[i].client, rows[i].n, piece);
            reply_codes(&p, &codes);
            if (!str_eq(buf_str(&codes), str_c(rows[i].codes))) {
                fail_msg("%s: %s\nwanted %s\ngot    " STR_FMT, rows[i].source, rows[i].client,
                         rows[i].codes, STR_ARG(buf_str(&codes)));
            }
            end(&p);
        }
    }
}

/* --- what refusals say -------------------------------------------------- */

/* Each says what happened and what to do, in ASCII, on one line that RFC 5321 4.5.3.1.5 allows,
 * with a code that its class fits.
 * RFC 5321 4.2 SHOULD: only known reply codes are sent
 * RFC 5321 4.2 MUST NOT: no reply begins with another digit than 2 to 5
 * RFC 5321 4.3.2 MUST NOT: codes have three digits
 * RFC 5321 4.3.2 SHOULD: finer meanings go by RFC 3463, not by new codes */
static void every_refusal_helps(void **state)
{
    static const int codes[] = {
        421, 450, 451, 452, 454, 455, 500, 501, 502, 503,
        504, 530, 534, 535, 538, 550, 552, 553, 554, 555,
    };
    for (int i = 0; i < REFUSE_END; i++) {
        const struct smtp_reply *r = smtp_refusal((enum smtp_refusal)i);
        const char *semicolon = strrchr(r->text, ';');
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(codes); k++) {
            known |= codes[k] == r->code;
        }
        assert_true(known);
        assert_int_equal(r->enhanced[0], '0' + r->code / 100);
        assert_int_equal(r->enhanced[1], '.');
        assert_true(strlen(r->text) + 4 + strlen(r->enhanced) + 3 <= 512);
        assert_non_null(semicolon);
        assert_true(semicolon - r->text >= 12 && strlen(semicolon) >= 10);
        for (const char *c = r->text; *c; c++) {
            assert_true(*c >= ' ' && *c <= '~');
        }
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(r->text, smtp_refusal((enum smtp_refusal)k)->text);
        }
    }
}

/* RFC 3030: octets are counted, dots are dots; "LAST" ends it; empty last chunk; DATA and BDAT
 * are not mixed. */
static void chunking(void **state)
{
    static const char body[] =
        EHLO MAIL RCPT "BDAT 7\r\n.one\r\n.BDAT 8 LAST\r\ntwo\r\n.\r\nQUIT\r\n";
    EXPECT(EHLO MAIL RCPT "BDAT 7\r\n.one\r\n.BDAT 8 LAST\r\ntwo\r\n.\r\nQUIT\r\n",
           EHLO_OK MAIL_OK RCPT_OK "S: 250 2.0.0 7 octets so far\nE: MESSAGE\nS: 250 2.0.0 "
                                   "stored\nS: 221 2.0.0 Good bye\nE: CLOSE\n");
    struct play p = run(body, sizeof body - 1, 3);
    check_str(buf_str(&p.body), ".one\r\n.two\r\n.\r\n");
    end(&p);
    EXPECT(EHLO MAIL RCPT "BDAT 4\r\nab\r\nDATA\r\nRCPT TO:<x@ok.test>\r\nNOOP\r\nBDAT 0 "
                          "LAST\r\nBDAT 1 LAST\r\nxNOOP\r\n",
           EHLO_OK MAIL_OK RCPT_OK
           "S: 250 2.0.0 4 octets so far\nS: 503 5.5.1 A message is being sent in chunks; end it "
           "with BDAT ... LAST, or RSET\n"
           "S: 503 5.5.1 A message is being sent in chunks; end it with BDAT ... LAST, or RSET\nS: "
           "250 2.0.0 Still here\nE: MESSAGE\nS: 250 2.0.0 stored\n"
           "S: 503 5.5.1 BDAT needs an accepted recipient; send MAIL and RCPT first\nS: 250 2.0.0 "
           "Still here\n");
    EXPECT(EHLO MAIL RCPT "BDAT 4\r\nab\r\nRSET\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
           EHLO_OK MAIL_OK RCPT_OK
           "S: 250 2.0.0 4 octets so far\nS: 250 2.0.0 Forgotten\nE: ABORT\nS: 503 5.5.1 BDAT "
           "needs an accepted recipient; send MAIL and RCPT first\nS: 250 2.0.0 Still here\n");
    EXPECT(EHLO MAIL RCPT "BDAT x\r\nNOOP\r\n", EHLO_OK MAIL_OK RCPT_OK
           "S: 501 5.5.4 The size of the chunk is not valid, so its end cannot be found; closing; "
           "send BDAT octets [LAST]\nE: ABORT\nE: CLOSE\n");
    EXPECT("BDAT 6 LAST\r\nQUIT\r\nEHLO c\r\n",
           "S: 503 5.5.1 BDAT needs an accepted recipient; send MAIL and RCPT first\n" EHLO_OK);
}

/* Bare line ends are refused in chunks too, after all octets of the chunk; BINARYMIME takes them
 * as they are. */
static void chunks_and_line_ends(void **state)
{
    EXPECT(EHLO MAIL RCPT "BDAT 3\r\na\nbBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", EHLO_OK MAIL_OK RCPT_OK
           "S: 550 5.6.0 Message refused: it contains a line feed without carriage return (RFC "
           "5321 2.3.8); the program that made it must end lines with CR LF\nE: ABORT\n"
           "S: 503 5.5.1 BDAT needs an accepted recipient; send MAIL and RCPT first\nS: 250 2.0.0 "
           "Still here\n");
    EXPECT(EHLO MAIL RCPT "BDAT 3 LAST\r\nab\rNOOP\r\n", EHLO_OK MAIL_OK RCPT_OK
           "S: 550 5.6.0 Message refused: it contains a carriage return that does not end a line "
           "(RFC 5321 2.3.8); the program that made it must end lines with CR LF\nE: ABORT\nS: 250 "
           "2.0.0 Still here\n");
    EXPECT(EHLO "MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n" RCPT
                "DATA\r\nBDAT 5 LAST\r\na\nb\r\0NOOP\r\n",
           EHLO_OK MAIL_OK RCPT_OK
           "S: 503 5.5.1 BODY=BINARYMIME cannot be sent with DATA; use BDAT (RFC 3030)\nE: "
           "MESSAGE\nS: 250 2.0.0 stored\nS: 250 2.0.0 Still here\n");
}

/* RFC 4954: inside TLS only, once, "*" gives up; MAIL needs it on a submission port. */
static void logging_in(void **state)
{
    static const char *const lines =
        EHLO MAIL "AUTH NOTHING\r\nAUTH PLAIN =\r\n*\r\nAUTH PLAIN d3Jvbmc=\r\nAUTH "
                  "PLAIN\r\ncmlnaHQ=\r\nAUTH PLAIN cmlnaHQ=\r\n" MAIL "AUTH PLAIN\r\n";
    config.auth = "PLAIN LOGIN";
    config.auth_required = true;
    EXPECT(EHLO MAIL "AUTH PLAIN cmlnaHQ=\r\n", EHLO_OK
           "S: 530 5.7.0 You must log in before you can send mail here; send STARTTLS, then log in "
           "(AUTH)\nS: 538 5.7.11 Passwords are only accepted over TLS; send STARTTLS first\n");
    for (size_t piece = 1; piece < 100; piece += 33) {
        struct play p = {
            .s = smtp_server_new(&config),
            .log = BUF_INIT(1 << 20),
            .body = BUF_INIT(1 << 20),
        };
        smtp_server_tls_started(p.s);
        for (size_t at = 0; at < strlen(lines); at += piece) {
            size_t n = strlen(lines) - at < piece ? strlen(lines) - at : piece;
            assert_int_equal(smtp_server_feed(p.s, str_from(lines + at, n)), 0);
            act(&p);
        }
        check_str(
            buf_str(&p.log),
            "S: 250-mx.test\nS: 250-PIPELINING\nS: 250-SIZE 100000\nS: 250-8BITMIME\nS: "
            "250-ENHANCEDSTATUSCODES\nS: 250-SMTPUTF8\nS: 250-CHUNKING\nS: 250-BINARYMIME\nS: "
            "250-DSN\n"
            "S: 250-AUTH PLAIN LOGIN\nS: 250 LIMITS MAILMAX=4 RCPTMAX=3\nS: 530 5.7.0 You must log "
            "in before you can send mail here; log in first (AUTH)\nS: 504 5.5.4 This login "
            "mechanism is not offered; use one that the reply to EHLO lists\n"
            "E: PLAIN\nS: 334 Z28=\nS: 501 5.7.0 The login was cancelled; send AUTH again to log "
            "in\nE: CANCEL\nE: PLAIN\nS: 535 5.7.8 out\nE: PLAIN\nS: 334 Z28=\nS: 235 2.7.0 in\n"
            "S: 503 5.5.1 You are already logged in; go on with MAIL, or reconnect to log in as "
            "somebody else\nS: 421 4.7.0 Too many errors in this session, closing; read the "
            "replies above, then connect again\nE: CLOSE\n");
        end(&p);
    }
    config.auth = NULL;
    config.auth_required = false;
}

/* RFC 4954 5 and its examples: xtext or <>, where AUTH is known (mjl-/mox#460,
 * hmailserver/hmailserver#164). */
static void auth_of_mail(void **state)
{
    static const char script[] =
        EHLO "MAIL FROM:<e=mc2@b.test> AUTH=e+3Dmc2@b.test\r\nRSET\r\nMAIL FROM:<j+@b.test> "
             "AUTH=<>\r\nRSET\r\nMAIL FROM:<a@b.test> SIZE=9 AUTH=<>\r\nRSET\r\n"
             "MAIL FROM:<a@b.test> AUTH=<hey+A>\r\nMAIL FROM:<a@b.test> AUTH=<he+YYa>\r\nMAIL "
             "FROM:<a@b.test> AUTH\r\n";
    CLEANUP(buf_free) struct buf codes = BUF_INIT(1000);
    config.auth = "PLAIN";
    struct play p = run(script, sizeof script - 1, 11);
    reply_codes(&p, &codes);
    check_str(buf_str(&codes), "220 250 250 250 250 250 250 250 501 501 501 ");
    end(&p);
    config.auth = NULL;
}

/* RFC 5321 4.5.3.1.8 MUST: more recipients than the limit are refused, none is dropped
 * RFC 5321 4.5.3.1.10 MUST: too many recipients are answered 452 */
static void too_many(void **state)
{
    EXPECT(EHLO MAIL RCPT RCPT RCPT RCPT "DATA\r\n.\r\n", EHLO_OK MAIL_OK RCPT_OK RCPT_OK RCPT_OK
           "S: 452 4.5.3 Too many recipients for one message; send the rest in another\nS: 354 "
           "go\nE: MESSAGE\nS: 250 2.0.0 stored\n");
    EXPECT(
        "X\r\nX\r\nX\r\nX\r\nX\r\nNOOP\r\n",
        "S: 500 5.5.1 This command is not known here; HELP lists those that are\nS: 500 5.5.1 This "
        "command is not known here; HELP lists those that are\nS: 500 5.5.1 This command is not "
        "known here; HELP lists those that are\n"
        "S: 500 5.5.1 This command is not known here; HELP lists those that are\nS: 500 5.5.1 This "
        "command is not known here; HELP lists those that are\nS: 421 4.7.0 Too many errors in "
        "this session, closing; read the replies above, then connect again\nE: CLOSE\n");
}

/* Requirement TL4, TL7: nothing survives STARTTLS, and nothing may stand behind it.
 * RFC 3207 4 MUST: STARTTLS takes no parameter
 * RFC 3207 4.2 MUST: the server forgets what it heard before TLS
 * RFC 3207 4.2 MUST NOT: no offer of STARTTLS inside TLS */
static void starttls_seam(void **state)
{
    struct play p = run(EHLO, 13, 100);
    assert_int_equal(smtp_server_feed(p.s, STR("STARTTLS\r\n")), 0);
    act(&p);
    assert_int_equal(smtp_server_feed(p.s, STR(MAIL EHLO "STARTTLS\r\n")), 0);
    act(&p);
    check_str(buf_str(&p.log), "S: 220 mx.test ESMTP Postern\n" EHLO_OK
                               "S: 220 2.0.0 Ready to start TLS\nE: TLS\nS: 503 5.5.1 EHLO must "
                               "come first; send EHLO with your host name\n" EHLO_TLS
                               "S: 503 5.5.1 This session is already encrypted; go on with EHLO\n");
    end(&p);
    p = run(EHLO "STARTTLS\r\nMAIL FROM:<evil@x.test>\r\n", 13 + 10 + 25, 100000);
    check_str(buf_str(&p.log), "S: 220 mx.test ESMTP Postern\n" EHLO_OK
                               "S: 554 5.5.0 Data after STARTTLS arrived in clear, closing; wait "
                               "for the reply 220, then start TLS\nE: CLOSE\n");
    end(&p);
    p = run(EHLO "STARTTLS now\r\n", 13 + 14, 100000);
    check_str(buf_str(&p.log), "S: 220 mx.test ESMTP Postern\n" EHLO_OK
                               "S: 501 5.5.4 STARTTLS takes no parameter; leave it out\n");
    end(&p);
}

/* Requirement TL1, TL3: not offered without a certificate; asked for all the same: 454. */
static void without_a_certificate(void **state)
{
    config.can_starttls = false;
    EXPECT(EHLO "STARTTLS\r\n",
           EHLO_TLS "S: 454 4.7.0 TLS is not available at the moment; try again later; "
                    "the administrator of this server has to fix it\n");
    config.can_starttls = true;
}

static void lines_must_be_lines(void **state)
{
    /* One line up to its CRLF, one answer (RFC 5321 2.3.8), none of it a command: what a program
     * before us took for one line is no place to hide another. It ends the session, as Postfix's
     * smtpd_forbid_bare_newline = reject does: who knows no CR would else wait for answers that
     * never come. */
#define NO_CRLF \
    "S: 500 5.5.2 The line does not end with CR LF, closing; end lines with exactly these two " \
    "(RFC 5321 2.3.8)\nE: CLOSE\n"
    EXPECT("EHLO c.test\nNOOP\r\n", NO_CRLF);
    EXPECT("EHLO c.test\nNOOP\nNOOP\r\nNOOP\r\n", NO_CRLF);
    EXPECT("\n\n\r\nNOOP\r\n", NO_CRLF);
    EXPECT(EHLO "MAIL FROM:<a@b.test>\nRCPT TO:<x@ok.test>\nDATA\r\n" RCPT, EHLO_OK NO_CRLF);
    EXPECT(EHLO MAIL RCPT "NOOP\nDATA\r\nhello\r\n.\r\n", EHLO_OK MAIL_OK RCPT_OK
           "S: 500 5.5.2 The line does not end with CR LF, closing; end lines with exactly these "
           "two (RFC 5321 2.3.8)\nE: ABORT\nE: CLOSE\n");
    EXPECT("NO\0OP\r\nNO\rOP\r\n",
           "S: 500 5.5.2 A command may contain neither NUL nor a bare CR; "
           "send it as one line of text\nS: 500 5.5.2 A command may contain neither NUL nor a bare "
           "CR; send it as one line of text\n");
    static char big[10000];
    memset(big, 'x', sizeof big);
    memcpy(big + sizeof big - 8, "\r\nNOOP\r\n", 8);
    expect(
        big, sizeof big,
        "S: 220 mx.test ESMTP Postern\nS: 500 5.5.2 The line is longer than this server accepts; "
        "send a shorter one\nS: 250 2.0.0 Still here\n");
    memcpy(big + 9000, "\nNOOP\n", 6); /* a bare LF ends no line that is passed over */
    expect(
        big, sizeof big,
        "S: 220 mx.test ESMTP Postern\nS: 500 5.5.2 The line is longer than this server accepts; "
        "send a shorter one\nS: 250 2.0.0 Still here\n");
}

/* Refused bodies are read to their true end; what follows is a command again.
 * RFC 5321 2.3.8 MUST NOT: no bare CR or LF is sent
 * RFC 5321 6.3 MUST: loops are found and stopped */
static void bodies_refused(void **state)
{
    static const struct {
        const char *body, *reply;
    } cases[] = {
        {"a\nb\r\n", "550 5.6.0 Message refused: it contains a line feed without carriage return "
                     "(RFC 5321 2.3.8); the program that made it must end lines with CR LF"},
        {"a\rb\r\n", "550 5.6.0 Message refused: it contains a carriage return that does not end a "
                     "line (RFC 5321 2.3.8); the program that made it must end lines with CR LF"},
        {"a\n.\nMAIL FROM:<evil@x.test>\r\n",
         "550 5.6.0 Message refused: it contains a line feed without carriage return (RFC 5321 "
         "2.3.8); the program that made it must end lines with CR LF"},
        {"Received: 1\r\nReceived: 2\r\nReceived: 3\r\nreceived: 4\r\nReceived: 5\r\nReceived: "
         "6\r\n\r\n",
         "554 5.4.6 Too many Received fields: this message is looping; look for a forwarding rule "
         "that leads back to where it started"},
        {"a:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:"
         "\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n",
         "552 5.3.4 The header section of the message has too many lines; send it to fewer people "
         "at once, or leave out fields"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char script[1024], want[2048];
        snprintf(script, sizeof script, EHLO MAIL RCPT "DATA\r\n%s.\r\nNOOP\r\n", cases[i].body);
        snprintf(want, sizeof want,
                 "S: 220 mx.test ESMTP Postern\n" EHLO_OK MAIL_OK RCPT_OK
                 "S: 354 go\nS: %s\nE: ABORT\nS: 250 2.0.0 Still here\n",
                 cases[i].reply);
        expect(script, strlen(script), want);
    }
}

static void body_sizes(void **state)
{
    for (int kind = 0; kind < 3; kind++) {
        static char script[300000];
        int n = snprintf(script, sizeof script, EHLO MAIL RCPT "DATA\r\n");
        const char *head = kind == 0 ? "\r\n" : kind == 1 ? "X: " : "";
        n += snprintf(script + n, sizeof script - (size_t)n, "%s", head);
        size_t fill = kind == 0 ? 100000 : kind == 1 ? 1200 : 0;
        memset(script + n, 'y', fill);
        n += (int)fill;
        /* 15 fields of 400 octets: over 4096 together */
        for (int i = 0; kind == 2 && i < 15; i++) {
            n += snprintf(script + n, sizeof script - (size_t)n, "F: %0390d\r\n", i);
        }
        n += snprintf(script + n, sizeof script - (size_t)n, "\r\n\r\nx\r\n.\r\nNOOP\r\n");
        struct play p = run(script, (size_t)n, 1000);
        assert_int_equal(buf_append(&p.log, "", 1), 0);
        assert_non_null(strstr(buf_str(&p.log).p,
                               kind == 0 ? "552 5.3.4 The message is larger"
                               : kind == 1
                                   ? "552 5.3.4 A header field"
                                   : "552 5.3.4 The header section of the message is too large; "
                                     "send it to fewer people at once, or leave out large fields"));
        assert_non_null(strstr(buf_str(&p.log).p, "S: 250 2.0.0 Still here"));
        end(&p);
    }
}

static void keep_refusal(void *arg, struct str line, const struct smtp_reply *r)
{
    struct buf *told = arg;
    assert_int_equal(buf_printf(told, "%d %.*s\n", r->code, (int)line.n, line.p), 0);
}

/* zone-eu/zone-mta#501: the server's own 5yz were told to nobody. No secret is among what is
 * told: of AUTH the verb alone, of a line that is no command nothing. */
static void refusals_are_told(void **state)
{
    struct smtp_server_config c = config;
    c.auth = "PLAIN";
    c.errors_max = 20;
    struct smtp_server *s = smtp_server_new(&c);
    struct buf told = BUF_INIT(4096);
    struct smtp_event ev;
    smtp_server_on_refusal(s, keep_refusal, &told);
    smtp_server_greet(s);
    const struct str said = STR("EHLO c\r\nMAIL FROM:<a\r\nAUTH PLAIN c2VjcmV0\r\nc2VjcmV0\r\n"
                                "RCPT TO:<x@y.test>\r\nMAIL FROM:<a@b.test> SIZE=9999999999\r\n");
    assert_int_equal(smtp_server_feed(s, said), 0);
    do {
        smtp_server_next(s, &ev);
        if (smtp_server_waits(s)) {
            smtp_server_answer(s, &(struct smtp_reply){250, NULL, "fine"});
        }
    } while (ev.type != SMTP_EV_NONE && ev.type != SMTP_EV_CLOSE);
    assert_true(buf_add(&told, (struct str){"", 1}) == 0);
    assert_string_equal(buf_str(&told).p,
                        "501 MAIL FROM:<a\n538 AUTH\n500 \n503 RCPT TO:<x@y.test>\n"
                        "552 MAIL FROM:<a@b.test> SIZE=9999999999\n");
    buf_free(&told);
    smtp_server_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_message),
        cmocka_unit_test(long_addresses),
        cmocka_unit_test(odd_addresses),
        cmocka_unit_test(words_that_no_line_holds),
        cmocka_unit_test(large_header_sections),
        cmocka_unit_test(long_auth_lines),
        cmocka_unit_test(devices_are_understood),
        cmocka_unit_test(devices_lines_are_repaired),
        cmocka_unit_test(devices_that_end_with_lf_are_known),
        cmocka_unit_test(refusals_are_told),
        cmocka_unit_test(sessions_of_other_suites),
        cmocka_unit_test(every_refusal_helps),
        cmocka_unit_test(nothing_is_smuggled),
        cmocka_unit_test(nothing_is_smuggled_in_chunks),
        cmocka_unit_test(order_of_commands),
        cmocka_unit_test(parameters),
        cmocka_unit_test(notice_parameters),
        cmocka_unit_test(original_recipients_in_utf8),
        cmocka_unit_test(chunking),
        cmocka_unit_test(chunks_and_line_ends),
        cmocka_unit_test(logging_in),
        cmocka_unit_test(auth_of_mail),
        cmocka_unit_test(too_many),
        cmocka_unit_test(starttls_seam),
        cmocka_unit_test(without_a_certificate),
        cmocka_unit_test(lines_must_be_lines),
        cmocka_unit_test(bodies_refused),
        cmocka_unit_test(body_sizes),
        cmocka_unit_test(a_refused_hello_changes_nothing),
        cmocka_unit_test(the_least_there_is),
        cmocka_unit_test(keywords_are_registered),
        cmocka_unit_test(local_parts_keep_their_case),
        cmocka_unit_test(routes_are_cut),
        cmocka_unit_test(blanks_behind_commands),
        cmocka_unit_test(odd_fields_are_no_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
