/* SPDX-License-Identifier: Apache-2.0
 * scan.c: looks for everything the packs know in the texts of one message.
 *
 * For each text: normalise, find candidates (patterns, dictionary), judge each (check, context,
 * sample), then let the strongest and longest of overlapping ones stand. Called through
 * detect_scan() by the `postern detect` command.
 *
 * What can go wrong: limits. They end the search of one type or text and set `incomplete`.
 */
#include "detect/pack.h"
#include "detect/sentences.h"
#include "base/clock.h"

#include <stdlib.h>

enum {
    TEXT_MAX = 64 * 1024 * 1024,
    WORDS_FOUND_MAX = 100000, /* of one type's context in one text */
    MATCHES_MAX = 200000,     /* of one pattern in one text */
    LINE_MAX = 8192,          /* a longer line is no line of a table */
    CELL_MAX = 200,
    HEADING_LINES_MAX = 20000,
    /* octets that are looked at in the time that a candidate takes, and a link */
    JUDGED = 500,
    LINKED = 5000,
};

struct places {
    size_t *at;
    size_t n;
    bool known;
};

/* What it costs, over all texts: the clock is asked now and then. */
struct watch {
    int64_t until_ms;
    size_t work;
    bool over;
};

struct scan {
    struct watch *watch;
    const struct detect_packs *packs;
    struct detect_result *result;
    struct str text;
    unsigned index;
    struct detect_quotations quotations;
    struct detect_finding *found; /* candidates in this text */
    size_t n, cap;
    bool literals[LITERALS_SETS_MAX]; /* literals.h: which stand in this text */
    struct places context[TYPES_MAX];
    struct {
        size_t from, to, heading; /* lines of one table, and its first */
        char separator;
    } table;
};

/* True when it costs too much; work: octets that were looked at since the last question. */
static bool is_over(struct scan *s, size_t work)
{
    enum { ASK_AFTER = 256 * 1024 };
    struct watch *w = s->watch;
    w->work += work;
    if (w->work >= ASK_AFTER && !w->over) {
        w->work = 0;
        w->over = clock_cpu_ms() > w->until_ms;
    }
    s->result->incomplete |= w->over;
    return w->over;
}

/* --- context ------------------------------------------------------------ */

static void find_context(struct scan *s, const struct detect_type *t)
{
    struct places *p = &s->context[t->index];
    size_t at = 0, n = 0, from = 0;
    p->known = true;
    for (;;) {
        int r = pattern_find(t->context, s->text, from, &at, &n);
        if (r <= 0 || p->n == WORDS_FOUND_MAX) {
            s->result->incomplete |= r != 0;
            return;
        }
        if ((p->n & (p->n - 1)) == 0) {
            p->at = realloc(p->at, (p->n ? p->n * 2 : 1) * sizeof *p->at);
            must(p->at);
        }
        p->at[p->n++] = at;
        from = at + (n ? n : 1);
    }
}

/* The first of the places at or after `from`; SIZE_MAX: none. */
static size_t place_after(const struct places *p, size_t from)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->at[middle] < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < p->n ? p->at[low] : SIZE_MAX;
}

/* A word of the type's context within the window of [at, end). */
static bool is_near(const struct places *p, size_t window, size_t at, size_t end)
{
    size_t place = place_after(p, at > window ? at - window : 0);
    return place != SIZE_MAX && place <= end + window;
}

/* Empty when it is longer than LINE_MAX: looking for its ends again and again would take too
 * long. */
static struct str line_around(struct str text, size_t at, size_t *ret_from)
{
    size_t least = at > LINE_MAX ? at - LINE_MAX : 0;
    struct str near = str_slice(text, 0, at + LINE_MAX < text.n ? at + LINE_MAX : text.n);
    const char *before = memrchr(text.p + least, '\n', at - least);
    size_t from = before ? (size_t)(before - text.p) + 1 : least;
    size_t end = str_find(near, '\n', at);
    *ret_from = from;
    bool whole = (from == 0 || text.p[from - 1] == '\n') && (end < near.n || near.n == text.n);
    return whole ? str_slice(text, from, end) : str_slice(text, from, from);
}

static size_t scan_count_of(struct str line, char c)
{
    size_t n = 0;
    for (size_t at = str_find(line, c, 0); at < line.n; at = str_find(line, c, at + 1)) {
        n++;
    }
    return n;
}

