/* SPDX-License-Identifier: Apache-2.0
 * message.c: what detection reads of a message: the fields and parts of its tree (tree.c), each
 * by what it is (RFC 2045, 2046, 2047, 2231, 5322). Called by reader.c, also for messages inside
 * messages.
 *
 * What can go wrong: problems of the reading, noted there.
 */
#include "mime/body.h"
#include "mime/calendar.h"
#include "mime/inside.h"
#include "mime/kind.h"
#include "mime/sealed.h"
#include "tls/cms.h"
#include "wire/limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum {
    FIELDS_TEXT_MAX = 4 * HEADER_SECTION_MAX, /* decoded */
    PREAMBLE_MAX = 300,
    FOOTER_LINES_MAX = 40,
    FOOTER_LINE_MAX = 200,
    FOOTER_WORD_MAX = 40,
    SIGNATURE_MAX = 64 * 1024, /* with its certificates */
};

/* --- fields ------------------------------------------------------------- */

/* Those of the message itself, all that the tree has: a field that asks for protection may be
 * the last one. */
static void keep_fields(struct mime_reading *out, const struct tree_fields *fields)
{
    out->fields = err_calloc(fields->n + 1, sizeof *out->fields);
    for (size_t i = 0; i < fields->n; i++) {
        out->fields[out->n_fields++] =
            (struct mime_field){err_strdup(fields->v[i].name), err_strdup(fields->v[i].value)};
    }
}

static bool is_told_in_text(const char *name)
{
    static const char *const names[] = {
        "Subject",  "Comments",     "Keywords",
        "From",     "To",           "Cc",
        "Reply-To", "Thread-Topic", "Content-Description",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(str_c(name), str_c(names[i]))) {
            return true;
        }
    }
    return false;
}

static void add_subject(struct reader *r, const char *part, struct str value, bool attached)
{
    size_t before = r->out->n_texts;
    reader_add_text(r, attached ? MIME_ATTACHMENT : MIME_SUBJECT, part, value);
    for (; attached && before < r->out->n_texts; before++) {
        r->out->texts[before].is_attached_mail = true;
    }
}

/* The subject is a text of its own; the other fields that people write or see are one together. */
static void message_read_fields(struct reader *r, const struct tree_fields *fields,
                                const char *part, bool top, bool attached)
{
    struct buf others = BUF_INIT(FIELDS_TEXT_MAX);
    int e = 0;
    if (top) {
        keep_fields(r->out, fields);
    }
    for (size_t i = 0; i < fields->n; i++) {
        const struct tree_field *f = &fields->v[i];
        struct buf other = BUF_INIT(FIELDS_TEXT_MAX);
        /* of two, some readers show the first and some the last */
        if (str_eq_nocase(str_c(f->name), STR("Subject"))) {
            add_subject(r, part, str_c(f->value), attached);
            if (words_otherwise(r, part, str_c(f->raw), &other)) {
                add_subject(r, part, buf_str(&other), attached);
            }
        } else if (is_told_in_text(f->name) || str_starts_nocase(str_c(f->name), STR("X-"))) {
            e = buf_printf(&others, "%s: %s\n", f->name, f->value) < 0 ? -ENOSPC : e;
            if (words_otherwise(r, part, str_c(f->raw), &other)) {
                e = buf_printf(&others, "%s: " STR_FMT "\n", f->name, STR_ARG(buf_str(&other))) < 0
                        ? -ENOSPC
                        : e;
            }
        }
        buf_free(&other);
    }
    if (e < 0) {
        reader_problem(r, MIME_LIMIT, part, "more text in its fields than is read");
    }
    reader_add_text(r, MIME_ATTACHMENT, part, buf_str(&others));
    buf_free(&others);
}

/* --- the octets of a part ----------------------------------------------- */

static void join_lines(const struct part *part, struct buf *text)
{
    struct buf joined = BUF_INIT(2 * buf_len(text) + 64);
    if (part->is_flowed && part_is(part, "text/plain") &&
        flowed_join(buf_str(text), part->deletes_space, &joined) == 0) {
        buf_wipe(text);
        *text = joined;
    }
}

