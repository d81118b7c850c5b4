/* SPDX-License-Identifier: Apache-2.0
 * message.c: a message and its parts, by GMime (RFC 2045, 2046, 2047, 2231, 5322). Called by reader.c, also for
 * messages inside messages. One of two files here that know GMime.
 *
 * GMime reads what other programs read, and warns of what they may read otherwise: each warning that matters is a
 * problem of the reading. What can go wrong: hostile structure (scan.c counts before GMime builds anything).
 */
#include "base/map.h"
#include "mime/reader.h"
#include "wire/header.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIELDS_MAX = 500, FIELD_VALUE_MAX = 64 * 1024, PREAMBLE_MAX = 300 };

struct walk {
    struct reader *r;
    const char *part; /* of the message: parts are numbered below it */
};

static void on_warning(gint64 offset, GMimeParserWarning what, const gchar *item, gpointer data)
{
    struct walk *w = data;
    (void)offset;
    switch (what) {
    case GMIME_WARN_DUPLICATED_HEADER:
    case GMIME_CRIT_CONFLICTING_HEADER:
    case GMIME_WARN_DUPLICATED_PARAMETER:
    case GMIME_CRIT_CONFLICTING_PARAMETER:
    case GMIME_WARN_INVALID_CONTENT_TYPE:
        reader_problem(w->r, MIME_FIELD, w->part, item ? item : "");
        break;
    case GMIME_CRIT_INVALID_HEADER_NAME:
    case GMIME_WARN_MALFORMED_MESSAGE:
        reader_problem(w->r, MIME_HEADER, w->part, "");
        break;
    case GMIME_WARN_MALFORMED_MULTIPART:
    case GMIME_CRIT_MULTIPART_WITHOUT_BOUNDARY:
    case GMIME_WARN_TRUNCATED_MESSAGE:
    case GMIME_CRIT_PART_WITHOUT_HEADERS_OR_CONTENT:
        reader_problem(w->r, MIME_BOUNDARY, w->part, "");
        break;
    case GMIME_CRIT_NESTING_OVERFLOW:
        reader_problem(w->r, MIME_LIMIT, w->part, "multiparts inside multiparts, too deep");
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
    g_mime_init();
    charset_init();
}

/* --- fields ---------------------------------------------------------------------------------------------- */

static void keep_field(struct reader *r, const char *name, const char *value)
{
    struct mime_reading *out = r->out;
    if (out->n_fields == FIELDS_MAX) {
        return;
    }
    if (!out->fields) {
        out->fields = err_calloc(FIELDS_MAX, sizeof *out->fields);
    }
    out->fields[out->n_fields++] = (struct mime_field){err_strdup(name), str_dup(str_slice(str_c(value), 0, strnlen(value, FIELD_VALUE_MAX)))};
}

static bool is_told_in_text(const char *name)
{
    static const char *const names[] = {"Subject", "Comments", "Keywords", "From", "To", "Cc", "Reply-To", "Thread-Topic", "Content-Description"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(str_c(name), str_c(names[i]))) {
            return true;
        }
    }
    return false;
}

/* The subject is a text of its own; the other fields that people write or see are one together. */
static void read_fields(struct reader *r, GMimeObject *message, const char *part, bool top)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(message);
    struct buf others = BUF_INIT(FIELD_VALUE_MAX);
    bool has_subject = false;
    for (int i = 0; i < g_mime_header_list_get_count(list); i++) {
        GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
        const char *name = g_mime_header_get_name(h), *raw = g_mime_header_get_raw_value(h);
        char *value = g_strstrip(g_mime_utils_header_decode_text(NULL, raw ? raw : ""));
        if (top) {
            keep_field(r, name, value);
        }
        if (str_eq_nocase(str_c(name), STR("Subject")) && !has_subject) {
            has_subject = true;
            reader_add_text(r, top ? MIME_SUBJECT : MIME_ATTACHMENT, part, str_c(value));
        } else if (is_told_in_text(name) || str_starts_nocase(str_c(name), STR("X-"))) {
            (void)!buf_printf(&others, "%s: %s\n", name, value);
        }
        g_free(value);
    }
    reader_add_text(r, MIME_ATTACHMENT, part, buf_str(&others));
    buf_free(&others);
}

