/* SPDX-License-Identifier: Apache-2.0
 * test_domain.c: canonical names. Expected values from UTS 46 (IdnaTestV2), RFC 3492 7.1, RFC
 * 5890 to 5892, and from what IDNA libraries other than ours answer.
 */
#include "check.h"
#include "conf/conf.h"
#include "wire/address.h"
#include "mtasts/policy.h"
#include "policy/inbound.h"
#include "policy/rules.h"
#include "wire/domain.h"
#include "wire/section.h"

#include <stdio.h>

static void spellings(void **state)
{
    static const struct {
        const char *written, *canonical; /* NULL: no domain */
    } cases[] = {
        {"example.org", "example.org"},
        {"EXAMPLE.Org", "example.org"},  /* RFC 1035 2.3.3 */
        {"example.org.", "example.org"}, /* the root's dot */
        {"example.org..", NULL},
        {".example.org", NULL},
        {"a..b", NULL},
        {".", NULL},
        {"", NULL},
        {"localhost", "localhost"},
        /* postfix: such names are in DNS and get mail */
        {"my_host.example", "my_host.example"},
        /* IdnaTestV2 refuses it; DNS has it */
        {"r3---sn-apo3qvuoxuxbt-j5pe.example", "r3---sn-apo3qvuoxuxbt-j5pe.example"},
        {"r3---sn.m\xc3\xbcller.example", "r3---sn.xn--mller-kva.example"},
        {"m\xc3\xbcller.example", "xn--mller-kva.example"},
        {"M\xc3\x9cLLER.Example", "xn--mller-kva.example"},
        {"m\xc3\x9cller.example", "xn--mller-kva.example"},
        {"mu\xcc\x88ller.example", "xn--mller-kva.example"}, /* not NFC */
        {"XN--MLLER-KVA.example", "xn--mller-kva.example"},
        {"xn--mller-kva.example.", "xn--mller-kva.example"},
        {"b\xc3\xbc"
         "cher.de",
         "xn--bcher-kva.de"},               /* IdnaTestV2 */
        {"fa\xc3\x9f.de", "xn--fa-hia.de"}, /* IdnaTestV2: non-transitional... */
        {"fu\xc3\x9f"
         "ball.test",
         "xn--fuball-cta.test"}, /* PHPMailer/PHPMailer#2563 */
        /* hestiacp/hestiacp#3599 */
        {"\xd0\xb4\xd0\xbe\xd0\xbc\xd0\xb5\xd0\xbd.\xd1\x80\xd1\x84", "xn--d1acufc.xn--p1ai"},
        /* trusteddomainproject/OpenDKIM#139: final sigma stays; A-labels by Python */
        {"\xce\xba\xce\xbb\xce\xb1\xcf\x81\xce\xb1-\xcf\x83\xcf\x89\xce\xbb\xce\xb9\xcf\x82."
         "\xce\xb5\xcf\x85",
         "xn----ylba7abgd9bnh0e.xn--qxa6a"},
        /* kjd/idna#59 wants it, "_" beside other letters; A-label by Python */
        {"\xd0\xb4_\xd1\x80\xd1\x83\xd0\xb3\xd0\xbe\xd0\xb9\xd1\x82\xd0\xb5\xd1\x81\xd1\x82.test",
         "xn--_-ftbbgt3ammhce.test"},
        /* mail-in-a-box/mailinabox#1214: symbols, reachable as it is in DNS */
        {"xn--sw8hj0a.ws", "xn--sw8hj0a.ws"},
        {"r2---sn-huoa-cvhl.test", "r2---sn-huoa-cvhl.test"}, /* kjd/idna#27 */
        {"fass.de", "fass.de"},                               /* ...so another domain */
        /* fullwidth */
        {"\xef\xbd\x85\xef\xbd\x98\xef\xbd\x81\xef\xbd\x8d\xef\xbd\x90\xef\xbd\x8c\xef\xbd\x85.com",
         "example.com"},
        {"example\xe3\x80\x82org", "example.org"},             /* U+3002 */
        {"example\xef\xbc\x8eorg", "example.org"},             /* U+FF0E */
        {"example\xef\xbd\xa1org\xe3\x80\x82", "example.org"}, /* U+FF61 */
        {"m\xc3\xbcller\xe3\x80\x82"
         "example",
         "xn--mller-kva.example"},
        /* ZWJ where RFC 5892 A.2 permits it */
        {"\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7.example", "xn--11b2ezcw70k.example"},
        {"a\xe2\x80\x8d"
         "b.example",
         NULL}, /* and where it does not */
        {"a\xe2\x80\x8c"
         "b.example",
         NULL},
        {"a\xc2\xad"
         "b.example",
         "ab.example"}, /* soft hyphen: ignored */
        {"\xc2\xad.example", NULL},
        /* RFC 5893: begins with a number, goes right to left */
        {"1\xd7\x90.example", NULL},
        {"a\xe2\x92\x88"
         "b.example",
         NULL},                          /* U+2488, "1." */
        {"\xef\xbc\xa0.example", NULL},  /* fullwidth @ */
        {"a\xef\xbc\x9d.example", NULL}, /* fullwidth = */
        {"a b.example", NULL},
        {"a\xc2\xa0"
         "b.example",
         NULL}, /* no-break space */
        {"a@b.example", NULL},
        {"=inside", NULL},
        {"\xff\xfe.example", NULL},         /* no UTF-8 */
        {"xn--a.example", "xn--a.example"}, /* stands for nothing; DNS may have it */
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
        if ((r == 0) != (cases[i].canonical != NULL) ||
            (r == 0 && strcmp(d.canonical, cases[i].canonical) != 0)) {
            fail_msg("%s: %s", cases[i].written, r == 0 ? d.canonical : "no domain");
        }
        assert_true(r == 0 || domain_is_none(d));
        assert_true(r < 0 || (domain_parse(domain_str(&d), &again) == 0 && domain_eq(d, again)));
    }
    struct domain_name d;
    assert_int_equal(domain_parse(STR("a\0b"), &d), -EINVAL);
}

