/* SPDX-License-Identifier: Apache-2.0
 * lines.c: what a process writes to its standard error, a pipe of its own, into the log (base/log.h): whose it is says the
 * pipe, not the line. Called by children.c and drop.c.
 *
 * Each may write so much a second, and what it saved for a while; of one that writes more no more is read until it
 * may: its pipe fills, and what does not fit is its own loss, not that of others. What can go wrong: it ends in the middle of
 * a line (that is told, too); somebody it started keeps the pipe open (nothing is waited for).
 */
#include "cmd/posternd/lines.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "sys/loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    READ_MAX = 64 * 1024,
    PIPE_OCTETS = 1024 * 1024,
    READS_AT_END = PIPE_OCTETS / READ_MAX + 1,
    LINE_COSTS = 100, /* of its head; and more than a system call for each octet */
    TEXT_COSTS = 2000, /* what is not in due form: nothing, or the last words of a crash */
    PAUSE_MS = 50,
    TELL_MS = 60 * 1000,
};

struct lines {
    char name[32];
    long pid;
    int fd;
    struct watch *watch;
    struct timer *pause;
    struct buf begun; /* a line without its end */
    struct lines_budget budget;
    int64_t told_ms;
};

bool lines_may(struct lines_budget *b, int64_t now_ms)
{
    int64_t most = b->per_s * LINES_SAVED_MS / 1000, since = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    b->left = b->at_ms == 0 ? most : b->left + since * b->per_s / 1000;
    b->left = b->left < most ? b->left : most;
    b->at_ms = now_ms;
    return b->left > 0;
}

/* The octets without line ends. */
static void write_line(struct lines *l, struct str line)
{
    bool is_handed = line.n == 0 || log_take(l->name, l->pid, line);
    l->budget.left -= (int64_t)line.n + (is_handed ? LINE_COSTS : TEXT_COSTS);
}

/* Whole lines out of what there is; one that is too long is cut. */
static void write_lines(struct lines *l, struct str octets)
{
    while (octets.n > 0) {
        size_t end = str_find(octets, '\n', 0);
        size_t room = LOG_LINE_MAX - buf_len(&l->begun), n = end < room ? end : room;
        must(buf_append(&l->begun, octets.p, n) == 0);
        bool ends = n == end && end < octets.n;
        octets = str_slice(octets, n + ends, octets.n);
        if (ends || buf_len(&l->begun) == LOG_LINE_MAX) {
            write_line(l, buf_str(&l->begun));
            buf_reset(&l->begun);
        }
    }
}

/* >0 something was read, 0 nothing now, -EPIPE nobody has the other end any more. */
static int read_some(struct lines *l)
{
    static char octets[READ_MAX];
    ssize_t n = read(l->fd, octets, sizeof octets);
    if (n > 0) {
        write_lines(l, str_from(octets, (size_t)n));
    }
    return n > 0 ? 1 : n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
}

static void wait_for_budget(struct lines *l, int64_t now)
{
    if (l->told_ms == 0 || now - l->told_ms > TELL_MS) {
        l->told_ms = now;
        log_warn("process-writes-too-much", KV("child", l->name), KVN("pid", l->pid), KV("what", "it waits for its turn in the log, and loses lines"));
    }
    watch_set(l->watch, 0);
    timer_start(l->pause, PAUSE_MS);
}

static void on_readable(void *arg, int events)
{
    struct lines *l = arg;
    int64_t now = clock_mono_ms();
    if (!lines_may(&l->budget, now)) {
        wait_for_budget(l, now);
    } else if (read_some(l) < 0) {
        watch_set(l->watch, 0);
    }
}

static void on_pause_over(void *arg)
{
    struct lines *l = arg;
    watch_set(l->watch, WATCH_READ);
}

struct lines *lines_open(struct loop *loop, const char *name, int64_t per_s, int *ret_fd)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        return NULL;
    }
    (void)fcntl(fds[0], F_SETPIPE_SZ, PIPE_OCTETS); /* less where the system's limit is reached */
    struct lines *l = err_calloc(1, sizeof *l);
    snprintf(l->name, sizeof l->name, "%s", name);
    l->fd = fds[0];
    l->budget.per_s = per_s;
    l->begun = BUF_INIT(LOG_LINE_MAX);
    l->pause = timer_new(loop, on_pause_over, l);
    l->watch = watch_new(loop, l->fd, on_readable, l);
    watch_set(l->watch, WATCH_READ);
    *ret_fd = fds[1];
    return l;
}

void lines_of(struct lines *l, long pid)
{
    l->pid = pid;
}

void lines_close(struct lines *l)
{
    if (!l) {
        return;
    }
    for (int i = 0; i < READS_AT_END && lines_may(&l->budget, clock_mono_ms()) && read_some(l) > 0; i++) {
    }
    write_line(l, buf_str(&l->begun));
    buf_free(&l->begun);
    timer_free(l->pause);
    watch_free(l->watch);
    close(l->fd);
    free(l);
}
