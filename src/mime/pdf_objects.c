/* SPDX-License-Identifier: Apache-2.0
 * pdf_objects.c: the texts of a PDF that pdftotext leaves out: notes, fields of forms,
 * bookmarks, title and other properties (ISO 32000-1 7.9.2, 12.3.3, 12.5, 12.7, 14.3.3), as the
 * strings of its objects, also of those that are packed (7.5.7). Called by reader.c.
 *
 * No object is followed: whatever string stands in the file is read, in its order. Pages and
 * pictures are streams and are skipped. What can go wrong: objects packed in another way,
 * strings that are encrypted, forms and files of their own kinds: said as unknown.
 */
#include "mime/layer.h"

enum {
    DICTIONARY_MAX = 2048,          /* octets before "stream" that are looked at */
    UNPACKED_MAX = 8 * 1024 * 1024, /* of one stream of objects */
    STRING_MAX = 64 * 1024,
    STREAMS_MAX = 20000,
};

struct objects {
    struct reader *r;
    const char *part;
    struct buf text;
    bool unknown;     /* there is something that is not read */
    uint64_t picture; /* points of the largest one */
};

/* A text string: UTF-16 or UTF-8 with its mark, else PDFDocEncoding, which is nearly
 * Windows-1252. Binary ones are none. */
static void put_string(struct objects *o, struct str s)
{
    bool wide = s.n >= 2 && (memcmp(s.p, "\xfe\xff", 2) == 0 || memcmp(s.p, "\xff\xfe", 2) == 0);
    size_t letters = 0;
    for (size_t i = 0; i < s.n && !wide; i++) {
        unsigned char c = (unsigned char)s.p[i];
        letters += c > ' ';
        if (c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f') {
            return;
        }
    }
    if (wide || letters > 1) {
        charset_text(o->r, "", s,
                     wide && s.p[0] == '\xff' ? "utf-16le"
                     : wide                   ? "utf-16be"
                                              : NULL,
                     &o->text);
        (void)!buf_add(&o->text, STR("\n"));
    }
}

/* An escape behind a backslash (7.3.4.2); the octets used. */
static size_t escape(struct str s, struct buf *out)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    const char *known = s.n > 0 && s.p[0] ? strchr(from, s.p[0]) : NULL;
    unsigned value = 0;
    size_t n = 0;
    while (n < 3 && n < s.n && s.p[n] >= '0' && s.p[n] <= '7') {
        value = value * 8 + (unsigned)(s.p[n++] - '0');
    }
    char c = n > 0 ? (char)value : known ? to[known - from] : s.n > 0 ? s.p[0] : '\\';
    bool line_end = n == 0 && s.n > 0 && (s.p[0] == '\n' || s.p[0] == '\r');
    if (!line_end) {
        (void)!buf_append(out, &c, 1);
    }
    bool two = line_end && s.n > 1 && s.p[0] == '\r' && s.p[1] == '\n';
    return n > 0 ? n : s.n == 0 ? (size_t)0 : two ? (size_t)2 : (size_t)1;
}

/* (a \(string\) (in) brackets); s begins behind the bracket. The octets used. */
static size_t literal(struct objects *o, struct str s)
{
    struct buf text = BUF_INIT(STRING_MAX);
    unsigned depth = 1;
    size_t i = 0;
    while (i < s.n && depth > 0 && i < STRING_MAX) {
        char c = s.p[i++];
        depth += c == '(';
        depth -= c == ')';
        if (c == '\\') {
            i += escape(str_slice(s, i, s.n), &text);
        } else if (depth > 0) {
            (void)!buf_append(&text, &c, 1);
        }
    }
    o->unknown |= i >= STRING_MAX;
    put_string(o, buf_str(&text));
    buf_wipe(&text);
    return i;
}

/* <FEFF0041>: other hexadecimal strings are identifiers and signatures. s begins behind "<". */
static size_t hexadecimal(struct objects *o, struct str s)
{
    size_t end = str_find(s, '>', 0);
    struct buf text = BUF_INIT(STRING_MAX);
    int high = -1;
    for (size_t i = 0; i < end && end / 2 < STRING_MAX; i++) {
        int d = str_hex(s.p[i]);
        if (d >= 0 && high >= 0) {
            char c = (char)(high << 4 | d);
            (void)!buf_append(&text, &c, 1);
        }
        high = d < 0 ? high : high < 0 ? d : -1;
    }
    struct str t = buf_str(&text);
    if (t.n >= 2 && memcmp(t.p, "\xfe\xff", 2) == 0) {
        put_string(o, t);
    }
    buf_wipe(&text);
    return end;
}

static void read_strings_of(struct objects *o, struct str s)
{
    o->unknown |= str_has(s, STR("/XFA")) || str_has(s, STR("/EmbeddedFile"));
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%') { /* a comment */
            while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r') {
                i++;
            }
        } else if (s.p[i] == '(') {
            i += literal(o, str_slice(s, i + 1, s.n));
        } else if (s.p[i] == '<' && i + 1 < s.n && s.p[i + 1] == '<') {
            i++;
        } else if (s.p[i] == '<') {
            i += hexadecimal(o, str_slice(s, i + 1, s.n));
        }
    }
}

/* What zlib packed, by libarchive: it wants gzip's head in front and eight octets behind, which
 * it does not compare. False: not all came out. */
