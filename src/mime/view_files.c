/* SPDX-License-Identifier: Apache-2.0
 * view_files.c: what a reader can save of a message: its attachments, messages inside it, files
 * inside a text or winmail.dat (view_build.h). Called by view.c.
 *
 * Octets are not copied: the tree knows where they lie.
 */
#include "mime/body.h"
#include "mime/fields.h"
#include "mime/inside.h"
#include "mime/kind.h"
#include "mime/view_build.h"
#include "tls/sign.h"

#include <stdio.h>
#include <stdlib.h>

enum { SUBJECT_NAME = 80 /* octets of a subject as a name */ };

/* A name for something that has none: by its number and kind. */
static char *made_up_name(const struct build *b, const char *type)
{
    static const struct {
        const char *type, *end;
    } ends[] = {
        {"text/html", ".html"},
        {"text/plain", ".txt"},
        {"text/calendar", ".ics"},
        {"application/pdf", ".pdf"},
        {"image/jpeg", ".jpg"},
        {"image/png", ".png"},
        {"message/rfc822", ".eml"},
        {"message/global", ".eml"},
        {"application/pgp-signature", ".asc"},
        {"application/pkcs7-signature", ".p7s"},
    };
    const char *end = ".bin";
    char name[64];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        end = strcmp(type, ends[i].type) == 0 ? ends[i].end : end;
    }
    snprintf(name, sizeof name, "attachment-%zu%s", b->v->n_parts + 1, end);
    return err_strdup(name);
}

/* "Subject.eml": an attached message as mail programs save it; NULL: it has no subject. The
 * caller frees it. */
static char *name_of_message(const struct tree_fields *fields)
{
    char *subject = view_value(fields, "Subject"), *clean = tree_clean_name(str_c(subject));
    struct str name = str_c(clean ? clean : "");
    while (name.n > SUBJECT_NAME || (name.n > 0 && name.n < strlen(clean) &&
                                     ((unsigned char)clean[name.n] & 0xc0) == 0x80)) {
        name.n--;
    }
    name = str_trim(name);
    struct buf whole = BUF_INIT(SUBJECT_NAME + 8);
    (void)!buf_printf(&whole, STR_FMT ".eml", STR_ARG(name));
    char *ret = name.n > 0 ? str_dup(buf_str(&whole)) : NULL;
    for (char *p = ret; p && *p; p++) {
        *p = strchr("/\\:*?\"<>|", *p) ? '_' : *p;
    }
    buf_free(&whole);
    free(subject);
    free(clean);
    return ret;
}

/* What nobody said, or as "octets": by how its name ends, where the octets begin as such a file
 * does. */
