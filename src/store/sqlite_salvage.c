/* SPDX-License-Identifier: Apache-2.0
 * sqlite_salvage.c: what can still be read of damaged tables, written into new ones. Called by
 * sqlite_bodies.c for a repair.
 *
 * Each table is walked by its own key, from both ends where a page in its middle is damaged;
 * indexes are made anew. The damaged file is kept in quarantine by the caller. What can go
 * wrong: a header, a list of tables or the row `settled` that cannot be read: without them
 * nobody knows what the journal adds. Then only a copy of the store helps.
 */
#include "base/log.h"
#include "store/schema.sql.h"
#include "store/upgrade.sql.h"
#include "store/sqlite_priv.h"

#include <stdio.h>
#include <unistd.h>

enum { PATH = 4096, NAME = 64 };

struct salvage {
    sqlite3 *from, *to;
    uint64_t holes; /* places where rows may be missing */
};

/* Names of tables cannot be bound to a statement. SQLite writes these statements itself, from
 * its own list of tables. */
#define NAMED(before, after) \
    "SELECT '" before "\"' || name || '\"" after \
    "' FROM sqlite_master WHERE type='table' AND name=?1"
#define COLUMNS "(SELECT group_concat('\"' || name || '\"') FROM pragma_table_info(?1))"
static const char insert_into[] =
    "SELECT 'INSERT OR IGNORE INTO \"' || name || '\" (' || " COLUMNS
    " || ') VALUES (' || (SELECT group_concat('?') FROM pragma_table_info(?1)) || ')' FROM "
    "sqlite_master WHERE type='table' AND name=?1";
static const char numbered_rows[] =
    NAMED("SELECT rowid, ' || " COLUMNS " || ' FROM ", " WHERE rowid>? ORDER BY rowid");
static const char last_number[] = NAMED("SELECT rowid FROM ", " ORDER BY rowid DESC LIMIT 1");
static const char keyed_rows[] = NAMED("SELECT ' || " COLUMNS " || ' FROM ", " ORDER BY 1");
static const char keyed_rows_back[] =
    NAMED("SELECT ' || " COLUMNS " || ' FROM ", " ORDER BY 1 DESC");
static const char is_keyed[] = "SELECT count(*) FROM sqlite_master WHERE type='table' AND name=?1 "
                               "AND sql LIKE '%WITHOUT ROWID%'";

/* NULL: it cannot be read. */
static sqlite3_stmt *sqlite_salvage_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    return sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK ? q : NULL;
}

/* The statement for a table that one of these writes: by the list of `names`, for `db`. */
static sqlite3_stmt *prepare_for(sqlite3 *names, const char *writer, const char *table, sqlite3 *db)
{
    sqlite3_stmt *w = sqlite_salvage_prepare(names, writer), *q = NULL;
    if (w) {
        bind_str(w, 1, str_c(table));
        q = sqlite3_step(w) == SQLITE_ROW
                ? sqlite_salvage_prepare(db, (const char *)sqlite3_column_text(w, 0))
                : NULL;
    }
    sqlite3_finalize(w);
    return q;
}

/* The first number of what a statement says; ?1 is the table. */
static uint64_t one_number(sqlite3 *db, const char *sql, const char *table)
{
    sqlite3_stmt *q = sqlite_salvage_prepare(db, sql);
    if (q) {
        bind_str(q, 1, str_c(table));
    }
    uint64_t n = q && sqlite3_step(q) == SQLITE_ROW ? column_int(q, 0) : 0;
    sqlite3_finalize(q);
    return n;
}

/* Columns from `first` on. */
static int sqlite_salvage_copy_row(sqlite3_stmt *row, int first, sqlite3_stmt *into)
{
    for (int i = first; i < sqlite3_column_count(row); i++) {
        sqlite3_bind_value(into, i - first + 1, sqlite3_column_value(row, i));
    }
    int code = sqlite3_step(into);
    sqlite3_reset(into);
    return code == SQLITE_DONE ? 0 : -EIO;
}

/* Rows behind `after` in the order of their numbers; *after is the last one. 0: all of them, 1:
 * a page on the way cannot be read. */
static int walk_numbers(sqlite3_stmt *q, sqlite3_stmt *into, int64_t *after)
{
    int code, e = 0;
    sqlite3_bind_int64(q, 1, *after);
    while (e == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
        *after = sqlite3_column_int64(q, 0);
        e = sqlite_salvage_copy_row(q, 1, into);
    }
    sqlite3_reset(q);
    return e < 0 ? e : code == SQLITE_DONE ? 0 : 1;
}

/* By leaps that become longer as long as nothing comes: what is behind a bad page is found by
 * its next number that is not on it. */
static int copy_numbered(struct salvage *v, const char *table, sqlite3_stmt *into)
{
    sqlite3_stmt *q = prepare_for(v->to, numbered_rows, table, v->from);
    sqlite3_stmt *last = prepare_for(v->to, last_number, table, v->from);
    int64_t end =
        last && sqlite3_step(last) == SQLITE_ROW ? sqlite3_column_int64(last, 0) : INT64_MAX / 2;
    int64_t after = INT64_MIN, leap = 1;
    int e = q ? walk_numbers(q, into, &after) : -EIO;
    v->holes += e == 1;
    for (int64_t from = after < 0 ? 0 : after; e == 1 && from < end; leap *= 2) {
        from = from > INT64_MAX / 2 - leap ? end : from + leap;
        int64_t before = after = from;
        e = walk_numbers(q, into, &after);
        if (after != before) { /* it goes on from here; perhaps to another bad page */
            from = after;
            leap = 1;
        }
    }
    sqlite3_finalize(q);
    sqlite3_finalize(last);
    return e < 0 ? e : 0;
}

