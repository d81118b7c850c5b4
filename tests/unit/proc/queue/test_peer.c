/* SPDX-License-Identifier: Apache-2.0
 * test_peer.c: what a process that hands in messages may name (peer.c), and what a smtpout may
 * write in our name (orders.c), over a real store.
 */
#include "base/clock.h"
#include "check.h"
#include "ipc/about.h"
#include "proc/queue/queue.h"
#include "wire/id.h"

#include <sys/stat.h>
#include <unistd.h>

static struct queue q;
static struct conf *conf;
static struct loop *the_loop;
static char dir[64];

struct loop *child_loop(struct child *c)
{
    return the_loop;
}

const struct conf *child_conf(const struct child *c)
{
    return conf;
}

static void ignore_closed(void *owner, struct ipc_channel *ch)
{
}

static const struct ipc_rule none[] = {IPC_RULES_END};

static struct peer *join(enum role role, unsigned index)
{
    int fds[2];
    assert_int_equal(ipc_pair(fds), 0); /* the other end stays open and silent */
    return queue_peer_new(&q, fds[0], role, index, none, ignore_closed);
}

static void open_spool(struct peer *p, char name[64])
{
    const struct ipc_spool_open m = {.token = 1};
    size_t before = p->n_spools;
    queue_on_spool_open(&q, p->channel, &m);
    assert_int_equal(p->n_spools, before + 1);
    /* its name is the first field of the last one in the list */
    memcpy(name, (const char *)p->spools.prev + sizeof(struct link), 64);
}

static void files_belong_to_whom_they_were_given(void **state)
{
    struct peer *one = join(ROLE_SMTPIN, 0), *two = join(ROLE_SMTPIN, 1);
    char name[64];
    open_spool(one, name);
    assert_false(peer_takes_spool(two, str_c(name)));
    const struct ipc_spool_drop drop = {.name = str_c(name)};
    uint64_t refused = ipc_refused();
    queue_on_spool_drop(&q, two->channel, &drop);
    assert_int_equal(ipc_refused(), refused + 1);
    int fd = store_spool_open(q.store, str_c(name));
    assert_true(fd >= 0); /* still there */
    close(fd);
    assert_true(peer_takes_spool(one, str_c(name)));
    assert_false(peer_takes_spool(one, str_c(name))); /* a message has it now */
    queue_on_spool_drop(&q, one->channel, &drop);
    assert_int_equal(ipc_refused(), refused + 2);
    assert_true(peer_takes_spool(one, STR("")));
}

static ino_t inode_of(const char *name)
{
    struct stat st;
    int fd = store_spool_open(q.store, str_c(name));
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    close(fd);
    return st.st_ino;
}

/* A file that is used again may be open in who wrote it before. */
static void no_file_goes_to_another_writer(void **state)
{
    struct peer *one = join(ROLE_SMTPIN, 0), *two = join(ROLE_SMTPIN, 1);
    char first[64], second[64], third[64];
    open_spool(one, first);
    ino_t inode = inode_of(first);
    assert_true(peer_takes_spool(one, str_c(first)));
    store_spool_drop(q.store, str_c(first)); /* its message is done */
    open_spool(two, second);
    assert_int_not_equal(inode_of(second), inode);
    open_spool(one, third);
    assert_int_equal(inode_of(third), inode);
}

static bool look; /* the store must not have it */

static bool makes_id(struct peer *p, uint64_t id)
{
    look = false;
    return peer_makes_id(p, id, &look);
}

static void ids_are_of_their_maker_and_new(void **state)
{
    struct peer *in = join(ROLE_SMTPIN, 3), *out = join(ROLE_SMTPOUT, 3);
    int64_t now = clock_wall_ms();
    uint64_t id = id_make(now, ID_MAKERS_SMTPIN + 3, 7);
    assert_false(makes_id(out, id));
    assert_false(makes_id(in, id_make(now, ID_MAKERS_SMTPIN + 2, 7)));
    /* the clock was set back meanwhile */
    assert_true(makes_id(in, id_make(now + 3600 * 1000, ID_MAKERS_SMTPIN + 3, 7)));
    assert_true(makes_id(in, id));
    assert_false(look);
    assert_false(makes_id(in, id));    /* another mail has it */
    assert_true(makes_id(in, id - 1)); /* they do not come in their order */
    /* as if queue had been started anew: what it does not remember is looked up */
    q.intake.started_ms = now + 1000;
    assert_true(makes_id(in, id_make(now - 5, ID_MAKERS_SMTPIN + 3, 7)) && look);
    q.intake.started_ms = now - 1000;
    assert_true(makes_id(in, id_make(now + 1, ID_MAKERS_SMTPIN + 3, 8)) && !look);
}

