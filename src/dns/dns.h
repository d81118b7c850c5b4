/* SPDX-License-Identifier: Apache-2.0
 * dns.h: names looked up with DNSSEC. The only folder that includes libunbound.
 *
 * Four outcomes and nothing between: a forged answer (bogus) and a failed lookup are never taken
 * for "no record" (RFC 7672 2.1.1). Data of a bogus answer is not handed out at all.
 */
#pragma once
#include "base/str.h"

struct loop;
struct dns_resolver;

enum dns_outcome { DNS_SECURE, DNS_INSECURE, DNS_BOGUS, DNS_FAILED, DNS_OUTCOME_END };
enum dns_presence { DNS_DATA, DNS_NODATA, DNS_NXDOMAIN };
enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_MX = 15,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_TLSA = 52,
};

struct dns_answer {
    enum dns_outcome outcome;
    enum dns_presence presence; /* meaningful for SECURE and INSECURE only */
    const struct str *records;  /* wire format RDATA; valid until the callback returns */
    size_t n_records;
    bool truncated; /* there were more records than we look at */
    /* end of the alias chain, without a dot at its end; "" without alias */
    const char *canon;
    uint32_t ttl_s;
    const char *why; /* for BOGUS and FAILED, plain words */
};

struct dns_config {
    const char *forward;      /* "192.0.2.53@53", or "" for full recursion */
    const char *trust_anchor; /* file, or "" for none: then nothing is secure */
    int64_t timeout_ms;       /* our own: a dead server does not hold mail for long */
    bool test_zones;          /* names under test. are looked up */
};

typedef void (*dns_fn)(void *arg, const struct dns_answer *a);

/* 0, or -EINVAL with a sentence in problem. */
int dns_resolver_new(struct loop *l, const struct dns_config *config, char *problem, size_t size,
                     struct dns_resolver **ret) MUST_USE;
void dns_resolver_free(struct dns_resolver *r);
/* fn runs exactly once, never before this returns. name: A-labels. */
void dns_ask(struct dns_resolver *r, const char *name, enum dns_type type, dns_fn fn, void *arg);
const char *dns_outcome_name(enum dns_outcome o);
/* The strings of a TXT record joined without a separator (RFC 8461 3.1). 0, -EBADMSG, -ENOSPC. */
int dns_txt_join(struct str rdata, char *dst, size_t size) MUST_USE;

/* What the resolver can be trusted with; asked once at the start. */
struct dns_self_test {
    bool validates;   /* the root's own records are secure */
    bool proves_none; /* so is the absence of a name: needed for DANE */
    bool answers;     /* at all */
    char text[200];   /* plain words when something is wrong, else "" */
};
typedef void (*dns_self_test_fn)(void *arg, const struct dns_self_test *t);
/* Asks for the root's name servers and for a name that cannot exist. */
void dns_self_test(struct dns_resolver *r, dns_self_test_fn fn, void *arg);
