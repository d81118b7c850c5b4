/* SPDX-License-Identifier: Apache-2.0
 * reader.c: one reading: its limits, its problems, its texts, and which file of this folder
 * reads which octets.
 *
 * Called by message.c and by everything that finds something inside something. What a thing is,
 * its octets say, not its name. What can go wrong: all limits (a note each), kinds nobody here
 * can read.
 */
#include "base/clock.h"
#include "base/sanitized.h"
#include "mime/calendar.h"
#include "mime/inside.h"
#include "mime/kind.h"
#include "mime/pgp.h"
#include "mime/tree.h"
#include "sys/fence.h"
#include "wire/transfer.h"

#include <stdio.h>
#include <stdlib.h>

const struct mime_limits mime_standard_limits = {
    .time_ms = 10000,
    .text_octets = 32 * 1024 * 1024,
    .opened_octets = 256 * 1024 * 1024,
    .parts = 2000,
    .depth = 12,
    .problems = 200,
};
enum {
    TEXTS_MAX = 4000,
    ATTACHMENTS_MAX = 1000,
    /* and one more for each CPU_OCTETS of the message, as bombs are small; of the time limit,
     * three tenths at most */
    CPU_LEAST_MS = 1000,
    CPU_OCTETS = 4096,
    LOOK_OCTETS = 8192,
    HOLD_MAX = 96 * 1024 * 1024,
};

#define PROBLEM_NAME(n, s, ambiguous, sentence)      s,
#define PROBLEM_AMBIGUOUS(n, s, ambiguous, sentence) ambiguous,
#define PROBLEM_SENTENCE(n, s, ambiguous, sentence)  sentence,

const char *mime_problem_name(enum mime_problem_kind k)
{
    static const char *const names[] = {MIME_PROBLEMS(PROBLEM_NAME)};
    return k < MIME_PROBLEM_END ? names[k] : "unknown";
}

const char *mime_problem_sentence(enum mime_problem_kind k)
{
    static const char *const sentences[] = {MIME_PROBLEMS(PROBLEM_SENTENCE)};
    return k < MIME_PROBLEM_END ? sentences[k] : "";
}

bool mime_problem_is_ambiguous(enum mime_problem_kind k)
{
    static const bool ambiguous[] = {MIME_PROBLEMS(PROBLEM_AMBIGUOUS)};
    return k < MIME_PROBLEM_END && ambiguous[k];
}

const char *mime_encryption_name(enum mime_encryption e)
{
    static const char *const names[] = {"none", "pgp", "pgp-inline", "smime"};
    return e < ARRAY_LEN(names) ? names[e] : "unknown";
}

/* --- what a reading holds ----------------------------------------------- */

/* One more place at the end of an array that doubles; NULL: there are `max` already. */
static void *reader_grow(void *array, size_t *n, size_t size, size_t max)
{
    void **at = array;
    if (*n == max) {
        return NULL;
    }
    if ((*n & (*n - 1)) == 0) { /* 0, or a power of two: full */
        *at = realloc(*at, (*n ? *n * 2 : 1) * size);
        must(*at);
    }
    char *place = (char *)*at + *n * size;
    memset(place, 0, size);
    (*n)++;
    return place;
}

/* One line, without control characters. */
static void reader_put_line(char *dst, size_t size, const char *text)
{
    str_copy_cut(str_c(text), dst, size);
    for (char *p = dst; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
    }
}

/* The beginning and the end of one that is too long: rules ask for its ending. */
static void reader_put_name(char *dst, size_t size, const char *name)
{
    enum { END = 32 };
    char *clean = tree_clean_name(str_c(name));
    struct str s = str_c(clean);
    size_t begin = size - END - 4, end = s.n > END ? s.n - END : 0;
    reader_put_line(dst, size, clean ? clean : "");
    while (s.n >= size && begin > 0 && ((unsigned char)s.p[begin] & 0xc0) == 0x80) {
        begin--;
    }
    while (s.n >= size && end < s.n && ((unsigned char)s.p[end] & 0xc0) == 0x80) {
        end++;
    }
    if (s.n >= size) {
        str_copy_cut(STR("..."), dst + begin, size - begin);
        reader_put_line(dst + begin + 3, size - begin - 3, clean + end);
    }
    free(clean);
}

