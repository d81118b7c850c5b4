/* SPDX-License-Identifier: Apache-2.0
 * lines.c: what a process writes to its standard error, a pipe of its own, into the log
 * (base/log.h): whose it is says the pipe, not the line. Called by children.c and drop.c.
 *
 * Each may write so much a second, and what it saved for a while; of one that writes more no more
 * is read until it may: its pipe fills, and what does not fit is its own loss, not that of others.
 * Nor is anything read while nobody takes the log. What can go wrong: it ends in the middle of a
 * line (that is told, too), or before all was read (what is over its measure is counted); somebody
 * it started keeps the pipe open (nothing is waited for); the system gives a smaller pipe.
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
    PIPE_LEAST = 64 * 1024,
    READS_AT_END = LINES_PIPE / READ_MAX + 1,
    LINE_COSTS = 100,  /* more than its octets: the work of short ones */
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
    struct lines_budget *budget;
    int64_t told_ms;
};

bool lines_may(struct lines_budget *b, int64_t now_ms)
{
    int64_t most = b->per_s * LINES_SAVED_MS / 1000,
            since = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    b->left = b->at_ms == 0 ? most : b->left + since * b->per_s / 1000;
    b->left = b->left < most ? b->left : most;
    b->at_ms = now_ms;
    return b->left > 0;
}

/* The octets without line ends. */
static void lines_write_line(struct lines *l, struct str line)
{
    size_t written = 0;
    bool is_handed = line.n == 0 || log_take(l->name, l->pid, line, &written);
    size_t octets = written > line.n ? written : line.n; /* read it was, if nothing else */
    l->budget->left -= (int64_t)octets + (is_handed ? LINE_COSTS : TEXT_COSTS);
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
            lines_write_line(l, buf_str(&l->begun));
            buf_reset(&l->begun);
        }
    }
}

/* >0 something was read, 0 nothing now, -EPIPE nobody has the other end any more. */
static int lines_read_some(struct lines *l)
{
    static char octets[READ_MAX];
    ssize_t n = read(l->fd, octets, sizeof octets);
    if (n > 0) {
        write_lines(l, str_from(octets, (size_t)n));
    }
    return n > 0 ? 1 : n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
}

static void rest(struct lines *l)
{
    watch_set(l->watch, 0);
    timer_start(l->pause, PAUSE_MS);
}

static void wait_for_budget(struct lines *l, int64_t now)
{
    if (l->told_ms == 0 || now - l->told_ms > TELL_MS) {
        l->told_ms = now;
        log_warn("process-writes-too-much", KV("child", l->name), KVN("pid", l->pid),
                 KV("what", "what is over its measure waits, and is lost where there is no room"));
    }
    rest(l);
}

static void lines_on_readable(void *arg, int events)
{
    struct lines *l = arg;
    int64_t now = clock_mono_ms();
    if (!log_flush()) {
        rest(l);
    } else if (!lines_may(l->budget, now)) {
        wait_for_budget(l, now);
    } else if (lines_read_some(l) < 0) {
        watch_set(l->watch, 0);
    }
}

static void on_pause_over(void *arg)
{
    struct lines *l = arg;
    watch_set(l->watch, WATCH_READ);
}

/* The system may give less: to one who has many pipes (pipe(7), pipe-user-pages-soft), or to all
 * (pipe-max-size). */
static void enlarge(int fd, const char *name)
{
    for (int room = LINES_PIPE; fcntl(fd, F_SETPIPE_SZ, room) < 0 && room > PIPE_LEAST;) {
        room /= 2;
    }
    int room = fcntl(fd, F_GETPIPE_SZ);
    if (room < LINES_PIPE) {
        log_warn("log-room-small", KV("child", name), KVN("octets", room),
                 KV("what", "the system gives no larger pipe: fewer of its lines can wait"));
    }
}

struct lines *lines_open(struct loop *loop, const char *name, struct lines_budget *budget,
                         int *ret_fd)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        return NULL;
    }
    enlarge(fds[0], name);
    struct lines *l = err_calloc(1, sizeof *l);
    snprintf(l->name, sizeof l->name, "%s", name);
    l->fd = fds[0];
    l->budget = budget;
    l->begun = BUF_INIT(LOG_LINE_MAX);
    l->pause = timer_new(loop, on_pause_over, l);
    l->watch = watch_new(loop, l->fd, lines_on_readable, l);
    watch_set(l->watch, WATCH_READ);
    *ret_fd = fds[1];
    return l;
}

void lines_of(struct lines *l, long pid)
{
    l->pid = pid;
}

/* The lines in the pipe that nobody will read, with what was begun of the first one. */
static size_t count_unread(struct lines *l)
{
    static char octets[READ_MAX];
    ssize_t got;
    size_t n = 0;
    bool is_open = false;
    for (int i = 0; i < READS_AT_END && (got = read(l->fd, octets, sizeof octets)) > 0; i++) {
        for (ssize_t k = 0; k < got; k++) {
            n += octets[k] == '\n';
        }
        is_open = octets[got - 1] != '\n';
    }
    return n + is_open;
}

void lines_close(struct lines *l)
{
    if (!l) {
        return;
    }
    for (int i = 0;
         i < READS_AT_END && lines_may(l->budget, clock_mono_ms()) && lines_read_some(l) > 0; i++) {
    }
    size_t unread = count_unread(l);
    if (unread > 0) {
        log_error("log-lines-unread", KV("child", l->name), KVN("pid", l->pid),
                  KVN("lines", unread),
                  KV("what", "it wrote more than its measure before it ended"));
    } else {
        lines_write_line(l, buf_str(&l->begun));
    }
    buf_free(&l->begun);
    timer_free(l->pause);
    watch_free(l->watch);
    close(l->fd);
    free(l);
}
