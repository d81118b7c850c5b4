/* SPDX-License-Identifier: Apache-2.0
 * aead.c: AES-256-GCM by OpenSSL, or what it is given in vector.c. Called by seal/rest.c.
 */
#include "tls/aead.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { NONCE = 12 };

struct tls_aead {
    EVP_CIPHER_CTX *ctx;
    bool encrypt;
};

static const EVP_CIPHER *cipher(void)
{
    static EVP_CIPHER *one; /* fetched once: a fetch for each message costs as much as sealing it */
    if (!one) {
        tls_vector_prefer();
        one = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    }
    return one;
}

struct tls_aead *tls_aead_new(const unsigned char key[TLS_AEAD_KEY], bool encrypt)
{
    struct tls_aead *a = err_calloc(1, sizeof *a);
    a->encrypt = encrypt;
    a->ctx = EVP_CIPHER_CTX_new();
    if (!a->ctx || !cipher() ||
        EVP_CipherInit_ex2(a->ctx, cipher(), key, NULL, encrypt, NULL) != 1) {
        ERR_clear_error();
        tls_aead_free(a);
        return NULL;
    }
    return a;
}

void tls_aead_free(struct tls_aead *a)
{
    if (a) {
        EVP_CIPHER_CTX_free(a->ctx); /* wipes the key */
        free(a);
    }
}

static bool aead_begin(struct tls_aead *a, uint64_t number)
{
    unsigned char nonce[NONCE] = {0};
    for (size_t i = 0; i < 8; i++) {
        nonce[NONCE - 1 - i] = (unsigned char)(number >> (8 * i));
    }
    return EVP_CipherInit_ex2(a->ctx, NULL, NULL, nonce, a->encrypt, NULL) == 1;
}

int tls_aead_seal(struct tls_aead *a, uint64_t number, struct str head, struct str plain, char *out)
{
    unsigned char *to = (unsigned char *)out;
    int one = 0, two = 0, three = 0;
    bool ok =
        aead_begin(a, number) &&
        EVP_CipherUpdate(a->ctx, to, &one, (const unsigned char *)head.p, (int)head.n) == 1 &&
        (plain.n == 0 || EVP_CipherUpdate(a->ctx, to + one, &two, (const unsigned char *)plain.p,
                                          (int)plain.n) == 1) &&
        EVP_CipherFinal_ex(a->ctx, to + one + two, &three) == 1 &&
        EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_GCM_GET_TAG, TLS_AEAD_TAG, to + head.n + plain.n) == 1;
    return ok ? 0 : -EIO;
}

int tls_aead_open(struct tls_aead *a, uint64_t number, struct str sealed, char *head, size_t head_n,
                  char *out)
{
    const unsigned char *from = (const unsigned char *)sealed.p;
    unsigned char *to = (unsigned char *)out;
    int one = 0, two = 0, three = 0;
    if (sealed.n < TLS_AEAD_TAG + head_n) {
        return -EBADMSG;
    }
    size_t n = sealed.n - TLS_AEAD_TAG;
    bool ok = aead_begin(a, number) &&
              EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_GCM_SET_TAG, TLS_AEAD_TAG,
                                  (void *)(sealed.p + n)) == 1 &&
              EVP_CipherUpdate(a->ctx, (unsigned char *)head, &one, from, (int)head_n) == 1 &&
              (n == head_n ||
               EVP_CipherUpdate(a->ctx, to, &two, from + head_n, (int)(n - head_n)) == 1) &&
              EVP_CipherFinal_ex(a->ctx, to + two, &three) == 1;
    return ok ? 0 : -EBADMSG;
}
