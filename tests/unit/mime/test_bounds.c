/* SPDX-License-Identifier: Apache-2.0
 * test_bounds.c: small mails that cost a reader much (tests/mail/bombs.py makes them and names
 * the reports they come from): each is read within its time, what was cut is said at the part,
 * and what stands beside it is read.
 */
#include "base/clock.h"
#include "check.h"
#include "mime/mime.h"
#include "mime/reader.h"
#include "mime/view.h"
#include "sys/fence.h"
#include "sys/file.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Time of the processor: 1 s and a little for a mail of this size, thrice that with sanitizers. */
enum { COST_MAX_MS = 4000 };

static struct mime_reading *read_bomb(const char *name)
{
    char path[200];
    struct buf octets = BUF_INIT(8 << 20);
    snprintf(path, sizeof path, "tests/fixtures/bombs/%s.eml", name);
    assert_int_equal(file_read(path, &octets), 0);
    int64_t began = clock_cpu_ms();
    struct mime_reading *m = mime_read(buf_str(&octets), &mime_standard_limits);
    int64_t took = clock_cpu_ms() - began;
    if (took > COST_MAX_MS) {
        fail_msg("%s took %lld ms", name, (long long)took);
    }
    buf_free(&octets);
    return m;
}

static bool has_problem(const struct mime_reading *m, enum mime_problem_kind kind, const char *part)
{
    for (size_t i = 0; i < m->n_problems; i++) {
        if (m->problems[i].kind == kind && strncmp(m->problems[i].part, part, strlen(part)) == 0) {
            return true;
        }
    }
    return false;
}

static void bombs_are_cut_and_said(void **state)
{
    static const struct {
        const char *name;
        enum mime_problem_kind problem;
    } cases[] = {
        {"gz-name", MIME_LIMIT},   /* libarchive#2366, field F2 */
        {"gz-layers", MIME_LIMIT}, /* libarchive#660, Tarsnap#904 */
        {"gz-zeros", MIME_LIMIT},  /* goark/gpgpdump#43 */
        {"bz2-zeros", MIME_LIMIT}, /* libarchive#3050 */
        {"seven-zip-files", MIME_DAMAGED}, {"docx-entities", MIME_DAMAGED}, /* CVE-2003-1564 */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mime_reading *m = read_bomb(cases[i].name);
        if (!has_problem(m, cases[i].problem, "2") || has_problem(m, MIME_LIMIT, "1")) {
            fail_msg("%s: not said", cases[i].name);
        }
        assert_true(m->n_texts > 0); /* "hello" beside it */
        mime_reading_free(m);
    }
}

static void repeat(struct buf *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(buf_add(b, str_c(text)), 0);
    }
}

static size_t count(struct str in, const char *what)
{
    size_t n = 0;
    for (const char *p = in.p; (p = memmem(p, in.n - (size_t)(p - in.p), what, strlen(what)));
         p++) {
        n++;
    }
    return n;
}

/* A limit that nobody was told of: the files behind it are unread, and the message is not clean. */
static void files_in_a_text_have_a_limit(void **state)
{
    for (size_t files = 100; files <= 101; files++) {
        struct buf b = BUF_INIT(1 << 20);
        repeat(&b, "From: a@inside.test\r\nSubject: files\r\n\r\nhello\r\n", 1);
        repeat(&b, "begin 644 x.txt\r\n#0V%T\r\n`\r\nend\r\n", files); /* "Cat" */
        struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
        assert_int_equal(has_problem(m, MIME_LIMIT, ""), files > 100);
        mime_reading_free(m);
        buf_free(&b);
    }
}

#define PAGE \
    "From: a@inside.test\r\nSubject: table\r\nMIME-Version: 1.0\r\nContent-Type: " \
    "text/html\r\n\r\n"

/* Field F14, scripts/20-large-table.py 60000: the first part is shown, whole in its elements,
 * and that it was cut is said. */
static void a_large_table_is_shown_in_part(void **state)
{
    struct buf b = BUF_INIT(32 << 20);
    assert_int_equal(buf_add(&b, STR(PAGE "<p>TOP</p><table>")), 0);
    repeat(&b, "<tr><td>1</td><td>Name</td><td>the third of the cells in this row</td></tr>\r\n",
           60000);
    assert_int_equal(buf_add(&b, STR("</table><p>BOTTOM</p>\r\n")), 0);
    struct view *v = view_of_message(buf_str(&b));
    struct str html = buf_str(&v->html);
    assert_true(v->cut);
    assert_true(html.n > VIEW_HTML_MAX / 2 && buf_len(&v->text) > VIEW_TEXT_MAX / 2);
    assert_true(count(html, "TOP") == 1 && count(html, "BOTTOM") == 0);
    assert_true(count(html, "<td>") > 50000 && count(html, "<td>") == count(html, "</td>"));
    assert_int_equal(count(html, "<table>"), count(html, "</table>"));
    view_free(v);
    buf_free(&b);
}

/* Own: 3,000 rules for 10,000 paragraphs with 30 classes each; what is compared is counted. 93 s
 * before. */
