/* SPDX-License-Identifier: Apache-2.0
 * rest.h: messages encrypted at rest, and the wrapping of their keys.
 *
 * Each body has its own random key (AES-256-GCM in numbered pieces of 16 KiB, the last one
 * marked, so that truncation and reordering are noticed; docs/decisions/0012 has the
 * measurement). The key is wrapped for the `keys` process: smtpin makes an X25519 pair that
 * lives at most a minute, derives one wrapping secret with the public key of `keys`, and forgets
 * both; only `keys` can open what was wrapped. docs/decisions/0003 says why not a sealed box per
 * message (measured).
 */
#pragma once
#include "base/buf.h"

enum {
    REST_KEY = 32,    /* octets of a message key */
    REST_PUBLIC = 32, /* octets of the public key of `keys` */
    REST_SECRET = 32,
    REST_WRAPPED = 32 + 24 + 16 + REST_KEY, /* ephemeral public key, nonce, tag, key */
    REST_PIECE = 16 * 1024,                 /* octets of plain text per piece */
    REST_PIECE_SEALED = REST_PIECE + 17,
    REST_HEADER = 24,
};

/* Must be called once per process before anything else here. 0 or -EIO. */
int rest_init(void) MUST_USE;

struct rest_wrapper; /* the minute pair of a process that receives */

/* A wrapper for this public key (copied). The caller frees it. */
struct rest_wrapper *rest_wrapper_new(const unsigned char public_key[REST_PUBLIC]);
void rest_wrapper_free(struct rest_wrapper *w);
/* Draws a message key and wraps it. now_ms: monotonic; decides when to change the pair. */
int rest_wrap(struct rest_wrapper *w, int64_t now_ms, unsigned char ret_key[REST_KEY],
              unsigned char ret_wrapped[REST_WRAPPED]) MUST_USE;

struct rest_opener; /* the long-lived secret, in `keys` only */

void rest_make_secret(unsigned char ret_secret[REST_SECRET]);
struct rest_opener *rest_opener_new(const unsigned char secret[REST_SECRET],
                                    unsigned char ret_public[REST_PUBLIC]);
void rest_opener_free(struct rest_opener *o);
/* What tells one at-rest secret from another without giving it away: half of the SHA-256 of its
 * public key, as hex with a final zero. Kept in the store and shown to people. */
enum { REST_FINGERPRINT = 33 };
void rest_fingerprint(const unsigned char secret[REST_SECRET], char ret[REST_FINGERPRINT]);
/* 0, or -EBADMSG when it was not wrapped for us or was changed. */
int rest_unwrap(struct rest_opener *o, struct str wrapped,
                unsigned char ret_key[REST_KEY]) MUST_USE;

/* A key of its own for another text about the same message (BLAKE2b keyed with the message key):
 * one key seals one text. */
void rest_derive(const unsigned char key[REST_KEY], const char *purpose,
                 unsigned char ret[REST_KEY]);

/* A message key wrapped by a secret that only a link holds, and opened with it again
 * (XChaCha20-Poly1305 under a key made of the secret). REST_WRAPPED_BY_LINK octets. 0; -EBADMSG:
 * another secret. */
enum { REST_WRAPPED_BY_LINK = 24 + 16 + REST_KEY };
void rest_wrap_by_link(struct str secret, const unsigned char key[REST_KEY],
                       unsigned char ret[REST_WRAPPED_BY_LINK]);
int rest_unwrap_by_link(struct str secret, struct str wrapped,
                        unsigned char ret_key[REST_KEY]) MUST_USE;

/* SHA-256, for tokens that are kept as hashes only. */
void rest_hash(struct str text, unsigned char ret[32]);

struct rest_sealer;

/* Octets that a body of n plain octets has when sealed. */
uint64_t rest_sealed_size(uint64_t n);

/* Encrypts a body piece by piece; appends to out, starting with the stream header. */
struct rest_sealer *rest_sealer_new(const unsigned char key[REST_KEY]);
int rest_seal(struct rest_sealer *s, struct str plain, struct buf *out) MUST_USE;
int rest_seal_end(struct rest_sealer *s, struct buf *out) MUST_USE;
void rest_sealer_free(struct rest_sealer *s);

struct rest_reader;

/* Decrypts: feed any number of octets, plain text is appended to out; an empty feed says that
 * the sealed text ended. */
struct rest_reader *rest_reader_new(const unsigned char key[REST_KEY]);
/* 0, -EBADMSG (changed or not ours), -ENOSPC. */
int rest_read(struct rest_reader *r, struct str sealed, struct buf *out) MUST_USE;
/* True when the end piece was seen: anything else is a truncated body. */
bool rest_read_done(const struct rest_reader *r);
void rest_reader_free(struct rest_reader *r);
