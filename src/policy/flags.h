/* SPDX-License-Identifier: Apache-2.0
 * flags.h: words by which a sender asks for protection, in a text; and words that are nearly
 * one. Pure.
 *
 * Case and blanks do not matter: "[ Send  SECURE ]" is "[send secure]". Called by
 *                                         proc/inspecting.c with the new
 * text of a message, not with what it quotes, and by smtpout and inspect to take a flag out of a
 * subject.
 */
#pragma once
#include "conf/conf.h"

enum { FLAG_WORDS_MAX = CONF_FLAGS_MAX + 1 };

struct flag_found {
    size_t at, n;      /* octets in the text */
    const char *meant; /* the word of the list; borrowed */
    bool exact;        /* false: nearly */
};

/* The next flag at or behind `from`. near_alone: what is nearly one counts only where it stands
 * alone on its line, as in a body, where brackets have many uses. False: no more. */
bool flags_next(struct str text, size_t from, const char *const *words, size_t n_words,
                bool near_alone, struct flag_found *ret);
/* The words of a configuration, that for trying first; how many. Borrowed. */
size_t flags_words(const struct conf *c, const char *words[FLAG_WORDS_MAX]);
/* The next flag that is taken out once it has been obeyed, with one of the two blanks around it. */
bool flags_next_obeyed(const struct conf *c, struct str text, size_t from, struct flag_found *ret);
/* Appends text without the flags of the configuration; true when there was one. */
bool flags_take_out(const struct conf *c, struct str text, struct buf *out);
