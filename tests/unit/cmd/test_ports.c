/* SPDX-License-Identifier: Apache-2.0
 * test_ports.c: which sockets a reload keeps, opens and closes. The kernel is the witness: what
 * is open answers connect(2).
 */
#include "../check.h"
#include "cmd/posternd/posternd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the service manager there is none here. */
int activated_socket(const struct endpoint *at)
{
    return -1;
}

static bool answers(unsigned port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return yes;
}

static unsigned chosen_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* A port that is free: the kernel's choice of a moment ago, another one each time. */
static unsigned free_port(void)
{
    static unsigned given[64];
    static size_t n;
    unsigned port = chosen_port();
    for (size_t i = 0; i < n; i++) {
        if (given[i] == port) {
            port = chosen_port();
            i = (size_t)-1; /* all over again */
        }
    }
    assert_true(n < ARRAY_LEN(given));
    given[n++] = port;
    return port;
}

struct wanted {
    struct conf conf;
    char text[3][32];
    const char *words[3];
};

/* Two listen blocks of a port each, and metrics on a third one (0: not). */
static void wish(struct wanted *w, unsigned first, unsigned second, unsigned metrics)
{
    const unsigned ports[] = {first, second, metrics};
    *w = (struct wanted){.conf.n_listens = 2};
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        snprintf(w->text[i], sizeof w->text[i], "127.0.0.1:%u", ports[i]);
        w->words[i] = w->text[i];
    }
    w->conf.listens[0].addresses = (struct conf_words){&w->words[0], 1};
    w->conf.listens[1].addresses = (struct conf_words){&w->words[1], 1};
    w->conf.metrics.addresses = (struct conf_words){&w->words[2], metrics ? 1 : 0};
}

static void what_stays_is_taken_over(void **state)
{
    static struct wanted w;
    static struct ports old, next;
    char problem[256] = "";
    unsigned a = free_port(), b = free_port(), c = free_port();
    wish(&w, a, b, 0);
    assert_int_equal(ports_open(&w.conf, NULL, &old, problem, sizeof problem), 0);
    assert_true(answers(a) && answers(b) && !answers(c));
    /* the first block has a new port, the second the first one's; metrics have the second one's */
    wish(&w, c, a, b);
    assert_int_equal(ports_open(&w.conf, &old, &next, problem, sizeof problem), 0);
    assert_true(answers(a) && answers(b) && answers(c)); /* all, until it is replaced */
    assert_int_equal(next.n, 3);
    assert_true(next.v[1].fd == old.v[0].fd && next.v[1].listen == 1 &&
                next.v[1].kind == PORT_SMTP);
    assert_true(next.v[2].fd == old.v[1].fd && next.v[2].kind == PORT_METRICS);
    ports_replace(&old, &next);
    assert_true(answers(a) && answers(b) && answers(c));
    wish(&w, a, c, 0);
    assert_int_equal(ports_open(&w.conf, &old, &next, problem, sizeof problem), 0);
    ports_replace(&old, &next);
    assert_true(answers(a) && !answers(b) && answers(c));
    next.n = 0;
    ports_replace(&old, &next);
    assert_true(!answers(a) && !answers(c));
}

static void what_cannot_be_had_changes_nothing(void **state)
{
    static struct wanted w, other;
    static struct ports old, theirs, next;
    char problem[256] = "";
    unsigned a = free_port(), b = free_port(), c = free_port(), d = free_port();
    wish(&w, a, b, 0);
    assert_int_equal(ports_open(&w.conf, NULL, &old, problem, sizeof problem), 0);
    wish(&other, d, d, 0);
    other.conf.n_listens = 1;
    assert_int_equal(ports_open(&other.conf, NULL, &theirs, problem, sizeof problem), 0);
    wish(&w, c, d, a);
    assert_int_equal(ports_open(&w.conf, &old, &next, problem, sizeof problem), -EADDRINUSE);
    assert_true(strstr(problem, w.text[1]) && strstr(problem, "another program has it"));
    /* the new one that was open already is closed again */
    assert_true(answers(a) && answers(b) && !answers(c));
    next.n = 0;
    ports_replace(&old, &next);
    ports_replace(&theirs, &next);
}

/* smtpin, web and metrics have tables of 16. */
static void more_than_they_take_is_refused(void **state)
{
    static struct wanted w;
    static struct ports next;
    static const char *many[17];
    static char text[17][32];
    char problem[256] = "";
    wish(&w, free_port(), free_port(), 0);
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        snprintf(text[i], sizeof text[i], "127.0.0.1:%u", free_port());
        many[i] = text[i];
    }
    w.conf.metrics.addresses = (struct conf_words){many, 17};
    assert_int_equal(ports_open(&w.conf, NULL, &next, problem, sizeof problem), -ENOSPC);
    assert_string_equal(problem, "metrics: more than 16 addresses");
    assert_int_equal(next.n, 0);
    assert_false(answers((unsigned)strtoul(strchr(text[0], ':') + 1, NULL, 10)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_is_taken_over),
        cmocka_unit_test(what_cannot_be_had_changes_nothing),
        cmocka_unit_test(more_than_they_take_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