void reader_problem(struct reader *r, enum mime_problem_kind kind, const char *part,
                    const char *detail)
{
    for (size_t i = 0; i < r->out->n_problems; i++) {
        if (r->out->problems[i].kind == kind && strcmp(r->out->problems[i].part, part) == 0) {
            return;
        }
    }
    struct mime_problem *p =
        reader_grow(&r->out->problems, &r->out->n_problems, sizeof *p, r->limits->problems);
    if (p) {
        p->kind = kind;
        str_copy_cut(str_c(part), p->part, sizeof p->part);
        reader_put_line(p->detail, sizeof p->detail, detail);
    }
}

static bool stop(struct reader *r, const char *what)
{
    if (!r->stopped) {
        r->stopped = true;
        reader_problem(r, MIME_LIMIT, "", what);
    }
    return true;
}

bool reader_is_over(struct reader *r)
{
    if (r->stopped) {
        return true;
    }
    if (clock_mono_ms() > r->until_mono_ms) {
        return stop(r, "reading it took too long");
    }
    return r->out->parts >= r->limits->parts && stop(r, "it has too many parts");
}

static int64_t budget_ms(const struct mime_limits *limits, struct str message)
{
    int64_t ms = CPU_LEAST_MS + (int64_t)(message.n / CPU_OCTETS), most = limits->time_ms * 3 / 10;
    return ms < most ? ms : most;
}

/* the same work takes that much longer (and ten times in libraries: sys/fence.c) */
enum { SLOWER = SANITIZED ? 3 : 1 };

/* Reading it and looking through its texts: 1.6 seconds where the whole has 10, and one more for
 * each LOOK_OCTETS, 3 at most. */
static int64_t look_until(const struct mime_limits *limits, struct str message)
{
    int64_t more = (int64_t)(message.n / LOOK_OCTETS), most = limits->time_ms * 3 / 10;
    return clock_cpu_ms() + SLOWER * (limits->time_ms * 16 / 100 + (more < most ? more : most));
}

int64_t reader_spent_at(const struct mime_limits *limits, struct str message)
{
    return clock_cpu_ms() + SLOWER * budget_ms(limits, message);
}

bool reader_is_spent(struct reader *r, const char *part)
{
    if (reader_is_over(r)) {
        return true;
    }
    if (clock_cpu_ms() <= r->spent_at_ms) {
        return false;
    }
    reader_problem(r, MIME_LIMIT, part, "it costs too much to read");
    return true;
}

bool reader_hold(struct reader *r, const char *part, uint64_t n)
{
    bool fits = n <= r->hold_left; /* it is counted all the same: it will be let go */
    r->hold_left -= n;
    if (!fits) {
        reader_problem(r, MIME_LIMIT, part, "too much at once");
    }
    return fits;
}

void reader_let_go(struct reader *r, uint64_t n)
{
    r->hold_left += n;
}

bool reader_open_octets(struct reader *r, const char *part, uint64_t n)
{
    if (n > r->opened_left) {
        r->opened_left = 0;
        reader_problem(r, MIME_LIMIT, part, "too much comes out of it");
        return false;
    }
    r->opened_left -= n;
    return true;
}

bool reader_deeper(struct reader *r, const char *part)
{
    if (r->depth >= r->limits->depth) {
        reader_problem(r, MIME_LIMIT, part, "things inside things, too deep");
        return false;
    }
    r->depth++;
    return true;
}

struct buf *reader_text(struct reader *r, enum mime_place place, const char *part)
{
    struct mime_text *t = r->text_left > 0
                              ? reader_grow(&r->out->texts, &r->out->n_texts, sizeof *t, TEXTS_MAX)
                              : NULL;
    if (!t) {
        reader_problem(r, MIME_LIMIT, part, "too much text");
        return NULL;
    }
    t->place = place;
    t->is_attached_mail = r->in_attached_mail && place == MIME_BODY;
    t->text = BUF_INIT(r->text_left);
    str_copy_cut(str_c(part), t->part, sizeof t->part);
    return &t->text;
}

void reader_text_done(struct reader *r, struct buf *text)
{
    uint64_t n = buf_len(text);
    r->text_left -= n < r->text_left ? n : r->text_left;
}

void reader_add_text(struct reader *r, enum mime_place place, const char *part, struct str text)
{
    struct buf *out = text.n > 0 ? reader_text(r, place, part) : NULL;
    if (!out) {
        return;
    }
    if (buf_add(out, text) < 0) {
        (void)!buf_add(out, str_slice(text, 0, r->text_left));
        reader_problem(r, MIME_LIMIT, part, "too much text");
    }
    reader_text_done(r, out);
}

