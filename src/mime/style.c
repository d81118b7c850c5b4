/* SPDX-License-Identifier: Apache-2.0
 * style.c: a style attribute of a stranger, with what is harmless in it (CSS Syntax 3, CSS Color
 * 4). Called by sanitise.c.
 *
 * Names and values are on a list of what may be; colours are taken out of what is too rich for
 * it. A text colour stays only where its ground does: white on a dark picture that is not shown
 * would be white on white. What mail programs hide, such as the text that a list shows below a
 * subject, stays hidden. What can go wrong: nothing; what is not understood is left out.
 */
#include "mime/style.h"

enum { VALUE_MAX = 512, STYLE_MAX = 8192 };

static const char *const properties[] = {
    "color",           "background-color", "font",          "font-family",     "font-size",
    "font-style",      "font-weight",      "font-variant",  "line-height",     "letter-spacing",
    "text-align",      "text-decoration",  "text-indent",   "text-transform",  "vertical-align",
    "white-space",     "word-break",       "word-wrap",     "overflow-wrap",   "width",
    "max-width",       "height",           "padding",       "padding-top",     "padding-right",
    "padding-bottom",  "padding-left",     "margin",        "margin-top",      "margin-right",
    "margin-bottom",   "margin-left",      "border",        "border-top",      "border-right",
    "border-bottom",   "border-left",      "border-color",  "border-style",    "border-width",
    "border-collapse", "border-spacing",   "border-radius", "list-style-type", "table-layout",
    "caption-side",    "direction",        "display",       "float",           "clear",
    "visibility",
};

/* One declaration: name in lowercase, value without "!important". */
struct declaration {
    char name[32], value[VALUE_MAX];
};

static bool style_is_property(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
        if (strcmp(name, properties[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Up to the next ";" that is not in quotes or brackets. */
static struct str take_declaration(struct str *rest)
{
    size_t i = 0, depth = 0;
    char quote = 0;
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == ';' && depth == 0) {
            break;
        }
        depth += !quote && c == '(';
        depth -= !quote && c == ')' && depth > 0;
    }
    struct str one = str_slice(*rest, 0, i);
    *rest = str_slice(*rest, i < rest->n ? i + 1 : i, rest->n);
    return one;
}

static void drop_comments(struct str s, struct buf *out)
{
    while (s.n > 0) {
        const char *begin = memmem(s.p, s.n, "/*", 2);
        size_t n = begin ? (size_t)(begin - s.p) : s.n;
        const char *end = begin ? memmem(begin + 2, s.n - n - 2, "*/", 2) : NULL;
        (void)!buf_add(out, str_slice(s, 0, n));
        s = end ? str_slice(s, (size_t)(end - s.p) + 2, s.n) : STR("");
    }
}

/* One blank for several. */
static size_t style_squeeze(struct str s, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < size; i++) {
        char c = (unsigned char)s.p[i] <= ' ' ? ' ' : s.p[i];
        if (c != ' ' || (n > 0 && dst[n - 1] != ' ')) {
            dst[n++] = c;
        }
    }
    while (n > 0 && dst[n - 1] == ' ') {
        n--;
    }
    dst[n] = '\0';
    return n;
}

static bool read_declaration(struct str one, struct declaration *ret)
{
    size_t colon = str_find(one, ':', 0);
    if (colon == one.n ||
        style_squeeze(str_slice(one, 0, colon), ret->name, sizeof ret->name) == 0) {
        return false;
    }
    for (char *p = ret->name; *p; p++) {
        *p = str_lower(*p);
    }
    size_t n = style_squeeze(str_slice(one, colon + 1, one.n), ret->value, sizeof ret->value);
    struct str value = str_from(ret->value, n);
    if (str_ends_nocase(value, STR("important"))) {
        size_t mark = str_find_last(value, '!');
        n = mark < n ? mark : n;
        while (n > 0 && ret->value[n - 1] == ' ') {
            n--;
        }
        ret->value[n] = '\0';
    }
    return n > 0 && n + 2 < sizeof ret->value;
}

/* Letters, digits and what colours, sizes and names of fonts need: no brackets but those of
 * colours, no escapes, no addresses. */
static bool is_plain_value(struct str v)
{
    static const char *const functions[] = {"rgb", "rgba", "hsl", "hsla"};
    for (size_t i = 0; i < v.n; i++) {
        char c = str_lower(v.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(" #%.,-/'\"()", c)) ||
            c == '\0') {
            return false;
        }
    }
    size_t bracket = str_find(v, '(', 0);
    if (bracket == v.n) {
        return str_find(v, ')', 0) == v.n;
    }
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        size_t n = strlen(functions[i]);
        bool named = bracket >= n &&
                     str_starts_nocase(str_slice(v, bracket - n, v.n), str_c(functions[i])) &&
                     (bracket == n || v.p[bracket - n - 1] == ' ');
        if (named && str_find(v, '(', bracket + 1) == v.n) {
            return true;
        }
    }
    return false;
}

/* #rgb, rgb(), hsl(), or a word: a name of a colour, which are letters only. */
static bool style_is_colour(struct str word)
{
    static const char *const others[] = {
        "none",       "scroll",      "fixed",       "local",   "repeat",  "no-repeat",
        "repeat-x",   "repeat-y",    "round",       "space",   "center",  "top",
        "bottom",     "left",        "right",       "cover",   "contain", "auto",
        "border-box", "padding-box", "content-box", "inherit", "initial", "unset",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (str_eq_nocase(word, str_c(others[i]))) {
            return false;
        }
    }
    if (word.n > 0 && word.p[0] == '#') {
        return word.n == 4 || word.n == 5 || word.n == 7 || word.n == 9;
    }
    bool letters = word.n > 2;
    for (size_t i = 0; i < word.n; i++) {
        char low = str_lower(word.p[i]);
        letters = letters && low >= 'a' && low <= 'z';
    }
    return letters || (str_find(word, '(', 0) < word.n && !str_starts_nocase(word, STR("url(")) &&
                       is_plain_value(word));
}

