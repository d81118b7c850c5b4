/* SPDX-License-Identifier: Apache-2.0
 * spawn.c: fork, drop, exec. Called by posternd only.
 *
 * The child dies with its parent (PR_SET_PDEATHSIG), so that a killed posternd leaves no process
 * that could deliver a message twice.
 */
#include "sys/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int spawn_find_user(const char *name, const char *process, struct spawn_user *ret)
{
    char own[80];
    snprintf(own, sizeof own, "%s-%s", name, process);
    const struct passwd *pw = getpwnam(own);
    if (!pw) {
        pw = getpwnam(name);
    }
    if (!pw) {
        return -ENOENT;
    }
    *ret = (struct spawn_user){true, pw->pw_uid, pw->pw_gid};
    return 0;
}

/* Runs in the child, between fork and exec. Says what failed by its exit status. */
static _Noreturn void spawn_become(const char *path, char *const argv[], int control_fd,
                                   int error_fd, const struct spawn_user *user, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (error_fd >= 0 && dup2(error_fd, STDERR_FILENO) < 0) {
        _exit(119);
    }
    if (control_fd < 0) {
        close(SPAWN_CONTROL_FD);
    } else if (control_fd == SPAWN_CONTROL_FD) {
        fcntl(control_fd, F_SETFD, 0);
    } else if (dup2(control_fd, SPAWN_CONTROL_FD) < 0) {
        _exit(120);
    }
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        _exit(121);
    }
    close_range(SPAWN_CONTROL_FD + 1, ~0U, 0);
    setpgid(0, 0); /* a terminal's Ctrl-C reaches posternd alone, which stops us in order */
    if (user->change && (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
                         setresuid(user->uid, user->uid, user->uid) < 0)) {
        _exit(122);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(123);
    }
    execv(path, argv);
    _exit(124);
}

int spawn_child(const char *path, char *const argv[], int control_fd, int error_fd,
                const struct spawn_user *user, pid_t *ret_pid)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return -errno;
    }
    if (pid == 0) {
        spawn_become(path, argv, control_fd, error_fd, user, parent);
    }
    *ret_pid = pid;
    return 0;
}
