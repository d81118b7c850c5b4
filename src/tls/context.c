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
#include <stdio.h>
#include <stdlib.h>

/* At least 128 bit and authenticated, but old: what a legacy exception adds. */
#define LEGACY_CIPHERS "ALL:!aNULL:!eNULL:!3DES:!DES:!RC4:!RC2:!IDEA:!SEED:!MD5:!PSK:!SRP:!EXP:!LOW:@SECLEVEL=0"

struct profile {
    const char *tls12, *tls13;
};

static const struct profile profiles[] = {
    [TLS_PROFILE_STRICT] = {"ECDHE+AESGCM",
                            "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                            "TLS_CHACHA20_POLY1305_SHA256"},
    [TLS_PROFILE_NIST] = {"ECDHE+AESGCM:ECDHE+AESCCM:-AESCCM8:DHE+aRSA+AESGCM:ECDHE+AES+SHA384:"
                          "ECDHE+AES+SHA256:DHE+aRSA+AES+SHA256:ECDHE+AES+SHA1:DHE+aRSA+AES+SHA1:"
                          "!aNULL:!aPSK:!SRP",
                          "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"},
    [TLS_PROFILE_WIDE] = {"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+aRSA+AESGCM:ECDHE+AES+SHA384:"
                          "ECDHE+AES+SHA256:!aNULL:!aPSK:!SRP:!AESCCM",
                          "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
                          "TLS_AES_128_GCM_SHA256"},
    [TLS_PROFILE_LEGACY] = {LEGACY_CIPHERS, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
                                            "TLS_AES_128_GCM_SHA256"},
};

#define NAME_OF(n, s) s,
static const char *const profile_names[] = {TLS_PROFILES(NAME_OF)};

const char *tls_profile_name(enum tls_profile p)
{
    return p < TLS_PROFILE_END ? profile_names[p] : "unknown";
}

static int fail(char *problem, size_t size, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(problem, size, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return -EINVAL;
}

static int apply_profile(SSL_CTX *ssl, enum tls_profile profile)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    int from = profile == TLS_PROFILE_LEGACY ? TLS1_VERSION : TLS1_2_VERSION;
    return SSL_CTX_set_min_proto_version(ssl, from) == 1 &&
                   SSL_CTX_set_cipher_list(ssl, profiles[profile].tls12) == 1 &&
                   SSL_CTX_set_ciphersuites(ssl, profiles[profile].tls13) == 1 &&
                   SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384:P-521:X448") == 1
               ? 0
               : -EINVAL;
}

static int use_chain(SSL_CTX *ssl, struct str pem)
{
    BIO *text = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert = text ? PEM_read_bio_X509_AUX(text, NULL, NULL, NULL) : NULL;
    int r = cert && SSL_CTX_use_certificate(ssl, cert) == 1 ? 0 : -EINVAL;
    X509_free(cert);
    while (r == 0 && (cert = PEM_read_bio_X509(text, NULL, NULL, NULL))) {
        r = SSL_CTX_add0_chain_cert(ssl, cert) == 1 ? 0 : -EINVAL;
    }
    BIO_free(text);
    if (r == 0) {
        ERR_clear_error(); /* the end of the file reads as "no start line" */
    }
    return r;
}

static int use_key(SSL_CTX *ssl, struct str pem)
{
    BIO *text = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, NULL, NULL) : NULL;
    int r = key && SSL_CTX_use_PrivateKey(ssl, key) == 1 ? 0 : -EINVAL;
    EVP_PKEY_free(key);
    BIO_free(text);
    return r;
}

static int trust(SSL_CTX *ssl, struct str pem)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    BIO *text = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert;
    int n = 0;
    while (text && (cert = PEM_read_bio_X509(text, NULL, NULL, NULL))) {
        n += X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
    }
    BIO_free(text);
    ERR_clear_error();
    return n > 0 ? 0 : -EINVAL;
}

