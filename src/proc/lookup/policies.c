/* SPDX-License-Identifier: Apache-2.0
 * policies.c: MTA-STS discovery (RFC 8461 3): TXT, then HTTPS from mta-sts.DOMAIN, each domain at
 * most once at a time; stored policies come from the queue at the start and go back when they
 * change; refreshed daily whatever the id. Called by main.c.
 *
 * What can go wrong: hostile web servers (bounded in octets and time), names that point into our
 * own network (refused), a store that is away (the policy lives on in memory).
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "policy/alarm.h"
#include "proc/lookup/lookup.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TXT_MAX = 64,
    TXT_OCTETS = 1024,
    FETCH_LIMIT_MS = 60 * 1000,
    REFRESH_TICK_MS = 10 * 1000,
    REFRESHES_MAX = 8,
    HTTPS_PORT = 443,
    JITTER_MS = 2 * 60 * 60 * 1000,
};

static struct policy *policies_find(struct lookup *l, struct domain_name domain);

/* --- the end of a look -------------------------------------------------- */

static void policies_save(const struct policy *p)
{
    const struct sts_entry *e = &p->entry;
    ipc_send(p->owner->queue, &(struct ipc_msg){.type = IPC_sts_policy,
                                                .sts_policy = {
                                                    .domain = str_c(e->domain),
                                                    .id = str_c(e->id),
                                                    .fetched_ms = e->fetched_ms,
                                                    .expires_ms = e->expires_ms,
                                                    .policy = str_c(e->text),
                                                }});
}

static void tell_alarm(struct policy *p)
{
    bool alarm = sts_needs_alarm(&p->entry, clock_wall_ms());
    if (alarm == p->alarmed) {
        return;
    }
    p->alarmed = alarm;
    ipc_send(p->owner->queue, &(struct ipc_msg){.type = IPC_alarm,
                                                .alarm = {
                                                    .kind = ALARM_STS_REFRESH,
                                                    .cleared = !alarm,
                                                    .domain = str_c(p->entry.domain),
                                                    .text = str_c(p->entry.problem_text),
                                                }});
}

static void policies_settle(struct policy *p)
{
    int64_t longest = child_conf(p->owner->child)->resolver.cache_max;
    int64_t life =
        p->entry.problem == STS_PROBLEM_NONE ? (int64_t)p->ttl_s * 1000 : FAILURE_LIFE_MS;
    p->busy = false;
    p->until_ms = clock_mono_ms() + (p->entry.once ? 0 : life < longest ? life : longest);
    if (p->entry.problem != STS_PROBLEM_NONE) {
        log_info("sts-problem", KV("domain", p->entry.domain),
                 KV("result", sts_problem_result(p->entry.problem)),
                 KV("detail", p->entry.problem_text),
                 KV("policy", sts_state_name(sts_effective(&p->entry, clock_wall_ms()))));
    }
    tell_alarm(p);
    while (!list_empty(&p->waiters)) {
        struct waiter *w = LIST_OF(p->waiters.next, struct waiter, in_policy);
        list_remove(&w->in_policy);
        waiter_part_done(w);
    }
}

/* --- HTTPS -------------------------------------------------------------- */

static void fetched(struct policy *p, enum sts_fetch result, struct str text, const char *detail)
{
    p->owner->fetched++;
    p->owner->fetch_failed += result != STS_FETCH_GOOD;
    host_clear(&p->host);
    if (sts_take_fetch(&p->entry, result, p->id, text, detail, random_below(JITTER_MS),
                       clock_wall_ms())) {
        policies_save(p);
        log_notice("sts-policy", KV("domain", p->entry.domain),
                   KV("mode", sts_mode_name(p->entry.policy.mode)),
                   KVN("max-age-s", p->entry.policy.max_age_s), KV("id", p->entry.id));
    }
    policies_settle(p);
}

