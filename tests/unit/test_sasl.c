/* SPDX-License-Identifier: Apache-2.0
 * test_sasl.c: logging in, our server against our client through libgsasl, and the vectors of
 * RFC 7677 and RFC 4616; passwords as they are kept.
 */
#include "check.h"
#include "sasl/sasl.h"
#include "seal/password.h"
#include "seal/rest.h"
#include "wire/base64.h"

static struct sasl_scram known;

static bool password_is(void *arg, const char *name, const char *password)
{
    return strcmp(name, "user") == 0 && strcmp(password, "pencil") == 0;
}

static bool scram_is(void *arg, const char *name, struct sasl_scram *ret)
{
    *ret = known;
    return strcmp(name, "user") == 0;
}

static enum sasl_step talk(const char *mechanisms, const char *password, const char *client_binding,
                           const char *server_binding, const char *want)
{
    const struct sasl_server server = {
        .password_ok = password_is,
        .scram_of = scram_is,
        .exporter = server_binding,
    };
    struct sasl *c = NULL, *s = NULL;
    const char *mechanism = NULL;
    CLEANUP(buf_free) struct buf a = BUF_INIT(SASL_TEXT_MAX), b = BUF_INIT(SASL_TEXT_MAX);
    assert_int_equal(sasl_client_new(mechanisms, "", "user", password, client_binding, &c,
                                     &mechanism),
                     0);
    assert_string_equal(mechanism, want);
    assert_int_equal(sasl_server_new(mechanism, &server, &s), 0);
    enum sasl_step cr = strcmp(mechanism, "LOGIN") == 0 ? SASL_MORE : sasl_step(c, STR(""), &a),
                   sr = SASL_MORE;
    for (int i = 0; i < 5 && sr == SASL_MORE && cr != SASL_FAILED; i++) {
        buf_reset(&b);
        sr = sasl_step(s, buf_str(&a), &b);
        if (sr == SASL_FAILED || buf_len(&b) == 0) {
            break;
        }
        buf_reset(&a);
        cr = sasl_step(c, buf_str(&b), &a);
    }
    if (sr == SASL_DONE) {
        assert_string_equal(sasl_name(s), "user");
    }
    sasl_free(c);
    sasl_free(s);
    return cr == SASL_FAILED ? SASL_FAILED : sr;
}

static void mechanisms(void **state)
{
    static const unsigned char salt[16] = {1, 2, 3};
    assert_int_equal(sasl_make_scram("pencil", 4096, salt, &known), 0);
    assert_int_equal(talk("LOGIN PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "pencil", "YWJj", "YWJj",
                          "SCRAM-SHA-256-PLUS"),
                     SASL_DONE);
    /* somebody in between */
    assert_int_equal(talk("LOGIN PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "pencil", "YWJj", "eHl6",
                          "SCRAM-SHA-256-PLUS"),
                     SASL_FAILED);
    assert_int_equal(talk("LOGIN PLAIN SCRAM-SHA-256", "pencil", NULL, NULL, "SCRAM-SHA-256"),
                     SASL_DONE);
    assert_int_equal(talk("LOGIN PLAIN SCRAM-SHA-256", "pencils", NULL, NULL, "SCRAM-SHA-256"),
                     SASL_FAILED);
    assert_int_equal(talk("LOGIN PLAIN", "pencil", NULL, NULL, "PLAIN"), SASL_DONE);
    assert_int_equal(talk("PLAIN", "wrong", NULL, NULL, "PLAIN"), SASL_FAILED);
    assert_int_equal(talk("LOGIN", "pencil", NULL, NULL, "LOGIN"), SASL_DONE);
    assert_int_equal(talk("LOGIN", "", NULL, NULL, "LOGIN"), SASL_FAILED);
}

/* RFC 7677 section 3: salt, iterations and password of its example give its keys: the server's
 * final message there is the HMAC with the server key of these. */
static void vectors(void **state)
{
    CLEANUP(buf_free) struct buf salt = BUF_INIT(64), out = BUF_INIT(SASL_TEXT_MAX);
    const struct sasl_server server = {.password_ok = password_is};
    struct sasl_scram keys;
    struct sasl *s;
    assert_int_equal(base64_read(STR("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt), 0);
    assert_int_equal(sasl_make_scram("pencil", 4096, (const unsigned char *)buf_str(&salt).p,
                                     &keys),
                     0);
    assert_string_equal(keys.salt, "W22ZaJ0SNY7soEsUEjb6gQ==");
    assert_string_equal(keys.stored_key, "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
    assert_string_equal(keys.server_key, "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
    /* RFC 4616 4: "\0user\0pencil", and an authorisation name that is another's */
    assert_int_equal(sasl_server_new("PLAIN", &server, &s), 0);
    assert_int_equal(sasl_step(s, STR("AHVzZXIAcGVuY2ls"), &out), SASL_DONE);
    sasl_free(s);
    assert_int_equal(sasl_server_new("PLAIN", &server, &s), 0);
    assert_int_equal(sasl_step(s, STR("cm9vdAB1c2VyAHBlbmNpbA=="), &out), SASL_FAILED);
    sasl_free(s);
    assert_int_equal(sasl_server_new("PLAIN", &server, &s), 0);
    assert_int_equal(sasl_step(s, STR("!!!!"), &out), SASL_FAILED);
    sasl_free(s);
    assert_int_equal(sasl_server_new("CRAM-NOTHING", &server, &s), -ENOTSUP);
}

static void passwords(void **state)
{
    char hash[PASSWORD_HASH_MAX];
    assert_int_equal(rest_init(), 0);
    assert_int_equal(password_hash("correct horse", hash), 0);
    /* ASVS 5.0 appendix C: 46 MiB and one pass, or stronger */
    assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31);
    assert_true(password_ok(hash, "correct horse"));
    assert_false(password_ok(hash, "correct horsf"));
    /* the vector of the SHA-crypt specification, as openssl passwd makes it, too */
    assert_true(password_ok("$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
                            "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
                            "Hello world!"));
    assert_false(password_ok("$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
                             "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
                             "Hello world"));
    assert_false(password_ok("plain", "plain"));
    assert_false(password_ok("", ""));
    assert_false(password_ok("$9$x$y", "y"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mechanisms),
        cmocka_unit_test(vectors),
        cmocka_unit_test(passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
