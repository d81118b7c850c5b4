/* SPDX-License-Identifier: Apache-2.0
 * control.c: the socket on which the postern command asks posternd for status and reload, and the
 * reload itself. The socket's permissions say who may connect: root and the user posternd runs as.
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/posternd/posternd.h"
#include "conf/schema.h"
#include "proc/admin_verbs.h"
#include "sys/file.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { STATUS_MS = 1000, RELOAD_MS = 15000 };

static int bind_socket(const char *dir, const char *name, int *ret_fd, char *problem, size_t size)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", dir, name);
    CLEANUP(err_close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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

static void done(struct ipc_channel *ch, bool ok, struct str text)
{
    if (text.n > 1024) {
        text = str_slice(text, 0, 1024);
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_admin_done, .admin_done = {.ok = ok, .text = text}});
}

/* --- status ------------------------------------------------------------------------------------------- */

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
                                   .row_process = {.name = str_c(s->name), .pid = (uint32_t)s->pid,
                                                   .ready = s->ready || s->old_pid > 0, .restarts = s->restarts,
                                                   .up_s = s->pid ? (uint64_t)((now - s->started_ms) / 1000) : 0,
                                                   .sandbox = str_c(s->sandbox),
                                                   .counters = str_c(s->status_due ? STATUS_NO_ANSWER : s->counters)}});
    }
    CLEANUP(buf_free) struct buf notes = BUF_INIT(1024);
    (void)pairs_waiting(d->pairs, now, 0, &notes);
    done(d->status_to, true, buf_str(&notes));
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
        metric_put(&own, "process_up_seconds", label, s->pid ? (uint64_t)((now - s->started_ms) / 1000) : 0);
    }
    CLEANUP(buf_free) struct buf unused = BUF_INIT(8192);
    metric_put(&own, "certificates_not_in_force", "", pairs_waiting(d->pairs, now, 0, &unused));
    ipc_send(to, &(struct ipc_msg){.type = IPC_metrics_text, .metrics_text = {.process = STR("posternd"), .text = buf_str(&own)}});
    for (size_t i = 0; i < d->n_children; i++) {
        const struct supervised *s = &d->children[i];
        if (!s->status_due && s->pid > 0) {
            ipc_send(to, &(struct ipc_msg){.type = IPC_metrics_text, .metrics_text = {.process = str_c(s->name), .text = buf_str(&s->metrics)}});
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
static void ask_all(struct posternd *d)
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
        done(ch, false, STR("another status question is being answered; try again"));
        return;
    }
    d->status_to = ch;
    ask_all(d);
}

void control_metrics(struct posternd *d)
{
    d->metrics_wanted = true;
    ask_all(d);
}

/* --- reload ------------------------------------------------------------------------------------------- */

struct changes {
    struct buf fixed;     /* names of settings that only a start of posternd puts in force */
    bool renew[ROLE_END]; /* processes that read a changed one at their start */
};

static void on_difference(void *arg, const struct conf_key *key)
{
    struct changes *c = arg;
    if (conf_key_needs_start(key)) {
        (void)!buf_printf(&c->fixed, "%s%s%s%s", buf_len(&c->fixed) ? ", " : "", key->block, *key->block ? " " : "", key->name);
    }
    for (enum role role = 0; role < ROLE_END; role++) {
        c->renew[role] |= conf_key_starts(key, role_names[role]);
    }
}

/* What the new configuration asks for beyond processes that read it: nothing of it is in force yet. 0, or -errno with lines. */
static int prepare(const struct posternd *d, const struct conf *next, struct changes *changes, struct ports *ports, struct buf *problems)
{
    char problem[512] = "";
    conf_differences(d->conf, next, changes, on_difference);
    if (buf_len(&changes->fixed) > 0) {
        return buf_printf(problems, "%s: nothing was reloaded: a change of \"" STR_FMT "\" needs a restart of posternd\n", d->conf_path,
                          STR_ARG(buf_str(&changes->fixed))) < 0 ? -ENOSPC : -EINVAL;
    }
    int r = ports_open(next, &d->ports, ports, problem, sizeof problem);
    if (r < 0) {
        (void)!buf_printf(problems, "%s: nothing was reloaded: %s\n", d->conf_path, problem);
    }
    return r;
}

