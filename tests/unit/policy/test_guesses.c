/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of policy/guesses, with a clock of their own. Numbers: OWASP ASVS 4.0 2.2.1 (at most
 * 100 failed tries an hour at one account), NIST SP 800-63B 5.2.2 (networks where somebody logged
 * in before; earlier failures from there count no more after a success), the defaults of the
 * configuration. Public reports stand beside the cases.
 */
#include "policy/guesses.h"
#include "check.h"

#include <stdio.h>

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, FAILURES = 10, PER_CLIENT = 20 };
static const int64_t day = 24LL * HOUR, start = 1800000000000LL;

/* The queue's, for the defaults (failures 10, failures-per-client 20, failure-time 15m). */
static const struct guess_limits limits = {
    .own = {FAILURES, 15 * MINUTE},
    .network = {PER_CLIENT, 15 * MINUTE},
    .each = {3, HOUR},
    .first = {2 * FAILURES, HOUR},
    .rest = {FAILURES, 15 * MINUTE},
    .day = {5 * FAILURES, 12LL * HOUR},
};

struct world {
    struct guesses *g;
    struct guess_time now;
    struct guess_ruling last;
};

static struct world world_new(void)
{
    struct world w = {guesses_new(), {1000, start}, {.n_charged = 0}};
    guesses_limit(w.g, GUESS_PASSWORD, &limits);
    guesses_limit(w.g, GUESS_CODE, &limits);
    guesses_limit(w.g, GUESS_LINK_CODE, &limits);
    return w;
}

static void wait(struct world *w, int64_t ms)
{
    w->now.mono_ms += ms;
    w->now.wall_ms += ms;
}

static struct guess password(const char *who, const char *client)
{
    return (struct guess){.kind = GUESS_PASSWORD, .who = str_c(who), .client = str_c(client)};
}

static bool goes(struct world *w, const struct guess *x)
{
    guesses_ask(w->g, x, w->now, &w->last);
    return w->last.answer == GUESS_GO;
}

static bool wrong(struct world *w, const char *who, const char *client)
{
    const struct guess x = password(who, client);
    bool went = goes(w, &x);
    if (went) {
        guesses_wrong(w->g, &x, w->now);
    }
    return went;
}

static bool right(struct world *w, const char *who, const char *client)
{
    const struct guess x = password(who, client);
    bool went = goes(w, &x);
    if (went) {
        (void)guesses_right(w->g, &x, &w->last, w->now);
    }
    return went;
}

/* How many of n went. */
static int wrongs(struct world *w, const char *who, const char *client, int n)
{
    int went = 0;
    for (int i = 0; i < n; i++) {
        went += wrong(w, who, client);
    }
    return went;
}

static void one_stranger(void **state)
{
    struct world w = world_new();
    assert_int_equal(wrongs(&w, "alice", "192.0.2.1", 50), FAILURES);
    assert_true(w.last.answer == GUESS_TOO_MANY_AT_LOGIN &&
                w.last.wait_ms == 90 * 1000); /* 15 minutes for ten */
    wait(&w, 90 * 1000 - 1);
    assert_false(wrong(&w, "alice", "192.0.2.1"));
    wait(&w, 1);
    assert_true(wrong(&w, "alice", "192.0.2.1"));
    assert_false(wrong(&w, "alice", "192.0.2.1"));
    guesses_free(w.g);
}

/* The audit's case, and Mailu/Mailu#2880, CVE-2024-10270 of Keycloak: ten wrong passwords from
 * anywhere. The owner is at home, on a browser used before, next door, somewhere new. */
static void the_owner_gets_in(void **state)
{
    struct world w = world_new();
    char device[GUESS_DEVICE];
    memset(device, 7, sizeof device);
    assert_true(right(&w, "alice", "198.51.100.7"));
    struct guess browser = password("alice", "192.0.2.200");
    browser.device = str_from(device, sizeof device);
    assert_true(goes(&w, &browser));
    (void)guesses_right(w.g, &browser, &w.last, w.now);
    assert_int_equal(wrongs(&w, "alice", "203.0.113.9", 100), FAILURES);
    assert_true(right(&w, "alice", "198.51.100.7") && w.last.payer == GUESS_BY_PLACE);
    browser.client = STR("203.0.113.9"); /* even behind the guesser's own address */
    assert_true(goes(&w, &browser) && w.last.payer == GUESS_BY_DEVICE);
    assert_true(right(&w, "alice", "198.51.100.99") && w.last.payer == GUESS_BY_AREA);
    assert_true(right(&w, "alice", "100.64.1.1") && w.last.payer == GUESS_BY_FIRST); /* a hotel */
    guesses_free(w.g);
}

