/* SPDX-License-Identifier: Apache-2.0
 * groups.c: numbers in groups, as people write them and as mail programs wrap them (RFC 3676
 * 4.2: a line of flowed text ends in a blank; other programs end it where a blank stood, and put
 * marks of quotation before the next one).
 *
 * A line may end inside a number once, and only a line that is long enough to have been wrapped: a
 * column of numbers is no number. Groups that follow others may be a part of what those begin
 * (groups_place). What can go wrong: nothing.
 */
#include "detect/groups.h"
#include "detect/checks.h"

enum { WRAPPED = 30, LOOK_BACK = 1000 /* octets of a line */ };

/* Also where a program wrote its own end of the line before that of mail: CR CR LF, LF CR LF, LF
 * CR CR LF (mikel/mail#493). */
#define WRAP        "[ \\t]{0,4}(?:\\r{0,2}\\n|\\n\\r{1,2}\\n)[ \\t>|]{0,40}"
#define SIGNED_WRAP "[ \\t]?[-./_]?" WRAP "(?:[-./_] ?)?"
#define SEPARATOR   "(?:[-./_]| [-./_] )"
#define WIDE        "[ \\t]{1,4}"

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

static bool groups_in_group(char c)
{
    return (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z');
}

/* What kind of gap: its sign, else 't' for a tab, 'w' for several blanks, ' ' for one; 0: a
 * line's end without a sign. */
static char groups_kind_of(struct str gap)
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
        if (!groups_in_group(text.p[i])) {
            if (text.p[i] == '\n' && !is_same_end(text, at, i) &&
                (++breaks > 1 || !was_wrapped(text, i))) {
                return false;
            }
            continue;
        }
        char k = i > gap ? groups_kind_of(str_slice(text, gap, i)) : 0;
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

/* Groups of digits before a number, parted by blanks. */
struct before {
    size_t from;
    /* alike: as long as the first group of the number, without a gap in the row */
    unsigned groups, alike, digits;
    bool sums; /* all but the first are groups of three */
};

static bool groups_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_before(struct str text, size_t floor, size_t end)
{
    size_t n = 0;
    while (end - n > floor && groups_is_digit(text.p[end - 1 - n])) {
        n++;
    }
    /* "DE89" is no group of digits */
    return end - n > floor && groups_in_group(text.p[end - n - 1]) ? 0 : n;
}

static struct before read_before(struct str text, size_t floor, size_t at, size_t first)
{
    enum { GROUPS_MOST = 12, BLANKS = 4, THOUSAND = 3 };
    struct before b = {.from = at, .sums = true};
    for (size_t n = 0; b.groups < GROUPS_MOST; b.groups++) {
        size_t end = b.from;
        while (end > floor && b.from - end < BLANKS &&
               (text.p[end - 1] == ' ' || text.p[end - 1] == '\t')) {
            end--;
        }
        size_t last = n;
        n = end < b.from ? digits_before(text, floor, end) : 0;
        if (n == 0) {
            break;
        }
        b.sums &= b.groups == 0 || last == THOUSAND;
        b.alike += n == first && b.alike == b.groups;
        b.digits += (unsigned)n;
        b.from = end - n;
    }
    return b;
}

/* "DE89 " before the groups, and with those behind it an IBAN. */
static bool is_of_iban(struct str text, size_t from, size_t end)
{
    enum { HEAD = 5, MOST = 42 };
    size_t head = from >= HEAD ? from - HEAD : 0, to = end,
           most = head + MOST < text.n ? head + MOST : text.n;
    if (from < HEAD || !str_eq(str_slice(text, from - 1, from), STR(" ")) ||
        (head > 0 && groups_in_group(text.p[head - 1]))) {
        return false;
    }
    for (;;) {
        if (check_iban(str_slice(text, head, to))) {
            return true;
        }
        size_t next = to;
        while (next < most && text.p[next] == ' ') {
            next++;
        }
        while (next < most && groups_in_group(text.p[next])) {
            next++;
        }
        if (next == to) {
            return false;
        }
        to = next;
    }
}

/* Groups of three behind one of at most three: "1 234 567 890". */
static bool is_sum(struct str text, const struct before *b, size_t at, size_t n)
{
    enum { THOUSAND = 3 };
    size_t digits = 0;
    bool sum = b->groups > 0 && b->sums;
    for (size_t i = at; i <= at + n && sum; i++) {
        bool digit = i < at + n && groups_is_digit(text.p[i]);
        sum = digit || digits == THOUSAND;
        digits = digit ? digits + 1 : 0;
    }
    size_t first = b->from;
    while (groups_is_digit(text.p[first])) {
        first++;
    }
    return sum && first - b->from <= THOUSAND;
}

enum groups_place groups_place(struct str text, size_t floor, size_t at, size_t n)
{
    enum { TELEPHONE = 15 /* digits at most: E.164 */, ROW = 2 };
    size_t first = 0, digits = 0;
    for (size_t i = at; i < at + n; i++) {
        digits += groups_is_digit(text.p[i]);
        first = digits == i + 1 - at ? digits : first;
    }
    if (first == 0) {
        return GROUPS_ALONE;
    }
    struct before b = read_before(text, floor, at, first);
    bool plus = b.from > floor && text.p[b.from - 1] == '+';
    bool telephone =
        b.groups > 0 && (plus || text.p[b.from] == '0') && b.digits + digits <= TELEPHONE;
    if (telephone || is_sum(text, &b, at, n) || is_of_iban(text, b.from, at + n)) {
        return GROUPS_PART;
    }
    return b.alike >= ROW ? GROUPS_IN_ROW : GROUPS_ALONE;
}

size_t groups_first(struct str value)
{
    size_t n = 0;
    while (n < value.n && groups_in_group(value.p[n])) {
        n++;
    }
    return n > 0 ? n : 1;
}

size_t groups_without_last(struct str value)
{
    size_t n = value.n;
    while (n > 0 && groups_in_group(value.p[n - 1])) {
        n--;
    }
    while (n > 0 && !groups_in_group(value.p[n - 1])) {
        n--;
    }
    return n;
}
