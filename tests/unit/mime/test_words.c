/* SPDX-License-Identifier: Apache-2.0
 * test_words.c: encoded words (RFC 2047) against the vectors of the standard and of other
 * programs' tests, named above their rows.
 */
#include "mime/reader.h"
#include "check.h"

#include <stdlib.h>

static const struct {
    const char *raw, *text;
} rows[] = {
    /* RFC 2047 8 */
    {"=?ISO-8859-1?Q?a?=", "a"},
    {"=?ISO-8859-1?Q?a?= b", "a b"},
    {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
    {"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"},
    {"=?ISO-8859-1?Q?a?= \r\n\t =?ISO-8859-1?Q?b?=", "ab"},
    {"=?ISO-8859-1?Q?a_b?=", "a b"},
    {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
    {"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"},
    {"=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\xc3\xa9 Pirard"},
    {"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
     "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
     "If you can read this you understand the example."},
    /* RFC 2231 5: a language */
    {"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},
    /* Go, mime/encodedword_test.go */
    {"=?UTF-8?Q?=C2=A1Hola,_se=C3=B1or!?=", "\xc2\xa1Hola, se\xc3\xb1or!"},
    {"=?utf-8?B?QW5kcsOp?=", "Andr\xc3\xa9"},
    {"=?utf-8?b?IkFudG9uaW8gSm9zw6kiIDxqb3NlQGV4YW1wbGUub3JnPg==?=",
     "\"Antonio Jos\xc3\xa9\" <jose@example.org>"},
    {"=?UTF-8?A?Test?=", "=?UTF-8?A?Test?="},
    {"=?", "=?"},
    {"=?UTF-8?", "=?UTF-8?"},
    {"=?UTF-8?=", "=?UTF-8?="},
    {"=?UTF-8?Q", "=?UTF-8?Q"},
    {"=?UTF-8?Q?", "=?UTF-8?Q?"},
    {"=?UTF-8?Q?=", "=?UTF-8?Q?="},
    {"=?UTF-8?Q?A", "=?UTF-8?Q?A"},
    {"=?UTF-8?Q?A?", "=?UTF-8?Q?A?"},
    {"=?ISO-8859-15?Q?f=F5=F6?=  =?windows-1252?Q?b=E0r?=", "f\xc3\xb5\xc3\xb6"
                                                            "b\xc3\xa0r"},
    {"=?utf-8?q?=C3=89ric?= <eric@example.org>, =?utf-8?q?Ana=C3=AFs?= <anais@example.org>",
     "\xc3\x89ric <eric@example.org>, Ana\xc3\xafs <anais@example.org>"},
    /* Dovecot, test-message-header-decode.c */
    {"a =?utf-8?q?=c3=a4?=\t\t\r\n =?utf-8?q?=c3=a4?= b", "a \xc3\xa4\xc3\xa4 b"},
    {"a =?utf-8?q?=c3=a4?=  x  =?utf-8?q?=c3=a4?= b", "a \xc3\xa4  x  \xc3\xa4 b"},
    {"a =?utf-8?b?w6TDpCDDpA==?= b", "a \xc3\xa4\xc3\xa4 \xc3\xa4 b"},
    /* CPython, test_email: 8-bit letters, a word inside a word, no blanks between words */
    {"=?iso-8859-1?q?this=20is=20some=20text?=", "this is some text"},
    {"=?utf-8?q?=20a?==?utf-8?q?b?=", " ab"},
    {"Sm=?iso-8859-1?B?9g==?=rg=?iso-8859-1?B?5Q==?=sbord", "Sm\xc3\xb6rg\xc3\xa5sbord"},
    /* postal-mime #68, vmime #98: padding inside */
    {"=?utf-8?B?QQ==?= =?utf-8?B?W3NlY3VyZV0=?=", "A[secure]"},
    {"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\r\n =?iso-2022-jp?B?GyRCOGwbKEI=?= x",
     "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
     " x"},
    /* a character in two words: nodemailer/mailparser and Thunderbird join the octets */
    {"=?utf-8?B?w6TD?= =?utf-8?B?pA==?=", "\xc3\xa4\xc3\xa4"},
    {"=?utf-8?Q?=E2=82?=\r\n =?UTF-8?Q?=AC_5?=", "\xe2\x82\xac"
                                                 " 5"},
    /* blanks and question marks inside: not allowed (RFC 2047 2), and sent */
    {"=?utf-8?Q?Really? yes?=", "Really? yes"},
    {"=?utf-8?Q?hello world?=", "hello world"},
    /* RFC 6532, and Windows letters without a word on it */
    {"Gr\xc3\xbc\xc3\x9f"
     "e",
     "Gr\xc3\xbc\xc3\x9f"
     "e"},
    {"Gr\xfcn", "Gr\xc3\xbcn"},
};

/* RFC 2047 2 MUST: character set and encoding in any case
 * RFC 2047 4.1 MUST: B is base64
 * RFC 2047 6.1 MUST: what is no word stays as it is
 * RFC 2047 6.2 MUST: blanks between words are not shown */
static void words_are_read(void **state)
{
    struct mime_limits limits = mime_standard_limits;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *out = err_calloc(1, sizeof *out);
        struct reader r = {.out = out, .limits = &limits, .text_left = 1 << 20};
        struct buf text = BUF_INIT(1 << 20);
        words_text(&r, "", str_c(rows[i].raw), &text);
        if (!str_eq(buf_str(&text), str_c(rows[i].text))) {
            fail_msg("%s gives \"" STR_FMT "\", not \"%s\"", rows[i].raw, STR_ARG(buf_str(&text)),
                     rows[i].text);
        }
        buf_free(&text);
        mime_reading_free(out);
    }
}

/* Sixty thousand beginnings of a word that nothing ends: linear in the length of the field. */
static void beginnings_cost_little(void **state)
{
    struct mime_limits limits = mime_standard_limits;
    struct mime_reading *out = err_calloc(1, sizeof *out);
    struct reader r = {.out = out, .limits = &limits, .text_left = 1 << 20};
    struct buf raw = BUF_INIT(1 << 20), text = BUF_INIT(1 << 20);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(buf_add(&raw, STR("=?a?b?x")), 0);
    }
    words_text(&r, "", buf_str(&raw), &text);
    assert_true(str_eq(buf_str(&raw), buf_str(&text)));
    buf_free(&raw);
    buf_free(&text);
    mime_reading_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read),
        cmocka_unit_test(beginnings_cost_little),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
