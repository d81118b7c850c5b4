/* SPDX-License-Identifier: Apache-2.0
 * mx.c: from a domain to the hosts to try, in order, RFC 5321 5.1, RFC 7505.
 *
 * Called by lookup and postern explain. What can go wrong is an outcome, not an error.
 */
#include "dns/mx.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

struct lookup {
    struct dns_resolver *resolver;
    const struct mx_own *own;
    mx_fn fn;
    void *arg;
    size_t open; /* hosts being looked up */
    uint16_t port;
    char domain[256];
    struct mx_result result;
};

int mx_parse(struct str rdata, uint16_t *ret_preference, char *name, size_t size)
{
    if (rdata.n < 3) {
        return -EBADMSG;
    }
    *ret_preference = (uint16_t)((unsigned char)rdata.p[0] << 8 | (unsigned char)rdata.p[1]);
    struct str rest = str_slice(rdata, 2, rdata.n);
    size_t at = 0;
    while (rest.n > 0 && rest.p[0] != 0) {
        size_t label = (unsigned char)rest.p[0];
        if (label > 63 || label + 1 > rest.n || at + label + 2 > size) {
            return -EBADMSG;
        }
        if (at > 0) {
            name[at++] = '.';
        }
        for (size_t i = 1; i <= label; i++) {
            char c = rest.p[i];
            bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
            if (!plain) {
                return -EBADMSG;
            }
            name[at++] = str_lower(c);
        }
        rest = str_slice(rest, label + 1, rest.n);
    }
    if (rest.n != 1) {
        return -EBADMSG;
    }
    name[at] = '\0';
    return 0;
}

static bool mx_is_own(const char *host, const struct mx_own *own)
{
    return own && own->has(own->arg, host);
}

/* A host with one of our addresses is ourselves under another name: it and all worse ones go. */
static void drop_own_addresses(struct mx_result *r, const struct mx_own *own)
{
    for (size_t i = 0; i < r->n_hosts; i++) {
        for (size_t k = 0; k < r->hosts[i].host.n_addresses; k++) {
            if (mx_is_own(r->hosts[i].host.addresses[k], own)) {
                size_t keep = i;
                while (keep > 0 && r->hosts[keep - 1].preference == r->hosts[i].preference) {
                    keep--;
                }
                r->n_hosts = keep;
                r->outcome = keep == 0 ? MX_LOOP : r->outcome;
                return;
            }
        }
    }
}

/* RFC 5321 5.1 MUST: no usable host is an error */
static void mx_finish(struct lookup *l)
{
    struct mx_result *r = &l->result;
    drop_own_addresses(r, l->own);
    size_t usable = 0, failed = 0;
    for (size_t i = 0; i < r->n_hosts; i++) {
        usable += r->hosts[i].host.n_addresses > 0;
        failed += r->hosts[i].host.n_addresses == 0 &&
                  (r->hosts[i].host.outcome == DNS_FAILED || r->hosts[i].host.outcome == DNS_BOGUS);
    }
    if (r->outcome == MX_FOUND && usable == 0) {
        r->outcome = failed > 0 ? MX_FAILED : MX_NO_HOST;
    }
    l->fn(l->arg, r);
    for (size_t i = 0; i < MX_HOSTS_MAX; i++) {
        host_clear(&r->hosts[i].host);
    }
    free(l);
}

static void on_host(void *arg, struct dns_host *h)
{
    struct lookup *l = arg;
    struct mx_result *r = &l->result;
    r->ttl_s = h->ttl_s < r->ttl_s ? h->ttl_s : r->ttl_s;
    if (h->detail[0]) {
        snprintf(r->detail, sizeof r->detail, "%s", h->detail);
    }
    if (--l->open == 0) {
        mx_finish(l);
    }
}

/* RFC 7672 2.2.1 MAY: DANE also behind an insecure MX
 * RFC 7672 2.2.1 MUST: secure MX: each of its hosts by these rules */
static void ask_hosts(struct lookup *l)
{
    l->open = l->result.n_hosts;
    for (size_t i = 0; i < l->result.n_hosts; i++) {
        host_lookup(l->resolver, &l->result.hosts[i].host, l->port, on_host, l);
    }
}

static int by_preference(const void *a, const void *b)
{
    const struct mx_host *x = a, *y = b;
    return (int)x->preference - (int)y->preference;
}

/* RFC 5321 5.1 MUST: hosts are sorted by preference
 * RFC 5321 5.1 MUST: equal ones are shuffled
 * RFC 5321 5.1 MUST: this host's names and addresses and all worse ones are dropped
 * RFC 5321 5.1 MUST: nothing left is a loop, and comes back
 * RFC 7672 2.2.1 MUST: servers are sorted by preference
 * RFC 7672 2.2.1 MUST NOT: TLSA records do not bring a server forward */
void mx_order(struct mx_result *r, const struct mx_own *own)
{
    for (size_t i = r->n_hosts; i > 1; i--) { /* shuffle, then sort: qsort may keep any order */
        size_t k = random_below((uint32_t)i);
        struct mx_host swap = r->hosts[i - 1];
        r->hosts[i - 1] = r->hosts[k];
        r->hosts[k] = swap;
    }
    qsort(r->hosts, r->n_hosts, sizeof r->hosts[0], by_preference);
    uint32_t limit = UINT32_MAX;
    for (size_t i = 0; i < r->n_hosts; i++) {
        if (mx_is_own(r->hosts[i].host.name, own) && r->hosts[i].preference < limit) {
            limit = r->hosts[i].preference;
        }
    }
    size_t keep = 0;
    while (keep < r->n_hosts && r->hosts[keep].preference < limit) {
        keep++;
    }
    if (keep == 0 && r->n_hosts > 0) {
        r->outcome = MX_LOOP;
    }
    r->n_hosts = keep;
}

