/* SPDX-License-Identifier: Apache-2.0
 * test_admin.c: what an administrator orders about a message (admin.c) while a process of ours has
 * it in hand, or what became of it is just being stored; over a real store, asked as the postern
 * command asks.
 */
#include "base/clock.h"
#include "channels.h"
#include "check.h"
#include "late_store.h"
#include "proc/queue/queue.h"
#include "wire/id.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    struct loop *loop;
    struct queue q;
    struct job job;
    struct sched_destination to;
    uint64_t id, rcpt;
    int end; /* of the command */
    bool is_full, is_stored;
    bool ok;
    char words[500], dir[64];
} t;

/* --- what stands around it ---------------------------------------------- */

struct loop *child_loop(struct child *c)
{
    return t.loop;
}

void queue_commit(struct queue *q)
{
    if (!t.is_full) {
        store_flush(q->store);
    }
}

void acts_connected(struct ipc_channel *ch, int fd)
{
}

void acts_closed(struct ipc_channel *ch)
{
}

const char *acts_named(struct ipc_channel *ch, enum admin_verb verb, struct str by)
{
    return NULL;
}

struct acting acts_who(const struct ipc_channel *ch)
{
    return (struct acting){.by = "a test"};
}

void acts_words(const struct acting *who, char dst[ACTING_WORDS])
{
    *dst = '\0';
}

void acts_add(struct queue *q, const struct acting *who, enum admin_verb verb, struct str about,
              struct str detail)
{
}

void acts_send_row(void *walk, const struct store_act *a)
{
}

struct ipc_msg portal_row(const struct store_envelope *e, uint64_t token)
{
    return (struct ipc_msg){.type = IPC_row_envelope};
}

struct ipc_msg portal_event_row(const struct store_envelope_event *e, uint64_t token)
{
    return (struct ipc_msg){.type = IPC_row_envelope_event};
}

bool admin_acts(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                const struct ipc_admin *a)
{
    return false;
}

bool admin_domains(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                   const struct ipc_admin *a)
{
    return false;
}

bool admin_accounts(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                    const struct ipc_admin *a)
{
    return false;
}

bool admin_envelopes(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                     const struct ipc_admin *a)
{
    return false;
}

void admin_envelopes_requester_gone(const struct ipc_channel *ch)
{
}

void admin_domains_requester_gone(const struct ipc_channel *to)
{
}

void monitor_requester_gone(struct queue *q, const struct ipc_channel *to)
{
}

void policies_requester_gone(const struct ipc_channel *to)
{
}

void forwards_list(struct queue *q, struct ipc_channel *to)
{
}

void protection_release(struct queue *q, const struct store_rcpt *r, const char *who)
{
}

void ending_note(struct queue *q, const struct store_rcpt *r)
{
}

void queue_forget_ready(struct queue *q, uint64_t rcpt)
{
}

void queue_forget_deaths(struct queue *q, uint64_t id)
{
    store_forget_deaths(q->store, id);
}

void queue_retry_now(struct queue *q, struct sched_destination *d)
{
}

struct sched_destination *queue_destination(struct queue *q, struct str name)
{
    return &t.to;
}

/* --- doing -------------------------------------------------------------- */

/* One message for one recipient in that state. */
static void setup_message(enum rcpt_state state)
{
    static unsigned number;
    const struct store_message m = {
        .id = id_make(clock_wall_ms(), 1, ++number),
        .reverse_path = STR("a@in.test"),
        .size = 6,
        .sealed_key = STR("key"),
        .body = STR("sealed"),
    };
    struct store_rcpt r = {
        .forward_path = STR("x@out.test"),
        .next_hop = STR("out.test"),
        .state = state,
        .reason = state == RCPT_HELD ? REASON_HELD : 0,
    };
    t.id = m.id;
    store_enqueue(t.q.store, &m, &r, 1, NULL, 0, NULL, NULL);
    store_flush(t.q.store);
    t.rcpt = r.rcpt;
}

/* As main.c has it. */
static void on_turn(void *arg)
{
    (void)store_turn(t.q.store);
    if (store_is_asked(t.q.store)) {
        loop_again(t.loop);
    }
}

static int setup(void **state)
{
    char problem[256];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memset(&t, 0, sizeof t);
    strcpy(t.dir, "/tmp/postern-admin-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    assert_int_equal(store_open(t.dir, problem, sizeof problem, &t.q.store), 0);
    late_begin(t.q.store);
    t.loop = loop_new();
    loop_on_turn_end(t.loop, TURN_COMMIT, on_turn, NULL);
    t.q.delivery.jobs = map_new(10);
    snprintf(a.sun_path, sizeof a.sun_path, "%s/control", t.dir);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 1), 0);
    queue_admin_open(&t.q, listener);
    t.end = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(t.end, (struct sockaddr *)&a, sizeof a), 0);
    return 0;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void run_a_while(void)
{
    struct timer *timer = timer_new(t.loop, stop, t.loop);
    timer_start(timer, 20);
    loop_run(t.loop);
    timer_free(timer);
}