/* RFC 1035 2.3.4: 63 octets a label, 253 without the root's dot; counted where DNS counts, in
 * A-labels. */
static void lengths(void **state)
{
    char label[65], text[600];
    struct domain_name d;
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
    assert_int_equal(domain_pattern_parse(STR(".M\xc3\xbcller.example"), &p), 0);
    assert_true(domain_covers(&p, domain_from(STR("a.XN--MLLER-KVA.example."))) > 0);
    assert_true(domain_covers(&p, domain_from(STR("a.m\xc3\x9cller\xe3\x80\x82"
                                                  "example"))) > 0);
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
    assert_int_equal(address_canonical(STR("J.Doe@M\xc3\xbcLLER.example."), text, sizeof text), 0);
    assert_string_equal(text, "J.Doe@xn--mller-kva.example");
    assert_int_equal(address_canonical(STR("\"a@b\"@Example.ORG"), text, sizeof text), 0);
    assert_string_equal(text, "\"a@b\"@example.org");
    assert_int_equal(address_canonical(STR("a@a\xe2\x80\x8d"
                                           "b.example"),
                                       text, sizeof text),
                     -EINVAL);
    assert_true(
        address_same(STR("J.Doe@m\xc3\xbcller.example"), STR("j.doe@XN--mller-KVA.example")));
    assert_false(address_same(STR("j.doe@fass.de"), STR("j.doe@fa\xc3\x9f.de")));
    assert_false(address_same(STR(""), STR("a@b")));
    assert_string_equal(address_key(STR("Anna")).text, "anna");
    assert_true(domain_is_none(domain_of(STR("postmaster"))));
    assert_true(domain_eq(domain_of(STR("a@-\xe2\x80\x8d-")), domain_word("=invalid")));
    assert_false(domain_is_name(domain_of(STR("a@"))));
}

/* What need not be quoted is the same without quotes; what must be is not.
 * RFC 5321 4.1.2 MUST: all quoted forms of a local part are the same */
