/* SPDX-License-Identifier: Apache-2.0
 * queue.c: postern queue ... and postern message ID.
 */
#include "cmd/postern/postern.h"
#include "policy/policy.h"
#include "wire/date.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points at the rows of each message in turn: a message row and what follows it. */
struct view {
    struct message_report report;
    const struct ipc_row_rcpt **rcpts;
    const struct ipc_row_attempt **attempts;
    const struct ipc_row_envelope **envelopes;
    const struct ipc_row_envelope_event **events;
    const struct ipc_row_act **acts;
};

static size_t next_message(const struct response *a, size_t from, struct view *v)
{
    size_t i = from;
    v->report = (struct message_report){
        .rcpts = v->rcpts,
        .attempts = v->attempts,
        .envelopes = v->envelopes,
        .events = v->events,
        .acts = v->acts,
    };
    for (; i < a->n; i++) {
        const struct ipc_msg *m = &a->rows[i];
        if (m->type == IPC_row_message) {
            if (v->report.message) {
                break;
            }
            v->report.message = &m->row_message;
        } else if (m->type == IPC_row_rcpt) {
            v->rcpts[v->report.n_rcpts++] = &m->row_rcpt;
        } else if (m->type == IPC_row_attempt) {
            v->attempts[v->report.n_attempts++] = &m->row_attempt;
        } else if (m->type == IPC_row_envelope) {
            v->envelopes[v->report.n_envelopes++] = &m->row_envelope;
        } else if (m->type == IPC_row_envelope_event) {
            v->events[v->report.n_events++] = &m->row_envelope_event;
        } else if (m->type == IPC_row_act) {
            v->acts[v->report.n_acts++] = &m->row_act;
        } else if (m->type == IPC_row_inspection) {
            v->report.inspection = &m->row_inspection;
        }
    }
    return i;
}

static struct view view_new(const struct response *a)
{
    return (struct view){
        .rcpts = err_calloc(a->n + 1, sizeof(void *)),
        .attempts = err_calloc(a->n + 1, sizeof(void *)),
        .envelopes = err_calloc(a->n + 1, sizeof(void *)),
        .events = err_calloc(a->n + 1, sizeof(void *)),
        .acts = err_calloc(a->n + 1, sizeof(void *)),
    };
}

static void queue_view_free(struct view *v)
{
    free(v->rcpts);
    free(v->attempts);
    free(v->envelopes);
    free(v->events);
    free(v->acts);
}

static void queue_print_line(const struct ipc_row_message *m, const struct ipc_row_rcpt *r)
{
    char id[ID_TEXT], next[DATE_MAX];
    id_text(m->id, id);
    date_iso(r->next_ms, next);
    printf("%s  %-8s %8llu  <" STR_FMT "> -> <" STR_FMT ">\n", id, message_state_words(r),
           (unsigned long long)m->size, STR_ARG(m->reverse_path), STR_ARG(r->forward_path));
    if (r->attempts > 0 || r->reason) {
        printf("               %u attempt%s%s%s; %s\n", r->attempts, r->attempts == 1 ? "" : "s",
               r->state == 0 ? ", next " : "", r->state == 0 ? next : "",
               reason_sentence(r->reason));
        if (r->reply.n > 0) {
            printf("               " STR_FMT "\n", STR_ARG(r->reply));
        }
    }
}

static int queue_list(const struct options *o)
{
    struct response a;
    int r = ask(o, "queue.sock", ADMIN_LIST, "", &a);
    if (r) {
        return r;
    }
    struct view v = view_new(&a);
    struct json *all = o->json ? report_array() : NULL;
    size_t messages = 0;
    for (size_t at = 0; at < a.n;) {
        at = next_message(&a, at, &v);
        if (!v.report.message) {
            continue;
        }
        messages++;
        if (o->json) {
            report_append(all, message_report_json(&v.report));
        }
        for (size_t i = 0; !o->json && i < v.report.n_rcpts; i++) {
            queue_print_line(v.report.message, v.report.rcpts[i]);
        }
    }
    if (o->json) {
        print_json(all);
    } else {
        printf("%zu message%s in the queue.%s%s\n", messages, messages == 1 ? "" : "s",
               *a.text ? " " : "", a.text);
    }
    r = a.ok ? EXIT_OK : EXIT_NO;
    queue_view_free(&v);
    response_free(&a);
    return r;
}

static int queue_show(const struct options *o, const char *id)
{
    struct response a;
    int r = ask(o, "queue.sock", ADMIN_MESSAGE, id, &a);
    if (r) {
        return r;
    }
    struct view v = view_new(&a);
    if (!a.ok) {
        fprintf(stderr, "postern: %s\n", a.text);
    } else if (next_message(&a, 0, &v), v.report.message) {
        if (o->json) {
            print_json(message_report_json(&v.report));
        } else {
            CLEANUP(buf_free) struct buf out = BUF_INIT(64 * 1024 * 1024);
            must(message_report_words(&v.report, &out) == 0);
            print_buf(&out);
        }
    }
    r = a.ok ? EXIT_OK : EXIT_NO;
    queue_view_free(&v);
    response_free(&a);
    return r;
}

static int queue_change(const struct options *o, enum admin_verb verb, const char *id)
{
    struct response a;
    int r = ask(o, "queue.sock", verb, id, &a);
    if (r) {
        return r;
    }
    if (o->json) {
        struct json *j = report_object();
        report_put_bool(j, "ok", a.ok);
        report_put_str(j, "text", str_c(a.text));
        print_json(j);
    } else {
        fprintf(a.ok ? stdout : stderr, "%s%s.\n", a.ok ? "" : "postern: ", a.text);
    }
    r = a.ok ? EXIT_OK : EXIT_NO;
    response_free(&a);
    return r;
}

int command_queue(const struct options *o)
{
    static const struct {
        const char *name;
        enum admin_verb verb;
    } verbs[] = {
        {"retry", ADMIN_RETRY},
        {"hold", ADMIN_HOLD},
        {"release", ADMIN_RELEASE},
        {"delete", ADMIN_DELETE},
    };
    if (o->argc == 0 || (o->argc == 1 && strcmp(o->argv[0], "list") == 0)) {
        return queue_list(o);
    }
    if (o->argc == 2 && strcmp(o->argv[0], "show") == 0) {
        return queue_show(o, o->argv[1]);
    }
    for (size_t i = 0; o->argc == 2 && i < ARRAY_LEN(verbs); i++) {
        if (strcmp(o->argv[0], verbs[i].name) == 0) {
            return queue_change(o, verbs[i].verb, o->argv[1]);
        }
    }
    fputs("usage: postern queue list | show ID | retry ID|all | hold ID|all | release "
          "ID|all|held|restored | delete ID\n"
          "release all ends the holds of administrators; what a rule, flag or group holds is "
          "released by its ID, or with held;\nrelease restored releases everything held since a "
          "backup of the store was restored.\n",
          stderr);
    return EXIT_USAGE;
}

int command_message(const struct options *o)
{
    if (o->argc != 1) {
        fputs("usage: postern message ID (the ID is in the log and in the 250 reply)\n", stderr);
        return EXIT_USAGE;
    }
    return queue_show(o, o->argv[0]);
}
