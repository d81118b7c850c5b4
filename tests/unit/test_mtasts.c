/* SPDX-License-Identifier: Apache-2.0
 * test_mtasts.c: RFC 8461: TXT record (3.1), policy (3.2, appendix A), matching (4.1), and the
 * table "MTA-STS per domain" of docs/decision.md.
 */
#include "check.h"
#include "dns/dns.h"
#include "mtasts/cache.h"

/* RFC 8461 3.1 MUST: the record begins with its version
 * RFC 8461 3.1 MUST: not exactly one valid record: no policy is found
 * RFC 8461 3.2 MUST: of fields that are there twice the first counts */
static void txt_records(void **state)
{
    static const struct {
        const char *texts[3];
        enum sts_record want;
        const char *id;
    } rows[] = {
        {{"v=STSv1; id=20160831085700Z;"}, STS_RECORD_ONE, "20160831085700Z"}, /* RFC 8461 3.1 */
        {{"v=STSv1; id=20160831085700Z"}, STS_RECORD_ONE, "20160831085700Z"},
        {{"v=STSv1;id=1"}, STS_RECORD_ONE, "1"},
        {{"v=STSv1 ; id = abc ;"}, STS_RECORD_ONE, "abc"},
        {{"v=STSv1; unknown=x; id=abc; more=y;"}, STS_RECORD_ONE, "abc"},
        {{"v=spf1 -all", "v=STSv1; id=7;"}, STS_RECORD_ONE, "7"},
        {{"v=STSv1; id=7;", "v=STSv1; id=8;"}, STS_RECORD_INVALID, ""},
        {{"v=STSv1; id=7; id=8;"}, STS_RECORD_ONE, "7"}, /* 3.2: of duplicates the first counts */
        {{"v=STSv1; id=7; id=-;"}, STS_RECORD_ONE, "7"},
        {{"v=STSv1; id=-; id=7;"}, STS_RECORD_INVALID, ""},
        {{"v=STSv1;"}, STS_RECORD_INVALID, ""},
        {{"v=STSv1; id=;"}, STS_RECORD_INVALID, ""},
        {{"v=STSv1; id=a-b;"}, STS_RECORD_INVALID, ""},
        /* 33 characters */
        {{"v=STSv1; id=123456789012345678901234567890123;"}, STS_RECORD_INVALID, ""},
        {{"v=STSv1; novalue; id=a"}, STS_RECORD_INVALID, ""},
        {{"v=STSv12; id=7;"}, STS_RECORD_NONE, ""},
        {{"v=STSv2; id=7;"}, STS_RECORD_NONE, ""},
        {{" v=STSv1; id=7;"}, STS_RECORD_NONE, ""},
        {{"id=7; v=STSv1;"}, STS_RECORD_NONE, ""},
        {{"v=STSv1"}, STS_RECORD_NONE, ""},
        {{"V=stsv1; id=7;"}, STS_RECORD_NONE, ""},
    };
    char id[STS_ID_MAX];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = rows[i].texts[1] ? 2 : 1;
        enum sts_record got = sts_record_find(rows[i].texts, n, id);
        if (got != rows[i].want || (got == STS_RECORD_ONE && strcmp(id, rows[i].id) != 0)) {
            fail_msg("\"%s\": got %d \"%s\"", rows[i].texts[0], got, id);
        }
    }
    assert_int_equal(sts_record_find((const char *const[]){NULL}, 1, id), STS_RECORD_NONE);
}

/* Joined without anything between (RFC 8461 3.1).
 * RFC 8461 3.1 MUST: several strings of a record are one text
 * RFC 8460 3 MUST: several strings of a record are one text */
static void strings_of_a_record(void **state)
{
    char text[40];
    assert_int_equal(dns_txt_join(STR("\x06v=STSv\0\x07"
                                      "1; id=7"),
                                  text, sizeof text),
                     0);
    assert_string_equal(text, "v=STSv1; id=7");
    assert_true(dns_txt_join(STR("\x07short"), text, sizeof text) < 0);
    assert_true(dns_txt_join(STR("\x28"
                                 "0123456789012345678901234567890123456789"),
                             text, sizeof text) < 0);
}

