/* SPDX-License-Identifier: Apache-2.0
 * stored_values.c: asserts the numbers of the enumerations that are stored and whose words the
 * store does not know (those it knows: store/records.c). A store keeps them for years: none may
 * come to mean something else, so new ones go to the end. Built into every process; nothing calls
 * it.
 */
#include "dns/mx.h"
#include "mtasts/cache.h"
#include "passkey/passkey.h"
#include "policy/alarm.h"
#include "policy/facts.h"
#include "policy/guesses.h"
#include "policy/verdict.h"
#include "ipc/portal_kinds.h"
#include "wire/extension.h"
#include "wire/notify.h"
#include "wire/repair.h"

#include <assert.h>

static_assert(ACTION_SEND == 0 && ACTION_DEFER == 1 && ACTION_BOUNCE == 2 && ACTION_FALLBACK == 3 &&
                  ACTION_DEFER_FALLBACK == 4 && ACTION_END == 5,
              "attempt.action");
static_assert(RAISED_BIT_RULE == 0 && RAISED_BIT_DEMAND == 1 && RAISED_BIT_REQUIRETLS == 2 &&
                  RAISED_BIT_DANE == 3 && RAISED_BIT_STS == 4 && RAISED_BIT_MEMORY == 5 &&
                  RAISED_BIT_OFFER == 6 && RAISED_BIT_HOUSE == 7 && RAISED_BIT_NEXT_HOP == 8 &&
                  RAISED_END == 9,
              "attempt.raised, as bits");
static_assert(GRADE_PLAIN == 0 && GRADE_ENCRYPT == 1 && GRADE_CERT == 2 && GRADE_AUTH == 3 &&
                  GRADE_PIN == 4 && GRADE_END == 5,
              "grade");
static_assert(MX_SECURE == 0 && MX_INSECURE == 1 && MX_ERROR == 2 && MX_NULL == 3 && MX_END == 4,
              "attempt.mx");
static_assert(TLSA_NONE == 0 && TLSA_USABLE == 1 && TLSA_UNUSABLE == 2 && TLSA_ERROR == 3 &&
                  TLSA_END == 4,
              "attempt.tlsa");
static_assert(STS_NONE == 0 && STS_TESTING == 1 && STS_MATCH == 2 && STS_NOMATCH == 3 &&
                  STS_WAIT == 4 && STS_END == 5,
              "attempt.sts");
static_assert(SESS_NOCONN == 0 && SESS_NOADV == 1 && SESS_REFUSED == 2 && SESS_HSFAIL == 3 &&
                  SESS_LEGACY == 4 && SESS_DANE_OK == 5 && SESS_PIN_OK == 6 && SESS_PKIX_OK == 7 &&
                  SESS_PKIX_BAD == 8 && SESS_END == 9,
              "attempt.sess");
static_assert(REASON_NONE == 0 && REASON_SENT == 1 && REASON_SENT_PLAIN == 2 &&
                  REASON_SENT_LEGACY == 3 && REASON_TAKEN == 4 && REASON_NULL_MX == 5 &&
                  REASON_MX_LOOKUP == 6 && REASON_NO_DOMAIN == 7 && REASON_NO_HOST == 8 &&
                  REASON_LOOP == 9 && REASON_TLSA_LOOKUP == 10 && REASON_STS_LOOKUP == 11 &&
                  REASON_DANE_REQUIRED == 12 && REASON_MX_NOT_IN_POLICY == 13 &&
                  REASON_CONNECT == 14 && REASON_NO_STARTTLS == 15 && REASON_TLS_REFUSED == 16 &&
                  REASON_TLS_FAILED == 17 && REASON_WEAK_CRYPTO == 18 &&
                  REASON_DANE_MISMATCH == 19 && REASON_GRADE_TOO_LOW == 20 &&
                  REASON_NO_REQUIRETLS == 21 && REASON_NO_SECURE_CHANNEL == 22 &&
                  REASON_ESCALATED == 23 && REASON_REJECTED == 24 && REASON_BROKEN_SESSION == 25 &&
                  REASON_TIMEOUT == 26 && REASON_TOO_BIG == 27 && REASON_NO_8BIT == 28 &&
                  REASON_NO_BINARY == 29 && REASON_LOGIN_REFUSED == 30 && REASON_NO_UTF8 == 31 &&
                  REASON_KEYS_AWAY == 32 && REASON_SHUTDOWN == 33 && REASON_EXPIRED == 34 &&
                  REASON_DELETED == 35 && REASON_POISON == 36 && REASON_HELD == 37 &&
                  REASON_REFUSED == 38 && REASON_TESTED == 39 && REASON_NEAR_MISS == 40 &&
                  REASON_ASKED == 41 && REASON_PICKUP == 42 && REASON_NOT_PICKED_UP == 43 &&
                  REASON_UNREACHABLE == 44 && REASON_LOOK_INCOMPLETE == 45 &&
                  REASON_BAD_SMTP == 46 && REASON_OUR_FAULT == 47 && REASON_DAMAGED == 48 &&
                  REASON_NOT_PREPARED == 49 && REASON_ON_HOLD == 50 && REASON_RELEASED == 51 &&
                  REASON_TAKEN_BACK == 52 && REASON_NOT_A_CHOICE == 53 && REASON_PICKED_UP == 54 &&
                  REASON_NEXT_HOP == 55 && REASON_RESTORED == 56 && REASON_END == 57,
              "reason");
