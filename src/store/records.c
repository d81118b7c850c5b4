/* SPDX-License-Identifier: Apache-2.0
 * records.c: the descriptions of the stored records. Pure. See records.h. Used by entry.c and the
 * statements.
 *
 * The numbers of stored enumerations are in files and in statements (store/sqlite_priv.h): they
 * never change.
 */
#include "store/records.h"
#include "store/entry.h"

#include <assert.h>

#define RECORD_STRUCT struct store_message
static const struct record_field message_fields[] = {
    RECORD_message(RECORD_FIELD) RECORD_FIELD(u32, deaths, 0) RECORD_FIELD(blob, body, 0)};
#undef RECORD_STRUCT
#define RECORD_STRUCT struct store_rcpt
static const struct record_field rcpt_fields[] = {RECORD_rcpt(RECORD_FIELD)
                                                      RECORD_FIELD(str, reverse_path, 0)};
#undef RECORD_STRUCT
#define RECORD_STRUCT struct store_attempt
static const struct record_field attempt_fields[] = {RECORD_attempt(RECORD_FIELD)};
#undef RECORD_STRUCT
#define RECORD_STRUCT struct entry_inspected
static const struct record_field inspection_fields[] = {RECORD_inspection(RECORD_FIELD)};
#undef RECORD_STRUCT

#define RECORD_OF(name, list) \
    static_assert(ARRAY_LEN(list) <= RECORD_FIELDS_MAX, "room for all fields"); \
    const struct record name = {list, ARRAY_LEN(list)};
RECORD_OF(store_record_message, message_fields)
RECORD_OF(store_record_rcpt, rcpt_fields)
RECORD_OF(store_record_attempt, attempt_fields)
RECORD_OF(store_record_inspection, inspection_fields)

static_assert(RCPT_QUEUED == 0 && RCPT_HELD == 1 && RCPT_DELIVERED == 2 && RCPT_FAILED == 3 &&
                  RCPT_EXPIRED == 4 && RCPT_DELETED == 5 && RCPT_PICKUP == 6 && RCPT_STATE_END == 7,
              "recipient.state");
static_assert(NOTICE_NONE == 0 && NOTICE_DUE == 1 && NOTICE_SENT == 2 && NOTICE_DELAY == 3 &&
                  NOTICE_LOST == 4 && NOTICE_OUTCOME == 5,
              "recipient.notice");
