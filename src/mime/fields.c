/* SPDX-License-Identifier: Apache-2.0
 * fields.c: lines, addresses and names for people (fields.h). Called by view.c.
 */
#include "mime/fields.h"
#include "mime/view.h"
#include "wire/mailboxes.h"

#include <stdlib.h>

/* U+202A..202E, 2066..2069: marks that turn the direction of all that follows, which then says
 * something else than it is (UTS 55 3). Those for one letter (U+200E, 200F) stay: Arabic and
 * Hebrew need them. */
static void drop_directions(char *text)
{
    unsigned char *to = (unsigned char *)text;
    for (const unsigned char *p = to; *p;) {
        bool turns = p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
                                      (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
        if (turns) {
            p += 3;
        } else {
            *to++ = *p++;
        }
    }
    *to = '\0';
}

char *fields_line(const char *text)
{
    char *copy = str_dup(str_slice(str_c(text), 0, strnlen(text ? text : "", VIEW_FIELD_MAX)));
    for (char *p = copy; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
    }
    drop_directions(copy);
    size_t n = strlen(copy), whole = n;
    /* the first octet of the last character */
    while (whole > 0 && ((unsigned char)copy[whole - 1] & 0xc0) == 0x80) {
        whole--;
    }
    unsigned char lead = whole > 0 ? (unsigned char)copy[whole - 1] : 0;
    size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (whole > 0 && n - (whole - 1) < wanted) { /* cut inside it */
        copy[whole - 1] = '\0';
    }
    return copy;
}

char *fields_addresses(struct reader *r, const struct tree_fields *f, const char *name)
{
    const struct tree_field *field = tree_field(f, name);
    struct str raw = str_c(field ? field->raw : "");
    struct buf tidy = BUF_INIT(raw.n + 1), text = BUF_INIT(8 * raw.n + 64);
    (void)!mailboxes_tidy(raw, &tidy);
    words_addresses(r, "", buf_str(&tidy), &text);
    char *whole = str_dup(buf_str(&text)), *line = fields_line(whole);
    free(whole);
    buf_free(&tidy);
    buf_free(&text);
    return line;
}

/* The display name of the first author (RFC 5322 3.4): the phrase before "<", or the comment
 * behind an address. */
static struct str phrase_of(struct str from)
{
    size_t comment = from.n;
    for (size_t i = 0; i < from.n; i++) {
        if (from.p[i] == '"') {
            for (i++; i < from.n && from.p[i] != '"'; i++) {
                i += from.p[i] == '\\';
            }
        } else if (from.p[i] == '<') {
            return str_slice(from, 0, i);
        } else if (from.p[i] == '(' && comment == from.n) {
            comment = i + 1;
        } else if (from.p[i] == ',') {
            break;
        }
    }
    return str_slice(from, comment, str_find(from, ')', comment));
}

char *fields_author(struct reader *r, const struct tree_fields *f)
{
    const struct tree_field *from = tree_field(f, "From");
    struct str phrase = phrase_of(str_c(from ? from->raw : ""));
    struct buf plain = BUF_INIT(phrase.n + 1), name = BUF_INIT(8 * phrase.n + 64);
    for (size_t i = 0; i < phrase.n; i++) {
        i += phrase.p[i] == '\\' && i + 1 < phrase.n;
        if (phrase.p[i] != '"') {
            (void)!buf_append(&plain, &phrase.p[i], 1);
        }
    }
    words_text(r, "", buf_str(&plain), &name);
    char *text = str_dup(buf_str(&name)), *line = tree_clean_name(str_c(text));
    char *ret = fields_line(line ? line : "");
    free(text);
    free(line);
    buf_free(&plain);
    buf_free(&name);
    return ret;
}
