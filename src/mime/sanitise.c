/* SPDX-License-Identifier: Apache-2.0
 * sanitise.c: HTML of a stranger made harmless, by an allow-list over libxml2's tree. Called by view.c.
 *
 * The tree is written anew, every name and value by us: what a browser reads is what was checked. Elements that are not
 * known lose their tags and keep their text; those that bring programs, styles or other documents lose both. Only pictures
 * that came with the message stay, inside the text as data: addresses. The page is also shown in a frame without scripts
 * and without an origin of its own (proc/web): this is the first of two walls.
 */
#include "mime/view.h"
#include "wire/base64.h"

#include <libxml/HTMLparser.h>
#include <stdio.h>
#include <strings.h>

enum { DEPTH_MAX = 200 };

struct rewrite {
    struct buf *out;
    const struct picture *pictures;
    size_t n_pictures;
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
    w->full |= buf_add(w->out, s) < 0;
}

static void put_escaped(struct rewrite *w, struct str s)
{
    size_t from = 0;
    for (size_t i = 0; i <= s.n; i++) {
        char c = i < s.n ? s.p[i] : '\0';
        bool odd = i < s.n && (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'' || c == '`' || ((unsigned char)c < ' ' && c != '\n' && c != '\t'));
        if (odd || i == s.n) {
            put(w, str_slice(s, from, i));
            from = i + 1;
        }
        if (odd && (unsigned char)c >= ' ') {
            char text[8];
            snprintf(text, sizeof text, "&#%d;", c);
            put(w, str_c(text));
        }
    }
}

static void put_attribute(struct rewrite *w, const char *name, struct str value)
{
    put(w, STR(" "));
    put(w, str_c(name));
    put(w, STR("=\""));
    put_escaped(w, value);
    put(w, STR("\""));
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
            put(w, STR(" src=\"data:"));
            put(w, str_c(w->pictures[i].type));
            put(w, STR(";base64,"));
            w->full |= base64_write(w->pictures[i].octets, 0, w->out) < 0;
            put(w, STR("\""));
            return;
        }
    }
}

static struct str value_of(const xmlAttr *a)
{
    return a->children && a->children->content ? str_c((const char *)a->children->content) : STR("");
}

static void put_attributes(struct rewrite *w, const xmlNode *n, bool is_link_element, bool is_picture)
{
    for (const xmlAttr *a = n->properties; a; a = a->next) {
        const char *name = (const char *)a->name;
        struct str value = value_of(a);
        if (is_link_element && strcasecmp(name, "href") == 0 && is_link(str_trim(value))) {
            put_attribute(w, "href", str_trim(value));
            put(w, STR(" target=\"_blank\" rel=\"noopener noreferrer nofollow\""));
        } else if (is_picture && strcasecmp(name, "src") == 0) {
            put_picture(w, str_trim(value));
        } else if (strcasecmp(name, "style") == 0) {
            put_style(w, value);
        } else if (IS_IN(name, attributes) && value.n < 1024) {
            char small[32];
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

static void rewrite(struct rewrite *w, const xmlNode *first, unsigned depth);

static void rewrite_element(struct rewrite *w, const xmlNode *n, unsigned depth)
{
    char name[32];
    str_copy_cut(str_c((const char *)n->name), name, sizeof name);
    for (char *p = name; *p; p++) {
        *p = str_lower(*p);
    }
    if (IS_IN(name, dropped)) {
        return;
    }
    bool keep = IS_IN(name, kept) && strchr(name, ':') == NULL;
    if (keep) {
        put(w, STR("<"));
        put(w, str_c(name));
        put_attributes(w, n, strcmp(name, "a") == 0, strcmp(name, "img") == 0);
        put(w, STR(">"));
    }
    if (keep && IS_IN(name, empty)) {
        return;
    }
    rewrite(w, n->children, depth + 1);
    if (keep) {
        put(w, STR("</"));
        put(w, str_c(name));
        put(w, STR(">"));
    }
}

static void rewrite(struct rewrite *w, const xmlNode *first, unsigned depth)
{
    if (depth > DEPTH_MAX) {
        return;
    }
    for (const xmlNode *n = first; n && !w->full; n = n->next) {
        if (n->type == XML_TEXT_NODE && n->content) {
            put_escaped(w, str_c((const char *)n->content));
        } else if (n->type == XML_ELEMENT_NODE) {
            rewrite_element(w, n, depth);
        } /* comments, processing instructions, CDATA and entities go */
    }
}

bool sanitise_html(struct str html, const struct picture *pictures, size_t n, struct buf *out, bool *ret_remote)
{
    struct rewrite w = {.out = out, .pictures = pictures, .n_pictures = n};
    size_t before = buf_len(out);
    *ret_remote = false;
    if (html.n > INT32_MAX / 2) {
        return false;
    }
    xmlDoc *doc = htmlReadMemory(html.p, (int)html.n, NULL, "UTF-8", HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
    if (!doc) {
        return true; /* nothing in it */
    }
    rewrite(&w, doc->children, 0);
    xmlFreeDoc(doc);
    *ret_remote = w.remote;
    if (w.full) {
        out->tail = out->head + before;
    }
    return !w.full;
}
