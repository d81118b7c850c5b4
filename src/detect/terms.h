/* SPDX-License-Identifier: Apache-2.0
 * terms.h: the dictionary of all packs: terms of one to eight words, and endings of words, each
 * with the types it belongs to. Called by pack.c (adding) and scan.c (looking up). Pure but for
 * memory.
 *
 * What can go wrong: too many terms (-ENOSPC), a term that is empty, too long or of too many
 * words (-EINVAL).
 */
#pragma once
#include "detect/words.h"

struct detect_type;
struct terms;

enum {
    TERM_WORDS_MAX = 8,
    TERM_FORM_MAX = 200, /* octets of a folded term */
    TERM_ENDING_MIN = 3,
    TERM_ENDING_MAX = 20,
};

enum term_kind {
    TERM_PLAIN,
    TERM_EXACT, /* only in the letters in which it is written, and not in a line of capitals */
    TERM_NOT,   /* "stroke of luck": nothing is found there */
};

/* One meaning of a term. */
struct term_use {
    const struct detect_type *type;
    enum term_kind kind;
    char *written;         /* of TERM_EXACT; owned */
    struct term_use *next; /* another meaning of the same words */
};

struct terms *terms_new(void);
void terms_free(struct terms *t);
int terms_add(struct terms *t, struct str term, const struct detect_type *type,
              enum term_kind kind) MUST_USE;
/* The word ends in it and is longer. */
int terms_add_ending(struct terms *t, struct str ending, const struct detect_type *type) MUST_USE;
/* The longest term that begins with the word w: its meanings and its end; NULL: none. */
const struct term_use *terms_find(const struct terms *t, struct str text, struct word w,
                                  size_t *ret_end);
