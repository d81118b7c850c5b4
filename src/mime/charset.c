/* SPDX-License-Identifier: Apache-2.0
 * charset.c: octets of any character set as UTF-8, as the WHATWG Encoding Standard reads them. Called for every text.
 *
 * A byte order mark goes before the label, the label before what HTML says of itself, that before what the octets look
 * like. What can go wrong: a set nobody knows, octets that are none of it. Both are a problem of the reading; the octets
 * that do not fit are U+FFFD, all others are read.
 */
#include "mime/charset.h"
#include "mime/reader.h"

void charset_init(void)
{
    charset_tables_open();
}

static bool starts(struct str octets, const char *mark, size_t n)
{
    return octets.n >= n && memcmp(octets.p, mark, n) == 0;
}

/* By the byte order mark, which is taken off; NULL: there is none. */
static const struct charset *by_mark(struct str *octets)
{
    static const struct {
        const char *octets;
        size_t n;
        const char *set;
    } marks[] = {{"\xef\xbb\xbf", 3, "utf-8"}, {"\xfe\xff", 2, "utf-16be"}, {"\xff\xfe", 2, "utf-16le"}};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (starts(*octets, marks[i].octets, marks[i].n)) {
            *octets = str_slice(*octets, marks[i].n, octets->n);
            return charset_find(str_c(marks[i].set));
        }
    }
    return NULL;
}

/* UTF-8 when it is that, with a bad octet here or there; else Windows-1252. */
static const struct charset *by_look(struct str octets)
{
    size_t good, bad;
    charset_count_utf8(octets, &good, &bad);
    return charset_find(good >= bad && (good > bad || bad == 0) ? STR("utf-8") : STR("windows-1252"));
}

/* A label that programs write without looking at the text (RFC 2046 4.1.2: the default). */
static bool says_ascii(const char *label)
{
    return str_starts_nocase(str_trim(str_c(label)), STR("us-ascii")) || str_starts_nocase(str_trim(str_c(label)), STR("ascii"));
}

/* Encoded words of ISO-2022-JP end in ASCII and begin in something else: where neighbours were joined, a switch follows a
 * switch. The standard has an error there, against pages that hide markup; a text has nothing to hide it from. */
static struct charset_result decode_joined(const struct charset *set, struct str octets, struct buf *out)
{
    struct buf clean = BUF_INIT(octets.n + 1);
    for (size_t i = 0; i < octets.n;) {
        bool twice = i + 3 < octets.n && octets.p[i] == 0x1b && octets.p[i + 1] == '(' && octets.p[i + 3] == 0x1b;
        (void)!buf_add(&clean, str_slice(octets, i, twice ? i : i + 1));
        i += twice ? 3 : 1;
    }
    struct charset_result result = charset_decode(set, buf_str(&clean), out);
    buf_wipe(&clean);
    return result;
}

void charset_text(struct reader *r, const char *part, struct str octets, const char *charset, struct buf *out)
{
    bool said = charset && charset[0];
    const struct charset *labelled = said ? charset_find(str_c(charset)) : NULL;
    bool four = labelled && str_starts_nocase(str_c(labelled->name), STR("utf-32")); /* its mark looks like UTF-16's */
    const struct charset *set = four ? NULL : by_mark(&octets);
    bool marked = set != NULL;
    if (!set) {
        set = said && !says_ascii(charset) ? labelled : NULL;
    }
    set = set || (said && labelled) ? set : charset_of_html(octets);
    bool guessed = !set;
    set = set ? set : by_look(octets);
    struct charset_result result =
        set->kind == CHARSET_ISO_2022_JP ? decode_joined(set, octets, out) : charset_decode(set, octets, out);
    bool high_ascii = guessed && labelled && set->kind == CHARSET_SINGLE; /* said to be ASCII, is neither that nor UTF-8 */
    if (result.errors > 0 || (said && !labelled && !marked) || high_ascii) {
        reader_problem(r, MIME_CHARSET, part, said ? charset : set->name);
    }
    if (result.full) {
        reader_problem(r, MIME_LIMIT, part, "too much text");
    }
}
