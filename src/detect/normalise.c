/* SPDX-License-Identifier: Apache-2.0
 * normalise.c: a text as the patterns see it: what a reader would not see is taken out, and
 * digits, dashes and blanks in their many forms become the plain ones. Pure. Called by scan.c.
 *
 * What can go wrong: octets that are no UTF-8 stay as they are.
 */
#include "base/unseen.h"
#include "detect/detect.h"

struct range {
    uint32_t from, to;
};

static bool in(uint32_t c, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].from && c <= ranges[i].to) {
            return true;
        }
    }
    return false;
}

/* 0: nothing is shown for it; 1: leave it; else the octet that stands for it. */
static char plain_form(uint32_t c)
{
    static const struct range blank[] = {
        {0xa0, 0xa0}, {0x2000, 0x200a}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
    };
    static const struct range dash[] = {
        {0x2010, 0x2015}, {0x2043, 0x2043}, {0x2212, 0x2212}, {0xfe58, 0xfe58}, {0xfe63, 0xfe63},
    };
    static const struct range dot[] = {
        {0xb7, 0xb7}, {0x2024, 0x2024}, {0x2027, 0x2027}, {0x2219, 0x2219}, {0x22c5, 0x22c5},
    };
    static const struct range slash[] = {{0x2044, 0x2044}, {0x2215, 0x2215}};
    static const struct range line[] = {{0x85, 0x85}, {0x2028, 0x2029}};
    /* Arabic, Persian, Devanagari, Bengali, Gujarati, Tamil, Thai, Lao, Khmer, full-width */
    static const uint32_t zeros[] = {
        0x660, 0x6f0, 0x966, 0x9e6, 0xae6, 0xbe6, 0xe50, 0xed0, 0x17e0, 0xff10,
    };
    if (unseen_is(c)) {
        return 0;
    }
    if (in(c, blank, ARRAY_LEN(blank))) {
        return ' ';
    }
    if (in(c, dash, ARRAY_LEN(dash))) {
        return '-';
    }
    if (in(c, dot, ARRAY_LEN(dot)) || in(c, slash, ARRAY_LEN(slash))) {
        return in(c, dot, ARRAY_LEN(dot)) ? '.' : '/';
    }
    if (in(c, line, ARRAY_LEN(line))) {
        return '\n';
    }
    for (size_t i = 0; i < ARRAY_LEN(zeros); i++) {
        if (c >= zeros[i] && c <= zeros[i] + 9) {
            return (char)('0' + (c - zeros[i]));
        }
    }
    if (c >= 0x1d7ce && c <= 0x1d7ff) { /* mathematical digits in five styles */
        return (char)('0' + (c - 0x1d7ce) % 10);
    }
    return c >= 0xff01 && c <= 0xff5e ? (char)(c - 0xfee0) : 1;
}

int detect_normalise(struct str text, struct buf *out)
{
    size_t at = 0, kept = 0;
    int r = 0;
    while (at < text.n && r == 0) {
        size_t n = 1;
        char form = 1;
        if ((unsigned char)text.p[at] >= 0x80) {
            uint32_t c = unseen_decode(str_slice(text, at, text.n), &n);
            form = c ? plain_form(c) : 1;
        }
        if (form != 1) {
            r = buf_add(out, str_slice(text, kept, at));
            r = r == 0 && form ? buf_append(out, &form, 1) : r;
            kept = at + n;
        }
        at += n;
    }
    return r < 0 ? r : buf_add(out, str_slice(text, kept, text.n));
}
