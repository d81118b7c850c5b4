/* SPDX-License-Identifier: Apache-2.0
 * test_rtf.c: the text of RTF in its code pages, and the HTML or text that Outlook packs into it.
 * Values: Microsoft's RTF specification 1.9.1 ("Font Table", "Unicode RTF"), MS-OXRTFEX 2.1.3
 * and 2.2.3, the tests of mazira/rtf-stream-parser and joshy/striprtf; what Python's codecs (cp932,
 * gbk, cp949, cp1250, cp1251, mac_roman, cp437) make of the octets.
 */
#include "check.h"
#include "mime/mime.h"
#include "mime/rtf.h"
#include "mime/view.h"
#include "wire/base64.h"

static bool holds(struct str text, const char *words)
{
    return memmem(text.p, text.n, words, strlen(words)) != NULL;
}

static void must_read(const char *rtf, const char *text, bool noted)
{
    struct reader r = reader_new(&mime_standard_limits, str_c(rtf));
    struct buf out = BUF_INIT(1 << 16);
    (void)rtf_text(&r, "1", str_c(rtf), &out);
    if (!str_eq(buf_str(&out), str_c(text)) || (r.out->n_problems > 0) != noted) {
        fail_msg("%s\nis \"" STR_FMT "\"\nnot \"%s\"; %zu problems", rtf, STR_ARG(buf_str(&out)),
                 text, r.out->n_problems);
    }
    buf_free(&out);
    mime_reading_free(r.out);
}

