/* SPDX-License-Identifier: Apache-2.0
 * flags.c: finding flags. What can go wrong: a word in brackets that is nearly a flag and means
 * something else; only short distances count, and the rules say what happens then.
 */
#include "policy/flags.h"
#include "base/unseen.h"
#include "base/err.h"

enum { FOLDED_MAX = 64, RAW_MAX = 100, NEAR_LEAST = 5, PHRASE_LEAST = 16, LINE_LOOK = 1000 };

static bool flags_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Octets of a sign that nobody sees, or of a blank that is not ASCII, at `at`; 0: none. */
static size_t unseen(struct str s, size_t at)
{
    struct str rest = str_slice(s, at, s.n);
    size_t n = unseen_at(rest);
    return n > 0 ? n : unseen_blank_at(rest);
}

/* The sign at `at` as ASCII where it is that, or its form of full width (U+FF01 to U+FF5E), or a
 * black bracket of East Asia; else its own octet. *ret_n: its octets. */
static char sign_at(struct str s, size_t at, size_t *ret_n)
{
    const unsigned char *p = (const unsigned char *)s.p + at;
    *ret_n = 1;
    if (p[0] < 0xe3 || at + 3 > s.n) {
        return s.p[at];
    }
    bool wide = p[0] == 0xef && ((p[1] == 0xbc && p[2] >= 0x81) || (p[1] == 0xbd && p[2] <= 0x9e));
    bool black = p[0] == 0xe3 && p[1] == 0x80 && (p[2] == 0x90 || p[2] == 0x91);
    *ret_n = wide || black ? 3 : 1;
    return black  ? (p[2] == 0x90 ? '[' : ']')
           : wide ? (char)(p[1] == 0xbc ? p[2] - 0x60 : p[2] - 0x20)
                  : s.p[at];
}

/* Small letters, without blanks and what nobody sees. The octets used; more than fit: 0. */
static size_t fold(struct str s, char dst[FOLDED_MAX])
{
    size_t n = 0;
    for (size_t i = 0, step; i < s.n; i += step) {
        step = unseen(s, i);
        if (step > 0) {
            continue;
        }
        char c = sign_at(s, i, &step);
        if (flags_is_blank(c)) {
            continue;
        }
        if (n == FOLDED_MAX) {
            return 0;
        }
        dst[n++] = str_lower(c);
    }
    return n;
}

static bool flags_is_letter(char c)
{
    char low = str_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9');
}

static struct str inner(struct str folded)
{
    size_t from = 0, to = folded.n;
    while (from < to && !flags_is_letter(folded.p[from])) {
        from++;
    }
    while (to > from && !flags_is_letter(folded.p[to - 1])) {
        to--;
    }
    return str_slice(folded, from, to);
}

/* One slip of a hand: a letter too few, another letter (also one of two octets: [sécure]), two
 * that changed places, or one doubled. A letter more makes another word ([secured]), as do two
 * slips. */
static bool is_slip(struct str got, struct str want)
{
    size_t n = 0, less = got.n < want.n ? got.n : want.n;
    while (n < less && got.p[n] == want.p[n]) {
        n++;
    }
    struct str a = str_slice(got, n, got.n), b = str_slice(want, n, want.n);
    if (a.n + 1 == b.n) {
        return str_eq(a, str_slice(b, 1, b.n));
    }
    bool two_octets = a.n > 1 && (unsigned char)a.p[0] >= 0xc3 && (unsigned char)a.p[0] < 0xe0;
    if (a.n == b.n + 1 && two_octets) {
        return str_eq(str_slice(a, 2, a.n), str_slice(b, 1, b.n));
    }
    if (a.n == b.n + 1) {
        return n > 0 && a.p[0] == got.p[n - 1] && str_eq(str_slice(a, 1, a.n), b);
    }
    bool swapped = a.n == b.n && a.n >= 2 && a.p[0] == b.p[1] && a.p[1] == b.p[0] &&
                   str_eq(str_slice(a, 2, a.n), str_slice(b, 2, b.n));
    return swapped || (a.n == b.n && a.n > 0 && str_eq(str_slice(a, 1, a.n), str_slice(b, 1, b.n)));
}

