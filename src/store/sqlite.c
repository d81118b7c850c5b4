/* SPDX-License-Identifier: Apache-2.0
 * sqlite.c: the embedded store: opening, commits, and the changes that go to the tables
 * themselves (SQLite, WAL, synced transactions). What comes with every message goes to a journal
 * first (sqlite_intents.c, sqlite_settle.c). Called by queue and its tests. The only folder that
 * includes SQLite.
 *
 * Every value is bound, never written into SQL text. What can go wrong: full disk, I/O errors,
 * read-only file systems: the batch is rolled back and its completions get STORE_FULL or
 * STORE_RETRY. After a commit that failed for another reason than space the store is poisoned: no
 * later commit is trusted ("fsync said no" must not be retried), the queue process ends and is
 * started again, and reads what is really on disk.
 */
#include "base/log.h"
#include "store/engine.h"
#include "store/schema.sql.h"
#include "store/upgrade.sql.h"
#include "store/sqlite_priv.h"
#include "wire/domain.h"
#include "wire/id.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATEMENT_SQL(name, sql) sql,
static const char *const statement_sql[] = {STATEMENTS(STATEMENT_SQL)};

enum { CACHE_KIB = 32 * 1024 };

#define NAME_OF(n, s) s,
static const char *const state_names[] = {STORE_STATES(NAME_OF)};

const char *rcpt_state_name(enum rcpt_state s)
{
    return s < RCPT_STATE_END ? state_names[s] : "unknown";
}

/* Runs a statement that returns no row. After a failure nothing more of the batch is run: SQLite
 * may have rolled the transaction back by itself (full disk, no memory; a read can fail so as
 * well), and what came then would be committed on its own. */
void store_run(struct store *s, enum statement which)
{
    if (which != Q_BEGIN && sqlite3_get_autocommit(s->db)) {
        s->batch_failed = true;
    }
    if (s->batch_failed && which != Q_ROLLBACK) {
        return;
    }
    int code = sqlite3_step(s->q[which]);
    sqlite3_reset(s->q[which]);
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        if (!s->batch_failed) {
            log_error("store-write-failed", KV("problem", sqlite3_errmsg(s->db)),
                      KV("statement", statement_sql[which]));
        }
        s->batch_failed = true;
        s->batch_result = result_of(code);
    }
}

bool store_open_batch(struct store *s)
{
    if (!s->open_batch) {
        s->open_batch = true;
        s->direct = false;
        s->batch_failed = s->poisoned;
        s->batch_result = STORE_RETRY;
    }
    return !s->batch_failed;
}

static bool open_direct(struct store *s)
{
    if (store_open_batch(s)) {
        store_go_direct(s);
    }
    return !s->batch_failed;
}

bool store_in_batch(struct store *s)
{
    s->waiting = STORE_NOW;
    return open_direct(s);
}

static void add_completion(struct store *s, store_done done, void *arg)
{
    if (!done) {
        return;
    }
    if (s->n_completions == s->cap_completions) {
        s->cap_completions = s->cap_completions ? s->cap_completions * 2 : 64;
        s->completions = realloc(s->completions, s->cap_completions * sizeof *s->completions);
        must(s->completions);
    }
    s->completions[s->n_completions++] = (struct completion){done, arg};
}

/* --- opening ------------------------------------------------------------ */

/* canonical_domain(TEXT) and canonical_address(TEXT), for upgrades; what has no such form stays. */
static void sql_canonical_domain(sqlite3_context *c, int n, sqlite3_value **v)
{
    const char *text = (const char *)sqlite3_value_text(v[0]);
    struct domain_name d = domain_kept(str_c(text));
    sqlite3_result_text(c, domain_is_none(d) ? text : d.canonical, -1, SQLITE_TRANSIENT);
}

static void sql_canonical_address(sqlite3_context *c, int n, sqlite3_value **v)
{
    const char *text = (const char *)sqlite3_value_text(v[0]);
    struct address_key key = address_key(str_c(text));
    sqlite3_result_text(c, key.text[0] ? key.text : text, -1, SQLITE_TRANSIENT);
}

