/* SPDX-License-Identifier: Apache-2.0
 * decide.c: the decision table. Called by smtpout (per host), queue (per recipient), postern
 * explain, and the exhaustive test, which runs every combination of all inputs against a table
 * written on its own (tests/exhaustive).
 *
 * RFC 7672 (DANE), 8461 (MTA-STS), 8689 (REQUIRETLS), 7505 (null MX), 8460 section 3 (reports);
 * row names as in docs/decision.md. Nothing here may be made shorter by guessing: each row is one
 * `if` in table order.
 */
#include "policy/policy.h"

static enum grade stronger(enum grade a, enum grade b)
{
    return a > b ? a : b;
}

static enum grade force_floor(enum force force)
{
    switch (force) {
    case FORCE_NONE:
        return GRADE_PLAIN;
    case FORCE_ENCRYPT:
        return GRADE_ENCRYPT;
    case FORCE_CERT:
        return GRADE_CERT;
    case FORCE_AUTH:
        return GRADE_AUTH;
    case FORCE_PIN:
        return GRADE_PIN;
    case FORCE_END:
        break;
    }
    return GRADE_PIN;
}

static enum grade counts_floor(enum counts counts)
{
    switch (counts) {
    case COUNTS_ENCRYPT:
        return GRADE_ENCRYPT;
    case COUNTS_CERT:
        return GRADE_CERT;
    case COUNTS_AUTH:
    case COUNTS_END:
        break;
    }
    return GRADE_AUTH;
}

/* The recipient side is off: an exception, a permitted TLS-Required: No, or a pin that replaces
 * what the domain publishes. REQUIRETLS wins over TLS-Required: No (RFC 8689 section 4.1).
 * RFC 7672 9.1 MAY: DANE can be left out for single domains
 * RFC 8689 3 SHOULD: TLS-Required: No: sent whatever the recipient's policies say
 * RFC 8689 4.1 MUST: with REQUIRETLS the field is ignored */
static bool recipient_side_off(const struct facts *f)
{
    return f->override == OVERRIDE_RELAX || (f->trno != TRNO_OFF && !f->reqtls) ||
           f->force == FORCE_PIN;
}

static void raise_floor(struct requirement *need, enum grade *floor, enum raiser_bit who,
                        enum grade to)
{
    if (to > GRADE_PLAIN) {
        *floor = stronger(*floor, to);
        need->raised |= 1u << who;
        need->by[who] = to;
    }
}

/* RFC 8689 2 MUST: the server's certificate is good, by an authority or by DANE */
static void raise_for_sender(const struct facts *f, struct requirement *need)
{
    enum grade *floor = &need->sender_floor;
    raise_floor(need, floor, f->by_next_hop ? RAISED_BIT_NEXT_HOP : RAISED_BIT_RULE,
                force_floor(f->force));
    if (f->demand == DEMAND_SECURE) {
        raise_floor(need, floor, f->off_site ? RAISED_BIT_HOUSE : RAISED_BIT_DEMAND,
                    counts_floor(f->counts));
    }
    if (f->reqtls) {
        raise_floor(need, floor, RAISED_BIT_REQUIRETLS, GRADE_AUTH);
    }
}

/* RFC 7672 2.2 MUST: unusable records: TLS, without a proof
 * RFC 7672 2.2.3 MUST NOT: secure records of any kind: nothing in clear
 * RFC 8461 4 MUST: the server's name is in the policy and its certificate is good */
static void raise_for_recipient(const struct facts *f, struct requirement *need)
{
    enum grade *floor = &need->recipient_floor;
    bool dane_decides = f->tlsa == TLSA_USABLE && f->mx == MX_SECURE;
    if (f->tlsa == TLSA_USABLE || f->tlsa == TLSA_UNUSABLE) {
        raise_floor(need, floor, RAISED_BIT_DANE, GRADE_ENCRYPT);
    }
    if (f->sts == STS_MATCH && !dane_decides) {
        raise_floor(need, floor, RAISED_BIT_STS, GRADE_AUTH);
    }
    if (f->seen) {
        raise_floor(need, floor, RAISED_BIT_MEMORY, GRADE_ENCRYPT);
    }
    need->dane_must_match = f->tlsa == TLSA_USABLE;
}

