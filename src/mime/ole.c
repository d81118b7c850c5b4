/* SPDX-License-Identifier: Apache-2.0
 * ole.c: compound files (MS-CFB): the old Office formats, Outlook's .msg, and new documents
 * under a password. Also the readable runs of any octets. Called by reader.c.
 *
 * The formats themselves are not read: their text lies in the file unpacked, in one or two
 * octets a character, and is found as runs; as a document it still counts as not read. What can
 * go wrong: a limit of text.
 */
#include "mime/reader.h"

enum { RUN_LEAST = 6 };

static bool has_utf16(struct str octets, const char *name)
{
    char wide[64];
    size_t n = 0;
    for (const char *p = name; *p && n + 2 <= sizeof wide; p++) {
        wide[n++] = *p;
        wide[n++] = '\0';
    }
    return memmem(octets.p, octets.n, wide, n) != NULL;
}

static bool is_shown(unsigned char c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

/* Runs of `step` octets a character (2: UTF-16 of the Latin letters), a line each. */
static void add_runs(struct str o, size_t step, struct buf *out)
{
    size_t begin = 0;
    for (size_t at = 0;; at += step) {
        bool end = at + step > o.n;
        bool shown = !end && is_shown((unsigned char)o.p[at]) && (step == 1 || o.p[at + 1] == '\0');
        if (shown) {
            continue;
        }
        if (at - begin >= RUN_LEAST * step) {
            for (size_t i = begin; i < at; i += step) {
                (void)!buf_append(out, o.p + i, 1);
            }
            (void)!buf_append(out, "\n", 1);
        }
        if (end) {
            return;
        }
        begin = at + step;
    }
}

void read_strings(struct reader *r, const struct piece *p)
{
    struct buf *out = reader_text(r, p->place, p->part);
    if (out) {
        add_runs(p->octets, 1, out);
        add_runs(p->octets, 2, out);
        add_runs(str_slice(p->octets, p->octets.n > 0, p->octets.n), 2, out);
        reader_text_done(r, out);
    }
}

void read_ole(struct reader *r, const struct piece *p, const char **ret_type)
{
    static const struct {
        const char *stream, *type;
    } streams[] = {
        {"WordDocument", "doc"},
        {"Workbook", "xls"},
        {"PowerPoint Document", "ppt"},
        {"__substg1.0_", "msg"},
    };
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        *ret_type = has_utf16(p->octets, streams[i].stream) ? streams[i].type : *ret_type;
    }
    bool locked =
        has_utf16(p->octets, "EncryptedPackage") || has_utf16(p->octets, "EncryptionInfo");
    reader_problem(r, locked ? MIME_PASSWORD : MIME_UNKNOWN, p->part,
                   locked ? "" : "an old Office format");
    read_strings(r, p);
}
