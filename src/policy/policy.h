/* SPDX-License-Identifier: Apache-2.0
 * policy.h: the delivery decision. Pure functions: no clock, no socket, no allocation, no library.
 *
 * policy_host() judges one host, policy_recipient() concludes over all hosts of a recipient;
 * policy_decide() is both for a single host. The same functions answer `postern explain`, write
 * the message report and choose the status code of a DSN.
 */
#pragma once
#include "policy/verdict.h"
#include <stddef.h>

struct permit;

/* What must hold for these facts, whatever the session brings (sess and ext are not read). */
struct requirement policy_requirement(const struct facts *f);
/* The first row that fits, H1 to H13. */
struct host_verdict policy_host(const struct facts *f);
/* H1 to H5: true when the lookups alone bar this host, before any connection. */
bool policy_barred(const struct facts *f, struct host_verdict *ret);
/* D1 to D7 over the hosts tried; hosts may be empty (n = 0: nothing could be tried, temporary). */
struct verdict policy_recipient(const struct facts *f, const struct host_verdict *hosts,
                                unsigned n);
struct verdict policy_decide(const struct facts *f);
/* The grade this session reaches for these facts. */
enum grade policy_grade(const struct facts *f);
/* A permit for the session that the verdict judged; false when the verdict is not to send. */
bool policy_permit(const struct host_verdict *v, struct permit *ret);

const char *grade_name(enum grade g);
const char *force_name(enum force f);
const char *mx_name(enum mx m);
const char *tlsa_name(enum tlsa t);
const char *sts_name(enum sts s);
const char *sess_name(enum sess s);
const char *action_name(enum action a);
const char *reason_name(enum reason r);
const char *reason_sentence(enum reason r);
/* Enhanced status code for a deferral or a bounce; "" when that cannot be. */
const char *reason_deferred_code(enum reason r);
const char *reason_bounced_code(enum reason r);
/* True when the reason is about encryption: what an inside sender is told early. */
bool reason_is_tls(enum reason r);
/* True when no server was talked to: what failed came before (a lookup, the connection itself). */
bool reason_is_before_session(enum reason r);
/* RFC 8460 result type or "". */
const char *reason_report_result(enum reason r);
/* The raisers of a set of bits in short words, "rule,dane"; for logs. */
void raisers_text(uint32_t raised, char *dst, size_t size);
/* Plain words for one raiser. */
const char *raiser_sentence(enum raiser_bit bit);
