/* SPDX-License-Identifier: Apache-2.0
 * test_memory.c: the rules of "Memory, first look, monitor" (docs/decision.md), one by one.
 */
#include "check.h"
#include "mtasts/cache.h"
#include "policy/memory.h"

#define DAY (24 * 60 * 60 * 1000LL)
static const struct memory_rules rules = {
    .forget = 30 * DAY,
    .probe_lifetime = DAY,
    .ehlo_patience = DAY / 24,
};
static const int64_t t0 = 1000 * DAY;

static struct memory_change probe(struct store_domain *d, int64_t at, bool complete, bool offered)
{
    return memory_probed(d,
                         &(struct memory_probe){
                             .asked = 7,
                             .complete = complete,
                             .offered = offered,
                             .grade = offered ? GRADE_AUTH : GRADE_PLAIN,
                         },
                         false, at, &rules);
}

static void sightings(void **state)
{
    struct store_domain d = {.mailed_ms = t0};
    assert_false(memory_seen(&d, t0, &rules));
    memory_observed(&d, t0);
    assert_true(memory_seen(&d, t0, &rules));
    assert_true(memory_seen(&d, t0 + 29 * DAY, &rules));
    /* neither mailed nor offered for 30 days */
    assert_false(memory_seen(&d, t0 + 31 * DAY, &rules));
    d.mailed_ms = t0 + 25 * DAY;
    /* time alone never lowers a monitored domain */
    assert_true(memory_seen(&d, t0 + 50 * DAY, &rules));
    d.mailed_ms = 0;
    d.listed = true;
    assert_true(memory_seen(&d, t0 + 5000 * DAY, &rules));
}

static void looks(void **state)
{
    struct store_domain d = {0};
    assert_int_equal(memory_look_until(&d, &rules), 0);
    memory_looked(&d, &(struct memory_look){.complete = true, .asked = 7}, t0);
    assert_int_equal(d.look_asked, 7);
    assert_int_equal(memory_look_until(&d, &rules), t0 + DAY);
    assert_false(memory_seen(&d, t0, &rules));
    /* some servers were silent: nothing may rest on it */
    memory_looked(&d, &(struct memory_look){.asked = 7}, t0);
    assert_int_equal(memory_look_until(&d, &rules), 0);
    memory_looked(&d, &(struct memory_look){.complete = true}, t0); /* nobody knows whom it asked */
    assert_int_equal(memory_look_until(&d, &rules), 0);
    /* one offer anywhere is a sighting */
    memory_looked(&d, &(struct memory_look){.offered = true, .asked = 7}, t0);
    d.mailed_ms = t0;
    assert_true(memory_seen(&d, t0, &rules));
}

/* Servers that take HELO alone: nothing rests on the first look that finds it, and only on
 * another at the same ones later. */
static void helo_alone(void **state)
{
    static const struct memory_look alone = {.helo = true, .asked = 7},
                                    other = {.helo = true, .asked = 8}, silent = {.asked = 7},
                                    answered = {.complete = true, .asked = 7},
                                    counted = {
                                        .complete = true,
                                        .helo = true,
                                        .asked = 7,
                                    };
    struct store_domain d = {0};
    assert_int_equal(memory_helo_from(&d, t0, &rules), 0);
    memory_looked(&d, &alone, t0);
    assert_int_equal(memory_look_until(&d, &rules), 0);
    assert_int_equal(memory_helo_from(&d, t0, &rules), t0 + DAY / 24);
    memory_looked(&d, &silent, t0 + 1); /* says nothing about it */
    memory_looked(&d, &alone, t0 + 2);
    assert_int_equal(memory_helo_from(&d, t0 + 2, &rules), t0 + DAY / 24); /* since the first */
    memory_looked(&d, &counted, t0 + DAY / 24);
    assert_int_equal(memory_look_until(&d, &rules), t0 + DAY / 24 + DAY);
    /* so counts the next, too */
    assert_int_equal(memory_helo_from(&d, t0 + DAY, &rules), t0 + DAY / 24);
    assert_int_equal(memory_helo_from(&d, t0 + 9 * DAY, &rules), 0); /* too long ago */
    memory_looked(&d, &alone, t0 + 9 * DAY);
    assert_int_equal(memory_helo_from(&d, t0 + 9 * DAY, &rules), t0 + 9 * DAY + DAY / 24);
    memory_looked(&d, &other, t0 + 9 * DAY + 1);
    assert_int_equal(memory_helo_from(&d, t0 + 9 * DAY + 1, &rules), t0 + 9 * DAY + 1 + DAY / 24);
    memory_looked(&d, &answered, t0 + 9 * DAY + 2);
    assert_int_equal(memory_helo_from(&d, t0 + 9 * DAY + 3, &rules), 0);
}

