/* SPDX-License-Identifier: Apache-2.0
 * answer.c: answering a message: the form, a draft, files while they come, and the message that
 * goes inside. Called by request.c.
 *
 * An answer goes to the one who wrote, or to all who had the mail: the queue compares with its
 * own list. Header fields are made from data, never from text that somebody typed as a whole.
 */
#include "base/clock.h"
#include "base/log.h"
#include "portal/shown.h"
#include "portal/thread.h"
#include "ipc/about.h"
#include "proc/web/outgoing.h"
#include "store/store.h"
#include "wire/date.h"
#include "wire/encoded.h"
#include "wire/id.h"
#include "wire/mailboxes.h"

#include <stdio.h>
#include <stdlib.h>

enum { RCPTS_MAX = 100, FIELDS_OCTETS = 64 * 1024 };

static const struct ipc_row_envelope *answer_row(const struct request *r)
{
    return &r->rows[0];
}

/* --- the form ----------------------------------------------------------- */

/* Everybody the answer goes to; fn once for each. */
static void answer_each_rcpt(const struct request *r, bool all,
                             void (*fn)(void *arg, struct str address), void *arg)
{
    struct str lists[] = {r->packed->to, r->packed->cc};
    struct mailbox next;
    fn(arg, answer_row(r)->sender);
    unsigned n = 1;
    for (size_t i = 0; all && i < ARRAY_LEN(lists); i++) {
        while (n < RCPTS_MAX && mailboxes_next(&lists[i], &next)) {
            struct str one = next.address;
            bool is_address = str_find(one, '@', 0) + 1 < one.n;
            if (is_address && !address_same(one, str_c(r->address)) &&
                !address_same(one, answer_row(r)->sender)) {
                fn(arg, one);
                n++;
            }
        }
    }
}

static void answer_put_address(void *arg, struct str address)
{
    struct data *d = data_item(arg, "to");
    if (d) {
        data_put(d, "address", address);
    }
}

/* A draft is its subject, a line end, and its words. */
static void answer_show_form(struct request *r, struct str draft)
{
    char id[ID_TEXT], limit[32], subject[600];
    struct data *d = &r->page;
    struct str kept, words = draft;
    bool all = http_query(r->call, "all").n > 0;
    bool has_draft = draft.n > 0 && str_split(&words, '\n', &kept);
    id_text(r->envelope, id);
    shown_size((uint64_t)child_conf(r->web->child)->portal.reply_size, limit, sizeof limit);
    snprintf(subject, sizeof subject, "%s" STR_FMT,
             str_starts_nocase(r->packed->subject, STR("Re:")) ? "" : "Re: ",
             STR_ARG(str_slice(r->packed->subject, 0,
                               r->packed->subject.n < 500 ? r->packed->subject.n : 500)));
    data_c(d, "id", id);
    data_c(d, "limit", limit);
    data_put(d, "subject", has_draft ? kept : str_c(subject));
    data_put(d, "words", has_draft ? words : STR(""));
    data_flag(d, "all", all);
    answer_each_rcpt(r, all, answer_put_address, d);
    (void)page_begin(r, "answer-title");
    page_send(r, 200, "answer");
}

static void draft_opened(struct request *r, const unsigned char *key)
{
    struct rest_reader *reader = key ? rest_reader_new(key) : NULL;
    struct buf clear = BUF_INIT(HTTP_FIELD_MAX);
    bool ok = reader && rest_read(reader, buf_str(&r->pieces), &clear) == 0 &&
              rest_read(reader, STR(""), &clear) == 0 && rest_read_done(reader);
    rest_reader_free(reader);
    answer_show_form(r, ok ? buf_str(&clear) : STR(""));
    buf_wipe(&clear);
}

static void on_draft(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result == PORTAL_OK && !lease_is_none(&a->lease)) {
        ask_key(r, &a->lease, draft_opened);
    } else {
        answer_show_form(r, STR(""));
    }
}

