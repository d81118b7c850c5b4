/* SPDX-License-Identifier: Apache-2.0
 * status.c: postern status and postern reload.
 */
#include "cmd/postern/postern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands still meanwhile (ARCHITECTURE.md, "If one is slow"). Nothing is lost by it. */
static const struct silence {
    const char *process, *words;
} silences[] = {
    {"smtpin", "its connections stand still; new ones go to the others, if there are any"},
    {"login", "logins wait"},
    {"queue", "no mail is accepted, delivered or reported"},
    {"keys", "handshakes, deliveries and pages of the portal wait"},
    {"inspect", "the message it reads waits"},
    {"lookup", "deliveries that need a DNS lookup wait"},
    {"smtpout", "its deliveries wait; new ones go to the others, if there are any"},
    {"web", "pages of the portal wait"},
    {"metrics", "there are no metrics"},
};

const char *status_silence(const struct ipc_row_process *p)
{
    if (!p->ready || !str_eq(p->counters, STR(STATUS_NO_ANSWER))) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(silences); i++) {
        if (str_starts_nocase(p->name, str_c(silences[i].process))) {
            return silences[i].words;
        }
    }
    return "what it does waits";
}

static void print_process(const struct ipc_row_process *p)
{
    const char *silence = status_silence(p);
    bool up = p->pid > 0 && p->ready && !silence;
    const char *on = colours() ? (up ? "\033[32m" : "\033[31m") : "";
    printf("%s%-10.*s %-8s%s pid %-7u up %llus, restarts %u\n", on, STR_ARG(p->name),
           up        ? "running"
           : silence ? "SILENT"
                     : "down",
           colours() ? "\033[0m" : "", p->pid, (unsigned long long)p->up_s, p->restarts);
    if (p->sandbox.n > 0) {
        printf("           sandbox: " STR_FMT "\n", STR_ARG(p->sandbox));
    }
    if (silence) {
        printf("           does not answer: stopped, or this machine is very busy; meanwhile %s\n",
               silence);
    } else if (p->counters.n > 0) {
        printf("           " STR_FMT "\n", STR_ARG(p->counters));
    }
    if (str_ends_nocase(p->counters, STR(" restored=held"))) {
        printf("           the store was restored from a backup: all its mail is held. To see it: "
               "postern queue list; to release it: postern queue release restored\n");
    }
}

static struct json *process_json(const struct ipc_row_process *p)
{
    struct json *o = report_object();
    report_put_str(o, "process", p->name);
    report_put_bool(o, "running", p->pid > 0 && p->ready);
    report_put_bool(o, "answers", p->pid > 0 && p->ready && !status_silence(p));
    report_put_int(o, "pid", p->pid);
    report_put_int(o, "up-seconds", (int64_t)p->up_s);
    report_put_int(o, "restarts", p->restarts);
    report_put_str(o, "sandbox", p->sandbox);
    report_put_str(o, "counters", p->counters);
    return o;
}

int command_status(const struct options *o)
{
    struct response a;
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
        all_up = all_up && a.rows[i].row_process.ready && !status_silence(&a.rows[i].row_process);
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
    response_free(&a);
    return r;
}

/* What check-config would say, as posternd found it. */
static void take_findings(const struct response *a, struct buf *lines)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->rows[i].type == IPC_row_finding) {
            (void)!buf_printf(lines, STR_FMT "\n", STR_ARG(a->rows[i].row_finding.line));
        }
    }
}

static void print_reload(const struct options *o, bool ok, struct str text, struct str findings)
{
    if (o->json) {
        struct json *j = report_object();
        report_put_str(j, "file", str_c(o->config));
        report_put_bool(j, "reloaded", ok);
        report_put_str(j, "problem", ok ? STR("") : str_trim(text));
        report_put(j, "findings", findings_json(findings));
        print_json(j);
        return;
    }
    /* posternd says what is in force; what was found in the file is told behind its first line */
    size_t first = str_find(text, '\n', 0) + 1;
    first = first < text.n ? first : text.n;
    fwrite(text.p, 1, ok ? 0 : first, stderr);
    fwrite(findings.p, 1, findings.n, stderr);
    fwrite(text.p + first, 1, ok ? 0 : text.n - first, stderr);
    fputs(ok ? "Reloaded.\n" : "", stdout);
}

/* posternd reads its own file again: it is told which one is meant here. */
static int ask_reload(const struct options *o, struct response *ret)
{
    enum { ARGUMENT_MAX = 1024 }; /* ipc/messages.def */
    char *file = realpath(o->config, NULL);
    bool is_sent = file && strlen(file) <= ARGUMENT_MAX;
    int r = ask(o, "posternd.sock", ADMIN_RELOAD, is_sent ? file : "", ret);
    free(file);
    return r;
}

/* posternd does not read the store. */
static void look_at_pickup(const struct options *o, struct buf *findings)
{
    CLEANUP(buf_free) struct buf unused = BUF_INIT(1024 * 1024);
    struct conf *c = NULL;
    if (conf_load(o->config, &unused, &c) == 0) {
        pickup_check(c, findings);
    }
    conf_free(c);
}

int command_reload(const struct options *o)
{
    CLEANUP(buf_free) struct buf findings = BUF_INIT(1024 * 1024);
    struct response a;
    int r = ask_reload(o, &a);
    if (r) {
        const char *text =
            r == EXIT_CONFIG ? "Not reloaded; the old configuration stays in force.\n" : "";
        if (o->json) {
            print_reload(o, false, str_c(*text ? text : "posternd did not answer"), STR(""));
        } else {
            fputs(text, stderr);
        }
        return r;
    }
    take_findings(&a, &findings);
    look_at_pickup(o, &findings);
    print_reload(o, a.ok, str_c(a.text), buf_str(&findings));
    r = a.ok ? EXIT_OK : EXIT_NO;
    response_free(&a);
    return r;
}
