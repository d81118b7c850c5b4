/* SPDX-License-Identifier: Apache-2.0
 * test_charset.c: character sets against another program's reading of the WHATWG Encoding
 * Standard (charset_digests.h: every octet, every two, strings at random), and rows whose
 * sources are named above them.
 */
#include "mime/charset.h"
#include "mime/reader.h"
#include "check.h"
#include "charset_digests.h"

#include <openssl/evp.h>
#include <stdio.h>

/* --- digests ------------------------------------------------------------ */

static uint32_t seed;

static uint32_t random_number(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed;
}

struct digesting {
    const struct charset *set;
    EVP_MD_CTX *md;
    struct buf text;
};

static void decode(struct digesting *d, const unsigned char *octets, size_t n)
{
    buf_reset(&d->text);
    (void)charset_decode(d->set, str_from((const char *)octets, n), &d->text);
    assert_int_equal(buf_add(&d->text, STR("\n")), 0);
    EVP_DigestUpdate(d->md, buf_str(&d->text).p, buf_len(&d->text));
}

static size_t some_octets(unsigned char ret[64])
{
    static const char *const pieces[] = {
        "\x1b(B", "\x1b(J", "\x1b(I", "\x1b$@", "\x1b$B", "\x1b$", "\x1b", "<b>",
    };
    size_t n = 0;
    for (uint32_t i = random_number() % 12 + 1; i > 0; i--) {
        uint32_t kind = random_number() % 8, r = random_number();
        if (kind == 0) {
            struct str piece = str_c(pieces[r % 8]);
            memcpy(ret + n, piece.p, piece.n);
            n += piece.n;
        } else {
            ret[n++] = (unsigned char)(kind < 3    ? 0x20 + r % 96
                                       : kind == 3 ? 0x30 + r % 10
                                       : kind == 4 ? 0x80 + r % 128
                                                   : r % 256);
        }
    }
    return n;
}

static void decode_longer(struct digesting *d, const char *name)
{
    static const unsigned char leads[] = {
        0x81, 0x82, 0x83, 0x84, 0x85, 0x8f, 0x90, 0x95, 0xe3, 0xe4,
    };
    for (unsigned i = 0; strcmp(name, "euc-jp") == 0 && i < 0x10000; i++) {
        decode(d, (const unsigned char[]){0x8f, (unsigned char)(i >> 8), (unsigned char)i}, 3);
    }
    for (unsigned i = 0; strncmp(name, "gb", 2) == 0 && i < sizeof leads * 10 * 128 * 10; i++) {
        unsigned char octets[] = {
            leads[i / 12800],
            (unsigned char)('0' + i / 1280 % 10),
            (unsigned char)(0x80 + i / 10 % 128),
            (unsigned char)('0' + i % 10),
        };
        decode(d, octets, 4);
    }
}

static void all_octets(struct digesting *d, const char *name)
{
    unsigned char octets[64];
    for (unsigned i = 0; i < 256; i++) {
        decode(d, (const unsigned char[]){(unsigned char)i}, 1);
    }
    for (unsigned i = 0;
         d->set->kind != CHARSET_SINGLE && d->set->kind != CHARSET_USER_DEFINED && i < 0x10000;
         i++) {
        decode(d, (const unsigned char[]){(unsigned char)(i >> 8), (unsigned char)i}, 2);
    }
    decode_longer(d, name);
    seed = 20240229;
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = some_octets(octets);
        decode(d, octets, n);
    }
}

static void every_set_decodes_as_the_standard_says(void **state)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        struct digesting d = {
            .set = charset_find(str_c(digests[i].name)),
            .md = EVP_MD_CTX_new(),
            .text = BUF_INIT(4096),
        };
        unsigned char digest[32];
        char hex[65] = "";
        assert_non_null(d.set);
        EVP_DigestInit_ex(d.md, EVP_sha256(), NULL);
        all_octets(&d, digests[i].name);
        EVP_DigestFinal_ex(d.md, digest, NULL);
        for (size_t k = 0; k < 32; k++) {
            snprintf(hex + 2 * k, 3, "%02x", digest[k]);
        }
        if (strcmp(hex, digests[i].sha256) != 0) {
            print_message("%s differs\n", digests[i].name);
            wrong++;
        }
        EVP_MD_CTX_free(d.md);
        buf_free(&d.text);
    }
    assert_int_equal(wrong, 0);
}

