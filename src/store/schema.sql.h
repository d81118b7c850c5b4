/* SPDX-License-Identifier: Apache-2.0
 * schema.sql.h: the tables of the embedded store, and the number of its format (PRAGMA user_version): of
 * the tables, the journal and all that lies beside them. CHANGES.md names it (tools/style compares).
 */
#pragma once
#include "records/records.def"
#include "records/record.h"

/* A column for each field of a record; its key is made by hand. */
#define SQL_MAKE(kind, name, most) SQL_MAKE_##kind(#name)
#define SQL_MAKE_NUMBER(name) ", " name " INTEGER NOT NULL DEFAULT 0"
#define SQL_MAKE_key(name)
#define SQL_MAKE_u8(name) SQL_MAKE_NUMBER(name)
#define SQL_MAKE_u16(name) SQL_MAKE_NUMBER(name)
#define SQL_MAKE_u32(name) SQL_MAKE_NUMBER(name)
#define SQL_MAKE_u64(name) SQL_MAKE_NUMBER(name)
#define SQL_MAKE_i64(name) SQL_MAKE_NUMBER(name)
#define SQL_MAKE_flag(name) SQL_MAKE_NUMBER(name)
#define SQL_MAKE_rcpt_state(name) SQL_MAKE_NUMBER(name)
#define SQL_MAKE_rcpt_notice(name) SQL_MAKE_NUMBER(name)
#define SQL_MAKE_str(name) ", " name " TEXT NOT NULL DEFAULT ''"
#define SQL_MAKE_blob(name) ", " name " BLOB NOT NULL DEFAULT x''"

#define STORE_SCHEMA_VERSION 21

/* What version 3 brought. */
#define STORE_INDEXES_3                                                                            \
    "CREATE INDEX recipient_bounce ON recipient (id) WHERE bounced = 0 AND state IN (2, 3, 4);"    \
    "CREATE INDEX recipient_notice ON recipient (id) WHERE state = 0 AND notice IN (1, 3);"
/* Accounts of people who log in, and clients that a rule turned away (store/account.h). */
#define STORE_TABLES_3                                                                             \
    "CREATE TABLE account ("                                                                       \
    " name TEXT PRIMARY KEY, hash TEXT NOT NULL, scram TEXT NOT NULL, addresses TEXT NOT NULL,"    \
    " enabled INTEGER NOT NULL, changed_ms INTEGER NOT NULL) WITHOUT ROWID;"                       \
    "CREATE TABLE refusal ("                                                                       \
    " refusal INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, rule TEXT NOT NULL,"                    \
    " enforced INTEGER NOT NULL, client TEXT NOT NULL, helo TEXT NOT NULL,"                        \
    " reverse_path TEXT NOT NULL, wanted TEXT NOT NULL, had TEXT NOT NULL, reason TEXT NOT NULL);" \
    "CREATE INDEX refusal_age ON refusal (at_ms);"

/* What version 4 brought: what was found in a message, and what it needs (policy/inspection.h, policy/protect.h). */
#define STORE_TABLES_4                                                                             \
    "CREATE TABLE inspection (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, facts TEXT NOT NULL);"    \
    "CREATE TABLE directory_group (name TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, addresses TEXT NOT NULL) WITHOUT ROWID;" \
    "CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"                \
    "CREATE INDEX recipient_held_notice ON recipient (id) WHERE state = 1 AND notice = 1;"

