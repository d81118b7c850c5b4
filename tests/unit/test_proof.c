/* SPDX-License-Identifier: Apache-2.0
 * test_proof.c: passkeys and logins elsewhere. Keys and signatures are OpenSSL's; base64url by
 * RFC 4648 section 10 and RFC 7515 appendix C, PKCE by RFC 7636 appendix B, the layout of
 * authenticator data by Web Authentication level 2, section 6.1 (COSE keys: RFC 9053).
 */
#include "check.h"
#include "oidc/oidc.h"
#include "passkey/passkey.h"
#include "seal/rest.h"
#include "wire/base64.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>

static void base64url_as_the_rfcs_have_it(void **state)
{
    static const unsigned char jose[] = {3, 236, 255, 224, 193};
    struct buf out = BUF_INIT(64), back = BUF_INIT(64);
    assert_int_equal(base64url_write(str_from((const char *)jose, sizeof jose), &out), 0);
    check_str(buf_str(&out), "A-z_4ME");
    assert_int_equal(base64url_read(buf_str(&out), &back), 0);
    assert_true(str_eq(buf_str(&back), str_from((const char *)jose, sizeof jose)));
    buf_reset(&back);
    assert_int_equal(base64url_read(STR("Zm9vYg=="), &back), 0);
    check_str(buf_str(&back), "foob");
    assert_int_equal(base64url_read(STR("Zm9+Yg"), &back), -EBADMSG);
    assert_int_equal(base64url_read(STR("Zm 9"), &back), -EBADMSG);
    assert_int_equal(base64url_read(STR("Zm9vY"), &back), -EBADMSG);
    buf_free(&out);
    buf_free(&back);
}

/* --- passkeys ----------------------------------------------------------- */

static const char origin[] = "https://secure.clinic.example:8443", challenge[] = "sixteen octets!!";

struct device {
    EVP_PKEY *key;
    struct buf client, data, signature;
};

static struct device device_new(void)
{
    return (struct device){EVP_EC_gen("P-256"), BUF_INIT(1024), BUF_INIT(1024), BUF_INIT(256)};
}

static void device_free(struct device *d)
{
    EVP_PKEY_free(d->key);
    buf_free(&d->client);
    buf_free(&d->data);
    buf_free(&d->signature);
}

static void write_client(struct device *d, const char *type, const char *asked, const char *from)
{
    struct buf c = BUF_INIT(128);
    buf_reset(&d->client);
    must(base64url_write(str_c(asked), &c) == 0);
    must(buf_printf(&d->client,
                    "{\"type\":\"%s\",\"challenge\":\"" STR_FMT
                    "\",\"origin\":\"%s\",\"crossOrigin\":false}",
                    type, STR_ARG(buf_str(&c)), from) == 0);
    buf_free(&c);
}

/* RP hash, flags, count; and with a key: AAGUID, id, COSE key {1: 2, 3: -7, -1: 1, -2: x, -3:
 * y}. */
static void write_data(struct device *d, const char *party, unsigned flags, uint8_t count,
                       bool with_key)
{
    unsigned char hash[32], point[65], head[5] = {(unsigned char)flags, 0, 0, 0, count},
                                       aaguid[16] = {0};
    size_t n;
    rest_hash(str_c(party), hash);
    buf_reset(&d->data);
    must(buf_append(&d->data, hash, 32) == 0 && buf_append(&d->data, head, 5) == 0);
    if (with_key) {
        must(EVP_PKEY_get_octet_string_param(d->key, "pub", point, sizeof point, &n) == 1 &&
             n == 65);
        must(buf_append(&d->data, aaguid, 16) == 0 &&
             buf_append(&d->data,
                        "\x00\x04"
                        "name",
                        6) == 0 &&
             buf_append(&d->data, "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", 10) == 0 &&
             buf_append(&d->data, point + 1, 32) == 0 &&
             buf_append(&d->data, "\x22\x58\x20", 3) == 0 &&
             buf_append(&d->data, point + 33, 32) == 0);
    }
}

