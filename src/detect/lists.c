/* SPDX-License-Identifier: Apache-2.0
 * lists.c: words in lists, names of people, sentences.
 */
#include "detect/lists.h"
#include "base/map.h"

#include <stdlib.h>

enum {
    WORDS_MAX = 120000,
    PHRASE_MAX = 3,
    FORM_MAX = 120,
    BEGINNING_MIN = 3,
    REACH = LISTS_SENTENCE_MAX / 2, /* octets of a sentence before and behind a place */
    BITS = 1 << 14,
};

struct lists {
    struct map *words; /* a folded word, phrase or "beginning*" -> the bits of its lists */
    /* By first letters: most words have neither. */
    unsigned char beginnings[BITS / 8], phrases[BITS / 8];
    char *names[LISTS_MAX];
    unsigned n;
};

static unsigned first_letters(const char *form)
{
    const unsigned char *c = (const unsigned char *)form;
    return (c[0] * 961u + c[1] * 31u + c[2]) * 2654435761u >> 18;
}

static void lists_note(unsigned char *bits, const char *form)
{
    unsigned at = first_letters(form);
    bits[at / 8] |= (unsigned char)(1u << at % 8);
}

static bool lists_is_noted(const unsigned char *bits, const char *form)
{
    unsigned at = first_letters(form);
    return bits[at / 8] >> at % 8 & 1;
}

static const char *const known[LISTS_KNOWN] = {
    "given",    "given-weak", "surname", "title", "degree", "abbreviation", "place",
    "patient",  "relation",   "role",    "third", "nouns",  "greeting",     "cited",
    "particle", "opening",    "you",     "own",   "note",
};

struct lists *lists_new(void)
{
    struct lists *l = err_calloc(1, sizeof *l);
    l->words = map_new(WORDS_MAX);
    for (; l->n < LISTS_KNOWN; l->n++) {
        l->names[l->n] = str_dup(str_c(known[l->n]));
    }
    return l;
}

void lists_free(struct lists *l)
{
    if (l) {
        for (unsigned i = 0; i < l->n; i++) {
            free(l->names[i]);
        }
        map_free(l->words);
        free(l);
    }
}

int lists_find(const struct lists *l, struct str name)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (str_eq(name, str_c(l->names[i]))) {
            return (int)i;
        }
    }
    return -1;
}

const char *lists_name(const struct lists *l, unsigned list)
{
    must(list < l->n);
    return l->names[list];
}

int lists_number(struct lists *l, struct str name)
{
    int found = lists_find(l, name);
    if (found >= 0) {
        return found;
    }
    if (l->n == LISTS_MAX) {
        return -ENOSPC;
    }
    l->names[l->n] = str_dup(name);
    return (int)l->n++;
}

int lists_add(struct lists *l, unsigned list, struct str words)
{
    char form[FORM_MAX];
    size_t count = 0, n = words_fold(words, form, sizeof form - 1, &count);
    bool beginning = words.n > 0 && words.p[words.n - 1] == '*';
    if (n == 0 || count > PHRASE_MAX || (beginning && (count > 1 || n < BEGINNING_MIN))) {
        return -EINVAL;
    }
    if (beginning) {
        lists_note(l->beginnings, form);
        form[n++] = '*';
    } else if (count > 1) {
        lists_note(l->phrases, form);
    }
    uintptr_t bits = (uintptr_t)map_get(l->words, str_from(form, n));
    return map_put(l->words, str_from(form, n), (void *)(bits | (uintptr_t)1 << list));
}

static uint64_t bits_of(const struct lists *l, const char *form, size_t n)
{
    return (uintptr_t)map_get(l->words, str_from(form, n));
}

