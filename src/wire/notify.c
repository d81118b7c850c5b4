/* SPDX-License-Identifier: Apache-2.0
 * notify.c: NOTIFY, RET, ENVID and ORCPT, RFC 3461 section 4, RFC 6533 3. Called by the SMTP
 * engines, queue and the notices; pure. What is not in the grammar is refused whole: nothing is
 * repaired.
 */
#include "wire/notify.h"

static const struct {
    const char *word;
    enum notify bit;
} words[] = {
    {"NEVER", NOTIFY_NEVER},
    {"SUCCESS", NOTIFY_SUCCESS},
    {"FAILURE", NOTIFY_FAILURE},
    {"DELAY", NOTIFY_DELAY},
};

/* RFC 3461 4.1 MUST: NEVER stands alone */
int notify_parse(struct str value, uint8_t *ret)
{
    uint8_t bits = 0;
    struct str rest = value, one;
    if (value.n == 0 || value.p[value.n - 1] == ',') {
        return -EINVAL;
    }
    while (str_split(&rest, ',', &one)) {
        uint8_t bit = 0;
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
            bit = str_eq_nocase(one, str_c(words[i].word)) ? (uint8_t)words[i].bit : bit;
        }
        if (bit == 0 || (bits & bit)) {
            return -EINVAL;
        }
        bits |= bit;
    }
    if ((bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER) {
        return -EINVAL;
    }
    *ret = bits;
    return 0;
}

/* RFC 3461 4.3 MUST: RET is FULL or HDRS */
int notify_ret_parse(struct str value, enum notify_ret *ret)
{
    bool full = str_eq_nocase(value, STR("FULL"));
    *ret = full ? NOTIFY_RET_FULL : NOTIFY_RET_HDRS;
    return full || str_eq_nocase(value, STR("HDRS")) ? 0 : -EINVAL;
}

int notify_write(uint8_t notify, struct buf *out)
{
    int r = 0;
    bool first = true;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(words); i++) {
        if (notify & words[i].bit) {
            r = buf_printf(out, "%s%s", first ? "" : ",", words[i].word);
            first = false;
        }
    }
    return r;
}

/* The value of an upper-case hex digit, or -1 (RFC 3461 4: hexchar is upper case). */
static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int notify_xtext_read(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c < '!' || c > '~' || c == '=') {
            return -EINVAL;
        }
        if (c == '+') {
            int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1,
                low = i + 2 < text.n ? hex_value(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return -EINVAL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        int r = buf_append(out, &c, 1);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* RFC 3461 4 MUST: xtext: what it may hold, and how the rest is written */
bool notify_xtext_ok(struct str text, size_t max)
{
    CLEANUP(buf_free) struct buf octets = BUF_INIT(max);
    return notify_xtext_read(text, &octets) == 0;
}

/* RFC 3461 4.2 MUST: ORCPT is a type and xtext */
bool notify_orcpt_ok(struct str value)
{
    size_t semicolon = str_find(value, ';', 0);
    for (size_t i = 0; i < semicolon; i++) {
        char c = str_lower(value.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return semicolon > 0 && semicolon + 1 < value.n && value.n <= NOTIFY_ORCPT_MAX &&
           notify_xtext_ok(str_slice(value, semicolon + 1, value.n), ADDRESS_MAX);
}

int notify_xtext_write(struct str octets, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < octets.n; i++) {
        unsigned char c = (unsigned char)octets.p[i];
        bool plain = c >= '!' && c <= '~' && c != '+' && c != '=';
        r = plain ? buf_append(out, &c, 1) : buf_printf(out, "+%02X", c);
    }
    return r;
}

/* The octets of the character that begins so. */
static size_t length_of(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

int notify_utf8_write(struct str text, enum notify_utf8 form, struct buf *out)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < text.n;) {
        unsigned char c = (unsigned char)text.p[i];
        size_t n = length_of(c);
        uint32_t point = n == 1 ? c : c & (0x7fu >> n);
        for (size_t k = 1; k < n; k++) {
            point = point << 6 | ((unsigned char)text.p[i + k] & 0x3f);
        }
        bool literal = n > 1 ? form == NOTIFY_UTF8_UNICODE
                             : form == NOTIFY_UTF8_ESCAPED ||
                                   (c > ' ' && c <= '~' && c != '+' && c != '=' && c != '\\');
        e = literal ? buf_append(out, text.p + i, n)
                    : buf_printf(out, "\\x{%02X}", (unsigned)point);
        i += n;
    }
    return e;
}

/* RFC 3461 4.1 MUST NOT: NEVER: no notice of any kind
 * RFC 3461 4.1 MAY: nothing said: notices of failure and of delay */
bool notify_wants(uint8_t notify, enum notify kind)
{
    return notify == 0 ? kind != NOTIFY_SUCCESS : (notify & kind) != 0;
}
