/* SPDX-License-Identifier: Apache-2.0
 * vector.c: the provider "vector" (provider(7), provider-cipher(7)): AES-128-GCM and AES-256-GCM
 * (SP 800-38D) by libipsec-mb, for processors with vector AES (VAES, VPCLMULQDQ, AVX-512), where
 * OpenSSL 3.0 takes nearly three times as long (docs/decisions/0021). Loaded by context.c and
 * aead.c, before they fetch a cipher; what it has is then preferred for TLS and for bodies at
 * rest.
 *
 * The only file that includes that library; Meson leaves it out where it is not installed, as on
 * other processors than amd64. The library's ways for older processors are used by tests alone:
 * OpenSSL's are as good there. Only what TLS and aead.c ask for is offered: nonces of 12 octets,
 * tags of 16, one piece of additional data. What can go wrong: nothing but wrong use, or a tag
 * that does not fit, which fails the record as OpenSSL's own would.
 */
#include "tls/tls_priv.h"

#include <intel-ipsec-mb.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OURS "provider=vector,postern.vector=yes"

enum {
    NONCE = 12,
    TAG = 16,
    AAD_MAX = 64,
    FIXED = EVP_GCM_TLS_FIXED_IV_LEN,
    EXPLICIT = EVP_GCM_TLS_EXPLICIT_IV_LEN,
    HEADER = EVP_AEAD_TLS1_AAD_LEN
};

/* The library's functions for one length of keys; all are set, or none is. */
struct functions {
    size_t key_n;
    aes_gcm_pre_t prepare;
    aes_gcm_init_t begin;
    aes_gcm_enc_dec_update_t encrypt, decrypt;
    aes_gcm_enc_dec_finalize_t encrypt_end, decrypt_end;
};

static struct functions functions_128, functions_256;

/* One key in one direction, and one message at a time. */
struct gcm {
    struct gcm_key_data key;
    struct gcm_context_data state;
    const struct functions *f;
    unsigned char nonce[NONCE], tag[TAG], header[HEADER];
    bool encrypts, has_key, has_nonce, begun, has_tag;
    /* TLS 1.2: half of the nonce was given with the key; the header of the record that comes was
     * given */
    bool has_fixed, is_record;
};

/* --- messages ----------------------------------------------------------- */

static void vector_begin(struct gcm *g, const unsigned char *aad, size_t n)
{
    g->f->begin(&g->key, &g->state, g->nonce, aad, n);
    g->begun = true;
}

static void vector_add(struct gcm *g, unsigned char *out, const unsigned char *in, size_t n)
{
    if (n > 0) {
        (g->encrypts ? g->f->encrypt : g->f->decrypt)(&g->key, &g->state, out, in, n);
    }
}

/* Ends the message; a nonce is used once. Encrypting gives the tag, decrypting compares it. */
static bool vector_end(struct gcm *g)
{
    unsigned char found[TAG];
    (g->encrypts ? g->f->encrypt_end : g->f->decrypt_end)(&g->key, &g->state, found, TAG);
    bool ok = g->encrypts || (g->has_tag && CRYPTO_memcmp(found, g->tag, TAG) == 0);
    if (g->encrypts) {
        memcpy(g->tag, found, TAG);
    }
    g->has_tag = g->encrypts;
    g->has_nonce = g->begun = false;
    return ok;
}

/* The explicit half of the nonce counts (RFC 5288 3). */
static void vector_count(unsigned char counter[EXPLICIT])
{
    for (size_t i = EXPLICIT; i-- > 0 && ++counter[i] == 0;) {
    }
}

/* A whole record of TLS 1.2 where it lies: explicit nonce, text, tag. */
static int record(struct gcm *g, unsigned char *p, size_t n, size_t *ret_n)
{
    g->is_record = false;
    if (n < EXPLICIT + TAG || !g->has_fixed) {
        return 0;
    }
    size_t text = n - EXPLICIT - TAG;
    memcpy(g->encrypts ? p : g->nonce + FIXED, g->encrypts ? g->nonce + FIXED : p, EXPLICIT);
    if (!g->encrypts) {
        memcpy(g->tag, p + EXPLICIT + text, TAG);
        g->has_tag = true;
    }
    vector_begin(g, g->header, HEADER);
    vector_add(g, p + EXPLICIT, p + EXPLICIT, text);
    bool ok = vector_end(g);
    if (g->encrypts) {
        memcpy(p + EXPLICIT + text, g->tag, TAG);
        vector_count(g->nonce + FIXED);
    } else if (!ok) {
        OPENSSL_cleanse(p + EXPLICIT, text);
    }
    *ret_n = g->encrypts ? n : text;
    return ok;
}

