/* SPDX-License-Identifier: Apache-2.0
 * tree.c: the structure of a message, by GMime; the only file that knows it. Called by
 * message.c, also for messages inside messages, and by view.c.
 *
 * GMime finds the parts and warns of what others may read otherwise: each warning that matters
 * is a problem of the reading. What it gets wrong is read by us: encoded words (words.c),
 * parameters (params.c), base64 in pieces (wire/transfer.c). Where the octets of a part lie is
 * kept, not the octets. What can go wrong: hostile structure (scan.c counts before GMime builds
 * anything).
 */
#include "mime/tree.h"
#include "sys/fence.h"
#include "mime/params.h"
#include "tls/cms.h"
#include "wire/limits.h"
#include "wire/section.h"

#include <gmime/gmime.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* A field may be as long as the whole header section that is taken: X-fields of 300 KB are seen
 * (swaks #109). */
enum { FIELDS_MAX = 2000, FIELD_VALUE_MAX = HEADER_SECTION_MAX, PARTS_MAX = 4000 };

/* A tree under way. */
struct walk {
    struct reader *r;
    struct tree *tree;
    struct str message;
    const char *number; /* of the message: parts are numbered below it */
};

static void on_warning(gint64 offset, GMimeParserWarning what, const gchar *item, gpointer data)
{
    struct walk *w = data;
    switch (what) {
    case GMIME_WARN_DUPLICATED_HEADER:
    case GMIME_CRIT_CONFLICTING_HEADER:
    case GMIME_WARN_DUPLICATED_PARAMETER:
    case GMIME_CRIT_CONFLICTING_PARAMETER:
    case GMIME_WARN_INVALID_CONTENT_TYPE:
        reader_problem(w->r, MIME_FIELD, w->number, item ? item : "");
        break;
    case GMIME_CRIT_INVALID_HEADER_NAME:
    case GMIME_WARN_MALFORMED_MESSAGE:
        reader_problem(w->r, MIME_HEADER, w->number, "");
        break;
    case GMIME_WARN_MALFORMED_MULTIPART:
    case GMIME_CRIT_MULTIPART_WITHOUT_BOUNDARY:
    case GMIME_WARN_TRUNCATED_MESSAGE:
    case GMIME_CRIT_PART_WITHOUT_HEADERS_OR_CONTENT:
        reader_problem(w->r, MIME_BOUNDARY, w->number, "");
        break;
    case GMIME_CRIT_NESTING_OVERFLOW:
        reader_problem(w->r, MIME_LIMIT, w->number, "multiparts inside multiparts, too deep");
        break;
    case GMIME_WARN_UNENCODED_8BIT_HEADER: /* common, and read in one way */
    case GMIME_WARN_INVALID_RFC2047_HEADER_VALUE:
    case GMIME_WARN_INVALID_PARAMETER:
    case GMIME_WARN_INVALID_ADDRESS_LIST:
    case GMIME_WARN_PART_WITHOUT_CONTENT:
        break;
    }
}

void mime_init(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive has no names beyond ASCII otherwise */
    g_mime_init();
    charset_init();
    fence_init();
}

/* --- what is said about a part ------------------------------------------ */

static char *decoded(struct walk *w, const char *number, const char *raw)
{
    struct str octets = str_from(raw, strnlen(raw, FIELD_VALUE_MAX));
    struct buf text = BUF_INIT(4 * FIELD_VALUE_MAX);
    words_text(w->r, number, octets, &text);
    char *value = str_dup(buf_str(&text));
    buf_free(&text);
    return value;
}

static void tree_read_fields(struct walk *w, GMimeObject *message, const char *number,
                             struct tree_fields *ret)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(message);
    int n = g_mime_header_list_get_count(list);
    ret->v = err_calloc(FIELDS_MAX, sizeof *ret->v);
    /* what follows them, a subject perhaps, is searched as it is */
    if (n > FIELDS_MAX) {
        reader_problem(w->r, MIME_LIMIT, number, "too many fields in its header section");
    }
    for (int i = 0; i < n && ret->n < FIELDS_MAX; i++) {
        GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
        const char *raw = g_mime_header_get_raw_value(h);
        raw = raw ? raw : "";
        if (strnlen(raw, FIELD_VALUE_MAX + 1) > FIELD_VALUE_MAX) {
            reader_problem(w->r, MIME_LIMIT, number, "a field that is too long");
        }
        ret->v[ret->n++] = (struct tree_field){
            .name = err_strdup(g_mime_header_get_name(h)),
            .raw = str_dup(str_from(raw, strnlen(raw, FIELD_VALUE_MAX))),
            .value = decoded(w, number, raw),
        };
    }
}

