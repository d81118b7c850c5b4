/* SPDX-License-Identifier: Apache-2.0
 * detect.c: postern detect: what the packs find in files (texts, documents, archives, messages),
 * with masked values, which rules that fulfils, and what could not be read; of a message also its
 * parts, and its flags with the place where they stand. Needs neither a running gateway nor a
 * configuration; one without content blocks is told. All files are read before any of them is
 * looked into, which happens inside a sandbox.
 */
#include "cmd/postern/postern.h"
#include "detect/detect.h"
#include "mime/pdf.h"
#include "proc/inspecting.h"
#include "sys/file.h"
#include "sys/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_MAX = 64 * 1024 * 1024,
    NAMES_MAX = 50,
    ALIKE_MAX = 500, /* findings between two that are told as one */
    REMARKS_MAX = 16 * 1024,
    SAID_MAX = 40, /* flags that are told as one with those like them */
};

struct wanted {
    const char *directory, *names[NAMES_MAX], **files;
    size_t n_names, n_files;
    bool test, mail, text;
    struct conf *conf; /* whose flags are looked for */
    bool is_own;       /* it is that of the gateway: it was there and could be read */
    struct detect_packs *packs;
    struct mime_pdf *pdf;
};

void detect_options(FILE *to)
{
    fputs(
        "\n      --mail            each file is a mail: shows what was read of it, and its flags\n"
        "      --text            with --mail: its texts, too\n"
        "      --packs DIRECTORY where the packs are (default: $POSTERN_PACKS, or those that came "
        "with the program)\n"
        "      --pack NAME       this pack, and those it needs; may be given again (default: all)\n"
        "      --test            runs the test vectors of the packs\n"
        "  A file named - is standard input; behind -- every word is a file.\n",
        to);
}

static int detect_usage(void)
{
    fputs("usage: postern detect [--packs DIRECTORY] [--pack NAME]... [--mail [--text]] FILE...   "
          "(- is standard input), or postern detect --test\n",
          stderr);
    return EXIT_USAGE;
}

static void show_pack(void *arg, const char *pack, unsigned version, const char *title,
                      size_t types, size_t rules)
{
    printf("%-12s version %-3u %3zu types %3zu rules  %s\n", pack, version, types, rules, title);
}

static int test_packs(struct wanted *w)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(1024 * 1024);
    int r = detect_packs_test(w->packs, &problems);
    fwrite(buf_str(&problems).p, 1, buf_len(&problems), stderr);
    detect_each_pack(w->packs, show_pack, NULL);
    puts(r < 0 ? "Some test vectors of the packs fail."
               : "All test vectors of the packs are right.");
    return r < 0 ? EXIT_NO : EXIT_OK;
}

/* Fields of a message, any of which makes it one. */
static const char *const mail_fields[] = {
    "From",     "To",          "Cc",         "Subject",      "Date",
    "Received", "Return-Path", "Message-ID", "MIME-Version", "Content-Type",
};

static bool is_mail(const struct mime_reading *m)
{
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(mail_fields) && !any; i++) {
        size_t cursor = 0;
        any = mime_field_next(m, mail_fields[i], &cursor) != NULL;
    }
    return any;
}

/* A file that begins with two such fields, and with nothing else. */
static bool looks_like_mail(struct str octets)
{
    struct str line;
    size_t known = 0;
    while (known < 2 && str_split(&octets, '\n', &line) && str_trim(line).n > 0) {
        struct str name = str_slice(line, 0, str_find(line, ':', 0));
        bool goes_on = line.p[0] == ' ' || line.p[0] == '\t';
        if (!goes_on && (name.n == line.n || name.n == 0 || memchr(name.p, ' ', name.n))) {
            return false;
        }
        for (size_t i = 0; i < ARRAY_LEN(mail_fields) && !goes_on; i++) {
            known += str_eq_nocase(name, str_c(mail_fields[i]));
        }
    }
    return known >= 2;
}

struct shown {
    struct json *json; /* of the file; NULL: words */
    struct json *rules;
    bool any;
    bool no_mail; /* it was to be one, and has no fields */
};

