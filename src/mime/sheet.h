/* SPDX-License-Identifier: Apache-2.0
 * sheet.h: the style sheets inside a stranger's HTML, and what they say of one element
 * (Selectors 3, CSS Cascade 3).
 *
 * Called by sanitise.c, which puts it into the element's own style, made harmless there
 * (style.h): no sheet leaves this place. What can go wrong: nothing; a selector that is not
 * understood, or one too many, is as if it were not there.
 */
#pragma once
#include "base/buf.h"

enum { SHEET_NAME = 32, SHEET_CLASSES = 160 };

/* An element as selectors see it. Strings of the caller's. */
struct sheet_element {
    char name[SHEET_NAME]; /* small letters */
    char id[SHEET_NAME];
    char classes[SHEET_CLASSES]; /* with blanks between */
};

struct sheet;
/* Of all <style> elements of the page, in their order. Borrows html until sheet_free. NULL:
 * there are no rules. */
struct sheet *sheet_of_page(struct str html);
void sheet_free(struct sheet *s);
/* The declarations for the last of these elements, each of which stands inside the one before;
 * `own`: its style attribute, which stands among them where it counts. Appends, each with ";". s
 * may be NULL. */
void sheet_style(struct sheet *s, const struct sheet_element *elements, size_t n, struct str own,
                 struct buf *out);