/* What parts the cells of a line; 0: it is no line of a table. */
static char separator_of(struct str line)
{
    static const char kinds[] = {'\t', ';', '|', ','};
    for (size_t i = 0; i < sizeof kinds; i++) {
        if (scan_count_of(line, kinds[i]) >= (kinds[i] == '\t' ? 1 : 2)) {
            return kinds[i];
        }
    }
    return 0;
}

/* The table around a place: the lines above that are parted in the same way; the first has the
 * headings. */
static bool find_table(struct scan *s, size_t at)
{
    size_t from;
    if (at >= s->table.from && at < s->table.to) {
        return true;
    }
    struct str line = line_around(s->text, at, &from);
    char separator = separator_of(line);
    if (!separator) {
        return false;
    }
    size_t top = from, end = from + line.n;
    for (unsigned i = 0; i < HEADING_LINES_MAX && top > 0; i++) {
        size_t above;
        struct str before = line_around(s->text, top - 1, &above);
        before = str_slice(s->text, above, top - 1);
        if (separator_of(before) != separator) {
            break;
        }
        top = above;
    }
    s->table.from = from;
    s->table.heading = top;
    s->table.separator = separator;
    while (end < s->text.n) { /* the lines below belong to it, too: they need not look again */
        size_t next = str_find(s->text, '\n', end + 1);
        if (separator_of(str_slice(s->text, end + 1, next)) != separator) {
            break;
        }
        end = next;
    }
    s->table.to = end;
    return true;
}

static struct str cell(struct str line, char separator, size_t column)
{
    struct str rest = line, part = STR("");
    bool more = true;
    for (size_t i = 0; i <= column && more; i++) {
        more = str_split(&rest, separator, &part);
    }
    return more ? str_slice(part, 0, part.n < CELL_MAX ? part.n : CELL_MAX) : STR("");
}

/* The heading of the column says what the number is. */
static bool scan_is_headed(struct scan *s, const struct detect_type *t, size_t at)
{
    size_t from, heading_at, found, n;
    if (!find_table(s, at)) {
        return false;
    }
    (void)line_around(s->text, at, &from);
    if (from == s->table.heading) {
        return false;
    }
    struct str heading = line_around(s->text, s->table.heading, &heading_at);
    struct str one = cell(heading, s->table.separator,
                          scan_count_of(str_slice(s->text, from, at), s->table.separator));
    return one.n > 0 && pattern_find(t->context, one, 0, &found, &n) == 1;
}

/* The end of the last match of the pattern in the octets before a number; 0: none. */
static size_t last_before(struct scan *s, const struct pattern *pattern, size_t at)
{
    size_t from = at > DETECT_LABEL ? at - DETECT_LABEL : 0, last = 0, found, n;
    struct str before = str_slice(s->text, 0, at);
    while (pattern_find(pattern, before, from, &found, &n) == 1) {
        last = found + n;
        from = found + (n ? n : 1);
    }
    return last;
}

/* "reference 123456789": named as something else, with no word of its own kind as near, before
 * or after. */
static bool is_named_otherwise(struct scan *s, const struct detect_type *t, size_t at, size_t end)
{
    size_t other = s->packs->against ? last_before(s, s->packs->against, at) : 0;
    size_t after = place_after(&s->context[t->index], end);
    bool own_after = other > 0 && after != SIZE_MAX && after - end <= at - other;
    return other > 0 && !own_after && last_before(s, t->context, at) < other;
}

/* A word of the type's context is near, or heads the column. */
static bool is_spoken_of(struct scan *s, const struct detect_type *t, size_t at, size_t n)
{
    if (!t->context) {
        return false;
    }
    if (!s->context[t->index].known) {
        find_context(s, t);
    }
    return is_near(&s->context[t->index], t->window, at, at + n) || scan_is_headed(s, t, at);
}

/* --- judging ------------------------------------------------------------ */

static bool scan_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z') ||
           (unsigned char)c >= 0x80;
}

/* Stars for all but the last four letters and digits (of short values the last two, of words the
 * first two). */
