/* SPDX-License-Identifier: Apache-2.0
 * compose.c: an inside user writes a message in the portal, and sees before what will become of it
 * for each recipient. Called by request.c.
 *
 * It is treated like any other message of theirs: the same rules, the same inspection; who they
 * are comes from their pass, which the queue checks. What the rules say about its content is known
 * when it was read: after it was sent.
 */
#include "base/clock.h"
#include "portal/shown.h"
#include "ipc/about.h"
#include "proc/web/outgoing.h"
#include "store/store.h"
#include "wire/date.h"
#include "wire/encoded.h"
#include "wire/id.h"
#include "wire/mailboxes.h"

#include <stdio.h>

enum { RCPTS_MAX = 50, FIELDS_OCTETS = 64 * 1024 };

static bool by_portal(const struct request *r)
{
    return str_eq(http_field(r->call, "how"), STR("portal"));
}

static void put_form(struct request *r)
{
    char limit[32];
    struct data *d = &r->page;
    shown_size((uint64_t)child_conf(r->web->child)->portal.reply_size, limit, sizeof limit);
    data_c(d, "limit", limit);
    data_put(d, "to", http_field(r->call, "to"));
    data_put(d, "subject", http_field(r->call, "subject"));
    data_put(d, "words", http_field(r->call, "words"));
    data_flag(d, "by-portal", by_portal(r));
}

static void on_who(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result != PORTAL_OK || a->kind != PASS_INSIDE) {
        page_redirect(r, "/login");
        return;
    }
    put_form(r);
    (void)page_begin(r, "compose-title");
    if (http_query(r->call, "sent").n > 0) {
        page_done(r, "composed");
    }
    page_send(r, 200, "compose");
}

void compose_form(struct request *r)
{
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_WHO}, on_who);
}

/* --- what would become of it -------------------------------------------- */

static void on_fates(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    static const char *const keys[FATE_END] = {
        "fate-inside", "fate-tls", "fate-tls-known", "fate-portal", "fate-held", "fate-back",
    };
    if (a->result != PORTAL_OK) {
        page_problem(r, 403, "session-over");
        return;
    }
    for (size_t i = 0; i < r->n_fates; i++) {
        struct data *one = data_item(&r->page, "fates");
        struct buf words = BUF_INIT(1024);
        if (one) {
            (void)!site_text(r->web->site,
                             keys[r->fates[i].fate < FATE_END ? r->fates[i].fate : FATE_BACK],
                             r->language, &r->page, &words);
            data_put(one, "address", r->fates[i].address);
            data_put(one, "fate", buf_str(&words));
            data_put(one, "why", r->fates[i].words);
        }
        buf_free(&words);
    }
    data_flag(&r->page, "looked", true);
    put_form(r);
    (void)page_begin(r, "compose-title");
    page_send(r, 200, "compose");
}

/* --- what comes --------------------------------------------------------- */

static void compose_ready(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result != PORTAL_OK || a->kind != PASS_INSIDE) {
        page_problem(r, 403, "session-over");
        return;
    }
    outgoing_begin(r);
}

void compose_begin(struct request *r)
{
    r->composing = true;
    if (http_body_size(r->call) > child_conf(r->web->child)->portal.reply_size + HTTP_FIELD_MAX) {
        page_problem(r, 413, "too-large");
        return;
    }
    http_take_form(r->call, HTTP_FIELD_MAX + HTTP_FORM_MAX);
    http_hold(r->call);
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_WHO}, compose_ready);
}

/* fn once for each recipient; how many there were. */
static unsigned compose_each_rcpt(struct request *r, void (*fn)(void *arg, struct str address),
                                  void *arg)
{
    struct str rest = http_field(r->call, "to");
    struct mailbox next;
    unsigned n = 0;
    while (n < RCPTS_MAX && mailboxes_next(&rest, &next)) {
        struct str one = next.address;
        if (one.n > 2 && one.n <= ADDRESS_MAX && str_find(one, '@', 1) < one.n - 1 &&
            !memchr(one.p, ' ', one.n) && !memchr(one.p, '<', one.n)) {
            fn(arg, one);
            n++;
        }
    }
    return n;
}

static void compose_put_to(void *arg, struct str address)
{
    struct buf *b = arg;
    (void)!buf_printf(b, "%s<" STR_FMT ">", buf_len(b) > 0 ? ",\r\n " : "", STR_ARG(address));
}

static void compose_write_head(struct request *r)
{
    const struct conf *c = child_conf(r->web->child);
    char id[ID_TEXT], date[DATE_MAX];
    struct buf f = BUF_INIT(FIELDS_OCTETS), to = BUF_INIT(FIELDS_OCTETS / 2);
    id_text(r->outgoing->id, id);
    date_rfc5322(clock_wall_ms(), date);
    (void)compose_each_rcpt(r, compose_put_to, &to);
    bool ok = buf_printf(&f, "From: <%s>\r\nTo: " STR_FMT "\r\nSubject: ", r->address,
                         STR_ARG(buf_str(&to))) == 0 &&
              encoded_write(http_field(r->call, "subject"), false, &f) == 0 &&
              buf_printf(&f, "\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n", date, id, c->hostname) == 0;
    r->outgoing->failed |= !ok;
    outgoing_head(r->outgoing, buf_str(&f), http_field(r->call, "words"));
    buf_free(&f);
    buf_free(&to);
}

void compose_file(struct request *r, const char *file, struct str octets, uint64_t at)
{
    if (!r->outgoing->head_written) {
        compose_write_head(r);
    }
    outgoing_file(r->outgoing, file, octets, at);
    if (r->outgoing->failed || r->outgoing->too_large) {
        http_discard(r->call);
    }
}

/* --- sent --------------------------------------------------------------- */

static void compose_submit(struct request *r)
{
    ask_wait(r);
    if (compose_each_rcpt(r, outgoing_rcpt, r) == 0) {
        ask_settle(r);
        page_problem(r, 400, "words-missing");
        return;
    }
    outgoing_submit(r, ABOUT_COMPOSE, by_portal(r), str_c(r->address));
}

void compose_submitted(struct request *r, uint8_t result)
{
    if (result == STORE_OK) {
        page_redirect(r, "/compose?sent=1");
    } else {
        page_problem(r, 503, "later");
    }
}

void compose_end(struct request *r)
{
    struct outgoing *o = r->outgoing;
    struct str to = http_field(r->call, "to");
    if (!o) {
        page_problem(r, 403, "session-over");
    } else if (str_eq(http_field(r->call, "do"), STR("look"))) {
        ask_queue(r,
                  &(struct ipc_portal_ask){
                      .verb = PORTAL_EXPLAIN,
                      .text = str_slice(to, 0, to.n < 2000 ? to.n : 2000),
                      .number = by_portal(r),
                  },
                  on_fates);
    } else if (str_trim(http_field(r->call, "words")).n == 0 || str_trim(to).n == 0) {
        page_problem(r, 400, "words-missing");
    } else if (outgoing_end(r, compose_write_head)) {
        compose_submit(r);
    }
}
