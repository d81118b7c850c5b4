/* SPDX-License-Identifier: Apache-2.0
 * test_domain.c: canonical names. Expected values from UTS 46 (IdnaTestV2), RFC 3492 7.1, RFC 5890 to 5892, and from what
 * IDNA libraries other than ours answer.
 */
#include "check.h"
#include "conf/conf.h"
#include "wire/address.h"
#include "wire/domain.h"

#include <stdio.h>

static void spellings(void **state)
{
    static const struct {
        const char *written, *canonical; /* NULL: no domain */
    } cases[] = {
        {"example.org", "example.org"},
        {"EXAMPLE.Org", "example.org"},                 /* RFC 1035 2.3.3 */
        {"example.org.", "example.org"},                /* the root's dot */
        {"example.org..", NULL},
        {".example.org", NULL},
        {"a..b", NULL},
        {".", NULL},
        {"", NULL},
        {"localhost", "localhost"},
        {"my_host.example", "my_host.example"},         /* postfix: such names are in DNS and get mail */
        {"r3---sn-apo3qvuoxuxbt-j5pe.example", "r3---sn-apo3qvuoxuxbt-j5pe.example"}, /* IdnaTestV2 refuses it; DNS has it */
        {"r3---sn.m\xc3\xbcller.example", "r3---sn.xn--mller-kva.example"},
        {"m\xc3\xbcller.example", "xn--mller-kva.example"},
        {"M\xc3\x9cLLER.Example", "xn--mller-kva.example"},
        {"m\xc3\x9cller.example", "xn--mller-kva.example"},
        {"mu\xcc\x88ller.example", "xn--mller-kva.example"}, /* not NFC */
        {"XN--MLLER-KVA.example", "xn--mller-kva.example"},
        {"xn--mller-kva.example.", "xn--mller-kva.example"},
        {"b\xc3\xbc" "cher.de", "xn--bcher-kva.de"},    /* IdnaTestV2 */
        {"fa\xc3\x9f.de", "xn--fa-hia.de"},             /* IdnaTestV2: non-transitional... */
        {"fass.de", "fass.de"},                         /* ...so another domain */
        {"\xef\xbd\x85\xef\xbd\x98\xef\xbd\x81\xef\xbd\x8d\xef\xbd\x90\xef\xbd\x8c\xef\xbd\x85.com", "example.com"}, /* fullwidth */
        {"example\xe3\x80\x82org", "example.org"},      /* U+3002 */
        {"example\xef\xbc\x8eorg", "example.org"},      /* U+FF0E */
        {"example\xef\xbd\xa1org\xe3\x80\x82", "example.org"}, /* U+FF61 */
        {"m\xc3\xbcller\xe3\x80\x82" "example", "xn--mller-kva.example"},
        {"\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7.example", "xn--11b2ezcw70k.example"}, /* ZWJ where RFC 5892 A.2 permits it */
        {"a\xe2\x80\x8d" "b.example", NULL},            /* and where it does not */
        {"a\xe2\x80\x8c" "b.example", NULL},
        {"a\xc2\xad" "b.example", "ab.example"},        /* soft hyphen: ignored */
        {"\xc2\xad.example", NULL},
        {"1\xd7\x90.example", NULL},                    /* RFC 5893: begins with a number, goes right to left */
        {"a\xe2\x92\x88" "b.example", NULL},            /* U+2488, "1." */
        {"\xef\xbc\xa0.example", NULL},                 /* fullwidth @ */
        {"a\xef\xbc\x9d.example", NULL},                /* fullwidth = */
        {"a b.example", NULL},
        {"a\xc2\xa0" "b.example", NULL},                /* no-break space */
        {"a@b.example", NULL},
        {"=inside", NULL},
        {"\xff\xfe.example", NULL},                     /* no UTF-8 */
        {"xn--a.example", "xn--a.example"},             /* stands for nothing; DNS may have it */
        {"xn--\xc3\xbc.example", NULL},
        {"\xef\xbd\x98n--mller-kva.example", "xn--mller-kva.example"}, /* fullwidth x */
        {"[192.0.2.1]", "[192.0.2.1]"},
        {"[IPv6:2001:DB8:0:0:0:0:0:1]", "[IPv6:2001:db8::1]"}, /* RFC 5952 4 */
        {"[ipv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
        {"[192.0.2.256]", NULL},
        {"[x]", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct domain_name d, again;
        int r = domain_parse(str_c(cases[i].written), &d);
        if ((r == 0) != (cases[i].canonical != NULL) || (r == 0 && strcmp(d.canonical, cases[i].canonical) != 0)) {
            fail_msg("%s: %s", cases[i].written, r == 0 ? d.canonical : "no domain");
        }
        assert_true(r == 0 || domain_is_none(d));
        assert_true(r < 0 || (domain_parse(domain_str(&d), &again) == 0 && domain_eq(d, again)));
    }
    struct domain_name d;
    assert_int_equal(domain_parse(STR("a\0b"), &d), -EINVAL);
}

/* RFC 1035 2.3.4: 63 octets a label, 253 without the root's dot; counted where DNS counts, in A-labels. */
static void lengths(void **state)
{
    char label[65], text[600];
    struct domain_name d;
    (void)state;
    memset(label, 'a', 64);
    label[64] = '\0';
    assert_int_equal(domain_parse(str_c(label), &d), -EINVAL);
    label[63] = '\0';
    assert_int_equal(domain_parse(str_c(label), &d), 0);
    snprintf(text, sizeof text, "%s.%s.%s.%.61s", label, label, label, label);
    assert_int_equal(domain_parse(str_c(text), &d), 0);
    assert_int_equal(d.n, 253);
    snprintf(text, sizeof text, "%s.%s.%s.%.61s.", label, label, label, label);
    assert_int_equal(domain_parse(str_c(text), &d), 0);
    snprintf(text, sizeof text, "%s.%s.%s.%.62s", label, label, label, label);
    assert_int_equal(domain_parse(str_c(text), &d), -EINVAL);
    snprintf(text, sizeof text, "\xc3\xbc%.58s", label); /* 60 octets of UTF-8, 66 as an A-label */
    assert_int_equal(domain_parse(str_c(text), &d), -EINVAL);
}

static void patterns(void **state)
{
    struct domain_pattern p;
    (void)state;
    assert_int_equal(domain_pattern_parse(STR(".M\xc3\xbcller.example"), &p), 0);
    assert_true(domain_covers(&p, domain_from(STR("a.XN--MLLER-KVA.example."))) > 0);
    assert_true(domain_covers(&p, domain_from(STR("a.m\xc3\x9cller\xe3\x80\x82" "example"))) > 0);
    assert_int_equal(domain_covers(&p, domain_from(STR("m\xc3\xbcller.example"))), 0);
    assert_int_equal(domain_covers(&p, domain_from(STR("axn--mller-kva.example"))), 0);
    assert_int_equal(domain_covers(&p, domain_word("=inside")), 0);
    assert_int_equal(domain_pattern_parse(STR("m\xc3\xbcller.example."), &p), 0);
    assert_true(domain_covers(&p, domain_from(STR("xn--mller-kva.example"))) == SIZE_MAX);
    assert_int_equal(domain_covers(&p, domain_from(STR(""))), 0);
    assert_int_equal(domain_pattern_parse(STR("."), &p), -EINVAL);
    assert_int_equal(domain_pattern_parse(STR(".[192.0.2.1]"), &p), -EINVAL);
}

static void addresses(void **state)
{
    char text[ADDRESS_KEY_SIZE];
    (void)state;
    assert_int_equal(address_canonical(STR("J.Doe@M\xc3\xbcLLER.example."), text, sizeof text), 0);
    assert_string_equal(text, "J.Doe@xn--mller-kva.example");
    assert_int_equal(address_canonical(STR("\"a@b\"@Example.ORG"), text, sizeof text), 0);
    assert_string_equal(text, "\"a@b\"@example.org");
    assert_int_equal(address_canonical(STR("a@a\xe2\x80\x8d" "b.example"), text, sizeof text), -EINVAL);
    assert_true(address_same(STR("J.Doe@m\xc3\xbcller.example"), STR("j.doe@XN--mller-KVA.example")));
    assert_false(address_same(STR("j.doe@fass.de"), STR("j.doe@fa\xc3\x9f.de")));
    assert_false(address_same(STR(""), STR("a@b")));
    assert_string_equal(address_key(STR("Anna")).text, "anna");
    assert_true(domain_is_none(domain_of(STR("postmaster"))));
    assert_true(domain_eq(domain_of(STR("a@-\xe2\x80\x8d-")), domain_word("=invalid")));
    assert_false(domain_is_name(domain_of(STR("a@"))));
}

static void shown(void **state)
{
    static const char *const cases[][2] = {
        {"xn--mller-kva.example", "m\xc3\xbcller.example"},
        {"xn--fa-hia.de", "fa\xc3\x9f.de"},
        {"example.org", "example.org"},
        {"xn--a.example", "xn--a.example"},
        {"xn--abc-.example", "xn--abc-.example"}, /* decodes to abc: not what it is */
    };
    char text[DOMAIN_SHOWN_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        domain_show(domain_from(str_c(cases[i][0])), text, sizeof text);
        assert_string_equal(text, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spellings), cmocka_unit_test(lengths), cmocka_unit_test(patterns),
                                       cmocka_unit_test(addresses), cmocka_unit_test(shown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
