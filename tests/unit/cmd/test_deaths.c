/* SPDX-License-Identifier: Apache-2.0
 * test_deaths.c: when a child that died is started again. Issue 23, 2.6: within 5 s of a return
 * everything works as before; one that dies at once, for ever, does not keep the machine busy.
 */
#include "../check.h"
#include "cmd/posternd/deaths.h"

static void the_first_deaths_cost_no_pause(void **state)
{
    unsigned deaths = 0;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(deaths_pause_ms(&deaths, 0), 0);
    }
    assert_true(deaths_pause_ms(&deaths, 0) > 0);
}

static void one_that_cannot_live_is_tried_every_few_seconds(void **state)
{
    unsigned deaths = 0;
    int64_t last = 0, tries = 0, at = 0;
    for (; at < 60000; tries++) {
        int64_t pause = deaths_pause_ms(&deaths, 0);
        assert_true(pause >= last && pause < 5000);
        at += last = pause;
    }
    assert_true(tries < 40 && last >= 2000);
}

static void service_is_a_merit(void **state)
{
    unsigned deaths = 0;
    for (unsigned i = 0; i < 1000; i++) { /* killed again and again, by somebody who tests us */
        assert_int_equal(deaths_pause_ms(&deaths, 6000), 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        (void)deaths_pause_ms(&deaths, 0);
    }
    assert_int_equal(deaths_pause_ms(&deaths, 60000), 0);
}

/* waitpid(2): a status of 78 (CHILD_NEVER) stands in the second octet, a signal of that number
 * would in the first. */
static void only_who_never_served_ends_the_gateway(void **state)
{
    assert_true(deaths_for_good(78 << 8, false));
    assert_false(deaths_for_good(78 << 8, true));
    assert_false(deaths_for_good(1 << 8, false));
    assert_false(deaths_for_good(78, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_who_never_served_ends_the_gateway),
        cmocka_unit_test(the_first_deaths_cost_no_pause),
        cmocka_unit_test(one_that_cannot_live_is_tried_every_few_seconds),
        cmocka_unit_test(service_is_a_merit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
