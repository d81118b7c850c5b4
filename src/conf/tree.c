/* SPDX-License-Identifier: Apache-2.0
 * tree.c: the block syntax of postern.conf. Called by conf.c; fuzzed.
 *
 * What can go wrong: anything in the text; the first problem of a file stops it. Nesting is at
 * most 8 deep, includes too, so that no text can exhaust the stack.
 */
#include "conf/tree.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 8, WORD_MAX = 4096, FILE_MAX = 1024 * 1024, WORDS_MAX = 4097 };

struct parser {
    struct str text;
    size_t at;
    struct conf_place place;
    conf_read_fn read;
    struct buf *problems;
    unsigned depth;
};

int conf_problem(struct buf *problems, struct conf_place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = buf_printf(problems, "%s:%u:%u: ", at.file, at.line, at.column);
    r = r < 0 ? r : buf_vprintf(problems, fmt, ap);
    r = r < 0 ? r : buf_append(problems, "\n", 1);
    (void)r; /* a full buffer holds problems enough */
    va_end(ap);
    return -EINVAL;
}

static void step(struct parser *p)
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

static void skip_blanks(struct parser *p)
{
    while (!at_end(p)) {
        char c = p->text.p[p->at];
        if (c == '#') {
            while (!at_end(p) && p->text.p[p->at] != '\n') {
                step(p);
            }
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
            step(p);
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

static int add_word(struct parser *p, struct conf_node *n, struct conf_place at, struct str text)
{
    if (n->n_words >= WORDS_MAX) {
        return conf_problem(p->problems, at, "more than %d words in one statement", WORDS_MAX);
    }
    if ((n->n_words & (n->n_words - 1)) == 0) {
        size_t cap = n->n_words ? n->n_words * 2 : 1;
        n->words = realloc(n->words, cap * sizeof *n->words);
        must(n->words);
    }
    n->words[n->n_words++] = (struct conf_word){str_dup(text), at};
    return 0;
}

static int quoted_word(struct parser *p, struct conf_node *n)
{
    struct conf_place at = p->place;
    char text[WORD_MAX];
    size_t len = 0;
    step(p);
    for (;;) {
        if (at_end(p) || p->text.p[p->at] == '\n') {
            return conf_problem(p->problems, at, "this quote is not closed on its line");
        }
        char c = p->text.p[p->at];
        step(p);
        if (c == '"') {
            return add_word(p, n, at, str_from(text, len));
        }
        if (c == '\\' && !at_end(p)) {
            c = p->text.p[p->at];
            step(p);
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
        step(p);
    }
    if (p->at - from > WORD_MAX) {
        return conf_problem(p->problems, at, "a word longer than %d octets", WORD_MAX);
    }
    return add_word(p, n, at, str_slice(p->text, from, p->at));
}

static int statements(struct parser *p, struct conf_node *parent);

static int include(struct parser *p, const struct conf_node *n, struct conf_node *parent)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(FILE_MAX);
    if (n->n_words != 2 || n->has_block) {
        return conf_problem(p->problems, n->at, "write: include \"FILE\";");
    }
    if (!p->read || p->depth >= DEPTH_MAX) {
        return conf_problem(p->problems, n->at, p->read ? "includes nest deeper than %d" :
                            "include is not possible here", DEPTH_MAX);
    }
    /* a relative name is looked up beside the file that includes it */
    const char *name = n->words[1].text;
    size_t slash = str_find_last(str_c(n->at.file), '/');
    CLEANUP(buf_free) struct buf path = BUF_INIT(2 * WORD_MAX);
    size_t dir = name[0] == '/' || slash == strlen(n->at.file) ? 0 : slash + 1;
    int r = buf_printf(&path, "%.*s%s", (int)dir, n->at.file, name);
    r = r < 0 ? r : buf_append(&path, "", 1);
    r = r < 0 ? r : p->read(path.p, &text);
    if (r < 0) {
        return conf_problem(p->problems, n->words[1].at, "cannot read %s: %s", name, strerror(-r));
    }
    struct parser inner = {.text = buf_str(&text),
                           .place = {str_dup(str_c(path.p)), 1, 1},
                           .read = p->read,
                           .problems = p->problems,
                           .depth = p->depth + 1};
    struct conf_node *keeper = node_new(inner.place); /* keeps the file's name alive */
    add_word(p, keeper, inner.place, STR("include"));
    keeper->words[0].at.file = NULL;
    free((char *)keeper->words[0].text);
    keeper->words[0].text = inner.place.file;
    keeper->has_block = true;
    add_child(parent, keeper);
    r = statements(&inner, keeper);
    if (r == 0 && !at_end(&inner)) {
        r = conf_problem(p->problems, inner.place, "a } without its {");
    }
    return r;
}

static int statement(struct parser *p, struct conf_node *n, struct conf_node *parent, bool *ret_keep)
{
    for (;;) {
        skip_blanks(p);
        if (at_end(p)) {
            return conf_problem(p->problems, n->at, "this statement is not ended with ; or { }");
        }
        char c = p->text.p[p->at];
        if (n->n_words == 0 && (c == ';' || c == '{')) {
            return conf_problem(p->problems, p->place, "a word must stand before %c", c);
        }
        if (c == '}') {
            return conf_problem(p->problems, p->place, "a ; is missing before }");
        }
        if (c == ';' || c == '{') {
            step(p);
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
        return conf_problem(p->problems, n->at, "blocks nest deeper than %d", DEPTH_MAX);
    }
    int r = statements(p, n);
    p->depth--;
    if (r == 0 && at_end(p)) {
        return conf_problem(p->problems, n->at, "this { is never closed");
    }
    if (r == 0) {
        step(p);
        skip_blanks(p);
        if (!at_end(p) && p->text.p[p->at] == ';') {
            step(p);
        }
    }
    return r;
}

/* Up to the end or an unmatched "}". */
static int statements(struct parser *p, struct conf_node *parent)
{
    for (;;) {
        skip_blanks(p);
        if (at_end(p) || p->text.p[p->at] == '}') {
            return 0;
        }
        struct conf_node *n = node_new(p->place);
        bool keep = false;
        int r = statement(p, n, parent, &keep);
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
    struct parser p = {.text = text,
                       .place = {str_dup(str_c(file)), 1, 1},
                       .read = read,
                       .problems = problems};
    struct conf_node *root = node_new(p.place);
    add_word(&p, root, p.place, STR(""));
    free((char *)root->words[0].text);
    root->words[0].text = p.place.file; /* the root owns the file's name */
    int r = statements(&p, root);
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
