/* SPDX-License-Identifier: Apache-2.0
 * peer.c: a process that hands in messages (smtpin, web, smtpout), and what it may name when it
 * does: recipients it sent before, spool files it was given, a message id of its own making.
 * Called by main.c and submit.c.
 *
 * What can go wrong: it dies between its recipients and its submit (nothing was promised,
 * nothing is kept), or names what it was not given: it has a fault or was taken over
 * (ipc_refuse).
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"
#include "wire/id.h"

#include <stdlib.h>
#include <unistd.h>

enum { PENDING_MAX = 200000, SPOOLS_MAX = 20000, SPACE_CHECK_MS = 2000 };

struct pending_spool {
    struct link link;
    char name[64];
};

struct peer *queue_peer_new(struct queue *q, int fd, enum role role, unsigned index,
                            const struct ipc_rule *rules, ipc_closed closed)
{
    struct peer *p = err_calloc(1, sizeof *p);
    p->refs = 1;
    p->queue = q;
    p->role = role;
    p->index = index;
    p->writer = ++q->intake.writers;
    list_init(&p->pending);
    list_init(&p->spools);
    p->channel = ipc_channel_new(child_loop(q->child), fd, role_names[role], rules, closed, q);
    ipc_channel_set_data(p->channel, p);
    return p;
}

void queue_peer_unref(struct peer *p)
{
    if (--p->refs == 0) {
        free(p);
    }
}

/* --- recipients --------------------------------------------------------- */

void peer_take_pending(struct peer *p, uint64_t token, struct link *to)
{
    for (struct link *it = p->pending.next; it != &p->pending;) {
        struct pending_rcpt *r = LIST_OF(it, struct pending_rcpt, link);
        it = it->next;
        if (r->token == token) {
            list_remove(&r->link);
            p->n_pending--;
            list_append(to, &r->link);
        }
    }
}

void peer_drop_pending(struct pending_rcpt *r)
{
    list_remove(&r->link);
    free(r->forward_path);
    free(r->orcpt);
    free(r);
}

/* smtpin did this for what came by SMTP; answers from the portal name whom their writer named. */
static char *canonical_path(struct str path)
{
    char text[ADDRESS_KEY_SIZE];
    return address_canonical(path, text, sizeof text) == 0 ? err_strdup(text) : str_dup(path);
}

void queue_on_submit_rcpt(void *owner, struct ipc_channel *ch, const struct ipc_submit_rcpt *m)
{
    struct peer *p = ipc_channel_data(ch);
    if (p->n_pending >= PENDING_MAX) {
        ipc_refuse(ch, "too many recipients without a message");
        return;
    }
    struct pending_rcpt *r = err_calloc(1, sizeof *r);
    r->token = m->token;
    r->forward_path = canonical_path(m->forward_path);
    r->orcpt = str_dup(m->orcpt);
    r->notify = m->notify;
    list_append(&p->pending, &r->link);
    p->n_pending++;
}

/* --- spool files -------------------------------------------------------- */

static struct pending_spool *find_spool(struct peer *p, struct str name)
{
    LIST_EACH (it, &p->spools) {
        struct pending_spool *s = LIST_OF(it, struct pending_spool, link);
        if (str_eq(str_c(s->name), name)) {
            return s;
        }
    }
    return NULL;
}

static void spool_free(struct peer *p, struct pending_spool *s)
{
    list_remove(&s->link);
    p->n_spools--;
    free(s);
}

void queue_check_space(struct queue *q)
{
    int64_t now = clock_mono_ms();
    if (now - q->intake.checked_space_ms < SPACE_CHECK_MS && q->intake.checked_space_ms) {
        return;
    }
    q->intake.checked_space_ms = now;
    uint64_t free_octets = store_free_octets(q->store);
    bool tight = free_octets < (uint64_t)child_conf(q->child)->queue.reserve;
    if (tight != q->intake.no_space) {
        q->intake.no_space = tight;
        log_warn(tight ? "store-space-low" : "store-space-back", KVN("free", free_octets));
    }
}

