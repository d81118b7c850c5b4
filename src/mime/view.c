/* SPDX-License-Identifier: Apache-2.0
 * view.c: a message as a person sees it (view.h), from its tree (tree.c). Called by inspect.
 *
 * All bodies are shown in their order (RFC 2046 5.1.3), of alternatives one (5.1.4): the HTML
 * where HTML is looked at, the plain text where text is. Each HTML body is made harmless by
 * itself. A message inside the message is shown with its head, and can be saved. The octets of
 * an attachment are not copied: the tree knows where they lie.
 */
#include "sys/fence.h"
#include "mime/body.h"
#include "mime/calendar.h"
#include "mime/fields.h"
#include "mime/links.h"
#include "mime/pgp.h"
#include "mime/view_build.h"
#include "wire/base64.h"
#include "wire/date.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 30, UNWRAPPED_MAX = 3 };

char *view_value(const struct tree_fields *f, const char *name)
{
    const struct tree_field *field = tree_field(f, name);
    return fields_line(field ? field->value : "");
}

static void view_add_text(struct build *b, struct str text)
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
        /* not inside a character */
        while (text.n > 0 && ((unsigned char)text.p[text.n - 1] & 0xc0) == 0x80) {
            text.n--;
        }
        text.n -= text.n > 0 && (unsigned char)text.p[text.n - 1] >= 0xc0;
    }
    (void)!buf_add(out, text);
}

/* --- events ------------------------------------------------------------- */

/* Programs put the same event there twice: beside the text, and as a file. */
static bool view_is_known(const struct view *v, const struct view_event *e)
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
        if (!view_is_known(b->v, &found[i])) {
            b->v->events[b->v->n_events++] = found[i];
        }
    }
    b->v->cut |= n == VIEW_EVENTS_MAX;
    free(found);
    buf_wipe(&octets);
    buf_wipe(&joined);
    buf_wipe(&text);
}

/* --- which bodies are shown --------------------------------------------- */

/* An event that has a card is not shown once more. */
bool view_is_body(const struct build *b, const struct part *p)
{
    enum body_role role = body_role(b->tree, p);
    return role == BODY_TEXT || (role == BODY_EVENT && b->tree->n == 1 && b->v->n_events == 0);
}

/* Which child of the multipart holds the part. */
static size_t branch_of(const struct tree *t, size_t multipart, size_t i)
{
    while (t->parts[i].parent != multipart && t->parts[i].depth > 0) {
        i = t->parts[i].parent;
    }
    return i;
}

/* Of the alternatives: the last with HTML, or the first with plain text; where there is none,
 * the last that can be shown. What is empty is no alternative to what is not.
 * RFC 2046 5.1.4 SHOULD: of alternatives the last that can be shown is shown */
static void view_choose(struct build *b, size_t multipart)
{
    const struct tree *t = b->tree;
    size_t html = 0, text = 0, any = 0;
    size_t end = multipart + 1;
    for (; end < t->n && t->parts[end].depth > t->parts[multipart].depth; end++) {
        size_t branch = branch_of(t, multipart, end);
        if (view_is_body(b, &t->parts[end])) {
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
        b->is_other[i] |= branch != html;
        b->in_text[i] &= branch == text;
    }
}

static void choose_all(struct build *b)
{
    for (size_t i = 0; i < b->tree->n; i++) {
        b->in_html[i] = b->in_text[i] = view_is_body(b, &b->tree->parts[i]);
    }
    for (size_t i = 0; i < b->tree->n; i++) {
        if (part_is(&b->tree->parts[i], "multipart/alternative")) {
            view_choose(b, i);
        }
    }
}

/* Could it be one, whatever its name is? A calendar without events is a text (RFC 2046 4.1.4). */
static bool is_spare(const struct build *b, const struct part *p)
{
    enum body_role role = body_role(b->tree, p);
    return role == BODY_SPARE || (role == BODY_EVENT && b->v->n_events == 0);
}

/* Where no body has anything to be seen, the first text that could be one. */
static void choose_at_least_one(struct build *b)
{
    for (size_t i = 0; i < b->tree->n && !b->has_body; i++) {
        b->has_body = b->in_text[i] && body_is_seen(b->r, &b->tree->parts[i]);
    }
    for (size_t i = 0; i < b->tree->n && !b->has_body; i++) {
        const struct part *p = &b->tree->parts[i];
        b->has_body = is_spare(b, p) && body_is_seen(b->r, p);
        b->in_text[i] |= b->has_body;
        b->in_html[i] |= b->has_body;
    }
}

/* --- what is shown ------------------------------------------------------ */

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
    struct str one;
    bool is_link;
    put_html(b, STR("<div style=\"white-space:pre-wrap\">"));
    for (size_t links = 0; links < LINKS_MAX && links_next(&text, &one, &is_link);
         links += is_link) {
        put_html(b, is_link
                        ? STR("<a target=\"_blank\" rel=\"noopener noreferrer nofollow\" href=\"")
                        : STR(""));
        b->v->cut |= is_link && html_text(one, &b->v->html) < 0;
        put_html(b, is_link ? STR("\">") : STR(""));
        b->v->cut |= html_text(one, &b->v->html) < 0;
        put_html(b, is_link ? STR("</a>") : STR(""));
    }
    b->v->cut |= html_text(text, &b->v->html) < 0;
    put_html(b, STR("</div>"));
}