/* What readers see who go by the octets, where these are UTF-8 under another label. */
static void read_as_utf8(struct reader *r, const struct part *part, struct str octets,
                         enum mime_place place)
{
    if (!charset_fits_as_is(octets, part->charset)) {
        return;
    }
    struct buf text = BUF_INIT(r->text_left + 1);
    (void)!buf_add(&text,
                   str_slice(octets, 0, octets.n < r->text_left ? octets.n : (size_t)r->text_left));
    join_lines(part, &text);
    const struct piece p = {
        .octets = buf_str(&text),
        .part = part->number,
        .name = "",
        .place = place,
    };
    if (part_is(part, "text/html")) {
        read_html(r, &p);
    } else {
        reader_add_text(r, place, part->number, p.octets);
    }
    buf_wipe(&text);
}

/* As the page shows it, beside what stands there: a command may part a number or a flag. */
static void read_enriched(struct reader *r, const struct part *part, enum mime_place place,
                          struct str text)
{
    if (body_is_enriched(part)) {
        struct buf plain = BUF_INIT(text.n + 1024);
        body_without_commands(text, &plain);
        reader_add_text(r, place, part->number, buf_str(&plain));
        buf_wipe(&plain);
    }
}

static void read_text_leaf(struct reader *r, const struct part *part, struct str octets,
                           bool attachment)
{
    enum mime_place place = attachment ? MIME_ATTACHMENT : MIME_BODY;
    struct buf text = BUF_INIT(r->text_left + 1);
    charset_text(r, part->number, octets, part->charset, &text);
    join_lines(part, &text);
    const struct piece p = {
        .octets = buf_str(&text),
        .part = part->number,
        .name = part->n_names ? part->names[0] : "",
        .place = place,
    };
    if (attachment || part->n_names > 0) {
        reader_attachment(r, &p, "text");
    }
    if (part_is(part, "text/html")) {
        read_html(r, &p);
        inside_read(r, part->number, INSIDE_HTML, p.octets);
    } else {
        reader_add_text(r, place, part->number, p.octets);
        read_enriched(r, part, place, p.octets);
        inside_read(r, part->number, INSIDE_TEXT, p.octets);
    }
    buf_wipe(&text);
    read_as_utf8(r, part, octets, place);
}

static void check_encoding(struct reader *r, const struct part *p, bool sound)
{
    if (!sound || p->encoding_is_odd) {
        reader_problem(r, MIME_ENCODING, p->number, p->encoding_said ? p->encoding_said : "");
    }
}

static void message_describe(struct reader *r, const struct part *part, uint64_t octets,
                             bool attachment)
{
    struct mime_part p = {.octets = octets, .is_attachment = attachment};
    str_copy_cut(str_c(part->number), p.number, sizeof p.number);
    str_copy_cut(str_c(part->type), p.type, sizeof p.type);
    str_copy_cut(str_c(part->charset), p.charset, sizeof p.charset);
    reader_describe(r, &p);
}

/* A text of another type (text/csv, text/calendar) that says a charset which its octets do not
 * show: no file that only says to be one. UTF-8 shows; lines of a calendar may end inside its
 * characters (RFC 5545 3.1). */
static bool has_charset(const struct part *p, struct str octets)
{
    struct str set = str_c(p->charset);
    bool wide = str_starts_nocase(set, STR("utf-16")) || str_starts_nocase(set, STR("utf-32"));
    bool shows = set.n == 0 || str_starts_nocase(set, STR("utf-8")) ||
                 str_starts_nocase(set, STR("us-ascii"));
    bool is_text = str_starts_nocase(str_c(p->type), STR("text/")) && !part_is(p, "text/rtf");
    return is_text && !shows && (wide || !memchr(octets.p, '\0', octets.n));
}

/* What people write of an event, as the page shows it: the words of the mail (RFC 5545 3.8.1).
 * All of it, where it may be shown as it stands. */
