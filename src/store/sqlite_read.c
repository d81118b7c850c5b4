/* SPDX-License-Identifier: Apache-2.0
 * sqlite_read.c: the reading half of the embedded store. Each walk ends with its completion; a read
 * that fails is logged and told as STORE_RETRY or STORE_CORRUPT. Called by queue and its tests.
 */
#include "base/log.h"
#include "store/embedded.h"
#include "store/sqlite_priv.h"
#include "wire/id.h"

#include <sys/statvfs.h>

/* The result of a finished walk. */
enum store_result store_walked(struct store *s, int code)
{
    if (code == SQLITE_DONE) {
        return STORE_OK;
    }
    log_error("store-read-failed", KV("problem", sqlite3_errmsg(s->db)));
    return result_of(code);
}

static enum store_result sqlite_read_each_rcpt(struct store *s, enum statement which,
                                               store_rcpt_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[which];
    int code = SQLITE_DONE;
    enum store_result settled = store_settled(s);
    if (settled != STORE_OK) {
        return settled;
    }
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_rcpt r;
        store_read_row(s, which, store_record_rcpt(), &r);
        fn(arg, &r);
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

enum store_result store_each_next_hop(struct store *s, store_next_hop_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_NEXT_HOPS];
    enum store_result settled = store_settled(s);
    int code = SQLITE_DONE;
    while (settled == STORE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_rcpt r;
        store_read_row(s, Q_NEXT_HOPS, store_record_rcpt(), &r);
        fn(arg, r.next_hop, r.next_ms);
    }
    sqlite3_reset(q);
    return settled == STORE_OK ? store_walked(s, code) : settled;
}

enum store_result store_each_due(struct store *s, struct str next_hop, int64_t now_ms, unsigned max,
                                 store_rcpt_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_DUE];
    bind_str(q, 1, next_hop);
    bind_int(q, 2, (uint64_t)now_ms);
    bind_int(q, 3, max);
    return sqlite_read_each_rcpt(s, Q_DUE, fn, arg);
}

enum store_result store_next_due(struct store *s, struct str next_hop, int64_t after_ms,
                                 store_next_hop_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_NEXT_DUE];
    enum store_result settled = store_settled(s);
    int code = SQLITE_DONE;
    bind_str(q, 1, next_hop);
    bind_int(q, 2, (uint64_t)after_ms);
    if (settled == STORE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, next_hop, (int64_t)column_int(q, 0));
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return settled == STORE_OK ? store_walked(s, code) : settled;
}

enum store_result store_each_over(struct store *s, int64_t before_ms, unsigned max,
                                  store_rcpt_fn fn, void *arg)
{
    bind_int(s->q[Q_OVER], 1, id_make(before_ms, 0, 0));
    bind_int(s->q[Q_OVER], 2, max);
    return sqlite_read_each_rcpt(s, Q_OVER, fn, arg);
}

enum store_result store_each_held(struct store *s, uint8_t reason, uint64_t after_rcpt,
                                  unsigned max, store_rcpt_fn fn, void *arg)
{
    bind_int(s->q[Q_HELD], 1, reason);
    bind_int(s->q[Q_HELD], 2, after_rcpt);
    bind_int(s->q[Q_HELD], 3, max);
    return sqlite_read_each_rcpt(s, Q_HELD, fn, arg);
}

enum store_result store_each_bounce_due(struct store *s, unsigned max, store_rcpt_fn fn, void *arg)
{
    bind_int(s->q[Q_BOUNCES], 1, max);
    return sqlite_read_each_rcpt(s, Q_BOUNCES, fn, arg);
}

enum store_result store_each_notice_due(struct store *s, int64_t due_before_ms,
                                        int64_t delay_before_ms, unsigned max, store_rcpt_fn fn,
                                        void *arg)
{
    bind_int(s->q[Q_NOTICES], 1, (uint64_t)due_before_ms);
    bind_int(s->q[Q_NOTICES], 2, (uint64_t)delay_before_ms);
    bind_int(s->q[Q_NOTICES], 3, max);
    return sqlite_read_each_rcpt(s, Q_NOTICES, fn, arg);
}

enum store_result store_each_outcome_due(struct store *s, int64_t before_ms, unsigned max,
                                         store_rcpt_fn fn, void *arg)
{
    bind_int(s->q[Q_OUTCOMES], 1, (uint64_t)before_ms);
    bind_int(s->q[Q_OUTCOMES], 2, max);
    return sqlite_read_each_rcpt(s, Q_OUTCOMES, fn, arg);
}

static enum store_result give_message(struct store *s, uint64_t id, bool with_body,
                                      store_message_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_MESSAGE];
    struct store_message m;
    enum store_result settled = store_settled(s);
    if (settled != STORE_OK) {
        return settled;
    }
    bind_int(q, 1, id);
    bind_int(q, 2, with_body);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        store_read_row(s, Q_GET_MESSAGE, store_record_message(), &m);
        fn(arg, &m);
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

