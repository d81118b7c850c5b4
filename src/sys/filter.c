/* SPDX-License-Identifier: Apache-2.0
 * filter.c: the keeper of filter.h and the pipes to its program.
 *
 * The keeper waits for three descriptors (the program's standard ones) on a socket pair, forks,
 * and answers with the wait status. Forks are bare ones (_Fork): libuv's handler for forks would
 * close descriptors of ours by their old numbers. Time is kept by alarm(2) and RLIMIT_CPU, which
 * outlive exec: whoever started it cannot forget it.
 */
#include "sys/filter.h"
#include "sys/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024, WAIT_MS = (FILTER_SECONDS + 5) * 1000 };

/* What one run may take. */
struct bounds {
    int64_t cpu_ms;
    rlim_t memory;
};

struct filter {
    int keeper; /* socket to it */
    pid_t pid;
};

/* --- in the keeper ------------------------------------------------------ */

static bool receive_fds(int from, int fds[3], struct bounds *ret)
{
    char control[CMSG_SPACE(3 * sizeof(int))];
    struct iovec v = {ret, sizeof *ret};
    struct msghdr m = {
        .msg_iov = &v,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    ssize_t n;
    do {
        n = recvmsg(from, &m, 0);
    } while (n < 0 && errno == EINTR);
    const struct cmsghdr *c = n == sizeof *ret ? CMSG_FIRSTHDR(&m) : NULL;
    if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(3 * sizeof(int))) {
        return false;
    }
    memcpy(fds, CMSG_DATA(c), 3 * sizeof(int));
    return true;
}

static _Noreturn void filter_become(const char *const argv[], const int fds[3],
                                    struct bounds bounds)
{
    static char *const environment[] = {
        (char *)(uintptr_t) "LC_ALL=C.UTF-8",
        (char *)(uintptr_t) "HOME=/",
        NULL,
    };
    const struct rlimit memory = {bounds.memory, bounds.memory},
                        time = {FILTER_SECONDS, FILTER_SECONDS}, nothing = {0, 0};
    int high[3]; /* above the standard ones, so that none is overwritten before its turn */
    for (int i = 0; i < 3; i++) {
        high[i] = fcntl(fds[i], F_DUPFD, 10);
    }
    for (int i = 0; i < 3; i++) {
        if (high[i] < 0 || dup2(high[i], i) < 0) {
            _exit(125);
        }
    }
    close_range(3, ~0U, 0);
    if (setrlimit(RLIMIT_AS, &memory) < 0 || setrlimit(RLIMIT_CPU, &time) < 0 ||
        setrlimit(RLIMIT_FSIZE, &nothing) < 0 || setrlimit(RLIMIT_CORE, &nothing) < 0) {
        _exit(125);
    }
    signal(SIGALRM, SIG_DFL);
    signal(SIGPROF, SIG_DFL);
    alarm(FILTER_SECONDS);
    int64_t cpu_ms = bounds.cpu_ms < 1                       ? 1
                     : bounds.cpu_ms < FILTER_SECONDS * 1000 ? bounds.cpu_ms
                                                             : FILTER_SECONDS * 1000;
    /* it goes on behind execve */
    const struct itimerval clock = {.it_value = {cpu_ms / 1000, cpu_ms % 1000 * 1000}};
    if (setitimer(ITIMER_PROF, &clock, NULL) < 0) {
        _exit(125);
    }
    execve(argv[0], (char *const *)(uintptr_t)argv, environment);
    _exit(126);
}

static _Noreturn void filter_keep(int socket, const char *const argv[])
{
    const struct sandbox walls = {.calls = SANDBOX_EXEC,
                                  .executable = {"/usr", "/lib", "/lib64", "/etc"}};
    char text[128];
    int fds[3];
    struct bounds bounds;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "filter");
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    if (dup2(socket, 3) < 0) {
        _exit(125);
    }
    close_range(4, ~0U, 0);
    if (sandbox_enter(&walls, text, sizeof text) < 0) {
        _exit(125);
    }
    while (receive_fds(3, fds, &bounds)) {
        int status = -1;
        pid_t pid = _Fork();
        if (pid == 0) {
            filter_become(argv, fds, bounds);
        }
        for (int i = 0; i < 3; i++) {
            close(fds[i]);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (send(3, &status, sizeof status, MSG_NOSIGNAL) != sizeof status) {
            break;
        }
    }
    _exit(0);
}

/* --- on our side -------------------------------------------------------- */