static const char *type_of_file(const char *said, const char *name, struct str octets)
{
    static const struct {
        const char *end;
        enum kind kind;
        const char *type;
    } files[] = {
        {".docx", KIND_ZIP,
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
        {".xlsx", KIND_ZIP, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
        {".pptx", KIND_ZIP,
         "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
        {".odt", KIND_ZIP, "application/vnd.oasis.opendocument.text"},
        {".ods", KIND_ZIP, "application/vnd.oasis.opendocument.spreadsheet"},
        {".odp", KIND_ZIP, "application/vnd.oasis.opendocument.presentation"},
        {".zip", KIND_ZIP, "application/zip"},
        {".doc", KIND_OLE, "application/msword"},
        {".xls", KIND_OLE, "application/vnd.ms-excel"},
        {".ppt", KIND_OLE, "application/vnd.ms-powerpoint"},
        {".msg", KIND_OLE, "application/vnd.ms-outlook"},
        {".rtf", KIND_RTF, "application/rtf"},
        {".txt", KIND_TEXT, "text/plain"},
        {".csv", KIND_TEXT, "text/csv"},
        {"", KIND_CALENDAR, "text/calendar"},
        {"", KIND_PDF, "application/pdf"},
    };
    const char *picture = view_picture_type(octets);
    if (said[0] && strcmp(said, "application/octet-stream") != 0) {
        return said;
    }
    enum kind kind = kind_of(octets, name);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (kind == files[i].kind && str_ends_nocase(str_c(name), str_c(files[i].end))) {
            return files[i].type;
        }
    }
    return picture ? picture : "application/octet-stream";
}

/* What lies at these places, one inside the other; octets: what is there, decoded. */
static void attach_at(struct build *b, const struct nested_place *places, unsigned n,
                      const char *name, const char *type, struct str octets)
{
    struct view *v = b->v;
    if (v->n_parts == VIEW_PARTS_MAX || n > NESTED_MAX) {
        v->cut = true; /* it is in the original, which can be had as a whole */
        return;
    }
    struct view_part p = {
        .type = fields_line(type_of_file(type, name, octets)),
        .at = places[0].at,
        .octets = places[0].octets,
        .encoding = places[0].encoding,
        .n_inner = n - 1,
        .size = octets.n,
        .within = b->within,
    };
    memcpy(p.inner, places + 1, (n - 1) * sizeof *places);
    if (octets.n == 0) { /* an empty file lies nowhere */
        p.at = p.octets = p.n_inner = 0;
    }
    p.name = fields_line(name);
    /* none, or one of nothing that can be seen: "begin 644" and control characters */
    if (str_trim(str_c(p.name)).n == 0) {
        free(p.name);
        p.name = made_up_name(b, p.type);
    }
    tls_sha256(octets, p.sha256);
    v->parts = realloc(v->parts, (v->n_parts + 1) * sizeof *v->parts);
    must(v->parts);
    v->parts[v->n_parts++] = p;
}

struct nested_place view_place_of(const struct build *b, const struct part *part)
{
    return (struct nested_place){(uint64_t)(part->raw.p - b->message.p), part->raw.n,
                                 part->encoding};
}

/* One more place inside those around. */
unsigned view_places_with(const struct build *b, const struct nested_place *one, size_t n,
                          struct nested_place ret[NESTED_MAX])
{
    for (size_t i = 0; i < b->n_around + n && i < NESTED_MAX; i++) {
        ret[i] = i < b->n_around ? b->around[i] : one[i - b->n_around];
    }
    return b->n_around + (unsigned)n;
}

/* Its number in the view, 0: it is not there. */
static unsigned attach(struct build *b, size_t i, struct str octets)
{
    const struct part *part = &b->tree->parts[i];
    struct nested_place places[NESTED_MAX], own = view_place_of(b, part);
    const struct tree_fields *fields = part->kind == PART_MESSAGE ? &part->fields
                                       : tree_is_encoded_message(part) && b->inner[i]
                                           ? &b->inner[i]->tree->fields
                                           : NULL;
    size_t before = b->v->n_parts;
    b->v->cut |= b->has_no_place;
    if (!b->has_no_place) {
        char *subject = part->n_names == 0 && fields ? name_of_message(fields) : NULL;
        unsigned n = view_places_with(b, &own, 1, places);
        attach_at(b, places, n,
                  part->n_names > 0 ? part->names[0]
                  : subject         ? subject
                                    : "",
                  part->type, octets);
        free(subject);
    }
    bool there = b->v->n_parts > before;
    if (there) {
        b->v->parts[before].is_cut = part->is_cut;
    }
    return there ? (unsigned)b->v->n_parts : 0;
}

/* "BM", and a header of one of the sizes that there are. */
static bool is_bmp(struct str o)
{
    static const unsigned char sizes[] = {12, 16, 40, 52, 56, 64, 108, 124};
    bool begins = o.n > 26 && memcmp(o.p, "BM", 2) == 0 && memcmp(o.p + 15, "\0\0\0", 3) == 0;
    return begins && memchr(sizes, (unsigned char)o.p[14], sizeof sizes);
}

const char *view_picture_type(struct str o)
{
    return o.n > 8 && memcmp(o.p, "\x89PNG\r\n\x1a\n", 8) == 0 ? "image/png"
           : o.n > 3 && memcmp(o.p, "\xff\xd8\xff", 3) == 0    ? "image/jpeg"
           : o.n > 6 && (memcmp(o.p, "GIF87a", 6) == 0 || memcmp(o.p, "GIF89a", 6) == 0)
               ? "image/gif"
           : o.n > 12 && memcmp(o.p, "RIFF", 4) == 0 && memcmp(o.p + 8, "WEBP", 4) == 0
               ? "image/webp"
           : is_bmp(o) ? "image/bmp"
                       : NULL;
}

/* Keeps a picture for the HTML; the octets are then taken. part: NULL where it is none. */
static void keep_picture(struct build *b, const struct part *part, struct picture one,
                         struct buf *octets)
{
    struct str o = buf_str(octets);
    bool fits = b->n_pictures < PICTURES_MAX && b->picture_total + o.n <= VIEW_PICTURES_MAX;
    one.type = view_picture_type(o);
    one.octets = o;
    one.used = &b->picture_used[b->n_pictures];
    if ((!one.cid && !one.location) || !one.type || !fits) {
        return;
    }
    b->picture_total += o.n;
    b->picture_octets[b->n_pictures] = *octets;
    b->picture_parts[b->n_pictures] = part;
    b->pictures[b->n_pictures++] = one;
    *octets = BUF_INIT(1);
}

/* uuencode: zeros at the ends of lines may have been taken for blanks and lost */
enum { INSIDE_GROWTH = 2 };

/* A file that lies in what the text decodes to. A picture is seen in the HTML, or lies in a
 * contact that can be saved: false. */
static bool attach_inside_file(struct build *b, const struct part *p, struct str text,
                               enum inside kind, const struct inside_file *f)
{
    struct nested_place places[NESTED_MAX], own = view_place_of(b, p);
    struct nested_place two[] = {own, {(uint64_t)(f->octets.p - text.p), f->octets.n, f->encoding}};
    struct nested_place one = {own.at + two[1].at, f->octets.n, f->encoding};
    struct buf octets = BUF_INIT(INSIDE_GROWTH * f->octets.n + 1);
    bool plain = p->encoding == TRANSFER_AS_IS, sound = inside_octets(f, &octets) == 0;
    bool is_picture = kind != INSIDE_TEXT && view_picture_type(buf_str(&octets));
    /* it stands in the text */
    b->v->cut |= !is_picture && (b->has_no_place || !sound || f->is_escaped);
    if (sound && !is_picture && !f->is_escaped && !b->has_no_place) {
        unsigned n =
            plain ? view_places_with(b, &one, 1, places) : view_places_with(b, two, 2, places);
        attach_at(b, places, n, f->name, kind == INSIDE_TEXT ? "application/octet-stream" : f->type,
                  buf_str(&octets));
    }
    buf_wipe(&octets);
    return !is_picture;
}

/* Of what is shown; files can be saved as they are. */
static void attach_inside(struct build *b, const struct part *p)
{
    bool is_card = body_is_calendar(p), is_html = body_is_html(p) && view_is_body(b, p);
    if (p->kind != PART_LEAF || (!is_card && !is_html && strncmp(p->type, "text/", 5) != 0)) {
        return;
    }
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024);
    enum inside kind = is_card ? INSIDE_CARD : is_html ? INSIDE_HTML : INSIDE_TEXT;
    struct inside_file file;
    bool sound;
    struct str text = p->raw;
    if (p->encoding != TRANSFER_AS_IS) {
        (void)!tree_octets(p, &octets, &sound);
        text = buf_str(&octets);
    }
    struct str at = text;
    for (unsigned n = 0; inside_next_within(b->r, p->number, kind, &at, n, &file);) {
        n += attach_inside_file(b, p, text, kind, &file);
    }
    buf_wipe(&octets);
}

/* winmail.dat under way: its octets are those of one part. */
struct tnef_files {
    struct build *b;
    const struct part *p;
    struct str octets;
};

/* Its HTML names it, as MIME's does. */
static void keep_tnef_picture(struct build *b, const struct tnef_file *f)
{
    size_t at = b->n_pictures;
    if (f->cid[0] && at < PICTURES_MAX && view_picture_type(f->octets)) {
        struct buf octets = BUF_INIT(f->octets.n + 1);
        b->picture_cids[at] = err_strdup(f->cid);
        (void)!buf_add(&octets, f->octets);
        keep_picture(b, NULL, (struct picture){.cid = b->picture_cids[at]}, &octets);
        buf_wipe(&octets);
    }
    if (at < PICTURES_MAX && at == b->n_pictures) { /* it was not kept */
        free(b->picture_cids[at]);
        b->picture_cids[at] = NULL;
    }
}

static void attach_tnef_file(void *arg, const struct tnef_file *f)
{
    const struct tnef_files *t = arg;
    struct build *b = t->b;
    struct nested_place places[NESTED_MAX];
    struct nested_place two[] = {
        view_place_of(b, t->p),
        {(uint64_t)(f->octets.p - t->octets.p), f->octets.n, TRANSFER_AS_IS},
    };
    b->v->cut |= b->has_no_place;
    if (!b->has_no_place) {
        unsigned n = view_places_with(b, two, 2, places);
        attach_at(b, places, n, f->name, f->type, f->octets);
        keep_tnef_picture(b, f);
    }
}

/* What is seen of it is shown elsewhere: only its files are wanted here. */
static void attach_tnef_files(struct build *b, const struct part *p, struct str octets)
{
    struct tnef_files t = {b, p, octets};
    struct mime_reading *none = err_calloc(1, sizeof *none);
    struct reader r = *b->r;
    r.out = none;
    const struct piece piece = {
        .octets = octets,
        .part = p->number,
        .name = "",
        .place = MIME_BODY,
    };
    tnef_show(&r, &piece, &(struct tnef_wants){.on_file = attach_tnef_file, .arg = &t});
    mime_reading_free(none);
}

/* The attached message around a part: its number in the view. */
static unsigned message_around(const struct build *b, size_t i, const unsigned *numbers)
{
    while (b->tree->parts[i].depth > 0) {
        i = b->tree->parts[i].parent;
        if (b->tree->parts[i].kind == PART_MESSAGE && numbers[i]) {
            return numbers[i];
        }
    }
    return b->within;
}

/* One part, and what is inside it. Its number in the view, 0: it is not there. */
static unsigned attach_part(struct build *b, size_t i)
{
    const struct part *p = &b->tree->parts[i];
    bool shown = view_is_body(b, p) && p->n_names == 0, sound;
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024);
    unsigned number = 0;
    if ((p->kind == PART_LEAF && !shown) || p->kind == PART_MESSAGE || p->kind == PART_POINTER) {
        (void)!tree_octets(p, &octets, &sound);
        number = attach(b, i, buf_str(&octets));
        if (body_is_tnef(p)) {
            attach_tnef_files(b, p, buf_str(&octets));
        }
        keep_picture(b, p, (struct picture){.cid = p->content_id, .location = p->location},
                     &octets);
    }
    if (b->inner[i]) {
        b->inner[i]->within = tree_is_encoded_message(p) && number ? number : b->within;
        view_attach_all(b->inner[i]);
    }
    attach_inside(b, p);
    buf_wipe(&octets);
    return number;
}

void view_attach_all(struct build *b)
{
    unsigned *numbers = err_calloc(b->tree->n + 1, sizeof *numbers), within = b->within;
    for (size_t i = 0; i < b->tree->n; i++) {
        const struct part *p = &b->tree->parts[i];
        b->within = within;
        b->within = message_around(b, i, numbers);
        numbers[i] = attach_part(b, i);
        b->v->cut |= p->kind == PART_MULTIPART && p->n_children == 0;
        /* behind the last boundary */
        b->v->cut |= p->kind == PART_MULTIPART && !str_is_blank(str_c(p->behind));
        b->v->elsewhere |= p->kind == PART_POINTER;
    }
    b->within = within;
    free(numbers);
}
