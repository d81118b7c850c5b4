/* SPDX-License-Identifier: Apache-2.0
 * view.c: a message as a person sees it (view.h), from its tree (tree.c). Called by inspect.
 *
 * All bodies are shown in their order (RFC 2046 5.1.3), of alternatives one (5.1.4): the HTML where HTML is looked at, the plain
 * text where text is. Each HTML body is made harmless by itself. A message inside the message is shown with its head, and can
 * be saved. The octets of an attachment are not copied: the tree knows where they lie.
 */
#include "sys/fence.h"
#include "mime/body.h"
#include "mime/calendar.h"
#include "mime/fields.h"
#include "mime/tree.h"
#include "mime/view.h"
#include "tls/sign.h"
#include "wire/base64.h"

#include <stdio.h>
#include <stdlib.h>

enum { PICTURES_MAX = 50, DEPTH_MAX = 30, UNWRAPPED_MAX = 3 };

/* A view under way. */
struct build {
    struct view *v;
    struct reader *r; /* for character sets and the limits of parsing */
    struct str message;
    struct tree *tree;
    bool *in_text, *in_html; /* for each part: is it shown there? */
    struct build **inner;    /* for each part: what a signature is wrapped around, or NULL */
    struct buf content;      /* of this one, where it is such */
    unsigned depth;
    struct nested_place around[NESTED_MAX]; /* where it lies itself; none: it is the message */
    unsigned n_around;
    bool has_no_place;       /* that cannot be told: its files can be had with the whole only */
    struct picture pictures[PICTURES_MAX];
    struct buf picture_octets[PICTURES_MAX];
    const struct part *picture_parts[PICTURES_MAX];
    bool picture_used[PICTURES_MAX];
    size_t n_pictures, picture_total;
    bool has_text, has_body; /* has_body: a text of its own with something in it */
};

