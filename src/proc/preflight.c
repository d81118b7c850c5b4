/* SPDX-License-Identifier: Apache-2.0
 * preflight.c: opens what a start opens, before anything depends on it. Called by posternd
 * (start and reload) and postern check-config.
 *
 * What can go wrong: everything outside the file: keys that do not fit, files that cannot be
 * read by the user who will read them, ports that are taken. All of it is told, not the first
 * alone.
 */
#include "proc/preflight.h"
#include "conf/tree.h"
#include "mime/kind.h"
#include "portal/site.h"
#include "proc/child.h"
#include "proc/contents.h"
#include "proc/flight.h"
#include "proc/own_hosts.h"
#include "proc/surroundings.h"
#include "seal/rest.h"
#include "sys/conn.h"
#include "sys/file.h"
#include "sys/spawn.h"
#include "tls/pem.h"
#include "tls/sign.h"
#include "tls/tls.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void flight_bad(struct flight *f, struct conf_place at, const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    f->result = conf_problem(f->problems, at, "%s", text);
}

struct conf_place flight_at(const struct flight *f, const char *block, const char *key)
{
    const struct conf_node *n = conf_node_find(f->conf->root, block, NULL);
    return conf_place_of(n ? n : f->conf->root, key);
}

/* The whole file; false: told why not. */
bool flight_read(struct flight *f, struct conf_place at, const char *what, const char *path,
                 struct buf *out)
{
    int r = file_read(path, out);
    if (r < 0) {
        flight_bad(f, at, "%s %s cannot be read: %s", what, path, strerror(-r));
    }
    return r == 0;
}

void flight_key_mode(struct flight *f, struct conf_place at, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & S_IROTH)) {
        conf_warning(
            f->problems, at,
            "%s: every user of this machine can read this key. Take that away: chmod o-r %s", path,
            path);
    }
}

/* --- authorities and signing keys --------------------------------------- */

/* With so many authorities a file is the bundle of a distribution, of which one can be spared;
 * one of a few is to be mended. */
enum { BUNDLE_LEAST = 20 };

/* A block that cannot be read. True: the others do. */
static bool bundle_does(struct flight *f, struct conf_place at, const char *problem)
{
    size_t others = tls_pem_certificates(buf_str(&f->trust));
    bool is_ours = conf_node_find(f->conf->root, "trust-store", NULL) != NULL;
    if (others == 0 || (is_ours && others < BUNDLE_LEAST)) {
        flight_bad(f, at, "trust-store %s: %s", f->conf->trust_store, problem);
        return false;
    }
    conf_warning(f->problems, at, "trust-store %s (the other %zu authorities count): %s",
                 f->conf->trust_store, others, problem);
    return true;
}

static void check_trust(struct flight *f)
{
    struct conf_place at = conf_place_of(f->conf->root, "trust-store");
    struct tls_context *ctx = NULL;
    char problem[256];
    if (!flight_read(f, at, "trust-store", f->conf->trust_store, &f->trust)) {
        return;
    }
    if (tls_pem_check(buf_str(&f->trust), problem, sizeof problem) < 0 &&
        !bundle_does(f, at, problem)) {
        return;
    }
    if (tls_context_client(buf_str(&f->trust), TLS_PROFILE_WIDE, problem, sizeof problem, &ctx) <
        0) {
        flight_bad(f, at, "trust-store %s: %s", f->conf->trust_store, problem);
    }
    tls_context_free(ctx);
}

static void check_signing_key(struct flight *f)
{
    CLEANUP(buf_wipe) struct buf key = BUF_INIT(CHILD_FILE_MAX);
    struct conf_place at = flight_at(f, "signing", "key");
    struct tls_signer *signer = NULL;
    char problem[256];
    const char *path = f->conf->signing.key;
    if (path && flight_read(f, at, "DKIM key", path, &key)) {
        if (tls_signer_new(buf_str(&key), problem, sizeof problem, &signer) < 0) {
            flight_bad(f, at,
                       "DKIM key %s: %s. DKIM needs RSA of 2048 bits or more, or Ed25519 (PEM)",
                       path, problem);
        }
        flight_key_mode(f, at, path);
    }
    tls_signer_free(signer);
}

