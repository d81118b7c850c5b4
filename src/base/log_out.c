/* SPDX-License-Identifier: Apache-2.0
 * log_out.c: writes lines to where they go, and never waits. Called by log.c.
 *
 * Standard error is shared with others, so O_NONBLOCK is not ours to set on it: a socket is asked
 * for each line not to wait, a pipe or terminal is opened once more, for ourselves. Where that is
 * forbidden (it is another user's), poll(2) says whether there is room, and no more is written than
 * a pipe then takes at once (PIPE_BUF). A write to a file waits for its disk.
 *
 * What can go wrong: nobody takes it, the disk is full, syslog is being started anew: nothing is
 * taken, and log.c keeps it.
 */
#include "base/log_out.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum way { WAY_UNKNOWN, WAY_WRITE, WAY_POLL, WAY_SEND, WAY_SYSLOG };

static struct {
    enum way way;
    int fd;      /* ours where it is not standard error; -1: none now */
    bool stream; /* of syslog: a socket that keeps no limits of messages */
    const char *path;
} out = {WAY_UNKNOWN, STDERR_FILENO, false, NULL};

static void log_out_leave(void)
{
    if (out.fd != STDERR_FILENO) {
        err_close_fd(&out.fd);
    }
    out.fd = STDERR_FILENO;
}

/* --- standard error ----------------------------------------------------- */

void log_out_stderr(void)
{
    struct stat st;
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    log_out_leave();
    out.way = WAY_WRITE;
    if (flags < 0 || (flags & O_NONBLOCK) || fstat(STDERR_FILENO, &st) < 0 || S_ISREG(st.st_mode)) {
        return;
    }
    if (S_ISSOCK(st.st_mode)) {
        out.way = WAY_SEND;
        return;
    }
    int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    out.way = own >= 0 ? WAY_WRITE : WAY_POLL;
    out.fd = own >= 0 ? own : STDERR_FILENO;
}

static ssize_t write_if_room(const char *p, size_t n)
{
    struct pollfd room = {.fd = out.fd, .events = POLLOUT};
    if (poll(&room, 1, 0) <= 0) {
        return -1;
    }
    return write(out.fd, p, n < PIPE_BUF ? n : PIPE_BUF);
}

/* --- syslog ------------------------------------------------------------- */

void log_out_syslog(const char *path)
{
    log_out_leave();
    out.way = WAY_SYSLOG;
    out.path = path;
    out.fd = -1;
}

static bool reach(bool stream)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int type = stream ? SOCK_STREAM : SOCK_DGRAM;
    size_t n = strlen(out.path);
    must(n < sizeof at.sun_path);
    memcpy(at.sun_path, out.path, n);
    out.fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out.fd >= 0 && connect(out.fd, (struct sockaddr *)&at, sizeof at) == 0) {
        out.stream = stream;
        return true;
    }
    err_close_fd(&out.fd);
    return false;
}

/* A datagram ends where it ends, and needs no newline. */
static ssize_t put_to_syslog(const char *line, size_t n)
{
    if (out.fd < 0 && !reach(false) && (errno != EPROTOTYPE || !reach(true))) {
        return -1;
    }
    ssize_t sent = send(out.fd, line, out.stream ? n : n - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EMSGSIZE) {
        return (ssize_t)n; /* none that it would ever take */
    }
    if (sent < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR) {
        err_close_fd(&out.fd); /* whoever was there is gone */
    }
    return sent < 0 || out.stream ? sent : (ssize_t)n;
}

/* --- both --------------------------------------------------------------- */

static ssize_t log_out_try(const char *line, size_t n)
{
    switch (out.way) {
    case WAY_UNKNOWN:
    case WAY_WRITE:
        return write(out.fd, line, n);
    case WAY_POLL:
        return write_if_room(line, n);
    case WAY_SEND:
        return send(out.fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    case WAY_SYSLOG:
        return put_to_syslog(line, n);
    }
    return -1;
}

size_t log_out_put(const char *line, size_t n)
{
    if (out.way == WAY_UNKNOWN) {
        log_out_stderr();
    }
    bool was_there = out.fd >= 0;
    ssize_t taken = log_out_try(line, n);
    if (taken < 0 && was_there && out.fd < 0) {
        taken = log_out_try(line, n); /* whoever came in its place */
    }
    return taken > 0 ? (size_t)taken : 0;
}
