/* SPDX-License-Identifier: Apache-2.0
 * child.c: the life of a child process: handed everything over the control channel, it raises its
 * sandbox and serves until posternd says stop or is gone. Called by main() of each process.
 *
 * Trust: posternd is the only one believed. What can go wrong: a configuration that does not
 * parse (posternd checked it; then versions are mixed): the process ends and says so.
 */
#include "proc/child.h"
#include "proc/budget.h"
#include "sys/memory.h"
#include "base/log.h"
#include "sys/file.h"
#include "sys/log_turn.h"
#include "sys/spawn.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEPT_FREE = 16 * 1024 * 1024 }; /* octets */

const char *const role_names[] = {
    "queue", "lookup", "keys", "smtpin", "smtpout", "login", "metrics", "inspect", "web",
};

struct child_file {
    char name[160];
    struct buf bytes;
};

enum { PEERS_MAX = 512 };

/* The socket to another process, as posternd made it. */
struct peer {
    enum role role;
    unsigned index;
    bool signing;
    uint64_t serial;
    int fd; /* of whom it was given to; -1: it is known to be lost */
};

struct child {
    const char *name;
    unsigned index;
    const struct child_events *events;
    void *owner;
    struct loop *loop;
    struct ipc_channel *control;
    struct conf *conf, *next;
    struct child_file files[CHILD_FILES_MAX];
    size_t n_files;
    struct peer early[256]; /* handed over before this process was ready to talk */
    size_t n_early;
    struct peer peers[PEERS_MAX];
    size_t n_peers;
    struct peer before; /* while a socket is handed over: the one whose place it takes */
    bool started;
    bool lacks; /* of the configuration that is being handed over some descriptor got no room */
    struct ipc_rule rules[24];
    char title[32];
};

struct loop *child_loop(struct child *c)
{
    return c->loop;
}

unsigned child_index(const struct child *c)
{
    return c->index;
}

const struct conf *child_conf(const struct child *c)
{
    return c->conf;
}

const struct conf *child_conf_next(const struct child *c)
{
    return c->next ? c->next : c->conf;
}

struct str child_file(const struct child *c, const char *name)
{
    for (size_t i = 0; i < c->n_files; i++) {
        if (strcmp(c->files[i].name, name) == 0) {
            return buf_str(&c->files[i].bytes);
        }
    }
    return STR("");
}

struct ipc_channel *child_control(struct child *c)
{
    return c->control;
}

void child_exit(struct child *c)
{
    loop_stop(c->loop);
}

void *child_owner(void *child)
{
    return ((struct child *)child)->owner;
}

static _Noreturn void child_give_up(const char *event, const char *problem)
{
    log_error(event, KV("problem", problem));
    exit(1);
}

static _Noreturn void give_up_for_good(const char *event, const char *problem)
{
    log_error(event, KV("problem", problem));
    exit(CHILD_NEVER);
}

/* A configuration begins to be handed over: its files follow anew. */
static void begin_conf(struct child *c, struct conf *conf)
{
    conf_free(c->next);
    c->next = conf;
    for (size_t i = 0; i < c->n_files; i++) {
        buf_wipe(&c->files[i].bytes);
    }
    c->n_files = 0;
    c->lacks = !conf;
}

static void on_conf(void *owner, struct ipc_channel *ch, const struct ipc_ctl_conf *m, int fd)
{
    struct child *c = owner;
    CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    struct conf *conf = NULL;
    int r = file_read_fd(fd, &text);
    close(fd);
    r = r < 0 ? r : conf_parse(buf_str(&text), "handed-over", &problems, &conf);
    if (r < 0) {
        (void)!buf_append(&problems, "", 1);
        child_give_up("configuration-unreadable", buf_str(&problems).p);
    }
    begin_conf(c, conf);
}

/* No descriptor was left for it: a reload is refused, a start fails. */
static void on_conf_without(void *owner, struct ipc_channel *ch, const struct ipc_ctl_conf *m)
{
    begin_conf(owner, NULL);
}

static void on_file_without(void *owner, struct ipc_channel *ch, const struct ipc_ctl_file *m)
{
    ((struct child *)owner)->lacks = true;
}

static void on_listener_without(void *owner, struct ipc_channel *ch,
                                const struct ipc_ctl_listener *m)
{
    ((struct child *)owner)->lacks = true;
}

static void on_shared_without(void *owner, struct ipc_channel *ch, const struct ipc_ctl_shared *m)
{
    ((struct child *)owner)->lacks = true;
}

static void child_on_file(void *owner, struct ipc_channel *ch, const struct ipc_ctl_file *m, int fd)
{
    struct child *c = owner;
    must(c->n_files < CHILD_FILES_MAX);
    struct child_file *f = &c->files[c->n_files++];
    str_copy_cut(m->name, f->name, sizeof f->name);
    f->bytes = BUF_INIT(CHILD_FILE_MAX);
    int r = file_read_fd(fd, &f->bytes);
    close(fd);
    if (r < 0) {
        child_give_up("file-unreadable", f->name);
    }
}

static const struct peer no_peer = {.fd = -1};