struct requirement policy_requirement(const struct facts *f)
{
    struct requirement need = {.soft = recipient_side_off(f)};
    raise_for_sender(f, &need);
    if (!need.soft) {
        raise_for_recipient(f, &need);
    }
    need.floor = stronger(need.sender_floor, need.recipient_floor);
    return need;
}

/* The MX name is vouched for by DNSSEC, or by an enforced MTA-STS policy (testing does not).
 * RFC 7672 2.2.1 MUST NOT: a server found insecurely is not called proved
 * RFC 8689 2 MUST: the server's name is vouched for by DNSSEC or MTA-STS */
static bool name_is_vouched(const struct facts *f)
{
    return f->mx == MX_SECURE || f->sts == STS_MATCH;
}

enum grade policy_grade(const struct facts *f)
{
    switch (f->sess) {
    case SESS_NOCONN:
    case SESS_NOADV:
    case SESS_REFUSED:
    case SESS_HSFAIL:
        return GRADE_PLAIN;
    case SESS_LEGACY:
    case SESS_PKIX_BAD:
        return GRADE_ENCRYPT;
    case SESS_DANE_OK:
    case SESS_PKIX_OK:
        return name_is_vouched(f) ? GRADE_AUTH : GRADE_CERT;
    case SESS_PIN_OK:
        return GRADE_PIN;
    case SESS_END:
        break;
    }
    return GRADE_PLAIN;
}

static void decide_answer(struct host_verdict *v, enum host_class class, enum reason reason)
{
    v->class = class;
    v->reason = reason;
}

/* H1 to H5: what stands before any connection. True when a row fitted.
 * RFC 7672 2.1.2 MUST: a lookup of servers that fails keeps the mail
 * RFC 7672 2.1.2 MUST NOT: no connection to a host whose TLSA lookup failed
 * RFC 7672 2.2 MUST: lookup errors: the next server, or the mail waits
 * RFC 8461 5 MUST NOT: enforce: nothing to a host that does not fit
 * RFC 8461 5 SHOULD: what the policy forbids waits */
static bool judge_lookups(const struct facts *f, struct host_verdict *v)
{
    bool dane_decides = f->tlsa == TLSA_USABLE && f->mx == MX_SECURE;
    if (f->mx == MX_NULL) { /* H1 */
        decide_answer(v, HOST_PERMANENT, REASON_NULL_MX);
    } else if (f->mx == MX_ERROR) { /* H2 */
        decide_answer(v, HOST_TEMPORARY, REASON_MX_LOOKUP);
    } else if (!v->need.soft && f->tlsa == TLSA_ERROR) { /* H3 */
        decide_answer(v, HOST_TEMPORARY, REASON_TLSA_LOOKUP);
    } else if (!v->need.soft && f->sts == STS_WAIT) { /* H4 */
        decide_answer(v, HOST_TEMPORARY, REASON_STS_LOOKUP);
    } else if (!v->need.soft && f->sts == STS_NOMATCH && !dane_decides) { /* H5 */
        decide_answer(v, HOST_TEMPORARY, REASON_MX_NOT_IN_POLICY);
    } else {
        return false;
    }
    return true;
}

/* H6 to H8: no TLS came about. True when a row fitted.
 * RFC 8461 5 MUST NOT: enforce: nothing without STARTTLS
 * RFC 8460 3 MUST: reports arrive whatever TLS failures there are
 * RFC 8460 5.3.1 MUST NOT: MTA-STS and DANE do not stop a report */
