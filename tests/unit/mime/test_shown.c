/* SPDX-License-Identifier: Apache-2.0
 * test_shown.c: what the page says of a message that is not whole, of events, links, messages
 * inside it and files without a type. Forms: RFC 2046 5.1.1 (last boundary), 5.1.3 and 5.1.4 as
 * Apple Mail writes them, RFC 5545 3.8.1.5, 3.8.4.6, RFC 7986 5.11, RFC 3986 appendix C
 * (addresses in text), [MS-OXTNEF] (files of winmail.dat have no type).
 */
#include "mime/links.h"
#include "shown.h"
#include "sys/file.h"

#include <stdio.h>

#define PNG \
    "Content-Type: image/png\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: " \
    "base64\r\n\r\niVBORw0KGgoAAAAASUVORK5CYII=\r\n"

static void page_is(struct str message, const char *template, const char *expected)
{
    struct view *v = view_of_message(message);
    struct buf out = BUF_INIT(1 << 20);
    page_of(v, true, template, &out);
    if (!str_eq(buf_str(&out), str_c(expected))) {
        fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(buf_str(&out)), expected);
    }
    buf_free(&out);
    view_free(v);
}

static const char files[] = "{{#incomplete}}CUT "
                            "{{/incomplete}}{{#parts}}{{name}}{{#is-cut}}!{{/"
                            "is-cut}}{{#has-inside}}({{#inside}}{{name}}{{#is-cut}}!{{/is-cut}} "
                            "{{/inside}}){{/has-inside}} {{/parts}}";

#define PDF "Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-1.4 x"