/* What version 5 brought: the portal (store/envelope.h). */
#define STORE_TABLES_5                                                                             \
    "CREATE TABLE envelope ("                                                                      \
    " envelope INTEGER PRIMARY KEY, id INTEGER NOT NULL, rcpt INTEGER NOT NULL, address TEXT NOT NULL,"   \
    " sender TEXT NOT NULL, sender_name TEXT NOT NULL, made_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL," \
    " level INTEGER NOT NULL, state INTEGER NOT NULL, sealed INTEGER NOT NULL, legal_hold INTEGER NOT NULL,"  \
    " sealed_key BLOB NOT NULL, attachments INTEGER NOT NULL,"   \
    " octets INTEGER NOT NULL, notice_due_ms INTEGER NOT NULL, notice_kind INTEGER NOT NULL,"          \
    " notice_id INTEGER NOT NULL, opened_ms INTEGER NOT NULL, replied_ms INTEGER NOT NULL,"           \
    " reminders INTEGER NOT NULL, thread TEXT NOT NULL, subject TEXT NOT NULL);"                                           \
    "CREATE INDEX envelope_message ON envelope (id);"                                              \
    "CREATE INDEX envelope_rcpt ON envelope (rcpt);"                                               \
    "CREATE INDEX envelope_address ON envelope (address);"                                         \
    "CREATE INDEX envelope_sender ON envelope (sender);"                                           \
    "CREATE TABLE envelope_token (hash BLOB PRIMARY KEY, envelope INTEGER NOT NULL) WITHOUT ROWID;" \
    "CREATE INDEX envelope_thread ON envelope (thread);"                                           \
    "CREATE INDEX envelope_notice ON envelope (notice_id) WHERE notice_id <> 0;"                   \
    "CREATE INDEX envelope_notice_due ON envelope (notice_due_ms) WHERE notice_due_ms <> 0;"       \
    "CREATE INDEX envelope_expires ON envelope (expires_ms) WHERE state IN (0, 1);"                \
    "CREATE INDEX envelope_octets ON envelope (octets) WHERE state IN (0, 1);"                     \
    "CREATE TABLE view (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);"                            \
    "CREATE TABLE envelope_event ("                                                                \
    " event INTEGER PRIMARY KEY, envelope INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind INTEGER NOT NULL," \
    " who TEXT NOT NULL, detail TEXT NOT NULL);"                                                   \
    "CREATE INDEX envelope_event_of ON envelope_event (envelope);"                                 \
    "CREATE TABLE pass ("                                                                          \
    " hash BLOB PRIMARY KEY, kind INTEGER NOT NULL, address TEXT NOT NULL, envelope INTEGER NOT NULL,"  \
    " level INTEGER NOT NULL, made_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;"  \
    "CREATE INDEX pass_address ON pass (address);"                                                 \
    "CREATE INDEX pass_until ON pass (until_ms);"                                                  \
    "CREATE TABLE person ("                                                                        \
    " address TEXT PRIMARY KEY, phrase TEXT NOT NULL, agreed TEXT NOT NULL, language TEXT NOT NULL) WITHOUT ROWID;" \
    "CREATE TABLE thread ("                                                                        \
    " thread TEXT PRIMARY KEY, inside TEXT NOT NULL, outside TEXT NOT NULL, made_ms INTEGER NOT NULL,"  \
    " lowered INTEGER NOT NULL) WITHOUT ROWID;"                                                    \
    "CREATE TABLE draft ("                                                                         \
    " envelope INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, sealed_key BLOB NOT NULL, sealed BLOB NOT NULL);"

/* What version 6 brought: passkeys of people outside. */
#define STORE_TABLES_6                                                                             \
    "CREATE TABLE passkey ("                                                                       \
    " id BLOB PRIMARY KEY, address TEXT NOT NULL, algorithm INTEGER NOT NULL, key BLOB NOT NULL,"  \
    " uses INTEGER NOT NULL, made_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL) WITHOUT ROWID;"   \
    "CREATE INDEX passkey_address ON passkey (address);"

/* What version 7 brought: the newest batch of the journal that the tables hold (store/journal.h), and how often it was
 * written, so that there is something to write and to sync even where the number stays; and what tells this store's journal
 * from another one's. */
#define STORE_TABLES_7                                                                             \
    "CREATE TABLE settled (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, times INTEGER NOT NULL, store INTEGER NOT NULL);" \
    "INSERT INTO settled VALUES (1, 0, 0, random());"

/* What version 9 brought: waiting recipients by the age of their message (its id begins with when it came). */
#define STORE_INDEXES_9 "CREATE INDEX recipient_age ON recipient (id) WHERE state = 0;"

/* What version 10 brought: what administrators did, and who it was (store/act.h). */
#define STORE_TABLES_10                                                                             \
    "CREATE TABLE act ("                                                                           \
    " act INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, verb TEXT NOT NULL, about TEXT NOT NULL,"   \
    " detail TEXT NOT NULL, by TEXT NOT NULL, uid INTEGER NOT NULL);"                              \
    "CREATE INDEX act_about ON act (about);"                                                       \
    "CREATE INDEX act_age ON act (at_ms);"

/* What version 11 brought: what hosts announce and do not keep (wire/extension.h). */
#define STORE_TABLES_11                                                                             \
    "CREATE TABLE quirk ("                                                                         \
    " host TEXT NOT NULL, address TEXT NOT NULL, extension INTEGER NOT NULL, since_ms INTEGER NOT NULL," \
    " until_ms INTEGER NOT NULL, domain TEXT NOT NULL, why TEXT NOT NULL,"                         \
    " PRIMARY KEY (host, address, extension)) WITHOUT ROWID;"

/* What version 16 brought: senders who hear what was done with their mail. */
#define STORE_INDEXES_16 "CREATE INDEX recipient_outcome ON recipient (id) WHERE notice = 5;"

/* What version 17 brought: whether there is a mark beside the journal (store/mark.h). */
#define STORE_COLUMNS_17 "ALTER TABLE settled ADD COLUMN marked INTEGER NOT NULL DEFAULT 0;"

