/* SPDX-License-Identifier: Apache-2.0
 * sqlite_priv.h: the inside of the embedded store, for sqlite.c (writing) and sqlite_read.c.
 */
#pragma once
#include "base/list.h"
#include "store/damage.h"
#include "store/entry.h"
#include "store/journal.h"
#include "store/mark.h"
#include "store/records.h"
#include "store/sql.h"
#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

/* What an outcome says of its recipient: the fields that store_outcome() sets. SEP stands
 * between them. */
#define RCPT_OUTCOME(F, SEP) \
    F(state) SEP F(attempts) \
    SEP F(next_ms) \
    SEP F(last_ms) \
    SEP F(reason) \
    SEP F(code) \
    SEP F(reply) \
    SEP F(host) \
    SEP F(bounced) \
    SEP F(tls_offered) \
    SEP F(notice) \
    SEP F(protection)

/* Rows of recipients, with who sent their message; new ones. Those of messages with their body. */
#define RCPT_NAMES    SQL_NAMES(rcpt)
#define RCPT_SELECT   "SELECT " RCPT_NAMES " FROM recipient"
#define RCPT_SELECT_R "SELECT " SQL_NAMES_OF_R(rcpt) " FROM recipient r"
#define RCPT_SELECT_SENT \
    "SELECT " RCPT_NAMES ", (SELECT reverse_path FROM message m WHERE m.id=recipient.id) AS " \
    "reverse_path FROM recipient"
#define RCPT_ADD       "INSERT INTO recipient " SQL_ROW(rcpt)
#define MESSAGE_SELECT "SELECT b.sealed AS body, " SQL_NAMES_OF_M(message_row) " FROM message m"
#define MESSAGE_ADD    "INSERT INTO message " SQL_ROW(message_row)

/* sqlite_domain.c */
#define DOMAIN_STATEMENTS(X) \
    X(PUT_DOMAIN, SQL_PUT(domain)) \
    X(DROP_DOMAIN, "DELETE FROM domain WHERE name=?") \
    X(DOMAINS, SQL_SELECT(domain) " ORDER BY name") \
    X(ADD_PROBE, SQL_ADD(probe)) \
    X(PROBES, SQL_SELECT(probe) " WHERE domain=? ORDER BY at_ms DESC LIMIT ?") \
    X(FORGET_PROBES, "DELETE FROM probe WHERE at_ms<?") \
    X(ADD_ALARM, SQL_ADD(alarm)) \
    X(HAS_ALARM, "SELECT alarm FROM alarm WHERE domain=? AND kind=? AND cleared_ms=0 LIMIT 1") \
    X(CLEAR_ALARM, "UPDATE alarm SET cleared_ms=? WHERE domain=? AND kind=? AND cleared_ms=0") \
    X(ALARMS, SQL_SELECT(alarm) " WHERE cleared_ms=0 OR ?1 ORDER BY alarm DESC LIMIT ?2") \
    X(UNMAILED_ALARMS, \
      SQL_SELECT(alarm) " WHERE mailed_ms=0 AND cleared_ms=0 ORDER BY alarm LIMIT ?") \
    X(SET_ALARM_MAILED, "UPDATE alarm SET mailed_ms=? WHERE alarm<=? AND mailed_ms=0") \
    X(ADD_EXCEPTION, SQL_ADD(exception)) \
    X(END_EXCEPTION, \
      "UPDATE exception SET ended_ms=?, ended_by=? WHERE exception=? AND ended_ms=0") \
    X(EXCEPTIONS, SQL_SELECT(exception) " ORDER BY exception") \
    X(PUT_STS, SQL_PUT(sts)) \
    X(ALL_STS, SQL_SELECT(sts)) \
    X(PUT_QUIRK, SQL_PUT(quirk)) \
    X(QUIRKS, SQL_SELECT(quirk) " ORDER BY host,address,extension") \
    X(FORGET_QUIRKS, "DELETE FROM quirk WHERE (?1<>'' AND (host=lower(?1) OR address=lower(?1))) " \
                     "OR until_ms<=?2") \
    X(FORGET_STS, "DELETE FROM sts WHERE expires_ms<?")

