/* SPDX-License-Identifier: Apache-2.0
 * sevenbit.c: see sevenbit.h; RFC 2045 6, RFC 2046 5.1.1, RFC 1847 2.1. Called by smtpout/fit.c
 * (survey) and head.c.
 *
 * Lines are put together up to LINE_KEPT octets, enough for any delimiter; what is longer goes
 * on in pieces. The CRLF before a delimiter belongs to the delimiter, so an encoder holds the
 * last CRLF back until it knows what follows. What can go wrong is found by the survey; writing
 * only follows its plan.
 */
#include "wire/sevenbit.h"
#include "wire/base64.h"
#include "wire/header.h"
#include "wire/marks.h"
#include "wire/media.h"
#include "wire/qp.h"

#include <stdlib.h>

enum {
    DEPTH_MAX = 32,
    PARTS_MAX = 10000,
    LINE_KEPT = 1024,
    HEAD_MAX = 2 * 1024 * 1024,
    BASE64_LINE = 57,
    WRAP = 76
};

/* As in plan->parts. */
enum how { HOW_KEEP, HOW_QP, HOW_BASE64, HOW_REFOLD };
enum { HOW_UTF8 = 1 << 4 }; /* the text is UTF-8 */

enum place { PLACE_HEAD, PLACE_JUNK, PLACE_LEAF, PLACE_SEALED };

struct level {
    char boundary[MEDIA_BOUNDARY_MAX + 1];
    bool digest;
};

struct sevenbit {
    struct sevenbit_plan *plan;
    bool survey;
    enum place place;
    struct level levels[DEPTH_MAX];
    size_t depth, nested; /* open multiparts; messages entered */
    struct buf line, head;
    bool in_line;    /* the beginning of this line went on already */
    char last;       /* the octet before, of such a line */
    bool is_message; /* of the header section under way */
    bool top, has_dkim, has_binary;
    size_t n_parts;
    /* the leaf */
    struct media media;
    enum how how;
    struct marks marks; /* survey */
    size_t octets, coded;
    bool utf8;
    bool crlf_held;
    struct qp qp;
    char held[BASE64_LINE];
    size_t n_held, column, escape;
};

struct sevenbit *sevenbit_new(struct sevenbit_plan *plan, bool survey)
{
    struct sevenbit *s = err_calloc(1, sizeof *s);
    s->plan = plan;
    s->survey = survey;
    s->line = BUF_INIT(2 * LINE_KEPT);
    s->head = BUF_INIT(HEAD_MAX);
    s->is_message = s->top = true;
    if (survey) {
        plan->parts = BUF_INIT(PARTS_MAX);
    }
    return s;
}

void sevenbit_free(struct sevenbit *s)
{
    if (s) {
        buf_wipe(&s->line);
        buf_wipe(&s->head);
        explicit_bzero(s->held, sizeof s->held);
        free(s);
    }
}

void sevenbit_plan_free(struct sevenbit_plan *plan)
{
    buf_free(&plan->parts);
    *plan = (struct sevenbit_plan){0};
}

const char *sevenbit_problem_sentence(enum sevenbit_problem problem)
{
    switch (problem) {
    case SEVENBIT_FINE:
        return "";
    case SEVENBIT_SEALED:
        return "the message is signed or encrypted, and a conversion would break that";
    case SEVENBIT_HEADER:
        return "a header section has octets that are not ASCII, which are not converted";
    case SEVENBIT_ENCODING:
        return "a part of the message has a type or an encoding that allows no conversion";
    case SEVENBIT_STRUCTURE:
        return "the message has too many parts, or parts too deep in each other, to be converted";
    }
    return "";
}

static void sevenbit_note(struct sevenbit *s, enum sevenbit_problem problem)
{
    if (s->plan->problem == SEVENBIT_FINE) {
        s->plan->problem = problem;
    }
}

static int sevenbit_put(struct sevenbit *s, struct str text, struct buf *out)
{
    return s->survey ? 0 : buf_add(out, text);
}

/* --- the header section of an entity ------------------------------------ */

/* What its Content-Transfer-Encoding is to say; NULL: what it says now. */
static const char *sevenbit_label_of(const struct sevenbit *s)
{
    bool all = s->plan->need == SEVENBIT_ALL;
    if (s->place == PLACE_SEALED || !media_is_identity(&s->media)) {
        return NULL;
    }
    if (s->place == PLACE_LEAF && s->how != HOW_KEEP) {
        return s->how == HOW_QP ? "quoted-printable" : "base64";
    }
    return s->media.encoding == MEDIA_BINARY        ? (all ? "7bit" : "8bit")
           : s->media.encoding == MEDIA_8BIT && all ? "7bit"
                                                    : NULL;
}

