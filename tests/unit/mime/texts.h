/* SPDX-License-Identifier: Apache-2.0
 * texts.h: what tests ask of the texts of a reading. Included by test_html.c and test_office.c.
 */
#pragma once
#include "mime/mime.h"

#include <string.h>

/* Whether the text stands there as a piece of its own, between ends of lines or tabs. */
static bool stands_alone(const struct mime_reading *m, const char *text)
{
    for (size_t i = 0; i < m->n_texts; i++) {
        struct str t = buf_str(&m->texts[i].text);
        const char *at = t.n > 0 ? memmem(t.p, t.n, text, strlen(text)) : NULL;
        const char *end = at ? at + strlen(text) : NULL;
        if (at && (at == t.p || strchr("\n\t", at[-1])) &&
            (end == t.p + t.n || strchr("\n\t", *end))) {
            return true;
        }
    }
    return false;
}