static void mask(struct str value, bool is_word, char dst[DETECT_MASKED])
{
    size_t total = 0, seen = 0, n = 0;
    for (size_t i = 0; i < value.n; i++) {
        total += scan_is_alnum(value.p[i]);
    }
    size_t shown = total < 8 ? 2 : 4;
    for (size_t i = 0; i < value.n && n < DETECT_MASKED - 1; i++) {
        char c = value.p[i];
        bool open = !scan_is_alnum(c) || (is_word ? seen < 2 : seen + shown >= total);
        seen += scan_is_alnum(c);
        dst[n++] = (unsigned char)c < 0x20 || (unsigned char)c >= 0x7f ? '.' : open ? c : '*';
    }
    dst[n] = '\0';
}

/* The value without the signs people part it with, for telling equal ones and samples. */
static struct str scan_bare(struct str value, char dst[128])
{
    size_t n = 0;
    for (size_t i = 0; i < value.n && n < 128; i++) {
        if (scan_is_alnum(value.p[i])) {
            dst[n++] = str_lower(value.p[i]);
        }
    }
    return str_from(dst, n);
}

static bool is_sample(const struct detect_type *t, struct str value)
{
    for (size_t i = 0; i < t->n_samples; i++) {
        if (str_eq_nocase(value, t->samples[i])) {
            return true;
        }
    }
    return false;
}

static void scan_keep(struct scan *s, const struct detect_finding *f)
{
    if (s->n >= DETECT_FINDINGS_MAX) {
        s->result->incomplete = true;
        return;
    }
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->found = realloc(s->found, s->cap * sizeof *s->found);
        must(s->found);
    }
    s->found[s->n++] = *f;
}

/* What may be a number of the type: where it stands, and what its pattern says of it. */
struct candidate {
    size_t at, n;
    unsigned score;
    enum groups groups;
    bool is_word;
};

/* Its check fits: perhaps without its last groups, words or numbers behind it that were taken
 * for groups of it. */
static bool passes(struct scan *s, const struct detect_type *t, struct candidate *c)
{
    enum { SHORTEST = 8 };
    for (;;) {
        struct str value = str_slice(s->text, c->at, c->at + c->n);
        if (groups_fit(c->groups, s->text, c->at, c->n) && t->check(value)) {
            return true;
        }
        size_t shorter =
            c->groups == GROUPS_NONE ? str_find_last(value, ' ') : groups_without_last(value);
        if (shorter >= c->n || shorter <= SHORTEST) {
            return false;
        }
        c->n = shorter;
    }
}

/* The end of a number of the type just before `at`; 0: there is none. */
static size_t scan_end_before(const struct scan *s, const struct detect_type *t, size_t at)
{
    enum { LOOK_AT = 64, FAR = 80 };
    size_t end = 0;
    for (size_t i = s->n; i-- > 0 && s->n - i <= LOOK_AT;) {
        size_t one = s->found[i].at + s->found[i].n;
        end = s->found[i].type == t && one <= at && at - one < FAR && one > end ? one : end;
    }
    return end;
}

/* False: it is no number of the type. *ret_n: what need not be looked at again. */
static bool scan_judge(struct scan *s, const struct detect_type *t, struct candidate c,
                       size_t *ret_n)
{
    enum { SAMPLE_SCORE = 20, ROW_SCORE = 45 };
    char plain[128];
    enum groups_place place = GROUPS_ALONE;
    *ret_n = c.groups == GROUPS_NONE ? c.n : groups_first(str_slice(s->text, c.at, c.at + c.n));
    struct detect_finding f = {.type = t, .text = s->index, .at = c.at};
    if (t->check) {
        if (!passes(s, t, &c)) {
            return false;
        }
        f.checked = true;
        c.score = c.score > t->checked_score ? c.score : t->checked_score;
    }
    if (c.groups != GROUPS_NONE) {
        place = groups_place(s->text, scan_end_before(s, t, c.at), c.at, c.n);
        if (place == GROUPS_PART) {
            return false;
        }
    }
    *ret_n = f.n = c.n;
    bool spoken_of = is_spoken_of(s, t, c.at, c.n);
    f.context = spoken_of && !is_named_otherwise(s, t, c.at, c.at + c.n);
    if (place == GROUPS_IN_ROW && !spoken_of && c.score > ROW_SCORE) {
        c.score = ROW_SCORE;
    }
    if (t->needs_context && !f.context) {
        return true;
    }
    struct str value = str_slice(s->text, c.at, c.at + c.n), same = scan_bare(value, plain);
    c.score += f.context ? t->context_score : 0;
    f.sample = is_sample(t, same);
    c.score = f.sample && c.score > SAMPLE_SCORE ? SAMPLE_SCORE : c.score;
    f.score = (unsigned char)(c.score < 100 ? c.score : 100);
    f.quoted = detect_is_quoted(&s->quotations, c.at);
    f.same = map_hash(same);
    mask(value, c.is_word, f.masked);
    scan_keep(s, &f);
    return true;
}