static void message_read_event(struct reader *r, const struct part *part, struct str octets)
{
    struct buf joined = BUF_INIT(2 * octets.n + 1024), text = BUF_INIT(r->text_left + 1),
               words = BUF_INIT(r->text_left + 1);
    read_unfolded(octets, &joined);
    charset_text(r, part->number, buf_str(&joined), part->charset, &text);
    calendar_words(buf_str(&text), &words);
    reader_add_text(r, MIME_BODY, part->number, buf_str(&words));
    reader_add_text(r, MIME_BODY, part->number,
                    calendar_is_sound(buf_str(&text)) ? STR("") : buf_str(&text));
    buf_reset(&words);
    calendar_html(buf_str(&text), &words);
    if (buf_len(&words) > 0) {
        read_html(r, &(struct piece){
                         .octets = buf_str(&words),
                         .part = part->number,
                         .name = "",
                         .place = MIME_BODY,
                     });
    }
    buf_wipe(&joined);
    buf_wipe(&text);
    buf_wipe(&words);
}

/* What it is, and not what it says it is. is_noted: as an attachment. */
static void message_read_file(struct reader *r, const struct part *part, struct str octets,
                              bool body, bool is_noted)
{
    struct buf text = BUF_INIT(r->text_left + 1);
    bool converted = has_charset(part, octets) || body_is_enriched(part);
    if (converted) {
        charset_text(r, part->number, octets, part->charset, &text);
    }
    const struct piece p = {
        .octets = converted ? buf_str(&text) : octets,
        .part = part->number,
        .name = part->n_names ? part->names[0] : "",
        .place = body && !body_is_calendar(part) ? MIME_BODY : MIME_ATTACHMENT,
    };
    if (body && body_is_calendar(part)) {
        message_read_event(r, part, octets);
    } else if (body && part->n_names > 0 && !is_noted) {
        reader_attachment(r, &p, kind_name(kind_of(p.octets, p.name)));
    }
    reader_piece(r, &p);
    read_enriched(r, part, p.place, p.octets);
    buf_wipe(&text);
    if (converted) {
        read_as_utf8(r, part, octets, MIME_ATTACHMENT);
    }
}

/* Its other names, and what some programs show in place of a name (RFC 2183 2.3, RFC 2557 4.2,
 * RFC 2045 8). */
