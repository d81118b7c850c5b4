/* SPDX-License-Identifier: Apache-2.0
 * sanitise.c: HTML of a stranger made harmless, by an allow-list over the events of tags.c.
 * Called by view.c.
 *
 * The page is written anew, every name and value by us: what a browser reads is what was
 * checked. Elements that are not known lose their tags and keep their text, as do forms,
 * drawings, and what stands there for programs that cannot show an object; what brings programs,
 * styles or other documents loses both. Only pictures that came with the message stay, inside
 * the text as data: addresses. The page is also shown in a frame in which nothing runs and
 * nothing is asked for (proc/web): this is the first of two walls.
 *
 * What a style sheet says of an element goes into the element's own style (sheet.c). Pictures
 * behind a text go, and sheets are not understood in all they say, so a text may stand on a
 * ground that it was not made for: where that cannot be read, it gets black or white. What its
 * writer hid stays hidden.
 */
#include "mime/colour.h"
#include "mime/links.h"
#include "mime/sheet.h"
#include "mime/style.h"
#include "mime/tags.h"
#include "mime/view.h"
#include "wire/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    OPEN_MAX = 200, /* of what is deeper only the text is kept */
    NAME_MAX_OCTETS = 32,
    END_TAG = 13,
    URL_MAX = 8192,
    BODY_TAG_MAX = 16 * 1024,
    STYLES_MAX = 64 * 1024,
    OUTER = 2 /* html, body */
};

/* What a text has behind it, and its colour. */
struct paint {
    struct rgb ground, colour;
    bool lost; /* the ground that the colour was chosen for may not be here */
};

/* What one element says of that. */
struct own_paint {
    struct rgb ground, colour;
    bool lost, has_colour;
};

struct rewrite {
    struct buf *out, tag; /* tag: the one being written */
    struct buf style;     /* of the element being written */
    struct paint page;
    bool has_sheet; /* of which not all may be kept */
    struct sheet *sheet;
    /* html, body, what is open, and the one being written */
    struct sheet_element elements[OPEN_MAX + 3];
    bool quirks; /* no document type: a table has the page's colour (HTML 15.3.10) */
    const struct picture *pictures;
    size_t n_pictures, room; /* room: what the text may fill, so that all end tags fit behind it */
    /* of elements; dropped: depth of the one that is left out whole, 0: none */
    unsigned depth, dropped;
    /* the depth of one; 0: none. Where scripts run, its first end tag ends it, in a value, too */
    unsigned noscript;
    struct {
        unsigned depth;
        char name[NAME_MAX_OCTETS];
        struct paint paint;
    } open[OPEN_MAX]; /* what was written and not ended */
    size_t n_open;
    bool full, remote;
};

static const char *const kept[] = {
    "a",          "abbr",   "address", "article", "b",    "bdi",  "bdo",   "big",
    "blockquote", "br",     "caption", "center",  "cite", "code", "col",   "colgroup",
    "dd",         "del",    "dfn",     "div",     "dl",   "dt",   "em",    "figcaption",
    "figure",     "font",   "footer",  "h1",      "h2",   "h3",   "h4",    "h5",
    "h6",         "header", "hr",      "i",       "img",  "ins",  "kbd",   "li",
    "mark",       "ol",     "p",       "pre",     "q",    "s",    "samp",  "section",
    "small",      "span",   "strike",  "strong",  "sub",  "sup",  "table", "tbody",
    "td",         "tfoot",  "th",      "thead",   "time", "tr",   "tt",    "u",
    "ul",         "var",
};
/* With all that is in them. */
static const char *const dropped[] = {
    "script",
    "style",
    "template",
    "iframe",
    "head",
    "title",
    "datalist",
    "xml",
    /* of SVG and MathML: nothing that is drawn */
    "defs",
    "symbol",
    "metadata",
    "desc",
    "annotation",
    "annotation-xml",
};
/* Each of these stands apart from the text around it, and loses its tag. */
static const char *const apart[] = {
    "button", "select", "option", "optgroup", "textarea", "text",
    "tspan",  "legend", "object", "video",    "audio",
};
static const char *const empty[] = {"br", "col", "hr", "img"};
/* Nothing is in them: what libxml2 takes for their content follows them (HTML 13.1.2,
 * 13.2.6.4.7). */
