/* SPDX-License-Identifier: Apache-2.0
 * str.c: byte views. Pure; nothing here allocates but str_dup.
 */
#include "base/str.h"
#include "base/unseen.h"

#include <stdlib.h>

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b)
{
    return a.n == b.n && str_starts_nocase(a, b);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    if (s.n < prefix.n) {
        return false;
    }
    for (size_t i = 0; i < prefix.n; i++) {
        if (str_lower(s.p[i]) != str_lower(prefix.p[i])) {
            return false;
        }
    }
    return true;
}

bool str_ends_nocase(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_starts_nocase(str_slice(s, s.n - suffix.n, s.n), suffix);
}

bool str_has(struct str s, struct str what)
{
    return what.n == 0 || (s.n > 0 && memmem(s.p, s.n, what.p, what.n));
}

bool str_has_nocase(struct str s, struct str what)
{
    for (size_t i = 0; i + what.n <= s.n; i++) {
        if (str_starts_nocase(str_slice(s, i, s.n), what)) {
            return true;
        }
    }
    return false;
}

size_t str_find(struct str s, char c, size_t from)
{
    if (from >= s.n) {
        return s.n;
    }
    const char *hit = memchr(s.p + from, c, s.n - from);
    return hit ? (size_t)(hit - s.p) : s.n;
}

size_t str_find_last(struct str s, char c)
{
    for (size_t i = s.n; i > 0; i--) {
        if (s.p[i - 1] == c) {
            return i - 1;
        }
    }
    return s.n;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    must(from <= to && to <= s.n);
    return (struct str){s.p ? s.p + from : s.p, to - from};
}

static struct str trim(struct str s, const char *blanks)
{
    while (s.n > 0 && s.p[0] && strchr(blanks, s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && s.p[s.n - 1] && strchr(blanks, s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

struct str str_trim(struct str s)
{
    return trim(s, " \t");
}

struct str str_trim_lines(struct str s)
{
    return trim(s, " \t\r\n\f");
}

bool str_is_blank(struct str s)
{
    while (s.n > 0) {
        size_t n = (unsigned char)s.p[0] <= ' ' || s.p[0] == 0x7f ? 1 : 0;
        n = n > 0 ? n : unseen_at(s);
        n = n > 0 ? n : unseen_blank_at(s);
        n = n > 0 || s.n < 3 || memcmp(s.p, "\ufffc", 3) != 0 ? n : 3;
        if (n == 0) {
            return false;
        }
        s = str_slice(s, n, s.n);
    }
    return true;
}

struct str str_take_line(struct str *rest)
{
    size_t end = str_find(*rest, '\n', 0);
    struct str line = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, end < rest->n ? end + 1 : end, rest->n);
    line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
    return line;
}

bool str_split(struct str *rest, char sep, struct str *ret_part)
{
    if (!rest->p) {
        return false;
    }
    size_t at = str_find(*rest, sep, 0);
    *ret_part = str_slice(*rest, 0, at);
    *rest = at < rest->n ? str_slice(*rest, at + 1, rest->n) : STR_NONE;
    return true;
}

int str_copy(struct str s, char *dst, size_t size)
{
    if (s.n >= size) {
        return -ENOSPC;
    }
    str_copy_cut(s, dst, size);
    return 0;
}

void str_copy_cut(struct str s, char *dst, size_t size)
{
    size_t n = s.n < size ? s.n : size - 1;
    if (n > 0) {
        memcpy(dst, s.p, n);
    }
    dst[n] = '\0';
}

int str_to_u64(struct str s, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    if (s.n == 0) {
        return -EINVAL;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return -EINVAL;
        }
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (digit > max || value > (max - digit) / 10) {
            return -ERANGE;
        }
        value = value * 10 + digit;
    }
    *ret = value;
    return 0;
}

char *str_dup(struct str s)
{
    char *copy = err_calloc(s.n + 1, 1);
    str_copy_cut(s, copy, s.n + 1);
    return copy;
}

unsigned str_distance(struct str a, struct str b)
{
    unsigned row[64];
    size_t na = a.n < 63 ? a.n : 63;
    size_t nb = b.n < 63 ? b.n : 63;
    for (unsigned j = 0; j <= nb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned above = row[j];
            unsigned best = diagonal + (str_lower(a.p[i - 1]) != str_lower(b.p[j - 1]));
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[nb];
}
