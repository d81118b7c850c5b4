/* SPDX-License-Identifier: Apache-2.0
 * client.c: the SMTP client, RFC 5321 3.1-3.3 and 4.1, RFC 2920 (pipelining), RFC 3207 (STARTTLS),
 * RFC 3030 (chunks), RFC 3461 (notices), RFC 4954 (AUTH), RFC 2033 (LMTP).
 *
 * No octet of a message leaves before the peer accepted a recipient and said that it will read
 * what comes: 354, or the 250 to a chunk (docs/decisions/0026). A peer that refuses without
 * reading would take lines of the message for commands, and whoever wrote the message would give
 * them.
 *
 * Expected replies stand in a small ring in the order of the commands; each reply goes to the
 * handler of its step, which returns nothing but may queue more commands. set_step() of the
 * session part is the only writer of `phase`. Called by smtpout, tests, fuzzer, world files.
 *
 * What can go wrong: anything a server can say. Unexpected digits end the session; bytes behind
 * the 220 of STARTTLS are an attack and end it (requirement TL6).
 */
#include "smtp/client.h"
#include "smtp/blame.h"
#include "wire/dot.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    IN_MAX = 64 * 1024,
    OUT_MAX = 8 * 1024 * 1024, /* a header section that was kept whole, its dots doubled */
    EXPECT_MAX = 64
};

enum step {
    STEP_GREETING,
    STEP_EHLO,
    STEP_HELO,
    STEP_STARTTLS,
    STEP_RSET,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_DOT,
    STEP_EMPTY_DOT,
    STEP_QUIT,
    STEP_EMPTY_CHUNK,
    STEP_CHUNK,
    STEP_AUTH,
};

enum phase { PHASE_HELLO, PHASE_TLS, PHASE_READY, PHASE_ENVELOPE, PHASE_BODY, PHASE_OVER };

struct smtp_client {
    struct smtp_client_config config;
    enum phase phase;
    bool in_tls;
    struct smtp_caps caps, announced; /* what is used of what was announced */
    struct buf in, out;
    struct smtp_answer answer;
    enum step expect[EXPECT_MAX];
    size_t expect_from, n_expect;
    struct smtp_client_event event; /* the one event a reply can cause */
    /* the message under way */
    const struct smtp_mail *mail;
    size_t rcpts_sent, rcpts_answered, rcpts_accepted;
    bool mail_refused, data_sent, needs_rset, finish_due;
    struct smtp_answer mail_answer; /* why MAIL was refused: it answers every RCPT then */
    extension_set said;             /* in MAIL and RCPT of the message under way, or by its BDAT */
    /* what was refused although it was announced; EXTENSION_END: nothing */
    enum extension untrue;
    bool untrue_certain;
    /* done without on suspicion alone, until a recipient is accepted */
    extension_set guess;
    extension_set given_back; /* guesses that did not help by themselves */
    bool grouped;             /* commands left before others were answered */
    bool untrusted;           /* what the peer did with octets it refused is not known */
    bool *accepted;           /* LMTP: which recipients await their answer */
    size_t answered_to;       /* LMTP: recipients before this one have theirs */
    bool any_delivered;
    struct dot_writer dots;
};

/* clang-format off */
static const enum smtp_wait wait_of[] = {
    [STEP_GREETING] = SMTP_WAIT_GREETING,
    [STEP_EHLO] = SMTP_WAIT_EHLO,
    [STEP_HELO] = SMTP_WAIT_EHLO,
    [STEP_STARTTLS] = SMTP_WAIT_STARTTLS,
    [STEP_RSET] = SMTP_WAIT_MAIL,
    [STEP_MAIL] = SMTP_WAIT_MAIL,
    [STEP_RCPT] = SMTP_WAIT_RCPT,
    [STEP_DATA] = SMTP_WAIT_DATA,
    [STEP_DOT] = SMTP_WAIT_DOT,
    [STEP_EMPTY_DOT] = SMTP_WAIT_DOT,
    [STEP_QUIT] = SMTP_WAIT_EHLO,
    [STEP_EMPTY_CHUNK] = SMTP_WAIT_DATA,
    [STEP_CHUNK] = SMTP_WAIT_DOT,
    [STEP_AUTH] = SMTP_WAIT_MAIL,
};
/* clang-format on */

