/* SPDX-License-Identifier: Apache-2.0
 * loop.h: the event loop of a process: timers, descriptors to watch, signals, end-of-turn work.
 *
 * The only place that knows libuv (with sys/loop.c). One loop per process, in one thread; what
 * would block it (a sync of the disk) can be given to another one. End-of-turn work runs after
 * all events of a turn were handled and before the process sleeps: group commit (TURN_COMMIT)
 * first, then writing out what the turn produced (TURN_FLUSH), then what nobody waits for
 * (TURN_LATER).
 */
#pragma once
#include "base/err.h"

struct loop;
struct timer;
struct watch;

enum turn_phase { TURN_COMMIT, TURN_FLUSH, TURN_LATER, TURN_PHASES };
enum { WATCH_READ = 1, WATCH_WRITE = 2 };

typedef void (*loop_fn)(void *arg);
typedef void (*watch_fn)(void *arg, int events);
typedef void (*signal_fn)(void *arg, int signum);

struct loop *loop_new(void);
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Frees the loop; all timers and watches must have been freed before. */
void loop_free(struct loop *l);
/* At most 16 hooks per phase; called each turn, in order of registration. One that is there already
 * (fn and arg) is not added again. */
void loop_on_turn_end(struct loop *l, enum turn_phase phase, loop_fn fn, void *arg);
/* From an end-of-turn hook: lets the other processes run, then the next turn begins without
 * sleeping and takes what is ready by then. */
void loop_again(struct loop *l);
/* Runs fn in a thread beside the loop, then done in the loop, both with arg (the caller keeps it
 * until then). Nothing that fn uses may be used by the loop meanwhile. The process needs
 * SANDBOX_THREADS; made only when sandboxed, the thread is so too. It cannot be taken back. */
void loop_work(struct loop *l, loop_fn fn, loop_fn done, void *arg);
/* Calls fn in the loop when the signal arrives. */
void loop_on_signal(struct loop *l, int signum, signal_fn fn, void *arg);

/* A timer that is not running yet. fn may free the timer. */
struct timer *timer_new(struct loop *l, loop_fn fn, void *arg);
/* (Re)starts it: once, after ms milliseconds. */
void timer_start(struct timer *t, int64_t ms);
void timer_stop(struct timer *t);
bool timer_is_running(const struct timer *t);
/* NULL is harmless. */
void timer_free(struct timer *t);

/* Watches a descriptor (borrowed: close it after watch_free). Starts with no events. */
struct watch *watch_new(struct loop *l, int fd, watch_fn fn, void *arg);
/* events: WATCH_READ, WATCH_WRITE, both, or 0 to pause. */
void watch_set(struct watch *w, int events);
/* Keeps it silent for half a second, or until watch_set(): its events cannot be handled now (no
 * descriptors are left). */
void watch_rest(struct watch *w);
void watch_free(struct watch *w);