static void show_rule(void *arg, const char *pack, const char *rule, const char *title)
{
    struct shown *s = arg;
    if (s->json) {
        struct json *o = report_object();
        report_put_str(o, "pack", str_c(pack));
        report_put_str(o, "rule", str_c(rule));
        report_put_str(o, "title", str_c(title));
        report_append(s->rules, o);
    } else {
        printf("  rule %s/%s: %s\n", pack, rule, title);
    }
    s->any = true;
}

static size_t lines_in(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += text.p[i] == '\n';
    }
    return n;
}

/* Where in the file: the part of a message or document, "" for a plain text, and the line there. */
struct place {
    const char *part;
    size_t line;
};

static struct json *finding_json(const struct detect_finding *f, struct place at)
{
    struct json *o = report_object();
    report_put_str(o, "part", str_c(at.part));
    report_put_int(o, "line", (int64_t)at.line);
    report_put_str(o, "type", str_c(detect_type_name(f->type)));
    report_put_str(o, "title", str_c(detect_type_title(f->type)));
    report_put_str(o, "level", str_c(detect_level_name(f->score)));
    report_put_int(o, "score", f->score);
    report_put_str(o, "masked", str_c(f->masked));
    report_put_bool(o, "checked", f->checked);
    report_put_bool(o, "context", f->context);
    report_put_bool(o, "sample", f->sample);
    report_put_bool(o, "quoted", f->quoted);
    return o;
}

static bool detect_is_same(const struct detect_finding *a, const struct detect_finding *b)
{
    return a->type == b->type && a->score == b->score && strcmp(a->masked, b->masked) == 0 &&
           a->checked == b->checked && a->context == b->context && a->sample == b->sample &&
           a->quoted == b->quoted;
}

/* Of two that are alike: on one line, or in two parts, as text and once more as HTML. */
static bool was_said(const struct mime_reading *m, const struct detect_result *r,
                     const size_t *lines, size_t i)
{
    for (size_t k = i < ALIKE_MAX ? 0 : i - ALIKE_MAX; k < i; k++) {
        bool apart =
            strcmp(m->texts[r->findings[k].text].part, m->texts[r->findings[i].text].part) != 0;
        if ((apart || lines[k] == lines[i]) && detect_is_same(&r->findings[k], &r->findings[i])) {
            return true;
        }
    }
    return false;
}

/* The octets of the message as they stand: what is found there and in a part is in the part. */
static bool is_raw(const char *part)
{
    return strcmp(part, "raw") == 0;
}

/* What is said of it, with "; " between. */
static void put_remark(struct buf *out, const char *words, const char *part)
{
    (void)!buf_printf(out, "%s%s%s", buf_len(out) > 0 ? "; " : "", words, part);
}

static void finding_words(const struct mime_reading *m, const struct detect_result *r, size_t i,
                          struct place at)
{
    const struct detect_finding *f = &r->findings[i];
    const struct {
        bool is;
        const char *words;
    } remarks[] = {
        {f->checked, "check right"},
        {f->context, "words near it"},
        {f->sample, "sample number, ignored"},
        {f->quoted, "quoted"},
    };
    CLEANUP(buf_free) struct buf said = BUF_INIT(REMARKS_MAX);
    const char *before = at.part;
    for (size_t k = 0; k < ARRAY_LEN(remarks); k++) {
        if (remarks[k].is) {
            put_remark(&said, remarks[k].words, "");
        }
    }
    for (size_t k = i + 1; k < r->n && k - i <= ALIKE_MAX; k++) {
        const char *part = m->texts[r->findings[k].text].part;
        if (strcmp(part, before) != 0 && !is_raw(part) && detect_is_same(f, &r->findings[k])) {
            put_remark(&said, "also in part ", part[0] ? part : "-");
            before = part;
        }
    }
    printf("  %-6s %5zu  %-12s %-6s %3u  %-*s%s" STR_FMT "\n", at.part, at.line,
           detect_type_name(f->type), detect_level_name(f->score), f->score,
           buf_len(&said) > 0 ? 24 : 0, f->masked, buf_len(&said) > 0 ? " " : "",
           STR_ARG(buf_str(&said)));
}

