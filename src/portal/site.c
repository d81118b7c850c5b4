/* SPDX-License-Identifier: Apache-2.0
 * site.c: templates and texts from their directories (site.h).
 */
#include "portal/site.h"
#include "base/map.h"
#include "conf/tree.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 256 * 1024, TEXTS_MAX = 1000, LINE_MAX_OCTETS = 4096 };

/* Every template there is. Pages are HTML, messages come in both. */
static const char *const html_names[] = {
    "head", "foot",     "start",   "knock",      "code", "phrase",  "list",
    "mail", "part",     "body",    "answer",     "over", "problem", "login",
    "sent", "sent-one", "compose", "own-phrase", "back", "notice",  "code-mail",
};
static const char *const text_names[] = {"notice-text", "code-mail-text"};
static const char *const file_names[] = {"style.css", "portal.js"};

struct text {
    char key[64];
    unsigned line;
    struct template *words;
};

struct language {
    char name[16], path[1100];
    struct text *texts;
    size_t n;
};

struct site {
    struct conf *conf;             /* its own: a new one does not take this away */
    const struct conf_node *block; /* portal, in the file that was read: only while it is made */
    struct template *html[ARRAY_LEN(html_names)], *plain[ARRAY_LEN(text_names)];
    struct buf files[ARRAY_LEN(file_names)], logo;
    const char *logo_type;
    struct language languages[LANGUAGES_MAX];
    size_t n_languages;
};

/* What a template may name, for one language. */
struct reader_of {
    const struct site *site;
    size_t language;
    bool html;
};

static const struct template *partial(void *arg, struct str name)
{
    const struct reader_of *r = arg;
    for (size_t i = 0; i < ARRAY_LEN(html_names); i++) {
        if (r->html && str_eq(name, str_c(html_names[i]))) {
            return r->site->html[i];
        }
    }
    return NULL;
}

static const struct template *words_of(const struct language *l, struct str key)
{
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(key, str_c(l->texts[i].key))) {
            return l->texts[i].words;
        }
    }
    return NULL;
}

static const struct template *words(void *arg, struct str key)
{
    const struct reader_of *r = arg;
    const struct template *t = words_of(&r->site->languages[r->language], key);
    return t ? t : words_of(&r->site->languages[0], key);
}

/* --- reading ------------------------------------------------------------ */

/* The administrator's file, or the one that comes with us; path says which. key: the setting
 * that asks for it. */
static int site_read_one(const struct site *s, const char *key, const char *name, char *path,
                         size_t size, struct buf *out, struct buf *problems)
{
    const struct conf *c = s->conf;
    int r = -ENOENT;
    if (c->portal.templates) {
        snprintf(path, size, "%s/%s", c->portal.templates, name);
        r = file_read(path, out);
        key = r == -ENOENT ? key : "templates";
    }
    if (r == -ENOENT) {
        snprintf(path, size, "%s/%s", c->portal.pages, name);
        r = file_read(path, out);
    }
    if (r < 0) {
        r = conf_problem(problems, conf_place_of(s->block, key), "%s: %s cannot be read: %s", key,
                         path, strerror(-r));
    }
    return r;
}

static int read_template(const struct site *s, const char *name, bool html, struct buf *problems,
                         struct template **ret)
{
    char path[1100], file[100];
    struct buf text = BUF_INIT(FILE_MAX);
    snprintf(file, sizeof file, "%s%s", name, html ? ".html" : ".txt");
    int r = site_read_one(s, "pages", file, path, sizeof path, &text, problems);
    r = r < 0 ? r : template_new(path, buf_str(&text), html, problems, ret);
    buf_free(&text);
    return r;
}

/* "key = words"; a line that begins with a blank goes on. */
static int site_add_text(struct language *l, const char *path, unsigned line, struct str text,
                         struct buf *problems)
{
    size_t eq = str_find(text, '=', 0);
    struct str key = str_trim(str_slice(text, 0, eq)),
               value = str_trim(str_slice(text, eq < text.n ? eq + 1 : eq, text.n));
    char file[1200];
    if (eq == text.n || key.n == 0 || key.n >= sizeof l->texts[0].key || l->n == TEXTS_MAX) {
        (void)!buf_printf(problems, "%s:%u: not \"key = words\"\n", path, line);
        return -EINVAL;
    }
    struct text *t = &l->texts[l->n];
    *t = (struct text){.line = line};
    memcpy(t->key, key.p, key.n);
    if (words_of(l, key)) {
        (void)!buf_printf(problems, "%s:%u: \"" STR_FMT "\" is there twice\n", path, line,
                          STR_ARG(key));
        return -EINVAL;
    }
    snprintf(file, sizeof file, "%s:%u", path, line);
    int r = template_new(file, value, true, problems, &t->words);
    l->n += r == 0;
    return r;
}

