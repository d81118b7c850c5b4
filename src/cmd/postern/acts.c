/* SPDX-License-Identifier: Apache-2.0
 * acts.c: postern acts: what administrators did.
 */
#include "cmd/postern/postern.h"
#include "report/acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int acts_usage(void)
{
    fputs("usage: postern acts [--about WHAT]\n"
          "WHAT is the id of a message or envelope, a domain, or an account.\n",
          stderr);
    return EXIT_USAGE;
}

int command_acts(const struct options *o)
{
    struct response a;
    bool about = o->argc == 2 && strcmp(o->argv[0], "--about") == 0 && strlen(o->argv[1]) <= 1000;
    if (o->argc != 0 && !about) {
        return acts_usage();
    }
    int r = ask(o, "queue.sock", ADMIN_ACTS, about ? o->argv[1] : "", &a);
    if (r) {
        return r;
    }
    const struct ipc_row_act **rows = err_calloc(a.n + 1, sizeof *rows);
    for (size_t i = 0; i < a.n; i++) {
        rows[i] = &a.rows[i].row_act;
    }
    if (o->json) {
        print_json(acts_json(rows, a.n));
    } else if (a.n > 0) {
        CLEANUP(buf_free) struct buf out = BUF_INIT(64 * 1024 * 1024);
        must(acts_text(rows, a.n, "", &out) == 0);
        print_buf(&out);
    } else if (a.ok) {
        puts("Nothing was done yet.");
    }
    free(rows);
    return response_end(o, &a);
}
