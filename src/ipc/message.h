/* SPDX-License-Identifier: Apache-2.0
 * message.h: what our processes say to each other, made from the table in messages.def: a struct
 * for each message, its number and name, encoder and decoder. Used by channel.h, and by report and
 * portal for the rows that the queue sends. Pure; fuzzed as a whole.
 *
 * In octets a message is an 8-octet head (type u16, flags u16, length u32, little endian) and its
 * fields in table order.
 */
#pragma once
#include "base/buf.h"
#include "dns/dns.h"
#include "dns/host.h"
#include "dns/mx.h"
#include "ipc/about.h"
#include "ipc/job_kinds.h"
#include "ipc/lease.h"
#include "ipc/login_kinds.h"
#include "ipc/lookup_kinds.h"
#include "ipc/messages.def"
#include "ipc/portal_kinds.h"
#include "ipc/proof_kinds.h"
#include "ipc/role.h"
#include "mtasts/cache.h"
#include "policy/alarm.h"
#include "policy/facts.h"
#include "policy/guesses.h"
#include "policy/verdict.h"
#include "records/records.def"
#include "store/domain.h"
#include "store/store.h"
#include "store/tlsrpt.h"
#include "tls/remote.h"
#include "tls/tls.h"
#include "wire/extension.h"

enum { IPC_HEAD = 8 }; /* octets */

/* Each kind of field, as it stands in a struct. */
#define IPC_MEMBER_u8(field, most)    uint8_t field;
#define IPC_MEMBER_u16(field, most)   uint16_t field;
#define IPC_MEMBER_u32(field, most)   uint32_t field;
#define IPC_MEMBER_u64(field, most)   uint64_t field;
#define IPC_MEMBER_i64(field, most)   int64_t field;
#define IPC_MEMBER_lease(field, most) struct lease_id field;
#define IPC_MEMBER_str(field, most)   struct str field;
#define IPC_MEMBER_bytes(field, most) struct str field;
#define IPC_MEMBER_enum(field, name)  enum name field;
/* kinds of records/record.h */
#define IPC_MEMBER_key(field, most)        uint64_t field;
#define IPC_MEMBER_serial(field, most)     uint64_t field;
#define IPC_MEMBER_store_enum(field, name) enum name field;
#define IPC_MEMBER_flag(field, most)       bool field;
#define IPC_MEMBER_blob(field, most)       struct str field;
#define IPC_MEMBER(kind, field, most)      IPC_MEMBER_##kind(field, most)

/* Where the values of each enum in a message end: one from there on is malformed, so that no
 * process sees a value that it has no word for. */
#define IPC_END_about          ABOUT_END
#define IPC_END_action         ACTION_END
#define IPC_END_alarm_kind     ALARM_KIND_END
#define IPC_END_counts         COUNTS_END
#define IPC_END_demand         DEMAND_END
#define IPC_END_dns_outcome    DNS_OUTCOME_END
#define IPC_END_exception_kind EXCEPTION_KIND_END
#define IPC_END_extension      EXTENSION_END
#define IPC_END_force          FORCE_END
#define IPC_END_grade          GRADE_END
#define IPC_END_guess_answer   GUESS_ANSWER_END
#define IPC_END_guess_outcome  GUESS_OUTCOME_END
#define IPC_END_host_tlsa      HOST_TLSA_END
#define IPC_END_job_kind       JOB_KIND_END
#define IPC_END_ladder         LADDER_END
#define IPC_END_login_outcome  LOGIN_OUTCOME_END
#define IPC_END_lookup_again   LOOKUP_AGAIN_END
#define IPC_END_lookup_kind    LOOKUP_KIND_END
#define IPC_END_mx             MX_END
#define IPC_END_mx_outcome     MX_OUTCOME_END
#define IPC_END_notice_kind    NOTICE_KIND_END
#define IPC_END_override       OVERRIDE_END
#define IPC_END_pass_kind      PASS_KIND_END
#define IPC_END_portal_result  PORTAL_RESULT_END
#define IPC_END_portal_verb    PORTAL_VERB_END
#define IPC_END_proof_kind     PROOF_KIND_END
#define IPC_END_rcpt_notice    (NOTICE_OUTCOME + 1)
#define IPC_END_rcpt_result    RESULT_OPEN
#define IPC_END_rcpt_state     RCPT_STATE_END
#define IPC_END_reason         REASON_END
#define IPC_END_role           ROLE_END
#define IPC_END_rpt_state      RPT_STATE_END
#define IPC_END_rpt_type       RPT_TYPE_END
#define IPC_END_sess           SESS_END
#define IPC_END_sts            STS_END
#define IPC_END_sts_problem    STS_PROBLEM_END
#define IPC_END_sts_state      STS_STATE_END
#define IPC_END_sts_verb       STS_VERB_END
#define IPC_END_tls_hash       TLS_HASH_END
#define IPC_END_tls_profile    TLS_PROFILE_END
#define IPC_END_tlsa           TLSA_END
#define IPC_END_trno           TRNO_END

#define IPC_STRUCT(number, name, descriptor) \
    struct ipc_##name { \
        IPC_FIELDS_##name(IPC_MEMBER) \
    };
IPC_MESSAGES(IPC_STRUCT)

#define IPC_ENUM(number, name, descriptor) IPC_##name = (number),
enum ipc_type { IPC_none = 0, IPC_MESSAGES(IPC_ENUM) };

#define IPC_UNION(number, name, descriptor) struct ipc_##name name;
/* Views in a decoded message borrow the frame: copy what must outlive the handler. */
struct ipc_msg {
    enum ipc_type type;
    union {
        IPC_MESSAGES(IPC_UNION)
    };
};

const char *ipc_name(enum ipc_type type);
/* Appends head and fields. 0, -ENOSPC (buffer full) or -EMSGSIZE (a field over its maximum). */
int ipc_encode(const struct ipc_msg *m, struct buf *out) MUST_USE;
/* Takes one message off the front of *in. 0, -EBADMSG when malformed. *ret_flags: 1 = with fd,
 * as the table says of its type. */
int ipc_decode(struct str *in, struct ipc_msg *ret, unsigned *ret_flags) MUST_USE;
