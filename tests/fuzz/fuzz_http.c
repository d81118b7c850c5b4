/* SPDX-License-Identifier: Apache-2.0
 * fuzz_http.c: any octets from a browser, through the HTTP engine and all pages of the portal.
 * Queue, keys and login are played here: what they answer is in the first octets of the input.
 * Each request gets an answer; a GET or HEAD asks for nothing that changes anything; no answer
 * is without the header fields that keep it in its place; the port that sends browsers to https
 * leads to us.
 */
#include "fuzz.h"
#include "base/log.h"
#include "mime/mime.h"
#include "portal/packed.h"
#include "ipc/login_kinds.h"
#include "proc/web/web.h"
#include "store/store.h"
#include "sys/loop.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_MS = 100, LOOKS = 50, ANSWER_MAX = 4 * 1024 * 1024, TO_REDIRECT = 0xff };

static const char settings[] =
    "hostname gateway.test; listen smtp { address 127.0.0.1:25; } store sqlite /none; at-rest-key "
    "/none; inside { domains inside.test; deliver-to 127.0.0.1; networks 127.0.0.1/32; }\n"
    "portal { url https://gateway.test; files-url https://files.test; from secure@inside.test; "
    "proxy-address 127.0.0.1:1; proxies 127.0.0.1; pages " PAGES "; }\n";

/* --- the process around it ---------------------------------------------- */

struct child {
    struct conf *conf;
    struct loop *loop;
};

static struct child child;
static struct web web;
static struct ipc_channel *queue_side, *keys_side, *login_side;
static struct buf view;
static unsigned char key[REST_KEY];
static int browser = -1;
static struct str choices; /* what is left of the input's first octets */
static bool reading;       /* the request is a GET or HEAD */

const struct conf *child_conf(const struct child *c)
{
    return c->conf;
}

struct loop *child_loop(struct child *c)
{
    return c->loop;
}

unsigned child_index(const struct child *c)
{
    return 0;
}

/* --- the others --------------------------------------------------------- */

static void check_verb(enum portal_verb verb)
{
    /* clang-format off */
    static const bool changes[PORTAL_VERB_END] = {
        [PORTAL_SEND_CODE] = true,
        [PORTAL_CODE] = true,
        [PORTAL_PROVE] = true,
        [PORTAL_REMEMBERED] = true,
        [PORTAL_LEAVE] = true,
        [PORTAL_DRAFT_PUT] = true,
        [PORTAL_PHRASE] = true,
        [PORTAL_PASSKEY_NEW] = true,
        [PORTAL_PASSKEY_DROP] = true,
        [PORTAL_ACT] = true,
        [PORTAL_ASK_AGAIN] = true,
    };
    /* clang-format on */
    must(verb < PORTAL_VERB_END && !(reading && changes[verb]));
}