/* --- what a provider of ciphers offers ---------------------------------- */

static void *gcm_new(const struct functions *f)
{
    struct gcm *g = aligned_alloc(64, (sizeof *g + 63) / 64 * 64);
    if (g) {
        memset(g, 0, sizeof *g);
        g->f = f;
    }
    return g;
}

static void *new_128(void *provider)
{
    return gcm_new(&functions_128);
}

static void *new_256(void *provider)
{
    return gcm_new(&functions_256);
}

static void gcm_free(void *ctx)
{
    if (ctx) {
        OPENSSL_cleanse(ctx, sizeof(struct gcm));
        free(ctx);
    }
}

static int gcm_set_params(void *ctx, const OSSL_PARAM params[]);

static int init(struct gcm *g, bool encrypts, const unsigned char *key, size_t key_n,
                const unsigned char *nonce, size_t nonce_n, const OSSL_PARAM params[])
{
    if ((key && key_n != g->f->key_n) || (nonce && nonce_n != NONCE)) {
        return 0;
    }
    g->encrypts = encrypts;
    g->begun = g->is_record = g->has_tag = false;
    if (key) {
        g->f->prepare(key, &g->key);
        g->has_key = true;
        g->has_nonce = g->has_fixed = false;
    }
    if (nonce) {
        memcpy(g->nonce, nonce, NONCE);
        g->has_nonce = true;
    }
    return gcm_set_params(g, params);
}

static int gcm_encrypt_init(void *ctx, const unsigned char *key, size_t key_n,
                            const unsigned char *nonce, size_t nonce_n, const OSSL_PARAM params[])
{
    return init(ctx, true, key, key_n, nonce, nonce_n, params);
}

static int gcm_decrypt_init(void *ctx, const unsigned char *key, size_t key_n,
                            const unsigned char *nonce, size_t nonce_n, const OSSL_PARAM params[])
{
    return init(ctx, false, key, key_n, nonce, nonce_n, params);
}

/* Additional data comes without out, once, and first. */
static int gcm_update(void *ctx, unsigned char *out, size_t *ret_n, size_t size,
                      const unsigned char *in, size_t n)
{
    struct gcm *g = ctx;
    if (!g->has_key) {
        return 0;
    }
    if (g->is_record) {
        return out == in && size >= n && record(g, out, n, ret_n);
    }
    if (!g->has_nonce || (out ? size < n : g->begun || n > AAD_MAX)) {
        return 0;
    }
    if (!g->begun) {
        vector_begin(g, in, out ? 0 : n);
    }
    if (out) {
        vector_add(g, out, in, n);
    }
    *ret_n = n;
    return 1;
}

static int gcm_final(void *ctx, unsigned char *out, size_t *ret_n, size_t size)
{
    struct gcm *g = ctx;
    if (!g->has_key || !g->has_nonce) {
        return 0;
    }
    if (!g->begun) {
        vector_begin(g, (const unsigned char *)"", 0);
    }
    *ret_n = 0;
    return vector_end(g);
}

/* --- parameters --------------------------------------------------------- */

static int get_params(OSSL_PARAM params[], size_t key_n)
{
    const struct {
        const char *name;
        size_t value;
    } all[] = {
        {OSSL_CIPHER_PARAM_MODE, EVP_CIPH_GCM_MODE},
        {OSSL_CIPHER_PARAM_KEYLEN, key_n},
        {OSSL_CIPHER_PARAM_IVLEN, NONCE},
        {OSSL_CIPHER_PARAM_BLOCK_SIZE, 1},
        {OSSL_CIPHER_PARAM_AEAD, 1},
        {OSSL_CIPHER_PARAM_CUSTOM_IV, 1},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        OSSL_PARAM *p = OSSL_PARAM_locate(params, all[i].name);
        bool is_flag = i >= 4;
        if (p && (is_flag  ? OSSL_PARAM_set_int(p, (int)all[i].value)
                  : i == 0 ? OSSL_PARAM_set_uint(p, (unsigned)all[i].value)
                           : OSSL_PARAM_set_size_t(p, all[i].value)) != 1) {
            return 0;
        }
    }
    return 1;
}

