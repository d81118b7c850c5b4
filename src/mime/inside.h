/* SPDX-License-Identifier: Apache-2.0
 * inside.h: files that stand in a text: uuencode and POSIX base64, properties of calendars and
 * contacts (RFC 5545 3.8.1.1, RFC 6350 6.2.4, vCard 2.1), links of HTML that are their own file
 * (RFC 2397).
 *
 * Called by message.c, reader.c and view.c. What can go wrong: what looks like one and is none,
 * is none.
 */
#pragma once
#include "mime/reader.h"
#include "wire/transfer.h"

enum inside { INSIDE_TEXT, INSIDE_CARD, INSIDE_HTML };

struct inside_file {
    struct str octets; /* as they stand in the text */
    enum transfer encoding;
    bool is_escaped;                /* with %XX in it (RFC 3986 2.1), to be undone first */
    char name[MIME_NAME], type[64]; /* as it says, may be "" */
};

/* The next one; *rest moves behind it. False: there is none. */
bool inside_next(enum inside kind, struct str *rest, struct inside_file *ret);
/* The same within the limits of the reading, of which the first one met is noted; n: how many of
 * them count so far. */
bool inside_next_within(struct reader *r, const char *part, enum inside kind, struct str *rest,
                        unsigned n, struct inside_file *ret);
/* Appends its octets. 0 or -ENOSPC. */
int inside_octets(const struct inside_file *f, struct buf *out) MUST_USE;
/* Reads all of them. */
void inside_read(struct reader *r, const char *part, enum inside kind, struct str text);
