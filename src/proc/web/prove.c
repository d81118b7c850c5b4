/* SPDX-License-Identifier: Apache-2.0
 * prove.c: what people show besides a code (the phrase agreed on, a passkey, the login of their
 * own organisation), and the page where they keep their own phrase and passkeys. Called by
 * request.c and open.c.
 *
 * The queue says what can be shown, and what was right. A login elsewhere comes back by a GET
 * from another site, which changes nothing and shows a button: what the button sends counts.
 */
#include "ipc/proof_kinds.h"
#include "proc/web/web.h"
#include "wire/base64.h"

#include <stdio.h>

enum { SENT_MAX = 16 * 1024, KEYS_SHOWN = 10 };

/* The relying party: the name in our own address. */
static void put_party(struct request *r)
{
    struct str url = str_c(child_conf(r->web->child)->portal.url),
               name = str_slice(url, strlen("https://"), url.n);
    data_put(&r->page, "party", str_slice(name, 0, str_find(name, ':', 0)));
}

/* --- the second step ---------------------------------------------------- */

void prove_show(struct request *r, struct str offers, const char *alert)
{
    struct str challenge, elsewhere = STR(""), one;
    struct buf ids = BUF_INIT(4096);
    struct data *d = &r->page;
    if (!str_split(&offers, '\n', &challenge) || !str_split(&offers, '\n', &elsewhere)) {
        challenge = STR("");
    }
    while (offers.n > 0 && str_split(&offers, '\n', &one)) {
        (void)!(buf_add(&ids, one) || buf_add(&ids, STR(" ")));
    }
    data_put(d, "challenge", challenge);
    data_put(d, "elsewhere", elsewhere);
    data_put(d, "ids", buf_str(&ids));
    put_party(r);
    (void)page_begin(r, "agreed-title");
    if (alert) {
        page_alert(r, alert);
    }
    page_send(r, alert ? 403 : 200, "phrase");
    buf_free(&ids);
}

static void on_proved(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    data_number(&r->page, "left", a->number > 0 ? (uint64_t)a->number : 0);
    switch (a->result) {
    case PORTAL_OK:
        open_sign_in(r, a->envelope);
        break;
    case PORTAL_WRONG:
        prove_show(r, a->text, "agreed-wrong");
        break;
    case PORTAL_SLOW_DOWN:
    case PORTAL_OVER:
    case PORTAL_NO:
    case PORTAL_PROOF_WANTED:
    case PORTAL_LATER:
    case PORTAL_MUST_STAY:
    case PORTAL_RESULT_END:
        open_reject(r, a->result);
        break;
    }
}

static void prove_ask(struct request *r, enum proof_kind kind, struct str data)
{
    char browser[COOKIE_TEXT];
    unsigned char hash[32], pass[32];
    str_copy_cut(http_cookie(r->call, "__Host-browser"), browser, sizeof browser);
    request_hash(browser, hash);
    request_random(r->pass);
    request_hash(r->pass, pass);
    r->has_pass = true;
    ask_queue(r,
              &(struct ipc_portal_ask){
                  .verb = PORTAL_PROVE,
                  .browser = str_from((const char *)hash, 32),
                  .secret = str_from((const char *)pass, 32),
                  .number = kind,
                  .data = data,
              },
              on_proved);
}

/* Fields of the form, a line each; none of them has a line end, or all is refused. */
static bool prove_join(struct request *r, const char *const *names, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        struct str field = http_field(r->call, names[i]);
        if (field.n == 0 || memchr(field.p, '\n', field.n) || buf_add(out, field) < 0 ||
            (i + 1 < n && buf_add(out, STR("\n")) < 0)) {
            return false;
        }
    }
    return true;
}

void prove_post(struct request *r)
{
    static const char *const fields[] = {"id", "client", "data", "signature"};
    struct buf sent = BUF_INIT(SENT_MAX);
    struct str phrase = http_field(r->call, "agreed");
    if (phrase.n > 0) {
        prove_ask(r, PROOF_PHRASE, str_slice(phrase, 0, phrase.n < 500 ? phrase.n : 500));
    } else if (prove_join(r, fields, ARRAY_LEN(fields), &sent)) {
        prove_ask(r, PROOF_PASSKEY, buf_str(&sent));
    } else {
        page_problem(r, 400, "bad-request");
    }
    buf_free(&sent);
}

/* --- back from elsewhere ------------------------------------------------ */

