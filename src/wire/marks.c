/* SPDX-License-Identifier: Apache-2.0
 * marks.c: RFC 5322 2.1.1 and 2.3, RFC 2045 2.7 to 2.9. Called by smtpin while a message
 * arrives, by smtpout for mail of our own and by the converter (sevenbit.c). Runs over every
 * octet of every message, so lines are found with memchr and octets are looked at in blocks that
 * the compiler turns into vector instructions.
 */
#include "wire/marks.h"

enum { BLOCK = 256 };

bool marks_has_8bit(struct str s)
{
    unsigned char bits = 0;
    size_t i = 0;
    for (; i + BLOCK <= s.n && bits < 0x80; i += BLOCK) {
        for (size_t k = 0; k < BLOCK; k++) {
            bits |= (unsigned char)s.p[i + k];
        }
    }
    for (; i < s.n; i++) {
        bits |= (unsigned char)s.p[i];
    }
    return bits >= 0x80;
}

/* Octets of one line, which may have begun before; ended: the LF is the last of them. */
static void look_line(struct marks *m, struct str line, bool ended)
{
    size_t n = line.n - ended;
    bool cr_before = n > 0 ? line.p[n - 1] == '\r' : m->last == '\r';
    size_t octets = m->line_octets + n - (cr_before && m->line_octets + n > 0);
    m->long_line |= m->in_body && octets > MARKS_LINE_MAX;
    m->binary |= (ended && !cr_before) || (m->last == '\r' && n > 0);
    if (n > 0) {
        size_t cr = str_find(str_slice(line, 0, n), '\r', 0);
        m->binary |= cr + 1 < n || memchr(line.p, 0, n) != NULL;
    }
    m->in_body |= ended && cr_before && octets == 0;
    m->line_octets = ended ? 0 : m->line_octets + n;
    m->last = line.p[line.n - 1];
}

void marks_look(struct marks *m, struct str text)
{
    for (size_t i = 0; i < text.n;) {
        if (m->in_body && !m->eight_bit) { /* once for all that is left */
            m->eight_bit = marks_has_8bit(str_slice(text, i, text.n));
        }
        bool in_body = m->in_body;
        do {
            size_t end = str_find(text, '\n', i);
            bool ended = end < text.n;
            struct str line = str_slice(text, i, ended ? end + 1 : end);
            m->utf8_header |= !in_body && marks_has_8bit(line);
            look_line(m, line, ended);
            i += line.n;
        } while (i < text.n && in_body == m->in_body);
    }
    m->eight_bit |= m->utf8_header;
}

void marks_end(struct marks *m)
{
    m->binary |= m->last == '\r';
}

/* RFC 3629 4: octets of the character at i; 0: none stands there. */
static size_t character_at(struct str s, size_t i)
{
    unsigned char a = (unsigned char)s.p[i];
    size_t n = a < 0x80                 ? 1
               : a >= 0xc2 && a <= 0xdf ? 2
               : a >= 0xe0 && a <= 0xef ? 3
               : a >= 0xf0 && a <= 0xf4 ? 4
                                        : 0;
    unsigned char low = a == 0xe0   ? 0xa0
                        : a == 0xf0 ? 0x90
                                    : 0x80,
                  high = a == 0xed   ? 0x9f
                         : a == 0xf4 ? 0x8f
                                     : 0xbf;
    for (size_t k = 1; k < n; k++) {
        unsigned char b = i + k < s.n ? (unsigned char)s.p[i + k] : 0;
        if (b < (k == 1 ? low : 0x80) || b > (k == 1 ? high : 0xbf)) {
            return 0;
        }
    }
    return n;
}

bool marks_is_utf8(struct str s)
{
    size_t i = 0, n = 1;
    while (i < s.n && n > 0) {
        n = character_at(s, i);
        i += n;
    }
    return i == s.n;
}
