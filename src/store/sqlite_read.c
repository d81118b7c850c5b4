/* SPDX-License-Identifier: Apache-2.0
 * sqlite_read.c: the reading half of the embedded store. Each walk ends with its completion; a read
 * that fails is logged and told as STORE_RETRY or STORE_CORRUPT. Called by queue and its tests.
 */
#include "base/log.h"
#include "store/sqlite_priv.h"
#include "wire/id.h"

#include <sys/statvfs.h>

static void read_rcpt(sqlite3_stmt *q, struct store_rcpt *r)
{
    *r = (struct store_rcpt){
        .rcpt = column_int(q, 0),
        .id = column_int(q, 1),
        .forward_path = column_str(q, 2),
        .next_hop = column_str(q, 3),
        .state = (enum rcpt_state)column_int(q, 4),
        .attempts = (uint32_t)column_int(q, 5),
        .next_ms = (int64_t)column_int(q, 6),
        .last_ms = (int64_t)column_int(q, 7),
        .reason = (uint8_t)column_int(q, 8),
        .code = column_str(q, 9),
        .reply = column_str(q, 10),
        .host = column_str(q, 11),
        .bounced = column_int(q, 12) != 0,
        .tls_offered = column_int(q, 13) != 0,
        .notice = (enum rcpt_notice)column_int(q, 14),
        .notify = (uint8_t)column_int(q, 15),
        .orcpt = column_str(q, 16),
        .protection = column_str(q, 17),
        .reverse_path = sqlite3_data_count(q) > 18 ? column_str(q, 18) : STR(""),
    };
}

/* The result of a finished walk. */
enum store_result store_walked(struct store *s, int code)
{
    if (code == SQLITE_DONE) {
        return STORE_OK;
    }
    log_error("store-read-failed", KV("problem", sqlite3_errmsg(s->db)));
    return result_of(code);
}

static enum store_result each_rcpt(struct store *s, sqlite3_stmt *q, store_rcpt_fn fn, void *arg)
{
    int code = SQLITE_DONE;
    enum store_result settled = store_settled(s);
    if (settled != STORE_OK) {
        return settled;
    }
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_rcpt r;
        read_rcpt(q, &r);
        fn(arg, &r);
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_each_next_hop(struct store *s, store_next_hop_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_NEXT_HOPS];
    enum store_result settled = store_settled(s);
    int code = SQLITE_DONE;
    while (settled == STORE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        fn(arg, column_str(q, 0), (int64_t)column_int(q, 1));
    }
    sqlite3_reset(q);
    done(arg, settled == STORE_OK ? store_walked(s, code) : settled);
}

void store_each_due(struct store *s, struct str next_hop, int64_t now_ms, unsigned max,
                    store_rcpt_fn fn, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[Q_DUE];
    bind_str(q, 1, next_hop);
    bind_int(q, 2, (uint64_t)now_ms);
    bind_int(q, 3, max);
    done(arg, each_rcpt(s, q, fn, arg));
}

void store_next_due(struct store *s, struct str next_hop, int64_t after_ms, store_next_hop_fn fn, store_done done, void *arg)
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
    done(arg, settled == STORE_OK ? store_walked(s, code) : settled);
}

void store_each_over(struct store *s, int64_t before_ms, unsigned max, store_rcpt_fn fn, store_done done, void *arg)
{
    bind_int(s->q[Q_OVER], 1, id_make(before_ms, 0, 0));
    bind_int(s->q[Q_OVER], 2, max);
    done(arg, each_rcpt(s, s->q[Q_OVER], fn, arg));
}

void store_each_held(struct store *s, uint8_t reason, uint64_t after_rcpt, unsigned max, store_rcpt_fn fn, store_done done, void *arg)
{
    bind_int(s->q[Q_HELD], 1, reason);
    bind_int(s->q[Q_HELD], 2, after_rcpt);
    bind_int(s->q[Q_HELD], 3, max);
    done(arg, each_rcpt(s, s->q[Q_HELD], fn, arg));
}

