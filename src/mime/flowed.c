/* SPDX-License-Identifier: Apache-2.0
 * flowed.c: text in format=flowed as the writer saw it (RFC 3676 4): lines that a program broke
 * are joined again. Called by message.c, so that a number over two lines is found, and by
 * view.c.
 *
 * What can go wrong: the buffer is full.
 */
#include "mime/reader.h"

struct line {
    struct str text; /* without quote marks, stuffing and line end */
    size_t quotes;
    bool flows;
    bool own_mark; /* begins with a ">" that is no quote mark: 4.4, "space-stuffed" */
};

static struct line flowed_line_at(struct str text, size_t at, bool deletes_space, size_t *ret_next)
{
    size_t end = str_find(text, '\n', at);
    struct str s = str_slice(text, at, end);
    struct line line = {.quotes = 0};
    *ret_next = end < text.n ? end + 1 : text.n;
    s.n -= s.n > 0 && s.p[s.n - 1] == '\r';
    while (line.quotes < s.n && s.p[line.quotes] == '>') {
        line.quotes++;
    }
    s = str_slice(s, line.quotes, s.n);
    line.own_mark = line.quotes == 0 && s.n > 1 && s.p[0] == ' ' && s.p[1] == '>';
    s = s.n > 0 && s.p[0] == ' ' ? str_slice(s, 1, s.n) : s; /* space-stuffed */
    line.flows = s.n > 0 && s.p[s.n - 1] == ' ' && !str_eq(s, STR("-- "));
    s.n -= line.flows && deletes_space;
    line.text = s;
    return line;
}

int flowed_join(struct str text, bool deletes_space, struct buf *out)
{
    bool joins = false;
    size_t quotes = 0;
    int r = 0;
    for (size_t at = 0; r == 0 && at < text.n;) {
        struct line line = flowed_line_at(text, at, deletes_space, &at);
        bool goes_on = joins && line.quotes == quotes && !str_eq(line.text, STR("-- "));
        if (joins && !goes_on) {
            r = buf_add(out, STR("\n"));
        }
        for (size_t i = 0; r == 0 && !goes_on && i < line.quotes; i++) {
            r = buf_add(out, STR(">"));
        }
        if (r == 0 && !goes_on && line.quotes > 0) {
            r = buf_add(out, STR(" "));
        }
        /* U+2060, which nobody sees: detect/quote.c sees no quotation */
        if (r == 0 && !goes_on && line.own_mark) {
            r = buf_add(out, STR("\xe2\x81\xa0"));
        }
        r = r < 0 ? r : buf_add(out, line.text);
        joins = line.flows;
        quotes = line.quotes;
        if (r == 0 && !joins) {
            r = buf_add(out, STR("\n"));
        }
    }
    return r;
}