static bool judge_no_tls(const struct facts *f, struct host_verdict *v, bool cannot)
{
    bool floor_is_plain = v->need.floor == GRADE_PLAIN;
    switch (f->sess) {
    case SESS_NOCONN: /* H6 */
        decide_answer(v, HOST_TEMPORARY, REASON_CONNECT);
        return true;
    case SESS_NOADV: /* H7, H7a, H7b, H7c */
        if (floor_is_plain && !v->need.soft && f->look == LOOK_INCOMPLETE) {
            decide_answer(v, HOST_TEMPORARY, REASON_LOOK_INCOMPLETE);
        } else if (floor_is_plain) {
            decide_answer(v, HOST_SEND, REASON_SENT_PLAIN);
        } else {
            decide_answer(v, cannot ? HOST_CLEAR : HOST_TEMPORARY, REASON_NO_STARTTLS);
        }
        return true;
    case SESS_REFUSED: /* H8a, H8b */
    case SESS_HSFAIL:
        if (f->trno == TRNO_REPORT && floor_is_plain) {
            /* RFC 8460 section 3: our own reports only */
            decide_answer(v, HOST_SEND, REASON_SENT_PLAIN);
        } else {
            v->need.raised |= RAISED(OFFER);
            decide_answer(v, HOST_TEMPORARY,
                          f->sess == SESS_REFUSED ? REASON_TLS_REFUSED : REASON_TLS_FAILED);
        }
        return true;
    case SESS_LEGACY:
    case SESS_DANE_OK:
    case SESS_PIN_OK:
    case SESS_PKIX_OK:
    case SESS_PKIX_BAD:
    case SESS_END:
        break;
    }
    return false;
}

bool policy_barred(const struct facts *f, struct host_verdict *ret)
{
    *ret = (struct host_verdict){.need = policy_requirement(f)};
    return judge_lookups(f, ret);
}

/* RFC 7672 2.2 MUST: usable records: TLS, and the server proves itself by them
 * RFC 7672 2.2 MUST: where that fails, the next server, or the mail waits
 * RFC 7672 3.2 MUST NOT: nothing is delivered where none fits
 * RFC 7672 9.1 MUST NOT: no delivery without a match unless configured
 * RFC 8461 2 MUST NOT: MTA-STS does not rescue a failed DANE check
 * RFC 8689 2 MUST: the server announces it inside TLS
 * RFC 8689 4.2.1 MUST NOT: no host fits: nothing is sent
 * RFC 3207 4.1 MUST: both sides look at what was negotiated */
struct host_verdict policy_host(const struct facts *f)
{
    struct host_verdict v = {.need = policy_requirement(f), .grade = policy_grade(f)};
    /* only the sender demands it, or REQUIRETLS does, whatever else: then a peer without it is a
     * failure that the sender is told at once (RFC 8689 4.2.1) */
    bool cannot =
        f->reqtls || (v.need.sender_floor > GRADE_PLAIN && v.need.recipient_floor == GRADE_PLAIN);
    if (judge_lookups(f, &v) || judge_no_tls(f, &v, cannot)) {
        return v;
    }
    if (f->sess == SESS_LEGACY && v.need.floor == GRADE_PLAIN) { /* H9a */
        decide_answer(&v, HOST_SEND, REASON_SENT_LEGACY);
    } else if (f->sess == SESS_LEGACY) { /* H9b */
        decide_answer(&v, HOST_CLEAR, REASON_WEAK_CRYPTO);
    } else if (v.need.dane_must_match && f->sess != SESS_DANE_OK) { /* H10 */
        decide_answer(&v, f->reqtls && v.grade < v.need.floor ? HOST_CLEAR : HOST_TEMPORARY,
                      REASON_DANE_MISMATCH);
    } else if (v.grade < v.need.floor) { /* H11a, H11b */
        decide_answer(&v, cannot ? HOST_CLEAR : HOST_TEMPORARY, REASON_GRADE_TOO_LOW);
    } else if (f->reqtls && !f->ext) { /* H12 */
        decide_answer(&v, HOST_CLEAR, REASON_NO_REQUIRETLS);
    } else { /* H13 */
        decide_answer(&v, HOST_SEND, REASON_SENT);
    }
    return v;
}

