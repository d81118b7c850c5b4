/* SPDX-License-Identifier: Apache-2.0
 * charset_decode.c: the decoders of the WHATWG Encoding Standard (8 to 14), on whole texts.
 * Called by charset.c.
 *
 * Each takes the octets of one character off the front. Where they are none, it says how many
 * belong to the error: an octet below 0x80 behind a lead octet is read again, so that no error
 * hides a `<` or a digit.
 */
#include "mime/charset.h"

#include <errno.h>

enum { NOTHING = 0x7ffffffe, ERROR = 0x7fffffff /* no characters */, SINK = 1024, RUN = 32 };

struct text {
    const struct charset *set;
    const unsigned char *p; /* what is left */
    size_t n;
    struct {
        enum { JP_ASCII, JP_ROMAN, JP_KATAKANA, JP_TWO } state;
        bool switched; /* and no character since */
    } jp;
    bool hz_two;
};

static bool charset_decode_is_in(unsigned char c, unsigned from, unsigned to)
{
    return c >= from && c <= to;
}

/* The length of an error that begins with a lead octet: one below 0x80 behind it is no part of
 * it. */
static size_t error_of_two(const struct text *t)
{
    return t->n > 1 && t->p[1] >= 0x80 ? 2 : 1;
}

static size_t one(uint32_t code, size_t n, uint32_t *ret)
{
    *ret = code;
    return n;
}

/* --- Unicode ------------------------------------------------------------ */

static size_t take_utf8(struct text *t, uint32_t *ret)
{
    unsigned char c = t->p[0];
    size_t more = c < 0x80                              ? 0
                  : charset_decode_is_in(c, 0xc2, 0xdf) ? 1
                  : charset_decode_is_in(c, 0xe0, 0xef) ? 2
                  : charset_decode_is_in(c, 0xf0, 0xf4) ? 3
                                                        : 9;
    if (more == 0 || more == 9) {
        return one(more == 0 ? c : ERROR, 1, ret);
    }
    uint32_t code = c & (0x3fu >> more);
    unsigned low = c == 0xe0   ? 0xa0
                   : c == 0xf0 ? 0x90
                               : 0x80,
             high = c == 0xed   ? 0x9f
                    : c == 0xf4 ? 0x8f
                                : 0xbf;
    for (size_t i = 1; i <= more; i++, low = 0x80, high = 0xbf) {
        if (i >= t->n || !charset_decode_is_in(t->p[i], low, high)) {
            return one(ERROR, i, ret);
        }
        code = code << 6 | (t->p[i] & 0x3f);
    }
    return one(code, more + 1, ret);
}

static uint32_t unit(const struct text *t, size_t at)
{
    const unsigned char *p = t->p + at;
    return t->set->kind == CHARSET_UTF16BE ? (uint32_t)p[0] << 8 | p[1]
                                           : (uint32_t)p[1] << 8 | p[0];
}

static size_t take_utf16(struct text *t, uint32_t *ret)
{
    if (t->n < 2) {
        return one(ERROR, 1, ret);
    }
    uint32_t first = unit(t, 0);
    if (first < 0xd800 || first > 0xdfff) {
        return one(first, 2, ret);
    }
    if (first < 0xdc00 && t->n < 4) {
        return one(ERROR, t->n, ret);
    }
    uint32_t second = first < 0xdc00 ? unit(t, 2) : 0;
    if (second < 0xdc00 || second > 0xdfff) {
        return one(ERROR, 2, ret);
    }
    return one(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 4, ret);
}

/* --- single octets ------------------------------------------------------ */

static size_t take_single(struct text *t, uint32_t *ret)
{
    unsigned char c = t->p[0];
    uint32_t code = c < 0x80 ? c : charset_single(t->set, c);
    return one(c >= 0x80 && code == CHARSET_NONE ? ERROR : code, 1, ret);
}

static size_t take_user_defined(struct text *t, uint32_t *ret)
{
    return one(t->p[0] < 0x80 ? t->p[0] : 0xf780u + t->p[0] - 0x80, 1, ret);
}