/* --- secrets and small files -------------------------------------------- */

/* A file with one line that is not empty. */
static void check_secret(struct flight *f, struct conf_place at, const char *what, const char *path)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(CHILD_FILE_MAX);
    if (path && flight_read(f, at, what, path, &text)) {
        struct str rest = buf_str(&text), first = STR("");
        (void)str_split(&rest, '\n', &first);
        if (str_trim(first).n == 0 || rest.n > 0) {
            flight_bad(f, at, "%s %s %s. Write the password on its only line", what, path,
                       rest.n == 0 ? "is empty" : "has more than one line");
        }
        flight_key_mode(f, at, path);
    }
}

static void check_password_file(struct flight *f)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(CHILD_FILE_MAX);
    struct conf_place at = flight_at(f, "accounts", "password-file");
    const char *path = f->conf->accounts.password_file;
    if (!path || !flight_read(f, at, "password-file", path, &text)) {
        return;
    }
    struct str rest = buf_str(&text), line, name, hash;
    for (unsigned n = 1; rest.n > 0 && str_split(&rest, '\n', &line); n++) {
        struct str left = str_trim(line);
        if (left.n > 0 && left.p[0] != '#' &&
            (!str_split(&left, ':', &name) || !left.p || !str_split(&left, ':', &hash) ||
             name.n == 0 || hash.n < 10 || hash.p[0] != '$')) {
            flight_bad(f, at,
                       "password-file %s, line %u is not NAME:HASH:ADDRESSES. A hash begins with $ "
                       "(postern user, or mkpasswd)",
                       path, n);
        }
    }
}

static void check_secrets(struct flight *f)
{
    const struct conf *c = f->conf;
    struct stat st;
    check_secret(f, conf_place_of(conf_node_find(c->root, "relay", NULL), "password-file"),
                 "password-file", c->relay_password);
    check_secret(f, flight_at(f, "directory", "bind-password-file"), "bind-password-file",
                 c->directory.bind_password);
    for (size_t i = 0; i < c->n_oidc; i++) {
        check_secret(f, conf_place_of(c->oidc[i].node, "client-secret-file"), "client-secret-file",
                     c->oidc[i].secret_file);
    }
    check_password_file(f);
    if (stat(c->at_rest_key, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size != REST_SECRET)) {
        flight_bad(f, conf_place_of(c->root, "at-rest-key"),
                   "at-rest-key %s is not a key: it has %lld octets, not %d. Put the right file "
                   "back from your copy",
                   c->at_rest_key, (long long)st.st_size, REST_SECRET);
    }
}

int preflight_key_of_store(const struct conf *c, char *problem, size_t size)
{
    char path[600];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/postern.db", c->store_path);
    if (n < 0 || (size_t)n >= sizeof path || stat(c->at_rest_key, &st) == 0 || errno != ENOENT ||
        stat(path, &st) < 0) {
        return 0;
    }
    snprintf(problem, size,
             "the at-rest key %s is missing, but the store %s is there: without its key nothing in "
             "it can be read. Put back the copy of the key (a backup of the store does not hold "
             "it), or, if its mail is given up, move the store away",
             c->at_rest_key, c->store_path);
    return -ENOENT;
}

static void check_key_of_store(struct flight *f)
{
    char problem[1024];
    if (preflight_key_of_store(f->conf, problem, sizeof problem) < 0) {
        flight_bad(f, conf_place_of(f->conf->root, "at-rest-key"), "%s", problem);
    }
}

/* --- users, and what they read themselves ------------------------------- */

int preflight_user(const struct conf *c, const char *process, struct spawn_user *ret, char *problem,
                   size_t size)
{
    *ret = (struct spawn_user){0};
    if (geteuid() != 0) {
        return 0; /* not root: everything runs as who we are, and status says so */
    }
    int r = spawn_find_user(c->user, process, ret);
    if (r < 0) {
        snprintf(problem, size,
                 "there is no user \"%s-%s\" or \"%s\". Make one (adduser --system --group %s) or "
                 "name another with the setting user",
                 c->user, process, c->user, c->user);
    }
    return r;
}

