/* SPDX-License-Identifier: Apache-2.0
 * portal.c: postern portal preview: every page and mail of the portal with made-up values, as
 * files, so that templates and texts can be looked at before anybody else sees them.
 */
#include "cmd/postern/postern.h"
#include "portal/site.h"
#include "sys/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_values(struct data *d)
{
    static const char *const values[][2] = {
        {"page-title", "Preview"},
        {"who", "anna@example.org"},
        {"csrf", "0"},
        {"token", "abcdefgh"},
        {"words", "amber falcon"},
        {"remember-days", "30"},
        {"left", "3"},
        {"minutes", "4"},
        {"subject", "Your results <b>"},
        {"from", "Nurse Example <nurse@clinic.example>"},
        {"to", "anna@example.org"},
        {"cc", "ben@example.org"},
        {"date", "2026-11-22"},
        {"until", "2027-02-20"},
        {"days", "90"},
        {"id", "0000000000000"},
        {"number", "0000000000000"},
        {"text", "Dear Anna,\n\nyour results are fine.\n"},
        {"address", "anna@example.org"},
        {"limit", "25.0 MB"},
        {"state", "..."},
        {"sender", "nurse@clinic.example"},
        {"sender-name", "Nurse Example"},
        {"attachments", "2"},
        {"kilobytes", "120"},
        {"link", "https://portal.example/p/abcdefgh"},
        {"code", "abcd-efgh-jkmn"},
        {"phrase", "my own words"},
        {"title", "Preview"},
        {"what", "..."},
        {"proof", "..."},
        {"level-words", "..."},
        {"back", "/"},
    };
    static const char *const flags[] = {
        "is-recipient", "has-parts", "several", "many", "has-attachments", "alive", "level-changes",
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        data_c(d, values[i][0], values[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        data_flag(d, flags[i], true);
    }
    struct data *text = data_item(d, "text-pieces");
    if (text) {
        data_c(text, "piece", "Dear Anna,\n\nyour results are fine.\n");
    }
    static const char *const lists[] = {"mails", "parts", "events", "levels"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct data *one = data_item(d, lists[i]);
        if (one) {
            static const char *const more[][2] = {
                {"name", "results.pdf"},
                {"type", "application/pdf"},
                {"size", "112 KB"},
                {"n", "1"},
                {"sha256", "e3b0c442"},
                {"at", "2026-11-22T10:00:00Z"},
                {"by", "192.0.2.1"},
                {"value", "1"},
                {"words", "..."},
                {"what", "Review"},
                {"when", "2026-11-23, 14:30 \xe2\x80\x93 15:30 (Europe/Berlin)"},
                {"where", "Room 4"},
                {"organizer", "Nurse Example <nurse@clinic.example>"},
            };
            for (size_t k = 0; k < ARRAY_LEN(more); k++) {
                data_c(one, more[k][0], more[k][1]);
            }
            data_flag(one, "open", true);
            data_flag(one, "is-invitation", true);
            data_flag(one, "first", true);
            data_flag(one, "last", true);
        }
    }
}

/* 0 or -errno. */
static int write_file(const char *directory, const char *name, struct str text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    (void)mkdir(directory, 0755);
    CLEANUP(err_close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : file_write_all(fd, text);
}

static int preview(const struct conf *c, const char *directory)
{
    static const char *const statics[] = {"style.css", "portal.js"};
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    struct site *s = NULL;
    size_t n = 0;
    if (site_new(c, &problems, &s) < 0) {
        fwrite(buf_str(&problems).p, 1, buf_len(&problems), stderr);
        return EXIT_CONFIG;
    }
    int r = 0;
    for (size_t l = 0; r == 0 && l < site_languages(s); l++) {
        for (size_t i = 0; r == 0 && site_template(i); i++) {
            struct arena arena = ARENA_INIT(1024 * 1024);
            struct data d = {.arena = &arena};
            struct buf out = BUF_INIT(4 * 1024 * 1024);
            char name[128];
            put_values(&d);
            snprintf(name, sizeof name, "%s.%s%s", site_template(i), site_language_name(s, l),
                     site_is_html(i) ? ".html" : ".txt");
            r = site_write(s, site_template(i), l, &d, &out);
            r = r < 0 ? r : write_file(directory, name, buf_str(&out));
            n += r == 0;
            buf_free(&out);
            arena_reset(&arena);
        }
    }
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/static", directory);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(statics); i++) {
        r = write_file(folder, statics[i], site_file(s, statics[i]));
    }
    site_free(s);
    if (r < 0) {
        fprintf(stderr, "postern: %s: %s\n", directory, strerror(-r));
        return EXIT_NO;
    }
    printf("%zu pages and mails are in %s. Look at them with: python3 -m http.server -d %s\n", n,
           directory, directory);
    return EXIT_OK;
}

int command_portal(const struct options *o)
{
    struct conf *c;
    if (o->argc != 2 || strcmp(o->argv[0], "preview") != 0) {
        fputs("usage: postern portal preview DIRECTORY\n", stderr);
        return EXIT_USAGE;
    }
    int r = load_config(o, &c);
    if (r) {
        return r;
    }
    if (!c->portal.url) {
        fputs("postern: the configuration has no portal block\n", stderr);
        r = EXIT_NO;
    } else {
        r = preview(c, o->argv[1]);
    }
    conf_free(c);
    return r;
}