/* The socket to a process, which takes the place of the one before: that is returned. */
static struct peer remember_peer(struct child *c, const struct peer *p)
{
    size_t at = 0;
    while (at < c->n_peers && (c->peers[at].role != p->role || c->peers[at].index != p->index ||
                               c->peers[at].signing != p->signing)) {
        at++;
    }
    must(at < PEERS_MAX);
    const struct peer before = at < c->n_peers ? c->peers[at] : no_peer;
    c->n_peers += at == c->n_peers;
    c->peers[at] = *p;
    return before;
}

static void child_tell_lost(struct child *c, const struct peer *p, bool misused)
{
    ipc_send(c->control, &(struct ipc_msg){.type = IPC_ctl_peer_lost,
                                           .ctl_peer_lost = {
                                               .role = p->role,
                                               .index = p->index,
                                               .signing = p->signing,
                                               .serial = p->serial,
                                               .misused = misused,
                                           }});
}

/* Both processes may live and yet have lost each other (one was stopped until the other's
 * backlog was full): posternd joins them again, as it does when one was started anew. */
static void child_on_lost(void *arg, int fd, bool misused)
{
    struct child *c = arg;
    for (size_t i = 0; i < c->n_peers; i++) {
        if (c->peers[i].fd == fd) {
            c->peers[i].fd = -1;
            child_tell_lost(c, &c->peers[i], misused);
        }
    }
    if (c->before.fd == fd) {
        child_tell_lost(c, &c->before, misused);
    }
}

static void give_peer(struct child *c, const struct peer *p)
{
    c->before = remember_peer(c, p);
    if (p->signing) {
        must(c->events->on_signing);
        c->events->on_signing(c->owner, c, p->role, p->fd);
    } else {
        c->events->on_peer(c->owner, c, p->role, p->index, p->fd);
    }
    c->before = no_peer;
}

static struct peer peer_of(const struct child *c, const struct ipc_ctl_peer *m, int fd)
{
    must(m->role < ROLE_END && c->events->on_peer);
    return (struct peer){
        .role = m->role,
        .index = m->index,
        .signing = m->signing != 0,
        .serial = m->serial,
        .fd = fd,
    };
}

/* What came before the start is handed to the process right after it. */
static void child_on_peer(void *owner, struct ipc_channel *ch, const struct ipc_ctl_peer *m, int fd)
{
    struct child *c = owner;
    const struct peer p = peer_of(c, m, fd);
    if (c->started) {
        give_peer(c, &p);
        return;
    }
    must(c->n_early < ARRAY_LEN(c->early));
    c->early[c->n_early++] = p;
}

/* No descriptor was left for it. The other end hears that ours is closed; posternd makes the
 * pair again a little later. */
static void on_peer_without(void *owner, struct ipc_channel *ch, const struct ipc_ctl_peer *m)
{
    struct child *c = owner;
    const struct peer p = peer_of(c, m, -1);
    if (!c->started) {
        c->lacks = true;
        return;
    }
    (void)remember_peer(c, &p);
    child_tell_lost(c, &p, false);
}

static void child_on_shared(void *owner, struct ipc_channel *ch, const struct ipc_ctl_shared *m,
                            int fd)
{
    struct child *c = owner;
    must(c->events->on_shared);
    c->events->on_shared(c->owner, c, m->name, fd);
}

static void child_on_listener(void *owner, struct ipc_channel *ch, const struct ipc_ctl_listener *m,
                              int fd)
{
    struct child *c = owner;
    must(c->events->on_listener);
    c->events->on_listener(c->owner, c, m->name, m->kind, fd);
}

static void apply_log(const struct child *c)
{
    log_open(c->title, c->conf->log.level, c->conf->log.format, c->conf->log.to == CONF_LOG_SYSLOG);
}

static void take_conf(struct child *c)
{
    if (c->next) {
        conf_free(c->conf);
        c->conf = c->next;
        c->next = NULL;
    }
    apply_log(c);
}

static uint64_t own_budget(const struct child *c)
{
    for (enum role role = 0; role < ROLE_END; role++) {
        if (strcmp(c->name, role_names[role]) == 0) {
            return budget_of(role, c->conf);
        }
    }
    return 0;
}

static void child_on_start(void *owner, struct ipc_channel *ch, const struct ipc_ctl_start *m)
{
    struct child *c = owner;
    char problem[512] = "", walls[256] = "";
    struct sandbox sandbox = {0};
    if (c->lacks) {
        child_give_up("start-failed", "no descriptors are left for what posternd hands over");
    }
    take_conf(c);
    int r = c->events->on_prepare ? c->events->on_prepare(c->owner, c, problem, sizeof problem) : 0;
    if (r == -EKEYREJECTED) {
        give_up_for_good("start-refused", problem);
    }
    if (r < 0) {
        child_give_up("start-failed", problem);
    }
    c->events->sandbox(c->owner, c, &sandbox);
    if (own_budget(c) > 0) {
        memory_init();
        r = memory_limit(own_budget(c));
    }
    r = r < 0 ? r : sandbox_enter(&sandbox, walls, sizeof walls);
    if (r < 0) {
        child_give_up("sandbox-failed", strerror(-r));
    }
    c->started = true;
    ipc_send(ch, &(struct ipc_msg){.type = IPC_ctl_ready, .ctl_ready = {.sandbox = str_c(walls)}});
    if (c->events->on_start) {
        c->events->on_start(c->owner, c);
    }
    for (size_t i = 0; i < c->n_early; i++) {
        give_peer(c, &c->early[i]);
    }
    c->n_early = 0;
}