static void try_patterns(struct scan *s, const struct detect_type *t)
{
    for (size_t i = 0; i < t->n_patterns; i++) {
        size_t from = 0, at, n, matches = 0;
        int literals = t->patterns[i].literals;
        bool may_stand = literals < 0 || s->literals[literals];
        while (may_stand && from <= s->text.n && !is_over(s, from == 0 ? s->text.n : JUDGED)) {
            int r = pattern_find(t->patterns[i].pattern, s->text, from, &at, &n);
            if (r <= 0 || matches > MATCHES_MAX) {
                s->result->incomplete |= r != 0;
                break;
            }
            if (n > 0) {
                /* columns of numbers look like groups: they cost little */
                enum groups groups = t->patterns[i].groups;
                matches +=
                    scan_judge(s, t, (struct candidate){at, n, t->patterns[i].score, groups, false},
                               &n) ||
                    groups == GROUPS_NONE;
            }
            from = at + (n ? n : 1);
        }
    }
}

/* --- dictionary --------------------------------------------------------- */

/* In a line of capitals "AIDS" may be "aids": the words beside it tell. */
static bool is_shouted_around(struct str text, size_t at, size_t end)
{
    enum { BESIDE = 40 };
    struct word w = {0, 0}, before = {0, 0};
    struct str left = str_slice(text, at > BESIDE ? at - BESIDE : 0, at);
    while (word_next(left, w.end, &w)) {
        before = w;
    }
    bool after =
        word_next(str_slice(text, 0, end + BESIDE < text.n ? end + BESIDE : text.n), end, &w);
    return word_is_shouted(str_slice(left, before.at, before.end)) ||
           (after && word_is_shouted(str_slice(text, w.at, w.end)));
}

/* Words of addresses ("http://host/allergy", "anna@std.example") are no terms. */
static bool is_in_address(struct str text, size_t at)
{
    enum { LONGEST = 120 };
    size_t from = at, least = at > LONGEST ? at - LONGEST : 0, end = at;
    while (from > least && !strchr(" \t\r\n<>\"'()", text.p[from - 1])) {
        from--;
    }
    while (end < text.n && end < at + LONGEST && !strchr(" \t\r\n<>\"'()", text.p[end])) {
        end++;
    }
    struct str whole = str_slice(text, from, end);
    size_t colon = str_find(whole, ':', 0);
    bool scheme = colon + 2 < whole.n && whole.p[colon + 1] == '/' && whole.p[colon + 2] == '/';
    return scheme || str_find(whole, '@', 0) < whole.n || str_starts_nocase(whole, STR("www."));
}

/* "Dolores Vega": a given name before a name is no pain. */
static bool is_given_name(const struct lists *l, struct str text, size_t at, size_t end)
{
    struct str word = str_slice(text, at, end);
    struct word next;
    return word_is_capital(word) && word_next(text, end, &next) && next.at == end + 1 &&
           text.p[end] == ' ' && word_is_capital(str_slice(text, next.at, next.end)) &&
           lists_has(l, LIST_GIVEN, word);
}

static bool is_meant(const struct lists *l, struct str text, const struct term_use *use, size_t at,
                     size_t end)
{
    if (use->kind == TERM_NOT || is_in_address(text, at) || is_given_name(l, text, at, end)) {
        return false;
    }
    if (use->kind == TERM_PLAIN) {
        return true;
    }
    return use->kind == TERM_EXACT && str_eq(str_slice(text, at, end), str_c(use->written)) &&
           !is_shouted_around(text, at, end);
}

