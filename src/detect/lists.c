/* SPDX-License-Identifier: Apache-2.0
 * lists.c: words in lists, names of people, sentences.
 */
#include "detect/lists.h"
#include "base/map.h"

#include <stdlib.h>

enum {
    WORDS_MAX = 120000, PHRASE_MAX = 3, FORM_MAX = 120, BEGINNING_MIN = 3,
    REACH = LISTS_SENTENCE_MAX / 2, /* octets of a sentence before and behind a place */
};

struct lists {
    struct map *words; /* a folded word, phrase or "beginning*" -> the bits of its lists */
    char *names[LISTS_MAX];
    unsigned n;
};

static const char *const known[LISTS_KNOWN] = {"given", "given-weak", "surname", "title", "degree", "abbreviation", "place",
                                          "patient", "relation", "role"};

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
        form[n++] = '*';
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
    for (size_t k = BEGINNING_MIN; k <= n; k++) {
        char after = form[k];
        form[k] = '*';
        bits |= bits_of(l, form, k + 1);
        form[k] = after;
    }
    return bits;
}

/* --- names ------------------------------------------------------------------------------------------------------ */

struct token {
    struct word word;
    uint64_t bits;
    bool capital, initial; /* one letter */
    bool out; /* crossed out: no name */
};

#define IS(token, list) ((token)->bits >> (list) & 1)

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
};

static bool follows(const struct tokens *t, size_t i)
{
    return i < t->n && joined(t->text, t->list[i - 1].word, t->list[i].word);
}

/* "the patient Mary Jones", but not "Patient Safety Week". */
static bool is_title(const struct tokens *t, const struct token *one)
{
    bool point = one->word.end < t->text.n && t->text.p[one->word.end] == '.';
    return (IS(one, LIST_TITLE) && (point || !one->initial)) || (IS(one, LIST_PATIENT) && !one->capital);
}

/* St. John's, the Mary Jones Hospital: the words from i to before `behind`. */
static bool is_of_place(const struct tokens *t, size_t i, size_t behind)
{
    bool before = i > 0 && IS(&t->list[i - 1], LIST_PLACE) && joined(t->text, t->list[i - 1].word, t->list[i].word);
    bool inside = IS(&t->list[i], LIST_PLACE) || IS(&t->list[behind - 1], LIST_PLACE);
    return before || inside || (follows(t, behind) && IS(&t->list[behind], LIST_PLACE));
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
    size_t begin = i;
    while (i < t->n && is_name_word(&t->list[i]) && (i == begin || follows(t, i))) {
        i++;
    }
    bool small = i == begin && t->hasty && i < t->n && IS(&t->list[i - 1], LIST_TITLE) && !t->list[i - 1].initial; /* "mrs kaplan" */
    small = small && !t->list[i].out && !t->list[i].initial;
    i += small;
    f->name |= title && i > begin && !is_of_place(t, begin, i);
    return i;
}

static bool is_shouted(const struct tokens *t, size_t i)
{
    return i < t->n && word_is_shouted(str_slice(t->text, t->list[i].word.at, t->list[i].word.end));
}

/* "the ADA guidelines": capitals between words that are none. */
static bool is_acronym(const struct tokens *t, size_t i)
{
    return is_shouted(t, i) && !is_shouted(t, i + 1) && (i == 0 || !is_shouted(t, i - 1));
}

/* Exactly these octets stand between the token before i and i. */
static bool parted_by(const struct tokens *t, size_t i, const char *between)
{
    return i > 0 && i < t->n && str_eq(str_slice(t->text, t->list[i - 1].word.end, t->list[i].word.at), str_c(between));
}

/* "for Hernandez, Luis" and "seen: Girardot Lucien": a surname before the given name. */
static bool is_turned(const struct tokens *t, size_t i)
{
    const struct token *one = &t->list[i];
    size_t next = i + 1;
    if (next >= t->n || !IS(&t->list[next], LIST_GIVEN) || !t->list[next].capital || IS(one, LIST_PLACE) || i == 0) {
        return IS(one, LIST_SURNAME) && parted_by(t, next, ", ") && IS(&t->list[next], LIST_GIVEN) && t->list[next].capital;
    }
    bool begins_line = t->text.p[one->word.at - 1] == '\n';
    bool inside = t->text.p[one->word.at - 1] == '(' || (follows(t, i) && !t->list[i - 1].capital);
    return (parted_by(t, next, " ") && !begins_line) || (parted_by(t, next, ", ") && (inside || IS(one, LIST_SURNAME)));
}

/* Without its capital only what is no word as well. */
static bool is_known_name(const struct token *one)
{
    return one->capital ? IS(one, LIST_GIVEN) || IS(one, LIST_GIVEN_WEAK) || IS(one, LIST_SURNAME)
                        : !IS(one, LIST_GIVEN_WEAK) && (IS(one, LIST_GIVEN) || IS(one, LIST_SURNAME));
}

