/* SPDX-License-Identifier: Apache-2.0
 * admin.c: answers the postern command: lists, message reports, retry, hold, release, delete.
 *
 * The socket's permissions say who may connect; each change is logged with the user's uid. All
 * input is one typed message with a verb and an argument.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/admin_verbs.h"
#include "proc/queue/queue.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIST_MAX = 10000 };

static void done(struct ipc_channel *ch, bool ok, const char *text)
{
    ipc_send(ch, &(struct ipc_msg){.type = IPC_admin_done, .admin_done = {.ok = ok, .text = str_c(text)}});
}

static void send_message(struct queue *q, struct ipc_channel *ch, uint64_t id)
{
    struct store_message m;
    if (store_message_get(q->store, id, false, &m) < 0) {
        return;
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_row_message,
                                   .row_message = {.id = m.id, .reverse_path = m.reverse_path,
                                                   .arrived_ms = m.arrived_ms, .size = m.size,
                                                   .bounce_of = m.bounce_of, .client = m.client,
                                                   .helo = m.helo, .protocol = m.protocol,
                                                   .tls_version = m.tls_version,
                                                   .tls_cipher = m.tls_cipher,
                                                   .tls_bits = m.tls_bits}});
}

static void send_rcpt(void *arg, const struct store_rcpt *r)
{
    ipc_send(arg, &(struct ipc_msg){.type = IPC_row_rcpt,
                                    .row_rcpt = {.id = r->id, .rcpt = r->rcpt,
                                                 .forward_path = r->forward_path,
                                                 .next_hop = r->next_hop, .state = (uint8_t)r->state,
                                                 .attempts = r->attempts, .next_ms = r->next_ms,
                                                 .last_ms = r->last_ms, .reason = r->reason,
                                                 .code = r->code, .reply = r->reply, .host = r->host,
                                                 .bounced = r->bounced}});
}

static void send_attempt(void *arg, const struct store_attempt *a)
{
    ipc_send(arg, &(struct ipc_msg){
        .type = IPC_row_attempt,
        .row_attempt = {.id = a->id, .rcpts = a->rcpts, .at_ms = a->at_ms, .took_ms = a->took_ms,
                        .host = a->host, .address = a->address, .port = a->port, .mx = a->mx,
                        .sess = a->sess, .action = a->action, .grade = a->grade, .floor = a->floor,
                        .reason = a->reason, .raised = a->raised, .reused = a->reused,
                        .tls_version = a->tls_version, .tls_cipher = a->tls_cipher,
                        .tls_bits = a->tls_bits, .tls_group = a->tls_group,
                        .tls_signature = a->tls_signature, .peer_key = a->peer_key,
                        .cert_check = a->cert_check, .cert_subject = a->cert_subject,
                        .cert_issuer = a->cert_issuer, .cert_fingerprint = a->cert_fingerprint,
                        .cert_not_after = a->cert_not_after, .detail = a->detail}});
}

static void report(struct queue *q, struct ipc_channel *ch, uint64_t id)
{
    struct store_message m;
    if (store_message_get(q->store, id, false, &m) < 0) {
        done(ch, false, "no such message (its report may have been removed after its time)");
        return;
    }
    send_message(q, ch, id);
    int r = store_each_rcpt(q->store, id, send_rcpt, ch);
    r = r < 0 ? r : store_each_attempt(q->store, id, send_attempt, ch);
    done(ch, r == 0, r == 0 ? "" : "the store could not be read");
}

struct list_walk {
    struct queue *q;
    struct ipc_channel *ch;
    uint64_t last_id;
    size_t n;
};

static void list_one(void *arg, const struct store_rcpt *r)
{
    struct list_walk *w = arg;
    if (r->id != w->last_id) {
        send_message(w->q, w->ch, r->id);
        w->last_id = r->id;
    }
    send_rcpt(w->ch, r);
    w->n++;
}

static void list(struct queue *q, struct ipc_channel *ch)
{
    struct list_walk w = {q, ch, 0, 0};
    int r = store_each_in_state(q->store, RCPT_STATE_END, LIST_MAX, list_one, &w);
    done(ch, r == 0, r < 0 ? "the store could not be read" : w.n == LIST_MAX ? "only the first 10000 are shown" : "");
}

/* --- changes ------------------------------------------------------------------------------------------ */

struct change {
    struct queue *q;
    enum admin_verb verb;
    uint64_t ids[LIST_MAX];
    size_t n;
};

static void collect_id(void *arg, const struct store_rcpt *r)
{
    struct change *c = arg;
    if (c->n < LIST_MAX && (c->n == 0 || c->ids[c->n - 1] != r->id)) {
        c->ids[c->n++] = r->id;
    }
}

static void collect_hop(void *arg, const struct store_rcpt *r)
{
    struct change *c = arg;
    struct destination *d = queue_destination(c->q, r->next_hop);
    queue_retry_at(c->q, d, clock_wall_ms());
}

