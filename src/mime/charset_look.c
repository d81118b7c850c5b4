/* SPDX-License-Identifier: Apache-2.0
 * charset_look.c: what the octets themselves say of their character set. Called by charset.c.
 *
 * Sets that switch by escapes (RFC 1468, 1557, 1922) are told by them: they are all of 7 bit, and a
 * text without them has none. Sets of two octets are only suspected: which of them it is, nobody
 * can tell of a short text. What can go wrong: nothing; a wrong guess is read both ways, a
 * suspicion is a problem of the reading.
 */
#include "mime/charset.h"

enum {
    ESCAPE = 0x1b,
    SHIFT_OUT = 0x0e,
    FAULTS = 20,     /* one in so many octets may be an error: letters of later standards */
    RUN_LEAST = 3,   /* octets from 0x80 side by side that no language of Western Europe has */
    RUNS_LEAST = 4,  /* octets of those */
    LEADS_LEAST = 3, /* of Shift_JIS */
    LETTERS_LEAST = 10,
};

/* The one whose designations are there; NULL: none. */
static const struct charset *designated(struct str octets)
{
    static const struct {
        const char *escape, *set;
        bool shifts;
    } rows[] = {
        {"\x1b$B", "iso-2022-jp", false}, {"\x1b$@", "iso-2022-jp", false},
        {"\x1b(J", "iso-2022-jp", false}, {"\x1b(I", "iso-2022-jp", false},
        {"\x1b$)C", "iso-2022-kr", true}, {"\x1b$)A", "iso-2022-cn", true},
        {"\x1b$)G", "iso-2022-cn", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool shifted = !rows[i].shifts || memchr(octets.p, SHIFT_OUT, octets.n);
        if (shifted && str_has(octets, str_c(rows[i].escape))) {
            return charset_find(str_c(rows[i].set));
        }
    }
    return NULL;
}

static bool has_high(struct str octets)
{
    for (size_t i = 0; i < octets.n; i++) {
        if ((unsigned char)octets.p[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

const struct charset *charset_by_escapes(struct str octets)
{
    if (octets.n == 0 || !memchr(octets.p, ESCAPE, octets.n) || has_high(octets)) {
        return NULL;
    }
    const struct charset *c = designated(octets);
    struct buf text = BUF_INIT(4 * octets.n + 16);
    bool fits = c && charset_decode(c, octets, &text).errors <= octets.n / FAULTS;
    fits &= has_high(buf_str(&text));
    buf_wipe(&text);
    return fits ? c : NULL;
}

/* --- octets from 0x80 --------------------------------------------------- */

struct census {
    size_t high, letters,
        high_letters; /* octets from 0x80; ASCII's letters, and those of Windows-1252 */
    size_t in_runs, leads, unassigned;
};

static bool charset_look_is_letter(unsigned char c)
{
    bool windows = strchr("\x8a\x8c\x8e\x9a\x9c\x9e\x9f", c) != NULL;
    return (c >= 0xc0 && c != 0xd7 && c != 0xf7) || (c >= 0x80 && windows);
}

/* Octets from 0x80 at the front. A blank among them (0xa0), or a stroke of one sign, is no word. */
static size_t take_run(struct str s, struct census *c)
{
    size_t n = 0;
    bool same = true;
    while (n < s.n && (unsigned char)s.p[n] >= 0x80 && (unsigned char)s.p[n] != 0xa0) {
        same &= s.p[n] == s.p[0];
        n++;
    }
    c->in_runs += n >= RUN_LEAST && !same ? n : 0;
    return n;
}

static void charset_look_count(struct str s, struct census *c)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char o = (unsigned char)s.p[i], next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;
        bool begins =
            i == 0 || (unsigned char)s.p[i - 1] < 0x80 || (unsigned char)s.p[i - 1] == 0xa0;
        if (o >= 0x80 && begins) {
            (void)take_run(str_slice(s, i, s.n), c);
        }
        c->high += o >= 0x80;
        c->letters += str_lower((char)o) >= 'a' && str_lower((char)o) <= 'z';
        c->high_letters += charset_look_is_letter(o);
        c->leads += (o == 0x82 || o == 0x83) && next >= 0x40 && next != 0x7f;
        c->unassigned += o == 0x81 || o == 0x8d || o == 0x8f || o == 0x90 || o == 0x9d;
    }
}

bool charset_is_western(struct str octets)
{
    struct census c = {0};
    charset_look_count(octets, &c);
    bool of_two = c.in_runs >= RUNS_LEAST && c.in_runs > c.high / 2;
    bool shift_jis = c.leads >= LEADS_LEAST && c.leads > c.high / 3;
    bool other = c.high_letters >= LETTERS_LEAST && c.high_letters > c.letters;
    return !of_two && !shift_jis && !other && c.unassigned == 0;
}
