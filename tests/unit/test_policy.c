/* SPDX-License-Identifier: Apache-2.0
 * test_policy.c: several hosts joined, routes and rules, names and codes of the reasons. The
 * decision itself is tested in exhaustive/.
 */
#include "check.h"
#include "policy/hop.h"
#include "policy/policy.h"
#include "policy/rules.h"

#include <stdio.h>

static struct verdict join(enum host_class a, enum host_class b)
{
    struct facts f = {.mx = MX_INSECURE};
    struct host_verdict hosts[] = {
        {.class = a, .reason = REASON_CONNECT},
        {.class = b, .reason = REASON_GRADE_TOO_LOW},
    };
    return policy_recipient(&f, hosts, 2);
}

static void several_hosts(void **state)
{
    assert_int_equal(join(HOST_TEMPORARY, HOST_SEND).action, ACTION_SEND);
    assert_int_equal(join(HOST_PERMANENT, HOST_PERMANENT).action, ACTION_BOUNCE);
    /* theirs if equal, else temporary */
    assert_int_equal(join(HOST_PERMANENT, HOST_TEMPORARY).action, ACTION_DEFER);
    assert_int_equal(join(HOST_TEMPORARY, HOST_CLEAR).action, ACTION_DEFER);
    struct facts f = {0};
    assert_int_equal(policy_recipient(&f, NULL, 0).action, ACTION_DEFER);
    /* what mail waits for is said, whoever else could not be reached */
    struct host_verdict hosts[] = {
        {.class = HOST_TEMPORARY, .reason = REASON_LOOK_INCOMPLETE},
        {.class = HOST_TEMPORARY, .reason = REASON_TLS_FAILED},
        {.class = HOST_TEMPORARY, .reason = REASON_CONNECT},
    };
    assert_int_equal(policy_recipient(&f, hosts, 3).reason, REASON_LOOK_INCOMPLETE);
    assert_int_equal(policy_recipient(&f, hosts + 1, 2).reason, REASON_TLS_FAILED);
}

/* What is demanded is said of who demands it, each with its own measure. */
static void who_demands_what(void **state)
{
    struct facts f = {
        .force = FORCE_ENCRYPT,
        .by_next_hop = true,
        .demand = DEMAND_SECURE,
        .counts = COUNTS_CERT,
        .seen = true,
        .mx = MX_SECURE,
    };
    struct requirement need = policy_requirement(&f);
    assert_int_equal(need.floor, GRADE_CERT);
    assert_int_equal(need.raised, RAISED(NEXT_HOP) | RAISED(DEMAND) | RAISED(MEMORY));
    assert_int_equal(need.by[RAISED_BIT_NEXT_HOP], GRADE_ENCRYPT);
    assert_int_equal(need.by[RAISED_BIT_DEMAND], GRADE_CERT);
    assert_int_equal(need.by[RAISED_BIT_MEMORY], GRADE_ENCRYPT);
    f.by_next_hop = false;
    assert_int_equal(policy_requirement(&f).raised & RAISED(RULE), RAISED(RULE));
}

static const char text[] =
    "hostname mx.test; listen smtp { address [::]:25; }\n"
    "inside { domains in.test; deliver-to [10.0.0.1]:2525 { tls encrypt; } }\n"
    "partner \"Bank\" { domains bank.test .bank.test in.test; outbound require cert; }\n";

