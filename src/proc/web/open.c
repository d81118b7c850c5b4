/* SPDX-License-Identifier: Apache-2.0
 * open.c: from the notice to the mail: the page of a link (which shows nothing and changes
 * nothing), the code, the list of what waits; and leaving. Called by request.c.
 *
 * What a page shows never depends on whether the link, the code or the address is known here.
 */
#include "proc/web/web.h"
#include "wire/id.h"

#include <stdio.h>

enum { TOKEN_LETTERS = 26, CODE_LETTERS = 12 };
static const int64_t link_cookie_s = 12LL * 60 * 60;

void open_start(struct request *r)
{
    (void)page_begin(r, "start-title");
    page_send(r, 200, "start");
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return s.n > 0 && s.n <= TOKEN_LETTERS;
}

void open_landing(struct request *r)
{
    struct str token = r->in_path.token;
    if (!is_token(token)) {
        page_problem(r, 404, "not-found");
        return;
    }
    struct data *d = page_begin(r, "knock-title");
    data_put(d, "token", token);
    /* what the browser says: nobody is asked yet */
    bool remembered = request_is_pass(http_cookie(r->call, "__Host-remember"));
    data_flag(d, "remembered", remembered);
    data_flag(d, "link-opens", !remembered && child_conf(r->web->child)->portal.level == 0);
    page_send(r, 200, "knock");
}

/* --- the code ----------------------------------------------------------- */

static void show_code(struct request *r, struct str words, const char *alert)
{
    const struct conf *c = child_conf(r->web->child);
    struct data *d = &r->page;
    uint64_t days = (uint64_t)(c->portal.remember / (24LL * 60 * 60 * 1000));
    data_put(d, "words", words);
    if (days > 0) {
        data_number(d, "remember-days", days);
    }
    data_flag(d, "inside", r->asks_inside || http_field(r->call, "inside").n > 0);
    d = page_begin(r, "code-title");
    if (alert) {
        page_alert(r, alert);
    }
    page_send(r, alert ? 403 : 200, "code");
}

static void on_code_sent(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    switch (a->result) {
    case PORTAL_OK:
        show_code(r, a->words, NULL);
        break;
    case PORTAL_SLOW_DOWN:
        open_slow_down(r, a->number);
        break;
    case PORTAL_NO:
    case PORTAL_WRONG:
    case PORTAL_OVER:
    case PORTAL_PROOF_WANTED:
    case PORTAL_LATER:
    case PORTAL_MUST_STAY:
    case PORTAL_RESULT_END:
        page_problem(r, 503, "later");
        break;
    }
}

/* The hash of what the request is about is in r->clear, or an address is: kept between two
 * questions. */
static void open_send_code(struct request *r)
{
    char browser[COOKIE_TEXT];
    unsigned char hash[32];
    struct str what = buf_str(&r->clear);
    bool token = r->link[0] != '\0';
    request_random(browser);
    request_cookie(r, "browser", browser, 15 * 60);
    request_hash(browser, hash);
    ask_queue(r,
              &(struct ipc_portal_ask){
                  .verb = PORTAL_SEND_CODE,
                  .browser = str_from((const char *)hash, 32),
                  .secret = token ? what : STR(""),
                  .text = token ? STR("") : what,
                  .number = r->asks_inside,
              },
              on_code_sent);
}

static void go_to_mail(struct request *r, uint64_t envelope)
{
    char id[ID_TEXT], path[64] = "/list";
    if (envelope) {
        id_text(envelope, id);
        snprintf(path, sizeof path, "/mail/%s", id);
    }
    page_redirect(r, path);
}

static void on_known(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result == PORTAL_OK) {
        request_cookie(r, "pass", r->pass, -1);
        go_to_mail(r, a->envelope);
    } else {
        open_send_code(r);
    }
}

/* The same for every token, known or not. */
static void landing(struct request *r, struct str token)
{
    unsigned char hash[32], pass[32], remembered[32];
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < token.n && n < sizeof text - 1; i++) { /* as people write it */
        char c = str_lower(token.p[i]);
        if (c != '-' && c != ' ') {
            text[n++] = c;
        }
    }
    text[n] = '\0';
    if (!is_token(str_from(text, n))) {
        page_problem(r, 404, "not-found");
        return;
    }
    request_hash(text, hash);
    str_copy_cut(str_c(text), r->link, sizeof r->link);
    if (n == TOKEN_LETTERS) { /* a sealed mail opens with it alone */
        request_cookie(r, "link", text, link_cookie_s);
    }
    buf_reset(&r->clear);
    must(buf_append(&r->clear, hash, sizeof hash) == 0);
    struct str cookie = http_cookie(r->call, "__Host-remember");
    char old[COOKIE_TEXT];
    str_copy_cut(cookie, old, sizeof old);
    request_hash(old, remembered);
    request_random(r->pass);
    request_hash(r->pass, pass);
    r->has_pass = true;
    ask_queue(r,
              &(struct ipc_portal_ask){
                  .verb = PORTAL_REMEMBERED,
                  .secret = buf_str(&r->clear),
                  .pass = str_from((const char *)remembered, 32),
                  .data = str_from((const char *)pass, 32),
              },
              on_known);
}

void open_landing_post(struct request *r)
{
    landing(r, r->in_path.token);
}

static void ask_address(struct request *r)
{
    struct str address = str_trim(http_field(r->call, "address"));
    if (address.n == 0 || address.n > ADDRESS_MAX) {
        page_problem(r, 400, "bad-request");
        return;
    }
    r->link[0] = '\0';
    buf_reset(&r->clear);
    must(buf_add(&r->clear, address) == 0);
    open_send_code(r);
}

