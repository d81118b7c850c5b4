/* SPDX-License-Identifier: Apache-2.0
 * test_detect.c: validators against public vectors, context, tables, disguises, rules, mistakes
 * in packs. Vectors: CMS MBI format sheet, ECBS IBAN examples, test cards of processors, the
 * SSA's rules.
 */
#include "detect/checks.h"
#include "detect/detect.h"
#include "detect/groups.h"
#include "base/clock.h"
#include "check.h"

#include <stdio.h>

static void check_all(detect_check check, const char *const *good, const char *const *bad)
{
    for (size_t i = 0; good[i]; i++) {
        assert_true(check(str_c(good[i])));
    }
    for (size_t i = 0; bad[i]; i++) {
        assert_false(check(str_c(bad[i])));
    }
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void public_vectors(void **state)
{
    check_all(check_card,
              LIST("4111111111111111", "5555 5555 5555 4444", "371449635398431", "30569309025904",
                   "6011000400000000", "4012888888881881", "3530111333300000", "2223003122003222",
                   /* Mir, Hipercard: ranges of npm's credit-card-type */
                   "2200123456789019", "6062826786276634"),
              LIST("4012888888881882", "0000000000000000", "4111111111111", "1234567812345670",
                   "79927398713", "41111111111111111111"));
    check_all(check_iban,
              LIST("GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "AT611904300234573201",
                   "FR14 2004 1010 0505 0001 3M02 606", "NO93 8601 1117 947", "BE68539007547034",
                   "CH93-0076-2011-6238-5295-7", "DE89.3704.0044.0532.0130.00",
                   "DE89 3704\n> 0044 0532 0130 00", "MT84MALT011000012345MTLCAST001S"),
              LIST("AL47 2121 1009 0000 0002 3569 8740", "GB82 WEST 1234 5698 7654 33",
                   "GB82WEST123456987654321", "XX82WEST12345698765432", "GB"));
    /* SWIFT's registry; python-stdnum#399 */
    check_all(check_iban,
              LIST("BI4210000100010000332045181", "DJ2100010000000154000100186",
                   "FK88SC123456789012", "HN88CABF00000000000250005469", "MN121234123456789123",
                   "NI45BAPR00000013000003558124", "OM810180000001299123456",
                   "RU0304452522540817810538091310419", "SD8811123456789012",
                   "SO211000001001000100141", "YE15CBYE0001018861234567891234"),
              LIST("BI4210000100010000332045182", "SD881112345678901", "MN12ABCD123456789123"));
    check_all(check_us_ssn, LIST("078-05-1123", "536-90-4399", "899999999"),
              LIST("078-05-0000", "666-00-0000", "000-12-3456", "900-12-3456", "536-00-4399",
                   "111111111", "53690439"));
    check_all(check_us_itin, LIST("912-70-1234", "900-50-0000", "999-88-1234"),
              LIST("912-45-1234", "912-93-1234", "812-70-1234", "912-66-1234"));
    check_all(check_us_mbi, LIST("1EG4-TE5-MK73", "1eg4te5mk72", "9A00A00AA00"),
              LIST("1SG4-TE5-MK73", "12G4-TE5-MK73", "0EG4-TE5-MK73", "1EG4-TE5-MKA3",
                   "1EG4TE5MK7"));
    check_all(check_us_npi, LIST("1234567893", "1245319599", "1003000126"),
              LIST("1234567890", "3234567893", "123456789"));
    check_all(check_us_dea, LIST("AB1234563", "BB1388568", "A91234563"),
              LIST("BB1388569", "1B1234563", "AB123456"));
    check_all(check_us_aba, LIST("121000358", "3222-7162-7", "021000021"),
              LIST("123400000", "000000000", "991000358", "12100035"));
    check_all(check_us_ndc, LIST("0002-7597-01", "50242-040-62", "50242-0040-6", "50242-0040-62"),
              LIST("1234-567-89", "50242-0040", "123-4567-89"));
    check_all(check_uk_nhs, LIST("401-023-2137", "943 476 5919"),
              LIST("401-023-2138", "1111111111", "9999999999", "943476591"));
    check_all(check_uk_nino, LIST("AA 12 34 56 B", "AB123456C"),
              LIST("AA 12 34 56 H", "BG123612A", "DA123456A", "AO123456A", "AA111111A"));
    check_all(check_uk_driver, LIST("MORGA657054SM9IJ", "LEE99804284J99AA"),
              LIST("MORGA699054SM9IJ", "MORGA657324SM9IJ", "9ORGA657054SM9IJ", "MO9GA657054SM9IJ"));
    check_all(check_icd10cm, LIST("E11.9", "F32.1", "O9A.2", "S72.001A"),
              LIST("1A1", "U99", "D90", "EE1"));
    /* gitleaks' list of what must not be found:
     * cmd/generate/config/rules/{aws,github,slack,gcp}.go */
    /* RFC 7617 2: "Aladdin:open sesame", "test:123" and a pound sign */
    check_all(check_basic, LIST("QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "dGVzdDoxMjPCow=="),
              LIST("QWxhZGRpbg==", "OnBhc3M=", "dGVzdDo=", "AAEC"));
    check_all(check_token,
              LIST("glpat-aB3dE6gH9jK2mN5pQ8sT",
                   "xoxb-1234-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d"),
              LIST("AKIAIOSFODNN7EXAMPLE", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                   "xoxb-xxxxxxxxx-xxxxxxxxxx-xxxxxxxxxxxx",
                   "AIzaSyabcdefghijklmnopqrstuvwxyz1234567"));
    check_all(check_date,
              LIST("02/29/2024", "31.12.1999", "1971-12-31", "3 March 1971", "12/31/71"),
              LIST("02/30/2024", "29.02.2023", "1899-12-31", "13/13/2000", "2000-00-10"));
}

/* Any single wrong digit is found by Luhn, modulus 11 and mod 97. */
static void one_wrong_digit(void **state)
{
    static const struct {
        detect_check check;
        const char *number;
    } rows[] = {
        {check_card, "4539578763621486"}, {check_us_npi, "1245319599"},
        {check_uk_nhs, "9434765919"},     {check_iban, "DE89370400440532013000"},
        {check_us_aba, "121000358"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[40];
        assert_true(rows[i].check(str_c(rows[i].number)));
        for (size_t at = 0; rows[i].number[at]; at++) {
            for (char c = '0'; c <= '9' && rows[i].number[at] <= '9'; c++) {
                str_copy_cut(str_c(rows[i].number), text, sizeof text);
                text[at] = c;
                assert_int_equal(rows[i].check(str_c(text)), c == rows[i].number[at]);
            }
        }
    }
}

static const char pack[] =
    "pack p 3\n"
    "type ssn\n title Number\n pattern 65 (?<!\\w)(\\d{3}-\\d{2}-\\d{4})(?!\\w)\n pattern 10 "
    "(?<!\\w)(\\d{9})(?!\\w)\n"
    " check us-ssn\n context 55 ssn, social security\n window 50\n sample 123-45-6789\n"
    "type card\n pattern 85 (?<![\\w-])(\\d{4}{gap}\\d{4}{gap}\\d{4}{gap}\\d{4})(?![\\w-])\n check "
    "card\n context 20 credit card\n"
    "type word\n phrase heart attack, asthma\n"
    "rule both ssn & word\nrule pair ssn ~ word\nrule many ssn>=3\nrule sure ssn:high\n"
    "against order, tracking number\n";

static struct detect_packs *packs_of(const char *text)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    struct detect_packs *p = detect_packs_new();
    assert_int_equal(detect_packs_add(p, str_c(text), "test", &problems), 0);
    return p;
}

static void on_rule(void *arg, const char *name, const char *rule, const char *title)
{
    assert_string_equal(name, "p");
    strcat(strcat(arg, rule), " ");
}

/* "type score masked [flags]" of each finding, then the rules. */
static const char *scan(const char *text)
{
    static char out[4096];
    struct detect_packs *p = packs_of(pack);
    const struct detect_text one = {str_c(text), DETECT_BODY};
    struct detect_result r;
    size_t n = 0;
    detect_scan(p, &one, 1, &r);
    out[0] = '\0';
    for (size_t i = 0; i < r.n; i++) {
        const struct detect_finding *f = &r.findings[i];
        n +=
            (size_t)snprintf(out + n, sizeof out - n, "%s %u %s%s%s%s; ", detect_type_name(f->type),
                             f->score, f->masked, f->context ? " near" : "",
                             f->sample ? " sample" : "", f->quoted ? " quoted" : "");
    }
    strcat(out, "-> ");
    detect_rules(p, &r, on_rule, out);
    detect_result_free(&r);
    detect_packs_free(p);
    return out;
}

static void context_makes_it_likely(void **state)
{
    assert_string_equal(scan("536-90-4399"), "ssn 65 ***-**-4399; -> ");
    assert_string_equal(scan("the SSN 536-90-4399"), "ssn 100 ***-**-4399 near; -> sure ");
    assert_string_equal(scan("social\n  security: 536904399"), "ssn 65 *****4399 near; -> ");
    assert_string_equal(scan("536904399"), "ssn 10 *****4399; -> ");
    /* whole words only */
    assert_string_equal(scan("classnames 536904399"), "ssn 10 *****4399; -> ");
    assert_string_equal(scan("ssn.example.com x@ssn.example 536904399"), "ssn 10 *****4399; -> ");
    /* it says what it is */
    assert_string_equal(scan("ssn, order 536904399"), "ssn 10 *****4399; -> ");
    assert_string_equal(scan("order form, ssn 536904399"), "ssn 65 *****4399 near; -> ");
    assert_string_equal(
        scan("ssn                                                                 536904399"),
        "ssn 10 *****4399; -> ");
    assert_string_equal(scan("SSN 123-45-6789"), "ssn 20 ***-**-6789 near sample; -> ");
    assert_string_equal(scan("SSN 666-90-4399"), "-> ");
}

static void headings_of_tables(void **state)
{
    assert_string_equal(scan("Name,City,SSN\nJo,Rome,536904399\nAl,Oslo,536904398\n"),
                        "ssn 65 *****4399 near; ssn 65 *****4398 near; -> ");
    /* the column of another heading, far away from the words */
    assert_string_equal(scan("SSN\tfiller filler filler filler filler filler filler filler "
                             "filler\tOther\nx\ty\t536904399\n"),
                        "ssn 10 *****4399; -> ");
    assert_string_equal(scan("SSN\tfiller filler filler filler filler filler filler filler "
                             "filler\tOther\n536904399\ty\tz\n"),
                        "ssn 65 *****4399 near; -> ");
}

static void disguises(void **state)
{
    /* full-width digits */
    assert_string_equal(scan("\xef\xbc\x95\xef\xbc\x93\xef\xbc\x96-90-4399"),
                        "ssn 65 ***-**-4399; -> ");
    /* zero-width space, soft hyphen */
    assert_string_equal(scan("53\xe2\x80\x8b"
                             "6-90-43\xc2\xad"
                             "99"),
                        "ssn 65 ***-**-4399; -> ");
    /* U+034F, which fills previews (jugglerchris/rust-html2text#134), a Hangul filler, a Khmer
     * vowel that is not shown: Unicode's Default_Ignorable_Code_Point */
    assert_string_equal(scan("53\xcd\x8f"
                             "6-90-\xef\xbe\xa0"
                             "43\xe1\x9e\xb4"
                             "99"),
                        "ssn 65 ***-**-4399; -> ");
    /* other dashes */
    assert_string_equal(scan("536\xe2\x80\x93"
                             "90\xe2\x80\x91"
                             "4399"),
                        "ssn 65 ***-**-4399; -> ");
    /* mathematical digits */
    assert_string_equal(scan("\xf0\x9d\x9f\x93\xf0\x9d\x9f\x91\xf0\x9d\x9f\x94-90-4399"),
                        "ssn 65 ***-**-4399; -> ");
    /* no UTF-8 */
    assert_string_equal(scan("\xff\xfe 536-90-4399 \xc3"), "ssn 65 ***-**-4399; -> ");
}

#define LINE "a line that is as long as lines that programs wrap "

/* RFC 3676 4.2 and 4.5: flowed lines, marks of quotation; RFC 5322 2.1.1: programs wrap. Cards:
 * ISO/IEC 7812. */
static void numbers_in_groups(void **state)
{
    static const char *const found[] = {
        "4539 5787 6362 1486",
        LINE "4539 5787\n6362 1486",
        LINE "4539 5787 \r\n6362 1486",
        LINE "4539-5787-6362-\n1486",
        "> " LINE "4539\n> 5787 6362 1486",
        "> > " LINE "4539 5787\n> > 6362 1486",
        LINE "4539 -\n5787-6362-1486",
        LINE "4539 5787 6362\xc2\xa0"
             "1486",
        "4539 5787  6362 1486",
        /* mikel/mail#493 */
        LINE "4539 5787\r\r\n6362 1486",
        LINE "4539 5787\n\r\n6362 1486",
        LINE "4539 5787\n\r\r\n6362 1486",
        "1234 4539 57\n" LINE "4539 5787 6362 1486",
    };
    static const char *const not_found[] = {
        "4539 5787\n6362 1486",
        "4539\n5787\n6362\n1486",
        "4539  5787  6362  1486", /* columns */
        LINE "4539 5787\n6362\n1486",
        LINE "4539 5787\n\n6362 1486",
        LINE "4539 5787\r\n\r\n6362 1486",
        "4539-5787 6362 1486",
        LINE "4539-5787\n6362 1486",
    };
    for (size_t i = 0; i < ARRAY_LEN(found); i++) {
        const char *said = scan(found[i]);
        if (!strstr(said, "card 85 ****") || !strstr(said, "1486")) {
            fail_msg("found row %zu: %s", i, said);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(not_found); i++) {
        const char *said = scan(not_found[i]);
        if (strstr(said, "card")) {
            fail_msg("other row %zu: %s", i, said);
        }
    }
    /* words of context across a wrapped, quoted line, and as programs write them */
    assert_string_equal(scan("> " LINE "social\r\n> security 536904399"),
                        "ssn 65 *****4399 near quoted; -> ");
    assert_string_equal(scan("{\"socialSecurity\":\"536904399\"}"), "ssn 65 *****4399 near; -> ");
}

/* vectorize-io/hindsight#4333, dahlia/logtape#211; E.164 (at most 15 digits), ISO 13616. */
static void groups_behind_other_groups(void **state)
{
    static const struct {
        const char *text;
        int high, low; /* cards that are found: at 60 or more, below */
    } rows[] = {
        {"2026 4539 5787 6362 1486", 1, 0},
        {"PIN 1234 4539 5787 6362 1486", 1, 0},
        {"10115 4539 5787 6362 1486", 1, 0},
        {"12 05 2026 4539 5787 6362 1486", 1, 0},
        {"4539 5787 6362 1486 4916 3385 0608 2832", 2, 0},
        {"4539 5787 6362 1486 12/28 4916 3385 0608 2832", 2, 0},
        {"1200 1300 4539 5787 6362 1486", 0, 1}, /* a row of a table */
        {"credit card 1200 1300 4539 5787 6362 1486", 1, 0},
        {"AE56 4539 5787 6362 1486 003", 0, 0}, /* an IBAN */
        {"AE57 4539 5787 6362 1486 003", 1, 0}, /* none */
    };
    static const struct {
        const char *text;
        size_t at;
        enum groups_place place;
    } places[] = {
        {"943 476 5919", 0, GROUPS_ALONE},
        {"2026 943 476 5919", 5, GROUPS_ALONE},
        {"+44 943 476 5919", 4, GROUPS_PART},
        {"0 943 476 5919", 2, GROUPS_PART},
        {"0000 0000 943 476 5919", 10, GROUPS_ALONE}, /* too long for a telephone's */
        {"5 121 000 358", 2, GROUPS_PART},
        {"5000 121 000 358", 5, GROUPS_ALONE},
        {"943 476 943 476 5919", 8, GROUPS_IN_ROW},
        {"943 5 476 943 476 5919", 10, GROUPS_ALONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *said = scan(rows[i].text);
        int high = 0, low = 0;
        for (const char *at = strstr(said, "card "); at; at = strstr(at + 1, "card ")) {
            *(atoi(at + strlen("card ")) >= DETECT_MEDIUM ? &high : &low) += 1;
        }
        if (high != rows[i].high || low != rows[i].low) {
            fail_msg("row %zu: %s", i, said);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct str text = str_c(places[i].text);
        assert_int_equal(groups_place(text, 0, places[i].at, text.n - places[i].at),
                         places[i].place);
    }
}

static void dictionary_and_rules(void **state)
{
    assert_string_equal(scan("a HEART  Attack and asthma, asthmatic"),
                        "word 60 HE***  ******; word 60 as****; -> ");
    assert_string_equal(scan("asthma 536-90-4399"),
                        "word 60 as****; ssn 65 ***-**-4399; -> both pair ");
    char far[700];
    snprintf(far, sizeof far, "asthma %600s 536-90-4399", "");
    assert_string_equal(scan(far), "word 60 as****; ssn 65 ***-**-4399; -> both ");
    /* one value */
    assert_string_equal(scan("536-90-4399 536-90-4399 536-90-4399"),
                        "ssn 65 ***-**-4399; ssn 65 ***-**-4399; ssn 65 ***-**-4399; -> ");
    assert_string_equal(scan("536-90-4391 536-90-4392 536-90-4393"),
                        "ssn 65 ***-**-4391; ssn 65 ***-**-4392; ssn 65 ***-**-4393; -> many ");
}

static size_t new_end(const char *text)
{
    struct detect_quotations q;
    detect_quotations(str_c(text), false, &q);
    return q.new_end;
}

static void quotations(void **state)
{
    assert_string_equal(scan("new 536-90-4391\n> old 536-90-4392\n"),
                        "ssn 65 ***-**-4391; ssn 65 ***-**-4392 quoted; -> ");
    assert_string_equal(scan("a\r\n-----Original Message-----\r\n536-90-4391"),
                        "ssn 65 ***-**-4391 quoted; -> ");
    /* not at the end of the line */
    assert_string_equal(scan("a\nAm 3. Mai schrieb Anna:\n536-90-4391"), "ssn 65 ***-**-4391; -> ");
    /* people write so, too */
    assert_string_equal(scan("a\nAnna <a@b.test> schrieb:\n536-90-4391"),
                        "ssn 65 ***-**-4391; -> ");
    assert_string_equal(scan("a\nAnna <a@b.test> schrieb am 3. Mai 2026 um 9:12:\n536-90-4391"),
                        "ssn 65 ***-**-4391 quoted; -> ");
    /* Outlook on a phone */
    assert_int_equal(
        new_end(
            "x\n________________________________\nFrom: A\nSent: Monday, May 4, 2026 9:12 AM\n"),
        2);
    assert_int_equal(new_end("x\n________________________________\nand on\n"), 42);
    /* an HTML answer with one line marked by hand: below it is new */
    assert_int_equal(
        new_end(
            "On Mon, 5 Jan 2026 at 10:00, X <x@b.test> wrote:\n\xe2\x81\xa0> old\n\n[secure]\n"),
        68);
}

/* Places are asked about in any order. A line longer than 65536 octets is no program's (RFC 5322
 * 2.1.1: 998): its rest is new. */
static void places_in_any_order(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    struct detect_quotations q;
    assert_int_equal(buf_add(&b, STR("new\n> ")), 0);
    for (size_t i = 0; i < 70000; i++) {
        assert_int_equal(buf_add(&b, STR(">")), 0);
    }
    assert_int_equal(buf_add(&b, STR("\n> old\n> old\n\n> alone\n")), 0);
    detect_quotations(buf_str(&b), true, &q);
    const size_t end = buf_len(&b);
    const struct {
        size_t at;
        bool quoted;
    } rows[] = {
        {69999, false},   {10, true},     {60000, true}, {65540, true},
        {65541, false},   {2, false},     {4, true},     {end - 3, false},
        {end - 12, true}, {69999, false}, {65540, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (detect_is_quoted(&q, rows[i].at) != rows[i].quoted) {
            fail_msg("row %zu: %zu", i, rows[i].at);
        }
    }
    buf_free(&b);
}

static void limits_are_no_clean_bill(void **state)
{
    struct detect_packs *p = packs_of("pack p 1\ntype slow\n pattern 90 ((?:a+)+b)\n");
    char text[4001];
    struct detect_result r;
    memset(text, 'a', sizeof text - 1);
    memcpy(text + sizeof text - 3, "!b", 3);
    const struct detect_text one = {str_c(text), DETECT_BODY};
    detect_scan(p, &one, 1, &r);
    assert_true(r.incomplete);
    detect_result_free(&r);
    detect_packs_free(p);
}

/* The clock of the processor ends the search, also inside one text: what was found by then
 * stands, and more is not denied. */
static void the_clock_ends_it(void **state)
{
    struct detect_packs *p =
        packs_of("pack p 1\ntype a\n phrase flu\ntype b\n pattern 90 (\\d{4})\n");
    struct buf b = BUF_INIT(16 << 20);
    struct detect_result r;
    for (size_t i = 0; i < 1000000; i++) {
        assert_int_equal(buf_add(&b, STR("flu 4711 ")), 0);
    }
    const struct detect_text texts[] = {{buf_str(&b), DETECT_BODY}, {STR("flu"), DETECT_BODY}};
    detect_scan_until(p, texts + 1, 1, 0, &r); /* a short one is over before the clock is asked */
    assert_true(!r.incomplete && r.n == 1);
    detect_result_free(&r);
    int64_t began = clock_cpu_ms();
    detect_scan_until(p, texts, 2, began, &r);
    assert_true(r.incomplete && clock_cpu_ms() - began < 1000);
    detect_result_free(&r);
    detect_packs_free(p);
    buf_free(&b);
}

static void mistakes(void **state)
{
    static const char *const rows[][2] = {
        {"type x\n", "test:1: a file begins with one line: pack NAME VERSION: type\n"},
        {"pack p 1\ntype x\n pattern 50 (a\n",
         "test:3: missing closing parenthesis (at its character 3): (a\n"},
        {"pack p 1\ntype x\n check nothing\n", "test:3: there is no check of this name: nothing\n"},
        {"pack p 1\ntype x\n pattern 101 a\n",
         "test:3: a score from 0 to 100 is wanted, not: 101\n"},
        {"pack p 1\ntype x\n phrase a\ntype x\n",
         "test:4: a type has a name of its own, of small letters, digits and dashes: x\n"},
        {"pack p 1\nrule r a\n", "test:2: there is no type \"a\": a\n"},
        {"pack p 1\ntype a\n phrase b\nrule r (a | a\n",
         "test:4: a parenthesis is not closed before \"\": (a | a\n"},
        {"pack p 1\ntype a\n phrase b\nrule r a a\n", "test:4: not understood from \"a\": a a\n"},
        {"pack p 1\ntype a\n phrase b\nrule r a:most\n",
         "test:4: a level is low, medium or high, not \"most\": a:most\n"},
        {"pack p 1\nneeds q\n", "test:2: this pack needs another one, which is not there: q\n"},
        {"pack p 1\ntype a\n needs-context\n phrase b\ntype c\n",
         "test:5: this type needs context but names no words for it: a\n"},
        {"pack p 1\ntype a\n phrase b\n nonsense\n",
         "test:4: not a statement of a type: nonsense\n"},
        {"pack p 1\ntype a\n pattern 50 b\n kind c\n",
         "test:4: kinds have a title, and stand before all patterns of their type: c\n"},
        {"pack p 1\ntype a\n pattern 50 b\n good {3 z-a}\n",
         "test:4: what is drawn in a test vector is written {NUMBER CLASS}: {3 z-a}\n"},
        {"", "test:1: there is no pack in it: \n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
        struct detect_packs *p = detect_packs_new();
        assert_int_equal(detect_packs_add(p, str_c(rows[i][0]), "test", &problems), -EINVAL);
        struct str said = buf_str(&problems);
        assert_true(said.n >= strlen(rows[i][1]));
        assert_memory_equal(said.p, rows[i][1], strlen(rows[i][1]));
        detect_packs_free(p);
    }
}

static void vectors_in_packs(void **state)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    struct detect_packs *p = packs_of("pack p 1\ntype a\n phrase big\n good x big y\n bad bigger\n "
                                      "good c\nrule r a\n good big\n bad big\n");
    assert_int_equal(detect_packs_test(p, &problems), -EINVAL);
    assert_true(str_eq(buf_str(&problems), STR("test:6: a: should be found and is not: c\ntest:9: "
                                               "r: should not be found and is: big\n")));
    detect_packs_free(p);
}

/* A kind needs a vector that is found and one that is not, and each of its patterns a text that
 * it finds itself. */
static void kinds_have_vectors(void **state)
{
    static const char *const rows[][2] = {
        {" kind k\n token 90 ab_[0-9]{8}\n good ab_{8 0-9}\n bad ab_{7 0-9}\n", ""},
        {" kind k\n token 90 ab_[0-9]{8}\n bad ab_{7 0-9}\n",
         "test:3: k: has no vector \"good\"\ntest:3: k: no vector \"good\" needs pattern 1 of a\n"},
        {" kind k\n token 90 ab_[0-9]{8}\n good ab_{8 0-9}\n",
         "test:3: k: has no vector \"bad\"\n"},
        {" kind k\n token 90 ab_[0-9]{8}\n token 90 cd_[0-9]{8}\n good ab_{8 0-9}\n bad ab_\n",
         "test:3: k: no vector \"good\" needs pattern 2 of a\n"},
        {" kind k\n token 90 ab_[0-9]{8}\n good ab_{8 0}\n bad ab_{8 1}\n",
         "test:6: k: should not be found and is: ab_11111111\n"},
        /* found, but by another kind's pattern */
        {" kind k\n token 90 ab_[0-9]{8}\n good ab_{8 0-9}\n bad ab_\n kind l\n token 90 "
         "cd_[0-9]{8}\n good ab_{8 1}\n bad cd_\n",
         "test:9: l: no pattern of its kind finds it: ab_11111111\ntest:7: l: no vector \"good\" "
         "needs pattern 2 of a\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
        char text[1024];
        snprintf(text, sizeof text, "pack p 1\ntype a\n%s", rows[i][0]);
        struct detect_packs *p = packs_of(text);
        assert_int_equal(detect_packs_test(p, &problems), rows[i][1][0] ? -EINVAL : 0);
        struct str said = buf_str(&problems);
        assert_true(str_eq(said, str_c(rows[i][1])) || !fprintf(stderr, STR_FMT, STR_ARG(said)));
        detect_packs_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_vectors),
        cmocka_unit_test(one_wrong_digit),
        cmocka_unit_test(context_makes_it_likely),
        cmocka_unit_test(headings_of_tables),
        cmocka_unit_test(disguises),
        cmocka_unit_test(numbers_in_groups),
        cmocka_unit_test(groups_behind_other_groups),
        cmocka_unit_test(dictionary_and_rules),
        cmocka_unit_test(quotations),
        cmocka_unit_test(places_in_any_order),
        cmocka_unit_test(limits_are_no_clean_bill),
        cmocka_unit_test(the_clock_ends_it),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(vectors_in_packs),
        cmocka_unit_test(kinds_have_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
