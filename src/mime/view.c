/* SPDX-License-Identifier: Apache-2.0
 * view.c: a message as a person sees it (view.h), by GMime. The second file here that builds a tree of a message; scan.c
 * counts before.
 *
 * Of alternatives the HTML and the text are both kept; texts one after the other are joined; messages inside the message are
 * shown behind it, and what is attached to them with the rest. The octets of an attachment are not copied: GMime tells
 * where they lie.
 */
#include "mime/reader.h"
#include "mime/view.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>

enum { PICTURES_MAX = 50, DEPTH_MAX = 30 };

/* A view under way. */
struct build {
    struct view *v;
    struct reader *r;               /* for character sets and the limits of parsing */
    struct str message;
    struct buf html;                /* as it came, UTF-8 */
    struct picture pictures[PICTURES_MAX];
    GByteArray *picture_octets[PICTURES_MAX];
    size_t n_pictures, picture_total;
    unsigned depth;
    bool has_text, has_html;
};

static char *one_line(const char *text)
{
    char *copy = str_dup(str_slice(str_c(text), 0, strnlen(text ? text : "", VIEW_FIELD_MAX)));
    for (char *p = copy; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
    }
    const char *end;
    if (!g_utf8_validate(copy, -1, &end)) { /* cut inside a character, or none at all */
        copy[end - copy] = '\0';
    }
    return copy;
}

static char *field_of(GMimeObject *m, const char *name)
{
    GMimeHeader *h = g_mime_header_list_get_header(g_mime_object_get_header_list(m), name);
    const char *raw = h ? g_mime_header_get_raw_value(h) : NULL;
    char *value = g_strstrip(g_mime_utils_header_decode_text(NULL, raw ? raw : ""));
    char *line = one_line(value);
    g_free(value);
    return line;
}

static void add_text(struct build *b, struct str text)
{
    struct buf *out = &b->v->text;
    if (b->has_text && buf_len(out) > 0) {
        (void)!buf_add(out, STR("\n\n"));
    }
    b->has_text = true;
    size_t room = out->max - buf_len(out);
    if (text.n > room) {
        b->v->cut = true;
        text = str_slice(text, 0, room);
        while (text.n > 0 && ((unsigned char)text.p[text.n - 1] & 0xc0) == 0x80) { /* not inside a character */
            text.n--;
        }
        text.n -= text.n > 0 && (unsigned char)text.p[text.n - 1] >= 0xc0;
    }
    (void)!buf_add(out, text);
}

static GByteArray *decoded(GMimeDataWrapper *content)
{
    GByteArray *octets = g_byte_array_new();
    GMimeStream *out = g_mime_stream_mem_new_with_byte_array(octets);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(out), FALSE);
    g_mime_data_wrapper_write_to_stream(content, out);
    g_mime_stream_flush(out);
    g_object_unref(out);
    return octets;
}

/* --- what is attached ------------------------------------------------------------------------------------------------ */

static enum view_encoding encoding_of(GMimePart *part, bool *ret_known)
{
    *ret_known = true;
    switch (g_mime_part_get_content_encoding(part)) {
    case GMIME_CONTENT_ENCODING_BASE64:
        return VIEW_BASE64;
    case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
        return VIEW_QUOTED;
    case GMIME_CONTENT_ENCODING_UUENCODE:
        *ret_known = false;
        return VIEW_AS_IS;
    case GMIME_CONTENT_ENCODING_DEFAULT:
    case GMIME_CONTENT_ENCODING_7BIT:
    case GMIME_CONTENT_ENCODING_8BIT:
    case GMIME_CONTENT_ENCODING_BINARY:
        return VIEW_AS_IS;
    }
    return VIEW_AS_IS;
}

static char *type_of(GMimeObject *o)
{
    GMimeContentType *type = g_mime_object_get_content_type(o);
    char *text = g_mime_content_type_get_mime_type(type), *copy = one_line(text);
    for (char *p = copy; *p; p++) {
        *p = str_lower(*p);
    }
    g_free(text);
    return copy;
}

/* A name for something that has none: by its number and kind. */
static char *made_up_name(const struct build *b, const char *type)
{
    char name[64];
    const char *end = strcmp(type, "text/html") == 0 ? ".html" : strcmp(type, "text/plain") == 0 ? ".txt" : strcmp(type, "text/calendar") == 0 ? ".ics"
                      : strcmp(type, "application/pdf") == 0 ? ".pdf" : strcmp(type, "image/jpeg") == 0 ? ".jpg" : strcmp(type, "image/png") == 0 ? ".png"
                      : strcmp(type, "application/pgp-signature") == 0 ? ".asc" : strcmp(type, "application/pkcs7-signature") == 0 ? ".p7s" : ".bin";
    snprintf(name, sizeof name, "attachment-%zu%s", b->v->n_parts + 1, end);
    return err_strdup(name);
}

