/* SPDX-License-Identifier: Apache-2.0
 * smtpin: takes mail from anyone over SMTP.
 *
 * Trust: reads hostile bytes; believed by nobody beyond its typed messages. May touch: accepted
 * connections, spool files handed to it. Must never see: a private key, the store, other
 * sessions' keys after their message ended. Threads sync spool files and touch nothing else.
 * Several copies share the listening sockets: a copy that dies costs only its open sessions.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpin/smtpin.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_TURN = 32,
    ACCEPT_PAUSE_MS = 500,
    STOP_MS = 5000,
    EXPIRY_MS = 6 * 60 * 60 * 1000
};

static void smtpin_watch_listeners(struct smtpin *in, bool on)
{
    for (size_t i = 0; i < in->n_listeners; i++) {
        watch_set(in->listeners[i].watch, on ? WATCH_READ : 0);
    }
}

static void resume_accept(void *arg)
{
    struct smtpin *in = arg;
    if (!in->stopping) {
        smtpin_watch_listeners(in, true);
    }
}

static void accept_some(struct listener *l)
{
    struct smtpin *in = l->in;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd;
        struct endpoint peer;
        int r = conn_accept(l->fd, &fd, &peer);
        if (r == -EAGAIN) {
            return;
        }
        if (r < 0) { /* out of descriptors or memory: those we have go on, new ones wait */
            log_error("accept-failed", KV("problem", strerror(-r)),
                      KVN("sessions", in->n_sessions));
            smtpin_watch_listeners(in, false);
            timer_start(in->resume_accept, ACCEPT_PAUSE_MS);
            return;
        }
        session_new(in, l->listen, fd, &peer);
    }
}

static void smtpin_on_connection(void *arg, int events)
{
    accept_some(arg);
}

/* The child is known from its first message on: listeners come before on_prepare. */
static void smtpin_on_listener(void *owner, struct child *c, struct str name, unsigned kind, int fd)
{
    struct smtpin *in = owner;
    must(in->n_listeners < LISTENERS_MAX);
    struct listener *l = &in->listeners[in->n_listeners++];
    *l = (struct listener){.in = in, .fd = fd, .listen = kind};
    l->watch = watch_new(child_loop(c), fd, smtpin_on_connection, l);
}

static void smtpin_on_shared(void *owner, struct child *c, struct str name, int fd)
{
    ((struct smtpin *)owner)->clients = clients_new(fd, child_index(c));
    close(fd);
}

static void smtpin_on_signing(void *owner, struct child *c, enum role role, int fd)
{
    signing_join(&((struct smtpin *)owner)->signing, fd);
}

static void smtpin_on_submitted(void *owner, struct ipc_channel *ch, const struct ipc_submitted *m)
{
    struct smtpin *in = owner;
    struct session *s = map_get(in->by_token, map_id(&m->token));
    in->under_way = m->under_way;
    if (s && s->incoming && !s->submitted) {
        ipc_refuse(ch, "of a message that was not handed over");
    } else if (s && s->incoming) {
        str_copy_cut(m->refused ? m->text : STR(""), s->refusal, sizeof s->refusal);
        /* a rule's words, or a subject's: a reply is ASCII (RFC 5321 4.2) */
        for (char *p = s->refusal; *p; p++) {
            *p = (unsigned char)*p < ' ' || (unsigned char)*p > '~' ? '?' : *p;
        }
        events_submitted(s, m->result);
    }
}

static void smtpin_on_spool_opened(void *owner, struct ipc_channel *ch,
                                   const struct ipc_spool_opened *m, int fd)
{
    struct smtpin *in = owner;
    struct session *s = map_get(in->by_token, map_id(&m->token));
    if (s && s->incoming && s->incoming->id == m->id) {
        if (!s->incoming->spool_asked || s->incoming->spool_answered) {
            err_close_fd(&fd);
            ipc_refuse(ch, "a file that was not asked for");
            return;
        }
        incoming_spool(s, s->incoming, m->result, m->name, fd);
        s = map_get(in->by_token, map_id(&m->token)); /* it may have ended */
        if (s && !s->busy && !s->closing) {
            session_process(s); /* it read no further while it waited */
        }
        return;
    }
    err_close_fd(&fd); /* its message, or the whole session, is gone meanwhile */
    if (m->name.n > 0) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_spool_drop, .spool_drop = {.name = m->name}});
    }
}

/* It got no descriptor here: for the message as if the queue could not make it. */
static void smtpin_on_spool_without(void *owner, struct ipc_channel *ch,
                                    const struct ipc_spool_opened *m)
{
    struct ipc_spool_opened without = *m;
    ipc_send(ch, &(struct ipc_msg){.type = IPC_spool_drop, .spool_drop = {.name = m->name}});
    without.result = STORE_RETRY;
    without.name = STR("");
    smtpin_on_spool_opened(owner, ch, &without, -1);
}

static void smtpin_on_queue_gone(void *owner, struct ipc_channel *ch)
{
    struct smtpin *in = owner;
    in->queue = NULL;
    for (struct link *at = in->sessions.next; at != &in->sessions;) {
        struct session *s = LIST_OF(at, struct session, link);
        at = at->next;
        session_queue_gone(s);
    }
}

