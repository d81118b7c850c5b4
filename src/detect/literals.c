/* SPDX-License-Identifier: Apache-2.0
 * literals.c: reads expressions as far as it must: plain characters in a row are a piece; of a
 * sequence the best piece counts, of alternatives all. Looking: the first two octets of each
 * place, in small letters, choose the pieces to compare.
 */
#include "detect/literals.h"

#include <stdlib.h>
#include <string.h>

enum {
    PIECE_MIN = 3,
    PIECE_MAX = 24,
    PIECES_MAX = 64,   /* of one expression */
    BUCKETS = 1 << 16, /* bucket_of */
    DEPTH_MAX = 20
};

struct piece {
    char text[PIECE_MAX];
    size_t n;
};

/* Pieces one of which is needed; n 0: nothing is known to be needed. */
struct pieces {
    struct piece list[PIECES_MAX];
    size_t n;
    bool exact; /* it matches these and nothing else */
};

struct entry {
    struct piece piece;
    unsigned set;
    int next; /* in its bucket; -1: the last */
};

struct literals {
    struct entry *entries;
    size_t n, sets;
    int buckets[BUCKETS];
};

struct literals *literals_new(void)
{
    struct literals *l = err_calloc(1, sizeof *l);
    memset(l->buckets, 0xff, sizeof l->buckets);
    return l;
}

void literals_free(struct literals *l)
{
    if (l) {
        free(l->entries);
        free(l);
    }
}

/* --- reading an expression ---------------------------------------------- */

struct reader {
    struct str rest;
    unsigned depth;
    bool failed;
};

static char literals_take(struct reader *r)
{
    char c = r->rest.n ? r->rest.p[0] : 0;
    r->rest = str_slice(r->rest, r->rest.n > 0, r->rest.n);
    return c;
}

static bool literals_starts(const struct reader *r, const char *what)
{
    size_t n = strlen(what);
    return r->rest.n >= n && memcmp(r->rest.p, what, n) == 0;
}

/* Two octets are enough when one is a sign: "Q~". */
static bool says_enough(const struct piece *p)
{
    bool sign = false;
    for (size_t i = 0; i < p->n; i++) {
        char c = str_lower(p->text[i]);
        sign |= !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != ' ' && c != '-';
    }
    return p->n >= PIECE_MIN || (p->n == PIECE_MIN - 1 && sign);
}

/* Of the shortest piece; 0: one of them says too little, or there is none. */
static size_t worth(const struct pieces *p)
{
    size_t least = p->n ? PIECE_MAX : 0;
    for (size_t i = 0; i < p->n; i++) {
        size_t n = says_enough(&p->list[i]) ? p->list[i].n : 0;
        least = n < least ? n : least;
    }
    return least;
}

/* Keeps the pieces that say more. */
static void prefer(struct pieces *best, const struct pieces *other)
{
    size_t a = worth(best), b = worth(other);
    if (b > a || (b > 0 && b == a && other->n < best->n)) {
        *best = *other;
    }
}

static const struct pieces nothing_yet = {.n = 1, .exact = true};

static void literals_end_run(struct pieces *run, struct pieces *best)
{
    prefer(best, run);
    *run = nothing_yet;
}

static bool literals_append(struct pieces *run, const struct pieces *next)
{
    struct pieces all = {.exact = true};
    if (run->n * next->n > PIECES_MAX) {
        return false;
    }
    for (size_t i = 0; i < run->n; i++) {
        for (size_t k = 0; k < next->n; k++) {
            struct piece one = run->list[i];
            if (one.n + next->list[k].n > PIECE_MAX) {
                return false;
            }
            memcpy(one.text + one.n, next->list[k].text, next->list[k].n);
            one.n += next->list[k].n;
            all.list[all.n++] = one;
        }
    }
    *run = all;
    return true;
}

static struct pieces one_char(char c)
{
    return (struct pieces){.list = {{.text = {str_lower(c)}, .n = 1}}, .n = 1, .exact = true};
}

/* Behind "[": the characters when they are few and plain, else nothing. */
static struct pieces literals_read_class(struct reader *r)
{
    enum { FEW = 8 };
    struct pieces few = {.exact = true};
    bool plain = !literals_starts(r, "^");
    for (bool first = true; r->rest.n > 0; first = false) {
        char c = literals_take(r);
        if (c == ']' && !first) {
            few.n = plain ? few.n : 0;
            few.exact = few.n > 0;
            return few;
        }
        plain = plain && c != '\\' && c != '-' && few.n < FEW;
        r->failed |= c == '[' && literals_starts(r, ":");
        if (c == '\\') {
            literals_take(r);
        }
        if (plain) {
            few.list[few.n++] = (struct piece){.text = {str_lower(c)}, .n = 1};
        }
    }
    r->failed = true;
    return few;
}

enum { ONCE, PERHAPS, NEVER_OR_MORE, ONCE_OR_MORE };

/* How often the element before may stand there. */
static int take_quantifier(struct reader *r)
{
    if (!literals_starts(r, "?") && !literals_starts(r, "*") && !literals_starts(r, "+") &&
        !literals_starts(r, "{")) {
        return ONCE;
    }
    char c = literals_take(r);
    int often = c == '?' ? PERHAPS : c == '*' ? NEVER_OR_MORE : ONCE_OR_MORE;
    if (c == '{') {
        often = literals_starts(r, "0") || literals_starts(r, ",") ? NEVER_OR_MORE : ONCE_OR_MORE;
        r->failed |= !(r->rest.n > 0 && strchr("0123456789", r->rest.p[0]));
        while (r->rest.n > 0 && literals_take(r) != '}') {
        }
    }
    if (literals_starts(r, "?") || literals_starts(r, "+")) {
        literals_take(r);
    }
    return often;
}

