/* SPDX-License-Identifier: Apache-2.0
 * fuzz_rest.c: libFuzzer target. Sealed bodies, of this version and of earlier ones, wrapped
 * keys, keys behind links and signed texts from a hostile disk or browser: never accepted unless
 * they are ours, octet for octet.
 *
 * An input: which of them (1 octet), how large (2 octets), then how what we made is changed
 * (fuzz.h); or octets alone.
 */
#include "fuzz.h"
#include "seal/rest.h"
#include "seal/token.h"

#include <sodium.h>

enum { OCTETS, BODY, OLD_BODY, WRAPPED, BY_LINK, SIGNED, KINDS };

static const unsigned char secret[REST_SECRET] = {7}, body_key[REST_KEY] = {1};
static struct rest_opener *opener;
static struct rest_wrapper *wrapper;

/* What a body holds; pieces of it lie at any place. */
static void fill(struct buf *plain, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        must(buf_append(plain, &(char){(char)(i * 31 + i / 251)}, 1) == 0);
    }
}

static void seal(struct str plain, struct buf *ret)
{
    struct rest_sealer *s = rest_sealer_new(body_key);
    must(rest_seal(s, plain, ret) == 0 && rest_seal_end(s, ret) == 0);
    must(buf_len(ret) == rest_sealed_size(plain.n));
    rest_sealer_free(s);
}

/* As versions before 0012 did: libsodium's secretstream, pieces of 16 KiB. */
static void seal_old(struct str plain, struct buf *ret)
{
    crypto_secretstream_xchacha20poly1305_state state;
    unsigned char header[REST_HEADER], piece[REST_PIECE_SEALED];
    crypto_secretstream_xchacha20poly1305_init_push(&state, header, body_key);
    must(buf_append(ret, header, sizeof header) == 0);
    do {
        struct str part = str_slice(plain, 0, plain.n < REST_PIECE ? plain.n : REST_PIECE);
        const unsigned char *p = (const unsigned char *)part.p;
        plain = str_slice(plain, part.n, plain.n);
        unsigned char tag = plain.n == 0 ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0;
        crypto_secretstream_xchacha20poly1305_push(&state, piece, NULL, p, part.n, NULL, 0, tag);
        must(buf_append(ret, piece, part.n + 17) == 0);
    } while (plain.n > 0);
}

/* True: it was whole. What came out before is what went in, in any case. */
static bool reads(struct str sealed, struct str plain, size_t step)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(1 << 20);
    struct rest_reader *r = rest_reader_new(body_key);
    int bad = 0;
    while (sealed.n > 0 && bad == 0) {
        size_t n = sealed.n < step ? sealed.n : step;
        bad = rest_read(r, str_slice(sealed, 0, n), &out);
        sealed = str_slice(sealed, n, sealed.n);
    }
    bad = bad < 0 ? bad : rest_read(r, STR(""), &out);
    must(buf_len(&out) <= plain.n && memcmp(buf_str(&out).p, plain.p, buf_len(&out)) == 0);
    bool whole = bad == 0 && rest_read_done(r);
    must(!whole || buf_len(&out) == plain.n);
    rest_reader_free(r);
    return whole;
}

static void body(bool old, size_t n, struct str script)
{
    CLEANUP(buf_free) struct buf plain = BUF_INIT(1 << 20), sealed = BUF_INIT(1 << 20);
    CLEANUP(buf_free) struct buf changed = BUF_INIT(1 << 21);
    size_t step = (size_t)take_octet(&script) * 97 + 1;
    fill(&plain, n);
    if (old) {
        seal_old(buf_str(&plain), &sealed);
    } else {
        seal(buf_str(&plain), &sealed);
    }
    change(buf_str(&sealed), &script, &changed);
    bool same = str_eq(buf_str(&changed), buf_str(&sealed));
    must(reads(buf_str(&changed), buf_str(&plain), step) == same);
}

static void wrapped_key(struct str script)
{
    unsigned char key[REST_KEY], wrapped[REST_WRAPPED], opened[REST_KEY];
    CLEANUP(buf_free) struct buf changed = BUF_INIT(4096);
    int64_t now = (int64_t)take_octet(&script) * 1000;
    must(rest_wrap(wrapper, now, key, wrapped) == 0);
    struct str whole = str_from((const char *)wrapped, sizeof wrapped);
    change(whole, &script, &changed);
    bool opens = rest_unwrap(opener, buf_str(&changed), opened) == 0;
    must(!opens || memcmp(opened, key, sizeof key) == 0);
    must(opens || !str_eq(buf_str(&changed), whole));
}

/* The first line is the link's secret. */
static void by_link(struct str in)
{
    unsigned char wrapped[REST_WRAPPED_BY_LINK], opened[REST_KEY];
    CLEANUP(buf_free) struct buf changed = BUF_INIT(4096);
    struct str link;
    (void)!str_split(&in, '\n', &link);
    rest_wrap_by_link(link, body_key, wrapped);
    struct str whole = str_from((const char *)wrapped, sizeof wrapped);
    change(whole, &in, &changed);
    bool opens = rest_unwrap_by_link(link, buf_str(&changed), opened) == 0;
    must(opens == str_eq(buf_str(&changed), whole));
    must(!opens || memcmp(opened, body_key, sizeof opened) == 0);
    must(rest_unwrap_by_link(STR("another"), whole, opened) < 0 || str_eq(link, STR("another")));
}

/* The first line is the text. */
static void signed_text(struct str in)
{
    char token[TOKEN_TEXT];
    CLEANUP(buf_free) struct buf changed = BUF_INIT(4096);
    struct str text;
    (void)!str_split(&in, '\n', &text);
    token_make(secret, text, token);
    must(token_ok(secret, text, str_c(token)));
    change(str_c(token), &in, &changed);
    must(token_ok(secret, text, buf_str(&changed)) ==
         str_eq_nocase(buf_str(&changed), str_c(token)));
    must(!token_ok(secret, in, str_c(token)) || str_eq(in, text));
}

static void octets(struct str in)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(1 << 20);
    unsigned char key[REST_KEY];
    struct rest_reader *r = rest_reader_new(body_key);
    if (rest_read(r, in, &out) == 0 && rest_read(r, STR(""), &out) == 0) {
        must(!rest_read_done(r)); /* nobody can make a valid stream without the key */
    }
    rest_reader_free(r);
    must(rest_unwrap(opener, in, key) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char public_key[REST_PUBLIC];
    struct str in = str_from((const char *)data, size);
    if (!opener) {
        must(rest_init() == 0);
        opener = rest_opener_new(secret, public_key);
        wrapper = rest_wrapper_new(public_key);
    }
    unsigned kind = take_octet(&in) % KINDS;
    size_t n = kind == BODY || kind == OLD_BODY ? (size_t)take_octet(&in) << 8 : 0;
    n = n ? n | take_octet(&in) : 0;
    switch (kind) {
    case BODY:
    case OLD_BODY:
        body(kind == OLD_BODY, n, in);
        break;
    case WRAPPED:
        wrapped_key(in);
        break;
    case BY_LINK:
        by_link(in);
        break;
    case SIGNED:
        signed_text(in);
        break;
    default:
        octets(in);
    }
    return 0;
}
