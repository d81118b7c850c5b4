/* SPDX-License-Identifier: Apache-2.0
 * resolver.c: libunbound on our loop. Called by the lookup process and by postern explain.
 *
 * libunbound hands out data even when it is bogus, and a server failure looks like "insecure"
 * when only one flag is read: both are sorted out here, once. What can go wrong: dead servers
 * (our own timer answers FAILED and the late answer is dropped).
 */
#include "dns/dns.h"
#include "sys/descriptors.h"
#include "sys/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <unbound.h>

enum { RECORDS_MAX = 64 };

struct dns_resolver {
    struct ub_ctx *ub;
    struct watch *watch;
    struct loop *loop;
    int64_t timeout_ms;
};

struct question {
    struct dns_resolver *resolver;
    struct timer *timer;
    dns_fn fn;
    void *arg;
    int id;
    bool answered; /* by our timer; libunbound's own answer is still to come */
};

static const char *const outcome_names[] = {"secure", "insecure", "bogus", "failed"};

const char *dns_outcome_name(enum dns_outcome o)
{
    return o < DNS_OUTCOME_END ? outcome_names[o] : "unknown";
}

static void resolver_on_ready(void *arg, int events)
{
    struct dns_resolver *r = arg;
    ub_process(r->ub);
}

static int resolver_set_options(struct ub_ctx *ub, const struct dns_config *c)
{
    /* order matters: options first, then trust anchor and forwarder, then the first query */
    int bad = ub_ctx_async(ub, 1);
    bad |=
        ub_ctx_set_option(ub,
                          "module-config:", *c->trust_anchor ? "validator iterator" : "iterator");
    bad |= ub_ctx_set_option(ub, "do-not-query-localhost:", "no");
    bad |= ub_ctx_set_option(ub, "qname-minimisation:", "yes");
    if (c->test_zones) {
        bad |= ub_ctx_set_option(ub, "local-zone:", "test. transparent");
    }
    if (*c->trust_anchor) {
        bad |= ub_ctx_add_ta_file(ub, c->trust_anchor);
    }
    if (*c->forward) {
        bad |= ub_ctx_set_fwd(ub, c->forward);
    }
    return bad;
}

int dns_resolver_new(struct loop *l, const struct dns_config *config, char *problem, size_t size,
                     struct dns_resolver **ret)
{
    struct ub_ctx *ub = ub_ctx_create();
    int bad = ub ? resolver_set_options(ub, config) : UB_NOMEM;
    if (bad) {
        snprintf(problem, size, "the resolver could not be set up: %s", ub_strerror(bad));
        ub_ctx_delete(ub);
        return -EINVAL;
    }
    /* finishes the set-up (reads the trust anchor) now, before the sandbox closes; answered
     * locally */
    struct ub_result *local = NULL;
    bad = ub_resolve(ub, "localhost.", DNS_TYPE_A, 1, &local);
    ub_resolve_free(local);
    if (bad) {
        snprintf(problem, size, "the resolver could not be started: %s (trust anchor %s)",
                 ub_strerror(bad), config->trust_anchor);
        ub_ctx_delete(ub);
        return -EINVAL;
    }
    struct dns_resolver *r = err_calloc(1, sizeof *r);
    r->ub = ub;
    r->loop = l;
    r->timeout_ms = config->timeout_ms;
    r->watch = watch_new(l, ub_fd(ub), resolver_on_ready, r);
    watch_set(r->watch, WATCH_READ);
    *ret = r;
    return 0;
}

void dns_resolver_free(struct dns_resolver *r)
{
    if (r) {
        watch_free(r->watch);
        ub_ctx_delete(r->ub);
        free(r);
    }
}

static void resolver_answer(struct question *q, const struct dns_answer *a)
{
    q->answered = true;
    timer_free(q->timer);
    q->timer = NULL;
    q->fn(q->arg, a);
}

static void on_timeout(void *arg)
{
    struct question *q = arg;
    if (ub_cancel(q->resolver->ub, q->id) == 0) {
        resolver_answer(q, &(struct dns_answer){
                               .outcome = DNS_FAILED,
                               .canon = "",
                               .why = "no answer in time",
                           });
        free(q);
    } else {
        resolver_answer(q, &(struct dns_answer){
                               .outcome = DNS_FAILED,
                               .canon = "",
                               .why = "no answer in time",
                           });
    }
}

/* RFC 7672 2.1.1 MUST: a resolver that validates is used
 * RFC 7672 2.1.1 MUST: all that is insecure is treated alike
 * RFC 7672 2.1.1 MUST: secure, insecure, bogus and errors are told apart */
static enum dns_outcome outcome_of(int err, const struct ub_result *u)
{
    if (err || !u) {
        return DNS_FAILED;
    }
    if (u->bogus) {
        return DNS_BOGUS;
    }
    if (u->rcode != 0 && u->rcode != 3) { /* SERVFAIL, NOTIMP, REFUSED: not "no record" */
        return DNS_FAILED;
    }
    return u->secure ? DNS_SECURE : DNS_INSECURE;
}