/* The lists of the one word; `form` has room behind n. */
static uint64_t word_bits(const struct lists *l, char *form, size_t n)
{
    uint64_t bits = bits_of(l, form, n);
    if (n > 2 && form[n - 2] == '\'' && form[n - 1] == 's') { /* Kevin's */
        bits |= bits_of(l, form, n - 2);
    }
    enum { GENITIVE_MIN = 5 };
    if (n > GENITIVE_MIN && form[n - 1] == 's') { /* Katrins Brustkrebs */
        bits |= bits_of(l, form, n - 1) & 1u << LIST_GIVEN;
    }
    for (size_t k = BEGINNING_MIN; k <= n && lists_is_noted(l->beginnings, form); k++) {
        char after = form[k];
        form[k] = '*';
        bits |= bits_of(l, form, k + 1);
        form[k] = after;
    }
    return bits;
}

/* --- names -------------------------------------------------------------- */

struct token {
    struct word word;
    uint64_t bits, phrases; /* lists of the word, and of phrases that end with it */
    bool capital, initial;  /* one letter */
    bool phrase;            /* may begin one */
    bool out;               /* crossed out: no name */
    bool person;            /* part of a name */
};

#define IS(token, list) ((token)->bits >> (list)&1)

/* Only blanks, a point or one line end stand between two words: they may be parts of one name. */
static bool joined(struct str text, struct word a, struct word b)
{
    enum { APART = 4 };
    unsigned lines = 0;
    for (size_t i = a.end; i < b.at; i++) {
        lines += text.p[i] == '\n';
        if (!strchr(" \n\r\t.-'\xe2\x80\x99", text.p[i])) {
            return false;
        }
    }
    return b.at - a.end <= APART && lines < 2;
}

static bool is_name_word(const struct token *t)
{
    return t->capital && !t->initial && !IS(t, LIST_DEGREE) && !IS(t, LIST_TITLE);
}

struct tokens {
    struct token list[REACH];
    size_t n;
    struct str text;
    bool hasty; /* "can u cancel jess": no word has a capital */
    bool nouns; /* in this language nouns have capitals as well as names */
};

static bool follows(const struct tokens *t, size_t i)
{
    return i < t->n && joined(t->text, t->list[i - 1].word, t->list[i].word);
}

static bool may_be_name(const struct tokens *t, size_t i);

static bool is_shouted(const struct tokens *t, size_t i)
{
    return i < t->n && word_is_shouted(str_slice(t->text, t->list[i].word.at, t->list[i].word.end));
}

/* "Patient Berger": a capital, and behind it a name of the lists, or what may be one before
 * "kommt", "has" and the like. */
static bool is_known_behind(const struct tokens *t, const struct token *one)
{
    const struct token *next = one + 1;
    size_t i = (size_t)(next - t->list);
    if (!follows(t, i) || !next->capital || next->out) {
        return false;
    }
    bool joined_on = follows(t, i + 1), more = joined_on && t->list[i + 1].capital;
    bool unlisted = IS(next, LIST_GIVEN_WEAK) ||
                    (joined_on && IS(&t->list[i + 1], LIST_OPENING) && may_be_name(t, i));
    return IS(next, LIST_GIVEN) || IS(next, LIST_SURNAME) || (unlisted && !more);
}

/* "the patient Mary Jones", but not "Patient Safety Week"; no letter of "P.A.D.". */
static bool is_title(const struct tokens *t, const struct token *one)
{
    bool point = one->word.end < t->text.n && t->text.p[one->word.end] == '.';
    bool inside = one->initial && one->word.at > 0 && t->text.p[one->word.at - 1] == '.';
    bool title = IS(one, LIST_TITLE) && !one->out && !inside && (point || !one->initial);
    return title || (IS(one, LIST_PATIENT) && (!one->capital || is_known_behind(t, one)));
}

/* St. John's, the Mary Jones Hospital: the words from i to before `behind`. */
static bool is_of_place(const struct tokens *t, size_t i, size_t behind)
{
    bool before = i > 0 && IS(&t->list[i - 1], LIST_PLACE) &&
                  joined(t->text, t->list[i - 1].word, t->list[i].word);
    bool inside = IS(&t->list[i], LIST_PLACE) || IS(&t->list[behind - 1], LIST_PLACE);
    return before || inside || (follows(t, behind) && IS(&t->list[behind], LIST_PLACE));
}

