/* SPDX-License-Identifier: Apache-2.0
 * test_conf.c: configuration text: what is taken, what is refused and where, canonical round trip.
 */
#include "check.h"
#include "conf/conf.h"
#include "conf/schema.h"

#include <stdio.h>
#include <unistd.h>

#define BASE "hostname mx.clinic.example; listen smtp { address [::]:25, 192.0.2.1:2525; }\n"

static struct conf *good(const char *text)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(8192);
    struct conf *c = NULL;
    if (conf_parse(str_c(text), "t", &problems, &c) < 0) {
        fail_msg("refused: %.*s", STR_ARG(buf_str(&problems)));
    }
    return c;
}

static void bad(const char *text, const char *problem)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(8192);
    struct conf *c = NULL;
    assert_true(conf_parse(str_c(text), "t", &problems, &c) < 0);
    assert_int_equal(buf_append(&problems, "", 1), 0);
    if (!strstr(buf_str(&problems).p, problem)) {
        fail_msg("for %s\nwanted: %s\ngot: %s", text, problem, buf_str(&problems).p);
    }
}

/* What an administrator cannot set lower, and what holds where nothing is set.
 * RFC 5321 4.5.3.1.7 MUST: messages of 64 KiB are taken
 * RFC 5321 4.5.3.1.8 MUST: 100 recipients of a message are taken
 * RFC 5321 4.5.3.2 SHOULD: greeting, MAIL and RCPT 5 min, DATA 2, a block 3, the dot 10
 * RFC 5321 4.5.3.2.7 SHOULD: a server waits five minutes for a command */
static void the_least_of_the_limits(void **state)
{
    enum { MINUTE_MS = 60 * 1000 };
    bad(BASE "limits { message 63K; }\n", "message: 63K is out of range");
    bad(BASE "limits { recipients 99; }\n", "recipients: 99 is out of range");
    bad(BASE "limits { command-line 511; }\n", "command-line: 511 is out of range");
    struct conf *c = good(BASE "limits { message 64K; recipients 100; command-line 512; }\n");
    conf_free(c);
    c = good(BASE);
    assert_int_equal(c->smtpout.greeting, 5 * MINUTE_MS);
    assert_int_equal(c->smtpout.mail, 5 * MINUTE_MS);
    assert_int_equal(c->smtpout.rcpt, 5 * MINUTE_MS);
    assert_int_equal(c->smtpout.data, 2 * MINUTE_MS);
    assert_int_equal(c->smtpout.block, 3 * MINUTE_MS);
    assert_int_equal(c->smtpout.dot, 10 * MINUTE_MS);
    assert_int_equal(c->limits.command_time, 5 * MINUTE_MS);
    assert_int_equal(c->limits.hops, 100);
    assert_int_equal(c->queue.lifetime, 5 * 24 * 60 * MINUTE_MS);
    conf_free(c);
}

/* RFC 5321 4.1.2: with quotes or without, in the rule or on the mail, it is one address. */
static void rules_know_quoted_forms(void **state)
{
    struct conf *c =
        good(BASE "rule \"a\" { to joe@x.example; outbound require cert; }\n"
                  "rule \"b\" { to \"\\\"ann\\\"@x.example\"; outbound require cert; }\n");
    static const char *const paths[][2] = {
        {"joe@x.example", "\"joe\"@x.example"},
        {"ann@x.example", "\"ann\"@x.example"},
    };
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 2; k++) {
            assert_true(conf_rule_matches(c, &c->rules[i], STR("a@b.example"), str_c(paths[i][k])));
        }
    }
    conf_free(c);
}

