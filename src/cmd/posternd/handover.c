/* SPDX-License-Identifier: Apache-2.0
 * handover.c: what posternd gives its children: configuration text and the files it names, as
 * sealed memory files. Each child gets only what it needs: certificates smtpin and smtpout,
 * private keys and the at-rest secret keys alone, the trust store those who verify, password files
 * login. Called by children.c and reload.c.
 */
#include "base/log.h"
#include "cmd/posternd/posternd.h"
#include "seal/rest.h"
#include "sys/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int handover_pairs(const struct conf *c, const struct pairs *old, struct buf *problems,
                   struct pairs **ret)
{
    CLEANUP(buf_free) struct buf trust = BUF_INIT(CHILD_FILE_MAX);
    int r = file_read(c->trust_store, &trust);
    if (r < 0) {
        return buf_printf(problems, "%s: cannot be read: %s\n", c->trust_store, strerror(-r)) < 0
                   ? -ENOSPC
                   : r;
    }
    *ret = pairs_new(c, buf_str(&trust), old, problems);
    return *ret ? 0 : -EINVAL;
}

static void send_bytes(struct supervised *s, const struct ipc_msg *m, struct str bytes)
{
    int fd = file_memory("postern", bytes);
    if (fd < 0) {
        log_error("handover-failed", KV("child", s->name), KV("problem", strerror(-fd)));
        return;
    }
    ipc_send_fd(s->control, m, fd);
}

static void send_file(struct supervised *s, const char *name, const char *path)
{
    struct buf bytes = BUF_INIT(CHILD_FILE_MAX);
    int r = path ? file_read(path, &bytes) : -ENOENT;
    if (r == 0) {
        send_bytes(s, &(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = str_c(name)}},
                   buf_str(&bytes));
    } else if (path) {
        log_error("file-unreadable", KV("file", path), KV("problem", strerror(-r)));
    }
    buf_wipe(&bytes);
}

static void send_numbered(struct supervised *s, const char *kind, size_t number, const char *path)
{
    char name[160];
    snprintf(name, sizeof name, "%s %zu", kind, number);
    send_file(s, name, path);
}

/* To queue, which asks providers in our name. */
static void send_login_secrets(const struct conf *c, struct supervised *s)
{
    for (size_t i = 0; s->role == ROLE_QUEUE && i < c->n_oidc; i++) {
        if (c->oidc[i].secret_file) {
            send_numbered(s, "login-secret", i, c->oidc[i].secret_file);
        }
    }
}

static void send_text(struct supervised *s, const char *kind, size_t number, struct str pem)
{
    char name[160];
    snprintf(name, sizeof name, "%s %zu", kind, number);
    send_bytes(s, &(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = str_c(name)}}, pem);
}

/* Certificates go to those who show them, private keys to keys alone; what is in force, not what
 * is on the disk. */
static void send_certificates(const struct posternd *d, struct supervised *s)
{
    const struct conf *c = d->conf;
    for (size_t i = 0; i < c->n_own; i++) {
        if (s->role == ROLE_SMTPIN || s->role == ROLE_WEB) {
            send_text(s, "certificate", i, pairs_chain(d->pairs, PAIR_OWN, i));
        } else if (s->role == ROLE_KEYS) {
            send_text(s, "server-key", i, pairs_key(d->pairs, PAIR_OWN, i));
        }
    }
    for (size_t i = 0; i < c->n_certificates; i++) {
        if (s->role == ROLE_SMTPOUT) {
            char name[160];
            snprintf(name, sizeof name, "client-chain %s", c->certificates[i].name);
            send_bytes(s,
                       &(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = str_c(name)}},
                       pairs_chain(d->pairs, PAIR_CLIENT, i));
        } else if (s->role == ROLE_KEYS) {
            send_text(s, "client-key", i, pairs_key(d->pairs, PAIR_CLIENT, i));
        }
    }
    if (s->role == ROLE_KEYS && c->signing.key) {
        send_bytes(s,
                   &(struct ipc_msg){.type = IPC_ctl_file,
                                     .ctl_file = {.name = STR("signing-key")}},
                   pairs_key(d->pairs, PAIR_SIGNING, 0));
    }
}

/* To queue, which keeps in the store to which key it belongs. */
static void send_fingerprint(struct supervised *s, const char *path)
{
    struct buf secret = BUF_INIT(CHILD_FILE_MAX);
    char text[REST_FINGERPRINT];
    if (file_read(path, &secret) == 0 && buf_len(&secret) == REST_SECRET && rest_init() == 0) {
        rest_fingerprint((const unsigned char *)buf_str(&secret).p, text);
        send_bytes(s,
                   &(struct ipc_msg){.type = IPC_ctl_file,
                                     .ctl_file = {.name = STR("at-rest-fingerprint")}},
                   str_c(text));
    }
    buf_wipe(&secret);
}