static void try_terms(struct scan *s)
{
    struct word w = {0, 0};
    while (word_next(s->text, w.end, &w) && !is_over(s, w.end - w.at)) {
        size_t end;
        for (const struct term_use *use = terms_find(s->packs->terms, s->text, w, &end);
             use && !is_over(s, JUDGED); use = use->next) {
            size_t n = end - w.at;
            if (is_meant(s->packs->lists, s->text, use, w.at, end)) {
                (void)scan_judge(s, use->type,
                                 (struct candidate){w.at, n, use->type->phrase_score, GROUPS_NONE,
                                                    true},
                                 &n);
            }
        }
        w.end = end > w.end ? end : w.end;
    }
}

/* --- links -------------------------------------------------------------- */

/* Says of a finding what the link makes of it. */
static void keep_linked(struct scan *s, const struct detect_type *t,
                        const struct detect_finding *about, int score)
{
    struct detect_finding f = *about;
    f.type = t;
    f.score = (unsigned char)(score < 100 ? score : 100);
    f.checked = f.context = false;
    scan_keep(s, &f);
}

/* What the link says of each of the n findings, by place; scores: room for n. It is kept where
 * it is sure: of records, and of all sentences where they are not weighed. */
static void read_link(struct scan *s, const struct detect_type *t,
                      const struct detect_finding *findings, size_t n, unsigned char *scores)
{
    for (size_t i = 0; i < n && !is_over(s, LINKED); i++) {
        bool labelled = false;
        if (findings[i].score >= DETECT_MEDIUM) {
            scores[i] = (unsigned char)link_score(t->link, s->packs->lists, s->text, findings, n, i,
                                                  &labelled);
        }
        if (scores[i] >= DETECT_MEDIUM && (labelled || !t->weights)) {
            keep_linked(s, t, &findings[i], scores[i]);
        }
    }
}

/* What stands for a sentence: the finding in it with the highest score, or all of it. */
static void keep_sentence(struct scan *s, const struct detect_type *t, const struct sentences *all,
                          struct str text, int score)
{
    if (all->strongest < all->finding) {
        keep_linked(s, t, &all->findings[all->strongest], score);
        return;
    }
    struct detect_finding f = {
        .text = s->index,
        .at = all->now.from,
        .n = text.n,
        .same = map_hash(text),
    };
    f.quoted = detect_is_quoted(&s->quotations, f.at);
    mask(text, true, f.masked);
    keep_linked(s, t, &f, score);
}

/* Each sentence with something in it that weighs: the whole of it decides. */
static void try_weights(struct scan *s, const struct detect_type *t,
                        const struct detect_finding *findings, size_t n,
                        const unsigned char *scores)
{
    struct sentences all = {
        .lists = s->packs->lists,
        .text = s->text,
        .findings = findings,
        .scores = scores,
        .n = n,
    };
    struct weighed one;
    while (sentences_next(&all, &one) && !is_over(s, one.text.n)) {
        bool asked = s->packs->on_sentence, matters = !asked && weights_matter(t->weights, &one);
        if (!asked && (!matters || is_over(s, LINKED))) {
            continue;
        }
        sentences_read_people(&all, &one);
        if (asked) {
            s->packs->on_sentence(s->packs->on_sentence_arg, t, &one);
            continue;
        }
        int sum = weights_sum(t->weights, s->packs->lists, &one);
        if (sum >= 0) {
            keep_sentence(s, t, &all, one.text, DETECT_MEDIUM + sum / 10);
        }
    }
}

static void try_link(struct scan *s, const struct detect_type *t,
                     const struct detect_finding *findings, size_t n)
{
    CLEANUP(err_free_ptr) unsigned char *scores = err_calloc(n + 1, 1);
    read_link(s, t, findings, n, scores);
    if (t->weights || s->packs->on_sentence) {
        try_weights(s, t, findings, n, scores);
    }
}

/* --- overlaps ----------------------------------------------------------- */

static int by_strength(const void *a, const void *b)
{
    const struct detect_finding *x = a, *y = b;
    if (x->score != y->score) {
        return x->score > y->score ? -1 : 1;
    }
    return x->n != y->n ? (x->n > y->n ? -1 : 1) : x->at < y->at ? -1 : x->at > y->at;
}