static void the_design_example(void **state)
{
    struct conf *c =
        good(BASE "organization \"Example Clinic\";\nstore sqlite /var/lib/postern;\n"
                  "certificate { chain /etc/postern/mx.pem; key /etc/postern/mx.key; }\n"
                  "inside { domains clinic.example; networks 10.0.0.0/8; deliver-to "
                  "exchange.clinic.example:25 { tls cert; } }\n"
                  "partner \"Example Bank\" { domains bank.example, .bank.example; outbound "
                  "require encrypt; }\n"
                  "partner \"Sub\" { domains secure.bank.example; outbound require cert; } # more "
                  "exact wins\n"
                  "limits { message 25M; command-time 90s; }\n");
    assert_string_equal(c->organization, "Example Clinic");
    assert_int_equal(c->limits.size, 25 * 1024 * 1024);
    assert_int_equal(c->limits.command_time, 90000);
    assert_int_equal(c->limits.recipients, 1000);
    assert_int_equal(c->deliver_to_tls, 2);
    assert_string_equal(conf_partner_for(c, domain_from(STR("BANK.example")))->name,
                        "Example Bank");
    assert_string_equal(conf_partner_for(c, domain_from(STR("x.bank.example")))->name,
                        "Example Bank");
    assert_string_equal(conf_partner_for(c, domain_from(STR("secure.bank.example")))->name, "Sub");
    assert_null(conf_partner_for(c, domain_from(STR("notbank.example"))));
    assert_true(conf_is_inside(c, domain_from(STR("Clinic.Example"))));
    assert_false(conf_is_inside(c, domain_from(STR("sub.clinic.example"))));
    conf_free(c);
}

/* The start values of the reliability rules, and RFC 5321 4.5.3.2 for outgoing sessions. */
static void standard_values(void **state)
{
    struct conf *c = good(BASE);
    const int64_t got[] = {
        c->limits.command_line,
        c->limits.header_octets,
        c->limits.header_lines,
        c->limits.header_field,
        c->limits.recipients,
        c->limits.hops,
        c->limits.command_time,
        c->limits.handshake_time,
        c->limits.connections_per_address,
        c->limits.connections_per_network,
        c->limits.hurry_time,
        c->smtpout.greeting,
        c->smtpout.mail,
        c->smtpout.rcpt,
        c->smtpout.data,
        c->smtpout.block,
        c->smtpout.dot,
    };
    static const int64_t want[] = {
        8192, 2 * 1024 * 1024, 50000,  2 * 1024 * 1024, 1000,   100,    300000, 30000,  50,
        200,  10000,           300000, 300000,          300000, 120000, 180000, 600000,
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(got[i], want[i]);
    }
    conf_free(c);
}

/* Old machines are let in by name, and are ours. */
static void devices(void **state)
{
    struct conf *c = good(BASE "inside { networks 10.0.0.0/8, 2001:db8::/32; devices 10.1.2.0/24, "
                               "10.7.7.7, 2001:db8:1::/48; }");
    assert_true(conf_is_device(c, STR("10.1.2.3")));
    assert_true(conf_is_device(c, STR("10.7.7.7")));
    assert_true(conf_is_device(c, STR("2001:db8:1::5")));
    assert_false(conf_is_device(c, STR("10.1.3.3")));
    assert_false(conf_is_device(c, STR("2001:db8:2::5")));
    conf_free(c);
    bad(BASE "inside { networks 0.0.0.0/0; devices 0.0.0.0/0; }",
        "inside: devices 0.0.0.0/0 is everybody");
    bad(BASE "inside { networks ::/0; devices ::/0; }", "inside: devices ::/0 is everybody");
    bad(BASE "inside { networks 10.0.0.0/8; devices 192.0.2.0/24; }",
        "inside: devices 192.0.2.0/24 does not lie in networks");
    bad(BASE "inside { networks 10.1.0.0/16; devices 10.0.0.0/15; }", "does not lie in networks");
    bad(BASE "inside { networks 10.0.0.0/9; devices 10.128.0.0/16; }", "does not lie in networks");
    bad(BASE "inside { devices 10.0.0.1; }", "does not lie in networks");
    bad(BASE "inside { networks 10.0.0.0/8; devices printer; }", "printer");
}

