/* SPDX-License-Identifier: Apache-2.0
 * address.c: paths and mailboxes, RFC 5321 4.1.2 and RFC 6531 3.3. Pure.
 *
 *   Path         = "<" [ A-d-l ":" ] Mailbox ">"
 *   A-d-l        = At-domain *( "," At-domain )
 *   Mailbox      = Local-part "@" ( Domain / address-literal )
 *   Local-part   = 1*( atext / "." ) / Quoted-string     ; wider than Dot-string: see address.h
 *   Domain       = sub-domain *("." sub-domain)
 */
#include "wire/address.h"

#include <arpa/inet.h>

static bool address_is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 5322 3.2.3 atext; above 127 by RFC 6531.
 * RFC 5321 2.4 SHOULD: commands outside ASCII are refused */
static bool is_atext(unsigned char c, bool utf8)
{
    return address_is_alnum(c) || (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c)) ||
           (utf8 && c >= 0x80);
}

/* Length of a valid UTF-8 sequence above ASCII at i, or 0. */
static size_t utf8_at(struct str s, size_t i)
{
    const unsigned char *p = (const unsigned char *)s.p + i;
    size_t left = s.n - i;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
               : p[0] >= 0xe0 && p[0] <= 0xef ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || n > left || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    for (size_t k = 1; k < n; k++) {
        if ((p[k] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

static bool utf8_ok(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t n = (unsigned char)s.p[i] < 0x80 ? 1 : utf8_at(s, i);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

bool address_has_utf8(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

/* Length of the unquoted local part at the front, 0 when there is none. Where its dots stand
 * does not matter: mailboxes such as "a..b" and "a." exist in millions, and only their own
 * server can say whether this one does. */
static size_t unquoted(struct str s, bool utf8)
{
    size_t i = 0;
    while (i < s.n && (s.p[i] == '.' || is_atext((unsigned char)s.p[i], utf8))) {
        i++;
    }
    return i;
}

bool address_is_unquoted(struct str local)
{
    return local.n > 0 && unquoted(local, true) == local.n;
}

/* Length of the Quoted-string at the front with its quotes, 0 when there is none.
 * RFC 5321 4.1.2 MUST NOT: no control characters in MAIL and RCPT */
static size_t quoted_string(struct str s, bool utf8)
{
    for (size_t i = 1; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"') {
            return i + 1;
        }
        if (c == '\\') {
            i++;
            c = i < s.n ? (unsigned char)s.p[i] : 0;
        }
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            return 0;
        }
    }
    return 0;
}

static bool label_ok(struct str label, bool utf8)
{
    if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.n; i++) {
        unsigned char c = (unsigned char)label.p[i];
        /* "_" is not in the grammar, but such names exist and resolve */
        if (!address_is_alnum(c) && c != '-' && c != '_' && !(utf8 && c >= 0x80)) {
            return false;
        }
    }
    return true;
}

bool address_domain_ok(struct str domain, bool utf8)
{
    if (domain.n == 0 || domain.n > ADDRESS_DOMAIN_MAX || !utf8_ok(domain)) {
        return false;
    }
    struct str rest = domain, label;
    while (str_split(&rest, '.', &label)) {
        if (!label_ok(label, utf8)) {
            return false;
        }
    }
    return true;
}

size_t address_ip_octets(struct str ip, unsigned char out[16])
{
    char text[64];
    if (str_copy(ip, text, sizeof text) < 0 || strlen(text) != ip.n) {
        return 0;
    }
    if (inet_pton(AF_INET, text, out) == 1) {
        return 4;
    }
    if (inet_pton(AF_INET6, text, out) != 1) {
        return 0;
    }
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(out, mapped, 12) == 0) {
        memmove(out, out + 12, 4);
        return 4;
    }
    return 16;
}

bool address_literal_ok(struct str domain)
{
    unsigned char octets[16];
    if (domain.n < 3 || domain.p[0] != '[' || domain.p[domain.n - 1] != ']') {
        return false;
    }
    struct str inside = str_slice(domain, 1, domain.n - 1);
    if (str_starts_nocase(inside, STR("IPv6:"))) {
        struct str v6 = str_slice(inside, 5, inside.n);
        return str_find(v6, ':', 0) < v6.n && address_ip_octets(v6, octets) > 0;
    }
    return str_find(inside, ':', 0) == inside.n && address_ip_octets(inside, octets) == 4;
}

/* Octets of Domain or address-literal at the front, 0 when there is none. *ret_behind: where the
 * text goes on, behind the final dot that some write. */
static size_t domain_part(struct str s, bool utf8, size_t *ret_behind)
{
    size_t n = 0;
    if (s.n > 0 && s.p[0] == '[') {
        n = str_find(s, ']', 0);
        n = n < s.n ? n + 1 : 0;
        *ret_behind = n;
        return n > 0 && address_literal_ok(str_slice(s, 0, n)) ? n : 0;
    }
    while (n < s.n && !strchr("<>,:@ \t\"()[]\\;", s.p[n])) {
        n++;
    }
    *ret_behind = n;
    n -= n > 1 && s.p[n - 1] == '.';
    return address_domain_ok(str_slice(s, 0, n), utf8) ? n : 0;
}

static int mailbox(struct str *rest, bool utf8, bool postmaster_ok, struct address *ret)
{
    struct str s = *rest;
    size_t local = s.n > 0 && s.p[0] == '"' ? quoted_string(s, utf8) : unquoted(s, utf8),
           behind = 0;
    if (local == 0 || !utf8_ok(str_slice(s, 0, local))) {
        return -EINVAL;
    }
    ret->local = str_slice(s, 0, local);
    if (local == s.n || s.p[local] != '@') {
        ret->domain = str_slice(s, local, local);
        ret->whole = ret->local;
        *rest = str_slice(s, local, s.n);
        return postmaster_ok && str_eq_nocase(ret->local, STR("postmaster")) ? 0 : -EINVAL;
    }
    size_t domain = domain_part(str_slice(s, local + 1, s.n), utf8, &behind);
    if (domain == 0) {
        return -EINVAL;
    }
    if (local + 1 + domain > ADDRESS_MAX) {
        return -EMSGSIZE;
    }
    ret->domain = str_slice(s, local + 1, local + 1 + domain);
    ret->whole = str_slice(s, 0, local + 1 + domain);
    *rest = str_slice(s, local + 1 + behind, s.n);
    return 0;
}

/* Reads "@a,@b:", of any length, and leaves *rest behind it. RFC 5321 3.6.1: must be accepted,
 * should be ignored.
 * RFC 5321 3.6.1 SHOULD: the route of an address is ignored
 * RFC 5321 4.1.1.3 MUST: source routes are recognised
 * RFC 5321 4.1.1.3 SHOULD: source routes are stripped
 * RFC 5321 C MUST: source routes are taken in RCPT and MAIL
 * RFC 5321 F.2 MUST NOT: no guessing at shortcuts in a route */
static int source_route(struct str *rest, bool utf8)
{
    while (rest->n > 0 && rest->p[0] == '@') {
        struct str s = str_slice(*rest, 1, rest->n);
        size_t n = 0;
        if (domain_part(s, utf8, &n) == 0 || n == s.n || (s.p[n] != ',' && s.p[n] != ':')) {
            return -EINVAL;
        }
        bool last = s.p[n] == ':';
        *rest = str_slice(s, n + 1, s.n);
        if (last) {
            return 0;
        }
        if (rest->n == 0 || rest->p[0] != '@') {
            return -EINVAL;
        }
    }
    return 0;
}

/* RFC 5321 3.3 SHOULD NOT: no source routes are sent
 * RFC 5321 3.6.1 SHOULD NOT: no explicit source routes are made
 * RFC 5321 6.1 MUST: a source route in the reverse-path is cut to its last hop */
int address_path(struct str *rest, bool utf8, bool null_ok, bool postmaster_ok, struct address *ret)
{
    struct str s = *rest;
    struct address a = {0};
    if (s.n < 2 || s.p[0] != '<') {
        return -EINVAL;
    }
    s = str_slice(s, 1, s.n);
    if (s.p[0] == '>') {
        if (!null_ok) {
            return -EINVAL;
        }
        a.whole = a.local = a.domain = str_slice(s, 0, 0);
    } else {
        int r = source_route(&s, utf8);
        r = r < 0 ? r : mailbox(&s, utf8, postmaster_ok, &a);
        r = r < 0 ? r : s.n == 0 || s.p[0] != '>' ? -EINVAL : 0;
        if (r < 0) {
            return r;
        }
    }
    *rest = str_slice(s, 1, s.n);
    *ret = a;
    return 0;
}

int address_mailbox(struct str text, bool utf8, struct address *ret)
{
    struct address a = {0};
    int r = mailbox(&text, utf8, false, &a);
    if (r < 0 || text.n > 0) {
        return r < 0 ? r : -EINVAL;
    }
    *ret = a;
    return 0;
}

static bool bits_equal(const unsigned char *a, const unsigned char *b, unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;
    if (memcmp(a, b, whole) != 0) {
        return false;
    }
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

int address_net_parse(struct str text, struct address_net *ret)
{
    struct address_net net = {0};
    size_t slash = str_find(text, '/', 0);
    size_t octets = address_ip_octets(str_slice(text, 0, slash), net.bits);
    uint64_t prefix = octets * 8;
    if (octets == 0 || (slash < text.n &&
                        str_to_u64(str_slice(text, slash + 1, text.n), octets * 8, &prefix) < 0)) {
        return -EINVAL;
    }
    net.prefix = (unsigned)prefix;
    net.is_v6 = octets == 16;
    for (unsigned bit = net.prefix; bit < octets * 8; bit++) {
        if (net.bits[bit / 8] & (0x80 >> (bit % 8))) {
            return -EINVAL;
        }
    }
    *ret = net;
    return 0;
}

bool address_net_has(const struct address_net *net, struct str ip)
{
    unsigned char octets[16];
    size_t n = address_ip_octets(ip, octets);
    return n == (net->is_v6 ? 16u : 4u) && bits_equal(net->bits, octets, net->prefix);
}

bool address_net_covers(const struct address_net *net, const struct address_net *part)
{
    return part->is_v6 == net->is_v6 && part->prefix >= net->prefix &&
           bits_equal(net->bits, part->bits, net->prefix);
}

bool address_is_private(struct str ip)
{
    static const char *const nets[] = {
        "0.0.0.0/8",      "127.0.0.0/8",    "10.0.0.0/8",    "172.16.0.0/12",
        "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "224.0.0.0/3",
        "::/127",         "fe80::/10",      "fc00::/7",      "ff00::/8",
    };
    for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
        struct address_net net;
        if (address_net_parse(str_c(nets[i]), &net) == 0 && address_net_has(&net, ip)) {
            return true;
        }
    }
    return false;
}