/* By the bits alone, as the kernel sees them for a user without extra groups. */
static bool allows(const struct stat *st, const struct spawn_user *user, mode_t bit)
{
    return user->uid == 0 || (st->st_mode & (st->st_uid == user->uid   ? bit << 6
                                             : st->st_gid == user->gid ? bit << 3
                                                                       : bit));
}

/* The first directory on the way, or the file itself, that keeps the user out; false: none.
 * Links are followed. */
static bool keeps_out(const char *path, const struct spawn_user *user, mode_t last,
                      char culprit[4096])
{
    char real[4096];
    struct stat st;
    if (!realpath(path, real)) {
        return false; /* it is not there: told elsewhere */
    }
    for (char *p = real + 1;; p++) {
        if (*p != '/' && *p) {
            continue;
        }
        char end = *p;
        *p = '\0';
        str_copy_cut(str_c(real), culprit, 4096);
        if (stat(real, &st) == 0 && !allows(&st, user, end ? 1 : last)) {
            return true;
        }
        *p = end;
        if (!end) {
            return false;
        }
    }
}

/* A file or directory that a process opens by itself, as its own user. */
static void check_readable(struct flight *f, struct conf_place at, const char *what,
                           const char *path, const char *process, bool directory)
{
    struct spawn_user user;
    char culprit[4096], problem[300];
    struct stat st;
    if (stat(path, &st) < 0) {
        flight_bad(f, at, "%s %s: %s%s", what, path, strerror(errno),
                   strcmp(what, "trust-anchor") == 0
                       ? ". Debian's package dns-root-data brings /usr/share/dns/root.ds; without "
                         "an anchor nothing is secured by DNSSEC, and DANE does not work"
                       : "");
        return;
    }
    if (S_ISDIR(st.st_mode) != directory) {
        flight_bad(f, at, "%s %s is %s directory", what, path, directory ? "not a" : "a");
        return;
    }
    if (access(path, directory ? R_OK | X_OK : R_OK) < 0) {
        flight_bad(f, at, "%s %s: %s", what, path, strerror(errno));
    } else if (preflight_user(f->conf, process, &user, problem, sizeof problem) == 0 &&
               user.change && keeps_out(path, &user, directory ? 5 : 4, culprit)) {
        flight_bad(f, at,
                   "%s %s: the user of %s (uid %u) cannot read it because of the rights of %s. "
                   "Give them: chmod o+%s %s",
                   what, path, process, (unsigned)user.uid, culprit,
                   strcmp(culprit, path) == 0 && !directory ? "r" : "rx", culprit);
    }
}

/* A record of type DS or DNSKEY with its data, as zone files have it (RFC 4034 2.2, 5.3). */
static bool is_anchor(struct str line)
{
    enum { DATA_FIELDS = 3 };
    size_t fields = 0;
    bool is_typed = false;
    line = str_slice(line, 0, str_find(line, ';', 0));
    for (size_t i = 0; i < line.n;) {
        size_t end = i;
        while (end < line.n && line.p[end] != ' ' && line.p[end] != '\t' && line.p[end] != '\r') {
            end++;
        }
        struct str field = str_slice(line, i, end);
        fields += is_typed && field.n > 0;
        is_typed |= str_eq_nocase(field, STR("DS")) || str_eq_nocase(field, STR("DNSKEY"));
        i = end + 1;
    }
    return fields >= DATA_FIELDS;
}

/* Octets of a digest of a DS record; 0: not known here (RFC 4034 A.2, RFC 4509, RFC 5933, RFC
 * 6605). */
static size_t digest_octets(struct str type)
{
    static const struct {
        const char *type;
        size_t octets;
    } known[] = {{"1", 20}, {"2", 32}, {"3", 32}, {"4", 48}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(type, str_c(known[i].type))) {
            return known[i].octets;
        }
    }
    return 0;
}

/* A DS record on one line whose digest, perhaps in several pieces (RFC 4034 5.3), cannot be one
 * of its type. */
