/* SPDX-License-Identifier: Apache-2.0
 * lists.h: named lists of words ("words NAME WORD, WORD" in a pack), and which of them a stretch
 * of text holds. Pure but for memory. Called by pack.c (adding) and link.c.
 *
 * Some lists have a meaning of their own: given, given-weak and surname (of people), title (Mrs,
 * Herr), degree (Dr, Prof: who has one and no title is taken for the doctor, not the patient),
 * abbreviation (no sentence ends behind its point), place (St, Hospital: a name beside it is no
 * person's), patient (in small letters a title), relation (Uncle, Kollege: a name comes behind
 * it), role (employee, client: the same, in small letters), third (she, his: the sentence before
 * may have the name), greeting (Dear, Hallo: a letter begins) nouns (words of a language in
 * which every noun has a capital: it says nothing there), cited (a year in brackets, "Miller and
 * Jones (2014)", counts as a word of it: names there are authors), particle (von, de la: before
 * a surname), opening (a sentence that begins so leaves out who: "Está de baja"), you (who is
 * addressed), own ("my son": who belongs to the writer) and note ("Control", "Suivi": what
 * stands beside a name and an illness in the notes of a practice).
 */
#pragma once
#include "detect/words.h"

struct lists;

enum { LISTS_MAX = 64 };

enum list_known {
    LIST_GIVEN,
    LIST_GIVEN_WEAK,
    LIST_SURNAME,
    LIST_TITLE,
    LIST_DEGREE,
    LIST_ABBREVIATION,
    LIST_PLACE,
    LIST_PATIENT,
    LIST_RELATION,
    LIST_ROLE,
    LIST_THIRD,
    LIST_NOUNS,
    LIST_GREETING,
    LIST_CITED,
    LIST_PARTICLE,
    LIST_OPENING,
    LIST_YOU,
    LIST_OWN,
    LIST_NOTE,
    LISTS_KNOWN
};

/* What stands in a stretch of text. */
struct list_facts {
    uint64_t lists;   /* a bit for each list of which a word stands there */
    uint64_t between; /* the same between the place asked for and the person next to it */
    uint64_t around;  /* the same of the few words before and behind the place, within commas */
    /* words that are neither of a person nor crossed out nor in the list "note", and no numbers */
    unsigned others;
    unsigned apart; /* words between the two; LISTS_ALONE: there is no person */
    bool name;      /* title or given name with a name behind it, or a name before a surname */
    bool given;     /* a given name by itself */
    bool doctor;    /* a degree with a name behind it: who treats, if nothing else is said */
    bool unknown;   /* what is written as a name is, but stands in no list */
};

enum { LISTS_ALONE = 1000 };

struct lists *lists_new(void);
void lists_free(struct lists *l);
/* The number of the list, made when it is new; -ENOSPC: too many. */
int lists_number(struct lists *l, struct str name) MUST_USE;
/* The name of a list; borrowed. */
const char *lists_name(const struct lists *l, unsigned list);
/* -1: there is none of that name. */
int lists_find(const struct lists *l, struct str name) MUST_USE;
/* A word, or up to three; "diagnos*" stands for all words that begin so. 0, -EINVAL, -ENOSPC. */
int lists_add(struct lists *l, unsigned list, struct str words) MUST_USE;
/* Names are looked for in `names`, as long as the text: the same with what can be no name crossed
 * out. `at`: the place that is told of somebody (a name, or before it "she"); text.n: none. */
struct list_facts lists_facts(const struct lists *l, struct str text, struct str names, size_t at);
/* One of the first lines greets somebody by name: "Dear Mr Osei," */
bool lists_greets(const struct lists *l, struct str text);
/* The one word stands in the list. */
bool lists_has(const struct lists *l, unsigned list, struct str word);
/* The sentence begins with a word that leaves out who is meant: the sentence before may have the
 * name. */
bool lists_opens(const struct lists *l, struct str sentence);
/* A word of the list is the second or third of the capital words that go on behind `end`:
 * "Addiction Treatment Center". */
bool lists_goes_on(const struct lists *l, struct str text, size_t end, unsigned list);
/* The sentence around a place: at most 300 octets before it and behind it. */
enum { LISTS_SENTENCE_MAX = 600 };
struct str lists_sentence(const struct lists *l, struct str text, size_t at, size_t *ret_from);