static void put_sanitised(struct build *b, struct str html)
{
    struct view *v = b->v;
    bool remote = false;
    put_html(b, STR("<div>"));
    size_t before = buf_len(&v->html);
    if (!sanitise_html(b->r, html, b->pictures, b->n_pictures, &v->html, &remote)) {
        v->html.tail = v->html.head + before;
        /* its beginning, if it is too large without pictures */
        v->cut |= !sanitise_html(b->r, html, NULL, 0, &v->html, &remote);
    }
    v->remote |= remote;
    put_html(b, STR("</div>"));
}

/* OpenPGP that was not opened: encrypted, damaged, a file. */
static bool has_closed_armour(struct str text)
{
    struct pgp_armour a;
    bool found = pgp_armour_next(text, 0, &a);
    if (found) {
        buf_wipe(&a.octets);
    }
    return found;
}

/* Text for those who look at text, of a body that has only HTML; for the others what OpenPGP in
 * it says, where it is open: it stands below, as its lines may be anywhere among the tags. */
static void show_words_of_html(struct build *b, struct str html, bool as_html)
{
    const struct piece p = {.octets = html, .part = "", .name = "", .place = MIME_BODY};
    struct buf text = BUF_INIT(VIEW_TEXT_MAX), said = BUF_INIT(VIEW_TEXT_MAX);
    size_t before = b->r->out->n_texts;
    read_html(b->r, &p);
    struct str words =
        b->r->out->n_texts > before ? buf_str(&b->r->out->texts[before].text) : STR("");
    b->v->cut |= pgp_text(b->r, words, &text) < 0 || pgp_said(b->r, words, &said) < 0;
    b->v->pgp |= has_closed_armour(buf_str(&text));
    if (as_html && buf_len(&said) > 0) {
        put_as_html(b, buf_str(&said));
    } else if (!as_html && words.n > 0) {
        view_add_text(b, buf_str(&text));
    }
    buf_wipe(&text);
    buf_wipe(&said);
}

static void view_show(struct build *b, size_t i, bool as_html)
{
    const struct part *p = &b->tree->parts[i];
    struct buf text = BUF_INIT(8 * p->raw.n + 64 * 1024);
    bool html = body_is_html(p);
    body_text(b->r, p, &text);
    b->v->pgp |= !html && has_closed_armour(buf_str(&text));
    if (as_html && html) {
        put_sanitised(b, buf_str(&text));
    } else if (as_html) {
        put_as_html(b, buf_str(&text));
    } else if (!html) {
        view_add_text(b, buf_str(&text));
    }
    if (html && (!as_html || str_has(buf_str(&text), STR("-----BEGIN PGP ")))) {
        show_words_of_html(b, buf_str(&text), as_html);
    }
    buf_wipe(&text);
}

