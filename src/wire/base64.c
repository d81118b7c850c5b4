/* SPDX-License-Identifier: Apache-2.0
 * base64.c: RFC 4648, RFC 2045 6.8. Called by auth, tlsrpt, the proofs of the portal and their
 * tests; fuzzed with them.
 */
#include "wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_write(struct str octets, size_t line, struct buf *out)
{
    size_t column = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < octets.n; i += 3) {
        size_t n = octets.n - i < 3 ? octets.n - i : 3;
        uint32_t v = 0;
        char four[4] = {'=', '=', '=', '='};
        for (size_t k = 0; k < 3; k++) {
            v = v << 8 | (k < n ? (unsigned char)octets.p[i + k] : 0u);
        }
        for (size_t k = 0; k <= n; k++) {
            four[k] = alphabet[v >> (18 - 6 * k) & 63];
        }
        r = buf_append(out, four, 4);
        column += 4;
        if (r == 0 && line && column + 4 > line) {
            r = buf_append(out, "\r\n", 2);
            column = 0;
        }
    }
    return r == 0 && line && column > 0 ? buf_append(out, "\r\n", 2) : r;
}

int base64_value(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

int base64_read(struct str text, struct buf *out)
{
    uint32_t v = 0;
    unsigned n = 0;
    for (size_t i = 0; i < text.n; i++) {
        int d = base64_value(text.p[i]);
        if (text.p[i] == '=') {
            break;
        }
        if (d < 0) {
            continue;
        }
        v = v << 6 | (uint32_t)d;
        if (++n == 4) {
            const char three[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
            if (buf_append(out, three, 3) < 0) {
                return -ENOSPC;
            }
            n = 0;
            v = 0;
        }
    }
    if (n == 1) {
        return -EBADMSG;
    }
    const char rest[2] = {(char)(n == 3 ? v >> 10 : v >> 4), (char)(v >> 2)};
    return n > 0 ? buf_append(out, rest, n - 1) : 0;
}

int base64url_write(struct str octets, struct buf *out)
{
    struct buf plain = BUF_INIT(octets.n / 3 * 4 + 8);
    int r = base64_write(octets, 0, &plain);
    struct str text = buf_str(&plain);
    for (size_t i = 0; r == 0 && i < text.n && text.p[i] != '='; i++) {
        char c = (char)(text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i]);
        r = buf_append(out, &c, 1);
    }
    buf_wipe(&plain);
    return r;
}

int base64url_read(struct str text, struct buf *out)
{
    struct buf plain = BUF_INIT(text.n + 1);
    int r = 0;
    while (text.n > 0 && text.p[text.n - 1] == '=') {
        text.n--;
    }
    for (size_t i = 0; r == 0 && i < text.n; i++) {
        char c = (char)(text.p[i] == '-'                       ? '+'
                        : text.p[i] == '_'                     ? '/'
                        : text.p[i] == '+' || text.p[i] == '/' ? '!'
                                                               : text.p[i]);
        r = base64_value(c) < 0 ? -EBADMSG : buf_append(&plain, &c, 1);
    }
    r = r < 0 ? r : base64_read(buf_str(&plain), out);
    buf_wipe(&plain);
    return r;
}
