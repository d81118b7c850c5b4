/* SPDX-License-Identifier: Apache-2.0
 * test_acting.c: who is named for an act. sudo(8): SUDO_USER is the user who called it; proc(5):
 * /proc/PID/loginuid, 4294967295 where nobody logged in. Debian's base-passwd: uid 1 is daemon.
 */
#include "../check.h"
#include "cmd/postern/acting.h"

#include <stdio.h>
#include <unistd.h>

static void who_it_is(void **state)
{
    static const struct {
        const char *loginuid, *by, *sudo_user;
        uint32_t uid;
        const char *name; /* NULL: it is refused */
    } cases[] = {
        {"1\n", "Night shift", "boss", 0, "Night shift"},
        {"4294967295", NULL, "boss", 0, "boss"},
        /* sudo by somebody who logged in as another one */
        {"1", NULL, "boss", 0, "boss"},
        /* no sudo: anybody may set a word of the environment */
        {"1", NULL, "boss", 1, "daemon"},
        {"4294967295", NULL, "boss", 1, "daemon"},
        {"4000000001", NULL, "boss", 1, "user 4000000001"},
        {"1", NULL, "root", 0, "daemon"}, /* root's own sudo; a login and su */
        {"1", NULL, "", 0, "daemon"},
        {"1", NULL, NULL, 0, "daemon"},
        {"0", NULL, NULL, 0, "root"}, /* logged in as root */
        {"4294967295", NULL, NULL, 0, "root, nobody named"},
        {"", NULL, NULL, 0, "root, nobody named"},
        {"garbage", NULL, NULL, 0, "root, nobody named"},
        {"99999999999", NULL, NULL, 0, "root, nobody named"},
        {NULL, NULL, NULL, 0, "root, nobody named"}, /* a kernel without audit */
        {NULL, NULL, NULL, 1, "daemon"},
        {"1", "two\nlines", NULL, 0, NULL},
        {"1", "", NULL, 0, NULL},
    };
    char path[64], name[300];
    snprintf(path, sizeof path, "/tmp/postern-loginuid-%d", (int)getpid());
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)!unlink(path);
        if (cases[i].loginuid) {
            FILE *f = fopen(path, "we");
            assert_non_null(f);
            fputs(cases[i].loginuid, f);
            fclose(f);
        }
        const struct acting a = {
            .by = cases[i].by,
            .sudo_user = cases[i].sudo_user,
            .loginuid_path = path,
            .uid = cases[i].uid,
        };
        int r = acting_find(&a, name, sizeof name);
        if (r != (cases[i].name ? 0 : -EINVAL) ||
            (cases[i].name && strcmp(name, cases[i].name) != 0)) {
            fail_msg("case %zu: %d %s", i, r, name);
        }
    }
    (void)!unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_it_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
