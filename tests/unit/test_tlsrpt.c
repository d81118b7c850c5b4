/* SPDX-License-Identifier: Apache-2.0
 * test_tlsrpt.c: TLS reports: record (RFC 8460 3), JSON (4.4), reading (appendix B and worse),
 * base64 (RFC 4648 10), DKIM's canonical forms (RFC 6376 3.4.5).
 */
#include "auth/dkim.h"
#include "check.h"
#include "tlsrpt/record.h"
#include "tlsrpt/report.h"
#include "wire/base64.h"

static void base64(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT(100), back = BUF_INIT(100);
        assert_int_equal(base64_write(str_c(rows[i][0]), 0, &out), 0);
        check_str(buf_str(&out), rows[i][1]);
        assert_int_equal(base64_read(str_c(rows[i][1]), &back), 0);
        check_str(buf_str(&back), rows[i][0]);
        buf_free(&out);
        buf_free(&back);
    }
    struct buf out = BUF_INIT(100);
    assert_int_equal(base64_read(STR("Zm9v\r\n Ym!Fy"), &out), 0);
    check_str(buf_str(&out), "foobar");
    assert_int_equal(base64_read(STR("Z"), &out), -EBADMSG);
    buf_free(&out);
}

/* RFC 8460 3 MUST: the record begins with v=TLSRPTv1
 * RFC 8460 3 MUST: not exactly one record: no reports are wanted
 * RFC 8460 3 MUST: unknown fields of the record are ignored */
static void record(void **state)
{
    static const struct {
        const char *texts[2];
        const char *rua; /* NULL: no record */
    } rows[] = {
        /* RFC 8460 3.1.1 */
        {{"v=TLSRPTv1;rua=mailto:reports@example.com"}, "mailto:reports@example.com"},
        {{"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt"},
         "https://reporting.example.com/v1/tlsrpt"},
        {{"v=TLSRPTv1; rua=mailto:a@b.example,https://c.example/ ;x=y"},
         "mailto:a@b.example https://c.example/"},
        {{"v=spf1", "v=TLSRPTv1; rua=mailto:a@b.example"}, "mailto:a@b.example"},
        {{"v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:c@d.example"}, NULL},
        {{"v=TLSRPTv1; rua=ftp://x/"}, NULL},
        {{"v=TLSRPTv1; rua=http://x/"}, NULL},
        {{"v=TLSRPTv1;"}, NULL},
        {{"v=TLSRPTv2; rua=mailto:a@b.example"}, NULL},
    };
    char rua[TLSRPT_RUA_MAX], to[100];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool found = tlsrpt_record_find(rows[i].texts, rows[i].texts[1] ? 2 : 1, rua);
        assert_int_equal(found, rows[i].rua != NULL);
        if (found) {
            assert_string_equal(rua, rows[i].rua);
        }
    }
    assert_int_equal(tlsrpt_mailto(STR("mailto:a%2db@x.example?subject=y"), to, sizeof to), 0);
    assert_string_equal(to, "a-b@x.example");
    assert_int_equal(tlsrpt_mailto(STR("mailto:a%0d%0aRCPT@x.example"), to, sizeof to), -EINVAL);
    assert_int_equal(tlsrpt_mailto(STR("mailto:nobody"), to, sizeof to), -EINVAL);
    assert_int_equal(tlsrpt_mailto(STR("mailto:a%2"), to, sizeof to), -EINVAL);
}

struct seen {
    unsigned n;
    uint64_t ok, failed;
    char domain[256], details[4096];
    int64_t begin;
};

static void on_row(void *arg, const struct tlsrpt_row *r)
{
    struct seen *s = arg;
    s->n++;
    s->ok += r->ok;
    s->failed += r->failed;
    s->begin = r->begin_ms;
    str_copy_cut(r->domain, s->domain, sizeof s->domain);
    str_copy_cut(r->details, s->details, sizeof s->details);
}

/* RFC 8460 4 MUST: policies are an array
 * RFC 8460 4.3.1 SHOULD: vague kinds of failure have a failure-reason-code
 * RFC 8460 5.3 SHOULD: the subject has its form */
