/* SPDX-License-Identifier: Apache-2.0
 * told.c: writes what was done with a message, for its sender: one paragraph for each recipient,
 * secure or not in its first words. Nothing of the message itself is in it but addresses.
 *
 * What can go wrong: more recipients than a letter has room for: how many were left out is said.
 */
#include "report/told.h"
#include "policy/policy.h"
#include "report/message.h"
#include "wire/date.h"

enum {
    /* a paragraph: address 900, reply 1,024, words 1,600 and an indent for each line */
    RCPT_ROOM = 12 * 1024,
    ENDING_ROOM = 2048,
};

static int put_sent(const struct told_rcpt *r, struct buf *out)
{
    if (!r->has_session) {
        return buf_printf(out, "%s", reason_sentence(r->reason));
    }
    if (r->is_inside) {
        return buf_printf(out, "delivered inside, it does not leave the organisation: %s",
                          message_grade_words(r->grade));
    }
    bool is_secure = r->grade >= GRADE_CERT && !r->is_legacy;
    int e = buf_printf(out, "%s: %s", is_secure ? "sent securely" : "SENT, NOT SECURELY",
                       r->is_legacy ? "encrypted with outdated cryptography, by an exception"
                                    : message_grade_words(r->grade));
    if (e == 0 && r->tls_version.n > 0) {
        e = buf_printf(out, " (" STR_FMT ")", STR_ARG(r->tls_version));
    }
    return e < 0 || r->host.n == 0 ? e
                                   : buf_printf(out, ", to the server " STR_FMT, STR_ARG(r->host));
}

/* What was done, in its first words. */
static const char *done_words(enum rcpt_state s)
{
    switch (s) {
    case RCPT_QUEUED:
        return "not sent yet, it is waiting: ";
    case RCPT_HELD:
        return "not sent, it is held: ";
    case RCPT_FAILED:
    case RCPT_EXPIRED:
        return "NOT SENT, and it will not be tried again: ";
    case RCPT_PICKUP:
        return "kept in the portal, where only its recipient can read it: ";
    case RCPT_DELETED:
    case RCPT_DELIVERED:
    case RCPT_STATE_END:
        break;
    }
    return "";
}

static int put_why(struct str words, struct buf *out)
{
    struct str rest = words, line;
    int e = 0;
    for (bool first = true; e == 0 && rest.n > 0 && str_split(&rest, '\n', &line); first = false) {
        e = line.n > 0
                ? buf_printf(out, "    %s" STR_FMT "\n", first ? "why: " : "     ", STR_ARG(line))
                : 0;
    }
    return e < 0 ? e : buf_add(out, STR("\n"));
}

/* A trial that went to nobody: the reply says what would have been done. */
static bool is_trial(const struct told_rcpt *r)
{
    return r->state == RCPT_FAILED && r->reason == REASON_TESTED;
}

/* How far the notice came by now, and how long the message waits for its reader. */
static int put_notice(const struct told_rcpt *r, struct buf *out)
{
    static const char *const words[] = {
        [TOLD_NOTICE_DUE] = "the notice to the recipient has not been written yet",
        [TOLD_NOTICE_WRITTEN] =
            "the notice to the recipient is on its way; whether it arrives is not known yet",
        [TOLD_NOTICE_TAKEN] = "the notice was accepted by the recipient's mail server",
    };
    char until[DATE_MAX];
    date_rfc5322(r->until_ms, until);
    int e = buf_printf(out, "\n    %s", words[r->pickup_notice]);
    return e < 0 || r->until_ms == 0
               ? e
               : buf_printf(out, "; the message can be read there until %s", until);
}

static int told_put_rcpt(const struct told_rcpt *r, struct buf *out)
{
    int e = buf_printf(out, "<" STR_FMT ">\n    ", STR_ARG(r->forward_path));
    if (e == 0 && r->state == RCPT_DELIVERED) {
        e = put_sent(r, out);
    } else if (e == 0) {
        e = is_trial(r) ? buf_printf(out, "nothing was sent; " STR_FMT, STR_ARG(r->reply))
                        : buf_printf(out, "%s%s", done_words(r->state), reason_sentence(r->reason));
        e = e < 0 || r->reply.n == 0 || is_trial(r)
                ? e
                : buf_printf(out, "\n    in detail: " STR_FMT, STR_ARG(r->reply));
        e = e < 0 || r->state != RCPT_PICKUP ? e : put_notice(r, out);
    }
    e = e < 0 ? e : buf_add(out, STR("\n"));
    return e < 0 ? e : put_why(r->words, out);
}