static void tree_add_names(struct walk *w, struct part *p, struct str field, const char *parameter,
                           struct params *params)
{
    const char *value;
    size_t cursor = 0;
    params_read(w->r, p->number, field, params);
    while ((value = params_next(params, parameter, &cursor))) {
        names_add(w->r, p, value);
    }
    params_free(params);
}

/* Every name in every field that may carry one, also where the field is there twice. */
static void read_names(struct walk *w, GMimeObject *o, struct part *p)
{
    static const struct {
        const char *field, *parameter;
    } places[] = {
        {"Content-Disposition", "filename"},
        {"Content-Type", "name"},
        {"Content-Disposition", "name"},
        {"Content-Type", "filename"},
    };
    GMimeHeaderList *list = g_mime_object_get_header_list(o);
    struct params *params = err_calloc(1, sizeof *params);
    for (size_t k = 0; k < ARRAY_LEN(places); k++) {
        for (int i = 0; i < g_mime_header_list_get_count(list); i++) {
            GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
            const char *raw = g_mime_header_get_raw_value(h);
            if (!raw || !str_eq_nocase(str_c(g_mime_header_get_name(h)), str_c(places[k].field))) {
                continue;
            }
            struct str field = str_from(raw, strnlen(raw, FIELD_VALUE_MAX));
            tree_add_names(w, p, field, places[k].parameter, params);
            /* some programs encode the whole field */
            if (str_starts_nocase(str_trim_lines(field), STR("=?"))) {
                char *plain = decoded(w, p->number, raw);
                tree_add_names(w, p, str_c(plain), places[k].parameter, params);
                free(plain);
            }
        }
    }
    free(params);
}

static char *copy_of(const char *text)
{
    return text ? err_strdup(text) : NULL;
}

/* A field's value without its comments (RFC 5322 3.2.2), or as it is where one does not end;
 * NULL stays NULL. */
static char *without_comments(const char *value)
{
    char *copy = copy_of(value);
    unsigned depth = 0;
    size_t n = 0;
    for (size_t i = 0; copy && value[i]; i++) {
        depth += value[i] == '(';
        if (depth == 0) {
            copy[n++] = value[i];
        }
        depth -= value[i] == ')' && depth > 0;
    }
    if (copy && depth == 0) {
        copy[n] = '\0';
    } else if (copy) {
        free(copy);
        copy = copy_of(value);
    }
    return copy;
}

static void read_description(struct walk *w, GMimeObject *o, struct part *p)
{
    GMimeHeader *h =
        g_mime_header_list_get_header(g_mime_object_get_header_list(o), "Content-Description");
    const char *raw = h ? g_mime_header_get_raw_value(h) : NULL;
    p->description = raw ? decoded(w, p->number, raw) : NULL;
}

/* Types that programs write the wrong way round: mail programs show what is meant. */
static void mend_type(struct part *p)
{
    static const char *const types[][2] = {
        {"plain/text", "text/plain"},
        {"text/text", "text/plain"},
        {"html/text", "text/html"},
        {"text/htm", "text/html"},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (p->kind == PART_LEAF && part_is(p, types[i][0])) {
            free(p->type);
            p->type = err_strdup(types[i][1]);
        }
    }
}

/* The word of the field with comments around it (RFC 2045 5.1), which GMime does not know. */
static bool says_attachment(GMimeObject *o)
{
    GMimeHeader *h =
        g_mime_header_list_get_header(g_mime_object_get_header_list(o), "Content-Disposition");
    char *said = without_comments(h ? g_mime_header_get_raw_value(h) : NULL);
    struct str word = str_c(said);
    word = str_trim_lines(str_slice(word, 0, str_find(word, ';', 0)));
    bool is = str_eq_nocase(word, STR("attachment"));
    free(said);
    return is;
}

