/* SPDX-License-Identifier: Apache-2.0
 * sqlite_spool.c: the files of large bodies. Called by queue and the rest of this folder.
 *
 * What can go wrong: no space, no inodes, a disk that fails: told to who asked for the file.
 */
#include "base/log.h"
#include "store/sqlite_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SPARE_OCTETS_MAX = 2 * 1024 * 1024, SPOOL_NAME = 64 };

static const char spare_prefix[] = ".spare-";

static void spare_name(unsigned number, char dst[SPOOL_NAME])
{
    snprintf(dst, SPOOL_NAME, "%s%u", spare_prefix, number);
}

void store_drop_spares(struct store *s)
{
    char spare[SPOOL_NAME];
    while (s->n_spares > 0) {
        spare_name(--s->n_spares, spare);
        (void)unlinkat(s->spool_dir, spare, 0);
    }
}

/* Making and removing a file costs more than writing a megabyte into one: a few are used again,
 * under a new name, by the writer they had: one that was taken over may have kept its
 * descriptor, and must not reach the mail of another. Not one that a backup has a link to: what
 * is in it belongs to the backup. */

/* Out of the list; its name is free then. */
static void take_spare(struct store *s, unsigned at, const char *as)
{
    char spare[SPOOL_NAME], last[SPOOL_NAME];
    spare_name(at, spare);
    if (!as || renameat(s->spool_dir, spare, s->spool_dir, as) < 0) {
        (void)unlinkat(s->spool_dir, spare, 0);
    }
    spare_name(--s->n_spares, last);
    if (at < s->n_spares) {
        (void)renameat(s->spool_dir, last, s->spool_dir, spare);
        s->spare_writers[at] = s->spare_writers[s->n_spares];
    }
}

/* -1: this writer has none. */
static int use_spare(struct store *s, uint32_t writer, const char *name)
{
    struct stat st;
    unsigned at = s->n_spares;
    while (at > 0 && s->spare_writers[at - 1] != writer) {
        at--;
    }
    if (at == 0) {
        return -1;
    }
    take_spare(s, at - 1, name);
    int fd = openat(s->spool_dir, name, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 1) {
        return fd;
    }
    err_close_fd(&fd);
    (void)unlinkat(s->spool_dir, name, 0);
    return -1;
}

/* The last group of a name says whose the file is. */
static bool writer_of(const char *name, uint32_t *ret)
{
    const char *last = strrchr(name, '-');
    uint64_t n = 0;
    bool ok = last && str_to_u64(str_c(last + 1), UINT32_MAX, &n) == 0;
    *ret = (uint32_t)n;
    return ok;
}

static bool writer_is_there(const struct store *s, uint32_t writer)
{
    for (size_t i = 0; i < s->n_writers; i++) {
        if (s->writers[i] == writer) {
            return true;
        }
    }
    return false;
}

static bool keep_spare(struct store *s, const char *name)
{
    char spare[SPOOL_NAME];
    struct stat st;
    uint32_t writer;
    if (s->n_spares == SPARES_MAX || !writer_of(name, &writer) || !writer_is_there(s, writer) ||
        fstatat(s->spool_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
        st.st_size > SPARE_OCTETS_MAX || st.st_nlink != 1) {
        return false;
    }
    spare_name(s->n_spares, spare);
    bool kept = renameat(s->spool_dir, name, s->spool_dir, spare) == 0;
    s->spare_writers[s->n_spares] = writer;
    s->n_spares += kept;
    return kept;
}

void store_spool_writer_gone(struct store *s, uint32_t writer)
{
    for (size_t i = 0; i < s->n_writers; i++) {
        if (s->writers[i] == writer) {
            s->writers[i] = s->writers[--s->n_writers];
            break;
        }
    }
    for (unsigned at = s->n_spares; at > 0; at--) {
        if (s->spare_writers[at - 1] == writer) {
            take_spare(s, at - 1, NULL);
        }
    }
}

enum store_result store_spool_create(struct store *s, uint32_t writer, char name[64], int *ret_fd)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, 64, "%llx-%lx-%x-%u", (unsigned long long)now.tv_sec, now.tv_nsec,
             ++s->spool_count, writer);
    if (!writer_is_there(s, writer) && s->n_writers < WRITERS_MAX) {
        s->writers[s->n_writers++] = writer;
    }
    int fd = use_spare(s, writer, name);
    fd = fd >= 0 ? fd : openat(s->spool_dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        log_error("spool-create-failed", KV("problem", strerror(errno)));
        return errno == ENOSPC || errno == EDQUOT ? STORE_FULL : STORE_RETRY;
    }
    s->spool_dirty = true;
    *ret_fd = fd;
    return STORE_OK;
}

static bool spool_name_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') && c != '-') {
            return false;
        }
    }
    return name.n > 0 && name.n < 64;
}

int store_spool_open(struct store *s, struct str name)
{
    char path[64];
    if (!spool_name_ok(name) || str_copy(name, path, sizeof path) < 0) {
        return -EINVAL;
    }
    int fd = openat(s->spool_dir, path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void store_spool_drop(struct store *s, struct str name)
{
    char path[64];
    if (spool_name_ok(name) && str_copy(name, path, sizeof path) == 0 && !keep_spare(s, path)) {
        (void)unlinkat(s->spool_dir, path, 0);
    }
}

/* Where the store is repaired nothing is deleted. */
static void drop_orphan(struct store *s, const char *name)
{
    char to[4096];
    if (s->sizes.quarantine) {
        snprintf(to, sizeof to, "%s/%s", s->sizes.quarantine, name);
        (void)renameat(s->spool_dir, name, AT_FDCWD, to);
    } else {
        log_notice("spool-orphan-removed", KV("file", name));
        store_spool_drop(s, str_c(name));
    }
}

/* After a stop of any kind: files without a row go. */
int store_sweep_spool(struct store *s)
{
    DIR *dir = opendir(s->spool);
    if (!dir) {
        return -errno;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct str name = str_c(entry->d_name);
        if (str_starts_nocase(name, str_c(spare_prefix))) { /* nobody counts them now */
            (void)unlinkat(s->spool_dir, entry->d_name, 0);
        }
        if (name.p[0] == '.') {
            continue;
        }
        sqlite3_stmt *q = s->q[Q_HAS_SPOOL];
        bind_str(q, 1, name);
        int code = sqlite3_step(q);
        sqlite3_reset(q);
        if (code != SQLITE_ROW && code != SQLITE_DONE) {
            closedir(dir);
            return -EIO; /* not known whose it is: nothing is removed */
        }
        if (code == SQLITE_DONE) {
            drop_orphan(s, entry->d_name);
        }
    }
    closedir(dir);
    return 0;
}
