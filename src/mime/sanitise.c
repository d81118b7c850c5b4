/* SPDX-License-Identifier: Apache-2.0
 * sanitise.c: HTML of a stranger made harmless, by an allow-list over the events of tags.c. Called by view.c.
 *
 * The page is written anew, every name and value by us: what a browser reads is what was checked. Elements that are not
 * known lose their tags and keep their text; those that bring programs, styles or other documents lose both. Only pictures
 * that came with the message stay, inside the text as data: addresses. The page is also shown in a frame without scripts
 * and without an origin of its own (proc/web): this is the first of two walls.
 */
#include "mime/tags.h"
#include "mime/view.h"
#include "wire/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { OPEN_MAX = 200 /* of what is deeper only the text is kept */, NAME_MAX_OCTETS = 32, END_TAG = 13 };

struct rewrite {
    struct buf *out, tag; /* tag: the one being written */
    const struct picture *pictures;
    size_t n_pictures, room; /* room: what the text may fill, so that all end tags fit behind it */
    unsigned depth, dropped; /* of elements; dropped: depth of the one that is left out whole, 0: none */
    struct {
        unsigned depth;
        char name[NAME_MAX_OCTETS];
    } open[OPEN_MAX]; /* what was written and not ended */
    size_t n_open;
    bool full, remote;
};

static const char *const kept[] = {
    "a", "abbr", "address", "article", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del", "dfn",
    "div", "dl", "dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li",
    "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead",
    "time", "tr", "tt", "u", "ul", "var"};
static const char *const dropped[] = {
    "script", "style", "template", "iframe", "frame", "frameset", "noframes", "object", "embed", "applet", "param", "svg", "math", "head", "title", "meta", "link",
    "base", "input", "button", "select", "textarea", "option", "optgroup", "datalist", "audio", "video", "source", "track", "canvas", "map", "area", "portal",
    "noscript", "xml", "xmp", "plaintext", "noembed", "dialog", "slot", "bgsound", "basefont", "isindex", "keygen"};
static const char *const empty[] = {"br", "col", "hr", "img"};
/* Values of these are words and numbers only. */
static const char *const attributes[] = {"align", "valign", "width", "height", "colspan", "rowspan", "bgcolor", "color", "size", "dir", "lang", "cellpadding",
                                         "cellspacing", "border", "start", "type", "face", "alt", "title", "summary", "scope", "headers", "abbr", "datetime",
                                         "noshade", "nowrap", "reversed", "value", "span"};
static const char *const properties[] = {
    "color", "background-color", "font", "font-family", "font-size", "font-style", "font-weight", "font-variant", "line-height", "letter-spacing", "text-align",
    "text-decoration", "text-indent", "text-transform", "vertical-align", "white-space", "word-break", "word-wrap", "overflow-wrap", "width", "max-width",
    "height", "padding", "padding-top", "padding-right", "padding-bottom", "padding-left", "margin", "margin-top", "margin-right", "margin-bottom",
    "margin-left", "border", "border-top", "border-right", "border-bottom", "border-left", "border-color", "border-style", "border-width",
    "border-collapse", "border-spacing", "border-radius", "list-style-type", "table-layout", "caption-side", "direction", "background", "display", "float", "clear"};

static bool is_in(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(str_c(name), str_c(list[i]))) {
            return true;
        }
    }
    return false;
}
#define IS_IN(name, list) is_in(name, list, ARRAY_LEN(list))

static void put(struct rewrite *w, struct str s)
{
    w->full |= w->full || buf_len(w->out) + s.n > w->room || buf_add(w->out, s) < 0;
}

static void put_tag(struct rewrite *w, struct str s)
{
    w->full |= buf_add(&w->tag, s) < 0;
}

