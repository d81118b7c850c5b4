/* SPDX-License-Identifier: Apache-2.0
 * detect.c: postern detect: what the packs find in files of text, with masked values, and which rules that
 * fulfils. Needs neither a running gateway nor a configuration.
 */
#include "cmd/postern/postern.h"
#include "detect/detect.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 * 1024 * 1024, NAMES_MAX = 50, EXIT_NO_INPUT = 66 };

struct wanted {
    const char *directory, *names[NAMES_MAX];
    size_t n_names;
    bool test;
    struct detect_packs *packs;
};

static int usage(void)
{
    fputs("postern: write: postern detect [--packs DIRECTORY] [--pack NAME]... [--test] FILE...   (- is standard input)\n", stderr);
    return EXIT_USAGE;
}

static void show_pack(void *arg, const char *pack, unsigned version, const char *title, size_t types, size_t rules)
{
    (void)arg;
    printf("%-12s version %-3u %3zu types %3zu rules  %s\n", pack, version, types, rules, title);
}

static int test_packs(struct wanted *w)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(1024 * 1024);
    int r = detect_packs_test(w->packs, &problems);
    fwrite(buf_str(&problems).p, 1, buf_len(&problems), stderr);
    detect_each_pack(w->packs, show_pack, NULL);
    puts(r < 0 ? "Some test vectors of the packs fail." : "All test vectors of the packs are right.");
    return r < 0 ? EXIT_NO : EXIT_OK;
}

struct shown {
    struct json *json; /* of the file; NULL: words */
    struct json *rules;
    bool any;
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

static struct json *finding_json(const struct detect_finding *f, size_t line)
{
    struct json *o = report_object();
    report_put_int(o, "line", (int64_t)line);
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

static void finding_words(const struct detect_finding *f, size_t line)
{
    printf("  %5zu  %-12s %-6s %3u  %-24s%s%s%s%s\n", line, detect_type_name(f->type), detect_level_name(f->score), f->score, f->masked,
           f->checked ? " check right;" : "", f->context ? " words near it;" : "", f->sample ? " a known sample;" : "", f->quoted ? " quoted;" : "");
}

static void show_findings(struct shown *s, const struct detect_packs *packs, struct str text, const struct detect_result *r)
{
    CLEANUP(buf_wipe) struct buf plain = BUF_INIT(FILE_MAX);
    struct json *list = s->json ? report_array() : NULL;
    (void)!detect_normalise(text, &plain);
    size_t line = 1, counted = 0;
    for (size_t i = 0; i < r->n; i++) { /* in the order of their places */
        line += lines_in(str_slice(buf_str(&plain), counted, r->findings[i].at));
        counted = r->findings[i].at;
        if (s->json) {
            report_append(list, finding_json(&r->findings[i], line));
        } else {
            finding_words(&r->findings[i], line);
        }
    }
    s->rules = s->json ? report_array() : NULL;
    detect_rules(packs, r, show_rule, s);
    if (s->json) {
        report_put(s->json, "findings", list);
        report_put(s->json, "rules", s->rules);
        report_put_bool(s->json, "incomplete", r->incomplete);
    } else if (r->incomplete) {
        puts("  incomplete: a limit was met, there may be more");
    } else if (r->n == 0) {
        puts("  nothing found");
    }
}

/* 0: no rule is fulfilled, 1: one is, 66: it could not be read. */
static int scan_file(const struct wanted *w, const char *path, struct json *all)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(FILE_MAX);
    int r = strcmp(path, "-") == 0 ? file_read_fd(0, &text) : file_read(path, &text);
    if (r == 0 && memchr(buf_str(&text).p, '\0', buf_len(&text))) {
        fprintf(stderr, "postern: %s is not a text; documents cannot be read yet\n", path);
        return EXIT_NO_INPUT;
    }
    if (r < 0) {
        fprintf(stderr, "postern: %s cannot be read: %s\n", path, strerror(-r));
        return EXIT_NO_INPUT;
    }
    struct shown s = {.json = all ? report_object() : NULL};
    const struct detect_text one = {buf_str(&text), DETECT_BODY};
    struct detect_result result;
    detect_scan(w->packs, &one, 1, &result);
    if (all) {
        report_put_str(s.json, "file", str_c(path));
    } else {
        puts(path);
    }
    show_findings(&s, w->packs, one.text, &result);
    if (all) {
        report_append(all, s.json);
    }
    bool any = s.any || result.incomplete;
    detect_result_free(&result);
    return any ? EXIT_NO : EXIT_OK;
}

static int scan_files(const struct options *o, const struct wanted *w, int first)
{
    struct json *all = o->json ? report_array() : NULL;
    int worst = EXIT_OK;
    for (int i = first; i < o->argc; i++) {
        int r = scan_file(w, o->argv[i], all);
        worst = r > worst ? r : worst;
    }
    if (all) {
        print_json(all);
    }
    return worst;
}

/* The index of the first word that is a file, or -1. */
static int take_words(const struct options *o, struct wanted *w)
{
    int i = 0;
    while (i < o->argc && strncmp(o->argv[i], "--", 2) == 0) {
        const char *word = o->argv[i++];
        if (strcmp(word, "--test") == 0) {
            w->test = true;
        } else if (strcmp(word, "--packs") == 0 && i < o->argc) {
            w->directory = o->argv[i++];
        } else if (strcmp(word, "--pack") == 0 && i < o->argc && w->n_names < NAMES_MAX) {
            w->names[w->n_names++] = o->argv[i++];
        } else {
            return -1;
        }
    }
    return w->test == (i < o->argc) ? -1 : i; /* files, or the test: not both */
}

int command_detect(const struct options *o)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(1024 * 1024);
    const char *environment = getenv("POSTERN_PACKS");
    struct wanted w = {.directory = environment ? environment : POSTERN_PACKS};
    int first = take_words(o, &w);
    if (first < 0) {
        return usage();
    }
    w.packs = detect_packs_new();
    int r = detect_packs_load(w.packs, w.directory, w.names, w.n_names, &problems);
    if (r < 0) {
        fprintf(stderr, STR_FMT "postern: --packs or POSTERN_PACKS names the directory of the packs.\n", STR_ARG(buf_str(&problems)));
        r = EXIT_CONFIG;
    } else {
        r = w.test ? test_packs(&w) : scan_files(o, &w, first);
    }
    detect_packs_free(w.packs);
    return r;
}
