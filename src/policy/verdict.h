/* SPDX-License-Identifier: Apache-2.0
 * verdict.h: what the decision concludes. Types only, closed enums, each with its name.
 */
#pragma once
#include "policy/facts.h"
#include <stdint.h>

#define POLICY_ACTIONS(X) \
    X(SEND, "send") \
    X(DEFER, "defer") \
    X(BOUNCE, "bounce") \
    X(FALLBACK, "fallback") \
    X(DEFER_FALLBACK, "defer, then fallback")
#define POLICY_ACTION_ENUM(n, s) ACTION_##n,
enum action { POLICY_ACTIONS(POLICY_ACTION_ENUM) ACTION_END };

/* What one host told us: send, or a failure that is temporary, clear (the peer plainly cannot) or
 * permanent. */
enum host_class { HOST_SEND, HOST_TEMPORARY, HOST_CLEAR, HOST_PERMANENT, HOST_CLASS_END };

#define R(symbol, name, deferred, bounced, result, sentence) REASON_##symbol,
enum reason {
#include "policy/reasons.tbl"
    REASON_END
};
#undef R

/* Who raised the floor: every one that did, as a set of bits. */
#define POLICY_RAISERS(X) \
    X(RULE, "a rule for this sender or recipient") \
    X(DEMAND, "the content or a flag of the message") \
    X(REQUIRETLS, "the sender's REQUIRETLS") \
    X(DANE, "the recipient domain's DANE records") \
    X(STS, "the recipient domain's MTA-STS policy") \
    X(MEMORY, "the domain has offered encryption") \
    X(OFFER, "the server offered encryption: then nothing goes in clear") \
    X(HOUSE, "the rule of the house for copies and for what inside servers send on") \
    X(NEXT_HOP, "the tls setting of relay or deliver-to")
#define POLICY_RAISER_ENUM(n, s) RAISED_BIT_##n,
enum raiser_bit { POLICY_RAISERS(POLICY_RAISER_ENUM) RAISED_END };
#define RAISED(n) (1u << RAISED_BIT_##n)

/* What is demanded of a host before it is contacted. */
struct requirement {
    enum grade floor; /* the joined minimum */
    enum grade sender_floor;
    enum grade recipient_floor;
    bool dane_must_match;
    bool soft;                 /* the recipient side is switched off */
    uint32_t raised;           /* RAISED() bits */
    enum grade by[RAISED_END]; /* how much each of them demands */
};

struct host_verdict {
    enum host_class class;
    enum grade grade; /* of the session as it is */
    enum reason reason;
    struct requirement need;
};

struct verdict {
    enum action action;
    enum ladder channel; /* for fallback actions */
    enum grade grade;
    enum reason reason;
    struct requirement need;
};