static bool has_bad_digest(struct str line)
{
    enum { TAG = 1, ALGORITHM, DIGEST_TYPE, DIGEST };
    struct str field;
    size_t at = 0, wanted = 0, digits = 0;
    bool hex = true;
    line = str_slice(line, 0, str_find(line, ';', 0));
    for (size_t i = 0; i < line.n; i += field.n + 1) {
        size_t end = i;
        while (end < line.n && line.p[end] > ' ') {
            end++;
        }
        field = str_slice(line, i, end);
        if (field.n == 0) {
            continue;
        }
        at = at > 0 ? at + 1 : str_eq_nocase(field, STR("DS"));
        wanted = at == DIGEST_TYPE + 1 ? 2 * digest_octets(field) : wanted;
        for (size_t k = 0; at > DIGEST && k < field.n; k++, digits++) {
            hex = hex && isxdigit((unsigned char)field.p[k]);
        }
    }
    return at > DIGEST && wanted > 0 && (!hex || digits != wanted) &&
           str_find(line, '(', 0) == line.n;
}

/* What libunbound would not start with ends lookup, and nothing is delivered. */
static void check_anchor(struct flight *f)
{
    struct conf_place at = flight_at(f, "resolver", "trust-anchor");
    const char *path = f->conf->resolver.trust_anchor;
    CLEANUP(buf_free) struct buf text = BUF_INIT(1024 * 1024);
    struct str rest, line;
    size_t before = buf_len(f->problems);
    check_readable(f, at, "trust-anchor", path, "lookup", false);
    if (buf_len(f->problems) > before || !flight_read(f, at, "trust-anchor", path, &text)) {
        return;
    }
    bool found = false;
    rest = buf_str(&text);
    for (unsigned n = 1; rest.n > 0 && str_split(&rest, '\n', &line); n++) {
        if (has_bad_digest(line)) {
            flight_bad(f, at,
                       "trust-anchor %s, line %u: the digest is damaged: it is not as long as one "
                       "of its type (RFC 4034 5.1.4), or not hexadecimal. Get the file again",
                       path, n);
        }
        found = found || is_anchor(line);
    }
    if (found) {
        return;
    }
    flight_bad(f, at,
               "trust-anchor %s holds no DS or DNSKEY record. Debian's package dns-root-data "
               "brings /usr/share/dns/root.ds",
               path);
}

/* Users that are no protection: root may do everything, and nobody is shared with other programs
 * (systemd says "Special user nobody configured, this is not safe"). */
static bool warn_of_user(struct flight *f, const char *process)
{
    enum { NOBODY = 65534 };
    struct conf_place at = conf_place_of(f->conf->root, "user");
    struct spawn_user user;
    if (spawn_find_user(f->conf->user, process, &user) < 0 ||
        (user.uid != 0 && user.uid != NOBODY)) {
        return false;
    }
    conf_warning(f->problems, at,
                 user.uid == 0
                     ? "user %s: what reads mail and web pages of strangers runs as root: one "
                       "fault there gives away the whole machine. Make a user of its own: adduser "
                       "--system --group postern"
                     : "user %s is shared with other programs, which could read the mail then. "
                       "Make a user of its own: adduser --system --group postern",
                 f->conf->user);
    return true;
}

static void check_users(struct flight *f)
{
    const struct conf *c = f->conf;
    const char *roles[] = {
        "keys",    "queue", "lookup", "smtpout", "smtpin",
        "inspect", "login", "pickup", "web",     "metrics",
    };
    bool is_warned = false;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        struct spawn_user user;
        char problem[300];
        if (preflight_user(c, roles[i], &user, problem, sizeof problem) < 0) {
            flight_bad(f, conf_place_of(c->root, "user"), "%s", problem);
            return;
        }
        is_warned = is_warned || warn_of_user(f, roles[i]);
    }
}

