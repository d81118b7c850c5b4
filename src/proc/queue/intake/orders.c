/* SPDX-License-Identifier: Apache-2.0
 * orders.c: mail that queue has a smtpout write: bounces, notices, letters, alarms, TLS reports,
 * the mails of the portal. Called by whatever has one written, and by submit.c when it comes
 * back.
 *
 * An order is a lease: which smtpout, to whom, what about. A smtpout talks to hostile servers;
 * what it hands in goes out in our name and past all rules, so it is taken only for an order of
 * its own, once, and what is said of it in the store is the order's word. What can go wrong: the
 * smtpout ends (its orders with it: who ordered asks again), or never answers (dropped after a
 * while).
 */
#include "base/clock.h"
#include "base/log.h"
#include "ipc/about.h"
#include "proc/queue/queue.h"

#include <stdlib.h>

enum { ORDERS_MAX = 100000, ORDER_LIFE_MS = 60 * 60 * 1000 };

struct kept_order {
    struct order o;
    unsigned smtpout;
    int64_t given_ms;
    struct link link;
};

static void order_free(struct queue *q, struct kept_order *k)
{
    map_take(q->intake.orders, lease_key(&k->o.lease));
    list_remove(&k->link);
    free(k);
}

static void drop_old(struct queue *q)
{
    int64_t before = clock_mono_ms() - ORDER_LIFE_MS;
    while (!list_empty(&q->intake.orders_by_age)) {
        struct kept_order *k = LIST_OF(q->intake.orders_by_age.next, struct kept_order, link);
        if (k->given_ms > before && map_len(q->intake.orders) < ORDERS_MAX) {
            return;
        }
        order_free(q, k);
    }
}

void orders_init(struct queue *q)
{
    q->intake.orders = map_new(ORDERS_MAX + 1);
    list_init(&q->intake.orders_by_age);
}

struct lease_id orders_give(struct queue *q, unsigned smtpout, enum about about, uint64_t about_id,
                            struct str to)
{
    struct kept_order *k = err_calloc(1, sizeof *k);
    drop_old(q);
    k->o.lease = lease_draw();
    k->o.about = about;
    k->o.about_id = about_id;
    k->smtpout = smtpout;
    k->given_ms = clock_mono_ms();
    str_copy_cut(to, k->o.to, sizeof k->o.to);
    must(map_put(q->intake.orders, lease_key(&k->o.lease), k) == 0);
    list_append(&q->intake.orders_by_age, &k->link);
    return k->o.lease;
}

void orders_worker_gone(struct queue *q, unsigned smtpout)
{
    for (struct link *it = q->intake.orders_by_age.next; it != &q->intake.orders_by_age;) {
        struct kept_order *k = LIST_OF(it, struct kept_order, link);
        it = it->next;
        if (k->smtpout == smtpout) {
            order_free(q, k);
        }
    }
}

/* A bounce or a notice is ordered by its job. */
static bool of_job(const struct queue *q, unsigned smtpout, const struct lease_id *lease,
                   struct order *ret)
{
    const struct job *j = map_get(q->delivery.jobs, lease_key(lease));
    if (!j || (j->kind != JOB_BOUNCE && j->kind != JOB_NOTICE) || j->smtpout != smtpout ||
        j->saving || j->bounce_stored) {
        return false;
    }
    *ret = (struct order){.lease = *lease, .about = ABOUT_NOTHING, .bounce_of = j->id};
    str_copy_cut(j->reverse_path, ret->to, sizeof ret->to);
    return true;
}

bool orders_known(const struct queue *q, const struct lease_id *lease)
{
    return map_get(q->intake.orders, lease_key(lease)) ||
           map_get(q->delivery.jobs, lease_key(lease));
}

bool orders_take(struct queue *q, unsigned smtpout, const struct lease_id *lease, struct order *ret)
{
    struct kept_order *k = map_get(q->intake.orders, lease_key(lease));
    if (!k) {
        return of_job(q, smtpout, lease, ret);
    }
    if (k->smtpout != smtpout) {
        return false;
    }
    *ret = k->o;
    ret->bounce_of = ret->about == ABOUT_OUTCOME ? ret->about_id : 0;
    /* that one goes to each address the domain names, until it is written */
    if (ret->about != ABOUT_TLS_REPORT) {
        order_free(q, k);
    }
    return true;
}

void orders_end(struct queue *q, const struct lease_id *lease)
{
    struct kept_order *k = map_get(q->intake.orders, lease_key(lease));
    if (k) {
        order_free(q, k);
    }
}