/* Twenty networks at once use up the first tries of strangers; who is known does not notice, and
 * whoever is not waits minutes. */
static void many_strangers(void **state)
{
    struct world w = world_new();
    char client[32];
    int went = 0;
    assert_true(right(&w, "alice", "198.51.100.7"));
    for (int i = 0; i < 5000; i++) {
        snprintf(client, sizeof client, "10.%d.%d.1", i / 250, i % 250);
        went += wrong(&w, "alice", client);
    }
    assert_true(went <= 2 * FAILURES);
    assert_true(right(&w, "alice", "198.51.100.7"));
    assert_false(right(&w, "alice", "100.64.1.1"));
    assert_true(w.last.wait_ms > 0 && w.last.wait_ms <= 3 * MINUTE);
    assert_true(right(&w, "bob", "100.64.1.1"));
    guesses_free(w.g);
}

/* Guesses from twenty networks, from the owner's own place, and from where they are now: all waits
 * end at once, another's stay, and the places are known as before. */
static void who_is_forgiven(void **state)
{
    struct world w = world_new();
    char client[32];
    assert_true(right(&w, "alice", "198.51.100.7"));
    for (int i = 0; i < 400; i++) {
        snprintf(client, sizeof client, "10.%d.0.1", i % 200);
        (void)wrong(&w, i % 2 ? "alice" : "bob", client);
    }
    assert_int_equal(wrongs(&w, "alice", "198.51.100.7", 50), FAILURES);
    assert_false(right(&w, "alice", "100.64.1.1"));
    int64_t wait_ms = w.last.wait_ms;
    assert_true(wait_ms > 0);
    assert_true(guesses_forgive(w.g, GUESS_PASSWORD, STR("alice"), STR(""), w.now) == wait_ms);
    assert_true(guesses_forgive(w.g, GUESS_PASSWORD, STR("alice"), STR(""), w.now) == 0);
    assert_true(right(&w, "alice", "100.64.1.1") && w.last.payer == GUESS_BY_FIRST);
    assert_true(right(&w, "alice", "198.51.100.7") && w.last.payer == GUESS_BY_PLACE);
    assert_false(right(&w, "bob", "100.64.1.1"));
    assert_int_equal(wrongs(&w, "alice", "203.0.113.9", 100), FAILURES);
    guesses_free(w.g);
}

/* The network is refused, whoever they say they are: only its own name helps. */
static void a_network_is_forgiven(void **state)
{
    struct world w = world_new();
    char who[32];
    for (int i = 0; i < 100; i++) {
        snprintf(who, sizeof who, "u%d", i);
        (void)wrong(&w, who, "2001:db8:1:2::7");
    }
    assert_true(!right(&w, "alice", "2001:db8:1:2::9") && w.last.answer == GUESS_TOO_MANY_HERE);
    assert_true(guesses_forgive(w.g, GUESS_PASSWORD, STR("alice"), STR(""), w.now) == 0);
    assert_false(right(&w, "alice", "2001:db8:1:2::9"));
    assert_true(guesses_forgive(w.g, GUESS_PASSWORD, STR("alice"), STR("2001:db8:1:2::9"), w.now) >
                0);
    assert_true(right(&w, "alice", "2001:db8:1:2::9"));
    guesses_free(w.g);
}

/* ASVS 2.2.1, with as many networks as there are and a try each second. */
static void at_most_a_hundred_an_hour(void **state)
{
    struct world w = world_new();
    char client[32];
    int went = 0;
    for (int i = 0; i < HOUR / 1000; i++) {
        snprintf(client, sizeof client, "10.%d.%d.1", i / 250, i % 250);
        went += wrong(&w, "alice", client) + wrong(&w, "alice", "192.0.2.1");
        wait(&w, 1000);
    }
    assert_in_range(went, 60, 100);
    for (int i = 0; i < 23 * HOUR / 1000; i++) {
        went += wrong(&w, "alice", "192.0.2.1");
        wait(&w, 1000);
    }
    assert_in_range(went, 100,
                    100 + 10 * FAILURES +
                        24 * 3); /* one network: a hundred a day, and its first ones each hour */
    guesses_free(w.g);
}

