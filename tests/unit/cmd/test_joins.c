/* SPDX-License-Identifier: Apache-2.0
 * test_joins.c: which sockets posternd makes between its children (joins.c). A process that was
 * taken over must not have sockets made that pile up in its betters: issue 23 of this project,
 * 1.
 */
#include "check.h"
#include "cmd/posternd/posternd.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *the_loop;
static struct posternd d;
static int far_end[2]; /* of the children's control channels */
static unsigned blamed;
static bool blamed_before;
static const struct supervised *queue = &d.children[0], *smtpin = &d.children[1];

struct supervised *children_find(struct posternd *of, unsigned role, unsigned index)
{
    for (size_t i = 0; i < of->n_children; i++) {
        if ((unsigned)of->children[i].role == role && of->children[i].index == index) {
            return &of->children[i];
        }
    }
    return NULL;
}

bool misuse_is_believed(const struct supervised *by, const struct supervised *of)
{
    return by == queue && of == smtpin;
}

void misuse_note(struct posternd *of, struct supervised *s, bool before, const char *told_by)
{
    blamed++;
    blamed_before = before;
}

static const struct ipc_rule none[] = {IPC_RULES_END};

static void on_closed(void *owner, struct ipc_channel *ch)
{
    ((struct supervised *)owner)->control = NULL;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void run_for(int64_t ms)
{
    struct timer *t = timer_new(the_loop, stop, the_loop);
    timer_start(t, ms);
    loop_run(the_loop);
    timer_free(t);
}

/* The sockets that a child was given since the last call; *ret_serial: of the last one. */
static unsigned given(size_t child, uint64_t *ret_serial)
{
    char frame[IPC_FRAME_MAX];
    unsigned n = 0;
    for (;;) {
        char room[CMSG_SPACE(sizeof(int))];
        struct iovec part = {frame, sizeof frame};
        struct msghdr h = {
            .msg_iov = &part,
            .msg_iovlen = 1,
            .msg_control = room,
            .msg_controllen = sizeof room,
        };
        ssize_t got = recvmsg(far_end[child], &h, MSG_DONTWAIT);
        if (got <= 0) {
            return n;
        }
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        if (c) {
            close(*(int *)(void *)CMSG_DATA(c)); /* as a socket that broke */
        }
        struct str in = str_from(frame, (size_t)got);
        struct ipc_msg m;
        unsigned flags;
        assert_int_equal(ipc_decode(&in, &m, &flags), 0);
        assert_int_equal(m.type, IPC_ctl_peer);
        *ret_serial = m.ctl_peer.serial;
        n++;
    }
}

/* A child says that its socket to another broke; true: it may say that. */
static bool lost(size_t child, enum role other, uint64_t serial, bool misused)
{
    const struct ipc_ctl_peer_lost m = {
        .role = other,
        .serial = serial,
        .misused = misused,
    };
    uint64_t before = ipc_refused();
    joins_on_lost(&d.children[child], d.children[child].control, &m);
    return ipc_refused() == before;
}

static int setup(void **state)
{
    static const enum role roles[] = {ROLE_QUEUE, ROLE_SMTPIN};
    the_loop = the_loop ? the_loop : loop_new();
    d = (struct posternd){.loop = the_loop, .n_children = 2};
    blamed = 0;
    for (size_t i = 0; i < 2; i++) {
        int fds[2];
        assert_int_equal(ipc_pair(fds), 0);
        struct supervised *s = &d.children[i];
        *s = (struct supervised){.role = roles[i], .d = &d, .ready = true, .pid = (pid_t)(100 + i)};
        s->control = ipc_channel_new(the_loop, fds[0], "child", none, on_closed, s);
        far_end[i] = fds[1];
    }
    joins_make(&d, &d.children[1]);
    run_for(1);
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        ipc_channel_free(d.children[i].control);
        close(far_end[i]);
    }
    timer_free(d.join_again);
    free(d.joins);
    run_for(1);
    return 0;
}

static void a_pair_that_both_lost_is_made_anew(void **state)
{
    uint64_t serial = 0, other = 0;
    assert_int_equal(given(0, &serial), 1);
    assert_int_equal(given(1, &other), 1);
    assert_int_equal(serial, other);
    assert_true(lost(0, ROLE_SMTPIN, serial, false));
    run_for(600);
    assert_int_equal(given(0, &other), 0);
    assert_true(lost(1, ROLE_QUEUE, serial, false));
    run_for(600);
    assert_true(given(0, &other) == 1 && other > serial);
    assert_int_equal(given(1, &other), 1);
}

static void one_of_them_alone_gets_nothing(void **state)
{
    uint64_t serial = 0;
    (void)given(0, &serial);
    (void)given(1, &serial);
    for (int i = 0; i < 1000; i++) {
        assert_true(lost(1, ROLE_QUEUE, serial, false));
    }
    run_for(600);
    assert_int_equal(given(0, &serial), 0);
    assert_int_equal(given(1, &serial), 0);
}

static void nobody_speaks_of_what_it_was_not_given(void **state)
{
    uint64_t serial = 0;
    (void)given(1, &serial);
    assert_false(lost(1, ROLE_QUEUE, serial + 1, false)); /* not made yet */
    assert_false(lost(1, ROLE_KEYS, serial, false));      /* no pair of these two */
    assert_true(lost(1, ROLE_QUEUE, serial - 1, false));  /* an earlier one: harmless */
    run_for(600);
    assert_int_equal(given(0, &serial), 1); /* that of the start */
}

/* One is blamed once for each pair of sockets, and only by its betters. */
static void one_is_blamed_once(void **state)
{
    uint64_t serial = 0;
    (void)given(0, &serial);
    assert_true(lost(1, ROLE_QUEUE, serial, true));
    assert_int_equal(blamed, 0);
    assert_true(lost(0, ROLE_SMTPIN, serial, true));
    assert_true(lost(0, ROLE_SMTPIN, serial, true));
    assert_true(blamed == 1 && !blamed_before);
}

/* It broke a rule and ended, and its successor was started before anybody told: that counts, and
 * what was long ago does not. */
static void who_ends_by_itself_is_blamed_too(void **state)
{
    struct supervised *s = &d.children[1];
    uint64_t serial = 0;
    (void)given(0, &serial);
    for (int lives = 0; lives < 2; lives++) { /* as children.c counts them */
        s->before_serial = s->first_serial;
        s->first_serial = d.serial;
        joins_make(&d, s);
        assert_true(lost(0, ROLE_SMTPIN, serial, true));
        assert_true(blamed == 1 && blamed_before);
    }
    run_for(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pair_that_both_lost_is_made_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(one_of_them_alone_gets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_speaks_of_what_it_was_not_given, setup, teardown),
        cmocka_unit_test_setup_teardown(one_is_blamed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(who_ends_by_itself_is_blamed_too, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
