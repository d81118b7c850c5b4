/* SPDX-License-Identifier: Apache-2.0
 * kind.c: signatures at the front of files. A wrong guess is caught by who reads it (damaged),
 * and what nothing fits is a text if it looks like one, else unknown.
 */
#include "mime/kind.h"
#include "base/err.h"

enum { LOOK = 4096 };

#define KIND_NAME(n, s) s,

const char *kind_name(enum kind k)
{
    static const char *const names[] = {KINDS(KIND_NAME)};
    return names[k];
}

bool kind_is_known(const char *word)
{
    static const char *const all[] =
        {KINDS(KIND_NAME) "docx", "xlsx", "pptx", "odf", "doc", "xls", "ppt", "msg", "signature"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (str_eq_nocase(str_c(word), str_c(all[i]))) {
            return true;
        }
    }
    return false;
}

#define SIGN(octets) \
    { \
        "" octets, sizeof(octets) - 1 \
    }

static const struct {
    size_t at;
    struct str begin;
    enum kind kind;
} signatures[] = {
    {0, SIGN("PK\x03\x04"), KIND_ZIP},
    {0, SIGN("PK\x05\x06"), KIND_ZIP},
    {0, SIGN("PK\x07\x08"), KIND_ZIP},
    {0, SIGN("7z\xbc\xaf\x27\x1c"), KIND_ARCHIVE},
    {0, SIGN("Rar!\x1a\x07"), KIND_ARCHIVE},
    {257, SIGN("ustar"), KIND_ARCHIVE},
    {0, SIGN("!<arch>\n"), KIND_ARCHIVE},
    {0, SIGN("070707"), KIND_ARCHIVE},
    {0, SIGN("070701"), KIND_ARCHIVE},
    {0, SIGN("MSCF"), KIND_ARCHIVE},
    {0, SIGN("\x1f\x8b"), KIND_PACKED},
    {0, SIGN("BZh"), KIND_PACKED},
    {0,
     SIGN("\xfd"
          "7zXZ"),
     KIND_PACKED},
    {0, SIGN("\x28\xb5\x2f\xfd"), KIND_PACKED},
    {0, SIGN("\x04\x22\x4d\x18"), KIND_PACKED},
    {0, SIGN("LZIP"), KIND_PACKED},
    {0, SIGN("\x1f\x9d"), KIND_PACKED},
    {0, SIGN("{\\rtf"), KIND_RTF},
    {0, SIGN("\x78\x9f\x3e\x22"), KIND_TNEF},
    {0, SIGN("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), KIND_OLE},
    {0, SIGN("\x89PNG\r\n\x1a\n"), KIND_IMAGE},
    {0, SIGN("\xff\xd8\xff"), KIND_IMAGE},
    {0, SIGN("GIF8"), KIND_IMAGE},
    {0, SIGN("II*\0"), KIND_IMAGE},
    {0, SIGN("MM\0*"), KIND_IMAGE},
    {8, SIGN("WEBP"), KIND_IMAGE},
    {4, SIGN("ftyphei"), KIND_IMAGE},
    {4, SIGN("ftypavif"), KIND_IMAGE},
    {128, SIGN("DICM"), KIND_IMAGE},
    {4, SIGN("ftyp"), KIND_MEDIA},
    {0, SIGN("ID3"), KIND_MEDIA},
    {0, SIGN("OggS"), KIND_MEDIA},
    {0, SIGN("fLaC"), KIND_MEDIA},
    {8, SIGN("WAVE"), KIND_MEDIA},
    {8, SIGN("AVI "), KIND_MEDIA},
    {0, SIGN("\x1a\x45\xdf\xa3"), KIND_MEDIA},
    {0, SIGN("MZ"), KIND_PROGRAM},
    {0,
     SIGN("\x7f"
          "ELF"),
     KIND_PROGRAM},
};

/* No NUL and few control characters; or UTF-16 or UTF-32 with its mark. */
static bool looks_like_text(struct str o)
{
    if (o.n >= 4 && memcmp(o.p, "\0\0\xfe\xff", 4) == 0) {
        return true;
    }
    size_t control = 0, n = o.n < LOOK ? o.n : LOOK;
    if (n >= 2 && (memcmp(o.p, "\xff\xfe", 2) == 0 || memcmp(o.p, "\xfe\xff", 2) == 0)) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)o.p[i];
        if (c == 0) {
            return false;
        }
        control += c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b;
    }
    return control * 50 <= n;
}

