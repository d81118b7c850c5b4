/* SPDX-License-Identifier: Apache-2.0
 * names.c: the names of a part, as people and systems see them. Called by tree.c, and by whoever shows a name.
 *
 * Names decide what a rule about files sees: what an ending hides behind (signs that nobody sees, blanks and dots, which
 * Windows drops) goes, and a name too many is told. What can go wrong: that limit.
 */
#include "mime/tree.h"

#include <stdlib.h>

enum { NAMES_MAX = 20 };

/* U+200B..200F, 202A..202E, 2060..206F, 00AD, 034F, 061C, 180E, FE00..FE0F, FEFF: the octets of one at the front, or 0. */
static size_t unseen(struct str s)
{
    unsigned char a = s.n > 0 ? (unsigned char)s.p[0] : 0, b = s.n > 1 ? (unsigned char)s.p[1] : 0, c = s.n > 2 ? (unsigned char)s.p[2] : 0;
    if ((a == 0xc2 && b == 0xad) || (a == 0xcd && b == 0x8f) || (a == 0xd8 && b == 0x9c)) {
        return 2;
    }
    bool general = a == 0xe2 && ((b == 0x80 && ((c >= 0x8b && c <= 0x8f) || (c >= 0xaa && c <= 0xae))) || (b == 0x81 && c >= 0xa0 && c <= 0xaf));
    bool other = (a == 0xe1 && b == 0xa0 && c == 0x8e) || (a == 0xef && ((b == 0xb8 && c >= 0x80 && c <= 0x8f) || (b == 0xbb && c == 0xbf)));
    return general || other ? 3 : 0;
}

/* The blanks of Unicode (White_Space) that ASCII does not have, at the end: U+0085, 00A0, 1680, 2000..200A, 2028, 2029, 202F, 205F,
 * 3000; and the stop of full width, U+FF0E. The octets of one, or 0. */
static size_t wide_blank_at_end(struct str s)
{
    static const char *const blanks[] = {
        "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
        "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbc\x8e",
    };
    for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
        if (str_ends_nocase(s, str_c(blanks[i]))) {
            return strlen(blanks[i]);
        }
    }
    return 0;
}

char *tree_clean_name(struct str name)
{
    struct buf clean = BUF_INIT(name.n + 1);
    for (size_t i = 0; i < name.n;) {
        size_t skip = unseen(str_slice(name, i, name.n));
        char c = (unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f ? ' ' : name.p[i];
        if (skip == 0) {
            (void)!buf_append(&clean, &c, 1);
        }
        i += skip > 0 ? skip : 1;
    }
    struct str s = str_trim(buf_str(&clean));
    for (size_t n = 1; n > 0;) {
        n = s.n > 0 && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == ' ') ? 1 : wide_blank_at_end(s);
        s.n -= n;
    }
    char *copy = s.n > 0 ? str_dup(s) : NULL;
    buf_free(&clean);
    return copy;
}

void names_add(struct reader *r, struct part *p, const char *value)
{
    char *name = tree_clean_name(str_c(value));
    for (size_t i = 0; name && i < p->n_names; i++) {
        if (strcmp(p->names[i], name) == 0) {
            free(name);
            name = NULL;
        }
    }
    if (name && p->n_names == NAMES_MAX) {
        reader_problem(r, MIME_LIMIT, p->number, "more names than are read");
    }
    if (name && p->n_names < NAMES_MAX) {
        p->names = p->names ? p->names : err_calloc(NAMES_MAX, sizeof *p->names);
        p->names[p->n_names++] = name;
    } else {
        free(name);
    }
}

char *names_beside(const struct part *p, const char *value)
{
    struct str name = str_c(value);
    name = str_slice(name, 0, str_find(name, '?', 0));
    size_t slash = str_find_last(name, '/');
    char *clean = tree_clean_name(slash < name.n ? str_slice(name, slash + 1, name.n) : name);
    bool known = !clean || !strrchr(clean, '.');
    for (size_t i = 0; !known && i < p->n_names; i++) {
        known = strcmp(p->names[i], clean) == 0;
    }
    if (known) {
        free(clean);
        clean = NULL;
    }
    return clean;
}
