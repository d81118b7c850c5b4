/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tls.h: any bytes at a TLS channel, for fuzz_tls_server.c and fuzz_tls_client.c: it ends broken
 * or waits, and never gives plain text.
 */
#pragma once
#include "fuzz.h"
#include "tls/tls.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static inline struct tls_context *context(bool is_server)
{
    static struct tls_context *ctx;
    char dir[] = "/tmp/postern-fuzz-XXXXXX", problem[200], path[64];
    if (ctx) {
        return ctx;
    }
    must(mkdtemp(dir));
    char program[] = "make-certs", *argv[] = {program, dir, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execv("tests/unit/make-certs", argv);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    struct buf texts[3] = {BUF_INIT(65536), BUF_INIT(65536), BUF_INIT(65536)};
    static const char *const names[] = {"good.pem", "good.key", "ca.pem"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        FILE *f = fopen(path, "r");
        char line[200];
        must(f);
        while (fgets(line, sizeof line, f)) {
            must(buf_add(&texts[i], str_c(line)) == 0);
        }
        fclose(f);
    }
    int server = tls_context_server(&(struct tls_own){buf_str(&texts[0]), buf_str(&texts[1])}, 1, TLS_PROFILE_WIDE, STR(""), problem, sizeof problem, &ctx);
    must(server == 0);
    if (!is_server) {
        tls_context_free(ctx);
        must(tls_context_client(buf_str(&texts[2]), TLS_PROFILE_WIDE, problem, sizeof problem, &ctx) == 0);
    }
    for (int i = 0; i < 3; i++) {
        buf_free(&texts[i]);
    }
    return ctx;
}

static inline int feed_channel(bool is_server, const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    CLEANUP(buf_free) struct buf plain = BUF_INIT(1 << 20), cipher = BUF_INIT(1 << 20);
    struct tls_channel *ch = is_server ? tls_channel_server(context(is_server)) : tls_channel_client(context(is_server), &(struct tls_peer){.name = "mx.good.test"});
    must(ch);
    while (in.n > 0) {
        size_t n = (size_t)take_octet(&in) * 8 + 1;
        n = n < in.n ? n : in.n;
        must(tls_channel_feed(ch, str_slice(in, 0, n), &plain, &cipher) == 0);
        in = str_slice(in, n, in.n);
        buf_reset(&cipher);
    }
    must(buf_len(&plain) == 0 && tls_channel_state(ch) != TLS_OPEN);
    tls_channel_free(ch);
    return 0;
}
