/* SPDX-License-Identifier: Apache-2.0
 * facts.h: the fourteen inputs of the delivery decision. Types only, closed enums.
 *
 * One value of struct facts describes one recipient and one MX host (or configured next hop).
 * docs/decision.md explains each input; the table itself is in policy/decide.c.
 */
#pragma once
#include <stdbool.h>

/* TLS grades, weakest first; a floor is a grade too. */
#define POLICY_GRADES(X) \
    X(PLAIN, "plain") \
    X(ENCRYPT, "encrypt") \
    X(CERT, "cert") \
    X(AUTH, "auth") \
    X(PIN, "pin")
/* The rule that matched, by its demand on transport. */
#define POLICY_FORCES(X) \
    X(NONE, "none") \
    X(ENCRYPT, "encrypt") \
    X(CERT, "cert") \
    X(AUTH, "auth") \
    X(PIN, "pin")
#define POLICY_OVERRIDES(X) \
    X(NONE, "none") \
    X(RELAX, "relax")
#define POLICY_DEMANDS(X) \
    X(NONE, "none") \
    X(SECURE, "secure") \
    X(ESCALATED, "escalated")
#define POLICY_COUNTS(X) \
    X(ENCRYPT, "encrypt") \
    X(CERT, "cert") \
    X(AUTH, "auth")
#define POLICY_LADDERS(X) \
    X(NONE, "none") \
    X(MSGENC, "msgenc") \
    X(PORTAL, "portal")
#define POLICY_TRNOS(X) \
    X(OFF, "off") \
    X(RELAX, "relax") \
    X(REPORT, "report")
#define POLICY_MXES(X) \
    X(SECURE, "secure") \
    X(INSECURE, "insecure") \
    X(ERROR, "error") \
    X(NULL, "null")
#define POLICY_TLSAS(X) \
    X(NONE, "none") \
    X(USABLE, "usable") \
    X(UNUSABLE, "unusable") \
    X(ERROR, "error")
#define POLICY_STSES(X) \
    X(NONE, "none") \
    X(TESTING, "testing") \
    X(MATCH, "match") \
    X(NOMATCH, "nomatch") \
    X(WAIT, "wait")
#define POLICY_SESSES(X) \
    X(NOCONN, "noconn") \
    X(NOADV, "noadv") \
    X(REFUSED, "refused") \
    X(HSFAIL, "hsfail") \
    X(LEGACY, "legacy") \
    X(DANE_OK, "dane_ok") \
    X(PIN_OK, "pin_ok") \
    X(PKIX_OK, "pkix_ok") \
    X(PKIX_BAD, "pkix_bad")

/* Plaintext rests on a look at all addresses of all the domain's servers. Overdue: it never became
 * complete within the configured patience. The first value is the safe one. */
#define POLICY_LOOKS(X) \
    X(INCOMPLETE, "incomplete") \
    X(COMPLETE, "complete") \
    X(OVERDUE, "overdue")

#define POLICY_GRADE_ENUM(n, s)    GRADE_##n,
#define POLICY_FORCE_ENUM(n, s)    FORCE_##n,
#define POLICY_OVERRIDE_ENUM(n, s) OVERRIDE_##n,
#define POLICY_DEMAND_ENUM(n, s)   DEMAND_##n,
#define POLICY_COUNT_ENUM(n, s)    COUNTS_##n,
#define POLICY_LADDER_ENUM(n, s)   LADDER_##n,
#define POLICY_TRNO_ENUM(n, s)     TRNO_##n,
#define POLICY_MX_ENUM(n, s)       MX_##n,
#define POLICY_TLSA_ENUM(n, s)     TLSA_##n,
#define POLICY_STS_ENUM(n, s)      STS_##n,
#define POLICY_SESS_ENUM(n, s)     SESS_##n,
#define POLICY_LOOK_ENUM(n, s)     LOOK_##n,

enum grade { POLICY_GRADES(POLICY_GRADE_ENUM) GRADE_END };
enum force { POLICY_FORCES(POLICY_FORCE_ENUM) FORCE_END };
enum override { POLICY_OVERRIDES(POLICY_OVERRIDE_ENUM) OVERRIDE_END };
enum demand { POLICY_DEMANDS(POLICY_DEMAND_ENUM) DEMAND_END };
enum counts { POLICY_COUNTS(POLICY_COUNT_ENUM) COUNTS_END };
enum ladder { POLICY_LADDERS(POLICY_LADDER_ENUM) LADDER_END };
enum trno { POLICY_TRNOS(POLICY_TRNO_ENUM) TRNO_END };
enum mx { POLICY_MXES(POLICY_MX_ENUM) MX_END };
enum tlsa { POLICY_TLSAS(POLICY_TLSA_ENUM) TLSA_END };
enum sts { POLICY_STSES(POLICY_STS_ENUM) STS_END };
enum sess { POLICY_SESSES(POLICY_SESS_ENUM) SESS_END };
enum look_state { POLICY_LOOKS(POLICY_LOOK_ENUM) LOOK_END };

struct facts {
    enum force force;       /* maximum over all matching rules and the next hop's own setting */
    enum override override; /* administrator's exception for the recipient domain */
    enum demand demand;     /* content filter: secure; flag or mandatory group: escalated */
    enum counts counts;     /* which grade satisfies `secure` */
    enum ladder ladder;     /* best channel below transport */
    bool reqtls;            /* REQUIRETLS (RFC 8689) */
    enum trno trno;         /* TLS-Required: No after local permission */
    enum mx mx;             /* a configured next hop counts as secure */
    enum tlsa tlsa;
    enum sts sts;
    bool seen;            /* the domain offered TLS before */
    enum sess sess;       /* what happened with this host */
    bool ext;             /* REQUIRETLS offered inside TLS */
    enum look_state look; /* were all servers of the domain asked for STARTTLS? */
    /* force is the setting of relay or deliver-to: for words, not for the decision */
    bool by_next_hop;
    /* the demand is the house's alone (docs/decisions/0032): for words, not for the decision */
    bool off_site;
};
