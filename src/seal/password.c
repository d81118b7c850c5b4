/* SPDX-License-Identifier: Apache-2.0
 * password.c: argon2id by libsodium; "$5$", "$6$", "$2b$", "$y$" of password files by crypt(3).
 * Called by the login process, and by postern user.
 */
#include "seal/password.h"

#include <crypt.h>
#include <sodium.h>
#include <stdlib.h>

enum { PASSES = 2, MEMORY = 64 * 1024 * 1024 };

_Static_assert(PASSWORD_HASH_MAX == crypto_pwhash_STRBYTES, "hash");

int password_hash(const char *password, char ret[PASSWORD_HASH_MAX])
{
    return crypto_pwhash_str_alg(ret, password, strlen(password), PASSES, MEMORY,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0
               ? 0
               : -ENOMEM;
}

bool password_nobody(const char *password)
{
    unsigned char out[32];
    static const unsigned char salt[crypto_pwhash_SALTBYTES];
    (void)!crypto_pwhash(out, sizeof out, password, strlen(password), salt, PASSES, MEMORY,
                         crypto_pwhash_ALG_ARGON2ID13);
    return false;
}

static bool crypt_ok(const char *hash, const char *password)
{
    struct crypt_data *data = err_calloc(1, sizeof *data);
    const char *made = crypt_rn(password, hash, data, sizeof *data);
    bool ok = made && made[0] == '$' && strlen(made) == strlen(hash) &&
              sodium_memcmp(made, hash, strlen(hash)) == 0;
    sodium_memzero(data, sizeof *data);
    free(data);
    return ok;
}

bool password_ok(const char *hash, const char *password)
{
    if (strlen(password) > PASSWORD_MAX) {
        return false;
    }
    if (strncmp(hash, "$argon2id$", 10) == 0) {
        return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
    }
    return hash[0] == '$' ? crypt_ok(hash, password) : password_nobody(password);
}

void password_decoy(const unsigned char secret[32], struct str name, unsigned char ret[16])
{
    crypto_generichash(ret, 16, (const unsigned char *)name.p, name.n, secret, 32);
}

void password_random(unsigned char *ret, size_t n)
{
    randombytes_buf(ret, n);
}