/* The new configuration is in force here, and on its way to everybody. */
static void apply(struct posternd *d, struct conf *next, struct pairs *pairs, const struct ports *ports, const struct changes *changes)
{
    conf_free(d->conf);
    d->conf = next;
    pairs_free(d->pairs);
    d->pairs = pairs;
    ports_replace(&d->ports, ports);
    log_open("posternd", (enum log_level)next->log.level, (enum log_format)next->log.format, next->log.to == CONF_LOG_SYSLOG);
    children_plan(d);
    for (enum role role = 0; role < ROLE_END; role++) {
        if (changes->renew[role]) {
            children_renew(d, role);
        }
    }
    children_reload(d);
    timer_start(d->reload_timer, RELOAD_MS);
}

/* The lines that are errors: the answer has little room, and the log names the first. */
static void keep_errors(struct str all, struct buf *errors)
{
    struct conf_finding f;
    for (struct str rest = all; rest.n > 0;) {
        struct str line = str_slice(rest, 0, str_find(rest, '\n', 0));
        if (conf_finding_next(&rest, &f) && !f.is_warning) {
            (void)!buf_printf(errors, STR_FMT "\n", STR_ARG(line));
        }
    }
}

static int reload(struct posternd *d, struct buf *problems)
{
    CLEANUP(buf_free) struct buf all = BUF_INIT(256 * 1024);
    struct conf *next = NULL;
    struct pairs *pairs = NULL;
    int r = conf_load(d->conf_path, &all, &next);
    r = r < 0 ? r : preflight(next, PREFLIGHT_RELOAD, &all);
    keep_errors(buf_str(&all), problems);
    r = r < 0 ? r : handover_pairs(next, d->pairs, problems, &pairs);
    struct changes changes = {.fixed = BUF_INIT(4096)};
    struct ports ports;
    r = r < 0 ? r : prepare(d, next, &changes, &ports, problems);
    if (r == 0) {
        for (enum role role = 0; role < ROLE_END; role++) {
            changes.renew[role] |= handover_start_files_changed(d, next, role);
        }
        apply(d, next, pairs, &ports, &changes);
    } else {
        struct str errors = buf_str(problems);
        log_error("reload-refused", KVS("problem", str_slice(errors, 0, str_find(errors, '\n', 0))),
                  KV("what", "the old configuration stays in force"));
        pairs_free(pairs);
        conf_free(next);
    }
    buf_free(&changes.fixed);
    return r;
}

/* Who has not confirmed the new configuration, by name. A process that ended meanwhile starts with it. */
static void unconfirmed(const struct posternd *d, struct buf *names)
{
    for (size_t i = 0; i < d->n_children; i++) {
        const struct supervised *s = &d->children[i];
        if (s->reload_due || s->reload_refused) {
            (void)!buf_printf(names, "%s%s%s", buf_len(names) ? ", " : "", s->name, s->reload_refused ? " (refused it)" : "");
        }
    }
}

/* What of the reload is not in force, a line each; nothing when all is. */
static void not_in_force(const struct posternd *d, struct buf *text)
{
    CLEANUP(buf_free) struct buf names = BUF_INIT(4096), waiting = BUF_INIT(512);
    unconfirmed(d, &names);
    (void)pairs_waiting(d->pairs, clock_mono_ms(), 0, &waiting);
    if (buf_len(&names) > 0) {
        (void)!buf_printf(text, "The new configuration is in force, but not in these processes: " STR_FMT ". Reload again; if that does not help, restart posternd.\n",
                          STR_ARG(buf_str(&names)));
    }
    if (buf_len(&waiting) > 0) {
        (void)!buf_printf(text, "The new configuration is in force, but not all of its files: " STR_FMT "\n", STR_ARG(str_trim(buf_str(&waiting))));
    }
}