static void sign(struct device *d)
{
    unsigned char hash[32], text[256];
    size_t n = sizeof text;
    struct buf signed_octets = BUF_INIT(2048);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    rest_hash(buf_str(&d->client), hash);
    must(buf_add(&signed_octets, buf_str(&d->data)) == 0 &&
         buf_append(&signed_octets, hash, 32) == 0);
    must(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, d->key) == 1 &&
         EVP_DigestSign(c, text, &n, (const unsigned char *)buf_str(&signed_octets).p,
                        buf_len(&signed_octets)) == 1);
    buf_reset(&d->signature);
    must(buf_append(&d->signature, text, n) == 0);
    EVP_MD_CTX_free(c);
    buf_free(&signed_octets);
}

static int made(struct device *d, struct passkey *ret)
{
    char problem[200];
    return passkey_new(&(struct passkey_asked){STR("sixteen octets!!"), origin},
                       buf_str(&d->client), buf_str(&d->data), ret, problem, sizeof problem);
}

static int proved(struct device *d, const struct passkey *k, const char *why)
{
    char problem[200] = "";
    uint32_t uses = 0;
    int r = passkey_proves(&(struct passkey_asked){STR("sixteen octets!!"), origin}, k,
                           buf_str(&d->client), buf_str(&d->data), buf_str(&d->signature), &uses,
                           problem, sizeof problem);
    assert_string_equal(problem, why);
    return r < 0 ? r : (int)uses;
}

static void a_passkey_is_made_for_one_question_of_one_site(void **state)
{
    struct device d = device_new();
    struct passkey k;
    write_client(&d, "webauthn.create", challenge, origin);
    write_data(&d, "secure.clinic.example", 0x45, 0, true);
    assert_int_equal(made(&d, &k), 0);
    assert_int_equal(k.algorithm, PASSKEY_ES256);
    check_str(str_from((const char *)k.id, k.n_id), "name");
    write_data(&d, "evil.example", 0x45, 0, true);
    assert_int_equal(made(&d, &k), -EBADMSG);
    write_data(&d, "secure.clinic.example", 0x41, 0, true); /* present, not verified */
    assert_int_equal(made(&d, &k), -EBADMSG);
    write_data(&d, "secure.clinic.example", 0x05, 0, false); /* no key in it */
    assert_int_equal(made(&d, &k), -EBADMSG);
    write_data(&d, "secure.clinic.example", 0x45, 0, true);
    write_client(&d, "webauthn.get", challenge, origin);
    assert_int_equal(made(&d, &k), -EBADMSG);
    write_client(&d, "webauthn.create", "another question", origin);
    assert_int_equal(made(&d, &k), -EBADMSG);
    write_client(&d, "webauthn.create", challenge, "https://secure.clinic.example");
    assert_int_equal(made(&d, &k), -EBADMSG);
    device_free(&d);
}

static void a_passkey_proves_with_its_own_signature(void **state)
{
    struct device d = device_new(), other = device_new();
    struct passkey k;
    write_client(&d, "webauthn.create", challenge, origin);
    write_data(&d, "secure.clinic.example", 0x45, 0, true);
    assert_int_equal(made(&d, &k), 0);
    write_client(&d, "webauthn.get", challenge, origin);
    write_data(&d, "secure.clinic.example", 0x05, 7, false);
    sign(&d);
    assert_int_equal(proved(&d, &k, ""), 7);
    k.uses = 7;
    assert_int_equal(proved(&d, &k, "it was used before, or there are two of it"), -EBADMSG);
    k.uses = 0;
    write_data(&d, "secure.clinic.example", 0x05, 0, false); /* devices without a count */
    sign(&d);
    assert_int_equal(proved(&d, &k, ""), 0);
    EVP_PKEY *own = d.key;
    d.key = other.key;
    sign(&d);
    d.key = own;
    assert_int_equal(proved(&d, &k, "the signature is not of this passkey"), -EBADMSG);
    sign(&d);
    write_data(&d, "secure.clinic.example", 0x05, 9, false); /* not what was signed */
    assert_int_equal(proved(&d, &k, "the signature is not of this passkey"), -EBADMSG);
    write_data(&d, "secure.clinic.example", 0x01, 9, false);
    sign(&d);
    assert_int_equal(proved(&d, &k, "the device did not verify who holds it"), -EBADMSG);
    write_data(&d, "clinic.example", 0x05, 9, false);
    sign(&d);
    assert_int_equal(proved(&d, &k, "the device answered for another site"), -EBADMSG);
    write_data(&d, "secure.clinic.example", 0x05, 9, false);
    write_client(&d, "webauthn.get", challenge, "https://evil.example");
    sign(&d);
    assert_int_equal(proved(&d, &k, "it was made for another site"), -EBADMSG);
    device_free(&d);
    device_free(&other);
}

