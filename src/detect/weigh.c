/* SPDX-License-Identifier: Apache-2.0
 * weigh.c: the sum of what stands in a sentence. Words count once, however often they stand there.
 */
#include "detect/weigh.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum {
    TENS = 10,
    WORDS_MAX = 60000,
    FOLDED_MAX = 64,
    WEIGHING_MAX = LISTS_SENTENCE_MAX,
    PAIR_MAX = 2 * WEIGH_FORM + 1,
    NUMBERS_MAX = WEIGH_WHOS * WEIGH_TYPES_MAX
};
_Static_assert((int)PAIR_MAX < (int)WEIGH_ROOM, "a pair fits");

struct weights {
    struct map *words; /* the form, or two with a blank between -> its number in `word` + 1 */
    int word[WORDS_MAX];
    bool hint[WORDS_MAX];
    unsigned n;
    int fixed[WEIGH_WORD][NUMBERS_MAX]; /* of all other kinds, by the number of what weighs */
};

static const char *const names[WEIGH_KINDS] = {
    "always", "name", "given", "unknown", "doctor", "before", "score",
    "length", "who",  "list",  "type",    "meets",  "word",   "pair",
};
static const char *const whos[WEIGH_WHOS] = {"named", "you", "own", "third", "nobody"};

const char *weigh_kind_name(enum weigh_kind kind)
{
    return names[kind];
}

const char *weigh_who_name(enum weigh_who who)
{
    return whos[who];
}

unsigned weigh_meeting(enum weigh_who who, unsigned type)
{
    return (unsigned)who * WEIGH_TYPES_MAX + type;
}

struct weights *weights_new(void)
{
    struct weights *w = err_calloc(1, sizeof *w);
    w->words = map_new(WORDS_MAX);
    return w;
}

void weights_free(struct weights *w)
{
    if (w) {
        map_free(w->words);
        free(w);
    }
}

/* Octets of the form that counts; 0: none. Numbers are all one. */
static size_t form_of(struct str word, char dst[FOLDED_MAX])
{
    bool number = true;
    size_t n = word_fold(str_slice(word, 0, word.n < FOLDED_MAX - 2 ? word.n : FOLDED_MAX - 2), dst,
                         FOLDED_MAX);
    for (size_t i = 0; i < n; i++) {
        number &= dst[i] >= '0' && dst[i] <= '9';
    }
    if (number && n > 0) {
        dst[0] = '0';
        return 1;
    }
    n = n < WEIGH_FORM ? n : WEIGH_FORM;
    return n > 0 && dst[n - 1] == '\'' ? n - 1 : n; /* couldn't */
}

/* The form of so many words, with a blank between; 0: they are not so many. */
static size_t forms_of(struct str words, unsigned count, char dst[WEIGH_ROOM])
{
    char form[FOLDED_MAX];
    struct word w = {0, 0};
    size_t n = 0, end = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!word_next(words, w.end, &w) || w.at != end + (i > 0)) {
            return 0;
        }
        end = w.end;
        size_t one = form_of(str_slice(words, w.at, w.end), form);
        if (one == 0) {
            return 0;
        }
        dst[n] = ' ';
        n += i > 0;
        memcpy(dst + n, form, one);
        n += one;
    }
    return end == words.n ? n : 0;
}

/* The number of the words, made when they are new. */
static int weigh_number_of(struct weights *w, struct str words, unsigned count)
{
    char forms[WEIGH_ROOM];
    size_t n = forms_of(words, count, forms);
    if (n == 0) {
        return -EINVAL;
    }
    unsigned known = (unsigned)(uintptr_t)map_get(w->words, str_from(forms, n));
    if (known > 0) {
        return (int)known - 1;
    }
    if (w->n == WORDS_MAX) {
        return -ENOSPC;
    }
    int r = map_put(w->words, str_from(forms, n), (void *)(uintptr_t)(w->n + 1));
    return r < 0 ? r : (int)w->n++;
}

int weights_add_hint(struct weights *w, struct str word)
{
    int number = weigh_number_of(w, word, 1);
    if (number >= 0) {
        w->hint[number] = true;
    }
    return number < 0 ? number : 0;
}

/* How many may weigh of a kind; none given: words. */
static const unsigned numbers[WEIGH_KINDS] = {
    [WEIGH_ALWAYS] = 1,
    [WEIGH_NAME] = 1,
    [WEIGH_GIVEN] = 1,
    [WEIGH_UNKNOWN] = 1,
    [WEIGH_DOCTOR] = 1,
    [WEIGH_BEFORE] = 1,
    [WEIGH_SCORE] = TENS + 1,
    [WEIGH_LENGTH] = TENS + 1,
    [WEIGH_WHO] = WEIGH_WHOS,
    [WEIGH_LIST] = LISTS_MAX,
    [WEIGH_TYPE] = WEIGH_TYPES_MAX,
    [WEIGH_MEETS] = NUMBERS_MAX,
};

int weights_add(struct weights *w, enum weigh_kind kind, unsigned number, struct str word,
                int hundredths)
{
    if (abs(hundredths) > WEIGH_MAX) {
        return -EINVAL;
    }
    if (kind == WEIGH_WORD || kind == WEIGH_PAIR) {
        int at = weigh_number_of(w, word, kind == WEIGH_PAIR ? 2 : 1);
        if (at >= 0) {
            w->word[at] = hundredths;
        }
        return at < 0 ? at : 0;
    }
    if (kind >= WEIGH_KINDS || number >= numbers[kind]) {
        return -EINVAL;
    }
    w->fixed[kind][number] = hundredths;
    return 0;
}