/* zulip/zulip#21544, rustdesk/rustdesk#13070: whatever somebody may number freely in IPv6 counts
 * together, and a little more is allowed at each step out. getgrav/grav-plugin-login#204: one free
 * try for each new address is no limit there. */
static void networks_inside_networks(void **state)
{
    static const struct {
        const char *form;
        int most;
    } cases[] = {
        {"2001:db8:1:1::%x", PER_CLIENT},       {"2001:db8:2:%x::1", 2 * PER_CLIENT},
        {"2001:db8:3:%x00::1", 4 * PER_CLIENT}, {"2001:db9:%x::1", 32 * PER_CLIENT},
        {"192.0.2.%u", 4 * PER_CLIENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w = world_new();
        char client[64], who[32];
        int went = 0;
        for (int k = 0; k < 3000; k++) { /* a name each: no login is guessed at twice */
            snprintf(client, sizeof client, cases[i].form, k % (i == 3 ? 3000 : 250));
            snprintf(who, sizeof who, "somebody%d", k);
            went += wrong(&w, who, client);
        }
        assert_int_equal(went, cases[i].most);
        assert_int_equal(w.last.answer, GUESS_TOO_MANY_HERE);
        guesses_free(w.g);
    }
}

/* A /32 of IPv6 has 65536 /48: it neither fills the table nor takes anybody's budget out of it. */
static void a_large_network_pushes_nobody_out(void **state)
{
    struct world w = world_new();
    char client[64], who[32];
    assert_true(right(&w, "alice", "2001:db8:aaaa::1"));
    assert_int_equal(wrongs(&w, "bob", "192.0.2.1", 50), FAILURES);
    for (int i = 0; i < 300000; i++) {
        snprintf(client, sizeof client, "2001:dba:%x:%x::1", i & 0xffff, i >> 16);
        snprintf(who, sizeof who, "nobody%d", i);
        (void)wrong(&w, who, client);
    }
    assert_int_equal(wrongs(&w, "bob", "192.0.2.1", 50), 0); /* still counted */
    assert_true(right(&w, "alice", "2001:db8:aaaa::1") && w.last.payer == GUESS_BY_PLACE);
    assert_true(right(&w, "carol", "203.0.113.1"));
    guesses_free(w.g);
}

/* 200,000 names from 50,000 networks within a minute, more than a gateway lets in: others hardly
 * notice. */
static void a_flood_of_names_slows_nobody(void **state)
{
    struct world w = world_new();
    char client[64], who[32];
    int refused = 0;
    for (int i = 0; i < 200000; i++) {
        snprintf(client, sizeof client, "%d.%d.%d.1", 11 + i % 50, i / 50 % 250, i / 12500);
        snprintf(who, sizeof who, "nobody%d", i);
        (void)wrong(&w, who, client);
    }
    for (int i = 0; i < 10000; i++) {
        snprintf(client, sizeof client, "198.%d.%d.1", i / 250, i % 250);
        snprintf(who, sizeof who, "person%d", i);
        refused += !right(&w, who, client);
    }
    assert_in_range(refused, 0, 10);
    guesses_free(w.g);
}

/* fail2ban/fail2ban#779, nextcloud/server#3971: a phone with the old password asks each minute, for
 * days. */
static void an_old_password_in_a_phone(void **state)
{
    struct world w = world_new();
    struct guess phone = password("alice", "198.51.100.7");
    assert_true(right(&w, "alice", "198.51.100.7"));
    phone.secret = 4711;
    for (int i = 0; i < 3 * 24 * 60; i++) {
        if (goes(&w, &phone)) {
            guesses_wrong(w.g, &phone, w.now);
        }
        assert_true(w.last.answer == GUESS_GO);
        wait(&w, MINUTE);
    }
    assert_int_equal(wrongs(&w, "alice", "198.51.100.7", 5), 5);
    phone.client = STR("203.0.113.5"); /* from elsewhere it is a guess like any other */
    assert_true(goes(&w, &phone) && w.last.payer == GUESS_BY_FIRST);
    guesses_free(w.g);
}

/* Right after being wrong: the password was changed to what the phone says. */
static void said_before_and_now_right(void **state)
{
    struct world w = world_new();
    struct guess x = password("alice", "198.51.100.7");
    x.secret = 1;
    for (int i = 0; i < 3; i++) {
        assert_true(goes(&w, &x));
        guesses_wrong(w.g, &x, w.now);
    }
    assert_true(goes(&w, &x) && guesses_right(w.g, &x, &w.last, w.now));
    guesses_free(w.g);
}

/* PortSwigger's lab "broken brute-force protection, IP block": a guesser logs in to an account of
 * their own between guesses, and the counts began anew. */
static void a_login_of_ones_own_resets_nothing(void **state)
{
    struct world w = world_new();
    int went = 0;
    for (int i = 0; i < 100; i++) {
        went += wrong(&w, "alice", "192.0.2.1");
        assert_true(right(&w, "mallory", "192.0.2.1"));
    }
    assert_int_equal(went, FAILURES);
    for (int i = 0; i < 100; i++) { /* nor are names tried one after the other */
        char who[32];
        snprintf(who, sizeof who, "victim%d", i);
        went += wrong(&w, who, "192.0.2.1");
        (void)right(&w, "mallory", "192.0.2.1");
    }
    assert_int_equal(went, PER_CLIENT);
    guesses_free(w.g);
}

/* Many people behind one address log in for the first time (nextcloud/server#3156,
 * theforeman/foreman#4132: all behind one address): no failures, no limit. */
static void a_whole_office_logs_in(void **state)
{
    struct world w = world_new();
    char who[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(who, sizeof who, "person%d", i);
        assert_true(right(&w, who, "198.51.100.7"));
    }
    assert_int_equal(wrongs(&w, "someone", "198.51.100.7", 100), FAILURES);
    assert_int_equal(wrongs(&w, "else", "198.51.100.7", 100), FAILURES);
    for (int i = 0; i < 2000; i++) { /* and somebody else's guesses there do not shut them out */
        snprintf(who, sizeof who, "person%d", i);
        assert_true(right(&w, who, "198.51.100.7"));
    }
    guesses_free(w.g);
}

/* Tries that are under way at the same time are counted when they begin. */
static void at_once_is_no_more_than_one_after_the_other(void **state)
{
    struct world w = world_new();
    const struct guess x = password("alice", "192.0.2.1");
    struct guess_ruling all[100];
    int went = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        guesses_ask(w.g, &x, w.now, &all[i]);
        went += all[i].answer == GUESS_GO;
    }
    assert_int_equal(went, FAILURES);
    (void)guesses_right(
        w.g, &x, &all[0],
        w.now); /* one was right: nine stay counted, for whoever is elsewhere in the area */
    assert_int_equal(wrongs(&w, "alice", "203.0.113.1", 50), 1 + 2);
    guesses_free(w.g);
}

