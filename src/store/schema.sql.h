/* SPDX-License-Identifier: Apache-2.0
 * schema.sql.h: the tables of the embedded store, version 1 (PRAGMA user_version).
 */
#pragma once

#define STORE_SCHEMA_VERSION 1
static const char store_schema[] =
    "CREATE TABLE message ("
    " id INTEGER PRIMARY KEY, bounce_of INTEGER NOT NULL, reverse_path TEXT NOT NULL,"
    " arrived_ms INTEGER NOT NULL, size INTEGER NOT NULL, is_8bit INTEGER NOT NULL,"
    " is_utf8 INTEGER NOT NULL, client TEXT NOT NULL, helo TEXT NOT NULL, protocol TEXT NOT NULL,"
    " tls_version TEXT NOT NULL, tls_cipher TEXT NOT NULL, tls_bits INTEGER NOT NULL,"
    " sealed_key BLOB NOT NULL, spool TEXT NOT NULL, has_body INTEGER NOT NULL);"
    "CREATE TABLE body (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);"
    "CREATE TABLE recipient ("
    " rcpt INTEGER PRIMARY KEY, id INTEGER NOT NULL, forward_path TEXT NOT NULL,"
    " next_hop TEXT NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, reason INTEGER NOT NULL,"
    " code TEXT NOT NULL, reply TEXT NOT NULL, host TEXT NOT NULL, bounced INTEGER NOT NULL,"
    " offered INTEGER NOT NULL);"
    "CREATE INDEX recipient_message ON recipient (id);"
    "CREATE INDEX recipient_due ON recipient (next_hop, next_ms) WHERE state = 0;"
    "CREATE INDEX recipient_open ON recipient (state) WHERE state <> 2;"
    "CREATE INDEX recipient_bounce ON recipient (id) WHERE bounced = 0 AND state IN (3, 4);"
    "CREATE TABLE attempt ("
    " attempt INTEGER PRIMARY KEY, id INTEGER NOT NULL, rcpts TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " took_ms INTEGER NOT NULL, host TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL,"
    " mx INTEGER NOT NULL, sess INTEGER NOT NULL, action INTEGER NOT NULL, grade INTEGER NOT NULL,"
    " floor INTEGER NOT NULL, reason INTEGER NOT NULL, raised INTEGER NOT NULL,"
    " reused INTEGER NOT NULL, tls_version TEXT NOT NULL, tls_cipher TEXT NOT NULL,"
    " tls_bits INTEGER NOT NULL, tls_group TEXT NOT NULL, tls_signature TEXT NOT NULL,"
    " peer_key TEXT NOT NULL, cert_check TEXT NOT NULL, cert_subject TEXT NOT NULL,"
    " cert_issuer TEXT NOT NULL, cert_fingerprint TEXT NOT NULL, cert_not_after INTEGER NOT NULL,"
    " detail TEXT NOT NULL);"
    "CREATE INDEX attempt_message ON attempt (id);";