/* sqlite_tlsrpt.c */
#define RPT_STATEMENTS(X) \
    X(RPT_COUNT, SQL_ADD(rpt_count) " ON CONFLICT DO UPDATE SET " \
                                    "ok=ok+excluded.ok, failed=failed+excluded.failed") \
    X(RPT_FAILURE, SQL_ADD(rpt_failure) " ON CONFLICT DO UPDATE SET n=n+1") \
    X(RPT_OPEN, "INSERT OR IGNORE INTO rpt_sent (day, domain, state, next_ms, detail) " \
                "SELECT DISTINCT day, domain, 0, ?2, '' FROM rpt_count WHERE day<?1") \
    X(RPT_DUE, SQL_SELECT(rpt_sent) " WHERE state=0 AND next_ms<=? ORDER BY next_ms LIMIT ?") \
    X(RPT_SET, \
      "UPDATE rpt_sent SET state=:state, next_ms=:next_ms, detail=:detail WHERE day=:day " \
      "AND domain=:domain") \
    X(RPT_COUNTS, SQL_SELECT(rpt_count) " WHERE day=? AND domain=? ORDER BY type") \
    X(RPT_FAILURES, SQL_SELECT(rpt_failure) " WHERE day=? AND domain=? AND type=? AND policy=? " \
                                            "ORDER BY n DESC LIMIT 1000") \
    X(RPT_SENT, SQL_SELECT(rpt_sent) " ORDER BY day DESC, domain LIMIT ?") \
    X(RPT_FORGET_COUNT, "DELETE FROM rpt_count WHERE day<?") \
    X(RPT_FORGET_FAILURE, "DELETE FROM rpt_failure WHERE day<?") \
    X(RPT_FORGET_SENT, "DELETE FROM rpt_sent WHERE day<?") \
    X(RPT_ADD_RECEIVED, SQL_ADD(rpt_received)) \
    X(RPT_HAS_RECEIVED, "SELECT 1 FROM rpt_received WHERE organization=:organization AND " \
                        "report_id=:report_id AND domain=:domain AND type=:type LIMIT 1") \
    X(RPT_RECEIVED, \
      SQL_SELECT(rpt_received) " WHERE (?1=0 OR received=?1) ORDER BY received DESC LIMIT ?2") \
    X(RPT_FORGET_RECEIVED, "DELETE FROM rpt_received WHERE at_ms<?")

/* sqlite_account.c */
#define ACCOUNT_STATEMENTS(X) \
    X(PUT_GROUP, SQL_PUT(directory_group)) \
    X(GROUPS, SQL_SELECT(directory_group)) \
    X(PUT_ACCOUNT, SQL_PUT(account)) \
    X(DROP_ACCOUNT, "DELETE FROM account WHERE name=?") \
    X(ACCOUNTS, SQL_SELECT(account) " ORDER BY name") \
    X(ADD_REFUSAL, SQL_ADD(refusal)) \
    X(REFUSALS, SQL_SELECT(refusal) " ORDER BY refusal DESC LIMIT ?") \
    X(FORGET_REFUSALS, "DELETE FROM refusal WHERE at_ms<?") \
    X(ADD_ACT, SQL_ADD(act)) \
    X(ACTS, SQL_SELECT(act) " WHERE ?1='' OR about=?1 ORDER BY act DESC LIMIT ?2") \
    X(FORGET_ACTS, "DELETE FROM act WHERE at_ms<?") \
    X(PUT_PLACE, SQL_PUT(place)) \
    X(PLACES, SQL_SELECT(place) " WHERE used_ms>=? ORDER BY used_ms") \
    X(DROP_PLACES, "DELETE FROM place WHERE kind=? AND who=?") \
    X(FORGET_PLACES, "DELETE FROM place WHERE used_ms<?")

