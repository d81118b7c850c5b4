/* SPDX-License-Identifier: Apache-2.0
 * password.h: passwords as they are kept (argon2id, RFC 9106) and checked; also hashes of
 * crypt(3) in password files of others.
 */
#pragma once
#include "base/buf.h"

enum { PASSWORD_HASH_MAX = 128, PASSWORD_MAX = 1000 };

/* rest_init() first. A hash to keep (64 MiB, two passes: about 50 ms). 0 or -ENOMEM. */
int password_hash(const char *password, char ret[PASSWORD_HASH_MAX]) MUST_USE;
/* True when the hash was made of this password. Takes as long for a hash that cannot be read. */
bool password_ok(const char *hash, const char *password);
/* Takes as long as password_ok() and is false: for names that do not exist. */
bool password_nobody(const char *password);
/* Octets that are always the same for a name and tell nothing: the salt shown for unknown names. */
void password_decoy(const unsigned char secret[32], struct str name, unsigned char ret[16]);
void password_random(unsigned char *ret, size_t n);
