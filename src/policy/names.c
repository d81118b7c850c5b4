/* SPDX-License-Identifier: Apache-2.0
 * names.c: the names and sentences of facts, verdicts and reasons, from their tables. Pure.
 */
#include "policy/policy.h"

#define NAME_OF(n, s) s,
static const char *const grade_names[] = {POLICY_GRADES(NAME_OF)};
static const char *const force_names[] = {POLICY_FORCES(NAME_OF)};
static const char *const mx_names[] = {POLICY_MXES(NAME_OF)};
static const char *const sess_names[] = {POLICY_SESSES(NAME_OF)};
static const char *const action_names[] = {POLICY_ACTIONS(NAME_OF)};
static const char *const raiser_sentences[] = {POLICY_RAISERS(NAME_OF)};

struct reason_row {
    const char *name, *deferred, *bounced, *result, *sentence;
};

#define R(symbol, name, deferred, bounced, result, sentence)                                       \
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

static const struct reason_row *row(enum reason r)
{
    return &reasons[r < REASON_END ? r : REASON_NONE];
}

const char *reason_name(enum reason r)
{
    return row(r)->name;
}

const char *reason_sentence(enum reason r)
{
    return row(r)->sentence;
}

const char *reason_deferred_code(enum reason r)
{
    return row(r)->deferred;
}

const char *reason_bounced_code(enum reason r)
{
    return row(r)->bounced;
}

const char *reason_report_result(enum reason r)
{
    return row(r)->result;
}
