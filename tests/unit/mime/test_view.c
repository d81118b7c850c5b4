/* SPDX-License-Identifier: Apache-2.0
 * test_view.c: what a reader is shown of a message and what is attached. Mails in
 * tests/fixtures/mail (field F3, F4, F1c, F12) and examples of RFC 2046 5.1.3, 5.1.4, RFC 2183
 * 2.1.
 */
#include "mime/view.h"
#include "check.h"
#include "mime/mime.h"
#include "portal/packed.h"
#include "sys/file.h"
#include "tls/sign.h"
#include "wire/base64.h"
#include "wire/mailboxes.h"

#include <stdio.h>

static bool holds(const struct buf *b, const char *words)
{
    return memmem(buf_str(b).p, buf_len(b), words, strlen(words)) != NULL;
}

static struct buf mail_of(const char *name)
{
    struct buf message = BUF_INIT(1 << 20);
    char path[200];
    snprintf(path, sizeof path, "tests/fixtures/mail/%s", name);
    assert_int_equal(file_read(path, &message), 0);
    return message;
}

/* Each word stands in the text and in the HTML (where there is any), in this order. */
static void shows(const char *name, struct str message, const char *const *words, size_t n)
{
    struct view *v = view_of_message(message);
    const struct buf *renditions[] = {&v->text, &v->html};
    for (size_t k = 0; k < ARRAY_LEN(renditions); k++) {
        struct str rest = buf_str(renditions[k]);
        for (size_t i = 0; i < n && (k == 0 || rest.n > 0 || i > 0); i++) {
            const char *at = memmem(rest.p, rest.n, words[i], strlen(words[i]));
            if (!at) {
                fail_msg("%s: \"%s\" is not in the %s:\n" STR_FMT, name, words[i],
                         k ? "HTML" : "text", STR_ARG(buf_str(renditions[k])));
            }
            rest = str_slice(rest, (size_t)(at - rest.p) + strlen(words[i]), rest.n);
        }
    }
    assert_false(v->cut);
    view_free(v);
}

