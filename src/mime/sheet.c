/* SPDX-License-Identifier: Apache-2.0
 * sheet.c: style sheets of messages (sheet.h): rules, selectors, and who wins. Called by
 * sanitise.c.
 *
 * What messages use is read: names, classes, ids, "inside" and "child of", :link. Rules for
 * printers, for narrow or dark screens, and for states (:hover) are left out: a message without
 * them is what its writer made for old mail programs. What is compared is counted, so that no page
 * costs more than a moment.
 */
#include "mime/sheet.h"

#include <stdlib.h>

enum {
    RULES_MAX = 3000,
    COMPOUNDS_MAX = 6,
    SHEETS_MAX = 512 * 1024,
    STEPS_MAX = 3 * 1000 * 1000,
    WINNERS_MAX = 60
};

/* td.note#x: all of it must hold. Views of the page; empty: not said. */
struct compound {
    struct str name, id, classes[3];
    unsigned n_classes;
    bool child; /* it must be the parent of what stands right of it */
};

struct rule {
    struct compound compounds[COMPOUNDS_MAX]; /* the element itself first, then what it stands in */
    unsigned n;
    unsigned weight; /* its specificity (Selectors 3, 9) */
    struct str declarations;
};

struct sheet {
    struct rule *rules;
    size_t n;
    struct buf text; /* of all sheets, without comments */
    long steps_left;
};

/* --- the text of the sheets --------------------------------------------- */

static bool sheet_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static size_t find_nocase(struct str s, size_t from, struct str what)
{
    for (size_t i = from; i + what.n <= s.n; i++) {
        const char *p = memchr(s.p + i, what.p[0], s.n - i);
        if (!p) {
            return s.n;
        }
        i = (size_t)(p - s.p);
        if (str_starts_nocase(str_slice(s, i, s.n), what)) {
            return i;
        }
    }
    return s.n;
}

/* Its rules without comments, and without the marks that hide them from browsers of 1996. */
static void add_sheet(struct str css, struct buf *out)
{
    static const struct str marks[] = {STR("<!--"), STR("-->"), STR("<![CDATA["), STR("]]>")};
    for (size_t i = 0; i < css.n;) {
        struct str rest = str_slice(css, i, css.n);
        size_t skip = 0;
        for (size_t k = 0; k < ARRAY_LEN(marks); k++) {
            skip = str_starts_nocase(rest, marks[k]) ? marks[k].n : skip;
        }
        if (str_starts_nocase(rest, STR("/*"))) {
            size_t end = find_nocase(rest, 2, STR("*/"));
            skip = end < rest.n ? end + 2 : rest.n;
        }
        if (skip == 0) {
            (void)!buf_append(out, rest.p, 1);
        }
        i += skip ? skip : 1;
    }
    (void)!buf_add(out, STR("\n"));
}

/* <style media=print> is not for a screen. */
static bool is_for_screens(struct str tag)
{
    size_t media = find_nocase(tag, 0, STR("media"));
    struct str said = str_slice(tag, media, tag.n);
    return media == tag.n || find_nocase(said, 0, STR("screen")) < said.n ||
           find_nocase(said, 0, STR("all")) < said.n;
}

/* Outside comments, where Outlook's own sheets stand. */
static void sheet_collect(struct str html, struct buf *out)
{
    for (size_t i = str_find(html, '<', 0); i < html.n; i = str_find(html, '<', i + 1)) {
        struct str rest = str_slice(html, i, html.n);
        if (str_starts_nocase(rest, STR("<!--"))) {
            size_t end = find_nocase(html, i + 4, STR("-->"));
            i = end < html.n ? end + 2 : html.n - 1;
        } else if (str_starts_nocase(rest, STR("<style")) && rest.n > 6 &&
                   (sheet_is_blank(rest.p[6]) || rest.p[6] == '>')) {
            size_t begin = str_find(html, '>', i), end = find_nocase(html, begin, STR("</style"));
            if (begin < html.n && is_for_screens(str_slice(html, i, begin))) {
                add_sheet(str_slice(html, begin + 1, end), out);
            }
            i = end < html.n ? end : html.n - 1;
        }
    }
}

/* --- selectors ---------------------------------------------------------- */

static bool sheet_is_name(char c)
{
    char low = str_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (unsigned char)c >= 0x80;
}

