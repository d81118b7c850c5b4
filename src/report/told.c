/* SPDX-License-Identifier: Apache-2.0
 * told.c: writes what was done with a mail, for its sender: one paragraph for each recipient, secure or not in its first
 * words. Nothing of the mail itself is in it but addresses.
 *
 * What can go wrong: more recipients than a letter has room for: how many were left out is said.
 */
#include "report/told.h"
#include "policy/policy.h"
#include "report/message.h"
#include "wire/date.h"

enum {
    RCPT_ROOM = 12 * 1024, /* a paragraph: address 900, reply 1,024, words 1,600 and an indent for each line */
    ENDING_ROOM = 2048,
};

static int put_sent(const struct told_rcpt *r, struct buf *out)
{
    if (!r->has_session) {
        return buf_printf(out, "%s", reason_sentence(r->reason));
    }
    bool is_secure = r->grade >= GRADE_CERT && !r->is_legacy;
    int e = buf_printf(out, "%s: %s", is_secure ? "sent securely" : "SENT, NOT SECURELY",
                       r->is_legacy ? "encrypted with outdated cryptography, by an exception" : message_grade_words(r->grade));
    if (e == 0 && r->tls_version.n > 0) {
        e = buf_printf(out, " (" STR_FMT ")", STR_ARG(r->tls_version));
    }
    return e < 0 || r->host.n == 0 ? e : buf_printf(out, ", to the server " STR_FMT, STR_ARG(r->host));
}

/* What was done, in its first words. */
static const char *done_words(enum rcpt_state s)
{
    switch (s) {
    case RCPT_QUEUED:
        return "not sent yet, it waits: ";
    case RCPT_HELD:
        return "not sent, it is held: ";
    case RCPT_FAILED:
    case RCPT_EXPIRED:
        return "NOT SENT, and not tried again: ";
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
        e = line.n > 0 ? buf_printf(out, "    %s" STR_FMT "\n", first ? "why: " : "     ", STR_ARG(line)) : 0;
    }
    return e < 0 ? e : buf_add(out, STR("\n"));
}

static int put_rcpt(const struct told_rcpt *r, struct buf *out)
{
    int e = buf_printf(out, "<" STR_FMT ">\n    ", STR_ARG(r->forward_path));
    if (e == 0 && r->state == RCPT_DELIVERED) {
        e = put_sent(r, out);
    } else if (e == 0) {
        e = buf_printf(out, "%s%s", done_words(r->state), reason_sentence(r->reason));
        e = e < 0 || r->reply.n == 0 ? e : buf_printf(out, "\n    in detail: " STR_FMT, STR_ARG(r->reply));
    }
    e = e < 0 ? e : buf_add(out, STR("\n"));
    return e < 0 ? e : put_why(r->words, out);
}

static int put_ending(const struct told *t, size_t left_out, bool waits, struct buf *out)
{
    char until[DATE_MAX];
    int e = left_out ? buf_printf(out, "There are %zu more recipients, for whom this letter has no room.\n\n", left_out) : 0;
    date_rfc5322(t->until_ms, until);
    if (e == 0 && waits) {
        e = buf_printf(out, "What waits is tried until %s.\nYou hear of it again only if it cannot be sent.\n\n", until);
    }
    bool has_admin = t->administrator.n > 0;
    return e < 0 ? e
                 : buf_printf(out, "Questions: %s" STR_FMT ". Please name the number of the mail.\n", has_admin ? "" : "postmaster@",
                              STR_ARG(has_admin ? t->administrator : t->hostname));
}

int told_write(const struct told *t, struct buf *out)
{
    char date[DATE_MAX];
    bool waits = false;
    size_t i = 0;
    date_rfc5322(t->arrived_ms, date);
    int e = buf_printf(out, "This is the mail gateway " STR_FMT "%s" STR_FMT ".\n\nWhat was done with your mail of %s\n(our number " STR_FMT "):\n\n",
                       STR_ARG(t->hostname), t->organization.n > 0 ? " of " : "", STR_ARG(t->organization), date, STR_ARG(t->id));
    for (; e == 0 && i < t->n_rcpts && buf_len(out) + RCPT_ROOM + ENDING_ROOM < out->max; i++) {
        e = put_rcpt(&t->rcpts[i], out);
        waits |= t->rcpts[i].state == RCPT_QUEUED;
    }
    return e < 0 ? e : put_ending(t, t->n_rcpts - i, waits, out);
}
