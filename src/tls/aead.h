/* SPDX-License-Identifier: Apache-2.0
 * aead.h: AES-256-GCM over pieces that are counted (SP 800-38D): a key is used for one stream
 * only, and a piece's number is its nonce. For seal/, which has the format; here is the cipher.
 */
#pragma once
#include "base/str.h"

enum { TLS_AEAD_KEY = 32, TLS_AEAD_TAG = 16 };

struct tls_aead;

/* One direction of one stream. NULL: the library cannot. */
struct tls_aead *tls_aead_new(const unsigned char key[TLS_AEAD_KEY], bool encrypt);
void tls_aead_free(struct tls_aead *a);
/* Encrypts head and then plain as one piece into out (head.n + plain.n + TLS_AEAD_TAG octets). 0
 * or -EIO. */
int tls_aead_seal(struct tls_aead *a, uint64_t number, struct str head, struct str plain,
                  char *out) MUST_USE;
/* Decrypts: the first head_n octets into head, the rest (sealed.n - head_n - TLS_AEAD_TAG
 * octets) into out. 0, or -EBADMSG: changed, or another piece; what was written is then not to
 * be used. */
int tls_aead_open(struct tls_aead *a, uint64_t number, struct str sealed, char *head, size_t head_n,
                  char *out) MUST_USE;