/* RFC 2045 5.1 MUST: types, subtypes and names of parameters in any case
 * RFC 2045 5.2 MUST: without a type, or with one that cannot be read: plain text in US-ASCII
 * RFC 2046 5.1.1 MUST NOT: a boundary does not end with a blank */
static void tree_read_type(struct reader *r, GMimeObject *o, struct part *p)
{
    GMimeContentType *type = g_mime_object_get_content_type(o);
    char *text = g_mime_content_type_get_mime_type(type);
    struct str said = str_c(g_mime_object_get_header(o, "Content-Type"));
    said = str_slice(said, 0, str_find(said, ';', 0));
    bool half = said.n > 0 && str_find(said, '/', 0) == said.n;
    /* "text": RFC 2045 5.2 */
    p->type = err_strdup(half && p->kind == PART_LEAF ? "text/plain" : text);
    g_free(text);
    for (char *c = p->type; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : str_lower(*c);
    }
    mend_type(p);
    p->charset = copy_of(g_mime_content_type_get_parameter(type, "charset"));
    p->boundary =
        GMIME_IS_MULTIPART(o) ? copy_of(g_mime_content_type_get_parameter(type, "boundary")) : NULL;
    size_t n = p->boundary ? strlen(p->boundary) : 0;
    if (n > 0 && p->boundary[n - 1] == ' ') { /* RFC 2046 5.1.1 forbids it; others leave it out */
        reader_problem(r, MIME_BOUNDARY, p->number, "");
    }
    p->is_flowed =
        str_eq_nocase(str_c(g_mime_content_type_get_parameter(type, "format")), STR("flowed"));
    p->deletes_space =
        str_eq_nocase(str_c(g_mime_content_type_get_parameter(type, "delsp")), STR("yes"));
    p->smime_type = copy_of(g_mime_content_type_get_parameter(type, "smime-type"));
    p->content_id = copy_of(g_mime_object_get_content_id(o));
    p->location = copy_of(g_mime_object_get_header(o, "Content-Location"));
    GMimeContentDisposition *d = g_mime_object_get_content_disposition(o);
    p->disposition = !d ? PART_UNSAID
                     : g_mime_content_disposition_is_attachment(d) || says_attachment(o)
                         ? PART_ATTACHMENT
                         : PART_INLINE;
}

/* The last of them counts, as in GMime. */
static void tree_read_encoding(GMimeObject *o, struct part *p)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(o);
    for (int i = 0; i < g_mime_header_list_get_count(list); i++) {
        GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
        if (str_eq_nocase(str_c(g_mime_header_get_name(h)), STR("Content-Transfer-Encoding"))) {
            char *said = without_comments(g_mime_header_get_raw_value(h));
            bool odd;
            enum transfer encoding = encoding_read(str_c(said), &odd);
            p->encoding_is_odd |= odd || (p->encoding_said && encoding != p->encoding);
            p->encoding = encoding;
            free(p->encoding_said);
            p->encoding_said = said;
        }
    }
}

/* GMime takes two octets for the line end before a boundary where other lines end in CRLF:
 * before LF alone one was text. */
static bool cut_short(struct str m, size_t end)
{
    return end + 1 < m.n && m.p[end] != '\r' && m.p[end] != '\n' && m.p[end + 1] == '\n';
}

/* Where the content lies in the message: its stream is a part of the message's. */
static void tree_read_place(const struct walk *w, GMimeDataWrapper *content, struct part *p)
{
    GMimeStream *s = content ? g_mime_data_wrapper_get_stream(content) : NULL;
    gint64 end = !s ? 0 : s->bound_end >= 0 ? s->bound_end : (gint64)w->message.n;
    bool known = s && s->bound_start >= 0 && end >= s->bound_start && (uint64_t)end <= w->message.n;
    end += known && cut_short(w->message, (size_t)end);
    p->raw = known ? str_slice(w->message, (size_t)s->bound_start, (size_t)end) : STR("");
    if (s && !known) {
        reader_problem(w->r, MIME_DAMAGED, p->number, "where it lies could not be told");
    }
}

/* --- the parts, in order ------------------------------------------------ */