static void lowering(void **state)
{
    struct store_domain d = {.mailed_ms = t0 + 20 * DAY};
    memory_observed(&d, t0);
    for (int i = 1; i <= 6; i++) {
        struct memory_change c = probe(&d, t0 + i * DAY, true, false);
        assert_false(c.lowered);
        assert_true(memory_seen(&d, t0 + i * DAY, &rules));
        assert_int_equal(c.raised & 1u << ALARM_LOST_TLS, i == 1 ? 1u << ALARM_LOST_TLS : 0);
    }
    assert_int_equal(d.negative_days, 6);
    /* the same day counts once */
    assert_int_equal(probe(&d, t0 + 6 * DAY + 1000, true, false).lowered, false);
    assert_int_equal(d.negative_days, 6);
    struct memory_change last = probe(&d, t0 + 7 * DAY, true, false);
    assert_true(last.lowered);
    assert_int_equal(last.cleared & 1u << ALARM_LOST_TLS, 1u << ALARM_LOST_TLS);
    assert_false(memory_seen(&d, t0 + 7 * DAY, &rules));
    memory_observed(&d, t0 + 8 * DAY); /* raising is immediate */
    assert_true(memory_seen(&d, t0 + 8 * DAY, &rules));
}

/* Looks every minute: the seven days stay days of the calendar. */
static void looks_are_not_days(void **state)
{
    struct store_domain d = {.listed = true};
    int64_t lowered_at = 0, minute = 60 * 1000;
    memory_observed(&d, t0);
    for (int64_t at = t0 + DAY / 2; at < t0 + 9 * DAY && !lowered_at; at += minute) {
        if (probe(&d, at, true, false).lowered) {
            lowered_at = at;
        }
    }
    assert_int_equal(lowered_at, t0 + 6 * DAY); /* days 0 to 6 */
    memory_observed(&d, t0 + 10 * DAY);
    for (int i = 1; i <= 6; i++) { /* a clock that jumps forward for weeks and back makes no days */
        assert_false(probe(&d, t0 + (i % 2 ? 60 : 11) * DAY + i, true, false).lowered);
    }
    assert_true(d.negative_days <= 2);
}

/* A sign of encryption between the looks begins the row again, DANE and MTA-STS as much as
 * STARTTLS. */
static void signs_break_the_row(void **state)
{
    struct store_domain d = {.listed = true};
    memory_observed(&d, t0);
    for (int i = 1; i <= 13; i++) {
        struct memory_probe p = {
            .complete = true,
            .tlsa_published = i == 4,
            .sts = i == 9 ? STS_STATE_ENFORCE : STS_STATE_NONE,
        };
        assert_false(memory_probed(&d, &p, false, t0 + i * DAY, &rules).lowered);
    }
    assert_int_equal(d.negative_days, 4);
}

static void no_evidence(void **state)
{
    struct store_domain d = {.listed = true};
    memory_observed(&d, t0);
    /* a server that does not answer proves nothing, and breaks the row */
    for (int i = 1; i <= 30; i++) {
        probe(&d, t0 + i * DAY, i % 7 != 0, false);
        assert_true(memory_seen(&d, t0 + i * DAY, &rules));
        assert_true(d.negative_days < 7);
    }
    d.negative_days = 0;
    for (int i = 31; i <= 45; i++) { /* DANE or MTA-STS is published */
        memory_probed(&d,
                      &(struct memory_probe){
                          .complete = true,
                          .tlsa_published = i % 2,
                          .sts = i % 2 ? 0 : 2,
                      },
                      false, t0 + i * DAY, &rules);
    }
    assert_true(memory_seen(&d, t0 + 45 * DAY, &rules));
    for (int i = 46; i <= 60; i++) { /* many domains lost it at once: nothing is unlearned */
        memory_probed(&d, &(struct memory_probe){.complete = true}, true, t0 + i * DAY, &rules);
    }
    assert_true(memory_seen(&d, t0 + 60 * DAY, &rules));
    for (int i = 61; i <= 70; i++) { /* an offer in between starts the count again */
        probe(&d, t0 + i * DAY, true, i == 66);
    }
    assert_true(memory_seen(&d, t0 + 70 * DAY, &rules));
}

