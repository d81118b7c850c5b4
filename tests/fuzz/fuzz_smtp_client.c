/* SPDX-License-Identifier: Apache-2.0
 * fuzz_smtp_client.c: libFuzzer target. Any bytes as a server's answers: never MAIL without TLS
 * after an offer, never two messages at once, and no octet of a message before a recipient was
 * accepted and the server agreed to read it.
 *
 * The last is checked by a model that knows only the wire: it reads the client's commands and
 * the server's answers as lines. It runs where the server speaks a line at a time (one input in
 * two), as the answer to a command is then known for sure.
 */
#include "fuzz.h"
#include "smtp/client.h"

enum { ASKED_MAX = 256 };

/* What somebody who watches the wire knows. */
struct model {
    char asked[ASKED_MAX]; /* first letters of the commands without an answer, in their order */
    size_t n_asked;
    bool mail, rcpt, go; /* of the transaction under way: accepted? */
};

static unsigned code_of(struct str line)
{
    uint64_t code;
    return line.n >= 3 && str_to_u64(str_slice(line, 0, 3), 999, &code) == 0 ? (unsigned)code : 0;
}

static void model_hears(struct model *m, struct str line)
{
    unsigned code = code_of(line);
    bool good = code / 100 == 2;
    if (m->n_asked == 0 || code == 0 || (line.n > 3 && line.p[3] == '-')) {
        return;
    }
    char command = m->asked[0];
    memmove(m->asked, m->asked + 1, --m->n_asked);
    if (command == 'M') {
        m->mail = good;
        m->rcpt = m->go = false;
    } else if (command == 'R') {
        m->rcpt |= good && m->mail;
    } else if (command == 'D') {
        m->go = code == 354;
    } else if (command == 'B') {
        m->go = good;
    }
}

/* Lines of the messages end in xx, and no others do. */
static bool is_body(struct str line)
{
    return str_ends_nocase(line, STR("xx\r"));
}

static void model_sees(struct model *m, struct str out)
{
    struct str line;
    while (out.n > 0 && str_split(&out, '\n', &line)) {
        bool chunk = str_starts_nocase(line, STR("BDAT "));
        if (is_body(line)) {
            must(m->rcpt && m->go && (m->n_asked == 0 || (m->n_asked == 1 && m->asked[0] == 'B')));
            continue;
        }
        must(!chunk || (m->rcpt && m->n_asked == 0));
        must(m->n_asked < ASKED_MAX);
        m->asked[m->n_asked++] = str_starts_nocase(line, STR("MAIL ")) ||
                                         str_starts_nocase(line, STR("RCPT ")) ||
                                         str_starts_nocase(line, STR("DATA\r")) || chunk
                                     ? line.p[0]
                                     : 'o';
    }
}

static const struct smtp_mail_rcpt rcpts[] = {{
                                                  .path = {"x@y.test", 8},
                                                  .notify = NOTIFY_SUCCESS,
                                                  .orcpt = {"rfc822;x", 8},
                                              },
                                              {.path = {"z@y.test", 8}}};

/* One server's answers and what became of them. */
struct run {
    struct smtp_client *c;
    struct str in;
    struct model model;
    bool by_line, lmtp, over, tls, offered, logged_in;
    extension_set untrue; /* each is found out once */
    struct smtp_mail mail;
};

static void hear(struct run *r)
{
    size_t n = r->by_line    ? str_find(r->in, '\n', 0) + 1
               : r->in.n > 0 ? (size_t)take_octet(&r->in) + 1
                             : 0;
    n = n < r->in.n ? n : r->in.n;
    if (r->in.n == 0 || smtp_client_feed(r->c, str_slice(r->in, 0, n)) < 0) {
        r->over = true;
        return;
    }
    if (r->by_line) {
        model_hears(&r->model, str_slice(r->in, 0, n));
    }
    r->in = str_slice(r->in, n, r->in.n);
}

static void see(struct run *r)
{
    struct str out = buf_str(smtp_client_out(r->c));
    for (size_t i = 0; !r->tls && r->offered && i + 5 <= out.n; i++) {
        must(memcmp(out.p + i, "MAIL ", 5) != 0);
    }
    if (r->by_line) {
        model_sees(&r->model, out);
    }
    buf_reset(smtp_client_out(r->c));
}

static void send_mail(struct run *r)
{
    const struct smtp_caps *caps = smtp_client_caps(r->c);
    const struct permit permit = {
        .granted = true,
        .transport = r->tls ? PERMIT_TLS : PERMIT_PLAINTEXT,
    };
    r->mail = (struct smtp_mail){
        .reverse_path = STR("a@b.test"),
        .rcpts = rcpts,
        .n_rcpts = 2,
        .size = 9,
        .is_8bit = true,
        .is_binary = caps->chunking && caps->binary,
        .ret = NOTIFY_RET_HDRS,
    };
    r->over = !smtp_client_reusable(r->c) || smtp_client_send(r->c, &permit, &r->mail) < 0;
}

static void handle(struct run *r, const struct smtp_client_event *ev)
{
    switch (ev->type) {
    case SMTP_CL_NONE:
        if (smtp_client_wants_body(r->c)) { /* a chunk was accepted */
            must(smtp_client_body(r->c, STR(".xx\r\n"), true) == 0);
            break;
        }
        hear(r);
        break;
    case SMTP_CL_OFFERED:
        r->offered = true;
        break;
    case SMTP_CL_START_TLS:
        r->tls = true;
        smtp_client_tls_started(r->c);
        break;
    case SMTP_CL_READY:
        if (r->tls && smtp_client_caps(r->c)->auth[0] && !r->logged_in) {
            r->logged_in = true;
            smtp_client_auth(r->c, "PLAIN", STR("eA=="));
            break;
        }
        send_mail(r);
        break;
    case SMTP_CL_UNTRUE:
        must(ev->extension < EXTENSION_END && !(r->untrue & (extension_set)1 << ev->extension));
        r->untrue |= (extension_set)1 << ev->extension;
        send_mail(r);
        break;
    case SMTP_CL_DONE:
        must(!ev->accepted || r->lmtp || ev->answer->code / 100 == 2);
        send_mail(r);
        break;
    case SMTP_CL_RCPT:
    case SMTP_CL_RCPT_DONE:
        must(ev->rcpt < 2);
        break;
    case SMTP_CL_AUTH_STEP:
        smtp_client_auth_reply(r->c, STR("eA=="));
        break;
    case SMTP_CL_AUTH_DONE:
        send_mail(r);
        break;
    case SMTP_CL_BODY:
        must(smtp_client_wants_body(r->c));
        must(smtp_client_body(r->c, STR(".xx\r\n"), false) == 0);
        break;
    case SMTP_CL_REFUSED:
    case SMTP_CL_REJECTED:
    case SMTP_CL_BROKEN:
        r->over = true;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run r = {
        .in = str_from((const char *)data, size),
        .by_line = size % 2 == 0,
        .lmtp = size % 8 > 5,
    };
    const struct smtp_client_config config = {.hello = "gw.test", .lmtp = r.lmtp};
    r.c = smtp_client_new(&config);
    model_sees(&r.model, STR("connect\n")); /* what the greeting answers */
    for (size_t turn = 0; !r.over && turn < 10000; turn++) {
        struct smtp_client_event ev;
        smtp_client_next(r.c, &ev);
        see(&r);
        handle(&r, &ev);
    }
    smtp_client_free(r.c);
    return 0;
}