/* --- the octets of a part -------------------------------------------------------------------------------- */

static bool base64_is_sound(struct str raw)
{
    bool padding = false;
    size_t letters = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i], low = str_lower(c);
        if (c == '\r' || c == '\n' || c == ' ' || c == '\t') {
            continue;
        }
        bool letter = (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
        if (!(letter || c == '=') || (padding && letter)) {
            return false;
        }
        padding |= c == '=';
        letters++;
    }
    return letters % 4 == 0;
}

static bool quoted_is_sound(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '=') {
            char a = i + 1 < raw.n ? str_lower(raw.p[i + 1]) : '\n', b = i + 2 < raw.n ? str_lower(raw.p[i + 2]) : '\n';
            bool hex = ((a >= '0' && a <= '9') || (a >= 'a' && a <= 'f')) && ((b >= '0' && b <= '9') || (b >= 'a' && b <= 'f'));
            if (!hex && a != '\r' && a != '\n' && a != ' ' && a != '\t') {
                return false;
            }
        }
    }
    return true;
}

static GByteArray *octets_of(GMimeDataWrapper *content, bool decoded)
{
    GByteArray *octets = g_byte_array_new();
    GMimeStream *out = g_mime_stream_mem_new_with_byte_array(octets);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(out), FALSE);
    if (decoded) {
        g_mime_data_wrapper_write_to_stream(content, out);
    } else {
        GMimeStream *in = g_mime_data_wrapper_get_stream(content);
        g_mime_stream_reset(in);
        g_mime_stream_write_to_stream(in, out);
    }
    g_mime_stream_flush(out);
    g_object_unref(out);
    return octets;
}

static void check_encoding(struct reader *r, GMimePart *part, GMimeDataWrapper *content, const char *number)
{
    const char *named = g_mime_object_get_header(GMIME_OBJECT(part), "Content-Transfer-Encoding");
    GMimeContentEncoding encoding = g_mime_part_get_content_encoding(part);
    bool sound = true;
    if (encoding == GMIME_CONTENT_ENCODING_BASE64 || encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE) {
        GByteArray *raw = octets_of(content, false);
        struct str octets = str_from((const char *)raw->data, raw->len);
        sound = encoding == GMIME_CONTENT_ENCODING_BASE64 ? base64_is_sound(octets) : quoted_is_sound(octets);
        g_byte_array_free(raw, TRUE);
    } else if (encoding == GMIME_CONTENT_ENCODING_DEFAULT && named) {
        sound = str_trim(str_c(named)).n == 0;
    }
    if (!sound) {
        reader_problem(r, MIME_ENCODING, number, named ? named : "");
    }
}

/* True when the whole text is one PGP message: nothing around it but blank lines. */
static bool is_inline_pgp(struct str text)
{
    static const char begin[] = "-----BEGIN PGP MESSAGE-----", end[] = "-----END PGP MESSAGE-----";
    while (text.n > 0 && (unsigned char)text.p[0] <= ' ') {
        text = str_slice(text, 1, text.n);
    }
    while (text.n > 0 && (unsigned char)text.p[text.n - 1] <= ' ') {
        text.n--;
    }
    return text.n > sizeof begin + sizeof end && str_starts_nocase(text, str_c(begin)) && str_ends_nocase(text, str_c(end)) &&
           !memmem(text.p + 1, text.n - 1, begin, sizeof begin - 1);
}

struct leaf {
    GMimePart *part;
    const char *number, *name;
    bool attachment;
};

