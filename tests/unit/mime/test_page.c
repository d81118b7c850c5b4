/* SPDX-License-Identifier: Apache-2.0
 * test_page.c: nothing is left out of the page of a mail without a sentence, and an empty page
 * says why. Inputs: examples of RFC 2046 5.2.2, 5.2.3, and forms that other programs showed
 * wrongly (named beside each).
 */
#include "shown.h"
#include "sys/file.h"

#include <stdio.h>

/* The page of a view: is that flag on? */
static bool page_says(const struct view *v, const char *flag)
{
    struct buf out = BUF_INIT(100);
    char template[200];
    snprintf(template, sizeof template, "{{#%s}}on{{/%s}}", flag, flag);
    page_of(v, false, template, &out);
    bool on = holds(&out, "on");
    buf_free(&out);
    return on;
}

/* RFC 2046 5.2.2.2 and 5.2.3.7: examples of both. */
static void what_lies_elsewhere_is_said(void **state)
{
    static const char *const mails[] = {
        HEAD "Content-Type: message/partial; id=\"ABC@host.com\"; number=1; total=2\r\n\r\n"
             "Message-ID: <anotherid@foo.com>\r\nSubject: Audio mail\r\nMIME-Version: "
             "1.0\r\n\r\nfirst half\r\n",
        HEAD "Content-Type: message/external-body; access-type=URL; "
             "URL=\"ftp://ftp.in.test/a.txt\"\r\n\r\n"
             "Content-Type: text/plain\r\nContent-ID: <id42@guppylake.bellcore.com>\r\n\r\nTHIS IS "
             "NOT REALLY THE BODY!\r\n",
        MIXED "Content-Type: message/external-body; access-type=local-file; "
              "name=\"/u/nsb/Me.jpeg\"\r\n\r\n"
              "Content-Type: image/jpeg\r\n\r\n\r\n--b--\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
        struct view *v = view_of_message(str_c(mails[i]));
        assert_true(v->elsewhere && page_says(v, "elsewhere") && v->blank &&
                    !page_says(v, "is-blank"));
        assert_int_equal(v->n_parts, 1);
        view_free(v);
    }
    struct view *v = view_of_message(STR(HEAD "\r\nhello\r\n"));
    assert_false(v->elsewhere || page_says(v, "elsewhere") || page_says(v, "is-blank"));
    view_free(v);
}

/* RFC 5546 3.2.3: the words of an answer are its comment. And a text that Exchange made a file
 * of is read where it stands, and can be kept. */
static void words_in_files_are_shown(void **state)
{
    struct view *v = view_of_message(STR(
        HEAD "Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n"
             "BEGIN:VEVENT\r\nSUMMARY:s\r\nCOMMENT:I am late\r\nDESCRIPTION:come\r\n"
             "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@in.test\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"));
    assert_int_equal(v->n_events, 1);
    assert_string_equal(v->events[0].about, "I am late");
    view_free(v);
    v = view_of_message(STR(MIXED
                            "\r\nabove\r\n--b\r\nContent-Type: text/html\r\nContent-Disposition: "
                            "attachment; filename=ATT00001.htm\r\n\r\n"
                            "<p>below</p>\r\n--b--\r\n"));
    assert_true(holds(&v->text, "below") && holds(&v->html, "below") && v->n_parts == 1);
    view_free(v);
}

static const struct view_part *part_named(const struct view *v, const char *name)
{
    for (size_t i = 0; i < v->n_parts; i++) {
        if (strcmp(v->parts[i].name, name) == 0) {
            return &v->parts[i];
        }
    }
    return NULL;
}

/* RFC 5545 3.8.1.1, RFC 2397: a file in an event or a link can be saved; one that lies nowhere
 * as it is, is said. A picture is seen. */
