/* SPDX-License-Identifier: Apache-2.0
 * test_inbound.c: what must be true of a connection that brings mail: inbound rules as a table,
 * the PROXY header, changes to header sections, the words of RFC 3461.
 */
#include "check.h"
#include "policy/inbound.h"
#include "wire/mailboxes.h"
#include "wire/notify.h"
#include "wire/proxy.h"
#include "wire/section.h"

#define CERT "aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11"
#define KEY  "bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22"
static const char text[] =
    "hostname mx.test; listen smtp { address 127.0.0.1:25; }partner \"Bank\" { domains bank.test "
    ".bank.test; inbound require cert; inbound-names mail.bank.test; inbound-networks "
    "192.0.2.0/24; inbound-helo .bank.test; }partner \"Shop\" { domains shop.test; inbound require "
    "tls; inbound-mode report-only; }partner \"Pinned\" { domains pin.test; inbound require pin; "
    "inbound-pin cert:AA:11:aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11 key:" KEY
    "; }rule \"boss\" { from boss@home.test; inbound require tls; }";

static const struct {
    const char *what, *ip, *helo, *from; /* from NULL: not said yet */
    bool tls, certificate, ok;
    const char *names, *cert, *key;
    const char *rule; /* NULL: satisfied */
    bool enforced;
} rows[] = {
    {"a stranger", "198.51.100.1", "x.test", "a@other.test", false, false, false, "", "", "", NULL,
     false},
    {"the null sender", "198.51.100.1", "x.test", "", false, false, false, "", "", "", NULL, false},
    {"partner in clear", "198.51.100.1", "x.test", "a@bank.test", false, false, false, "", "", "",
     "Bank", true},
    {"partner below", "198.51.100.1", "x.test", "a@eu.bank.test", true, false, false, "", "", "",
     "Bank", true},
    {"certificate nobody vouches for", "198.51.100.1", "x.test", "a@bank.test", true, true, false,
     "mail.bank.test", "", "", "Bank", true},
    {"certificate of another", "198.51.100.1", "x.test", "a@bank.test", true, true, true,
     "mail.evil.test", "", "", "Bank", true},
    {"the right certificate", "198.51.100.1", "x.test", "a@bank.test", true, true, true,
     "x.test mail.bank.test", "", "", NULL, false},
    {"network, before MAIL", "192.0.2.9", "x.test", NULL, true, false, false, "", "", "", "Bank",
     true},
    {"EHLO name, before MAIL", "198.51.100.1", "out.bank.test", NULL, true, false, false, "", "",
     "", "Bank", true},
    {"an EHLO name satisfies nothing", "198.51.100.1", "mail.bank.test", "a@bank.test", true, false,
     false, "", "", "", "Bank", true},
    {"before MAIL a sender rule says nothing", "198.51.100.1", "x.test", NULL, false, false, false,
     "", "", "", NULL, false},
    {"only reported", "198.51.100.1", "x.test", "a@shop.test", false, false, false, "", "", "",
     "Shop", false},
    {"reported, satisfied", "198.51.100.1", "x.test", "a@shop.test", true, false, false, "", "", "",
     NULL, false},
    {"enforced before reported", "192.0.2.9", "x.test", "a@shop.test", false, false, false, "", "",
     "", "Bank", true},
    {"pinned certificate", "198.51.100.1", "x.test", "a@pin.test", true, true, false, "", CERT,
     "cc", NULL, false},
    {"pinned key", "198.51.100.1", "x.test", "a@pin.test", true, true, false, "", "cc", KEY, NULL,
     false},
    {"another certificate", "198.51.100.1", "x.test", "a@pin.test", true, true, true, "pin.test",
     "cc", "dd", "Pinned", true},
    {"a rule by sender", "198.51.100.1", "x.test", "boss@home.test", false, false, false, "", "",
     "", "boss", true},
    {"another of that domain", "198.51.100.1", "x.test", "b@home.test", false, false, false, "", "",
     "", NULL, false},
};

