/* SPDX-License-Identifier: Apache-2.0
 * threads.c: mail that belongs to a conversation in the portal: what insiders answer stays
 * secure, what comes back by ordinary mail is marked, and what is written in the portal goes
 * only to those who had the mail. Called by submit.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "portal/thread.h"
#include "proc/queue/queue.h"
#include "proc/queue/pickup/threads.h"
#include "proc/queue/pickup/visits.h"

#include <stdio.h>
#include <stdlib.h>

enum { LAST_AMONG = 50 };

static void threads_keep_thread(void *arg, const struct store_thread *t)
{
    struct turn *turn = arg;
    turn->found = true;
    turn->lowered = t->lowered;
    str_copy_cut(t->thread, turn->thread, sizeof turn->thread);
    str_copy_cut(t->inside, turn->inside, sizeof turn->inside);
    str_copy_cut(t->outside, turn->outside, sizeof turn->outside);
}

static bool threads_find(struct queue *q, struct str name, struct turn *ret)
{
    char thread[THREAD_LETTERS + 1];
    str_copy_cut(name, thread, sizeof thread);
    for (char *p = thread; *p; p++) {
        *p = str_lower(*p);
    }
    ret->found = false;
    return name.n > 0 &&
           store_get_thread(q->store, str_c(thread), threads_keep_thread, ret) == STORE_OK &&
           ret->found;
}

/* The newest that somebody inside wrote. */
static void keep_last(void *arg, const struct store_envelope *e)
{
    uint64_t *last = arg;
    *last = *last == 0 && e->sender.n > 0 ? e->envelope : *last;
}

enum turn_kind threads_turn(struct queue *q, const struct store_message *m, struct str forward_path,
                            struct str references, struct turn *ret)
{
    const struct conf *c = child_conf(q->child);
    const struct protect_mail mail = {
        .login = m->login,
        .client_ip = m->client,
        .forward_path = forward_path,
        .reverse_path = m->reverse_path,
    };
    bool inside = protect_is_from_inside(c, &mail);
    if (threads_find(q, thread_of_address(c, forward_path), ret)) {
        uint64_t last = 0;
        if (inside) {
            return ret->lowered ? TURN_PLAIN : TURN_SECURE;
        }
        if (store_envelopes_of(q->store, ENVELOPE_OF_THREAD, str_c(ret->thread), LAST_AMONG,
                               keep_last, &last) == STORE_OK &&
            last) {
            envelope_event(q, last, EVENT_MAIL_REPLY, m->reverse_path,
                           "by ordinary mail: not protected by the portal");
        }
        return TURN_MARK;
    }
    if (inside && references.n > 0 && threads_find(q, references, ret) && !ret->lowered &&
        address_same(forward_path, str_c(ret->outside))) {
        return TURN_SECURE;
    }
    return TURN_NONE;
}

static void keep_greatest(void *arg, const struct store_envelope *e)
{
    uint8_t *greatest = arg;
    *greatest = e->least > *greatest ? e->least : *greatest;
}

uint8_t threads_level(struct queue *q, const char *thread)
{
    uint8_t greatest = 0;
    if (store_envelopes_of(q->store, ENVELOPE_OF_THREAD, str_c(thread), LAST_AMONG, keep_greatest,
                           &greatest) != STORE_OK) {
        greatest = 0; /* the store says so by itself */
    }
    return greatest;
}

/* --- written in the portal ---------------------------------------------- */

struct had {
    struct str address;
    bool found;
};

static void note_rcpt(void *arg, const struct store_rcpt *r)
{
    struct had *h = arg;
    h->found |= address_same(r->forward_path, h->address);
}

static void threads_on_done(void *arg, enum store_result result)
{
}

bool threads_may_answer(struct queue *q, struct str pass, uint64_t envelope,
                        struct str reverse_path, struct kept_envelope *k)
{
    return portal_may_read(q, pass, envelope, k) && envelope_waits(&k->e) && k->e.sender.n > 0 &&
           address_same(reverse_path, k->e.address);
}

bool threads_may_write(struct queue *q, struct str pass, struct str reverse_path, struct str login)
{
    struct kept_pass p;
    return visits_pass(q, pass, &p) && p.p.kind == PASS_INSIDE &&
           address_same(p.p.address, reverse_path) && address_same(p.p.address, login);
}

bool threads_may_reach(struct queue *q, const struct kept_envelope *k, struct str forward_path)
{
    struct had h = {forward_path, address_same(forward_path, k->e.sender)};
    if (!h.found) {
        /* the embedded store answers at once */
        store_report(q->store, k->e.id, NULL, note_rcpt, NULL, threads_on_done, &h);
    }
    return h.found;
}

void threads_answered(struct queue *q, struct kept_envelope *k, struct str network)
{
    k->e.replied_ms = k->e.replied_ms ? k->e.replied_ms : clock_wall_ms();
    store_put_envelope(q->store, &k->e);
    store_drop_draft(q->store, k->e.envelope);
    envelope_event(q, k->e.envelope, EVENT_REPLIED, network, "");
}