static bool pdf_objects_unpack(struct objects *o, struct str packed, struct buf *out)
{
    struct buf gz = BUF_INIT(packed.n + 32);
    struct archive_entry *entry;
    char *room;
    la_ssize_t got = 0;
    bool fits = packed.n > 2 && ((unsigned char)packed.p[0] & 0x0f) == 8;
    (void)!buf_append(&gz, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
    (void)!buf_add(&gz, fits ? str_slice(packed, 2, packed.n) : STR(""));
    (void)!buf_append(&gz, "\0\0\0\0\0\0\0\0", 8);
    struct layer *l = fits ? layer_open(o->r, o->part, buf_str(&gz), true) : NULL;
    bool open = l && layer_next(l, &entry) == ARCHIVE_OK;
    while (open && fits) {
        fits = buf_len(out) < UNPACKED_MAX && buf_reserve(out, 64 * 1024, &room) == 0;
        got = fits ? layer_data(l, room, 64 * 1024) : 0;
        if (got <= 0) {
            break;
        }
        buf_commit(out, (size_t)got);
    }
    if (l) {
        layer_free(l);
    }
    buf_wipe(&gz);
    return fits && buf_len(out) > 0;
}

/* The number behind the last such key; 0: none stands there. */
static uint64_t pdf_objects_number_of(struct str dictionary, const char *key)
{
    uint64_t n = 0;
    size_t length = strlen(key);
    for (size_t at = 0; at + length < dictionary.n; at++) {
        if (memcmp(dictionary.p + at, key, length) == 0) {
            n = 0;
            for (at += length; at < dictionary.n && dictionary.p[at] == ' '; at++) {
            }
            for (; at < dictionary.n && dictionary.p[at] >= '0' && dictionary.p[at] <= '9' &&
                   n < 100000;
                 at++) {
                n = n * 10 + (uint64_t)(dictionary.p[at] - '0');
            }
        }
    }
    return n;
}

static void note_picture(struct objects *o, struct str dictionary)
{
    if (str_has(dictionary, STR("/Image"))) {
        uint64_t points = pdf_objects_number_of(dictionary, "/Width") *
                          pdf_objects_number_of(dictionary, "/Height");
        o->picture = points > o->picture ? points : o->picture;
    }
}

static void read_stream(struct objects *o, struct str dictionary, struct str body)
{
    note_picture(o, dictionary);
    struct buf plain = BUF_INIT(UNPACKED_MAX + 128 * 1024);
    bool packed = str_has(dictionary, STR("/ObjStm")),
         is_text = str_has(dictionary, STR("/Metadata")) && !str_has(dictionary, STR("/Filter"));
    if (packed &&
        (!str_has(dictionary, STR("/FlateDecode")) || str_has(dictionary, STR("/Predictor")) ||
         !pdf_objects_unpack(o, body, &plain))) {
        o->unknown = true;
    }
    if (packed && reader_open_octets(o->r, o->part, buf_len(&plain))) {
        read_strings_of(o, buf_str(&plain));
    }
    if (is_text) { /* properties as XML (14.3.2) */
        put_string(o, body);
    }
    buf_wipe(&plain);
}

/* Where the next "stream" stands that follows a dictionary; s.n: there is none. */
static size_t next_stream(struct str s, size_t from)
{
    for (size_t at = from; at < s.n;) {
        const char *p = memmem(s.p + at, s.n - at, "stream", 6);
        size_t found = p ? (size_t)(p - s.p) : s.n, before = found;
        while (p && before > from && (unsigned char)s.p[before - 1] <= ' ') {
            before--;
        }
        if (!p || (before > from + 1 && s.p[before - 1] == '>' && s.p[before - 2] == '>')) {
            return found;
        }
        at = found + 6;
    }
    return s.n;
}

uint64_t read_pdf_objects(struct reader *r, const struct piece *p)
{
    struct objects o = {.r = r, .part = p->part, .text = BUF_INIT(r->text_left + 1)};
    struct str s = p->octets;
    bool encrypted = str_has(s, STR("/Encrypt"));
    unsigned streams = 0;
    for (size_t at = 0;
         at < s.n && !encrypted && !reader_is_spent(r, p->part) && streams < STREAMS_MAX;
         streams++) {
        size_t begin = next_stream(s, at);
        const char *end = begin < s.n ? memmem(s.p + begin, s.n - begin, "endstream", 9) : NULL;
        size_t stop = end ? (size_t)(end - s.p) : s.n;
        read_strings_of(&o, str_slice(s, at, begin));
        if (begin < s.n) {
            size_t body = begin + 6;
            body += body < stop && s.p[body] == '\r';
            body += body < stop && s.p[body] == '\n';
            size_t front = begin - at > DICTIONARY_MAX ? begin - DICTIONARY_MAX : at;
            read_stream(&o, str_slice(s, front, begin),
                        str_slice(s, body < stop ? body : stop, stop));
        }
        at = begin < s.n && end ? stop + 9 : s.n;
    }
    if (encrypted || o.unknown || streams == STREAMS_MAX) {
        reader_problem(r, MIME_UNKNOWN, p->part,
                       encrypted ? "notes and properties of a PDF with restrictions"
                                 : "a PDF with files or forms inside that are not read");
    }
    reader_add_text(r, p->place, p->part, buf_str(&o.text));
    buf_wipe(&o.text);
    return o.picture;
}