static int scan_by_place(const void *a, const void *b)
{
    const struct detect_finding *x = a, *y = b;
    if (x->text != y->text) {
        return x->text < y->text ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

static bool claim(unsigned char *taken, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++) {
        if (taken[i / 8] >> i % 8 & 1) {
            return false;
        }
    }
    for (size_t i = at; i < at + n; i++) {
        taken[i / 8] |= (unsigned char)(1u << i % 8);
    }
    return true;
}

/* Of findings that overlap the strongest stands, of equal ones the longest. */
static void scan_settle(struct scan *s)
{
    struct detect_result *r = s->result;
    if (s->n == 0) {
        return;
    }
    size_t octets = s->text.n / 8 + 1;
    CLEANUP(err_free_ptr) unsigned char *taken = calloc(1, octets);
    r->findings = realloc(r->findings, (r->n + s->n) * sizeof *r->findings);
    must(taken && r->findings);
    qsort(s->found, s->n, sizeof *s->found, by_strength);
    size_t first = r->n;
    for (size_t i = 0; i < s->n; i++) {
        if (r->n >= DETECT_FINDINGS_MAX) {
            r->incomplete = true;
        } else if (claim(taken, s->found[i].at, s->found[i].n)) {
            r->findings[r->n++] = s->found[i];
        }
    }
    qsort(r->findings + first, r->n - first, sizeof *r->findings, scan_by_place);
}

/* What links say stands beside the findings it is about. */
static void add_links(struct scan *s, size_t first)
{
    struct detect_result *r = s->result;
    size_t n = r->n - first;
    const struct detect_finding *findings = n > 0 ? r->findings + first : NULL;
    s->n = 0;
    for (size_t i = 0; i < s->packs->n_types; i++) {
        const struct detect_type *t = s->packs->types[i];
        if (t->link && (n > 0 || t->weights || s->packs->on_sentence)) {
            try_link(s, t, findings, n);
        }
    }
    r->findings = s->n ? realloc(r->findings, (r->n + s->n) * sizeof *r->findings) : r->findings;
    for (size_t i = 0; i < s->n; i++) {
        r->findings[r->n++] = s->found[i];
    }
}

static void scan_text(struct scan *s, bool is_new)
{
    detect_quotations(s->text, is_new, &s->quotations);
    literals_look(s->packs->literals, s->text, s->literals);
    for (size_t i = 0; i < s->packs->n_types; i++) {
        try_patterns(s, s->packs->types[i]);
    }
    try_terms(s);
    size_t first = s->result->n;
    scan_settle(s);
    add_links(s, first);
    for (size_t i = 0; i < s->packs->n_types; i++) {
        free(s->context[i].at);
    }
    free(s->found);
}

void detect_scan(const struct detect_packs *p, const struct detect_text *texts, size_t n,
                 struct detect_result *ret)
{
    detect_scan_until(p, texts, n, INT64_MAX, ret);
}

void detect_scan_until(const struct detect_packs *p, const struct detect_text *texts, size_t n,
                       int64_t until_ms, struct detect_result *ret)
{
    struct watch watch = {.until_ms = until_ms};
    *ret = (struct detect_result){0};
    for (size_t i = 0; i < n && !watch.over; i++) {
        CLEANUP(buf_wipe) struct buf text = BUF_INIT(TEXT_MAX);
        if (detect_normalise(texts[i].text, &text) < 0) {
            ret->incomplete = true;
            continue;
        }
        struct scan *s = err_calloc(1, sizeof *s);
        s->watch = &watch;
        s->packs = p;
        s->result = ret;
        s->text = buf_str(&text);
        s->index = (unsigned)i;
        scan_text(s, texts[i].is_new);
        free(s);
    }
    if (ret->n > 0) {
        qsort(ret->findings, ret->n, sizeof *ret->findings, scan_by_place);
    }
}

void detect_result_free(struct detect_result *r)
{
    free(r->findings);
    *r = (struct detect_result){0};
}

const char *detect_level_name(unsigned score)
{
    return score >= DETECT_HIGH ? "high" : score >= DETECT_MEDIUM ? "medium" : "low";
}

void detect_rules(const struct detect_packs *p, const struct detect_result *r, detect_rule_fn fn,
                  void *arg)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        if (rule_holds(p->rules[i].when, r)) {
            fn(arg, p->packs[p->rules[i].pack].name, p->rules[i].name, p->rules[i].title);
        }
    }
}
