/* SPDX-License-Identifier: Apache-2.0
 * queue: owns the state of every message: durable store, schedule, outcome, report.
 *
 * Trust: parses only our own typed records. May touch: the store's directory. Must never see: a
 * peer's raw byte, a message in clear (bodies are sealed octets here).
 *
 * Requests are committed together: messages as soon as no other is ready to be read, or when a
 * batch is full under load (their 250 leaves from the completion), outcomes (nobody outside
 * waits for them) with the next of those or a little later, everything else in its own turn,
 * before that turn's answers leave; load makes the batches larger by itself. A thread writes the
 * log of commits back into the tables meanwhile; it touches nothing else. Ends when the store
 * cannot be trusted (store/sqlite.c); posternd starts it again.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"
#include "seal/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CROWD = 4,        /* where the last batches had as many messages, one waits until it is full, */
    FULL = 10,        /* at most with so many: a sync then stands for some ten */
    CROWD_US = 1000,  /* since the first of them */
    FULL_AGAIN = 8,   /* batches that were full in time before one waits for one more */
    GATHER_US = 2000, /* the same where every look finds more of them */
    LINGER_US = 700,  /* since the first outcome, where a message may come that takes it along */
    LINGER_MS = 1,
    SETTLE_MS = 250,
    SETTLE_ON_MS = 5,
    REST_MS = 5 * 1000,
    REST_ON_MS = 5,
    ROUNDS = 16, /* of handing out, in one turn */
};

static void on_linger(void *arg)
{
    (void)arg; /* the turn it began ends with the commit */
}

static bool outcomes_wait(const struct queue *q, int64_t age_us)
{
    /* a delivery under way, or messages */
    bool more_comes = map_len(q->delivery.jobs) == 1 ||
                      q->gathered.completions < map_len(q->delivery.jobs) ||
                      q->batch_estimate >= CROWD;
    return more_comes && age_us < LINGER_US;
}

static bool queue_is_full(const struct queue *q)
{
    return q->gathered.urgent >= q->full || q->gathered.completions >= 2 * q->full;
}

static bool messages_wait(const struct queue *q, size_t seen, int64_t age_us)
{
    if (q->batch_estimate >= CROWD && !queue_is_full(q) && age_us < CROWD_US) {
        return true;
    }
    if (q->gathered.completions > seen && age_us < GATHER_US) {
        loop_again(child_loop(q->child)); /* more may have come meanwhile */
        return true;
    }
    return false;
}

/* Whether the open batch is to be committed now; if not, the loop comes back in time. */
static bool is_commit_time(struct queue *q)
{
    size_t seen = q->gathered.completions;
    int64_t now = clock_mono_us();
    q->gathered = store_gathered(q->store);
    switch (q->gathered.waiting) {
    case STORE_EMPTY:
        return false;
    case STORE_CAN_WAIT:
        q->outcomes_us = q->outcomes_us ? q->outcomes_us : now;
        return !outcomes_wait(q, now - q->outcomes_us);
    case STORE_URGENT:
        q->messages_us = q->messages_us ? q->messages_us : now;
        return !messages_wait(q, seen, now - q->messages_us);
    case STORE_NOW:
        return true;
    }
    return true;
}

/* In a thread of its own. */
static void write_back(void *arg)
{
    store_write_back(((struct queue *)arg)->store);
}

static void on_written_back(void *arg)
{
    struct queue *q = arg;
    q->writing_back = false;
    store_written_back(q->store);
}

/* How many come together, and for how many it is worth waiting: eight senders never have ten
 * messages under way. A batch that went because of another change says nothing of that. */
static void learn_batch_size(struct queue *q)
{
    if (!queue_is_full(q)) {
        q->full -=
            q->gathered.waiting == STORE_URGENT && q->batch_estimate >= CROWD && q->full > CROWD;
        q->fills_in_time = 0;
    } else if (++q->fills_in_time == FULL_AGAIN) {
        q->full += q->full < FULL;
        q->fills_in_time = 0;
    }
    q->batch_estimate = (q->batch_estimate + q->gathered.urgent + 1) / 2;
}

void queue_commit(struct queue *q)
{
    if (q->gathered.urgent > 0) {
        learn_batch_size(q);
    }
    q->gathered = (struct store_gathered){0};
    q->outcomes_us = q->messages_us = 0;
    store_flush(q->store);
}

/* Nothing has come for a while. */
static void on_rest(void *arg)
{
    struct queue *q = arg;
    if (store_rest(q->store) || store_prepare(q->store)) {
        timer_start(q->rest, REST_ON_MS);
    }
}

