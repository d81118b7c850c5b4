/* SPDX-License-Identifier: Apache-2.0
 * acts.c: what administrators do, and who they are: one line of the log and one row of the store
 * for each act, beside the lists in which it shows. Called by the other admin*.c when an act was
 * done.
 *
 * The name is what the postern command says (--by, sudo's user, the login uid); the uid of the
 * connection is what the kernel says. Both are kept, and neither is changed: a name that cannot
 * be kept as it is is refused.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"
#include "proc/queue/admin/walk.h"
#include "store/act.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { KEEP_DAYS = 1000 };

void acts_connected(struct ipc_channel *ch, int fd)
{
    struct ucred peer = {.uid = UINT32_MAX};
    socklen_t n = sizeof peer;
    struct acting *a = err_calloc(1, sizeof *a);
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
    a->uid = peer.uid;
    ipc_channel_set_data(ch, a);
}

void acts_closed(struct ipc_channel *ch)
{
    free(ipc_channel_data(ch));
    ipc_channel_set_data(ch, NULL);
}

const char *acts_named(struct ipc_channel *ch, enum admin_verb verb, struct str by)
{
    struct acting *a = ipc_channel_data(ch);
    a->by[0] = '\0';
    if (!admin_verb_is_act(verb)) {
        return NULL;
    }
    if (!admin_by_ok(by)) {
        return "who does this is not said, or not as a name of up to 100 octets: write --by NAME";
    }
    str_copy_cut(by, a->by, sizeof a->by);
    return NULL;
}

struct acting acts_who(const struct ipc_channel *ch)
{
    return *(const struct acting *)ipc_channel_data(ch);
}

void acts_words(const struct acting *who, char dst[ACTING_WORDS])
{
    snprintf(dst, ACTING_WORDS, "%s (uid %u)", who->by, (unsigned)who->uid);
}

void acts_add(struct queue *q, const struct acting *who, enum admin_verb verb, struct str about,
              struct str detail)
{
    store_add_act(q->store, &(struct store_act){
                                .at_ms = clock_wall_ms(),
                                .verb = str_c(admin_verb_name(verb)),
                                .about = about,
                                .detail = detail,
                                .by = str_c(who->by),
                                .uid = who->uid,
                            });
    log_notice("act", KV("verb", admin_verb_name(verb)), KVS("about", about), KVS("detail", detail),
               KV("by", who->by), KVN("uid", who->uid));
}

void acts_on_posternd(void *owner, struct ipc_channel *ch, const struct ipc_row_act *a)
{
    struct queue *q = child_owner(owner); /* posternd has written the line of the log */
    struct store_act act = {.act = 0};
    RECORD_COPY(ACT_TOLD, &act, a);
    store_add_act(q->store, &act);
}

void acts_send_row(void *arg, const struct store_act *a)
{
    const struct walk *w = arg;
    struct ipc_msg row = {.type = IPC_row_act};
    RECORD_COPY(ACT_TOLD, &row.row_act, a);
    ipc_send(w->to, &row);
}

bool admin_acts(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                const struct ipc_admin *a)
{
    if (verb != ADMIN_ACTS) {
        return false;
    }
    struct domain_name domain = domain_from(a->argument); /* as acts about domains name them */
    bool is_other = domain_is_name(domain) && !str_eq(domain_str(&domain), a->argument);
    const struct store_query queries[] = {
        {.what = STORE_ACTS, .text = a->argument, .max = ACTS_SHOWN},
        {.what = STORE_ACTS, .text = domain_str(&domain), .max = ACTS_SHOWN},
    };
    walk_start(q, ch, STR(""), queries, is_other ? 2 : 1,
               &(struct store_rows){.act = acts_send_row});
    return true;
}

void acts_tick(struct queue *q)
{
    store_forget_acts(q->store, clock_wall_ms() - KEEP_DAYS * 24LL * 60 * 60 * 1000);
}
