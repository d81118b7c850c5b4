/* SPDX-License-Identifier: Apache-2.0
 * test_nist.c: profile nist against SP 800-52r2, in the order of docs/nist.md, which says where
 * its words come from.
 */
#include "tls_pair.h"

/* --- suites (3.3.1, 4.3) ------------------------------------------------ */

/* 3.3.1: authenticated suites before CBC, 256 bit first among each; signature algorithms of FIPS
 * 186, none with SHA-1. */
static void offers(void **state)
{
    static const char *const suites[] = {
        "TLS_AES_256_GCM_SHA384",
        "TLS_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES256-CCM",
        "DHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES128-CCM",
        "DHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-RSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-RSA-AES128-SHA256",
        "DHE-RSA-AES256-SHA256",
        "DHE-RSA-AES128-SHA256",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "DHE-RSA-AES256-SHA",
        "DHE-RSA-AES128-SHA",
    };
    static const struct {
        int signature, hash;
    } signatures[] = {
        {EVP_PKEY_EC, NID_sha256},      {EVP_PKEY_EC, NID_sha384},
        {EVP_PKEY_EC, NID_sha512},      {EVP_PKEY_RSA_PSS, NID_sha256},
        {EVP_PKEY_RSA_PSS, NID_sha384}, {EVP_PKEY_RSA_PSS, NID_sha512},
        {EVP_PKEY_RSA, NID_sha256},     {EVP_PKEY_RSA, NID_sha384},
        {EVP_PKEY_RSA, NID_sha512},
    };
    struct tls_context *c = client_context(TLS_PROFILE_NIST), *s = server_context("good");
    STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(c->ssl);
    assert_int_equal(sk_SSL_CIPHER_num(list), ARRAY_LEN(suites));
    for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
        assert_string_equal(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, (int)i)), suites[i]);
    }
    SSL *seen[2] = {SSL_new(c->ssl), SSL_new(s->ssl)};
    BIO *a, *b;
    assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(seen[0], a, a);
    SSL_set_bio(seen[1], b, b);
    SSL_set_connect_state(seen[0]);
    SSL_set_accept_state(seen[1]);
    (void)SSL_do_handshake(seen[0]);
    (void)SSL_do_handshake(seen[1]);
    int n = SSL_get_sigalgs(seen[1], 0, NULL, NULL, NULL, NULL, NULL);
    assert_int_equal(n, ARRAY_LEN(signatures));
    for (int i = 0; i < n; i++) {
        int sign, hash;
        SSL_get_sigalgs(seen[1], i, &sign, &hash, NULL, NULL, NULL);
        assert_int_equal(sign, signatures[i].signature);
        assert_int_equal(hash, signatures[i].hash);
    }
    SSL_free(seen[0]);
    SSL_free(seen[1]);
    tls_context_free(c);
    tls_context_free(s);
}

static struct buf listed;

static bool is_listed(const char *suite)
{
    struct str rest = buf_str(&listed), line;
    while (str_split(&rest, '\n', &line)) {
        if (str_eq(line, str_c(suite))) {
            return true;
        }
    }
    return false;
}

static bool is_offered(struct tls_context *ctx, struct str suite)
{
    STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx->ssl);
    for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
        if (str_eq(suite, str_c(SSL_CIPHER_standard_name(sk_SSL_CIPHER_value(list, i))))) {
            return true;
        }
    }
    return false;
}

/* Why a suite of the publication is not offered (docs/nist.md). */
static bool is_left_out(const char *suite)
{
    static const char *const kinds[] = {
        "CCM_8",
        "TLS_RSA_WITH",
        "TLS_DH_",
        "TLS_ECDH_",
        "_DSS_",
        "TLS_DHE_RSA_WITH_AES_128_CCM",
        "TLS_DHE_RSA_WITH_AES_256_CCM",
        "TLS_AES_128_CCM_SHA256",
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strstr(suite, kinds[i])) {
            return true;
        }
    }
    return false;
}

/* 3.3.1: nothing but the suites of the publication; those of it that are missing are of the
 * kinds said. */
static void suites_of_the_list(void **state)
{
    listed = BUF_INIT(1 << 16);
    assert_int_equal(file_read("tests/unit/nist-suites.txt", &listed), 0);
    served = TLS_PROFILE_NIST;
    struct tls_context *both[] = {client_context(TLS_PROFILE_NIST), server_context("good")};
    served = TLS_PROFILE_WIDE;
    for (size_t side = 0; side < 2; side++) {
        STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(both[side]->ssl);
        for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
            assert_true(is_listed(SSL_CIPHER_standard_name(sk_SSL_CIPHER_value(list, i))));
        }
        struct str rest = buf_str(&listed), line;
        int n = 0;
        while (str_split(&rest, '\n', &line)) {
            char *suite = str_dup(line);
            if (line.n > 0 && *suite != '#') {
                n++;
                assert_int_equal(is_offered(both[side], line), !is_left_out(suite));
            }
            free(suite);
        }
        assert_int_equal(n, 70);
        tls_context_free(both[side]);
    }
    assert_false(is_listed("TLS_CHACHA20_POLY1305_SHA256"));
    buf_free(&listed);
}