/* RFC 8461 3.2 SHOULD: the media type is text/plain
 * RFC 8461 3.3 MUST: only status 200 gives a policy */
static void on_fetched(void *arg, const struct fetch_answer *a)
{
    struct policy *p = arg;
    char detail[160];
    if (a->result == FETCH_OK && a->status == 200 && strcmp(a->content_type, "text/plain") == 0) {
        fetched(p, STS_FETCH_GOOD, a->body, "");
    } else if (a->result == FETCH_OK) {
        snprintf(detail, sizeof detail, "HTTP status %ld, content type %s", a->status,
                 a->content_type[0] ? a->content_type : "none");
        fetched(p, STS_FETCH_FAILED, STR(""), detail);
    } else {
        fetched(p, a->result == FETCH_TLS ? STS_FETCH_WEBPKI : STS_FETCH_FAILED, STR(""),
                a->detail);
    }
}

bool web_addresses(const struct lookup *l, const struct dns_host *h, char *list, size_t size)
{
    bool any = child_conf(l->child)->smtpout.private_addresses != 0;
    struct buf text = BUF_INIT(size - 1);
    for (size_t i = 0; i < h->n_addresses; i++) {
        if (any || !address_is_private(str_c(h->addresses[i]))) {
            (void)!buf_printf(&text, "%s%s", buf_len(&text) ? "," : "", h->addresses[i]);
        }
    }
    str_copy_cut(buf_str(&text), list, size);
    buf_free(&text);
    return list[0] != '\0';
}

/* RFC 8461 3.3 MUST: the policy host proves that it is mta-sts.DOMAIN
 * RFC 8461 3.3 MAY: a minute and 64 KiB are the most */
static void on_web_host(void *arg, struct dns_host *h)
{
    struct policy *p = arg;
    char list[1024], url[400];
    if (!web_addresses(p->owner, h, list, sizeof list)) {
        fetched(p, STS_FETCH_FAILED, STR(""),
                h->detail[0] ? h->detail : "the policy's web server has no usable address");
        return;
    }
    snprintf(url, sizeof url, "https://%s/.well-known/mta-sts.txt", h->name);
    const struct fetch_request request = {
        .url = url,
        .host = h->name,
        .port = HTTPS_PORT,
        .addresses = list,
        .octets_max = STS_POLICY_OCTETS_MAX,
        .limit_ms = FETCH_LIMIT_MS,
    };
    fetch_start(p->owner->fetcher, &request, on_fetched, p);
}

static void begin_fetch(struct policy *p)
{
    struct dns_host *h = &p->host;
    *h = (struct dns_host){0};
    int n = snprintf(h->name, sizeof h->name, "mta-sts.%s", p->entry.domain);
    if (n < 0 || n > 253) {
        fetched(p, STS_FETCH_FAILED, STR(""), "the name is too long");
        return;
    }
    host_lookup(p->owner->resolver, h, 0, on_web_host, p);
}

/* --- TXT ---------------------------------------------------------------- */

static void on_txt(void *arg, const struct dns_answer *a)
{
    struct policy *p = arg;
    char joined[TXT_MAX][TXT_OCTETS];
    const char *texts[TXT_MAX];
    size_t n = a->n_records < TXT_MAX ? a->n_records : TXT_MAX;
    enum sts_txt txt = STS_TXT_FAILED;
    p->id[0] = '\0';
    if (a->outcome == DNS_SECURE || a->outcome == DNS_INSECURE) {
        for (size_t i = 0; i < n; i++) {
            texts[i] = dns_txt_join(a->records[i], joined[i], TXT_OCTETS) == 0 ? joined[i] : NULL;
        }
        enum sts_record record = sts_record_find(texts, n, p->id);
        txt = record == STS_RECORD_ONE    ? STS_TXT_ONE
              : record == STS_RECORD_NONE ? STS_TXT_NONE
                                          : STS_TXT_INVALID;
        p->ttl_s = a->presence == DNS_DATA ? a->ttl_s : 300;
    }
    if (sts_take_txt(&p->entry, txt, p->id, a->why, p->again != LOOKUP_CACHED, clock_wall_ms())) {
        begin_fetch(p);
    } else {
        policies_settle(p);
    }
}