static bool add_functions(sqlite3 *db)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    return sqlite3_create_function(db, "canonical_domain", 1, flags, NULL, sql_canonical_domain,
                                   NULL, NULL) == SQLITE_OK &&
           sqlite3_create_function(db, "canonical_address", 1, flags, NULL, sql_canonical_address,
                                   NULL, NULL) == SQLITE_OK;
}

/* Tables and their version number in one transaction. */
static int make_tables(struct store *s, const char *sql, int version)
{
    char set[64];
    snprintf(set, sizeof set, "PRAGMA user_version=%d;", version);
    return sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_exec(s->db, set, NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : -EIO;
}

/* Brings an older store to this version, step by step. -EPROTO: its version is not known here. */
static int upgrade(struct store *s, int from)
{
    if (from > STORE_SCHEMA_VERSION || !(from == STORE_SCHEMA_VERSION || store_upgrade[from])) {
        return -EPROTO;
    }
    if (from < STORE_SCHEMA_VERSION && !add_functions(s->db)) {
        return -EIO;
    }
    for (int version = from; version < STORE_SCHEMA_VERSION; version++) {
        if (make_tables(s, store_upgrade[version], version + 1) < 0) {
            return -EIO;
        }
    }
    if (from < STORE_SCHEMA_VERSION) {
        log_notice("store-upgraded", KVN("from", from), KVN("to", STORE_SCHEMA_VERSION));
    }
    return 0;
}

/* A store of before version 17 has no checksums in its pages: all are written anew, once. */
static void add_checks(struct store *s)
{
    static const char write_anew[] = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE);";
    if (store_pages_reserved(s->db) == PAGE_CHECK) {
        return;
    }
    if (!store_pages_ask(s->db) || sqlite3_exec(s->db, write_anew, NULL, NULL, NULL) != SQLITE_OK) {
        log_warn(
            "pages-without-checksums", KV("problem", sqlite3_errmsg(s->db)),
            KV("what",
               "damage of postern.db would not be noticed; it is tried again at the next start"));
    } else {
        log_notice("pages-with-checksums",
                   KV("what", "postern.db was written anew with a checksum in each page"));
    }
}

