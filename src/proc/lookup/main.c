/* SPDX-License-Identifier: Apache-2.0
 * lookup: asks the name service for the other processes, and shares the answers.
 *
 * Trust: parses hostile DNS; holds no secret and no mail. May touch: the network, by libunbound.
 * Must never see: a message. It alone says "secure".
 *
 * Questions of several messages for one name are asked once; answers are kept for their TTL, at
 * most the configured time. Failures are kept for a few seconds only.
 */
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "dns/mx.h"
#include "proc/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CACHE_ENTRIES = 20000, WAITERS_MAX = 100000, FAILURE_LIFE_MS = 5000 };

struct waiter {
    struct ipc_channel *to;
    uint64_t token;
    struct link link;
};

struct entry {
    char key[300]; /* kind digit and name */
    bool asking;
    int64_t until_ms;
    struct mx_result result;
    struct link waiters;
    struct link age;
    struct lookup *owner;
};

struct lookup {
    struct child *child;
    struct dns_resolver *resolver;
    struct map *entries;
    struct link by_age;
    size_t n_waiters;
    const char *own[64]; /* our name and the addresses we listen on */
    uint64_t asked, shared;
};

static void send_result(const struct entry *e, struct ipc_channel *to, uint64_t token)
{
    const struct mx_result *r = &e->result;
    for (size_t i = 0; i < r->n_hosts; i++) {
        const struct mx_host *h = &r->hosts[i];
        char text[1024];
        struct buf list = BUF_INIT(sizeof text);
        for (size_t k = 0; k < h->n_addresses; k++) {
            (void)!buf_printf(&list, "%s%s", k ? " " : "", h->addresses[k]);
        }
        str_copy_cut(buf_str(&list), text, sizeof text);
        buf_free(&list);
        ipc_send(to, &(struct ipc_msg){.type = IPC_resolved_host,
                                       .resolved_host = {.token = token,
                                                         .preference = h->preference,
                                                         .name = str_c(h->name),
                                                         .outcome = (uint8_t)h->outcome,
                                                         .addresses = str_c(text)}});
    }
    /* the MX outcome (secure or not) and what was found travel in one octet each */
    ipc_send(to, &(struct ipc_msg){.type = IPC_resolved,
                                   .resolved = {.token = token,
                                                .outcome = (uint8_t)r->outcome,
                                                .mx = (uint8_t)r->mx_outcome,
                                                .detail = str_c(r->detail)}});
}

static void on_result(void *arg, const struct mx_result *r)
{
    struct entry *e = arg;
    int64_t cache_max = child_conf(e->owner->child)->resolver.cache_max;
    int64_t life = r->outcome == MX_FAILED ? FAILURE_LIFE_MS : (int64_t)r->ttl_s * 1000;
    e->result = *r;
    e->asking = false;
    e->until_ms = clock_mono_ms() + (life < cache_max ? life : cache_max);
    while (!list_empty(&e->waiters)) {
        struct waiter *w = LIST_OF(e->waiters.next, struct waiter, link);
        send_result(e, w->to, w->token);
        list_remove(&w->link);
        e->owner->n_waiters--;
        free(w);
    }
}

/* Makes room: the oldest entry that nobody waits for. */
static void evict(struct lookup *l)
{
    LIST_EACH (it, &l->by_age) {
        struct entry *e = LIST_OF(it, struct entry, age);
        if (!e->asking) {
            map_take(l->entries, str_c(e->key));
            list_remove(&e->age);
            free(e);
            return;
        }
    }
}

static struct entry *find_entry(struct lookup *l, uint8_t kind, struct str name)
{
    char key[300];
    snprintf(key, sizeof key, "%u" STR_FMT, kind, STR_ARG(name));
    struct entry *e = map_get(l->entries, str_c(key));
    if (e) {
        return e;
    }
    if (map_len(l->entries) >= CACHE_ENTRIES) {
        evict(l);
    }
    e = err_calloc(1, sizeof *e);
    str_copy_cut(str_c(key), e->key, sizeof e->key);
    e->owner = l;
    list_init(&e->waiters);
    if (map_put(l->entries, str_c(key), e) < 0) {
        free(e);
        return NULL;
    }
    list_append(&l->by_age, &e->age);
    return e;
}

