/* SPDX-License-Identifier: Apache-2.0
 * answers.c: what the name service said, shared between messages: each question is asked once
 * while it is open, and kept for its TTL, at most the configured time. Failures are kept for a few
 * seconds only. Called by main.c.
 */
#include "base/clock.h"
#include "proc/lookup/lookup.h"

#include <stdio.h>
#include <stdlib.h>

static void answers_settle(struct answer *a, int64_t life_ms)
{
    int64_t longest = child_conf(a->owner->child)->resolver.cache_max;
    a->asking = false;
    a->until_ms = clock_mono_ms() + (life_ms < longest ? life_ms : longest);
    while (!list_empty(&a->waiters)) {
        struct waiter *w = LIST_OF(a->waiters.next, struct waiter, in_answer);
        list_remove(&w->in_answer);
        waiter_part_done(w);
    }
}

static void on_result(void *arg, const struct mx_result *r)
{
    struct answer *a = arg;
    mx_free(a->result);
    a->result = mx_keep(r);
    answers_settle(a, r->outcome == MX_FAILED ? FAILURE_LIFE_MS : (int64_t)r->ttl_s * 1000);
}

/* RFC 8460 section 3: exactly one record. */
static void on_report_record(void *arg, const struct dns_answer *d)
{
    struct answer *a = arg;
    char joined[16][1024];
    const char *texts[16];
    size_t n = d->n_records < 16 ? d->n_records : 16;
    bool failed = d->outcome == DNS_FAILED || d->outcome == DNS_BOGUS;
    for (size_t i = 0; i < n; i++) {
        texts[i] = dns_txt_join(d->records[i], joined[i], sizeof joined[i]) == 0 ? joined[i] : NULL;
    }
    a->rua[0] = '\0';
    a->report_outcome = failed                                 ? MX_FAILED
                        : tlsrpt_record_find(texts, n, a->rua) ? MX_FOUND
                                                               : MX_NO_HOST;
    answers_settle(a, failed ? FAILURE_LIFE_MS : (int64_t)d->ttl_s * 1000);
}

/* Makes room: the oldest answer that nobody waits for. */
static void answers_evict(struct lookup *l)
{
    LIST_EACH (it, &l->by_age) {
        struct answer *a = LIST_OF(it, struct answer, age);
        if (!a->asking && a->used == 0) {
            map_take(l->answers, str_c(a->key));
            list_remove(&a->age);
            mx_free(a->result);
            free(a);
            return;
        }
    }
}

static struct answer *answers_find(struct lookup *l, enum lookup_kind kind, uint16_t port,
                                   const struct domain_name *name)
{
    char key[300];
    enum lookup_kind same = kind == LOOKUP_RELAY ? LOOKUP_HOST : kind;
    snprintf(key, sizeof key, "%d %u %s", (int)same, port, name->canonical);
    struct answer *a = map_get(l->answers, str_c(key));
    if (a) {
        return a;
    }
    if (map_len(l->answers) >= CACHE_ENTRIES) {
        answers_evict(l);
    }
    a = err_calloc(1, sizeof *a);
    str_copy_cut(str_c(key), a->key, sizeof a->key);
    a->owner = l;
    list_init(&a->waiters);
    if (map_put(l->answers, str_c(key), a) < 0) {
        free(a);
        return NULL;
    }
    list_append(&l->by_age, &a->age);
    return a;
}

static void answers_ask(struct answer *a, enum lookup_kind kind, uint16_t port,
                        const struct domain_name *name)
{
    struct lookup *l = a->owner;
    char report[300];
    a->asking = true;
    l->asked++;
    if (kind == LOOKUP_MX) {
        mx_lookup(l->resolver, name->canonical, port, &l->own, on_result, a);
    } else if (kind == LOOKUP_REPORT) {
        snprintf(report, sizeof report, "_smtp._tls.%s", name->canonical);
        dns_ask(l->resolver, report, DNS_TYPE_TXT, on_report_record, a);
    } else {
        mx_lookup_host(l->resolver, name->canonical, port, on_result, a);
    }
}

struct answer *answer_want(struct lookup *l, enum lookup_kind kind, uint16_t port,
                           const struct domain_name *name, struct waiter *w)
{
    struct answer *a = answers_find(l, kind, port, name);
    if (!a) {
        return NULL;
    }
    a->used++;
    if (!a->asking && clock_mono_ms() < a->until_ms) {
        l->shared++;
        return a;
    }
    w->open++;
    list_append(&a->waiters, &w->in_answer);
    if (!a->asking) {
        answers_ask(a, kind, port, name);
    }
    return a;
}

void answer_release(struct answer *a)
{
    must(a->used > 0);
    a->used--;
}

void answers_forget(struct lookup *l)
{
    LIST_EACH (it, &l->by_age) {
        LIST_OF(it, struct answer, age)->until_ms = 0;
    }
}
