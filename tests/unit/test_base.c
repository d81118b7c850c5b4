/* SPDX-License-Identifier: Apache-2.0
 * test_base.c: strings, buffers with a maximum, map, arena, log escaping.
 */
#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "check.h"

#include <stdio.h>

static void numbers(void **state)
{
    uint64_t n;
    assert_int_equal(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(str_to_u64(STR("18446744073709551616"), UINT64_MAX, &n), -ERANGE);
    assert_int_equal(str_to_u64(STR("256"), 255, &n), -ERANGE);
    static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "0x10", "1e3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(str_to_u64(str_c(bad[i]), 1000, &n), -EINVAL);
    }
}

static void splitting(void **state)
{
    struct str rest = STR("a,,b"), part;
    assert_true(str_split(&rest, ',', &part));
    check_str(part, "a");
    assert_true(str_split(&rest, ',', &part));
    check_str(part, "");
    assert_true(str_split(&rest, ',', &part));
    check_str(part, "b");
    assert_false(str_split(&rest, ',', &part));
}

static void case_is_ascii_only(void **state)
{
    assert_true(str_eq_nocase(STR("PostMaster"), STR("postmaster")));
    /* Ä and ä: octets, not letters */
    assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_int_equal(str_distance(STR("inside"), STR("insid")), 1);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
}

static void buffer_never_exceeds_its_maximum(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(10);
    assert_int_equal(buf_append(&b, "12345678", 8), 0);
    assert_int_equal(buf_append(&b, "abc", 3), -ENOSPC);
    check_str(buf_str(&b), "12345678");
    buf_consume(&b, 5);
    assert_int_equal(buf_append(&b, "abcdefg", 7), 0); /* room freed at the front counts */
    check_str(buf_str(&b), "678abcdefg");
    assert_int_equal(buf_printf(&b, "%d", 1), -ENOSPC);
    buf_consume(&b, 10);
    assert_int_equal(buf_len(&b), 0);
}

static void buffer_formats_with_and_without_room(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(400);
    char expected[600];
    assert_int_equal(buf_printf(&b, "%0255d", 7), 0); /* with its NUL exactly what is taken first */
    snprintf(expected, sizeof expected, "%0255d", 7);
    check_str(buf_str(&b), expected);
    assert_int_equal(buf_printf(&b, "%s", ""), 0);
    check_str(buf_str(&b), expected);
    assert_int_equal(buf_printf(&b, "-%d-", 42), 0); /* grows */
    snprintf(expected, sizeof expected, "%0255d-42-", 7);
    check_str(buf_str(&b), expected);
    buf_consume(&b, 255);
    assert_int_equal(buf_printf(&b, "%0390d", 1), 0); /* moves to the front */
    assert_int_equal(buf_len(&b), 394);
    check_str(str_slice(buf_str(&b), 0, 4), "-42-");
    check_str(str_trim_lines(STR(" \r\n\fa b\t\n")), "a b");
    assert_true(str_is_blank(STR("\ufffc\ufffc ")) && !str_is_blank(STR("\uff0e")));
    assert_true(str_has(STR("abc"), STR("bc")) && str_has(STR(""), STR("")) &&
                !str_has(STR("abc"), STR("B")) && !str_has(STR("ab"), STR("abc")));
    assert_true(str_has_nocase(STR("abc"), STR("BC")) && !str_has_nocase(STR("abc"), STR("bd")) &&
                str_has_nocase(STR("abc"), STR("abc")));
    assert_true(str_is_blank(STR("")) &&
                str_is_blank(STR(" \r\n\t\xc2\xa0\xe2\x80\x8b\xef\xbb\xbf")));
    assert_false(str_is_blank(STR(" \xc2\xa7")) || str_is_blank(STR("\xe2\x80")) ||
                 str_is_blank(STR(".")));
    check_str(str_trim(STR(" \ta\n")), "a\n");
    /* there is memory for it, but it is not allowed */
    assert_int_equal(buf_printf(&b, "123456"), -ENOSPC);
    assert_int_equal(buf_len(&b), 394);
}

