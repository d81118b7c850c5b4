/* SPDX-License-Identifier: Apache-2.0
 * monitor.c: every domain that mail went to in the last 30 days (and any listed) is looked at once
 * a day, spread over the day; smtpout does the looking (smtpout/probe.c). Results become history,
 * memory and alarms. postern probe uses the same way, with somebody waiting for the rows. Called
 * by main.c.
 *
 * What can go wrong: a worker dies over a probe: it is begun again next time, whoever waited is
 * told.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "dns/mx.h"
#include "mtasts/cache.h"
#include "policy/guesses.h"
#include "proc/queue/pickup/pickup.h"
#include "proc/queue/queue.h"
#include "wire/date.h"
#include "store/account.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PROBES_MAX = 40,
    ASKED_MAX = 10000,
    TICK_MS = 5000,
    QUICK_CHECKS = 8,
    HOSTS_TEXT_MAX = 4000
};

/* Somebody's question waiting for a place. */
struct asked {
    struct link link;
    struct ipc_channel *to;
    bool deep;
    struct domain_name domain;
};

/* A look at it that is under way; NULL: none. */
static struct probing *under_way(struct queue *q, const struct domain_name *name)
{
    LIST_EACH (it, &q->domains.probings) {
        struct probing *p = LIST_OF(it, struct probing, link);
        if (domain_eq(p->name, *name)) {
            return p;
        }
    }
    return NULL;
}

static bool monitor_begin(struct queue *q, struct ipc_channel *to, struct domain_name name,
                          bool deep)
{
    const struct conf *c = child_conf(q->child);
    struct memory_rules rules = domains_rules(q);
    char path[300];
    struct route route;
    int worker = worker_from(q, random_below(SMTPOUT_MAX));
    if (worker < 0) {
        return false;
    }
    struct probing *p = err_calloc(1, sizeof *p);
    p->token = ++q->next_token;
    p->smtpout = (unsigned)worker;
    p->to = to;
    p->asked = to != NULL;
    p->deep = deep;
    p->name = name;
    p->domain = domains_find(q, name, false);
    p->hosts = BUF_INIT(HOSTS_TEXT_MAX);
    list_append(&q->domains.probings, &p->link);
    q->domains.n_probings++;
    if (p->domain) {
        p->domain->probing = true;
    }
    snprintf(path, sizeof path, "postmaster@%s", name.canonical);
    rules_route(c, STR(""), str_c(path), &route);
    bool seen = p->domain && memory_seen(&p->domain->d, clock_wall_ms(), &rules);
    ipc_send(q->workers.smtpout[worker],
             &(struct ipc_msg){.type = IPC_probe,
                               .probe = {
                                   .token = p->token,
                                   .domain = domain_str(&name),
                                   .deep = deep,
                                   .seen = seen,
                                   .profile = (uint8_t)(route.profile ? route.profile - 1
                                                                      : c->smtpout.profile),
                                   .force = route.force,
                                   .avoid = route.avoid,
                               }});
    return true;
}

static struct probing *monitor_find(struct queue *q, uint64_t token)
{
    LIST_EACH (it, &q->domains.probings) {
        struct probing *p = LIST_OF(it, struct probing, link);
        if (p->token == token) {
            return p;
        }
    }
    return NULL;
}

static void probing_free(struct queue *q, struct probing *p)
{
    if (p->domain) {
        p->domain->probing = false;
    }
    list_remove(&p->link);
    q->domains.n_probings--;
    buf_free(&p->hosts);
    free(p);
}

static void monitor_tell(struct ipc_channel *to, bool ok, const char *text)
{
    ipc_send(to, &(struct ipc_msg){.type = IPC_admin_done,
                                   .admin_done = {.ok = ok, .text = str_c(text)}});
}

/* The look that this smtpout was asked for; NULL: it is over, or another's. */
static struct probing *its_probing(struct queue *q, struct ipc_channel *ch, uint64_t token)
{
    struct probing *p = monitor_find(q, token);
    if (p && q->workers.smtpout[p->smtpout] != ch) {
        ipc_refuse(ch, "a look that another was asked for");
        return NULL;
    }
    return p;
}