static const struct ipc_rule queue_rules[] = {IPC_ON(submitted, smtpin_on_submitted),
                                              IPC_ON_OR(spool_opened, smtpin_on_spool_opened,
                                                        smtpin_on_spool_without),
                                              IPC_RULES_END};

static void smtpin_on_login_gone(void *owner, struct ipc_channel *ch)
{
    login_gone(owner, ch);
}

static void on_expiry(void *arg)
{
    struct smtpin *in = arg;
    if (child_index(in->child) == 0) { /* one voice is enough */
        settings_check_expiry(in);
    }
    timer_start(in->expiry, EXPIRY_MS);
}

static void smtpin_on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct smtpin *in = owner;
    if (role == ROLE_LOGIN && index < LOGINS_MAX) {
        /* its successor may be quicker than the news of its end */
        ipc_channel_end(in->logins[index]);
        in->logins[index] = ipc_channel_new(child_loop(c), fd, "login", smtpin_login_rules,
                                            smtpin_on_login_gone, in);
        return;
    }
    if (role != ROLE_QUEUE) {
        close(fd);
        return;
    }
    ipc_channel_end(in->queue); /* it may have said what became of messages */
    in->queue = ipc_channel_new(child_loop(c), fd, "queue", queue_rules, smtpin_on_queue_gone, in);
    on_expiry(in);
}

/* Handshakes that waited for keys go on, unless one of them finds that keys have gone again. */
static void smtpin_on_keys_again(void *arg)
{
    struct smtpin *in = arg;
    for (struct link *at = in->sessions.next;
         at != &in->sessions && signing_is_ready(&in->signing);) {
        struct session *s = LIST_OF(at, struct session, link);
        at = at->next;
        session_keys_back(s);
    }
    LIST_EACH (it, &in->sessions) {
        if (LIST_OF(it, struct session, link)->waits_keys) {
            timer_start(in->keys_again, KEYS_AGAIN_MS);
            return;
        }
    }
}

static int smtpin_on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct smtpin *in = owner;
    in->child = c;
    if (rest_init() < 0) {
        snprintf(problem, size, "libsodium could not start");
        return -EIO;
    }
    if (tls_remote_start(signing_ask, &in->signing, problem, size) < 0) {
        return -EINVAL;
    }
    tls_tickets_start(signing_ask_ticket, &in->signing, clock_wall_ms);
    in->clients = in->clients ? in->clients : clients_new(-1, child_index(c));
    in->expiry = timer_new(child_loop(c), on_expiry, in);
    in->keys_again = timer_new(child_loop(c), smtpin_on_keys_again, in);
    in->own_tls = (struct own_tls){
        .child = c,
        .signing = &in->signing,
        .queue = &in->queue,
        .alarm = ALARM_OWN_TLS,
        .test = settings_self_test,
        .arg = in,
    };
    own_tls_start(&in->own_tls);
    in->settings = settings_new(c, child_conf(c), problem, size);
    in->resume_accept = timer_new(child_loop(c), resume_accept, in);
    return in->settings ? 0 : -EINVAL;
}

static void smtpin_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = SANDBOX_ACCEPT | SANDBOX_SYNC | SANDBOX_THREADS};
}

static void smtpin_on_turn_end(void *arg)
{
    events_next_turns(arg);
}

static void on_turn_timer(void *arg)
{
    (void)arg; /* the turn it began ends with the look */
}

static void do_nothing(void *arg)
{
}

/* The threads that sync spool files are made now: libuv ends a process that cannot make them
 * later, when memory is short. */
static void smtpin_on_start(void *owner, struct child *c)
{
    struct smtpin *in = owner;
    loop_work(child_loop(c), do_nothing, do_nothing, NULL);
    in->turn_timer = timer_new(child_loop(c), on_turn_timer, in);
    loop_on_turn_end(child_loop(c), TURN_COMMIT, smtpin_on_turn_end, in);
    smtpin_watch_listeners(owner, true);
}

static int smtpin_on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    struct smtpin *in = owner;
    struct settings *next = settings_new(c, child_conf_next(c), problem, size);
    if (!next) {
        return -EINVAL;
    }
    own_tls_soon(&in->own_tls);
    settings_unref(in->settings); /* sessions under way keep theirs */
    in->settings = next;
    timer_start(in->expiry, 1000); /* once the new configuration is in force */
    return 0;
}

