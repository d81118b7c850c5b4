/* SPDX-License-Identifier: Apache-2.0
 * guessing.h: one count of guesses for the whole gateway (policy/guesses.h), for the logins and the
 * portal.
 */
#pragma once
#include "policy/guesses.h"
#include "ipc/portal_kinds.h"
#include "proc/queue/queue.h"

void guessing_init(struct queue *q);
/* Where people logged in before, once the store is there. */
void guessing_load(struct queue *q);
/* The limits of the configuration in force. */
void guessing_limits(struct queue *q);
/* What has to be known no more: the owner has another password, or is gone. */
void guessing_forget_account(struct queue *q, struct str name);

/* Tries for who was shut out by guesses, passwords and codes, and with a client for that network;
 * how long a stranger would have had to wait. */
int64_t guessing_forgive(struct queue *q, struct str name, struct str client);

/* A copy of login asks before it looks at a password, and says how it went. */
void guessing_on_ask(void *owner, struct ipc_channel *ch, const struct ipc_login_ask *m);
void guessing_on_judged(void *owner, struct ipc_channel *ch, const struct ipc_login_judged *m);
void guessing_login_gone(struct queue *q, const struct ipc_channel *login);

/* May a code be mailed to who? *ret_wait_s: when not, until when. */
enum portal_result guessing_code(struct queue *q, const struct ipc_portal_ask *a,
                                 enum guess_kind kind, struct str who, int64_t *ret_wait_s);
/* The code was right: who reads that mailbox was there. inside: their password may be tried from
 * there, too. */
void guessing_code_right(struct queue *q, const struct ipc_portal_ask *a, const char *address,
                         bool inside);
/* One of `most` an hour of that kind; false: used up. */
bool guessing_count(struct queue *q, const char *kind, struct str of, unsigned most);
