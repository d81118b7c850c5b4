/* SPDX-License-Identifier: Apache-2.0
 * link.h: types that are found where a sentence says something of somebody: who (a name, "your",
 * a date of birth), what (findings of other types), and which words raise or lower the score.
 * Called by pack.c (reading) and scan.c.
 */
#pragma once
#include "detect/detect.h"
#include "detect/lists.h"

enum { LINK_RULES_MAX = 64, LINK_TYPES_MAX = 200 };

/* One line: link SCORE WHO ~ TYPE, TYPE */
struct link_rule {
    enum link_who {
        WHO_NAME,
        WHO_GIVEN,
        WHO_UNKNOWN,
        WHO_DOCTOR,
        WHO_GREETED,
        WHO_BESIDE,
        WHO_LIST,
        WHO_NEXT,
        WHO_NOTED, /* a line of a name, findings and words of the list "note" */
        WHO_TYPE
    } who;
    unsigned list; /* of WHO_LIST and WHO_GREETED; of WHO_NEXT: just before the finding */
    const struct detect_type *type; /* of WHO_TYPE: found at least so, within DETECT_WINDOW */
    unsigned char least, score;
    bool about[LINK_TYPES_MAX]; /* by index of the type */
};

/* One line: add SCORE LIST; add SCORE between LIST; the same with around and next; add SCORE
 * close WORDS */
struct link_add {
    enum add_where { ADD_SENTENCE, ADD_BETWEEN, ADD_AROUND, ADD_NEXT, ADD_CLOSE } where;
    unsigned list; /* of ADD_CLOSE: at most so many words stand between */
    int score;
};

struct link {
    struct link_rule rules[LINK_RULES_MAX];
    struct link_add adds[LINK_RULES_MAX];
    size_t n_rules, n_adds;
    int several; /* added when the sentence has another finding that is linked */
    /* the list of "Center", "Institut": what is part of its name is nobody's illness; -1: none */
    int institution;
};

/* What the findings (of one text, by place) say: the score of the sentence around each, 0:
 * nothing. Findings in one sentence have one score. *ret_labelled: who it is stands there as in
 * a record ("Patient: Smith", a date of birth), or the line is a note ("Mr Baker, diabetes"). */
unsigned link_score(const struct link *link, const struct lists *lists, struct str text,
                    const struct detect_finding *findings, size_t n, size_t which,
                    bool *ret_labelled);