static const char *const bare[] = {
    "frame", "embed", "param",   "meta",     "link",    "base",   "input", "source",
    "track", "area",  "bgsound", "basefont", "isindex", "keygen", "wbr",
};
/* Values of these are words and numbers only. */
static const char *const attributes[] = {
    "align",   "valign", "width",    "height",      "colspan",     "rowspan", "bgcolor", "color",
    "size",    "dir",    "lang",     "cellpadding", "cellspacing", "border",  "start",   "type",
    "face",    "alt",    "title",    "summary",     "scope",       "headers", "abbr",    "datetime",
    "noshade", "nowrap", "reversed", "value",       "span",
};

static bool sanitise_is_in(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(name, str_c(list[i]))) {
            return true;
        }
    }
    return false;
}
#define IS_IN(name, list) sanitise_is_in(str_c(name), list, ARRAY_LEN(list))

static void sanitise_put(struct rewrite *w, struct str s)
{
    w->full |= w->full || buf_len(w->out) + s.n > w->room || buf_add(w->out, s) < 0;
}

static void put_tag(struct rewrite *w, struct str s)
{
    w->full |= buf_add(&w->tag, s) < 0;
}

/* to: put, or put_tag. */
static void sanitise_put_escaped(struct rewrite *w, struct str s,
                                 void (*to)(struct rewrite *, struct str))
{
    size_t from = 0;
    for (size_t i = 0; i <= s.n; i++) {
        char c = i < s.n ? s.p[i] : '\0';
        bool odd = i < s.n && (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'' ||
                               c == '`' || ((unsigned char)c < ' ' && c != '\n' && c != '\t'));
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
    sanitise_put_escaped(w, value, put_tag);
    put_tag(w, STR("\""));
}

/* --- colours ------------------------------------------------------------ */

/* One that covers what is behind it. */
static struct rgb ground_of(struct str value)
{
    struct rgb c = colour_of_text(value);
    c.known = c.known && !c.faint;
    return c;
}

/* The colours in a style as style_clean() left it. */
static void read_colours(struct str style, struct own_paint *own)
{
    while (style.n > 0) {
        size_t colon = str_find(style, ':', 0), end = str_find(style, ';', 0);
        struct str name = str_slice(style, 0, colon);
        struct str value = str_slice(style, colon < end ? colon + 1 : end, end);
        if (str_eq(name, STR("background-color"))) {
            own->ground = ground_of(value);
        } else if (str_eq(name, STR("color"))) {
            own->colour = colour_of_text(value);
            own->has_colour = true;
        }
        style = str_slice(style, end < style.n ? end + 1 : end, style.n);
    }
}

/* n: the element stands behind so many. */
static void take_style(struct rewrite *w, size_t n, struct str style, struct own_paint *own)
{
    struct buf all = BUF_INIT(STYLES_MAX);
    if (w->sheet) {
        sheet_style(w->sheet, w->elements, n + 1, style, &all);
        style = buf_str(&all);
    }
    own->lost |= style_clean(style, &w->style);
    read_colours(buf_str(&w->style), own);
    buf_free(&all);
}

static bool sanitise_is_same(struct rgb a, struct rgb b)
{
    return a.known == b.known && a.r == b.r && a.g == b.g && a.b == b.b;
}

/* How its text looks in the end; a colour is added where it could not be read. */
static struct paint paint_element(struct rewrite *w, const struct own_paint *own, bool is_link,
                                  bool is_table)
{
    static const struct rgb link = {.known = true, .b = 0xee};
    struct paint p = w->n_open > 0 ? w->open[w->n_open - 1].paint : w->page;
    bool begins = own->ground.known || own->lost || is_link || own->has_colour;
    p.lost = own->ground.known ? own->lost : p.lost || own->lost;
    p.ground = own->ground.known ? own->ground : p.ground;
    bool resets =
        is_table && w->quirks && !own->has_colour && !sanitise_is_same(p.colour, w->page.colour);
    struct rgb inherited = is_link ? link : resets ? w->page.colour : p.colour;
    p.colour = own->has_colour ? own->colour : inherited;
    begins |= resets;
    bool meant = own->has_colour && !p.lost && !w->has_sheet; /* white on white by its writer */
    bool unseen = begins && !meant && colour_is_lost_on(p.colour, p.ground);
    p.colour = unseen ? colour_to_read_on(p.ground) : p.colour;
    if (unseen || (resets && p.colour.known)) {
        (void)!buf_printf(&w->style, "color:#%02x%02x%02x;", p.colour.r, p.colour.g, p.colour.b);
    }
    return p;
}

static void put_style(struct rewrite *w)
{
    if (buf_len(&w->style) > 0) {
        put_attribute(w, "style", buf_str(&w->style));
    }
}

/* An address as browsers read it: line ends and tabs go, blanks are escaped. */
static void put_link(struct rewrite *w, struct str href)
{
    struct buf url = BUF_INIT(URL_MAX);
    int r = 0;
    href = str_trim(href);
    for (size_t i = 0; r == 0 && i < href.n; i++) {
        char c = href.p[i];
        r = c == '\r' || c == '\n' || c == '\t' ? 0
            : c == ' '                          ? buf_add(&url, STR("%20"))
                                                : buf_append(&url, &c, 1);
    }
    if (r == 0 && links_is_allowed(buf_str(&url))) {
        put_attribute(w, "href", buf_str(&url));
        put_tag(w, STR(" target=\"_blank\" rel=\"noopener noreferrer nofollow\""));
    }
    buf_free(&url);
}

/* a%40b is a@b (RFC 3986 2.1); what is no escape stays. */
static void sanitise_unescape(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? str_hex(s.p[i + 1]) : -1;
        int low = high >= 0 ? str_hex(s.p[i + 2]) : -1;
        char c = low >= 0 ? (char)(high << 4 | low) : s.p[i];
        i += low >= 0 ? 2 : 0;
        (void)!buf_append(out, &c, 1);
    }
}

