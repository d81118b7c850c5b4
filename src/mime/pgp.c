/* SPDX-License-Identifier: Apache-2.0
 * pgp.c: packets of OpenPGP, and armour (pgp.h). "gpg --sign --armor" and "gpg --store" write
 * "BEGIN PGP MESSAGE" around a text that everybody can read: literal data (RFC 9580 5.9), mostly
 * inside compressed data (5.6), between signatures (5.2, 5.4).
 *
 * What is compressed goes through layer.c, as a gz or bz2 made of it, and so has its limits.
 */
#include "mime/pgp.h"
#include "mime/kind.h"
#include "mime/sealed.h"
#include "wire/base64.h"

#include <errno.h>
#include <stdlib.h>

enum {
    PACKETS_MAX = 1000,
    ARMOURS_MAX = 100,
    LEAST = 12, /* octets of a message: else a text only speaks of armour */
    LITERAL_HEAD = 6,
    HEADERS_OCTETS = 400,
    KIND_MAX = 80,
    RUN_LEAST = 40, /* letters of a line of data, where something else stands in it */
};

/* --- packets ------------------------------------------------------------ */

static size_t pgp_number(struct str o, size_t at, unsigned n)
{
    size_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        value = value << 8 | (unsigned char)o.p[at + i];
    }
    return value;
}

/* A length of the new form at *at, which moves behind it. *ret_goes_on: another length follows
 * after so many octets. */
static bool new_length(struct str o, size_t *at, size_t *ret, bool *ret_goes_on)
{
    unsigned char a = *at < o.n ? (unsigned char)o.p[*at] : 0;
    unsigned more = a < 192 || (a >= 224 && a < 255) ? 0 : a < 224 ? 1 : 4;
    if (*at + 1 + more > o.n) {
        return false;
    }
    *ret_goes_on = a >= 224 && a < 255;
    *ret = a < 192   ? a
           : a < 224 ? ((size_t)(a - 192) << 8) + (unsigned char)o.p[*at + 1] + 192
           : a < 255 ? (size_t)1 << (a & 31)
                     : pgp_number(o, *at + 1, 4);
    *at += 1 + more;
    return *ret <= o.n - *at;
}

static void pgp_take(struct str o, size_t at, size_t n, struct buf *out)
{
    if (out) {
        (void)!buf_add(out, str_slice(o, at, at + n));
    }
}

/* The old form; its last kind of length goes to the end. */
static int old_packet(struct str o, unsigned char first, size_t *at, struct buf *out)
{
    static const unsigned octets[] = {1, 2, 4, 0};
    unsigned k = octets[first & 3];
    if (*at + k > o.n) {
        return -1;
    }
    size_t n = k > 0 ? pgp_number(o, *at, k) : o.n - *at;
    *at += k;
    if (n > o.n - *at) {
        return -1;
    }
    pgp_take(o, *at, n, out);
    *at += n;
    return (first >> 2) & 15;
}

int pgp_packet(struct str o, size_t *at, struct buf *ret_content)
{
    unsigned char first = *at < o.n ? (unsigned char)o.p[*at] : 0;
    bool goes_on = false;
    size_t n = 0;
    if (!(first & 0x80)) {
        return -1;
    }
    (*at)++;
    if (!(first & 0x40)) {
        return old_packet(o, first, at, ret_content);
    }
    do {
        if (!new_length(o, at, &n, &goes_on)) {
            return -1;
        }
        pgp_take(o, *at, n, ret_content);
        *at += n;
    } while (goes_on);
    return first & 0x3f;
}

/* --- what they hold ----------------------------------------------------- */

/* Format, name, date, octets. */
static bool read_literal(struct reader *r, const struct piece *p, struct str literal)
{
    size_t name_n = literal.n >= LITERAL_HEAD ? (unsigned char)literal.p[1] : 0;
    if (literal.n < LITERAL_HEAD + name_n || !memchr("btuml1", literal.p[0], 6)) {
        return false;
    }
    struct str name = str_slice(literal, 2, 2 + name_n);
    char *called = str_dup(str_eq(name, STR("_CONSOLE")) ? STR("") : name);
    const struct piece inner = {
        .octets = str_slice(literal, LITERAL_HEAD + name_n, literal.n),
        .part = p->part,
        .name = *called ? called : p->name,
        .place = p->place,
    };
    if (*called && p->place == MIME_BODY) {
        reader_attachment(r, &inner, kind_name(kind_of(inner.octets, called)));
    }
    reader_piece(r, &inner);
    free(called);
    return true;
}

