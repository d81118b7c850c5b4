/* SPDX-License-Identifier: Apache-2.0
 * admin.h: what administrators ask and do, accounts and groups, figures. A room of the queue
 * process (queue.h).
 */
#pragma once
#include "store/read.h"
#include "ipc/channel.h"
#include "proc/admin_verbs.h"
#include "store/store.h"
#include "wire/domain.h"

struct queue;
struct store_account;

enum { LOGIN_MAX = 64 };

struct admin {
    struct ipc_channel *logins[LOGIN_MAX];
    struct store_account **accounts; /* strings owned */
    size_t n_accounts;
    bool accounts_loaded;
    int64_t refusal_hour;
    unsigned refusals_in_hour;
    int listener;
    struct watch *watch;
    struct timer *groups_timer;
};

/* metrics.c */
/* What became of a recipient, by its state and reason; grade of the session that decided it. */
void metrics_count(struct queue *q, const struct store_rcpt *r, enum grade grade);
void metrics_write(struct queue *q, struct buf *out);

/* groups.c: groups in the directory */
extern const struct ipc_rule queue_login_rules[];
void groups_load(struct queue *q);
/* A login process came, or the configuration changed. */
void groups_ask_soon(struct queue *q);

/* acts.c */
/* Who asks on a channel of the postern command: what they say, and what the kernel says. */
struct acting {
    uint32_t uid;
    char by[ADMIN_BY_MAX + 1]; /* empty outside of an act */
};
enum { ACTING_WORDS = ADMIN_BY_MAX + 32 };
void acts_connected(struct ipc_channel *ch, int fd);
void acts_closed(struct ipc_channel *ch);
/* Before each question: takes the name where the verb is an act. NULL, or why it is refused. */
const char *acts_named(struct ipc_channel *ch, enum admin_verb verb, struct str by);
struct acting acts_who(const struct ipc_channel *ch);
/* "NAME (uid N)". */
void acts_words(const struct acting *who, char dst[ACTING_WORDS]);
/* It was done: into the log and, with the batch, into the store. */
void acts_add(struct queue *q, const struct acting *who, enum admin_verb verb, struct str about,
              struct str detail);
/* One that posternd did: a reload. */
void acts_on_posternd(void *owner, struct ipc_channel *ch, const struct ipc_row_act *m);
/* A row of a walk (walk.h), of which so many are shown. */
enum { ACTS_SHOWN = 10000 };
void acts_send_row(void *walk, const struct store_act *a);
/* True when the verb is the list of acts: answered there. */
bool admin_acts(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                const struct ipc_admin *a);
void acts_tick(struct queue *q);

/* accounts.c */
struct store_account;
void accounts_load(struct queue *q);
void accounts_each(struct queue *q, void (*fn)(void *arg, const struct store_account *a),
                   void *arg);
void accounts_hand_over(struct queue *q, struct ipc_channel *to);
void accounts_on_refusal(void *owner, struct ipc_channel *ch, const struct ipc_refusal *m);
/* From smtpin: a certificate of ours ends soon. */
/* True when the verb is about accounts or refusals: answered there. */
bool admin_accounts(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                    const struct ipc_admin *a);

/* admin_envelopes.c */
/* True when the verb is about envelopes: answered there. */
bool admin_envelopes(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                     const struct ipc_admin *a);
void admin_envelopes_requester_gone(const struct ipc_channel *ch);

/* admin_domains.c */
/* True when the verb is about domains: answered there. */
bool admin_domains(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                   const struct ipc_admin *a);

void admin_domains_requester_gone(const struct ipc_channel *to);

/* admin.c */
void queue_admin_open(struct queue *q, int listener);