static void confirmation(void **state)
{
    struct store_domain d = {.listed = true, .secure_mail = true};
    memory_observed(&d, t0);
    uint32_t raised = 0;
    for (int i = 1; i <= 9; i++) {
        raised |= probe(&d, t0 + i * DAY, true, false).raised;
    }
    assert_true(d.await_confirm && memory_seen(&d, t0 + 9 * DAY, &rules));
    assert_int_equal(raised & 1u << ALARM_UNLEARN, 1u << ALARM_UNLEARN);
    memory_confirm(&d, t0 + 9 * DAY);
    assert_false(memory_seen(&d, t0 + 9 * DAY, &rules));
}

static void alarms(void **state)
{
    struct store_domain d = {.listed = true};
    struct memory_probe p = {
        .complete = true,
        .offered = true,
        .grade = GRADE_AUTH,
        .tlsa_published = true,
        .sts = 2,
        .not_after_ms = t0 + 60 * DAY,
    };
    assert_int_equal(memory_probed(&d, &p, false, t0, &rules).raised, 0);
    p.not_after_ms = t0 + 13 * DAY;
    p.ends_soon = true;
    assert_int_equal(memory_probed(&d, &p, false, t0 + 1, &rules).raised, 1u << ALARM_EXPIRY);
    p.grade = GRADE_ENCRYPT;
    p.not_after_ms = t0 + 90 * DAY;
    p.ends_soon = false;
    struct memory_change c = memory_probed(&d, &p, false, t0 + 2, &rules);
    assert_int_equal(c.raised, 1u << ALARM_CERTIFICATE);
    assert_int_equal(c.cleared, 1u << ALARM_EXPIRY);
    assert_int_equal(memory_probed(&d, &p, false, t0 + 3, &rules).raised, 0); /* once */
    p.tlsa_bad = true;
    assert_int_equal(memory_probed(&d, &p, false, t0 + 4, &rules).raised, 1u << ALARM_DANE);
    p.tlsa_bad = p.tlsa_published = false;
    p.sts = 0;
    assert_int_equal(memory_probed(&d, &p, false, t0 + 5, &rules).raised,
                     1u << ALARM_DANE_GONE | 1u << ALARM_STS_GONE);
    p = (struct memory_probe){
        .complete = true,
        .offered = true,
        .grade = GRADE_AUTH,
        .tlsa_published = true,
        .sts = 2,
    };
    c = memory_probed(&d, &p, false, t0 + 6, &rules);
    assert_int_equal(c.cleared,
                     1u << ALARM_DANE_GONE | 1u << ALARM_STS_GONE | 1u << ALARM_CERTIFICATE);
    p = (struct memory_probe){0}; /* nobody answered: nothing is known, nothing changes */
    c = memory_probed(&d, &p, false, t0 + 7, &rules);
    assert_int_equal(c.raised | c.cleared, 0);
    assert_true(memory_seen(&d, t0 + 7, &rules));
}

/* A domain that ever offered encryption under any spelling has offered it. */
static void merging(void **state)
{
    struct store_domain a = {
        .offered_ms = t0,
        .looked_ms = t0 + 5,
        .look_complete = true,
        .look_asked = 7,
        .grade = GRADE_AUTH,
        .next_probe_ms = t0 + DAY,
    };
    struct store_domain b = {
        .offered_ms = t0 + 1,
        .lowered_ms = t0 + 2,
        .mailed_ms = t0 + 9,
        .grade = GRADE_PLAIN,
        .negative_days = 7,
        .secure_mail = true,
    };
    struct store_domain x = a, y = b;
    memory_merge(&x, &b);
    memory_merge(&y, &a);
    for (int i = 0; i < 2; i++) {
        const struct store_domain *m = i ? &y : &x;
        assert_true(memory_seen(m, t0 + 10, &rules));
        assert_int_equal(m->offered_ms, t0);
        assert_int_equal(memory_look_until(m, &rules), 0); /* the other was never looked at */
        assert_int_equal(m->grade, GRADE_PLAIN);
        assert_int_equal(m->negative_days, 0);
        assert_int_equal(m->mailed_ms, t0 + 9);
        assert_true(m->secure_mail);
    }
    x = y = a;
    memory_merge(&x, &a);
    assert_int_equal(memory_look_until(&x, &rules), t0 + 5 + DAY);
    y.look_asked = 8; /* each stands for others */
    memory_merge(&y, &a);
    assert_int_equal(memory_look_until(&y, &rules), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sightings),
        cmocka_unit_test(looks),
        cmocka_unit_test(helo_alone),
        cmocka_unit_test(lowering),
        cmocka_unit_test(looks_are_not_days),
        cmocka_unit_test(signs_break_the_row),
        cmocka_unit_test(no_evidence),
        cmocka_unit_test(confirmation),
        cmocka_unit_test(alarms),
        cmocka_unit_test(merging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