/* The line of each finding; they are in the order of texts and places. */
static void detect_count_lines(const struct mime_reading *m, const struct detect_result *r,
                               size_t *lines)
{
    struct buf plain = BUF_INIT(FILE_MAX);
    size_t line = 1, counted = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct detect_finding *f = &r->findings[i];
        if (i == 0 || f->text != r->findings[i - 1].text) {
            buf_reset(&plain);
            (void)!detect_normalise(buf_str(&m->texts[f->text].text), &plain);
            line = 1;
            counted = 0;
        }
        line += lines_in(str_slice(buf_str(&plain), counted, f->at));
        counted = f->at;
        lines[i] = line;
    }
    buf_wipe(&plain);
}

static void detect_show_findings(struct shown *s, const struct mime_reading *m,
                                 const struct detect_result *r)
{
    struct json *list = s->json ? report_array() : NULL;
    size_t *lines = err_calloc(r->n + 1, sizeof *lines);
    detect_count_lines(m, r, lines);
    for (size_t i = 0; i < r->n; i++) {
        const struct place at = {m->texts[r->findings[i].text].part, lines[i]};
        if (s->json) {
            report_append(list, finding_json(&r->findings[i], at));
        } else if (!was_said(m, r, lines, i)) {
            finding_words(m, r, i, at);
        }
    }
    free(lines);
    if (s->json) {
        report_put(s->json, "findings", list);
        report_put_bool(s->json, "incomplete", r->incomplete);
    } else if (r->incomplete) {
        puts("  incomplete: a limit was met, there may be more");
    } else if (r->n == 0 && m->n_problems == 0) {
        puts("  no content found");
    }
}

static const char *detect_name_of(const struct mime_reading *m, const char *part)
{
    for (size_t i = 0; i < m->n_attachments; i++) {
        if (strcmp(m->attachments[i].part, part) == 0) {
            return m->attachments[i].name;
        }
    }
    return "";
}

/* What a reading says of octets that are no mail at all. */
static bool is_beside_the_point(const struct shown *s, const struct mime_problem *p)
{
    return s->no_mail && !p->part[0] && (p->kind == MIME_BOUNDARY || p->kind == MIME_HEADER);
}

static void problem_words(const struct mime_reading *m, const struct mime_problem *p)
{
    const char *name = detect_name_of(m, p->part);
    printf("  %-6s %s (%s): %s%s%s%s%s%s\n", p->part,
           mime_problem_is_ambiguous(p->kind) ? "ambiguous" : "not readable",
           mime_problem_name(p->kind), mime_problem_sentence(p->kind), p->detail[0] ? ": " : "",
           p->detail, *name ? ", \"" : "", name, *name ? "\"" : "");
}

static void show_problems(const struct shown *s, const struct mime_reading *m)
{
    struct json *list = s->json ? report_array() : NULL;
    for (size_t i = 0; i < m->n_problems; i++) {
        const struct mime_problem *p = &m->problems[i];
        if (s->json) {
            struct json *o = report_object();
            report_put_str(o, "part", str_c(p->part));
            report_put_str(o, "problem", str_c(mime_problem_name(p->kind)));
            report_put_str(o, "sentence", str_c(mime_problem_sentence(p->kind)));
            report_put_str(o, "detail", str_c(p->detail));
            report_put_str(o, "name", str_c(detect_name_of(m, p->part)));
            report_append(list, o);
        } else if (!is_beside_the_point(s, p)) {
            problem_words(m, p);
        }
    }
    if (s->json) {
        report_put(s->json, "problems", list);
        report_put_str(s->json, "encryption", str_c(mime_encryption_name(m->encryption)));
    }
}

/* --- what was read of a message ------------------------------------------- */