/* What is promised is in the tables before long, load or not. */
static void on_settle(void *arg)
{
    struct queue *q = arg;
    bool more = store_settle(q->store, STORE_SETTLE_OLD);
    q->settling = more || store_settle(q->store, STORE_SETTLE_EXCESS);
    if (q->settling) {
        timer_start(q->settle, more ? SETTLE_ON_MS : SETTLE_MS);
    } else {
        timer_start(q->rest, REST_MS);
    }
}

/* The answers have left. */
static void on_turn_settle(void *arg)
{
    struct queue *q = arg;
    if (store_settle(q->store, STORE_SETTLE_EXCESS) && !q->settling) {
        q->settling = true;
        timer_stop(q->rest);
        timer_start(q->settle, SETTLE_MS);
    }
    if (!q->writing_back && store_log_is_long(q->store)) {
        q->writing_back = true;
        loop_work(child_loop(q->child), write_back, on_written_back, q);
    }
}

/* Hands out what is ready, and what the store says to that. */
static void hand_out(struct queue *q)
{
    unsigned rounds = 0;
    do {
        queue_pump(q);
        worker_write_kept(q);
    } while (store_turn(q->store) > 0 && ++rounds < ROUNDS);
}

static void on_turn_commit(void *arg)
{
    struct queue *q = arg;
    (void)store_turn(q->store); /* what was asked in this turn */
    if (is_commit_time(q)) {
        queue_commit(q); /* may make recipients ready */
    }
    hand_out(q);
    if (store_gathered(q->store).waiting == STORE_NOW) {
        queue_commit(q); /* what handing out changed; others' completions may have come with it */
        hand_out(q);
    }
    if (store_is_asked(q->store)) {
        loop_again(child_loop(q->child));
    }
    if (store_gathered(q->store).waiting != STORE_EMPTY) {
        timer_start(q->linger, LINGER_MS); /* another turn comes, whatever happens */
    }
}

/* In the order in which they hear of everything. */
static const struct room *const rooms[] = {
    &workers_room, &delivery_room, &intake_room,   &domains_room,
    &admin_room,   &pickup_room,   &schedule_room,
};

static void call_rooms(struct queue *q, enum room_moment moment)
{
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        if (rooms[i]->at[moment]) {
            rooms[i]->at[moment](q);
        }
    }
}

void queue_tick(struct queue *q)
{
    call_rooms(q, ROOM_TICK);
}

static void tell_peer_gone(struct queue *q, enum role role, const struct ipc_channel *ch)
{
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        if (rooms[i]->peer_gone) {
            rooms[i]->peer_gone(q, role, ch);
        }
    }
}

static void tell_worker_gone(struct queue *q, unsigned index, struct ipc_channel *ch)
{
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        if (rooms[i]->worker_gone) {
            rooms[i]->worker_gone(q, index, ch);
        }
    }
}

static void queue_on_smtpin_gone(void *owner, struct ipc_channel *ch)
{
    queue_peer_gone(ch);
}

static void on_smtpout_gone(void *owner, struct ipc_channel *ch)
{
    struct queue *q = owner;
    queue_peer_gone(ch);
    for (unsigned i = 0; i < SMTPOUT_MAX; i++) {
        if (q->workers.joined[i] == ch) {
            tell_worker_gone(q, i, ch);
        }
    }
}

static void queue_on_keys_gone(void *owner, struct ipc_channel *ch)
{
    struct queue *q = owner;
    q->keys = NULL; /* nothing is handed out until it is back */
}

static void queue_on_lookup_gone(void *owner, struct ipc_channel *ch)
{
    tell_peer_gone(owner, ROLE_LOOKUP, ch);
}

static void queue_on_login_gone(void *owner, struct ipc_channel *ch)
{
    tell_peer_gone(owner, ROLE_LOGIN, ch);
}

static void on_web_gone(void *owner, struct ipc_channel *ch)
{
    tell_peer_gone(owner, ROLE_WEB, ch);
    queue_peer_gone(ch);
}

static void on_link_sealed(void *owner, struct ipc_channel *ch, const struct ipc_link_sealed *m)
{
    pickup_link_sealed(owner, m->token, m->ok != 0, m->sealed_key);
}

static const struct ipc_rule keys_rules[] = {IPC_ON(link_sealed, on_link_sealed), IPC_RULES_END};

/* A new smtpout: its channel doubles as a submitter's (bounces are submitted by smtpout). */
static void add_smtpout(struct queue *q, unsigned index, int fd)
{
    struct peer *p =
        queue_peer_new(q, fd, ROLE_SMTPOUT, index, queue_smtpout_rules, on_smtpout_gone);
    q->workers.joined[index] = p->channel;
    q->workers.takings[index] = (struct taking){.idle_lives = &q->workers.idle_smtpout[index]};
}