void queue_on_spool_open(void *owner, struct ipc_channel *ch, const struct ipc_spool_open *m)
{
    struct queue *q = owner;
    struct peer *p = ipc_channel_data(ch);
    char name[64] = "";
    int spool = -1;
    if (p->n_spools >= SPOOLS_MAX) {
        ipc_refuse(ch, "too many files without a message");
        return;
    }
    queue_check_space(q);
    enum store_result r =
        q->intake.no_space ? STORE_FULL : store_spool_create(q->store, p->writer, name, &spool);
    const struct ipc_msg reply = {.type = IPC_spool_opened,
                                  .spool_opened = {
                                      .token = m->token,
                                      .id = m->id,
                                      .result = r,
                                      .name = str_c(name),
                                  }};
    if (r != STORE_OK) {
        ipc_send(ch, &reply);
        return;
    }
    struct pending_spool *s = err_calloc(1, sizeof *s);
    str_copy_cut(str_c(name), s->name, sizeof s->name);
    list_append(&p->spools, &s->link);
    p->n_spools++;
    ipc_send_fd(ch, &reply, spool);
}

void queue_on_spool_drop(void *owner, struct ipc_channel *ch, const struct ipc_spool_drop *m)
{
    struct queue *q = owner;
    struct peer *p = ipc_channel_data(ch);
    struct pending_spool *s = find_spool(p, m->name);
    if (!s) {
        ipc_refuse(ch, "a file that is not its own");
        return;
    }
    store_spool_drop(q->store, m->name);
    spool_free(p, s);
}

bool peer_takes_spool(struct peer *p, struct str name)
{
    struct pending_spool *s = name.n > 0 ? find_spool(p, name) : NULL;
    if (s) {
        spool_free(p, s);
    }
    return s || name.n == 0;
}

/* --- message ids -------------------------------------------------------- */

static unsigned first_maker(enum role r)
{
    return r == ROLE_SMTPOUT ? ID_MAKERS_SMTPOUT : r == ROLE_WEB ? ID_MAKERS_WEB : ID_MAKERS_SMTPIN;
}

/* The last ones, of all makers: those that come at once do not come in their order. */
static void remember_id(struct queue *q, uint64_t id)
{
    uint64_t *place = &q->intake.recent_ids[q->intake.n_recent++ % RECENT_IDS];
    if (*place) {
        map_take(q->intake.recent, map_id(place));
    }
    *place = id;
    must(map_put(q->intake.recent, map_id(place), q) == 0);
}

/* Made before what is remembered: in a life before ours, or by one who took long with its
 * message. */
static bool peer_is_old(const struct queue *q, uint64_t id)
{
    uint64_t oldest =
        q->intake.n_recent < RECENT_IDS ? 0 : q->intake.recent_ids[q->intake.n_recent % RECENT_IDS];
    return id_ms(id) < q->intake.started_ms || id_ms(id) <= id_ms(oldest);
}

bool peer_makes_id(struct peer *p, uint64_t id, bool *ret_look)
{
    struct queue *q = p->queue;
    /* when it was made says nothing: the clock may have been set since */
    bool is_own = id_maker(id) == first_maker(p->role) + p->index;
    if (!is_own || map_get(q->intake.recent, map_id(&id))) {
        return false;
    }
    *ret_look = peer_is_old(q, id);
    remember_id(q, id);
    return true;
}

/* --- its end ------------------------------------------------------------ */

void queue_peer_gone(struct ipc_channel *ch)
{
    struct peer *p = ipc_channel_data(ch);
    p->channel = NULL;
    while (!list_empty(&p->pending)) {
        p->n_pending--;
        peer_drop_pending(LIST_OF(p->pending.next, struct pending_rcpt, link));
    }
    while (!list_empty(&p->spools)) {
        struct pending_spool *s = LIST_OF(p->spools.next, struct pending_spool, link);
        store_spool_drop(p->queue->store, str_c(s->name));
        spool_free(p, s);
    }
    store_spool_writer_gone(p->queue->store, p->writer);
    queue_peer_unref(p);
}
