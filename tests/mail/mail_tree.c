/* SPDX-License-Identifier: Apache-2.0
 * mail_tree.c: what mime/ reads of mails, as JSON, an item for each file named: subject, author, parts with their types, names,
 * character sets, and the SHA-256 of their octets and of the text. Called by compare.py, which asks other readers the same.
 */
#include "mime/tree.h"
#include "report/json.h"
#include "sys/file.h"
#include "tls/sign.h"

#include <stdio.h>
#include <stdlib.h>

static void put_hex(struct json *o, const char *name, struct str octets)
{
    unsigned char digest[32];
    char hex[65];
    tls_sha256(octets, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    report_put_str(o, name, str_c(hex));
}

/* Line ends as other readers have them. */
static struct str without_cr(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\r') {
            (void)!buf_append(out, &text.p[i], 1);
        }
    }
    return buf_str(out);
}

static struct json *part_of(struct reader *r, const struct part *p)
{
    struct json *o = report_object(), *names = report_array();
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024), text = BUF_INIT(8 * p->raw.n + 65536), plain = BUF_INIT(2 * p->raw.n + 1024);
    bool sound;
    (void)!tree_octets(p, &octets, &sound);
    report_put_str(o, "number", str_c(p->number));
    report_put_str(o, "type", str_c(p->type));
    report_put_str(o, "charset", str_c(p->charset));
    report_put_int(o, "octets", (int64_t)buf_len(&octets));
    report_put_bool(o, "leaf", p->kind == PART_LEAF);
    report_put_bool(o, "sound", sound);
    put_hex(o, "sha256", buf_str(&octets));
    put_hex(o, "unix", without_cr(buf_str(&octets), &plain));
    for (size_t i = 0; i < p->n_names; i++) {
        report_append_str(names, str_c(p->names[i]));
    }
    report_put(o, "names", names);
    if (strncmp(p->type, "text/", 5) == 0) {
        charset_text(r, "", buf_str(&octets), p->charset, &text);
        report_put_str(o, "text", buf_str(&text));
    }
    buf_free(&octets);
    buf_free(&text);
    buf_free(&plain);
    return o;
}

static struct json *tree_of(const char *path, struct str message)
{
    struct mime_limits limits = mime_standard_limits;
    struct mime_reading *out = err_calloc(1, sizeof *out);
    struct reader r = {.out = out, .limits = &limits, .until_mono_ms = INT64_MAX, .text_left = 1 << 24, .opened_left = UINT64_MAX};
    struct json *o = report_object(), *parts = report_array(), *problems = report_array();
    limits.depth = 40;
    struct tree *t = tree_read(&r, message, "");
    const struct tree_field *subject = t ? tree_field(&t->fields, "Subject") : NULL, *from = t ? tree_field(&t->fields, "From") : NULL;
    report_put_str(o, "file", str_c(path));
    report_put_str(o, "subject", str_c(subject ? subject->value : ""));
    report_put_str(o, "from", str_c(from ? from->value : ""));
    for (size_t i = 0; t && i < t->n; i++) {
        report_append(parts, part_of(&r, &t->parts[i]));
    }
    report_put(o, "parts", parts);
    report_put(o, "problems", problems);
    for (size_t i = 0; i < out->n_problems; i++) {
        report_append_str(problems, str_c(mime_problem_name(out->problems[i].kind)));
    }
    tree_free(t);
    mime_reading_free(out);
    return o;
}

int main(int argc, char **argv)
{
    struct json *all = report_array();
    struct buf text = BUF_INIT(1 << 30);
    mime_init();
    for (int i = 1; i < argc; i++) {
        struct buf message = BUF_INIT(1 << 28);
        if (file_read(argv[i], &message) == 0) {
            report_append(all, tree_of(argv[i], buf_str(&message)));
        }
        buf_free(&message);
    }
    int r = report_render(all, &text);
    fwrite(buf_str(&text).p, 1, buf_len(&text), stdout);
    buf_free(&text);
    return r < 0;
}
