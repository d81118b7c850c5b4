/* SPDX-License-Identifier: Apache-2.0
 * mx.c: from a domain to the hosts and addresses to try, RFC 5321 5.1, RFC 7505.
 *
 * Called by lookup and postern explain. IPv4 and IPv6 are judged apart: one family failing takes
 * away only that family. What can go wrong is an outcome, not an error.
 */
#include "dns/mx.h"
#include "base/random.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct lookup {
    struct dns_resolver *resolver;
    const char *const *own;
    mx_fn fn;
    void *arg;
    size_t open; /* address questions under way */
    char domain[256];
    struct mx_result result;
};

struct address_question {
    struct lookup *lookup;
    size_t host;
    bool is_v6;
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
            bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         c == '-' || c == '_';
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

static bool is_own(const char *name, const char *const *own)
{
    for (; own && *own; own++) {
        if (str_eq_nocase(str_c(name), str_c(*own))) {
            return true;
        }
    }
    return false;
}

/* A host with one of our addresses is ourselves under another name: it and all worse ones go. */
static void drop_own_addresses(struct mx_result *r, const char *const *own)
{
    for (size_t i = 0; i < r->n_hosts; i++) {
        for (size_t k = 0; k < r->hosts[i].n_addresses; k++) {
            if (is_own(r->hosts[i].addresses[k], own)) {
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

static void finish(struct lookup *l)
{
    struct mx_result *r = &l->result;
    drop_own_addresses(r, l->own);
    size_t usable = 0, failed = 0;
    for (size_t i = 0; i < r->n_hosts; i++) {
        usable += r->hosts[i].n_addresses > 0;
        failed += r->hosts[i].n_addresses == 0 &&
                  (r->hosts[i].outcome == DNS_FAILED || r->hosts[i].outcome == DNS_BOGUS);
    }
    if (r->outcome == MX_FOUND && usable == 0) {
        r->outcome = failed > 0 ? MX_FAILED : MX_NO_HOST;
    }
    l->fn(l->arg, r);
    free(l);
}

static void add_address(struct mx_host *h, struct str record, bool is_v6)
{
    if (record.n == (is_v6 ? 16u : 4u) && h->n_addresses < MX_ADDRESSES_MAX &&
        inet_ntop(is_v6 ? AF_INET6 : AF_INET, record.p, h->addresses[h->n_addresses], 46)) {
        h->n_addresses++;
    }
}

static void on_address(void *arg, const struct dns_answer *a)
{
    struct address_question *q = arg;
    struct lookup *l = q->lookup;
    struct mx_host *h = &l->result.hosts[q->host];
    if (a->outcome == DNS_SECURE || a->outcome == DNS_INSECURE) {
        for (size_t i = 0; i < a->n_records; i++) {
            add_address(h, a->records[i], q->is_v6);
        }
        if (h->outcome == DNS_OUTCOME_END || (a->n_records > 0 && a->outcome == DNS_INSECURE)) {
            h->outcome = a->outcome;
        }
        l->result.ttl_s = a->n_records > 0 && a->ttl_s < l->result.ttl_s ? a->ttl_s : l->result.ttl_s;
    } else {
        if (h->n_addresses == 0) {
            h->outcome = a->outcome;
        }
        snprintf(l->result.detail, sizeof l->result.detail, "address of %s: %s", h->name,
                 a->why ? a->why : "");
    }
    free(q);
    if (--l->open == 0) {
        finish(l);
    }
}

static void ask_address(struct lookup *l, size_t host, bool is_v6)
{
    struct address_question *q = err_calloc(1, sizeof *q);
    *q = (struct address_question){l, host, is_v6};
    l->open++;
    dns_ask(l->resolver, l->result.hosts[host].name, is_v6 ? DNS_TYPE_AAAA : DNS_TYPE_A, on_address, q);
}

static void ask_addresses(struct lookup *l)
{
    for (size_t i = 0; i < l->result.n_hosts; i++) {
        l->result.hosts[i].outcome = DNS_OUTCOME_END;
    }
    l->open = 1; /* ours, so that answers cannot finish before all was asked */
    for (size_t i = 0; i < l->result.n_hosts; i++) {
        ask_address(l, i, true);
        ask_address(l, i, false);
    }
    if (--l->open == 0) {
        finish(l);
    }
}

static int by_preference(const void *a, const void *b)
{
    const struct mx_host *x = a, *y = b;
    return (int)x->preference - (int)y->preference;
}

void mx_order(struct mx_result *r, const char *const *own)
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
        if (is_own(r->hosts[i].name, own) && r->hosts[i].preference < limit) {
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

/* Reads the records. The names "." are counted: alone it is a null MX, beside others unusable. */
static void read_records(struct lookup *l, const struct dns_answer *a)
{
    struct mx_result *r = &l->result;
    size_t dots = 0;
    for (size_t i = 0; i < a->n_records && r->n_hosts < MX_HOSTS_MAX; i++) {
        struct mx_host *h = &r->hosts[r->n_hosts];
        if (mx_parse(a->records[i], &h->preference, h->name, sizeof h->name) < 0) {
            continue;
        }
        if (h->name[0] == '\0') {
            dots++;
        } else {
            r->n_hosts++;
        }
    }
    if (r->n_hosts == 0) {
        r->outcome = dots == 1 && a->n_records == 1 ? MX_NULL_MX : MX_NO_HOST;
    }
}

static void on_mx(void *arg, const struct dns_answer *a)
{
    struct lookup *l = arg;
    struct mx_result *r = &l->result;
    r->mx_outcome = a->outcome;
    if (a->outcome == DNS_BOGUS || a->outcome == DNS_FAILED) {
        r->outcome = MX_FAILED;
        snprintf(r->detail, sizeof r->detail, "MX: %s", a->why ? a->why : "");
        finish(l);
        return;
    }
    r->ttl_s = a->ttl_s;
    if (a->presence == DNS_NXDOMAIN) {
        r->outcome = MX_NO_DOMAIN;
    } else if (a->presence == DNS_NODATA) { /* RFC 5321 5.1: the domain itself, preference 0 */
        str_copy_cut(str_c(l->domain), r->hosts[0].name, sizeof r->hosts[0].name);
        r->n_hosts = 1;
        r->ttl_s = 300;
    } else {
        read_records(l, a);
    }
    if (r->outcome == MX_FOUND) {
        mx_order(r, l->own);
    }
    if (r->outcome == MX_FOUND) {
        ask_addresses(l);
    } else {
        finish(l);
    }
}

void mx_lookup(struct dns_resolver *r, const char *domain, const char *const *own, mx_fn fn, void *arg)
{
    struct lookup *l = err_calloc(1, sizeof *l);
    *l = (struct lookup){.resolver = r, .own = own, .fn = fn, .arg = arg};
    str_copy_cut(str_c(domain), l->domain, sizeof l->domain);
    dns_ask(r, domain, DNS_TYPE_MX, on_mx, l);
}

void mx_lookup_host(struct dns_resolver *r, const char *host, mx_fn fn, void *arg)
{
    struct lookup *l = err_calloc(1, sizeof *l);
    *l = (struct lookup){.resolver = r, .fn = fn, .arg = arg};
    l->result.mx_outcome = DNS_SECURE; /* a configured next hop counts as secure (RFC 7672 2.2) */
    l->result.ttl_s = 300;
    l->result.n_hosts = 1;
    str_copy_cut(str_c(host), l->result.hosts[0].name, sizeof l->result.hosts[0].name);
    ask_addresses(l);
}