/* --- logins elsewhere --------------------------------------------------- */

static void a_login_is_asked_for_as_the_rfcs_say(void **state)
{
    static const char text[] =
        "{\"issuer\":\"https://login.example/t\",\"authorization_endpoint\":\"https://"
        "login.example/t/go?x=1\",\"token_endpoint\":\"https://login.example/t/token\"}";
    struct oidc_server s;
    char problem[200];
    unsigned char hash[32];
    struct buf out = BUF_INIT(4096);
    assert_int_equal(oidc_description_url("https://login.example/t", &out), 0);
    check_str(buf_str(&out), "https://login.example/t/.well-known/openid-configuration");
    assert_int_equal(oidc_description(str_c(text), "https://login.example/t", &s, problem,
                                      sizeof problem),
                     0);
    assert_int_equal(oidc_description(str_c(text), "https://login.example/other", &s, problem,
                                      sizeof problem),
                     -EBADMSG);
    assert_int_equal(
        oidc_description(STR("{\"issuer\":\"i\",\"authorization_endpoint\":\"http://a.example/"
                             "\",\"token_endpoint\":\"https://a.example/\"}"),
                         "i", &s, problem, sizeof problem),
        -EBADMSG);
    assert_int_equal(oidc_description(STR("[1]"), "i", &s, problem, sizeof problem), -EBADMSG);
    assert_int_equal(oidc_description(str_c(text), "https://login.example/t", &s, problem,
                                      sizeof problem),
                     0);
    rest_hash(STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), hash); /* RFC 7636, appendix B */
    buf_reset(&out);
    assert_int_equal(oidc_login_url(&s, "our id", "https://p.example/oidc", STR("s"), STR("n"),
                                    hash, STR("a+b@c.example"), &out),
                     0);
    check_str(buf_str(&out), "https://login.example/t/"
                             "go?x=1&response_type=code&scope=openid%20email&client_id=our%20id&"
                             "redirect_uri=https%3A%2F%2Fp.example%2Foidc&state=s&nonce=n&code_"
                             "challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_"
                             "method=S256&login_hint=a%2Bb%40c.example");
    buf_reset(&out);
    assert_int_equal(oidc_token_request("id", STR("p&q"), "https://p.example/oidc", STR("c d"),
                                        STR("v"), &out),
                     0);
    check_str(buf_str(&out), "grant_type=authorization_code&code=c%20d&redirect_uri=https%3A%2F%"
                             "2Fp.example%2Foidc&client_id=id&code_verifier=v&client_secret=p%26q");
    buf_free(&out);
}

static const char *answer(const char *claims, const char *claim)
{
    static char problem[200];
    struct buf token = BUF_INIT(4096), text = BUF_INIT(4096);
    const struct oidc_asked asked = {
        .issuer = "https://i.example",
        .client = "me",
        .nonce = STR("n0nce"),
        .address = STR("a@c.example"),
        .claim = claim,
        .now_ms = 1700000000000,
    };
    must(base64url_write(str_c(claims), &token) == 0 &&
         buf_printf(&text, "{\"id_token\":\"eyJ9." STR_FMT ".c2ln\"}", STR_ARG(buf_str(&token))) ==
             0);
    int r = oidc_token_answer(buf_str(&text), &asked, problem, sizeof problem);
    buf_free(&token);
    buf_free(&text);
    return r == 0 ? "" : problem;
}

#define TIMES "\"exp\":1700000300,\"iat\":1699999990,"

