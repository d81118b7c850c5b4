/* SPDX-License-Identifier: Apache-2.0
 * test_html.c: the text of HTML as a page shows it: what stands in lines and boxes of its own,
 * and characters by name.
 */
#include "check.h"
#include "mime/texts.h"
#include "mime/references.h"
#include "mime/mime.h"

#include <stdio.h>

#define CARD "4539578763621486"

static struct mime_reading *read_page(const char *body)
{
    struct buf page = BUF_INIT(1 << 16);
    assert_int_equal(buf_printf(&page, "<!doctype html><html><body>%s</body></html>", body), 0);
    struct mime_reading *m = mime_read_file(buf_str(&page), "x.html", &mime_standard_limits);
    buf_free(&page);
    return m;
}

static bool has_text(const struct mime_reading *m, const char *text)
{
    for (size_t i = 0; i < m->n_texts; i++) {
        struct str t = buf_str(&m->texts[i].text);
        if (t.n > 0 && memmem(t.p, t.n, text, strlen(text))) {
            return true;
        }
    }
    return false;
}

/* HTML standard 15.3.2 to 15.3.4 (which elements are blocks), 15.4 and 15.5 (replaced elements,
 * controls); html-to-text/node-html-to-text#156, #71. */
static void blocks_and_boxes_part(void **state)
{
    static const char *const elements[] = {
        "address",    "aside",    "center",   "details", "dialog",
        "figcaption", "figure",   "fieldset", "form",    "hgroup",
        "legend",     "main",     "nav",      "search",  "summary",
        "button",     "textarea", "label",    "iframe",  "span style='color:red; Display : block'",
        "sup",        "rt",
    };
    static const char *const pages[] = {
        "5<img src=x>" CARD,
        "5<input type=checkbox>" CARD,
        "<select><option>5</select>" CARD,
        "<i style='display:flex'>5</i>" CARD,
    };
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        char page[300];
        int name = (int)strcspn(elements[i], " ");
        snprintf(page, sizeof page, "<div><%s>5</%.*s>" CARD "</div><p>x</p>", elements[i], name,
                 elements[i]);
        struct mime_reading *m = read_page(page);
        if (!stands_alone(m, CARD)) {
            fail_msg("%s: " STR_FMT, page, STR_ARG(buf_str(&m->texts[0].text)));
        }
        mime_reading_free(m);
    }
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct mime_reading *m = read_page(pages[i]);
        if (!stands_alone(m, CARD)) {
            fail_msg("%s", pages[i]);
        }
        mime_reading_free(m);
    }
    struct mime_reading *m = read_page("<center>IBAN</center><center>DE89370400440532013000</"
                                       "center><p>DE89370400440532013001<sup>1</sup></p>");
    assert_true(has_text(m, "IBAN\nDE89370400440532013000\nDE89370400440532013001\t1"));
    mime_reading_free(m);
}

/* What is in a line as letters are stays one word. */
static void words_in_a_line_stay_whole(void **state)
{
    struct mime_reading *m =
        read_page("<p>4539<b>5787</b><span style='display:inline'>6362</span><wbr>1486, "
                  "1<sup>st</sup> of May</p>");
    assert_true(has_text(m, CARD ", 1st of May"));
    mime_reading_free(m);
}

/* HTML standard 13.5 (names), 13.2.5.73 (names without a semicolon), 13.2.5.80 (numbers of
 * Windows-1252). */
static void references_are_read(void **state)
{
    static const struct {
        const char *html, *text;
    } rows[] = {
        {"[secure&rbrack;", "[secure]"},
        {"SSN 536&hyphen;90&hyphen;4399", "536\xe2\x80\x90"
                                          "90\xe2\x80\x90"
                                          "4399"},
        {"&check; done", "\xe2\x9c\x93 done"},
        {"x &#128; &#x80; &#150; y", "x \xe2\x82\xac \xe2\x82\xac \xe2\x80\x93 y"},
        {"SSN&nbsp536-90-4399", "SSN\xc2\xa0"
                                "536-90-4399"},
        {"&notit; &notin;", "\xc2\xacit; \xe2\x88\x89"},
        {"&lt;p&gt; &LT;b&GT; &amp;check;", "<p> <b> &check;"},
        {"&Afr;&acE;", "\xf0\x9d\x94\x84\xe2\x88\xbe\xcc\xb3"},
        {"&nobody; &; &#; &", "&nobody; &; &#; &"},
        {"<i title='a&copy=1 &lbrack;'>x</i>", "a&copy=1 ["},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *m = read_page(rows[i].html);
        if (!has_text(m, rows[i].text)) {
            fail_msg("%s: " STR_FMT, rows[i].html, STR_ARG(buf_str(&m->texts[0].text)));
        }
        mime_reading_free(m);
    }
}

/* HTML standard 13.5 has 2,125 names, 106 of which need no semicolon; strcmp() must order them. */
static void the_table_is_whole(void **state)
{
    size_t bare = 0;
    for (size_t i = 0; i < n_references; i++) {
        bare += references[i].is_bare;
        assert_true(i == 0 || strcmp(references[i - 1].name, references[i].name) < 0);
    }
    assert_int_equal(n_references, 2125);
    assert_int_equal(bare, 106);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_and_boxes_part),
        cmocka_unit_test(words_in_a_line_stay_whole),
        cmocka_unit_test(references_are_read),
        cmocka_unit_test(the_table_is_whole),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