/* The word is part of somebody's name. */
static bool weigh_is_name(const struct lists *lists, struct str word)
{
    return word_is_capital(word) &&
           (lists_has(lists, LIST_GIVEN, word) || lists_has(lists, LIST_SURNAME, word));
}

static enum weigh_who weigh_who_is_there(const struct list_facts *f)
{
    return f->name || f->given          ? WHO_IS_NAMED
           : f->lists >> LIST_YOU & 1   ? WHO_IS_YOU
           : f->lists >> LIST_OWN & 1   ? WHO_IS_OWN
           : f->lists >> LIST_THIRD & 1 ? WHO_IS_THIRD
                                        : WHO_IS_NOBODY;
}

typedef void (*weigh_fn)(void *arg, enum weigh_kind kind, unsigned number, struct str word);

static void each_fact(const struct weighed *sentence, weigh_fn fn, void *arg)
{
    const struct list_facts *f = &sentence->facts;
    const bool facts[] = {true, f->name, f->given, f->unknown, f->doctor, sentence->named_before};
    enum weigh_who who = weigh_who_is_there(f);
    for (unsigned i = 0; i < ARRAY_LEN(facts); i++) {
        if (facts[i]) {
            fn(arg, (enum weigh_kind)i, 0, STR(""));
        }
    }
    for (unsigned ten = 1; ten * TENS <= sentence->score; ten++) {
        fn(arg, WEIGH_SCORE, ten, STR(""));
    }
    fn(arg, WEIGH_WHO, who, STR(""));
    for (unsigned i = 0; i < LISTS_MAX; i++) {
        if (f->lists >> i & 1) {
            fn(arg, WEIGH_LIST, i, STR(""));
        }
    }
    for (unsigned i = 0; i < WEIGH_TYPES_MAX; i++) {
        if (sentence->types[i]) {
            fn(arg, WEIGH_TYPE, i, STR(""));
            fn(arg, WEIGH_MEETS, weigh_meeting(who, i), STR(""));
        }
    }
}

/* Words, the pairs of them, and tens of them; the last word but one stands at the beginning of
 * `pair`. */
static void each_word(const struct lists *lists, struct str text, weigh_fn fn, void *arg)
{
    char form[FOLDED_MAX], pair[WEIGH_ROOM];
    unsigned words = 0;
    size_t before = 0;
    for (struct word w = {0, 0}; word_next(text, w.end, &w);) {
        words++;
        if (words % TENS == 0 && words <= TENS * TENS) {
            fn(arg, WEIGH_LENGTH, words / TENS, STR(""));
        }
        struct str word = str_slice(text, w.at, w.end);
        size_t n = form_of(word, form);
        if (n == 0 || weigh_is_name(lists, word)) {
            continue;
        }
        fn(arg, WEIGH_WORD, 0, str_from(form, n));
        if (before > 0) {
            pair[before] = ' ';
            memcpy(pair + before + 1, form, n);
            fn(arg, WEIGH_PAIR, 0, str_from(pair, before + 1 + n));
        }
        memcpy(pair, form, n);
        before = n;
    }
}

void weigh_each(const struct lists *lists, const struct weighed *sentence,
                void (*fn)(void *arg, enum weigh_kind kind, unsigned number, struct str word),
                void *arg)
{
    each_fact(sentence, fn, arg);
    each_word(lists, sentence->text, fn, arg);
}

/* The words that weigh, each once. */
struct sum {
    const struct weights *weights;
    int total;
    unsigned words[WEIGHING_MAX], n;
};

static void add_once(struct sum *s, struct str form)
{
    unsigned number = (unsigned)(uintptr_t)map_get(s->weights->words, form);
    for (unsigned i = 0; i < s->n; i++) {
        number = s->words[i] == number ? 0 : number;
    }
    if (number > 0 && s->n < WEIGHING_MAX) {
        s->words[s->n++] = number;
        s->total += s->weights->word[number - 1];
    }
}

static void add_weight(void *arg, enum weigh_kind kind, unsigned number, struct str word)
{
    struct sum *s = arg;
    if (kind < WEIGH_WORD) {
        s->total += s->weights->fixed[kind][number];
    } else {
        add_once(s, word);
    }
}

bool weights_matter(const struct weights *w, const struct weighed *sentence)
{
    for (unsigned i = 0; i < WEIGH_TYPES_MAX; i++) {
        if (sentence->types[i] && w->fixed[WEIGH_TYPE][i] != 0) {
            return true;
        }
    }
    char form[FOLDED_MAX];
    for (struct word one = {0, 0}; word_next(sentence->text, one.end, &one);) {
        size_t n = form_of(str_slice(sentence->text, one.at, one.end), form);
        unsigned number = n > 0 ? (unsigned)(uintptr_t)map_get(w->words, str_from(form, n)) : 0;
        if (number > 0 && w->hint[number - 1]) {
            return true;
        }
    }
    return false;
}

int weights_sum(const struct weights *w, const struct lists *lists, const struct weighed *sentence)
{
    struct sum s = {.weights = w};
    weigh_each(lists, sentence, add_weight, &s);
    return s.total;
}