static void files_in_events_and_links(void **state)
{
    struct view *v = view_of_message(STR(
        HEAD "Content-Type: text/calendar\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
             "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:s\r\nATTACH;FILENAME=3Da.csv;ENCODING="
             "3DBASE64:aGVs\r\n bG8=3D\r\n"
             "END:VEVENT\r\nEND:VCALENDAR\r\n"));
    const struct view_part *p = part_named(v, "a.csv");
    assert_true(p && p->size == 5 && p->n_inner == 1 && !v->cut);
    view_free(v);
    v = view_of_message(STR(HEAD "Content-Type: text/html\r\n\r\n<a download=a.csv "
                                 "href=\"data:text/csv;base64,aGVsbG8=\">x</a><img "
                                 "src=\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\">\r\n"));
    p = part_named(v, "a.csv");
    assert_true(p && p->size == 5 && strcmp(p->type, "text/csv") == 0 && v->n_parts == 1 &&
                !v->cut);
    view_free(v);
    v = view_of_message(
        STR(HEAD "Content-Type: text/html\r\n\r\n<a href=\"data:text/csv,a%20b\">x</a>"));
    assert_true(v->cut && v->n_parts == 0);
    view_free(v);
}

/* The own mail of an organisation whose scanner sends PDFs alone; a text of blanks; a picture is
 * no empty page. */
static void an_empty_page_says_so(void **state)
{
    static const struct {
        const char *mail;
        bool blank;
    } rows[] = {
        {HEAD "Content-Type: application/pdf; name=scan.pdf\r\n\r\n%PDF-1.4\r\n", true},
        {HEAD "\r\n \r\n\r\n", true},
        {HEAD "Content-Type: text/html\r\n\r\n<div><br></div>\r\n", true},
        {HEAD "Content-Type: text/html\r\n\r\n<img "
              "src=\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\">\r\n",
         false},
        {HEAD "Content-Type: text/html\r\n\r\n<p>x</p>\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view *v = view_of_message(str_c(rows[i].mail));
        if (page_says(v, "is-blank") != rows[i].blank) {
            fail_msg("%s", rows[i].mail);
        }
        view_free(v);
    }
}

/* roundcube/roundcubemail#8133: an alternative without a word is none. */
static void an_empty_alternative_is_none(void **state)
{
    static const char *const htmls[] = {
        "",
        "<html><head><title>x</title></head><body>&nbsp;<br></body></html>",
        "<p style=\"a\"> </p>",
    };
    for (size_t i = 0; i < ARRAY_LEN(htmls); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m,
                                    HEAD "Content-Type: multipart/alternative; "
                                         "boundary=b\r\n\r\n--b\r\n\r\nplain words\r\n--b\r\n"
                                         "Content-Type: text/html\r\n\r\n%s\r\n--b--\r\n",
                                    htmls[i]),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        assert_true(holds(&v->text, "plain words") &&
                    (buf_len(&v->html) == 0 || holds(&v->html, "plain words")));
        assert_false(v->blank);
        view_free(v);
        buf_free(&m);
    }
    struct view *v = view_of_message(
        STR(HEAD "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n \r\n--b\r\n"
                 "Content-Type: text/html\r\n\r\n<p>rich words</p>\r\n--b--\r\n"));
    assert_true(holds(&v->text, "rich words") && holds(&v->html, "rich words"));
    view_free(v);
}

static struct buf file_with(const char *name, const char *from, const char *to)
{
    struct buf m = BUF_INIT(1 << 20), ret = BUF_INIT(1 << 20);
    char path[200];
    snprintf(path, sizeof path, "tests/fixtures/mail/%s", name);
    assert_int_equal(file_read(path, &m), 0);
    const char *at = memmem(buf_str(&m).p, buf_len(&m), from, strlen(from));
    assert_non_null(at);
    size_t before = (size_t)(at - buf_str(&m).p);
    assert_int_equal(buf_add(&ret, str_slice(buf_str(&m), 0, before)), 0);
    assert_int_equal(buf_add(&ret, str_c(to)), 0);
    assert_int_equal(buf_add(&ret, str_slice(buf_str(&m), before + strlen(from), buf_len(&m))), 0);
    buf_free(&m);
    return ret;
}