static void message_note_names(struct reader *r, const struct part *part, size_t first)
{
    char *shown[] = {names_beside(part, part->description), names_beside(part, part->location)};
    for (size_t i = first; i < part->n_names; i++) {
        reader_name(r, part->number, part->names[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        if (shown[i]) {
            reader_name(r, part->number, shown[i]);
        }
        free(shown[i]);
    }
}

/* What is opened, and what nobody here can open, has a name like any other file. */
static void note_file(struct reader *r, const struct part *part, struct str octets,
                      const char *type)
{
    const struct piece p = {
        .octets = octets,
        .part = part->number,
        .name = part->n_names ? part->names[0] : "",
        .place = MIME_ATTACHMENT,
    };
    reader_attachment(r, &p, type);
    message_note_names(r, part, 1);
}

/* Text as it stands there, for people. Other kinds of text are read as the files that they are. */
static bool message_is_plain(const struct part *p, bool body)
{
    static const char *const files[] = {
        "text/calendar", "text/rtf", "text/csv", "text/vcard", "text/x-vcard", "text/directory",
    };
    bool plain = part_is(p, "text/plain") || part_is(p, "text/html") ||
                 (body && strncmp(p->type, "text/", 5) == 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        plain &= !part_is(p, files[i]);
    }
    return plain;
}

/* A body that does not begin as its type does, or of a type that nobody knows: who goes by the
 * type shows it as it stands, who goes by the octets another way. */
static bool is_odd(const struct part *p, struct str octets)
{
    /* these have ways of their own */
    bool known = part_is(p, "text/plain") || body_is_html(p) || body_is_calendar(p);
    enum kind kind = known ? KIND_TEXT : kind_of(octets, ""),
              right = body_is_rtf(p) ? KIND_RTF : KIND_TEXT;
    bool is_words =
        kind == KIND_HTML || kind == KIND_CALENDAR || kind == KIND_MESSAGE || kind == KIND_RTF;
    return kind != right && is_words;
}

/* A message inside a part: encoded, or signed in a part of another type. True: it was read. */
static bool read_wrapped(struct reader *r, const struct part *part, struct str octets)
{
    struct buf content = BUF_INIT(READ_PACKED_MAX);
    struct nested_place place;
    bool message = tree_is_encoded_message(part) && octets.n > 0;
    bool opened = !message && body_open(r, part, &content, &place) == 0;
    if (message || opened) {
        struct str inside = opened ? buf_str(&content) : octets;
        note_file(r, part, octets, "message");
        bool outer = r->in_attached_mail;
        r->in_attached_mail |= message;
        if (reader_open_octets(r, part->number, inside.n) && reader_deeper(r, part->number)) {
            read_message(r, inside, part->number, false);
        }
        r->in_attached_mail = outer;
    }
    buf_wipe(&content);
    return message || opened;
}

/* Its readers have a program for what is encrypted; what only says to be is a text that they may
 * find. */
static bool is_said_to_be_sealed(const struct tree *tree, const struct part *p)
{
    const struct part *around = &tree->parts[p->parent];
    return around != p && part_is(around, "multipart/encrypted") && !sealed_is_control(p);
}

/* Behind empty lines too many: some programs take the fields of a message for the text, some
 * read on. */
static bool has_fields_in_text(struct str octets)
{
    struct str s = str_trim_lines(octets);
    return str_starts_nocase(s, STR("Content-Type:")) ||
           str_starts_nocase(s, STR("Content-Transfer-Encoding:")) ||
           str_starts_nocase(s, STR("MIME-Version:"));
}

/* What readers see who take the encoding otherwise: the octets as they stand, and as each
 * encoding has them. */
static void read_otherwise(struct reader *r, const struct part *p)
{
    static const enum transfer others[] = {TRANSFER_AS_IS, TRANSFER_QUOTED, TRANSFER_BASE64};
    for (size_t i = 0; i < ARRAY_LEN(others) && p->encoding_is_odd; i++) {
        struct buf octets = BUF_INIT(2 * p->raw.n + 1024);
        if (others[i] == p->encoding || !reader_open_octets(r, p->number, p->raw.n)) {
            continue;
        }
        (void)!transfer_read_all(others[i], p->raw, &octets, NULL);
        const struct piece piece = {
            .octets = buf_str(&octets),
            .part = p->number,
            .name = "",
            .place = MIME_BODY,
        };
        if (others[i] == TRANSFER_BASE64) { /* of another text it makes noise */
            read_strings(r, &piece);
        } else {
            struct buf text = BUF_INIT(r->text_left + 1);
            charset_text(r, p->number, piece.octets, p->charset, &text);
            reader_add_text(r, MIME_BODY, p->number, buf_str(&text));
            buf_wipe(&text);
        }
        buf_wipe(&octets);
    }
}

/* The signature beside a signed text (RFC 8551 3.5.3): S/MIME without content of its own, of
 * which no reader is shown anything. */
static bool is_signature(const struct tree *t, const struct part *p, struct str octets)
{
    bool said =
        part_is(p, "application/pkcs7-signature") || part_is(p, "application/x-pkcs7-signature");
    bool beside = p->depth > 0 && part_is(&t->parts[p->parent], "multipart/signed");
    return said && beside && octets.n <= SIGNATURE_MAX && cms_is_detached(octets);
}

/* A text goes by its declared charset; everything else by its octets. */
static void read_leaf(struct reader *r, const struct tree *tree, const struct part *part, bool body)
{
    struct buf octets = BUF_INIT(2 * part->raw.n + 1024);
    bool sound, attachment = !body && (part->n_names > 0 || part->disposition == PART_ATTACHMENT);
    (void)!tree_octets(part, &octets, &sound);
    check_encoding(r, part, sound);
    struct str o = buf_str(&octets);
    r->out->parts++;
    message_describe(r, part, o.n, attachment);
    read_otherwise(r, part);
    if (body && has_fields_in_text(o)) {
        reader_problem(r, MIME_HEADER, part->number, "");
    }
    if (read_wrapped(r, part, o)) {
        buf_wipe(&octets);
        return;
    }
    if (is_signature(tree, part, o)) {
        note_file(r, part, o, "signature");
        read_strings(r, &(struct piece){
                            .octets = o,
                            .part = part->number,
                            .name = "",
                            .place = MIME_ATTACHMENT,
                        });
        buf_wipe(&octets);
        return;
    }
    enum seal seal = body ? SEAL_NONE : sealed_octets(o);
    if (seal != SEAL_NONE) {
        reader_problem(r, MIME_PASSWORD, part->number,
                       seal == SEAL_SMIME ? "encrypted with S/MIME" : "encrypted with OpenPGP");
    } else if (is_said_to_be_sealed(tree, part)) {
        reader_problem(r, MIME_DAMAGED, part->number, "said to be encrypted, and is not");
        reader_add_text(r, MIME_BODY, part->number, body ? STR("") : o);
    }
    if (o.n == 0 && part->n_names > 0) { /* of an empty file there is its name */
        note_file(r, part, o, "text");
    } else {
        message_note_names(r, part, 1);
    }
    if (o.n > 0 && reader_open_octets(r, part->number, o.n)) {
        bool shown = message_is_plain(part, body), odd = body && is_odd(part, o),
             as_text = shown || odd;
        if (as_text) {
            read_text_leaf(r, part, o, attachment);
        }
        if (!shown || odd || memchr(o.p, '\0', o.n) || str_starts_nocase(o, STR("%PDF-")) ||
            str_starts_nocase(o, STR("{\\rtf"))) {
            message_read_file(r, part, o, body && (!shown || odd), as_text);
        }
    }
    buf_wipe(&octets);
}

/* --- structure ---------------------------------------------------------- */

/* Nothing of which a reader could be made to see something else: printable ASCII, no field of a
 * part, no boundary, no word that looks encoded. Strokes are neither. */
static bool is_footer_line(struct str line)
{
    struct str l = str_trim(line), word = str_slice(l, 0, str_find(l, ' ', 0));
    size_t letters = 0;
    for (size_t i = 0; i < l.n; i++) {
        unsigned char c = (unsigned char)l.p[i];
        letters += i < word.n && isalnum(c);
        if ((c < ' ' && c != '\t') || c > '~') {
            return false;
        }
    }
    bool is_boundary = str_starts_nocase(l, STR("--")) && word.n == l.n && letters > 0;
    bool is_address = memmem(word.p, word.n, "://", 3) || memchr(word.p, '@', word.n);
    bool looks_encoded = letters > FOOTER_WORD_MAX && !is_address;
    return line.n <= FOOTER_LINE_MAX && !is_boundary && !str_starts_nocase(l, STR("Content-")) &&
           !looks_encoded;
}

/* What Majordomo, LISTSERV, ezmlm and Yahoo Groups put behind the last boundary of any mail. */
static bool is_footer(struct str text)
{
    struct str rest = text, line;
    size_t lines = 0;
    bool fits = true;
    while (fits && rest.n > 0 && str_split(&rest, '\n', &line)) {
        fits = ++lines <= FOOTER_LINES_MAX && is_footer_line(line);
    }
    return fits;
}

/* Mail programs put a line there for people without MIME; anything else is a place to hide a
 * text in. Its text is read always. */
static void read_outside(struct reader *r, const char *text, const char *number, bool may_be_footer)
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
        reader_problem(r, may_be_footer && is_footer(t) ? MIME_FOOTER : MIME_OUTSIDE, number, "");
    }
}