static struct part *add_part(struct walk *w, enum part_kind kind, const char *number, size_t parent,
                             unsigned depth)
{
    struct tree *t = w->tree;
    if (t->n == PARTS_MAX) {
        t->cut = true;
        reader_problem(w->r, MIME_LIMIT, "", "it has too many parts");
        return NULL;
    }
    t->parts = t->parts ? t->parts : err_calloc(PARTS_MAX, sizeof *t->parts);
    struct part *p = &t->parts[t->n];
    *p = (struct part){
        .kind = kind,
        .parent = depth > 0 ? parent : t->n,
        .depth = depth,
        .raw = STR(""),
    };
    str_copy_cut(str_c(number), p->number, sizeof p->number);
    t->parts[p->parent].n_children += depth > 0;
    t->n++;
    return p;
}

static void read_object(struct walk *w, GMimeObject *o, const char *number, size_t parent,
                        unsigned depth);

/* RFC 2046 5.1.1 MUST: prologue and epilogue are no parts
 * RFC 2046 5.1.3 MUST: an unknown multipart is read as mixed */
static void tree_read_multipart(struct walk *w, GMimeMultipart *m, size_t index)
{
    char below[MIME_PART];
    struct part *p = &w->tree->parts[index];
    int n = g_mime_multipart_get_count(m);
    p->before = copy_of(g_mime_multipart_get_prologue(m));
    p->behind = copy_of(g_mime_multipart_get_epilogue(m));
    p->is_open = !m->write_end_boundary;
    for (int i = 0; i < n; i++) {
        snprintf(below, sizeof below, "%.17s%s%d", p->number, p->number[0] ? "." : "", i + 1);
        read_object(w, g_mime_multipart_get_part(m, i), below, index, p->depth + 1);
    }
}

static char *stray_of(struct str message)
{
    struct buf stray = BUF_INIT(message.n + 1);
    scan_stray(message, &stray);
    char *text = buf_len(&stray) > 0 ? str_dup(buf_str(&stray)) : NULL;
    buf_free(&stray);
    return text;
}

/* Where the next line that begins with the boundary of the nearest multipart begins.
 * RFC 2046 5.1.1 MUST: a boundary begins its line behind a line break, with two hyphens */
static size_t next_delimiter(const struct walk *w, size_t index, size_t from)
{
    const struct part *p = &w->tree->parts[index];
    while (p->depth > 0 && !p->boundary) {
        p = &w->tree->parts[p->parent];
    }
    struct str m = w->message, boundary = str_c(p->boundary);
    for (size_t at = from; p->boundary && at < m.n; at = str_find(m, '\n', at) + 1) {
        struct str line = str_slice(m, at, at + 2 + boundary.n < m.n ? at + 2 + boundary.n : m.n);
        if (line.n > 2 && line.p[0] == '-' && line.p[1] == '-' &&
            str_eq(str_slice(line, 2, line.n), boundary)) {
            return at;
        }
    }
    return m.n;
}

/* Where the part around this one, or the message, ends: the line end before a boundary belongs
 * to the boundary. */
static size_t end_of_part(const struct walk *w, size_t index, size_t from)
{
    struct str m = w->message;
    size_t at = next_delimiter(w, index, from);
    return at == m.n ? at : at - (at > from) - (at > from + 1 && m.p[at - 2] == '\r');
}

/* Where an attached message begins, by what stands before it: the part before, a boundary, the
 * fields of its part. */
static size_t begin_of_message(const struct walk *w, size_t index)
{
    struct str m = w->message;
    size_t from = 0;
    for (size_t i = 0; i < index; i++) {
        const struct part *p = &w->tree->parts[i];
        bool ends = p->kind == PART_LEAF && p->raw.n > 0;
        from = ends ? (size_t)(p->raw.p - m.p) + p->raw.n : from;
    }
    const struct part *p = &w->tree->parts[index];
    size_t at = p->depth > 0 ? next_delimiter(w, p->parent, from) : 0;
    size_t fields = at < m.n ? section_end(str_slice(m, at, m.n), 0) : 0;
    return fields > 0 ? at + fields : m.n;
}

/* An attached message lies from its first line to the end of the part; GMime knows where its first
 * field is. */