static char *value_of(const struct tree_fields *f, const char *name)
{
    const struct tree_field *field = tree_field(f, name);
    return fields_line(field ? field->value : "");
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

/* --- what is attached -------------------------------------------------------------------------- */

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

/* What lies at these places, one inside the other; octets: what is there, decoded. */
static void attach_at(struct build *b, const struct nested_place *places, unsigned n, const char *name, const char *type, struct str octets)
{
    struct view *v = b->v;
    if (v->n_parts == VIEW_PARTS_MAX || n > NESTED_MAX) {
        v->cut = true; /* it is in the original, which can be had as a whole */
        return;
    }
    struct view_part p = {
        .type = fields_line(type),
        .at = places[0].at,
        .octets = places[0].octets,
        .encoding = places[0].encoding,
        .n_inner = n - 1,
        .size = octets.n,
    };
    memcpy(p.inner, places + 1, (n - 1) * sizeof *places);
    if (octets.n == 0) { /* an empty file lies nowhere */
        p.at = p.octets = p.n_inner = 0;
    }
    p.name = fields_line(name);
    if (str_trim(str_c(p.name)).n == 0) { /* none, or one of nothing that can be seen: "begin 644" and control characters */
        free(p.name);
        p.name = made_up_name(b, p.type);
    }
    tls_sha256(octets, p.sha256);
    v->parts = realloc(v->parts, (v->n_parts + 1) * sizeof *v->parts);
    must(v->parts);
    v->parts[v->n_parts++] = p;
}

static struct nested_place place_of(const struct build *b, const struct part *part)
{
    return (struct nested_place){(uint64_t)(part->raw.p - b->message.p), part->raw.n, part->encoding};
}

/* One more place inside those around. */
static unsigned places_with(const struct build *b, const struct nested_place *one, size_t n, struct nested_place ret[NESTED_MAX])
{
    for (size_t i = 0; i < b->n_around + n && i < NESTED_MAX; i++) {
        ret[i] = i < b->n_around ? b->around[i] : one[i - b->n_around];
    }
    return b->n_around + (unsigned)n;
}

static void attach(struct build *b, const struct part *part, struct str octets)
{
    struct nested_place places[NESTED_MAX], own = place_of(b, part);
    b->v->cut |= b->has_no_place;
    if (!b->has_no_place) {
        unsigned n = places_with(b, &own, 1, places);
        attach_at(b, places, n, part->n_names > 0 ? part->names[0] : "", part->type, octets);
    }
}

/* "BM", and a header of one of the sizes that there are. */
static bool is_bmp(struct str o)
{
    static const unsigned char sizes[] = {12, 16, 40, 52, 56, 64, 108, 124};
    bool begins = o.n > 26 && memcmp(o.p, "BM", 2) == 0 && memcmp(o.p + 15, "\0\0\0", 3) == 0;
    return begins && memchr(sizes, (unsigned char)o.p[14], sizeof sizes);
}

static const char *picture_type(struct str o)
{
    return o.n > 8 && memcmp(o.p, "\x89PNG\r\n\x1a\n", 8) == 0                                  ? "image/png"
           : o.n > 3 && memcmp(o.p, "\xff\xd8\xff", 3) == 0                                     ? "image/jpeg"
           : o.n > 6 && (memcmp(o.p, "GIF87a", 6) == 0 || memcmp(o.p, "GIF89a", 6) == 0)        ? "image/gif"
           : o.n > 12 && memcmp(o.p, "RIFF", 4) == 0 && memcmp(o.p + 8, "WEBP", 4) == 0          ? "image/webp"
           : is_bmp(o)                                                                          ? "image/bmp"
                                                                                                 : NULL;
}

/* Keeps a picture for the HTML; the octets are then taken. */
static void keep_picture(struct build *b, const struct part *part, struct buf *octets)
{
    struct str o = buf_str(octets);
    const char *type = picture_type(o);
    bool named = part->content_id || part->location;
    bool fits = b->n_pictures < PICTURES_MAX && b->picture_total + o.n <= VIEW_PICTURES_MAX;
    if (!named || !type || !fits) {
        return;
    }
    b->picture_total += o.n;
    b->picture_octets[b->n_pictures] = *octets;
    b->picture_parts[b->n_pictures] = part;
    b->pictures[b->n_pictures] = (struct picture){
        .cid = part->content_id,
        .location = part->location,
        .type = type,
        .octets = o,
        .used = &b->picture_used[b->n_pictures],
    };
    b->n_pictures++;
    *octets = BUF_INIT(1);
}

/* --- events ---------------------------------------------------------------------------------- */

static bool is_calendar(const struct part *p)
{
    return p->kind == PART_LEAF && (part_is(p, "text/calendar") || part_is(p, "application/ics"));
}

/* Programs put the same event there twice: beside the text, and as a file. */
static bool is_known(const struct view *v, const struct view_event *e)
{
    for (size_t i = 0; i < v->n_events; i++) {
        const struct view_event *one = &v->events[i];
        bool same_text = strcmp(one->what, e->what) == 0 && strcmp(one->when, e->when) == 0;
        if (same_text && one->kind == e->kind) {
            return true;
        }
    }
    return false;
}

static void read_events(struct build *b, const struct part *p)
{
    struct view_event *found = err_calloc(VIEW_EVENTS_MAX, sizeof *found);
    size_t max = 2 * p->raw.n + 1024;
    struct buf octets = BUF_INIT(max), joined = BUF_INIT(max), text = BUF_INIT(VIEW_TEXT_MAX);
    bool sound;
    (void)!tree_octets(p, &octets, &sound);
    (void)!calendar_unfold(buf_str(&octets), &joined);
    charset_text(b->r, "", buf_str(&joined), p->charset, &text);
    size_t n = calendar_read(buf_str(&text), found, VIEW_EVENTS_MAX);
    for (size_t i = 0; i < n && b->v->n_events < VIEW_EVENTS_MAX; i++) {
        if (!is_known(b->v, &found[i])) {
            b->v->events[b->v->n_events++] = found[i];
        }
    }
    b->v->cut |= n == VIEW_EVENTS_MAX;
    free(found);
    buf_wipe(&octets);
    buf_wipe(&joined);
    buf_wipe(&text);
}

/* --- which bodies are shown ---------------------------------------------------------------------- */

/* An event that has a card is not shown once more. */
static bool is_body(const struct build *b, const struct part *p)
{
    bool enriched = body_is_readable(p) && body_is_enriched(p) && p->n_names == 0;
    return (tree_is_body(b->tree, p) || enriched) && !(b->v->n_events > 0 && is_calendar(p));
}

/* Which child of the multipart holds the part. */
static size_t branch_of(const struct tree *t, size_t multipart, size_t i)
{
    while (t->parts[i].parent != multipart && t->parts[i].depth > 0) {
        i = t->parts[i].parent;
    }
    return i;
}

/* Of the alternatives: the last with HTML, or the first with plain text; where there is none, the last that can be shown. What is
 * empty is no alternative to what is not. */
static void choose(struct build *b, size_t multipart)
{
    const struct tree *t = b->tree;
    size_t html = 0, text = 0, any = 0;
    size_t end = multipart + 1;
    for (; end < t->n && t->parts[end].depth > t->parts[multipart].depth; end++) {
        size_t branch = branch_of(t, multipart, end);
        if (is_body(b, &t->parts[end])) {
            bool is_html = body_is_html(&t->parts[end]), seen = body_is_seen(b->r, &t->parts[end]);
            html = is_html && seen ? branch : html;
            text = !is_html && seen && text == 0 ? branch : text;
            any = seen ? branch : any;
        }
    }
    html = html ? html : any;
    text = text ? text : any;
    for (size_t i = multipart + 1; i < end; i++) {
        size_t branch = branch_of(t, multipart, i);
        b->in_html[i] &= branch == html;
        b->in_text[i] &= branch == text;
    }
}

static void choose_all(struct build *b)
{
    for (size_t i = 0; i < b->tree->n; i++) {
        b->in_html[i] = b->in_text[i] = is_body(b, &b->tree->parts[i]);
    }
    for (size_t i = 0; i < b->tree->n; i++) {
        if (part_is(&b->tree->parts[i], "multipart/alternative")) {
            choose(b, i);
        }
    }
}

/* Where no body has anything to be seen, the first text that could be one, whatever its name is. */
static void choose_at_least_one(struct build *b)
{
    for (size_t i = 0; i < b->tree->n && !b->has_body; i++) {
        b->has_body = b->in_text[i] && body_is_seen(b->r, &b->tree->parts[i]);
    }
    for (size_t i = 0; i < b->tree->n && !b->has_body; i++) {
        const struct part *p = &b->tree->parts[i];
        b->has_body = body_is_readable(p) && body_is_seen(b->r, p);
        b->in_text[i] |= b->has_body;
        b->in_html[i] |= b->has_body;
    }
}

/* --- what is shown ------------------------------------------------------------------------------- */

static void put_html(struct build *b, struct str text)
{
    b->v->cut |= buf_add(&b->v->html, text) < 0;
}

/* Text as it stands in HTML, also in an attribute. */
static int html_text(struct str text, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < text.n; i++) {
        char c = text.p[i];
        r = buf_add(out, c == '<'   ? STR("&lt;")
                         : c == '&' ? STR("&amp;")
                         : c == '>' ? STR("&gt;")
                         : c == '"' ? STR("&quot;")
                                    : str_slice(text, i, i + 1));
    }
    return r;
}

