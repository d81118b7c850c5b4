/* SPDX-License-Identifier: Apache-2.0
 * sts.c: postern sts: the MTA-STS policies that are kept.
 */
#include "cmd/postern/postern.h"
#include "mtasts/policy.h"
#include "sys/file.h"

#include <stdio.h>

static void print_policy(const struct ipc_sts_answer *p)
{
    char fetched[32], expires[32], refresh[32];
    printf(STR_FMT ": %s" STR_FMT "\n", STR_ARG(p->domain), p->text.n ? "" : "no policy; state ",
           STR_ARG(p->state));
    if (p->problem.n > 0) {
        printf("  Last look: " STR_FMT " (" STR_FMT ")\n", STR_ARG(p->problem), STR_ARG(p->detail));
    }
    if (p->text.n > 0) {
        printf("  id " STR_FMT ", fetched %s, valid until %s, next refresh %s\n", STR_ARG(p->id),
               when(p->fetched_ms, fetched), when(p->expires_ms, expires),
               when(p->refresh_ms, refresh));
        tame_text(p->text); /* octets of their web server, which ask.c leaves as they are */
        printf(STR_FMT "%s", STR_ARG(p->text), p->text.p[p->text.n - 1] == '\n' ? "" : "\n");
    }
}

static struct json *sts_policy_json(const struct ipc_sts_answer *p)
{
    struct json *o = report_object();
    report_put_str(o, "domain", p->domain);
    report_put_str(o, "state", p->state);
    report_put_str(o, "id", p->id);
    report_put_time(o, "fetched", p->fetched_ms);
    report_put_time(o, "expires", p->expires_ms);
    report_put_time(o, "refresh", p->refresh_ms);
    report_put_str(o, "problem", p->problem);
    report_put_str(o, "detail", p->detail);
    report_put_str(o, "policy", p->text);
    return o;
}

int command_sts(const struct options *o)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(STS_POLICY_OCTETS_MAX);
    char argument[300];
    struct response a;
    bool preload = o->argc == 3 && strcmp(o->argv[0], "preload") == 0;
    bool look =
        o->argc == 2 && (strcmp(o->argv[0], "show") == 0 || strcmp(o->argv[0], "refresh") == 0);
    if ((!preload && !look) || strlen(o->argv[1]) > 255) {
        fputs("usage: postern sts show DOMAIN, refresh DOMAIN, or preload DOMAIN FILE\n", stderr);
        return EXIT_USAGE;
    }
    int r = preload ? file_read(o->argv[2], &text) : 0;
    if (r < 0) {
        fprintf(stderr, "postern: %s: %s\n", o->argv[2],
                r == -ENOSPC ? "larger than 64 KiB" : strerror(-r));
        return EXIT_USAGE;
    }
    snprintf(argument, sizeof argument, "%s %s", o->argv[0], o->argv[1]);
    r = ask_with(o, strcmp(o->argv[0], "show") == 0 ? ADMIN_STS : ADMIN_STS_SET, argument,
                 buf_str(&text), &a);
    if (r) {
        return r;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (o->json) {
            print_json(sts_policy_json(&a.rows[i].sts_answer));
        } else {
            print_policy(&a.rows[i].sts_answer);
        }
    }
    return response_end(o, &a);
}
