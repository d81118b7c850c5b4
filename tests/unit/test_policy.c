/* SPDX-License-Identifier: Apache-2.0
 * test_policy.c: several hosts joined, routes and rules, names and codes of the reasons. The decision
 * itself is tested in exhaustive/.
 */
#include "check.h"
#include "policy/policy.h"
#include "policy/rules.h"

static struct verdict join(enum host_class a, enum host_class b)
{
    struct facts f = {.mx = MX_INSECURE};
    struct host_verdict hosts[] = {{.class = a, .reason = REASON_CONNECT}, {.class = b, .reason = REASON_GRADE_TOO_LOW}};
    return policy_recipient(&f, hosts, 2);
}

static void several_hosts(void **state)
{
    (void)state;
    assert_int_equal(join(HOST_TEMPORARY, HOST_SEND).action, ACTION_SEND);
    assert_int_equal(join(HOST_PERMANENT, HOST_PERMANENT).action, ACTION_BOUNCE);
    assert_int_equal(join(HOST_PERMANENT, HOST_TEMPORARY).action, ACTION_DEFER); /* theirs if equal, else temporary */
    assert_int_equal(join(HOST_TEMPORARY, HOST_CLEAR).action, ACTION_DEFER);
    struct facts f = {0};
    assert_int_equal(policy_recipient(&f, NULL, 0).action, ACTION_DEFER);
}

static const char text[] = "hostname mx.test; listen smtp { address [::]:25; }\n"
                           "inside { domains in.test; deliver-to [10.0.0.1]:2525 { tls encrypt; } }\n"
                           "partner \"Bank\" { domains bank.test .bank.test in.test; outbound require cert; }\n";

static void routes(void **state)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    struct conf *c;
    struct route r;
    (void)state;
    assert_int_equal(conf_parse(str_c(text), "t", &problems, &c), 0);
    rules_route(c, STR(""), STR("x@Out.Test"), &r);
    assert_string_equal(r.next_hop, "out.test");
    assert_int_equal(r.kind, ROUTE_MX);
    assert_int_equal(r.force, FORCE_NONE);
    rules_route(c, STR(""), STR("x@sub.bank.test"), &r);
    assert_int_equal(r.force, FORCE_CERT);
    assert_string_equal(r.rule, "Bank");
    rules_route(c, STR(""), STR("x@in.test"), &r);
    assert_string_equal(r.next_hop, "=inside");
    assert_string_equal(r.host, "10.0.0.1");
    assert_int_equal(r.port, 2525);
    assert_int_equal(r.force, FORCE_CERT); /* the maximum of both rules */
    rules_route(c, STR(""), STR("postmaster"), &r);
    assert_string_equal(r.next_hop, "=inside");
    rules_route(c, STR(""), STR("\"a@b\"@out.test"), &r);
    assert_string_equal(r.next_hop, "out.test");
    conf_free(c);
    char host[64];
    uint16_t port = 25;
    rules_split_target(STR("mail.test:587"), host, sizeof host, &port);
    assert_string_equal(host, "mail.test");
    assert_int_equal(port, 587);
    rules_split_target(STR("[2001:db8::1]"), host, sizeof host, &port);
    assert_string_equal(host, "2001:db8::1");
}

/* Codes are RFC 3463 in form, and their class fits their use. */
static void reason_codes(void **state)
{
    (void)state;
    for (int r = 0; r < REASON_END; r++) {
        const char *d = reason_deferred_code((enum reason)r), *b = reason_bounced_code((enum reason)r);
        assert_true(!*d || d[0] == '4');
        assert_true(!*b || b[0] == '5');
        assert_true(strlen(reason_sentence((enum reason)r)) > 10);
    }
    assert_string_equal(reason_bounced_code(REASON_NULL_MX), "5.1.10");   /* RFC 7505 */
    assert_string_equal(reason_bounced_code(REASON_NO_REQUIRETLS), "5.7.30"); /* RFC 8689 */
    assert_string_equal(reason_bounced_code(REASON_NO_UTF8), "5.6.7");    /* RFC 6531 */
    assert_string_equal(reason_report_result(REASON_DANE_MISMATCH), "tlsa-invalid"); /* RFC 8460 4.3 */
    assert_string_equal(grade_name(GRADE_AUTH), "auth");
    assert_string_equal(sess_name(SESS_PKIX_BAD), "pkix_bad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(several_hosts), cmocka_unit_test(routes), cmocka_unit_test(reason_codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