/* Where the content lies in the message: its stream is a part of the message's. */
static bool place_of(const struct build *b, GMimeDataWrapper *content, struct view_part *p)
{
    GMimeStream *s = g_mime_data_wrapper_get_stream(content);
    gint64 end = s->bound_end >= 0 ? s->bound_end : (gint64)b->message.n;
    if (s->bound_start < 0 || end < s->bound_start || (uint64_t)end > b->message.n) {
        return false;
    }
    p->at = (uint64_t)s->bound_start;
    p->octets = (uint64_t)(end - s->bound_start);
    return true;
}

static void attach(struct build *b, GMimePart *part, const GByteArray *octets)
{
    struct view *v = b->v;
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    const char *name = g_mime_part_get_filename(part);
    struct view_part p = {0};
    bool known;
    gsize n = sizeof p.sha256;
    p.encoding = encoding_of(part, &known);
    if (v->n_parts == VIEW_PARTS_MAX || !known || !place_of(b, content, &p)) {
        v->cut = true; /* it is in the original, which can be had as a whole */
        return;
    }
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, octets->data, octets->len);
    g_checksum_get_digest(sum, p.sha256, &n);
    g_checksum_free(sum);
    p.size = octets->len;
    p.type = type_of(GMIME_OBJECT(part));
    p.name = name && *name ? one_line(name) : made_up_name(b, p.type);
    v->parts = realloc(v->parts, (v->n_parts + 1) * sizeof *v->parts);
    must(v->parts);
    v->parts[v->n_parts++] = p;
}

/* --- what is shown ----------------------------------------------------------------------------------------------------- */

static void show_text(struct build *b, GMimePart *part, const GByteArray *octets, bool html)
{
    const char *charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
    struct buf text = BUF_INIT((size_t)octets->len * 4 + 64 * 1024); /* conversion wants some room ahead */
    charset_text(b->r, "", str_from((const char *)octets->data, octets->len), charset, &text);
    if (!html) {
        add_text(b, buf_str(&text));
    } else if (buf_add(&b->html, buf_str(&text)) < 0) {
        b->v->cut = true;
    }
    b->has_html |= html;
    buf_free(&text);
}

static const char *picture_type(struct str o)
{
    return o.n > 8 && memcmp(o.p, "\x89PNG\r\n\x1a\n", 8) == 0                                  ? "image/png"
           : o.n > 3 && memcmp(o.p, "\xff\xd8\xff", 3) == 0                                     ? "image/jpeg"
           : o.n > 6 && (memcmp(o.p, "GIF87a", 6) == 0 || memcmp(o.p, "GIF89a", 6) == 0)        ? "image/gif"
           : o.n > 12 && memcmp(o.p, "RIFF", 4) == 0 && memcmp(o.p + 8, "WEBP", 4) == 0          ? "image/webp"
                                                                                                 : NULL;
}

/* True when it is kept for the HTML; then the octets are the picture's. */
static bool keep_picture(struct build *b, GMimePart *part, GByteArray *octets)
{
    const char *cid = g_mime_object_get_content_id(GMIME_OBJECT(part));
    const char *type = picture_type(str_from((const char *)octets->data, octets->len));
    if (!cid || !type || b->n_pictures == PICTURES_MAX || b->picture_total + octets->len > VIEW_PICTURES_MAX) {
        return false;
    }
    b->picture_total += octets->len;
    b->picture_octets[b->n_pictures] = octets;
    b->pictures[b->n_pictures++] = (struct picture){.cid = cid, .type = type, .octets = str_from((const char *)octets->data, octets->len)};
    return true;
}

static void read_leaf(struct build *b, GMimePart *part, bool shown)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
    GMimeContentDisposition *d = g_mime_object_get_content_disposition(GMIME_OBJECT(part));
    const char *name = g_mime_part_get_filename(part);
    if (!content) {
        return;
    }
    bool text = g_mime_content_type_is_type(type, "text", "plain"), html = g_mime_content_type_is_type(type, "text", "html");
    bool attached = name || (d && g_mime_content_disposition_is_attachment(d));
    GByteArray *octets = decoded(content);
    if (shown && !attached && (text || html)) {
        show_text(b, part, octets, html);
    } else {
        attach(b, part, octets);
        if (keep_picture(b, part, octets)) {
            return;
        }
    }
    g_byte_array_free(octets, TRUE);
}

static void read_part(struct build *b, GMimeObject *o, bool shown);

