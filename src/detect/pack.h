/* SPDX-License-Identifier: Apache-2.0
 * pack.h: the inside of detect/: packs as they were read, for pack.c, rule.c and scan.c.
 */
#pragma once
#include "base/map.h"
#include "detect/checks.h"
#include "detect/detect.h"
#include "detect/groups.h"
#include "detect/pattern.h"

enum { PATTERNS_MAX = 16, SAMPLES_MAX = 64, PHRASE_WORDS_MAX = 6, TYPES_MAX = 200, RULES_MAX = 100, PACKS_MAX = 50, VECTORS_MAX = 2000, PHRASES_MAX = 100000 };

struct detect_type {
    char *name, *title;
    unsigned index;
    struct {
        struct pattern *pattern;
        unsigned char score;
        enum groups groups;
    } patterns[PATTERNS_MAX];
    size_t n_patterns;
    struct map *phrases; /* the phrase, its words parted by one blank, in small letters -> the type; NULL: none */
    unsigned char phrase_score;
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
    unsigned char least;  /* score */
    unsigned count;       /* different values */
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
    unsigned rule;
    bool good;
    char place[80]; /* file and line */
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
    struct map *first_words; /* of all phrases: the word -> the most words of a phrase that begins with it; NULL: none */
    struct detect_type *types[TYPES_MAX];
    size_t n_types;
    struct rule rules[RULES_MAX];
    size_t n_rules;
    struct vector *vectors;
    size_t n_vectors;
};

const struct detect_type *pack_type(const struct detect_packs *p, struct str name);
/* rule.c. NULL with a sentence in problem. */
struct term *rule_parse(const struct detect_packs *p, struct str text, char *problem, size_t size);
void rule_free(struct term *t);
bool rule_holds(const struct term *t, const struct detect_result *r);
