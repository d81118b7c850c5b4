/* SPDX-License-Identifier: Apache-2.0
 * passes.c: passes of inside users whose password login found right: told to login once the store
 * has them. Called by the channel of login.
 */
#include "base/log.h"
#include "ipc/login_kinds.h"
#include "proc/queue/pickup/visits.h"
#include "proc/queue/queue.h"

#include <stdlib.h>

/* A pass that login proved, until the store has it. */
struct proved_pass {
    struct queue *q;
    struct ipc_channel *login; /* NULL: gone */
    uint64_t token;
    struct link link;
};

static struct link proved_passes = {&proved_passes, &proved_passes};

static void on_pass_saved(void *arg, enum store_result result)
{
    struct proved_pass *p = arg;
    ipc_send(p->login,
             &(struct ipc_msg){.type = IPC_pass_kept,
                               .pass_kept = {.token = p->token,
                                             .result =
                                                 result == STORE_OK ? LOGIN_OK : LOGIN_NOT_KEPT}});
    list_remove(&p->link);
    free(p);
}

void portal_login_gone(const struct ipc_channel *login)
{
    LIST_EACH (at, &proved_passes) {
        struct proved_pass *p = LIST_OF(at, struct proved_pass, link);
        p->login = p->login == login ? NULL : p->login;
    }
}

/* login found a password right: web, which reads strangers, is not asked who it was. */
void portal_on_pass_proved(void *owner, struct ipc_channel *ch, const struct ipc_pass_proved *m)
{
    struct queue *q = owner;
    const struct address_key key = address_key(str_trim(m->address));
    if (m->pass.n != ENVELOPE_HASH ||
        !conf_is_inside(child_conf(q->child), domain_of(str_c(key.text)))) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_pass_kept,
                                       .pass_kept = {.token = m->token, .result = LOGIN_NOT_OURS}});
        return;
    }
    struct proved_pass *p = err_calloc(1, sizeof *p);
    *p = (struct proved_pass){.q = q, .login = ch, .token = m->token};
    list_append(&proved_passes, &p->link);
    visits_inside(q, key.text, m->pass);
    log_notice("portal-login", KV("address", key.text), KVS("network", m->client));
    store_sync(q->store, on_pass_saved, p);
}