/* --- pictures among the texts ------------------------------------------- */

/* Apple Mail and others put a photograph between two texts (RFC 2183 2.1), for no HTML to name
 * it; also inside the alternative that is shown, where each text is HTML. */
static bool is_picture_among_texts(const struct build *b, size_t i)
{
    const struct tree *t = b->tree;
    const struct part *p = &t->parts[i];
    bool picture = p->kind == PART_LEAF && p->disposition != PART_ATTACHMENT &&
                   strncmp(p->type, "image/", 6) == 0;
    return picture && !b->is_other[i] &&
           (p->depth == 0 || part_is(&t->parts[p->parent], "multipart/mixed"));
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
    const char *type = view_picture_type(buf_str(&octets));
    struct str name = str_c(type && p->n_names > 0 ? p->names[0] : "");
    bool fits = type && b->picture_total + buf_len(&octets) <= VIEW_PICTURES_MAX &&
                buf_printf(&tag, "<p><img src=\"data:%s;base64,", type) == 0 &&
                base64_write(buf_str(&octets), 0, &tag) == 0 &&
                buf_add(&tag, STR("\" alt=\"")) == 0 && html_text(name, &tag) == 0 &&
                buf_add(&tag, STR("\"></p>")) == 0 &&
                buf_len(&b->v->html) + buf_len(&tag) <= VIEW_HTML_MAX - VIEW_HTML_MAX / 4;
    if (fits) {
        b->picture_total += buf_len(&octets);
        put_html(b, buf_str(&tag));
    }
    buf_wipe(&octets);
    buf_wipe(&tag);
}

/* As a card has it, the same in every language; a date that is none as it stands. */
static char *date_of(const struct tree_fields *fields)
{
    char *value = view_value(fields, "Date"), zone[DATE_MAX], text[2 * DATE_MAX];
    struct date_said said;
    if (!date_read(str_c(value), &said)) {
        return value;
    }
    date_zone(&said, zone);
    snprintf(text, sizeof text, "%04d-%02d-%02d, %02d:%02d%s%s%s", said.year, said.month, said.day,
             said.hour, said.minute, *zone ? " (" : "", zone, *zone ? ")" : "");
    free(value);
    return err_strdup(text);
}

