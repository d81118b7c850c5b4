/* SPDX-License-Identifier: Apache-2.0
 * inside.c: finding files in texts, without a copy of the text (inside.h): where they lie is
 * what the page needs.
 */
#include "mime/inside.h"
#include "mime/kind.h"
#include "mime/tree.h"
#include "wire/base64.h"

#include <stdlib.h>

enum { TEXT_FILES_MAX = 100, OTHER_FILES_MAX = 500, TYPE_MAX = 100, TAG_MAX = 4096 };

static void inside_put_name(struct str name, struct inside_file *f)
{
    char *clean = tree_clean_name(name);
    str_copy_cut(str_c(clean), f->name, sizeof f->name);
    free(clean);
}

/* --- uuencode (POSIX) --------------------------------------------------- */

/* A line of data: its first character says how many octets follow, four characters for three, and
 * perhaps a checksum; blanks at the end may be lost. */
static bool is_uuencoded(struct str line)
{
    if (line.n == 0 || str_eq(line, STR("end"))) {
        return true;
    }
    size_t octets = (size_t)(line.p[0] - ' ') & 0x3f, data = (octets + 2) / 3 * 4;
    bool fits = line.p[0] >= ' ' && line.p[0] <= '`' && line.n <= 1 + data + 2;
    for (size_t i = 0; fits && i < line.n; i++) {
        fits = line.p[i] >= ' ' && line.p[i] <= '`';
    }
    return fits;
}

static bool is_base64(struct str line)
{
    struct str s = str_trim(line);
    for (size_t i = 0; i < s.n; i++) {
        if (base64_value(s.p[i]) < 0 && (s.p[i] != '=' || i == 0)) {
            return false;
        }
    }
    return s.n > 0;
}

/* "644 name" behind the first word. */
static bool has_mode(struct str s)
{
    return s.n > 4 && s.p[0] >= '0' && s.p[0] <= '7' && s.p[3] == ' ';
}

/* Lines of base64 between "begin-base64 644 name" and "====", which may be missing. */
static void take_base64(struct str *rest, struct inside_file *ret)
{
    struct str all = *rest, next = *rest;
    while (next.n > 0 && is_base64(str_take_line(&next))) {
        *rest = next;
    }
    ret->octets = str_slice(all, 0, all.n - rest->n);
    ret->encoding = TRANSFER_BASE64;
    next = *rest;
    if (str_starts_nocase(str_take_line(&next), STR("===="))) {
        *rest = next;
    }
}

static bool next_in_text(struct str *rest, struct inside_file *ret)
{
    while (rest->n > 0) {
        struct str before = *rest, line = str_take_line(rest), below = *rest, uu = STR("begin "),
                   base64 = STR("begin-base64 ");
        bool is_uu = str_starts_nocase(line, uu) && has_mode(str_slice(line, uu.n, line.n));
        bool is_64 = str_starts_nocase(line, base64) && has_mode(str_slice(line, base64.n, line.n));
        struct str first = is_uu || is_64 ? str_take_line(&below) : STR("");
        if (is_uu && is_uuencoded(first)) {
            while (rest->n > 0 && !str_eq(str_take_line(rest), STR("end"))) {
            }
            ret->octets = str_slice(before, 0, before.n - rest->n);
            ret->encoding = TRANSFER_UU;
        } else if (is_64 && is_base64(first)) {
            take_base64(rest, ret);
        } else {
            continue;
        }
        inside_put_name(str_slice(line, (is_uu ? uu.n : base64.n) + 4, line.n), ret);
        return true;
    }
    return false;
}

/* --- data: (RFC 2397) --------------------------------------------------- */

/* A letter of a type and its parameters, or of base64 with its escapes. */
static bool is_in_link(char c)
{
    return base64_value(c) >= 0 || (c && strchr("-._;=%\\", c));
}

/* "data:text/csv;charset=utf-8;base64," at the front: its octets; ret_data: where the data
 * begins. */
static bool read_link_head(struct str s, struct inside_file *ret, size_t *ret_data)
{
    size_t n = 5;
    if (!str_starts_nocase(s, STR("data:"))) {
        return false;
    }
    while (n < s.n && n < TYPE_MAX && s.p[n] != ',' && is_in_link(s.p[n])) {
        n++;
    }
    struct str head = str_slice(s, 5, n < s.n ? n : s.n);
    if (n >= s.n || s.p[n] != ',') {
        return false;
    }
    head.n -= head.n > 0 && head.p[head.n - 1] == '\\'; /* vCard escapes the comma */
    struct str type = str_slice(head, 0, str_find(head, ';', 0));
    bool typed = type.n == 0 || str_find(type, '/', 0) < type.n;
    str_copy_cut(type.n > 0 ? type : STR("text/plain"), ret->type, sizeof ret->type);
    ret->encoding = str_ends_nocase(head, STR(";base64")) ? TRANSFER_BASE64 : TRANSFER_AS_IS;
    *ret_data = n + 1;
    return typed;
}

