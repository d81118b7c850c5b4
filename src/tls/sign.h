/* SPDX-License-Identifier: Apache-2.0
 * sign.h: signatures and digests for DKIM (RFC 6376, RFC 8463). The private key lives in `keys`.
 */
#pragma once
#include "base/buf.h"

struct tls_signer;
enum tls_algorithm { TLS_RSA_SHA256, TLS_ED25519_SHA256 };

/* RSA (2048 bit or more) or Ed25519 from PEM (borrowed). 0, or -EINVAL with a sentence. */
int tls_signer_new(struct str key_pem, char *problem, size_t size,
                   struct tls_signer **ret) MUST_USE;
void tls_signer_free(struct tls_signer *s);
enum tls_algorithm tls_signer_algorithm(const struct tls_signer *s);
/* The public half: of RSA a SubjectPublicKeyInfo (DER), of Ed25519 its 32 octets. 0, -EIO,
 * -ENOSPC. */
int tls_signer_public(const struct tls_signer *s, struct buf *out) MUST_USE;
/* Signs the SHA-256 of the text; appends the signature. 0, -EIO. */
int tls_sign(struct tls_signer *s, struct str text, struct buf *signature) MUST_USE;
void tls_sha256(struct str text, unsigned char digest[32]);
