/* SPDX-License-Identifier: Apache-2.0
 * doctor_users.c: what postern doctor says of the users that the processes run as. Called by
 * doctor.c.
 *
 * Where two processes have one user, the kernel lets each signal the other and read its files; only
 * the sandbox is between them then.
 */
#include "cmd/postern/doctor.h"
#include "sys/spawn.h"

#include <stdio.h>

static const char advice[] =
    "systemd-sysusers makes one for each process (contrib/postern.sysusers); then systemctl "
    "restart postern, which hands the store over.";

void doctor_users(struct doctor *d)
{
    static const char *const processes[] = {
        "keys",  "queue", "smtpin",  "smtpout", "lookup",
        "login", "web",   "inspect", "metrics", "pickup",
    };
    struct spawn_user users[ARRAY_LEN(processes)];
    CLEANUP(buf_free) struct buf shared = BUF_INIT(256);
    char text[400];
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        if (spawn_find_user(d->c->user, processes[i], &users[i]) < 0) {
            snprintf(text, sizeof text, "there is no user \"%s\"", d->c->user);
            doctor_tell(d, ILL, "user", text, "adduser --system --group postern");
            return;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        bool is_shared = false;
        for (size_t k = 0; k < ARRAY_LEN(processes); k++) {
            is_shared = is_shared || (k != i && users[k].uid == users[i].uid);
        }
        if (is_shared) {
            (void)!buf_printf(&shared, "%s%s", buf_len(&shared) > 0 ? ", " : "", processes[i]);
        }
    }
    if (buf_len(&shared) == 0) {
        snprintf(text, sizeof text, "each process has one of its own (%s-PROCESS)", d->c->user);
        doctor_tell(d, WELL, "user", text, "");
        return;
    }
    snprintf(text, sizeof text,
             "processes share a user (" STR_FMT "): sandboxes alone keep them apart",
             STR_ARG(buf_str(&shared)));
    doctor_tell(d, CARE, "user", text, advice);
}
