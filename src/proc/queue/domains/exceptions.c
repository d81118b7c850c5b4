/* SPDX-License-Identifier: Apache-2.0
 * exceptions.c: what an administrator allows for one domain and a limited time: relax (what the
 * domain publishes, and memory, do not bind) and legacy (old TLS versions). Each has an owner, a
 * reason and an end at most 30 days away, ends by itself, and is named in each report it touched.
 * Called by admin_domains.c, and by job.c and trial.c for what is in force.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"
#include "store/records.h"
#include "wire/address.h"
#include "wire/date.h"

#include <stdio.h>
#include <stdlib.h>

enum { DAYS_MAX = 30, EXCEPTIONS_MAX = 10000, OWNER_MAX = 200, REASON_MAX = 400 };
#define DAY_MS (24LL * 60 * 60 * 1000)

static const char *const kind_names[] =
    {[EXCEPTION_RELAX] = "relax", [EXCEPTION_LEGACY] = "legacy"};

/* Those in force, while they are read: until then the ones before are. */
struct exceptions {
    struct queue *q;
    struct store_exception *all; /* strings owned */
    size_t n;
};

static void exceptions_keep(struct exceptions *x, const struct store_exception *e)
{
    x->all = realloc(x->all, (x->n + 1) * sizeof *x->all);
    must(x->all);
    struct store_exception *copy = &x->all[x->n++];
    const struct domain_name domain = domain_kept(e->domain);
    *copy = *e;
    copy->domain = domain_str(&domain);
    record_own(store_record_exception(), copy);
}

static void on_exception(void *arg, const struct store_exception *e)
{
    if (e->ended_ms == 0 && e->until_ms > clock_wall_ms() && e->kind < EXCEPTION_KIND_END) {
        exceptions_keep(arg, e);
    }
}

static void exceptions_drop_all(struct store_exception *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        record_free(store_record_exception(), &all[i]);
    }
    free(all);
}

static void exceptions_on_loaded(void *arg, enum store_result result)
{
    struct exceptions *x = arg;
    struct queue *q = x->q;
    if (result != STORE_OK) {
        log_error("exceptions-not-loaded",
                  KV("what", "those that were in force before this stay so until the next start"));
        exceptions_drop_all(x->all, x->n);
    } else {
        exceptions_drop_all(q->domains.exceptions, q->domains.n_exceptions);
        q->domains.exceptions = x->all;
        q->domains.n_exceptions = x->n;
    }
    free(x);
}

void exceptions_load(struct queue *q)
{
    struct exceptions *x = err_calloc(1, sizeof *x);
    x->q = q;
    store_read(q->store, &(struct store_query){.what = STORE_EXCEPTIONS},
               &(struct store_rows){.arg = x,
                                    .exception = on_exception,
                                    .done = exceptions_on_loaded});
}

const struct store_exception *exceptions_find(const struct queue *q, struct domain_name domain,
                                              enum exception_kind kind)
{
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < q->domains.n_exceptions; i++) {
        const struct store_exception *e = &q->domains.exceptions[i];
        if (e->kind == kind && now < e->until_ms && e->ended_ms == 0 &&
            str_eq(e->domain, domain_str(&domain))) {
            return e;
        }
    }
    return NULL;
}

bool exceptions_same(const struct queue *q, struct domain_name a, struct domain_name b)
{
    return q->domains.n_exceptions == 0 || str_eq(domain_str(&a), domain_str(&b)) ||
           (exceptions_find(q, a, EXCEPTION_RELAX) == exceptions_find(q, b, EXCEPTION_RELAX) &&
            exceptions_find(q, a, EXCEPTION_LEGACY) == exceptions_find(q, b, EXCEPTION_LEGACY));
}

void exceptions_words(const struct store_exception *e, char *dst, size_t size)
{
    char date[DATE_MAX];
    *dst = '\0';
    if (e) {
        date_iso(e->until_ms, date);
        snprintf(dst, size, "%s until %s by " STR_FMT ": " STR_FMT, kind_names[e->kind], date,
                 STR_ARG(e->owner), STR_ARG(e->reason));
    }
}

const char *exceptions_add(struct queue *q, struct str argument, const struct acting *who)
{
    struct str part[5], rest = argument;
    struct domain_name domain;
    uint64_t hours;
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        if (!str_split(&rest, i + 1 < ARRAY_LEN(part) ? '\t' : '\0', &part[i])) {
            return "an exception needs kind, domain, end, owner and reason";
        }
    }
    bool relax = str_eq(part[0], STR("relax"));
    if (!relax && !str_eq(part[0], STR("legacy"))) {
        return "the kind is relax or legacy";
    }
    if (domain_parse(part[1], &domain) < 0 || str_to_u64(part[2], DAYS_MAX * 24, &hours) < 0 ||
        hours == 0) {
        return "the domain must be a name, and the end at most 30 days away";
    }
    if (part[3].n > OWNER_MAX || part[4].n > REASON_MAX) {
        return "the owner must be at most 200 octets, the reason at most 400";
    }
    if (part[3].n == 0 || part[4].n == 0) {
        return "an exception needs an owner and a reason: both are shown in each report it touches";
    }
    if (q->domains.n_exceptions >= EXCEPTIONS_MAX) {
        return "there are too many exceptions";
    }
    int64_t now = clock_wall_ms();
    const struct store_exception e = {
        .domain = domain_str(&domain),
        .kind = relax ? EXCEPTION_RELAX : EXCEPTION_LEGACY,
        .owner = part[3],
        .reason = part[4],
        .from_ms = now,
        .until_ms = now + (int64_t)hours * 60 * 60 * 1000,
        .uid = who->uid,
        .added_by = str_c(who->by),
    };
    store_add_exception(q->store, &e);
    acts_add(q, who, ADMIN_EXCEPTION_ADD, e.domain, part[0]);
    log_notice("exception-added", KVS("kind", part[0]), KVS("domain", domain_str(&domain)),
               KVS("owner", part[3]), KVS("reason", part[4]), KVN("hours", hours),
               KV("by", who->by), KVN("uid", who->uid));
    return NULL;
}

bool exceptions_end(struct queue *q, uint64_t number, const struct acting *who)
{
    char about[40];
    snprintf(about, sizeof about, "exception %llu", (unsigned long long)number);
    for (size_t i = 0; i < q->domains.n_exceptions; i++) {
        if (q->domains.exceptions[i].exception == number &&
            q->domains.exceptions[i].ended_ms == 0) {
            q->domains.exceptions[i].ended_ms = clock_wall_ms();
            store_end_exception(q->store, number, str_c(who->by), clock_wall_ms());
            acts_add(q, who, ADMIN_EXCEPTION_END, q->domains.exceptions[i].domain, str_c(about));
            log_notice("exception-ended", KVN("number", number),
                       KVS("domain", q->domains.exceptions[i].domain), KV("by", who->by),
                       KVN("uid", who->uid));
            return true;
        }
    }
    return false;
}