static void routes(void **state)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    struct conf *c;
    struct route r;
    assert_int_equal(conf_parse(str_c(text), "t", &problems, &c), 0);
    rules_route(c, STR(""), STR("x@Out.Test"), &r);
    assert_string_equal(r.next_hop.canonical, "out.test");
    assert_int_equal(r.kind, ROUTE_MX);
    assert_int_equal(r.force, FORCE_NONE);
    rules_route(c, STR(""), STR("x@sub.bank.test"), &r);
    assert_int_equal(r.force, FORCE_CERT);
    assert_string_equal(r.rule, "Bank");
    rules_route(c, STR(""), STR("x@in.test"), &r);
    assert_string_equal(r.next_hop.canonical, "=inside");
    assert_string_equal(r.host, "10.0.0.1");
    assert_int_equal(r.port, 2525);
    assert_int_equal(r.force, FORCE_CERT); /* the maximum of both rules */
    assert_false(r.force_is_next_hop);
    /* of that server, whatever is named there later */
    assert_string_equal(r.memory.canonical, "=10.0.0.1:2525");
    rules_route(c, STR(""), STR("postmaster"), &r);
    assert_string_equal(r.next_hop.canonical, "=inside");
    assert_true(r.force == FORCE_ENCRYPT && r.force_is_next_hop && !r.rule);
    rules_raise(&r, FORCE_ENCRYPT); /* no more than the next hop wants already */
    assert_true(r.force_is_next_hop);
    rules_raise(&r, FORCE_AUTH);
    assert_true(r.force == FORCE_AUTH && !r.force_is_next_hop);
    rules_route(c, STR(""), STR("\"a@b\"@out.test"), &r);
    assert_string_equal(r.next_hop.canonical, "out.test");
    conf_free(c);
    assert_string_equal(rules_hop_memory("Mail.Test").canonical, "=mail.test");
    assert_string_equal(rules_hop_memory("mail.test:25").canonical, "=mail.test");
    assert_string_equal(rules_hop_memory("[2001:db8::1]:26").canonical, "=[2001:db8::1]:26");
    char host[64];
    uint16_t port = 25;
    rules_split_target(STR("mail.test:587"), host, sizeof host, &port);
    assert_string_equal(host, "mail.test");
    assert_int_equal(port, 587);
    rules_split_target(STR("[2001:db8::1]"), host, sizeof host, &port);
    assert_string_equal(host, "2001:db8::1");
}

/* deliver-to is verified TLS where nothing is said, but on this machine. */
static void deliver_to_by_itself(void **state)
{
    static const struct {
        const char *target;
        enum force right;
    } rows[] = {
        {"b.test", FORCE_CERT},
        {"10.0.0.1:2525", FORCE_CERT},
        {"[2001:db8::1]:25", FORCE_CERT},
        {"127.example.org", FORCE_CERT},
        {"127.0.0.1.example.org:25", FORCE_CERT},
        {"localhost.example.org", FORCE_CERT},
        {"127.0.3.4:24", FORCE_NONE},
        {"[127.0.0.1]:24", FORCE_NONE},
        {"[::1]:24", FORCE_NONE},
        {"localhost", FORCE_NONE},
        {"b.test { tls none; }", FORCE_NONE},
        {"127.0.0.1:24 { tls cert; }", FORCE_CERT},
        {"127.0.0.1:24 { tls auto; }", FORCE_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
        struct conf *c;
        struct route r;
        char one[300];
        size_t n = strlen(rows[i].target);
        snprintf(one, sizeof one,
                 "hostname mx.test; listen smtp { address 192.0.2.9:25; }\ninside { domains "
                 "in.test; deliver-to %s%s }\n",
                 rows[i].target, rows[i].target[n - 1] == '}' ? "" : ";");
        assert_int_equal(conf_parse(str_c(one), "t", &problems, &c), 0);
        rules_route(c, STR("a@else.test"), STR("x@in.test"), &r);
        if (r.force != rows[i].right) {
            fail_msg("%s: %d", rows[i].target, r.force);
        }
        conf_free(c);
    }
}

/* Codes are RFC 3463 in form, and their class fits their use. */
static void reason_codes(void **state)
{
    for (int r = 0; r < REASON_END; r++) {
        const char *d = reason_deferred_code((enum reason)r),
                   *b = reason_bounced_code((enum reason)r);
        assert_true(!*d || d[0] == '4');
        assert_true(!*b || b[0] == '5');
        assert_true(strlen(reason_sentence((enum reason)r)) > 10);
    }
    assert_string_equal(reason_bounced_code(REASON_NULL_MX), "5.1.10");       /* RFC 7505 */
    assert_string_equal(reason_bounced_code(REASON_NO_REQUIRETLS), "5.7.30"); /* RFC 8689 */
    assert_string_equal(reason_bounced_code(REASON_NO_UTF8), "5.6.7");        /* RFC 6531 */
    /* RFC 8460 4.3 */
    assert_string_equal(reason_report_result(REASON_DANE_MISMATCH), "tlsa-invalid");
    assert_string_equal(grade_name(GRADE_AUTH), "auth");
    assert_string_equal(sess_name(SESS_PKIX_BAD), "pkix_bad");
}

static const char rules_text[] =
    "hostname mx.test; listen smtp { address [::]:25; }\n"
    "group \"doctors\" { members dr@in.test @ward.in.test group:heads; } group heads { members "
    "Boss@in.test; }\n"
    "client-certificate ours { chain /c.pem; key /c.key; }\n"
    "partner \"Bank\" { domains bank.test; outbound require encrypt; profile nist; }\n"
    "rule a { from group:doctors; outbound require cert; }\n"
    "rule b { to @.court.test judge@law.test; outbound require auth; dane require; "
    "client-certificate ours; profile strict; }\n"
    "rule c { from dr@in.test; to @bank.test; outbound require pin; pin "
    "cert:AA:00112233445566778899aabbccddeeff00112233445566778899aabbccddee; }\n";

static struct route route_for(const struct conf *c, const char *from, const char *to)
{
    struct route r;
    rules_route(c, str_c(from), str_c(to), &r);
    return r;
}

/* All that match are joined: the strongest counts, the first word about the rest. */
static void rules_join(void **state)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096), canonical = BUF_INIT(1 << 20);
    struct conf *c, *again;
    if (conf_parse(str_c(rules_text), "t", &problems, &c) < 0) {
        fail_msg("%.*s", (int)buf_len(&problems), buf_str(&problems).p);
    }
    assert_int_equal(route_for(c, "x@in.test", "y@out.test").force, FORCE_NONE);
    assert_int_equal(route_for(c, "DR@in.test", "y@out.test").force, FORCE_CERT);
    assert_int_equal(route_for(c, "nurse@ward.in.test", "y@out.test").force, FORCE_CERT);
    /* @domain is exact */
    assert_int_equal(route_for(c, "nurse@x.ward.in.test", "y@out.test").force, FORCE_NONE);
    /* a group in a group */
    assert_int_equal(route_for(c, "boss@IN.test", "y@out.test").force, FORCE_CERT);
    struct route r = route_for(c, "", "y@high.court.test");
    assert_int_equal(r.force, FORCE_AUTH);
    assert_true(r.dane_required && r.profile == 1);
    assert_string_equal(r.client_certificate, "ours");
    /* @.suffix is below it only */
    assert_int_equal(route_for(c, "", "y@court.test").force, FORCE_NONE);
    assert_int_equal(route_for(c, "", "judge@law.test").force, FORCE_AUTH);
    assert_int_equal(route_for(c, "", "clerk@law.test").force, FORCE_NONE);
    r = route_for(c, "x@in.test", "y@bank.test");
    assert_int_equal(r.force, FORCE_ENCRYPT);
    assert_int_equal(r.profile, 2);
    r = route_for(c, "dr@in.test", "y@bank.test");
    assert_int_equal(r.force, FORCE_PIN);
    assert_string_equal(r.rule, "c");
    assert_int_equal(r.pins->pins.n, 1);
    struct route other = route_for(c, "x@in.test", "y@bank.test");
    assert_false(rules_same(&r, &other));
    assert_int_equal(conf_write(c, &canonical), 0); /* what children get means the same */
    assert_int_equal(conf_parse(buf_str(&canonical), "t", &problems, &again), 0);
    assert_int_equal(route_for(again, "boss@in.test", "judge@law.test").force, FORCE_AUTH);
    assert_int_equal(again->n_rules, c->n_rules);
    conf_free(again);
    conf_free(c);
}