static void errors_say_where_and_what(void **state)
{
    bad(BASE "hostnme x;", "t:2:1: unknown setting \"hostnme\". Did you mean \"hostname\"?");
    bad(BASE "hostname other.example;", "t:2:1: \"hostname\" is set twice");
    bad(BASE "limits {\n  message 25X;\n}", "t:3:11: message: \"25X\" is not a size");
    bad(BASE "limits { recipients 5; }", "recipients: 5 is out of range (100 to 100000)");
    bad(BASE "log { to stdrr; }", "Did you mean \"stderr\"?");
    bad(BASE "inside { networks 10.0.0.1/8; }", "is not a network");
    bad(BASE "inside { domains a_b!.example; deliver-to x; }", "is not a domain");
    bad(BASE "inside { domains clinic.example; }", "inside domains need deliver-to");
    bad(BASE "partner \"x\" { outbound require cert; }", "\"domains\" is missing in partner");
    bad(BASE "partner \"x\" { domains a.example; outbound cert; }", "write: outbound require");
    bad(BASE "partner \"x\" { domains a.example; outbound require pins; }",
        "is not one of none, encrypt, cert, auth, pin");
    bad(BASE "partner \"x\" { domains a.example; outbound require pin; }", "belong together");
    bad(BASE "partner \"x\" { domains a.example; pin cert:00; }", "64 hex digits");
    bad(BASE "rule \"x\" { from group:nobody; }", "there is no group \"nobody\"");
    bad(BASE "rule \"x\" { to @a..b; }", "is not an address, @domain");
    bad(BASE "rule \"x\" { client-certificate none; }", "there is no client-certificate \"none\"");
    bad(BASE "signing { domain a.example; }", "signing needs all of domain, selector and key");
    bad(BASE "monitor { interval 1x; }", "is not a time");
    bad(BASE "administrator nobody;", "is not a mail address");
    bad(BASE "rule \"x\" { outbound require cert; profil strict; }", "Did you mean \"profile\"?");
    bad(BASE "partner \"x\" { domains a.example; } partner \"y\" { domains A.example; }",
        "stands in the partners \"x\" and \"y\"");
    bad("listen smtp { address [::]:25; }", "\"hostname\" is missing");
    bad("hostname x.example;", "\"listen\" is missing");
    bad("hostname x.example; listen smtp { address 192.0.2.1; }", "is not an address with port");
    bad("hostname \"x", "this quote is not closed");
    bad("hostname x.example", "not ended with ;");
    bad("log { to stderr;", "never closed");
    bad("log { to stderr }", "a ; is missing before }");
    bad("}", "a } without its {");
    bad("hostname x\x01y;", "control character");
    bad("a { b { c { d { e { f { g { h { i { } } } } } } } } }", "nest deeper than 8");
    bad(BASE "include \"/etc/passwd\";", "include is not possible here");
}

static void canonical_text_is_the_same_configuration(void **state)
{
    CLEANUP(buf_free) struct buf first = BUF_INIT(65536), second = BUF_INIT(65536);
    struct conf *c = good(
        BASE
        "organization \"a \\\"quoted\\\" \\\\ name\"; relay [2001:db8::1]:587 { tls encrypt; }\n"
        "inside { domains a.example b.example; deliver-to [10.0.0.1]:2525 { tls none; } networks "
        "10.0.0.0/8 ::1/128; }\n"
        "partner p { domains x.example; outbound require cert; } queue { lifetime 3d; first-retry "
        "1500ms; }\n");
    assert_int_equal(conf_write(c, &first), 0);
    assert_int_equal(buf_append(&first, "", 1), 0);
    struct conf *again = good(buf_str(&first).p);
    assert_int_equal(conf_write(again, &second), 0);
    assert_int_equal(buf_append(&second, "", 1), 0);
    assert_string_equal(buf_str(&first).p, buf_str(&second).p);
    assert_string_equal(again->organization, "a \"quoted\" \\ name");
    assert_int_equal(again->queue.first_retry, 1500);
    assert_int_equal(again->relay_tls, 1);
    conf_free(c);
    conf_free(again);
}