/* Verification is recorded, not enforced here: the decision judges the result. */
static int record_only(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

int tls_context_server(struct str chain_pem, struct str key_pem, enum tls_profile profile,
                       char *problem, size_t size, struct tls_context **ret)
{
    ERR_clear_error();
    struct tls_context *ctx = err_calloc(1, sizeof *ctx);
    ctx->ssl = SSL_CTX_new(TLS_server_method());
    int r = -EINVAL;
    if (!ctx->ssl || apply_profile(ctx->ssl, profile) < 0) {
        r = fail(problem, size, "TLS could not be set up");
    } else if (use_key(ctx->ssl, key_pem) < 0) { /* first, so that a mismatch is told as one below */
        r = fail(problem, size, "the private key cannot be used");
    } else if (use_chain(ctx->ssl, chain_pem) < 0) {
        r = fail(problem, size, "the certificate chain cannot be used");
    } else if (SSL_CTX_check_private_key(ctx->ssl) != 1) {
        r = fail(problem, size, "certificate and private key do not belong together");
    } else {
        SSL_CTX_set_session_id_context(ctx->ssl, (const unsigned char *)"smtpin", 6);
        SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(ctx->ssl, 0);
        SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET);
        *ret = ctx;
        return 0;
    }
    tls_context_free(ctx);
    return r;
}

int tls_context_client(struct str ca_pem, enum tls_profile profile, char *problem, size_t size,
                       struct tls_context **ret)
{
    ERR_clear_error();
    struct tls_context *ctx = err_calloc(1, sizeof *ctx);
    ctx->ssl = SSL_CTX_new(TLS_client_method());
    if (!ctx->ssl || apply_profile(ctx->ssl, profile) < 0 || trust(ctx->ssl, ca_pem) < 0) {
        int r = fail(problem, size, "no usable certificate in the trust store");
        tls_context_free(ctx);
        return r;
    }
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, record_only);
    SSL_CTX_set_tlsext_status_type(ctx->ssl, TLSEXT_STATUSTYPE_ocsp); /* a staple is welcome */
    if (SSL_CTX_dane_enable(ctx->ssl) != 1) {
        int r = fail(problem, size, "DANE could not be set up");
        tls_context_free(ctx);
        return r;
    }
    SSL_CTX_dane_set_flags(ctx->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7672 3.1.1 */
    ctx->may_be_weak = profile == TLS_PROFILE_LEGACY;
    ctx->demands_ems = profile == TLS_PROFILE_STRICT;
    *ret = ctx;
    return 0;
}

int tls_context_show(struct tls_context *ctx, struct str chain_pem, struct str key_pem, char *problem, size_t size)
{
    ERR_clear_error();
    if (use_key(ctx->ssl, key_pem) < 0) {
        return fail(problem, size, "the private key cannot be used");
    }
    if (use_chain(ctx->ssl, chain_pem) < 0) {
        return fail(problem, size, "the certificate chain cannot be used");
    }
    return SSL_CTX_check_private_key(ctx->ssl) == 1
               ? 0 : fail(problem, size, "certificate and private key do not belong together");
}

struct tls_context *tls_context_probe(unsigned from, unsigned to, const char *ciphers)
{
    ERR_clear_error();
    struct tls_context *ctx = err_calloc(1, sizeof *ctx);
    char list[2048];
    snprintf(list, sizeof list, "%s:@SECLEVEL=0", *ciphers ? ciphers : "ALL:!PSK:!SRP");
    ctx->ssl = SSL_CTX_new(TLS_client_method());
    if (!ctx->ssl || SSL_CTX_set_min_proto_version(ctx->ssl, (int)from) != 1 ||
        SSL_CTX_set_max_proto_version(ctx->ssl, (int)to) != 1 || SSL_CTX_set_cipher_list(ctx->ssl, list) != 1) {
        tls_context_free(ctx);
        ERR_clear_error();
        return NULL;
    }
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, record_only);
    ctx->may_be_weak = true;
    return ctx;
}

bool tls_cipher_is_wide(const SSL_CIPHER *cipher)
{
    static STACK_OF(SSL_CIPHER) *wide; /* of a context that is kept for ever */
    if (!wide) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        if (!ctx || apply_profile(ctx, TLS_PROFILE_WIDE) < 0) {
            return false;
        }
        wide = SSL_CTX_get_ciphers(ctx);
    }
    for (int i = 0; i < sk_SSL_CIPHER_num(wide); i++) {
        if (SSL_CIPHER_get_id(sk_SSL_CIPHER_value(wide, i)) == SSL_CIPHER_get_id(cipher)) {
            return true;
        }
    }
    return false;
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
        SSL_CTX_free(ctx->ssl);
        free(ctx);
    }
}
