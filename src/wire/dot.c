/* SPDX-License-Identifier: Apache-2.0
 * dot.c: dot stuffing and end of data, RFC 5321 4.1.1.4 and 4.5.2. Pure.
 *
 * Called by the SMTP engines; fuzzed against a byte-by-byte model in tests. The reader is a
 * small automaton over the octets at line starts; inside a line it skips with memchr. Blocks in
 * which there is nothing to decide, nearly all of any message, are passed over whole: their
 * loops have no branches, so that the compiler turns them into vector instructions.
 */
#include "wire/dot.h"

enum { LINE_START = 0, IN_LINE, AFTER_CR, DOT_FIRST, DOT_CR };
enum { BLOCK = 256 };

/* Compiled once more for processors with wider registers; which is called is found out at the
 * start of the program. (Not by clang, whose coverage for fuzzing would be called before it is
 * ready.) */
#if defined __x86_64__ && !defined __clang__
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* True when each CR among BLOCK octets has its LF behind it and each LF its CR before it, and
 * none is NUL or a dot at the start of a line. Looks at the octet behind the block too, and not
 * at the one before. */
static inline bool dot_is_plain(const char *p)
{
    unsigned char odd = 0;
    for (size_t k = 0; k < BLOCK; k++) {
        odd |= (unsigned char)((p[k] == '\0') | ((p[k] == '\r') ^ (p[k + 1] == '\n')) |
                               ((p[k] == '\n') & (p[k + 1] == '.')));
    }
    return odd == 0;
}

/* True when c, the first octet of a block, goes with what came before it. */
static bool dot_goes_on(int state, char c)
{
    return (state == LINE_START && c != '.' && c != '\n') || (state == IN_LINE && c != '\n') ||
           (state == AFTER_CR && c == '\n');
}

/* Behind the plain blocks that begin at i. */
WIDE static size_t skip_plain(struct dot_reader *d, struct str s, size_t i)
{
    while (i + BLOCK < s.n && dot_goes_on(d->state, s.p[i]) && dot_is_plain(s.p + i)) {
        i += BLOCK;
        d->state = s.p[i - 1] == '\r' ? AFTER_CR : s.p[i - 1] == '\n' ? LINE_START : IN_LINE;
    }
    return i;
}

static void dot_note(struct dot_reader *d, enum dot_problem problem)
{
    d->nul |= problem == DOT_NUL;
    if (d->problem == DOT_FINE) {
        d->problem = problem;
    }
}

/* Skips to the next CR or LF inside a line, noting NUL on the way. */
static size_t skip_line(struct dot_reader *d, struct str s, size_t i)
{
    size_t end = str_find(s, '\n', i);
    size_t cr = str_find(str_slice(s, 0, end), '\r', i);
    if (!d->nul && memchr(s.p + i, 0, cr - i)) {
        dot_note(d, DOT_NUL);
    }
    return cr < end ? cr : end;
}

/* One octet after a CR: the line ended, or the CR was bare. The new state. */
static int after_cr(struct dot_reader *d, char c)
{
    if (c == '\n') {
        return LINE_START;
    }
    dot_note(d, DOT_BARE_CR);
    if (c == '\0') {
        dot_note(d, DOT_NUL);
    }
    return c == '\r' ? AFTER_CR : IN_LINE;
}

static int in_line(struct dot_reader *d, char c)
{
    if (c == '\r') {
        return AFTER_CR;
    }
    if (c == '\n') {
        dot_note(d, DOT_BARE_LF);
    } else if (c == '\0') {
        dot_note(d, DOT_NUL);
    }
    return IN_LINE;
}

/* RFC 5321 2.3.8 MUST NOT: nothing but CRLF ends a line
 * RFC 5321 4.1.1.4 MUST NOT: lines ending in LF alone are not taken
 * RFC 5321 4.1.1.4 MUST NOT: LF . LF does not end a message */