static int walk_keys(struct salvage *v, const char *writer, const char *table, sqlite3_stmt *into,
                     bool *ret_whole)
{
    sqlite3_stmt *q = prepare_for(v->to, writer, table, v->from);
    int code = SQLITE_ERROR, e = 0;
    while (q && e == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
        e = sqlite_salvage_copy_row(q, 0, into);
    }
    sqlite3_finalize(q);
    *ret_whole = code == SQLITE_DONE;
    return e;
}

/* A table without numbers: from its first row on, then from its last one back. */
static int copy_keyed(struct salvage *v, const char *table, sqlite3_stmt *into)
{
    bool whole;
    int e = walk_keys(v, keyed_rows, table, into, &whole);
    if (e == 0 && !whole) {
        v->holes++;
        e = walk_keys(v, keyed_rows_back, table, into, &whole);
    }
    return e;
}

static int copy_table(struct salvage *v, const char *table)
{
    sqlite3_stmt *into = prepare_for(v->to, insert_into, table, v->to);
    bool keyed = one_number(v->to, is_keyed, table) > 0;
    int e = !into ? -EIO : keyed ? copy_keyed(v, table, into) : copy_numbered(v, table, into);
    sqlite3_finalize(into);
    return e;
}

static int copy_tables(struct salvage *v)
{
    sqlite3_stmt *q =
        sqlite_salvage_prepare(v->to,
                               "SELECT name FROM sqlite_master WHERE type='table' ORDER BY name");
    char name[NAME];
    int e = q ? 0 : -EIO;
    while (e == 0 && sqlite3_step(q) == SQLITE_ROW) {
        str_copy_cut(column_str(q, 0), name, sizeof name);
        e = copy_table(v, name);
    }
    sqlite3_finalize(q);
    return e;
}

/* What is half there: nobody can be sent a mail without its row, nor can a mail without
 * recipients go anywhere. */
static const char tidy_up[] =
    "INSERT OR IGNORE INTO damage (id, at_ms, rcpts, what, told) SELECT id, ?1, "
    "group_concat(forward_path, ', '), 'what was known of it is lost', 1 FROM recipient r WHERE "
    "state IN (0,1,6) AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id=r.id) GROUP BY id;";
static const char tidy_up_senders[] =
    "INSERT OR IGNORE INTO damage (id, at_ms, arrived_ms, reverse_path, rcpts, what, told) SELECT "
    "id, ?1, arrived_ms, reverse_path, '(not known any more)', 'who should have it is lost', "
    "reverse_path='' FROM message m WHERE has_body=1 AND NOT EXISTS (SELECT 1 FROM recipient r "
    "WHERE r.id=m.id);";
static const char drop_halves[] =
    "DELETE FROM recipient WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id=recipient.id);"
    "DELETE FROM message WHERE NOT EXISTS (SELECT 1 FROM recipient r WHERE r.id=message.id);"
    "DELETE FROM body WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id=body.id);";

static int run_at(sqlite3 *db, const char *sql, int64_t at_ms)
{
    sqlite3_stmt *q = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(q, 1, at_ms);
        code = sqlite3_step(q);
    }
    sqlite3_finalize(q);
    return code == SQLITE_DONE ? 0 : -EIO;
}

static int make_new(struct salvage *v, const char *path)
{
    char version[64];
    snprintf(version, sizeof version, "PRAGMA user_version=%d;", STORE_SCHEMA_VERSION);
    bool ok = sqlite3_open_v2(path, &v->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              store_pages_vfs()) == SQLITE_OK &&
              store_pages_ask(v->to) &&
              sqlite3_exec(v->to, "PRAGMA auto_vacuum=INCREMENTAL; BEGIN", NULL, NULL, NULL) ==
                  SQLITE_OK &&
              sqlite3_exec(v->to, store_schema, NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_exec(v->to, version, NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_exec(v->to, "DELETE FROM settled", NULL, NULL, NULL) == SQLITE_OK;
    return ok ? 0 : -EIO;
}

static int fill(struct salvage *v, int64_t at_ms)
{
    int e = copy_tables(v);
    e = e < 0 ? e : one_number(v->to, "SELECT count(*) FROM settled", "") == 1 ? 0 : -EIO;
    e = e < 0 ? e : run_at(v->to, tidy_up, at_ms);
    e = e < 0 ? e : run_at(v->to, tidy_up_senders, at_ms);
    if (e == 0 && (sqlite3_exec(v->to, drop_halves, NULL, NULL, NULL) != SQLITE_OK ||
                   sqlite3_exec(v->to, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)) {
        e = -EIO;
    }
    return e;
}

int store_salvage(const char *directory, int64_t at_ms, const char *as, uint64_t *ret_holes)
{
    struct salvage v = {0};
    char path[PATH];
    snprintf(path, sizeof path, "%s/postern.db", directory);
    int e = sqlite3_open_v2(path, &v.from, SQLITE_OPEN_READONLY, store_pages_vfs()) == SQLITE_OK &&
                    one_number(v.from, "PRAGMA user_version", "") == STORE_SCHEMA_VERSION
                ? 0
                : -EIO;
    e = e < 0 ? e : make_new(&v, as);
    e = e < 0 ? e : fill(&v, at_ms);
    *ret_holes = v.holes;
    sqlite3_close(v.to);
    sqlite3_close(v.from);
    if (e < 0) {
        (void)unlink(as);
    }
    return e;
}
