/* SPDX-License-Identifier: Apache-2.0
 * children.c: starts, watches and restarts the children (joins.c: who talks to whom); a child that
 * dies again and again is started with a growing pause (deaths.c), the others keep serving. Called
 * by main.c and reload.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/posternd/deaths.h"
#include "cmd/posternd/lines.h"
#include "cmd/posternd/posternd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_MS = 8000, LATE_MS = 1000, SHARE_LEAST_MS = 200 };

struct supervised *children_find(struct posternd *d, unsigned role, unsigned index)
{
    for (size_t i = 0; i < d->n_children; i++) {
        if ((unsigned)d->children[i].role == role && d->children[i].index == index) {
            return &d->children[i];
        }
    }
    return NULL;
}

static void want(struct posternd *d, enum role role, unsigned index)
{
    struct supervised *s = children_find(d, role, index);
    if (!s) {
        must(d->n_children < CHILDREN_MAX);
        s = &d->children[d->n_children++];
        *s = (struct supervised){.role = role, .index = index, .d = d, .metrics = BUF_INIT(32768)};
        snprintf(s->name, sizeof s->name, "%s-%u", role_names[role], index);
    }
    s->is_wanted = true;
}

static bool people_log_in(const struct conf *c)
{
    if (c->portal.url) {
        return true; /* senders, to see what became of theirs */
    }
    for (size_t i = 0; i < c->n_listens; i++) {
        if (c->listens[i].kind != CONF_LISTEN_SMTP) {
            return true;
        }
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        if (conf_list_asks_directory(c, &c->groups[i].members)) {
            return true;
        }
    }
    return false;
}

void children_plan(struct posternd *d)
{
    for (size_t i = 0; i < d->n_children; i++) {
        d->children[i].is_wanted = false;
    }
    want(d, ROLE_KEYS, 0);
    want(d, ROLE_QUEUE, 0);
    want(d, ROLE_LOOKUP, 0);
    for (unsigned i = 0; i < d->conf->workers.smtpout; i++) {
        want(d, ROLE_SMTPOUT, i);
    }
    if (d->conf->metrics.addresses.n > 0) {
        want(d, ROLE_METRICS, 0);
    }
    for (unsigned i = 0; people_log_in(d->conf) && i < d->conf->workers.login; i++) {
        want(d, ROLE_LOGIN, i);
    }
    for (unsigned i = 0; i < d->conf->workers.inspect; i++) {
        want(d, ROLE_INSPECT, i);
    }
    for (unsigned i = 0; d->conf->portal.url && i < d->conf->workers.web; i++) {
        want(d, ROLE_WEB, i);
    }
    for (unsigned i = 0; i < d->conf->workers.smtpin; i++) {
        want(d, ROLE_SMTPIN, i);
    }
}

bool children_alarm(const struct posternd *d, enum alarm_kind kind, struct str text)
{
    bool told = false;
    for (size_t i = 0; i < d->n_children; i++) {
        const struct supervised *s = &d->children[i];
        if (s->role == ROLE_QUEUE && s->control && s->ready) {
            told = true;
            ipc_send(s->control, &(struct ipc_msg){.type = IPC_alarm,
                                                   .alarm = {
                                                       .kind = kind,
                                                       .cleared = text.n == 0,
                                                       .domain = str_c(d->conf->hostname),
                                                       .text = text,
                                                   }});
        }
    }
    return told;
}

static void send_public_key(const struct posternd *d, const struct supervised *s)
{
    if (d->has_public_key &&
        (s->role == ROLE_SMTPIN || s->role == ROLE_SMTPOUT || s->role == ROLE_WEB)) {
        ipc_send(s->control,
                 &(struct ipc_msg){.type = IPC_ctl_public_key,
                                   .ctl_public_key = {
                                       .key = str_from((const char *)d->public_key, 32)}});
    }
}

/* --- messages of a child ------------------------------------------------ */

