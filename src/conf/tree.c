/* SPDX-License-Identifier: Apache-2.0
 * tree.c: the block syntax of postern.conf. Called by conf.c; fuzzed.
 *
 * What can go wrong: anything in the text; the first problem of a file stops it. Nesting is at
 * most 8 deep, includes too, so that no text can exhaust the stack.
 */
#include "conf/tree.h"

#include <stdio.h>
#include <stdlib.h>

#define WARNING "warning: "

enum { DEPTH_MAX = 8, WORD_MAX = 4096, FILE_MAX = 1024 * 1024, WORDS_MAX = 4097 };

struct parser {
    struct str text;
    size_t at;
    struct conf_place place;
    conf_read_fn read;
    struct buf *problems;
    unsigned depth;
    const struct parser *outer; /* of the file that includes this one, at the line where it does */
    struct conf_place hash;     /* as in struct conf_node, of the statement that is read */
};

static void tree_tell(struct buf *problems, struct conf_place at, const char *severity,
                      const char *fmt, va_list ap)
{
    int r = buf_printf(problems, "%s:%u:%u: %s", at.file, at.line, at.column, severity);
    r = r < 0 ? r : buf_vprintf(problems, fmt, ap);
    r = r < 0 ? r : buf_append(problems, "\n", 1);
    (void)r; /* a full buffer holds problems enough */
}

int conf_problem(struct buf *problems, struct conf_place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tree_tell(problems, at, "", fmt, ap);
    va_end(ap);
    return -EINVAL;
}

void conf_warning(struct buf *problems, struct conf_place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tree_tell(problems, at, WARNING, fmt, ap);
    va_end(ap);
}

/* Takes ":NUMBER" off. False: there is none. */
static bool tree_take_number(struct str *rest, unsigned *ret)
{
    size_t end = rest->n > 0 && rest->p[0] == ':' ? str_find(*rest, ':', 1) : 0;
    uint64_t number;
    if (end < 2 || end >= rest->n ||
        str_to_u64(str_slice(*rest, 1, end), UINT32_MAX, &number) < 0) {
        return false;
    }
    *ret = (unsigned)number;
    *rest = str_slice(*rest, end, rest->n);
    return true;
}

/* Octets up to the end of the first sentence, without its full stop. */
static size_t sentence(struct str text)
{
    bool quoted = false;
    for (size_t i = 0; i + 2 < text.n; i++) {
        quoted ^= text.p[i] == '"';
        if (!quoted && text.p[i] == '.' && text.p[i + 1] == ' ' && text.p[i + 2] >= 'A' &&
            text.p[i + 2] <= 'Z') {
            return i;
        }
    }
    return text.n;
}

bool conf_finding_next(struct str *rest, struct conf_finding *ret)
{
    struct str line;
    if (rest->n == 0 || !str_split(rest, '\n', &line)) {
        return false;
    }
    *ret = (struct conf_finding){0};
    for (size_t colon = str_find(line, ':', 0); colon < line.n;
         colon = str_find(line, ':', colon + 1)) {
        struct str tail = str_slice(line, colon, line.n);
        if (tree_take_number(&tail, &ret->line) && tail.n > 1) {
            (void)tree_take_number(&tail, &ret->column); /* packs and templates have lines alone */
            ret->file = str_slice(line, 0, colon);
            line = str_trim(str_slice(tail, 1, tail.n));
            break;
        }
        ret->line = ret->column = 0;
    }
    ret->is_warning = str_starts_nocase(line, STR(WARNING));
    line = ret->is_warning ? str_slice(line, strlen(WARNING), line.n) : line;
    size_t end = sentence(line);
    ret->text = str_slice(line, 0, end);
    ret->hint = end < line.n ? str_trim(str_slice(line, end + 1, line.n)) : STR("");
    return true;
}

struct sorted {
    struct conf_finding finding;
    struct str line;
};

