/* SPDX-License-Identifier: Apache-2.0
 * html.c: the text of HTML by libxml2's tolerant parser, as events: nothing is built in memory. Called by reader.c
 * and message.c.
 *
 * Everything counts that a person or a program could find: hidden elements, comments, titles, alternative texts,
 * values of fields. Elements inside a line do not part its words, so a number split by tags is whole again.
 * Quotations get '>' before each line, as in plain text. What can go wrong: a limit of text.
 */
#include "mime/reader.h"

#include <libxml/HTMLparser.h>

enum { PUSH = 32 * 1024 };

struct page {
    struct buf *out, comments;
    unsigned quoted, skipped; /* depths of elements */
    bool line_begun, full;
};

static const char *const blocks[] = {"p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "blockquote", "section",
                                     "article", "header", "footer", "title", "body", "dt", "dd", "option", "row", "para"};

static bool is_one_of(const xmlChar *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(str_c((const char *)name), str_c(list[i]))) {
            return true;
        }
    }
    return false;
}

static void put(struct page *p, struct str text)
{
    if (!p->line_begun && p->quoted > 0 && text.n > 0) {
        p->full |= buf_add(p->out, STR("> ")) < 0;
    }
    p->line_begun |= text.n > 0;
    p->full |= buf_add(p->out, text) < 0;
}

static void end_line(struct page *p)
{
    if (p->line_begun) {
        p->full |= buf_add(p->out, STR("\n")) < 0;
        p->line_begun = false;
    }
}

static void on_characters(void *arg, const xmlChar *text, int n)
{
    struct page *p = arg;
    struct str rest = str_from((const char *)text, n > 0 ? (size_t)n : 0);
    if (p->skipped > 0) {
        return;
    }
    while (rest.n > 0) { /* a line end in HTML is a blank */
        size_t k = 0;
        while (k < rest.n && rest.p[k] != '\n' && rest.p[k] != '\r') {
            k++;
        }
        put(p, str_slice(rest, 0, k));
        if (k < rest.n && p->line_begun) {
            put(p, STR(" "));
        }
        rest = str_slice(rest, k + 1 < rest.n ? k + 1 : rest.n, rest.n);
    }
}

/* Mail programs mark what they quote; the mark of a block that is none of ours to close counts to the end. */
static bool begins_quotation(const xmlChar **attributes)
{
    static const char *const marks[] = {"gmail_quote", "divRplyFwdMsg", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote"};
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        if (attributes[i + 1] && is_one_of(attributes[i + 1], marks, ARRAY_LEN(marks))) {
            return true;
        }
    }
    return false;
}

static void put_attributes(struct page *p, const xmlChar **attributes)
{
    static const char *const texts[] = {"alt", "title", "value", "content", "placeholder", "label"};
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        if (attributes[i + 1] && attributes[i + 1][0] && is_one_of(attributes[i], texts, ARRAY_LEN(texts))) {
            (void)!buf_printf(&p->comments, "%s\n", (const char *)attributes[i + 1]);
        }
    }
}

static void on_start(void *arg, const xmlChar *name, const xmlChar **attributes)
{
    struct page *p = arg;
    static const char *const cells[] = {"td", "th"}, *const skipped[] = {"style"};
    put_attributes(p, attributes);
    p->skipped += is_one_of(name, skipped, 1);
    if (is_one_of(name, blocks, ARRAY_LEN(blocks))) {
        end_line(p);
    } else if (is_one_of(name, cells, 2) && p->line_begun) {
        put(p, STR("\t"));
    }
    p->quoted += str_eq_nocase(str_c((const char *)name), STR("blockquote")) || (p->quoted == 0 && begins_quotation(attributes));
}

static void on_end(void *arg, const xmlChar *name)
{
    struct page *p = arg;
    static const char *const skipped[] = {"style"};
    p->skipped -= p->skipped > 0 && is_one_of(name, skipped, 1);
    if (is_one_of(name, blocks, ARRAY_LEN(blocks))) {
        end_line(p);
    }
    if (str_eq_nocase(str_c((const char *)name), STR("blockquote")) && p->quoted > 0) {
        p->quoted--;
    }
}

static void on_comment(void *arg, const xmlChar *text)
{
    struct page *p = arg;
    if (text) {
        (void)!buf_printf(&p->comments, "%s\n", (const char *)text);
    }
}

static void on_problem(void *arg, const char *format, ...)
{
    (void)arg;
    (void)format; /* real pages are full of mistakes */
}

void read_html(struct reader *r, const struct piece *p)
{
    static htmlSAXHandler events = {.characters = on_characters, .ignorableWhitespace = on_characters, .cdataBlock = on_characters,
                                    .startElement = on_start, .endElement = on_end, .comment = on_comment,
                                    .error = on_problem, .warning = on_problem};
    struct page page = {.out = reader_text(r, p->place, p->part), .comments = BUF_INIT(1024 * 1024)};
    if (!page.out) {
        return;
    }
    htmlParserCtxtPtr parser = htmlCreatePushParserCtxt(&events, &page, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    if (parser) {
        htmlCtxtUseOptions(parser, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
        for (size_t at = 0; at < p->octets.n && !page.full && !reader_is_over(r); at += PUSH) {
            struct str some = str_slice(p->octets, at, at + PUSH < p->octets.n ? at + PUSH : p->octets.n);
            (void)htmlParseChunk(parser, some.p, (int)some.n, at + PUSH >= p->octets.n);
        }
        htmlFreeParserCtxt(parser);
    }
    reader_text_done(r, page.out);
    if (page.full || !parser) {
        reader_problem(r, MIME_LIMIT, p->part, "too much text");
    }
    reader_add_text(r, p->place, p->part, buf_str(&page.comments));
    buf_free(&page.comments);
}
