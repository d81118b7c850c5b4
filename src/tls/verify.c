/* SPDX-License-Identifier: Apache-2.0
 * verify.c: what is wrong with a certificate, in words (RFC 5280 6, RFC 9525): OpenSSL's codes
 * become the causes of facts.h, each with what one needs to see it: dates, names, issuer, key.
 * Called by channel.c.
 *
 * OpenSSL goes on behind an error as long as the callback says so, and keeps the last code only;
 * a chain with several faults was explained by the least of them. Here all are noted, and the
 * gravest comes first.
 */
#include "base/buf.h"
#include "tls/tls.h"
#include "tls/tls_priv.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define SENTENCE(name, class, sentence, advice) sentence,
static const char *const sentences[] = {TLS_CAUSES(SENTENCE)};
#define ADVICE(name, class, sentence, advice) advice,
static const char *const advices[] = {TLS_CAUSES(ADVICE)};
#define CLASS(name, class, sentence, advice) TLS_CHECK_##class,
static const enum tls_check_reason classes[] = {TLS_CAUSES(CLASS)};

/* X509_STORE_CTX_get_error(3). Codes that are not here are TLS_CAUSE_OTHER, with OpenSSL's own
 * words. */
static const struct {
    int code;
    enum tls_cause cause;
} codes[] = {
    {X509_V_ERR_CERT_REVOKED, TLS_CAUSE_REVOKED},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, TLS_CAUSE_SIGNATURE},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, TLS_CAUSE_SIGNATURE},
    {X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, TLS_CAUSE_SIGNATURE},
    {X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, TLS_CAUSE_SIGNATURE},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_CAUSE_SELF_SIGNED},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_CAUSE_UNKNOWN_ROOT},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, TLS_CAUSE_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_CAUSE_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_CAUSE_UNKNOWN_CA},
    {X509_V_ERR_CERT_UNTRUSTED, TLS_CAUSE_UNKNOWN_CA},
    {X509_V_ERR_CERT_REJECTED, TLS_CAUSE_UNKNOWN_CA},
    {X509_V_ERR_INVALID_CA, TLS_CAUSE_INVALID_CA},
    {X509_V_ERR_INVALID_NON_CA, TLS_CAUSE_INVALID_CA},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, TLS_CAUSE_INVALID_CA},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, TLS_CAUSE_PATH_LENGTH},
    {X509_V_ERR_PERMITTED_VIOLATION, TLS_CAUSE_CONSTRAINTS},
    {X509_V_ERR_EXCLUDED_VIOLATION, TLS_CAUSE_CONSTRAINTS},
    {X509_V_ERR_SUBTREE_MINMAX, TLS_CAUSE_CONSTRAINTS},
    {X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, TLS_CAUSE_CONSTRAINTS},
    {X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, TLS_CAUSE_CONSTRAINTS},
    {X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, TLS_CAUSE_CONSTRAINTS},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, TLS_CAUSE_LONG_CHAIN},
    {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, TLS_CAUSE_EXTENSION},
    {X509_V_ERR_INVALID_EXTENSION, TLS_CAUSE_UNREADABLE},
    {X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, TLS_CAUSE_UNREADABLE},
    {X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, TLS_CAUSE_UNREADABLE},
    {X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, TLS_CAUSE_UNREADABLE},
    {X509_V_ERR_CA_MD_TOO_WEAK, TLS_CAUSE_WEAK_SIGNATURE},
    {X509_V_ERR_EE_KEY_TOO_SMALL, TLS_CAUSE_SMALL_KEY},
    {X509_V_ERR_CA_KEY_TOO_SMALL, TLS_CAUSE_SMALL_KEY},
    {X509_V_ERR_INVALID_PURPOSE, TLS_CAUSE_PURPOSE},
    {X509_V_ERR_CERT_HAS_EXPIRED, TLS_CAUSE_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, TLS_CAUSE_NOT_YET_VALID},
    {X509_V_ERR_HOSTNAME_MISMATCH, TLS_CAUSE_NAME},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, TLS_CAUSE_NAME},
    {X509_V_ERR_DANE_NO_MATCH, TLS_CAUSE_DANE},
};

static enum tls_cause cause_of(long code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].code == code) {
            return codes[i].cause;
        }
    }
    return TLS_CAUSE_OTHER;
}

void tls_find(struct tls_findings *f, enum tls_cause cause, int depth)
{
    if (!(f->set >> cause & 1u)) {
        f->set |= 1u << cause;
        f->depth[cause] = (int8_t)(depth < INT8_MAX ? depth : INT8_MAX);
    }
}