void reader_attachment(struct reader *r, const struct piece *p, const char *type)
{
    struct mime_attachment *a =
        reader_grow(&r->out->attachments, &r->out->n_attachments, sizeof *a, ATTACHMENTS_MAX);
    if (a) {
        a->type = type;
        a->octets = p->octets.n;
        reader_put_name(a->name, sizeof a->name, p->name);
        str_copy_cut(str_c(p->part), a->part, sizeof a->part);
    } else {
        reader_problem(r, MIME_LIMIT, "", "more attachments than are noted");
    }
}

void reader_name(struct reader *r, const char *part, const char *name)
{
    struct mime_name *n = reader_grow(&r->out->names, &r->out->n_names, sizeof *n, ATTACHMENTS_MAX);
    if (n) {
        str_copy_cut(str_c(part), n->part, sizeof n->part);
        reader_put_name(n->name, sizeof n->name, name);
    } else {
        reader_problem(r, MIME_LIMIT, "", "more names than are noted");
    }
}

void reader_describe(struct reader *r, const struct mime_part *p)
{
    struct mime_part *new =
        reader_grow(&r->out->described, &r->out->n_described, sizeof *new, TEXTS_MAX);
    if (new) {
        *new = *p;
    }
}

void reader_inner_part(const char *part, unsigned n, char ret[MIME_PART])
{
    snprintf(ret, MIME_PART, "%.17s/%u", part, n);
}

/* --- who reads what ----------------------------------------------------- */

static bool says_quoted(struct str name)
{
    for (size_t i = 0; i + 16 <= name.n; i++) {
        if (str_starts_nocase(str_slice(name, i, name.n), STR("QUOTED-PRINTABLE"))) {
            return true;
        }
    }
    return false;
}

/* vCard 2.1, vCalendar 1.0: a line that says so is quoted-printable (its 2.1.4.4), and goes on
 * behind an '=' at its end. */
static void undo_quoted(struct str card, struct buf *out)
{
    for (size_t at = 0; at < card.n;) {
        size_t end = str_find(card, '\n', at), colon = str_find(card, ':', at);
        struct str name = str_slice(card, at, colon < end ? colon : at);
        if (!says_quoted(name)) {
            (void)!buf_add(out, str_slice(card, at, end < card.n ? end + 1 : end));
            at = end + 1;
            continue;
        }
        for (size_t stop = end; end < card.n; end = str_find(card, '\n', end + 1)) {
            stop = end > at && card.p[end - 1] == '\r' ? end - 1 : end;
            if (card.p[stop - 1] != '=') {
                break;
            }
        }
        (void)!buf_add(out, str_slice(card, at, colon + 1));
        (void)!transfer_read_all(TRANSFER_QUOTED, str_slice(card, colon + 1, end), out, NULL);
        (void)!buf_add(out, STR("\n"));
        at = end + 1;
    }
}

/* UTF-32 with its mark, which a text without a label may have; NULL: anything else. */
static const char *wide_charset(struct str o)
{
    bool little = o.n % 4 == 0 && o.n >= 8 && memcmp(o.p, "\xff\xfe\0\0", 4) == 0;
    return little                                            ? "utf-32le"
           : o.n >= 4 && memcmp(o.p, "\0\0\xfe\xff", 4) == 0 ? "utf-32be"
                                                             : NULL;
}

void read_unfolded(struct str octets, struct buf *out)
{
    struct buf whole = BUF_INIT(octets.n + 1);
    (void)!calendar_unfold(octets, &whole);
    undo_quoted(buf_str(&whole), out);
    buf_wipe(&whole);
}

/* What the events of a calendar say, as people read it: "Mr Baker, diabetes" of "SUMMARY:Mr
 * Baker\, diabetes". */
static void reader_put_events(struct str calendar, struct buf *out)
{
    enum { EVENTS_MAX = 100 };
    struct view_event *events = err_calloc(EVENTS_MAX, sizeof *events);
    size_t n = calendar_read(calendar, events, EVENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        (void)!buf_printf(out, "%s\n%s\n%s\n\n", events[i].what, events[i].about, events[i].where);
    }
    free(events);
}

