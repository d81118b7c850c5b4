/* SPDX-License-Identifier: Apache-2.0
 * style.h: the style attributes of a stranger's HTML, made harmless. Pure.
 *
 * Called by sanitise.c.
 */
#pragma once
#include "base/buf.h"

/* Appends what may stay of a style attribute's value, as declarations that each end with ";".
 * True: it had a ground that is not kept, a picture. */
bool style_clean(struct str style, struct buf *out);