/* One U+FFFD for the whole text. */
static size_t take_replacement(struct text *t, uint32_t *ret)
{
    return one(ERROR, t->n, ret);
}

/* --- two octets --------------------------------------------------------- */

/* A lead octet and its trail in a table; CHARSET_NONE: an error. */
static size_t pair(const struct text *t, uint32_t code, uint32_t *ret)
{
    return code == CHARSET_NONE ? one(ERROR, error_of_two(t), ret) : one(code, 2, ret);
}

static bool is_trail_gb(unsigned char c)
{
    return charset_decode_is_in(c, 0x40, 0x7e) || charset_decode_is_in(c, 0x80, 0xfe);
}

static size_t take_gb18030(struct text *t, uint32_t *ret)
{
    const unsigned char *p = t->p;
    if (p[0] <= 0x80 || p[0] == 0xff) {
        return one(p[0] < 0x80 ? p[0] : p[0] == 0x80 ? 0x20ac : ERROR, 1, ret);
    }
    if (t->n > 1 && charset_decode_is_in(p[1], '0', '9')) {
        bool ends = t->n == 2 || (t->n == 3 && charset_decode_is_in(p[2], 0x81, 0xfe));
        if (ends) {
            return one(ERROR, t->n, ret);
        }
        if (!charset_decode_is_in(p[2], 0x81, 0xfe) || !charset_decode_is_in(p[3], '0', '9')) {
            return one(ERROR, 1, ret);
        }
        uint32_t code = charset_four(t->set, p);
        return one(code == CHARSET_NONE ? ERROR : code, 4, ret);
    }
    return pair(t, t->n > 1 && is_trail_gb(p[1]) ? charset_pair(t->set, p[0], p[1]) : CHARSET_NONE,
                ret);
}

static size_t take_big5(struct text *t, uint32_t *ret)
{
    const unsigned char *p = t->p;
    if (!charset_decode_is_in(p[0], 0x81, 0xfe)) {
        return one(p[0] < 0x80 ? p[0] : ERROR, 1, ret);
    }
    bool fits = t->n > 1 &&
                (charset_decode_is_in(p[1], 0x40, 0x7e) || charset_decode_is_in(p[1], 0xa1, 0xfe));
    return pair(t, fits ? charset_pair(t->set, p[0], p[1]) : CHARSET_NONE, ret);
}

static size_t take_euc_kr(struct text *t, uint32_t *ret)
{
    const unsigned char *p = t->p;
    if (!charset_decode_is_in(p[0], 0x81, 0xfe)) {
        return one(p[0] < 0x80 ? p[0] : ERROR, 1, ret);
    }
    bool fits = t->n > 1 && charset_decode_is_in(p[1], 0x41, 0xfe);
    return pair(t, fits ? charset_pair(t->set, p[0], p[1]) : CHARSET_NONE, ret);
}

static size_t take_shift_jis(struct text *t, uint32_t *ret)
{
    const unsigned char *p = t->p;
    if (charset_decode_is_in(p[0], 0xa1, 0xdf)) {
        return one(0xff61u + p[0] - 0xa1, 1, ret);
    }
    if (p[0] <= 0x80 || p[0] == 0xa0 || p[0] > 0xfc) {
        return one(p[0] <= 0x80 ? p[0] : ERROR, 1, ret);
    }
    bool fits = t->n > 1 &&
                (charset_decode_is_in(p[1], 0x40, 0x7e) || charset_decode_is_in(p[1], 0x80, 0xfc));
    return pair(t, fits ? charset_pair(t->set, p[0], p[1]) : CHARSET_NONE, ret);
}

