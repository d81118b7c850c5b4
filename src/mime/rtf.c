/* SPDX-License-Identifier: Apache-2.0
 * rtf.c: the text of Rich Text Format (Microsoft's specification 1.9.1). Called by reader.c, and by tnef.c for what
 * Outlook packs. Own code: Debian has programs for it under the GPL and no library.
 *
 * What can go wrong: groups without end (bounded), binary data said to be longer than the file.
 */
#include "mime/reader.h"

#include <stdlib.h>

enum { GROUPS_MAX = 200, WORD_MAX = 32 };

struct group {
    bool skipped;       /* not for people: fonts, colours, pictures */
    unsigned char after; /* fallback characters behind \u */
};

struct rtf {
    struct str rest;
    struct buf *out;
    struct group groups[GROUPS_MAX];
    unsigned depth, fallback;
    bool star, full;
};

static struct group *now(struct rtf *x)
{
    return &x->groups[x->depth];
}

static void put_utf8(struct rtf *x, uint32_t c)
{
    char text[4];
    size_t n = 0;
    if (now(x)->skipped) {
        return;
    }
    if (x->fallback > 0) {
        x->fallback--;
        return;
    }
    if (c < 0x80) {
        text[n++] = (char)c;
    } else if (c < 0x800) {
        text[n++] = (char)(0xc0 | c >> 6);
        text[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        text[n++] = (char)(0xe0 | (c >> 12 & 0xf));
        text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        text[n++] = (char)(0x80 | (c & 0x3f));
    }
    x->full |= buf_append(x->out, text, n) < 0;
}

static bool is_one_of(struct str word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(word, str_c(list[i]))) {
            return true;
        }
    }
    return false;
}

static void put_char(struct rtf *x, uint32_t c)
{
    x->fallback = 0;
    put_utf8(x, c);
}

static void on_word(struct rtf *x, struct str word, bool has_number, long number)
{
    static const char *const skipped[] = {"fonttbl", "colortbl", "stylesheet", "pict", "themedata", "colorschememapping", "listtable", "listoverridetable",
                                          "rsidtbl", "generator", "latentstyles", "datastore", "xmlnstbl", "fldinst", "objdata"};
    static const char *const lines[] = {"par", "line", "row", "page", "sect", "nestrow"};
    static const char *const tabs[] = {"tab", "cell", "nestcell"};
    if (x->star || is_one_of(word, skipped, ARRAY_LEN(skipped))) {
        static const char *const told[] = {"htmltag", "bkmkstart", "annotation", "shptxt", "footnote", "nesttableprops"};
        now(x)->skipped |= !x->star || !is_one_of(word, told, ARRAY_LEN(told));
    } else if (is_one_of(word, lines, ARRAY_LEN(lines))) {
        put_char(x, '\n');
    } else if (is_one_of(word, tabs, ARRAY_LEN(tabs))) {
        put_char(x, '\t');
    } else if (str_eq(word, STR("uc")) && has_number && number >= 0 && number < 16) {
        now(x)->after = (unsigned char)number;
    } else if (str_eq(word, STR("u")) && has_number) {
        put_char(x, (uint32_t)(number < 0 ? number + 65536 : number) & 0xffff);
        x->fallback = now(x)->after;
    } else if (str_eq(word, STR("bin")) && has_number && number > 0) {
        x->rest = str_slice(x->rest, (size_t)number < x->rest.n ? (size_t)number : x->rest.n, x->rest.n);
    }
    x->star = false;
}

/* Behind a backslash. */
static void on_control(struct rtf *x)
{
    struct str *s = &x->rest;
    size_t n = 0;
    long number = 0;
    bool negative = false, has_number = false;
    if (s->n == 0) {
        return;
    }
    char c = s->p[0];
    if (str_lower(c) < 'a' || str_lower(c) > 'z') {
        bool code = c == '\'' && s->n >= 3 && str_hex(s->p[1]) >= 0 && str_hex(s->p[2]) >= 0;
        if (code) {
            put_utf8(x, (uint32_t)(str_hex(s->p[1]) * 16 + str_hex(s->p[2]))); /* Latin-1: what is ASCII is right */
        } else if (c == '\\' || c == '{' || c == '}' || c == '~' || c == '_') {
            put_utf8(x, c == '~' ? ' ' : c == '_' ? '-' : (uint32_t)c);
        } else if (c == '\n' || c == '\r') {
            put_utf8(x, '\n');
        }
        x->star = c == '*';
        *s = str_slice(*s, code ? 3 : 1, s->n);
        return;
    }
    while (n < s->n && n < WORD_MAX && str_lower(s->p[n]) >= 'a' && str_lower(s->p[n]) <= 'z') {
        n++;
    }
    struct str word = str_slice(*s, 0, n);
    negative = n < s->n && s->p[n] == '-';
    n += negative;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        number = number < 100000000 ? number * 10 + (s->p[n] - '0') : number;
        has_number = true;
    }
    n += n < s->n && s->p[n] == ' ';
    *s = str_slice(*s, n, s->n);
    on_word(x, word, has_number, negative ? -number : number);
}

void read_rtf(struct reader *r, const struct piece *p)
{
    struct rtf x = {.rest = p->octets, .out = reader_text(r, p->place, p->part)};
    x.groups[0].after = 1;
    while (x.out && x.rest.n > 0 && !x.full) {
        char c = x.rest.p[0];
        x.rest = str_slice(x.rest, 1, x.rest.n);
        if (c == '{') {
            if (x.depth + 1 == GROUPS_MAX) {
                reader_problem(r, MIME_LIMIT, p->part, "groups inside groups, too deep");
                break;
            }
            x.groups[x.depth + 1] = x.groups[x.depth];
            x.depth++;
            x.star = false;
        } else if (c == '}') {
            x.depth -= x.depth > 0;
            x.fallback = 0;
        } else if (c == '\\') {
            on_control(&x);
        } else if (c != '\r' && c != '\n') {
            put_utf8(&x, (unsigned char)c);
        }
    }
    if (x.out) {
        reader_text_done(r, x.out);
    }
    if (x.full) {
        reader_problem(r, MIME_LIMIT, p->part, "too much text");
    }
}