/* RFC 2046 4.1.2 MUST: the value of charset in any case */
static void every_label_is_known(void **state)
{
    unsigned seen = 0;
    for (size_t i = 0; i < ARRAY_LEN(labelled); i++) {
        struct str rest = str_c(labelled[i].labels), one;
        while (str_split(&rest, ' ', &one)) {
            const struct charset *c = charset_find(one);
            /* the standard replaces these with U+FFFD for the safety of pages; mail is read */
            bool of_mail =
                strcmp(labelled[i].name, "replacement") == 0 && !str_eq(one, STR("replacement"));
            if (!c || strcmp(c->name, labelled[i].name) != 0) {
                assert_true(of_mail && c);
            }
            seen++;
        }
    }
    assert_int_equal(seen, 228);
}

/* --- texts -------------------------------------------------------------- */

#define BAD "\xef\xbf\xbd"

static const struct {
    const char *charset, *octets, *text;
    bool noted;
} rows[] = {
    /* rows of the WHATWG Encoding Standard, 4.2: labels and what they are read as */
    {"iso-8859-1", "\x80 \x93x\x94 \x81", "\xe2\x82\xac \xe2\x80\x9cx\xe2\x80\x9d \xc2\x81", false},
    {"ISO-8859-9", "\xfd\x80", "\xc4\xb1\xe2\x82\xac", false},
    {"tis-620", "\x85\xa1", "\xe2\x80\xa6\xe0\xb8\x81", false},
    {"ks_c_5601-1987", "\xb0\xa1\x8c\x63", "\xea\xb0\x80\xeb\x98\xa0", false},
    {"gb2312", "\xe9\x46\x80",
     "\xe9\x95\x95"
     "\xe2\x82\xac",
     false},
    {"iso-8859-8-i", "\xf9\xec", "\xd7\xa9\xd7\x9c", false},
    {"x-sjis", "\x87\x40\x93\xfa", "\xe2\x91\xa0\xe6\x97\xa5", false},
    {"x-user-defined", "a\x80", "a\xef\x9e\x80", false},
    {"replacement", "abc", BAD, true},
    {"utf-16", "a\0b\0", "ab", false},
    /* what mail has besides; RFC 1843 2, RFC 1557, RFC 2152 1, Unicode's CP437 and CP037 */
    {"hz-gb-2312", "This ~{<:Ky2;S{#,NpJ)l6HK!#~}Bye.",
     "This "
     "\xe5\xb7\xb1\xe6\x89\x80\xe4\xb8\x8d\xe6\xac\xb2\xef\xbc\x8c\xe5\x8b\xbf\xe6\x96\xbd\xe6\x96"
     "\xbc\xe4\xba\xba\xe3\x80\x82"
     "Bye.",
     false},
    {"iso-2022-kr",
     "\x1b$)C\x0e"
     "0!\x0f",
     "\xea\xb0\x80", false},
    {"utf-7", "Hi Mom -+Jjo--!", "Hi Mom -\xe2\x98\xba-!", false},
    {"cp437", "\x81", "\xc3\xbc", false},
    {"ibm037", "\xc8\x89", "Hi", false},
    /* errors: one octet, one without its trail, one at the end (the standard, 10.2.1, 13.2.1) */
    {"utf-8", "M\xc3\xbcller \xff da", "M\xc3\xbcller " BAD " da", true},
    {"utf-8", "a\xe2\x82", "a" BAD, true},
    {"utf-8", "\xed\xa0\x80", BAD BAD BAD, true},
    {"gbk", "\xb0<b>", BAD "<b>", true},
    {"shift_jis", "a\x81", "a" BAD, true},
    {"iso-2022-kr",
     "a\x1b$)C\x0e"
     "0",
     "a" BAD, true},
    {"johab", "a\x88", "a" BAD, true},
    /* RFC 2045 5.1: a comment; quotes and a second parameter as programs write them */
    {"us-ascii (Plain text)", "plain", "plain", false},
    {" \"utf-8\" ", "\xc3\xbc", "\xc3\xbc", false},
    {"utf-8; format=flowed", "\xc3\xbc", "\xc3\xbc", false},
    {"nobody-knows", "\xc3\xbc", "\xc3\xbc", true},
    {"utf-8//TRANSLIT", "\xc3\xbc", "\xc3\xbc", true},
    /* a mark goes before a label (the standard, 6.1 "decode") */
    {"iso-8859-1", "\xef\xbb\xbf\xc3\xbc", "\xc3\xbc", false},
    {"utf-8", "\xfe\xff\0a", "a", false},
    /* no set, or ASCII, and octets above it: UTF-8 when it is, though one is bad; else
     * Windows-1252 */
    {NULL, "\xc3\xbc", "\xc3\xbc", false},
    {"us-ascii", "\xc3\xbc", "\xc3\xbc", false},
    {"us-ascii", "\xfc", "\xc3\xbc", true},
    {NULL,
     "Gr\xfc\xdf"
     "e",
     "Gr\xc3\xbc\xc3\x9f"
     "e",
     false},
    {NULL, "\xc3\xbc \xc3\xa4 \xff", "\xc3\xbc \xc3\xa4 " BAD, true},
    /* what HTML says of itself: web platform tests, the-input-byte-stream; parse5's encoding
     * tests */
    {NULL, "<html><head><meta charset=koi8-r></head>\xc1",
     "<html><head><meta charset=koi8-r></head>\xd0\xb0", false},
    {"", "<meta http-equiv=Content-Type content='text/html; charset=\"windows-1251\"'>\xe0",
     "<meta http-equiv=Content-Type content='text/html; charset=\"windows-1251\"'>\xd0\xb0", false},
    {NULL, "<!--<meta charset=koi8-r>--><meta charset='iso-8859-5'>\xd0",
     "<!--<meta charset=koi8-r>--><meta charset='iso-8859-5'>\xd0\xb0", false},
    {NULL, "<p title='<meta charset=koi8-r>'>\xe4", "<p title='<meta charset=koi8-r>'>\xc3\xa4",
     false},
    {NULL, "<meta content='text/html; charset=koi8-r'>\xe4",
     "<meta content='text/html; charset=koi8-r'>\xc3\xa4", false},
    {NULL, "<meta charset=utf-16>\xc3\xa4", "<meta charset=utf-16>\xc3\xa4", false},
    {NULL, "<?xml version='1.0' encoding='iso-8859-2'?>\xb1",
     "<?xml version='1.0' encoding='iso-8859-2'?>\xc4\x85", false},
    {"windows-1252", "<meta charset=koi8-r>\xe4", "<meta charset=koi8-r>\xc3\xa4", false},
    /* clearly/simple-email#103; Unicode's CP850 and CP437; UTS #22 1.4: a stroke in the name of
     * a code page. Not of EBCDIC. */
    {"CP-850",
     "Gr\x81\xe1"
     "e 4539\xff"
     "5787",
     "Gr\xc3\xbc\xc3\x9f"
     "e 4539\xc2\xa0"
     "5787",
     false},
    {"cp_850", "\x81", "\xc3\xbc", false},
    {"IBM-437", "\x81", "\xc3\xbc", false},
    {"CP-1252", "\x80", "\xe2\x82\xac", false},
    {"IBM-037", "\x81", "\xc2\x81", true},
    {"CP-65000", "+AGE-", "+AGE-", true},
    {"CP-", "ab", "ab", true},
    {"cp-1234567890123456", "ab", "ab", true},
    /* huacnlee/omamail#87, macro-inc/macro#6133: UTF-8 under a label of single octets; read by
     * the label, and noted */
    {"iso-8859-1",
     "4539\xc2\xa0"
     "5787",
     "4539\xc3\x82\xc2\xa0"
     "5787",
     true},
    {"windows-1252",
     "536\xe2\x80\x91"
     "22",
     "536\xc3\xa2\xe2\x82\xac\xe2\x80\x98"
     "22",
     true},
    {NULL, "<meta charset=iso-8859-1>\xc3\xa4", "<meta charset=iso-8859-1>\xc3\x83\xc2\xa4", true},
    {"cp850", "\xc3\xbc\xc3\xbc\xc3\xbc",
     "\xe2\x94\x9c\xe2\x95\x9d\xe2\x94\x9c\xe2\x95\x9d\xe2\x94\x9c\xe2\x95\x9d", true},
    /* texts that are in their set; the last two are words of it (Unicode's CP866, CP874) that
     * would be UTF-8 */
    {"iso-8859-1",
     "\xfc"
     "ber \xc3\xbc",
     "\xc3\xbc"
     "ber \xc3\x83\xc2\xbc",
     false},
    {"windows-1252", "20\xb0 \xa3 \xe9", "20\xc2\xb0 \xc2\xa3 \xc3\xa9", false},
    {"iso-8859-1", "plain", "plain", false},
    {"cp866", "\xe1\xa0\xac", "\xd1\x81\xd0\xb0\xd0\xbc", false},
    {"tis-620", "\xe0\xa2\xb5", "\xe0\xb9\x80\xe0\xb8\x82\xe0\xb8\x95", false},
    /* no label: Python's shift_jis, euc_jp and gb18030 of Japanese and Chinese words, and of digits
     * of full width, are no words of Western Europe in Windows-1252; words of Portuguese, German,
     * French, Spanish, Icelandic are */
    {NULL, "\x83\x4a\x81\x5b\x83\x68", "\xc6\x92J\xc2\x81[\xc6\x92h", true},
    {NULL, "\x82\x53\x82\x54\x82\x52", "\xe2\x80\x9aS\xe2\x80\x9aT\xe2\x80\x9aR", true},
    {NULL, "\xa3\xb4\xa3\xb5", "£´£µ", true},
    {NULL, "\xbf\xa8\xba\xc5", "¿¨ºÅ", true},
    {NULL, "\xcd\xee\xec\xe5\xf0 \xea\xe0\xf0\xf2\xfb", "Íîìåð êàðòû", true},
    {NULL,
     "Informa\xe7\xf5"
     "es sobre a situa\xe7\xe3o",
     "Informações sobre a situação", false},
    {NULL,
     "Gr\xf6\xdf"
     "e, \xdc"
     "bergr\xf6\xdf"
     "e",
     "Größe, Übergröße", false},
    {NULL, "cr\xe9\xe9 \xe0 No\xebl\xa0\xa0\xa0!", "créé à Noël\xc2\xa0\xc2\xa0\xc2\xa0!", false},
    {NULL, "\xbfqu\xe9? \xa1s\xed! \x97\x97\x97\x97 \xb7\xb7\xb7", "¿qué? ¡sí! ———— ···", false},
    {NULL, "\xde\xf3r\xf0ur", "Þórður", false},
    {NULL,
     "5 \xd7 10\xb0 \x93x\x94\x85 \xa3"
     "5 \xa3"
     "6",
     "5 × 10° “x”… £5 £6", false},
};