/* --- extensions (3.4, 4.4) ---------------------------------------------- */

enum {
    SERVER_NAME = 0,
    CERT_URL = 2,
    TRUNCATED_HMAC = 4,
    STATUS_REQUEST = 5,
    SUPPORTED_GROUPS = 10,
    POINT_FORMATS = 11,
    SIGNATURE_ALGORITHMS = 13,
    HEARTBEAT = 15,
    CLIENT_CERT_TYPE = 19,
    SERVER_CERT_TYPE = 20,
    ENCRYPT_THEN_MAC = 22,
    EXTENDED_MASTER_SECRET = 23,
    EARLY_DATA = 42,
    SUPPORTED_VERSIONS = 43,
    KEY_SHARE = 51,
    RENEGOTIATION_INFO = 0xff01
};

struct seen {
    bool client[0x10000], server[0x10000]; /* by IANA number */
};

/* A peer that shows what it is sent; servers answer what was asked for only. */
static void note_extension(SSL *ssl, int from_server, int type, const unsigned char *data, int n,
                           void *arg)
{
    struct seen *seen = arg;
    (from_server ? seen->server : seen->client)[type & 0xffff] = true;
}

static void shake_bare(SSL_CTX *client, SSL_CTX *server, int version, const char *ciphers,
                       struct seen *seen)
{
    SSL *ends[2] = {SSL_new(client), SSL_new(server)};
    BIO *a, *b;
    memset(seen, 0, sizeof *seen);
    assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(ends[0], a, a);
    SSL_set_bio(ends[1], b, b);
    SSL_set_connect_state(ends[0]);
    SSL_set_accept_state(ends[1]);
    SSL_set_tlsext_host_name(ends[0], "mx.good.test");
    SSL_set_max_proto_version(ends[0], version);
    assert_true(!ciphers || SSL_set_cipher_list(ends[0], ciphers) == 1);
    for (int i = 0; i < 2; i++) {
        SSL_set_tlsext_debug_callback(ends[i], note_extension);
        SSL_set_tlsext_debug_arg(ends[i], seen);
    }
    for (int i = 0; i < 8; i++) {
        (void)SSL_do_handshake(ends[i % 2]);
    }
    assert_true(SSL_is_init_finished(ends[0]) && SSL_is_init_finished(ends[1]));
    assert_string_equal(SSL_get_version(ends[1]),
                        version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    SSL_free(ends[0]);
    SSL_free(ends[1]);
}

/* 4.4.1, 4.4.2: what a client says in its first message, and what must not be there. 3.4.1: what
 * a server answers. */
static void extensions(void **state)
{
    static const int said[] = {
        SERVER_NAME,
        STATUS_REQUEST,
        SUPPORTED_GROUPS,
        POINT_FORMATS,
        SIGNATURE_ALGORITHMS,
        ENCRYPT_THEN_MAC,
        EXTENDED_MASTER_SECRET,
        SUPPORTED_VERSIONS,
        KEY_SHARE,
    };
    static const int never[] = {
        CERT_URL, TRUNCATED_HMAC, HEARTBEAT, CLIENT_CERT_TYPE, SERVER_CERT_TYPE, EARLY_DATA,
    };
    served = TLS_PROFILE_NIST;
    struct tls_context *c = client_context(TLS_PROFILE_NIST), *s = server_context("good");
    served = TLS_PROFILE_WIDE;
    struct seen *seen = calloc(1, sizeof *seen);
    shake_bare(c->ssl, s->ssl, TLS1_3_VERSION, NULL, seen);
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        assert_true(seen->client[said[i]]);
    }
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        assert_false(seen->client[never[i]] || seen->server[never[i]]);
    }
    assert_true(seen->server[SUPPORTED_VERSIONS] && seen->server[KEY_SHARE]);
    shake_bare(c->ssl, s->ssl, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", seen);
    assert_true(seen->server[RENEGOTIATION_INFO] && seen->server[EXTENDED_MASTER_SECRET] &&
                seen->server[ENCRYPT_THEN_MAC]);
    free(seen);
    tls_context_free(c);
    tls_context_free(s);
}

