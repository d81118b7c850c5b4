/* SPDX-License-Identifier: Apache-2.0
 * control.c: the socket on which the postern command asks posternd for status and reload
 * (reload.c). The socket's permissions say who may connect: root and the user posternd runs as.
 * Called by main.c and reload.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/posternd/posternd.h"
#include "proc/admin_verbs.h"
#include "sys/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { STATUS_MS = 1000 };

static int bind_socket(const char *dir, const char *name, int *ret_fd, char *problem, size_t size)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", dir, name);
    CLEANUP(err_close_fd)
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (n < 0 || (size_t)n >= sizeof at.sun_path) {
        snprintf(problem, size, "run-directory %s is too long a name", dir);
        return -ENAMETOOLONG;
    }
    (void)unlink(at.sun_path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || chmod(at.sun_path, 0600) < 0 ||
        listen(fd, 16) < 0) {
        int r = -errno;
        snprintf(problem, size, "%s cannot be made: %s", at.sun_path, strerror(errno));
        return r;
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

void control_done(struct ipc_channel *ch, bool ok, struct str text)
{
    if (text.n > 1024) {
        text = str_slice(text, 0, 1024);
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_admin_done, .admin_done = {.ok = ok, .text = text}});
}

/* --- status ------------------------------------------------------------- */

static void send_status(struct posternd *d)
{
    int64_t now = clock_mono_ms();
    for (size_t i = 0; d->status_to && i < d->n_children; i++) {
        const struct supervised *s = &d->children[i];
        if (!s->is_wanted && s->pid == 0) {
            continue;
        }
        ipc_send(d->status_to,
                 &(struct ipc_msg){.type = IPC_row_process,
                                   .row_process = {
                                       .name = str_c(s->name),
                                       .pid = (uint32_t)s->pid,
                                       .ready = s->ready || s->old_pid > 0,
                                       .restarts = s->restarts,
                                       .up_s =
                                           s->pid ? (uint64_t)((now - s->started_ms) / 1000) : 0,
                                       .sandbox = str_c(s->kept_down ? "" : s->sandbox),
                                       .counters = str_c(s->kept_down    ? STATUS_KEPT_DOWN
                                                         : s->status_due ? STATUS_NO_ANSWER
                                                                         : s->counters),
                                   }});
    }
    for (size_t i = 0; i < d->ports.n; i++) {
        ipc_send(d->status_to,
                 &(struct ipc_msg){.type = IPC_row_port,
                                   .row_port = {.address = str_c(d->ports.v[i].address)}});
    }
    CLEANUP(buf_free) struct buf notes = BUF_INIT(1024);
    (void)pairs_waiting(d->pairs, now, 0, &notes);
    control_done(d->status_to, true, buf_str(&notes));
    d->status_to = NULL;
}

/* To the metrics process: a text for each, posternd's own first, an empty one at the end. */
static void send_metrics(struct posternd *d)
{
    struct ipc_channel *to = NULL;
    CLEANUP(buf_free) struct buf own = BUF_INIT(32768);
    int64_t now = clock_mono_ms();
    d->metrics_wanted = false;
    for (size_t i = 0; i < d->n_children; i++) {
        const struct supervised *s = &d->children[i];
        char label[64];
        to = s->role == ROLE_METRICS ? s->control : to;
        snprintf(label, sizeof label, "child=\"%s\"", s->name);
        metric_put(&own, "process_up", label, (s->pid > 0 && s->ready) || s->old_pid > 0);
        metric_put(&own, "process_silent", label, s->status_due);
        metric_put(&own, "process_restarts_total", label, s->restarts);
        metric_put(&own, "process_up_seconds", label,
                   s->pid ? (uint64_t)((now - s->started_ms) / 1000) : 0);
    }
    CLEANUP(buf_free) struct buf unused = BUF_INIT(8192);
    metric_put(&own, "certificates_not_in_force", "", pairs_waiting(d->pairs, now, 0, &unused));
    ipc_send(to, &(struct ipc_msg){.type = IPC_metrics_text,
                                   .metrics_text = {.process = STR("posternd"),
                                                    .text = buf_str(&own)}});
    for (size_t i = 0; i < d->n_children; i++) {
        const struct supervised *s = &d->children[i];
        if (!s->status_due && s->pid > 0) {
            ipc_send(to, &(struct ipc_msg){.type = IPC_metrics_text,
                                           .metrics_text = {.process = str_c(s->name),
                                                            .text = buf_str(&s->metrics)}});
        }
    }
    ipc_send(to, &(struct ipc_msg){.type = IPC_metrics_text});
}

static void all_answered(struct posternd *d)
{
    timer_stop(d->status_timer);
    if (d->status_to) {
        send_status(d);
    }
    if (d->metrics_wanted) {
        send_metrics(d);
    }
}

static void on_status_timeout(void *arg)
{
    all_answered(arg);
}

void control_status_came(struct posternd *d)
{
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].status_due) {
            return;
        }
    }
    all_answered(d);
}

/* Asks every process, unless that is under way. */
static void control_ask_all(struct posternd *d)
{
    if (timer_is_running(d->status_timer)) {
        return;
    }
    for (size_t i = 0; i < d->n_children; i++) {
        struct supervised *s = &d->children[i];
        s->status_due = s->control && s->ready;
        s->counters[0] = '\0';
        if (s->status_due) {
            ipc_send(s->control, &(struct ipc_msg){.type = IPC_ctl_status_ask});
        }
    }
    timer_start(d->status_timer, STATUS_MS);
    control_status_came(d);
}

