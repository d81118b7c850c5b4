/* SPDX-License-Identifier: Apache-2.0
 * weigh.h: how surely a sentence says something of somebody, by all that stands in it. Each
 * word, list, finding and person has a weight; the sentence says it when they come to zero or
 * more. Only sentences are weighed in which something is found that weighs, or a word stands
 * that is a hint. The weights are those of a logistic regression in hundredths, learned by
 * tools/learn-weights from the sentences in tests/corpus. Pure but for memory. Called by
 * pack_weigh.c (reading) and scan.c.
 */
#pragma once
#include "detect/lists.h"

enum {
    WEIGH_TYPES_MAX = 200,
    /* octets of a folded word that count: "operati" is operation, opération and operativ */
    WEIGH_FORM = 7,
    WEIGH_MAX = 5000,
    WEIGH_ROOM = 40, /* octets of a pair, or of any other item, at most */
};

/* Who is in a sentence: the first of these that is. */
enum weigh_who { WHO_IS_NAMED, WHO_IS_YOU, WHO_IS_OWN, WHO_IS_THIRD, WHO_IS_NOBODY, WEIGH_WHOS };

/* What may weigh. The number of WEIGH_SCORE: tens of the link's score that are reached, of
 * WEIGH_LENGTH: tens of words, of WEIGH_LIST: the list, of WEIGH_TYPE: the index of the type, of
 * WEIGH_WHO: who, of WEIGH_MEETS: of whom which type is found, weigh_meeting(). WEIGH_PAIR: two
 * words, one behind the other, names left out. */
enum weigh_kind {
    WEIGH_ALWAYS,
    WEIGH_NAME,
    WEIGH_GIVEN,
    WEIGH_UNKNOWN,
    WEIGH_DOCTOR,
    WEIGH_BEFORE,
    WEIGH_SCORE,
    WEIGH_LENGTH,
    WEIGH_WHO,
    WEIGH_LIST,
    WEIGH_TYPE,
    WEIGH_MEETS,
    WEIGH_WORD,
    WEIGH_PAIR,
    WEIGH_KINDS
};

/* A sentence as it is weighed. */
struct weighed {
    struct str text;
    struct list_facts facts;
    bool named_before;           /* the sentence before names somebody */
    unsigned score;              /* the highest of the links in it, 0 to 100 */
    bool types[WEIGH_TYPES_MAX]; /* found in it, by index */
};

struct weights;

struct weights *weights_new(void);
void weights_free(struct weights *w);
/* Copies the word (of WEIGH_WORD) or the two with a blank between (of WEIGH_PAIR); otherwise it
 * is empty. -EINVAL: not in its range, or not so many words; -ENOSPC: too many. */
int weights_add(struct weights *w, enum weigh_kind kind, unsigned number, struct str word,
                int hundredths) MUST_USE;
/* The word makes a sentence worth weighing. -EINVAL, -ENOSPC as above. */
int weights_add_hint(struct weights *w, struct str word) MUST_USE;
/* Something that is found in the sentence weighs, or a word in it is a hint. */
bool weights_matter(const struct weights *w, const struct weighed *sentence);
/* In hundredths; below zero: it does not say it. */
int weights_sum(const struct weights *w, const struct lists *lists, const struct weighed *sentence);
/* Everything in the sentence that may weigh, each word and pair as often as it stands there.
 * Words that are written as names and stand in a list of names are left out: who somebody is
 * says nothing of their health. */
void weigh_each(const struct lists *lists, const struct weighed *sentence,
                void (*fn)(void *arg, enum weigh_kind kind, unsigned number, struct str word),
                void *arg);
/* The number of WEIGH_MEETS. */
unsigned weigh_meeting(enum weigh_who who, unsigned type);
/* "named", "you" ... */
const char *weigh_who_name(enum weigh_who who);
/* "name", "list": as a pack calls it. */
const char *weigh_kind_name(enum weigh_kind kind);