/* JIS X 0208 by row and cell (from 0x21), out of the table of Shift_JIS. */
static uint32_t jis0208(unsigned row, unsigned cell)
{
    static const struct charset *shift_jis;
    shift_jis = shift_jis ? shift_jis : charset_find(STR("shift_jis"));
    unsigned place = (row - 0x21) * 94 + cell - 0x21, lead = place / 188, trail = place % 188;
    lead += lead < 0x1f ? 0x81 : 0xc1;
    trail += trail < 0x3f ? 0x40 : 0x41;
    return charset_pair(shift_jis, (unsigned char)lead, (unsigned char)trail);
}

static size_t take_euc_jp(struct text *t, uint32_t *ret)
{
    const unsigned char *p = t->p;
    if (p[0] == 0x8f && t->n > 1 && charset_decode_is_in(p[1], 0xa1, 0xfe)) {
        bool fits = t->n > 2 && charset_decode_is_in(p[2], 0xa1, 0xfe);
        uint32_t code = fits ? charset_pair(t->set, p[1], p[2]) : CHARSET_NONE;
        size_t error = t->n > 2 && p[2] >= 0x80 ? 3 : 2;
        return code == CHARSET_NONE ? one(ERROR, error, ret) : one(code, 3, ret);
    }
    if (p[0] == 0x8e && t->n > 1 && charset_decode_is_in(p[1], 0xa1, 0xdf)) {
        return one(0xff61u + p[1] - 0xa1, 2, ret);
    }
    bool lead = p[0] == 0x8e || p[0] == 0x8f || charset_decode_is_in(p[0], 0xa1, 0xfe);
    if (!lead) {
        return one(p[0] < 0x80 ? p[0] : ERROR, 1, ret);
    }
    bool fits = p[0] >= 0xa1 && t->n > 1 && charset_decode_is_in(p[1], 0xa1, 0xfe);
    return pair(t, fits ? jis0208(p[0] - 0x80u, p[1] - 0x80u) : CHARSET_NONE, ret);
}

/* --- by escapes --------------------------------------------------------- */

/* ESC ( B, ( J, ( I, $ @, $ B switch; anything else behind ESC is read as it stands. */
static size_t charset_decode_take_escape(struct text *t, uint32_t *ret)
{
    static const struct {
        char octets[3];
        int state;
    } escapes[] = {
        {"(B", JP_ASCII}, {"(J", JP_ROMAN}, {"(I", JP_KATAKANA}, {"$@", JP_TWO}, {"$B", JP_TWO},
    };
    for (size_t i = 0; t->n > 2 && i < ARRAY_LEN(escapes); i++) {
        if (memcmp(t->p + 1, escapes[i].octets, 2) == 0) {
            bool before = t->jp.switched;
            t->jp.state = escapes[i].state;
            t->jp.switched = true;
            return one(before ? ERROR : NOTHING, 3, ret);
        }
    }
    t->jp.switched = false;
    return one(ERROR, 1, ret);
}

static size_t take_iso_2022_jp(struct text *t, uint32_t *ret)
{
    unsigned char c = t->p[0];
    if (c == 0x1b) {
        return charset_decode_take_escape(t, ret);
    }
    t->jp.switched = false;
    switch (t->jp.state) {
    case JP_ASCII:
    case JP_ROMAN:
        if (c >= 0x80 || c == 0x0e || c == 0x0f) {
            return one(ERROR, 1, ret);
        }
        return one(t->jp.state == JP_ROMAN && c == 0x5c   ? 0xa5
                   : t->jp.state == JP_ROMAN && c == 0x7e ? 0x203e
                                                          : c,
                   1, ret);
    case JP_KATAKANA:
        return one(charset_decode_is_in(c, 0x21, 0x5f) ? 0xff61u + c - 0x21 : ERROR, 1, ret);
    case JP_TWO:
        break;
    }
    bool lead = charset_decode_is_in(c, 0x21, 0x7e), alone = t->n == 1 || t->p[1] == 0x1b;
    uint32_t code = lead && !alone && charset_decode_is_in(t->p[1], 0x21, 0x7e)
                        ? jis0208(c, t->p[1])
                        : CHARSET_NONE;
    return one(code == CHARSET_NONE ? ERROR : code, lead && !alone ? 2 : 1, ret);
}