static int read_lines(struct language *l, const char *path, struct str rest, struct buf *problems)
{
    char whole[LINE_MAX_OCTETS];
    size_t n = 0;
    unsigned line = 0, first = 0;
    struct str one;
    int r = 0;
    while (r == 0 && str_split(&rest, '\n', &one)) {
        line++;
        bool goes_on = one.n > 0 && one.p[0] == ' ' && n > 0;
        if (!goes_on && n > 0) {
            r = site_add_text(l, path, first, str_from(whole, n), problems);
            n = 0;
        }
        struct str text = str_trim(one);
        if (text.n == 0 || text.p[0] == '#') {
            continue;
        }
        first = goes_on ? first : line;
        if (n + text.n + 1 >= sizeof whole) {
            (void)!buf_printf(problems, "%s:%u: too long\n", path, line);
            return -EINVAL;
        }
        if (goes_on) {
            whole[n++] = ' ';
        }
        memcpy(whole + n, text.p, text.n);
        n += text.n;
    }
    return r == 0 && n > 0 ? site_add_text(l, path, first, str_from(whole, n), problems) : r;
}

static int read_language(struct site *s, const char *name, struct buf *problems)
{
    char path[1100], file[64];
    struct buf text = BUF_INIT(FILE_MAX);
    struct language *l = &s->languages[s->n_languages++];
    str_copy_cut(str_c(name), l->name, sizeof l->name);
    l->texts = err_calloc(TEXTS_MAX, sizeof *l->texts);
    snprintf(file, sizeof file, "texts.%s", l->name);
    int r = site_read_one(s, "languages", file, path, sizeof path, &text, problems);
    str_copy_cut(str_c(path), l->path, sizeof l->path);
    r = r < 0 ? r : read_lines(l, path, buf_str(&text), problems);
    buf_free(&text);
    return r;
}

static int read_logo(struct site *s, struct buf *problems)
{
    const char *path = s->conf->portal.logo;
    s->logo = BUF_INIT(FILE_MAX);
    if (!path) {
        return 0;
    }
    int r = file_read(path, &s->logo);
    struct str o = buf_str(&s->logo);
    s->logo_type = o.n > 8 && memcmp(o.p, "\x89PNG\r\n\x1a\n", 8) == 0 ? "image/png"
                   : memmem(o.p, o.n < 1024 ? o.n : 1024, "<svg", 4)   ? "image/svg+xml"
                                                                       : NULL;
    if (r < 0 || !s->logo_type) {
        return conf_problem(problems, conf_place_of(s->block, "logo"), "logo: %s %s", path,
                            r < 0 ? strerror(-r) : "is neither PNG nor SVG");
    }
    return 0;
}

static bool site_is_complete(struct site *s, struct buf *problems)
{
    bool ok = true;
    for (size_t k = 0; k < 2; k++) {
        struct reader_of r = {s, 0, k == 0};
        const struct template_world w = {partial, words, &r};
        for (size_t i = 0; i < (k == 0 ? ARRAY_LEN(html_names) : ARRAY_LEN(text_names)); i++) {
            ok &= template_complete(k == 0 ? s->html[i] : s->plain[i], &w, problems);
        }
    }
    for (size_t l = 1; l < s->n_languages; l++) { /* a key that the first one lacks is misspelt */
        for (size_t i = 0; i < s->languages[l].n; i++) {
            if (!words_of(&s->languages[0], str_c(s->languages[l].texts[i].key))) {
                (void)!buf_printf(problems, "%s:%u: \"%s\" is not in texts.%s\n",
                                  s->languages[l].path, s->languages[l].texts[i].line,
                                  s->languages[l].texts[i].key, s->languages[0].name);
                ok = false;
            }
        }
    }
    return ok;
}

