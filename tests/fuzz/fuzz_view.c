/* SPDX-License-Identifier: Apache-2.0
 * fuzz_view.c: any octets as a message that somebody looks at: what is shown can be packed and
 * read again, its HTML holds no element that runs anything, and every attachment lies inside the
 * message. The same octets as a packed view.
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

/* What lies inside something else is there, and is what was read of it. */
static void check_inside(const struct view_part *p, struct str message)
{
    struct nested_reader d;
    if (p->octets == 0) { /* an empty file lies nowhere */
        must(p->size == 0 && p->n_inner == 0);
        return;
    }
    struct nested_place places[NESTED_MAX] = {{p->at, p->octets, p->encoding}};
    struct buf out = BUF_INIT(p->size + 1);
    memcpy(places + 1, p->inner, p->n_inner * sizeof *places);
    nested_begin(&d, places, 1 + p->n_inner, 0);
    must(nested_read(&d, message, &out) == 1 && buf_len(&out) == p->size);
    nested_wipe(&d);
    buf_free(&out);
}

static void check(const struct view *v, struct str message)
{
    static const char *const never[] = {
        "<script", "<iframe", "<object", "<embed", "<form", "<input",    "<svg",
        "<math",   "<style",  "<link",   "<meta",  "<base", "<template",
    };
    static struct packed p;
    struct buf b = BUF_INIT(PACKED_MAX);
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        must(!holds(buf_str(&v->html), never[i]));
    }
    for (size_t i = 0; i < v->n_parts; i++) {
        must(v->parts[i].at + v->parts[i].octets <= message.n && v->parts[i].name[0] &&
             v->parts[i].type[0] && v->parts[i].n_inner < NESTED_MAX);
        check_inside(&v->parts[i], message);
    }
    if (packed_write(v, &b) == 0) {
        must(packed_read(buf_str(&b), &p) == 0 && p.n_parts == v->n_parts &&
             p.n_events == v->n_events && str_eq(p.html, buf_str(&v->html)));
    }
    buf_free(&b);
}

static const struct template *none(void *arg, struct str name)
{
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
    check(v, octets);
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