static void reader_read_plain(struct reader *r, const struct piece *p)
{
    bool calendar = kind_begins(p->octets, STR("VCALENDAR")),
         folded = calendar || kind_begins(p->octets, STR("VCARD"));
    struct buf plain = BUF_INIT(2 * p->octets.n + 2), said = BUF_INIT(p->octets.n + 1024);
    if (folded) {
        read_unfolded(p->octets, &plain);
    }
    struct str octets = folded ? buf_str(&plain) : p->octets;
    struct buf *out = reader_text(r, p->place, p->part);
    if (out) {
        charset_text(r, p->part, octets, wide_charset(octets), out);
        if (calendar) {
            reader_put_events(buf_str(out), &said);
        }
        reader_text_done(r, out);
        reader_add_text(r, MIME_ATTACHMENT, p->part, buf_str(&said));
    }
    if (charset_fits_as_is(octets, wide_charset(octets))) {
        reader_add_text(r, p->place, p->part, octets);
    }
    inside_read(r, p->part, folded ? INSIDE_CARD : INSIDE_TEXT, p->octets);
    buf_wipe(&said);
    buf_wipe(&plain);
}

/* The fields of what only looks like a message: it might be a text of somebody's. */
static void read_head(struct reader *r, struct str octets, const struct piece *p)
{
    size_t end = 0;
    while (end < octets.n && octets.p[end] != '\n' && octets.p[end] != '\r') {
        end = str_find(octets, '\n', end) + 1;
    }
    if (!str_ends_nocase(str_c(p->name), STR(".eml")) &&
        !str_ends_nocase(str_c(p->name), STR(".mht"))) {
        reader_add_text(r, p->place, p->part,
                        str_slice(octets, 0, end < octets.n ? end : octets.n));
    }
}

/* A message, or a file of many: each behind a line "From ..." at the beginning of a line (RFC
 * 4155). */
static void read_messages(struct reader *r, const struct piece *p)
{
    struct str octets = p->octets;
    char number[MIME_PART];
    bool outer = r->in_attached_mail, is_one = !str_starts_nocase(octets, STR("From "));
    r->in_attached_mail = true;
    if (is_one) {
        read_head(r, octets, p);
        read_message(r, octets, p->part, false);
    }
    for (unsigned n = 1; !is_one && octets.n > 0 && !reader_is_over(r); n++) {
        size_t from = str_find(octets, '\n', 0) + 1, end = from;
        while (end < octets.n &&
               !str_starts_nocase(str_slice(octets, end, octets.n), STR("From "))) {
            end = str_find(octets, '\n', end) + 1;
        }
        end = end < octets.n ? end : octets.n;
        reader_inner_part(p->part, n, number);
        read_head(r, str_slice(octets, 0, end), p);
        read_message(r, str_slice(octets, from < end ? from : end, end), number, false);
        r->out->parts++;
        octets = str_slice(octets, end, octets.n);
    }
    r->in_attached_mail = outer;
}

/* A file of HTML, in whatever character set. */
static void read_html_file(struct reader *r, const struct piece *p)
{
    struct buf text = BUF_INIT(r->text_left + 1);
    charset_text(r, p->part, p->octets, NULL, &text);
    read_html(r, &(struct piece){
                     .octets = buf_str(&text),
                     .part = p->part,
                     .name = p->name,
                     .place = p->place,
                 });
    if (charset_fits_as_is(p->octets, NULL)) { /* its <meta> says otherwise, or its escapes */
        read_html(r, p);
    }
    inside_read(r, p->part, INSIDE_HTML, buf_str(&text));
    buf_wipe(&text);
}

/* Outlook's X-ALT-DESC, or a page that only begins as one. */
static void read_html_in_calendar(struct reader *r, const struct piece *p)
{
    struct buf unfolded = BUF_INIT(p->octets.n + 1);
    (void)!calendar_unfold(p->octets, &unfolded);
    read_html_file(r, &(struct piece){
                          .octets = buf_str(&unfolded),
                          .part = p->part,
                          .name = p->name,
                          .place = p->place,
                      });
    buf_wipe(&unfolded);
}

/* A page of which a line or two can be read: its number, a fax machine's head. Pages end with a
 * form feed. */
static bool has_poor_page(struct str text)
{
    enum { LETTERS = 80 };
    size_t letters = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = str_lower(text.p[i]);
        letters += (c >= 'a' && c <= 'z') || (unsigned char)c >= 0xc0;
        if (c == '\f') {
            if (letters < LETTERS) {
                return true;
            }
            letters = 0;
        }
    }
    return false;
}