static int get_params_128(OSSL_PARAM params[])
{
    return get_params(params, 16);
}

static int get_params_256(OSSL_PARAM params[])
{
    return get_params(params, 32);
}

static const OSSL_PARAM *gettable(void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_uint(OSSL_CIPHER_PARAM_MODE, NULL),
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL),
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_BLOCK_SIZE, NULL),
        OSSL_PARAM_int(OSSL_CIPHER_PARAM_AEAD, NULL),
        OSSL_PARAM_int(OSSL_CIPHER_PARAM_CUSTOM_IV, NULL),
        OSSL_PARAM_END,
    };
    return known;
}

static int get_size(OSSL_PARAM params[], const char *name, size_t value)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, name);
    return !p || OSSL_PARAM_set_size_t(p, value) == 1;
}

/* The tag of what was encrypted last. */
static int gcm_get_params(void *ctx, OSSL_PARAM params[])
{
    struct gcm *g = ctx;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_AEAD_TAG);
    if (p && (!g->encrypts || !g->has_tag || p->data_size != TAG ||
              OSSL_PARAM_set_octet_string(p, g->tag, TAG) != 1)) {
        return 0;
    }
    return get_size(params, OSSL_CIPHER_PARAM_KEYLEN, g->f->key_n) &&
           get_size(params, OSSL_CIPHER_PARAM_IVLEN, NONCE) &&
           get_size(params, OSSL_CIPHER_PARAM_AEAD_TAGLEN, TAG) &&
           get_size(params, OSSL_CIPHER_PARAM_AEAD_TLS1_AAD_PAD, TAG);
}

static const OSSL_PARAM *gettable_ctx(void *ctx, void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL),
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, 0),
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_AEAD_TAGLEN, NULL),
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_AEAD_TLS1_AAD_PAD, NULL),
        OSSL_PARAM_END,
    };
    return known;
}

/* The tag that what comes must have. */
static int set_tag(struct gcm *g, const OSSL_PARAM *p)
{
    if (!p->data) {
        return p->data_size == TAG;
    }
    if (g->encrypts || p->data_size != TAG) {
        return 0;
    }
    memcpy(g->tag, p->data, TAG);
    g->has_tag = true;
    return 1;
}

/* TLS 1.2, with the key: the half of the nonce that stays. What a sender puts in the other half
 * begins anywhere. */
static int set_fixed(struct gcm *g, const OSSL_PARAM *p)
{
    if (!p->data || p->data_size != FIXED) {
        return 0;
    }
    memcpy(g->nonce, p->data, FIXED);
    g->has_fixed = true;
    return !g->encrypts || RAND_bytes(g->nonce + FIXED, EXPLICIT) == 1;
}

/* TLS 1.2, before each record: what it says outside (RFC 5246 6.2.3.3), in which the length must
 * be that of the text. */
static int set_header(struct gcm *g, const OSSL_PARAM *p)
{
    size_t more = g->encrypts ? EXPLICIT : EXPLICIT + TAG;
    if (!p->data || p->data_size != HEADER) {
        return 0;
    }
    memcpy(g->header, p->data, HEADER);
    size_t n = (size_t)g->header[HEADER - 2] << 8 | g->header[HEADER - 1];
    if (n < more) {
        return 0;
    }
    g->header[HEADER - 2] = (unsigned char)((n - more) >> 8);
    g->header[HEADER - 1] = (unsigned char)(n - more);
    g->is_record = true;
    return 1;
}

static int gcm_set_params(void *ctx, const OSSL_PARAM params[])
{
    size_t n = NONCE, key_n = ((struct gcm *)ctx)->f->key_n;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_IVLEN);
    if (p && (OSSL_PARAM_get_size_t(p, &n) != 1 || n != NONCE)) {
        return 0;
    }
    p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_KEYLEN);
    if (p && (OSSL_PARAM_get_size_t(p, &n) != 1 || n != key_n)) {
        return 0;
    }
    p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_AEAD_TAG);
    if (p && !set_tag(ctx, p)) {
        return 0;
    }
    p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED);
    if (p && !set_fixed(ctx, p)) {
        return 0;
    }
    p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_AEAD_TLS1_AAD);
    return !p || set_header(ctx, p);
}

