/* SPDX-License-Identifier: Apache-2.0
 * schema.sql.h: the tables of a new embedded store. What makes an older store into one of these is
 * in upgrade.sql.h.
 */
#pragma once
#include "store/sql.h"

/* clang-format off */
static const char store_schema[] =
    /* mail */
    "CREATE TABLE message (" SQL_COLUMNS(message_row) "PRIMARY KEY (id));"
    SQL_TABLE(body, "id")
    "CREATE TABLE recipient (" SQL_COLUMNS(rcpt) "PRIMARY KEY (rcpt));"
    "CREATE INDEX recipient_message ON recipient (id);"
    "CREATE INDEX recipient_due ON recipient (next_hop, next_ms) WHERE state = 0;"
    "CREATE INDEX recipient_open ON recipient (state) WHERE state <> 2;"
    "CREATE INDEX recipient_bounce ON recipient (id) WHERE bounced = 0 AND state IN (2, 3, 4);"
    "CREATE INDEX recipient_notice ON recipient (id) WHERE state = 0 AND notice IN (1, 3);"
    "CREATE INDEX recipient_held_notice ON recipient (id) WHERE state = 1 AND notice = 1;"
    "CREATE INDEX recipient_age ON recipient (id) WHERE state = 0;"
    "CREATE INDEX recipient_outcome ON recipient (id) WHERE notice = 5;"
    SQL_NUMBERED_TABLE(attempt, "attempt")
    "CREATE INDEX attempt_message ON attempt (id);"
    SQL_TABLE(inspection, "id")
    SQL_TABLE(damage, "id")
    /* beside the journal (store/journal.h) */
    "CREATE TABLE settled (" SQL_COLUMNS(settled) "PRIMARY KEY (one), CHECK (one = 1));"
    "INSERT INTO settled (one, store) VALUES (1, random());"
    /* what is known about recipient domains (store/domain.h) */
    SQL_KEYED_TABLE(domain, "name")
    SQL_NUMBERED_TABLE(probe, "probe")
    "CREATE INDEX probe_domain ON probe (domain, at_ms);"
    "CREATE INDEX probe_age ON probe (at_ms);"
    SQL_TABLE(alarm, "alarm")
    "CREATE INDEX alarm_open ON alarm (domain, kind) WHERE cleared_ms = 0;"
    SQL_TABLE(exception, "exception")
    SQL_KEYED_TABLE(sts, "domain")
    SQL_KEYED_TABLE(quirk, "host, address, extension")
    /* TLS reports (store/tlsrpt.h) */
    SQL_KEYED_TABLE(rpt_count, "day, domain, type, policy")
    SQL_KEYED_TABLE(rpt_failure,
                    "day, domain, type, policy, result, sender, host, receiver, reason")
    SQL_KEYED_TABLE(rpt_sent, "day, domain")
    SQL_TABLE(rpt_received, "received")
    /* people who log in, administrators, clients (store/account.h, store/act.h) */
    SQL_KEYED_TABLE(account, "name")
    SQL_NUMBERED_TABLE(refusal, "refusal")
    "CREATE INDEX refusal_age ON refusal (at_ms);"
    SQL_KEYED_TABLE(directory_group, "name")
    "CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    SQL_TABLE(act, "act")
    "CREATE INDEX act_about ON act (about);"
    "CREATE INDEX act_age ON act (at_ms);"
    SQL_KEYED_TABLE(place, "kind, who, place")
    /* the portal (store/envelope.h) */
    SQL_TABLE(envelope, "envelope")
    "CREATE INDEX envelope_message ON envelope (id);"
    "CREATE INDEX envelope_rcpt ON envelope (rcpt);"
    "CREATE INDEX envelope_address ON envelope (address);"
    "CREATE INDEX envelope_sender ON envelope (sender);"
    "CREATE INDEX envelope_thread ON envelope (thread);"
    "CREATE INDEX envelope_notice ON envelope (notice_id) WHERE notice_id <> 0;"
    "CREATE INDEX envelope_notice_due ON envelope (notice_due_ms) WHERE notice_due_ms <> 0;"
    "CREATE INDEX envelope_expires ON envelope (expires_ms) WHERE state IN (0, 1);"
    "CREATE INDEX envelope_octets ON envelope (octets) WHERE state IN (0, 1);"
    SQL_KEYED_TABLE(envelope_token, "hash")
    SQL_NUMBERED_TABLE(envelope_event, "event")
    "CREATE INDEX envelope_event_of ON envelope_event (envelope);"
    SQL_TABLE(view, "id")
    SQL_TABLE(draft, "envelope")
    SQL_KEYED_TABLE(pass, "hash")
    "CREATE INDEX pass_address ON pass (address);"
    "CREATE INDEX pass_until ON pass (until_ms);"
    SQL_KEYED_TABLE(person, "address")
    SQL_KEYED_TABLE(passkey, "id")
    "CREATE INDEX passkey_address ON passkey (address);"
    SQL_KEYED_TABLE(thread, "thread");
/* clang-format on */