/* Where an empty line is missing, the text begins among the fields. */
static void message_read_stray(struct reader *r, const char *text, const char *number)
{
    struct buf plain = BUF_INIT(r->text_left + 1);
    if (text) {
        reader_problem(r, MIME_HEADER, number, "");
        charset_text(r, number, str_c(text), NULL, &plain);
        reader_add_text(r, MIME_BODY, number, buf_str(&plain));
    }
    buf_wipe(&plain);
}

static void message_read_multipart(struct reader *r, const struct part *p)
{
    read_outside(r, p->before, p->number, false);
    read_outside(r, p->behind, p->number, p->depth == 0);
    if (p->n_children == 0) {
        reader_problem(r, MIME_BOUNDARY, p->number, "a multipart without parts");
    }
}

/* No S/MIME at all: a message, a text or a file that its readers may find. */
static void read_mislabelled(struct reader *r, const struct part *p, struct str octets)
{
    bool message = str_starts_nocase(octets, STR("Content-")) ||
                   str_starts_nocase(octets, STR("MIME-Version:"));
    bool cut = octets.n > 0 && octets.p[0] == 0x30; /* the beginning of some */
    reader_problem(r, cut ? MIME_OPAQUE : MIME_DAMAGED, p->number,
                   cut ? "" : "said to be S/MIME, and is not");
    if (message && reader_deeper(r, p->number)) {
        read_message(r, octets, p->number, false);
    } else {
        const char *name = p->n_names ? p->names[0] : "";
        reader_piece(r, &(struct piece){
                            .octets = octets,
                            .part = p->number,
                            .name = name,
                            .place = MIME_BODY,
                        });
    }
}

