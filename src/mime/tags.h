/* SPDX-License-Identifier: Apache-2.0
 * tags.h: HTML as events, by libxml2's tolerant parser, within bounds: no tree is built, and
 * what costs the parser more than it is worth (elements in elements without end, attributes
 * without end) is kept from it.
 *
 * Called by html.c (the text) and sanitise.c (the page). What can go wrong: a limit, noted for
 * the part; what could not be read as elements is handed on as text.
 */
#pragma once
#include "mime/reader.h"

#include <libxml/HTMLparser.h>

struct tags {
    const htmlSAXHandler *events; /* startElement, endElement, characters ... */
    void *arg;
    void (*begin)(void *arg);                    /* from here on no element is open */
    void (*comment)(void *arg, struct str text); /* NULL: not wanted */
    void (*text)(void *arg, struct str text);    /* octets that are no elements, as they stand */
    bool (*is_full)(void *arg);                  /* nothing more is wanted */
};

/* html: UTF-8. Of anything else the parser changes the character set under way, and what is read
 * is not what was meant. */
void tags_read(struct reader *r, const char *part, struct str html, const struct tags *t);