/* RFC 9580 9.4: as it is, ZIP (deflate without a frame), ZLIB, BZip2. What it holds is appended
 * to out. */
static int pgp_unpack(struct reader *r, const struct piece *p, struct str compressed,
                      struct buf *out)
{
    struct piece data = *p;
    data.octets = str_slice(compressed, compressed.n > 0, compressed.n);
    switch (compressed.n > 0 ? compressed.p[0] : -1) {
    case 0:
        (void)!reader_hold(r, p->part, data.octets.n);
        return buf_add(out, data.octets);
    case 1:
        return read_deflated(r, &data, DEFLATE_RAW, out);
    case 2:
        return read_deflated(r, &data, DEFLATE_ZLIB, out);
    case 3:
        return read_packed(r, &data, out);
    }
    return -EBADMSG;
}

static enum pgp read_compressed(struct reader *r, const struct piece *p, struct str compressed)
{
    struct buf inside = BUF_INIT(READ_PACKED_MAX);
    enum pgp is = PGP_IS_OPAQUE;
    (void)!pgp_unpack(r, p, compressed, &inside);
    if (buf_len(&inside) > 0 && reader_deeper(r, p->part)) {
        is = pgp_read(r, &(struct piece){
                             .octets = buf_str(&inside),
                             .part = p->part,
                             .name = p->name,
                             .place = p->place,
                         });
        is = is == PGP_IS_NONE ? PGP_IS_OPAQUE : is;
        r->depth--;
    }
    read_packed_done(r, &inside);
    return is;
}

static enum pgp read_packet(struct reader *r, const struct piece *p, int tag, struct str content)
{
    switch (tag) {
    case PGP_SIGNATURE:
    case PGP_ONE_PASS:
    case PGP_MARKER:
    case PGP_PADDING:
        return PGP_IS_OPEN;
    case PGP_LITERAL:
        return read_literal(r, p, content) ? PGP_IS_OPEN : PGP_IS_OPAQUE;
    case PGP_COMPRESSED:
        return read_compressed(r, p, content);
    case PGP_SESSION_KEY:
    case PGP_PASSWORD_KEY:
    case PGP_SEALED:
    case PGP_SEALED_CHECKED:
    case PGP_AEAD:
        return PGP_IS_SEALED;
    }
    return PGP_IS_OPAQUE;
}

enum pgp pgp_read(struct reader *r, const struct piece *p)
{
    enum pgp all = PGP_IS_NONE;
    size_t at = 0;
    for (unsigned i = 0; at < p->octets.n && all <= PGP_IS_OPEN && !reader_is_spent(r, p->part);
         i++) {
        struct buf content = BUF_INIT(p->octets.n + 1);
        int tag = i < PACKETS_MAX ? pgp_packet(p->octets, &at, &content) : -1;
        all = tag >= 0 ? read_packet(r, p, tag, buf_str(&content))
              : i > 0  ? PGP_IS_OPAQUE
                       : PGP_IS_NONE;
        buf_wipe(&content);
        if (tag < 0) {
            break;
        }
    }
    return all;
}

bool pgp_read_unknown(struct reader *r, const struct piece *p)
{
    size_t at = 0;
    unsigned parts = r->out->parts;
    int tag = pgp_packet(p->octets, &at, NULL);
    bool may = tag == PGP_COMPRESSED || tag == PGP_LITERAL || tag == PGP_ONE_PASS ||
               tag == PGP_SIGNATURE || tag == PGP_MARKER;
    return may && pgp_read(r, p) == PGP_IS_OPEN && r->out->parts > parts;
}

/* --- armour ------------------------------------------------------------- */

/* The line at *at, which moves behind it, without the marks of an answer. */
static struct str pgp_take_line(struct str s, size_t *at)
{
    size_t end = str_find(s, '\n', *at);
    struct str line = str_slice(s, *at, end);
    *at = end < s.n ? end + 1 : end;
    while (line.n > 0 && (line.p[0] == '>' || line.p[0] == ' ' || line.p[0] == '\t')) {
        line = str_slice(line, 1, line.n);
    }
    return str_trim_lines(line);
}