static void read_pdf(struct reader *r, const struct piece *p)
{
    enum { PICTURE = 100000 /* points: larger than most signs of a firm */ };
    struct buf *out = reader_is_spent(r, p->part) ? NULL : reader_text(r, p->place, p->part);
    if (!out) {
        return;
    }
    int64_t left = r->spent_at_ms - clock_cpu_ms(), began = clock_mono_ms();
    enum mime_document d = r->limits->pdf ? r->limits->pdf(r->limits->pdf_arg, p->octets, left, out)
                                          : MIME_DOCUMENT_NOBODY;
    /* by another processor, perhaps, but for this message */
    int64_t took = clock_mono_ms() - began;
    r->spent_at_ms -= took < left ? took : left;
    bool empty = str_is_blank(buf_str(out)), poor = has_poor_page(buf_str(out));
    reader_text_done(r, out);
    switch (d) {
    case MIME_DOCUMENT_TEXT:
        poor &= read_pdf_objects(r, p) >= PICTURE;
        if (empty || poor) {
            reader_problem(r, MIME_IMAGE, p->part, "");
        }
        break;
    case MIME_DOCUMENT_PASSWORD:
        reader_problem(r, MIME_PASSWORD, p->part, "");
        break;
    case MIME_DOCUMENT_DAMAGED:
        reader_problem(r, MIME_DAMAGED, p->part, "");
        break;
    case MIME_DOCUMENT_LIMIT:
        reader_problem(r, MIME_LIMIT, p->part, "");
        break;
    case MIME_DOCUMENT_NOBODY:
        reader_problem(r, MIME_UNKNOWN, p->part, "PDF cannot be read here: pdftotext is missing");
        break;
    }
}

static const char *reader_read_zip(struct reader *r, const struct piece *p)
{
    const char *type = "zip";
    if (!read_office(r, p, &type)) {
        read_archive(r, p, false);
    }
    return type;
}

/* Reads it; the word for what it is. */
static const char *reader_read_kind(struct reader *r, const struct piece *p, enum kind kind)
{
    const char *type = kind_name(kind);
    switch (kind) {
    case KIND_TEXT:
        reader_read_plain(r, p);
        break;
    case KIND_CALENDAR:
        reader_read_plain(r, p);
        if (kind_may_be(p->octets, p->name, KIND_HTML)) {
            read_html_in_calendar(r, p);
        }
        break;
    case KIND_HTML:
        read_html_file(r, p);
        if (kind_may_be(p->octets, p->name, KIND_TEXT)) {
            reader_read_plain(r, p);
        }
        break;
    case KIND_PDF:
        read_pdf(r, p);
        break;
    case KIND_ZIP:
        type = reader_read_zip(r, p);
        break;
    case KIND_ARCHIVE:
        read_archive(r, p, false);
        break;
    case KIND_PACKED:
        read_archive(r, p, true);
        break;
    case KIND_RTF:
        read_rtf(r, p);
        break;
    case KIND_TNEF:
        read_tnef(r, p);
        break;
    case KIND_OLE:
        read_ole(r, p, &type);
        break;
    case KIND_MESSAGE:
        read_messages(r, p);
        break;
    case KIND_IMAGE:
        reader_problem(r, MIME_IMAGE, p->part, "");
        read_strings(r, p);
        break;
    case KIND_MEDIA:
        reader_problem(r, MIME_MEDIA, p->part, "");
        break;
    case KIND_UNKNOWN:
        if (pgp_read_unknown(r, p)) {
            return kind_name(KIND_PACKED);
        }
        reader_problem(r, MIME_UNKNOWN, p->part, "");
        read_strings(r, p);
        break;
    case KIND_PROGRAM:
        reader_problem(r, MIME_UNKNOWN, p->part, "");
        read_strings(r, p);
        break;
    }
    return type;
}

void reader_piece(struct reader *r, const struct piece *p)
{
    bool empty = p->octets.n == 0, named = p->place == MIME_ATTACHMENT && p->name[0];
    if (!reader_is_over(r) && empty && named) { /* of an empty file there is its name */
        reader_attachment(r, p, kind_name(KIND_TEXT));
    }
    if (reader_is_over(r) || empty || !reader_deeper(r, p->part)) {
        return;
    }
    r->out->parts++;
    size_t at = r->out->n_attachments;
    if (p->place == MIME_ATTACHMENT) {
        reader_attachment(r, p, "?"); /* before what is inside it */
    }
    const char *type = reader_read_kind(r, p, kind_of(p->octets, p->name));
    if (p->place == MIME_ATTACHMENT && at < r->out->n_attachments) {
        r->out->attachments[at].type = type;
    }
    r->depth--;
}