/* Strangers wrote it: what would move the cursor of a terminal becomes "?". */
static void put_plain(struct str text, bool with_lines)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool c1 = c == 0xc2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0;
        bool plain = (c >= ' ' && c != 0x7f && !c1) || c == '\t' || (with_lines && c == '\n');
        if (c != '\r') {
            putchar(plain ? c : c == '\n' ? ' ' : '?'); /* a flag may go over two lines */
        }
        i += c1;
    }
}

static void detect_show_part(const struct shown *s, struct json *list, const struct mime_reading *m,
                             const struct mime_part *p)
{
    struct json *names = s->json ? report_array() : NULL;
    bool named = false;
    if (!s->json) { /* a type and a name hold no control characters (tree.c) */
        printf("  part %-6s %s%s%s, %llu octets%s", p->number[0] ? p->number : "-", p->type,
               p->charset[0] ? ", " : "", p->charset, (unsigned long long)p->octets,
               p->is_attachment ? ", attached" : "");
    }
    for (size_t i = 0; i < m->n_attachments + m->n_names; i++) {
        bool first = i < m->n_attachments;
        const char *part = first ? m->attachments[i].part : m->names[i - m->n_attachments].part;
        const char *name = first ? m->attachments[i].name : m->names[i - m->n_attachments].name;
        if (strcmp(part, p->number) != 0 || !*name) {
            continue;
        }
        if (s->json) {
            report_append_str(names, str_c(name));
        } else {
            printf("%s \"%s\"", named ? " and" : ",", name);
            named = true;
        }
    }
    if (!s->json) {
        puts("");
        return;
    }
    struct json *o = report_object();
    report_put_str(o, "number", str_c(p->number));
    report_put_str(o, "type", str_c(p->type));
    report_put_str(o, "charset", str_c(p->charset));
    report_put_int(o, "octets", (int64_t)p->octets);
    report_put_bool(o, "attached", p->is_attachment);
    report_put(o, "names", names);
    report_append(list, o);
}

/* Files of archives and of winmail.dat: by what they are, as no field says it. */
static void show_files_inside(const struct shown *s, struct json *list,
                              const struct mime_reading *m)
{
    for (size_t i = 0; i < m->n_attachments; i++) {
        const struct mime_attachment *a = &m->attachments[i];
        if (strchr(a->part, '/')) {
            struct mime_part p = {.octets = a->octets, .is_attachment = true};
            str_copy_cut(str_c(a->part), p.number, sizeof p.number);
            str_copy_cut(str_c(a->type), p.type, sizeof p.type);
            detect_show_part(s, list, m, &p);
        }
    }
}

/* A line that was printed, but for its end: what stands in several parts is told once. */
struct said {
    char line[512], parts[256], part[MIME_PART];
};

struct flags_shown {
    struct json *list; /* NULL: words */
    struct said said[SAID_MAX];
    size_t n;
};

static void say_flag(struct flags_shown *all, const char *line, const char *part)
{
    for (size_t i = 0; i < all->n; i++) {
        struct said *one = &all->said[i];
        if (strcmp(one->line, line) == 0) {
            size_t n = strlen(one->parts);
            if (strcmp(one->part, part) != 0 && !is_raw(part)) {
                snprintf(one->parts + n, sizeof one->parts - n, "%s%s",
                         n > 0 ? ", " : ", also in part ", part);
            }
            str_copy_cut(str_c(part), one->part, sizeof one->part);
            return;
        }
    }
    if (all->n < SAID_MAX) {
        struct said *one = &all->said[all->n++];
        str_copy_cut(str_c(line), one->line, sizeof one->line);
        str_copy_cut(str_c(part), one->part, sizeof one->part);
    }
}

