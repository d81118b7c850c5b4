/* SPDX-License-Identifier: Apache-2.0
 * test_own_hosts.c: which addresses are ourselves (RFC 5321 5.1: an MX list is cut at our own
 * place), with a machine and a clock of the test's own.
 */
#include "../check.h"
#include "base/clock.h"
#include "proc/own_hosts.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>

static int64_t now_ms = 1000;
static struct sockaddr_in v4 = {.sin_family = AF_INET};
static struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
static struct ifaddrs machine[] = {
    {.ifa_next = &machine[1]},
    {.ifa_next = &machine[2], .ifa_addr = (struct sockaddr *)&v4},
    {.ifa_addr = (struct sockaddr *)&v6},
};
static bool is_silent;

int64_t clock_mono_ms(void)
{
    return now_ms;
}

int getifaddrs(struct ifaddrs **ret)
{
    errno = EPERM;
    *ret = machine;
    return is_silent ? -1 : 0;
}

void freeifaddrs(struct ifaddrs *a)
{
}

static void machine_has(unsigned char last)
{
    v4.sin_addr.s_addr = htonl(0xc6336400U | last); /* 198.51.100.0/24, RFC 5737 */
    v6.sin6_addr = (struct in6_addr){.s6_addr = {0x20, 0x01, 0x0d, 0xb8, [15] = last}};
}

static struct conf *conf_of(const char *listen)
{
    char text[600];
    CLEANUP(buf_free) struct buf problems = BUF_INIT(8192);
    struct conf *c = NULL;
    snprintf(text, sizeof text, "hostname mx.clinic.example; %s\n", listen);
    if (conf_parse(str_c(text), "t", &problems, &c) < 0) {
        fail_msg("refused: %.*s", STR_ARG(buf_str(&problems)));
    }
    return c;
}

static void by_listen(void **state)
{
    enum { ALL = 9 };
    static const char *const hosts[ALL] = {
        "MX.clinic.example",   "mx.other.example", "198.51.100.7", "2001:db8::7",
        "::ffff:198.51.100.7", "127.0.1.1",        "::1",          "0.0.0.0",
        "198.51.100.8",
    };
    static const struct {
        const char *listen;
        const char *has; /* a digit for each of hosts */
    } cases[] = {
        {"listen smtp { address [::]:25; }", "101111110"},
        {"listen smtp { address 0.0.0.0:25; }", "101011010"},
        {"listen smtp { address 0.0.0.0:2525; }", "101011010"},
        /* the machine's others may be another server's */
        {"listen smtp { address 198.51.100.7:25; }", "101010000"},
        {"listen smtp { address [2001:db8:0::7]:25; }", "100100000"},
        {"listen smtp { address 198.51.100.8:25; } listen submission { address [::]:587; } "
         "certificate { chain /c.pem; key /k.pem; }",
         "100000001"},
    };
    struct own_hosts own = {0};
    machine_has(7);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf *c = conf_of(cases[i].listen);
        char got[ALL + 1] = "";
        for (size_t k = 0; k < ALL; k++) {
            got[k] = own_hosts_has(&own, c, hosts[k]) ? '1' : '0';
        }
        assert_string_equal(got, cases[i].has);
        conf_free(c);
    }
    own_hosts_free(&own);
}

/* What goes to one of these addresses comes in here again (postfix: "mail for ... loops back to
 * myself"). */
static void behind_any(void **state)
{
    static const struct {
        const char *listen, *host;
        uint16_t port;
        bool is_here;
    } cases[] = {
        {"listen smtp { address [::]:25; }", "198.51.100.7", 25, true},
        {"listen smtp { address [::]:25; }", "::ffff:198.51.100.7", 25, true},
        {"listen smtp { address [::]:25; }", "2001:db8::7", 25, true},
        {"listen smtp { address [::]:25; }", "198.51.100.7", 2525, false},
        {"listen smtp { address [::]:25; }", "198.51.100.8", 25, false},
        {"listen smtp { address [::]:25; }", "mx.clinic.example", 25, false},
        {"listen smtp { address 0.0.0.0:25; }", "198.51.100.7", 25, true},
        {"listen smtp { address 0.0.0.0:25; }", "2001:db8::7", 25, false},
        {"listen smtp { address 198.51.100.9:25; }", "198.51.100.7", 25, false},
    };
    struct own_hosts own = {0};
    machine_has(7);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf *c = conf_of(cases[i].listen);
        assert_int_equal(own_hosts_behind_any(&own, c, cases[i].host, cases[i].port),
                         cases[i].is_here);
        conf_free(c);
    }
    own_hosts_free(&own);
}

/* DHCP, an address that a cluster moves: seen within a second, and kept while the kernel does
 * not tell. */
static void machine_changes(void **state)
{
    struct own_hosts own = {0};
    struct conf *c = conf_of("listen smtp { address [::]:25; }");
    machine_has(7);
    now_ms = 5000;
    assert_true(own_hosts_has(&own, c, "198.51.100.7"));
    machine_has(9);
    now_ms += 1000;
    assert_true(own_hosts_has(&own, c, "198.51.100.9"));
    assert_false(own_hosts_has(&own, c, "198.51.100.7"));
    is_silent = true;
    now_ms += 1000;
    assert_true(own_hosts_has(&own, c, "198.51.100.9"));
    is_silent = false;
    own_hosts_free(&own);
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_listen),
        cmocka_unit_test(behind_any),
        cmocka_unit_test(machine_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
