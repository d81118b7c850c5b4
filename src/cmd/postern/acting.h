/* SPDX-License-Identifier: Apache-2.0
 * acting.h: who runs this command.
 */
#pragma once
#include "base/str.h"

/* What tells it; all borrowed. */
struct acting {
    const char *by;        /* --by, or NULL: found out */
    const char *sudo_user; /* SUDO_USER of sudo(8), or NULL */
    /* /proc/self/loginuid of proc(5): the uid that logged in, whatever it has become since */
    const char *loginuid_path;
    uint32_t uid; /* getuid() */
};

/* Writes the name to dst. 0, or -EINVAL: it is no name (proc/admin_verbs.h). */
int acting_find(const struct acting *a, char *dst, size_t size) MUST_USE;