static void read_place_of_message(struct walk *w, GMimeMessage *inner, size_t index)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(inner));
    GMimeHeader *first =
        g_mime_header_list_get_count(list) > 0 ? g_mime_header_list_get_header_at(list, 0) : NULL;
    gint64 offset = first ? g_mime_header_get_offset(first) : -1;
    struct str m = w->message;
    size_t at = offset >= 0 && (uint64_t)offset < m.n ? (size_t)offset : m.n;
    const char *name = first ? g_mime_header_get_name(first) : NULL;
    bool known = at < m.n && str_starts_nocase(str_slice(m, at, m.n), str_c(name));
    bool behind_blank =
        at > 2 && m.p[at - 1] == '\n' && (m.p[at - 2] == '\n' || m.p[at - 3] == '\n');
    at = known && behind_blank ? at : begin_of_message(w, index);
    if (at < m.n) {
        w->tree->parts[index].raw = str_slice(m, at, end_of_part(w, index, at));
        w->tree->parts[index].stray = stray_of(w->tree->parts[index].raw);
    }
}

static void read_inner_message(struct walk *w, GMimeMessagePart *m, size_t index)
{
    char below[MIME_PART];
    struct part *p = &w->tree->parts[index];
    GMimeMessage *inner = g_mime_message_part_get_message(m);
    if (!inner) {
        reader_problem(w->r, MIME_DAMAGED, p->number, "a message without octets");
        return;
    }
    tree_read_fields(w, GMIME_OBJECT(inner), p->number, &p->fields);
    read_place_of_message(w, inner, index);
    if (g_mime_message_get_mime_part(inner)) {
        snprintf(below, sizeof below, "%.20s.1", p->number);
        read_object(w, g_mime_message_get_mime_part(inner), below, index, p->depth + 1);
    }
}

static enum part_kind kind_of_object(GMimeObject *o)
{
    return GMIME_IS_MULTIPART(o) ? PART_MULTIPART
           : GMIME_IS_MESSAGE_PARTIAL(o) ||
                   g_mime_content_type_is_type(g_mime_object_get_content_type(o), "message",
                                               "external-body")
               ? PART_POINTER
           : GMIME_IS_MESSAGE_PART(o) ? PART_MESSAGE
                                      : PART_LEAF;
}

static void read_object(struct walk *w, GMimeObject *o, const char *number, size_t parent,
                        unsigned depth)
{
    if (w->r->depth + depth >= w->r->limits->depth) {
        w->tree->cut = true;
        reader_problem(w->r, MIME_LIMIT, number, "things inside things, too deep");
        return;
    }
    enum part_kind kind = kind_of_object(o);
    struct part *p = add_part(w, kind, number, parent, depth);
    if (!p) {
        return;
    }
    tree_read_type(w->r, o, p);
    read_names(w, o, p);
    read_description(w, o, p);
    size_t index = (size_t)(p - w->tree->parts);
    if (GMIME_IS_PART(o)) {
        tree_read_encoding(o, p);
        tree_read_place(w, g_mime_part_get_content(GMIME_PART(o)), p);
    } else if (kind == PART_MULTIPART) {
        tree_read_multipart(w, GMIME_MULTIPART(o), index);
    } else if (kind == PART_MESSAGE) {
        read_inner_message(w, GMIME_MESSAGE_PART(o), index);
    }
}

/* --- from outside ------------------------------------------------------- */

/* A message that ends before its last boundary is not whole, nor is what stands last in it.
 * Where the boundary of an inner multipart alone was forgotten, what follows shows that nothing
 * is missing. */
static void note_missing_end(struct str message, struct tree *t)
{
    size_t root = 0;
    while (root + 1 < t->n && t->parts[root].kind == PART_MESSAGE) {
        root++;
    }
    t->is_open = t->n > 0 && t->parts[root].is_open && t->parts[root].n_children > 0;
    size_t last = t->n > 0 ? t->n - 1 : 0, at = last;
    struct str raw = t->n > 0 ? t->parts[last].raw : STR("");
    struct str behind =
        raw.n > 0 ? str_slice(message, (size_t)(raw.p - message.p) + raw.n, message.n) : STR("x");
    bool all_open = t->is_open && str_is_blank(behind); /* else the next part has gone */
    while (all_open && t->parts[at].depth > 0) {
        at = t->parts[at].parent;
        all_open = t->parts[at].kind != PART_MULTIPART || t->parts[at].is_open;
    }
    for (at = last; all_open && t->parts[at].depth > 0; at = t->parts[at].parent) {
        t->parts[at].is_cut = true;
    }
}