static void inbound_rules(void **state)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    struct conf *c = NULL;
    if (conf_parse(str_c(text), "test", &problems, &c) < 0) {
        fail_msg("%.*s", STR_ARG(buf_str(&problems)));
    }
    assert_true(inbound_needs_certificates(c));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct inbound_facts f = {
            .client_ip = str_c(rows[i].ip),
            .helo = str_c(rows[i].helo),
            .knows_sender = rows[i].from != NULL,
            .reverse_path = str_c(rows[i].from),
            .in_tls = rows[i].tls,
            .has_certificate = rows[i].certificate,
            .certificate_ok = rows[i].ok,
            .trouble = STR("has expired"),
            .names = str_c(rows[i].names),
            .fingerprint = str_c(rows[i].cert),
            .key_fingerprint = str_c(rows[i].key),
        };
        struct inbound_verdict v;
        inbound_judge(c, &f, &v);
        const char *rule = v.rule ? v.rule->name : NULL;
        if ((rule == NULL) != (rows[i].rule == NULL) || (rule && strcmp(rule, rows[i].rule) != 0) ||
            (rule && v.enforced != rows[i].enforced)) {
            fail_msg("%s: %s %d", rows[i].what, rule ? rule : "satisfied", v.enforced);
        }
        if (rule && rows[i].certificate && !rows[i].ok) {
            assert_string_equal(v.had, "TLS, certificate of mail.bank.test: has expired");
        }
    }
    conf_free(c);
}

static enum proxy_result proxy(struct str in, size_t *ret_n, const char *want)
{
    char ip[46] = "";
    enum proxy_result r = proxy_read(in, ret_n, ip);
    for (size_t i = 0; i < *ret_n && r != PROXY_BAD; i++) { /* every shorter piece asks for more */
        size_t n;
        char none[46];
        assert_int_equal(proxy_read(str_slice(in, 0, i), &n, none), PROXY_MORE);
    }
    if (r == PROXY_GIVEN) {
        assert_string_equal(ip, want);
    }
    return r;
}

/* Examples of the specification, sections 2.1 and 2.2. */
static void proxy_header(void **state)
{
    static const char v2_ip4[] =
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x30\x39\0\x19";
    static const char v2_ip6[] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0"
                                 "\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x30\x39\0\x19";
    static const char v2_local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    size_t n;
    assert_int_equal(proxy(STR("PROXY TCP4 192.0.2.7 192.0.2.8 56324 25\r\nEHLO"), &n, "192.0.2.7"),
                     PROXY_GIVEN);
    assert_int_equal(n, 41);
    assert_int_equal(proxy(STR("PROXY TCP6 2001:DB8::7 2001:db8::8 56324 25\r\n"), &n,
                           "2001:db8::7"),
                     PROXY_GIVEN);
    assert_int_equal(proxy(STR("PROXY UNKNOWN\r\n"), &n, ""), PROXY_LOCAL);
    assert_int_equal(proxy(str_from(v2_ip4, sizeof v2_ip4 - 1), &n, "192.0.2.1"), PROXY_GIVEN);
    assert_int_equal(n, 28);
    assert_int_equal(proxy(str_from(v2_ip6, sizeof v2_ip6 - 1), &n, "2001:db8::1"), PROXY_GIVEN);
    assert_int_equal(proxy(str_from(v2_local, sizeof v2_local - 1), &n, ""), PROXY_LOCAL);
    static const char *const bad[] = {
        "EHLO x\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.8 56324\r\n",
        "PROXY TCP4 2001:db8::7 192.0.2.8 1 25\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.8 1 70000\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.8 1 25\n",
        "PROXY TCP4 192.0.2.7 192.0.2.8 1 25 x\r\n",
        "PROXY Ax\r\n",
        "PROXY \r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(proxy(str_c(bad[i]), &n, ""), PROXY_BAD);
    }
}