#define SHOWS(name, message, ...) \
    shows(name, message, (const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
#define HEAD  "From: a@in.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"

/* RFC 2046 5.1.3: the parts in their order; 5.1.4: one of the alternatives (field F3;
 * nextcloud/mail#3726).
 * RFC 2046 5.1.4 SHOULD: of alternatives the last that can be shown is shown */
static void bodies_in_their_order(void **state)
{
    SHOWS("text, HTML",
          STR(MIXED "\r\nfirst\r\n--b\r\nContent-Type: "
                    "text/html\r\n\r\n<p>second</p>\r\n--b\r\n\r\nthird\r\n--b--\r\n"),
          "first", "second", "third");
    SHOWS("HTML, text",
          STR(MIXED "Content-Type: text/html\r\n\r\n<p>first</p>\r\n--b\r\n\r\nsecond <x> & "
                    "y\r\n--b--\r\n"),
          "first", "second ");
    SHOWS("alternative beside text",
          STR(MIXED "Content-Type: multipart/alternative; "
                    "boundary=c\r\n\r\n--c\r\n\r\none\r\n--c\r\nContent-Type: "
                    "text/html\r\n\r\n<b>one</b>\r\n--c--\r\n"
                    "--b\r\n\r\ntwo\r\n--b--\r\n"),
          "one", "two");
    SHOWS("name on a body",
          STR(HEAD "Content-Type: text/plain; name=body.txt\r\nContent-Disposition: inline; "
                   "filename=body.txt\r\n\r\nhello\r\n"),
          "hello");
    SHOWS("calendar alone",
          STR(HEAD "Content-Type: "
                   "text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nSUMMARY:Visit\r\nEND:VCALENDAR\r\n"),
          "Visit");
    SHOWS("markdown", STR(HEAD "Content-Type: text/markdown\r\n\r\n# hello\r\n"), "hello");
    SHOWS("half a type", STR(HEAD "Content-Type: text\r\n\r\nhello\r\n"), "hello");
    /* enmime's multipart-wo-boundary */
    struct view *v =
        view_of_message(STR(HEAD "Content-Type: multipart/report\r\n\r\nno boundary\r\n"));
    assert_true(holds(&v->text, "no boundary"));
    view_free(v);
    v = view_of_message(STR(HEAD "Content-Type: multipart/alternative; "
                                 "boundary=b\r\n\r\n--b\r\n\r\nplain\r\n--b\r\nContent-Type: "
                                 "text/html\r\n\r\n<b>rich</b>\r\n--b--\r\n"));
    assert_true(holds(&v->text, "plain") && !holds(&v->text, "rich"));
    assert_true(holds(&v->html, "rich") && !holds(&v->html, "plain"));
    assert_int_equal(v->n_parts, 0);
    view_free(v);
    v = view_of_message(
        STR(MIXED "\r\nhi\r\n--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; "
                  "filename=a.txt\r\n\r\nfile\r\n--b--\r\n"));
    assert_true(holds(&v->text, "hi") && !holds(&v->text, "file"));
    assert_int_equal(v->n_parts, 1);
    view_free(v);
}

/* Each HTML body is closed before the next thing begins. */
static void bodies_do_not_reach_into_each_other(void **state)
{
    struct view *v = view_of_message(
        STR(MIXED "Content-Type: text/html\r\n\r\n<table><tr><td>open<a "
                  "href='https://x.test'>\r\n--b\r\n\r\n</td>&amp;<script>\r\n--b--\r\n"));
    assert_true(holds(&v->html, "</a></td>") &&
                holds(&v->html, "&lt;/td&gt;&amp;amp;&lt;script&gt;"));
    view_free(v);
}

/* Field F4 (RFC 2046 5.2.1): shown with its head, and to be had as a file, octet for octet. */
static void messages_inside_messages(void **state)
{
    struct buf message = mail_of("05-forward-as-attachment.eml");
    struct view *v = view_of_message(buf_str(&message));
    size_t found = 0;
    for (size_t i = 0; i < v->n_parts; i++) {
        struct str octets =
            str_slice(buf_str(&message), v->parts[i].at, v->parts[i].at + v->parts[i].octets);
        if (strcmp(v->parts[i].type, "message/rfc822") == 0) {
            found++;
            assert_true(memmem(octets.p, octets.n, "Subject:", 8) != NULL);
            assert_true(octets.n == v->parts[i].size && v->parts[i].encoding == TRANSFER_AS_IS);
        }
    }
    assert_int_equal(found, 1);
    view_free(v);
    buf_free(&message);
    static const char inner[] = "From: x@y.test\r\nSubject: inner\r\n\r\nbody\r\n\r\nlast";
    struct buf m = BUF_INIT(4096);
    assert_int_equal(
        buf_printf(&m,
                   "%sContent-Type: message/rfc822\r\nContent-Disposition: attachment; "
                   "filename=\"old.eml\"\r\n\r\n%s\r\n--b\r\n\r\nafter\r\n--b--\r\n",
                   MIXED, inner),
        0);
    v = view_of_message(buf_str(&m));
    assert_int_equal(v->n_parts, 1);
    assert_string_equal(v->parts[0].name, "old.eml");
    assert_true(str_eq(str_slice(buf_str(&m), v->parts[0].at, v->parts[0].at + v->parts[0].octets),
                       str_c(inner)));
    assert_true(holds(&v->text, "Subject: inner") && holds(&v->text, "last") &&
                holds(&v->text, "after"));
    view_free(v);
    buf_free(&m);
}

/* A mail shows its text where its writer forgot the empty line, and its subject where the first
 * line is blank; a message without fields is shown and can be had (enmime simple_dsn, mime4j
 * hdr-fakeout, flanker iphone.eml, RFC 5322 2.1). */
static void texts_among_the_fields(void **state)
{
    struct buf m = mail_of("32-no-empty-line.eml");
    SHOWS("32", buf_str(&m), "THE-TEXT-BEGINS-HERE", "and goes on", "and ends here");
    buf_free(&m);
    m = mail_of("31-first-line-blank.eml");
    struct view *v = view_of_message(buf_str(&m));
    assert_string_equal(v->subject, "FIRST-LINE-SUBJECT");
    assert_true(holds(&v->text, "FIRST-LINE-TEXT"));
    view_free(v);
    buf_free(&m);
    m = mail_of("35-message-without-fields.eml");
    v = view_of_message(buf_str(&m));
    assert_true(holds(&v->text, "[ORIGINAL-LEFT-OUT by the server]"));
    assert_int_equal(v->n_parts, 1);
    assert_string_equal(v->parts[0].type, "message/rfc822");
    struct str octets = str_slice(buf_str(&m), v->parts[0].at, v->parts[0].at + v->parts[0].octets);
    assert_true(str_eq(octets, STR("[ORIGINAL-LEFT-OUT by the server]")));
    view_free(v);
    buf_free(&m);
    /* tika testGroupWiseEml, Thunderbird rfc822_base64_attachment */
    m = mail_of("36-message-in-base64.eml");
    SHOWS("36", buf_str(&m), "see below", "From: carla@in.test", "Subject: INNER-SUBJECT",
          "INNER-TEXT");
    buf_free(&m);
}

/* LF alone before a boundary, CRLF elsewhere: a file keeps its last octet (mail-parser's
 * eml/thirdparty_001). A boundary that ends in a blank is noted (mime4j weird-boundary.msg, RFC
 * 2046 5.1.1).
 * RFC 2046 5.1.1 MUST: a boundary begins its line behind a line break, with two hyphens */
static void parts_end_where_they_end(void **state)
{
    struct buf m = mail_of("34-mixed-line-ends.eml");
    struct view *v = view_of_message(buf_str(&m));
    assert_int_equal(v->n_parts, 1);
    size_t at = v->parts[0].at;
    assert_true(str_eq(str_slice(buf_str(&m), at, at + v->parts[0].octets), STR("c2VjcmV0=")));
    view_free(v);
    buf_free(&m);
    m = mail_of("33-boundary-ends-in-blank.eml");
    struct mime_reading *r = mime_read(buf_str(&m), &mime_standard_limits);
    bool noted = false;
    for (size_t i = 0; i < r->n_problems; i++) {
        noted |= r->problems[i].kind == MIME_BOUNDARY;
    }
    assert_true(noted);
    mime_reading_free(r);
    buf_free(&m);
}

static void mails_of_the_field(void **state)
{
    struct buf m = mail_of("03-text-then-html.eml");
    SHOWS("03", buf_str(&m), "IMPORTANT-PLAIN-PART", "FOOTER-HTML");
    buf_free(&m);
    m = mail_of("04-text-behind-html.eml");
    SHOWS("04", buf_str(&m), "HTML-BEFORE", "PLAIN-AFTER");
    buf_free(&m);
    m = mail_of("06-cover-and-inner-html.eml");
    SHOWS("06", buf_str(&m), "COVER-PLAIN", "From: other@lab.test", "Subject: INNER", "INNER-HTML");
    buf_free(&m);
}

/* POSIX uuencode: the first letter says how long a line is. Found by fuzz_view: what the page
 * said of the size was not what came out of it. */
static void uuencoded_lines_that_are_too_short(void **state)
{
    struct view *v = view_of_message(
        STR("From: a@b.test\r\nSubject: x\r\n\r\nbegin 644 a.txt\r\nM\r\nM\r\nM\r\nend\r\n"));
    assert_int_equal(v->n_parts, 0);
    assert_true(v->cut);
    view_free(v);
}

/* Field F17: read where it lies open. RFC 8551 3.5.2 (openssl smime made the mail), RFC 3676 4
 * and 5, POSIX uuencode. */
static void bodies_in_other_forms(void **state)
{
    struct buf m = mail_of("17-smime-opaque.eml");
    SHOWS("signature around a text", buf_str(&m), "OPAQUE-TEXT");
    buf_free(&m);
    SHOWS("flowed",
          STR(HEAD "Content-Type: text/plain; format=flowed\r\n\r\n`Take some more tea,' the March "
                   "Hare said to Alice, very \r\nearnestly.\r\n\r\n"
                   "> > not a mark of depth two\r\n>>one \r\n>>line\r\n> From here\r\n From\r\n-- "
                   "\r\nname\r\n"),
          "very earnestly.\n", "\n> > not", "\n>> one line\n", "> From here\nFrom\n-- \nname\n");
    SHOWS("delsp",
          STR(HEAD "Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\nto \r\ngether\r\n"),
          "together\n");
    m = mail_of("25-uuencode-part.eml");
    struct view *v = view_of_message(buf_str(&m));
    assert_int_equal(v->n_parts, 1);
    assert_true(v->parts[0].encoding == TRANSFER_UU && v->parts[0].size > 60 && !v->cut);
    view_free(v);
    buf_free(&m);
    m = mail_of("25-uuencode-inline.eml");
    v = view_of_message(buf_str(&m));
    assert_int_equal(v->n_parts, 1);
    struct buf octets = BUF_INIT(4096);
    assert_int_equal(transfer_read_all(v->parts[0].encoding,
                                       str_slice(buf_str(&m), v->parts[0].at,
                                                 v->parts[0].at + v->parts[0].octets),
                                       &octets, NULL),
                     0);
    assert_true(holds(&octets, "536-90-4399") && buf_len(&octets) == v->parts[0].size);
    buf_free(&octets);
    view_free(v);
    buf_free(&m);
    /* found by fuzzing */
    v = view_of_message(
        STR(HEAD "\r\nsee the file\r\n\r\nbegin 644 \x01\x01\r\n#86)C\r\n`\r\nend\r\n"));
    assert_int_equal(v->n_parts, 1);
    assert_true(str_trim(str_c(v->parts[0].name)).n > 0);
    view_free(v);
    v = view_of_message(
        STR(HEAD "Content-Type: application/pkcs7-mime; "
                 "smime-type=enveloped-data\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB\r\n"));
    assert_true(v->smime && !v->pgp);
    view_free(v);
}

/* The octets of a part as the web process has them (proc/web/read.c), in pieces of that size. */
static void pull(const struct view_part *p, struct str message, size_t piece, struct buf *out)
{
    struct nested_reader d;
    struct nested_place places[NESTED_MAX] = {{p->at, p->octets, p->encoding}};
    int r = 0;
    memcpy(places + 1, p->inner, p->n_inner * sizeof *places);
    nested_begin(&d, places, 1 + p->n_inner, 0);
    for (size_t at = 0; r == 0 && at < message.n; at += piece) {
        r = nested_read(&d, str_slice(message, at, at + piece < message.n ? at + piece : message.n),
                        out);
    }
    nested_wipe(&d);
    assert_int_equal(r, 1);
}

/* All files of a mail by name, each to be had with the digest that stands on the page. */
static void has_files(const char *mail, struct str message, const char *const *names, size_t n)
{
    static const size_t pieces[] = {1, 7, 4096, 1 << 20};
    struct view *v = view_of_message(message);
    if (v->n_parts != n || v->cut) {
        fail_msg("%s: %zu parts%s", mail, v->n_parts, v->cut ? ", and not all is there" : "");
    }
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(v->parts[i].name, names[i]);
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            struct buf octets = BUF_INIT(1 << 20);
            unsigned char digest[32];
            pull(&v->parts[i], message, pieces[k], &octets);
            tls_sha256(buf_str(&octets), digest);
            assert_int_equal(buf_len(&octets), v->parts[i].size);
            assert_memory_equal(digest, v->parts[i].sha256, 32);
            buf_free(&octets);
        }
    }
    view_free(v);
}

