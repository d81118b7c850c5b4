/* SPDX-License-Identifier: Apache-2.0
 * html.c: the text of HTML, from the events of tags.c: nothing is built in memory. Called by
 * reader.c and message.c.
 *
 * Everything counts that a person or a program could find: hidden elements, comments, titles,
 * alternative texts, values of fields. Elements inside a line do not part its words, so a number
 * split by tags is whole again. Quotations get '>' before each line, as in plain text: elements are
 * counted, so what follows a quotation is new again. What can go wrong: a limit of text.
 */
#include "mime/quotation.h"
#include "mime/tags.h"
#include "wire/attribution.h"

enum { QUOTATIONS_MAX = 100 /* further ones belong to the last */, STYLED_MAX = 200 };

/* An element that is one, until it or the element around it ends. */
struct open_quotation {
    unsigned depth; /* of the element whose end ends it */
    size_t at;      /* where its text begins */
};

struct page {
    struct buf *out, comments;
    unsigned depth, skipped; /* of elements */
    struct open_quotation quotations[QUOTATIONS_MAX];
    size_t n_quotations;
    unsigned styled[STYLED_MAX]; /* depths of elements that a style makes blocks */
    size_t n_styled;
    /* where the line begins, and the one that looks quoted and stands alone so far */
    size_t line_at, alone_at;
    unsigned n_alike; /* lines that look quoted, one below the other */
    size_t seen_from; /* before it nobody sees anything */
    unsigned n_asked; /* lines that might introduce a quotation */
    bool line_begun, line_is_quoted, full;
    bool is_answer;
    /* the depth of the outermost element in which line ends are line ends; 0: none */
    unsigned kept;
    bool apart;        /* a box ended or begins */
    bool digits_apart; /* what is raised ended or begins */
};

/* What stands in lines of its own (HTML standard 15.3), and <row>, <para> of other XML. */
static const char *const blocks[] = {
    "p",          "div",     "br",      "tr",     "li",       "ul",         "ol",      "table",
    "h1",         "h2",      "h3",      "h4",     "h5",       "h6",         "hr",      "pre",
    "blockquote", "section", "article", "header", "footer",   "title",      "body",    "dt",
    "dd",         "option",  "row",     "para",   "address",  "aside",      "caption", "center",
    "details",    "dialog",  "dir",     "dl",     "fieldset", "figcaption", "figure",  "form",
    "hgroup",     "legend",  "main",    "menu",   "nav",      "optgroup",   "search",  "summary",
};

/* What stands in a line as a box of its own. */
static const char *const boxes[] = {
    "img",    "input",  "button", "textarea", "select", "label",
    "iframe", "object", "video",  "audio",    "canvas", "svg",
};

/* Small letters above or below: a digit there belongs to no number beside it. */
static const char *const raised[] = {"sup", "sub", "rt", "rp"};

static bool html_is_one_of(const xmlChar *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(str_c((const char *)name), str_c(list[i]))) {
            return true;
        }
    }
    return false;
}

static bool html_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What is owed between the line so far and this text: a tab behind a box, or between digits of
 * two heights. */
static void part_from_line(struct page *p, struct str text)
{
    struct str line = buf_str(p->out);
    char last = p->line_begun && line.n > 0 ? line.p[line.n - 1] : '\n';
    bool blank = strchr(" \t\n", last) || text.p[0] == ' ' || text.p[0] == '\t';
    if ((p->apart && !blank) ||
        (p->digits_apart && html_is_digit(last) && html_is_digit(text.p[0]))) {
        p->full |= buf_add(p->out, STR("\t")) < 0;
    }
    p->apart = p->digits_apart = false;
}

static void html_put(struct page *p, struct str text)
{
    if (text.n == 0) {
        return;
    }
    if (!p->line_begun) {
        p->line_at = buf_len(p->out);
        p->line_is_quoted = p->n_quotations > 0;
        p->full |= p->line_is_quoted && buf_add(p->out, STR("> ")) < 0;
    }
    part_from_line(p, text);
    p->line_begun = true;
    p->full |= buf_add(p->out, text) < 0;
}

/* The line that looked quoted and is not, "> 5 mg" in a paragraph: a sign that nobody sees
 * (U+2060) says so. */
static void set_apart(struct page *p)
{
    struct buf behind = BUF_INIT(buf_len(p->out) + 1);
    struct str all = buf_str(p->out);
    (void)!buf_add(&behind, str_slice(all, p->alone_at, all.n));
    buf_cut(p->out, all.n - p->alone_at);
    p->full |= buf_add(p->out, STR("\xe2\x81\xa0")) < 0 || buf_add(p->out, buf_str(&behind)) < 0;
    buf_wipe(&behind);
    p->line_at += p->line_at > p->alone_at ? 3 : 0;
    p->n_alike = 0;
}

/* HTML has elements for quotations. Text that was pasted has '>' before each line; of an answer,
 * of several lines. */