/* to: put, or put_tag. */
static void put_escaped(struct rewrite *w, struct str s, void (*to)(struct rewrite *, struct str))
{
    size_t from = 0;
    for (size_t i = 0; i <= s.n; i++) {
        char c = i < s.n ? s.p[i] : '\0';
        bool odd = i < s.n && (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'' || c == '`' || ((unsigned char)c < ' ' && c != '\n' && c != '\t'));
        if (odd || i == s.n) {
            to(w, str_slice(s, from, i));
            from = i + 1;
        }
        if (odd && (unsigned char)c >= ' ') {
            char text[8];
            snprintf(text, sizeof text, "&#%d;", c);
            to(w, str_c(text));
        }
    }
}

static void put_attribute(struct rewrite *w, const char *name, struct str value)
{
    put_tag(w, STR(" "));
    put_tag(w, str_c(name));
    put_tag(w, STR("=\""));
    put_escaped(w, value, put_tag);
    put_tag(w, STR("\""));
}

/* http:, https:, mailto: and tel: only; nothing relative: there is nothing of ours behind it. */
static bool is_link(struct str url)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:", "tel:"};
    for (size_t i = 0; i < url.n; i++) {
        if ((unsigned char)url.p[i] <= ' ') {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (str_starts_nocase(url, str_c(schemes[i])) && url.n > strlen(schemes[i])) {
            return true;
        }
    }
    return false;
}

/* Letters, digits and what colours, sizes and names of fonts need: no brackets but those of rgb(), no escapes, no addresses. */
static bool is_plain_value(struct str v)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = str_lower(v.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(" #%.,-'\"()", c)) || c == '\0') {
            return false;
        }
    }
    size_t bracket = str_find(v, '(', 0);
    return bracket == v.n || (bracket >= 3 && (str_ends_nocase(str_slice(v, 0, bracket), STR("rgb")) || str_ends_nocase(str_slice(v, 0, bracket), STR("rgba"))) &&
                              str_find(v, '(', bracket + 1) == v.n);
}

static void put_style(struct rewrite *w, struct str style)
{
    struct buf clean = BUF_INIT(8192);
    struct str one;
    while (str_split(&style, ';', &one)) {
        size_t colon = str_find(one, ':', 0);
        char name[32];
        struct str value = str_trim(str_slice(one, colon < one.n ? colon + 1 : colon, one.n));
        if (colon == one.n || str_copy(str_trim(str_slice(one, 0, colon)), name, sizeof name) < 0 || !IS_IN(name, properties) || !is_plain_value(value) || value.n == 0) {
            continue;
        }
        if (buf_printf(&clean, "%s:" STR_FMT ";", name, STR_ARG(value)) < 0) {
            break;
        }
    }
    if (buf_len(&clean) > 0) {
        put_attribute(w, "style", buf_str(&clean));
    }
    buf_free(&clean);
}

static void put_picture(struct rewrite *w, struct str src)
{
    if (!str_starts_nocase(src, STR("cid:"))) {
        w->remote |= src.n > 0 && !str_starts_nocase(src, STR("data:"));
        return;
    }
    struct str cid = str_slice(src, 4, src.n);
    for (size_t i = 0; i < w->n_pictures; i++) {
        if (str_eq(cid, str_c(w->pictures[i].cid))) {
            put_tag(w, STR(" src=\"data:"));
            put_tag(w, str_c(w->pictures[i].type));
            put_tag(w, STR(";base64,"));
            w->full |= base64_write(w->pictures[i].octets, 0, &w->tag) < 0;
            put_tag(w, STR("\""));
            return;
        }
    }
}

/* attributes: names and values in turn, NULL at the end; a value may be NULL. */
static void put_attributes(struct rewrite *w, const xmlChar **attributes_of, bool is_link_element, bool is_picture)
{
    for (size_t i = 0; attributes_of && attributes_of[i]; i += 2) {
        const char *name = (const char *)attributes_of[i];
        struct str value = str_c(attributes_of[i + 1] ? (const char *)attributes_of[i + 1] : "");
        if (is_link_element && strcasecmp(name, "href") == 0 && is_link(str_trim(value))) {
            put_attribute(w, "href", str_trim(value));
            put_tag(w, STR(" target=\"_blank\" rel=\"noopener noreferrer nofollow\""));
        } else if (is_picture && strcasecmp(name, "src") == 0) {
            put_picture(w, str_trim(value));
        } else if (strcasecmp(name, "style") == 0) {
            put_style(w, value);
        } else if (IS_IN(name, attributes) && value.n < 1024) {
            char small[NAME_MAX_OCTETS];
            str_copy_cut(str_c(name), small, sizeof small);
            for (char *p = small; *p; p++) {
                *p = str_lower(*p);
            }
            put_attribute(w, small, value);
        } else if (strcasecmp(name, "background") == 0) {
            w->remote = true;
        }
    }
}

