/* SPDX-License-Identifier: Apache-2.0
 * sender.c: what inside users see of the mail they sent to the portal, and what they can change.
 * They log in with the account of their mail program, or with a code sent to their mailbox.
 * Called by request.c.
 */
#include "proc/web/web.h"
#include "store/envelope.h"
#include "wire/date.h"
#include "wire/id.h"

#include <stdio.h>

/* --- login -------------------------------------------------------------- */

void sender_login(struct request *r)
{
    (void)page_begin(r, "login-title");
    page_send(r, 200, "login");
}

static void on_login(struct request *r, enum login_outcome outcome, uint32_t wait_s)
{
    static const struct {
        unsigned status;
        const char *text;
        /* clang-format off */
    } told[LOGIN_OUTCOME_END] = {
        [LOGIN_MORE] = {403, "login-wrong"},
        [LOGIN_WRONG] = {403, "login-wrong"},
        [LOGIN_LATER] = {429, "login-later"},
        [LOGIN_AWAY] = {503, "login-away"},
        [LOGIN_NOT_KEPT] = {503, "login-not-kept"},
        [LOGIN_NOT_OURS] = {403, "login-not-ours"},
    };
    /* clang-format on */
    if (outcome == LOGIN_OK) {
        request_cookie(r, "pass", r->pass, -1);
        request_keep_device(r);
        page_redirect(r, "/sent");
        return;
    }
    r->has_pass = false;
    if (outcome == LOGIN_LATER) {
        page_wait(r, wait_s);
    }
    (void)page_begin(r, "login-title");
    page_alert(r, told[outcome].text);
    page_send(r, told[outcome].status, "login");
}

/* The new pass is theirs once login has told the queue so: what web says of who they are counts
 * nowhere. */
void sender_login_post(struct request *r)
{
    if (http_field(r->call, "address").n > 0) {
        open_inside_post(r);
        return;
    }
    request_random(r->pass);
    request_device(r);
    r->has_pass = true;
    ask_login(r, str_trim(http_field(r->call, "name")), http_field(r->call, "password"), on_login);
}

/* --- the list ----------------------------------------------------------- */

static void put_row(struct request *r, struct data *d, const struct ipc_row_envelope *e)
{
    static const char *const states[ENVELOPE_STATE_END] = {
        "state-waiting", "state-locked", "state-recalled", "state-expired", "state-lost",
    };
    char id[ID_TEXT], date[16];
    struct buf words = BUF_INIT(512);
    const char *key = e->state < ENVELOPE_STATE_END ? states[e->state] : "state-lost";
    key = e->state == ENVELOPE_WAITING && e->opened_ms ? "state-read" : key;
    id_text(e->envelope, id);
    data_c(d, "id", id);
    data_put(d, "address", e->address);
    page_date(e->made_ms, date, sizeof date);
    data_c(d, "date", date);
    page_date(e->expires_ms, date, sizeof date);
    data_c(d, "until", date);
    (void)!site_text(r->web->site, key, r->language, &r->page, &words);
    data_put(d, "state", buf_str(&words));
    buf_free(&words);
}

static void sender_on_list(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result != PORTAL_OK) {
        page_redirect(r, "/login");
        return;
    }
    struct data *d = page_begin(r, "sent-title");
    for (size_t i = 0; i < r->n_rows; i++) {
        struct data *m = data_item(d, "mails");
        if (m) {
            put_row(r, m, &r->rows[i]);
            data_flag(m, "first", i == 0);
            data_flag(m, "last", i + 1 == r->n_rows);
        }
    }
    page_send(r, 200, "sent");
}

void sender_list(struct request *r)
{
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_SENT}, sender_on_list);
}

/* --- one ---------------------------------------------------------------- */

static void sender_put_events(struct request *r, struct data *d)
{
    for (size_t i = 0; i < r->n_events; i++) {
        const struct ipc_row_envelope_event *e = &r->events[i];
        struct data *m = data_item(d, "events");
        char at[DATE_MAX], key[64];
        struct buf words = BUF_INIT(512);
        if (!m) {
            return;
        }
        date_iso(e->at_ms, at);
        snprintf(key, sizeof key, "event.%s", envelope_event_name(e->kind));
        (void)!site_text(r->web->site, key, r->language, d, &words);
        data_c(m, "at", at);
        data_put(m, "what", buf_str(&words));
        data_put(m, "detail", e->detail);
        data_put(m, "by", e->who);
        buf_free(&words);
    }
}

static const char *const levels[] = {"level-0", "level-1", "level-2", "level-3"};

/* What the sender may ask for: no less than rules and portal did, and the one it has is chosen. */
static void put_levels(struct request *r, struct data *d, const struct ipc_row_envelope *e)
{
    for (unsigned i = e->least; !e->sealed && i <= 2; i++) {
        struct data *one = data_item(d, "levels");
        struct buf words = BUF_INIT(512);
        if (one) {
            (void)!site_text(r->web->site, levels[i], r->language, d, &words);
            data_number(one, "value", i);
            data_put(one, "words", buf_str(&words));
            data_flag(one, "current", i == e->level);
        }
        buf_free(&words);
    }
    data_flag(d, "level-changes", !e->sealed && e->least < 2);
}

static void on_events(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    char number[ID_TEXT];
    if (a->result != PORTAL_OK || r->n_rows == 0) {
        page_problem(r, 404, "not-found");
        return;
    }
    const struct ipc_row_envelope *e = &r->rows[0];
    struct data *d = page_begin(r, "sent-one-title");
    put_row(r, d, e);
    id_text(e->id, number);
    data_c(d, "number", number);
    page_text(r, "level-words", levels[e->level & 3]);
    data_flag(d, "alive", e->state <= ENVELOPE_LOCKED);
    data_flag(d, "locked", e->state == ENVELOPE_LOCKED);
    data_flag(d, "recalled", e->state == ENVELOPE_RECALLED);
    data_flag(d, "is-sealed", e->sealed != 0);
    data_flag(d, "must-stay", e->legal_hold != 0);
    put_levels(r, d, e);
    sender_put_events(r, d);
    if (http_query(r->call, "done").n > 0) {
        page_done(r, "changed");
    }
    page_send(r, 200, "sent-one");
}

void sender_one(struct request *r)
{
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_EVENTS, .envelope = r->envelope},
              on_events);
}

static void on_act(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    char id[ID_TEXT], path[64];
    id_text(r->envelope, id);
    snprintf(path, sizeof path, "/sent/%s?done=1", id);
    if (a->result == PORTAL_OK) {
        page_redirect(r, path);
    } else {
        page_problem(r, 409, a->result == PORTAL_MUST_STAY ? "must-stay" : "not-changed");
    }
}

void sender_act(struct request *r)
{
    static const struct {
        const char *name;
        enum portal_act act;
    } acts[] = {
        {"extend", ACT_EXTEND}, {"recall", ACT_RECALL}, {"lock", ACT_LOCK},
        {"unlock", ACT_UNLOCK}, {"resend", ACT_RESEND}, {"level", ACT_LEVEL},
        {"phrase", ACT_PHRASE},
    };
    struct str argument = http_field(r->call, "argument");
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        if (str_eq(http_field(r->call, "act"), str_c(acts[i].name))) {
            ask_queue(r,
                      &(struct ipc_portal_ask){
                          .verb = PORTAL_ACT,
                          .envelope = r->envelope,
                          .number = acts[i].act,
                          .text = str_slice(argument, 0, argument.n < 500 ? argument.n : 500),
                      },
                      on_act);
            return;
        }
    }
    page_problem(r, 400, "bad-request");
}