static int teardown(void **state)
{
    char command[128];
    close(t.end);
    run_a_while();
    watch_free(t.q.admin.watch);
    close(t.q.admin.listener);
    store_close(t.q.store);
    map_free(t.q.delivery.jobs);
    loop_free(t.loop);
    snprintf(command, sizeof command, "rm -r %s", t.dir);
    return system(command);
}

/* A process has the message in hand. */
static void in_hand(enum job_kind kind)
{
    t.job = (struct job){.lease = lease_draw(), .id = t.id, .kind = kind, .queue = &t.q};
    assert_int_equal(map_put(t.q.delivery.jobs, lease_key(&t.job.lease), &t.job), 0);
}

static void job_over(void)
{
    map_take(t.q.delivery.jobs, lease_key(&t.job.lease));
}

static void on_stored(void *arg, enum store_result result)
{
    assert_int_equal(result, STORE_OK);
    t.is_stored = true;
    job_over();
}

/* What came of it is given to the store, and not durable yet. */
static void being_saved(enum job_kind kind, enum rcpt_state state)
{
    const struct store_rcpt r = {
        .id = t.id,
        .rcpt = t.rcpt,
        .next_hop = STR("out.test"),
        .state = state,
        .reason = state == RCPT_HELD ? REASON_HELD : REASON_CONNECT,
    };
    in_hand(kind);
    t.job.saving = true;
    store_decided(t.q.store, &r);
    store_sync_soon(t.q.store, on_stored, NULL);
}

static void ask(enum admin_verb verb, const char *argument)
{
    char frame[IPC_FRAME_MAX];
    struct str pending = STR("");
    struct ipc_msg m;
    const struct ipc_msg asked = {.type = IPC_admin,
                                  .admin = {
                                      .verb = verb,
                                      .argument = str_c(argument),
                                  }};
    assert_int_equal(ipc_call_send(t.end, &asked), 0);
    run_a_while();
    store_flush(t.q.store); /* the end of the turn */
    run_a_while();
    do {
        assert_int_equal(ipc_call_recv(t.end, frame, &pending, &m), 0);
    } while (m.type != IPC_admin_done);
    t.ok = m.admin_done.ok;
    str_copy_cut(m.admin_done.text, t.words, sizeof t.words);
}

static void ask_about(enum admin_verb verb)
{
    char id[ID_TEXT];
    id_text(t.id, id);
    ask(verb, id);
}

static void note_state(void *arg, const struct store_rcpt *r)
{
    *(enum rcpt_state *)arg = r->state;
}

static enum rcpt_state state_now(void)
{
    enum rcpt_state state = RCPT_STATE_END;
    assert_int_equal(store_report(t.q.store, t.id, NULL, note_state, NULL, &state), STORE_OK);
    return state;
}

/* --- the tests ---------------------------------------------------------- */

/* The verbs, on a message that they change, and what they make of it. */
static const struct {
    enum admin_verb verb;
    const char *many;
    enum rcpt_state before, after;
} orders[] = {
    {ADMIN_RELEASE, "held", RCPT_HELD, RCPT_QUEUED},
    {ADMIN_HOLD, "all", RCPT_QUEUED, RCPT_HELD},
    {ADMIN_RETRY, "all", RCPT_QUEUED, RCPT_QUEUED},
    {ADMIN_DELETE, NULL, RCPT_QUEUED, RCPT_DELETED},
    {ADMIN_DELETE, NULL, RCPT_HELD, RCPT_DELETED},
};

/* A list says "held" (it reads what is given to the store), and whoever reads that releases it:
 * nothing is being delivered. */
static void an_order_waits_for_what_is_being_saved(void **state)
{
    static const enum job_kind kinds[] = {JOB_DELIVER, JOB_INSPECT, JOB_PREPARE};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        for (size_t k = 0; k < 2 * ARRAY_LEN(kinds); k++) {
            bool is_many = k >= ARRAY_LEN(kinds);
            setup_message(RCPT_QUEUED);
            being_saved(kinds[k % ARRAY_LEN(kinds)], orders[i].before);
            if (is_many && orders[i].many) {
                ask(orders[i].verb, orders[i].many);
            } else {
                ask_about(orders[i].verb);
            }
            if (!t.ok || state_now() != orders[i].after) {
                fail_msg("%s: %s", admin_verb_name(orders[i].verb), t.words);
            }
            assert_false(str_has(str_c(t.words), STR("delivered")));
            ask_about(ADMIN_DELETE);
        }
    }
}

/* What is shown is promised: a batch that is not written yet may fail, and then nothing of it was
 * ever so. */
