/* SPDX-License-Identifier: Apache-2.0
 * smtpin: takes mail from anyone over SMTP.
 *
 * Trust: reads hostile bytes; believed by nobody beyond its typed messages. May touch: accepted
 * connections, spool files handed to it. Must never see: the store, other sessions' keys after
 * their message ended. Several copies share the listening sockets: a copy that dies costs only
 * its open sessions.
 */
#include "base/log.h"
#include "proc/smtpin/smtpin.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ACCEPTS_PER_TURN = 32, ACCEPT_PAUSE_MS = 500, STOP_MS = 5000 };

static struct settings *settings_new(struct child *c, const struct conf *conf, char *problem, size_t size)
{
    struct settings *s = err_calloc(1, sizeof *s);
    struct str chain = child_file(c, "certificate"), key = child_file(c, "key");
    s->refs = 1;
    s->hostname = err_strdup(conf->hostname);
    if (conf->chain && tls_context_server(chain, key, TLS_PROFILE_WIDE, problem, size, &s->tls) < 0) {
        settings_unref(s);
        return NULL;
    }
    s->engine = (struct smtp_server_config){
        .hostname = s->hostname,
        .greeting = "Postern",
        .can_starttls = s->tls != NULL,
        .command_line_max = (size_t)conf->limits.command_line,
        .size_max = (uint64_t)conf->limits.size,
        .header_octets_max = (size_t)conf->limits.header_octets,
        .header_lines_max = (size_t)conf->limits.header_lines,
        .header_field_max = (size_t)conf->limits.header_field,
        .hops_max = (size_t)conf->limits.hops,
        .recipients_max = (size_t)conf->limits.recipients,
        .errors_max = (unsigned)conf->limits.errors,
        .transactions_max = (unsigned)conf->limits.transactions,
        /* outside only where the way inside is known to be safe: else good mail would come back */
        .requiretls = conf->requiretls && (!conf->deliver_to || conf->deliver_to_requiretls),
    };
    s->engine_inside = s->engine;
    s->engine_inside.requiretls = conf->requiretls != 0;
    s->command_ms = conf->limits.command_time;
    s->data_ms = conf->limits.data_time;
    s->handshake_ms = conf->limits.handshake_time;
    return s;
}

static void watch_listeners(struct smtpin *in, bool on)
{
    for (size_t i = 0; i < in->n_listeners; i++) {
        watch_set(in->watches[i], on ? WATCH_READ : 0);
    }
}

static void resume_accept(void *arg)
{
    struct smtpin *in = arg;
    if (!in->stopping) {
        watch_listeners(in, true);
    }
}

static void accept_some(struct smtpin *in, int listener)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd;
        struct endpoint peer;
        int r = conn_accept(listener, &fd, &peer);
        if (r == -EAGAIN) {
            return;
        }
        if (r < 0) { /* out of descriptors or memory: those we have go on, new ones wait */
            log_error("accept-failed", KV("problem", strerror(-r)), KVN("sessions", in->n_sessions));
            watch_listeners(in, false);
            timer_start(in->resume_accept, ACCEPT_PAUSE_MS);
            return;
        }
        session_new(in, fd, &peer);
    }
}

static void on_connection(void *arg, int events)
{
    struct smtpin *in = arg;
    (void)events;
    for (size_t i = 0; i < in->n_listeners; i++) {
        accept_some(in, in->listeners[i]);
    }
}

static void on_listener(void *owner, struct child *c, struct str name, int fd)
{
    struct smtpin *in = owner;
    (void)c;
    (void)name;
    must(in->n_listeners < LISTENERS_MAX);
    in->listeners[in->n_listeners] = fd;
    in->watches[in->n_listeners++] = watch_new(child_loop(in->child ? in->child : c), fd, on_connection, in);
}

static void on_submitted(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpin *in = owner;
    (void)ch;
    (void)fd;
    struct session *s = map_get(in->by_token, map_id(&m->submitted.token));
    if (s && s->incoming) {
        session_submitted(s, m->submitted.result);
    }
}

static void on_spool_opened(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpin *in = owner;
    struct session *s = map_get(in->by_token, map_id(&m->spool_opened.token));
    if (s && s->incoming && s->incoming->spool_asked && s->incoming->spool < 0) {
        session_spool(s, m->spool_opened.result, m->spool_opened.name, fd);
        s = map_get(in->by_token, map_id(&m->spool_opened.token)); /* it may have ended */
        if (s) {
            session_resume(s);
        }
        return;
    }
    err_close_fd(&fd); /* its session ended meanwhile */
    if (m->spool_opened.name.n > 0) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_spool_drop, .spool_drop = {.name = m->spool_opened.name}});
    }
}