static const OSSL_PARAM *settable_ctx(void *ctx, void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
        OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL),
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_AAD, NULL, 0),
        OSSL_PARAM_END,
    };
    return known;
}

/* --- the provider ------------------------------------------------------- */

#define DISPATCH(bits) \
    static const OSSL_DISPATCH cipher_##bits[] = \
        {{OSSL_FUNC_CIPHER_NEWCTX, (tls_provider_call)new_##bits}, \
         {OSSL_FUNC_CIPHER_FREECTX, (tls_provider_call)gcm_free}, \
         {OSSL_FUNC_CIPHER_ENCRYPT_INIT, (tls_provider_call)gcm_encrypt_init}, \
         {OSSL_FUNC_CIPHER_DECRYPT_INIT, (tls_provider_call)gcm_decrypt_init}, \
         {OSSL_FUNC_CIPHER_UPDATE, (tls_provider_call)gcm_update}, \
         {OSSL_FUNC_CIPHER_FINAL, (tls_provider_call)gcm_final}, \
         {OSSL_FUNC_CIPHER_GET_PARAMS, (tls_provider_call)get_params_##bits}, \
         {OSSL_FUNC_CIPHER_GETTABLE_PARAMS, (tls_provider_call)gettable}, \
         {OSSL_FUNC_CIPHER_GET_CTX_PARAMS, (tls_provider_call)gcm_get_params}, \
         {OSSL_FUNC_CIPHER_GETTABLE_CTX_PARAMS, (tls_provider_call)gettable_ctx}, \
         {OSSL_FUNC_CIPHER_SET_CTX_PARAMS, (tls_provider_call)gcm_set_params}, \
         {OSSL_FUNC_CIPHER_SETTABLE_CTX_PARAMS, (tls_provider_call)settable_ctx}, \
         {0, NULL}}

DISPATCH(128);
DISPATCH(256);

static const OSSL_ALGORITHM *vector_query(void *provider, int operation, int *ret_no_cache)
{
    static const OSSL_ALGORITHM ciphers[] = {
        {"AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", OURS, cipher_128,
         "AES-128-GCM, vector AES"},
        {"AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", OURS, cipher_256,
         "AES-256-GCM, vector AES"},
        {NULL, NULL, NULL, NULL},
    };
    *ret_no_cache = 0;
    return operation == OSSL_OP_CIPHER ? ciphers : NULL;
}

static int vector_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
                                const OSSL_DISPATCH **out, void **ret_provider)
{
    static const OSSL_DISPATCH calls[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (tls_provider_call)vector_query},
        {0, NULL},
    };
    *out = calls;
    *ret_provider = (void *)core;
    return 1;
}

/* The library's best for this processor. */
static bool find_functions(void)
{
    IMB_MGR *m = alloc_mb_mgr(0);
    if (!m) {
        return false;
    }
    init_mb_mgr_auto(m, NULL);
    functions_128 = (struct functions){16,
                                       m->gcm128_pre,
                                       m->gcm128_init,
                                       m->gcm128_enc_update,
                                       m->gcm128_dec_update,
                                       m->gcm128_enc_finalize,
                                       m->gcm128_dec_finalize};
    functions_256 = (struct functions){32,
                                       m->gcm256_pre,
                                       m->gcm256_init,
                                       m->gcm256_enc_update,
                                       m->gcm256_dec_update,
                                       m->gcm256_enc_finalize,
                                       m->gcm256_dec_finalize};
    free_mb_mgr(m);
    return true;
}

bool tls_vector_load(void)
{
    static OSSL_PROVIDER *ours;
    ours = ours || !find_functions() ? ours : tls_provider_add("vector", vector_provider_init);
    return ours;
}

/* Whether processor and system have what makes it worth while. The compiler's function knows of
 * wide registers that the system keeps, the library of the instructions. */
static bool is_worth_while(void)
{
    const uint64_t wanted = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ | IMB_FEATURE_AVX512_SKX;
    IMB_MGR *m = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                     ? alloc_mb_mgr(0)
                     : NULL;
    bool worth = m && (m->features & wanted) == wanted;
    if (m) {
        free_mb_mgr(m);
    }
    return worth;
}

void tls_vector_prefer(void)
{
    static bool asked;
    if (!asked) {
        asked = true;
        (void)(is_worth_while() && tls_vector_load());
    }
}
