/* SPDX-License-Identifier: Apache-2.0
 * remote.c: the provider "postern" (provider(7), provider-keymgmt(7), provider-signature(7)): RSA
 * and EC keys whose private half is elsewhere. Loaded by smtpin and smtpout before any context is
 * made. Called by smtpin, smtpout and web at their start.
 *
 * Only a signature in one call, as TLS makes it, is offered; the digest is made here and only it
 * leaves the process. Exporting a key is refused, so that no other provider ever tries to sign with
 * the public half. What can go wrong: the keys process is away: the handshake fails.
 */
#include "tls/remote.h"
#include "base/clock.h"
#include "tls/tls_priv.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#define OURS       "provider=postern"
#define DEFAULT    "provider=default"
#define DEFINITION OURS ",postern.remote=yes"

struct remote_key {
    const char *type; /* "RSA" or "EC" */
    EVP_PKEY *public; /* of the default provider */
    unsigned char id[TLS_KEY_ID];
};

struct remote_signature {
    const struct remote_key *key;
    EVP_MD_CTX *digest;
    enum tls_hash hash;
    bool pss;
};

static struct {
    tls_sign_fn sign;
    void *arg;
    uint64_t n, us, failed;
    OSSL_PROVIDER *ours;
} remote;

uint64_t tls_remote_failed(void)
{
    return remote.failed;
}

void tls_remote_counts(uint64_t *ret_n, uint64_t *ret_us)
{
    *ret_n = remote.n;
    *ret_us = remote.us;
}

/* --- keys --------------------------------------------------------------- */

static void *rsa_new(void *provider)
{
    struct remote_key *k = err_calloc(1, sizeof *k);
    k->type = "RSA";
    return k;
}

static void *ec_new(void *provider)
{
    struct remote_key *k = rsa_new(provider);
    k->type = "EC";
    return k;
}

static void key_free(void *key)
{
    struct remote_key *k = key;
    if (k) {
        EVP_PKEY_free(k->public);
        free(k);
    }
}

/* Both halves are there as far as anybody needs to know. */
static int key_has(const void *key, int selection)
{
    const struct remote_key *k = key;
    return k && k->public;
}

static int key_match(const void *a, const void *b, int selection)
{
    const struct remote_key *one = a, *other = b;
    return one->public && other->public && EVP_PKEY_eq(one->public, other->public) == 1;
}

static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
    struct remote_key *k = key;
    unsigned char *der = NULL;
    unsigned n = 0;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, k->type, DEFAULT);
    int ok = ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
             EVP_PKEY_fromdata(ctx, &k->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) == 1;
    EVP_PKEY_CTX_free(ctx);
    int len = ok ? i2d_PUBKEY(k->public, &der) : 0;
    ok = len > 0 && EVP_Digest(der, (size_t)len, k->id, &n, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return ok;
}

static const OSSL_PARAM *rsa_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };
    return types;
}

static const OSSL_PARAM *ec_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };
    return types;
}

static int key_export(void *key, int selection, OSSL_CALLBACK *give, void *arg)
{
    const struct remote_key *k = key;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
               ? 0
               : EVP_PKEY_export(k->public, EVP_PKEY_PUBLIC_KEY, give, arg);
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
    const struct remote_key *k = key;
    return EVP_PKEY_get_params(k->public, params);
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    return list;
}

static const char *rsa_operation(int operation)
{
    return "RSA";
}

static const char *ec_operation(int operation)
{
    return "ECDSA";
}

#define KEY_FUNCTIONS(make, types, operation) \
    { \
        {OSSL_FUNC_KEYMGMT_NEW, (tls_provider_call)(make)}, \
            {OSSL_FUNC_KEYMGMT_FREE, (tls_provider_call)key_free}, \
            {OSSL_FUNC_KEYMGMT_HAS, (tls_provider_call)key_has}, \
            {OSSL_FUNC_KEYMGMT_MATCH, (tls_provider_call)key_match}, \
            {OSSL_FUNC_KEYMGMT_IMPORT, (tls_provider_call)key_import}, \
            {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (tls_provider_call)(types)}, \
            {OSSL_FUNC_KEYMGMT_EXPORT, (tls_provider_call)key_export}, \
            {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (tls_provider_call)(types)}, \
            {OSSL_FUNC_KEYMGMT_GET_PARAMS, (tls_provider_call)key_get_params}, \
            {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (tls_provider_call)key_gettable_params}, \
            {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (tls_provider_call)(operation)}, \
        { \
            0, NULL \
        } \
    }

static const OSSL_DISPATCH rsa_keys[] = KEY_FUNCTIONS(rsa_new, rsa_types, rsa_operation);
static const OSSL_DISPATCH ec_keys[] = KEY_FUNCTIONS(ec_new, ec_types, ec_operation);

/* --- signatures --------------------------------------------------------- */

static void *signature_new(void *provider, const char *properties)
{
    return err_calloc(1, sizeof(struct remote_signature));
}

static void signature_free(void *ctx)
{
    struct remote_signature *s = ctx;
    if (s) {
        EVP_MD_CTX_free(s->digest);
        free(s);
    }
}

static int set_padding(struct remote_signature *s, const OSSL_PARAM *p)
{
    int mode = 0;
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        s->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
        return s->pss || strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0;
    }
    if (OSSL_PARAM_get_int(p, &mode) != 1) {
        return 0;
    }
    s->pss = mode == RSA_PKCS1_PSS_PADDING;
    return s->pss || mode == RSA_PKCS1_PADDING;
}

