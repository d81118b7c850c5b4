/* SPDX-License-Identifier: Apache-2.0
 * sqlite_restore.c: puts a copy of a store where there is none. Called by postern store.
 *
 * The copy may be of an older version, and a copy of files after a crash: it is opened as the
 * start would open it. Then all that waits is held: what went out after the copy was made would
 * go out twice. postern.db comes last, so that what was begun and not ended is no store. What
 * can go wrong: a place that is not empty, no room, a copy that is damaged.
 */
#include "base/clock.h"
#include "store/sqlite_priv.h"
#include "store/upkeep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096 };

struct restoring {
    const char *from, *to;
    store_progress_fn progress;
    void *arg;
    uint64_t done, all;
    char *problem;
    size_t size;
};

static int sqlite_restore_fail(struct restoring *r, int error, const char *what, const char *why)
{
    snprintf(r->problem, r->size, "%s: %s", what, why);
    return error;
}

/* A file system of its own has lost+found; posternd.lock is who asked. */
static bool may_be_there(const char *name)
{
    return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           strcmp(name, "lost+found") == 0 || strcmp(name, "posternd.lock") == 0;
}

static int look_at_place(struct restoring *r)
{
    const struct dirent *entry;
    char found[256] = "";
    if (mkdir(r->to, 0700) < 0 && errno != EEXIST) {
        return sqlite_restore_fail(r, -errno, r->to, strerror(errno));
    }
    DIR *dir = opendir(r->to);
    if (!dir) {
        return sqlite_restore_fail(r, -errno, r->to, strerror(errno));
    }
    while ((entry = readdir(dir))) {
        if (!may_be_there(entry->d_name)) {
            snprintf(found, sizeof found, "%s", entry->d_name);
        }
    }
    closedir(dir);
    return *found ? sqlite_restore_fail(r, -EEXIST, r->to,
                                        "there is something in it already, and nothing is written "
                                        "over. Move it away, whole, and keep it until all is well")
                  : 0;
}

static uint64_t sqlite_restore_count_files(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    uint64_t n = 0;
    while (dir && (entry = readdir(dir))) {
        n += entry->d_name[0] != '.';
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

/* Never a link: the copy stays as it is. */
static int copy_one(struct restoring *r, const char *name, const char *as)
{
    char a[PATH], b[PATH];
    snprintf(a, sizeof a, "%s/%s", r->from, name);
    snprintf(b, sizeof b, "%s/%s", r->to, as);
    CLEANUP(err_close_fd) int in = open(a, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0 && errno == ENOENT) {
        return 0;
    }
    CLEANUP(err_close_fd)
    int out = in < 0 ? -1 : open(b, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int e = in < 0 || out < 0 ? -errno : store_copy_octets(in, out);
    if (e < 0) {
        return sqlite_restore_fail(r, e, in < 0 ? a : b, strerror(-e));
    }
    r->progress(r->arg, ++r->done, r->all);
    return 0;
}

static int sqlite_restore_copy_spool(struct restoring *r)
{
    char path[PATH], name[300];
    const struct dirent *entry;
    int e = 0;
    snprintf(path, sizeof path, "%s/spool", r->to);
    if (mkdir(path, 0700) < 0) {
        return sqlite_restore_fail(r, -errno, path, strerror(errno));
    }
    snprintf(path, sizeof path, "%s/spool", r->from);
    DIR *dir = opendir(path);
    while (dir && e == 0 && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "spool/%s", entry->d_name);
            e = copy_one(r, name, name);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return e;
}

static int sync_directory(const char *path)
{
    CLEANUP(err_close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int copy_all(struct restoring *r)
{
    static const char *const names[] = {"journal-0", "journal-1", MARK_FILE, "postern.db-wal"};
    char a[PATH], b[PATH];
    int e = sqlite_restore_copy_spool(r);
    for (size_t i = 0; i < ARRAY_LEN(names) && e == 0; i++) {
        e = copy_one(r, names[i], names[i]);
    }
    e = e == 0 ? copy_one(r, "postern.db", "postern.db.unfinished") : e;
    snprintf(a, sizeof a, "%s/postern.db.unfinished", r->to);
    snprintf(b, sizeof b, "%s/postern.db", r->to);
    if (e == 0 && (rename(a, b) < 0 || sync_directory(r->to) < 0)) {
        e = sqlite_restore_fail(r, -errno, b, strerror(errno));
    }
    return e;
}

/* What waits is held from here on, and the store knows why. */
static int hold_all(struct restoring *r, uint8_t reason, struct store_restored *ret)
{
    struct store *s = NULL;
    int e = store_open(r->to, r->problem, r->size, &s);
    if (e < 0) {
        return e;
    }
    ret->loss = store_lost(s);
    if (store_in_batch(s)) {
        bind_int(s->q[Q_HOLD_ALL], 1, reason);
        bind_int(s->q[Q_HOLD_ALL], 2, (uint64_t)clock_wall_ms());
        store_run(s, Q_HOLD_ALL);
        ret->held = (uint64_t)sqlite3_changes(s->db);
    }
    store_set_restored(s, clock_wall_ms());
    store_flush(s);
    if (store_restored_ms(s) == 0) {
        e = sqlite_restore_fail(r, -EIO, r->to,
                                "what waits could not be held: do not start the gateway with it");
    }
    store_close(s);
    return e;
}

int store_restore(const char *from, const char *to, uint8_t reason, store_progress_fn progress,
                  void *arg, struct store_restored *ret, char *problem, size_t size)
{
    char path[PATH];
    struct stat st;
    struct restoring r = {
        .from = from,
        .to = to,
        .progress = progress,
        .arg = arg,
        .problem = problem,
        .size = size,
    };
    *ret = (struct store_restored){0};
    snprintf(path, sizeof path, "%s/postern.db", from);
    if (stat(path, &st) < 0) {
        return sqlite_restore_fail(&r, -errno, from, "there is no copy of a store (no postern.db)");
    }
    int e = look_at_place(&r);
    snprintf(path, sizeof path, "%s/spool", from);
    r.all = sqlite_restore_count_files(path) + sqlite_restore_count_files(from) - 1;
    e = e < 0 ? e : copy_all(&r);
    return e < 0 ? e : hold_all(&r, reason, ret);
}

/* --- what is held since ------------------------------------------------- */

int64_t store_restored_ms(struct store *s)
{
    sqlite3_stmt *q = s->q[Q_RESTORED];
    int64_t ms = sqlite3_step(q) == SQLITE_ROW ? (int64_t)column_int(q, 0) : 0;
    sqlite3_reset(q);
    return ms;
}

void store_set_restored(struct store *s, int64_t at_ms)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_SET_RESTORED], 1, (uint64_t)at_ms);
        store_run(s, Q_SET_RESTORED);
    }
}
