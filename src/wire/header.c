/* SPDX-License-Identifier: Apache-2.0
 * header.c: header fields in their original octets, RFC 5322 2.2. Pure; lines end with CRLF.
 */
#include "wire/header.h"

bool header_next(struct str *rest, struct str *ret_name, struct str *ret_value)
{
    struct str s = *rest;
    if (s.n == 0 || s.p[0] == '\r' || s.p[0] == '\n') {
        return false;
    }
    size_t end = str_find(s, '\n', 0);
    while (end + 1 < s.n && (s.p[end + 1] == ' ' || s.p[end + 1] == '\t')) {
        end = str_find(s, '\n', end + 1);
    }
    struct str field = str_slice(s, 0, end);
    *rest = str_slice(s, end < s.n ? end + 1 : end, s.n);
    if (field.n > 0 && field.p[field.n - 1] == '\r') {
        field.n--;
    }
    size_t colon = str_find(field, ':', 0);
    *ret_name = colon < field.n ? str_trim(str_slice(field, 0, colon)) : str_slice(field, 0, 0);
    *ret_value = str_trim(colon < field.n ? str_slice(field, colon + 1, field.n) : field);
    return true;
}

size_t header_section(struct str message)
{
    struct str rest = message, name, value;
    while (header_next(&rest, &name, &value)) {
    }
    return message.n - rest.n;
}
