/* SPDX-License-Identifier: Apache-2.0
 * encoding.c: what Content-Transfer-Encoding says (RFC 2045 6), and whether all readers take it
 * so: with a semicolon, in quotes or with a word behind it some decode the part and some do not.
 * Called by tree.c. Pure.
 */
#include "mime/tree.h"

static const struct {
    const char *name;
    enum transfer encoding;
    bool is_exact; /* RFC 2045 6.1 knows it by this name */
} encodings[] = {
    {"7bit", TRANSFER_AS_IS, true},
    {"8bit", TRANSFER_AS_IS, true},
    {"binary", TRANSFER_AS_IS, true},
    {"base64", TRANSFER_BASE64, true},
    {"quoted-printable", TRANSFER_QUOTED, true},
    {"uuencode", TRANSFER_UU, true},
    {"x-uuencode", TRANSFER_UU, true},
    {"x-uue", TRANSFER_UU, true},
    {"7-bit", TRANSFER_AS_IS, false},
    {"8-bit", TRANSFER_AS_IS, false},
    {"base-64", TRANSFER_BASE64, false},
    {"x-base64", TRANSFER_BASE64, false},
    {"quotedprintable", TRANSFER_QUOTED, false},
    {"quoted_printable", TRANSFER_QUOTED, false},
    {"x-quoted-printable", TRANSFER_QUOTED, false},
};

static bool encoding_is_letter(char c)
{
    char low = str_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* RFC 2045 6.1 MUST: encodings in any case */
enum transfer encoding_read(struct str said, bool *ret_is_odd)
{
    struct str all = str_trim_lines(said);
    size_t begin = 0, end;
    while (begin < all.n && !encoding_is_letter(all.p[begin])) {
        begin++;
    }
    for (end = begin; end < all.n && encoding_is_letter(all.p[end]); end++) {
    }
    struct str word = str_slice(all, begin, end);
    bool whole = word.n == all.n;
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        if (str_eq_nocase(word, str_c(encodings[i].name))) {
            *ret_is_odd = !whole || !encodings[i].is_exact;
            return encodings[i].encoding;
        }
    }
    *ret_is_odd = all.n > 0;
    return TRANSFER_AS_IS;
}
