/* SPDX-License-Identifier: Apache-2.0
 * host.c: addresses first, then TLSA, RFC 7672 2.2.2 and 2.2.3. Called by mx.c and the lookup
 * process.
 *
 * TLSA is asked only where the addresses (or the alias itself) are secure: broken name servers of
 * unsigned zones are never asked for it. IPv4 and IPv6 are judged apart: one family failing takes
 * away only that family. What can go wrong is an outcome, not an error.
 */
#include "dns/host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum family { V6, V4, FAMILIES };

struct host_question {
    struct dns_resolver *resolver;
    struct dns_host *host;
    uint16_t port;
    host_fn fn;
    void *arg;
    unsigned open;
    struct {
        enum dns_outcome outcome;
        bool has_data;
        char addresses[FAMILY_ADDRESSES_MAX][46];
        size_t n;
    } family[FAMILIES];
    char canon[256];
    bool tried_canon;
};

/* One address question: which family it was. */
struct address_question {
    struct host_question *q;
    enum family family;
};

static void host_finish(struct host_question *q)
{
    q->fn(q->arg, q->host);
    free(q);
}

/* RFC 7672 2.1.2 MUST: a failed lookup of TLSA makes the host unreachable */
static void tlsa_failed(struct host_question *q, const char *why)
{
    q->host->tlsa = HOST_TLSA_ERROR;
    snprintf(q->host->detail, sizeof q->host->detail, "TLSA of %s: %s", q->host->base,
             why ? why : "");
    host_finish(q);
}

static void ask_tlsa(struct host_question *q, const char *base);

/* Keeps the records; false when they are more than anyone needs. */
static bool keep_records(struct dns_host *h, const struct dns_answer *a)
{
    struct buf all = BUF_INIT(HOST_TLSA_OCTETS_MAX);
    bool ok = !a->truncated;
    for (size_t i = 0; ok && i < a->n_records; i++) {
        const unsigned char length[2] = {
            (unsigned char)(a->records[i].n >> 8),
            (unsigned char)a->records[i].n,
        };
        ok = buf_append(&all, length, 2) == 0 && buf_add(&all, a->records[i]) == 0;
    }
    if (!ok) {
        buf_free(&all);
        return false;
    }
    h->records = str_dup(buf_str(&all));
    h->records_n = buf_len(&all);
    buf_free(&all);
    return true;
}

/* RFC 7672 2.2 SHOULD: no records, or insecure ones: opportunistic TLS
 * RFC 7672 2.2.3 MUST: nothing at the end of a chain: its begin is asked */
static void on_tlsa(void *arg, const struct dns_answer *a)
{
    struct host_question *q = arg;
    struct dns_host *h = q->host;
    if (a->outcome == DNS_BOGUS || a->outcome == DNS_FAILED) {
        tlsa_failed(q, a->why);
        return;
    }
    bool found = a->outcome == DNS_SECURE && a->presence == DNS_DATA && a->n_records > 0;
    /* RFC 7672 2.2.3: nothing at the end of the chain: at its begin */
    if (!found && q->tried_canon) {
        q->tried_canon = false;
        ask_tlsa(q, h->name);
        return;
    }
    if (a->outcome == DNS_SECURE && a->ttl_s < h->ttl_s) {
        h->ttl_s = a->ttl_s;
    }
    if (!found) {
        h->tlsa = HOST_TLSA_NONE;
        host_finish(q);
    } else if (keep_records(h, a)) {
        h->tlsa = HOST_TLSA_FOUND;
        host_finish(q);
    } else {
        tlsa_failed(q, "far more records than any server needs");
    }
}

/* RFC 7672 2.2.3 MUST: the port of the connection stands in the name asked */
static void ask_tlsa(struct host_question *q, const char *base)
{
    char name[300];
    str_copy_cut(str_c(base), q->host->base, sizeof q->host->base);
    int n = snprintf(name, sizeof name, "_%u._tcp.%s", q->port, base);
    if (n < 0 || n > 253) { /* cannot exist */
        host_finish(q);
        return;
    }
    dns_ask(q->resolver, name, DNS_TYPE_TLSA, on_tlsa, q);
}

/* The chain ends in an insecure zone: is the alias itself secure?
 * RFC 7672 2.1.3 MUST: an error in a chain of aliases fails all of it
 * RFC 7672 2.2.2 MUST: any error on the way: delay */
static void on_cname(void *arg, const struct dns_answer *a)
{
    struct host_question *q = arg;
    if (a->outcome == DNS_BOGUS || a->outcome == DNS_FAILED) {
        tlsa_failed(q, a->why);
    } else if (a->outcome == DNS_SECURE && a->presence == DNS_DATA) {
        ask_tlsa(q, q->host->name);
    } else {
        host_finish(q);
    }
}

/* One address of each family in turn: many dead ones of one family do not stand before the other
 * (RFC 8305 section 4).
 * RFC 5321 5.2 MAY: both families of addresses are used */
