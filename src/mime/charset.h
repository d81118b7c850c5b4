/* SPDX-License-Identifier: Apache-2.0
 * charset.h: between the files that read character sets: what a label means (charset_labels.c),
 * the tables (charset_tables.c), the decoders (charset_decode.c) and HTML's own word on it
 * (charset_meta.c). The rest of mime/ calls charset_text() of reader.h. "The standard" is the
 * WHATWG Encoding Standard.
 */
#pragma once
#include "base/buf.h"

#include <iconv.h>

enum charset_kind {
    CHARSET_UTF8,
    CHARSET_UTF16LE,
    CHARSET_UTF16BE,
    CHARSET_SINGLE, /* an octet is a character */
    CHARSET_USER_DEFINED,
    CHARSET_REPLACEMENT,
    CHARSET_GB18030, /* GBK, too */
    CHARSET_BIG5,
    CHARSET_EUC_JP,
    CHARSET_ISO_2022_JP,
    CHARSET_SHIFT_JIS,
    CHARSET_EUC_KR,
    CHARSET_HZ,
    CHARSET_OTHER, /* not in the standard: decoded by the C library */
};

struct charset {
    const char *name; /* the standard's, or what the C library calls it */
    enum charset_kind kind;
    const char *library; /* the C library's table for it, or NULL */
    const char *labels;  /* in small letters, with a blank between */
};

enum { CHARSET_SETS_MAX = 160 };

/* charset_labels.c */
extern const struct charset charset_sets[];
extern const size_t charset_n_sets;
/* What a label means, with blanks, quotes or a comment around it; NULL: nobody knows it. */
const struct charset *charset_find(struct str label);

/* charset_tables.c */
enum {
    CHARSET_NONE = 0,
    CHARSET_TWO = 0x80000000 /* | second << 16 | first: one sign that is two characters */
};
void charset_tables_open(void);
/* The descriptor of the C library, as new; (iconv_t)-1: it has no such table. */
iconv_t charset_descriptor(const struct charset *c);
/* The character of an octet from 0x80 in a set of single octets; CHARSET_NONE where there is
 * none. */
uint32_t charset_single(const struct charset *c, unsigned char octet);
/* The character of two octets, in EUC-JP of the two behind 0x8f; of four in GB 18030. */
uint32_t charset_pair(const struct charset *c, unsigned char lead, unsigned char trail);
uint32_t charset_four(const struct charset *c, const unsigned char *octets);

/* charset_decode.c: appends as UTF-8, each error as U+FFFD. */
struct charset_result {
    size_t errors;
    bool full; /* there was more than out holds */
};
struct charset_result charset_decode(const struct charset *c, struct str octets, struct buf *out);
/* A character in UTF-8, at most so many octets; how many they are. */
enum { CHARSET_UTF8_MAX = 4 };
size_t charset_put_utf8(uint32_t c, char *ret);
/* How often octets from 0x80 are UTF-8, and how often not. */
void charset_count_utf8(struct str octets, size_t *ret_good, size_t *ret_bad);

/* charset_look.c: the set of 7 bit whose escapes are there and fit; NULL: there are none. */
const struct charset *charset_by_escapes(struct str octets);
/* False: as Windows-1252 these octets are no text of Western Europe. */
bool charset_is_western(struct str octets);

/* charset_meta.c: what HTML says of itself in its first 1024 octets (HTML standard, 13.2.3.2);
 * NULL: nothing. */
const struct charset *charset_of_html(struct str octets);
