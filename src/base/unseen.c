/* SPDX-License-Identifier: Apache-2.0
 * unseen.c: the tables, in the order of code points.
 */
#include "base/unseen.h"

struct range {
    uint32_t from, to;
};

static const struct range ignorable[] = {
    {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},   {0x115f, 0x1160}, {0x17b4, 0x17b5},
    {0x180b, 0x180f},   {0x200b, 0x200f},   {0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},
    {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};
static const struct range blanks[] = {
    {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
};

static bool unseen_is_in(uint32_t code, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n && code >= ranges[i].from; i++) {
        if (code <= ranges[i].to) {
            return true;
        }
    }
    return false;
}

uint32_t unseen_decode(struct str s, size_t *ret_n)
{
    unsigned char c = s.n > 0 ? (unsigned char)s.p[0] : 0;
    size_t n = c >= 0xf0 && c < 0xf5   ? 4
               : c >= 0xe0 && c < 0xf0 ? 3
               : c >= 0xc2 && c < 0xe0 ? 2
                                       : 0;
    uint32_t code = n == 4 ? c & 7u : n == 3 ? c & 15u : c & 31u;
    *ret_n = 1;
    if (n == 0 || n > s.n) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)s.p[i];
        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (next & 0x3f);
    }
    *ret_n = n;
    return code;
}

bool unseen_is(uint32_t code)
{
    return unseen_is_in(code, ignorable, ARRAY_LEN(ignorable));
}

static size_t at_front(struct str s, const struct range *ranges, size_t n_ranges)
{
    size_t n;
    uint32_t code = unseen_decode(s, &n);
    return code > 0 && unseen_is_in(code, ranges, n_ranges) ? n : 0;
}

size_t unseen_at(struct str s)
{
    return at_front(s, ignorable, ARRAY_LEN(ignorable));
}

size_t unseen_blank_at(struct str s)
{
    return at_front(s, blanks, ARRAY_LEN(blanks));
}