/* Longer phrases are remembered less well: two letters, added or left out. */
static bool is_nearly(struct str got, struct str want)
{
    return got.n < FOLDED_MAX - 1 &&
           (is_slip(got, want) || (want.n >= PHRASE_LEAST && str_distance(got, want) <= 2));
}

/* Takes the word away from the beginning or the end. */
static bool flags_take_word(struct str *rest, struct str word)
{
    bool before = str_starts_nocase(*rest, word), behind = !before && str_ends_nocase(*rest, word);
    *rest = str_slice(*rest, before ? word.n : 0, rest->n - (behind ? word.n : 0));
    return before || behind;
}

/* "[secure email]", "[secure-send]", "[send secured]": the word of the flag with one that says
 * what it is for. */
static bool is_for_mail(struct str core, struct str meant)
{
    char plain[FOLDED_MAX] = "";
    struct str rest = str_from(plain, 0);
    for (size_t i = 0; i < core.n; i++) {
        if (core.p[i] != '-' && core.p[i] != '_') {
            plain[rest.n++] = core.p[i];
        }
    }
    bool sends = flags_take_word(&rest, STR("send")), mails = flags_take_word(&rest, STR("mail"));
    if ((!sends && !mails) || !str_starts_nocase(rest, meant)) {
        return false;
    }
    struct str more = str_slice(rest, meant.n, rest.n);
    return more.n == 0 || (mails && str_eq(more, STR("e"))) ||
           (sends && (str_eq(more, STR("d")) || str_eq(more, STR("ly"))));
}

/* The word that the octets are (exactly), or nearly are. */
static const char *meant_by(struct str raw, const char *const *words, size_t n_words,
                            bool *ret_exact)
{
    char folded[FOLDED_MAX], wanted[FOLDED_MAX];
    struct str got = str_from(folded, fold(raw, folded));
    const char *near = NULL;
    bool too_short = inner(got).n + 2 < NEAR_LEAST; /* nothing so short is nearly a word */
    for (size_t i = 0; i < n_words && got.n > 0; i++) {
        if (too_short && words[i][0] > ' ' && str_lower(words[i][0]) != got.p[0]) {
            continue;
        }
        struct str want = str_from(wanted, fold(str_c(words[i]), wanted));
        if (want.n > 0 && str_eq(got, want)) {
            *ret_exact = true;
            return words[i];
        }
        struct str core = inner(got), meant = inner(want);
        bool one_bracket = got.n > 1 && want.n > 1 &&
                           ((got.p[0] == want.p[0]) || got.p[got.n - 1] == want.p[want.n - 1]);
        /* no mail program writes that: it is one slip */
        bool curly = got.n > 1 && got.p[0] == '{' && got.p[got.n - 1] == '}';
        bool nearly = is_nearly(core, meant) || is_for_mail(core, meant);
        if (meant.n >= NEAR_LEAST && ((str_eq(core, meant) && (one_bracket || curly)) ||
                                      (nearly && got.p[0] == want.p[0]))) {
            near = near ? near : words[i];
        }
    }
    *ret_exact = false;
    return near;
}

static bool stands_alone(struct str text, size_t at, size_t n)
{
    size_t end = at + n;
    while (at > 0 && text.p[at - 1] != '\n') {
        if (!flags_is_blank(text.p[--at])) {
            return false;
        }
    }
    while (end < text.n && text.p[end] != '\n') {
        if (!flags_is_blank(text.p[end++])) {
            return false;
        }
    }
    return true;
}

/* Nothing but blanks before it, or behind it. */
static bool at_an_end(struct str text, size_t at, size_t n)
{
    size_t end = at + n;
    while (at > 0 && flags_is_blank(text.p[at - 1])) {
        at--;
    }
    while (end < text.n && flags_is_blank(text.p[end])) {
        end++;
    }
    return at == 0 || end == text.n;
}