/* The base64 of a line: all of it, or so much that it can be nothing else ("| hQEM..."). */
static struct str data_of(struct str line)
{
    struct str best = STR("");
    for (size_t i = 0, from = 0; i < line.n; i += i == from, from = i) {
        while (i < line.n && base64_value(line.p[i]) >= 0) {
            i++;
        }
        for (size_t letters = i; letters > from && i < line.n && line.p[i] == '=';) {
            i++;
        }
        best = i - from > best.n ? str_slice(line, from, i) : best;
    }
    return best.n == line.n || best.n >= RUN_LEAST ? best : STR("");
}

/* Armour whose lines became blanks, as in HTML. s begins behind the first line, and ends with
 * it. */
static void take_joined(struct str s, struct buf *out)
{
    struct buf letters = BUF_INIT(s.n + 1);
    struct str word, all = s;
    while (s.n > 0 && (all.n - s.n < HEADERS_OCTETS || buf_len(&letters) > 0) &&
           str_split(&s, ' ', &word)) {
        struct str data = data_of(word);
        bool is_head = buf_len(&letters) == 0 && data.n < RUN_LEAST;
        if (!is_head && (word.n == 0 || data.n < word.n)) {
            break;
        }
        (void)!buf_add(&letters, is_head ? STR("") : data);
    }
    (void)!base64_read(buf_str(&letters), out);
    buf_wipe(&letters);
}

/* Where its last line begins, or what else has strokes: those are no letters of it. *ret_behind:
 * the end of it, 0: it has no last line. */
static size_t armour_end(struct str s, size_t at, size_t *ret_behind)
{
    size_t begin = at;
    *ret_behind = 0;
    while (at < s.n) {
        begin = at;
        struct str line = pgp_take_line(s, &at);
        if (str_has(line, STR("-----"))) {
            *ret_behind = str_starts_nocase(line, STR("-----END PGP")) ? at : 0;
            return begin;
        }
    }
    return at;
}

/* Armour line by line. */
struct lines {
    struct buf letters;
    bool in_head, is_sound;
    size_t end; /* of the data */
};

/* False: what stands there is no armour any more, unless its last line follows. */
static bool take_armour_line(struct lines *l, struct str line)
{
    bool blank = str_is_blank(line), is_field = l->in_head && str_find(line, ':', 0) < line.n;
    struct str data = is_field ? STR("") : data_of(line);
    if ((l->in_head && (blank || is_field)) || (blank && buf_len(&l->letters) == 0)) {
        l->in_head &= !blank;
        return true;
    }
    /* a sum of 24 bits */
    l->is_sound &= !l->in_head && (data.n == line.n || (line.n == 5 && line.p[0] == '='));
    l->in_head = false;
    (void)!buf_add(&l->letters, data);
    return data.n > 0;
}

/* s begins at *at behind the first line. True: it is sound. *at moves behind it. */
static bool take_armour(struct str s, size_t *at, struct buf *out)
{
    struct lines l = {.letters = BUF_INIT(s.n + 1), .in_head = true, .is_sound = true, .end = *at};
    size_t behind, end = armour_end(s, *at, &behind), next = *at, head = *at;
    bool goes_on = true;
    while (next < end && goes_on) {
        struct str line = pgp_take_line(s, &next);
        goes_on = take_armour_line(&l, line) || behind > 0;
        head = l.in_head ? next : head;
        l.end = buf_len(&l.letters) > 0 && goes_on ? next : l.end;
    }
    l.is_sound &=
        behind > 0 && head - *at <= HEADERS_OCTETS &&
        str_eq(str_trim_lines(str_slice(s, end, behind)), STR("-----END PGP MESSAGE-----"));
    *at = behind > 0 ? behind : l.end;
    (void)!base64_read(buf_str(&l.letters), out);
    buf_wipe(&l.letters);
    return l.is_sound;
}

