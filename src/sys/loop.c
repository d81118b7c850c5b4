/* SPDX-License-Identifier: Apache-2.0
 * loop.c: the event loop over libuv. Called by every process.
 *
 * Handles are freed in libuv's close callback, one turn after *_free(); a closed timer or watch
 * never calls back. What can go wrong: a descriptor epoll refuses (a plain file) breaks a contract.
 */
#include "sys/loop.h"
#include "sys/sandbox.h"

#include <sched.h>
#include <stdlib.h>
#include <uv.h>

enum { MAX_HOOKS = 16, MAX_SIGNALS = 8 };

struct hook {
    loop_fn fn;
    void *arg;
};

struct signal_watch {
    uv_signal_t handle;
    signal_fn fn;
    void *arg;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_idle_t idle; /* while it runs, a turn does not sleep */
    struct hook hooks[TURN_PHASES][MAX_HOOKS];
    size_t n_hooks[TURN_PHASES];
    struct signal_watch signals[MAX_SIGNALS];
    size_t n_signals;
};

struct timer {
    uv_timer_t handle;
    loop_fn fn;
    void *arg;
};

struct work {
    uv_work_t request;
    loop_fn fn, done;
    void *arg;
};

struct watch {
    uv_poll_t handle;
    watch_fn fn;
    void *arg;
    int events, rested; /* rested: what it comes back with */
    struct loop *loop;
    struct timer *rest; /* NULL: it never rested */
};

static void loop_run_hooks(uv_prepare_t *handle)
{
    struct loop *l = handle->data;
    uv_idle_stop(&l->idle);
    for (int phase = 0; phase < TURN_PHASES; phase++) {
        for (size_t i = 0; i < l->n_hooks[phase]; i++) {
            l->hooks[phase][i].fn(l->hooks[phase][i].arg);
        }
    }
}

struct loop *loop_new(void)
{
    struct loop *l = err_calloc(1, sizeof *l);
    sandbox_refuse_io_uring();
    must(uv_loop_init(&l->uv) == 0);
    must(uv_prepare_init(&l->uv, &l->prepare) == 0);
    must(uv_idle_init(&l->uv, &l->idle) == 0);
    l->prepare.data = l;
    must(uv_prepare_start(&l->prepare, loop_run_hooks) == 0);
    return l;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_free(struct loop *l)
{
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->idle, NULL);
    for (size_t i = 0; i < l->n_signals; i++) {
        uv_close((uv_handle_t *)&l->signals[i].handle, NULL);
    }
    uv_run(&l->uv, UV_RUN_DEFAULT);
    uv_loop_close(&l->uv);
    free(l);
}

static void on_idle(uv_idle_t *handle)
{
}

void loop_again(struct loop *l)
{
    (void)sched_yield();
    must(uv_idle_start(&l->idle, on_idle) == 0);
}

void loop_on_turn_end(struct loop *l, enum turn_phase phase, loop_fn fn, void *arg)
{
    for (size_t i = 0; i < l->n_hooks[phase]; i++) {
        if (l->hooks[phase][i].fn == fn && l->hooks[phase][i].arg == arg) {
            return;
        }
    }
    must(l->n_hooks[phase] < MAX_HOOKS);
    l->hooks[phase][l->n_hooks[phase]++] = (struct hook){fn, arg};
}

static void run_work(uv_work_t *request)
{
    struct work *w = request->data;
    w->fn(w->arg);
}

static void end_work(uv_work_t *request, int status)
{
    struct work *w = request->data;
    must(status == 0); /* nothing is cancelled */
    w->done(w->arg);
    free(w);
}

void loop_work(struct loop *l, loop_fn fn, loop_fn done, void *arg)
{
    struct work *w = err_calloc(1, sizeof *w);
    *w = (struct work){.request = {.data = w}, .fn = fn, .done = done, .arg = arg};
    must(uv_queue_work(&l->uv, &w->request, run_work, end_work) == 0);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct signal_watch *s = handle->data;
    s->fn(s->arg, signum);
}

void loop_on_signal(struct loop *l, int signum, signal_fn fn, void *arg)
{
    must(l->n_signals < MAX_SIGNALS);
    struct signal_watch *s = &l->signals[l->n_signals++];
    s->fn = fn;
    s->arg = arg;
    must(uv_signal_init(&l->uv, &s->handle) == 0);
    s->handle.data = s;
    must(uv_signal_start(&s->handle, on_signal, signum) == 0);
}

static void loop_on_timer(uv_timer_t *handle)
{
    struct timer *t = handle->data;
    t->fn(t->arg);
}

struct timer *timer_new(struct loop *l, loop_fn fn, void *arg)
{
    struct timer *t = err_calloc(1, sizeof *t);
    t->fn = fn;
    t->arg = arg;
    must(uv_timer_init(&l->uv, &t->handle) == 0);
    t->handle.data = t;
    return t;
}

void timer_start(struct timer *t, int64_t ms)
{
    uv_update_time(t->handle.loop);
    must(uv_timer_start(&t->handle, loop_on_timer, ms > 0 ? (uint64_t)ms : 0, 0) == 0);
}

void timer_stop(struct timer *t)
{
    uv_timer_stop(&t->handle);
}

bool timer_is_running(const struct timer *t)
{
    return uv_is_active((const uv_handle_t *)&t->handle) != 0;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle->data);
}

void timer_free(struct timer *t)
{
    if (t) {
        uv_close((uv_handle_t *)&t->handle, free_handle);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct watch *w = handle->data;
    int seen = 0;
    if (status < 0) {
        seen = w->events; /* let read(2) or write(2) report the error */
    } else {
        seen =
            ((events & UV_READABLE) ? WATCH_READ : 0) | ((events & UV_WRITABLE) ? WATCH_WRITE : 0);
    }
    if (seen) {
        w->fn(w->arg, seen);
    }
}

struct watch *watch_new(struct loop *l, int fd, watch_fn fn, void *arg)
{
    struct watch *w = err_calloc(1, sizeof *w);
    w->fn = fn;
    w->arg = arg;
    w->loop = l;
    must(uv_poll_init(&l->uv, &w->handle, fd) == 0);
    w->handle.data = w;
    return w;
}

void watch_set(struct watch *w, int events)
{
    if (w->rest) {
        timer_stop(w->rest);
    }
    if (w->events == events) {
        return;
    }
    w->events = events;
    int uv_events =
        ((events & WATCH_READ) ? UV_READABLE : 0) | ((events & WATCH_WRITE) ? UV_WRITABLE : 0);
    if (uv_events == 0) {
        uv_poll_stop(&w->handle);
    } else {
        must(uv_poll_start(&w->handle, uv_events, on_poll) == 0);
    }
}

static void on_rested(void *arg)
{
    struct watch *w = arg;
    watch_set(w, w->rested);
}

enum { REST_MS = 500 };

void watch_rest(struct watch *w)
{
    w->rest = w->rest ? w->rest : timer_new(w->loop, on_rested, w);
    w->rested = w->events;
    watch_set(w, 0);
    timer_start(w->rest, REST_MS);
}

void watch_free(struct watch *w)
{
    if (w) {
        timer_free(w->rest);
        uv_poll_stop(&w->handle);
        uv_close((uv_handle_t *)&w->handle, free_handle);
    }
}