static void emit(struct smtp_client *c, enum smtp_client_event_type type)
{
    c->event.type = type;
    c->event.answer = &c->answer;
}

static void broken(struct smtp_client *c, const char *note)
{
    /* what was still expected stands: smtp_client_waits_for() says how far it came */
    c->phase = PHASE_OVER;
    c->event.note = note;
    emit(c, SMTP_CL_BROKEN);
}

static void expect(struct smtp_client *c, enum step step)
{
    must(c->n_expect < EXPECT_MAX);
    c->grouped |= c->n_expect > 0;
    c->expect[(c->expect_from + c->n_expect++) % EXPECT_MAX] = step;
}

static void client_say(struct smtp_client *c, enum step step, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void client_say(struct smtp_client *c, enum step step, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (buf_vprintf(&c->out, fmt, ap) < 0) {
        broken(c, "the peer does not read");
    } else {
        expect(c, step);
    }
    va_end(ap);
}

struct smtp_client *smtp_client_new(const struct smtp_client_config *config)
{
    struct smtp_client *c = err_calloc(1, sizeof *c);
    c->config = *config;
    c->in = BUF_INIT(IN_MAX);
    c->out = BUF_INIT(OUT_MAX);
    c->answer.text = BUF_INIT(SMTP_REPLY_TEXT_MAX);
    c->untrue = EXTENSION_END;
    expect(c, STEP_GREETING);
    return c;
}

void smtp_client_free(struct smtp_client *c)
{
    if (c) {
        buf_wipe(&c->in);
        buf_wipe(&c->out);
        buf_free(&c->answer.text);
        buf_free(&c->mail_answer.text);
        free(c->accepted);
        free(c);
    }
}

int smtp_client_feed(struct smtp_client *c, struct str bytes)
{
    return c->phase == PHASE_OVER ? 0 : buf_add(&c->in, bytes);
}

/* --- opening ------------------------------------------------------------ */

/* RFC 5321 2.2.1 SHOULD: a client says EHLO before HELO
 * RFC 5321 4.1.1.1 MUST: EHLO or HELO comes before a mail */
static void say_hello(struct smtp_client *c)
{
    c->phase = PHASE_HELLO;
    if (c->config.avoid & EXTENSION_BIT(EHLO) && !c->config.lmtp && !c->in_tls) {
        client_say(c, STEP_HELO, "HELO %s\r\n", c->config.hello);
        return;
    }
    client_say(c, STEP_EHLO, "%s %s\r\n", c->config.lmtp ? "LHLO" : "EHLO", c->config.hello);
}

/* RFC 5321 4.3.1 SHOULD: a client waits for the greeting */
static void on_greeting(struct smtp_client *c)
{
    if (c->answer.code / 100 == 2) {
        say_hello(c);
        return;
    }
    c->phase = PHASE_OVER;
    emit(c, SMTP_CL_REJECTED);
}

/* What is avoided counts as not announced. */
static void avoid(struct smtp_client *c, extension_set set)
{
    c->config.avoid |= set;
    c->caps.pipelining &= !(set & EXTENSION_BIT(PIPELINING));
    c->caps.chunking &= !(set & EXTENSION_BIT(CHUNKING));
    c->caps.binary &= !(set & EXTENSION_BIT(CHUNKING)); /* RFC 3030 3: only with CHUNKING */
    c->caps.dsn &= !(set & EXTENSION_BIT(DSN));
    c->caps.has_size &= !(set & EXTENSION_BIT(SIZE));
    c->caps.is_8bit &= !(set & EXTENSION_BIT(8BITMIME));
    c->caps.utf8 &= !(set & EXTENSION_BIT(SMTPUTF8));
}

/* The last guess did not help, or the answer names another one: it is used again, unless this
 * one was guessed before; then both are done without. */
static void do_without(struct smtp_client *c, enum extension e, bool certain)
{
    extension_set bit = (extension_set)1 << e;
    extension_set back = c->given_back & bit ? 0 : c->guess & ~c->given_back & ~bit;
    c->given_back |= back;
    c->guess = certain ? 0 : bit;
    c->config.avoid &= ~back;
    c->caps = c->announced;
    avoid(c, c->config.avoid | bit);
}

static void client_ready(struct smtp_client *c)
{
    c->caps.bare_lf = c->answer.line_end == SMTP_LINE_LF;
    c->announced = c->caps;
    avoid(c, c->config.avoid);
    c->phase = PHASE_READY;
    emit(c, SMTP_CL_READY);
}

/* RFC 5321 2.2.1 MUST: HELO is taken, and said to servers without EHLO
 * RFC 5321 3.2 SHOULD: a client falls back to HELO when EHLO is not known
 * RFC 8689 3 SHOULD: and over TLS where that is offered
 * RFC 3207 4.2 MUST NOT: no STARTTLS inside TLS */
static void on_ehlo(struct smtp_client *c)
{
    if (c->answer.code / 100 == 5 && !c->in_tls && !c->config.lmtp) {
        c->caps.ehlo_refused = (unsigned)c->answer.code;
        client_say(c, STEP_HELO, "HELO %s\r\n", c->config.hello); /* RFC 5321 3.2 */
        return;
    }
    if (c->answer.code / 100 != 2) {
        c->phase = PHASE_OVER;
        emit(c, SMTP_CL_REJECTED);
        return;
    }
    struct str rest = buf_str(&c->answer.text), line;
    c->caps = (struct smtp_caps){.esmtp = true};
    (void)str_split(&rest, '\n', &line); /* the first line is the peer's name */
    while (str_split(&rest, '\n', &line)) {
        smtp_caps_learn(&c->caps, line);
    }
    if (c->in_tls || c->config.ignore_starttls) {
        c->caps.starttls = false; /* requirement TL10: an offer inside TLS is ignored */
    }
    if (c->caps.starttls) {
        client_say(c, STEP_STARTTLS, "STARTTLS\r\n");
        emit(c, SMTP_CL_OFFERED);
    } else {
        client_ready(c);
    }
}

static void on_helo(struct smtp_client *c)
{
    if (c->answer.code / 100 != 2) {
        c->phase = PHASE_OVER;
        emit(c, SMTP_CL_REJECTED);
        return;
    }
    c->caps = (struct smtp_caps){.ehlo_refused = c->caps.ehlo_refused};
    client_ready(c);
}

/* RFC 3207 4 MUST: behind 220 the handshake begins before any other command */
static void on_starttls(struct smtp_client *c)
{
    if (c->answer.code != 220) { /* requirement TL8: exactly 220 */
        c->phase = PHASE_OVER;
        emit(c, SMTP_CL_REFUSED);
    } else if (buf_len(&c->in) > 0) {
        broken(c, "data behind the answer to STARTTLS (reply injection)");
    } else {
        c->phase = PHASE_TLS;
        emit(c, SMTP_CL_START_TLS);
    }
}

/* RFC 3207 4.2 MUST: the client forgets what it heard before TLS
 * RFC 3207 4.2 SHOULD: the client says EHLO again */
void smtp_client_tls_started(struct smtp_client *c)
{
    must(c->phase == PHASE_TLS);
    buf_wipe(&c->in);
    c->caps = (struct smtp_caps){0};
    c->answer.line_end = SMTP_LINE_UNKNOWN; /* what came in clear decides nothing in here */
    c->in_tls = true;
    say_hello(c);
}

/* --- one message -------------------------------------------------------- */

static void client_finish(struct smtp_client *c, bool accepted)
{
    c->phase = PHASE_READY;
    c->needs_rset = !accepted;
    c->event.accepted = accepted;
    emit(c, c->untrue == EXTENSION_END ? SMTP_CL_DONE : SMTP_CL_UNTRUE);
    if (c->untrue != EXTENSION_END) {
        c->event.extension = c->untrue;
        c->event.certain = c->untrue_certain;
        do_without(c, c->untrue, c->untrue_certain);
        c->untrue = EXTENSION_END;
    }
    c->event.answer = c->mail_refused ? &c->mail_answer : &c->answer;
}

static void say_data(struct smtp_client *c)
{
    c->data_sent = true;
    client_say(c, STEP_DATA, "DATA\r\n");
}

/* RFC 5321 4.1.1.3 MUST NOT: only parameters of announced extensions are sent
 * RFC 3461 5.2.1 MUST: to a server with DSN they go on as they came
 * RFC 3461 5.2.2 MUST NOT: to a server without DSN none is said */
static void say_rcpt(struct smtp_client *c, const struct smtp_mail_rcpt *r)
{
    CLEANUP(buf_free) struct buf words = BUF_INIT(NOTIFY_ORCPT_MAX + 64);
    int e = 0;
    if (c->caps.dsn && r->notify) {
        e = buf_printf(&words, " NOTIFY=");
        e = e < 0 ? e : notify_write(r->notify, &words);
    }
    if (e == 0 && c->caps.dsn && r->orcpt.n > 0) {
        e = buf_printf(&words, " ORCPT=" STR_FMT, STR_ARG(r->orcpt));
    }
    must(e == 0);
    c->said |= buf_len(&words) > 0 ? EXTENSION_BIT(DSN) : 0;
    client_say(c, STEP_RCPT, "RCPT TO:<" STR_FMT ">" STR_FMT "\r\n", STR_ARG(r->path),
               STR_ARG(buf_str(&words)));
}

/* DATA says before the first octet that the message will be read; BDAT does not, so it is kept for
 * what DATA cannot carry (RFC 3030 3). */
static bool goes_in_chunks(const struct smtp_client *c)
{
    return c->mail->is_binary;
}

/* All recipients are answered and one was accepted. The first chunk is an empty one: a peer that
 * does not know BDAT refuses it without an octet of the message to misread. */
static void begin_chunks(struct smtp_client *c)
{
    c->data_sent = true;
    client_say(c, STEP_EMPTY_CHUNK, "BDAT 0\r\n");
}

/* Keeps at most half the ring full, so that any number of recipients can be pipelined.
 * RFC 5321 4.3.1 MUST: a client waits for each reply unless PIPELINING is offered
 * RFC 5321 4.5.4.1 SHOULD: one copy for all recipients of a server */
static void say_rcpts(struct smtp_client *c)
{
    const struct smtp_mail *m = c->mail;
    size_t window = c->caps.pipelining ? EXPECT_MAX / 2 : 1;
    while (c->rcpts_sent < m->n_rcpts && c->n_expect < window && c->phase == PHASE_ENVELOPE &&
           c->untrue == EXTENSION_END) {
        say_rcpt(c, &m->rcpts[c->rcpts_sent++]);
    }
    bool all_sent = c->rcpts_sent == m->n_rcpts && !c->data_sent && c->untrue == EXTENSION_END;
    bool all_known = c->rcpts_answered == m->n_rcpts;
    if (goes_in_chunks(c)) {
        if (all_sent && all_known && c->rcpts_accepted > 0 && c->phase == PHASE_ENVELOPE) {
            begin_chunks(c);
        }
        return;
    }
    /* else a refused NOTIFY comes too late */
    bool along = c->caps.pipelining && !(c->said & EXTENSION_BIT(DSN));
    if (all_sent && c->phase == PHASE_ENVELOPE &&
        (along ? c->rcpts_accepted > 0 || !all_known : all_known && c->rcpts_accepted > 0)) {
        say_data(c);
    }
}

/* The octets of one chunk, RFC 3030 2. */
static int say_chunk(struct smtp_client *c, struct str text, bool last)
{
    client_say(c, last ? STEP_DOT : STEP_CHUNK, "BDAT %zu%s\r\n", text.n, last ? " LAST" : "");
    return c->phase == PHASE_OVER ? -ENOSPC : buf_add(&c->out, text);
}

/* MAIL or RCPT was refused: by the words said with it? others: words that nothing can be done
 * without. */
static void blame(struct smtp_client *c, extension_set said, bool others)
{
    c->untrue = refusal_blames(&c->answer, said, others, &c->untrue_certain);
}

static bool permit_fits(const struct smtp_client *c, const struct permit *permit)
{
    return permit->granted &&
           (c->in_tls ? permit->transport == PERMIT_TLS
                      : permit->transport == PERMIT_PLAINTEXT && !c->caps.starttls);
}

/* RFC 5321 3.3 MUST: commands of a mail come in their order
 * RFC 5321 4.1.4 MUST NOT: no MAIL inside a mail
 * RFC 5321 4.5.3.1.7 SHOULD: SIZE is said to servers that offer it */
int smtp_client_send(struct smtp_client *c, const struct permit *permit,
                     const struct smtp_mail *mail)
{
    must(c->phase == PHASE_READY && mail->n_rcpts > 0);
    c->mail_refused = false; /* whatever becomes of this one */
    if (!permit_fits(c, permit)) {
        return -EPERM;
    }
    if (mail->is_binary && !(c->caps.chunking && c->caps.binary)) {
        return -EPROTONOSUPPORT; /* RFC 3030 3: never downgraded silently */
    }
    c->mail = mail;
    c->phase = PHASE_ENVELOPE;
    c->rcpts_sent = c->rcpts_answered = c->rcpts_accepted = 0;
    c->data_sent = c->any_delivered = false;
    c->said = 0;
    c->untrue = EXTENSION_END;
    c->answered_to = 0;
    free(c->accepted);
    c->accepted = c->config.lmtp ? err_calloc(mail->n_rcpts, sizeof *c->accepted) : NULL;
    c->dots = (struct dot_writer){0};
    if (c->needs_rset) {
        client_say(c, STEP_RSET, "RSET\r\n");
        c->needs_rset = false;
    }
    char size[40] = "";
    if (c->caps.has_size && c->mail->size > 0) {
        struct buf text = BUF_INIT(sizeof size);
        must(buf_printf(&text, " SIZE=%llu", (unsigned long long)mail->size) == 0);
        str_copy_cut(buf_str(&text), size, sizeof size);
        buf_free(&text);
    }
    char notice[160] = "";
    if (c->caps.dsn && mail->ret != NOTIFY_RET_NONE) {
        struct buf text = BUF_INIT(sizeof notice - 1);
        must(buf_printf(&text, " RET=%s", mail->ret == NOTIFY_RET_FULL ? "FULL" : "HDRS") == 0);
        str_copy_cut(buf_str(&text), notice, sizeof notice);
        buf_free(&text);
    }
    bool envid = c->caps.dsn && mail->envid.n > 0;
    bool body = mail->is_8bit && !mail->is_binary && c->caps.is_8bit,
         utf8 = mail->is_utf8 && c->caps.utf8;
    c->said = (*size ? EXTENSION_BIT(SIZE) : 0) | (*notice || envid ? EXTENSION_BIT(DSN) : 0) |
              (body ? EXTENSION_BIT(8BITMIME) : 0) | (utf8 ? EXTENSION_BIT(SMTPUTF8) : 0);
    client_say(c, STEP_MAIL, "MAIL FROM:<" STR_FMT ">%s%s%s" STR_FMT "%s%s%s\r\n",
               STR_ARG(mail->reverse_path), size, notice, envid ? " ENVID=" : "",
               STR_ARG(envid ? mail->envid : STR("")),
               mail->is_binary ? " BODY=BINARYMIME"
               : body          ? " BODY=8BITMIME"
                               : "",
               utf8 ? " SMTPUTF8" : "",
               mail->requiretls && c->caps.requiretls && c->in_tls ? " REQUIRETLS" : "");
    if (c->caps.pipelining) {
        say_rcpts(c);
    }
    return c->phase == PHASE_OVER ? -ENOSPC : 0;
}

static void on_rset(struct smtp_client *c)
{
    if (c->answer.code / 100 != 2) {
        broken(c, "RSET was refused");
    }
}

static void keep_answer(struct smtp_client *c)
{
    c->mail_answer.code = c->answer.code;
    c->mail_answer.text.max = SMTP_REPLY_TEXT_MAX;
    buf_reset(&c->mail_answer.text);
    (void)!buf_add(&c->mail_answer.text, buf_str(&c->answer.text));
}

static void client_on_mail(struct smtp_client *c)
{
    if (c->answer.code / 100 == 2) {
        say_rcpts(c);
        return;
    }
    c->mail_refused = true;
    keep_answer(c);
    const struct smtp_mail *m = c->mail;
    blame(c, c->said, m->is_binary || (m->requiretls && c->caps.requiretls && c->in_tls));
    if (c->n_expect == 0) {
        client_finish(c, false);
    }
    /* else: pipelined RCPT and DATA are still to be answered; what the sender should hear then is
     * why MAIL was refused, not that RCPT came out of order */
}

static void client_on_rcpt(struct smtp_client *c)
{
    c->event.rcpt = c->rcpts_answered++;
    c->event.accepted = c->answer.code / 100 == 2 && !c->mail_refused;
    c->rcpts_accepted += c->event.accepted;
    if (c->event.accepted) {
        c->guess = c->given_back = 0; /* the words of this envelope are right */
    }
    if (!c->event.accepted && !c->mail_refused && c->untrue == EXTENSION_END) {
        blame(c, c->said & EXTENSION_BIT(DSN), true); /* it may have been said with MAIL alone */
        if (c->untrue != EXTENSION_END) {
            c->mail_refused = true; /* what follows is only read: the message is offered again */
            keep_answer(c);
        }
    }
    if (c->untrue != EXTENSION_END) {
        if (c->n_expect == 0 && !c->data_sent) {
            client_finish(c, false);
        }
        return;
    }
    if (c->accepted) {
        c->accepted[c->event.rcpt] = c->event.accepted;
    }
    emit(c, SMTP_CL_RCPT);
    if (c->mail_refused) {
        c->event.answer = &c->mail_answer;
    } else {
        say_rcpts(c);
    }
    c->finish_due = c->n_expect == 0 && !c->data_sent;
}

/* RFC 5321 3.3 MUST NOT: no message text without a 354 */
static void client_on_data(struct smtp_client *c)
{
    if (c->answer.code == 354 && c->rcpts_accepted == 0) {
        /* RFC 2920 3.1: 354 although no recipient was taken: send nothing but the dot */
        client_say(c, STEP_EMPTY_DOT, ".\r\n");
    } else if (c->answer.code == 354) {
        c->phase = PHASE_BODY;
        emit(c, SMTP_CL_BODY);
    } else {
        client_finish(c, false);
    }
}

static void on_empty_chunk(struct smtp_client *c)
{
    if (c->answer.code / 100 == 2) {
        c->phase = PHASE_BODY;
        emit(c, SMTP_CL_BODY);
    } else {
        /* and not 452, 552, 554: those are about the message */
        bool unknown = c->answer.code >= 500 && c->answer.code <= 504;
        c->untrue = unknown ? EXTENSION_CHUNKING : EXTENSION_END;
        c->untrue_certain = unknown;
        client_finish(c, false);
    }
}

/* The answer to a chunk with octets, not the last: nothing follows a refused one. Whether the
 * peer read its octets is not known, so the session carries no further message. */
static void on_chunk(struct smtp_client *c)
{
    if (c->answer.code / 100 != 2) {
        c->untrusted = true;
        client_finish(c, false);
    }
}

static void on_last(struct smtp_client *c)
{
    bool taken = c->answer.code / 100 == 2;
    /* not taken, and the peer is closing */
    c->untrusted |= (!taken && goes_in_chunks(c)) || c->answer.code == 421;
    client_finish(c, taken && c->rcpts_accepted > 0);
}

/* LMTP: an answer for each recipient that was accepted, in their order (RFC 2033 4.2). */
static void on_dot(struct smtp_client *c)
{
    if (!c->accepted) {
        on_last(c);
        return;
    }
    while (c->answered_to < c->mail->n_rcpts && !c->accepted[c->answered_to]) {
        c->answered_to++;
    }
    c->event.rcpt = c->answered_to++;
    c->event.accepted = c->answer.code / 100 == 2;
    c->any_delivered |= c->event.accepted;
    c->untrusted |= !c->event.accepted && goes_in_chunks(c);
    emit(c, SMTP_CL_RCPT_DONE);
    if (--c->rcpts_accepted > 0) {
        expect(c, STEP_DOT);
    } else {
        c->finish_due = true;
    }
}

static void on_auth(struct smtp_client *c)
{
    bool more = c->answer.code == 334;
    c->event.accepted = c->answer.code == 235;
    emit(c, more ? SMTP_CL_AUTH_STEP : SMTP_CL_AUTH_DONE);
}

void smtp_client_auth(struct smtp_client *c, const char *mechanism, struct str initial)
{
    must(c->phase == PHASE_READY && c->in_tls); /* requirement SM41 */
    client_say(c, STEP_AUTH, "AUTH %s%s" STR_FMT "\r\n", mechanism, initial.n > 0 ? " " : "",
               STR_ARG(initial));
}

void smtp_client_auth_reply(struct smtp_client *c, struct str text)
{
    client_say(c, STEP_AUTH, STR_FMT "\r\n", STR_ARG(text));
}

bool smtp_client_wants_body(const struct smtp_client *c)
{
    return c->phase == PHASE_BODY && c->n_expect == 0;
}

int smtp_client_body(struct smtp_client *c, struct str text, bool last)
{
    if (!smtp_client_wants_body(c)) {
        return -EPIPE;
    }
    if (goes_in_chunks(c)) {
        return text.n > 0 || last ? say_chunk(c, text, last) : 0;
    }
    int r = dot_write(&c->dots, text, &c->out);
    if (r == 0 && last) {
        r = dot_finish(&c->dots, &c->out);
        expect(c, STEP_DOT);
    }
    return r;
}

bool smtp_client_reusable(const struct smtp_client *c)
{
    return !c->untrusted;
}

const struct smtp_answer *smtp_client_mail_refused(const struct smtp_client *c)
{
    return c->mail_refused && c->untrue == EXTENSION_END ? &c->mail_answer : NULL;
}

void smtp_client_quit(struct smtp_client *c)
{
    if (c->phase == PHASE_READY) {
        client_say(c, STEP_QUIT, "QUIT\r\n");
    }
    c->phase = PHASE_OVER;
}

/* --- replies ------------------------------------------------------------ */

static void client_on_answer(struct smtp_client *c, enum step step)
{
    switch (step) {
    case STEP_GREETING:
        on_greeting(c);
        break;
    case STEP_EHLO:
        on_ehlo(c);
        break;
    case STEP_HELO:
        on_helo(c);
        break;
    case STEP_STARTTLS:
        on_starttls(c);
        break;
    case STEP_RSET:
        on_rset(c);
        break;
    case STEP_MAIL:
        client_on_mail(c);
        break;
    case STEP_RCPT:
        client_on_rcpt(c);
        break;
    case STEP_DATA:
        client_on_data(c);
        break;
    case STEP_DOT:
        on_dot(c);
        break;
    case STEP_EMPTY_CHUNK:
        on_empty_chunk(c);
        break;
    case STEP_CHUNK:
        on_chunk(c);
        break;
    case STEP_AUTH:
        on_auth(c);
        break;
    case STEP_EMPTY_DOT:
        client_finish(c, false);
        break;
    case STEP_QUIT:
        break;
    }
}

/* Nothing was asked and no message is on its way. */
static void on_unasked(struct smtp_client *c)
{
    if (buf_len(&c->in) > 0 && c->phase == PHASE_READY) {
        c->answer.code = 0;
        c->answer.lines = 0;
        buf_reset(&c->answer.text);
        bool closing =
            smtp_answer_read(&c->answer, &c->in) == SMTP_READ_DONE && c->answer.code == 421;
        broken(c, closing ? "the peer ended the session" : "a reply nobody asked for");
    }
}

/* An answer before the dot: a refusal stands, as without the dot nothing was taken (RFC 5321
 * 4.1.1.4); the peer may take the rest of the message for commands, or has gone. */
static void on_early(struct smtp_client *c)
{
    if (c->answer.code >= 400 && !c->accepted) {
        c->untrusted = true;
        client_finish(c, false);
    } else {
        broken(c, "an answer before the end of the message");
    }
}

void smtp_client_next(struct smtp_client *c, struct smtp_client_event *ret)
{
    c->event = (struct smtp_client_event){.type = SMTP_CL_NONE};
    if (c->finish_due) {
        c->finish_due = false;
        client_finish(c, c->any_delivered);
    }
    while (c->event.type == SMTP_CL_NONE && c->phase != PHASE_OVER) {
        bool early = c->n_expect == 0 && c->phase == PHASE_BODY && !goes_in_chunks(c);
        if (c->n_expect == 0 && !early) {
            on_unasked(c);
            break;
        }
        if (c->answer.lines == 0) {
            buf_reset(&c->answer.text);
        }
        enum smtp_read read = smtp_answer_read(&c->answer, &c->in);
        if (read == SMTP_READ_MORE) {
            break;
        }
        if (read == SMTP_READ_BROKEN) {
            broken(c, "the peer does not speak SMTP");
            break;
        }
        if (early) {
            c->answer.lines = 0;
            on_early(c);
            break;
        }
        enum step step = c->expect[c->expect_from];
        c->expect_from = (c->expect_from + 1) % EXPECT_MAX;
        c->n_expect--;
        c->grouped &= c->n_expect > 0;
        c->answer.lines = 0;
        if (c->answer.code == 421 && step != STEP_QUIT && (step != STEP_DOT || c->accepted)) {
            c->phase = PHASE_OVER; /* RFC 5321 3.8: the peer is closing */
            emit(c, SMTP_CL_REJECTED);
        } else {
            client_on_answer(c, step);
        }
    }
    *ret = c->event;
}

struct buf *smtp_client_out(struct smtp_client *c)
{
    return &c->out;
}

extension_set smtp_client_avoids(const struct smtp_client *c)
{
    return c->config.avoid;
}

const struct smtp_caps *smtp_client_caps(const struct smtp_client *c)
{
    return &c->caps;
}

bool smtp_client_pipelined(const struct smtp_client *c)
{
    return c->grouped && c->n_expect > 0;
}

enum smtp_wait smtp_client_waits_for(const struct smtp_client *c)
{
    return c->n_expect > 0 ? wait_of[c->expect[c->expect_from]] : SMTP_WAIT_NOTHING;
}