bool pgp_armour_next(struct str text, size_t at, struct pgp_armour *ret)
{
    static const char front[] = "-----BEGIN PGP ";
    size_t line_end = 0;
    *ret = (struct pgp_armour){.octets = BUF_INIT(text.n + 1)};
    while (at < text.n) {
        const char *found = memmem(text.p + at, text.n - at, front, sizeof front - 1);
        ret->begin = found ? (size_t)(found - text.p) : text.n;
        at = found ? ret->begin + sizeof front - 1 : text.n;
        line_end = at < line_end ? line_end : str_find(text, '\n', at); /* once for each line */
        struct str kind = str_slice(text, at, line_end);
        if (!str_starts_nocase(kind, STR("MESSAGE")) &&
            !str_starts_nocase(kind, STR("ARMORED FILE"))) {
            continue;
        }
        size_t dash = str_find(str_slice(kind, 0, kind.n < KIND_MAX ? kind.n : KIND_MAX), '-', 0);
        struct str behind = str_slice(kind, dash, kind.n);
        behind = str_starts_nocase(behind, STR("-----")) ? str_slice(behind, 5, behind.n) : STR("");
        buf_reset(&ret->octets);
        if (str_is_blank(behind)) {
            at = line_end < text.n ? line_end + 1 : text.n;
            ret->is_sound = take_armour(text, &at, &ret->octets);
        } else {
            take_joined(behind, &ret->octets);
        }
        ret->end = at;
        if (buf_len(&ret->octets) >= LEAST) {
            return true;
        }
    }
    buf_wipe(&ret->octets);
    return false;
}

static void pgp_read_one(struct reader *r, const struct piece *p, bool is_file)
{
    enum pgp is = is_file ? PGP_IS_NONE : pgp_read(r, p);
    if (is == PGP_IS_SEALED) {
        reader_problem(r, MIME_PASSWORD, p->part, "encrypted with OpenPGP");
    } else if (is_file) {
        reader_piece(r, p);
    } else if (is != PGP_IS_OPEN) {
        reader_problem(r, MIME_OPAQUE, p->part, "armour of OpenPGP around what could not be read");
        read_strings(r, p);
    }
}

void pgp_read_armour(struct reader *r, const struct piece *text)
{
    struct pgp_armour a = {.end = 0};
    bool sealed = sealed_octets(text->octets) == SEAL_PGP;
    for (unsigned n = 0; !sealed && !reader_is_over(r) && pgp_armour_next(text->octets, a.end, &a);
         n++) {
        struct piece p = {
            .octets = buf_str(&a.octets),
            .part = text->part,
            .name = "",
            .place = text->place,
        };
        bool is_file = str_starts_nocase(str_slice(text->octets, a.begin, text->octets.n),
                                         STR("-----BEGIN PGP ARM"));
        bool is_over = n == ARMOURS_MAX;
        if (is_over) {
            reader_problem(r, MIME_LIMIT, text->part, "more armoured messages than are read");
        } else if (reader_open_octets(r, text->part, p.octets.n)) {
            pgp_read_one(r, &p, is_file);
        }
        buf_wipe(&a.octets);
        if (is_over) {
            return;
        }
    }
}

/* --- as a text ---------------------------------------------------------- */

/* What an open message says; false: it is none, or says nothing. */
static bool add_said(struct reader *outer, struct str octets, struct buf *out)
{
    struct mime_reading *said = err_calloc(1, sizeof *said);
    struct reader r = *outer;
    r.out = said;
    bool open = pgp_read(&r, &(struct piece){
                                 .octets = octets,
                                 .part = "",
                                 .name = "",
                                 .place = MIME_BODY,
                             }) == PGP_IS_OPEN;
    open &= said->n_texts > 0;
    for (size_t i = 0; open && i < said->n_texts; i++) {
        open = buf_add(out, buf_str(&said->texts[i].text)) == 0;
    }
    mime_reading_free(said);
    return open;
}

int pgp_said(struct reader *r, struct str text, struct buf *out)
{
    struct pgp_armour a = {.end = 0};
    int e = 0;
    for (unsigned n = 0; e == 0 && n < ARMOURS_MAX && pgp_armour_next(text, a.end, &a); n++) {
        e = add_said(r, buf_str(&a.octets), out) ? buf_add(out, STR("\n")) : 0;
        buf_wipe(&a.octets);
    }
    return e;
}

int pgp_text(struct reader *r, struct str text, struct buf *out)
{
    struct pgp_armour a = {.end = 0};
    size_t done = 0;
    int e = 0;
    for (unsigned n = 0; e == 0 && n < ARMOURS_MAX && pgp_armour_next(text, a.end, &a); n++) {
        e = buf_add(out, str_slice(text, done, a.begin));
        if (e == 0 && !add_said(r, buf_str(&a.octets), out)) {
            e = buf_add(out, str_slice(text, a.begin, a.end));
        }
        done = a.end;
        buf_wipe(&a.octets);
    }
    return e < 0 ? e : buf_add(out, str_slice(text, done, text.n));
}