static void includes_are_read_and_named_in_errors(void **state)
{
    char dir[] = "/tmp/postern-conf-XXXXXX", path[64], other[64];
    CLEANUP(buf_free) struct buf problems = BUF_INIT(8192);
    struct conf *c = NULL;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.conf", dir);
    snprintf(other, sizeof other, "%s/b.conf", dir);
    FILE *f = fopen(path, "w");
    fputs(BASE "include \"b.conf\";\n", f);
    fclose(f);
    f = fopen(other, "w");
    fputs("organization \"from b\";\n", f);
    fclose(f);
    assert_int_equal(conf_load(path, &problems, &c), 0);
    assert_string_equal(c->organization, "from b");
    conf_free(c);
    f = fopen(other, "w");
    fputs("\n  nonsense 1;\n", f);
    fclose(f);
    assert_true(conf_load(path, &problems, &c) < 0);
    assert_int_equal(buf_append(&problems, "", 1), 0);
    assert_non_null(strstr(buf_str(&problems).p, "b.conf:2:3: unknown setting \"nonsense\""));
    f = fopen(other, "w");
    fputs("include \"b.conf\";\n", f); /* itself */
    fclose(f);
    assert_true(conf_load(path, &problems, &c) < 0);
    unlink(path);
    unlink(other);
    rmdir(dir);
}

static void every_setting_is_in_the_manual(void **state)
{
    CLEANUP(buf_free) struct buf man = BUF_INIT(1 << 20);
    assert_int_equal(conf_manual(&man), 0);
    assert_int_equal(buf_append(&man, "", 1), 0);
    assert_non_null(strstr(buf_str(&man).p, "\\fBat-rest-key\\fR"));
    assert_non_null(strstr(buf_str(&man).p, "Default: 5d."));
}

static void every_type_has_its_row(void **state)
{
    for (int t = CONF_TEXT; t <= CONF_BLOCK; t++) {
        bool by_hand = t == CONF_STORE || t == CONF_BLOCK;
        assert_true(conf_kinds[t].manual || t == CONF_CHOICE);
        assert_true((conf_kinds[t].field == CONF_FIELD_NONE) == by_hand);
        assert_true(conf_kinds[t].wanted || t == CONF_BLOCK);
    }
}

struct told {
    const struct conf_key *key;
    size_t n;
};

static void on_difference(void *arg, const struct conf_key *key)
{
    struct told *t = arg;
    t->key = key;
    t->n++;
}

/* Changes the value behind a key and calls conf_differences(). */
static struct told changed(const struct conf *a, struct conf *b, const struct conf_key *key)
{
    static const char *words[] = {"changed"};
    struct told told = {0};
    char *at = (char *)b + key->offset;
    switch (conf_kinds[key->type].field) {
    case CONF_FIELD_TEXT: {
        const char *old = *(const char **)(void *)at;
        *(const char **)(void *)at = "changed";
        conf_differences(a, b, &told, on_difference);
        *(const char **)(void *)at = old;
        break;
    }
    case CONF_FIELD_WORDS: {
        struct conf_words old = *(struct conf_words *)(void *)at;
        *(struct conf_words *)(void *)at = (struct conf_words){words, 1};
        conf_differences(a, b, &told, on_difference);
        *(struct conf_words *)(void *)at = old;
        break;
    }
    case CONF_FIELD_NUMBER:
        *(int64_t *)(void *)at += 1;
        conf_differences(a, b, &told, on_difference);
        *(int64_t *)(void *)at -= 1;
        break;
    case CONF_FIELD_CHOICE:
        *(int *)(void *)at = *(const int *)(const void *)((const char *)a + key->offset) ? 0 : 1;
        conf_differences(a, b, &told, on_difference);
        *(int *)(void *)at = *(const int *)(const void *)((const char *)a + key->offset);
        break;
    case CONF_FIELD_NONE:
        break;
    }
    return told;
}