/* The colour in a shorthand: background: #036 url(...) no-repeat; of var(--x, #036) what holds
 * where --x is not known. */
static struct str colour_of(struct str value)
{
    if (str_starts_nocase(value, STR("var("))) {
        size_t comma = str_find(value, ',', 0);
        struct str inner = str_slice(value, comma < value.n ? comma + 1 : comma, value.n);
        inner.n -= inner.n > 0 && inner.p[inner.n - 1] == ')';
        return style_is_colour(str_trim(inner)) ? str_trim(inner) : STR("");
    }
    for (size_t at = 0; at < value.n;) {
        size_t end = at, depth = 0;
        while (end < value.n && (depth > 0 || value.p[end] != ' ')) {
            depth += value.p[end] == '(';
            depth -= value.p[end] == ')' && depth > 0;
            end++;
        }
        struct str word = str_slice(value, at, end);
        if (style_is_colour(word)) {
            return word;
        }
        at = end + 1;
    }
    return STR("");
}

static bool is_zero(const char *value)
{
    return value[0] == '0' && strspn(value, "0.pxemt%") == strlen(value);
}

/* What one declaration does to the whole. */
struct style {
    struct buf kept;
    char colour[VALUE_MAX]; /* of the text; "" none */
    bool ground_lost;       /* there is a background that is not kept */
    bool ground_kept;
    bool no_height, overflows, hidden;
    /* position: absolute or fixed; a clip of nothing; off the page */
    bool is_placed, is_clipped, is_far;
};

/* clip: rect(0, 0, 0, 0), rect(1px 1px 1px 1px); clip-path: inset(50%) and more. */
static bool clips_all(const struct declaration *d)
{
    struct str v = str_c(d->value);
    bool rect = strcmp(d->name, "clip") == 0 && str_starts_nocase(v, STR("rect("));
    bool inset = strcmp(d->name, "clip-path") == 0 && str_starts_nocase(v, STR("inset("));
    const char *inside = d->value + (rect ? 5 : 6);
    bool zeros = rect && strspn(inside, "01px, )") == strlen(inside) && !strstr(inside, "11") &&
                 !strstr(inside, "10");
    return zeros || (inset && (strcmp(inside, "50%)") == 0 || strcmp(inside, "100%)") == 0));
}

/* left: -9999px: where nobody looks. */
static bool is_off_the_page(const struct declaration *d)
{
    static const char *const sides[] = {"left", "top", "right", "bottom"};
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        if (strcmp(d->name, sides[i]) == 0) {
            return d->value[0] == '-' && strspn(d->value + 1, "0123456789") >= 3;
        }
    }
    return false;
}

static void style_keep(struct style *s, const char *name, struct str value)
{
    (void)!buf_printf(&s->kept, "%s:" STR_FMT ";", name, STR_ARG(value));
}

static void style_take(struct style *s, const struct declaration *d)
{
    struct str value = str_c(d->value);
    if (strcmp(d->name, "background") == 0 || strcmp(d->name, "background-color") == 0) {
        struct str colour = colour_of(value);
        if (colour.n > 0) {
            style_keep(s, "background-color", colour);
            s->ground_kept = true;
        }
        s->ground_lost |= colour.n == 0 && !str_eq_nocase(value, STR("none")) &&
                          !str_eq_nocase(value, STR("inherit"));
    } else if (strcmp(d->name, "background-image") == 0) {
        s->ground_lost |= !str_eq_nocase(value, STR("none"));
    } else if (strcmp(d->name, "color") == 0) {
        struct str colour = colour_of(value);
        str_copy_cut(colour, s->colour, sizeof s->colour);
    } else if (style_is_property(d->name) && is_plain_value(value)) {
        style_keep(s, d->name, value);
    }
    s->no_height |= strcmp(d->name, "max-height") == 0 && is_zero(d->value);
    s->overflows |= strncmp(d->name, "overflow", 8) == 0 && str_eq_nocase(value, STR("hidden"));
    bool position = strcmp(d->name, "position") == 0;
    s->is_placed |=
        position && (str_eq_nocase(value, STR("absolute")) || str_eq_nocase(value, STR("fixed")));
    s->is_clipped |= clips_all(d);
    s->is_far |= is_off_the_page(d);
    /* not font-size: what is inside has its own */
    s->hidden |= strcmp(d->name, "opacity") == 0 && is_zero(d->value);
    s->hidden |= strcmp(d->name, "mso-hide") == 0 && str_eq_nocase(value, STR("all"));
}

bool style_clean(struct str style, struct buf *out)
{
    struct style s = {.kept = BUF_INIT(STYLE_MAX)};
    struct buf plain = BUF_INIT(style.n + 1);
    drop_comments(style, &plain);
    struct str rest = buf_str(&plain);
    while (rest.n > 0) {
        struct declaration d;
        if (read_declaration(take_declaration(&rest), &d)) {
            style_take(&s, &d);
        }
    }
    if (s.colour[0] && (s.ground_kept || !s.ground_lost)) {
        style_keep(&s, "color", str_c(s.colour));
    }
    if (s.hidden || (s.no_height && s.overflows) || (s.is_placed && (s.is_clipped || s.is_far))) {
        style_keep(&s, "display", STR("none"));
    }
    (void)!buf_add(out, buf_str(&s.kept));
    buf_free(&plain);
    buf_free(&s.kept);
    return s.ground_lost && !s.ground_kept;
}
