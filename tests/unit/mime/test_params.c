/* SPDX-License-Identifier: Apache-2.0
 * test_params.c: parameters of MIME fields against the examples of the standards and of other
 * programs' tests, named above their rows. Where readers take one of two values, both are here,
 * the one of RFC 2231 first.
 */
#include "mime/params.h"
#include "check.h"

#include <stdlib.h>

static const struct {
    const char *field, *name, *values[3];
} rows[] = {
    /* RFC 2231 3, 4 */
    {"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
     "title",
     {"This is ***fun***"}},
    {"message/external-body; access-type=URL; URL*0=\"ftp://\"; "
     "URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
     "url",
     {"ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"}},
    {"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; "
     "title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
     "title",
     {"This is even more ***fun*** isn't it!"}},
    /* RFC 2183 2, RFC 2045 5.1 */
    {"attachment; filename=genome.jpeg;\r\n modification-date=\"Wed, 12 Feb 1997 16:29:51 -0500\"",
     "filename",
     {"genome.jpeg"}},
    {"text/plain; charset=us-ascii (Plain text)", "charset", {"us-ascii"}},
    /* RFC 5322 3.2.2: comments between what belongs together (RFC 2045 5.1 has them, too) */
    {"attachment (x); filename (y) = (z) \"a.exe\" (t)", "filename", {"a.exe"}},
    {"attachment; filename=a.exe (t)", "filename", {"a.exe"}},
    {"attachment; filename (y)*=utf-8''a%2Eexe", "filename", {NULL}},
    {"attachment; filename=a(1).pdf", "filename", {"a(1).pdf"}},
    {"attachment; filename=(1)", "filename", {"(1)"}},
    /* a parenthesis without a blank before it: of the name to postal-mime, mailparser and
     * Python's older parser; one behind a blank is a comment to them, also one inside another;
     * what is behind goes on, as people see the name */
    {"attachment; filename=report(2026)", "filename", {"report(2026)"}},
    {"attachment; filename=report(2026).pdf (t)", "filename", {"report(2026).pdf"}},
    {"attachment; filename=report (2026).pdf", "filename", {"report (2026).pdf"}},
    {"attachment; filename=a.exe (b(c))", "filename", {"a.exe"}},
    {"attachment; filename=a.exe(b)(c)", "filename", {"a.exe(b)(c)"}},
    {"attachment; filename=\"a\"(2026)", "filename", {"a"}},
    {"attachment; filename*=utf-8''a%20b(2026)", "filename", {"a b(2026)"}},
    /* where readers disagree about its end, a rule by names sees both: Thunderbird and Python
     * take the first word, the quoted string */
    {"attachment; filename=a.exe (x", "filename", {"a.exe (x", "a.exe"}},
    {"attachment; filename=a.exe (x).pdf", "filename", {"a.exe (x).pdf", "a.exe"}},
    {"attachment; filename=a.exe b.pdf", "filename", {"a.exe b.pdf", "a.exe"}},
    {"attachment; filename=\"a.exe\" (x).pdf", "filename", {"a.exe", "a.exe.pdf"}},
    {"attachment; filename=\"a.exe\" ((x)y) .pdf", "filename", {"a.exe", "a.exe.pdf"}},
    {"attachment; filename=\"a (1)\"", "filename", {"a (1)"}},
    /* greenbytes tc2231, as in Go, mime/mediatype_test.go */
    {"attachment; filename=\"f\\oo.html\"", "filename", {"foo.html"}},
    {"attachment; filename=\"\\\"quoting\\\" tested.html\"",
     "filename",
     {"\"quoting\" tested.html"}},
    {"attachment; filename=\"Here's a semicolon;.html\"", "filename", {"Here's a semicolon;.html"}},
    {"attachment; foo=\"\\\"\\\\\";filename=\"foo.html\"", "filename", {"foo.html"}},
    {"attachment; filename=foo.html ;", "filename", {"foo.html"}},
    {"attachment; filename='foo.html'", "filename", {"'foo.html'"}},
    {"attachment; filename=\"foo-%41.html\"", "filename", {"foo-%41.html"}},
    {"attachment; filename* =UTF-8''foo-%c3%a4.html", "filename", {"foo-\xc3\xa4.html"}},
    {"attachment; filename*=UTF-8''A-%2541.html", "filename", {"A-%41.html"}},
    {"attachment; filename*0=\"foo.\"; filename*1=\"html\"", "filename", {"foo.html"}},
    {"attachment; filename*0*=UTF-8''foo-%c3%a4; filename*1=\".html\"",
     "filename",
     {"foo-\xc3\xa4.html"}},
    /* greenbytes tc2231 (attfncont…) has no more than "foo" and nothing here; mailparser and
     * Python have all pieces: a rule by file names sees that, too */
    {"attachment; filename*0=\"foo\"; filename*01=\"bar\"", "filename", {"foo", "foobar"}},
    {"attachment; filename*0=\"foo\"; filename*2=\"bar\"", "filename", {"foo", "foobar"}},
    {"attachment; filename*1=\"foo\"; filename*2=\"bar\"", "filename", {"foobar"}},
    {"attachment; filename*1=\"bar\"; filename*0=\"foo\"", "filename", {"foobar"}},
    {"attachment; filename=\"foo-ae.html\"; filename*=UTF-8''foo-%c3%a4.html",
     "filename",
     {"foo-\xc3\xa4.html", "foo-ae.html"}},
    {"attachment; filename*=UTF-8''foo-%c3%a4.html; filename=\"foo-ae.html\"",
     "filename",
     {"foo-\xc3\xa4.html", "foo-ae.html"}},
    {"inline; attachment; filename=foo.html", "filename", {"foo.html"}},
    {"attachment; filename=\"bar", "filename", {"bar"}},
    {"form-data; firstname=\"\xd0\x91\xd1\x80\xd1\x8d\xd0\xb4\"; "
     "lastname=\"\xd0\xa4\xd0\xb8\xd1\x86\xd0\xbf\xd0\xb0\xd1\x82\xd1\x80\xd0\xb8\xd0\xba\"",
     "lastname",
     {"\xd0\xa4\xd0\xb8\xd1\x86\xd0\xbf\xd0\xb0\xd1\x82\xd1\x80\xd0\xb8\xd0\xba"}},
    /* Dovecot, test-rfc2231-parser.c: pieces in any order, an escape that is none */
    {"x/y; key4*=us-ascii''foo; key*2=ba%; key2*0=a; key3*0*=us-ascii'en'xyz; key*0=\"foo\"; "
     "key2*1*=b%25; key3*1=plop%; key*1=baz",
     "key",
     {"foobazba%"}},
    {"x/y; key4*=us-ascii''foo; key*2=ba%; key2*0=a; key3*0*=us-ascii'en'xyz; key*0=\"foo\"; "
     "key2*1*=b%25; key3*1=plop%; key*1=baz",
     "key2",
     {"ab%"}},
    {"x/y; key4*=us-ascii''foo; key*2=ba%; key2*0=a; key3*0*=us-ascii'en'xyz; key*0=\"foo\"; "
     "key2*1*=b%25; key3*1=plop%; key*1=baz",
     "key3",
     {"xyzplop%"}},
    /* what mail programs write: encoded words in names, also padded and split; a name twice; no
     * quotes */
    {"attachment; filename=\"=?utf-8?B?cmVwb3J0Lg==?= =?utf-8?B?ZXhl?=\"",
     "filename",
     {"report.exe"}},
    {"attachment; filename*0=\"=?utf-8?B?cmVwb3J0\"; filename*1=\"LmV4ZQ==?=\"",
     "filename",
     {"report.exe"}},
    {"application/octet-stream; name=x.exe; name=x.txt", "name", {"x.exe", "x.txt"}},
    {"attachment; filename=my summer photo.jpg; size=1", "filename", {"my summer photo.jpg"}},
    {"attachment; filename=\"x.txt\".exe", "filename", {"x.txt", "x.txt.exe"}},
};

/* RFC 2045 5.1 MUST: unknown parameters are ignored
 * RFC 2045 5.1 MUST: a value with specials stands in quotes, which are no part of it */
static void parameters_are_read(void **state)
{
    struct mime_limits limits = mime_standard_limits;
    struct params *params = err_calloc(1, sizeof *params);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mime_reading *out = err_calloc(1, sizeof *out);
        struct reader r = {.out = out, .limits = &limits, .text_left = 1 << 20};
        size_t cursor = 0;
        params_read(&r, "", str_c(rows[i].field), params);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].values); k++) {
            const char *got = params_next(params, rows[i].name, &cursor), *want = rows[i].values[k];
            if (!got != !want || (got && strcmp(got, want) != 0)) {
                fail_msg("%s: value %zu is \"%s\", not \"%s\"", rows[i].field, k,
                         got ? got : "(none)", want ? want : "(none)");
            }
        }
        params_free(params);
        mime_reading_free(out);
    }
    free(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parameters_are_read)};
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
