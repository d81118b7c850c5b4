/* SPDX-License-Identifier: Apache-2.0
 * test_marks.c: what a message needs of its way, and quoted-printable. Right values from RFC
 * 5322 2.1.1, RFC 2045 2.7 to 2.9 and 6.7, RFC 3629 4; encoded texts by Python's quopri.
 */
#include "check.h"
#include "wire/marks.h"
#include "wire/qp.h"

#define C10  "xxxxxxxxxx"
#define C100 C10 C10 C10 C10 C10 C10 C10 C10 C10 C10
#define C990 C100 C100 C100 C100 C100 C100 C100 C100 C100 C10 C10 C10 C10 C10 C10 C10 C10 C10
#define HEAD "Subject: x\r\n\r\n"

struct mark_case {
    struct str text;
    bool utf8_header, eight_bit, binary, long_line;
};

static const struct mark_case cases[] = {
    {STR(""), false, false, false, false},
    {STR("Subject: x\r\n"), false, false, false, false},
    {STR(HEAD "plain\r\n"), false, false, false, false},
    {STR(HEAD "\xc3\xa4\r\n"), false, true, false, false},
    {STR("Subject: \xc3\xa4\r\n\r\nplain\r\n"), true, true, false, false},
    {STR("Subject: \xc3\xa4"), true, true, false, false},
    {STR("\r\n\xe4\r\n"), false, true, false, false}, /* no header section at all */
    {STR(HEAD "a\0b\r\n"), false, false, true, false},
    {STR(HEAD "a\nb\r\n"), false, false, true, false},
    {STR(HEAD "a\rb\r\n"), false, false, true, false},
    {STR(HEAD "a\r\r\n"), false, false, true, false},
    {STR(HEAD "\n"), false, false, true, false},
    {STR(HEAD "a\r"), false, false, true, false},
    {STR(HEAD "a\r\n\r\n\r\nb"), false, false, false, false},
    {STR(HEAD C990 "12345678\r\n"), false, false, false, false},
    {STR(HEAD C990 "123456789\r\n"), false, false, false, true},
    {STR(HEAD C990 "123456789"), false, false, false, true},
    {STR("Subject: " C990 "123\r\n\r\n"), false, false, false, false}, /* of the body only */
};

/* Fed whole, and in pieces of every small length. */
static void marks_of_octets(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct mark_case *c = &cases[i];
        for (size_t piece = 1; piece < 9; piece++) {
            struct marks m = {0};
            size_t step = piece == 8 ? c->text.n + 1 : piece;
            for (size_t at = 0; at < c->text.n; at += step) {
                marks_look(&m,
                           str_slice(c->text, at, at + step < c->text.n ? at + step : c->text.n));
            }
            marks_end(&m);
            if (m.utf8_header != c->utf8_header || m.eight_bit != c->eight_bit ||
                m.binary != c->binary || m.long_line != c->long_line) {
                fail_msg("case %zu in pieces of %zu: %d %d %d %d", i, step, m.utf8_header,
                         m.eight_bit, m.binary, m.long_line);
            }
        }
    }
}

static void well_formed_utf8(void **state)
{
    assert_true(marks_is_utf8(STR("")) &&
                marks_is_utf8(STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_false(marks_is_utf8(STR("\xe4")) || marks_is_utf8(STR("\xc0\xaf")) ||
                 marks_is_utf8(STR("\xed\xa0\x80")) || marks_is_utf8(STR("\xf4\x90\x80\x80")) ||
                 marks_is_utf8(STR("\xc3")) || marks_is_utf8(STR("\xe0\x9f\xbf")));
    char text[600] = {0};
    assert_false(marks_has_8bit(str_from(text, sizeof text)));
    text[599] = (char)0x80;
    assert_true(marks_has_8bit(str_from(text, sizeof text)));
    assert_false(marks_has_8bit(str_from(text, 599)));
}

static void check_qp(struct str text, const char *want)
{
    for (size_t piece = 1; piece < 4; piece++) {
        CLEANUP(buf_free) struct buf out = BUF_INIT(4096);
        struct qp qp = {0};
        for (size_t at = 0; at < text.n; at += piece) {
            assert_int_equal(qp_write(&qp,
                                      str_slice(text, at,
                                                at + piece < text.n ? at + piece : text.n),
                                      &out),
                             0);
        }
        assert_int_equal(qp_end(&qp, &out), 0);
        check_str(buf_str(&out), want);
    }
}

static void quoted_printable(void **state)
{
    check_qp(STR("a=b\r\n"), "a=3Db\r\n");
    check_qp(STR("Gr\xc3\xbc\xc3\x9f \r\n\t\r\nx "), "Gr=C3=BC=C3=9F=20\r\n=09\r\nx=20");
    check_qp(STR("a b\tc\r\n"), "a b\tc\r\n");
    check_qp(STR("a\rb\nc\r"), "a=0Db=0Ac=0D");
    check_qp(STR("a\r\r\n\0"), "a=0D\r\n=00");
    check_qp(
        STR("12345678901234567890123456789012345678901234567890123456789012345678901234567\r\n"),
        "123456789012345678901234567890123456789012345678901234567890123456789012345=\r\n67\r\n");
}

static void part_says_what_it_needs(void **state)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(4096);
    assert_int_equal(qp_part(STR("plain = as it is\r\n"), &out), 0);
    check_str(buf_str(&out), "\r\nplain = as it is\r\n");
    buf_reset(&out);
    assert_int_equal(qp_part(STR("\xc3\xa4\r\n"), &out), 0);
    check_str(buf_str(&out), "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_of_octets),
        cmocka_unit_test(well_formed_utf8),
        cmocka_unit_test(quoted_printable),
        cmocka_unit_test(part_says_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