/* sqlite_envelope.c */
#define ENVELOPE_STATEMENTS(X) \
    X(PUT_ENVELOPE, SQL_PUT(envelope)) \
    X(ENVELOPE_NUMBER, SQL_SELECT(envelope) " WHERE envelope=?") \
    X(ENVELOPE_RCPT, SQL_SELECT(envelope) " WHERE rcpt=?") \
    X(ENVELOPE_MESSAGE, SQL_SELECT(envelope) " WHERE id=? ORDER BY rcpt") \
    X(ENVELOPE_NOTICE, SQL_SELECT(envelope) " WHERE notice_id=? AND notice_id<>0") \
    X(ENVELOPE_TOKEN, SQL_SELECT(envelope) " WHERE envelope=(SELECT envelope FROM " \
                                           "envelope_token WHERE hash=?) LIMIT ?") \
    X(PUT_TOKEN, SQL_PUT(envelope_token)) \
    X(FORGET_TOKENS, \
      "DELETE FROM envelope_token WHERE ?1=0 AND envelope NOT IN (SELECT envelope FROM envelope)") \
    X(ENVELOPE_ADDRESS, SQL_SELECT(envelope) " WHERE address=? ORDER BY made_ms DESC LIMIT ?") \
    X(ENVELOPE_SENDER, SQL_SELECT(envelope) " WHERE sender=? ORDER BY made_ms DESC LIMIT ?") \
    X(ENVELOPE_THREAD, SQL_SELECT(envelope) " WHERE thread=? ORDER BY made_ms DESC LIMIT ?") \
    X(ENVELOPES, SQL_SELECT(envelope) " ORDER BY made_ms DESC LIMIT ?") \
    X(ENVELOPE_NOTICE_DUE, SQL_SELECT(envelope) " WHERE notice_due_ms<>0 AND notice_due_ms<=? " \
                                                "ORDER BY notice_due_ms LIMIT ?") \
    X(ENVELOPE_OVER, SQL_SELECT(envelope) " WHERE state IN (0,1) AND expires_ms<=? AND " \
                                          "legal_hold=0 ORDER BY expires_ms LIMIT ?") \
    X(ENVELOPE_UNREAD, \
      SQL_SELECT(envelope) " WHERE state=0 AND opened_ms=0 AND notice_due_ms=0 " \
                           "AND reminders<2 AND ((reminders=0 AND made_ms+259200000<=?1) OR " \
                           "made_ms+(expires_ms-made_ms)/4*3<=?1) LIMIT ?2") \
    X(ENVELOPE_OCTETS, "SELECT coalesce(sum(octets),0) FROM envelope WHERE state IN (0,1)") \
    X(FORGET_ENVELOPES, "DELETE FROM envelope WHERE state NOT IN (0,1) AND expires_ms<? AND NOT " \
                        "EXISTS (SELECT 1 FROM message m WHERE m.id=envelope.id)") \
    X(FORGET_EVENTS, "DELETE FROM envelope_event WHERE at_ms<? AND NOT EXISTS (SELECT 1 FROM " \
                     "envelope e WHERE e.envelope=envelope_event.envelope)") \
    X(DROP_KEY, "UPDATE message SET sealed_key=x'' WHERE id=?1 AND NOT EXISTS (SELECT 1 FROM " \
                "recipient WHERE id=?1 AND (state IN (0,1) OR (state IN (2,3,4) AND bounced=0)))") \
    X(PUT_VIEW, SQL_PUT(view)) \
    X(GET_VIEW, "SELECT sealed FROM view WHERE id=?") \
    X(DROP_VIEW, "DELETE FROM view WHERE id=?1 AND NOT EXISTS (SELECT 1 FROM envelope WHERE " \
                 "id=?1 AND state IN (0,1))") \
    X(ADD_EVENT, SQL_ADD(envelope_event)) \
    X(ADD_READING, \
      "INSERT INTO envelope_event (" SQL_NAMES( \
          envelope_event) ")" \
                          " SELECT " SQL_MARKS( \
                              envelope_event) " WHERE NOT EXISTS (SELECT 1 FROM" \
                                              " (SELECT at_ms,kind,who,detail FROM " \
                                              "envelope_event WHERE envelope=:envelope" \
                                              " ORDER BY event DESC LIMIT 32) WHERE kind=:kind " \
                                              "AND who=:who AND detail=:detail" \
                                              " AND at_ms BETWEEN :at_ms-60000 AND :at_ms)" \
                                              " AND (SELECT count(*) FROM (SELECT 1 FROM " \
                                              "envelope_event WHERE envelope=:envelope" \
                                              " LIMIT :most))<:most") \
    X(EVENTS, SQL_SELECT(envelope_event) " WHERE envelope=? ORDER BY event LIMIT ?") \
    X(PUT_PASS, SQL_PUT(pass)) \
    X(GET_PASS, SQL_SELECT(pass) " WHERE hash=?") \
    X(DROP_PASS, "DELETE FROM pass WHERE hash=?") \
    X(DROP_PASSES, "DELETE FROM pass WHERE address=?") \
    X(FORGET_PASSES, "DELETE FROM pass WHERE until_ms<?") \
    X(PUT_PERSON, SQL_PUT(person)) \
    X(GET_PERSON, SQL_SELECT(person) " WHERE address=?") \
    X(PUT_PASSKEY, SQL_PUT(passkey)) \
    X(GET_PASSKEYS, SQL_SELECT(passkey) " WHERE address=? ORDER BY made_ms") \
    X(HAS_PASSKEY, "SELECT 1 FROM passkey WHERE id=?") \
    X(DROP_PASSKEY, "DELETE FROM passkey WHERE address=? AND id=?") \
    X(PUT_THREAD, SQL_PUT(thread)) \
    X(GET_THREAD, SQL_SELECT(thread) " WHERE thread=?") \
    X(PUT_DRAFT, SQL_PUT(draft)) \
    X(GET_DRAFT, "SELECT sealed_key, sealed FROM draft WHERE envelope=?") \
    X(DROP_DRAFT, "DELETE FROM draft WHERE envelope=?")

