/* SPDX-License-Identifier: Apache-2.0
 * dsn.c: writes the bounce: plain words for the sender, RFC 3464 fields for programs, and the
 * header section of the original. Called by smtpout. Pure.
 *
 * The body of the original is never returned: it may be what had to be protected. Text from peers
 * was cleaned of control bytes when it was read; here it is folded.
 *
 * What the notice needs of its way is settled here, not inherited: unless its own return path
 * needs SMTPUTF8 it is ASCII to the last octet (RFC 6533 3: addresses as utf-8-addr-xtext; text
 * and headers in quoted-printable).
 */
#include "report/dsn.h"
#include "policy/policy.h"
#include "wire/date.h"
#include "wire/marks.h"
#include "wire/notify.h"
#include "wire/qp.h"

#include <stdio.h>

enum { LINE_SOFT = 76 };

/* Words of text, folded at 76 columns with the given prefix for further lines. utf8: other
 * characters than ASCII may stand there. */
static int put_folded(struct buf *out, struct str text, const char *prefix, bool utf8)
{
    utf8 = utf8 && marks_is_utf8(text);
    size_t column = strlen(prefix);
    struct str rest = text, word;
    int r = 0;
    bool first = true;
    while (r == 0 && rest.p && str_split(&rest, ' ', &word)) {
        if (!first && column + word.n + 1 > LINE_SOFT) {
            r = buf_printf(out, "\r\n%s", prefix);
            column = strlen(prefix);
        } else if (!first) {
            r = buf_append(out, " ", 1);
            column++;
        }
        for (size_t i = 0; r == 0 && i < word.n; i++) {
            unsigned char c = (unsigned char)word.p[i];
            bool plain = c >= 0x20 && c != 0x7f && (utf8 || c < 0x80);
            r = buf_append(out, plain ? &word.p[i] : "?", 1);
        }
        column += word.n;
        first = false;
    }
    return r;
}

struct action_words {
    const char *action, *subject, *verb;
};

static const struct action_words words_of[] = {
    [DSN_FAILED] = {"failed", "Your message could not be delivered", "could not be delivered to"},
    [DSN_ASKED] = {"failed", "Did you mean to send this securely?",
                   "was sent to nobody, because of a question"},
    [DSN_CHOICE] = {"delayed", "Please decide: your message waits for you",
                    "waits for you; it has not reached"},
    [DSN_HELD] = {"delayed", "Your message is held", "is held; it has not reached"},
    [DSN_WAITS_FOR_TLS] = {"delayed", "Your message waits for a secure connection",
                           "has not reached"},
    [DSN_DELAYED] = {"delayed", "Your message has not been delivered yet", "has not reached"},
    [DSN_RELAYED] = {"relayed", "Your message was handed on", "was handed on, for"},
    [DSN_DELIVERED] = {"delivered", "Your message was delivered", "was delivered to"},
};

/* The gravest of all recipients speaks for the notice. */
static enum dsn_action gravest(const struct dsn *d)
{
    enum dsn_action a = DSN_DELIVERED;
    for (size_t i = 0; i < d->n_rcpts; i++) {
        a = d->rcpts[i].action < a ? d->rcpts[i].action : a;
    }
    return a;
}

static bool is_delayed(enum dsn_action a)
{
    return a == DSN_WAITS_FOR_TLS || a == DSN_DELAYED || a == DSN_HELD || a == DSN_CHOICE;
}

static struct str status_of(const struct dsn_rcpt *r)
{
    /* RFC 3463 2: 4 with a failure that another day may mend */
    char class = is_delayed(r->action) || r->expired ? '4' : r->action < DSN_CHOICE ? '5' : '2';
    if (r->code.n > 0 && r->code.p[0] == class) {
        return r->code;
    }
    const char *own = class == '4'   ? reason_deferred_code(r->reason)
                      : class == '5' ? reason_bounced_code(r->reason)
                                     : "";
    return str_c(*own ? own : class == '4' ? "4.0.0" : class == '5' ? "5.0.0" : "2.0.0");
}

