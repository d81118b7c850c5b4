/* SPDX-License-Identifier: Apache-2.0
 * template.c: reading templates into a flat list of steps, and writing them out with values.
 * Called by site.c.
 */
#include "portal/template.h"

#include <stdio.h>
#include <stdlib.h>

enum step_kind {
    STEP_TEXT,
    STEP_VALUE,
    STEP_SECTION,
    STEP_INVERTED,
    STEP_END,
    STEP_PARTIAL,
    STEP_WORDS
};

struct step {
    enum step_kind kind;
    struct str text; /* literal, or name; of the template's copy */
    size_t end;      /* of a section: where its end stands */
    unsigned line;
};

struct template
{
    char *file, *text;
    struct step *steps;
    size_t n;
    bool html;
};

/* --- values ------------------------------------------------------------- */

struct entry {
    struct str name, value;
    struct entry *next;
    struct item_link *first_item, *last_item;
};

struct item_link {
    struct data data;
    struct item_link *next;
};

static struct entry *entry_of(const struct data *d, struct str name)
{
    for (struct entry *e = d->first; e; e = e->next) {
        if (str_eq(e->name, name)) {
            return e;
        }
    }
    return NULL;
}

static struct entry *entry_new(struct data *d, const char *name)
{
    struct entry *e = entry_of(d, str_c(name));
    if (!e) {
        e = arena_alloc(d->arena, sizeof *e);
        if (e && arena_copy(d->arena, str_c(name), &e->name) == 0) {
            e->next = d->first;
            d->first = e;
        }
    }
    return e;
}

void data_put(struct data *d, const char *name, struct str value)
{
    struct entry *e = entry_new(d, name);
    if (e && arena_copy(d->arena, value, &e->value) < 0) {
        e->value = STR("");
    }
}

void data_c(struct data *d, const char *name, const char *value)
{
    data_put(d, name, str_c(value));
}

void data_number(struct data *d, const char *name, uint64_t value)
{
    char text[24], one[64];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    data_put(d, name, str_c(text));
    snprintf(one, sizeof one, "%s-is-one", name);
    data_c(d, one, value == 1 ? "1" : "");
}

struct data *data_item(struct data *d, const char *name)
{
    struct entry *e = entry_new(d, name);
    struct item_link *i = e ? arena_alloc(d->arena, sizeof *i) : NULL;
    if (!i) {
        return NULL;
    }
    i->data = (struct data){.arena = d->arena, .up = d};
    if (e->last_item) {
        e->last_item->next = i;
    } else {
        e->first_item = i;
    }
    e->last_item = i;
    return &i->data;
}

void data_flag(struct data *d, const char *name, bool on)
{
    if (on) {
        (void)data_item(d, name);
    }
}

static const struct entry *template_find(const struct data *d, struct str name)
{
    for (; d; d = d->up) {
        const struct entry *e = entry_of(d, name);
        if (e) {
            return e;
        }
    }
    return NULL;
}

/* --- reading ------------------------------------------------------------ */

struct reading {
    struct template *t;
    struct buf *problems;
    unsigned line;
    size_t open[TEMPLATE_DEPTH_MAX], depth;
    bool bad;
};

static void complain(struct reading *r, unsigned line, const char *what, struct str about)
{
    r->bad = true;
    (void)!buf_printf(r->problems, "%s:%u: %s \"" STR_FMT "\"\n", r->t->file, line, what,
                      STR_ARG(about));
}

static void template_add(struct reading *r, enum step_kind kind, struct str text)
{
    if (r->t->n == TEMPLATE_NODES_MAX) {
        if (!r->bad) {
            complain(r, r->line, "too much in one template, at", text);
        }
        return;
    }
    r->t->steps[r->t->n++] = (struct step){.kind = kind, .text = text, .line = r->line};
}

static void template_begin(struct reading *r, enum step_kind kind, struct str name)
{
    if (r->depth == TEMPLATE_DEPTH_MAX) {
        complain(r, r->line, "sections too deep, at", name);
        return;
    }
    r->open[r->depth++] = r->t->n;
    template_add(r, kind, name);
}

