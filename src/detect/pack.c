/* SPDX-License-Identifier: Apache-2.0
 * pack.c: reads pack files. One statement a line: a keyword, a blank, the rest of the line as it
 * stands (so expressions need no quotes); '#' begins a line of comment.
 *
 *   pack NAME VERSION            needs NAME, NAME      packs whose types its rules use
 *   title TEXT                   of the pack, or of the type or rule it stands under
 *   words NAME WORDS, WORDS      a list for `add` and `link`; lists.h
 *   against WORDS, WORDS         words that name a number as something else, for all types of
 *                                all packs
 *   type NAME                    more NAME             a type of a pack before: statements below
 *                                add to it
 *     pattern SCORE EXPRESSION   score 0 to 100; a first group is the value
 *     token SCORE EXPRESSION     the same for what stands by itself, in these letters only
 *     kind TITLE                 one of what the type finds: patterns and vectors below are of it
 *     phrase WORDS, WORDS        a term of a dictionary, [one/other] stand for each |
 *                                phrase-score N
 *     exact WORDS, WORDS         as written, capitals too |  not WORDS, WORDS    "stroke of
 *                                luck": no term there
 *     ending LETTERS, LETTERS    words that end so        |  forms a, e, o       other endings
 *                                of its terms
 *     link SCORE WHO ~ TYPES     pack_link.c              |  add SCORE LIST
 *     weigh HUNDREDTHS KIND ...  pack_weigh.c             |  hint WORD, WORD
 *     check NAME / checked N     checks.h; the score when it passes
 *     context N WORDS, WORDS     added when one stands near |  needs-context
 *     window N                   what near is, in octets; 300 otherwise
 *     sample VALUE ...           numbers that are nobody's
 *     good TEXT / bad TEXT       test vectors: found, or not found, at least at medium; vectors.c
 *   rule NAME EXPRESSION         rule.c; good and bad below it are vectors of the rule
 *
 * Called by detect_packs_add(). What can go wrong: every mistake is a line with file and number.
 */
#include "detect/pack.h"

#include <stdio.h>
#include <stdlib.h>

struct reading {
    struct detect_packs *packs;
    const char *file;
    unsigned line;
    struct buf *problems;
    bool failed, has_pack;
    struct detect_type *type; /* the one being described */
    unsigned kind;            /* number of its kind; 0: none */
    struct rule *rule;
    struct buf words; /* of the type's context, as one expression */
    struct str words_score;
};

static void problem(struct reading *r, const char *what, struct str text)
{
    r->failed = true;
    (void)!buf_printf(r->problems, "%s:%u: %s: %.*s\n", r->file, r->line, what,
                      (int)(text.n < 200 ? text.n : 200), text.p ? text.p : "");
}

static struct str pack_next_word(struct str *rest)
{
    struct str s = str_trim(*rest);
    size_t n = 0;
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t') {
        n++;
    }
    *rest = str_trim(str_slice(s, n, s.n));
    return str_slice(s, 0, n);
}

static bool pack_is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              s.p[i] == '-')) {
            return false;
        }
    }
    return s.n > 0 && s.n < 40;
}

static bool take_score(struct reading *r, struct str *rest, unsigned char *ret)
{
    uint64_t n = 0;
    struct str word = pack_next_word(rest);
    if (str_to_u64(word, 100, &n) < 0) {
        problem(r, "a score from 0 to 100 is wanted, not", word);
        return false;
    }
    *ret = (unsigned char)n;
    return true;
}

const struct detect_type *pack_type(const struct detect_packs *p, struct str name)
{
    for (size_t i = 0; i < p->n_types; i++) {
        if (str_eq(name, str_c(p->types[i]->name))) {
            return p->types[i];
        }
    }
    return NULL;
}

/* --- a type's parts ----------------------------------------------------- */

static int expand(struct str expression, bool token, struct buf *out, enum groups *ret)
{
    int r = token ? buf_add(out, STR("(?<![\\w-])(?-i:(")) : 0;
    r = r < 0 ? r : groups_expand(expression, out, ret);
    return r < 0 || !token ? r : buf_add(out, STR("))(?!\\w)"));
}

