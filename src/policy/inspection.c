/* SPDX-License-Identifier: Apache-2.0
 * inspection.c: the lines of inspection.h. What can go wrong: more than fits; the writer says so
 * in a line of its own. Called by inspect, which writes them, and by whoever reads them.
 */
#include "policy/inspection.h"

int inspection_put(struct buf *out, const char *key, const struct str *fields, size_t n)
{
    struct buf line = BUF_INIT(INSPECTION_FIELDS * (INSPECTION_FIELD_MAX + 1) + 64);
    int r = buf_add(&line, str_c(key));
    for (size_t i = 0; r == 0 && i < n && i < INSPECTION_FIELDS; i++) {
        struct str f =
            str_slice(fields[i], 0,
                      fields[i].n < INSPECTION_FIELD_MAX ? fields[i].n : INSPECTION_FIELD_MAX);
        r = buf_append(&line, "\t", 1);
        for (size_t k = 0; r == 0 && k < f.n; k++) {
            r = buf_append(&line, (unsigned char)f.p[k] < ' ' || f.p[k] == 0x7f ? " " : f.p + k, 1);
        }
    }
    r = r < 0 ? r : buf_append(&line, "\n", 1);
    r = r < 0 ? r : buf_add(out, buf_str(&line));
    buf_free(&line);
    return r;
}

bool inspection_next(struct str *rest, const char *key, struct str fields[INSPECTION_FIELDS])
{
    struct str line, one;
    while (rest->n > 0 && str_split(rest, '\n', &line)) {
        size_t n = 0;
        struct str left = line;
        if (!str_split(&left, '\t', &one) || (key && !str_eq(one, str_c(key)))) {
            continue;
        }
        for (size_t i = 0; i < INSPECTION_FIELDS; i++) {
            fields[i] = STR("");
        }
        if (!key) {
            fields[n++] = one;
        }
        while (n < INSPECTION_FIELDS && left.n > 0 && str_split(&left, '\t', &one)) {
            fields[n++] = one;
        }
        return true;
    }
    return false;
}

bool inspection_has(struct str facts, const char *key, struct str first)
{
    struct str fields[INSPECTION_FIELDS];
    while (inspection_next(&facts, key, fields)) {
        if (str_eq(fields[0], first)) {
            return true;
        }
    }
    return false;
}