static void what_was_given_back_is_there_once(void **state)
{
    struct world w = world_new();
    const struct guess x = password("alice", "192.0.2.1");
    struct guess_ruling r;
    guesses_ask(w.g, &x, w.now, &r);
    assert_true(r.n_charged > 0);
    (void)guesses_right(w.g, &x, &r, w.now);
    (void)guesses_right(w.g, &x, &r, w.now);
    assert_int_equal(wrongs(&w, "alice", "203.0.113.1", 50), FAILURES);
    guesses_free(w.g);
}

/* dovecot's auth-policy and ours: a directory that is away for an hour costs nobody their tries. */
static void what_was_not_looked_at(void **state)
{
    struct world w = world_new();
    char device[GUESS_DEVICE] = "a browser";
    struct guess x = password("alice", "198.51.100.7");
    for (int i = 0; i < 4; i++) { /* a stranger; at a place; in its area; on a device */
        x.client = i == 2 ? STR("198.51.100.9") : STR("198.51.100.7");
        x.device = i == 3 ? str_from(device, sizeof device) : STR("");
        for (int k = 0; k < 100; k++) {
            assert_true(goes(&w, &x));
            guesses_void(w.g, &x, &w.last);
        }
        assert_true(goes(&w, &x) && guesses_right(w.g, &x, &w.last, w.now) == (i != 1));
        if (i == 2) {
            guesses_forget(w.g, GUESS_PASSWORD, STR("alice"));
            x.device = str_from(device, sizeof device);
            assert_true(goes(&w, &x) && guesses_right(w.g, &x, &w.last, w.now));
        }
    }
    guesses_free(w.g);
}

