/* SPDX-License-Identifier: Apache-2.0
 * test_sevenbit.c: conversion to 7-bit transfer encodings. Right values: RFC 2045 6.7 and 6.8 by
 * Python's quopri and base64; which parts: RFC 2046 5.1.1, RFC 1847 2.1, RFC 6152 3.
 */
#include "check.h"
#include "wire/sevenbit.h"

static void pass(struct sevenbit_plan *plan, bool survey, struct str text, size_t piece,
                 struct buf *out)
{
    struct sevenbit *s = sevenbit_new(plan, survey);
    for (size_t at = 0; at < text.n; at += piece) {
        assert_int_equal(sevenbit_write(s,
                                        str_slice(text, at,
                                                  at + piece < text.n ? at + piece : text.n),
                                        out),
                         0);
    }
    assert_int_equal(sevenbit_end(s, out), 0);
    sevenbit_free(s);
}

/* want NULL: it goes as it is. */
static void check(enum sevenbit_need need, struct str text, enum sevenbit_problem problem,
                  const char *want)
{
    for (size_t piece = 1; piece < 200; piece += piece < 4 ? 1 : 97) {
        CLEANUP(buf_free) struct buf out = BUF_INIT(65536);
        struct sevenbit_plan plan = {.need = need};
        pass(&plan, true, text, piece, &out);
        assert_int_equal(buf_len(&out), 0);
        assert_int_equal(plan.problem, problem);
        if (problem == SEVENBIT_FINE) {
            assert_int_equal(plan.changes, want != NULL);
        }
        if (want) {
            pass(&plan, false, text, piece, &out);
            check_str(buf_str(&out), want);
        }
        sevenbit_plan_free(&plan);
    }
}

/* RFC 2045 4 MUST: what we make of old messages has MIME-Version 1.0
 * RFC 2045 6.7 MUST: quoted-printable: = and 8-bit octets as = and two digits, upper case
 * RFC 2045 6.7 MUST: quoted-printable: no blank at the end of a line stays bare
 * RFC 2045 6.7 MUST: quoted-printable: line breaks are CRLF, and stay so */
static void one_text(void **state)
{
    check(SEVENBIT_ALL, STR("Subject: x\r\n\r\nplain\r\n"), SEVENBIT_FINE, NULL);
    check(SEVENBIT_ALL,
          STR("MIME-Version: 1.0\r\nContent-Type: text/plain; "
              "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9f"
              "e an alle, die hier stehen\r\n"),
          SEVENBIT_FINE,
          "MIME-Version: 1.0\r\nContent-Type: text/plain; "
          "charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe an "
          "alle, die hier stehen\r\n");
    /* a blank at the end of a line is no blank of the transport's: RFC 2045 6.7 rule 3 */
    check(SEVENBIT_ALL,
          STR("MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nf\xc3\xbcr alle, die hier "
              "stehen \r\n"),
          SEVENBIT_FINE,
          "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
          "quoted-printable\r\n\r\nf=C3=BCr alle, die hier stehen=20\r\n");
    /* from before MIME: RFC 1428 */
    check(SEVENBIT_ALL,
          STR("Subject: x\r\n\r\nGr\xfc\xdf"
              "e an alle, die hier stehen\r\n"),
          SEVENBIT_FINE,
          "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
          "charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
          "Gr=FC=DFe an alle, die hier stehen\r\n");
    check(SEVENBIT_ALL,
          STR("MIME-Version: 1.0\r\nContent-Type: text/plain; "
              "charset=koi8-r\r\n\r\n\xf0\xd2\xc9\xd7\xc5\xd4\r\n"),
          SEVENBIT_FINE,
          "MIME-Version: 1.0\r\nContent-Type: text/plain; "
          "charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n8NLJ18XUDQo=\r\n");
    check(SEVENBIT_LINES, STR("Subject: x\r\n\r\n\xc3\xa4\r\n"), SEVENBIT_FINE, NULL);
}

#define MIXED     "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n"
#define LONG_TEXT "and so many more plain words that it stays readable"

/* RFC 2045 6.4 MUST NOT: multiparts and messages are not encoded, only what is in them
 * RFC 2046 5.1.1 MUST: the line break before a boundary is not of the part
 * RFC 2046 5.1.1 MUST: outer boundaries end inner parts
 * RFC 2046 5.2.1 MUST NOT: message/rfc822 is not encoded */
