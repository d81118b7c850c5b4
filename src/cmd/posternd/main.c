/* SPDX-License-Identifier: Apache-2.0
 * posternd: the supervisor. Reads and checks the configuration, binds ports, makes the sockets
 * between the processes, starts and watches them, reloads, stops.
 *
 * Trust: may run as root. May touch: configuration, key files, ports. Must never see: a peer's
 * byte, but in the others' lines of the log (lines.c). Everything it gives away it gives by
 * descriptor.
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/posternd/posternd.h"
#include "policy/alarm.h"
#include "sys/conn.h"
#include "sys/file.h"
#include "sys/log_turn.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    WATCH_MS = 10000,
    PAIRS_MS = 5000,
    PAIRS_AGAIN_MS = 1000,
    PAIRS_ALARM_MS = 3 * 60 * 1000,
    SHARED_OCTETS = 4 * 1024 * 1024,
    LOG_END_MS = 1000
};

static const char usage[] =
    "Usage: posternd [-c FILE]\n"
    "Runs the Postern mail gateway in the foreground.\n\n"
    "  -c, --config FILE   the configuration (default: /etc/postern/postern.conf)\n"
    "  -h, --help          this text\n"
    "  -V, --version       the version\n\n"
    "SIGHUP or \"postern reload\" reads the configuration again; SIGTERM and SIGINT stop.\n"
    "See posternd(8), postern(1), postern.conf(5).\n";

static int find_bin_dir(struct posternd *d)
{
    char self[400];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) {
        return -errno;
    }
    self[n] = '\0';
    struct str dir = str_slice(str_c(self), 0, str_find_last(str_c(self), '/'));
    static const char *const places[] = {"", "/../libexec/postern", "/../lib/postern"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char probe[600];
        snprintf(d->bin_dir, sizeof d->bin_dir, STR_FMT "%s", STR_ARG(dir), places[i]);
        snprintf(probe, sizeof probe, "%s/smtpin", d->bin_dir);
        if (access(probe, X_OK) == 0) {
            return 0;
        }
    }
    return -ENOENT;
}

/* Once: were each process to look for itself, a queue that comes back after users were made (an
 * upgrade) could not read the store, which is handed over at the start alone. */
static int find_users(struct posternd *d, char *problem, size_t size)
{
    int r = preflight_user(d->conf, "pickup", &d->pickup_user, problem, size);
    for (enum role role = 0; r == 0 && role < ROLE_END; role++) {
        r = preflight_user(d->conf, role_names[role], &d->users[role], problem, size);
    }
    return r;
}

static int make_store_dir(struct posternd *d, char *problem, size_t size)
{
    const struct spawn_user user = d->users[ROLE_QUEUE];
    int r = file_make_dir(d->conf->store_path, user.change ? (long)user.uid : -1,
                          user.change ? (long)user.gid : -1);
    if (r < 0) {
        snprintf(problem, size, "store directory %s cannot be made: %s", d->conf->store_path,
                 strerror(-r));
        return r;
    }
    r = control_lock_store(d->conf, &d->store_lock, problem, size);
    if (r < 0) {
        return r;
    }
    /* a copy that root put back */
    r = user.change ? file_give_tree(d->conf->store_path, user.uid, user.gid) : 0;
    if (r < 0) {
        snprintf(problem, size,
                 "what lies in the store directory %s cannot be given to the queue's user: %s",
                 d->conf->store_path, strerror(-r));
    }
    return r;
}

static void on_watch(void *arg)
{
    struct posternd *d = arg;
    if (handover_files_changed(d) && !d->stopping) {
        CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
        log_notice("files-changed", KV("what", "they are read again"));
        /* a half-written file is refused there; the next change brings the rest */
        (void)!control_reload(d, &(struct reload_by){0}, &problems);
    }
    drop_pick_up(d);
    dying_tell(d);
    notify_again();
    timer_start(d->watch_files, WATCH_MS);
}

/* Something new that does not fit: for a while that is a renewal under way, later an
 * administrator must know. */
static void tell_of_pairs(struct posternd *d)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(480);
    (void)pairs_waiting(d->pairs, clock_mono_ms(), PAIRS_ALARM_MS, &text);
    bool is_alarm = buf_len(&text) > 0;
    if (is_alarm == d->pairs_alarm) {
        return;
    }
    if (children_alarm(d, ALARM_RENEWAL, buf_str(&text))) {
        d->pairs_alarm = is_alarm;
    }
}

static void on_watch_pairs(void *arg)
{
    struct posternd *d = arg;
    CLEANUP(buf_free) struct buf unused = BUF_INIT(8192);
    if (!d->stopping && pairs_look(d->pairs, clock_mono_ms())) {
        children_reload(d); /* with the same configuration */
    }
    tell_of_pairs(d);
    timer_start(d->watch_pairs, pairs_waiting(d->pairs, clock_mono_ms(), 0, &unused) > 0
                                    ? PAIRS_AGAIN_MS
                                    : PAIRS_MS);
}

