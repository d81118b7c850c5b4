/* SPDX-License-Identifier: Apache-2.0
 * colour.h: colours of HTML and CSS by their names and numbers (CSS Color 4 4 and 6.1, HTML
 * 2.3.6), and whether text of one can be read on another (WCAG 2.2). Pure. Called by sanitise.c.
 */
#pragma once
#include "base/str.h"

struct rgb {
    bool known, faint; /* faint: what is behind it shows */
    unsigned char r, g, b;
};

/* Unknown where it is none of these: a name, #rgb, #rrggbb with or without #, rgb(). */
struct rgb colour_of_text(struct str text);
/* True when both are known and text of the one is hard to see on the other: under 2.5 to 1, by
 * some. */
bool colour_is_lost_on(struct rgb text, struct rgb ground);
/* Black or white, which can be read on it. */
struct rgb colour_to_read_on(struct rgb ground);
