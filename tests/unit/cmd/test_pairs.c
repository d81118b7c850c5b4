/* SPDX-License-Identifier: Apache-2.0
 * test_pairs.c: the pair of a client certificate and the key of DKIM, renewed step by step on a
 * disk (the listener's is in tests/live/test_pairs.py). acme.sh writes the key before the chain;
 * certbot/certbot storage.py: one file after the other.
 */
#include "cmd/posternd/pairs.h"
#include "tls/pair.h"
#include "tls/sign.h"
#include "tls_pair.h"

static char conf_text[600];

static void put(const char *name, struct str bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    fclose(f);
}

static void copy(const char *from, const char *to)
{
    CLEANUP(buf_free) struct buf b = load(from);
    put(to, buf_str(&b));
}

static struct conf *parse(void)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4000);
    struct conf *c = NULL;
    snprintf(conf_text, sizeof conf_text,
             "hostname mx.example.test;\nstore sqlite /nowhere;\ninside { domains in.test; "
             "deliver-to x.in.test; }\nlisten smtp { address 192.0.2.1:25; }\n"
             "client-certificate \"ours\" { chain %s/c.pem; key %s/c.key; }\nsigning { domain "
             "in.test; selector s; key %s/d.key; }\n"
             "rule \"shows\" { to @x.test; client-certificate \"ours\"; }\n",
             dir, dir, dir);
    if (conf_parse(str_c(conf_text), "t", &problems, &c) < 0) {
        fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
    }
    return c;
}

static void in_force(const struct pairs *p, enum pair_kind kind, const char *chain, const char *key)
{
    CLEANUP(buf_free) struct buf k = load(key);
    assert_true(str_eq(pairs_key(p, kind, 0), buf_str(&k)));
    if (chain) {
        CLEANUP(buf_free) struct buf c = load(chain);
        assert_true(str_eq(pairs_chain(p, kind, 0), buf_str(&c)));
    }
}

static bool waits(const struct pairs *p, const char *words)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(4000);
    size_t n = pairs_waiting(p, 1000000, 0, &text);
    return n == 1 && memmem(buf_str(&text).p, buf_len(&text), words, strlen(words));
}

static void renewed_in_steps(void **state)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4000);
    CLEANUP(buf_free) struct buf ca = BUF_INIT(1 << 20);
    ca = load("ca.pem");
    copy("good.pem", "c.pem");
    copy("good.key", "c.key");
    copy("rsa.key", "d.key");
    struct conf *c = parse();
    struct pairs *p = pairs_new(c, buf_str(&ca), NULL, &problems);
    assert_non_null(p);
    in_force(p, PAIR_CLIENT, "good.pem", "good.key");
    in_force(p, PAIR_SIGNING, NULL, "rsa.key");
    copy("wild.key", "c.key"); /* the key is new, and stays alone for a while */
    for (int i = 1; i < 4; i++) {
        assert_false(pairs_look(p, 1000 * i));
        in_force(p, PAIR_CLIENT, "good.pem", "good.key");
        assert_true(waits(
            p,
            "c.pem has changed and is not in force: the key does not belong to this certificate"));
    }
    struct pairs *anew = pairs_new(c, buf_str(&ca), p, &problems); /* a reload in this moment */
    assert_non_null(anew);
    in_force(anew, PAIR_CLIENT, "good.pem", "good.key");
    pairs_free(anew);
    CLEANUP(buf_free) struct buf cut = BUF_INIT(1 << 20);
    cut = load("wild.pem");
    assert_int_equal(buf_add(&cut, str_slice(buf_str(&ca), 0, 300)), 0);
    put("c.pem", buf_str(&cut)); /* its own certificate is there, the next one is half written */
    assert_false(pairs_look(p, 4100));
    assert_false(pairs_look(p, 4200));
    assert_true(waits(p, "cannot be read: its END line is missing"));
    copy("wild.pem", "c.pem");
    assert_false(pairs_look(p, 5000)); /* is it whole? */
    assert_true(pairs_look(p, 6000));
    in_force(p, PAIR_CLIENT, "wild.pem", "wild.key");
    assert_int_equal(pairs_waiting(p, 1000000, 0, &problems), 0);

    CLEANUP(buf_free) struct buf key = BUF_INIT(1 << 20);
    key = load("ed25519.key");
    put("d.key", str_slice(buf_str(&key), 0, buf_len(&key) / 2)); /* half written */
    assert_false(pairs_look(p, 7000));
    assert_false(pairs_look(p, 8000));
    in_force(p, PAIR_SIGNING, NULL, "rsa.key");
    assert_true(waits(p, "d.key has changed and is not in force"));
    copy("ed25519.key", "d.key");
    assert_false(pairs_look(p, 9000));
    assert_true(pairs_look(p, 10000));
    in_force(p, PAIR_SIGNING, NULL, "ed25519.key");
    assert_int_equal(pairs_waiting(p, 1000000, 0, &problems), 0);
    pairs_free(p);
    conf_free(c);
}

/* A first try by a new user: OpenSSL's own words said nothing ("no private key assigned"), and
 * the password of a key was asked for on the terminal: a test that waits for it ends by its time
 * limit. */
static void words_of_what_is_wrong(void **state)
{
    CLEANUP(buf_free)
    struct buf good = BUF_INIT(1 << 20), key = BUF_INIT(1 << 20), other = BUF_INIT(1 << 20),
               locked = BUF_INIT(1 << 20);
    const int64_t in_2026_ms = 1780000000000;
    char problem[300] = "";
    pid_t pid = fork();
    if (pid == 0) {
        assert_int_equal(chdir(dir), 0);
        execlp("openssl", "openssl", "pkey", "-in", "good.key", "-aes256", "-passout", "pass:x",
               "-out", "locked.key", (char *)NULL);
        _exit(1);
    }
    int status = 1;
    assert_true(waitpid(pid, &status, 0) == pid && status == 0);
    good = load("good.pem");
    key = load("good.key");
    other = load("wild.key");
    locked = load("locked.key");
    const struct {
        struct str chain, key;
        const char *words;
    } cases[] = {
        {buf_str(&good), buf_str(&other), "the key does not belong to this certificate"},
        {buf_str(&good), buf_str(&locked), "the key has a password"},
        {buf_str(&good), STR("garbage"), "holds no private key"},
        {STR("garbage"), buf_str(&key), "holds no certificate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(tls_pair_usable(TLS_PAIR_SERVER, cases[i].chain, cases[i].key, in_2026_ms,
                                         problem, sizeof problem),
                         -EINVAL);
        assert_non_null(strstr(problem, cases[i].words));
    }
    assert_int_equal(tls_pair_usable(TLS_PAIR_SERVER, buf_str(&good), buf_str(&key), in_2026_ms,
                                     problem, sizeof problem),
                     0);
    struct tls_context *ctx = NULL;
    struct tls_signer *signer = NULL;
    const struct tls_own own = {buf_str(&good), buf_str(&locked)};
    assert_true(
        tls_context_server(&own, 1, TLS_PROFILE_WIDE, STR(""), problem, sizeof problem, &ctx) < 0);
    assert_true(tls_signer_new(buf_str(&locked), problem, sizeof problem, &signer) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renewed_in_steps),
        cmocka_unit_test(words_of_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
