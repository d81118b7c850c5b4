/* SPDX-License-Identifier: Apache-2.0
 * test_losses.c: one domain that lost its encryption, or many at once (docs/decision.md,
 * "Memory"), at scripted times.
 */
#include "../check.h"
#include "policy/losses.h"

#include <stdio.h>

#define MINUTE (60 * 1000LL)
#define HOUR   (60 * MINUTE)
static const int64_t t0 = 1000 * 24 * HOUR;

static struct domain_name name(int i)
{
    char text[32];
    snprintf(text, sizeof text, "d%d.example", i);
    return domain_from(str_c(text));
}

/* Five within the hour, ten minutes apart at most before the first is told alone: one alarm. */
static void many_within_the_hour(void **state)
{
    struct losses l = {.n = 0};
    for (int i = 0; i < 5; i++) {
        losses_add(&l, name(i), t0 + i * 2 * MINUTE);
        struct losses_told told = losses_settle(&l, t0 + i * 2 * MINUTE, HOUR);
        assert_int_equal(told.many_begin, i == 4);
        assert_int_equal(told.n_single, 0);
    }
    assert_true(losses_many(&l, t0 + 30 * MINUTE));
    assert_false(losses_settle(&l, t0 + 9 * MINUTE, HOUR).many_begin); /* once */
    assert_true(losses_settle(&l, t0 + 3 * HOUR, HOUR).many_end);
    assert_false(losses_many(&l, t0 + 3 * HOUR));
}

/* Told alone after ten minutes, and yet one of five within the hour. */
static void told_ones_count(void **state)
{
    struct losses l = {.n = 0};
    size_t singles = 0;
    bool many = false;
    for (int64_t at = 0; at < 60 * MINUTE; at += MINUTE) {
        if (at % (14 * MINUTE) == 0) {
            losses_add(&l, name((int)(at / MINUTE)), t0 + at);
        }
        struct losses_told told = losses_settle(&l, t0 + at, HOUR);
        singles += told.n_single;
        many |= told.many_begin;
    }
    assert_int_equal(singles, 4);
    assert_true(many); /* at 0, 14, 28, 42 and 56 minutes */
}

/* Four an hour are four alarms, however long it goes on. */
static void few_are_single(void **state)
{
    struct losses l = {.n = 0};
    size_t singles = 0;
    for (int i = 0; i < 40; i++) {
        losses_add(&l, name(i), t0 + i * 15 * MINUTE);
        for (int m = 0; m < 15; m++) {
            struct losses_told told = losses_settle(&l, t0 + (i * 15 + m) * MINUTE, HOUR);
            assert_false(told.many_begin);
            singles += told.n_single;
        }
    }
    assert_int_equal(singles, 40);
}

static void back_again(void **state)
{
    struct losses l = {.n = 0};
    for (int i = 0; i < 5; i++) {
        losses_add(&l, name(i % 4), t0); /* one twice is one */
    }
    assert_int_equal(l.n, 4);
    losses_drop(&l, name(2));
    assert_int_equal(l.n, 3);
    assert_false(losses_many(&l, t0));
    for (int i = 0; i < 200; i++) { /* more than are kept */
        losses_add(&l, name(i), t0);
    }
    assert_int_equal(l.n, LOSSES_MAX);
    assert_true(losses_settle(&l, t0, HOUR).many_begin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_within_the_hour),
        cmocka_unit_test(told_ones_count),
        cmocka_unit_test(few_are_single),
        cmocka_unit_test(back_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