static int compare_findings(const void *one, const void *two)
{
    const struct sorted *a = one, *b = two;
    struct str f = a->finding.file, g = b->finding.file;
    int r = f.n > 0 && g.n > 0 ? memcmp(f.p, g.p, f.n < g.n ? f.n : g.n) : 0;
    r = r == 0 && f.n != g.n ? (f.n < g.n ? -1 : 1) : r;
    if (r == 0 && a->finding.line != b->finding.line) {
        r = a->finding.line < b->finding.line ? -1 : 1;
    }
    return r != 0 ? r : (a->line.p > b->line.p) - (a->line.p < b->line.p); /* stable */
}

void conf_findings_sort(struct buf *problems)
{
    CLEANUP(buf_free) struct buf before = BUF_INIT(buf_len(problems) + 1);
    must(buf_add(&before, buf_str(problems)) == 0);
    struct str rest = buf_str(&before), line;
    size_t n = 0, max = 1;
    for (size_t k = 0; k < rest.n; k++) {
        max += rest.p[k] == '\n';
    }
    struct sorted *all = calloc(max, sizeof *all);
    must(all);
    while (n < max && str_split(&rest, '\n', &line)) {
        all[n].line = line;
        n += conf_finding_next(&line, &all[n].finding);
    }
    qsort(all, n, sizeof *all, compare_findings);
    buf_reset(problems);
    for (size_t k = 0; k < n; k++) { /* a full buffer holds problems enough */
        int r = buf_add(problems, all[k].line);
        r = r < 0 ? r : buf_append(problems, "\n", 1);
    }
    free(all);
}

const struct conf_node *conf_node_find(const struct conf_node *block, const char *key,
                                       const struct conf_node *after)
{
    bool past = after == NULL;
    const struct conf_node *outer[DEPTH_MAX + 1];
    size_t depth = 0;
    const struct conf_node *n = block ? block->children : NULL;
    while (n || depth > 0) {
        if (!n) {
            n = outer[--depth]->next;
            continue;
        }
        /* the statements of an included file */
        if (!n->words[0].at.file && depth < ARRAY_LEN(outer)) {
            outer[depth++] = n;
            n = n->children;
            continue;
        }
        if (past && (!key || strcmp(n->words[0].text, key) == 0)) {
            return n;
        }
        past |= n == after;
        n = n->next;
    }
    return NULL;
}

struct conf_place conf_place_of(const struct conf_node *block, const char *key)
{
    const struct conf_node *n = key ? conf_node_find(block, key, NULL) : NULL;
    return n ? n->at : block ? block->at : (struct conf_place){"configuration", 0, 0};
}

static void tree_step(struct parser *p)
{
    if (p->text.p[p->at] == '\n') {
        p->place.line++;
        p->place.column = 0;
    }
    p->place.column++;
    p->at++;
}

static bool at_end(const struct parser *p)
{
    return p->at >= p->text.n;
}

static bool tree_is_colour(const struct parser *p)
{
    size_t n = 0;
    while (p->at + 1 + n < p->text.n &&
           memchr("0123456789abcdefABCDEF", p->text.p[p->at + 1 + n], 22)) {
        n++;
    }
    return n == 6;
}

static void tree_skip_blanks(struct parser *p)
{
    while (!at_end(p)) {
        char c = p->text.p[p->at];
        if (c == '#') {
            p->hash = tree_is_colour(p) ? p->place : p->hash;
            while (!at_end(p) && p->text.p[p->at] != '\n') {
                tree_step(p);
            }
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
            tree_step(p);
        } else {
            return;
        }
    }
}

static struct conf_node *node_new(struct conf_place at)
{
    struct conf_node *n = err_calloc(1, sizeof *n);
    n->at = at;
    return n;
}

static void add_child(struct conf_node *parent, struct conf_node *child)
{
    if (parent->last_child) {
        parent->last_child->next = child;
    } else {
        parent->children = child;
    }
    parent->last_child = child;
}

void conf_tree_free(struct conf_node *n)
{
    while (n) {
        struct conf_node *next = n->next;
        conf_tree_free(n->children);
        for (size_t i = 0; i < n->n_words; i++) {
            free((char *)n->words[i].text);
        }
        free(n->words);
        free(n);
        n = next;
    }
}

/* Marks that word processors and web pages put in the place of plain ones; what they are, or
 * NULL. */
