/* SPDX-License-Identifier: Apache-2.0
 * server.c: the session of the SMTP server: lines, the command table, the body, the end. Called by
 * smtpin/session.c; explain and the fuzzers play it, too.
 *
 * RFC 5321 4.1.1 (commands), 4.1.4 (order), 4.5.3 (sizes), RFC 2920 (pipelining), RFC 3207
 * (STARTTLS), RFC 3030 (BDAT), RFC 4954 (AUTH). The order of commands is checked in the table
 * below and nowhere else. A line ends with CRLF; a bare LF in it ends the session (RFC 5321
 * 2.3.8: what follows is the same line and no command), unless config.device says that this
 * client is an old machine of ours. Where a message ends does not depend on that: CRLF . CRLF
 * alone (wire/dot.h).
 */
#include "smtp/server_priv.h"
#include "wire/domain.h"

#include <stdlib.h>

enum {
    IN_MAX = 256 * 1024,
    IN_ENOUGH = 64 * 1024,
    OUT_MAX = 256 * 1024,
    ARENA_MAX = 4 * 1024 * 1024
};

/* RFC 5321 3.3 MUST: RCPT without MAIL is answered 503
 * RFC 5321 3.3 MAY: DATA without a recipient is answered 503
 * RFC 5321 4.1.4 SHOULD: NOOP, HELP, VRFY and RSET are answered before EHLO
 * RFC 5321 4.5.1 MUST: EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY are there */
static const struct smtp_command commands[] = {
    {"EHLO", ST_ANY, smtp_cmd_ehlo, REFUSE_END},
    {"HELO", ST_ANY, smtp_cmd_helo, REFUSE_END},
    {"STARTTLS", ST_READY, smtp_cmd_starttls, REFUSE_HELLO_FIRST},
    {"MAIL", ST_READY, smtp_cmd_mail, REFUSE_MAIL_OPEN},
    {"RCPT", ST_MAIL | ST_RCPT, smtp_cmd_rcpt, REFUSE_MAIL_FIRST},
    {"DATA", ST_RCPT, smtp_cmd_data, REFUSE_RCPT_FIRST},
    {"BDAT", ST_ANY, smtp_cmd_bdat, REFUSE_END}, /* its octets follow whatever is answered */
    {"AUTH", ST_READY, smtp_cmd_auth, REFUSE_AUTH_PLACE},
    {"RSET", ST_ANY, smtp_cmd_rset, REFUSE_END},
    {"NOOP", ST_ANY, smtp_cmd_noop, REFUSE_END},
    {"VRFY", ST_ANY, smtp_cmd_vrfy, REFUSE_END},
    {"HELP", ST_ANY, smtp_cmd_help, REFUSE_END},
    {"QUIT", ST_ANY, smtp_cmd_quit, REFUSE_END},
};

struct smtp_server *smtp_server_new(const struct smtp_server_config *config)
{
    struct smtp_server *s = err_calloc(1, sizeof *s);
    s->config = *config;
    s->state = ST_START;
    s->in = BUF_INIT(IN_MAX);
    s->out = BUF_INIT(OUT_MAX);
    s->helo = s->helo_before = BUF_INIT(1024);
    s->auth_bytes = BUF_INIT(SMTP_AUTH_LINE_MAX);
    s->repair_out = BUF_INIT(3 * IN_MAX);
    s->arena = ARENA_INIT(ARENA_MAX);
    return s;
}

void smtp_server_free(struct smtp_server *s)
{
    if (!s) {
        return;
    }
    buf_wipe(&s->in);
    buf_free(&s->out);
    buf_free(&s->helo);
    buf_free(&s->helo_before);
    buf_wipe(&s->auth_bytes);
    buf_wipe(&s->repair_out);
    arena_reset(&s->arena);
    free(s);
}

static void write_reply(struct smtp_server *s, const struct smtp_reply *r)
{
    if (smtp_reply_write(r, &s->out) < 0) {
        s->state = ST_ENDED; /* a client that does not read its replies */
        s->note = "the client does not read its replies";
    }
}