/* What of it is not over yet. */
struct open_ends {
    size_t waits, held, pickup, tried, hears;
};

static void count_ends(const struct told_rcpt *r, struct open_ends *n)
{
    bool is_open = r->state == RCPT_QUEUED || r->state == RCPT_HELD || r->state == RCPT_PICKUP;
    n->waits += r->state == RCPT_QUEUED;
    n->held += r->state == RCPT_HELD;
    n->pickup += r->state == RCPT_PICKUP;
    n->tried += is_trial(r);
    n->hears += is_open && r->hears_again;
}

/* What comes after this letter, and where it is to be seen. */
static int put_later(const struct told *t, const struct open_ends *n, struct buf *out)
{
    char until[DATE_MAX];
    int e = 0;
    date_rfc5322(t->until_ms, until);
    if (n->waits > 0) {
        e = buf_printf(out, "What is waiting will be tried until %s.\n", until);
    }
    if (e == 0 && n->held > 0) {
        e = buf_add(out, STR("What is held is sent when somebody at the organisation releases it. "
                             "If they\ndelete it instead, you will not be notified: ask.\n"));
    }
    if (e == 0 && n->pickup > 0) {
        e = buf_add(out, STR("What is in the portal had not been read when this was written.\n"));
        e = e < 0 || t->sent_page.n == 0 ? e
                                         : buf_printf(out,
                                                      "You can see whether the notice arrived and "
                                                      "when the message was read at\n" STR_FMT "\n",
                                                      STR_ARG(t->sent_page));
    }
    if (e == 0 && n->hears > 0) {
        e = buf_add(
            out,
            STR("You will only hear of it again if it cannot be sent, or nobody picks it up.\n"));
    } else if (e == 0 && n->waits + n->held + n->pickup > 0) {
        e = buf_add(out, STR("You will hear nothing more: the message was sent with a request for\n"
                             "no notices.\n"));
    }
    return e < 0 || n->waits + n->held + n->pickup == 0 ? e : buf_add(out, STR("\n"));
}

static int told_put_ending(const struct told *t, size_t left_out, const struct open_ends *n,
                           struct buf *out)
{
    bool has_admin = t->administrator.n > 0;
    int e =
        left_out
            ? buf_printf(out, "There are %zu more recipients, for whom there is no room here.\n\n",
                         left_out)
            : 0;
    e = e < 0 ? e : put_later(t, n, out);
    if (e == 0 && n->tried > 0) {
        e = buf_add(out,
                    STR("Send it again without the test word when you want it to be sent.\n\n"));
    }
    return e < 0 ? e
                 : buf_printf(out,
                              "Questions? Write to %s" STR_FMT
                              " and give the number of the message.\n",
                              has_admin ? "" : "postmaster@",
                              STR_ARG(has_admin ? t->administrator : t->hostname));
}

int told_write(const struct told *t, struct buf *out)
{
    char date[DATE_MAX];
    struct open_ends ends = {0};
    size_t i = 0;
    date_rfc5322(t->arrived_ms, date);
    bool tried = t->n_rcpts > 0 && is_trial(&t->rcpts[0]);
    int e = buf_printf(out,
                       "This is the mail gateway " STR_FMT "%s" STR_FMT
                       ".\n\nWhat %s done with your message of %s\n(our number " STR_FMT ")%s:\n\n",
                       STR_ARG(t->hostname), t->organization.n > 0 ? " of " : "",
                       STR_ARG(t->organization), tried ? "would be" : "was", date, STR_ARG(t->id),
                       tried ? ", a test that was sent to nobody" : "");
    for (; e == 0 && i < t->n_rcpts && buf_len(out) + RCPT_ROOM + ENDING_ROOM < out->max; i++) {
        e = told_put_rcpt(&t->rcpts[i], out);
        count_ends(&t->rcpts[i], &ends);
    }
    return e < 0 ? e : told_put_ending(t, t->n_rcpts - i, &ends, out);
}