static void show_flag(void *arg, enum mime_place place, const struct inspecting_flag *f)
{
    static const char *const places[] = {"subject", "body", "attachment"};
    struct flags_shown *all = arg;
    const char *where = f->attached && place != MIME_BODY ? "subject of an attached mail"
                        : f->quoted                       ? "quoted part of the body"
                        : f->attached                     ? "body of an attached mail"
                                                          : places[place];
    char written[80], line[512];
    str_copy_cut(f->written, written, sizeof written);
    if (!all->list) {
        snprintf(line, sizeof line, "%s in the %s%s%s%s", written, where,
                 f->exact ? "" : ": nearly ", f->exact ? "" : f->meant,
                 f->quoted ? ": does not count" : "");
        say_flag(all, line, f->part);
        return;
    }
    struct json *o = report_object();
    report_put_str(o, "flag", str_c(f->meant));
    report_put_str(o, "written", str_c(written));
    report_put_str(o, "place", str_c(places[place]));
    report_put_str(o, "part", str_c(f->part));
    report_put_bool(o, "exact", f->exact);
    report_put_bool(o, "quoted", f->quoted);
    report_put_bool(o, "attached", f->attached);
    report_append(all->list, o);
}

/* Fields that ask for protection as a flag does. */
static void show_field(void *arg, const struct inspecting_field *f)
{
    struct flags_shown *all = arg;
    char line[512], value[200];
    str_copy_cut(str_trim(f->value), value, sizeof value);
    if (!all->list) {
        const char *why = f->counts     ? ""
                          : f->is_label ? ": does not count, no label of flags in the configuration"
                                        : ": nearly transport, message or portal";
        snprintf(line, sizeof line, "%s: %s in the header%s", f->name, value, why);
        say_flag(all, line, "");
        return;
    }
    struct json *o = report_object();
    report_put_str(o, "flag", str_c(f->name));
    report_put_str(o, "written", str_c(value));
    report_put_str(o, "place", STR("header"));
    report_put_str(o, "part", STR(""));
    report_put_bool(o, "exact", f->counts);
    report_put_bool(o, "quoted", false);
    report_put_bool(o, "attached", false);
    report_append(all->list, o);
}

static void show_texts(const struct shown *s, const struct mime_reading *m)
{
    static const char *const places[] = {"subject", "body", "attachment"};
    struct json *list = s->json ? report_array() : NULL;
    for (size_t i = 0; i < m->n_texts; i++) {
        const struct mime_text *t = &m->texts[i];
        if (s->json) {
            struct json *o = report_object();
            report_put_str(o, "part", str_c(t->part));
            report_put_str(o, "place", str_c(places[t->place]));
            report_put_str(o, "text", buf_str(&t->text));
            report_append(list, o);
        } else {
            printf("  text of the %s%s%s:\n", places[t->place], t->part[0] ? ", part " : "",
                   t->part);
            put_plain(buf_str(&t->text), true);
            puts("");
        }
    }
    if (s->json) {
        report_put(s->json, "texts", list);
    }
}

static void show_mail(const struct wanted *w, struct shown *s, const struct mime_reading *m)
{
    size_t cursor = 0;
    const char *subject = mime_field_next(m, "Subject", &cursor);
    struct json *parts = s->json ? report_array() : NULL;
    struct flags_shown *flags = err_calloc(1, sizeof *flags);
    flags->list = s->json ? report_array() : NULL;
    if (s->json) {
        report_put_str(s->json, "subject", str_c(subject));
    } else {
        fputs("  subject: ", stdout);
        put_plain(str_c(subject ? subject : "(none)"), false);
        puts("");
    }
    for (size_t i = 0; i < m->n_described; i++) {
        detect_show_part(s, parts, m, &m->described[i]);
    }
    show_files_inside(s, parts, m);
    inspecting_fields(w->conf, m, show_field, flags);
    inspecting_flags(w->conf, m, show_flag, flags);
    for (size_t i = 0; i < flags->n; i++) {
        fputs("  ", stdout);
        put_plain(str_c(flags->said[i].line), false);
        puts(flags->said[i].parts);
    }
    if (s->json) {
        report_put(s->json, "parts", parts);
        report_put(s->json, "flags", flags->list);
    }
    free(flags);
    if (w->text) {
        show_texts(s, m);
    }
}

