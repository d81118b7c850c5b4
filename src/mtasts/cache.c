/* SPDX-License-Identifier: Apache-2.0
 * cache.c: the life of a cached policy, RFC 8461 3.3, 5.1, 8.3, 10.2. Called by the lookup process.
 *
 * A failed lookup or fetch never voids a policy that has not expired; only a fetch prolongs it;
 * mode none takes effect at once. What can go wrong is kept in the entry for reports and alarms.
 */
#include "mtasts/cache.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_OF(n, s) s,
static const char *const state_names[] = {STS_STATES(NAME_OF)};
static const char *const problem_results[] = {STS_PROBLEMS(NAME_OF)};

const char *sts_state_name(enum sts_state s)
{
    return s < STS_STATE_END ? state_names[s] : "unknown";
}

const char *sts_problem_result(enum sts_problem p)
{
    return p < STS_PROBLEM_END ? problem_results[p] : "";
}

static bool is_live(const struct sts_entry *e, int64_t now_ms)
{
    return e->has_policy && (now_ms < e->expires_ms || e->once);
}

/* RFC 8461 6 SHOULD: failures are counted for reports */
static void cache_note(struct sts_entry *e, enum sts_problem problem, const char *detail)
{
    e->problem = problem;
    snprintf(e->problem_text, sizeof e->problem_text, "%s", detail ? detail : "");
}

/* RFC 8461 3.3 SHOULD: a failed fetch is not repeated for five minutes
 * RFC 8461 5.1 MUST: a new id is a new policy
 * RFC 8461 10.2 SHOULD: a refresh fetches whatever the record says */
bool sts_take_txt(struct sts_entry *e, enum sts_txt txt, const char *id, const char *detail,
                  bool force, int64_t now_ms)
{
    bool live = is_live(e, now_ms);
    switch (txt) {
    case STS_TXT_FAILED:
        cache_note(e, STS_PROBLEM_TXT_LOOKUP, detail);
        e->failures += live;
        if (force) {
            /* a refresh that failed: again soon, not at once */
            e->refresh_ms = now_ms + STS_RETRY_MS;
        }
        return false;
    case STS_TXT_NONE:
        cache_note(e,
                   live && e->policy.mode != STS_MODE_NONE ? STS_PROBLEM_TXT_GONE
                                                           : STS_PROBLEM_NONE,
                   live ? "the TXT record is gone, the policy has not expired" : "");
        return force && live; /* the daily refresh still tries */
    case STS_TXT_INVALID:
        cache_note(e, STS_PROBLEM_RECORD_INVALID, "the TXT record at _mta-sts is not valid");
        return force && live;
    case STS_TXT_ONE:
        break;
    }
    bool same = live && strcmp(id, e->id) == 0;
    if (!force && same && now_ms < e->refresh_ms) {
        cache_note(e, STS_PROBLEM_NONE, "");
        return false;
    }
    bool tried = e->tried_ms && now_ms - e->tried_ms < STS_RETRY_MS && strcmp(id, e->tried_id) == 0;
    return !tried;
}

static int cache_replace(struct sts_entry *e, struct str text, char *problem, size_t size)
{
    struct sts_policy policy;
    int r = sts_policy_parse(text, &policy, problem, size);
    if (r == 0) {
        sts_policy_clear(&e->policy);
        free(e->text);
        e->policy = policy;
        e->text = str_dup(text);
        e->has_policy = true;
    }
    return r;
}

/* RFC 8461 3.2 SHOULD: a policy is kept for max_age
 * RFC 8461 10.2 SHOULD NOT: refreshing does not wait for the end */
bool sts_take_fetch(struct sts_entry *e, enum sts_fetch fetch, const char *id, struct str text,
                    const char *detail, int64_t jitter_ms, int64_t now_ms)
{
    char problem[128];
    bool ok = fetch == STS_FETCH_GOOD && cache_replace(e, text, problem, sizeof problem) == 0;
    if (ok) {
        int64_t life = (int64_t)e->policy.max_age_s * 1000;
        str_copy_cut(str_c(id), e->id, sizeof e->id);
        e->fetched_ms = now_ms;
        e->expires_ms = now_ms + life;
        e->refresh_ms =
            now_ms + (life / 2 < STS_REFRESH_MS ? life / 2 : STS_REFRESH_MS - jitter_ms);
        e->once = life == 0;
        e->failures = 0;
        e->tried_ms = 0;
        cache_note(e, STS_PROBLEM_NONE, "");
        return true;
    }
    str_copy_cut(str_c(id), e->tried_id, sizeof e->tried_id);
    e->tried_ms = now_ms;
    e->refresh_ms = now_ms + STS_RETRY_MS; /* of a live policy: try again soon */
    e->failures++;
    cache_note(e,
               fetch == STS_FETCH_GOOD     ? STS_PROBLEM_POLICY_INVALID
               : fetch == STS_FETCH_WEBPKI ? STS_PROBLEM_WEBPKI
                                           : STS_PROBLEM_FETCH,
               fetch == STS_FETCH_GOOD ? problem : detail);
    return false;
}

/* RFC 8461 3.3 MUST: nothing fetched and nothing kept: as without a policy
 * RFC 8461 3.3 MUST: nothing live but a valid one kept: that one
 * RFC 8461 5 MUST: testing: delivered as without
 * RFC 8461 8.3 MUST: mode none ends the policy at once */
enum sts_state sts_effective(const struct sts_entry *e, int64_t now_ms)
{
    if (!is_live(e, now_ms)) {
        return e->problem == STS_PROBLEM_TXT_LOOKUP ? STS_STATE_WAIT : STS_STATE_NONE;
    }
    return e->policy.mode == STS_MODE_ENFORCE   ? STS_STATE_ENFORCE
           : e->policy.mode == STS_MODE_TESTING ? STS_STATE_TESTING
                                                : STS_STATE_NONE;
}

int sts_load(struct sts_entry *e, struct str text, const char *id, int64_t fetched_ms,
             int64_t expires_ms, char *problem, size_t size)
{
    int r = cache_replace(e, text, problem, size);
    if (r == 0) {
        str_copy_cut(str_c(id), e->id, sizeof e->id);
        e->fetched_ms = fetched_ms;
        e->expires_ms = expires_ms;
        e->refresh_ms = fetched_ms + STS_REFRESH_MS;
    }
    return r;
}

/* RFC 8461 3.3 SHOULD: administrators hear of a refresh that fails, unless mode none
 * RFC 8461 10.2 SHOULD: repeated failures of a refresh are an alarm long before the end */
bool sts_needs_alarm(const struct sts_entry *e, int64_t now_ms)
{
    return e->failures >= 2 && is_live(e, now_ms) && e->policy.mode != STS_MODE_NONE;
}

void sts_entry_clear(struct sts_entry *e)
{
    sts_policy_clear(&e->policy);
    free(e->text);
    e->text = NULL;
    e->has_policy = false;
}
