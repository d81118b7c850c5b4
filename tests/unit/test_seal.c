/* SPDX-License-Identifier: Apache-2.0
 * test_seal.c: encryption at rest: round trips at every border size, tampering, truncation, keys.
 */
#include "check.h"
#include "seal/rest.h"
#include "seal/token.h"
#include "tls/aead.h"

#include <sodium.h>

static void fill(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)(i * 31 + i / 256);
    }
}

static int open_sealed(const unsigned char *key, struct str sealed, size_t piece, struct buf *out)
{
    struct rest_reader *r = rest_reader_new(key);
    int e = 0;
    for (size_t at = 0; e == 0 && at < sealed.n; at += piece) {
        e = rest_read(r, str_slice(sealed, at, sealed.n - at < piece ? sealed.n : at + piece), out);
    }
    e = e < 0 ? e : rest_read(r, STR(""), out);
    if (e == 0 && !rest_read_done(r)) {
        e = -EBADMSG;
    }
    rest_reader_free(r);
    return e;
}

static void seal(const unsigned char *key, struct str plain, size_t piece, struct buf *out)
{
    struct rest_sealer *s = rest_sealer_new(key);
    for (size_t at = 0; at < plain.n; at += piece) {
        assert_int_equal(rest_seal(s,
                                   str_slice(plain, at,
                                             plain.n - at < piece ? plain.n : at + piece),
                                   out),
                         0);
    }
    assert_int_equal(rest_seal_end(s, out), 0);
    rest_sealer_free(s);
}

static void round_trips(void **state)
{
    static const size_t sizes[] =
        {0, 1, REST_PIECE - 1, REST_PIECE, REST_PIECE + 1, 3 * REST_PIECE, 100000};
    static char plain[100000];
    unsigned char key[REST_KEY] = {1};
    fill(plain, sizeof plain);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        static const size_t pieces[] = {1 << 20, 1000, REST_PIECE};
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            CLEANUP(buf_free) struct buf sealed = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
            seal(key, str_from(plain, sizes[i]), pieces[k], &sealed);
            assert_int_equal(buf_len(&sealed), rest_sealed_size(sizes[i]));
            assert_int_equal(open_sealed(key, buf_str(&sealed), 777, &back), 0);
            assert_int_equal(buf_len(&back), sizes[i]);
            assert_memory_equal(buf_str(&back).p, plain, sizes[i]);
        }
    }
}

static void changes_are_noticed(void **state)
{
    static char plain[40000];
    unsigned char key[REST_KEY] = {1}, other[REST_KEY] = {2};
    CLEANUP(buf_free) struct buf sealed = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
    fill(plain, sizeof plain);
    seal(key, str_from(plain, sizeof plain), 1 << 20, &sealed);
    assert_int_equal(open_sealed(other, buf_str(&sealed), 1 << 20, &back), -EBADMSG);
    /* truncated anywhere, piece borders too */
    for (size_t cut = 0; cut < buf_len(&sealed); cut += 4001) {
        assert_int_equal(open_sealed(key, str_slice(buf_str(&sealed), 0, cut), 1 << 20, &back),
                         -EBADMSG);
    }
    size_t border = REST_HEADER + REST_PIECE_SEALED;
    assert_int_equal(open_sealed(key, str_slice(buf_str(&sealed), 0, border), 1 << 20, &back),
                     -EBADMSG);
    for (size_t at = 30; at < buf_len(&sealed); at += 7919) {
        sealed.p[sealed.head + at] ^= 1;
        assert_int_equal(open_sealed(key, buf_str(&sealed), 1 << 20, &back), -EBADMSG);
        sealed.p[sealed.head + at] ^= 1;
    }
}

static void only_keys_can_unwrap(void **state)
{
    unsigned char secret[REST_SECRET], public[REST_PUBLIC], key[REST_KEY], back[REST_KEY],
        wrapped[REST_WRAPPED], second[REST_WRAPPED];
    assert_int_equal(rest_init(), 0);
    rest_make_secret(secret);
    struct rest_opener *o = rest_opener_new(secret, public);
    struct rest_wrapper *w = rest_wrapper_new(public);
    assert_int_equal(rest_wrap(w, 0, key, wrapped), 0);
    assert_int_equal(rest_unwrap(o, str_from((char *)wrapped, sizeof wrapped), back), 0);
    assert_memory_equal(key, back, REST_KEY);
    assert_int_equal(rest_wrap(w, 1000, key, second), 0);
    assert_memory_equal(wrapped, second, 32); /* the same minute: the same pair */
    assert_int_equal(rest_wrap(w, 61 * 1000, key, second), 0);
    assert_memory_not_equal(wrapped, second, 32); /* a new one afterwards */
    assert_int_equal(rest_unwrap(o, str_from((char *)second, sizeof second), back), 0);
    assert_memory_equal(key, back, REST_KEY);
    for (size_t i = 0; i < sizeof wrapped; i++) {
        wrapped[i] ^= 0x80;
        assert_int_equal(rest_unwrap(o, str_from((char *)wrapped, sizeof wrapped), back), -EBADMSG);
        wrapped[i] ^= 0x80;
    }
    assert_int_equal(rest_unwrap(o, str_from((char *)wrapped, sizeof wrapped - 1), back), -EBADMSG);
    rest_opener_free(o);
    rest_wrapper_free(w);
}

