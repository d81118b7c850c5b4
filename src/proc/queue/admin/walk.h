/* SPDX-License-Identifier: Apache-2.0
 * walk.h: readings of the store for a command of the administrator that waits for their rows, and
 * may hang up before they come. For the files of the queue process that answer the postern command.
 */
#pragma once
#include "base/list.h"
#include "store/read.h"
#include "ipc/channel.h"

struct queue;

struct walk {
    struct queue *q;
    struct ipc_channel *to; /* as long as the walk lasts */
    char about[256];        /* what rows are compared with, where that is wanted */
    size_t n;               /* rows that were sent, as their function counts them */
    /* in place of the plain end, when all was read; NULL: that */
    void (*end)(struct walk *w);
    struct store_reading *reading;
    struct link link;
};

/* Sends the rows of these queries, then that it is done. rows: whose functions get the walk as
 * their arg; the others of it are set here. about: copied. The walk is there until the turn ends
 * at least. */
struct walk *walk_start(struct queue *q, struct ipc_channel *to, struct str about,
                        const struct store_query *queries, size_t n, const struct store_rows *rows);
/* Nobody waits there any more. */
void walk_requester_gone(const struct ipc_channel *to);
/* The end of a command: done, or why not. */
void walk_finish(struct ipc_channel *to, bool ok, const char *text);