/* Behind "von", "de la" and the like, if a name comes there: the token of that; otherwise i. */
static size_t behind_particles(const struct tokens *t, size_t i)
{
    size_t end = i;
    while (end < t->n && IS(&t->list[end], LIST_PARTICLE) && follows(t, end + 1)) {
        end++;
    }
    return end > i && is_name_word(&t->list[end]) ? end : i;
}

/* Behind a title, degrees and initials comes a name. Returns the token behind what was read. */
static size_t titled(const struct tokens *t, size_t i, struct list_facts *f)
{
    bool title = false, degree = false;
    for (; i < t->n; i++) {
        const struct token *one = &t->list[i];
        if (!is_title(t, one) && !IS(one, LIST_DEGREE) && !one->initial) {
            break;
        }
        title |= is_title(t, one);
        degree |= IS(one, LIST_DEGREE);
        if (!follows(t, i + 1)) {
            return i + 1;
        }
    }
    if (!title && !degree) {
        return i;
    }
    i = behind_particles(t, i);
    size_t begin = i;
    while (i < t->n && is_name_word(&t->list[i]) && (i == begin || follows(t, i))) {
        i++;
    }
    /* "mrs kaplan" */
    bool small = i == begin && t->hasty && i < t->n && IS(&t->list[i - 1], LIST_TITLE);
    small = small && !t->list[i - 1].initial && !is_shouted(t, i - 1); /* DNA is no Dña */
    small = small && !t->list[i].out && !t->list[i].initial;
    i += small;
    bool somebody = i > begin && !is_of_place(t, begin, i);
    f->name |= title && somebody;
    f->doctor |= !title && somebody;
    return i;
}

/* "the ADA guidelines": capitals between words that are none. */
static bool is_acronym(const struct tokens *t, size_t i)
{
    return is_shouted(t, i) && !is_shouted(t, i + 1) && (i == 0 || !is_shouted(t, i - 1));
}

/* Exactly these octets stand between the token before i and i. */
static bool parted_by(const struct tokens *t, size_t i, const char *between)
{
    return i > 0 && i < t->n &&
           str_eq(str_slice(t->text, t->list[i - 1].word.end, t->list[i].word.at), str_c(between));
}

/* "for Hernandez, Luis" and "seen: Girardot Lucien": a surname before the given name. */
static bool is_turned(const struct tokens *t, size_t i)
{
    const struct token *one = &t->list[i];
    size_t next = i + 1;
    if (next >= t->n || !IS(&t->list[next], LIST_GIVEN) || !t->list[next].capital ||
        IS(one, LIST_PLACE) || i == 0) {
        return IS(one, LIST_SURNAME) && parted_by(t, next, ", ") &&
               IS(&t->list[next], LIST_GIVEN) && t->list[next].capital;
    }
    bool begins_line = t->text.p[one->word.at - 1] == '\n';
    bool inside = t->text.p[one->word.at - 1] == '(' || (follows(t, i) && !t->list[i - 1].capital);
    return (parted_by(t, next, " ") && !begins_line) ||
           (parted_by(t, next, ", ") && (inside || IS(one, LIST_SURNAME)));
}

/* In two cells beside each other, parted by exactly one sign: "Baker;Tom", "\"Baker\",\"Tom\"". */
static bool is_cell_behind(const struct tokens *t, size_t i)
{
    size_t signs = 0, blanks = 0, quotes = 0;
    size_t at = t->list[i].word.end, end = i + 1 < t->n ? t->list[i + 1].word.at : at;
    for (size_t k = at; k < end; k++) {
        char c = t->text.p[k];
        signs += c == ';' || c == ',' || c == '\t' || c == '|';
        blanks += c == ' ' && !(k > at && t->text.p[k - 1] == '|') &&
                  !(k + 1 < end && t->text.p[k + 1] == '|');
        quotes += c == '"';
        if (!strchr(";,\t| \"", c)) {
            return false;
        }
    }
    return signs == 1 && blanks == 0 && (quotes == 0 || quotes == 2);
}