/* Plain text between HTML bodies. */
static void put_as_html(struct build *b, struct str text)
{
    put_html(b, STR("<div style=\"white-space:pre-wrap\">"));
    b->v->cut |= html_text(text, &b->v->html) < 0;
    put_html(b, STR("</div>"));
}

/* Text for those who look at text, of a body that has only HTML. */
static void text_of_html(struct build *b, struct str html)
{
    const struct piece p = {.octets = html, .part = "", .name = "", .place = MIME_BODY};
    size_t before = b->r->out->n_texts;
    read_html(b->r, &p);
    if (b->r->out->n_texts > before) {
        add_text(b, buf_str(&b->r->out->texts[before].text));
    }
}

static void put_sanitised(struct build *b, struct str html)
{
    struct view *v = b->v;
    bool remote = false;
    put_html(b, STR("<div>"));
    size_t before = buf_len(&v->html);
    if (!sanitise_html(b->r, html, b->pictures, b->n_pictures, &v->html, &remote)) {
        v->html.tail = v->html.head + before;
        v->cut |= !sanitise_html(b->r, html, NULL, 0, &v->html, &remote); /* its beginning, if it is too large without pictures */
    }
    v->remote |= remote;
    put_html(b, STR("</div>"));
}

static void show(struct build *b, size_t i, bool as_html)
{
    const struct part *p = &b->tree->parts[i];
    struct buf text = BUF_INIT(8 * p->raw.n + 64 * 1024);
    bool html = body_is_html(p);
    body_text(b->r, p, &text);
    if (as_html && html) {
        put_sanitised(b, buf_str(&text));
    } else if (as_html) {
        put_as_html(b, buf_str(&text));
    } else if (html) {
        text_of_html(b, buf_str(&text));
    } else {
        add_text(b, buf_str(&text));
    }
    buf_wipe(&text);
}

