/* SPDX-License-Identifier: Apache-2.0
 * vectors.c: runs the test vectors that stand in the packs, and tells which kinds and patterns
 * of kinds have none.
 *
 * {36 A-Za-z0-9} in a vector stands for 36 characters of that class, drawn anew for each of a
 * few rounds and the same in each run: packs hold no text that looks like a key in use. Called
 * by detect_packs_test() and, for the form of vectors, by pack.c.
 */
#include "detect/pack.h"

#include <stdlib.h>

enum { ROUNDS = 4, CLASS_MAX = 128, DRAWN_MAX = 4000 };

/* --- what a vector says ------------------------------------------------- */

/* "A-Za-z0-9_-": its characters; 0: it is no class. */
static size_t vectors_read_class(struct str class, char *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < class.n; i++) {
        bool range = i + 2 < class.n && class.p[i + 1] == '-';
        unsigned char from = (unsigned char)class.p[i],
                      to = (unsigned char)class.p[range ? i + 2 : i];
        if (from <= ' ' || to >= 127 || from > to || n + to - from >= CLASS_MAX) {
            return 0;
        }
        for (unsigned c = from; c <= to; c++) {
            ret[n++] = (char)c;
        }
        i += range ? 2 : 0;
    }
    return n;
}

/* xorshift (Marsaglia, 2003): the same on each machine. */
static uint32_t draw(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static uint32_t seed_of(struct str text, unsigned number)
{
    uint32_t seed = 2166136261U + number;
    for (size_t i = 0; i < text.n; i++) {
        seed = (seed ^ (unsigned char)text.p[i]) * 16777619U;
    }
    return seed ? seed : 1;
}

/* "36 A-Za-z0-9" */
static int add_drawn(struct str inside, uint32_t *state, struct buf *out)
{
    char class[CLASS_MAX];
    struct str number;
    uint64_t n = 0;
    if (!str_split(&inside, ' ', &number) || str_to_u64(number, DRAWN_MAX, &n) < 0) {
        return -EINVAL;
    }
    size_t size = vectors_read_class(inside, class);
    int r = size ? 0 : -EINVAL;
    for (; n > 0 && r == 0; n--) {
        r = buf_append(out, &class[draw(state) % size], 1);
    }
    return r;
}

static bool is_drawn(struct str text, size_t at)
{
    size_t i = at + 1;
    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9') {
        i++;
    }
    return text.p[at] == '{' && i > at + 1 && i < text.n && text.p[i] == ' ';
}

int detect_vector_text(struct str text, unsigned number, struct buf *out)
{
    uint32_t state = seed_of(text, number);
    int r = 0;
    for (size_t at = 0; at < text.n && r == 0; at++) {
        size_t end = is_drawn(text, at) ? str_find(text, '}', at) : at;
        if (end == text.n) {
            return -EINVAL;
        }
        r = end > at ? add_drawn(str_slice(text, at + 1, end), &state, out)
                     : buf_append(out, text.p + at, 1);
        at = end;
    }
    return r;
}

/* --- running ------------------------------------------------------------ */

static bool is_found(const struct detect_packs *p, const struct vector *v, struct str words)
{
    const struct detect_text text = {words, DETECT_BODY};
    struct detect_result result;
    bool found = false;
    detect_scan(p, &text, 1, &result);
    if (v->type) {
        for (size_t i = 0; i < result.n; i++) {
            found |=
                result.findings[i].type == v->type && result.findings[i].score >= DETECT_MEDIUM;
        }
    } else {
        found = rule_holds(p->rules[v->rule].when, &result);
    }
    detect_result_free(&result);
    return found;
}

/* The patterns of its kind that match a good vector, whatever else its type finds there. */
static bool note_reached(const struct vector *v, struct str words, bool *reached)
{
    bool any = v->kind == 0;
    for (size_t i = 0; v->kind && i < v->type->n_patterns; i++) {
        size_t at, n;
        if (v->type->patterns[i].kind == v->kind &&
            pattern_find(v->type->patterns[i].pattern, words, 0, &at, &n) == 1) {
            reached[v->type->index * PATTERNS_MAX + i] = any = true;
        }
    }
    return any;
}

static const char *title_of(const struct detect_packs *p, const struct vector *v)
{
    return v->kind ? p->kinds[v->kind - 1].title : v->type ? v->type->name : p->rules[v->rule].name;
}

static int run_vector(const struct detect_packs *p, const struct vector *v, bool *reached,
                      struct buf *problems)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        CLEANUP(buf_free) struct buf words = BUF_INIT(64 * 1024);
        must(detect_vector_text(str_c(v->text), round, &words) == 0);
        bool right = is_found(p, v, buf_str(&words)) == v->good,
             own = !v->good || note_reached(v, buf_str(&words), reached);
        if (!right || !own) {
            (void)!buf_printf(problems, "%s: %s: %s: " STR_FMT "\n", v->place, title_of(p, v),
                              right     ? "no pattern of its kind finds it"
                              : v->good ? "should be found and is not"
                                        : "should not be found and is",
                              STR_ARG(buf_str(&words)));
            return -EINVAL;
        }
        if (str_eq(buf_str(&words), str_c(v->text))) { /* nothing is drawn */
            break;
        }
    }
    return 0;
}

/* Each kind has a vector that is found and one that is not; each of its patterns finds one of
 * them. */
static int test_kind(const struct detect_packs *p, unsigned number, const bool *reached,
                     struct buf *problems)
{
    const struct kind *k = &p->kinds[number - 1];
    bool has[2] = {false, false};
    int r = 0;
    for (size_t i = 0; i < p->n_vectors; i++) {
        has[p->vectors[i].good] |= p->vectors[i].kind == number;
    }
    for (int good = 0; good < 2; good++) {
        if (!has[good]) {
            r = -EINVAL;
            (void)!buf_printf(problems, "%s: %s: has no vector \"%s\"\n", k->place, k->title,
                              good ? "good" : "bad");
        }
    }
    for (size_t i = 0; i < k->type->n_patterns; i++) {
        if (k->type->patterns[i].kind == number && !reached[k->type->index * PATTERNS_MAX + i]) {
            r = -EINVAL;
            (void)!buf_printf(problems, "%s: %s: no vector \"good\" needs pattern %zu of %s\n",
                              k->place, k->title, i + 1, k->type->name);
        }
    }
    return r;
}

int detect_packs_test(const struct detect_packs *p, struct buf *problems)
{
    bool *reached = err_calloc(TYPES_MAX * PATTERNS_MAX, sizeof *reached);
    int r = 0;
    for (size_t i = 0; i < p->n_vectors; i++) {
        r = run_vector(p, &p->vectors[i], reached, problems) < 0 ? -EINVAL : r;
    }
    for (size_t i = 0; i < p->n_kinds; i++) {
        r = test_kind(p, (unsigned)i + 1, reached, problems) < 0 ? -EINVAL : r;
    }
    free(reached);
    return r;
}
