/* SPDX-License-Identifier: Apache-2.0
 * fold.c: see fold.h. Called by section.c, while a message arrives.
 *
 * What can go wrong: a word too long for any line, which the engine refuses (smtp/body.c), or a
 * thousand blanks in a row, which stay: a line of blanks alone could be taken for the end of the
 * section.
 */
#include "wire/fold.h"
#include "wire/header.h"
#include "wire/marks.h"

static bool fold_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where the line is broken: before the last blank that leaves words on both sides and a first part
 * short enough; before the first one after it, when there is none. line.n: nowhere. */
static size_t fold_at(struct str line)
{
    size_t words = 0, best = 0;
    while (words < line.n && fold_is_blank(line.p[words])) {
        words++;
    }
    size_t end = line.n;
    while (end > 0 && fold_is_blank(line.p[end - 1])) {
        end--;
    }
    for (size_t i = words; i < end; i++) {
        if (fold_is_blank(line.p[i]) && !fold_is_blank(line.p[i - 1]) &&
            (i <= MARKS_LINE_MAX || best == 0)) {
            best = i;
        }
    }
    return best > 0 ? best : line.n;
}

/* A line without its end. */
static int fold_line(struct str line, struct buf *out)
{
    int r = 0;
    while (r == 0 && line.n > MARKS_LINE_MAX) {
        size_t at = fold_at(line);
        r = buf_add(out, str_slice(line, 0, at));
        line = str_slice(line, at, line.n);
        r = r < 0 || line.n == 0 ? r : buf_add(out, STR("\r\n"));
    }
    return r < 0 ? r : buf_add(out, line);
}

int fold_field(struct str field, struct buf *out)
{
    int r = 0;
    while (r == 0 && field.n > 0) {
        size_t lf = str_find(field, '\n', 0), next = lf < field.n ? lf + 1 : lf;
        size_t end = lf < field.n && lf > 0 && field.p[lf - 1] == '\r' ? lf - 1 : lf;
        r = fold_line(str_slice(field, 0, end), out);
        r = r < 0 ? r : buf_add(out, str_slice(field, end, next));
        field = str_slice(field, next, field.n);
    }
    return r;
}

/* Without the white space of a tag list, folded lines included (RFC 6376 3.2). */
static struct str without_fws(struct str s)
{
    while (s.n > 0 && strchr(" \t\r\n", s.p[0])) {
        s = str_slice(s, 1, s.n);
    }
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

/* RFC 6376 3.5: c= is "simple" where it is missing; what stands before its "/" is about the header
 * section. */
static bool is_simple(struct str tags)
{
    struct str tag;
    while (str_split(&tags, ';', &tag)) {
        size_t equals = str_find(tag, '=', 0);
        struct str name = without_fws(str_slice(tag, 0, equals));
        if (str_eq(name, STR("c")) && equals < tag.n) {
            struct str value = without_fws(str_slice(tag, equals + 1, tag.n));
            return !str_starts_nocase(value, STR("relaxed"));
        }
    }
    return true;
}

bool fold_breaks_signature(struct str section)
{
    struct str name, value;
    while (header_next(&section, &name, &value)) {
        if (str_eq_nocase(name, STR("DKIM-Signature")) && is_simple(value)) {
            return true;
        }
    }
    return false;
}