static void parts_in_parts(void **state)
{
    check(SEVENBIT_ALL,
          STR(MIXED
              "Content-Transfer-Encoding: 8bit\r\n\r\npre\xc3\xa4\r\n--b 1\r\nContent-Type: "
              "text/plain\r\n\r\n\xe4 " LONG_TEXT "\r\n--b 1\r\n"
              "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: "
              "in\r\nContent-Type: application/x\r\nMIME-Version: 1.0\r\n\r\n\xff\r\n"
              "--b 1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nASCII\r\n--b 1--\r\nend\r\n"),
          SEVENBIT_FINE,
          MIXED "Content-Transfer-Encoding: 7bit\r\n\r\npre??\r\n--b 1\r\nContent-Type: "
                "text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E4 " LONG_TEXT
                "\r\n--b 1\r\n"
                "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: "
                "in\r\nContent-Type: application/x\r\nMIME-Version: "
                "1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n/w==\r\n"
                "--b 1\r\nContent-Transfer-Encoding: 7bit\r\n\r\nASCII\r\n--b 1--\r\nend\r\n");
}

static void what_is_sealed(void **state)
{
    check(SEVENBIT_ALL,
          STR("MIME-Version: 1.0\r\nContent-Type: multipart/signed; "
              "boundary=b\r\n\r\n--b\r\n\r\n\xc3\xa4\r\n--b--\r\n"),
          SEVENBIT_SEALED, NULL);
    check(SEVENBIT_LINES,
          STR("MIME-Version: 1.0\r\nContent-Type: multipart/signed; "
              "boundary=b\r\n\r\n--b\r\n\r\n\xc3\xa4\r\n--b--\r\n"),
          SEVENBIT_FINE, NULL);
    check(SEVENBIT_LINES,
          STR("MIME-Version: 1.0\r\nContent-Type: multipart/encrypted; "
              "boundary=b\r\n\r\n--b\r\n\r\na\nb\r\n--b--\r\n"),
          SEVENBIT_SEALED, NULL);
    check(SEVENBIT_ALL, STR("Subject: \xc3\xa4\r\n\r\nx\r\n"), SEVENBIT_HEADER, NULL);
    check(SEVENBIT_ALL,
          STR("MIME-Version: 1.0\r\nContent-Type: message/partial\r\n\r\n\xc3\xa4\r\n"),
          SEVENBIT_ENCODING, NULL);
}

/* RFC 2045 6.8 MUST: base64: lines of 76 at most */
static void binary(void **state)
{
    check(SEVENBIT_LINES,
          STR("MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
              "binary\r\n\r\na\nb" LONG_TEXT),
          SEVENBIT_FINE,
          "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
          "quoted-printable\r\n\r\na=0Ab" LONG_TEXT);
    check(SEVENBIT_LINES,
          STR("MIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: "
              "binary\r\n\r\na\0b\r"),
          SEVENBIT_FINE,
          "MIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: "
          "base64\r\n\r\nYQBiDQ==\r\n");
}

/* Lines over 998: converted, but not where a signature of the body would be lost by it.
 * RFC 2045 6.7 MUST: quoted-printable: lines of 76 at most, by soft breaks */
static void long_lines(void **state)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(65536), want = BUF_INIT(65536);
    assert_int_equal(buf_add(&text, STR("MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n")),
                     0);
    assert_int_equal(
        buf_add(&want, STR("MIME-Version: 1.0\r\nContent-Type: "
                           "text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")),
        0);
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(buf_add(&text, STR("x")), 0);
        assert_int_equal(buf_add(&want, i > 0 && i % 75 == 0 ? STR("=\r\nx") : STR("x")), 0);
    }
    assert_int_equal(buf_add(&text, STR("\r\n")), 0);
    assert_int_equal(buf_append(&want, "\r\n\0", 3), 0);
    check(SEVENBIT_LINES, buf_str(&text), SEVENBIT_FINE, buf_str(&want).p);
    CLEANUP(buf_free) struct buf is_signed = BUF_INIT(65536);
    assert_int_equal(buf_add(&is_signed, STR("DKIM-Signature: v=1\r\n")), 0);
    assert_int_equal(buf_add(&is_signed, buf_str(&text)), 0);
    check(SEVENBIT_LINES, buf_str(&is_signed), SEVENBIT_FINE, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_text),       cmocka_unit_test(parts_in_parts),
        cmocka_unit_test(what_is_sealed), cmocka_unit_test(binary),
        cmocka_unit_test(long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