static int sevenbit_put_fields(struct sevenbit *s, struct str head, const char *label,
                               struct buf *out)
{
    struct str rest = head, before = head, name, value;
    int r = 0;
    while (r == 0 && header_next(&rest, &name, &value)) {
        struct str whole = str_slice(before, 0, before.n - rest.n);
        before = rest;
        if (!label || !str_eq_nocase(name, STR("Content-Transfer-Encoding"))) {
            r = buf_add(out, whole);
        }
    }
    return r;
}

/* The fields that a conversion needs; a message from before MIME gets a type (RFC 1428 3:
 * unknown-8bit).
 * RFC 2045 4 MUST: what we make of old messages has MIME-Version 1.0 */
static int sevenbit_put_head(struct sevenbit *s, struct str head, bool is_utf8, struct buf *out)
{
    const char *label = sevenbit_label_of(s);
    int r = sevenbit_put_fields(s, head, label, out);
    if (r == 0 && label && s->is_message && !s->media.has_version) {
        r = buf_add(out, STR("MIME-Version: 1.0\r\n"));
    }
    if (r == 0 && label && !s->media.has_type && s->place == PLACE_LEAF && s->how != HOW_KEEP) {
        r = buf_printf(out, "Content-Type: text/plain; charset=%s\r\n",
                       is_utf8 ? "utf-8" : "unknown-8bit");
    }
    return r == 0 && label ? buf_printf(out, "Content-Transfer-Encoding: %s\r\n", label) : r;
}

static void look_head(struct sevenbit *s, struct str head)
{
    struct str rest = head, name, value;
    struct marks marks = {.in_body = true};
    marks_look(&marks, head);
    if (marks.binary) {
        sevenbit_note(s, SEVENBIT_HEADER);
    }
    if (s->plan->need == SEVENBIT_ALL && !s->plan->utf8_headers && marks_has_8bit(head)) {
        sevenbit_note(s, SEVENBIT_HEADER);
    }
    while (s->top && header_next(&rest, &name, &value)) {
        s->has_dkim |= str_eq_nocase(name, STR("DKIM-Signature"));
    }
    s->top = false;
}

/* Where the octets behind this header section belong. */
static enum place sevenbit_place_of(struct sevenbit *s)
{
    const struct media *m = &s->media;
    if (m->kind == MEDIA_SEALED) {
        return PLACE_SEALED;
    }
    if (m->kind != MEDIA_MULTIPART && (m->kind != MEDIA_MESSAGE || !media_is_identity(m))) {
        return PLACE_LEAF;
    }
    if (s->depth + s->nested >= DEPTH_MAX) {
        sevenbit_note(s, SEVENBIT_STRUCTURE);
        return PLACE_SEALED;
    }
    return m->kind == MEDIA_MULTIPART ? PLACE_JUNK : PLACE_HEAD;
}

static void begin_leaf(struct sevenbit *s)
{
    struct str parts = buf_str(&s->plan->parts);
    unsigned char said =
        s->survey || s->n_parts >= parts.n ? HOW_KEEP : (unsigned char)parts.p[s->n_parts];
    s->how = (enum how)(said & ~HOW_UTF8);
    s->utf8 = s->survey || said & HOW_UTF8;
    s->marks = (struct marks){.in_body = true};
    s->octets = s->coded = s->n_held = s->column = s->escape = 0;
    s->crlf_held = false;
    s->qp = (struct qp){0};
    s->n_parts++;
}

/* The header section is complete; blank: with the empty line.
 * RFC 2045 6.4 MUST NOT: multiparts and messages are not encoded, only what is in them
 * RFC 2046 5.2.1 MUST NOT: message/rfc822 is not encoded */
