/* SPDX-License-Identifier: Apache-2.0
 * handover.c: what posternd gives its children: configuration text and the files it names, as
 * sealed memory files. Each child gets only what it needs: certificates smtpin, the trust store
 * smtpout and lookup, the at-rest secret keys.
 */
#include "base/log.h"
#include "cmd/posternd/posternd.h"
#include "seal/rest.h"
#include "sys/file.h"
#include "tls/sign.h"
#include "tls/tls.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_file(const char *path, struct buf *out, struct buf *problems)
{
    int r = file_read(path, out);
    if (r < 0 && buf_printf(problems, "%s: cannot be read: %s\n", path, strerror(-r)) < 0) {
        return -ENOSPC;
    }
    return r;
}

static int check_client_certificate(const struct conf_client_certificate *c, struct str trust, struct buf *problems)
{
    CLEANUP(buf_wipe) struct buf chain = BUF_INIT(CHILD_FILE_MAX), key = BUF_INIT(CHILD_FILE_MAX);
    struct tls_context *ctx = NULL;
    char problem[256];
    int r = read_file(c->chain, &chain, problems);
    r = r < 0 ? r : read_file(c->key, &key, problems);
    if (r == 0 && (tls_context_client(trust, TLS_PROFILE_WIDE, problem, sizeof problem, &ctx) < 0 ||
                   tls_context_show(ctx, buf_str(&chain), buf_str(&key), problem, sizeof problem) < 0)) {
        r = buf_printf(problems, "client-certificate \"%s\": %s\n", c->name, problem) < 0 ? -ENOSPC : -EINVAL;
    }
    tls_context_free(ctx);
    return r;
}

static int check_signing_key(const struct conf *c, struct buf *problems)
{
    CLEANUP(buf_wipe) struct buf key = BUF_INIT(CHILD_FILE_MAX);
    struct tls_signer *signer = NULL;
    char problem[256];
    int r = read_file(c->signing.key, &key, problems);
    if (r == 0 && tls_signer_new(buf_str(&key), problem, sizeof problem, &signer) < 0) {
        r = buf_printf(problems, "%s: %s\n", c->signing.key, problem) < 0 ? -ENOSPC : -EINVAL;
    }
    tls_signer_free(signer);
    return r;
}

int handover_check(const struct conf *c, struct buf *problems)
{
    CLEANUP(buf_wipe) struct buf chain = BUF_INIT(CHILD_FILE_MAX), key = BUF_INIT(CHILD_FILE_MAX);
    CLEANUP(buf_free) struct buf trust = BUF_INIT(CHILD_FILE_MAX);
    char problem[256];
    struct tls_context *ctx = NULL;
    int r = read_file(c->trust_store, &trust, problems);
    if (r == 0 && tls_context_client(buf_str(&trust), TLS_PROFILE_WIDE, problem, sizeof problem, &ctx) < 0) {
        r = buf_printf(problems, "%s: %s\n", c->trust_store, problem) < 0 ? -ENOSPC : -EINVAL;
    }
    tls_context_free(ctx);
    ctx = NULL;
    if (r == 0 && c->chain) {
        r = read_file(c->chain, &chain, problems);
        r = r < 0 ? r : read_file(c->key, &key, problems);
        if (r == 0 && tls_context_server(buf_str(&chain), buf_str(&key), TLS_PROFILE_WIDE, problem,
                                         sizeof problem, &ctx) < 0) {
            r = buf_printf(problems, "%s: %s\n", c->chain, problem) < 0 ? -ENOSPC : -EINVAL;
        }
        tls_context_free(ctx);
    }
    for (size_t i = 0; r == 0 && i < c->n_certificates; i++) {
        r = check_client_certificate(&c->certificates[i], buf_str(&trust), problems);
    }
    buf_wipe(&key);
    return r < 0 || !c->signing.key ? r : check_signing_key(c, problems);
}

static void send_bytes(struct supervised *s, const struct ipc_msg *m, struct str bytes)
{
    CLEANUP(err_close_fd) int fd = file_memory("postern", bytes);
    if (fd < 0) {
        log_error("handover-failed", KV("process", s->name), KV("problem", strerror(-fd)));
        return;
    }
    ipc_send_fd(s->control, m, fd);
}

static void send_file(struct supervised *s, const char *name, const char *path)
{
    struct buf bytes = BUF_INIT(CHILD_FILE_MAX);
    int r = path ? file_read(path, &bytes) : -ENOENT;
    if (r == 0) {
        send_bytes(s, &(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = str_c(name)}}, buf_str(&bytes));
    } else if (path) {
        log_error("file-unreadable", KV("file", path), KV("problem", strerror(-r)));
    }
    buf_wipe(&bytes);
}

static void send_client_certificate(struct supervised *s, const struct conf_client_certificate *c)
{
    char name[160];
    snprintf(name, sizeof name, "client-chain %s", c->name);
    send_file(s, name, c->chain);
    snprintf(name, sizeof name, "client-key %s", c->name);
    send_file(s, name, c->key);
}

void handover_files(struct posternd *d, struct supervised *s)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    must(conf_write(d->conf, &text) == 0);
    send_bytes(s, &(struct ipc_msg){.type = IPC_ctl_conf, .ctl_conf = {.generation = d->generation}}, buf_str(&text));
    if (s->role == ROLE_SMTPIN) {
        send_file(s, "certificate", d->conf->chain);
        send_file(s, "key", d->conf->key);
    } else if (s->role == ROLE_SMTPOUT || s->role == ROLE_LOOKUP) {
        send_file(s, "trust-store", d->conf->trust_store);
        for (size_t i = 0; s->role == ROLE_SMTPOUT && i < d->conf->n_certificates; i++) {
            send_client_certificate(s, &d->conf->certificates[i]);
        }
    } else if (s->role == ROLE_KEYS) {
        send_file(s, "at-rest-secret", d->conf->at_rest_key);
        send_file(s, "signing-key", d->conf->signing.key);
    }
}

int handover_secret(const struct conf *c, char *problem, size_t size)
{
    unsigned char secret[REST_SECRET];
    if (str_starts_nocase(str_c(c->at_rest_key), str_c(c->store_path))) {
        snprintf(problem, size, "at-rest-key %s lies in the store's directory: then a stolen store opens itself",
                 c->at_rest_key);
        return -EINVAL;
    }
    CLEANUP(err_close_fd) int fd = open(c->at_rest_key, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0 && errno == EEXIST) {
        return 0;
    }
    int r = fd < 0 ? -errno : rest_init();
    if (r == 0) {
        rest_make_secret(secret);
        r = file_write_all(fd, str_from((const char *)secret, sizeof secret));
        r = r == 0 && fsync(fd) < 0 ? -errno : r;
        explicit_bzero(secret, sizeof secret);
        log_notice("at-rest-key-made", KV("file", c->at_rest_key), KV("what", "keep a copy of it elsewhere"));
    }
    if (r < 0) {
        snprintf(problem, size, "%s cannot be made: %s", c->at_rest_key, strerror(-r));
    }
    return r;
}