static int verify_note(struct tls_findings *f, int ok, X509_STORE_CTX *store)
{
    long code = X509_STORE_CTX_get_error(store);
    if (f && !ok) {
        enum tls_cause cause = cause_of(code);
        int depth = X509_STORE_CTX_get_error_depth(store);
        if (cause == TLS_CAUSE_PURPOSE && f->set >> TLS_CAUSE_INVALID_CA & 1u &&
            f->depth[TLS_CAUSE_INVALID_CA] == depth) {
            return 1; /* what is no authority is not fit to be one: said once */
        }
        tls_find(f, cause, depth);
        f->other = cause == TLS_CAUSE_OTHER ? code : f->other;
    }
    return 1;
}

int tls_note_error(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    return verify_note(ssl ? SSL_get_app_data(ssl) : NULL, ok, store);
}

/* RFC 5280 4.2.1.3, 4.2.1.12. Public authorities issue for servers only now; the certificate is
 * still the host's identity. */
void tls_find_misuse(struct tls_findings *f, STACK_OF(X509) * chain, bool has_root)
{
    int n = chain ? sk_X509_num(chain) - (has_root ? 1 : 0) : 0;
    for (int i = 0; i < n || (i == 0 && chain && sk_X509_num(chain) > 0); i++) {
        X509 *cert = sk_X509_value(chain, i);
        /* all, when absent */
        bool used = (X509_get_extended_key_usage(cert) &
                     (XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_SGC | XKU_ANYEKU)) != 0;
        bool signs = i > 0 || (X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) != 0;
        if (!used || !signs) {
            tls_find(f, TLS_CAUSE_PURPOSE, i);
        }
    }
}

bool tls_fits_service(struct str der)
{
    enum { SECURITY_BITS = 112 };
    const unsigned char *at = (const unsigned char *)der.p;
    X509 *cert = d2i_X509(NULL, &at, (long)der.n);
    EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;
    /* all, when absent */
    bool used =
        cert && (X509_get_extended_key_usage(cert) & (XKU_SSL_SERVER | XKU_SGC | XKU_ANYEKU)) != 0;
    bool long_enough = key && EVP_PKEY_get_security_bits(key) >= SECURITY_BITS;
    X509_free(cert);
    ERR_clear_error();
    return used && long_enough;
}

enum tls_check_reason tls_class_of(uint32_t causes)
{
    for (size_t i = 0; i < TLS_CAUSE_END; i++) {
        if (causes >> i & 1u) {
            return classes[i];
        }
    }
    return TLS_CHECK_FINE;
}

/* --- words -------------------------------------------------------------- */

/* The common name, or all of the name. */
static void add_who(struct buf *out, X509_NAME *name)
{
    char text[200] = "";
    if (X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof text) <= 0) {
        X509_NAME_oneline(name, text, sizeof text);
    }
    (void)!buf_printf(out, "%s", text);
}

static void add_day(struct buf *out, const ASN1_TIME *at)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(at, &tm) == 1) {
        (void)!buf_printf(out, " (%04d-%02d-%02d)", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    }
}

/* A DNS name as it stands, an address as one writes it; "" for what names no host. */
static void entry_words(const GENERAL_NAME *g, char dst[64])
{
    bool is_name = g->type == GEN_DNS;
    const ASN1_STRING *octets = is_name                ? g->d.dNSName
                                : g->type == GEN_IPADD ? g->d.iPAddress
                                                       : NULL;
    int n = octets ? ASN1_STRING_length(octets) : 0;
    dst[0] = '\0';
    if (is_name) {
        str_copy_cut(str_from((const char *)ASN1_STRING_get0_data(octets), (size_t)n), dst, 61);
    } else if (n == 4 || n == 16) {
        (void)!inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(octets), dst, 64);
    }
}

/* Whether both are the same address, however it is written. */
static bool same_address(const char *a, const char *b)
{
    ASN1_OCTET_STRING *x = a2i_IPADDRESS(a), *y = a2i_IPADDRESS(b);
    bool same = x && y && ASN1_OCTET_STRING_cmp(x, y) == 0;
    ASN1_OCTET_STRING_free(x);
    ASN1_OCTET_STRING_free(y);
    return same;
}

/* Only an IP entry counts for an address (RFC 9525 6.4). Without that word "it names 192.0.2.7, not
 * 192.0.2.7" would be said of a DNS entry that spells it. */
