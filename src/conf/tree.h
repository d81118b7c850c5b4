/* SPDX-License-Identifier: Apache-2.0
 * tree.h: configuration text as a tree of statements, before the schema gives it meaning.
 *
 *   statement = word *( word ) ( ";" / "{" *statement "}" )
 *   word      = 1*bare / DQUOTE *text DQUOTE        commas between words are blanks; # comments
 */
#pragma once
#include "base/buf.h"

struct conf_place {
    const char *file;
    unsigned line, column;
};

struct conf_word {
    const char *text;
    struct conf_place at;
};

struct conf_node {
    struct conf_place at;
    struct conf_word *words; /* the first is the key */
    size_t n_words;
    bool has_block;
    struct conf_node *children, *last_child, *next;
};

typedef int (*conf_read_fn)(const char *path, struct buf *out);

/* Parses text into the children of a new root. `read` (may be NULL) fetches included files.
 * 0, or -EINVAL with lines in problems. */
int conf_tree_parse(struct str text, const char *file, conf_read_fn read, struct buf *problems,
                    struct conf_node **ret) MUST_USE;
void conf_tree_free(struct conf_node *n);
/* Appends "file:line:column: " and the text to problems. Always -EINVAL. */
int conf_problem(struct buf *problems, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
