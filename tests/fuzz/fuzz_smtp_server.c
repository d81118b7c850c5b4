/* SPDX-License-Identifier: Apache-2.0
 * fuzz_smtp_server.c: libFuzzer target. Any bytes at the server engine, in any pieces; answers
 * and TLS at the input's will; as anybody and as a device. And any bytes behind DATA: the
 * message must end where a model says that knows nothing of the engine.
 */
#include "fuzz.h"
#include "smtp/server.h"

static struct smtp_server_config config = {
    .hostname = "mx.test",
    .greeting = "x",
    .can_starttls = true,
    .auth = "PLAIN LOGIN",
    .command_line_max = 600,
    .size_max = 5000,
    .header_octets_max = 2000,
    .header_lines_max = 20,
    .header_field_max = 500,
    .hops_max = 5,
    .recipients_max = 10,
    .errors_max = 50,
    .transactions_max = 20,
};

static bool tls; /* of the session under way */

static bool act(struct smtp_server *s, uint8_t mood)
{
    struct smtp_event ev;
    for (;;) {
        smtp_server_next(s, &ev);
        const struct smtp_reply yes = {ev.type == SMTP_EV_DATA ? 354 : 250,
                                       ev.type == SMTP_EV_DATA ? NULL : "2.0.0", "yes"},
                                no = {451, "4.3.0", "no"};
        switch (ev.type) {
        case SMTP_EV_NONE:
            return true;
        case SMTP_EV_AUTH:
        case SMTP_EV_AUTH_RESPONSE:
            must(tls && smtp_server_transaction(s)->n_rcpts == 0);
            if (mood & 2) {
                smtp_server_challenge(s, STR("eA=="));
            } else {
                smtp_server_auth_done(s, mood & 1, mood & 1 ? &no : &yes);
            }
            mood = (uint8_t)(mood >> 1 | mood << 7);
            break;
        case SMTP_EV_AUTH_CANCEL:
            break;
        case SMTP_EV_HELLO:
        case SMTP_EV_MAIL:
        case SMTP_EV_RCPT:
        case SMTP_EV_DATA:
        case SMTP_EV_BODY_END:
            must(ev.type != SMTP_EV_BODY_END || smtp_server_transaction(s)->n_rcpts > 0);
            smtp_server_answer(s, mood & 1 ? &no : &yes);
            mood = (uint8_t)(mood >> 1 | mood << 7);
            break;
        case SMTP_EV_BODY:
            must(smtp_server_transaction(s)->n_rcpts > 0);
            break;
        case SMTP_EV_ABORT:
            break;
        case SMTP_EV_STARTTLS:
            smtp_server_tls_started(s);
            tls = true;
            break;
        case SMTP_EV_CLOSE:
            return false;
        }
        buf_reset(smtp_server_out(s));
    }
}

/* RFC 5321 4.1.1.4 as plainly as it can be said: octets of the message with its end, the line
 * that holds only a dot; 0: it goes on. */
static size_t end_of_data(struct str in)
{
    if (in.n >= 3 && memcmp(in.p, ".\r\n", 3) == 0) {
        return 3;
    }
    for (size_t i = 0; i + 5 <= in.n; i++) {
        if (memcmp(in.p + i, "\r\n.\r\n", 5) == 0) {
            return i + 5;
        }
    }
    return 0;
}

static void check_line_ends(struct str s, char *last)
{
    for (size_t i = 0; i < s.n; i++) {
        must(s.p[i] != '\0' && (s.p[i] == '\n') == (*last == '\r'));
        *last = s.p[i];
    }
}

/* Feeds a message in pieces. True when it ended (taken or refused); what is taken has CRLF and
 * nothing else. */
static bool ends_with(struct str in, size_t piece)
{
    static const char envelope[] = "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n";
    struct smtp_server *s = smtp_server_new(&config);
    struct smtp_event ev = {0};
    char last = '\0';
    bool ended = false, closed = false, refused = false;
    must(smtp_server_feed(s, str_from(envelope, sizeof envelope - 1)) == 0);
    for (bool more = true; more && !ended && !closed;) {
        smtp_server_next(s, &ev);
        buf_reset(smtp_server_out(s));
        if (ev.type == SMTP_EV_NONE && in.n > 0) {
            size_t n = in.n < piece ? in.n : piece;
            must(smtp_server_feed(s, str_slice(in, 0, n)) == 0);
            in = str_slice(in, n, in.n);
        } else if (ev.type == SMTP_EV_BODY) {
            check_line_ends(config.device ? ev.bytes : STR(""), &last);
        } else {
            more = ev.type != SMTP_EV_NONE;
            ended = ev.type == SMTP_EV_BODY_END || ev.type == SMTP_EV_ABORT;
            refused = ev.type == SMTP_EV_ABORT;
            closed = ev.type == SMTP_EV_CLOSE;
            smtp_server_answer(s, &(struct smtp_reply){ev.type == SMTP_EV_DATA ? 354 : 250, NULL,
                                                       "yes"});
        }
    }
    must(!ended || refused || !config.device || last == '\0' || last == '\n');
    smtp_server_free(s);
    return ended;
}

static void check_end_of_data(struct str in, size_t piece)
{
    size_t end = end_of_data(in);
    must(ends_with(in, piece) == (end > 0));
    must(end == 0 || !ends_with(str_slice(in, 0, end - 1), piece));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    uint8_t mood = take_octet(&in);
    config.device = mood & 2;
    if (mood & 4) {
        check_end_of_data(in, mood >> 3 ? mood >> 3 : 1000);
        return 0;
    }
    mood &= 0x49; /* mostly friendly */
    struct smtp_server *s = smtp_server_new(&config);
    tls = false;
    smtp_server_greet(s);
    bool open = act(s, mood);
    while (open && in.n > 0) {
        size_t n = (size_t)take_octet(&in) + 1;
        n = n < in.n ? n : in.n;
        must(smtp_server_feed(s, str_slice(in, 0, n)) == 0);
        in = str_slice(in, n, in.n);
        open = act(s, mood);
    }
    smtp_server_free(s);
    return 0;
}
