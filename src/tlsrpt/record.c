/* SPDX-License-Identifier: Apache-2.0
 * record.c: RFC 8460 section 3. Called by the lookup process (record) and smtpout (address);
 * fuzzed.
 */
#include "tlsrpt/record.h"
#include "wire/address.h"

#include <stdio.h>

/* RFC 8460 3 MUST: the record begins with v=TLSRPTv1 */
static bool is_report_record(struct str text, struct str *ret_rest)
{
    size_t semicolon = str_find(text, ';', 0);
    *ret_rest = str_slice(text, semicolon < text.n ? semicolon + 1 : text.n, text.n);
    return semicolon < text.n && str_eq(str_trim(str_slice(text, 0, semicolon)), STR("v=TLSRPTv1"));
}

/* A URI we would use: printable, no blanks, one of the two schemes. */
static bool uri_ok(struct str uri)
{
    for (size_t i = 0; i < uri.n; i++) {
        if ((unsigned char)uri.p[i] <= 0x20 || (unsigned char)uri.p[i] >= 0x7f) {
            return false;
        }
    }
    return str_starts_nocase(uri, STR("mailto:")) || str_starts_nocase(uri, STR("https://"));
}

/* RFC 8460 3 MUST: unknown fields of the record are ignored */
static bool read_rua(struct str list, struct buf *out)
{
    struct str uri;
    while (list.p && str_split(&list, ',', &uri)) {
        uri = str_trim(uri);
        if (uri_ok(uri) &&
            buf_printf(out, "%s" STR_FMT, buf_len(out) ? " " : "", STR_ARG(uri)) < 0) {
            return false;
        }
    }
    return buf_len(out) > 0;
}

/* RFC 8460 3 MUST: not exactly one record: no reports are wanted */
bool tlsrpt_record_find(const char *const *texts, size_t n, char rua[TLSRPT_RUA_MAX])
{
    struct str rest, chosen = STR_NONE, field;
    struct buf out = BUF_INIT(TLSRPT_RUA_MAX - 1);
    size_t found = 0;
    bool ok = false;
    for (size_t i = 0; i < n; i++) {
        if (texts[i] && is_report_record(str_c(texts[i]), &rest)) {
            chosen = rest;
            found++;
        }
    }
    while (found == 1 && !ok && chosen.n > 0 && str_split(&chosen, ';', &field)) {
        size_t equal = str_find(field, '=', 0);
        if (equal < field.n && str_eq(str_trim(str_slice(field, 0, equal)), STR("rua"))) {
            ok = read_rua(str_slice(field, equal + 1, field.n), &out);
            break;
        }
    }
    str_copy_cut(buf_str(&out), rua, TLSRPT_RUA_MAX);
    buf_free(&out);
    return ok;
}

static int record_hex_digit(char c)
{
    c = str_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tlsrpt_mailto(struct str uri, char *dst, size_t size)
{
    struct address address;
    size_t at = 0;
    if (!str_starts_nocase(uri, STR("mailto:"))) {
        return -EINVAL;
    }
    struct str text = str_slice(uri, 7, str_find(uri, '?', 0));
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? record_hex_digit(text.p[i + 1]) : -1,
                low = i + 2 < text.n ? record_hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return -EINVAL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if ((unsigned char)c <= 0x20 || (unsigned char)c >= 0x7f || at + 1 >= size) {
            return -EINVAL;
        }
        dst[at++] = c;
    }
    dst[at] = '\0';
    return address_mailbox(str_c(dst), false, &address);
}
