/* SPDX-License-Identifier: Apache-2.0
 * test_log.c: the text of a line of the log: what is too long for it, and what is said of a broken
 * contract.
 */
#include "base/log.h"
#include "check.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXTS = 30, TEXT = 600 };

/* key=value, a value in quotes where it is no plain word (brandur.org/logfmt). The number of
 * pairs; 0: it is none. */
static size_t logfmt_pairs(const char *p, const char *end)
{
    size_t pairs = 0;
    while (p < end) {
        const char *equals = memchr(p, '=', (size_t)(end - p));
        if (!equals || equals == p || memchr(p, ' ', (size_t)(equals - p))) {
            return 0;
        }
        p = equals + 1;
        if (p < end && *p == '"') {
            for (p++; p < end && *p != '"'; p += *p == '\\' ? 2 : 1) {
            }
            if (p >= end) {
                return 0;
            }
            p++;
        }
        while (p < end && *p != ' ') {
            p++;
        }
        p += p < end;
        pairs++;
    }
    return pairs;
}

/* RFC 8259 as jansson reads it, each name once. The number of members; 0: it is none. */
static size_t json_members(const char *line, size_t n)
{
    json_error_t error;
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
    size_t members = json_object_size(object);
    json_decref(object);
    return members;
}

/* Forty fields of which each octet may take six: what does not fit is left out whole, and the
 * line says so. */
static void a_line_that_is_cut_is_still_a_line(void **state)
{
    static char text[TEXT], line[LOG_LINE_MAX];
    static char keys[TEXTS][8];
    static struct log_handed h;
    for (size_t of_text = 0; of_text <= TEXT; of_text += of_text < 300 ? 1 : 50) {
        struct log_field f[TEXTS + 1];
        memset(text, '\x01', sizeof text);
        for (size_t i = 0; i < TEXTS; i++) {
            snprintf(keys[i], sizeof keys[i], "k%zu", i);
            f[i] = KVS(keys[i], str_from(text, of_text));
        }
        f[TEXTS] = KVN("last", 7);
        for (enum log_format format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_HANDED; format++) {
            size_t n = log_render(line, sizeof line, format, 1, LOG_LEVEL_INFO, "web-0", "said", f,
                                  ARRAY_LEN(f)),
                   fields = 0;
            bool is_cut = memmem(line, n, "cut", 3) != NULL;
            assert_true(n <= sizeof line);
            if (format == LOG_FORMAT_HANDED) {
                assert_int_equal(log_handed_read(str_from(line, n), &h), 0);
                fields = h.n;
            } else {
                fields = format == LOG_FORMAT_JSON ? json_members(line, n)
                                                   : logfmt_pairs(line, line + n);
                assert_true(fields > 4);
                fields -= 4; /* time, level, process, event */
            }
            assert_true(n + 20 > sizeof line ||
                        memmem(line, n, format == LOG_FORMAT_JSON ? "last\":7" : " last=7", 7));
            assert_true(is_cut ? fields < ARRAY_LEN(f) + 1 : fields == ARRAY_LEN(f));
            assert_true(!is_cut || of_text > 30);
            if (of_text > 300) {
                const char *mark = format == LOG_FORMAT_JSON ? ",\"cut\":1}" : " cut=1";
                assert_memory_equal(line + n - strlen(mark), mark, strlen(mark));
            }
        }
    }
}

/* A line that was cut when it was handed over, and is cut again: told once. */
static void a_line_is_cut_twice_and_says_so_once(void **state)
{
    static char text[500], line[LOG_LINE_MAX];
    memset(text, '\xff', sizeof text);
    const struct str s = str_from(text, sizeof text);
    const struct log_field f[] = {KVS("a", s), KVS("b", s), KVS("c", s), KVN("cut", 1)};
    size_t n = log_render(line, sizeof line, LOG_FORMAT_JSON, 1, LOG_LEVEL_INFO, "web-0", "said", f,
                          ARRAY_LEN(f));
    assert_int_equal(json_members(line, n), 4 + 3);
}

/* A character is not cut in two (Unicode 15 3.9, D92): the first 511 octets are full, the next
 * one takes two. */
static void a_character_is_not_cut_in_two(void **state)
{
    char text[600], line[1024];
    memset(text, 'x', sizeof text);
    memcpy(text + 511, "\xc3\xa4", 2);
    const struct log_field f = KVS("t", str_from(text, sizeof text));
    size_t n = log_render(line, sizeof line, LOG_FORMAT_JSON, 1, LOG_LEVEL_INFO, "p", "e", &f, 1);
    assert_memory_equal(line + n - 6, "x...\"}", 6);
}

/* CVE-2021-42574: U+202E and its kind turn round what a terminal shows of a line; U+200B is not
 * seen at all. */
static void what_turns_a_line_round_is_escaped(void **state)
{
    static const char evil[] = "a\xe2\x80\xae"
                               "b\xe2\x81\xa6"
                               "c\xd8\x9c"
                               "d\xe2\x80\x8b"
                               "e \xd7\xa9\xc3\xa4";
    char line[1024];
    const struct log_field f = KVS("t", str_from(evil, sizeof evil - 1));
    size_t n = log_render(line, sizeof line, LOG_FORMAT_TEXT, 1, LOG_LEVEL_INFO, "p", "e", &f, 1);
    static const char want[] =
        " t=\"a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6c\\xd8\\x9cd\\xe2\\x80\\x8be \xd7\xa9\xc3\xa4\"";
    assert_true(n > sizeof want);
    assert_memory_equal(line + n - (sizeof want - 1), want, sizeof want - 1);
}

static void what_each_line_says_is_said_once(void **state)
{
    static struct log_handed h;
    assert_int_equal(log_handed_read(STR("3 1 said x=1 y=2"), &h), 0);
    assert_int_equal(log_handed_read(STR("3 1 said x=1 x=2"), &h), -EBADMSG);
    assert_int_equal(log_handed_read(STR("3 1 said x=1 y=\"\" x=\"\""), &h), -EBADMSG);
}

/* err.h: it ends the process, which says where; handed over it is a line as any other. */
static void a_broken_contract_is_an_error(void **state)
{
    for (int handed = 0; handed < 2; handed++) {
        static struct log_handed h;
        char got[1024];
        int file = memfd_create("log", MFD_CLOEXEC), status;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            (void)dup2(file, STDERR_FILENO);
            if (handed) {
                log_hand_over();
            }
            log_open("web-0", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, false);
            must(file == -5 && "a \"word\"");
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        ssize_t n = pread(file, got, sizeof got - 1, 0);
        assert_true(n > 0 && memchr(got, '\n', (size_t)n) == got + n - 1);
        got[n] = '\0';
        if (handed) {
            assert_int_equal(log_handed_read(str_from(got, (size_t)n - 1), &h), 0);
            assert_int_equal(h.level, LOG_LEVEL_ERROR);
            assert_string_equal(h.event, "contract-broken");
        } else {
            assert_non_null(
                strstr(got, "Z level=error process=web-0 event=contract-broken where="));
            assert_non_null(strstr(got, "test_log.c:"));
            assert_int_equal(logfmt_pairs(got, got + n - 1), 6);
        }
        close(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_is_cut_is_still_a_line),
        cmocka_unit_test(a_line_is_cut_twice_and_says_so_once),
        cmocka_unit_test(a_character_is_not_cut_in_two),
        cmocka_unit_test(what_turns_a_line_round_is_escaped),
        cmocka_unit_test(what_each_line_says_is_said_once),
        cmocka_unit_test(a_broken_contract_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