/* Type=notify: ready once all processes are; the end of a reload is told by itself. */
static void tell_when_ready(struct posternd *d)
{
    if (timer_is_running(d->reload_timer)) {
        return;
    }
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].is_wanted && !d->children[i].ready) {
            return;
        }
    }
    notify_manager("READY=1");
}

static void children_on_ready(void *owner, struct ipc_channel *ch, const struct ipc_ctl_ready *m)
{
    struct supervised *s = owner;
    if (s->ready || ch != s->control) {
        ipc_refuse(ch, "a second time");
        return;
    }
    s->ready = true;
    s->ready_ms = clock_mono_ms();
    if (s->old_pid > 0) {
        joins_make(s->d, s); /* the others turn to it now, and let the one before it go */
    }
    str_copy_cut(m->sandbox, s->sandbox, sizeof s->sandbox);
    tell_when_ready(s->d);
    if (s->renew) {
        s->renew = s->reload_due = false;
        control_reload_came(s->d);
    }
    if (s->role == ROLE_QUEUE && s->control) {
        reload_send_acts(s->d, s->control);
        misuse_tell(s->d);
        dying_tell(s->d);
    }
    log_notice("process-ready", KV("child", s->name), KVN("pid", s->pid),
               KV("sandbox", s->sandbox));
}

static void children_on_public_key(void *owner, struct ipc_channel *ch,
                                   const struct ipc_ctl_public_key *m)
{
    struct supervised *s = owner;
    struct posternd *d = s->d;
    if (m->key.n != sizeof d->public_key) {
        ipc_refuse(ch, "a key of another length");
        return;
    }
    if (d->has_public_key && memcmp(d->public_key, m->key.p, sizeof d->public_key) != 0) {
        ipc_refuse(ch, "another key: it belongs to the secret, which stays as long as we run");
        return;
    }
    memcpy(d->public_key, m->key.p, 32);
    d->has_public_key = true;
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].control) {
            send_public_key(d, &d->children[i]);
        }
    }
}

static void reload_rest(struct posternd *d);

static void on_reloaded(void *owner, struct ipc_channel *ch, const struct ipc_ctl_reloaded *m)
{
    struct supervised *s = owner;
    if (ch != s->control || m->generation != s->d->generation) {
        return; /* of an earlier one */
    }
    if (!s->reload_asked) {
        /* else it could fill the log in our name */
        ipc_refuse(ch, "not asked, or answered before");
        return;
    }
    s->reload_asked = false;
    if (!m->ok) {
        log_error("reload-refused", KV("child", s->name), KVS("problem", m->problem));
    } else if (s->role == ROLE_KEYS && s->d->rest_due) {
        reload_rest(s->d);
    }
    /* it makes room for a new one, which will be ready */
    s->reload_due = s->renew && m->ok;
    s->reload_refused = !m->ok;
    control_reload_came(s->d);
}

static void children_on_status(void *owner, struct ipc_channel *ch, const struct ipc_ctl_status *m)
{
    struct supervised *s = owner;
    str_copy_cut(m->counters, s->counters, sizeof s->counters);
    buf_reset(&s->metrics);
    (void)!buf_add(&s->metrics, m->metrics);
    s->status_due = false;
    control_status_came(s->d);
}

static void on_metrics_ask(void *owner, struct ipc_channel *ch, const struct ipc_metrics_ask *m)
{
    struct supervised *s = owner;
    control_metrics(s->d);
}

static void children_start_one(struct posternd *d, struct supervised *s);

/* An end on plan: the successor is started beside it. */
static void on_replace(void *owner, struct ipc_channel *ch, const struct ipc_ctl_replace *m)
{
    struct supervised *s = owner;
    bool reloads = s->renew || s->reload_due; /* then it leaves anyway */
    if (ch == s->control && (!s->ready || clock_mono_ms() - s->ready_ms < SHARE_LEAST_MS)) {
        /* else each one could have the next started */
        ipc_refuse(ch, "it has hardly begun");
        return;
    }
    if (ch != s->control || s->old_pid > 0 || !s->is_wanted || s->stopping || s->d->stopping ||
        reloads) {
        return;
    }
    log_notice("process-replaced", KV("child", s->name), KVN("pid", s->pid),
               KV("why", "it did its share of work"));
    s->old_pid = s->pid;
    s->old_control = s->control;
    s->old_lines = s->lines;
    s->lines = NULL;
    s->pid = 0;
    s->control = NULL;
    children_start_one(s->d, s);
}

