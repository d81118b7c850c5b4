/* SPDX-License-Identifier: Apache-2.0
 * cache.h: what is known about one domain's MTA-STS, and what to do next: the table "MTA-STS per
 * domain" of docs/decision.md. Pure: time is an argument, lookups and fetches happen elsewhere.
 */
#pragma once
#include "mtasts/policy.h"

enum {
    /* failed fetches and refreshes on mismatch (RFC 8461 3.3) */
    STS_RETRY_MS = 5 * 60 * 1000,
    STS_REFRESH_MS = 24 * 60 * 60 * 1000, /* a policy is fetched again daily, whatever its id */
};

#define STS_STATES(X) \
    X(NONE, "none") \
    X(TESTING, "testing") \
    X(ENFORCE, "enforce") \
    X(WAIT, "wait")
#define STS_STATE_ENUM(n, s) STS_STATE_##n,
enum sts_state { STS_STATES(STS_STATE_ENUM) STS_STATE_END };
const char *sts_state_name(enum sts_state s);

/* What went wrong at the last look, as RFC 8460 4.3 names it. */
#define STS_PROBLEMS(X) \
    X(NONE, "") \
    X(TXT_LOOKUP, "validation-failure") \
    X(TXT_GONE, "validation-failure") \
    X(RECORD_INVALID, "sts-policy-invalid") \
    X(FETCH, "sts-policy-fetch-error") \
    X(WEBPKI, "sts-webpki-invalid") \
    X(POLICY_INVALID, "sts-policy-invalid")
#define STS_PROBLEM_ENUM(n, s) STS_PROBLEM_##n,
enum sts_problem { STS_PROBLEMS(STS_PROBLEM_ENUM) STS_PROBLEM_END };
const char *sts_problem_result(enum sts_problem p);

struct sts_entry {
    char domain[256];
    bool has_policy;
    struct sts_policy policy;
    char *text; /* of the policy as fetched; owned */
    char id[STS_ID_MAX];
    int64_t fetched_ms, expires_ms, refresh_ms; /* wall time */
    bool once; /* max_age 0: for the question under way only (the caller resets it) */
    /* the last failure */
    enum sts_problem problem;
    char problem_text[500];
    char tried_id[STS_ID_MAX];
    int64_t tried_ms, mismatch_ms;
    unsigned failures; /* refreshes that failed in a row */
};

/* What the name service said about _mta-sts.DOMAIN. */
enum sts_txt { STS_TXT_FAILED, STS_TXT_NONE, STS_TXT_INVALID, STS_TXT_ONE };
/* What came of the HTTPS fetch. */
enum sts_fetch { STS_FETCH_GOOD, STS_FETCH_WEBPKI, STS_FETCH_FAILED };

/* After the TXT lookup: true when the policy must be fetched. force: whatever id and cache say. */
bool sts_take_txt(struct sts_entry *e, enum sts_txt txt, const char *id, const char *detail,
                  bool force, int64_t now_ms);
/* After a fetch. text: the body when GOOD (may still be no valid policy). jitter_ms: spreads the
 * daily refreshes. True when the entry changed in a way that must be saved. */
bool sts_take_fetch(struct sts_entry *e, enum sts_fetch fetch, const char *id, struct str text,
                    const char *detail, int64_t jitter_ms, int64_t now_ms);
/* What holds now. */
enum sts_state sts_effective(const struct sts_entry *e, int64_t now_ms);
/* A policy that is loaded from the store or by an administrator; 0 or -EINVAL with a problem. */
int sts_load(struct sts_entry *e, struct str text, const char *id, int64_t fetched_ms,
             int64_t expires_ms, char *problem, size_t size) MUST_USE;
/* The operator should be told: an enforced or tested policy could not be refreshed twice. */
bool sts_needs_alarm(const struct sts_entry *e, int64_t now_ms);
void sts_entry_clear(struct sts_entry *e);
