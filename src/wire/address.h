/* SPDX-License-Identifier: Apache-2.0
 * address.h: the mailbox and path grammar of RFC 5321 4.1.2, with RFC 6531 3.3 for UTF-8.
 *
 * One grammar and no early "ok": everything is checked to its last octet. Addresses are data and
 * stay as they were written. Three things are wider than the grammar, because such mail exists:
 * dots may stand anywhere in a local part ("a..b", ".a", "a."), a local part may be longer than
 * 64 octets (limits.h), and one dot behind the domain is read and left out, as a source route is
 * (RFC 5321 3.6.1). What a domain is compared as is wire/domain.h's business.
 */
#pragma once
#include "base/str.h"
#include "wire/limits.h"

/* Views into the parsed text. A null reverse-path has both empty. */
struct address {
    struct str whole;  /* local part, @, domain: without brackets and route */
    struct str local;  /* as written, quotes included (RFC 5321 2.4: kept octet for octet) */
    struct str domain; /* as written; "[192.0.2.1]" for a literal; empty for <postmaster> */
};

/* Parses "<...>" at the start of *rest and moves *rest behind it. `utf8`: SMTPUTF8 was asked for.
 * `null_ok`: "<>" may stand here. `postmaster_ok`: "<postmaster>" may (RFC 5321 4.1.1.3).
 * 0, -EINVAL, or -EMSGSIZE: longer than ADDRESS_MAX. */
int address_path(struct str *rest, bool utf8, bool null_ok, bool postmaster_ok,
                 struct address *ret) MUST_USE;
/* Parses a bare "local@domain" that fills the whole text. 0, -EINVAL, -EMSGSIZE. */
int address_mailbox(struct str text, bool utf8, struct address *ret) MUST_USE;
/* True for a dot-separated name of letters, digits and hyphens (RFC 5321 Domain), at most 255
 * octets, labels at most 63; with utf8 also U-labels. No final dot: that is taken off where a
 * path is read. */
bool address_domain_ok(struct str domain, bool utf8);
/* True for "[...]" holding an IPv4 or IPv6 address literal. */
bool address_literal_ok(struct str domain);
/* True for a local part that is the same with and without quotes. */
bool address_is_unquoted(struct str local);
/* True when any octet is above 127. */
bool address_has_utf8(struct str s);

/* A network in "192.0.2.0/24" or "2001:db8::/32" form. */
struct address_net {
    unsigned char bits[16];
    unsigned prefix;
    bool is_v6;
};
/* 0 or -EINVAL (also when host bits are set). */
int address_net_parse(struct str text, struct address_net *ret) MUST_USE;
/* ip: text form; an IPv4-mapped IPv6 address counts as IPv4. */
bool address_net_has(const struct address_net *net, struct str ip);
/* True when every address of `part` lies in `net`. */
bool address_net_covers(const struct address_net *net, const struct address_net *part);
/* True for loopback, link-local, private, multicast and unspecified addresses. */
bool address_is_private(struct str ip);
/* Text to octets: 4, 16, or 0 when it is no address. */
size_t address_ip_octets(struct str ip, unsigned char out[16]);
