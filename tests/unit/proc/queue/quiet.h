/* SPDX-License-Identifier: Apache-2.0
 * quiet.h: what stands around a job and has nothing to say in these tests: no rules, exceptions or
 * memory of domains. Included by test_jobs.c and test_inspect.c.
 */
#pragma once
#include "proc/queue/queue.h"

void protection_record(const struct store_rcpt *r, struct protect_record *ret)
{
    *ret = (struct protect_record){0};
}

bool protection_has_next(const struct queue *q, const struct protect_record *record)
{
    return false;
}

void choices_addresses(const struct queue *q, const struct store_message *m,
                       const struct store_rcpt *r, struct buf *out)
{
}

const struct store_exception *exceptions_find(const struct queue *q, struct domain_name domain,
                                              enum exception_kind kind)
{
    return NULL;
}

void exceptions_words(const struct store_exception *e, char *dst, size_t size)
{
    *dst = '\0';
}

struct domain *domains_find(struct queue *q, struct domain_name name, bool add)
{
    return NULL;
}

void domains_mailed(struct queue *q, struct domain *d, bool secure)
{
}

struct memory_rules domains_rules(const struct queue *q)
{
    return (struct memory_rules){0};
}