static void ask_status(struct posternd *d, struct ipc_channel *ch)
{
    if (d->status_to) {
        control_done(ch, false, STR("another status question is being answered; try again"));
        return;
    }
    d->status_to = ch;
    control_ask_all(d);
}

void control_metrics(struct posternd *d)
{
    d->metrics_wanted = true;
    control_ask_all(d);
}

/* --- the socket --------------------------------------------------------- */

static void control_on_admin(void *owner, struct ipc_channel *ch, const struct ipc_admin *m)
{
    struct posternd *d = owner;
    if (m->verb == ADMIN_STATUS) {
        ask_status(d, ch);
    } else if (m->verb == ADMIN_RELOAD) {
        reload_asked(d, ch, m->by, m->argument);
    } else {
        control_done(ch, false, STR("not a question for posternd"));
    }
}

static const struct ipc_rule admin_rules[] = {IPC_ON(admin, control_on_admin), IPC_RULES_END};

static void control_on_closed(void *owner, struct ipc_channel *ch)
{
    struct posternd *d = owner;
    d->status_to = d->status_to == ch ? NULL : d->status_to;
    d->reload_to = d->reload_to == ch ? NULL : d->reload_to;
    free(ipc_channel_data(ch));
}

/* Who connects, as the kernel says. */
static void keep_uid(struct ipc_channel *ch, int fd)
{
    struct ucred peer = {.uid = UINT32_MAX};
    socklen_t n = sizeof peer;
    uint32_t *uid = err_calloc(1, sizeof *uid);
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
    *uid = peer.uid;
    ipc_channel_set_data(ch, uid);
}

static void control_on_connection(void *arg, int events)
{
    struct posternd *d = arg;
    int fd = accept4(d->control_socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        watch_rest(d->control_watch);
    } else {
        keep_uid(ipc_channel_new(d->loop, fd, "postern", admin_rules, control_on_closed, d), fd);
    }
}

/* A record lock goes with the process that has it, however it ends, and no child inherits it. 0
 * and the descriptor that keeps it, or -errno; *ret_pid: who has it (0: nobody that is seen from
 * here). */
static int take_lock(const char *path, int *ret_fd, long *ret_pid)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CLEANUP(err_close_fd)
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    *ret_pid = 0;
    if (fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0) {
        *ret_fd = fd;
        fd = -1;
        return 0;
    }
    int r = -errno;
    bool is_taken = fd >= 0 && (r == -EAGAIN || r == -EACCES);
    if (is_taken && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
        *ret_pid = lock.l_pid;
    }
    return is_taken ? -EBUSY : r;
}

int control_lock(const struct conf *c, int *ret_fd, char *problem, size_t size)
{
    char path[600];
    long pid;
    int r = file_make_dir(c->run_path, -1, -1);
    if (r < 0) {
        snprintf(problem, size, "run-directory %s cannot be made: %s", c->run_path, strerror(-r));
        return r;
    }
    snprintf(path, sizeof path, "%s/posternd.lock", c->run_path);
    r = take_lock(path, ret_fd, &pid);
    if (r == -EBUSY) {
        snprintf(problem, size, "posternd already runs (pid %ld; %s is locked)", pid, path);
    } else if (r < 0) {
        snprintf(problem, size, "%s cannot be locked: %s", path, strerror(-r));
    }
    return r;
}

/* Two queues over one store would both deliver what waits there. On a disk that is read-only for
 * now (it starts, and answers
 * 451) there is no lock to be had. */
int control_lock_store(const struct conf *c, int *ret_fd, char *problem, size_t size)
{
    char path[4096];
    long pid;
    snprintf(path, sizeof path, "%s/posternd.lock", c->store_path);
    int r = take_lock(path, ret_fd, &pid);
    if (r == -EBUSY) {
        snprintf(problem, size,
                 "another posternd (pid %ld, with another run-directory) has the store %s: both "
                 "would deliver its mail. Stop that one, or give this one a store of its own",
                 pid, c->store_path);
    } else if (r == -EROFS) {
        *ret_fd = -1;
        return 0;
    } else if (r < 0) {
        snprintf(problem, size, "%s cannot be locked: %s", path, strerror(-r));
    }
    return r;
}

int control_open(struct posternd *d, char *problem, size_t size)
{
    int r = bind_socket(d->conf->run_path, "posternd.sock", &d->control_socket, problem, size);
    r = r < 0 ? r : bind_socket(d->conf->run_path, "queue.sock", &d->queue_socket, problem, size);
    if (r < 0) {
        return r;
    }
    d->status_timer = timer_new(d->loop, on_status_timeout, d);
    d->reload_timer = timer_new(d->loop, reload_on_timeout, d);
    d->control_watch = watch_new(d->loop, d->control_socket, control_on_connection, d);
    watch_set(d->control_watch, WATCH_READ);
    return 0;
}

void control_close(struct posternd *d)
{
    static const char *const names[] = {"posternd.sock", "queue.sock"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", d->conf->run_path, names[i]);
        (void)unlink(path);
    }
}