/* A directory that is there, or that can be made: then its parent is there. */
static void check_place(struct flight *f, const char *what, const char *path)
{
    struct conf_place at = conf_place_of(f->conf->root, what);
    char parent[4096];
    struct stat st;
    size_t slash = str_find_last(str_c(path), '/');
    str_copy_cut(str_from(path, slash > 0 ? slash : 1), parent, sizeof parent);
    if (stat(path, &st) == 0) {
        if (!S_ISDIR(st.st_mode)) {
            flight_bad(f, at, "%s %s is not a directory", what, path);
        }
    } else if (errno == EACCES) {
        conf_warning(f->problems, at,
                     "%s %s cannot be looked at by this user. Run check-config as root", what,
                     path);
    } else if (stat(parent, &st) < 0 || !S_ISDIR(st.st_mode)) {
        flight_bad(f, at, "%s %s cannot be made: there is no directory %s. Make it: mkdir -p %s",
                   what, path, parent, parent);
    } else if (access(parent, W_OK) < 0) {
        flight_bad(f, at,
                   "%s %s cannot be made in %s: %s. Make it, and give it to the user that posternd "
                   "runs as",
                   what, path, parent, strerror(errno));
    }
}

/* What lies in the store is given to the queue's user at the start: so nothing else may lie
 * there. */
static void check_store_is_ours(struct flight *f)
{
    struct conf_place at = conf_place_of(f->conf->root, "store");
    const char *path = f->conf->store_path;
    char other[256] = "";
    bool ours = false;
    struct stat st;
    DIR *d = opendir(path);
    if (!d) {
        return; /* not there yet, or said already */
    }
    for (struct dirent *e; (e = readdir(d));) {
        /* a first start may have been killed between them */
        static const char *const allowed[] = {".", "..", "lost+found", "spool", "posternd.lock"};
        bool nothing = str_starts_nocase(str_c(e->d_name), STR("postern.db")) ||
                       str_starts_nocase(str_c(e->d_name), STR("journal"));
        for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
            nothing |= strcmp(e->d_name, allowed[i]) == 0;
        }
        ours |= strcmp(e->d_name, "postern.db") == 0;
        if (!nothing) {
            str_copy_cut(str_c(e->d_name), other, sizeof other);
        }
    }
    if (*other && !ours) {
        flight_bad(f, at,
                   "store %s holds %s and no postern.db: all that lies in the store is given to "
                   "the queue's user. Name a directory of its own",
                   path, other);
    } else if (fstat(dirfd(d), &st) == 0 && (st.st_mode & S_IWOTH)) {
        flight_bad(f, at,
                   "store %s may be written to by everybody (mode %o): who can rename files there "
                   "can take mail away. Name a directory of its own",
                   path, st.st_mode & 07777u);
    }
    closedir(d);
}

/* The queue's user must come to the store: the rights of what it lies in. */
static void check_store_can_be_reached(struct flight *f)
{
    struct spawn_user user;
    char parent[4096], culprit[4096], problem[300];
    struct stat st;
    str_copy_cut(str_slice(str_c(f->conf->store_path), 0,
                           str_find_last(str_c(f->conf->store_path), '/')),
                 parent, sizeof parent);
    bool there = *parent && stat(parent, &st) == 0;
    if (there && preflight_user(f->conf, "queue", &user, problem, sizeof problem) == 0 &&
        user.change && keeps_out(parent, &user, 1, culprit)) {
        flight_bad(f, conf_place_of(f->conf->root, "store"),
                   "store %s: the user of queue (uid %u) cannot come to it because of the rights "
                   "of %s. Give them: chmod o+x %s",
                   f->conf->store_path, (unsigned)user.uid, culprit, culprit);
    }
}