static void mail_of_ours_is_ordered(void **state)
{
    struct order o;
    struct lease_id l = orders_give(&q, 1, ABOUT_ENVELOPE, 77, STR("x@y.test")),
                    made_up = lease_draw();
    assert_false(orders_take(&q, 1, &made_up, &o));
    assert_false(orders_take(&q, 0, &l, &o)); /* another smtpout */
    assert_true(orders_take(&q, 1, &l, &o));
    assert_true(o.about == ABOUT_ENVELOPE && o.about_id == 77 && o.bounce_of == 0);
    assert_string_equal(o.to, "x@y.test");
    assert_false(orders_take(&q, 1, &l, &o)); /* once */
    l = orders_give(&q, 1, ABOUT_OUTCOME, 5, STR("x@y.test"));
    assert_true(orders_take(&q, 1, &l, &o) && o.bounce_of == 5);
    l = orders_give(&q, 1, ABOUT_TLS_REPORT, 0, STR(""));
    assert_true(orders_take(&q, 1, &l, &o) && orders_take(&q, 1, &l, &o)); /* to each address */
    orders_end(&q, &l);
    assert_false(orders_take(&q, 1, &l, &o));
    l = orders_give(&q, 1, ABOUT_NOTHING, 0, STR("x@y.test"));
    assert_true(orders_known(&q, &l)); /* so another that names it is refused */
    orders_worker_gone(&q, 1);
    assert_false(orders_take(&q, 1, &l, &o));
    assert_false(orders_known(&q, &l)); /* over: not stored, and nobody's misuse */
    assert_int_equal(map_len(q.intake.orders), 0);
}

/* A bounce is ordered by its job: of the message's sender, in the smtpout that has it, until it
 * is stored. */
static void a_bounce_is_ordered_by_its_job(void **state)
{
    struct job bounce = {
        .lease = lease_draw(),
        .id = 9,
        .kind = JOB_BOUNCE,
        .smtpout = 2,
        .reverse_path = STR("a@in.test"),
    };
    struct job delivery = {.lease = lease_draw(), .id = 10, .kind = JOB_DELIVER, .smtpout = 2};
    struct order o;
    assert_int_equal(map_put(q.delivery.jobs, lease_key(&bounce.lease), &bounce), 0);
    assert_int_equal(map_put(q.delivery.jobs, lease_key(&delivery.lease), &delivery), 0);
    assert_false(orders_take(&q, 1, &bounce.lease, &o));
    assert_false(orders_take(&q, 2, &delivery.lease, &o));
    assert_true(orders_take(&q, 2, &bounce.lease, &o));
    assert_true(o.bounce_of == 9 && o.about == ABOUT_NOTHING);
    assert_string_equal(o.to, "a@in.test");
    bounce.bounce_stored = true;
    assert_false(orders_take(&q, 2, &bounce.lease, &o));
}

static int setup(void **state)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    char problem[256];
    strcpy(dir, "/tmp/test-peer-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(
        conf_parse(
            STR("hostname mx.example.test; listen smtp { address 192.0.2.1:25; }\n"
                "inside { domains in.test; networks 192.0.2.0/24; deliver-to x.in.test; }\n"),
            "t", &problems, &conf),
        0);
    the_loop = loop_new();
    q.delivery.jobs = map_new(100);
    q.intake.recent = map_new(RECENT_IDS + 1);
    q.intake.started_ms = clock_wall_ms() - 1000;
    orders_init(&q);
    assert_int_equal(store_open(dir, problem, sizeof problem, &q.store), 0);
    return 0;
}

static int teardown(void **state)
{
    store_close(q.store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_belong_to_whom_they_were_given),
        cmocka_unit_test(no_file_goes_to_another_writer),
        cmocka_unit_test(ids_are_of_their_maker_and_new),
        cmocka_unit_test(mail_of_ours_is_ordered),
        cmocka_unit_test(a_bounce_is_ordered_by_its_job),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