static void html_look_at_line(struct page *p)
{
    struct str line = str_trim(str_slice(buf_str(p->out), p->line_at, buf_len(p->out)));
    bool alike = !p->line_is_quoted && line.n > 0 && line.p[0] == '>';
    if (p->n_alike == 1 && !(alike && p->is_answer)) {
        set_apart(p);
    }
    p->alone_at = alike && p->n_alike == 0 ? p->line_at : p->alone_at;
    p->n_alike = alike ? p->n_alike + 1 : 0;
}

static void end_line(struct page *p)
{
    if (p->line_begun) {
        html_look_at_line(p);
        p->full |= buf_add(p->out, STR("\n")) < 0;
        p->line_begun = false;
    }
    p->apart = p->digits_apart = false;
}

/* A line end in <pre>: an empty line is one, too. */
static void end_kept_line(struct page *p)
{
    if (p->line_begun) {
        end_line(p);
    } else {
        p->full |= buf_add(p->out, STR("\n")) < 0;
    }
}

static void html_on_characters(void *arg, const xmlChar *text, int n)
{
    struct page *p = arg;
    struct str rest = str_from((const char *)text, n > 0 ? (size_t)n : 0);
    if (p->skipped > 0) {
        return;
    }
    while (rest.n > 0) { /* a line end in HTML is a blank, but in <pre> */
        size_t k = 0;
        while (k < rest.n && rest.p[k] != '\n' && rest.p[k] != '\r') {
            k++;
        }
        html_put(p, str_slice(rest, 0, k));
        if (k < rest.n && p->kept > 0) {
            end_kept_line(p);
        } else if (k < rest.n && p->line_begun) {
            html_put(p, STR(" "));
        }
        rest = str_slice(rest, k + 1 < rest.n ? k + 1 : rest.n, rest.n);
    }
}

static void begin_quotation(struct page *p, unsigned depth)
{
    if (p->n_quotations < QUOTATIONS_MAX) {
        p->quotations[p->n_quotations++] = (struct open_quotation){depth, buf_len(p->out)};
    }
}

/* The last line of what is left of a text, taken off its end. */
static struct str html_take_line(struct str *text)
{
    while (text->n > 0 && strchr(" \t\n", text->p[text->n - 1])) {
        text->n--;
    }
    size_t end = str_find_last(*text, '\n');
    struct str line = end < text->n ? str_slice(*text, end + 1, text->n) : *text;
    text->n -= line.n;
    return line;
}

/* "On 3 May 2026, Anna <anna@a.example> wrote:" above a blockquote without a sign (HEY, lists
 * that write Markdown). Without it people set their own text apart by one. */
static bool html_is_introduced(struct page *p)
{
    enum { FARTHEST = 500, ASKED_MAX = 200 /* further ones count as new text, the safe side */ };
    bool two_lines;
    struct str text = buf_str(p->out);
    text = str_slice(text, text.n > FARTHEST ? text.n - FARTHEST : 0, text.n);
    struct str line = html_take_line(&text), above = html_take_line(&text);
    if (line.n == 0 || line.p[line.n - 1] != ':' || p->n_asked == ASKED_MAX) {
        return false;
    }
    p->n_asked++;
    return attribution_of(above, line, &two_lines) != ATTRIBUTION_NONE;
}

/* Is anything to be seen so far? No octet is looked at twice. */
static bool is_seen(struct page *p)
{
    struct str text = buf_str(p->out), rest = str_slice(text, p->seen_from, text.n);
    bool seen = !str_is_blank(rest);
    p->seen_from = seen ? p->seen_from : text.n;
    return seen;
}

static void look_for_quotation(struct page *p, const xmlChar *name, const xmlChar **attributes)
{
    switch (quotation_of(name, attributes)) {
    case QUOTATION_NONE:
        break;
    case QUOTATION_IF_INTRODUCED:
        if (p->is_answer && html_is_introduced(p)) {
            begin_quotation(p, p->depth);
        }
        break;
    case QUOTATION_IF_ANSWER:
        if (p->is_answer) {
            begin_quotation(p, p->depth);
        }
        break;
    case QUOTATION_ELEMENT:
        begin_quotation(p, p->depth);
        break;
    case QUOTATION_REST:
        if (is_seen(p)) { /* else who answers writes below it (detect/quote.c has the same rule) */
            begin_quotation(p, p->depth - (p->depth > 0));
        }
        break;
    }
}

/* An element ended: what began in it ends with it. One without a text, a picture, is a line of
 * its own: else an introduction would stand above what is new (detect/quote.c). */
static void end_quotations(struct page *p)
{
    while (p->n_quotations > 0 && p->quotations[p->n_quotations - 1].depth >= p->depth) {
        p->n_quotations--;
        if (p->quotations[p->n_quotations].at == buf_len(p->out)) {
            end_line(p);
            p->full |= buf_add(p->out, STR(">\n")) < 0;
        }
    }
}

static void html_put_attributes(struct page *p, const xmlChar **attributes)
{
    static const char *const texts[] = {"alt", "title", "value", "content", "placeholder", "label"};
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        if (attributes[i + 1] && attributes[i + 1][0] &&
            html_is_one_of(attributes[i], texts, ARRAY_LEN(texts))) {
            (void)!buf_printf(&p->comments, "%s\n", (const char *)attributes[i + 1]);
        }
    }
}