/* The head of a message inside the message. */
static void show_head(struct build *b, const struct tree_fields *fields, bool as_html)
{
    static const char *const names[] = {"From", "To", "Cc", "Date", "Subject"};
    struct buf head = BUF_INIT(8 * VIEW_FIELD_MAX);
    (void)!buf_add(&head, as_html ? STR("") : STR("--------------------\n"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *value = i < 3    ? fields_addresses(b->r, fields, names[i])
                      : i == 3 ? date_of(fields)
                               : view_value(fields, names[i]);
        if (*value) {
            (void)!buf_printf(&head, "%s: %s\n", names[i], value);
        }
        free(value);
    }
    if (as_html) {
        put_html(b, STR("<hr><div style=\"margin-bottom:1em\">"));
        put_as_html(b, buf_str(&head));
        put_html(b, STR("</div>"));
    } else {
        view_add_text(b, buf_str(&head));
    }
    buf_free(&head);
}

/* Text that no part holds: a multipart in which no parts were found, as a program marked it
 * wrongly; lines among the fields that are none, where an empty line was forgotten. */
static void show_loose(struct build *b, const char *loose, bool as_html)
{
    struct buf text = BUF_INIT(VIEW_TEXT_MAX + 1024);
    struct str octets = str_c(loose);
    charset_text(b->r, "",
                 str_slice(octets, 0, octets.n < VIEW_TEXT_MAX / 4 ? octets.n : VIEW_TEXT_MAX / 4),
                 NULL, &text);
    if (as_html && buf_len(&text) > 0) {
        put_as_html(b, buf_str(&text));
    } else if (buf_len(&text) > 0) {
        view_add_text(b, buf_str(&text));
    }
    buf_wipe(&text);
}

/* winmail.dat under way. */
struct tnef_shown {
    struct build *b;
    bool as_html;
};

/* One form of a body, if anything of it can be seen. */
static bool view_show_form(struct build *b, bool as_html, struct str text, bool is_html)
{
    struct buf clean = BUF_INIT(VIEW_HTML_MAX);
    bool remote = false, blank = str_is_blank(text);
    if (is_html && !blank) {
        blank = sanitise_html(b->r, text, NULL, 0, &clean, &remote) &&
                body_html_is_blank(buf_str(&clean));
        b->has_tnef_html |= !blank;
    }
    buf_wipe(&clean);
    if (blank) {
        return false;
    }
    if (as_html && is_html) {
        put_sanitised(b, text);
    } else if (as_html) {
        put_as_html(b, text);
    } else if (is_html) {
        show_words_of_html(b, text, false);
    } else {
        view_add_text(b, text);
    }
    return true;
}

/* Its subject, where the message has another, and the first form of its body that says anything. */
static void show_tnef_body(void *arg, const struct tnef_bodies *t)
{
    const struct tnef_shown *s = arg;
    if (!str_eq(str_trim(t->subject), str_trim(str_c(s->b->v->subject)))) {
        (void)view_show_form(s->b, s->as_html, t->subject, false);
    }
    for (size_t i = 0; i < TNEF_BODIES; i++) {
        if (view_show_form(s->b, s->as_html, t->texts[i], t->is_html[i])) {
            return;
        }
    }
}

/* winmail.dat: its text, where nothing else says it. */
static void show_tnef(struct build *b, size_t i, bool as_html)
{
    const struct part *p = &b->tree->parts[i];
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024);
    struct tnef_shown shown = {b, as_html};
    bool sound;
    (void)!tree_octets(p, &octets, &sound);
    const struct piece piece = {
        .octets = buf_str(&octets),
        .part = p->number,
        .name = "",
        .place = MIME_BODY,
    };
    tnef_show(b->r, &piece, &(struct tnef_wants){.on_body = show_tnef_body, .arg = &shown});
    buf_wipe(&octets);
}

static void show_all(struct build *b, bool as_html);

static void view_show_part(struct build *b, size_t i, bool as_html)
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
        view_show(b, i, as_html);
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
        view_show_part(b, i, as_html);
    }
}

/* --- from outside ------------------------------------------------------- */

static bool has_html(const struct build *b)
{
    for (size_t i = 0; i < b->tree->n; i++) {
        bool html = b->in_html[i] && body_is_html(&b->tree->parts[i]);
        if (html || is_picture_among_texts(b, i) || (b->inner[i] && has_html(b->inner[i]))) {
            return true;
        }
    }
    return b->has_tnef_html;
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
        free(b->picture_cids[i]);
    }
    free(b->in_text);
    free(b->in_html);
    free(b->is_other);
    free(b->inner);
    buf_wipe(&b->content);
}

static void view_prepare(struct build *b);

static void put_around(const struct build *b, const struct nested_place *inside, size_t i,
                       struct build *inner)
{
    struct nested_place two[] = {view_place_of(b, &b->tree->parts[i]), *inside};
    inner->n_around = view_places_with(b, two, 2, inner->around);
    inner->has_no_place = b->has_no_place || inside->octets == 0 || inner->n_around >= NESTED_MAX;
}

/* What a signature or an encoding is wrapped around is shown in its place, with its files. */
static void unwrap(struct build *b, size_t i)
{
    struct build *inner = err_calloc(1, sizeof *inner);
    *inner = (struct build){
        .v = b->v,
        .r = b->r,
        .depth = b->depth + 1,
        .content = BUF_INIT(READ_PACKED_MAX),
    };
    struct nested_place inside = {0};
    bool opened = b->depth < UNWRAPPED_MAX &&
                  body_open(b->r, &b->tree->parts[i], &inner->content, &inside) == 0;
    inner->message = buf_str(&inner->content);
    inner->tree = opened ? tree_read(b->r, inner->message, b->tree->parts[i].number) : NULL;
    if (!inner->tree) {
        buf_wipe(&inner->content);
        free(inner);
        return;
    }
    put_around(b, &inside, i, inner);
    view_prepare(inner);
    b->inner[i] = inner;
}