/* Walks the whole table: a change of any setting outside repeated blocks is noticed by a reload,
 * as that setting and no other. */
static void a_reload_sees_each_changed_setting(void **state)
{
    struct conf *a = good(BASE), *b = good(BASE);
    struct told none = {0};
    size_t walked = 0;
    conf_differences(a, b, &none, on_difference);
    assert_int_equal(none.n, 0);
    for (size_t i = 0; i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        bool repeated = false;
        for (size_t k = 0; k < conf_schema_len; k++) {
            repeated |= conf_schema[k].repeated && strcmp(conf_schema[k].name, key->block) == 0;
        }
        if (!repeated && conf_kinds[key->type].field != CONF_FIELD_NONE) {
            struct told told = changed(a, b, key);
            if (told.n != 1) {
                fail_msg("%s %s: %zu differences seen", key->block, key->name, told.n);
            }
            assert_ptr_equal(told.key, key);
            walked++;
        }
    }
    assert_true(walked > 100);
    conf_free(a);
    conf_free(b);
}

/* What it takes to put a change in force: nothing, a process started anew, or a start of the
 * house. By the processes' own on_prepare. */
static void what_a_change_takes(void **state)
{
    static const struct {
        const char *name, *process; /* NULL: the house is started; "": nothing */
    } wanted[] = {
        {"hostname", NULL},
        {"user", NULL},
        {"store", NULL},
        {"at-rest-key", NULL},
        {"run-directory", NULL},
        {"drop-directory", NULL},
        {"listen address", "smtpin"},
        {"metrics address", "metrics"},
        {"portal address", "web"},
        {"portal proxy-address", "web"},
        {"portal redirect-address", "web"},
        {"portal url", "smtpout"},
        {"organization", "smtpout"},
        {"directory url", "login"},
        {"resolver forward", "lookup"},
        {"resolver test-zones", "lookup"},
        {"workers smtpin", ""},
        {"listen profile", ""},
        {"limits message", ""},
        {"queue lifetime", ""},
        {"inside networks", ""},
    };
    static const char *const processes[] = {
        "queue", "lookup", "keys", "smtpin", "smtpout", "login", "metrics", "inspect", "web",
    };
    size_t found = 0;
    for (size_t i = 0; i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        char name[128];
        snprintf(name, sizeof name, "%s%s%s", key->block, *key->block ? " " : "", key->name);
        for (size_t k = 0; k < ARRAY_LEN(wanted); k++) {
            if (strcmp(name, wanted[k].name) != 0) {
                continue;
            }
            found++;
            assert_int_equal(conf_key_needs_start(key), !wanted[k].process);
            size_t n = 0;
            for (size_t p = 0; p < ARRAY_LEN(processes); p++) {
                n += conf_key_starts(key, processes[p]);
            }
            bool one = wanted[k].process && *wanted[k].process;
            assert_true(one ? n > 0 && conf_key_starts(key, wanted[k].process) : n == 0);
        }
    }
    assert_int_equal(found, ARRAY_LEN(wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_know_quoted_forms),
        cmocka_unit_test(the_design_example),
        cmocka_unit_test(a_reload_sees_each_changed_setting),
        cmocka_unit_test(what_a_change_takes),
        cmocka_unit_test(standard_values),
        cmocka_unit_test(devices),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(canonical_text_is_the_same_configuration),
        cmocka_unit_test(includes_are_read_and_named_in_errors),
        cmocka_unit_test(every_setting_is_in_the_manual),
        cmocka_unit_test(every_type_has_its_row),
        cmocka_unit_test(the_least_of_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
