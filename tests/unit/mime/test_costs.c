/* SPDX-License-Identifier: Apache-2.0
 * test_costs.c: header fields made of one thing many times. Each is read, for rules and for a
 * page, in time that rises with its octets and no faster, and what is left of it is said
 * (`limit`). Shapes after cyrusimap/cyrus-imapd#6377 (CVE-2026-27859), python/cpython#136063,
 * jstedfast/gmime#15, jstedfast/MimeKit#355 and our own measurements: GMime took a minute, or
 * ended the process.
 */
#include "check.h"
#include "mime/mime.h"
#include "mime/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Of four times as many: a linear reader takes four times as long, a quadratic one sixteen
 * times. Short times are not compared. */
enum { QUARTER = 4, GROWTH_MAX = 9, SHORT_MS = 400 };

struct shape {
    const char *begin, *unit, *end; /* %u in unit: a number that rises */
    unsigned n;
    bool cut; /* limit */
};

static void make(const struct shape *s, unsigned times, struct buf *out)
{
    char unit[200];
    assert_int_equal(buf_add(out, STR("From: a@inside.test\r\nMIME-Version: 1.0\r\n")), 0);
    assert_int_equal(buf_add(out, str_c(s->begin)), 0);
    for (unsigned i = 0; i < times; i++) {
        const char *mark = strstr(s->unit, "%u");
        int n = snprintf(unit, sizeof unit, "%.*s", mark ? (int)(mark - s->unit) : (int)sizeof unit,
                         s->unit);
        if (mark) {
            n += snprintf(unit + n, sizeof unit - (size_t)n, "%u%s", i, mark + 2);
        }
        assert_int_equal(buf_append(out, unit, (size_t)n), 0);
    }
    assert_int_equal(buf_add(out, str_c(s->end)), 0);
}

static bool was_cut(const struct mime_reading *m)
{
    for (size_t i = 0; i < m->n_problems; i++) {
        if (m->problems[i].kind == MIME_LIMIT) {
            return true;
        }
    }
    return false;
}

/* Without the kernel's share: the sanitizers' heap maps a buffer that grows anew each time. */
static int64_t user_ms(void)
{
    struct rusage u;
    assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
    return u.ru_utime.tv_sec * 1000 + u.ru_utime.tv_usec / 1000;
}

/* ms of the processor for the thing so many times. */
static int64_t cost(const struct shape *s, unsigned times, bool *ret_cut)
{
    struct buf b = BUF_INIT(64 << 20);
    make(s, times, &b);
    int64_t began = user_ms();
    struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
    struct view *v = view_of_message(buf_str(&b));
    int64_t took = user_ms() - began;
    *ret_cut = was_cut(m);
    view_free(v);
    mime_reading_free(m);
    buf_free(&b);
    return took;
}

static void check(const struct shape *shapes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool cut;
        int64_t part = cost(&shapes[i], shapes[i].n / QUARTER, &cut),
                whole = cost(&shapes[i], shapes[i].n, &cut);
        if (whole > GROWTH_MAX * part + SHORT_MS || (shapes[i].cut && !cut)) {
            fail_msg("%zu: %.30s %s took %lld ms, a quarter of it %lld, cut %d", i, shapes[i].begin,
                     shapes[i].unit, (long long)whole, (long long)part, cut);
        }
    }
}

#define END      "\r\n\r\nhello\r\n"
#define PART     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
#define PART_END "\r\n\r\nhello\r\n--b--\r\n"
#define DIGEST   "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n"
#define MAIL \
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"

/* RFC 2045 5.1, RFC 2231, RFC 2183 */
static void parameters(void **state)
{
    static const struct shape shapes[] = {
        {"Content-Type: text/plain", "; a%u=b", END, 60000, true},
        {"Content-Type: text/plain", ";\r\n a%u=b", END, 40000, true},
        {"Content-Type: text/plain", "; a=b", END, 60000, true},
        {"Content-Type: text/plain", "; name=x%u.exe", END, 60000, true},
        {"Content-Disposition: attachment", "; filename*%u*=%41", END, 60000, true},
        {"Content-Disposition: attachment", "; n%u*0=x; n*1=y", END, 60000, true},
        {"Content-Disposition: attachment; filename*=", "%", END, 166666, true},
        {"Content-Disposition: attachment; filename*=", "'", END, 166666, true},
        {"Content-Disposition: attachment; filename=", "=?utf-8?q?a?= ", END, 40000, true},
        {"Content-Type: text/plain; name=\"", "\\\"", END, 100000, true},
        {"Content-Type: text/plain", ";", END, 166666, true},
        {"Content-Type: text/plain", " (c)", END, 60000, true},
        {"Content-Type: text/plain", "(", END, 166666, true},
        {"Content-Type: ", "a", END, 166666, true},
        {PART "Content-Disposition: attachment; filename*=", "a", "'x'y" PART_END, 1200000, true},
        {PART "Content-Disposition: attachment; filename=\"=?", "a", "?q?y?=\"" PART_END, 1200000,
         true},
        {PART "Content-Type: multipart/mixed; boundary=\"", "a", "\"" PART_END, 1200000, true},
    };
    check(shapes, ARRAY_LEN(shapes));
}