static void on_queue_gone(void *owner, struct ipc_channel *ch)
{
    struct smtpin *in = owner;
    (void)ch;
    in->queue = NULL;
    for (struct link *at = in->sessions.next; at != &in->sessions;) {
        struct session *s = LIST_OF(at, struct session, link);
        at = at->next;
        session_queue_gone(s);
    }
}

static const struct ipc_rule queue_rules[] = {
    {IPC_submitted, on_submitted}, {IPC_spool_opened, on_spool_opened}, {IPC_none, NULL}};

static void on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct smtpin *in = owner;
    (void)index;
    if (role != ROLE_QUEUE) {
        close(fd);
        return;
    }
    struct ipc_channel *old = in->queue;
    if (old) {
        on_queue_gone(in, old);
        ipc_channel_free(old);
    }
    in->queue = ipc_channel_new(child_loop(c), fd, "queue", queue_rules, on_queue_gone, in);
}

static int on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct smtpin *in = owner;
    in->child = c;
    if (rest_init() < 0) {
        snprintf(problem, size, "libsodium could not start");
        return -EIO;
    }
    in->settings = settings_new(c, child_conf(c), problem, size);
    in->resume_accept = timer_new(child_loop(c), resume_accept, in);
    return in->settings ? 0 : -EINVAL;
}

static void sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    (void)owner;
    (void)c;
    *ret = (struct sandbox){.calls = SANDBOX_ACCEPT | SANDBOX_SYNC};
}

static void on_start(void *owner, struct child *c)
{
    (void)c;
    watch_listeners(owner, true);
}

static int on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    struct smtpin *in = owner;
    struct settings *next = settings_new(c, child_conf_next(c), problem, size);
    if (!next) {
        return -EINVAL;
    }
    settings_unref(in->settings); /* sessions under way keep theirs */
    in->settings = next;
    return 0;
}

static void on_status(void *owner, char *text, size_t size)
{
    const struct smtpin *in = owner;
    snprintf(text, size, "sessions=%zu accepted=%llu relay-denied=%llu tls-failed=%llu", in->n_sessions,
             (unsigned long long)in->accepted, (unsigned long long)in->refused,
             (unsigned long long)in->handshakes_failed);
}

static void check_stopped(void *arg)
{
    struct smtpin *in = arg;
    if (in->stopping && in->n_sessions == 0) {
        child_exit(in->child);
    }
}

static void give_up_waiting(void *arg)
{
    child_exit(((struct smtpin *)arg)->child);
}

static void on_stop(void *owner, struct child *c)
{
    struct smtpin *in = owner;
    in->stopping = true;
    watch_listeners(in, false);
    for (struct link *at = in->sessions.next; at != &in->sessions;) {
        struct session *s = LIST_OF(at, struct session, link);
        at = at->next;
        session_stop(s);
    }
    in->stop_timer = timer_new(child_loop(c), give_up_waiting, in);
    timer_start(in->stop_timer, STOP_MS);
    loop_on_turn_end(child_loop(c), TURN_COMMIT, check_stopped, in);
}

static void on_public_key(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpin *in = child_owner(owner);
    (void)ch;
    (void)fd;
    must(m->ctl_public_key.key.n == REST_PUBLIC);
    rest_wrapper_free(in->wrapper);
    in->wrapper = rest_wrapper_new((const unsigned char *)m->ctl_public_key.key.p);
}

int main(int argc, char **argv)
{
    static struct smtpin in;
    static const struct ipc_rule rules[] = {{IPC_ctl_public_key, on_public_key}, {IPC_none, NULL}};
    static const struct child_events events = {
        .on_prepare = on_prepare, .sandbox = sandbox, .on_start = on_start, .on_peer = on_peer,
        .on_listener = on_listener, .on_reload = on_reload, .on_status = on_status, .on_stop = on_stop,
        .rules = rules};
    list_init(&in.sessions);
    in.by_token = map_new(1000000);
    in.by_address = map_new(1000000);
    return child_main(argc, argv, "smtpin", &events, &in);
}
