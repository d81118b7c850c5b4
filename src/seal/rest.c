/* SPDX-License-Identifier: Apache-2.0
 * rest.c: encryption at rest: bodies by AES-256-GCM (tls/aead.c), keys by libsodium. Called by
 * smtpin (seal, wrap), smtpout (read; seal for bounces) and keys (unwrap). The only folder that
 * includes libsodium.
 */
#include "seal/rest.h"
#include "tls/aead.h"

#include <sodium.h>
#include <stdlib.h>

enum { WRAPPER_LIFE_MS = 60 * 1000, OPENED_PAIRS = 64 };

struct rest_wrapper {
    unsigned char theirs[REST_PUBLIC];
    unsigned char ours[REST_PUBLIC];
    unsigned char shared[32];
    int64_t made_ms;
    bool made;
};

/* The header that says how a body is sealed; bodies of earlier versions begin with 24 random
 * octets, and are libsodium's secretstream with pieces of the same size. */
static const unsigned char magic[REST_HEADER] = "postern aes-256-gcm 16K";

enum { TAG_MORE = 0, TAG_FINAL = crypto_secretstream_xchacha20poly1305_TAG_FINAL };

struct rest_sealer {
    struct tls_aead *aead;
    uint64_t number; /* of the next piece */
    bool started;
    struct buf piece;
};

struct rest_reader {
    crypto_secretstream_xchacha20poly1305_state state; /* without aead */
    struct tls_aead *aead;
    uint64_t number;
    unsigned char key[REST_KEY];
    bool started, done;
    struct buf piece;
};

/* A pair of some smtpin whose secret was derived already. */
struct opened_pair {
    unsigned char public[REST_PUBLIC];
    unsigned char shared[32];
};

struct rest_opener {
    unsigned char secret[REST_SECRET];
    unsigned char public[REST_PUBLIC];
    struct opened_pair pairs[OPENED_PAIRS];
    size_t n_pairs, next;
};

_Static_assert(REST_HEADER == crypto_secretstream_xchacha20poly1305_HEADERBYTES, "header");
_Static_assert(REST_PIECE_SEALED == REST_PIECE + crypto_secretstream_xchacha20poly1305_ABYTES,
               "piece");
_Static_assert(REST_WRAPPED ==
                   32 + crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + REST_KEY,
               "wrapped");

int rest_init(void)
{
    return sodium_init() < 0 ? -EIO : 0;
}

/* shared = BLAKE2b(X25519(secret, peer) || ephemeral || recipient) */
static int derive(const unsigned char secret[32], const unsigned char peer[32],
                  const unsigned char ephemeral[32], const unsigned char recipient[32],
                  unsigned char ret[32])
{
    unsigned char q[32];
    crypto_generichash_state h;
    if (crypto_scalarmult(q, secret, peer) != 0) {
        return -EBADMSG;
    }
    crypto_generichash_init(&h, NULL, 0, 32);
    crypto_generichash_update(&h, q, sizeof q);
    crypto_generichash_update(&h, ephemeral, 32);
    crypto_generichash_update(&h, recipient, 32);
    crypto_generichash_final(&h, ret, 32);
    sodium_memzero(q, sizeof q);
    return 0;
}

struct rest_wrapper *rest_wrapper_new(const unsigned char public_key[REST_PUBLIC])
{
    struct rest_wrapper *w = err_calloc(1, sizeof *w);
    memcpy(w->theirs, public_key, REST_PUBLIC);
    return w;
}

void rest_wrapper_free(struct rest_wrapper *w)
{
    if (w) {
        sodium_memzero(w, sizeof *w);
        free(w);
    }
}

static int renew_pair(struct rest_wrapper *w, int64_t now_ms)
{
    unsigned char secret[32];
    crypto_box_keypair(w->ours, secret);
    int r = derive(secret, w->theirs, w->ours, w->theirs, w->shared);
    sodium_memzero(secret, sizeof secret);
    w->made = r == 0;
    w->made_ms = now_ms;
    return r;
}

