/* SPDX-License-Identifier: Apache-2.0
 * sqlite_bodies.c: every body that somebody still waits for, against its seal; and what cannot
 * be delivered any more is put aside. Called by sqlite_upkeep.c and postern store.
 *
 * A repair never deletes: files and bodies are moved to a directory quarantine-DATE in the
 * store. Recipients of what is lost fail without a bounce, which would need the message; a
 * letter tells its sender (store/damage.h). Damaged tables are written anew (sqlite_salvage.c).
 * What can go wrong: tables of which too little can be read: then only a copy of the store
 * helps.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/sqlite_priv.h"
#include "store/upkeep.h"
#include "sys/file.h"
#include "wire/date.h"
#include "wire/id.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096, RCPTS_OCTETS = 64 * 1024 };

_Static_assert(RCPT_QUEUED == 0 && RCPT_HELD == 1 && RCPT_FAILED == 3 && RCPT_EXPIRED == 4 &&
                   RCPT_PICKUP == 6,
               "the states below");
#define LOST_WITH_BODY "(state IN (0,1) OR (state IN (3,4) AND bounced=0))"
#define BODIES         BODIES_OF("") " ORDER BY id"
#define BODIES_OF(which) \
    "SELECT id, arrived_ms, reverse_path, sealed_key, spool," \
    " EXISTS (SELECT 1 FROM recipient r WHERE r.id=m.id AND " LOST_WITH_BODY ") AS is_lost" \
    " FROM message m" \
    " WHERE EXISTS (SELECT 1 FROM recipient r WHERE r.id=m.id AND (state=6 OR " LOST_WITH_BODY \
    "))" which
#define COUNT_BODIES "SELECT count(*) FROM (" BODIES ")"

static const char rcpts_sql[] =
    "SELECT forward_path FROM recipient WHERE id=? AND " LOST_WITH_BODY " ORDER BY rcpt";
static const char body_sql[] = "SELECT sealed FROM body WHERE id=?";

struct bodies {
    sqlite3 *db;
    const char *directory;
    const struct store_checker *checker;
    store_bad_body_fn bad;
    void *arg;
    sqlite3_stmt *rcpts, *body, *one;
    uint64_t *bad_ids; /* of the first look */
    size_t n_bad;
};

/* --- looking ------------------------------------------------------------ */

static const char *look_at_file(const struct bodies *b, struct str sealed_key, const char *path)
{
    CLEANUP(err_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? "its file is missing" : "its file cannot be opened";
    }
    int r = b->checker->body && sealed_key.n > 0
                ? b->checker->body(b->checker->arg, sealed_key, fd, STR(""))
                : 0;
    return r == 0          ? NULL
           : r == -EBADMSG ? "its file is damaged: cut, or not as it was written"
                           : "its file cannot be read";
}

static const char *look_at_row(struct bodies *b, uint64_t id, struct str sealed_key)
{
    const char *wrong = NULL;
    bind_int(b->body, 1, id);
    int code = sqlite3_step(b->body);
    if (code == SQLITE_DONE) {
        wrong = "its body is missing";
    } else if (code != SQLITE_ROW) {
        wrong = "its body cannot be read";
    } else if (b->checker->body && sealed_key.n > 0 &&
               b->checker->body(b->checker->arg, sealed_key, -1, column_str(b->body, 0)) < 0) {
        wrong = "its body is damaged: not as it was written";
    }
    sqlite3_reset(b->body);
    return wrong;
}