static void verify_add_names(struct buf *out, X509 *cert, const char *wanted)
{
    enum { SHOWN = 4 };
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int n = 0, all = 0;
    bool spelt = false;
    (void)!buf_printf(out, ": it names ");
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        char one[64];
        entry_words(g, one);
        all += *one != '\0';
        spelt |= g->type == GEN_DNS && same_address(one, wanted);
        if (*one && n < SHOWN) {
            (void)!buf_printf(out, "%s%s", n++ > 0 ? ", " : "", one);
        }
    }
    if (all > n) {
        (void)!buf_printf(out, " and %d more", all - n);
    }
    (void)!buf_printf(out, "%s, not %.80s%s", all == 0 ? "no host" : "", wanted,
                      spelt ? " as an IP entry (a DNS entry does not count for an address)" : "");
    GENERAL_NAMES_free(names);
}

static void add_usages(struct buf *out, X509 *cert)
{
    EXTENDED_KEY_USAGE *all = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    for (int i = 0; all && i < sk_ASN1_OBJECT_num(all) && i < 3; i++) {
        (void)!buf_printf(out, "%s%s", i == 0 ? ": " : ", ",
                          OBJ_nid2ln(OBJ_obj2nid(sk_ASN1_OBJECT_value(all, i))));
    }
    EXTENDED_KEY_USAGE_free(all);
}

static void add_key(struct buf *out, X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    (void)!buf_printf(out, " (%s, %d bits)", key ? EVP_PKEY_get0_type_name(key) : "key",
                      key ? EVP_PKEY_get_bits(key) : 0);
}

/* What one needs to know beside the sentence. */
static void add_detail(struct buf *out, enum tls_cause cause, const struct tls_findings *f,
                       X509 *cert, const char *wanted)
{
    switch (cause) {
    case TLS_CAUSE_EXPIRED:
        add_day(out, X509_get0_notAfter(cert));
        break;
    case TLS_CAUSE_NOT_YET_VALID:
        add_day(out, X509_get0_notBefore(cert));
        break;
    case TLS_CAUSE_NAME:
        verify_add_names(out, cert, wanted);
        break;
    case TLS_CAUSE_SMALL_KEY:
        add_key(out, cert);
        break;
    case TLS_CAUSE_WEAK_SIGNATURE:
        (void)!buf_printf(out, " (%s)", OBJ_nid2ln(X509_get_signature_nid(cert)));
        break;
    case TLS_CAUSE_PURPOSE:
        add_usages(out, cert);
        break;
    case TLS_CAUSE_UNKNOWN_ROOT:
    case TLS_CAUSE_NO_INTERMEDIATE:
    case TLS_CAUSE_UNKNOWN_CA:
    case TLS_CAUSE_SIGNATURE:
        (void)!buf_printf(out, ": ");
        add_who(out, X509_get_issuer_name(cert));
        break;
    case TLS_CAUSE_INVALID_CA:
    case TLS_CAUSE_PATH_LENGTH:
        (void)!buf_printf(out, ": ");
        add_who(out, X509_get_subject_name(cert));
        break;
    case TLS_CAUSE_OTHER:
        (void)!buf_printf(out, ": %s",
                          X509_verify_cert_error_string(f->other ? f->other
                                                                 : X509_V_ERR_UNSPECIFIED));
        break;
    case TLS_CAUSE_REVOKED:
    case TLS_CAUSE_NO_STAPLE:
    case TLS_CAUSE_SELF_SIGNED:
    case TLS_CAUSE_CONSTRAINTS:
    case TLS_CAUSE_LONG_CHAIN:
    case TLS_CAUSE_EXTENSION:
    case TLS_CAUSE_UNREADABLE:
    case TLS_CAUSE_DANE:
    case TLS_CAUSE_END:
        break;
    }
}

/* A server that sends its own certificate alone, though that one says where its issuer's lies
 * (RFC 5280 4.2.2.1: what a root signs by itself has no such pointer as a rule): then an
 * intermediate is missing, else the authority is unknown. */
static bool lacks_intermediate(X509 *cert, int n_sent)
{
    return cert && n_sent == 1 && X509_get_ext_by_NID(cert, NID_info_access, -1) >= 0;
}

/* A sentence that speaks of one certificate, where that is not the peer's own. */
static void add_whose(struct buf *out, enum tls_cause cause, X509 *cert)
{
    if (cause != TLS_CAUSE_INVALID_CA && cause != TLS_CAUSE_PATH_LENGTH &&
        cause != TLS_CAUSE_UNKNOWN_ROOT) {
        (void)!buf_printf(out, "(that of its issuer ");
        add_who(out, X509_get_subject_name(cert));
        (void)!buf_printf(out, ") ");
    }
}

