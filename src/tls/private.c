/* SPDX-License-Identifier: Apache-2.0
 * private.c: private keys in the keys process: read once, named by the digest of their public half,
 * used to sign digests. Called by keys only.
 */
#include "tls/remote.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

struct tls_private {
    EVP_PKEY *key;
    unsigned char id[TLS_KEY_ID];
};

int tls_private_new(struct str pem, char *problem, size_t size, struct tls_private **ret)
{
    struct tls_private *p = err_calloc(1, sizeof *p);
    unsigned char *der = NULL;
    unsigned n = 0;
    BIO *text = BIO_new_mem_buf(pem.p, (int)pem.n);
    p->key = text ? PEM_read_bio_PrivateKey(text, NULL, tls_no_password, NULL) : NULL;
    BIO_free(text);
    int len = p->key ? i2d_PUBKEY(p->key, &der) : 0;
    int ok = len > 0 && EVP_Digest(der, (size_t)len, p->id, &n, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    ERR_clear_error();
    if (!ok) {
        snprintf(problem, size, "the private key cannot be used");
        tls_private_free(p);
        return -EINVAL;
    }
    *ret = p;
    return 0;
}

void tls_private_free(struct tls_private *p)
{
    if (p) {
        EVP_PKEY_free(p->key);
        free(p);
    }
}

const unsigned char *tls_private_id(const struct tls_private *p)
{
    return p->id;
}

static const EVP_MD *md_of(enum tls_hash hash)
{
    return hash == TLS_HASH_SHA256   ? EVP_sha256()
           : hash == TLS_HASH_SHA384 ? EVP_sha384()
                                     : EVP_sha512();
}

int tls_private_sign(struct tls_private *p, enum tls_hash hash, bool pss, struct str digest,
                     struct buf *signature)
{
    EVP_PKEY_CTX *ctx = hash < TLS_HASH_END && digest.n == (size_t)EVP_MD_get_size(md_of(hash))
                            ? EVP_PKEY_CTX_new(p->key, NULL)
                            : NULL;
    bool rsa = EVP_PKEY_is_a(p->key, "RSA");
    char *room = NULL;
    size_t n = TLS_SIGNATURE_MAX;
    int r = -EINVAL;
    if (ctx && EVP_PKEY_sign_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_signature_md(ctx, md_of(hash)) == 1 &&
        (!rsa ||
         EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1) &&
        (!rsa || !pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1)) {
        r = buf_reserve(signature, n, &room);
    }
    if (r == 0 && EVP_PKEY_sign(ctx, (unsigned char *)room, &n, (const unsigned char *)digest.p,
                                digest.n) != 1) {
        r = -EINVAL;
    }
    if (r == 0) {
        buf_commit(signature, n);
    }
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return r;
}