/* --- results ------------------------------------------------------------ */

void monitor_on_host(void *owner, struct ipc_channel *ch, const struct ipc_probe_host *h)
{
    struct queue *q = owner;
    struct probing *p = its_probing(q, ch, h->token);
    if (!p) {
        return;
    }
    ipc_send(p->to, &(struct ipc_msg){.type = IPC_probe_host, .probe_host = *h});
    (void)!buf_printf(&p->hosts,
                      STR_FMT " [" STR_FMT "] %s %s " STR_FMT " " STR_FMT
                              "; DANE %s; MTA-STS %s%s" STR_FMT "\n",
                      STR_ARG(h->host), STR_ARG(h->address), sess_name(h->sess),
                      grade_name(h->grade), STR_ARG(h->tls_version), STR_ARG(h->cert_check),
                      tlsa_name(h->tlsa), sts_name(h->sts), h->detail.n ? "; " : "",
                      STR_ARG(h->detail));
}

/* Some other domains are looked at soon: did only this one lose its encryption, or all? */
static void check_others(struct queue *q)
{
    size_t cursor = 0;
    unsigned n = 0;
    struct str key;
    void *value;
    int64_t now = clock_wall_ms();
    while (n < QUICK_CHECKS && map_next(q->domains.known, &cursor, &key, &value)) {
        struct domain *d = value;
        bool candidate = !d->is_key && !d->probing && d->d.offered_ms > d->d.lowered_ms &&
                         !(d->d.alarms & 1u << ALARM_LOST_TLS);
        if (candidate && d->d.next_probe_ms > now) {
            d->d.next_probe_ms = now;
            n++;
        }
    }
}

static void apply_change(struct queue *q, struct domain *d, const struct memory_change *change,
                         const struct ipc_probe_done *m, struct str hosts)
{
    char detail[600], date[DATE_MAX], ends[DATE_MAX + 32] = "";
    hosts = str_slice(hosts, 0, hosts.n < 500 ? hosts.n : 500);
    date_iso(m->not_after, date);
    for (int kind = 0; kind < ALARM_KIND_END; kind++) {
        if (change->cleared & 1u << kind) {
            alarms_clear(q, d->name, (enum alarm_kind)kind);
        } else if ((change->raised & 1u << kind) && kind == ALARM_LOST_TLS) {
            alarms_lost(q, d->name);
            check_others(q);
        } else if (change->raised & 1u << kind) {
            if (kind == ALARM_EXPIRY) {
                snprintf(ends, sizeof ends, "%s %s\n",
                         m->not_after <= clock_wall_ms() ? "has ended:" : "ends:", date);
            }
            snprintf(detail, sizeof detail, "%s" STR_FMT, kind == ALARM_EXPIRY ? ends : "",
                     STR_ARG(hosts));
            alarms_raise(q, d->name, (enum alarm_kind)kind, detail);
        }
    }
    if (change->lowered) {
        log_notice("domain-unlearned", KVS("domain", d->d.name),
                   KV("what", "on seven days all servers answered, and none offered encryption"));
    }
}