static void on_ask(void *owner, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    uint8_t choice = take_octet(&choices);
    struct ipc_portal_answer r = {
        .token = a->token,
        .result = choice & 8 ? (uint8_t)(choice % PORTAL_RESULT_END) : PORTAL_OK,
        .kind = choice & 16 ? PASS_INSIDE : PASS_RECIPIENT,
        .level = (choice >> 5) & 3,
        .envelope = 77,
        .number = 3,
        .address = STR("a@good.test"),
        .words = STR("amber anchor"),
        .text = STR("Y2hhbGxlbmdl\n\naWQ 2026-01-01 \n"),
    };
    check_verb(a->verb);
    if (!(choice & 128)) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_row_envelope,
                                       .row_envelope = {
                                           .token = a->token,
                                           .envelope = 77,
                                           .id = 5,
                                           .address = STR("a@good.test"),
                                           .sender = STR("s@inside.test"),
                                           .made_ms = 1,
                                           .expires_ms = INT64_MAX / 2,
                                           .attachments = 1,
                                           .octets = 500,
                                           .thread = STR("abcdefghjkmnpqrs"),
                                       }});
        ipc_send(ch, &(struct ipc_msg){.type = IPC_row_envelope_event,
                                       .row_envelope_event = {
                                           .token = a->token,
                                           .envelope = 77,
                                           .kind = 1,
                                           .who = STR("127.0.0.1"),
                                           .detail = STR("<b>"),
                                       }});
        ipc_send(ch, &(struct ipc_msg){.type = IPC_row_fate,
                                       .row_fate = {
                                           .token = a->token,
                                           .address = STR("x@good.test"),
                                           .fate = 1,
                                           .words = STR("over TLS\n"),
                                       }});
    }
    if (a->verb == PORTAL_ENVELOPE) {
        ipc_send(ch,
                 &(struct ipc_msg){.type = IPC_portal_piece,
                                   .portal_piece = {.token = a->token, .octets = buf_str(&view)}});
    }
    if (a->verb == PORTAL_ENVELOPE || a->verb == PORTAL_BODY || a->verb == PORTAL_DRAFT) {
        r.lease = lease_draw();
        r.body = a->verb == PORTAL_BODY ? buf_str(&view) : STR("");
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
}

static void on_submit(void *owner, struct ipc_channel *ch, const struct ipc_submit *m)
{
    must(!reading && m->reverse_path.n > 0);
    ipc_send(ch, &(struct ipc_msg){.type = IPC_submitted,
                                   .submitted = {.token = m->token,
                                                 .result = take_octet(&choices) & 1 ? STORE_RETRY
                                                                                    : STORE_OK}});
}

static void on_spool(void *owner, struct ipc_channel *ch, const struct ipc_spool_open *m)
{
    if (take_octet(&choices) & 1) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_spool_opened,
                                       .spool_opened = {.token = m->token, .result = STORE_FULL}});
    } else {
        ipc_send_fd(ch,
                    &(struct ipc_msg){.type = IPC_spool_opened,
                                      .spool_opened =
                                          {
                                              .token = m->token,
                                              .result = STORE_OK,
                                              .name = STR("spool"),
                                          }},
                    memfd_create("spool", MFD_CLOEXEC));
    }
}

static void on_submit_rcpt(void *owner, struct ipc_channel *ch, const struct ipc_submit_rcpt *m)
{
}

static void on_spool_drop(void *owner, struct ipc_channel *ch, const struct ipc_spool_drop *m)
{
}

/* Keys may answer when the browser is gone. */
static struct ipc_unwrapped late_key;
static struct timer *late;

static void on_late(void *arg)
{
    ipc_send(keys_side, &(struct ipc_msg){.type = IPC_unwrapped, .unwrapped = late_key});
    late_key = (struct ipc_unwrapped){.ok = 0};
}

static void on_unwrap(void *owner, struct ipc_channel *ch, const struct ipc_unwrap *m)
{
    uint8_t choice = take_octet(&choices);
    struct ipc_unwrapped key_of = {
        .lease = m->lease,
        .ok = !(choice & 1),
        .key = str_from((const char *)key, sizeof key),
    };
    if (choice & 2 && late_key.key.n == 0) {
        late_key = key_of;
        (void)!shutdown(browser, SHUT_RDWR);
        timer_start(late, 2);
    } else {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_unwrapped, .unwrapped = key_of});
    }
}

/* Any end of a login, also one that login does not say of a whole password. */
static void on_login(void *owner, struct ipc_channel *ch, const struct ipc_login_begin *m)
{
    uint8_t choice = take_octet(&choices);
    enum login_outcome outcome = choice & 8 ? (enum login_outcome)(choice / 16 % LOGIN_OUTCOME_END)
                                 : choice & 1 ? LOGIN_WRONG
                                              : LOGIN_OK;
    ipc_send(ch, &(struct ipc_msg){.type = IPC_login_step,
                                   .login_step = {
                                       .token = m->token,
                                       .outcome = outcome,
                                       .text = STR("90"),
                                       .name = STR("s"),
                                       .addresses = STR("s@inside.test"),
                                   }});
}