static struct str sheet_take_name(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && sheet_is_name(rest->p[n])) {
        n++;
    }
    struct str name = str_slice(*rest, 0, n);
    *rest = str_slice(*rest, n, rest->n);
    return name;
}

/* One more part of it: .x, #x, :link. */
static bool read_simple(struct str *rest, struct compound *c)
{
    char kind = rest->p[0];
    *rest = str_slice(*rest, 1, rest->n);
    struct str name = sheet_take_name(rest);
    bool fits = name.n > 0 && name.n < SHEET_NAME;
    if (kind == '.' && fits && c->n_classes < ARRAY_LEN(c->classes)) {
        c->classes[c->n_classes++] = name;
        return true;
    }
    if (kind == '#' && fits && c->id.n == 0) {
        c->id = name;
        return true;
    }
    return kind == ':' && str_eq_nocase(name, STR("link"));
}

static bool read_compound(struct str *rest, struct compound *ret)
{
    *ret = (struct compound){.name = STR("")};
    if (rest->p[0] == '*') {
        *rest = str_slice(*rest, 1, rest->n);
    } else {
        ret->name = sheet_take_name(rest);
    }
    while (rest->n > 0 && !sheet_is_blank(rest->p[0]) && rest->p[0] != '>') {
        if (!read_simple(rest, ret)) {
            return false;
        }
    }
    return ret->name.n < SHEET_NAME;
}

static bool read_selector(struct str s, struct rule *ret)
{
    struct compound all[COMPOUNDS_MAX];
    unsigned n = 0;
    for (bool child = false; s.n > 0; n++) {
        if (n == COMPOUNDS_MAX || !read_compound(&s, &all[n])) {
            return false;
        }
        all[n].child = false;
        if (n > 0) {
            all[n - 1].child = child;
        }
        s = str_trim_lines(s);
        child = s.n > 0 && s.p[0] == '>';
        s = child ? str_trim_lines(str_slice(s, 1, s.n)) : s;
        if (child && s.n == 0) {
            return false;
        }
        ret->weight += 100 * (all[n].id.n > 0) + 10 * all[n].n_classes + (all[n].name.n > 0);
    }
    for (unsigned i = 0; i < n; i++) {
        ret->compounds[i] = all[n - 1 - i];
    }
    ret->n = n;
    return n > 0;
}

/* --- rules -------------------------------------------------------------- */

static void sheet_add_rules(struct sheet *s, struct str selectors, struct str declarations)
{
    struct str one;
    while (s->n < RULES_MAX && str_split(&selectors, ',', &one)) {
        struct rule r = {.declarations = declarations};
        if (read_selector(str_trim_lines(one), &r)) {
            s->rules[s->n++] = r;
        }
    }
}

/* Up to the bracket that ends what an opening one begins, outside quotes. */
static size_t block_end(struct str s, size_t from)
{
    size_t depth = 0;
    char quote = 0;
    for (size_t i = from; i < s.n; i++) {
        char c = s.p[i];
        if (quote) {
            quote = c == quote || c == '\n' ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return i;
        }
    }
    return s.n;
}

/* @media screen, @media all: of no size, no colour scheme. */
static bool is_for_any_screen(struct str head)
{
    struct str one, list = str_slice(head, 6, head.n);
    while (str_starts_nocase(head, STR("@media")) && str_split(&list, ',', &one)) {
        one = str_trim_lines(one);
        one = str_starts_nocase(one, STR("only ")) ? str_trim_lines(str_slice(one, 5, one.n)) : one;
        if (str_eq_nocase(one, STR("screen")) || str_eq_nocase(one, STR("all"))) {
            return true;
        }
    }
    return false;
}

static void read_rules(struct sheet *s, struct str css, bool inside)
{
    while (css.n > 0 && s->n < RULES_MAX) {
        size_t open = str_find(css, '{', 0), line = str_find(css, ';', 0);
        struct str head = str_trim_lines(str_slice(css, 0, open));
        if (head.n > 0 && head.p[0] == '@' && line < open) { /* @import, @charset */
            css = str_slice(css, line + 1, css.n);
            continue;
        }
        size_t end = block_end(css, open);
        struct str body = str_slice(css, open < css.n ? open + 1 : open, end);
        if (head.n > 0 && head.p[0] != '@') {
            sheet_add_rules(s, head, body);
        } else if (!inside && head.n > 6 && is_for_any_screen(head)) {
            read_rules(s, body, true);
        }
        css = str_slice(css, end < css.n ? end + 1 : end, css.n);
    }
}

