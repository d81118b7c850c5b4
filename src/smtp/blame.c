/* SPDX-License-Identifier: Apache-2.0
 * blame.c: what a refusal of MAIL or RCPT is about: the words after the address (RFC 5321
 * 4.1.1.11), or the address. Pure. Called by client.c.
 *
 * What can go wrong: an answer that says nothing clear. Then this is a guess; who asks takes it
 * back when it does not help.
 */
#include "smtp/blame.h"

static bool mentions(const struct smtp_answer *a, const char *word)
{
    struct str text = buf_str(&a->text), w = str_c(word);
    for (size_t i = 0; i + w.n <= text.n; i++) {
        if (str_eq_nocase(str_slice(text, i, i + w.n), w)) {
            return true;
        }
    }
    return false;
}

/* True for a refusal that may be about the words after the address, not the address itself (RFC
 * 5321 4.1.1.11, RFC 3463 3.6: X.5.Z is about the protocol). */
static bool may_mean_words(const struct smtp_answer *a)
{
    struct str code = smtp_answer_enhanced(a);
    bool fits =
        a->code == 500 || a->code == 501 || a->code == 504 || a->code == 555 || a->code == 550;
    return fits && (code.n == 0 ? a->code != 550 : str_starts_nocase(code, STR("5.5.")));
}

/* Nothing but words after the address can be meant. */
static bool means_words(const struct smtp_answer *a)
{
    return a->code == 504 || a->code == 555 ||
           str_starts_nocase(smtp_answer_enhanced(a), STR("5.5.4"));
}

/* The words of ours that the answer names. One that repeats the whole command names nothing. */
static extension_set named_by(const struct smtp_answer *a, extension_set said)
{
    static const struct {
        enum extension extension;
        const char *words[3];
    } names[] = {
        {EXTENSION_DSN, {"RET=", "ENVID", "NOTIFY"}},
        {EXTENSION_SIZE, {"SIZE"}},
        {EXTENSION_8BITMIME, {"BODY", "8BIT"}},
        {EXTENSION_SMTPUTF8, {"UTF8"}},
    };
    extension_set named = 0;
    bool is_echo = mentions(a, "FROM:") || mentions(a, "TO:");
    for (size_t i = 0; i < ARRAY_LEN(names) && !is_echo; i++) {
        for (size_t k = 0; k < ARRAY_LEN(names[i].words) && names[i].words[k]; k++) {
            named |= mentions(a, names[i].words[k]) ? (extension_set)1 << names[i].extension : 0;
        }
    }
    return named & said;
}

static bool is_one(extension_set set)
{
    return set && (set & (set - 1)) == 0;
}

enum extension refusal_blames(const struct smtp_answer *a, extension_set said, bool others,
                              bool *ret_certain)
{
    static const struct {
        enum extension extension;
        bool needed;
    } order[] = {
        {EXTENSION_DSN, false},
        {EXTENSION_SIZE, false},
        {EXTENSION_8BITMIME, true},
        {EXTENSION_SMTPUTF8, true},
    };
    *ret_certain = false;
    if (!may_mean_words(a)) {
        return EXTENSION_END;
    }
    bool words_only = means_words(a);
    extension_set named = named_by(a, said), candidates = named ? named : said;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        bool is_candidate = candidates & (extension_set)1 << order[i].extension;
        if (is_candidate && (named || words_only || !order[i].needed)) {
            *ret_certain = is_one(named) || (words_only && is_one(said) && !others);
            return order[i].extension;
        }
    }
    return EXTENSION_END;
}