static void end_reload(struct posternd *d)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(1024);
    timer_stop(d->reload_timer);
    not_in_force(d, &text);
    bool whole = buf_len(&text) == 0;
    if (whole) {
        log_notice("reloaded", KV("file", d->conf_path), KVN("generation", d->generation));
    } else {
        log_error("reload-incomplete", KV("file", d->conf_path), KVN("generation", d->generation), KVS("problem", str_trim(buf_str(&text))));
    }
    notify_manager("READY=1");
    if (d->reload_to) {
        done(d->reload_to, whole, whole ? STR("reloaded") : buf_str(&text));
    }
    d->reload_to = NULL;
    if (d->reload_again) {
        d->reload_again = false;
        buf_reset(&text);
        (void)!control_reload(d, &text); /* the log says what comes of it */
    }
}

static void on_reload_timeout(void *arg)
{
    end_reload(arg);
}

void control_reload_came(struct posternd *d)
{
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].reload_due) {
            return;
        }
    }
    if (timer_is_running(d->reload_timer)) {
        end_reload(d);
    }
}

int control_reload(struct posternd *d, struct buf *problems)
{
    char state[64];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_ms() * 1000);
    notify_manager(state);
    int r = timer_is_running(d->reload_timer) ? -EBUSY : reload(d, problems);
    if (r == -EBUSY) {
        (void)!buf_printf(problems, "another reload is under way; the file is read again after it\n");
        d->reload_again = true;
    } else if (r < 0) {
        notify_manager("READY=1");
    } else {
        control_reload_came(d);
    }
    return r;
}

/* --- the socket ------------------------------------------------------------------------------------------ */

static void on_admin(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct posternd *d = owner;
    (void)fd;
    if (m->admin.verb == ADMIN_RELOAD) {
        log_notice("act", KV("verb", "reload"), KVS("by", m->admin.by));
    }
    if (m->admin.verb == ADMIN_STATUS) {
        ask_status(d, ch);
    } else if (m->admin.verb == ADMIN_RELOAD) {
        CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
        bool busy = timer_is_running(d->reload_timer);
        d->reload_to = busy ? d->reload_to : ch;
        CLEANUP(buf_free) struct buf answer = BUF_INIT(80 * 1024);
        int r = control_reload(d, &problems);
        if (r < 0) {
            d->reload_to = busy ? d->reload_to : NULL;
            must(buf_printf(&answer, "%s" STR_FMT, r == -EBUSY ? "" : "Not reloaded; the old configuration stays in force:\n", STR_ARG(buf_str(&problems))) == 0);
            done(ch, false, buf_str(&answer));
        } /* else: answered once every process has confirmed */
    } else {
        done(ch, false, STR("not a question for posternd"));
    }
}

static const struct ipc_rule admin_rules[] = {{IPC_admin, on_admin}, {IPC_none, NULL}};

static void on_closed(void *owner, struct ipc_channel *ch)
{
    struct posternd *d = owner;
    d->status_to = d->status_to == ch ? NULL : d->status_to;
    d->reload_to = d->reload_to == ch ? NULL : d->reload_to;
}

static void on_connection(void *arg, int events)
{
    struct posternd *d = arg;
    (void)events;
    int fd = accept4(d->control_socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        ipc_channel_new(d->loop, fd, "postern", admin_rules, on_closed, d);
    }
}

int control_open(struct posternd *d, char *problem, size_t size)
{
    int r = file_make_dir(d->conf->run_path, -1, -1);
    if (r < 0) {
        snprintf(problem, size, "run-directory %s cannot be made: %s", d->conf->run_path, strerror(-r));
        return r;
    }
    r = bind_socket(d->conf->run_path, "posternd.sock", &d->control_socket, problem, size);
    r = r < 0 ? r : bind_socket(d->conf->run_path, "queue.sock", &d->queue_socket, problem, size);
    if (r < 0) {
        return r;
    }
    d->status_timer = timer_new(d->loop, on_status_timeout, d);
    d->reload_timer = timer_new(d->loop, on_reload_timeout, d);
    d->control_watch = watch_new(d->loop, d->control_socket, on_connection, d);
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