/* RFC 5321 3.1 MAY: the greeting names the software, without a version */
void smtp_server_greet(struct smtp_server *s)
{
    char text[512];
    struct buf line = BUF_INIT(sizeof text);
    if (buf_printf(&line, "%s ESMTP %s", s->config.hostname, s->config.greeting) == 0) {
        str_copy_cut(buf_str(&line), text, sizeof text);
        write_reply(s, &(struct smtp_reply){220, NULL, text});
    }
    buf_free(&line);
}

int smtp_server_feed(struct smtp_server *s, struct str bytes)
{
    return s->state == ST_ENDED ? 0 : buf_add(&s->in, bytes);
}

bool smtp_server_wants_input(const struct smtp_server *s)
{
    return s->state != ST_ENDED && buf_len(&s->in) < IN_ENOUGH;
}

/* RFC 5321 4.1.1.10 MUST: a mail that was cut off is given up, those before it stay */
void smtp_server_reset(struct smtp_server *s)
{
    if (s->state & (ST_MAIL | ST_RCPT | ST_BODY | ST_CHUNK | ST_CHUNKS)) {
        s->abort_due = true;
        s->drain = s->state == ST_CHUNK ? s->chunk_left : s->drain;
        s->state = ST_READY;
    }
    s->chunk_left = 0;
    s->chunk_last = s->chunk_asked = false;
    arena_reset(&s->arena);
    s->tx = (struct smtp_transaction){0};
    s->repair = (struct line_repair){0};
    smtp_body_start(&s->body);
}

void smtp_server_reply(struct smtp_server *s, int code, const char *enhanced, const char *text)
{
    write_reply(s, &(struct smtp_reply){code, enhanced, text});
    if (code >= 500 && ++s->errors >= s->config.errors_max && s->state != ST_ENDED) {
        s->note = "too many errors";
        smtp_server_end(s, smtp_refusal(REFUSE_ERRORS_TOO_MANY));
    }
}

void smtp_server_on_refusal(struct smtp_server *s, smtp_refused_fn fn, void *arg)
{
    s->refused = fn;
    s->refused_arg = arg;
}

void smtp_server_refuse(struct smtp_server *s, enum smtp_refusal r)
{
    const struct smtp_reply *reply = smtp_refusal(r);
    if (s->refused) {
        s->refused(s->refused_arg, s->line, reply);
    }
    smtp_server_reply(s, reply->code, reply->enhanced, reply->text);
}

void smtp_server_end(struct smtp_server *s, const struct smtp_reply *r)
{
    if (s->state != ST_ENDED) {
        smtp_server_reset(s);
        write_reply(s, r);
        s->state = ST_ENDED;
        s->asking = false;
    }
}

/* RFC 5321 2.4 MUST: the case of a local part is kept
 * RFC 5321 4.1.2 SHOULD: local parts are sent as they were written */
int smtp_server_keep_path(struct smtp_server *s, const struct address *a, struct address *ret)
{
    char text[ADDRESS_MAX + 1];
    struct str copy;
    int r = a->domain.n > 0 ? address_canonical(a->whole, text, sizeof text)
                            : str_copy(a->whole, text, sizeof text);
    if (r < 0) {
        return r == -ENOSPC ? -EMSGSIZE : r;
    }
    r = arena_copy(&s->arena, str_c(text), &copy);
    if (r < 0) {
        return r;
    }
    size_t domain = a->domain.n > 0 ? a->local.n + 1 : copy.n;
    *ret = (struct address){
        .whole = copy,
        .local = str_slice(copy, 0, a->local.n),
        .domain = str_slice(copy, domain, copy.n),
    };
    return 0;
}

void smtp_server_ask(struct smtp_server *s, enum smtp_event_type type)
{
    s->asking = true;
    s->asked = s->question = type;
}

/* RFC 3207 4.2 MUST: the server forgets what it heard before TLS */
void smtp_server_tls_started(struct smtp_server *s)
{
    smtp_server_reset(s);
    s->abort_due = false;
    buf_wipe(&s->in);
    buf_reset(&s->helo);
    s->esmtp = false;
    s->authenticated = false;
    s->in_tls = true;
    s->state = ST_START;
}

