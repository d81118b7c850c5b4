/* SPDX-License-Identifier: Apache-2.0
 * office.c: the text of the XML parts of Office Open XML and OpenDocument files, by libxml2's
 * reader, as a stream. Called by archive.c for each part.
 *
 * Elements that begin or end a paragraph, a row or a cell become line ends and tabs, so that
 * words and columns stay beside each other as in the document; a text that is split into runs is
 * joined. What is no text of the line that it stands in (instructions of fields, what was
 * deleted, formulas, measures, alternative texts) follows behind the part. Numbers of a
 * spreadsheet that are kept as powers of ten are written out. What can go wrong: entities
 * without end (libxml2 gives up: damaged).
 */
#include "mime/reader.h"
#include "sys/fence.h"

#include <libxml/xmlreader.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STRINGS_MAX = 1000000,
    STRING_OCTETS_MAX = 32 * 1024 * 1024,
    ATTRIBUTES_MAX = 5000,
    STEPS = 1024,
    FENCE = 192 * 1024 * 1024
};

enum { NOT_ASIDE = -1 };

/* A text under way, and what is owed before the next of it: a line end, a tab, a blank; 0:
 * nothing. */
struct line {
    struct buf *out;
    char pending;
};

struct sheet {
    const struct strings *shared;
    struct line text, aside;
    char before_cell; /* what was owed where the cell began, as long as nothing stands in it */
    int aside_depth;  /* of the element that is read aside, or NOT_ASIDE */
    bool is_shared, in_value, full;
};

static bool office_is_name(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* 4.111111111111111E15 as the whole number it is; anything else stays. */
static struct str written_out(struct str text, char *dst, size_t size)
{
    char copy[40], *end;
    if (text.n == 0 || text.n >= sizeof copy ||
        (str_find(text, 'E', 0) == text.n && str_find(text, '.', 0) == text.n)) {
        return text;
    }
    str_copy_cut(text, copy, sizeof copy);
    double value = strtod(copy, &end);
    if (*end || value < 0 || value > 9e18 || value != (double)(uint64_t)value) {
        return text;
    }
    snprintf(dst, size, "%llu", (unsigned long long)(uint64_t)value);
    return str_c(dst);
}

static void office_put(struct sheet *s, struct line *line, struct str text)
{
    if (line->pending && text.n > 0) {
        s->full |= buf_append(line->out, &line->pending, 1) < 0;
        line->pending = '\0';
    }
    s->full |= buf_add(line->out, text) < 0;
}

static void office_put_text(struct sheet *s, struct str text)
{
    char number[32];
    uint64_t index;
    if (s->aside_depth != NOT_ASIDE) {
        office_put(s, &s->aside, text);
        return;
    }
    if (s->in_value && s->is_shared && s->shared) {
        bool known = str_to_u64(text, s->shared->n > 0 ? s->shared->n - 1 : 0, &index) == 0 &&
                     s->shared->n > 0;
        text = known ? s->shared->v[index] : STR("");
    } else if (s->in_value) {
        text = written_out(text, number, sizeof number);
    }
    office_put(s, &s->text, text);
    if (text.n > 0) {
        s->aside.pending = '\n';
        s->before_cell = '\0';
    }
}

/* What ends a line and what ends a cell, by local name: w:p, a:p, text:p, text:h, row, w:tr,
 * table:table-row; the pieces of a page's head, the points of a chart, what comments have; the
 * number of a note. */
static const char *const lines[] = {
    "p",         "h",          "row",        "tr",         "table-row",   "sheetData",
    "comment",   "footnote",   "endnote",    "text",       "author",      "note-citation",
    "oddHeader", "oddFooter",  "evenHeader", "evenFooter", "firstHeader", "firstFooter",
    "pt",        "annotation",
};
static const char *const cells[] = {"c", "tc", "table-cell"};

/* What is read aside; the pieces of the first IN_PIECES belong together. */
enum { IN_PIECES = 3 };
static const char *const asides[] = {
    "instrText", "delInstrText", "delText",   "f",        "formula",   "formula1",
    "formula2",  "formatCode",   "posOffset", "pctWidth", "pctHeight", "align",
    "col",       "colOff",       "rowOff",    "rPh",      "desc",      "title",
};

/* Attributes that people write: alternative texts, WordArt, names of sheets, what a pivot table
 * keeps. */
static const struct {
    const char *element, *attribute;
} written[] = {
    {"docPr", "descr"},
    {"docPr", "title"},
    {"cNvPr", "descr"},
    {"cNvPr", "title"},
    {"textpath", "string"},
    {"shape", "alt"},
    {"imagedata", "title"},
    {"sheet", "name"},
    {"s", "v"},
    {"n", "v"},
};

/* Data of somebody's own, and properties of the document: each element is a thing of its own. In
 * the vocabularies of the two standards text runs on from element to element. */
static bool office_is_property(xmlTextReaderPtr x)
{
    static const char *const running[] = {
        "openxmlformats",
        "opendocument",
        "microsoft",
        "purl.oclc.org",
    };
    const char *space = (const char *)xmlTextReaderConstNamespaceUri(x);
    bool runs = false;
    for (size_t i = 0; space && i < ARRAY_LEN(running) && !runs; i++) {
        runs = strstr(space, running[i]);
    }
    return !runs || strstr(space, "-properties") || strstr(space, "Properties") ||
           strstr(space, ":meta:");
}

static void office_put_attributes(struct sheet *s, xmlTextReaderPtr x, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        if (strcmp(name, written[i].element) != 0) {
            continue;
        }
        xmlChar *value = xmlTextReaderGetAttribute(x, (const xmlChar *)written[i].attribute);
        if (value && *value) {
            s->aside.pending = buf_len(s->aside.out) > 0 ? '\n' : '\0';
            office_put(s, &s->aside, str_c((const char *)value));
            s->aside.pending = '\n';
        }
        xmlFree(value);
    }
}