static void add_pattern(struct reading *r, struct str rest, bool token)
{
    struct detect_type *t = r->type;
    char why[256];
    CLEANUP(buf_free) struct buf whole = BUF_INIT(16 * 1024);
    if (t->n_patterns == PATTERNS_MAX) {
        problem(r, "too many patterns in one type", rest);
        return;
    }
    if (!take_score(r, &rest, &t->patterns[t->n_patterns].score)) {
        return;
    }
    if (expand(rest, token, &whole, &t->patterns[t->n_patterns].groups) < 0) {
        problem(r, "an expression is too long", rest);
        return;
    }
    if (rest.n == 0 || pattern_new(buf_str(&whole), true, why, sizeof why,
                                   &t->patterns[t->n_patterns].pattern) < 0) {
        problem(r, rest.n ? why : "an expression is missing", rest);
        return;
    }
    t->patterns[t->n_patterns].kind = r->kind;
    t->patterns[t->n_patterns].literals = literals_add(r->packs->literals, buf_str(&whole));
    t->n_patterns++;
}

/* "ramipril" with the form "e" is also "ramiprile"; "metformine" with "a" also "metformina". */
static int add_forms(struct detect_packs *p, const struct detect_type *t, struct str term)
{
    char form[TERM_FORM_MAX];
    bool vowel = term.n > 0 && strchr("aeo", term.p[term.n - 1]);
    size_t stem = term.n - vowel;
    int r = 0;
    for (size_t i = 0; i < t->n_forms && r == 0 && str_find(term, ' ', 0) == term.n; i++) {
        int n = snprintf(form, sizeof form, "%.*s%s", (int)stem, term.p, t->forms[i]);
        bool same = n >= 0 && str_eq_nocase(str_c(form), term);
        r = n < 0 || (size_t)n >= sizeof form ? -EINVAL
            : same                            ? 0
                                              : terms_add(p->terms, str_c(form), t, TERM_PLAIN);
    }
    return r;
}

static void add_term(struct reading *r, struct str term, enum term_kind kind)
{
    struct detect_type *t = r->type;
    int e = terms_add(r->packs->terms, term, t, kind);
    e = e == 0 && kind == TERM_PLAIN ? add_forms(r->packs, t, term) : e;
    t->has_terms = true;
    if (e < 0) {
        problem(r,
                e == -ENOSPC ? "too many phrases"
                             : "a phrase has one to eight words and at most 200 octets",
                term);
    }
}

static void add_ending(struct reading *r, struct str ending)
{
    r->type->has_terms = true;
    if (terms_add_ending(r->packs->terms, ending, r->type) < 0) {
        problem(r, "an ending has three to twenty letters", ending);
    }
}

static void add_form(struct reading *r, struct str form)
{
    if (r->type->n_forms == FORMS_MAX) {
        problem(r, "too many forms in one type", form);
        return;
    }
    r->type->forms[r->type->n_forms++] = str_dup(str_eq(form, STR("-")) ? STR("") : form);
}

/* "le [dan/dieron] el alta" is two phrases. */
static void add_alternatives(struct reading *r, struct str phrase, enum term_kind kind)
{
    enum { LONGEST = 16 * 1024 };
    CLEANUP(buf_free) struct buf whole = BUF_INIT(LONGEST);
    size_t open = str_find(phrase, '[', 0), close = str_find(phrase, ']', open);
    if (open == phrase.n) {
        add_term(r, phrase, kind);
        return;
    }
    struct str before = str_slice(phrase, 0, open), inside = str_slice(phrase, open + 1, close),
               one;
    bool closed = close < phrase.n;
    while (!r->failed && closed && str_split(&inside, '/', &one)) {
        buf_reset(&whole);
        closed = buf_append(&whole, before.p, before.n) == 0 &&
                 buf_append(&whole, one.p, one.n) == 0 &&
                 buf_append(&whole, phrase.p + close + 1, phrase.n - close - 1) == 0;
        if (closed) {
            add_alternatives(r, buf_str(&whole), kind);
        }
    }
    if (!closed) {
        problem(r, "alternatives stand in brackets: [one/other]", phrase);
    }
}

static void add_phrase(struct reading *r, struct str phrase)
{
    add_alternatives(r, phrase, TERM_PLAIN);
}

static void add_exact(struct reading *r, struct str phrase)
{
    add_term(r, phrase, TERM_EXACT);
}

