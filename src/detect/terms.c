/* SPDX-License-Identifier: Apache-2.0
 * terms.c: the dictionary. Most words of a text begin no term: a table of bits says so before
 * the map is asked.
 */
#include "detect/terms.h"
#include "base/map.h"

#include <stdlib.h>

enum {
    TERMS_MAX = 200000,
    BITS = 1 << 17,
    LONG_BITS = 1 << 20,
    GAP_MAX = 3 /* octets between two words of a term */
};

struct terms {
    struct map *forms;  /* a folded term -> its first struct term_use */
    struct map *firsts; /* a folded word -> the most words of a term that begins with it */
    struct map *endings;
    unsigned char begins[BITS / 8];      /* by hash: words that begin a term */
    unsigned char longer[LONG_BITS / 8]; /* by hash: two words and more that begin a term */
    unsigned char ends[BITS / 8];        /* by the last three letters: endings */
    size_t endings_min, endings_max;
};

struct terms *terms_new(void)
{
    struct terms *t = err_calloc(1, sizeof *t);
    t->forms = map_new(TERMS_MAX);
    t->firsts = map_new(TERMS_MAX);
    t->endings = map_new(TERMS_MAX);
    t->endings_min = TERM_ENDING_MAX;
    return t;
}

static void free_uses(struct map *m)
{
    struct str key;
    void *value;
    size_t cursor = 0;
    while (map_next(m, &cursor, &key, &value)) {
        for (struct term_use *use = value, *next; use; use = next) {
            next = use->next;
            free(use->written);
            free(use);
        }
    }
    map_free(m);
}

void terms_free(struct terms *t)
{
    if (t) {
        free_uses(t->forms);
        free_uses(t->endings);
        map_free(t->firsts);
        free(t);
    }
}

static unsigned whole_hash(const char *p, size_t n)
{
    unsigned h = 2166136261u;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    }
    return h ^ h >> 15;
}

static unsigned terms_hash_of(const char *p, size_t n)
{
    return whole_hash(p, n) % BITS;
}

static void terms_set(unsigned char *bits, unsigned at)
{
    bits[at / 8] |= (unsigned char)(1u << at % 8);
}

static bool is_set(const unsigned char *bits, unsigned at)
{
    return bits[at / 8] >> at % 8 & 1;
}

static int add_use(struct map *m, struct str form, const struct term_use *one)
{
    struct term_use *use = err_calloc(1, sizeof *use), *others = map_get(m, form);
    *use = *one;
    use->next = others;
    int r = map_put(m, form, use);
    if (r < 0) {
        free(use->written);
        free(use);
    }
    return r;
}

int terms_add(struct terms *t, struct str term, const struct detect_type *type, enum term_kind kind)
{
    char form[TERM_FORM_MAX];
    size_t words = 0, n = words_fold(term, form, sizeof form, &words);
    if (n == 0 || words > TERM_WORDS_MAX) {
        return -EINVAL;
    }
    struct str first = str_slice(str_from(form, n), 0, str_find(str_from(form, n), ' ', 0));
    uintptr_t most = (uintptr_t)map_get(t->firsts, first);
    int r = words > most ? map_put(t->firsts, first, (void *)(uintptr_t)words) : 0;
    if (r < 0) {
        return r;
    }
    terms_set(t->begins, terms_hash_of(first.p, first.n));
    for (size_t end = first.n; end < n;) {
        end = str_find(str_from(form, n), ' ', end + 1);
        terms_set(t->longer, whole_hash(form, end) % LONG_BITS);
    }
    return add_use(t->forms, str_from(form, n),
                   &(struct term_use){
                       .type = type,
                       .kind = kind,
                       .written = kind == TERM_EXACT ? str_dup(term) : NULL,
                   });
}