struct record {
    uint16_t preference;
    struct str rdata;
};

static int by_record_preference(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    return (int)x->preference - (int)y->preference;
}

/* The records, best first: what does not fit is cut from the worst end. */
static size_t sort_records(const struct dns_answer *a, struct record *records)
{
    size_t n = 0;
    char name[256];
    for (size_t i = 0; i < a->n_records; i++) {
        records[n].rdata = a->records[i];
        n += mx_parse(a->records[i], &records[n].preference, name, sizeof name) == 0;
    }
    /* equals in any order, or the cut would always take the same */
    for (size_t i = n; i > 1; i--) {
        size_t k = random_below((uint32_t)i);
        struct record swap = records[i - 1];
        records[i - 1] = records[k];
        records[k] = swap;
    }
    qsort(records, n, sizeof records[0], by_record_preference);
    return n;
}

/* Reads the records. The names "." are counted: alone it is a null MX, beside others unusable.
 * RFC 5321 5.1 MUST NOT: with MX the domain's own addresses are not used */
static void read_records(struct lookup *l, const struct dns_answer *a)
{
    struct mx_result *r = &l->result;
    struct record *records = err_calloc(a->n_records + 1, sizeof *records);
    size_t n = sort_records(a, records), dots = 0;
    r->cut = a->truncated;
    for (size_t i = 0; i < n; i++) {
        if (r->n_hosts == MX_HOSTS_MAX) {
            r->cut = true;
            break;
        }
        struct mx_host *h = &r->hosts[r->n_hosts];
        must(mx_parse(records[i].rdata, &h->preference, h->host.name, sizeof h->host.name) == 0);
        if (h->host.name[0] == '\0') {
            dots++;
        } else {
            r->n_hosts++;
        }
    }
    free(records);
    if (r->n_hosts == 0) {
        r->outcome = dots == 1 && a->n_records == 1 ? MX_NULL_MX : MX_NO_HOST;
    }
}

/* RFC 5321 5.1 MUST: a domain that does not exist is an error
 * RFC 5321 5.1 MUST: an alias is followed
 * RFC 5321 5.1 MUST: a lookup that fails for now keeps the mail
 * RFC 5321 5.1 MUST: without MX the domain itself, preference 0 */
static void mx_on_mx(void *arg, const struct dns_answer *a)
{
    struct lookup *l = arg;
    struct mx_result *r = &l->result;
    r->mx_outcome = a->outcome;
    if (a->outcome == DNS_BOGUS || a->outcome == DNS_FAILED) {
        r->outcome = MX_FAILED;
        snprintf(r->detail, sizeof r->detail, "MX: %s", a->why ? a->why : "");
        mx_finish(l);
        return;
    }
    r->ttl_s = a->ttl_s;
    if (a->outcome == DNS_SECURE && *a->canon &&
        !str_eq_nocase(str_c(a->canon), str_c(l->domain))) {
        str_copy_cut(str_c(a->canon), r->canon, sizeof r->canon);
    }
    if (a->presence == DNS_NXDOMAIN) {
        r->outcome = MX_NO_DOMAIN;
    } else if (a->presence == DNS_NODATA) { /* RFC 5321 5.1: the domain itself, preference 0 */
        str_copy_cut(str_c(l->domain), r->hosts[0].host.name, sizeof r->hosts[0].host.name);
        r->n_hosts = 1;
        r->ttl_s = 300;
    } else {
        read_records(l, a);
    }
    if (r->outcome == MX_FOUND) {
        mx_order(r, l->own);
    }
    if (r->outcome == MX_FOUND) {
        ask_hosts(l);
    } else {
        mx_finish(l);
    }
}

static struct lookup *lookup_new(struct dns_resolver *r, uint16_t port, mx_fn fn, void *arg)
{
    struct lookup *l = err_calloc(1, sizeof *l);
    *l = (struct lookup){.resolver = r, .port = port, .fn = fn, .arg = arg};
    return l;
}

/* RFC 5321 5.1 MUST: the domain is looked up in DNS
 * RFC 5321 5.1 MUST NOT: no domain is completed from a partial name */
void mx_lookup(struct dns_resolver *r, const char *domain, uint16_t port, const struct mx_own *own,
               mx_fn fn, void *arg)
{
    struct lookup *l = lookup_new(r, port, fn, arg);
    l->own = own;
    str_copy_cut(str_c(domain), l->domain, sizeof l->domain);
    dns_ask(r, domain, DNS_TYPE_MX, mx_on_mx, l);
}

void mx_lookup_host(struct dns_resolver *r, const char *host, uint16_t port, mx_fn fn, void *arg)
{
    struct lookup *l = lookup_new(r, port, fn, arg);
    l->result.mx_outcome = DNS_SECURE;
    l->result.ttl_s = 300;
    l->result.n_hosts = 1;
    str_copy_cut(str_c(host), l->result.hosts[0].host.name, sizeof l->result.hosts[0].host.name);
    ask_hosts(l);
}

struct mx_result *mx_keep(const struct mx_result *r)
{
    struct mx_result *copy =
        err_calloc(1, offsetof(struct mx_result, hosts) + r->n_hosts * sizeof r->hosts[0] + 1);
    memcpy(copy, r, offsetof(struct mx_result, hosts));
    for (size_t i = 0; i < r->n_hosts; i++) {
        copy->hosts[i].preference = r->hosts[i].preference;
        host_copy(&copy->hosts[i].host, &r->hosts[i].host);
    }
    return copy;
}

void mx_free(struct mx_result *r)
{
    for (size_t i = 0; r && i < r->n_hosts; i++) {
        host_clear(&r->hosts[i].host);
    }
    free(r);
}
