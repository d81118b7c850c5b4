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
    unsigned end; /* column behind it; a word never spans lines */
};

struct conf_node {
    struct conf_place at;
    struct conf_word *words; /* the first is the key */
    size_t n_words;
    bool has_block;
    /* a # in it, before six hex digits, that began a comment; line 0: none */
    struct conf_place hash;
    struct conf_node *children, *last_child, *next;
};

/* One line of what is told about a configuration: "file:line:column: [warning: ]text[. Hint]".
 * Views into the line. */
struct conf_finding {
    struct str file, text, hint;
    unsigned line, column; /* 0: of the whole */
    bool is_warning;
};

typedef int (*conf_read_fn)(const char *path, struct buf *out);

/* Parses text into the children of a new root. `read` (may be NULL) fetches included files.
 * 0, or -EINVAL with lines in problems. */
int conf_tree_parse(struct str text, const char *file, conf_read_fn read, struct buf *problems,
                    struct conf_node **ret) MUST_USE;
void conf_tree_free(struct conf_node *n);
/* Takes the next line off *rest. False: there is none. The hint is what follows the first
 * sentence. */
bool conf_finding_next(struct str *rest, struct conf_finding *ret);
/* Puts the lines in the order of file and line; those of one line stay as they were. */
void conf_findings_sort(struct buf *problems);
/* The statement with that key (NULL: any) in a block, also in files that are included there;
 * `after`: the next one behind it, NULL: the first. NULL: none. */
const struct conf_node *conf_node_find(const struct conf_node *block, const char *key,
                                       const struct conf_node *after);
/* The place of a setting in a block, else of the block. */
struct conf_place conf_place_of(const struct conf_node *block, const char *key);
/* Appends "file:line:column: " and the text to problems. Always -EINVAL. */
int conf_problem(struct buf *problems, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of something that works, and is probably not what was meant. */
void conf_warning(struct buf *problems, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