static int setup(struct store *s)
{
    static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                  "PRAGMA secure_delete=FAST; PRAGMA auto_vacuum=INCREMENTAL;"
                                  "PRAGMA temp_store=MEMORY;";
    char cache[64];
    snprintf(cache, sizeof cache, "PRAGMA cache_size=-%d;", CACHE_KIB);
    sqlite3_stmt *q = NULL;
    int version = 0;
    struct stat st;
    bool is_new = stat(sqlite3_db_filename(s->db, "main"), &st) == 0 && st.st_size == 0 &&
                  store_pages_ask(s->db);
    if (sqlite3_exec(s->db, "PRAGMA auto_vacuum=INCREMENTAL;", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(s->db, pragmas, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(s->db, cache, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL) != SQLITE_OK) {
        return -EIO;
    }
    if (sqlite3_step(q) == SQLITE_ROW) {
        version = sqlite3_column_int(q, 0);
    }
    sqlite3_finalize(q);
    int r = version == 0 ? make_tables(s, store_schema, STORE_SCHEMA_VERSION) : upgrade(s, version);
    if (r < 0) {
        return r;
    }
    if (!is_new) {
        add_checks(s);
    }
    for (int i = 0; i < Q_END; i++) {
        if (sqlite3_prepare_v3(s->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->q[i],
                               NULL) != SQLITE_OK) {
            return -EIO;
        }
    }
    return 0;
}

/* After a stop of any kind: what was under way is due again; files without a row go. */
static int recover(struct store *s)
{
    sqlite3_stmt *q = s->q[Q_MAX_RCPT];
    if (sqlite3_step(q) != SQLITE_ROW) {
        sqlite3_reset(q);
        return -EIO;
    }
    s->next_rcpt = column_int(q, 0) + 1;
    sqlite3_reset(q);
    return store_sweep_spool(s);
}

/* What was promised and is not in the tables yet goes there before anything is read. */
static int open_journal(struct store *s, char *problem, size_t size)
{
    sqlite3_stmt *q = s->q[Q_SETTLED];
    bool known = sqlite3_step(q) == SQLITE_ROW;
    struct store_settled settled = {0};
    struct journal_promise promised;
    if (known) {
        store_read_row(s, Q_SETTLED, store_record_settled(), &settled);
    }
    s->times = settled.times;
    sqlite3_reset(q);
    int r = store_read_mark(s, settled.store, settled.marked, &promised, problem, size);
    if (r < 0) {
        return r;
    }
    promised.take_what_is_there = s->sizes.quarantine != NULL;
    r = known ? journal_open(s->directory, settled.store, promised, settled.number,
                             s->sizes.journal_file, &s->journal)
              : -EIO;
    if (r == -EBADMSG && s->loss.transactions > 0) {
        snprintf(problem, size,
                 "the end of postern.db-wal in %s is gone or damaged (%llu transactions), or "
                 "postern.db is older than the journal. Put back a copy of the whole store",
                 s->directory, (unsigned long long)s->loss.transactions);
        return r;
    }
    if (r == -EBADMSG) {
        snprintf(problem, size,
                 "the journal in %s belongs to another postern.db, or to one of a later moment. "
                 "Put back the one that belongs to it; or move journal-0 and journal-1 away, and "
                 "what is in them alone is lost",
                 s->directory);
        return r;
    }
    if (r < 0) {
        snprintf(problem, size, "the journal in %s cannot be used: %s", s->directory, strerror(-r));
        return r;
    }
    s->loss.batches = journal_lost(s->journal);
    if (s->loss.batches > 0) {
        int kept = store_keep_journal(s->directory);
        log_error("journal-damaged", KVN("batches-lost", journal_lost(s->journal)),
                  KV("what",
                     "the disk gave back other octets than were written, or a file is gone; what "
                     "is whole was taken, mail that was taken in the lost batches is lost"),
                  KV("kept", kept < 0 ? strerror(-kept) : "a copy of the files beside them"));
    }
    enum store_result taken_over = store_settled(s);
    if (taken_over != STORE_OK) {
        snprintf(problem, size,
                 "what the journal in %s holds cannot be taken over into the tables: %s; nothing "
                 "of it is lost",
                 s->directory,
                 taken_over == STORE_FULL ? "there is no space on the disk"
                                          : "they cannot be written");
        return -EIO;
    }
    store_damage_entries(s, journal_lost_entries(s->journal));
    store_make_mark(s, settled.marked);
    return 0;
}

static int open_parts(struct store *s, char *problem, size_t size)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/spool", s->directory);
    if (n < 0 || (size_t)n >= sizeof path) {
        return -ENAMETOOLONG;
    }
    s->spool = err_strdup(path);
    if (mkdirat(AT_FDCWD, s->spool, 0700) < 0 && errno != EEXIST) {
        snprintf(problem, size, "%s cannot be made: %s", s->spool, strerror(errno));
        return -errno;
    }
    s->spool_dir = open(s->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->spool_dir < 0) {
        snprintf(problem, size, "%s cannot be opened: %s", s->spool, strerror(errno));
        return -errno;
    }
    n = snprintf(path, sizeof path, "%s/postern.db", s->directory);
    if (n < 0 || (size_t)n >= sizeof path ||
        sqlite3_open_v2(path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        store_pages_vfs()) != SQLITE_OK) {
        snprintf(problem, size, "%s cannot be opened: %s", path,
                 s->db ? sqlite3_errmsg(s->db) : "out of memory");
        return -EIO;
    }
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, 5000);
    int r = setup(s);
    if (r == -EPROTO) {
        snprintf(problem, size, "%s was written by another version of Postern", path);
        return r;
    }
    r = r < 0 ? r : store_log_open(s, path);
    if (r < 0) {
        snprintf(problem, size, "%s cannot be used: %s", path, sqlite3_errmsg(s->db));
    }
    return r < 0 ? r : open_journal(s, problem, size);
}

int store_open(const char *directory, char *problem, size_t size, struct store **ret)
{
    return store_open_with(directory,
                           (struct store_sizes){.journal_file = JOURNAL_FILE_MAX,
                                                .chunk = STORE_CHUNK},
                           problem, size, ret);
}

