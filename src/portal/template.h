/* SPDX-License-Identifier: Apache-2.0
 * template.h: pages and messages from templates that an administrator may write: a small language
 * without logic (a part of mustache), which always escapes. Pure.
 *
 *   {{name}}             the value, escaped for HTML; in plain text: one line, without control
 *                        characters
 *   {{#name}}..{{/name}} once for each item of a list, or once if it is set
 *   {{^name}}..{{/name}} if it is not set, or an empty list
 *   {{>file}}            another template
 *   {{t.key}}            a text in the reader's language (texts.h); it may hold the same things
 *   {{!words}}           nothing: a note
 *
 * There is no way to put in a value unescaped. Called by site.c. What can go wrong: a template
 * that does not end what it begins, or is too large: -EINVAL with "file:line: what is wrong" in
 * problems; output that does not fit: -ENOSPC.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    TEMPLATE_OCTETS_MAX = 256 * 1024,
    TEMPLATE_NODES_MAX = 5000,
    TEMPLATE_DEPTH_MAX = 16,
    DATA_MAX = 16 * 1024 * 1024
};

/* --- values ------------------------------------------------------------- */

/* Names and values, with those of the one it stands in behind them. Values are copied. */
struct data {
    struct arena *arena;
    const struct data *up;
    struct entry *first;
};

/* A list is a name with items; a flag is a name with one item without names. What does not fit
 * in the arena is not there. */
void data_put(struct data *d, const char *name, struct str value);
void data_c(struct data *d, const char *name, const char *value);
/* Also NAME-is-one, for the words of one. */
void data_number(struct data *d, const char *name, uint64_t value);
void data_flag(struct data *d, const char *name, bool on);
/* One more item of the list; valid as long as the arena. NULL when it does not fit. */
struct data *data_item(struct data *d, const char *name);

/* --- templates ---------------------------------------------------------- */

struct template;
/* What a template may name: other templates, and texts by their key. NULL: not there. */
struct template_world {
    const struct template *(*partial)(void *arg, struct str name);
    const struct template *(*text)(void *arg, struct str key);
    void *arg;
};

/* text is copied. html: values are escaped for HTML. */
int template_new(const char *file, struct str text, bool html, struct buf *problems,
                 struct template **ret) MUST_USE;
void template_free(struct template *t);
/* True when everything it names is there; else lines in problems. */
bool template_complete(const struct template *t, const struct template_world *w,
                       struct buf *problems);
/* Appends. 0 or -ENOSPC (also when templates go round in circles). */
int template_write(const struct template *t, const struct template_world *w, const struct data *d,
                   struct buf *out) MUST_USE;
/* The same as plain text, whatever it was made for. */
int template_write_plain(const struct template *t, const struct template_world *w,
                         const struct data *d, struct buf *out) MUST_USE;
/* Appends text as HTML. */
int html_escape(struct str text, struct buf *out) MUST_USE;
