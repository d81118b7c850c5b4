/* SPDX-License-Identifier: Apache-2.0
 * surroundings.c: a configuration that is right, on a machine where it will not do what it says.
 * Called by preflight.c.
 *
 * What can go wrong: all of it may change while the gateway runs, so that it is warned of and
 * refuses nothing.
 */
#include "proc/surroundings.h"
#include "conf/tree.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct conf_place surroundings_at_key(const struct conf *c, const char *block,
                                             const char *key)
{
    const struct conf_node *n = *block ? conf_node_find(c->root, block, NULL) : c->root;
    return conf_place_of(n ? n : c->root, key);
}

/* Below the reserve no mail is taken (docs/queue.md). */
static void check_space(const struct conf *c, struct buf *problems)
{
    struct statvfs fs;
    if (statvfs(c->store_path, &fs) < 0) {
        return; /* not made yet */
    }
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left < (uint64_t)c->queue.reserve) {
        conf_warning(problems, surroundings_at_key(c, "queue", "reserve"),
                     "queue: %s has less than the reserve: %llu MiB of %llu MiB are left: no mail "
                     "is taken now. Make room, or reserve smaller",
                     c->store_path, (unsigned long long)(left >> 20),
                     (unsigned long long)c->queue.reserve >> 20);
    }
}

static void check_syslog(const struct conf *c, struct buf *problems)
{
    if (c->log.to == CONF_LOG_SYSLOG && access("/dev/log", F_OK) < 0) {
        conf_warning(problems, surroundings_at_key(c, "log", "to"),
                     "log: there is no /dev/log, so nobody takes what is logged. Start a syslog "
                     "service, or write to stderr");
    }
}

/* Connections that begin at a loopback address end on this machine. */
static void check_source(const struct conf *c, struct buf *problems)
{
    bool stays = c->relay_host && conf_target_is_loopback(c->relay_host);
    if (*c->smtpout.source && conf_target_is_loopback(c->smtpout.source) && !stays) {
        conf_warning(problems, surroundings_at_key(c, "delivery", "source-address"),
                     "source-address %s is a loopback address: connections from it reach no other "
                     "machine. Name one that the internet knows, or leave it out",
                     c->smtpout.source);
    }
}

static void check_rights(const char *path, mode_t too_much, struct conf_place at, const char *who,
                         struct buf *problems)
{
    struct stat st;
    if (path && *path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & too_much)) {
        conf_warning(problems, at, "%s: %s. Take that away: chmod %s %s", path, who,
                     too_much == S_IROTH ? "o-r" : "o-w", path);
    }
}

static void check_files(const struct conf *c, struct buf *problems)
{
    const char *told = "";
    check_rights(c->at_rest_key, S_IROTH, surroundings_at_key(c, "", "at-rest-key"),
                 "every user of this machine can read this key, and with it the store", problems);
    check_rights(c->accounts.password_file, S_IROTH,
                 surroundings_at_key(c, "accounts", "password-file"),
                 "every user of this machine can read these hashes and try passwords on them",
                 problems);
    for (const struct conf_node *n = NULL; (n = conf_node_find(c->root, NULL, n));) {
        if (strcmp(n->at.file, told) != 0) { /* each file that is included */
            told = n->at.file;
            check_rights(
                told, S_IWOTH, (struct conf_place){told, 1, 1},
                "every user of this machine can write this file, and say what the gateway does",
                problems);
        }
    }
}

/* Made at the start, but not what it lies in; without it sendmail works while the gateway runs. The
 * default was chosen by nobody. */
static void check_drop(const struct conf *c, struct buf *problems)
{
    char parent[4096];
    struct str path = str_c(c->drop_directory ? c->drop_directory : "");
    struct stat st;
    str_copy_cut(str_slice(path, 0, str_find_last(path, '/')), parent, sizeof parent);
    if (conf_node_find(c->root, "drop-directory", NULL) && *parent &&
        (stat(parent, &st) < 0 || !S_ISDIR(st.st_mode))) {
        conf_warning(problems, surroundings_at_key(c, "", "drop-directory"),
                     "drop-directory " STR_FMT
                     " cannot be made: there is no directory %s, and sendmail takes no mail while "
                     "the gateway is down. Make it: mkdir -p %s",
                     STR_ARG(path), parent, parent);
    }
}

void surroundings_check(const struct conf *c, struct buf *problems)
{
    check_space(c, problems);
    check_syslog(c, problems);
    check_source(c, problems);
    check_drop(c, problems);
    check_files(c, problems);
}
