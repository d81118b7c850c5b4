/* SPDX-License-Identifier: Apache-2.0
 * replies.c: what the receiving server says about each recipient of a delivery: taken, refused, or
 * left for another host. answer_means() (round.h) says what a reply means. Called by
 * connection.c; when all have their reply, delivery.c goes on.
 *
 * What can go wrong: a refusal of the whole session (a login wanted, a block list, loops) reads
 * like one of the recipient; such recipients stay open, and the next host is asked.
 */
#include "proc/smtpout/smtpout.h"

#include <stdio.h>

static void note_reply(struct delivery *d, struct delivery_rcpt *r, const struct smtp_answer *a)
{
    char reply[700];
    struct str enhanced = smtp_answer_enhanced(a);
    snprintf(reply, sizeof reply, "%d " STR_FMT, a->code, STR_ARG(buf_str(&a->text)));
    for (char *p = reply; *p; p++) {
        *p = *p == '\n' ? ' ' : *p;
    }
    r->reply = delivery_keep(d, str_c(reply));
    r->code = delivery_keep(d, enhanced);
    r->host = str_c(d->route.hosts[d->step.host].name);
    r->answered = true;
}

void replies_fit_code(struct delivery_rcpt *r, bool permanent)
{
    if (r->code.n == 0 || r->code.p[0] != (permanent ? '5' : '4')) {
        r->code = str_c(permanent ? "5.0.0" : "4.0.0");
    }
}

static void take_refusal(struct delivery *d, struct delivery_rcpt *r, const struct smtp_answer *a,
                         enum answer_to to)
{
    char our_ip[46] = "";
    if (d->connection && d->connection->conn) {
        conn_local_ip(d->connection->conn, our_ip, sizeof our_ip);
    }
    enum answer_means m = answer_means(to, a->code, smtp_answer_enhanced(a), buf_str(&a->text),
                                       our_ip, d->fixed_host);
    note_reply(d, r, a);
    str_copy_cut(r->reply, d->said, sizeof d->said);
    if (m == MEANS_LOGIN) {
        d->login_wanted = true; /* no word about this recipient: the verdict on the host counts */
        return;
    }
    if (m != MEANS_REFUSED) {
        /* open: the next host is asked */
        round_hear(&r->round, m == MEANS_NOT_US ? m : MEANS_NOT_NOW);
        return;
    }
    r->result = RESULT_FAILED;
    r->reason = REASON_REJECTED;
    replies_fit_code(r, true);
}

static enum answer_to asked_for(const struct delivery *d, enum answer_to to)
{
    return d->connection && smtp_client_mail_refused(d->connection->engine) ? ANSWER_TO_MAIL : to;
}

void delivery_rcpt_answer(struct delivery *d, size_t n, const struct smtp_answer *a, bool accepted)
{
    must(n < d->n_sent);
    struct delivery_rcpt *r = d->sent_to[n];
    r->accepted = accepted;
    if (!accepted) {
        take_refusal(d, r, a, asked_for(d, ANSWER_TO_RCPT));
    }
}

static void take_success(struct delivery *d, struct delivery_rcpt *r, const struct smtp_answer *a)
{
    note_reply(d, r, a);
    r->result = RESULT_DELIVERED;
    r->reason = d->session.reason;
}

void delivery_rcpt_done(struct delivery *d, size_t n, const struct smtp_answer *a, bool accepted)
{
    must(n < d->n_sent);
    if (accepted) {
        take_success(d, d->sent_to[n], a);
    } else {
        take_refusal(d, d->sent_to[n], a, ANSWER_TO_DATA);
    }
}

void delivery_done(struct delivery *d, struct connection *l, const struct smtp_answer *a,
                   bool accepted)
{
    /* an LMTP server is the end of the way */
    bool reports = smtp_client_caps(l->engine)->dsn && !d->lmtp;
    for (size_t i = 0; i < d->n_sent; i++) {
        struct delivery_rcpt *r = d->sent_to[i];
        if (r->answered) {
            continue;
        }
        if (accepted && r->accepted) {
            r->reported = reports;
            take_success(d, r, a);
        } else {
            take_refusal(d, r, a, asked_for(d, ANSWER_TO_DATA));
        }
    }
    delivery_answered(d, l, true);
}

bool delivery_refused_all(struct delivery *d, struct connection *l)
{
    const struct smtp_answer *to_mail = smtp_client_mail_refused(l->engine);
    for (size_t i = 0; i < d->n_sent; i++) {
        if (!d->sent_to[i]->answered && to_mail) {
            take_refusal(d, d->sent_to[i], to_mail, ANSWER_TO_MAIL);
        }
        if (!d->sent_to[i]->answered) {
            return false;
        }
    }
    delivery_answered(d, l, false);
    return true;
}