int store_open_with(const char *directory, struct store_sizes sizes, char *problem, size_t size,
                    struct store **ret)
{
    struct store *s = err_calloc(1, sizeof *s);
    s->sizes = sizes;
    s->engine = &store_embedded;
    list_init(&s->readings);
    list_init(&s->told);
    s->directory = err_strdup(directory);
    s->spool_dir = s->mark_fd = -1;
    s->unlink_pending = BUF_INIT(4 * 1024 * 1024);
    s->taking.body = BUF_INIT(2 * 1024 * 1024);
    /* a lock for each allocation, for numbers nobody reads */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int r = open_parts(s, problem, size);
    if (r == 0) {
        r = recover(s);
        if (r < 0) {
            snprintf(problem, size, "the store cannot be read: %s", strerror(-r));
        }
    }
    if (r < 0) {
        store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct store_loss store_lost(const struct store *s)
{
    return s->loss;
}

void store_close(struct store *s)
{
    if (!s) {
        return;
    }
    if (s->journal) {
        store_flush(s);
        while (store_rest(s)) {
        }
    }
    store_end_readings(s);
    journal_close(s->journal);
    for (int i = 0; i < Q_END; i++) {
        sqlite3_finalize(s->q[i]);
    }
    store_log_close(s);
    sqlite3_close(s->db);
    store_drop_spares(s);
    err_close_fd(&s->spool_dir);
    err_close_fd(&s->mark_fd);
    buf_free(&s->unlink_pending);
    free(s->taking.messages);
    free(s->taking.rcpts);
    free(s->later.entries);
    buf_free(&s->taking.body);
    free(s->completions);
    free(s->directory);
    free(s->spool);
    free(s);
}

/* --- changes ------------------------------------------------------------ */

int store_secret(struct store *s, const char *name, store_secret_fn fn, void *arg)
{
    return store_secret_kept(s, name, STR(""), fn, arg);
}

int store_secret_kept(struct store *s, const char *name, struct str value, store_secret_fn fn,
                      void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_SECRET];
    int code = SQLITE_DONE;
    for (int round = 0; round < 2 && code != SQLITE_ROW; round++) {
        /* only where there is none: the disk may be full, or not writable */
        if (round == 1 && store_in_batch(s)) {
            bind_str(s->q[Q_MAKE_SECRET], 1, str_c(name));
            if (value.n > 0) {
                bind_str(s->q[Q_MAKE_SECRET], 2, value);
            } else {
                sqlite3_bind_null(s->q[Q_MAKE_SECRET], 2);
            }
            store_run(s, Q_MAKE_SECRET);
            store_flush(s);
        }
        bind_str(q, 1, str_c(name));
        code = sqlite3_step(q);
        if (code == SQLITE_ROW) {
            fn(arg, column_str(q, 0));
        }
        sqlite3_reset(q);
    }
    return code == SQLITE_ROW ? 0 : -EIO;
}

void store_redirect(struct store *s, const struct store_rcpt *r)
{
    if (open_direct(s)) {
        store_bind(s, Q_REDIRECT, store_record_rcpt(), r);
        store_run(s, Q_REDIRECT);
    }
}

void store_add_copy(struct store *s, struct store_rcpt *r)
{
    r->rcpt = s->next_rcpt++;
    if (open_direct(s)) {
        store_add_rcpt(s, r);
    }
}

void store_sync_soon(struct store *s, store_done done, void *arg)
{
    add_completion(s, done, arg);
}

void store_sync(struct store *s, store_done done, void *arg)
{
    s->waiting = s->waiting > STORE_URGENT ? s->waiting : STORE_URGENT;
    s->n_urgent++;
    store_sync_soon(s, done, arg);
}

struct store_gathered store_gathered(const struct store *s)
{
    enum store_waiting waiting = s->waiting                              ? s->waiting
                                 : s->open_batch || s->n_completions > 0 ? STORE_CAN_WAIT
                                                                         : STORE_EMPTY;
    return (struct store_gathered){
        .waiting = waiting,
        .completions = s->n_completions,
        .urgent = s->n_urgent,
    };
}

static void unlink_pending_files(struct store *s, bool committed)
{
    while (buf_len(&s->unlink_pending) > 0) {
        struct str all = buf_str(&s->unlink_pending);
        size_t end = str_find(all, '\0', 0);
        if (committed) {
            store_spool_drop(s, str_slice(all, 0, end));
        }
        buf_consume(&s->unlink_pending, end < all.n ? end + 1 : end);
    }
}

enum store_result store_end_transaction(struct store *s)
{
    if (!s->batch_failed) {
        store_run(s, Q_COMMIT);
        s->poisoned = s->batch_failed && s->batch_result != STORE_FULL;
    }
    s->times += s->counts && !s->batch_failed;
    s->counts = false;
    if (!s->batch_failed) {
        store_log_end(s);
    } else if (!sqlite3_get_autocommit(s->db)) {
        enum store_result why = s->batch_result;
        store_run(s, Q_ROLLBACK);
        s->batch_result = why;
    }
    unlink_pending_files(s, !s->batch_failed);
    return s->batch_failed ? s->batch_result : STORE_OK;
}

void store_sync_commits(struct store *s, bool on)
{
    if (sqlite3_exec(s->db, on ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL,
                     NULL, NULL) != SQLITE_OK) {
        /* no memory: a commit that is not synced must not be taken for one that is */
        s->poisoned = true;
        s->batch_failed = true;
    }
}

/* What was gathered, as a batch of the journal. */
static enum store_result write_batch(struct store *s)
{
    int r = s->batch_failed || !store_make_room(s)       ? -ECANCELED
            : journal_gathered(s->journal).entries.n > 0 ? journal_write(s->journal)
                                                         : 0;
    if (r < 0 && r != -ECANCELED) {
        log_error("journal-write-failed", KV("problem", strerror(-r)));
        s->batch_failed = true;
        s->batch_result = r == -ENOSPC || r == -EDQUOT ? STORE_FULL : STORE_RETRY;
        s->poisoned = s->batch_result != STORE_FULL;
    }
    return s->batch_failed ? s->batch_result : STORE_OK;
}

static enum store_result commit(struct store *s)
{
    if (s->spool_dirty && fsync(s->spool_dir) < 0) {
        s->batch_failed = true; /* a file's name may not survive: do not commit its row */
        s->poisoned = true;
    }
    s->spool_dirty = false;
    enum store_result r = s->direct ? store_end_transaction(s) : write_batch(s);
    if (r != STORE_OK || s->direct) {
        journal_drop(s->journal, NULL);
    }
    if (r == STORE_OK && s->direct) {
        s->unsynced = false;
        journal_settled(s->journal, journal_newest(s->journal), true);
    }
    if (r == STORE_OK) {
        store_set_mark(s, s->direct);
    }
    store_forget_later(s);
    return r;
}

const unsigned store_commit_sizes[7] = {1, 2, 5, 10, 20, 50, 100};

static enum store_result count_commit(struct store *s)
{
    struct timespec a, b;
    size_t i = 0;
    clock_gettime(CLOCK_MONOTONIC, &a);
    enum store_result r = commit(s);
    clock_gettime(CLOCK_MONOTONIC, &b);
    while (i < ARRAY_LEN(store_commit_sizes) && s->in_batch > store_commit_sizes[i]) {
        i++;
    }
    s->commits.by_size[i]++;
    s->commits.commits++;
    s->commits.failed += r != STORE_OK;
    s->commits.microseconds +=
        (uint64_t)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
    s->in_batch = 0;
    return r;
}

void store_commit_counts(const struct store *s, struct store_commits *ret)
{
    *ret = s->commits;
}

void store_leave_if_poisoned(const struct store *s)
{
    if (s->poisoned) {
        log_error("store-poisoned", KV("what", "a commit failed; ending to read what is on disk"));
        exit(1);
    }
}

enum store_result store_commit_batch(struct store *s)
{
    enum store_result result = s->open_batch ? count_commit(s) : STORE_OK;
    s->open_batch = false;
    return result;
}

void store_flush(struct store *s)
{
    enum store_result result = s->engine->commit(s);
    s->waiting = STORE_EMPTY;
    if (s->n_completions > 0) {
        store_tell_later(s, result);
    }
    (void)store_tell(s);
    store_leave_if_poisoned(s);
}

/* --- upkeep ------------------------------------------------------------- */

void store_change(struct store *s, const struct store_change *c, store_number_fn fn, void *arg)
{
    if (!store_in_batch(s)) {
        store_answer_number(s, 0, fn, arg);
        return;
    }
    sqlite3_stmt *q = s->q[Q_SET_STATE];
    bind_int(q, 1, c->to);
    bind_int(q, 2, (uint64_t)c->next_ms);
    bind_int(q, 3, c->reason);
    bind_int(q, 4, c->id);
    bind_int(q, 5, c->from);
    bind_int(q, 6, (uint64_t)c->at_ms);
    bind_int(q, 7, c->was);
    store_run(s, Q_SET_STATE);
    store_answer_number(s, s->batch_failed ? 0 : (uint64_t)sqlite3_changes(s->db), fn, arg);
}

void store_set_state(struct store *s, uint64_t id, enum rcpt_state from, enum rcpt_state to,
                     int64_t next_ms, uint8_t reason)
{
    store_change(s,
                 &(struct store_change){
                     .id = id,
                     .from = from,
                     .to = to,
                     .next_ms = next_ms,
                     .reason = reason,
                 },
                 NULL, NULL);
}

void store_set_notice(struct store *s, uint64_t rcpt, enum rcpt_notice notice)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_SET_NOTICE], 1, notice);
        bind_int(s->q[Q_SET_NOTICE], 2, rcpt);
        store_run(s, Q_SET_NOTICE);
    }
}

