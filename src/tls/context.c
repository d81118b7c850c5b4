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
};

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
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
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
    *ret = ctx;
    return 0;
}

void tls_context_free(struct tls_context *ctx)
{
    if (ctx) {
        SSL_CTX_free(ctx->ssl);
        free(ctx);
    }
}