/* --- pictures among the texts ------------------------------------------------------------------- */

/* Apple Mail and others put a photograph between two texts (RFC 2183 2.1), for no HTML to name it. */
static bool is_picture_among_texts(const struct build *b, size_t i)
{
    const struct tree *t = b->tree;
    const struct part *p = &t->parts[i];
    bool picture = p->kind == PART_LEAF && p->disposition != PART_ATTACHMENT && strncmp(p->type, "image/", 6) == 0;
    if (!picture || (p->depth > 0 && !part_is(&t->parts[p->parent], "multipart/mixed"))) {
        return false;
    }
    while (t->parts[i].depth > 0) {
        i = t->parts[i].parent;
        if (part_is(&t->parts[i], "multipart/alternative")) {
            return false;
        }
    }
    return true;
}

static bool was_shown(const struct build *b, const struct part *p)
{
    for (size_t i = 0; i < b->n_pictures; i++) {
        if (b->picture_parts[i] == p && b->picture_used[i]) {
            return true;
        }
    }
    return false;
}

/* As far as there is room; it is attached in any case. */
static void show_picture(struct build *b, const struct part *p)
{
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024), tag = BUF_INIT(VIEW_HTML_MAX);
    bool sound;
    (void)!tree_octets(p, &octets, &sound);
    const char *type = picture_type(buf_str(&octets));
    struct str name = str_c(type && p->n_names > 0 ? p->names[0] : "");
    bool fits = type && b->picture_total + buf_len(&octets) <= VIEW_PICTURES_MAX &&
                buf_printf(&tag, "<p><img src=\"data:%s;base64,", type) == 0 && base64_write(buf_str(&octets), 0, &tag) == 0 &&
                buf_add(&tag, STR("\" alt=\"")) == 0 && html_text(name, &tag) == 0 && buf_add(&tag, STR("\"></p>")) == 0 &&
                buf_len(&b->v->html) + buf_len(&tag) <= VIEW_HTML_MAX - VIEW_HTML_MAX / 4;
    if (fits) {
        b->picture_total += buf_len(&octets);
        put_html(b, buf_str(&tag));
    }
    buf_wipe(&octets);
    buf_wipe(&tag);
}

/* The head of a message inside the message. */
static void show_head(struct build *b, const struct tree_fields *fields, bool as_html)
{
    static const char *const names[] = {"From", "To", "Cc", "Date", "Subject"};
    struct buf head = BUF_INIT(8 * VIEW_FIELD_MAX);
    (void)!buf_add(&head, as_html ? STR("") : STR("--------------------\n"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *value = i < 3 ? fields_addresses(b->r, fields, names[i]) : value_of(fields, names[i]);
        if (*value) {
            (void)!buf_printf(&head, "%s: %s\n", names[i], value);
        }
        free(value);
    }
    if (as_html) {
        put_html(b, STR("<hr>"));
        put_as_html(b, buf_str(&head));
    } else {
        add_text(b, buf_str(&head));
    }
    buf_free(&head);
}

/* Text that no part holds: a multipart in which no parts were found, as a program marked it wrongly;
 * lines among the fields that are none, where an empty line was forgotten. */
static void show_loose(struct build *b, const char *loose, bool as_html)
{
    struct buf text = BUF_INIT(VIEW_TEXT_MAX + 1024);
    struct str octets = str_c(loose);
    charset_text(b->r, "", str_slice(octets, 0, octets.n < VIEW_TEXT_MAX / 4 ? octets.n : VIEW_TEXT_MAX / 4), NULL, &text);
    if (as_html && buf_len(&text) > 0) {
        put_as_html(b, buf_str(&text));
    } else if (buf_len(&text) > 0) {
        add_text(b, buf_str(&text));
    }
    buf_wipe(&text);
}

static void leave_file(void *arg, const struct tnef_file *f)
{
    (void)arg;
    (void)f;
}

/* winmail.dat: its text, where nothing else says it. */
static void show_tnef(struct build *b, size_t i, bool as_html)
{
    const struct part *p = &b->tree->parts[i];
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024);
    size_t before = b->r->out->n_texts;
    bool sound;
    (void)!tree_octets(p, &octets, &sound);
    tnef_show(b->r, &(struct piece){.octets = buf_str(&octets), .part = p->number, .name = "", .place = MIME_BODY}, leave_file, NULL);
    for (size_t k = before; k < b->r->out->n_texts; k++) {
        struct str text = buf_str(&b->r->out->texts[k].text);
        if (as_html) {
            put_as_html(b, text);
        } else {
            add_text(b, text);
        }
    }
    buf_wipe(&octets);
}

