/* SPDX-License-Identifier: Apache-2.0
 * context.c: TLS contexts and the named profiles (RFC 9325, NIST SP 800-52r2). Called at start
 * and reload by smtpin and smtpout.
 *
 * TLS 1.2 and 1.3 only, no compression, no renegotiation, no static RSA, nothing below 128 bit.
 */
#include "tls/tls.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* At least 128 bit and authenticated, but old: what a legacy exception adds. */
#define LEGACY_CIPHERS \
    "ALL:!aNULL:!eNULL:!3DES:!DES:!RC4:!RC2:!IDEA:!SEED:!MD5:!PSK:!SRP:!EXP:!LOW:@SECLEVEL=0"

/* Names of groups as SSL_CTX_set1_groups_list(3) has them. A hybrid list is for OpenSSL 3.5
 * (older ones do not know it, and take the classical one): '*' is offered with its share at
 * once, '/' ends those that a server prefers whatever share came. */
#define CLASSICAL "X25519:P-256:P-384:P-521:X448"
#define HYBRID    "*X25519MLKEM768:SecP256r1MLKEM768/*X25519:P-256:P-384:P-521:X448"

struct profile {
    const char *tls12, *tls13, *groups, *hybrid;
    const char *signatures; /* NULL: the library's */
};

static const struct profile profiles[] = {
    [TLS_PROFILE_STRICT] =
        {
            .tls12 = "ECDHE+AESGCM",
            .tls13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
            .groups = CLASSICAL,
            .hybrid = HYBRID,
        },
    /* docs/nist.md has the reason for each */
    [TLS_PROFILE_NIST] =
        {
            .tls12 = "ECDHE+AESGCM+AES256:ECDHE+AESCCM+AES256:DHE+aRSA+AESGCM+AES256:ECDHE+AESGCM:"
                     "ECDHE+AESCCM:DHE+aRSA+AESGCM:ECDHE+AES+SHA384:ECDHE+AES+SHA256:DHE+aRSA+AES+"
                     "SHA256:ECDHE+AES+SHA1:DHE+aRSA+AES+SHA1:!AESCCM8:!aNULL:!aPSK:!SRP",
            .tls13 = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
            .groups = "P-256:P-384:P-521",
            .hybrid = "*X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024/*P-256:P-384:P-521",
            .signatures = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA256:RSA-PSS+SHA384:"
                          "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512",
        },
    [TLS_PROFILE_WIDE] =
        {
            .tls12 = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+aRSA+AESGCM:ECDHE+AES+SHA384:ECDHE+AES+"
                     "SHA256:!aNULL:!aPSK:!SRP:!AESCCM",
            .tls13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
            .groups = CLASSICAL,
            .hybrid = HYBRID,
        },
    [TLS_PROFILE_LEGACY] =
        {
            .tls12 = LEGACY_CIPHERS,
            .tls13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
            .groups = CLASSICAL,
            .hybrid = HYBRID,
        },
};

#define NAME_OF(n, s) s,
static const char *const profile_names[] = {TLS_PROFILES(NAME_OF)};

const char *tls_profile_name(enum tls_profile p)
{
    return p < TLS_PROFILE_END ? profile_names[p] : "unknown";
}

