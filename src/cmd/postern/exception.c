/* SPDX-License-Identifier: Apache-2.0
 * exception.c: postern exception: what is allowed for one domain and a limited time.
 */
#include "cmd/postern/postern.h"
#include "store/domain.h"

#include <stdio.h>
#include <time.h>

static const char *const kinds[] = {[EXCEPTION_RELAX] = "relax", [EXCEPTION_LEGACY] = "legacy"};

static const char *exception_state_of(const struct ipc_row_exception *e)
{
    return e->ended_ms                                 ? "ended by hand"
           : e->until_ms <= (int64_t)time(NULL) * 1000 ? "over"
                                                       : "in force";
}

static struct json *exception_json(const struct ipc_row_exception *e)
{
    struct json *o = report_object();
    report_put_int(o, "number", (int64_t)e->exception);
    report_put_str(o, "kind", str_c(kinds[e->kind < EXCEPTION_KIND_END ? e->kind : 0]));
    report_put_str(o, "domain", e->domain);
    report_put_str(o, "owner", e->owner);
    report_put_str(o, "reason", e->reason);
    report_put_time(o, "from", e->from_ms);
    report_put_time(o, "until", e->until_ms);
    report_put_time(o, "ended", e->ended_ms);
    report_put_str(o, "state", str_c(exception_state_of(e)));
    report_put_int(o, "uid", e->uid);
    report_put_str(o, "added-by", e->added_by);
    report_put_str(o, "ended-by", e->ended_by);
    return o;
}

static int exception_list(const struct options *o, bool all)
{
    struct response a;
    char until[32];
    size_t shown = 0;
    int r = ask(o, "queue.sock", ADMIN_EXCEPTIONS, "", &a);
    if (r) {
        return r;
    }
    struct json *out = o->json ? report_array() : NULL;
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_exception *e = &a.rows[i].row_exception;
        if (!all && strcmp(exception_state_of(e), "in force") != 0) {
            continue;
        }
        shown++;
        if (o->json) {
            report_append(out, exception_json(e));
        } else {
            printf("%4llu  %-7s " STR_FMT "  until %s  by " STR_FMT "  (%s)\n      " STR_FMT
                   "\n      added by %.*s (uid %u)%s" STR_FMT "\n",
                   (unsigned long long)e->exception,
                   kinds[e->kind < EXCEPTION_KIND_END ? e->kind : 0], STR_ARG(e->domain),
                   when(e->until_ms, until), STR_ARG(e->owner), exception_state_of(e),
                   STR_ARG(e->reason), STR_ARG(e->added_by.n > 0 ? e->added_by : STR("somebody")),
                   (unsigned)e->uid, e->ended_by.n > 0 ? ", ended by " : "", STR_ARG(e->ended_by));
        }
    }
    if (o->json) {
        print_json(out);
    } else if (a.ok && shown == 0) {
        puts(all ? "There has never been an exception." : "No exception is in force.");
    }
    return response_end(o, &a);
}

static int exception_usage(void)
{
    fputs("usage: postern exception list [--all]\n"
          "       postern exception add relax|legacy DOMAIN --owner NAME --reason TEXT [--days N | "
          "--hours N]\n"
          "       postern exception end NUMBER\n"
          "relax: ignores what the domain publishes (DANE, MTA-STS) and its history; your own "
          "rules and an offer\nof encryption still bind. legacy: accepts TLS 1.0 and 1.1 there, "
          "reported as not secure.\n"
          "At most 30 days (7 without --days).\n",
          stderr);
    return EXIT_USAGE;
}

static int exception_add(const struct options *o)
{
    const char *owner = "", *reason = "";
    uint64_t hours = 7 * 24, number;
    char argument[1000];
    struct response a;
    if (o->argc < 3) {
        return exception_usage();
    }
    for (int i = 3; i < o->argc; i += 2) {
        const char *w = o->argv[i], *value = i + 1 < o->argc ? o->argv[i + 1] : NULL;
        bool days = strcmp(w, "--days") == 0;
        if (value && strcmp(w, "--owner") == 0) {
            owner = value;
        } else if (value && strcmp(w, "--reason") == 0) {
            reason = value;
        } else if (value && (days || strcmp(w, "--hours") == 0) &&
                   str_to_u64(str_c(value), 720, &number) == 0) {
            hours = days ? number * 24 : number;
        } else {
            return exception_usage();
        }
    }
    if (strpbrk(owner, "\t\r\n") || strpbrk(reason, "\t\r\n") || strlen(owner) > 200 ||
        strlen(reason) > 400) {
        fputs("postern: owner and reason are one line each, at most 200 and 400 octets\n", stderr);
        return EXIT_USAGE;
    }
    snprintf(argument, sizeof argument, "%s\t%s\t%llu\t%s\t%s", o->argv[1], o->argv[2],
             (unsigned long long)hours, owner, reason);
    int r = ask(o, "queue.sock", ADMIN_EXCEPTION_ADD, argument, &a);
    if (r) {
        return r;
    }
    if (a.ok) {
        puts("The exception is in force. It ends by itself, and every report that it affects names "
             "it.");
    }
    return response_end(o, &a);
}

int command_exception(const struct options *o)
{
    const char *what = o->argc > 0 ? o->argv[0] : "list";
    bool all = o->argc == 2 && strcmp(o->argv[1], "--all") == 0;
    struct response a;
    if (strcmp(what, "list") == 0 && (o->argc <= 1 || all)) {
        return exception_list(o, all);
    }
    if (strcmp(what, "add") == 0) {
        return exception_add(o);
    }
    if (strcmp(what, "end") != 0 || o->argc != 2) {
        return exception_usage();
    }
    int r = ask(o, "queue.sock", ADMIN_EXCEPTION_END, o->argv[1], &a);
    return r ? r : response_end(o, &a);
}