struct sheet *sheet_of_page(struct str html)
{
    struct sheet *s = err_calloc(1, sizeof *s);
    *s = (struct sheet){.text = BUF_INIT(SHEETS_MAX), .steps_left = STEPS_MAX};
    sheet_collect(html, &s->text);
    if (buf_len(&s->text) > 0) {
        s->rules = err_calloc(RULES_MAX, sizeof *s->rules);
        read_rules(s, buf_str(&s->text), false);
    }
    if (s->n == 0) {
        sheet_free(s);
        s = NULL;
    }
    return s;
}

void sheet_free(struct sheet *s)
{
    if (s) {
        buf_free(&s->text);
        free(s->rules);
        free(s);
    }
}

/* --- what holds for an element ------------------------------------------ */

static bool has_class(struct sheet *s, const struct sheet_element *e, struct str name)
{
    struct str one, list = str_c(e->classes);
    while (str_split(&list, ' ', &one)) {
        s->steps_left--;
        if (str_eq(one, name)) {
            return true;
        }
    }
    return false;
}

static bool holds(struct sheet *s, const struct compound *c, const struct sheet_element *e)
{
    s->steps_left--;
    bool fits = (c->name.n == 0 || str_eq_nocase(c->name, str_c(e->name))) &&
                (c->id.n == 0 || str_eq(c->id, str_c(e->id)));
    for (unsigned i = 0; fits && i < c->n_classes; i++) {
        fits = has_class(s, e, c->classes[i]);
    }
    return fits;
}

/* What it stands in is looked for from the inside; the nearest is taken, which for what messages
 * write is enough. */
static bool sheet_applies(struct sheet *s, const struct rule *r,
                          const struct sheet_element *elements, size_t n)
{
    if (!holds(s, &r->compounds[0], &elements[n - 1])) {
        return false;
    }
    size_t at = n - 1;
    for (unsigned i = 1; i < r->n; i++) {
        bool found = false;
        while (!found && at > 0) {
            at--;
            found = holds(s, &r->compounds[i], &elements[at]);
            if (!found && r->compounds[i].child) {
                return false;
            }
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* Those with "!important", or the others. */
static void put_declarations(struct str all, bool important, struct buf *out)
{
    size_t from = 0, depth = 0;
    char quote = 0;
    for (size_t i = 0; i <= all.n; i++) {
        char c = i < all.n ? all.p[i] : ';';
        if (quote && i < all.n) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == ';' && (depth == 0 || i == all.n)) {
            struct str one = str_trim_lines(str_slice(all, from, i));
            bool marked = find_nocase(one, 0, STR("!important")) < one.n ||
                          str_ends_nocase(one, STR("important"));
            if (one.n > 0 && marked == important) {
                (void)!buf_add(out, one);
                (void)!buf_add(out, STR(";"));
            }
            from = i + 1;
        }
        depth += !quote && c == '(';
        depth -= !quote && c == ')' && depth > 0;
    }
}

static int by_weight(const void *a, const void *b)
{
    const struct rule *const *x = a, *const *y = b;
    return (*x)->weight != (*y)->weight
               ? ((*x)->weight > (*y)->weight) - ((*x)->weight < (*y)->weight)
               : (*x > *y) - (*x < *y);
}

void sheet_style(struct sheet *s, const struct sheet_element *elements, size_t n, struct str own,
                 struct buf *out)
{
    const struct rule *won[WINNERS_MAX];
    size_t n_won = 0;
    for (size_t i = 0; s && i < s->n && n_won < WINNERS_MAX && s->steps_left > 0; i++) {
        if (sheet_applies(s, &s->rules[i], elements, n)) {
            won[n_won++] = &s->rules[i];
        }
    }
    qsort(won, n_won, sizeof won[0], by_weight);
    for (size_t i = 0; i < n_won; i++) {
        put_declarations(won[i]->declarations, false, out);
    }
    put_declarations(own, false, out);
    for (size_t i = 0; i < n_won; i++) {
        put_declarations(won[i]->declarations, true, out);
    }
    put_declarations(own, true, out);
}
