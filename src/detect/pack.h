/* SPDX-License-Identifier: Apache-2.0
 * pack.h: the inside of detect/: packs as they were read, for pack.c, rule.c and scan.c.
 */
#pragma once
#include "base/map.h"
#include "detect/checks.h"
#include "detect/detect.h"
#include "detect/groups.h"
#include "detect/link.h"
#include "detect/literals.h"
#include "detect/pattern.h"
#include "detect/terms.h"
#include "detect/weigh.h"

enum {
    PATTERNS_MAX = 64,
    FORMS_MAX = 6,
    SAMPLES_MAX = 64,
    TYPES_MAX = 200,
    RULES_MAX = 100,
    PACKS_MAX = 50,
    VECTORS_MAX = 4000,
    KINDS_MAX = 500
};

struct detect_type {
    char *name, *title;
    unsigned index;
    struct {
        struct pattern *pattern;
        unsigned char score;
        enum groups groups;
        int literals;  /* literals.h; -1: always tried */
        unsigned kind; /* number of its kind, from 1; 0: none */
    } patterns[PATTERNS_MAX];
    size_t n_patterns;
    bool has_terms;         /* in the dictionary */
    char *forms[FORMS_MAX]; /* endings that its terms of one word may have besides */
    size_t n_forms;
    unsigned char phrase_score;
    struct link *link; /* NULL: it links no others */
    /* of a type that links: sentences are weighed as well; NULL: they are not */
    struct weights *weights;
    detect_check check;
    unsigned char checked_score;
    struct pattern *context; /* NULL: no words */
    unsigned char context_score;
    unsigned window; /* octets before and after in which they count */
    bool needs_context;
    struct str samples[SAMPLES_MAX]; /* digits and letters only; owned */
    size_t n_samples;
};

/* An expression of a rule. */
struct term {
    enum { TERM_TYPE, TERM_AND, TERM_OR, TERM_NEAR } kind;
    const struct detect_type *type;
    unsigned char least; /* score */
    unsigned count;      /* different values */
    struct term *a, *b;
};

struct rule {
    char *name, *title;
    unsigned pack;
    struct term *when;
};

struct vector {
    char *text;
    const struct detect_type *type; /* NULL: of the rule */
    unsigned rule, kind;            /* kind: as of patterns */
    bool good;
    char place[80]; /* file and line */
};

/* One of the things that a type finds, with vectors of its own. */
struct kind {
    char *title;
    const struct detect_type *type;
    char place[80];
};

struct pack {
    char *name, *title;
    unsigned version;
    size_t types, rules;
};

struct detect_packs {
    struct pack packs[PACKS_MAX];
    size_t n_packs;
    struct pattern *against; /* words that say that a number is something else; NULL: none */
    struct buf against_words;
    struct literals *literals;
    struct terms *terms;
    struct lists *lists;
    struct detect_type *types[TYPES_MAX];
    size_t n_types;
    struct rule rules[RULES_MAX];
    size_t n_rules;
    struct vector *vectors;
    size_t n_vectors;
    struct kind *kinds; /* the first is number 1 */
    size_t n_kinds;
    /* Of those who learn weights: each sentence as a type that links it would be weighed. NULL:
     * nobody asks. */
    void (*on_sentence)(void *arg, const struct detect_type *type, const struct weighed *sentence);
    void *on_sentence_arg;
};

const struct detect_type *pack_type(const struct detect_packs *p, struct str name);
/* rule.c. NULL with a sentence in problem. */
struct term *rule_parse(const struct detect_packs *p, struct str text, char *problem, size_t size);
void rule_free(struct term *t);
/* pack_link.c: the rest of a line "link" or "add" of a type. False with a sentence in problem. */
bool pack_read_link(struct detect_packs *p, struct detect_type *t, struct str rest, char *problem,
                    size_t size);
bool pack_read_add(struct detect_packs *p, struct detect_type *t, struct str rest, char *problem,
                   size_t size);
/* pack_weigh.c: the rest of a line "weigh" or "hint". */
bool pack_read_hints(struct detect_type *t, struct str rest, char *problem, size_t size);
bool pack_read_weigh(const struct detect_packs *p, struct detect_type *t, struct str rest,
                     char *problem, size_t size);
bool rule_holds(const struct term *t, const struct detect_result *r);