static void sqlite_bodies_tell(struct bodies *b, sqlite3_stmt *q, const char *wrong,
                               const char *path)
{
    CLEANUP(buf_free) struct buf rcpts = BUF_INIT(RCPTS_OCTETS);
    struct store_message m;
    store_read_columns(q, store_record_message(), &m);
    bind_int(b->rcpts, 1, m.id);
    while (sqlite3_step(b->rcpts) == SQLITE_ROW) {
        store_damage_rcpt(&rcpts, column_str(b->rcpts, 0));
    }
    sqlite3_reset(b->rcpts);
    const struct store_damage d = {
        .id = m.id,
        .at_ms = clock_wall_ms(),
        .arrived_ms = m.arrived_ms,
        .reverse_path = m.reverse_path,
        .rcpts = buf_str(&rcpts),
        .what = str_c(wrong),
    };
    b->bad(b->arg, &d, path, store_column(q, "is_lost") != 0);
}

static const char *sqlite_bodies_look(struct bodies *b, sqlite3_stmt *q, char path[PATH])
{
    struct store_message m;
    store_read_columns(q, store_record_message(), &m);
    snprintf(path, PATH, "%s/spool/" STR_FMT, b->directory, STR_ARG(m.spool));
    const char *wrong =
        m.spool.n > 0 ? look_at_file(b, m.sealed_key, path) : look_at_row(b, m.id, m.sealed_key);
    path[0] = m.spool.n > 0 ? path[0] : '\0';
    return wrong;
}

/* A gateway that goes on may have delivered it in between: only what is still wrong now counts. */
static void look_again(struct bodies *b, uint64_t id)
{
    char path[PATH];
    bind_int(b->one, 1, id);
    if (sqlite3_step(b->one) == SQLITE_ROW) {
        const char *wrong = sqlite_bodies_look(b, b->one, path);
        if (wrong) {
            sqlite_bodies_tell(b, b->one, wrong, path);
        }
    }
    sqlite3_reset(b->one);
}

