/* SPDX-License-Identifier: Apache-2.0
 * words.h: words of a text, and the one form in which they are looked up: lower case, without
 * the accents of Latin letters ("Müller", "MÜLLER" and "Muller" are one). Pure. Called by
 * terms.c, link.c and scan.c.
 *
 * A hyphen parts words, so "blood-test" is read as "blood test"; an apostrophe stands inside
 * ("Crohn's"), but behind one or two letters it parts them, as in French ("l'asthme").
 */
#pragma once
#include "base/str.h"

struct word {
    size_t at, end;
};

/* The next word at or after `from`. False: there is none. */
bool word_next(struct str text, size_t from, struct word *ret) MUST_USE;
/* The form in which a word is looked up: octets written, 0 when they do not fit. */
size_t word_fold(struct str word, char *dst, size_t size);
/* Words parted by one blank, each folded. 0 when they do not fit. *ret_words: how many. */
size_t words_fold(struct str phrase, char *dst, size_t size, size_t *ret_words);
/* Does the word begin with a capital letter (Latin, Greek or Cyrillic)? */
bool word_is_capital(struct str word);
/* Three letters or more, all of them capitals. */
bool word_is_shouted(struct str word);
