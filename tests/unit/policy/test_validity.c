/* SPDX-License-Identifier: Apache-2.0
 * test_validity.c: when it is told that a certificate ends. Lifetimes as Let's Encrypt issues
 * them: 90 and 45 days, and 160 hours (spaze/michalspacek.cz#660); a third is where its clients
 * should have renewed.
 */
#include "../check.h"
#include "policy/validity.h"

#define HOUR (60 * 60 * 1000LL)
#define DAY  (24 * HOUR)

static void bounds(void **state)
{
    static const struct {
        int64_t lifetime, warning, left;
        bool soon;
    } rows[] = {
        /* the setting, where a third is more */
        {90 * DAY, 21 * DAY, 21 * DAY, false},
        {90 * DAY, 21 * DAY, 21 * DAY - 1, true},
        {365 * DAY, 14 * DAY, 14 * DAY, false},
        {365 * DAY, 14 * DAY, 14 * DAY - 1, true},
        /* a third, where the setting is more */
        {45 * DAY, 21 * DAY, 15 * DAY, false},
        {45 * DAY, 21 * DAY, 15 * DAY - 1, true},
        {160 * HOUR, 21 * DAY, 160 * HOUR, false},
        {160 * HOUR, 21 * DAY, 54 * HOUR, false},
        {160 * HOUR, 21 * DAY, 53 * HOUR, true},
        {160 * HOUR, 2 * DAY, 2 * DAY, false},
        {160 * HOUR, 2 * DAY, 2 * DAY - 1, true},
        /* both the same */
        {63 * DAY, 21 * DAY, 21 * DAY, false},
        {63 * DAY, 21 * DAY, 21 * DAY - 1, true},
        /* the end itself, and behind it */
        {90 * DAY, 21 * DAY, 0, true},
        {160 * HOUR, 1 * HOUR, -DAY, true},
        /* not yet valid */
        {90 * DAY, 21 * DAY, 100 * DAY, false},
    };
    int64_t now = 20000 * DAY;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct validity v = {.until_ms = now + rows[i].left};
        v.from_ms = v.until_ms - rows[i].lifetime;
        if (validity_ends_soon(v, rows[i].warning, now) != rows[i].soon) {
            fail_msg("row %zu", i);
        }
    }
}

/* No certificate, an unknown beginning, dates that are no lifetime: the setting alone. */
static void unknown_dates(void **state)
{
    int64_t now = 20000 * DAY;
    assert_false(validity_ends_soon((struct validity){0}, 21 * DAY, now));
    assert_true(validity_ends_soon((struct validity){0, now + 20 * DAY}, 21 * DAY, now));
    assert_false(validity_ends_soon((struct validity){0, now + 22 * DAY}, 21 * DAY, now));
    assert_true(
        validity_ends_soon((struct validity){now + 30 * DAY, now + 20 * DAY}, 21 * DAY, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bounds), cmocka_unit_test(unknown_dates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
