/* SPDX-License-Identifier: Apache-2.0
 * look.c: the first look: before the first mail to a domain in clear, all its servers are asked for
 * EHLO, in parallel, for a few seconds (docs/decision.md, "Memory"). One offer anywhere is a
 * sighting; servers that do not answer prove nothing.
 *
 * Called by delivery.c. The queue is told what was seen, so that the look counts for a day.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "wire/address.h"

#include <stdlib.h>

enum { LOOK_HOSTS_MAX = 8 };

struct target {
    struct link_looker looker; /* first: links know only this */
    struct look *look;
    struct link_conn *link;
};

struct look {
    struct delivery *d;
    struct timer *timer;
    struct target targets[LOOK_HOSTS_MAX];
    size_t n, open, answered;
    bool offered;
};

static void look_free(struct look *k)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->targets[i].link) {
            link_end_look(k->targets[i].link);
        }
    }
    timer_free(k->timer);
    free(k);
}

void look_cancel(struct look *k)
{
    look_free(k);
}

static void finish(struct look *k)
{
    struct delivery *d = k->d;
    bool offered = k->offered, complete = k->answered == d->way.n_hosts;
    ipc_send(d->out->queue, &(struct ipc_msg){.type = IPC_looked, .looked = {.domain = d->memory_key, .complete = complete,
                                                                             .offered = offered}});
    log_info("first-look", KVS("domain", d->memory_key), KVN("hosts", d->way.n_hosts), KVN("answered", k->answered),
             KV("offered", offered ? "yes" : "no"));
    d->out->looks++;
    look_free(k);
    delivery_looked(d, offered);
}

static void on_time(void *arg)
{
    finish(arg);
}

static void on_end(void *arg)
{
    finish(arg);
}

/* The end comes in a turn of its own: a link must not be freed inside its own events. */
static void part_done(struct target *t, bool answered, bool offered)
{
    struct look *k = t->look;
    t->link = NULL;
    k->answered += answered;
    k->offered |= offered;
    if (--k->open == 0 || k->offered) {
        timer_free(k->timer);
        k->timer = timer_new(child_loop(k->d->out->child), on_end, k);
        timer_start(k->timer, 0);
    }
}

static void on_offer(struct link_looker *w, struct link_conn *l)
{
    struct target *t = (struct target *)w;
    part_done(t, true, true);
    link_end_look(l);
}

static void on_ready(struct link_looker *w, struct link_conn *l)
{
    part_done((struct target *)w, true, false);
    link_end_look(l);
}

static void on_failed(struct link_looker *w, struct link_conn *l, enum sess sess, const char *detail)
{
    (void)l;
    (void)sess;
    (void)detail;
    part_done((struct target *)w, false, false);
}

void look_first(struct delivery *d)
{
    const struct conf *c = child_conf(d->out->child);
    struct look *k = err_calloc(1, sizeof *k);
    k->d = d;
    d->look = k;
    k->timer = timer_new(child_loop(d->out->child), on_time, k);
    for (size_t i = 0; i < d->way.n_hosts && k->n < LOOK_HOSTS_MAX; i++) {
        const struct way_host *h = &d->way.hosts[i];
        struct tls_way tls = {.profile = d->profile};
        char ip[46];
        str_copy_cut(str_slice(h->addresses, 0, str_find(h->addresses, ' ', 0)), ip, sizeof ip);
        if (!*ip || (!d->fixed_host && !c->smtpout.private_addresses && address_is_private(str_c(ip)))) {
            continue;
        }
        struct target *t = &k->targets[k->n++];
        str_copy_cut(str_c(h->name), tls.name, sizeof tls.name);
        *t = (struct target){.looker = {on_offer, on_ready, on_failed}, .look = k};
        k->open++;
        t->link = link_open_look(d->out, &t->looker, h->name, ip, d->port, &tls, NULL);
    }
    timer_start(k->timer, k->n > 0 ? c->monitor.first_look_time : 0);
}