static void ask(struct lookup *l, struct entry *e, uint8_t kind, const char *name)
{
    e->asking = true;
    l->asked++;
    if (kind == 0) {
        mx_lookup(l->resolver, name, l->own, on_result, e);
    } else {
        mx_lookup_host(l->resolver, name, on_result, e);
    }
}

static void fail(struct ipc_channel *to, uint64_t token, const char *why)
{
    ipc_send(to, &(struct ipc_msg){.type = IPC_resolved,
                                   .resolved = {.token = token,
                                                .outcome = MX_FAILED,
                                                .mx = DNS_FAILED,
                                                .detail = str_c(why)}});
}

static void on_resolve(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct lookup *l = owner;
    char name[256];
    (void)fd;
    uint64_t token = m->resolve.token;
    if (dns_to_ascii(m->resolve.name, name, sizeof name) < 0) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_resolved,
                                       .resolved = {.token = token,
                                                    .outcome = MX_NO_DOMAIN,
                                                    .mx = DNS_INSECURE,
                                                    .detail = STR("not a valid domain name")}});
        return;
    }
    struct entry *e = l->n_waiters < WAITERS_MAX ? find_entry(l, m->resolve.kind, str_c(name)) : NULL;
    if (!e) {
        fail(ch, token, "too many lookups at once");
        return;
    }
    if (!e->asking && clock_mono_ms() < e->until_ms) {
        l->shared++;
        send_result(e, ch, token);
        return;
    }
    struct waiter *w = err_calloc(1, sizeof *w);
    *w = (struct waiter){.to = ch, .token = token};
    list_append(&e->waiters, &w->link);
    l->n_waiters++;
    if (!e->asking) {
        ask(l, e, m->resolve.kind, name);
    }
}

/* Nobody must be answered on a channel that is gone. */
static void on_peer_closed(void *owner, struct ipc_channel *ch)
{
    struct lookup *l = owner;
    LIST_EACH (it, &l->by_age) {
        struct entry *e = LIST_OF(it, struct entry, age);
        for (struct link *at = e->waiters.next; at != &e->waiters;) {
            struct waiter *w = LIST_OF(at, struct waiter, link);
            at = at->next;
            if (w->to == ch) {
                list_remove(&w->link);
                l->n_waiters--;
                free(w);
            }
        }
    }
}

static const struct ipc_rule rules[] = {{IPC_resolve, on_resolve}, {IPC_none, NULL}};

static void on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    (void)role;
    (void)index;
    ipc_channel_new(child_loop(c), fd, "smtpout", rules, on_peer_closed, owner);
}

static void learn_own(struct lookup *l, const struct conf *conf)
{
    size_t n = 0;
    l->own[n++] = err_strdup(conf->hostname);
    for (size_t i = 0; i < conf->n_listens; i++) {
        for (size_t k = 0; k < conf->listens[i].addresses.n && n + 1 < ARRAY_LEN(l->own); k++) {
            struct str at = str_c(conf->listens[i].addresses.v[k]);
            struct str ip = str_slice(at, 0, str_find_last(at, ':'));
            bool bracketed = ip.n > 2 && ip.p[0] == '[';
            l->own[n++] = str_dup(bracketed ? str_slice(ip, 1, ip.n - 1) : ip);
        }
    }
}

static int on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct lookup *l = owner;
    const struct conf *conf = child_conf(c);
    const struct dns_config config = {.forward = conf->resolver.forward,
                                      .trust_anchor = conf->resolver.trust_anchor,
                                      .timeout_ms = conf->resolver.timeout,
                                      .test_zones = conf->resolver.test_zones};
    l->child = c;
    l->entries = map_new(CACHE_ENTRIES);
    list_init(&l->by_age);
    learn_own(l, conf);
    return dns_resolver_new(child_loop(c), &config, problem, size, &l->resolver);
}

static void sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    (void)owner;
    (void)c;
    *ret = (struct sandbox){.calls = SANDBOX_CONNECT | SANDBOX_THREADS};
}

static void on_status(void *owner, char *text, size_t size)
{
    const struct lookup *l = owner;
    snprintf(text, size, "asked=%llu shared=%llu cached=%zu", (unsigned long long)l->asked,
             (unsigned long long)l->shared, map_len(l->entries));
}

int main(int argc, char **argv)
{
    static struct lookup lookup;
    static const struct child_events events = {
        .on_prepare = on_prepare, .sandbox = sandbox, .on_peer = on_peer, .on_status = on_status};
    return child_main(argc, argv, "lookup", &events, &lookup);
}