static void buffer_blanks_what_stands_in_it(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(100);
    static const char zeros[6];
    buf_blank(&b);
    assert_int_equal(buf_append(&b, "secret", 6), 0);
    const char *p = b.p;
    buf_blank(&b);
    assert_int_equal(buf_len(&b), 0);
    assert_ptr_equal(b.p, p);
    assert_memory_equal(p, zeros, 6);
}

static void map_holds_and_forgets(void **state)
{
    struct map *m = map_new(5000);
    static int values[5000];
    for (uint64_t i = 0; i < 5000; i++) {
        assert_int_equal(map_put(m, map_id(&i), &values[i]), 0);
    }
    uint64_t extra = 5000;
    assert_int_equal(map_put(m, map_id(&extra), &values[0]), -ENOSPC);
    for (uint64_t i = 0; i < 5000; i += 2) {
        assert_ptr_equal(map_take(m, map_id(&i)), &values[i]);
    }
    assert_int_equal(map_len(m), 2500);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_ptr_equal(map_get(m, map_id(&i)), i % 2 ? &values[i] : NULL);
    }
    size_t cursor = 0, seen = 0;
    struct str key;
    void *value;
    while (map_next(m, &cursor, &key, &value)) {
        seen++;
    }
    assert_int_equal(seen, 2500);
    map_free(m);
}

static void arena_is_bounded(void **state)
{
    struct arena a = ARENA_INIT(4096);
    struct str copy;
    assert_int_equal(arena_copy(&a, STR("text"), &copy), 0);
    check_str(copy, "text");
    assert_non_null(arena_alloc(&a, 3000));
    assert_null(arena_alloc(&a, 2000));
    assert_null(arena_alloc(&a, SIZE_MAX - 4));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 4000));
    arena_reset(&a);
}

/* What a stranger can put into a field: CR LF, ESC, DEL, C1, U+2028, quotes, broken UTF-8. */
static void log_lines_cannot_be_forged(void **state)
{
    static const char evil[] =
        "a\r\nlevel=error event=forged \x1b[31m\x7f\xc2\x85\xe2\x80\xa8\"\\\xff\xc3(";
    char line[2048];
    for (int format = 0; format < 2; format++) {
        const struct log_field f[] = {KVS("evil", str_from(evil, sizeof evil - 1)), KVN("n", -5)};
        size_t n = log_render(line, sizeof line, (enum log_format)format, 0, LOG_LEVEL_INFO, "p",
                              "e", f, 2);
        for (size_t i = 0; i < n; i++) {
            assert_true((unsigned char)line[i] >= 0x20 && (unsigned char)line[i] < 0x7f);
        }
        line[n] = '\0';
        assert_non_null(strstr(line, format ? "\\u000d\\u000a" : "\\x0d\\x0a"));
        assert_non_null(strstr(line, format ? "\"n\":-5}" : " n=-5"));
        assert_non_null(strstr(line, "\\\"\\\\"));
    }
    const struct log_field plain[] = {KV("k", "v"), KV("empty", ""), KV("utf8", "\xc3\xa4")};
    size_t n = log_render(line, sizeof line, LOG_FORMAT_TEXT, 1795304887123, LOG_LEVEL_WARN,
                          "smtpin-0", "x", plain, 3);
    line[n] = '\0';
    assert_string_equal(line, "time=2026-11-21T23:48:07.123Z level=warn process=smtpin-0 event=x "
                              "k=v empty=\"\" utf8=\"\xc3\xa4\"");
}

static void long_values_are_cut(void **state)
{
    char big[3000], line[4096];
    memset(big, 'x', sizeof big);
    const struct log_field f[] = {KVS("big", str_from(big, sizeof big))};
    size_t n = log_render(line, sizeof line, LOG_FORMAT_TEXT, 0, LOG_LEVEL_INFO, "p", "e", f, 1);
    assert_true(n < 700);
    assert_memory_equal(line + n - 4, "...\"", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(splitting),
        cmocka_unit_test(case_is_ascii_only),
        cmocka_unit_test(buffer_never_exceeds_its_maximum),
        cmocka_unit_test(buffer_formats_with_and_without_room),
        cmocka_unit_test(buffer_blanks_what_stands_in_it),
        cmocka_unit_test(map_holds_and_forgets),
        cmocka_unit_test(arena_is_bounded),
        cmocka_unit_test(log_lines_cannot_be_forged),
        cmocka_unit_test(long_values_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