static void places_are_known_for_ninety_days(void **state)
{
    struct world w = world_new();
    assert_true(right(&w, "alice", "2001:db8:1:2:3:4:5:6"));
    wait(&w, guess_known_ms - 1);
    assert_true(wrong(&w, "alice", "2001:db8:1:2:ffff::1") && w.last.payer == GUESS_BY_PLACE);
    wait(&w, 1);
    assert_true(wrong(&w, "alice", "2001:db8:1:2:ffff::1") && w.last.payer == GUESS_BY_FIRST);
    guesses_free(w.g);
}

static void what_was_written_down(void **state)
{
    char place[GUESS_PLACE_TEXT], device[GUESS_PLACE_TEXT], octets[GUESS_DEVICE];
    struct world w = world_new();
    struct guess x = password("alice", "203.0.113.1");
    for (size_t i = 0; i < sizeof octets; i++) {
        octets[i] = (char)(i * 37);
    }
    guesses_place_text(STR("2001:db8:1:2:3:4:5:6"), place);
    assert_string_equal(place, "2001:db8:1:2::/64");
    assert_true(guesses_know(w.g, GUESS_PASSWORD, STR("alice"), str_c(place), w.now.wall_ms));
    guesses_place_text(STR("::ffff:192.0.2.1"), place);
    assert_string_equal(place, "192.0.2.1");
    assert_true(guesses_know(w.g, GUESS_PASSWORD, STR("alice"), str_c(place), w.now.wall_ms));
    guesses_device_text(str_from(octets, sizeof octets), device);
    assert_true(strncmp(device, "device 00254a6f", 15) == 0 && strlen(device) == 7 + 64);
    assert_true(guesses_know(w.g, GUESS_PASSWORD, STR("alice"), str_c(device), w.now.wall_ms));
    assert_true(wrong(&w, "alice", "2001:db8:1:2::9") && w.last.payer == GUESS_BY_PLACE);
    assert_true(wrong(&w, "alice", "192.0.2.1") && w.last.payer == GUESS_BY_PLACE);
    x.device = str_from(octets, sizeof octets);
    assert_true(goes(&w, &x) && w.last.payer == GUESS_BY_DEVICE);
    guesses_place_text(STR("nonsense"), place);
    guesses_device_text(STR("short"), device);
    assert_true(place[0] == '\0' && device[0] == '\0');
    static const char *const none[] = {"", "x", "device ", "device 00", "192.0.2", "1.2.3.4.5"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_false(
            guesses_know(w.g, GUESS_PASSWORD, STR("alice"), str_c(none[i]), w.now.wall_ms));
    }
    guesses_forget(w.g, GUESS_PASSWORD, STR("alice"));
    assert_true(wrong(&w, "alice", "192.0.2.1") && w.last.payer == GUESS_BY_FIRST);
    guesses_free(w.g);
}

/* Somebody on the move: the place used least lately makes room, one in daily use stays. */
static void places_are_bounded(void **state)
{
    struct world w = world_new();
    char client[32];
    assert_true(right(&w, "alice", "198.51.100.7"));
    for (int i = 0; i < 500; i++) {
        snprintf(client, sizeof client, "100.64.%d.1", i % 250);
        wait(&w, day + HOUR);
        assert_true(right(&w, "alice", client) && right(&w, "alice", "198.51.100.7"));
        assert_true(w.last.payer == GUESS_BY_PLACE);
    }
    guesses_free(w.g);
}

