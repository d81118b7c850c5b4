/* SPDX-License-Identifier: Apache-2.0
 * records.h: the stored records as their fields (records/records.def), for the journal's codec,
 * the tables and the queue.
 */
#pragma once
#include "records/record.h"
#include "records/records.def"

#define STORE_RECORDS(X) \
    X(message) \
    X(rcpt) \
    X(attempt) \
    X(inspection) \
    X(body) \
    X(settled) \
    X(damage) \
    X(domain) \
    X(probe) \
    X(alarm) \
    X(exception) \
    X(sts) \
    X(quirk) \
    X(rpt_count) \
    X(rpt_failure) \
    X(rpt_sent) \
    X(rpt_received) \
    X(account) \
    X(refusal) \
    X(directory_group) \
    X(act) \
    X(place) \
    X(envelope) \
    X(envelope_token) \
    X(envelope_event) \
    X(view) \
    X(draft) \
    X(pass) \
    X(person) \
    X(passkey) \
    X(thread)

/* Those that only the tables know as structs. */
struct store_body {
    RECORD_MEMBERS(body)
};
struct store_settled {
    RECORD_MEMBERS(settled)
};
struct store_directory_group {
    RECORD_MEMBERS(directory_group)
};
struct store_envelope_token {
    RECORD_MEMBERS(envelope_token)
};
struct store_view {
    RECORD_MEMBERS(view)
};
struct store_draft {
    RECORD_MEMBERS(draft)
};

/* store_record_attempt() and so on. Fields of the journal first, in its order; behind them those
 * that only the struct has. */
#define STORE_RECORD(name) const struct record *store_record_##name(void);
STORE_RECORDS(STORE_RECORD)
