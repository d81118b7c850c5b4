/* SPDX-License-Identifier: Apache-2.0
 * walk.c: readings of the store for a command that waits for their rows. Called by the files that
 * answer the postern command; admin.c says when somebody hangs up.
 */
#include "proc/queue/admin/walk.h"
#include "proc/queue/queue.h"

#include <stdlib.h>

static struct link walks = {&walks, &walks};

void walk_finish(struct ipc_channel *to, bool ok, const char *text)
{
    ipc_send(to, &(struct ipc_msg){.type = IPC_admin_done,
                                   .admin_done = {.ok = ok, .text = str_c(text)}});
}

static void walk_end(struct walk *w)
{
    list_remove(&w->link);
    free(w);
}

static void walk_done(void *arg, enum store_result result)
{
    struct walk *w = arg;
    if (w->end && result == STORE_OK) {
        w->end(w);
    } else {
        walk_finish(w->to, result == STORE_OK,
                    result == STORE_OK ? "" : "the store could not be read");
    }
    walk_end(w);
}

struct walk *walk_start(struct queue *q, struct ipc_channel *to, struct str about,
                        const struct store_query *queries, size_t n, const struct store_rows *rows)
{
    struct walk *w = err_calloc(1, sizeof *w);
    struct store_rows mine = *rows;
    w->q = q;
    w->to = to;
    str_copy_cut(about, w->about, sizeof w->about);
    list_append(&walks, &w->link);
    mine.arg = w;
    mine.done = walk_done;
    w->reading = store_read_all(q->store, queries, n, &mine);
    return w;
}

void walk_requester_gone(const struct ipc_channel *to)
{
    for (struct link *it = walks.next; it != &walks;) {
        struct walk *w = LIST_OF(it, struct walk, link);
        it = it->next;
        if (w->to == to) {
            store_cancel(w->reading);
            walk_end(w);
        }
    }
}