static void add_not(struct reading *r, struct str phrase)
{
    add_alternatives(r, phrase, TERM_NOT);
}

static void each_item(struct reading *r, struct str rest, void (*fn)(struct reading *, struct str))
{
    struct str one;
    while (!r->failed && str_split(&rest, ',', &one)) {
        if (str_trim(one).n > 0) {
            fn(r, str_trim(one));
        }
    }
}

/* words NAME WORD, WORD */
static void add_list(struct reading *r, struct str rest)
{
    struct str name = pack_next_word(&rest), one;
    int list = pack_is_name(name) ? lists_number(r->packs->lists, name) : -EINVAL;
    if (list < 0) {
        problem(r,
                list == -ENOSPC ? "too many lists of words" : "a list has a name of small letters",
                name);
        return;
    }
    while (str_split(&rest, ',', &one)) {
        one = str_trim(one);
        if (one.n > 0 && lists_add(r->packs->lists, (unsigned)list, one) < 0) {
            problem(r, "a list holds words, up to three together, or three letters and a star",
                    one);
        }
    }
}

/* "date of birth, dob" becomes date of birth|dob with any gaps, also none (dateOfBirth),
 * gathered over all its lines. */
static void pack_add_words(struct reading *r, struct str rest, struct buf *to)
{
    struct str one;
    int e = 0;
    while (str_split(&rest, ',', &one)) {
        one = str_trim(one);
        e |= one.n ? buf_printf(to, "%s", buf_len(to) ? "|" : "") : 0;
        for (struct str word = pack_next_word(&one); word.n > 0; word = pack_next_word(&one)) {
            e |= buf_printf(to, "\\Q" STR_FMT "\\E%s", STR_ARG(word),
                            one.n ? "[\\s_.:>|-]{0,6}" : "");
        }
    }
    if (e) {
        problem(r, "too many words", rest);
    }
}

static int words_pattern(struct str words, struct pattern **ret)
{
    CLEANUP(buf_free) struct buf whole = BUF_INIT(128 * 1024);
    char why[256];
    return buf_printf(&whole, "(?<![A-Za-z0-9@.])(?:" STR_FMT ")(?![A-Za-z0-9]|[@.][A-Za-z0-9])",
                      STR_ARG(words)) < 0
               ? -ENOSPC
               : pattern_new(buf_str(&whole), true, why, sizeof why, ret);
}

/* The words of all packs make one pattern: it is made again. */
static void add_against(struct reading *r, struct str rest)
{
    struct detect_packs *p = r->packs;
    p->against_words.max = 64 * 1024;
    pack_add_words(r, rest, &p->against_words);
    pattern_free(p->against);
    p->against = NULL;
    if (words_pattern(buf_str(&p->against_words), &p->against) < 0) {
        problem(r, "these words cannot be used", rest);
    }
}

static void add_samples(struct reading *r, struct str rest)
{
    struct detect_type *t = r->type;
    for (struct str word = pack_next_word(&rest); word.n > 0; word = pack_next_word(&rest)) {
        if (t->n_samples == SAMPLES_MAX) {
            problem(r, "too many samples in one type", word);
            return;
        }
        char *copy = str_dup(word);
        size_t n = 0;
        for (size_t i = 0; copy[i]; i++) {
            if (copy[i] != '-' && copy[i] != ' ') {
                copy[n++] = copy[i];
            }
        }
        copy[n] = '\0';
        t->samples[t->n_samples++] = str_from(copy, n);
    }
}

static void add_vector(struct reading *r, struct str rest, bool good)
{
    struct detect_packs *p = r->packs;
    if ((!r->type && !r->rule) || p->n_vectors == VECTORS_MAX || rest.n == 0) {
        problem(r, "a test vector stands under a type or a rule and has a text", rest);
        return;
    }
    if (!p->vectors) {
        p->vectors = err_calloc(VECTORS_MAX, sizeof *p->vectors);
    }
    CLEANUP(buf_free) struct buf text = BUF_INIT(64 * 1024);
    if (detect_vector_text(rest, 0, &text) < 0) {
        problem(r, "what is drawn in a test vector is written {NUMBER CLASS}", rest);
        return;
    }
    struct vector *v = &p->vectors[p->n_vectors++];
    *v = (struct vector){
        .text = str_dup(rest),
        .type = r->type,
        .kind = r->kind,
        .good = good,
        .rule = r->rule ? (unsigned)(r->rule - p->rules) : 0,
    };
    snprintf(v->place, sizeof v->place, "%s:%u", r->file, r->line);
}