static void check_section(const char *in, const char *want, unsigned removed)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(4096);
    const struct section_change change = {
        .authserv_id = STR("mx.test"),
        .add_date = STR("D"),
        .add_message_id = STR("<i>"),
    };
    struct section_done done;
    assert_int_equal(section_write(str_c(in), &change, &out, &done), 0);
    check_str(buf_str(&out), want);
    assert_int_equal(done.removed, removed);
}

/* RFC 8601 5: fields in our name go, those of others stay; RFC 6409 8: what is missing comes. */
static void sections(void **state)
{
    struct mailbox author;
    struct str from;
    check_section("Date: d\r\nMESSAGE-ID: <x>\r\nAuthentication-Results: mx.test; spf=pass\r\n "
                  "smtp.mailfrom=a\r\nSubject: s\r\n\r\n",
                  "Date: d\r\nMESSAGE-ID: <x>\r\nSubject: s\r\n\r\n", 1);
    check_section("authentication-results: (c (n) \\) ) \"MX.test\" 1; "
                  "none\r\nAuthentication-Results:\r\n\tmx.test; x\r\nAuthentication-Results: "
                  "mx.test.evil; x\r\nDate: d\r\nMessage-ID: <x>\r\n\r\n",
                  "Authentication-Results: mx.test.evil; x\r\nDate: d\r\nMessage-ID: <x>\r\n\r\n",
                  2);
    check_section("Subject: s\r\n\r\n", "Subject: s\r\nDate: D\r\nMessage-ID: <i>\r\n\r\n", 0);
    check_section("\r\n", "Date: D\r\nMessage-ID: <i>\r\n\r\n", 0);
    check_section("Subject: s\r\n", "Subject: s\r\nDate: D\r\nMessage-ID: <i>\r\n", 0);
    assert_int_equal(section_end(STR("A: b\r\nC: d\r\n\r\nbody"), 0), 14);
    assert_int_equal(section_end(STR("A: b\r\nC: d\r\n\r\nbody"), 13), 14);
    assert_int_equal(section_end(STR("A: b\r\nC: d\r\n"), 0), 0);
    assert_int_equal(section_end(STR("\r\nbody"), 0), 2);
    static const char *const authors[][2] = {
        {"From: a@b.test\r\n", "a@b.test"},
        {"X: y\r\nFrom: \"<evil@x>, (\" <a@b.test>\r\n", "a@b.test"},
        {"From: (x <y@z>) a@b.test (c), d@e.test\r\n", "a@b.test d@e.test"},
        {"From:\r\n Dr. A <a@b.test>, <c@d.test>\r\n", "a@b.test c@d.test"},
        {"From: team: a@b.test;\r\n", "a@b.test"},
        {"From: <@x.test,@y.test:a@b.test>\r\n", "a@b.test"},
        {"From: (open <a@b.test>\r\n", ""},
        {"From: \"open <a@b.test>, c@d.test\r\n", "\"open <a@b.test>, c@d.test"},
        /* RFC 5322 A.5, A.6.1, A.6.3: comments and blanks
                                              * inside addresses */
        {"From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\r\n",
         "pete@silly.test"},
        {"From: A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n  "
         "       joe@example.org,\r\n"
         "  John <jdoe@one.test> (my dear friend); (the end of the group)\r\n",
         "c@public.example joe@example.org jdoe@one.test"},
        {"From: (Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\r\n", ""},
        {"From: Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example\r\n",
         "mary@example.net jdoe@test.example"},
        {"From: John Doe <jdoe@machine(comment).  example>\r\n", "jdoe@machine.example"},
        {"From: user @ example . com (a (b) >c)\r\n", "user@example.com"},
        {"From: \"a . b\" @ c.test, <x(>)@y.test>, <x(>\r\n", "\"a . b\"@c.test x@y.test x("},
        /* found by fuzzing */
        {"From: <(nobody)>, <a@b.test>\r\n", "a@b.test"},
        /* two words are not one: */
        {"From: a b@c.test, <a (x) b@c.test>, a@b (c\r\n", "a b@c.test a (x) b@c.test a@b"},
        /* a ">" in quotes (wneessen/go-mail#495) */
        {"From: <\"foo@x.test> ORCPT=admin@admin.com\"@good.test>, <\"\\\">\"@b.test>, "
         "<c@d.test>\r\n",
         "\"foo@x.test> ORCPT=admin@admin.com\"@good.test \"\\\">\"@b.test c@d.test"},
    };
    for (size_t i = 0; i < ARRAY_LEN(authors); i++) {
        CLEANUP(buf_free) struct buf all = BUF_INIT(200);
        struct str section = str_c(authors[i][0]);
        assert_true(section_next_from(&section, &from));
        while (mailboxes_next(&from, &author)) {
            assert_int_equal(buf_printf(&all, "%s" STR_FMT, buf_len(&all) ? " " : "",
                                        STR_ARG(author.address)),
                             0);
        }
        check_str(buf_str(&all), authors[i][1]);
        assert_false(section_next_from(&section, &from));
    }
    struct str two = STR("From: a@b.test\r\nTo: x@y.test\r\nfrom: c@d.test\r\n");
    assert_true(section_next_from(&two, &from) && section_next_from(&two, &from));
    check_str(from, "c@d.test");
}