#define STATEMENTS(X) \
    X(BEGIN, "BEGIN IMMEDIATE") \
    X(COMMIT, "COMMIT") \
    X(ROLLBACK, "ROLLBACK") \
    X(SETTLED, SQL_SELECT(settled)) \
    X(SET_SETTLED, "UPDATE settled SET number=?, times=times+1, marked=1 WHERE one=1") \
    X(ADD_MESSAGE, MESSAGE_ADD) \
    X(ADD_BODY, SQL_ADD(body)) \
    X(ADD_RCPT, RCPT_ADD) \
    X(SET_RCPT, "UPDATE recipient SET " RCPT_OUTCOME(SQL_IS, ", ") " WHERE rcpt=:rcpt") \
    X(PUT_INSPECTION, SQL_PUT(inspection)) \
    X(GET_INSPECTION, SQL_SELECT(inspection) " WHERE id=?") \
    X(FORGET_INSPECTION, "DELETE FROM inspection WHERE id=?") \
    X(DECIDED, "UPDATE recipient SET next_hop=:next_hop, protection=:protection WHERE rcpt=:rcpt") \
    X(MAKE_SECRET, \
      "INSERT OR IGNORE INTO secret (name, value) VALUES (?, coalesce(?, randomblob(32)))") \
    X(GET_SECRET, "SELECT value FROM secret WHERE name=?") \
    X(REDIRECT, "UPDATE recipient SET forward_path=:forward_path, next_hop=:next_hop, " \
                "protection=:protection WHERE rcpt=:rcpt") \
    X(SINCE, "SELECT id FROM message WHERE arrived_ms>=? AND bounce_of=0 AND report=0 ORDER BY " \
             "id LIMIT ?") \
    X(SET_BOUNCED, "UPDATE recipient SET bounced=1 WHERE rcpt=? AND id=?") \
    X(ADD_ATTEMPT, SQL_ADD(attempt)) \
    X(NEEDS_BODY, "SELECT 1 FROM recipient WHERE id=? AND (state IN (0,1,6) OR (state IN (2,3,4) " \
                  "AND bounced=0)) LIMIT 1") \
    X(DROP_BODY, "DELETE FROM body WHERE id=?") \
    X(FORGET_BODY, "UPDATE message SET has_body=0, sealed_key=x'', spool='' WHERE id=?") \
    X(GET_SPOOL, "SELECT spool FROM message WHERE id=?") \
    X(NEXT_HOPS, \
      "WITH RECURSIVE hop(name) AS (SELECT min(next_hop) FROM recipient WHERE state=0 UNION ALL" \
      " SELECT (SELECT min(next_hop) FROM recipient WHERE state=0 AND next_hop>hop.name) FROM " \
      "hop WHERE hop.name IS NOT NULL)" \
      " SELECT name AS next_hop, (SELECT min(next_ms) FROM recipient WHERE state=0 AND " \
      "next_hop=name) AS next_ms FROM hop WHERE name IS NOT NULL") \
    X(DUE, \
      RCPT_SELECT_SENT " WHERE state=0 AND next_hop=? AND next_ms<=? ORDER BY next_ms LIMIT ?") \
    X(NEXT_DUE, "SELECT next_ms FROM recipient WHERE state=0 AND next_hop=? AND next_ms>? ORDER " \
                "BY next_ms LIMIT 1") \
    X(OVER, \
      RCPT_SELECT_SENT " INDEXED BY recipient_age WHERE state=0 AND id<? ORDER BY id LIMIT ?") \
    X(BOUNCES, RCPT_SELECT " WHERE bounced=0 AND state IN (2,3,4) AND notice<>5 ORDER " \
                           "BY id LIMIT ?") \
    X(GET_MESSAGE, MESSAGE_SELECT " LEFT JOIN body b ON b.id=m.id AND ?2 WHERE m.id=?1") \
    X(RCPTS, RCPT_SELECT " WHERE id=? ORDER BY rcpt") \
    X(ATTEMPTS, SQL_SELECT(attempt) " WHERE id=? ORDER BY attempt") \
    X(OPEN_RCPTS, RCPT_SELECT " WHERE state IN (0,1) ORDER BY id LIMIT ?") \
    X(RCPTS_IN_STATE, RCPT_SELECT " WHERE state=?2 ORDER BY id LIMIT ?1") \
    X(HELD, RCPT_SELECT " INDEXED BY recipient_open WHERE state=1 AND state<>2 AND " \
                        "reason=?1 AND rcpt>?2 ORDER BY rcpt LIMIT ?3") \
    X(SET_STATE, \
      "UPDATE recipient SET state=?1, next_ms=?2, reason=CASE WHEN ?3>0 THEN ?3 ELSE reason END, " \
      "last_ms=CASE WHEN ?6>0 THEN ?6 ELSE last_ms END, code=CASE WHEN ?3>0 THEN '' ELSE code " \
      "END, reply=CASE WHEN ?3>0 THEN '' ELSE reply END, host=CASE WHEN ?3>0 THEN '' ELSE host " \
      "END" \
      " WHERE id=?4 AND state=?5 AND (?7=0 OR reason=?7)") \
    X(SET_NEXT_HOP, "UPDATE recipient SET next_hop=? WHERE rcpt=?") \
    X(OLD, "SELECT id FROM message m WHERE arrived_ms<? AND has_body=0 ORDER BY id LIMIT ?") \
    X(FORGET_ATTEMPTS, "DELETE FROM attempt WHERE id=?") \
    X(FORGET_RCPTS, "DELETE FROM recipient WHERE id=?") \
    X(FORGET_MESSAGE, "DELETE FROM message WHERE id=?") \
    X(COUNT, "SELECT count(*) FILTER (WHERE state=0) AS queued, " \
             "count(*) FILTER (WHERE state=1) AS held FROM recipient WHERE state IN (0,1)") \
    X(MAX_RCPT, "SELECT coalesce(max(rcpt),0) FROM recipient") \
    X(NOTICES, "SELECT " RCPT_NAMES " FROM (" RCPT_SELECT_R \
               " JOIN message m ON m.id=r.id WHERE r.state=0 AND r.notice IN (1,3) AND " \
               "((r.notice=1 AND m.arrived_ms<=?1) OR (r.notice=3 AND m.arrived_ms<=?2))" \
               " UNION ALL " RCPT_SELECT " WHERE state=1 AND notice=1) ORDER BY id LIMIT ?3") \
    X(OUTCOMES, RCPT_SELECT \
      " r WHERE notice=5 AND (NOT EXISTS (SELECT 1 FROM recipient o WHERE " \
      "o.id=r.id AND o.notice=5 AND o.state=0)" \
      " OR (SELECT arrived_ms FROM message m WHERE m.id=r.id)<=?1) ORDER BY id LIMIT ?2") \
    X(SET_BACK_NEXT, \
      "UPDATE recipient SET next_ms=min(next_ms-?1, ?2) WHERE state=0 AND next_ms>?3") \
    X(SET_BACK_ARRIVED, "UPDATE message SET arrived_ms=?1 WHERE id>?2 AND arrived_ms>?1") \
    X(OLDEST, "SELECT m.arrived_ms FROM recipient r JOIN message m ON m.id=r.id WHERE r.state=0 " \
              "ORDER BY r.rcpt LIMIT 1") \
    X(COUNT_DEATH, "UPDATE message SET deaths=deaths+1 WHERE id=?") \
    X(FORGET_DEATHS, "UPDATE message SET deaths=0 WHERE id=? AND deaths>0") \
    X(ADD_DAMAGE, "INSERT OR IGNORE INTO damage " SQL_ROW(damage)) \
    X(DAMAGES, SQL_SELECT(damage) " WHERE ?1=0 OR told=0 ORDER BY id LIMIT ?2") \
    X(SET_DAMAGE_TOLD, "UPDATE damage SET told=1 WHERE id=?") \
    X(GET_BODY, "SELECT sealed FROM body WHERE id=?") \
    X(LOSE, "UPDATE recipient SET state=3, bounced=1, notice=0, reason=?1, last_ms=?2, code='', " \
            "reply=?3, host=''" \
            " WHERE id=?4 AND (state IN (0,1) OR (state IN (3,4) AND bounced=0))") \
    X(RESTORED, "SELECT restored_ms FROM settled") \
    X(SET_RESTORED, "UPDATE settled SET restored_ms=? WHERE one=1") \
    X(HOLD_ALL, "UPDATE recipient SET state=1, reason=?1, last_ms=?2, code='', reply='', host='' " \
                "WHERE state=0") \
    X(SET_NOTICE, "UPDATE recipient SET notice=? WHERE rcpt=?") \
    DOMAIN_STATEMENTS(X) \
    RPT_STATEMENTS(X) \
    ACCOUNT_STATEMENTS(X) \
    ENVELOPE_STATEMENTS(X) \
    X(HAS_SPOOL, "SELECT 1 FROM message WHERE spool=?")

