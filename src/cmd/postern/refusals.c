/* SPDX-License-Identifier: Apache-2.0
 * refusals.c: postern refusals: whose connections an inbound rule turned away, or would have.
 */
#include "cmd/postern/postern.h"

#include <stdio.h>
#include <stdlib.h>

struct tally {
    struct str rule;
    unsigned enforced, reported;
};

static void refusals_add(struct tally *t, size_t *n, size_t max, const struct ipc_refusal *r)
{
    size_t i = 0;
    while (i < *n && !str_eq(t[i].rule, r->rule)) {
        i++;
    }
    if (i == max) {
        return;
    }
    *n = i == *n ? i + 1 : *n;
    t[i].rule = r->rule;
    *(r->enforced ? &t[i].enforced : &t[i].reported) += 1;
}

static struct json *refusal_json(const struct ipc_refusal *r)
{
    struct json *o = report_object();
    report_put_time(o, "at", r->at_ms);
    report_put_str(o, "rule", r->rule);
    report_put_bool(o, "refused", r->enforced);
    report_put_str(o, "client", r->client);
    report_put_str(o, "helo", r->helo);
    report_put_str(o, "from", r->reverse_path);
    report_put_str(o, "wanted", r->wanted);
    report_put_str(o, "had", r->had);
    report_put_str(o, "reason", r->reason);
    return o;
}

static void print_rows(const struct response *a)
{
    static struct tally tally[256];
    char date[32];
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        const struct ipc_refusal *r = &a->rows[i].refusal;
        refusals_add(tally, &n, ARRAY_LEN(tally), r);
        printf("%s  %-12s %-20.*s from <" STR_FMT "> at " STR_FMT " (" STR_FMT "): wanted " STR_FMT
               ", had " STR_FMT "\n",
               when(r->at_ms, date), r->enforced ? "refused" : "would refuse", STR_ARG(r->rule),
               STR_ARG(r->reverse_path), STR_ARG(r->client), STR_ARG(r->helo), STR_ARG(r->wanted),
               STR_ARG(r->had));
    }
    for (size_t i = 0; i < n; i++) {
        printf("%s%-20.*s %u refused, %u would have been\n", i == 0 ? "\nBy rule:\n" : "",
               STR_ARG(tally[i].rule), tally[i].enforced, tally[i].reported);
    }
    if (a->n == 0) {
        puts("Nobody was turned away by an inbound rule.");
    }
}

int command_refusals(const struct options *o)
{
    struct response a;
    if (o->argc > 0) {
        fputs("usage: postern refusals [--json]\n", stderr);
        return EXIT_USAGE;
    }
    int r = ask(o, "queue.sock", ADMIN_REFUSALS, "", &a);
    if (r) {
        return r;
    }
    if (o->json) {
        struct json *out = report_array();
        for (size_t i = 0; i < a.n; i++) {
            report_append(out, refusal_json(&a.rows[i].refusal));
        }
        print_json(out);
    } else {
        print_rows(&a);
    }
    return response_end(o, &a);
}