#define HAS_FILES(mail, message, ...) \
    has_files(mail, message, (const char *const[]){__VA_ARGS__}, \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* What a rule by file name sees of it. */
static void names_seen(struct str message, const char *name)
{
    struct mime_reading *r = mime_read(message, &mime_standard_limits);
    bool seen = false;
    for (size_t i = 0; i < r->n_attachments; i++) {
        seen |= strcmp(r->attachments[i].name, name) == 0;
    }
    for (size_t i = 0; i < r->n_names; i++) {
        seen |= strcmp(r->names[i].name, name) == 0;
    }
    mime_reading_free(r);
    if (!seen) {
        fail_msg("%s is not among the names", name);
    }
}

static bool reads(struct str message, const char *words)
{
    struct mime_reading *r = mime_read(message, &mime_standard_limits);
    bool found = false;
    for (size_t i = 0; i < r->n_texts; i++) {
        found |= holds(&r->texts[i].text, words);
    }
    mime_reading_free(r);
    return found;
}

/* Field F17: files inside an opaque signature (openssl cms -sign -nodetach wrote 42 in DER, 43
 * with -stream in BER, in pieces of 4,096 octets), inside a message in base64, inside both. */
static void files_inside_other_octets(void **state)
{
    static const char *const signed_mails[] = {
        "42-smime-opaque-files.eml",
        "43-smime-opaque-files-ber.eml",
    };
    for (size_t i = 0; i < ARRAY_LEN(signed_mails); i++) {
        struct buf m = mail_of(signed_mails[i]);
        SHOWS(signed_mails[i], buf_str(&m), "agreed text");
        HAS_FILES(signed_mails[i], buf_str(&m), "smime.p7m", "Befund Müller.docx", "second.csv");
        names_seen(buf_str(&m), "Befund Müller.docx");
        assert_true(reads(buf_str(&m), "SSN 536-90-4399"));
        struct buf wrapped = BUF_INIT(1 << 16), inner = BUF_INIT(1 << 16);
        assert_int_equal(base64_write(buf_str(&m), 76, &inner), 0);
        assert_int_equal(
            buf_printf(&wrapped,
                       "%sContent-Type: message/rfc822; name=old.eml\r\nContent-Transfer-Encoding: "
                       "base64\r\n\r\n" STR_FMT "\r\n--b--\r\n",
                       MIXED, STR_ARG(buf_str(&inner))),
            0);
        HAS_FILES("in base64", buf_str(&wrapped), "old.eml", "smime.p7m", "Befund Müller.docx",
                  "second.csv");
        names_seen(buf_str(&wrapped), "old.eml");
        names_seen(buf_str(&wrapped), "second.csv");
        assert_true(reads(buf_str(&wrapped), "SSN 536-90-4399"));
        buf_free(&wrapped);
        buf_free(&inner);
        buf_free(&m);
    }
    struct buf csv = BUF_INIT(1 << 16), m = mail_of("43-smime-opaque-files-ber.eml");
    struct view *v = view_of_message(buf_str(&m));
    pull(&v->parts[2], buf_str(&m), 100, &csv);
    unsigned char digest[32];
    /* sha256sum of the file before it was signed */
    static const unsigned char expected[4] = {0xe7, 0x84, 0x9d, 0x79};
    tls_sha256(buf_str(&csv), digest);
    assert_memory_equal(digest, expected, sizeof expected);
    assert_true(holds(&csv, "419;Room 11;503.00"));
    view_free(v);
    buf_free(&csv);
    buf_free(&m);
}

static void put_attribute(struct buf *b, uint32_t id, const char *value, size_t n)
{
    const unsigned char head[] = {
        2,
        (unsigned char)id,
        (unsigned char)(id >> 8),
        (unsigned char)(id >> 16),
        (unsigned char)(id >> 24),
        (unsigned char)n,
        (unsigned char)(n >> 8),
        0,
        0,
    };
    assert_true(buf_append(b, head, sizeof head) == 0 && buf_append(b, value, n) == 0 &&
                buf_append(b, "\0\0", 2) == 0);
}

/* winmail.dat: MS-OXTNEF 2.1.3.1: attAttachRendData begins an attachment, what else is said of
 * it comes in any order (the data before the name: verdammelt/tnef, data-before-name.tnef), its
 * long name as a property (2.1.3.4, MS-OXPROPS 2.600). */
static void files_of_outlook(void **state)
{
    static const char rendering[14] = {1, 0},
                      long_name[] = "\1\0\0\0\x1e\0\x07\x37\1\0\0\0\x14\0\0\0Results of March.pdf";
    struct buf tnef = BUF_INIT(4096), inner = BUF_INIT(8192), m = BUF_INIT(8192);
    assert_int_equal(buf_append(&tnef, "\x78\x9f\x3e\x22\1\0", 6), 0);
    put_attribute(&tnef, 0x00069002, rendering, sizeof rendering);
    put_attribute(&tnef, 0x0006800f, "first file", 10);
    put_attribute(&tnef, 0x00018010, "ONE.TXT", 8);
    put_attribute(&tnef, 0x00069002, rendering, sizeof rendering);
    put_attribute(&tnef, 0x00018010, "RESULT~1.PDF", 13);
    put_attribute(&tnef, 0x0006800f, "536-90-4399 is an SSN", 21);
    put_attribute(&tnef, 0x00069005, long_name, sizeof long_name - 1);
    assert_int_equal(base64_write(buf_str(&tnef), 76, &inner), 0);
    assert_int_equal(
        buf_printf(&m,
                   "%s\r\nsee the file\r\n--b\r\nContent-Type: application/ms-tnef; "
                   "name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" STR_FMT
                   "\r\n--b--\r\n",
                   MIXED, STR_ARG(buf_str(&inner))),
        0);
    HAS_FILES("winmail.dat", buf_str(&m), "winmail.dat", "ONE.TXT", "Results of March.pdf");
    names_seen(buf_str(&m), "ONE.TXT");
    names_seen(buf_str(&m), "RESULT~1.PDF");
    names_seen(buf_str(&m), "Results of March.pdf");
    assert_true(reads(buf_str(&m), "536-90-4399"));
    buf_free(&tnef);
    buf_free(&inner);
    buf_free(&m);
}

/* Pictures by the address that an HTML body gives them: RFC 2392 2 with the escapes of RFC 3986
 * 2.1, RFC 2557 5, Roundcube's and SnappyMail's tests of inline pictures; the octets say what it
 * is. */
static void pictures_of_the_same_mail(void **state)
{
    static const struct {
        const char *src, *fields, *octets, *shown;
    } rows[] = {
        {"cid:part1@in.test", "Content-ID: <part1@in.test>", "GIF89a.", "data:image/gif"},
        {"cid:part1%40in.test", "Content-ID: <part1@in.test>", "GIF89a.", "data:image/gif"},
        {"CID:a%2Bb%40in.test", "Content-ID: <a+b@in.test>", "GIF89a.", "data:image/gif"},
        {"cid:100%25@in.test", "Content-ID: <100%@in.test>", "GIF89a.", "data:image/gif"},
        {"cid:100%@in.test", "Content-ID: <100%@in.test>", "GIF89a.", "data:image/gif"},
        {"cid:&lt;x@in.test&gt;", "Content-ID: <x@in.test>", "GIF89a.", "data:image/gif"},
        {"cid:other@in.test", "Content-ID: <part1@in.test>", "GIF89a.", NULL},
        {"logo.gif", "Content-Location: logo.gif", "GIF89a.", "data:image/gif"},
        {"img/logo.gif", "Content-Location: http://www.in.test/img/logo.gif", "GIF89a.",
         "data:image/gif"},
        {"http://www.in.test/logo.gif", "Content-Location: http://www.in.test/logo.gif", "GIF89a.",
         "data:image/gif"},
        {"http://www.in.test/track.gif", "Content-Location: http://www.in.test/logo.gif", "GIF89a.",
         NULL},
        {"ogo.gif", "Content-Location: logo.gif", "GIF89a.", NULL},
        {"cid:b@in.test", "Content-ID: <b@in.test>",
         "=42=4D=46=00=00=00=00=00=00=00=36=00=00=00=28=00=00=00=02=00=00=00=02=00=00=00=01=00",
         "data:image/bmp"},
        {"cid:b@in.test", "Content-ID: <b@in.test>",
         "BMW is no picture, whatever its first letters are", NULL},
        {"cid:s@in.test", "Content-ID: <s@in.test>", "<svg onload=3D1>", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(
            buf_printf(&m,
                       HEAD "Content-Type: multipart/related; "
                            "boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
                            "<img src=\"%s\">\r\n--b\r\nContent-Type: image/x\r\n%s\r\n"
                            "Content-Transfer-Encoding: quoted-printable\r\n\r\n%s\r\n--b--\r\n",
                       rows[i].src, rows[i].fields, rows[i].octets),
            0);
        struct view *v = view_of_message(buf_str(&m));
        if (rows[i].shown ? !holds(&v->html, rows[i].shown) : holds(&v->html, "src=")) {
            fail_msg("%s, %s: " STR_FMT, rows[i].src, rows[i].fields, STR_ARG(buf_str(&v->html)));
        }
        view_free(v);
        buf_free(&m);
    }
}

/* Only the reader's own program opens these: RFC 3156 4, RFC 9580 6.2, RFC 8551 3.3; old Outlook
 * says no smime-type. */
static void what_is_encrypted_is_said(void **state)
{
    static const struct {
        const char *fields;
        bool pgp, smime;
    } rows[] = {
        {"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; "
         "boundary=b\r\n\r\n--b\r\n"
         "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: "
         "application/octet-stream\r\n\r\n"
         "-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA5FSBjmLTPMf\r\n--b--\r\n",
         true, false},
        {"\r\nhello\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA5FSBjmLTPMfAQf/Z2d7\r\n-----END PGP "
         "MESSAGE-----\r\n",
         true, false},
        {"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nhello\r\n", false, false},
        {"Content-Type: application/x-pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\nMIIB\r\n",
         false, true},
        {"Content-Type: application/pkcs7-mime; "
         "smime-type=authEnveloped-data\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB\r\n",
         false, true},
        {"Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n\r\nMIIB\r\n", false,
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m, HEAD "%s", rows[i].fields), 0);
        struct view *v = view_of_message(buf_str(&m));
        if (v->pgp != rows[i].pgp || v->smime != rows[i].smime) {
            fail_msg("%s", rows[i].fields);
        }
        view_free(v);
        buf_free(&m);
    }
}

/* Comments and blanks inside an address, and a name that says more than it is: RFC 5322 A.5,
 * 3.2.2, 4.4. */
static void addresses_on_the_page(void **state)
{
    static const char *const rows[][2] = {
        {"user @ example . com (at work)", "user@example.com (at work)"},
        {"=?utf-8?Q?M=C3=BCller=2C_A?= <a(x)@b.test>, c@d.test",
         "\"M\u00fcller, A\" <a@b.test>, c@d.test"},
        {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
         "Pete(A nice \\) chap) <pete@silly.test>"},
        {"\"a . b\" <c@d.test>", "\"a . b\" <c@d.test>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m, "From: %s\r\nTo:\r\n %s\r\n\r\nx\r\n", rows[i][0],
                                    rows[i][0]),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        assert_string_equal(v->from, rows[i][1]);
        assert_string_equal(v->to, rows[i][1]);
        view_free(v);
        buf_free(&m);
    }
}

/* What stands in an encoded word is a name or a comment, whatever marks it has (RFC 2047 5 (2)
 * and (3)): the text has the addresses that the field has. They are what postal-mime 4.0.0 and
 * Python's email 3.11 read of the field (but for the eighth, where Python takes the word for a
 * local part). */
static void words_in_addresses(void **state)
{
    static const char *const rows[][3] = {
        {"=?utf-8?q?Doe=2C_Jane?= <jane@b.test>", "\"Doe, Jane\" <jane@b.test>", "jane@b.test"},
        {"=?utf-8?q?a=40evil=2Etest=2C?= <b@c.test>", "\"a@evil.test,\" <b@c.test>", "b@c.test"},
        {"=?utf-8?q?=22x=22_=3Ca=40evil=2Etest=3E=2C_y?= <b@c.test>",
         "\"\\\"x\\\" <a@evil.test>, y\" <b@c.test>", "b@c.test"},
        {"=?utf-8?b?RG9lLA==?= =?utf-8?b?IEphbmU=?= <j@b.test>, d@e.test",
         "\"Doe, Jane\" <j@b.test>, d@e.test", "j@b.test d@e.test"},
        {"\"=?utf-8?q?a=22=2Cx=40evil=2Etest=2C=22?=\" <b@c.test>",
         "\"a\\\",x@evil.test,\\\"\" <b@c.test>", "b@c.test"},
        {"b@c.test (=?utf-8?q?x=29=2C_a=40evil=2Etest?=)", "b@c.test (x\\), a@evil.test)",
         "b@c.test"},
        {"=?utf-8?q?J=C3=BCrgen?= <b@c.test>", "J\u00fcrgen <b@c.test>", "b@c.test"},
        {"<=?utf-8?q?a=40evil=2Etest?=>, b@c.test", "<=?utf-8?q?a=40evil=2Etest?=>, b@c.test",
         "=?utf-8?q?a=40evil=2Etest?= b@c.test"},
        {"=?utf-8?q?group=3A?= <b@c.test>", "\"group:\" <b@c.test>", "b@c.test"},
        {"=?utf-8?q?Pete?= (a \\( chap) <b@c.test>", "Pete (a \\( chap) <b@c.test>", "b@c.test"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096), found = BUF_INIT(4096);
        struct mailbox one;
        assert_int_equal(buf_printf(&m, "From: x@y.test\r\nTo:\r\n %s\r\n\r\nx\r\n", rows[i][0]),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        assert_string_equal(v->to, rows[i][1]);
        struct str rest = str_c(v->to);
        while (mailboxes_next(&rest, &one)) {
            assert_int_equal(buf_printf(&found, "%s" STR_FMT, buf_len(&found) > 0 ? " " : "",
                                        STR_ARG(one.address)),
                             0);
        }
        assert_int_equal(buf_append(&found, "", 1), 0);
        assert_string_equal(buf_str(&found).p, rows[i][2]);
        view_free(v);
        buf_free(&m);
        buf_free(&found);
    }
}

/* Thunderbird text-sandwiched-inline-image.eml: Apple Mail's way; test-alt-rogue2.eml: one
 * beside the HTML is no text. */
static void pictures_among_texts(void **state)
{
    static const char png[] =
        "Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoAAAAASUVORK5CYII=\r\n";
    static const struct {
        const char *type, *fields;
        bool shown;
    } rows[] = {
        {"mixed", "Content-Type: image/png; name=\"a\\\"b.png\"\r\nContent-Disposition: inline\r\n",
         true},
        {"mixed", "Content-Type: image/png\r\n", true},
        {"mixed", "Content-Type: image/png\r\nContent-Disposition: attachment\r\n", false},
        {"mixed", "Content-Type: text/x-png\r\nContent-Disposition: inline\r\n", false},
        {"alternative", "Content-Type: image/png\r\nContent-Disposition: inline\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(
            buf_printf(
                &m,
                "Content-Type: multipart/%s; "
                "boundary=b\r\n\r\n--b\r\n\r\nFIRST\r\n--b\r\n%s%s--b\r\n\r\nLAST\r\n--b--\r\n",
                rows[i].type, rows[i].fields, png),
            0);
        struct view *v = view_of_message(buf_str(&m));
        assert_int_equal(holds(&v->html,
                               "<img src=\"data:image/png;base64,iVBORw0KGgoAAAAASUVORK5CYII=\""),
                         rows[i].shown);
        assert_true(!rows[i].shown || (holds(&v->html, "FIRST") && holds(&v->html, "LAST")));
        assert_true(i > 0 || holds(&v->html, "alt=\"a&quot;b.png\""));
        assert_int_equal(v->n_parts, 1);
        view_free(v);
        buf_free(&m);
    }
    struct view *v = view_of_message(STR(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
        "text/html\r\n\r\n<img src='cid:x'>\r\n--b\r\n"
        "Content-Type: image/png\r\nContent-ID: <x>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "iVBORw0KGgoAAAAASUVORK5CYII=\r\n--b--\r\n"));
    struct str html = buf_str(&v->html);
    const char *first = memmem(html.p, html.n, "<img", 4);
    assert_non_null(first); /* where the HTML has it, and once */
    assert_null(memmem(first + 4, html.n - (size_t)(first + 4 - html.p), "<img", 4));
    view_free(v);
}

#define PNG        "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
#define PNG_OCTETS "\r\niVBORw0KGgoAAAAASUVORK5CYII=\r\n"

/* Mails that other mail programs showed wrongly, by their bug reports. */
static void shown_wrongly_elsewhere(void **state)
{
    static const struct {
        const char *report, *mail, *html, *text;
        size_t parts;
    } rows[] = {
        {"roundcube/roundcubemail#5905: a cid beside the HTML in multipart/mixed",
         "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
         "text/html\r\n\r\n<p>x<img src=\"cid:logo.jpg\">\r\n--b\r\n" PNG
         "Content-ID: <logo.jpg>\r\nContent-Disposition: inline\r\n" PNG_OCTETS "--b--\r\n",
         "<p>x<img src=\"data:image/png;base64,iVBORw0KGgo", "x", 1},
        {"roundcube/roundcubemail#6980: blanks in the Content-ID",
         "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: "
         "text/html\r\n\r\n<p>x<img src=\"cid:a@b\">\r\n--b\r\n" PNG
         "Content-ID: < a@b >\r\n" PNG_OCTETS "--b--\r\n",
         "<p>x<img src=\"data:image/png;base64,iVBORw0KGgo", "x", 1},
        {"roundcube/roundcubemail#9565, #7214: a Content-ID that nothing names, beside a text",
         "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nbody\r\n--b\r\n" PNG
         "Content-ID: <f_1>\r\nContent-Disposition: attachment; filename=a.png\r\n" PNG_OCTETS
         "--b--\r\n",
         NULL, "body", 1},
        {"thunderbird/thunderbird-android#8285: no charset, letters of windows-1252",
         "Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\nd\xe9part \x80 5\r\n",
         NULL, "d\u00e9part \u20ac 5", 0},
        {"thunderbird/thunderbird-android#6614: eight bits, said and inline",
         "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Disposition: "
         "inline\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xfc"
         "ber\r\n",
         NULL,
         "\u00fc"
         "ber",
         0},
        {"thunderbird/thunderbird-android#1659: base64 whose pieces end in =",
         "Content-Type: text/plain\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\nZmlyc3Qg\r\nbGluZQ==\r\nIHRoZSBsYXN0\r\n",
         NULL, "first line the last", 0},
        {"nextcloud/mail#5329, #9976: ground and colour of the body",
         "Content-Type: text/html\r\n\r\n<body "
         "style=\"background:#222;color:#eee\"><p>x</p></body>\r\n",
         "background-color:#222;color:#eee;", "x", 0},
        {"the-djmaze/snappymail#564: a style sheet in the head",
         "Content-Type: text/html\r\n\r\n<head><style>.b{padding:4px}</style></head><body><p "
         "class=b>x</p></body>\r\n",
         "<p style=\"padding:4px;\">x", "x", 0},
        {"tutao/tutanota#11236: a ground of none in a span",
         "Content-Type: text/html\r\n\r\n<p>a <span "
         "style=\"border-style:none;background:none\">in</span>\r\n",
         "<span style=\"border-style:none;\">in", "a in", 0},
        {"thunderbird/thunderbird-android#3034: tables with the attributes of HTML 4",
         "Content-Type: text/html\r\n\r\n<table cellpadding=0 bgcolor=#eeeeee width=600 "
         "align=center><tr><td valign=top nowrap>x</table>\r\n",
         "<table cellpadding=\"0\" bgcolor=\"#eeeeee\" width=\"600\" align=\"center\"", "x", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m, "From: a@b.test\r\nMIME-Version: 1.0\r\n%s", rows[i].mail),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        bool right = holds(&v->text, rows[i].text) &&
                     (!rows[i].html || holds(&v->html, rows[i].html)) &&
                     v->n_parts == rows[i].parts;
        if (!right) {
            fail_msg("%s: %zu parts, text " STR_FMT ", html " STR_FMT, rows[i].report, v->n_parts,
                     STR_ARG(buf_str(&v->text)), STR_ARG(buf_str(&v->html)));
        }
        view_free(v);
        buf_free(&m);
    }
}

static void reports_are_read(void **state)
{
    struct view *v = view_of_message(STR(
        "Content-Type: multipart/report; "
        "boundary=b\r\n\r\n--b\r\n\r\nsorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b.test\r\nStatus: "
        "5.1.1\r\n--b--\r\n"));
    assert_true(holds(&v->text, "sorry") && holds(&v->text, "Final-Recipient: rfc822; a@b.test") &&
                holds(&v->text, "Status: 5.1.1"));
    view_free(v);
}

static void empty_files_are_listed(void **state)
{
    static const char mail[] =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: "
        "text/plain; name=a.txt\r\n"
        "Content-Disposition: attachment\r\n\r\n\r\n--b\r\nContent-Type: application/pdf; "
        "name=b.pdf\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n--b\r\nContent-Type: application/pdf; "
        "name=c.pdf\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n\r\n\r\n--b--\r\n";
    struct view *v = view_of_message(str_c(mail));
    struct packed *p = err_calloc(1, sizeof *p);
    struct buf out = BUF_INIT(PACKED_MAX);
    assert_int_equal(v->n_parts, 3);
    assert_int_equal(packed_write(v, &out), 0);
    assert_int_equal(packed_read(buf_str(&out), p), 0);
    static const char *const names[] = {"a.txt", "b.pdf", "c.pdf"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(str_eq(p->parts[i].name, str_c(names[i])));
        assert_int_equal(p->parts[i].size, 0);
        assert_int_equal(p->parts[i].places[0].octets, 0);
    }
    view_free(v);
    buf_free(&out);
    free(p);
}

/* The name that people see (RFC 5322 3.4, RFC 2047 5; U+202E turns what follows round). */
static void authors(void **state)
{
    static const char *const rows[][2] = {
        {"Anna <a@b.test>", "Anna"},
        {"\"Dr. \\\"X\\\", Anna\" <a@b.test>", "Dr. X, Anna"},
        {"=?utf-8?B?QW4=?= =?utf-8?B?bmE=?= <a@b.test>", "Anna"},
        {"\"=?utf-8?Q?M=C3=BCller?=\" <a@b.test>", "Müller"},
        {"a@b.test (Anna M)", "Anna M"},
        {"a@b.test", ""},
        {"Ann\xe2\x80\xae"
         "a <a@b.test>, Bob <b@b.test>",
         "Anna"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m, "From: %s\r\n\r\nx\r\n", rows[i][0]), 0);
        struct view *v = view_of_message(buf_str(&m));
        assert_string_equal(v->from_name, rows[i][1]);
        view_free(v);
        buf_free(&m);
    }
}

/* A calendar part as a card: RFC 5545 3.1 (folded inside a character), 3.3.11, 3.6.1 (DTEND of
 * whole days), 3.3.6, its examples; RFC 5546 methods; Roundcube's, SnappyMail's and Nextcloud
 * Mail's imip tests; Outlook's zones in quotes. */
static void events_have_cards(void **state)
{
    static const struct {
        const char *method, *lines;
        enum event_kind kind;
        const char *what, *when, *where, *organizer;
    } rows[] = {
        {"REQUEST",
         "DTSTART;TZID=America/New_York:19980312T083000\r\nDTEND;TZID=America/"
         "New_York:19980312T093000\r\n"
         "SUMMARY:XYZ Project Review\r\nLOCATION:1CP Conference Room 4350\r\n"
         "ORGANIZER;CN=\"Smith, John\":mailto:jsmith@host.test\r\n",
         EVENT_INVITATION, "XYZ Project Review",
         "1998-03-12, 08:30 \xe2\x80\x93 09:30 (America/New_York)", "1CP Conference Room 4350",
         "Smith, John <jsmith@host.test>"},
        {"CANCEL",
         "DTSTART:19960918T143000Z\r\nDTEND:19960920T220000Z\r\nSUMMARY:Networld+Interop\\, "
         "Atlanta\\; Georgia\r\n",
         EVENT_CANCELLED, "Networld+Interop, Atlanta; Georgia",
         "1996-09-18, 14:30 \xe2\x80\x93 1996-09-20, 22:00 (UTC)", "", ""},
        {"REQUEST", "STATUS:CANCELLED\r\nSUMMARY:off\r\n", EVENT_CANCELLED, "off", "", "", ""},
        {"PUBLISH",
         "DTSTART;VALUE=DATE:20070628\r\nDTEND;VALUE=DATE:20070709\r\nSUMMARY:Festival\r\n",
         EVENT_ENTRY, "Festival", "2007-06-28 \xe2\x80\x93 2007-07-08", "", ""},
        {"PUBLISH",
         "DTSTART;VALUE=DATE:19971102\r\nDTEND;VALUE=DATE:19971103\r\nSUMMARY:One day\r\n",
         EVENT_ENTRY, "One day", "1997-11-02", "", ""},
        {"REQUEST",
         "DTSTART;TZID=\"W. Europe Standard "
         "Time\":20261112T233000\r\nDURATION:PT1H30M\r\nSUMMARY;LANGUAGE=de:Sp\xc3\r\n \xa4t\r\n",
         EVENT_INVITATION, "Sp\xc3\xa4t",
         "2026-11-12, 23:30 \xe2\x80\x93 2026-11-13, 01:00 (W. Europe Standard Time)", "", ""},
        {"REPLY", "SUMMARY:Lunch\r\nATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:MAILTO:bob@out.test\r\n",
         EVENT_ACCEPTED, "Lunch", "", "", "Bob <bob@out.test>"},
        {"REPLY", "SUMMARY:Lunch\r\nATTENDEE;PARTSTAT=DECLINED:mailto:bob@out.test\r\n",
         EVENT_DECLINED, "Lunch", "", "", "bob@out.test"},
        {"REQUEST",
         "SUMMARY:Alarm\r\nBEGIN:VALARM\r\nSUMMARY:not this\r\nDESCRIPTION:nor "
         "this\r\nEND:VALARM\r\nLOCATION:x\r\n",
         EVENT_INVITATION, "Alarm", "", "x", ""},
        {"REQUEST", "SUMMARY:a<script>\\nb\xe2\x80\xae\x01\r\nDTSTART:99999999T999999\r\n",
         EVENT_INVITATION, "a<script> b", "", "", ""},
        {"REQUEST", "DTSTART:20261112T999900Z\r\nDURATION:P99999999W\r\nSUMMARY:odd\r\n",
         EVENT_INVITATION, "odd", "2026-11-16, 04:39 (UTC)", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(8192);
        assert_int_equal(
            buf_printf(
                &m,
                HEAD
                "Content-Type: text/calendar; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:%s\r\n"
                "BEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nEND:"
                "STANDARD\r\n"
                "END:VTIMEZONE\r\nBEGIN:VEVENT\r\n%sEND:VEVENT\r\nEND:VCALENDAR\r\n",
                rows[i].method, rows[i].lines),
            0);
        struct view *v = view_of_message(buf_str(&m));
        assert_int_equal(v->n_events, 1);
        assert_int_equal(v->events[0].kind, rows[i].kind);
        assert_string_equal(v->events[0].what, rows[i].what);
        assert_string_equal(v->events[0].when, rows[i].when);
        assert_string_equal(v->events[0].where, rows[i].where);
        assert_string_equal(v->events[0].organizer, rows[i].organizer);
        assert_int_equal(v->n_parts, 1);
        assert_int_equal(buf_len(&v->text), 0);
        view_free(v);
        buf_free(&m);
    }
}

#define ZONE(ID, STANDARD, DAYLIGHT) \
    "BEGIN:VTIMEZONE\r\nTZID:" ID "\r\n" \
    "BEGIN:STANDARD\r\n" STANDARD "END:STANDARD\r\nBEGIN:DAYLIGHT\r\n" DAYLIGHT \
    "END:DAYLIGHT\r\nEND:VTIMEZONE\r\n"

/* When that is in UTC, by the zones that a calendar brings; how it repeats; who is invited.
 * Zones: RFC 5545 3.6.5, Outlook's (its rules begin in 1601), ical.js' samples; the moments are
 * those of Python's zoneinfo. Rules: the examples of RFC 5545 3.8.5.3. */
static void events_have_times_and_rules(void **state)
{
    static const char zones[] = ZONE("America/New_York",
                                     "DTSTART:20071104T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=11;"
                                     "BYDAY=1SU\r\nTZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\n",
                                     "DTSTART:20070311T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY="
                                     "2SU\r\nTZOFFSETFROM:-0500\r\nTZOFFSETTO:-0400\r\n")
        ZONE("W. Europe Standard Time",
             "DTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ="
             "YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\r\n",
             "DTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nRRULE:FREQ="
             "YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\r\n");
    static const struct {
        const char *lines, *times, *rule;
    } rows[] = {
        {"DTSTART;TZID=America/New_York:20261112T083000\r\nDTEND;TZID=America/"
         "New_York:20261112T093000\r\n",
         "2026-11-12T08:30 2026-11-12T09:30 2026-11-12T13:30Z 2026-11-12T14:30Z America/New_York",
         ""},
        {"DTSTART;TZID=America/New_York:20260712T083000\r\n",
         "2026-07-12T08:30 - 2026-07-12T12:30Z - America/New_York", ""},
        {"DTSTART;TZID=America/New_York:20260308T033000\r\n",
         "2026-03-08T03:30 - 2026-03-08T07:30Z - America/New_York", ""},
        {"DTSTART;TZID=\"W. Europe Standard Time\":20261024T120000\r\nDURATION:PT1H\r\n",
         "2026-10-24T12:00 2026-10-24T13:00 2026-10-24T10:00Z 2026-10-24T11:00Z "
         "W._Europe_Standard_Time",
         ""},
        {"DTSTART;TZID=\"W. Europe Standard Time\":20261026T120000\r\n",
         "2026-10-26T12:00 - 2026-10-26T11:00Z - W._Europe_Standard_Time", ""},
        {"DTSTART:20260101T000000Z\r\n", "2026-01-01T00:00 - 2026-01-01T00:00Z - -", ""},
        {"DTSTART;TZID=Asia/Tokyo:20260101T000000\r\n", "2026-01-01T00:00 - - - Asia/Tokyo", ""},
        {"DTSTART:20260101T000000\r\n", "2026-01-01T00:00 - - - -", ""},
        {"DTSTART;VALUE=DATE:20260101\r\n", "- - - - -", ""},
        {"RRULE:FREQ=DAILY;COUNT=10\r\n", "", "d 1 10 - 0 0 0"},
        {"RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=19971224T000000Z\r\n", "", "d 2 0 1997-12-24 0 0 0"},
        {"RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH\r\n", "", "w 2 8 - 10 0 0"},
        {"RRULE:FREQ=MONTHLY;COUNT=10;BYDAY=1FR\r\n", "", "m 1 10 - 16 0 1"},
        {"RRULE:FREQ=MONTHLY;BYDAY=-1SU\r\n", "", "m 1 0 - 64 0 -1"},
        {"RRULE:FREQ=MONTHLY;BYMONTHDAY=15\r\n", "", "m 1 0 - 0 15 0"},
        {"RRULE:FREQ=YEARLY;COUNT=10;BYMONTH=6\r\n", "", "y 1 10 - 0 0 0"},
        {"RRULE:FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3\r\n", "", ""},
        {"RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13\r\n", "", ""},
        {"RRULE:FREQ=DAILY\r\nRDATE:20260101T000000Z\r\n", "", ""},
        {"RRULE:FREQ=HOURLY;INTERVAL=3\r\n", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(8192);
        assert_int_equal(buf_printf(&m,
                                    HEAD
                                    "Content-Type: text/calendar; "
                                    "charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n%"
                                    "sBEGIN:VEVENT\r\nSUMMARY:x\r\n%sATTENDEE;CN=Bob:mailto:bob@"
                                    "out.test\r\nATTENDEE:mailto:eve@out.test\r\n"
                                    "END:VEVENT\r\nEND:VCALENDAR\r\n",
                                    zones, rows[i].lines),
                         0);
        struct view *v = view_of_message(buf_str(&m));
        assert_int_equal(v->n_events, 1);
        assert_string_equal(v->events[0].times, rows[i].times);
        assert_string_equal(v->events[0].rule, rows[i].rule);
        assert_string_equal(v->events[0].people, "Bob <bob@out.test>, eve@out.test");
        view_free(v);
        buf_free(&m);
    }
}

static void events_beside_a_text(void **state)
{
    struct buf m = mail_of("41-calendar.eml"), text = BUF_INIT(1 << 20);
    struct view *v = view_of_message(buf_str(&m));
    assert_int_equal(v->n_events, 1);
    assert_string_equal(
        v->events[0].what,
        "Review, with a name that is long enough to be folded over two lines of the file");
    assert_string_equal(v->events[0].when, "2026-11-12, 14:30 \xe2\x80\x93 15:30 (Europe/Berlin)");
    assert_string_equal(v->events[0].where, "Room 4; second floor");
    /* the text says something else */
    assert_string_equal(v->events[0].about, "Bring the figures.\nAnd coffee.");
    assert_true(holds(&v->text, "COVER-TEXT") && !holds(&v->text, "VCALENDAR"));
    view_free(v);
    buf_free(&m);
    assert_int_equal(buf_printf(&text, HEAD "Content-Type: text/calendar\r\n\r\n"), 0);
    for (int i = 0; i < 9000; i++) { /* hostile: without ends, in one another */
        assert_int_equal(buf_printf(&text,
                                    "BEGIN:VEVENT\r\nSUMMARY;X=\"%d:%d\r\nDTSTART:\r\nEND:\r\n\r\n",
                                    i, i),
                         0);
    }
    v = view_of_message(buf_str(&text));
    assert_true(v->n_events <= VIEW_EVENTS_MAX);
    view_free(v);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuencoded_lines_that_are_too_short),
        cmocka_unit_test(bodies_in_their_order),
        cmocka_unit_test(bodies_do_not_reach_into_each_other),
        cmocka_unit_test(messages_inside_messages),
        cmocka_unit_test(texts_among_the_fields),
        cmocka_unit_test(parts_end_where_they_end),
        cmocka_unit_test(mails_of_the_field),
        cmocka_unit_test(bodies_in_other_forms),
        cmocka_unit_test(files_inside_other_octets),
        cmocka_unit_test(files_of_outlook),
        cmocka_unit_test(authors),
        cmocka_unit_test(addresses_on_the_page),
        cmocka_unit_test(words_in_addresses),
        cmocka_unit_test(empty_files_are_listed),
        cmocka_unit_test(pictures_among_texts),
        cmocka_unit_test(reports_are_read),
        cmocka_unit_test(shown_wrongly_elsewhere),
        cmocka_unit_test(pictures_of_the_same_mail),
        cmocka_unit_test(what_is_encrypted_is_said),
        cmocka_unit_test(events_have_cards),
        cmocka_unit_test(events_have_times_and_rules),
        cmocka_unit_test(events_beside_a_text),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