static int context_fail(char *problem, size_t size, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(problem, size, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return -EINVAL;
}

/* What the library knows is seen at run time: one package is for Debian 12 and 13. */
static int set_groups(SSL_CTX *ssl, const struct profile *p, bool *ret_hybrid)
{
    *ret_hybrid = SSL_CTX_set1_groups_list(ssl, p->hybrid) == 1;
    if (!*ret_hybrid) {
        ERR_clear_error();
    }
    return *ret_hybrid || SSL_CTX_set1_groups_list(ssl, p->groups) == 1 ? 0 : -EINVAL;
}

/* RFC 7672 8.2 SHOULD: ordinary cipher suites are offered
 * RFC 8461 7.2 MUST: TLS 1.2 or newer */
static int apply_profile(SSL_CTX *ssl, enum tls_profile profile, bool *ret_hybrid)
{
    const struct profile *p = &profiles[profile];

    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    int from = profile == TLS_PROFILE_LEGACY ? TLS1_VERSION : TLS1_2_VERSION;
    if (profile != TLS_PROFILE_LEGACY) {
        /* 112 bit: RSA 2048, no SHA-1 in signatures, whatever openssl.cnf says */
        SSL_CTX_set_security_level(ssl, 2);
    }
    return SSL_CTX_set_min_proto_version(ssl, from) == 1 &&
                   SSL_CTX_set_cipher_list(ssl, p->tls12) == 1 &&
                   SSL_CTX_set_ciphersuites(ssl, p->tls13) == 1 &&
                   set_groups(ssl, p, ret_hybrid) == 0 &&
                   (!p->signatures || SSL_CTX_set1_sigalgs_list(ssl, p->signatures) == 1)
               ? 0
               : -EINVAL;
}

static int use_chain(SSL_CTX *ssl, struct str pem)
{
    struct tls_pem_block at = {.number = 0};
    int n = 0, r = 0;
    while (r == 0 && tls_pem_next(&pem, &at)) {
        X509 *cert = tls_pem_certificate(&at);
        if (cert) { /* a copy of it is kept */
            r = (n == 0 ? SSL_CTX_use_certificate(ssl, cert)
                        : SSL_CTX_add1_chain_cert(ssl, cert)) == 1
                    ? 0
                    : -EINVAL;
            n++;
        }
        X509_free(cert);
    }
    return n > 0 ? r : -EINVAL;
}

static int use_key(SSL_CTX *ssl, struct str pem)
{
    BIO *text = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, tls_no_password, NULL) : NULL;
    int r = key && SSL_CTX_use_PrivateKey(ssl, key) == 1 ? 0 : -EINVAL;
    EVP_PKEY_free(key);
    BIO_free(text);
    return r;
}

/* The private half is in the keys process. */
static int use_remote_key(SSL_CTX *ssl, struct str chain_pem)
{
    BIO *text = BIO_new_mem_buf(chain_pem.p, (int)chain_pem.n);
    X509 *cert = text ? PEM_read_bio_X509_AUX(text, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = cert ? tls_remote_key(cert) : NULL;
    int r = key && SSL_CTX_use_PrivateKey(ssl, key) == 1 ? 0 : -EINVAL;
    EVP_PKEY_free(key);
    X509_free(cert);
    BIO_free(text);
    return r;
}

/* A block that cannot be read takes no other with it; preflight.c tells it. */
static int trust(SSL_CTX *ssl, struct str pem)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    struct tls_pem_block at = {.number = 0};
    int n = 0;
    while (tls_pem_next(&pem, &at)) {
        X509 *cert = tls_pem_certificate(&at);
        n += cert && X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
    }
    ERR_clear_error();
    return n > 0 ? 0 : -EINVAL;
}

/* Verification is recorded, not enforced here: the decision judges the result. A client that
 * shows a certificate is to show it every time: it gets no ticket (ticket.h). */
static int record_client(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    return tls_note_error(ok, store) == 1 && ssl && SSL_set_num_tickets(ssl, 0) == 1;
}

/* --- servers: several certificates, chosen by name and by what the client can verify --- */

static int add_own(SSL_CTX *ssl, const struct tls_own *own, char *problem, size_t size)
{
    if (own->key.n == 0 ? use_remote_key(ssl, own->chain) < 0 : use_key(ssl, own->key) < 0) {
        return context_fail(problem, size, "the private key cannot be used");
    }
    if (use_chain(ssl, own->chain) < 0) {
        return context_fail(problem, size, "the certificate chain cannot be used");
    }
    return SSL_CTX_check_private_key(ssl) == 1
               ? 0
               : context_fail(problem, size, "certificate and private key do not belong together");
}

