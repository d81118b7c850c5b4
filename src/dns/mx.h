/* SPDX-License-Identifier: Apache-2.0
 * mx.h: the receiving servers of a domain (RFC 5321 5.1, RFC 7505), or one configured host.
 */
#pragma once
#include "dns/host.h"

enum { MX_HOSTS_MAX = 50 };

enum mx_outcome {
    MX_FOUND,
    MX_NULL_MX,   /* RFC 7505: takes no mail */
    MX_NO_DOMAIN, /* NXDOMAIN: permanent */
    MX_NO_HOST,   /* records, but none usable */
    MX_LOOP,      /* we are the best server ourselves */
    MX_FAILED,    /* bogus or failed: wait */
    MX_OUTCOME_END,
};

struct mx_host {
    uint16_t preference;
    struct dns_host host;
};

struct mx_result {
    enum mx_outcome outcome;
    enum dns_outcome mx_outcome; /* SECURE: the list is vouched for */
    char canon[256];             /* where the domain's own alias chain securely ends, or "" */
    uint32_t ttl_s;
    char detail[256];
    bool cut; /* there were more servers than these; the best were kept */
    size_t n_hosts;
    struct mx_host hosts[MX_HOSTS_MAX]; /* in the order to be tried */
};

/* Whether a host name, or an address in text form, is ourselves; borrowed until the look-up's
 * end. */
struct mx_own {
    bool (*has)(void *arg, const char *host);
    void *arg;
};

/* r is valid until the callback returns. */
typedef void (*mx_fn)(void *arg, const struct mx_result *r);

/* Looks up the servers of a domain, with the TLSA records for the port. Names and addresses in own
 * are ourselves: they and all worse preferences are dropped (RFC 5321 5.1). own may be NULL. */
void mx_lookup(struct dns_resolver *r, const char *domain, uint16_t port, const struct mx_own *own,
               mx_fn fn, void *arg);
/* Only one configured host: counts as a secure MX (RFC 7672 2.2). */
void mx_lookup_host(struct dns_resolver *r, const char *host, uint16_t port, mx_fn fn, void *arg);
/* Sorts by preference, shuffles equals, drops ourselves and worse. Pure but for randomness. */
void mx_order(struct mx_result *r, const struct mx_own *own);
/* Reads one MX record's RDATA. 0 or -EBADMSG; "." gives an empty name. */
int mx_parse(struct str rdata, uint16_t *ret_preference, char *name, size_t size) MUST_USE;
/* A copy that is no larger than its hosts; free it with mx_free(). */
struct mx_result *mx_keep(const struct mx_result *r);
void mx_free(struct mx_result *r);