/* A given name and a surname in two cells of a table. */
static bool is_in_cells(const struct tokens *t, size_t i)
{
    const struct token *one = &t->list[i], *next = one + 1;
    if (!is_cell_behind(t, i) || !one->capital || !next->capital || next->out) {
        return false;
    }
    bool first = IS(one, LIST_GIVEN_WEAK) || may_be_name(t, i),
         second = IS(next, LIST_GIVEN_WEAK) || may_be_name(t, i + 1);
    return (IS(next, LIST_GIVEN) && first) || (IS(one, LIST_GIVEN) && second);
}

/* Without its capital only what is no word as well. */
static bool is_known_name(const struct token *one)
{
    return one->capital
               ? IS(one, LIST_GIVEN) || IS(one, LIST_GIVEN_WEAK) || IS(one, LIST_SURNAME)
               : !IS(one, LIST_GIVEN_WEAK) && (IS(one, LIST_GIVEN) || IS(one, LIST_SURNAME));
}

/* "Uncle Desmond", "kollege brandner", "her son, Dmitri Volkovich": returns the token behind, or
 * i. */
static size_t related(const struct tokens *t, size_t i, struct list_facts *f)
{
    const struct token *one = &t->list[i];
    size_t next = i + 1;
    bool comma = parted_by(t, next, ", "), blank = parted_by(t, next, " ");
    if ((!IS(one, LIST_RELATION) && (one->capital || !IS(one, LIST_ROLE))) || (!comma && !blank)) {
        return i;
    }
    const struct token *name = &t->list[next];
    bool two =
        parted_by(t, next + 1, " ") && is_name_word(name) && is_name_word(&t->list[next + 1]);
    if (name->out || is_of_place(t, next, next + 1 + two) || (comma && !two)) {
        return i;
    }
    bool is_name = is_known_name(name) && (name->capital || blank);
    /* "kollege brandner": in a sentence without capitals also a name that no list has */
    enum { UNKNOWN_MIN = 5 };
    bool unknown = t->hasty && blank && IS(one, LIST_RELATION) && name->bits == 0 &&
                   name->word.end - name->word.at >= UNKNOWN_MIN;
    f->name |= is_name || two;
    f->given |= is_name_word(name) || unknown;
    return is_name || is_name_word(name) || unknown ? next + 1 + two : i;
}

/* A name in a sentence without capitals. */
static size_t small_name(const struct tokens *t, size_t i, struct list_facts *f)
{
    enum { SHORTEST = 4 };
    const struct token *one = &t->list[i];
    if (one->out || one->capital || !IS(one, LIST_GIVEN) ||
        one->word.end - one->word.at < SHORTEST) {
        return i + 1;
    }
    bool more = parted_by(t, i + 1, " ") && is_known_name(&t->list[i + 1]) && !t->list[i + 1].out;
    f->name |= more;
    f->given |= !more;
    return i + 1 + more;
}

/* "Jan 2014", "April 12": what a number follows is a month, not Jan. */
static bool is_month(const struct tokens *t, size_t i)
{
    char c = follows(t, i + 1) ? t->text.p[t->list[i + 1].word.at] : 0;
    return c >= '0' && c <= '9';
}

/* "X-ray Brinkmann: pneumonia": a surname alone, behind a finding and before a colon. */
static bool lists_is_headed(const struct tokens *t, size_t i)
{
    size_t end = t->list[i].word.end;
    return parted_by(t, i, " ") && t->list[i - 1].out && end < t->text.n && t->text.p[end] == ':';
}