static uint64_t sqlite_bodies_count(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    uint64_t n = 0;
    if (sqlite3_prepare_v2(db, COUNT_BODIES, -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW) {
        n = column_int(q, 0);
    }
    sqlite3_finalize(q);
    return n;
}

static void note_bad(struct bodies *b, uint64_t id)
{
    if (b->n_bad % 64 == 0) {
        b->bad_ids = reallocarray(b->bad_ids, b->n_bad + 64, sizeof *b->bad_ids);
        must(b->bad_ids);
    }
    b->bad_ids[b->n_bad++] = id;
}

static int look_at_all(struct bodies *b)
{
    const struct store_checker *c = b->checker;
    sqlite3_stmt *q = NULL;
    char path[PATH];
    uint64_t done = 0, all = sqlite_bodies_count(b->db);
    int code = sqlite3_prepare_v2(b->db, BODIES, -1, &q, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        if (sqlite_bodies_look(b, q, path)) {
            note_bad(b, column_int(q, 0));
        }
        if (c->progress) {
            done++;
            c->progress(c->arg, done, all > done ? all : done);
        }
        code = SQLITE_OK;
    }
    sqlite3_finalize(q);
    return code == SQLITE_DONE ? 0 : -EIO;
}

int store_check_bodies(sqlite3 *db, const char *directory, const struct store_checker *checker,
                       store_bad_body_fn bad, void *arg)
{
    struct bodies b = {
        .db = db,
        .directory = directory,
        .checker = checker,
        .bad = bad,
        .arg = arg,
    };
    int code = sqlite3_prepare_v2(db, rcpts_sql, -1, &b.rcpts, NULL);
    code = code == SQLITE_OK ? sqlite3_prepare_v2(db, body_sql, -1, &b.body, NULL) : code;
    code =
        code == SQLITE_OK ? sqlite3_prepare_v2(db, BODIES_OF(" AND id=?"), -1, &b.one, NULL) : code;
    int r = code == SQLITE_OK ? look_at_all(&b) : -EIO;
    for (size_t i = 0; i < b.n_bad && r == 0; i++) {
        look_again(&b, b.bad_ids[i]);
    }
    sqlite3_finalize(b.one);
    sqlite3_finalize(b.body);
    sqlite3_finalize(b.rcpts);
    free(b.bad_ids);
    return r;
}

struct waiting {
    struct bodies b;
    struct str entries;
    uint64_t settled; /* when they were read */
};

static uint64_t settled_now(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    uint64_t n = 0;
    if (sqlite3_prepare_v2(db, "SELECT number FROM settled", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW) {
        n = column_int(q, 0);
    }
    sqlite3_finalize(q);
    return n;
}

/* Whether its body went since: nobody needs the file any more. */
static bool is_released(struct str entries, uint64_t id)
{
    struct entry e;
    while (entry_read(&entries, &e) > 0) {
        if (e.kind == ENTRY_RELEASE && e.id == id) {
            return true;
        }
    }
    return false;
}

static void look_at_waiting(void *arg, const struct store_damage *d, struct str spool,
                            struct str sealed_key)
{
    struct waiting *w = arg;
    char path[PATH];
    snprintf(path, sizeof path, "%s/spool/" STR_FMT, w->b.directory, STR_ARG(spool));
    const char *wrong = spool.n > 0 && !is_released(w->entries, d->id)
                            ? look_at_file(&w->b, sealed_key, path)
                            : NULL;
    /* else: taken over since, and perhaps gone on its way */
    if (wrong && settled_now(w->b.db) == w->settled) {
        struct store_damage found = *d;
        found.what = str_c(wrong);
        w->b.bad(w->b.arg, &found, path, true);
    }
}

/* Files of messages that the journal alone has so far; bodies in it have its checksum. */
void store_check_waiting(sqlite3 *db, const char *directory, struct str entries, uint64_t settled,
                         const struct store_checker *checker, store_bad_body_fn bad, void *arg)
{
    struct waiting w = {
        .settled = settled,
        .b =
            {
                .db = db,
                .directory = directory,
                .checker = checker,
                .bad = bad,
                .arg = arg,
            },
        .entries = entries,
    };
    store_each_in_entries(entries, look_at_waiting, &w);
}

/* --- repair ------------------------------------------------------------- */

struct repair {
    struct store *store;
    struct store_repaired *ret;
    uint8_t reason;
    int error;
};

static void note_error(struct repair *r, int error)
{
    r->error = r->error < 0 ? r->error : error;
}

static void move_aside(struct repair *r, const char *path)
{
    char to[PATH + 64];
    const char *name = strrchr(path, '/');
    snprintf(to, sizeof to, "%s%s", r->ret->quarantine, name ? name : "/?");
    if (rename(path, to) == 0) {
        r->ret->moved++;
    } else if (errno != ENOENT) {
        note_error(r, -errno);
    }
}

/* A body that lies in the tables goes into a file. */
static void sqlite_bodies_copy_row(struct repair *r, uint64_t id)
{
    char path[PATH + 64], text[ID_TEXT];
    sqlite3_stmt *q = r->store->q[Q_GET_BODY];
    id_text(id, text);
    snprintf(path, sizeof path, "%s/%s.body", r->ret->quarantine, text);
    bind_int(q, 1, id);
    if (sqlite3_step(q) == SQLITE_ROW) {
        CLEANUP(err_close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        note_error(r, fd < 0 ? -errno : file_write_all(fd, column_str(q, 0)));
        r->ret->moved++;
    }
    sqlite3_reset(q);
}

static void lose(void *arg, const struct store_damage *d, const char *path, bool is_lost)
{
    struct repair *r = arg;
    struct store *s = r->store;
    if (!is_lost) {
        return; /* readers in the portal see their view of it */
    }
    if (*path) {
        move_aside(r, path);
    } else {
        sqlite_bodies_copy_row(r, d->id);
    }
    if (store_in_batch(s)) {
        bind_int(s->q[Q_LOSE], 1, r->reason);
        bind_int(s->q[Q_LOSE], 2, (uint64_t)d->at_ms);
        bind_str(s->q[Q_LOSE], 3, d->what);
        bind_int(s->q[Q_LOSE], 4, d->id);
        store_run(s, Q_LOSE);
    }
    store_add_damage(s, d);
    store_release_body(s, d->id);
    /* before the next one: what is read and what is written are different connections */
    store_flush(s);
}

/* Copies of what earlier starts found damaged. */
static void move_kept(struct repair *r, const char *directory)
{
    char path[PATH];
    DIR *dir = opendir(directory);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (strstr(entry->d_name, STORE_KEPT_MARK)) {
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
            move_aside(r, path);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static void move_journal(struct repair *r, const char *directory)
{
    static const char *const names[] = {"journal-0", "journal-1", MARK_FILE};
    char path[PATH];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        move_aside(r, path);
    }
}

/* What is whole of the journal is taken over; one that is not this store's is put aside. */
static int open_for_repair(struct repair *r, const char *directory, char *problem, size_t size)
{
    const struct store_sizes sizes = {
        .journal_file = JOURNAL_FILE_MAX,
        .chunk = STORE_CHUNK,
        .quarantine = r->ret->quarantine,
    };
    int e = store_open_with(directory, sizes, problem, size, &r->store);
    if (e == -EBADMSG) {
        move_journal(r, directory);
        e = store_open_with(directory, sizes, problem, size, &r->store);
        r->ret->journal_moved = true;
    }
    r->ret->loss = e == 0 ? store_lost(r->store) : (struct store_loss){0};
    return e;
}

/* New tables of what can be read of damaged ones, which are put aside. Where that is too little,
 * they stay, and opening says so. */
static void salvage_tables(struct repair *r, const char *directory, int64_t at_ms)
{
    static const char *const names[] = {"postern.db", "postern.db-wal", "postern.db-shm"};
    char fresh[PATH], path[PATH];
    snprintf(fresh, sizeof fresh, "%s/postern.db.new", directory);
    if (store_tables_are_whole(directory) ||
        store_salvage(directory, at_ms, fresh, &r->ret->holes) < 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        move_aside(r, path);
    }
    snprintf(path, sizeof path, "%s/postern.db", directory);
    note_error(r, rename(fresh, path) < 0 ? -errno : 0);
    r->ret->tables_rewritten = true;
}

static int make_quarantine(const char *directory, struct store_repaired *ret)
{
    char date[DATE_MAX];
    date_iso(clock_wall_ms(), date);
    int n =
        snprintf(ret->quarantine, sizeof ret->quarantine, "%s/quarantine-%.19s", directory, date);
    int r = -EEXIST;
    for (unsigned i = 2; r == -EEXIST && i < 100; i++) { /* two in one second */
        r = mkdir(ret->quarantine, 0700) < 0 ? -errno : 0;
        if (r == -EEXIST) {
            snprintf(ret->quarantine + n, sizeof ret->quarantine - (size_t)n, "-%u", i);
        }
    }
    return r;
}

int store_repair(const char *directory, const struct store_checker *checker, uint8_t reason,
                 struct store_repaired *ret, char *problem, size_t size)
{
    struct repair r = {.ret = ret, .reason = reason};
    *ret = (struct store_repaired){0};
    int e = make_quarantine(directory, ret);
    if (e < 0) {
        snprintf(problem, size, "%s cannot be made: %s", ret->quarantine, strerror(-e));
        return e;
    }
    int64_t begun_ms = clock_wall_ms();
    salvage_tables(&r, directory, begun_ms);
    e = open_for_repair(&r, directory, problem, size);
    if (e == 0) {
        e = store_check_bodies(r.store->log.db, directory, checker, lose, &r);
        move_kept(&r, directory);
        e = e < 0 ? e : r.error;
        store_list_damage(r.store->db, begun_ms, checker);
        snprintf(problem, size, "%s: %s", directory,
                 e == -EIO ? sqlite3_errmsg(r.store->log.db) : strerror(-e));
        store_close(r.store);
    }
    if (ret->moved == 0) {
        (void)rmdir(ret->quarantine);
    }
    return e;
}