/* Of two reasons of one class: the later host's, but a look that is not complete is what mail waits
 * for whatever the others said, and "no connection" says less than any answer. */
static enum reason join_reasons(enum reason before, enum reason now)
{
    bool keep = before == REASON_LOOK_INCOMPLETE || now == REASON_CONNECT;
    return keep ? before : now;
}

/* The class of several hosts: theirs if equal, else temporary. The reason is joined among those of
 * one class, unless an earlier one differs in class: then the first temporary one's. */
static struct host_verdict join_hosts(const struct host_verdict *hosts, unsigned n)
{
    struct host_verdict joined = {.class = HOST_TEMPORARY, .reason = REASON_CONNECT};
    for (unsigned i = 0; i < n; i++) {
        if (i == 0) {
            joined = hosts[i];
        } else if (hosts[i].class == joined.class) {
            joined.reason = join_reasons(joined.reason, hosts[i].reason);
        } else if (joined.class != HOST_TEMPORARY) {
            enum reason keep = hosts[i].class == HOST_TEMPORARY ? hosts[i].reason : joined.reason;
            joined.class = HOST_TEMPORARY;
            joined.reason = keep;
        }
        joined.need.raised |= hosts[i].need.raised;
    }
    return joined;
}

static struct verdict decide_conclude(const struct facts *f, const struct host_verdict *host,
                                      enum action action, enum reason reason)
{
    bool falls_back = action == ACTION_FALLBACK || action == ACTION_DEFER_FALLBACK;
    return (struct verdict){
        .action = action,
        .reason = reason,
        .grade = action == ACTION_SEND ? host->grade : GRADE_PLAIN,
        .channel = falls_back ? f->ladder : LADDER_NONE,
        .need = host->need,
    };
}

/* RFC 8689 4.2.1 MUST: and the sender is told at once */
struct verdict policy_recipient(const struct facts *f, const struct host_verdict *hosts, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (hosts[i].class == HOST_SEND && f->demand != DEMAND_ESCALATED) { /* D2 */
            return decide_conclude(f, &hosts[i], ACTION_SEND, hosts[i].reason);
        }
    }
    struct host_verdict all = join_hosts(hosts, n);
    bool null_mx = f->mx == MX_NULL;
    bool has_ladder = f->ladder != LADDER_NONE;
    if (f->demand == DEMAND_ESCALATED) { /* D1 */
        if (null_mx) {
            return decide_conclude(f, &all, ACTION_BOUNCE, REASON_NULL_MX);
        }
        return has_ladder ? decide_conclude(f, &all, ACTION_FALLBACK, REASON_ESCALATED)
                          : decide_conclude(f, &all, ACTION_BOUNCE, REASON_NO_SECURE_CHANNEL);
    }
    if (all.class == HOST_PERMANENT) { /* D3 */
        return decide_conclude(f, &all, ACTION_BOUNCE, all.reason);
    }
    if (f->demand == DEMAND_SECURE && has_ladder) { /* D4, D5 */
        return decide_conclude(f, &all,
                               all.class == HOST_CLEAR ? ACTION_FALLBACK : ACTION_DEFER_FALLBACK,
                               all.reason);
    }
    if (f->reqtls && all.class == HOST_CLEAR) { /* D6 */
        return decide_conclude(f, &all, ACTION_BOUNCE, all.reason);
    }
    return decide_conclude(f, &all, ACTION_DEFER, all.reason); /* D7 */
}

struct verdict policy_decide(const struct facts *f)
{
    struct host_verdict host = policy_host(f);
    return policy_recipient(f, &host, 1);
}