void prove_back(struct request *r)
{
    char code[2048], state[128];
    if (http_query_text(r->call, "code", code, sizeof code) < 0 ||
        http_query_text(r->call, "state", state, sizeof state) < 0) {
        page_problem(r, 403, "elsewhere-failed");
        return;
    }
    data_c(&r->page, "code", code);
    data_c(&r->page, "state", state);
    (void)page_begin(r, "elsewhere-title");
    page_send(r, 200, "back");
}

void prove_back_post(struct request *r)
{
    static const char *const fields[] = {"state", "code"};
    struct buf sent = BUF_INIT(SENT_MAX);
    if (prove_join(r, fields, ARRAY_LEN(fields), &sent)) {
        prove_ask(r, PROOF_LOGIN, buf_str(&sent));
    } else {
        page_problem(r, 400, "bad-request");
    }
    buf_free(&sent);
}

/* --- what somebody keeps ------------------------------------------------ */

static void put_keys(struct request *r, struct str text)
{
    struct str challenge, line, id, made;
    struct buf ids = BUF_INIT(4096), user = BUF_INIT(64);
    unsigned char hash[32];
    struct data *d = &r->page;
    if (!str_split(&text, '\n', &challenge)) {
        return; /* no passkey can be made with what was shown */
    }
    for (size_t i = 0; i < KEYS_SHOWN && text.n > 0 && str_split(&text, '\n', &line); i++) {
        struct data *k = str_split(&line, ' ', &id) && str_split(&line, ' ', &made)
                             ? data_item(d, "keys")
                             : NULL;
        if (!k) {
            break;
        }
        data_put(k, "id", id);
        data_put(k, "made", made);
        data_put(k, "used", line);
        (void)!(buf_add(&ids, id) || buf_add(&ids, STR(" ")));
    }
    request_hash(r->address, hash);
    (void)!base64url_write(str_from((const char *)hash, sizeof hash), &user);
    data_flag(d, "sure", true);
    data_put(d, "challenge", challenge);
    data_put(d, "ids", buf_str(&ids));
    data_put(d, "user", buf_str(&user));
    put_party(r);
    buf_free(&ids);
    buf_free(&user);
}

static void on_keys(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result != PORTAL_OK || a->kind != PASS_RECIPIENT) {
        page_problem(r, 403, "session-over");
        return;
    }
    put_keys(r, a->text);
    (void)page_begin(r, "phrase-title");
    if (http_query(r->call, "kept").n > 0) {
        page_done(r, "phrase-kept");
    } else if (http_query(r->call, "passkey").n > 0) {
        page_done(r, "passkey-kept");
    }
    page_send(r, 200, "own-phrase");
}

void prove_keep(struct request *r)
{
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_PASSKEYS}, on_keys);
}

static void on_phrase_kept(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result == PORTAL_OK) {
        page_redirect(r, "/phrase?kept=1");
    } else {
        page_problem(r, 403, "session-over");
    }
}

void prove_keep_phrase(struct request *r)
{
    struct str phrase = http_field(r->call, "phrase");
    ask_queue(r,
              &(struct ipc_portal_ask){.verb = PORTAL_PHRASE,
                                       .text =
                                           str_slice(phrase, 0, phrase.n < 400 ? phrase.n : 400)},
              on_phrase_kept);
}

static void on_passkey(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result == PORTAL_OK) {
        page_redirect(r, http_field(r->call, "drop").n > 0 ? "/phrase" : "/phrase?passkey=1");
    } else {
        page_problem(r, a->result == PORTAL_LATER ? 503 : 403,
                     a->result == PORTAL_LATER ? "later" : "passkey-wrong");
    }
}

void prove_keep_passkey(struct request *r)
{
    static const char *const fields[] = {"client", "data"};
    struct buf sent = BUF_INIT(SENT_MAX);
    struct str drop = http_field(r->call, "drop");
    if (drop.n > 0) {
        ask_queue(r,
                  &(struct ipc_portal_ask){.verb = PORTAL_PASSKEY_DROP,
                                           .text = str_slice(drop, 0, drop.n < 400 ? drop.n : 400)},
                  on_passkey);
    } else if (prove_join(r, fields, ARRAY_LEN(fields), &sent)) {
        ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_PASSKEY_NEW, .data = buf_str(&sent)},
                  on_passkey);
    } else {
        page_problem(r, 400, "bad-request");
    }
    buf_free(&sent);
}
