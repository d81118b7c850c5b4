/* SPDX-License-Identifier: Apache-2.0
 * sqlite_upkeep.c: checking and copying the embedded store over a connection of its own. Called
 * by postern store; the queue goes on meanwhile (WAL: readers and the writer do not wait for
 * each other).
 *
 * What can go wrong: no right to read, a copy that does not fit: told, and what was begun is
 * left for the administrator to look at.
 */
#include "base/clock.h"
#include "store/envelope.h"
#include "store/upgrade.sql.h"
#include "store/sqlite_priv.h"
#include "store/upkeep.h"
#include "wire/date.h"
#include "wire/id.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGES_PER_STEP = 256, PATH = 4096, RCPTS_SHOWN = 900, ENTRIES_MAX = 256 * 1024 * 1024 };

static int sqlite_upkeep_fail(char *problem, size_t size, int r, const char *what,
                              const char *detail)
{
    snprintf(problem, size, "%s: %s", what, detail);
    return r;
}

static int open_beside(const char *directory, sqlite3 **ret, char *problem, size_t size)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/postern.db", directory);
    if (sqlite3_open_v2(path, ret, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, store_pages_vfs()) !=
        SQLITE_OK) {
        int r = sqlite_upkeep_fail(problem, size, -EACCES, path,
                                   *ret ? sqlite3_errmsg(*ret) : "out of memory");
        sqlite3_close(*ret);
        *ret = NULL;
        return r;
    }
    sqlite3_busy_timeout(*ret, 10000);
    return 0;
}

static void close_database(sqlite3 **db)
{
    sqlite3_close(*db);
}

/* --- check -------------------------------------------------------------- */

struct look {
    sqlite3 *db;
    const struct store_checker *checker;
    struct store_health *health;
};

static void found(struct look *l, bool fatal, const char *text)
{
    l->health->findings++;
    l->health->fatal += fatal;
    l->checker->finding(l->checker->arg, fatal, text);
}

/* Every row of the query is something wrong, but for a first column that equals `fine`. */
static int each(struct look *l, const char *sql, const char *format, const char *fine, bool fatal)
{
    sqlite3_stmt *q = NULL;
    char text[512];
    int code = sqlite3_prepare_v2(l->db, sql, -1, &q, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        const char *what = (const char *)sqlite3_column_text(q, 0);
        if (!fine || !what || strcmp(what, fine) != 0) {
            snprintf(text, sizeof text, "%s: %s", format, what ? what : "");
            found(l, fatal, text);
        }
        code = SQLITE_OK;
    }
    sqlite3_finalize(q);
    return code == SQLITE_DONE ? 0 : -EIO;
}

static uint64_t sqlite_upkeep_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    uint64_t n = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
        n = column_int(q, 0);
    }
    sqlite3_finalize(q);
    return n;
}

/* The text of the first row, "" where there is none. */
static void text_of(sqlite3 *db, const char *sql, char *dst, size_t size)
{
    sqlite3_stmt *q = NULL;
    *dst = '\0';
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
        str_copy_cut(column_str(q, 0), dst, size);
    }
    sqlite3_finalize(q);
}

/* Spool files that no message names: left by a crash, swept at the next start. */
static void sqlite_upkeep_count_files(struct look *l, const char *spool)
{
    DIR *dir = opendir(spool);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        l->health->spool_files += entry->d_name[0] != '.';
    }
    if (dir) {
        closedir(dir);
    }
}

/* Copies that a start made of what was damaged: until somebody looked at them, the store is not
 * called whole. */
