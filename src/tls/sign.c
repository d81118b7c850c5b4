/* SPDX-License-Identifier: Apache-2.0
 * sign.c: RSA-SHA256 and Ed25519-SHA256 as DKIM uses them. Called by keys (signing), smtpout
 * (digests). What can go wrong: a key of another kind or too short: refused when it is loaded.
 */
#include "tls/sign.h"
#include "tls/pem.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

enum { RSA_BITS_MIN = 2048, SIGNATURE_MAX = 1024 };

struct tls_signer {
    EVP_PKEY *key;
    enum tls_algorithm algorithm;
};

int tls_signer_new(struct str key_pem, char *problem, size_t size, struct tls_signer **ret)
{
    if (tls_pem_check(key_pem, problem, size) < 0) {
        return -EINVAL;
    }
    BIO *text = BIO_new_mem_buf(key_pem.p, (int)key_pem.n);
    EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, tls_no_password, NULL) : NULL;
    BIO_free(text);
    ERR_clear_error();
    int type = key ? EVP_PKEY_get_base_id(key) : 0;
    bool good = type == EVP_PKEY_ED25519 ||
                (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN);
    if (!good) {
        snprintf(problem, size,
                 key ? "the signing key must be RSA with at least 2048 bit, or Ed25519"
                     : "the signing key cannot be read");
        EVP_PKEY_free(key);
        return -EINVAL;
    }
    struct tls_signer *s = err_calloc(1, sizeof *s);
    *s = (struct tls_signer){key, type == EVP_PKEY_RSA ? TLS_RSA_SHA256 : TLS_ED25519_SHA256};
    *ret = s;
    return 0;
}

void tls_signer_free(struct tls_signer *s)
{
    if (s) {
        EVP_PKEY_free(s->key);
        free(s);
    }
}

enum tls_algorithm tls_signer_algorithm(const struct tls_signer *s)
{
    return s->algorithm;
}

int tls_signer_public(const struct tls_signer *s, struct buf *out)
{
    unsigned char raw[32], *der = NULL;
    size_t n = sizeof raw;
    if (s->algorithm == TLS_ED25519_SHA256) {
        return EVP_PKEY_get_raw_public_key(s->key, raw, &n) == 1 ? buf_append(out, raw, n) : -EIO;
    }
    int octets = i2d_PUBKEY(s->key, &der);
    int r = octets > 0 ? buf_append(out, der, (size_t)octets) : -EIO;
    OPENSSL_free(der);
    return r;
}

int tls_sign(struct tls_signer *s, struct str text, struct buf *signature)
{
    unsigned char out[SIGNATURE_MAX], digest[32];
    size_t n = sizeof out;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool rsa = s->algorithm == TLS_RSA_SHA256;
    tls_sha256(text, digest); /* RFC 8463 3: Ed25519 signs the digest */
    struct str what = rsa ? text : str_from((const char *)digest, sizeof digest);
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, rsa ? EVP_sha256() : NULL, NULL, s->key) == 1 &&
              EVP_DigestSign(ctx, out, &n, (const unsigned char *)what.p, what.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok ? buf_append(signature, out, n) : -EIO;
}

void tls_sha256(struct str text, unsigned char digest[32])
{
    must(EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL) == 1);
}