int filter_new(const char *const argv[], struct filter **ret)
{
    int pair[2];
    if (access(argv[0], X_OK) < 0) {
        return -errno;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return -errno;
    }
    pid_t pid = _Fork();
    if (pid < 0) {
        int r = -errno;
        close(pair[0]);
        close(pair[1]);
        return r;
    }
    if (pid == 0) {
        filter_keep(pair[1], argv);
    }
    close(pair[1]);
    *ret = err_calloc(1, sizeof **ret);
    **ret = (struct filter){pair[0], pid};
    return 0;
}

static int send_fds(int to, const int fds[3], struct bounds bounds)
{
    char control[CMSG_SPACE(3 * sizeof(int))] = {0};
    struct iovec v = {&bounds, sizeof bounds};
    struct msghdr m = {
        .msg_iov = &v,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(3 * sizeof(int));
    memcpy(CMSG_DATA(c), fds, 3 * sizeof(int));
    return sendmsg(to, &m, MSG_NOSIGNAL) == sizeof bounds ? 0 : -EPIPE;
}

static void not_blocking(int fd)
{
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* The next octets of one of its outputs; closes it at its end. */
static void filter_take(int *fd, struct buf *out, bool *ret_too_much)
{
    char some[CHUNK];
    ssize_t n = read(*fd, some, sizeof some);
    if (n > 0) {
        *ret_too_much |= buf_append(out, some, (size_t)n) < 0;
    } else if (n == 0 || errno != EAGAIN) {
        err_close_fd(fd);
        *fd = -1;
    }
}

/* Moves octets until the program has closed its outputs. */
static void filter_pump(int in_fd, int out_fd, int err_fd, struct str in, struct buf *out,
                        struct filter_outcome *ret)
{
    struct buf words = BUF_INIT(sizeof ret->words - 1);
    bool ignored = false;
    size_t sent = 0;
    while (out_fd >= 0 || err_fd >= 0) {
        struct pollfd p[3] = {{in_fd, POLLOUT, 0}, {out_fd, POLLIN, 0}, {err_fd, POLLIN, 0}};
        if (poll(p, 3, WAIT_MS) <= 0) {
            break;
        }
        if (p[0].revents) {
            ssize_t n = write(in_fd, in.p + sent, in.n - sent < CHUNK ? in.n - sent : CHUNK);
            sent += n > 0 ? (size_t)n : 0;
            if (sent == in.n || (n < 0 && errno != EAGAIN)) {
                err_close_fd(&in_fd);
                in_fd = -1;
            }
        }
        if (p[1].revents) {
            filter_take(&out_fd, out, &ret->too_much);
        }
        if (p[2].revents) {
            filter_take(&err_fd, &words, &ignored);
        }
        if (ret->too_much) {
            break; /* closing our ends stops it */
        }
    }
    err_close_fd(&in_fd);
    err_close_fd(&out_fd);
    err_close_fd(&err_fd);
    str_copy_cut(buf_str(&words), ret->words, sizeof ret->words);
    buf_free(&words);
}

int filter_run(struct filter *f, struct str in, int64_t cpu_ms, struct buf *out,
               struct filter_outcome *ret)
{
    int ins[2] = {-1, -1}, outs[2] = {-1, -1}, errs[2] = {-1, -1}, status = 0;
    *ret = (struct filter_outcome){0};
    if (pipe2(ins, O_CLOEXEC) < 0 || pipe2(outs, O_CLOEXEC) < 0 || pipe2(errs, O_CLOEXEC) < 0) {
        int r = -errno;
        for (int i = 0; i < 2; i++) {
            err_close_fd(&ins[i]);
            err_close_fd(&outs[i]);
        }
        return r;
    }
    const int theirs[3] = {ins[0], outs[1], errs[1]};
    int r = send_fds(f->keeper, theirs, (struct bounds){cpu_ms, FILTER_MEMORY + 2 * (rlim_t)in.n});
    for (int i = 0; i < 3; i++) {
        close(theirs[i]);
    }
    not_blocking(ins[1]);
    not_blocking(outs[0]);
    not_blocking(errs[0]);
    filter_pump(ins[1], outs[0], errs[0], in, out, ret);
    if (r == 0 && recv(f->keeper, &status, sizeof status, 0) != sizeof status) {
        r = -EPIPE;
    }
    ret->exited = r == 0 && WIFEXITED(status);
    ret->status = ret->exited ? WEXITSTATUS(status) : WTERMSIG(status);
    return r;
}

void filter_free(struct filter *f)
{
    if (f) {
        close(f->keeper);
        while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        free(f);
    }
}