/* A block that begins within a line parts it; the end of a cell before it stays one. */
static void begin_line(struct line *line)
{
    bool parted = line->pending == '\n' || line->pending == '\t' || buf_len(line->out) == 0;
    line->pending = parted ? line->pending : '\n';
}

static void begin_cell(struct sheet *s, xmlTextReaderPtr x)
{
    xmlChar *type = xmlTextReaderGetAttribute(x, (const xmlChar *)"t"); /* <c t="s"><v>7</v></c> */
    s->is_shared = type && strcmp((const char *)type, "s") == 0;
    s->before_cell = s->text.pending;
    xmlFree(type);
}

static void on_element(struct sheet *s, xmlTextReaderPtr x, const char *name)
{
    static const char *const tabs[] = {"tab", "ptab", "s"}, *const breaks[] = {"br", "cr",
                                                                               "line-break"};
    if (xmlTextReaderHasAttributes(x)) {
        office_put_attributes(s, x, name);
    }
    s->in_value = strcmp(name, "v") == 0;
    if (office_is_name(name, cells, ARRAY_LEN(cells))) {
        begin_cell(s, x);
    } else if (office_is_name(name, tabs, ARRAY_LEN(tabs))) {
        s->text.pending = s->text.pending ? s->text.pending : ' ';
    } else if (office_is_name(name, breaks, ARRAY_LEN(breaks))) {
        s->text.pending = '\n';
    } else if (strcmp(name, "noBreakHyphen") == 0) {
        office_put_text(s, STR("-"));
    } else if (office_is_name(name, lines, ARRAY_LEN(lines)) || office_is_property(x)) {
        begin_line(s->aside_depth == NOT_ASIDE ? &s->text : &s->aside);
    }
    if (s->aside_depth == NOT_ASIDE && !xmlTextReaderIsEmptyElement(x) &&
        office_is_name(name, asides, ARRAY_LEN(asides)) && !office_is_property(x)) {
        s->aside_depth = xmlTextReaderDepth(x);
    }
}

static void end_aside(struct sheet *s, xmlTextReaderPtr x, const char *name)
{
    if (xmlTextReaderDepth(x) == s->aside_depth) {
        s->aside_depth = NOT_ASIDE;
        s->aside.pending = office_is_name(name, asides, IN_PIECES) ? s->aside.pending : '\n';
    } else if (office_is_name(name, lines, ARRAY_LEN(lines))) {
        s->aside.pending = '\n';
    }
}

static void office_on_end(struct sheet *s, xmlTextReaderPtr x, const char *name)
{
    s->in_value = false;
    if (s->aside_depth != NOT_ASIDE) {
        end_aside(s, x, name);
    } else if (office_is_name(name, cells, ARRAY_LEN(cells))) {
        /* a cell's own paragraphs do not part the row */
        s->text.pending = s->before_cell == '\n' ? '\n' : '\t';
        s->before_cell = '\0';
    } else if (office_is_name(name, lines, ARRAY_LEN(lines)) || office_is_property(x)) {
        s->text.pending = s->aside.pending = '\n';
    }
}

static void on_problem(void *arg, const char *message, xmlParserSeverities severity,
                       xmlTextReaderLocatorPtr where)
{
}

/* libxml2 compares the name of each attribute with all before it. An attribute has a '=', and
 * none a '<'; a text has so many between two tags only where somebody means harm, or draws
 * lines. */
static bool has_too_many_attributes(struct str xml)
{
    size_t n = 0;
    for (size_t i = 0; i < xml.n && n <= ATTRIBUTES_MAX; i++) {
        n = xml.p[i] == '<' ? 0 : n + (xml.p[i] == '=');
    }
    return n > ATTRIBUTES_MAX;
}