int rest_wrap(struct rest_wrapper *w, int64_t now_ms, unsigned char ret_key[REST_KEY],
              unsigned char ret_wrapped[REST_WRAPPED])
{
    if (!w->made || now_ms - w->made_ms > WRAPPER_LIFE_MS) {
        int r = renew_pair(w, now_ms);
        if (r < 0) {
            return r;
        }
    }
    unsigned char *nonce = ret_wrapped + 32;
    crypto_secretstream_xchacha20poly1305_keygen(ret_key);
    memcpy(ret_wrapped, w->ours, 32);
    randombytes_buf(nonce, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(nonce + crypto_secretbox_NONCEBYTES, ret_key, REST_KEY, nonce, w->shared);
    return 0;
}

void rest_make_secret(unsigned char ret_secret[REST_SECRET])
{
    randombytes_buf(ret_secret, REST_SECRET);
}

struct rest_opener *rest_opener_new(const unsigned char secret[REST_SECRET],
                                    unsigned char ret_public[REST_PUBLIC])
{
    struct rest_opener *o = err_calloc(1, sizeof *o);
    (void)sodium_mlock(o, sizeof *o);
    memcpy(o->secret, secret, REST_SECRET);
    crypto_scalarmult_base(o->public, secret);
    memcpy(ret_public, o->public, REST_PUBLIC);
    return o;
}

void rest_opener_free(struct rest_opener *o)
{
    if (o) {
        (void)sodium_munlock(o, sizeof *o);
        sodium_memzero(o, sizeof *o);
        free(o);
    }
}

static const unsigned char *shared_with(struct rest_opener *o, const unsigned char public[32])
{
    for (size_t i = 0; i < o->n_pairs; i++) {
        if (memcmp(o->pairs[i].public, public, 32) == 0) {
            return o->pairs[i].shared;
        }
    }
    struct opened_pair *pair = &o->pairs[o->next];
    if (derive(o->secret, public, public, o->public, pair->shared) < 0) {
        return NULL;
    }
    memcpy(pair->public, public, 32);
    o->next = (o->next + 1) % OPENED_PAIRS;
    o->n_pairs = o->n_pairs < OPENED_PAIRS ? o->n_pairs + 1 : OPENED_PAIRS;
    return pair->shared;
}

int rest_unwrap(struct rest_opener *o, struct str wrapped, unsigned char ret_key[REST_KEY])
{
    if (wrapped.n != REST_WRAPPED) {
        return -EBADMSG;
    }
    const unsigned char *p = (const unsigned char *)wrapped.p;
    const unsigned char *shared = shared_with(o, p);
    const unsigned char *nonce = p + 32;
    return shared && crypto_secretbox_open_easy(ret_key, nonce + crypto_secretbox_NONCEBYTES,
                                                REST_KEY + crypto_secretbox_MACBYTES, nonce,
                                                shared) == 0
               ? 0
               : -EBADMSG;
}

void rest_derive(const unsigned char key[REST_KEY], const char *purpose,
                 unsigned char ret[REST_KEY])
{
    crypto_generichash(ret, REST_KEY, (const unsigned char *)purpose, strlen(purpose), key,
                       REST_KEY);
}

static void link_key(struct str secret, unsigned char ret[REST_KEY])
{
    static const unsigned char purpose[] = "postern link";
    crypto_generichash_state state;
    crypto_generichash_init(&state, purpose, sizeof purpose, REST_KEY);
    crypto_generichash_update(&state, (const unsigned char *)secret.p, secret.n);
    crypto_generichash_final(&state, ret, REST_KEY);
}

void rest_wrap_by_link(struct str secret, const unsigned char key[REST_KEY],
                       unsigned char ret[REST_WRAPPED_BY_LINK])
{
    unsigned char k[REST_KEY];
    link_key(secret, k);
    randombytes_buf(ret, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(ret + crypto_secretbox_NONCEBYTES, key, REST_KEY, ret, k);
    sodium_memzero(k, sizeof k);
}

int rest_unwrap_by_link(struct str secret, struct str wrapped, unsigned char ret_key[REST_KEY])
{
    unsigned char k[REST_KEY];
    const unsigned char *w = (const unsigned char *)wrapped.p;
    if (wrapped.n != REST_WRAPPED_BY_LINK) {
        return -EBADMSG;
    }
    link_key(secret, k);
    int bad = crypto_secretbox_open_easy(ret_key, w + crypto_secretbox_NONCEBYTES,
                                         wrapped.n - crypto_secretbox_NONCEBYTES, w, k);
    sodium_memzero(k, sizeof k);
    return bad ? -EBADMSG : 0;
}

void rest_fingerprint(const unsigned char secret[REST_SECRET], char ret[REST_FINGERPRINT])
{
    unsigned char public_key[REST_PUBLIC], hash[32];
    rest_opener_free(rest_opener_new(secret, public_key));
    rest_hash(str_from((const char *)public_key, sizeof public_key), hash);
    sodium_bin2hex(ret, REST_FINGERPRINT, hash, (REST_FINGERPRINT - 1) / 2);
}

void rest_hash(struct str text, unsigned char ret[32])
{
    crypto_hash_sha256(ret, (const unsigned char *)text.p, text.n);
}

uint64_t rest_sealed_size(uint64_t n)
{
    uint64_t pieces = n == 0 ? 1 : (n + REST_PIECE - 1) / REST_PIECE;
    return REST_HEADER + n + pieces * (REST_PIECE_SEALED - REST_PIECE);
}

struct rest_sealer *rest_sealer_new(const unsigned char key[REST_KEY])
{
    struct rest_sealer *s = err_calloc(1, sizeof *s);
    s->piece = BUF_INIT(REST_PIECE);
    s->aead = tls_aead_new(key, true);
    must(s->aead);
    return s;
}

/* A piece is one octet that says whether it is the last, and the text. */
static int seal_piece(struct rest_sealer *s, struct str plain, bool last, struct buf *out)
{
    char *room, tag = last ? TAG_FINAL : TAG_MORE;
    int r = s->started ? 0 : buf_append(out, magic, sizeof magic);
    s->started = true;
    r = r < 0 ? r : buf_reserve(out, plain.n + 17, &room);
    r = r < 0 ? r : tls_aead_seal(s->aead, s->number++, str_from(&tag, 1), plain, room);
    if (r == 0) {
        buf_commit(out, plain.n + 17);
    }
    return r;
}

/* Fills the held piece first; whole pieces go through without a copy. The last piece is held
 * back. */
int rest_seal(struct rest_sealer *s, struct str plain, struct buf *out)
{
    while (plain.n > 0) {
        size_t held = buf_len(&s->piece);
        int r;
        if (held == 0 && plain.n > REST_PIECE) {
            r = seal_piece(s, str_slice(plain, 0, REST_PIECE), false, out);
            plain = str_slice(plain, REST_PIECE, plain.n);
        } else if (held == REST_PIECE) {
            r = seal_piece(s, buf_str(&s->piece), false, out);
            buf_reset(&s->piece);
        } else {
            size_t n = plain.n < REST_PIECE - held ? plain.n : REST_PIECE - held;
            r = buf_append(&s->piece, plain.p, n);
            plain = str_slice(plain, n, plain.n);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int rest_seal_end(struct rest_sealer *s, struct buf *out)
{
    return seal_piece(s, buf_str(&s->piece), true, out);
}

void rest_sealer_free(struct rest_sealer *s)
{
    if (s) {
        buf_wipe(&s->piece);
        tls_aead_free(s->aead);
        free(s);
    }
}

struct rest_reader *rest_reader_new(const unsigned char key[REST_KEY])
{
    struct rest_reader *r = err_calloc(1, sizeof *r);
    memcpy(r->key, key, REST_KEY);
    r->piece = BUF_INIT(REST_PIECE_SEALED);
    return r;
}

/* The tag of our own pieces comes before the text. */
static int rest_open_own(struct rest_reader *r, struct str sealed, char *room, size_t *ret_n,
                         unsigned char *ret_tag)
{
    *ret_n = sealed.n - 17;
    return tls_aead_open(r->aead, r->number++, sealed, (char *)ret_tag, 1, room);
}

static int open_old(struct rest_reader *r, struct str sealed, char *room, size_t *ret_n,
                    unsigned char *ret_tag)
{
    unsigned long long n = 0;
    int bad = crypto_secretstream_xchacha20poly1305_pull(&r->state, (unsigned char *)room, &n,
                                                         ret_tag, (const unsigned char *)sealed.p,
                                                         sealed.n, NULL, 0);
    *ret_n = (size_t)n;
    return bad ? -EBADMSG : 0;
}

static int open_piece(struct rest_reader *r, struct str sealed, struct buf *out)
{
    char *room;
    unsigned char tag = TAG_MORE;
    size_t n = 0;
    if (sealed.n < 17 || r->done) {
        return -EBADMSG;
    }
    int err = buf_reserve(out, sealed.n, &room);
    err = err < 0   ? err
          : r->aead ? rest_open_own(r, sealed, room, &n, &tag)
                    : open_old(r, sealed, room, &n, &tag);
    if (err < 0) {
        return err;
    }
    buf_commit(out, n);
    r->done = tag == TAG_FINAL;
    return 0;
}

static int start_reading(struct rest_reader *r)
{
    const unsigned char *header = (const unsigned char *)buf_str(&r->piece).p;
    int bad = 0;
    if (memcmp(header, magic, sizeof magic) == 0) {
        r->aead = tls_aead_new(r->key, false);
        bad = !r->aead;
    } else {
        bad = crypto_secretstream_xchacha20poly1305_init_pull(&r->state, header, r->key);
    }
    r->started = true;
    buf_reset(&r->piece);
    return bad ? -EBADMSG : 0;
}

/* Every piece but the last is full, so a short piece can only be the last: empty `sealed` ends. */
int rest_read(struct rest_reader *r, struct str sealed, struct buf *out)
{
    if (sealed.n == 0 && r->started && buf_len(&r->piece) > 0) {
        int err = open_piece(r, buf_str(&r->piece), out);
        buf_reset(&r->piece);
        return err;
    }
    while (sealed.n > 0) {
        /* a whole one: without a copy */
        if (r->started && buf_len(&r->piece) == 0 && sealed.n >= REST_PIECE_SEALED) {
            int err = open_piece(r, str_slice(sealed, 0, REST_PIECE_SEALED), out);
            if (err < 0) {
                return err;
            }
            sealed = str_slice(sealed, REST_PIECE_SEALED, sealed.n);
            continue;
        }
        size_t want = r->started ? REST_PIECE_SEALED : REST_HEADER;
        size_t held = buf_len(&r->piece);
        size_t n = sealed.n < want - held ? sealed.n : want - held;
        int err = buf_append(&r->piece, sealed.p, n);
        sealed = str_slice(sealed, n, sealed.n);
        if (err == 0 && held + n == want) {
            if (!r->started) {
                err = start_reading(r);
            } else {
                err = open_piece(r, buf_str(&r->piece), out);
                buf_reset(&r->piece);
            }
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

bool rest_read_done(const struct rest_reader *r)
{
    return r->done;
}

void rest_reader_free(struct rest_reader *r)
{
    if (r) {
        buf_wipe(&r->piece);
        tls_aead_free(r->aead);
        sodium_memzero(r, sizeof *r);
        free(r);
    }
}
