/* SPDX-License-Identifier: Apache-2.0
 * domain.h: the one form in which domain names are compared, looked up and kept: what DNS is
 * asked for. Lowercase A-labels (RFC 5890 2.3.2.1) by UTS 46, non-transitional, no final dot.
 * Called wherever a name or an address enters.
 *
 * Two spellings are the same domain exactly when DNS is asked the same question. A label in
 * ASCII is therefore only made lowercase, also one that IDNA would refuse ("my_host", "r3---sn",
 * an xn-- label that stands for nothing): DNS permits them, and no U-label can mean them. A
 * label with anything else goes through libidn2; what that refuses (a ZWJ out of place, symbols,
 * a wrong direction of writing) is no domain.
 */
#pragma once
#include "base/str.h"
#include "wire/limits.h"

enum {
    DOMAIN_NAME_MAX = 253, /* octets: RFC 1035 2.3.4 without the root's dot */
    DOMAIN_LABEL_MAX = 63,
    ADDRESS_KEY_SIZE = ADDRESS_ROOM,
    DOMAIN_SHOWN_SIZE = 1024, /* of a name in U-labels with its zero octet */
};

/* A name in that form, and nothing else: only the functions below write the fields
 * (tools/style). All zero: no domain, as in <> and <postmaster>. */
struct domain_name {
    unsigned char n;
    char canonical[DOMAIN_NAME_MAX + 2]; /* ends with a zero octet */
};

/* A name in any spelling, with or without one final dot, or an address literal ("[192.0.2.1]",
 * "[IPv6:...]", whose address is written as RFC 5952 has it). 0, or -EINVAL: it is no domain. */
int domain_parse(struct str text, struct domain_name *ret) MUST_USE;
/* What stands for a next hop that is no domain: "=inside", "=relay", "=HOST:PORT". The word
 * begins with "=" and has at most DOMAIN_NAME_MAX octets. */
struct domain_name domain_word(const char *word);
/* What one of our own processes or the store wrote: a name, a literal or a word. No domain where
 * it is none of these. */
struct domain_name domain_kept(struct str text);
/* What a stranger wrote (a HELO name, a name in a certificate): no domain where it is none. */
struct domain_name domain_from(struct str text);
/* The domain of an address. No domain without "@"; "=invalid", which nothing covers and DNS is
 * not asked for, where what follows is none. */
struct domain_name domain_of(struct str path);

static inline struct str domain_str(const struct domain_name *d)
{
    return (struct str){d->canonical, d->n};
}
static inline bool domain_is_none(struct domain_name d)
{
    return d.n == 0;
}
/* True for a name that DNS can be asked: not a literal, not a word, not empty. */
static inline bool domain_is_name(struct domain_name d)
{
    return d.n > 0 && d.canonical[0] != '=' && d.canonical[0] != '[';
}
bool domain_eq(struct domain_name a, struct domain_name b);
/* The name for people: its U-labels, where these lead back to it (RFC 5891 5.4); else as it is. */
void domain_show(struct domain_name d, char *dst, size_t size);

/* What a list names: one domain, or all below it. */
struct domain_pattern {
    struct domain_name name;
    bool below; /* was written ".example.org" */
};
/* A name, or "." and a name. 0 or -EINVAL. */
int domain_pattern_parse(struct str text, struct domain_pattern *ret) MUST_USE;
/* Octets by which the pattern covers the name, SIZE_MAX for the name itself; 0: it does not. */
size_t domain_covers(const struct domain_pattern *p, struct domain_name d);

/* An address in the form in which addresses are compared: the local part lowercase (ASCII letters)
 * and with no more quotes than it needs, the domain as above. Not for sending: whether the case of
 * a local part matters is up to its server (RFC 5321 2.4). */
struct address_key {
    char text[ADDRESS_KEY_SIZE];
};
/* Empty where the text is too long. A text without "@" (a login, <postmaster>) is made
 * lowercase. */
struct address_key address_key(struct str path);
bool address_same(struct str a, struct str b);
/* The same with the local part as it was written: what is stored and sent. 0, or -EINVAL (the
 * domain is none), -ENOSPC. */
int address_canonical(struct str path, char *dst, size_t size) MUST_USE;
