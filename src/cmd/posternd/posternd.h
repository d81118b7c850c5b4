/* SPDX-License-Identifier: Apache-2.0
 * posternd.h: the inside of the supervisor: the table of children and what each is handed.
 */
#pragma once
#include "cmd/posternd/lines.h"
#include "cmd/posternd/pairs.h"
#include "cmd/posternd/ports.h"
#include "policy/alarm.h"
#include "proc/admin_verbs.h"
#include "proc/child.h"
#include "proc/preflight.h"
#include "sys/conn.h"
#include "sys/spawn.h"

enum { MISUSES_MAX = 5 };
enum { CHILDREN_MAX = CONF_WORKERS_MAX * 5 + 4 }; /* each (role, index) keeps its place */

struct supervised {
    enum role role;
    unsigned index;
    char name[32];
    pid_t pid; /* 0: not running */
    struct ipc_channel *control;
    pid_t old_pid; /* the one before it, which works until this one is ready; 0: none */
    struct ipc_channel *old_control;
    struct lines *lines, *old_lines;  /* what both write to their standard error */
    struct lines_budget lines_budget; /* of both, and of all that come after them */
    bool is_wanted; /* by the configuration; else it is stopped and not started again */
    bool ready, stopping;
    int64_t stop_by_ms;           /* of one that is stopping: killed then */
    bool renew;                   /* it is to be started anew with the present configuration */
    bool kept_down;               /* it broke the rules too often (misuse.c) */
    int64_t misuses[MISUSES_MAX]; /* when the last ones were */
    size_t n_misuses;
    bool reload_due, reload_refused; /* asked to take the present configuration; would not */
    bool reload_asked;               /* and may say what came of it, once */
    int64_t started_ms, ready_ms;    /* ready_ms: 0 until it is */
    /* pairs of sockets up to this one belong to an earlier life; the same of that before */
    uint64_t first_serial, before_serial;
    /* this life broke the rules, and that was noted; the one before */
    bool blamed, before_blamed;
    uint32_t restarts;
    unsigned deaths; /* that count for the pause before the next start (deaths.h) */
    char ended[32];  /* how the last one was */
    struct timer *restart;
    char sandbox[512];
    char counters[1024];
    struct buf metrics;
    bool status_due;
    struct posternd *d;
};

enum { ACTS_WAITING_MAX = 16, ROW_FINDING_MAX = 2000 };

/* Who had it reloaded; by empty: nobody, files changed. */
struct reload_by {
    uint32_t uid;
    char by[ADMIN_BY_MAX + 1];
};

/* One that the queue is to be told. */
struct reload_act {
    int64_t at_ms;
    struct reload_by who;
    char detail[256];
};

struct posternd {
    struct loop *loop;
    struct conf *conf;
    const char *conf_path;
    char bin_dir[512];
    struct supervised children[CHILDREN_MAX];
    size_t n_children;
    /* found at the start: users that are made later wait for the next */
    struct spawn_user users[ROLE_END], pickup_user;
    struct ports ports;
    int shared; /* memory of all smtpin: how many sessions each client has */
    struct timer *watch_files, *watchdog;
    pid_t pickup; /* a sendmail -q under way, or 0 */
    struct lines *pickup_lines;
    struct lines_budget pickup_budget;
    int64_t files_changed; /* sum of the times of change of trust store, passwords and secrets */
    int64_t start_stamps[ROLE_END]; /* of the files that processes read at their start alone */
    struct pairs *pairs;            /* certificates and keys in force */
    struct timer *watch_pairs;
    bool pairs_alarm;     /* the queue was told that something new cannot be used */
    bool misuse_alarm;    /* the queue was told that a process is kept down */
    bool dying_alarm;     /* the queue was told that a process dies again and again */
    bool rest_due;        /* keys are taking a new configuration, the others get it after them */
    uint64_t serial;      /* of the pair of sockets made last */
    struct joined *joins; /* joins.c: which processes share a pair of sockets */
    size_t n_joins, joins_room;
    struct timer *join_again, *late; /* late: kills what was asked to stop and does not */
    int run_lock, store_lock, queue_socket, control_socket;
    struct watch *control_watch;
    bool has_public_key, stopping;
    unsigned char public_key[32];
    uint32_t generation;
    struct timer *stop_timer;
    int exit_status;
    /* who waits for the end of a reload; NULL: nobody, or nobody asked */
    struct ipc_channel *reload_to;
    bool reload_again;          /* something changed while one was under way */
    struct timer *reload_timer; /* runs while a reload is under way */
    struct reload_by reload_by, reload_again_by;
    struct reload_act acts[ACTS_WAITING_MAX];
    size_t n_acts;
    /* one status question at a time */
    struct ipc_channel *status_to;
    bool metrics_wanted; /* by the metrics process */
    struct timer *status_timer;
};

/* handover.c: what a child gets */
/* The certificates and keys to be in force with a configuration that preflight() found usable;
 * old: those that are, or NULL. 0, or -errno with lines in problems. */
int handover_pairs(const struct conf *c, const struct pairs *old, struct buf *problems,
                   struct pairs **ret) MUST_USE;
