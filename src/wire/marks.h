/* SPDX-License-Identifier: Apache-2.0
 * marks.h: what a message needs of those who carry it, found in its octets while they pass by:
 * nothing that was declared about it counts (RFC 6531 3.4, RFC 6152 3, RFC 3030 3). Pure.
 */
#pragma once
#include "base/str.h"

/* RFC 5322 2.1.1: octets of a line without its CRLF. */
enum { MARKS_LINE_MAX = 998 };

/* Start with all zero. */
struct marks {
    bool in_body;       /* the empty line that ends the header section was seen */
    bool utf8_header;   /* octets above 127 in the header section */
    bool eight_bit;     /* octets above 127 anywhere */
    bool binary;        /* NUL, a CR or an LF that does not stand in CRLF */
    bool long_line;     /* a line of the body of more than MARKS_LINE_MAX octets */
    size_t line_octets; /* of the line under way */
    char last;          /* the octet before */
};

/* The next octets. Any division of a message into pieces gives the same. */
void marks_look(struct marks *m, struct str text);
/* The message ended: a CR that still waits for its LF is bare. */
void marks_end(struct marks *m);
/* True when an octet above 127 is in s. */
bool marks_has_8bit(struct str s);
/* True for well-formed UTF-8 (RFC 3629 4); ASCII is. */
bool marks_is_utf8(struct str s);