/* A name we have no certificate for gets the first one: never an abort (RFC 8461 7.1, RFC 7672
 * 8.1).
 * RFC 7672 8.1 MUST NOT: our servers do not demand SNI
 * RFC 7672 8.1 MUST: an unknown SNI gets a certificate all the same
 * RFC 8461 7.1 MUST NOT: our servers do not demand SNI */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const struct tls_context *ctx = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    for (size_t i = 0; name && i < ctx->n_named; i++) {
        if (X509_check_host(ctx->named[i].cert, name, 0, 0, NULL) == 1) {
            SSL_set_SSL_CTX(ssl, ctx->named[i].ssl);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *ssl_new(const SSL_METHOD *method)
{
    tls_vector_prefer(); /* a context fetches its ciphers when it is made */
    return SSL_CTX_new(method);
}

static int make_server(const struct tls_own *own, size_t n, size_t at, enum tls_profile profile,
                       struct str trust_pem, char *problem, size_t size, SSL_CTX **ret)
{
    SSL_CTX *ssl = *ret = ssl_new(TLS_server_method());
    bool hybrid;
    if (!ssl || apply_profile(ssl, profile, &hybrid) < 0 ||
        (trust_pem.n > 0 && trust(ssl, trust_pem) < 0)) {
        return context_fail(problem, size, "TLS could not be set up");
    }
    int r = add_own(ssl, &own[at], problem, size);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (i != at && tls_goes_with(own[at].chain, own[i].chain)) {
            r = add_own(ssl, &own[i], problem, size);
        }
    }
    SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"smtpin", 6);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
    if (trust_pem.n > 0) { /* asked for, recorded, never a condition of the handshake */
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, record_client);
        /* a host's identity is good both ways: tls_find_misuse() */
        SSL_CTX_set_purpose(ssl, X509_PURPOSE_ANY);
    }
    return r;
}

int tls_context_server(const struct tls_own *own, size_t n, enum tls_profile profile,
                       struct str client_trust_pem, char *problem, size_t size,
                       struct tls_context **ret)
{
    ERR_clear_error();
    struct tls_context *ctx = err_calloc(1, sizeof *ctx);
    int r = make_server(own, n, 0, profile, client_trust_pem, problem, size, &ctx->ssl);
    for (size_t i = 0; r == 0 && n > 1 && i < n && i < ARRAY_LEN(ctx->named); i++) {
        r = make_server(own, n, i, profile, client_trust_pem, problem, size, &ctx->named[i].ssl);
        ctx->named[i].cert = tls_first_certificate(own[i].chain);
        ctx->n_named++;
    }
    if (r < 0) {
        tls_context_free(ctx);
        return r;
    }
    if (ctx->n_named > 0) {
        SSL_CTX_set_tlsext_servername_callback(ctx->ssl, on_server_name);
        SSL_CTX_set_tlsext_servername_arg(ctx->ssl, ctx);
    }
    ctx->asks_client = client_trust_pem.n > 0;
    *ret = ctx;
    return 0;
}

int64_t tls_time_ms(const ASN1_TIME *at)
{
    struct tm tm = {0};
    return at && ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

int64_t tls_not_after(struct str chain_pem, int64_t *ret_not_before, char *names, size_t size)
{
    X509 *cert = tls_first_certificate(chain_pem);
    int64_t ms = cert ? tls_time_ms(X509_get0_notAfter(cert)) : 0;
    *ret_not_before = cert ? tls_time_ms(X509_get0_notBefore(cert)) : 0;
    if (names && cert) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, names, (int)size);
    }
    X509_free(cert);
    return ms;
}

/* RFC 7672 3.1.1 MUST: usage 3: whatever names the certificate has
 * RFC 7672 3.2.1 MUST NOT: usage 3: no name is compared */
int tls_context_client(struct str ca_pem, enum tls_profile profile, char *problem, size_t size,
                       struct tls_context **ret)
{
    ERR_clear_error();
    struct tls_context *ctx = err_calloc(1, sizeof *ctx);
    ctx->ssl = ssl_new(TLS_client_method());
    if (!ctx->ssl || apply_profile(ctx->ssl, profile, &ctx->hybrid) < 0 ||
        trust(ctx->ssl, ca_pem) < 0) {
        int r = context_fail(problem, size, "no usable certificate in the trust store");
        tls_context_free(ctx);
        return r;
    }
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, tls_note_error);
    SSL_CTX_set_tlsext_status_type(ctx->ssl, TLSEXT_STATUSTYPE_ocsp); /* a staple is welcome */
    if (SSL_CTX_dane_enable(ctx->ssl) != 1) {
        int r = context_fail(problem, size, "DANE could not be set up");
        tls_context_free(ctx);
        return r;
    }
    SSL_CTX_dane_set_flags(ctx->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7672 3.1.1 */
    ctx->may_be_weak = profile == TLS_PROFILE_LEGACY;
    ctx->demands_ems = profile == TLS_PROFILE_STRICT;
    ctx->classical = profiles[profile].groups;
    *ret = ctx;
    return 0;
}