static const char *typographic(struct str text)
{
    static const struct {
        const char *octets, *what;
    } marks[] = {
        {"\xe2\x80\x9c", "a typographic quote. Write the plain quote \" instead"},
        {"\xe2\x80\x9d", "a typographic quote. Write the plain quote \" instead"},
        {"\xe2\x80\x9e", "a typographic quote. Write the plain quote \" instead"},
        {"\xe2\x80\x98", "a typographic quote. Write the plain quote \" instead"},
        {"\xe2\x80\x99", "a typographic quote. Write the plain quote \" instead"},
        {"\xc2\xab", "a typographic quote. Write the plain quote \" instead"},
        {"\xc2\xbb", "a typographic quote. Write the plain quote \" instead"},
        {"\xc2\xa0", "a no-break space. Write a plain blank instead"},
        {"\xe2\x80\x8b", "an invisible blank (U+200B). Delete it"},
        {"\xef\xbb\xbf", "a byte order mark in the middle of the file. Delete it"},
        {"\xe2\x80\x93", "a typographic dash. Write - instead"},
        {"\xe2\x80\x94", "a typographic dash. Write - instead"},
        {"\xef\xbc\x9b", "a full-width semicolon. Write ; instead"},
        {"\xef\xbc\x9a", "a full-width colon. Write : instead"},
    };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (memmem(text.p, text.n, marks[i].octets, strlen(marks[i].octets))) {
            return marks[i].what;
        }
    }
    return NULL;
}

static int tree_add_word(struct parser *p, struct conf_node *n, struct conf_place at,
                         struct str text)
{
    if (n->n_words >= WORDS_MAX) {
        return conf_problem(p->problems, at, "more than %d words in one statement", WORDS_MAX);
    }
    if ((n->n_words & (n->n_words - 1)) == 0) {
        size_t cap = n->n_words ? n->n_words * 2 : 1;
        n->words = realloc(n->words, cap * sizeof *n->words);
        must(n->words);
    }
    n->words[n->n_words++] = (struct conf_word){str_dup(text), at, p->place.column};
    return 0;
}

static int quoted_word(struct parser *p, struct conf_node *n)
{
    struct conf_place at = p->place;
    char text[WORD_MAX];
    size_t len = 0;
    tree_step(p);
    for (;;) {
        if (at_end(p) || p->text.p[p->at] == '\n') {
            return conf_problem(p->problems, at,
                                "this quote is not closed on its line. Add the missing \"");
        }
        char c = p->text.p[p->at];
        tree_step(p);
        if (c == '"') {
            return tree_add_word(p, n, at, str_from(text, len));
        }
        if (c == '\\' && !at_end(p)) {
            c = p->text.p[p->at];
            tree_step(p);
        }
        if (len >= sizeof text || (unsigned char)c < 0x20) {
            return conf_problem(p->problems, at, "text too long, or a control character in it");
        }
        text[len++] = c;
    }
}

static int bare_word(struct parser *p, struct conf_node *n)
{
    struct conf_place at = p->place;
    size_t from = p->at;
    while (!at_end(p) && !memchr(" \t\r\n,;{}\"#", p->text.p[p->at], 10)) {
        unsigned char c = (unsigned char)p->text.p[p->at];
        if (c < 0x20 || c == 0x7f) {
            return conf_problem(p->problems, p->place, "a control character");
        }
        tree_step(p);
    }
    if (p->at - from > WORD_MAX) {
        return conf_problem(p->problems, at, "a word longer than %d octets", WORD_MAX);
    }
    struct str word = str_slice(p->text, from, p->at);
    const char *mark = typographic(word);
    if (mark) {
        return conf_problem(p->problems, at, "in \"" STR_FMT "\" there is %s",
                            STR_ARG(str_slice(word, 0, word.n < 60 ? word.n : 60)), mark);
    }
    if (word.p[0] == '\'') {
        return conf_problem(p->problems, at,
                            "this value begins with a single quote. Values with blanks stand in "
                            "double quotes: \"...\"");
    }
    return tree_add_word(p, n, at, str_slice(p->text, from, p->at));
}

