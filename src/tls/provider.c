/* SPDX-License-Identifier: Apache-2.0
 * provider.c: the providers of our own (remote.c, vector.c) beside OpenSSL's, and which of them
 * is taken where several offer the same. Called by those two. What can go wrong: OpenSSL cannot
 * load one; nothing of it is used then.
 */
#include "tls/tls_priv.h"

#include <openssl/err.h>

/* Ciphers of vector.c where it is loaded; keys that are kept elsewhere only when they are asked
 * for. Properties of our own must have a dot in their names (property(7)). */
#define PREFERENCE "?postern.vector=yes,?postern.remote=no"

OSSL_PROVIDER *tls_provider_add(const char *name, OSSL_provider_init_fn *init)
{
    static OSSL_PROVIDER *usual; /* a named one keeps it from being loaded by itself */
    usual = usual ? usual : OSSL_PROVIDER_load(NULL, "default");
    bool ok = usual && EVP_set_default_properties(NULL, PREFERENCE) == 1 &&
              OSSL_PROVIDER_add_builtin(NULL, name, init) == 1;
    OSSL_PROVIDER *added = ok ? OSSL_PROVIDER_load(NULL, name) : NULL;
    ERR_clear_error();
    return added;
}