void handover_files(struct posternd *d, struct supervised *s);
/* Makes the at-rest secret when it is not there. 0 or -errno with a sentence. */
int handover_secret(const struct conf *c, char *problem, size_t size) MUST_USE;

/* children.c */
/* Which processes the configuration in force wants; children_start() starts them,
 * children_reload() those that are missing. */
void children_plan(struct posternd *d);
void children_start(struct posternd *d);
/* With the next children_reload() these are started anew, as what changed is read at their start
 * alone. */
void children_renew(struct posternd *d, enum role role);
/* Tells the service manager what the state is (sd_notify(3)), now or, where it does not read,
 * with a later call of one of these three; without one nothing happens. alive: for its watchdog. */
void notify_manager(const char *state);
void notify_again(void);
void notify_alive(void);
/* How often it is to be told WATCHDOG=1, half of the time after which it gives us up; 0: never. */
int64_t watchdog_ms(void);
/* Sockets the service manager opened for us (sd_listen_fds(3)): the one bound to this address,
 * or -1. */
int activated_socket(const struct endpoint *at);
/* The drop directory of sendmail; 0, or -errno: without it sendmail works while the gateway
 * runs. */
int drop_make(const struct posternd *d) MUST_USE;
/* Has what waits there handed in, by a process of the user the gateway runs as. */
void drop_pick_up(struct posternd *d);
/* Trust store, passwords or secrets changed since the last look. */
bool handover_files_changed(struct posternd *d);
/* Files changed since the last call that such processes read at their start alone. */
bool handover_start_files_changed(struct posternd *d, const struct conf *c, enum role role);
void children_reap(struct posternd *d);
void children_reload(struct posternd *d);
void children_stop(struct posternd *d);

/* Raises or (text empty) clears an alarm about ourselves. False: no queue is there to be told. */
bool children_alarm(const struct posternd *d, enum alarm_kind kind, struct str text);

/* The one with that role and number, running or not; NULL: there never was one. */
struct supervised *children_find(struct posternd *d, unsigned role, unsigned index);

/* joins.c: who talks to whom */
/* New sockets between this process and all it may talk to that run. */
void joins_make(struct posternd *d, struct supervised *s);
/* A process says that a socket broke: a handler of its control channel. */
void joins_on_lost(void *supervised, struct ipc_channel *ch, const struct ipc_ctl_peer_lost *m);

/* misuse.c: a process that broke the rules of its channels */
/* Whether one is believed about the other. */
bool misuse_is_believed(const struct supervised *by, const struct supervised *of);
/* The process in its present life, or in the one before, broke the rules: it is ended, if it has
 * not by itself. Once for each life. told_by: for the log. */
void misuse_note(struct posternd *d, struct supervised *s, bool before, const char *told_by);
/* The administrator had everything read anew: those kept down are started again. */
void misuse_forgive(struct posternd *d);
/* The queue is there, or something changed: raises or clears the alarm. */
void misuse_tell(struct posternd *d);

/* dying.c: an alarm while a process dies again and again. To be called when something may have
 * changed. */
void dying_tell(struct posternd *d);

/* control.c */
/* Makes the run directory and locks it for this process until it ends: *ret_fd stays open. 0, or
 * -errno with a sentence: another posternd has it. Comes before anything else is made or
 * changed. */
int control_lock(const struct conf *c, int *ret_fd, char *problem, size_t size) MUST_USE;
/* The same of the store, whose directory is there: no other posternd has it under another run
 * directory. */
int control_lock_store(const struct conf *c, int *ret_fd, char *problem, size_t size) MUST_USE;
int control_open(struct posternd *d, char *problem, size_t size) MUST_USE;
void control_close(struct posternd *d);
void control_status_came(struct posternd *d);
/* The metrics process wants everybody's numbers. */
void control_metrics(struct posternd *d);
/* The end of an answer. */
void control_done(struct ipc_channel *ch, bool ok, struct str text);

/* reload.c */
/* A process answered a reload, or ended. */
void control_reload_came(struct posternd *d);
/* The same as SIGHUP: 0, and the processes are asked (the log tells the end), or -errno with
 * lines in problems: nothing changed. -EBUSY: one is under way. What is wrong with the file
 * itself goes to reload_to and to the log. */
int control_reload(struct posternd *d, const struct reload_by *by, struct buf *problems) MUST_USE;
/* The postern command asks for it, and means that file (its real path; empty: any); it is
 * answered now or once every process has confirmed. */
void reload_asked(struct posternd *d, struct ipc_channel *ch, struct str by, struct str file);
void reload_on_timeout(void *posternd);
/* What is found in the file: warnings to the log, all to who asked (reload_to), a row each.
 * *ret_first: the first error, a view of the lines. */
/* An error in the log, at each start and reload, while everybody may relay. */
void reload_tell_open(const struct conf *c);
void reload_tell_findings(const struct posternd *d, struct str all, struct str *ret_first);
/* The queue is there: what it was not told yet. */
void reload_send_acts(struct posternd *d, struct ipc_channel *queue);
