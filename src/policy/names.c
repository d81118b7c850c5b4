/* SPDX-License-Identifier: Apache-2.0
 * names.c: the names and sentences of facts, verdicts and reasons, from their tables. Pure. Called
 * by reports, logs and commands.
 */
#include "policy/alarm.h"
#include "policy/policy.h"

#include <string.h>

#define NAME_OF(n, s)     s,
#define RAISER_WORD(n, s) #n,
static const char *const grade_names[] = {POLICY_GRADES(NAME_OF)};
static const char *const force_names[] = {POLICY_FORCES(NAME_OF)};
static const char *const mx_names[] = {POLICY_MXES(NAME_OF)};
static const char *const sess_names[] = {POLICY_SESSES(NAME_OF)};
static const char *const action_names[] = {POLICY_ACTIONS(NAME_OF)};
static const char *const raiser_sentences[] = {POLICY_RAISERS(NAME_OF)};

struct reason_row {
    const char *name, *deferred, *bounced, *result, *sentence;
};

#define R(symbol, name, deferred, bounced, result, sentence) \
    {name, deferred, bounced, result, sentence},
static const struct reason_row reasons[] = {
#include "policy/reasons.tbl"
};
#undef R

const char *grade_name(enum grade g)
{
    return g < GRADE_END ? grade_names[g] : "unknown";
}

const char *force_name(enum force f)
{
    return f < FORCE_END ? force_names[f] : "unknown";
}

const char *mx_name(enum mx m)
{
    return m < MX_END ? mx_names[m] : "unknown";
}

const char *sess_name(enum sess s)
{
    return s < SESS_END ? sess_names[s] : "unknown";
}

const char *action_name(enum action a)
{
    return a < ACTION_END ? action_names[a] : "unknown";
}

const char *raiser_sentence(enum raiser_bit bit)
{
    return bit < RAISED_END ? raiser_sentences[bit] : "unknown";
}

static const struct reason_row *names_row(enum reason r)
{
    return &reasons[r < REASON_END ? r : REASON_NONE];
}

const char *reason_name(enum reason r)
{
    return names_row(r)->name;
}

const char *reason_sentence(enum reason r)
{
    return names_row(r)->sentence;
}

const char *reason_deferred_code(enum reason r)
{
    return names_row(r)->deferred;
}

/* RFC 8689 4.2.1 SHOULD: with status 5.7.30 or 5.7.10 */
const char *reason_bounced_code(enum reason r)
{
    return names_row(r)->bounced;
}

bool reason_is_tls(enum reason r)
{
    return r == REASON_NO_REQUIRETLS || r == REASON_LOOK_INCOMPLETE ||
           names_row(r)->result[0] != '\0';
}

bool reason_is_before_session(enum reason r)
{
    return r == REASON_NULL_MX || r == REASON_MX_LOOKUP || r == REASON_NO_DOMAIN ||
           r == REASON_NO_HOST || r == REASON_LOOP || r == REASON_TLSA_LOOKUP ||
           r == REASON_STS_LOOKUP || r == REASON_DANE_REQUIRED || r == REASON_MX_NOT_IN_POLICY ||
           r == REASON_CONNECT;
}

void raisers_text(uint32_t raised, char *dst, size_t size)
{
    static const char *const words[] = {POLICY_RAISERS(RAISER_WORD)};
    size_t n = 0;
    *dst = '\0';
    for (unsigned bit = 0; bit < RAISED_END; bit++) {
        const char *word = words[bit];
        size_t need = strlen(word) + (n > 0);
        if ((raised & (1u << bit)) && n + need < size) {
            dst[n] = ',';
            n += n > 0;
            for (; *word; word++) {
                dst[n++] = *word >= 'A' && *word <= 'Z' ? (char)(*word + 32) : *word;
            }
            dst[n] = '\0';
        }
    }
}

const char *reason_report_result(enum reason r)
{
    return names_row(r)->result;
}

#define ALARM_NAME(n, s, words)  s,
#define ALARM_WORDS(n, s, words) words,
static const char *const alarm_names[] = {POLICY_ALARMS(ALARM_NAME)};
static const char *const alarm_sentences[] = {POLICY_ALARMS(ALARM_WORDS)};

const char *alarm_name(enum alarm_kind k)
{
    return k < ALARM_KIND_END ? alarm_names[k] : "unknown";
}

const char *alarm_sentence(enum alarm_kind k)
{
    return k < ALARM_KIND_END ? alarm_sentences[k] : "unknown";
}

static const char *const tlsa_names[] = {POLICY_TLSAS(NAME_OF)};
static const char *const sts_names[] = {POLICY_STSES(NAME_OF)};

const char *tlsa_name(enum tlsa t)
{
    return t < TLSA_END ? tlsa_names[t] : "unknown";
}

const char *sts_name(enum sts s)
{
    return s < STS_END ? sts_names[s] : "unknown";
}
