/* SPDX-License-Identifier: Apache-2.0
 * ipc_limits.c: asserts that the table of messages (sys/ipc_messages.def) knows the last value of
 * each enum that its fields hold, so that no process sees a value it has no word for. Compiled
 * only; nothing calls it. Built into every process; nothing calls it.
 */
#include "dns/dns.h"
#include "dns/host.h"
#include "dns/mx.h"
#include "mtasts/cache.h"
#include "policy/alarm.h"
#include "policy/facts.h"
#include "policy/guesses.h"
#include "policy/verdict.h"
#include "proc/about.h"
#include "proc/child.h"
#include "proc/job_kinds.h"
#include "proc/login_kinds.h"
#include "proc/lookup_kinds.h"
#include "proc/portal_kinds.h"
#include "proc/proof_kinds.h"
#include "store/store.h"
#include "store/tlsrpt.h"
#include "tls/remote.h"
#include "tls/tls.h"
#include "wire/extension.h"

#define LAST(name, end) _Static_assert(IPC_LAST_##name == (int)(end)-1, "ipc_messages.def: " #name);

LAST(about, ABOUT_END)
LAST(action, ACTION_END)
LAST(alarm, ALARM_KIND_END)
LAST(counts, COUNTS_END)
LAST(demand, DEMAND_END)
LAST(dns_outcome, DNS_OUTCOME_END)
LAST(extension, EXTENSION_END)
LAST(force, FORCE_END)
LAST(grade, GRADE_END)
LAST(guess_answer, GUESS_ANSWER_END)
LAST(guess_outcome, GUESS_OUTCOME_END)
LAST(host_tlsa, HOST_TLSA_END)
LAST(job_kind, JOB_KIND_END)
LAST(ladder, LADDER_END)
LAST(login_outcome, LOGIN_OUTCOME_END)
LAST(lookup_again, LOOKUP_AGAIN_END)
LAST(lookup_kind, LOOKUP_KIND_END)
LAST(mx, MX_END)
LAST(mx_outcome, MX_OUTCOME_END)
LAST(notice_kind, NOTICE_KIND_END)
LAST(override, OVERRIDE_END)
LAST(pass_kind, PASS_KIND_END)
LAST(portal_result, PORTAL_RESULT_END)
LAST(portal_verb, PORTAL_VERB_END)
LAST(profile, TLS_PROFILE_END)
LAST(proof_kind, PROOF_KIND_END)
LAST(rcpt_result, RESULT_OPEN)
LAST(rcpt_notice, NOTICE_OUTCOME + 1)
LAST(rcpt_state, RCPT_STATE_END)
LAST(reason, REASON_END)
LAST(role, ROLE_END)
LAST(rpt_state, RPT_STATE_END)
LAST(rpt_type, RPT_TYPE_END)
LAST(sess, SESS_END)
LAST(sts, STS_END)
LAST(sts_problem, STS_PROBLEM_END)
LAST(sts_state, STS_STATE_END)
LAST(sts_verb, STS_VERB_END)
LAST(tls_hash, TLS_HASH_END)
LAST(tlsa, TLSA_END)
LAST(trno, TRNO_END)