/* RFC 5321 3.7.2 MUST NOT: Received fields of others are not changed
 * RFC 5321 4.4 MUST NOT: Received fields keep their order */
static void trace_fields_stay(void **state)
{
    check_section(
        "Received: from b\r\n\tby c; date\r\nReceived:no form\r\nReturn-Path: <x>\r\nDate: "
        "d\r\nReceived: by a\r\nMessage-ID: <x>\r\n\r\n",
        "Received: from b\r\n\tby c; date\r\nReceived:no form\r\nReturn-Path: <x>\r\nDate: "
        "d\r\nReceived: by a\r\nMessage-ID: <x>\r\n\r\n",
        0);
}

/* RFC 3461 4 and its examples in section 10.
 * RFC 3461 4 MUST: xtext: what it may hold, and how the rest is written
 * RFC 3461 4.1 MAY: nothing said: notices of failure and of delay */
static void notices(void **state)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(200);
    uint8_t bits = 0;
    assert_int_equal(notify_parse(STR("success,FAILURE"), &bits), 0);
    assert_int_equal(bits, NOTIFY_SUCCESS | NOTIFY_FAILURE);
    static const char *const bad[] = {
        "", "NEVER,DELAY", "SUCCESS,", "SUCCESS,SUCCESS", "ALWAYS", ",SUCCESS",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(notify_parse(str_c(bad[i]), &bits), -EINVAL);
    }
    assert_true(notify_orcpt_ok(STR("rfc822;Bob@Example.COM")));
    assert_true(notify_orcpt_ok(STR("rfc822;George+20Smith@x")));
    assert_false(notify_orcpt_ok(STR("Bob@Example.COM")));
    assert_false(notify_orcpt_ok(STR("rfc822;a=b")));
    assert_false(notify_orcpt_ok(STR("rfc822;a+2b")));
    assert_int_equal(notify_xtext_read(STR("George+20Smith+2B+3D"), &out), 0);
    check_str(buf_str(&out), "George Smith+=");
    buf_reset(&out);
    assert_int_equal(notify_xtext_write(STR("George Smith+="), &out), 0);
    check_str(buf_str(&out), "George+20Smith+2B+3D");
    assert_true(notify_wants(0, NOTIFY_FAILURE) && notify_wants(0, NOTIFY_DELAY) &&
                !notify_wants(0, NOTIFY_SUCCESS));
    assert_true(!notify_wants(NOTIFY_NEVER, NOTIFY_FAILURE) &&
                notify_wants(NOTIFY_SUCCESS, NOTIFY_SUCCESS) &&
                !notify_wants(NOTIFY_SUCCESS, NOTIFY_FAILURE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inbound_rules),     cmocka_unit_test(proxy_header),
        cmocka_unit_test(sections),          cmocka_unit_test(notices),
        cmocka_unit_test(trace_fields_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