static void quoted_forms_are_one(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {{"\"joe\"@x.test", "joe@x.test", true},
                {"\"Joe.Bloggs\"@x.test", "joe.bloggs@X.test", true},
                {"\"j\\oe\"@x.test", "joe@x.test", true},
                {"\"a\\ b\"@x.test", "\"a b\"@x.test", true},
                {"\"a\\\"b\"@x.test", "\"ab\"@x.test", false},
                {"\"a@b\"@x.test", "a@b@x.test", false},
                {"\"a b\"@x.test", "a b@x.test", false},
                {"\"\"@x.test", "@x.test", false},
                {"\"joe\"@x.test", "\"jo\"@x.test", false},
                {"\"joe@x.test", "joe@x.test", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (address_same(str_c(rows[i].a), str_c(rows[i].b)) != rows[i].same) {
            fail_msg("%s, %s", rows[i].a, rows[i].b);
        }
    }
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
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        domain_show(domain_from(str_c(cases[i][0])), text, sizeof text);
        assert_string_equal(text, cases[i][1]);
    }
}

/* Every place of the pure parts that compares a domain, with every spelling of one name, and
 * with names that are another. */
static const char *const same_names[] = {
    "m\xc3\xbcller.example",
    "M\xc3\x9cLLER.Example",
    "mu\xcc\x88ller.example",
    "xn--mller-kva.example",
    "XN--MLLER-KVA.EXAMPLE",
    "m\xc3\xbcller.example.",
    "m\xc3\xbcller\xe3\x80\x82"
    "example",
    "\xef\xbd\x8d\xc3\xbcller\xef\xbc\x8e"
    "example",
};
static const char *const other_names[] = {
    "mller.example", "mueller.example", "muller.example", "xn--mller-kvb.example", "example", "",
};

static bool route_is(const struct conf *c, const char *address, const char *hop)
{
    struct route r;
    rules_route(c, STR("nurse@inside.example"), str_c(address), &r);
    return strcmp(r.next_hop.canonical, hop) == 0;
}

static bool lists(const struct conf *c, const char *group, const char *address)
{
    for (size_t i = 0; i < c->n_groups; i++) {
        if (strcmp(c->groups[i].name, group) == 0) {
            return conf_list_has(c, &c->groups[i].members, str_c(address), STR(""), STR(""));
        }
    }
    return false;
}

static bool group_login(const struct conf *c, const char *login)
{
    return conf_list_has(c, &c->groups[3].members, STR("x@other.example"), str_c(login), STR(""));
}

static bool group_certificate(const struct conf *c, const char *name)
{
    return conf_list_has(c, &c->groups[4].members, STR("x@other.example"), STR(""), str_c(name));
}

static bool inbound_refuses(const struct conf *c, struct inbound_facts f)
{
    struct inbound_verdict v;
    inbound_judge(c, &f, &v);
    return v.rule != NULL;
}

static bool inbound_takes(const struct conf *c, const char *certificate_name)
{
    return !inbound_refuses(c, (struct inbound_facts){
                                   .client_ip = STR("192.0.2.1"),
                                   .knows_sender = true,
                                   .reverse_path = STR("a@xn--mller-kva.example"),
                                   .in_tls = true,
                                   .has_certificate = true,
                                   .certificate_ok = true,
                                   .names = str_c(certificate_name),
                               });
}

static bool inbound_is_about(const struct conf *c, const char *helo)
{
    return inbound_refuses(c, (struct inbound_facts){.client_ip = STR("192.0.2.1"),
                                                     .helo = str_c(helo)});
}

static bool removes_claim(const char *name)
{
    char field[300];
    struct section_done done;
    struct buf out = BUF_INIT(4096);
    snprintf(field, sizeof field, "Authentication-Results: %s; dkim=pass\r\n\r\n", name);
    const struct section_change change = {.authserv_id = STR("xn--mller-kva.example")};
    assert_int_equal(section_write(str_c(field), &change, &out, &done), 0);
    buf_free(&out);
    return done.removed == 1;
}