#define EVERY_CHILD \
    IPC_ON(ctl_ready, children_on_ready), IPC_ON(ctl_reloaded, on_reloaded), \
        IPC_ON(ctl_status, children_on_status), IPC_ON(ctl_peer_lost, joins_on_lost)

static const struct ipc_rule child_rules[] = {EVERY_CHILD, IPC_RULES_END};
static const struct ipc_rule keys_rules[] = {EVERY_CHILD,
                                             IPC_ON(ctl_public_key, children_on_public_key),
                                             IPC_RULES_END};
static const struct ipc_rule metrics_rules[] = {EVERY_CHILD, IPC_ON(metrics_ask, on_metrics_ask),
                                                IPC_RULES_END};
static const struct ipc_rule inspect_rules[] = {EVERY_CHILD, IPC_ON(ctl_replace, on_replace),
                                                IPC_RULES_END};

/* What each may say to us. */
static const struct ipc_rule *rules_of(enum role r)
{
    return r == ROLE_KEYS      ? keys_rules
           : r == ROLE_METRICS ? metrics_rules
           : r == ROLE_INSPECT ? inspect_rules
                               : child_rules;
}

/* It will answer nothing any more. */
static void forget_control(struct supervised *s)
{
    s->control = NULL;
    s->status_due = false;
    s->reload_due = s->renew; /* else its successor starts with the new one */
    control_reload_came(s->d);
}

static void on_control_closed(void *owner, struct ipc_channel *ch)
{
    struct supervised *s = owner;
    if (ch == s->old_control) {
        s->old_control = NULL;
        if (ipc_misused(ch)) {
            misuse_note(s->d, s, true, "posternd");
        }
        if (s->old_pid > 0) {
            kill(s->old_pid, SIGKILL);
        }
        return;
    }
    forget_control(s);
    if (ipc_misused(ch)) {
        misuse_note(s->d, s, false, "posternd");
    }
    if (s->pid > 0 && !s->stopping) {
        kill(s->pid, SIGKILL); /* it broke the rules of the channel, or is ending anyway */
    }
}

/* --- starting ----------------------------------------------------------- */

static void start_later(struct supervised *s, int64_t pause_ms);

static int64_t pause_after_death(struct supervised *s)
{
    s->restarts++;
    return deaths_pause_ms(&s->deaths, s->ready_ms > 0 ? clock_mono_ms() - s->ready_ms : 0);
}

static int spawn(struct posternd *d, struct supervised *s)
{
    char path[600], index[8];
    int fds[2], error_fd = -1;
    snprintf(path, sizeof path, "%s/%s", d->bin_dir, role_names[s->role]);
    snprintf(index, sizeof index, "%u", s->index);
    char *argv[] = {path, index, NULL};
    int r = ipc_pair(fds);
    if (r < 0) {
        return r;
    }
    s->lines_budget.per_s = s->role == ROLE_QUEUE ? LINES_OF_QUEUE : LINES_OF_OTHERS;
    s->lines = lines_open(d->loop, s->name, &s->lines_budget, &error_fd);
    r = s->lines ? spawn_child(path, argv, fds[1], error_fd, &d->users[s->role], &s->pid) : -EMFILE;
    close(fds[1]);
    err_close_fd(&error_fd);
    if (r < 0) {
        close(fds[0]);
        lines_close(s->lines);
        s->lines = NULL;
        return r;
    }
    lines_of(s->lines, s->pid);
    s->control = ipc_channel_new(d->loop, fds[0], s->name, rules_of(s->role), on_control_closed, s);
    return 0;
}