/* A successor may be quicker than the news of the end of the one before: that is told here,
 * behind what it said last. Mail that it delivered would go out once more. */
static void queue_end_before(struct queue *q, enum role role, unsigned index)
{
    if (role == ROLE_SMTPOUT && index < SMTPOUT_MAX) {
        ipc_channel_end(q->workers.joined[index]);
    } else if (role == ROLE_KEYS) {
        ipc_channel_end(q->keys);
    } else if (role == ROLE_LOGIN && index < LOGIN_MAX) {
        ipc_channel_end(q->admin.logins[index]);
    } else if (role == ROLE_LOOKUP) {
        ipc_channel_end(q->domains.lookup);
    }
}

static void queue_on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct queue *q = owner;
    queue_end_before(q, role, index);
    if (role == ROLE_SMTPIN) {
        (void)queue_peer_new(q, fd, role, index, queue_smtpin_rules, queue_on_smtpin_gone);
    } else if (role == ROLE_SMTPOUT && index < SMTPOUT_MAX) {
        add_smtpout(q, index, fd);
    } else if (role == ROLE_WEB) {
        (void)queue_peer_new(q, fd, role, index, queue_web_rules, on_web_gone);
    } else if (role == ROLE_INSPECT && index < INSPECT_MAX) {
        inspect_join(q, index, fd);
    } else if (role == ROLE_KEYS) {
        q->keys = ipc_channel_new(child_loop(c), fd, "keys", keys_rules, queue_on_keys_gone, q);
    } else if (role == ROLE_LOGIN && index < LOGIN_MAX) {
        q->admin.logins[index] =
            ipc_channel_new(child_loop(c), fd, "login", queue_login_rules, queue_on_login_gone, q);
        groups_ask_soon(q);
        if (q->admin.accounts_loaded) {
            accounts_hand_over(q, q->admin.logins[index]);
        }
    } else if (role == ROLE_LOOKUP) {
        q->domains.lookup = ipc_channel_new(child_loop(c), fd, "lookup", queue_lookup_rules,
                                            queue_on_lookup_gone, q);
        policies_hand_over(q);
    } else {
        close(fd);
    }
    if (q->schedule.engine.destinations) {
        sched_pump_all(&q->schedule.engine);
    }
}

static void queue_on_listener(void *owner, struct child *c, struct str name, unsigned kind, int fd)
{
    struct queue *q = owner;
    q->child = c;
    queue_admin_open(q, fd);
}

static void on_fingerprint(void *arg, struct str kept)
{
    str_copy_cut(kept, arg, REST_FINGERPRINT);
}

/* The store belongs to the at-rest key it was first written with: under another one nothing in
 * it could be read, and what came now would be lost with the next change. */
static int queue_check_key(struct queue *q, char *problem, size_t size)
{
    const struct conf *c = child_conf(q->child);
    struct str mine = child_file(q->child, "at-rest-fingerprint");
    char kept[REST_FINGERPRINT] = "";
    if (mine.n == 0) {
        return 0; /* posternd could not read it: keys will say so */
    }
    int r = store_secret_kept(q->store, STORE_AT_REST, mine, on_fingerprint, kept);
    if (r < 0) {
        snprintf(problem, size, "the store %s cannot be read or written", c->store_path);
        return r;
    }
    if (!str_eq(mine, str_c(kept))) {
        snprintf(problem, size,
                 "the store %s was written with the at-rest key %s, but %s holds the key " STR_FMT
                 ": nothing in the store could be read. Put back the key that belongs to it, or, "
                 "if its mail is given up, move the store away",
                 c->store_path, kept, c->at_rest_key, STR_ARG(mine));
        return -EKEYREJECTED;
    }
    return 0;
}

static int queue_on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct queue *q = owner;
    q->child = c;
    int r = store_open(child_conf(c)->store_path, problem, size, &q->store);
    return r < 0 ? r : queue_check_key(q, problem, size);
}

static void queue_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = SANDBOX_FILES | SANDBOX_ACCEPT | SANDBOX_THREADS,
                            .writable = {child_conf(c)->store_path}};
}