/* What stands in brackets from here, of whatever kind and closed however: [x], (x), [x}, [x at
 * the end of a line. */
static size_t bracketed(struct str text, size_t at)
{
    size_t n;
    (void)sign_at(text, at, &n);
    for (size_t i = at + n; i < text.n && i - at < RAW_MAX; i += n) {
        char c = sign_at(text, i, &n);
        if (c && strchr("])}>", c)) {
            return i + n - at;
        }
        if (c == '[') {
            return 0;
        }
    }
    return 0;
}

/* True when the other bracket stands on the same line, within LINE_LOOK. */
static bool has_counterpart(struct str text, size_t at)
{
    if (text.p[at] == '[') {
        for (size_t i = at + 1; i < text.n && text.p[i] != '\n' && i - at < LINE_LOOK; i++) {
            if (strchr("])}>", text.p[i]) && text.p[i]) {
                return true;
            }
        }
        return false;
    }
    for (size_t i = at; i > 0 && text.p[i - 1] != '\n' && at - i < LINE_LOOK; i--) {
        if (text.p[i - 1] == '[') {
            return true;
        }
    }
    return false;
}

static bool flags_is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* A word behind an opening bracket, or before a closing one; apart: blanks are between. */
static size_t half_open(struct str text, size_t at, size_t *ret_at, bool *ret_apart)
{
    size_t begin = at, end = at + 1;
    while (text.p[at] == '[' && end < text.n && flags_is_space(text.p[end])) {
        end++;
    }
    while (text.p[at] == ']' && begin > 0 && flags_is_space(text.p[begin - 1])) {
        begin--;
    }
    *ret_apart = end > at + 1 || begin < at;
    if (text.p[at] == '[') {
        while (end < text.n && flags_is_letter(text.p[end])) {
            end++;
        }
    } else {
        while (begin > 0 && flags_is_letter(text.p[begin - 1])) {
            begin--;
        }
    }
    *ret_at = begin;
    return end - begin;
}

/* The word of the flag itself, without a slip. */
static bool has_its_word(struct str raw, const char *flag)
{
    char folded[FOLDED_MAX], wanted[FOLDED_MAX];
    return str_eq(inner(str_from(folded, fold(raw, folded))),
                  inner(str_from(wanted, fold(str_c(flag), wanted))));
}

/* It is meant by its words for mail alone. */
static bool is_of_phrase(struct str raw, const char *flag)
{
    char folded[FOLDED_MAX], wanted[FOLDED_MAX];
    struct str core = inner(str_from(folded, fold(raw, folded))),
               meant = inner(str_from(wanted, fold(str_c(flag), wanted)));
    return !is_nearly(core, meant) && is_for_mail(core, meant);
}

/* A blank of any kind, or the beginning. */
static bool begins_word(struct str text, size_t at)
{
    size_t before = at > 0 ? at - 1 : 0;
    while (before > 0 && at - before < 4 && ((unsigned char)text.p[before] & 0xc0) == 0x80) {
        before--;
    }
    return at == 0 || flags_is_blank(text.p[at - 1]) || unseen(text, before) == at - before;
}

/* A blank of any kind, the end, or a mark of the sentence before one of them. */
static bool ends_word(struct str text, size_t at)
{
    bool mark = at < text.n && text.p[at] && strchr(".:,;!?", text.p[at]);
    at += mark;
    return at == text.n || flags_is_blank(text.p[at]) || unseen(text, at) > 0;
}

/* Words without brackets of their own (+encrypt+): they stand between blanks, or before a mark
 * of the sentence. */
static bool plain_word(struct str text, size_t at, const char *const *words, size_t n_words,
                       struct flag_found *ret)
{
    if (!begins_word(text, at)) {
        return false;
    }
    for (size_t i = 0; i < n_words; i++) {
        struct str w = str_c(words[i]);
        bool fits = w.n > 0 && w.p[0] != '[' && str_starts_nocase(str_slice(text, at, text.n), w);
        if (fits && ends_word(text, at + w.n)) {
            *ret = (struct flag_found){at, w.n, words[i], true};
            return true;
        }
    }
    return false;
}

