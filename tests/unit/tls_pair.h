/* SPDX-License-Identifier: Apache-2.0
 * tls_pair.h: a client and a server in memory, for test_tls.c and test_nist.c. The certificates
 * are made by tests/unit/make-certs with the openssl command, in a folder of the test's own;
 * test_pairs.c uses them alone.
 */
#pragma once
#include "check.h"
#include "sys/file.h"
#include "tls/tls.h"
#include "tls/tls_priv.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
    char program[] = "make-certs", *argv[] = {program, dir, NULL};
    int status;
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

/* legacy: where the certificate is one that our own servers refuse to start with */
static enum tls_profile served = TLS_PROFILE_WIDE;

static struct tls_context *server_context(const char *name)
{
    char file[64], problem[200] = "";
    snprintf(file, sizeof file, "%s.pem", name);
    struct buf chain = load(file);
    snprintf(file, sizeof file, "%s.key", name);
    struct buf key = load(file);
    struct tls_context *ctx = NULL;
    if (tls_context_server(&(struct tls_own){buf_str(&chain), buf_str(&key)}, 1, served, STR(""),
                           problem, sizeof problem, &ctx) < 0) {
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
        assert_int_equal(tls_channel_feed(p->server, buf_str(&a), &p->server_plain, &p->to_client),
                         0);
        assert_int_equal(tls_channel_feed(p->client, buf_str(&b), &p->client_plain, &p->to_server),
                         0);
        buf_free(&a);
        buf_free(&b);
    }
}

__attribute__((unused)) static struct pair shake(const char *cert, const char *name,
                                                 enum tls_profile profile)
{
    struct tls_context *s = server_context(cert), *c = client_context(profile);
    struct pair p = {
        tls_channel_client(c, &(struct tls_peer){.name = name}),
        tls_channel_server(s),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
    };
    tls_context_free(s);
    tls_context_free(c);
    pump(&p);
    return p;
}

__attribute__((unused)) static void end(struct pair *p)
{
    tls_channel_free(p->client);
    tls_channel_free(p->server);
    buf_free(&p->to_client);
    buf_free(&p->to_server);
    buf_free(&p->client_plain);
    buf_free(&p->server_plain);
}
