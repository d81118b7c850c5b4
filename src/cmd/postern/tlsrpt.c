/* SPDX-License-Identifier: Apache-2.0
 * tlsrpt.c: postern tlsrpt: TLS reports received from others, and our own.
 */
#include "cmd/postern/postern.h"
#include "store/tlsrpt.h"

#include <stdio.h>

#define DAY_MS (24LL * 60 * 60 * 1000)

static struct json *received_json(const struct ipc_row_rpt_received *r)
{
    struct json *o = report_object();
    report_put_int(o, "number", (int64_t)r->received);
    report_put_time(o, "received", r->at_ms);
    report_put_str(o, "organization", r->organization);
    report_put_str(o, "report-id", r->report_id);
    report_put_str(o, "domain", r->domain);
    report_put_time(o, "begin", r->begin_ms);
    report_put_time(o, "end", r->end_ms);
    report_put_str(o, "policy-type", r->type);
    report_put_int(o, "ok", (int64_t)r->ok);
    report_put_int(o, "failed", (int64_t)r->failed);
    report_put_str(o, "details", r->details);
    return o;
}

static int received(const struct options *o, const char *number)
{
    struct response a;
    char begin[32];
    int r = ask(o, "queue.sock", ADMIN_RPT_LIST, number, &a);
    if (r) {
        return r;
    }
    struct json *list = o->json ? report_array() : NULL;
    if (!list && a.n > 0 && !*number) {
        printf("%6s  %-17s %-28s %-28s %-16s %9s %9s\n", "number", "day", "from", "about domain",
               "policy", "ok", "failed");
    }
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_rpt_received *m = &a.rows[i].row_rpt_received;
        if (list) {
            report_append(list, received_json(m));
            continue;
        }
        printf("%6llu  %-17s %-28.*s %-28.*s %-16.*s %9llu %9llu\n",
               (unsigned long long)m->received, when(m->begin_ms, begin), STR_ARG(m->organization),
               STR_ARG(m->domain), STR_ARG(m->type), (unsigned long long)m->ok,
               (unsigned long long)m->failed);
        if (*number) {
            printf("report " STR_FMT "\n" STR_FMT, STR_ARG(m->report_id), STR_ARG(m->details));
        }
    }
    if (list) {
        print_json(list);
    } else if (a.ok && a.n == 0) {
        puts(*number ? "There is no report with this number." : "No report was received yet.");
    }
    return response_end(o, &a);
}

static int sent(const struct options *o)
{
    static const char *const states[] = {
        [RPT_DUE] = "waiting",
        [RPT_DONE] = "sent",
        [RPT_NOT_WANTED] = "not asked for",
        [RPT_GIVEN_UP] = "given up",
    };
    struct response a;
    char day[32];
    int r = ask(o, "queue.sock", ADMIN_RPT_SENT, "", &a);
    if (r) {
        return r;
    }
    struct json *list = o->json ? report_array() : NULL;
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_rpt_sent *m = &a.rows[i].row_rpt_sent;
        const char *state = states[m->state < RPT_STATE_END ? m->state : RPT_DUE];
        if (list) {
            struct json *j = report_object();
            report_put_time(j, "day", (int64_t)m->day * DAY_MS);
            report_put_str(j, "domain", m->domain);
            report_put_str(j, "state", str_c(state));
            report_put_time(j, "next", m->state == RPT_DUE ? m->next_ms : 0);
            report_put_str(j, "detail", m->detail);
            report_append(list, j);
        } else {
            printf("%.10s  %-34.*s %-14s " STR_FMT "\n", when((int64_t)m->day * DAY_MS + 1, day),
                   STR_ARG(m->domain), state, STR_ARG(m->detail));
        }
    }
    if (list) {
        print_json(list);
    }
    return response_end(o, &a);
}

static int send_now(const struct options *o)
{
    struct response a;
    int r = ask(o, "queue.sock", ADMIN_RPT_SEND, "", &a);
    if (r) {
        return r;
    }
    if (a.ok) {
        puts("The reports of all days, today included, are being sent; see postern tlsrpt sent.");
    }
    return response_end(o, &a);
}

int command_tlsrpt(const struct options *o)
{
    const char *what = o->argc > 0 ? o->argv[0] : "list";
    if (strcmp(what, "list") == 0 && o->argc <= 1) {
        return received(o, "");
    }
    if (strcmp(what, "show") == 0 && o->argc == 2) {
        return received(o, o->argv[1]);
    }
    if (strcmp(what, "sent") == 0 && o->argc == 1) {
        return sent(o);
    }
    if (strcmp(what, "send") == 0 && o->argc == 1) {
        return send_now(o);
    }
    fputs("usage: postern tlsrpt list, show NUMBER, sent, or send\n", stderr);
    return EXIT_USAGE;
}
