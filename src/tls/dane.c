/* SPDX-License-Identifier: Apache-2.0
 * dane.c: usable or not, RFC 7672 3.1 (usages 2 and 3 only), RFC 6698 4.1, RFC 7671 9 (digest
 * agility). Called by smtpout and the fuzzer, before OpenSSL sees a record: it would accept
 * usage 1.
 *
 * What can go wrong: anything a zone can hold; such a record is unusable, which still means "TLS
 * without authentication", never "no DANE".
 */
#include "tls/dane.h"

#include <openssl/x509.h>
#include <stdio.h>

enum {
    USAGE_TA = 2,
    USAGE_EE = 3,
    SELECT_CERT = 0,
    SELECT_KEY = 1,
    MATCH_FULL = 0,
    MATCH_SHA256 = 1,
    MATCH_SHA512 = 2
};

/* Full data must be a certificate or a key that can be read to its last octet. */
static bool full_data_ok(const struct dane_record *r)
{
    const unsigned char *p = (const unsigned char *)r->data.p;
    bool ok = false;
    if (r->selector == SELECT_CERT) {
        X509 *cert = d2i_X509(NULL, &p, (long)r->data.n);
        ok = cert && X509_get0_pubkey(cert);
        X509_free(cert);
    } else {
        EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)r->data.n);
        ok = key;
        EVP_PKEY_free(key);
    }
    return ok && p == (const unsigned char *)r->data.p + r->data.n;
}

/* RFC 7672 3.1.3 MAY: usages 0 and 1 are unusable */
static bool is_usable(const struct dane_record *r)
{
    if ((r->usage != USAGE_TA && r->usage != USAGE_EE) ||
        (r->selector != SELECT_CERT && r->selector != SELECT_KEY)) {
        return false;
    }
    return r->matching == MATCH_SHA256   ? r->data.n == 32
           : r->matching == MATCH_SHA512 ? r->data.n == 64
           : r->matching == MATCH_FULL   ? r->data.n > 0 && full_data_ok(r)
                                         : false;
}

/* RFC 7671 9: per usage and selector, full data and the strongest digest count.
 * RFC 7672 5 MUST: digest agility (RFC 7671 9) */
static void keep_strongest(struct dane_set *s)
{
    bool has_512[4][2] = {{false}};
    for (size_t i = 0; i < s->n; i++) {
        const struct dane_record *r = &s->records[i];
        if (r->usable && r->matching == MATCH_SHA512) {
            has_512[r->usage][r->selector] = true;
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        struct dane_record *r = &s->records[i];
        if (r->usable && r->matching == MATCH_SHA256 && has_512[r->usage][r->selector]) {
            r->usable = false;
        }
        s->n_usable += r->usable;
        s->has_ta |= r->usable && r->usage == USAGE_TA;
    }
}

int dane_read(struct str octets, struct dane_set *ret)
{
    *ret = (struct dane_set){0};
    while (octets.n > 0) {
        size_t n = octets.n >= 2
                       ? (size_t)(unsigned char)octets.p[0] << 8 | (unsigned char)octets.p[1]
                       : 0;
        if (octets.n < 2 || n > octets.n - 2 || ret->n == DANE_RECORDS_MAX) {
            return -EBADMSG;
        }
        struct str rdata = str_slice(octets, 2, 2 + n);
        struct dane_record *r = &ret->records[ret->n++];
        octets = str_slice(octets, 2 + n, octets.n);
        if (n >= 3) {
            *r = (struct dane_record){(uint8_t)rdata.p[0], (uint8_t)rdata.p[1], (uint8_t)rdata.p[2],
                                      str_slice(rdata, 3, n), false};
            r->usable = is_usable(r);
        } else {
            r->usage = r->selector = r->matching = 255;
        }
    }
    keep_strongest(ret);
    return 0;
}

int dane_text(const struct dane_record *r, char *dst, size_t size)
{
    int n = snprintf(dst, size, "%u %u %u ", r->usage, r->selector, r->matching);
    for (size_t i = 0; i < r->data.n && n > 0 && (size_t)n + 3 < size; i++) {
        n += snprintf(dst + n, size - (size_t)n, "%02x", (unsigned char)r->data.p[i]);
    }
    return n;
}
