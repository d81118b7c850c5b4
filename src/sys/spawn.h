/* SPDX-License-Identifier: Apache-2.0
 * spawn.h: starting a child executable with one control socket, as another user.
 */
#pragma once
#include "base/err.h"
#include <sys/types.h>

enum { SPAWN_CONTROL_FD = 3 };

struct spawn_user {
    bool change;
    uid_t uid;
    gid_t gid;
};

/* Finds "NAME-process", else "NAME". 0, or -ENOENT when neither exists. */
int spawn_find_user(const char *name, const char *process, struct spawn_user *ret) MUST_USE;
/* Executes path with the given arguments; control_fd (borrowed, or -1) becomes descriptor 3,
 * error_fd (borrowed; -1: ours) standard error and output, everything else is closed. 0 and the
 * pid, or -errno. */
int spawn_child(const char *path, char *const argv[], int control_fd, int error_fd,
                const struct spawn_user *user, pid_t *ret_pid) MUST_USE;