/* Lines at the top that go on a field which is not there: GMime would take the rest for the
 * body. */
static struct str without_loose_lines(struct reader *r, struct str message, const char *number)
{
    while (message.n > 1 && (message.p[0] == ' ' || message.p[0] == '\t')) {
        size_t end = str_find(message, '\n', 0);
        message = str_slice(message, end < message.n ? end + 1 : end, message.n);
        reader_problem(r, MIME_HEADER, number, "");
    }
    return message;
}

struct tree *tree_read(struct reader *r, struct str message, const char *number)
{
    message = without_loose_lines(r, message, number);
    struct walk w = {.r = r, .message = message, .number = number};
    if (!scan_limits(r, message, number)) {
        return NULL;
    }
    GMimeStream *in = g_mime_stream_mem_new_with_buffer(message.p, message.n); /* a copy */
    tame_fields(r, number, (char *)g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(in))->data,
                message.n);
    GMimeParser *parser = g_mime_parser_new_with_stream(in);
    GMimeParserOptions *options = g_mime_parser_options_new();
#if GMIME_CHECK_VERSION(3, 2, 15) /* Debian 13 */
    g_mime_parser_options_set_warning_callback(options, on_warning, &w, NULL);
#else
    g_mime_parser_options_set_warning_callback(options, on_warning, &w);
#endif
    GMimeMessage *m = g_mime_parser_construct_message(parser, options);
    if (m) {
        char below[MIME_PART];
        w.tree = err_calloc(1, sizeof *w.tree);
        tree_read_fields(&w, GMIME_OBJECT(m), number, &w.tree->fields);
        w.tree->stray = stray_of(message);
        snprintf(below, sizeof below, "%.20s%s", number, number[0] ? ".1" : "");
        if (g_mime_message_get_mime_part(m)) {
            read_object(&w, g_mime_message_get_mime_part(m), below, 0, 0);
        }
        note_missing_end(message, w.tree);
        g_object_unref(m);
    } else {
        reader_problem(r, MIME_HEADER, number, "no message at all");
    }
    g_mime_parser_options_free(options);
    g_object_unref(parser);
    g_object_unref(in);
    return w.tree;
}

static void fields_free(struct tree_fields *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].name);
        free(f->v[i].raw);
        free(f->v[i].value);
    }
    free(f->v);
}

static void part_free(struct part *p)
{
    char *texts[] = {
        p->type,        p->charset,       p->boundary, p->smime_type, p->content_id, p->location,
        p->description, p->encoding_said, p->before,   p->behind,     p->stray,
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        free(texts[i]);
    }
    for (size_t i = 0; i < p->n_names; i++) {
        free(p->names[i]);
    }
    free(p->names);
    fields_free(&p->fields);
}

void tree_free(struct tree *t)
{
    if (!t) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        part_free(&t->parts[i]);
    }
    fields_free(&t->fields);
    free(t->stray);
    free(t->parts);
    free(t);
}

int tree_octets(const struct part *p, struct buf *out, bool *ret_sound)
{
    return transfer_read_all(p->encoding, p->raw, out, ret_sound);
}

bool tree_is_encoded_message(const struct part *p)
{
    return p->kind == PART_LEAF && (part_is(p, "message/rfc822") || part_is(p, "message/global"));
}

int tree_signed_content(const struct part *p, struct buf *out, struct nested_place *ret_place)
{
    struct buf octets = BUF_INIT(p->raw.n + 1);
    bool sound;
    int r = part_is(p, "application/pkcs7-mime") || part_is(p, "application/x-pkcs7-mime")
                ? tree_octets(p, &octets, &sound)
                : -EBADMSG;
    size_t before = buf_len(out);
    r = r < 0 ? r : cms_signed_content(buf_str(&octets), out);
    if (r == 0 && ret_place &&
        !cms_signed_place(buf_str(&octets), str_slice(buf_str(out), before, buf_len(out)),
                          ret_place)) {
        *ret_place = (struct nested_place){0};
    }
    buf_wipe(&octets);
    return r;
}

bool part_is(const struct part *p, const char *type)
{
    return strcmp(p->type, type) == 0;
}

const struct tree_field *tree_field(const struct tree_fields *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_eq_nocase(str_c(f->v[i].name), str_c(name))) {
            return &f->v[i];
        }
    }
    return NULL;
}