/* --- calendars and contacts --------------------------------------------- */

/* A line with those that go on it (RFC 5545 3.1), folded as it is. */
static struct str take_folded(struct str *rest)
{
    struct str all = *rest;
    do {
        (void)str_take_line(rest);
    } while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'));
    return str_slice(all, 0, all.n - rest->n);
}

static void put_unfolded(struct str s, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < size; i++) {
        bool blank = i > 0 && s.p[i - 1] == '\n' && (s.p[i] == ' ' || s.p[i] == '\t');
        if (s.p[i] != '\r' && s.p[i] != '\n' && !blank) {
            dst[n++] = s.p[i];
        }
    }
    dst[n] = '\0';
}

/* Names: X-FILENAME is that of Lotus and others, FILENAME of Google and Outlook,
 * X-APPLE-FILENAME of Apple. */
static bool inside_read_parameters(struct str all, struct inside_file *ret)
{
    struct str one;
    bool is_base64 = false;
    (void)str_split(&all, ';', &one); /* the name of the property */
    while (all.n > 0 && str_split(&all, ';', &one)) {
        size_t equals = str_find(one, '=', 0);
        struct str name = str_trim(str_slice(one, 0, equals)),
                   value = str_trim(str_slice(one, equals < one.n ? equals + 1 : equals, one.n));
        bool quoted = value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"';
        value = quoted ? str_slice(value, 1, value.n - 1) : value;
        if (str_ends_nocase(name, STR("FILENAME"))) {
            inside_put_name(value, ret);
        } else if (str_eq_nocase(name, STR("FMTTYPE"))) {
            str_copy_cut(value, ret->type, sizeof ret->type);
        }
        bool encoding = str_eq_nocase(name, STR("ENCODING"));
        is_base64 |= str_eq_nocase(name, STR("BASE64")) ||
                     (encoding &&
                      (str_starts_nocase(value, STR("BASE64")) || str_eq_nocase(value, STR("B"))));
    }
    return is_base64;
}

/* Where the value begins: behind the first colon outside quotes; s.n: nowhere. */
static size_t value_begin(struct str s)
{
    bool quoted = false;
    for (size_t i = 0; i < s.n && i < TAG_MAX; i++) {
        quoted ^= s.p[i] == '"';
        if (s.p[i] == ':' && !quoted) {
            return i + 1;
        }
    }
    return s.n;
}

static bool next_in_card(struct str *rest, struct inside_file *ret)
{
    char head[TAG_MAX];
    while (rest->n > 0) {
        struct str line = take_folded(rest);
        size_t begin = value_begin(line), data = 0;
        struct str value = str_slice(line, begin, line.n);
        while (value.n > 0 && (unsigned char)value.p[0] <= ' ') {
            value = str_slice(value, 1, value.n);
        }
        *ret = (struct inside_file){.encoding = TRANSFER_BASE64};
        put_unfolded(str_slice(line, 0, begin > 0 ? begin - 1 : 0), head, sizeof head);
        bool is_base64 = inside_read_parameters(str_c(head), ret);
        bool is_link = !is_base64 && read_link_head(value, ret, &data);
        ret->octets = str_slice(value, data, value.n);
        ret->is_escaped = is_link && memchr(ret->octets.p, '%', ret->octets.n);
        if ((is_base64 || is_link) && ret->octets.n > 0) {
            return true;
        }
    }
    return false;
}

/* --- HTML --------------------------------------------------------------- */

/* Where the link ends: at its quotation mark, else at what stands in no link. */
static size_t link_end(struct str s, size_t at, char quote)
{
    while (at < s.n &&
           (quote ? s.p[at] != quote : (unsigned char)s.p[at] > ' ' && !strchr("\"'>)", s.p[at]))) {
        at++;
    }
    return at;
}

/* download="list.csv" in the tag around. */
static void put_download(struct str html, size_t at, size_t end, struct inside_file *ret)
{
    size_t from = at, to = end, tag = end + TAG_MAX < html.n ? end + TAG_MAX : html.n;
    while (from > 0 && at - from < TAG_MAX && html.p[from] != '<') {
        from--;
    }
    while (to < tag && html.p[to] != '>') {
        to++;
    }
    const struct str sides[] = {str_slice(html, from, at), str_slice(html, end, to)};
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        for (size_t k = 0; k + 9 < sides[i].n; k++) {
            struct str s = str_slice(sides[i], k, sides[i].n);
            if (str_starts_nocase(s, STR("download="))) {
                char quote = s.p[9] == '"' || s.p[9] == '\'' ? s.p[9] : '\0';
                size_t begin = 9 + (quote != '\0');
                inside_put_name(str_slice(s, begin, link_end(s, begin, quote)), ret);
                return;
            }
        }
    }
}

