/* SPDX-License-Identifier: Apache-2.0
 * repair.c: bare line ends of old devices, RFC 5321 2.3.8. Fuzzed with the server engine.
 *
 * The automaton holds back CRs until it sees whether an LF follows, and the first dot behind a
 * line end that was repaired until it sees the second.
 */
#include "wire/repair.h"

static const struct {
    unsigned bit;
    const char *words;
} repairs[] = {
    {REPAIR_HELLO, "name in EHLO"},
    {REPAIR_PATH, "address without brackets"},
    {REPAIR_COMMAND_END, "line end of a command"},
    {REPAIR_BARE_LF, "bare LF"},
    {REPAIR_BARE_CR, "bare CR"},
    {REPAIR_DATE, "Date added"},
    {REPAIR_MESSAGE_ID, "Message-ID added"},
    {REPAIR_FROM, "From added"},
};

const char *repair_words(unsigned bit)
{
    for (size_t i = 0; i < ARRAY_LEN(repairs); i++) {
        if (bit & repairs[i].bit) {
            return repairs[i].words;
        }
    }
    return "";
}

int repair_write(unsigned bits, struct buf *out)
{
    int e = 0;
    const char *between = "";
    for (size_t i = 0; e == 0 && i < ARRAY_LEN(repairs); i++) {
        if (bits & repairs[i].bit) {
            e = buf_printf(out, "%s%s", between, repairs[i].words);
            between = ", ";
        }
    }
    return e;
}

enum { IN_TEXT = 0, AFTER_CR, AFTER_REPAIRED, REPAIRED_DOT };
enum { CRS_MAX = 64 /* held back at once */ };

/* The CRs that were held back ended a line each. */
static int release_crs(struct line_repair *r, struct buf *out)
{
    int e = 0;
    for (; e == 0 && r->crs > 0; r->crs--) {
        r->bare_cr = true;
        e = buf_append(out, "\r\n", 2);
    }
    r->state = AFTER_REPAIRED;
    return e;
}

static int take_lf(struct line_repair *r, struct buf *out)
{
    bool repaired = r->crs != 1;
    r->bare_lf |= r->crs == 0;
    r->bare_cr |= r->crs > 1;
    r->crs = 0;
    r->state = repaired ? AFTER_REPAIRED : IN_TEXT;
    return buf_append(out, "\r\n", 2);
}

/* One octet that ends a line, or follows such an end. */
static int take_octet(struct line_repair *r, char c, bool stuffed, struct buf *out)
{
    int e = 0;
    if (r->state == REPAIRED_DOT) {
        r->state = IN_TEXT;
        r->lone_dot |= c == '\n';
        e = buf_append(out, ".", 1);
        if (e < 0 || c == '.') {
            return e; /* it was doubled */
        }
    }
    if (c == '\r') {
        e = r->crs == CRS_MAX ? release_crs(r, out) : 0;
        r->state = AFTER_CR;
        r->crs++;
        return e;
    }
    if (c == '\n') {
        return take_lf(r, out);
    }
    e = r->state == AFTER_CR ? release_crs(r, out) : 0;
    bool held = r->state == AFTER_REPAIRED && c == '.' && stuffed;
    r->state = held ? REPAIRED_DOT : IN_TEXT;
    return e < 0 || held ? e : buf_append(out, &c, 1);
}

int line_repair(struct line_repair *r, struct str text, bool stuffed, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        size_t from = i;
        while (r->state == IN_TEXT && i < text.n && text.p[i] != '\r' && text.p[i] != '\n') {
            i++;
        }
        int e = i > from ? buf_append(out, text.p + from, i - from) : 0;
        e = e < 0 || i == text.n ? e : take_octet(r, text.p[i], stuffed, out);
        if (e < 0) {
            return e;
        }
    }
    return 0;
}

int line_repair_end(struct line_repair *r, struct buf *out)
{
    int e = r->state == REPAIRED_DOT ? buf_append(out, ".", 1) : release_crs(r, out);
    r->state = IN_TEXT;
    return e;
}
