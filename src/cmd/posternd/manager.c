/* SPDX-License-Identifier: Apache-2.0
 * manager.c: what a service manager and posternd tell each other: sd_notify(3) as a datagram,
 * sockets that were opened for us (sd_listen_fds(3)), how often it expects a sign of life
 * (sd_watchdog_enabled(3)). Without one nothing happens. Called by posternd.
 *
 * What can go wrong: the manager does not read for a while. It is not waited for; what it was
 * told last is told again.
 */
#include "cmd/posternd/posternd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3, FDS_MAX = 64 };

static char waiting[128]; /* what it did not take yet */

/* False: it does not take it now. */
static bool manager_tell(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@')) {
        return true;
    }
    memcpy(to.sun_path, path, n);
    to.sun_path[0] = path[0] == '@' ? '\0' : '/';
    CLEANUP(err_close_fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return fd < 0 ||
           sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
                  len) >= 0 ||
           (errno != EAGAIN && errno != ENOBUFS);
}

void notify_manager(const char *state)
{
    notify_again();
    if (*waiting || !manager_tell(state)) {
        str_copy_cut(str_c(state), waiting, sizeof waiting);
    }
}

void notify_again(void)
{
    if (*waiting && manager_tell(waiting)) {
        waiting[0] = '\0';
    }
}

void notify_alive(void)
{
    notify_again();
    (void)manager_tell("WATCHDOG=1"); /* the next one comes anyway */
}

int64_t watchdog_ms(void)
{
    const char *pid = getenv("WATCHDOG_PID"), *interval = getenv("WATCHDOG_USEC");
    uint64_t who = 0, us = 0;
    if (!interval || str_to_u64(str_c(interval), INT64_MAX, &us) < 0 ||
        (pid && (str_to_u64(str_c(pid), UINT32_MAX, &who) < 0 || who != (uint64_t)getpid()))) {
        return 0;
    }
    return us > 0 && us < 2000 ? 1 : (int64_t)(us / 2000);
}

int activated_socket(const struct endpoint *at)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t who = 0, n = 0;
    if (!pid || !fds || str_to_u64(str_c(pid), UINT32_MAX, &who) < 0 || who != (uint64_t)getpid() ||
        str_to_u64(str_c(fds), FDS_MAX, &n) < 0) {
        return -1;
    }
    for (int fd = FIRST_FD; fd < FIRST_FD + (int)n; fd++) {
        struct endpoint e = {.len = sizeof e.addr};
        char theirs[46], wanted[46];
        if (getsockname(fd, (struct sockaddr *)&e.addr, &e.len) < 0) {
            continue;
        }
        endpoint_ip(&e, theirs, sizeof theirs);
        endpoint_ip(at, wanted, sizeof wanted);
        if (strcmp(theirs, wanted) == 0 && endpoint_port(&e) == endpoint_port(at)) {
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
            (void)fcntl(fd, F_SETFL, O_NONBLOCK);
            return fd;
        }
    }
    return -1;
}