/* The words are those that stores of earlier versions hold: they never change. */
static void a_next_hop_is_a_domain_or_one_of_our_words(void **state)
{
    static const struct {
        const char *text;
        enum hop_kind kind;
    } cases[] = {
        {"=inside", HOP_INSIDE},   {"=relay", HOP_RELAY},       {"=tlsrpt", HOP_TLSRPT},
        {"=inspect", HOP_INSPECT}, {"=portal", HOP_PORTAL},     {"=choice", HOP_CHOICE},
        {"inside", HOP_DOMAIN},    {"portal.test", HOP_DOMAIN}, {"=portal.test", HOP_DOMAIN},
        {"=inside.", HOP_DOMAIN},  {"=", HOP_DOMAIN},           {"", HOP_DOMAIN},
        {"=INSIDE", HOP_DOMAIN},   {"[192.0.2.1]", HOP_DOMAIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(hop_kind(str_c(cases[i].text)), cases[i].kind);
        if (cases[i].kind != HOP_DOMAIN) {
            assert_string_equal(hop_word(cases[i].kind), cases[i].text);
        }
    }
    assert_string_equal(hop_word(HOP_DOMAIN), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_next_hop_is_a_domain_or_one_of_our_words),
        cmocka_unit_test(several_hosts),
        cmocka_unit_test(who_demands_what),
        cmocka_unit_test(routes),
        cmocka_unit_test(deliver_to_by_itself),
        cmocka_unit_test(rules_join),
        cmocka_unit_test(reason_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
