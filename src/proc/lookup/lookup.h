/* SPDX-License-Identifier: Apache-2.0
 * lookup.h: the inside of the lookup process: shared answers of the name service, MTA-STS policies,
 * the waiters for both.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "dns/mx.h"
#include "fetch/fetch.h"
#include "mtasts/cache.h"
#include "proc/child.h"
#include "ipc/lookup_kinds.h"
#include "proc/own_hosts.h"
#include "tlsrpt/record.h"

enum { CACHE_ENTRIES = 20000, WAITERS_MAX = 100000, POLICIES_MAX = 100000, FAILURE_LIFE_MS = 5000 };

struct lookup;
struct answer;
struct policy;

/* One question of another process: answered when all its parts are there. */
struct waiter {
    struct lookup *owner;
    struct ipc_channel *to; /* NULL: its asker is gone */
    uint64_t token;
    unsigned open; /* parts still to come */
    struct answer *answer;
    struct policy *policy; /* NULL: none wanted */
    bool for_verb;         /* sts_ask of the queue */
    struct link all, in_answer, in_policy;
};

/* The servers of one domain, or one host, shared by all who ask. */
struct answer {
    char key[300]; /* kind, port, name */
    struct lookup *owner;
    bool asking;
    unsigned used; /* waiters that will read it */
    int64_t until_ms;
    struct mx_result *result; /* NULL: none yet, or a report record */
    char rua[TLSRPT_RUA_MAX];
    enum mx_outcome report_outcome;
    struct link waiters, age;
};

/* The MTA-STS of one domain. */
struct policy {
    struct lookup *owner;
    struct sts_entry entry;
    bool busy;
    unsigned used;
    enum lookup_again again; /* of the look under way */
    int64_t until_ms;        /* monotonic: the TXT answer may be shared until then */
    uint32_t ttl_s;
    char id[STS_ID_MAX];
    bool alarmed;
    struct dns_host host; /* of the policy's web server, while fetching */
    struct link waiters, age;
};

struct lookup {
    struct child *child;
    struct dns_resolver *resolver;
    struct fetcher *fetcher;
    struct ipc_channel *queue;
    struct map *answers, *policies;
    struct link by_age, policies_by_age, waiters, unloaded;
    size_t n_waiters;
    bool loaded; /* the queue gave us all stored policies */
    struct timer *refresh;
    unsigned refreshing;
    struct own_hosts own_hosts;
    struct mx_own own;
    bool self_tested;
    char self_test[200];
    uint64_t asked, shared, fetched, fetch_failed;
};

/* main.c: one part of a waiter's answer has come. */
void waiter_part_done(struct waiter *w);

/* answers.c */
struct answer *answer_want(struct lookup *l, enum lookup_kind kind, uint16_t port,
                           const struct domain_name *name, struct waiter *w);
void answer_release(struct answer *a);
/* What was said is asked for again: who we are changed. */
void answers_forget(struct lookup *l);

/* policies.c */
/* The addresses of a web server, comma separated; those of our own network are refused (RFC 8461
 * 10.3). False when none is left. */
bool web_addresses(const struct lookup *l, const struct dns_host *h, char *list, size_t size);
extern const struct ipc_rule lookup_queue_rules[];
/* main.c: a report goes out, or a provider of logins is asked. */
void lookup_on_post(void *owner, struct ipc_channel *ch, const struct ipc_post *m);
struct policy *policy_want(struct lookup *l, struct domain_name domain, enum lookup_again again,
                           struct waiter *w);
void policy_release(struct policy *p);
void policies_start(struct lookup *l);
/* The queue said that all stored policies are there: who waited for that is served. */
void policies_loaded(struct lookup *l);