/* Does a style say one of these, written without blanks? */
static bool style_says(const xmlChar **attributes, const char *const *words, size_t n_words)
{
    char style[1000];
    size_t n = 0;
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        if (!attributes[i + 1] ||
            !str_eq_nocase(str_c((const char *)attributes[i]), STR("style"))) {
            continue;
        }
        for (const char *c = (const char *)attributes[i + 1]; *c && n + 2 < sizeof style; c++) {
            style[n] = str_lower(*c);
            n += (unsigned char)*c > ' ';
        }
        memcpy(style + n, ";", 2);
        for (size_t k = 0; k < n_words; k++) {
            if (strstr(style, words[k])) {
                return true;
            }
        }
    }
    return false;
}

/* An element that its style makes a block, or in which line ends are line ends. */
static void begin_styled(struct page *p, const xmlChar *name, const xmlChar **attributes)
{
    static const char *const as_block[] = {
        "display:block",  "display:flex",      "display:grid",      "display:list-item",
        "display:table;", "display:table-row", "display:flow-root",
    };
    static const char *const as_written[] = {"white-space:pre", "white-space:break-spaces"},
                             *const elements[] = {"pre", "listing", "xmp"};
    if (p->n_styled < STYLED_MAX && style_says(attributes, as_block, ARRAY_LEN(as_block))) {
        p->styled[p->n_styled++] = p->depth;
        end_line(p);
    }
    if (p->kept == 0 && (html_is_one_of(name, elements, ARRAY_LEN(elements)) ||
                         style_says(attributes, as_written, ARRAY_LEN(as_written)))) {
        p->kept = p->depth;
    }
}

static void html_on_start(void *arg, const xmlChar *name, const xmlChar **attributes)
{
    struct page *p = arg;
    static const char *const cells[] = {"td", "th"}, *const skipped[] = {"style"};
    html_put_attributes(p, attributes);
    p->skipped += html_is_one_of(name, skipped, 1);
    if (html_is_one_of(name, blocks, ARRAY_LEN(blocks))) {
        end_line(p);
    } else if (html_is_one_of(name, cells, 2) && p->line_begun) {
        html_put(p, STR("\t"));
    }
    p->apart |= html_is_one_of(name, boxes, ARRAY_LEN(boxes));
    p->digits_apart |= html_is_one_of(name, raised, ARRAY_LEN(raised));
    p->depth++;
    begin_styled(p, name, attributes);
    look_for_quotation(p, name, attributes);
}

static void html_on_end(void *arg, const xmlChar *name)
{
    struct page *p = arg;
    static const char *const skipped[] = {"style"};
    p->skipped -= p->skipped > 0 && html_is_one_of(name, skipped, 1);
    bool styled = p->n_styled > 0 && p->styled[p->n_styled - 1] >= p->depth;
    p->n_styled -= styled;
    if (styled || html_is_one_of(name, blocks, ARRAY_LEN(blocks))) {
        end_line(p);
    }
    p->apart |= html_is_one_of(name, boxes, ARRAY_LEN(boxes));
    p->digits_apart |= html_is_one_of(name, raised, ARRAY_LEN(raised));
    end_quotations(p);
    p->kept = p->kept >= p->depth ? 0 : p->kept;
    p->depth -= p->depth > 0;
}

static void html_on_begin(void *arg)
{
    struct page *p = arg;
    p->depth = p->skipped = p->kept = 0;
    p->n_quotations = p->n_styled = 0;
    p->apart = p->digits_apart = false;
}

static void on_comment(void *arg, struct str text)
{
    struct page *p = arg;
    (void)!buf_printf(&p->comments, STR_FMT "\n", STR_ARG(text));
}

static void html_on_text(void *arg, struct str text)
{
    html_put(arg, text);
}

static bool html_is_full(void *arg)
{
    const struct page *p = arg;
    return p->full;
}

void read_html(struct reader *r, const struct piece *p)
{
    static const htmlSAXHandler events = {
        .characters = html_on_characters,
        .ignorableWhitespace = html_on_characters,
        .cdataBlock = html_on_characters,
        .startElement = html_on_start,
        .endElement = html_on_end,
    };
    struct page page = {
        .out = reader_text(r, p->place, p->part),
        .comments = BUF_INIT(1024 * 1024),
    };
    const struct tags tags = {
        &events, &page, html_on_begin, on_comment, html_on_text, html_is_full,
    };
    if (!page.out) {
        return;
    }
    page.is_answer = mime_is_answer(r->out);
    tags_read(r, p->part, p->octets, &tags);
    if (page.line_begun) {
        html_look_at_line(&page);
    }
    if (page.n_alike == 1) {
        set_apart(&page);
    }
    /* a tag or a style that nothing closes */
    if (buf_len(page.out) == 0 && buf_len(&page.comments) == 0) {
        page.full |= buf_add(page.out, p->octets) < 0;
    }
    reader_text_done(r, page.out);
    if (page.full) {
        reader_problem(r, MIME_LIMIT, p->part, "too much text");
    }
    reader_add_text(r, p->place, p->part, buf_str(&page.comments));
    buf_free(&page.comments);
}