static void round_trip(void **state)
{
    const struct tlsrpt_failure failure = {
        STR("certificate-expired"),
        STR("2001:db8::1"),
        STR("mx1.example"),
        STR("192.0.2.5"),
        STR(""),
        100,
    };
    const struct tlsrpt_policy policy = {
        .type = "sts",
        .domain = STR("company-y.example"),
        .strings = STR("version: STSv1\r\nmode: testing\r\n"),
        .mx = STR("*.mail.company-y.example\n"),
        .ok = 5326,
        .failed = 100,
        .failures = &failure,
        .n_failures = 1,
    };
    const struct tlsrpt_report report = {
        .organization = STR("Company-X"),
        .contact = STR("x@company-x.example"),
        .id = STR("1.2"),
        .submitter = STR("company-x.example"),
        .domain = STR("company-y.example"),
        .begin_ms = 1459468800000LL,
        .end_ms = 1459555199000LL,
        .policies = &policy,
        .n_policies = 1,
    };
    struct buf json = BUF_INIT(TLSRPT_JSON_MAX), packed = BUF_INIT(1 << 20),
               mail = BUF_INIT(1 << 20);
    struct seen s = {0};
    char problem[200], name[300];
    assert_int_equal(tlsrpt_json(&report, &json), 0);
    assert_int_equal(tlsrpt_gzip(buf_str(&json), &packed), 0);
    assert_int_equal(tlsrpt_mail(&report, STR("a@company-x.example"), STR("b@company-y.example"),
                                 STR("1@x"), 1459555200000LL, buf_str(&packed), &mail),
                     0);
    assert_int_equal(tlsrpt_read(buf_str(&mail), on_row, &s, problem, sizeof problem), 0);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.ok, 5326);
    assert_int_equal(s.failed, 100);
    assert_int_equal(s.begin, 1459468800000LL);
    assert_string_equal(s.domain, "company-y.example");
    assert_non_null(strstr(s.details, "policy: mode: testing\n"));
    assert_non_null(
        strstr(s.details, "100 x certificate-expired from 2001:db8::1 to mx1.example [192.0.2.5]"));
    tlsrpt_file_name(&report, name, sizeof name);
    /* RFC 8460 5.1 */
    assert_string_equal(name,
                        "company-x.example!company-y.example!1459468800!1459555199!1.2.json.gz");
    buf_free(&json);
    buf_free(&packed);
    buf_free(&mail);
}

static void sloppy(void **state)
{
    struct seen s = {0};
    char problem[200];
    /* mx-host as one string, no counts, unknown members, no policy-string */
    assert_int_equal(tlsrpt_read_json(STR("{\"x\":[1],\"policies\":[{\"policy\":{\"policy-type\":"
                                          "\"tlsa\",\"policy-domain\":\"d\",\"mx-host\":\"m\"}}]}"),
                                      on_row, &s, problem, sizeof problem),
                     0);
    assert_int_equal(s.n, 1);
    assert_non_null(strstr(s.details, "mx: m\n"));
    assert_int_equal(tlsrpt_read_json(STR("{}"), on_row, &s, problem, sizeof problem), -EBADMSG);
    assert_int_equal(tlsrpt_read_json(STR("[]"), on_row, &s, problem, sizeof problem), -EBADMSG);
    assert_int_equal(tlsrpt_read_json(STR("{\"policies\": 7}"), on_row, &s, problem,
                                      sizeof problem),
                     0);
    assert_int_equal(
        tlsrpt_read_json(
            STR("{\"policies\": [{\"summary\": {\"total-failure-session-count\": -5}}]}"), on_row,
            &s, problem, sizeof problem),
        0);
    assert_int_equal(s.failed, 0);
    assert_int_equal(tlsrpt_read(STR("Subject: x\r\n\r\nhello\r\n"), on_row, &s, problem,
                                 sizeof problem),
                     -EBADMSG);
}