static void codes_and_passwords_are_apart(void **state)
{
    struct world w = world_new();
    struct guess code = password("alice@good.test", "192.0.2.1");
    assert_int_equal(wrongs(&w, "alice@good.test", "192.0.2.1", 50), FAILURES);
    code.kind = GUESS_CODE;
    assert_true(goes(&w, &code) && w.last.payer == GUESS_BY_FIRST);
    code.kind = GUESS_LINK_CODE; /* by a link its network counts alone, whoever it is for */
    for (int i = 0; i < PER_CLIENT - 1; i++) {
        assert_true(goes(&w, &code) && w.last.payer == GUESS_BY_NETWORK);
    }
    assert_true(!goes(&w, &code) && w.last.answer == GUESS_TOO_MANY_HERE);
    (void)guesses_know(w.g, GUESS_CODE, STR("alice@good.test"), STR("192.0.2.1"), w.now.wall_ms);
    assert_true(goes(&w, &code) && w.last.payer == GUESS_BY_PLACE);
    guesses_free(w.g);
}

/* Flowfin/jellyfin-plugin-sso#317: a translator's /96 is not one network, and a /48 of 6to4 is one
 * address. */
static void addresses_inside_addresses(void **state)
{
    struct world w = world_new();
    char client[64], who[32];
    int went[2] = {0, 0};
    for (int i = 0; i < 1000; i++) {
        snprintf(who, sizeof who, "somebody%d", i);
        snprintf(client, sizeof client, "64:ff9b::10.0.%d.1", i % 250);
        went[0] += wrong(&w, who, client);
        snprintf(client, sizeof client, "2002:c000:201:%x::1", i);
        went[1] += wrong(&w, who, client);
    }
    assert_int_equal(went[0], 1000);
    assert_int_equal(went[1], PER_CLIENT);
    assert_int_equal(wrongs(&w, "alice", "192.0.2.1", 10), 0); /* the same machine */
    assert_true(wrong(&w, "alice", "192.0.2.2"));
    guesses_free(w.g);
}

static void unknown_clients_count_together(void **state)
{
    struct world w = world_new();
    int went = 0;
    for (int i = 0; i < 100; i++) {
        char who[32], client[32];
        snprintf(who, sizeof who, "somebody%d", i);
        snprintf(client, sizeof client, "not an address %d", i);
        went += wrong(&w, who, client);
    }
    assert_int_equal(went, PER_CLIENT);
    assert_true(right(&w, "alice", "198.51.100.7"));
    guesses_free(w.g);
}

static void other_counts(void **state)
{
    struct world w = world_new();
    const struct guess_rate ten = {10, HOUR};
    for (int i = 0; i < 10; i++) {
        assert_true(guesses_count(w.g, "link", STR("1"), ten, w.now));
    }
    assert_false(guesses_count(w.g, "link", STR("1"), ten, w.now));
    assert_true(guesses_count(w.g, "link", STR("2"), ten, w.now) &&
                guesses_count(w.g, "files", STR("1"), ten, w.now));
    wait(&w, 6 * MINUTE);
    assert_true(guesses_count(w.g, "link", STR("1"), ten, w.now) &&
                !guesses_count(w.g, "link", STR("1"), ten, w.now));
    guesses_free(w.g);
}

/* --- every order of what may happen ------------------------------------- */

enum act {
    STRANGER,
    OTHER_STRANGER,
    NEIGHBOUR,
    OWNER_RIGHT,
    OWNER_WRONG,
    DEVICE_WRONG,
    FIVE_MINUTES,
    ACTS
};

/* What has to hold of one login, counted beside the module and in another way. */
struct watched {
    int64_t stranger_at[64], own_at[64], device_at[64];
    size_t strangers, own, device;
};

static size_t within(const int64_t *at, size_t n, int64_t now, int64_t window)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        found += now - at[i] < window;
    }
    return found;
}