/* The whole tag, or nothing of it. */
static void begin_element(struct rewrite *w, const char *name, const xmlChar **attributes_of)
{
    buf_reset(&w->tag);
    put_tag(w, STR("<"));
    put_tag(w, str_c(name));
    put_attributes(w, attributes_of, strcmp(name, "a") == 0, strcmp(name, "img") == 0);
    put_tag(w, STR(">"));
    put(w, buf_str(&w->tag));
    if (!w->full && !IS_IN(name, empty)) {
        w->open[w->n_open].depth = w->depth;
        str_copy_cut(str_c(name), w->open[w->n_open++].name, NAME_MAX_OCTETS);
    }
}

/* Ends what is open at this depth and deeper. */
static void end_elements(struct rewrite *w, unsigned depth)
{
    while (w->n_open > 0 && w->open[w->n_open - 1].depth >= depth) {
        (void)!buf_printf(w->out, "</%s>", w->open[--w->n_open].name);
    }
}

static void on_start(void *arg, const xmlChar *element, const xmlChar **attributes_of)
{
    struct rewrite *w = arg;
    char name[NAME_MAX_OCTETS];
    w->depth++;
    str_copy_cut(str_c((const char *)element), name, sizeof name);
    for (char *p = name; *p; p++) {
        *p = str_lower(*p);
    }
    if (w->dropped == 0 && IS_IN(name, dropped)) {
        w->dropped = w->depth;
    } else if (w->dropped == 0 && !w->full && w->n_open < OPEN_MAX && IS_IN(name, kept)) {
        begin_element(w, name, attributes_of);
    }
}

static void on_end(void *arg, const xmlChar *element)
{
    struct rewrite *w = arg;
    w->dropped = w->dropped == w->depth ? 0 : w->dropped;
    end_elements(w, w->depth);
    w->depth -= w->depth > 0;
}

static void on_characters(void *arg, const xmlChar *text, int n)
{
    struct rewrite *w = arg;
    if (w->dropped == 0 && n > 0) {
        put_escaped(w, str_from((const char *)text, (size_t)n), put);
    }
}

static void on_text(void *arg, struct str text)
{
    put_escaped(arg, text, put);
}

static void on_begin(void *arg)
{
    struct rewrite *w = arg;
    end_elements(w, 0);
    w->depth = w->dropped = 0;
}

static bool is_full(void *arg)
{
    const struct rewrite *w = arg;
    return w->full;
}

bool sanitise_html(struct reader *r, struct str html, const struct picture *pictures, size_t n, struct buf *out, bool *ret_remote)
{
    static const htmlSAXHandler events = {.characters = on_characters, .ignorableWhitespace = on_characters,
                                          .startElement = on_start, .endElement = on_end}; /* comments, CDATA and the like go */
    struct rewrite *w = err_calloc(1, sizeof *w);
    size_t ends = OPEN_MAX * END_TAG < out->max / 4 ? OPEN_MAX * END_TAG : out->max / 4;
    *w = (struct rewrite){.out = out, .tag = BUF_INIT(out->max), .pictures = pictures, .n_pictures = n, .room = out->max - ends};
    const struct tags tags = {&events, w, on_begin, NULL, on_text, is_full};
    tags_read(r, "", html, &tags);
    end_elements(w, 0);
    bool whole = !w->full;
    *ret_remote = w->remote;
    buf_free(&w->tag);
    free(w);
    return whole;
}