/* RFC 8551 3.2.1: gateways that know no S/MIME send it as application/octet-stream; the
 * identifiers of RFC 5652 5 and 6, RFC 5083 4. The mail is that of openssl smime
 * (tests/fixtures/mail). */
static void signatures_under_other_types(void **state)
{
    static const char type[] = "application/pkcs7-mime; smime-type=signed-data;";
    static const char *const others[] = {
        "application/octet-stream;",
        "application/pkcs7;",
        "application/x-pkcs7-mime;",
    };
    static const char *const sealed[] = {
        "MIAGCSqGSIb3DQEHA6CAMIACAQA=",
        "MIH/BgsqhkiG9w0BCRABF6CB",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct buf m = file_with("17-smime-opaque.eml", type, others[i]);
        struct view *v = view_of_message(buf_str(&m));
        assert_true(holds(&v->text, "OPAQUE-TEXT") && !v->smime && !v->cut && !v->blank);
        view_free(v);
        buf_free(&m);
    }
    for (size_t i = 0; i < ARRAY_LEN(sealed); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m,
                                    HEAD
                                    "Content-Type: application/octet-stream; name=smime.p7m\r\n"
                                    "Content-Transfer-Encoding: base64\r\n\r\n%s\r\n",
                                    sealed[i]),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        assert_true(v->smime && v->n_parts == 1);
        view_free(v);
        buf_free(&m);
    }
    struct view *v = view_of_message(STR(
        HEAD
        "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nno such thing\r\n"));
    assert_true(v->cut && holds(&v->text, "no such thing") && !v->smime);
    view_free(v);
}

/* MS-OXTNEF 2.1.3.3.20 (attBody): the text of winmail.dat, alone under any type, and beside a
 * text without a word. */
static void texts_of_winmail(void **state)
{
    static const char tnef[] = "eJ8+IgEAAQyAAgALAAAAdG5lZiB3b3JkcwAAAA==";
    static const char *const heads[] = {
        HEAD "Content-Type: application/ms-tnef",
        HEAD "Content-Type: application/octet-stream; name=winmail.dat",
        MIXED "Content-Type: text/plain\r\n\r\n \r\n\r\n--b\r\nContent-Type: application/ms-tnef",
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(
            buf_printf(&m, "%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b--\r\n",
                       heads[i], tnef),
            0);
        struct view *v = view_of_message(buf_str(&m));
        if (!holds(&v->text, "tnef words") || v->blank) {
            fail_msg("%s: " STR_FMT, heads[i], STR_ARG(buf_str(&v->text)));
        }
        view_free(v);
        buf_free(&m);
    }
}

/* RFC 9580 6.2 in RFC 2045 6.7 and 6.8. */
static void armour_in_an_encoding(void **state)
{
    static const char *const bodies[] = {
        "quoted-printable\r\n\r\n=2D----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA5FSBjmLTPMfAQf/Z2d7\r\n",
        "base64\r\n\r\nLS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0tCgpoUUVNQTVGU0JqbUxUUE1mQVFmL1oyZDcK\r"
        "\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m,
                                    HEAD
                                    "Content-Type: text/plain\r\nContent-Transfer-Encoding: %s",
                                    bodies[i]),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        assert_true(v->pgp);
        view_free(v);
        buf_free(&m);
    }
}

/* HTML standard 15.5 (forms), 4.12.2 (noscript where nothing runs), 4.8.7, 4.8.15, 4.11.4, 6.1,
 * 16.2; SVG 2 11.1; MathML Core 3.2: what a browser would show of these is there. */
