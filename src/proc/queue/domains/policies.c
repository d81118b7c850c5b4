/* SPDX-License-Identifier: Apache-2.0
 * policies.c: MTA-STS policies between lookup, which understands them, and the store, which keeps
 * them (RFC 8461 10.2: they must survive a restart); and an administrator's questions about them.
 * Called by main.c with lookup's messages, and by admin_domains.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/pickup/proofs.h"
#include "ipc/lookup_kinds.h"
#include "proc/queue/queue.h"

#include <stdlib.h>

/* A question of postern sts under way in lookup. */
struct asking {
    struct link link;
    uint64_t token;
    struct ipc_channel *to;
    uint8_t verb; /* enum sts_verb */
    struct acting who;
    char domain[256];
};

static struct link askings = {&askings, &askings};

static void policies_done(struct ipc_channel *to, bool ok, struct str text)
{
    ipc_send(to, &(struct ipc_msg){.type = IPC_admin_done, .admin_done = {.ok = ok, .text = text}});
}

static void hand_over_one(void *arg, const struct store_sts *p)
{
    struct queue *q = arg;
    struct ipc_msg m = {.type = IPC_sts_policy};
    RECORD_COPY(sts, &m.sts_policy, p);
    ipc_send(q->domains.lookup, &m);
}

/* To the lookup that is there: a successor gets all of it anew. */
static struct store_reading *handing_over;

static void handed_over(void *arg, enum store_result result)
{
    struct queue *q = arg;
    handing_over = NULL;
    if (result != STORE_OK) {
        log_error("policies-not-loaded",
                  KV("what", "stored MTA-STS policies cannot be read; ending to try again"));
        exit(1); /* without them a first contact would be unprotected */
    }
    ipc_send(q->domains.lookup, &(struct ipc_msg){.type = IPC_sts_loaded});
}

void policies_hand_over(struct queue *q)
{
    if (q->domains.lookup && q->store) {
        store_forget_sts(q->store, clock_wall_ms());
        store_cancel(handing_over);
        handing_over =
            store_read(q->store, &(struct store_query){.what = STORE_STS},
                       &(struct store_rows){.arg = q, .sts = hand_over_one, .done = handed_over});
    }
}

static void on_policy(void *owner, struct ipc_channel *ch, const struct ipc_sts_policy *p)
{
    struct queue *q = owner;
    struct store_sts sts;
    RECORD_COPY(sts, &sts, p);
    store_put_sts(q->store, &sts);
}

static struct asking *policies_find_asking(uint64_t token)
{
    LIST_EACH (it, &askings) {
        struct asking *a = LIST_OF(it, struct asking, link);
        if (a->token == token) {
            return a;
        }
    }
    return NULL;
}

static void policies_on_answer(void *owner, struct ipc_channel *ch, const struct ipc_sts_answer *m)
{
    struct asking *a = policies_find_asking(m->token);
    if (!a) {
        return;
    }
    if (m->ok && a->verb != STS_SHOW) {
        acts_add(owner, &a->who, ADMIN_STS_SET, str_c(a->domain),
                 a->verb == STS_REFRESH ? STR("refresh") : STR("preload"));
    }
    if (m->ok) {
        ipc_send(a->to, &(struct ipc_msg){.type = IPC_sts_answer, .sts_answer = *m});
    }
    policies_done(a->to, m->ok, m->ok ? STR("") : m->problem);
    list_remove(&a->link);
    free(a);
}

/* Only what may change something is asked as an act. */
void policies_ask(struct queue *q, struct ipc_channel *to, uint8_t verb, struct str domain,
                  struct str text)
{
    if (!q->domains.lookup) {
        policies_done(to, false, STR("the lookup process is not there; try again"));
        return;
    }
    struct asking *a = err_calloc(1, sizeof *a);
    *a = (struct asking){.token = ++q->next_token, .to = to, .verb = verb, .who = acts_who(to)};
    str_copy_cut(domain, a->domain, sizeof a->domain);
    list_append(&askings, &a->link);
    ipc_send(q->domains.lookup, &(struct ipc_msg){.type = IPC_sts_ask,
                                                  .sts_ask = {
                                                      .token = a->token,
                                                      .verb = verb,
                                                      .domain = domain,
                                                      .text = text,
                                                  }});
}

void policies_requester_gone(const struct ipc_channel *to)
{
    LIST_EACH (it, &askings) {
        struct asking *a = LIST_OF(it, struct asking, link);
        a->to = a->to == to ? NULL : a->to;
    }
}

void policies_lookup_gone(void)
{
    while (!list_empty(&askings)) {
        struct asking *a = LIST_OF(askings.next, struct asking, link);
        policies_done(a->to, false, STR("the lookup process ended; try again"));
        list_remove(&a->link);
        free(a);
    }
}

const struct ipc_rule queue_lookup_rules[] = {IPC_ON(sts_policy, on_policy),
                                              IPC_ON(alarm, alarms_on_lookup),
                                              IPC_ON(sts_answer, policies_on_answer),
                                              IPC_ON(posted, proofs_on_posted), IPC_RULES_END};
