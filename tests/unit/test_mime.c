/* SPDX-License-Identifier: Apache-2.0
 * test_mime.c: what is read of a message, what is ambiguous about it, what cannot be read, and
 * the limits. Vectors: RFC 2046 5.1.1 (preamble, epilogue), RFC 2047 8, MS-OXRTFCP 4.1 (packed
 * RTF); the documents in tests/fixtures/documents were made by LibreOffice, zip, 7z and qpdf.
 */
#include "mime/pdf.h"
#include "mime/reader.h"
#include "check.h"
#include "sys/file.h"

#include <stdio.h>

#define LIT(s) \
    { \
        "" s, sizeof(s) - 1 \
    }

static bool has_text(const struct mime_reading *m, const char *text)
{
    for (size_t i = 0; i < m->n_texts; i++) {
        struct str t = buf_str(&m->texts[i].text);
        if (memmem(t.p, t.n, text, strlen(text))) {
            return true;
        }
    }
    return false;
}

static bool has_problem(const struct mime_reading *m, enum mime_problem_kind kind)
{
    for (size_t i = 0; i < m->n_problems; i++) {
        if (m->problems[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static struct mime_reading *read_c(const char *message)
{
    return mime_read(str_c(message), &mime_standard_limits);
}

#define HEAD \
    "From: a@clinic.example\r\nTo: b@bank.example\r\nSubject: results\r\nMIME-Version: 1.0\r\n"

/* RFC 2046 5.1.1, with its preamble and epilogue; RFC 2047's example of an encoded name.
 * RFC 2046 4.1.2 MUST: without charset: US-ASCII */
static void ordinary_messages(void **state)
{
    struct mime_reading *m =
        read_c("From: =?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.example>\r\nSubject: "
               "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
               "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=\r\n\r\nhello\r\n");
    assert_true(has_text(m, "If you can read this you understand the example."));
    assert_true(has_text(m, "Keith Moore"));
    assert_true(has_text(m, "hello"));
    assert_int_equal(m->n_problems, 0);
    size_t cursor = 0;
    assert_string_equal(mime_field_next(m, "subject", &cursor),
                        "If you can read this you understand the example.");
    assert_null(mime_field_next(m, "subject", &cursor));
    mime_reading_free(m);
    m = read_c(HEAD
               "Content-Type: multipart/alternative; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: "
               "text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
               "quoted-printable\r\n\r\nM=FCller\r\n--b1\r\n"
               "Content-Type: text/html; "
               "charset=utf-8\r\n\r\n<html><style>td{}</style><p>4111<span></span>1111 &amp; <i "
               "title=\"told\">x</i></p><!-- secret note --><div "
               "style=\"display:none\">hidden</div><blockquote "
               "type=\"cite\">old<br>text</blockquote><table><tr><td>a</td><td>b</td></tr></"
               "table></html>\r\n--b1--\r\n");
    assert_int_equal(m->n_problems, 0);
    assert_true(has_text(m, "M\xc3\xbcller"));
    assert_true(has_text(m, "41111111 & x"));
    assert_true(has_text(m, "hidden"));
    assert_true(has_text(m, "secret note"));
    assert_true(has_text(m, "told"));
    assert_true(has_text(m, "> old\n> text"));
    assert_true(has_text(m, "a\tb"));
    assert_false(has_text(m, "td{}"));
    mime_reading_free(m);
}

/* Every way in which two programs may read two different things. */
/* RFC 2045 5.1, 6.1: names in any case, what is unknown is left out; RFC 2046 4.1.4, 5.1.3: unknown
 * texts are texts, unknown multiparts are mixed. One reading, no problem.
 * RFC 2045 5.1 MUST: types, subtypes and names of parameters in any case
 * RFC 2045 5.2 MUST: without a type, or with one that cannot be read: plain text in US-ASCII
 * RFC 2045 6.1 MUST: encodings in any case
 * RFC 2046 4.1.4 SHOULD: an unknown subtype of text is shown as text
 * RFC 2046 5.1.3 MUST: an unknown multipart is read as mixed */
static void forms_of_the_standard(void **state)
{
    static const char *const messages[] = {
        HEAD "Content-Type: TEXT/Plain; CharSet=ISO-8859-1; odd=yes\r\n"
             "Content-Transfer-Encoding: Quoted-PRINTABLE\r\n\r\nn=65edle\r\n",
        HEAD "Content-Type: text/plain; charset=\"us-ascii\"\r\n\r\nneedle\r\n",
        HEAD "Content-Type: text/x-own\r\n\r\nneedle\r\n",
        HEAD "Content-Type: text\r\n\r\nneedle\r\n",
        HEAD "Content-Type: multipart/x-own; boundary=\"x y\"\r\n\r\n--x y\r\nContent-Type: "
             "text/plain\r\n\r\nneedle\r\n--x y--\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct mime_reading *m = read_c(messages[i]);
        if (!has_text(m, "needle") || (i != 3 && m->n_problems != 0)) {
            fail_msg("message %zu: %zu problems", i, m->n_problems);
        }
        mime_reading_free(m);
    }
}

/* RFC 2046 5.1.1 MUST NOT: a boundary does not end with a blank
 * RFC 2046 5.1.1 MUST: prologue and epilogue are no parts
 * RFC 2047 6.2 MUST: a word of an unknown set takes nothing else with it */
static void ambiguous_messages(void **state)
{
    static const struct {
        enum mime_problem_kind kind;
        const char *message;
    } rows[] = {
        {MIME_FIELD, HEAD "Content-Type: text/plain\r\nContent-Type: multipart/mixed; "
                          "boundary=x\r\n\r\n--x\r\n\r\nneedle\r\n--x--\r\n"},
        {MIME_FIELD,
         HEAD "Content-Type: text/plain\r\nContent-Transfer-Encoding: "
              "base64\r\nContent-Transfer-Encoding: "
              "7bit\r\n\r\nbmVlZGxlIG5lZWRsZSBuZWVkbGUgbmVlZGxlIG5lZWRsZSBuZWVkbGU=\r\n"},
        {MIME_OUTSIDE, HEAD "Content-Type: multipart/mixed; "
                            "boundary=x\r\n\r\nneedle\r\n--x\r\n\r\nhello\r\n--x--\r\n"},
        {MIME_OUTSIDE, HEAD "Content-Type: multipart/mixed; "
                            "boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x--\r\nContent-Type: "
                            "text/html\r\n\r\nneedle\r\n"},
        {MIME_BOUNDARY, HEAD "Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nneedle\r\n--x--\r\n"},
        {MIME_BOUNDARY,
         HEAD "Content-Type: multipart/mixed; boundary=y\r\n\r\n--x\r\n\r\nneedle\r\n--x--\r\n"},
        {MIME_ENCODING, HEAD "Content-Transfer-Encoding: base64\r\n\r\nbmVlZGxl!bmVlZGxl\r\n"},
        {MIME_ENCODING,
         HEAD "Content-Transfer-Encoding: base64\r\n\r\nbmVlZGxlIGFnYWluIA==bmVlZGxl\r\n"},
        {MIME_ENCODING, HEAD "Content-Transfer-Encoding: x-own\r\n\r\nneedle\r\n"},
        {MIME_CHARSET, HEAD "Content-Type: text/plain; charset=nobody-knows\r\n\r\nneedle\r\n"},
        {MIME_CHARSET, HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\nneedle \xff\xfe\r\n"},
        {MIME_BOUNDARY, HEAD "Content-Type: multipart/mixed; boundary=\"x \"\r\n\r\n--x "
                             "\r\n\r\nneedle\r\n--x --\r\n"},
        {MIME_HEADER, HEAD "needle without a colon\r\nX: y\r\n\r\nhello\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *m = read_c(rows[i].message);
        if (!has_problem(m, rows[i].kind) || !has_text(m, "needle")) {
            fail_msg("row %zu: problem %d, needle %d", i, has_problem(m, rows[i].kind),
                     has_text(m, "needle"));
        }
        assert_true(mime_problem_is_ambiguous(rows[i].kind));
        mime_reading_free(m);
    }
}

/* RFC 5545 3.1: the fold may stand anywhere, also inside a number. */
static void folded_lines(void **state)
{
    struct mime_reading *m = read_c(
        HEAD "Content-Type: text/calendar; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nDESCRIPTION:SSN "
             "536-90\r\n -4399 of\r\n\tthe patient\r\nEND:VCALENDAR\r\n");
    assert_true(has_text(m, "SSN 536-90-4399 ofthe patient\nEND"));
    assert_int_equal(m->n_problems, 0);
    mime_reading_free(m);
}

/* RFC 5545 3.3.11: commas and line ends are escaped in a value; what an event says is there as
 * people read it, too. */
static void events_as_people_read_them(void **state)
{
    struct mime_reading *m = read_c(
        HEAD "Content-Type: text/calendar; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"
             "SUMMARY:Mr. Baker\\, "
             "control\r\nDESCRIPTION;LANGUAGE=en:one\\ntwo\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    assert_true(has_text(m, "SUMMARY:Mr. Baker\\, control") &&
                has_text(m, "Mr. Baker, control\none\ntwo"));
    mime_reading_free(m);
}

/* What begins as a calendar and has HTML in it is read as both: a browser goes by the name. RFC
 * 3629 6: the mark of UTF-8 at the front, as Outlook's "save as" and Windows' editors write it,
 * and blank lines: lines are folded all the same. A file that is called a text is shown as it
 * stands. */
static void files_in_doubt(void **state)
{
    static const struct {
        const char *name, *octets, *text, *type;
    } rows[] = {
        {"a.html", "BEGIN:VCALENDAR\n<html><p>53<b>6-90-</b>4399</p></html>", "536-90-4399",
         "html"},
        {"a.ics",
         "BEGIN:VCALENDAR\r\nX-ALT-DESC;FMTTYPE=text/html:<html><p>53<b>6-90-</b>43\r\n "
         "99</p></html>\r\nEND:VCALENDAR\r\n",
         "536-90-4399", "calendar"},
        {"a.html", "<html><!-- x -->BEGIN:VCALENDAR 53<b>6-90-</b>4399</html>", "536-90-4399",
         "html"},
        {"a.ics",
         "\xef\xbb\xbf"
         "BEGIN:VCALENDAR\r\nDESCRIPTION:536-90\r\n -4399\r\nEND:VCALENDAR\r\n",
         "536-90-4399", "calendar"},
        {"a.ics", "\r\n BEGIN:VCALENDAR\r\nDESCRIPTION:536-90\r\n -4399\r\nEND:VCALENDAR\r\n",
         "536-90-4399", "calendar"},
        {"a.vcf", "\xef\xbb\xbf\r\nBEGIN:VCARD\r\nNOTE:536-90\r\n -4399\r\nEND:VCARD\r\n",
         "536-90-4399", "text"},
        {"a.txt", "BEGIN:VCALENDAR: how a calendar begins\n", "how a calendar begins", "text"},
        {"a.txt", "see <html> and <style>536-90-4399</style>", "536-90-4399", "html"},
        {"a.csv", "<html><style>536-90-4399", "536-90-4399", "html"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *m =
            mime_read_file(str_c(rows[i].octets), rows[i].name, &mime_standard_limits);
        if (!has_text(m, rows[i].text) || strcmp(m->attachments[0].type, rows[i].type) != 0) {
            fail_msg("row %zu: %s, text %d", i, m->attachments[0].type, has_text(m, rows[i].text));
        }
        mime_reading_free(m);
    }
}

/* RFC 2046 4.1.2: a charset may stand at each text type; RFC 5545 3.1: a fold inside a character
 * (two octets of a letter). */
static void charsets_of_other_texts(void **state)
{
    struct mime_reading *m =
        read_c(HEAD "Content-Type: text/csv; charset=iso-8859-2\r\nContent-Transfer-Encoding: "
                    "8bit\r\n\r\nname;za\xbf\xf3\xb3\xe6\r\n");
    assert_true(has_text(m, "za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87"));
    mime_reading_free(m);
    m = read_c(HEAD "Content-Type: text/csv; charset=utf-16le\r\nContent-Transfer-Encoding: "
                    "base64\r\n\r\nbgBlAGUAZABsAGUA\r\n");
    assert_true(has_text(m, "needle"));
    mime_reading_free(m);
    m = read_c(
        HEAD
        "Content-Type: text/calendar; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nSUMMARY:M\xc3\r\n "
        "\xbcller\r\nEND:VCALENDAR\r\n");
    assert_true(has_text(m, "M\xc3\xbcller"));
    mime_reading_free(m);
    /* HTML standard 13.2.3.2 */
    m = read_c(HEAD "Content-Type: text/html\r\n\r\n<meta charset=koi8-r><p>\xf7\xc9\xde\r\n");
    assert_true(has_text(m, "\xd0\x92\xd0\xb8\xd1\x87"));
    mime_reading_free(m);
}

/* huacnlee/omamail#87, macro-inc/macro#6133: UTF-8 whose label is of single octets. Some
 * go by the label, some by the octets. */
static void utf8_under_another_label(void **state)
{
    static const char *const rows[] = {
        HEAD
        "Content-Type: text/plain; charset=iso-8859-2\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "SSN\xc2\xa0"
        "536\r\n",
        HEAD "Content-Type: text/html; charset=iso-8859-1\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>S<b>SN=C2=A0536</b>\r\n",
        HEAD "Content-Type: text/plain; format=flowed; charset=windows-1252\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\nU1NOwqA1MzYNCg==\r\n",
        HEAD "Content-Type: text/csv; charset=windows-1252\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\nYTtTU07CoDUzNg0K\r\n",
        HEAD "Content-Type: application/octet-stream; name=a.html\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\n"
             "PGh0bWw+PG1ldGEgY2hhcnNldD1pc28tODg1OS0xPjxwPlNTTsKgNTM2PC9wPjwvaHRtbD4=\r\n",
        "Subject: =?iso-8859-1?Q?=C3?= =?iso-8859-1?Q?=A4_SSN=C2=A0536?=\r\n\r\nx\r\n",
        HEAD "X-Note: =?windows-1252?B?U1NOwqA1MzY=?=\r\n\r\nx\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *m = read_c(rows[i]);
        bool as_labelled = has_text(m, "SSN\xc3\x82\xc2\xa0"
                                       "536"),
             as_utf8 = false;
        for (size_t k = 0; k < m->n_texts; k++) {
            struct str t = buf_str(&m->texts[k].text);
            bool raw = strcmp(m->texts[k].part, "raw") == 0;
            as_utf8 |= !raw && t.n > 0 &&
                       memmem(t.p, t.n,
                              "SSN\xc2\xa0"
                              "536",
                              8);
        }
        if (!as_labelled || !as_utf8 || !has_problem(m, MIME_CHARSET)) {
            fail_msg("row %zu: by its label %d, as UTF-8 %d", i, as_labelled, as_utf8);
        }
        mime_reading_free(m);
    }
    struct mime_reading *m =
        read_c("Subject: =?iso-8859-1?Q?Gr=FC=DFe_=C3=BC?=\r\nMIME-Version: 1.0\r\n"
               "Content-Type: text/plain; charset=iso-8859-1\r\n"
               "Content-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdf"
               "e\r\n");
    assert_int_equal(m->n_problems, 0);
    mime_reading_free(m);
}

/* rspamd/rspamd#1651, zammad/zammad#6144: ISO-2022-JP (RFC 1468) without a label, or under another;
 * ISO-2022-KR (RFC 1557). What Python's codecs make of them. Programs that go by the label see what
 * stands between the escapes. */
#define JIS  "\x1b$B%+!<%I\x1b(B"
#define SEEN "カード", "$B%+!<%I"
#define TYPE HEAD "Content-Type: "
static void escapes_under_another_label(void **state)
{
    static const struct {
        const char *mail, *text, *as_is;
        bool noted;
    } rows[] = {
        {HEAD "\r\n" JIS "\r\n", SEEN, false},
        {"Subject: x\r\n\r\n" JIS "\r\n", SEEN, false},
        {TYPE "text/plain; charset=us-ascii\r\n\r\n" JIS "\r\n", SEEN, false},
        {TYPE "text/plain; charset=utf-8\r\n\r\n" JIS "\r\n", SEEN, true},
        {TYPE "text/plain; charset=iso-8859-1\r\n\r\n" JIS "\r\n", SEEN, true},
        {TYPE "text/html; charset=iso-8859-1\r\n\r\n<p>" JIS "</p>\r\n", SEEN, true},
        {TYPE "text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\n" JIS "\r\n", SEEN,
         false},
        {TYPE "application/octet-stream; name=a.txt\r\n\r\n" JIS "\r\n", SEEN, false},
        {"Subject: " JIS "\r\n\r\nx\r\n", SEEN, false},
        {HEAD "X-Note: a " JIS "\r\n\r\nx\r\n", SEEN, false},
        {"Subject: =?utf-8?B?GyRCJSshPCVJGyhC?=\r\n\r\nx\r\n", SEEN, true},
        {HEAD "\r\n\x1b$)C\x0e"
              "0!\x0f 536\r\n",
         "가 536", "0!\x0f 536", false},
        {TYPE "text/plain; charset=iso-2022-jp\r\n\r\n" JIS "\r\n", "カード", NULL, false},
        /* what a terminal is told is no text of two octets; nor is one that does not fit */
        {HEAD "\r\n\x1b(B\x1b[m 4539\r\n", "\x1b(B\x1b[m 4539", NULL, false},
        {HEAD "\r\n\x1b$B 45 39 57 87 63 62 14 86\r\n", "$B 45 39 57 87 63 62 14 86", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *m = read_c(rows[i].mail);
        bool as_is = false;
        for (size_t k = 0; rows[i].as_is && k < m->n_texts; k++) {
            struct str t = buf_str(&m->texts[k].text);
            bool raw = strcmp(m->texts[k].part, "raw") == 0;
            as_is |= !raw && t.n > 0 && memmem(t.p, t.n, rows[i].as_is, strlen(rows[i].as_is));
        }
        bool fits = has_text(m, rows[i].text) && as_is == (rows[i].as_is != NULL);
        if (!fits || has_problem(m, MIME_CHARSET) != rows[i].noted) {
            fail_msg("row %zu: by escapes %d, as it is %d", i, has_text(m, rows[i].text), as_is);
        }
        mime_reading_free(m);
    }
}

/* A rule by file name is to see the name of a file without octets: one in a mail (RFC 2183), one
 * in a zip (two files, by Python's zipfile). */
static void empty_files_have_names(void **state)
{
    struct mime_reading *m = read_c(
        HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n"
             "Content-Type: application/octet-stream; name=first.exe\r\n"
             "Content-Disposition: attachment; filename=second.exe\r\n\r\n--b\r\n"
             "Content-Type: application/zip; name=a.zip\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\n"
             "UEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAAJAAAAZW1wdHkuZXhlUEsDBBQAAAAAAAAAIQCsKpPY\r\n"
             "AgAAAAIAAAAFAAAAYS50eHRoaVBLAQIUAxQAAAAAAAAAIQAAAAAAAAAAAAAAAAAJAAAAAAAAAAAA\r\n"
             "AACAAQAAAABlbXB0eS5leGVQSwECFAMUAAAAAAAAACEArCqT2AIAAAACAAAABQAAAAAAAAAAAAAA\r\n"
             "gAEnAAAAYS50eHRQSwUGAAAAAAIAAgBqAAAATAAAAAAA\r\n"
             "--b--\r\n");
    assert_int_equal(m->n_attachments, 4);
    assert_string_equal(m->attachments[0].name, "second.exe");
    assert_int_equal(m->attachments[0].octets, 0);
    assert_string_equal(m->names[0].name, "first.exe");
    assert_string_equal(m->attachments[2].name, "empty.exe");
    assert_string_equal(m->attachments[3].name, "a.txt");
    mime_reading_free(m);
}

/* A file of HTML may be in any character set (HTML standard 13.2.3.2; `text/html` of Word is
 * UTF-16 when saved as "Unicode"). The last one, found by fuzz_unpack, ended the process:
 * libxml2 changed the character set in its middle. */
static void html_files(void **state)
{
    static const struct {
        struct str octets;
        const char *text;
    } files[] = {
        {STR("\xff\xfe<\0h\0t\0m\0l\0>\0<\0p\0>\0n\0e\0e\0d\0l\0e\0"), "needle"},
        {STR("<html><meta charset=shift_jis><p>\x83\x4a"), "\xe3\x82\xab"},
        {STR("<html><meta charset=koi8-r><p>\xf7\xc9\xde"), "\xd0\x92\xd0\xb8\xd1\x87"},
        {STR("<html><p>M\xfcller"), "M\xc3\xbcller"},
        {STR("<html><"
             "heCCCCCCCCCCC\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
             "\xff\xff\xff"
             "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
             "\xff"),
         ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct mime_reading *m = mime_read_file(files[i].octets, "x.html", &mime_standard_limits);
        assert_true(has_text(m, files[i].text));
        mime_reading_free(m);
    }
}

static struct mime_reading *read_fixture(const char *name, struct mime_pdf *pdf)
{
    struct mime_limits limits = mime_standard_limits;
    struct buf octets = BUF_INIT(1 << 20);
    char path[200];
    snprintf(path, sizeof path, "tests/fixtures/documents/%s", name);
    assert_int_equal(file_read(path, &octets), 0);
    limits.pdf = mime_pdf_read;
    limits.pdf_arg = pdf;
    struct mime_reading *m = mime_read_file(buf_str(&octets), name, &limits);
    buf_free(&octets);
    return m;
}

/* LibreOffice wrote them from one letter and one table. */
static void documents(void **state)
{
    static const char *const letters[] = {
        "letter.docx", "letter.odt", "letter.rtf",   "letter.pdf",
        "letter.doc",  "plain.7z",   "plain.tar.gz",
    };
    static const char *const tables[] = {"table.xlsx", "table.ods"};
    struct mime_pdf *pdf = mime_pdf_new();
    assert_non_null(pdf);
    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        struct mime_reading *m = read_fixture(letters[i], pdf);
        assert_true(has_text(m, "SSN 536-90-4399"));
        assert_true(has_text(m, "metformin"));
        assert_int_equal(m->n_problems, strcmp(letters[i], "letter.doc") == 0);
        mime_reading_free(m);
    }
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct mime_reading *m = read_fixture(tables[i], pdf);
        assert_true(has_text(m, "Mary Jones\t536-90-4399\tasthma"));
        assert_true(has_text(m, "Name\tSSN\tDiagnosis"));
        assert_int_equal(m->n_problems, 0);
        mime_reading_free(m);
    }
    static const char *const locked[] = {"locked.zip", "locked.7z", "locked.pdf"};
    for (size_t i = 0; i < ARRAY_LEN(locked); i++) {
        struct mime_reading *m = read_fixture(locked[i], pdf);
        assert_true(has_problem(m, MIME_PASSWORD));
        mime_reading_free(m);
    }
    mime_pdf_free(pdf);
    struct mime_reading *m = read_fixture("letter.pdf", NULL);
    assert_true(has_problem(m, MIME_UNKNOWN));
    mime_reading_free(m);
}

static void unreadable_things(void **state)
{
    static const char ole[] =
        "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";
    static const struct {
        struct str octets;
        enum mime_problem_kind kind;
        const char *name;
    } rows[] = {
        {LIT("\x89PNG\r\n\x1a\n...."), MIME_IMAGE, "scan.png"},
        {LIT("%PDF-1.4 nothing of a PDF"), MIME_DAMAGED, "x.pdf"},
        {LIT("PK\x03\x04 broken"), MIME_DAMAGED, "x.zip"},
        {{ole, sizeof ole}, MIME_PASSWORD, "x.docx"},
        {LIT("ID3\x04"), MIME_MEDIA, "voice.mp3"},
        {LIT("\x01\x02\x00\x03\x04 card 4539578763621486 "), MIME_UNKNOWN, "x.bin"},
    };
    struct mime_limits limits = mime_standard_limits;
    struct mime_pdf *pdf = mime_pdf_new();
    limits.pdf = mime_pdf_read;
    limits.pdf_arg = pdf;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *m = mime_read_file(rows[i].octets, rows[i].name, &limits);
        if (!has_problem(m, rows[i].kind)) {
            fail_msg("row %zu", i);
        }
        assert_false(mime_problem_is_ambiguous(rows[i].kind));
        assert_int_equal(has_text(m, "4539578763621486"), rows[i].kind == MIME_UNKNOWN);
        mime_reading_free(m);
    }
    mime_pdf_free(pdf);
}

/* compress(1): 9-bit codes behind 1f 9d 90, as gzip -d reads them; broken ones ended the process
 * (found by fuzz_mime). */
static void compressed_by_the_old_program(void **state)
{
    static const char packed[] =
        "\x1f\x9d\x90\x6e\xca\x94\x21\xc3\xa6\x0c\x88\x34\x6e\x40\x84\x01\x31\xe6\x4d\x1b\x38\x72"
        "\xca\xcc\x99\x53\x86\x0c\x08\x33\x69\xd8\x94\x51\x00";
    struct mime_reading *m =
        mime_read_file((struct str){packed, sizeof packed - 1}, "x.Z", &mime_standard_limits);
    assert_true(has_text(m, "needle in a compressed file"));
    mime_reading_free(m);
    m = mime_read_file(STR("\x1f\x9d\x6f\x6d"), "x.Z", &mime_standard_limits);
    assert_true(m->n_problems > 0);
    mime_reading_free(m);
}

/* MS-OXRTFCP 4.1.1: the specification's own example, inside the smallest winmail.dat that holds
 * it. */
static void outlooks_envelope(void **state)
{
    static const unsigned char packed[] = {
        0x2d, 0,    0,    0,    0x2b, 0,    0,    0,    0x4c, 0x5a, 0x46, 0x75, 0xf1,
        0xc5, 0xc7, 0xa7, 0x03, 0,    0x0a, 0,    0x72, 0x63, 0x70, 0x67, 0x31, 0x32,
        0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0,    0x20, 0x62,
        0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
    };
    struct buf tnef = BUF_INIT(4096);
    unsigned char head[] = {
        0x78,
        0x9f,
        0x3e,
        0x22,
        1,
        0,
        /* attMAPIProps */ 1,
        0x03,
        0x90,
        0x06,
        0x00,
        0,
        0,
        0,
        0,
        /* one property: PT_BINARY, PR_RTF_COMPRESSED, one value */ 1,
        0,
        0,
        0,
        0x02,
        0x01,
        0x09,
        0x10,
        1,
        0,
        0,
        0,
        sizeof packed,
        0,
        0,
        0,
    };
    size_t padded = (sizeof packed + 3) / 4 * 4;
    head[11] = (unsigned char)(16 + padded);
    assert_int_equal(buf_append(&tnef, head, sizeof head), 0);
    assert_int_equal(buf_append(&tnef, packed, sizeof packed), 0);
    assert_int_equal(buf_append(&tnef, "\0\0\0", padded - sizeof packed), 0);
    assert_int_equal(buf_append(&tnef, "\0\0", 2), 0);
    /* attAttachTitle, attAttachData: a text */
    assert_int_equal(buf_append(&tnef, "\x02\x10\x80\x01\x00\x06\0\0\0a.txt\0\0\0", 17), 0);
    assert_int_equal(buf_append(&tnef, "\x02\x0f\x80\x06\x00\x05\0\0\0notes\0\0", 16), 0);
    struct mime_reading *m = mime_read_file(buf_str(&tnef), "winmail.dat", &mime_standard_limits);
    assert_true(has_text(m, "hello world"));
    assert_true(has_text(m, "notes"));
    assert_int_equal(m->n_problems, 0);
    assert_int_equal(m->n_attachments, 2);
    assert_string_equal(m->attachments[1].name, "a.txt");
    mime_reading_free(m);
    buf_free(&tnef);
}

/* RFC 2045 6.1 with RFC 822's comments; Unicode 16 D99 (marks of UTF-32); RFC 2557 (saved
 * pages), RFC 4155 (mbox), POSIX uuencode, vCard 2.1 2.1.4.4: files that say what they are only
 * by their octets. */
static void files_without_a_label(void **state)
{
    static const struct {
        struct str octets;
        const char *name;
    } rows[] = {
        {LIT("\xff\xfe\0\0n\0\0\0e\0\0\0e\0\0\0d\0\0\0l\0\0\0e\0\0\0"), "x.txt"},
        {LIT("\0\0\xfe\xff\0\0\0n\0\0\0e\0\0\0e\0\0\0d\0\0\0l\0\0\0e"), "x.txt"},
        {LIT("From: <Saved by Blink>\r\nSubject: a page\r\nMIME-Version: 1.0\r\nContent-Type: "
             "text/html\r\nContent-Transfer-Encoding: "
             "quoted-printable\r\n\r\n<p>nee=\r\ndle</p>\r\n"),
         "page"},
        {LIT("Content-Type: text/html\r\nContent-Transfer-Encoding: "
             "base64\r\n\r\nPHA+bmVlZGxlPC9wPg==\r\n"),
         "page.mht"},
        {LIT("From a@b Mon Nov 30 07:00:00 2026\nSubject: one\n\nhello\n\nFrom a@b Mon Nov 30 "
             "07:00:01 2026\nSubject: two\nContent-Transfer-Encoding: base64\n\nbmVlZGxl\n"),
         "box"},
        {LIT("From Ann 2026\nRoom: needle\n\nhello\n"), "a letter"},
        {LIT("begin 644 x.txt\n&;F5E9&QE\n`\nend\n"), "x.uue"},
        {LIT("BEGIN:VCARD\r\nVERSION:2.1\r\nNOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:nee=64="
             "\r\n=6Ce\r\nEND:VCARD\r\n"),
         "x.vcf"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *m =
            mime_read_file(rows[i].octets, rows[i].name, &mime_standard_limits);
        if (!has_text(m, "needle") || m->n_problems > 0) {
            fail_msg("row %zu: %zu problems (%s)", i, m->n_problems,
                     m->n_problems ? mime_problem_name(m->problems[0].kind) : "");
        }
        mime_reading_free(m);
    }
    struct mime_reading *m =
        read_c(HEAD "Content-Transfer-Encoding: (c) base64\r\n\r\nbmVlZGxl\r\n");
    assert_true(has_text(m, "needle"));
    mime_reading_free(m);
    /* RFC 1896: what the page shows, also beside another part; RTF as a body of its own */
    m = read_c(HEAD
               "Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x\r\n"
               "Content-Type: text/enriched\r\n\r\n<bold>nee</bold>dle <<x>\r\n--x--\r\n");
    assert_true(has_text(m, "needle <x>"));
    mime_reading_free(m);
    m = read_c(HEAD "Content-Type: text/rtf\r\n\r\n{\\rtf1 needle}\r\n");
    assert_true(has_text(m, "needle") && m->texts[m->n_texts - 1].place == MIME_BODY);
    mime_reading_free(m);
    m = read_c(HEAD "Content-Transfer-Encoding: (c) x-own\r\n\r\nneedle\r\n");
    assert_true(has_problem(m, MIME_ENCODING));
    mime_reading_free(m);
}

/* What is too much is said, and comes back within its time. */
static void limits_hold(void **state)
{
    struct buf b = BUF_INIT(64 << 20);
    assert_int_equal(buf_add(&b, STR(HEAD "Content-Type: multipart/mixed; boundary=x\r\n\r\n")), 0);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(buf_add(&b, STR("--x\r\n\r\nneedle\r\n")), 0);
    }
    struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
    assert_true(has_problem(m, MIME_LIMIT));
    assert_true(has_text(m, "needle"));
    mime_reading_free(m);
    buf_reset(&b);
    assert_int_equal(buf_add(&b, STR(HEAD)), 0);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(buf_printf(&b,
                                    "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n",
                                    i, i),
                         0);
    }
    m = mime_read(buf_str(&b), &mime_standard_limits);
    assert_true(has_problem(m, MIME_LIMIT));
    mime_reading_free(m);
    buf_reset(&b);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(buf_add(&b, STR("Content-Type: message/rfc822\r\n\r\n")), 0);
    }
    m = mime_read(buf_str(&b), &mime_standard_limits);
    assert_true(has_problem(m, MIME_LIMIT));
    mime_reading_free(m);
    struct mime_limits few = mime_standard_limits;
    few.text_octets = 100;
    buf_reset(&b);
    assert_int_equal(buf_add(&b, STR(HEAD "\r\n")), 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf_add(&b, STR("a long text\r\n")), 0);
    }
    m = mime_read(buf_str(&b), &few);
    assert_true(has_problem(m, MIME_LIMIT));
    mime_reading_free(m);
    buf_free(&b);
}

/* Names of files in a zip (Python's zipfile wrote it) beyond ASCII, with blanks at the end, and
 * long ones keep their ending. */
static void names_in_archives(void **state)
{
    struct mime_reading *m = read_fixture("names.zip", NULL);
    size_t programs = 0;
    for (size_t i = 0; i < m->n_attachments; i++) {
        programs += str_ends_nocase(str_c(m->attachments[i].name), STR(".exe"));
    }
    assert_int_equal(programs, 4);
    assert_string_equal(m->attachments[1].name, "\xc3\x9c"
                                                "bersicht.exe");
    mime_reading_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_messages),
        cmocka_unit_test(forms_of_the_standard),
        cmocka_unit_test(ambiguous_messages),
        cmocka_unit_test(folded_lines),
        cmocka_unit_test(events_as_people_read_them),
        cmocka_unit_test(files_in_doubt),
        cmocka_unit_test(charsets_of_other_texts),
        cmocka_unit_test(utf8_under_another_label),
        cmocka_unit_test(escapes_under_another_label),
        cmocka_unit_test(html_files),
        cmocka_unit_test(compressed_by_the_old_program),
        cmocka_unit_test(documents),
        cmocka_unit_test(names_in_archives),
        cmocka_unit_test(unreadable_things),
        cmocka_unit_test(outlooks_envelope),
        cmocka_unit_test(files_without_a_label),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(empty_files_have_names),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