static int end_head(struct sevenbit *s, bool blank, struct buf *out)
{
    struct str head = buf_str(&s->head);
    bool digest = s->depth > 0 && !s->is_message && s->levels[s->depth - 1].digest;
    media_read(head, digest, &s->media);
    if (s->survey) {
        look_head(s, head);
    }
    s->place = sevenbit_place_of(s);
    if (s->place == PLACE_LEAF) {
        begin_leaf(s);
    }
    int r = s->survey ? 0 : sevenbit_put_head(s, head, s->utf8, out);
    r = r < 0 || !blank ? r : sevenbit_put(s, STR("\r\n"), out);
    if (s->place == PLACE_JUNK) {
        struct level *l = &s->levels[s->depth++];
        str_copy_cut(str_c(s->media.boundary), l->boundary, sizeof l->boundary);
        l->digest = s->media.is_digest;
    }
    s->is_message = s->place == PLACE_HEAD;
    s->nested += s->is_message;
    buf_reset(&s->head);
    s->column = 0;
    s->marks = (struct marks){.in_body = true};
    return r;
}

/* --- the body of a leaf ------------------------------------------------- */

static void look_leaf(struct sevenbit *s, struct str text)
{
    marks_look(&s->marks, text);
    s->octets += text.n;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        s->coded += c >= 0x7f || c == '=' || (c < ' ' && c != '\r' && c != '\n' && c != '\t');
    }
    /* a line that is looked at in pieces may be cut: then it is not said to be */
    s->utf8 = s->utf8 && marks_is_utf8(text);
}

static bool needs_other_form(const struct sevenbit *s)
{
    return s->marks.binary || s->marks.long_line ||
           (s->plan->need == SEVENBIT_ALL && s->marks.eight_bit);
}

/* Text stays readable unless base64 is shorter: two octets more for each that is coded against a
 * third more for all. */
static enum how how_for(struct sevenbit *s)
{
    bool is_bad = s->marks.binary || s->marks.eight_bit;
    if (!needs_other_form(s)) {
        return HOW_KEEP;
    }
    if (media_is_identity(&s->media) && s->media.kind == MEDIA_LEAF) {
        return s->media.is_text && s->coded * 6 < s->octets ? HOW_QP : HOW_BASE64;
    }
    if (s->media.kind == MEDIA_LEAF &&
        (s->media.encoding == MEDIA_QP || s->media.encoding == MEDIA_BASE64)) {
        return HOW_REFOLD;
    }
    if (is_bad) {
        sevenbit_note(s, SEVENBIT_ENCODING);
    }
    return HOW_KEEP;
}

static void plan_leaf(struct sevenbit *s)
{
    marks_end(&s->marks);
    enum how how = how_for(s);
    char said = (char)((unsigned)how | (s->utf8 ? HOW_UTF8 : 0u));
    s->plan->changes |= how != HOW_KEEP;
    s->has_binary |= s->marks.binary;
    if (buf_append(&s->plan->parts, &said, 1) < 0) {
        sevenbit_note(s, SEVENBIT_STRUCTURE);
    }
}

/* RFC 2045 6.8 MUST: base64: lines of 76 at most */
static int sevenbit_put_base64(struct sevenbit *s, struct str text, struct buf *out)
{
    int r = 0;
    while (r == 0 && text.n > 0) {
        size_t n = BASE64_LINE - s->n_held < text.n ? BASE64_LINE - s->n_held : text.n;
        memcpy(s->held + s->n_held, text.p, n);
        s->n_held += n;
        text = str_slice(text, n, text.n);
        if (s->n_held == BASE64_LINE) {
            r = base64_write(str_from(s->held, s->n_held), WRAP, out);
            s->n_held = 0;
            s->column = WRAP; /* something was written, and its line ended */
        }
    }
    return r;
}

/* A part that is encoded already, in lines too long or with octets that no such part has: those
 * of base64 mean nothing (RFC 2045 6.8), those of quoted-printable are coded. */
static int refold(struct sevenbit *s, struct str text, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    bool qp = s->media.encoding == MEDIA_QP;
    int r = 0;
    for (size_t i = 0; r == 0 && i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool coded = c >= 0x7f || (c < ' ' && c != '\t');
        const char as_code[3] = {'=', hex[c >> 4], hex[c & 15]};
        if (coded && !qp) {
            continue;
        }
        if (s->column + 3 >= WRAP && s->escape == 0) {
            r = qp ? buf_append(out, "=\r\n", 3) : buf_append(out, "\r\n", 2);
            s->column = 0;
            coded |= qp && c == '-'; /* no line may look like a delimiter */
        }
        s->escape = c == '=' && qp ? 2 : s->escape > 0 ? s->escape - 1 : 0;
        r = r < 0 ? r : buf_append(out, coded ? as_code : (const char *)&text.p[i], coded ? 3 : 1);
        s->column += coded ? 3 : 1;
    }
    return r;
}