int terms_add_ending(struct terms *t, struct str ending, const struct detect_type *type)
{
    char form[TERM_FORM_MAX];
    size_t words = 0, n = words_fold(ending, form, sizeof form, &words);
    if (n < TERM_ENDING_MIN || n > TERM_ENDING_MAX || words != 1) {
        return -EINVAL;
    }
    t->endings_min = n < t->endings_min ? n : t->endings_min;
    t->endings_max = n > t->endings_max ? n : t->endings_max;
    terms_set(t->ends, terms_hash_of(form + n - TERM_ENDING_MIN, TERM_ENDING_MIN));
    return add_use(t->endings, str_from(form, n),
                   &(struct term_use){.type = type, .kind = TERM_PLAIN});
}

/* "Nierensteinen", "polyps": the word without an ending of the plural or of a case, when the
 * dictionary has that. */
static const struct term_use *find_inflected(const struct terms *t, const char *form, size_t n)
{
    static const char *const endings[] = {"s", "n", "e", "es", "en", "er", "em"};
    enum { STEM_MIN = 5 };
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t k = strlen(endings[i]);
        if (n >= STEM_MIN + k && memcmp(form + n - k, endings[i], k) == 0 &&
            is_set(t->begins, terms_hash_of(form, n - k))) {
            const struct term_use *use = map_get(t->forms, str_from(form, n - k));
            if (use) {
                return use;
            }
        }
    }
    return NULL;
}

/* The longest of the endings that the folded word has. */
static const struct term_use *find_ending(const struct terms *t, const char *form, size_t n)
{
    if (n <= TERM_ENDING_MIN ||
        !is_set(t->ends, terms_hash_of(form + n - TERM_ENDING_MIN, TERM_ENDING_MIN))) {
        return NULL;
    }
    for (size_t k = n - 1 < t->endings_max ? n - 1 : t->endings_max; k >= t->endings_min; k--) {
        const struct term_use *use = map_get(t->endings, str_from(form + n - k, k));
        if (use) {
            return use;
        }
    }
    return NULL;
}

/* Adds up to `most` words behind the first to the form, as long as a term begins so; where each
 * ends in it, and in the text. Returns their number. */
static size_t gather(const struct terms *t, struct str text, struct word w, size_t most,
                     char form[TERM_FORM_MAX], size_t *lengths, size_t *ends)
{
    size_t words = 1, n = lengths[0];
    ends[0] = w.end;
    while (words < most) {
        size_t before = w.end;
        if (n + 2 > TERM_FORM_MAX || !word_next(text, before, &w) || w.at - before > GAP_MAX) {
            break;
        }
        form[n++] = ' ';
        size_t one = word_fold(str_slice(text, w.at, w.end), form + n, TERM_FORM_MAX - n);
        if (one == 0) {
            break;
        }
        n += one;
        if (!is_set(t->longer, whole_hash(form, n) % LONG_BITS)) {
            break;
        }
        lengths[words] = n;
        ends[words++] = w.end;
    }
    return words;
}

const struct term_use *terms_find(const struct terms *t, struct str text, struct word w,
                                  size_t *ret_end)
{
    char form[TERM_FORM_MAX];
    size_t lengths[TERM_WORDS_MAX], ends[TERM_WORDS_MAX];
    size_t n = lengths[0] = word_fold(str_slice(text, w.at, w.end), form, sizeof form);
    *ret_end = w.end;
    if (n == 0) {
        return NULL;
    }
    size_t most = is_set(t->begins, terms_hash_of(form, n))
                      ? (uintptr_t)map_get(t->firsts, str_from(form, n))
                      : 0;
    for (size_t words = most > 0 ? gather(t, text, w, most, form, lengths, ends) : 0; words > 0;
         words--) {
        const struct term_use *use = map_get(t->forms, str_from(form, lengths[words - 1]));
        if (use) {
            *ret_end = ends[words - 1];
            return use;
        }
    }
    const struct term_use *use = find_inflected(t, form, n);
    return use ? use : find_ending(t, form, n);
}