/* cid:ID (RFC 2392 2), as it stands there or escaped; in < > as some programs write it. */
static bool is_cid_of(struct str src, const struct picture *p)
{
    struct buf plain = BUF_INIT(src.n + 1);
    struct str cid = str_slice(src, 4, src.n);
    sanitise_unescape(cid, &plain);
    struct str id = buf_str(&plain);
    bool angled = id.n > 2 && id.p[0] == '<' && id.p[id.n - 1] == '>';
    id = angled ? str_slice(id, 1, id.n - 1) : id;
    bool same = p->cid && (str_eq(cid, str_c(p->cid)) || str_eq(id, str_c(p->cid)));
    buf_free(&plain);
    return same;
}

/* What the part says of where it came from, whole or its end (RFC 2557 5): a picture of the same
 * mail in either case. */
static bool is_location_of(struct str src, const struct picture *p)
{
    struct str at = str_trim(str_c(p->location));
    bool climbs = src.n > 0 && (src.p[0] == '/' || str_starts_nocase(src, STR("..")));
    bool relative = src.n > 0 && !climbs && str_find(src, ':', 0) == src.n;
    size_t from = at.n > src.n ? at.n - src.n : 0;
    bool ends =
        relative && from > 0 && at.p[from - 1] == '/' && str_eq(str_slice(at, from, at.n), src);
    return at.n > 0 && (str_eq(src, at) || ends);
}

/* data:image/png;base64,... as some programs write pictures into the page (RFC 2397): of the
 * kinds that come as parts, too; SVG can hold more than a picture. Blanks go. False: it is none
 * of these. */
