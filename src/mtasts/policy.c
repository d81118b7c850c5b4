/* SPDX-License-Identifier: Apache-2.0
 * policy.c: TXT record (RFC 8461 3.1), policy (3.2), matching (4.1). Called by the lookup process
 * (parsing) and smtpout (matching); fuzzed.
 *
 * What can go wrong: anything a stranger can publish; the answer is then "invalid" with a sentence.
 */
#include "mtasts/policy.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_OF(n, s) s,
static const char *const mode_names[] = {STS_MODES(NAME_OF)};

const char *sts_mode_name(enum sts_mode m)
{
    return m < STS_MODE_END ? mode_names[m] : "unknown";
}

/* --- the TXT record ----------------------------------------------------- */

static bool policy_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "v=STSv1" with blanks allowed before the semicolon (docs/decision.md, choice 15).
 * RFC 8461 3.1 MUST: the record begins with its version */
static bool is_sts_record(struct str text, struct str *ret_rest)
{
    size_t semicolon = str_find(text, ';', 0);
    *ret_rest = str_slice(text, semicolon < text.n ? semicolon + 1 : text.n, text.n);
    return str_eq(str_trim(str_slice(text, 0, semicolon)), STR("v=STSv1")) && semicolon < text.n &&
           str_starts_nocase(text, STR("v"));
}

/* Of duplicates the first counts (RFC 8461 3.2).
 * RFC 8461 3.2 MUST: of fields that are there twice the first counts */
static int take_id(struct str value, char id[STS_ID_MAX])
{
    if (id[0]) {
        return 0;
    }
    if (value.n < 1 || value.n > 32) {
        return -EINVAL;
    }
    for (size_t i = 0; i < value.n; i++) {
        if (!policy_is_alnum(value.p[i])) {
            return -EINVAL;
        }
    }
    return str_copy(value, id, STS_ID_MAX);
}

static int read_record(struct str rest, char id[STS_ID_MAX])
{
    struct str field;
    id[0] = '\0';
    while (rest.n > 0 && str_split(&rest, ';', &field)) {
        struct str text = str_trim(field);
        size_t equal = str_find(text, '=', 0);
        struct str key = str_trim(str_slice(text, 0, equal));
        if (text.n == 0 && rest.n == 0) {
            break; /* a delimiter at the end */
        }
        if (equal == text.n || key.n == 0) {
            return -EINVAL;
        }
        if (str_eq(key, STR("id")) &&
            take_id(str_trim(str_slice(text, equal + 1, text.n)), id) < 0) {
            return -EINVAL;
        }
    }
    return id[0] ? 0 : -EINVAL;
}

/* RFC 8461 3.1 MUST: not exactly one valid record: no policy is found */
enum sts_record sts_record_find(const char *const *texts, size_t n, char id[STS_ID_MAX])
{
    struct str rest, chosen = STR_NONE;
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        if (texts[i] && is_sts_record(str_c(texts[i]), &rest)) {
            chosen = rest;
            found++;
        }
    }
    id[0] = '\0';
    if (found == 0) {
        return STS_RECORD_NONE;
    }
    return found == 1 && read_record(chosen, id) == 0 ? STS_RECORD_ONE : STS_RECORD_INVALID;
}

/* --- the policy --------------------------------------------------------- */

/* One policy being read: which keys were there. */
struct reading {
    struct sts_policy *policy;
    struct buf mx;
    size_t n_mx;
    bool version, mode, max_age;
    const char *problem;
};

static bool key_ok(struct str key)
{
    bool ok = key.n >= 1 && key.n <= 32 && policy_is_alnum(key.p[0]);
    for (size_t i = 0; ok && i < key.n; i++) {
        ok = policy_is_alnum(key.p[i]) || key.p[i] == '_' || key.p[i] == '-' || key.p[i] == '.';
    }
    return ok;
}

static const char *take_version(struct reading *r, struct str value)
{
    if (!r->version && !str_eq(value, STR("STSv1"))) {
        return "version is not STSv1";
    }
    r->version = true;
    return NULL;
}

static const char *take_mode(struct reading *r, struct str value)
{
    if (r->mode) {
        return NULL; /* of duplicates the first counts (RFC 8461 3.2) */
    }
    for (int i = 0; i < STS_MODE_END; i++) {
        if (str_eq(value, str_c(mode_names[i]))) {
            r->policy->mode = (enum sts_mode)i;
            r->mode = true;
            return NULL;
        }
    }
    return "mode is not none, testing or enforce";
}