/* What version 18 brought: messages that the disk lost (store/damage.h). */
#define STORE_TABLES_18                                                                             \
    "CREATE TABLE damage ("                                                                        \
    " id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, arrived_ms INTEGER NOT NULL,"                \
    " reverse_path TEXT NOT NULL, rcpts TEXT NOT NULL, what TEXT NOT NULL, told INTEGER NOT NULL);"

/* What version 19 brought: since when the mail of a copy that was put back is held. */
#define STORE_COLUMNS_19 "ALTER TABLE settled ADD COLUMN restored_ms INTEGER NOT NULL DEFAULT 0;"

/* What version 20 brought: where people logged in before (policy/guesses.h), and the least that must be proved for a mail in
 * the portal; what is there keeps what it has. */
#define STORE_CHANGES_20                                                                            \
    "CREATE TABLE place ("                                                                         \
    " kind INTEGER NOT NULL, who TEXT NOT NULL, place TEXT NOT NULL, used_ms INTEGER NOT NULL,"    \
    " PRIMARY KEY (kind, who, place)) WITHOUT ROWID;"                                              \
    "ALTER TABLE envelope ADD COLUMN least INTEGER NOT NULL DEFAULT 0;"                            \
    "UPDATE envelope SET least=level;"

static const char store_schema[] =
    "CREATE TABLE message (id INTEGER PRIMARY KEY" RECORD_message(SQL_MAKE)
    ", has_body INTEGER NOT NULL, deaths INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE body (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);"
    "CREATE TABLE recipient (rcpt INTEGER PRIMARY KEY" RECORD_rcpt(SQL_MAKE) ");"
    "CREATE INDEX recipient_message ON recipient (id);"
    "CREATE INDEX recipient_due ON recipient (next_hop, next_ms) WHERE state = 0;"
    "CREATE INDEX recipient_open ON recipient (state) WHERE state <> 2;"
    STORE_INDEXES_3
    "CREATE TABLE attempt (attempt INTEGER PRIMARY KEY" RECORD_attempt(SQL_MAKE) ");"
    "CREATE INDEX attempt_message ON attempt (id);"
    /* what is known about recipient domains (store/domain.h) */
    "CREATE TABLE domain ("
    " name TEXT PRIMARY KEY, offered_ms INTEGER NOT NULL, lowered_ms INTEGER NOT NULL,"
    " looked_ms INTEGER NOT NULL, mailed_ms INTEGER NOT NULL, probed_ms INTEGER NOT NULL,"
    " next_probe_ms INTEGER NOT NULL, negative_ms INTEGER NOT NULL, not_after_ms INTEGER NOT NULL,"
    " negative_days INTEGER NOT NULL, alarms INTEGER NOT NULL, look_complete INTEGER NOT NULL,"
    " secure_mail INTEGER NOT NULL, await_confirm INTEGER NOT NULL, listed INTEGER NOT NULL,"
    " grade INTEGER NOT NULL, tlsa INTEGER NOT NULL, sts INTEGER NOT NULL,"
    " look_asked INTEGER NOT NULL DEFAULT 0, helo_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE probe ("
    " probe INTEGER PRIMARY KEY, domain TEXT NOT NULL, at_ms INTEGER NOT NULL, outcome INTEGER NOT NULL,"
    " complete INTEGER NOT NULL, offered INTEGER NOT NULL, all_offered INTEGER NOT NULL,"
    " would_send INTEGER NOT NULL, grade INTEGER NOT NULL, reason INTEGER NOT NULL,"
    " tlsa_published INTEGER NOT NULL, tlsa_bad INTEGER NOT NULL, sts INTEGER NOT NULL,"
    " sts_problem TEXT NOT NULL, not_after_ms INTEGER NOT NULL, hosts TEXT NOT NULL);"
    "CREATE INDEX probe_domain ON probe (domain, at_ms);"
    "CREATE INDEX probe_age ON probe (at_ms);"
    "CREATE TABLE alarm ("
    " alarm INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind INTEGER NOT NULL, domain TEXT NOT NULL,"
    " detail TEXT NOT NULL, cleared_ms INTEGER NOT NULL, mailed_ms INTEGER NOT NULL);"
    "CREATE INDEX alarm_open ON alarm (domain, kind) WHERE cleared_ms = 0;"
    "CREATE TABLE exception ("
    " exception INTEGER PRIMARY KEY, domain TEXT NOT NULL, kind INTEGER NOT NULL, owner TEXT NOT NULL,"
    " reason TEXT NOT NULL, from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
    " ended_ms INTEGER NOT NULL, uid INTEGER NOT NULL,"
    " added_by TEXT NOT NULL DEFAULT '', ended_by TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE sts ("
    " domain TEXT PRIMARY KEY, id TEXT NOT NULL, fetched_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, policy TEXT NOT NULL) WITHOUT ROWID;"
    /* TLS reports (store/tlsrpt.h) */
    "CREATE TABLE rpt_count ("
    " day INTEGER NOT NULL, domain TEXT NOT NULL, type INTEGER NOT NULL, policy TEXT NOT NULL,"
    " mx TEXT NOT NULL, ok INTEGER NOT NULL, failed INTEGER NOT NULL,"
    " PRIMARY KEY (day, domain, type, policy)) WITHOUT ROWID;"
    "CREATE TABLE rpt_failure ("
    " day INTEGER NOT NULL, domain TEXT NOT NULL, type INTEGER NOT NULL, policy TEXT NOT NULL,"
    " result TEXT NOT NULL, sender TEXT NOT NULL, host TEXT NOT NULL, receiver TEXT NOT NULL,"
    " reason TEXT NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY (day, domain, type, policy, result, sender, host, receiver, reason)) WITHOUT ROWID;"
    "CREATE TABLE rpt_sent ("
    " day INTEGER NOT NULL, domain TEXT NOT NULL, state INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
    " detail TEXT NOT NULL, PRIMARY KEY (day, domain)) WITHOUT ROWID;"
    "CREATE TABLE rpt_received ("
    " received INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, organization TEXT NOT NULL,"
    " report_id TEXT NOT NULL, domain TEXT NOT NULL, begin_ms INTEGER NOT NULL,"
    " end_ms INTEGER NOT NULL, type TEXT NOT NULL, ok INTEGER NOT NULL, failed INTEGER NOT NULL,"
    " details TEXT NOT NULL);"
    STORE_TABLES_3 STORE_TABLES_4 STORE_TABLES_5 STORE_TABLES_6 STORE_TABLES_7 STORE_INDEXES_9 STORE_TABLES_10 STORE_TABLES_11 STORE_INDEXES_16
    STORE_COLUMNS_17 STORE_TABLES_18 STORE_COLUMNS_19 STORE_CHANGES_20;

