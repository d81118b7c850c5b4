/* SPDX-License-Identifier: Apache-2.0
 * records.c: the descriptions of the stored records. Pure. See records.h. Used by entry.c and the
 * statements.
 *
 * The numbers of stored enumerations are in files and in statements (store/sqlite_priv.h): they
 * never change. Those of enumerations that the store does not know are in proc/stored_values.c.
 */
#include "store/records.h"
#include "store/account.h"
#include "store/act.h"
#include "store/damage.h"
#include "store/domain.h"
#include "store/entry.h"
#include "store/envelope.h"
#include "store/tlsrpt.h"

#include <assert.h>

/* more: fields that the list does not have. */
#define RECORD_OF(name, structure, more) \
    const struct record *store_record_##name(void) \
    { \
        typedef struct structure record_struct; \
        static const struct record_field fields[] = {RECORD_##name(RECORD_FIELD) more}; \
        static const struct record record = {fields, ARRAY_LEN(fields)}; \
        static_assert(ARRAY_LEN(fields) <= RECORD_FIELDS_MAX, "room for all fields"); \
        return &record; \
    }
RECORD_OF(message, store_message, RECORD_FIELD(u32, deaths, 0) RECORD_FIELD(blob, body, 0))
RECORD_OF(rcpt, store_rcpt, RECORD_FIELD(str, reverse_path, 0))
RECORD_OF(attempt, store_attempt, )
RECORD_OF(inspection, entry_inspected, )
RECORD_OF(body, store_body, )
RECORD_OF(settled, store_settled, )
RECORD_OF(damage, store_damage, )
RECORD_OF(domain, store_domain, )
RECORD_OF(probe, store_probe, )
RECORD_OF(alarm, store_alarm, )
RECORD_OF(exception, store_exception, )
RECORD_OF(sts, store_sts, )
RECORD_OF(quirk, store_quirk, )
RECORD_OF(rpt_count, store_rpt_count, )
RECORD_OF(rpt_failure, store_rpt_failure, )
RECORD_OF(rpt_sent, store_rpt_sent, )
RECORD_OF(rpt_received, store_rpt_received, )
RECORD_OF(account, store_account, )
RECORD_OF(refusal, store_refusal, )
RECORD_OF(directory_group, store_directory_group, )
RECORD_OF(act, store_act, )
RECORD_OF(place, store_place, )
RECORD_OF(envelope, store_envelope, )
RECORD_OF(envelope_token, store_envelope_token, )
RECORD_OF(envelope_event, store_envelope_event, )
RECORD_OF(view, store_view, )
RECORD_OF(draft, store_draft, )
RECORD_OF(pass, store_pass, )
RECORD_OF(person, store_person, )
RECORD_OF(passkey, store_passkey, )
RECORD_OF(thread, store_thread, )

static_assert(RCPT_QUEUED == 0 && RCPT_HELD == 1 && RCPT_DELIVERED == 2 && RCPT_FAILED == 3 &&
                  RCPT_EXPIRED == 4 && RCPT_DELETED == 5 && RCPT_PICKUP == 6 && RCPT_STATE_END == 7,
              "recipient.state");
static_assert(NOTICE_NONE == 0 && NOTICE_DUE == 1 && NOTICE_SENT == 2 && NOTICE_DELAY == 3 &&
                  NOTICE_LOST == 4 && NOTICE_OUTCOME == 5,
              "recipient.notice");
static_assert(EXCEPTION_RELAX == 0 && EXCEPTION_LEGACY == 1 && EXCEPTION_KIND_END == 2,
              "exception.kind");
static_assert(RPT_TLSA == 0 && RPT_STS == 1 && RPT_NO_POLICY == 2 && RPT_TYPE_END == 3,
              "rpt_count.type, rpt_failure.type");
static_assert(RPT_DUE == 0 && RPT_DONE == 1 && RPT_NOT_WANTED == 2 && RPT_GIVEN_UP == 3 &&
                  RPT_STATE_END == 4,
              "rpt_sent.state");
static_assert(ENVELOPE_WAITING == 0 && ENVELOPE_LOCKED == 1 && ENVELOPE_RECALLED == 2 &&
                  ENVELOPE_EXPIRED == 3 && ENVELOPE_LOST == 4 && ENVELOPE_STATE_END == 5,
              "envelope.state");
static_assert(EVENT_MADE == 0 && EVENT_NOTICE_SENT == 1 && EVENT_NOTICE_DELIVERED == 2 &&
                  EVENT_NOTICE_FAILED == 3 && EVENT_REMINDED == 4 && EVENT_CODE_SENT == 5 &&
                  EVENT_CODE_WRONG == 6 && EVENT_OPENED == 7 && EVENT_READ == 8 &&
                  EVENT_DOWNLOADED == 9 && EVENT_REPLIED == 10 && EVENT_MAIL_REPLY == 11 &&
                  EVENT_EXTENDED == 12 && EVENT_RECALLED_BY == 13 && EVENT_LOCKED_BY == 14 &&
                  EVENT_UNLOCKED == 15 && EVENT_LEVEL == 16 && EVENT_HELD == 17 &&
                  EVENT_EXPIRED_ON == 18 && EVENT_SEALED == 19 && EVENT_ASKED_AGAIN == 20 &&
                  EVENT_PROOF_WRONG == 21 && EVENT_END == 22,
              "envelope_event.kind");
