/* SPDX-License-Identifier: Apache-2.0
 * protection.h: deciding what recipients need, and their ladders. For the files of the queue
 * process.
 */
#pragma once
#include "store/read.h"
#include "base/arena.h"
#include "base/buf.h"
#include "policy/protect.h"
#include "policy/rules.h"
#include "store/store.h"

struct queue;

/* One recipient, decided; big: on the heap or one at a time. */
struct decided {
    /* in: forward_path, notify, state...; out: all that store_decided() writes */
    struct store_rcpt rcpt;
    bool is_copy; /* in: of a rule (copy-to) */
    struct protection protection;
    struct route route;
    char record[PROTECT_RECORD_MAX], words[1000]; /* words: the protection's, on one line */
    char outcome[1000]; /* of a trial: what would have been done (trial.c) */
};

bool protection_needs_inspection(const struct queue *q, const struct store_message *m,
                                 struct str forward_path);
/* Views in d->rcpt point into d, m and the configuration. */
void protection_decide(struct queue *q, const struct store_message *m, struct str facts,
                       struct decided *d);
/* Appends what would be done with it: for a trial, in one line. d is decided but for that. 0 or
 * -ENOSPC (trial.c). */
int trial_outcome(struct queue *q, const struct store_message *m, const struct decided *d,
                  struct buf *out) MUST_USE;
/* Tells whom the rules name, by mail. */
void protection_notify(struct queue *q, const struct store_message *m, const struct decided *d);

void protection_record(const struct store_rcpt *r, struct protect_record *ret);
/* True when a secure mail on transport has another rung below. */
bool protection_has_next(const struct queue *q, const struct protect_record *record);
int64_t protection_patience_ms(const struct queue *q, const struct protect_record *record);
/* A person let it go: what was `escalated` may now go by a secure connection, from the first
 * rung on. */
void protection_release(struct queue *q, const struct store_rcpt *r, const char *who);
/* Transport did not come about: the next rung takes it. Strings are kept in the arena. 0 or
 * -ENOSPC. */
int protection_step_down(struct queue *q, struct store_rcpt *r, bool tells_sender,
                         struct arena *arena) MUST_USE;

/* The room's part of struct queue. */
struct protecting {
    uint64_t steps_down, demands[DEMAND_END];
    unsigned char choice_secret[32]; /* kept in the store */
    int64_t choices_looked_ms;
    bool choices_looking;
    uint64_t choices_after; /* a look has come as far as this recipient; 0: none is under way */
};

/* choices.c: senders who are asked */
void choices_secret(void *arg, struct str secret);
/* A line for each choice: its words, a tab, its address. */
void choices_addresses(const struct queue *q, const struct store_message *m,
                       const struct store_rcpt *r, struct buf *out);
bool choices_is_one(const struct queue *q, struct str forward_path);
/* What choices are about, read before they are taken: messages and those recipients that wait for
 * one. */
struct choices {
    struct arena text;
    struct store_message *messages; /* id and reverse_path alone */
    struct store_rcpt *rcpts;
    size_t n_messages, n_rcpts;
};
/* What has to be read for a mail (m) to a choice; false: nothing, it is none. */
bool choices_query(struct queue *q, const struct store_message *m, struct str forward_path,
                   struct store_query *ret);
/* Copy rows of it. */
void choices_on_message(struct choices *c, const struct store_message *m);
void choices_on_rcpt(struct choices *c, const struct store_rcpt *r);
void choices_free(struct choices *c);
/* Applied, or words for why not. */
const char *choices_take(struct queue *q, const struct store_message *m, struct str forward_path,
                         struct choices *known);
void choices_tick(struct queue *q);