static void change_one(struct change *c, uint64_t id)
{
    struct store *s = c->q->store;
    queue_forget_ready(c->q, id);
    switch (c->verb) {
    case ADMIN_RETRY:
        store_set_state(s, id, RCPT_QUEUED, RCPT_QUEUED, clock_wall_ms(), 0);
        break;
    case ADMIN_HOLD:
        store_set_state(s, id, RCPT_QUEUED, RCPT_HELD, 0, 0);
        break;
    case ADMIN_RELEASE:
        store_set_state(s, id, RCPT_HELD, RCPT_QUEUED, clock_wall_ms(), 0);
        break;
    case ADMIN_DELETE:
        store_set_state(s, id, RCPT_QUEUED, RCPT_DELETED, 0, REASON_DELETED);
        store_set_state(s, id, RCPT_HELD, RCPT_DELETED, 0, REASON_DELETED);
        store_release_body(s, id);
        break;
    case ADMIN_LIST:
    case ADMIN_MESSAGE:
    case ADMIN_STATUS:
    case ADMIN_RELOAD:
    case ADMIN_END:
        break;
    }
    if (store_each_rcpt(s, id, collect_hop, c) < 0) {
        log_error("store-read-failed", KV("what", "destinations of a changed message"));
    }
}

static struct ipc_channel *answer_to; /* one administrator's change at a time, within one turn */

static void on_changed(void *arg, enum store_result result)
{
    char text[64];
    size_t n = (size_t)(uintptr_t)arg;
    snprintf(text, sizeof text, result == STORE_OK ? "%zu message%s changed" : "the store could not be written", n,
             n == 1 ? "" : "s");
    done(answer_to, result == STORE_OK, text);
    answer_to = NULL;
}

static bool owns_lease(const struct queue *q, uint64_t id)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(q->jobs, &cursor, &key, &value)) {
        if (((const struct job *)value)->id == id) {
            return true;
        }
    }
    return false;
}

static void change(struct queue *q, struct ipc_channel *ch, enum admin_verb verb, struct str argument)
{
    struct change *c = err_calloc(1, sizeof *c);
    c->q = q;
    c->verb = verb;
    uint64_t id = 0;
    if (str_eq(argument, STR("all")) && verb != ADMIN_DELETE) {
        if (store_each_in_state(q->store, RCPT_STATE_END, LIST_MAX, collect_id, c) < 0) {
            c->n = 0;
        }
    } else if (id_parse(argument, &id) == 0) {
        struct store_message m;
        c->n = store_message_get(q->store, id, false, &m) == 0;
        c->ids[0] = id;
    }
    if (c->n == 0 || (id && owns_lease(q, id) && verb != ADMIN_RETRY)) {
        done(ch, false, c->n == 0 ? "no such message in the queue"
                                  : "this message is being delivered right now; try again in a moment");
        free(c);
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        change_one(c, c->ids[i]);
    }
    answer_to = ch;
    store_sync(q->store, on_changed, (void *)(uintptr_t)c->n);
    store_flush(q->store);
    log_notice("admin", KV("verb", admin_verb_name(verb)), KVS("argument", argument), KVN("messages", c->n),
               KVN("uid", (uintptr_t)ipc_channel_data(ch)));
    free(c);
}

static void on_admin(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct queue *q = owner;
    uint64_t id;
    (void)fd;
    enum admin_verb verb = m->admin.verb < ADMIN_END ? (enum admin_verb)m->admin.verb : ADMIN_END;
    switch (verb) {
    case ADMIN_LIST:
        list(q, ch);
        return;
    case ADMIN_MESSAGE:
        if (id_parse(m->admin.argument, &id) < 0) {
            done(ch, false, "this is not a message id (13 letters and digits, as in the log)");
        } else {
            report(q, ch, id);
        }
        return;
    case ADMIN_RETRY:
    case ADMIN_HOLD:
    case ADMIN_RELEASE:
    case ADMIN_DELETE:
        change(q, ch, verb, m->admin.argument);
        return;
    case ADMIN_STATUS:
    case ADMIN_RELOAD:
    case ADMIN_END:
        break;
    }
    done(ch, false, "not a question for the queue");
}

static const struct ipc_rule admin_rules[] = {{IPC_admin, on_admin}, {IPC_none, NULL}};

static void on_admin_closed(void *owner, struct ipc_channel *ch)
{
    (void)owner;
    if (answer_to == ch) {
        answer_to = NULL;
    }
}

static void on_connection(void *arg, int events)
{
    struct queue *q = arg;
    (void)events;
    int fd = accept4(q->admin_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct ucred who = {0};
    socklen_t n = sizeof who;
    int big = 4 * 1024 * 1024;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n);
    struct ipc_channel *ch =
        ipc_channel_new(child_loop(q->child), fd, "postern", admin_rules, on_admin_closed, q);
    ipc_channel_set_data(ch, (void *)(uintptr_t)who.uid);
}

void queue_admin_open(struct queue *q, int listener)
{
    q->admin_listener = listener;
    q->admin_watch = watch_new(child_loop(q->child), listener, on_connection, q);
    watch_set(q->admin_watch, WATCH_READ);
}