static void read_inner_message(struct build *b, GMimeMessagePart *part)
{
    GMimeMessage *inner = g_mime_message_part_get_message(part);
    if (!inner) {
        return;
    }
    static const char *const names[] = {"From", "To", "Date", "Subject"};
    struct buf head = BUF_INIT(8 * VIEW_FIELD_MAX);
    (void)!buf_add(&head, STR("--------------------\n"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *value = field_of(GMIME_OBJECT(inner), names[i]);
        (void)!buf_printf(&head, "%s: %s\n", names[i], value);
        free(value);
    }
    bool had_html = b->has_html;
    add_text(b, buf_str(&head));
    if (had_html) { /* the HTML says it too: whoever reads that misses nothing */
        (void)!buf_add(&b->html, STR("<hr>"));
    }
    buf_free(&head);
    if (g_mime_message_get_mime_part(inner)) {
        read_part(b, g_mime_message_get_mime_part(inner), true);
    }
}

static void read_multipart(struct build *b, GMimeMultipart *m, bool shown)
{
    int n = g_mime_multipart_get_count(m);
    bool alternative = g_mime_content_type_is_type(g_mime_object_get_content_type(GMIME_OBJECT(m)), "multipart", "alternative");
    b->v->encrypted |= GMIME_IS_MULTIPART_ENCRYPTED(m);
    if (!alternative && n == 0) {
        b->v->cut = true;
    }
    for (int i = 0; i < n; i++) {
        read_part(b, g_mime_multipart_get_part(m, i), shown);
    }
}

static void read_part(struct build *b, GMimeObject *o, bool shown)
{
    if (b->depth == DEPTH_MAX) {
        b->v->cut = true;
        return;
    }
    b->depth++;
    if (GMIME_IS_MULTIPART(o)) {
        read_multipart(b, GMIME_MULTIPART(o), shown);
    } else if (GMIME_IS_MESSAGE_PART(o)) {
        read_inner_message(b, GMIME_MESSAGE_PART(o));
    } else if (GMIME_IS_PART(o)) {
        read_leaf(b, GMIME_PART(o), shown);
    }
    b->depth--;
}

/* Text for those who have only HTML, and for who wants to see it without. */
static void text_of_html(struct build *b)
{
    const struct piece p = {.octets = buf_str(&b->html), .part = "", .name = "", .place = MIME_BODY};
    size_t before = b->r->out->n_texts;
    read_html(b->r, &p);
    if (b->r->out->n_texts > before) {
        add_text(b, buf_str(&b->r->out->texts[before].text));
    }
}

static void read_author(struct build *b, GMimeMessage *m)
{
    InternetAddressList *list = g_mime_message_get_from(m);
    InternetAddress *first = list && internet_address_list_length(list) > 0 ? internet_address_list_get_address(list, 0) : NULL;
    const char *name = first ? internet_address_get_name(first) : NULL;
    b->v->from_name = one_line(name ? name : "");
}

static void build(struct build *b, GMimeMessage *m)
{
    struct view *v = b->v;
    struct {
        char **to;
        const char *name;
    } fields[] = {{&v->from, "From"}, {&v->to, "To"}, {&v->cc, "Cc"}, {&v->subject, "Subject"}, {&v->date, "Date"}, {&v->message_id, "Message-ID"}, {&v->references, "References"}};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        *fields[i].to = field_of(GMIME_OBJECT(m), fields[i].name);
    }
    read_author(b, m);
    if (g_mime_message_get_mime_part(m)) {
        read_part(b, g_mime_message_get_mime_part(m), true);
    }
    if (buf_len(&b->html) > 0 && !sanitise_html(buf_str(&b->html), b->pictures, b->n_pictures, &v->html, &v->remote) &&
        !sanitise_html(buf_str(&b->html), NULL, 0, &v->html, &v->remote)) {
        v->cut = true; /* too large even without its pictures: the text is there */
    }
    if (buf_len(&b->html) > 0 && !b->has_text) {
        text_of_html(b);
    }
}

struct view *view_of_message(struct str message)
{
    struct view *v = err_calloc(1, sizeof *v);
    struct mime_reading *reading = err_calloc(1, sizeof *reading);
    struct reader r = {.out = reading, .limits = &mime_standard_limits, .until_mono_ms = INT64_MAX, .text_left = VIEW_TEXT_MAX, .opened_left = UINT64_MAX};
    struct build b = {.v = v, .r = &r, .message = message, .html = BUF_INIT(VIEW_HTML_MAX)};
    v->text = BUF_INIT(VIEW_TEXT_MAX);
    v->html = BUF_INIT(VIEW_HTML_MAX);
    GMimeStream *in = g_mime_stream_mem_new_with_buffer(message.p, message.n);
    GMimeParser *parser = scan_limits(&r, message, "") ? g_mime_parser_new_with_stream(in) : NULL;
    GMimeMessage *m = parser ? g_mime_parser_construct_message(parser, NULL) : NULL;
    if (m) {
        build(&b, m);
        g_object_unref(m);
    } else {
        v->cut = true;
    }
    char **fields[] = {&v->from, &v->from_name, &v->to, &v->cc, &v->subject, &v->date, &v->message_id, &v->references};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        *fields[i] = *fields[i] ? *fields[i] : err_strdup("");
    }
    for (size_t i = 0; i < b.n_pictures; i++) {
        g_byte_array_free(b.picture_octets[i], TRUE);
    }
    if (parser) {
        g_object_unref(parser);
    }
    g_object_unref(in);
    buf_free(&b.html);
    mime_reading_free(reading);
    return v;
}

void view_free(struct view *v)
{
    if (!v) {
        return;
    }
    char *fields[] = {v->from, v->from_name, v->to, v->cc, v->subject, v->date, v->message_id, v->references};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        free(fields[i]);
    }
    for (size_t i = 0; i < v->n_parts; i++) {
        free(v->parts[i].name);
        free(v->parts[i].type);
    }
    free(v->parts);
    buf_wipe(&v->text);
    buf_wipe(&v->html);
    free(v);
}