/* TLS sets the padding; the salt is always as long as the digest (RFC 8446 4.2.3). */
static int signature_set_params(void *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p =
        params ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE) : NULL;
    return p ? set_padding(ctx, p) : 1;
}

static const OSSL_PARAM *signature_settable(void *ctx, void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    return list;
}

static int signature_begin(void *ctx, const char *name, void *key, const OSSL_PARAM params[])
{
    static const char *const names[] = {"SHA2-256", "SHA2-384", "SHA2-512"};
    static const EVP_MD *(*const mds[])(void) = {EVP_sha256, EVP_sha384, EVP_sha512};
    struct remote_signature *s = ctx;
    EVP_MD *asked = name ? EVP_MD_fetch(NULL, name, DEFAULT) : NULL;
    s->key = key;
    s->hash = TLS_HASH_END;
    for (int i = 0; asked && i < TLS_HASH_END; i++) {
        s->hash = EVP_MD_is_a(asked, names[i]) ? (enum tls_hash)i : s->hash;
    }
    EVP_MD_free(asked);
    if (s->hash == TLS_HASH_END) {
        return 0;
    }
    s->digest = s->digest ? s->digest : EVP_MD_CTX_new();
    return s->digest && EVP_DigestInit_ex(s->digest, mds[s->hash](), NULL) == 1 &&
           signature_set_params(s, params);
}

static int signature_update(void *ctx, const unsigned char *p, size_t n)
{
    return EVP_DigestUpdate(((struct remote_signature *)ctx)->digest, p, n);
}

static int signature_end(void *ctx, unsigned char *sig, size_t *ret_n, size_t size)
{
    struct remote_signature *s = ctx;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!sig) {
        *ret_n = (size_t)EVP_PKEY_get_size(s->key->public);
        return 1;
    }
    CLEANUP(buf_free) struct buf out = BUF_INIT(TLS_SIGNATURE_MAX);
    int64_t began = clock_mono_us();
    if (EVP_DigestFinal_ex(s->digest, digest, &n) != 1 ||
        remote.sign(remote.arg, s->key->id, s->hash, s->pss, str_from((const char *)digest, n),
                    &out) < 0 ||
        buf_len(&out) > size) {
        remote.failed++;
        return 0;
    }
    remote.n++;
    remote.us += (uint64_t)(clock_mono_us() - began);
    memcpy(sig, buf_str(&out).p, buf_len(&out));
    *ret_n = buf_len(&out);
    return 1;
}

static int signature_at_once(void *ctx, unsigned char *sig, size_t *ret_n, size_t size,
                             const unsigned char *p, size_t n)
{
    return (!sig || signature_update(ctx, p, n) == 1) && signature_end(ctx, sig, ret_n, size);
}

static const OSSL_DISPATCH signatures[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (tls_provider_call)signature_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (tls_provider_call)signature_free},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (tls_provider_call)signature_begin},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, (tls_provider_call)signature_update},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, (tls_provider_call)signature_end},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (tls_provider_call)signature_at_once},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (tls_provider_call)signature_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (tls_provider_call)signature_settable},
    {0, NULL},
};

/* --- the provider ------------------------------------------------------- */

static const OSSL_ALGORITHM *remote_query(void *provider, int operation, int *ret_no_cache)
{
    static const OSSL_ALGORITHM key_types[] = {
        {"RSA:rsaEncryption", DEFINITION, rsa_keys, "RSA, kept elsewhere"},
        {"EC:id-ecPublicKey", DEFINITION, ec_keys, "EC, kept elsewhere"},
        {NULL, NULL, NULL, NULL},
    };
    static const OSSL_ALGORITHM kinds[] = {
        {"RSA:rsaEncryption", DEFINITION, signatures, "RSA, kept elsewhere"},
        {"ECDSA", DEFINITION, signatures, "ECDSA, kept elsewhere"},
        {NULL, NULL, NULL, NULL},
    };
    *ret_no_cache = 0;
    return operation == OSSL_OP_KEYMGMT ? key_types : operation == OSSL_OP_SIGNATURE ? kinds : NULL;
}

static int remote_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
                                const OSSL_DISPATCH **out, void **ret_provider)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (tls_provider_call)remote_query},
        {0, NULL},
    };
    *out = functions;
    *ret_provider = (void *)core;
    return 1;
}

int tls_remote_start(tls_sign_fn sign, void *arg, char *problem, size_t size)
{
    remote.sign = sign;
    remote.arg = arg;
    remote.ours = tls_provider_add("postern", remote_provider_init);
    if (!remote.ours) {
        snprintf(problem, size, "the provider of remote keys cannot be loaded");
        return -EINVAL;
    }
    return 0;
}

EVP_PKEY *tls_remote_key(X509 *cert)
{
    EVP_PKEY *public = X509_get0_pubkey(cert), *key = NULL;
    const char *type = public && EVP_PKEY_is_a(public, "RSA")  ? "RSA"
                       : public && EVP_PKEY_is_a(public, "EC") ? "EC"
                                                               : NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = type ? EVP_PKEY_CTX_new_from_name(NULL, type, OURS) : NULL;
    if (!ctx || EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &params) != 1 ||
        EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        key = NULL;
    }
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}