static void template_end(struct reading *r, struct str name)
{
    struct step *s = r->depth > 0 ? &r->t->steps[r->open[r->depth - 1]] : NULL;
    if (!s || !str_eq(s->text, name)) {
        complain(r, r->line,
                 s ? "this ends another section than the one that is open"
                   : "this ends a section that was not begun:",
                 name);
        return;
    }
    r->depth--;
    s->end = r->t->n;
    template_add(r, STEP_END, name);
}

static bool template_is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.')) {
            return false;
        }
    }
    return s.n > 0 && s.n < 64;
}

static void take_tag(struct reading *r, struct str tag)
{
    tag = str_trim(tag);
    char kind = tag.n > 0 ? tag.p[0] : ' ';
    bool marked = kind == '#' || kind == '^' || kind == '/' || kind == '>' || kind == '!';
    struct str name = marked ? str_trim(str_slice(tag, 1, tag.n)) : tag;
    if (kind == '!') {
        return;
    }
    if (!template_is_name(name)) {
        complain(r, r->line, "not a name (values are always escaped, there is no other way):", tag);
    } else if (kind == '#' || kind == '^') {
        template_begin(r, kind == '#' ? STEP_SECTION : STEP_INVERTED, name);
    } else if (kind == '/') {
        template_end(r, name);
    } else if (kind == '>') {
        template_add(r, STEP_PARTIAL, name);
    } else if (str_starts_nocase(name, STR("t."))) {
        template_add(r, STEP_WORDS, str_slice(name, 2, name.n));
    } else {
        template_add(r, STEP_VALUE, name);
    }
}

static void template_count_lines(struct reading *r, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        r->line += s.p[i] == '\n';
    }
}

static void template_read_all(struct reading *r, struct str rest)
{
    while (rest.n > 0) {
        const char *open = memmem(rest.p, rest.n, "{{", 2);
        struct str text = str_slice(rest, 0, open ? (size_t)(open - rest.p) : rest.n);
        if (text.n > 0) {
            template_add(r, STEP_TEXT, text);
            template_count_lines(r, text);
        }
        if (!open) {
            return;
        }
        rest = str_slice(rest, text.n + 2, rest.n);
        const char *close = memmem(rest.p, rest.n, "}}", 2);
        if (!close) {
            complain(r, r->line, "{{ without }} before",
                     str_slice(rest, 0, rest.n < 30 ? rest.n : 30));
            return;
        }
        struct str tag = str_slice(rest, 0, (size_t)(close - rest.p));
        take_tag(r, tag);
        template_count_lines(r, tag);
        rest = str_slice(rest, tag.n + 2, rest.n);
    }
}

int template_new(const char *file, struct str text, bool html, struct buf *problems,
                 struct template **ret)
{
    struct template *t = err_calloc(1, sizeof *t);
    struct reading r = {.t = t, .problems = problems, .line = 1};
    t->file = err_strdup(file);
    t->html = html;
    t->text =
        str_dup(str_slice(text, 0, text.n < TEMPLATE_OCTETS_MAX ? text.n : TEMPLATE_OCTETS_MAX));
    t->steps = err_calloc(TEMPLATE_NODES_MAX, sizeof *t->steps);
    if (text.n > TEMPLATE_OCTETS_MAX || strlen(t->text) != text.n) {
        complain(&r, 1, "too large, or with a NUL:", str_c(file));
    } else {
        template_read_all(&r, str_from(t->text, text.n));
    }
    while (r.depth > 0 && !r.bad) {
        const struct step *s = &t->steps[r.open[--r.depth]];
        complain(&r, s->line, "this section has no end:", s->text);
    }
    t->steps = realloc(t->steps, (t->n ? t->n : 1) * sizeof *t->steps);
    must(t->steps);
    if (r.bad) {
        template_free(t);
        return -EINVAL;
    }
    *ret = t;
    return 0;
}

void template_free(struct template *t)
{
    if (t) {
        free(t->file);
        free(t->text);
        free(t->steps);
        free(t);
    }
}

bool template_complete(const struct template *t, const struct template_world *w,
                       struct buf *problems)
{
    bool ok = true;
    for (size_t i = 0; i < t->n; i++) {
        const struct step *s = &t->steps[i];
        bool partial = s->kind == STEP_PARTIAL, words = s->kind == STEP_WORDS;
        if ((partial && !w->partial(w->arg, s->text)) || (words && !w->text(w->arg, s->text))) {
            (void)!buf_printf(problems, "%s:%u: there is no %s \"" STR_FMT "\"\n", t->file, s->line,
                              partial ? "template" : "text", STR_ARG(s->text));
            ok = false;
        }
    }
    return ok;
}

