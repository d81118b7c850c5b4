/* SPDX-License-Identifier: Apache-2.0
 * acts.c: postern acts: what administrators did; and who the one is that runs this command.
 */
#include "cmd/postern/postern.h"
#include "report/acts.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_LOGIN UINT32_MAX /* what the kernel shows for a process that nobody's login began */

/* The uid that logged in, whatever it has become since: /proc/self/loginuid, see proc(5). */
static uint32_t login_uid(void)
{
    char text[32] = "";
    uint64_t uid;
    FILE *f = fopen("/proc/self/loginuid", "re");
    if (!f) {
        return NO_LOGIN;
    }
    bool ok = fgets(text, sizeof text, f) != NULL;
    (void)fclose(f);
    text[strcspn(text, "\n")] = '\0';
    return ok && str_to_u64(str_c(text), UINT32_MAX, &uid) == 0 ? (uint32_t)uid : NO_LOGIN;
}

static int name_of(uint32_t uid, char *dst, size_t size)
{
    const struct passwd *p = getpwuid((uid_t)uid);
    if (p && *p->pw_name) {
        return snprintf(dst, size, "%s", p->pw_name);
    }
    return snprintf(dst, size, "user %u", (unsigned)uid);
}

int acting_name(const struct options *o, char *dst, size_t size)
{
    const char *sudo = getenv("SUDO_USER");
    uint32_t login = login_uid();
    int n;
    if (o->by) {
        n = snprintf(dst, size, "%s", o->by);
    } else if (sudo && *sudo && strcmp(sudo, "root") != 0) {
        n = snprintf(dst, size, "%s", sudo);
    } else if (login != NO_LOGIN && login != 0) {
        n = name_of(login, dst, size);
    } else if (getuid() != 0 || login == 0) {
        n = name_of(getuid(), dst, size);
    } else {
        n = snprintf(dst, size, "root, nobody named"); /* neither sudo nor a login tells who it is */
    }
    if (n < 0 || (size_t)n >= size || !admin_by_ok(str_c(dst))) {
        fprintf(stderr, "postern: %s is one line of UTF-8 of 1 to %d octets, without a blank at an end%s\n",
                o->by ? "the name after --by" : "an administrator's name", ADMIN_BY_MAX, o->by ? "" : ": write --by NAME");
        return EXIT_USAGE;
    }
    return 0;
}

static int usage(void)
{
    fputs("postern: write: postern acts [--about WHAT]\n"
          "WHAT is the id of a message or envelope, a domain, or an account.\n", stderr);
    return EXIT_USAGE;
}

int command_acts(const struct options *o)
{
    struct answer a;
    bool about = o->argc == 2 && strcmp(o->argv[0], "--about") == 0 && strlen(o->argv[1]) <= 1000;
    if (o->argc != 0 && !about) {
        return usage();
    }
    int r = ask(o, "queue.sock", ADMIN_ACTS, about ? o->argv[1] : "", &a);
    if (r) {
        return r;
    }
    const struct ipc_row_act **rows = err_calloc(a.n + 1, sizeof *rows);
    for (size_t i = 0; i < a.n; i++) {
        rows[i] = &a.rows[i].row_act;
    }
    if (o->json) {
        print_json(acts_json(rows, a.n));
    } else if (a.n > 0) {
        CLEANUP(buf_free) struct buf out = BUF_INIT(64 * 1024 * 1024);
        must(acts_text(rows, a.n, "", &out) == 0);
        print_buf(&out);
    } else if (a.ok) {
        puts("Nothing was done yet.");
    }
    free(rows);
    return answer_end(o, &a);
}