/* RFC 1843: GB 2312 between ~{ and ~} */
static size_t take_hz(struct text *t, uint32_t *ret)
{
    static const struct charset *gbk;
    gbk = gbk ? gbk : charset_find(STR("gbk"));
    const unsigned char *p = t->p;
    unsigned char next = t->n > 1 ? p[1] : 0;
    if (p[0] == '~' && (next == '{' || next == '}' || next == '\n')) {
        t->hz_two = next == '{' || (t->hz_two && next != '}');
        return one(NOTHING, 2, ret);
    }
    if (p[0] == '\n') {
        t->hz_two = false;
    }
    if (!t->hz_two || p[0] <= ' ') {
        bool tilde = p[0] == '~' && next == '~';
        return one(p[0] < 0x80 ? p[0] : ERROR, tilde ? 2 : 1, ret);
    }
    bool fits = charset_decode_is_in(p[0], 0x21, 0x7e) && charset_decode_is_in(next, 0x21, 0x7e);
    uint32_t code = fits ? charset_pair(gbk, p[0] | 0x80, next | 0x80) : CHARSET_NONE;
    return one(code == CHARSET_NONE ? ERROR : code, fits ? 2 : 1, ret);
}

/* --- whole texts -------------------------------------------------------- */

struct sink {
    struct buf *out;
    struct charset_result *result;
    char octets[SINK];
    size_t n;
};

/* As much as there is room for, in whole characters. */
static void charset_decode_flush(struct sink *s)
{
    size_t room = s->out->max - buf_len(s->out), n = s->n;
    if (n > room) {
        n = room;
        while (n > 0 && ((unsigned char)s->octets[n] & 0xc0) == 0x80) {
            n--;
        }
        s->result->full = true;
    }
    s->result->full |= buf_append(s->out, s->octets, n) < 0;
    s->n = 0;
}

size_t charset_put_utf8(uint32_t c, char *ret)
{
    char *p = ret;
    if (c < 0x80) {
        *p++ = (char)c;
    } else if (c < 0x800) {
        *p++ = (char)(0xc0 | c >> 6);
        *p++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *p++ = (char)(0xe0 | c >> 12);
        *p++ = (char)(0x80 | (c >> 6 & 0x3f));
        *p++ = (char)(0x80 | (c & 0x3f));
    } else {
        *p++ = (char)(0xf0 | c >> 18);
        *p++ = (char)(0x80 | (c >> 12 & 0x3f));
        *p++ = (char)(0x80 | (c >> 6 & 0x3f));
        *p++ = (char)(0x80 | (c & 0x3f));
    }
    return (size_t)(p - ret);
}

static void charset_decode_put(struct sink *s, uint32_t c)
{
    if (s->n + CHARSET_UTF8_MAX > SINK) {
        charset_decode_flush(s);
    }
    s->n += charset_put_utf8(c, s->octets + s->n);
}

static void charset_decode_put_code(struct sink *s, uint32_t code)
{
    if (code == ERROR) {
        s->result->errors++;
        charset_decode_put(s, 0xfffd);
    } else if (code & CHARSET_TWO) {
        charset_decode_put(s, code & 0xffff);
        charset_decode_put(s, (code & ~(uint32_t)CHARSET_TWO) >> 16);
    } else if (code != NOTHING) {
        charset_decode_put(s, code);
    }
}