/* A browser was led here to speak SMTP in our name inside its request (cross-protocol attacks):
 * nothing of it is looked at. */
static bool is_http(struct str verb)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (str_eq_nocase(verb, str_c(methods[i]))) {
            return true;
        }
    }
    return false;
}

/* RFC 5321 2.4 MAY: verbs and keywords in any case */
static const struct smtp_command *command_of(struct str verb)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (str_eq_nocase(verb, str_c(commands[i].verb))) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Whoever sends the message although DATA was refused has its lines run as commands: nothing of
 * that is looked at. */
static bool server_is_text(struct smtp_server *s, struct str line)
{
    bool text = s->data_refused && !command_of(str_slice(line, 0, str_find(line, ' ', 0)));
    s->data_refused = false;
    if (text) {
        s->note = "the text of a message whose DATA was refused";
        smtp_server_end(s, smtp_refusal(REFUSE_TEXT));
    }
    return text;
}

/* RFC 5321 4.1.1 SHOULD: blanks before CRLF are tolerated
 * RFC 5321 4.1.4 MUST: commands out of order are answered 503 and change nothing
 * RFC 5321 4.2 MUST: every command has one reply
 * RFC 5321 4.2.3 SHOULD: a command nobody knows is answered 500 */
static void run_command(struct smtp_server *s, struct str line)
{
    size_t space = str_find(line, ' ', 0);
    struct str verb = str_slice(line, 0, space);
    struct str args = str_trim(str_slice(line, space, line.n));
    const struct smtp_command *c = command_of(verb);
    if (c) {
        s->line = c->run == smtp_cmd_auth ? verb : line;
        if (s->state & c->allowed) {
            c->run(s, args);
        } else {
            smtp_server_refuse(s, s->state == ST_START    ? REFUSE_HELLO_FIRST
                                  : s->state == ST_CHUNKS ? REFUSE_CHUNKS_OPEN
                                                          : c->out_of_order);
        }
        s->line = STR("");
        s->data_refused = c->run == smtp_cmd_data && !s->asking;
        return;
    }
    if (is_http(verb)) {
        s->note = "HTTP, not SMTP";
        smtp_server_end(s, smtp_refusal(REFUSE_HTTP));
        return;
    }
    smtp_server_refuse(s, REFUSE_UNKNOWN_COMMAND);
}

/* Octets that the line may have which begins so. Tickets and tokens come with AUTH, and behind
 * it (RFC 4954 4). */
static size_t line_max(const struct smtp_server *s, struct str begin)
{
    bool auth = s->state == ST_AUTH || str_starts_nocase(begin, STR("AUTH "));
    return auth ? SMTP_AUTH_LINE_MAX : s->config.command_line_max;
}

/* A line is a command only if it is CRLF-ended, short enough, and free of NUL and CR. True:
 * nothing more is due.
 * RFC 5321 2.3.8 MUST NOT: nothing but CRLF ends a line */
static bool answer_line(struct smtp_server *s, struct str line, struct str text, bool crlf)
{
    if (server_is_text(s, text)) {
        return true;
    }
    if (line.n > line_max(s, line)) {
        smtp_server_refuse(s, REFUSE_LINE_LONG);
    } else if (!crlf) {
        /* up to CRLF it is one line with one answer: none of what follows is a command */
        s->note = "a command that does not end with CR LF";
        smtp_server_end(s, smtp_refusal(REFUSE_LINE_END));
    } else if (memchr(text.p, 0, text.n) || memchr(text.p, '\r', text.n)) {
        smtp_server_refuse(s, REFUSE_LINE_OCTETS);
    } else if (s->state == ST_AUTH) {
        smtp_auth_line(s, text);
        return true;
    } else if (text.n > 0 || !s->config.device) {
        /* an empty line is the rest of an odd line end there */
        run_command(s, text);
    }
    return false;
}