void store_each_bounce_due(struct store *s, unsigned max, store_rcpt_fn fn, store_done done, void *arg)
{
    bind_int(s->q[Q_BOUNCES], 1, max);
    done(arg, each_rcpt(s, s->q[Q_BOUNCES], fn, arg));
}

void store_each_notice_due(struct store *s, int64_t due_before_ms, int64_t delay_before_ms, unsigned max, store_rcpt_fn fn,
                           store_done done, void *arg)
{
    bind_int(s->q[Q_NOTICES], 1, (uint64_t)due_before_ms);
    bind_int(s->q[Q_NOTICES], 2, (uint64_t)delay_before_ms);
    bind_int(s->q[Q_NOTICES], 3, max);
    done(arg, each_rcpt(s, s->q[Q_NOTICES], fn, arg));
}

void store_each_outcome_due(struct store *s, int64_t before_ms, unsigned max, store_rcpt_fn fn, store_done done, void *arg)
{
    bind_int(s->q[Q_OUTCOMES], 1, (uint64_t)before_ms);
    bind_int(s->q[Q_OUTCOMES], 2, max);
    done(arg, each_rcpt(s, s->q[Q_OUTCOMES], fn, arg));
}

static void read_message(sqlite3_stmt *q, struct store_message *m)
{
    *m = (struct store_message){
        .id = column_int(q, 0),
        .bounce_of = column_int(q, 1),
        .reverse_path = column_str(q, 2),
        .arrived_ms = (int64_t)column_int(q, 3),
        .size = column_int(q, 4),
        .is_8bit = column_int(q, 5) != 0,
        .is_utf8 = column_int(q, 6) != 0,
        .client = column_str(q, 7),
        .helo = column_str(q, 8),
        .protocol = column_str(q, 9),
        .tls_version = column_str(q, 10),
        .tls_cipher = column_str(q, 11),
        .tls_bits = (uint16_t)column_int(q, 12),
        .sealed_key = column_str(q, 13),
        .spool = column_str(q, 14),
        .reqtls = column_int(q, 16) != 0,
        .tls_required_no = column_int(q, 17) != 0,
        .report = column_int(q, 18) != 0,
        .is_binary = column_int(q, 19) != 0,
        .ret = (uint8_t)column_int(q, 20),
        .envid = column_str(q, 21),
        .login = column_str(q, 22),
        .deaths = (uint32_t)column_int(q, 23),
        .certificate = column_str(q, 24),
        .tls_group = column_str(q, 25),
        .repaired = (uint32_t)column_int(q, 26),
        .body = column_str(q, 27),
    };
}

static enum store_result give_message(struct store *s, uint64_t id, bool with_body, store_message_fn fn, void *arg)
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
        read_message(q, &m);
        fn(arg, &m);
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_message_get(struct store *s, uint64_t id, store_message_fn fn, store_done done, void *arg)
{
    done(arg, give_message(s, id, true, fn, arg));
}

