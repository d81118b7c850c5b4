/* SPDX-License-Identifier: Apache-2.0
 * fuzz_view.c: any octets as a message that somebody looks at: what is shown can be packed and read again, its HTML holds no
 * element that runs anything, and every attachment lies inside the message. The same octets as a packed view.
 */
#include "fuzz.h"
#include "mime/reader.h"
#include "portal/packed.h"
#include "portal/template.h"

static bool holds(struct str s, const char *word)
{
    for (size_t i = 0; i + strlen(word) <= s.n; i++) {
        if (str_eq_nocase(str_slice(s, i, i + strlen(word)), str_c(word))) {
            return true;
        }
    }
    return false;
}

static void check(const struct view *v, size_t size)
{
    static const char *const never[] = {"<script", "<iframe", "<object", "<embed", "<form", "<input", "<svg", "<math", "<style", "<link", "<meta", "<base", "<template"};
    static struct packed p;
    struct buf b = BUF_INIT(PACKED_MAX);
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        must(!holds(buf_str(&v->html), never[i]));
    }
    for (size_t i = 0; i < v->n_parts; i++) {
        must(v->parts[i].at + v->parts[i].octets <= size && v->parts[i].name[0] && v->parts[i].type[0]);
    }
    if (packed_write(v, &b) == 0) {
        must(packed_read(buf_str(&b), &p) == 0 && p.n_parts == v->n_parts && p.n_events == v->n_events && str_eq(p.html, buf_str(&v->html)));
    }
    buf_free(&b);
}

static const struct template *none(void *arg, struct str name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static void as_template(struct str octets)
{
    struct buf problems = BUF_INIT(1 << 20), out = BUF_INIT(1 << 16);
    struct template *t = NULL;
    struct arena a = ARENA_INIT(1 << 16);
    struct data d = {.arena = &a};
    const struct template_world w = {none, none, NULL};
    data_c(&d, "a", "<script>");
    data_flag(&d, "b", true);
    if (template_new("f", octets, true, &problems, &t) == 0) {
        (void)!template_complete(t, &w, &problems);
        (void)!template_write(t, &w, &d, &out);
        template_free(t);
    } else {
        must(buf_len(&problems) > 0);
    }
    buf_free(&problems);
    buf_free(&out);
    arena_reset(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct packed p;
    struct str octets = str_from((const char *)data, size);
    mime_init();
    struct view *v = view_of_message(octets);
    check(v, size);
    view_free(v);
    struct buf html = BUF_INIT(1 << 20);
    bool remote;
    struct reader r = reader_new(&mime_standard_limits, octets);
    (void)sanitise_html(&r, octets, NULL, 0, &html, &remote);
    must(!holds(buf_str(&html), "<script") && !holds(buf_str(&html), "<iframe"));
    buf_free(&html);
    mime_reading_free(r.out);
    (void)!packed_read(octets, &p);
    as_template(octets);
    return 0;
}
