/* SPDX-License-Identifier: Apache-2.0
 * sqlite_log.c: writing the log of commits (SQLite's WAL) back into the tables, beside the
 * store's own work. Called by sqlite.c and, in a thread of its own, by queue.
 *
 * Written back in the commit that made the log long, it held up everybody for as long as some
 * thousand pages and their sync take. So a second connection does it, in passes that get
 * shorter, as only what came during the one before is left; the last few pages are written back
 * by the store itself between two transactions, and the log begins anew. What can go wrong: an
 * error of the disk (the log keeps everything; the next try writes it again), a reader that
 * holds on to an old state, as a backup does (the log grows until it is done).
 */
#include "base/log.h"
#include "store/sqlite_priv.h"

/* in pages; how often */
enum { LOG_LONG = 8000, LOG_REST = 512, LOG_MAX = LOG_LONG, PASSES_MAX = 6 };

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store *s = arg;
    s->log.due = pages < s->log.pages ? LOG_LONG : s->log.due; /* it began anew */
    s->log.pages = pages;
    return SQLITE_OK;
}

int store_log_open(struct store *s, const char *path)
{
    sqlite3_stmt *q = NULL;
    pthread_mutex_init(&s->log.lock, NULL);
    s->log.due = LOG_LONG;
    sqlite3_wal_hook(s->db, on_commit, s); /* instead of SQLite's own, which writes back at once */
    int code = sqlite3_open_v2(path, &s->log.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                               store_pages_vfs());
    code = code == SQLITE_OK
               ? sqlite3_exec(s->log.db, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;",
                              NULL, NULL, NULL)
               : code;
    code = code == SQLITE_OK
               ? sqlite3_prepare_v2(s->log.db, "SELECT 1 FROM message LIMIT 1", -1, &q, NULL)
               : code;
    if (code == SQLITE_OK) {
        code = sqlite3_step(q); /* opens all its files, before the walls rise */
        code = code == SQLITE_ROW ? SQLITE_DONE : code;
    }
    sqlite3_finalize(q);
    return code == SQLITE_DONE ? 0 : -EIO;
}

void store_log_close(struct store *s)
{
    if (s->log.db) {
        pthread_mutex_lock(&s->log.lock); /* a pass that is under way ends */
        sqlite3_close(s->log.db);
        s->log.db = NULL;
        pthread_mutex_unlock(&s->log.lock);
    }
}

bool store_log_is_long(const struct store *s)
{
    return s->log.pages >= s->log.due && !s->log.ends;
}

void store_write_back(struct store *s)
{
    int pages = 0, done = 0;
    pthread_mutex_lock(&s->log.lock);
    int code = s->log.db ? sqlite3_wal_checkpoint_v2(s->log.db, "main", SQLITE_CHECKPOINT_PASSIVE,
                                                     &pages, &done)
                         : SQLITE_OK;
    s->log.code = code;
    s->log.done = done;
    pthread_mutex_unlock(&s->log.lock);
}

static bool is_trouble(int code)
{
    int primary = code & 0xff;
    /* those: somebody reads; later */
    return primary != SQLITE_OK && primary != SQLITE_BUSY && primary != SQLITE_LOCKED;
}

/* Not before as much again has gathered. */
static void wait_for_more(struct store *s)
{
    s->log.due = s->log.pages + LOG_LONG;
    s->log.passes = 0;
    s->log.ends = false;
}

void store_written_back(struct store *s)
{
    if (is_trouble(s->log.code)) {
        log_error("log-not-written-back", KV("problem", sqlite3_errstr(s->log.code)),
                  KV("what", "nothing is lost; it will be tried again"));
        wait_for_more(s);
        return;
    }
    s->log.ends = s->log.pages - s->log.done <= LOG_REST || ++s->log.passes == PASSES_MAX;
}

void store_log_end(struct store *s)
{
    int pages = 0, done = 0;
    if (!s->log.ends && s->log.pages < s->log.due + LOG_MAX) {
        return;
    }
    int code = sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
    wait_for_more(s);
    if (is_trouble(code)) {
        log_error("log-not-written-back", KV("problem", sqlite3_errmsg(s->db)),
                  KV("what", "nothing is lost; it will be tried again"));
    }
}
