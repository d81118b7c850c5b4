/* SPDX-License-Identifier: Apache-2.0
 * names.c: the names of a part, as people and systems see them. Called by tree.c, and by whoever
 * shows a name.
 *
 * Names decide what a rule about files sees: what an ending hides behind (signs that nobody
 * sees, blanks and dots, which Windows drops) goes, and a name too many is told. What can go
 * wrong: that limit.
 */
#include "base/unseen.h"
#include "mime/tree.h"

#include <stdlib.h>

enum { NAMES_MAX = 20 };

/* At the end: a blank that ASCII does not have, or the stop of full width, U+FF0E. The octets of
 * one, or 0. */
static size_t wide_blank_at_end(struct str s)
{
    size_t at = s.n;
    while (at > 0 && ((unsigned char)s.p[at - 1] & 0xc0) == 0x80) {
        at--;
    }
    struct str last = str_slice(s, at > 0 ? at - 1 : 0, s.n);
    bool stop = str_eq(last, STR("\xef\xbc\x8e"));
    return last.n > 0 && (stop || unseen_blank_at(last) == last.n) ? last.n : 0;
}

char *tree_clean_name(struct str name)
{
    struct buf clean = BUF_INIT(name.n + 1);
    for (size_t i = 0; i < name.n;) {
        size_t skip = unseen_at(str_slice(name, i, name.n));
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