#define STATEMENT_ENUM(name, sql) Q_##name,
enum statement { STATEMENTS(STATEMENT_ENUM) Q_END };

/* Where a statement has the fields of its record: by their names, looked up once. */
struct bound {
    const struct record *record;  /* NULL: not looked up */
    int8_t at[RECORD_FIELDS_MAX]; /* parameters from 1, columns from 0; none: see sqlite_rows.c */
};

struct completion {
    store_done done;
    void *arg;
};

/* A commit whose result was not told yet. */
struct commit {
    struct link link;
    struct completion *completions;
    size_t n;
    enum store_result result;
};

struct store_engine;

/* What came within the batches that are being taken over, as it is after what they say so far. */
struct taken {
    struct store_message m; /* but its body, which lies in the journal: */
    struct journal_batch batch;
    uint64_t body_at, body_n;
    size_t first, n; /* of its recipients */
    bool released;   /* nobody needs its body any more */
};

struct taking {
    struct taken *messages;
    struct store_rcpt *rcpts; /* by their numbers */
    size_t n, cap, n_rcpts, cap_rcpts;
    uint64_t least_id, greatest_id;
    struct buf body; /* read back from the journal */
};

/* Where in the journal something is said of a recipient, or of a body, that may have come
 * before. */
struct later_entry {
    uint64_t place, of; /* a recipient's number, or a message's id for a release */
    bool is_release;
    bool is_used; /* by the transaction that is open */
};

