/* SPDX-License-Identifier: Apache-2.0
 * shown.h: what a template makes of a view, as the web process gets it. Included by test_page.c
 * and test_shown.c.
 */
#pragma once
#include "check.h"
#include "mime/mime.h"
#include "mime/view.h"
#include "portal/packed.h"
#include "portal/shown.h"
#include "portal/template.h"

#define HEAD  "From: a@in.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"

static bool holds(const struct buf *b, const char *words)
{
    return str_has(buf_str(b), str_c(words));
}

/* as_text: the page of the text, also where there is HTML. Appends to out. */
static void page_of(const struct view *v, bool as_text, const char *template, struct buf *out)
{
    struct buf octets = BUF_INIT(PACKED_MAX), problems = BUF_INIT(1000);
    struct packed *p = err_calloc(1, sizeof *p);
    struct template_world world = {0};
    struct template *t = NULL;
    struct arena arena = ARENA_INIT(1 << 20);
    struct data d = {.arena = &arena};
    assert_int_equal(packed_write(v, &octets), 0);
    assert_int_equal(packed_read(buf_str(&octets), p), 0);
    shown_put(p, as_text, &d);
    assert_int_equal(template_new("test", str_c(template), true, &problems, &t), 0);
    assert_int_equal(template_write(t, &world, &d, out), 0);
    template_free(t);
    arena_reset(&arena);
    buf_free(&octets);
    buf_free(&problems);
    free(p);
}
