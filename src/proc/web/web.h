/* SPDX-License-Identifier: Apache-2.0
 * web.h: the inside of the web process: visitors (connections), requests, questions to the
 * queue, pages.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "portal/http.h"
#include "portal/packed.h"
#include "portal/site.h"
#include "proc/child.h"
#include "ipc/login_kinds.h"
#include "proc/own_tls.h"
#include "ipc/portal_kinds.h"
#include "proc/signing.h"
#include "proc/web/routes.h"
#include "seal/rest.h"
#include "tls/tls.h"
#include "wire/limits.h"

enum {
    LISTENERS_MAX = 16,
    WEB_LOGINS_MAX = 64,
    COOKIE_TEXT = 33, /* 128 bits as hex digits, and a NUL */
    ROWS_MAX = 200,
    EVENTS_MAX = 500,
    PAGE_MAX = 8 * 1024 * 1024,
    FRAMES_MAX = 32,
};

struct web;
struct request;
struct outgoing;

/* One of the ways people come in. */
struct entrance {
    struct web *web;
    enum portal_listen kind;
    struct http *http;
};

struct listener {
    struct entrance *entrance;
    int fd;
    struct watch *watch;
};

struct web {
    struct child *child;
    struct ipc_channel *queue, *keys;
    struct ipc_channel *logins[WEB_LOGINS_MAX];
    struct signing signing;
    struct tls_context *tls;
    struct rest_wrapper *wrapper;
    struct site *site;
    struct entrance entrances[3];
    struct listener listeners[LISTENERS_MAX];
    size_t n_listeners;
    struct link visitors;
    size_t n_visitors;
    struct timer *keys_again; /* NULL: no handshake has waited for keys yet */
    struct own_tls own_tls;
    struct map *requests; /* token -> request that waits for something */
    uint64_t next_token;
    unsigned id_count;
    struct timer *leave_timer; /* NULL: it does not leave */
    int64_t leave_by_ms;
    uint64_t answered, refused, handshakes, handshakes_failed;
};

/* An answer of the queue; rows and pieces are in the request. fd: -1, or taken by the callee. */
typedef void (*answer_fn)(struct request *r, const struct ipc_portal_answer *a, int fd);
/* How a login ended; wait_s: until it makes sense again, 0: not known. */
typedef void (*login_fn)(struct request *r, enum login_outcome outcome, uint32_t wait_s);
typedef void (*key_fn)(struct request *r, const unsigned char *key); /* NULL: it cannot be had */

/* What a browser wants, from its header section to the end of its answer. */
struct request {
    struct web *web;
    struct entrance *entrance;
    struct http_call *call;
    const struct route *route; /* NULL: there is no such page */
    struct route_values in_path;
    uint64_t token; /* of the question under way, 0: none */
    enum {
        WAITS_FOR_ANSWER,
        WAITS_FOR_LOGIN,
        WAITS_FOR_SPOOL,
        WAITS_FOR_STORED
    } waits;               /* what the answer to it is to be */
    struct lease_id lease; /* whose key it waits for */
    answer_fn on_answer;
    key_fn on_key;
    char network[46], pass[COOKIE_TEXT], remember[COOKIE_TEXT], device[COOKIE_TEXT];
    char link[ROUTE_TEXT_MAX + 1];
    bool has_pass;
    bool for_files; /* it came to the second name, which has files and nothing else */
    size_t language;
    /* what came */
    struct ipc_row_envelope *rows; /* ROWS_MAX at most; in arena */
    size_t n_rows;
    struct ipc_row_fate fates[64];
    size_t n_fates;
    bool composing;
    struct ipc_row_envelope_event *events; /* EVENTS_MAX at most; in arena */
    size_t n_events;
    struct buf pieces; /* sealed */
    struct buf clear;  /* a view, opened */
    struct arena arena;
    struct data page; /* values of the page */
    /* what is asked for */
    uint64_t envelope;
    bool asks_inside;           /* for a code, as somebody of ours */
    struct str tail;            /* path behind the envelope */
    char address[ADDRESS_ROOM]; /* who it is, once the queue said so */
    uint8_t kind, level;
    struct outgoing *outgoing; /* an answer being written */
    int body;                  /* spool file of a message, or -1 */
    struct buf inline_body;
    int64_t body_size;
    struct packed *packed;
    void (*then)(struct request *r);
    login_fn on_login;
    unsigned try_login;
};

/* visitor.c: a connection, its TLS, and the pair that leads to the HTTP engine */
void visitor_new(struct web *w, struct entrance *e, int fd, const struct endpoint *peer);
/* Whether something that the engine said is still on its way to a browser. */
bool visitors_are_sent_something(const struct web *w);
void visitors_close(struct web *w);