struct later {
    struct later_entry *entries; /* in their order, from first to n */
    size_t first, n, cap;
};

enum { SPARES_MAX = 64, WRITERS_MAX = 512, STORE_CHUNK = 64 /* some two milliseconds */ };
#define STORE_KEPT_MARK \
    ".damaged-" /* in the names of copies that a start made of what was damaged */

struct store_sizes {
    size_t journal_file; /* octets of each of the two */
    /* messages that are taken over in one transaction; whole batches, so some more */
    size_t chunk;
    /* a repair: the directory for files that nobody names; what the journal lacks counts as lost */
    const char *quarantine;
};

struct store {
    const struct store_engine *engine;
    struct link readings, told; /* reading.c: asked and not answered; committed and not told */
    size_t n_readings, n_told;
    sqlite3 *db;
    sqlite3_stmt *q[Q_END];
    struct bound parameters[Q_END], columns[Q_END];
    char *directory, *spool;
    int spool_dir; /* for syncing names */
    bool open_batch, batch_failed, poisoned, spool_dirty;
    /* something was taken over in a transaction that was not synced, and none was since */
    bool unsynced;
    bool direct; /* the open batch goes to the tables itself: a transaction is open */
    struct journal *journal;
    struct mark mark;
    int mark_fd;            /* -1: there is none */
    uint64_t times;         /* transactions that took something over, as the tables say */
    bool counts;            /* the open transaction is one more */
    struct store_loss loss; /* when it was opened */
    struct store_sizes sizes;
    uint64_t old;            /* the newest batch that counts as old */
    int64_t settle_again_ms; /* not before: it failed */
    unsigned spooled;        /* messages with a spool file that wait in the journal, about */
    struct taking taking;
    struct later later;
    enum store_waiting waiting; /* the most that the open batch asks for */
    enum store_result batch_result;
    struct completion *completions;
    size_t n_completions, cap_completions;
    size_t n_urgent;           /* of them */
    struct buf unlink_pending; /* spool files to remove after the commit, NUL separated */
    uint64_t next_rcpt;
    unsigned spool_count;
    unsigned n_spares; /* emptied spool files kept for the next messages: .spare-0 up to this */
    /* of each of them; those that are there */
    uint32_t spare_writers[SPARES_MAX], writers[WRITERS_MAX];
    size_t n_writers;
    struct store_commits commits;
    unsigned in_batch; /* messages and outcomes of the open batch */
    struct {
        sqlite3 *db; /* its own connection, used under the lock */
        pthread_mutex_t lock;
        int code, done; /* of the last pass: its result, pages that are written back */
        int pages, due; /* how long the log is, how long it may be */
        unsigned passes;
        /* little is left: the next commit writes it back and the log begins anew */
        bool ends;
    } log;
};