/* A set of the C library's: what does not fit, and what has no end, is U+FFFD. */
static struct charset_result decode_other(const struct charset *c, struct str octets,
                                          struct buf *out)
{
    struct charset_result result = {0};
    struct sink s = {.out = out, .result = &result};
    iconv_t library = charset_descriptor(c);
    char *in = (char *)(uintptr_t)octets.p;
    size_t left = library == (iconv_t)-1 ? 0 : octets.n,
           unit_n = str_starts_nocase(str_c(c->name), STR("utf-32")) ? 4 : 1;
    while (left > 0 && !result.full) {
        char *to = s.octets;
        size_t room = SINK;
        size_t r = iconv(library, &in, &left, &to, &room);
        int why = r == (size_t)-1 ? errno : 0;
        s.n = SINK - room;
        charset_decode_flush(&s);
        if (why == EINVAL || why == EILSEQ) {
            size_t skip = why == EINVAL || left < unit_n ? left : unit_n;
            charset_decode_put_code(&s, ERROR);
            charset_decode_flush(&s);
            in += skip;
            left -= skip;
        }
    }
    if (library != (iconv_t)-1) {
        char *to = s.octets;
        size_t room = SINK;
        (void)iconv(library, NULL, NULL, &to, &room);
        s.n = SINK - room;
        charset_decode_flush(&s);
    } else {
        result.errors++;
    }
    return result;
}

typedef size_t (*take_fn)(struct text *t, uint32_t *ret);
static const take_fn takes[] = {
    [CHARSET_UTF8] = take_utf8,
    [CHARSET_UTF16LE] = take_utf16,
    [CHARSET_UTF16BE] = take_utf16,
    [CHARSET_SINGLE] = take_single,
    [CHARSET_USER_DEFINED] = take_user_defined,
    [CHARSET_REPLACEMENT] = take_replacement,
    [CHARSET_GB18030] = take_gb18030,
    [CHARSET_BIG5] = take_big5,
    [CHARSET_EUC_JP] = take_euc_jp,
    [CHARSET_ISO_2022_JP] = take_iso_2022_jp,
    [CHARSET_SHIFT_JIS] = take_shift_jis,
    [CHARSET_EUC_KR] = take_euc_kr,
    [CHARSET_HZ] = take_hz,
};

/* How many octets at the front are ASCII in every way that a set may read them. */
static size_t ascii_run(const struct text *t)
{
    size_t n = 0;
    while (n < t->n && t->p[n] < 0x80) {
        n++;
    }
    return n;
}

/* Most of most texts. */
static void copy_run(struct sink *s, struct text *t)
{
    size_t n = ascii_run(t), room;
    charset_decode_flush(s);
    room = s->out->max - buf_len(s->out);
    s->result->full |= n > room;
    n = n < room ? n : room;
    s->result->full |= buf_append(s->out, t->p, n) < 0;
    t->p += n;
    t->n -= n;
}

static bool charset_decode_is_ascii_based(enum charset_kind kind)
{
    return kind != CHARSET_UTF16LE && kind != CHARSET_UTF16BE && kind != CHARSET_REPLACEMENT &&
           kind != CHARSET_ISO_2022_JP && kind != CHARSET_HZ;
}

struct charset_result charset_decode(const struct charset *c, struct str octets, struct buf *out)
{
    if (c->kind == CHARSET_OTHER) {
        return decode_other(c, octets, out);
    }
    struct charset_result result = {0};
    struct sink s = {.out = out, .result = &result};
    struct text t = {.set = c, .p = (const unsigned char *)octets.p, .n = octets.n};
    bool runs = charset_decode_is_ascii_based(c->kind);
    while (t.n > 0 && !result.full) {
        if (runs && t.n >= RUN && t.p[0] < 0x80 && t.p[RUN - 1] < 0x80) {
            copy_run(&s, &t);
            continue;
        }
        uint32_t code;
        size_t n = takes[c->kind](&t, &code);
        t.p += n;
        t.n -= n;
        charset_decode_put_code(&s, code);
    }
    charset_decode_flush(&s);
    return result;
}

void charset_count_utf8(struct str octets, size_t *ret_good, size_t *ret_bad)
{
    struct text t = {.p = (const unsigned char *)octets.p, .n = octets.n};
    *ret_good = *ret_bad = 0;
    while (t.n > 0) {
        uint32_t code;
        size_t n = take_utf8(&t, &code);
        *ret_bad += code == ERROR;
        *ret_good += code != ERROR && n > 1;
        t.p += n;
        t.n -= n;
    }
}