static void find_kept(struct look *l, const char *directory)
{
    DIR *dir = opendir(directory);
    const struct dirent *entry;
    char text[400];
    while (dir && (entry = readdir(dir))) {
        if (strstr(entry->d_name, STORE_KEPT_MARK)) {
            snprintf(text, sizeof text,
                     "the store was damaged, and mail may be lost; %s is what it was. Look at the "
                     "log of that day, then move the file away",
                     entry->d_name);
            found(l, true, text);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static struct store_settled settled_of(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    struct store_settled s = {0};
    if (sqlite3_prepare_v2(db, SQL_SELECT(settled), -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW) {
        store_read_columns(q, store_record_settled(), &s);
    }
    sqlite3_finalize(q);
    return s;
}

/* What a look at mark, tables and journal found. */
struct ends {
    struct mark mark;
    enum mark_state state;
    struct store_settled settled;
    struct journal_content journal;
    int journal_result;
    struct buf lost_entries, waiting_entries;
};

static bool is_wrong(const struct ends *e)
{
    return e->journal_result == -EBADMSG || e->journal.lost > 0 || e->settled.times < e->mark.times;
}

/* The mark first: what it says is in the others from then on. The queue may settle and write on
 * meanwhile. */
static int look_at_ends(sqlite3 *db, const char *directory, struct ends *ret)
{
    int r = 0;
    for (unsigned i = 0; i < 5 && r == 0 && (i == 0 || is_wrong(ret)); i++) {
        ret->mark = (struct mark){0};
        ret->journal = (struct journal_content){0};
        buf_reset(&ret->lost_entries);
        buf_reset(&ret->waiting_entries);
        r = mark_read(directory, &ret->mark, &ret->state);
        ret->settled = settled_of(db);
        ret->mark = ret->mark.store == ret->settled.store ? ret->mark
                                                          : (struct mark){.store = ret->mark.store};
        ret->journal_result =
            journal_look(directory, ret->settled.store,
                         (struct journal_promise){ret->mark.number, ret->mark.check},
                         ret->settled.number, &ret->lost_entries, &ret->waiting_entries,
                         &ret->journal);
    }
    return r < 0 ? r : ret->journal_result == -EBADMSG ? 0 : ret->journal_result;
}

static void free_ends(struct ends *e)
{
    buf_free(&e->lost_entries);
    buf_free(&e->waiting_entries);
}

static void check_mark(struct look *l, const struct ends *e)
{
    char text[300];
    bool readable = e->state == MARK_WHOLE || e->state == MARK_ONE_DAMAGED;
    if (!readable && e->settled.marked) {
        found(l, true,
              e->state == MARK_NONE ? "the file " MARK_FILE
                                      " is missing: nothing says whether the newest mail is there"
                                    : "the file " MARK_FILE
                                      " is damaged: nothing says whether the newest mail is there");
    } else if (e->state == MARK_ONE_DAMAGED) {
        found(l, false, "one of the two copies in " MARK_FILE " is damaged");
    }
    if (readable && e->mark.store != e->settled.store) {
        found(l, true, "the file " MARK_FILE " belongs to another database");
    }
    if (e->settled.times < e->mark.times) {
        snprintf(text, sizeof text,
                 "the tables lack their last %llu transactions: the end of postern.db-wal is gone "
                 "or damaged, or postern.db is older than the rest",
                 (unsigned long long)(e->mark.times - e->settled.times));
        found(l, true, text);
    }
}

static void on_bad_body(void *arg, const struct store_damage *d, const char *path, bool is_lost)
{
    struct look *l = arg;
    char text[PATH + 1500], id[ID_TEXT], date[DATE_MAX];
    id_text(d->id, id);
    date_iso(d->arrived_ms, date);
    snprintf(text, sizeof text,
             "message %s from <" STR_FMT "> to " STR_FMT ", taken %.19s: " STR_FMT "%s%s", id,
             STR_ARG(d->reverse_path),
             STR_ARG(str_slice(d->rcpts, 0, d->rcpts.n < RCPTS_SHOWN ? d->rcpts.n : RCPTS_SHOWN)),
             date, STR_ARG(d->what), *path ? ": " : "", path);
    found(l, is_lost, text);
    if (is_lost && l->checker->lost) {
        l->checker->lost(l->checker->arg, d);
    }
}

/* Of a batch whose bodies are damaged; the batch itself is a finding. */
static void on_lost_entry(void *arg, const struct store_damage *d, struct str spool,
                          struct str sealed_key)
{
    struct look *l = arg;
    if (l->checker->lost) {
        l->checker->lost(l->checker->arg, d);
    }
}

/* What was promised and waits to be taken over; what lies between it and the tables must not be
 * missing. */
static int check_journal(struct look *l, const char *directory)
{
    CLEANUP(free_ends)
    struct ends e = {.lost_entries = BUF_INIT(ENTRIES_MAX),
                     .waiting_entries = BUF_INIT(ENTRIES_MAX)};
    char text[300];
    int r = look_at_ends(l->db, directory, &e);
    if (r < 0) {
        return r;
    }
    l->health->waiting = e.journal.waiting;
    l->health->lost = e.journal.lost;
    l->health->settled = e.settled.number;
    l->health->newest = e.journal.newest > e.mark.number ? e.journal.newest : e.mark.number;
    if (e.journal.lost > 0) {
        snprintf(text, sizeof text,
                 "%llu batches of the journal are damaged or gone: the disk gave back other octets "
                 "than were written, and mail that was taken is lost",
                 (unsigned long long)e.journal.lost);
        found(l, true, text);
    }
    store_each_in_entries(buf_str(&e.lost_entries), on_lost_entry, l);
    store_check_waiting(l->db, directory, buf_str(&e.waiting_entries), e.settled.number, l->checker,
                        on_bad_body, l);
    find_kept(l, directory);
    check_mark(l, &e);
    if (e.journal_result == -EBADMSG && e.settled.times >= e.mark.times) {
        found(l, true,
              "the journal belongs to another database, or to one of a later moment, or a part of "
              "it is gone");
    }
    return 0;
}

/* The pages of the tables and of their log, octet by octet. integrity_check reads those of the
 * tables that are in use. */
static void check_pages(struct look *l, const char *directory)
{
    uint64_t used, whole;
    char text[200];
    if (store_pages_reserved(l->db) != PAGE_CHECK) {
        found(l, true,
              "the pages of postern.db have no checksums, so that damage of them is not seen: see "
              "pages-without-checksums in the log of the last start");
    }
    whole = store_log_walk(directory, &used);
    for (unsigned i = 0; i < 5 && whole < used; i++) { /* it began anew meanwhile */
        whole = store_log_walk(directory, &used);
    }
    if (whole < used) {
        snprintf(text, sizeof text, "postern.db-wal is damaged at frame %llu of %llu",
                 (unsigned long long)whole + 1, (unsigned long long)used);
        found(l, true, text);
    }
}

uint64_t store_list_damage(sqlite3 *db, int64_t since_ms, const struct store_checker *checker)
{
    sqlite3_stmt *q = NULL;
    uint64_t n = 0;
    int code =
        sqlite3_prepare_v2(db, SQL_SELECT(damage) " WHERE at_ms>=? ORDER BY id", -1, &q, NULL);
    if (code == SQLITE_OK) {
        bind_int(q, 1, (uint64_t)since_ms);
    }
    while (code == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
        struct store_damage d;
        store_read_columns(q, store_record_damage(), &d);
        if (checker->lost) {
            checker->lost(checker->arg, &d);
        }
        n++;
    }
    sqlite3_finalize(q);
    return n;
}

bool store_tables_are_whole(const char *directory)
{
    CLEANUP(close_database) sqlite3 *db = NULL;
    char problem[300], answer[8] = "";
    if (open_beside(directory, &db, problem, sizeof problem) == 0) {
        text_of(db, "PRAGMA integrity_check(1)", answer, sizeof answer);
    }
    return strcmp(answer, "ok") == 0;
}

#define KEY_KEPT "SELECT value FROM secret WHERE name='" STORE_AT_REST "'"

int store_key_kept(const char *directory, char *ret, size_t size, char *problem,
                   size_t problem_size)
{
    CLEANUP(close_database) sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    char path[PATH];
    struct stat st;
    *ret = '\0';
    snprintf(path, sizeof path, "%s/postern.db", directory);
    if (stat(path, &st) < 0) {
        int code = -errno;
        return sqlite_upkeep_fail(problem, problem_size, code, path, strerror(-code));
    }
    int r = open_beside(directory, &db, problem, problem_size);
    if (r < 0) {
        return r;
    }
    int code = sqlite3_prepare_v2(db, KEY_KEPT, -1, &q, NULL);
    code = code == SQLITE_OK ? sqlite3_step(q) : code;
    if (code == SQLITE_ROW) {
        str_copy_cut(column_str(q, 0), ret, size);
    } else if (code != SQLITE_DONE) {
        r = sqlite_upkeep_fail(problem, problem_size, -EIO, path, sqlite3_errmsg(db));
    }
    sqlite3_finalize(q);
    return r;
}

#define PICKUP_WAITING \
    "SELECT count(*) AS envelopes, coalesce(max(expires_ms), 0) AS last_ms FROM envelope WHERE " \
    "state IN (0, 1)"

int store_pickup_waiting(const char *directory, uint64_t *ret_n, int64_t *ret_last_ms)
{
    _Static_assert(ENVELOPE_WAITING == 0 && ENVELOPE_LOCKED == 1, "the states of PICKUP_WAITING");
    CLEANUP(close_database) sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    char path[PATH], problem[300];
    struct stat st;
    snprintf(path, sizeof path, "%s/postern.db", directory);
    int r = stat(path, &st) < 0 ? -errno : open_beside(directory, &db, problem, sizeof problem);
    if (r < 0) {
        return r;
    }
    int code = sqlite3_prepare_v2(db, PICKUP_WAITING, -1, &q, NULL);
    code = code == SQLITE_OK ? sqlite3_step(q) : code;
    if (code == SQLITE_ROW) {
        *ret_n = store_column(q, "envelopes");
        *ret_last_ms = (int64_t)store_column(q, "last_ms");
    }
    sqlite3_finalize(q);
    return code == SQLITE_ROW ? 0 : -EIO;
}

int store_check(const char *directory, const struct store_checker *checker,
                struct store_health *ret, char *problem, size_t size)
{
    CLEANUP(close_database) sqlite3 *db = NULL;
    char spool[PATH];
    *ret = (struct store_health){0};
    int r = open_beside(directory, &db, problem, size);
    if (r < 0) {
        return r;
    }
    struct look l = {db, checker, ret};
    snprintf(spool, sizeof spool, "%s/spool", directory);
    if (sqlite_upkeep_number(db, "PRAGMA user_version") != STORE_SCHEMA_VERSION) {
        return sqlite_upkeep_fail(problem, size, -EPROTO, directory,
                                  "written by another version of Postern");
    }
    text_of(db, KEY_KEPT, ret->at_rest, sizeof ret->at_rest);
    r = each(&l, "PRAGMA integrity_check", "the database is damaged", "ok", true);
    r = r < 0 ? r
              : each(&l,
                     "SELECT rcpt FROM recipient r WHERE NOT EXISTS (SELECT 1 FROM message m WHERE "
                     "m.id=r.id)",
                     "a recipient without its message", NULL, true);
    r = r < 0 ? r
              : each(&l,
                     "SELECT id FROM message m WHERE NOT EXISTS (SELECT 1 FROM recipient r WHERE "
                     "r.id=m.id)",
                     "a message without recipients", NULL, true);
    r = r < 0 ? r
              : each(&l,
                     "SELECT envelope FROM envelope e WHERE state IN (0,1) AND "
                     "(length(sealed_key)=0 OR NOT EXISTS (SELECT 1 FROM view v WHERE v.id=e.id))",
                     "mail in the portal that nobody can open, envelope", NULL, true);
    r = r < 0 ? r
              : each(&l,
                     "SELECT id FROM body b WHERE NOT EXISTS (SELECT 1 FROM message m WHERE "
                     "m.id=b.id)",
                     "a body without its message", NULL, false);
    r = r < 0 ? r : store_check_bodies(db, directory, checker, on_bad_body, &l);
    sqlite_upkeep_count_files(&l, spool);
    r = r < 0 ? r : check_journal(&l, directory);
    check_pages(&l, directory);
    if (r < 0) {
        return sqlite_upkeep_fail(problem, size, r, directory, sqlite3_errmsg(db));
    }
    ret->lost_before = store_list_damage(db, 0, checker);
    ret->restored_ms = (int64_t)sqlite_upkeep_number(db, "SELECT restored_ms FROM settled");
    ret->messages = sqlite_upkeep_number(db, "SELECT count(*) FROM message");
    ret->queued = sqlite_upkeep_number(db, "SELECT count(*) FROM recipient WHERE state=0");
    ret->held = sqlite_upkeep_number(db, "SELECT count(*) FROM recipient WHERE state=1");
    return 0;
}

/* --- backup ------------------------------------------------------------- */

/* Noughts become holes: a journal is mostly room. */
int store_copy_octets(int from, int to)
{
    char chunk[64 * 1024];
    ssize_t n;
    while ((n = read(from, chunk, sizeof chunk)) > 0) {
        bool is_room = chunk[0] == 0 && memcmp(chunk, chunk + 1, (size_t)n - 1) == 0;
        if (is_room && lseek(to, n, SEEK_CUR) < 0) {
            return -errno;
        }
        for (ssize_t done = is_room ? n : 0; done < n;) {
            ssize_t w = write(to, chunk + done, (size_t)(n - done));
            if (w < 0) {
                return -errno;
            }
            done += w;
        }
    }
    return n < 0 || ftruncate(to, lseek(to, 0, SEEK_CUR)) < 0 || fsync(to) < 0 ? -errno : 0;
}

/* Never links: they are written over. */
static int copy_journal(const char *from, const char *to)
{
    char name[16], a[PATH], b[PATH];
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        journal_name(i, name);
        snprintf(a, sizeof a, "%s/%s", from, name);
        snprintf(b, sizeof b, "%s/%s", to, name);
        CLEANUP(err_close_fd) int in = open(a, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (in < 0 && errno == ENOENT) {
            continue;
        }
        CLEANUP(err_close_fd)
        int out = in < 0 ? -1 : open(b, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int r = in < 0 || out < 0 ? -errno : store_copy_octets(in, out);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int keep_file(const char *directory, const char *name, const char *date)
{
    char a[PATH], b[PATH + 64];
    snprintf(a, sizeof a, "%s/%s", directory, name);
    snprintf(b, sizeof b, "%s%s%.19s", a, STORE_KEPT_MARK, date);
    CLEANUP(err_close_fd) int in = open(a, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(err_close_fd)
    int out = in < 0 ? -1 : open(b, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return in < 0 || out < 0 ? -errno : store_copy_octets(in, out);
}

int store_keep_journal(const char *directory)
{
    char name[16], date[DATE_MAX];
    int r = 0;
    date_iso(clock_wall_ms(), date);
    for (unsigned i = 0; i < JOURNAL_FILES && r == 0; i++) {
        journal_name(i, name);
        r = keep_file(directory, name, date);
    }
    return r;
}

int store_keep_log(const char *directory)
{
    char date[DATE_MAX];
    date_iso(clock_wall_ms(), date);
    return keep_file(directory, "postern.db-wal", date);
}

static int drop_journal(const char *to)
{
    char name[16], path[PATH];
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        journal_name(i, name);
        snprintf(path, sizeof path, "%s/%s", to, name);
        if (unlink(path) < 0 && errno != ENOENT) {
            return -errno;
        }
    }
    return 0;
}

/* The journal went on while it was copied: where it does not meet the copied tables any more,
 * they stand alone. The mark is of what is in the copy. */
static int fit_journal(sqlite3 *copy, const char *to)
{
    struct store_settled s = settled_of(copy);
    struct journal_content c;
    int fd = -1,
        r = journal_look(to, s.store, (struct journal_promise){0}, s.number, NULL, NULL, &c);
    if (r == -EBADMSG) {
        c = (struct journal_content){.newest = s.number};
        r = drop_journal(to);
    }
    struct mark m = {.store = s.store, .number = c.newest, .check = c.check, .times = s.times};
    r = r < 0 ? r : mark_open(to, &m, &fd);
    err_close_fd(&fd);
    return r;
}

/* A file that is written over while it is copied looks damaged: then once more. */
static int copy_whole_journal(sqlite3 *db, const char *from, const char *to)
{
    struct journal_content c = {0};
    int r = 0;
    for (unsigned i = 0; i < 5 && r == 0 && (i == 0 || c.lost > 0); i++) {
        struct store_settled s = settled_of(db);
        r = drop_journal(to);
        r = r < 0 ? r : copy_journal(from, to);
        int looked = r < 0 ? 0
                           : journal_look(to, s.store, (struct journal_promise){0}, s.number, NULL,
                                          NULL, &c);
        r = looked == -EBADMSG ? 0 : r < 0 ? r : looked;
    }
    return r;
}

/* A link where that can be, else a copy. -EEXIST counts as done. */
static int copy_file(const char *from, const char *to)
{
    if (link(from, to) == 0 || errno == EEXIST) {
        return 0;
    }
    if (errno == ENOENT) {
        return -ENOENT;
    }
    CLEANUP(err_close_fd) int in = open(from, O_RDONLY | O_CLOEXEC);
    CLEANUP(err_close_fd)
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return in < 0 || out < 0 ? -errno : store_copy_octets(in, out);
}

static int sqlite_upkeep_copy_spool(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    const struct dirent *entry;
    char a[PATH], b[PATH];
    int r = dir ? 0 : -errno;
    while (r == 0 && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            snprintf(a, sizeof a, "%s/%s", from, entry->d_name);
            snprintf(b, sizeof b, "%s/%s", to, entry->d_name);
            r = copy_file(a, b);
            r = r == -ENOENT ? 0 : r; /* delivered just now */
        }
    }
    if (dir) {
        closedir(dir);
    }
    return r;
}

/* What the copied database names must be there; what came after the first look is fetched now. */
static int complete_spool(sqlite3 *copy, const char *from, const char *to, uint64_t *ret_gone)
{
    sqlite3_stmt *q = NULL;
    char a[PATH], b[PATH];
    int r = 0,
        code = sqlite3_prepare_v2(copy, "SELECT spool FROM message WHERE spool<>''", -1, &q, NULL);
    while (r == 0 && code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(q, 0);
        snprintf(a, sizeof a, "%s/%s", from, name);
        snprintf(b, sizeof b, "%s/%s", to, name);
        struct stat st;
        r = stat(b, &st) == 0 ? 0 : copy_file(a, b);
        *ret_gone += r == -ENOENT;
        r = r == -ENOENT ? 0 : r;
        code = SQLITE_OK;
    }
    sqlite3_finalize(q);
    return r < 0 ? r : code == SQLITE_DONE ? 0 : -EIO;
}

static int copy_database(sqlite3 *from, sqlite3 *to, store_progress_fn progress, void *arg)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int code = b ? SQLITE_OK : SQLITE_ERROR;
    while (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        code = sqlite3_backup_step(b, PAGES_PER_STEP);
        uint64_t all = (uint64_t)sqlite3_backup_pagecount(b);
        progress(arg, all - (uint64_t)sqlite3_backup_remaining(b), all);
    }
    int end = b ? sqlite3_backup_finish(b) : SQLITE_ERROR;
    return code == SQLITE_DONE && end == SQLITE_OK ? 0 : -EIO;
}

int store_backup(const char *directory, const char *to, store_progress_fn progress, void *arg,
                 uint64_t *ret_gone, char *problem, size_t size)
{
    CLEANUP(close_database) sqlite3 *from = NULL;
    CLEANUP(close_database) sqlite3 *copy = NULL;
    char path[PATH], spool[PATH], spool_to[PATH];
    *ret_gone = 0;
    int r = open_beside(directory, &from, problem, size);
    if (r < 0) {
        return r;
    }
    snprintf(spool, sizeof spool, "%s/spool", directory);
    snprintf(spool_to, sizeof spool_to, "%s/spool", to);
    snprintf(path, sizeof path, "%s/postern.db", to);
    if (mkdir(to, 0700) < 0 || mkdir(spool_to, 0700) < 0) {
        return sqlite_upkeep_fail(problem, size, -errno, to, strerror(errno));
    }
    /* first: what the tables took over since then is passed over */
    r = copy_whole_journal(from, directory, to);
    r = r < 0 ? r : sqlite_upkeep_copy_spool(spool, spool_to);
    /* one read transaction: the copy is the database of one moment, however long it takes */
    if (r == 0 && (sqlite3_exec(from, "BEGIN; SELECT count(*) FROM message;", NULL, NULL, NULL) !=
                       SQLITE_OK ||
                   sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                   store_pages_vfs()) != SQLITE_OK)) {
        return sqlite_upkeep_fail(problem, size, -EIO, directory, sqlite3_errmsg(from));
    }
    r = r < 0 ? r : copy_database(from, copy, progress, arg);
    r = r < 0 ? r : fit_journal(copy, to);
    r = r < 0 ? r : complete_spool(copy, spool, spool_to, ret_gone);
    return r < 0 ? sqlite_upkeep_fail(problem, size, r, to,
                                      copy && r == -EIO ? sqlite3_errmsg(copy) : strerror(-r))
                 : 0;
}
