/* SPDX-License-Identifier: Apache-2.0
 * reply.c: replies, RFC 5321 4.2 and 4.2.1, RFC 2034. Pure; the reader is fuzzed. Called by both
 * engines and by smtpin.
 *
 *   Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 *
 * What can go wrong: a peer that sends no digits, endless lines, a bare LF after lines with
 * CRLF: BROKEN, the session ends.
 */
#include "smtp/reply.h"

/* RFC 5321 4.2 MUST NOT: no reply begins with another digit than 2 to 5
 * RFC 5321 4.2.1 MUST: each line of a reply has the same code
 * RFC 5321 4.3.2 MUST NOT: codes have three digits */
int smtp_reply_write(const struct smtp_reply *r, struct buf *out)
{
    must(r->code >= 200 && r->code < 600);
    must(!r->enhanced || r->enhanced[0] == '0' + r->code / 100);
    struct str rest = str_c(r->text), line;
    int err = 0;
    while (err == 0 && str_split(&rest, '\n', &line)) {
        err = buf_printf(out, "%03d%c%s%s" STR_FMT "\r\n", r->code, rest.p ? '-' : ' ',
                         r->enhanced ? r->enhanced : "", r->enhanced ? " " : "", STR_ARG(line));
    }
    return err;
}

static void keep_text(struct smtp_answer *a, struct str text)
{
    if (a->lines > 0) {
        (void)!buf_append(&a->text, "\n", 1);
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (buf_append(&a->text, c < 0x20 || c == 0x7f ? "?" : (const char *)&c, 1) < 0) {
            return; /* long replies are cut, not fatal */
        }
    }
}

/* One line without CRLF.
 * RFC 5321 4.2 MUST: a client acts by the code, whatever the text
 * RFC 5321 4.2 SHOULD: replies outside 2yz to 5yz end the mail
 * RFC 5321 4.2.1 MUST: a reply without a text or blank is understood */
static enum smtp_read reply_read_line(struct smtp_answer *a, struct str line)
{
    uint64_t code;
    if (line.n < 3 || str_to_u64(str_slice(line, 0, 3), 599, &code) < 0 || code < 200 ||
        (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-') ||
        (a->lines > 0 && (int)code != a->code) || a->lines >= SMTP_REPLY_LINES_MAX) {
        return SMTP_READ_BROKEN;
    }
    a->code = (int)code;
    keep_text(a, line.n > 4 ? str_slice(line, 4, line.n) : STR(""));
    a->lines++;
    return line.n > 3 && line.p[3] == '-' ? SMTP_READ_MORE : SMTP_READ_DONE;
}

enum smtp_read smtp_answer_read(struct smtp_answer *a, struct buf *in)
{
    a->text.max = SMTP_REPLY_TEXT_MAX;
    for (;;) {
        struct str s = buf_str(in);
        size_t lf = str_find(s, '\n', 0);
        if (lf == s.n) {
            return s.n > SMTP_REPLY_LINE_MAX ? SMTP_READ_BROKEN : SMTP_READ_MORE;
        }
        bool cr = lf > 0 && s.p[lf - 1] == '\r';
        if (a->line_end == SMTP_LINE_UNKNOWN) {
            a->line_end = cr ? SMTP_LINE_CRLF : SMTP_LINE_LF;
        }
        if ((!cr && a->line_end == SMTP_LINE_CRLF) || lf > SMTP_REPLY_LINE_MAX) {
            return SMTP_READ_BROKEN;
        }
        enum smtp_read r = reply_read_line(a, str_slice(s, 0, cr ? lf - 1 : lf));
        buf_consume(in, lf + 1);
        if (r != SMTP_READ_MORE) {
            return r;
        }
    }
}

struct str smtp_answer_enhanced(const struct smtp_answer *a)
{
    struct str s = buf_str(&a->text);
    size_t end = str_find(s, ' ', 0);
    struct str rest = str_slice(s, 0, end), part;
    size_t n = 0;
    while (str_split(&rest, '.', &part)) {
        uint64_t value;
        if (str_to_u64(part, 999, &value) < 0 || n++ >= 3) {
            return STR("");
        }
    }
    return n == 3 && s.p[0] == '0' + a->code / 100 ? str_slice(s, 0, end) : STR("");
}