static bool next_in_html(struct str *rest, struct inside_file *ret)
{
    struct str all = *rest;
    for (size_t at = 1; at + 6 < all.n; at++) {
        char before = all.p[at - 1];
        size_t data = 0;
        *ret = (struct inside_file){.type = ""};
        if (all.p[at + 4] != ':' || !memchr("\"'=( \t\r\n", before, 8) ||
            !read_link_head(str_slice(all, at, all.n), ret, &data)) {
            continue;
        }
        if (ret->encoding == TRANSFER_AS_IS && !memchr("\"'=", before, 3)) { /* words, perhaps */
            continue;
        }
        size_t end = link_end(all, at + data, before == '"' || before == '\'' ? before : '\0');
        ret->octets = str_slice(all, at + data, end);
        ret->is_escaped = memchr(ret->octets.p, '%', ret->octets.n);
        put_download(all, at, end, ret);
        *rest = str_slice(all, end, all.n);
        if (ret->octets.n > 0) {
            return true;
        }
        at = end;
    }
    *rest = STR("");
    return false;
}

/* --- all of them -------------------------------------------------------- */

bool inside_next(enum inside kind, struct str *rest, struct inside_file *ret)
{
    *ret = (struct inside_file){.type = ""};
    return kind == INSIDE_TEXT   ? next_in_text(rest, ret)
           : kind == INSIDE_CARD ? next_in_card(rest, ret)
                                 : next_in_html(rest, ret);
}

static int inside_unescape(struct str s, struct buf *out)
{
    int e = 0;
    for (size_t i = 0; i < s.n && e == 0; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? str_hex(s.p[i + 1]) : -1,
            low = high >= 0 ? str_hex(s.p[i + 2]) : -1;
        char c = low >= 0 ? (char)(high << 4 | low) : s.p[i];
        i += low >= 0 ? 2 : 0;
        e = buf_append(out, &c, 1);
    }
    return e;
}

int inside_octets(const struct inside_file *f, struct buf *out)
{
    struct buf plain = BUF_INIT(f->octets.n + 1);
    int e = f->is_escaped ? inside_unescape(f->octets, &plain) : 0;
    e = e < 0 ? e
              : transfer_read_all(f->encoding, f->is_escaped ? buf_str(&plain) : f->octets, out,
                                  NULL);
    buf_wipe(&plain);
    return e;
}

/* A picture of the page itself, of which a message may have hundreds, is no file of its own. */
static bool inside_read_one(struct reader *r, const char *part, const char *number,
                            enum inside kind, const struct inside_file *f)
{
    struct buf octets = BUF_INIT(f->octets.n + 1);
    (void)!inside_octets(f, &octets);
    const struct piece p = {
        .octets = buf_str(&octets),
        .part = number,
        .name = f->name,
        .place = MIME_ATTACHMENT,
    };
    bool is_shown = kind == INSIDE_HTML && !*f->name && kind_of(p.octets, "") == KIND_IMAGE;
    if (is_shown) {
        reader_problem(r, MIME_IMAGE, part, "");
        read_strings(r, &(struct piece){
                            .octets = p.octets,
                            .part = part,
                            .name = "",
                            .place = MIME_ATTACHMENT,
                        });
    } else if (reader_open_octets(r, number, p.octets.n)) {
        reader_piece(r, &p);
    }
    buf_wipe(&octets);
    return !is_shown;
}

bool inside_next_within(struct reader *r, const char *part, enum inside kind, struct str *rest,
                        unsigned n, struct inside_file *ret)
{
    unsigned most = kind == INSIDE_TEXT ? TEXT_FILES_MAX : OTHER_FILES_MAX;
    if (reader_is_spent(r, part) || !inside_next(kind, rest, ret)) {
        return false;
    }
    if (n >= most) {
        reader_problem(r, MIME_LIMIT, part, "more files in a text than are read");
    }
    return n < most;
}

void inside_read(struct reader *r, const char *part, enum inside kind, struct str text)
{
    char number[MIME_PART];
    struct inside_file f;
    for (unsigned n = 0; inside_next_within(r, part, kind, &text, n, &f);) {
        reader_inner_part(part, n + 1, number);
        n += inside_read_one(r, part, number, kind, &f);
    }
}
