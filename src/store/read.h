/* SPDX-License-Identifier: Apache-2.0
 * read.h: how the store is read. One call for all of it: queries, and who takes their rows.
 *
 * store_read() never calls back before it returns: rows come at the end of the turn at the
 * earliest, and, of an engine that is another machine, at any later one. So nothing that is read
 * into may stand on the caller's stack, and what was true when it was asked may not be so any
 * more: callers look again at what is in memory.
 *
 * Of one reading: the rows of its queries in their order, then `done` exactly once, unless it is
 * cancelled. With another result than STORE_OK, rows may have come already: they do not count.
 * Of several readings: any order. A reading sees at least all that its caller had changed before
 * it asked, durable or not; the rows of one query are of one moment. What is to be done next (DUE,
 * BOUNCE_DUE) is never read before it is durable, but maybe before that is told.
 */
#pragma once
#include "store/account.h"
#include "store/act.h"
#include "store/damage.h"
#include "store/domain.h"
#include "store/envelope.h"
#include "store/tlsrpt.h"

/* What can be asked: (name, what of struct store_query it takes, the rows it has). */
#define STORE_QUERIES(X) \
    /* mail. Every destination (text) with queued recipients, and the earliest time due */ \
    X(NEXT_HOPS, next_hop) \
    /* queued recipients of the destination `text` due by `ms`, with reverse_path, oldest first. \
     * Leases are the queue's: it skips what it has leased already */ \
    X(DUE, rcpt) \
    /* the earliest time due after `ms` of the same; at most one row */ \
    X(NEXT_DUE, next_hop) \
    /* queued recipients of messages that came before `ms` (as their ids say), with reverse_path, \
     * oldest first */ \
    X(OVER, rcpt) \
    /* held recipients with the reason `kind`, by their numbers from the one behind `number` */ \
    X(HELD, rcpt) \
    /* recipients that failed or expired, or were delivered with a notice wanted, and wait for it; \
     * grouped by message */ \
    X(BOUNCE_DUE, rcpt) \
    /* recipients whose sender is to be told now: NOTICE_DUE of messages that came before `ms`, \
     * NOTICE_DELAY of those before `also_ms` */ \
    X(NOTICE_DUE, rcpt) \
    /* recipients with NOTICE_OUTCOME of messages of which each such recipient has an outcome, or \
     * that came before `ms` */ \
    X(OUTCOME_DUE, rcpt) \
    /* the message `number` with its inline body, if it is there */ \
    X(MESSAGE, message) \
    /* the recipients of message `number`; before them the message without its body, behind them \
     * the attempts, where somebody takes these */ \
    X(REPORT, rcpt) \
    /* what was found in message `number`, if it was inspected */ \
    X(INSPECTION, inspection) \
    /* messages that came since `ms`, each with its inspection and recipients; bounces and reports \
     * are left out */ \
    X(SINCE, message) \
    /* recipients in the state `kind` (RCPT_STATE_END: queued and held) by their messages, each of \
     * these before its first recipient where somebody takes it */ \
    X(LIST, rcpt) \
    /* messages that were lost, the oldest first; kind 1: whose senders do not know yet */ \
    X(DAMAGE, damage) \
    /* domains */ \
    X(DOMAINS, domain) \
    /* of the domain `text`, newest first */ \
    X(PROBES, probe) \
    /* newest first; kind 1: those that were cleared, too */ \
    X(ALARMS, alarm) \
    X(UNMAILED_ALARMS, alarm) \
    X(EXCEPTIONS, exception) \
    X(QUIRKS, quirk) \
    X(STS, sts) \
    /* TLS reports. Due by `ms` */ \
    X(RPT_DUE, rpt_sent) \
    /* day `number` of the domain `text`: each count, with its failures behind it */ \
    X(RPT_DAY, rpt_count) \
    X(RPT_SENT, rpt_sent) \
    /* report `number`, or 0: all, newest first */ \
    X(RPT_RECEIVED, rpt_received) \
    /* people. Places used since `ms`, the longest unused first */ \
    X(PLACES, place) \
    X(DIRECTORY_GROUPS, group) \
    X(ACCOUNTS, account) \
    /* newest first */ \
    X(REFUSALS, refusal) \
    /* about `text` (empty: all), newest first */ \
    X(ACTS, act) \
    /* the portal. Envelopes by enum envelope_by `kind` with that `number` */ \
    X(ENVELOPES_BY, envelope) \
    /* by enum envelope_of `kind`: those of `text`, newest first */ \
    X(ENVELOPES_OF, envelope) \
    /* all, newest first */ \
    X(ENVELOPES, envelope) \
    /* by enum envelope_due `kind`, as of `ms` */ \
    X(ENVELOPES_DUE, envelope) \
    /* octets of the messages that wait: one row */ \
    X(ENVELOPE_OCTETS, number) \
    /* of envelope `number`, oldest first */ \
    X(ENVELOPE_EVENTS, event) \
    /* of message `number` */ \
    X(VIEW, view) \
    /* of that hash, address, address (oldest first), name */ \
    X(PASS, pass) \
    X(PERSON, person) \
    X(PASSKEYS, passkey) \
    /* anybody's of that id: one row, 1 or 0 */ \
    X(HAS_PASSKEY, number) \
    X(THREAD, thread) \
    /* of envelope `number` */ \
    X(DRAFT, draft)

