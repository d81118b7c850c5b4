/* SPDX-License-Identifier: Apache-2.0
 * list.h: intrusive doubly linked ring. A head is a link that points at itself when empty.
 */
#pragma once
#include "base/err.h"

struct link {
    struct link *prev, *next;
};

#define LIST_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define LIST_EACH(it, head)        for (struct link *it = (head)->next; it != (head); it = it->next)

static inline void list_init(struct link *head)
{
    head->prev = head->next = head;
}

static inline bool list_empty(const struct link *head)
{
    return head->next == head;
}

/* True when the link is in some list (links are zero before their first use). */
static inline bool list_linked(const struct link *l)
{
    return l->next && l->next != l;
}

static inline void list_append(struct link *head, struct link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void list_remove(struct link *l)
{
    if (l->next) {
        l->prev->next = l->next;
        l->next->prev = l->prev;
    }
    l->prev = l->next = NULL;
}
