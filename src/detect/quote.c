/* SPDX-License-Identifier: Apache-2.0
 * quote.c: which part of a mail is new, and which repeats the mail it answers. Pure. Called by scan.c and
 * for the flags, which count in new text only.
 *
 * Knows lines that begin with '>' and the lines by which mail programs introduce what follows, in English,
 * German, French, Spanish, Italian and Dutch. What can go wrong: an unknown program: its quotation counts
 * as new text, the safe side.
 */
#include "detect/detect.h"

enum { LONGEST_LINE = 8192 };

static bool is_introduction(struct str line, struct str next)
{
    static const char *const endings[] = {" wrote:", " schrieb:", " a \xc3\xa9" "crit :", " a \xc3\xa9" "crit:", " escribi\xc3\xb3:", " ha scritto:", " schreef:"};
    static const char *const froms[] = {"From:", "Von:", "De :", "De:", "Da:", "Van:"};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        if (str_ends_nocase(line, str_c(endings[i]))) {
            return true;
        }
    }
    bool rule = line.n >= 5 && (memcmp(line.p, "-----", 5) == 0 || memcmp(line.p, "_____", 5) == 0);
    if (rule && line.n > 12 && (str_ends_nocase(line, STR("-----")))) {
        return str_find(line, ' ', 0) < line.n || line.n > 40; /* -----Original Message----- */
    }
    for (size_t i = 0; rule && i < ARRAY_LEN(froms); i++) {
        if (str_starts_nocase(next, str_c(froms[i]))) {
            return true; /* a line of strokes, then a header section */
        }
    }
    return false;
}

static struct str line_at(struct str text, size_t at, size_t *ret_next)
{
    size_t end = str_find(text, '\n', at);
    *ret_next = end < text.n ? end + 1 : text.n;
    struct str line = str_slice(text, at, end);
    line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
    return str_trim(line);
}

size_t detect_new_end(struct str text)
{
    size_t at = 0;
    while (at < text.n) {
        size_t next, after;
        struct str line = line_at(text, at, &next);
        if (line.n >= 5 && is_introduction(line, line_at(text, next, &after))) {
            return at;
        }
        at = next;
    }
    return text.n;
}

bool detect_is_quoted(struct str text, size_t new_end, size_t at)
{
    if (at >= new_end) {
        return true;
    }
    size_t least = at > LONGEST_LINE ? at - LONGEST_LINE : 0; /* a longer line is nobody's quotation */
    while (at > least && text.p[at - 1] != '\n') {
        at--;
    }
    while (at < text.n && (text.p[at] == ' ' || text.p[at] == '\t')) {
        at++;
    }
    return at < text.n && text.p[at] == '>';
}