/* --- blocks ------------------------------------------------------------- */

static void open_kind(struct reading *r, struct str title)
{
    struct detect_packs *p = r->packs;
    if (p->n_kinds == KINDS_MAX || title.n == 0 || (r->kind == 0 && r->type->n_patterns > 0)) {
        problem(r, "kinds have a title, and stand before all patterns of their type", title);
        return;
    }
    if (!p->kinds) {
        p->kinds = err_calloc(KINDS_MAX, sizeof *p->kinds);
    }
    struct kind *k = &p->kinds[p->n_kinds++];
    *k = (struct kind){.title = str_dup(title), .type = r->type};
    snprintf(k->place, sizeof k->place, "%s:%u", r->file, r->line);
    r->kind = (unsigned)p->n_kinds;
}

/* The words of context are known once the type ends. */
static void close_block(struct reading *r)
{
    struct detect_type *t = r->type;
    r->type = NULL;
    r->rule = NULL;
    r->kind = 0;
    if (!t) {
        return;
    }
    if (buf_len(&r->words) > 0 && t->context) {
        problem(r, "the words of context stand where the type begins", str_c(t->name));
        buf_reset(&r->words);
    } else if (buf_len(&r->words) > 0) {
        if (words_pattern(buf_str(&r->words), &t->context) < 0) {
            problem(r, "the words of context cannot be used", str_c(t->name));
        }
        buf_reset(&r->words);
    }
    if (t->n_patterns == 0 && !t->has_terms && !t->link) {
        problem(r, "this type has neither a pattern nor a phrase", str_c(t->name));
    }
    if (t->needs_context && !t->context) {
        problem(r, "this type needs context but names no words for it", str_c(t->name));
    }
}

static void open_pack(struct reading *r, struct str rest)
{
    struct detect_packs *p = r->packs;
    struct str name = pack_next_word(&rest);
    uint64_t version = 0;
    if (r->has_pack || !pack_is_name(name) || detect_packs_has(p, name) ||
        str_to_u64(rest, 1000000, &version) < 0 || p->n_packs == PACKS_MAX) {
        problem(r, "a file begins with one line: pack NAME VERSION", name);
        return;
    }
    r->has_pack = true;
    p->packs[p->n_packs++] = (struct pack){
        .name = str_dup(name),
        .title = str_dup(name),
        .version = (unsigned)version,
    };
}

static void open_type(struct reading *r, struct str rest)
{
    struct detect_packs *p = r->packs;
    if (!pack_is_name(rest) || pack_type(p, rest) || p->n_types == TYPES_MAX) {
        problem(r, "a type has a name of its own, of small letters, digits and dashes", rest);
        return;
    }
    struct detect_type *t = err_calloc(1, sizeof *t);
    t->name = str_dup(rest);
    t->title = str_dup(rest);
    t->index = (unsigned)p->n_types;
    t->phrase_score = DETECT_MEDIUM;
    t->window = DETECT_WINDOW;
    p->types[p->n_types++] = t;
    p->packs[p->n_packs - 1].types++;
    r->type = t;
}

static void open_more(struct reading *r, struct str rest)
{
    for (size_t i = 0; i < r->packs->n_types; i++) {
        r->type = str_eq(rest, str_c(r->packs->types[i]->name)) ? r->packs->types[i] : r->type;
    }
    if (!r->type) {
        problem(r, "there is no type of this name yet", rest);
    }
}

static void pack_open_rule(struct reading *r, struct str rest)
{
    struct detect_packs *p = r->packs;
    struct str name = pack_next_word(&rest);
    char why[256];
    if (!pack_is_name(name) || p->n_rules == RULES_MAX) {
        problem(r, "a rule has a name of small letters, digits and dashes", name);
        return;
    }
    struct term *when = rule_parse(p, rest, why, sizeof why);
    if (!when) {
        problem(r, why, rest);
        return;
    }
    r->rule = &p->rules[p->n_rules++];
    *r->rule = (struct rule){
        .name = str_dup(name),
        .title = str_dup(name),
        .pack = (unsigned)p->n_packs - 1,
        .when = when,
    };
    p->packs[p->n_packs - 1].rules++;
}