static void sheets_that_cost_much(void **state)
{
    struct buf b = BUF_INIT(32 << 20);
    assert_int_equal(buf_add(&b, STR(PAGE "<style>")), 0);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(buf_printf(&b, ".a%d{padding:1px}", i), 0);
    }
    assert_int_equal(buf_add(&b, STR("</style>\r\n")), 0);
    repeat(&b,
           "<p class='a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 "
           "c5 c6 c7 c8 c9'>x</p>\r\n",
           10000);
    int64_t began = clock_cpu_ms();
    struct view *v = view_of_message(buf_str(&b));
    assert_in_range(clock_cpu_ms() - began, 0, COST_MAX_MS);
    assert_int_equal(count(buf_str(&v->html), "x</p>"), 10000);
    view_free(v);
    buf_free(&b);
}

/* Field F14: seventy tables in tables; browsers show them. */
static void text_deep_in_tables_is_shown(void **state)
{
    static const size_t depths[] = {70, 400, 20000};
    for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
        struct buf b = BUF_INIT(32 << 20);
        assert_int_equal(buf_add(&b, STR(PAGE)), 0);
        repeat(&b, "<table><tr><td>", depths[i]);
        assert_int_equal(buf_add(&b, STR("INNERMOST")), 0);
        repeat(&b, "</td></tr></table>", depths[i]);
        assert_int_equal(buf_add(&b, STR("BEHIND\r\n")), 0);
        struct view *v = view_of_message(buf_str(&b));
        assert_int_equal(count(buf_str(&v->html), "INNERMOST"), 1);
        assert_int_equal(count(buf_str(&v->html), "BEHIND"), 1);
        assert_int_equal(count(buf_str(&v->text), "INNERMOST"), 1);
        assert_int_equal(count(buf_str(&v->html), "<td>"), count(buf_str(&v->html), "</td>"));
        view_free(v);
        buf_free(&b);
    }
}

/* RUSTSEC-2026-0194 and CAPEC-229 describe the kind: the parser compares each name with those
 * before. whatwg/html#2872: each end tag is looked for in all that is open. Below the sizes of
 * bombs.py, as sanitizers are slow. */
static void pages_that_cost_much(void **state)
{
    static const struct {
        const char *begin, *first, *second;
        size_t n;
    } cases[] = {
        {"<p>seen", "<i>", "</u>", 50000},
        {"<p>seen</p><p ", "a=''\r\n", "b\r\n", 50000},
        {"<p>seen</p><p ", "a=\"\"", "b/c ", 50000},
        {"<p>seen</p>", "<!-- a ", "b -", 50000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT(32 << 20);
        assert_int_equal(buf_add(&b, STR(PAGE)), 0);
        assert_int_equal(buf_add(&b, str_c(cases[i].begin)), 0);
        for (size_t k = 0; k < cases[i].n && i == 1; k++) {
            assert_int_equal(buf_printf(&b, "a%zu\r\n", k), 0);
        }
        repeat(&b, cases[i].first, cases[i].n);
        repeat(&b, cases[i].second, cases[i].n);
        assert_int_equal(buf_add(&b, STR(">behind\r\n")), 0);
        int64_t began = clock_cpu_ms();
        struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
        assert_in_range(clock_cpu_ms() - began, 0, COST_MAX_MS);
        bool seen = false, behind = false;
        for (size_t k = 0; k < m->n_texts; k++) {
            seen |= count(buf_str(&m->texts[k].text), "seen") > 0;
            behind |= count(buf_str(&m->texts[k].text), "behind") > 0;
        }
        if (!seen || !behind) {
            fail_msg("page %zu: seen %d behind %d", i, seen, behind);
        }
        mime_reading_free(m);
        buf_free(&b);
    }
}

/* A library that does not come back ends the process, which posternd and the shell are told by
 * the signal. */
static void a_library_that_never_ends_is_ended(void **state)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        fence_clock(100);
        for (volatile unsigned n = 0;; n++) {
        }
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF);
}

/* Only without sanitizers: their malloc() takes its memory otherwise, and a great deal of it. */
static void memory_ends_at_the_fence(void **state)
{
#if !defined(__SANITIZE_ADDRESS__)
    fence_raise(16 << 20);
    void *small = malloc(1 << 20), *large = malloc(64 << 20);
    fence_lower();
    void *after = malloc(64 << 20);
    assert_true(small && !large && after);
    free(small);
    free(after);
#else
    skip(); /* its shadow takes terabytes; ./check runs this in the ordinary build, too */
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bombs_are_cut_and_said),
        cmocka_unit_test(files_in_a_text_have_a_limit),
        cmocka_unit_test(a_large_table_is_shown_in_part),
        cmocka_unit_test(text_deep_in_tables_is_shown),
        cmocka_unit_test(pages_that_cost_much),
        cmocka_unit_test(sheets_that_cost_much),
        cmocka_unit_test(a_library_that_never_ends_is_ended),
        cmocka_unit_test(memory_ends_at_the_fence),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