static void child_on_reload(void *owner, struct ipc_channel *ch, const struct ipc_ctl_reload *m)
{
    struct child *c = owner;
    char problem[512] = "";
    int r = c->lacks               ? -EMFILE
            : c->events->on_reload ? c->events->on_reload(c->owner, c, problem, sizeof problem)
                                   : 0;
    if (c->lacks) {
        str_copy_cut(STR("no descriptors are left for what is handed over"), problem,
                     sizeof problem);
    }
    if (r == 0) {
        take_conf(c);
        (void)!memory_limit(own_budget(c));
    } else {
        conf_free(c->next);
        c->next = NULL;
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_ctl_reloaded,
                                   .ctl_reloaded = {
                                       .generation = m->generation,
                                       .ok = r == 0,
                                       .problem = str_c(problem),
                                   }});
}

static void child_on_status(void *owner, struct ipc_channel *ch, const struct ipc_ctl_status_ask *m)
{
    struct child *c = owner;
    char text[1024] = "";
    CLEANUP(buf_free) struct buf metrics = BUF_INIT(32768);
    if (c->events->on_status) {
        c->events->on_status(c->owner, text, sizeof text);
    }
    if (c->events->on_metrics) {
        c->events->on_metrics(c->owner, &metrics);
    }
    metric_put(&metrics, "channel_misuses_total", "", ipc_refused());
    ipc_send(ch, &(struct ipc_msg){.type = IPC_ctl_status,
                                   .ctl_status = {
                                       .token = m->token,
                                       .counters = str_c(text),
                                       .metrics = buf_str(&metrics),
                                   }});
}

static void child_on_stop(void *owner, struct ipc_channel *ch, const struct ipc_ctl_stop *m)
{
    struct child *c = owner;
    if (c->events->on_stop && c->started) {
        c->events->on_stop(c->owner, c);
    } else {
        child_exit(c);
    }
}

/* posternd is gone: nobody would start or watch us; what is durable stays. */
static void child_on_closed(void *owner, struct ipc_channel *ch)
{
    struct child *c = owner;
    c->control = NULL;
    child_exit(c);
}

static void ignore_signal(void *arg, int signum)
{
}

static void collect_rules(struct child *c)
{
    static const struct ipc_rule own[] = {
        IPC_ON_OR(ctl_conf, on_conf, on_conf_without),
        IPC_ON_OR(ctl_file, child_on_file, on_file_without),
        IPC_ON_OR(ctl_peer, child_on_peer, on_peer_without),
        IPC_ON_OR(ctl_listener, child_on_listener, on_listener_without),
        IPC_ON(ctl_start, child_on_start),
        IPC_ON(ctl_reload, child_on_reload),
        IPC_ON(ctl_status_ask, child_on_status),
        IPC_ON(ctl_stop, child_on_stop),
        IPC_ON_OR(ctl_shared, child_on_shared, on_shared_without),
    };
    size_t n = 0;
    for (; n < ARRAY_LEN(own); n++) {
        c->rules[n] = own[n];
    }
    for (const struct ipc_rule *r = c->events->rules; r && r->type != IPC_none; r++) {
        must(n + 1 < ARRAY_LEN(c->rules));
        c->rules[n++] = *r;
    }
}

void metric_put(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    (void)!buf_printf(out, "postern_%s%s%s%s %llu\n", name, *labels ? "{" : "", labels,
                      *labels ? "}" : "", (unsigned long long)value);
}

int child_main(int argc, char **argv, const char *name, const struct child_events *events,
               void *owner)
{
    uint64_t index = 0;
    if (argc != 2 || str_to_u64(str_c(argv[1]), 255, &index) < 0) {
        fprintf(stderr, "%s is a part of Postern; it is started by posternd, not by hand.\n", name);
        return 64;
    }
    struct child c = {
        .name = name,
        .index = (unsigned)index,
        .events = events,
        .owner = owner,
        .before = no_peer,
    };
    snprintf(c.title, sizeof c.title, "%s-%u", name, c.index);
    log_hand_over();
    log_open(c.title, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
    signal(SIGPIPE, SIG_IGN);
    /* what a message needed the next one needs again: giving memory */
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
    /* back in between took a sixth of the CPU at 1 MB */
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_FREE);
    c.loop = loop_new();
    log_turn_begin(c.loop);
    loop_on_signal(c.loop, SIGINT, ignore_signal, NULL);
    loop_on_signal(c.loop, SIGHUP, ignore_signal, NULL);
    collect_rules(&c);
    c.control = ipc_channel_new(c.loop, SPAWN_CONTROL_FD, "posternd", c.rules, child_on_closed, &c);
    ipc_on_lost(child_on_lost, &c);
    loop_run(c.loop);
    return 0;
}