static inline void bind_str(sqlite3_stmt *q, int at, struct str s)
{
    sqlite3_bind_text(q, at, s.p ? s.p : "", (int)s.n, SQLITE_STATIC);
}

static inline void bind_int(sqlite3_stmt *q, int at, uint64_t value)
{
    sqlite3_bind_int64(q, at, (sqlite3_int64)value);
}

static inline void bind_blob(sqlite3_stmt *q, int at, struct str s)
{
    sqlite3_bind_blob(q, at, s.p ? s.p : "", (int)s.n, SQLITE_STATIC);
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

/* sqlite.c: opens the store with other sizes than usual, for tests of what happens when
 * something is full. */
int store_open_with(const char *directory, struct store_sizes sizes, char *problem, size_t size,
                    struct store **ret) MUST_USE;
/* Commits the open batch, if there is one. */
enum store_result store_commit_batch(struct store *s);
/* reading.c: the completions gathered so far belong to a commit with this result. */
void store_tell_later(struct store *s, enum store_result result);
/* Tells what has come by now; how many. */
size_t store_tell(struct store *s);
/* How many rows a change found: told at the end of the turn. fn NULL: to nobody. */
void store_answer_number(struct store *s, uint64_t n, store_number_fn fn, void *arg);
/* Nobody hears of what was asked. */
void store_end_readings(struct store *s);
/* Runs a statement of the transaction that returns no row. */
void store_run(struct store *s, enum statement which);
/* Opens the batch, of entries at first; false: it failed already. */
bool store_open_batch(struct store *s);
/* Opens the batch for a change of the tables themselves, to be committed in this turn. */
bool store_in_batch(struct store *s);
/* Commits, or rolls back where something failed. */
enum store_result store_end_transaction(struct store *s);
/* Whether commits from now on are synced. */
void store_sync_commits(struct store *s, bool on);
void store_leave_if_poisoned(const struct store *s);
/* sqlite_rows.c: binds the fields of a record that the statement names; reads those that its row
 * has, the others are 0 or empty. A statement is always used with the same record. */
void store_bind(struct store *s, enum statement which, const struct record *r, const void *from);
void store_read_row(struct store *s, enum statement which, const struct record *r, void *to);
/* The same for a statement that is not one of these: it is looked up each time. */
void store_read_columns(sqlite3_stmt *q, const struct record *r, void *to);
/* The number in the column of that name, which is there. */
uint64_t store_column(sqlite3_stmt *q, const char *name);
/* Binds and runs it, in the batch that goes to the tables itself. */
void store_put(struct store *s, enum statement which, const struct record *r, const void *from);
/* A parameter that no record has. */
void store_bind_more(struct store *s, enum statement which, const char *mark, uint64_t value);
/* Reads one row that a record's statement has, if it has any; all of them. Parameters are bound. fn
 * copies what it needs: it must not walk the same way again, and changes wait until the walk is
 * over. */
#define STORE_GET_ONE(name) \
    static enum store_result get_##name(struct store *s, enum statement which, \
                                        store_##name##_fn fn, void *arg) \
    { \
        struct store_##name row; \
        int code = sqlite3_step(s->q[which]); \
        if (code == SQLITE_ROW) { \
            store_read_row(s, which, store_record_##name(), &row); \
            fn(arg, &row); \
            code = SQLITE_DONE; \
        } \
        sqlite3_reset(s->q[which]); \
        return store_walked(s, code); \
    }
#define STORE_WALK(name) \
    static enum store_result walk_##name(struct store *s, enum statement which, \
                                         store_##name##_fn fn, void *arg) \
    { \
        struct store_##name row; \
        int code; \
        while ((code = sqlite3_step(s->q[which])) == SQLITE_ROW) { \
            store_read_row(s, which, store_record_##name(), &row); \
            fn(arg, &row); \
        } \
        sqlite3_reset(s->q[which]); \
        return store_walked(s, code); \
    }
/* sqlite_rows.c: what an entry does, in the open transaction. */
void store_apply(struct store *s, const struct entry *e);
void store_add_rcpt(struct store *s, const struct store_rcpt *r);
/* released: nobody needs its body any more. */
void store_add_message(struct store *s, const struct store_message *m, bool released);
/* The spool file goes once the transaction is committed. */
void store_unlink_later(struct store *s, struct str spool);
/* sqlite_pages.c: the name of the VFS with which postern.db is opened; its pages are read and
 * written with checksums. */
enum { PAGE_CHECK = 8 };
const char *store_pages_vfs(void);
/* How many octets are left free in each page: PAGE_CHECK where they have checksums; and asks for
 * as many as that, for a new database or at the next VACUUM. */
int store_pages_reserved(sqlite3 *db);
bool store_pages_ask(sqlite3 *db);
/* How many frames of the log of commits are whole, and how many of them are in use as its users
 * know. */
uint64_t store_log_walk(const char *directory, uint64_t *ret_used);
/* sqlite_mark.c: reads the mark before the journal is opened. 0, -EBADMSG (of another store) or
 * -errno, with a sentence. */
int store_read_mark(struct store *s, uint64_t store, bool marked, struct journal_promise *ret,
                    char *problem, size_t size) MUST_USE;
/* The journal is open: the mark is made anew, and the tables say that there is one. */
void store_make_mark(struct store *s, bool marked);
/* What was promised is on the disk now; tables: their transactions, too. */
void store_set_mark(struct store *s, bool tables);
/* sqlite_damage.c: each message among entries of the journal. */
typedef void (*store_entry_fn)(void *arg, const struct store_damage *d, struct str spool,
                               struct str sealed_key);
void store_each_in_entries(struct str entries, store_entry_fn fn, void *arg);
/* Those of lost batches get a row. */
void store_damage_entries(struct store *s, struct str entries);
/* One more address. */
void store_damage_rcpt(struct buf *rcpts, struct str address);
/* sqlite_bodies.c: every body that somebody waits for. is_lost: it is to be delivered; false: it
 * waits in the portal. 0 or -EIO. */
struct store_checker;
typedef void (*store_bad_body_fn)(void *arg, const struct store_damage *d, const char *path,
                                  bool is_lost);
void store_check_waiting(sqlite3 *db, const char *directory, struct str entries, uint64_t settled,
                         const struct store_checker *checker, store_bad_body_fn bad, void *arg);
int store_check_bodies(sqlite3 *db, const char *directory, const struct store_checker *checker,
                       store_bad_body_fn bad, void *arg) MUST_USE;
/* sqlite_upkeep.c: messages that were found lost since then; how many. */
uint64_t store_list_damage(sqlite3 *db, int64_t since_ms, const struct store_checker *checker);
/* sqlite_salvage.c: writes what can be read of damaged tables into a new file; messages that
 * lost their other half get a row in damage with this time. *ret_holes: places where rows may be
 * missing. 0 or -EIO: not enough can be read. */
int store_salvage(const char *directory, int64_t at_ms, const char *as,
                  uint64_t *ret_holes) MUST_USE;
/* sqlite_upkeep.c: whether SQLite finds nothing wrong with tables that can be opened, each page
 * read. */
bool store_tables_are_whole(const char *directory);
/* sqlite_upkeep.c: all octets, zeros as holes, synced. 0 or -errno. */
int store_copy_octets(int from, int to) MUST_USE;
/* sqlite_spool.c: removes files that no message names, when the store is opened; and those kept
 * to be used again. */
int store_sweep_spool(struct store *s) MUST_USE;
void store_drop_spares(struct store *s);
/* sqlite_settle.c: an entry was given to the journal there; some are not there any more. */
void store_note_later(struct store *s, const struct entry *e, uint64_t place);
void store_forget_later(struct store *s);
/* The open batch goes to the tables from here on, with all that waits and was gathered. */
void store_go_direct(struct store *s);
/* Copies the files of the journal beside them, before they are written over (sqlite_upkeep.c). 0
 * or -errno. */
int store_keep_journal(const char *directory) MUST_USE;
/* The same with the log of the tables. */
int store_keep_log(const char *directory) MUST_USE;
/* The tables are as if there were no journal; before anything of messages and recipients is read
 * from them. */
enum store_result store_settled(struct store *s) MUST_USE;
/* The gathered batch can be written to the journal; false: the tables could not be written. */
bool store_make_room(struct store *s) MUST_USE;
/* sqlite_log.c: its connection, after the tables were made; 0 or -EIO. */
int store_log_open(struct store *s, const char *path) MUST_USE;
void store_log_close(struct store *s);
/* Outside of a transaction: lets the log begin anew when little is left to write back. */
void store_log_end(struct store *s);
/* sqlite_read.c: the result of a finished walk. */
enum store_result store_walked(struct store *s, int code);

/* What a failed statement means to the caller. */
static inline enum store_result result_of(int code)
{
    int primary = code & 0xff;
    if (primary == SQLITE_FULL) {
        return STORE_FULL;
    }
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || code == SQLITE_IOERR_DATA) {
        return STORE_CORRUPT;
    }
    return STORE_RETRY;
}