/* 3.5.4: a client is asked with an empty hints list, so that it can show what it has. */
static void hints_are_empty(void **state)
{
    char problem[200];
    struct buf chain = load("good.pem"), key = load("good.key"), ca = load("ca.pem");
    struct tls_context *s;
    assert_int_equal(tls_context_server(&(struct tls_own){buf_str(&chain), buf_str(&key)}, 1,
                                        TLS_PROFILE_NIST, buf_str(&ca), problem, sizeof problem,
                                        &s),
                     0);
    STACK_OF(X509_NAME) *hints = SSL_CTX_get_client_CA_list(s->ssl);
    assert_int_equal(hints ? sk_X509_NAME_num(hints) : 0, 0);
    assert_true((SSL_CTX_get_verify_mode(s->ssl) & SSL_VERIFY_PEER) != 0);
    tls_context_free(s);
    buf_free(&chain);
    buf_free(&key);
    buf_free(&ca);
}

/* --- keys, groups, signatures (3.2.1, 3.3.1, 3.4.2.2) ------------------- */

static bool is_within(const struct tls_facts *f)
{
    return tls_within_nist(str_c(f->cipher), str_c(f->group), str_c(f->signature),
                           str_c(f->peer_key));
}

/* 3.2.1: keys of RSA from 2048 bit, of P-256 and P-384 (P-521). No session with another key is
 * called within the profile; with curves that are not of SP 800-56A, and with Edwards curves,
 * there is none in it (openssl/openssl has brainpool for TLS 1.3 since 3.2). */
static void keys(void **state)
{
    static const struct {
        const char *certificate;
        bool opens; /* with profile nist; wide takes what the library does */
        bool within;
        const char *key;
    } cases[] = {
        {"good", true, true, "EC 256"},        {"rsa", true, true, "RSA 2048"},
        {"p384", true, true, "EC 384"},        {"small", true, false, "RSA 1024"},
        {"ed25519", false, false, NULL},       {"brainpool", false, false, "brainpoolP256r1 256"},
        {"k1", false, false, "secp256k1 256"},
    };
    served = TLS_PROFILE_LEGACY;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        bool wide = i % 2 > 0;
        struct pair p = shake(cases[i / 2].certificate, "mx.good.test",
                              wide ? TLS_PROFILE_WIDE : TLS_PROFILE_NIST);
        bool open = tls_channel_state(p.client) == TLS_OPEN;
        const struct tls_facts *f = tls_channel_facts(p.client);
        assert_true(wide || open == cases[i / 2].opens);
        if (open) {
            struct str p256 = STR("secp256r1"); /* of wide, the group is not in question here */
            assert_true(!cases[i / 2].key || strcmp(f->peer_key, cases[i / 2].key) == 0);
            assert_int_equal(tls_within_nist(str_c(f->cipher), p256, str_c(f->signature),
                                             str_c(f->peer_key)),
                             cases[i / 2].within &&
                                 !str_starts_nocase(str_c(f->cipher), STR("TLS_CHACHA20")));
        }
        end(&p);
    }
    served = TLS_PROFILE_WIDE;
}

/* 3.4.2.2: of finite fields SP 800-56A appendix D has the groups of RFC 7919 for TLS. The primes
 * of RFC 3526, OpenSSL's own choice, are for IKE there: such a session is not called within. */
static void finite_fields(void **state)
{
    static const struct {
        const char *group;
        bool within;
    } cases[] = {{"ffdhe2048", true}, {"modp_2048", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_context *s = server_context("rsa"), *c = client_context(TLS_PROFILE_NIST);
        EVP_PKEY_CTX *made = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
        EVP_PKEY *parameters = NULL;
        assert_int_equal(EVP_PKEY_keygen_init(made), 1);
        assert_int_equal(EVP_PKEY_CTX_set_group_name(made, cases[i].group), 1);
        assert_int_equal(EVP_PKEY_generate(made, &parameters), 1);
        assert_int_equal(SSL_CTX_set0_tmp_dh_pkey(s->ssl, parameters), 1);
        EVP_PKEY_CTX_free(made);
        SSL_CTX_set_max_proto_version(s->ssl, TLS1_2_VERSION);
        assert_int_equal(SSL_CTX_set_cipher_list(s->ssl, "DHE-RSA-AES256-GCM-SHA384"), 1);
        struct pair p = {
            tls_channel_client(c, &(struct tls_peer){.name = "mx.good.test"}),
            tls_channel_server(s),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
        };
        tls_context_free(s);
        tls_context_free(c);
        pump(&p);
        const struct tls_facts *f = tls_channel_facts(p.client);
        assert_string_equal(f->cipher, "DHE-RSA-AES256-GCM-SHA384");
        assert_string_equal(f->group, cases[i].group);
        assert_int_equal(is_within(f), cases[i].within);
        end(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers),     cmocka_unit_test(suites_of_the_list),
        cmocka_unit_test(extensions), cmocka_unit_test(hints_are_empty),
        cmocka_unit_test(keys),       cmocka_unit_test(finite_fields),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