/* One row of the table of a name: what each place says of it. */
static void check_places(const struct conf *c, const char *name, bool same)
{
    char a[300], below[300];
    snprintf(a, sizeof a, "Anna@%s", name);
    snprintf(below, sizeof below, "Anna@x.%s", name);
    struct domain_name d = domain_from(str_c(name));
    const struct {
        const char *place;
        bool says;
    } places[] = {
        {"partner", conf_partner_for(c, d) != NULL},
        {"inside", conf_is_inside(c, d)},
        {"monitor", conf_domain_listed(&c->monitor.domains, d)},
        {"list: @domain", lists(c, "domain", a)},
        {"list: @.suffix", *name && lists(c, "below", below)},
        {"list: address", lists(c, "address", a)},
        {"list: login", group_login(c, a)},
        {"list: cert", group_certificate(c, name)},
        {"forward", conf_forward_of(c, str_c(a)) != NULL},
        {"oidc", domain_eq(d, domain_kept(str_c(c->oidc[0].name)))},
        {"route: inside", *name && route_is(c, a, "=inside")},
        {"route: reports of others",
         route_is(c, a, "=tlsrpt") || (*name && route_is(c, a, "=inside"))},
        {"inbound: certificate", inbound_takes(c, name)},
        {"inbound: helo", inbound_is_about(c, name)},
        {"MTA-STS: mx", sts_policy_covers(STR("xn--mller-kva.example\n"), d)},
        {"authserv-id", removes_claim(name)},
        {"portal: address", address_same(str_c(a), STR("anna@xn--mller-kva.example"))},
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (places[i].says != same) {
            fail_msg("%s: \"%s\" counts as %s", places[i].place, name,
                     same ? "another name" : "the same");
        }
    }
}

/* Each spelling in the configuration against each in the mail. */
static void every_place(void **state)
{
    for (size_t k = 0; k < ARRAY_LEN(same_names); k++) {
        char text[4096];
        const char *n = same_names[k];
        struct buf problems = BUF_INIT(4096);
        struct conf *c;
        snprintf(text, sizeof text,
                 "hostname gw.example; listen smtp { address 127.0.0.1:25; }\n"
                 "inside { domains \"%s\"; deliver-to 127.0.0.1:26; }\n"
                 "monitor { domains \"%s\"; }\n"
                 "partner \"p\" { domains \"%s\"; outbound require cert; inbound require cert; "
                 "inbound-helo \"%s\"; inbound-names \"%s\"; }\n"
                 "group \"domain\" { members \"@%s\"; }\n"
                 "group \"below\" { members \"@.%s\"; }\n"
                 "group \"address\" { members \"anna@%s\"; }\n"
                 "group \"login\" { members \"login:anna@%s\"; }\n"
                 "group \"cert\" { members \"cert:%s\"; }\n"
                 "forward \"anna@%s\" { to x@other.example; }\n"
                 "portal { url https://gw.example; from \"secure@%s\"; proxy-address "
                 "127.0.0.1:8080; proxies 127.0.0.1/32; }\n"
                 "oidc \"%s\" { issuer https://login.example; client-id x; }\n",
                 n, n, n, n, n, n, n, n, n, n, n, n, n);
        if (conf_parse(str_c(text), "spellings", &problems, &c) < 0) {
            fail_msg("%s: " STR_FMT, n, STR_ARG(buf_str(&problems)));
        }
        for (size_t i = 0; i < ARRAY_LEN(same_names); i++) {
            check_places(c, same_names[i], true);
        }
        for (size_t i = 0; i < ARRAY_LEN(other_names); i++) {
            check_places(c, other_names[i], false);
        }
        conf_free(c);
        buf_free(&problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings),
        cmocka_unit_test(lengths),
        cmocka_unit_test(patterns),
        cmocka_unit_test(addresses),
        cmocka_unit_test(shown),
        cmocka_unit_test(every_place),
        cmocka_unit_test(quoted_forms_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
