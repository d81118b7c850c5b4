/* SPDX-License-Identifier: Apache-2.0
 * test_transfer.c: base64 and quoted-printable undone, at once and octet by octet. Values from
 * RFC 4648 10, RFC 2045 6.7 and 6.8, CPython's test_quopri and test_base64mime, and public bug
 * reports (gmime #150, cpython #137687).
 */
#include "wire/transfer.h"
#include "check.h"

static const struct {
    enum transfer encoding;
    const char *text, *octets;
    bool sound;
} rows[] = {
    /* RFC 4648 10 */
    {TRANSFER_BASE64, "", "", true},
    {TRANSFER_BASE64, "Zg==", "f", true},
    {TRANSFER_BASE64, "Zm8=", "fo", true},
    {TRANSFER_BASE64, "Zm9v", "foo", true},
    {TRANSFER_BASE64, "Zm9vYg==", "foob", true},
    {TRANSFER_BASE64, "Zm9vYmE=\r\n", "fooba", true},
    {TRANSFER_BASE64, "Zm9v\r\nYmFy\r\n", "foobar", true},
    /* gmime #150, cpython #137687: a second piece behind the padding */
    {TRANSFER_BASE64, "Zm8=\r\nYmFy\r\n", "fobar", false},
    {TRANSFER_BASE64, "Zg==Zg==Zg==", "fff", false},
    {TRANSFER_BASE64, "Z=g=Zm9v", "foo", false},
    /* RFC 2045 6.8: other characters are skipped; no padding at the end */
    {TRANSFER_BASE64, "Z.m-9!v", "foo", false},
    {TRANSFER_BASE64, "Zm9vYg", "foob", false},
    {TRANSFER_BASE64, "Zm9vY", "foo", false},
    /* RFC 2045 6.7 */
    {TRANSFER_QUOTED, "Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",
     "Now's the time for all folk to come to the aid of their country.", true},
    {TRANSFER_QUOTED, "a=3D=3d=20b \t\r\nc", "a== b\r\nc", true},
    {TRANSFER_QUOTED, "soft= \t\r\nbreak=", "softbreak", true},
    /* CPython, test_quopri: LF alone, what is no code */
    {TRANSFER_QUOTED, "hello\n        there\n      world\n", "hello\n        there\n      world\n",
     true},
    {TRANSFER_QUOTED, "=20=20=20=20=20 \n", "     \n", true},
    {TRANSFER_QUOTED, "x=\n", "x", true},
    {TRANSFER_QUOTED, "=XX =5 =", "=XX =5 ", false},
    {TRANSFER_QUOTED, "a==3Db", "a==b", false},
    {TRANSFER_QUOTED, "a= b", "a= b", false},
    /* RFC 2047 4.2 */
    {TRANSFER_WORD, "a_b=5F=c3=a4_", "a b_\xc3\xa4 ", true},
    /* POSIX uuencode's example; CPython, test_uu */
    {TRANSFER_UU, "begin 644 cat.txt\n#0V%T\n`\nend\n", "Cat", true},
    {TRANSFER_UU,
     "text before\nbegin 666 "
     "t1\nM5&AE('-M;V]T:\"US8V%L960@<'ET:&]N(&-R97!T(&]V97(@=&AE('-L965P\r\n(:6YG(&1O9PH \n \nend",
     "The smooth-scaled python crept over the sleeping dog\n", true},
    {TRANSFER_UU, "begin 666 t1\n", "", true},
    {TRANSFER_AS_IS, "as= it\r\nis", "as= it\r\nis", true},
};

/* RFC 2045 6.7 MUST: reading: blanks at the end of a line are gone
 * RFC 2045 6.7 MAY: reading: lower-case digits count
 * RFC 2045 6.8 MUST: reading: what is no letter of base64 is left out
 * RFC 2047 4.2 MUST: Q: an underscore is a blank, = and two digits an octet */
static void texts_are_undone(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf at_once = BUF_INIT(1024), singly = BUF_INIT(1024);
        struct transfer_reader t = {.encoding = rows[i].encoding};
        struct str text = str_c(rows[i].text), octets = str_c(rows[i].octets);
        bool sound;
        assert_int_equal(transfer_read_all(rows[i].encoding, text, &at_once, &sound), 0);
        for (size_t k = 0; k < text.n; k++) {
            assert_int_equal(transfer_read(&t, str_slice(text, k, k + 1), &singly), 0);
        }
        assert_int_equal(transfer_read_end(&t, &singly), 0);
        if (!str_eq(buf_str(&at_once), octets) || !str_eq(buf_str(&singly), octets) ||
            sound != rows[i].sound || t.broken == rows[i].sound) {
            fail_msg("row %zu \"%s\": \"" STR_FMT "\", singly \"" STR_FMT "\", sound %d", i,
                     rows[i].text, STR_ARG(buf_str(&at_once)), STR_ARG(buf_str(&singly)), sound);
        }
        buf_free(&at_once);
        buf_free(&singly);
    }
}

/* More blanks than are held back are text; a full buffer is said. */
static void limits_hold(void **state)
{
    struct buf text = BUF_INIT(8192), out = BUF_INIT(8192), small = BUF_INIT(2);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(buf_add(&text, STR(" ")), 0);
    }
    assert_int_equal(buf_add(&text, STR("x")), 0);
    assert_int_equal(transfer_read_all(TRANSFER_QUOTED, buf_str(&text), &out, NULL), 0);
    assert_int_equal(buf_len(&out), 3001);
    assert_int_equal(transfer_read_all(TRANSFER_BASE64, STR("Zm9v"), &small, NULL), -ENOSPC);
    assert_int_equal(transfer_read_all(TRANSFER_QUOTED, STR("foo"), &small, NULL), -ENOSPC);
    buf_free(&text);
    buf_free(&out);
    buf_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_undone),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
