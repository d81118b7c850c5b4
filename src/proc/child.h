/* SPDX-License-Identifier: Apache-2.0
 * child.h: what every process started by posternd has in common: the control channel,
 * configuration, files and peers handed over, the sandbox, reload, status, stop.
 */
#pragma once
#include "conf/conf.h"
#include "ipc/channel.h"
#include "ipc/role.h"
#include "sys/loop.h"
#include "sys/sandbox.h"

extern const char *const role_names[];

enum { CHILD_FILES_MAX = 64, CHILD_FILE_MAX = 4 * 1024 * 1024 };
/* Exit status of a process that could not serve however often it were started: posternd ends
 * with it. */
enum { CHILD_NEVER = 78 };

struct child;

/* What a process does with its life. All functions get the owner; any may be NULL. */
struct child_events {
    /* Called before the sandbox, with conf and files there: open what needs the file system. 0,
     * or -errno with a sentence in problem: the process ends; with -EKEYREJECTED posternd ends,
     * too. */
    int (*on_prepare)(void *owner, struct child *c, char *problem, size_t size);
    /* The walls to raise. */
    void (*sandbox)(void *owner, struct child *c, struct sandbox *ret);
    /* Inside the sandbox now: serve. */
    void (*on_start)(void *owner, struct child *c);
    /* A channel to another process. Takes fd. */
    void (*on_peer)(void *owner, struct child *c, enum role role, unsigned index, int fd);
    /* A channel to keys for TLS signatures alone, waited for. Takes fd. */
    void (*on_signing)(void *owner, struct child *c, enum role role, int fd);
    /* Memory shared by all copies of this process; before on_prepare. Takes fd. */
    void (*on_shared)(void *owner, struct child *c, struct str name, int fd);
    /* A listening socket. Takes fd. */
    void (*on_listener)(void *owner, struct child *c, struct str name, unsigned kind, int fd);
    /* A new configuration stands in child_conf_next(); 0 to take it, or a sentence in problem. */
    int (*on_reload)(void *owner, struct child *c, char *problem, size_t size);
    /* Other messages on the control channel (rules end with IPC_none). */
    const struct ipc_rule *rules;
    /* A line of counters for `postern status`. */
    void (*on_status)(void *owner, char *text, size_t size);
    /* Lines for Prometheus, by metric_put(). */
    void (*on_metrics)(void *owner, struct buf *out);
    /* Finish what is under way, then child_exit(). */
    void (*on_stop)(void *owner, struct child *c);
};

/* Appends "postern_NAME{LABELS} VALUE"; labels may be "". What does not fit is left out. */
void metric_put(struct buf *out, const char *name, const char *labels, uint64_t value);

/* Runs the process until it ends; returns the exit status. argv: NAME INDEX. */
int child_main(int argc, char **argv, const char *name, const struct child_events *events,
               void *owner);
struct loop *child_loop(struct child *c);
unsigned child_index(const struct child *c);
/* The configuration in force; during on_reload still the old one. */
const struct conf *child_conf(const struct child *c);
/* During on_reload: the one to be taken. */
const struct conf *child_conf_next(const struct child *c);
/* A file handed over by posternd ("certificate", "key", "trust-store"), during on_reload the new
 * one; empty view when absent. */
struct str child_file(const struct child *c, const char *name);
/* To posternd. */
struct ipc_channel *child_control(struct child *c);
void child_exit(struct child *c);
/* Handlers in events->rules get the child as their owner; this is the process's own. */
void *child_owner(void *child);
