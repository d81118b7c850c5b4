/* SPDX-License-Identifier: Apache-2.0
 * workers.c: which smtpout does what. Called by whatever of queue has work for one.
 *
 * A destination has a home, so that its connections are found again and its messages come
 * together; others help when much is under way. What can go wrong: none is there (at the start,
 * or all died): jobs wait, and mails of our own are kept for the next one, LETTERS_MAX at most
 * and not longer than this process lives.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "proc/queue/queue.h"

#include <stdlib.h>

enum {
    PER_WORKER = 20, /* deliveries of one destination before another one helps */
    /* octets of a message that each takes in turn: encrypting it takes longer than finding a
     * connection */
    LARGE = 256 * 1024,
    LETTERS_MAX = 500,
    LETTER_OCTETS = 64 * 1024,
};

void worker_on_ready(void *owner, struct ipc_channel *ch, const struct ipc_worker_ready *m)
{
    struct queue *q = owner;
    unsigned index = ((const struct peer *)ipc_channel_data(ch))->index;
    if (q->workers.smtpout[index]) {
        ipc_refuse(ch, "it said so before");
        return;
    }
    q->workers.smtpout[index] = ch;
    q->workers.n_smtpout = index + 1 > q->workers.n_smtpout ? index + 1 : q->workers.n_smtpout;
    quirks_hand_over(q, index);
    sched_pump_all(&q->schedule.engine);
}

int worker_from(const struct queue *q, unsigned place)
{
    int on_trial = -1;
    for (unsigned i = 0; i < q->workers.n_smtpout; i++) {
        unsigned at = (place % q->workers.n_smtpout + i) % q->workers.n_smtpout;
        if (q->workers.smtpout[at] && !taking_is_on_trial(&q->workers.takings[at])) {
            return (int)at;
        }
        on_trial = q->workers.smtpout[at] && on_trial < 0 ? (int)at : on_trial;
    }
    return on_trial;
}

unsigned worker_for(const struct queue *q, const struct sched_destination *d, uint64_t octets)
{
    unsigned home =
        d ? (unsigned)(map_hash(str_c(d->name)) % SMTPOUT_MAX) : random_below(SMTPOUT_MAX);
    unsigned others = d && d->in_flight > 0 ? d->in_flight - 1 : 0; /* it is counted already */
    int at = worker_from(q, home + others / (octets > LARGE ? 1 : PER_WORKER));
    return at < 0 ? 0 : (unsigned)at;
}

struct ipc_channel *worker_any(const struct queue *q)
{
    int at = worker_from(q, 0);
    return at < 0 ? NULL : q->workers.smtpout[at];
}

bool queue_can_send(const struct queue *q)
{
    return q->keys && worker_any(q);
}

/* A mail of our own that nobody could write yet. */
struct letter {
    struct link link;
    struct arena words;
    struct system_mail mail;
};

static void workers_letter_free(struct queue *q, struct letter *l)
{
    list_remove(&l->link);
    q->workers.n_letters--;
    arena_reset(&l->words);
    free(l);
}

static void keep_letter(struct queue *q, const struct system_mail *mail)
{
    struct letter *l = err_calloc(1, sizeof *l);
    l->words = ARENA_INIT(LETTER_OCTETS);
    l->mail = *mail;
    list_append(&q->workers.letters, &l->link);
    q->workers.n_letters++;
    if (q->workers.n_letters > LETTERS_MAX || arena_copy(&l->words, mail->to, &l->mail.to) < 0 ||
        arena_copy(&l->words, mail->subject, &l->mail.subject) < 0 ||
        arena_copy(&l->words, mail->text, &l->mail.text) < 0) {
        log_warn("own-mail-dropped", KVS("to", mail->to), KVS("subject", mail->subject),
                 KV("problem", "no smtpout is there, and too much waits for one"));
        workers_letter_free(q, l);
    }
}

static void workers_hand_out(struct queue *q, const struct system_mail *mail)
{
    int at = worker_from(q, 0);
    must(at >= 0);
    struct lease_id order = orders_give(q, (unsigned)at, mail->about, mail->about_id, mail->to);
    ipc_send(q->workers.smtpout[at], &(struct ipc_msg){.type = IPC_system_mail,
                                                       .system_mail = {
                                                           .lease = order,
                                                           .to = mail->to,
                                                           .subject = mail->subject,
                                                           .text = mail->text,
                                                       }});
}

void worker_write(struct queue *q, const struct system_mail *mail)
{
    if (queue_can_send(q)) {
        workers_hand_out(q, mail);
    } else {
        keep_letter(q, mail);
    }
}

void worker_write_kept(struct queue *q)
{
    while (!list_empty(&q->workers.letters) && queue_can_send(q)) {
        struct letter *l = LIST_OF(q->workers.letters.next, struct letter, link);
        workers_hand_out(q, &l->mail);
        workers_letter_free(q, l);
    }
}
