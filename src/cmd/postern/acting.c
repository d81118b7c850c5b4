/* SPDX-License-Identifier: Apache-2.0
 * acting.c: who the one is that runs this command: kept with each act. Called by ask.c.
 *
 * What can go wrong: SUDO_USER is a word of the environment, which anybody can set: it counts
 * only where this runs as root, as sudo leaves it. The login uid is the kernel's word.
 */
#include "cmd/postern/acting.h"
#include "proc/admin_verbs.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#define NO_LOGIN UINT32_MAX /* what the kernel shows for a process that nobody's login began */

static uint32_t login_uid(const char *path)
{
    char text[32] = "";
    uint64_t uid;
    FILE *f = fopen(path, "re");
    if (!f) {
        return NO_LOGIN;
    }
    bool ok = fgets(text, sizeof text, f) != NULL;
    (void)fclose(f);
    text[strcspn(text, "\n")] = '\0';
    return ok && str_to_u64(str_c(text), UINT32_MAX, &uid) == 0 ? (uint32_t)uid : NO_LOGIN;
}

static int acting_name_of(uint32_t uid, char *dst, size_t size)
{
    const struct passwd *p = getpwuid((uid_t)uid);
    if (p && *p->pw_name) {
        return snprintf(dst, size, "%s", p->pw_name);
    }
    return snprintf(dst, size, "user %u", (unsigned)uid);
}

int acting_find(const struct acting *a, char *dst, size_t size)
{
    uint32_t login = login_uid(a->loginuid_path);
    int n;
    if (a->by) {
        n = snprintf(dst, size, "%s", a->by);
    } else if (a->uid == 0 && a->sudo_user && *a->sudo_user && strcmp(a->sudo_user, "root") != 0) {
        n = snprintf(dst, size, "%s", a->sudo_user);
    } else if (login != NO_LOGIN && login != 0) {
        n = acting_name_of(login, dst, size);
    } else if (a->uid != 0 || login == 0) {
        n = acting_name_of(a->uid, dst, size);
    } else {
        /* neither sudo nor a login tells who it is */
        n = snprintf(dst, size, "root, nobody named");
    }
    return n >= 0 && (size_t)n < size && admin_by_ok(str_c(dst)) ? 0 : -EINVAL;
}