static void texts_are_in_their_code_pages(void **state)
{
    static const struct {
        const char *rtf, *text;
    } rows[] = {
        {"{\\rtf1\\ansi\\ansicpg1251 \\'cd\\'ee\\'ec\\'e5\\'f0 4539}", "Номер 4539"},
        {"{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fcharset204 Arial;}}\\f0 "
         "\\'cd\\'ee\\'ec\\'e5\\'f0}",
         "Номер"},
        {"{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fcharset161}}\\'f0}", "π"},
        {"{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\cpg1253\\fcharset255}}\\'f0}", "π"},
        {"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\fcharset161 Arial;\\f7}}\\f7\\'f0\\plain\\'f0}",
         "πð"},
        {"{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0\\fcharset20127}{\\f1\\fcharset1253}}\\'41{\\f1\\'f0}"
         "\\'41}",
         "AπA"},
        {"{\\rtf1\\ansi\\ansicpg1250 \\'e8\\'edslo}", "číslo"},
        {"{\\rtf1\\mac num\\'8ero}", "numéro"},
        {"{\\rtf1\\pc num\\'82ro}", "numéro"},
        {"{\\rtf1\\pca num\\'82ro}", "numéro"},
        {"{\\rtf1\\ansi\\ansicpg65001 \\'c3\\'a9}", "é"},
        {"{\\rtf1\\ansi\\ansicpg932 \\'83\\'4a\\'81\\'5b\\'83\\'68 \\'82\\'53\\'82\\'54}",
         "カード ４５"},
        /* the second octet as it stands, and escaped as what RTF needs (the specification, "Escaped
           Expressions") */
        {"{\\rtf1\\ansi\\ansicpg932 \\'83J\\'81[\\'83h\\'95\\\\\\'83\\{}", "カード表ボ"},
        {"{\\rtf1\\ansi\\ansicpg936 \\'bf\\'a8\\'ba\\'c5}", "卡号"},
        {"{\\rtf1\\ansi\\ansicpg949 \\'c4\\'ab\\'b5\\'e5}", "카드"},
        {"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f1\\cpg936}}\\f1 \\'a5\\'c6\\'a5\\'e5}", "テュ"},
        /* by number */
        {"{\\rtf1\\ansi\\ansicpg932\\uc2 \\u12459\\'83\\'4a\\u12540\\'81\\'5b}", "カー"},
        {"{\\rtf1\\ansi hi\\u8226hello}", "hi•ello"},
        {"{\\rtf1\\ansi\\uc0 hi\\u8226hello}", "hi•hello"},
        {"{\\rtf1\\ansi {\\uc5}hi\\u8226 hello}", "hi•ello"},
        {"{\\rtf1\\ansi\\uc15 hi\\u8226 he{}lo}", "hi•lo"},
        {"{\\rtf1\\ansi \\u-10179 ?\\u-8704 ?}", "😀"},
        {"{\\rtf1\\ansi \\u-10179\\'3f\\u-8704\\'3f}", "😀"},
        {"{\\rtf1\\ansi\\uc0{\\fonttbl{\\f1\\fcharset2 Symbol;}}\\u-4043\\f1\\u-4043}",
         "\xef\x80\xb5"
         "5"},
        /* words that are characters */
        {"{\\rtf1\\ansi 4539\\endash 5787\\emdash\\lquote x\\rquote\\ldblquote "
         "y\\rdblquote\\bullet\\~\\_}",
         "4539–5787—‘x’“y”• -"},
        {"{\\rtf1\\ansi a\\par b\\line c\\tab d{\\info{\\title t}}}", "a\nb\nc\tdt"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        must_read(rows[i].rtf, rows[i].text, false);
    }
}

/* Octets that are none of the page, and pages nobody knows, or in which ASCII is none: EBCDIC,
 * UTF-7. */
static void what_does_not_fit_is_noted(void **state)
{
    must_read("{\\rtf1\\ansi\\ansicpg932 a\\'83 4539}", "a\xef\xbf\xbd 4539", true);
    must_read("{\\rtf1\\ansi\\ansicpg9999 caf\\'e9 4539}", "café 4539", true);
    must_read("{\\rtf1\\ansi\\ansicpg37 caf\\'e9 4539}", "café 4539", true);
    must_read("{\\rtf1\\ansi\\ansicpg65000 caf\\'e9 +AGE-}", "café +AGE-", true);
    must_read("{\\rtf1\\ansi\\ansicpg9999 4539}", "4539", false);
}

static void html_is_taken_out(void **state)
{
    static const struct {
        const char *rtf, *html;
    } rows[] = {
        {"{\\rtf1\\ansi\\fromhtml1\\uc0{{{{{{hi}}}}}}}", "hi"},
        {"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1{\\*\\htmltag <sometag\\{/>}}", "<sometag{/>"},
        {"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1{\\*\\htmltag \\lquote hi\\bullet}}", "‘hi•"},
        {"{\\rtf1\\ansi\\fromhtml1{\\*\\htmltag241 <!--[if gte mso 15]>&nbsp;\\htmlrtf .\\u32  "
         "\\htmlrtf0<![endif]-->}}",
         "<!--[if gte mso 15]>&nbsp;<![endif]-->"},
        {"{\\rtf1\\ansi\\ansicpg1253\\fromhtml1{\\*\\htmltag\\'f0}}", "π"},
        {"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1{\\*\\htmltag84 <a href=\"mailto:a@b.test\">}"
         "\\htmlrtf {\\field{\\*\\fldinst{HYPERLINK \"mailto:a@b.test\"}}{\\fldrslt\\cf1\\ul "
         "\\htmlrtf0 a@b.test\\htmlrtf }"
         "\\htmlrtf0 \\htmlrtf }\\htmlrtf0{\\*\\htmltag92 </a>}}",
         "<a href=\"mailto:a@b.test\">a@b.test</a>"},
        {"{\\rtf1\\ansi\\fromhtml1\\deff0{\\fonttbl{\\f0}}\\htmlrtf{\\htmlrtf0}hello\\htmlrtf0}",
         ""},
        {"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1\\deff0{\\fonttbl{\\f1\\cpg1253}}"
         "\\htmlrtf\\f1\\htmlrtf0\\'f0}",
         "π"},
        {"{\\rtf1\\ansi\\fromhtml1{\\*\\htmltag64 <li>}\\htmlrtf "
         "{{\\*\\pn\\pnlvlblt{\\pntxtb\\'b7}}\\htmlrtf0 \\li360 {\\pntext *\\tab}Item 1"
         "{\\*\\htmltag244 <o:p>}{\\*\\htmltag252 </o:p>}\\htmlrtf\\par}\\htmlrtf0{\\*\\htmltag72 "
         "</li>}}",
         "<li>Item 1<o:p></o:p></li>"},
        {"{\\rtf1\\ansi\\fbidis\\ansicpg936\\deff0\\fromhtml1{\\fonttbl}{\\*\\generator Microsoft "
         "Exchange Server;}"
         "{\\*\\formatConverter converted from html;}{\\*\\mhtmltag <img src=x>}{\\info{\\title "
         "t}}x}",
         "x"},
        {"{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag84 &#8217;}\\htmlrtf \\'92\\htmlrtf0 "
         "s\\~te\\_st\\par}",
         "&#8217;s\xc2\xa0te\xc2\xadst\n"},
        /* a tag's page is that of the whole, the text's that of its font */
        {"{\\rtf1\\ansi\\ansicpg1251\\fromhtml1{\\fonttbl{\\f1\\fcharset161}}\\f1\\'f0{\\*"
         "\\htmltag <\\'f0>}\\'f0}",
         "π<р>π"},
        /* grommunio/gromox#315: what RTF's readers see as a sign is no tag; a reference is one */
        {"{\\rtf1\\ansi\\fromhtml1 5 < 6 &lt;a&gt; > 4}", "5 &lt; 6 &lt;a&gt; &gt; 4"},
        {"{\\rtf1\\ansi\\ansicpg932\\fromhtml1 \\'83<b>\\'83J}", "\xef\xbf\xbd&lt;b&gt;カ"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(rtf_is_html(str_c(rows[i].rtf)));
        must_read(rows[i].rtf, rows[i].html, i + 1 == ARRAY_LEN(rows));
    }
    assert_false(rtf_is_html(STR("{\\rtf1\\ansi some text\\fromhtml1}")));
    assert_false(rtf_is_html(STR("{\\rtf1\\ansi\\fromtext\\fromhtml1}")));
    assert_false(rtf_is_html(STR("{\\rtf1\\ansi\\'41\\fromhtml1}")));
    assert_false(rtf_is_html(STR("{\\rtf1\\ansi\\fromhtml0}")));
    assert_false(rtf_is_html(STR("{\\rtf1\\ansi\\fromhtml}")));
}

/* rtf-stream-parser's jis-test, after a mail of M. Dürst: fonts of two scripts between words for
 * RTF alone. */
static void text_is_taken_out(void **state)
{
    must_read("{\\rtf1\\ansi\\ansicpg1252\\fromtext \\fbidis "
              "\\deff0{\\fonttbl\n{\\f0\\fswiss\\fcharset0 Arial;}\n"
              "{\\f4\\fswiss\\fcharset128 MS PGothic;}\n{\\f5\\fswiss\\fcharset134 "
              "Simsun;}}\n{\\colortbl\\red0\\green0\\blue0;}\n"
              "\\uc1\\pard\\plain\\deftab360 \\f0\\fs20 \\htmlrtf{\\f4\\fs20\\htmlrtf0 "
              "2004\\'94\\'4e5\\'8c\\'8e18\\'93\\'fa\\htmlrtf\\f0}\\htmlrtf0 \\par\n"
              "\\htmlrtf{\\f5\\fs20\\htmlrtf0 D\\'a8\\'b9rst (\\'a5\\'c6)\\htmlrtf\\f0 "
              "unseen}\\htmlrtf0 \\par\n}",
              "2004年5月18日\nDürst (テ)\n", false);
}

static void many_groups_are_read(void **state)
{
    struct buf rtf = BUF_INIT(1 << 20), html = BUF_INIT(1 << 20);
    assert_int_equal(buf_add(&rtf, STR("{\\rtf1\\ansi\\fromhtml1")), 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf_add(&rtf, STR("{\\*\\htmltag <b>}\\htmlrtf {\\htmlrtf0")), 0);
    }
    assert_int_equal(buf_add(&rtf, STR(" deep")), 0);
    struct reader r = reader_new(&mime_standard_limits, buf_str(&rtf));
    assert_true(rtf_text(&r, "1", buf_str(&rtf), &html));
    assert_true(str_ends_nocase(buf_str(&html), STR("<b>deep")));
    assert_int_equal(r.out->n_problems, 0);
    mime_reading_free(r.out);
    buf_free(&rtf);
    buf_free(&html);
}

/* --- winmail.dat -------------------------------------------------------- */

static void put_number(struct buf *b, uint32_t n, unsigned octets)
{
    for (unsigned i = 0; i < octets; i++) {
        unsigned char c = (unsigned char)(n >> 8 * i);
        assert_int_equal(buf_append(b, &c, 1), 0);
    }
}

static void put_attribute(struct buf *b, unsigned char level, uint32_t id, struct str value)
{
    put_number(b, level, 1);
    put_number(b, id, 4);
    put_number(b, (uint32_t)value.n, 4);
    assert_int_equal(buf_add(b, value), 0);
    put_number(b, 0, 2); /* a checksum that nobody looks at */
}

/* PR_RTF_COMPRESSED (MS-OXCMSG 2.2.1.58.4), not packed (MS-OXRTFCP 2.1.3.1.2: "MELA"), in
 * attMsgProps. */
static void put_rtf(struct buf *b, const char *rtf)
{
    struct buf props = BUF_INIT(1 << 16);
    uint32_t n = (uint32_t)strlen(rtf);
    put_number(&props, 1, 4);
    put_number(&props, 0x10090102, 4);
    put_number(&props, 1, 4);
    put_number(&props, n + 16, 4);
    put_number(&props, n + 12, 4);
    put_number(&props, n, 4);
    assert_int_equal(buf_add(&props, STR("MELA")), 0);
    put_number(&props, 0, 4);
    assert_int_equal(buf_add(&props, str_c(rtf)), 0);
    put_number(&props, 0, -n % 4);
    put_attribute(b, 1, 0x00069003, buf_str(&props));
    buf_free(&props);
}

static void put_mail(const struct buf *tnef, struct buf *mail)
{
    static const char head[] =
        "From: a@in.test\r\nSubject: s\r\nIn-Reply-To: <a@in.test>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: application/ms-tnef; name=winmail.dat\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n";
    assert_int_equal(buf_add(mail, str_c(head)), 0);
    assert_int_equal(base64_write(buf_str(tnef), 76, mail), 0);
}

static struct buf winmail(const char *body, const char *rtf)
{
    struct buf tnef = BUF_INIT(1 << 16), mail = BUF_INIT(1 << 17);
    assert_int_equal(buf_append(&tnef, "\x78\x9f\x3e\x22\1\0", 6), 0);
    put_attribute(&tnef, 1, 0x00069007,
                  str_from("\xe3\4\0\0\0\0\0\0", 8)); /* attOemCodepage: 1251 */
    if (body) {
        put_attribute(&tnef, 1, 0x0002800c, str_c(body));
    }
    if (rtf) {
        put_rtf(&tnef, rtf);
    }
    put_attribute(&tnef, 2, 0x00069002, STR("x"));
    put_attribute(&tnef, 2, 0x0006800f, STR(""));
    put_attribute(&tnef, 2, 0x00018010, STR("EMPTY.BAT"));
    put_attribute(&tnef, 2, 0x00069002, STR("x"));
    put_attribute(&tnef, 2, 0x00018010, STR("\xcd\xee\xec\xe5\xf0.txt"));
    put_attribute(&tnef, 2, 0x0006800f, STR("octets"));
    put_mail(&tnef, &mail);
    buf_free(&tnef);
    return mail;
}

/* roundcube/roundcubemail#8444, IndySockets/Indy#221: numbers and flags between tags, and words for
 * RTF alone. */
#define OUTLOOK \
    "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0\\fswiss " \
    "Arial;}}{\\*\\htmltag19 <html>}{\\*\\htmltag64 <p>}" \
    "\\htmlrtf {\\htmlrtf0 4539{\\*\\htmltag84 &nbsp;}\\htmlrtf \\'a0\\htmlrtf0 " \
    "5787{\\*\\htmltag84 <b>}\\htmlrtf {\\b\\htmlrtf0  6362" \
    "{\\*\\htmltag92 </b>}\\htmlrtf }\\htmlrtf0  1486 {\\*\\htmltag84 &#91;}\\htmlrtf " \
    "[\\htmlrtf0 secure]\\htmlrtf for RTF\\par}" \
    "\\htmlrtf0{\\*\\htmltag72 </p>}{\\*\\htmltag84 <script>alert(1)</script>}" \
    "{\\*\\htmltag84 <blockquote type=cite>}old words{\\*\\htmltag92 " \
    "</blockquote>}{\\*\\htmltag27 </html>}}"

static const struct mime_text *text_with(const struct mime_reading *m, const char *words,
                                         enum mime_place place)
{
    for (size_t i = 0; i < m->n_texts; i++) {
        if (m->texts[i].place == place && holds(buf_str(&m->texts[i].text), words)) {
            return &m->texts[i];
        }
    }
    return NULL;
}

static void winmail_is_read_as_html(void **state)
{
    struct buf mail = winmail(NULL, OUTLOOK);
    struct mime_reading *m = mime_read(buf_str(&mail), &mime_standard_limits);
    const struct mime_text *body = text_with(m,
                                             "4539\xc2\xa0"
                                             "5787 6362 1486 [secure]",
                                             MIME_BODY);
    assert_true(body && holds(buf_str(&body->text), "> old words") &&
                !holds(buf_str(&body->text), "<"));
    assert_null(text_with(
        m, "for RTF",
        MIME_BODY)); /* whom no reader of HTML sees: no flag counts there, but it is read */
    assert_non_null(text_with(m, "for RTF", MIME_ATTACHMENT));
    assert_int_equal(m->n_problems, 0);
    assert_int_equal(m->n_attachments, 3);
    assert_string_equal(m->attachments[1].name, "EMPTY.BAT");
    assert_int_equal(m->attachments[1].octets, 0);
    assert_string_equal(m->attachments[2].name, "Номер.txt");
    mime_reading_free(m);
    buf_free(&mail);
}

static void the_page_shows_it_as_html(void **state)
{
    struct buf mail = winmail("plain words", OUTLOOK);
    struct view *v = view_of_message(buf_str(&mail));
    struct str html = buf_str(&v->html);
    assert_true(holds(html, "<b>") && holds(html, "6362") && holds(html, "secure") &&
                holds(html, "<blockquote"));
    assert_false(holds(html, "script") || holds(html, "htmltag") || holds(html, "&lt;") ||
                 holds(html, "plain words"));
    assert_true(holds(buf_str(&v->text), "6362") && !holds(buf_str(&v->text), "<p>"));
    assert_int_equal(v->n_parts, 3);
    assert_string_equal(v->parts[1].name, "EMPTY.BAT");
    assert_string_equal(v->parts[2].name, "Номер.txt");
    view_free(v);
    buf_free(&mail);
    /* what is blank is no body: the next form is shown */
    mail = winmail("plain words",
                   "{\\rtf1\\ansi\\fromhtml1{\\*\\htmltag64 <p>}{\\*\\htmltag72 </p>}}");
    v = view_of_message(buf_str(&mail));
    assert_true(holds(buf_str(&v->text), "plain words") && buf_len(&v->html) == 0 && !v->blank);
    view_free(v);
    buf_free(&mail);
}

/* MS-OXPROPS 2.599 (PidTagAttachContentId): a picture that the HTML names. */
static void pictures_of_winmail_are_shown(void **state)
{
    static const char gif[] = "GIF89a\1\0\1\0\0\0\0,\0\0\0\0";
    static const char id[] = "\1\0\0\0\x1e\0\x12\x37\1\0\0\0\x0d\0\0\0logo@in.test";
    struct buf tnef = BUF_INIT(1 << 16), mail = BUF_INIT(1 << 17);
    assert_int_equal(buf_append(&tnef, "\x78\x9f\x3e\x22\1\0", 6), 0);
    put_rtf(&tnef, "{\\rtf1\\ansi\\fromhtml1{\\*\\htmltag84 <img src=\"cid:logo@in.test\">}hello}");
    put_attribute(&tnef, 2, 0x00069002, STR("x"));
    put_attribute(&tnef, 2, 0x0006800f, str_from(gif, sizeof gif - 1));
    put_attribute(&tnef, 2, 0x00018010, STR("logo.gif"));
    put_attribute(&tnef, 2, 0x00069005, str_from(id, sizeof id));
    put_mail(&tnef, &mail);
    struct view *v = view_of_message(buf_str(&mail));
    assert_true(holds(buf_str(&v->html), "data:image/gif;base64,R0lGODlh"));
    assert_int_equal(v->n_parts, 2);
    view_free(v);
    struct mime_reading *m = mime_read(buf_str(&mail), &mime_standard_limits);
    assert_null(text_with(m, "logo@in.test", MIME_BODY));
    mime_reading_free(m);
    buf_free(&tnef);
    buf_free(&mail);
}

static void a_body_of_rtf_is_shown_as_html(void **state)
{
    static const char mail[] = "From: a@in.test\r\nSubject: s\r\nMIME-Version: "
                               "1.0\r\nContent-Type: text/rtf\r\n\r\n" OUTLOOK "\r\n";
    struct view *v = view_of_message(str_c(mail));
    assert_true(holds(buf_str(&v->html), "<b>") && holds(buf_str(&v->text), "6362"));
    assert_false(holds(buf_str(&v->html), "htmltag") || holds(buf_str(&v->html), "script"));
    view_free(v);
    struct mime_reading *m = mime_read(str_c(mail), &mime_standard_limits);
    assert_non_null(text_with(m, "5787 6362 1486 [secure]", MIME_BODY));
    mime_reading_free(m);
}

int main(void)
{
    mime_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_in_their_code_pages),
        cmocka_unit_test(what_does_not_fit_is_noted),
        cmocka_unit_test(html_is_taken_out),
        cmocka_unit_test(text_is_taken_out),
        cmocka_unit_test(many_groups_are_read),
        cmocka_unit_test(winmail_is_read_as_html),
        cmocka_unit_test(the_page_shows_it_as_html),
        cmocka_unit_test(pictures_of_winmail_are_shown),
        cmocka_unit_test(a_body_of_rtf_is_shown_as_html),
    };
    return cmocka_run_group_tests_name("rtf", tests, NULL, NULL);
}