/* One that stays ours. 0, or -errno: there is no room for a copy. */
static int lend(const struct supervised *s, const struct ipc_msg *m, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return -errno;
    }
    ipc_send_fd(s->control, m, copy);
    return 0;
}

static int lend_ports(const struct posternd *d, const struct supervised *s)
{
    static const struct {
        enum role role;
        const char *name;
    } takes[] = {
        [PORT_SMTP] = {ROLE_SMTPIN, "smtp"},
        [PORT_PORTAL] = {ROLE_WEB, "portal"},
        [PORT_METRICS] = {ROLE_METRICS, "metrics"},
    };
    int r = 0;
    for (size_t i = 0; i < d->ports.n && r == 0; i++) {
        const struct port *p = &d->ports.v[i];
        if (takes[p->kind].role == s->role) {
            const struct ipc_ctl_listener l = {
                .name = str_c(takes[p->kind].name),
                .kind = p->listen,
            };
            r = lend(s, &(struct ipc_msg){.type = IPC_ctl_listener, .ctl_listener = l}, p->fd);
        }
    }
    return r;
}

/* What it listens on, and the memory that it shares with its copies. */
static int lend_all(const struct posternd *d, const struct supervised *s)
{
    const struct ipc_msg shared = {.type = IPC_ctl_shared, .ctl_shared = {.name = STR("clients")}};
    const struct ipc_msg admin = {.type = IPC_ctl_listener, .ctl_listener = {.name = STR("admin")}};
    int r = s->role == ROLE_SMTPIN && d->shared >= 0 ? lend(s, &shared, d->shared) : 0;
    r = r < 0 ? r : lend_ports(d, s);
    return r < 0 || s->role != ROLE_QUEUE ? r : lend(s, &admin, d->queue_socket);
}

static void children_start_one(struct posternd *d, struct supervised *s)
{
    s->ready = s->stopping = s->reload_refused = s->reload_asked = false;
    s->before_serial = s->first_serial;
    s->before_blamed = s->blamed;
    s->first_serial = d->serial;
    s->blamed = false;
    s->started_ms = clock_mono_ms();
    s->ready_ms = 0;
    int r = spawn(d, s);
    if (r < 0) {
        log_error("start-failed", KV("child", s->name), KV("problem", strerror(-r)));
        start_later(s, pause_after_death(s));
        return;
    }
    handover_files(d, s);
    r = lend_all(d, s);
    if (r < 0) { /* its end is told as any other's, and it is started again later */
        log_error("start-failed", KV("child", s->name), KV("problem", strerror(-r)));
        kill(s->pid, SIGKILL);
        return;
    }
    ipc_send(s->control,
             &(struct ipc_msg){.type = IPC_ctl_start, .ctl_start = {.generation = d->generation}});
    if (s->old_pid == 0) {
        joins_make(d, s);
    }
    send_public_key(d, s);
}

static void on_restart(void *arg)
{
    struct supervised *s = arg;
    if (!s->d->stopping && s->is_wanted && !s->kept_down) {
        children_start_one(s->d, s);
    }
}

static void start_later(struct supervised *s, int64_t pause_ms)
{
    if (!s->restart) {
        s->restart = timer_new(s->d->loop, on_restart, s);
    }
    timer_start(s->restart, pause_ms);
}

void children_start(struct posternd *d)
{
    for (size_t i = 0; i < d->n_children; i++) {
        children_start_one(d, &d->children[i]);
    }
}

/* --- ending ------------------------------------------------------------- */

static void stop_next(struct posternd *d);

