/* SPDX-License-Identifier: Apache-2.0
 * policy.h: the two texts of MTA-STS (RFC 8461): the TXT record and the policy. Pure.
 *
 * A text is valid as a whole or not at all: an invalid one never yields part of a policy.
 */
#pragma once
#include "base/buf.h"
#include "wire/domain.h"

enum { STS_ID_MAX = 33, STS_POLICY_OCTETS_MAX = 64 * 1024, STS_MX_MAX = 256 };
enum { STS_MAX_AGE_S = 31557600 }; /* RFC 8461 3.2; larger values are capped */

#define STS_MODES(X) \
    X(NONE, "none") \
    X(TESTING, "testing") \
    X(ENFORCE, "enforce")
#define STS_MODE_ENUM(n, s) STS_MODE_##n,
enum sts_mode { STS_MODES(STS_MODE_ENUM) STS_MODE_END };
const char *sts_mode_name(enum sts_mode m);

struct sts_policy {
    enum sts_mode mode;
    uint32_t max_age_s;
    char *mx; /* patterns in lower case, one a line, "" for none; owned */
};

/* What a set of TXT records at _mta-sts says (RFC 8461 3.1): exactly one STSv1 record, or none. */
enum sts_record { STS_RECORD_NONE, STS_RECORD_ONE, STS_RECORD_INVALID };
/* texts: joined strings, one per record; a NULL is a record that could not be read. */
enum sts_record sts_record_find(const char *const *texts, size_t n, char id[STS_ID_MAX]);
/* Reads a policy. 0 and a policy (free it), or -EINVAL and what is wrong in problem. */
int sts_policy_parse(struct str text, struct sts_policy *ret, char *problem, size_t size) MUST_USE;
void sts_policy_clear(struct sts_policy *p);
/* True when a pattern covers the name of the MX record: "*." is exactly one label (RFC 8461
 * 4.1). */
bool sts_policy_covers(struct str patterns, struct domain_name mx);