/* Octets up to an LF, which ends what is passed over only behind a CR. */
static void server_take_line(struct smtp_server *s, struct str line)
{
    bool crlf = line.n >= 2 && line.p[line.n - 2] == '\r' && line.p[line.n - 1] == '\n',
         skipped = s->skipping_line;
    struct str text = str_slice(line, 0, line.n - (crlf ? 2 : 1));
    if (s->config.device) {
        s->repaired |= crlf || s->swallow_lf ? 0 : REPAIR_COMMAND_END;
        crlf = true;
    }
    s->skipping_line = !crlf;
    if (!skipped && answer_line(s, line, text, crlf)) {
        return;
    }
    if (s->state == ST_AUTH && !s->asking) {
        s->state = ST_READY; /* the line could not be taken: the exchange is over */
        s->cancel_due = true;
    }
}

/* True for commands behind which other octets than lines come: their LF is waited for. */
static bool needs_whole_end(struct str line)
{
    return str_starts_nocase(line, STR("STARTTLS")) || str_starts_nocase(line, STR("BDAT"));
}

/* Octets of the line at the front with its end; 0: it is not complete. A device may end it with
 * a CR, and then waits for the answer: whether an LF follows is seen later. */
static size_t whole_line(struct smtp_server *s, struct str in)
{
    size_t lf = str_find(in, '\n', 0),
           cr = s->config.device ? str_find(str_slice(in, 0, lf), '\r', 0) : lf;
    if (cr == lf || (cr + 1 == lf && lf < in.n)) {
        return lf < in.n ? lf + 1 : 0;
    }
    if (cr + 1 < in.n) {
        return cr + 1;
    }
    s->swallow_lf = !needs_whole_end(in);
    return s->swallow_lf ? cr + 1 : 0;
}

/* The first octet of a TLS handshake, where none has begun (RFC 8446 5.1). */
static bool server_is_tls(const struct smtp_server *s, struct str in)
{
    return s->state == ST_START && !s->in_tls && in.n > 0 && in.p[0] == 0x16;
}

/* True when a whole line was taken. */
static bool next_line(struct smtp_server *s)
{
    struct str in = buf_str(&s->in);
    if (server_is_tls(s, in)) {
        s->note = "TLS, not SMTP";
        smtp_server_end(s, smtp_refusal(REFUSE_TLS));
        return true;
    }
    size_t n = whole_line(s, in);
    if (n == 0) {
        if (in.n > line_max(s, in) && !s->skipping_line && !server_is_text(s, in)) {
            s->skipping_line = true;
            smtp_server_refuse(s, REFUSE_LINE_LONG);
        }
        if (s->skipping_line && in.n > 1) {
            buf_consume(&s->in, in.n - 1); /* keep one octet: it may be the CR */
        }
        return false;
    }
    server_take_line(s, str_slice(in, 0, n));
    if (s->state != ST_ENDED && buf_len(&s->in) >= n) {
        buf_consume(&s->in, n);
    }
    return true;
}

int smtp_server_path(struct smtp_server *s, struct str *rest, bool utf8, bool is_rcpt,
                     struct address *ret)
{
    struct str word = str_slice(*rest, 0, str_find(*rest, ' ', 0));
    if (!s->config.device || word.n == 0 || word.p[0] == '<') {
        return address_path(rest, utf8, !is_rcpt, is_rcpt, ret);
    }
    int r = address_mailbox(word, utf8, ret);
    if (r == 0) {
        s->tx.repaired |= REPAIR_PATH;
        *rest = str_slice(*rest, word.n, rest->n);
    }
    return r;
}

/* RFC 5321 6.4 MUST NOT: a relay repairs no message */
struct str smtp_server_repair(struct smtp_server *s, struct str text, bool stuffed)
{
    if (!s->config.device || s->tx.is_binary) {
        return text;
    }
    buf_reset(&s->repair_out);
    must(line_repair(&s->repair, text, stuffed, &s->repair_out) == 0); /* it at most doubles */
    return buf_str(&s->repair_out);
}