static void monitor_remember(struct queue *q, struct probing *p, const struct ipc_probe_done *m)
{
    struct memory_rules rules = domains_rules(q);
    int64_t now = clock_wall_ms();
    const struct memory_probe probe = {
        .complete = m->complete && m->outcome == MX_FOUND,
        .offered = m->offered,
        .asked = m->asked,
        .tlsa_published = m->tlsa_published,
        .tlsa_bad = m->tlsa_bad,
        .grade = m->grade,
        .sts = m->sts,
        .not_after_ms = m->not_after,
        .ends_soon = m->ends_soon,
    };
    struct domain *d = p->domain    ? p->domain
                       : m->offered ? domains_find(q, domain_kept(m->domain), true)
                                    : NULL;
    if (!d) {
        return;
    }
    struct memory_change change = memory_probed(&d->d, &probe, alarms_middlebox(q), now, &rules);
    int64_t interval = child_conf(q->child)->monitor.interval;
    d->d.next_probe_ms = now + interval -
                         (int64_t)random_below(
                             (uint32_t)(interval / 10 < 100000000 ? interval / 10 : 100000000) + 1);
    forwards_probed(q, d);
    domains_save(q, d);
    store_add_probe(q->store, &(struct store_probe){
                                  .domain = d->d.name,
                                  .at_ms = now,
                                  .not_after_ms = m->not_after,
                                  .outcome = m->outcome,
                                  .complete = m->complete,
                                  .offered = m->offered,
                                  .all_offered = m->all_offered,
                                  .would_send = m->would_send,
                                  .tlsa_published = m->tlsa_published,
                                  .tlsa_bad = m->tlsa_bad,
                                  .grade = m->grade,
                                  .reason = m->reason,
                                  .sts = m->sts,
                                  .sts_problem = m->sts_problem,
                                  .hosts = buf_str(&p->hosts),
                              });
    apply_change(q, d, &change, m, buf_str(&p->hosts));
}

static void monitor_tick(struct queue *q);

void monitor_on_done(void *owner, struct ipc_channel *ch, const struct ipc_probe_done *r)
{
    struct queue *q = owner;
    struct probing *p = its_probing(q, ch, r->token);
    if (!p) {
        return;
    }
    monitor_remember(q, p, r);
    q->domains.probes_done++;
    ipc_send(p->to, &(struct ipc_msg){.type = IPC_probe_done, .probe_done = *r});
    monitor_tell(p->to, true, "");
    log_info("probed", KVS("domain", r->domain),
             KV("asked-by", p->asked ? "administrator" : "monitor"),
             KV("offered", r->offered ? "yes" : "no"), KVN("complete", r->complete),
             KV("grade", grade_name(r->grade)), KVN("took-ms", r->took_ms));
    probing_free(q, p);
    monitor_tick(q);
}

/* --- who is next -------------------------------------------------------- */

static void start_asked(struct queue *q)
{
    while (!list_empty(&q->domains.asked) && q->domains.n_probings < PROBES_MAX) {
        struct asked *a = LIST_OF(q->domains.asked.next, struct asked, link);
        struct probing *p = a->deep ? NULL : under_way(q, &a->domain);
        /* the monitor has just begun: one look is enough for both */
        if (p && !p->to && !p->deep && buf_len(&p->hosts) == 0) {
            p->to = a->to;
            p->asked = true;
        } else if (!monitor_begin(q, a->to, a->domain, a->deep)) {
            return;
        }
        list_remove(&a->link);
        q->domains.n_asked--;
        free(a);
    }
}

/* A domain nobody mails any more and whose sighting is old is forgotten. */
static bool monitor_forget(struct queue *q, struct domain *d, int64_t now,
                           const struct memory_rules *rules)
{
    bool old = !memory_monitored(&d->d, now, rules) && now - d->d.offered_ms > rules->forget &&
               now - d->d.mailed_ms > rules->forget && now - d->d.looked_ms > rules->forget;
    if (!old || d->probing) {
        return false;
    }
    store_drop_domain(q->store, d->d.name);
    map_take(q->domains.known, d->d.name);
    free(d);
    return true;
}

/* Starts a look at the domain if its time has come. False: the map has changed. */
static bool look_if_due(struct queue *q, struct domain *d, int64_t now,
                        const struct memory_rules *rules)
{
    /* the clock was set back */
    bool is_far = d->d.next_probe_ms > now + 2 * child_conf(q->child)->monitor.interval;
    /* never looked at, but a server that is not named any more is not kept for ever */
    if (d->is_key) {
        return !monitor_forget(q, d, now, rules);
    }
    if (d->probing || (d->d.next_probe_ms > now && !is_far)) {
        return true;
    }
    struct probing *asked = under_way(q, &d->name); /* since before it was remembered */
    if (asked) {
        asked->domain = d;
        d->probing = true;
        return true;
    }
    if (memory_monitored(&d->d, now, rules)) {
        (void)monitor_begin(q, NULL, d->name, false);
        return true;
    }
    return !monitor_forget(q, d, now, rules);
}

