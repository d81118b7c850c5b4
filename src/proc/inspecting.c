/* SPDX-License-Identifier: Apache-2.0
 * inspecting.c: from a message to the lines of its inspection. The order of the lines is their
 * weight: when not all fit, single findings are left out first, and a line says so.
 */
#include "proc/inspecting.h"
#include "base/clock.h"
#include "policy/flags.h"
#include "policy/inspection.h"
#include "proc/contents.h"

#include <stdio.h>
#include <stdlib.h>

enum { FOUND_MAX = 200, FLAGS_MAX = 40, QUOTED_MAX = 1000, ROOM_FOR_END = 256 };

struct inspecting {
    const struct conf *conf;
    struct mime_pdf *pdf;
    struct contents *contents;
};

int inspecting_new(const struct conf *c, struct mime_pdf *pdf, struct buf *problems,
                   struct inspecting **ret)
{
    struct contents *contents;
    int r = contents_new(c, problems, &contents);
    if (r == 0) {
        *ret = err_calloc(1, sizeof **ret);
        **ret = (struct inspecting){c, pdf, contents};
    }
    return r;
}

void inspecting_free(struct inspecting *i)
{
    if (i) {
        contents_free(i->contents);
        free(i);
    }
}

/* --- lines -------------------------------------------------------------- */

struct note {
    struct buf *facts;
    /* the first flag in what an answer repeats, or in the subject of an attached mail */
    const char *quoted;
    bool is_attached; /* there */
    bool asked;       /* a flag that counts */
    bool full;
};

#define PUT(note, key, ...) \
    inspecting_put((note), (key), (const struct str[]){__VA_ARGS__}, \
                   sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))

static void inspecting_put(struct note *n, const char *key, const struct str *fields, size_t count)
{
    if (buf_len(n->facts) + ROOM_FOR_END > INSPECTION_MAX ||
        inspection_put(n->facts, key, fields, count) < 0) {
        n->full = true;
    }
}

static const char *place_name(enum mime_place p)
{
    return p == MIME_SUBJECT ? "subject" : p == MIME_BODY ? "body" : "attachment";
}

static void flags_of_text(const struct conf *c, const struct mime_text *t, bool is_new,
                          inspecting_flag_fn fn, void *arg)
{
    const char *words[FLAG_WORDS_MAX];
    size_t n_words = flags_words(c, words);
    struct str text = buf_str(&t->text);
    struct detect_quotations quotations;
    detect_quotations(text, is_new, &quotations);
    struct flag_found f;
    for (size_t at = 0, found = 0, quoted = 0;
         found < FLAGS_MAX && flags_next(text, at, words, n_words, t->place == MIME_BODY, &f);
         at = f.at + f.n) {
        const struct inspecting_flag flag = {
            .meant = f.meant,
            .written = str_slice(text, f.at, f.at + f.n),
            .exact = f.exact,
            .test = f.meant == c->flags.test,
            .quoted = t->place == MIME_ATTACHMENT ||
                      (t->place == MIME_BODY && detect_is_quoted(&quotations, f.at)),
            .attached = t->is_attached_mail,
            .part = t->part,
        };
        /* a long thread of them hides none that counts, and says nothing new */
        if (!flag.quoted || quoted < QUOTED_MAX) {
            fn(arg, t->place, &flag);
        }
        found += !flag.quoted;
        quoted += flag.quoted;
    }
}

void inspecting_flags(const struct conf *c, const struct mime_reading *m, inspecting_flag_fn fn,
                      void *arg)
{
    bool is_new = !mime_is_answer(m);
    for (size_t k = 0; k < m->n_texts; k++) {
        const struct mime_text *t = &m->texts[k];
        bool looked = t->place == MIME_ATTACHMENT
                          ? t->is_attached_mail && conf_flags_count_in(c, "subject")
                          : conf_flags_count_in(c, place_name(t->place));
        if (looked) {
            flags_of_text(c, t, is_new, fn, arg);
        }
    }
}

