/* SPDX-License-Identifier: Apache-2.0
 * sqlite_priv.h: the inside of the embedded store, for sqlite.c (writing) and sqlite_read.c.
 */
#pragma once
#include "store/store.h"

#include <sqlite3.h>

#define STATEMENTS(X)                                                                              \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(ADD_MESSAGE, "INSERT INTO message VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,1)")                 \
    X(ADD_BODY, "INSERT INTO body VALUES (?,?)")                                                   \
    X(ADD_RCPT, "INSERT INTO recipient VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)")                        \
    X(SET_RCPT, "UPDATE recipient SET state=?, attempts=?, next_ms=?, last_ms=?, reason=?, code=?, " \
                "reply=?, host=?, bounced=?, offered=? WHERE rcpt=?")                                         \
    X(SET_BOUNCED, "UPDATE recipient SET bounced=1 WHERE rcpt=? AND id=?")                         \
    X(ADD_ATTEMPT, "INSERT INTO attempt VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)") \
    X(NEEDS_BODY, "SELECT 1 FROM recipient WHERE id=? AND (state IN (0,1) OR (state IN (3,4) AND bounced=0)) LIMIT 1") \
    X(DROP_BODY, "DELETE FROM body WHERE id=?")                                                    \
    X(FORGET_BODY, "UPDATE message SET has_body=0, sealed_key=x'', spool='' WHERE id=?")           \
    X(GET_SPOOL, "SELECT spool FROM message WHERE id=?")                                           \
    X(NEXT_HOPS, "SELECT next_hop, min(next_ms) FROM recipient WHERE state=0 GROUP BY next_hop")   \
    X(DUE, "SELECT * FROM recipient WHERE state=0 AND next_hop=? AND next_ms<=? ORDER BY next_ms LIMIT ?") \
    X(BOUNCES, "SELECT * FROM recipient WHERE bounced=0 AND state IN (3,4) ORDER BY id LIMIT ?")   \
    X(GET_MESSAGE, "SELECT m.*, b.sealed FROM message m LEFT JOIN body b ON b.id=m.id AND ?2 WHERE m.id=?1") \
    X(RCPTS, "SELECT * FROM recipient WHERE id=? ORDER BY rcpt")                                   \
    X(ATTEMPTS, "SELECT * FROM attempt WHERE id=? ORDER BY attempt")                               \
    X(OPEN_RCPTS, "SELECT * FROM recipient WHERE state IN (0,1) ORDER BY id LIMIT ?")              \
    X(RCPTS_IN_STATE, "SELECT * FROM recipient WHERE state=?2 ORDER BY id LIMIT ?1")               \
    X(SET_STATE, "UPDATE recipient SET state=?, next_ms=?, reason=CASE WHEN ?3>0 THEN ?3 ELSE reason END WHERE id=? AND state=?") \
    X(SET_NEXT_HOP, "UPDATE recipient SET next_hop=? WHERE rcpt=?")                                \
    X(OLD, "SELECT id FROM message m WHERE arrived_ms<? AND has_body=0 ORDER BY id LIMIT ?")       \
    X(FORGET_ATTEMPTS, "DELETE FROM attempt WHERE id=?")                                           \
    X(FORGET_RCPTS, "DELETE FROM recipient WHERE id=?")                                            \
    X(FORGET_MESSAGE, "DELETE FROM message WHERE id=?")                                            \
    X(COUNT, "SELECT count(*) FILTER (WHERE state=0), count(*) FILTER (WHERE state=1) FROM recipient WHERE state IN (0,1)") \
    X(MAX_RCPT, "SELECT coalesce(max(rcpt),0) FROM recipient")                                     \
    X(HAS_SPOOL, "SELECT 1 FROM message WHERE spool=?")

#define STATEMENT_ENUM(name, sql) Q_##name,
enum statement { STATEMENTS(STATEMENT_ENUM) Q_END };

struct completion {
    store_done done;
    void *arg;
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *q[Q_END];
    char *directory, *spool;
    int spool_dir; /* for syncing names */
    bool open_batch, batch_failed, poisoned, spool_dirty;
    enum store_result batch_result;
    struct completion *completions;
    size_t n_completions, cap_completions;
    struct buf doomed; /* spool files to remove after the commit, NUL separated */
    uint64_t next_rcpt;
    unsigned spool_count;
};

static inline void bind_str(sqlite3_stmt *q, int at, struct str s)
{
    sqlite3_bind_text(q, at, s.p ? s.p : "", (int)s.n, SQLITE_STATIC);
}

static inline void bind_int(sqlite3_stmt *q, int at, uint64_t value)
{
    sqlite3_bind_int64(q, at, (sqlite3_int64)value);
}

static inline struct str column_str(sqlite3_stmt *q, int at)
{
    const void *p = sqlite3_column_blob(q, at);
    return str_from(p ? p : "", (size_t)sqlite3_column_bytes(q, at));
}

static inline uint64_t column_int(sqlite3_stmt *q, int at)
{
    return (uint64_t)sqlite3_column_int64(q, at);
}

/* What a failed statement means to the caller. */
static inline enum store_result result_of(int code)
{
    int primary = code & 0xff;
    if (primary == SQLITE_FULL) {
        return STORE_FULL;
    }
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
        return STORE_CORRUPT;
    }
    return STORE_RETRY;
}
