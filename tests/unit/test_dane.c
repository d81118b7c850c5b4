/* SPDX-License-Identifier: Apache-2.0
 * test_dane.c: which TLSA records count: RFC 7672 3.1 (usages), RFC 6698 2.1 and 4.1 (well-formed),
 * RFC 7671 9 (digest agility).
 */
#include "check.h"
#include "tls/dane.h"

/* Adds a record with n octets of data. */
static void add(struct buf *b, int usage, int selector, int matching, size_t n)
{
    const char head[5] = {
        (char)((n + 3) >> 8), (char)(n + 3), (char)usage, (char)selector, (char)matching,
    };
    assert_int_equal(buf_append(b, head, 5), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(buf_append(b, "x", 1), 0);
    }
}

static size_t usable(const int rows[][4], size_t n, bool *has_ta)
{
    struct buf b = BUF_INIT(64 * 1024);
    struct dane_set set;
    for (size_t i = 0; i < n; i++) {
        add(&b, rows[i][0], rows[i][1], rows[i][2], (size_t)rows[i][3]);
    }
    assert_int_equal(dane_read(buf_str(&b), &set), 0);
    assert_int_equal(set.n, n);
    *has_ta = set.has_ta;
    buf_free(&b);
    return set.n_usable;
}

/* RFC 7672 3.1.3 MAY: usages 0 and 1 are unusable */
static void one_by_one(void **state)
{
    static const struct {
        int row[4];
        size_t want;
    } rows[] = {
        {{3, 1, 1, 32}, 1},  {{3, 0, 1, 32}, 1},   {{2, 0, 1, 32}, 1}, {{2, 1, 2, 64}, 1},
        {{0, 1, 1, 32}, 0},  {{1, 1, 1, 32}, 0}, /* PKIX usages: RFC 7672 3.1.3 */
        {{4, 1, 1, 32}, 0},  {{255, 1, 1, 32}, 0}, {{3, 2, 1, 32}, 0}, {{3, 255, 1, 32}, 0},
        {{3, 1, 3, 32}, 0},  {{3, 1, 255, 32}, 0}, {{3, 1, 1, 31}, 0}, {{3, 1, 1, 33}, 0},
        {{3, 1, 1, 64}, 0},  {{3, 1, 2, 32}, 0},   {{3, 1, 1, 0}, 0},  {{3, 1, 0, 20}, 0},
        {{2, 0, 0, 100}, 0}, /* full data that is no key and no certificate */
    };
    bool ta;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const int(*row)[4] = &rows[i].row;
        if (usable(row, 1, &ta) != rows[i].want) {
            fail_msg("row %zu", i);
        }
    }
}

/* RFC 7672 5 MUST: digest agility (RFC 7671 9) */
static void agility(void **state)
{
    bool ta;
    /* per usage and selector the strongest digest; RFC 7671 9 */
    assert_int_equal(usable((const int[][4]){{3, 1, 1, 32}, {3, 1, 2, 64}}, 2, &ta), 1);
    assert_int_equal(usable((const int[][4]){{3, 1, 1, 32}, {3, 0, 2, 64}}, 2, &ta), 2);
    assert_int_equal(usable((const int[][4]){{3, 1, 1, 32}, {2, 1, 2, 64}}, 2, &ta), 2);
    assert_true(ta);
    assert_int_equal(
        usable((const int[][4]){{3, 1, 1, 32}, {3, 1, 1, 32}, {3, 1, 2, 64}, {3, 1, 2, 63}}, 4,
               &ta),
        1);
    /* a malformed stronger one does not push it out */
    assert_int_equal(usable((const int[][4]){{3, 1, 1, 32}, {3, 1, 2, 10}}, 2, &ta), 1);
    assert_false(ta);
}

static void framing(void **state)
{
    struct dane_set set;
    struct buf b = BUF_INIT(64 * 1024);
    char text[200];
    assert_int_equal(dane_read(STR(""), &set), 0);
    assert_int_equal(set.n, 0);
    assert_int_equal(dane_read(STR("\0"), &set), -EBADMSG);
    assert_int_equal(dane_read(STR("\0\5\3\1"), &set), -EBADMSG);
    /* RDATA too short to be a record: unusable, not an error */
    assert_int_equal(dane_read(STR("\0\2\3\1"), &set), 0);
    assert_int_equal(set.n, 1);
    assert_int_equal(set.n_usable, 0);
    for (int i = 0; i <= DANE_RECORDS_MAX; i++) {
        add(&b, 3, 1, 1, 32);
    }
    assert_int_equal(dane_read(buf_str(&b), &set), -EBADMSG);
    buf_free(&b);
    const struct dane_record r = {3, 1, 1, STR("\x01\xab"), true};
    dane_text(&r, text, sizeof text);
    assert_string_equal(text, "3 1 1 01ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_by_one),
        cmocka_unit_test(agility),
        cmocka_unit_test(framing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