/* RFC 8461 3.2 MUST: unknown fields of record and policy are ignored
 * RFC 8461 3.2 MUST: names are A-labels
 * RFC 8461 10.2 SHOULD: long max_age of others is kept */
static void policies(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        enum sts_mode mode;
        uint32_t age;
        const char *mx;
    } rows[] = {
        /* RFC 8461 3.2 */
        {"version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmx: "
         "backupmx.example.com\nmax_age: 604800\n",
         true, STS_MODE_ENFORCE, 604800, "mail.example.com\n*.example.net\nbackupmx.example.com\n"},
        {"version: STSv1\r\nmode: testing\r\nmx: mx1.example.com\r\nmax_age: 1296000\r\n", true,
         STS_MODE_TESTING, 1296000, "mx1.example.com\n"},
        {"version: STSv1\nmode: none\nmax_age: 86400", true, STS_MODE_NONE, 86400, ""},
        {"version:STSv1\nmode:enforce\nmx:A.Example\nmax_age:0", true, STS_MODE_ENFORCE, 0,
         "a.example\n"},
        {"version: STSv1  \nmode: enforce\t\nmx: a.example\nmax_age: 99999999\nfuture_key: yes, "
         "please\n",
         true, STS_MODE_ENFORCE, STS_MAX_AGE_S, "a.example\n"},
        /* the first counts */
        {"version: STSv1\nmode: enforce\nmode: none\nmx: a.example\nmax_age: 5\nmax_age: x\n", true,
         STS_MODE_ENFORCE, 5, "a.example\n"},
        {"mode: enforce\nmx: a.example\nmax_age: 5\n", false},
        {"version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 5\n", false},
        {"version: STSv1\nmx: a.example\nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx: a.example\n", false},
        {"version: STSv1\nmode: enforce\nmax_age: 5\n", false}, /* no mx */
        {"version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -5\n", false},
        {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 18446744073709551617\n", false},
        {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 5s\n", false},
        {"version: STSv1\nmode: enforce\nmx: *\nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 5\n", false},
        /* Zuplu/postfix-tlspol#70: absolute names, as in a zone file; RFC 8461 3.2 has no final
         * dot, and one is harmless */
        {"version: STSv1\nmode: enforce\nmx: mx.a.example.\nmx: *.b.example.\nmax_age: 5\n", true,
         STS_MODE_ENFORCE, 5, "mx.a.example\n*.b.example\n"},
        {"version: STSv1\nmode: enforce\nmx: a.example..\nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx: .\nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx: *.\nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx: *.*.example\nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx: b\xc3\xbc.example\nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx: \nmax_age: 5\n", false},
        {"version: STSv1\nmode: enforce\nmx a.example\nmax_age: 5\n", false},
        {"<html>not found</html>", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sts_policy p;
        char problem[128] = "";
        int r = sts_policy_parse(str_c(rows[i].text), &p, problem, sizeof problem);
        if ((r == 0) != rows[i].ok) {
            fail_msg("policy %zu: %d %s", i, r, problem);
        }
        if (r == 0) {
            assert_int_equal(p.mode, rows[i].mode);
            assert_int_equal(p.max_age_s, rows[i].age);
            assert_string_equal(p.mx, rows[i].mx);
            sts_policy_clear(&p);
        } else {
            assert_true(problem[0]);
        }
    }
    char *big = err_calloc(STS_POLICY_OCTETS_MAX + 2, 1);
    memset(big, 'x', STS_POLICY_OCTETS_MAX + 1);
    struct sts_policy p;
    char problem[128];
    assert_int_equal(sts_policy_parse(str_c(big), &p, problem, sizeof problem), -EINVAL);
    free(big);
}

/* RFC 8461 4.1 MUST: a pattern's * is exactly one label */
static void matching(void **state)
{
    struct str patterns = STR("mail.example.com\n*.example.net\n");
    assert_true(sts_policy_covers(patterns, domain_from(STR("MAIL.example.COM"))));
    assert_true(sts_policy_covers(patterns, domain_from(STR("mx.example.net"))));
    /* exactly one label */
    assert_false(sts_policy_covers(patterns, domain_from(STR("a.mx.example.net"))));
    assert_false(sts_policy_covers(patterns, domain_from(STR("example.net"))));
    assert_false(sts_policy_covers(patterns, domain_from(STR(".example.net"))));
    assert_false(sts_policy_covers(patterns, domain_from(STR("xmail.example.com"))));
    assert_false(sts_policy_covers(STR(""), domain_from(STR("mail.example.com"))));
}

#define GOOD "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1000000\n"
#define DAY  (24 * 60 * 60 * 1000LL)

static struct sts_entry cached(int64_t at)
{
    struct sts_entry e = {.domain = "a.example"};
    assert_true(sts_take_txt(&e, STS_TXT_ONE, "one", "", false, at));
    assert_true(sts_take_fetch(&e, STS_FETCH_GOOD, "one", STR(GOOD), "", 0, at));
    assert_int_equal(sts_effective(&e, at), STS_STATE_ENFORCE);
    return e;
}

/* The rows of the table, in its order.
 * RFC 8461 3.2 SHOULD: a policy is kept for max_age
 * RFC 8461 3.3 SHOULD: a failed fetch is not repeated for five minutes
 * RFC 8461 3.3 MUST: nothing fetched and nothing kept: as without a policy
 * RFC 8461 3.3 SHOULD: kept policies are fetched again daily
 * RFC 8461 3.3 SHOULD: administrators hear of a refresh that fails, unless mode none
 * RFC 8461 5.1 MUST: a new id is a new policy
 * RFC 8461 8.3 MUST: mode none ends the policy at once
 * RFC 8461 10.2 SHOULD NOT: refreshing does not wait for the end
 * RFC 8461 10.2 SHOULD: a refresh fetches whatever the record says
 * RFC 8461 10.2 SHOULD: repeated failures of a refresh are an alarm long before the end */
static void cache_table(void **state)
{
    int64_t t = 1000000;
    struct sts_entry none = {.domain = "x"};
    assert_false(sts_take_txt(&none, STS_TXT_NONE, "", "", false, t)); /* none, no C */
    assert_int_equal(sts_effective(&none, t), STS_STATE_NONE);
    assert_false(sts_take_txt(&none, STS_TXT_INVALID, "", "", false, t));
    assert_int_equal(sts_effective(&none, t), STS_STATE_NONE);
    assert_string_equal(sts_problem_result(none.problem), "sts-policy-invalid");
    /* lookup error, no C: wait */
    assert_false(sts_take_txt(&none, STS_TXT_FAILED, "", "timeout", false, t));
    assert_int_equal(sts_effective(&none, t), STS_STATE_WAIT);
    assert_string_equal(sts_problem_result(none.problem), "validation-failure");

    struct sts_entry e = cached(t);
    /* the record is gone: C stays */
    assert_false(sts_take_txt(&e, STS_TXT_NONE, "", "", false, t + 1));
    assert_int_equal(sts_effective(&e, t + 1), STS_STATE_ENFORCE);
    /* the daily refresh still tries */
    assert_true(sts_take_txt(&e, STS_TXT_NONE, "", "", true, t + 1));
    /* lookup error: C */
    assert_false(sts_take_txt(&e, STS_TXT_FAILED, "", "timeout", false, t + 2));
    assert_int_equal(sts_effective(&e, t + 2), STS_STATE_ENFORCE);
    assert_false(sts_needs_alarm(&e, t + 2));
    assert_false(sts_take_txt(&e, STS_TXT_FAILED, "", "timeout", false, t + 3));
    assert_true(sts_needs_alarm(&e, t + 3)); /* at the second failure */
    /* a refresh without TXT: again in 5 minutes */
    assert_false(sts_take_txt(&e, STS_TXT_FAILED, "", "timeout", true, t + 3));
    assert_int_equal(e.refresh_ms, t + 3 + STS_RETRY_MS);
    e.refresh_ms = t + DAY;
    int64_t expires = e.expires_ms;
    /* same id, not due */
    assert_false(sts_take_txt(&e, STS_TXT_ONE, "one", "", false, t + DAY / 2));
    assert_int_equal(e.expires_ms, expires);
    /* due, whatever the id */
    assert_true(sts_take_txt(&e, STS_TXT_ONE, "one", "", false, t + DAY));
    assert_true(sts_take_txt(&e, STS_TXT_ONE, "two", "", false, t + 4)); /* a new id */
    assert_true(sts_take_fetch(&e, STS_FETCH_GOOD, "two", STR(GOOD), "", 0, t + 5));
    assert_int_equal(e.expires_ms, t + 5 + 1000000000LL); /* only a fetch prolongs */

    enum sts_fetch bad[] = {STS_FETCH_WEBPKI, STS_FETCH_FAILED};
    /* any failure with C: C, and not again for 5 minutes */
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t before = e.expires_ms;
        assert_false(sts_take_fetch(&e, bad[i], "three", STR(""), "x", 0, t + DAY));
        assert_int_equal(sts_effective(&e, t + DAY), STS_STATE_ENFORCE);
        assert_int_equal(e.expires_ms, before);
        assert_false(sts_take_txt(&e, STS_TXT_ONE, "three", "", false, t + DAY + 1000));
        assert_true(sts_take_txt(&e, STS_TXT_ONE, "three", "", false, t + DAY + STS_RETRY_MS));
        /* another id at once */
        assert_true(sts_take_txt(&e, STS_TXT_ONE, "four", "", false, t + DAY + 1000));
    }
    /* invalid body */
    assert_false(sts_take_fetch(&e, STS_FETCH_GOOD, "three", STR("mode: enforce"), "", 0, t + DAY));
    assert_string_equal(sts_problem_result(e.problem), "sts-policy-invalid");
    assert_int_equal(sts_effective(&e, t + DAY), STS_STATE_ENFORCE);
    assert_int_equal(sts_effective(&e, e.expires_ms), STS_STATE_NONE); /* it has expired */

    assert_true(sts_take_fetch(&e, STS_FETCH_GOOD, "five",
                               STR("version: STSv1\nmode: none\nmax_age: 5\n"), "", 0, t));
    assert_int_equal(sts_effective(&e, t), STS_STATE_NONE); /* none at once */
    assert_true(sts_take_fetch(&e, STS_FETCH_GOOD, "six",
                               STR("version: STSv1\nmode: testing\nmx: a.example\nmax_age: 5000\n"),
                               "", 0, t));
    assert_int_equal(sts_effective(&e, t), STS_STATE_TESTING);
    sts_entry_clear(&e);

    struct sts_entry zero = {.domain = "z"}; /* max_age 0: this delivery only */
    assert_true(sts_take_fetch(&zero, STS_FETCH_GOOD, "z",
                               STR("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 0\n"),
                               "", 0, t));
    assert_int_equal(sts_effective(&zero, t), STS_STATE_ENFORCE);
    zero.once = false;
    assert_int_equal(sts_effective(&zero, t), STS_STATE_NONE);
    sts_entry_clear(&zero);

    struct sts_entry first = {.domain = "f"}; /* failures without C */
    assert_false(sts_take_fetch(&first, STS_FETCH_WEBPKI, "f", STR(""), "expired", 0, t));
    assert_string_equal(sts_problem_result(first.problem), "sts-webpki-invalid");
    assert_false(sts_take_fetch(&first, STS_FETCH_FAILED, "f", STR(""), "404", 0, t));
    assert_string_equal(sts_problem_result(first.problem), "sts-policy-fetch-error");
    assert_int_equal(sts_effective(&first, t), STS_STATE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(txt_records),
        cmocka_unit_test(policies),
        cmocka_unit_test(matching),
        cmocka_unit_test(cache_table),
        cmocka_unit_test(strings_of_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