static int dsn_put_header(const struct dsn *d, const char *boundary, struct buf *out)
{
    char date[DATE_MAX];
    date_rfc5322(d->at_ms, date);
    return buf_printf(out,
                      "From: Mail gateway <MAILER-DAEMON@" STR_FMT ">\r\nTo: <" STR_FMT ">\r\n"
                      "Subject: %s\r\nDate: %s\r\n"
                      "Message-ID: <" STR_FMT "@" STR_FMT ">\r\nAuto-Submitted: auto-replied\r\n"
                      "MIME-Version: 1.0\r\n"
                      "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                      "\tboundary=\"%s\"\r\n%s\r\n"
                      "This is a message in MIME format.\r\n\r\n",
                      STR_ARG(d->hostname), STR_ARG(d->to), words_of[gravest(d)].subject, date,
                      STR_ARG(d->own_id), STR_ARG(d->hostname), boundary,
                      d->utf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

/* One sentence about what became of it. */
static const char *sentence_of(const struct dsn_rcpt *r)
{
    if (r->action == DSN_RELAYED) {
        return "the next server accepted it; that server sends no notices, so this is the last you "
               "will hear of it";
    }
    return r->action == DSN_DELIVERED ? "it is in the recipient's mailbox"
                                      : reason_sentence(r->reason);
}

/* The reason is that of the last attempt: what ended it is time. */
static bool was_tried_in_vain(const struct dsn_rcpt *r)
{
    return r->expired && r->reason != REASON_EXPIRED && r->reason != REASON_NOT_PICKED_UP;
}

static int dsn_put_person(const struct dsn_rcpt *r, struct buf *out)
{
    int e = buf_printf(out, "<" STR_FMT ">\r\n    ", STR_ARG(r->forward_path));
    if (e == 0 && was_tried_in_vain(r)) {
        e = buf_add(out, STR("it expired; at the last attempt:\r\n    "));
    }
    e = e < 0 ? e : put_folded(out, str_c(sentence_of(r)), "    ", true);
    if (e == 0 && r->reply.n > 0) {
        e = buf_printf(out, "\r\n    %s", r->remote ? "The other server said: " : "In detail: ");
        e = e < 0 ? e : put_folded(out, r->reply, "    ", true);
    }
    return e < 0 ? e : buf_add(out, STR("\r\n\r\n"));
}

static int dsn_put_ending(const struct dsn *d, enum dsn_action worst, struct buf *out)
{
    bool has_admin = d->administrator.n > 0;
    const char *next = worst == DSN_ASKED
                           ? "If you meant the flag, write it as shown above and send the message "
                             "again;\r\nif not, change that word and send it again."
                           : "It will not be tried again.";
    return buf_printf(out,
                      "%s\r\nIf you do not know what to do, forward this notice to\r\n%s" STR_FMT
                      ".\r\n\r\n",
                      next, has_admin ? "" : "postmaster@",
                      STR_ARG(has_admin ? d->administrator : d->hostname));
}

/* One line for each choice; a message to its address, from the same sender, makes it. */
static int put_choices(const struct dsn *d, struct buf *out)
{
    struct str rest = d->choices, line;
    int e =
        buf_add(out,
                STR("Nothing has been sent yet. Choose by sending an empty message to one of "
                    "these\r\naddresses (in most mail programs: click on it, then send):\r\n\r\n"));
    while (e == 0 && rest.n > 0 && str_split(&rest, '\n', &line)) {
        size_t tab = str_find(line, '\t', 0);
        if (tab < line.n) {
            e = buf_printf(out, "  " STR_FMT ":\r\n    mailto:" STR_FMT "\r\n\r\n",
                           STR_ARG(str_slice(line, 0, tab)),
                           STR_ARG(str_slice(line, tab + 1, line.n)));
        }
    }
    return e < 0 ? e
                 : buf_add(out, STR("Your choice will be recorded. Without one the message will\r\n"
                                    "come back to you in the end.\r\n\r\n"));
}

/* What will happen next, and what the sender can do. */
static int put_delay_ending(const struct dsn *d, struct buf *out)
{
    char until[DATE_MAX];
    bool has_admin = d->administrator.n > 0;
    if (gravest(d) == DSN_CHOICE) {
        return put_choices(d, out);
    }
    if (gravest(d) == DSN_HELD) {
        return buf_printf(
            out,
            "Nothing is lost and nothing was sent. You do not need to send it again: "
            "somebody\r\nwill review it, and release it or send it back. Ask %s" STR_FMT
            ".\r\n\r\n",
            has_admin ? "" : "postmaster@", STR_ARG(has_admin ? d->administrator : d->hostname));
    }
    date_rfc5322(d->until_ms, until);
    return buf_printf(out,
                      "%sIt will be tried again until\r\n%s; after that it comes back to "
                      "you.\r\nYou do not need to send it again. If it is urgent, contact the "
                      "recipient in\r\nanother way, or ask %s" STR_FMT ".\r\n\r\n",
                      gravest(d) == DSN_WAITS_FOR_TLS
                          ? "Nothing was sent in clear, and nothing is lost. "
                          : "Nothing is lost. ",
                      until, has_admin ? "" : "postmaster@",
                      STR_ARG(has_admin ? d->administrator : d->hostname));
}

static int put_words(const struct dsn *d, struct buf *out)
{
    char date[DATE_MAX];
    enum dsn_action worst = gravest(d);
    date_rfc5322(d->arrived_ms, date);
    int e = buf_printf(out,
                       "This is the mail gateway " STR_FMT "%s" STR_FMT ".\r\n\r\n"
                       "Your message of %s\r\n(our number " STR_FMT ") %s:\r\n\r\n",
                       STR_ARG(d->hostname), d->organization.n > 0 ? " of " : "",
                       STR_ARG(d->organization), date, STR_ARG(d->id), words_of[worst].verb);
    for (size_t i = 0; e == 0 && i < d->n_rcpts; i++) {
        e = dsn_put_person(&d->rcpts[i], out);
    }
    return e < 0                ? e
           : worst < DSN_CHOICE ? dsn_put_ending(d, worst, out)
           : is_delayed(worst)  ? put_delay_ending(d, out)
                                : 0;
}

static int put_words_part(const struct dsn *d, const char *boundary, struct buf *out)
{
    CLEANUP(buf_free) struct buf words = BUF_INIT(out->max);
    int e = put_words(d, &words);
    const char *charset = marks_has_8bit(buf_str(&words)) ? "utf-8" : "us-ascii";
    e = e < 0 ? e
              : buf_printf(out, "--%s\r\nContent-Type: text/plain; charset=%s\r\n", boundary,
                           charset);
    return e < 0 ? e : qp_part(buf_str(&words), out);
}

/* RFC 3464 2.3.1: only where the sender named it. */
static int put_original(const struct dsn_rcpt *r, struct buf *out)
{
    size_t semicolon = str_find(r->orcpt, ';', 0);
    CLEANUP(buf_free) struct buf address = BUF_INIT(NOTIFY_ORCPT_MAX);
    if (semicolon == r->orcpt.n ||
        notify_xtext_read(str_slice(r->orcpt, semicolon + 1, r->orcpt.n), &address) < 0) {
        return 0;
    }
    int e = buf_printf(out, "Original-Recipient: " STR_FMT ";",
                       STR_ARG(str_slice(r->orcpt, 0, semicolon)));
    e = e < 0 ? e : put_folded(out, buf_str(&address), "    ", false);
    return e < 0 ? e : buf_add(out, STR("\r\n"));
}

/* RFC 3464 2.3.2, RFC 6533 3 */
static int put_final(const struct dsn *d, const struct dsn_rcpt *r, struct buf *out)
{
    bool is_utf8 = marks_has_8bit(r->forward_path) && marks_is_utf8(r->forward_path);
    int e = buf_printf(out, "Final-Recipient: %s;", is_utf8 ? "utf-8" : "rfc822");
    e = e < 0     ? e
        : is_utf8 ? notify_utf8_write(r->forward_path,
                                      d->utf8 ? NOTIFY_UTF8_UNICODE : NOTIFY_UTF8_ASCII, out)
                  : buf_add(out, r->forward_path);
    return e < 0 ? e : buf_add(out, STR("\r\n"));
}

/* RFC 3461 6.3 MUST: Original-Recipient where ORCPT was said */
static int put_rcpt_fields(const struct dsn *d, const struct dsn_rcpt *r, struct buf *out)
{
    char date[DATE_MAX];
    struct str status = status_of(r);
    date_rfc5322(r->last_ms, date);
    int e = buf_add(out, STR("\r\n"));
    e = e < 0 ? e : put_original(r, out);
    e = e < 0 ? e : put_final(d, r, out);
    e = e < 0 ? e
              : buf_printf(out, "Action: %s\r\nStatus: " STR_FMT "\r\n", words_of[r->action].action,
                           STR_ARG(status));
    if (e == 0 && r->host.n > 0) {
        e = buf_printf(out, "Remote-MTA: dns;" STR_FMT "\r\n", STR_ARG(r->host));
    }
    if (e == 0 && r->reply.n > 0) {
        e = buf_printf(out, "Diagnostic-Code: %s;", r->remote ? "smtp" : "x-postern");
        e = e < 0 ? e : put_folded(out, r->reply, "    ", d->utf8);
        e = e < 0 ? e : buf_add(out, STR("\r\n"));
    }
    if (e == 0 && r->last_ms > 0) {
        e = buf_printf(out, "Last-Attempt-Date: %s\r\n", date);
    }
    if (e == 0 && is_delayed(r->action)) {
        date_rfc5322(d->until_ms, date);
        e = buf_printf(out, "Will-Retry-Until: %s\r\n", date);
    }
    return e;
}

/* RFC 3461 6.3 MUST: Original-Envelope-Id where ENVID was said */
static int dsn_put_fields(const struct dsn *d, const char *boundary, struct buf *out)
{
    char date[DATE_MAX];
    date_rfc5322(d->arrived_ms, date);
    int e = buf_printf(out,
                       "--%s\r\nContent-Type: message/%sdelivery-status\r\n%s\r\n"
                       "Reporting-MTA: dns;" STR_FMT "\r\nArrival-Date: %s\r\n",
                       boundary, d->utf8 ? "global-" : "",
                       d->utf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "", STR_ARG(d->hostname),
                       date);
    CLEANUP(buf_free) struct buf envid = BUF_INIT(NOTIFY_ENVID_MAX);
    if (e == 0 && d->envid.n > 0 && notify_xtext_read(d->envid, &envid) == 0) {
        e = buf_printf(out, "Original-Envelope-Id: ");
        e = e < 0 ? e : put_folded(out, buf_str(&envid), "    ", false);
        e = e < 0 ? e : buf_add(out, STR("\r\n"));
    }
    for (size_t i = 0; e == 0 && i < d->n_rcpts; i++) {
        e = put_rcpt_fields(d, &d->rcpts[i], out);
    }
    return e < 0 ? e : buf_add(out, STR("\r\n"));
}

/* RFC 6522 4: text/rfc822-headers; RFC 6533 6: message/global-headers where they are UTF-8. */
static int put_headers(const struct dsn *d, const char *boundary, struct buf *out)
{
    bool global = marks_has_8bit(d->headers) && marks_is_utf8(d->headers);
    int e = buf_printf(out, "--%s\r\nContent-Type: %s\r\n", boundary,
                       global ? "message/global-headers" : "text/rfc822-headers");
    if (e < 0 || !global || !d->utf8) {
        return e < 0 ? e : qp_part(d->headers, out);
    }
    e = buf_add(out, STR("Content-Transfer-Encoding: 8bit\r\n\r\n"));
    return e < 0 ? e : buf_add(out, d->headers);
}

/* RFC 5321 3.6.3 SHOULD: the notice has the form of RFC 3464
 * RFC 3461 6.2 MUST: the form is that of RFC 3464 */
int dsn_write(const struct dsn *d, struct buf *out)
{
    char boundary[64];
    /* "=_" cannot stand in quoted-printable */
    snprintf(boundary, sizeof boundary, "=_%.40s/dsn", d->own_id.p);
    int e = dsn_put_header(d, boundary, out);
    e = e < 0 ? e : put_words_part(d, boundary, out);
    e = e < 0 ? e : dsn_put_fields(d, boundary, out);
    e = e < 0 ? e : put_headers(d, boundary, out);
    return e < 0 ? e : buf_printf(out, "\r\n--%s--\r\n", boundary);
}
