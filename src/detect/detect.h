/* SPDX-License-Identifier: Apache-2.0
 * detect.h: what in a text must be protected: packs of types and rules, and the findings of a scan.
 *
 * A pack is a text file (docs/detection.md): types say what a thing looks like, how it is
 * checked and which words near it make it likely; rules say which things together make a message
 * worth protecting. Called by the `postern detect` command. Nothing is logged: findings carry
 * masked values only.
 *
 * What can go wrong: a pack with mistakes (-EINVAL, every mistake with file and line); a text on
 * which a pattern gives up or which holds too much: the result says `incomplete`, which never
 * counts as clean.
 */
#pragma once
#include "base/buf.h"

struct detect_packs;
struct detect_type;

enum {
    DETECT_WINDOW = 300, /* octets before and after in which a word counts as near */
    /* octets before in which a word names a number as something else */
    DETECT_LABEL = 40,
    DETECT_FINDINGS_MAX = 20000, /* of one message */
    DETECT_MASKED = 48,
    DETECT_MEDIUM = 60,
    DETECT_HIGH = 80, /* scores from which a level begins */
};

enum detect_place { DETECT_SUBJECT, DETECT_BODY, DETECT_ATTACHMENT };

/* One text of a message, UTF-8 (other octets are taken as they are); borrowed for the scan. */
struct detect_text {
    struct str text;
    enum detect_place place;
    bool is_new; /* of a message that answers and forwards no other */
};

struct detect_finding {
    const struct detect_type *type;
    unsigned text; /* which of the texts */
    /* octets, in the text as normalised (full-width digits, hidden characters) */
    size_t at, n;
    unsigned char score; /* 0 to 100 */
    bool checked;        /* its check digits or ranges are right */
    bool context;        /* a word of its kind stands near, or heads its column */
    bool sample;         /* a number known from documentation: it belongs to nobody */
    bool quoted;         /* in the quoted part of an answer */
    char masked[DETECT_MASKED];
    uint64_t same; /* equal for equal values (keyed, of this process only) */
};

struct detect_result {
    struct detect_finding *findings; /* by text and place */
    size_t n;
    bool incomplete; /* a limit was met: there may be more */
};

struct detect_packs *detect_packs_new(void);
void detect_packs_free(struct detect_packs *p);
/* Adds the pack in `text`; `file` (copied) names it in problems. Packs it needs must be there
 * already. 0 or -EINVAL. */
int detect_packs_add(struct detect_packs *p, struct str text, const char *file,
                     struct buf *problems) MUST_USE;
/* Reads NAME.pack of the directory for each name (none: every pack there) and the packs they
 * need. 0, or -EINVAL with lines in problems. */
int detect_packs_load(struct detect_packs *p, const char *directory, const char *const *names,
                      size_t n, struct buf *problems) MUST_USE;
/* The names a pack's text asks for with `needs`, before it can be added: views of text, at most
 * max. */
size_t detect_pack_needs(struct str text, struct str *names, size_t max);
bool detect_packs_has(const struct detect_packs *p, struct str name);
/* Runs the test vectors that stand in the packs. 0 or -EINVAL with a line for each that fails. */
int detect_packs_test(const struct detect_packs *p, struct buf *problems) MUST_USE;
/* The text of a vector, in which {N CLASS} stands for N characters drawn from [CLASS], each time
 * the same for the same number. 0, or -EINVAL when such a brace is not understood, or the text
 * is too long. */
int detect_vector_text(struct str text, unsigned number, struct buf *out) MUST_USE;

/* Always ends; limits make the result incomplete. The result is the caller's to free. */
void detect_scan(const struct detect_packs *p, const struct detect_text *texts, size_t n,
                 struct detect_result *ret);
/* The same, until that time of the processor (clock_cpu_ms); what was not looked through by then
 * makes the result incomplete. */
void detect_scan_until(const struct detect_packs *p, const struct detect_text *texts, size_t n,
                       int64_t until_ms, struct detect_result *ret);
void detect_result_free(struct detect_result *r);

const char *detect_type_name(const struct detect_type *t);
const char *detect_type_title(const struct detect_type *t);
const char *detect_level_name(unsigned score);

/* An expression over the types of the packs, in the words of a pack's rule. NULL with a sentence
 * in problem. */
struct detect_expression;
struct detect_expression *detect_expression_new(const struct detect_packs *p, struct str text,
                                                char *problem, size_t size);
bool detect_expression_holds(const struct detect_expression *e, const struct detect_result *r);
void detect_expression_free(struct detect_expression *e);

/* Calls fn for every rule that the findings fulfil. */
typedef void (*detect_rule_fn)(void *arg, const char *pack, const char *rule, const char *title);
void detect_rules(const struct detect_packs *p, const struct detect_result *r, detect_rule_fn fn,
                  void *arg);
/* Every pack with its version and numbers of types and rules, in the order of adding. */
typedef void (*detect_pack_fn)(void *arg, const char *pack, unsigned version, const char *title,
                               size_t types, size_t rules);
void detect_each_pack(const struct detect_packs *p, detect_pack_fn fn, void *arg);

/* Which part of a text is new and which repeats another mail. is_new: the mail answers no other.
 * Borrows the text. */
struct detect_quotations {
    struct str text;
    size_t new_end; /* all from here on is quoted; lines that begin with '>' before that are, too */
    bool is_new;
    size_t line_from, line_to; /* the line that was asked about last */
    bool line_is_quoted;
    unsigned n_asked; /* lines that might introduce one that stands alone */
};
void detect_quotations(struct str text, bool is_new, struct detect_quotations *ret);
bool detect_is_quoted(struct detect_quotations *q, size_t at);
/* The text as the patterns see it: hidden characters gone, full-width and other digits and
 * dashes plain. 0 or -ENOSPC. */
int detect_normalise(struct str text, struct buf *out) MUST_USE;
