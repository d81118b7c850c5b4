/* SPDX-License-Identifier: Apache-2.0
 * threads.h: conversations of the portal, for submit.c of the queue process.
 */
#pragma once
#include "proc/queue/pickup/pickup.h"
#include "wire/limits.h"

enum turn_kind {
    TURN_NONE,   /* it belongs to no conversation */
    TURN_SECURE, /* an insider goes on with it: to the portal, whatever else is so */
    TURN_PLAIN,  /* the same, and it was let go: the ordinary way */
    TURN_MARK,   /* somebody outside answered by ordinary mail */
};

struct turn {
    bool found, lowered;
    char thread[24], inside[ADDRESS_ROOM], outside[ADDRESS_ROOM];
};

/* What a mail to this recipient is; references: the conversation its header names, or empty. */
enum turn_kind threads_turn(struct queue *q, const struct store_message *m, struct str forward_path,
                            struct str references, struct turn *ret);
/* The greatest of what its mails were to be opened with: what goes on with it is worth no less. */
uint8_t threads_level(struct queue *q, const char *thread);
/* May somebody with this pass answer this envelope, in the name of that address? */
bool threads_may_answer(struct queue *q, struct str pass, uint64_t envelope,
                        struct str reverse_path, struct kept_envelope *k);
/* Is this pass that of an inside user with this address? login: the same. */
bool threads_may_write(struct queue *q, struct str pass, struct str reverse_path, struct str login);
/* Did this address write the mail, or have it? */
bool threads_may_reach(struct queue *q, const struct kept_envelope *k, struct str forward_path);
/* In the commit that takes the answer along. */
void threads_answered(struct queue *q, struct kept_envelope *k, struct str network);
