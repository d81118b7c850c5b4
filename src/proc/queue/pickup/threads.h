/* SPDX-License-Identifier: Apache-2.0
 * threads.h: conversations of the portal, for submit.c of the queue process.
 */
#pragma once
#include "portal/thread.h"
#include "proc/queue/pickup/scene.h"
#include "wire/limits.h"

enum turn_kind {
    TURN_NONE,   /* it belongs to no conversation */
    TURN_SECURE, /* an insider goes on with it: to the portal, whatever else is so */
    TURN_PLAIN,  /* the same, and it was let go: the ordinary way */
    TURN_MARK,   /* somebody outside answered by ordinary mail */
};

enum { THREAD_TEXT = THREAD_LETTERS + 1 };

/* A conversation that a mail names. */
struct turn {
    bool found, lowered;
    char thread[THREAD_TEXT], inside[ADDRESS_ROOM], outside[ADDRESS_ROOM];
    /* the greatest of what its mails were to be opened with: what goes on is worth no less */
    uint8_t level;
    uint64_t last; /* the newest envelope that somebody inside wrote; 0: none */
};

/* All that one mail names, read before it is decided. */
struct threads {
    struct turn *v;
    size_t n;
};

/* A recipient, and the conversation that the header names (or empty), may belong to one. */
void threads_want_address(const struct queue *q, struct threads *t, struct str forward_path);
void threads_want_reference(struct threads *t, struct str references);
/* What has to be read, twice n queries; their rows. */
size_t threads_queries(const struct threads *t, struct store_query *ret);
void threads_on_thread(struct threads *t, const struct store_thread *row);
void threads_on_envelope(struct threads *t, const struct store_envelope *e);
void threads_free(struct threads *t);
/* What a mail to this recipient is, and of which conversation. */
enum turn_kind threads_turn(struct queue *q, const struct threads *t, const struct store_message *m,
                            struct str forward_path, struct str references,
                            const struct turn **ret);
/* May somebody with this pass answer this envelope, in the name of that address? */
bool threads_may_answer(const struct scene *s, struct str reverse_path);
/* Is this pass that of an inside user with this address? login: the same. */
bool threads_may_write(const struct scene *s, struct str reverse_path, struct str login);
/* Did this address write the mail of the scene, or have it? */
bool threads_may_reach(const struct scene *s, struct str forward_path);
/* In the commit that takes the answer along. */
void threads_answered(struct scene *s, struct str network);