static void read_text_leaf(struct reader *r, const struct leaf *l, struct str octets)
{
    const char *charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(l->part), "charset");
    enum mime_place place = l->attachment ? MIME_ATTACHMENT : MIME_BODY;
    GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(l->part));
    struct buf text = BUF_INIT(r->text_left + 1);
    charset_text(r, l->number, octets, charset, &text);
    const struct piece p = {.octets = buf_str(&text), .part = l->number, .name = l->name, .place = place};
    if (!l->attachment && is_inline_pgp(p.octets) && r->out->encryption == MIME_CLEAR && r->out->parts <= 1) {
        r->out->encryption = MIME_PGP_INLINE;
    }
    if (l->attachment) {
        reader_attachment(r, &p, "text");
    }
    if (g_mime_content_type_is_type(type, "text", "html")) {
        read_html(r, &p);
    } else {
        reader_add_text(r, place, l->number, p.octets);
    }
    buf_wipe(&text);
}

/* A text that a person sees goes by its declared charset; everything else by its octets. */
static void read_leaf(struct reader *r, GMimePart *part, const char *number)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
    const char *name = g_mime_part_get_filename(part);
    GMimeContentDisposition *disposition = g_mime_object_get_content_disposition(GMIME_OBJECT(part));
    struct leaf l = {part, number, name ? name : "",
                     name || (disposition && g_mime_content_disposition_is_attachment(disposition))};
    if (!content) {
        return;
    }
    check_encoding(r, part, content, number);
    GByteArray *octets = octets_of(content, true);
    struct str o = str_from((const char *)octets->data, octets->len);
    r->out->parts++;
    if (o.n > 0 && reader_open_octets(r, number, o.n)) {
        bool shown = g_mime_content_type_is_type(type, "text", "plain") || g_mime_content_type_is_type(type, "text", "html");
        if (shown) {
            read_text_leaf(r, &l, o);
        }
        if (!shown || memchr(o.p, '\0', o.n) || str_starts_nocase(o, STR("%PDF-")) || str_starts_nocase(o, STR("{\\rtf"))) {
            const struct piece p = {.octets = o, .part = number, .name = l.name, .place = MIME_ATTACHMENT};
            reader_piece(r, &p); /* what it is, and not what it says it is */
        }
    }
    g_byte_array_free(octets, TRUE);
}

/* --- structure ---------------------------------------------------------------------------------------------- */

/* Mail programs put a line there for people without MIME; anything else is a place to hide a text in. */
static void read_outside(struct reader *r, const char *text, const char *number)
{
    struct str t = str_trim(str_c(text));
    bool blank = true;
    for (size_t i = 0; i < t.n && blank; i++) {
        blank = (unsigned char)t.p[i] <= ' ';
    }
    if (blank) {
        return;
    }
    reader_add_text(r, MIME_BODY, number, t);
    if (t.n > PREAMBLE_MAX || !memmem(t.p, t.n, "MIME", 4)) {
        reader_problem(r, MIME_OUTSIDE, number, "");
    }
}

static void read_object(struct reader *r, GMimeObject *object, const char *number);

static void read_multipart(struct reader *r, GMimeMultipart *m, const char *number)
{
    char below[MIME_PART];
    int n = g_mime_multipart_get_count(m);
    read_outside(r, g_mime_multipart_get_prologue(m), number);
    read_outside(r, g_mime_multipart_get_epilogue(m), number);
    for (int i = 0; i < n && !reader_is_over(r); i++) {
        snprintf(below, sizeof below, "%.17s%s%d", number, number[0] ? "." : "", i + 1);
        read_object(r, g_mime_multipart_get_part(m, i), below);
    }
    if (n == 0) {
        reader_problem(r, MIME_BOUNDARY, number, "a multipart without parts");
    }
}