static void on_ended(struct posternd *d, struct supervised *s, int status)
{
    bool crashed = WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
    s->pid = 0;
    /* its end is known before the channel's: what it said last (that it is ready, or what it may
     * not say) came before both */
    ipc_channel_end(s->control);
    /* one that never served may end again at once */
    bool asked = s->stopping || !s->is_wanted || (s->renew && s->ready);
    s->ready = false;
    lines_close(s->lines);
    s->lines = NULL;
    if (d->stopping) {
        stop_next(d);
        return;
    }
    if (deaths_for_good(status, s->ready_ms > 0)) {
        log_error("refused-to-run", KV("child", s->name),
                  KV("what", "it said why; starting it again would change nothing"));
        d->exit_status = CHILD_NEVER;
        children_stop(d);
        return;
    }
    if (asked && !crashed) {
        log_notice("process-ended", KV("child", s->name),
                   KV("why", s->is_wanted ? "a new one takes the new configuration"
                                          : "the configuration has none of it"));
        if (s->is_wanted) {
            children_start_one(d, s);
        }
        return;
    }
    if (s->kept_down) {
        return; /* misuse.c said so */
    }
    bool by_signal = WIFSIGNALED(status);
    snprintf(s->ended, sizeof s->ended, by_signal ? "signal %d" : "status %d",
             by_signal ? WTERMSIG(status) : WEXITSTATUS(status));
    /* those that end after many messages did nothing wrong */
    int64_t pause_ms = crashed ? pause_after_death(s) : 0;
    LOG(crashed ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, "process-ended", KV("child", s->name),
        KVN("status", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
        KVN("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0), KVN("restart-in-ms", pause_ms));
    start_later(s, pause_ms);
    dying_tell(d);
    if (s->role == ROLE_KEYS && d->rest_due) {
        reload_rest(d); /* the next keys begin with the new files */
    }
}

/* The one before it is gone, as planned or not: its successor has its place. */
static void on_old_ended(struct posternd *d, struct supervised *s, int status)
{
    bool crashed = WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
    lines_close(s->old_lines);
    s->old_lines = NULL;
    LOG(crashed ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, "process-ended", KV("child", s->name),
        KVN("pid", s->old_pid), KV("why", "replaced"),
        KVN("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    s->restarts += crashed;
    s->old_pid = 0;
    ipc_channel_end(s->old_control);
    if (d->stopping) {
        stop_next(d);
    }
}

void children_reap(struct posternd *d)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == d->pickup) {
            d->pickup = 0;
            lines_close(d->pickup_lines);
            d->pickup_lines = NULL;
        }
        for (size_t i = 0; i < d->n_children; i++) {
            if (d->children[i].pid == pid) {
                on_ended(d, &d->children[i], status);
            } else if (d->children[i].old_pid == pid) {
                on_old_ended(d, &d->children[i], status);
            }
        }
    }
}

/* Not running, and not about to. */
static bool children_is_idle(const struct supervised *s)
{
    return s->pid == 0 && !(s->restart && timer_is_running(s->restart));
}

/* A process that was asked to stop and hangs would keep its old configuration and ports for
 * good. */
static void kill_late(void *arg)
{
    struct posternd *d = arg;
    int64_t now = clock_mono_ms();
    bool more = false;
    for (size_t i = 0; i < d->n_children && !d->stopping; i++) {
        const struct supervised *s = &d->children[i];
        bool waits = s->stopping && s->pid > 0;
        if (waits && now >= s->stop_by_ms) {
            log_warn("process-killed", KV("child", s->name), KV("why", "did not stop in time"));
            kill(s->pid, SIGKILL);
        }
        more |= waits;
    }
    if (more) {
        timer_start(d->late, LATE_MS);
    }
}

static void stop_one(struct supervised *s)
{
    struct posternd *d = s->d;
    if (s->stopping) {
        return;
    }
    s->stopping = true;
    s->stop_by_ms = clock_mono_ms() + STOP_MS;
    d->late = d->late ? d->late : timer_new(d->loop, kill_late, d);
    timer_start(d->late, LATE_MS);
    if (s->control) {
        ipc_send(s->control, &(struct ipc_msg){.type = IPC_ctl_stop});
    } else {
        kill(s->pid, SIGTERM);
    }
}

/* Given a new configuration, they finish what is under way and end. */
static bool leaves_by_itself(const struct supervised *s)
{
    return s->role == ROLE_INSPECT || s->role == ROLE_WEB;
}

/* One process takes the configuration in force: told, started anew, started for the first time,
 * or ended for good. */
static void reload_one(struct posternd *d, struct supervised *s)
{
    if (s->pid == 0) {
        if (s->is_wanted && children_is_idle(s)) {
            children_start_one(d, s);
        }
    } else if (!leaves_by_itself(s) && (!s->is_wanted || s->renew)) {
        stop_one(s);
    } else if (s->control) {
        handover_files(d, s);
        s->reload_asked = true;
        ipc_send(s->control, &(struct ipc_msg){.type = IPC_ctl_reload,
                                               .ctl_reload = {.generation = d->generation}});
    }
}

static void reload_rest(struct posternd *d)
{
    d->rest_due = false;
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].role != ROLE_KEYS) {
            reload_one(d, &d->children[i]);
        }
    }
}

