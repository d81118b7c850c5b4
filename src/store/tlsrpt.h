/* SPDX-License-Identifier: Apache-2.0
 * tlsrpt.h: counts for TLS reports (RFC 8460), what was sent, and reports received. Same rules as
 * store.h. A day is a number of days since 1970-01-01 UTC.
 */
#pragma once
#include "store/store.h"

enum rpt_type { RPT_TLSA, RPT_STS, RPT_NO_POLICY, RPT_TYPE_END };
enum rpt_state { RPT_DUE, RPT_DONE, RPT_NOT_WANTED, RPT_GIVEN_UP, RPT_STATE_END };

/* One session under one policy. */
struct store_rpt_session {
    uint64_t day;
    RECORD_MEMBERS(rpt_session)
};

struct store_rpt_count {
    RECORD_MEMBERS(rpt_count)
};

struct store_rpt_failure {
    RECORD_MEMBERS(rpt_failure)
};

struct store_rpt_sent {
    RECORD_MEMBERS(rpt_sent)
};

struct store_rpt_received {
    RECORD_MEMBERS(rpt_received)
};

typedef void (*store_rpt_count_fn)(void *arg, const struct store_rpt_count *c);
typedef void (*store_rpt_failure_fn)(void *arg, const struct store_rpt_failure *f);
typedef void (*store_rpt_sent_fn)(void *arg, const struct store_rpt_sent *r);
typedef void (*store_rpt_received_fn)(void *arg, const struct store_rpt_received *r);

void store_rpt_count(struct store *s, const struct store_rpt_session *r);
/* Every domain counted before this day becomes due at next_ms, unless it is known already. */
void store_rpt_open(struct store *s, uint64_t before_day, int64_t next_ms);
void store_rpt_set(struct store *s, const struct store_rpt_sent *r);
void store_rpt_forget(struct store *s, uint64_t before_day, int64_t received_before_ms);
/* The same report twice counts once. */
void store_rpt_add_received(struct store *s, const struct store_rpt_received *r);