static struct pieces read_alternatives(struct reader *r);

/* Behind "(": what one needs of it; nothing for what looks around. */
static struct pieces read_group(struct reader *r)
{
    static const char *const around[] = {"?=", "?!", "?<=", "?<!"}, *const plain[] = {"?:", "?-i:",
                                                                                      "?i:"};
    bool looks = false, known = !literals_starts(r, "?") && !literals_starts(r, "*");
    for (size_t i = 0; i < ARRAY_LEN(around); i++) {
        looks |= literals_starts(r, around[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(plain) && !looks && !known; i++) {
        if (literals_starts(r, plain[i])) {
            r->rest = str_slice(r->rest, strlen(plain[i]), r->rest.n);
            known = true;
        }
    }
    while (looks && r->rest.n > 0 && strchr("?<=!", r->rest.p[0])) {
        literals_take(r);
    }
    r->failed |= (!looks && !known) || ++r->depth > DEPTH_MAX;
    struct pieces inside = r->failed ? (struct pieces){.n = 0} : read_alternatives(r);
    r->depth--;
    r->failed |= literals_take(r) != ')';
    return looks ? (struct pieces){.n = 0} : inside;
}

/* \. is a point; \d, \w, \b and the like are no plain characters. */
static bool take_escaped(struct reader *r, char *ret)
{
    *ret = literals_take(r);
    bool letter =
        (*ret >= '0' && *ret <= '9') || (str_lower(*ret) >= 'a' && str_lower(*ret) <= 'z');
    if (letter && !strchr("dDwWsSbBAzZnrtR", *ret)) {
        r->failed = true; /* \x41, \Q, \p{L}: not understood */
    }
    return !letter;
}

static struct pieces read_element(struct reader *r)
{
    char c = literals_take(r);
    bool escaped = c == '\\', plain = escaped && take_escaped(r, &c);
    if (plain || (!escaped && !strchr("[(.^$", c))) {
        return one_char(c);
    }
    return c == '[' && !escaped   ? literals_read_class(r)
           : c == '(' && !escaped ? read_group(r)
                                  : (struct pieces){.n = 0};
}

static struct pieces read_sequence(struct reader *r)
{
    static const struct piece none = {.n = 0};
    struct pieces best = {.n = 0}, run = nothing_yet;
    bool exact = true;
    while (!r->failed && r->rest.n > 0 && r->rest.p[0] != '|' && r->rest.p[0] != ')') {
        struct pieces one = read_element(r);
        int often = take_quantifier(r);
        bool known = one.exact && often != NEVER_OR_MORE;
        if (known && often == PERHAPS && one.n < PIECES_MAX) {
            one.list[one.n++] = none;
        }
        if (known && often != ONCE_OR_MORE && literals_append(&run, &one)) {
            continue;
        }
        exact = false;
        if (known && often == ONCE_OR_MORE) {
            (void)literals_append(&run, &one);
        }
        literals_end_run(&run, &best);
        if (often == ONCE || often == ONCE_OR_MORE) {
            prefer(&best, &one);
        }
        if (one.exact && often != NEVER_OR_MORE) {
            (void)literals_append(&run, &one);
        }
    }
    if (exact) {
        return run;
    }
    literals_end_run(&run, &best);
    best.exact = false;
    return best;
}

static struct pieces read_alternatives(struct reader *r)
{
    struct pieces all = read_sequence(r);
    while (!r->failed && literals_starts(r, "|")) {
        literals_take(r);
        struct pieces next = read_sequence(r);
        bool known = all.n > 0 && next.n > 0 && all.n + next.n <= PIECES_MAX;
        for (size_t i = 0; i < next.n && known; i++) {
            all.list[all.n + i] = next.list[i];
        }
        all.n = known ? all.n + next.n : 0;
        all.exact = known && all.exact && next.exact;
    }
    return all;
}

/* --- adding and looking ------------------------------------------------- */

static unsigned bucket_of(unsigned char a, unsigned char b)
{
    return (unsigned)a << 8 | b;
}

int literals_add(struct literals *l, struct str expression)
{
    struct reader r = {.rest = expression};
    struct pieces p = read_alternatives(&r);
    if (r.failed || r.rest.n > 0 || worth(&p) == 0 || l->sets == LITERALS_SETS_MAX) {
        return -1;
    }
    l->entries = realloc(l->entries, (l->n + p.n) * sizeof *l->entries);
    must(l->entries);
    for (size_t i = 0; i < p.n; i++) {
        const char *t = p.list[i].text;
        int *head = &l->buckets[bucket_of((unsigned char)t[0], (unsigned char)t[1])];
        l->entries[l->n] = (struct entry){p.list[i], (unsigned)l->sets, *head};
        *head = (int)l->n++;
    }
    return (int)l->sets++;
}

static bool stands_at(struct str text, size_t at, const struct piece *p)
{
    if (at + p->n > text.n) {
        return false;
    }
    for (size_t i = 0; i < p->n; i++) {
        if (str_lower(text.p[at + i]) != p->text[i]) {
            return false;
        }
    }
    return true;
}

void literals_look(const struct literals *l, struct str text, bool *present)
{
    unsigned char small[256];
    memset(present, 0, LITERALS_SETS_MAX * sizeof *present);
    for (unsigned i = 0; i < sizeof small; i++) {
        small[i] = (unsigned char)str_lower((char)i);
    }
    const unsigned char *p = (const unsigned char *)text.p;
    for (size_t at = 0; at + 1 < text.n; at++) {
        int i = l->buckets[bucket_of(small[p[at]], small[p[at + 1]])];
        for (; i >= 0; i = l->entries[i].next) {
            const struct entry *e = &l->entries[i];
            present[e->set] = present[e->set] || stands_at(text, at, &e->piece);
        }
    }
}
