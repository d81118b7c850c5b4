/* SPDX-License-Identifier: Apache-2.0
 * literals.h: which texts an expression can match at all: most need one of a few pieces of plain
 * text ("ghp_", "AKIA"). All pieces of all packs are looked for in one pass, and an expression
 * none of whose pieces stands in a text is not tried there. Pure but for memory. Called by
 * pack.c (adding) and scan.c.
 *
 * What can go wrong: nothing; an expression that is not understood counts as one that needs none.
 */
#pragma once
#include "base/str.h"

struct literals;

enum { LITERALS_SETS_MAX = 2000 };

struct literals *literals_new(void);
void literals_free(struct literals *l);
/* The number of the expression's pieces, one of which must stand in the text in whatever case;
 * -1: it needs none. */
int literals_add(struct literals *l, struct str expression);
/* present[number]: a piece of it stands in the text. Room for LITERALS_SETS_MAX. */
void literals_look(const struct literals *l, struct str text, bool *present);