static void what_is_shown_is_durable(void **state)
{
    static const enum admin_verb verbs[] = {ADMIN_LIST, ADMIN_MESSAGE, ADMIN_REPLAY};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        char frame[IPC_FRAME_MAX];
        struct str pending = STR("");
        struct ipc_msg m, asked = {.type = IPC_admin, .admin = {.verb = (uint8_t)verbs[i]}};
        char id[ID_TEXT];
        setup_message(RCPT_QUEUED);
        id_text(t.id, id);
        asked.admin.argument = verbs[i] == ADMIN_REPLAY ? STR("0") : str_c(id);
        being_saved(JOB_DELIVER, RCPT_HELD);
        t.is_stored = false;
        assert_int_equal(ipc_call_send(t.end, &asked), 0);
        run_a_while(); /* no turn of the queue ends here */
        do {
            assert_int_equal(ipc_call_recv(t.end, frame, &pending, &m), 0);
        } while (m.type != IPC_admin_done);
        assert_true(t.is_stored);
        ask_about(ADMIN_DELETE);
    }
}

/* Its sender is being told of it: that is a mail of our own, and nobody delivers this one. */
static void a_notice_about_it_stops_no_order(void **state)
{
    static const enum job_kind kinds[] = {JOB_NOTICE, JOB_BOUNCE};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            setup_message(orders[i].before);
            in_hand(kinds[k]);
            ask_about(orders[i].verb);
            if (!t.ok || state_now() != orders[i].after) {
                fail_msg("%s: %s", admin_verb_name(orders[i].verb), t.words);
            }
            job_over();
            ask_about(ADMIN_DELETE);
        }
    }
}

/* It is in a worker's hand: that cannot be undone, and the answer says what is done with it. What
 * is held is in nobody's hand, whoever has the other recipients. */
static void what_is_under_way_is_left_alone(void **state)
{
    static const struct {
        enum job_kind kind;
        const char *words;
    } kinds[] = {
        {JOB_DELIVER, "being delivered right now; try again in a moment"},
        {JOB_INSPECT, "being inspected right now; try again in a moment"},
        {JOB_PREPARE, "being prepared for the portal right now; try again in a moment"},
    };
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        static const enum admin_verb verbs[] = {ADMIN_HOLD, ADMIN_DELETE, ADMIN_RELEASE};
        setup_message(RCPT_QUEUED);
        in_hand(kinds[k].kind);
        for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
            ask_about(verbs[i]);
            assert_false(t.ok);
            assert_true(str_has(str_c(t.words), str_c(kinds[k].words)));
            assert_int_equal(state_now(), RCPT_QUEUED);
        }
        ask(ADMIN_HOLD, "all");
        assert_false(t.ok);
        assert_int_equal(state_now(), RCPT_QUEUED);
        job_over();
        ask_about(ADMIN_DELETE);
        setup_message(RCPT_HELD);
        in_hand(kinds[k].kind);
        ask_about(ADMIN_RELEASE);
        assert_true(t.ok);
        assert_int_equal(state_now(), RCPT_QUEUED);
        job_over();
        ask_about(ADMIN_DELETE);
    }
}

static void note_deaths(void *arg, const struct store_message *m)
{
    *(uint32_t *)arg = m->deaths;
}

static uint32_t deaths_now(void)
{
    uint32_t deaths = 99;
    assert_int_equal(store_message_get(t.q.store, t.id, note_deaths, &deaths), STORE_OK);
    return deaths;
}

/* Two processes died over it and it was held; whoever releases it has looked, and begins anew: one
 * more death says no more than the first did. Another order says nothing of that. */
static void a_release_is_a_fresh_start(void **state)
{
    setup_message(RCPT_HELD);
    store_count_death(t.q.store, t.id);
    store_count_death(t.q.store, t.id);
    assert_int_equal(deaths_now(), 2);
    ask_about(ADMIN_HOLD);
    ask_about(ADMIN_RETRY);
    assert_int_equal(deaths_now(), 2);
    ask_about(ADMIN_RELEASE);
    assert_true(t.ok);
    assert_int_equal(deaths_now(), 0);
    store_count_death(t.q.store, t.id);
    ask_about(ADMIN_RELEASE); /* it is not held: nothing was released */
    assert_false(t.ok);
    assert_int_equal(deaths_now(), 1);
}

/* The disk takes nothing: what became of it is known and not stored, and no moment helps. */
static void what_cannot_be_saved_is_said(void **state)
{
    setup_message(RCPT_QUEUED);
    being_saved(JOB_INSPECT, RCPT_HELD);
    t.is_full = true;
    ask_about(ADMIN_DELETE);
    assert_false(t.ok);
    assert_true(str_has(str_c(t.words), STR("could not be stored yet")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_order_waits_for_what_is_being_saved, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_shown_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(a_notice_about_it_stops_no_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_under_way_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_release_is_a_fresh_start, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_saved_is_said, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