int site_new(const struct conf *c, struct buf *problems, struct site **ret)
{
    struct site *s = err_calloc(1, sizeof *s);
    char path[1100];
    int r = 0;
    CLEANUP(buf_free) struct buf copy = BUF_INIT(CONF_TEXT_MAX);
    r = conf_write(c, &copy);
    r = r < 0 ? r : conf_parse(buf_str(&copy), "handed-over", problems, &s->conf);
    s->block = conf_node_find(c->root, "portal", NULL);
    c = s->conf;
    for (size_t i = 0; r == 0 && i < c->portal.languages.n && i < LANGUAGES_MAX; i++) {
        r = read_language(s, c->portal.languages.v[i], problems);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(html_names); i++) {
        r = read_template(s, html_names[i], true, problems, &s->html[i]);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(text_names); i++) {
        r = read_template(s, text_names[i], false, problems, &s->plain[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(file_names); i++) {
        s->files[i] = BUF_INIT(FILE_MAX);
        r = r < 0 ? r
                  : site_read_one(s, "pages", file_names[i], path, sizeof path, &s->files[i],
                                  problems);
    }
    r = r < 0 ? r : read_logo(s, problems);
    r = r < 0 ? r : site_is_complete(s, problems) ? 0 : -EINVAL;
    if (r < 0) {
        site_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void site_free(struct site *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(html_names); i++) {
        template_free(s->html[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(text_names); i++) {
        template_free(s->plain[i]);
    }
    for (size_t i = 0; i < s->n_languages; i++) {
        for (size_t k = 0; k < s->languages[i].n; k++) {
            template_free(s->languages[i].texts[k].words);
        }
        free(s->languages[i].texts);
    }
    for (size_t i = 0; i < ARRAY_LEN(file_names); i++) {
        buf_free(&s->files[i]);
    }
    buf_free(&s->logo);
    conf_free(s->conf);
    free(s);
}

/* --- languages ---------------------------------------------------------- */

int site_language(const struct site *s, struct str name)
{
    name = str_slice(name, 0, str_find(name, '-', 0));
    for (size_t i = 0; i < s->n_languages; i++) {
        if (str_eq_nocase(name, str_c(s->languages[i].name))) {
            return (int)i;
        }
    }
    return -1;
}

/* "de;q=0.8": thousandths. */
static unsigned weight_of(struct str *one)
{
    size_t semicolon = str_find(*one, ';', 0);
    struct str q =
        str_trim(str_slice(*one, semicolon < one->n ? semicolon + 1 : semicolon, one->n));
    *one = str_trim(str_slice(*one, 0, semicolon));
    unsigned value = 1000;
    if (q.n > 2 && str_starts_nocase(q, STR("q="))) {
        value = q.p[2] == '1' ? 1000 : 0;
        for (unsigned i = 4, place = 100; i < q.n && place > 0 && q.p[i] >= '0' && q.p[i] <= '9';
             i++, place /= 10) {
            value += (unsigned)(q.p[i] - '0') * place;
        }
    }
    return value;
}

int site_negotiate(const struct site *s, struct str accept)
{
    int best = 0;
    unsigned most = 0;
    struct str one;
    for (unsigned n = 0; n < 30 && str_split(&accept, ',', &one); n++) {
        one = str_trim(one);
        unsigned weight = weight_of(&one);
        int l = site_language(s, one);
        if (l >= 0 && weight > most) {
            most = weight;
            best = l;
        }
    }
    return best;
}

size_t site_languages(const struct site *s)
{
    return s->n_languages;
}

const char *site_language_name(const struct site *s, size_t language)
{
    return s->languages[language].name;
}

/* --- writing ------------------------------------------------------------ */

static void put_organisation(const struct site *s, size_t language, struct data *d)
{
    const struct conf *c = s->conf;
    data_c(d, "organization", *c->organization ? c->organization : c->hostname);
    data_c(d, "contact", c->portal.contact);
    data_c(d, "footer", c->portal.footer);
    data_c(d, "url", c->portal.url);
    data_c(d, "portal-name", c->portal.url + strlen("https://"));
    data_c(d, "lang", s->languages[language].name);
    data_flag(d, "logo", s->logo_type != NULL);
}

int site_write(const struct site *s, const char *template, size_t language, struct data *d,
               struct buf *out)
{
    const struct template *t = NULL;
    bool html = false;
    for (size_t i = 0; i < ARRAY_LEN(html_names); i++) {
        if (strcmp(template, html_names[i]) == 0) {
            t = s->html[i];
            html = true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(text_names); i++) {
        t = strcmp(template, text_names[i]) == 0 ? s->plain[i] : t;
    }
    must(t && language < s->n_languages);
    struct reader_of r = {s, language, html};
    const struct template_world w = {partial, words, &r};
    put_organisation(s, language, d);
    return template_write(t, &w, d, out);
}

int site_text(const struct site *s, const char *key, size_t language, const struct data *d,
              struct buf *out)
{
    struct reader_of r = {s, language, false};
    const struct template_world w = {partial, words, &r};
    const struct template *t = words(&r, str_c(key));
    return t ? template_write_plain(t, &w, d, out) : 0;
}

struct str site_file(const struct site *s, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(file_names); i++) {
        if (strcmp(name, file_names[i]) == 0) {
            return buf_str(&s->files[i]);
        }
    }
    return strcmp(name, "logo") == 0 ? buf_str(&s->logo) : STR("");
}

const char *site_logo_type(const struct site *s)
{
    return s->logo_type;
}

const char *site_template(size_t n)
{
    return n < ARRAY_LEN(html_names) ? html_names[n]
           : n - ARRAY_LEN(html_names) < ARRAY_LEN(text_names)
               ? text_names[n - ARRAY_LEN(html_names)]
               : NULL;
}

bool site_is_html(size_t n)
{
    return n < ARRAY_LEN(html_names);
}