static void texts_of_other_elements(void **state)
{
    static const struct {
        const char *html, *shown, *unseen;
    } rows[] = {
        {"<button>Press here</button>", "Press here", "<button"},
        {"<textarea rows=3>Written & meant</textarea>", "Written &#38; meant", "<textarea"},
        {"<select><optgroup label=x><option>Red<option selected>Green</select>", "Green",
         "<option"},
        {"<input value='Your code 1234'>", " Your code 1234 ", "<input"},
        {"<input type=hidden value=secret><p>x", "x", "secret"},
        {"<input type=submit value='Go &lt;b>'>", " Go &#60;b&#62; ", "<b>"},
        {"<input type=checkbox checked>yes", "\xe2\x98\x91 yes", "<input"},
        {"<input placeholder='Your name'>", "Your name", "<input"},
        {"<noscript><p>Without scripts</p></noscript>", "<p>Without scripts", "<noscript"},
        {"<noscript><p title='</noscript><img src=x onerror=alert(1)>'>Words</noscript>",
         "<p>Words", "onerror"},
        {"<noscript>a</noscript><p title='a &lt; b'>Words", "<p title=\"a &#60; b\">Words",
         "<noscript"},
        {"<object data=x.swf><p>Instead of it</p></object>", "<p>Instead of it", "<object"},
        {"<video src=x><a href='https://x.test/'>Watch</a></video>", "Watch</a>", "<video"},
        {"<svg><defs><text>NO</text></defs><text x=1>Drawn words</text></svg>", "Drawn words",
         "NO"},
        {"<svg><style>*{x:y}</style><script>alert(1)</script><title>NO</title></svg>x", "x",
         "alert"},
        {"<math><mi>x</mi><mo>=</mo><mn>42</mn></math>", "x=42", "<m"},
        {"<dialog open>Opened</dialog>", "Opened", "<dialog"},
        {"<dialog>Closed</dialog>x", "x", "Closed"},
        {"<xmp>As it is</xmp>", "As it is", "<xmp"},
        {"<plaintext>To the end", "To the end", "<plaintext"},
        {"<p hidden>Preheader</p>x", "<p style=\"display:none;\">Preheader", "<p>"},
        {"<label hidden>Preheader</label>x", "x", "Preheader"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m, HEAD "Content-Type: text/html; charset=utf-8\r\n\r\n%s\r\n",
                                    rows[i].html),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        if (!holds(&v->html, rows[i].shown) || holds(&v->html, rows[i].unseen)) {
            fail_msg("%s gives " STR_FMT, rows[i].html, STR_ARG(buf_str(&v->html)));
        }
        view_free(v);
        buf_free(&m);
    }
}

/* RFC 1896 (its example of line ends, "<<"), RFC 1341 7.1.2, Word's RTF, RFC 3236; RFC 2046
 * 4.1.4: texts of no known type, and what is none of its type; a body with a name beside a file. */
