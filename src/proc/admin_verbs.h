/* SPDX-License-Identifier: Apache-2.0
 * admin_verbs.h: what the postern command may ask of posternd and of the queue.
 */
#pragma once

#define ADMIN_VERBS(X)                                                                             \
    X(STATUS, "status") X(RELOAD, "reload") X(LIST, "list") X(MESSAGE, "message") X(RETRY, "retry") \
    X(HOLD, "hold") X(RELEASE, "release") X(DELETE, "delete")                                      \
    X(DOMAINS, "domains") X(DOMAIN, "domain") X(ALARMS, "alarms") X(CONFIRM, "confirm")            \
    X(EXCEPTIONS, "exceptions") X(EXCEPTION_ADD, "exception-add") X(EXCEPTION_END, "exception-end") \
    X(PROBE, "probe") X(STS, "sts") X(RPT_LIST, "tlsrpt-list") X(RPT_SENT, "tlsrpt-sent")    \
    X(RPT_SEND, "tlsrpt-send") X(LEARN, "learn")                                                   \
    X(ACCOUNTS, "accounts") X(ACCOUNT_PUT, "account-put") X(ACCOUNT_DROP, "account-drop")         \
    X(ACCOUNT_ENABLE, "account-enable") X(ACCOUNT_DISABLE, "account-disable") X(REFUSALS, "refusals") \
    X(REPLAY, "replay") X(FORWARDS, "forwards") X(ENVELOPES, "envelopes")    \
    X(ENVELOPE, "envelope") X(ENVELOPE_ACT, "envelope-act")
#define ADMIN_VERB_ENUM(n, s) ADMIN_##n,
enum admin_verb { ADMIN_VERBS(ADMIN_VERB_ENUM) ADMIN_END };

static inline const char *admin_verb_name(enum admin_verb v)
{
#define ADMIN_VERB_NAME(n, s) s,
    static const char *const names[] = {ADMIN_VERBS(ADMIN_VERB_NAME)};
    return v < ADMIN_END ? names[v] : "unknown";
}