/* What the store found missing when it was opened. */
static void tell_loss(struct queue *q)
{
    struct store_loss l = store_lost(q->store);
    char text[300];
    if (l.batches == 0 && l.transactions == 0 && !l.mark) {
        return;
    }
    snprintf(text, sizeof text,
             "%llu batches of the journal and %llu transactions of the tables are damaged or "
             "gone%s; see the log of this start, and: postern store check",
             (unsigned long long)l.batches, (unsigned long long)l.transactions,
             l.mark ? ", and so is the file that would tell of the newest ones" : "");
    alarms_raise(q, domain_kept(str_c(child_conf(q->child)->hostname)), ALARM_STORE, text);
}

static void take_decoys(void *arg, struct str secret)
{
    struct queue *q = arg;
    must(secret.n == sizeof q->pickup.decoy_secret);
    memcpy(q->pickup.decoy_secret, secret.p, secret.n);
}

static void load_secrets(struct queue *q)
{
    if (store_secret(q->store, "choices", choices_secret, q) < 0 ||
        store_secret(q->store, "decoys", take_decoys, q) < 0) {
        log_error("store-unreadable", KV("what", "its secrets; ending to try again"));
        exit(1);
    }
}

static void queue_on_start(void *owner, struct child *c)
{
    struct queue *q = owner;
    q->full = FULL;
    q->linger = timer_new(child_loop(c), on_linger, q);
    q->settle = timer_new(child_loop(c), on_settle, q);
    q->rest = timer_new(child_loop(c), on_rest, q);
    timer_start(q->rest, REST_MS);
    loop_on_turn_end(child_loop(c), TURN_COMMIT, on_turn_commit, q);
    loop_on_turn_end(child_loop(c), TURN_LATER, on_turn_settle, q);
    load_secrets(q);
    q->restored = store_restored_ms(q->store) > 0;
    if (q->restored) {
        log_warn("restored-mail-held", KV("what", "the store is a copy that was put back; its mail "
                                                  "waits for: postern queue release restored"));
    }
    call_rooms(q, ROOM_LOAD);
    tell_loss(q);
    queue_reroute(q);
    pickup_look(q);
    store_finish(q->store); /* nothing begins before all of it is known */
}

static int queue_on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    struct queue *q = owner;
    if (!str_eq(str_c(child_conf(c)->store_path), str_c(child_conf_next(c)->store_path))) {
        snprintf(problem, size, "the store can only be changed by a restart");
        return -EINVAL;
    }
    q->conf_generation++;
    call_rooms(q, ROOM_RELOAD);
    return 0;
}

static void queue_on_status(void *owner, char *text, size_t size)
{
    struct queue *q = owner;
    struct store_counts counts = store_count(q->store);
    overdue_look(q);
    (void)store_turn(q->store); /* if that is known already */
    snprintf(text, size,
             "queued=%llu held=%llu overdue-woken=%llu under-way=%zu accepted=%llu delivered=%llu "
             "deferred=%llu failed=%llu refused=%llu domains=%zu probed=%llu%s",
             (unsigned long long)counts.queued, (unsigned long long)counts.held,
             (unsigned long long)q->schedule.overdue.mended, map_len(q->delivery.jobs),
             (unsigned long long)q->intake.accepted, (unsigned long long)q->delivery.delivered,
             (unsigned long long)q->delivery.deferred, (unsigned long long)q->delivery.failed,
             (unsigned long long)q->intake.refused, map_len(q->domains.known),
             (unsigned long long)q->domains.probes_done, q->restored ? " restored=held" : "");
}

static void queue_on_metrics(void *owner, struct buf *out)
{
    metrics_write(owner, out);
}

/* smtpin and smtpout stop first; what they still told us is committed before we go, read or not. */
static void queue_on_stop(void *owner, struct child *c)
{
    struct queue *q = owner;
    q->stopping = true;
    for (unsigned i = 0; i < SMTPOUT_MAX; i++) {
        ipc_channel_end(q->workers.joined[i]);
    }
    store_close(q->store);
    exit(0);
}

int main(int argc, char **argv)
{
    static struct queue queue;
    static const struct ipc_rule rules[] = {IPC_ON(alarm, alarms_on_posternd),
                                            IPC_ON(row_act, acts_on_posternd), IPC_RULES_END};
    static const struct child_events events = {
        .rules = rules,
        .on_prepare = queue_on_prepare,
        .sandbox = queue_sandbox,
        .on_start = queue_on_start,
        .on_peer = queue_on_peer,
        .on_listener = queue_on_listener,
        .on_reload = queue_on_reload,
        .on_status = queue_on_status,
        .on_stop = queue_on_stop,
        .on_metrics = queue_on_metrics,
    };
    queue.conf_generation = 1;
    call_rooms(&queue, ROOM_INIT);
    return child_main(argc, argv, "queue", &events, &queue);
}
