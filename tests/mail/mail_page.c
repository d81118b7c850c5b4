/* SPDX-License-Identifier: Apache-2.0
 * mail_page.c: the portal's page of each mail named, as files to be looked at in a browser:
 * NUMBER.html, NUMBER-body.html for its frame, NUMBER-text.html.
 *
 * Usage: mail_page CONFIG DIRECTORY FILE...
 */
#include "mime/mime.h"
#include "portal/shown.h"
#include "portal/site.h"
#include "sys/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct site *site;

static void write_page(const char *directory, size_t n, const char *end, struct str text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%zu%s.html", directory, n, end);
    FILE *out = fopen(path, "w");
    must(out);
    fwrite(text.p, 1, text.n, out);
    fclose(out);
}

static void write_mail(const char *directory, size_t n, const struct packed *p, bool as_text)
{
    struct arena arena = ARENA_INIT(DATA_MAX);
    struct data d = {.arena = &arena};
    struct buf out = BUF_INIT(8 * 1024 * 1024);
    char id[24];
    snprintf(id, sizeof id, "%zu", n);
    data_c(&d, "id", id);
    data_c(&d, "page-title", "Mail");
    data_c(&d, "until", "2027-02-20");
    data_number(&d, "days", 90);
    shown_put(p, as_text, &d);
    must(site_write(site, "mail", 0, &d, &out) == 0);
    write_page(directory, n, as_text ? "-text" : "", buf_str(&out));
    buf_reset(&out);
    must(site_write(site, "body", 0, &d, &out) == 0);
    (void)!buf_add(&out, p->html);
    write_page(directory, n, "-body", buf_str(&out));
    buf_free(&out);
    arena_reset(&arena);
}

static void show_mail(const char *directory, size_t n, struct str message)
{
    struct packed *p = err_calloc(1, sizeof *p);
    struct view *v = view_of_message(message);
    struct buf out = BUF_INIT(PACKED_MAX);
    must(packed_write(v, &out) == 0 && packed_read(buf_str(&out), p) == 0);
    write_mail(directory, n, p, false);
    write_mail(directory, n, p, true);
    buf_free(&out);
    view_free(v);
    free(p);
}

int main(int argc, char **argv)
{
    struct buf text = BUF_INIT(1024 * 1024), problems = BUF_INIT(64 * 1024);
    struct conf *c = NULL;
    struct site *s = NULL;
    mime_init();
    if (argc < 3 || file_read(argv[1], &text) < 0 ||
        conf_parse(buf_str(&text), argv[1], &problems, &c) < 0 || site_new(c, &problems, &s) < 0) {
        fprintf(stderr, "mail_page: " STR_FMT "\n", STR_ARG(buf_str(&problems)));
        return 1;
    }
    site = s;
    for (int i = 3; i < argc; i++) {
        struct buf mail = BUF_INIT(64 * 1024 * 1024);
        must(file_read(argv[i], &mail) == 0);
        show_mail(argv[2], (size_t)i - 2, buf_str(&mail));
        buf_free(&mail);
    }
    site_free(s);
    conf_free(c);
    buf_free(&text);
    buf_free(&problems);
    return 0;
}