/* --- beginning and end -------------------------------------------------- */

struct reader reader_new(const struct mime_limits *limits, struct str octets)
{
    return (struct reader){
        .out = err_calloc(1, sizeof(struct mime_reading)),
        .limits = limits,
        .until_mono_ms = clock_mono_ms() + limits->time_ms,
        .spent_at_ms = reader_spent_at(limits, octets),
        .text_left = limits->text_octets,
        .opened_left = limits->opened_octets,
        .hold_left = HOLD_MAX,
    };
}

void reader_clock(const struct mime_limits *limits, struct str message)
{
    fence_clock(2 * budget_ms(limits, message) + (int64_t)(message.n / CPU_OCTETS));
}

/* OpenPGP in the texts that were found, and in those found there. */
static void read_armour(struct reader *r)
{
    for (size_t i = 0; i < r->out->n_texts && !reader_is_over(r); i++) {
        const struct mime_text t = r->out->texts[i]; /* its octets stay where they are */
        r->in_attached_mail = t.is_attached_mail;
        pgp_read_armour(r, &(struct piece){
                               .octets = buf_str(&t.text),
                               .part = t.part,
                               .name = "",
                               .place = t.place,
                           });
    }
    r->in_attached_mail = false;
}

struct mime_reading *mime_read(struct str message, const struct mime_limits *limits)
{
    struct reader r = reader_new(limits, message);
    r.out->look_until_ms = look_until(limits, message);
    reader_clock(limits, message);
    read_message(&r, message, "", true);
    read_armour(&r);
    bool ambiguous = false, cut = false;
    for (size_t i = 0; i < r.out->n_problems; i++) {
        ambiguous |= mime_problem_is_ambiguous(r.out->problems[i].kind);
        cut |= r.out->problems[i].kind == MIME_LIMIT;
    }
    if (ambiguous || cut) {
        scan_raw(&r, message);
    }
    fence_clock(0);
    return r.out;
}

struct mime_reading *mime_read_file(struct str octets, const char *name,
                                    const struct mime_limits *limits)
{
    struct reader r = reader_new(limits, octets);
    struct piece p = {.octets = octets, .part = "1", .name = name, .place = MIME_ATTACHMENT};
    r.out->look_until_ms = look_until(limits, octets);
    reader_clock(limits, octets);
    reader_piece(&r, &p);
    read_armour(&r);
    fence_clock(0);
    return r.out;
}

void mime_reading_free(struct mime_reading *r)
{
    if (!r) {
        return;
    }
    for (size_t i = 0; i < r->n_texts; i++) {
        buf_wipe(&r->texts[i].text);
    }
    for (size_t i = 0; i < r->n_fields; i++) {
        free(r->fields[i].name);
        free(r->fields[i].value);
    }
    free(r->texts);
    free(r->problems);
    free(r->attachments);
    free(r->names);
    free(r->described);
    free(r->fields);
    free(r);
}

const char *mime_field_next(const struct mime_reading *r, const char *name, size_t *cursor)
{
    while (*cursor < r->n_fields) {
        const struct mime_field *f = &r->fields[(*cursor)++];
        if (str_eq_nocase(str_c(f->name), str_c(name))) {
            return f->value;
        }
    }
    return NULL;
}

/* "Re:", "AW:", "RE :", "Re[2]:", "Fwd:" as mail programs write them. */
static bool reader_is_repeated(struct str subject)
{
    static const char *const words[] = {
        "re", "aw",  "sv", "vs", "antw", "rif", "r", "res", "odp",    "ynt",
        "fw", "fwd", "wg", "tr", "rv",   "enc", "i", "vl",  "doorst",
    };
    size_t colon = str_find(subject, ':', 0);
    struct str word = str_slice(subject, 0, colon);
    word = str_trim(str_slice(word, 0, str_find(word, '[', 0)));
    for (size_t i = 0; colon < subject.n && i < ARRAY_LEN(words); i++) {
        if (str_eq_nocase(word, str_c(words[i]))) {
            return true;
        }
    }
    return false;
}

bool mime_is_answer(const struct mime_reading *r)
{
    size_t answer = 0, thread = 0, subjects = 0;
    const char *subject = mime_field_next(r, "Subject", &subjects);
    return mime_field_next(r, "In-Reply-To", &answer) ||
           mime_field_next(r, "References", &thread) ||
           reader_is_repeated(str_trim(str_c(subject)));
}
