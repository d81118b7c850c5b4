/* SPDX-License-Identifier: Apache-2.0
 * charset.c: octets of any character set as UTF-8, by iconv. Called for every text.
 *
 * What can go wrong: a set nobody knows, octets that are none of it: a problem, and the octets are taken as
 * Windows-1252, so that what is ASCII in them is still found.
 */
#include "mime/reader.h"

#include <errno.h>
#include <iconv.h>

/* What mail is written in, in the names that mail uses. The C library keeps its tables in files, which a sandboxed
 * process cannot open any more: each is opened once before, and stays. */
static const char *const known_sets[] = {
    "ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5", "ISO-8859-6", "ISO-8859-7", "ISO-8859-8", "ISO-8859-9", "ISO-8859-10", "ISO-8859-11",
    "ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16", "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255",
    "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "WINDOWS-874", "CP1250", "CP1251", "CP1252", "CP437", "CP850", "CP852", "CP866", "CP932", "CP936", "CP949",
    "CP950", "KOI8-R", "KOI8-U", "MACINTOSH", "GB2312", "GBK", "GB18030", "BIG5", "BIG5-HKSCS", "SHIFT_JIS", "EUC-JP", "ISO-2022-JP", "ISO-2022-KR", "ISO-2022-CN",
    "EUC-KR", "EUC-TW", "UHC", "TIS-620", "VISCII", "TCVN", "ARMSCII-8", "IBM037", "UTF-7", "UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32", "US-ASCII", "LATIN1"};
static iconv_t opened[ARRAY_LEN(known_sets)];

void charset_init(void)
{
    for (size_t i = 0; i < ARRAY_LEN(known_sets) && !opened[i]; i++) {
        opened[i] = iconv_open("UTF-8", known_sets[i]);
    }
}

/* A descriptor for the set, as new; *ret_ours: it is not to be closed. */
static iconv_t descriptor(const char *charset, bool *ret_ours)
{
    for (size_t i = 0; i < ARRAY_LEN(known_sets); i++) {
        if (opened[i] && opened[i] != (iconv_t)-1 && str_eq_nocase(str_c(charset), str_c(known_sets[i]))) {
            (void)iconv(opened[i], NULL, NULL, NULL, NULL);
            *ret_ours = true;
            return opened[i];
        }
    }
    *ret_ours = false;
    return iconv_open("UTF-8", charset);
}

static bool is_utf8(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t more = c < 0x80 ? 0 : (c & 0xe0) == 0xc0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : (c & 0xf8) == 0xf0 ? 3 : 9;
        if (more == 9 || c == 0xc0 || c == 0xc1 || i + more >= s.n) {
            return false;
        }
        for (size_t k = 1; k <= more; k++) {
            if (((unsigned char)s.p[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        i += more + 1;
    }
    return true;
}

/* Octets that do not fit are skipped; true when there were none. False also for an unknown set. */
static bool convert(struct str octets, const char *charset, struct buf *out, bool *ret_known)
{
    bool clean = true, ours;
    iconv_t cd = descriptor(charset, &ours);
    *ret_known = cd != (iconv_t)-1;
    if (!*ret_known) {
        return false;
    }
    char *in = (char *)(uintptr_t)octets.p, *to;
    size_t in_left = octets.n;
    while (in_left > 0 && buf_reserve(out, in_left < 64 ? 64 : in_left, &to) == 0) {
        size_t room = in_left < 64 ? 64 : in_left, before = room;
        size_t n = iconv(cd, &in, &in_left, &to, &room);
        buf_commit(out, before - room);
        if (n == (size_t)-1 && errno != E2BIG) {
            clean = false;
            in++;
            in_left--;
        }
    }
    if (!ours) {
        iconv_close(cd);
    }
    return clean && in_left == 0;
}

void charset_text(struct reader *r, const char *part, struct str octets, const char *charset, struct buf *out)
{
    bool known = true, marked = octets.n >= 2 && (memcmp(octets.p, "\xff\xfe", 2) == 0 || memcmp(octets.p, "\xfe\xff", 2) == 0);
    charset = marked ? "UTF-16" : charset;
    bool plain = !charset || charset[0] == '\0' || str_eq_nocase(str_c(charset), STR("us-ascii")) || str_eq_nocase(str_c(charset), STR("utf-8"));
    if (plain && is_utf8(octets)) {
        if (buf_add(out, octets) < 0) {
            (void)!buf_add(out, str_slice(octets, 0, r->text_left));
            reader_problem(r, MIME_LIMIT, part, "too much text");
        }
        return;
    }
    if (!plain && convert(octets, charset, out, &known)) {
        return;
    }
    if (charset && charset[0]) {
        reader_problem(r, MIME_CHARSET, part, charset);
    }
    if (plain || !known) {
        (void)!convert(octets, "WINDOWS-1252", out, &known);
    }
}