static void read_attempt(sqlite3_stmt *q, struct store_attempt *a)
{
    *a = (struct store_attempt){
        .id = column_int(q, 1),
        .rcpts = column_str(q, 2),
        .at_ms = (int64_t)column_int(q, 3),
        .took_ms = (uint32_t)column_int(q, 4),
        .host = column_str(q, 5),
        .address = column_str(q, 6),
        .port = (uint16_t)column_int(q, 7),
        .mx = (uint8_t)column_int(q, 8),
        .sess = (uint8_t)column_int(q, 9),
        .action = (uint8_t)column_int(q, 10),
        .grade = (uint8_t)column_int(q, 11),
        .floor = (uint8_t)column_int(q, 12),
        .reason = (uint8_t)column_int(q, 13),
        .raised = (uint32_t)column_int(q, 14),
        .reused = column_int(q, 15) != 0,
        .tls_version = column_str(q, 16),
        .tls_cipher = column_str(q, 17),
        .tls_bits = (uint16_t)column_int(q, 18),
        .tls_group = column_str(q, 19),
        .tls_signature = column_str(q, 20),
        .peer_key = column_str(q, 21),
        .cert_check = column_str(q, 22),
        .cert_subject = column_str(q, 23),
        .cert_issuer = column_str(q, 24),
        .cert_fingerprint = column_str(q, 25),
        .cert_not_after = (int64_t)column_int(q, 26),
        .detail = column_str(q, 27),
        .tlsa = (uint8_t)column_int(q, 28),
        .sts = (uint8_t)column_int(q, 29),
        .dane_check = column_str(q, 30),
        .exception = column_str(q, 31),
    };
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
        read_attempt(q, &a);
        fn(arg, &a);
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_report(struct store *s, uint64_t id, store_message_fn message, store_rcpt_fn rcpt,
                  store_attempt_fn attempt, store_done done, void *arg)
{
    enum store_result r = message ? give_message(s, id, false, message, arg) : STORE_OK;
    if (r == STORE_OK) {
        bind_int(s->q[Q_RCPTS], 1, id);
        r = each_rcpt(s, s->q[Q_RCPTS], rcpt, arg);
    }
    if (r == STORE_OK && attempt) {
        r = each_attempt(s, id, attempt, arg);
    }
    done(arg, r);
}

void store_list(struct store *s, enum rcpt_state state, unsigned max, store_message_fn message,
                store_rcpt_fn rcpt, store_done done, void *arg)
{
    sqlite3_stmt *q = s->q[state == RCPT_STATE_END ? Q_OPEN_RCPTS : Q_RCPTS_IN_STATE];
    uint64_t last = 0;
    enum store_result settled = store_settled(s);
    int code = SQLITE_DONE;
    bind_int(q, 1, max);
    if (state != RCPT_STATE_END) {
        bind_int(q, 2, state);
    }
    while (settled == STORE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_rcpt r;
        read_rcpt(q, &r);
        if (message && r.id != last) {
            (void)give_message(s, r.id, false, message, arg);
            last = r.id;
        }
        rcpt(arg, &r);
    }
    sqlite3_reset(q);
    done(arg, settled == STORE_OK ? store_walked(s, code) : settled);
}

/* The row of one message, if there is one. */
static enum store_result give_inspection(struct store *s, uint64_t id, store_inspection_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_GET_INSPECTION];
    enum store_result settled = store_settled(s);
    if (settled != STORE_OK) {
        return settled;
    }
    bind_int(q, 1, id);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        fn(arg, id, (int64_t)column_int(q, 0), column_str(q, 1));
        code = SQLITE_DONE;
    }
    sqlite3_reset(q);
    return store_walked(s, code);
}

void store_inspection_get(struct store *s, uint64_t id, store_inspection_fn fn, store_done done, void *arg)
{
    done(arg, give_inspection(s, id, fn, arg));
}

void store_each_since(struct store *s, int64_t since_ms, unsigned max, store_message_fn message, store_rcpt_fn rcpt,
                      store_inspection_fn inspection, store_done done, void *arg)
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
        (void)each_rcpt(s, s->q[Q_RCPTS], rcpt, arg);
    }
    sqlite3_reset(q);
    done(arg, settled == STORE_OK ? store_walked(s, code) : settled);
}

void store_count(struct store *s, store_counts_fn fn, void *arg)
{
    sqlite3_stmt *q = s->q[Q_COUNT];
    struct store_counts counts = {0};
    if (store_settled(s) == STORE_OK && sqlite3_step(q) == SQLITE_ROW) {
        counts = (struct store_counts){.queued = column_int(q, 0), .held = column_int(q, 1)};
    }
    sqlite3_reset(q);
    fn(arg, &counts);
}

int64_t store_oldest_ms(struct store *s, int64_t now_ms)
{
    sqlite3_stmt *q = s->q[Q_OLDEST];
    int64_t age = store_settled(s) == STORE_OK && sqlite3_step(q) == SQLITE_ROW ? now_ms - (int64_t)column_int(q, 0) : 0;
    sqlite3_reset(q);
    return age;
}

uint64_t store_free_octets(const struct store *s)
{
    struct statvfs fs;
    return fstatvfs(s->spool_dir, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
}