/* What to do, where that depends on who it is: only mail servers have TLSA records, only
 * partners can be pinned. */
static const char *advice_for(size_t cause, enum tls_whose whose)
{
    if (cause == TLS_CAUSE_SELF_SIGNED && whose != TLS_OF_SERVICE) {
        return whose == TLS_OF_CLIENT ? "pin it, or take one from an authority"
                                      : "pin it, publish it by TLSA, or take one from an authority";
    }
    return advices[cause];
}

void tls_describe(const struct tls_findings *f, STACK_OF(X509) * chain, int n_sent,
                  const char *name, enum tls_whose whose, char *dst, size_t size)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(4096);
    size_t first = TLS_CAUSE_END;
    for (size_t i = 0; i < TLS_CAUSE_END; i++) {
        int depth = f->depth[i];
        X509 *cert = chain && depth < sk_X509_num(chain) ? sk_X509_value(chain, depth) : NULL;
        bool alone = i == TLS_CAUSE_UNKNOWN_CA && lacks_intermediate(cert, n_sent);
        enum tls_cause cause = alone ? TLS_CAUSE_NO_INTERMEDIATE : (enum tls_cause)i;
        if (!(f->set >> i & 1u)) {
            continue;
        }
        (void)!buf_printf(&out, "%s", first == TLS_CAUSE_END ? "" : "; ");
        if (cert && depth > 0) {
            add_whose(&out, cause, cert);
        }
        (void)!buf_printf(&out, "%s", sentences[cause]);
        if (cert) {
            add_detail(&out, cause, f, cert, name);
        }
        first = first == TLS_CAUSE_END ? (size_t)cause : first;
    }
    if (first == TLS_CAUSE_END) {
        (void)!buf_printf(&out, "trusted CA and right name");
    } else {
        (void)!buf_printf(&out, "; %s", advice_for(first, whose));
    }
    str_copy_cut(buf_str(&out), dst, size);
    ERR_clear_error();
}

/* --- for libraries with handshakes of their own ------------------------- */

static struct tls_reason *reason_of(const SSL *ssl)
{
    return ssl ? SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)) : NULL;
}

static int note_reason(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    return verify_note(reason_of(ssl)->noted, ok, store);
}

/* Instead of X509_verify_cert(3): what is wrong is noted to the end, and refused then.
 * RFC 8461 3.3 MAY: a wildcard is the whole first label */
static int verify_and_explain(X509_STORE_CTX *store, void *arg)
{
    struct tls_reason *r = arg;
    struct tls_findings f = {0};
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    char words[sizeof r->text];
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, r->host) != 1 &&
        X509_VERIFY_PARAM_set1_host(param, r->host, 0) != 1) {
        return 0;
    }
    r->noted = &f;
    X509_STORE_CTX_set_verify_cb(store, note_reason);
    bool good = X509_verify_cert(store) == 1 && f.set == 0;
    r->noted = NULL;
    if (good) {
        return 1;
    }
    if (f.set == 0) {
        tls_find(&f, TLS_CAUSE_OTHER, 0);
    }
    tls_describe(&f, X509_STORE_CTX_get0_chain(store), sent ? sk_X509_num(sent) : 0, r->host,
                 TLS_OF_SERVICE, words, sizeof words);
    snprintf(r->text, sizeof r->text, "the server's certificate %s", words);
    if (X509_STORE_CTX_get_error(store) == X509_V_OK) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    }
    return 0;
}

/* A handshake that fails for another reason. */
static void on_state(const SSL *ssl, int where, int ret)
{
    struct tls_reason *r = reason_of(ssl);
    if (!r || where != SSL_CB_CONNECT_EXIT || ret > 0 || r->text[0]) {
        return;
    }
    if (ERR_peek_last_error() != 0) {
        tls_trouble(ssl, false, r->text, sizeof r->text);
    } else if (!BIO_should_retry(SSL_get_rbio(ssl))) {
        snprintf(r->text, sizeof r->text, "the server closed the connection");
    }
}

void tls_explain(void *ssl_ctx, const char *host, struct tls_reason *ret)
{
    *ret = (struct tls_reason){.host = host};
    SSL_CTX_set_app_data(ssl_ctx, ret);
    SSL_CTX_set_security_level(ssl_ctx, 2); /* as in context.c, whatever openssl.cnf says */
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify_and_explain, ret);
    SSL_CTX_set_info_callback(ssl_ctx, on_state);
}