/* RFC 8461 3.4 MUST NOT: no policy of a parent domain */
static void policies_look(struct policy *p, enum lookup_again again)
{
    char name[300];
    p->busy = true;
    p->again = again;
    p->entry.once = false; /* max_age 0 held for those who asked before */
    snprintf(name, sizeof name, "_mta-sts.%s", p->entry.domain);
    dns_ask(p->owner->resolver, name, DNS_TYPE_TXT, on_txt, p);
}

/* --- asking ------------------------------------------------------------- */

/* Makes room: the oldest domain without a policy; an enforced policy is never dropped. */
static void policies_evict(struct lookup *l)
{
    LIST_EACH (it, &l->policies_by_age) {
        struct policy *p = LIST_OF(it, struct policy, age);
        bool live = p->entry.has_policy && p->entry.expires_ms > clock_wall_ms();
        if (!p->busy && p->used == 0 && !live) {
            map_take(l->policies, str_c(p->entry.domain));
            list_remove(&p->age);
            sts_entry_clear(&p->entry);
            free(p);
            return;
        }
    }
}

static struct policy *policies_find(struct lookup *l, struct domain_name domain)
{
    struct policy *p = map_get(l->policies, domain_str(&domain));
    if (p) {
        return p;
    }
    if (map_len(l->policies) >= POLICIES_MAX) {
        policies_evict(l);
    }
    p = err_calloc(1, sizeof *p);
    p->owner = l;
    str_copy_cut(domain_str(&domain), p->entry.domain, sizeof p->entry.domain);
    list_init(&p->waiters);
    if (map_put(l->policies, domain_str(&domain), p) < 0) {
        free(p);
        return NULL;
    }
    list_append(&l->policies_by_age, &p->age);
    return p;
}

static bool is_fresh(struct policy *p, enum lookup_again again)
{
    int64_t now = clock_wall_ms();
    if (again == LOOKUP_MISMATCH) {
        bool recent = p->entry.mismatch_ms && now - p->entry.mismatch_ms < STS_RETRY_MS;
        p->entry.mismatch_ms = recent ? p->entry.mismatch_ms : now;
        return recent;
    }
    return again == LOOKUP_CACHED && clock_mono_ms() < p->until_ms;
}

struct policy *policy_want(struct lookup *l, struct domain_name domain, enum lookup_again again,
                           struct waiter *w)
{
    struct policy *p = policies_find(l, domain);
    if (!p) {
        return NULL;
    }
    p->used++;
    if (l->loaded && !p->busy && is_fresh(p, again)) {
        return p;
    }
    w->open++;
    list_append(l->loaded ? &p->waiters : &l->unloaded, &w->in_policy);
    if (l->loaded && !p->busy) {
        policies_look(p, again);
    }
    return p;
}

void policy_release(struct policy *p)
{
    must(p->used > 0);
    p->used--;
}

void policies_loaded(struct lookup *l)
{
    l->loaded = true;
    while (!list_empty(&l->unloaded)) {
        struct waiter *w = LIST_OF(l->unloaded.next, struct waiter, in_policy);
        list_remove(&w->in_policy);
        list_append(&w->policy->waiters, &w->in_policy);
        if (!w->policy->busy) {
            policies_look(w->policy, LOOKUP_CACHED);
        }
    }
}

/* Policies whose day is over are fetched again, a few at a time.
 * RFC 8461 3.3 SHOULD: kept policies are fetched again daily */