/* One report as a mail whose report part has this header and body. */
static int read_shape(const char *header, struct str body, struct seen *s)
{
    char problem[200];
    CLEANUP(buf_free) struct buf mail = BUF_INIT(1 << 20);
    assert_int_equal(
        buf_printf(
            &mail,
            "From: r@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; "
            "report-type=\"tlsrpt\"; boundary=b\r\n\r\n"
            "--b\r\nContent-Type: text/plain\r\n\r\nA report {is below}\r\n--b\r\n%s\r\n\r\n",
            header),
        0);
    assert_int_equal(buf_add(&mail, body), 0);
    assert_int_equal(buf_add(&mail, STR("\r\n--b--\r\n")), 0);
    *s = (struct seen){0};
    return tlsrpt_read(buf_str(&mail), on_row, s, problem, sizeof problem);
}

#define COUNTS_AS_STRINGS \
    "{\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"d.example\"}," \
    "\"summary\":{\"total-successful-session-count\":7.0,\"total-failure-session-count\":\"2\"}," \
    "\"failure-details\":[{\"result-type\":\"validation-failure\",\"failed-session-count\":\"2\"}" \
    "]}]}"

/* Shapes that reporters send or that their mail passes through (domainaware/parsedmarc#561 and
 * #568, cry-inc/dmarc-report-viewer#57: no sending-mta-ip); gzip members: RFC 1952 2.2. Counts:
 * RFC 8460 4.4.
 * RFC 8460 5.6 MUST: what the report says counts, whatever subject and file name say */
static void shapes_of_other_reporters(void **state)
{
    static const char json[] = COUNTS_AS_STRINGS;
    struct seen s;
    CLEANUP(buf_free) struct buf one = BUF_INIT(1 << 16);
    CLEANUP(buf_free) struct buf two = BUF_INIT(1 << 16);
    CLEANUP(buf_free) struct buf text = BUF_INIT(1 << 16);
    /* two members, split in the middle of the JSON */
    assert_int_equal(tlsrpt_gzip(str_from(json, 40), &one), 0);
    assert_int_equal(tlsrpt_gzip(str_c(json + 40), &two), 0);
    assert_int_equal(buf_add(&one, buf_str(&two)), 0);
    assert_int_equal(base64_write(buf_str(&one), 76, &text), 0);
    assert_int_equal(read_shape("Content-Type: application/octet-stream; "
                                "name=\"r.json.gz\"\r\nContent-Transfer-Encoding: base64",
                                buf_str(&text), &s),
                     0);
    assert_int_equal(s.ok, 7);
    assert_int_equal(s.failed, 2);
    assert_non_null(strstr(s.details, "failure: 2 x validation-failure"));
    assert_int_equal(
        read_shape(
            "Content-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: quoted-printable",
            STR("=EF=BB=BF{\"policies\":[{\"policy\":{\"policy-domain\":\"d=\r\n.example\"},"
                "\"summary\":{\"total-failure-session-count\"=3A 5}}]}"),
            &s),
        0);
    assert_int_equal(s.failed, 5);
    assert_string_equal(s.domain, "d.example");
    assert_int_equal(read_shape("Content-Type: text/plain; name=\"report.json\"",
                                str_c("\xef\xbb\xbf\r\n" COUNTS_AS_STRINGS), &s),
                     0);
    assert_int_equal(s.ok, 7);
    assert_int_equal(read_shape("Content-Type: image/png", STR("not a report"), &s), -EBADMSG);
}

static void canonical(void **state)
{
    struct buf out = BUF_INIT(1000);
    /* RFC 6376 3.4.5, example 1 */
    assert_int_equal(dkim_relaxed_header(STR("A"), STR(" X"), &out), 0);
    assert_int_equal(dkim_relaxed_header(STR("B "), STR(" Y\t\r\n\tZ  "), &out), 0);
    check_str(buf_str(&out), "a:X\r\nb:Y Z\r\n");
    buf_reset(&out);
    assert_int_equal(dkim_relaxed_body(STR(" C \r\nD \t E\r\n\r\n\r\n"), &out), 0);
    check_str(buf_str(&out), " C\r\nD E\r\n");
    buf_reset(&out);
    assert_int_equal(dkim_relaxed_body(STR("\r\n\r\n"), &out), 0); /* only empty lines: nothing */
    assert_int_equal(buf_len(&out), 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64),
        cmocka_unit_test(record),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(sloppy),
        cmocka_unit_test(shapes_of_other_reporters),
        cmocka_unit_test(canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