static void note_flag(void *arg, enum mime_place at, const struct inspecting_flag *f)
{
    struct note *n = arg;
    struct str place = str_c(place_name(at));
    if (f->quoted) {
        bool first = f->exact && !f->test && !n->quoted;
        n->quoted = first ? f->meant : n->quoted;
        n->is_attached = first ? f->attached : n->is_attached;
        return;
    }
    n->asked = true;
    if (f->exact && f->test) {
        PUT(n, "test", place);
    } else if (f->exact) {
        PUT(n, "flag", str_c(f->meant), place);
    } else {
        PUT(n, "near", f->written, str_c(f->meant), place);
    }
}

/* RFC 5322 3.6.4: an answer, and what most programs forward, names the mail before it. RFC 3834
 * 5: and programs, which nobody tells anything, say that they wrote it. */
static bool inspecting_is_answer(const struct mime_reading *m)
{
    size_t answer = 0, thread = 0, automatic = 0;
    const char *by = mime_field_next(m, "Auto-Submitted", &automatic);
    return mime_field_next(m, "In-Reply-To", &answer) ||
           mime_field_next(m, "References", &thread) ||
           (by && !str_eq_nocase(str_trim(str_c(by)), STR("no")));
}

static void protect_fields(const struct mime_reading *m, inspecting_field_fn fn, void *arg)
{
    static const struct str values[] = {STR("transport"), STR("message"), STR("portal")};
    const char *value;
    for (size_t cursor = 0; (value = mime_field_next(m, "X-Postern-Protect", &cursor));) {
        struct inspecting_field f = {.name = "X-Postern-Protect", .value = str_c(value)};
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            bool is_it = str_eq_nocase(str_trim(f.value), values[i]);
            f.meant = is_it ? values[i] : f.meant;
            f.counts |= is_it;
        }
        fn(arg, &f);
    }
}

/* Which of the labels it is; NULL: none. */
static const char *inspecting_label_of(const struct conf *c, struct str value)
{
    for (size_t i = 0; i < c->flags.labels.n; i++) {
        if (str_eq_nocase(str_trim(value), str_c(c->flags.labels.v[i]))) {
            return c->flags.labels.v[i];
        }
    }
    return NULL;
}

static void label_field(const struct conf *c, const char *name, struct str value,
                        inspecting_field_fn fn, void *arg)
{
    const char *label = inspecting_label_of(c, value);
    fn(arg, &(struct inspecting_field){
                .name = name,
                .value = value,
                .meant = str_c(label ? label : ""),
                .is_label = true,
                .counts = label,
            });
}

void inspecting_fields(const struct conf *c, const struct mime_reading *m, inspecting_field_fn fn,
                       void *arg)
{
    const char *value;
    if (conf_flags_count_in(c, "header")) {
        protect_fields(m, fn, arg);
    }
    for (size_t cursor = 0; (value = mime_field_next(m, "Sensitivity", &cursor));) {
        label_field(c, "Sensitivity", str_c(value), fn, arg);
    }
    /* MSIP_Label_GUID_Name=Confidential; ... */
    for (size_t cursor = 0; (value = mime_field_next(m, "msip_labels", &cursor));) {
        struct str rest = str_c(value), one;
        while (str_split(&rest, ';', &one)) {
            size_t equals = str_find(one, '=', 0);
            if (equals < one.n &&
                str_ends_nocase(str_trim(str_slice(one, 0, equals)), STR("_Name"))) {
                label_field(c, "msip_labels", str_slice(one, equals + 1, one.n), fn, arg);
            }
        }
    }
}

static void note_field(void *arg, const struct inspecting_field *f)
{
    struct note *n = arg;
    if (f->is_label && f->counts) {
        PUT(n, "label", f->meant);
    } else if (!f->is_label && f->counts) {
        PUT(n, "asks", f->meant);
    } else if (!f->is_label) {
        PUT(n, "near", STR("X-Postern-Protect"), STR("transport, message or portal"),
            STR("header"));
    }
}

static bool contains_nocase(struct str text, struct str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++) {
        if (str_starts_nocase(str_slice(text, i, text.n), word)) {
            return true;
        }
    }
    return word.n == 0;
}

