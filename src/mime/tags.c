/* SPDX-License-Identifier: Apache-2.0
 * tags.c: libxml2's push parser, fed in small pieces (tags.h).
 *
 * Three things are quadratic inside libxml2 2.9: end tags that nothing opened (each looks
 * through all that is open), the names of the attributes of one element (each is compared with
 * those before), and a comment that nothing closes. So the parser is begun anew when too much is
 * open, an element with too many attributes is text, and comments are found here, by the HTML
 * standard, which browsers follow. Between the pieces the clock is asked. Of character
 * references it knows the names of HTML 4 only: references.c reads the others before.
 *
 * An end tag of a block closes what is open inside that block (HTML standard 13.2.6.4.7); libxml2
 * passes it over while a <div> is open there, and what follows a quotation would belong to it. So
 * these end tags begin a piece, and each such <div> is closed before.
 */
#include "mime/tags.h"
#include "mime/references.h"

enum {
    PIECE = 4096,
    BEGINNINGS_MAX = 20, /* of the parser, where a document ends early; what then is left is text */
    OPEN_MAX = 1000,     /* elements in elements: browsers stop at 512 */
    PENDING_MAX = 16 * 1024,
    ATTRIBUTES_MAX = 1000,
};

/* Where the octets stand, for counting the attributes of one element. */
enum place { IN_TEXT, IN_TAG, BEHIND_EQUALS, IN_WORD, IN_SINGLE, IN_DOUBLE };

struct feed {
    struct reader *r;
    const char *part;
    const struct tags *t;
    bool unclosed; /* no comment that begins from here on is closed */
    enum place place;
    size_t attributes;
};

/* A comment at the front, by the HTML standard 13.2.5.43 to 51: the octets it takes, 0 when there
 * is none or nothing closes it. libxml2 reads on behind "<!-->", and loses what follows one that
 * nothing closes. */
static size_t comment_at(struct feed *f, struct str s, struct str *ret)
{
    if (f->unclosed || s.n < 5 || memcmp(s.p, "<!--", 4) != 0) {
        return 0;
    }
    size_t abrupt = s.p[4] == '>' ? 5 : s.n > 5 && s.p[4] == '-' && s.p[5] == '>' ? 6 : 0;
    for (size_t i = 4; i + 2 < s.n && !abrupt; i++) {
        if (s.p[i] != '-' || s.p[i + 1] != '-') {
            continue;
        }
        size_t close = s.p[i + 2] == '>'                                  ? 3
                       : i + 3 < s.n && memcmp(s.p + i + 2, "!>", 2) == 0 ? 4
                                                                          : 0;
        if (close) {
            *ret = str_slice(s, 4, i);
            return i + close;
        }
    }
    *ret = STR("");
    f->unclosed = !abrupt;
    return abrupt;
}

static bool tags_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* The elements whose end tag closes all that is open inside them: the standard's list, without
 * <div> itself. */
static const char *const closers[] = {
    "address", "article", "aside",   "blockquote", "button",   "center",     "dd",     "details",
    "dialog",  "dir",     "dl",      "dt",         "fieldset", "figcaption", "figure", "footer",
    "form",    "h1",      "h2",      "h3",         "h4",       "h5",         "h6",     "header",
    "hgroup",  "li",      "listing", "main",       "menu",     "nav",        "ol",     "pre",
    "search",  "section", "summary", "ul",
};

/* What such an end tag does not reach through ("in scope", 13.2.4.2), and what has no elements
 * in it. */
static const char *const walls[] = {
    "applet", "caption", "html", "marquee",  "object", "script",
    "style",  "table",   "td",   "template", "th",
};

static bool ends_name(char c)
{
    return tags_is_blank(c) || c == '/' || c == '>';
}

/* The name in the end tag of a block at the front; NULL: there is none. */
static const char *closer_at(struct str s)
{
    if (s.n < 4 || s.p[0] != '<' || s.p[1] != '/') {
        return NULL;
    }
    struct str rest = str_slice(s, 2, s.n);
    for (size_t i = 0; i < ARRAY_LEN(closers); i++) {
        struct str name = str_c(closers[i]);
        if (str_starts_nocase(rest, name) && rest.n > name.n && ends_name(rest.p[name.n])) {
            return closers[i];
        }
    }
    return NULL;
}