static int put_leaf(struct sevenbit *s, struct str text, struct buf *out)
{
    switch (s->how) {
    case HOW_KEEP:
        return buf_add(out, text);
    case HOW_QP:
        return qp_write(&s->qp, text, out);
    case HOW_BASE64:
        return sevenbit_put_base64(s, text, out);
    case HOW_REFOLD:
        return refold(s, text, out);
    }
    return 0;
}

/* The CRLF that was held back is text after all. */
static int put_crlf(struct sevenbit *s, struct buf *out)
{
    bool held = s->crlf_held;
    s->crlf_held = false;
    if (!held || s->how != HOW_REFOLD) {
        return held ? put_leaf(s, STR("\r\n"), out) : 0;
    }
    s->column = s->escape = 0;
    return buf_append(out, "\r\n", 2);
}

/* A line with its CRLF, or a piece of one without. */
static int leaf_octets(struct sevenbit *s, struct str text, bool ended, struct buf *out)
{
    if (s->survey) {
        look_leaf(s, text);
        return 0;
    }
    if (s->how == HOW_KEEP) {
        return buf_add(out, text);
    }
    int r = put_crlf(s, out);
    s->crlf_held = ended;
    return r < 0 ? r : put_leaf(s, str_slice(text, 0, text.n - (ended ? 2 : 0)), out);
}

/* delimiter: one follows, and the CRLF before it is its own.
 * RFC 2046 5.1.1 MUST: the line break before a boundary is not of the part */
static int end_leaf(struct sevenbit *s, bool delimiter, struct buf *out)
{
    if (s->survey) {
        plan_leaf(s);
        return 0;
    }
    int r = delimiter ? 0 : put_crlf(s, out);
    r = r < 0 || s->how != HOW_QP ? r : qp_end(&s->qp, out);
    if (r == 0 && s->how == HOW_BASE64 && s->n_held > 0) {
        r = base64_write(str_from(s->held, s->n_held), WRAP, out);
        s->column = WRAP;
    }
    bool at_line_start = s->how == HOW_BASE64 && s->column > 0;
    return r == 0 && s->crlf_held && !at_line_start ? buf_append(out, "\r\n", 2) : r;
}

/* --- other octets ------------------------------------------------------- */

/* Before the first and behind the last part stands what no reader is shown (RFC 2046 5.1.1). */
static int junk_octets(struct sevenbit *s, struct str text, bool ended, struct buf *out)
{
    struct str words = str_slice(text, 0, text.n - (ended ? 2 : 0));
    if (s->survey) {
        s->plan->changes |= marks_has_8bit(words) && s->plan->need == SEVENBIT_ALL;
        marks_look(&s->marks, text);
        s->plan->changes |= s->marks.binary || s->marks.long_line;
        return 0;
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < words.n && s->column < MARKS_LINE_MAX; i++, s->column++) {
        unsigned char c = (unsigned char)words.p[i];
        bool stays =
            (c < 0x80 || s->plan->need == SEVENBIT_LINES) && c != 0 && c != '\r' && c != '\n';
        r = buf_append(out, stays ? &words.p[i] : "?", 1);
    }
    s->column = ended ? 0 : s->column;
    return r == 0 && ended ? buf_append(out, "\r\n", 2) : r;
}

static int sevenbit_sealed_octets(struct sevenbit *s, struct str text, struct buf *out)
{
    if (s->survey) {
        marks_look(&s->marks, text);
        s->has_binary |= s->marks.binary;
        if (s->marks.binary || (s->marks.eight_bit && s->plan->need == SEVENBIT_ALL)) {
            sevenbit_note(s, SEVENBIT_SEALED);
        }
    }
    return sevenbit_put(s, text, out);
}

static int octets(struct sevenbit *s, struct str text, bool ended, struct buf *out)
{
    switch (s->place) {
    case PLACE_HEAD:
        if (buf_add(&s->head, text) < 0) {
            sevenbit_note(s, SEVENBIT_STRUCTURE);
            return s->survey ? 0 : -ENOSPC;
        }
        return 0;
    case PLACE_JUNK:
        return junk_octets(s, text, ended, out);
    case PLACE_LEAF:
        return leaf_octets(s, text, ended, out);
    case PLACE_SEALED:
        return sevenbit_sealed_octets(s, text, out);
    }
    return 0;
}

/* --- lines and delimiters ----------------------------------------------- */