int tls_context_show(struct tls_context *ctx, const struct tls_own *own, char *problem, size_t size)
{
    ERR_clear_error();
    return add_own(ctx->ssl, own, problem, size);
}

struct tls_context *tls_context_probe(unsigned from, unsigned to, const char *ciphers)
{
    ERR_clear_error();
    struct tls_context *ctx = err_calloc(1, sizeof *ctx);
    char list[2048];
    snprintf(list, sizeof list, "%s:@SECLEVEL=0", *ciphers ? ciphers : "ALL:!PSK:!SRP");
    ctx->ssl = ssl_new(TLS_client_method());
    if (!ctx->ssl || SSL_CTX_set_min_proto_version(ctx->ssl, (int)from) != 1 ||
        SSL_CTX_set_max_proto_version(ctx->ssl, (int)to) != 1 ||
        SSL_CTX_set_cipher_list(ctx->ssl, list) != 1 ||
        SSL_CTX_set1_groups_list(ctx->ssl, CLASSICAL) != 1) {
        tls_context_free(ctx);
        ERR_clear_error();
        return NULL;
    }
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, tls_note_error);
    ctx->may_be_weak = true;
    return ctx;
}

/* The suites of a profile, of a context that is kept for ever. */
static bool profile_has_cipher(enum tls_profile profile, struct str cipher)
{
    static SSL_CTX *kept[TLS_PROFILE_END];
    bool hybrid;
    if (!kept[profile] && (!(kept[profile] = SSL_CTX_new(TLS_client_method())) ||
                           apply_profile(kept[profile], profile, &hybrid) < 0)) {
        SSL_CTX_free(kept[profile]);
        kept[profile] = NULL;
    }
    STACK_OF(SSL_CIPHER) *list = kept[profile] ? SSL_CTX_get_ciphers(kept[profile]) : NULL;
    for (int i = 0; list && i < sk_SSL_CIPHER_num(list); i++) {
        if (str_eq(cipher, str_c(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i))))) {
            return true;
        }
    }
    return false;
}

bool tls_cipher_is_wide(const SSL_CIPHER *cipher)
{
    return profile_has_cipher(TLS_PROFILE_WIDE, str_c(SSL_CIPHER_get_name(cipher)));
}

#define GROUP_NAME(id, name, nist) name,
static const char *const group_names[] = {TLS_GROUPS(GROUP_NAME)};
#define GROUP_NIST(id, name, nist) nist,
static const bool nist_groups[] = {TLS_GROUPS(GROUP_NIST)};

const char *tls_group_name(enum tls_group g)
{
    return g < TLS_GROUP_END ? group_names[g] : "other";
}

enum tls_group tls_group_of(struct str name)
{
    for (enum tls_group g = 0; g < TLS_GROUP_OTHER; g++) {
        if (str_eq_nocase(name, str_c(group_names[g]))) {
            return g;
        }
    }
    return TLS_GROUP_OTHER;
}

bool tls_within_nist(struct str cipher, struct str group, struct str signature, struct str peer_key)
{
    uint64_t bits = 0;
    size_t at = str_find(peer_key, ' ', 0);
    bool rsa = str_starts_nocase(peer_key, STR("RSA ")),
         ec = str_starts_nocase(peer_key, STR("EC "));
    bool key = peer_key.n == 0 ||
               ((rsa || ec) &&
                str_to_u64(str_slice(peer_key, at + 1, peer_key.n), UINT32_MAX, &bits) == 0 &&
                bits >= (rsa ? 2048 : 224));
    bool signs = signature.n == 0 || str_eq(signature, STR("ECDSA")) ||
                 str_starts_nocase(signature, STR("RSA-"));
    return profile_has_cipher(TLS_PROFILE_NIST, cipher) && nist_groups[tls_group_of(group)] &&
           key && signs;
}

struct tls_context *tls_context_ref(struct tls_context *ctx)
{
    ctx->more_refs++;
    return ctx;
}

void tls_context_free(struct tls_context *ctx)
{
    if (ctx && ctx->more_refs > 0) {
        ctx->more_refs--;
    } else if (ctx) {
        for (size_t i = 0; i < ctx->n_named; i++) {
            X509_free(ctx->named[i].cert);
            SSL_CTX_free(ctx->named[i].ssl);
        }
        SSL_CTX_free(ctx->ssl);
        free(ctx);
    }
}