/* What only its reader's own program can open, and what should have been opened and was not: a
 * sentence says so. */
static void note_encryption(struct build *b, size_t i)
{
    const struct part *p = &b->tree->parts[i];
    b->v->smime |= body_is_smime(p, b->inner[i]);
    b->v->pgp |= body_is_pgp(b->tree, p);
    b->v->cut |= body_says_signed(p) && !b->inner[i];
}

static void view_prepare(struct build *b)
{
    b->in_text = err_calloc(b->tree->n + 1, sizeof *b->in_text);
    b->in_html = err_calloc(b->tree->n + 1, sizeof *b->in_html);
    b->is_other = err_calloc(b->tree->n + 1, sizeof *b->is_other);
    b->inner = err_calloc(b->tree->n + 1, sizeof(struct build *));
    for (size_t i = 0; i < b->tree->n; i++) {
        if (body_is_calendar(&b->tree->parts[i])) {
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

/* Letters and digits alone: programs wrap and mark the same text in their own ways. */
static void view_squeeze(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);
        bool blank = (unsigned char)c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] == 0xa0;
        i += blank;
        if (!blank &&
            ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)) {
            (void)!buf_append(out, &c, 1);
        }
    }
}

/* A description that the text has word for word is not shown again on the card. */
static void leave_out_what_is_said(struct view *v)
{
    struct buf text = BUF_INIT(VIEW_TEXT_MAX), about = BUF_INIT(sizeof v->events[0].about);
    if (v->n_events > 0) {
        view_squeeze(buf_str(&v->text), &text);
    }
    for (size_t i = 0; i < v->n_events; i++) {
        struct view_event *e = &v->events[i];
        buf_reset(&about);
        view_squeeze(str_c(e->about), &about);
        if (memmem(buf_str(&text).p, buf_len(&text), buf_str(&about).p, buf_len(&about))) {
            e->about[0] = '\0';
        }
        if (strcmp(e->url, e->where) == 0) {
            e->url[0] = '\0';
        }
    }
    buf_wipe(&text);
    buf_wipe(&about);
}

static void build(struct build *b)
{
    struct view *v = b->v;
    const struct tree_fields *f = &b->tree->fields;
    v->from = fields_addresses(b->r, f, "From");
    v->from_name = fields_author(b->r, f);
    v->to = fields_addresses(b->r, f, "To");
    v->cc = fields_addresses(b->r, f, "Cc");
    v->subject = view_value(f, "Subject");
    v->date = view_value(f, "Date");
    v->message_id = view_value(f, "Message-ID");
    v->references = view_value(f, "References");
    v->cut |= b->tree->cut;
    view_prepare(b);
    view_attach_all(b);
    v->incomplete = b->tree->is_open;
    show_all(b, false);
    leave_out_what_is_said(v);
    b->has_text = false;
    if (has_html(b)) {
        show_all(b, true);
    }
    bool html = buf_len(&v->html) > 0,
         nothing = html ? body_html_is_blank(buf_str(&v->html)) : str_is_blank(buf_str(&v->text));
    v->blank = nothing && v->n_events == 0;
}

struct view *view_of_message(struct str message)
{
    struct view *v = err_calloc(1, sizeof *v);
    struct mime_reading *reading = err_calloc(1, sizeof *reading);
    struct mime_limits limits = mime_standard_limits;
    limits.depth = DEPTH_MAX;
    struct reader r = {
        .out = reading,
        .limits = &limits,
        .until_mono_ms = INT64_MAX,
        .spent_at_ms = reader_spent_at(&limits, message),
        .text_left = VIEW_TEXT_MAX,
        .opened_left = UINT64_MAX,
        .hold_left = UINT64_MAX,
    };
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
    char **fields[] = {
        &v->from,    &v->from_name, &v->to,         &v->cc,
        &v->subject, &v->date,      &v->message_id, &v->references,
    };
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
    char *fields[] = {
        v->from, v->from_name, v->to, v->cc, v->subject, v->date, v->message_id, v->references,
    };
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