void store_set_back(struct store *s, int64_t now_ms, int64_t by_ms, int64_t latest_ms)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_SET_BACK_NEXT], 1, (uint64_t)by_ms);
        bind_int(s->q[Q_SET_BACK_NEXT], 2, (uint64_t)latest_ms);
        bind_int(s->q[Q_SET_BACK_NEXT], 3, (uint64_t)(by_ms > 0 ? now_ms : latest_ms));
        store_run(s, Q_SET_BACK_NEXT);
        bind_int(s->q[Q_SET_BACK_ARRIVED], 1, (uint64_t)now_ms);
        bind_int(s->q[Q_SET_BACK_ARRIVED], 2, id_make(now_ms, 0, 0));
        store_run(s, Q_SET_BACK_ARRIVED);
    }
}

void store_count_death(struct store *s, uint64_t id)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_COUNT_DEATH], 1, id);
        store_run(s, Q_COUNT_DEATH);
    }
}

void store_forget_deaths(struct store *s, uint64_t id)
{
    if (store_in_batch(s)) {
        bind_int(s->q[Q_FORGET_DEATHS], 1, id);
        store_run(s, Q_FORGET_DEATHS);
    }
}

void store_set_next_hop(struct store *s, uint64_t rcpt, struct str next_hop)
{
    if (store_in_batch(s)) {
        bind_str(s->q[Q_SET_NEXT_HOP], 1, next_hop);
        bind_int(s->q[Q_SET_NEXT_HOP], 2, rcpt);
        store_run(s, Q_SET_NEXT_HOP);
    }
}

void store_expire(struct store *s, int64_t before_ms, unsigned max)
{
    static const enum statement forget[] = {Q_FORGET_ATTEMPTS, Q_FORGET_INSPECTION, Q_FORGET_RCPTS,
                                            Q_FORGET_MESSAGE};
    uint64_t *ids = err_calloc(max, sizeof *ids);
    unsigned n = 0;
    sqlite3_stmt *q = s->q[Q_OLD];
    if (store_settled(s) != STORE_OK) {
        max = 0; /* another time */
    }
    bind_int(q, 1, (uint64_t)before_ms);
    bind_int(q, 2, max);
    while (n < max && sqlite3_step(q) == SQLITE_ROW) {
        ids[n++] = column_int(q, 0);
    }
    sqlite3_reset(q);
    for (unsigned i = 0; i < n && store_in_batch(s); i++) {
        for (size_t k = 0; k < ARRAY_LEN(forget); k++) {
            bind_int(s->q[forget[k]], 1, ids[i]);
            store_run(s, forget[k]);
        }
    }
    free(ids);
}