/* The steps from each version to the next, by the version they start from: a store goes through all that it
 * needs, each in a transaction of its own. A new version adds one step and never changes an older one. */
static const char *const store_upgrade[STORE_SCHEMA_VERSION] = {
    [2] = "ALTER TABLE message ADD COLUMN is_binary INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE message ADD COLUMN ret INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE message ADD COLUMN envid TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE message ADD COLUMN login TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE message ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE recipient ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE recipient ADD COLUMN orcpt TEXT NOT NULL DEFAULT '';"
          "DROP INDEX recipient_bounce; DROP INDEX recipient_notice;"
          STORE_INDEXES_3 STORE_TABLES_3,
    [3] = "ALTER TABLE message ADD COLUMN certificate TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE recipient ADD COLUMN protection TEXT NOT NULL DEFAULT '';"
          STORE_TABLES_4,
    [4] = STORE_TABLES_5,
    [5] = STORE_TABLES_6,
    [6] = STORE_TABLES_7,
    /* names and addresses get their one form (wire/domain.h); the memory of domains is merged where it is read */
    [7] = "UPDATE probe SET domain=canonical_domain(domain) WHERE domain<>canonical_domain(domain);"
          "UPDATE alarm SET domain=canonical_domain(domain) WHERE domain<>canonical_domain(domain);"
          "UPDATE exception SET domain=canonical_domain(domain) WHERE domain<>canonical_domain(domain);"
          "UPDATE OR IGNORE sts SET domain=canonical_domain(domain) WHERE domain<>canonical_domain(domain);"
          "UPDATE envelope SET address=canonical_address(address), sender=canonical_address(sender);"
          "UPDATE pass SET address=canonical_address(address);"
          "UPDATE OR IGNORE person SET address=canonical_address(address);"
          "UPDATE passkey SET address=canonical_address(address);",
    [8] = STORE_INDEXES_9,
    [9] = "ALTER TABLE exception ADD COLUMN added_by TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE exception ADD COLUMN ended_by TEXT NOT NULL DEFAULT '';"
          STORE_TABLES_10,
    [10] = STORE_TABLES_11,
    [11] = "ALTER TABLE message ADD COLUMN tls_group TEXT NOT NULL DEFAULT '';",
    [12] = "ALTER TABLE message ADD COLUMN repaired INTEGER NOT NULL DEFAULT 0;",
    [13] = "ALTER TABLE domain ADD COLUMN look_asked INTEGER NOT NULL DEFAULT 0;", /* none counts: all are asked again */
    [14] = "ALTER TABLE domain ADD COLUMN helo_ms INTEGER NOT NULL DEFAULT 0;",
    [15] = STORE_INDEXES_16,
    [16] = STORE_COLUMNS_17,
    [17] = STORE_TABLES_18,
    [18] = STORE_COLUMNS_19,
    [19] = STORE_CHANGES_20,
    /* the journal counts the fields of an entry; columns are called as fields are */
    [20] = "ALTER TABLE recipient RENAME COLUMN offered TO tls_offered;",
};