/* RFC 5322 3.4 */
static void addresses(void **state)
{
    static const struct shape shapes[] = {
        {"Cc: ", "g:", END, 83333, true},
        {DIGEST "\r\nTo: ", "g:", PART_END, 83333, true},
        {DIGEST "Content-Disposition: inline\r\n\r\nTo: ", "g:", PART_END, 83333, true},
        {DIGEST "Content-Type: x\r\n\r\nTo: ", "g:", PART_END, 83333, true},
        {MAIL "To: ", "g:", PART_END, 83333, true},
        {"Cc: ", "<", END, 100000, false},
        {"Cc: ", "(", END, 100000, false},
        {"Cc: ", "(,", END, 100000, false},
        {"Cc: ", "\"a\" ", END, 60000, false},
        {"Cc: <", "@a,", ":x@y>" END, 60000, false},
        {"Cc: ", "a.", "@x" END, 100000, false},
        {"Cc: ", "a%u@x.test, ", END, 40000, false},
        {"Cc: ", "=?utf-8?q?a?= <a@b>, ", END, 30000, false},
        {MAIL "From: =?", "a", "?q?x?= <a@b>" PART_END, 1200000, true},
    };
    check(shapes, ARRAY_LEN(shapes));
}

/* RFC 2047, RFC 5322 3.6 */
static void other_fields(void **state)
{
    static const struct shape shapes[] = {
        {"Subject: ", "=?utf-8?q?a?= ", END, 60000, false},
        {"Subject: ", "=?utf-8?b?YQ==?= =?iso-8859-1?q?b?= ", END, 30000, false},
        {"Subject: ", "=?utf-8?q?", END, 120000, false},
        {"Subject: ", "=?", END, 100000, false},
        {"Subject: ", "[", END, 100000, false},
        {"Subject: ", "[secur ", END, 60000, false},
        {"Subject: a", "\r\n b", END, 40000, false},
        {"References: ", "<a@b>", END, 60000, false},
        {"In-Reply-To: ", "(", END, 100000, false},
        {"Date: ", "1 ", END, 100000, false},
        {"Date: ", "(", END, 100000, false},
        {"Content-Transfer-Encoding: ", "(", END, 100000, false},
        {"Content-ID: ", "(", END, 100000, false},
        {"msip_labels: ", "a;", END, 100000, false},
        {"Content-Disposition: attachment; filename=a.txt",
         "\r\nContent-Disposition: x; filename=b%u", END, 1900, false},
        {"X-0: a", "\r\nX-%u: a", END, 60000, true},
        {PART "Content-Location: =?", "a", "?q?x?=" PART_END, 1200000, true},
        {PART "Content-Transfer-Encoding: =?", "a", "?q?x?=" PART_END, 1200000, true},
        {MAIL "Subject: =?", "a", "?q?x?=" PART_END, 1200000, true},
    };
    check(shapes, ARRAY_LEN(shapes));
}

/* POSIX uuencode, RFC 2397, RFC 5545 3.8.1.1, RFC 9580 6.2: each file in a text costs more than
 * its octets */
static void things_in_texts(void **state)
{
    static const struct shape shapes[] = {
        {"\r\n", "begin 644 a\r\n#86)C\r\n`\r\nend\r\n", "\r\n", 20000, true},
        {"Content-Type: text/html\r\n\r\n", "<a href='data:;base64,QUJD'>x</a>", "\r\n", 20000,
         true},
        {"Content-Type: text/html\r\n\r\n",
         "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "\r\n", 4000, false},
        {"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n",
         "ATTACH;ENCODING=BASE64:QUJD\r\n", "\r\n", 20000, true},
        {"\r\n", "-----BEGIN PGP MESSAGE-----\r\n", "\r\n", 8000, false},
        {"\r\n", "a -----BEGIN PGP MESSAGE-----\r\nx: y\r\n", "\r\n", 8000, false},
        {"\r\n", "-----BEGIN PGP MESSAGE----- a ", "\r\n", 8000, false},
        {"\r\n-----BEGIN PGP MESSAGE-----\r\n", "a: b\r\n", "\r\n", 100000, false},
        {"\r\n",
         "-----BEGIN PGP MESSAGE-----\r\n\r\nAAAAAAAAAAAAAAAAAAAAAAAA\r\n-----END PGP "
         "MESSAGE-----\r\n",
         "\r\n", 4000, true},
    };
    check(shapes, ARRAY_LEN(shapes));
}

/* What people send in earnest is not cut: thousands of recipients in groups and names, a name in
 * a hundred pieces. */
static void what_is_sent_in_earnest(void **state)
{
    static const struct shape shapes[] = {
        {"To: ", "\"Team: %u\" <a@x.test>, ", "b@x.test" END, 900, false},
        {"To: ", "team %u: a@x.test, b@x.test;, ", "b@x.test" END, 5000, false},
        {"Content-Disposition: attachment", ";\r\n filename*%u*=%41%42%43", END, 150, false},
        /* YAML, a log, a text with long formulas */
        {"\r\nto:\r\n", "  - host: 10.0.0.%u:25\r\n", "\r\n", 3000, false},
        {"\r\nfrom: 09:00:01\r\n", " 09:00:02 a=? and no more of it in all of these lines%u\r\n",
         "\r\n", 3000, false},
        {"\r\nContent-Type: a\r\n", " b;c;d\r\n", "\r\n", 3000, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct buf b = BUF_INIT(64 << 20);
        make(&shapes[i], shapes[i].n, &b);
        struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
        assert_false(was_cut(m));
        mime_reading_free(m);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters),
        cmocka_unit_test(addresses),
        cmocka_unit_test(other_fields),
        cmocka_unit_test(things_in_texts),
        cmocka_unit_test(what_is_sent_in_earnest),
    };
    const struct rlimit stack = {1 << 20, 1 << 20}; /* what fits in less fits always */
    if (setrlimit(RLIMIT_STACK, &stack) < 0) {
        return 1;
    }
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
