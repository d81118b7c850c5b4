/* SPDX-License-Identifier: Apache-2.0
 * test_mx.c: MX records and their order (RFC 5321 5.1), names in A-labels.
 */
#include "check.h"
#include "dns/mx.h"

static void records(void **state)
{
    uint16_t preference;
    char name[256];
    assert_int_equal(mx_parse(STR("\0\x0a\2mx\4Test\0"), &preference, name, sizeof name), 0);
    assert_int_equal(preference, 10);
    assert_string_equal(name, "mx.test");
    assert_int_equal(mx_parse(STR("\0\0\0"), &preference, name, sizeof name), 0);
    assert_string_equal(name, "");
    assert_int_equal(mx_parse(STR("\0\0\2mx"), &preference, name, sizeof name), -EBADMSG);
    assert_int_equal(mx_parse(STR("\0\0\x40mx\0"), &preference, name, sizeof name), -EBADMSG);
    assert_int_equal(mx_parse(STR("\0\0\2m\n\0"), &preference, name, sizeof name), -EBADMSG);
    assert_int_equal(mx_parse(STR("\0\0\1m\0x"), &preference, name, sizeof name), -EBADMSG);
}

static bool is_own(void *arg, const char *host)
{
    return str_eq_nocase(str_c(host), STR("me.test"));
}

/* RFC 5321 5.1 MUST: hosts are sorted by preference
 * RFC 5321 5.1 MUST: equal ones are shuffled
 * RFC 5321 5.1 MUST: this host's names and addresses and all worse ones are dropped
 * RFC 7672 2.2.1 MUST: servers are sorted by preference
 * RFC 7672 2.2.1 MUST NOT: TLSA records do not bring a server forward */
static void order(void **state)
{
    static const struct mx_own own = {.has = is_own};
    int first_b = 0;
    for (int i = 0; i < 200; i++) {
        struct mx_result r = {.n_hosts = 4,
                              .hosts = {{.preference = 20, .host = {.name = "a"}},
                                        {.preference = 10, .host = {.name = "b"}},
                                        {.preference = 10, .host = {.name = "c"}},
                                        {.preference = 5, .host = {.name = "d"}}}};
        mx_order(&r, &own);
        assert_string_equal(r.hosts[0].host.name, "d");
        assert_string_equal(r.hosts[3].host.name, "a");
        first_b += r.hosts[1].host.name[0] == 'b';
    }
    assert_in_range(first_b, 60, 140); /* equals are shuffled */
    struct mx_result r = {.n_hosts = 3,
                          .hosts = {{.preference = 10, .host = {.name = "x"}},
                                    {.preference = 20, .host = {.name = "ME.test"}},
                                    {.preference = 20, .host = {.name = "y"}}}};
    mx_order(&r, &own);
    assert_int_equal(r.n_hosts, 1); /* we and what is not better than we are dropped */
    struct mx_result loop = {.n_hosts = 2,
                             .hosts = {{.preference = 10, .host = {.name = "me.test"}},
                                       {.preference = 20, .host = {.name = "y"}}}};
    mx_order(&loop, &own);
    assert_int_equal(loop.outcome, MX_LOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(records), cmocka_unit_test(order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