/* Behind a fence, which the caller lowers. */
static xmlTextReaderPtr open_xml(struct str xml)
{
    fence_raise(FENCE);
    if (xml.n > INT32_MAX) {
        return NULL;
    }
    xmlTextReaderPtr x = xmlReaderForMemory(xml.p, (int)xml.n, NULL, NULL,
                                            XML_PARSE_NONET | XML_PARSE_NOERROR |
                                                XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    if (x) {
        xmlTextReaderSetErrorHandler(x, on_problem, NULL);
    }
    return x;
}

static bool office_is_text(int type)
{
    return type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA ||
           type == XML_READER_TYPE_SIGNIFICANT_WHITESPACE;
}

static int read_xml(struct reader *r, const char *part, xmlTextReaderPtr x, struct sheet *s)
{
    unsigned steps = 0;
    int more = x ? 1 : -1;
    while (more == 1 && !s->full && (++steps % STEPS != 0 || !reader_is_spent(r, part))) {
        more = xmlTextReaderRead(x);
        int type = more == 1 ? xmlTextReaderNodeType(x) : 0;
        const char *name = more == 1 ? (const char *)xmlTextReaderConstLocalName(x) : NULL;
        const char *value = more == 1 ? (const char *)xmlTextReaderConstValue(x) : NULL;
        if (type == XML_READER_TYPE_ELEMENT && name) {
            on_element(s, x, name);
            if (xmlTextReaderIsEmptyElement(x)) {
                office_on_end(s, x, name);
            }
        } else if (type == XML_READER_TYPE_END_ELEMENT && name) {
            office_on_end(s, x, name);
        } else if (office_is_text(type) && value) {
            office_put_text(s, str_c(value));
        } else if (type == XML_READER_TYPE_ENTITY_REFERENCE) {
            /* of its own making: Office refuses them, and they hide text */
            more = -1;
        }
    }
    return more;
}

int read_document_xml(struct reader *r, const char *part, struct str xml,
                      const struct strings *shared, struct buf *out)
{
    char between = buf_len(out) > 0 ? '\n' : '\0'; /* the part before ended its line */
    struct buf aside = BUF_INIT(r->text_left);
    struct sheet s = {
        .shared = shared,
        .text = {out, between},
        .aside = {.out = &aside},
        .aside_depth = NOT_ASIDE,
    };
    if (has_too_many_attributes(xml)) {
        (void)!buf_add(out, xml); /* as it stands: what is in it is found all the same */
        return -ENOSPC;
    }
    xmlTextReaderPtr x = open_xml(xml);
    int more = read_xml(r, part, x, &s);
    xmlFreeTextReader(x);
    fence_lower();
    s.text.pending = buf_len(out) > 0 ? '\n' : '\0';
    office_put(&s, &s.text, buf_str(&aside));
    buf_wipe(&aside);
    return s.full ? -ENOSPC : more < 0 ? -EBADMSG : 0;
}

/* --- the strings of a spreadsheet --------------------------------------- */

void strings_free(struct strings *s)
{
    free(s->v);
    buf_wipe(&s->text);
    *s = (struct strings){0};
}

static int end_string(struct strings *s, size_t *offsets_from)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 256;
        s->v = realloc(s->v, s->cap * sizeof *s->v);
        must(s->v);
    }
    /* the place follows at the end: the text moves */
    s->v[s->n++] = str_from(NULL, buf_len(&s->text) - *offsets_from);
    *offsets_from = buf_len(&s->text);
    return s->n < STRINGS_MAX ? 0 : -ENOSPC;
}

int read_shared_strings(struct reader *reader, const char *part, struct str xml,
                        struct strings *ret)
{
    *ret = (struct strings){.text = BUF_INIT(STRING_OCTETS_MAX)};
    if (has_too_many_attributes(xml)) {
        return -ENOSPC;
    }
    xmlTextReaderPtr x = open_xml(xml);
    size_t from = 0, steps = 0;
    int r = 0, more = x ? 1 : -1;
    while (more == 1 && r == 0 && (++steps % STEPS != 0 || !reader_is_spent(reader, part))) {
        more = xmlTextReaderRead(x);
        int type = more == 1 ? xmlTextReaderNodeType(x) : 0;
        const char *name = more == 1 ? (const char *)xmlTextReaderConstLocalName(x) : NULL;
        bool ends = type == XML_READER_TYPE_END_ELEMENT ||
                    (type == XML_READER_TYPE_ELEMENT && xmlTextReaderIsEmptyElement(x));
        if (office_is_text(type)) {
            r = buf_add(&ret->text, str_c((const char *)xmlTextReaderConstValue(x)));
        } else if (ends && name && strcmp(name, "si") == 0) {
            r = end_string(ret, &from);
        }
    }
    xmlFreeTextReader(x);
    fence_lower();
    const char *at = buf_str(&ret->text).p;
    for (size_t i = 0; i < ret->n; i++) {
        ret->v[i].p = at;
        at += ret->v[i].n;
    }
    return r < 0 ? r : more < 0 ? -EBADMSG : 0;
}