void handover_files(struct posternd *d, struct supervised *s)
{
    const struct conf *c = d->conf;
    CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    must(conf_write(c, &text) == 0);
    send_bytes(s,
               &(struct ipc_msg){.type = IPC_ctl_conf, .ctl_conf = {.generation = d->generation}},
               buf_str(&text));
    send_certificates(d, s);
    send_login_secrets(c, s);
    if (s->role == ROLE_SMTPOUT || s->role == ROLE_LOOKUP || s->role == ROLE_SMTPIN) {
        send_file(s, "trust-store", c->trust_store);
    }
    if (s->role == ROLE_SMTPOUT) {
        send_file(s, "relay-password", c->relay_password);
    } else if (s->role == ROLE_QUEUE) {
        send_fingerprint(s, c->at_rest_key);
    } else if (s->role == ROLE_KEYS) {
        send_file(s, "at-rest-secret", c->at_rest_key);
    } else if (s->role == ROLE_LOGIN) {
        send_file(s, "accounts", c->accounts.password_file);
        send_file(s, "directory-password", c->directory.bind_password);
    }
}

/* What their times of change come to: a changed file is noticed without being told. */
static int64_t changed(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0
               ? (int64_t)st.st_mtim.tv_sec * 1000003 + st.st_mtim.tv_nsec + (int64_t)st.st_ino
               : 0;
}

bool handover_files_changed(struct posternd *d)
{
    int64_t sum = changed(d->conf->trust_store) + changed(d->conf->accounts.password_file);
    for (size_t i = 0; i < d->conf->n_oidc; i++) {
        sum += changed(d->conf->oidc[i].secret_file);
    }
    bool is_new = d->files_changed != 0 && sum != d->files_changed;
    d->files_changed = sum;
    return is_new;
}

/* The names, sizes and times of change of the portal's own templates, in one number. */
static int64_t site_stamp(const struct conf *c)
{
    int64_t sum = changed(c->portal.logo);
    const char *dirs[] = {c->portal.pages, c->portal.templates};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        DIR *dir = dirs[i] ? opendir(dirs[i]) : NULL;
        for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
            char path[1024];
            int n = snprintf(path, sizeof path, "%s/%s", dirs[i], e->d_name);
            sum += n > 0 && (size_t)n < sizeof path ? changed(path) : 0;
        }
        if (dir) {
            closedir(dir);
        }
    }
    return sum;
}

/* The portal's templates (smtpout) and the trust anchor (lookup) are read at the start. The
 * directory's authorities are opened at each login, but the sandbox knows the file that stood
 * there when it was raised: not the one that was renamed onto it. */
static int64_t start_stamp(const struct conf *c, enum role role)
{
    const struct {
        enum role role;
        int64_t stamp;
    } of[] = {
        {ROLE_SMTPOUT, c->portal.url ? site_stamp(c) : 0},
        {ROLE_LOOKUP, changed(c->resolver.trust_anchor)},
        {ROLE_LOGIN, c->directory.url ? changed(c->trust_store) : 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        if (of[i].role == role) {
            return of[i].stamp;
        }
    }
    return 0;
}

bool handover_start_files_changed(struct posternd *d, const struct conf *c, enum role role)
{
    int64_t stamp = start_stamp(c, role);
    bool is_new = stamp != d->start_stamps[role];
    d->start_stamps[role] = stamp;
    return is_new;
}

int handover_secret(const struct conf *c, char *problem, size_t size)
{
    unsigned char secret[REST_SECRET];
    CLEANUP(err_close_fd)
    int fd = open(c->at_rest_key, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0 && errno == EEXIST) {
        return 0;
    }
    int r = fd < 0 ? -errno : rest_init();
    if (r == 0) {
        rest_make_secret(secret);
        r = file_write_all(fd, str_from((const char *)secret, sizeof secret));
        r = r == 0 && fsync(fd) < 0 ? -errno : r;
        explicit_bzero(secret, sizeof secret);
        log_notice("at-rest-key-made", KV("file", c->at_rest_key),
                   KV("what", "keep a copy of it elsewhere"));
    }
    if (r < 0) {
        snprintf(problem, size, "%s cannot be made: %s", c->at_rest_key, strerror(-r));
    }
    return r;
}