static void a_login_counts_for_one_person_and_one_question(void **state)
{
    char problem[200];
    const struct oidc_asked asked = {
        .issuer = "i",
        .client = "c",
        .nonce = STR("n"),
        .address = STR("a"),
        .claim = "email",
        .now_ms = 1,
    };
    assert_string_equal(
        answer("{\"iss\":\"https://i.example\",\"aud\":\"me\"," TIMES
               "\"nonce\":\"n0nce\",\"email\":\"A@c.Example\",\"email_verified\":true}",
               "email"),
        "");
    assert_string_equal(answer("{\"iss\":\"https://i.example\",\"aud\":\"me\"," TIMES
                               "\"nonce\":\"n0nce\",\"email\":\"a@c.example\"}",
                               "email"),
                        "the provider does not vouch for the address");
    assert_string_equal(answer("{\"iss\":\"https://i.example\",\"aud\":\"me\"," TIMES
                               "\"nonce\":\"n0nce\",\"upn\":\"a@c.example\"}",
                               "upn"),
                        "");
    assert_string_equal(answer("{\"iss\":\"https://i.example\",\"aud\":\"me\"," TIMES
                               "\"nonce\":\"n0nce\",\"upn\":\"b@c.example\"}",
                               "upn"),
                        "somebody else logged in");
    assert_string_equal(answer("{\"iss\":\"https://i.example\",\"aud\":[\"me\",\"you\"]," TIMES
                               "\"nonce\":\"n0nce\",\"upn\":\"a@c.example\"}",
                               "upn"),
                        "the login was for another client");
    assert_string_equal(
        answer("{\"iss\":\"https://i.example\",\"aud\":[\"me\",\"you\"],\"azp\":\"me\"," TIMES
               "\"nonce\":\"n0nce\",\"upn\":\"a@c.example\"}",
               "upn"),
        "");
    assert_string_equal(answer("{\"iss\":\"https://j.example\",\"aud\":\"me\"," TIMES
                               "\"nonce\":\"n0nce\",\"upn\":\"a@c.example\"}",
                               "upn"),
                        "the login is of another issuer");
    assert_string_equal(answer("{\"iss\":\"https://i.example\",\"aud\":\"me\"," TIMES
                               "\"nonce\":\"n\",\"upn\":\"a@c.example\"}",
                               "upn"),
                        "the login was for another question");
    assert_string_equal(answer("{\"iss\":\"https://"
                               "i.example\",\"aud\":\"me\",\"exp\":1699999000,\"iat\":1699999990,"
                               "\"nonce\":\"n0nce\",\"upn\":\"a@c.example\"}",
                               "upn"),
                        "the login is too old, or of the future");
    assert_string_equal(answer("{\"iss\":\"https://"
                               "i.example\",\"aud\":\"me\",\"exp\":1700000300,\"iat\":1699990000,"
                               "\"nonce\":\"n0nce\",\"upn\":\"a@c.example\"}",
                               "upn"),
                        "the login is too old, or of the future");
    assert_string_equal(answer("{\"iss\":\"https://"
                               "i.example\",\"aud\":\"me\",\"exp\":1.7e9,\"iat\":1699999990,"
                               "\"nonce\":\"n0nce\",\"upn\":\"a@c.example\"}",
                               "upn"),
                        "the login is too old, or of the future");
    assert_string_equal(answer("[]", "upn"), "the login is of another issuer");
    assert_string_equal(answer("not JSON", "upn"), "the login cannot be read");
    assert_int_equal(oidc_token_answer(STR("{\"error\":\"invalid_grant\"}"), &asked, problem,
                                       sizeof problem),
                     -EBADMSG);
    assert_string_equal(problem, "the provider refused the code");
    assert_int_equal(oidc_token_answer(STR("{\"id_token\":\"a\"}"), &asked, problem,
                                       sizeof problem),
                     -EBADMSG);
    assert_int_equal(oidc_token_answer(STR(""), &asked, problem, sizeof problem), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_as_the_rfcs_have_it),
        cmocka_unit_test(a_passkey_is_made_for_one_question_of_one_site),
        cmocka_unit_test(a_passkey_proves_with_its_own_signature),
        cmocka_unit_test(a_login_is_asked_for_as_the_rfcs_say),
        cmocka_unit_test(a_login_counts_for_one_person_and_one_question),
    };
    must(rest_init() == 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