/* --- writing ------------------------------------------------------------ */

int html_escape(struct str text, struct buf *out)
{
    size_t from = 0;
    int r = 0;
    for (size_t i = 0; i < text.n && r == 0; i++) {
        const char *name =
            text.p[i] == '&'                                                           ? "&amp;"
            : text.p[i] == '<'                                                         ? "&lt;"
            : text.p[i] == '>'                                                         ? "&gt;"
            : text.p[i] == '"'                                                         ? "&quot;"
            : text.p[i] == '\''                                                        ? "&#39;"
            : text.p[i] == '{'                                                         ? "&#123;"
            : (unsigned char)text.p[i] < ' ' && text.p[i] != '\n' && text.p[i] != '\t' ? " "
                                                                                       : NULL;
        if (name) {
            r = buf_add(out, str_slice(text, from, i));
            r = r < 0 ? r : buf_add(out, str_c(name));
            from = i + 1;
        }
    }
    return r < 0 ? r : buf_add(out, str_slice(text, from, text.n));
}

/* One line: nothing that a value holds can begin another, or another field of a message. */
static int template_plain(struct str text, struct buf *out)
{
    size_t before = buf_len(out);
    int r = buf_add(out, text);
    for (size_t i = before; r == 0 && i < buf_len(out); i++) {
        char *c = &out->p[out->head + i];
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
    }
    return r;
}

struct writing {
    const struct template_world *world;
    struct buf *out;
    unsigned depth;
    bool html; /* of the template that began: partials and texts follow it */
};

static int write_steps(struct writing *w, const struct template *t, size_t from, size_t to,
                       const struct data *d);

static int write_other(struct writing *w, const struct template *t, const struct data *d)
{
    if (!t || w->depth == TEMPLATE_DEPTH_MAX) {
        return t ? -ENOSPC : 0;
    }
    w->depth++;
    int r = write_steps(w, t, 0, t->n, d);
    w->depth--;
    return r;
}

static int write_section(struct writing *w, const struct template *t, size_t at,
                         const struct data *d)
{
    const struct step *s = &t->steps[at];
    const struct entry *e = template_find(d, s->text);
    bool set = e && (e->first_item || e->value.n > 0);
    int r = 0;
    if (s->kind == STEP_INVERTED || (set && !e->first_item)) {
        return set == (s->kind == STEP_SECTION) ? write_steps(w, t, at + 1, s->end, d) : 0;
    }
    for (const struct item_link *i = set ? e->first_item : NULL; i && r == 0; i = i->next) {
        r = write_steps(w, t, at + 1, s->end, &i->data);
    }
    return r;
}

static int write_steps(struct writing *w, const struct template *t, size_t from, size_t to,
                       const struct data *d)
{
    int r = 0;
    for (size_t i = from; i < to && r == 0; i++) {
        const struct step *s = &t->steps[i];
        const struct entry *e;
        switch (s->kind) {
        case STEP_TEXT:
            r = buf_add(w->out, s->text);
            break;
        case STEP_VALUE:
            e = template_find(d, s->text);
            r = !e ? 0 : w->html ? html_escape(e->value, w->out) : template_plain(e->value, w->out);
            break;
        case STEP_SECTION:
        case STEP_INVERTED:
            r = write_section(w, t, i, d);
            i = s->end;
            break;
        case STEP_END:
            break;
        case STEP_PARTIAL:
            r = write_other(w, w->world->partial(w->world->arg, s->text), d);
            break;
        case STEP_WORDS:
            r = write_other(w, w->world->text(w->world->arg, s->text), d);
            break;
        }
    }
    return r;
}

int template_write(const struct template *t, const struct template_world *world,
                   const struct data *d, struct buf *out)
{
    struct writing w = {.world = world, .out = out, .html = t->html};
    return write_steps(&w, t, 0, t->n, d);
}

int template_write_plain(const struct template *t, const struct template_world *world,
                         const struct data *d, struct buf *out)
{
    struct writing w = {.world = world, .out = out};
    return write_steps(&w, t, 0, t->n, d);
}