bool detect_packs_has(const struct detect_packs *p, struct str name)
{
    for (size_t i = 0; i < p->n_packs; i++) {
        if (str_eq(name, str_c(p->packs[i].name))) {
            return true;
        }
    }
    return false;
}

size_t detect_pack_needs(struct str text, struct str *names, size_t max)
{
    struct str line, one;
    size_t n = 0;
    while (str_split(&text, '\n', &line)) {
        struct str key = pack_next_word(&line);
        while (str_eq(key, STR("needs")) && n < max && str_split(&line, ',', &one)) {
            names[n++] = str_trim(one);
        }
    }
    return n;
}

static void check_needs(struct reading *r, struct str rest)
{
    struct str one;
    while (str_split(&rest, ',', &one)) {
        if (!detect_packs_has(r->packs, str_trim(one))) {
            problem(r, "this pack needs another one, which is not there", str_trim(one));
        }
    }
}

static void set_title(struct reading *r, struct str rest)
{
    char **title = r->type   ? &r->type->title
                   : r->rule ? &r->rule->title
                             : &r->packs->packs[r->packs->n_packs - 1].title;
    free(*title);
    *title = str_dup(rest);
}

static void set_window(struct reading *r, struct str rest)
{
    uint64_t n = 0;
    if (str_to_u64(rest, 10 * DETECT_WINDOW, &n) < 0 || n == 0) {
        problem(r, "a window from 1 to 3000 octets is wanted, not", rest);
    }
    r->type->window = (unsigned)n;
}

static void add_link(struct reading *r, struct str rest, bool rule)
{
    char why[256];
    if (!(rule ? pack_read_link : pack_read_add)(r->packs, r->type, rest, why, sizeof why)) {
        problem(r, why, rest);
    }
}

static void add_weigh(struct reading *r, struct str rest, bool weight)
{
    char why[256];
    if (!(weight ? pack_read_weigh(r->packs, r->type, rest, why, sizeof why)
                 : pack_read_hints(r->type, rest, why, sizeof why))) {
        problem(r, why, rest);
    }
}

static void in_type(struct reading *r, struct str key, struct str rest)
{
    struct detect_type *t = r->type;
    if (str_eq(key, STR("pattern")) || str_eq(key, STR("token"))) {
        add_pattern(r, rest, str_eq(key, STR("token")));
    } else if (str_eq(key, STR("kind"))) {
        open_kind(r, rest);
    } else if (str_eq(key, STR("phrase"))) {
        each_item(r, rest, add_phrase);
    } else if (str_eq(key, STR("exact"))) {
        each_item(r, rest, add_exact);
    } else if (str_eq(key, STR("not"))) {
        each_item(r, rest, add_not);
    } else if (str_eq(key, STR("ending"))) {
        each_item(r, rest, add_ending);
    } else if (str_eq(key, STR("forms"))) {
        each_item(r, rest, add_form);
    } else if (str_eq(key, STR("link")) || str_eq(key, STR("add"))) {
        add_link(r, rest, str_eq(key, STR("link")));
    } else if (str_eq(key, STR("weigh")) || str_eq(key, STR("hint"))) {
        add_weigh(r, rest, str_eq(key, STR("weigh")));
    } else if (str_eq(key, STR("phrase-score"))) {
        (void)take_score(r, &rest, &t->phrase_score);
    } else if (str_eq(key, STR("check"))) {
        t->check = detect_check_find(rest);
        if (!t->check) {
            problem(r, "there is no check of this name", rest);
        }
    } else if (str_eq(key, STR("checked"))) {
        (void)take_score(r, &rest, &t->checked_score);
    } else if (str_eq(key, STR("context"))) {
        if (take_score(r, &rest, &t->context_score)) {
            pack_add_words(r, rest, &r->words);
        }
    } else if (str_eq(key, STR("window"))) {
        set_window(r, rest);
    } else if (str_eq(key, STR("needs-context"))) {
        t->needs_context = true;
    } else if (str_eq(key, STR("sample"))) {
        add_samples(r, rest);
    } else {
        problem(r, "not a statement of a type", key);
    }
}