static bool has_early(struct str o, const char *word, size_t within)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= o.n && i < within; i++) {
        if (str_starts_nocase(str_slice(o, i, o.n), str_from(word, n))) {
            return true;
        }
    }
    return false;
}

/* A saved message or page (.mht), or a file of many (mbox): fields from the first line on,
 * MIME-Version among them. */
static bool looks_like_message(struct str o)
{
    size_t n = 0, first = str_starts_nocase(o, STR("From ")) ? str_find(o, '\n', 0) + 1 : 0;
    struct str head = str_slice(o, first < o.n ? first : o.n, o.n);
    while (n < head.n &&
           (str_lower(head.p[n]) >= 'a' ? str_lower(head.p[n]) <= 'z' : head.p[n] == '-')) {
        n++;
    }
    bool field = n > 1 && n < head.n && head.p[n] == ':';
    size_t end = first > 1 ? first - 1 : 0;
    struct str line = str_trim(str_slice(o, 0, end - (end > 0 && o.p[end - 1] == '\r')));
    /* ends in a year */
    field &= first == 0 || (line.n > 5 && line.p[line.n - 1] >= '0' && line.p[line.n - 1] <= '9');
    return field && (first > 0 || has_early(head, "\nMIME-Version:", LOOK) ||
                     str_starts_nocase(head, STR("MIME-Version:")));
}

struct str kind_text_begin(struct str o)
{
    struct str s = o.n >= 3 && memcmp(o.p, "\xef\xbb\xbf", 3) == 0 ? str_slice(o, 3, o.n) : o;
    while (s.n > 0 && strchr(" \t\r\n\f", s.p[0]) && s.p[0]) {
        s = str_slice(s, 1, s.n);
    }
    return s;
}

bool kind_begins(struct str octets, struct str object)
{
    struct str s = kind_text_begin(octets), begin = STR("BEGIN:");
    size_t lf = str_find(s, '\n', 0), cr = str_find(s, '\r', 0);
    struct str line = str_slice(s, 0, lf < cr ? lf : cr);
    return str_starts_nocase(line, begin) &&
           str_eq_nocase(str_trim(str_slice(line, begin.n, line.n)), object);
}

static bool ends_as(struct str name, const char *const *ends, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_ends_nocase(name, str_c(ends[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_called_html(struct str name)
{
    static const char *const ends[] = {".html", ".htm"};
    return ends_as(name, ends, ARRAY_LEN(ends));
}

static bool has_tags(struct str o)
{
    return has_early(o, "<html", 1024) || has_early(o, "<!doctype html", 256) ||
           has_early(o, "<body", 1024);
}

bool kind_may_be(struct str o, const char *name, enum kind k)
{
    static const char *const texts[] = {".txt", ".text", ".csv", ".tsv", ".log", ".md"};
    bool is_calendar = kind_begins(o, STR("VCALENDAR"));
    return k == KIND_HTML   ? is_calendar && (is_called_html(str_c(name)) || has_tags(o))
           : k == KIND_TEXT ? is_calendar || ends_as(str_c(name), texts, ARRAY_LEN(texts))
                            : false;
}

static enum kind kind_of_text(struct str o, struct str name)
{
    bool named = str_ends_nocase(name, STR(".eml")) || str_ends_nocase(name, STR(".mht")) ||
                 str_ends_nocase(name, STR(".mhtml"));
    if (named || looks_like_message(o)) {
        return KIND_MESSAGE;
    }
    if (!is_called_html(name) && kind_begins(o, STR("VCALENDAR"))) {
        return KIND_CALENDAR;
    }
    /* the tags of any XML are no text */
    bool xml = has_early(o, "<?xml", 8) || has_early(o, "<svg", 64);
    return has_tags(o) || xml || is_called_html(name) ? KIND_HTML : KIND_TEXT;
}

enum kind kind_of(struct str o, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
        struct str s = signatures[i].begin;
        if (o.n >= signatures[i].at + s.n && memcmp(o.p + signatures[i].at, s.p, s.n) == 0) {
            return signatures[i].kind;
        }
    }
    if (o.n >= 2 && o.p[0] == 'B' && o.p[1] == 'M' && o.n > 26 && o.p[6] == 0 && o.p[7] == 0) {
        return KIND_IMAGE; /* BMP: two letters are too few */
    }
    if (has_early(o, "%PDF-", 1024)) {
        return KIND_PDF;
    }
    return looks_like_text(o) ? kind_of_text(o, str_c(name)) : KIND_UNKNOWN;
}