void smtp_server_end_of_message(struct smtp_server *s, struct smtp_event *ret)
{
    const struct smtp_reply *refusal = smtp_body_refusal(&s->body);
    if (!refusal) {
        s->tx.repaired |= s->repaired | (s->repair.bare_lf ? REPAIR_BARE_LF : 0) |
                          (s->repair.bare_cr ? REPAIR_BARE_CR : 0);
        smtp_server_ask(s, SMTP_EV_BODY_END);
        s->asked = SMTP_EV_NONE; /* told right here */
        ret->type = SMTP_EV_BODY_END;
        return;
    }
    ret->type = SMTP_EV_ABORT;
    ret->note = refusal->text;
    smtp_server_reset(s);
    s->abort_due = false;
    smtp_server_reply(s, refusal->code, refusal->enhanced, refusal->text);
}

/* The next piece of the body. True when *ret holds an event. */
static bool next_body(struct smtp_server *s, struct smtp_event *ret)
{
    while (buf_len(&s->in) > 0 && !s->body.dots.done) {
        struct str in = buf_str(&s->in), text;
        struct str rest = in;
        dot_read(&s->body.dots, &rest, &text);
        text = smtp_server_repair(s, text, true);
        s->tx.size += text.n;
        smtp_body_look(&s->body, &s->config, text, s->tx.size);
        s->tx.tls_required_no = s->body.tls_required_no && s->body.tls_required_fields == 1;
        s->in.head += in.n - rest.n; /* the view stays valid until the next change of s->in */
        if (text.n > 0 && !smtp_body_refusal(&s->body)) {
            ret->type = SMTP_EV_BODY;
            ret->bytes = text;
            return true;
        }
    }
    if (s->body.dots.done) {
        smtp_server_end_of_message(s, ret);
        return true;
    }
    buf_consume(&s->in, 0);
    return false;
}

/* Events that a command left behind. True when *ret holds one. */
static bool pending_event(struct smtp_server *s, struct smtp_event *ret)
{
    if (s->abort_due) {
        s->abort_due = false;
        ret->type = SMTP_EV_ABORT;
    } else if (s->cancel_due) {
        s->cancel_due = false;
        ret->type = SMTP_EV_AUTH_CANCEL;
    } else if (s->asking && s->asked != SMTP_EV_NONE) {
        ret->type = s->asked;
        ret->rcpt = s->rcpt_address;
        ret->mechanism = str_c(s->auth_mechanism);
        ret->bytes = buf_str(&s->auth_bytes);
        ret->has_bytes = s->auth_has_bytes;
        s->asked = SMTP_EV_NONE; /* told once; the answer is still awaited */
    } else if (s->starttls_due) {
        s->starttls_due = false;
        ret->type = SMTP_EV_STARTTLS;
    } else if (s->state == ST_ENDED) {
        ret->type = SMTP_EV_CLOSE;
        ret->note = s->note;
    } else {
        return false;
    }
    return true;
}

/* Octets of a refused chunk: true when all are gone. */
static bool drain(struct smtp_server *s)
{
    size_t n = buf_len(&s->in) < s->drain ? buf_len(&s->in) : (size_t)s->drain;
    buf_consume(&s->in, n);
    s->drain -= n;
    return s->drain == 0;
}

void smtp_server_next(struct smtp_server *s, struct smtp_event *ret)
{
    *ret = (struct smtp_event){.type = SMTP_EV_NONE};
    for (;;) {
        if (pending_event(s, ret) || s->asking) {
            return;
        }
        if (s->swallow_lf && buf_len(&s->in) > 0) {
            bool came = *buf_str(&s->in).p == '\n';
            s->swallow_lf = false;
            s->repaired |= came ? 0 : REPAIR_COMMAND_END;
            buf_consume(&s->in, came);
        }
        if (s->state == ST_BODY) {
            (void)next_body(s, ret);
            return;
        }
        if (s->state == ST_CHUNK) {
            if (smtp_chunk_next(s, ret) || s->state == ST_CHUNK) {
                return;
            }
            continue;
        }
        if (s->drain > 0 && !drain(s)) {
            return;
        }
        if (!next_line(s)) {
            return;
        }
    }
}