enum store_result store_message_get(struct store *s, uint64_t id, store_message_fn fn, void *arg)
{
    return give_message(s, id, true, fn, arg);
}

static enum store_result each_attempt(struct store *s, uint64_t id, store_attempt_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_ATTEMPTS];
    int code = SQLITE_DONE;
    enum store_result settled = store_settled(s);
    if (settled != STORE_OK) {
        return settled;
    }
    bind_int(q, 1, id);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_attempt a;
        store_read_row(s, Q_ATTEMPTS, store_record_attempt(), &a);
        fn(arg, &a);
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

enum store_result store_report(struct store *s, uint64_t id, store_message_fn message,
                               store_rcpt_fn rcpt, store_attempt_fn attempt, void *arg)
{
    enum store_result r = message ? give_message(s, id, false, message, arg) : STORE_OK;
    if (r == STORE_OK) {
        bind_int(s->q[Q_RCPTS], 1, id);
        r = sqlite_read_each_rcpt(s, Q_RCPTS, rcpt, arg);
    }
    if (r == STORE_OK && attempt) {
        r = each_attempt(s, id, attempt, arg);
    }
    return r;
}

enum store_result store_list(struct store *s, enum rcpt_state state, unsigned max,
                             store_message_fn message, store_rcpt_fn rcpt, void *arg)
{
    enum statement which = state == RCPT_STATE_END ? Q_OPEN_RCPTS : Q_RCPTS_IN_STATE;
    sqlite3_stmt *q = s->q[which];
    uint64_t last = 0;
    enum store_result settled = store_settled(s);
    int code = SQLITE_DONE;
    bind_int(q, 1, max);
    if (state != RCPT_STATE_END) {
        bind_int(q, 2, state);
    }
    while (settled == STORE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_rcpt r;
        store_read_row(s, which, store_record_rcpt(), &r);
        if (message && r.id != last) {
            (void)give_message(s, r.id, false, message, arg);
            last = r.id;
        }
        rcpt(arg, &r);
    }
    sqlite3_reset(q);
    return settled == STORE_OK ? store_walked(s, code) : settled;
}

/* The row of one message, if there is one. */
static enum store_result give_inspection(struct store *s, uint64_t id, store_inspection_fn fn,
                                         void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_INSPECTION];
    enum store_result settled = store_settled(s);
    if (settled != STORE_OK) {
        return settled;
    }
    bind_int(q, 1, id);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        struct entry_inspected row;
        store_read_row(s, Q_GET_INSPECTION, store_record_inspection(), &row);
        fn(arg, id, row.at_ms, row.facts);
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

enum store_result store_inspection_get(struct store *s, uint64_t id, store_inspection_fn fn,
                                       void *arg)
{
    return give_inspection(s, id, fn, arg);
}

enum store_result store_each_since(struct store *s, int64_t since_ms, unsigned max,
                                   store_message_fn message, store_rcpt_fn rcpt,
                                   store_inspection_fn inspection, void *arg)
{
    sqlite3_stmt *q = s->q[Q_SINCE];
    enum store_result settled = store_settled(s);
    int code = SQLITE_DONE;
    bind_int(q, 1, (uint64_t)since_ms);
    bind_int(q, 2, max);
    while (settled == STORE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        uint64_t id = column_int(q, 0);
        (void)give_message(s, id, false, message, arg);
        (void)give_inspection(s, id, inspection, arg);
        bind_int(s->q[Q_RCPTS], 1, id);
        (void)sqlite_read_each_rcpt(s, Q_RCPTS, rcpt, arg);
    }
    sqlite3_reset(q);
    return settled == STORE_OK ? store_walked(s, code) : settled;
}

struct store_counts store_count(struct store *s)
{
    sqlite3_stmt *q = s->q[Q_COUNT];
    struct store_counts counts = {0};
    if (store_settled(s) == STORE_OK && sqlite3_step(q) == SQLITE_ROW) {
        counts.queued = store_column(q, "queued");
        counts.held = store_column(q, "held");
    }
    sqlite3_reset(q);
    return counts;
}

int64_t store_oldest_ms(struct store *s, int64_t now_ms)
{
    sqlite3_stmt *q = s->q[Q_OLDEST];
    int64_t age = store_settled(s) == STORE_OK && sqlite3_step(q) == SQLITE_ROW
                      ? now_ms - (int64_t)column_int(q, 0)
                      : 0;
    sqlite3_reset(q);
    return age;
}

uint64_t store_free_octets(const struct store *s)
{
    struct statvfs fs;
    return fstatvfs(s->spool_dir, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
}