/* Blanks and the line end: what may follow a delimiter. */
static bool sevenbit_is_blank(struct str s)
{
    size_t i = 0;
    while (i < s.n && strchr(" \t\r\n", s.p[i])) {
        i++;
    }
    return i == s.n;
}

/* The open multipart whose delimiter the line is, counted from 1; 0: none.
 * RFC 2046 5.1.1 MUST: outer boundaries end inner parts */
static size_t delimiter_of(const struct sevenbit *s, struct str line, bool *ret_last)
{
    for (size_t k = s->depth; k > 0 && line.n > 2 && line.p[0] == '-' && line.p[1] == '-'; k--) {
        struct str boundary = str_c(s->levels[k - 1].boundary), rest = str_slice(line, 2, line.n);
        if (rest.n < boundary.n || memcmp(rest.p, boundary.p, boundary.n) != 0) {
            continue;
        }
        rest = str_slice(rest, boundary.n, rest.n);
        *ret_last = rest.n >= 2 && rest.p[0] == '-' && rest.p[1] == '-';
        if (sevenbit_is_blank(str_slice(rest, *ret_last ? 2 : 0, rest.n))) {
            return k;
        }
    }
    return 0;
}

static int sevenbit_leave(struct sevenbit *s, bool delimiter, struct buf *out)
{
    /* a part that is header fields only */
    int r = s->place == PLACE_HEAD ? end_head(s, false, out) : 0;
    return r < 0 || s->place != PLACE_LEAF ? r : end_leaf(s, delimiter, out);
}

static int take_delimiter(struct sevenbit *s, size_t level, bool last, struct str line,
                          struct buf *out)
{
    int r = sevenbit_leave(s, true, out);
    s->depth = last ? level - 1 : level;
    s->place = last ? PLACE_JUNK : PLACE_HEAD;
    s->is_message = false;
    s->column = 0;
    s->marks = (struct marks){.in_body = true};
    return r < 0 ? r : sevenbit_put(s, line, out);
}

/* A whole line with its CRLF. */
static int sevenbit_take_line(struct sevenbit *s, struct str line, struct buf *out)
{
    bool last = false;
    size_t level = delimiter_of(s, line, &last);
    if (level > 0) {
        return take_delimiter(s, level, last, line, out);
    }
    return s->place == PLACE_HEAD && line.n == 2 ? end_head(s, true, out)
                                                 : octets(s, line, true, out);
}

/* Octets up to an LF or the end of the piece. */
static int take_octets(struct sevenbit *s, struct str text, struct buf *out)
{
    int r = buf_add(&s->line, text);
    struct str line = buf_str(&s->line);
    bool ended = line.n >= 2 && line.p[line.n - 2] == '\r' && line.p[line.n - 1] == '\n';
    if (r < 0 || (!ended && line.n < LINE_KEPT)) {
        return r;
    }
    if (ended) {
        r = s->in_line ? octets(s, line, true, out) : sevenbit_take_line(s, line, out);
        s->in_line = false;
        buf_reset(&s->line);
        return r;
    }
    bool cr = line.p[line.n - 1] == '\r'; /* its LF may come */
    r = octets(s, str_slice(line, 0, line.n - cr), false, out);
    s->in_line = true;
    buf_reset(&s->line);
    return r < 0 || !cr ? r : buf_append(&s->line, "\r", 1);
}

int sevenbit_write(struct sevenbit *s, struct str text, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < text.n;) {
        size_t end = str_find(text, '\n', i);
        size_t n = (end < text.n ? end + 1 : end) - i;
        n = n < LINE_KEPT ? n : LINE_KEPT;
        r = take_octets(s, str_slice(text, i, i + n), out);
        i += n;
    }
    return r;
}

int sevenbit_end(struct sevenbit *s, struct buf *out)
{
    struct str line = buf_str(&s->line);
    bool last = false;
    size_t level = s->in_line ? 0 : delimiter_of(s, line, &last);
    int r = level > 0    ? take_delimiter(s, level, last, line, out)
            : line.n > 0 ? octets(s, line, false, out)
                         : 0;
    buf_reset(&s->line);
    r = r < 0 ? r : sevenbit_leave(s, false, out);
    if (s->survey && s->plan->need == SEVENBIT_LINES && s->has_dkim && !s->has_binary) {
        /* a signature is worth more than short lines, which most servers do not insist on */
        s->plan->changes = false;
    }
    return r;
}