static void server_take_rcpt(struct smtp_server *s)
{
    struct smtp_transaction *tx = &s->tx;
    if ((tx->n_rcpts & (tx->n_rcpts - 1)) == 0) { /* 0, 1, 2, 4, ...: time to grow */
        size_t cap = tx->n_rcpts ? tx->n_rcpts * 2 : 1;
        struct smtp_rcpt *grown = arena_alloc(&s->arena, cap * sizeof *grown);
        if (!grown) {
            smtp_server_refuse(s, REFUSE_RCPTS_TOO_MANY);
            return;
        }
        if (tx->n_rcpts) {
            memcpy(grown, tx->rcpts, tx->n_rcpts * sizeof *grown);
        }
        tx->rcpts = grown;
    }
    tx->rcpts[tx->n_rcpts++] = s->rcpt_asked;
    s->state = ST_RCPT;
    write_reply(s, &(struct smtp_reply){250, "2.1.5", "Recipient accepted"});
}

static void message_answered(struct smtp_server *s, const struct smtp_reply *r)
{
    smtp_server_reset(s);
    s->abort_due = false;
    if (r->code < 400 && ++s->transactions >= s->config.transactions_max) {
        write_reply(s, r);
        s->note = "messages per session reached";
        smtp_server_end(s, smtp_refusal(REFUSE_MESSAGES_ENOUGH));
        return;
    }
    smtp_server_reply(s, r->code, r->enhanced, r->text);
}

/* 354 takes the body. A refused BDAT ends the transaction (RFC 3030 2): its further chunks must not
 * be taken for the first ones. */
static void data_answered(struct smtp_server *s, const struct smtp_reply *r)
{
    bool chunked = s->chunk_asked;
    s->chunk_asked = false;
    if (r->code == 354) {
        smtp_body_start(&s->body);
        s->state = chunked ? ST_CHUNK : ST_BODY;
    } else if (chunked) {
        s->state = ST_CHUNK; /* what is left of it is dropped */
        smtp_server_reset(s);
    }
    s->data_refused = r->code != 354 && !chunked;
    if (r->code != 354 || !chunked) {
        smtp_server_reply(s, r->code, r->enhanced, r->text);
    }
}

void smtp_server_answer(struct smtp_server *s, const struct smtp_reply *r)
{
    if (!s->asking) {
        return; /* the session ended meanwhile */
    }
    bool good = r->code < 400;
    s->asking = false;
    if (s->question == SMTP_EV_BODY_END) {
        message_answered(s, r);
    } else if (s->question == SMTP_EV_DATA) {
        data_answered(s, r);
    } else if (s->question == SMTP_EV_HELLO) {
        smtp_hello_answered(s, r);
    } else if (s->question == SMTP_EV_RCPT && good) {
        server_take_rcpt(s);
    } else {
        if (s->question == SMTP_EV_MAIL && good) {
            s->state = ST_MAIL;
        } else if (s->question == SMTP_EV_MAIL) {
            arena_reset(&s->arena);
            s->tx = (struct smtp_transaction){0};
        }
        smtp_server_reply(s, r->code, r->enhanced, r->text);
    }
}

struct buf *smtp_server_out(struct smtp_server *s)
{
    return &s->out;
}

const struct smtp_transaction *smtp_server_transaction(const struct smtp_server *s)
{
    return &s->tx;
}

struct str smtp_server_helo(const struct smtp_server *s)
{
    return buf_str(&s->helo);
}

bool smtp_server_is_esmtp(const struct smtp_server *s)
{
    return s->esmtp;
}

bool smtp_server_waits_for_end(const struct smtp_server *s)
{
    return s->state == ST_BODY && s->repair.lone_dot;
}

bool smtp_server_in_body(const struct smtp_server *s)
{
    return (s->state == ST_BODY || s->state == ST_CHUNK) && !s->asking;
}

bool smtp_server_in_message(const struct smtp_server *s)
{
    return (s->state & (ST_BODY | ST_CHUNK | ST_CHUNKS)) != 0;
}

bool smtp_server_is_authenticated(const struct smtp_server *s)
{
    return s->authenticated;
}

bool smtp_server_waits(const struct smtp_server *s)
{
    return s->asking;
}

unsigned smtp_server_errors(const struct smtp_server *s)
{
    return s->errors;
}