static void show_all(struct build *b, bool as_html);

static void show_part(struct build *b, size_t i, bool as_html)
{
    const struct part *p = &b->tree->parts[i];
    const bool *shown = as_html ? b->in_html : b->in_text;
    if (b->inner[i]) {
        if (tree_is_encoded_message(p)) {
            show_head(b, &b->inner[i]->tree->fields, as_html);
        }
        b->inner[i]->has_text = b->has_text;
        show_all(b->inner[i], as_html);
        b->has_text |= b->inner[i]->has_text;
    } else if (p->kind == PART_MESSAGE) {
        show_head(b, &p->fields, as_html);
        show_loose(b, p->stray, as_html);
    } else if (shown[i]) {
        show(b, i, as_html);
    } else if (as_html && is_picture_among_texts(b, i) && !was_shown(b, p)) {
        show_picture(b, p);
    } else if (p->kind == PART_MULTIPART && p->n_children == 0) {
        show_loose(b, p->before, as_html);
    } else if (body_is_tnef(p) && !b->has_body) {
        show_tnef(b, i, as_html);
    }
}

static void show_all(struct build *b, bool as_html)
{
    show_loose(b, b->tree->stray, as_html);
    for (size_t i = 0; i < b->tree->n; i++) {
        show_part(b, i, as_html);
    }
}

enum { UU_GROWTH = 2 }; /* zeros at the ends of lines may have been taken for blanks and lost */

/* A file that lies in what the text decodes to. */
static void attach_uuencoded_file(struct build *b, const struct part *p, struct str text, struct str file, const char *name)
{
    static const char type[] = "application/octet-stream";
    struct nested_place places[NESTED_MAX], own = place_of(b, p);
    struct nested_place two[] = {own, {(uint64_t)(file.p - text.p), file.n, TRANSFER_UU}};
    struct nested_place one = {own.at + two[1].at, file.n, TRANSFER_UU};
    struct buf octets = BUF_INIT(UU_GROWTH * file.n + 1);
    bool plain = p->encoding == TRANSFER_AS_IS, sound = transfer_read_all(TRANSFER_UU, file, &octets, NULL) == 0;
    b->v->cut |= b->has_no_place || !sound; /* lines that say how long they are and are not: no such file; it stands in the text */
    if (sound && !b->has_no_place) {
        unsigned n = plain ? places_with(b, &one, 1, places) : places_with(b, two, 2, places);
        attach_at(b, places, n, name, type, buf_str(&octets));
    }
    buf_wipe(&octets);
}

static void attach_uuencoded(struct build *b, const struct part *p)
{
    if (p->kind != PART_LEAF || strncmp(p->type, "text/", 5) != 0) {
        return;
    }
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024);
    char name[MIME_NAME];
    bool sound;
    struct str text = p->raw, file;
    if (p->encoding != TRANSFER_AS_IS) {
        (void)!tree_octets(p, &octets, &sound);
        text = buf_str(&octets);
    }
    for (struct str at = text; uuencoded_next(&at, &file, name);) {
        attach_uuencoded_file(b, p, text, file, name);
    }
    buf_wipe(&octets);
}