static_assert(ALARM_LOST_TLS == 0 && ALARM_MIDDLEBOX == 1 && ALARM_CERTIFICATE == 2 &&
                  ALARM_EXPIRY == 3 && ALARM_DANE == 4 && ALARM_DANE_GONE == 5 &&
                  ALARM_STS_REFRESH == 6 && ALARM_STS_GONE == 7 && ALARM_RESOLVER == 8 &&
                  ALARM_POISON == 9 && ALARM_OWN_CERTIFICATE == 10 && ALARM_UNLEARN == 11 &&
                  ALARM_FORWARD == 12 && ALARM_RENEWAL == 13 && ALARM_OWN_TLS == 14 &&
                  ALARM_OVERDUE == 15 && ALARM_PORTAL_TLS == 16 && ALARM_RELAY_LOGIN == 17 &&
                  ALARM_DAMAGED == 18 && ALARM_DELIVER_TO_LOGIN == 19 && ALARM_RELAY_LOST == 20 &&
                  ALARM_DELIVER_TO_LOST == 21 && ALARM_MISUSE == 22 && ALARM_STORE == 23 &&
                  ALARM_COPY == 24 && ALARM_DIES == 25 && ALARM_KIND_END == 26,
              "alarm.kind; domain.alarms, as bits");
static_assert(MX_FOUND == 0 && MX_NULL_MX == 1 && MX_NO_DOMAIN == 2 && MX_NO_HOST == 3 &&
                  MX_LOOP == 4 && MX_FAILED == 5 && MX_OUTCOME_END == 6,
              "probe.outcome");
static_assert(STS_STATE_NONE == 0 && STS_STATE_TESTING == 1 && STS_STATE_ENFORCE == 2 &&
                  STS_STATE_WAIT == 3 && STS_STATE_END == 4,
              "domain.sts, probe.sts");
static_assert(EXTENSION_EHLO == 0 && EXTENSION_PIPELINING == 1 && EXTENSION_CHUNKING == 2 &&
                  EXTENSION_DSN == 3 && EXTENSION_SIZE == 4 && EXTENSION_8BITMIME == 5 &&
                  EXTENSION_SMTPUTF8 == 6 && EXTENSION_HYBRID_GROUPS == 7 && EXTENSION_END == 8,
              "quirk.extension");
static_assert(GUESS_PASSWORD == 0 && GUESS_CODE == 1 && GUESS_LINK_CODE == 2 && GUESS_KIND_END == 3,
              "place.kind");
static_assert(PASSKEY_NONE == 0 && PASSKEY_ES256 == 1 && PASSKEY_EDDSA == 2 && PASSKEY_RS256 == 3 &&
                  PASSKEY_ALGORITHM_END == 4,
              "passkey.algorithm");
static_assert(PASS_NONE == 0 && PASS_RECIPIENT == 1 && PASS_INSIDE == 2 && PASS_REMEMBERED == 3 &&
                  PASS_FILES == 4 && PASS_KIND_END == 5,
              "pass.kind");
static_assert(NOTICE_NEW == 0 && NOTICE_AGAIN == 1 && NOTICE_REMINDER == 2 && MAIL_CODE == 3 &&
                  NOTICE_KIND_END == 4,
              "envelope.notice_kind");
static_assert(NOTIFY_RET_NONE == 0 && NOTIFY_RET_FULL == 1 && NOTIFY_RET_HDRS == 2, "message.ret");
static_assert(NOTIFY_NEVER == 1 && NOTIFY_SUCCESS == 2 && NOTIFY_FAILURE == 4 && NOTIFY_DELAY == 8,
              "recipient.notify, as bits");
static_assert(REPAIR_HELLO == 1 && REPAIR_PATH == 2 && REPAIR_COMMAND_END == 4 &&
                  REPAIR_BARE_LF == 8 && REPAIR_BARE_CR == 16 && REPAIR_DATE == 32 &&
                  REPAIR_MESSAGE_ID == 64 && REPAIR_FROM == 128,
              "message.repaired, as bits");