#define STORE_QUERY_ENUM(name, row) STORE_##name,
enum store_query_kind { STORE_QUERIES(STORE_QUERY_ENUM) STORE_QUERY_END };

struct store_query {
    enum store_query_kind what;
    uint64_t number;
    int64_t ms, also_ms;
    struct str text;
    unsigned kind;
    unsigned max; /* rows; of lists only */
};

/* Who takes the rows of a reading, by what they are of; a view lasts until the function returns.
 * A row function may change the store, and read more of it. */
struct store_rows {
    void *arg;       /* of all of these */
    store_done done; /* never NULL */
    store_message_fn message;
    store_rcpt_fn rcpt;
    store_attempt_fn attempt;
    store_inspection_fn inspection;
    store_next_hop_fn next_hop;
    store_damage_fn damage;
    store_domain_fn domain;
    store_probe_fn probe;
    store_alarm_fn alarm;
    store_exception_fn exception;
    store_quirk_fn quirk;
    store_sts_fn sts;
    store_rpt_sent_fn rpt_sent;
    store_rpt_count_fn rpt_count;
    store_rpt_failure_fn rpt_failure;
    store_rpt_received_fn rpt_received;
    store_place_fn place;
    store_group_fn group;
    store_account_fn account;
    store_refusal_fn refusal;
    store_act_fn act;
    store_envelope_fn envelope;
    store_envelope_event_fn event;
    store_view_fn view;
    store_pass_fn pass;
    store_person_fn person;
    store_passkey_fn passkey;
    store_thread_fn thread;
    store_draft_fn draft;
    store_number_fn number;
};

struct store_reading;

/* Copies both. The handle is good until `done` begins. */
struct store_reading *store_read(struct store *s, const struct store_query *query,
                                 const struct store_rows *rows);
/* Several queries as one reading: in one round, however far the engine is. */
struct store_reading *store_read_all(struct store *s, const struct store_query *queries, size_t n,
                                     const struct store_rows *rows);
/* Its owner ends: nothing of it is called any more. NULL is harmless. Not from a function of the
 * reading itself. */
void store_cancel(struct store_reading *r);

/* At the end of each turn of the caller's loop, and wherever it wants what has come by then:
 * calls back, of readings and of commits. How often. */
size_t store_turn(struct store *s);
/* Something was asked, or committed, of which nothing has come yet: the next turn should not be
 * waited for. */
bool store_is_asked(const struct store *s);
/* Calls back for all that was asked, however long it takes: while the process starts. */
void store_finish(struct store *s);