static void a_message_without_its_end(void **state)
{
    page_is(STR(MIXED PDF "\r\n--b--\r\n"), files, "a.pdf ");
    page_is(STR(MIXED PDF), files, "CUT a.pdf! ");
    /* what is cut is not this file */
    page_is(STR(MIXED PDF "\r\n--b\r\nContent-Ty"), files, "CUT a.pdf ");
    page_is(STR(MIXED "\r\nhello"), files, "CUT ");
    /* only forgotten */
    page_is(STR(MIXED "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n" PDF
                      "\r\n--b--\r\n"),
            files, "a.pdf ");
    page_is(STR(MIXED "Content-Type: message/rfc822\r\n\r\nSubject: In\r\nContent-Type: "
                      "multipart/mixed; boundary=c\r\n\r\n--c\r\n" PDF),
            files, "CUT In.eml!(a.pdf! ) ");
    page_is(STR(HEAD "\r\nhello\r\n"), files, "");
    page_is(STR(HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\nno parts\r\n"), files, "");
}

static void messages_have_the_name_of_their_subject(void **state)
{
    page_is(STR(MIXED "Content-Type: message/rfc822\r\n\r\nSubject: Old: a/b\r\nContent-Type: "
                      "multipart/mixed; boundary=c\r\n\r\n--c\r\n" PDF "\r\n--c--\r\n--b\r\n" PDF
                      "\r\n--b--\r\n"),
            files, "Old_ a_b.eml(a.pdf ) a.pdf ");
    page_is(STR(MIXED "Content-Type: message/rfc822; name=x.eml\r\n\r\nSubject: "
                      "y\r\n\r\nz\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nTo: "
                      "a@b.test\r\n\r\nz\r\n--b--\r\n"),
            files, "x.eml attachment-2.eml ");
    page_is(STR(MIXED "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
                      "base64\r\n\r\nU3ViamVjdDogSW4KQ29udGVudC1UeXBlOiBhcHBsaWNhdGlvbi9wZGY7IG5hbW"
                      "U9YS5wZGYKCiVQREYtMS40\r\n--b--\r\n"),
            files, "In.eml(a.pdf ) ");
    struct view *v = view_of_message(
        STR(MIXED
            "Content-Type: message/rfc822\r\n\r\nDate: Mon, 30 Nov 2026 10:05:00 -0330\r\nSubject: "
            "In\r\n\r\nhello\r\n--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n"));
    assert_true(holds(&v->html, "margin-bottom:1em")); /* between fields and text */
    assert_true(holds(&v->html, "Date: 2026-11-30, 10:05 (UTC-3:30)\nSubject: In"));
    view_free(v);
}

/* Apple Mail, of a letter in HTML with a picture in its middle. */
static void pictures_inside_an_alternative(void **state)
{
    struct view *v = view_of_message(
        STR(HEAD "Content-Type: multipart/alternative; "
                 "boundary=a\r\n\r\n--a\r\n\r\nplain\r\n--a\r\nContent-Type: multipart/mixed; "
                 "boundary=b\r\n\r\n"
                 "--b\r\nContent-Type: text/html\r\n\r\none\r\n--b\r\n" PNG
                 "--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b--\r\n--a--\r\n"));
    struct str html = buf_str(&v->html);
    const char *one = memmem(html.p, html.n, "one", 3),
               *picture = memmem(html.p, html.n, "<img src=\"data:image/png", 24),
               *two = memmem(html.p, html.n, "two", 3);
    assert_true(one && picture && two && one < picture && picture < two);
    assert_int_equal(v->n_parts, 1);
    view_free(v);
    v = view_of_message(
        STR(HEAD "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: "
                 "multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n" PNG "--b--\r\n"
                 "--a\r\nContent-Type: text/html\r\n\r\nrich\r\n--a--\r\n"));
    /* of the alternative that is not shown */
    assert_true(holds(&v->html, "rich") && !holds(&v->html, "<img"));
    view_free(v);
}

#define EVENT(lines) \
    "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\n" lines \
    "END:VEVENT\r\nEND:VCALENDAR\r\n"

static void events_say_what_the_text_does_not(void **state)
{
    static const char card[] = "{{#events}}{{about}}|{{#event-url-pieces}}{{#is-link}}L:{{/"
                               "is-link}}{{piece}}{{/event-url-pieces}}{{/events}}";
    page_is(STR(MIXED "\r\nYou are invited.\r\n--b\r\n" EVENT(
                "DESCRIPTION:Bring the file.\r\nURL:https://meet.test/1\r\n") "--b--\r\n"),
            card, "Bring the file.|L:https://meet.test/1");
    page_is(STR(MIXED "\r\n> Bring\r\n> the *file*.\r\n--b\r\n" EVENT(
                "DESCRIPTION:Bring the file.\r\n") "--b--\r\n"),
            card, "|");
    page_is(STR(MIXED "Content-Type: text/html\r\n\r\n<p>Bring<br>the file.\r\n--b\r\n" EVENT(
                "DESCRIPTION:Bring the file.\r\n") "--b--\r\n"),
            card, "|");
    page_is(STR(HEAD EVENT("URL:javascript:alert(1)\r\n")), card, "|javascript:alert(1)");
    page_is(STR(HEAD EVENT("CONFERENCE;VALUE=URI:https://meet.test/2\r\n")), card,
            "|L:https://meet.test/2");
    page_is(STR(HEAD EVENT("LOCATION:https://meet.test/1\r\nURL:https://meet.test/1\r\n")), card,
            "|");
    page_is(STR(HEAD EVENT("LOCATION:see https://meet.test/1\r\n")),
            "{{#events}}{{#where-pieces}}[{{#is-link}}L:{{/is-link}}{{piece}}]{{/where-pieces}}{{/"
            "events}}",
            "[see ][L:https://meet.test/1]");
}

static void links_in_plain_text(void **state)
{
    static const struct {
        const char *text, *pieces;
    } rows[] = {
        {"see https://a.test/x?y=1&z=2.", "[see ][L:https://a.test/x?y=1&z=2][.]"},
        {"(http://a.test/b_(c)), <https://a.test/d>;",
         "[(][L:http://a.test/b_(c)][), <][L:https://a.test/d][>;]"},
        {"mailto:a@b.test tel:+49-30-1 Tel: 5 hotel:5 mailto:x",
         "[L:mailto:a@b.test][ ][L:tel:+49-30-1][ Tel: 5 hotel:5 mailto:x]"},
        {"javascript:alert(1) data:text/html,x ftp://a.test file:///etc sms:1 xhttp://a.test "
         "www.a.test",
         "[javascript:alert(1) data:text/html,x ftp://a.test file:///etc sms:1 xhttp://a.test "
         "www.a.test]"},
        {"HTTPS://A.test \"http://b.test\" http:// https://.",
         "[L:HTTPS://A.test][ \"][L:http://b.test][\" http:// https://.]"},
        {"https://a.test/\xe2\x80\xaexyz \xe2\x80\x9ehttps://b.test\xe2\x80\x9c "
         "https://\xc3\xa4.test",
         "[L:https://a.test/][\xe2\x80\xaexyz \xe2\x80\x9e][L:https://b.test][\xe2\x80\x9c "
         "][L:https://\xc3\xa4.test]"},
        {"https://a.test'onclick=x\"y", "[L:https://a.test'onclick=x][\"y]"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT(4096);
        struct str rest = str_c(rows[i].text), one;
        bool is_link;
        while (links_next(&rest, &one, &is_link)) {
            assert_int_equal(buf_printf(&out, "[%s" STR_FMT "]", is_link ? "L:" : "", STR_ARG(one)),
                             0);
        }
        if (!str_eq(buf_str(&out), str_c(rows[i].pieces))) {
            fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(buf_str(&out)), rows[i].pieces);
        }
        buf_free(&out);
    }
    page_is(STR(HEAD "\r\n<b> https://a.test/\"x\r\n"),
            "{{#text-pieces}}[{{#is-link}}L:{{/is-link}}{{piece}}]{{/text-pieces}}",
            "[&lt;b&gt; ][L:https://a.test/][&quot;x \n]");
    struct view *v = view_of_message(STR(
        MIXED "\r\nhttps://a.test/?b&c\r\n--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n"));
    assert_true(holds(&v->html, "<a target=\"_blank\" rel=\"noopener noreferrer nofollow\" "
                                "href=\"https://a.test/?b&amp;c\">https://a.test/?b&amp;c</a>"));
    view_free(v);
}

/* A text of nothing but the beginnings of links takes no longer than another. */
static void links_are_found_in_one_pass(void **state)
{
    struct buf text = BUF_INIT(1 << 21);
    while (buf_len(&text) < 1 << 20) {
        assert_int_equal(buf_add(&text, STR("/http://a")), 0);
    }
    struct str rest = buf_str(&text), one;
    bool is_link;
    size_t links = 0;
    while (links_next(&rest, &one, &is_link)) {
        links += is_link;
    }
    assert_true(links <= 1); /* longer than an address may be, but for the rest of it */
    buf_free(&text);
}

static void dates_in_words(void **state)
{
    static const char words[] =
        "{{#date}}{{#date-day}}{{date-day}}/{{#month-11}}NOV{{/month-11}}/{{date-year}} "
        "{{date-time}} {{date-zone}} {{date-local}} "
        "{{date-utc}}{{/date-day}}{{^date-day}}{{date}}{{/date-day}}{{/date}}";
    page_is(STR("Date: Mon, 30 Nov 2026 01:05:00 +0530\r\n\r\nx"), words,
            "30/NOV/2026 01:05 UTC+5:30 2026-11-30T01:05 2026-11-29T19:35:00Z");
    page_is(STR("Date: 1 Nov 26 01:05 -0800\r\n\r\nx"), words,
            "1/NOV/2026 01:05 UTC-8 2026-11-01T01:05 2026-11-01T09:05:00Z");
    /* RFC 5322 4.3: not known */
    page_is(STR("Date: 1 Jul 26 01:05 CEST\r\n\r\nx"), words,
            "1//2026 01:05 CEST 2026-07-01T01:05 ");
    page_is(STR("Date: 1 Nov 26 01:05\r\n\r\nx"), words, "1/NOV/2026 01:05  2026-11-01T01:05 ");
    page_is(STR("Date: some day\r\n\r\nx"), words, "some day");
    page_is(STR("To: a@b.test\r\n\r\nx"), words, "");
}

static void files_without_a_type(void **state)
{
    page_is(
        STR(MIXED
            "Content-Type: application/octet-stream; "
            "name=a.docx\r\n\r\nPK\x03\x04xx\r\n--b\r\nContent-Type: application/octet-stream; "
            "name=b.docx\r\n\r\nno\r\n"
            "--b\r\nContent-Type: application/octet-stream; name=c\r\n\r\n%PDF-1.4 x\r\n--b--\r\n"),
        "{{#parts}}{{type}} {{/parts}}",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document "
        "application/octet-stream application/pdf ");
}

static void words_beside_buttons(void **state)
{
    struct view *v =
        view_of_message(STR(HEAD "Content-Type: "
                                 "text/html\r\n\r\n<p>a<button>Send</button>b<svg><text>c</text></"
                                 "svg>d<select><option>e<option>f</select>g\r\n"));
    struct str html = buf_str(&v->html);
    assert_non_null(memmem(html.p, html.n, "a Send b c d", 12));
    assert_true(holds(&v->html, "e ") && holds(&v->html, " f ") && !holds(&v->html, "fg"));
    view_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_without_its_end),
        cmocka_unit_test(messages_have_the_name_of_their_subject),
        cmocka_unit_test(pictures_inside_an_alternative),
        cmocka_unit_test(events_say_what_the_text_does_not),
        cmocka_unit_test(links_in_plain_text),
        cmocka_unit_test(links_are_found_in_one_pass),
        cmocka_unit_test(dates_in_words),
        cmocka_unit_test(files_without_a_type),
        cmocka_unit_test(words_beside_buttons),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