static bool at_bracket(struct str text, size_t at, const char *const *words, size_t n_words,
                       bool near_alone, struct flag_found *ret)
{
    bool exact = false, apart = false, half = false;
    size_t begin = at, wide, n = text.p[at] != ']' ? bracketed(text, at) : 0;
    char sign = sign_at(text, at, &wide);
    const char *meant =
        n > 0 ? meant_by(str_slice(text, at, at + n), words, n_words, &exact) : NULL;
    if (!meant && (text.p[at] == '[' || text.p[at] == ']')) {
        n = half_open(text, at, &begin, &apart);
        meant = n >= NEAR_LEAST
                    ? meant_by(str_slice(text, begin, begin + n), words, n_words, &exact)
                    : NULL;
        half = meant;
    }
    if (meant && apart &&
        !(has_its_word(str_slice(text, begin, begin + n), meant) &&
          (near_alone || at_an_end(text, begin, n)))) {
        /* "[ secure lab" is meant as one, "[ security" or a bracket in a sentence is not */
        return false;
    }
    if (meant && !exact && !near_alone && is_of_phrase(str_slice(text, begin, n + begin), meant) &&
        !at_an_end(text, begin, n)) {
        return false; /* "Re: [Secure Email] invoice": the tag of another program */
    }
    /* other brackets have other uses: only where a flag would stand */
    bool square = sign == '[' || sign == ']';
    if (!meant || (!exact && !square && !at_an_end(text, begin, n)) ||
        (!exact && near_alone && !stands_alone(text, begin, n)) || (!exact && sign == '<')) {
        return false;
    }
    *ret = (struct flag_found){begin, n, meant, exact};
    return !half || !has_counterpart(text, at); /* last: it looks far */
}

bool flags_next(struct str text, size_t from, const char *const *words, size_t n_words,
                bool near_alone, struct flag_found *ret)
{
    for (size_t at = from; at < text.n; at++) {
        size_t wide;
        char c = sign_at(text, at, &wide);
        bool bracket = c == '[' || (c == ']' && wide == 1) || c == '(' || c == '{' || c == '<';
        if ((bracket && at_bracket(text, at, words, n_words, near_alone, ret) &&
             ret->at + ret->n > from) ||
            plain_word(text, at, words, n_words, ret)) {
            return true;
        }
    }
    return false;
}

size_t flags_words(const struct conf *c, const char *words[FLAG_WORDS_MAX])
{
    size_t n = 0;
    words[n++] = c->flags.test;
    for (size_t i = 0; i < c->flags.words.n && n < FLAG_WORDS_MAX; i++) {
        words[n++] = c->flags.words.v[i];
    }
    return n;
}

bool flags_next_obeyed(const struct conf *c, struct str text, size_t from, struct flag_found *ret)
{
    const char *words[FLAG_WORDS_MAX];
    size_t n = flags_words(c, words);
    struct flag_found f;
    while (flags_next(text, from, words, n, false, &f)) {
        if (f.exact || c->flags.near_miss == CONF_NEAR_PROTECT) {
            bool doubled = f.at + f.n < text.n && text.p[f.at + f.n] == ' ' &&
                           (f.at == 0 || text.p[f.at - 1] == ' ');
            f.n += doubled; /* of two blanks that are neighbours now, one goes */
            *ret = f;
            return true;
        }
        from = f.at + f.n;
    }
    return false;
}

bool flags_take_out(const struct conf *c, struct str text, struct buf *out)
{
    struct flag_found f;
    size_t at = 0;
    while (flags_next_obeyed(c, text, at, &f)) {
        (void)!buf_add(out, str_slice(text, at, f.at));
        at = f.at + f.n;
    }
    (void)!buf_add(out, str_slice(text, at, text.n));
    return at > 0;
}