/* "Uncle Desmond", "kollege brandner", "her son, Dmitri Volkovich": returns the token behind, or i. */
static size_t related(const struct tokens *t, size_t i, struct list_facts *f)
{
    const struct token *one = &t->list[i];
    size_t next = i + 1;
    bool comma = parted_by(t, next, ", "), blank = parted_by(t, next, " ");
    if ((!IS(one, LIST_RELATION) && (one->capital || !IS(one, LIST_ROLE))) || (!comma && !blank)) {
        return i;
    }
    const struct token *name = &t->list[next];
    bool two = parted_by(t, next + 1, " ") && is_name_word(name) && is_name_word(&t->list[next + 1]);
    if (name->out || is_of_place(t, next, next + 1 + two) || (comma && !two)) {
        return i;
    }
    bool is_name = is_known_name(name) && (name->capital || blank);
    enum { UNKNOWN_MIN = 5 }; /* "kollege brandner": in a sentence without capitals also a name that no list has */
    bool unknown = t->hasty && blank && IS(one, LIST_RELATION) && name->bits == 0 && name->word.end - name->word.at >= UNKNOWN_MIN;
    f->name |= is_name || two;
    f->given |= is_name_word(name) || unknown;
    return is_name || is_name_word(name) || unknown ? next + 1 + two : i;
}

/* A name in a sentence without capitals. */
static size_t small_name(const struct tokens *t, size_t i, struct list_facts *f)
{
    enum { SHORTEST = 4 };
    const struct token *one = &t->list[i];
    if (one->out || one->capital || !IS(one, LIST_GIVEN) || one->word.end - one->word.at < SHORTEST) {
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
static bool is_headed(const struct tokens *t, size_t i)
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
    bool more = follows(t, next) && is_name_word(&t->list[next]);
    if (is_of_place(t, i, next + more)) {
        return next + more;
    }
    if (is_turned(t, i)) {
        f->name = true;
        return i + 2;
    }
    bool given = IS(one, LIST_GIVEN) || IS(one, LIST_GIVEN_WEAK);
    bool surname = more && IS(&t->list[next], LIST_SURNAME) && !one->initial;
    f->name |= (given && (more || next > i + 1)) || surname;
    f->given |= IS(one, LIST_GIVEN) && !more && next == i + 1;
    f->given |= IS(one, LIST_SURNAME) && !more && is_headed(t, i);
    return (given && more) || surname ? next + 1 : next;
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

static void find_names(const struct tokens *t, struct list_facts *f)
{
    bool headline = is_headline(t);
    for (size_t i = 0; i < t->n;) {
        size_t behind = titled(t, i, f);
        behind = behind > i || headline ? behind : related(t, i, f);
        if (behind > i || headline) {
            i = behind > i ? behind : i + 1;
        } else {
            i = t->hasty && !t->list[i].capital ? small_name(t, i, f) : untitled(t, i, f);
        }
    }
}

/* --- facts ------------------------------------------------------------------------------------------------------- */

/* Phrases of two and three words that end at the last token. */
static uint64_t phrase_bits(const struct lists *l, const struct tokens *t)
{
    char form[FORM_MAX];
    uint64_t bits = 0;
    for (size_t words = 2; words <= PHRASE_MAX && words <= t->n; words++) {
        size_t count, from = t->list[t->n - words].word.at, to = t->list[t->n - 1].word.end;
        size_t n = words_fold(str_slice(t->text, from, to), form, sizeof form, &count);
        bits |= n > 0 && count == words ? bits_of(l, form, n) : 0;
    }
    return bits;
}

struct list_facts lists_facts(const struct lists *l, struct str text, struct str names)
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
        t.list[t.n++] = token;
        f.lists |= token.bits | phrase_bits(l, &t);
    }
    t.hasty = is_hasty(&t);
    for (size_t i = 0; i < t.n; i++) {
        t.list[i].out = names.p[t.list[i].word.at] == '#';
        t.list[i].capital = t.list[i].capital && !t.list[i].out;
    }
    find_names(&t, &f);
    return f;
}

bool lists_goes_on(const struct lists *l, struct str text, size_t end, unsigned list)
{
    enum { WORDS = 2 };
    char form[FORM_MAX];
    struct word w = {end, end};
    for (int i = 0; i < WORDS && word_next(text, w.end, &w) && w.at == end + 1 && (text.p[end] == ' ' || text.p[end] == '\n'); i++) {
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

/* --- sentences --------------------------------------------------------------------------------------------------- */

/* "Mrs.", "geb.", "J." and "7.": no sentence ends there. */
static bool is_abbreviation(const struct lists *l, struct str text, size_t point)
{
    char form[FORM_MAX];
    enum { LONGEST = 12 };
    size_t from = point, at = point > LONGEST ? point - LONGEST : 0;
    while (from > at && !strchr(" \t\r\n(,;", text.p[from - 1])) {
        from--;
    }
    struct str word = str_slice(text, from, point);
    size_t n = word_fold(word, form, sizeof form - 1);
    bool digits = n > 0 && n <= 2 && form[0] >= '0' && form[0] <= '9';
    uint64_t bits = n > 0 ? bits_of(l, form, n) : 0;
    bool letters = n > 2 && form[n - 2] == '.'; /* "z.B.", "e.g." */
    return n == 1 || letters || digits || bits & (1u << LIST_TITLE | 1u << LIST_DEGREE | 1u << LIST_ABBREVIATION);
}

/* Behind the marks that close what was said: "I am gone." (she said so.) */
static size_t behind_closing(struct str text, size_t at)
{
    static const struct str marks[] = {{"\"", 1}, {"'", 1}, {")", 1}, {"\xe2\x80\x9d", 3}, {"\xe2\x80\x9c", 3}, {"\xe2\x80\x99", 3}, {"\xc2\xbb", 2}};
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