/* The row stays while the draft is asked for. */
static void ask_draft(struct request *r)
{
    if (read_unpack(r)) {
        size_t rows = r->n_rows;
        ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_DRAFT, .envelope = r->envelope},
                  on_draft);
        r->n_rows = rows;
    }
}

static void on_form_envelope(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result != PORTAL_OK || r->n_rows == 0 || answer_row(r)->sender.n == 0) {
        page_problem(r, 404, "not-found");
    } else {
        ask_open(r, a, "view", ask_draft);
    }
}

void answer_form(struct request *r)
{
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_ENVELOPE, .envelope = r->envelope},
              on_form_envelope);
}

/* --- what comes --------------------------------------------------------- */

/* The mail can be answered, and is open: its body may come. */
static void answer_ready(struct request *r)
{
    if (!read_unpack(r)) {
        return;
    }
    outgoing_begin(r);
}

void answer_spool(struct request *r, uint8_t result, struct str name, int fd)
{
    outgoing_spool(r->outgoing, result, name, fd);
    if (r->outgoing->failed) {
        page_problem(r, 503, "later");
    } else {
        http_go(r->call);
    }
}

static void on_begin_envelope(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result != PORTAL_OK || r->n_rows == 0 || answer_row(r)->sender.n == 0) {
        page_problem(r, 403, "session-over");
    } else {
        ask_open(r, a, "view", answer_ready);
    }
}

void answer_begin(struct request *r)
{
    int64_t most = child_conf(r->web->child)->portal.reply_size + HTTP_FIELD_MAX;
    if (http_body_size(r->call) > most) {
        page_problem(r, 413, "too-large");
        return;
    }
    http_take_form(r->call, HTTP_FIELD_MAX + HTTP_FORM_MAX);
    http_hold(r->call);
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_ENVELOPE, .envelope = r->envelope},
              on_begin_envelope);
}

static void answer_put_to(void *arg, struct str address)
{
    struct buf *b = arg;
    (void)!buf_printf(b, "%s<" STR_FMT ">", buf_len(b) > 0 ? ",\r\n " : "", STR_ARG(address));
}

static void answer_write_head(struct request *r)
{
    const struct conf *c = child_conf(r->web->child);
    const struct packed *p = r->packed;
    char id[ID_TEXT], date[DATE_MAX], reply_to[640];
    struct buf f = BUF_INIT(FIELDS_OCTETS), to = BUF_INIT(FIELDS_OCTETS / 2);
    id_text(r->outgoing->id, id);
    date_rfc5322(clock_wall_ms(), date);
    thread_address(c, answer_row(r)->thread, reply_to, sizeof reply_to);
    answer_each_rcpt(r, http_field(r->call, "all").n > 0, answer_put_to, &to);
    bool ok =
        buf_printf(&f, "From: <%s>\r\nTo: " STR_FMT "\r\nReply-To: <%s>\r\nSubject: ", r->address,
                   STR_ARG(buf_str(&to)), reply_to) == 0 &&
        encoded_write(http_field(r->call, "subject"), false, &f) == 0 &&
        buf_printf(&f,
                   "\r\nDate: %s\r\nMessage-ID: <portal." STR_FMT
                   ".%s@%s>\r\nX-Postern-Reply: secure; written in the portal of %s\r\n",
                   date, STR_ARG(answer_row(r)->thread), id, c->hostname, c->hostname) == 0;
    if (ok && p->message_id.n > 2 && p->message_id.n < 900 && p->message_id.p[0] == '<') {
        struct str refs = p->references.n + p->message_id.n < 1800 ? p->references : STR("");
        ok = buf_printf(&f, "In-Reply-To: " STR_FMT "\r\nReferences:", STR_ARG(p->message_id)) == 0;
        struct str one;
        while (ok && str_split(&refs, ' ', &one)) { /* folded: a line each */
            ok = one.n == 0 || buf_printf(&f, " " STR_FMT "\r\n", STR_ARG(one)) == 0;
        }
        ok = ok && buf_printf(&f, " " STR_FMT "\r\n", STR_ARG(p->message_id)) == 0;
    }
    r->outgoing->failed |= !ok;
    outgoing_head(r->outgoing, buf_str(&f), http_field(r->call, "words"));
    buf_free(&f);
    buf_free(&to);
}