static void resolver_on_answer(void *arg, int err, struct ub_result *u)
{
    struct question *q = arg;
    struct str records[RECORDS_MAX];
    char canon[256] = "";
    struct dns_answer a = {.outcome = outcome_of(err, u), .records = records, .canon = canon};
    if (a.outcome == DNS_SECURE || a.outcome == DNS_INSECURE) {
        for (; u->havedata && a.n_records < RECORDS_MAX && u->data[a.n_records]; a.n_records++) {
            records[a.n_records] = str_from(u->data[a.n_records], (size_t)u->len[a.n_records]);
        }
        a.truncated = u->havedata && u->data[a.n_records];
        if (u->canonname && u->havedata) {
            struct str end = str_c(u->canonname);
            end.n -= end.n > 1 && end.p[end.n - 1] == '.';
            str_copy_cut(end, canon, sizeof canon);
        }
        a.presence = u->havedata ? DNS_DATA : u->nxdomain ? DNS_NXDOMAIN : DNS_NODATA;
        a.ttl_s = u->ttl > 0 ? (uint32_t)u->ttl : 0;
    } else {
        bool lacks = !descriptors_have_room(1);
        a.why = lacks               ? "no descriptor was left to ask a name server"
                : u && u->why_bogus ? u->why_bogus
                : err               ? ub_strerror(err)
                                    : "the name server failed";
        if (lacks) {
            descriptors_note_lack("resolver", "a lookup");
        }
    }
    if (!q->answered) {
        resolver_answer(q, &a);
    }
    ub_resolve_free(u);
    free(q);
}

static void answer_failed(void *arg)
{
    struct question *q = arg;
    resolver_answer(q, &(struct dns_answer){
                           .outcome = DNS_FAILED,
                           .canon = "",
                           .why = "the question could not be asked",
                       });
    free(q);
}

void dns_ask(struct dns_resolver *r, const char *name, enum dns_type type, dns_fn fn, void *arg)
{
    struct question *q = err_calloc(1, sizeof *q);
    q->resolver = r;
    q->fn = fn;
    q->arg = arg;
    int bad = ub_resolve_async(r->ub, name, (int)type, 1, q, resolver_on_answer, &q->id);
    q->timer = timer_new(r->loop, bad ? answer_failed : on_timeout, q);
    timer_start(q->timer, bad ? 0 : r->timeout_ms);
}

/* RFC 8461 3.1 MUST: several strings of a record are one text
 * RFC 8460 3 MUST: several strings of a record are one text */
int dns_txt_join(struct str rdata, char *dst, size_t size)
{
    size_t at = 0;
    while (rdata.n > 0) {
        size_t n = (unsigned char)rdata.p[0];
        if (n + 1 > rdata.n) {
            return -EBADMSG;
        }
        if (at + n + 1 > size) {
            return -ENOSPC;
        }
        memcpy(dst + at, rdata.p + 1, n);
        at += n;
        rdata = str_slice(rdata, n + 1, rdata.n);
    }
    dst[at] = '\0';
    return strlen(dst) == at ? 0 : -EBADMSG;
}

struct self_test {
    struct dns_resolver *resolver;
    struct dns_self_test result;
    dns_self_test_fn fn;
    void *arg;
};

static void on_absent(void *arg, const struct dns_answer *a)
{
    struct self_test *t = arg;
    struct dns_self_test *r = &t->result;
    r->proves_none = a->outcome == DNS_SECURE && a->presence == DNS_NXDOMAIN;
    if (!r->answers) {
        snprintf(r->text, sizeof r->text,
                 "the name service does not answer: no mail can be sent by MX");
    } else if (!r->validates) {
        snprintf(r->text, sizeof r->text,
                 "the root's records are not verified (no trust-anchor set, or the forwarder drops "
                 "DNSSEC records): DANE cannot be used, nothing is \"auth\" by DNSSEC");
    } else if (!r->proves_none) {
        snprintf(r->text, sizeof r->text,
                 "the absence of a name cannot be verified (%s): many domains will count as failed "
                 "lookups, and their mail waits",
                 dns_outcome_name(a->outcome));
    }
    t->fn(t->arg, r);
    free(t);
}

static void on_root(void *arg, const struct dns_answer *a)
{
    struct self_test *t = arg;
    t->result.answers = a->outcome != DNS_FAILED;
    t->result.validates = a->outcome == DNS_SECURE && a->presence == DNS_DATA;
    dns_ask(t->resolver, "postern-self-test-of-this-resolver.", DNS_TYPE_A, on_absent, t);
}

void dns_self_test(struct dns_resolver *r, dns_self_test_fn fn, void *arg)
{
    struct self_test *t = err_calloc(1, sizeof *t);
    *t = (struct self_test){.resolver = r, .fn = fn, .arg = arg};
    dns_ask(r, ".", DNS_TYPE_NS, on_root, t);
}