static void texts_of_other_kinds(void **state)
{
    static const struct {
        const char *mail, *text;
    } rows[] = {
        {MIXED
         "Content-Type: text/enriched\r\n\r\n<bold>Now</bold> is the time\r\nfor "
         "<color><param>red</param>all</color> 1<<2\r\n\r\nmen\r\n--b\r\n\r\nfooter\r\n--b--\r\n",
         "Now is the time for all 1<2\nmen"},
        {HEAD "Content-Type: text/richtext\r\n\r\n<bold>a</bold><nl>b <lt>c\r\n", "a\nb <c"},
        {HEAD "Content-Type: application/xhtml+xml\r\n\r\n<html><body><p>Seen "
              "words</p></body></html>\r\n",
         "Seen words"},
        {HEAD "Content-Type: application/rtf\r\n\r\n{\\rtf1\\ansi Seen \\b words\\b0\\par}\r\n",
         "Seen words"},
        {HEAD "Content-Type: text/rtf\r\n\r\n{\\rtf1\\ansi Seen \\b words\\b0\\par}\r\n",
         "Seen words"},
        {MIXED "Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-1.4\r\n--b\r\nContent-Type: "
               "application/rtf\r\n\r\n"
               "{\\rtf1 Seen words}\r\n--b--\r\n",
         "Seen words"},
        {MIXED "Content-Type: text/calendar\r\n\r\nSeen words\r\n--b--\r\n", "Seen words"},
        {MIXED "Content-Type: text/plain\r\n\r\n\r\n--b\r\nContent-Type: text/calendar\r\n\r\nSeen "
               "words\r\n--b--\r\n",
         "Seen words"},
        {MIXED "Content-Type: text/x-own\r\n\r\nSeen words\r\n--b\r\nContent-Type: "
               "application/pdf; name=a.pdf\r\n\r\n%PDF-1.4\r\n--b--\r\n",
         "Seen words"},
        {HEAD "Content-Type: text/rtf\r\n\r\nSeen words\r\n", "Seen words"},
        {HEAD "Content-Type: application/pgp; format=text\r\n\r\nSeen words\r\n", "Seen words"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view *v = view_of_message(str_c(rows[i].mail));
        if (!holds(&v->text, rows[i].text) || v->blank) {
            fail_msg("%s gives " STR_FMT, rows[i].mail, STR_ARG(buf_str(&v->text)));
        }
        view_free(v);
    }
    struct buf m = BUF_INIT(1 << 20);
    assert_int_equal(
        buf_printf(&m,
                   MIXED "Content-Type: text/html; name=mail.html\r\n\r\n<p>Long words</p>\r\n"),
        0);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(buf_printf(&m, "<p>Line %d of a long mail with many words</p>\r\n", i), 0);
    }
    assert_int_equal(
        buf_printf(
            &m, "--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%%PDF-1.4\r\n--b--\r\n"),
        0);
    struct view *v = view_of_message(buf_str(&m));
    assert_true(holds(&v->text, "Long words") && holds(&v->html, "<p>Line 1999") &&
                v->n_parts == 2);
    view_free(v);
    buf_free(&m);
}

/* UTS 55 3, CVE-2021-42574: U+202E turns what stands behind it; U+200F belongs to Hebrew and
 * Arabic. */
static void directions_of_fields(void **state)
{
    struct view *v =
        view_of_message(STR("From: =?utf-8?q?a=E2=80=AEb?= <a@in.test>\r\nSubject: pay "
                            "=?utf-8?q?=E2=81=A7=E2=80=AEx=E2=80=8Fy?=\r\n\r\nhi\r\n"));
    assert_string_equal(v->subject, "pay x\xe2\x80\x8fy");
    assert_string_equal(v->from_name, "ab");
    assert_string_equal(v->from, "ab <a@in.test>");
    view_free(v);
}

