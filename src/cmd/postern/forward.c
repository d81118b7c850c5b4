/* SPDX-License-Identifier: Apache-2.0
 * forward.c: postern forward audit: every forward of an inside address to elsewhere, whether its
 * domain's servers have a connection that counts as secure, and whether it is on.
 */
#include "cmd/postern/postern.h"
#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

static const char *forward_state_of(const struct ipc_row_forward *f)
{
    return f->off ? "OFF" : f->known ? "on" : "on, not looked at yet";
}

static struct json *forward_json(const struct ipc_row_forward *f)
{
    struct json *o = report_object();
    report_put_str(o, "address", f->address);
    report_put_str(o, "target", f->target);
    report_put_int(o, "line", f->line);
    report_put_bool(o, "on", !f->off);
    report_put_bool(o, "known", f->known);
    report_put_str(o, "grade", str_c(f->known ? grade_name(f->grade) : ""));
    report_put_time(o, "looked", f->probed_ms);
    report_put_bool(o, "keeps-a-copy-inside", f->keep);
    return o;
}

int command_forward(const struct options *o)
{
    struct response a;
    size_t off = 0, unknown = 0;
    if (o->argc != 1 || strcmp(o->argv[0], "audit") != 0) {
        fputs("usage: postern forward audit\n", stderr);
        return EXIT_USAGE;
    }
    int r = ask(o, "queue.sock", ADMIN_FORWARDS, "", &a);
    if (r) {
        return r;
    }
    struct json *all = o->json ? report_array() : NULL;
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_forward *f = &a.rows[i].row_forward;
        off += f->off;
        unknown += !f->known && !f->off;
        if (all) {
            report_append(all, forward_json(f));
            continue;
        }
        char at[32];
        if (i == 0) {
            printf("%-32s %-32s %-22s %-8s %s\n", "ADDRESS", "GOES TO", "STATE", "GRADE",
                   "LOOKED AT");
        }
        printf("%-32.*s %-32.*s %-22s %-8s %s\n", STR_ARG(f->address), STR_ARG(f->target),
               forward_state_of(f), f->known ? grade_name(f->grade) : "-", when(f->probed_ms, at));
    }
    if (all) {
        print_json(all);
    } else {
        printf("%zu forward%s; %zu off: their mail is delivered inside instead.\n", a.n,
               a.n == 1 ? "" : "s", off);
        if (unknown > 0) {
            printf("%zu not looked at yet: postern probe DOMAIN looks now. Mail there goes over a "
                   "secure connection or not at all.\n",
                   unknown);
        }
    }
    r = response_end(o, &a);
    return r == EXIT_OK && off > 0 ? EXIT_NO : r;
}
