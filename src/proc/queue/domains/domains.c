/* SPDX-License-Identifier: Apache-2.0
 * domains.c: memory of recipient domains: who offered encryption, when all its servers were last
 * asked. Read whole at the start, written when it changes. Called by job.c (facts) and monitor.c.
 *
 * What can go wrong: more domains than are kept: the newest are then not remembered, which is said
 * in the log; their mail still gets a first look each time.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "proc/queue/queue.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SIGHTING_WRITE_MS = 60 * 60 * 1000,
    MAILED_WRITE_MS = 60 * 60 * 1000,
    SPELLINGS_MAX = 64 * 1024 * 1024
};

struct memory_rules domains_rules(const struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    return (struct memory_rules){
        .forget = c->monitor.forget,
        .probe_lifetime = c->monitor.probe_lifetime,
        .ehlo_patience = c->monitor.ehlo_patience,
    };
}

void domains_save(struct queue *q, const struct domain *d)
{
    store_put_domain(q->store, &d->d);
}

static struct domain *domains_add(struct queue *q, struct domain_name name)
{
    struct domain *d = err_calloc(1, sizeof *d);
    d->name = name;
    d->d.name = domain_str(&d->name);
    d->is_key = !domain_is_name(name);
    if (map_put(q->domains.known, d->d.name, d) < 0) {
        log_warn("domain-not-remembered", KVS("domain", d->d.name),
                 KVN("domains", map_len(q->domains.known)));
        free(d);
        return NULL;
    }
    return d;
}

struct domain *domains_find(struct queue *q, struct domain_name name, bool may_add)
{
    struct domain *d = domain_is_none(name) ? NULL : map_get(q->domains.known, domain_str(&name));
    return d || !may_add || domain_is_none(name) ? d : domains_add(q, name);
}

/* After the interval was made shorter: nobody waits for the old one's end. */
static void bring_forward(const struct queue *q, struct domain *d)
{
    int64_t interval = child_conf(q->child)->monitor.interval, now = clock_wall_ms();
    if (d->d.next_probe_ms > now + interval) {
        d->d.next_probe_ms =
            now + random_below(interval < INT32_MAX ? (uint32_t)interval : INT32_MAX);
    }
}

/* Under which name a row is kept by now. A version before kept "=inside" and "=relay", whatever
 * server these were: what it knew binds the one that is named now. */
static struct domain_name name_of_row(const struct queue *q, struct str name)
{
    const struct conf *c = child_conf(q->child);
    enum hop_kind hop = hop_kind(name);
    const char *target = hop == HOP_INSIDE  ? c->deliver_to
                         : hop == HOP_RELAY ? c->relay_host
                                            : NULL;
    return target ? rules_hop_memory(target) : domain_kept(name);
}

struct domain *domains_named(struct queue *q, struct str name)
{
    char word[DOMAIN_NAME_MAX + 1];
    struct domain *d = domains_find(q, name_of_row(q, name), false);
    if (!d && snprintf(word, sizeof word, "=" STR_FMT, STR_ARG(name)) < (int)sizeof word) {
        d = domains_find(q, name_of_row(q, str_c(word)), false);
    }
    return d;
}

static void on_domain(void *arg, const struct store_domain *row)
{
    struct queue *q = arg;
    struct domain *d = domains_find(q, name_of_row(q, row->name), true);
    if (!d) {
        return;
    }
    if (d->loaded) {
        memory_merge(&d->d, row);
    } else {
        d->d = *row;
    }
    d->loaded = true;
    d->d.name = domain_str(&d->name);
    if (!str_eq(row->name, d->d.name)) { /* of a version that kept each spelling apart */
        d->respelled = true;
        (void)!buf_add(&q->domains.old_spellings, row->name);
        (void)!buf_append(&q->domains.old_spellings, "\n", 1);
    }
    bring_forward(q, d);
}

/* What was merged is written under its one name, and the others go. */
static void settle_spellings(struct queue *q)
{
    size_t cursor = 0;
    struct str key, rest = buf_str(&q->domains.old_spellings), one;
    void *value;
    while (rest.n > 0 && map_next(q->domains.known, &cursor, &key, &value)) {
        struct domain *d = value;
        if (d->respelled) {
            domains_save(q, d);
        }
    }
    while (rest.n > 0 && str_split(&rest, '\n', &one)) {
        store_drop_domain(q->store, one);
        log_notice("domain-respelled", KVS("was", one));
    }
    buf_free(&q->domains.old_spellings);
}

void domains_mark_listed(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(q->domains.known, &cursor, &key, &value)) {
        ((struct domain *)value)->d.listed = false;
    }
    for (size_t i = 0; i < c->monitor.domains.n; i++) {
        const char *name = c->monitor.domains.v[i];
        struct domain *d = name[0] == '.' ? NULL : domains_find(q, domain_kept(str_c(name)), true);
        if (d) {
            d->d.listed = true;
            domains_save(q, d);
        }
    }
    forwards_check(q);
}

static void domains_on_loaded(void *arg, enum store_result result)
{
    struct queue *q = arg;
    if (result != STORE_OK) {
        log_error("domains-not-loaded",
                  KV("what", "the memory of domains cannot be read; ending to try again"));
        exit(1); /* without it mail could go in clear that must not */
    }
    settle_spellings(q);
    domains_mark_listed(q);
    log_notice("domains-loaded", KVN("domains", map_len(q->domains.known)));
}

void domains_load(struct queue *q)
{
    q->domains.old_spellings = BUF_INIT(SPELLINGS_MAX);
    store_read(q->store, &(struct store_query){.what = STORE_DOMAINS},
               &(struct store_rows){.arg = q, .domain = on_domain, .done = domains_on_loaded});
}

void domains_mailed(struct queue *q, struct domain *d, bool secure)
{
    int64_t now = clock_wall_ms();
    const struct conf *c = child_conf(q->child);
    if (now - d->d.mailed_ms < MAILED_WRITE_MS && (!secure || d->d.secure_mail)) {
        return;
    }
    d->d.mailed_ms = now;
    d->d.secure_mail |= secure;
    if (d->d.next_probe_ms == 0) { /* spread over the day, but the first soon */
        int64_t soon =
            c->monitor.interval / 24 < 60 * 60 * 1000 ? c->monitor.interval / 24 : 60 * 60 * 1000;
        d->d.next_probe_ms = now + random_below((uint32_t)soon + 1);
    }
    domains_save(q, d);
}

void domains_on_observation(void *owner, struct ipc_channel *ch, const struct ipc_observation *m)
{
    struct queue *q = owner;
    struct domain *d = domains_find(q, domain_kept(m->domain), true);
    int64_t now = clock_wall_ms();
    if (!d) {
        return;
    }
    bool fresh = d->d.offered_ms > d->d.lowered_ms && now - d->d.offered_ms < SIGHTING_WRITE_MS &&
                 d->d.negative_days == 0;
    if (!fresh) {
        memory_observed(&d->d, now);
        domains_save(q, d);
        log_info("sighting", KVS("domain", m->domain), KVS("host", m->host));
    }
}

void domains_on_looked(void *owner, struct ipc_channel *ch, const struct ipc_looked *m)
{
    struct queue *q = owner;
    struct domain *d = domains_find(q, domain_kept(m->domain), true);
    if (d) {
        const struct memory_look look = {
            .complete = m->complete != 0,
            .helo = m->helo != 0,
            .offered = m->offered != 0,
            .asked = m->asked,
        };
        memory_looked(&d->d, &look, clock_wall_ms());
        domains_save(q, d);
    }
}
