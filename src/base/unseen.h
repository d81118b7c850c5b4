/* SPDX-License-Identifier: Apache-2.0
 * unseen.h: characters of which nobody sees anything, in one place for all who look for words,
 * numbers and names. Unicode 15.1, DerivedCoreProperties.txt (Default_Ignorable_Code_Point) and
 * PropList.txt (White_Space). Pure. Called by detect/normalise.c, policy/flags.c, mime/names.c
 * and str.c.
 */
#pragma once
#include "base/str.h"

/* Marks of no width and of direction, soft hyphens, joiners, fillers, variation selectors, tags. */
bool unseen_is(uint32_t code);
/* Octets of such a character in UTF-8 at the front of s, or 0. */
size_t unseen_at(struct str s);
/* The same of a blank that ASCII does not have. */
size_t unseen_blank_at(struct str s);
/* The code point at the front of s and its octets; 0 and 1 for ASCII and for what is not UTF-8. */
uint32_t unseen_decode(struct str s, size_t *ret_n);