static void interleave(struct host_question *q)
{
    struct dns_host *h = q->host;
    for (size_t i = 0; i < FAMILY_ADDRESSES_MAX; i++) {
        for (int f = 0; f < FAMILIES; f++) {
            if (i < q->family[f].n) {
                memcpy(h->addresses[h->n_addresses++], q->family[f].addresses[i],
                       sizeof h->addresses[0]);
            }
        }
    }
}

/* Both families answered.
 * RFC 7672 2.1.2 MUST: TLSA records of each secure host are looked up
 * RFC 7672 2.1.3 MUST: an insecure alias makes all behind it insecure
 * RFC 7672 2.2.2 SHOULD NOT: insecure addresses: TLSA is not asked
 * RFC 7672 2.2.2 MUST: secure chain: its end first */
static void host_judge(struct host_question *q)
{
    struct dns_host *h = q->host;
    interleave(q);
    bool secure = false, insecure = false, failed = false;
    for (int f = 0; f < FAMILIES; f++) {
        secure |= q->family[f].has_data && q->family[f].outcome == DNS_SECURE;
        insecure |= q->family[f].has_data && q->family[f].outcome == DNS_INSECURE;
        failed |= q->family[f].outcome == DNS_FAILED || q->family[f].outcome == DNS_BOGUS;
    }
    bool is_alias = q->canon[0] && !str_eq_nocase(str_c(q->canon), str_c(h->name));
    str_copy_cut(str_c(h->name), h->base, sizeof h->base);
    if (!secure && !insecure) {
        h->outcome = !failed ? DNS_INSECURE
                     : q->family[V4].outcome == DNS_BOGUS || q->family[V6].outcome == DNS_BOGUS
                         ? DNS_BOGUS
                         : DNS_FAILED;
        h->tlsa = failed ? HOST_TLSA_ERROR : HOST_TLSA_NONE;
        host_finish(q);
        return;
    }
    h->outcome = secure ? DNS_SECURE : DNS_INSECURE;
    if (q->port == 0) {
        host_finish(q);
    } else if (secure) {
        q->tried_canon = is_alias;
        ask_tlsa(q, is_alias ? q->canon : h->name);
    } else if (is_alias) {
        dns_ask(q->resolver, h->name, DNS_TYPE_CNAME, on_cname, q);
    } else {
        host_finish(q);
    }
}

static void on_address(void *arg, const struct dns_answer *a)
{
    struct address_question *aq = arg;
    struct host_question *q = aq->q;
    struct dns_host *h = q->host;
    enum family family = aq->family;
    free(aq);
    q->family[family].outcome = a->outcome;
    if (a->outcome == DNS_SECURE || a->outcome == DNS_INSECURE) {
        for (size_t i = 0; i < a->n_records && q->family[family].n < FAMILY_ADDRESSES_MAX; i++) {
            struct str r = a->records[i];
            if (r.n == (family == V6 ? 16u : 4u) &&
                inet_ntop(family == V6 ? AF_INET6 : AF_INET, r.p,
                          q->family[family].addresses[q->family[family].n], 46)) {
                q->family[family].n++;
                q->family[family].has_data = true;
            }
        }
        h->partial |= a->truncated || a->n_records > FAMILY_ADDRESSES_MAX;
        if (a->n_records > 0) {
            str_copy_cut(str_c(a->canon), q->canon, sizeof q->canon);
            h->ttl_s = a->ttl_s < h->ttl_s ? a->ttl_s : h->ttl_s;
        }
    } else {
        h->partial = true;
        snprintf(h->detail, sizeof h->detail, "%s address of %s: %s",
                 family == V6 ? "IPv6" : "IPv4", h->name, a->why ? a->why : "");
    }
    if (--q->open == 0) {
        host_judge(q);
    }
}

/* RFC 7672 2.2.2 MUST: addresses are looked up before TLSA */
void host_lookup(struct dns_resolver *r, struct dns_host *h, uint16_t port, host_fn fn, void *arg)
{
    struct host_question *q = err_calloc(1, sizeof *q);
    *q = (struct host_question){
        .resolver = r,
        .host = h,
        .port = port,
        .fn = fn,
        .arg = arg,
        .open = FAMILIES,
    };
    h->ttl_s = UINT32_MAX;
    for (int f = 0; f < FAMILIES; f++) {
        struct address_question *aq = err_calloc(1, sizeof *aq);
        *aq = (struct address_question){q, (enum family)f};
        dns_ask(r, h->name, f == V6 ? DNS_TYPE_AAAA : DNS_TYPE_A, on_address, aq);
    }
}

void host_copy(struct dns_host *to, const struct dns_host *from)
{
    *to = *from;
    to->records = from->records ? str_dup(str_from(from->records, from->records_n)) : NULL;
}

void host_clear(struct dns_host *h)
{
    free(h->records);
    *h = (struct dns_host){0};
}
