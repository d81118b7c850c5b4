/* SPDX-License-Identifier: Apache-2.0
 * filtered.c: runs a program under a list of allowed system calls, as a service manager does for
 * a unit with SystemCallFilter=: anything else ends the process with SIGSYS. Used by
 * test_around.py. Or under a list of refused ones (EPERM), as in a container without privileges.
 * Used by ./check.
 *
 *   filtered LIST PROGRAM [ARGUMENT...]        LIST: names, one a line; names this machine does
 *                                              not know are skipped
 *   filtered --refuse LIST PROGRAM [ARGUMENT...]
 */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char name[128];
    bool refuse = argc > 1 && strcmp(argv[1], "--refuse") == 0;
    argv += refuse;
    argc -= refuse;
    FILE *list = argc > 2 ? fopen(argv[1], "r") : NULL;
    scmp_filter_ctx filter = seccomp_init(refuse ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
    if (!list || !filter) {
        return 64;
    }
    /* the manager does not set it for root */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    while (fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = '\0';
        int number = seccomp_syscall_resolve_name(name);
        if (number >= 0) {
            (void)seccomp_rule_add(filter, refuse ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, number,
                                   0);
        }
    }
    fclose(list);
    if (seccomp_load(filter) < 0) {
        return 65;
    }
    execv(argv[2], argv + 2);
    return 127;
}