static void scan_reading(const struct wanted *w, struct shown *s, const struct mime_reading *m)
{
    struct detect_text *texts = err_calloc(m->n_texts + 1, sizeof *texts);
    struct detect_result result;
    bool is_new = w->mail && !mime_is_answer(m);
    for (size_t i = 0; i < m->n_texts; i++) {
        texts[i] = (struct detect_text){buf_str(&m->texts[i].text),
                                        (enum detect_place)m->texts[i].place, is_new};
    }
    detect_scan_until(w->packs, texts, m->n_texts, m->look_until_ms, &result);
    detect_show_findings(s, m, &result);
    show_problems(s, m);
    s->rules = s->json ? report_array() : NULL;
    detect_rules(w->packs, &result, show_rule, s);
    if (s->json) {
        report_put(s->json, "rules", s->rules);
    } else if (!s->any && result.n > 0) {
        puts("  no rule of the packs is fulfilled by that");
    }
    s->any |= result.incomplete || m->n_problems > 0;
    detect_result_free(&result);
    free(texts);
}

static bool detect_read_file(const char *path, struct buf *out)
{
    int r = strcmp(path, "-") == 0 ? file_read_fd(0, out) : file_read(path, out);
    if (r == -ENOSPC) {
        fprintf(stderr, "postern: %s is larger than %d MB: it is not read\n", path,
                FILE_MAX / (1024 * 1024));
    } else if (r < 0) {
        fprintf(stderr, "postern: %s cannot be read: %s\n", path, strerror(-r));
    }
    return r == 0;
}

/* Strangers wrote what is read from here on: nothing may be opened any more, and nothing sent. */
static int raise_walls(void)
{
    const struct sandbox walls = {0};
    char text[256];
    fflush(NULL);
    int r = sandbox_enter(&walls, text, sizeof text);
    if (r < 0) {
        fprintf(stderr, "postern: the walls around reading could not be raised: %s\n",
                strerror(-r));
    }
    return r;
}

/* 0: no rule is fulfilled, 1: one is, or not everything could be read, 66: it could not be
 * opened. */
static int scan_file(const struct wanted *w, const char *path, const struct buf *octets,
                     struct json *all)
{
    struct mime_limits limits = mime_standard_limits;
    limits.pdf = mime_pdf_read;
    limits.pdf_arg = w->pdf;
    struct mime_reading *m = w->mail ? mime_read(buf_str(octets), &limits)
                                     : mime_read_file(buf_str(octets), path, &limits);
    struct shown s = {.json = all ? report_object() : NULL};
    if (all) {
        report_put_str(s.json, "file", str_c(path));
    } else {
        puts(path);
    }
    s.no_mail = w->mail && !is_mail(m);
    if (s.no_mail && !all) {
        puts(buf_len(octets) > 0 ? "  this is no mail: it has no fields such as From or Subject"
                                 : "  this is no mail: the file is empty");
    }
    if (!all && !w->mail && looks_like_mail(buf_str(octets))) {
        puts("  this looks like a mail: with --mail it is read as the gateway reads it, and its "
             "flags are shown");
    }
    if (w->mail) {
        show_mail(w, &s, m);
    }
    scan_reading(w, &s, m);
    if (all) {
        report_append(all, s.json);
    }
    mime_reading_free(m);
    return s.any ? EXIT_NO : EXIT_OK;
}

static int scan_files(const struct options *o, const struct wanted *w)
{
    struct json *all = o->json ? report_array() : NULL;
    struct buf *octets = err_calloc(w->n_files + 1, sizeof *octets);
    bool *read = err_calloc(w->n_files + 1, sizeof *read);
    int worst = EXIT_OK;
    for (size_t i = 0; i < w->n_files; i++) {
        octets[i] = BUF_INIT(FILE_MAX);
        read[i] = detect_read_file(w->files[i], &octets[i]);
        worst = read[i] ? worst : EXIT_NO_INPUT;
    }
    int walls = raise_walls();
    for (size_t i = 0; i < w->n_files && walls == 0; i++) {
        int r = read[i] ? scan_file(w, w->files[i], &octets[i], all) : EXIT_OK;
        worst = r > worst ? r : worst;
    }
    for (size_t i = 0; i < w->n_files; i++) {
        buf_wipe(&octets[i]);
    }
    free(octets);
    free(read);
    if (all) {
        print_json(all);
    }
    return walls < 0 ? EXIT_NO_INPUT : worst;
}

