/* SPDX-License-Identifier: Apache-2.0
 * references.c: character references by the HTML standard, 13.2.5.72 to 80 (references.h).
 */
#include "mime/references.h"
#include "base/err.h"
#include "mime/charset.h"

#include <stdlib.h>

enum { NAME_LONGEST = 31, BARE_LONGEST = 6 };

static bool references_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z');
}

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const struct reference *)row)->name);
}

static const struct reference *references_find(struct str name)
{
    char copy[NAME_LONGEST + 1];
    str_copy_cut(name, copy, sizeof copy);
    return bsearch(copy, references, n_references, sizeof references[0], compare);
}

/* The name at the front of s, which follows a '&'; *ret_n: its octets, with its semicolon. A name
 * without one is the longest that fits, and none in an attribute where more letters or a '='
 * follow: addresses have `&copy=`. */
static const struct reference *named(struct str s, bool in_tag, size_t *ret_n)
{
    size_t n = 0;
    while (n < s.n && n <= NAME_LONGEST && references_is_alnum(s.p[n])) {
        n++;
    }
    const struct reference *row =
        n < s.n && n <= NAME_LONGEST && s.p[n] == ';' ? references_find(str_slice(s, 0, n)) : NULL;
    *ret_n = n + 1;
    for (size_t i = n < BARE_LONGEST ? n : BARE_LONGEST; !row && i >= 2; i--) {
        const struct reference *bare = references_find(str_slice(s, 0, i));
        bool goes_on = i < s.n && (references_is_alnum(s.p[i]) || s.p[i] == '=');
        row = bare && bare->is_bare && !(in_tag && goes_on) ? bare : NULL;
        *ret_n = i;
    }
    return row;
}

/* The number at the front of s, "#128;", when it is one of those that mean an octet of
 * Windows-1252; else 0. */
static uint32_t numbered(struct str s, size_t *ret_n)
{
    static const uint16_t windows[32] = {
        0x20ac, 0,      0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
        0x2039, 0x152,  0,      0x17d,  0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0,      0x17e,  0x178,
    };
    unsigned base = s.n > 1 && str_lower(s.p[1]) == 'x' ? 16 : 10;
    uint32_t value = 0;
    size_t n = base == 16 ? 2 : 1;
    for (; n < s.n && references_is_alnum(s.p[n]) && value < 0x1000; n++) {
        char c = str_lower(s.p[n]);
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
        if (digit >= base) {
            break;
        }
        value = value * base + digit;
    }
    *ret_n = n + (n < s.n && s.p[n] == ';');
    return value >= 0x80 && value < 0xa0 ? windows[value - 0x80] : 0;
}

/* As UTF-8; what might be taken for HTML, as a number. */
static int references_put(uint32_t c, struct buf *out)
{
    if (c < 0x80) {
        return buf_printf(out, "&#%u;", c);
    }
    char o[CHARSET_UTF8_MAX];
    return buf_append(out, o, charset_put_utf8(c, o));
}

/* One at the front of s, which begins with '&'. The octets that it takes; 0: none, or a limit. */
static size_t references_read_one(struct str s, bool in_tag, struct buf *out)
{
    size_t n = 0;
    struct str rest = str_slice(s, 1, s.n);
    /* no number: libxml2 would leave it out */
    if (rest.n > 0 && rest.p[0] == '#' && (rest.n == 1 || !references_is_alnum(rest.p[1]))) {
        return references_put('&', out) == 0;
    }
    if (rest.n > 0 && rest.p[0] == '#') {
        uint32_t c = numbered(rest, &n);
        return c && references_put(c, out) == 0 ? n + 1 : 0;
    }
    const struct reference *row = named(rest, in_tag, &n);
    if (!row || references_put(row->first, out) < 0 ||
        (row->second && references_put(row->second, out) < 0)) {
        return 0;
    }
    return n + 1;
}

int references_read(struct str html, struct buf *out)
{
    bool in_tag = false;
    for (size_t at = 0; at < html.n;) {
        size_t from = at, used = 0;
        while (at < html.n && html.p[at] != '&') {
            bool begins = html.p[at] == '<' && at + 1 < html.n &&
                          (references_is_alnum(html.p[at + 1]) || html.p[at + 1] == '/');
            in_tag = begins || (in_tag && html.p[at] != '>');
            at++;
        }
        if (buf_add(out, str_slice(html, from, at)) < 0) {
            return -ENOSPC;
        }
        if (at < html.n &&
            (used = references_read_one(str_slice(html, at, html.n), in_tag, out)) == 0) {
            used = 1;
            if (buf_add(out, STR("&")) < 0) {
                return -ENOSPC;
            }
        }
        at += used;
    }
    return 0;
}