/* A given name, with or without a name behind it; or a name before a surname. */
static size_t untitled(const struct tokens *t, size_t i, struct list_facts *f)
{
    const struct token *one = &t->list[i];
    size_t next = i + 1;
    if (!one->capital || is_acronym(t, i) || is_month(t, i)) {
        return next;
    }
    while (follows(t, next) && t->list[next].initial && t->list[next].capital) {
        next++;
    }
    size_t surname_at = follows(t, next) ? behind_particles(t, next) : next; /* "Uta von Stein" */
    next = surname_at < t->n && IS(&t->list[surname_at], LIST_SURNAME) ? surname_at : next;
    bool more = follows(t, next) && is_name_word(&t->list[next]);
    if (is_of_place(t, i, next + more)) {
        return next + more;
    }
    if (is_turned(t, i) || is_in_cells(t, i)) {
        f->name = true;
        return i + 2;
    }
    bool given = IS(one, LIST_GIVEN) || IS(one, LIST_GIVEN_WEAK);
    bool surname = more && IS(&t->list[next], LIST_SURNAME) && !one->initial;
    if (parted_by(t, next, "-") && more && parted_by(t, next + 1, " ") && t->list[next + 1].out) {
        return next + 1; /* Lambert-Eaton syndrome */
    }
    f->name |= (given && (more || next > i + 1)) || surname;
    enum { ALONE_MIN = 3 }; /* "Es malo" is no Es */
    bool alone = !more && next == i + 1 && one->word.end - one->word.at >= ALONE_MIN;
    f->given |= IS(one, LIST_GIVEN) && alone;
    f->given |= IS(one, LIST_SURNAME) && !more && lists_is_headed(t, i);
    return (given && more) || surname ? next + 1 : next;
}

/* "NSAIDs", "HbA1c": no capitals and digits stand within names. */
static bool is_spelt_as_name(struct str word)
{
    for (size_t i = 1; i < word.n; i++) {
        bool digit = word.p[i] >= '0' && word.p[i] <= '9';
        bool capital = word.p[i] >= 'A' && word.p[i] <= 'Z';
        if (digit || (capital && word.p[i - 1] != '\'')) {
            return false;
        }
    }
    return true;
}

/* A capital, and no list of words that are no names has it. */
static bool may_be_name(const struct tokens *t, size_t i)
{
    enum { SHORTEST = 3 };
    const struct token *one = &t->list[i];
    struct str word = str_slice(t->text, one->word.at, one->word.end);
    uint64_t names = 1u << LIST_GIVEN | 1u << LIST_SURNAME;
    bool other = one->bits & ~names;
    return is_name_word(one) && !other && word.n >= SHORTEST && is_spelt_as_name(word);
}

static bool is_written_large(const struct tokens *t, size_t i)
{
    return word_is_capital(str_slice(t->text, t->list[i].word.at, t->list[i].word.end));
}

/* "Zbyniek Orel has", "because Zbyniek has": no list has the name. */
static bool is_unknown_name(const struct tokens *t, size_t i)
{
    if (!may_be_name(t, i)) {
        return false;
    }
    size_t next = i + 1;
    next += i + 2 < t->n && t->list[next].initial && t->list[next].capital; /* Siobhan O'Dwyer */
    bool joined = i > 0 && is_written_large(t, i - 1) && follows(t, i);
    bool more = follows(t, i + 1) && t->list[i + 1].capital;
    bool pair = more && follows(t, next) && may_be_name(t, next) && (!joined || t->nouns);
    bool third = pair && follows(t, next + 1) && t->list[next + 1].capital;
    third = third && !may_be_name(t, next + 1);
    bool inside = parted_by(t, i, " ") || parted_by(t, i, ", ");
    bool place = is_of_place(t, i, pair ? next + 1 : i + 1); /* the Chaddock reflex */
    return !place && ((pair && !third) || (inside && !joined && !more && !t->nouns));
}

/* "Study Suggests Aspirin Lowers Risk": in a headline every word looks like a name. */
static bool is_headline(const struct tokens *t)
{
    enum { LEAST = 6 };
    size_t words = 0, capitals = 0, shouted = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct str one = str_slice(t->text, t->list[i].word.at, t->list[i].word.end);
        bool counts = !(one.p[0] >= '0' && one.p[0] <= '9');
        words += counts;
        capitals += counts && t->list[i].capital;
        shouted += counts && word_is_shouted(one);
    }
    return words >= LEAST && capitals * 5 > words * 4 && shouted * 2 < words;
}

/* All words that have a capital are short forms, but for the first one. */
static bool is_hasty(const struct tokens *t)
{
    enum { LEAST = 4 };
    for (size_t i = 1; i < t->n; i++) {
        if (t->list[i].capital && !is_shouted(t, i)) {
            return false;
        }
    }
    return t->n >= LEAST;
}