/* Content-Type: application/pkcs7-mime; smime-type=enveloped-data (RFC 8551). */
static void read_pkcs7(struct reader *r, GMimeObject *object, const char *number, bool whole)
{
    const char *kind = g_mime_object_get_content_type_parameter(object, "smime-type");
    r->out->parts++;
    if (kind && (str_eq_nocase(str_c(kind), STR("enveloped-data")) || str_eq_nocase(str_c(kind), STR("authEnveloped-data")))) {
        if (whole && r->out->encryption == MIME_CLEAR) {
            r->out->encryption = MIME_SMIME;
        }
        reader_problem(r, MIME_PASSWORD, number, "encrypted with S/MIME");
    } else if (!kind || !str_eq_nocase(str_c(kind), STR("certs-only"))) {
        reader_problem(r, MIME_OPAQUE, number, "");
    }
}

static void read_inner_message(struct reader *r, GMimeMessagePart *part, const char *number)
{
    GMimeMessage *inner = g_mime_message_part_get_message(part);
    if (!inner) {
        reader_problem(r, MIME_DAMAGED, number, "a message without octets");
        return;
    }
    r->out->parts++;
    read_fields(r, GMIME_OBJECT(inner), number, false);
    if (g_mime_message_get_mime_part(inner)) {
        char below[MIME_PART];
        snprintf(below, sizeof below, "%.20s.1", number);
        read_object(r, g_mime_message_get_mime_part(inner), below);
    }
}

static void read_object(struct reader *r, GMimeObject *object, const char *number)
{
    GMimeContentType *type = g_mime_object_get_content_type(object);
    bool whole = r->out->parts == 0;
    if (reader_is_over(r) || !reader_deeper(r, number)) {
        return;
    }
    if (GMIME_IS_MULTIPART(object)) {
        if (GMIME_IS_MULTIPART_ENCRYPTED(object)) {
            r->out->encryption = whole ? MIME_PGP : r->out->encryption;
            reader_problem(r, MIME_PASSWORD, number, "encrypted with PGP");
        }
        read_multipart(r, GMIME_MULTIPART(object), number);
    } else if (GMIME_IS_MESSAGE_PARTIAL(object) || g_mime_content_type_is_type(type, "message", "external-body")) {
        reader_problem(r, MIME_PARTIAL, number, "");
        r->out->parts++;
    } else if (GMIME_IS_MESSAGE_PART(object)) {
        read_inner_message(r, GMIME_MESSAGE_PART(object), number);
    } else if (g_mime_content_type_is_type(type, "application", "pkcs7-mime") ||
               g_mime_content_type_is_type(type, "application", "x-pkcs7-mime")) {
        read_pkcs7(r, object, number, whole);
    } else if (GMIME_IS_PART(object)) {
        read_leaf(r, GMIME_PART(object), number);
    }
    r->depth--;
}

void read_message(struct reader *r, struct str octets, const char *part, bool top)
{
    struct walk w = {r, part};
    if (!scan_limits(r, octets, part)) {
        r->stopped = top;
        return;
    }
    GMimeStream *in = g_mime_stream_mem_new_with_buffer(octets.p, octets.n);
    GMimeParser *parser = g_mime_parser_new_with_stream(in);
    GMimeParserOptions *options = g_mime_parser_options_new();
#if GMIME_CHECK_VERSION(3, 2, 15) /* Debian 13 */
    g_mime_parser_options_set_warning_callback(options, on_warning, &w, NULL);
#else
    g_mime_parser_options_set_warning_callback(options, on_warning, &w);
#endif
    GMimeMessage *message = g_mime_parser_construct_message(parser, options);
    if (message) {
        read_fields(r, GMIME_OBJECT(message), part, top);
        if (g_mime_message_get_mime_part(message)) {
            char below[MIME_PART];
            snprintf(below, sizeof below, "%.20s%s", part, part[0] ? ".1" : "");
            read_object(r, g_mime_message_get_mime_part(message), below);
        }
        g_object_unref(message);
    } else {
        reader_problem(r, MIME_HEADER, part, "no message at all");
    }
    g_mime_parser_options_free(options);
    g_object_unref(parser);
    g_object_unref(in);
}
