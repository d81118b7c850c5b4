/* SPDX-License-Identifier: Apache-2.0
 * budget.c: the table of address space (budget.h). Called by child.c.
 *
 * What a process maps without any work (libraries, stacks and arenas of threads, backlogs of its
 * channels) is counted in `base`, what each thing under way may keep in `each`: buffers at their
 * configured maxima, half as much again for those that grow by being copied.
 */
#include "proc/budget.h"
#include "wire/limits.h"

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    BASE = 768 * MIB,    /* a backlog of 256 MiB, arenas of threads, libraries */
    SESSION = 512 * KIB, /* TLS, lines, a piece of a message */
    RECIPIENT = 1 * KIB, /* an address as it is kept until the end of its message */
    CALL = 1 * MIB,      /* of a browser: TLS, fields, what goes out */
    CALLS = 1000,
    PAGES = 64 * MIB,     /* large views and forms at the same time */
    OUT = 16 * MIB,       /* smtpout/connection.c: what waits to be sent */
    FETCHES = 512 * MIB,  /* lookup: answers and policies that are kept, HTTPS under way */
    ACCOUNTS = 512 * MIB, /* login: accounts, argon2id (64 MiB), a directory's threads */
};

static uint64_t of_smtpin(const struct conf *c)
{
    uint64_t message =
        (uint64_t)c->limits.header_octets * 3 / 2 + (uint64_t)c->limits.recipients * RECIPIENT;
    return (uint64_t)BASE + (uint64_t)c->limits.connections * (SESSION + message);
}

static uint64_t of_smtpout(const struct conf *c)
{
    return (uint64_t)BASE +
           (uint64_t)c->queue.deliveries * (SESSION + (uint64_t)HEADER_SECTION_MAX * 2) +
           4 * (uint64_t)OUT;
}

uint64_t budget_of(enum role role, const struct conf *c)
{
    switch (role) {
    case ROLE_SMTPIN:
        return of_smtpin(c);
    case ROLE_SMTPOUT:
        return of_smtpout(c);
    case ROLE_WEB:
        return (uint64_t)BASE + CALLS * (uint64_t)CALL + 16 * (uint64_t)PAGES;
    case ROLE_LOOKUP:
        return (uint64_t)BASE + FETCHES;
    case ROLE_LOGIN:
        return (uint64_t)BASE + ACCOUNTS;
    case ROLE_METRICS:
        return BASE;
    case ROLE_QUEUE:
    case ROLE_KEYS:
    case ROLE_INSPECT:
    case ROLE_END:
        break;
    }
    return 0;
}
