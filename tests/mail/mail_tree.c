/* SPDX-License-Identifier: Apache-2.0
 * mail_tree.c: what mime/ reads of mails, as JSON, an item for each file named: subject,
 * addresses, parts with their types, names, character sets, the SHA-256 of their octets, and
 * their text. Called by compare.py, which asks other readers the same.
 */
#include "mime/tree.h"
#include "report/json.h"
#include "sys/file.h"
#include "tls/sign.h"
#include "wire/mailboxes.h"

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

/* As show() in view.c has it. */
static void put_text(struct json *o, struct reader *r, const struct part *p, struct str octets)
{
    size_t max = 8 * p->raw.n + 65536;
    struct buf text = BUF_INIT(max), flowed = BUF_INIT(max);
    charset_text(r, "", octets, p->charset, &text);
    bool joined = p->is_flowed && !part_is(p, "text/html") &&
                  flowed_join(buf_str(&text), p->deletes_space, &flowed) == 0;
    report_put_str(o, "text", buf_str(&text));
    report_put_str(o, "joined", buf_str(joined ? &flowed : &text));
    buf_free(&text);
    buf_free(&flowed);
}

static struct str without_last_lines(struct str text)
{
    while (text.n > 0 && text.p[text.n - 1] == '\n') {
        text.n--;
    }
    return text;
}

/* Blanks at the ends of lines are taken out (RFC 2045 6.7 rule 3), and lines at the end. */
static struct str without_last_blanks(struct str text, struct buf *out)
{
    while (text.n > 0) {
        size_t end = str_find(text, '\n', 0), n = end;
        while (n > 0 && (text.p[n - 1] == ' ' || text.p[n - 1] == '\t')) {
            n--;
        }
        (void)!buf_add(out, str_slice(text, 0, n));
        (void)!buf_add(out, STR("\n"));
        text = str_slice(text, end < text.n ? end + 1 : end, text.n);
    }
    return without_last_lines(buf_str(out));
}

static const char *kind_name(enum part_kind kind)
{
    static const char *const names[] = {
        [PART_LEAF] = "leaf",
        [PART_MULTIPART] = "multipart",
        [PART_MESSAGE] = "message",
        [PART_POINTER] = "pointer",
    };
    return names[kind];
}

static struct json *part_of(struct reader *r, const struct part *p)
{
    struct json *o = report_object(), *names = report_array();
    size_t max = 2 * p->raw.n + 1024;
    struct buf octets = BUF_INIT(max), plain = BUF_INIT(max), lines = BUF_INIT(max);
    bool sound;
    (void)!tree_octets(p, &octets, &sound);
    report_put_str(o, "number", str_c(p->number));
    report_put_str(o, "type", str_c(p->type));
    report_put_str(o, "charset", str_c(p->charset));
    report_put_int(o, "octets", (int64_t)buf_len(&octets));
    report_put_str(o, "kind", str_c(kind_name(p->kind)));
    report_put_bool(o, "empty", p->kind == PART_MULTIPART && p->n_children == 0);
    report_put_str(o, "encoding", str_c(p->encoding_said));
    report_put_bool(o, "sound", sound);
    put_hex(o, "unix", without_cr(buf_str(&octets), &plain));
    put_hex(o, "trimmed", without_last_lines(buf_str(&plain)));
    put_hex(o, "unblanked", without_last_blanks(buf_str(&plain), &lines));
    for (size_t i = 0; i < p->n_names; i++) {
        report_append_str(names, str_c(p->names[i]));
    }
    report_put(o, "names", names);
    if (strncmp(p->type, "text/", 5) == 0) {
        put_text(o, r, p, buf_str(&octets));
    }
    buf_free(&octets);
    buf_free(&plain);
    buf_free(&lines);
    return o;
}

static void put_addresses(struct json *o, const struct tree *t, const char *name, const char *as)
{
    const struct tree_field *field = t ? tree_field(&t->fields, name) : NULL;
    struct str rest = str_c(field ? field->raw : "");
    struct mailbox one;
    struct json *list = report_array();
    while (mailboxes_next(&rest, &one)) {
        report_append_str(list, one.address);
    }
    report_put(o, as, list);
}

static struct json *tree_of(const char *path, struct str message)
{
    struct mime_limits limits = mime_standard_limits;
    struct mime_reading *out = err_calloc(1, sizeof *out);
    struct reader r = {
        .out = out,
        .limits = &limits,
        .until_mono_ms = INT64_MAX,
        .text_left = 1 << 24,
        .opened_left = UINT64_MAX,
    };
    struct json *o = report_object(), *parts = report_array(), *problems = report_array();
    limits.depth = 40;
    struct tree *t = tree_read(&r, message, "");
    const struct tree_field *subject = t ? tree_field(&t->fields, "Subject") : NULL;
    report_put_str(o, "file", str_c(path));
    report_put_str(o, "subject", str_c(subject ? subject->value : ""));
    report_put_str(o, "stray", str_c(t ? t->stray : ""));
    put_addresses(o, t, "From", "from");
    put_addresses(o, t, "To", "to");
    put_addresses(o, t, "Cc", "cc");
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