static bool tags_is_one_of(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Each <div> inside the block that ends here is closed first. False: no such block is open, or a
 * wall stands before it, and the end tag means nothing. It may come very often: a name is the
 * same octets in the parser's dictionary. */
static bool close_inner(htmlParserCtxtPtr p, const char *block)
{
    static const struct str end = {"</div>", 6};
    const xmlChar *name = xmlDictExists(p->dict, (const xmlChar *)block, -1);
    unsigned divs = 0;
    int open = p->nameNr - 1;
    while (name && open >= 0 && p->nameTab[open] != name) {
        open--;
    }
    if (!name || open < 0) {
        return false;
    }
    for (int i = p->nameNr - 1; i > open; i--) {
        if (tags_is_one_of((const char *)p->nameTab[i], walls, ARRAY_LEN(walls))) {
            return false;
        }
        divs += strcmp((const char *)p->nameTab[i], "div") == 0;
    }
    for (; divs > 0; divs--) {
        (void)htmlParseChunk(p, end.p, (int)end.n, 0);
    }
    return true;
}

static struct str behind_tag(struct str piece)
{
    size_t end = str_find(piece, '>', 0);
    return end < piece.n ? str_slice(piece, end + 1, piece.n) : piece;
}

/* Does the piece end before this place: a comment, or the end tag of a block? */
static bool begins_piece(struct str s)
{
    return s.n >= 4 && s.p[0] == '<' && (memcmp(s.p, "<!--", 4) == 0 || closer_at(s));
}

/* The next piece without comments; comments before it are taken out. *at moves behind it. */
static struct str next_piece(struct feed *f, struct str html, size_t *at)
{
    size_t n;
    struct str text;
    while ((n = comment_at(f, str_slice(html, *at, html.n), &text)) > 0) {
        if (f->t->comment) {
            f->t->comment(f->t->arg, text);
        }
        *at += n;
    }
    size_t from = *at, end = from;
    while (end < html.n && end - from < PIECE &&
           (end == from || !begins_piece(str_slice(html, end, html.n)))) {
        end++;
    }
    *at = end;
    return str_slice(html, from, end);
}

/* One octet further. */
static void tags_count(struct feed *f, char c, char next)
{
    bool letter = (str_lower(next) >= 'a' && str_lower(next) <= 'z');
    switch (f->place) {
    case IN_TEXT:
        if (c == '<' && letter) {
            f->place = IN_TAG;
            f->attributes = 0;
        }
        break;
    case IN_TAG:
        f->attributes += (tags_is_blank(c) || c == '/') && !tags_is_blank(next) && next != '/';
        f->place = c == '>' ? IN_TEXT : c == '=' ? BEHIND_EQUALS : IN_TAG;
        break;
    case BEHIND_EQUALS:
        f->place = tags_is_blank(c) ? BEHIND_EQUALS
                   : c == '"'       ? IN_DOUBLE
                   : c == '\''      ? IN_SINGLE
                   : c == '>'       ? IN_TEXT
                                    : IN_WORD;
        break;
    case IN_WORD:
        f->attributes += tags_is_blank(c);
        f->place = tags_is_blank(c) ? IN_TAG : c == '>' ? IN_TEXT : IN_WORD;
        break;
    case IN_SINGLE:
    case IN_DOUBLE:
        if (c == (f->place == IN_SINGLE ? '\'' : '"')) {
            f->place = IN_TAG;
            f->attributes++;
        }
        break;
    }
}

/* True when the piece belongs to an element that would cost too much, together with what the
 * parser keeps of it already. */
static bool tags_is_too_much(struct feed *f, struct str piece, size_t pending)
{
    size_t most = 0;
    for (size_t i = 0; i < piece.n; i++) {
        tags_count(f, piece.p[i], i + 1 < piece.n ? piece.p[i + 1] : '\0');
        most = f->attributes > most ? f->attributes : most;
    }
    return most > ATTRIBUTES_MAX && pending + piece.n > PENDING_MAX;
}

static size_t pending_of(const htmlParserCtxt *p)
{
    return p->instate == XML_PARSER_EOF ? 0 : (size_t)(p->input->end - p->input->cur);
}

/* What the parser keeps of an element, and all up to its end, is text. The octets that are used. */
static size_t leave_out(struct feed *f, struct str html, size_t from, size_t at)
{
    size_t end = str_find(html, '>', at);
    end = end < html.n ? end + 1 : end;
    reader_problem(f->r, MIME_LIMIT, f->part, "an element with too many attributes");
    f->t->text(f->t->arg, str_slice(html, from, end));
    f->place = IN_TEXT;
    return end;
}

static bool tags_goes_on(struct feed *f, const htmlParserCtxt *p)
{
    return p->instate != XML_PARSER_EOF && p->nameNr < OPEN_MAX && !f->t->is_full(f->t->arg) &&
           !reader_is_spent(f->r, f->part);
}

/* One parser's life. The octets that it used: it stops where a document ends early, or too much
 * is open. */
static size_t tags_parse(struct feed *f, struct str html)
{
    /* else it ends at a closing tag that nothing opened */
    static const struct str opening = {"<html><body>", 12};
    htmlSAXHandler events = *f->t->events;
    htmlParserCtxtPtr p =
        htmlCreatePushParserCtxt(&events, f->t->arg, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    must(p);
    htmlCtxtUseOptions(p, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                              HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
    (void)htmlParseChunk(p, opening.p, (int)opening.n, 0);
    size_t at = 0, used = 0;
    while (at < html.n && used == 0 && tags_goes_on(f, p)) {
        size_t pending = pending_of(p), before = at;
        struct str piece = next_piece(f, html, &at);
        const char *closer = f->place == IN_TEXT ? closer_at(piece) : NULL;
        if (closer && !close_inner(p, closer)) {
            piece = behind_tag(piece);
        }
        /* nothing closes it: what it would hide is text */
        if (piece.n >= 4 && memcmp(piece.p, "<!--", 4) == 0) {
            f->t->text(f->t->arg, piece);
        } else if (tags_is_too_much(f, piece, pending)) {
            used = leave_out(f, html, before - (pending < before ? pending : before), at);
        } else {
            (void)htmlParseChunk(p, piece.p, (int)piece.n, 0);
        }
    }
    size_t left = p->instate == XML_PARSER_EOF ? (size_t)(p->input->end - p->input->cur) : 0;
    /* more: what was no UTF-8 grew when it was taken for something else */
    left = left < at ? left : at;
    if (used == 0 && p->instate != XML_PARSER_EOF) {
        (void)htmlParseChunk(p, "", 0, 1);
    }
    htmlFreeParserCtxt(p);
    return used ? used : at - left;
}

static void tags_read_all(struct feed *f, struct str html)
{
    const struct tags *t = f->t;
    unsigned beginnings = 0;
    while (html.n > 0 && beginnings < BEGINNINGS_MAX && !t->is_full(t->arg) &&
           !reader_is_spent(f->r, f->part)) {
        t->begin(t->arg);
        size_t used = tags_parse(f, html);
        beginnings += used < PIECE; /* one that did much is no vain one */
        html = str_slice(html, used + (beginnings > 1 && used == 0), html.n);
    }
    if (html.n > 0) {
        t->text(t->arg, html);
    }
}

void tags_read(struct reader *r, const char *part, struct str html, const struct tags *t)
{
    struct feed f = {.r = r, .part = part, .t = t};
    /* no name is shorter than half of its characters */
    struct buf plain = BUF_INIT(2 * html.n + 64);
    bool has = str_find(html, '&', 0) < html.n && references_read(html, &plain) == 0;
    tags_read_all(&f, has ? buf_str(&plain) : html);
    buf_wipe(&plain);
}