static size_t length(size_t row)
{
    const char *octets = rows[row].octets;
    return octets[0] == 'a' && octets[1] == '\0' ? 4 : octets[0] == '\xfe' ? 4 : strlen(octets);
}

static void texts_are_read(void **state)
{
    struct mime_limits limits = mime_standard_limits;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *out = err_calloc(1, sizeof *out);
        struct reader r = {.out = out, .limits = &limits, .text_left = 1 << 20};
        struct buf text = BUF_INIT(1 << 16);
        charset_text(&r, "1", str_from(rows[i].octets, length(i)), rows[i].charset, &text);
        if (!str_eq(buf_str(&text), str_c(rows[i].text)) ||
            (out->n_problems > 0) != rows[i].noted) {
            fail_msg("row %zu, %s: \"%s\" gives \"" STR_FMT "\", %zu problems", i,
                     rows[i].charset ? rows[i].charset : "-", rows[i].octets,
                     STR_ARG(buf_str(&text)), (size_t)out->n_problems);
        }
        buf_free(&text);
        mime_reading_free(out);
    }
}

/* A text that does not fit ends between two characters, and that is noted. */
static void a_limit_cuts_between_characters(void **state)
{
    struct mime_limits limits = mime_standard_limits;
    for (size_t max = 0; max < 9; max++) {
        struct mime_reading *out = err_calloc(1, sizeof *out);
        struct reader r = {.out = out, .limits = &limits, .text_left = 1 << 20};
        struct buf text = BUF_INIT(max);
        charset_text(&r, "1", STR("\xe4\xe4\xe4\xe4"), "iso-8859-1", &text);
        assert_int_equal(buf_len(&text), max / 2 * 2);
        assert_int_equal(out->n_problems, max < 8);
        buf_free(&text);
        mime_reading_free(out);
    }
}

int main(void)
{
    charset_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_decodes_as_the_standard_says),
        cmocka_unit_test(every_label_is_known),
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(a_limit_cuts_between_characters),
    };
    return cmocka_run_group_tests_name("charset", tests, NULL, NULL);
}