static void pack_statement(struct reading *r, struct str line)
{
    struct str rest = line, key = pack_next_word(&rest);
    bool more = str_eq(key, STR("more")),
         opens = more || str_eq(key, STR("type")) || str_eq(key, STR("rule"));
    if (str_eq(key, STR("pack"))) {
        open_pack(r, rest);
    } else if (!r->has_pack) {
        problem(r, "a file begins with one line: pack NAME VERSION", key);
    } else if (opens) {
        close_block(r);
        if (more) {
            open_more(r, rest);
        } else if (str_eq(key, STR("type"))) {
            open_type(r, rest);
        } else {
            pack_open_rule(r, rest);
        }
    } else if (str_eq(key, STR("needs"))) {
        check_needs(r, rest);
    } else if (str_eq(key, STR("against"))) {
        add_against(r, rest);
    } else if (str_eq(key, STR("words"))) {
        add_list(r, rest);
    } else if (str_eq(key, STR("title"))) {
        set_title(r, rest);
    } else if (str_eq(key, STR("good")) || str_eq(key, STR("bad"))) {
        add_vector(r, rest, str_eq(key, STR("good")));
    } else if (r->type) {
        in_type(r, key, rest);
    } else {
        problem(r, "this stands under no type", key);
    }
}

int detect_packs_add(struct detect_packs *p, struct str text, const char *file,
                     struct buf *problems)
{
    struct reading r = {
        .packs = p,
        .file = file,
        .problems = problems,
        .words = BUF_INIT(64 * 1024),
    };
    struct str line;
    while (!r.failed && str_split(&text, '\n', &line)) {
        r.line++;
        if (line.n > 0 && line.p[line.n - 1] == '\r') {
            line.n--;
        }
        line = str_trim(line);
        if (line.n > 0 && line.p[0] != '#') {
            pack_statement(&r, line);
        }
    }
    close_block(&r);
    buf_free(&r.words);
    if (!r.failed && !r.has_pack) {
        problem(&r, "there is no pack in it", STR(""));
    }
    return r.failed ? -EINVAL : 0;
}

/* --- life --------------------------------------------------------------- */

struct detect_packs *detect_packs_new(void)
{
    struct detect_packs *p = err_calloc(1, sizeof *p);
    p->literals = literals_new();
    p->terms = terms_new();
    p->lists = lists_new();
    return p;
}

static void type_free(struct detect_type *t)
{
    for (size_t i = 0; i < t->n_patterns; i++) {
        pattern_free(t->patterns[i].pattern);
    }
    for (size_t i = 0; i < t->n_samples; i++) {
        free((char *)t->samples[i].p);
    }
    pattern_free(t->context);
    for (size_t i = 0; i < t->n_forms; i++) {
        free(t->forms[i]);
    }
    free(t->link);
    weights_free(t->weights);
    free(t->name);
    free(t->title);
    free(t);
}

void detect_packs_free(struct detect_packs *p)
{
    if (!p) {
        return;
    }
    for (size_t i = 0; i < p->n_types; i++) {
        type_free(p->types[i]);
    }
    for (size_t i = 0; i < p->n_rules; i++) {
        rule_free(p->rules[i].when);
        free(p->rules[i].name);
        free(p->rules[i].title);
    }
    for (size_t i = 0; i < p->n_vectors; i++) {
        free(p->vectors[i].text);
    }
    for (size_t i = 0; i < p->n_kinds; i++) {
        free(p->kinds[i].title);
    }
    free(p->kinds);
    for (size_t i = 0; i < p->n_packs; i++) {
        free(p->packs[i].name);
        free(p->packs[i].title);
    }
    literals_free(p->literals);
    terms_free(p->terms);
    lists_free(p->lists);
    pattern_free(p->against);
    buf_free(&p->against_words);
    free(p->vectors);
    free(p);
}

void detect_each_pack(const struct detect_packs *p, detect_pack_fn fn, void *arg)
{
    for (size_t i = 0; i < p->n_packs; i++) {
        fn(arg, p->packs[i].name, p->packs[i].version, p->packs[i].title, p->packs[i].types,
           p->packs[i].rules);
    }
}

const char *detect_type_name(const struct detect_type *t)
{
    return t->name;
}

const char *detect_type_title(const struct detect_type *t)
{
    return t->title;
}
