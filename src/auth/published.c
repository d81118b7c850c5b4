/* SPDX-License-Identifier: Apache-2.0
 * published.c: SPF records and DKIM keys, read (published.h). Called by postern doctor.
 * What can go wrong: a record that a stranger wrote badly; it is one that does not permit, or not a
 * key.
 */
#include "auth/published.h"
#include "wire/address.h"
#include "wire/base64.h"

/* --- SPF ---------------------------------------------------------------- */

enum { KEY_MAX = 4096 };

/* A network of addresses of n octets has the address; "192.0.2.9/24" is a network here, unlike
 * elsewhere (RFC 7208 5.6). */
static bool network_has(struct str network, size_t n, struct str ip, bool *ret_broken)
{
    unsigned char at[16], other[16];
    size_t slash = str_find(network, '/', 0);
    uint64_t bits = n * 8;
    struct str length = str_slice(network, slash < network.n ? slash + 1 : slash, network.n);
    *ret_broken = address_ip_octets(str_slice(network, 0, slash), at) != n ||
                  (slash < network.n && str_to_u64(length, n * 8, &bits) < 0);
    if (*ret_broken) {
        return false;
    }
    if (address_ip_octets(ip, other) != n) {
        return false;
    }
    for (size_t i = 0; i < bits; i++) {
        unsigned mask = 0x80u >> (i % 8);
        if ((at[i / 8] & mask) != (other[i / 8] & mask)) {
            return false;
        }
    }
    return true;
}

/* A term without its qualifier. */
enum term { TERM_NO_MATCH, TERM_MATCH, TERM_ELSEWHERE, TERM_BROKEN };

static enum term term_of(struct str term, struct str ip, bool is_of_name)
{
    size_t end = 0;
    bool broken = false;
    while (end < term.n && term.p[end] != ':' && term.p[end] != '/' && term.p[end] != '=') {
        end++;
    }
    struct str name = str_slice(term, 0, end);
    struct str value = str_slice(term, end < term.n ? end + 1 : end, term.n);
    bool has_name = end < term.n && term.p[end] == ':';
    if (end < term.n && term.p[end] == '=') { /* a modifier; others have no say (RFC 7208 6) */
        return str_eq_nocase(name, STR("redirect")) ? TERM_ELSEWHERE : TERM_NO_MATCH;
    }
    if (str_eq_nocase(name, STR("all"))) {
        return TERM_MATCH;
    }
    bool is_v4 = str_eq_nocase(name, STR("ip4"));
    if (is_v4 || str_eq_nocase(name, STR("ip6"))) {
        bool has = has_name && network_has(value, is_v4 ? 4 : 16, ip, &broken);
        return !has_name || broken ? TERM_BROKEN : has ? TERM_MATCH : TERM_NO_MATCH;
    }
    if (str_eq_nocase(name, STR("a"))) {
        return !has_name && is_of_name ? TERM_MATCH : TERM_ELSEWHERE;
    }
    bool elsewhere =
        str_eq_nocase(name, STR("mx")) || str_eq_nocase(name, STR("ptr")) ||
        (has_name && (str_eq_nocase(name, STR("include")) || str_eq_nocase(name, STR("exists"))));
    return elsewhere ? TERM_ELSEWHERE : TERM_BROKEN;
}

enum spf_says spf_reads(struct str record, struct str ip, bool is_of_name)
{
    struct str rest = record, term;
    bool leads_on = false;
    if (!str_split(&rest, ' ', &term) || !str_eq_nocase(term, STR("v=spf1"))) {
        return SPF_OTHER_RECORD;
    }
    while (rest.n > 0 && str_split(&rest, ' ', &term)) {
        bool qualified = term.n > 0 && memchr("+-~?", term.p[0], 4);
        bool permits = !qualified || term.p[0] == '+';
        if (term.n == 0) {
            continue;
        }
        switch (term_of(str_slice(term, qualified ? 1 : 0, term.n), ip, is_of_name)) {
        case TERM_NO_MATCH:
            break;
        case TERM_BROKEN:
            return SPF_BROKEN;
        case TERM_ELSEWHERE:
            leads_on = true;
            break;
        case TERM_MATCH:
            return leads_on ? SPF_LEADS_ON : permits ? SPF_PERMITS : SPF_FORBIDS;
        }
    }
    return leads_on ? SPF_LEADS_ON : SPF_FORBIDS;
}

/* --- DKIM --------------------------------------------------------------- */

/* The value of a tag (RFC 6376 3.2); p NULL: it is not there. */
static struct str published_tag_of(struct str record, char tag)
{
    struct str one;
    while (record.n > 0 && str_split(&record, ';', &one)) {
        size_t equals = str_find(one, '=', 0);
        struct str name = str_trim(str_slice(one, 0, equals));
        if (equals < one.n && name.n == 1 && name.p[0] == tag) {
            struct str value = str_trim(str_slice(one, equals + 1, one.n));
            return value.p ? value : STR("");
        }
    }
    return STR_NONE;
}

enum dkim_key_says dkim_key_reads(struct str record, enum tls_algorithm algorithm,
                                  struct str public_key)
{
    CLEANUP(buf_free) struct buf octets = BUF_INIT(KEY_MAX);
    struct str version = published_tag_of(record, 'v'), kind = published_tag_of(record, 'k'),
               key = published_tag_of(record, 'p');
    if (!key.p || (version.p && !str_eq(version, STR("DKIM1")))) {
        return DKIM_KEY_OTHER_RECORD;
    }
    if (key.n == 0) {
        return DKIM_KEY_REVOKED;
    }
    bool is_rsa = !kind.p || str_eq(kind, STR("rsa"));
    if (base64_read(key, &octets) < 0 || is_rsa != (algorithm == TLS_RSA_SHA256)) {
        return DKIM_KEY_ANOTHER;
    }
    /* RSA keys stand there as a SubjectPublicKeyInfo, or as the RSAPublicKey that ends it (RFC
     * 6376 3.6.1, erratum 3017) */
    struct str published = buf_str(&octets);
    bool ours = str_eq(published, public_key);
    if (is_rsa && published.n > 256 && published.n < public_key.n) {
        ours = str_eq(published, str_slice(public_key, public_key.n - published.n, public_key.n));
    }
    return ours ? DKIM_KEY_OURS : DKIM_KEY_ANOTHER;
}