static int statements(struct parser *p, struct conf_node *parent);

/* Skips a byte order mark; other encodings than UTF-8 are told. */
static int tree_begin(struct parser *p)
{
    static const unsigned char utf8[] = {0xef, 0xbb, 0xbf};
    if (p->text.n >= 2 &&
        (memcmp(p->text.p, "\xff\xfe", 2) == 0 || memcmp(p->text.p, "\xfe\xff", 2) == 0)) {
        return conf_problem(p->problems, p->place, "this file is UTF-16. Save it as UTF-8");
    }
    p->at = p->text.n >= sizeof utf8 && memcmp(p->text.p, utf8, sizeof utf8) == 0 ? sizeof utf8 : 0;
    return 0;
}

/* "a.conf (line 2), b.conf (line 1)": who includes whom, from `first` (NULL: the outermost file)
 * to p. */
static void chain(const struct parser *p, const struct parser *first, struct buf *out)
{
    if (p != first && p->outer) {
        chain(p->outer, first, out);
        (void)!buf_add(out, STR(", ")); /* a full buffer names files enough */
    }
    (void)!buf_printf(out, "%s (line %u)", p->place.file, p->place.line);
}

static int too_deep(const struct parser *p, struct conf_place at)
{
    CLEANUP(buf_free) struct buf files = BUF_INIT(2 * WORD_MAX);
    if (!p->outer) {
        return conf_problem(p->problems, at, "blocks nest deeper than %d", DEPTH_MAX);
    }
    chain(p, NULL, &files);
    return conf_problem(p->problems, at,
                        "blocks and includes nest deeper than %d: " STR_FMT
                        ". Put some of them in one file",
                        DEPTH_MAX, STR_ARG(buf_str(&files)));
}

/* Without an end: the file is already being read. */
static int includes_itself(const struct parser *p, struct conf_place at, const char *path)
{
    CLEANUP(buf_free) struct buf files = BUF_INIT(2 * WORD_MAX);
    const struct parser *same = p;
    while (same && strcmp(same->place.file, path) != 0) {
        same = same->outer;
    }
    if (!same) {
        return 0;
    }
    chain(p, same, &files);
    return conf_problem(p->problems, at,
                        "%s includes itself: " STR_FMT ", and again %s. Leave out this include",
                        path, STR_ARG(buf_str(&files)), path);
}

/* A relative name is looked up beside the file that includes it. */
static int included_path(const struct conf_node *n, struct buf *ret)
{
    const char *name = n->words[1].text;
    size_t slash = str_find_last(str_c(n->at.file), '/');
    size_t dir = name[0] == '/' || slash == strlen(n->at.file) ? 0 : slash + 1;
    while (name[0] == '.' && name[1] == '/') {
        name += 2;
    }
    int r = buf_printf(ret, "%.*s%s", (int)dir, n->at.file, name);
    return r < 0 ? r : buf_append(ret, "", 1);
}

static int include(struct parser *p, const struct conf_node *n, struct conf_node *parent)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(FILE_MAX), path = BUF_INIT(2 * WORD_MAX);
    if (n->n_words != 2 || n->has_block) {
        return conf_problem(p->problems, n->at, "write: include \"FILE\";");
    }
    if (!p->read) {
        return conf_problem(p->problems, n->at, "include is not possible here");
    }
    int r = included_path(n, &path);
    if (r == 0 && includes_itself(p, n->at, path.p) < 0) {
        return -EINVAL;
    }
    if (p->depth >= DEPTH_MAX) {
        return too_deep(p, n->at);
    }
    r = r < 0 ? r : p->read(path.p, &text);
    if (r < 0) {
        return conf_problem(p->problems, n->words[1].at, "cannot read %s: %s", n->words[1].text,
                            strerror(-r));
    }
    struct parser inner = {
        .text = buf_str(&text),
        .place = {str_dup(str_c(path.p)), 1, 1},
        .read = p->read,
        .problems = p->problems,
        .depth = p->depth + 1,
        .outer = p,
    };
    struct conf_node *keeper = node_new(inner.place); /* keeps the file's name alive */
    tree_add_word(p, keeper, inner.place, STR("include"));
    keeper->words[0].at.file = NULL;
    free((char *)keeper->words[0].text);
    keeper->words[0].text = inner.place.file;
    keeper->has_block = true;
    add_child(parent, keeper);
    r = tree_begin(&inner);
    r = r < 0 ? r : statements(&inner, keeper);
    if (r == 0 && !at_end(&inner)) {
        r = conf_problem(p->problems, inner.place, "a } without its {");
    }
    return r;
}