/* Which of the conditions of rules about fields hold. */
static void note_headers(const struct conf *c, const struct mime_reading *m, struct note *n)
{
    for (size_t i = 0; i < c->n_rules; i++) {
        if (!c->rules[i].header) {
            continue;
        }
        struct str condition = str_c(c->rules[i].header), text;
        size_t colon = str_find(condition, ':', 0), cursor = 0;
        char *name = str_dup(str_trim(str_slice(condition, 0, colon)));
        const char *value;
        bool holds = false;
        text = str_trim(str_slice(condition, colon < condition.n ? colon + 1 : colon, condition.n));
        while (!holds && (value = mime_field_next(m, name, &cursor))) {
            holds = contains_nocase(str_c(value), text);
        }
        free(name);
        if (holds) {
            PUT(n, "header", condition);
        }
    }
}

/* --- findings ----------------------------------------------------------- */

struct fulfilled {
    const struct inspecting *i;
    struct note *note;
    bool *contents;
};

static void on_rule(void *arg, const char *pack, const char *rule, const char *title)
{
    struct fulfilled *f = arg;
    const struct conf *c = f->i->conf;
    char name[160];
    snprintf(name, sizeof name, "%s/%s", pack, rule);
    for (size_t k = 0; k < c->n_contents; k++) {
        for (size_t j = 0; j < c->contents[k].packs.n && !f->i->contents->when[k]; j++) {
            f->contents[k] |= strcmp(c->contents[k].packs.v[j], pack) == 0;
        }
    }
    if (f->note) {
        PUT(f->note, "rule", str_c(name), str_c(title));
    }
}

/* Findings that one line tells of: a type at a level in a place. */
static bool is_alike(const struct mime_reading *m, const struct detect_finding *a,
                     const struct detect_finding *b)
{
    return a->type == b->type && a->sample == b->sample &&
           m->texts[a->text].place == m->texts[b->text].place &&
           detect_level_name(a->score) == detect_level_name(b->score);
}

/* One line for those that are alike, with the first as an example. Numbers known from
 * documentation count for no rule. */
static void note_found(const struct detect_result *r, const struct mime_reading *m, struct note *n)
{
    bool *told = err_calloc(r->n + 1, sizeof *told);
    size_t lines = 0;
    for (size_t i = 0; i < r->n && lines < FOUND_MAX; i++) {
        const struct detect_finding *f = &r->findings[i];
        size_t count = 0;
        char number[32];
        if (told[i]) {
            continue;
        }
        for (size_t k = i; k < r->n; k++) {
            bool alike = is_alike(m, f, &r->findings[k]);
            told[k] |= alike;
            count += alike;
        }
        snprintf(number, sizeof number, "%zu", count);
        struct str type = str_c(detect_type_name(f->type)),
                   place = str_c(place_name(m->texts[f->text].place));
        if (f->sample) {
            PUT(n, "sample", type, str_c(number), place, str_c(f->masked));
        } else {
            PUT(n, "found", type, str_c(detect_level_name(f->score)), str_c(number), place,
                str_c(f->masked));
        }
        lines++;
    }
    free(told);
}

static void look_for(const struct inspecting *i, const struct mime_reading *m,
                     struct detect_result *ret, bool *contents)
{
    struct detect_text *texts = err_calloc(m->n_texts + 1, sizeof *texts);
    struct fulfilled f = {i, NULL, contents};
    bool is_new = !mime_is_answer(m);
    for (size_t k = 0; k < m->n_texts; k++) {
        texts[k] = (struct detect_text){buf_str(&m->texts[k].text),
                                        (enum detect_place)m->texts[k].place, is_new};
    }
    detect_scan_until(i->contents->packs, texts, m->n_texts, m->look_until_ms, ret);
    detect_rules(i->contents->packs, ret, on_rule, &f);
    for (size_t k = 0; k < i->conf->n_contents; k++) {
        contents[k] |= i->contents->when[k] && detect_expression_holds(i->contents->when[k], ret);
    }
    free(texts);
}

/* What a file is called may say who it is about: only its ending is kept, which rules ask for. */
static struct str masked_name(const char *name, char dst[32])
{
    const char *dot = strrchr(name, '.');
    size_t n = dot ? strlen(dot) : 0;
    /* what programs leave out when they keep the file */
    while (n > 1 && strchr("\"'`,;)]>} ", dot[n - 1])) {
        n--;
    }
    bool plain = n > 1 && n <= 9;
    for (size_t i = 1; i < n && plain; i++) {
        char low = str_lower(dot[i]);
        plain = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9');
    }
    snprintf(dst, 32, "%s%.*s", *name ? "***" : "", plain ? (int)n : 0, dot ? dot : "");
    return str_c(dst);
}