/* The flags of the configuration, or those that hold without one. */
static struct conf *flags_of(const struct options *o, bool *ret_is_own)
{
    static const char none[] = "hostname detect.invalid; listen smtp { address 127.0.0.1:25; } "
                               "inside { domains detect.invalid; deliver-to mx.detect.invalid; }";
    CLEANUP(buf_free) struct buf problems = BUF_INIT(1024 * 1024);
    struct conf *c = NULL;
    *ret_is_own = conf_load(o->config, &problems, &c) == 0;
    if (!*ret_is_own) {
        int r = conf_parse(str_c(none), "none", &problems, &c);
        must(r == 0);
    }
    return c;
}

/* What the packs find is one thing, what the gateway does about it another. */
static void tell_of_contents(const struct options *o, const struct wanted *w)
{
    if (w->is_own && w->conf->n_contents == 0 && !w->test) {
        fprintf(stderr,
                "postern: %s has no content block: the gateway looks for none of this in mail. See "
                "content in postern.conf(5)\n",
                o->config);
    }
}

/* An option and what belongs to it, at *i. False: none, or one too many. */
static bool detect_take_option(const struct options *o, int *i, struct wanted *w)
{
    const char *word = o->argv[*i], *value = *i + 1 < o->argc ? o->argv[*i + 1] : NULL;
    if (strcmp(word, "--test") == 0) {
        w->test = true;
    } else if (strcmp(word, "--mail") == 0) {
        w->mail = true;
    } else if (strcmp(word, "--text") == 0) {
        w->text = true;
    } else if (strcmp(word, "--packs") == 0 && value) {
        w->directory = value;
        ++*i;
    } else if (strcmp(word, "--pack") == 0 && value && w->n_names < NAMES_MAX) {
        w->names[w->n_names++] = value;
        ++*i;
    } else {
        return false;
    }
    return true;
}

/* Options and files in any order. */
static bool detect_take_words(const struct options *o, struct wanted *w)
{
    bool files = false;
    w->files = err_calloc((size_t)o->argc + 1, sizeof *w->files);
    for (int i = 0; i < o->argc; i++) {
        bool is_option = !files && strncmp(o->argv[i], "--", 2) == 0;
        if (is_option && !o->argv[i][2]) {
            files = true;
        } else if (!is_option) {
            w->files[w->n_files++] = o->argv[i];
        } else if (!detect_take_option(o, &i, w)) {
            return false;
        }
    }
    return w->test == (w->n_files == 0) && (w->mail || !w->text); /* files, or the test: not both */
}

int command_detect(const struct options *o)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(1024 * 1024);
    const char *environment = getenv("POSTERN_PACKS");
    struct wanted w = {.directory = environment ? environment : POSTERN_PACKS};
    if (!detect_take_words(o, &w)) {
        free(w.files);
        return detect_usage();
    }
    w.packs = detect_packs_new();
    int r = detect_packs_load(w.packs, w.directory, w.names, w.n_names, &problems);
    if (r < 0) {
        fprintf(stderr,
                STR_FMT "postern: --packs or POSTERN_PACKS names the directory of the packs.\n",
                STR_ARG(buf_str(&problems)));
        r = EXIT_CONFIG;
    } else {
        mime_init();
        w.conf = flags_of(o, &w.is_own);
        w.pdf = w.test ? NULL : mime_pdf_new();
        tell_of_contents(o, &w);
        r = w.test ? test_packs(&w) : scan_files(o, &w);
        /* w.pdf ends with us: inside the sandbox nobody can be waited for */
    }
    conf_free(w.conf);
    detect_packs_free(w.packs);
    free(w.files);
    return r;
}