/* Behind the last word of the line a statement begins on: there its ; is missing, when what
 * follows is another one. */
static struct conf_place line_end(const struct conf_node *n)
{
    size_t i = 0;
    while (i + 1 < n->n_words && n->words[i + 1].at.line == n->words[0].at.line) {
        i++;
    }
    return (struct conf_place){n->words[i].at.file, n->words[i].at.line, n->words[i].end};
}

static int tree_statement(struct parser *p, struct conf_node *n, struct conf_node *parent,
                          bool *ret_keep)
{
    p->hash.line = 0;
    for (;;) {
        tree_skip_blanks(p);
        n->hash = p->hash;
        if (n->hash.line > 0 && (at_end(p) || p->text.p[p->at] == '}')) {
            return conf_problem(p->problems, n->hash,
                                "this # begins a comment, and so hides the end of the statement. "
                                "Write the colour in quotes: \"#0b5394\"");
        }
        if (at_end(p)) {
            return conf_problem(p->problems, line_end(n),
                                "this statement is not ended with ; or { }");
        }
        char c = p->text.p[p->at];
        if (n->n_words == 0 && (c == ';' || c == '{')) {
            return conf_problem(p->problems, p->place, "a word must stand before %c", c);
        }
        if (c == '}') {
            return conf_problem(p->problems, line_end(n), "a ; is missing before }");
        }
        if (c == ';' || c == '{') {
            tree_step(p);
            n->has_block = c == '{';
            break;
        }
        int r = c == '"' ? quoted_word(p, n) : bare_word(p, n);
        if (r < 0) {
            return r;
        }
    }
    if (strcmp(n->words[0].text, "include") == 0) {
        return include(p, n, parent);
    }
    *ret_keep = true;
    if (!n->has_block) {
        return 0;
    }
    if (++p->depth > DEPTH_MAX) {
        return too_deep(p, n->at);
    }
    int r = statements(p, n);
    p->depth--;
    if (r == 0 && at_end(p)) {
        return conf_problem(p->problems, n->at, "this { is never closed");
    }
    if (r == 0) {
        tree_step(p);
        tree_skip_blanks(p);
        if (!at_end(p) && p->text.p[p->at] == ';') {
            tree_step(p);
        }
    }
    return r;
}

/* Up to the end or an unmatched "}". */
static int statements(struct parser *p, struct conf_node *parent)
{
    for (;;) {
        tree_skip_blanks(p);
        if (at_end(p) || p->text.p[p->at] == '}') {
            return 0;
        }
        struct conf_node *n = node_new(p->place);
        bool keep = false;
        int r = tree_statement(p, n, parent, &keep);
        if (keep) {
            add_child(parent, n);
        } else {
            conf_tree_free(n);
        }
        if (r < 0) {
            return r;
        }
    }
}

int conf_tree_parse(struct str text, const char *file, conf_read_fn read, struct buf *problems,
                    struct conf_node **ret)
{
    struct parser p = {
        .text = text,
        .place = {str_dup(str_c(file)), 1, 1},
        .read = read,
        .problems = problems,
    };
    struct conf_node *root = node_new(p.place);
    tree_add_word(&p, root, p.place, STR(""));
    free((char *)root->words[0].text);
    root->words[0].text = p.place.file; /* the root owns the file's name */
    int r = tree_begin(&p);
    r = r < 0 ? r : statements(&p, root);
    if (r == 0 && !at_end(&p)) {
        r = conf_problem(problems, p.place, "a } without its {");
    }
    if (r < 0) {
        conf_tree_free(root);
        return r;
    }
    *ret = root;
    return 0;
}
