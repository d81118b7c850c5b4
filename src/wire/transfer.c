/* SPDX-License-Identifier: Apache-2.0
 * transfer.c: base64, quoted-printable, uuencode and the pieces of BER, undone (transfer.h).
 * Each octet goes through one step; what a step cannot decide alone is held until the next.
 */
#include "wire/transfer.h"
#include "wire/base64.h"

static bool transfer_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* --- base64 ------------------------------------------------------------- */

/* The octets of a group: three of four letters, two of three, one of two; a single letter gives
 * none. */
static int end_group(struct transfer_reader *t, struct buf *out)
{
    static const unsigned octets[] = {0, 0, 1, 2, 3};
    uint32_t v = t->bits << (6 * (4 - t->letters));
    const char three[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
    unsigned n = octets[t->letters];
    t->bits = 0;
    t->letters = 0;
    return buf_append(out, three, n);
}

/* RFC 2045 6.8 MUST: reading: what is no letter of base64 is left out */
static int base64_step(struct transfer_reader *t, char c, struct buf *out)
{
    int v = base64_value(c);
    if (v < 0 && c != '=') {
        t->broken |= !transfer_is_blank(c) && c != '\r' && c != '\n';
        return 0;
    }
    t->seen++;
    if (c == '=') {
        t->padded = true;
        return end_group(t, out);
    }
    t->broken |= t->padded; /* a second piece */
    t->bits = t->bits << 6 | (uint32_t)v;
    return ++t->letters == 4 ? end_group(t, out) : 0;
}

static struct str line_of(struct str text)
{
    return str_slice(text, 0, str_find(text, '\n', 0));
}

/* Whole groups at the front, the usual case. The letters used. */
static size_t base64_run(struct transfer_reader *t, struct str text, struct buf *out)
{
    size_t i = 0, n = 0;
    char *to;
    if (t->letters > 0 || buf_reserve(out, text.n / 4 * 3 + 1, &to) < 0) {
        return 0;
    }
    for (; i + 4 <= text.n; i += 4, n += 3) {
        int a = base64_value(text.p[i]), b = base64_value(text.p[i + 1]);
        int c = base64_value(text.p[i + 2]), d = base64_value(text.p[i + 3]);
        if (a < 0 || b < 0 || c < 0 || d < 0) {
            break;
        }
        to[n] = (char)(a << 2 | b >> 4);
        to[n + 1] = (char)(b << 4 | c >> 2);
        to[n + 2] = (char)(c << 6 | d);
    }
    buf_commit(out, n);
    t->seen += i;
    t->broken |= t->padded && i > 0;
    return i;
}

/* --- quoted-printable --------------------------------------------------- */

/* What was held is text after all. */
static int transfer_release(struct transfer_reader *t, struct buf *out)
{
    unsigned n = t->n_held;
    t->n_held = 0;
    t->broken |= t->equals;
    t->equals = false;
    return n > 0 ? buf_append(out, t->held, n) : 0;
}

static int transfer_hold(struct transfer_reader *t, char c, struct buf *out)
{
    int r = t->n_held == TRANSFER_HELD_MAX ? transfer_release(t, out) : 0;
    t->equals |= t->n_held == 0 && c == '=';
    t->held[t->n_held++] = c;
    return r;
}

/* Behind "=": a code, or the end of a line that goes on (blanks may stand before it). *ret_done:
 * c is used up.
 * RFC 2045 6.7 MAY: reading: lower-case digits count */
static int quoted_code(struct transfer_reader *t, char c, struct buf *out, bool *ret_done)
{
    char last = t->held[t->n_held - 1];
    int high = t->n_held == 2 ? str_hex(last) : -1, low = str_hex(c);
    bool begins = t->n_held == 1, goes_on = transfer_is_blank(last) || begins;
    *ret_done = true;
    if (high >= 0 && low >= 0) {
        const char octet = (char)(high << 4 | low);
        t->n_held = 0;
        t->equals = false;
        return buf_append(out, &octet, 1);
    }
    if ((begins && low >= 0) || (goes_on && transfer_is_blank(c)) || (goes_on && c == '\r')) {
        return transfer_hold(t, c, out);
    }
    if ((goes_on || last == '\r') && c == '\n') {
        t->n_held = 0;
        t->equals = false;
        return 0;
    }
    *ret_done = false;
    if (last == '\r') { /* a CR alone ends a line, too */
        t->n_held = 0;
        t->equals = false;
        return 0;
    }
    return transfer_release(t, out);
}

/* RFC 2045 6.7 MUST: reading: blanks at the end of a line are gone */
static int quoted_step(struct transfer_reader *t, char c, struct buf *out)
{
    bool done = false;
    int r = t->equals ? quoted_code(t, c, out, &done) : 0;
    if (r < 0 || done) {
        return r;
    }
    if (transfer_is_blank(c)) {
        return transfer_hold(t, c, out);
    }
    if (c == '\r' || c == '\n') {
        t->n_held = 0; /* blanks that stood at the end of a line */
        return buf_append(out, &c, 1);
    }
    r = transfer_release(t, out);
    if (c == '=') {
        return r < 0 ? r : transfer_hold(t, c, out);
    }
    return r < 0 ? r : buf_append(out, &c, 1);
}

/* --- uuencode ----------------------------------------------------------- */

/* A line: how many octets, then groups of four letters; blanks at its end may be lost. */
static int uu_line(struct str line, struct buf *out)
{
    size_t n = line.n > 0 ? (size_t)(line.p[0] - ' ') & 63 : 0;
    int r = 0;
    for (size_t i = 1, done = 0; r == 0 && done < n; i += 4, done += 3) {
        uint32_t v = 0;
        for (size_t k = i; k < i + 4; k++) {
            v = v << 6 | ((k < line.n ? (uint32_t)(line.p[k] - ' ') : 0) & 63);
        }
        const char three[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        r = buf_append(out, three, n - done < 3 ? n - done : 3);
    }
    return r;
}

static int uu_step(struct transfer_reader *t, char c, struct buf *out)
{
    if (c != '\n') {
        if (c != '\r' && t->n_held < TRANSFER_HELD_MAX) {
            t->held[t->n_held++] = c;
        }
        return 0;
    }
    struct str line = str_from(t->held, t->n_held);
    bool begin = str_starts_nocase(line, STR("begin ")), end = str_eq(line, STR("end"));
    t->n_held = 0;
    if (begin || end || !t->begun) {
        t->begun = begin || (t->begun && !end);
        return 0;
    }
    return uu_line(line, out);
}

/* --- BER ---------------------------------------------------------------- */

enum ber_state { BER_TAG, BER_LENGTH, BER_LONG_LENGTH, BER_OVER };

/* An octet outside a string; what is inside one is a plain run. */
static int ber_step(struct transfer_reader *t, char c)
{
    enum { OCTET_STRING = 0x04, LONG_FORM = 0x80, LENGTH_OCTETS = 7 };
    unsigned char o = (unsigned char)c;
    switch ((enum ber_state)t->letters) {
    case BER_TAG:
        t->broken |= o != OCTET_STRING && o != 0; /* two zeroes are the end */
        t->letters = o == OCTET_STRING ? BER_LENGTH : BER_OVER;
        break;
    case BER_LENGTH:
        t->bits = o & ~(unsigned)LONG_FORM;
        t->seen = o < LONG_FORM ? o : 0;
        t->letters = o < LONG_FORM                             ? BER_TAG
                     : t->bits > 0 && t->bits <= LENGTH_OCTETS ? BER_LONG_LENGTH
                                                               : BER_OVER;
        t->broken |= t->letters == BER_OVER;
        break;
    case BER_LONG_LENGTH:
        t->seen = t->seen << 8 | o;
        t->letters = --t->bits == 0 ? BER_TAG : BER_LONG_LENGTH;
        break;
    case BER_OVER:
        break;
    }
    return 0;
}

static size_t ber_run(struct transfer_reader *t, struct str text)
{
    size_t n = t->letters != BER_TAG ? 0 : t->seen < text.n ? (size_t)t->seen : text.n;
    t->seen -= n;
    return n;
}

/* Octets at the front that stand for themselves. */
static size_t plain_run(struct transfer_reader *t, struct str text)
{
    size_t n = 0;
    if (t->encoding == TRANSFER_BER) {
        return ber_run(t, text);
    }
    while (t->n_held == 0 && n < text.n &&
           !strchr(t->encoding == TRANSFER_WORD ? "= \t\r\n_" : "= \t\r\n", text.p[n])) {
        n++;
    }
    return n;
}

/* --- from outside ------------------------------------------------------- */

/* RFC 2047 4.2 MUST: Q: an underscore is a blank, = and two digits an octet */
static int transfer_step(struct transfer_reader *t, char c, struct buf *out)
{
    switch (t->encoding) {
    case TRANSFER_BASE64:
        return base64_step(t, c, out);
    case TRANSFER_QUOTED:
        return quoted_step(t, c, out);
    case TRANSFER_WORD:
        return quoted_step(t, (char)(c == '_' ? ' ' : c), out);
    case TRANSFER_UU:
        return uu_step(t, c, out);
    case TRANSFER_BER:
        return ber_step(t, c);
    case TRANSFER_AS_IS:
    case TRANSFER_END:
        break;
    }
    return 0;
}

int transfer_read(struct transfer_reader *t, struct str text, struct buf *out)
{
    int r = 0;
    if (t->encoding == TRANSFER_AS_IS) {
        return buf_add(out, text);
    }
    for (size_t i = 0; r == 0 && i < text.n;) {
        struct str rest = str_slice(text, i, text.n);
        size_t run = t->encoding == TRANSFER_BASE64 ? base64_run(t, line_of(rest), out)
                     : t->encoding == TRANSFER_UU   ? 0
                                                    : plain_run(t, rest);
        if (run > 0 && t->encoding != TRANSFER_BASE64) {
            r = buf_add(out, str_slice(rest, 0, run));
        }
        i += run;
        if (r == 0 && i < text.n) {
            r = transfer_step(t, text.p[i++], out);
        }
    }
    return r;
}

int transfer_read_end(struct transfer_reader *t, struct buf *out)
{
    if (t->encoding == TRANSFER_BASE64) {
        t->broken |= t->seen % 4 != 0;
        return end_group(t, out);
    }
    if (t->encoding == TRANSFER_UU) { /* the last line may have no end */
        return t->n_held > 0 ? uu_step(t, '\n', out) : 0;
    }
    if (t->encoding == TRANSFER_BER) {
        t->broken |= t->letters == BER_LENGTH || t->letters == BER_LONG_LENGTH ||
                     (t->letters == BER_TAG && t->seen > 0);
        return 0;
    }
    if (t->equals && t->n_held == 1) { /* the line would have gone on */
        t->n_held = 0;
        t->equals = false;
    }
    return transfer_release(t, out);
}

int transfer_read_all(enum transfer encoding, struct str text, struct buf *out, bool *ret_sound)
{
    struct transfer_reader t = {.encoding = encoding};
    int r = transfer_read(&t, text, out);
    r = r < 0 ? r : transfer_read_end(&t, out);
    if (ret_sound) {
        *ret_sound = !t.broken;
    }
    return r;
}
