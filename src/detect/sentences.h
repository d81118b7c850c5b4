/* SPDX-License-Identifier: Apache-2.0
 * sentences.h: the sentences of a text in their order, each with what was found in it, for
 * weigh.h. Pure. Called by scan.c.
 */
#pragma once
#include "detect/detect.h"
#include "detect/weigh.h"

struct sentences {
    const struct lists *lists;
    struct str text;
    const struct detect_finding *findings; /* borrowed; by place, and of links none */
    const unsigned char *scores;           /* borrowed; of each finding the link's score */
    size_t n;
    size_t next, finding; /* where the next sentence begins, and the first finding there */
    size_t strongest;     /* of the findings in this one: the first that has its score */
    struct {
        size_t from, to;
    } now, before; /* octets in the text */
};

/* The next sentence: its text, findings and score; nothing of people yet. False: there is none. */
bool sentences_next(struct sentences *s, struct weighed *ret) MUST_USE;
/* Who is in the sentence that sentences_next() gave last. */
void sentences_read_people(const struct sentences *s, struct weighed *w);
