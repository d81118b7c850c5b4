/* SPDX-License-Identifier: Apache-2.0
 * joins.c: who talks to whom. Every pair of processes that may talk gets a socket pair of its own,
 * made here; a new child gets new ones, its peers get the other ends. Called by children.c.
 *
 * A pair that breaks while both live (one was stopped so long that what waited for it was too much)
 * is made again as well: a slow process is not a lost one. Both have to say so: sockets that one of
 * them alone gave up would pile up in the other, and a process that was taken over could use up the
 * descriptors of its betters.
 */
#include "base/log.h"
#include "cmd/posternd/posternd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOIN_AGAIN_MS = 500 };

/* The pair of sockets that two processes were given last. */
struct joined {
    struct supervised *ends[2];
    bool signing;
    bool lost[2]; /* that end says so */
    uint64_t serial;
};

/* The arrows of ARCHITECTURE.md. */
static bool may_talk(enum role a, enum role b)
{
    static const enum role pairs[][2] = {
        {ROLE_SMTPIN, ROLE_QUEUE},   {ROLE_SMTPOUT, ROLE_QUEUE}, {ROLE_SMTPOUT, ROLE_KEYS},
        {ROLE_SMTPOUT, ROLE_LOOKUP}, {ROLE_QUEUE, ROLE_KEYS},    {ROLE_QUEUE, ROLE_LOOKUP},
        {ROLE_QUEUE, ROLE_LOGIN},    {ROLE_SMTPIN, ROLE_LOGIN},  {ROLE_INSPECT, ROLE_QUEUE},
        {ROLE_INSPECT, ROLE_KEYS},   {ROLE_WEB, ROLE_QUEUE},     {ROLE_WEB, ROLE_KEYS},
        {ROLE_WEB, ROLE_LOGIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if ((pairs[i][0] == a && pairs[i][1] == b) || (pairs[i][0] == b && pairs[i][1] == a)) {
            return true;
        }
    }
    return false;
}

/* Those who speak TLS have their signatures made by keys, over a channel of its own. */
static bool may_sign(enum role a, enum role b)
{
    enum role other = a == ROLE_KEYS ? b : a;
    bool speaks_tls = other == ROLE_SMTPIN || other == ROLE_SMTPOUT || other == ROLE_WEB;
    return (a == ROLE_KEYS || b == ROLE_KEYS) && speaks_tls;
}

static struct joined *joins_find(struct posternd *d, const struct supervised *a,
                                 const struct supervised *b, bool signing)
{
    for (size_t i = 0; i < d->n_joins; i++) {
        struct joined *j = &d->joins[i];
        bool both = (j->ends[0] == a && j->ends[1] == b) || (j->ends[0] == b && j->ends[1] == a);
        if (both && j->signing == signing) {
            return j;
        }
    }
    return NULL;
}

static void make_room(struct posternd *d)
{
    size_t room = d->joins_room ? d->joins_room * 2 : 64;
    struct joined *more = err_calloc(room, sizeof *more);
    if (d->n_joins > 0) {
        memcpy(more, d->joins, d->n_joins * sizeof *more);
    }
    free(d->joins);
    d->joins = more;
    d->joins_room = room;
}

static struct joined *place(struct posternd *d, const struct supervised *a,
                            const struct supervised *b, bool signing)
{
    struct joined *j = joins_find(d, a, b, signing);
    if (!j && d->n_joins == d->joins_room) {
        make_room(d);
    }
    return j ? j : &d->joins[d->n_joins++];
}

static void joins_join(struct posternd *d, struct supervised *s, struct supervised *o, bool signing)
{
    int fds[2];
    uint64_t serial = ++d->serial;
    if (ipc_pair(fds) < 0) {
        log_error("peers-not-joined", KV("child", s->name), KV("problem", strerror(errno)));
        return;
    }
    struct supervised *ends[] = {s, o};
    for (size_t i = 0; i < 2; i++) {
        struct ipc_msg m = {.type = IPC_ctl_peer,
                            .ctl_peer = {.signing = signing, .serial = serial}};
        m.ctl_peer.role = ends[!i]->role;
        m.ctl_peer.index = ends[!i]->index;
        ipc_send_fd(ends[i]->control, &m, fds[i]);
    }
    struct joined *j = place(d, s, o, signing);
    *j = (struct joined){.ends = {s, o}, .signing = signing, .serial = serial};
}

void joins_make(struct posternd *d, struct supervised *s)
{
    for (size_t i = 0; i < d->n_children; i++) {
        struct supervised *o = &d->children[i];
        if (o == s || !o->control) {
            continue;
        }
        if (may_talk(s->role, o->role)) {
            joins_join(d, s, o, false);
        }
        if (may_sign(s->role, o->role)) {
            joins_join(d, s, o, true);
        }
    }
}

/* Those that lack a control channel are about to be started anew, and joined then. */
static void join_again(void *arg)
{
    struct posternd *d = arg;
    bool soon = false;
    for (size_t i = 0; i < d->n_joins && !d->stopping; i++) {
        const struct joined *j = &d->joins[i];
        struct supervised *one = j->ends[0], *other = j->ends[1];
        bool is_due = j->lost[0] && j->lost[1] && one->control && other->control;
        if (is_due && one->ready && other->ready) {
            log_warn("pair-joined-again", KV("one", one->name), KV("other", other->name));
            joins_join(d, one, other, j->signing);
        } else {
            soon |= is_due;
        }
    }
    if (soon) {
        timer_start(d->join_again, JOIN_AGAIN_MS);
    }
}

/* Both of a pair that live tell. */
static void note_lost(struct posternd *d, struct joined *j, const struct supervised *by)
{
    j->lost[j->ends[1] == by] = true;
    if (j->lost[0] && j->lost[1]) {
        d->join_again = d->join_again ? d->join_again : timer_new(d->loop, join_again, d);
        if (!timer_is_running(d->join_again)) {
            timer_start(d->join_again, JOIN_AGAIN_MS);
        }
    }
}

void joins_on_lost(void *supervised, struct ipc_channel *ch, const struct ipc_ctl_peer_lost *l)
{
    struct supervised *s = supervised;
    struct posternd *d = s->d;
    struct supervised *o = children_find(d, l->role, l->index);
    struct joined *j = o ? joins_find(d, s, o, l->signing != 0) : NULL;
    if (!j || l->serial > j->serial) {
        ipc_refuse(ch, "a pair of sockets that it was not given");
        return;
    }
    bool earlier = l->serial <= o->first_serial;
    if (l->serial == j->serial ? j->lost[j->ends[1] == s] : !earlier) {
        return; /* it said so before, or there is a newer one since */
    }
    bool long_ago = earlier && l->serial <= o->before_serial;
    if (l->misused && misuse_is_believed(s, o) && !long_ago) {
        misuse_note(d, o, earlier, s->name);
    }
    if (l->serial == j->serial) {
        note_lost(d, j, s);
    }
}