/* Reads one name or word at i; returns the token behind it. */
static size_t find_name(const struct tokens *t, size_t i, bool headline, struct list_facts *f)
{
    size_t behind = titled(t, i, f);
    behind = behind > i || headline ? behind : related(t, i, f);
    if (behind > i || headline) {
        return behind > i ? behind : i + 1;
    }
    behind = t->hasty && !t->list[i].capital ? small_name(t, i, f) : untitled(t, i, f);
    f->unknown = !f->name && !f->given && !f->doctor && is_unknown_name(t, i);
    return behind;
}

static void find_names(struct tokens *t, struct list_facts *f)
{
    bool headline = is_headline(t);
    for (size_t i = 0; i < t->n;) {
        struct list_facts one = {0};
        size_t behind = find_name(t, i, headline, &one);
        for (; i < behind; i++) {
            t->list[i].person = one.name || one.given || one.doctor || one.unknown;
        }
        f->name |= one.name;
        f->given |= one.given;
        f->doctor |= one.doctor;
        f->unknown |= one.unknown;
    }
}

/* The words from the place to the person next to it, in steps of +1 or -1, and their lists. Before
 * the place "she" is a person as well. Returns how many; LISTS_ALONE: nobody is there. */
static unsigned lists_walk(const struct tokens *t, size_t i, int step, uint64_t *lists)
{
    unsigned words = 0;
    for (; i < t->n; i += (size_t)step) { /* from 0 down it wraps */
        const struct token *one = &t->list[i];
        if (one->person || (step < 0 && IS(one, LIST_THIRD))) {
            return words;
        }
        words += !one->out;
        *lists |= one->bits | one->phrases;
    }
    return LISTS_ALONE;
}

/* A comma or the like stands between token i and the next. */
static bool is_parted(const struct tokens *t, size_t i)
{
    struct str between = str_slice(t->text, t->list[i].word.end, t->list[i + 1].word.at);
    for (size_t k = 0; k < between.n; k++) {
        if (strchr(",;:()", between.p[k])) {
            return true;
        }
    }
    return false;
}

/* Owen Price says nothing of prices. */
static uint64_t bits_around(const struct token *one)
{
    return one->person ? 0 : one->bits | one->phrases;
}

/* "the asthma clinic rota", "a talk about asthma": the lists of the words beside token i. */
static uint64_t find_around(const struct tokens *t, size_t i)
{
    enum { BEFORE = 4, BEHIND = 3 };
    uint64_t lists = 0;
    for (size_t k = i; k > 0 && i - k < BEFORE && !is_parted(t, k - 1); k--) {
        lists |= bits_around(&t->list[k - 1]);
    }
    while (i + 1 < t->n && t->list[i + 1].out && !is_parted(t, i)) {
        i++;
    }
    for (size_t k = i; k + 1 < t->n && k - i < BEHIND && !is_parted(t, k); k++) {
        lists |= bits_around(&t->list[k + 1]);
    }
    return lists;
}

/* Who the place is told of: whoever fewer words stand between. */
static void find_between(const struct tokens *t, size_t at, struct list_facts *f)
{
    size_t i = 0;
    uint64_t before = 0, behind = 0;
    while (i < t->n && t->list[i].word.end <= at) {
        i++;
    }
    f->around = i < t->n ? find_around(t, i) : 0;
    /* i - 1 of 0: past the end */
    f->apart = i < t->n ? lists_walk(t, i - 1, -1, &before) : LISTS_ALONE;
    unsigned right = i < t->n ? lists_walk(t, i + 1, 1, &behind) : LISTS_ALONE;
    f->between = right < f->apart ? behind : before;
    f->between = f->apart == LISTS_ALONE && right == LISTS_ALONE ? 0 : f->between;
    f->apart = right < f->apart ? right : f->apart;
}