static void smtpin_on_status(void *owner, char *text, size_t size)
{
    const struct smtpin *in = owner;
    uint64_t signatures, waited;
    tls_remote_counts(&signatures, &waited);
    snprintf(text, size,
             "sessions=%zu connections=%llu turned-away=%llu accepted=%llu relay-denied=%llu "
             "tls=%llu tls-resumed=%llu tls-failed=%llu refused-by-rule=%llu would-refuse=%llu "
             "logins=%llu logins-failed=%llu signatures=%llu signature-us=%llu "
             "signatures-given-up=%llu device-end-of-data=%llu tls-self-test=%s",
             in->n_sessions, (unsigned long long)in->count.sessions,
             (unsigned long long)in->count.turned_away, (unsigned long long)in->count.accepted,
             (unsigned long long)in->count.refused, (unsigned long long)in->count.handshakes,
             (unsigned long long)in->count.resumed, (unsigned long long)in->count.handshakes_failed,
             (unsigned long long)in->count.refusals, (unsigned long long)in->count.would_refuse,
             (unsigned long long)in->count.logins, (unsigned long long)in->count.logins_failed,
             (unsigned long long)signatures, (unsigned long long)waited,
             (unsigned long long)in->signing.given_up, (unsigned long long)in->count.device_ends,
             own_tls_word(&in->own_tls));
}

static void smtpin_on_metrics(void *owner, struct buf *out)
{
    const struct smtpin *in = owner;
    uint64_t signatures, waited;
    tls_remote_counts(&signatures, &waited);
    metric_put(out, "sessions", "", in->n_sessions);
    metric_put(out, "senders_waiting", "", in->n_waiting);
    metric_put(out, "sessions_total", "", in->count.sessions);
    metric_put(out, "sessions_turned_away_total", "", in->count.turned_away);
    metric_put(out, "device_end_of_data_total", "", in->count.device_ends);
    metric_put(out, "messages_taken_total", "", in->count.accepted);
    metric_put(out, "relay_denied_total", "", in->count.refused);
    metric_put(out, "handshakes_total", "side=\"server\",result=\"good\"", in->count.handshakes);
    metric_put(out, "handshakes_total", "side=\"server\",result=\"failed\"",
               in->count.handshakes_failed);
    for (enum tls_group g = 0; g < TLS_GROUP_END; g++) {
        char label[80];
        snprintf(label, sizeof label, "side=\"server\",group=\"%s\"", tls_group_name(g));
        metric_put(out, "handshakes_group_total", label, in->count.groups[g]);
    }
    metric_put(out, "handshakes_resumed_total", "side=\"server\"", in->count.resumed);
    metric_put(out, "inbound_rule_refusals_total", "mode=\"enforced\"", in->count.refusals);
    metric_put(out, "inbound_rule_refusals_total", "mode=\"reported\"", in->count.would_refuse);
    metric_put(out, "logins_total", "result=\"good\"", in->count.logins);
    metric_put(out, "logins_total", "result=\"failed\"", in->count.logins_failed);
    metric_put(out, "signatures_total", "", signatures);
    metric_put(out, "signature_microseconds_total", "", waited);
    metric_put(out, "signatures_given_up_total", "", in->signing.given_up);
    metric_put(out, "tls_selftest_ok", "", in->own_tls.failed == 0);
}

static void smtpin_check_stopped(void *arg)
{
    struct smtpin *in = arg;
    if (in->stopping && in->n_sessions == 0) {
        child_exit(in->child);
    }
}

static void stop_sessions(struct smtpin *in, bool last)
{
    for (struct link *at = in->sessions.next; at != &in->sessions;) {
        struct session *s = LIST_OF(at, struct session, link);
        at = at->next;
        session_stop(s, last);
    }
}

static void smtpin_give_up_waiting(void *arg)
{
    struct smtpin *in = arg;
    stop_sessions(in, true);
    child_exit(in->child);
}

static void smtpin_on_stop(void *owner, struct child *c)
{
    struct smtpin *in = owner;
    in->stopping = true;
    smtpin_watch_listeners(in, false);
    stop_sessions(in, false);
    in->stop_timer = timer_new(child_loop(c), smtpin_give_up_waiting, in);
    timer_start(in->stop_timer, STOP_MS);
    loop_on_turn_end(child_loop(c), TURN_COMMIT, smtpin_check_stopped, in);
}

static void smtpin_on_public_key(void *owner, struct ipc_channel *ch,
                                 const struct ipc_ctl_public_key *m)
{
    struct smtpin *in = child_owner(owner);
    must(m->key.n == REST_PUBLIC);
    rest_wrapper_free(in->wrapper);
    in->wrapper = rest_wrapper_new((const unsigned char *)m->key.p);
}

int main(int argc, char **argv)
{
    static struct smtpin in;
    static const struct ipc_rule rules[] = {IPC_ON(ctl_public_key, smtpin_on_public_key),
                                            IPC_RULES_END};
    static const struct child_events events = {
        .on_prepare = smtpin_on_prepare,
        .sandbox = smtpin_sandbox,
        .on_start = smtpin_on_start,
        .on_peer = smtpin_on_peer,
        .on_listener = smtpin_on_listener,
        .on_reload = smtpin_on_reload,
        .on_status = smtpin_on_status,
        .on_stop = smtpin_on_stop,
        .on_signing = smtpin_on_signing,
        .on_shared = smtpin_on_shared,
        .on_metrics = smtpin_on_metrics,
        .rules = rules,
    };
    list_init(&in.sessions);
    list_init(&in.turns);
    list_init(&in.begun);
    in.by_token = map_new(1000000);
    in.signing.fd = -1;
    return child_main(argc, argv, "smtpin", &events, &in);
}
