/* SPDX-License-Identifier: Apache-2.0
 * test_keys.c: to whom `keys` gives a message key: the process that the queue named, once. The
 * whole process is taken in, its main under another name; an audit saw that whoever asked first
 * got the key.
 */
int keys_main(int argc, char **argv);
#define main keys_main
#include "proc/keys/main.c"
#undef main
#include "check.h"

struct requester {
    struct ipc_channel *channel;
    struct loop *loop;
    unsigned char key[REST_KEY];
    unsigned answers, given;
    bool closed;
};

static struct loop *the_loop;
static struct keys keys;

struct loop *child_loop(struct child *c)
{
    return the_loop;
}

static void on_unwrapped(void *owner, struct ipc_channel *ch, const struct ipc_unwrapped *m)
{
    struct requester *a = owner;
    a->answers++;
    a->given += m->ok;
    if (m->ok) {
        memcpy(a->key, m->key.p, REST_KEY);
    }
    loop_stop(a->loop);
}

static void on_asker_closed(void *owner, struct ipc_channel *ch)
{
    struct requester *a = owner;
    a->closed = true;
    a->channel = NULL;
    loop_stop(a->loop);
}

static const struct ipc_rule asker_rules[] = {IPC_ON(unwrapped, on_unwrapped), IPC_RULES_END};

static struct requester *join(enum role role, unsigned index)
{
    static struct requester askers[32];
    static size_t n;
    must(n < ARRAY_LEN(askers));
    struct requester *a = &askers[n++];
    int fds[2];
    assert_int_equal(ipc_pair(fds), 0);
    a->loop = the_loop;
    keys_on_peer(&keys, NULL, role, index, fds[0]);
    a->channel = ipc_channel_new(the_loop, fds[1], "keys", asker_rules, on_asker_closed, a);
    return a;
}

static void open_lease(struct requester *queue, struct lease_id l, enum role role, unsigned index,
                       unsigned char key[REST_KEY])
{
    struct rest_wrapper *w = rest_wrapper_new(keys.public_key);
    unsigned char wrapped[REST_WRAPPED];
    assert_int_equal(rest_wrap(w, 0, key, wrapped), 0);
    rest_wrapper_free(w);
    const struct ipc_lease_open m = {
        .lease = l,
        .role = role,
        .index = index,
        .sealed_key = str_from((char *)wrapped, sizeof wrapped),
    };
    on_lease_open(&keys, queue->channel, &m);
}

static void ask(struct requester *a, const struct lease_id *l)
{
    ipc_send(a->channel, &(struct ipc_msg){.type = IPC_unwrap, .unwrap = {.lease = *l}});
    loop_run(the_loop);
}

static int setup(void **state)
{
    unsigned char secret[REST_SECRET];
    assert_int_equal(rest_init(), 0);
    random_bytes(secret, sizeof secret);
    the_loop = loop_new();
    keys = (struct keys){.leases = map_new(LEASES_MAX)};
    list_init(&keys.by_age);
    list_init(&keys.asks);
    keys.opener = rest_opener_new(secret, keys.public_key);
    return 0;
}

static void a_key_goes_to_whom_it_was_promised_once(void **state)
{
    unsigned char key[REST_KEY];
    struct requester *queue = join(ROLE_QUEUE, 0), *own = join(ROLE_SMTPOUT, 1);
    struct lease_id l = lease_draw();
    open_lease(queue, l, ROLE_SMTPOUT, 1, key);
    ask(own, &l);
    assert_true(own->given == 1 && memcmp(own->key, key, REST_KEY) == 0);
    keys.sweep = timer_new(the_loop, sweep, &keys);
    timer_start(keys.sweep, 1);
    ask(own, &l); /* used up: refused when its time to come is over */
    assert_true(own->answers == 2 && own->given == 1 && !own->closed);
}

static void nobody_else_gets_it(void **state)
{
    static const struct {
        enum role role;
        unsigned index;
    } others[] = {{ROLE_SMTPOUT, 2}, {ROLE_INSPECT, 1}, {ROLE_WEB, 1}};
    unsigned char key[REST_KEY];
    struct requester *queue = join(ROLE_QUEUE, 0), *own = join(ROLE_SMTPOUT, 1);
    struct lease_id l = lease_draw();
    open_lease(queue, l, ROLE_SMTPOUT, 1, key);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct requester *a = join(others[i].role, others[i].index);
        ask(a, &l);
        assert_true(a->closed && a->answers == 0);
    }
    ask(own, &l); /* and it is there still for whom it is */
    assert_int_equal(own->given, 1);
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

/* A question may come before its lease; one of another does not get the answer. */
static void who_asks_first_is_not_who_gets_it(void **state)
{
    unsigned char key[REST_KEY];
    struct requester *queue = join(ROLE_QUEUE, 0), *thief = join(ROLE_SMTPOUT, 0),
                     *own = join(ROLE_SMTPOUT, 1);
    struct lease_id l = lease_draw();
    ipc_send(thief->channel, &(struct ipc_msg){.type = IPC_unwrap, .unwrap = {.lease = l}});
    for (int i = 0; i < 100 && keys.n_asks == 0; i++) {
        run_for(10);
    }
    assert_int_equal(keys.n_asks, 1);
    open_lease(queue, l, ROLE_SMTPOUT, 1, key);
    run_for(50);
    assert_true(thief->closed && thief->given == 0);
    ask(own, &l);
    assert_true(own->given == 1 && memcmp(own->key, key, REST_KEY) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_goes_to_whom_it_was_promised_once),
        cmocka_unit_test(nobody_else_gets_it),
        cmocka_unit_test(who_asks_first_is_not_who_gets_it),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
