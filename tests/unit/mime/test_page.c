/* SPDX-License-Identifier: Apache-2.0
 * test_page.c: nothing is left out of the page of a mail without a sentence, and an empty page says why. Inputs: examples of
 * RFC 2046 5.2.2, 5.2.3, and forms that other programs showed wrongly (named beside each).
 */
#include "check.h"
#include "mime/mime.h"
#include "mime/view.h"
#include "portal/packed.h"
#include "portal/shown.h"
#include "portal/template.h"

#include <stdio.h>

#define HEAD "From: a@in.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"

static bool holds(const struct buf *b, const char *words)
{
    return memmem(buf_str(b).p, buf_len(b), words, strlen(words)) != NULL;
}

/* The page of a view, as the web process gets it: is that flag on? */
static bool page_says(const struct view *v, const char *flag)
{
    struct buf octets = BUF_INIT(PACKED_MAX), out = BUF_INIT(100), problems = BUF_INIT(1000), text = BUF_INIT(100);
    struct packed *p = err_calloc(1, sizeof *p);
    struct template_world world = {0};
    struct template *t = NULL;
    struct arena arena = ARENA_INIT(1 << 20);
    struct data d = {.arena = &arena};
    assert_int_equal(packed_write(v, &octets), 0);
    assert_int_equal(packed_read(buf_str(&octets), p), 0);
    shown_put(p, false, &d);
    assert_int_equal(buf_printf(&text, "{{#%s}}on{{/%s}}", flag, flag), 0);
    assert_int_equal(template_new("test", buf_str(&text), true, &problems, &t), 0);
    assert_int_equal(template_write(t, &world, &d, &out), 0);
    bool on = holds(&out, "on");
    template_free(t);
    arena_reset(&arena);
    free(p);
    buf_free(&octets);
    buf_free(&out);
    buf_free(&problems);
    buf_free(&text);
    return on;
}

/* RFC 2046 5.2.2.2 and 5.2.3.7: examples of both. */
static void what_lies_elsewhere_is_said(void **state)
{
    static const char *const mails[] = {
        HEAD "Content-Type: message/partial; id=\"ABC@host.com\"; number=1; total=2\r\n\r\n"
             "Message-ID: <anotherid@foo.com>\r\nSubject: Audio mail\r\nMIME-Version: 1.0\r\n\r\nfirst half\r\n",
        HEAD "Content-Type: message/external-body; access-type=URL; URL=\"ftp://ftp.in.test/a.txt\"\r\n\r\n"
             "Content-Type: text/plain\r\nContent-ID: <id42@guppylake.bellcore.com>\r\n\r\nTHIS IS NOT REALLY THE BODY!\r\n",
        MIXED "Content-Type: message/external-body; access-type=local-file; name=\"/u/nsb/Me.jpeg\"\r\n\r\n"
              "Content-Type: image/jpeg\r\n\r\n\r\n--b--\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
        struct view *v = view_of_message(str_c(mails[i]));
        assert_true(v->elsewhere && page_says(v, "elsewhere") && page_says(v, "is-blank"));
        assert_int_equal(v->n_parts, 1);
        view_free(v);
    }
    struct view *v = view_of_message(STR(HEAD "\r\nhello\r\n"));
    assert_false(v->elsewhere || page_says(v, "elsewhere") || page_says(v, "is-blank"));
    view_free(v);
}

/* The own mail of an organisation whose scanner sends PDFs alone; a text of blanks; a picture is no empty page. */
static void an_empty_page_says_so(void **state)
{
    static const struct {
        const char *mail;
        bool blank;
    } rows[] = {
        {HEAD "Content-Type: application/pdf; name=scan.pdf\r\n\r\n%PDF-1.4\r\n", true},
        {HEAD "\r\n \r\n\r\n", true},
        {HEAD "Content-Type: text/html\r\n\r\n<div><br></div>\r\n", true},
        {HEAD "Content-Type: text/html\r\n\r\n<img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\">\r\n", false},
        {HEAD "Content-Type: text/html\r\n\r\n<p>x</p>\r\n", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view *v = view_of_message(str_c(rows[i].mail));
        if (page_says(v, "is-blank") != rows[i].blank) {
            fail_msg("%s", rows[i].mail);
        }
        view_free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_elsewhere_is_said),
        cmocka_unit_test(an_empty_page_says_so),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
