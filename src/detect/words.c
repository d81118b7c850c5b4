/* SPDX-License-Identifier: Apache-2.0
 * words.c: words and their form for looking up. UTF-8; octets that are none are taken as letters.
 */
#include "detect/words.h"

/* U+00C0 to U+017F without their marks. Two letters: both stand for the one. */
static const char *const latin[] = {
    "a", "a", "a",  "a",  "a", "a", "ae", "c",  "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o",  "o",  "o", "o", "o",  NULL, "o", "u", "u", "u", "u", "y", "th", "ss",
    "a", "a", "a",  "a",  "a", "a", "ae", "c",  "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o",  "o",  "o", "o", "o",  NULL, "o", "u", "u", "u", "u", "y", "th", "y",
    "a", "a", "a",  "a",  "a", "a", "c",  "c",  "c", "c", "c", "c", "c", "c", "d",  "d",
    "d", "d", "e",  "e",  "e", "e", "e",  "e",  "e", "e", "e", "e", "g", "g", "g",  "g",
    "g", "g", "g",  "g",  "h", "h", "h",  "h",  "i", "i", "i", "i", "i", "i", "i",  "i",
    "i", "i", "ij", "ij", "j", "j", "k",  "k",  "k", "l", "l", "l", "l", "l", "l",  "l",
    "l", "l", "l",  "n",  "n", "n", "n",  "n",  "n", "n", "n", "n", "o", "o", "o",  "o",
    "o", "o", "oe", "oe", "r", "r", "r",  "r",  "r", "r", "s", "s", "s", "s", "s",  "s",
    "s", "s", "t",  "t",  "t", "t", "t",  "t",  "u", "u", "u", "u", "u", "u", "u",  "u",
    "u", "u", "u",  "u",  "w", "w", "y",  "y",  "y", "z", "z", "z", "z", "z", "z",  "s",
};

/* The code point of two octets at `at`; 0: there are no two that belong together. */
static unsigned two_octets(struct str text, size_t at)
{
    if (at + 1 >= text.n) {
        return 0;
    }
    unsigned char a = (unsigned char)text.p[at], b = (unsigned char)text.p[at + 1];
    return a >= 0xc2 && a < 0xe0 && (b & 0xc0) == 0x80 ? (a & 0x1fu) << 6 | (b & 0x3fu) : 0;
}

static bool words_is_plain(char c)
{
    return (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z');
}

static size_t continuation(struct str text, size_t at)
{
    size_t n = 0;
    while (at + n < text.n && ((unsigned char)text.p[at + n] & 0xc0) == 0x80) {
        n++;
    }
    return n;
}

/* Octets of the letter or digit at `at`; 0: it is none (a sign of Latin-1 or of general
 * punctuation among them). */
static size_t letter_at(struct str text, size_t at)
{
    unsigned char c = (unsigned char)text.p[at];
    if (c < 0xc0) {
        return words_is_plain((char)c);
    }
    if (c == 0xe2 && at + 2 < text.n && ((unsigned char)text.p[at + 1] & 0xfe) == 0x80) {
        return 0;
    }
    unsigned code = two_octets(text, at);
    bool sign = code >= 0x80 && code < 0xc0 && code != 0xaa && code != 0xb5 && code != 0xba;
    if (code) {
        return sign ? 0 : 2;
    }
    return c < 0xe0 ? 1 : 1 + continuation(text, at + 1);
}

/* Octets of an apostrophe: ' or U+2019. */
static size_t apostrophe_at(struct str text, size_t at)
{
    if (text.p[at] == '\'') {
        return 1;
    }
    return at + 2 < text.n && memcmp(text.p + at, "\xe2\x80\x99", 3) == 0 ? 3 : 0;
}

/* Octets of the letter or digit at `at`, asked for every octet of a text. */
static inline size_t quick_letter_at(struct str text, size_t at)
{
    unsigned char c = (unsigned char)text.p[at];
    return c < 0x80 ? (size_t)words_is_plain((char)c) : letter_at(text, at);
}

/* An apostrophe behind [from, end) that is part of the word: its octets. */
static size_t inner_apostrophe(struct str text, size_t from, size_t end)
{
    enum { ELIDED = 2 };
    size_t mark = end - from > ELIDED ? apostrophe_at(text, end) : 0;
    return mark > 0 && end + mark < text.n && letter_at(text, end + mark) > 0 ? mark : 0;
}

bool word_next(struct str text, size_t from, struct word *ret)
{
    while (from < text.n && quick_letter_at(text, from) == 0) {
        from++;
    }
    size_t end = from, n;
    do {
        n = end < text.n ? quick_letter_at(text, end) : 0;
        n = n == 0 && end < text.n && end > from ? inner_apostrophe(text, from, end) : n;
        end += n;
    } while (n > 0);
    *ret = (struct word){from, end};
    return end > from;
}

size_t word_fold(struct str word, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t at = 0; at < word.n;) {
        if (n + 2 > size) {
            return 0;
        }
        unsigned code = (unsigned char)word.p[at] < 0x80 ? 0 : two_octets(word, at);
        const char *plain =
            code >= 0xc0 && code < 0xc0 + ARRAY_LEN(latin) ? latin[code - 0xc0] : NULL;
        size_t mark = (unsigned char)word.p[at] < 0x80 ? 0 : apostrophe_at(word, at);
        if (plain) {
            dst[n++] = plain[0];
            n += plain[1] ? (dst[n] = plain[1], 1u) : 0;
            at += 2;
        } else if (code >= 0x300 && code < 0x370) {
            at += 2; /* a mark over the letter before it */
        } else if (mark > 0) {
            dst[n++] = '\'';
            at += mark;
        } else {
            dst[n++] = str_lower(word.p[at++]);
        }
    }
    return n;
}

size_t words_fold(struct str phrase, char *dst, size_t size, size_t *ret_words)
{
    struct word w = {0, 0};
    size_t n = 0;
    *ret_words = 0;
    while (word_next(phrase, w.end, &w)) {
        if (n + 1 >= size) {
            return 0;
        }
        if (n > 0) {
            dst[n++] = ' ';
        }
        size_t one = word_fold(str_slice(phrase, w.at, w.end), dst + n, size - n);
        if (one == 0) {
            return 0;
        }
        n += one;
        ++*ret_words;
    }
    return n;
}

/* Two octets: Latin-1 and Latin Extended-A, where capitals and small letters take turns, Greek,
 * Cyrillic. */
static bool is_capital_code(unsigned code)
{
    if (code < 0x100) {
        return code >= 0xc0 && code < 0xdf && code != 0xd7;
    }
    if (code < 0x180) {
        bool odd = (code >= 0x139 && code <= 0x148) || code >= 0x179;
        return code == 0x178 || (code != 0x138 && (code & 1) == odd);
    }
    return (code >= 0x391 && code <= 0x3a9) || (code >= 0x400 && code <= 0x42f);
}

bool word_is_capital(struct str word)
{
    if (word.n == 0 || (unsigned char)word.p[0] < 0x80) {
        return word.n > 0 && word.p[0] >= 'A' && word.p[0] <= 'Z';
    }
    return is_capital_code(two_octets(word, 0));
}

bool word_is_shouted(struct str word)
{
    size_t letters = 0;
    for (size_t at = 0; at < word.n; letters++) {
        unsigned code = (unsigned char)word.p[at] < 0x80 ? 0 : two_octets(word, at);
        if (code ? !is_capital_code(code) : !(word.p[at] >= 'A' && word.p[at] <= 'Z')) {
            return false;
        }
        at += code ? 2 : 1;
    }
    return letters >= 3;
}
