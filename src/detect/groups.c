/* SPDX-License-Identifier: Apache-2.0
 * groups.c: numbers in groups, as people write them and as mail programs wrap them (RFC 3676 4.2: a line of flowed text
 * ends in a blank; other programs end it where a blank stood, and put marks of quotation before the next one).
 *
 * A line may end inside a number once, and only a line that is long enough to have been wrapped: a column of numbers
 * is no number. What can go wrong: nothing.
 */
#include "detect/groups.h"

enum { WRAPPED = 30, LOOK_BACK = 1000 /* octets of a line */ };

/* Also where a program wrote its own end of the line before that of mail: CR CR LF, LF CR LF, LF CR CR LF (mikel/mail#493). */
#define WRAP "[ \\t]{0,4}(?:\\r{0,2}\\n|\\n\\r{1,2}\\n)[ \\t>|]{0,40}"
#define SIGNED_WRAP "[ \\t]?[-./_]?" WRAP "(?:[-./_] ?)?"
#define SEPARATOR "(?:[-./_]| [-./_] )"
#define WIDE "[ \\t]{1,4}"

static const struct {
    const char *name, *expression;
    enum groups kind;
} gaps[] = {
    {"{gap}", "(?: {1,2}|-|[ \\t]?-?" WRAP "(?:- ?)?)", GROUPS_EVEN},
    {"{sep}", "(?:" SEPARATOR "|" SIGNED_WRAP ")", GROUPS_EVEN},
    {"{wide}", "(?:" WIDE ")", GROUPS_COLUMNS},
    {"{wrap}", "(?:" WRAP ")", GROUPS_EVEN},
    {"{any}", "(?:" SIGNED_WRAP "|" SEPARATOR "|" WIDE ")", GROUPS_MIXED},
};

int groups_expand(struct str expression, struct buf *out, enum groups *ret)
{
    int r = 0;
    *ret = GROUPS_NONE;
    for (size_t at = 0; at < expression.n && r == 0;) {
        size_t n = 0;
        for (size_t i = 0; i < ARRAY_LEN(gaps) && n == 0; i++) {
            if (str_starts_nocase(str_slice(expression, at, expression.n), str_c(gaps[i].name))) {
                n = strlen(gaps[i].name);
                *ret = gaps[i].kind > *ret ? gaps[i].kind : *ret; /* the widest of the pattern */
                r = buf_add(out, str_c(gaps[i].expression));
            }
        }
        r = r == 0 && n == 0 ? buf_append(out, expression.p + at, 1) : r;
        at += n ? n : 1;
    }
    return r;
}

static bool in_group(char c)
{
    return (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z');
}

/* What kind of gap: its sign, else 't' for a tab, 'w' for several blanks, ' ' for one; 0: a line's end without a sign. */
static char kind_of(struct str gap)
{
    bool tab = false, line = false;
    for (size_t i = 0; i < gap.n; i++) {
        if (strchr("-./_", gap.p[i])) {
            return gap.p[i];
        }
        tab |= gap.p[i] == '\t';
        line |= gap.p[i] == '\n';
    }
    return line ? 0 : tab ? 't' : gap.n > 1 ? 'w' : ' ';
}

/* The line that ends at `end` is long enough to have been wrapped there. */
static bool was_wrapped(struct str text, size_t end)
{
    size_t n = 0;
    while (n < LOOK_BACK && n < end && text.p[end - 1 - n] != '\n') {
        n++;
    }
    return n >= WRAPPED;
}

/* The LF at `at` belongs to one before it: LF CR LF. */
static bool is_same_end(struct str text, size_t from, size_t at)
{
    size_t i = at;
    while (i > from && text.p[i - 1] == '\r') {
        i--;
    }
    return i < at && i > from && text.p[i - 1] == '\n' && (i < 2 || text.p[i - 2] != '\r');
}

bool groups_fit(enum groups kind, struct str text, size_t at, size_t n)
{
    unsigned breaks = 0;
    char before = 0;
    for (size_t i = at, gap = at; kind != GROUPS_NONE && i < at + n; i++) {
        if (!in_group(text.p[i])) {
            if (text.p[i] == '\n' && !is_same_end(text, at, i) && (++breaks > 1 || !was_wrapped(text, i))) {
                return false;
            }
            continue;
        }
        char k = i > gap ? kind_of(str_slice(text, gap, i)) : 0;
        if (kind == GROUPS_EVEN && k == 'w') {
            k = 0;
            breaks++;
        }
        if (breaks > 1 || (kind != GROUPS_MIXED && k && before && k != before)) {
            return false;
        }
        before = k ? k : before;
        gap = i + 1;
    }
    return true;
}

size_t groups_first(struct str value)
{
    size_t n = 0;
    while (n < value.n && in_group(value.p[n])) {
        n++;
    }
    return n > 0 ? n : 1;
}

size_t groups_without_last(struct str value)
{
    size_t n = value.n;
    while (n > 0 && in_group(value.p[n - 1])) {
        n--;
    }
    while (n > 0 && !in_group(value.p[n - 1])) {
        n--;
    }
    return n;
}
