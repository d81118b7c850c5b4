/* SPDX-License-Identifier: Apache-2.0
 * upgrade.sql.h: what makes the tables of an older store into those of schema.sql.h, and the number
 * of the store's format. These texts are history: they say what each version brought, and never
 * change.
 */
#pragma once
#include "base/err.h"

/* The steps from each version to the next, by the version they start from: a store goes through all
 * that it needs, each in a transaction of its own. A new version adds one step. */
static const char *const store_upgrade[] = {
    [2] = "ALTER TABLE message ADD COLUMN is_binary INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE message ADD COLUMN ret INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE message ADD COLUMN envid TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE message ADD COLUMN login TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE message ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE recipient ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE recipient ADD COLUMN orcpt TEXT NOT NULL DEFAULT '';"
          "DROP INDEX recipient_bounce; DROP INDEX recipient_notice;"
          "CREATE INDEX recipient_bounce ON recipient (id) WHERE bounced = 0 AND state IN (2, 3, "
          "4);"
          "CREATE INDEX recipient_notice ON recipient (id) WHERE state = 0 AND notice IN (1, 3);"
          "CREATE TABLE account (name TEXT PRIMARY KEY, hash TEXT NOT NULL, scram TEXT NOT NULL, "
          "addresses TEXT NOT NULL, enabled INTEGER NOT NULL, changed_ms INTEGER NOT NULL) WITHOUT "
          "ROWID;"
          "CREATE TABLE refusal (refusal INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, rule TEXT "
          "NOT NULL, enforced INTEGER NOT NULL, client TEXT NOT NULL, helo TEXT NOT NULL, "
          "reverse_path TEXT NOT NULL, wanted TEXT NOT NULL, had TEXT NOT NULL, reason TEXT NOT "
          "NULL);"
          "CREATE INDEX refusal_age ON refusal (at_ms);",
    [3] = "ALTER TABLE message ADD COLUMN certificate TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE recipient ADD COLUMN protection TEXT NOT NULL DEFAULT '';"
          "CREATE TABLE inspection (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, facts TEXT NOT "
          "NULL);"
          "CREATE TABLE directory_group (name TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, addresses "
          "TEXT NOT NULL) WITHOUT ROWID;"
          "CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
          "CREATE INDEX recipient_held_notice ON recipient (id) WHERE state = 1 AND notice = 1;",
    [4] = "CREATE TABLE envelope (envelope INTEGER PRIMARY KEY, id INTEGER NOT NULL, rcpt INTEGER "
          "NOT NULL, address TEXT NOT NULL, sender TEXT NOT NULL, sender_name TEXT NOT NULL, "
          "made_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, level INTEGER NOT NULL, state "
          "INTEGER NOT NULL, sealed INTEGER NOT NULL, legal_hold INTEGER NOT NULL, sealed_key BLOB "
          "NOT NULL, attachments INTEGER NOT NULL, octets INTEGER NOT NULL, notice_due_ms INTEGER "
          "NOT NULL, notice_kind INTEGER NOT NULL, notice_id INTEGER NOT NULL, opened_ms INTEGER "
          "NOT NULL, replied_ms INTEGER NOT NULL, reminders INTEGER NOT NULL, thread TEXT NOT "
          "NULL, subject TEXT NOT NULL);"
          "CREATE INDEX envelope_message ON envelope (id);"
          "CREATE INDEX envelope_rcpt ON envelope (rcpt);"
          "CREATE INDEX envelope_address ON envelope (address);"
          "CREATE INDEX envelope_sender ON envelope (sender);"
          "CREATE TABLE envelope_token (hash BLOB PRIMARY KEY, envelope INTEGER NOT NULL) WITHOUT "
          "ROWID;"
          "CREATE INDEX envelope_thread ON envelope (thread);"
          "CREATE INDEX envelope_notice ON envelope (notice_id) WHERE notice_id <> 0;"
          "CREATE INDEX envelope_notice_due ON envelope (notice_due_ms) WHERE notice_due_ms <> 0;"
          "CREATE INDEX envelope_expires ON envelope (expires_ms) WHERE state IN (0, 1);"
          "CREATE INDEX envelope_octets ON envelope (octets) WHERE state IN (0, 1);"
          "CREATE TABLE view (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);"
          "CREATE TABLE envelope_event (event INTEGER PRIMARY KEY, envelope INTEGER NOT NULL, "
          "at_ms INTEGER NOT NULL, kind INTEGER NOT NULL, who TEXT NOT NULL, detail TEXT NOT NULL);"
          "CREATE INDEX envelope_event_of ON envelope_event (envelope);"
          "CREATE TABLE pass (hash BLOB PRIMARY KEY, kind INTEGER NOT NULL, address TEXT NOT NULL, "
          "envelope INTEGER NOT NULL, level INTEGER NOT NULL, made_ms INTEGER NOT NULL, until_ms "
          "INTEGER NOT NULL) WITHOUT ROWID;"
          "CREATE INDEX pass_address ON pass (address);"
          "CREATE INDEX pass_until ON pass (until_ms);"
          "CREATE TABLE person (address TEXT PRIMARY KEY, phrase TEXT NOT NULL, agreed TEXT NOT "
          "NULL, language TEXT NOT NULL) WITHOUT ROWID;"
          "CREATE TABLE thread (thread TEXT PRIMARY KEY, inside TEXT NOT NULL, outside TEXT NOT "
          "NULL, made_ms INTEGER NOT NULL, lowered INTEGER NOT NULL) WITHOUT ROWID;"
          "CREATE TABLE draft (envelope INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, sealed_key "
          "BLOB NOT NULL, sealed BLOB NOT NULL);",
    [5] = "CREATE TABLE passkey (id BLOB PRIMARY KEY, address TEXT NOT NULL, algorithm INTEGER NOT "
          "NULL, key BLOB NOT NULL, uses INTEGER NOT NULL, made_ms INTEGER NOT NULL, used_ms "
          "INTEGER NOT NULL) WITHOUT ROWID;"
          "CREATE INDEX passkey_address ON passkey (address);",
    [6] = "CREATE TABLE settled (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, "
          "times INTEGER NOT NULL, store INTEGER NOT NULL);"
          "INSERT INTO settled (one, number, times, store) VALUES (1, 0, 0, random());",
    /* names and addresses get their one form (wire/domain.h); the memory of domains is merged where
     * it is read */
    [7] = "UPDATE probe SET domain=canonical_domain(domain) WHERE domain<>canonical_domain(domain);"
          "UPDATE alarm SET domain=canonical_domain(domain) WHERE domain<>canonical_domain(domain);"
          "UPDATE exception SET domain=canonical_domain(domain) WHERE "
          "domain<>canonical_domain(domain);"
          "UPDATE OR IGNORE sts SET domain=canonical_domain(domain) WHERE "
          "domain<>canonical_domain(domain);"
          "UPDATE envelope SET address=canonical_address(address), "
          "sender=canonical_address(sender);"
          "UPDATE pass SET address=canonical_address(address);"
          "UPDATE OR IGNORE person SET address=canonical_address(address);"
          "UPDATE passkey SET address=canonical_address(address);",
    [8] = "CREATE INDEX recipient_age ON recipient (id) WHERE state = 0;",
    [9] = "ALTER TABLE exception ADD COLUMN added_by TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE exception ADD COLUMN ended_by TEXT NOT NULL DEFAULT '';"
          "CREATE TABLE act (act INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, verb TEXT NOT NULL, "
          "about TEXT NOT NULL, detail TEXT NOT NULL, by TEXT NOT NULL, uid INTEGER NOT NULL);"
          "CREATE INDEX act_about ON act (about);"
          "CREATE INDEX act_age ON act (at_ms);",
    [10] = "CREATE TABLE quirk (host TEXT NOT NULL, address TEXT NOT NULL, extension INTEGER NOT "
           "NULL, since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, domain TEXT NOT NULL, why "
           "TEXT NOT NULL, PRIMARY KEY (host, address, extension)) WITHOUT ROWID;",
    [11] = "ALTER TABLE message ADD COLUMN tls_group TEXT NOT NULL DEFAULT '';",
    [12] = "ALTER TABLE message ADD COLUMN repaired INTEGER NOT NULL DEFAULT 0;",
    /* none counts: all are asked again */
    [13] = "ALTER TABLE domain ADD COLUMN look_asked INTEGER NOT NULL DEFAULT 0;",
    [14] = "ALTER TABLE domain ADD COLUMN helo_ms INTEGER NOT NULL DEFAULT 0;",
    [15] = "CREATE INDEX recipient_outcome ON recipient (id) WHERE notice = 5;",
    [16] = "ALTER TABLE settled ADD COLUMN marked INTEGER NOT NULL DEFAULT 0;",
    [17] = "CREATE TABLE damage (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, arrived_ms "
           "INTEGER NOT NULL, reverse_path TEXT NOT NULL, rcpts TEXT NOT NULL, what TEXT NOT NULL, "
           "told "
           "INTEGER NOT NULL);",
    [18] = "ALTER TABLE settled ADD COLUMN restored_ms INTEGER NOT NULL DEFAULT 0;",
    [19] = "CREATE TABLE place (kind INTEGER NOT NULL, who TEXT NOT NULL, place TEXT NOT NULL, "
           "used_ms INTEGER NOT NULL, PRIMARY KEY (kind, who, place)) WITHOUT ROWID;"
           "ALTER TABLE envelope ADD COLUMN least INTEGER NOT NULL DEFAULT 0;"
           "UPDATE envelope SET least=level;",
    /* the journal counts the fields of an entry; columns are called as fields are */
    [20] = "ALTER TABLE recipient RENAME COLUMN offered TO tls_offered;",
};

/* The number of the format (PRAGMA user_version): of the tables, the journal and all that lies
 * beside them. CHANGES.md names it (tools/style compares). */
#define STORE_SCHEMA_VERSION ((int)ARRAY_LEN(store_upgrade))