/* ask.c: questions */
extern const struct ipc_rule web_queue_rules[], web_keys_rules[], web_login_rules[];
/* Asks the queue with what is known of the request; the envelope, text, number, secret and data
 * as given. */
void ask_queue(struct request *r, const struct ipc_portal_ask *what, answer_fn then);
void ask_key(struct request *r, const struct lease_id *lease, key_fn then);
/* A spool file for what is being written; its answer goes to answer.c or compose.c. */
void ask_spool(struct request *r);
/* Waits under a number of its own for what it hands in to be stored, or not any more. */
void ask_wait(struct request *r);
void ask_settle(struct request *r);
/* Opens what came in pieces with the key of an answer; then runs with r->clear, or the request
 * has been answered. */
void ask_open(struct request *r, const struct ipc_portal_answer *a, const char *purpose,
              void (*then)(struct request *r));
void ask_login(struct request *r, struct str name, struct str password, login_fn then);
void ask_peer_gone(struct web *w);

/* request.c: the way in, by the table of routes.def */
extern const struct http_events request_events;
/* life -1: of the session; 0: it goes */
void request_cookie(struct request *r, const char *name, const char *value, int64_t life_s);
void request_random(char ret[COOKIE_TEXT]);
bool request_is_pass(struct str text); /* as request_random makes them */
/* What this browser is known by where somebody logged in before, for guesses; kept: it did, or
 * may. */
void request_device(struct request *r);
void request_keep_device(struct request *r);
void request_hash(const char *text, unsigned char ret[32]);
void request_choose_language(struct request *r);

/* page.c: what is sent */
/* The page's values with title and who; alert and done are keys of texts, or NULL. */
struct data *page_begin(struct request *r, const char *title_key);
void page_text(struct request *r, const char *name, const char *key); /* a value from a text */
void page_alert(struct request *r, const char *key);
void page_done(struct request *r, const char *key);
void page_send(struct request *r, unsigned status, const char *template);
void page_problem(struct request *r, unsigned status, const char *key);
/* {{minutes}} of a text, and Retry-After. */
void page_wait(struct request *r, int64_t wait_s);
void page_redirect(struct request *r, const char *path);
void page_icon(struct request *r);
void page_asset(struct request *r);
/* Of the pass that the request came with; false, too, when it came with none. */
bool request_csrf_ok(struct request *r, struct str token);
void page_headers(struct request *r, const char *type, const char *policy);
void page_date(int64_t ms, char *dst, size_t size);
uint64_t page_days_left(int64_t until_ms);

/* open.c: from the notice to the mail */
void open_start(struct request *r);
void open_landing(struct request *r);
void open_landing_post(struct request *r);
void open_start_post(struct request *r);
/* Somebody of ours wants a code for their own mailbox. */
void open_inside_post(struct request *r);
void open_code_post(struct request *r);
void open_leave(struct request *r);
void open_list(struct request *r);
/* Neither right nor wrong: too many tries (wait_s: until when), used up, or not possible now. */
void open_reject(struct request *r, enum portal_result result);
void open_slow_down(struct request *r, int64_t wait_s);
/* Right: its pass, and on to the mail. */
void open_sign_in(struct request *r, uint64_t envelope);

/* prove.c: more than a code, and what people keep for it */
void prove_show(struct request *r, struct str offers, const char *alert);
void prove_post(struct request *r);
void prove_back(struct request *r);
void prove_back_post(struct request *r);
void prove_keep(struct request *r);
void prove_keep_phrase(struct request *r);
void prove_keep_passkey(struct request *r);

/* read.c: a message */
void read_mail(struct request *r);
void read_body(struct request *r);
void read_part(struct request *r);
void read_original(struct request *r);
void read_zip(struct request *r);
void read_ask_again(struct request *r);
/* The first part of the second name's paths: a pass of a minute, and what a sealed mail's link
 * holds. False: neither. */
bool read_file_pass(struct request *r, struct str pass);
bool read_unpack(struct request *r);

/* answer.c: answering */
void answer_form(struct request *r);
void answer_begin(struct request *r);
void answer_file(struct request *r, const char *file, struct str octets, uint64_t at);
void answer_end(struct request *r);
void answer_free(struct request *r);
void answer_spool(struct request *r, uint8_t result, struct str name, int fd);
void answer_submitted(struct request *r, uint8_t result);

/* compose.c: inside users write */
void compose_form(struct request *r);
void compose_begin(struct request *r);
void compose_file(struct request *r, const char *file, struct str octets, uint64_t at);
void compose_end(struct request *r);
void compose_submitted(struct request *r, uint8_t result);

/* sender.c: inside users */
void sender_login(struct request *r);
void sender_login_post(struct request *r);
void sender_list(struct request *r);
void sender_one(struct request *r);
void sender_act(struct request *r);