/* Words that are neither of a person nor of a finding nor of a note's; numbers do not count. */
static unsigned count_others(const struct tokens *t)
{
    unsigned others = 0;
    for (size_t i = 0; i < t->n; i++) {
        char c = t->text.p[t->list[i].word.at];
        others += !t->list[i].person && !t->list[i].out && !IS(&t->list[i], LIST_NOTE) &&
                  !(c >= '0' && c <= '9');
    }
    return others;
}

/* --- facts -------------------------------------------------------------- */

/* Phrases of two and three words that end at the last token. */
static uint64_t phrase_bits(const struct lists *l, const struct tokens *t)
{
    char form[FORM_MAX];
    uint64_t bits = 0;
    for (size_t words = 2; words <= PHRASE_MAX && words <= t->n; words++) {
        size_t count, from = t->list[t->n - words].word.at, to = t->list[t->n - 1].word.end;
        bool may = t->list[t->n - words].phrase;
        size_t n = may ? words_fold(str_slice(t->text, from, to), form, sizeof form, &count) : 0;
        bits |= n > 0 && count == words ? bits_of(l, form, n) : 0;
    }
    return bits;
}

/* "(2014", "(2014a": what is cited has a year behind its authors. */
static bool is_cited_year(struct str text, struct word w)
{
    enum { YEAR = 4 };
    bool brackets = w.at > 0 && text.p[w.at - 1] == '(' && w.end - w.at >= YEAR;
    struct str century = brackets ? str_slice(text, w.at, w.at + 2) : STR("");
    uint64_t year;
    return (str_eq(century, STR("19")) || str_eq(century, STR("20"))) && w.end - w.at <= YEAR + 1 &&
           str_to_u64(str_slice(text, w.at, w.at + YEAR), 2100, &year) == 0;
}

struct list_facts lists_facts(const struct lists *l, struct str text, struct str names, size_t at)
{
    struct tokens t = {.text = text};
    struct list_facts f = {0};
    struct word w = {0, 0};
    char form[FORM_MAX];
    while (t.n < ARRAY_LEN(t.list) && word_next(text, w.end, &w)) {
        struct str one = str_slice(text, w.at, w.end);
        size_t n = word_fold(one, form, sizeof form - 1);
        struct token token = {.word = w, .capital = word_is_capital(one), .initial = n == 1};
        token.bits = n > 0 ? word_bits(l, form, n) : 0;
        token.bits |= is_cited_year(text, w) ? (uint64_t)1 << LIST_CITED : 0;
        token.phrase = n > 0 && (n < BEGINNING_MIN || lists_is_noted(l->phrases, form));
        t.list[t.n++] = token;
        t.list[t.n - 1].phrases = phrase_bits(l, &t);
        f.lists |= token.bits | t.list[t.n - 1].phrases;
    }
    t.hasty = is_hasty(&t);
    t.nouns = f.lists >> LIST_NOUNS & 1;
    for (size_t i = 0; i < t.n; i++) {
        t.list[i].out = names.p[t.list[i].word.at] == '#';
        t.list[i].capital = t.list[i].capital && !t.list[i].out;
    }
    find_names(&t, &f);
    find_between(&t, at, &f);
    f.others = count_others(&t);
    return f;
}

bool lists_greets(const struct lists *l, struct str text)
{
    enum { LINES = 8, LONGEST = 80 };
    struct str line;
    for (int i = 0; i < LINES && str_split(&text, '\n', &line); i++) {
        struct str begin = str_slice(line, 0, line.n < LONGEST ? line.n : LONGEST);
        struct list_facts f = lists_facts(l, begin, begin, begin.n);
        if (f.lists >> LIST_GREETING & 1 && (f.name || f.given || f.unknown)) {
            return true;
        }
    }
    return false;
}

bool lists_has(const struct lists *l, unsigned list, struct str word)
{
    char form[FORM_MAX];
    size_t n = word_fold(word, form, sizeof form - 1);
    return n > 0 && word_bits(l, form, n) >> list & 1;
}

bool lists_opens(const struct lists *l, struct str text)
{
    struct word w;
    return word_next(text, 0, &w) && lists_has(l, LIST_OPENING, str_slice(text, w.at, w.end));
}

