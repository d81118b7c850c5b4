/* SPDX-License-Identifier: Apache-2.0
 * status.c: postern status and postern reload.
 */
#include "cmd/postern/postern.h"

#include <stdio.h>

static void print_process(const struct ipc_row_process *p)
{
    bool up = p->pid > 0 && p->ready;
    const char *on = colours() ? (up ? "\033[32m" : "\033[31m") : "";
    printf("%s%-10.*s %-8s%s pid %-7u up %llus, restarts %u\n", on, STR_ARG(p->name), up ? "running" : "down",
           colours() ? "\033[0m" : "", p->pid, (unsigned long long)p->up_s, p->restarts);
    if (p->sandbox.n > 0) {
        printf("           sandbox: " STR_FMT "\n", STR_ARG(p->sandbox));
    }
    if (p->counters.n > 0) {
        printf("           " STR_FMT "\n", STR_ARG(p->counters));
    }
}

static struct json *process_json(const struct ipc_row_process *p)
{
    struct json *o = report_object();
    report_put_str(o, "process", p->name);
    report_put_bool(o, "running", p->pid > 0 && p->ready);
    report_put_int(o, "pid", p->pid);
    report_put_int(o, "up-seconds", (int64_t)p->up_s);
    report_put_int(o, "restarts", p->restarts);
    report_put_str(o, "sandbox", p->sandbox);
    report_put_str(o, "counters", p->counters);
    return o;
}

int command_status(const struct options *o)
{
    struct answer a;
    int r = ask(o, "posternd.sock", ADMIN_STATUS, "", &a);
    if (r) {
        return r;
    }
    struct json *list = o->json ? report_array() : NULL;
    bool all_up = true;
    for (size_t i = 0; i < a.n; i++) {
        if (a.rows[i].type != IPC_row_process) {
            continue;
        }
        all_up = all_up && a.rows[i].row_process.ready;
        if (o->json) {
            report_append(list, process_json(&a.rows[i].row_process));
        } else {
            print_process(&a.rows[i].row_process);
        }
    }
    if (o->json) {
        print_json(list);
    }
    if (!a.ok) {
        fprintf(stderr, "postern: %s\n", a.text);
    } else if (*a.text && !o->json) {
        printf("%s", a.text);
    }
    r = a.ok && all_up ? EXIT_OK : EXIT_NO;
    answer_free(&a);
    return r;
}

int command_reload(const struct options *o)
{
    struct answer a;
    int r = ask(o, "posternd.sock", ADMIN_RELOAD, "", &a);
    if (r) {
        fputs(r == EXIT_CONFIG ? "Not reloaded; the old configuration stays in force.\n" : "", stderr);
        return r;
    }
    if (a.ok) {
        puts("Reloaded.");
    } else {
        fputs(a.text, stderr); /* posternd says what is in force and what is not */
    }
    r = a.ok ? EXIT_OK : EXIT_NO;
    answer_free(&a);
    return r;
}