void children_renew(struct posternd *d, enum role role)
{
    for (size_t i = 0; i < d->n_children; i++) {
        d->children[i].renew |= d->children[i].role == role;
    }
}

/* keys first: nobody shows a certificate that keys cannot sign for yet. While keys are started
 * anew they get the files with that. */
void children_reload(struct posternd *d)
{
    d->generation++;
    misuse_forgive(d);
    for (size_t i = 0; i < d->n_children; i++) {
        struct supervised *s = &d->children[i];
        s->renew =
            s->is_wanted && (s->renew || s->stopping || children_is_idle(s) || leaves_by_itself(s));
        s->reload_due = s->is_wanted && (s->control || s->renew);
        s->reload_refused = false;
        if (s->role == ROLE_KEYS) {
            d->rest_due = s->control != NULL;
            reload_one(d, s); /* started, where it was kept down: it begins with the new files */
        }
    }
    if (!d->rest_due) {
        reload_rest(d);
    }
}

static void stop_old(struct supervised *s)
{
    if (s->old_control) {
        ipc_send(s->old_control, &(struct ipc_msg){.type = IPC_ctl_stop});
    } else if (s->old_pid > 0) {
        kill(s->old_pid, SIGKILL);
    }
}

/* First those that bring mail in or out, then those they need: nothing half done is lost. */
static void stop_next(struct posternd *d)
{
    static const enum role order[] = {
        ROLE_METRICS, ROLE_WEB,   ROLE_SMTPIN, ROLE_LOGIN, ROLE_INSPECT,
        ROLE_SMTPOUT, ROLE_QUEUE, ROLE_LOOKUP, ROLE_KEYS,
    };
    for (size_t k = 0; k < ARRAY_LEN(order); k++) {
        bool running = false;
        for (size_t i = 0; i < d->n_children; i++) {
            struct supervised *s = &d->children[i];
            if (s->role != order[k] || (s->pid == 0 && s->old_pid == 0)) {
                continue;
            }
            running = true;
            stop_old(s);
            if (s->pid > 0) {
                stop_one(s);
            }
        }
        if (running) {
            return;
        }
    }
    loop_stop(d->loop);
}

static void on_stop_timeout(void *arg)
{
    struct posternd *d = arg;
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].pid > 0) {
            log_warn("process-killed", KV("child", d->children[i].name),
                     KV("why", "did not stop in time"));
            kill(d->children[i].pid, SIGKILL);
        }
        if (d->children[i].old_pid > 0) {
            kill(d->children[i].old_pid, SIGKILL);
        }
    }
    timer_start(d->stop_timer, STOP_MS);
}

void children_stop(struct posternd *d)
{
    if (d->stopping) {
        return;
    }
    d->stopping = true;
    notify_manager("STOPPING=1");
    d->stop_timer = timer_new(d->loop, on_stop_timeout, d);
    timer_start(d->stop_timer, STOP_MS);
    stop_next(d);
}
