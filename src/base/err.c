/* SPDX-License-Identifier: Apache-2.0
 * err.c: contract failures and the few allocations that may end the process. Called everywhere.
 */
#include "base/err.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void err_contract(const char *file, int line, const char *what)
{
    static bool is_told; /* the log has contracts, too */
    char where[256];
    if (!is_told) {
        is_told = true;
        snprintf(where, sizeof where, "%s:%d", file, line);
        log_error("contract-broken", KV("where", where), KV("what", what));
    }
    abort();
}

void *err_calloc(size_t n, size_t size)
{
    void *p = calloc(n, size);
    must(p);
    return p;
}

char *err_strdup(const char *s)
{
    char *copy = strdup(s);
    must(copy);
    return copy;
}

void err_close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void err_free_ptr(void *p)
{
    free(*(void **)p);
    *(void **)p = NULL;
}
