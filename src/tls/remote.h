/* SPDX-License-Identifier: Apache-2.0
 * remote.h: private keys that live in another process (requirement: a process that reads
 * strangers' bytes holds no private key). A provider for OpenSSL 3 whose keys know only their
 * public half; each signature is asked of a function, which asks the keys process.
 */
#pragma once
#include "base/buf.h"

enum { TLS_KEY_ID = 32, TLS_DIGEST_MAX = 64, TLS_SIGNATURE_MAX = 1024 };

enum tls_hash { TLS_HASH_SHA256, TLS_HASH_SHA384, TLS_HASH_SHA512, TLS_HASH_END };

/* Signs a digest with the key whose SubjectPublicKeyInfo has this SHA-256; pss: RSA-PSS with a
 * salt as long as the digest, else RSA PKCS #1; ECDSA has no choice. Appends; 0 or -errno. May
 * block. */
typedef int (*tls_sign_fn)(void *arg, const unsigned char key_id[TLS_KEY_ID], enum tls_hash hash,
                           bool pss, struct str digest, struct buf *signature);
/* Once per process, before contexts are made. 0, or -EINVAL with a sentence. */
int tls_remote_start(tls_sign_fn sign, void *arg, char *problem, size_t size) MUST_USE;
/* Signatures asked for so far, and microseconds waited for them. */
void tls_remote_counts(uint64_t *ret_n, uint64_t *ret_us);

struct tls_private; /* the other half, in keys */

/* From PEM (borrowed). 0, or -EINVAL with a sentence. */
int tls_private_new(struct str pem, char *problem, size_t size, struct tls_private **ret) MUST_USE;
void tls_private_free(struct tls_private *p);
const unsigned char *tls_private_id(const struct tls_private *p);
int tls_private_sign(struct tls_private *p, enum tls_hash hash, bool pss, struct str digest,
                     struct buf *signature) MUST_USE;