static void on_watchdog(void *arg)
{
    struct posternd *d = arg;
    notify_alive();
    timer_start(d->watchdog, watchdog_ms());
}

static void on_hangup(void *arg, int signum)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    const struct reload_by by = {.uid = (uint32_t)geteuid(), .by = "a signal (SIGHUP)"};
    (void)!control_reload(arg, &by, &problems); /* its own log line says what came of it */
}

static void posternd_on_stop(void *arg, int signum)
{
    log_notice("stopping", KVN("signal", signum));
    children_stop(arg);
}

static void on_child(void *arg, int signum)
{
    children_reap(arg);
}

static int posternd_start(struct posternd *d, char *problem, size_t size)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    int r = control_lock(d->conf, &d->run_lock, problem, size);
    if (r < 0) {
        return r;
    }
    r = handover_pairs(d->conf, NULL, &problems, &d->pairs);
    if (r < 0) {
        str_copy_cut(buf_str(&problems), problem, size);
        return r;
    }
    r = find_bin_dir(d);
    if (r < 0) {
        snprintf(problem, size,
                 "the other parts of Postern (smtpin, queue, ...) are not beside posternd");
        return r;
    }
    r = find_users(d, problem, size);
    r = r < 0 ? r : make_store_dir(d, problem, size);
    r = r < 0 ? r : handover_secret(d->conf, problem, size);
    r = r < 0 ? r : control_open(d, problem, size);
    r = r < 0 ? r : ports_open(d->conf, NULL, &d->ports, problem, size);
    if (r < 0) {
        return r;
    }
    loop_on_signal(d->loop, SIGHUP, on_hangup, d);
    loop_on_signal(d->loop, SIGTERM, posternd_on_stop, d);
    loop_on_signal(d->loop, SIGINT, posternd_on_stop, d);
    loop_on_signal(d->loop, SIGCHLD, on_child, d);
    r = drop_make(d);
    if (r < 0) {
        log_warn("drop-directory", KV("directory", d->conf->drop_directory),
                 KV("problem", strerror(-r)),
                 KV("what", "sendmail works only while the gateway runs"));
    }
    d->shared = file_shared("postern-clients", SHARED_OCTETS);
    (void)handover_files_changed(d);
    for (enum role role = 0; role < ROLE_END; role++) {
        (void)handover_start_files_changed(d, d->conf, role);
    }
    d->watch_files = timer_new(d->loop, on_watch, d);
    timer_start(d->watch_files, WATCH_MS);
    d->watch_pairs = timer_new(d->loop, on_watch_pairs, d);
    timer_start(d->watch_pairs, PAIRS_MS);
    if (watchdog_ms() > 0) {
        d->watchdog = timer_new(d->loop, on_watchdog, d);
        timer_start(d->watchdog, watchdog_ms());
    }
    children_plan(d);
    children_start(d);
    return 0;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Until there is nothing more to do; the exit status. */
static int posternd_serve(struct posternd *d)
{
    char problem[1024] = "";
    d->loop = loop_new();
    log_turn_begin(d->loop);
    if (posternd_start(d, problem, sizeof problem) < 0) {
        log_error("start-failed", KVS("problem", str_trim_lines(str_c(problem))));
        return 1;
    }
    log_notice("started", KV("hostname", d->conf->hostname), KVN("processes", d->n_children));
    loop_run(d->loop);
    control_close(d);
    log_notice("stopped", KV("hostname", d->conf->hostname));
    return d->exit_status;
}

static int posternd_run(const char *path)
{
    static struct posternd d;
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    d.conf_path = path;
    signal(SIGPIPE, SIG_IGN);
    int r = conf_load(path, &problems, &d.conf);
    r = r < 0 ? r : preflight(d.conf, PREFLIGHT_START, NULL, &problems);
    if (r < 0) {
        fwrite(buf_str(&problems).p, 1, buf_len(&problems), stderr);
        return 78; /* EX_CONFIG */
    }
    log_open("posternd", d.conf->log.level, d.conf->log.format, d.conf->log.to == CONF_LOG_SYSLOG);
    struct str none;
    reload_tell_findings(&d, buf_str(&problems), &none);
    reload_tell_open(d.conf);
    raise_descriptor_limit();
    int status = posternd_serve(&d);
    log_end(LOG_END_MS);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    const char *path = "/etc/postern/postern.conf";
    int c;
    while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            path = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'V':
            puts("posternd " POSTERN_VERSION);
            return 0;
        default:
            fputs("Try \"posternd --help\".\n", stderr);
            return 64;
        }
    }
    if (optind != argc) {
        fputs("posternd takes no arguments. Try \"posternd --help\".\n", stderr);
        return 64;
    }
    return posternd_run(path);
}
