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

/* As a name is kept. */
static void small(struct str name, char dst[THREAD_TEXT])
{
    str_copy_cut(name, dst, THREAD_TEXT);
    for (char *p = dst; *p; p++) {
        *p = str_lower(*p);
    }
}

static struct turn *threads_find(const struct threads *t, struct str name)
{
    char thread[THREAD_TEXT];
    small(name, thread);
    for (size_t i = 0; i < t->n && name.n > 0; i++) {
        if (strcmp(t->v[i].thread, thread) == 0) {
            return &t->v[i];
        }
    }
    return NULL;
}

static void threads_want(struct threads *t, struct str name)
{
    if (name.n > 0 && !threads_find(t, name)) {
        t->v = realloc(t->v, (t->n + 1) * sizeof *t->v);
        must(t->v);
        t->v[t->n] = (struct turn){.found = false};
        small(name, t->v[t->n++].thread);
    }
}

void threads_want_address(const struct queue *q, struct threads *t, struct str forward_path)
{
    threads_want(t, thread_of_address(child_conf(q->child), forward_path));
}

void threads_want_reference(struct threads *t, struct str references)
{
    threads_want(t, references);
}

void threads_free(struct threads *t)
{
    free(t->v);
    *t = (struct threads){0};
}

size_t threads_queries(const struct threads *t, struct store_query *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        ret[n++] = (struct store_query){.what = STORE_THREAD, .text = str_c(t->v[i].thread)};
        ret[n++] = (struct store_query){
            .what = STORE_ENVELOPES_OF,
            .kind = ENVELOPE_OF_THREAD,
            .text = str_c(t->v[i].thread),
            .max = LAST_AMONG,
        };
    }
    return n;
}

void threads_on_thread(struct threads *t, const struct store_thread *row)
{
    struct turn *turn = threads_find(t, row->thread);
    if (turn) {
        turn->found = true;
        turn->lowered = row->lowered;
        str_copy_cut(row->inside, turn->inside, sizeof turn->inside);
        str_copy_cut(row->outside, turn->outside, sizeof turn->outside);
    }
}

/* Newest first. */
void threads_on_envelope(struct threads *t, const struct store_envelope *e)
{
    struct turn *turn = threads_find(t, e->thread);
    if (turn) {
        turn->level = e->least > turn->level ? e->least : turn->level;
        turn->last = turn->last == 0 && e->sender.n > 0 ? e->envelope : turn->last;
    }
}

enum turn_kind threads_turn(struct queue *q, const struct threads *t, const struct store_message *m,
                            struct str forward_path, struct str references, const struct turn **ret)
{
    const struct conf *c = child_conf(q->child);
    const struct protect_mail mail = {
        .login = m->login,
        .client_ip = m->client,
        .forward_path = forward_path,
        .reverse_path = m->reverse_path,
    };
    bool inside = protect_is_from_inside(c, &mail);
    *ret = threads_find(t, thread_of_address(c, forward_path));
    if (*ret && (*ret)->found) {
        if (inside) {
            return (*ret)->lowered ? TURN_PLAIN : TURN_SECURE;
        }
        if ((*ret)->last) {
            envelope_event(q, (*ret)->last, EVENT_MAIL_REPLY, m->reverse_path,
                           "by ordinary mail: not protected by the portal");
        }
        return TURN_MARK;
    }
    *ret = threads_find(t, references);
    if (inside && *ret && (*ret)->found && !(*ret)->lowered &&
        address_same(forward_path, str_c((*ret)->outside))) {
        return TURN_SECURE;
    }
    return TURN_NONE;
}

/* --- written in the portal ---------------------------------------------- */

bool threads_may_answer(const struct scene *s, struct str reverse_path)
{
    const struct store_envelope *e = &s->envelope.e;
    return portal_may_read(s) && envelope_waits(e) && e->sender.n > 0 &&
           address_same(reverse_path, e->address);
}

bool threads_may_write(const struct scene *s, struct str reverse_path, struct str login)
{
    return visits_pass(s->q, &s->pass) && s->pass.p.kind == PASS_INSIDE &&
           address_same(s->pass.p.address, reverse_path) && address_same(s->pass.p.address, login);
}

bool threads_may_reach(const struct scene *s, struct str forward_path)
{
    bool had = address_same(forward_path, s->envelope.e.sender);
    for (size_t i = 0; i < s->n_readers; i++) {
        had |= address_same(s->readers[i], forward_path);
    }
    return had;
}

void threads_answered(struct scene *s, struct str network)
{
    struct store_envelope *e = &s->envelope.e;
    e->replied_ms = e->replied_ms ? e->replied_ms : clock_wall_ms();
    store_put_envelope(s->q->store, e);
    store_drop_draft(s->q->store, e->envelope);
    envelope_event(s->q, e->envelope, EVENT_REPLIED, network, "");
}
