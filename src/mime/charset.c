/* SPDX-License-Identifier: Apache-2.0
 * charset.c: octets of any character set as UTF-8, as the WHATWG Encoding Standard reads them.
 * Called for every text.
 *
 * A byte order mark goes before the label, the label before what HTML says of itself, that
 * before what the octets look like; escapes of ISO 2022 go before all but the mark, as they are
 * nothing else. What can go wrong: a set nobody knows, octets that are none of it, or that are
 * UTF-8 all the same. Each is a problem of the reading; the octets that do not fit are U+FFFD,
 * all others are read.
 */
#include "mime/charset.h"
#include "mime/reader.h"

enum { UTF8_LEAST = 3 }; /* characters that are no chance */

/* What a text is read as, and why. */
struct choice {
    const struct charset *set, *labelled; /* labelled: NULL: nothing, or nothing known, is said */
    bool said, marked, guessed;
    bool by_escapes; /* whatever is said, the octets switch sets */
};

void charset_init(void)
{
    charset_tables_open();
}

static bool charset_starts(struct str octets, const char *mark, size_t n)
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
    } marks[] = {
        {"\xef\xbb\xbf", 3, "utf-8"},
        {"\xfe\xff", 2, "utf-16be"},
        {"\xff\xfe", 2, "utf-16le"},
    };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (charset_starts(*octets, marks[i].octets, marks[i].n)) {
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
    return charset_find(good >= bad && (good > bad || bad == 0) ? STR("utf-8")
                                                                : STR("windows-1252"));
}

/* A label that programs write without looking at the text (RFC 2046 4.1.2: the default). */
static bool says_ascii(const char *label)
{
    return str_starts_nocase(str_trim(str_c(label)), STR("us-ascii")) ||
           str_starts_nocase(str_trim(str_c(label)), STR("ascii"));
}

/* Encoded words of ISO-2022-JP end in ASCII and begin in something else: where neighbours were
 * joined, a switch follows a switch. The standard has an error there, against pages that hide
 * markup; a text has nothing to hide it from. */
static struct charset_result decode_joined(const struct charset *set, struct str octets,
                                           struct buf *out)
{
    struct buf clean = BUF_INIT(octets.n + 1);
    for (size_t i = 0; i < octets.n;) {
        bool twice = i + 3 < octets.n && octets.p[i] == 0x1b && octets.p[i + 1] == '(' &&
                     octets.p[i + 3] == 0x1b;
        (void)!buf_add(&clean, str_slice(octets, i, twice ? i : i + 1));
        i += twice ? 3 : 1;
    }
    struct charset_result result = charset_decode(set, buf_str(&clean), out);
    buf_wipe(&clean);
    return result;
}

/* By what is said and seen; a mark is taken off the octets.
 * RFC 2046 4.1.2 MUST: the value of charset in any case */
static struct choice charset_choose(struct str *octets, const char *charset)
{
    struct choice c = {.said = charset && charset[0]};
    c.labelled = c.said ? charset_find(str_c(charset)) : NULL;
    /* its mark looks like UTF-16's */
    bool four = c.labelled && str_starts_nocase(str_c(c.labelled->name), STR("utf-32"));
    c.set = four ? NULL : by_mark(octets);
    c.marked = c.set != NULL;
    if (!c.set) {
        c.set = c.said && !says_ascii(charset) ? c.labelled : NULL;
    }
    c.set = c.set || c.labelled ? c.set : charset_of_html(*octets);
    c.guessed = !c.set;
    bool simple = c.set && (c.set->kind == CHARSET_UTF8 || c.set->kind == CHARSET_SINGLE);
    bool may_switch = c.guessed || (!c.marked && simple);
    const struct charset *switching = may_switch ? charset_by_escapes(*octets) : NULL;
    c.by_escapes = switching != NULL;
    c.set = switching ? switching : c.set ? c.set : by_look(*octets);
    return c;
}

/* A label of single octets, and each octet from 0x80 is a piece of UTF-8. In ISO 8859 and
 * Windows' sets a letter and a sign would have to meet each time. Elsewhere letters begin at
 * 0x80 or lie close together: a short word may look so. */
static bool fits_utf8_as_well(const struct choice *c, struct str octets)
{
    struct str name = str_c(c->set->name);
    bool rare =
        str_starts_nocase(name, STR("iso-8859-")) || str_starts_nocase(name, STR("windows-125"));
    bool single = c->set->kind == CHARSET_SINGLE || str_starts_nocase(name, STR("cp"));
    if (c->guessed || !single) {
        return false;
    }
    size_t good, bad;
    charset_count_utf8(octets, &good, &bad);
    return bad == 0 && good >= (rare ? 1 : UTF8_LEAST);
}

bool charset_fits_as_is(struct str octets, const char *charset)
{
    struct choice c = charset_choose(&octets, charset);
    return c.by_escapes || fits_utf8_as_well(&c, octets);
}

/* Nothing says it, and it is not what is guessed; or what is said is something else. */
static bool charset_is_doubtful(const struct choice *c, struct str octets, const char *charset)
{
    bool single = c->set->kind == CHARSET_SINGLE;
    bool high_ascii = c->guessed && c->labelled && single; /* said to be ASCII */
    bool unknown = c->said && !c->labelled && !c->marked;
    bool switches = c->by_escapes && c->labelled && !says_ascii(charset);
    bool no_guess = c->guessed && single && !charset_is_western(octets);
    return high_ascii || unknown || switches || no_guess || fits_utf8_as_well(c, octets);
}

/* RFC 2046 4.1.2 MUST: without charset: US-ASCII */
void charset_text(struct reader *r, const char *part, struct str octets, const char *charset,
                  struct buf *out)
{
    struct choice c = charset_choose(&octets, charset);
    struct charset_result result = c.set->kind == CHARSET_ISO_2022_JP
                                       ? decode_joined(c.set, octets, out)
                                       : charset_decode(c.set, octets, out);
    if (result.errors > 0 || charset_is_doubtful(&c, octets, charset)) {
        reader_problem(r, MIME_CHARSET, part, c.said ? charset : c.set->name);
    }
    if (result.full) {
        reader_problem(r, MIME_LIMIT, part, "too much text");
    }
}
