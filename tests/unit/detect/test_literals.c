/* SPDX-License-Identifier: Apache-2.0
 * test_literals.c: an expression that matches a text always has one of its pieces there. PCRE2
 * says what matches.
 */
#include "detect/literals.h"
#include "detect/pattern.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

struct one {
    struct literals *literals;
    struct pattern *pattern;
    int set;
};

static void open_one(struct one *o, const char *expression)
{
    char why[200];
    *o = (struct one){.literals = literals_new()};
    o->set = literals_add(o->literals, str_c(expression));
    assert_int_equal(pattern_new(str_c(expression), true, why, sizeof why, &o->pattern), 0);
}

static void close_one(struct one *o)
{
    literals_free(o->literals);
    pattern_free(o->pattern);
}

static bool is_present(const struct one *o, struct str text)
{
    static bool present[LITERALS_SETS_MAX];
    literals_look(o->literals, text, present);
    return o->set >= 0 && present[o->set];
}

static void pieces(void **state)
{
    static const struct {
        const char *expression, *with, *without; /* with NULL: it needs no piece */
    } rows[] = {
        {"(?<![\\w-])(?-i:((?:AKIA|ASIA)[A-Z2-7]{16}|AIza[A-Za-z0-9_-]{35}))", "xx AKIA",
         "xx akxa"},
        {"hv[sbr]\\.[a-z]{3}", "hvb.", "hvx."},
        {"gh[pousr]_x", "GHO_X", "gha_x"},
        {"redis+s?://", "rediss://", "redi://"},
        {"[A-Z]{3}[0-9]Q~[a-z]", "q~", "q-"},
        {"colou?r", "COLOR", "colr"},
        {"(ab)?cde", "cde", "abcd"},
        {"abc*", NULL, "ab"},
        {"(?:postgres(?:ql)?|mysql)://", "mysql://", "sql://"},
        {"aab{2}c", "xaab", "abbc"},
        {"abc{0,3}d", NULL, ""},
        {"a|bcd", NULL, ""},
        {"(?=abcd)x", NULL, ""},
        {"\\x41bcd", NULL, ""},
        {"\\d+abc\\.d", "abc.d", "abcd"},
        {"[^abc]def", "def", "de"},
        {"[]x]yz", "]yz", "yz"},
        {"(?i:abc)|def", "def", "de"},
        {"(?<name>abc)", NULL, ""},
        {"a.c", NULL, ""},
        {"", NULL, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct one o;
        open_one(&o, rows[i].expression);
        if ((o.set >= 0) != (rows[i].with != NULL) ||
            (rows[i].with && !is_present(&o, str_c(rows[i].with))) ||
            is_present(&o, str_c(rows[i].without))) {
            fail_msg("%s: set %d", rows[i].expression, o.set);
        }
        close_one(&o);
    }
}

/* Texts of the characters of the expression, so that many match. */
static void never_left_out(void **state)
{
    static const char *const expressions[] = {
        "ab[ab]a(?:b|ba)?",
        "(?:ab|ba)+a{2,3}b",
        "(a|b[ab])(aa|b)?ab",
        "a(?:b(?:a|bb)|ab)a",
        "(?:aab?|ba{2})b*ab",
        "[ab]ab[ab]?ba",
        "a+?bab",
        "(?<!a)bab(?!b)",
        "ab(?=a)abb?",
        "(?:ab){2}|bba",
        "a?b?a?bab",
        "(a(b(a|b)a)?b)ab",
        "b(?:ab|b)(?:a|)ba",
    };
    unsigned matched = 0;
    srand(22);
    for (size_t i = 0; i < ARRAY_LEN(expressions); i++) {
        struct one o;
        open_one(&o, expressions[i]);
        for (int round = 0; round < 3000; round++) {
            char text[12];
            size_t at, n, length = 1 + (size_t)rand() % sizeof text;
            for (size_t k = 0; k < length; k++) {
                text[k] = "abAB"[rand() % 4];
            }
            struct str s = str_from(text, length);
            bool matches = pattern_find(o.pattern, s, 0, &at, &n) == 1;
            matched += matches;
            if (matches && o.set >= 0 && !is_present(&o, s)) {
                fail_msg("%s: " STR_FMT, expressions[i], STR_ARG(s));
            }
        }
        close_one(&o);
    }
    assert_true(matched > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces), cmocka_unit_test(never_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