static void gone(void *owner, struct ipc_channel *ch)
{
    must(!"a process broke the rules of another");
}

static struct ipc_channel *pair(const struct ipc_rule *ours, const struct ipc_rule *theirs,
                                struct ipc_channel **ret_theirs)
{
    int fds[2];
    must(ipc_pair(fds) == 0);
    *ret_theirs = ipc_channel_new(child.loop, fds[1], "played", theirs, gone, NULL);
    return ipc_channel_new(child.loop, fds[0], "web", ours, gone, &web);
}

/* --- what is shown ------------------------------------------------------ */

static void make_view(void)
{
    static const char mail[] =
        "From: S <s@inside.test>\r\nTo: a@good.test, b@good.test\r\nSubject: "
        "=?utf-8?q?results?=\r\nMessage-ID: <1@inside.test>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
        "text/html\r\n\r\n<p>fine</p>\r\n--b\r\nContent-Type: application/pdf; name=\"a b.pdf\"\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--b--\r\n";
    struct buf packed = BUF_INIT(PACKED_MAX);
    unsigned char view_key[REST_KEY];
    memset(key, 7, sizeof key);
    rest_derive(key, "view", view_key);
    mime_init();
    struct view *v = view_of_message(str_c(mail));
    must(packed_write(v, &packed) == 0);
    view_free(v);
    view = BUF_INIT(PACKED_MAX);
    struct rest_sealer *s = rest_sealer_new(view_key);
    must(rest_seal(s, buf_str(&packed), &view) == 0 && rest_seal_end(s, &view) == 0);
    rest_sealer_free(s);
    buf_free(&packed);
}

/* --- the browser -------------------------------------------------------- */

static void on_begin(void *owner, struct http_call *c)
{
    reading = strcmp(http_method(c), "GET") == 0 || strcmp(http_method(c), "HEAD") == 0;
    request_events.on_begin(owner, c);
}

static struct buf answers;
static struct timer *patience, *sent;

static void on_answer(void *arg, int events)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read(browser, chunk, sizeof chunk)) > 0) {
        if (buf_len(&answers) + (size_t)n <= ANSWER_MAX) {
            must(buf_append(&answers, chunk, (size_t)n) == 0);
        }
    }
    if ((n == 0 || errno != EAGAIN) && late_key.key.n == 0) {
        loop_stop(child.loop);
    }
}

static unsigned looks; /* since the octets were written */

/* By looks, not by one long wait: a machine that gives this process no time for a minute would be
 * a request without an answer. */
static void on_look(void *arg)
{
    must(++looks < LOOKS || !"a request got no answer");
    timer_start(patience, LOOK_MS);
}

static unsigned turns; /* of the loop, since the octets were written */

static void count_turn(void *arg)
{
    turns++;
}

/* Some turns later than the octets, however late the timer is: of both at once the library sees
 * only the first until its time is over. */
static void on_sent(void *arg)
{
    if (turns < 4) {
        timer_start(sent, 1);
        return;
    }
    (void)!shutdown(browser, SHUT_WR);
}

