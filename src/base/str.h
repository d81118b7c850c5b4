/* SPDX-License-Identifier: Apache-2.0
 * str.h: a view of bytes. It owns nothing; length is the truth, NUL bytes are ordinary bytes.
 * Case-insensitive functions fold ASCII only, as the mail grammars want (RFC 5321 2.4).
 */
#pragma once
#include "base/err.h"
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_from(const char *p, size_t n)
{
    return (struct str){p, n};
}

/* Borrows a NUL-terminated string; NULL becomes the empty view. */
static inline struct str str_c(const char *p)
{
    return (struct str){p, p ? strlen(p) : 0};
}

bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends_nocase(struct str s, struct str suffix);
/* Does it stand anywhere in s? */
bool str_has(struct str s, struct str what);
bool str_has_nocase(struct str s, struct str what);

/* Index of the first byte c at or after `from`, or s.n when there is none. */
size_t str_find(struct str s, char c, size_t from);
/* Index of the last byte c, or s.n when there is none. */
size_t str_find_last(struct str s, char c);

struct str str_slice(struct str s, size_t from, size_t to);
/* Removes spaces and tabs at both ends. */
struct str str_trim(struct str s);
/* The same with line ends and form feeds: text that may go over several lines. */
struct str str_trim_lines(struct str s);
/* Nothing in it can be seen: blanks of ASCII and Unicode (UTF-8), line ends, control characters,
 * the sign in place of a picture (U+FFFC). */
bool str_is_blank(struct str s);
/* Takes the part before the first `sep` off *rest; false when *rest is exhausted. */
bool str_split(struct str *rest, char sep, struct str *ret_part);

/* Takes the first line off *rest, and its end (CRLF, LF), which is not part of it. */
struct str str_take_line(struct str *rest);

/* Copies into a fixed array, always NUL-terminated. 0, or -ENOSPC when it does not fit. */
int str_copy(struct str s, char *dst, size_t size) MUST_USE;
/* The same, cut to fit: for texts shown to people only. */
void str_copy_cut(struct str s, char *dst, size_t size);
/* Digits only, no sign, no blanks. 0, -EINVAL, or -ERANGE when over max. */
int str_to_u64(struct str s, uint64_t max, uint64_t *ret) MUST_USE;
/* A NUL-terminated heap copy; the caller frees it. */
char *str_dup(struct str s);

static inline char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* The value of a hexadecimal digit, or -1. */
static inline int str_hex(char c)
{
    char low = str_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Edit distance of two short words, for "did you mean"; at most 63 bytes of each count. */
unsigned str_distance(struct str a, struct str b);