/* GCM test case 14 and 13 of the specification (McGrew, Viega): all-zero key and nonce. */
static void gcm_vectors(void **state)
{
    static const unsigned char key[TLS_AEAD_KEY], zeros[16];
    static const unsigned char want[32] = {
        0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5,
        0xd3, 0xba, 0xf3, 0x9d, 0x18, 0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99,
        0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19,
    };
    char out[32], back[16], first = 'x';
    struct tls_aead *a = tls_aead_new(key, true), *b = tls_aead_new(key, false);
    assert_int_equal(tls_aead_seal(a, 0, str_from((const char *)zeros, 1),
                                   str_from((const char *)zeros, 15), out),
                     0);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(tls_aead_open(b, 0, str_from(out, sizeof out), &first, 1, back), 0);
    assert_true(first == 0);
    assert_memory_equal(back, zeros, 15);
    assert_int_equal(tls_aead_open(b, 0, str_from(out, sizeof out), NULL, 0, back), 0);
    assert_memory_equal(back, zeros, sizeof back);
    /* another piece's place */
    assert_int_equal(tls_aead_open(b, 1, str_from(out, sizeof out), &first, 1, back), -EBADMSG);
    assert_int_equal(tls_aead_open(b, 0, str_from(out, TLS_AEAD_TAG), &first, 1, back), -EBADMSG);
    tls_aead_free(a);
    tls_aead_free(b);
}

/* A body sealed by the version before (libsodium's secretstream) is still read. */
static void old_bodies(void **state)
{
    unsigned char key[REST_KEY] = {7}, sealed[REST_HEADER + 17 + 5];
    crypto_secretstream_xchacha20poly1305_state st;
    CLEANUP(buf_free) struct buf back = BUF_INIT(100);
    assert_int_equal(rest_init(), 0);
    crypto_secretstream_xchacha20poly1305_init_push(&st, sealed, key);
    crypto_secretstream_xchacha20poly1305_push(&st, sealed + REST_HEADER, NULL,
                                               (const unsigned char *)"hello", 5, NULL, 0,
                                               crypto_secretstream_xchacha20poly1305_TAG_FINAL);
    assert_int_equal(open_sealed(key, str_from((const char *)sealed, sizeof sealed), 1000, &back),
                     0);
    check_str(buf_str(&back), "hello");
}

/* Every changed letter is noticed; the case of letters is not. */
static void tokens(void **state)
{
    unsigned char secret[TOKEN_SECRET] = {1, 2, 3}, other[TOKEN_SECRET] = {1, 2, 4};
    char token[TOKEN_TEXT], again[TOKEN_TEXT], changed[TOKEN_TEXT];
    assert_int_equal(rest_init(), 0);
    token_make(secret, STR("choice p 1"), token);
    token_make(secret, STR("choice p 1"), again);
    assert_int_equal(strlen(token), TOKEN_TEXT - 1);
    assert_string_equal(token, again);
    assert_true(token_ok(secret, STR("choice p 1"), str_c(token)));
    assert_false(token_ok(secret, STR("choice p 2"), str_c(token)));
    assert_false(token_ok(other, STR("choice p 1"), str_c(token)));
    for (size_t i = 0; i < TOKEN_TEXT - 1; i++) {
        memcpy(changed, token, sizeof changed);
        changed[i] = (char)(changed[i] >= 'a' ? changed[i] - 32 : changed[i]);
        assert_true(token_ok(secret, STR("choice p 1"), str_c(changed)));
        changed[i] = token[i] == '7' ? '8' : '7';
        assert_false(token_ok(secret, STR("choice p 1"), str_c(changed)));
        assert_false(token_ok(secret, STR("choice p 1"), str_from(token, i)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens),
        cmocka_unit_test(gcm_vectors),
        cmocka_unit_test(old_bodies),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(changes_are_noticed),
        cmocka_unit_test(only_keys_can_unwrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