void dot_read(struct dot_reader *d, struct str *in, struct str *ret_text)
{
    struct str s = *in;
    size_t i = 0, from = 0;
    for (; i < s.n && !d->done; i++) {
        i = d->state == LINE_START || i == 0 ? skip_plain(d, s, i) : i;
        char c = s.p[i];
        if (d->state == LINE_START && c == '.') {
            /* the dot is not text: give what came before it, continue behind it */
            d->state = DOT_FIRST;
            *ret_text = str_slice(s, from, i);
            *in = str_slice(s, i + 1, s.n);
            return;
        }
        if (d->state == DOT_FIRST && c == '\r') {
            d->state = DOT_CR;
            /* hold the CR back: it is text only if no LF follows */
            *ret_text = STR("");
            *in = str_slice(s, i + 1, s.n);
            return;
        }
        if (d->state == DOT_CR) {
            if (c == '\n') {
                d->done = true;
                *ret_text = STR("");
                *in = str_slice(s, i + 1, s.n);
                return;
            }
            d->state = AFTER_CR; /* it was text after all: c is looked at once more, behind it */
            *ret_text = STR("\r");
            *in = str_slice(s, i, s.n);
            return;
        }
        if (d->state == AFTER_CR) {
            d->state = after_cr(d, c);
        } else {
            d->state = in_line(d, c);
        }
        if (d->state == IN_LINE && i + 1 < s.n) {
            i = skip_line(d, s, i + 1) - 1;
        }
    }
    *ret_text = str_slice(s, from, i);
    *in = str_slice(s, i, s.n);
}

void dot_look(struct dot_reader *d, struct str text)
{
    for (size_t i = skip_plain(d, text, 0); i < text.n; i++) {
        i = d->state == LINE_START ? skip_plain(d, text, i) : i;
        d->state = d->state == AFTER_CR ? after_cr(d, text.p[i]) : in_line(d, text.p[i]);
        if (d->state == IN_LINE && i + 1 < text.n) {
            i = skip_line(d, text, i + 1) - 1;
        }
    }
}

void dot_look_end(struct dot_reader *d)
{
    if (d->state == AFTER_CR) {
        dot_note(d, DOT_BARE_CR);
    }
}

/* True when none of BLOCK octets is a dot after an LF. Looks at the octet before them. */
static inline bool has_no_dot(const char *p)
{
    unsigned char odd = 0;
    for (size_t k = 0; k < BLOCK; k++) {
        odd |= (unsigned char)((p[k] == '.') & (p[k - 1] == '\n'));
    }
    return odd == 0;
}

/* The first dot at or after i > 0 that begins a line; s.n: none. */
WIDE static size_t find_dot(struct str s, size_t i)
{
    while (i + BLOCK <= s.n && has_no_dot(s.p + i)) {
        i += BLOCK;
    }
    while (i < s.n && (s.p[i] != '.' || s.p[i - 1] != '\n')) {
        i++;
    }
    return i;
}

/* RFC 5321 4.5.2 MUST: what is changed on the way in is undone on the way out */
int dot_write(struct dot_writer *d, struct str text, struct buf *out)
{
    bool line_start = d->last == 0 || d->last == '\n';
    size_t from = 0;
    while (from < text.n) {
        bool dot = text.p[from] == '.' && (from > 0 || line_start);
        size_t end = find_dot(text, from + 1);
        int r = dot ? buf_append(out, ".", 1) : 0;
        r = r < 0 ? r : buf_append(out, text.p + from, end - from);
        if (r < 0) {
            return r;
        }
        from = end;
    }
    d->last = text.n > 0 ? (unsigned char)text.p[text.n - 1] : d->last;
    return 0;
}

/* RFC 5321 4.1.1.4 MUST NOT: no CRLF is added before the final dot
 * RFC 5321 4.1.1.4 MUST: text without a last CRLF is refused or gets one */
int dot_finish(struct dot_writer *d, struct buf *out)
{
    bool line_ended = d->last == 0 || d->last == '\n';
    return line_ended ? buf_append(out, ".\r\n", 3) : buf_append(out, "\r\n.\r\n", 5);
}