static void check_places(struct flight *f)
{
    const struct conf *c = f->conf;
    char parent[4096];
    struct stat st;
    check_place(f, "store", c->store_path);
    check_store_is_ours(f);
    check_store_can_be_reached(f);
    check_place(f, "run-directory", c->run_path);
    if (stat(c->drop_directory, &st) == 0 && !S_ISDIR(st.st_mode)) {
        flight_bad(f, conf_place_of(c->root, "drop-directory"),
                   "drop-directory %s is not a directory", c->drop_directory);
    }
    if (stat(c->at_rest_key, &st) < 0 && errno == ENOENT) {
        str_copy_cut(str_slice(str_c(c->at_rest_key), 0, str_find_last(str_c(c->at_rest_key), '/')),
                     parent, sizeof parent);
        if (*parent && (stat(parent, &st) < 0 || !S_ISDIR(st.st_mode))) {
            flight_bad(
                f, conf_place_of(c->root, "at-rest-key"),
                "at-rest-key %s cannot be made: there is no directory %s. Make it: mkdir -p %s",
                c->at_rest_key, parent, parent);
        }
    }
    if (*c->resolver.trust_anchor) {
        check_anchor(f);
    }
    if (c->n_contents > 0) {
        check_readable(f, flight_at(f, "inspection", "packs"), "packs", c->inspection.packs,
                       "inspect", true);
    }
    if (c->portal.url) {
        check_readable(f, flight_at(f, "portal", "pages"), "pages", c->portal.pages, "web", true);
        if (c->portal.templates) {
            check_readable(f, flight_at(f, "portal", "templates"), "templates", c->portal.templates,
                           "web", true);
        }
        if (c->portal.logo) {
            check_readable(f, flight_at(f, "portal", "logo"), "logo", c->portal.logo, "web", false);
        }
    }
}

/* --- ports -------------------------------------------------------------- */

/* posternd answers on its socket: what it listens on is taken by ourselves. */
static bool is_running(const struct conf *c)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/posternd.sock", c->run_path);
    CLEANUP(err_close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return fd >= 0 && n > 0 && (size_t)n < sizeof at.sun_path &&
           connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
}

int preflight_port(const char *text)
{
    struct str s = str_c(text);
    struct endpoint e;
    size_t colon = str_find_last(s, ':');
    uint64_t port = 0;
    CLEANUP(err_close_fd) int fd = -1;
    if (str_to_u64(str_slice(s, colon + 1, s.n), 65535, &port) < 0 ||
        endpoint_parse(str_slice(s, 0, colon), (uint16_t)port, &e) < 0) {
        return -EINVAL;
    }
    return conn_listen(&e, &fd);
}

static void try_port(struct flight *f, struct conf_place at, const char *text, bool running)
{
    int r = preflight_port(text);
    if (r == -EADDRNOTAVAIL) {
        flight_bad(
            f, at,
            "%s: this machine does not have that address. Name one of its own, or [::] for all",
            text);
    } else if (r == -EADDRINUSE && !running) {
        conf_warning(
            f->problems, at,
            "%s is in use by another program now: posternd will not start before that is stopped",
            text);
    } else if (r == -EACCES) {
        conf_warning(f->problems, at,
                     "%s could not be tried by this user. Run check-config as root", text);
    } else if (r < 0 && r != -EADDRINUSE && r != -EINVAL) {
        flight_bad(f, at, "%s: cannot listen: %s", text, strerror(-r));
    }
}

/* Where mail goes next is this machine, under an address that only its interfaces tell: judge.c
 * knows those that the file names. */
static void check_hop(struct flight *f, struct own_hosts *hosts, const char *what,
                      const char *target, struct conf_place at)
{
    char host[300];
    str_copy_cut(conf_target_host(target), host, sizeof host);
    if (own_hosts_behind_any(hosts, f->conf, host, conf_target_port(target))) {
        flight_bad(
            f, at,
            "%s %s is this gateway itself, which listens on every address of this machine: mail "
            "would go in a circle. Name the mail server behind it, or another port",
            what, target);
    }
}

static void check_hops(struct flight *f)
{
    const struct conf *c = f->conf;
    struct own_hosts hosts = {0};
    if (c->deliver_to) {
        check_hop(f, &hosts, "deliver-to", c->deliver_to, flight_at(f, "inside", "deliver-to"));
    }
    if (c->relay_host) {
        check_hop(f, &hosts, "relay", c->relay_host, conf_place_of(c->root, "relay"));
    }
    own_hosts_free(&hosts);
}