static void act(struct world *w, struct watched *seen, enum act a, const char *who,
                struct str device)
{
    static const struct guess_rate two = {2, 15 * MINUTE};
    struct guess x = password(who, a == STRANGER         ? "192.0.2.1"
                                   : a == OTHER_STRANGER ? "203.0.113.1"
                                   : a == NEIGHBOUR      ? "198.51.100.99"
                                                         : "198.51.100.7");
    if (a == FIVE_MINUTES) {
        wait(w, 5 * MINUTE);
        return;
    }
    if (a == DEVICE_WRONG) {
        x.client = STR("192.0.2.1");
        x.device = device;
    }
    bool went = goes(w, &x);
    enum guess_payer payer = w->last.payer;
    int64_t *at = payer == GUESS_BY_DEVICE  ? seen->device_at
                  : payer == GUESS_BY_PLACE ? seen->own_at
                                            : seen->stranger_at;
    size_t *n = payer == GUESS_BY_DEVICE  ? &seen->device
                : payer == GUESS_BY_PLACE ? &seen->own
                                          : &seen->strangers;
    /* nobody else has used up what is the owner's */
    if (a == OWNER_RIGHT || a == OWNER_WRONG) {
        assert_true(went || within(seen->own_at, seen->own, w->now.mono_ms, two.window_ms) >= 2);
    } else if (a == DEVICE_WRONG) {
        assert_true(went ||
                    within(seen->device_at, seen->device, w->now.mono_ms, two.window_ms) >= 2);
    }
    assert_true(went || w->last.wait_ms > 0);
    if (went && a == OWNER_RIGHT) {
        (void)guesses_right(w->g, &x, &w->last, w->now);
        seen->own = payer == GUESS_BY_PLACE ? 0 : seen->own;
    } else if (went) {
        at[(*n)++] = w->now.mono_ms;
    }
}

/* A window has what is there at once and what comes back in it. */
static void every_order(void **state)
{
    enum { LENGTH = 7 };
    static const struct guess_limits small = {
        .own = {2, 15 * MINUTE},
        .network = {3, 15 * MINUTE},
        .each = {1, HOUR},
        .first = {2, HOUR},
        .rest = {2, 15 * MINUTE},
        .day = {4, 24LL * HOUR},
    };
    char device[GUESS_DEVICE] = "a browser", who[32];
    struct world w = world_new();
    long orders = 1;
    guesses_limit(w.g, GUESS_PASSWORD, &small);
    for (int i = 0; i < LENGTH; i++) {
        orders *= ACTS;
    }
    for (long order = 0; order < orders;
         order += 3) { /* 3 and 7 have no common divisor: each place sees all acts */
        struct watched seen = {.strangers = 0};
        char place[GUESS_PLACE_TEXT];
        snprintf(who, sizeof who, "login%ld", order % 1000);
        guesses_device_text(str_from(device, sizeof device), place);
        assert_true(
            guesses_know(w.g, GUESS_PASSWORD, str_c(who), STR("198.51.100.7"), w.now.wall_ms) &&
            guesses_know(w.g, GUESS_PASSWORD, str_c(who), str_c(place), w.now.wall_ms));
        long rest = order;
        for (int i = 0; i < LENGTH; i++, rest /= ACTS) {
            act(&w, &seen, (enum act)(rest % ACTS), who, str_from(device, sizeof device));
        }
        assert_true(seen.strangers <=
                    2 + 2 + 2 + 2 + 4); /* first, rest, and what came back; the area */
        wait(&w, 2 * day);
        guesses_forget(w.g, GUESS_PASSWORD, str_c(who));
    }
    guesses_free(w.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stranger),
        cmocka_unit_test(the_owner_gets_in),
        cmocka_unit_test(many_strangers),
        cmocka_unit_test(who_is_forgiven),
        cmocka_unit_test(a_network_is_forgiven),
        cmocka_unit_test(at_most_a_hundred_an_hour),
        cmocka_unit_test(networks_inside_networks),
        cmocka_unit_test(a_large_network_pushes_nobody_out),
        cmocka_unit_test(a_flood_of_names_slows_nobody),
        cmocka_unit_test(an_old_password_in_a_phone),
        cmocka_unit_test(said_before_and_now_right),
        cmocka_unit_test(a_login_of_ones_own_resets_nothing),
        cmocka_unit_test(a_whole_office_logs_in),
        cmocka_unit_test(at_once_is_no_more_than_one_after_the_other),
        cmocka_unit_test(what_was_given_back_is_there_once),
        cmocka_unit_test(what_was_not_looked_at),
        cmocka_unit_test(places_are_known_for_ninety_days),
        cmocka_unit_test(what_was_written_down),
        cmocka_unit_test(places_are_bounded),
        cmocka_unit_test(codes_and_passwords_are_apart),
        cmocka_unit_test(addresses_inside_addresses),
        cmocka_unit_test(unknown_clients_count_together),
        cmocka_unit_test(other_counts),
        cmocka_unit_test(every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