static void start(void)
{
    static const struct ipc_rule queue_rules[] = {IPC_ON(portal_ask, on_ask),
                                                  IPC_ON(submit, on_submit),
                                                  IPC_ON(submit_rcpt, on_submit_rcpt),
                                                  IPC_ON(spool_open, on_spool),
                                                  IPC_ON(spool_drop, on_spool_drop),
                                                  IPC_RULES_END};
    static const struct ipc_rule keys_rules[] = {IPC_ON(unwrap, on_unwrap), IPC_RULES_END},
                                 login_rules[] = {IPC_ON(login_begin, on_login), IPC_RULES_END};
    static struct http_events events;
    static const struct http_limits limits = {
        .connections = 100,
        .connections_per_address = 100,
        .idle_s = 60,
    };
    unsigned char secret[REST_SECRET] = {1}, public_key[REST_PUBLIC];
    struct buf problems = BUF_INIT(65536);
    signal(SIGPIPE, SIG_IGN);
    log_open("fuzz", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, true); /* nobody listens there */
    must(rest_init() == 0);
    if (conf_parse(str_c(settings), "settings", &problems, &child.conf) < 0 ||
        site_new(child.conf, &problems, &web.site) < 0) {
        fprintf(stderr, STR_FMT, STR_ARG(buf_str(&problems)));
        abort();
    }
    child.loop = loop_new();
    loop_on_turn_end(child.loop, TURN_FLUSH, count_turn, NULL);
    web.child = &child;
    web.requests = map_new(1000);
    rest_opener_free(rest_opener_new(secret, public_key));
    web.wrapper = rest_wrapper_new(public_key);
    web.queue = pair(web_queue_rules, queue_rules, &queue_side);
    web.keys = pair(web_keys_rules, keys_rules, &keys_side);
    web.logins[0] = pair(web_login_rules, login_rules, &login_side);
    events = request_events;
    events.on_begin = on_begin;
    web.entrances[0] = (struct entrance){.web = &web, .kind = PORTAL_PROXY};
    web.entrances[0].http = http_new(child.loop, &limits, &events, &web.entrances[0]);
    web.entrances[1] = (struct entrance){.web = &web, .kind = PORTAL_REDIRECT};
    web.entrances[1].http = http_new(child.loop, &limits, &events, &web.entrances[1]);
    patience = timer_new(child.loop, on_look, NULL);
    sent = timer_new(child.loop, on_sent, NULL);
    late = timer_new(child.loop, on_late, NULL);
    make_view();
    answers = BUF_INIT(ANSWER_MAX);
    buf_free(&problems);
}

/* Ours have all these; what the library answers itself to broken framing has none, and no page
 * either. */
static void check_answers(void)
{
    static const char *const always[] = {
        "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: default-src 'none'",
        "Strict-Transport-Security: ",
    };
    struct str s = buf_str(&answers);
    char head[16384];
    if (s.n < 12 || !str_starts_nocase(s, STR("HTTP/1.1 "))) {
        return;
    }
    size_t end = 0;
    while (end + 4 <= s.n && memcmp(s.p + end, "\r\n\r\n", 4) != 0) {
        end++;
    }
    str_copy_cut(str_slice(s, 0, end), head, sizeof head);
    for (size_t i = 0; strstr(head, "\r\nContent-Security-Policy") && i < ARRAY_LEN(always); i++) {
        must(strstr(head, always[i]));
    }
    must(memcmp(s.p + 9, "308", 3) != 0 || strstr(head, "\r\nLocation: https://gateway.test/"));
    /* no page without */
    must(!(memcmp(s.p + 9, "200", 3) == 0 || memcmp(s.p + 9, "303", 3) == 0) ||
         strstr(head, "Content-Security-Policy"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    int fds[2];
    struct endpoint peer;
    if (!ready) {
        start();
        ready = true;
    }
    size_t n = size < 8 ? size : 8;
    choices = str_from((const char *)data, n);
    must(endpoint_parse(STR("127.0.0.1"), 5000, &peer) == 0 &&
         socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    browser = fds[0];
    buf_reset(&answers);
    http_add(web.entrances[n == 8 && data[7] == TO_REDIRECT].http, fds[1], &peer);
    (void)!write(browser, data + n, size - n);
    struct watch *w = watch_new(child.loop, browser, on_answer, NULL);
    watch_set(w, WATCH_READ);
    looks = 0;
    timer_start(patience, LOOK_MS);
    timer_start(sent, 1);
    turns = 0;
    loop_run(child.loop);
    timer_stop(patience);
    timer_stop(sent);
    watch_free(w);
    close(browser);
    check_answers();
    return 0;
}