/* Goes on where it stopped, so that a few slow domains never starve the others. */
static void monitor_tick(struct queue *q)
{
    struct memory_rules rules = domains_rules(q);
    int64_t now = clock_wall_ms();
    struct str key;
    void *value;
    start_asked(q);
    for (size_t n = map_len(q->domains.known); n > 0 && child_conf(q->child)->monitor.probe &&
                                               q->domains.n_probings < PROBES_MAX && !q->stopping;
         n--) {
        if (!map_next(q->domains.known, &q->domains.monitor_cursor, &key, &value)) {
            q->domains.monitor_cursor = 0;
            if (!map_next(q->domains.known, &q->domains.monitor_cursor, &key, &value)) {
                return;
            }
        }
        if (!look_if_due(q, value, now, &rules)) {
            return;
        }
    }
}

static void monitor_on_tick(void *arg)
{
    struct queue *q = arg;
    const struct conf *c = child_conf(q->child);
    int64_t pause = c->monitor.interval / 20 < TICK_MS ? c->monitor.interval / 20 : TICK_MS;
    if (q->domains.relist) {
        domains_mark_listed(q);
        queue_reroute(q);
        pickup_look(q);
        q->domains.relist = false;
    }
    monitor_tick(q);
    alarms_tick(q);
    tlsrpt_tick(q);
    acts_tick(q);
    store_forget_probes(q->store, clock_wall_ms() - c->monitor.keep);
    store_forget_refusals(q->store, clock_wall_ms() - c->monitor.keep);
    store_forget_places(q->store, clock_wall_ms() - guess_known_ms);
    timer_start(q->domains.monitor, pause > 100 ? pause : 100);
}

void monitor_start(struct queue *q)
{
    q->domains.monitor = timer_new(child_loop(q->child), monitor_on_tick, q);
    timer_start(q->domains.monitor, 1000);
}

void monitor_probe(struct queue *q, struct ipc_channel *to, struct domain_name domain, bool deep)
{
    if (q->domains.n_asked >= ASKED_MAX) {
        monitor_tell(to, false, "too many probes are waiting");
        return;
    }
    struct asked *a = err_calloc(1, sizeof *a);
    a->to = to;
    a->deep = deep;
    a->domain = domain;
    list_append(&q->domains.asked, &a->link);
    q->domains.n_asked++;
    start_asked(q);
}

void monitor_soon(struct queue *q, struct domain_name domain)
{
    struct domain *d = domains_find(q, domain, false);
    int64_t now = clock_wall_ms();
    if (d && d->d.next_probe_ms > now &&
        now - d->d.probed_ms > child_conf(q->child)->monitor.interval / 24) {
        d->d.next_probe_ms = now;
    }
}

void monitor_requester_gone(struct queue *q, const struct ipc_channel *to)
{
    LIST_EACH (it, &q->domains.probings) {
        struct probing *p = LIST_OF(it, struct probing, link);
        p->to = p->to == to ? NULL : p->to;
    }
    for (struct link *it = q->domains.asked.next; it != &q->domains.asked;) {
        struct asked *a = LIST_OF(it, struct asked, link);
        it = it->next;
        if (a->to == to) {
            list_remove(&a->link);
            q->domains.n_asked--;
            free(a);
        }
    }
}

void monitor_worker_gone(struct queue *q, unsigned index)
{
    for (struct link *it = q->domains.probings.next; it != &q->domains.probings;) {
        struct probing *p = LIST_OF(it, struct probing, link);
        it = it->next;
        if (p->smtpout == index) {
            monitor_tell(p->to, false, "the process that looked has ended; try again");
            probing_free(q, p);
        }
    }
    tlsrpt_worker_gone(q);
}