bool lists_goes_on(const struct lists *l, struct str text, size_t end, unsigned list)
{
    enum { WORDS = 2 };
    char form[FORM_MAX];
    struct word w = {end, end};
    for (int i = 0; i < WORDS && word_next(text, w.end, &w) && w.at == end + 1 &&
                    (text.p[end] == ' ' || text.p[end] == '\n');
         i++) {
        struct str one = str_slice(text, w.at, w.end);
        size_t n = word_fold(one, form, sizeof form - 1);
        if (!word_is_capital(one)) {
            break;
        }
        if (n > 0 && word_bits(l, form, n) >> list & 1) {
            return true;
        }
        end = w.end;
    }
    return false;
}

/* --- sentences ---------------------------------------------------------- */

/* The octets before a point that may be short for something, back to one of `stops`. */
static struct str short_form(struct str text, size_t point, const char *stops)
{
    enum { LONGEST = 12 };
    size_t from = point, at = point > LONGEST ? point - LONGEST : 0;
    while (from > at && !strchr(stops, text.p[from - 1])) {
        from--;
    }
    return str_slice(text, from, point);
}

/* "Mrs.", "geb.", "J." and "7.": no sentence ends there. */
static bool is_abbreviation(const struct lists *l, struct str text, size_t point)
{
    char form[FORM_MAX];
    size_t n = word_fold(short_form(text, point, " \t\r\n(,;"), form, sizeof form);
    bool digits = n > 0 && n <= 2 && form[0] >= '0' && form[0] <= '9';
    bool letters = n > 2 && form[n - 2] == '.'; /* "z.B.", "e.g." */
    if (n == 1 || letters || digits) {
        return true;
    }
    /* "SUMMARY:Mr.", "<td>Mr." */
    n = word_fold(short_form(text, point, " \t\r\n(,;:=<>[]{}|/\\\"'*_"), form, sizeof form);
    uint64_t bits = n > 0 ? bits_of(l, form, n) : 0;
    return bits & (1u << LIST_TITLE | 1u << LIST_DEGREE | 1u << LIST_ABBREVIATION);
}

/* Behind the marks that close what was said: "I am gone." (she said so.) */
static size_t behind_closing(struct str text, size_t at)
{
    static const struct str marks[] = {
        {"\"", 1},           {"'", 1},        {")", 1}, {"\xe2\x80\x9d", 3}, {"\xe2\x80\x9c", 3},
        {"\xe2\x80\x99", 3}, {"\xc2\xbb", 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (str_starts_nocase(str_slice(text, at, text.n), marks[i])) {
            return at + marks[i].n;
        }
    }
    return at;
}

/* Nothing but blanks stands between `at` and the end of its line. */
static bool is_blank_line(struct str text, size_t at)
{
    while (at < text.n && (text.p[at] == ' ' || text.p[at] == '\t' || text.p[at] == '\r')) {
        at++;
    }
    return at >= text.n || text.p[at] == '\n';
}

/* Does a sentence end with the octet at `at`? */
static bool ends_sentence(const struct lists *l, struct str text, size_t at)
{
    char c = text.p[at], next = at + 1 < text.n ? text.p[at + 1] : '\n';
    if (c == '\n') {
        bool wrote = at > 0 && text.p[at - 1] == ':' && next == '>'; /* "Mary Moore wrote:" */
        return wrote || is_blank_line(text, at + 1);
    }
    if (c != '.' && c != '!' && c != '?') {
        return false;
    }
    size_t behind = behind_closing(text, at + 1);
    if (behind < text.n && !strchr(" \t\r\n", text.p[behind])) {
        return false;
    }
    return c != '.' || !is_abbreviation(l, text, at);
}

struct str lists_sentence(const struct lists *l, struct str text, size_t at, size_t *ret_from)
{
    size_t from = at, to = at;
    size_t least = at > REACH ? at - REACH : 0, most = at + REACH < text.n ? at + REACH : text.n;
    while (from > least && !ends_sentence(l, text, from - 1)) {
        from--;
    }
    while (to < most && !ends_sentence(l, text, to)) {
        to++;
    }
    *ret_from = from;
    return str_slice(text, from, to);
}
