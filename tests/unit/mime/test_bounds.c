/* SPDX-License-Identifier: Apache-2.0
 * test_bounds.c: small mails that cost a reader much (tests/mail/bombs.py makes them and names the reports they come from):
 * each is read within its time, what was cut is said at the part, and what stands beside it is read.
 */
#include "check.h"
#include "mime/mime.h"
#include "mime/reader.h"
#include "sys/fence.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>

/* Time of the processor: 1 s and a little for a mail of this size, thrice that with sanitizers. */
enum { COST_MAX_MS = 4000 };

static struct mime_reading *read_bomb(const char *name)
{
    char path[200];
    struct buf octets = BUF_INIT(8 << 20);
    snprintf(path, sizeof path, "tests/fixtures/bombs/%s.eml", name);
    assert_int_equal(file_read(path, &octets), 0);
    int64_t began = reader_cpu_ms();
    struct mime_reading *m = mime_read(buf_str(&octets), &mime_standard_limits);
    int64_t took = reader_cpu_ms() - began;
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
        {"gz-name", MIME_LIMIT},         /* libarchive#2366, field F2 */
        {"gz-layers", MIME_LIMIT},       /* libarchive#660, Tarsnap#904 */
        {"gz-zeros", MIME_LIMIT},        /* goark/gpgpdump#43 */
        {"bz2-zeros", MIME_LIMIT},       /* libarchive#3050 */
        {"seven-zip-files", MIME_DAMAGED},
        {"docx-entities", MIME_DAMAGED}, /* CVE-2003-1564 */
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
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bombs_are_cut_and_said), cmocka_unit_test(memory_ends_at_the_fence)};
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