/* POSIX uuencode in RFC 2045 6.7 and 6.8; RFC 2046 5.1.1: text behind the last boundary. */
static void what_stands_in_the_text(void **state)
{
    static const char *const bodies[] = {
        "base64\r\n\r\nc2VlCmJlZ2luIDY0NCBhLnR4dAojODYpQwpgCmVuZAo=\r\n",
        "quoted-printable\r\n\r\nsee\r\nbegin 644 a.txt\r\n#86)C\r\n=60\r\nend\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct buf m = BUF_INIT(4096), octets = BUF_INIT(100);
        struct nested_reader d;
        assert_int_equal(buf_printf(&m,
                                    HEAD
                                    "Content-Type: text/plain\r\nContent-Transfer-Encoding: %s",
                                    bodies[i]),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        assert_true(v->n_parts == 1 && v->parts[0].size == 3 && v->parts[0].n_inner == 1);
        assert_string_equal(v->parts[0].name, "a.txt");
        struct nested_place places[] = {
            {v->parts[0].at, v->parts[0].octets, v->parts[0].encoding},
            v->parts[0].inner[0],
        };
        nested_begin(&d, places, 2, 0);
        assert_int_equal(nested_read(&d, buf_str(&m), &octets), 1);
        assert_true(str_eq(buf_str(&octets), STR("abc")));
        nested_wipe(&d);
        view_free(v);
        buf_free(&m);
        buf_free(&octets);
    }
    /* POSIX uuencode: a sentence is no line of it */
    struct view *v = view_of_message(STR(HEAD "\r\nbegin 644 a.txt\r\nnot uu at all\r\nLAST\r\n"));
    assert_int_equal(v->n_parts, 0);
    view_free(v);
    v = view_of_message(STR(
        HEAD "\r\nbegin 644 empty.txt\r\n`\r\nend\r\nbegin 644 b.txt\r\n#86)C \r\n`\r\nend\r\n"));
    assert_int_equal(v->n_parts, 2);
    view_free(v);
    /* as many as inspect reads; the page says that there are more */
    struct buf m = BUF_INIT(1 << 20);
    assert_int_equal(buf_add(&m, STR(HEAD "\r\n")), 0);
    for (int i = 0; i < 150; i++) {
        assert_int_equal(buf_printf(&m, "begin 644 %d.txt\r\n#86)C\r\n`\r\nend\r\n", i), 0);
    }
    v = view_of_message(buf_str(&m));
    assert_true(v->n_parts == 100 && v->cut);
    view_free(v);
    buf_free(&m);
    v = view_of_message(STR(MIXED "\r\nhi\r\n--b--\r\n\r\nlast words\r\n"));
    assert_true(v->cut);
    view_free(v);
    v = view_of_message(STR(MIXED "\r\nhi\r\n--b--\r\n\r\n"));
    assert_false(v->cut);
    view_free(v);
}

/* HTML standard 4.8.5, 4.8.8, SVG 2: what is no text and is not shown has a sentence. */
static void frames_and_drawings_are_said(void **state)
{
    static const struct {
        const char *html;
        bool said;
    } rows[] = {
        {"<iframe src='https://x.test/'></iframe>x", true},
        {"<iframe srcdoc='words'></iframe>x", true},
        {"<video src=a.mp4></video>x", true},
        {"<video><source src=a.mp4></video>x", true},
        {"<svg><path d='M0 0'/></svg>x", true},
        {"<img src='data:image/svg+xml,x'>x", true},
        {"<img src='https://x.test/a.png'>x", true},
        {"<form><input value=a></form>x", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m, HEAD "Content-Type: text/html\r\n\r\n%s\r\n", rows[i].html),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        if (page_says(v, "remote") != rows[i].said) {
            fail_msg("%s", rows[i].html);
        }
        view_free(v);
        buf_free(&m);
    }
}

/* Found by fuzz_view: a word that begins as the function of CSS Color 4 15.1 and is none ended
 * the process. */
static void colours_that_are_none(void **state)
{
    struct view *v =
        view_of_message(STR(HEAD "Content-Type: text/html\r\n\r\n<p "
                                 "style=\"color:rgb;background-color:rgba\">words</p>\r\n"));
    assert_true(holds(&v->html, "words"));
    view_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_elsewhere_is_said),
        cmocka_unit_test(words_in_files_are_shown),
        cmocka_unit_test(files_in_events_and_links),
        cmocka_unit_test(an_empty_page_says_so),
        cmocka_unit_test(an_empty_alternative_is_none),
        cmocka_unit_test(signatures_under_other_types),
        cmocka_unit_test(texts_of_winmail),
        cmocka_unit_test(armour_in_an_encoding),
        cmocka_unit_test(texts_of_other_elements),
        cmocka_unit_test(texts_of_other_kinds),
        cmocka_unit_test(directions_of_fields),
        cmocka_unit_test(what_stands_in_the_text),
        cmocka_unit_test(frames_and_drawings_are_said),
        cmocka_unit_test(colours_that_are_none),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
