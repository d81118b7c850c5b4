/* SPDX-License-Identifier: Apache-2.0
 * test_tls.c: two channels in memory: versions, names, chains, garbage, data on the seam. The
 * certificates are made by tests/unit/make-certs with the openssl command.
 */
#include "check.h"
#include "sys/file.h"
#include "tls/tls.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
    char program[] = "make-certs", *argv[] = {program, dir, NULL};
    int status;
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/postern-tls-XXXXXX");
    if (!mkdtemp(dir)) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        execv("tests/unit/make-certs", argv);
        _exit(1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    char program[] = "rm", flags[] = "-rf", *argv[] = {program, flags, dir, NULL};
    int status;
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        execvp("rm", argv);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    return 0;
}

static struct buf load(const char *name)
{
    char path[128];
    struct buf b = BUF_INIT(1 << 20);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_read(path, &b), 0);
    return b;
}

static struct tls_context *server_context(const char *name)
{
    char file[64], problem[200] = "";
    snprintf(file, sizeof file, "%s.pem", name);
    struct buf chain = load(file);
    snprintf(file, sizeof file, "%s.key", name);
    struct buf key = load(file);
    struct tls_context *ctx = NULL;
    if (tls_context_server(buf_str(&chain), buf_str(&key), TLS_PROFILE_WIDE, problem, sizeof problem, &ctx) < 0) {
        fail_msg("%s", problem);
    }
    buf_free(&chain);
    buf_free(&key);
    return ctx;
}

static struct tls_context *client_context(enum tls_profile profile)
{
    char problem[200] = "";
    struct buf ca = load("ca.pem");
    struct tls_context *ctx = NULL;
    if (tls_context_client(buf_str(&ca), profile, problem, sizeof problem, &ctx) < 0) {
        fail_msg("%s", problem);
    }
    buf_free(&ca);
    return ctx;
}

struct pair {
    struct tls_channel *client, *server;
    struct buf to_client, to_server, client_plain, server_plain;
};

static void pump(struct pair *p)
{
    for (int i = 0; i < 20; i++) {
        struct buf a = p->to_server, b = p->to_client;
        p->to_server = p->to_client = BUF_INIT(1 << 20);
        assert_int_equal(tls_channel_feed(p->server, buf_str(&a), &p->server_plain, &p->to_client), 0);
        assert_int_equal(tls_channel_feed(p->client, buf_str(&b), &p->client_plain, &p->to_server), 0);
        buf_free(&a);
        buf_free(&b);
    }
}

static struct pair shake(const char *cert, const char *name, enum tls_profile profile)
{
    struct tls_context *s = server_context(cert), *c = client_context(profile);
    struct pair p = {tls_channel_client(c, &(struct tls_peer){.name = name}), tls_channel_server(s), BUF_INIT(1 << 20), BUF_INIT(1 << 20), BUF_INIT(1 << 20), BUF_INIT(1 << 20)};
    tls_context_free(s);
    tls_context_free(c);
    pump(&p);
    return p;
}

static void end(struct pair *p)
{
    tls_channel_free(p->client);
    tls_channel_free(p->server);
    buf_free(&p->to_client);
    buf_free(&p->to_server);
    buf_free(&p->client_plain);
    buf_free(&p->server_plain);
}

static void good_certificate(void **state)
{
    (void)state;
    struct pair p = shake("good", "mx.good.test", TLS_PROFILE_WIDE);
    assert_int_equal(tls_channel_state(p.client), TLS_OPEN);
    const struct tls_facts *f = tls_channel_facts(p.client);
    assert_string_equal(f->version, "TLSv1.3");
    assert_int_equal(f->check, TLS_CHECK_OK);
    assert_int_equal(f->bits, 256);
    assert_string_equal(f->signature, "ECDSA");
    assert_string_equal(f->peer_key, "EC 256");
    assert_int_equal(strlen(f->fingerprint), 64);
    assert_true(f->not_after_ms > 0);
    assert_int_equal(tls_channel_send(p.client, STR("hello"), &p.to_server), 0);
    pump(&p);
    check_str(buf_str(&p.server_plain), "hello");
    tls_channel_finish(p.client, &p.to_server);
    pump(&p);
    assert_int_equal(tls_channel_state(p.server), TLS_CLOSED);
    end(&p);
}

/* The session stands, the fact says bad: the decision judges. */
static void bad_certificates_are_facts(void **state)
{
    static const struct {
        const char *cert, *name, *text;
    } cases[] = {
        {"good", "mx.other.test", "hostname mismatch"},
        {"expired", "mx.good.test", "certificate has expired"},
        {"self", "mx.good.test", "self-signed certificate"},
        {"cnonly", "mx.good.test", "hostname mismatch"}, /* CN never counts (RFC 9525) */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pair p = shake(cases[i].cert, cases[i].name, TLS_PROFILE_WIDE);
        assert_int_equal(tls_channel_state(p.client), TLS_OPEN);
        assert_int_equal(tls_channel_facts(p.client)->check, TLS_CHECK_BAD);
        assert_string_equal(tls_channel_facts(p.client)->check_text, cases[i].text);
        end(&p);
    }
}

static void wildcard_is_one_whole_label(void **state)
{
    (void)state;
    struct pair p = shake("wild", "mx.wild.test", TLS_PROFILE_WIDE);
    assert_int_equal(tls_channel_facts(p.client)->check, TLS_CHECK_OK);
    end(&p);
    p = shake("wild", "a.mx.wild.test", TLS_PROFILE_WIDE);
    assert_int_equal(tls_channel_facts(p.client)->check, TLS_CHECK_BAD);
    end(&p);
}

/* One broken session must not spoil the next: errors are cleared (one process serves many). */
static void garbage_breaks_only_its_own_channel(void **state)
{
    (void)state;
    struct tls_context *s = server_context("good");
    struct buf plain = BUF_INIT(1 << 16), cipher = BUF_INIT(1 << 16);
    struct tls_channel *ch = tls_channel_server(s);
    assert_int_equal(tls_channel_feed(ch, STR("GET / HTTP/1.0\r\n\r\n"), &plain, &cipher), 0);
    assert_int_equal(tls_channel_state(ch), TLS_BROKEN);
    assert_true(strlen(tls_channel_problem(ch)) > 0);
    assert_int_equal(tls_channel_send(ch, STR("x"), &cipher), -EPROTO);
    tls_channel_free(ch);
    tls_context_free(s);
    buf_free(&plain);
    buf_free(&cipher);
    good_certificate(state);
}

static void keys_must_fit(void **state)
{
    char problem[200];
    struct buf chain = load("good.pem"), key = load("wild.key");
    struct tls_context *ctx = NULL;
    (void)state;
    assert_int_equal(tls_context_server(buf_str(&chain), buf_str(&key), TLS_PROFILE_WIDE, problem, sizeof problem, &ctx), -EINVAL);
    assert_non_null(strstr(problem, "do not belong together"));
    assert_int_equal(tls_context_server(STR("nonsense"), buf_str(&key), TLS_PROFILE_WIDE, problem, sizeof problem, &ctx), -EINVAL);
    assert_non_null(strstr(problem, "chain"));
    assert_int_equal(tls_context_client(STR(""), TLS_PROFILE_WIDE, problem, sizeof problem, &ctx), -EINVAL);
    buf_free(&chain);
    buf_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_certificate), cmocka_unit_test(bad_certificates_are_facts), cmocka_unit_test(wildcard_is_one_whole_label),
        cmocka_unit_test(garbage_breaks_only_its_own_channel), cmocka_unit_test(keys_must_fit)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