/* winmail.dat under way: its octets are those of one part. */
struct tnef_files {
    struct build *b;
    const struct part *p;
    struct str octets;
};

static void attach_tnef_file(void *arg, const struct tnef_file *f)
{
    const struct tnef_files *t = arg;
    struct build *b = t->b;
    struct nested_place places[NESTED_MAX];
    struct nested_place two[] = {place_of(b, t->p), {(uint64_t)(f->octets.p - t->octets.p), f->octets.n, TRANSFER_AS_IS}};
    b->v->cut |= b->has_no_place;
    if (!b->has_no_place) {
        unsigned n = places_with(b, two, 2, places);
        attach_at(b, places, n, f->name, f->type[0] ? f->type : "application/octet-stream", f->octets);
    }
}

/* What is seen of it is shown elsewhere: only its files are wanted here. */
static void attach_tnef_files(struct build *b, const struct part *p, struct str octets)
{
    struct tnef_files t = {b, p, octets};
    struct mime_reading *none = err_calloc(1, sizeof *none);
    struct reader r = *b->r;
    r.out = none;
    tnef_show(&r, &(struct piece){.octets = octets, .part = p->number, .name = "", .place = MIME_BODY}, attach_tnef_file, &t);
    mime_reading_free(none);
}

static void attach_all(struct build *b)
{
    for (size_t i = 0; i < b->tree->n; i++) {
        const struct part *p = &b->tree->parts[i];
        bool shown = is_body(b, p) && p->n_names == 0;
        struct buf octets = BUF_INIT(2 * p->raw.n + 1024);
        bool sound;
        if ((p->kind == PART_LEAF && !shown) || p->kind == PART_MESSAGE || p->kind == PART_POINTER) {
            (void)!tree_octets(p, &octets, &sound);
            attach(b, p, buf_str(&octets));
            if (body_is_tnef(p)) {
                attach_tnef_files(b, p, buf_str(&octets));
            }
            keep_picture(b, p, &octets);
        }
        if (b->inner[i]) {
            attach_all(b->inner[i]);
        }
        attach_uuencoded(b, p);
        b->v->cut |= p->kind == PART_MULTIPART && p->n_children == 0;
        b->v->cut |= p->kind == PART_MULTIPART && !str_is_blank(str_c(p->behind)); /* behind the last boundary */
        b->v->elsewhere |= p->kind == PART_POINTER;
        buf_wipe(&octets);
    }
}

/* --- from outside ------------------------------------------------------------------------------------ */

static bool has_html(const struct build *b)
{
    for (size_t i = 0; i < b->tree->n; i++) {
        bool html = b->in_html[i] && body_is_html(&b->tree->parts[i]);
        if (html || is_picture_among_texts(b, i) || (b->inner[i] && has_html(b->inner[i]))) {
            return true;
        }
    }
    return false;
}

static void build_free(struct build *b)
{
    for (size_t i = 0; b->tree && b->inner && i < b->tree->n; i++) {
        if (b->inner[i]) {
            build_free(b->inner[i]);
            tree_free(b->inner[i]->tree);
            free(b->inner[i]);
        }
    }
    for (size_t i = 0; i < b->n_pictures; i++) {
        buf_wipe(&b->picture_octets[i]);
    }
    free(b->in_text);
    free(b->in_html);
    free(b->inner);
    buf_wipe(&b->content);
}

static void prepare(struct build *b);

static void put_around(const struct build *b, const struct nested_place *inside, size_t i, struct build *inner)
{
    struct nested_place two[] = {place_of(b, &b->tree->parts[i]), *inside};
    inner->n_around = places_with(b, two, 2, inner->around);
    inner->has_no_place = b->has_no_place || inside->octets == 0 || inner->n_around >= NESTED_MAX;
}