void open_start_post(struct request *r)
{
    struct str pickup = str_trim(http_field(r->call, "pickup"));
    if (pickup.n > 0) {
        landing(r, pickup);
    } else {
        ask_address(r);
    }
}

void open_inside_post(struct request *r)
{
    r->asks_inside = true;
    ask_address(r);
}

void open_slow_down(struct request *r, int64_t wait_s)
{
    page_wait(r, wait_s);
    page_problem(r, 429, "slow-down");
}

void open_reject(struct request *r, enum portal_result result)
{
    bool over = result == PORTAL_OVER || result == PORTAL_NO;
    if (result == PORTAL_SLOW_DOWN) {
        open_slow_down(r, 0);
        return;
    }
    page_problem(r, over ? 403 : 503, over ? "code-over" : "later");
}

void open_sign_in(struct request *r, uint64_t envelope)
{
    request_cookie(r, "pass", r->pass, -1);
    request_cookie(r, "browser", "", 0);
    go_to_mail(r, envelope);
}

static void on_code(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    data_number(&r->page, "left", a->number > 0 ? (uint64_t)a->number : 0);
    switch (a->result) {
    case PORTAL_OK:
        request_keep_device(r);
        if (a->kind == PASS_INSIDE) {
            request_cookie(r, "pass", r->pass, -1);
            request_cookie(r, "browser", "", 0);
            page_redirect(r, "/sent");
            break;
        }
        if (http_field(r->call, "remember").n > 0) {
            request_cookie(r, "remember", r->remember,
                           child_conf(r->web->child)->portal.remember / 1000);
        }
        open_sign_in(r, a->envelope);
        break;
    case PORTAL_WRONG:
        show_code(r, http_field(r->call, "words"), "code-wrong");
        break;
    case PORTAL_PROOF_WANTED:
        request_keep_device(r);
        prove_show(r, a->text, NULL);
        break;
    case PORTAL_SLOW_DOWN:
    case PORTAL_OVER:
    case PORTAL_NO:
    case PORTAL_LATER:
    case PORTAL_MUST_STAY:
    case PORTAL_RESULT_END:
        open_reject(r, a->result);
        break;
    }
}

void open_code_post(struct request *r)
{
    char browser[COOKIE_TEXT], digits[16];
    unsigned char hash[32], pass[32], again[32];
    struct str code = http_field(r->call, "code");
    size_t n = 0;
    for (size_t i = 0; i < code.n && n + 2 < sizeof digits; i++) {
        if (code.p[i] >= '0' && code.p[i] <= '9') {
            digits[n++] = code.p[i];
        }
    }
    digits[n++] = '\n';
    digits[n] = '\0';
    str_copy_cut(http_cookie(r->call, "__Host-browser"), browser, sizeof browser);
    request_hash(browser, hash);
    request_random(r->pass);
    request_hash(r->pass, pass);
    request_random(r->remember);
    request_hash(r->remember, again);
    request_device(r);
    r->has_pass = true;
    ask_queue(r,
              &(struct ipc_portal_ask){
                  .verb = PORTAL_CODE,
                  .browser = str_from((const char *)hash, 32),
                  .secret = str_from((const char *)pass, 32),
                  .number = http_field(r->call, "remember").n > 0,
                  .data = str_from((const char *)again, 32),
                  .text = str_c(digits),
              },
              on_code);
}

/* --- with a pass -------------------------------------------------------- */

static void on_left(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    request_cookie(r, "pass", "", 0);
    request_cookie(r, "link", "", 0);
    if (http_field(r->call, "everywhere").n > 0) {
        request_cookie(r, "remember", "", 0);
        request_cookie(r, "device", "", 0);
    }
    http_set_header(r->call, "Clear-Site-Data", "\"cache\", \"storage\"");
    page_redirect(r, "/");
}

void open_leave(struct request *r)
{
    ask_queue(r,
              &(struct ipc_portal_ask){.verb = PORTAL_LEAVE,
                                       .number = http_field(r->call, "everywhere").n > 0},
              on_left);
}

static void open_on_list(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    char id[ID_TEXT], date[16];
    if (a->result != PORTAL_OK) {
        page_problem(r, 403, "session-over");
        return;
    }
    struct data *d = page_begin(r, "list-title");
    bool without_subject = false;
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct ipc_row_envelope *e = &r->rows[i];
        struct data *m = data_item(d, "mails");
        if (!m) {
            break;
        }
        bool waits = e->state == 0 && page_days_left(e->expires_ms) > 0;
        bool open = waits && (!e->sealed || r->link[0]);
        id_text(e->envelope, id);
        page_date(e->made_ms, date, sizeof date);
        data_c(m, "id", id);
        data_flag(m, "mine", e->sender.n == 0); /* the copy of an answer */
        data_put(m, "subject", e->subject);
        without_subject |= e->subject.n == 0;
        data_put(m, "sender-name", e->sender_name.n > 0 ? e->sender_name : e->sender);
        data_c(m, "date", date);
        if (e->attachments > 0) {
            data_number(m, "attachments", e->attachments);
        }
        data_number(m, "days", page_days_left(e->expires_ms));
        data_flag(m, "open", open);
        data_flag(m, "over", !waits);
        data_flag(m, "new", waits && e->opened_ms == 0);
        data_flag(m, "sealed", waits && e->sealed);
    }
    data_flag(d, "without-subject", without_subject);
    page_send(r, 200, "list");
}

void open_list(struct request *r)
{
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_LIST}, open_on_list);
}
