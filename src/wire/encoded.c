/* SPDX-License-Identifier: Apache-2.0
 * encoded.c: encoded words and parameters. Called by portal/notice.c and the web process.
 */
#include "wire/encoded.h"
#include "wire/base64.h"

enum {
    WORD_OCTETS = 42,  /* of UTF-8 in one encoded word: 75 characters at most */
    FIRST_OCTETS = 36, /* the name of the field stands before it, and the line has 76 at most */
};

static bool encoded_is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] > '~') {
            return false;
        }
    }
    return s.n < 200 && !memmem(s.p, s.n, "=?", 2);
}

static int encoded_write_quoted(struct str s, struct buf *out)
{
    int r = buf_add(out, STR("\""));
    for (size_t i = 0; r == 0 && i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\') {
            r = buf_add(out, STR("\\"));
        }
        r = r < 0 ? r : buf_append(out, s.p + i, 1);
    }
    return r < 0 ? r : buf_add(out, STR("\""));
}

/* RFC 2047 2 MUST: a word has 75 characters at most
 * RFC 2047 2 MUST: a line with words has 76 at most
 * RFC 2047 5 MUST: characters are whole in each word we write
 * RFC 2047 5 MUST NOT: we write no word inside quotes */
int encoded_write(struct str text, bool quoted, struct buf *out)
{
    char clean[2048];
    size_t n = 0;
    for (; n < text.n && n < sizeof clean; n++) {
        clean[n] = (unsigned char)text.p[n] < ' ' || text.p[n] == 0x7f ? ' ' : text.p[n];
    }
    text = str_trim(str_from(clean, n));
    if (encoded_is_plain(text)) {
        return quoted ? encoded_write_quoted(text, out) : buf_add(out, text);
    }
    int r = 0;
    for (size_t at = 0; r == 0 && at < text.n;) {
        size_t most = at == 0 ? FIRST_OCTETS : WORD_OCTETS;
        size_t end = at + most < text.n ? at + most : text.n;
        /* whole characters in each word */
        while (end > at + 1 && end < text.n && ((unsigned char)text.p[end] & 0xc0) == 0x80) {
            end--;
        }
        r = buf_add(out, at > 0 ? STR("\r\n =?UTF-8?B?") : STR("=?UTF-8?B?"));
        r = r < 0 ? r : base64_write(str_slice(text, at, end), 0, out);
        r = r < 0 ? r : buf_add(out, STR("?="));
        at = end;
    }
    return r;
}

int encoded_parameter(const char *name, struct str value, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    int r = buf_printf(out, ";\r\n %s", name);
    if (encoded_is_plain(value)) {
        r = r < 0 ? r : buf_add(out, STR("="));
        return r < 0 ? r : encoded_write_quoted(value, out);
    }
    r = r < 0 ? r : buf_add(out, STR("*=UTF-8''"));
    for (size_t i = 0; r == 0 && i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '.' || c == '-' || c == '_';
        char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
        r = plain ? buf_append(out, &c, 1) : buf_append(out, escape, 3);
    }
    return r;
}