/* What a signature or an encoding is wrapped around is shown in its place, with its files. */
static void unwrap(struct build *b, size_t i)
{
    struct build *inner = err_calloc(1, sizeof *inner);
    *inner = (struct build){.v = b->v, .r = b->r, .depth = b->depth + 1, .content = BUF_INIT(b->tree->parts[i].raw.n + 1)};
    struct nested_place inside = {0};
    bool opened = b->depth < UNWRAPPED_MAX && body_open(&b->tree->parts[i], &inner->content, &inside) == 0;
    inner->message = buf_str(&inner->content);
    inner->tree = opened ? tree_read(b->r, inner->message, b->tree->parts[i].number) : NULL;
    if (!inner->tree) {
        buf_wipe(&inner->content);
        free(inner);
        return;
    }
    put_around(b, &inside, i, inner);
    prepare(inner);
    b->inner[i] = inner;
}

/* What only its reader's own program can open, and what should have been opened and was not: a sentence says so. */
static void note_encryption(struct build *b, size_t i)
{
    const struct part *p = &b->tree->parts[i];
    b->v->smime |= body_is_smime(p, b->inner[i]);
    b->v->pgp |= body_is_pgp(b->tree, p);
    b->v->cut |= body_says_signed(p) && !b->inner[i];
}

static void prepare(struct build *b)
{
    b->in_text = err_calloc(b->tree->n + 1, sizeof *b->in_text);
    b->in_html = err_calloc(b->tree->n + 1, sizeof *b->in_html);
    b->inner = err_calloc(b->tree->n + 1, sizeof(struct build *));
    for (size_t i = 0; i < b->tree->n; i++) {
        if (is_calendar(&b->tree->parts[i])) {
            read_events(b, &b->tree->parts[i]);
        }
    }
    choose_all(b);
    choose_at_least_one(b);
    for (size_t i = 0; i < b->tree->n; i++) {
        unwrap(b, i);
        note_encryption(b, i);
    }
}

static void build(struct build *b)
{
    struct view *v = b->v;
    const struct tree_fields *f = &b->tree->fields;
    v->from = fields_addresses(b->r, f, "From");
    v->from_name = fields_author(b->r, f);
    v->to = fields_addresses(b->r, f, "To");
    v->cc = fields_addresses(b->r, f, "Cc");
    v->subject = value_of(f, "Subject");
    v->date = value_of(f, "Date");
    v->message_id = value_of(f, "Message-ID");
    v->references = value_of(f, "References");
    v->cut |= b->tree->cut;
    prepare(b);
    attach_all(b);
    for (size_t i = 0; i < v->n_events && b->has_body; i++) {
        v->events[i].about[0] = '\0'; /* the text says the same */
    }
    show_all(b, false);
    b->has_text = false;
    if (has_html(b)) {
        show_all(b, true);
    }
    bool html = buf_len(&v->html) > 0, nothing = html ? body_html_is_blank(buf_str(&v->html)) : str_is_blank(buf_str(&v->text));
    v->blank = nothing && v->n_events == 0;
}

struct view *view_of_message(struct str message)
{
    struct view *v = err_calloc(1, sizeof *v);
    struct mime_reading *reading = err_calloc(1, sizeof *reading);
    struct mime_limits limits = mime_standard_limits;
    limits.depth = DEPTH_MAX;
    struct reader r = {.out = reading, .limits = &limits, .until_mono_ms = INT64_MAX, .spent_at_ms = reader_spent_at(&limits, message), .text_left = VIEW_TEXT_MAX, .opened_left = UINT64_MAX, .hold_left = UINT64_MAX};
    struct build b = {.v = v, .r = &r, .message = message};
    reader_clock(&limits, message);
    struct tree *tree = tree_read(&r, message, "");
    v->text = BUF_INIT(VIEW_TEXT_MAX);
    v->html = BUF_INIT(VIEW_HTML_MAX);
    b.tree = tree;
    if (tree) {
        build(&b);
    }
    v->cut |= !tree;
    for (size_t i = 0; i < reading->n_problems; i++) {
        v->cut |= reading->problems[i].kind == MIME_LIMIT;
    }
    char **fields[] = {&v->from, &v->from_name, &v->to, &v->cc, &v->subject, &v->date, &v->message_id, &v->references};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        *fields[i] = *fields[i] ? *fields[i] : err_strdup("");
    }
    build_free(&b);
    tree_free(tree);
    mime_reading_free(reading);
    fence_clock(0);
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