void answer_file(struct request *r, const char *file, struct str octets, uint64_t at)
{
    if (!r->outgoing->head_written) {
        answer_write_head(r);
    }
    outgoing_file(r->outgoing, file, octets, at);
    if (r->outgoing->failed || r->outgoing->too_large) {
        http_discard(r->call);
    }
}

/* --- sent, or kept ------------------------------------------------------ */

static void go_back(struct request *r, const char *what)
{
    char id[ID_TEXT], path[64];
    id_text(r->envelope, id);
    snprintf(path, sizeof path, "/mail/%s?%s=1", id, what);
    page_redirect(r, path);
}

static void answer_on_kept(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (a->result == PORTAL_OK) {
        go_back(r, "kept");
    } else {
        page_problem(r, 403, "session-over");
    }
}

static void keep_draft(struct request *r)
{
    unsigned char key[REST_KEY], wrapped[REST_WRAPPED];
    struct buf clear = BUF_INIT(HTTP_FIELD_MAX), sealed = BUF_INIT(2 * HTTP_FIELD_MAX);
    struct str subject = http_field(r->call, "subject"), words = http_field(r->call, "words");
    bool ok = r->web->wrapper && rest_wrap(r->web->wrapper, clock_mono_ms(), key, wrapped) == 0;
    struct rest_sealer *sealer = ok ? rest_sealer_new(key) : NULL;
    ok = ok && buf_append(&sealed, wrapped, sizeof wrapped) == 0 &&
         buf_add(&clear, str_slice(subject, 0, str_find(subject, '\n', 0))) == 0 &&
         buf_add(&clear, STR("\n")) == 0 && buf_add(&clear, words) == 0 &&
         rest_seal(sealer, buf_str(&clear), &sealed) == 0 && rest_seal_end(sealer, &sealed) == 0;
    rest_sealer_free(sealer);
    explicit_bzero(key, sizeof key);
    if (ok && buf_len(&sealed) <= 65536) {
        ask_queue(r,
                  &(struct ipc_portal_ask){
                      .verb = PORTAL_DRAFT_PUT,
                      .envelope = r->envelope,
                      .data = buf_str(&sealed),
                  },
                  answer_on_kept);
    } else {
        page_problem(r, ok ? 413 : 503, ok ? "too-large" : "later");
    }
    buf_wipe(&clear);
    buf_free(&sealed);
}

static void answer_submit(struct request *r)
{
    ask_wait(r);
    answer_each_rcpt(r, http_field(r->call, "all").n > 0, outgoing_rcpt, r);
    outgoing_submit(r, ABOUT_REPLY, r->envelope, STR(""));
}

void answer_submitted(struct request *r, uint8_t result)
{
    if (result == STORE_OK) {
        go_back(r, "answered");
    } else {
        page_problem(r, 503, "later");
    }
}

void answer_end(struct request *r)
{
    struct outgoing *o = r->outgoing;
    if (!o) {
        page_problem(r, 403, "session-over");
    } else if (str_eq(http_field(r->call, "do"), STR("keep"))) {
        keep_draft(r);
    } else if (str_trim(http_field(r->call, "words")).n == 0) {
        page_problem(r, 400, "words-missing");
    } else if (outgoing_end(r, answer_write_head)) {
        answer_submit(r);
    }
}

void answer_free(struct request *r)
{
    outgoing_free(r->web, r->outgoing);
    r->outgoing = NULL;
}