/* application/pkcs7-mime (RFC 8551), by what it is; its smime-type is what somebody says. */
static void read_pkcs7(struct reader *r, const struct part *p)
{
    struct buf octets = BUF_INIT(p->raw.n + 1), content = BUF_INIT(READ_PACKED_MAX);
    struct nested_place place;
    bool sound;
    (void)!tree_octets(p, &octets, &sound);
    struct str o = buf_str(&octets);
    r->out->parts++;
    message_describe(r, p, o.n, true);
    message_note_names(r, p, 0);
    if (sealed_octets(o) == SEAL_SMIME) {
        reader_problem(r, MIME_PASSWORD, p->number, "encrypted with S/MIME");
    } else if (body_open(r, p, &content, &place) == 0) {
        /* RFC 8551 3.5.2, 3.6: the text lies inside the signature, or compressed */
        if (reader_open_octets(r, p->number, buf_len(&content)) && reader_deeper(r, p->number)) {
            read_message(r, buf_str(&content), p->number, false);
        }
    } else if (!cms_is_any(o)) {
        read_mislabelled(r, p, o);
    } else if (!str_eq_nocase(str_c(p->smime_type), STR("certs-only"))) {
        reader_problem(r, MIME_OPAQUE, p->number, "");
    }
    buf_wipe(&content);
    buf_wipe(&octets);
}

static void message_read_part(struct reader *r, const struct tree *tree, const struct part *p,
                              bool body)
{
    switch (p->kind) {
    case PART_MULTIPART:
        message_read_multipart(r, p);
        break;
    case PART_POINTER:
        reader_problem(r, MIME_PARTIAL, p->number, "");
        message_describe(r, p, p->raw.n, true);
        r->out->parts++;
        break;
    case PART_MESSAGE:
        r->out->parts++;
        message_describe(r, p, p->raw.n, true);
        note_file(r, p, p->raw, "message");
        message_read_fields(r, &p->fields, p->number, false, true);
        message_read_stray(r, p->stray, p->number);
        break;
    case PART_LEAF:
        if (part_is(p, "application/pkcs7-mime") || part_is(p, "application/x-pkcs7-mime")) {
            read_pkcs7(r, p);
        } else {
            read_leaf(r, tree, p, body);
        }
        break;
    }
}

static bool is_in_attached_mail(const struct tree *t, const struct part *p)
{
    while (p->depth > 0 && p->kind != PART_MESSAGE) {
        p = &t->parts[p->parent];
    }
    return p->kind == PART_MESSAGE;
}

void read_message(struct reader *r, struct str octets, const char *number, bool top)
{
    struct tree *tree = tree_read(r, octets, number);
    unsigned depth = r->depth;
    bool outer = r->in_attached_mail;
    if (!tree) {
        r->stopped |= top;
        return;
    }
    message_read_fields(r, &tree->fields, number, top, r->in_attached_mail);
    message_read_stray(r, tree->stray, number);
    bool has_none = body_has_none(r, tree);
    r->out->encryption = top ? sealed_message(tree) : r->out->encryption;
    for (size_t i = 0; i < tree->n && !reader_is_over(r); i++) {
        r->depth = depth + tree->parts[i].depth + 1;
        r->in_attached_mail = outer || is_in_attached_mail(tree, &tree->parts[i]);
        message_read_part(r, tree, &tree->parts[i], body_is_read(tree, &tree->parts[i], has_none));
    }
    r->in_attached_mail = outer;
    r->depth = depth;
    tree_free(tree);
}
