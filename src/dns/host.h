/* SPDX-License-Identifier: Apache-2.0
 * host.h: what the name service says about one receiving host: its addresses, and the TLSA records
 * that go with them (RFC 7672 2.2). The order of questions and what each answer means is the table
 * "DANE per MX host" of docs/decision.md.
 */
#pragma once
#include "base/buf.h"
#include "dns/dns.h"

enum {
    FAMILY_ADDRESSES_MAX = 16,
    HOST_ADDRESSES_MAX = 2 * FAMILY_ADDRESSES_MAX,
    HOST_TLSA_OCTETS_MAX = 32 * 1024
};

enum host_tlsa {
    HOST_TLSA_NONE,  /* none, or nothing that is secure */
    HOST_TLSA_FOUND, /* a secure set, usable or not */
    HOST_TLSA_ERROR, /* the lookup failed: the host must not be used without DANE */
    HOST_TLSA_END,
};

struct dns_host {
    char name[256];           /* as asked, A-labels */
    enum dns_outcome outcome; /* of the addresses; FAILED or BOGUS: both families failed */
    char addresses[HOST_ADDRESSES_MAX][46];
    size_t n_addresses; /* the families in turn, IPv6 first (after RFC 8305 section 4) */
    /* there may be more: a family could not be looked up, or had too many */
    bool partial;
    uint32_t ttl_s; /* of all that was used */
    enum host_tlsa tlsa;
    char base[256]; /* TLSA base domain: SNI and first reference name */
    char *records;  /* FOUND: each RDATA behind its length in two octets; owned */
    size_t records_n;
    char detail[200]; /* plain words for what failed */
};

typedef void (*host_fn)(void *arg, struct dns_host *h);

/* Looks up h->name and fills the rest of *h (borrowed until fn ran). port: of the TLSA name. With
 * port 0 only the addresses. */
void host_lookup(struct dns_resolver *r, struct dns_host *h, uint16_t port, host_fn fn, void *arg);
/* Copies *from, its records included. */
void host_copy(struct dns_host *to, const struct dns_host *from);
void host_clear(struct dns_host *h);