static bool put_data_picture(struct rewrite *w, struct str src)
{
    static const char *const kinds[] = {
        "data:image/png", "data:image/jpeg", "data:image/jpg",
        "data:image/gif", "data:image/webp", "data:image/bmp",
    };
    size_t comma = str_find(src, ',', 0), before = buf_len(&w->tag);
    struct str head = str_slice(src, 0, comma), kind = str_slice(head, 0, str_find(head, ';', 0));
    bool known =
        sanitise_is_in(kind, kinds, ARRAY_LEN(kinds)) && str_ends_nocase(head, STR(";base64"));
    if (!known || comma + 1 >= src.n) {
        return false;
    }
    put_tag(w, STR(" src=\""));
    for (const char *p = kind.p; p < kind.p + kind.n; p++) {
        put_tag(w, str_from(&(char){str_lower(*p)}, 1));
    }
    put_tag(w, STR(";base64,"));
    for (size_t i = comma + 1; i < src.n; i++) {
        char c = src.p[i];
        bool letter = (str_lower(c) >= 'a' && str_lower(c) <= 'z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/' || c == '=';
        if (letter) {
            put_tag(w, str_slice(src, i, i + 1));
        } else if ((unsigned char)c > ' ') {
            w->tag.tail = w->tag.head + before; /* nothing that is a picture */
            return false;
        }
    }
    put_tag(w, STR("\""));
    return true;
}

static void put_picture(struct rewrite *w, struct str src)
{
    if (put_data_picture(w, src)) {
        return;
    }
    bool by_cid = str_starts_nocase(src, STR("cid:"));
    for (size_t i = 0; i < w->n_pictures; i++) {
        const struct picture *p = &w->pictures[i];
        if (by_cid ? is_cid_of(src, p) : is_location_of(src, p)) {
            if (p->used) {
                *p->used = true;
            }
            put_tag(w, STR(" src=\"data:"));
            put_tag(w, str_c(p->type));
            put_tag(w, STR(";base64,"));
            w->full |= base64_write(p->octets, 0, &w->tag) < 0;
            put_tag(w, STR("\""));
            return;
        }
    }
    w->remote |= !by_cid && src.n > 0;
}

/* attributes: names and values in turn, NULL at the end; a value may be NULL. */
static void sanitise_put_attributes(struct rewrite *w, const xmlChar **attributes_of,
                                    bool is_link_element, bool is_picture, struct own_paint *own)
{
    for (size_t i = 0; attributes_of && attributes_of[i]; i += 2) {
        const char *name = (const char *)attributes_of[i];
        struct str value = str_c(attributes_of[i + 1] ? (const char *)attributes_of[i + 1] : "");
        if (is_link_element && strcasecmp(name, "href") == 0) {
            put_link(w, value);
        } else if (is_picture && strcasecmp(name, "src") == 0) {
            put_picture(w, str_trim(value));
        } else if (w->noscript > 0 && str_find(value, '<', 0) < value.n) {
            /* a value, or tags: readers differ */
            continue;
        } else if (IS_IN(name, attributes) && value.n < 1024) {
            char small[NAME_MAX_OCTETS];
            str_copy_cut(str_c(name), small, sizeof small);
            for (char *p = small; *p; p++) {
                *p = str_lower(*p);
            }
            put_attribute(w, small, value);
            if (strcmp(small, "bgcolor") == 0 && !own->ground.known) {
                own->ground = ground_of(value);
            } else if (strcmp(small, "color") == 0 && !own->has_colour) {
                own->colour = colour_of_text(value);
                own->has_colour = true;
            }
        } else if (strcasecmp(name, "background") == 0) {
            w->remote = true;
            own->lost = true;
        }
    }
}

static struct str sanitise_attribute(const xmlChar **attributes_of, const char *name)
{
    for (size_t i = 0; attributes_of && attributes_of[i]; i += 2) {
        if (strcasecmp((const char *)attributes_of[i], name) == 0) {
            return str_c((const char *)attributes_of[i + 1]);
        }
    }
    return STR("");
}

static bool has_attribute(const xmlChar **attributes_of, const char *name)
{
    for (size_t i = 0; attributes_of && attributes_of[i]; i += 2) {
        if (strcasecmp((const char *)attributes_of[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void note_element(struct sheet_element *e, const char *name, const xmlChar **attributes_of)
{
    str_copy_cut(str_c(name), e->name, sizeof e->name);
    str_copy_cut(str_trim(sanitise_attribute(attributes_of, "id")), e->id, sizeof e->id);
    str_copy_cut(sanitise_attribute(attributes_of, "class"), e->classes, sizeof e->classes);
    for (char *p = e->classes; *p; p++) {
        *p = *p == '\t' || *p == '\n' || *p == '\r' ? ' ' : *p;
    }
}

/* The form that its writer gave a picture stays where it is made smaller to fit. */
static void keep_form(struct rewrite *w, const xmlChar **attributes_of)
{
    uint64_t wide, high;
    bool said =
        str_to_u64(str_trim(sanitise_attribute(attributes_of, "width")), 10000, &wide) == 0 &&
        str_to_u64(str_trim(sanitise_attribute(attributes_of, "height")), 10000, &high) == 0;
    if (said && wide > 0 && high > 0) {
        (void)!buf_printf(&w->style, "aspect-ratio:%u/%u;", (unsigned)wide, (unsigned)high);
    }
}

/* The whole tag, or nothing of it. */
static void begin_element(struct rewrite *w, const char *name, const xmlChar **attributes_of)
{
    struct own_paint own = {.lost = false};
    bool is_link = strcmp(name, "a") == 0, is_picture = strcmp(name, "img") == 0;
    size_t n = OUTER + w->n_open;
    note_element(&w->elements[n], name, attributes_of);
    buf_reset(&w->tag);
    buf_reset(&w->style);
    put_tag(w, STR("<"));
    put_tag(w, str_c(name));
    sanitise_put_attributes(w, attributes_of, is_link, is_picture, &own);
    if (has_attribute(attributes_of, "hidden")) { /* what a style says of it wins (HTML 15.3.1) */
        (void)!buf_add(&w->style, STR("display:none;"));
    }
    take_style(w, n, sanitise_attribute(attributes_of, "style"), &own);
    if (is_picture) {
        keep_form(w, attributes_of);
    }
    struct paint paint = paint_element(w, &own, is_link, strcmp(name, "table") == 0);
    put_style(w);
    put_tag(w, STR(">"));
    sanitise_put(w, buf_str(&w->tag));
    if (!w->full && !IS_IN(name, empty)) {
        w->open[w->n_open].depth = w->depth;
        w->open[w->n_open].paint = paint;
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

/* What a field of a form shows: it cannot be sent from here. */
static void sanitise_put_field(struct rewrite *w, const xmlChar **attributes_of)
{
    static const char *const unseen[] = {"hidden", "password", "file", "color", "range", "image"};
    struct str type = str_trim(sanitise_attribute(attributes_of, "type")),
               value = sanitise_attribute(attributes_of, "value");
    bool box = str_eq_nocase(type, STR("checkbox")), radio = str_eq_nocase(type, STR("radio"));
    bool image = str_eq_nocase(type, STR("image")), on = has_attribute(attributes_of, "checked");
    if (box || radio) { /* U+2611, U+2610, U+25C9, U+25CB */
        value = box  ? (on ? STR("\xe2\x98\x91") : STR("\xe2\x98\x90"))
                : on ? STR("\xe2\x97\x89")
                     : STR("\xe2\x97\x8b");
    } else if (image) {
        value = sanitise_attribute(attributes_of, "alt");
    } else if (sanitise_is_in(type, unseen, ARRAY_LEN(unseen))) {
        value = STR("");
    } else if (value.n == 0) {
        value = sanitise_attribute(attributes_of, "placeholder");
    }
    if (value.n > 0) {
        sanitise_put(w, STR(" "));
        sanitise_put_escaped(w, value, sanitise_put);
        sanitise_put(w, STR(" "));
    }
}

/* A frame, a film, a drawing: what a browser would show there is not text, and not here. */
static bool is_left_out(const char *name, const xmlChar **attributes_of)
{
    static const char *const things[] = {
        "iframe", "frame", "embed", "object", "video", "audio", "source",
    };
    static const char *const addresses[] = {"src", "srcdoc", "srcset", "data"};
    bool has_address = strcmp(name, "svg") == 0 || strcmp(name, "canvas") == 0;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        has_address |= IS_IN(name, things) && has_attribute(attributes_of, addresses[i]);
    }
    return has_address;
}

/* Not seen where it was written: HTML 6.1, 4.11.4. */
static bool is_unseen(const char *name, const xmlChar **attributes_of)
{
    bool closed = strcmp(name, "dialog") == 0 && !has_attribute(attributes_of, "open");
    return closed || (!IS_IN(name, kept) && has_attribute(attributes_of, "hidden"));
}

static void lower_name(const xmlChar *element, char name[NAME_MAX_OCTETS])
{
    str_copy_cut(str_c((const char *)element), name, NAME_MAX_OCTETS);
    for (char *p = name; *p; p++) {
        *p = str_lower(*p);
    }
}

static void sanitise_on_start(void *arg, const xmlChar *element, const xmlChar **attributes_of)
{
    struct rewrite *w = arg;
    char name[NAME_MAX_OCTETS];
    w->depth++;
    lower_name(element, name);
    if (w->dropped > 0) {
        return;
    }
    w->noscript = w->noscript == 0 && strcmp(name, "noscript") == 0 ? w->depth : w->noscript;
    w->remote |= is_left_out(name, attributes_of);
    if (strcmp(name, "input") == 0 && !has_attribute(attributes_of, "hidden")) {
        sanitise_put_field(w, attributes_of);
    }
    if (IS_IN(name, bare)) {
        return;
    }
    if (IS_IN(name, dropped) || is_unseen(name, attributes_of)) {
        w->dropped = w->depth;
    } else if (IS_IN(name, apart)) {
        sanitise_put(w, STR(" "));
    } else if (!w->full && w->n_open < OPEN_MAX && IS_IN(name, kept)) {
        begin_element(w, name, attributes_of);
    }
}

static void sanitise_on_end(void *arg, const xmlChar *element)
{
    struct rewrite *w = arg;
    char name[NAME_MAX_OCTETS];
    lower_name(element, name);
    if (w->dropped == 0 && IS_IN(name, apart)) {
        sanitise_put(w, STR(" "));
    }
    w->dropped = w->dropped == w->depth ? 0 : w->dropped;
    w->noscript = w->noscript == w->depth ? 0 : w->noscript;
    end_elements(w, w->depth);
    w->depth -= w->depth > 0;
}

static void sanitise_on_characters(void *arg, const xmlChar *text, int n)
{
    struct rewrite *w = arg;
    if (w->dropped == 0 && n > 0) {
        sanitise_put_escaped(w, str_from((const char *)text, (size_t)n), sanitise_put);
    }
}

static void sanitise_on_text(void *arg, struct str text)
{
    sanitise_put_escaped(arg, text, sanitise_put);
}

static void sanitise_on_begin(void *arg)
{
    struct rewrite *w = arg;
    end_elements(w, 0);
    w->depth = w->dropped = w->noscript = 0;
}

static bool sanitise_is_full(void *arg)
{
    const struct rewrite *w = arg;
    return w->full;
}

/* --- the page's own ground ---------------------------------------------- */

static struct str body_tag(struct str html)
{
    for (size_t i = 0; i + 6 <= html.n; i++) {
        if (html.p[i] != '<' || !str_starts_nocase(str_slice(html, i, html.n), STR("<body")) ||
            !strchr(" \t\r\n/>", html.p[i + 5])) {
            continue;
        }
        char quote = 0;
        for (size_t k = i + 5; k < html.n && k - i < BODY_TAG_MAX; k++) {
            char c = html.p[k];
            if (!quote && c == '>') {
                return str_slice(html, i, k + 1);
            }
            quote = quote ? (c == quote ? 0 : quote) : c == '"' || c == '\'' ? c : 0;
        }
        break;
    }
    return STR("");
}

struct body {
    struct sheet_element *element;
    struct buf style;
};

/* Its style, as if all of it stood in the attribute. */
static void sanitise_on_body(void *arg, const xmlChar *element, const xmlChar **attributes_of)
{
    static const char *const names[][2] = {
        {"bgcolor", "background-color"},
        {"text", "color"},
        {"background", "background-image"},
    };
    struct body *body = arg;
    struct buf *style = &body->style;
    bool is_body = strcasecmp((const char *)element, "body") == 0;
    if (is_body) {
        note_element(body->element, "body", attributes_of);
    }
    for (size_t i = 0; is_body && attributes_of && attributes_of[i]; i += 2) {
        const char *name = (const char *)attributes_of[i],
                   *value = attributes_of[i + 1] ? (const char *)attributes_of[i + 1] : "";
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            if (strcasecmp(name, names[k][0]) == 0 && *value) {
                (void)!buf_printf(style, "%s:%s;", names[k][1], value);
            }
        }
        if (strcasecmp(name, "style") == 0) {
            (void)!buf_printf(style, "%s;", value);
        }
    }
}

/* The body is not ours to give: what it says of ground and colour goes to a box around its
 * content. True: it is open. */
static bool open_box(struct rewrite *w, struct str html)
{
    static htmlSAXHandler events = {.startElement = sanitise_on_body};
    struct body body = {.element = &w->elements[1], .style = BUF_INIT(BODY_TAG_MAX)};
    struct str tag = body_tag(html);
    note_element(&w->elements[0], "html", NULL);
    note_element(&w->elements[1], "body", NULL);
    htmlParserCtxtPtr parser =
        tag.n > 0 ? htmlCreatePushParserCtxt(&events, &body, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8)
                  : NULL;
    if (parser) {
        (void)htmlParseChunk(parser, tag.p, (int)tag.n, 1);
        htmlFreeParserCtxt(parser);
    }
    struct own_paint own = {.lost = false};
    take_style(w, OUTER - 1, buf_str(&body.style), &own);
    w->page = paint_element(w, &own, false, false);
    put_tag(w, STR("<div"));
    put_style(w);
    put_tag(w, STR(">"));
    bool boxed = buf_len(&w->tag) > 5; /* with a style */
    if (boxed) {
        sanitise_put(w, buf_str(&w->tag));
    }
    buf_free(&body.style);
    return boxed && !w->full;
}

static bool has_tag(struct str html, struct str begin)
{
    for (size_t i = 0; i + begin.n < html.n; i++) {
        if (html.p[i] == '<' && str_starts_nocase(str_slice(html, i, html.n), begin)) {
            return true;
        }
    }
    return false;
}

static bool rewrite_page(struct reader *r, struct str html, struct rewrite *w)
{
    static const htmlSAXHandler events = {
        .characters = sanitise_on_characters,
        .ignorableWhitespace = sanitise_on_characters,
        /* comments, CDATA and the like go */
        .startElement = sanitise_on_start,
        .endElement = sanitise_on_end,
    };
    size_t ends =
        (OPEN_MAX + 1) * END_TAG < w->out->max / 4 ? (OPEN_MAX + 1) * END_TAG : w->out->max / 4;
    w->room = w->out->max - ends;
    w->tag = BUF_INIT(w->out->max);
    w->style = BUF_INIT(16 * 1024);
    w->quirks = !has_tag(html, STR("<!doctype"));
    w->has_sheet = has_tag(html, STR("<style")) || has_tag(html, STR("<link"));
    const struct tags tags = {
        &events, w, sanitise_on_begin, NULL, sanitise_on_text, sanitise_is_full,
    };
    bool boxed = open_box(w, html);
    tags_read(r, "", html, &tags);
    end_elements(w, 0);
    if (boxed) {
        (void)!buf_add(w->out, STR("</div>"));
    }
    buf_free(&w->tag);
    buf_free(&w->style);
    return !w->full;
}

bool sanitise_html(struct reader *r, struct str html, const struct picture *pictures, size_t n,
                   struct buf *out, bool *ret_remote)
{
    const struct rewrite plain = {
        .out = out,
        .page =
            {
                .ground = {.known = true, .r = 0xff, .g = 0xff, .b = 0xff},
                .colour = {.known = true, .r = 0x11, .g = 0x11, .b = 0x11},
            },
        .pictures = pictures,
        .n_pictures = n,
    };
    struct rewrite *w = err_calloc(1, sizeof *w);
    size_t before = buf_len(out);
    struct sheet *sheet = sheet_of_page(html);
    *w = plain;
    w->sheet = sheet;
    bool whole = rewrite_page(r, html, w);
    if (!whole && sheet) { /* styles at each element may be more than there is room for */
        out->tail = out->head + before;
        *w = plain;
        whole = rewrite_page(r, html, w);
    }
    *ret_remote = w->remote;
    sheet_free(sheet);
    free(w);
    return whole;
}