static void on_refresh(void *arg)
{
    struct lookup *l = arg;
    int64_t now = clock_wall_ms();
    unsigned n = 0;
    LIST_EACH (it, &l->policies_by_age) {
        struct policy *p = LIST_OF(it, struct policy, age);
        bool due = p->entry.has_policy && now < p->entry.expires_ms && now >= p->entry.refresh_ms;
        if (l->loaded && due && !p->busy && n++ < REFRESHES_MAX) {
            policies_look(p, LOOKUP_PROBE);
        }
    }
    timer_start(l->refresh, REFRESH_TICK_MS);
}

void policies_start(struct lookup *l)
{
    l->refresh = timer_new(child_loop(l->child), on_refresh, l);
    timer_start(l->refresh, REFRESH_TICK_MS);
}

/* --- the queue ---------------------------------------------------------- */

static void on_stored_policy(void *owner, struct ipc_channel *ch, const struct ipc_sts_policy *s)
{
    struct lookup *l = owner;
    struct domain_name domain = domain_kept(s->domain);
    char id[STS_ID_MAX], problem[128];
    str_copy_cut(s->id, id, sizeof id);
    struct policy *p = domain_is_name(domain) ? policies_find(l, domain) : NULL;
    bool known = p && p->entry.has_policy && p->entry.fetched_ms >= s->fetched_ms;
    if (p && !known &&
        sts_load(&p->entry, s->policy, id, s->fetched_ms, s->expires_ms, problem, sizeof problem) <
            0) {
        log_warn("sts-stored-invalid", KVS("domain", domain_str(&domain)), KV("problem", problem));
    }
}

static void on_all_loaded(void *owner, struct ipc_channel *ch, const struct ipc_sts_loaded *m)
{
    policies_loaded(owner);
}

static void policies_refuse(struct ipc_channel *ch, uint64_t token, const char *problem)
{
    ipc_send(ch, &(struct ipc_msg){.type = IPC_sts_answer,
                                   .sts_answer = {.token = token, .problem = str_c(problem)}});
}

static bool preload(struct policy *p, struct ipc_channel *ch, uint64_t token, struct str text)
{
    char problem[128];
    int64_t now = clock_wall_ms();
    if (sts_load(&p->entry, text, "preloaded", now, now, problem, sizeof problem) < 0) {
        policies_refuse(ch, token, problem);
        return false;
    }
    p->entry.expires_ms = now + (int64_t)p->entry.policy.max_age_s * 1000;
    p->entry.refresh_ms = now + STS_RETRY_MS;
    policies_save(p);
    return true;
}

static void on_verb(void *owner, struct ipc_channel *ch, const struct ipc_sts_ask *a)
{
    struct lookup *l = owner;
    struct domain_name domain = domain_from(a->domain);
    if (!domain_is_name(domain)) {
        policies_refuse(ch, a->token, "not a valid domain name");
        return;
    }
    struct policy *known = a->verb == STS_PRELOAD ? policies_find(l, domain)
                                                  : map_get(l->policies, domain_str(&domain));
    if (a->verb == STS_PRELOAD && (!known || !preload(known, ch, a->token, a->text))) {
        return;
    }
    struct waiter *w = err_calloc(1, sizeof *w);
    *w = (struct waiter){.owner = l, .to = ch, .token = a->token, .for_verb = true, .open = 1};
    list_append(&l->waiters, &w->all);
    l->n_waiters++;
    enum lookup_again again = a->verb == STS_REFRESH ? LOOKUP_PROBE : LOOKUP_CACHED;
    if (a->verb == STS_PRELOAD || (a->verb == STS_SHOW && known && known->entry.has_policy)) {
        w->policy = known;
        known->used++;
    } else {
        w->policy = policy_want(l, domain, again, w);
    }
    waiter_part_done(w); /* ours */
}

const struct ipc_rule lookup_queue_rules[] = {IPC_ON(post, lookup_on_post),
                                              IPC_ON(sts_policy, on_stored_policy),
                                              IPC_ON(sts_loaded, on_all_loaded),
                                              IPC_ON(sts_ask, on_verb), IPC_RULES_END};