/* Every outgoing connection is bound to it, so without it no mail leaves. */
static void try_source(struct flight *f, enum preflight_for what)
{
    const char *text = f->conf->smtpout.source;
    struct conf_place at = flight_at(f, "delivery", "source-address");
    struct endpoint e;
    if (!*text || endpoint_parse(str_c(text), 0, &e) < 0) {
        return; /* said by conf_judge() */
    }
    CLEANUP(err_close_fd) int fd = socket(e.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&e.addr, e.len) == 0) {
        return;
    }
    /* while a machine starts, its addresses may come later than we do */
    if (what == PREFLIGHT_START) {
        conf_warning(f->problems, at,
                     "source-address %s: connections cannot come from it now: %s. No mail leaves "
                     "before it can be used",
                     text, strerror(errno));
    } else {
        flight_bad(f, at,
                   "source-address %s: connections cannot come from it: %s. Name an address of "
                   "this machine, or leave it out",
                   text, strerror(errno));
    }
}

static void try_ports(struct flight *f)
{
    const struct conf *c = f->conf;
    bool running = is_running(c);
    static const char *const keys[] = {"address", "redirect-address", "proxy-address"};
    const struct conf_words *portal[] = {
        &c->portal.addresses,
        &c->portal.redirects,
        &c->portal.proxied,
    };
    for (size_t i = 0; i < c->n_listens; i++) {
        for (size_t k = 0; k < c->listens[i].addresses.n; k++) {
            try_port(f, conf_place_of(c->listens[i].node, "address"), c->listens[i].addresses.v[k],
                     running);
        }
    }
    for (size_t i = 0; c->portal.url && i < ARRAY_LEN(portal); i++) {
        for (size_t k = 0; k < portal[i]->n; k++) {
            try_port(f, flight_at(f, "portal", keys[i]), portal[i]->v[k], running);
        }
    }
    for (size_t i = 0; i < c->metrics.addresses.n; i++) {
        try_port(f, flight_at(f, "metrics", "address"), c->metrics.addresses.v[i], running);
    }
}

/* --- what is loaded ----------------------------------------------------- */

/* Their loaders tell the file and line of a pack or template. */
static void check_loads(struct flight *f)
{
    struct contents *contents = NULL;
    struct site *site = NULL;
    int r = contents_new(f->conf, f->problems, &contents);
    r = r == 0 && f->conf->portal.url ? site_new(f->conf, f->problems, &site) : r;
    f->result = r < 0 ? -EINVAL : f->result;
    contents_free(contents);
    site_free(site);
}

/* attachments of a rule: a kind by its octets, or *.ENDING. */
static void check_attachment_words(struct flight *f)
{
    for (size_t i = 0; i < f->conf->n_rules; i++) {
        const struct conf_rule *r = &f->conf->rules[i];
        for (size_t k = 0; k < r->attachments.n; k++) {
            struct str w = str_c(r->attachments.v[k]);
            bool by_name = w.n > 1 && w.p[0] == '*' && str_find(w, '*', 1) == w.n && w.n <= 10;
            if (!by_name && !kind_is_known(r->attachments.v[k])) {
                flight_bad(f, conf_place_of(r->node, "attachments"),
                           "rule \"%s\": attachments %s never matches: it is neither a kind (%s "
                           "...) nor the end of a name. Write *.%s for names that end so",
                           r->name, r->attachments.v[k], "pdf, docx, zip, image, program",
                           w.n > 1 && w.p[0] == '.' ? w.p + 1 : "exe");
            }
        }
    }
}

int preflight(const struct conf *c, enum preflight_for what, const struct conf *in_force,
              struct buf *problems)
{
    struct flight f = {
        .conf = c,
        .what = what,
        .in_force = in_force,
        .problems = problems,
        .trust = BUF_INIT(CHILD_FILE_MAX),
    };
    f.result = conf_judge(c, problems);
    check_trust(&f);
    if (what == PREFLIGHT_RELOAD) {
        flight_certificates_reload(&f);
    } else {
        flight_certificates(&f);
    }
    check_signing_key(&f);
    check_secrets(&f);
    if (what != PREFLIGHT_RELOAD) { /* another key needs a start (conf/reload.c), which looks */
        check_key_of_store(&f);
    }
    check_users(&f);
    check_places(&f);
    check_loads(&f);
    check_attachment_words(&f);
    check_hops(&f);
    try_source(&f, what);
    surroundings_check(c, problems);
    if (what == PREFLIGHT_CHECK) {
        try_ports(&f);
    }
    conf_findings_sort(problems);
    buf_free(&f.trust);
    return f.result;
}