/* The other names of attachments, as far as they end otherwise. */
static void inspecting_note_names(const struct mime_reading *m, struct note *n)
{
    char name[32];
    for (size_t k = 0; k < m->n_names; k++) {
        PUT(n, "named", masked_name(m->names[k].name, name), str_c(m->names[k].part));
    }
}

static void note_rest(const struct mime_reading *m, struct note *n)
{
    char number[32], name[32];
    for (size_t k = 0; k < m->n_problems; k++) {
        const struct mime_problem *p = &m->problems[k];
        /* of the message itself: parts of it were not read at all */
        if (p->kind == MIME_LIMIT && !p->part[0]) {
            PUT(n, "failed", STR("limit"));
        }
        PUT(n, "problem", str_c(mime_problem_name(p->kind)), str_c(p->part), str_c(p->detail));
    }
    for (size_t k = 0; k < m->n_attachments; k++) {
        const struct mime_attachment *a = &m->attachments[k];
        snprintf(number, sizeof number, "%llu", (unsigned long long)a->octets);
        PUT(n, "attachment", str_c(a->type), masked_name(a->name, name), str_c(number),
            str_c(a->part));
    }
    inspecting_note_names(m, n);
}

static void note_contents(const struct inspecting *i, const struct mime_reading *m, struct note *n,
                          struct detect_result *found)
{
    bool *contents = err_calloc(i->conf->n_contents + 1, sizeof *contents);
    struct fulfilled f = {i, n, contents};
    look_for(i, m, found, contents);
    if (found->incomplete) {
        PUT(n, "failed", STR("limit"));
    }
    for (size_t k = 0; k < i->conf->n_contents; k++) {
        if (contents[k]) {
            PUT(n, "content", str_c(i->conf->contents[k].name));
        }
    }
    detect_rules(i->contents->packs, found, on_rule, &f);
    free(contents);
}

void inspecting_run(const struct inspecting *i, struct str message, struct buf *facts)
{
    const struct conf *c = i->conf;
    struct mime_limits limits = mime_standard_limits;
    struct detect_result found = {0};
    struct note n = {.facts = facts};
    int64_t began = clock_mono_ms();
    char parts[32], took[32];
    limits.pdf = i->pdf ? mime_pdf_read : NULL;
    limits.pdf_arg = i->pdf;
    limits.time_ms = c->inspection.time / 2;
    struct mime_reading *m = mime_read(message, &limits);
    if (m->encryption != MIME_CLEAR) {
        PUT(&n, "encrypted", str_c(mime_encryption_name(m->encryption)));
    }
    inspecting_fields(c, m, note_field, &n);
    inspecting_flags(c, m, note_flag, &n);
    if (n.quoted && !n.asked) {
        struct str mail = inspecting_is_answer(m) ? STR("answer") : STR("new");
        PUT(&n, "quoted", str_c(n.quoted), mail, n.is_attached ? STR("attached") : STR("quoted"));
    }
    note_headers(c, m, &n);
    if (i->contents->packs) {
        note_contents(i, m, &n, &found);
    }
    note_rest(m, &n);
    bool missing = n.full; /* rules would not see all there is */
    note_found(&found, m, &n);
    snprintf(parts, sizeof parts, "%u", m->parts);
    snprintf(took, sizeof took, "%lld", (long long)(clock_mono_ms() - began));
    if (missing) {
        (void)!inspection_put(facts, "failed", (const struct str[]){STR("limit")}, 1);
    } else if (n.full) {
        (void)!inspection_put(facts, "problem",
                              (const struct str[]){STR("limit"), STR(""),
                                                   STR("more was found than is noted")},
                              3);
    }
    (void)!inspection_put(facts, "done", (const struct str[]){str_c(parts), str_c(took)}, 2);
    detect_result_free(&found);
    mime_reading_free(m);
}
