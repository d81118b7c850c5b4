/* SPDX-License-Identifier: Apache-2.0
 * admin_verbs.h: what the postern command may ask of posternd and of the queue, and who says
 * that they ask.
 */
#pragma once
#include "wire/marks.h"

/* Verb, its name; ACT: it changes something, and who did it is kept. */
#define ADMIN_VERBS(ASK, ACT) \
    ASK(STATUS, "status") \
    ACT(RELOAD, "reload") \
    ASK(LIST, "list") \
    ASK(MESSAGE, "message") \
    ACT(RETRY, "retry") \
    ACT(HOLD, "hold") \
    ACT(RELEASE, "release") \
    ACT(DELETE, "delete") \
    ASK(DOMAINS, "domains") \
    ASK(DOMAIN, "domain") \
    ASK(ALARMS, "alarms") \
    ACT(CONFIRM, "confirm") \
    ASK(EXCEPTIONS, "exceptions") \
    ACT(EXCEPTION_ADD, "exception-add") \
    ACT(EXCEPTION_END, "exception-end") \
    ASK(PROBE, "probe") \
    ASK(STS, "sts") \
    ACT(STS_SET, "sts-set") \
    ASK(RPT_LIST, "tlsrpt-list") \
    ASK(RPT_SENT, "tlsrpt-sent") \
    ACT(RPT_SEND, "tlsrpt-send") \
    ACT(LEARN, "learn") \
    ASK(ACCOUNTS, "accounts") \
    ACT(ACCOUNT_PUT, "account-put") \
    ACT(ACCOUNT_DROP, "account-drop") \
    ACT(ACCOUNT_ENABLE, "account-enable") \
    ACT(ACCOUNT_DISABLE, "account-disable") \
    ASK(REFUSALS, "refusals") \
    ASK(REPLAY, "replay") \
    ASK(FORWARDS, "forwards") \
    ASK(ENVELOPES, "envelopes") \
    ASK(ENVELOPE, "envelope") \
    ACT(ENVELOPE_ACT, "envelope-act") \
    ASK(ACTS, "acts") \
    ASK(QUIRKS, "quirks") \
    ACT(FORGET_QUIRKS, "forget-quirks") \
    ACT(ACCOUNT_FORGIVE, "account-forgive")
#define ADMIN_VERB_ENUM(n, s) ADMIN_##n,
enum admin_verb { ADMIN_VERBS(ADMIN_VERB_ENUM, ADMIN_VERB_ENUM) ADMIN_END };

static inline const char *admin_verb_name(enum admin_verb v)
{
#define ADMIN_VERB_NAME(n, s) s,
    static const char *const names[] = {ADMIN_VERBS(ADMIN_VERB_NAME, ADMIN_VERB_NAME)};
    return v < ADMIN_END ? names[v] : "unknown";
}

/* Whether it changes something. */
static inline bool admin_verb_is_act(enum admin_verb v)
{
#define ADMIN_VERB_ASK(n, s) false,
#define ADMIN_VERB_ACT(n, s) true,
    static const bool acts[] = {ADMIN_VERBS(ADMIN_VERB_ASK, ADMIN_VERB_ACT)};
    return v < ADMIN_END && acts[v];
}

/* The same of one that is not started any more (cmd/posternd/misuse.c). */
#define STATUS_KEPT_DOWN \
    "kept down: it said again and again what it may not, and may have been taken over; look what " \
    "reached it, then: postern reload"
#define STATUS_NO_ANSWER \
    "no answer"              /* instead of the counters of a process that did not answer in time */
enum { ADMIN_BY_MAX = 100 }; /* octets of an administrator's name */

/* Whether an administrator's name can be kept as it is: UTF-8, not empty nor too long, no
 * control characters, no blank at an end. */
static inline bool admin_by_ok(struct str by)
{
    bool ok = by.n > 0 && by.n <= ADMIN_BY_MAX && marks_is_utf8(by) && by.p[0] != ' ' &&
              by.p[by.n - 1] != ' ';
    for (size_t i = 0; ok && i < by.n; i++) {
        ok = (unsigned char)by.p[i] >= ' ' && by.p[i] != 127;
    }
    return ok;
}