/* RFC 8461 10.2 SHOULD: long max_age of others is kept */
static const char *take_max_age(struct reading *r, struct str value)
{
    uint64_t n;
    if (r->max_age) {
        return NULL;
    }
    if (value.n < 1 || value.n > 10 || str_to_u64(value, 9999999999ULL, &n) < 0) {
        return "max_age is not a number of seconds";
    }
    r->policy->max_age_s = n < STS_MAX_AGE_S ? (uint32_t)n : STS_MAX_AGE_S;
    r->max_age = true;
    return NULL;
}

/* A pattern is a DNS name of labels (RFC 8461 3.2, 4.1); one final dot is taken as that of an
 * absolute name.
 * RFC 8461 3.2 MUST: names are A-labels */
static const char *take_mx(struct reading *r, struct str value)
{
    value.n -= value.n > 0 && value.p[value.n - 1] == '.';
    struct str domain = str_starts_nocase(value, STR("*.")) ? str_slice(value, 2, value.n) : value;
    if (!address_domain_ok(domain, false)) {
        return "mx is not a host name, or a wildcard stands elsewhere than in the first label";
    }
    if (++r->n_mx > STS_MX_MAX) {
        return "there are too many mx lines";
    }
    for (size_t i = 0; i < value.n; i++) {
        char c = str_lower(value.p[i]);
        if (buf_append(&r->mx, &c, 1) < 0) {
            return "the mx lines are too long";
        }
    }
    return buf_append(&r->mx, "\n", 1) < 0 ? "the mx lines are too long" : NULL;
}

/* RFC 8461 3.2 MUST: unknown fields of record and policy are ignored */
static const char *policy_take_line(struct reading *r, struct str line)
{
    size_t colon = str_find(line, ':', 0);
    struct str key = str_slice(line, 0, colon);
    if (colon == line.n || !key_ok(key)) {
        return "a line is not \"key: value\"";
    }
    struct str value = str_trim(str_slice(line, colon + 1, line.n));
    for (size_t i = 0; i < value.n; i++) {
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f) {
            return "a line holds a control character";
        }
    }
    return str_eq(key, STR("version"))   ? take_version(r, value)
           : str_eq(key, STR("mode"))    ? take_mode(r, value)
           : str_eq(key, STR("max_age")) ? take_max_age(r, value)
           : str_eq(key, STR("mx"))      ? take_mx(r, value)
                                         : NULL;
}

static const char *whole_problem(const struct reading *r)
{
    return !r->version                                        ? "version is missing"
           : !r->mode                                         ? "mode is missing"
           : !r->max_age                                      ? "max_age is missing"
           : r->n_mx == 0 && r->policy->mode != STS_MODE_NONE ? "there is no mx line"
                                                              : NULL;
}

int sts_policy_parse(struct str text, struct sts_policy *ret, char *problem, size_t size)
{
    struct reading r = {.policy = ret, .mx = BUF_INIT(STS_POLICY_OCTETS_MAX)};
    struct str rest = text, line;
    const char *wrong = text.n > STS_POLICY_OCTETS_MAX ? "it is larger than 64 KiB" : NULL;
    *ret = (struct sts_policy){0};
    while (!wrong && rest.n > 0 && str_split(&rest, '\n', &line)) {
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        wrong = str_trim(line).n > 0 ? policy_take_line(&r, line) : NULL;
    }
    wrong = wrong ? wrong : whole_problem(&r);
    if (wrong) {
        snprintf(problem, size, "%s", wrong);
    } else {
        ret->mx = str_dup(buf_str(&r.mx));
    }
    buf_free(&r.mx);
    return wrong ? -EINVAL : 0;
}

void sts_policy_clear(struct sts_policy *p)
{
    free(p->mx);
    *p = (struct sts_policy){0};
}

/* A wildcard stands for exactly one label (RFC 8461 4.1).
 * RFC 8461 4.1 MUST: a pattern's * is exactly one label */
static bool pattern_covers(struct str pattern, struct domain_name mx)
{
    bool wild = str_starts_nocase(pattern, STR("*."));
    struct str name = domain_str(&mx);
    size_t dot = wild ? str_find(name, '.', 0) : 0;
    return domain_is_name(mx) && (!wild || dot < name.n) &&
           domain_eq(domain_from(str_slice(pattern, wild ? 2 : 0, pattern.n)),
                     domain_from(str_slice(name, wild ? dot + 1 : 0, name.n)));
}

bool sts_policy_covers(struct str patterns, struct domain_name mx)
{
    struct str pattern;
    while (patterns.n > 0 && str_split(&patterns, '\n', &pattern)) {
        if (pattern.n > 0 && pattern_covers(pattern, mx)) {
            return true;
        }
    }
    return false;
}
